//! OAuth 2: RFC 6749, 7009, 7662, 8414, 7517 and OpenID Connect's userinfo.

pub mod discovery;
pub mod introspect;
pub mod jwks;
pub mod revoke;
pub mod token;
pub mod userinfo;

use super::Doors;
use super::cors::{Readers, let_named_client_read, open_to_browsers};
use super::error::HttpError;
use super::form::Form;
use super::transport::{headers, read_body};
use super::{posted, shown, shown_or_posted};
use actix_web::HttpRequest;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{self, ServiceConfig};

/// The routes of this group.
pub fn routes(config: &mut ServiceConfig) {
    // Who may read these is said once the client is known.
    let of_a_client = |page| open_to_browsers(page, "POST", Readers::Nobody);
    // An answer to a token that is none belongs to nobody.
    let of_a_token = |page| open_to_browsers(page, "GET, HEAD, POST", Readers::OfAnyClient);
    let of_anybody = |page| open_to_browsers(page, "GET, HEAD", Readers::OfAnyClient);
    config
        .service(of_a_client(posted("/oauth2/token", token::token)))
        .service(of_a_client(posted("/oauth2/revoke", revoke::revoke)))
        .service(posted("/oauth2/introspect", introspect::introspect))
        .service(of_a_token(shown_or_posted("/oauth2/userinfo", userinfo::userinfo, userinfo::userinfo_by_post)))
        .service(of_anybody(shown("/.well-known/oauth-authorization-server", discovery::metadata)))
        .service(of_anybody(shown("/.well-known/openid-configuration", discovery::openid_metadata)))
        .service(of_anybody(shown("/.well-known/jwks.json", jwks::jwks)));
}

/// The form in a request's body, bounded in size and time.
async fn read_form(request: &HttpRequest, payload: web::Payload, doors: &Doors) -> Result<Form, HttpError> {
    let body = read_body(request, payload, doors.settings.max_body, doors.settings.body_timeout).await?;
    let headers = headers(request);
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let form = Form::parse(content_type, &body)?;
    let_named_client_read(request, doors.services()?, &form);
    Ok(form)
}

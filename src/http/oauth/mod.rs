//! OAuth 2: RFC 6749, 7009, 7662, 8414, 7517 and OpenID Connect's userinfo.

pub mod discovery;
pub mod introspect;
pub mod jwks;
pub mod revoke;
pub mod token;
pub mod userinfo;

use super::Doors;
use super::error::{HttpError, Why};
use super::form::Form;
use super::transport::read_body;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Route};

/// The routes of this group.
pub fn routes(config: &mut ServiceConfig) {
    let mut post = |path: &str, route: Route| {
        config.service(web::resource(path).route(route).default_service(web::to(method_not_allowed)));
    };
    post("/oauth2/token", web::post().to(token::token));
    post("/oauth2/revoke", web::post().to(revoke::revoke));
    post("/oauth2/introspect", web::post().to(introspect::introspect));
    config
        .service(
            web::resource("/oauth2/userinfo")
                .route(web::get().to(userinfo::userinfo))
                .route(web::post().to(userinfo::userinfo_by_post))
                .default_service(web::to(method_not_allowed)),
        )
        .route("/.well-known/oauth-authorization-server", web::get().to(discovery::metadata))
        .route("/.well-known/openid-configuration", web::get().to(discovery::openid_metadata))
        .route("/.well-known/jwks.json", web::get().to(jwks::jwks));
}

async fn method_not_allowed(request: HttpRequest) -> Result<HttpResponse, HttpError> {
    Err(HttpError::plain(Why::MethodNotAllowed, super::who::request_id(&request)))
}

/// The form in a request's body, bounded in size and time.
async fn read_form(request: &HttpRequest, payload: web::Payload, doors: &Doors) -> Result<Form, HttpError> {
    let body = read_body(request, payload, doors.settings.max_body, doors.settings.body_timeout).await?;
    let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    Form::parse(content_type, &body).map_err(HttpError::oauth)
}

//! Administration: accounts, clients, sessions, keys, API keys and brakes, for whoever has an API key that may.

mod account_body;
pub mod accounts;
mod answer;
pub mod api_keys;
mod authority;
pub mod brakes;
mod client_body;
pub mod clients;
pub mod import;
pub mod keys;
pub(in crate::http) mod made;
mod once;
mod query;
pub mod sessions;
mod to_its_end;

pub use answer::{Answer, Page};
pub use authority::{CommandLine, Operator};
pub use once::Answered;

use super::error::{HttpError, Why};
use super::transport::{headers, read_body};
use super::who::request_id;
use super::{Doors, page, shown};
use crate::config::ConfigError;
use crate::config::bootstrap::Fields;
use crate::domain::ids::Version;
use actix_web::http::header::{CONTENT_TYPE, HeaderName, IF_MATCH};
use actix_web::middleware::from_fn;
use actix_web::web::{self, Bytes, ServiceConfig};
use actix_web::{FromRequest, Handler, HttpRequest, HttpResponse, Resource, Responder};
use to_its_end::to_its_end;

/// The routes of this group.
pub fn routes(config: &mut ServiceConfig) {
    config
        .service(listed("/admin/accounts", accounts::list, accounts::create))
        .service(acted("/admin/accounts/find", accounts::find))
        .service(acted("/admin/accounts/import", import::import))
        .service(changed("/admin/accounts/{id}", accounts::show, accounts::change))
        .service(acted("/admin/accounts/{id}/{action}", accounts::act))
        .service(shown("/admin/sessions", sessions::list))
        .service(shown("/admin/sessions/{sid}", sessions::show))
        .service(acted("/admin/sessions/{sid}/revoke", sessions::revoke))
        .service(listed("/admin/brakes", brakes::show, brakes::pull))
        .service(listed("/admin/api-keys", api_keys::list, api_keys::create))
        .service(changed("/admin/api-keys/{name}", api_keys::show, api_keys::change))
        .service(acted("/admin/api-keys/{name}/{action}", api_keys::act))
        .service(listed("/admin/clients", clients::list, clients::create))
        .service(changed("/admin/clients/{id}", clients::show, clients::change))
        .service(acted("/admin/clients/{id}/{action}", clients::act))
        .service(shown("/admin/keys", keys::list))
        .service(acted("/admin/keys/rotate", keys::rotate))
        .service(acted("/admin/keys/{key}/distrust", keys::distrust));
}

/// A page that is listed, and to which something is added.
fn listed<F, G, A, B>(path: &str, list: F, create: G) -> Resource
where
    F: Handler<A> + Clone,
    G: Handler<B>,
    A: FromRequest + 'static,
    B: FromRequest + 'static,
    F::Output: Responder + 'static,
    G::Output: Responder + 'static,
{
    let page = page(path, "GET, HEAD, POST").route(web::get().to(list.clone())).route(web::head().to(list));
    page.route(web::post().to(create).wrap(from_fn(to_its_end)))
}

/// A page that is shown and changed.
fn changed<F, G, A, B>(path: &str, show: F, change: G) -> Resource
where
    F: Handler<A> + Clone,
    G: Handler<B>,
    A: FromRequest + 'static,
    B: FromRequest + 'static,
    F::Output: Responder + 'static,
    G::Output: Responder + 'static,
{
    let page = page(path, "GET, HEAD, PATCH").route(web::get().to(show.clone())).route(web::head().to(show));
    page.route(web::patch().to(change).wrap(from_fn(to_its_end)))
}

/// A page by which something is done.
fn acted<F, A>(path: &str, act: F) -> Resource
where
    F: Handler<A>,
    A: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    page(path, "POST").route(web::post().to(act).wrap(from_fn(to_its_end)))
}

/// What came out, in the shape of these doors.
fn told(request: &HttpRequest, outcome: Result<Answer, Why>) -> Result<HttpResponse, HttpError> {
    outcome.map(Answer::into_response).map_err(|why| HttpError::plain(why, request_id(request)))
}

/// The body of a request, whatever it is.
async fn body(request: &HttpRequest, payload: web::Payload, doors: &Doors) -> Result<Bytes, Why> {
    read_body(request, payload, doors.settings.max_body, doors.settings.body_timeout).await.map_err(Why::Body)
}

/// The fields of a JSON body; none of an empty one.
fn fields<'a>(request: &HttpRequest, body: &[u8]) -> Result<Fields<'a>, Why> {
    if body.is_empty() {
        return Fields::of_json(b"{}").map_err(Why::from);
    }
    let headers = headers(request);
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(Why::Malformed("send the body as application/json".to_owned()));
    }
    Fields::of_json(body).map_err(Why::from)
}

impl From<ConfigError> for Why {
    fn from(error: ConfigError) -> Self {
        Self::Malformed(error.to_string())
    }
}

/// The version that the author of a change has seen, where a request says so: `If-Match: "7"`.
fn seen(request: &HttpRequest) -> Result<Option<Version>, Why> {
    let Some(text) = header(request, &IF_MATCH)? else { return Ok(None) };
    if text == "*" {
        return Ok(None);
    }
    let version = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).and_then(|text| text.parse().ok());
    version.map(Some).ok_or_else(|| {
        Why::Malformed("If-Match must be the ETag of what is changed, with its quotes, such as \"7\"".to_owned())
    })
}

/// A header that may stand once.
fn header(request: &HttpRequest, name: &HeaderName) -> Result<Option<String>, Why> {
    let headers = headers(request);
    let mut values = headers.get_all(name);
    let (first, second) = (values.next(), values.next());
    match (first.map(|value| value.to_str()), second) {
        (None, _) => Ok(None),
        (Some(Ok(text)), None) => Ok(Some(text.trim().to_owned())),
        _ => Err(Why::Malformed(format!("the header {name} must stand once, in visible ASCII characters"))),
    }
}

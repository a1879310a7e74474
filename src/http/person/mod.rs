//! The person's own view: sessions and password, with an own access token.

pub mod password;
pub mod sessions;

use super::error::{HttpError, Why};
use super::transport::{headers, read_body};
use super::who::{Caller, bearer, request_id};
use super::{Doors, page, posted};
use crate::actors::{Asker, Inspected, Services};
use crate::domain::ids::AccountId;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};

/// The routes of this group.
pub fn routes(config: &mut ServiceConfig) {
    let sessions = page("/account/sessions", "GET, DELETE");
    let session = page("/account/sessions/{sid}", "DELETE");
    config
        .service(sessions.route(web::get().to(sessions::list)).route(web::delete().to(sessions::end_all)))
        .service(session.route(web::delete().to(sessions::end)))
        .service(posted("/account/password", password::set));
}

/// Whoever shows an own access token that is active.
struct Owner {
    account: AccountId,
    inspected: Inspected,
    asker: Asker,
}

/// Who asks for what is his.
fn owner(request: &HttpRequest, doors: &Doors, services: &Services) -> Result<Owner, Why> {
    let headers = headers(request);
    let token = bearer(&headers).ok_or(Why::NoBearer)?;
    let inspected = services.tokens.inspect(token).map_err(Why::Refused)?.ok_or(Why::InvalidBearer)?;
    // A client's own token stands for nobody.
    let account = inspected.account.ok_or(Why::InvalidBearer)?;
    let client = services.clients.find(inspected.claims.client_id.as_str()).map_err(Why::Refused)?;
    let (_, client) = client.ok_or(Why::InvalidBearer)?;
    let asker = Caller::of(request, doors).through(&client.value, false);
    Ok(Owner { account, inspected, asker })
}

/// What came out, in our own shape.
fn told(request: &HttpRequest, outcome: Result<HttpResponse, Why>) -> Result<HttpResponse, HttpError> {
    outcome.map_err(|why| HttpError::plain(why, request_id(request)))
}

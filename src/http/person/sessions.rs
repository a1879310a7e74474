//! `/account/sessions`.

use super::{Owner, owner, told};
use crate::actors::{Listed, NotDone};
use crate::domain::gate::GateCommand;
use crate::domain::ids::SessionId;
use crate::domain::session::RevokeReason;
use crate::http::Doors;
use crate::http::error::{HttpError, Why, no_store};
use crate::http::openapi::PlainError;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

/// Sessions shown at most.
const SHOWN: usize = 200;
/// Pages of sessions looked at for that: most of an account's are open.
const PAGES: usize = 8;

/// One of a person's own sessions.
#[derive(Serialize, ToSchema)]
pub struct OwnSession {
    /// Its id: the `sid` of its access tokens.
    id: String,
    /// The app.
    client: String,
    /// Whether it is the one that asks.
    current: bool,
    /// When it was begun by a login (RFC 3339).
    started_at: String,
    /// When it was last used.
    last_used_at: String,
    /// From which address, where one was told.
    address: Option<String>,
    /// With which user agent.
    user_agent: Option<String>,
    /// With which device, as the app names it.
    device: Option<String>,
}

/// A person's own sessions.
#[derive(Serialize, ToSchema)]
pub struct OwnSessions {
    /// Those that are open, at most 200.
    items: Vec<OwnSession>,
}

/// List one's own sessions.
///
/// With an own access token, as `Authorization: Bearer`. Every open session of the account, at whatever client.
#[utoipa::path(get, path = "/account/sessions", tag = "person", operation_id = "list_own_sessions",
    responses(
        (status = 200, description = "The sessions.", body = OwnSessions),
        (status = 401, description = "The access token is missing, or it is not ours, expired, revoked, or a client's own.", body = PlainError),
        (status = 503, description = "The answer is not known: try again after `Retry-After`.", body = PlainError),
    ),
    security(("access_token" = []))
)]
pub async fn list(request: HttpRequest, doors: web::Data<Doors>) -> Result<HttpResponse, HttpError> {
    told(&request, listed(&request, &doors))
}

fn listed(request: &HttpRequest, doors: &Doors) -> Result<HttpResponse, Why> {
    let services = doors.services()?;
    let owner = owner(request, doors, services)?;
    let (mut items, mut after) = (Vec::new(), None);
    for _ in 0..PAGES {
        let (page, next) = services.sessions.open(Some(owner.account), None, after, SHOWN).map_err(Why::Refused)?;
        items.extend(page.iter().take(SHOWN - items.len()).map(|listed| own(&owner, listed)));
        after = next;
        if after.is_none() || items.len() == SHOWN {
            break;
        }
    }
    Ok(no_store(&mut HttpResponse::Ok()).json(OwnSessions { items }))
}

fn own(owner: &Owner, listed: &Listed) -> OwnSession {
    let person = listed.used.as_ref().map(|used| used.person.clone()).unwrap_or_default();
    OwnSession {
        id: listed.id.to_string(),
        client: listed.session.client.to_string(),
        current: owner.inspected.claims.sid == Some(listed.id),
        started_at: listed.session.started_at.to_string(),
        last_used_at: listed.session.last_used_at().to_string(),
        address: person.address.map(|address| address.to_string()),
        user_agent: person.user_agent,
        device: person.device_name.or(person.device),
    }
}

/// End one of one's own sessions.
#[utoipa::path(delete, path = "/account/sessions/{sid}", tag = "person", operation_id = "end_own_session",
    params(("sid" = String, Path, description = "The session's id.")),
    responses(
        (status = 204, description = "It is over, and every token of it."),
        (status = 401, description = "The access token is missing, or not active.", body = PlainError),
        (status = 404, description = "There is no such session of this account.", body = PlainError),
        (status = 503, description = "Not known to be done: ask again.", body = PlainError),
    ),
    security(("access_token" = []))
)]
pub async fn end(
    request: HttpRequest,
    sid: web::Path<String>,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    told(&request, ended(&request, &sid, &doors).await)
}

async fn ended(request: &HttpRequest, sid: &str, doors: &Doors) -> Result<HttpResponse, Why> {
    let services = doors.services()?;
    let owner = owner(request, doors, services)?;
    let missing = || Why::NotDone(NotDone::Missing);
    let sid: SessionId = sid.parse().map_err(|_| missing())?;
    let listed = services.sessions.find(sid).map_err(Why::Refused)?;
    listed.filter(|listed| listed.session.account == owner.account).ok_or_else(missing)?;
    services.sessions.end(sid, RevokeReason::Person, None, owner.asker).await.map_err(Why::Refused)?;
    Ok(no_store(&mut HttpResponse::NoContent()).finish())
}

/// End all of one's own sessions.
///
/// The one that asks, too.
#[utoipa::path(delete, path = "/account/sessions", tag = "person", operation_id = "end_own_sessions",
    responses(
        (status = 204, description = "All are over, and every token of them."),
        (status = 401, description = "The access token is missing, or not active.", body = PlainError),
        (status = 503, description = "Not known to be done: ask again.", body = PlainError),
    ),
    security(("access_token" = []))
)]
pub async fn end_all(request: HttpRequest, doors: web::Data<Doors>) -> Result<HttpResponse, HttpError> {
    told(&request, ended_all(&request, &doors).await)
}

async fn ended_all(request: &HttpRequest, doors: &Doors) -> Result<HttpResponse, Why> {
    let services = doors.services()?;
    let owner = owner(request, doors, services)?;
    let revoke = GateCommand::RevokeSessions;
    services.administration.change_account(owner.account, revoke, None, &owner.asker).await?;
    Ok(no_store(&mut HttpResponse::NoContent()).finish())
}

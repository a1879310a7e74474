//! `/admin/sessions`.

use super::authority::Operator;
use super::query::Query;
use super::{Answer, Page, body, fields, told};
use crate::actors::{Listed, NotDone, Services};
use crate::domain::ids::{AccountId, ClientId, SessionId};
use crate::domain::permission::Permission;
use crate::domain::session::{RevokeReason, Status};
use crate::http::Doors;
use crate::http::error::{HttpError, Why};
use crate::http::openapi::PlainError;
use actix_web::{HttpRequest, HttpResponse, web};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use utoipa::ToSchema;

/// A session: one login of one account at one client.
#[derive(Serialize, ToSchema)]
pub struct SessionBody {
    /// Its id: the `sid` of its access tokens.
    id: String,
    /// Whose it is: the `sub` of its access tokens.
    account: String,
    /// Where it is.
    client: String,
    /// `open`, `over` (its time has come, or something ended many: its own record follows), `revoked` or `expired`.
    #[schema(example = "open")]
    state: &'static str,
    /// Why it ended, where it was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason: Option<&'static str>,
    /// When it was begun by a login (RFC 3339).
    started_at: String,
    /// When it was last used to log in or refresh.
    last_used_at: String,
    /// When it ends unless it is refreshed.
    ends_at: String,
    /// The scopes granted at login.
    scope: Vec<String>,
    /// How often its refresh token was replaced.
    generation: u32,
    /// The person's address at the last use, where one was told.
    address: Option<String>,
    /// The person's user agent then.
    user_agent: Option<String>,
    /// The person's device then, as the app names it.
    device: Option<String>,
}

impl From<&Listed> for SessionBody {
    fn from(listed: &Listed) -> Self {
        let session = &listed.session;
        let person = listed.used.as_ref().map(|used| used.person.clone()).unwrap_or_default();
        let (state, reason) = match session.status {
            Status::Open if listed.open => ("open", None),
            Status::Open => ("over", None),
            Status::Revoked { reason, .. } => ("revoked", Some(reason.code())),
            Status::Expired { .. } => ("expired", None),
        };
        Self {
            id: listed.id.to_string(),
            account: session.account.to_string(),
            client: session.client.to_string(),
            state,
            reason,
            started_at: session.started_at.to_string(),
            last_used_at: session.last_used_at().to_string(),
            ends_at: session.ends_at().to_string(),
            scope: session.scope.iter().cloned().collect(),
            generation: session.generation,
            address: person.address.map(|address| address.to_string()),
            user_agent: person.user_agent,
            device: person.device_name.or(person.device),
        }
    }
}

/// List open sessions.
///
/// By account and client, or by client. An API key that covers some clients only names one of them. A page may hold fewer items than `limit` and still have a `next`.
#[utoipa::path(get, path = "/admin/sessions", tag = "admin", operation_id = "list_sessions",
    params(
        ("limit" = Option<u32>, Query, description = "Items at most, 1 to 200; 50 where it is left out.", minimum = 1, maximum = 200),
        ("after" = Option<String>, Query, description = "`next` of the page before."),
        ("account" = Option<String>, Query, description = "Sessions of this account."),
        ("client" = Option<String>, Query, description = "Sessions at this client."),
    ),
    responses(
        (status = 200, description = "A page: `{\"items\":[…],\"next\":…}`.", body = serde_json::Value),
        (status = 400, description = "A parameter is malformed.", body = PlainError),
        (status = 401, description = "No API key, or one that is not in force.", body = PlainError),
        (status = 403, description = "The API key lacks the permission `tokens`, or covers other clients.", body = PlainError),
    ),
    security(("api_key" = []))
)]
pub async fn list(request: HttpRequest, doors: web::Data<Doors>) -> Result<HttpResponse, HttpError> {
    told(&request, listed(&request, &doors).await)
}

async fn listed(request: &HttpRequest, doors: &Doors) -> Result<Answer, Why> {
    let services = doors.services()?;
    let operator = Operator::who_may(Permission::Tokens, request, doors, services).await?;
    let mut query = Query::of(request)?;
    let (limit, after) = (query.limit()?, query.take("after"));
    let (account, client) = (query.parsed::<AccountId>("account")?, query.parsed::<ClientId>("client")?);
    query.finish()?;
    if client.as_ref().is_some_and(|client| !operator.covers(client)) {
        return Err(operator.elsewhere(services).await);
    }
    // Where the next page starts names what stands there, and that may be of a client that is none of theirs.
    if client.is_none() && operator.is_limited() {
        return Err(Why::Malformed("this API key covers some clients only: name one of them with client=".to_owned()));
    }
    let after = after.map(|text| URL_SAFE_NO_PAD.decode(text)).transpose();
    let after = after.map_err(|_| Why::Malformed("after must be the `next` of the page before".to_owned()))?;
    let (page, next) = services.sessions.open(account, client.as_ref(), after, limit).map_err(Why::Refused)?;
    let items = page.iter().map(SessionBody::from).collect();
    Ok(Answer::of(&Page { items, next: next.map(|next| URL_SAFE_NO_PAD.encode(next)) }))
}

/// Show a session.
///
/// Also one that has ended, for as long as the store knows it; what was archived is read with `countersign audit`.
#[utoipa::path(get, path = "/admin/sessions/{sid}", tag = "admin", operation_id = "show_session",
    params(("sid" = String, Path, description = "The session's id.")),
    responses(
        (status = 200, description = "The session.", body = SessionBody),
        (status = 401, description = "No API key, or one that is not in force.", body = PlainError),
        (status = 403, description = "The API key lacks the permission `tokens`.", body = PlainError),
        (status = 404, description = "There is no such session, or none that the API key covers.", body = PlainError),
    ),
    security(("api_key" = []))
)]
pub async fn show(
    request: HttpRequest,
    sid: web::Path<String>,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    let outcome = async {
        let services = doors.services()?;
        let operator = Operator::who_may(Permission::Tokens, &request, &doors, services).await?;
        Ok(Answer::of(&SessionBody::from(&covered(&operator, services, &sid)?)))
    };
    told(&request, outcome.await)
}

fn covered(operator: &Operator, services: &Services, sid: &str) -> Result<Listed, Why> {
    let sid: SessionId = sid.parse().map_err(|_| Why::NotDone(NotDone::Missing))?;
    let listed = services.sessions.find(sid).map_err(Why::Refused)?;
    let listed = listed.filter(|listed| operator.covers(&listed.session.client));
    listed.ok_or(Why::NotDone(NotDone::Missing))
}

/// End a session.
///
/// Every token of it is dead when this is answered. Ended before, it stays as it ended.
#[utoipa::path(post, path = "/admin/sessions/{sid}/revoke", tag = "admin", operation_id = "revoke_session",
    params(
        ("sid" = String, Path, description = "The session's id."),
        ("Idempotency-Key" = Option<String>, Header, description = "The same answer again to the same request, for 24 hours."),
    ),
    responses(
        (status = 200, description = "The session as it is then.", body = SessionBody),
        (status = 400, description = "Something is malformed.", body = PlainError),
        (status = 401, description = "No API key, or one that is not in force.", body = PlainError),
        (status = 403, description = "The API key lacks the permission `tokens`.", body = PlainError),
        (status = 404, description = "There is no such session, or none that the API key covers.", body = PlainError),
        (status = 422, description = "The Idempotency-Key was used for another request.", body = PlainError),
    ),
    security(("api_key" = []))
)]
pub async fn revoke(
    request: HttpRequest,
    sid: web::Path<String>,
    payload: web::Payload,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    told(&request, revoked(&request, &sid, payload, &doors).await)
}

async fn revoked(request: &HttpRequest, sid: &str, payload: web::Payload, doors: &Doors) -> Result<Answer, Why> {
    let services = doors.services()?;
    let operator = Operator::who_may(Permission::Tokens, request, doors, services).await?;
    let body = body(request, payload, doors).await?;
    let work = async {
        fields(request, &body)?.finish()?;
        let listed = covered(&operator, services, sid)?;
        let asker = operator.asker.clone();
        services.sessions.end(listed.id, RevokeReason::Admin, None, asker).await.map_err(Why::Refused)?;
        Ok(Answer::of(&SessionBody::from(&covered(&operator, services, sid)?)))
    };
    doors.answered.once((request, &body), &operator, services.core.clock.read().wall, work).await
}

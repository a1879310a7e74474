//! `GET` and `DELETE /api/jwt/refresh`: refresh tokens are seen and revoked. Each is a session that has one, and its id is the session's;
//! the token itself is shown to nobody. Those of clients of other profiles are not FusionAuth's to show.

use super::body::{self, Fields, Query};
use super::{Outcome, answer, done, told, who};
use crate::actors::{AuthenticatedClient, Bearer, Listed, NotDone, Services};
use crate::domain::client::ClientCommand;
use crate::domain::gate::GateCommand;
use crate::domain::ids::{AccountId, SessionId};
use crate::domain::permission::Permission;
use crate::domain::session::RevokeReason;
use crate::http::Doors;
use crate::http::admin::Operator;
use crate::http::error::{Faults, HttpError, Why};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

/// Sessions read at once.
const PAGE: usize = 200;
/// Refresh tokens shown at most.
const SHOWN: usize = 1000;

/// List a user's refresh tokens (FusionAuth).
///
/// Those of sessions that are open, at applications that the API key covers, at most 1,000. The tokens themselves are shown to nobody.
#[utoipa::path(get, path = "/api/jwt/refresh", tag = "fusionauth", operation_id = "fusionauth_list_refresh_tokens",
    params(("userId" = String, Query, description = "Whose.")),
    responses(
        (status = 200, description = "`refreshTokens`; left out where there are none.", body = serde_json::Value),
        (status = 400, description = "`userId` is missing or malformed.", body = serde_json::Value),
        (status = 401, description = "No API key, or one without the permission `tokens`."),
        (status = 503, description = "Not known: try again after `Retry-After`.", body = serde_json::Value),
    ),
    security(("fusionauth_key" = []))
)]
pub async fn list(request: HttpRequest, doors: web::Data<Doors>) -> Result<HttpResponse, HttpError> {
    told(listed(&request, &doors).await)
}

async fn listed(request: &HttpRequest, doors: &Doors) -> Outcome {
    let services = doors.services()?;
    let operator = who::key(Permission::Tokens, request, doors, services).await?;
    let query = Query::of(request)?;
    let Some(account) = query.parsed::<AccountId>("userId", "a UUID")? else {
        return Err(Faults::of("userId", "missing", "this is missing").into());
    };
    let (mut tokens, mut after) = (Vec::new(), None);
    while tokens.len() < SHOWN {
        let (page, next) = services.sessions.open(Some(account), None, after, PAGE).map_err(Why::Refused)?;
        for listed in &page {
            if operator.covers(&listed.session.client) && is_shown(listed, services)? {
                tokens.push(refresh_token(listed));
            }
        }
        after = next;
        if after.is_none() {
            break;
        }
    }
    tokens.truncate(SHOWN);
    Ok(answer(&if tokens.is_empty() { json!({}) } else { json!({ "refreshTokens": tokens }) }))
}

/// Show a refresh token (FusionAuth).
///
/// By its id, which is the session's. An app can ask whether a person is still logged in.
#[utoipa::path(get, path = "/api/jwt/refresh/{tokenId}", tag = "fusionauth", operation_id = "fusionauth_show_refresh_token",
    params(("tokenId" = String, Path, description = "The id: the `sid` of the access token.")),
    responses(
        (status = 200, description = "`refreshToken`, without the token itself.", body = serde_json::Value),
        (status = 400, description = "Another tenant is named.", body = serde_json::Value),
        (status = 401, description = "No API key, or one without the permission `tokens`."),
        (status = 404, description = "There is none, or none that the API key covers, or it was revoked or has expired."),
        (status = 503, description = "Not known: try again after `Retry-After`.", body = serde_json::Value),
    ),
    security(("fusionauth_key" = []))
)]
pub async fn show(
    request: HttpRequest,
    id: web::Path<String>,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    let outcome = async {
        let services = doors.services()?;
        let operator = who::key(Permission::Tokens, &request, &doors, services).await?;
        let found = found(&id, services)?.filter(|found| operator.covers(&found.session.client));
        Ok(answer(&json!({ "refreshToken": refresh_token(&found.ok_or(Why::NotFound)?) })))
    };
    told(outcome.await)
}

/// Whether it is shown here: an open session with a refresh token, at an application.
fn is_shown(listed: &Listed, services: &Services) -> Result<bool, Why> {
    let client = listed.session.client.as_str();
    Ok(listed.open && listed.session.refreshable && who::application(client, services)?.is_some())
}

/// The refresh token of an id; none of a session that is over.
fn found(id: &str, services: &Services) -> Result<Option<Listed>, Why> {
    let Ok(id) = id.parse::<SessionId>() else { return Ok(None) };
    let Some(listed) = services.sessions.find(id).map_err(Why::Refused)? else { return Ok(None) };
    Ok(is_shown(&listed, services)?.then_some(listed))
}

fn refresh_token(listed: &Listed) -> Value {
    let session = &listed.session;
    let person = listed.used.as_ref().map(|used| used.person.clone()).unwrap_or_default();
    let mut device = json!({ "type": "UNKNOWN", "lastAccessedInstant": session.last_used_at().0 });
    if let Some(name) = person.device_name.or(person.device) {
        device["name"] = Value::String(name);
    }
    if let Some(address) = person.address {
        device["lastAccessedAddress"] = Value::String(address.to_string());
    }
    let mut data = json!({ "device": device });
    if !session.scope.is_empty() {
        data["scopes"] = json!(session.scope);
    }
    json!({
        "id": listed.id.to_string(),
        "applicationId": session.client.as_str(),
        "userId": session.account.to_string(),
        "insertInstant": session.started_at.0,
        "startInstant": session.last_used_at().0,
        "metaData": data,
    })
}

/// Revoke refresh tokens (FusionAuth).
///
/// With `token`: that one; the person may do it with an own access token, too. With `userId`: every session of the user, at whatever client.
/// With `applicationId`: every session of the application. With both: the user's sessions there. In the query, or else as JSON in the body.
#[utoipa::path(delete, path = "/api/jwt/refresh", tag = "fusionauth", operation_id = "fusionauth_revoke_refresh_tokens",
    params(
        ("token" = Option<String>, Query, description = "The refresh token itself."),
        ("userId" = Option<String>, Query, description = "Those of this user."),
        ("applicationId" = Option<String>, Query, description = "Those of this application."),
    ),
    request_body(content = serde_json::Value, example = json!({"userId": "…", "applicationId": "…"})),
    responses(
        (status = 200, description = "Revoked: every token of these sessions is dead."),
        (status = 400, description = "It is not said which, or in two ways, or a parameter is wrong: nothing was revoked.", body = serde_json::Value),
        (status = 401, description = "No API key with the permission `tokens` that covers what is named; or the access token is not its owner's."),
        (status = 404, description = "The token is none, or it was revoked or has expired."),
        (status = 503, description = "Not known to be done: ask again.", body = serde_json::Value),
    ),
    security(("fusionauth_key" = []), ("access_token" = []))
)]
pub async fn revoke(
    request: HttpRequest,
    payload: web::Payload,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    told(revoked(&request, payload, &doors).await)
}

/// Revoke a refresh token (FusionAuth).
#[utoipa::path(delete, path = "/api/jwt/refresh/{tokenId}", tag = "fusionauth", operation_id = "fusionauth_revoke_refresh_token",
    params(("tokenId" = String, Path, description = "The id: the `sid` of the access token.")),
    responses(
        (status = 200, description = "Revoked: every token of this session is dead."),
        (status = 400, description = "Another tenant is named.", body = serde_json::Value),
        (status = 401, description = "No API key with the permission `tokens`; or the access token is not its owner's."),
        (status = 404, description = "There is none, or none that the API key covers, or it was revoked or has expired."),
        (status = 503, description = "Not known to be done: ask again.", body = serde_json::Value),
    ),
    security(("fusionauth_key" = []), ("access_token" = []))
)]
pub async fn revoke_one(
    request: HttpRequest,
    id: web::Path<String>,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    let outcome = async {
        let services = doors.services()?;
        let by = By::of(&request, &doors, services).await?;
        let found = found(&id, services)?;
        by.end(found, services).await
    };
    told(outcome.await)
}

/// Who revokes.
enum By {
    Key(Box<Operator>),
    Owner(Box<who::Holder>),
}

impl By {
    async fn of(request: &HttpRequest, doors: &Doors, services: &Services) -> Result<Self, Why> {
        if who::shows_key(request) {
            Ok(Self::Key(Box::new(who::key(Permission::Tokens, request, doors, services).await?)))
        } else {
            Ok(Self::Owner(Box::new(who::Holder::of(request, doors, services)?)))
        }
    }

    /// Ends a session by its id.
    async fn end(&self, found: Option<Listed>, services: &Services) -> Outcome {
        let found = found.ok_or(Why::NotFound)?;
        let (reason, asker) = match self {
            Self::Key(operator) if operator.covers(&found.session.client) => (RevokeReason::Admin, &operator.asker),
            Self::Key(_) => return Err(Why::NotFound),
            Self::Owner(holder) if found.session.account == holder.account => (RevokeReason::Person, &holder.asker),
            Self::Owner(_) => return Err(Why::InvalidBearer),
        };
        services.sessions.end(found.id, reason, None, asker.clone()).await.map_err(Why::Refused)?;
        Ok(done())
    }
}

/// What is to be revoked.
enum Which {
    Token(String),
    User(AccountId),
    Application(AuthenticatedClient),
    Both(AccountId, AuthenticatedClient),
}

/// Reads it: what the query leaves out stands in the body.
fn which(query: &Query, mut body: Value, services: &Services) -> Result<Which, Why> {
    for name in ["token", "userId", "applicationId"] {
        if let Some(value) = query.get(name) {
            body[name] = Value::String(value.to_owned());
        }
    }
    let mut faults = Faults::default();
    let mut fields = Fields::of(&body, &mut faults);
    let token = fields.text("token").map(str::to_owned);
    let user = fields.parsed::<AccountId>("userId", "a UUID");
    let application = who::named_application(&mut fields, "applicationId", services)?;
    faults.none()?;
    match (token, user, application) {
        (Some(token), None, None) => Ok(Which::Token(token)),
        (None, Some(user), None) => Ok(Which::User(user)),
        (None, None, Some(application)) => Ok(Which::Application(application)),
        (None, Some(user), Some(application)) => Ok(Which::Both(user, application)),
        (Some(_), _, _) => Err(Faults::general("invalid", "name the token alone, or whose and where, not both").into()),
        (None, None, None) => Err(Faults::general("missing", "name token, userId or applicationId").into()),
    }
}

async fn revoked(request: &HttpRequest, payload: web::Payload, doors: &Doors) -> Outcome {
    let services = doors.services()?;
    let by = By::of(request, doors, services).await?;
    let (query, body) = (Query::of(request)?, body::object(request, payload, doors).await?);
    let which = which(&query, body, services)?;
    match (by, which) {
        (By::Key(operator), Which::Token(token)) => by_token(&token, &operator, services).await,
        (owner @ By::Owner(_), Which::Token(token)) => {
            let named = services.sessions.named_by(&token).map_err(Why::Refused)?;
            let found = named.map(|(id, _)| found(&id.to_string(), services)).transpose()?.flatten();
            owner.end(found, services).await
        }
        (By::Owner(_), _) => Err(Why::InvalidBearer),
        (By::Key(operator), which) => many(which, &operator, services).await,
    }
}

/// Ends the session of a token that was shown, and notes what its showing tells.
async fn by_token(token: &str, operator: &Operator, services: &Services) -> Outcome {
    let named = services.sessions.named_by(token).map_err(Why::Refused)?;
    let listed = named.map(|(id, _)| services.sessions.find(id)).transpose().map_err(Why::Refused)?.flatten();
    let was_open = listed.is_some_and(|listed| listed.open);
    let covered = operator.key.as_ref().and_then(|key| key.clients.clone());
    let (bearer, asker) = (Bearer::KeyAlone(covered), operator.asker.clone());
    services.sessions.end_by(token, bearer, RevokeReason::Revoked, asker).await.map_err(Why::Refused)?;
    if was_open { Ok(done()) } else { Err(Why::NotFound) }
}

async fn many(which: Which, operator: &Operator, services: &Services) -> Outcome {
    let (administration, asker) = (&services.administration, &operator.asker);
    let covered = match &which {
        Which::Token(_) => false,
        Which::User(user) => who::covers_person(operator, *user, services)?,
        Which::Application(application) | Which::Both(_, application) => operator.covers(&application.id),
    };
    if !covered {
        return Err(operator.elsewhere(services).await);
    }
    match which {
        Which::Token(_) => return Err(Why::NotFound),
        Which::User(user) => {
            match administration.change_account(user, GateCommand::RevokeSessions, None, asker).await {
                // Whom nobody knows has none.
                Ok(_) | Err(NotDone::Missing | NotDone::Over) => {}
                Err(why) => return Err(why.into()),
            }
        }
        Which::Application(application) => {
            administration.change_client(&application.id, ClientCommand::RevokeSessions, None, asker).await?;
        }
        Which::Both(user, application) => {
            let mut after = None;
            loop {
                let at = Some(&application.id);
                let (page, next) = services.sessions.open(Some(user), at, after, PAGE).map_err(Why::Refused)?;
                for listed in page {
                    let (id, asker) = (listed.id, asker.clone());
                    services.sessions.end(id, RevokeReason::Admin, None, asker).await.map_err(Why::Refused)?;
                }
                after = next;
                if after.is_none() {
                    break;
                }
            }
        }
    }
    Ok(done())
}

//! `/admin/api-keys`.

use super::authority::Operator;
use super::query::Query;
use super::{Answer, Page, body, fields, made, seen, told};
use crate::actors::{NewApiKey, NotDone, Refused, Services, Unavailable};
use crate::config::bootstrap::{api_key_of, changed_api_key};
use crate::domain::ids::{ClientId, Version};
use crate::domain::permission::Permission;
use crate::domain::system::{ApiKey, ApiKeyCommand, ApiKeyStanding};
use crate::http::Doors;
use crate::http::error::{HttpError, Why};
use crate::http::openapi::PlainError;
use actix_web::{HttpRequest, HttpResponse, web};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use std::collections::BTreeSet;
use std::ops::Bound;
use utoipa::ToSchema;
use zeroize::Zeroizing;

/// What a key that is made here begins with, so that one that is found somewhere says what it is.
const PREFIX: &str = "csk_";
/// What of a name is written in other characters in a path (RFC 3986 section 2.3).
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// How often a change is read and decided anew, where somebody else's came in between.
const TRIES: usize = 3;

/// An API key. Neither it nor its digest is ever shown.
#[derive(Serialize, ToSchema)]
pub struct ApiKeyBody {
    /// Its name. It never changes.
    #[schema(example = "operations")]
    name: String,
    /// What it may do.
    #[schema(example = json!(["users", "tokens"]))]
    permissions: Vec<String>,
    /// The clients that it covers; `null`: all.
    clients: Option<Vec<String>>,
    /// `enabled`, `disabled` or `revoked`.
    #[schema(example = "enabled")]
    standing: &'static str,
    /// When it was created (RFC 3339).
    created_at: String,
    /// Its version: its ETag.
    #[schema(value_type = u64)]
    version: Version,
    /// The key, where this request made it: shown once, and kept by nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    key: Option<String>,
}

impl ApiKeyBody {
    fn of(name: &str, key: &ApiKey) -> Self {
        let names = |clients: &BTreeSet<ClientId>| clients.iter().map(ToString::to_string).collect();
        Self {
            name: name.to_owned(),
            permissions: key.permissions.iter().cloned().collect(),
            clients: key.clients.as_ref().map(names),
            standing: match key.standing {
                ApiKeyStanding::Enabled => "enabled",
                ApiKeyStanding::Disabled => "disabled",
                ApiKeyStanding::Revoked => "revoked",
            },
            created_at: key.created_at.to_string(),
            version: key.changed_by,
            key: None,
        }
    }
}

/// What is sent to make an API key.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body for /openapi.json; it is read strictly, by name")]
pub struct NewApiKeyBody {
    /// Its name in lists and events: 1 to 64 bytes without control characters.
    #[schema(example = "operations")]
    name: String,
    /// What it may do: `admin`, `audit`, `audit.personal`, `erase`, `login`, `users`, `applications`, `tokens`, `metrics`.
    #[schema(example = json!(["users", "tokens"]))]
    permissions: Vec<String>,
    /// The clients that it covers; left out, or `null`: all.
    clients: Option<Vec<String>>,
    /// The key: 32 to 1024 visible ASCII characters. Left out, one is made, and the answer shows it once.
    #[schema(nullable = false)]
    key: Option<String>,
}

/// What is sent to change an API key: what is left out stays as it is.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body for /openapi.json; it is read strictly, by name")]
pub struct ApiKeyChangesBody {
    /// All permissions from now on.
    #[schema(nullable = false)]
    permissions: Option<Vec<String>>,
    /// All clients that it covers from now on; `null`: all there are.
    clients: Option<Vec<String>>,
}

/// Whoever may see and change API keys: a key with `admin` that covers all clients, or the command line.
async fn operator(request: &HttpRequest, doors: &Doors, services: &Services) -> Result<Operator, Why> {
    let operator = Operator::who_may(Permission::Admin, request, doors, services).await?;
    operator.is_everywhere(services).await?;
    Ok(operator)
}

/// List API keys.
///
/// In the order of their names; those that were revoked too.
#[utoipa::path(get, path = "/admin/api-keys", tag = "admin", operation_id = "list_api_keys",
    params(
        ("limit" = Option<u32>, Query, description = "Items at most, 1 to 200; 50 where it is left out.", minimum = 1, maximum = 200),
        ("after" = Option<String>, Query, description = "`next` of the page before."),
    ),
    responses(
        (status = 200, description = "A page: `{\"items\":[…],\"next\":…}`, each item an API key.", body = serde_json::Value),
        (status = 400, description = "A parameter is malformed.", body = PlainError),
        (status = 401, description = "No API key, or one that is not in force.", body = PlainError),
        (status = 403, description = "The API key lacks the permission `admin`, or is limited to some clients.", body = PlainError),
    ),
    security(("api_key" = []))
)]
pub async fn list(request: HttpRequest, doors: web::Data<Doors>) -> Result<HttpResponse, HttpError> {
    told(&request, listed(&request, &doors).await)
}

async fn listed(request: &HttpRequest, doors: &Doors) -> Result<Answer, Why> {
    let services = doors.services()?;
    operator(request, doors, services).await?;
    let mut query = Query::of(request)?;
    let (limit, after) = (query.limit()?, query.take("after"));
    query.finish()?;
    let keys = services.administration.api_keys().map_err(Why::Refused)?;
    let after = after.map_or(Bound::Unbounded, Bound::Excluded);
    let mut following = keys.range::<String, _>((after, Bound::Unbounded));
    let items: Vec<_> = following.by_ref().take(limit).map(|(name, key)| ApiKeyBody::of(name, key)).collect();
    let next = following.next().and_then(|_| items.last().map(|last| last.name.clone()));
    Ok(Answer::of(&Page { items, next }))
}

/// Make an API key.
///
/// No key gives what it has not itself: `audit` and `audit.personal` come from a key that has them, from the bootstrap file or from
/// the command line.
#[utoipa::path(post, path = "/admin/api-keys", tag = "admin", operation_id = "create_api_key",
    params(("Idempotency-Key" = Option<String>, Header, description = "The same answer again to the same request, for 24 hours.")),
    request_body(content = NewApiKeyBody),
    responses(
        (status = 201, description = "The API key, with its ETag; and the key itself, where it was made.", body = ApiKeyBody),
        (status = 400, description = "Something is malformed.", body = PlainError),
        (status = 401, description = "No API key, or one that is not in force.", body = PlainError),
        (status = 403, description = "The API key lacks the permission `admin` or one that it gives, or is limited to some clients.", body = PlainError),
        (status = 409, description = "The name is taken, or the key exists (`taken`), or a request with this Idempotency-Key is under way.", body = PlainError),
        (status = 422, description = "The Idempotency-Key was used for another request.", body = PlainError),
    ),
    security(("api_key" = []))
)]
pub async fn create(
    request: HttpRequest,
    payload: web::Payload,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    told(&request, created(&request, payload, &doors).await)
}

async fn created(request: &HttpRequest, payload: web::Payload, doors: &Doors) -> Result<Answer, Why> {
    let services = doors.services()?;
    let operator = operator(request, doors, services).await?;
    let body = body(request, payload, doors).await?;
    let work = async {
        let mut fields = fields(request, &body)?;
        let given = fields.has("key");
        // Left out and `null` mean the same here: there is nothing before.
        fields.is_null("clients");
        let spec = api_key_of(fields, &|| made::secret(doors, PREFIX))?;
        if !has_all(&operator, &spec.permissions) {
            return Err(operator.forbid(services).await);
        }
        let new = NewApiKey {
            name: spec.name,
            key: Zeroizing::new(spec.key.expose().to_owned()),
            permissions: spec.permissions,
            clients: spec.clients.map(BTreeSet::from_iter),
        };
        services.administration.create_api_key(&new, &operator.asker).await?;
        let key = found(services, &new.name)?;
        let answer = ApiKeyBody { key: made::shown(Some(&spec.key), given), ..ApiKeyBody::of(&new.name, &key) };
        let location = format!("/admin/api-keys/{}", utf8_percent_encode(&new.name, IN_PATH));
        Ok(Answer::created(location, &answer).at(key.changed_by))
    };
    doors.answered.once((request, &body), &operator, services.core.clock.read().wall, work).await
}

/// Whether whoever asks has all of these permissions.
fn has_all(operator: &Operator, permissions: &BTreeSet<String>) -> bool {
    let meant = |permission: &Permission| permissions.contains(permission.as_str());
    Permission::ALL.into_iter().filter(meant).all(|permission| operator.may(permission))
}

/// The API key of a name.
fn found(services: &Services, name: &str) -> Result<ApiKey, Why> {
    let mut keys = services.administration.api_keys().map_err(Why::Refused)?;
    keys.remove(name).ok_or(Why::NotDone(NotDone::Missing))
}

fn shown(services: &Services, name: &str) -> Result<Answer, Why> {
    let key = found(services, name)?;
    Ok(Answer::of(&ApiKeyBody::of(name, &key)).at(key.changed_by))
}

/// Show an API key.
#[utoipa::path(get, path = "/admin/api-keys/{name}", tag = "admin", operation_id = "show_api_key",
    params(("name" = String, Path, description = "Its name, percent-encoded.")),
    responses(
        (status = 200, description = "The API key, with its ETag.", body = ApiKeyBody),
        (status = 401, description = "No API key, or one that is not in force.", body = PlainError),
        (status = 403, description = "The API key lacks the permission `admin`, or is limited to some clients.", body = PlainError),
        (status = 404, description = "There is no such API key.", body = PlainError),
    ),
    security(("api_key" = []))
)]
pub async fn show(
    request: HttpRequest,
    name: web::Path<String>,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    let outcome = async {
        let services = doors.services()?;
        operator(&request, &doors, services).await?;
        shown(services, &name)
    };
    told(&request, outcome.await)
}

/// Change an API key.
///
/// What it may do from the next request on. No key gives what it has not itself; it may take it away.
#[utoipa::path(patch, path = "/admin/api-keys/{name}", tag = "admin", operation_id = "change_api_key",
    params(
        ("name" = String, Path, description = "Its name, percent-encoded."),
        ("If-Match" = Option<String>, Header, description = "The ETag on which the change was decided."),
    ),
    request_body(content = ApiKeyChangesBody),
    responses(
        (status = 200, description = "The API key as it is then, with its ETag.", body = ApiKeyBody),
        (status = 400, description = "Something is malformed.", body = PlainError),
        (status = 401, description = "No API key, or one that is not in force.", body = PlainError),
        (status = 403, description = "The API key lacks the permission `admin` or one that it gives, or is limited to some clients.", body = PlainError),
        (status = 404, description = "There is no such API key.", body = PlainError),
        (status = 409, description = "It was revoked: `over`.", body = PlainError),
        (status = 412, description = "It was changed since: `precondition_failed`.", body = PlainError),
    ),
    security(("api_key" = []))
)]
pub async fn change(
    request: HttpRequest,
    name: web::Path<String>,
    payload: web::Payload,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    told(&request, changed(&request, &name, payload, &doors).await)
}

async fn changed(request: &HttpRequest, name: &str, payload: web::Payload, doors: &Doors) -> Result<Answer, Why> {
    let services = doors.services()?;
    let operator = operator(request, doors, services).await?;
    let body = body(request, payload, doors).await?;
    let seen = seen(request)?;
    for _ in 0..TRIES {
        let key = found(services, name)?;
        let before = (&key.permissions, key.clients.as_ref());
        let (permissions, clients) = changed_api_key(fields(request, &body)?, before)?;
        if gives((&permissions, clients.as_ref()), before) && !has_all(&operator, &permissions) {
            return Err(operator.forbid(services).await);
        }
        // The event holds both, so it must not go over what somebody else has changed since they were read.
        let (command, on) = (ApiKeyCommand::Change { permissions, clients }, seen.unwrap_or(key.changed_by));
        match services.administration.change_api_key(name, &command, Some(on), &operator.asker).await {
            Err(NotDone::Moved(_)) if seen.is_none() => {}
            done => return done.map_err(Why::from).and_then(|_| shown(services, name)),
        }
    }
    Err(Why::Refused(Refused::Unavailable(Unavailable::Conflict)))
}

/// What a key may do, and at which clients.
type Reach<'a> = (&'a BTreeSet<String>, Option<&'a BTreeSet<ClientId>>);

/// Whether a key that may do this may do something that it could not before.
fn gives((permissions, clients): Reach<'_>, (before, covered): Reach<'_>) -> bool {
    let wider = match (clients, covered) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(clients), Some(covered)) => !clients.is_subset(covered),
    };
    wider || !permissions.is_subset(before)
}

/// Disable, enable or revoke an API key.
///
/// `disable`: it opens nothing. `enable`: it opens again what it may. `revoke`: it never opens anything again, under no name. A key
/// may do so to itself.
#[utoipa::path(post, path = "/admin/api-keys/{name}/{action}", tag = "admin", operation_id = "act_on_api_key",
    params(
        ("name" = String, Path, description = "Its name, percent-encoded."),
        ("action" = String, Path, description = "`disable`, `enable` or `revoke`."),
        ("If-Match" = Option<String>, Header, description = "The ETag on which it was decided."),
        ("Idempotency-Key" = Option<String>, Header, description = "The same answer again to the same request, for 24 hours."),
    ),
    request_body(content = Option<serde_json::Value>),
    responses(
        (status = 200, description = "The API key as it is then, with its ETag.", body = ApiKeyBody),
        (status = 400, description = "Something is malformed.", body = PlainError),
        (status = 401, description = "No API key, or one that is not in force.", body = PlainError),
        (status = 403, description = "The API key lacks the permission `admin`, or is limited to some clients.", body = PlainError),
        (status = 404, description = "There is no such API key or action.", body = PlainError),
        (status = 409, description = "It was revoked (`over`), or a request with this Idempotency-Key is under way.", body = PlainError),
        (status = 412, description = "It was changed since: `precondition_failed`.", body = PlainError),
        (status = 422, description = "The Idempotency-Key was used for another request.", body = PlainError),
    ),
    security(("api_key" = []))
)]
pub async fn act(
    request: HttpRequest,
    path: web::Path<(String, String)>,
    payload: web::Payload,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    let (name, action) = path.into_inner();
    told(&request, acted(&request, &name, &action, payload, &doors).await)
}

async fn acted(
    request: &HttpRequest,
    name: &str,
    action: &str,
    payload: web::Payload,
    doors: &Doors,
) -> Result<Answer, Why> {
    let services = doors.services()?;
    let operator = operator(request, doors, services).await?;
    let body = body(request, payload, doors).await?;
    let command = match action {
        "disable" => ApiKeyCommand::Disable,
        "enable" => ApiKeyCommand::Enable,
        "revoke" => ApiKeyCommand::Revoke,
        _ => return Err(Why::NotFound),
    };
    let work = async {
        let seen = seen(request)?;
        fields(request, &body)?.finish()?;
        // To let a key open things again is to give what it may do.
        if command == ApiKeyCommand::Enable && !has_all(&operator, &found(services, name)?.permissions) {
            return Err(operator.forbid(services).await);
        }
        services.administration.change_api_key(name, &command, seen, &operator.asker).await?;
        shown(services, name)
    };
    doors.answered.once((request, &body), &operator, services.core.clock.read().wall, work).await
}

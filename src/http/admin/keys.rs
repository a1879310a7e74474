//! `/admin/keys`: the keys of tokens.

use super::authority::Operator;
use super::query::Query;
use super::{Answer, Page, body, fields, told};
use crate::actors::{Cost, NotDone, Reach, Rotation, Services};
use crate::config::bootstrap::Fields;
use crate::domain::keys::SigningAlg;
use crate::domain::permission::Permission;
use crate::domain::system::{KeyName, ListedKey, System, changed_keys, distrust as distrusted, key_named, listed_keys};
use crate::domain::time::{Span, Timestamp};
use crate::http::Doors;
use crate::http::error::{HttpError, Why};
use crate::http::openapi::PlainError;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;

/// How long sessions are counted before something ends them.
pub(super) const COUNTED_FOR: Duration = Duration::from_secs(2);

/// A key of tokens.
#[derive(Serialize, ToSchema)]
pub struct KeyBody {
    /// The `kid` of a signing key, the number of a refresh key.
    #[schema(example = "1")]
    key: String,
    /// `ES256`, `EdDSA` or `RS256` of a signing key; `refresh`.
    #[schema(example = "refresh")]
    kind: &'static str,
    /// `next` (published, signs nothing yet), `active` (signs), `retired` (signs nothing more, what it made is believed) or
    /// `distrusted` (nothing it made is believed).
    #[schema(example = "active")]
    state: &'static str,
    /// Since when (RFC 3339).
    since: String,
    /// Whether the key set at `/.well-known/jwks.json` shows it. A refresh key is never shown.
    published: bool,
    /// Until when resource servers that keep the key set may not know it although it signs, and refuse its tokens unless they fetch
    /// the set again for a `kid` that is unknown to them; `null`: all know it, or it does not sign.
    unknown_until: Option<String>,
}

impl KeyBody {
    fn of(key: &ListedKey, jwks_max_age: Span, now: Timestamp) -> Self {
        let unknown_until = key.unknown_until(jwks_max_age).filter(|until| *until > now);
        Self {
            key: key.key.clone(),
            kind: key.kind,
            state: key.status.as_str(),
            since: key.since.to_string(),
            published: key.published.unwrap_or(false),
            unknown_until: unknown_until.map(|until| until.to_string()),
        }
    }
}

/// What was done to keys.
#[derive(Serialize, ToSchema)]
pub struct KeysChanged {
    /// The keys that were made, or stand elsewhere than before; none where nothing was left to change.
    changed: Vec<KeyBody>,
    /// Open sessions that end by it; `null`: there were too many to count them first.
    sessions: Option<u64>,
    /// Accounts that must log in again by it; `null`: they were not counted.
    accounts: Option<u64>,
}

/// What is sent to replace keys; an empty body replaces those that sign, of all algorithms.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body for /openapi.json; it is read strictly, by name")]
pub struct RotateBody {
    /// Only the key that signs with this algorithm: `ES256`, `EdDSA` or `RS256`.
    #[schema(nullable = false)]
    alg: Option<String>,
    /// Only the key of refresh tokens; with `alg`, both.
    #[schema(nullable = false)]
    refresh: Option<bool>,
    /// Only publish the signing keys that come next, so that a later rotation finds them known to everybody.
    #[schema(nullable = false)]
    prepare: Option<bool>,
}

/// Whoever may see and change the keys of tokens: a key with `admin` that covers all clients, or the command line.
async fn operator(request: &HttpRequest, doors: &Doors, services: &Services) -> Result<Operator, Why> {
    let operator = Operator::who_may(Permission::Admin, request, doors, services).await?;
    operator.is_everywhere(services).await?;
    Ok(operator)
}

fn system(services: &Services) -> Result<Arc<System>, Why> {
    services.keys.system().map_err(Why::Refused)
}

/// List the keys of tokens.
///
/// All of them: those that sign first, each kind from the oldest on.
#[utoipa::path(get, path = "/admin/keys", tag = "admin", operation_id = "list_keys",
    responses(
        (status = 200, description = "All keys: `{\"items\":[…],\"next\":null}`, each item a key.", body = serde_json::Value),
        (status = 400, description = "There are no parameters here.", body = PlainError),
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
    Query::of(request)?.finish()?;
    let (now, max_age) = (services.core.clock.read().wall, services.keys.jwks_max_age());
    let system = system(services)?;
    let items = listed_keys(&system, now).iter().map(|key| KeyBody::of(key, max_age, now)).collect();
    Ok(Answer::of(&Page { items, next: None }))
}

/// Replace keys of tokens now, before their time.
///
/// What the old ones made stays good. The key signs that was published to come next; where there is none, one is made, which resource
/// servers may not know for as long as they keep the key set: `unknown_until`. To disturb nobody: `{"prepare": true}`, wait for
/// `keys.jwks_max_age`, then without. A refresh key is for the sessions that start from then on.
#[utoipa::path(post, path = "/admin/keys/rotate", tag = "admin", operation_id = "rotate_keys",
    params(("Idempotency-Key" = Option<String>, Header, description = "The same answer again to the same request, for 24 hours.")),
    request_body(content = RotateBody),
    responses(
        (status = 200, description = "What changed.", body = KeysChanged),
        (status = 400, description = "Something is malformed.", body = PlainError),
        (status = 401, description = "No API key, or one that is not in force.", body = PlainError),
        (status = 403, description = "The API key lacks the permission `admin`, or is limited to some clients.", body = PlainError),
        (status = 409, description = "A request with this Idempotency-Key is under way.", body = PlainError),
        (status = 422, description = "The Idempotency-Key was used for another request.", body = PlainError),
    ),
    security(("api_key" = []))
)]
pub async fn rotate(
    request: HttpRequest,
    payload: web::Payload,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    told(&request, rotated(&request, payload, &doors).await)
}

/// What is to be replaced.
struct Wanted {
    algs: Vec<SigningAlg>,
    refresh: bool,
    prepare: bool,
}

fn wanted(mut fields: Fields<'_>) -> Result<Wanted, Why> {
    let alg = fields.parsed::<SigningAlg>("alg")?;
    let (refresh, prepare) = (fields.flag("refresh")?.unwrap_or(false), fields.flag("prepare")?.unwrap_or(false));
    fields.finish()?;
    if refresh && prepare {
        return Err(Why::Malformed(
            "`prepare` is for signing keys: nobody fetches a refresh key, leave `refresh` out".to_owned(),
        ));
    }
    let algs = match alg {
        Some(alg) => vec![alg],
        None if refresh => Vec::new(),
        None => SigningAlg::ALL.to_vec(),
    };
    Ok(Wanted { algs, refresh, prepare })
}

async fn rotated(request: &HttpRequest, payload: web::Payload, doors: &Doors) -> Result<Answer, Why> {
    let services = doors.services()?;
    let operator = operator(request, doors, services).await?;
    let body = body(request, payload, doors).await?;
    let work = async {
        let (wanted, before) = (wanted(fields(request, &body)?)?, system(services)?);
        for alg in wanted.algs {
            let done = if wanted.prepare {
                services.keys.prepare(alg, &operator.asker).await
            } else {
                services.keys.rotate(Rotation::Signing(alg), &operator.asker).await
            };
            done.map_err(Why::Refused)?;
        }
        if wanted.refresh {
            services.keys.rotate(Rotation::Refresh, &operator.asker).await.map_err(Why::Refused)?;
        }
        changed(services, &before, Some(Cost::default()))
    };
    doors.answered.once((request, &body), &operator, services.core.clock.read().wall, work).await
}

/// What changed since a state, and how many sessions and accounts that ends.
fn changed(services: &Services, before: &System, cost: Option<Cost>) -> Result<Answer, Why> {
    let (now, max_age) = (services.core.clock.read().wall, services.keys.jwks_max_age());
    let after = system(services)?;
    let changed = changed_keys(before, &after, now);
    let changed = changed.iter().map(|key| KeyBody::of(key, max_age, now)).collect();
    let (sessions, accounts) = (cost.map(|cost| cost.sessions), cost.map(|cost| cost.accounts));
    Ok(Answer::of(&KeysChanged { changed, sessions, accounts }))
}

/// Believe nothing any more that a key made.
///
/// For a key that somebody else may have. Another one takes its place at once. Access tokens of a distrusted signing key are refused at
/// every door here; a resource server believes them until it fetches the key set again. Every session under a distrusted refresh key
/// is over when this is answered; the end of each is recorded afterwards. Nothing takes the distrust back. Whoever had one key may
/// have had those that are `next`, too: distrust them as well.
#[utoipa::path(post, path = "/admin/keys/{key}/distrust", tag = "admin", operation_id = "distrust_key",
    params(
        ("key" = String, Path, description = "The `kid` of a signing key, the number of a refresh key."),
        ("Idempotency-Key" = Option<String>, Header, description = "The same answer again to the same request, for 24 hours."),
    ),
    request_body(content = Option<serde_json::Value>),
    responses(
        (status = 200, description = "What changed, and the sessions that end by it. Nothing, where it was distrusted before.", body = KeysChanged),
        (status = 400, description = "Something is malformed.", body = PlainError),
        (status = 401, description = "No API key, or one that is not in force.", body = PlainError),
        (status = 403, description = "The API key lacks the permission `admin`, or is limited to some clients.", body = PlainError),
        (status = 404, description = "There is no such key.", body = PlainError),
        (status = 409, description = "A request with this Idempotency-Key is under way.", body = PlainError),
        (status = 422, description = "The Idempotency-Key was used for another request.", body = PlainError),
    ),
    security(("api_key" = []))
)]
pub async fn distrust(
    request: HttpRequest,
    key: web::Path<String>,
    payload: web::Payload,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    told(&request, ended(&request, &key, payload, &doors).await)
}

async fn ended(request: &HttpRequest, key: &str, payload: web::Payload, doors: &Doors) -> Result<Answer, Why> {
    let services = doors.services()?;
    let operator = operator(request, doors, services).await?;
    let body = body(request, payload, doors).await?;
    let work = async {
        fields(request, &body)?.finish()?;
        let before = system(services)?;
        let name = key_named(&before, key).ok_or(Why::NotDone(NotDone::Missing))?;
        let cost = cost(services, &before, &name).await;
        services.keys.distrust(&name, &operator.asker).await.map_err(Why::Refused)?;
        changed(services, &before, cost)
    };
    doors.answered.once((request, &body), &operator, services.core.clock.read().wall, work).await
}

/// What distrusting a key ends; `None` where it cannot be told in time: the distrust does not wait for it.
async fn cost(services: &Services, before: &System, name: &KeyName) -> Option<Cost> {
    match (name, distrusted(before, name)) {
        (KeyName::Refresh(number), Some(_)) => {
            let reach = Reach::RefreshKey(*number);
            tokio::time::timeout(COUNTED_FOR, services.brakes.cost(&reach)).await.ok()?.ok()
        }
        _ => Some(Cost::default()),
    }
}

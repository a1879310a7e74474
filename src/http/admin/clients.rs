//! `/admin/clients`.

use super::authority::Operator;
use super::client_body::{ClientBody, ClientChangesBody, NewClientBody};
use super::query::Query;
use super::{Answer, Page, body, fields, made, seen, told};
use crate::actors::{NewClient, NotDone, Refused, Services, Unavailable};
use crate::config::bootstrap::{changed_client, client_of, secret_of};
use crate::domain::client::{Client, ClientCommand, ClientSettings, ClientType, Introspect};
use crate::domain::ids::{ClientId, Version};
use crate::domain::permission::Permission;
use crate::http::Doors;
use crate::http::error::{HttpError, Why};
use crate::http::openapi::PlainError;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use std::sync::Arc;
use zeroize::Zeroizing;

/// How often a change is read and decided anew, where somebody else's came in between.
const TRIES: usize = 3;

/// List clients.
///
/// In the order of their ids.
#[utoipa::path(get, path = "/admin/clients", tag = "admin", operation_id = "list_clients",
    params(
        ("limit" = Option<u32>, Query, description = "Items at most, 1 to 200; 50 where it is left out.", minimum = 1, maximum = 200),
        ("after" = Option<String>, Query, description = "`next` of the page before."),
        ("enabled" = Option<bool>, Query, description = "`true` or `false`."),
    ),
    responses(
        (status = 200, description = "A page: `{\"items\":[…],\"next\":…}`, each item a client.", body = serde_json::Value),
        (status = 400, description = "A parameter is malformed.", body = PlainError),
        (status = 401, description = "No API key, or one that is not in force.", body = PlainError),
        (status = 403, description = "The API key lacks the permission `applications`.", body = PlainError),
    ),
    security(("api_key" = []))
)]
pub async fn list(request: HttpRequest, doors: web::Data<Doors>) -> Result<HttpResponse, HttpError> {
    told(&request, listed(&request, &doors).await)
}

async fn listed(request: &HttpRequest, doors: &Doors) -> Result<Answer, Why> {
    let services = doors.services()?;
    let operator = Operator::who_may(Permission::Applications, request, doors, services).await?;
    let mut query = Query::of(request)?;
    let (limit, after) = (query.limit()?, query.parsed::<ClientId>("after")?);
    let enabled = match query.take("enabled").as_deref() {
        None => None,
        Some("true") => Some(true),
        Some("false") => Some(false),
        Some(_) => return Err(Why::Malformed("enabled must be true or false".to_owned())),
    };
    query.finish()?;
    let ids = services.administration.clients().into_iter();
    let ids = ids.filter(|id| after.as_ref().is_none_or(|after| id > after) && operator.covers(id));
    let (mut items, mut next) = (Vec::new(), None);
    for id in ids {
        let Some(client) = services.administration.find_client(&id).map_err(Why::Refused)? else { continue };
        if enabled.is_some_and(|enabled| enabled != client.value.enabled) {
            continue;
        }
        if items.len() == limit {
            next = items.last().map(|last: &ClientBody| last.id().to_owned());
            break;
        }
        items.push(ClientBody::of(&id, &client.value, client.version));
    }
    Ok(Answer::of(&Page { items, next }))
}

/// Make a client.
///
/// Its fields are those of the bootstrap file, with the same meaning and defaults: see docs/CONFIG.md.
#[utoipa::path(post, path = "/admin/clients", tag = "admin", operation_id = "create_client",
    params(("Idempotency-Key" = Option<String>, Header, description = "The same answer again to the same request, for 24 hours.")),
    request_body(content = NewClientBody),
    responses(
        (status = 201, description = "The client, with its ETag; and its secret, where it was made.", body = ClientBody),
        (status = 400, description = "Something is malformed.", body = PlainError),
        (status = 401, description = "No API key, or one that is not in force.", body = PlainError),
        (status = 403, description = "The API key lacks the permission `applications`, does not cover this id, or the client would see other clients' tokens.", body = PlainError),
        (status = 409, description = "The id is taken (`taken`), or a request with this Idempotency-Key is under way.", body = PlainError),
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
    let operator = Operator::who_may(Permission::Applications, request, doors, services).await?;
    let body = body(request, payload, doors).await?;
    let work = async {
        let mut fields = fields(request, &body)?;
        let given = fields.has("secret");
        let spec = client_of(fields, &|| made::secret(doors, ""))?;
        if !operator.covers(&spec.id) || reaches_out(&spec.settings, None, &operator, doors, services)? {
            return Err(operator.elsewhere(services).await);
        }
        let secret = spec.secret.as_ref().map(|secret| Zeroizing::new(secret.expose().to_owned()));
        let shown = made::shown(spec.secret.as_ref(), given);
        let new = NewClient { id: spec.id, secret, enabled: spec.enabled, settings: spec.settings };
        if !services.administration.create_client(&new, &operator.asker).await.map_err(Why::Refused)? {
            return Err(Why::NotDone(NotDone::Taken));
        }
        let (client, version) = covered(&operator, services, &new.id)?;
        let answer = ClientBody::of(&new.id, &client, version).with(shown);
        Ok(Answer::created(format!("/admin/clients/{}", new.id), &answer).at(version))
    };
    doors.answered.once((request, &body), &operator, services.core.clock.read().wall, work).await
}

/// Whether settings, other than those before, let a client see tokens of clients that the operator does not cover: all of them, or
/// those for the audience of another.
fn reaches_out(
    settings: &ClientSettings,
    before: Option<&ClientSettings>,
    operator: &Operator,
    doors: &Doors,
    services: &Services,
) -> Result<bool, Why> {
    if settings.introspect == Introspect::All && before.is_none_or(|before| before.introspect != Introspect::All) {
        return Ok(operator.is_limited());
    }
    let Some(audience) = &settings.audience else { return Ok(false) };
    if !operator.is_limited() || before.is_some_and(|before| before.audience == settings.audience) {
        return Ok(false);
    }
    for id in services.administration.clients().iter().filter(|id| !operator.covers(id)) {
        let other = services.administration.find_client(id).map_err(Why::Refused)?;
        let theirs =
            other.map(|other| other.value.settings.audience.clone().unwrap_or_else(|| doors.settings.issuer.clone()));
        if theirs.as_ref() == Some(audience) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A client that the operator may see, and its version.
fn covered(operator: &Operator, services: &Services, id: &ClientId) -> Result<(Arc<Client>, Version), Why> {
    let client = services.administration.find_client(id).map_err(Why::Refused)?;
    let client = client.filter(|_| operator.covers(id)).ok_or(Why::NotDone(NotDone::Missing))?;
    Ok((client.value, client.version))
}

fn shown(operator: &Operator, services: &Services, id: &ClientId) -> Result<Answer, Why> {
    let (client, version) = covered(operator, services, id)?;
    Ok(Answer::of(&ClientBody::of(id, &client, version)).at(version))
}

/// The client that a path names.
fn named(text: &str) -> Result<ClientId, Why> {
    text.parse().map_err(|_| Why::NotDone(NotDone::Missing))
}

/// Show a client.
#[utoipa::path(get, path = "/admin/clients/{id}", tag = "admin", operation_id = "show_client",
    params(("id" = String, Path, description = "The client's id.")),
    responses(
        (status = 200, description = "The client, with its ETag.", body = ClientBody),
        (status = 401, description = "No API key, or one that is not in force.", body = PlainError),
        (status = 403, description = "The API key lacks the permission `applications`.", body = PlainError),
        (status = 404, description = "There is no such client, or none that the API key covers.", body = PlainError),
    ),
    security(("api_key" = []))
)]
pub async fn show(
    request: HttpRequest,
    id: web::Path<String>,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    let outcome = async {
        let services = doors.services()?;
        let operator = Operator::who_may(Permission::Applications, &request, &doors, services).await?;
        shown(&operator, services, &named(&id)?)
    };
    told(&request, outcome.await)
}

/// Change a client.
///
/// All fields at once, in one event. It counts from the next request on: a grant that is withdrawn refuses the next refresh,
/// lifetimes are those of the next tokens, and `max_sessions` is kept by the next login.
#[utoipa::path(patch, path = "/admin/clients/{id}", tag = "admin", operation_id = "change_client",
    params(
        ("id" = String, Path, description = "The client's id."),
        ("If-Match" = Option<String>, Header, description = "The ETag on which the change was decided."),
    ),
    request_body(content = ClientChangesBody),
    responses(
        (status = 200, description = "The client as it is then, with its ETag.", body = ClientBody),
        (status = 400, description = "Something is malformed, or cannot be changed.", body = PlainError),
        (status = 401, description = "No API key, or one that is not in force.", body = PlainError),
        (status = 403, description = "The API key lacks the permission `applications`, or the client would see other clients' tokens.", body = PlainError),
        (status = 404, description = "There is no such client, or none that the API key covers.", body = PlainError),
        (status = 412, description = "It was changed since: `precondition_failed`.", body = PlainError),
    ),
    security(("api_key" = []))
)]
pub async fn change(
    request: HttpRequest,
    id: web::Path<String>,
    payload: web::Payload,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    told(&request, changed(&request, &id, payload, &doors).await)
}

async fn changed(request: &HttpRequest, id: &str, payload: web::Payload, doors: &Doors) -> Result<Answer, Why> {
    let services = doors.services()?;
    let operator = Operator::who_may(Permission::Applications, request, doors, services).await?;
    let body = body(request, payload, doors).await?;
    let (id, seen) = (named(id)?, seen(request)?);
    for _ in 0..TRIES {
        let (client, version) = covered(&operator, services, &id)?;
        let settings = changed_client(fields(request, &body)?, &client.settings)?;
        if reaches_out(&settings, Some(&client.settings), &operator, doors, services)? {
            return Err(operator.elsewhere(services).await);
        }
        // The event holds all settings, so it must not go over what somebody else has changed since they were read.
        let (command, on) = (ClientCommand::Change(Box::new(settings)), seen.unwrap_or(version));
        match services.administration.change_client(&id, command, Some(on), &operator.asker).await {
            Err(NotDone::Moved(_)) if seen.is_none() => {}
            done => return done.map_err(Why::from).and_then(|_| shown(&operator, services, &id)),
        }
    }
    Err(Why::Refused(Refused::Unavailable(Unavailable::Conflict)))
}

/// Disable or enable a client, end its sessions, or replace its secret.
///
/// `disable`: nothing is granted to it. `enable`: it is again; its sessions go on. `revoke`: every session and every token of before
/// ends. `secret`: `{"secret": …}`, or without one it is made and the answer shows it once; the old one is worth nothing from then
/// on, and sessions go on.
#[utoipa::path(post, path = "/admin/clients/{id}/{action}", tag = "admin", operation_id = "act_on_client",
    params(
        ("id" = String, Path, description = "The client's id."),
        ("action" = String, Path, description = "`disable`, `enable`, `revoke` or `secret`."),
        ("If-Match" = Option<String>, Header, description = "The ETag on which it was decided."),
        ("Idempotency-Key" = Option<String>, Header, description = "The same answer again to the same request, for 24 hours."),
    ),
    request_body(content = Option<serde_json::Value>),
    responses(
        (status = 200, description = "The client as it is then, with its ETag; and its secret, where it was made.", body = ClientBody),
        (status = 400, description = "Something is malformed.", body = PlainError),
        (status = 401, description = "No API key, or one that is not in force.", body = PlainError),
        (status = 403, description = "The API key lacks the permission `applications`.", body = PlainError),
        (status = 404, description = "There is no such client or action, or none that the API key covers.", body = PlainError),
        (status = 409, description = "A request with this Idempotency-Key is under way.", body = PlainError),
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
    let (id, action) = path.into_inner();
    told(&request, acted(&request, &id, &action, payload, &doors).await)
}

async fn acted(
    request: &HttpRequest,
    id: &str,
    action: &str,
    payload: web::Payload,
    doors: &Doors,
) -> Result<Answer, Why> {
    let services = doors.services()?;
    let operator = Operator::who_may(Permission::Applications, request, doors, services).await?;
    let body = body(request, payload, doors).await?;
    let id = named(id)?;
    let work = async {
        let (client, _) = covered(&operator, services, &id)?;
        let command = match action {
            "disable" => ClientCommand::Disable,
            "enable" => ClientCommand::Enable,
            "revoke" => ClientCommand::RevokeSessions,
            "secret" => return replaced(request, &body, (&id, &client), &operator, doors).await,
            _ => return Err(Why::NotFound),
        };
        fields(request, &body)?.finish()?;
        services.administration.change_client(&id, command, seen(request)?, &operator.asker).await?;
        shown(&operator, services, &id)
    };
    doors.answered.once((request, &body), &operator, services.core.clock.read().wall, work).await
}

/// Replaces the secret of a client.
async fn replaced(
    request: &HttpRequest,
    body: &Bytes,
    (id, client): (&ClientId, &Client),
    operator: &Operator,
    doors: &Doors,
) -> Result<Answer, Why> {
    let services = doors.services()?;
    let mut fields = fields(request, body)?;
    let given = fields.has("secret");
    let secret = secret_of(fields, &|| made::secret(doors, ""))?;
    if client.settings.client_type == ClientType::Public {
        return Err(Why::Malformed("a public client has no secret: it could not keep one".to_owned()));
    }
    let (administration, asker) = (&services.administration, &operator.asker);
    administration.set_client_secret(id, secret.expose(), seen(request)?, asker).await?;
    let (client, version) = covered(operator, services, id)?;
    let answer = ClientBody::of(id, &client, version).with(made::shown(Some(&secret), given));
    Ok(Answer::of(&answer).at(version))
}

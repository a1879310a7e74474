//! Applications as they are made and changed.

use super::super::body::{Fields, Query, object};
use super::super::merge::{member, merge};
use super::super::{Outcome, answer, decided, done, told, who};
use super::{body, covered, fitting, random_id, roles};
use crate::actors::{AuthenticatedClient, NewClient, NotDone, Services, WholeClient};
use crate::config::Secret;
use crate::domain::client::{ClientCommand, ClientSettings, ClientType};
use crate::domain::ids::ClientId;
use crate::domain::permission::Permission;
use crate::http::Doors;
use crate::http::admin::{Operator, made};
use crate::http::error::{Faults, HttpError, Why};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};
use uuid::Uuid;
use zeroize::Zeroizing;

/// Bytes of a secret at least: it could have been left out, and one that nobody guesses had been made.
const SECRET_MIN: usize = 16;
/// Bytes of a secret at most: longer ones are not read where clients authenticate.
const SECRET_MAX: usize = 512;
const TAKEN: &str = "the id is taken: use another one";

/// Make an application.
///
/// `{"application": {"name": …, …}}`. What Countersign has no setting for is kept and shown again, and decides nothing. The
/// answer shows `oauthConfiguration.clientSecret`: keep it, it is never shown again.
#[utoipa::path(post, path = "/api/application", tag = "fusionauth", operation_id = "fusionauth_create_application",
    request_body(content = serde_json::Value, content_type = "application/json"),
    responses(
        (status = 200, description = "`{\"application\": …}`, with the secret of one that has one.", body = serde_json::Value),
        (status = 400, description = "A field is wrong, or the name is taken.", body = serde_json::Value),
        (status = 401, description = "No API key, or one without the permission `applications`, or that covers other clients only; no body."),
    ),
    security(("fusionauth_key" = []))
)]
pub async fn create(
    request: HttpRequest,
    payload: web::Payload,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    told(created(&request, None, payload, &doors).await)
}

/// Make an application with an id.
///
/// As without one. The id of an application that was deleted for good may be used again: nobody is registered there then, and the gate of
/// every account is read for it.
#[utoipa::path(post, path = "/api/application/{applicationId}", tag = "fusionauth", operation_id = "fusionauth_create_application_with_id",
    params(("applicationId" = String, Path, description = "Its id: a UUID, the `client_id` of OAuth.")),
    request_body(content = serde_json::Value, content_type = "application/json"),
    responses(
        (status = 200, description = "`{\"application\": …}`, with the secret of one that has one.", body = serde_json::Value),
        (status = 400, description = "A field is wrong, or the name or the id is taken.", body = serde_json::Value),
        (status = 401, description = "No API key, or one without the permission `applications`, or that does not cover it; no body."),
    ),
    security(("fusionauth_key" = []))
)]
pub async fn create_with_id(
    request: HttpRequest,
    id: web::Path<String>,
    payload: web::Payload,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    told(created(&request, Some(&id), payload, &doors).await)
}

async fn created(request: &HttpRequest, id: Option<&str>, payload: web::Payload, doors: &Doors) -> Outcome {
    let services = doors.services()?;
    let operator = who::key(Permission::Applications, request, doors, services).await?;
    if id == Some("search") {
        return Err(Why::NotSupported("applications are not searched here: GET /api/application lists them"));
    }
    let body = object(request, payload, doors).await?;
    let id = match id.map(Uuid::try_parse) {
        None => random_id(doors),
        Some(Ok(id)) => id,
        Some(Err(_)) => return Err(Faults::of("applicationId", "couldNotConvert", "this must be a UUID").into()),
    };
    let id: ClientId = id.to_string().parse().map_err(|_| Why::NotFound)?;
    let sent = member(&body, "application");
    body::is_supported(sent)?;
    let mut faults = Faults::default();
    let mut settings = body::settings(sent, None, None, &mut faults);
    settings.roles = roles::read_all(sent, doors, &mut faults);
    let given = secret(sent, &mut faults);
    let enabled = active(sent, &mut faults).unwrap_or(true);
    free(&settings, &id, services, &mut faults)?;
    if services.administration.is_tenant(&id) {
        faults.add("applicationId", "duplicate", TAKEN);
    }
    faults.none()?;
    if !operator.covers(&id) {
        return Err(operator.elsewhere(services).await);
    }
    let secret = match settings.client_type {
        ClientType::Public => None,
        ClientType::Confidential => Some(given.unwrap_or_else(|| made::secret(doors, ""))),
    };
    let plain = secret.as_ref().map(|secret| Zeroizing::new(secret.expose().to_owned()));
    let name = id.to_string();
    let new = NewClient { id, secret: plain, enabled, settings };
    if !services
        .administration
        .create_client(&new, &operator.asker)
        .await
        .map_err(Why::Refused)
        .map_err(fitting("application"))?
    {
        made_again(new, &operator, doors, services).await.map_err(fitting("application"))?;
    }
    let application = covered(&name, &operator, services).await?;
    let secret = secret.as_ref().map(Secret::expose);
    Ok(answer(&json!({"application": body::shown(&application, services.core.tenant, secret)})))
}

/// Makes a client whose id is one's that was removed. Nobody's registration of before, and no secret, counts for it: a public client gets
/// one that nobody learns.
async fn made_again(new: NewClient, operator: &Operator, doors: &Doors, services: &Services) -> Result<(), Why> {
    let administration = &services.administration;
    let found = administration.find_client(&new.id).map_err(Why::Refused)?;
    let taken = || Faults::of("applicationId", "duplicate", TAKEN).into();
    let found = found.filter(|found| found.value.removed).ok_or_else(taken)?;
    match administration.withdraw_all(&new.id, &operator.asker).await {
        Err(NotDone::Moved(_)) => return Err(taken()),
        withdrawn => withdrawn?,
    }
    let NewClient { id, secret, enabled, settings } = new;
    let secret = secret.or_else(|| Some(Zeroizing::new(made::secret(doors, "").expose().to_owned())));
    let wanted = WholeClient { settings, secret, enabled: Some(enabled) };
    match administration.replace_client(&id, &wanted, found.version, &operator.asker).await {
        Err(NotDone::Moved(_)) => Err(taken()),
        made => made.map(|_| ()).map_err(Why::from),
    }
}

/// The secret that was sent.
fn secret(sent: &Value, faults: &mut Faults) -> Option<Secret> {
    let oauth = member(sent, "oauthConfiguration");
    let mut fields = Fields::within(oauth, "application.oauthConfiguration.", faults);
    let secret = fields.text("clientSecret").map(str::trim).filter(|secret| !secret.is_empty())?;
    if secret.len() < SECRET_MIN {
        let advice = format!("use at least {SECRET_MIN} bytes, or leave it out: then one is made");
        fields.wrong("clientSecret", "tooShort", &advice);
    } else if secret.len() > SECRET_MAX || secret.chars().any(char::is_control) {
        fields.wrong("clientSecret", "tooLong", "use at most 512 bytes without control characters");
    }
    Some(Secret::new(secret.to_owned()))
}

/// Whether it shall be active, where that was said.
fn active(sent: &Value, faults: &mut Faults) -> Option<bool> {
    let mut fields = Fields::within(sent, "application.", faults);
    let by_state = match fields.text("state") {
        Some("Active") => Some(true),
        Some("Inactive") => Some(false),
        _ => None,
    };
    fields.flag("active").or(by_state)
}

/// Whether no other application has the name.
fn free(settings: &ClientSettings, id: &ClientId, services: &Services, faults: &mut Faults) -> Result<(), Why> {
    let Some(name) = settings.name.as_deref().map(str::to_lowercase) else { return Ok(()) };
    for other in services.administration.clients().iter().filter(|other| *other != id) {
        let other = who::application(other.as_str(), services)?;
        let theirs = other.and_then(|other| other.state.value.settings.name.clone());
        if theirs.is_some_and(|theirs| theirs.to_lowercase() == name) {
            faults.add("application.name", "duplicate", "there is an application of this name: use another one");
            return Ok(());
        }
    }
    Ok(())
}

/// Replace an application, or make it active again.
///
/// What is left out gets its default, but roles, which have doors of their own, and the secret. With `?reactivate=true` and
/// without a body, it is active again and otherwise as it was.
#[utoipa::path(put, path = "/api/application/{applicationId}", tag = "fusionauth", operation_id = "fusionauth_update_application",
    params(
        ("applicationId" = String, Path, description = "The application's id."),
        ("reactivate" = Option<bool>, Query, description = "`true`: only make it active again."),
    ),
    request_body(content = Option<serde_json::Value>, content_type = "application/json"),
    responses(
        (status = 200, description = "`{\"application\": …}`", body = serde_json::Value),
        (status = 400, description = "A field is wrong or cannot be changed, or the name is taken.", body = serde_json::Value),
        (status = 401, description = "No API key, or one without the permission `applications`, or that does not cover it; no body."),
        (status = 404, description = "There is no such application; no body."),
    ),
    security(("fusionauth_key" = []))
)]
pub async fn update(
    request: HttpRequest,
    id: web::Path<String>,
    payload: web::Payload,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    told(changed(&request, &id, payload, &doors, false).await)
}

/// Change an application.
///
/// What is left out stays as it is; `null` takes away (RFC 7396).
#[utoipa::path(patch, path = "/api/application/{applicationId}", tag = "fusionauth", operation_id = "fusionauth_patch_application",
    params(("applicationId" = String, Path, description = "The application's id.")),
    request_body(content = serde_json::Value, content_type = "application/json"),
    responses(
        (status = 200, description = "`{\"application\": …}`", body = serde_json::Value),
        (status = 400, description = "A field is wrong or cannot be changed, or the name is taken.", body = serde_json::Value),
        (status = 401, description = "No API key, or one without the permission `applications`, or that does not cover it; no body."),
        (status = 404, description = "There is no such application; no body."),
    ),
    security(("fusionauth_key" = []))
)]
pub async fn patch(
    request: HttpRequest,
    id: web::Path<String>,
    payload: web::Payload,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    told(changed(&request, &id, payload, &doors, true).await)
}

async fn changed(request: &HttpRequest, id: &str, payload: web::Payload, doors: &Doors, patch: bool) -> Outcome {
    let services = doors.services()?;
    let operator = who::key(Permission::Applications, request, doors, services).await?;
    let reactivate = !patch && Query::of(request)?.get("reactivate") == Some("true");
    let body = object(request, payload, doors).await?;
    let application = covered(id, &operator, services).await?;
    if reactivate {
        let asker = &operator.asker;
        services.administration.change_client(&application.id, ClientCommand::Enable, None, asker).await?;
    } else {
        let sent = member(&body, "application");
        body::is_supported(sent)?;
        let mut faults = Faults::default();
        let asked = Asked { patch, secret: secret(sent, &mut faults), active: active(sent, &mut faults), sent };
        if asked.secret.is_some() && application.state.value.settings.client_type == ClientType::Public {
            let advice = "this application has no secret: its clientAuthenticationPolicy is NotRequired";
            faults.add("application.oauthConfiguration.clientSecret", "invalid", advice);
        }
        replaced(&asked, &application, &faults, &operator, services).await.map_err(fitting("application"))?;
    }
    let application = covered(id, &operator, services).await?;
    Ok(answer(&json!({"application": body::shown(&application, services.core.tenant, None)})))
}

/// A change as it was sent.
struct Asked<'a> {
    sent: &'a Value,
    /// Whether what is left out stays as it is.
    patch: bool,
    secret: Option<Secret>,
    active: Option<bool>,
}

/// Changes an application as was sent: all of it in one commit, so that nothing of it is done where the rest is refused.
async fn replaced(
    asked: &Asked<'_>,
    application: &AuthenticatedClient,
    faults: &Faults,
    operator: &Operator,
    services: &Services,
) -> Result<(), Why> {
    decided(async || {
        let application = covered(application.id.as_str(), operator, services).await?;
        let before = &application.state.value.settings;
        let mut whole = if asked.patch { body::shown(&application, services.core.tenant, None) } else { json!({}) };
        merge(&mut whole, asked.sent);
        let mut faults = faults.clone();
        let settings = body::settings(&whole, Some(before), asked.patch.then_some(asked.sent), &mut faults);
        free(&settings, &application.id, services, &mut faults)?;
        faults.none()?;
        let secret = asked.secret.as_ref().map(|secret| Zeroizing::new(secret.expose().to_owned()));
        let wanted = WholeClient { settings, secret, enabled: asked.active };
        let seen = application.state.version;
        services.administration.replace_client(&application.id, &wanted, seen, &operator.asker).await?;
        Ok(())
    })
    .await
}

/// Make an application inactive, or delete it for good.
///
/// Inactive, nothing is granted to it until it is active again. With `?hardDelete=true` it is gone, and all its sessions end.
#[utoipa::path(delete, path = "/api/application/{applicationId}", tag = "fusionauth", operation_id = "fusionauth_delete_application",
    params(
        ("applicationId" = String, Path, description = "The application's id."),
        ("hardDelete" = Option<bool>, Query, description = "`true`: for good."),
    ),
    responses(
        (status = 200, description = "It is; no body."),
        (status = 400, description = "The id is no UUID.", body = serde_json::Value),
        (status = 401, description = "No API key, or one without the permission `applications`, or that does not cover it; no body."),
        (status = 404, description = "There is no such application; no body."),
    ),
    security(("fusionauth_key" = []))
)]
pub async fn delete(
    request: HttpRequest,
    id: web::Path<String>,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    told(deleted(&request, &id, &doors).await)
}

async fn deleted(request: &HttpRequest, id: &str, doors: &Doors) -> Outcome {
    let services = doors.services()?;
    let operator = who::key(Permission::Applications, request, doors, services).await?;
    let for_good = Query::of(request)?.get("hardDelete") == Some("true");
    let application = covered(id, &operator, services).await?;
    let command = if for_good { ClientCommand::Remove } else { ClientCommand::Disable };
    services.administration.change_client(&application.id, command, None, &operator.asker).await?;
    Ok(done())
}

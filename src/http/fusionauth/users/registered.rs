//! Registrations as they are looked at, changed and deleted.

use super::super::body::object;
use super::super::merge::{member, merge};
use super::super::{Outcome, answer, decided, done, registrations, told, who};
use super::register::{keep, read, set};
use super::{covered, found, named};
use crate::actors::{Account, AuthenticatedClient, NotDone, Services};
use crate::domain::gate::GateCommand;
use crate::domain::ids::{AccountId, ClientId};
use crate::domain::permission::Permission;
use crate::http::Doors;
use crate::http::admin::Operator;
use crate::http::error::{Faults, HttpError, Why};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// Show a registration.
#[utoipa::path(get, path = "/api/user/registration/{userId}/{applicationId}", tag = "fusionauth", operation_id = "fusionauth_show_registration",
    params(
        ("userId" = String, Path, description = "The user's id."),
        ("applicationId" = String, Path, description = "The application's id."),
    ),
    responses(
        (status = 200, description = "`{\"registration\": …}`", body = serde_json::Value),
        (status = 400, description = "An id is no UUID.", body = serde_json::Value),
        (status = 401, description = "No API key, or one without the permission `users`, or that does not cover the application; no body."),
        (status = 404, description = "There is no such user, or none that the key covers, or he is not registered there; no body."),
    ),
    security(("fusionauth_key" = []))
)]
pub async fn show(
    request: HttpRequest,
    path: web::Path<(String, String)>,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    let outcome = async {
        let services = doors.services()?;
        let operator = who::key(Permission::Users, &request, &doors, services).await?;
        let (account, application) = registered(&path.0, &path.1, &operator, services).await?;
        Ok(answer(&json!({"registration": registrations::registration(&account, &application)?})))
    };
    told(outcome.await)
}

/// A user, and an application at which he is registered.
async fn registered(
    user: &str,
    application: &str,
    operator: &Operator,
    services: &Services,
) -> Result<(Account, AuthenticatedClient), Why> {
    let id = named(user)?;
    let found = who::application(application, services)?;
    if found.is_none() && Uuid::try_parse(application).is_err() {
        return Err(Faults::of("applicationId", "couldNotConvert", "this must be a UUID").into());
    }
    let account = covered(id, operator, services).await?;
    let application = found.ok_or(Why::NotDone(NotDone::Missing))?;
    if !operator.covers(&application.id) {
        return Err(operator.elsewhere(services).await);
    }
    if !account.gate.value.is_registered_at(&application.id) {
        return Err(Why::NotDone(NotDone::Missing));
    }
    Ok((account, application))
}

/// Replace a registration.
///
/// The application stands in the body: `{"registration": {"applicationId": …, "roles": […], …}}`. Without roles it has none.
#[utoipa::path(put, path = "/api/user/registration/{userId}", tag = "fusionauth", operation_id = "fusionauth_update_registration",
    params(("userId" = String, Path, description = "The user's id.")),
    request_body(content = serde_json::Value, content_type = "application/json"),
    responses(
        (status = 200, description = "`{\"registration\": …}`", body = serde_json::Value),
        (status = 400, description = "A field is wrong.", body = serde_json::Value),
        (status = 401, description = "No API key, or one without the permission `users`, or that does not cover the application; no body."),
        (status = 404, description = "There is no such user, or none that the key covers, or he is not registered there; no body."),
    ),
    security(("fusionauth_key" = []))
)]
pub async fn update(
    request: HttpRequest,
    id: web::Path<String>,
    payload: web::Payload,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    told(changed(&request, (&id, None), payload, &doors, false).await)
}

/// Replace a registration at an application.
///
/// The application of the path counts, whatever stands in the body.
#[utoipa::path(put, path = "/api/user/registration/{userId}/{applicationId}", tag = "fusionauth", operation_id = "fusionauth_update_registration_at",
    params(
        ("userId" = String, Path, description = "The user's id."),
        ("applicationId" = String, Path, description = "The application's id."),
    ),
    request_body(content = serde_json::Value, content_type = "application/json"),
    responses(
        (status = 200, description = "`{\"registration\": …}`", body = serde_json::Value),
        (status = 400, description = "A field is wrong.", body = serde_json::Value),
        (status = 401, description = "No API key, or one without the permission `users`, or that does not cover the application; no body."),
        (status = 404, description = "There is no such user, or none that the key covers, or he is not registered there; no body."),
    ),
    security(("fusionauth_key" = []))
)]
pub async fn update_one(
    request: HttpRequest,
    path: web::Path<(String, String)>,
    payload: web::Payload,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    told(changed(&request, (&path.0, Some(&path.1)), payload, &doors, false).await)
}

/// Change a registration.
///
/// What is left out stays as it is; `null` takes away, and roles are replaced (RFC 7396).
#[utoipa::path(patch, path = "/api/user/registration/{userId}", tag = "fusionauth", operation_id = "fusionauth_patch_registration",
    params(("userId" = String, Path, description = "The user's id.")),
    request_body(content = serde_json::Value, content_type = "application/json"),
    responses(
        (status = 200, description = "`{\"registration\": …}`", body = serde_json::Value),
        (status = 400, description = "A field is wrong.", body = serde_json::Value),
        (status = 401, description = "No API key, or one without the permission `users`, or that does not cover the application; no body."),
        (status = 404, description = "There is no such user, or none that the key covers, or he is not registered there; no body."),
    ),
    security(("fusionauth_key" = []))
)]
pub async fn patch(
    request: HttpRequest,
    id: web::Path<String>,
    payload: web::Payload,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    told(changed(&request, (&id, None), payload, &doors, true).await)
}

/// Change a registration at an application.
///
/// The application of the path counts, whatever stands in the body.
#[utoipa::path(patch, path = "/api/user/registration/{userId}/{applicationId}", tag = "fusionauth", operation_id = "fusionauth_patch_registration_at",
    params(
        ("userId" = String, Path, description = "The user's id."),
        ("applicationId" = String, Path, description = "The application's id."),
    ),
    request_body(content = serde_json::Value, content_type = "application/json"),
    responses(
        (status = 200, description = "`{\"registration\": …}`", body = serde_json::Value),
        (status = 400, description = "A field is wrong.", body = serde_json::Value),
        (status = 401, description = "No API key, or one without the permission `users`, or that does not cover the application; no body."),
        (status = 404, description = "There is no such user, or none that the key covers, or he is not registered there; no body."),
    ),
    security(("fusionauth_key" = []))
)]
pub async fn patch_one(
    request: HttpRequest,
    path: web::Path<(String, String)>,
    payload: web::Payload,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    told(changed(&request, (&path.0, Some(&path.1)), payload, &doors, true).await)
}

async fn changed(
    request: &HttpRequest,
    (user, application): (&str, Option<&str>),
    payload: web::Payload,
    doors: &Doors,
    patch: bool,
) -> Outcome {
    let services = doors.services()?;
    let operator = who::key(Permission::Users, request, doors, services).await?;
    let body = object(request, payload, doors).await?;
    let id = named(user)?;
    covered(id, &operator, services).await?;
    let sent = member(&body, "registration");
    let at = match application {
        Some(named) => named.to_owned(),
        None => {
            // Only where it is: what is wrong besides is told once it is known.
            let mut faults = Faults::default();
            let read =
                read(&json!({"applicationId": member(sent, "applicationId")}), None, false, services, &mut faults)?;
            match read {
                Some(read) => read.application.id.to_string(),
                None => return Err(faults.into()),
            }
        }
    };
    let application = replaced((user, &at), sent, patch, &operator, services).await?;
    Ok(answer(&json!({"registration": registrations::registration(&found(id, services)?, &application)?})))
}

/// Changes a registration that there is; decided anew where somebody else changed the user meanwhile. Nobody is registered by it.
async fn replaced(
    (user, application): (&str, &str),
    sent: &Value,
    patch: bool,
    operator: &Operator,
    services: &Services,
) -> Result<AuthenticatedClient, Why> {
    decided(async || {
        let (account, application) = registered(user, application, operator, services).await?;
        let mut whole = Value::Null;
        if patch {
            whole = Value::Object(registrations::kept(&account, &application.id)?);
            let roles = application.state.value.roles_here(&application.id, &account.gate.value);
            merge(&mut whole, &json!({ "roles": roles }));
        }
        merge(&mut whole, sent);
        let mut faults = Faults::default();
        let read = read(&whole, Some(application), false, services, &mut faults)?;
        faults.none()?;
        let Some(read) = read else { return Err(Why::NotFound) };
        let client = read.application.id.clone();
        let command = GateCommand::SetRegistrationRoles { client, roles: read.roles.clone() };
        set(&account, &read, command, operator, services).await?;
        Ok(read.application)
    })
    .await
}

/// Delete a registration.
///
/// The user's sessions at the application end.
#[utoipa::path(delete, path = "/api/user/registration/{userId}/{applicationId}", tag = "fusionauth", operation_id = "fusionauth_delete_registration",
    params(
        ("userId" = String, Path, description = "The user's id."),
        ("applicationId" = String, Path, description = "The application's id."),
    ),
    responses(
        (status = 200, description = "It is gone; no body."),
        (status = 400, description = "An id is no UUID, or the user is let in everywhere without any registration.", body = serde_json::Value),
        (status = 401, description = "No API key, or one without the permission `users`, or that does not cover the application; no body."),
        (status = 404, description = "There is no such user, or none that the key covers, or he is not registered there; no body."),
    ),
    security(("fusionauth_key" = []))
)]
pub async fn delete(
    request: HttpRequest,
    path: web::Path<(String, String)>,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    told(deleted(&request, &path, &doors).await)
}

async fn deleted(request: &HttpRequest, (user, application): &(String, String), doors: &Doors) -> Outcome {
    let services = doors.services()?;
    let operator = who::key(Permission::Users, request, doors, services).await?;
    let (id, client) = withdrawn((user, application), &operator, services).await?;
    decided(async || {
        let account = found(id, services)?;
        // What is kept of a registration that was made meanwhile is that one's.
        if account.gate.value.is_registered_at(&client) {
            return Ok(());
        }
        keep(&account, &client, &Map::new(), &operator.asker, services).await
    })
    .await?;
    Ok(done())
}

/// Takes a registration away; decided anew where somebody else changed the user meanwhile.
async fn withdrawn(
    (user, application): (&str, &str),
    operator: &Operator,
    services: &Services,
) -> Result<(AccountId, ClientId), Why> {
    decided(async || {
        let (account, application) = registered(user, application, operator, services).await?;
        if account.gate.value.registrations.is_none() {
            let advice = "this user is let in everywhere: name his clients by PATCH /admin/accounts/{id} first";
            return Err(Faults::general("invalid", advice).into());
        }
        let (seen, client) = (Some(account.gate.version), application.id);
        let command = GateCommand::WithdrawRegistration(client.clone());
        services.administration.change_account(account.id, command, seen, &operator.asker).await?;
        Ok((account.id, client))
    })
    .await
}

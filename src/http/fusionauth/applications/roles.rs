//! `/api/application/{applicationId}/role`: the roles of an application.

use super::super::body::{Fields, Query, object};
use super::super::merge::{member, merge};
use super::super::{Outcome, answer, decided, done, told, who};
use super::{covered, fitting, random_id};
use crate::actors::{AuthenticatedClient, NotDone, Services, WholeClient};
use crate::domain::client::{Client, ClientRole, ClientSettings};
use crate::domain::permission::Permission;
use crate::domain::time::Timestamp;
use crate::http::Doors;
use crate::http::admin::Operator;
use crate::http::error::{Faults, HttpError, Why};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Bytes of a role's name at most, as everywhere.
const NAME_MAX: usize = 64;

/// A role as it is shown.
fn shown(name: &str, role: &ClientRole, (client, at): (&Client, Timestamp)) -> Value {
    let mut shown = json!({
        "id": role.id.to_string(),
        "name": name,
        "description": role.description,
        "isDefault": role.is_default,
        "isSuperRole": role.is_super,
        "insertInstant": client.created_at.0,
        "lastUpdateInstant": at.0,
    });
    if let (None, Some(fields)) = (&role.description, shown.as_object_mut()) {
        fields.remove("description");
    }
    shown
}

/// All of an application, in the order of their names.
pub fn all(client: &Client, at: Timestamp) -> Vec<Value> {
    client.settings.roles.iter().map(|(name, role)| shown(name, role, (client, at))).collect()
}

/// The roles of an application that is made.
pub fn read_all(sent: &Value, doors: &Doors, faults: &mut Faults) -> BTreeMap<String, ClientRole> {
    let mut roles = BTreeMap::new();
    let given = member(sent, "roles");
    if !given.is_null() && !given.is_array() {
        faults.add("application.roles", "couldNotConvert", "this must be a list of roles");
    }
    for role in given.as_array().into_iter().flatten() {
        let mut fields = Fields::within(role, "application.roles.", faults);
        let id = fields.parsed::<Uuid>("id", "a UUID");
        if let Some((name, role)) = read(fields, id.unwrap_or_else(|| random_id(doors)))
            && roles.insert(name, role).is_some()
        {
            faults.add("application.roles.name", "duplicate", "each role needs a name of its own");
        }
    }
    roles
}

/// A role as it was sent.
fn read(mut fields: Fields<'_>, id: Uuid) -> Option<(String, ClientRole)> {
    let name = fields.need("name").map(|name| name.trim().to_owned());
    if name.as_ref().is_some_and(|name| !(1..=NAME_MAX).contains(&name.len()) || name.chars().any(char::is_control)) {
        fields.wrong("name", "invalid", "use 1 to 64 bytes without control characters");
    }
    let role = ClientRole {
        id,
        description: fields.text("description").map(|text| text.trim().to_owned()),
        is_default: fields.flag("isDefault").unwrap_or(false),
        is_super: fields.flag("isSuperRole").unwrap_or(false),
    };
    name.map(|name| (name, role))
}

/// Make a role.
///
/// `{"role": {"name": …, "description": …, "isDefault": …, "isSuperRole": …}}`. Registrations without roles get the default ones.
#[utoipa::path(post, path = "/api/application/{applicationId}/role", tag = "fusionauth", operation_id = "fusionauth_create_role",
    params(("applicationId" = String, Path, description = "The application's id.")),
    request_body(content = serde_json::Value, content_type = "application/json"),
    responses(
        (status = 200, description = "`{\"role\": …}`", body = serde_json::Value),
        (status = 400, description = "A field is wrong, the id is no UUID, the name is taken, or there is no such application.", body = serde_json::Value),
        (status = 401, description = "No API key, or one without the permission `applications`, or that does not cover it; no body."),
        (status = 413, description = "The body is too large.", body = serde_json::Value),
        (status = 503, description = "Not done: try again after `Retry-After`.", body = serde_json::Value),
    ),
    security(("fusionauth_key" = []))
)]
pub async fn create(
    request: HttpRequest,
    id: web::Path<String>,
    payload: web::Payload,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    told(created(&request, (&id, None), payload, &doors).await)
}

/// Make a role with an id.
#[utoipa::path(post, path = "/api/application/{applicationId}/role/{roleId}", tag = "fusionauth", operation_id = "fusionauth_create_role_with_id",
    params(
        ("applicationId" = String, Path, description = "The application's id."),
        ("roleId" = String, Path, description = "The role's id: a UUID."),
    ),
    request_body(content = serde_json::Value, content_type = "application/json"),
    responses(
        (status = 200, description = "`{\"role\": …}`", body = serde_json::Value),
        (status = 400, description = "A field is wrong, an id is no UUID, the name or id is taken, or there is no such application.", body = serde_json::Value),
        (status = 401, description = "No API key, or one without the permission `applications`, or that does not cover it; no body."),
        (status = 413, description = "The body is too large.", body = serde_json::Value),
        (status = 503, description = "Not done: try again after `Retry-After`.", body = serde_json::Value),
    ),
    security(("fusionauth_key" = []))
)]
pub async fn create_with_id(
    request: HttpRequest,
    path: web::Path<(String, String)>,
    payload: web::Payload,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    let (id, role) = path.into_inner();
    told(created(&request, (&id, Some(&role)), payload, &doors).await)
}

async fn created(
    request: &HttpRequest,
    (id, role): (&str, Option<&str>),
    payload: web::Payload,
    doors: &Doors,
) -> Outcome {
    let services = doors.services()?;
    let operator = who::key(Permission::Applications, request, doors, services).await?;
    let body = object(request, payload, doors).await?;
    let mut faults = Faults::default();
    let role_id = match role.map(Uuid::try_parse) {
        None => random_id(doors),
        Some(Ok(id)) => id,
        Some(Err(_)) => return Err(Faults::of("roleId", "couldNotConvert", "this must be a UUID").into()),
    };
    let made = read(Fields::within(member(&body, "role"), "role.", &mut faults), role_id);
    faults.none()?;
    let Some((name, role)) = made else { return Err(Why::NotFound) };
    let application = change(id, &operator, services, |settings| {
        if settings.roles.contains_key(&name) {
            return Err(Faults::of("role.name", "duplicate", "the application has a role of this name").into());
        }
        if settings.roles.values().any(|other| other.id == role.id) {
            return Err(Faults::of("roleId", "duplicate", "the application has a role with this id").into());
        }
        settings.roles.insert(name.clone(), role.clone());
        Ok(())
    })
    .await
    .map_err(no_such_application)
    .map_err(fitting("role"))?;
    Ok(answer(&json!({"role": shown(&name, &role, (&application.state.value, application.state.at))})))
}

/// Where a role is made, an application that is not there is a wrong field.
fn no_such_application(why: Why) -> Why {
    match why {
        Why::NotDone(NotDone::Missing) => Faults::of("applicationId", "invalid", "there is no such application").into(),
        other => other,
    }
}

/// Replace a role.
///
/// Its name cannot be changed: registrations hold it.
#[utoipa::path(put, path = "/api/application/{applicationId}/role/{roleId}", tag = "fusionauth", operation_id = "fusionauth_update_role",
    params(
        ("applicationId" = String, Path, description = "The application's id."),
        ("roleId" = String, Path, description = "The role's id."),
    ),
    request_body(content = serde_json::Value, content_type = "application/json"),
    responses(
        (status = 200, description = "`{\"role\": …}`", body = serde_json::Value),
        (status = 400, description = "A field is wrong, an id is no UUID, or there is no such application.", body = serde_json::Value),
        (status = 401, description = "No API key, or one without the permission `applications`, or that does not cover it; no body."),
        (status = 404, description = "There is no such role; no body."),
        (status = 413, description = "The body is too large.", body = serde_json::Value),
        (status = 503, description = "Not done: try again after `Retry-After`.", body = serde_json::Value),
    ),
    security(("fusionauth_key" = []))
)]
pub async fn update(
    request: HttpRequest,
    path: web::Path<(String, String)>,
    payload: web::Payload,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    told(replaced(&request, &path, payload, &doors, false).await)
}

/// Change a role.
///
/// What is left out stays as it is.
#[utoipa::path(patch, path = "/api/application/{applicationId}/role/{roleId}", tag = "fusionauth", operation_id = "fusionauth_patch_role",
    params(
        ("applicationId" = String, Path, description = "The application's id."),
        ("roleId" = String, Path, description = "The role's id."),
    ),
    request_body(content = serde_json::Value, content_type = "application/json"),
    responses(
        (status = 200, description = "`{\"role\": …}`", body = serde_json::Value),
        (status = 400, description = "A field is wrong, an id is no UUID, or there is no such application.", body = serde_json::Value),
        (status = 401, description = "No API key, or one without the permission `applications`, or that does not cover it; no body."),
        (status = 404, description = "There is no such role; no body."),
        (status = 413, description = "The body is too large.", body = serde_json::Value),
        (status = 503, description = "Not done: try again after `Retry-After`.", body = serde_json::Value),
    ),
    security(("fusionauth_key" = []))
)]
pub async fn patch(
    request: HttpRequest,
    path: web::Path<(String, String)>,
    payload: web::Payload,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    told(replaced(&request, &path, payload, &doors, true).await)
}

async fn replaced(
    request: &HttpRequest,
    (id, role): &(String, String),
    payload: web::Payload,
    doors: &Doors,
    patch: bool,
) -> Outcome {
    let services = doors.services()?;
    let operator = who::key(Permission::Applications, request, doors, services).await?;
    let body = object(request, payload, doors).await?;
    covered(id, &operator, services).await.map_err(no_such_application)?;
    let sent = member(&body, "role");
    let mut name = String::new();
    let application = change(id, &operator, services, |settings| {
        let (had, before) = named(settings, role).ok_or(Why::NotFound)?;
        let mut whole = if patch {
            json!({"name": had, "description": before.description, "isDefault": before.is_default,
                "isSuperRole": before.is_super})
        } else {
            json!({})
        };
        merge(&mut whole, sent);
        let mut faults = Faults::default();
        let read = read(Fields::within(&whole, "role.", &mut faults), before.id);
        faults.none()?;
        let Some((wanted, role)) = read else { return Err(Why::NotFound) };
        if wanted != had {
            let advice = "the name of a role cannot be changed, since registrations hold it: make another role";
            return Err(Faults::of("role.name", "invalid", advice).into());
        }
        settings.roles.insert(had.clone(), role);
        name = had;
        Ok(())
    })
    .await
    .map_err(fitting("role"))?;
    let role = application.state.value.settings.roles.get(&name).ok_or(Why::NotFound)?;
    Ok(answer(&json!({"role": shown(&name, role, (&application.state.value, application.state.at))})))
}

/// Delete a role.
///
/// No token and no registration has it any more, until a role of this name is made again. The last role stays: an application that
/// lists none knows all.
#[utoipa::path(delete, path = "/api/application/{applicationId}/role/{roleId}", tag = "fusionauth", operation_id = "fusionauth_delete_role",
    params(
        ("applicationId" = String, Path, description = "The application's id."),
        ("roleId" = String, Path, description = "The role's id."),
    ),
    responses(
        (status = 200, description = "It is gone; no body."),
        (status = 400, description = "It is the last one, or an id is no UUID.", body = serde_json::Value),
        (status = 401, description = "No API key, or one without the permission `applications`, or that does not cover it; no body."),
        (status = 404, description = "There is no such role or application; no body."),
        (status = 503, description = "Not done: try again after `Retry-After`.", body = serde_json::Value),
    ),
    security(("fusionauth_key" = []))
)]
pub async fn delete(
    request: HttpRequest,
    path: web::Path<(String, String)>,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    let (id, role) = path.into_inner();
    let by_id = |settings: &ClientSettings| named(settings, &role).map(|(name, _)| name);
    told(deleted(&request, &id, by_id, &doors).await)
}

/// Delete a role by its name.
///
/// No token and no registration has it any more, until a role of this name is made again. The last role stays: an application that
/// lists none knows all.
#[utoipa::path(delete, path = "/api/application/{applicationId}/role", tag = "fusionauth", operation_id = "fusionauth_delete_role_by_name",
    params(
        ("applicationId" = String, Path, description = "The application's id."),
        ("name" = String, Query, description = "The role's name."),
    ),
    responses(
        (status = 200, description = "It is gone; no body."),
        (status = 400, description = "It is the last one, or an id is no UUID.", body = serde_json::Value),
        (status = 401, description = "No API key, or one without the permission `applications`, or that does not cover it; no body."),
        (status = 404, description = "There is no such role or application; no body."),
        (status = 503, description = "Not done: try again after `Retry-After`.", body = serde_json::Value),
    ),
    security(("fusionauth_key" = []))
)]
pub async fn delete_by_name(
    request: HttpRequest,
    id: web::Path<String>,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    let query = match Query::of(&request) {
        Ok(query) => query,
        Err(why) => return told(Err(why)),
    };
    let name = query.get("name").map(str::to_owned);
    let by_name = |settings: &ClientSettings| name.clone().filter(|name| settings.roles.contains_key(name));
    told(deleted(&request, &id, by_name, &doors).await)
}

async fn deleted(
    request: &HttpRequest,
    id: &str,
    which: impl Fn(&ClientSettings) -> Option<String>,
    doors: &Doors,
) -> Outcome {
    let services = doors.services()?;
    let operator = who::key(Permission::Applications, request, doors, services).await?;
    change(id, &operator, services, |settings| {
        let name = which(settings).ok_or(Why::NotFound)?;
        if settings.roles.len() == 1 {
            let advice =
                "an application that lists no role knows all: make another role first, or take this one from its users";
            return Err(Faults::general("lastRole", advice).into());
        }
        settings.roles.remove(&name);
        Ok(())
    })
    .await?;
    Ok(done())
}

/// The role of an id.
fn named(settings: &ClientSettings, id: &str) -> Option<(String, ClientRole)> {
    let id = Uuid::try_parse(id).ok()?;
    settings.roles.iter().find(|(_, role)| role.id == id).map(|(name, role)| (name.clone(), role.clone()))
}

/// Changes the settings of an application, and gives it as it is then.
async fn change(
    id: &str,
    operator: &Operator,
    services: &Services,
    mut change: impl FnMut(&mut ClientSettings) -> Result<(), Why>,
) -> Result<AuthenticatedClient, Why> {
    decided(async || {
        let application = covered(id, operator, services).await?;
        let mut settings = application.state.value.settings.clone();
        change(&mut settings)?;
        let wanted = WholeClient { settings, secret: None, enabled: None };
        let seen = application.state.version;
        services.administration.replace_client(&application.id, &wanted, seen, &operator.asker).await?;
        covered(id, operator, services).await
    })
    .await
}

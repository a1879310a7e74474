//! Users as they are deactivated and deleted.

use super::super::body::{Fields, Query, object};
use super::super::{Outcome, done, told, who};
use super::{covered, named, own_door};
use crate::domain::gate::GateCommand;
use crate::domain::permission::Permission;
use crate::http::Doors;
use crate::http::error::{Faults, HttpError, Why};
use actix_web::{HttpRequest, HttpResponse, web};

/// Deactivate a user, or delete him for good.
///
/// Deactivated, he is not let in, and his sessions end. With `?hardDelete=true`, or `{"hardDelete": true}`, he is forgotten: that needs
/// the permission `erase` in place of `users`.
#[utoipa::path(delete, path = "/api/user/{userId}", tag = "fusionauth", operation_id = "fusionauth_delete_user",
    params(
        ("userId" = String, Path, description = "The user's id."),
        ("hardDelete" = Option<bool>, Query, description = "`true`: for good."),
    ),
    request_body(content = Option<serde_json::Value>, content_type = "application/json"),
    responses(
        (status = 200, description = "He is; no body."),
        (status = 400, description = "The id is no UUID.", body = serde_json::Value),
        (status = 401, description = "No API key, or one without the permission `users` (for good: `erase`); no body."),
        (status = 404, description = "There is no such user, or none that the key covers; no body."),
        (status = 501, description = "`bulk`: users are deleted one by one here.", body = serde_json::Value),
    ),
    security(("fusionauth_key" = []))
)]
pub async fn delete(
    request: HttpRequest,
    id: web::Path<String>,
    payload: web::Payload,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    told(deleted(&request, &id, payload, &doors).await)
}

async fn deleted(request: &HttpRequest, id: &str, payload: web::Payload, doors: &Doors) -> Outcome {
    let services = doors.services()?;
    own_door(id)?;
    let by_query = Query::of(request)?.get("hardDelete") == Some("true");
    // Read first: it says which permission is asked for.
    let body = object(request, payload, doors).await?;
    let mut faults = Faults::default();
    let for_good = by_query || Fields::of(&body, &mut faults).flag("hardDelete") == Some(true);
    let permission = if for_good { Permission::Erase } else { Permission::Users };
    let operator = who::key(permission, request, doors, services).await?;
    faults.none()?;
    let account = covered(named(id)?, &operator, services).await?;
    let command = if for_good { GateCommand::Erase } else { GateCommand::Disable };
    services.administration.change_account(account.id, command, None, &operator.asker).await?;
    Ok(done())
}

/// Nobody is deleted without an id.
#[utoipa::path(delete, path = "/api/user", tag = "fusionauth", operation_id = "fusionauth_delete_no_user",
    responses((status = 400, description = "Always: the id is missing.", body = serde_json::Value))
)]
pub async fn delete_none() -> Result<HttpResponse, HttpError> {
    told(Err(Why::from(Faults::of("userId", "missing", "name the user in the path"))))
}

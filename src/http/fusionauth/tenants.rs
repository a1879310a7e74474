//! `/api/tenant`: the one tenant; and `/api/status`, `/api/health`, for who asks FusionAuth's way whether the server is well.

use super::{answer, done, page, told, who};
use crate::actors::Services;
use crate::domain::permission::Permission;
use crate::http::Doors;
use crate::http::error::{HttpError, Why};
use crate::http::ops::health;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};
use uuid::Uuid;

/// The routes of this group.
pub fn routes(config: &mut ServiceConfig) {
    let tenant = page("/api/tenant/{tenantId}", "GET, POST");
    let status = page("/api/status", "GET").route(web::get().to(status));
    let health = page("/api/health", "GET").route(web::get().to(health));
    config
        .service(page("/api/tenant", "GET, POST").route(web::get().to(list)).route(web::post().to(create)))
        .service(tenant.route(web::get().to(show)).route(web::post().to(create_with_id)))
        .service(status)
        .service(health);
}

/// The tenant, as much of it as its clients look for.
fn shown(doors: &Doors, services: &Services) -> Value {
    json!({
        "id": services.core.tenant.to_string(),
        "name": "Default",
        "issuer": doors.settings.issuer,
        "state": "Active",
        "configured": true,
        "emailConfiguration": {"verifyEmail": false},
        "loginConfiguration": {"requireAuthentication": true},
    })
}

/// List tenants.
///
/// There is one.
#[utoipa::path(get, path = "/api/tenant", tag = "fusionauth", operation_id = "fusionauth_list_tenants",
    responses(
        (status = 200, description = "`{\"tenants\": […]}`", body = serde_json::Value),
        (status = 401, description = "No API key, or one without the permission `applications`; no body."),
    ),
    security(("fusionauth_key" = []))
)]
pub async fn list(request: HttpRequest, doors: web::Data<Doors>) -> Result<HttpResponse, HttpError> {
    let outcome = async {
        let services = doors.services()?;
        who::key(Permission::Applications, &request, &doors, services).await?;
        Ok(answer(&json!({"tenants": [shown(&doors, services)]})))
    };
    told(outcome.await)
}

/// Show a tenant.
#[utoipa::path(get, path = "/api/tenant/{tenantId}", tag = "fusionauth", operation_id = "fusionauth_show_tenant",
    params(("tenantId" = String, Path, description = "The tenant's id.")),
    responses(
        (status = 200, description = "`{\"tenant\": …}`", body = serde_json::Value),
        (status = 401, description = "No API key, or one without the permission `applications`; no body."),
        (status = 404, description = "There is no such tenant; no body."),
        (status = 501, description = "`search`: tenants are not searched here.", body = serde_json::Value),
    ),
    security(("fusionauth_key" = []))
)]
pub async fn show(
    request: HttpRequest,
    id: web::Path<String>,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    let outcome = async {
        if id.as_str() == "search" {
            return Err(ONE_TENANT);
        }
        let services = doors.services()?;
        who::key(Permission::Applications, &request, &doors, services).await?;
        if Uuid::try_parse(&id) != Ok(services.core.tenant) {
            return Err(Why::NotFound);
        }
        Ok(answer(&json!({"tenant": shown(&doors, services)})))
    };
    told(outcome.await)
}

const ONE_TENANT: Why =
    Why::NotSupported("there is one tenant here, and no other can be made: GET /api/tenant shows it");

/// Tenants are not made here.
#[utoipa::path(post, path = "/api/tenant", tag = "fusionauth", operation_id = "fusionauth_create_tenant",
    responses((status = 501, description = "There is one tenant, and no other can be made.", body = serde_json::Value))
)]
pub async fn create() -> Result<HttpResponse, HttpError> {
    told(Err(ONE_TENANT))
}

/// Tenants are not made here, whatever their id.
#[utoipa::path(post, path = "/api/tenant/{tenantId}", tag = "fusionauth", operation_id = "fusionauth_create_tenant_with_id",
    params(("tenantId" = String, Path, description = "The id that it would have.")),
    responses((status = 501, description = "There is one tenant, and no other can be made.", body = serde_json::Value))
)]
pub async fn create_with_id() -> Result<HttpResponse, HttpError> {
    told(Err(ONE_TENANT))
}

/// Whether requests should be sent here, as FusionAuth says it.
#[utoipa::path(get, path = "/api/status", tag = "fusionauth", operation_id = "fusionauth_status",
    responses(
        (status = 200, description = "They should: `{}`.", body = serde_json::Value),
        (status = 503, description = "They should not: `GET /health/ready` says why.", body = serde_json::Value),
    )
)]
pub async fn status(doors: web::Data<Doors>) -> Result<HttpResponse, HttpError> {
    told(well(&doors).await.map(|()| answer(&json!({}))))
}

/// Whether requests should be sent here, in a status alone.
#[utoipa::path(get, path = "/api/health", tag = "fusionauth", operation_id = "fusionauth_health",
    responses(
        (status = 200, description = "They should; no body."),
        (status = 503, description = "They should not: `GET /health/ready` says why.", body = serde_json::Value),
    )
)]
pub async fn health(doors: web::Data<Doors>) -> Result<HttpResponse, HttpError> {
    told(well(&doors).await.map(|()| done()))
}

async fn well(doors: &web::Data<Doors>) -> Result<(), Why> {
    if health::ready(doors.clone()).await.status().is_success() { Ok(()) } else { Err(Why::Starting) }
}

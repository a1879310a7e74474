//! Applications as they are looked at.

use super::super::body::Query;
use super::super::merge::{member, without};
use super::super::{Outcome, answer, told, who};
use super::{body, covered, named};
use crate::domain::permission::Permission;
use crate::http::Doors;
use crate::http::error::{HttpError, Why};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

/// How long FusionAuth's own pages keep a session: a figure that its clients look for.
const SESSION_SECONDS: u32 = 3600;

/// List applications.
///
/// Those that are active, or with `inactive=true` those that are not; the one made last comes first.
#[utoipa::path(get, path = "/api/application", tag = "fusionauth", operation_id = "fusionauth_list_applications",
    params(("inactive" = Option<bool>, Query, description = "`true`: those that are not active.")),
    responses(
        (status = 200, description = "`{\"applications\": […]}`", body = serde_json::Value),
        (status = 401, description = "No API key, or one without the permission `applications`; no body."),
    ),
    security(("fusionauth_key" = []))
)]
pub async fn list(request: HttpRequest, doors: web::Data<Doors>) -> Result<HttpResponse, HttpError> {
    told(listed(&request, &doors).await)
}

async fn listed(request: &HttpRequest, doors: &Doors) -> Outcome {
    let services = doors.services()?;
    let operator = who::key(Permission::Applications, request, doors, services).await?;
    let inactive = Query::of(request)?.get("inactive") == Some("true");
    let mut found = Vec::new();
    for id in services.administration.clients().iter().filter(|id| operator.covers(id)) {
        let application = who::application(id.as_str(), services)?;
        found.extend(application.filter(|application| application.state.value.enabled != inactive));
    }
    found.sort_by_key(|application| std::cmp::Reverse(application.state.value.created_at));
    let tenant = services.core.tenant;
    let applications: Vec<_> = found.iter().map(|application| body::shown(application, tenant, None)).collect();
    Ok(answer(&json!({"applications": applications})))
}

/// Show an application.
///
/// Without its secret: that was shown when it was made, and only its digest is kept.
#[utoipa::path(get, path = "/api/application/{applicationId}", tag = "fusionauth", operation_id = "fusionauth_show_application",
    params(("applicationId" = String, Path, description = "The application's id.")),
    responses(
        (status = 200, description = "`{\"application\": …}`", body = serde_json::Value),
        (status = 400, description = "The id is no UUID.", body = serde_json::Value),
        (status = 401, description = "No API key, or one without the permission `applications`, or that does not cover it; no body."),
        (status = 404, description = "There is no such application; no body."),
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
        let operator = who::key(Permission::Applications, &request, &doors, services).await?;
        let application = covered(&id, &operator, services).await?;
        Ok(answer(&json!({"application": body::shown(&application, services.core.tenant, None)})))
    };
    told(outcome.await)
}

/// Show what an app must know to log people in at an application.
///
/// Anybody may ask. The secret is never in it: only its digest is kept.
#[utoipa::path(get, path = "/api/application/{applicationId}/oauth-configuration", tag = "fusionauth",
    operation_id = "fusionauth_show_oauth_configuration",
    params(("applicationId" = String, Path, description = "The application's id.")),
    responses(
        (status = 200, description = "`{\"oauthConfiguration\": …}`", body = serde_json::Value),
        (status = 400, description = "The id is no UUID.", body = serde_json::Value),
        (status = 401, description = "An API key was shown that is not in force, lacks the permission `applications` or does not cover it; no body."),
        (status = 404, description = "There is no such application; no body."),
    ),
    security((), ("fusionauth_key" = []))
)]
pub async fn oauth(
    request: HttpRequest,
    id: web::Path<String>,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    told(configured(&request, &id, &doors).await)
}

async fn configured(request: &HttpRequest, id: &str, doors: &Doors) -> Outcome {
    let services = doors.services()?;
    let application = if who::shows_key(request) {
        let operator = who::key(Permission::Applications, request, doors, services).await?;
        covered(id, &operator, services).await?
    } else {
        who::tenant(request, services)?;
        named(id, services)?
    };
    let mut shown = body::shown(&application, services.core.tenant, None);
    let logout = member(member(&shown, "oauthConfiguration"), "logoutURL").clone();
    let mut oauth = shown.get_mut("oauthConfiguration").map(serde_json::Value::take).ok_or(Why::NotFound)?;
    without(&mut oauth, &["/clientSecret"]);
    let mut found = json!({"httpSessionMaxInactiveInterval": SESSION_SECONDS, "oauthConfiguration": oauth});
    if let (false, Some(fields)) = (logout.is_null(), found.as_object_mut()) {
        fields.insert("logoutURL".to_owned(), logout);
    }
    Ok(answer(&found))
}

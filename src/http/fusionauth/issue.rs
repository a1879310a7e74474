//! `GET /api/jwt/issue`: a person who is logged in at one application comes to another.

use super::body::Query;
use super::login::status;
use super::ping::Vouched;
use super::{Outcome, told, who};
use crate::domain::account::LoginHow;
use crate::http::Doors;
use crate::http::error::{Faults, HttpError, no_store};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use serde_json::json;

/// Come to another application (FusionAuth).
///
/// With a person's access token, in the header or the cookie: a `token` of another application for the same person, which lives no longer
/// than the one that was shown, and is over when that one's session is. There is no refresh token with it: who stays logs in there.
#[utoipa::path(get, path = "/api/jwt/issue", tag = "fusionauth", operation_id = "fusionauth_issue",
    params(
        ("applicationId" = String, Query, description = "The other application."),
    ),
    responses(
        (status = 200, description = "`token`.", body = serde_json::Value),
        (status = 202, description = "The same of somebody who is not registered there: a token of the tenant.", body = serde_json::Value),
        (status = 400, description = "There is no such application, or it is disabled; or the password must be changed first.", body = serde_json::Value),
        (status = 401, description = "No access token, or one that is not active."),
        (status = 423, description = "The account is disabled."),
        (status = 503, description = "Not decided: try again after `Retry-After`.", body = serde_json::Value),
    ),
    security(("access_token" = []))
)]
pub async fn issue(request: HttpRequest, doors: web::Data<Doors>) -> Result<HttpResponse, HttpError> {
    told(issued(&request, &doors).await)
}

async fn issued(request: &HttpRequest, doors: &Doors) -> Outcome {
    let services = doors.services()?;
    let holder = who::Holder::of(request, doors, services)?;
    let query = Query::of(request)?;
    let Some(named) = query.get("applicationId") else {
        return Err(Faults::of("applicationId", "missing", "this is missing").into());
    };
    let Some(application) = who::application(named, services)? else {
        return Err(Faults::of("applicationId", "invalid", "there is no such application").into());
    };
    let vouched = Vouched {
        account: holder.account,
        application: Some(application.clone()),
        how: LoginHow::Issued,
        until: Some(holder.until),
        came_of: Some(holder.session),
        asker: holder.asker,
    };
    let issued = vouched.log_in(services).await?;
    let body = json!({ "token": issued.access_token });
    Ok(no_store(&mut HttpResponseBuilder::new(status(&issued, Some(&application)))).json(body))
}

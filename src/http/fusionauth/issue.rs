//! `GET /api/jwt/issue`: a person who is logged in at one application comes to another.

use super::body::Query;
use super::login::status;
use super::ping::Vouched;
use super::{Outcome, cookies, told, who};
use crate::actors::{Bearer, Services};
use crate::domain::account::LoginHow;
use crate::domain::time::Timestamp;
use crate::http::Doors;
use crate::http::error::{Faults, HttpError, Why, no_store};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use serde_json::json;

/// Come to another application (FusionAuth).
///
/// With a person's access token, in the header or the cookie: a `token` of another application for the same person, which lives no longer
/// than the one that was shown. Where a good refresh token of the person is shown, too, in the cookie or else as `refreshToken`, and the
/// application gives refresh tokens, there is a `refreshToken`; its session ends with that of the one that was shown.
#[utoipa::path(get, path = "/api/jwt/issue", tag = "fusionauth", operation_id = "fusionauth_issue",
    params(
        ("applicationId" = String, Query, description = "The other application."),
        ("refreshToken" = Option<String>, Query, description = "A refresh token of the person."),
    ),
    responses(
        (status = 200, description = "`token` and, where there is one, `refreshToken`.", body = serde_json::Value),
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
    let shown = who::cookie(request, cookies::REFRESH).or_else(|| query.get("refreshToken").map(str::to_owned));
    let end = match shown {
        Some(token) if application.state.value.settings.refresh_at_login => end_of(&token, &holder, services).await?,
        _ => None,
    };
    let vouched = Vouched {
        account: holder.account,
        application: Some(application.clone()),
        how: LoginHow::Issued,
        refresh: end.is_some(),
        until: Some(end.unwrap_or(holder.until)),
        asker: holder.asker,
    };
    let issued = vouched.log_in(services).await?;
    let mut body = json!({ "token": issued.access_token });
    if let Some(token) = &issued.refresh_token {
        body["refreshToken"] = json!(token);
    }
    Ok(no_store(&mut HttpResponseBuilder::new(status(&issued, Some(&application)))).json(body))
}

/// When the session of a refresh token ends at the latest; `None` where it is not good, or of somebody else.
async fn end_of(token: &str, holder: &who::Holder, services: &Services) -> Result<Option<Timestamp>, Why> {
    let good = services.sessions.good(token, &Bearer::Anybody, holder.asker.clone()).await.map_err(Why::Refused)?;
    let own = good.filter(|(_, session)| session.account == holder.account);
    Ok(own.map(|(_, session)| session.absolute_end))
}

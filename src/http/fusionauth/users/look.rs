//! Users as they are looked at.

use super::super::body::Query;
use super::super::{Outcome, answer, person, told, who};
use super::{covered, found, named, own_door};
use crate::actors::{NotDone, Services};
use crate::domain::ids::AccountId;
use crate::domain::permission::Permission;
use crate::http::Doors;
use crate::http::error::{Faults, HttpError, Why};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

/// Find a user.
///
/// By `email`, `username` or `loginId` with an API key; or with an access token and none of them, the person of that token.
#[utoipa::path(get, path = "/api/user", tag = "fusionauth", operation_id = "fusionauth_find_user",
    params(
        ("email" = Option<String>, Query, description = "An e-mail address."),
        ("username" = Option<String>, Query, description = "A username."),
        ("loginId" = Option<String>, Query, description = "Either."),
        ("loginIdTypes" = Option<String>, Query, description = "`email` or `username`, several times for both: what `loginId` may be."),
    ),
    responses(
        (status = 200, description = "`{\"user\": …}`", body = serde_json::Value),
        (status = 400, description = "Nothing says who is meant.", body = serde_json::Value),
        (status = 401, description = "No API key and no access token that are in force, or a key without the permission `users`; no body."),
        (status = 404, description = "There is no such user, or none that the key covers; no body."),
        (status = 501, description = "Users are not found by what was sent.", body = serde_json::Value),
    ),
    security(("fusionauth_key" = []), ("access_token" = []))
)]
pub async fn find(request: HttpRequest, doors: web::Data<Doors>) -> Result<HttpResponse, HttpError> {
    told(looked_up(&request, &doors).await)
}

async fn looked_up(request: &HttpRequest, doors: &Doors) -> Outcome {
    let services = doors.services()?;
    let query = Query::of(request)?;
    let by = ["email", "username", "loginId", "changePasswordId", "verificationId"];
    let sought = by.iter().find_map(|name| Some((*name, query.get(name)?)));
    if sought.is_none() && !who::shows_key(request) {
        let own = who::Holder::of(request, doors, services)?.account;
        return Ok(answer(&json!({"user": person::shown(&found(own, services)?, services)?})));
    }
    let operator = who::key(Permission::Users, request, doors, services).await?;
    let (name, text) = sought.ok_or_else(|| Faults::of("email", "blank", "say who: by email, username or loginId"))?;
    let types = query.all("loginIdTypes");
    let fits = match name {
        "email" => text.contains('@'),
        "username" => !text.contains('@'),
        "loginId" => types.is_empty() || types.contains(&if text.contains('@') { "email" } else { "username" }),
        _ => return Err(Why::NotSupported("users are found by email, username, loginId or id here")),
    };
    let id = if fits { of_login(text, services)? } else { None };
    let account = covered(id.ok_or(Why::NotDone(NotDone::Missing))?, &operator, services).await?;
    Ok(answer(&json!({"user": person::shown(&account, services)?})))
}

/// Whose login id it is.
pub fn of_login(login: &str, services: &Services) -> Result<Option<AccountId>, Why> {
    services.administration.find_account(login).map_err(Why::Refused)
}

/// Show a user.
#[utoipa::path(get, path = "/api/user/{userId}", tag = "fusionauth", operation_id = "fusionauth_show_user",
    params(("userId" = String, Path, description = "The user's id.")),
    responses(
        (status = 200, description = "`{\"user\": …}`", body = serde_json::Value),
        (status = 400, description = "The id is no UUID.", body = serde_json::Value),
        (status = 401, description = "No API key, or one without the permission `users`; no body."),
        (status = 404, description = "There is no such user, or none that the key covers; no body."),
        (status = 501, description = "`bulk` and other doors of FusionAuth's that are not served.", body = serde_json::Value),
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
        own_door(&id)?;
        let operator = who::key(Permission::Users, &request, &doors, services).await?;
        let account = covered(named(&id)?, &operator, services).await?;
        Ok(answer(&json!({"user": person::shown(&account, services)?})))
    };
    told(outcome.await)
}

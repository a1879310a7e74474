//! Users as they are looked up by their ids, several at once.

use super::super::body::{Fields, Query, object};
use super::super::merge::member;
use super::super::{Outcome, answer, person, told, who};
use super::found;
use crate::actors::{NotDone, Services};
use crate::domain::ids::AccountId;
use crate::domain::permission::Permission;
use crate::http::Doors;
use crate::http::admin::Operator;
use crate::http::error::{Faults, HttpError, Why};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;
use uuid::Uuid;

/// Ids that are looked up at once at most.
const IDS_MAX: usize = 500;
/// How users are searched in FusionAuth otherwise.
const OTHER_WAYS: [&str; 3] = ["query", "queryString", "nextResults"];

/// Look up users by their ids.
///
/// Who is not there, or not covered by the API key, is left out. Users are not searched by what is known of them: that is sealed.
#[utoipa::path(get, path = "/api/user/search", tag = "fusionauth", operation_id = "fusionauth_search_users",
    params(("ids" = Vec<String>, Query, description = "The ids, as one parameter each.")),
    responses(
        (status = 200, description = "`{\"total\": …, \"users\": […]}`", body = serde_json::Value),
        (status = 400, description = "No ids, too many, or one that is no UUID.", body = serde_json::Value),
        (status = 401, description = "No API key, or one without the permission `users`; no body."),
        (status = 501, description = "A search by anything but ids.", body = serde_json::Value),
    ),
    security(("fusionauth_key" = []))
)]
pub async fn by_query(request: HttpRequest, doors: web::Data<Doors>) -> Result<HttpResponse, HttpError> {
    let outcome = async {
        let services = doors.services()?;
        let operator = who::key(Permission::Users, &request, &doors, services).await?;
        let query = Query::of(&request)?;
        let otherwise = OTHER_WAYS.iter().any(|name| query.get(name).is_some());
        looked_up(&query.all("ids"), otherwise, "ids", &operator, services)
    };
    told(outcome.await)
}

/// Look up users by their ids, in a body.
///
/// `{"search": {"ids": […]}}`.
#[utoipa::path(post, path = "/api/user/search", tag = "fusionauth", operation_id = "fusionauth_search_users_by_body",
    request_body(content = serde_json::Value, content_type = "application/json", example = json!({"search": {"ids": ["…"]}})),
    responses(
        (status = 200, description = "`{\"total\": …, \"users\": […]}`", body = serde_json::Value),
        (status = 400, description = "No ids, too many, or one that is no UUID.", body = serde_json::Value),
        (status = 401, description = "No API key, or one without the permission `users`; no body."),
        (status = 501, description = "A search by anything but ids.", body = serde_json::Value),
    ),
    security(("fusionauth_key" = []))
)]
pub async fn by_body(
    request: HttpRequest,
    payload: web::Payload,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    let outcome = async {
        let services = doors.services()?;
        let operator = who::key(Permission::Users, &request, &doors, services).await?;
        let body = object(&request, payload, &doors).await?;
        let search = member(&body, "search");
        let mut faults = Faults::default();
        let ids = Fields::within(search, "search.", &mut faults).texts("ids").unwrap_or_default();
        let ids: Vec<String> = ids.into_iter().map(str::to_owned).collect();
        faults.none()?;
        let otherwise = OTHER_WAYS.iter().any(|name| !member(search, name).is_null());
        looked_up(&ids, otherwise, "search.ids", &operator, services)
    };
    told(outcome.await)
}

fn looked_up(
    ids: &[impl AsRef<str>],
    otherwise: bool,
    field: &str,
    operator: &Operator,
    services: &Services,
) -> Outcome {
    if ids.is_empty() && otherwise {
        return Err(Why::NotSupported("users are looked up by ids here: what is known of them is sealed"));
    }
    if ids.is_empty() {
        return Err(Faults::general("invalid", "name the ids of the users").into());
    }
    if ids.len() > IDS_MAX {
        return Err(Faults::of(field, "tooLong", &format!("name at most {IDS_MAX} ids at once")).into());
    }
    let mut sought: Vec<AccountId> = Vec::new();
    for id in ids {
        let wrong = |_| Why::from(Faults::of(field, "couldNotConvert", "this must be a UUID"));
        let id = Uuid::try_parse(id.as_ref()).map(AccountId).map_err(wrong)?;
        if !sought.contains(&id) {
            sought.push(id);
        }
    }
    let mut users = Vec::new();
    for id in sought {
        match found(id, services) {
            Ok(account) if operator.covers_person(account.gate.value.registrations.as_ref(), services)? => {
                users.push(person::shown(&account, services)?);
            }
            Ok(_) | Err(Why::NotDone(NotDone::Missing)) => {}
            Err(why) => return Err(why),
        }
    }
    Ok(answer(&json!({"total": users.len(), "users": users})))
}

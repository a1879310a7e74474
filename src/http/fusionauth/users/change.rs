//! Users as they are changed.

use super::super::body::{Query, object};
use super::super::merge::{member, merge};
use super::super::{Outcome, answer, person, registrations, told, who};
use super::{TRIES, body, covered, judged, named, own_door, shown, taken};
use crate::actors::{Account, Names, NewPassword, NotDone, PersonChange, Refused, Services, Unavailable};
use crate::domain::gate::{GateCommand, PasswordHow};
use crate::domain::ids::AccountId;
use crate::domain::permission::Permission;
use crate::http::Doors;
use crate::http::admin::Operator;
use crate::http::error::{Faults, HttpError, Why};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Map, Value, json};

/// Replace a user, or let him log in again.
///
/// What is left out of `{"user": …}` is gone, but the password, `active` and `passwordChangeRequired`, which stay. A password ends
/// every session of his, and so does `active: false`. With `?reactivate=true` and without a body, he may log in again and is
/// otherwise as he was.
#[utoipa::path(put, path = "/api/user/{userId}", tag = "fusionauth", operation_id = "fusionauth_update_user",
    params(
        ("userId" = String, Path, description = "The user's id."),
        ("reactivate" = Option<bool>, Query, description = "`true`: only let him log in again."),
    ),
    request_body(content = Option<serde_json::Value>, content_type = "application/json"),
    responses(
        (status = 200, description = "`{\"user\": …}`", body = serde_json::Value),
        (status = 400, description = "A field is wrong, or a login id is taken.", body = serde_json::Value),
        (status = 401, description = "No API key, or one without the permission `users`, or that does not cover the user; no body."),
        (status = 404, description = "There is no such user; no body."),
        (status = 501, description = "Something was asked for that is not served.", body = serde_json::Value),
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

/// Change a user.
///
/// What is left out stays as it is; `null` takes away, and lists are replaced (RFC 7396).
#[utoipa::path(patch, path = "/api/user/{userId}", tag = "fusionauth", operation_id = "fusionauth_patch_user",
    params(("userId" = String, Path, description = "The user's id.")),
    request_body(content = serde_json::Value, content_type = "application/json"),
    responses(
        (status = 200, description = "`{\"user\": …}`", body = serde_json::Value),
        (status = 400, description = "A field is wrong, or a login id is taken.", body = serde_json::Value),
        (status = 401, description = "No API key, or one without the permission `users`, or that does not cover the user; no body."),
        (status = 404, description = "There is no such user; no body."),
        (status = 501, description = "Something was asked for that is not served.", body = serde_json::Value),
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
    own_door(id)?;
    let operator = who::key(Permission::Users, request, doors, services).await?;
    let id = named(id)?;
    let reactivate = !patch && Query::of(request)?.get("reactivate") == Some("true");
    let body = object(request, payload, doors).await?;
    covered(id, &operator, services).await?;
    if reactivate {
        services.administration.change_account(id, GateCommand::Enable, None, &operator.asker).await?;
    } else {
        body::supported(&body)?;
        let sent = replaced((id, member(&body, "user"), patch), &operator, services).await?;
        opened_or_shut(id, sent, &operator, services).await?;
    }
    Ok(answer(&json!({"user": shown(id, services)?})))
}

/// Changes who he is: login ids, and what apps keep about him. Gives what was sent, with nothing wrong in it.
async fn replaced(
    (id, sent, patch): (AccountId, &Value, bool),
    operator: &Operator,
    services: &Services,
) -> Result<body::Sent, Why> {
    for _ in 0..TRIES {
        let account = covered(id, operator, services).await?;
        let mut whole = json!({});
        if patch {
            whole = person::shown(&account, services)?;
        }
        merge(&mut whole, sent);
        let mut faults = Faults::default();
        let read = body::read(&whole, &mut faults)?;
        faults.none()?;
        taken(&read, Some(id), services)?.none()?;
        if let Some(password) = &read.password {
            judged("user.password", password, &read.own_words(), operator, services).await?;
        }
        let change = difference(&account, &read);
        match services.administration.change_person(id, &change, None, &operator.asker).await {
            Err(NotDone::Moved(_)) => {}
            Err(NotDone::Taken) => {
                return Err(Faults::of("user.email", "duplicate", "another user has this login id").into());
            }
            changed => return changed.map(|_| read).map_err(Why::from),
        }
    }
    Err(Why::Refused(Refused::Unavailable(Unavailable::Conflict)))
}

/// What is different of a person. What apps keep about his registrations has doors of its own.
fn difference(account: &Account, sent: &body::Sent) -> PersonChange {
    let mut change = PersonChange {
        over: Some(account.state.profile.as_ref().map(|profile| profile.commit)),
        ..PersonChange::default()
    };
    let Names { email, username } = person::names(account);
    if (&email, &username) != (&sent.email, &sent.username) {
        let (login, username) = sent.logins();
        change.login = (account.login.as_ref() != Some(&login)).then_some(login);
        change.username = (account.username != username).then_some(username);
    }
    let before = person::kept(account);
    let mut kept: Map<String, Value> = sent.kept.clone();
    if let Some(of_registrations) = before.get(registrations::FIELD) {
        kept.insert(registrations::FIELD.to_owned(), of_registrations.clone());
    }
    change.profile = (kept != before).then(|| Value::Object(kept).to_string());
    change
}

/// Sets a password, and says whether he may log in.
async fn opened_or_shut(id: AccountId, sent: body::Sent, operator: &Operator, services: &Services) -> Result<(), Why> {
    let (administration, asker) = (&services.administration, &operator.asker);
    let account = covered(id, operator, services).await?;
    let must_change = sent.must_change.unwrap_or(account.gate.value.must_change);
    if let Some(password) = sent.password {
        let how = (must_change, PasswordHow::Given);
        administration.give_password(id, NewPassword::Plain(password), how, None, asker).await?;
    }
    administration.change_account(id, GateCommand::SetMustChange(must_change), None, asker).await?;
    let command = match sent.active {
        Some(true) => GateCommand::Enable,
        Some(false) => GateCommand::Disable,
        None => return Ok(()),
    };
    administration.change_account(id, command, None, asker).await?;
    Ok(())
}

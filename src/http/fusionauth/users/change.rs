//! Users as they are changed.

use super::super::body::{Query, object};
use super::super::merge::{member, merge, without};
use super::super::{Outcome, answer, decided, person, registrations, told, who};
use super::{body, covered, judged, named, own_door, shown, taken};
use crate::actors::{Account, Names, NewPassword, NotDone, PersonChange, Services};
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
/// otherwise as he was. What is changed is recorded piece by piece: first what shuts out (`active: false`, the password), then who he
/// is, and last what lets in. A 503 may leave the later pieces undone: ask again.
#[utoipa::path(put, path = "/api/user/{userId}", tag = "fusionauth", operation_id = "fusionauth_update_user",
    params(
        ("userId" = String, Path, description = "The user's id."),
        ("reactivate" = Option<bool>, Query, description = "`true`: only let him log in again."),
    ),
    request_body(content = Option<serde_json::Value>, content_type = "application/json"),
    responses(
        (status = 200, description = "`{\"user\": …}`", body = serde_json::Value),
        (status = 400, description = "A field is wrong, or a login id is taken.", body = serde_json::Value),
        (status = 401, description = "No API key, or one without the permission `users`; no body."),
        (status = 404, description = "There is no such user, or none that the key covers; no body."),
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
/// What is left out stays as it is; `null` takes away, and lists are replaced (RFC 7396). Recorded piece by piece, as PUT does it.
#[utoipa::path(patch, path = "/api/user/{userId}", tag = "fusionauth", operation_id = "fusionauth_patch_user",
    params(("userId" = String, Path, description = "The user's id.")),
    request_body(content = serde_json::Value, content_type = "application/json"),
    responses(
        (status = 200, description = "`{\"user\": …}`", body = serde_json::Value),
        (status = 400, description = "A field is wrong, or a login id is taken.", body = serde_json::Value),
        (status = 401, description = "No API key, or one without the permission `users`; no body."),
        (status = 404, description = "There is no such user, or none that the key covers; no body."),
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
        replaced((id, member(&body, "user"), patch), &operator, services).await?;
    }
    Ok(answer(&json!({"user": shown(id, services)?})))
}

/// Changes a user; decided anew where somebody else changed him meanwhile.
async fn replaced(
    (id, sent, patch): (AccountId, &Value, bool),
    operator: &Operator,
    services: &Services,
) -> Result<(), Why> {
    let mut password = Password::Unread;
    decided(async || {
        let account = covered(id, operator, services).await?;
        let before = if patch { person::shown(&account, services)? } else { json!({}) };
        let mut faults = Faults::default();
        let read = body::read(&wanted(before, sent), &mut faults)?;
        faults.none()?;
        taken(&read, Some(id), operator, services)?.none()?;
        if let (Password::Unread, Some(plain)) = (&password, &read.password) {
            judged("user.password", plain, &read.own_words(), operator, services).await?;
            let hashed = services.administration.hashed(&NewPassword::Plain(plain.clone())).await;
            password = Password::Hashed(hashed.map_err(Why::Refused)?);
        }
        match done(&account, &read, &mut password, operator, services).await {
            Err(Why::NotDone(NotDone::Taken)) => {
                Err(Faults::of("user.email", "duplicate", "another user has this login id").into())
            }
            done => done,
        }
    })
    .await
}

/// A password on its way.
enum Password {
    /// None was sent, or it was not looked at.
    Unread,
    /// It is good, and its hash was made: setting it waits for nothing.
    Hashed(NewPassword),
    /// It is set.
    Set,
}

/// A user as he is wanted. Whether he may log in, and with this password, is what was sent alone: what is only shown here may have been
/// changed by the time that the rest is.
fn wanted(mut before: Value, sent: &Value) -> Value {
    without(&mut before, &["/active", "/passwordChangeRequired"]);
    merge(&mut before, sent);
    before
}

/// Does what is wanted to a user as he was seen: first what shuts out, and last what lets in.
async fn done(
    account: &Account,
    sent: &body::Sent,
    password: &mut Password,
    operator: &Operator,
    services: &Services,
) -> Result<(), Why> {
    let (administration, asker) = (&services.administration, &operator.asker);
    let (id, mut seen) = (account.id, account.gate.version);
    let change = difference(account, sent)?;
    if sent.active == Some(false) {
        seen = administration.change_account(id, GateCommand::Disable, Some(seen), asker).await?;
    }
    if let Password::Hashed(hashed) = password {
        let how = (sent.must_change.unwrap_or(account.gate.value.must_change), PasswordHow::Given);
        seen = administration.give_password(id, hashed.clone(), how, Some(seen), asker).await?;
        *password = Password::Set;
    }
    if sent.must_change == Some(true) {
        seen = administration.change_account(id, GateCommand::SetMustChange(true), Some(seen), asker).await?;
    }
    seen = administration.change_person(id, &change, Some(seen), asker).await?;
    if sent.must_change == Some(false) {
        seen = administration.change_account(id, GateCommand::SetMustChange(false), Some(seen), asker).await?;
    }
    if sent.active == Some(true) {
        administration.change_account(id, GateCommand::Enable, Some(seen), asker).await?;
    }
    Ok(())
}

/// What is different of a person. What apps keep about his registrations has doors of its own.
fn difference(account: &Account, sent: &body::Sent) -> Result<PersonChange, Why> {
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
    let before = person::kept(account)?;
    let mut kept: Map<String, Value> = sent.kept.clone();
    if let Some(of_registrations) = before.get(registrations::FIELD) {
        kept.insert(registrations::FIELD.to_owned(), of_registrations.clone());
    }
    if kept != before {
        change.profile = Some(body::stored(&kept, "user.data")?);
    }
    Ok(change)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whether_he_may_log_in_is_changed_only_where_that_was_sent() {
        let before = json!({"username": "neo", "active": true, "passwordChangeRequired": true, "firstName": "T"});
        let read = |sent: Value| {
            let mut faults = Faults::default();
            let read = body::read(&wanted(before.clone(), &sent), &mut faults).unwrap_or_else(|why| panic!("{why:?}"));
            (read.active, read.must_change, read.kept["firstName"].clone())
        };
        assert_eq!(read(json!({})), (None, None, json!("T")));
        assert_eq!(read(json!({"active": null, "firstName": "N"})), (None, None, json!("N")));
        let both = json!({"active": false, "passwordChangeRequired": false});
        assert_eq!(read(both), (Some(false), Some(false), json!("T")));
    }
}

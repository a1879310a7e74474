//! Passwords as people and their apps' backends change them: with a one-time code, with the old one, or with an API key.

use super::super::body::{Fields, Query, object};
use super::super::merge::member;
use super::super::{Outcome, answer, done, person, told, who};
use super::look::of_login;
use super::{body, covered, judged};
use crate::actors::{NewPassword, NotDone, Refused};
use crate::domain::denial::Denial;
use crate::domain::gate::PasswordHow;
use crate::domain::ids::AccountId;
use crate::domain::permission::Permission;
use crate::domain::time::Span;
use crate::http::Doors;
use crate::http::error::{Faults, HttpError, Why, weak};
use crate::http::who::Caller;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};
use zeroize::Zeroizing;

/// How long a `changePasswordId` may be shown: FusionAuth's default.
const CODE_TTL: Span = Span::minutes(10);
/// Bytes of one at most: ours are shorter.
const CODE_MAX: usize = 128;

/// Give a user a code by which he may set another password.
///
/// With an API key the answer is `{"changePasswordId": …}`, good for ten minutes and once: no mail is sent here, so the app sends it. Without
/// a key nothing happens, and the answer is the same for every login id.
#[utoipa::path(post, path = "/api/user/forgot-password", tag = "fusionauth", operation_id = "fusionauth_forgot_password",
    request_body(content = serde_json::Value, content_type = "application/json", example = json!({"loginId": "alice@example.com"})),
    responses(
        (status = 200, description = "With an API key `{\"changePasswordId\": …}`; no body without one."),
        (status = 400, description = "`loginId` is missing.", body = serde_json::Value),
        (status = 401, description = "An API key that is not in force or lacks the permission `users`; no body."),
        (status = 404, description = "With an API key: there is no such user, or none that the key covers, or he may not log in; no body."),
        (status = 501, description = "The caller's own `changePasswordId`: codes are drawn here.", body = serde_json::Value),
    ),
    security((), ("fusionauth_key" = []))
)]
pub async fn forgot(
    request: HttpRequest,
    payload: web::Payload,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    told(forgotten(&request, payload, &doors).await)
}

async fn forgotten(request: &HttpRequest, payload: web::Payload, doors: &Doors) -> Outcome {
    let services = doors.services()?;
    let operator = match who::shows_key(request) {
        true => Some(who::key(Permission::Users, request, doors, services).await?),
        false => None,
    };
    who::tenant(request, services)?;
    let body = object(request, payload, doors).await?;
    let mut faults = Faults::default();
    let login = Fields::of(&body, &mut faults).need("loginId").map(str::to_owned);
    faults.none()?;
    let Some(operator) = operator else { return Ok(done()) };
    if !member(&body, "changePasswordId").is_null() {
        return Err(Why::NotSupported("a changePasswordId is drawn here: leave it out and take that of the answer"));
    }
    let id = of_login(&login.unwrap_or_default(), services)?.ok_or(Why::NotFound)?;
    let account = covered(id, &operator, services).await?;
    if !account.gate.value.is_enabled() {
        return Err(Why::NotFound);
    }
    let (code, _) = services.passwords.issue_code(id, CODE_TTL, None, &operator.asker).await?;
    Ok(answer(&json!({"changePasswordId": code.as_str()})))
}

/// Whether a code is good.
#[utoipa::path(get, path = "/api/user/change-password/{changePasswordId}", tag = "fusionauth", operation_id = "fusionauth_check_change_password",
    params(("changePasswordId" = String, Path, description = "The code.")),
    responses(
        (status = 200, description = "It is; no body."),
        (status = 404, description = "It is wrong, was used, or came too late; no body."),
    )
)]
pub async fn check(
    request: HttpRequest,
    code: web::Path<String>,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    let outcome = async {
        let services = doors.services()?;
        who::tenant(&request, services)?;
        let asker = Caller::of(&request, &doors).unproven();
        services.passwords.show_code(known(&code)?, &asker).await.map_err(Why::Refused)?;
        Ok(done())
    };
    told(outcome.await)
}

/// Whether one may change a password with what one shows.
///
/// With an access token, or with an API key and `loginId`: always, where there is such a user.
#[utoipa::path(get, path = "/api/user/change-password", tag = "fusionauth", operation_id = "fusionauth_may_change_password",
    params(("loginId" = Option<String>, Query, description = "With an API key: whose password.")),
    responses(
        (status = 200, description = "He may; no body."),
        (status = 401, description = "No API key and no access token that are in force, or a key without the permission `users`; no body."),
        (status = 404, description = "There is no such user, or none that the key covers; no body."),
    ),
    security(("fusionauth_key" = []), ("access_token" = []))
)]
pub async fn may_change(request: HttpRequest, doors: web::Data<Doors>) -> Result<HttpResponse, HttpError> {
    let outcome = async {
        let services = doors.services()?;
        if !who::shows_key(&request) {
            who::Holder::of(&request, &doors, services)?;
            return Ok(done());
        }
        let operator = who::key(Permission::Users, &request, &doors, services).await?;
        let query = Query::of(&request)?;
        let id = of_login(query.get("loginId").unwrap_or_default(), services)?.ok_or(Why::NotFound)?;
        covered(id, &operator, services).await?;
        Ok(done())
    };
    told(outcome.await)
}

/// Set another password with a code.
///
/// Every session of the user ends, and the code is used. Where `currentPassword` is sent, it must be right too. There is no
/// `oneTimePassword` in the answer: log in with the new password.
#[utoipa::path(post, path = "/api/user/change-password/{changePasswordId}", tag = "fusionauth", operation_id = "fusionauth_change_password_with_code",
    params(("changePasswordId" = String, Path, description = "The code; one in the body counts in its place.")),
    request_body(content = serde_json::Value, content_type = "application/json"),
    responses(
        (status = 200, description = "It is set: `{}`.", body = serde_json::Value),
        (status = 400, description = "The new password is missing or weak.", body = serde_json::Value),
        (status = 404, description = "The code is wrong, was used, or came too late, or `currentPassword` is wrong; no body."),
    )
)]
pub async fn change_with_code(
    request: HttpRequest,
    code: web::Path<String>,
    payload: web::Payload,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    let outcome = async {
        who::tenant(&request, doors.services()?)?;
        let body = object(&request, payload, &doors).await?;
        let wanted = Wanted::of(&body)?;
        with_code(wanted.code.clone().unwrap_or_else(|| Zeroizing::new(code.to_string())), wanted, &request, &doors)
            .await
    };
    told(outcome.await)
}

/// Set another password.
///
/// With an API key: `{"loginId": …, "password": …}`, and `currentPassword` where it must be right. With an access token:
/// `{"currentPassword": …, "password": …}`. With neither: `{"changePasswordId": …, "password": …}`. Every session of the user ends. A
/// `currentPassword` that is wrong and one that was tried too often are answered alike.
#[utoipa::path(post, path = "/api/user/change-password", tag = "fusionauth", operation_id = "fusionauth_change_password",
    request_body(content = serde_json::Value, content_type = "application/json"),
    responses(
        (status = 200, description = "It is set: `{}`, and no body to an API key.", body = serde_json::Value),
        (status = 400, description = "A field is missing, the new password is weak; to an API key also: there is no such user, or `currentPassword` is wrong.", body = serde_json::Value),
        (status = 401, description = "An API key or an access token that is not in force, or a key without the permission `users`; no body."),
        (status = 404, description = "The code is wrong, was used, or came too late; with an access token: `currentPassword` is wrong; no body."),
    ),
    security((), ("fusionauth_key" = []), ("access_token" = []))
)]
pub async fn change(
    request: HttpRequest,
    payload: web::Payload,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    told(changed(&request, payload, &doors).await)
}

const NOBODY: &str = "say whose password: by a changePasswordId, by an access token, or by an API key with a loginId";

async fn changed(request: &HttpRequest, payload: web::Payload, doors: &Doors) -> Outcome {
    let services = doors.services()?;
    who::tenant(request, services)?;
    let body = object(request, payload, doors).await?;
    if who::shows_key(request) {
        return by_backend(&body, request, doors).await;
    }
    if who::access_token(request).is_some() && member(&body, "changePasswordId").is_null() {
        return by_person(&body, request, doors).await;
    }
    if member(&body, "changePasswordId").is_null() {
        return Err(Faults::general("invalid", NOBODY).into());
    }
    let wanted = Wanted::of(&body)?;
    let code = wanted.code.clone().ok_or_else(|| Faults::general("invalid", NOBODY))?;
    with_code(code, wanted, request, doors).await
}

/// What is sent to set another password.
struct Wanted {
    code: Option<Zeroizing<String>>,
    current: Option<Zeroizing<String>>,
    password: Zeroizing<String>,
}

impl Wanted {
    fn of(body: &Value) -> Result<Self, Why> {
        let mut faults = Faults::default();
        let mut fields = Fields::of(body, &mut faults);
        let owned = |text: Option<&str>| text.map(|text| Zeroizing::new(text.to_owned()));
        let (code, current) = (owned(fields.text("changePasswordId")), owned(fields.text("currentPassword")));
        let password = owned(fields.need("password"));
        for (name, text) in [("password", &password), ("currentPassword", &current)] {
            if text.as_ref().is_some_and(|text| text.len() > body::PASSWORD_MAX) {
                fields.wrong(name, "tooLong", "use at most 1024 bytes");
            }
        }
        faults.none()?;
        Ok(Self { code, current, password: password.unwrap_or_default() })
    }
}

/// A code that could be one of ours.
fn known(code: &str) -> Result<&str, Why> {
    if code.len() <= CODE_MAX { Ok(code) } else { Err(Why::NotFound) }
}

async fn with_code(code: Zeroizing<String>, wanted: Wanted, request: &HttpRequest, doors: &Doors) -> Outcome {
    let services = doors.services()?;
    let asker = Caller::of(request, doors).unproven();
    let passwords = &services.passwords;
    let shown = passwords.show_code(known(&code)?, &asker).await.map_err(Why::Refused)?;
    match wanted.current {
        None => {
            let judged = passwords.judge_another(&shown, &wanted.password, &asker).await.map_err(Why::Refused)?;
            judged.map_err(Why::Weak)?;
            passwords.reset(shown, wanted.password, &asker).await.map_err(Why::Refused)?;
        }
        Some(current) => {
            let login = shown.login.as_deref().unwrap_or_default();
            let judged = passwords.judge(&wanted.password, login, &asker).await.map_err(Why::Refused)?;
            judged.map_err(Why::Weak)?;
            let old = Zeroizing::new(current.as_bytes().to_vec());
            let changed = passwords.change(shown.account, old, wanted.password, &asker).await.map_err(Why::Refused)?;
            changed.map_err(Why::Weak)?;
        }
    }
    Ok(answer(&json!({})))
}

/// The person himself, with an own access token and the old password.
async fn by_person(body: &Value, request: &HttpRequest, doors: &Doors) -> Outcome {
    let services = doors.services()?;
    let who::Holder { account, asker, .. } = who::Holder::of(request, doors, services)?;
    let wanted = Wanted::of(body)?;
    let Some(current) = wanted.current else {
        return Err(Faults::of("currentPassword", "blank", "send the password of before too").into());
    };
    let login = own_words(account, doors)?;
    let passwords = &services.passwords;
    let judged = passwords.judge(&wanted.password, &login, &asker).await.map_err(Why::Refused)?;
    judged.map_err(Why::Weak)?;
    let old = Zeroizing::new(current.as_bytes().to_vec());
    let changed = passwords.change(account, old, wanted.password, &asker).await.map_err(Why::Refused)?;
    changed.map_err(Why::Weak)?;
    Ok(answer(&json!({})))
}

/// An app's backend, with an API key.
async fn by_backend(body: &Value, request: &HttpRequest, doors: &Doors) -> Outcome {
    let services = doors.services()?;
    let operator = who::key(Permission::Users, request, doors, services).await?;
    let mut faults = Faults::default();
    let login = Fields::of(body, &mut faults).text("loginId").map(str::to_owned);
    faults.none()?;
    if !member(body, "changePasswordId").is_null() && login.is_none() {
        let wanted = Wanted::of(body)?;
        let code = wanted.code.clone().ok_or_else(|| Faults::general("invalid", NOBODY))?;
        return with_code(code, wanted, request, doors).await;
    }
    let login = login.ok_or_else(|| Faults::general("invalid", NOBODY))?;
    let wanted = Wanted::of(body)?;
    let unknown = || Faults::of("loginId", "invalid", "there is no such user");
    let id = of_login(&login, services)?.ok_or_else(unknown)?;
    match covered(id, &operator, services).await {
        Err(Why::NotDone(NotDone::Missing)) => return Err(unknown().into()),
        known => _ = known?,
    }
    judged("password", &wanted.password, &own_words(id, doors)?, &operator, services).await?;
    match wanted.current {
        None => {
            let (password, how) = (NewPassword::Plain(wanted.password), (false, PasswordHow::Given));
            services.administration.give_password(id, password, how, None, &operator.asker).await?;
        }
        Some(current) => {
            let old = Zeroizing::new(current.as_bytes().to_vec());
            // Who guesses is the person, wherever the backend is.
            let asker = who::in_person(operator.asker.clone(), body);
            let changed = services.passwords.change(id, old, wanted.password, &asker).await;
            match changed {
                Err(Refused::Denied(Denial::OldPasswordWrong)) => {
                    return Err(Faults::of("currentPassword", "invalid", "this is not the user's password").into());
                }
                changed => changed.map_err(Why::Refused)?.map_err(|why| Why::from(weak("password", &why)))?,
            }
        }
    }
    Ok(done())
}

/// What a password of an account may not be like.
fn own_words(id: AccountId, doors: &Doors) -> Result<String, Why> {
    let account = doors.services()?.administration.account(id).map_err(Why::Refused)?;
    let names = person::names(&account.ok_or(Why::NotDone(NotDone::Missing))?);
    Ok([names.email, names.username].into_iter().flatten().collect::<Vec<_>>().join(" "))
}

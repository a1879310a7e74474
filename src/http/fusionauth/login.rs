//! `POST /api/login`.

use super::body::{self, Fields};
use super::{Outcome, cookies, person, tenant, told, who};
use crate::actors::{Asker, AuthenticatedClient, Issued, LoginAsk, LoginKind, NoLogin, Services};
use crate::config::Secret;
use crate::domain::account::LoginHow;
use crate::domain::denial::Denial;
use crate::domain::permission::Permission;
use crate::domain::session::RevokeReason;
use crate::http::Doors;
use crate::http::error::{Faults, HttpError, Why, no_store};
use crate::http::oauth::token::{CHANGE_CODE_TTL, LOGIN_LIMIT, PASSWORD_LIMIT};
use crate::http::who::Caller;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use serde_json::{Value, json};
use zeroize::Zeroizing;

/// What FusionAuth's logins can ask for and this program's cannot.
const NOT_SUPPORTED: [&str; 2] = ["oneTimePassword", "twoFactorTrustId"];

/// Log in (FusionAuth).
///
/// With `loginId`, `password` and `applicationId`, and with an API key (permission `login`) unless the application's settings say that none
/// is needed. `user`, `token`, `tokenExpirationInstant` (milliseconds) and, where the application's settings say so, `refreshToken` and
/// `refreshTokenId`, which is the session. Both tokens are set as cookies, too, unless `noJWT` is true: then only the password is checked.
#[utoipa::path(post, path = "/api/login", tag = "fusionauth", operation_id = "fusionauth_login",
    request_body(content = serde_json::Value, example = json!({"loginId": "alice@example.com", "password": "…", "applicationId": "…", "ipAddress": "203.0.113.9", "metaData": {"device": {"name": "Alice's phone"}}})),
    responses(
        (status = 200, description = "Logged in.", body = serde_json::Value),
        (status = 202, description = "The password is right, and the person is not registered at the application: a token of the tenant, without roles and without a refresh token.", body = serde_json::Value),
        (status = 203, description = "The password is right and must be changed first: `changePasswordId` is good for that, once.", body = serde_json::Value),
        (status = 400, description = "Fields are missing or wrong.", body = serde_json::Value),
        (status = 401, description = "No API key, or one that may not."),
        (status = 404, description = "The login id is unknown, the password is wrong, or there were too many attempts: nothing tells which."),
        (status = 423, description = "The password is right and the account is disabled."),
        (status = 501, description = "`oneTimePassword` and `twoFactorTrustId` are not supported.", body = serde_json::Value),
        (status = 503, description = "Not decided: try again after `Retry-After`.", body = serde_json::Value),
    ),
    security((), ("fusionauth_key" = []))
)]
pub async fn login(
    request: HttpRequest,
    payload: web::Payload,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    told(logged_in(&request, payload, &doors).await)
}

/// A login as it was sent.
struct Sent {
    login: String,
    password: Zeroizing<Vec<u8>>,
    tokens: bool,
}

fn sent(fields: &mut Fields<'_>) -> Sent {
    let login = fields.need("loginId").unwrap_or_default();
    let password = fields.need("password").unwrap_or_default();
    for (name, text, limit) in [("loginId", login, LOGIN_LIMIT), ("password", password, PASSWORD_LIMIT)] {
        if text.len() > limit {
            fields.wrong(name, "tooLong", &format!("this has more than {limit} bytes"));
        }
    }
    let tokens = !fields.flag("noJWT").unwrap_or(false);
    Sent { login: login.to_owned(), password: Zeroizing::new(password.as_bytes().to_vec()), tokens }
}

async fn logged_in(request: &HttpRequest, payload: web::Payload, doors: &Doors) -> Outcome {
    let services = doors.services()?;
    let operator = match who::shows_key(request) {
        true => Some(who::key(Permission::Login, request, doors, services).await?),
        false => None,
    };
    who::tenant(request, services)?;
    let body = body::object(request, payload, doors).await?;
    let mut faults = Faults::default();
    let mut fields = Fields::of(&body, &mut faults);
    let application = who::named_application(&mut fields, "applicationId", services)?;
    let asker = match (operator, &application) {
        (Some(operator), application) => {
            let covered = match application {
                Some(application) => operator.covers(&application.id),
                None => !operator.is_limited() || names_any(&body),
            };
            if !covered {
                return Err(operator.elsewhere(services).await);
            }
            who::in_person(operator.asker, &body)
        }
        (None, Some(application)) if !application.state.value.settings.login_needs_key => {
            let asker = Caller::of(request, doors).through(&application.state.value, false);
            who::told(asker, &body)
        }
        (None, _) => return Err(Why::NoBearer),
    };
    if NOT_SUPPORTED.iter().any(|name| fields.any(name).is_some()) {
        return Err(Why::NotSupported("there are no one-time passwords and no second factor here: send a password"));
    }
    let sent = sent(&mut fields);
    faults.none()?;
    let tokens = sent.tokens;
    let issued = decided(sent, application.as_ref(), asker.clone(), services).await?;
    answer(tokens, &issued, application.as_ref(), &asker, doors, services).await
}

/// Whether an application is named, of which there may be none.
fn names_any(body: &Value) -> bool {
    body["applicationId"].as_str().is_some_and(|id| !id.is_empty())
}

async fn decided(
    sent: Sent,
    application: Option<&AuthenticatedClient>,
    asker: Asker,
    services: &Services,
) -> Result<Issued, Why> {
    let tenant = tenant::client(services, &asker).await.map_err(Why::Refused)?;
    if let Some(application) = application {
        is_enabled(application, &asker, services).await?;
    }
    let settings = application.map(|application| &application.state.value.settings);
    let refresh = sent.tokens && settings.is_some_and(|settings| settings.refresh_at_login);
    let ask = LoginAsk {
        login: sent.login,
        password: sent.password,
        scope: None,
        kind: LoginKind { how: LoginHow::LoginApi, refresh: Some(refresh), until: None, came_of: None },
        elsewhere: Some(tenant.clone()),
        asker: asker.clone(),
    };
    match services.logins.login(application.unwrap_or(&tenant), ask).await {
        Ok(issued) => Ok(issued),
        Err(NoLogin { must_change: Some(account), .. }) => {
            let (code, _) = services.passwords.issue_code(account, CHANGE_CODE_TTL, None, &asker).await?;
            Err(Why::MustChange(Secret::new(code.to_string())))
        }
        Err(NoLogin { refused, must_change: None }) => Err(Why::Refused(refused)),
    }
}

async fn answer(
    tokens: bool,
    issued: &Issued,
    application: Option<&AuthenticatedClient>,
    asker: &Asker,
    doors: &Doors,
    services: &Services,
) -> Outcome {
    if !tokens && let Some(session) = issued.session {
        // Nobody has its tokens.
        services.sessions.end(session, RevokeReason::Revoked, None, asker.clone()).await.map_err(Why::Refused)?;
    }
    let body = told_of(issued, tokens, services)?;
    let mut answer = no_store(&mut HttpResponseBuilder::new(status(issued, application))).json(body);
    if tokens {
        cookies::give(&mut answer, issued, doors, services)?;
    }
    Ok(answer)
}

/// What the application may not do at all costs no password work, tells nothing about any account, and lets nobody in at the tenant.
///
/// # Errors
/// It is disabled; recorded.
pub async fn is_enabled(application: &AuthenticatedClient, asker: &Asker, services: &Services) -> Result<(), Why> {
    if application.state.value.enabled {
        return Ok(());
    }
    Err(Why::Refused(services.clients.refuse(&application.id, Denial::ClientDisabled, asker).await))
}

/// 202 where somebody is not registered at the application that was named.
pub fn status(issued: &Issued, application: Option<&AuthenticatedClient>) -> StatusCode {
    let elsewhere = application.is_some_and(|application| application.id != issued.client);
    if elsewhere { StatusCode::ACCEPTED } else { StatusCode::OK }
}

/// The person who logged in, with his tokens if they are to be told.
///
/// # Errors
/// Where the store or the keys cannot be read; or he was erased meanwhile.
pub fn told_of(issued: &Issued, tokens: bool, services: &Services) -> Result<Value, Why> {
    let user = issued.account.map(|account| person::user(account, services)).transpose()?.flatten();
    let mut body = json!({ "user": user.ok_or(Why::NotFound)? });
    if tokens {
        with_tokens(&mut body, issued);
    }
    Ok(body)
}

/// The tokens of a login in an answer, which is an object.
pub fn with_tokens(answer: &mut Value, issued: &Issued) {
    answer["token"] = json!(issued.access_token);
    answer["tokenExpirationInstant"] = json!(issued.expires_at.seconds() * 1000);
    if let (Some(refresh), Some(session)) = (&issued.refresh_token, issued.session) {
        answer["refreshToken"] = json!(refresh);
        answer["refreshTokenId"] = json!(session.to_string());
    }
}

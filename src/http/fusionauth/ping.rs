//! `PUT /api/login`: a person was seen at an application that logged him in by itself. It is a login for which the caller vouches.

use super::body::{self, Fields, Query};
use super::login::{self, status, told_of};
use super::{Outcome, tenant, told, who};
use crate::actors::{Asker, AuthenticatedClient, Issued, LoginKind, NoLogin, Services, Voucher};
use crate::domain::account::LoginHow;
use crate::domain::ids::{AccountId, SessionId};
use crate::domain::permission::Permission;
use crate::domain::time::Timestamp;
use crate::http::Doors;
use crate::http::error::{Faults, HttpError, Why, no_store};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use serde_json::{Value, json};

/// A login for which whoever asks vouches.
pub struct Vouched {
    /// Whose.
    pub account: AccountId,
    /// Where; `None`: at no application.
    pub application: Option<AuthenticatedClient>,
    /// By which door.
    pub how: LoginHow,
    /// When the session ends at the latest.
    pub until: Option<Timestamp>,
    /// The session whose token was shown for it, where one was.
    pub came_of: Option<SessionId>,
    /// Who asks.
    pub asker: Asker,
}

impl Vouched {
    /// Logs the person in.
    ///
    /// # Errors
    /// As a login's. Nobody gets a code here by which a password is changed: none was shown.
    pub async fn log_in(self, services: &Services) -> Result<Issued, Why> {
        let Self { account, application, how, until, came_of, asker } = self;
        let tenant = tenant::client(services, &asker).await.map_err(Why::Refused)?;
        if let Some(application) = &application {
            login::is_enabled(application, &asker, services).await?;
        }
        let kind = LoginKind { how, refresh: Some(false), until, came_of };
        let voucher = Voucher { account, kind, elsewhere: Some(tenant.clone()), asker };
        match services.logins.vouch(application.as_ref().unwrap_or(&tenant), voucher).await {
            Ok(issued) => Ok(issued),
            Err(NoLogin { must_change: Some(_), .. }) => {
                let advice = "the person must change the password first: log in with it, or use a code of POST /api/user/forgot-password";
                Err(Faults::general("passwordChangeRequired", advice).into())
            }
            Err(NoLogin { refused, must_change: None }) => Err(Why::Refused(refused)),
        }
    }
}

/// Say that a person logged in (FusionAuth).
///
/// With an API key (permission `login`) that covers the application and the person: `userId`, `applicationId` and `ipAddress`; or with a person's
/// access token. It is a login without a password: the answer has the `user` and a `token`, and no refresh token. With an access token the new
/// one lives no longer than that, and is over when that one's session is.
#[utoipa::path(put, path = "/api/login", tag = "fusionauth", operation_id = "fusionauth_login_ping",
    params(("ipAddress" = Option<String>, Query, description = "The person's address.")),
    request_body(content = serde_json::Value, example = json!({"userId": "…", "applicationId": "…", "ipAddress": "203.0.113.9"})),
    responses(
        (status = 200, description = "Recorded.", body = serde_json::Value),
        (status = 202, description = "Recorded, of somebody who is not registered at the application.", body = serde_json::Value),
        (status = 400, description = "Fields are missing or wrong; or the person must change the password first.", body = serde_json::Value),
        (status = 401, description = "No API key and no access token, or one that may not."),
        (status = 404, description = "There is no such user."),
        (status = 423, description = "The account is disabled."),
        (status = 503, description = "Not decided: try again after `Retry-After`.", body = serde_json::Value),
    ),
    security(("fusionauth_key" = []), ("access_token" = []))
)]
pub async fn ping(
    request: HttpRequest,
    payload: web::Payload,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    told(pinged(&request, None, payload, &doors).await)
}

/// Say that a person logged in (FusionAuth), in the path.
#[utoipa::path(put, path = "/api/login/{userId}/{applicationId}", tag = "fusionauth", operation_id = "fusionauth_login_ping_of",
    params(
        ("userId" = String, Path, description = "The person."),
        ("applicationId" = String, Path, description = "The application."),
        ("ipAddress" = Option<String>, Query, description = "The person's address."),
    ),
    responses(
        (status = 200, description = "Recorded.", body = serde_json::Value),
        (status = 202, description = "Recorded, of somebody who is not registered at the application.", body = serde_json::Value),
        (status = 400, description = "The path is wrong; or the person must change the password first.", body = serde_json::Value),
        (status = 401, description = "No API key, or one that may not."),
        (status = 404, description = "There is no such user."),
        (status = 423, description = "The account is disabled."),
        (status = 503, description = "Not decided: try again after `Retry-After`.", body = serde_json::Value),
    ),
    security(("fusionauth_key" = []))
)]
pub async fn ping_of(
    request: HttpRequest,
    path: web::Path<(String, String)>,
    payload: web::Payload,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    told(pinged(&request, Some(path.into_inner()), payload, &doors).await)
}

async fn pinged(
    request: &HttpRequest,
    path: Option<(String, String)>,
    payload: web::Payload,
    doors: &Doors,
) -> Outcome {
    let services = doors.services()?;
    let vouched = if who::shows_key(request) || path.is_some() {
        by_key(request, path, payload, doors, services).await?
    } else {
        let holder = who::Holder::of(request, doors, services)?;
        let query = Query::of(request)?;
        Vouched {
            account: holder.account,
            application: (!services.administration.is_tenant(&holder.client.id)).then_some(holder.client),
            how: LoginHow::Ping,
            until: Some(holder.until),
            came_of: Some(holder.session),
            asker: who::told(holder.asker, &json!({ "ipAddress": query.get("ipAddress") })),
        }
    };
    let application = vouched.application.clone();
    let issued = vouched.log_in(services).await?;
    let body = told_of(&issued, true, services)?;
    Ok(no_store(&mut HttpResponseBuilder::new(status(&issued, application.as_ref()))).json(body))
}

async fn by_key(
    request: &HttpRequest,
    path: Option<(String, String)>,
    payload: web::Payload,
    doors: &Doors,
    services: &Services,
) -> Result<Vouched, Why> {
    let operator = who::key(Permission::Login, request, doors, services).await?;
    let query = Query::of(request)?;
    let mut body = body::object(request, payload, doors).await?;
    if let Some((user, application)) = path {
        body["userId"] = Value::String(user);
        body["applicationId"] = Value::String(application);
    }
    if let Some(address) = query.get("ipAddress") {
        body["ipAddress"] = Value::String(address.to_owned());
    }
    let mut faults = Faults::default();
    let mut fields = Fields::of(&body, &mut faults);
    if fields.any("userId").is_none() {
        fields.wrong("userId", "missing", "this is missing");
    }
    let account = fields.parsed::<AccountId>("userId", "a UUID");
    let application = who::named_application(&mut fields, "applicationId", services)?;
    faults.none()?;
    let account = account.ok_or(Why::NotFound)?;
    let covered = application.as_ref().is_none_or(|application| operator.covers(&application.id));
    if !covered || !who::covers_person(&operator, account, services)? {
        return Err(operator.elsewhere(services).await);
    }
    let asker = who::in_person(operator.asker, &body);
    Ok(Vouched { account, application, how: LoginHow::Ping, until: None, came_of: None, asker })
}

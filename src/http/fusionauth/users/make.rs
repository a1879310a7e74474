//! Users as they are made.

use super::super::body::object;
use super::super::login::with_tokens;
use super::super::merge::member;
use super::super::{Outcome, answer, tenant, told, who};
use super::{body, judged, named, own_door, shown, taken, vouched};
use crate::actors::{NewAccount, NewPassword, Services};
use crate::domain::account::LoginHow;
use crate::domain::ids::{AccountId, ClientId};
use crate::domain::permission::Permission;
use crate::http::Doors;
use crate::http::admin::Operator;
use crate::http::error::{Faults, HttpError, Why};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Make a user.
///
/// `{"user": {"email": …, "username": …, "password": …, …}}`, with one of `email` and `username` at least. What Countersign does not
/// know of a person (`data`, names, and so on) is kept sealed, 2,048 bytes of JSON at most. The answer's `token` is one at no application.
#[utoipa::path(post, path = "/api/user", tag = "fusionauth", operation_id = "fusionauth_create_user",
    request_body(content = serde_json::Value, content_type = "application/json"),
    responses(
        (status = 200, description = "`{\"user\": …, \"token\": …, \"tokenExpirationInstant\": …}`; without a token of who may not log in.", body = serde_json::Value),
        (status = 400, description = "A field is wrong, or a login id is taken.", body = serde_json::Value),
        (status = 401, description = "No API key, or one without the permission `users`, or that covers other clients only; no body."),
        (status = 501, description = "Something was asked for that is not served, such as `sendSetPasswordEmail`.", body = serde_json::Value),
    ),
    security(("fusionauth_key" = []))
)]
pub async fn create(
    request: HttpRequest,
    payload: web::Payload,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    told(created(&request, None, payload, &doors).await)
}

/// Make a user with an id.
///
/// As without one.
#[utoipa::path(post, path = "/api/user/{userId}", tag = "fusionauth", operation_id = "fusionauth_create_user_with_id",
    params(("userId" = String, Path, description = "Its id: a UUID, the `sub` of its tokens.")),
    request_body(content = serde_json::Value, content_type = "application/json"),
    responses(
        (status = 200, description = "`{\"user\": …, \"token\": …, \"tokenExpirationInstant\": …}`; without a token of who may not log in.", body = serde_json::Value),
        (status = 400, description = "A field is wrong, or a login id or the id is taken.", body = serde_json::Value),
        (status = 401, description = "No API key, or one without the permission `users`, or that covers other clients only; no body."),
        (status = 501, description = "Something was asked for that is not served, such as `sendSetPasswordEmail`.", body = serde_json::Value),
    ),
    security(("fusionauth_key" = []))
)]
pub async fn create_with_id(
    request: HttpRequest,
    id: web::Path<String>,
    payload: web::Payload,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    told(created(&request, Some(&id), payload, &doors).await)
}

async fn created(request: &HttpRequest, id: Option<&str>, payload: web::Payload, doors: &Doors) -> Outcome {
    let services = doors.services()?;
    id.map_or(Ok(()), own_door)?;
    let operator = who::key(Permission::Users, request, doors, services).await?;
    let id = id.map(named).transpose()?;
    let body = object(request, payload, doors).await?;
    body::supported(&body)?;
    let sent = read(&body, Faults::default())?;
    let id = make((id, sent), Registered::default(), &operator, services).await?;
    let client = tenant::client(services, &operator.asker).await.map_err(Why::Refused)?;
    let issued = vouched(id, LoginHow::Created, &client, &operator, &body, services).await?;
    let mut made = json!({"user": shown(id, services)?});
    issued.iter().for_each(|issued| with_tokens(&mut made, issued));
    Ok(answer(&made))
}

/// The user of a body, where nothing is wrong with him, nor with what was read of the body before.
pub fn read(body: &Value, mut faults: Faults) -> Result<body::Sent, Why> {
    let sent = body::read(member(body, "user"), &mut faults)?;
    let password = member(member(body, "user"), "password");
    // What is no text was told of already.
    if sent.password.is_none() && (password.is_null() || password.is_string()) {
        faults.add("user.password", "blank", "give the user a password");
    }
    faults.none()?;
    Ok(sent)
}

/// What a user is registered at from the beginning.
#[derive(Default)]
pub struct Registered {
    /// The applications.
    pub clients: BTreeSet<ClientId>,
    /// His roles there.
    pub roles_at: BTreeMap<ClientId, BTreeSet<String>>,
}

/// Makes a user with what is registered of him, in one piece.
pub async fn make(
    (id, sent): (Option<AccountId>, body::Sent),
    registered: Registered,
    operator: &Operator,
    services: &Services,
) -> Result<AccountId, Why> {
    let Registered { mut clients, roles_at } = registered;
    // Who may not make him does not learn who there is.
    if !operator.covers_person(Some(&clients), services)? {
        return Err(operator.elsewhere(services).await);
    }
    let is_known = |id| services.administration.account(id).map(|account| account.is_some()).map_err(Why::Refused);
    if id.map(is_known).transpose()? == Some(true) {
        return Err(Faults::of("userId", "duplicate", "another user has this id").into());
    }
    taken(&sent, None, operator, services)?.none()?;
    // Registered nowhere at all he would be let in everywhere.
    clients.insert(tenant::id(services).map_err(Why::Refused)?);
    let (login, username) = sent.logins();
    let own_words = sent.own_words();
    let password = sent.password.unwrap_or_default();
    judged("user.password", &password, &own_words, operator, services).await?;
    let profile = (!sent.kept.is_empty()).then(|| body::stored(&sent.kept, "user.data")).transpose()?;
    let new = NewAccount {
        id,
        username,
        profile,
        must_change: sent.must_change.unwrap_or(false),
        enabled: sent.active.unwrap_or(true),
        clients: Some(clients),
        roles_at,
        ..NewAccount::new(login, NewPassword::Plain(password))
    };
    let made = services.administration.create_account(new, &operator.asker).await.map_err(Why::Refused)?;
    // Somebody else was faster.
    let faster = || Faults::of("user.email", "duplicate", "another user has this login id, or this id").into();
    made.ok_or_else(faster)
}

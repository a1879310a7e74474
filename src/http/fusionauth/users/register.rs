//! Users as they are registered at an application.

use super::super::body::{Fields, object};
use super::super::login::with_tokens;
use super::super::merge::member;
use super::super::{Outcome, answer, decided, person, registrations, told, who};
use super::make::{self, Registered};
use super::{body, covered, found, named, shown, vouched};
use crate::actors::{Account, Asker, AuthenticatedClient, NotDone, PersonChange, Services};
use crate::domain::account::LoginHow;
use crate::domain::gate::GateCommand;
use crate::domain::ids::{AccountId, ClientId};
use crate::domain::permission::Permission;
use crate::http::Doors;
use crate::http::admin::Operator;
use crate::http::error::{Faults, HttpError, Why};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What of a registration is this program's, and is never kept as it was sent.
const OWN: [&str; 11] = [
    "applicationId",
    "authenticationToken",
    "id",
    "insertInstant",
    "lastLoginInstant",
    "lastUpdateInstant",
    "roles",
    "tokens",
    "usernameStatus",
    "verified",
    "verifiedInstant",
];
/// Roles of a registration at most, as everywhere.
const ROLES_MAX: usize = 100;
/// Bytes of their names at most: an event says them twice.
const ROLES_BYTES: usize = 1000;

/// A registration as it was sent.
pub struct Sent {
    /// Where.
    pub application: AuthenticatedClient,
    /// With which roles there.
    pub roles: BTreeSet<String>,
    /// What apps keep about it.
    pub kept: Map<String, Value>,
}

/// Reads a registration. `at`: where it is, whatever stands in it. Without roles it has none; or where it is `fresh`, the
/// application's default ones.
pub fn read(
    sent: &Value,
    at: Option<AuthenticatedClient>,
    fresh: bool,
    services: &Services,
    faults: &mut Faults,
) -> Result<Option<Sent>, Why> {
    let mut fields = Fields::within(sent, "registration.", faults);
    let named = fields.text("applicationId").map(str::to_owned);
    let roles = fields.texts("roles").map(|roles| roles.into_iter().map(str::to_owned).collect::<BTreeSet<_>>());
    let application = match (at, named) {
        (Some(at), _) => Some(at),
        (None, Some(named)) => application(&named, services, &mut fields)?,
        (None, None) => {
            if fields.any("applicationId").is_none() {
                fields.wrong("applicationId", "missing", "say at which application");
            }
            None
        }
    };
    let Some(application) = application else { return Ok(None) };
    let settings = &application.state.value.settings;
    let roles = match roles.filter(|roles| !roles.is_empty()) {
        Some(roles) => roles,
        None if fresh => {
            settings.roles.iter().filter(|(_, role)| role.is_default).map(|(name, _)| name.clone()).collect()
        }
        None => BTreeSet::new(),
    };
    let listed = |role: &String| settings.roles.is_empty() || settings.roles.contains_key(role);
    let well = |role: &String| (1..=64).contains(&role.len()) && !role.chars().any(char::is_control);
    if let Some(role) = roles.iter().find(|role| !listed(role) || !well(role)) {
        let advice = format!("{role:?} is no role of the application: POST /api/application/{{id}}/role makes one");
        fields.wrong("roles", "invalid", &advice);
    } else if roles.len() > ROLES_MAX || roles.iter().map(String::len).sum::<usize>() > ROLES_BYTES {
        let advice = format!("use at most {ROLES_MAX} roles, whose names have {ROLES_BYTES} bytes together");
        fields.wrong("roles", "tooLong", &advice);
    }
    Ok(Some(Sent { roles, kept: body::kept(sent, &OWN), application }))
}

fn application(id: &str, services: &Services, fields: &mut Fields<'_>) -> Result<Option<AuthenticatedClient>, Why> {
    let found = who::application(id, services)?;
    let why = if uuid::Uuid::try_parse(id).is_ok() { "invalid" } else { "couldNotConvert" };
    match &found {
        None => fields.wrong("applicationId", why, "there is no such application"),
        Some(found) if !found.state.value.enabled => {
            fields.wrong(
                "applicationId",
                "inactive",
                "the application is not active: PUT …?reactivate=true mends that",
            );
        }
        Some(_) => {}
    }
    Ok(found)
}

/// Register a new user.
///
/// `{"user": {…}, "registration": {"applicationId": …, "roles": […], …}}`: both are made, or neither.
#[utoipa::path(post, path = "/api/user/registration", tag = "fusionauth", operation_id = "fusionauth_register",
    request_body(content = serde_json::Value, content_type = "application/json"),
    responses(
        (status = 200, description = "`{\"registration\": …, \"user\": …, \"token\": …}`, with a refresh token where logins at the application get one.", body = serde_json::Value),
        (status = 400, description = "A field is wrong, or a login id is taken.", body = serde_json::Value),
        (status = 401, description = "No API key, or one without the permission `users`, or that does not cover the application; no body."),
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

/// Register a user.
///
/// `{"registration": {"applicationId": …, "roles": […], …}}` registers one that there is; with `user` beside it, he is made with
/// this id. Without roles he gets the application's default ones. Tokens of a user that there is are answered to a key that has the
/// permission `login` besides.
#[utoipa::path(post, path = "/api/user/registration/{userId}", tag = "fusionauth", operation_id = "fusionauth_register_with_id",
    params(("userId" = String, Path, description = "The user's id.")),
    request_body(content = serde_json::Value, content_type = "application/json"),
    responses(
        (status = 200, description = "`{\"registration\": …, \"token\": …}`, with `user` where he was made, without a token to a key without `login` where he was there, and a refresh token where logins at the application get one.", body = serde_json::Value),
        (status = 400, description = "A field is wrong, he is registered there, or there is no such user, or none that the key covers, or no such application.", body = serde_json::Value),
        (status = 401, description = "No API key, or one without the permission `users`, or that does not cover the application; no body."),
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
    let operator = who::key(Permission::Users, request, doors, services).await?;
    let id = id.map(named).transpose()?;
    let body = object(request, payload, doors).await?;
    body::supported(&body)?;
    let mut faults = Faults::default();
    let sent = read(member(&body, "registration"), None, true, services, &mut faults)?;
    let mut made = json!({});
    // Whoever makes a user gave him his password; whoever is another's is let in by whom may log people in.
    let (id, application, logs_in) = if member(&body, "user").is_null() {
        let Some(id) = id else {
            faults.add("userId", "missing", "name the user in the path, or send one to be made");
            return Err(faults.into());
        };
        match covered(id, &operator, services).await {
            Err(Why::NotDone(NotDone::Missing)) => faults.add("userId", "invalid", "there is no such user"),
            known => _ = known?,
        }
        faults.none()?;
        let Some(sent) = sent else { return Err(Why::NotFound) };
        (id, registered(id, sent, &operator, services).await?, operator.may(Permission::Login))
    } else {
        let person = make::read(&body, faults)?;
        let Some(sent) = sent else { return Err(Why::NotFound) };
        let (id, application) = made_and_registered((id, person), sent, &operator, services).await?;
        made["user"] = shown(id, services)?;
        (id, application, true)
    };
    let issued = match logs_in {
        true => vouched(id, LoginHow::Registered, &application, &operator, &body, services).await?,
        false => None,
    };
    let account = found(id, services)?;
    made["registration"] = registrations::registration(&account, &application)?;
    issued.iter().for_each(|issued| with_tokens(&mut made, issued));
    Ok(answer(&made))
}

/// Makes a user who is registered from the beginning.
async fn made_and_registered(
    (id, mut person): (Option<AccountId>, body::Sent),
    sent: Sent,
    operator: &Operator,
    services: &Services,
) -> Result<(AccountId, AuthenticatedClient), Why> {
    let Sent { application, roles, kept } = sent;
    if !kept.is_empty() {
        let all = Map::from_iter([(application.id.to_string(), Value::Object(kept))]);
        person.kept.insert(registrations::FIELD.to_owned(), Value::Object(all));
        body::stored(&person.kept, "registration.data")?;
    }
    let clients = BTreeSet::from([application.id.clone()]);
    let roles_at = BTreeMap::from([(application.id.clone(), roles)]);
    let id = make::make((id, person), Registered { clients, roles_at }, operator, services).await?;
    Ok((id, application))
}

/// Registers a user that there is.
async fn registered(
    id: AccountId,
    sent: Sent,
    operator: &Operator,
    services: &Services,
) -> Result<AuthenticatedClient, Why> {
    decided(async || {
        let account = covered(id, operator, services).await?;
        if !operator.covers(&sent.application.id) {
            return Err(operator.elsewhere(services).await);
        }
        let gate = &account.gate.value;
        let explicit = gate.registrations.as_ref().is_some_and(|clients| clients.contains(&sent.application.id));
        if explicit || gate.roles_at.contains_key(&sent.application.id) {
            return Err(Faults::of("registration", "duplicate", "the user is registered there: PUT changes it").into());
        }
        let command = GateCommand::Register { client: sent.application.id.clone(), roles: sent.roles.clone() };
        set(&account, &sent, command, operator, services).await
    })
    .await?;
    Ok(sent.application)
}

/// Makes a registration what was sent: first what apps keep of it, so that nobody is let in whose registration was refused.
///
/// # Errors
/// [`NotDone::Moved`] where the account is not as it was seen any more.
pub async fn set(
    account: &Account,
    sent: &Sent,
    command: GateCommand,
    operator: &Operator,
    services: &Services,
) -> Result<(), Why> {
    keep(account, &sent.application.id, &sent.kept, &operator.asker, services).await?;
    let seen = Some(account.gate.version);
    services.administration.change_account(account.id, command, seen, &operator.asker).await?;
    Ok(())
}

/// Keeps what apps say of a registration, and of nothing nothing.
///
/// # Errors
/// [`NotDone::Moved`] where the account is not as it was seen any more.
pub async fn keep(
    account: &Account,
    client: &ClientId,
    wanted: &Map<String, Value>,
    asker: &Asker,
    services: &Services,
) -> Result<(), Why> {
    if registrations::kept(account, client)? == *wanted {
        return Ok(());
    }
    let mut profile = person::kept(account)?;
    let mut all = profile.remove(registrations::FIELD).and_then(|all| all.as_object().cloned()).unwrap_or_default();
    if wanted.is_empty() {
        all.remove(client.as_str());
    } else {
        all.insert(client.to_string(), Value::Object(wanted.clone()));
    }
    if !all.is_empty() {
        profile.insert(registrations::FIELD.to_owned(), Value::Object(all));
    }
    // What becomes less is never too much.
    let profile = match wanted.is_empty() {
        true => Value::Object(profile).to_string(),
        false => body::stored(&profile, "registration.data")?,
    };
    let change = PersonChange {
        profile: Some(profile),
        over: Some(account.state.profile.as_ref().map(|profile| profile.commit)),
        ..PersonChange::default()
    };
    services.administration.change_person(account.id, &change, Some(account.gate.version), asker).await?;
    Ok(())
}

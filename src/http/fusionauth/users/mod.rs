//! `/api/user`: accounts, as FusionAuth's clients make, look at and change them.

mod body;
pub mod change;
pub mod delete;
pub mod import;
pub mod look;
pub mod make;
pub mod password;
pub mod register;
pub mod registered;
pub mod search;

use super::{NOT_SERVED, page, person, who};
use crate::actors::{Account, AuthenticatedClient, Issued, LoginKind, NotDone, Refused, Services, Voucher};
use crate::crypto::WeakPassword;
use crate::domain::account::LoginHow;
use crate::domain::gate::Gate;
use crate::domain::ids::AccountId;
use crate::http::admin::Operator;
use crate::http::error::{Faults, Why, weak};
use actix_web::web::{self, ServiceConfig};
use serde_json::Value;
use std::sync::Arc;
use uuid::Uuid;

/// What stands where FusionAuth has other doors than a user's, which are not served.
const OTHER_DOORS: [&str; 11] = [
    "action",
    "action-reason",
    "bulk",
    "comment",
    "consent",
    "family",
    "group",
    "recent-login",
    "two-factor",
    "verify-email",
    "verify-registration",
];

/// The routes of this group.
pub fn routes(config: &mut ServiceConfig) {
    let users = page("/api/user", "DELETE, GET, POST").route(web::get().to(look::find));
    let user = page("/api/user/{userId}", "DELETE, GET, PATCH, POST, PUT");
    let codes = page("/api/user/change-password", "GET, POST");
    let code = page("/api/user/change-password/{changePasswordId}", "GET, POST");
    let all = page("/api/user/registration", "POST");
    let of_user = page("/api/user/registration/{userId}", "PATCH, POST, PUT");
    let one = page("/api/user/registration/{userId}/{applicationId}", "DELETE, GET, PATCH, PUT");
    let forgot = page("/api/user/forgot-password", "POST");
    let search = page("/api/user/search", "GET, POST");
    config
        .service(users.route(web::post().to(make::create)).route(web::delete().to(delete::delete_none)))
        .service(search.route(web::get().to(search::by_query)).route(web::post().to(search::by_body)))
        .service(page("/api/user/import", "POST").route(web::post().to(import::import)))
        .service(forgot.route(web::post().to(password::forgot)))
        .service(codes.route(web::get().to(password::may_change)).route(web::post().to(password::change)))
        .service(code.route(web::get().to(password::check)).route(web::post().to(password::change_with_code)))
        .service(all.route(web::post().to(register::create)))
        .service(
            of_user
                .route(web::post().to(register::create_with_id))
                .route(web::put().to(registered::update))
                .route(web::patch().to(registered::patch)),
        )
        .service(
            one.route(web::get().to(registered::show))
                .route(web::put().to(registered::update_one))
                .route(web::patch().to(registered::patch_one))
                .route(web::delete().to(registered::delete)),
        )
        .service(
            user.route(web::get().to(look::show))
                .route(web::post().to(make::create_with_id))
                .route(web::put().to(change::update))
                .route(web::patch().to(change::patch))
                .route(web::delete().to(delete::delete)),
        );
}

/// Whether what stands where a user's id does is another of FusionAuth's doors, which is not served, whoever asks.
fn own_door(text: &str) -> Result<(), Why> {
    if OTHER_DOORS.contains(&text) { Err(Why::NotSupported(NOT_SERVED)) } else { Ok(()) }
}

/// The id that a path names.
fn named(text: &str) -> Result<AccountId, Why> {
    let wrong = |_| Faults::of("userId", "couldNotConvert", "this must be a UUID").into();
    Uuid::try_parse(text).map(AccountId).map_err(wrong)
}

/// A user that there is.
fn found(id: AccountId, services: &Services) -> Result<Account, Why> {
    let account = services.administration.account(id).map_err(Why::Refused)?;
    account.filter(|account| account.login.is_some()).ok_or(Why::NotDone(NotDone::Missing))
}

/// The same, where the operator may see and change him.
async fn covered(id: AccountId, operator: &Operator, services: &Services) -> Result<Account, Why> {
    let account = found(id, services)?;
    if operator.covers_person(account.gate.value.registrations.as_ref(), services)? {
        return Ok(account);
    }
    // Who is there elsewhere is as if he were not there, and that somebody asked is recorded.
    match operator.elsewhere(services).await {
        Why::Refused(Refused::Denied(_)) => Err(Why::NotDone(NotDone::Missing)),
        why => Err(why),
    }
}

/// Judges a password for somebody with these login ids.
async fn judged(field: &str, password: &str, login: &str, operator: &Operator, services: &Services) -> Result<(), Why> {
    let judged: Result<(), WeakPassword> =
        services.passwords.judge(password, login, &operator.asker).await.map_err(Why::Refused)?;
    judged.map_err(|why| weak(field, &why).into())
}

/// What is wrong where a login id is somebody's. Whether he is active is told to whoever may see him.
fn taken(sent: &body::Sent, own: Option<AccountId>, operator: &Operator, services: &Services) -> Result<Faults, Why> {
    let mut faults = Faults::default();
    for (field, login) in [("user.email", &sent.email), ("user.username", &sent.username)] {
        let Some(login) = login else { continue };
        let holder = services.administration.find_account(login).map_err(Why::Refused)?;
        let Some(holder) = holder.filter(|holder| Some(*holder) != own) else { continue };
        let account = services.administration.account(holder).map_err(Why::Refused)?;
        let disabled = account.map(|account| account.gate.value).filter(|gate| !gate.is_enabled());
        let covers = |gate: Arc<Gate>| operator.covers_person(gate.registrations.as_ref(), services);
        let inactive = disabled.map(covers).transpose()? == Some(true);
        let advice = "another user has it: choose another, or change that user";
        faults.add(field, if inactive { "inactive" } else { "duplicate" }, advice);
    }
    Ok(faults)
}

/// Logs a user in at an application for whom the caller vouches, or at the tenant. `None` where he may not log in now: what was asked
/// for is done all the same.
async fn vouched(
    account: AccountId,
    how: LoginHow,
    client: &AuthenticatedClient,
    operator: &Operator,
    body: &Value,
    services: &Services,
) -> Result<Option<Issued>, Why> {
    let refresh = how == LoginHow::Registered && client.state.value.settings.refresh_at_login;
    let kind = LoginKind { how, refresh: Some(refresh), until: None, came_of: None };
    let asker = who::in_person(operator.asker.clone(), body);
    match services.logins.vouch(client, Voucher { account, kind, elsewhere: None, asker }).await {
        Ok(issued) => Ok(Some(issued)),
        Err(no) => match no.refused {
            Refused::Denied(_) => Ok(None),
            Refused::Unavailable(why) => {
                tracing::warn!(account = %account, why = why.code(), "a user was made or registered without a token");
                Ok(None)
            }
        },
    }
}

/// A user as he is answered.
fn shown(id: AccountId, services: &Services) -> Result<Value, Why> {
    person::user(id, services)?.ok_or(Why::NotDone(NotDone::Missing))
}

//! `/admin/accounts`.

use super::account_body::{AccountBody, AccountChangesBody, NewAccountBody, standing};
use super::authority::Operator;
use super::query::{LIMIT_MAX, Query};
use super::{Answer, Page, body, fields, header, seen, told};
use crate::actors::{Account, Asker, NewAccount, NewPassword, NotDone, PersonChange, Services};
use crate::config::bootstrap::{
    AccountChanges, AccountSpec, Credential, Fields, account_of, changed_account, password_of,
};
use crate::crypto::phc_of;
use crate::domain::gate::{GateCommand, PasswordHow};
use crate::domain::ids::{AccountId, ClientId, Version};
use crate::domain::permission::Permission;
use crate::domain::time::Span;
use crate::http::Doors;
use crate::http::error::{HttpError, Why};
use crate::http::openapi::PlainError;
use actix_web::http::header::IF_NONE_MATCH;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use std::collections::BTreeSet;
use zeroize::Zeroizing;

/// Accounts looked at for one page of a list that is filtered.
const LOOKED_AT: usize = 10 * LIMIT_MAX;
/// How long a one-time code may be shown, where nobody says.
const CODE_TTL: Span = Span::hours(1);
/// The longest that one may be shown.
const CODE_TTL_MAX: Span = Span::days(7);

/// List accounts.
///
/// In the order of their ids. With a filter a page may hold fewer items than `limit`, or none, and still have a `next`.
#[utoipa::path(get, path = "/admin/accounts", tag = "admin", operation_id = "list_accounts",
    params(
        ("limit" = Option<u32>, Query, description = "Items at most, 1 to 200; 50 where it is left out.", minimum = 1, maximum = 200),
        ("after" = Option<String>, Query, description = "`next` of the page before."),
        ("standing" = Option<String>, Query, description = "`enabled`, `disabled` or `erased`."),
        ("client" = Option<String>, Query, description = "Accounts that may log in at this client."),
    ),
    responses(
        (status = 200, description = "A page: `{\"items\":[…],\"next\":…}`.", body = serde_json::Value),
        (status = 400, description = "A parameter is malformed.", body = PlainError),
        (status = 401, description = "No API key, or one that is not in force.", body = PlainError),
        (status = 403, description = "The API key lacks the permission `users`.", body = PlainError),
    ),
    security(("api_key" = []))
)]
pub async fn list(request: HttpRequest, doors: web::Data<Doors>) -> Result<HttpResponse, HttpError> {
    told(&request, listed(&request, &doors).await)
}

async fn listed(request: &HttpRequest, doors: &Doors) -> Result<Answer, Why> {
    let services = doors.services()?;
    let operator = Operator::who_may(Permission::Users, request, doors, services).await?;
    let mut query = Query::of(request)?;
    let (limit, mut after) = (query.limit()?, query.parsed::<AccountId>("after")?);
    let (wanted, client) = (query.take("standing"), query.parsed::<ClientId>("client")?);
    query.finish()?;
    if wanted.as_deref().is_some_and(|wanted| !["enabled", "disabled", "erased"].contains(&wanted)) {
        return Err(Why::Malformed("standing must be enabled, disabled or erased".to_owned()));
    }
    let (mut items, mut looked_at) = (Vec::new(), 0);
    while items.len() < limit && looked_at < LOOKED_AT {
        let page = services.administration.accounts(after, limit).map_err(Why::Refused)?;
        for account in &page {
            looked_at += 1;
            after = Some(account.id);
            let gate = &account.gate.value;
            let fits = wanted.as_deref().is_none_or(|wanted| standing(gate.standing) == wanted)
                && client.as_ref().is_none_or(|client| gate.is_registered_at(client))
                && operator.covers_person(gate.registrations.as_ref(), services)?;
            if fits {
                items.push(AccountBody::from(account));
            }
            if items.len() == limit {
                break;
            }
        }
        if page.len() < limit {
            after = if items.len() == limit { after } else { None };
            break;
        }
    }
    Ok(Answer::of(&Page { items, next: after.map(|id| id.to_string()) }))
}

/// Make an account.
#[utoipa::path(post, path = "/admin/accounts", tag = "admin", operation_id = "create_account",
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "The same answer again to the same request, for 24 hours."),
        ("If-None-Match" = Option<String>, Header, description = "`*`: only where the login id never was an account's, not even one that was erased."),
    ),
    request_body(content = NewAccountBody),
    responses(
        (status = 201, description = "The account, with its ETag.", body = AccountBody),
        (status = 400, description = "Something is malformed, or the password is weak (`weak_password`).", body = PlainError),
        (status = 401, description = "No API key, or one that is not in force.", body = PlainError),
        (status = 403, description = "The API key lacks the permission `users`, or does not cover the clients.", body = PlainError),
        (status = 409, description = "The login id, or the id, is taken: `taken`.", body = PlainError),
        (status = 422, description = "The Idempotency-Key was used for another request.", body = PlainError),
    ),
    security(("api_key" = []))
)]
pub async fn create(
    request: HttpRequest,
    payload: web::Payload,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    told(&request, created(&request, payload, &doors).await)
}

async fn created(request: &HttpRequest, payload: web::Payload, doors: &Doors) -> Result<Answer, Why> {
    let services = doors.services()?;
    let operator = Operator::who_may(Permission::Users, request, doors, services).await?;
    let body = body(request, payload, doors).await?;
    let work = async {
        let spec = account_of(fields(request, &body)?)?;
        if !covers_new(&operator, &spec, services)? {
            return Err(operator.elsewhere(services).await);
        }
        // For a file that declares: what was erased is not made again.
        let never = match header(request, &IF_NONE_MATCH)?.as_deref() {
            None => false,
            Some("*") => true,
            Some(_) => return Err(Why::Malformed("If-None-Match may only be *".to_owned())),
        };
        if never && services.administration.was_taken(&spec.login).map_err(Why::Refused)? {
            return Err(Why::NotDone(NotDone::Taken));
        }
        let new = new_account(spec, &operator.asker, services).await?;
        let made = services.administration.create_account(new, &operator.asker).await.map_err(Why::Refused)?;
        let id = made.ok_or(Why::NotDone(NotDone::Taken))?;
        let account = services.administration.account(id).map_err(Why::Refused)?;
        let account = account.ok_or(Why::NotDone(NotDone::Missing))?;
        let made = Answer::created(format!("/admin/accounts/{id}"), &AccountBody::from(&account));
        Ok(made.at(account.gate.version))
    };
    doors.answered.once((request, &body), &operator, services.core.clock.read().wall, work).await
}

/// Whether an operator may make such an account.
pub(super) fn covers_new(operator: &Operator, spec: &AccountSpec, services: &Services) -> Result<bool, Why> {
    let clients = spec.clients.clone().map(BTreeSet::from_iter);
    let person = operator.covers_person(clients.as_ref(), services)?;
    Ok(person && spec.roles_at.keys().all(|client| operator.covers(client)))
}

/// An account as it was sent.
pub(super) async fn new_account(spec: AccountSpec, asker: &Asker, services: &Services) -> Result<NewAccount, Why> {
    let password = new_password(spec.credential, &spec.login, asker, services).await?;
    Ok(NewAccount {
        id: spec.id,
        must_change: spec.must_change,
        enabled: spec.enabled,
        roles: spec.roles,
        clients: spec.clients.map(BTreeSet::from_iter),
        username: spec.username,
        roles_at: spec.roles_at,
        profile: spec.profile,
        ..NewAccount::new(spec.login, password)
    })
}

/// A password as it was sent: one in clear that is weak is refused, and of a hash only what this program works with is taken.
async fn new_password(
    credential: Credential,
    login: &str,
    asker: &Asker,
    services: &Services,
) -> Result<NewPassword, Why> {
    match credential {
        Credential::Password(password) => {
            let judged = services.passwords.judge(password.expose(), login, asker).await.map_err(Why::Refused)?;
            judged.map_err(Why::Weak)?;
            Ok(NewPassword::Plain(Zeroizing::new(password.expose().to_owned())))
        }
        Credential::Hash(hash) => {
            let phc = phc_of(hash.expose()).map_err(|error| Why::Malformed(format!("`password_hash`: {error}")))?;
            Ok(NewPassword::Hash(phc))
        }
    }
}

/// Look an account up by its login id.
///
/// By POST, because a login id is personal and must not stand in an address.
#[utoipa::path(post, path = "/admin/accounts/find", tag = "admin", operation_id = "find_account",
    request_body(content = serde_json::Value, example = json!({"login": "alice@example.com"})),
    responses(
        (status = 200, description = "The account, with its ETag.", body = AccountBody),
        (status = 400, description = "Something is malformed.", body = PlainError),
        (status = 401, description = "No API key, or one that is not in force.", body = PlainError),
        (status = 403, description = "The API key lacks the permission `users`.", body = PlainError),
        (status = 404, description = "No account has this login id, or none that the API key covers.", body = PlainError),
    ),
    security(("api_key" = []))
)]
pub async fn find(
    request: HttpRequest,
    payload: web::Payload,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    told(&request, found(&request, payload, &doors).await)
}

async fn found(request: &HttpRequest, payload: web::Payload, doors: &Doors) -> Result<Answer, Why> {
    let services = doors.services()?;
    let operator = Operator::who_may(Permission::Users, request, doors, services).await?;
    let body = body(request, payload, doors).await?;
    let mut fields = fields(request, &body)?;
    let login = fields.need("login")?;
    fields.finish()?;
    let id = services.administration.find_account(&login).map_err(Why::Refused)?;
    shown(&operator, services, id.ok_or(Why::NotDone(NotDone::Missing))?)
}

/// An account that the operator may see.
fn covered(operator: &Operator, services: &Services, id: AccountId) -> Result<Account, Why> {
    let account = services.administration.account(id).map_err(Why::Refused)?;
    let account = account.ok_or(Why::NotDone(NotDone::Missing))?;
    let covers = operator.covers_person(account.gate.value.registrations.as_ref(), services)?;
    if covers { Ok(account) } else { Err(Why::NotDone(NotDone::Missing)) }
}

fn shown(operator: &Operator, services: &Services, id: AccountId) -> Result<Answer, Why> {
    let account = covered(operator, services, id)?;
    Ok(Answer::of(&AccountBody::from(&account)).at(account.gate.version))
}

/// The account that a path names.
fn named(text: &str) -> Result<AccountId, Why> {
    text.parse().map_err(|_| Why::NotDone(NotDone::Missing))
}

/// Show an account.
#[utoipa::path(get, path = "/admin/accounts/{id}", tag = "admin", operation_id = "show_account",
    params(("id" = String, Path, description = "The account's id.")),
    responses(
        (status = 200, description = "The account, with its ETag.", body = AccountBody),
        (status = 401, description = "No API key, or one that is not in force.", body = PlainError),
        (status = 404, description = "There is no such account, or none that the API key covers.", body = PlainError),
    ),
    security(("api_key" = []))
)]
pub async fn show(
    request: HttpRequest,
    id: web::Path<String>,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    let outcome = async {
        let services = doors.services()?;
        let operator = Operator::who_may(Permission::Users, &request, &doors, services).await?;
        shown(&operator, services, named(&id)?)
    };
    told(&request, outcome.await)
}

/// Change an account.
///
/// Field by field, each recorded by itself, in this order: login and username, clients, roles, must_change. Sessions at clients where it may not log in
/// any more end; all others go on.
#[utoipa::path(patch, path = "/admin/accounts/{id}", tag = "admin", operation_id = "change_account",
    params(
        ("id" = String, Path, description = "The account's id."),
        ("If-Match" = Option<String>, Header, description = "The ETag on which the change was decided."),
    ),
    request_body(content = AccountChangesBody),
    responses(
        (status = 200, description = "The account as it is then, with its ETag.", body = AccountBody),
        (status = 400, description = "Something is malformed.", body = PlainError),
        (status = 401, description = "No API key, or one that is not in force.", body = PlainError),
        (status = 404, description = "There is no such account, or none that the API key covers.", body = PlainError),
        (status = 409, description = "The login id is taken (`taken`), or the account was erased (`over`).", body = PlainError),
        (status = 412, description = "It was changed since: `precondition_failed`.", body = PlainError),
    ),
    security(("api_key" = []))
)]
pub async fn change(
    request: HttpRequest,
    id: web::Path<String>,
    payload: web::Payload,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    told(&request, changed(&request, &id, payload, &doors).await)
}

async fn changed(request: &HttpRequest, id: &str, payload: web::Payload, doors: &Doors) -> Result<Answer, Why> {
    let services = doors.services()?;
    let operator = Operator::who_may(Permission::Users, request, doors, services).await?;
    let body = body(request, payload, doors).await?;
    let AccountChanges { login, username, roles, clients, must_change } = changed_account(fields(request, &body)?)?;
    let account = covered(&operator, services, named(id)?)?;
    let covers = |clients: &Option<BTreeSet<ClientId>>| operator.covers_person(clients.as_ref(), services);
    if clients.as_ref().map(covers).transpose()? == Some(false) {
        return Err(operator.elsewhere(services).await);
    }
    let registrations = clients.map(registrations).transpose()?;
    let mut seen = seen(request)?;
    let (administration, asker) = (&services.administration, &operator.asker);
    if login.is_some() || username.is_some() {
        let change = PersonChange { login, username, ..PersonChange::default() };
        seen = Some(administration.change_person(account.id, &change, seen, asker).await?).filter(|_| seen.is_some());
    }
    let roles = roles.map(GateCommand::SetRoles);
    let must_change = must_change.map(GateCommand::SetMustChange);
    for command in registrations.into_iter().chain(roles).chain(must_change) {
        let version = administration.change_account(account.id, command, seen, asker).await?;
        seen = seen.map(|_| version);
    }
    shown(&operator, services, account.id)
}

/// The command by which an account may log in at these clients and no others; `None`: at all.
fn registrations(wanted: Option<BTreeSet<ClientId>>) -> Result<GateCommand, Why> {
    match wanted {
        None => Ok(GateCommand::LiftRegistrations),
        Some(wanted) if !wanted.is_empty() => Ok(GateCommand::SetRegistrations(wanted)),
        Some(_) => Err(Why::Malformed(
            "`clients` must name at least one client, or be null for all; POST …/disable shuts an account out"
                .to_owned(),
        )),
    }
}

/// Disable, enable or erase an account, end its sessions, set its password, or issue a code by which a person sets one.
///
/// `disable`: nobody is let in, and what is open ends. `enable`: people are let in again. `revoke`: every session ends; people may
/// log in again. `erase`: the person is forgotten for good; needs the permission `erase`. `password`: `{"password": …}` or
/// `{"password_hash": …}`, with `"must_change": true` where it only serves to set another; every session ends. `password-code`:
/// `{"ttl": "1h"}` (7d at most) answers `{"code": …, "expires_at": …}`: whoever has the code may set another password, once, by
/// `POST /account/password`. `revoke`, or `disable` and then `enable`, leave a code good: another code, or a password, makes it
/// worth nothing.
#[utoipa::path(post, path = "/admin/accounts/{id}/{action}", tag = "admin", operation_id = "act_on_account",
    params(
        ("id" = String, Path, description = "The account's id."),
        ("action" = String, Path, description = "`disable`, `enable`, `erase`, `revoke`, `password` or `password-code`."),
        ("If-Match" = Option<String>, Header, description = "The ETag on which it was decided."),
        ("Idempotency-Key" = Option<String>, Header, description = "The same answer again to the same request, for 24 hours."),
    ),
    request_body(content = Option<serde_json::Value>),
    responses(
        (status = 200, description = "The account as it is then, with its ETag; or the code.", body = AccountBody),
        (status = 400, description = "Something is malformed, or the password is weak (`weak_password`).", body = PlainError),
        (status = 401, description = "No API key, or one that is not in force.", body = PlainError),
        (status = 403, description = "The API key lacks the permission `users`, or `erase`.", body = PlainError),
        (status = 404, description = "There is no such account or action, or none that the API key covers.", body = PlainError),
        (status = 409, description = "The account was erased: `over`.", body = PlainError),
        (status = 412, description = "It was changed since: `precondition_failed`.", body = PlainError),
        (status = 422, description = "The Idempotency-Key was used for another request.", body = PlainError),
    ),
    security(("api_key" = []))
)]
pub async fn act(
    request: HttpRequest,
    path: web::Path<(String, String)>,
    payload: web::Payload,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    let (id, action) = path.into_inner();
    told(&request, acted(&request, &id, &action, payload, &doors).await)
}

async fn acted(
    request: &HttpRequest,
    id: &str,
    action: &str,
    payload: web::Payload,
    doors: &Doors,
) -> Result<Answer, Why> {
    let services = doors.services()?;
    let permission = if action == "erase" { Permission::Erase } else { Permission::Users };
    let operator = Operator::who_may(permission, request, doors, services).await?;
    let body = body(request, payload, doors).await?;
    let id = named(id)?;
    let work = async {
        let account = covered(&operator, services, id)?;
        let seen = seen(request)?;
        let fields = fields(request, &body)?;
        let command = match action {
            "disable" => GateCommand::Disable,
            "enable" => GateCommand::Enable,
            "erase" => GateCommand::Erase,
            "revoke" => GateCommand::RevokeSessions,
            "password" => {
                let (credential, must_change) = password_of(fields)?;
                let login = account.login.as_deref().unwrap_or_default();
                let password = new_password(credential, login, &operator.asker, services).await?;
                let how = (must_change, PasswordHow::Given);
                services.administration.give_password(id, password, how, seen, &operator.asker).await?;
                return shown(&operator, services, id);
            }
            "password-code" => return password_code(fields, id, seen, &operator, services).await,
            _ => return Err(Why::NotFound),
        };
        fields.finish()?;
        services.administration.change_account(id, command, seen, &operator.asker).await?;
        shown(&operator, services, id)
    };
    doors.answered.once((request, &body), &operator, services.core.clock.read().wall, work).await
}

/// A one-time code, as it is answered.
#[derive(Serialize)]
struct CodeBody {
    code: String,
    expires_at: String,
}

async fn password_code(
    mut fields: Fields<'_>,
    id: AccountId,
    seen: Option<Version>,
    operator: &Operator,
    services: &Services,
) -> Result<Answer, Why> {
    let ttl = fields.parsed::<Span>("ttl")?.unwrap_or(CODE_TTL);
    fields.finish()?;
    if !(Span::seconds(1)..=CODE_TTL_MAX).contains(&ttl) {
        return Err(Why::Malformed(format!("`ttl` must be a duration from 1s to {CODE_TTL_MAX}")));
    }
    let (code, expires_at) = services.passwords.issue_code(id, ttl, seen, &operator.asker).await?;
    Ok(Answer::of(&CodeBody { code: code.to_string(), expires_at: expires_at.to_string() }))
}

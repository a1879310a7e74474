//! A person as FusionAuth's clients see him: the `user` of their answers.

use super::registrations;
use crate::actors::{Account, Names, Services};
use crate::domain::ids::AccountId;
use crate::http::error::Why;
use serde_json::{Map, Value, json};

/// A user; `None` where there is none, or he was erased.
///
/// # Errors
/// Where the store or the keys cannot be read.
pub fn user(id: AccountId, services: &Services) -> Result<Option<Value>, Why> {
    let found = services.administration.account(id).map_err(Why::Refused)?;
    found.filter(|account| account.login.is_some()).map(|account| shown(&account, services)).transpose()
}

/// The same of an account that is at hand.
///
/// # Errors
/// Where the store cannot be read.
pub fn shown(account: &Account, services: &Services) -> Result<Value, Why> {
    let Account { gate, state, .. } = account;
    let Names { email, username } = names(account);
    // What apps keep comes first: what this program says of a user is not theirs to say.
    let mut user = kept(account);
    let own = json!({
        "id": account.id.to_string(),
        "active": gate.value.is_enabled(),
        "email": email,
        "username": username,
        "usernameStatus": username.as_ref().map(|_| "ACTIVE"),
        "tenantId": services.core.tenant.to_string(),
        "verified": true,
        "insertInstant": state.created_at.0,
        "lastUpdateInstant": gate.at.0.max(state.created_at.0),
        "lastLoginInstant": state.last_login_at.map(|at| at.0),
        "passwordChangeRequired": gate.value.must_change,
        "passwordLastUpdateInstant": gate.value.password_set_at.0,
        "twoFactor": {},
        "memberships": [],
        "registrations": registrations::of(account, services)?,
    });
    if let Value::Object(own) = own {
        user.extend(own.into_iter().filter(|(_, value)| !value.is_null()));
    }
    Ok(Value::Object(user))
}

/// Which of an account's login ids is an e-mail address, and which is none.
pub fn names(account: &Account) -> Names {
    let logins = [&account.login, &account.username].into_iter().flatten().cloned();
    let (email, username) = logins.partition::<Vec<_>, _>(|login| login.contains('@'));
    Names { email: email.into_iter().next(), username: username.into_iter().next() }
}

/// What apps keep about the person; at `registrations`, by application, what they keep about each of those.
pub fn kept(account: &Account) -> Map<String, Value> {
    account.profile.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

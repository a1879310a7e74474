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
    let Some(account) = found.filter(|account| account.login.is_some()) else { return Ok(None) };
    let Account { gate, state, .. } = &account;
    let Names { email, username } = services.core.names(id, state).map_err(Why::Refused)?;
    let kept = services.administration.profile(id, state).map_err(Why::Refused)?;
    // What apps keep comes first: what this program says of a user is not theirs to say.
    let mut user: Map<String, Value> = kept.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let own = json!({
        "id": id.to_string(),
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
        "registrations": registrations::of(&account, services)?,
    });
    if let Value::Object(own) = own {
        user.extend(own.into_iter().filter(|(_, value)| !value.is_null()));
    }
    Ok(Some(Value::Object(user)))
}

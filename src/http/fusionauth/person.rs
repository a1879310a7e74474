//! A person as FusionAuth's clients see him: the `user` of their answers.

use super::registrations;
use crate::actors::{Account, Names, Services, Unavailable};
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
    let mut user = kept(account)?;
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
    Names::of(account.login.clone(), account.username.clone())
}

/// What apps keep about the person; at `registrations`, by application, what they keep about each of those.
///
/// # Errors
/// It cannot be read: then it is not to be taken for nothing, and written over.
pub fn kept(account: &Account) -> Result<Map<String, Value>, Why> {
    account.profile.as_deref().map_or(Ok(Map::new()), |text| read(text, account.id))
}

fn read(profile: &str, of: AccountId) -> Result<Map<String, Value>, Why> {
    serde_json::from_str(profile).map_err(|error| {
        tracing::error!(account = %of, line = error.line(), column = error.column(), "a profile is no JSON object");
        Why::Refused(Unavailable::Fault.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_a_fault_and_not_nothing() {
        let of = AccountId(uuid::Uuid::nil());
        assert_eq!(read(r#"{"a":{}}"#, of).map(|read| read.len()), Ok(1));
        for unreadable in ["[]", "{", &format!("{}1{}", r#"{"a":"#.repeat(200), "}".repeat(200))] {
            assert_eq!(read(unreadable, of), Err(Why::Refused(Unavailable::Fault.into())), "{unreadable}");
        }
    }
}

//! Registrations: at which applications a user may log in, with which roles there.

use super::{person, who};
use crate::actors::{Account, AuthenticatedClient, Services};
use crate::crypto::sha256;
use crate::domain::ids::ClientId;
use crate::http::error::Why;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// Where in what apps keep about a person stands what they keep about his registrations, by application.
pub const FIELD: &str = "registrations";

/// The registrations of a user, as they stand in his answer: those at clients of FusionAuth's profile.
///
/// # Errors
/// Where the store cannot be read.
pub fn of(account: &Account, services: &Services) -> Result<Vec<Value>, Why> {
    let gate = &account.gate.value;
    let mut shown = Vec::new();
    for client in gate.registrations.iter().flatten() {
        if let Some(application) = who::application(client.as_str(), services)? {
            shown.push(registration(account, &application)?);
        }
    }
    Ok(shown)
}

/// One of them, with what apps keep about it.
///
/// # Errors
/// What apps keep cannot be read.
pub fn registration(account: &Account, application: &AuthenticatedClient) -> Result<Value, Why> {
    let (gate, client) = (&account.gate, &application.id);
    let mut shown = kept(account, client)?;
    let own = json!({
        "id": id(account, client).to_string(),
        "applicationId": client.as_str(),
        "roles": application.state.value.roles_of(client, &gate.value),
        "usernameStatus": "ACTIVE",
        "verified": true,
        "insertInstant": account.state.created_at.0,
        "lastUpdateInstant": gate.at.0,
    });
    if let Value::Object(own) = own {
        shown.extend(own);
    }
    Ok(Value::Object(shown))
}

/// What apps keep about a registration.
///
/// # Errors
/// It cannot be read.
pub fn kept(account: &Account, client: &ClientId) -> Result<Map<String, Value>, Why> {
    let all = person::kept(account)?;
    let kept = all.get(FIELD).and_then(|all| all.get(client.as_str()));
    Ok(kept.and_then(Value::as_object).cloned().unwrap_or_default())
}

/// The id of a registration, which has none of its own: the same each time (RFC 9562 section 5.8).
fn id(account: &Account, client: &ClientId) -> Uuid {
    let digest = sha256(format!("{} {}", account.id, client.as_str()).as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

//! Registrations: at which applications a user may log in, with which roles there.

use crate::actors::{Account, Services};
use crate::crypto::sha256;
use crate::domain::client::Profile;
use crate::domain::ids::ClientId;
use crate::http::error::Why;
use serde_json::{Value, json};
use uuid::Uuid;

/// The registrations of a user, as they stand in his answer: those at clients of FusionAuth's profile.
///
/// # Errors
/// Where the store cannot be read.
pub fn of(account: &Account, services: &Services) -> Result<Vec<Value>, Why> {
    let gate = &account.gate.value;
    let mut shown = Vec::new();
    for client in gate.registrations.iter().flatten() {
        if is_application(client, services)? {
            shown.push(registration(account, client));
        }
    }
    Ok(shown)
}

/// One of them.
pub fn registration(account: &Account, client: &ClientId) -> Value {
    let gate = &account.gate;
    json!({
        "id": id(account, client).to_string(),
        "applicationId": client.as_str(),
        "roles": gate.value.roles_for(client),
        "usernameStatus": "ACTIVE",
        "verified": true,
        "insertInstant": account.state.created_at.0,
        "lastUpdateInstant": gate.at.0,
    })
}

/// The id of a registration, which has none of its own: the same each time (RFC 9562 section 5.8).
fn id(account: &Account, client: &ClientId) -> Uuid {
    let digest = sha256(format!("{} {}", account.id, client.as_str()).as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

fn is_application(client: &ClientId, services: &Services) -> Result<bool, Why> {
    let found = services.administration.find_client(client).map_err(Why::Refused)?;
    let ours = found.is_some_and(|client| client.value.settings.profile == Profile::Fusionauth);
    Ok(ours && client.as_str() != services.core.tenant.to_string())
}

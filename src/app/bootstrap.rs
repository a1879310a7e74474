//! Applying a bootstrap file: it declares what should exist. What never existed is created; what exists is never touched;
//! what was erased is never made again; and what differs is said.

use super::StartError;
use crate::actors::{Administration, Asker, NewAccount, NewApiKey, NewClient, NewPassword, NotDone, Refused};
use crate::config::bootstrap::{AccountSpec, ApiKeySpec, Bootstrap, ClientSpec, Credential};
use crate::crypto::scheme_of;
use zeroize::Zeroizing;

/// What applying came to, a line each, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// What was created.
    pub created: Vec<String>,
    /// What exists and differs from the file.
    pub differs: Vec<String>,
}

/// Checks what the file itself cannot: whether this program works with the password hashes in it.
///
/// # Errors
/// A sentence that names the entry.
pub fn check(bootstrap: &Bootstrap) -> Result<(), StartError> {
    for (number, spec) in bootstrap.accounts.iter().enumerate() {
        if let Credential::Hash(hash) = &spec.credential {
            scheme_of(hash.expose())
                .map_err(|error| StartError(format!("accounts[{number}].password_hash: {error}")))?;
        }
    }
    Ok(())
}

/// Applies a bootstrap file.
///
/// # Errors
/// [`Refused`]: what was created so far stands; applying again goes on.
pub async fn apply(bootstrap: &Bootstrap, administration: &Administration, asker: &Asker) -> Result<Applied, Refused> {
    let mut applied = Applied::default();
    for spec in &bootstrap.api_keys {
        match administration.create_api_key(&api_key(spec), asker).await {
            Ok(_) => applied.created.push(format!("API key {:?}", spec.name)),
            Err(NotDone::Refused(refused)) => return Err(refused),
            // The name is taken: it exists. If it is not, another name has this key.
            Err(_) if administration.api_keys()?.contains_key(&spec.name) => {}
            Err(_) => applied.differs.push(format!(
                "API key {:?} was not created, because its key is that of another one: give it its own",
                spec.name
            )),
        }
    }
    for spec in &bootstrap.clients {
        apply_client(spec, administration, asker, &mut applied).await?;
    }
    for (number, spec) in bootstrap.accounts.iter().enumerate() {
        if administration.was_taken(&spec.login)? {
            continue;
        }
        if administration.create_account(account(spec), asker).await?.is_some() {
            // A login id is personal: the diagnostics say which entry, not who.
            applied.created.push(format!("account of accounts[{number}]"));
        }
    }
    Ok(applied)
}

async fn apply_client(
    spec: &ClientSpec,
    administration: &Administration,
    asker: &Asker,
    applied: &mut Applied,
) -> Result<(), Refused> {
    let Some(existing) = administration.find_client(&spec.id)?.map(|client| client.value) else {
        let new = NewClient {
            id: spec.id.clone(),
            secret: spec.secret.as_ref().map(|secret| Zeroizing::new(secret.expose().to_owned())),
            enabled: spec.enabled,
            settings: spec.settings.clone(),
        };
        if administration.create_client(&new, asker).await? {
            applied.created.push(format!("client {:?}", spec.id.as_str()));
        }
        return Ok(());
    };
    if existing.settings != spec.settings {
        applied.differs.push(format!("client {:?} has other settings than the file", spec.id.as_str()));
    }
    if existing.enabled != spec.enabled {
        let state = if existing.enabled { "enabled" } else { "disabled" };
        applied.differs.push(format!("client {:?} is {state}, unlike in the file", spec.id.as_str()));
    }
    Ok(())
}

fn api_key(spec: &ApiKeySpec) -> NewApiKey {
    NewApiKey {
        name: spec.name.clone(),
        key: Zeroizing::new(spec.key.expose().to_owned()),
        permissions: spec.permissions.clone(),
        clients: spec.clients.as_ref().map(|clients| clients.iter().cloned().collect()),
    }
}

fn account(spec: &AccountSpec) -> NewAccount {
    let text = |secret: &crate::config::Secret| Zeroizing::new(secret.expose().to_owned());
    NewAccount {
        id: spec.id,
        must_change: spec.must_change,
        enabled: spec.enabled,
        login: spec.login.clone(),
        password: match &spec.credential {
            Credential::Password(password) => NewPassword::Plain(text(password)),
            Credential::Hash(hash) => NewPassword::Hash(text(hash)),
        },
        roles: spec.roles.clone(),
        clients: spec.clients.as_ref().map(|clients| clients.iter().cloned().collect()),
    }
}

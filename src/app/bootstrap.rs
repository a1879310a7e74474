//! Applying a bootstrap file: it declares what should exist. What never existed is created; what exists is never touched;
//! what was erased is never made again; and what differs is said.

use super::StartError;
use crate::actors::{
    Administration, Asker, NewAccount, NewApiKey, NewClient, NewPassword, NotDone, Refused, Unavailable,
};
use crate::config::bootstrap::{AccountSpec, ApiKeySpec, Bootstrap, ClientSpec, Credential};
use crate::crypto::phc_of;
use crate::domain::client::ClientSettings;
use uuid::Uuid;
use zeroize::Zeroizing;

/// What applying came to, a line each, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// What was created.
    pub created: Vec<String>,
    /// What exists and differs from the file.
    pub differs: Vec<String>,
}

/// Checks what the file itself cannot: whether this program works with the password hashes in it, and whether a client has the id of
/// the tenant, where that is known.
///
/// # Errors
/// A sentence that names the entry.
pub fn check(bootstrap: &Bootstrap, tenant: Option<Uuid>) -> Result<(), StartError> {
    let tenant = tenant.map(|tenant| tenant.to_string());
    if let Some(number) = bootstrap.clients.iter().position(|spec| Some(spec.id.as_str()) == tenant.as_deref()) {
        return Err(StartError(format!(
            "clients[{number}].id: this is the id of the tenant, fusionauth.tenant_id: use another one"
        )));
    }
    for (number, spec) in bootstrap.accounts.iter().enumerate() {
        if let Credential::Hash(hash) = &spec.credential {
            phc_of(hash.expose()).map_err(|error| StartError(format!("accounts[{number}].password_hash: {error}")))?;
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
        if administration.create_account(account(spec)?, asker).await?.is_some() {
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
    // What the file has no words for differs from nothing.
    let (roles, document) = (existing.settings.roles.clone(), existing.settings.document.clone());
    if existing.settings != (ClientSettings { roles, document, ..spec.settings.clone() }) {
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

fn account(spec: &AccountSpec) -> Result<NewAccount, Refused> {
    let password = match &spec.credential {
        Credential::Password(password) => NewPassword::Plain(Zeroizing::new(password.expose().to_owned())),
        // Whoever starts a server has asked `check` before.
        Credential::Hash(hash) => NewPassword::Hash(phc_of(hash.expose()).map_err(|_| Unavailable::Fault)?),
    };
    Ok(NewAccount {
        id: spec.id,
        must_change: spec.must_change,
        enabled: spec.enabled,
        roles: spec.roles.clone(),
        clients: spec.clients.as_ref().map(|clients| clients.iter().cloned().collect()),
        username: spec.username.clone(),
        roles_at: spec.roles_at.clone(),
        profile: spec.profile.clone(),
        ..NewAccount::new(spec.login.clone(), password)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_with_the_id_of_the_tenant_is_refused_by_its_place() {
        let text = "[[clients]]\nid = \"a\"\nsecret = \"x\"\n[[clients]]\nid = \"636f756e-7465-7273-8967-6e0000000000\"\nsecret = \"x\"\n";
        let bootstrap = Bootstrap::parse(text, std::path::PathBuf::new(), &|_| None).unwrap();
        let tenant = Uuid::from_u128(0x636f_756e_7465_7273_8967_6e00_0000_0000);
        let why = check(&bootstrap, Some(tenant)).unwrap_err().0;
        assert!(why.starts_with("clients[1].id: ") && why.contains("fusionauth.tenant_id"), "{why}");
        assert_eq!(check(&bootstrap, Some(Uuid::nil())).map_err(|error| error.0), Ok(()));
    }

    #[test]
    fn a_password_hash_that_is_not_worked_with_is_refused_by_its_place() {
        let check = |hash: &str| {
            let text = format!(
                "[[accounts]]\nlogin = \"a\"\npassword = \"x\"\n[[accounts]]\nlogin = \"b\"\npassword_hash = '{hash}'\n"
            );
            check(&Bootstrap::parse(&text, std::path::PathBuf::new(), &|_| None).unwrap(), None)
                .map_err(|error| error.0)
        };
        assert_eq!(check("pbkdf2:sha256:1000$8K1iTXQM2nNCg30d$4b4287cf00e800524bc4ebc91cce4636"), Ok(()));
        for (hash, said) in [
            ("5f4dcc3b5aa765d61d8327deb882cf99", "none of the notations that CONFIG.md lists for `password_hash`"),
            ("", "none of the notations"),
            ("pbkdf2:sha256:3000000$8K1iTXQM2nNCg30d$4b4287cf00e800524bc4ebc91cce4636", "1 to 2000000 iterations"),
        ] {
            let why = check(hash).unwrap_err();
            assert!(why.starts_with("accounts[1].password_hash: ") && why.contains(said), "{why}");
            assert!(hash.is_empty() || !why.contains(&hash[hash.len() - 8..]), "{why}");
        }
    }
}

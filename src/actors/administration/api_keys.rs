//! API keys: made and changed. Who shows one is found out by [`super::super::api_keys`].

use super::super::asker::Asker;
use super::super::core::{Core, Refused, TRIES, Unavailable, commit};
use super::{Administration, DIGEST_FIELD, NotDone};
use crate::crypto::sha256;
use crate::domain::command::Command;
use crate::domain::ids::{ClientId, Owner, StreamId, Version};
use crate::domain::system::{self, ApiKey, ApiKeyCommand, ApiKeyStanding, SystemEvent};
use crate::domain::{Event, Expected, Proposal};
use std::collections::{BTreeMap, BTreeSet};
use zeroize::Zeroizing;

/// An API key to be created.
pub struct NewApiKey {
    /// Its name.
    pub name: String,
    /// The key.
    pub key: Zeroizing<String>,
    /// What it may do.
    pub permissions: BTreeSet<String>,
    /// At which clients; `None`: all.
    pub clients: Option<BTreeSet<ClientId>>,
}

/// The digest of an API key, opened.
///
/// # Errors
/// It does not open.
pub(in super::super) fn key_digest(core: &Core, name: &str, key: &ApiKey) -> Result<[u8; 32], Refused> {
    let opened = core.keys.seal().open(key.digest.commit, DIGEST_FIELD, &key.digest.sealed);
    let digest = opened.map_err(|error| error.to_string()).and_then(|opened| {
        <[u8; 32]>::try_from(opened.as_slice()).map_err(|_| format!("it has {} bytes", opened.len()))
    });
    digest.map_err(|error| {
        tracing::error!(%error, name, "the sealed digest of an API key does not open");
        Unavailable::Fault.into()
    })
}

impl Administration {
    /// All API keys, by name; those that were revoked too.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn api_keys(&self) -> Result<BTreeMap<String, ApiKey>, Refused> {
        Ok(self.core.reader.system()?.value.api_keys.clone())
    }

    /// Creates an API key, and says its version.
    ///
    /// # Errors
    /// [`NotDone`]; [`NotDone::Taken`] where the name is taken, or the key is one that exists, in force or not: what was revoked
    /// never opens anything again, under no name.
    pub async fn create_api_key(&self, new: &NewApiKey, asker: &Asker) -> Result<Version, NotDone> {
        for _ in 0..TRIES {
            let system = self.core.reader.system()?;
            let digest = sha256(new.key.as_bytes());
            let known = system.value.api_keys.iter().map(|(name, key)| key_digest(&self.core, name, key));
            let known = known.collect::<Result<Vec<_>, _>>()?;
            if system.value.api_keys.contains_key(&new.name) || known.contains(&digest) {
                return Err(NotDone::Taken);
            }
            let now = self.core.now(system.at)?;
            let id = self.core.commit_id();
            let event = SystemEvent::ApiKeyCreated {
                name: new.name.clone(),
                digest: self.core.keys.seal().seal(id, 1, DIGEST_FIELD, &digest, &*self.core.entropy),
                permissions: new.permissions.clone(),
                clients: new.clients.clone(),
            };
            let proposals = vec![Proposal {
                stream: StreamId::System,
                expected: Expected::Version(system.version),
                events: vec![Event::System(event)],
            }];
            let context = self.core.context(asker, &Owner::System, id)?;
            let commit = commit(id, now, context, Some(Command::Server), proposals);
            if self.core.append(commit).await?.is_some() {
                return Ok(system.version + 1);
            }
        }
        Err(Unavailable::Conflict.into())
    }

    /// Changes an API key, and says its version afterwards. `seen` is the version on which its author decided, if that matters.
    ///
    /// # Errors
    /// [`NotDone`]
    pub async fn change_api_key(
        &self,
        name: &str,
        command: &ApiKeyCommand,
        seen: Option<Version>,
        asker: &Asker,
    ) -> Result<Version, NotDone> {
        for _ in 0..TRIES {
            let system = self.core.reader.system()?;
            let key = system.value.api_keys.get(name).ok_or(NotDone::Missing)?;
            super::expect(seen, key.changed_by)?;
            let Some(event) = system::change_api_key(key, name, command) else {
                let over = key.standing == ApiKeyStanding::Revoked && *command != ApiKeyCommand::Revoke;
                return if over { Err(NotDone::Over) } else { Ok(key.changed_by) };
            };
            let now = match command {
                ApiKeyCommand::Change { .. } | ApiKeyCommand::Enable => self.core.now(system.at)?,
                ApiKeyCommand::Disable | ApiKeyCommand::Revoke => self.core.now_to_close(system.at),
            };
            let id = self.core.commit_id();
            let context = self.core.context(asker, &Owner::System, id)?;
            let proposals = vec![Proposal {
                stream: StreamId::System,
                expected: Expected::Version(system.version),
                events: vec![Event::System(event)],
            }];
            if self.core.append(commit(id, now, context, Some(Command::Server), proposals)).await?.is_some() {
                return Ok(system.version + 1);
            }
        }
        Err(Unavailable::Conflict.into())
    }
}

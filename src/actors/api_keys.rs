//! The handle by which doors find out who shows an API key, and what it may do.

use super::administration::key_digest;
use super::asker::Asker;
use super::core::{Core, Refused, TRIES, Unavailable, commit};
use crate::crypto::sha256;
use crate::domain::command::Command;
use crate::domain::denial::Denial;
use crate::domain::ids::{ClientId, Owner, StreamId, Version};
use crate::domain::permission::Permission;
use crate::domain::system::{self, ApiKey, ApiKeyStanding};
use crate::domain::tally::Seen;
use crate::domain::{Event, Expected, Proposal};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// An API key that was shown and is in force.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuthenticatedKey {
    /// Its name.
    pub name: String,
    /// What it may do.
    pub permissions: BTreeSet<String>,
    /// At which clients; `None`: all.
    pub clients: Option<BTreeSet<ClientId>>,
}

impl AuthenticatedKey {
    /// Whether it may do this.
    pub fn may(&self, permission: Permission) -> bool {
        permission.is_given_by(&self.permissions)
    }

    /// Whether it covers a client.
    pub fn covers(&self, client: &ClientId) -> bool {
        self.clients.as_ref().is_none_or(|clients| clients.contains(client))
    }

    /// Whether it covers an account: all of the clients at which it is registered.
    pub fn covers_account(&self, registrations: Option<&BTreeSet<ClientId>>) -> bool {
        match (&self.clients, registrations) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(covered), Some(clients)) => !clients.is_empty() && clients.is_subset(covered),
        }
    }
}

/// The names of all keys by the digests of the keys, as of a version of the `system` stream.
#[derive(Default)]
struct ByDigest {
    of: Version,
    names: HashMap<[u8; 32], String>,
}

/// See the module.
#[derive(Clone)]
pub struct ApiKeys {
    core: Arc<Core>,
    by_digest: Arc<RwLock<ByDigest>>,
    /// Refusals so far, with those that were not recorded. Its size is bounded by the keys there are.
    seen: Arc<Mutex<HashMap<String, Seen<Denial>>>>,
}

impl ApiKeys {
    /// A handle.
    pub fn new(core: Arc<Core>) -> Self {
        Self { core, by_digest: Arc::default(), seen: Arc::default() }
    }

    /// Who shows a key. Found by its digest, so that how long it takes tells nothing about the keys there are.
    ///
    /// # Errors
    /// [`Refused`]: [`Denial::ApiKeyUnknown`], or [`Denial::ApiKeyDisabled`], which is recorded.
    pub async fn authenticate(&self, key: &str, asker: &Asker) -> Result<AuthenticatedKey, Refused> {
        let system = self.core.reader.system()?;
        let Some(name) = self.name_of(&sha256(key.as_bytes()), system.version, &system.value.api_keys)? else {
            self.count(Denial::ApiKeyUnknown);
            return Err(Denial::ApiKeyUnknown.into());
        };
        let state = system.value.api_keys.get(&name).ok_or(Unavailable::Fault)?;
        if state.standing != ApiKeyStanding::Enabled {
            return Err(self.refuse(&name, Denial::ApiKeyDisabled, asker).await);
        }
        Ok(AuthenticatedKey { name, permissions: state.permissions.clone(), clients: state.clients.clone() })
    }

    fn name_of(
        &self,
        digest: &[u8; 32],
        version: Version,
        keys: &std::collections::BTreeMap<String, ApiKey>,
    ) -> Result<Option<String>, Refused> {
        {
            let known = self.by_digest.read().unwrap_or_else(PoisonError::into_inner);
            if known.of == version {
                return Ok(known.names.get(digest).cloned());
            }
        }
        let mut names = HashMap::new();
        for (name, key) in keys {
            names.insert(key_digest(&self.core, name, key)?, name.clone());
        }
        let found = names.get(digest).cloned();
        *self.by_digest.write().unwrap_or_else(PoisonError::into_inner) = ByDigest { of: version, names };
        Ok(found)
    }

    /// Refuses something to whoever showed a key, and records it as far as refusals are recorded.
    pub async fn refuse(&self, name: &str, denial: Denial, asker: &Asker) -> Refused {
        self.count(denial);
        match self.record(name, denial, asker).await {
            Ok(()) => denial.into(),
            Err(refused) => refused,
        }
    }

    fn count(&self, denial: Denial) {
        self.core.metrics.api_key_refusals_total.with_label_values(&[denial.code()]).inc();
    }

    async fn record(&self, name: &str, denial: Denial, asker: &Asker) -> Result<(), Refused> {
        let asker = Asker { api_key: Some(name.to_owned()), ..asker.clone() };
        let mut seen = self.seen(name, denial)?;
        for _ in 0..TRIES {
            let system = self.core.reader.system()?;
            let Some(key) = system.value.api_keys.get(name) else { return Ok(()) };
            let id = self.core.commit_id();
            let context = self.core.context(&asker, &Owner::System, id)?;
            let Some(event) = system::refuse_api_key(key, name, denial, &context, &seen) else { return Ok(()) };
            let now = self.core.now_to_close(system.at);
            let proposals = vec![Proposal {
                stream: StreamId::System,
                expected: Expected::Version(system.version),
                events: vec![Event::System(event)],
            }];
            let commit = commit(id, now, context, Some(Command::Server), proposals);
            if self.core.append(commit).await?.is_some() {
                return Ok(());
            }
            // Others may have been counted meanwhile.
            seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned().unwrap_or_default();
        }
        Err(Unavailable::Conflict.into())
    }

    /// The counts before this refusal, which is counted.
    fn seen(&self, name: &str, denial: Denial) -> Result<Seen<Denial>, Refused> {
        let system = self.core.reader.system()?;
        let Some(key) = system.value.api_keys.get(name) else { return Ok(Seen::default()) };
        let mut all = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = all.entry(name.to_owned()).or_default();
        let before = seen.clone();
        let n = key.refusals.number(denial, seen);
        seen.insert(denial, n);
        Ok(before)
    }
}

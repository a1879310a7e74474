//! Clients: made, looked at and changed.

use super::super::asker::Asker;
use super::super::clients::SECRET_FIELD;
use super::super::closer::Scope;
use super::super::core::{Refused, TRIES, Unavailable, commit};
use super::super::series;
use super::{Administration, NotDone, expect};
use crate::crypto::sha256;
use crate::domain::client::{self, ClientCommand, ClientEvent, ClientSettings, ClientType};
use crate::domain::command::Command;
use crate::domain::context::Sealed;
use crate::domain::ids::{ClientId, CommitId, Owner, StreamId, Version};
use crate::domain::time::Timestamp;
use crate::domain::{Event, Expected, Proposal};
use crate::journal::{Commit, Versioned};
use std::sync::Arc;
use zeroize::Zeroizing;

/// A client to be created.
pub struct NewClient {
    /// Its id.
    pub id: ClientId,
    /// Its secret; `None` for a public client.
    pub secret: Option<Zeroizing<String>>,
    /// Whether it may be used at once.
    pub enabled: bool,
    /// Its settings.
    pub settings: ClientSettings,
}

impl Administration {
    /// Creates a client; `false` where the id is taken, also by the tenant: see [`Self::create_tenant_client`].
    ///
    /// # Errors
    /// [`Refused`]
    pub async fn create_client(&self, new: &NewClient, asker: &Asker) -> Result<bool, Refused> {
        if self.is_tenant(&new.id) { Ok(false) } else { self.make_client(new, asker).await }
    }

    /// Creates the tenant's own client, which this program alone may make: whoever knew its secret could log in at no application.
    /// `false` where it is there.
    ///
    /// # Errors
    /// [`Refused`]
    pub async fn create_tenant_client(&self, new: &NewClient, asker: &Asker) -> Result<bool, Refused> {
        if self.is_tenant(&new.id) { self.make_client(new, asker).await } else { Ok(false) }
    }

    /// Whether an id is that of the tenant, and so of no client that anybody could make.
    pub fn is_tenant(&self, id: &ClientId) -> bool {
        id.as_str() == self.core.tenant.hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer())
    }

    async fn make_client(&self, new: &NewClient, asker: &Asker) -> Result<bool, Refused> {
        if self.core.reader.client(&new.id)?.is_some() {
            return Ok(false);
        }
        let now = self.core.now(Timestamp::default())?;
        let id = self.core.commit_id();
        let (record, key) = self.core.keys.new_owner(Owner::Client(new.id.clone()), &*self.core.entropy);
        let secret = new.secret.as_ref().map(|secret| self.seal_secret(id, secret));
        let event = ClientEvent::Created { settings: new.settings.clone(), secret, enabled: new.enabled };
        let proposals = vec![Proposal {
            stream: StreamId::Client(new.id.clone()),
            expected: Expected::Version(0),
            events: vec![Event::Client(event)],
        }];
        let context = asker.context(Some(&key), id, &*self.core.entropy);
        let commit = Commit { id, at: now, context, command: Some(Command::Server), proposals, keys: vec![record] };
        let made = self.core.append(commit).await?.is_some();
        if self.core.reader.clients().len() <= series::CLIENTS {
            series::of_client(&self.core.metrics, &new.id);
        }
        Ok(made)
    }

    pub(super) fn seal_secret(&self, id: CommitId, secret: &str) -> Sealed {
        self.core.keys.seal().seal(id, 1, SECRET_FIELD, &sha256(secret.as_bytes()), &*self.core.entropy)
    }

    /// Changes a client, and says its version afterwards. `seen` is the version on which its author decided, if that matters.
    ///
    /// # Errors
    /// [`NotDone`]
    pub async fn change_client(
        &self,
        client: &ClientId,
        command: ClientCommand,
        seen: Option<Version>,
        asker: &Asker,
    ) -> Result<Version, NotDone> {
        self.decide_on_client(client, |_| command.clone(), seen, asker).await
    }

    /// Replaces the secret of a confidential client. The old one is worth nothing from then on; sessions go on.
    ///
    /// # Errors
    /// [`NotDone`]; [`NotDone::Over`] for a public client, which has none.
    pub async fn set_client_secret(
        &self,
        client: &ClientId,
        secret: &str,
        seen: Option<Version>,
        asker: &Asker,
    ) -> Result<Version, NotDone> {
        let state = self.core.reader.client(client)?.ok_or(NotDone::Missing)?;
        if state.value.settings.client_type == ClientType::Public {
            return Err(NotDone::Over);
        }
        let set = |id| ClientCommand::SetSecret(self.seal_secret(id, secret));
        self.decide_on_client(client, set, seen, asker).await
    }

    async fn decide_on_client(
        &self,
        client: &ClientId,
        command: impl Fn(CommitId) -> ClientCommand,
        seen: Option<Version>,
        asker: &Asker,
    ) -> Result<Version, NotDone> {
        for _ in 0..TRIES {
            let state = self.core.reader.client(client)?.ok_or(NotDone::Missing)?;
            expect(seen, state.version)?;
            let id = self.core.commit_id();
            let command = command(id);
            let events = client::decide(&state.value, &command);
            if events.is_empty() {
                return Ok(state.version);
            }
            let now = match command {
                ClientCommand::Enable | ClientCommand::Change(_) => self.core.now(state.at)?,
                ClientCommand::SetSecret(_) | ClientCommand::Disable => self.core.now_to_close(state.at),
                // The brake is compared with the instants of the client's own tokens, which stand in another stream.
                ClientCommand::RevokeSessions | ClientCommand::Remove => {
                    let used = self.core.reader.usage(client)?.map_or(state.at, |usage| usage.at);
                    self.core.now_to_close(state.at.max(used))
                }
            };
            let context = self.core.context(asker, &Owner::Client(client.clone()), id)?;
            let stream = StreamId::Client(client.clone());
            let proposals = vec![Proposal {
                stream: stream.clone(),
                expected: Expected::Version(state.version),
                events: events.into_iter().map(Event::Client).collect(),
            }];
            let commit = commit(id, now, context, Some(Command::Client(command)), proposals);
            if let Some(appended) = self.core.append(commit).await? {
                self.closer.close(Scope::Client(client.clone()));
                return Ok(appended.states.get(&stream).map_or(state.version, |folded| folded.version));
            }
        }
        Err(Unavailable::Conflict.into())
    }

    /// The settings and state of a client.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn find_client(&self, client: &ClientId) -> Result<Option<Versioned<Arc<client::Client>>>, Refused> {
        Ok(self.core.reader.client(client)?)
    }

    /// All clients, by id.
    pub fn clients(&self) -> Vec<ClientId> {
        let mut clients = self.core.reader.clients();
        clients.sort();
        clients
    }
}

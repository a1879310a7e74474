//! What operators do: plain functions that load, decide and append. Whoever loses a race loads and decides again.

use super::asker::Asker;
use super::clients::SECRET_FIELD;
use super::closer::{Closer, Scope};
use super::core::{Core, Refused, TRIES, Unavailable, commit};
use super::hasher::{Done, Hasher, Job, Share};
use super::logins::VERIFIER_FIELD;
use crate::crypto::{scheme_of, sha256};
use crate::domain::account::{AccountEvent, Name, NameEvent};
use crate::domain::client::{self, ClientCommand, ClientEvent, ClientSettings};
use crate::domain::command::Command;
use crate::domain::gate::{self, GateCommand, GateEvent, PasswordHow};
use crate::domain::ids::{AccountId, ClientId, CommitId, Owner, StreamId};
use crate::domain::system::SystemEvent;
use crate::domain::time::Timestamp;
use crate::domain::{Event, Expected, Proposal};
use crate::entropy::uuid_v7;
use crate::journal::Commit;
use std::collections::BTreeSet;
use std::sync::Arc;
use zeroize::Zeroizing;

/// The field under which an account's login id is sealed.
pub(super) const LOGIN_FIELD: &str = "login";
/// The field under which the digest of an API key is sealed.
const DIGEST_FIELD: &str = "digest";

/// A password to be set.
pub enum NewPassword {
    /// In clear: hashed with today's parameters.
    Plain(Zeroizing<String>),
    /// A PHC string or bcrypt hash from another system.
    Hash(Zeroizing<String>),
}

/// An account to be created.
pub struct NewAccount {
    /// Its login id.
    pub login: String,
    /// Its password.
    pub password: NewPassword,
    /// Its roles.
    pub roles: BTreeSet<String>,
    /// The clients it is registered at; `None`: all.
    pub clients: Option<BTreeSet<ClientId>>,
}

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

/// See the module.
#[derive(Clone)]
pub struct Administration {
    core: Arc<Core>,
    hasher: Hasher,
    closer: Closer,
}

impl Administration {
    /// A handle.
    pub fn new(core: Arc<Core>, hasher: Hasher, closer: Closer) -> Self {
        Self { core, hasher, closer }
    }

    /// The account a login id belongs to.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn find_account(&self, login: &str) -> Result<Option<AccountId>, Refused> {
        let name = self.core.reader.name(self.core.keys.name().hash(login))?;
        Ok(name.and_then(|name| match name.value {
            Name::Taken(account) => Some(account),
            Name::Free => None,
        }))
    }

    /// Whether a login id was ever an account's: bootstrap never makes again what was erased.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn was_taken(&self, login: &str) -> Result<bool, Refused> {
        Ok(self.core.reader.name(self.core.keys.name().hash(login))?.is_some())
    }

    /// Creates an account; `None` where the login id is taken.
    ///
    /// # Errors
    /// [`Refused`]
    pub async fn create_account(&self, new: NewAccount, asker: &Asker) -> Result<Option<AccountId>, Refused> {
        let name = self.core.keys.name().hash(&new.login);
        let phc = self.phc(new.password).await?;
        for _ in 0..TRIES {
            let held = self.core.reader.name(name)?;
            if matches!(held.as_ref().map(|name| name.value), Some(Name::Taken(_))) {
                return Ok(None);
            }
            let now = self.core.now(held.as_ref().map_or(Timestamp::default(), |name| name.at))?;
            let account = AccountId(uuid_v7(&*self.core.entropy, now));
            let id = self.core.commit_id();
            let (record, key) = self.core.keys.new_owner(Owner::Account(account), &*self.core.entropy);
            let login = key.seal(id, 1, LOGIN_FIELD, new.login.trim().as_bytes(), &*self.core.entropy);
            let gate = self.opening(id, &phc, &new.roles, new.clients.as_ref())?;
            let streams = [
                (
                    StreamId::Name(name),
                    Expected::Version(held.map_or(0, |name| name.version)),
                    vec![Event::Name(NameEvent::Taken { account })],
                ),
                (
                    StreamId::Account(account),
                    Expected::Version(0),
                    vec![Event::Account(AccountEvent::Created { login, name })],
                ),
                (StreamId::Gate(account), Expected::Version(0), gate.into_iter().map(Event::Gate).collect()),
            ];
            let proposals = streams.map(|(stream, expected, events)| Proposal { stream, expected, events }).to_vec();
            let context = asker.context(Some(&key), id, &*self.core.entropy);
            let commit = Commit { id, at: now, context, command: Some(Command::Server), proposals, keys: vec![record] };
            if self.core.append(commit).await?.is_some() {
                return Ok(Some(account));
            }
        }
        Err(Unavailable::Conflict.into())
    }

    fn opening(
        &self,
        id: CommitId,
        phc: &str,
        roles: &BTreeSet<String>,
        clients: Option<&BTreeSet<ClientId>>,
    ) -> Result<Vec<GateEvent>, Refused> {
        let scheme = scheme_of(phc).map_err(|_| Unavailable::Fault)?;
        let verifier = self.core.keys.seal().seal(id, 2, VERIFIER_FIELD, phc.as_bytes(), &*self.core.entropy);
        let opening = GateEvent::PasswordSet { verifier, scheme, must_change: false, how: PasswordHow::Given };
        let mut events = vec![opening];
        if !roles.is_empty() {
            events.push(GateEvent::RolesSet { roles: roles.clone() });
        }
        for client in clients.into_iter().flatten() {
            events.push(GateEvent::RegistrationAdded { client: client.clone() });
        }
        Ok(events)
    }

    async fn phc(&self, password: NewPassword) -> Result<Zeroizing<String>, Refused> {
        let plain = match password {
            NewPassword::Hash(phc) => return Ok(phc),
            NewPassword::Plain(plain) => Zeroizing::new(plain.as_bytes().to_vec()),
        };
        let mut salt = [0; 16];
        self.core.entropy.fill(&mut salt);
        match self.hasher.run(Job::Hash(salt), plain, Share::Operator).await {
            Ok(Done::Hashed(phc)) => Ok(phc),
            Ok(Done::Verified { .. } | Done::Failed) => Err(Unavailable::Fault.into()),
            Err(_) => Err(Unavailable::Busy.into()),
        }
    }

    /// Sets a password, which ends the account's sessions.
    ///
    /// # Errors
    /// [`Refused`]
    pub async fn set_password(
        &self,
        account: AccountId,
        password: NewPassword,
        asker: &Asker,
    ) -> Result<bool, Refused> {
        let phc = self.phc(password).await?;
        let scheme = scheme_of(&phc).map_err(|_| Unavailable::Fault)?;
        let seal = |id| self.core.keys.seal().seal(id, 1, VERIFIER_FIELD, phc.as_bytes(), &*self.core.entropy);
        let set =
            |id| GateCommand::SetPassword { verifier: seal(id), scheme, must_change: false, how: PasswordHow::Given };
        self.change_gate(account, set, asker).await
    }

    /// Changes a gate. `false`: no such account.
    ///
    /// # Errors
    /// [`Refused`]
    pub async fn gate(&self, account: AccountId, command: GateCommand, asker: &Asker) -> Result<bool, Refused> {
        self.change_gate(account, |_| command.clone(), asker).await
    }

    async fn change_gate(
        &self,
        account: AccountId,
        command: impl Fn(CommitId) -> GateCommand,
        asker: &Asker,
    ) -> Result<bool, Refused> {
        for _ in 0..TRIES {
            let Some(gate) = self.core.reader.gate(account)? else { return Ok(false) };
            let id = self.core.commit_id();
            let command = command(id);
            let now = match command {
                // What lets somebody in waits for a clock that is believed; what shuts somebody out does not.
                GateCommand::Enable
                | GateCommand::AddRegistration(_)
                | GateCommand::LiftRegistrations
                | GateCommand::SetMustChange(_)
                | GateCommand::SetRoles(_) => self.core.now(gate.at)?,
                GateCommand::SetPassword { .. }
                | GateCommand::Disable
                | GateCommand::WithdrawRegistration(_)
                | GateCommand::RevokeSessions
                | GateCommand::Erase => self.core.now_to_close(gate.at),
            };
            let events = gate::decide(&gate.value, &command);
            if events.is_empty() {
                return Ok(true);
            }
            // Ending everything is legal in every state: nobody can starve it by refreshing quickly.
            let expected = match command {
                GateCommand::RevokeSessions => Expected::Any,
                _ => Expected::Version(gate.version),
            };
            let mut proposals = vec![Proposal {
                stream: StreamId::Gate(account),
                expected,
                events: events.into_iter().map(Event::Gate).collect(),
            }];
            if command == GateCommand::Erase {
                proposals.extend(self.release_name(account)?);
            }
            let context = self.core.context(asker, &Owner::Account(account), id)?;
            let recorded = Command::Gate { command, gate: gate.version };
            let commit = commit(id, now, context, Some(recorded), proposals);
            if self.core.append(commit).await?.is_some() {
                self.closer.close(Scope::Account(account));
                return Ok(true);
            }
        }
        Err(Unavailable::Conflict.into())
    }

    fn release_name(&self, account: AccountId) -> Result<Option<Proposal>, Refused> {
        let Some(state) = self.core.reader.account(account)? else { return Ok(None) };
        let held = self.core.reader.name(state.value.name)?;
        Ok(held.filter(|name| name.value == Name::Taken(account)).map(|name| Proposal {
            stream: StreamId::Name(state.value.name),
            expected: Expected::Version(name.version),
            events: vec![Event::Name(NameEvent::Released { account })],
        }))
    }

    /// Creates a client; `false` where the id is taken.
    ///
    /// # Errors
    /// [`Refused`]
    pub async fn create_client(&self, new: &NewClient, asker: &Asker) -> Result<bool, Refused> {
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
        Ok(self.core.append(commit).await?.is_some())
    }

    fn seal_secret(&self, id: CommitId, secret: &str) -> crate::domain::context::Sealed {
        self.core.keys.seal().seal(id, 1, SECRET_FIELD, &sha256(secret.as_bytes()), &*self.core.entropy)
    }

    /// Changes a client. `false`: no such client.
    ///
    /// # Errors
    /// [`Refused`]
    pub async fn client(&self, client: &ClientId, command: ClientCommand, asker: &Asker) -> Result<bool, Refused> {
        for _ in 0..TRIES {
            let Some(state) = self.core.reader.client(client)? else { return Ok(false) };
            let events = client::decide(&state.value, &command);
            if events.is_empty() {
                return Ok(true);
            }
            let now = match command {
                ClientCommand::Enable | ClientCommand::Change(_) => self.core.now(state.at)?,
                ClientCommand::SetSecret(_) | ClientCommand::Disable => self.core.now_to_close(state.at),
                // The brake is compared with the instants of the client's own tokens, which stand in another stream.
                ClientCommand::RevokeSessions => {
                    let used = self.core.reader.usage(client)?.map_or(state.at, |usage| usage.at);
                    self.core.now_to_close(state.at.max(used))
                }
            };
            let id = self.core.commit_id();
            let context = self.core.context(asker, &Owner::Client(client.clone()), id)?;
            let proposals = vec![Proposal {
                stream: StreamId::Client(client.clone()),
                expected: Expected::Version(state.version),
                events: events.into_iter().map(Event::Client).collect(),
            }];
            let commit = commit(id, now, context, Some(Command::Client(command.clone())), proposals);
            if self.core.append(commit).await?.is_some() {
                self.closer.close(Scope::Client(client.clone()));
                return Ok(true);
            }
        }
        Err(Unavailable::Conflict.into())
    }

    /// The settings and state of a client.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn find_client(&self, client: &ClientId) -> Result<Option<client::Client>, Refused> {
        Ok(self.core.reader.client(client)?.map(|client| client.value))
    }

    /// Creates an API key; `false` where the name is taken.
    ///
    /// # Errors
    /// [`Refused`]
    pub async fn create_api_key(&self, new: &NewApiKey, asker: &Asker) -> Result<bool, Refused> {
        for _ in 0..TRIES {
            let system = self.core.reader.system()?;
            if system.value.api_keys.contains_key(&new.name) {
                return Ok(false);
            }
            let now = self.core.now(system.at)?;
            let id = self.core.commit_id();
            let digest = sha256(new.key.as_bytes());
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
                return Ok(true);
            }
        }
        Err(Unavailable::Conflict.into())
    }
}

//! Accounts: made, looked at and changed.

use super::super::asker::Asker;
use super::super::closer::Scope;
use super::super::core::{Refused, TRIES, Unavailable, commit};
use super::super::hasher::{Done, Job, Share};
use super::super::logins::VERIFIER_FIELD;
use super::person::{Held, take};
use super::{Administration, LOGIN_FIELD, NotDone, USERNAME_FIELD, expect};
use crate::crypto::scheme_of;
use crate::domain::account::{self, AccountEvent, Name};
use crate::domain::command::Command;
use crate::domain::gate::{self, Gate, GateCommand, GateEvent, PasswordHow};
use crate::domain::ids::{AccountId, ClientId, CommitId, NameHash, Owner, StreamId, Version};
use crate::domain::time::Timestamp;
use crate::domain::{Event, Expected, Proposal};
use crate::entropy::uuid_v7;
use crate::journal::{Commit, Versioned};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use zeroize::Zeroizing;

/// A password to be set.
#[derive(Clone)]
pub enum NewPassword {
    /// In clear: hashed with today's parameters.
    Plain(Zeroizing<String>),
    /// A PHC string or bcrypt hash from another system.
    Hash(Zeroizing<String>),
}

/// An account to be created.
pub struct NewAccount {
    /// Its id, where another system gave it one; `None`: a new one is drawn.
    pub id: Option<AccountId>,
    /// Its login id.
    pub login: String,
    /// A second login id.
    pub username: Option<String>,
    /// What apps keep about the person: a JSON object.
    pub profile: Option<String>,
    /// Its password.
    pub password: NewPassword,
    /// Whether that password only serves to set another.
    pub must_change: bool,
    /// Whether anybody may log in.
    pub enabled: bool,
    /// Its roles.
    pub roles: BTreeSet<String>,
    /// The clients it is registered at; `None`: all.
    pub clients: Option<BTreeSet<ClientId>>,
    /// Its roles at single clients.
    pub roles_at: BTreeMap<ClientId, BTreeSet<String>>,
}

impl NewAccount {
    /// One that may log in everywhere, without roles, under an id that is drawn.
    pub fn new(login: String, password: NewPassword) -> Self {
        Self {
            id: None,
            login,
            username: None,
            profile: None,
            password,
            must_change: false,
            enabled: true,
            roles: BTreeSet::new(),
            clients: None,
            roles_at: BTreeMap::new(),
        }
    }
}

/// An account as operators see it.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// The login id, opened; `None` where the account was erased.
    pub login: Option<String>,
    /// The second login id, opened, where it has one.
    pub username: Option<String>,
    /// What apps keep about the person, opened: a JSON object.
    pub profile: Option<String>,
    /// Who may have sessions of it: its version is the account's, for those who change it.
    pub gate: Versioned<Arc<Gate>>,
    /// What its logins have left.
    pub state: Arc<account::Account>,
}

impl Administration {
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

    /// An account, as it is now.
    ///
    /// # Errors
    /// Where the store or the keys cannot be read.
    pub fn account(&self, id: AccountId) -> Result<Option<Account>, Refused> {
        let (Some(gate), Some(state)) = (self.core.reader.gate(id)?, self.core.reader.account(id)?) else {
            return Ok(None);
        };
        let login = self.core.login_of(id, &state.value)?;
        let username = match &state.value.username {
            Some(username) => self.core.opened(id, USERNAME_FIELD, &username.login)?,
            None => None,
        };
        let profile = self.profile(id, &state.value)?;
        Ok(Some(Account { id, login, username, profile, gate, state: state.value }))
    }

    /// Accounts in the order of their ids, which is mostly that of their making: at most `limit`, after one.
    ///
    /// # Errors
    /// Where the store or the keys cannot be read.
    pub fn accounts(&self, after: Option<AccountId>, limit: usize) -> Result<Vec<Account>, Refused> {
        let ids = self.core.reader.accounts(after, limit)?;
        ids.into_iter().filter_map(|id| self.account(id).transpose()).collect()
    }

    /// Creates an account; `None` where the login id or the id is taken.
    ///
    /// # Errors
    /// [`Refused`]
    pub async fn create_account(&self, new: NewAccount, asker: &Asker) -> Result<Option<AccountId>, Refused> {
        let hash = |login: &str| self.core.keys.name().hash(login);
        let name = hash(&new.login);
        let second = new.username.as_deref().map(hash).filter(|second| *second != name);
        // Whoever is there costs no hash.
        if self.is_known(new.id)? || self.held(name, second)?.is_none() {
            return Ok(None);
        }
        let phc = self.phc(&new.password).await?;
        for _ in 0..TRIES {
            let (false, Some(held)) = (self.is_known(new.id)?, self.held(name, second)?) else { return Ok(None) };
            let now = self.core.now(held.iter().map(|(_, _, at)| *at).max().unwrap_or_default())?;
            let account = new.id.unwrap_or_else(|| AccountId(uuid_v7(&*self.core.entropy, now)));
            let id = self.core.commit_id();
            let (record, key) = self.core.keys.new_owner(Owner::Account(account), &*self.core.entropy);
            let login = key.seal(id, 1, LOGIN_FIELD, new.login.trim().as_bytes(), &*self.core.entropy);
            let mut person = vec![AccountEvent::Created { login, name }];
            if let (Some(name), Some(username)) = (second, &new.username) {
                person.push(self.username_set(&key, (id, 3), username, name));
            }
            if let Some(profile) = &new.profile {
                person.push(self.profile_set(&key, (id, 4), profile));
            }
            let gate = self.opening(id, &phc, &new)?;
            let mut proposals: Vec<Proposal> = held.into_iter().map(|held| take(account, held)).collect();
            let fresh = |stream, events| Proposal { stream, expected: Expected::Version(0), events };
            proposals.push(fresh(StreamId::Account(account), person.into_iter().map(Event::Account).collect()));
            proposals.push(fresh(StreamId::Gate(account), gate.into_iter().map(Event::Gate).collect()));
            let context = asker.context(Some(&key), id, &*self.core.entropy);
            let commit = Commit { id, at: now, context, command: Some(Command::Server), proposals, keys: vec![record] };
            if self.core.append(commit).await?.is_some() {
                return Ok(Some(account));
            }
        }
        Err(Unavailable::Conflict.into())
    }

    /// Whether an id is an account's.
    fn is_known(&self, id: Option<AccountId>) -> Result<bool, Refused> {
        Ok(match id {
            Some(id) => self.core.reader.account(id)?.is_some(),
            None => false,
        })
    }

    /// How the login ids of an account that is to be made stand; `None` where one is taken.
    fn held(&self, name: NameHash, second: Option<NameHash>) -> Result<Option<Vec<Held>>, Refused> {
        [Some(name), second].into_iter().flatten().map(|name| self.free(name)).collect()
    }

    fn opening(&self, id: CommitId, phc: &str, new: &NewAccount) -> Result<Vec<GateEvent>, Refused> {
        let scheme = scheme_of(phc).map_err(|_| Unavailable::Fault)?;
        let verifier = self.core.keys.seal().seal(id, 2, VERIFIER_FIELD, phc.as_bytes(), &*self.core.entropy);
        let (must_change, how) = (new.must_change, PasswordHow::Given);
        let mut events = vec![GateEvent::PasswordSet { verifier, scheme, must_change, how }];
        if !new.enabled {
            events.push(GateEvent::Disabled);
        }
        if !new.roles.is_empty() {
            events.push(GateEvent::RolesSet { roles: new.roles.clone() });
        }
        for client in new.clients.iter().flatten() {
            events.push(GateEvent::RegistrationAdded { client: client.clone() });
        }
        for (client, roles) in new.roles_at.iter().filter(|(_, roles)| !roles.is_empty()) {
            events.push(GateEvent::RegistrationRolesSet { client: client.clone(), roles: roles.clone() });
        }
        Ok(events)
    }

    /// A password as its hash: who gives it later waits for nothing then.
    ///
    /// # Errors
    /// [`Refused`]
    pub async fn hashed(&self, password: &NewPassword) -> Result<NewPassword, Refused> {
        self.phc(password).await.map(NewPassword::Hash)
    }

    /// The text of a password's hash: made here, or given.
    async fn phc(&self, password: &NewPassword) -> Result<Zeroizing<String>, Refused> {
        let plain = match password {
            NewPassword::Hash(phc) => return Ok(phc.clone()),
            NewPassword::Plain(plain) => Zeroizing::new(plain.as_bytes().to_vec()),
        };
        let mut salt = [0; 16];
        self.core.entropy.fill(&mut salt);
        match self.hasher.run(Job::Hash(salt), plain, Share::Operator).await {
            Ok(Done::Hashed(phc)) => Ok(phc),
            Ok(Done::Verified { .. } | Done::Judged(_) | Done::Failed) => Err(Unavailable::Fault.into()),
            Err(_) => Err(Unavailable::Busy.into()),
        }
    }

    /// Sets a password, which ends the account's sessions, and says whether it only serves to set another, and how it came; see
    /// [`Self::change_account`].
    ///
    /// # Errors
    /// [`NotDone`]
    pub async fn give_password(
        &self,
        account: AccountId,
        password: NewPassword,
        (must_change, how): (bool, PasswordHow),
        seen: Option<Version>,
        asker: &Asker,
    ) -> Result<Version, NotDone> {
        let phc = self.phc(&password).await?;
        let scheme = scheme_of(&phc).map_err(|_| Unavailable::Fault)?;
        let seal = |id| self.core.keys.seal().seal(id, 1, VERIFIER_FIELD, phc.as_bytes(), &*self.core.entropy);
        let set = |id| GateCommand::SetPassword { verifier: seal(id), scheme, must_change, how };
        self.change_gate(account, set, seen, asker).await
    }

    /// Changes an account, and says its version afterwards. `seen` is the version on which its author decided, if that matters.
    ///
    /// # Errors
    /// [`NotDone`]
    pub async fn change_account(
        &self,
        account: AccountId,
        command: GateCommand,
        seen: Option<Version>,
        asker: &Asker,
    ) -> Result<Version, NotDone> {
        self.change_gate(account, |_| command.clone(), seen, asker).await
    }

    async fn change_gate(
        &self,
        account: AccountId,
        command: impl Fn(CommitId) -> GateCommand,
        seen: Option<Version>,
        asker: &Asker,
    ) -> Result<Version, NotDone> {
        for _ in 0..TRIES {
            let gate = self.core.reader.gate(account)?.ok_or(NotDone::Missing)?;
            expect(seen, gate.version)?;
            let id = self.core.commit_id();
            let command = command(id);
            let now = self.instant_of(&command, gate.at)?;
            let events = gate::decide(&gate.value, &command);
            if events.is_empty() {
                let erased = gate.value.standing == gate::Standing::Erased && command != GateCommand::Erase;
                return if erased { Err(NotDone::Over) } else { Ok(gate.version) };
            }
            // Ending everything is legal in every state: nobody can starve it by refreshing quickly.
            let expected = match command {
                GateCommand::RevokeSessions if seen.is_none() => Expected::Any,
                _ => Expected::Version(gate.version),
            };
            let stream = StreamId::Gate(account);
            let events = events.into_iter().map(Event::Gate).collect();
            let mut proposals = vec![Proposal { stream: stream.clone(), expected, events }];
            if command == GateCommand::Erase {
                proposals.extend(self.release_names(account)?);
            }
            let context = self.core.context(asker, &Owner::Account(account), id)?;
            let recorded = Command::Gate { command, gate: gate.version };
            let commit = commit(id, now, context, Some(recorded), proposals);
            if let Some(appended) = self.core.append(commit).await? {
                self.closer.close(Scope::Account(account));
                return Ok(appended.states.get(&stream).map_or(gate.version, |folded| folded.version));
            }
        }
        Err(Unavailable::Conflict.into())
    }

    /// What lets somebody in waits for a clock that is believed; what shuts somebody out does not.
    fn instant_of(&self, command: &GateCommand, gate_at: Timestamp) -> Result<Timestamp, Refused> {
        match command {
            GateCommand::Enable
            | GateCommand::AddRegistration(_)
            | GateCommand::SetRegistrations(_)
            | GateCommand::LiftRegistrations
            | GateCommand::SetMustChange(_)
            | GateCommand::SetRoles(_)
            | GateCommand::Register { .. }
            | GateCommand::SetRegistrationRoles { .. } => self.core.now(gate_at),
            GateCommand::SetPassword { .. }
            | GateCommand::Disable
            | GateCommand::WithdrawRegistration(_)
            | GateCommand::RevokeSessions
            | GateCommand::Erase => Ok(self.core.now_to_close(gate_at)),
        }
    }
}

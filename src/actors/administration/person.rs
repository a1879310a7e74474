//! Who the person of an account is: login ids, and what apps keep about him.

use super::super::asker::Asker;
use super::super::core::{Refused, TRIES, Unavailable, commit};
use super::{Administration, LOGIN_FIELD, NotDone, PROFILE_FIELD, USERNAME_FIELD, expect};
use crate::crypto::DataKey;
use crate::domain::account::{Account, AccountEvent, Name, NameEvent};
use crate::domain::command::Command;
use crate::domain::gate;
use crate::domain::ids::{AccountId, CommitId, NameHash, Owner, StreamId, Version};
use crate::domain::time::Timestamp;
use crate::domain::{Event, Expected, Proposal};
use std::collections::BTreeSet;

/// A login id that is free, with the version of its stream and when that was written last.
pub(super) type Held = (NameHash, Version, Timestamp);

/// What shall be different of a person; `None`: nothing.
#[derive(Clone, Default)]
pub struct PersonChange {
    /// The first login id.
    pub login: Option<String>,
    /// The second; `Some(None)`: there is none.
    pub username: Option<Option<String>>,
    /// What apps keep about him: a JSON object.
    pub profile: Option<String>,
    /// Which profile its author has seen; `Some(None)`: none. Where it is another, nothing is changed.
    pub over: Option<Option<CommitId>>,
}

impl Administration {
    /// Changes login ids or what apps keep about the person. Sessions go on. The account's version stays: nothing of its gate changes.
    ///
    /// # Errors
    /// [`NotDone`]; [`NotDone::Taken`] where a login id is another account's, or the account's other one; [`NotDone::Moved`] where the
    /// profile is not the one that the change is made over.
    pub async fn change_person(
        &self,
        account: AccountId,
        change: &PersonChange,
        seen: Option<Version>,
        asker: &Asker,
    ) -> Result<Version, NotDone> {
        for _ in 0..TRIES {
            let gate = self.core.reader.gate(account)?.ok_or(NotDone::Missing)?;
            expect(seen, gate.version)?;
            let key = self.core.data_key(&Owner::Account(account))?;
            let (Some(key), true) = (key, gate.value.standing != gate::Standing::Erased) else {
                return Err(NotDone::Over);
            };
            let state = self.core.reader.account(account)?.ok_or(NotDone::Missing)?;
            let profile = state.value.profile.as_ref().map(|profile| profile.commit);
            if change.over.is_some_and(|over| over != profile) {
                return Err(NotDone::Moved(gate.version));
            }
            let id = self.core.commit_id();
            let (events, names) = self.decide_on_person(&key, id, account, &state.value, change)?;
            if events.is_empty() {
                return Ok(gate.version);
            }
            let now = self.core.now(state.at.max(gate.at))?;
            let mut proposals = vec![Proposal::guard(StreamId::Gate(account), gate.version)];
            proposals.extend(names);
            proposals.push(Proposal {
                stream: StreamId::Account(account),
                expected: Expected::Version(state.version),
                events: events.into_iter().map(Event::Account).collect(),
            });
            let context = asker.context(Some(&key), id, &*self.core.entropy);
            if self.core.append(commit(id, now, context, Some(Command::Server), proposals)).await?.is_some() {
                return Ok(gate.version);
            }
        }
        Err(Unavailable::Conflict.into())
    }

    /// The events of a change, and what it does to the names.
    fn decide_on_person(
        &self,
        key: &DataKey,
        id: CommitId,
        account: AccountId,
        state: &Account,
        change: &PersonChange,
    ) -> Result<(Vec<AccountEvent>, Vec<Proposal>), NotDone> {
        let mut events = Vec::new();
        let hash = |login: &str| self.core.keys.name().hash(login);
        let second = state.username.as_ref().map(|username| username.name);
        let (mut first_then, mut second_then) = (state.name, second);
        if let Some(login) = &change.login {
            let name = hash(login);
            first_then = name;
            let login = key.seal(id, 1, LOGIN_FIELD, login.trim().as_bytes(), &*self.core.entropy);
            events.push(AccountEvent::LoginChanged { login, name });
        }
        if let Some(username) = &change.username {
            second_then = username.as_deref().map(hash);
            match (username, second_then) {
                (Some(username), Some(name)) => events.push(self.username_set(key, (id, 2), username, name)),
                _ if second.is_some() => events.push(AccountEvent::UsernameCleared),
                _ => {}
            }
        }
        if let Some(profile) = &change.profile {
            events.push(self.profile_set(key, (id, 3), profile));
        }
        if second_then == Some(first_then) {
            return Err(NotDone::Taken);
        }
        let before: BTreeSet<NameHash> = [Some(state.name), second].into_iter().flatten().collect();
        let then: BTreeSet<NameHash> = [Some(first_then), second_then].into_iter().flatten().collect();
        let mut names = Vec::new();
        for name in then.difference(&before) {
            names.push(take(account, self.free(*name)?.ok_or(NotDone::Taken)?));
        }
        for name in before.difference(&then) {
            names.extend(self.release(account, *name)?);
        }
        Ok((events, names))
    }

    /// A login id that is nobody's; `None` where it is somebody's.
    pub(super) fn free(&self, name: NameHash) -> Result<Option<Held>, Refused> {
        let held = self.core.reader.name(name)?;
        Ok(match held {
            Some(held) if matches!(held.value, Name::Taken(_)) => None,
            Some(held) => Some((name, held.version, held.at)),
            None => Some((name, 0, Timestamp::default())),
        })
    }

    /// What frees all login ids of an account.
    pub(super) fn release_names(&self, account: AccountId) -> Result<Vec<Proposal>, Refused> {
        let Some(state) = self.core.reader.account(account)? else { return Ok(Vec::new()) };
        let second = state.value.username.as_ref().map(|username| username.name);
        let names = [Some(state.value.name), second].into_iter().flatten();
        names.filter_map(|name| self.release(account, name).transpose()).collect()
    }

    fn release(&self, account: AccountId, name: NameHash) -> Result<Option<Proposal>, Refused> {
        let held = self.core.reader.name(name)?;
        Ok(held.filter(|held| held.value == Name::Taken(account)).map(|held| Proposal {
            stream: StreamId::Name(name),
            expected: Expected::Version(held.version),
            events: vec![Event::Name(NameEvent::Released { account })],
        }))
    }

    pub(super) fn username_set(
        &self,
        key: &DataKey,
        (commit, number): (CommitId, u16),
        username: &str,
        name: NameHash,
    ) -> AccountEvent {
        let login = key.seal(commit, number, USERNAME_FIELD, username.trim().as_bytes(), &*self.core.entropy);
        AccountEvent::UsernameSet { login, name }
    }

    pub(super) fn profile_set(&self, key: &DataKey, (commit, number): (CommitId, u16), profile: &str) -> AccountEvent {
        let profile = key.seal(commit, number, PROFILE_FIELD, profile.as_bytes(), &*self.core.entropy);
        AccountEvent::ProfileSet { profile }
    }

    /// What apps keep about a person; `None` where that is nothing, or he was erased.
    ///
    /// # Errors
    /// Where the keys cannot be used.
    pub fn profile(&self, id: AccountId, account: &Account) -> Result<Option<String>, Refused> {
        match &account.profile {
            Some(profile) => self.core.opened(id, PROFILE_FIELD, profile),
            None => Ok(None),
        }
    }
}

/// What makes a free login id an account's.
pub(super) fn take(account: AccountId, (name, version, _): Held) -> Proposal {
    Proposal {
        stream: StreamId::Name(name),
        expected: Expected::Version(version),
        events: vec![Event::Name(NameEvent::Taken { account })],
    }
}

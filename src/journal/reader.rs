//! Looking up states: the store as of the last batch that was applied, which is never behind an acknowledgement.

use super::fold::Folded;
use super::keys;
use super::store::{StoreError, StoreRead, pages};
use crate::domain::State;
use crate::domain::account::{Account, Name};
use crate::domain::brakes::Brakes;
use crate::domain::client::{Client, Usage};
use crate::domain::evidence::Evidence;
use crate::domain::gate::Gate;
use crate::domain::ids::{AccountId, ClientId, NameHash, Position, SessionId, StreamId, TokenId, Version};
use crate::domain::project::Hour;
use crate::domain::session::Session;
use crate::domain::system::System;
use crate::domain::time::Timestamp;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// A state and its stream's version.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Versioned<T> {
    /// How many events the stream has.
    pub version: Version,
    /// When the last of them was decided.
    pub at: Timestamp,
    /// The state.
    pub value: T,
}

/// States that nearly every request needs, kept decoded: clients and the system. The writer renews them before it
/// acknowledges.
#[derive(Default)]
pub(super) struct Hot(RwLock<HashMap<StreamId, Arc<Folded>>>);

impl Hot {
    /// Whether a stream's state is kept here.
    pub(super) fn keeps(stream: &StreamId) -> bool {
        matches!(stream, StreamId::Client(_) | StreamId::System | StreamId::Brakes)
    }

    pub(super) fn renew<'a>(&self, heads: impl Iterator<Item = (&'a StreamId, &'a Arc<Folded>)>) {
        let mut renewed = heads.filter(|(stream, _)| Self::keeps(stream)).peekable();
        if renewed.peek().is_none() {
            return;
        }
        let mut hot = self.0.write().unwrap_or_else(PoisonError::into_inner);
        hot.extend(renewed.map(|(stream, folded)| (stream.clone(), folded.clone())));
    }

    /// Up to where everything that is over is archived.
    pub(super) fn archived_through(&self) -> Position {
        self.get(&StreamId::System).map_or(0, |system| archived_through(&system))
    }

    /// The `at` of the server's own last entry; the beginning of time where it has none.
    pub(super) fn last_of_system(&self) -> Timestamp {
        self.get(&StreamId::System).map_or(Timestamp::default(), |system| system.at)
    }

    /// The head and state of a stream that is kept here.
    pub(super) fn get(&self, stream: &StreamId) -> Option<Arc<Folded>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(stream).cloned()
    }
}

/// A session with whose it is and where.
pub type Placed = (AccountId, ClientId, SessionId);

/// Looks up states. Cheap to clone.
#[derive(Clone)]
pub struct Reader {
    store: Arc<dyn StoreRead>,
    hot: Arc<Hot>,
}

macro_rules! lookup {
    ($(#[$doc:meta])* $name:ident, $id:ty, $stream:expr, $kind:ident, $state:ty) => {
        $(#[$doc])*
        ///
        /// # Errors
        /// Where the store cannot be read.
        pub fn $name(&self, id: $id) -> Result<Option<Versioned<$state>>, StoreError> {
            let stream: fn($id) -> StreamId = $stream;
            let stream = stream(id);
            let Some(folded) = self.folded(&stream)? else { return Ok(None) };
            let folded = Arc::unwrap_or_clone(folded);
            match folded.state {
                State::$kind(value) => Ok(Some(Versioned { version: folded.version, at: folded.at, value })),
                _ => Err(StoreError(format!("the record of {stream} is of another kind"))),
            }
        }
    };
}

impl Reader {
    pub(super) fn new(store: Arc<dyn StoreRead>, hot: Arc<Hot>) -> Self {
        Self { store, hot }
    }

    /// The head and state of a stream; none where it is archived.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn folded(&self, stream: &StreamId) -> Result<Option<Arc<Folded>>, StoreError> {
        if Hot::keeps(stream) {
            return Ok(self.hot.get(stream));
        }
        let folded = read_folded(&*self.store, stream)?;
        // What goes on, as most that is looked up does, need not ask up to where everything was archived.
        let is_archived = |folded: &Folded| folded.state.is_over() && folded.is_archived(self.hot.archived_through());
        Ok(folded.filter(|folded| !is_archived(folded)))
    }

    lookup!(
        /// A session.
        session, SessionId, StreamId::Session, Session, Arc<Session>
    );
    lookup!(
        /// What was recorded of an archived session.
        evidence, SessionId, StreamId::Evidence, Evidence, Evidence
    );
    lookup!(
        /// The gate of an account.
        gate, AccountId, StreamId::Gate, Gate, Arc<Gate>
    );
    lookup!(
        /// An account.
        account, AccountId, StreamId::Account, Account, Arc<Account>
    );
    lookup!(
        /// A client.
        client, &ClientId, |id| StreamId::Client(id.clone()), Client, Arc<Client>
    );
    lookup!(
        /// What traffic has written about a client.
        usage, &ClientId, |id| StreamId::Use(id.clone()), Use, Usage
    );
    lookup!(
        /// Whose a login id is.
        name, NameHash, StreamId::Name, Name, Name
    );

    /// The server itself.
    ///
    /// # Errors
    /// Where the store cannot be read, or the journal has no first entry.
    pub fn system(&self) -> Result<Versioned<Arc<System>>, StoreError> {
        let folded = self.folded(&StreamId::System)?.ok_or_else(|| StoreError("no system state".to_owned()))?;
        match &folded.state {
            State::System(system) => Ok(Versioned { version: folded.version, at: folded.at, value: system.clone() }),
            _ => Err(StoreError("the record of system is of another kind".to_owned())),
        }
    }

    /// The brakes; as they are at first where nothing was ever braked.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn brakes(&self) -> Result<Versioned<Brakes>, StoreError> {
        let Some(folded) = self.folded(&StreamId::Brakes)? else {
            return Ok(Versioned { version: 0, at: Timestamp::default(), value: Brakes::default() });
        };
        match &folded.state {
            State::Brakes(brakes) => Ok(Versioned { version: folded.version, at: folded.at, value: brakes.clone() }),
            _ => Err(StoreError("the record of brakes is of another kind".to_owned())),
        }
    }

    /// The first login id after a hash, in the order of hashes, around the end to the beginning: a pick that is always
    /// the same for one hash and spread evenly over all accounts.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn name_near(&self, hash: NameHash) -> Result<Option<Name>, StoreError> {
        let prefix = keys::states_of("name");
        let from = keys::state(&StreamId::Name(hash));
        let found = match self.store.scan(&prefix, Some(&from), 1)? {
            found if found.is_empty() => self.store.scan(&prefix, None, 1)?,
            found => found,
        };
        let Some((_, record)) = found.into_iter().next() else { return Ok(None) };
        match Folded::decode(&record)?.state {
            State::Name(name) => Ok(Some(name)),
            _ => Err(StoreError("a name's record is of another kind".to_owned())),
        }
    }

    /// Open sessions of an account at a client, oldest first, at most `limit`.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn sessions_at(
        &self,
        account: AccountId,
        client: &ClientId,
        limit: usize,
    ) -> Result<Vec<SessionId>, StoreError> {
        self.sessions(&keys::of_account_at(account, client), limit)
    }

    /// Open sessions of an account at any client, at most `limit`.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn sessions_of(&self, account: AccountId, limit: usize) -> Result<Vec<SessionId>, StoreError> {
        self.sessions(&keys::of_account(account), limit)
    }

    fn sessions(&self, prefix: &[u8], limit: usize) -> Result<Vec<SessionId>, StoreError> {
        let page = self.store.scan(prefix, None, limit)?;
        Ok(page.iter().filter_map(|(key, _)| keys::session_at_end(key)).collect())
    }

    /// A page of all open sessions by client, with the place where the next page starts.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn open_sessions(
        &self,
        client: Option<&ClientId>,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<(Vec<SessionId>, Option<Vec<u8>>), StoreError> {
        let prefix = client.map_or_else(|| keys::OF_CLIENTS.to_vec(), keys::of_client);
        let page = self.store.scan(&prefix, after, limit)?;
        let next = (page.len() == limit).then(|| page.last().map(|(key, _)| key.clone())).flatten();
        Ok((page.iter().filter_map(|(key, _)| keys::session_at_end(key)).collect(), next))
    }

    /// A page of all open sessions, or of an account's, or of an account's at a client, by account and client, with the place where the next page starts.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn open_sessions_by_account(
        &self,
        account: Option<AccountId>,
        client: Option<&ClientId>,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<(Vec<Placed>, Option<Vec<u8>>), StoreError> {
        let prefix = match (account, client) {
            (None, _) => keys::OF_ACCOUNTS.to_vec(),
            (Some(account), None) => keys::of_account(account),
            (Some(account), Some(client)) => keys::of_account_at(account, client),
        };
        let page = self.store.scan(&prefix, after, limit)?;
        let next = (page.len() == limit).then(|| page.last().map(|(key, _)| key.clone())).flatten();
        Ok((page.iter().filter_map(|(key, _)| keys::parse_of_account(key)).collect(), next))
    }

    /// Open sessions whose time is over by the end of an hour, at most `limit`.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn ending_by(&self, hour: Hour, limit: usize) -> Result<Vec<SessionId>, StoreError> {
        let page = self.store.scan(keys::ENDS, None, limit)?;
        let due = page.iter().filter_map(|(key, _)| keys::parse_end(key)).take_while(|(at, _)| *at <= hour);
        Ok(due.map(|(_, session)| session).collect())
    }

    /// Listed `jti`s whose tokens have ended by the end of an hour, at most `limit`.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn drops_by(&self, hour: Hour, limit: usize) -> Result<Vec<(ClientId, TokenId, Timestamp)>, StoreError> {
        let page = self.store.scan(keys::DROPS, None, limit)?;
        let entries = page.iter().filter_map(|(key, value)| keys::parse_drop(key).map(|drop| (drop, value)));
        let due = entries.take_while(|((at, _, _), _)| *at <= hour);
        due.map(|((_, jti, client), value)| Ok((client, jti, instant(value)?))).collect()
    }

    /// Whether an access token without a session was revoked.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn is_revoked(&self, jti: TokenId) -> Result<bool, StoreError> {
        let key = keys::index(&crate::domain::IndexKey::RevokedToken(jti));
        self.store.get(&key).map(|found| found.is_some())
    }

    /// Accounts in the order of their ids, at most `limit`, after one.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn accounts(&self, after: Option<AccountId>, limit: usize) -> Result<Vec<AccountId>, StoreError> {
        let after = after.map(|id| keys::state(&StreamId::Account(id)));
        let page = self.store.scan(&keys::states_of("account"), after.as_deref(), limit)?;
        let ids = page.iter().filter_map(|(key, _)| match keys::stream_of(key) {
            Some(StreamId::Account(id)) => Some(id),
            _ => None,
        });
        Ok(ids.collect())
    }

    /// All clients.
    pub fn clients(&self) -> Vec<ClientId> {
        let hot = self.hot.0.read().unwrap_or_else(PoisonError::into_inner);
        let clients = hot.keys().filter_map(|stream| match stream {
            StreamId::Client(id) => Some(id.clone()),
            _ => None,
        });
        clients.collect()
    }

    /// Bytes that the store takes on disk.
    pub fn store_bytes(&self) -> u64 {
        self.store.bytes()
    }
}

/// Up to where everything that is over is archived, as the record of the system has it.
pub(super) fn archived_through(system: &Folded) -> Position {
    match &system.state {
        State::System(system) => system.archived_through,
        _ => 0,
    }
}

fn instant(value: &[u8]) -> Result<Timestamp, StoreError> {
    let bytes = value.try_into().map_err(|_| StoreError("a look-up's value is no instant".to_owned()))?;
    Ok(Timestamp(i64::from_be_bytes(bytes)))
}

/// The head and state of a stream, past any cache.
pub(super) fn read_folded(store: &dyn StoreRead, stream: &StreamId) -> Result<Option<Arc<Folded>>, StoreError> {
    store.record(stream)
}

/// All states that are kept hot.
pub(super) fn load_hot(store: &dyn StoreRead) -> Result<Hot, StoreError> {
    const PAGE: usize = 256;
    let hot = Hot::default();
    for stream in [StreamId::System, StreamId::Brakes] {
        if let Some(folded) = read_folded(store, &stream)? {
            hot.renew([(&stream, &folded)].into_iter());
        }
    }
    for page in pages(store, keys::states_of("client"), PAGE) {
        for (key, record) in &page? {
            let stream = keys::stream_of(key).ok_or_else(|| StoreError("a record names no stream".to_owned()))?;
            hot.renew([(&stream, &Arc::new(Folded::decode(record)?))].into_iter());
        }
    }
    Ok(hot)
}

//! What every actor and handle works with.

use super::administration::{LOGIN_FIELD, USERNAME_FIELD};
use super::asker::Asker;
use super::held::Held;
use super::keeper::KeeperHandle;
use super::keyring::Keyrings;
use super::writer::{WriteError, Writer};
use crate::clock::JudgedClock;
use crate::crypto::DataKey;
use crate::domain::Proposal;
use crate::domain::account::Account;
use crate::domain::command::Command;
use crate::domain::context::{Context, LastInFull, SealedAt};
use crate::domain::denial::Denial;
use crate::domain::ids::{AccountId, CommitId, Owner, RequestId, TokenId};
use crate::domain::time::{Span, Timestamp};
use crate::entropy::{Entropy, uuid_v7};
use crate::journal::{AppendError, Appended, Commit, Keys, KeysError, Reader, StoreError};
use crate::metrics::Metrics;
use std::sync::Arc;
use tracing::{Instrument, debug_span};
use uuid::Uuid;

/// How often a decision that lost a race is made again.
pub const TRIES: usize = 3;

/// Why a request was not granted.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// The rules say no.
    #[error("denied: {0}")]
    Denied(Denial),
    /// It was not decided. Nothing was changed, or the answer is not known to anybody.
    #[error("unavailable: {}", .0.code())]
    Unavailable(Unavailable),
}

/// Why a request was not decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unavailable {
    /// A queue is full: the server has more to do than it can.
    Busy,
    /// The clock is not believed.
    Clock,
    /// The decision lost its race three times.
    Conflict,
    /// The server is stopping.
    Stopping,
    /// The disk is so full that only what closes something is written.
    Disk,
    /// The store cannot be read.
    Store,
    /// A fault of the program; the diagnostics say more.
    Fault,
}

impl Unavailable {
    /// All of them: the bound of the metrics' labels.
    pub const ALL: &'static [Self] =
        &[Self::Busy, Self::Clock, Self::Conflict, Self::Stopping, Self::Disk, Self::Store, Self::Fault];

    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Clock => "clock",
            Self::Conflict => "conflict",
            Self::Stopping => "stopping",
            Self::Disk => "disk",
            Self::Store => "store",
            Self::Fault => "fault",
        }
    }
}

impl From<Denial> for Refused {
    fn from(denial: Denial) -> Self {
        Self::Denied(denial)
    }
}

impl From<Unavailable> for Refused {
    fn from(why: Unavailable) -> Self {
        Self::Unavailable(why)
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store cannot be read");
        Self::Unavailable(Unavailable::Store)
    }
}

impl From<KeysError> for Refused {
    fn from(error: KeysError) -> Self {
        tracing::error!(%error, "a key cannot be used");
        Self::Unavailable(Unavailable::Fault)
    }
}

/// See the module.
pub struct Core {
    /// Look-ups.
    pub reader: Reader,
    /// The journal's only writer.
    pub writer: Writer,
    /// Data keys, seal key, name key.
    pub keys: Arc<Keys>,
    /// Signing and refresh keys.
    pub keyrings: Keyrings,
    /// Looks after the segments.
    pub keeper: KeeperHandle,
    /// The clock.
    pub clock: Arc<JudgedClock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Sessions whose ends could not be recorded yet.
    pub held: Held,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// The `iss` of access tokens.
    pub issuer: String,
    /// The one tenant, as FusionAuth's clients name it.
    pub tenant: Uuid,
}

/// The login ids of an account.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Names {
    /// The one that is an e-mail address.
    pub email: Option<String>,
    /// The one that is none.
    pub username: Option<String>,
}

impl Names {
    /// Which of an account's login ids, opened, is which.
    pub fn of(login: Option<String>, username: Option<String>) -> Self {
        let logins = [login, username].into_iter().flatten();
        let (email, username) = logins.partition::<Vec<_>, _>(|login| login.contains('@'));
        Self { email: email.into_iter().next(), username: username.into_iter().next() }
    }
}

impl Core {
    /// The instant for a decision that may grant something, never earlier than the last entry of its stream.
    ///
    /// # Errors
    /// [`Unavailable::Clock`] while the clock is not believed.
    pub fn now(&self, stream_at: Timestamp) -> Result<Timestamp, Refused> {
        let reading = self.clock.read();
        if reading.believed { Ok(reading.wall.max(stream_at)) } else { Err(Unavailable::Clock.into()) }
    }

    /// The instant for a decision that only closes something.
    pub fn now_to_close(&self, stream_at: Timestamp) -> Timestamp {
        self.clock.read().closing.max(stream_at)
    }

    /// A new commit's id.
    pub fn commit_id(&self) -> CommitId {
        CommitId(uuid_v7(&*self.entropy, self.clock.read().wall))
    }

    /// The id of what is asked by no request.
    pub fn request_id(&self) -> RequestId {
        RequestId(uuid_v7(&*self.entropy, self.clock.read().wall))
    }

    /// A new access token's `jti`.
    pub fn token_id(&self) -> TokenId {
        TokenId(uuid_v7(&*self.entropy, self.clock.read().wall))
    }

    /// Up to a twentieth of a lifetime, in whole seconds: clients that logged in together do not refresh together.
    pub fn jitter(&self, ttl: Span) -> Span {
        let mut random = [0; 2];
        self.entropy.fill(&mut random);
        let thousandths = i64::from(u16::from_le_bytes(random)) * 50 / i64::from(u16::MAX);
        Span::seconds(ttl.as_seconds() * thousandths / 1000)
    }

    /// An owner's data key; `None` where it was destroyed.
    ///
    /// # Errors
    /// Where the keys cannot be used.
    pub fn data_key(&self, owner: &Owner) -> Result<Option<Arc<DataKey>>, Refused> {
        Ok(self.keys.data(owner)?)
    }

    /// The login id of an account, opened; `None` where there is no such account, or it was erased.
    ///
    /// # Errors
    /// Where the store or the keys cannot be read.
    pub fn login(&self, id: AccountId) -> Result<Option<String>, Refused> {
        match self.reader.account(id)? {
            Some(state) => self.login_of(id, &state.value),
            None => Ok(None),
        }
    }

    /// The same of an account whose state is at hand.
    ///
    /// # Errors
    /// Where the keys cannot be used.
    pub fn login_of(&self, id: AccountId, account: &Account) -> Result<Option<String>, Refused> {
        self.opened(id, LOGIN_FIELD, &account.login)
    }

    /// What of an account's login ids is an e-mail address, and what is none.
    ///
    /// # Errors
    /// Where the keys cannot be used.
    pub fn names(&self, id: AccountId, account: &Account) -> Result<Names, Refused> {
        let first = self.login_of(id, account)?;
        let second = match &account.username {
            Some(username) => self.opened(id, USERNAME_FIELD, &username.login)?,
            None => None,
        };
        Ok(Names::of(first, second))
    }

    /// A text sealed under an account's data key; `None` where the account is erased.
    pub(super) fn opened(&self, id: AccountId, field: &str, sealed: &SealedAt) -> Result<Option<String>, Refused> {
        let Some(key) = self.data_key(&Owner::Account(id))? else { return Ok(None) };
        let opened = key.open(sealed.commit, field, &sealed.sealed).map_err(|error| {
            tracing::error!(%error, account = %id, field, "what is sealed of an account does not open");
            Unavailable::Fault
        })?;
        Ok(String::from_utf8(opened.to_vec()).ok())
    }

    /// The context of a commit in an owner's streams.
    ///
    /// # Errors
    /// Where the keys cannot be used.
    pub fn context(&self, asker: &Asker, owner: &Owner, commit: CommitId) -> Result<Context, Refused> {
        let key = self.data_key(owner)?;
        Ok(asker.context(key.as_deref(), commit, &*self.entropy))
    }

    /// The context of a commit in the stream of one session of an owner, or one that starts it: see
    /// [`Asker::context_in_session`].
    ///
    /// # Errors
    /// Where the keys cannot be used.
    pub fn context_in_session(
        &self,
        asker: &Asker,
        owner: &Owner,
        last: Option<LastInFull>,
        commit: CommitId,
    ) -> Result<Context, Refused> {
        let key = self.data_key(owner)?;
        Ok(asker.context_in_session(key.as_deref(), last, commit, &*self.entropy))
    }

    /// Appends; `None` means that a stream has moved on: load and decide again.
    ///
    /// # Errors
    /// [`Unavailable`]: nothing was written.
    pub async fn append(&self, commit: Commit) -> Result<Option<Appended>, Refused> {
        match self.writer.append(commit).instrument(debug_span!("append")).await {
            Ok(appended) => Ok(Some(appended)),
            Err(WriteError::Append(AppendError::Conflict { .. })) => Ok(None),
            Err(WriteError::Append(AppendError::TooLong(_))) => Err(Denial::TooLong.into()),
            Err(WriteError::Append(AppendError::Refused(error))) => {
                tracing::error!(%error, "the journal refused what the rules decided");
                Err(Unavailable::Fault.into())
            }
            Err(WriteError::Append(AppendError::Full)) => Err(Unavailable::Disk.into()),
            Err(WriteError::Busy) => Err(Unavailable::Busy.into()),
            Err(WriteError::Stopped) => Err(Unavailable::Stopping.into()),
        }
    }

    /// Appends a refusal, which may add no event. Whether it does tells whom we know; so what adds none is answered as if it
    /// did, by the room there was for its batch.
    ///
    /// # Errors
    /// [`Unavailable`]: nothing was written.
    pub async fn refuse(&self, commit: Commit) -> Result<(), Refused> {
        match self.append(commit).await? {
            Some(appended) if appended.short => Err(Unavailable::Disk.into()),
            _ => Ok(()),
        }
    }

    /// A refusal for an operator who gave a command: where the disk is short, with what to do about it.
    pub fn told(&self, refused: &Refused) -> String {
        match (refused, self.writer.disk().advice()) {
            (Refused::Unavailable(Unavailable::Disk), Some(advice)) => format!("the disk is nearly full: {advice}"),
            _ => refused.to_string(),
        }
    }

    /// Waits for one write and sync that record nothing: what a refusal about nothing we know costs, too.
    ///
    /// # Errors
    /// [`Unavailable`]; [`Unavailable::Disk`] where it could not have been recorded either.
    pub async fn touch(&self, asker: &Asker) -> Result<(), Refused> {
        let id = self.commit_id();
        let context = asker.context(None, id, &*self.entropy);
        self.refuse(commit(id, Timestamp::default(), context, None, Vec::new())).await
    }
}

/// A commit without new keys.
pub fn commit(
    id: CommitId,
    at: Timestamp,
    context: Context,
    command: Option<Command>,
    proposals: Vec<Proposal>,
) -> Commit {
    Commit { id, at, context, command, proposals, keys: Vec::new() }
}

//! What is known of a session: the fold of its events.

use crate::domain::brakes::Brakes;
use crate::domain::client::Client;
use crate::domain::context::{LastInFull, SealedAt, Traits};
use crate::domain::denial::Denial;
use crate::domain::gate::Gate;
use crate::domain::ids::{AccountId, ClientId, Generation, RefreshKeyId, SessionId, TokenId, Version};
use crate::domain::tally::{Seen, Tallies};
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Why a session was ended before its time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum RevokeReason {
    /// The client revoked its token (RFC 7009).
    Revoked,
    /// The person logged out.
    Logout,
    /// The password was changed.
    PasswordChanged,
    /// The account was disabled.
    AccountDisabled,
    /// The account was erased.
    AccountErased,
    /// All sessions of the account were revoked.
    AllRevoked,
    /// The account's registration at the client was withdrawn.
    RegistrationWithdrawn,
    /// The client's brake was pulled.
    ClientBrake,
    /// The session's refresh key is distrusted.
    KeyDistrusted,
    /// One session more than the client allows the account; this was the oldest.
    SessionCap,
    /// A refresh token was used again.
    Reuse,
    /// A token of a future that the journal does not know.
    HistoryLost,
    /// An administrator ended it.
    Admin,
    /// The journal was brought back from a back-up.
    Restored,
    /// Everything was revoked.
    AllBraked,
    /// The sessions last used from a network were revoked.
    NetworkBraked,
    /// The person ended it.
    Person,
}

impl RevokeReason {
    /// Every reason: the bound of the metrics' labels.
    pub const ALL: &'static [Self] = &[
        Self::Revoked,
        Self::Logout,
        Self::PasswordChanged,
        Self::AccountDisabled,
        Self::AccountErased,
        Self::AllRevoked,
        Self::RegistrationWithdrawn,
        Self::ClientBrake,
        Self::KeyDistrusted,
        Self::SessionCap,
        Self::Reuse,
        Self::HistoryLost,
        Self::Admin,
        Self::Restored,
        Self::AllBraked,
        Self::NetworkBraked,
        Self::Person,
    ];

    /// The stable code in events and metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::Logout => "logout",
            Self::PasswordChanged => "password_changed",
            Self::AccountDisabled => "account_disabled",
            Self::AccountErased => "account_erased",
            Self::AllRevoked => "all_revoked",
            Self::RegistrationWithdrawn => "registration_withdrawn",
            Self::ClientBrake => "client_brake",
            Self::KeyDistrusted => "key_distrusted",
            Self::SessionCap => "session_cap",
            Self::Reuse => "reuse",
            Self::HistoryLost => "history_lost",
            Self::Admin => "admin",
            Self::Restored => "restored",
            Self::AllBraked => "all_braked",
            Self::NetworkBraked => "network_braked",
            Self::Person => "person",
        }
    }
}

impl RevokeReason {
    /// What it means, in a sentence: for `docs/EVENTS.md`.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Revoked => "the client revoked its token (RFC 7009)",
            Self::Logout => "the person logged out",
            Self::PasswordChanged => "the password was changed",
            Self::AccountDisabled => "the account was disabled",
            Self::AccountErased => "the account was erased",
            Self::AllRevoked => "all sessions of the account were revoked",
            Self::RegistrationWithdrawn => "the account may not log in at the client any more",
            Self::ClientBrake => "the client's brake was pulled",
            Self::KeyDistrusted => "the key of its refresh tokens is distrusted",
            Self::SessionCap => "one session more than the client allows the account; this was the oldest",
            Self::Reuse => "a refresh token was used again",
            Self::HistoryLost => "a token of a future that the journal does not know was shown",
            Self::Admin => "an administrator ended it",
            Self::Restored => "the journal was brought back from a back-up",
            Self::AllBraked => "everything was revoked",
            Self::NetworkBraked => "the sessions that were last used from a network were revoked",
            Self::Person => "the person ended it",
        }
    }
}

/// Whether a session goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Status {
    /// No event has ended it. It may still be over: see [`Session::closed`].
    Open,
    /// Ended before its time.
    Revoked {
        /// Why.
        reason: RevokeReason,
        /// When.
        at: Timestamp,
    },
    /// Its time was over.
    Expired {
        /// When that was recorded.
        at: Timestamp,
    },
}

/// An access token that was issued; with the session it is all that is needed to write the same token again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Access {
    /// Its `jti`.
    pub jti: TokenId,
    /// Its `iat`.
    pub issued_at: Timestamp,
    /// Its `exp`.
    pub expires_at: Timestamp,
}

/// One login of one account at one client.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Session {
    /// Who logged in.
    pub account: AccountId,
    /// Where.
    pub client: ClientId,
    /// When: the `auth_time` of its access tokens.
    pub started_at: Timestamp,
    /// The scopes granted at login.
    pub scope: BTreeSet<String>,
    /// Whether it was given a refresh token.
    pub refreshable: bool,
    /// The key that makes its refresh tokens, for its whole life.
    pub refresh_key: RefreshKeyId,
    /// The gate's version when it was started: a later closing event ends it.
    pub gate_version: Version,
    /// The client's version when it was started: a later brake ends it.
    pub client_version: Version,
    /// The version of the `brakes` stream when it was started: a later brake of everything ends it.
    pub brakes_version: Version,
    /// The session whose token brought this one about, where one did: it is over when that one is.
    pub came_of: Option<SessionId>,
    /// It ends at this instant, however often it is refreshed.
    pub absolute_end: Timestamp,
    /// It ends at this instant unless it is refreshed before.
    pub idle_end: Timestamp,
    /// The current refresh token, not yet used (with `rotation = never`: used any number of times).
    pub generation: Generation,
    /// When that generation was made.
    pub born_at: Timestamp,
    /// The generation whose redemption made the current one, for as long as the current one is unused.
    pub parent: Option<Generation>,
    /// The person that redeemed it, where one was known.
    pub redeemed_by: Option<Traits>,
    /// Where its stream last told in full who asked: an entry of the very same person refers to it.
    pub last_in_full: Option<LastInFull>,
    /// What that entry told, where that was of somebody who was refused, and not of who used it last.
    pub in_full: Option<SealedAt>,
    /// Who used it last, in full: logged in, refreshed, or asked again for a lost answer. `None` where that is not known.
    pub used_by: Option<SealedAt>,
    /// The access token issued with the current generation.
    pub access: Access,
    /// The scope of that access token, where narrower than the session's.
    pub access_scope: Option<BTreeSet<String>>,
    /// How often the parent was shown again within the window and got the current generation again.
    pub retries: u64,
    /// The generation at which the parent last came back from another network.
    pub moved_at: Option<Generation>,
    /// The last generation that was retried.
    pub retried_at: Option<Generation>,
    /// How many generations running were retried.
    pub retried_run: u32,
    /// Whether a generation was burned and reissued since the last ordinary redemption.
    pub reissued: bool,
    /// Recorded refusals.
    pub refusals: Tallies<Denial>,
    /// Whether it goes on.
    pub status: Status,
}

/// A session's end as seen from outside its own stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Closed {
    /// An event of its own ended it.
    Ended,
    /// Its time is over; the event will follow.
    OutOfTime,
    /// A closing event of the account's gate came after its start.
    ByGate,
    /// A brake of the client came after its start.
    ByClient,
    /// A brake of everything came after its start.
    ByBrake,
}

impl Session {
    /// When it ends if nobody refreshes it.
    pub fn ends_at(&self) -> Timestamp {
        self.idle_end.min(self.absolute_end)
    }

    /// Who used it last, in full; `None` where that is not known.
    pub fn last_used_by(&self) -> Option<&SealedAt> {
        self.used_by.as_ref()
    }

    /// When it was last used.
    pub fn last_used_at(&self) -> Timestamp {
        self.born_at.max(self.access.issued_at)
    }

    /// Whether and why it is over at `now`, given the gate of its account, its client and the brakes.
    pub fn closed(&self, gate: &Gate, client: &Client, brakes: &Brakes, now: Timestamp) -> Option<Closed> {
        if self.status != Status::Open {
            Some(Closed::Ended)
        } else if gate.ended(&self.client, self.gate_version) {
            Some(Closed::ByGate)
        } else if self.client_version < client.braked_by {
            Some(Closed::ByClient)
        } else if self.brakes_version < brakes.all_by {
            Some(Closed::ByBrake)
        } else if now >= self.ends_at() {
            Some(Closed::OutOfTime)
        } else {
            None
        }
    }
}

/// What one actor remembers of a session besides its events: refusals and retries that were too alike to be recorded.
/// Forgotten when the actor sleeps; the counts then go on from the last event.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Unrecorded {
    /// Refusals so far, by class.
    pub refusals: Seen<Denial>,
    /// A generation and how often it was retried.
    pub retries: (Generation, u64),
}

impl Unrecorded {
    /// How often the current generation was retried.
    pub fn retries_of(&self, session: &Session) -> u64 {
        let (generation, n) = self.retries;
        if generation == session.generation { n.max(session.retries) } else { session.retries }
    }

    /// Counts a refusal of `session`, recorded or not; `session` as it was decided on, before its events are folded.
    pub fn count_refusal(&mut self, session: &Session, class: Denial) {
        let n = session.refusals.number(class, &self.refusals);
        self.refusals.insert(class, n);
    }

    /// Counts a retry of the current generation of `session`, recorded or not; `session` as it was decided on, before its
    /// events are folded.
    pub fn count_retry(&mut self, session: &Session) {
        self.retries = (session.generation, 1 + self.retries_of(session));
    }
}

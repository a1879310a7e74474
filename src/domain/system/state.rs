//! What is known of the server.

use super::event::KeyName;
use crate::domain::context::SealedAt;
use crate::domain::denial::Denial;
use crate::domain::ids::{ClientId, Position, RefreshKeyId, SessionId, Version};
use crate::domain::keys::{KeyStatus, SigningAlg};
use crate::domain::tally::Tallies;
use crate::domain::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Outages remembered: retry windows are at most an hour, so only the last few can matter.
pub const OUTAGES: usize = 32;
/// How long a retired signing key is published: no access token lives longer.
pub const RETIRED_PUBLISHED_FOR: Span = Span::hours(25);

/// Lost sessions that are counted one by one; beyond them strangers with an old back-up could fill the journal.
pub const LOST_SESSIONS: usize = 256;

/// A signing key's life.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SigningKeyState {
    /// Its `kid`.
    pub kid: String,
    /// What it signs.
    pub alg: SigningAlg,
    /// Its public half, as JWK text.
    pub jwk: String,
    /// Its private half, sealed.
    pub private: SealedAt,
    /// Where it stands.
    pub status: KeyStatus,
    /// Since when it is published.
    pub added_at: Timestamp,
    /// Since when it has its present status.
    pub since: Timestamp,
}

impl SigningKeyState {
    /// Whether it stands in the JWKS at `now`.
    pub fn is_published(&self, now: Timestamp) -> bool {
        match self.status {
            KeyStatus::Next | KeyStatus::Active => true,
            KeyStatus::Retired => now < self.since + RETIRED_PUBLISHED_FOR,
            KeyStatus::Distrusted => false,
        }
    }
}

/// A refresh-token key's life.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RefreshKeyState {
    /// The key, sealed.
    pub secret: SealedAt,
    /// Where it stands.
    pub status: KeyStatus,
    /// Since when.
    pub since: Timestamp,
}

/// An API key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ApiKey {
    /// Its digest, sealed.
    pub digest: SealedAt,
    /// What it may do.
    pub permissions: BTreeSet<String>,
    /// At which clients; `None`: all.
    pub clients: Option<BTreeSet<ClientId>>,
    /// Whether it opens anything.
    pub standing: ApiKeyStanding,
    /// When it was created.
    pub created_at: Timestamp,
    /// The version of the `system` stream at which it was last changed.
    pub changed_by: Version,
    /// Recorded refusals.
    pub refusals: Tallies<Denial>,
}

/// Whether an API key opens anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ApiKeyStanding {
    /// It does.
    Enabled,
    /// Not for now.
    Disabled,
    /// Never again.
    Revoked,
}

/// The server: the fold of the `system` stream.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct System {
    /// The checkpoint origin, as of the last restore.
    pub origin: String,
    /// The last entry before the start that is not ready yet.
    pub down_since: Option<Timestamp>,
    /// Spans in which nothing was answered: from the last entry before a start to its `ready`.
    pub outages: Vec<(Timestamp, Timestamp)>,
    /// Signing keys, oldest first.
    pub signing: Vec<SigningKeyState>,
    /// Refresh-token keys.
    pub refresh: BTreeMap<RefreshKeyId, RefreshKeyState>,
    /// API keys by name.
    pub api_keys: BTreeMap<String, ApiKey>,
    /// The last acceptance of the clock: what it showed, and the newest `at` in the journal then.
    pub clock_accepted: Option<(Timestamp, Timestamp)>,
    /// Sessions of which only tokens are left, and how often each was shown; the newest few.
    pub lost: BTreeMap<SessionId, u64>,
    /// How many lost sessions were shown in all.
    pub lost_total: u64,
    /// Streams that are over are archived where their last entry stands at or before this position.
    pub archived_through: Position,
    /// No session that began before this instant is known any more, where history was dropped.
    pub dropped_until: Option<Timestamp>,
}

impl System {
    /// How long nothing could be answered between `from` and `to`.
    pub fn unavailable(&self, from: Timestamp, to: Timestamp) -> Span {
        // An outage that ends in the future was stamped by a clock that has been mended since: it proves nothing.
        let overlap = |(down, up): &(Timestamp, Timestamp)| {
            if *up > to { 0 } else { (*up).since((*down).max(from)).0.max(0) }
        };
        Span(self.outages.iter().map(overlap).sum())
    }

    /// Whether a session that nobody knows may be one whose history was dropped, by the instant in its id.
    pub fn dropped(&self, session: SessionId) -> bool {
        self.dropped_until.is_some_and(|until| session.drawn_at().is_some_and(|drawn| drawn < until))
    }

    /// The status of a key.
    pub fn key_status(&self, name: &KeyName) -> Option<KeyStatus> {
        match name {
            KeyName::Signing(kid) => self.signing.iter().find(|key| key.kid == *kid).map(|key| key.status),
            KeyName::Refresh(id) => self.refresh.get(id).map(|key| key.status),
        }
    }

    /// Whether a refresh key's sessions are over because nothing it made is believed.
    pub fn distrusts(&self, key: RefreshKeyId) -> bool {
        self.refresh.get(&key).is_none_or(|key| key.status == KeyStatus::Distrusted)
    }
}

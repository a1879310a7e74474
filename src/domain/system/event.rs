//! What can happen to the server.

use crate::domain::context::Sealed;
use crate::domain::denial::Denial;
use crate::domain::ids::{ClientId, Generation, Hash, Position, RefreshKeyId, SessionId};
use crate::domain::keys::SigningAlg;
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// The name of a key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum KeyName {
    /// A signing key, by its `kid` (RFC 7638 thumbprint).
    Signing(String),
    /// A refresh-token key, by the number in its tokens.
    Refresh(RefreshKeyId),
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signing(kid) => f.write_str(kid),
            Self::Refresh(id) => write!(f, "refresh-{id}"),
        }
    }
}

/// Where the bytes came from that repaired a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RepairedFrom {
    /// From the lines that the store keeps.
    Store,
    /// From a back-up.
    Backup,
}

/// An event of the `system` stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SystemEvent {
    /// `system.created`: the first entry of every journal.
    Created {
        /// The checkpoint origin: names this journal for ever.
        origin: String,
    },
    /// `system.started`
    Started {
        /// The program's version.
        version: String,
        /// The `at` of the entry before: nothing was answered after it.
        last_entry_at: Timestamp,
    },
    /// `system.ready`: requests are answered from here on.
    Ready,
    /// `system.clock_accepted`: an operator said that this clock is right although it disagrees with the journal.
    ClockAccepted {
        /// The wall clock.
        wall: Timestamp,
        /// The newest `at` in the journal then.
        last_entry_at: Timestamp,
    },
    /// `system.signing_key_added`
    SigningKeyAdded {
        /// Its `kid`.
        kid: String,
        /// What it signs.
        alg: SigningAlg,
        /// Its public half, as JWK text.
        jwk: String,
        /// Its private half (PKCS #8), sealed.
        private: Sealed,
    },
    /// `system.refresh_key_added`
    RefreshKeyAdded {
        /// Its number.
        key: RefreshKeyId,
        /// The key, sealed.
        secret: Sealed,
    },
    /// `system.key_activated`: the one active before it is retired.
    KeyActivated(KeyName),
    /// `system.key_distrusted`: nothing it made is believed any more.
    KeyDistrusted(KeyName),
    /// `system.api_key_created`
    ApiKeyCreated {
        /// Its name.
        name: String,
        /// Its digest, sealed.
        digest: Sealed,
        /// What it may do.
        permissions: BTreeSet<String>,
        /// At which clients; `None`: all.
        clients: Option<BTreeSet<ClientId>>,
    },
    /// `system.api_key_changed`
    ApiKeyChanged {
        /// Its name.
        name: String,
        /// What it may do from now on.
        permissions: BTreeSet<String>,
        /// At which clients; `None`: all.
        clients: Option<BTreeSet<ClientId>>,
    },
    /// `system.api_key_disabled`: it opens nothing until it is enabled.
    ApiKeyDisabled {
        /// Its name.
        name: String,
    },
    /// `system.api_key_enabled`
    ApiKeyEnabled {
        /// Its name.
        name: String,
    },
    /// `system.api_key_revoked`: it never opens anything again.
    ApiKeyRevoked {
        /// Its name.
        name: String,
    },
    /// `system.api_key_refused`: somebody who has it asked for what it may not.
    ApiKeyRefused {
        /// Its name.
        name: String,
        /// Why it was refused.
        class: Denial,
        /// Which refusal of this class it was.
        n: u64,
    },
    /// `system.sessions_archived`: streams that were over, and whose last entry stands at or before `through`, are counted as
    /// ones that there are not. What is shown of such a session is recorded in its stream of evidence.
    SessionsArchived {
        /// The last position of a sealed segment.
        through: Position,
    },
    /// `system.restored`: the journal was brought back from a back-up, and goes on under another origin.
    Restored {
        /// The origin from here on.
        origin: String,
        /// The origin of the back-up.
        old_origin: String,
        /// How many entries the back-up had.
        size: Position,
        /// The Merkle root over them.
        root: Hash,
        /// Why the sessions of before go on, in the operator's words; `None`: they are ended.
        sessions_kept: Option<String>,
    },
    /// `system.loss_accepted`: an operator gave up the entries behind `size`, and the journal goes on under another origin.
    LossAccepted {
        /// The origin from here on.
        origin: String,
        /// The origin of before.
        old_origin: String,
        /// How many entries are left.
        size: Position,
        /// The Merkle root over them.
        root: Hash,
        /// The last position that is known to have been durable.
        lost_through: Position,
        /// Why the sessions of before go on, in the operator's words; `None`: they are ended.
        sessions_kept: Option<String>,
    },
    /// `system.repaired`: a damaged file was made whole again.
    Repaired {
        /// Its name in the data directory.
        file: String,
        /// Where the right bytes came from.
        from: RepairedFrom,
        /// The first position that was written again.
        first: Position,
        /// The last.
        last: Position,
    },
    /// `system.history_dropped`: the oldest segments were taken away for good.
    HistoryDropped {
        /// The last position in them.
        through: Position,
        /// No session that began before this instant is known any more.
        until: Timestamp,
        /// The position of the snapshot of states that stands in for them.
        base: Position,
    },
    /// `system.token_vended`: a token with claims of the caller's choice was signed. It stands for nobody: no door here takes it.
    TokenVended {
        /// The `kid` of the key that signed it.
        key: String,
        /// Its `exp`.
        expires_at: Timestamp,
        /// The names of the claims that the caller chose.
        claims: BTreeSet<String>,
    },
    /// `system.history_lost`: a refresh token with a right tag names a session that the journal does not know.
    HistoryLost {
        /// The session.
        session: SessionId,
        /// The generation in the token.
        generation: Generation,
        /// Which one it was.
        n: u64,
    },
}

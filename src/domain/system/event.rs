//! What can happen to the server.

use crate::domain::context::Sealed;
use crate::domain::ids::{ClientId, Generation, RefreshKeyId, SessionId};
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

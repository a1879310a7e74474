//! What can happen to a client.

use super::settings::ClientSettings;
use crate::domain::context::Sealed;
use crate::domain::denial::Denial;
use crate::domain::ids::TokenId;
use crate::domain::time::Timestamp;
use std::collections::BTreeSet;

/// An event of a `client:ID` stream: what administration does to a client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClientEvent {
    /// `client.created`
    Created {
        /// Its settings.
        settings: ClientSettings,
        /// The digest of its secret, sealed; absent for a public client.
        secret: Option<Sealed>,
        /// Whether it may be used at once.
        enabled: bool,
    },
    /// `client.changed`
    Changed {
        /// All settings from now on.
        settings: ClientSettings,
    },
    /// `client.secret_set`
    SecretSet {
        /// The digest of the new secret, sealed.
        secret: Sealed,
    },
    /// `client.disabled`: nothing is granted to it until it is enabled.
    Disabled,
    /// `client.enabled`
    Enabled,
    /// `client.removed`: as if it were not there; every session and token of before is over. Enabled, it is back.
    Removed,
    /// `client.sessions_revoked`: the brake. Every session and token of before is over.
    SessionsRevoked,
}

/// An event of a `use:CLIENT` stream: what traffic writes about a client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum UseEvent {
    /// `client.token_issued` (grant `client_credentials`).
    TokenIssued {
        /// The access token's `jti`.
        jti: TokenId,
        /// Its `exp`.
        expires_at: Timestamp,
        /// Its scope.
        scope: BTreeSet<String>,
    },
    /// `client.token_revoked`: its `jti` is listed until it would have ended.
    TokenRevoked {
        /// The access token's `jti`.
        jti: TokenId,
        /// Its `exp`.
        expires_at: Timestamp,
    },
    /// `client.revocations_dropped`: listed `jti`s whose tokens have ended anyway.
    RevocationsDropped {
        /// The `jti`s with the `exp` they were listed with, at most 32.
        dropped: Vec<(TokenId, Timestamp)>,
    },
    /// `client.refused`: authentication failed, or something was asked that the client may not.
    Refused {
        /// Why.
        class: Denial,
        /// Which refusal of this class it was.
        n: u64,
    },
}

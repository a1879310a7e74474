//! What can happen to a gate.

use crate::domain::context::Sealed;
use crate::domain::ids::ClientId;
use crate::domain::verifier::Scheme;
use std::collections::BTreeSet;

/// An event of a `gate:ACCOUNT` stream. *Closing* are: a password set (but the first), disabled, all sessions revoked,
/// erased. A session that was started before the last of them is over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum GateEvent {
    /// `gate.password_set`: the first opens the gate; each later one closes what was open.
    PasswordSet {
        /// The password's hash, sealed.
        verifier: Sealed,
        /// How it was made.
        scheme: Scheme,
    },
    /// `gate.disabled`
    Disabled,
    /// `gate.enabled`
    Enabled,
    /// `gate.registration_added`: from the first on, only registered clients get sessions.
    RegistrationAdded {
        /// The client.
        client: ClientId,
    },
    /// `gate.registration_withdrawn`: from an account without registrations, which is let in everywhere, it takes them all.
    RegistrationWithdrawn {
        /// The client.
        client: ClientId,
    },
    /// `gate.roles_set`
    RolesSet {
        /// All roles from now on.
        roles: BTreeSet<String>,
    },
    /// `gate.sessions_revoked`
    SessionsRevoked,
    /// `gate.erased`: the account's data key is destroyed after this.
    Erased,
}

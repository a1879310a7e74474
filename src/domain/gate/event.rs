//! What can happen to a gate.

use crate::domain::context::Sealed;
use crate::domain::ids::ClientId;
use crate::domain::verifier::Scheme;
use std::collections::BTreeSet;

/// Who set a password, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum PasswordHow {
    /// An operator, a bootstrap file or an import.
    #[default]
    Given,
    /// The person, who knew the old one.
    Changed,
    /// Whoever had a one-time code.
    Reset,
}

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
        /// Whether it only serves to set another: a login with it is refused until then.
        must_change: bool,
        /// Who set it and how.
        how: PasswordHow,
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
    /// `gate.registrations_lifted`: sessions are allowed at every client again.
    RegistrationsLifted,
    /// `gate.must_change_set`: the password that the account has must be changed, or need not be any more.
    MustChangeSet {
        /// Which of the two.
        must_change: bool,
    },
    /// `gate.roles_set`
    RolesSet {
        /// All roles from now on.
        roles: BTreeSet<String>,
    },
    /// `gate.registration_roles_set`: the roles in its access tokens for one client, besides those for all.
    RegistrationRolesSet {
        /// Where.
        client: ClientId,
        /// All of them.
        roles: BTreeSet<String>,
    },
    /// `gate.sessions_revoked`
    SessionsRevoked,
    /// `gate.erased`: the account's data key is destroyed after this.
    Erased,
}

//! What can happen to an account, and to the login id that names it.

use crate::domain::context::Sealed;
use crate::domain::denial::Denial;
use crate::domain::ids::{AccountId, ClientId, NameHash, SessionId, Version};
use crate::domain::time::Timestamp;
use crate::domain::verifier::Scheme;

/// An event of an `account:ID` stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AccountEvent {
    /// `account.created`
    Created {
        /// The login id, sealed.
        login: Sealed,
        /// The login id's hash: the `name:H` stream that belongs to this account.
        name: NameHash,
    },
    /// `account.login_succeeded`
    LoginSucceeded {
        /// Where.
        client: ClientId,
        /// The session it gave.
        session: SessionId,
    },
    /// `account.login_refused`
    LoginRefused {
        /// Where.
        client: ClientId,
        /// Why.
        class: Denial,
        /// Which refusal of this class it was.
        n: u64,
    },
    /// `account.new_context`: that login came from a network and a device that the account did not know, and it knew some.
    NewContext {
        /// Where.
        client: ClientId,
        /// The session it gave.
        session: SessionId,
    },
    /// `account.password_code_issued`: whoever shows the code may set another password, once.
    PasswordCodeIssued {
        /// The digest of the code, sealed.
        digest: Sealed,
        /// Until when it may be shown.
        expires_at: Timestamp,
        /// The password that it replaces: the version of its `gate.password_set`. Any other makes it worth nothing.
        of: Version,
    },
    /// `account.password_change_refused`
    PasswordChangeRefused {
        /// Why.
        class: Denial,
        /// Which refusal of this class it was.
        n: u64,
    },
    /// `account.login_changed`
    LoginChanged {
        /// The login id from now on, sealed.
        login: Sealed,
        /// Its hash: the `name:H` stream that belongs to this account from now on.
        name: NameHash,
    },
    /// `account.password_rehashed`: the same password, hashed with today's parameters.
    PasswordRehashed {
        /// The password it is of: the version of its `gate.password_set`.
        of: Version,
        /// The new hash, sealed.
        verifier: Sealed,
        /// How it was made.
        scheme: Scheme,
    },
}

/// An event of a `name:H` stream: which account a login id belongs to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NameEvent {
    /// `name.taken`
    Taken {
        /// By whom.
        account: AccountId,
    },
    /// `name.released`
    Released {
        /// By whom.
        account: AccountId,
    },
}

//! What can happen to an account, and to the login id that names it.

use crate::domain::context::Sealed;
use crate::domain::denial::Denial;
use crate::domain::ids::{AccountId, ClientId, NameHash, SessionId, Version};
use crate::domain::time::Timestamp;
use crate::domain::verifier::Scheme;

/// By which door somebody was let in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LoginHow {
    /// The password grant (RFC 6749 section 4.3).
    #[default]
    Password,
    /// FusionAuth's `POST /api/login`, with the password.
    LoginApi,
    /// FusionAuth's `PUT /api/login`: a caller with an API key vouches for the person.
    Ping,
    /// FusionAuth's `GET /api/jwt/issue`: an active access token of the person.
    Issued,
    /// FusionAuth's `POST /api/user`: whoever made the account vouches.
    Created,
    /// FusionAuth's `POST /api/user/registration`: whoever registered it vouches.
    Registered,
}

impl LoginHow {
    /// All of them.
    pub const ALL: &'static [Self] =
        &[Self::Password, Self::LoginApi, Self::Ping, Self::Issued, Self::Created, Self::Registered];

    /// The word in events.
    pub fn code(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::LoginApi => "login_api",
            Self::Ping => "ping",
            Self::Issued => "issued",
            Self::Created => "created",
            Self::Registered => "registered",
        }
    }
}

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
        /// By which door.
        how: LoginHow,
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
    /// `account.username_set`: a second login id, besides the first.
    UsernameSet {
        /// The login id, sealed.
        login: Sealed,
        /// Its HMAC.
        name: NameHash,
    },
    /// `account.username_cleared`
    UsernameCleared,
    /// `account.profile_set`: what apps keep about the person, and nothing here decides by.
    ProfileSet {
        /// A JSON object, sealed.
        profile: Sealed,
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

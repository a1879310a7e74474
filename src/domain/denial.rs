//! Why a request is refused. Each has a short stable code, the same in event, metric label and diagnostics, so that one
//! line of any of them points at one branch of the rules.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! denials {
    ($($(#[doc = $doc:literal])+ $variant:ident => $code:literal,)+) => {
        /// Why a request is refused.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        pub enum Denial { $($(#[doc = $doc])+ $variant,)+ }

        impl Denial {
            /// Every denial there is: the bound of the metrics' labels.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable code.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// What it means, in a sentence: for `docs/API.md`.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+).trim_ascii(),)+ }
            }
        }
    };
}

denials! {
    /// The refresh token is not one of ours, or its key is unknown or distrusted.
    BadTag => "bad_tag",
    /// A refresh token of ours for a session that the journal does not know: history was lost.
    HistoryLost => "history_lost",
    /// The token belongs to another client.
    ClientMismatch => "client_mismatch",
    /// A refresh token of ours that the journal never issued: the journal is older than tokens in use.
    AheadOfJournal => "ahead_of_journal",
    /// The account is disabled or erased.
    AccountDisabled => "account",
    /// The client is disabled.
    ClientDisabled => "client",
    /// The client may not use this grant, or the account is not registered at it.
    GrantWithdrawn => "grant",
    /// The session has ended.
    Closed => "closed",
    /// The parent, which is the refresh token before the present one, came back after the retry window.
    LateRetry => "late_retry",
    /// The parent came back from another user agent or DPoP key, or a second time from another network.
    ForeignRetry => "foreign_retry",
    /// A refresh token that was replaced two or more refreshes ago, or burned.
    Superseded => "superseded",
    /// A token at a door that authenticates no client, where it may not be redeemed.
    WrongDoor => "wrong_door",
    /// A scope was asked for that the client may not have, or that the session was not granted.
    InvalidScope => "invalid_scope",
    /// Unknown login id or wrong password: nothing tells them apart.
    WrongCredentials => "wrong_credentials",
    /// Too many attempts. Answered like a wrong password.
    Throttled => "throttled",
    /// Right password, but the account is not registered at this client.
    NotRegistered => "not_registered",
    /// There is no such client.
    ClientUnknown => "client_unknown",
    /// A confidential client sent no secret.
    ClientSecretMissing => "client_secret_missing",
    /// The client secret is wrong.
    ClientSecretWrong => "client_secret_wrong",
    /// A public client sent a secret: an app that carries one has given it away.
    ClientSecretUnexpected => "client_secret_unexpected",
    /// The client may not use this grant.
    GrantNotAllowed => "grant_not_allowed",
    /// An operator lets nobody log in for now.
    LoginsRefused => "logins_refused",
    /// Right password, but it only serves to set another.
    PasswordChangeRequired => "password_change_required",
    /// The old password, shown to set another, is wrong.
    OldPasswordWrong => "old_password_wrong",
    /// The one-time code is wrong, was used, or came too late.
    PasswordCodeWrong => "password_code_wrong",
    /// What was asked does not fit into an event: too many roles, scopes or clients.
    TooLong => "too_long",
    /// The API key is unknown or wrong.
    ApiKeyUnknown => "api_key_unknown",
    /// The API key is disabled or revoked.
    ApiKeyDisabled => "api_key_disabled",
    /// The API key may not do this.
    ApiKeyForbidden => "api_key_forbidden",
    /// The API key does not cover this client, or an account that may log in there.
    ApiKeyElsewhere => "api_key_elsewhere",
    /// An access token was asked for that lives longer than the client's `access_ttl`.
    TtlTooLong => "ttl_too_long",
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

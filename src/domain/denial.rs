//! Why a request is refused. Each has a short stable code, the same in event, metric label and diagnostics, so that one
//! line of any of them points at one branch of the rules.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! denials {
    ($($(#[$doc:meta])* $variant:ident => $code:literal,)+) => {
        /// Why a request is refused.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        pub enum Denial { $($(#[$doc])* $variant,)+ }

        impl Denial {
            /// Every denial there is: the bound of the metrics' labels.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable code.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }
        }
    };
}

denials! {
    /// The refresh token is not one of ours, or its key is unknown or distrusted.
    BadTag => "bad_tag",
    /// The tag is right, but nothing is known of the session: history was lost.
    HistoryLost => "history_lost",
    /// The token belongs to another client.
    ClientMismatch => "client_mismatch",
    /// A refresh token generation that was never issued according to the journal.
    AheadOfJournal => "ahead_of_journal",
    /// The account is disabled or erased.
    AccountDisabled => "account",
    /// The client is disabled.
    ClientDisabled => "client",
    /// The client may not use this grant, or the account is not registered at it.
    GrantWithdrawn => "grant",
    /// The session has ended.
    Closed => "closed",
    /// The parent came back after the retry window.
    LateRetry => "late_retry",
    /// The parent came back from another user agent, or a second time from another network.
    ForeignRetry => "foreign_retry",
    /// A generation that was replaced long ago, or burned.
    Superseded => "superseded",
    /// A door that authenticates no client, and a token that may not be redeemed there.
    WrongDoor => "wrong_door",
    /// A scope that the client may not ask for, or that the session was not granted.
    InvalidScope => "invalid_scope",
    /// Unknown login id or wrong password: nothing tells them apart.
    WrongCredentials => "wrong_credentials",
    /// Too many attempts. Answered like a wrong password.
    Throttled => "throttled",
    /// Right password, but the account is not registered at this client.
    NotRegistered => "not_registered",
    /// No such client.
    ClientUnknown => "client_unknown",
    /// A confidential client that sent no secret.
    ClientSecretMissing => "client_secret_missing",
    /// A wrong client secret.
    ClientSecretWrong => "client_secret_wrong",
    /// A public client that sent a secret: an app that carries one has given it away.
    ClientSecretUnexpected => "client_secret_unexpected",
    /// The client may not use this grant.
    GrantNotAllowed => "grant_not_allowed",
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

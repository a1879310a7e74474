//! What can happen to a session.

use super::state::{Access, RevokeReason};
use crate::domain::denial::Denial;
use crate::domain::ids::{AccountId, ClientId, Generation, RefreshKeyId, SessionId, Version};
use crate::domain::time::Timestamp;
use std::collections::BTreeSet;

/// What a refusal refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Asked {
    /// To redeem a refresh token.
    #[default]
    Refresh,
    /// To revoke one (RFC 7009).
    Revoke,
}

/// An event of a `session:SID` stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SessionEvent {
    /// `session.started`
    Started(Started),
    /// `session.refreshed`
    Refreshed(Refreshed),
    /// `session.refresh_retried`
    RefreshRetried(Retried),
    /// `session.refresh_refused`, `session.revoke_refused`
    Refused {
        /// What was asked.
        asked: Asked,
        /// Why it was refused.
        class: Denial,
        /// Which refusal of this class it was.
        n: u64,
        /// The presented generation, where a refresh token was presented.
        presented: Option<Generation>,
    },
    /// `session.reuse_detected`: late_retry, foreign_retry or superseded.
    ReuseDetected {
        /// How it shows.
        class: Denial,
        /// The generation that was presented.
        presented: Generation,
        /// The generation that was current.
        current: Generation,
    },
    /// `session.superseded_shown`: an old refresh token was introspected by its client.
    SupersededShown {
        /// The generation that was shown.
        presented: Generation,
        /// Which one it was.
        n: u64,
    },
    /// `session.ahead_of_journal`
    AheadOfJournal {
        /// The generation that was presented.
        presented: Generation,
        /// The newest that the journal knows.
        current: Generation,
        /// Which one it was.
        n: u64,
    },
    /// `session.revoked`
    Revoked {
        /// Why.
        reason: RevokeReason,
    },
    /// `session.expired`
    Expired,
}

/// A login gave a session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Started {
    /// Who logged in.
    pub account: AccountId,
    /// Where.
    pub client: ClientId,
    /// The scopes granted.
    pub scope: BTreeSet<String>,
    /// Whether it has a refresh token.
    pub refreshable: bool,
    /// The key that makes its refresh tokens.
    pub refresh_key: RefreshKeyId,
    /// The gate's version the login was decided on.
    pub gate_version: Version,
    /// The client's version the login was decided on.
    pub client_version: Version,
    /// The brakes' version the login was decided on.
    pub brakes_version: Version,
    /// The session whose token brought this one about, where one did: it is over when that one is.
    pub came_of: Option<SessionId>,
    /// Its absolute end.
    pub absolute_end: Timestamp,
    /// Its end unless it is refreshed.
    pub idle_end: Timestamp,
    /// The access token.
    pub access: Access,
}

/// A refresh token was redeemed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refreshed {
    /// The generation that was presented.
    pub presented: Generation,
    /// The generation that is current from now on; the presented one with `rotation = never`.
    pub generation: Generation,
    /// The generation that was current, unused, and counts as never issued: the answer that carried it was lost.
    pub burned: Option<Generation>,
    /// The session's end unless it is refreshed again.
    pub idle_end: Timestamp,
    /// The access token.
    pub access: Access,
    /// Its scope, where narrower than the session's.
    pub scope: Option<BTreeSet<String>>,
}

/// A refresh token was shown again by a caller that lost the answer, and got the same successor again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Retried {
    /// The generation that was presented.
    pub presented: Generation,
    /// The generation given again.
    pub generation: Generation,
    /// Which retry of this generation it was.
    pub n: u64,
    /// Whether it came from another network than the redemption.
    pub moved: bool,
    /// Whether three generations running were retried: two parties may share the session.
    pub lockstep: bool,
    /// The access token, where the one of the redemption had run out.
    pub access: Option<Access>,
}

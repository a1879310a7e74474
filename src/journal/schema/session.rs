//! The stored shapes of `session:SID` streams.

use super::text::Text;
use super::types::{Nothing, StoredSession as Stored};
use crate::domain::denial::Denial;
use crate::domain::ids::{AccountId, ClientId, Generation, RefreshKeyId, SessionId, TokenId, Version};
use crate::domain::session::{self as domain, Access, Asked, RevokeReason, SessionEvent};
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Started {
    account: Text<AccountId>,
    client: Text<ClientId>,
    scope: BTreeSet<String>,
    refreshable: bool,
    refresh_key: RefreshKeyId,
    gate_version: Version,
    client_version: Version,
    #[serde(default, skip_serializing_if = "super::command::is_zero")]
    brakes_version: Version,
    #[serde(skip_serializing_if = "Option::is_none")]
    came_of: Option<Text<SessionId>>,
    absolute_ends_at: Text<Timestamp>,
    idle_ends_at: Text<Timestamp>,
    jti: Text<TokenId>,
    access_issued_at: Text<Timestamp>,
    access_expires_at: Text<Timestamp>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Refreshed {
    presented: Generation,
    generation: Generation,
    #[serde(skip_serializing_if = "Option::is_none")]
    burned: Option<Generation>,
    idle_ends_at: Text<Timestamp>,
    jti: Text<TokenId>,
    access_issued_at: Text<Timestamp>,
    access_expires_at: Text<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<BTreeSet<String>>,
}

/// With `jti` and its two instants, or with none of them: then the access token of the redemption was given again.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RefreshRetried {
    presented: Generation,
    generation: Generation,
    n: u64,
    moved: bool,
    lockstep: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<Text<TokenId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_issued_at: Option<Text<Timestamp>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_expires_at: Option<Text<Timestamp>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Refused {
    class: Text<Denial>,
    n: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    presented: Option<Generation>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReuseDetected {
    class: Text<Denial>,
    presented: Generation,
    current: Generation,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SupersededShown {
    presented: Generation,
    n: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AheadOfJournal {
    presented: Generation,
    current: Generation,
    n: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Revoked {
    reason: Text<RevokeReason>,
}

impl From<&domain::Started> for Started {
    fn from(started: &domain::Started) -> Self {
        Self {
            account: Text(started.account),
            client: Text(started.client.clone()),
            scope: started.scope.clone(),
            refreshable: started.refreshable,
            refresh_key: started.refresh_key,
            gate_version: started.gate_version,
            client_version: started.client_version,
            brakes_version: started.brakes_version,
            came_of: started.came_of.map(Text),
            absolute_ends_at: Text(started.absolute_end),
            idle_ends_at: Text(started.idle_end),
            jti: Text(started.access.jti),
            access_issued_at: Text(started.access.issued_at),
            access_expires_at: Text(started.access.expires_at),
        }
    }
}

impl From<Started> for domain::Started {
    fn from(stored: Started) -> Self {
        Self {
            account: stored.account.0,
            client: stored.client.0,
            scope: stored.scope,
            refreshable: stored.refreshable,
            refresh_key: stored.refresh_key,
            gate_version: stored.gate_version,
            client_version: stored.client_version,
            brakes_version: stored.brakes_version,
            came_of: stored.came_of.map(|session| session.0),
            absolute_end: stored.absolute_ends_at.0,
            idle_end: stored.idle_ends_at.0,
            access: access(stored.jti, stored.access_issued_at, stored.access_expires_at),
        }
    }
}

impl From<&domain::Refreshed> for Refreshed {
    fn from(refreshed: &domain::Refreshed) -> Self {
        Self {
            presented: refreshed.presented,
            generation: refreshed.generation,
            burned: refreshed.burned,
            idle_ends_at: Text(refreshed.idle_end),
            jti: Text(refreshed.access.jti),
            access_issued_at: Text(refreshed.access.issued_at),
            access_expires_at: Text(refreshed.access.expires_at),
            scope: refreshed.scope.clone(),
        }
    }
}

impl From<Refreshed> for domain::Refreshed {
    fn from(stored: Refreshed) -> Self {
        Self {
            presented: stored.presented,
            generation: stored.generation,
            burned: stored.burned,
            idle_end: stored.idle_ends_at.0,
            access: access(stored.jti, stored.access_issued_at, stored.access_expires_at),
            scope: stored.scope,
        }
    }
}

impl From<&domain::Retried> for RefreshRetried {
    fn from(retried: &domain::Retried) -> Self {
        Self {
            presented: retried.presented,
            generation: retried.generation,
            n: retried.n,
            moved: retried.moved,
            lockstep: retried.lockstep,
            jti: retried.access.map(|access| Text(access.jti)),
            access_issued_at: retried.access.map(|access| Text(access.issued_at)),
            access_expires_at: retried.access.map(|access| Text(access.expires_at)),
        }
    }
}

impl TryFrom<RefreshRetried> for domain::Retried {
    type Error = String;
    fn try_from(stored: RefreshRetried) -> Result<Self, String> {
        let access = match (stored.jti, stored.access_issued_at, stored.access_expires_at) {
            (Some(jti), Some(issued_at), Some(expires_at)) => Some(access(jti, issued_at, expires_at)),
            (None, None, None) => None,
            _ => return Err("jti, access_issued_at and access_expires_at stand together or not at all".to_owned()),
        };
        Ok(Self {
            presented: stored.presented,
            generation: stored.generation,
            n: stored.n,
            moved: stored.moved,
            lockstep: stored.lockstep,
            access,
        })
    }
}

fn access(jti: Text<TokenId>, issued_at: Text<Timestamp>, expires_at: Text<Timestamp>) -> Access {
    Access { jti: jti.0, issued_at: issued_at.0, expires_at: expires_at.0 }
}

impl From<&SessionEvent> for Stored {
    fn from(event: &SessionEvent) -> Self {
        match event {
            SessionEvent::Started(started) => Self::Started(started.into()),
            SessionEvent::Refreshed(refreshed) => Self::Refreshed(refreshed.into()),
            SessionEvent::RefreshRetried(retried) => Self::RefreshRetried(retried.into()),
            SessionEvent::Refused { asked, class, n, presented } => {
                let refused = Refused { class: Text(*class), n: *n, presented: *presented };
                match asked {
                    Asked::Refresh => Self::RefreshRefused(refused),
                    Asked::Revoke => Self::RevokeRefused(refused),
                }
            }
            SessionEvent::ReuseDetected { class, presented, current } => {
                Self::ReuseDetected(ReuseDetected { class: Text(*class), presented: *presented, current: *current })
            }
            SessionEvent::SupersededShown { presented, n } => {
                Self::SupersededShown(SupersededShown { presented: *presented, n: *n })
            }
            SessionEvent::AheadOfJournal { presented, current, n } => {
                Self::AheadOfJournal(AheadOfJournal { presented: *presented, current: *current, n: *n })
            }
            SessionEvent::Revoked { reason } => Self::Revoked(Revoked { reason: Text(*reason) }),
            SessionEvent::Expired => Self::Expired(Nothing {}),
        }
    }
}

impl TryFrom<Stored> for SessionEvent {
    type Error = String;
    fn try_from(stored: Stored) -> Result<Self, String> {
        let refused =
            |asked, data: Refused| Self::Refused { asked, class: data.class.0, n: data.n, presented: data.presented };
        Ok(match stored {
            Stored::Started(data) => Self::Started(data.into()),
            Stored::Refreshed(data) => Self::Refreshed(data.into()),
            Stored::RefreshRetried(data) => Self::RefreshRetried(data.try_into()?),
            Stored::RefreshRefused(data) => refused(Asked::Refresh, data),
            Stored::RevokeRefused(data) => refused(Asked::Revoke, data),
            Stored::ReuseDetected(data) => {
                Self::ReuseDetected { class: data.class.0, presented: data.presented, current: data.current }
            }
            Stored::SupersededShown(data) => Self::SupersededShown { presented: data.presented, n: data.n },
            Stored::AheadOfJournal(data) => {
                Self::AheadOfJournal { presented: data.presented, current: data.current, n: data.n }
            }
            Stored::Revoked(data) => Self::Revoked { reason: data.reason.0 },
            Stored::Expired(Nothing {}) => Self::Expired,
        })
    }
}

//! The stored shapes of `evidence:SID` streams.

use super::text::Text;
use super::types::StoredEvidence as Stored;
use crate::domain::denial::Denial;
use crate::domain::evidence::{Ended, EvidenceEvent, Told};
use crate::domain::ids::{AccountId, ClientId, Generation};
use crate::domain::session::Asked;
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Refused {
    class: Text<Denial>,
    n: u64,
    presented: Generation,
    account: Text<AccountId>,
    client: Text<ClientId>,
    ended: Text<Ended>,
    ended_at: Text<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redeemed_at: Option<Text<Timestamp>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SupersededShown {
    presented: Generation,
    n: u64,
    account: Text<AccountId>,
    client: Text<ClientId>,
    ended: Text<Ended>,
    ended_at: Text<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redeemed_at: Option<Text<Timestamp>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AheadOfJournal {
    presented: Generation,
    current: Generation,
    n: u64,
    account: Text<AccountId>,
    client: Text<ClientId>,
    ended: Text<Ended>,
    ended_at: Text<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redeemed_at: Option<Text<Timestamp>>,
}

/// A stored shape with its own fields first and those of [`Told`] behind them.
macro_rules! with_told {
    ($shape:ident { $($field:ident: $value:expr),+ }, $of:expr) => {
        $shape {
            $($field: $value,)+
            account: Text($of.account),
            client: Text($of.client.clone()),
            ended: Text($of.ended),
            ended_at: Text($of.ended_at),
            redeemed_at: $of.redeemed_at.map(Text),
        }
    };
}

macro_rules! told {
    ($data:ident) => {
        Told {
            account: $data.account.0,
            client: $data.client.0,
            ended: $data.ended.0,
            ended_at: $data.ended_at.0,
            redeemed_at: $data.redeemed_at.map(|at| at.0),
        }
    };
}

impl From<&EvidenceEvent> for Stored {
    fn from(event: &EvidenceEvent) -> Self {
        match event {
            EvidenceEvent::Refused { asked, class, n, presented, of } => {
                let refused = with_told!(Refused { class: Text(*class), n: *n, presented: *presented }, of);
                match asked {
                    Asked::Refresh => Self::RefreshRefused(refused),
                    Asked::Revoke => Self::RevokeRefused(refused),
                }
            }
            EvidenceEvent::SupersededShown { presented, n, of } => {
                Self::SupersededShown(with_told!(SupersededShown { presented: *presented, n: *n }, of))
            }
            EvidenceEvent::AheadOfJournal { presented, current, n, of } => {
                Self::AheadOfJournal(with_told!(AheadOfJournal { presented: *presented, current: *current, n: *n }, of))
            }
        }
    }
}

impl TryFrom<Stored> for EvidenceEvent {
    type Error = String;
    fn try_from(stored: Stored) -> Result<Self, String> {
        let refused = |asked, data: Refused| Self::Refused {
            asked,
            class: data.class.0,
            n: data.n,
            presented: data.presented,
            of: told!(data),
        };
        Ok(match stored {
            Stored::RefreshRefused(data) => refused(Asked::Refresh, data),
            Stored::RevokeRefused(data) => refused(Asked::Revoke, data),
            Stored::SupersededShown(data) => {
                Self::SupersededShown { presented: data.presented, n: data.n, of: told!(data) }
            }
            Stored::AheadOfJournal(data) => {
                Self::AheadOfJournal { presented: data.presented, current: data.current, n: data.n, of: told!(data) }
            }
        })
    }
}

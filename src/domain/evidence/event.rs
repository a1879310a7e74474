//! What can be recorded of an archived session.

use super::state::Ended;
use crate::domain::denial::Denial;
use crate::domain::ids::{AccountId, ClientId, Generation};
use crate::domain::session::Asked;
use crate::domain::time::Timestamp;

/// What the session was, so that whoever reads the event need not look for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Told {
    /// Who had logged in.
    pub account: AccountId,
    /// Where.
    pub client: ClientId,
    /// How it had ended.
    pub ended: Ended,
    /// When.
    pub ended_at: Timestamp,
    /// When the presented generation had been redeemed; `None` where it never was.
    pub redeemed_at: Option<Timestamp>,
}

/// An event of an `evidence:SID` stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EvidenceEvent {
    /// `evidence.refresh_refused`, `evidence.revoke_refused`
    Refused {
        /// What was asked.
        asked: Asked,
        /// Why it was refused.
        class: Denial,
        /// Which refusal of this class it was.
        n: u64,
        /// The presented generation.
        presented: Generation,
        /// What the session was.
        of: Told,
    },
    /// `evidence.superseded_shown`: an old refresh token was introspected by its client.
    SupersededShown {
        /// The generation that was shown.
        presented: Generation,
        /// Which one it was.
        n: u64,
        /// What the session was.
        of: Told,
    },
    /// `evidence.ahead_of_journal`
    AheadOfJournal {
        /// The generation that was presented.
        presented: Generation,
        /// The newest that the journal knows.
        current: Generation,
        /// Which one it was.
        n: u64,
        /// What the session was.
        of: Told,
    },
}

impl EvidenceEvent {
    /// What the session was.
    pub fn told(&self) -> &Told {
        match self {
            Self::Refused { of, .. } | Self::SupersededShown { of, .. } | Self::AheadOfJournal { of, .. } => of,
        }
    }
}

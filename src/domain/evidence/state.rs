//! What is known of an archived session, and of what was shown of it since.

use super::event::Told;
use crate::domain::denial::Denial;
use crate::domain::ids::{AccountId, ClientId, Generation, Position, StreamId};
use crate::domain::session::{RevokeReason, SessionEvent};
use crate::domain::tally::Tallies;
use crate::domain::time::Timestamp;
use crate::domain::{Event, Recorded};
use serde::{Deserialize, Serialize};

/// How a session ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// Before its time.
    Revoked(RevokeReason),
    /// Its time was over.
    Expired,
}

impl Ended {
    /// The stable code in events: that of the reason, or `expired`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Revoked(reason) => reason.code(),
            Self::Expired => "expired",
        }
    }

    /// The end of a code.
    pub fn from_code(code: &str) -> Option<Self> {
        let ends = RevokeReason::ALL.iter().copied().map(Self::Revoked).chain([Self::Expired]);
        ends.into_iter().find(|ended| ended.code() == code)
    }
}

/// What the entries of an archived session tell, and of the refresh token that is shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Past {
    /// Who logged in.
    pub account: AccountId,
    /// Where.
    pub client: ClientId,
    /// When.
    pub started_at: Timestamp,
    /// The newest generation that was issued.
    pub generation: Generation,
    /// How it ended.
    pub ended: Ended,
    /// When.
    pub ended_at: Timestamp,
    /// When the presented generation was redeemed first; `None` where it never was.
    pub redeemed_at: Option<Timestamp>,
    /// The position of the session's last entry.
    pub last: Position,
}

impl Past {
    /// What an event tells of it.
    pub fn told(&self) -> Told {
        Told {
            account: self.account,
            client: self.client.clone(),
            ended: self.ended,
            ended_at: self.ended_at,
            redeemed_at: self.redeemed_at,
        }
    }
}

/// Puts a [`Past`] together from the entries of a session, one after the other.
#[derive(Clone, Debug)]
pub struct Trace {
    presented: Generation,
    started: Option<(AccountId, ClientId, Timestamp)>,
    generation: Generation,
    ended: Option<(Ended, Timestamp)>,
    redeemed_at: Option<Timestamp>,
    last: Position,
}

impl Trace {
    /// Nothing yet. `presented` is the generation of the refresh token that is shown.
    pub fn new(presented: Generation) -> Self {
        Self { presented, started: None, generation: 0, ended: None, redeemed_at: None, last: 0 }
    }

    /// Adds an entry. Entries of other streams than the session's change nothing, whatever they say; those of the session must
    /// come in order.
    pub fn add(&mut self, recorded: &Recorded) {
        let (StreamId::Session(_), Event::Session(event)) = (&recorded.stream, &recorded.event) else { return };
        self.last = recorded.position;
        let mut end = |ended| self.ended = self.ended.or(Some((ended, recorded.at)));
        match event {
            SessionEvent::Started(started) => {
                self.started = Some((started.account, started.client.clone(), recorded.at));
            }
            SessionEvent::Refreshed(refreshed) => {
                self.generation = self.generation.max(refreshed.generation);
                if refreshed.presented == self.presented {
                    self.redeemed_at = self.redeemed_at.or(Some(recorded.at));
                }
            }
            SessionEvent::Revoked { reason } => end(Ended::Revoked(*reason)),
            SessionEvent::Expired => end(Ended::Expired),
            SessionEvent::RefreshRetried(_)
            | SessionEvent::Refused { .. }
            | SessionEvent::ReuseDetected { .. }
            | SessionEvent::SupersededShown { .. }
            | SessionEvent::AheadOfJournal { .. } => {}
        }
    }

    /// Whether there was no entry of the session so far.
    pub fn is_empty(&self) -> bool {
        self.last == 0
    }

    /// Whether the session's start was among the entries so far.
    pub fn is_started(&self) -> bool {
        self.started.is_some()
    }

    /// Whether its end was. Nothing is issued or redeemed behind it.
    pub fn is_over(&self) -> bool {
        self.ended.is_some()
    }

    /// When the presented generation was redeemed, as far as the entries so far tell.
    pub fn redeemed_at(&self) -> Option<Timestamp> {
        self.redeemed_at
    }

    /// What the entries told; `None` unless they told both a start and an end.
    pub fn past(self) -> Option<Past> {
        let (account, client, started_at) = self.started?;
        let (ended, ended_at) = self.ended?;
        Some(Past {
            account,
            client,
            started_at,
            generation: self.generation,
            ended,
            ended_at,
            redeemed_at: self.redeemed_at,
            last: self.last,
        })
    }
}

/// The fold of an `evidence:SID` stream.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Evidence {
    /// Recorded refusals.
    pub refusals: Tallies<Denial>,
}

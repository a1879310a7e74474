//! Refresh tokens of archived sessions: what the session was is looked up in sealed segments, a few at a time, and what is worth
//! knowing is recorded in its stream of evidence.

use super::asker::Asker;
use super::core::{Core, Refused, TRIES, Unavailable, commit};
use super::look_ups::LookUps;
use crate::domain::command::Command;
use crate::domain::denial::Denial;
use crate::domain::evidence::{self, Ask, Past};
use crate::domain::ids::{Owner, SessionId, StreamId};
use crate::domain::tally::Seen;
use crate::domain::{Decision, Event, Expected, Proposal};
use crate::journal::{History, Versioned};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Archived sessions whose unrecorded refusals are counted.
const COUNTED: usize = 1024;

/// See the module. Cheap to clone.
#[derive(Clone)]
pub(super) struct EvidenceRoom {
    core: Arc<Core>,
    look_ups: LookUps,
    /// Refusals so far, with those that were not recorded.
    seen: Arc<Mutex<HashMap<SessionId, Seen<Denial>>>>,
}

impl EvidenceRoom {
    pub(super) fn new(core: Arc<Core>, history: Arc<dyn History>) -> Self {
        Self { core, look_ups: LookUps::new(history), seen: Arc::default() }
    }

    /// What is answered to a refresh token of a session that the store does not know; `None` where no sealed segment knows it
    /// either. `Ok` grants nothing.
    ///
    /// # Errors
    /// [`Refused`] where it could not be looked up or recorded.
    pub(super) async fn answer(
        &self,
        session: SessionId,
        ask: Ask,
        asker: &Asker,
    ) -> Result<Option<Result<(), Denial>>, Refused> {
        let through = self.core.reader.system()?.value.archived_through;
        if through == 0 {
            return Ok(None);
        }
        let looked_up = self.look_ups.past(session, ask.presented, through).await;
        let Some(past) = looked_up? else { return Ok(None) };
        self.record(session, ask, past, asker).await.map(Some)
    }

    async fn record(
        &self,
        session: SessionId,
        ask: Ask,
        past: Past,
        asker: &Asker,
    ) -> Result<Result<(), Denial>, Refused> {
        let stream = StreamId::Evidence(session);
        for _ in 0..TRIES {
            let (version, at, state) = match self.core.reader.evidence(session)? {
                Some(Versioned { version, at, value }) => (version, at, value),
                None => (0, past.ended_at, evidence::Evidence::default()),
            };
            let id = self.core.commit_id();
            let context = self.core.context(asker, &Owner::Account(past.account), id)?;
            let unrecorded = self.seen(session);
            let Decision { events, outcome } = evidence::refuse(&state, &ask, &past, &context, &unrecorded);
            if !events.is_empty() {
                let command = Command::Evidence { ask: ask.clone(), past: past.clone(), unrecorded };
                let proposal = Proposal {
                    stream: stream.clone(),
                    expected: Expected::Version(version),
                    events: events.into_iter().map(Event::Evidence).collect(),
                };
                let now = self.core.now_to_close(at);
                if self.core.append(commit(id, now, context, Some(command), vec![proposal])).await?.is_none() {
                    continue;
                }
            }
            if let Some(class) = ask.class(&past) {
                self.count(session, class, &state);
            }
            return Ok(outcome);
        }
        Err(Unavailable::Conflict.into())
    }

    fn seen(&self, session: SessionId) -> Seen<Denial> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(&session).cloned().unwrap_or_default()
    }

    /// Counts a refusal, recorded or not. When too many sessions are counted all are forgotten, as actors forget that sleep:
    /// the counts go on from the last events.
    fn count(&self, session: SessionId, class: Denial, state: &evidence::Evidence) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= COUNTED && !seen.contains_key(&session) {
            seen.clear();
        }
        let seen = seen.entry(session).or_default();
        let n = state.refusals.number(class, seen);
        seen.insert(class, n);
    }
}

//! Refresh tokens of archived sessions: what the session was is looked up in sealed segments, a few at a time, and what is worth
//! knowing is recorded in its stream of evidence.

use super::asker::Asker;
use super::core::{Core, Refused, TRIES, Unavailable, commit};
use crate::domain::command::Command;
use crate::domain::denial::Denial;
use crate::domain::evidence::{self, Ask, Past};
use crate::domain::ids::{Generation, Owner, SessionId, StreamId};
use crate::domain::tally::Seen;
use crate::domain::{Decision, Event, Expected, Proposal};
use crate::journal::{History, Versioned};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Semaphore;

/// Look-ups under way: each reads files and decompresses.
const LOOKING_UP: usize = 2;
/// Look-ups waiting or under way; beyond them whoever asks is told to come again.
const WAITING: usize = 64;
/// Archived sessions whose unrecorded refusals are counted.
const COUNTED: usize = 1024;
/// Look-ups that are remembered: whoever shows one token again and again costs one. What was archived does not change.
const REMEMBERED: usize = 1024;

/// See the module. Cheap to clone.
#[derive(Clone)]
pub(super) struct EvidenceRoom {
    core: Arc<Core>,
    history: Arc<dyn History>,
    looking_up: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    remembered: Arc<Mutex<HashMap<(SessionId, Generation), Past>>>,
    /// Refusals so far, with those that were not recorded.
    seen: Arc<Mutex<HashMap<SessionId, Seen<Denial>>>>,
}

impl EvidenceRoom {
    pub(super) fn new(core: Arc<Core>, history: Arc<dyn History>) -> Self {
        let (looking_up, waiting) = (Arc::new(Semaphore::new(LOOKING_UP)), Arc::new(Semaphore::new(WAITING)));
        Self { core, history, looking_up, waiting, remembered: Arc::default(), seen: Arc::default() }
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
        if self.core.reader.system()?.value.archived_through == 0 {
            return Ok(None);
        }
        let Some(past) = self.past(session, ask.presented).await? else { return Ok(None) };
        self.record(session, ask, past, asker).await.map(Some)
    }

    async fn past(&self, session: SessionId, presented: Generation) -> Result<Option<Past>, Refused> {
        if let Some(past) = self.remembered().get(&(session, presented)) {
            return Ok(Some(past.clone()));
        }
        let past = self.look_up(session, presented).await?;
        if let Some(past) = &past {
            let mut remembered = self.remembered();
            if remembered.len() >= REMEMBERED {
                remembered.clear();
            }
            remembered.insert((session, presented), past.clone());
        }
        Ok(past)
    }

    fn remembered(&self) -> MutexGuard<'_, HashMap<(SessionId, Generation), Past>> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn look_up(&self, session: SessionId, presented: Generation) -> Result<Option<Past>, Refused> {
        let waiting = self.waiting.clone().try_acquire_owned().map_err(|_| Unavailable::Busy)?;
        let looking_up = self.looking_up.clone().acquire_owned().await.map_err(|_| Unavailable::Stopping)?;
        let history = self.history.clone();
        let looked_up = actix_rt::task::spawn_blocking(move || {
            // Given back when the look-up is done, not when whoever asked has gone.
            let _permits = (waiting, looking_up);
            history.past(session, presented)
        });
        Ok(looked_up.await.map_err(|_| Unavailable::Fault)??)
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

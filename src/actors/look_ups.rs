//! Looking up archived sessions: a few threads of low priority, a bounded queue in which each session has one place, and a memory
//! of what was found.
//!
//! The threads are of their own because a nice value cannot be taken back: a thread that others use later must not have one. They
//! live for as long as there is something to look up.

use super::core::Unavailable;
use crate::domain::evidence::Past;
use crate::domain::ids::{Generation, Position, SessionId};
use crate::domain::time::Timestamp;
use crate::journal::{History, StoreError};
use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// Look-ups under way: each reads files and decompresses. Of one session there is never more than one.
const LOOKING_UP: usize = 2;
/// Sessions waiting or under way; beyond them whoever asks is told to come again.
const WAITING: usize = 64;
/// Who waits for one session; beyond them too.
const SHARING: usize = 8;
/// Sessions that are remembered, also that nothing is known of them. What was archived does not change.
const REMEMBERED: usize = 1024;
/// Generations of one session of which it is remembered when they were redeemed.
const GENERATIONS: usize = 32;

/// See the module. Cheap to clone.
#[derive(Clone)]
pub(super) struct LookUps(Arc<Shared>);

struct Shared {
    history: Arc<dyn History>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The sessions whose turn comes. One that is being looked up is not among them.
    queue: VecDeque<SessionId>,
    /// Who waits, by session; also for those that are being looked up.
    waiting: HashMap<SessionId, Vec<Waiting>>,
    threads: usize,
    remembered: Remembered,
}

struct Waiting {
    presented: Generation,
    /// Up to where sessions were archived when it was asked.
    through: Position,
    answer: oneshot::Sender<Result<Option<Past>, Unavailable>>,
}

/// What a thread does next.
struct Turn {
    session: SessionId,
    presented: Generation,
    through: Position,
    /// What is known of the session, but for the generation.
    known: Option<Past>,
}

impl LookUps {
    pub(super) fn new(history: Arc<dyn History>) -> Self {
        Self(Arc::new(Shared { history, state: Mutex::default() }))
    }

    /// What a session was, looked up where it is not remembered. `through` is up to where sessions are archived.
    ///
    /// # Errors
    /// [`Unavailable`]
    pub(super) async fn past(
        &self,
        session: SessionId,
        presented: Generation,
        through: Position,
    ) -> Result<Option<Past>, Unavailable> {
        let (answer, answered) = oneshot::channel();
        let start = {
            let mut state = self.0.state();
            if let Some(past) = state.remembered.find(session, presented, through) {
                return Ok(past);
            }
            state.admit(session, Waiting { presented, through, answer })?
        };
        if start {
            self.start();
        }
        answered.await.unwrap_or(Err(Unavailable::Fault))
    }

    fn start(&self) {
        let shared = self.0.clone();
        let started = std::thread::Builder::new().name("look-up".to_owned()).spawn(move || {
            // Whoever shows old tokens must not slow down those who show good ones. A refusal is harmless.
            let _ = rustix::process::nice(10);
            while let Some(turn) = shared.next() {
                let outcome = shared.look_up(&turn);
                shared.answer(&turn, outcome);
            }
        });
        if let Err(error) = started {
            tracing::error!(%error, "no thread can be started to look up an archived session");
            self.0.state().give_up();
        }
    }
}

impl State {
    /// Gives a place, and says whether a thread must be started for it.
    fn admit(&mut self, session: SessionId, new: Waiting) -> Result<bool, Unavailable> {
        let sessions = self.waiting.len();
        match self.waiting.get_mut(&session) {
            Some(sharing) => {
                sharing.retain(|waiting| !waiting.answer.is_closed());
                if sharing.len() >= SHARING {
                    return Err(Unavailable::Busy);
                }
                sharing.push(new);
            }
            None if sessions >= WAITING => return Err(Unavailable::Busy),
            None => {
                self.waiting.insert(session, vec![new]);
                self.queue.push_back(session);
            }
        }
        let start = self.threads < LOOKING_UP && !self.queue.is_empty();
        self.threads += usize::from(start);
        Ok(start)
    }

    /// A thread could not be started. Where there is none at all, whoever waits is told so.
    fn give_up(&mut self) {
        self.threads -= 1;
        if self.threads == 0 {
            self.queue.clear();
            self.waiting.clear();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The session whose turn it is; `None` ends the thread. Nothing is looked up for those who have gone.
    fn next(&self) -> Option<Turn> {
        let mut state = self.state();
        while let Some(session) = state.queue.pop_front() {
            let sharing = state.waiting.entry(session).or_default();
            sharing.retain(|waiting| !waiting.answer.is_closed());
            let Some((presented, through)) = sharing.first().map(|first| (first.presented, first.through)) else {
                state.waiting.remove(&session);
                continue;
            };
            return Some(Turn { session, presented, through, known: state.remembered.known(session) });
        }
        state.threads -= 1;
        None
    }

    fn look_up(&self, turn: &Turn) -> Result<Option<Past>, Unavailable> {
        let Turn { session, presented, .. } = *turn;
        let looked_up = catch_unwind(AssertUnwindSafe(|| match &turn.known {
            Some(past) => {
                let redeemed_at = self.history.redeemed_at(session, presented)?;
                Ok(Some(Past { redeemed_at, ..past.clone() }))
            }
            None => self.history.past(session, presented),
        }));
        looked_up.map_err(|_| Unavailable::Fault)?.map_err(|error: StoreError| {
            tracing::error!(%error, "an archived session cannot be looked up");
            Unavailable::Store
        })
    }

    /// Answers everybody to whom this is an answer. A session that others ask of with another generation waits again, behind the
    /// other sessions.
    fn answer(&self, turn: &Turn, outcome: Result<Option<Past>, Unavailable>) {
        let mut state = self.state();
        let failed = outcome.as_ref().err().copied();
        if let Ok(past) = outcome {
            state.remembered.put(turn.session, turn.presented, turn.through, past);
        }
        let mut rest = Vec::new();
        for waiting in state.waiting.remove(&turn.session).unwrap_or_default() {
            let found = || state.remembered.find(turn.session, waiting.presented, waiting.through).map(Ok);
            match failed.map(Err).or_else(found) {
                // Whoever asked may have gone.
                Some(answer) => drop(waiting.answer.send(answer)),
                None => rest.push(waiting),
            }
        }
        if !rest.is_empty() {
            state.waiting.insert(turn.session, rest);
            state.queue.push_back(turn.session);
        }
    }
}

/// What was found, of the sessions that were looked up last.
#[derive(Default)]
struct Remembered {
    sessions: HashMap<SessionId, Known>,
    /// The same sessions, in the order in which they came.
    order: VecDeque<SessionId>,
}

enum Known {
    /// None of the sessions archived up to there is this one. It may be among those that are archived later.
    Nothing { through: Position },
    /// What it was, but for the generation; and when some generations were redeemed, those asked for last.
    Was { past: Past, redeemed: VecDeque<(Generation, Option<Timestamp>)> },
}

impl Remembered {
    /// What is remembered of the session for this generation; `Some(None)` where it is that nothing is known of it.
    fn find(&self, session: SessionId, presented: Generation, through: Position) -> Option<Option<Past>> {
        match self.sessions.get(&session)? {
            Known::Nothing { through: looked_through } => (*looked_through >= through).then_some(None),
            // The newest generation was never redeemed: that would have made a newer one.
            Known::Was { past, .. } if presented >= past.generation => Some(Some(past.clone())),
            Known::Was { past, redeemed } => {
                let (_, redeemed_at) = *redeemed.iter().find(|(generation, _)| *generation == presented)?;
                Some(Some(Past { redeemed_at, ..past.clone() }))
            }
        }
    }

    /// What is remembered of the session, but for the generation.
    fn known(&self, session: SessionId) -> Option<Past> {
        match self.sessions.get(&session)? {
            Known::Was { past, .. } => Some(past.clone()),
            Known::Nothing { .. } => None,
        }
    }

    fn put(&mut self, session: SessionId, presented: Generation, through: Position, found: Option<Past>) {
        if !self.sessions.contains_key(&session) {
            if self.order.len() >= REMEMBERED
                && let Some(oldest) = self.order.pop_front()
            {
                self.sessions.remove(&oldest);
            }
            self.order.push_back(session);
        }
        let Some(found) = found else {
            self.sessions.insert(session, Known::Nothing { through });
            return;
        };
        let mut kept = match self.sessions.remove(&session) {
            Some(Known::Was { redeemed, .. }) => redeemed,
            _ => VecDeque::new(),
        };
        if kept.len() >= GENERATIONS {
            kept.pop_front();
        }
        kept.push_back((presented, found.redeemed_at));
        let past = Past { redeemed_at: None, ..found };
        self.sessions.insert(session, Known::Was { past, redeemed: kept });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::evidence::Ended;
    use crate::domain::ids::AccountId;
    use uuid::Uuid;

    fn session(n: usize) -> SessionId {
        SessionId(Uuid::from_u128(n as u128))
    }

    fn past(redeemed_at: Option<Timestamp>) -> Past {
        Past {
            account: AccountId(Uuid::from_u128(1)),
            client: "store".parse().unwrap(),
            started_at: Timestamp(1),
            generation: 1000,
            ended: Ended::Expired,
            ended_at: Timestamp(9),
            redeemed_at,
            last: 9,
        }
    }

    #[test]
    fn the_generations_of_one_session_drive_out_each_other_and_no_other_session() {
        let mut remembered = Remembered::default();
        remembered.put(session(1), 7, 5, Some(past(Some(Timestamp(7)))));
        for generation in 0..999 {
            remembered.put(session(2), generation, 5, Some(past(None)));
        }
        assert_eq!(remembered.find(session(1), 7, 5), Some(Some(past(Some(Timestamp(7))))));
        let kept = (0..999).filter(|generation| remembered.find(session(2), *generation, 5).is_some());
        assert_eq!(kept.count(), GENERATIONS);
        assert_eq!(remembered.find(session(2), 1000, 5), Some(Some(past(None))), "the newest was never redeemed");
        assert_eq!(remembered.known(session(2)), Some(past(None)));
    }

    #[test]
    fn the_sessions_that_came_first_are_forgotten_first() {
        let mut remembered = Remembered::default();
        for n in 0..=REMEMBERED {
            remembered.put(session(n), 7, 5, (n % 2 == 0).then(|| past(None)));
        }
        assert_eq!(remembered.find(session(0), 7, 5), None);
        assert_eq!(remembered.find(session(1), 7, 5), Some(None));
        assert_eq!((remembered.sessions.len(), remembered.order.len()), (REMEMBERED, REMEMBERED));
    }

    #[test]
    fn that_nothing_is_known_counts_until_more_is_archived() {
        let mut remembered = Remembered::default();
        remembered.put(session(1), 7, 5, None);
        assert_eq!(remembered.find(session(1), 3, 5), Some(None));
        assert_eq!(remembered.find(session(1), 7, 6), None);
    }
}

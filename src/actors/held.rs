//! Sessions that must end although the journal did not take the event: on a full disk, or when its queue was full.

use crate::domain::ids::SessionId;
use crate::domain::session::RevokeReason;
use crate::metrics::{Metrics, whole};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Sessions held at most: a few megabytes.
const MOST: usize = 65_536;

/// Sessions that are held closed. Every door obeys it, whichever actors sleep; the sweeper records their ends when it can.
///
/// It lives in memory: a restart forgets it, and what ended such a session is found out when it is tried again. When it is
/// full, a further session is not held: an error says so, and nothing is redeemed for that session while the disk is full, but
/// its access token stays active until it runs out.
pub struct Held {
    sessions: Mutex<BTreeMap<SessionId, RevokeReason>>,
    /// How many, so that nobody waits for the lock while there are none.
    count: AtomicUsize,
    metrics: Arc<Metrics>,
}

impl Held {
    /// An empty table.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { sessions: Mutex::default(), count: AtomicUsize::new(0), metrics }
    }

    /// Holds a session closed. The first reason stays.
    pub fn hold(&self, session: SessionId, reason: RevokeReason) {
        self.change(|sessions| {
            if sessions.len() >= MOST && !sessions.contains_key(&session) {
                tracing::error!(%session, "more sessions should be held closed than there is memory for: free some disk space at once");
                return;
            }
            sessions.entry(session).or_insert(reason);
        });
    }

    /// Why a session is held closed, if it is.
    pub fn reason(&self, session: SessionId) -> Option<RevokeReason> {
        if self.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).get(&session).copied()
    }

    /// Forgets a session: the journal has its end.
    pub fn release(&self, session: SessionId) {
        if self.count.load(Ordering::Acquire) > 0 {
            self.change(|sessions| _ = sessions.remove(&session));
        }
    }

    /// Some that come after a session, in order.
    pub fn some_after(&self, after: Option<SessionId>, limit: usize) -> Vec<(SessionId, RevokeReason)> {
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let from = after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        sessions.range((from, std::ops::Bound::Unbounded)).take(limit).map(|(id, reason)| (*id, *reason)).collect()
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<SessionId, RevokeReason>)) {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut sessions);
        self.count.store(sessions.len(), Ordering::Release);
        self.metrics.sessions_held.set(whole(sessions.len()));
    }
}

//! The thread that seals closed segments and reads sealed ones again. It takes what others leave: it is as nice as can be, and rests
//! between pieces of work.

use super::vital::Vital;
use crate::clock::{JudgedClock, Stopwatch};
use crate::domain::ids::Position;
use crate::domain::time::{Span, Timestamp};
use crate::journal::files::disk::Disk;
use crate::journal::files::seal::SealError;
use crate::journal::{Keeper, Scrubbed};
use crate::metrics::{Metrics, whole};
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// How often closed segments are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long the keeper waits after the disk failed it.
const AGAIN_AFTER: Duration = Duration::from_secs(30);
/// What it rests after a piece of scrubbing, in times of what that took: nobody waits for it.
const SCRUB_REST: f64 = 9.0;

/// A handle to the thread. Cheap to clone.
#[derive(Clone)]
pub struct KeeperHandle {
    shared: Arc<Shared>,
    sealed: watch::Receiver<Position>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    stopping: bool,
    ended: bool,
    fault: Option<String>,
}

impl KeeperHandle {
    /// Starts the thread; sealed segments are read again once `scrub_every` has passed since they were read last.
    ///
    /// # Errors
    /// Where no thread can be started.
    pub fn start<D: Disk + Sync + 'static>(
        keeper: Keeper<D>,
        scrub_every: Span,
        clock: Arc<JudgedClock>,
        metrics: Arc<Metrics>,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (told, sealed) = watch::channel(keeper.sealed().through());
        let thread = KeeperThread { keeper, scrub_every, clock, metrics, shared: shared.clone(), told };
        let ends = shared.clone();
        std::thread::Builder::new().name("journal-keeper".to_owned()).spawn(move || {
            let vital = Vital("keeper");
            // A refusal is harmless.
            let _ = rustix::process::nice(19);
            thread.run();
            drop(vital);
            ends.state.lock().unwrap_or_else(PoisonError::into_inner).ended = true;
            ends.wake.notify_all();
        })?;
        Ok(Self { shared, sealed })
    }

    /// Where none looks after the segments: journals in memory.
    pub fn none() -> Self {
        let shared = Shared { state: Mutex::new(State { ended: true, ..State::default() }), wake: Condvar::new() };
        Self { shared: Arc::new(shared), sealed: watch::channel(0).1 }
    }

    /// The last position up to which every segment is sealed, as it grows.
    pub fn sealed(&self) -> watch::Receiver<Position> {
        self.sealed.clone()
    }

    /// The first damage that was found since the start, in a sentence for the operator.
    pub fn fault(&self) -> Option<String> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner).fault.clone()
    }

    /// Waits for the end of the thread, which nothing depends on: what it had begun, the next start begins again. `false`: it hangs,
    /// as a disk that does not answer lets it.
    pub fn wait_for_end(&self, at_most: Duration) -> bool {
        let state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.shared.wake.wait_timeout_while(state, at_most, |state| !state.ended);
        waited.unwrap_or_else(PoisonError::into_inner).0.ended
    }

    /// Lets the thread end soon.
    pub fn stop(&self) {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner).stopping = true;
        self.shared.wake.notify_all();
    }
}

impl Shared {
    /// Waits; an error says that the server stops.
    fn rest(&self, duration: Duration) -> io::Result<()> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.wake.wait_timeout_while(state, duration, |state| !state.stopping);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if state.stopping { Err(io::ErrorKind::Interrupted.into()) } else { Ok(()) }
    }

    fn is_stopping(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).stopping
    }
}

struct KeeperThread<D: Disk> {
    keeper: Keeper<D>,
    scrub_every: Span,
    clock: Arc<JudgedClock>,
    metrics: Arc<Metrics>,
    shared: Arc<Shared>,
    told: watch::Sender<Position>,
}

impl<D: Disk> KeeperThread<D> {
    fn run(mut self) {
        while !self.shared.is_stopping() {
            let rest = match self.step() {
                Ok(true) => Duration::ZERO,
                Ok(false) => LOOK_EVERY,
                Err(_) if self.shared.is_stopping() => return,
                Err(error) => self.report(&error),
            };
            self.show();
            if self.shared.rest(rest).is_err() {
                return;
            }
        }
    }

    /// Does the next piece of work, if there is any.
    fn step(&mut self) -> Result<bool, SealError> {
        let now = self.clock.read().wall;
        let waiting = self.keeper.waiting()?;
        let mut pace = pace(&self.shared, sealing_rest(waiting));
        if let Some(through) = self.keeper.seal_next(now, &mut pace)? {
            tracing::debug!(through, "a segment was sealed");
            self.told.send_replace(self.keeper.sealed().through());
            return Ok(true);
        }
        let mut pace = self::pace(&self.shared, SCRUB_REST);
        if let Some(fault) = self.keeper.fault_of_base(now, self.scrub_every, &mut pace) {
            self.tell(format!("{fault}; requests are still answered"));
        }
        let Some(Scrubbed { first, reindexed }) = self.keeper.scrub_next(now, self.scrub_every, &mut pace)? else {
            return Ok(false);
        };
        if reindexed {
            tracing::warn!(
                first,
                "the index of a sealed segment was not what it should be: it was made again from the segment, which is whole"
            );
        }
        self.metrics.journal_scrubbed_total.inc();
        Ok(true)
    }

    /// Tells the operator, and says how long to wait.
    fn report(&self, error: &SealError) -> Duration {
        if error.damage().is_none() {
            tracing::warn!(%error, "the journal's segments could not be looked after; the next round tries again");
            return AGAIN_AFTER;
        }
        let fault = format!("{error}; nothing of it is used, and requests are still answered");
        self.tell(fault);
        LOOK_EVERY
    }

    fn tell(&self, fault: String) {
        tracing::error!(%fault, "the journal is damaged");
        let mut state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.fault.get_or_insert(fault);
    }

    fn show(&self) {
        let now: Timestamp = self.clock.read().wall;
        self.metrics.journal_sealed_bytes.set(whole(self.keeper.sealed().bytes()));
        let unread = self.keeper.oldest_read().map_or(Span::ZERO, |read_at| now.since(read_at));
        self.metrics.journal_unread_seconds.set(unread.as_seconds().max(0));
        if let Ok(waiting) = self.keeper.waiting() {
            self.metrics.journal_unsealed_segments.set(whole(waiting as u64));
        }
    }
}

/// What sealing rests after a piece of work, in times of what that took: the more waits, the less.
fn sealing_rest(waiting: usize) -> f64 {
    match waiting {
        0..=2 => 2.0,
        3..=5 => 0.5,
        _ => 0.0,
    }
}

/// Rests so many times as long as the work took since the last rest.
fn pace(shared: &Shared, times: f64) -> impl FnMut() -> io::Result<()> {
    let mut worked = Stopwatch::start();
    move || {
        shared.rest(Duration::from_secs_f64((worked.seconds() * times).min(1.0)))?;
        worked = Stopwatch::start();
        Ok(())
    }
}

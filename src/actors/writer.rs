//! The one thread that owns the journal. It takes all commits that queued while the last sync ran and writes them as one
//! batch (group commit, no timer). When the journal cannot go on, it meets its fate, which is that the process ends: nothing is
//! acknowledged by guess.

use super::disk_room::DiskRoom;
use super::fate::Fate;
use super::vital::Vital;
use super::watchdog::{Progress, watch};
use crate::clock::{JudgedClock, Stopwatch};
use crate::domain::time::Span;
use crate::journal::{AppendError, Appended, Commit, EngineError, Journal};
use crate::metrics::{Metrics, whole};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::time::Duration;
use tokio::sync::oneshot;

/// Entries of the store that are freed at once, while nobody waits: about a millisecond.
const SHED_AT_ONCE: usize = 64;
/// How long nothing has come when the store is freed: sled's own work behind it makes the syncs of commits wait.
const LULL: Duration = Duration::from_millis(1);
/// How far freeing may fall behind while there is no lull, in entries of the journal: their lines take some 80 MB of the store.
const SHED_BEHIND: u64 = 500_000;
/// How long a stop may take longer for it, in seconds.
const SHED_AT_STOP: f64 = 2.0;

/// The queue's bounds.
#[derive(Clone, Copy, Debug)]
pub struct WriterLimits {
    /// Commits waiting.
    pub queue: usize,
    /// Commits in one batch.
    pub batch: usize,
    /// How often the anchor is written while there are events.
    pub anchor_interval: Span,
    /// How long one call of the journal may take before the process is ended.
    pub stuck_after: Duration,
}

/// Why a commit was not appended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The journal refused it.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The queue is full.
    #[error("the journal's queue is full")]
    Busy,
    /// The writer has stopped.
    #[error("the journal is closed")]
    Stopped,
}

#[expect(clippy::large_enum_variant, reason = "all but the last of them are the large one")]
enum Request {
    Append(Waiting),
    /// Nothing follows: what waits before it is written, then the journal is closed in good order.
    Stop,
}

struct Waiting {
    commit: Commit,
    queued: Stopwatch,
    answer: oneshot::Sender<Result<Appended, AppendError>>,
}

/// A handle to the writer. Cheap to clone.
#[derive(Clone)]
pub struct Writer {
    queue: SyncSender<Request>,
    running: Arc<AtomicBool>,
    disk: DiskRoom,
    marked_at: Arc<AtomicI64>,
    metrics: Arc<Metrics>,
}

impl Writer {
    /// Starts the thread. The second value is joined to wait for its end.
    ///
    /// # Errors
    /// Where no thread can be started.
    pub fn start(
        journal: Journal,
        limits: WriterLimits,
        fate: Fate,
        clock: Arc<JudgedClock>,
        metrics: Arc<Metrics>,
    ) -> std::io::Result<(Self, std::thread::JoinHandle<()>)> {
        let (queue, waiting) = sync_channel(limits.queue);
        let running = Arc::new(AtomicBool::new(true));
        let (runs, stuck, disk) = (running.clone(), running.clone(), DiskRoom::default());
        let marked_at = Arc::new(AtomicI64::new(clock.boot().0));
        metrics.journal_queue_limit.set(whole(limits.queue));
        let handle =
            Self { queue, running, disk: disk.clone(), marked_at: marked_at.clone(), metrics: metrics.clone() };
        let progress = Progress::default();
        let watching = watch(progress.clone(), limits.stuck_after, move |doing| {
            stuck.store(false, Ordering::Relaxed);
            say_stuck(doing, limits.stuck_after);
            // The writer does not come back, and nobody else can write.
            fate.meet();
        })?;
        let thread = WriterThread { journal, limits, fate, clock, metrics, waiting, progress, disk, marked_at };
        let joined = std::thread::Builder::new().name("journal-writer".to_owned()).spawn(move || {
            let vital = Vital("writer");
            // How it ended makes no difference any more.
            let _ = thread.run();
            runs.store(false, Ordering::Relaxed);
            drop(watching);
            drop(vital);
        })?;
        Ok((handle, joined))
    }

    /// Appends a commit; answers when it is durable and can be looked up. A commit without events waits for a sync all the
    /// same.
    ///
    /// # Errors
    /// [`WriteError`]: nothing of the commit was written.
    pub async fn append(&self, commit: Commit) -> Result<Appended, WriteError> {
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting { commit, queued: Stopwatch::start(), answer };
        // Before the writer can take it out again.
        self.metrics.journal_queue_depth.inc();
        self.queue.try_send(Request::Append(waiting)).map_err(|error| {
            self.metrics.journal_queue_depth.dec();
            match error {
                TrySendError::Full(_) => WriteError::Busy,
                TrySendError::Disconnected(_) => WriteError::Stopped,
            }
        })?;
        Ok(answered.await.map_err(|_| WriteError::Stopped)??)
    }

    /// Whether commits are taken.
    pub fn is_running(&self) -> bool {
        self.running.load(Ordering::Relaxed)
    }

    /// When the anchor was written for the last time, by the boot clock.
    pub fn marked_at(&self) -> Span {
        Span(self.marked_at.load(Ordering::Relaxed))
    }

    /// How the disk stands.
    pub fn disk(&self) -> &DiskRoom {
        &self.disk
    }

    /// Lets the writer finish what waits and close the journal. What is appended later is refused.
    pub fn stop(&self) {
        // A writer that is gone has nothing left to stop.
        let _ = self.queue.send(Request::Stop);
    }
}

/// The journal cannot go on, and the process did not end with it.
struct Ended;

struct WriterThread {
    journal: Journal,
    limits: WriterLimits,
    fate: Fate,
    clock: Arc<JudgedClock>,
    metrics: Arc<Metrics>,
    waiting: Receiver<Request>,
    progress: Progress,
    disk: DiskRoom,
    marked_at: Arc<AtomicI64>,
}

impl WriterThread {
    fn run(mut self) -> Result<(), Ended> {
        let mut marked_at = self.clock.boot();
        let (mut going, mut shedding, mut is_lull) = (true, true, true);
        self.look_at_room()?;
        self.show();
        while going {
            let wait = match (shedding, is_lull) {
                (true, true) => Duration::ZERO,
                (true, false) => LULL,
                (false, _) => self.until_mark(marked_at),
            };
            let next = self.waiting.recv_timeout(wait);
            is_lull = matches!(next, Err(RecvTimeoutError::Timeout));
            match next {
                Ok(Request::Append(first)) => going = self.write(first)?,
                Ok(Request::Stop) | Err(RecvTimeoutError::Disconnected) => going = false,
                // Room that was freed is to be noticed while nothing is written, too.
                Err(RecvTimeoutError::Timeout) => self.look_at_room()?,
            }
            // After the answers have left, so that nobody waits for it.
            if self.clock.boot() - marked_at >= self.limits.anchor_interval {
                self.during("writing the anchor", |journal| journal.mark(false))?;
                marked_at = self.clock.boot();
                self.marked_at.store(marked_at.0, Ordering::Relaxed);
                self.show();
            }
            shedding = going && self.shed(is_lull)?;
        }
        // The next start reads all of the store.
        let watch = Stopwatch::start();
        while watch.seconds() < SHED_AT_STOP && self.shed(true)? {}
        self.during("closing the journal", |journal| journal.mark(true))
    }

    /// Makes a call of the journal that is watched. Where it fails, the fate is met before anybody is answered.
    fn during<T>(
        &mut self,
        doing: &'static str,
        call: impl FnOnce(&mut Journal) -> Result<T, EngineError>,
    ) -> Result<T, Ended> {
        self.progress.during(doing, || call(&mut self.journal)).map_err(|error| {
            tracing::error!(%error, "the journal cannot go on: ending the process, the next start recovers");
            self.fate.meet();
            Ended
        })
    }

    fn look_at_room(&mut self) -> Result<(), Ended> {
        let seen = self.during("looking at the room on the disk", Journal::look_at_room)?;
        self.disk.show(&seen, &self.metrics);
        Ok(())
    }

    /// Frees a little of the store in a lull, or where that cannot wait for one, and says whether there may be more to free.
    fn shed(&mut self, is_lull: bool) -> Result<bool, Ended> {
        let lines_below = self.journal.engine().unsealed_from();
        let behind = self.journal.behind_in_shedding(lines_below);
        if !is_lull && behind <= SHED_BEHIND {
            return Ok(behind > 0);
        }
        self.during("freeing the store", |journal| journal.shed(lines_below, SHED_AT_ONCE))
    }

    /// How long the anchor need not be written.
    fn until_mark(&self, marked_at: Span) -> Duration {
        let rest = self.limits.anchor_interval - (self.clock.boot() - marked_at);
        Duration::from_millis(u64::try_from(rest.0).unwrap_or(0).max(1))
    }

    /// Writes a commit with all that queued behind it, and says whether to go on.
    fn write(&mut self, first: Waiting) -> Result<bool, Ended> {
        let mut batch = vec![first];
        let mut going = true;
        while going && batch.len() < self.limits.batch {
            match self.waiting.try_recv() {
                Ok(Request::Append(waiting)) => batch.push(waiting),
                Ok(Request::Stop) => going = false,
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        self.metrics.journal_queue_depth.sub(whole(batch.len()));
        let (commits, askers): (Vec<_>, Vec<_>) =
            batch.into_iter().map(|waiting| (waiting.commit, (waiting.queued, waiting.answer))).unzip();
        let (before, writing) = (self.journal.head(), Stopwatch::start());
        let answers = self.during("appending to the journal", |journal| journal.append(commits))?;
        // Before the answers: who is refused for want of room finds it said everywhere.
        self.disk.show(&self.journal.room(), &self.metrics);
        self.metrics.journal_sync_seconds.observe(writing.seconds());
        #[expect(clippy::cast_precision_loss, reason = "a batch is small")]
        self.metrics.journal_batch_events.observe((self.journal.head() - before) as f64);
        for ((queued, asker), answer) in askers.into_iter().zip(answers) {
            if matches!(answer, Err(AppendError::Conflict { .. })) {
                self.metrics.journal_conflicts_total.inc();
            }
            self.metrics.journal_append_seconds.observe(queued.seconds());
            // Whoever asked may be gone; the commit stands all the same.
            let _ = asker.send(answer);
        }
        self.during("writing to the store", Journal::write_behind)?;
        Ok(going)
    }

    fn show(&self) {
        let head = whole(self.journal.head());
        self.metrics.journal_position.set(head);
        self.metrics.checkpoint_size.set(head);
        self.metrics.journal_bytes.set(whole(self.journal.engine().bytes()));
        self.metrics.store_bytes.set(whole(self.journal.engine().store().bytes()));
    }
}

fn say_stuck(doing: &'static str, after: Duration) {
    tracing::error!(
        doing,
        ?after,
        "one write has hung for longer than `journal.stuck_after`: ending the process, the next start recovers; look at the disk"
    );
}

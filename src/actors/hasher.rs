//! The bounded pool of password hash threads. Work waits in one queue with a deadline: what would wait longer is refused at
//! once, and what waited too long all the same is dropped *before* it is hashed. So under overload the pool does only work whose
//! answer somebody still waits for, and whoever cannot be served learns it in the instant.
//!
//! What is done while others wait is handed on a few at a time: see [`finished`].

mod finished;
mod pace;

use self::finished::Finished;
use self::pace::Pace;
use super::vital::Vital;
use crate::clock::Stopwatch;
use crate::crypto::{DEEP, FastArgon2, Kernel, Params, Policy, WeakPassword, scheme_of, wipe_stack};
use crate::domain::ids::ClientId;
use crate::domain::time::Span;
use crate::domain::verifier::Scheme;
use crate::metrics::{Metrics, whole};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;
use tracing::{Instrument, debug_span};
use zeroize::Zeroizing;

/// The pool's bounds.
#[derive(Clone, Copy, Debug)]
pub struct HasherLimits {
    /// Threads; as many as cores.
    pub threads: usize,
    /// Jobs waiting.
    pub queue: usize,
    /// How long a job may wait.
    pub deadline: Span,
    /// The parameters of new hashes.
    pub params: Params,
}

/// Password work.
pub enum Job {
    /// Compare with a stored hash.
    Verify(Zeroizing<String>),
    /// The same work with the answer no, for a login that does not exist.
    Dummy(Scheme, u64),
    /// Make a new hash with this salt.
    Hash([u8; 16]),
    /// Judge whether a person with this login id may choose it.
    Judge(Policy, Zeroizing<String>),
}

/// What password work came to.
#[derive(Debug)]
pub enum Done {
    /// Of [`Job::Verify`] and [`Job::Dummy`].
    Verified {
        /// Whether the password is right.
        right: bool,
        /// Whether the stored hash is weaker than new ones.
        weak: bool,
    },
    /// Of [`Job::Hash`].
    Hashed(Zeroizing<String>),
    /// Of [`Job::Judge`].
    Judged(Result<(), WeakPassword>),
    /// The stored hash cannot be computed.
    Failed,
}

/// In whose share of the queue a job waits.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Share {
    /// A person whom the account knows.
    Familiar,
    /// A network of strangers.
    Network(String),
    /// A client that told no person: no limit but the queue's own.
    Client(ClientId),
    /// An operator.
    Operator,
}

/// Why a job was dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shed {
    /// The queue is full.
    Full,
    /// One network has a quarter of the queue.
    Share,
    /// It waited too long, or would.
    Deadline,
    /// The pool has stopped.
    Stopped,
}

impl Shed {
    /// All of them: the bound of the metrics' labels.
    pub const ALL: [Self; 4] = [Self::Full, Self::Share, Self::Deadline, Self::Stopped];

    /// The stable code in metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Share => "share",
            Self::Deadline => "deadline",
            Self::Stopped => "stopped",
        }
    }
}

struct Waiting {
    job: Job,
    password: Zeroizing<Vec<u8>>,
    share: Share,
    queued: Stopwatch,
    answer: oneshot::Sender<Result<Done, Shed>>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    by_network: HashMap<String, usize>,
    stopped: bool,
}

struct Shared {
    queue: Mutex<Queue>,
    finished: Mutex<Finished>,
    wake: Condvar,
    limits: HasherLimits,
    pace: Pace,
    fast: Arc<FastArgon2>,
    metrics: Arc<Metrics>,
}

/// A handle to the pool. The pool stops when the last handle is gone.
#[derive(Clone)]
pub struct Hasher {
    shared: Arc<Shared>,
    _stop: Arc<StopOnDrop>,
}

struct StopOnDrop(Arc<Shared>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.queue().stopped = true;
        self.0.wake.notify_all();
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn finished(&self) -> MutexGuard<'_, Finished> {
        self.finished.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what is done for those that are done soon, or hands on all there is.
    fn finish(&self, answer: oneshot::Sender<Result<Done, Shed>>, done: Done, waited: f64) {
        let more = !self.queue().waiting.is_empty();
        let can_wait = {
            let mut finished = self.finished();
            finished.add(answer, done, waited);
            more && finished.can_wait(self.pace.mean())
        };
        if !can_wait {
            self.hand_on();
        }
    }

    fn hand_on(&self) {
        // Whoever is answered need not wait for the lock to be free again.
        let finished = std::mem::take(&mut *self.finished());
        finished.hand_on();
    }
}

impl Hasher {
    /// Starts the threads. `fast`: whether Argon2id is computed by the fast crate.
    ///
    /// # Errors
    /// Where no thread can be started.
    pub fn start(limits: HasherLimits, fast: FastArgon2, metrics: Arc<Metrics>) -> std::io::Result<Self> {
        metrics.hash_kernel.with_label_values(&[fast.name().as_str()]).set(1);
        metrics.hash_threads.set(whole(limits.threads.max(1)));
        metrics.hash_queue_limit.set(whole(limits.queue));
        let (queue, finished, wake) = (Mutex::default(), Mutex::default(), Condvar::new());
        let fast = Arc::new(fast);
        let shared = Arc::new(Shared { queue, finished, wake, limits, pace: Pace::default(), fast, metrics });
        for number in 0..limits.threads.max(1) {
            let shared = shared.clone();
            std::thread::Builder::new().name(format!("hash-{number}")).spawn(move || {
                let vital = Vital("hasher");
                // Hashing fills every core there is; whoever answers cheap requests goes first. A refusal is harmless.
                let _ = rustix::process::nice(10);
                work(&shared);
                drop(vital);
            })?;
        }
        Ok(Self { _stop: Arc::new(StopOnDrop(shared.clone())), shared })
    }

    /// The parameters of new hashes.
    pub fn params(&self) -> Params {
        self.shared.limits.params
    }

    /// How many hashes are computed at the same time.
    pub fn threads(&self) -> usize {
        self.shared.limits.threads.max(1)
    }

    /// Has a job done.
    ///
    /// # Errors
    /// [`Shed`]: no hash was computed for it.
    pub async fn run(&self, job: Job, password: Zeroizing<Vec<u8>>, share: Share) -> Result<Done, Shed> {
        let (answer, answered) = oneshot::channel();
        let admitted = self.admit(Waiting { job, password, share, queued: Stopwatch::start(), answer });
        let result = match admitted {
            Ok(()) => answered.instrument(debug_span!("hash")).await.unwrap_or(Err(Shed::Stopped)),
            Err(shed) => Err(shed),
        };
        self.counted(result)
    }

    /// Whether a job would find a place now, before anything is looked up for it: of somebody whom the account may know, or of another.
    ///
    /// # Errors
    /// [`Shed`], as of [`Self::run`].
    pub fn has_place(&self, may_be_familiar: bool) -> Result<(), Shed> {
        let place = self.judge(&self.shared.queue(), may_be_familiar);
        self.counted(place.map(|_| ()))
    }

    fn counted<T>(&self, result: Result<T, Shed>) -> Result<T, Shed> {
        result.inspect_err(|shed| self.shared.metrics.hash_shed_total.with_label_values(&[shed.code()]).inc())
    }

    /// How many jobs may wait, and why not more: the queue has no more places, or the last might miss its deadline. The pool may grow slower
    /// while they wait, so that only what takes three quarters of the time at its mean pace is let in: who is not in time is refused at once
    /// then, and not when he has waited. A job for each thread may always wait, so that the mean goes on being learnt whatever it was.
    fn room(&self) -> (usize, Shed) {
        let HasherLimits { queue, deadline, .. } = self.shared.limits;
        match self.shared.pace.in_time(Span(deadline.0 / 4 * 3), self.threads()) {
            Some(jobs) if jobs < queue => (jobs.max(self.threads()), Shed::Deadline),
            _ => (queue, Shed::Full),
        }
    }

    /// Whether the queue has a place for one more, and how many it has.
    fn judge(&self, queue: &Queue, familiar: bool) -> Result<usize, Shed> {
        let (capacity, full) = self.room();
        // An eighth is kept for people whom their accounts know.
        let reserved = if familiar { 0 } else { capacity / 8 };
        match queue.waiting.len() {
            _ if queue.stopped => Err(Shed::Stopped),
            waiting if waiting >= capacity - reserved => Err(full),
            _ => Ok(capacity),
        }
    }

    fn admit(&self, waiting: Waiting) -> Result<(), Shed> {
        let mut queue = self.shared.queue();
        let capacity = self.judge(&queue, waiting.share == Share::Familiar)?;
        if let Share::Network(network) = &waiting.share {
            let held = queue.by_network.get(network).copied().unwrap_or(0);
            if held >= (capacity / 4).max(1) {
                return Err(Shed::Share);
            }
            queue.by_network.insert(network.clone(), held + 1);
        }
        queue.waiting.push_back(waiting);
        self.shared.metrics.hash_queue_depth.inc();
        drop(queue);
        self.shared.wake.notify_one();
        Ok(())
    }
}

fn work(shared: &Shared) {
    let mut kernel = Kernel::with(shared.limits.params, shared.fast.clone());
    #[expect(clippy::cast_precision_loss, reason = "deadlines are a few seconds")]
    let deadline = shared.limits.deadline.0 as f64 / 1000.0;
    while let Some(waiting) = next(shared) {
        let waited = waiting.queued.seconds();
        shared.metrics.hash_wait_seconds.observe(waited);
        if waited > deadline {
            let _ = waiting.answer.send(Err(Shed::Deadline));
            continue;
        }
        // Whoever asked may have gone: then the hash would be for nobody.
        if waiting.answer.is_closed() {
            continue;
        }
        if !takes_as_long(&waiting.job, shared.limits.params) {
            shared.hand_on();
        }
        let hashing = Stopwatch::start();
        let done = compute(&mut kernel, &waiting, shared.limits.params);
        let seconds = hashing.seconds();
        shared.pace.took(seconds);
        if !matches!(done, Done::Judged(_)) {
            shared.metrics.hash_seconds.observe(seconds);
            shared.metrics.hashes_total.inc();
        }
        if kernel.has_differed() {
            differed(shared);
        }
        shared.finish(waiting.answer, done, waited);
        drop((waiting.job, waiting.password));
        wipe_stack::<DEEP>();
    }
}

/// Whether a job takes about as long as most: what is done must not wait for a hash that came from another system.
fn takes_as_long(job: &Job, params: Params) -> bool {
    match job {
        Job::Verify(phc) => scheme_of(phc).is_ok_and(|scheme| scheme == params.scheme()),
        Job::Dummy(scheme, _) => *scheme == params.scheme(),
        Job::Hash(_) | Job::Judge(..) => true,
    }
}

/// Tells that the fast implementation computed another hash than the reference. What it computed since the last comparison is in doubt: right
/// passwords may have been refused, and hashes that it made may open for nobody.
fn differed(shared: &Shared) {
    tracing::error!(
        "the two implementations of Argon2id differ: the fast one is switched off until the next start; set hash.kernel = \"reference\" \
         and have the processor and memory of this machine checked"
    );
    shared.metrics.hash_kernel_differences_total.inc();
    shared.metrics.hash_kernel.reset();
    shared.metrics.hash_kernel.with_label_values(&[shared.fast.name().as_str()]).set(1);
}

fn next(shared: &Shared) -> Option<Waiting> {
    let mut queue = shared.queue();
    loop {
        if let Some(waiting) = queue.waiting.pop_front() {
            shared.metrics.hash_queue_depth.dec();
            if let Share::Network(network) = &waiting.share
                && let Some(held) = queue.by_network.get_mut(network)
            {
                *held -= 1;
                if *held == 0 {
                    queue.by_network.remove(network);
                }
            }
            return Some(waiting);
        }
        // Nobody may come who would hand it on.
        shared.hand_on();
        if queue.stopped {
            return None;
        }
        queue = shared.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
    }
}

fn compute(kernel: &mut Kernel, waiting: &Waiting, params: Params) -> Done {
    let failed = |error: crate::crypto::PasswordHashError| {
        tracing::error!(%error, "a stored password hash cannot be checked");
        Done::Failed
    };
    match &waiting.job {
        Job::Verify(phc) => match kernel.verify(&waiting.password, phc) {
            Ok(right) => Done::Verified { right, weak: crate::crypto::is_weaker(phc, params).unwrap_or(false) },
            Err(error) => failed(error),
        },
        Job::Dummy(scheme, seed) => {
            Done::Verified { right: kernel.dummy_verify(scheme, &waiting.password, *seed), weak: false }
        }
        Job::Judge(policy, login) => {
            let password = std::str::from_utf8(&waiting.password);
            password.map_or(Done::Failed, |password| Done::Judged(policy.check(password, login)))
        }
        Job::Hash(salt) => kernel.hash(&waiting.password, salt, params).map_or_else(failed, Done::Hashed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: Params = Params { m_kib: 64, t: 1, p: 1 };

    fn stopped_pool(queue: usize) -> Hasher {
        let limits = HasherLimits { threads: 1, queue, deadline: Span::seconds(60), params: CHEAP };
        let (queue, finished, wake) = (Mutex::default(), Mutex::default(), Condvar::new());
        let fast = Arc::new(FastArgon2::off());
        let shared =
            Arc::new(Shared { queue, finished, wake, limits, pace: Pace::default(), fast, metrics: Arc::default() });
        Hasher { _stop: Arc::new(StopOnDrop(shared.clone())), shared }
    }

    fn admit(pool: &Hasher, share: Share) -> Result<(), Shed> {
        let (answer, _) = oneshot::channel();
        let password = Zeroizing::new(Vec::new());
        pool.admit(Waiting { job: Job::Hash([0; 16]), password, share, queued: Stopwatch::start(), answer })
    }

    #[test]
    fn one_network_holds_at_most_a_quarter_of_the_queue() {
        let pool = stopped_pool(16);
        let network = |n| Share::Network(format!("10.0.{n}.0/24"));
        assert_eq!((0..16).filter(|_| admit(&pool, network(1)).is_ok()).count(), 4);
        assert_eq!(admit(&pool, network(1)), Err(Shed::Share));
        assert_eq!(admit(&pool, network(2)), Ok(()));
    }

    #[test]
    fn an_eighth_is_kept_for_familiar_contexts() {
        let pool = stopped_pool(16);
        let client = Share::Client("store".parse().unwrap());
        assert_eq!((0..32).filter(|_| admit(&pool, client.clone()).is_ok()).count(), 14);
        assert_eq!((0..32).filter(|_| admit(&pool, Share::Familiar).is_ok()).count(), 2);
        assert_eq!(admit(&pool, Share::Familiar), Err(Shed::Full));
    }

    #[test]
    fn no_more_wait_than_are_done_in_time() {
        let pool = stopped_pool(256);
        pool.shared.pace.took(3.0);
        assert_eq!((0..32).filter(|_| admit(&pool, Share::Familiar).is_ok()).count(), 15, "45 of 60 s, and 3 s each");
        assert_eq!(pool.has_place(true), Err(Shed::Deadline));
        assert_eq!(admit(&pool, Share::Familiar), Err(Shed::Deadline));
    }

    #[test]
    fn a_job_for_each_thread_may_wait_however_long_the_last_one_took() {
        let pool = stopped_pool(256);
        pool.shared.pace.took(600.0);
        assert_eq!(admit(&pool, Share::Operator), Ok(()));
        assert_eq!(admit(&pool, Share::Familiar), Err(Shed::Deadline));
    }

    #[actix::test]
    async fn everything_that_is_done_is_handed_on() {
        let limits = HasherLimits { threads: 2, queue: 256, deadline: Span::seconds(60), params: CHEAP };
        let pool = Hasher::start(limits, FastArgon2::off(), Arc::default()).unwrap();
        for _ in 0..20 {
            let password = || Zeroizing::new(b"x".to_vec());
            let jobs = (0..100).map(|_| pool.run(Job::Hash([0; 16]), password(), Share::Operator));
            let done = futures_util::future::join_all(jobs).await;
            assert!(done.iter().all(|done| matches!(done, Ok(Done::Hashed(_)))));
        }
    }

    #[test]
    fn nothing_waits_for_a_hash_of_other_parameters_or_from_another_system() {
        let verify = |phc: &str| Job::Verify(Zeroizing::new(phc.to_owned()));
        let (salt, hash) = ("AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
        assert!(takes_as_long(&verify(&format!("$argon2id$v=19$m=64,t=1,p=1${salt}${hash}")), CHEAP));
        assert!(!takes_as_long(&verify(&format!("$argon2id$v=19$m=65536,t=3,p=1${salt}${hash}")), CHEAP));
        assert!(!takes_as_long(&verify("no hash at all"), CHEAP));
        assert!(takes_as_long(&Job::Dummy(CHEAP.scheme(), 0), CHEAP));
        assert!(!takes_as_long(&Job::Dummy(Scheme::Bcrypt { cost: 12 }, 0), CHEAP));
    }

    #[actix::test]
    async fn what_waited_past_its_deadline_is_dropped_without_a_hash() {
        let metrics = Arc::<Metrics>::default();
        let limits = HasherLimits { threads: 1, queue: 16, deadline: Span(-1), params: CHEAP };
        let pool = Hasher::start(limits, FastArgon2::off(), metrics.clone()).unwrap();
        let password = Zeroizing::new(b"x".to_vec());
        let shed = pool.run(Job::Hash([0; 16]), password, Share::Operator).await;
        assert!(matches!(shed, Err(Shed::Deadline)));
        assert_eq!(metrics.hashes_total.get(), 0);
        assert_eq!(metrics.hash_shed_total.with_label_values(&["deadline"]).get(), 1);
    }

    #[actix::test]
    async fn a_password_is_hashed_and_verified() {
        let limits = HasherLimits { threads: 2, queue: 16, deadline: Span::seconds(60), params: CHEAP };
        let pool = Hasher::start(limits, FastArgon2::off(), Arc::default()).unwrap();
        let password = || Zeroizing::new(b"correct horse".to_vec());
        let Ok(Done::Hashed(phc)) = pool.run(Job::Hash([1; 16]), password(), Share::Operator).await else {
            panic!("not hashed")
        };
        let done = pool.run(Job::Verify(phc.clone()), password(), Share::Familiar).await;
        assert!(matches!(done, Ok(Done::Verified { right: true, weak: false })));
        let wrong = Zeroizing::new(b"wrong".to_vec());
        let done = pool.run(Job::Verify(phc), wrong, Share::Familiar).await;
        assert!(matches!(done, Ok(Done::Verified { right: false, .. })));
    }
}

//! The only wiring: open the journal, start the actors, hand out handles; and the orderly stop.

mod again;
mod bootstrap;
mod copies;
mod master;
mod offline;
mod open;
mod repair;
mod room;

pub use again::{Again, BegunAgain, begin_again};
pub use bootstrap::{Applied, apply, check};
pub use copies::{BackUpHow, DropKept, Restored, archive, back_up, drop_before, restore};
pub use master::{NewMaster, Rewrapped, new_master};
pub use offline::{look, offline, take};
pub use open::{OpenedJournal, Start, StartError, open, start_journal};
pub use repair::{Findings, Repaired, accept_loss, look_for_damage, mend_from_backup, mend_from_store};

use crate::actors::Vital;
use crate::actors::{
    AccountActor, Administration, ApiKeys, Asker, AttemptsTable, Brakes, Clients, Closer, Core, DirectoryLimits,
    Hasher, HasherLimits, Held, KeeperHandle, KeyMaintenance, Logins, Passwords, Refused, Residents, Services,
    SessionActor, Sessions, Sweeper, Tokens, Vending, Writer, WriterLimits, archive_as_sealed, begin_series,
};
use crate::clock::{Clock, Stopwatch};
use crate::config::{Config, KeepInStore};
use crate::crypto::{FastArgon2, Params, Policy};
use crate::domain::account::BudgetLimits;
use crate::domain::command::Command;
use crate::domain::ids::{Owner, RequestId, StreamId};
use crate::domain::system::{RotationPolicy, SystemEvent};
use crate::domain::time::Span;
use crate::domain::{Event, Expected, Proposal};
use crate::entropy::{Entropy, uuid_v7};
use crate::journal::files::data_dir::DataDir;
use crate::journal::files::disk::Disk;
use crate::journal::{Commit, History, Reader, SledHome, StoreError};
use crate::metrics::{Metrics, whole};
use actix::prelude::*;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// How long a stop waits for the keeper: it looks up after every piece of its work.
const KEEPER_ENDS_WITHIN: Duration = Duration::from_secs(5);
/// How often what has ended by time is looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

/// A store with a shorter file is left as it is, in bytes.
const COMPACTED_ABOVE: u64 = 64 << 20;
/// How long a stop may take longer for it, in seconds.
const COMPACTED_WITHIN: f64 = 2.0;

/// The running engine, without doors.
pub struct App {
    /// The handles.
    pub services: Services,
    writer: Writer,
    writer_thread: JoinHandle<()>,
    arbiters: Vec<Arbiter>,
    tasks: Vec<actix_rt::task::JoinHandle<()>>,
    // Last, so that the directory is unlocked when nothing writes to it any more.
    directory: Stopped,
}

impl App {
    /// Starts actors and tasks on an opened journal. Must be called inside an actix system.
    ///
    /// # Errors
    /// Where threads cannot be started or keys do not open, in words.
    pub fn start(
        opened: OpenedJournal,
        config: &Config,
        issuer: String,
        metrics: Arc<Metrics>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, StartError> {
        let reader = opened.journal.reader();
        let system = reader.system().map_err(|error| StartError::new(&error))?;
        let now = opened.clock.read().wall;
        let keyrings = crate::actors::Keyrings::new(&system.value, &opened.keys, now).map_err(StartError)?;
        let limits = WriterLimits {
            queue: config.journal.queue,
            batch: config.journal.batch_max,
            anchor_interval: span(config.journal.anchor_interval),
            stuck_after: config.journal.stuck_after,
        };
        count_open_sessions(&reader, &metrics).map_err(|error| StartError::new(&error))?;
        begin_series(&metrics, &reader.clients());
        let rotation = config.keys.rotation_interval;
        metrics.signing_key_rotation_seconds.set(rotation.0 / 1000);
        metrics.journal_scrub_interval_seconds.set(span(config.journal.scrub_interval).0 / 1000);
        let (writer, writer_thread) =
            Writer::start(opened.journal, limits, opened.fate, opened.clock.clone(), metrics.clone())
                .map_err(|error| StartError::new(&error))?;
        let scrub_every = span(config.journal.scrub_interval);
        let keeper = match opened.keeper {
            Some(keeper) => KeeperHandle::start(keeper, scrub_every, opened.clock.clone(), metrics.clone())
                .map_err(|error| StartError::new(&error))?,
            None => KeeperHandle::none(),
        };
        let core = Arc::new(Core {
            keeper,
            reader,
            writer: writer.clone(),
            keys: opened.keys,
            keyrings,
            clock: opened.clock,
            entropy,
            held: Held::new(metrics.clone()),
            metrics: metrics.clone(),
            issuer,
            tenant: config.fusionauth.tenant,
        });
        let limits = hasher_limits(config);
        let hasher = Hasher::start(limits, fast_argon2(config, limits.params, &*core.entropy), metrics)
            .map_err(|error| StartError::new(&error))?;
        let arbiters: Vec<Arbiter> = (0..config.http.workers.max(1)).map(|_| Arbiter::new()).collect();
        let (services, tasks) = wire(&core, config, &hasher, opened.history, &arbiters);
        let store = opened.data.as_ref().map(|data| SledHome::new(data.store(), config.store_cache_bytes));
        let directory = Stopped { store, data: opened.data };
        Ok(Self { services, writer, writer_thread, arbiters, tasks, directory })
    }

    /// Records that requests are answered from here on.
    ///
    /// # Errors
    /// [`Refused`]
    pub async fn ready(&self) -> Result<(), Refused> {
        // Keys first: the clients' algorithms must have keys that sign.
        if let Err(error) = self.services.keys.run().await {
            tracing::warn!(%error, "keys were not looked after at start");
        }
        let core = &self.services.core;
        let system = core.reader.system()?;
        let now = core.now_to_close(system.at);
        let asker = Asker::server(RequestId(uuid_v7(&*core.entropy, now)));
        let id = core.commit_id();
        let context = core.context(&asker, &Owner::System, id)?;
        let proposals = vec![Proposal {
            stream: StreamId::System,
            expected: Expected::Any,
            events: vec![Event::System(SystemEvent::Ready)],
        }];
        let commit = Commit { id, at: now, context, command: Some(Command::Server), proposals, keys: Vec::new() };
        core.append(commit).await?;
        Ok(())
    }

    /// Stops in good order: nothing is granted any more, what waits is written, the journal is closed.
    pub fn stop(self) -> Stopped {
        for task in &self.tasks {
            task.abort();
        }
        self.services.core.keeper.stop();
        self.writer.stop();
        if self.writer_thread.join().is_err() {
            tracing::error!("the writer had panicked");
        }
        if !self.services.core.keeper.wait_for_end(KEEPER_ENDS_WITHIN) {
            tracing::warn!("the thread that looks after the segments hangs on the disk: the server ends without it");
        }
        for arbiter in &self.arbiters {
            arbiter.stop();
        }
        for arbiter in self.arbiters {
            let _ = arbiter.join();
        }
        self.directory
    }
}

/// What an engine leaves that has stopped: its data directory, locked for as long as this is there.
pub struct Stopped {
    store: Option<SledHome>,
    data: Option<DataDir>,
}

impl Stopped {
    /// Writes a store anew whose file has become much longer than what it holds, so that the next start is quick and the disk gets
    /// back what it does not need. Comes last: whoever still has a hold on the engine keeps it from being done.
    pub fn compact(self) {
        let (Some(store), Some(data)) = (&self.store, &self.data) else { return };
        let watch = Stopwatch::start();
        // The copy is never longer than what it is made of: it takes no room that anybody else needs.
        let free = data.disk().room().map_or(0, |room| room.free);
        match store.compact(COMPACTED_ABOVE..free, || watch.seconds() < COMPACTED_WITHIN) {
            Ok(Some((before, after))) => tracing::info!(before, after, "wrote the store anew: most of it was free"),
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, "the store was not written anew, and is as it was"),
        }
    }
}

fn wire(
    core: &Arc<Core>,
    config: &Config,
    hasher: &Hasher,
    history: Arc<dyn History>,
    arbiters: &[Arbiter],
) -> (Services, Vec<actix_rt::task::JoinHandle<()>>) {
    let limits = DirectoryLimits {
        awake: config.sessions.awake_max,
        passivate_after: span(config.sessions.passivate_after),
        in_flight: config.sessions.in_flight_max,
    };
    let tokens = Tokens::new(core.clone());
    let sessions = Residents::<SessionActor>::start(core, limits, arbiters);
    let sessions = Sessions::new(core.clone(), sessions, tokens.clone(), history);
    let accounts = Residents::<AccountActor>::start(core, limits, arbiters);
    let budgets = BudgetLimits {
        strangers_per_network: config.passwords.strangers_per_network,
        strangers_total: config.passwords.strangers_total,
        familiar: config.passwords.familiar,
    };
    let attempts = Arc::new(AttemptsTable::new(budgets, config.passwords.table));
    let policy = RotationPolicy { interval: config.keys.rotation_interval, jwks_max_age: config.keys.jwks_max_age };
    let (closer, closing) = Closer::new();
    let keys = KeyMaintenance::new(core.clone(), policy, closer.clone());
    let sweeper =
        Sweeper { core: core.clone(), sessions: sessions.clone(), keys: keys.clone(), interval: sweep_every(&policy) };
    let mut tasks =
        vec![spawn_vital("closer", Closer::run(core.clone(), closing)), spawn_vital("sweeper", sweeper.run())];
    if config.journal.keep_in_store == KeepInStore::Live {
        tasks.push(spawn_vital("archivist", archive_as_sealed(core.clone(), core.keeper.sealed())));
    }
    let administration = Administration::new(core.clone(), hasher.clone(), closer.clone());
    let services = Services {
        sessions,
        passwords: Passwords::new(
            core.clone(),
            hasher.clone(),
            attempts.clone(),
            administration.clone(),
            Policy { min_length: config.passwords.min_length },
        ),
        logins: Logins::new(core.clone(), accounts, hasher.clone(), attempts, tokens.clone()),
        clients: Clients::new(core.clone(), tokens.clone()),
        tokens,
        keys,
        administration,
        api_keys: ApiKeys::new(core.clone()),
        vending: Vending::new(core.clone()),
        brakes: Brakes::new(core.clone(), closer.clone(), hasher.clone()),
        closer,
        core: core.clone(),
    };
    (services, tasks)
}

/// Counts the sessions that an earlier run left open, before anything can change them. Bounded by what the store's own check
/// at start has just read.
fn count_open_sessions(reader: &Reader, metrics: &Metrics) -> Result<(), StoreError> {
    const PAGE: usize = 4096;
    let (mut open, mut after) = (0, None);
    loop {
        let (page, next) = reader.open_sessions(None, after.as_deref(), PAGE)?;
        open += page.len();
        match next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    metrics.sessions.with_label_values(&["open"]).set(whole(open));
    Ok(())
}

/// Runs a task whose panic ends the process: without it nobody would notice what is no longer done.
fn spawn_vital(part: &'static str, task: impl Future<Output = ()> + 'static) -> actix_rt::task::JoinHandle<()> {
    actix_rt::spawn(async move {
        let _vital = Vital(part);
        task.await;
    })
}

/// Often enough that a key is published and activated about when it should be.
fn sweep_every(policy: &RotationPolicy) -> Duration {
    let quarter = Duration::from_millis(u64::try_from(policy.jwks_max_age.0 / 4).unwrap_or(0));
    quarter.clamp(Duration::from_millis(250), SWEEP_EVERY)
}

fn hasher_limits(config: &Config) -> HasherLimits {
    HasherLimits {
        threads: config.hash.threads,
        queue: config.hash.queue,
        deadline: span(config.hash.deadline),
        params: Params { m_kib: config.hash.memory_kib, t: config.hash.iterations, p: config.hash.parallelism },
    }
}

/// Tries the fast implementation of Argon2id, unless the configuration wants the reference.
fn fast_argon2(config: &Config, params: Params, entropy: &dyn Entropy) -> FastArgon2 {
    if !config.hash.fast {
        return FastArgon2::off();
    }
    let fast = FastArgon2::tried(params, entropy);
    if !fast.is_on() {
        tracing::error!(
            "the fast implementation of Argon2id does not give the answers of the reference on this machine, and is not used: have its \
             processor and memory checked"
        );
    }
    fast
}

/// A duration of the configuration as a span of the rules.
fn span(duration: Duration) -> Span {
    Span(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
}

/// What a start works with.
pub struct World {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Metrics.
    pub metrics: Arc<Metrics>,
}

impl World {
    /// The machine's.
    pub fn real() -> Self {
        Self {
            clock: Arc::new(crate::clock::SystemClock),
            entropy: Arc::new(crate::entropy::SystemEntropy),
            metrics: Arc::new(Metrics::new()),
        }
    }
}

//! A running engine in a directory of its own, with a store that tells how much processor time is spent in it.

use crate::chain::Chain;
use crate::engine::{Engine, asker, config};
use crate::pairs::of_this_thread;
use actix_rt::SystemRunner;
use countersign::app::{Start, start_journal};
use countersign::clock::{Clock, ManualClock, SystemClock};
use countersign::crypto::MasterKey;
use countersign::entropy::{SeededEntropy, SystemEntropy};
use countersign::journal::files::data_dir::DataDir;
use countersign::journal::files::real_disk::RealDisk;
use countersign::journal::store::{Change, Pair};
use countersign::journal::{LocalEngine, SledHome, SledStore, Store, StoreError, StoreHome, StoreRead};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tempfile::TempDir;

/// Segments are closed at this size: here never.
const ROLL_AT: u64 = 1 << 40;

/// A directory on the disk that the repository is on: on a tmpfs a sync costs nothing.
pub fn directory() -> TempDir {
    let below = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/measure");
    std::fs::create_dir_all(&below).unwrap();
    TempDir::with_prefix_in("speed-", below).unwrap()
}

/// See the module.
pub struct Rig {
    pub clock: ManualClock,
    pub spent: Arc<Spent>,
    pub system: SystemRunner,
    /// `None` only while this is dropped.
    engine: Option<Engine>,
    dir: Option<TempDir>,
}

impl Drop for Rig {
    fn drop(&mut self) {
        // In good order: a journal whose directory is taken away ends the process.
        if let Some(engine) = self.engine.take() {
            self.system.block_on(async { drop(engine.stop()) });
        }
    }
}

impl Rig {
    /// Starts it.
    pub fn start(settings: &[(&str, &str)]) -> Self {
        let dir = directory();
        let clock = ManualClock::new(SystemClock.wall());
        let config = config(dir.path(), settings);
        let spent = Arc::new(Spent::default());
        let system = actix_rt::System::new();
        let (cache, counted) = (config.store_cache_bytes, spent.clone());
        let engine = system.block_on(Engine::start_on(&config, &clock, |world| {
            let data = DataDir::prepare(&config.data_dir).unwrap();
            let mut home = CountedHome { home: SledHome::new(data.store(), cache), spent: counted };
            let engine = open(data.disk().clone(), &mut home);
            let keys = engine.keys();
            let mut opened = start_journal(Box::new(engine), keys, Start::default(), world, |_, _| ()).unwrap();
            opened.data = Some(data);
            opened
        }));
        Self { clock, spent, system, engine: Some(engine), dir: Some(dir) }
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        self.engine.as_ref().expect("it runs until this is dropped")
    }

    /// Sessions of different accounts, with their refresh tokens.
    pub fn log_in(&self, sessions: u64) -> Vec<(Chain, String)> {
        let begin = async |number: u64| {
            let asker = asker(&self.clock, number << 8);
            let issued = self.engine().begin(number, asker.clone()).await;
            let chain = Chain::of(self.engine(), issued.session.unwrap(), asker);
            (chain, issued.refresh_token.unwrap())
        };
        self.system.block_on(async {
            let mut all = Vec::new();
            for number in 0..sessions {
                all.push(begin(number).await);
            }
            all
        })
    }

    /// The open segment.
    pub fn segment(&self) -> PathBuf {
        let dir = self.dir.as_ref().expect("it is there until this is dropped");
        dir.path().join("journal/00000000000000000001.jsonl")
    }

    /// Stops the engine, and keeps its directory.
    pub fn stop(mut self) -> TempDir {
        self.dir.take().expect("it is there until this is dropped")
    }
}

/// Opens the segments of a directory with some store.
pub fn open<H: StoreHome>(disk: RealDisk, home: &mut H) -> LocalEngine<RealDisk, H::Store> {
    let master = MasterKey::generate(&SeededEntropy::new(1));
    LocalEngine::open(disk, home, master, "countersign/speed", ROLL_AT, &SystemEntropy).unwrap().0
}

/// Processor time that the callers of a store spend in it, while that is counted: asking the clock costs as much as some calls.
#[derive(Default)]
pub struct Spent {
    is_counted: AtomicBool,
    nanos: AtomicU64,
}

impl Spent {
    /// Begins or ends to count.
    pub fn count(&self, is_counted: bool) {
        self.is_counted.store(is_counted, Ordering::Relaxed);
    }

    /// What was counted.
    pub fn so_far(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Ordering::Relaxed))
    }

    fn during<T>(&self, call: impl FnOnce() -> T) -> T {
        if !self.is_counted.load(Ordering::Relaxed) {
            return call();
        }
        let began = of_this_thread();
        let value = call();
        let nanos = u64::try_from((of_this_thread() - began).as_nanos()).unwrap();
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
        value
    }
}

struct CountedHome {
    home: SledHome,
    spent: Arc<Spent>,
}

struct Counted {
    store: SledStore,
    spent: Arc<Spent>,
}

impl StoreHome for CountedHome {
    type Store = Counted;

    fn open(&mut self) -> Result<Counted, StoreError> {
        self.home.open().map(|store| Counted { store, spent: self.spent.clone() })
    }

    fn was_there(&self) -> bool {
        self.home.was_there()
    }

    fn quarantine(&mut self) -> std::io::Result<String> {
        self.home.quarantine()
    }
}

impl StoreRead for Counted {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.spent.during(|| self.store.get(key))
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Pair>, StoreError> {
        self.spent.during(|| self.store.scan(prefix, after, limit))
    }

    fn bytes(&self) -> u64 {
        self.store.bytes()
    }
}

impl Store for Counted {
    fn apply(&self, changes: Vec<Change>) -> Result<(), StoreError> {
        self.spent.during(|| self.store.apply(changes))
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.store.flush()
    }
}

//! Places to keep a journal in: real files with sled, and a simulated disk with a store in memory.

use countersign::crypto::MasterKey;
use countersign::entropy::SeededEntropy;
use countersign::journal::files::data_dir::{DataDir, FORMAT_FILE};
use countersign::journal::files::disk::{Disk, DiskFile, put_whole};
use countersign::journal::files::memory_disk::MemoryDisk;
use countersign::journal::{CaughtUp, Found, Journal, Keys, LocalEngine, MemoryStore, SledHome, StoreError, StoreHome};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Segments as small as this roll within a test.
pub const ROLL_AT: u64 = 24 * 1024;

/// An open journal, and what opening it found.
pub struct Opened {
    pub journal: Journal,
    pub keys: Arc<Keys>,
    pub found: Found,
    pub caught_up: CaughtUp,
}

/// Somewhere a journal can be kept. One conformance suite runs in each.
pub trait Place {
    fn new() -> Self;

    /// Opens what is there, or begins a journal. The error is what an operator reads.
    fn try_open(&mut self) -> Result<Opened, String>;

    fn open(&mut self) -> Opened {
        self.try_open().unwrap_or_else(|why| panic!("{why}"))
    }

    /// The bytes of one of its files.
    fn read(&self, path: &str) -> Vec<u8>;

    /// Takes its store away while nobody has it open.
    fn lose_store(&mut self);
}

pub fn master(seed: u64) -> MasterKey {
    MasterKey::generate(&SeededEntropy::new(seed))
}

/// When something is written.
struct Bounds {
    roll_at: u64,
    write_store_at: usize,
}

fn open_on<D, H>(
    disk: D,
    home: &mut H,
    master_seed: u64,
    bounds: Bounds,
    progress: impl FnMut(u64, u64),
) -> Result<Opened, String>
where
    D: Disk + 'static,
    D::File: 'static,
    H: StoreHome,
{
    let entropy = SeededEntropy::new(7);
    let engine = LocalEngine::open(disk, home, master(master_seed), "test.example/1", bounds.roll_at, &entropy);
    let (engine, found) = engine.map_err(|error| error.to_string())?;
    let engine = engine.write_store_at(bounds.write_store_at);
    let keys = engine.keys();
    let (journal, caught_up) = Journal::open(Box::new(engine), "n1", progress).map_err(|error| error.to_string())?;
    Ok(Opened { journal, keys, found, caught_up })
}

/// Real files and sled.
pub struct OnDisk {
    root: tempfile::TempDir,
}

impl OnDisk {
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    pub fn store(&self) -> PathBuf {
        self.path("store")
    }
}

impl Place for OnDisk {
    fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap() }
    }

    fn try_open(&mut self) -> Result<Opened, String> {
        let dir = DataDir::prepare(self.root.path()).map_err(|error| error.to_string())?;
        let mut home = SledHome::new(dir.store(), 8 * 1024 * 1024);
        let bounds = Bounds { roll_at: ROLL_AT, write_store_at: 2000 };
        open_on(dir.disk().clone(), &mut home, 1, bounds, |_, _| {})
    }

    fn read(&self, path: &str) -> Vec<u8> {
        std::fs::read(self.path(path)).unwrap()
    }

    fn lose_store(&mut self) {
        std::fs::remove_dir_all(self.store()).unwrap();
    }
}

/// A simulated disk and a store in memory, either of which may be exchanged between two openings.
pub struct InMemory {
    pub disk: MemoryDisk,
    pub home: MemoryHome,
    pub master_seed: u64,
    pub roll_at: u64,
    /// How far its store may be behind; unless told so, it is always up.
    pub write_store_at: usize,
}

/// A store that outlives the journal, and those that were put aside.
#[derive(Default)]
pub struct MemoryHome {
    pub store: MemoryStore,
    pub quarantined: Vec<MemoryStore>,
}

impl StoreHome for MemoryHome {
    type Store = MemoryStore;

    fn open(&mut self) -> Result<MemoryStore, StoreError> {
        Ok(self.store.clone())
    }

    fn was_there(&self) -> bool {
        false
    }

    fn quarantine(&mut self) -> std::io::Result<String> {
        self.quarantined.push(std::mem::take(&mut self.store));
        Ok(format!("quarantine {}", self.quarantined.len()))
    }
}

impl InMemory {
    /// What is found on `disk`, beside `store`.
    pub fn of(disk: MemoryDisk, store: MemoryStore) -> Self {
        let home = MemoryHome { store, quarantined: Vec::new() };
        Self { disk, home, master_seed: 1, roll_at: ROLL_AT, write_store_at: 1 }
    }

    /// Writes the number of the layout, as preparing a data directory does; a back-up wants it.
    pub fn put_format(&self) {
        put_whole(&self.disk, FORMAT_FILE, |file| file.write_at(0, b"1\n")).unwrap();
    }

    /// Opens, and tells how far the store has come.
    pub fn open_telling(&mut self, progress: impl FnMut(u64, u64)) -> Result<Opened, String> {
        let bounds = Bounds { roll_at: self.roll_at, write_store_at: self.write_store_at };
        open_on(self.disk.clone(), &mut self.home, self.master_seed, bounds, progress)
    }

    /// The same place, apart: what happens to one does not happen to the other.
    pub fn copy(&self) -> Self {
        Self {
            master_seed: self.master_seed,
            roll_at: self.roll_at,
            write_store_at: self.write_store_at,
            ..Self::of(self.disk.copy(), self.home.store.snapshot())
        }
    }
}

impl Place for InMemory {
    fn new() -> Self {
        let disk = MemoryDisk::new();
        // A data directory is laid out, durably, before a journal is opened in it.
        disk.create_dir("keys").unwrap();
        disk.sync_dir("").unwrap();
        Self::of(disk, MemoryStore::default())
    }

    fn try_open(&mut self) -> Result<Opened, String> {
        self.open_telling(|_, _| {})
    }

    fn read(&self, path: &str) -> Vec<u8> {
        self.disk.contents(path).unwrap()
    }

    fn lose_store(&mut self) {
        self.home.store = MemoryStore::default();
    }
}

/// All bytes of the files below a directory.
pub fn files_below(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push((path.clone(), std::fs::read(&path).unwrap()));
        }
    }
    files.sort();
    files
}

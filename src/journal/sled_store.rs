//! The store on sled: one tree, because sled's batches are atomic only inside one.
//!
//! sled 0.34.7 is quick and easily hurt: its flush is no fsync, a flipped bit can make it open empty, and open can panic.
//! So a panic or an error here is a reason to rebuild, never to stop, and what it holds is checked at each start.

use super::local_engine::StoreHome;
use super::store::{Change, Pair, Store, StoreError};
use std::io;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// Where the database lives in a data directory.
pub struct SledHome {
    path: PathBuf,
    cache_bytes: u64,
    was_there: bool,
}

impl SledHome {
    /// A database in `path`, which need not exist, with a cache of `cache_bytes`.
    pub fn new(path: PathBuf, cache_bytes: u64) -> Self {
        Self { path, cache_bytes, was_there: false }
    }
}

impl StoreHome for SledHome {
    type Store = SledStore;

    fn check(&mut self) -> io::Result<()> {
        let probe = self.path.with_extension("probe");
        let written = std::fs::write(&probe, [0; 64 * 1024]).and_then(|()| std::fs::File::open(&probe)?.sync_all());
        let removed = std::fs::remove_file(&probe);
        written.and(removed)
    }

    fn open(&mut self) -> Result<SledStore, StoreError> {
        // An empty directory is what laying out a data directory leaves.
        self.was_there = std::fs::read_dir(&self.path).is_ok_and(|mut names| names.next().is_some());
        SledStore::open(&self.path, self.cache_bytes)
    }

    fn was_there(&self) -> bool {
        self.was_there
    }

    fn quarantine(&mut self) -> io::Result<String> {
        let name = |n: u32| self.path.with_extension(format!("quarantined-{n}"));
        let free = (1..).map(name).find(|path| !path.exists());
        let to = free.ok_or_else(|| io::Error::other("no free name"))?;
        std::fs::rename(&self.path, &to)?;
        Ok(to.display().to_string())
    }
}

/// A sled database.
pub struct SledStore {
    db: sled::Db,
}

impl SledStore {
    /// Opens or creates the database in a directory.
    ///
    /// # Errors
    /// Where sled fails or panics: quarantine the directory and rebuild.
    pub fn open(path: &Path, cache_bytes: u64) -> Result<Self, StoreError> {
        let config = sled::Config::new()
            .path(path)
            .cache_capacity(cache_bytes)
            .flush_every_ms(Some(500))
            .mode(sled::Mode::HighThroughput);
        guarded(|| config.open()).map(|db| Self { db })
    }
}

/// sled panics on damage that it finds while reading.
fn guarded<T>(operation: impl FnOnce() -> sled::Result<T>) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(operation)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(StoreError(error.to_string())),
        Err(_) => Err(StoreError("sled panicked".to_owned())),
    }
}

impl Store for SledStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        guarded(|| self.db.get(key)).map(|value| value.map(|bytes| bytes.to_vec()))
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Pair>, StoreError> {
        let from = match after {
            Some(after) => Bound::Excluded(after.to_vec()),
            None => Bound::Included(prefix.to_vec()),
        };
        guarded(|| {
            let mut page = Vec::new();
            for entry in self.db.range((from, Bound::Unbounded)).take(limit) {
                let (key, value) = entry?;
                if !key.starts_with(prefix) {
                    break;
                }
                page.push((key.to_vec(), value.to_vec()));
            }
            Ok(page)
        })
    }

    fn apply(&self, changes: Vec<Change>) -> Result<(), StoreError> {
        let mut batch = sled::Batch::default();
        for (key, value) in changes {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        guarded(|| self.db.apply_batch(batch))
    }

    fn flush(&self) -> Result<(), StoreError> {
        guarded(|| self.db.flush()).map(|_| ())
    }

    fn bytes(&self) -> u64 {
        guarded(|| self.db.size_on_disk()).unwrap_or(0)
    }
}

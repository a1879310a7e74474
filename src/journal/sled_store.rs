//! The store on sled: one tree, because sled's batches are atomic only inside one.
//!
//! sled 0.34.7 is quick and easily hurt: its flush is no fsync, a flipped bit can make it open empty, and open can panic.
//! So a panic or an error here is a reason to rebuild, never to stop, and what it holds is checked at each start.

use super::checked_store::{CheckedStore, Condition};
use super::files::data_dir::try_lock;
use super::local_engine::StoreHome;
use super::store::{Change, Pair, Store, StoreError, StoreRead, pages};
use std::fs::{self, DirBuilder, File};
use std::io;
use std::ops::{Bound, Range};
use std::os::unix::fs::DirBuilderExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// How the names of stores that were put aside end, before their number.
const ASIDE: &str = "quarantined-";
/// How many of them are kept.
const MOST_ASIDE: usize = 3;

/// How the name of a store ends that is being written anew.
const ANEW: &str = "anew";
/// A store is written anew where that makes its file at most this part of what it was.
const PART: u64 = 4;

/// How often a database is looked at that is being closed, ten milliseconds apart.
const CLOSING_TRIES: u32 = 100;

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
        let written = fs::write(&probe, [0; 64 * 1024]).and_then(|()| File::open(&probe)?.sync_all());
        let removed = fs::remove_file(&probe);
        written.and(removed)
    }

    fn open(&mut self) -> Result<SledStore, StoreError> {
        // Left by a stop that was cut short, before the exchange or behind it.
        self.remove_anew();
        // An empty directory is what laying out a data directory leaves.
        self.was_there = fs::read_dir(&self.path).is_ok_and(|mut names| names.next().is_some());
        SledStore::open(&self.path, self.cache_bytes)
    }

    fn was_there(&self) -> bool {
        self.was_there
    }

    fn quarantine(&mut self) -> io::Result<String> {
        let name = |number: u32| self.path.with_extension(format!("{ASIDE}{number}"));
        let mut there = self.put_aside_before()?;
        let number = there.last().map_or(1, |last| last.saturating_add(1));
        let to = name(number);
        fs::rename(&self.path, &to)?;
        there.push(number);
        // Whatever goes wrong again and again must not fill the disk. What cannot be removed stays.
        for oldest in &there[..there.len().saturating_sub(MOST_ASIDE)] {
            if let Err(error) = fs::remove_dir_all(name(*oldest)) {
                tracing::warn!(%error, path = %name(*oldest).display(), "an old store that was put aside could not be removed");
            }
        }
        Ok(to.display().to_string())
    }
}

impl SledHome {
    /// Writes the store anew, which nobody has open, if its file has one of the lengths given and most of it is free: sled gives
    /// little of what was freed back to the disk, and writes over all of it whenever it opens. Gives the lengths before and after;
    /// `None` where there is nothing to gain, or where `may_go_on` ended it. At any moment there is one whole store under its name.
    ///
    /// # Errors
    /// Where it cannot be done: the store is as it was.
    pub fn compact(
        &self,
        lengths: Range<u64>,
        mut may_go_on: impl FnMut() -> bool,
    ) -> Result<Option<(u64, u64)>, StoreError> {
        let before = fs::metadata(self.path.join("db")).map_or(0, |file| file.len());
        if !lengths.contains(&before) {
            return Ok(None);
        }
        let anew = self.path.with_extension(ANEW);
        self.remove_anew();
        let written = self.write_anew(&anew, before / PART, &mut may_go_on).and_then(|written| match written {
            Some(after) => exchange(&anew, &self.path).map(|()| Some((before, after))).map_err(failed),
            None => Ok(None),
        });
        self.remove_anew();
        written
    }

    fn remove_anew(&self) {
        let _ = fs::remove_dir_all(self.path.with_extension(ANEW));
    }

    /// Copies the store to `anew`, whole and durable, and says how long its file is; `None` where there is more than `at_most`.
    fn write_anew(
        &self,
        anew: &Path,
        at_most: u64,
        may_go_on: &mut impl FnMut() -> bool,
    ) -> Result<Option<u64>, StoreError> {
        const PAGE: usize = 128;
        let from = SledStore::open(&self.path, self.cache_bytes)?;
        DirBuilder::new().mode(0o700).create(anew).map_err(failed)?;
        let to = SledStore::open(anew, self.cache_bytes)?;
        let mut bytes = 0;
        for page in pages(&from, b"", PAGE) {
            let page = page?;
            bytes += page.iter().map(|(key, value)| (key.len() + value.len()) as u64).sum::<u64>();
            if bytes > at_most || !may_go_on() {
                return Ok(None);
            }
            to.apply(page.into_iter().map(|(key, value)| (key, Some(value))).collect())?;
        }
        to.flush()?;
        match CheckedStore::examine(&to) {
            Condition::Whole(_) => {}
            Condition::Empty => return Ok(None),
            Condition::Unusable(why) => return Err(StoreError(why)),
        }
        drop((from, to));
        // What they still write has its place by name or is to be synced.
        if !(wait_for_close(&self.path) && wait_for_close(anew)) {
            return Ok(None);
        }
        sync_all(anew).map_err(failed)?;
        let length = fs::metadata(anew.join("db")).map_err(failed)?.len();
        Ok((length <= at_most).then_some(length))
    }

    /// The numbers of the stores that were put aside, the oldest first.
    fn put_aside_before(&self) -> io::Result<Vec<u32>> {
        let prefix = self.path.with_extension(ASIDE);
        let (Some(dir), Some(prefix)) = (prefix.parent(), prefix.file_name().and_then(|name| name.to_str())) else {
            return Ok(Vec::new());
        };
        let mut numbers = Vec::new();
        for entry in fs::read_dir(dir)? {
            let name = entry?.file_name();
            numbers.extend(name.to_str().and_then(|name| name.strip_prefix(prefix)?.parse::<u32>().ok()));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }
}

/// Waits for a database that was closed a moment ago, and says whether it is: sled's own threads may still write for it, and keep
/// its lock meanwhile.
fn wait_for_close(path: &Path) -> bool {
    File::open(path.join("db")).is_ok_and(|file| try_lock(&file, CLOSING_TRIES).is_ok())
}

fn failed(error: io::Error) -> StoreError {
    StoreError(error.to_string())
}

/// Makes everything below a directory durable: sled's flush need not.
fn sync_all(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            sync_all(&entry?.path())?;
        }
    }
    File::open(path)?.sync_all()
}

/// Exchanges two names in one directory, for good.
fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    let here = rustix::fs::CWD;
    rustix::fs::renameat_with(here, one, here, other, rustix::fs::RenameFlags::EXCHANGE)?;
    File::open(other.parent().unwrap_or(Path::new(".")))?.sync_all()
}

/// A sled database.
pub struct SledStore {
    /// `None` only while this is dropped.
    db: Option<sled::Db>,
}

impl Drop for SledStore {
    fn drop(&mut self) {
        // sled syncs its file when it is closed, and panics where that fails. Nothing stands on that sync: the journal is durable
        // by its own, and each start checks the store.
        if catch_unwind(AssertUnwindSafe(|| drop(self.db.take()))).is_err() {
            tracing::warn!(
                "the store could not be closed in good order: look at the disk; the next start checks the store"
            );
        }
    }
}

impl SledStore {
    /// Opens or creates the database in a directory.
    ///
    /// # Errors
    /// Where sled fails or panics: quarantine the directory and rebuild.
    pub fn open(path: &Path, cache_bytes: u64) -> Result<Self, StoreError> {
        wait_for_close(path);
        let config = sled::Config::new()
            .path(path)
            .cache_capacity(cache_bytes)
            .flush_every_ms(Some(500))
            .mode(sled::Mode::HighThroughput);
        guarded(|| config.open()).map(|db| Self { db: Some(db) })
    }

    fn db(&self) -> sled::Result<&sled::Db> {
        self.db.as_ref().ok_or_else(|| sled::Error::Unsupported("the store is closed".to_owned()))
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

impl StoreRead for SledStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        guarded(|| self.db()?.get(key)).map(|value| value.map(|bytes| bytes.to_vec()))
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Pair>, StoreError> {
        let from = match after {
            Some(after) => Bound::Excluded(after.to_vec()),
            None => Bound::Included(prefix.to_vec()),
        };
        guarded(|| {
            let mut page = Vec::new();
            for entry in self.db()?.range((from, Bound::Unbounded)).take(limit) {
                let (key, value) = entry?;
                if !key.starts_with(prefix) {
                    break;
                }
                page.push((key.to_vec(), value.to_vec()));
            }
            Ok(page)
        })
    }

    fn bytes(&self) -> u64 {
        guarded(|| self.db()?.size_on_disk()).unwrap_or(0)
    }
}

impl Store for SledStore {
    fn apply(&self, changes: Vec<Change>) -> Result<(), StoreError> {
        let mut batch = sled::Batch::default();
        for (key, value) in changes {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        guarded(|| self.db()?.apply_batch(batch))
    }

    fn flush(&self) -> Result<(), StoreError> {
        guarded(|| self.db()?.flush()).map(|_| ())
    }
}

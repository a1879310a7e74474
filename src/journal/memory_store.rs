//! A store in memory, for tests and simulation. It outlives a simulated crash in whole or not at all, as its owner chooses:
//! what a real store keeps after a power cut is anything.

use super::store::{Change, Pair, Store, StoreError, StoreRead};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// An ordered map behind a lock. Clones share it.
#[derive(Clone, Default)]
pub struct MemoryStore {
    entries: Arc<Mutex<BTreeMap<Vec<u8>, Vec<u8>>>>,
}

impl MemoryStore {
    fn entries(&self) -> MutexGuard<'_, BTreeMap<Vec<u8>, Vec<u8>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy of all that it holds now.
    pub fn snapshot(&self) -> Self {
        Self { entries: Arc::new(Mutex::new(self.entries().clone())) }
    }
}

impl StoreRead for MemoryStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.entries().get(key).cloned())
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Pair>, StoreError> {
        let from = match after {
            Some(after) => Bound::Excluded(after.to_vec()),
            None => Bound::Included(prefix.to_vec()),
        };
        let entries = self.entries();
        let range = entries.range((from, Bound::Unbounded)).take_while(|(key, _)| key.starts_with(prefix));
        Ok(range.take(limit).map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn bytes(&self) -> u64 {
        self.entries().iter().map(|(key, value)| (key.len() + value.len()) as u64).sum()
    }
}

impl Store for MemoryStore {
    fn apply(&self, changes: Vec<Change>) -> Result<(), StoreError> {
        let mut entries = self.entries();
        for (key, value) in changes {
            match value {
                Some(value) => entries.insert(key, value),
                None => entries.remove(&key),
            };
        }
        Ok(())
    }

    fn flush(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

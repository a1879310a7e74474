//! The sealed segments of a running journal, shared by whoever seals, scrubs and looks things up in them.

use super::disk::Disk;
use super::index::{Extent, Index, IndexError, IndexedEntries, Section};
use crate::domain::ids::Position;
use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use uuid::Uuid;

/// A handle onto the list. Cheap to clone; all clones see what is sealed later.
#[derive(Clone)]
pub struct SealedSegments<D: Disk> {
    disk: D,
    /// The first position of the oldest segment there is, sealed or not.
    oldest: Position,
    indexes: Arc<RwLock<Vec<Arc<Index>>>>,
}

impl<D: Disk> SealedSegments<D> {
    /// The list as it was found at start, ascending; `oldest` is the first position of the oldest segment, sealed or not.
    pub fn new(disk: D, oldest: Position, found: &[Index]) -> Self {
        let indexes = found.iter().cloned().map(Arc::new).collect();
        Self { disk, oldest, indexes: Arc::new(RwLock::new(indexes)) }
    }

    /// Adds a segment, or renews what is known of it.
    pub fn put(&self, index: Index) {
        let mut indexes = self.indexes.write().unwrap_or_else(PoisonError::into_inner);
        let at = indexes.partition_point(|other| other.first() < index.first());
        let known = indexes.get(at).is_some_and(|other| other.first() == index.first());
        indexes.splice(at..at + usize::from(known), [Arc::new(index)]);
    }

    /// All of them, ascending.
    pub fn all(&self) -> Vec<Arc<Index>> {
        self.indexes.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The last position up to which every segment is sealed, without a gap from the oldest on.
    pub fn through(&self) -> Position {
        let indexes = self.indexes.read().unwrap_or_else(PoisonError::into_inner);
        let mut through = self.oldest - 1;
        for index in indexes.iter() {
            if index.first() != through + 1 {
                break;
            }
            through = index.last;
        }
        through
    }

    /// Bytes of the compressed files.
    pub fn bytes(&self) -> u64 {
        self.indexes.read().unwrap_or_else(PoisonError::into_inner).iter().map(|index| index.compressed).sum()
    }

    /// The segments that speak of an id, ascending, and where.
    ///
    /// # Errors
    /// Where an index cannot be read.
    pub fn find(&self, section: Section, id: Uuid) -> Result<Vec<(Arc<Index>, Extent)>, IndexError> {
        let mut found = Vec::new();
        for index in self.all() {
            if let Some(extent) = index.find(&self.disk, section, id)? {
                found.push((index, extent));
            }
        }
        Ok(found)
    }

    /// Reads entries of one of them.
    ///
    /// # Errors
    /// Where the file cannot be opened.
    pub fn entries(&self, index: &Index, extent: &Extent) -> io::Result<IndexedEntries<D::File>> {
        IndexedEntries::open(&self.disk, index, extent)
    }
}

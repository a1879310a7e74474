//! The ordered key-value store beside the segments: states, look-ups and the lines of the open segment. It is never believed
//! alone: a digest over every entry says whether it is what was written (see [`super::checked_store`]).

use super::fold::Folded;
use super::keys::{self, LOOKUPS, STATES};
use super::packed_lines::pack;
use crate::domain::ids::StreamId;
use std::sync::Arc;

/// What a store cannot do.
#[derive(Debug, thiserror::Error)]
#[error("the store failed: {0}")]
pub struct StoreError(pub String);

/// A change of one entry as it is written: a new value, or none.
pub type Change = (Vec<u8>, Option<Vec<u8>>);

/// An entry: key and value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// A value that is yet to be written.
#[derive(Clone, Debug)]
pub enum Value {
    /// The head and state of a stream.
    Record(StreamId, Arc<Folded>),
    /// Lines of the journal, each with its newline. They are packed only when they are written, with those that came behind them.
    Lines(Vec<u8>),
    /// Bytes as they are to be written.
    Plain(Vec<u8>),
}

impl Value {
    /// The bytes that are written.
    ///
    /// # Panics
    /// Never: states are plain data, which can always be encoded.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Record(_, folded) => postcard::to_stdvec(&**folded).expect("plain data can be encoded"),
            Self::Lines(lines) => pack(lines),
            Self::Plain(bytes) => bytes.clone(),
        }
    }
}

/// A change of one entry: a new value, or none.
pub type Update = (Vec<u8>, Option<Value>);

/// Looking up in an ordered key-value store.
pub trait StoreRead: Send + Sync + 'static {
    /// The value of a key.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Entries whose key starts with `prefix` and is greater than `after`, in order, at most `limit`.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Pair>, StoreError>;

    /// The state record of a stream.
    ///
    /// # Errors
    /// Where the store cannot be read, or holds something else there.
    fn record(&self, stream: &StreamId) -> Result<Option<Arc<Folded>>, StoreError> {
        self.get(&keys::state(stream))?.map(|record| Folded::decode(&record).map(Arc::new)).transpose()
    }

    /// Bytes on disk.
    fn bytes(&self) -> u64;
}

/// An ordered key-value store with atomic batches.
pub trait Store: StoreRead {
    /// Applies all changes or none. Not durable by itself.
    ///
    /// # Errors
    /// Where the store cannot be written.
    fn apply(&self, changes: Vec<Change>) -> Result<(), StoreError>;

    /// Writes what is in memory where the next start finds it.
    ///
    /// # Errors
    /// Where the store cannot be written.
    fn flush(&self) -> Result<(), StoreError>;
}

/// All entries whose keys begin with a prefix, in order, in pages of `limit`.
pub(super) fn pages<S: StoreRead + ?Sized>(
    store: &S,
    prefix: impl Into<Vec<u8>>,
    limit: usize,
) -> impl Iterator<Item = Result<Vec<Pair>, StoreError>> {
    pages_after(store, prefix.into(), None, limit)
}

/// The same of the keys behind `after`.
pub(super) fn pages_after<S: StoreRead + ?Sized>(
    store: &S,
    prefix: Vec<u8>,
    after: Option<Vec<u8>>,
    limit: usize,
) -> impl Iterator<Item = Result<Vec<Pair>, StoreError>> {
    // Behind which key the next page begins, if there is to be one.
    let mut next = Some(after);
    std::iter::from_fn(move || {
        let after = next.take()?;
        let page = store.scan(&prefix, after.as_deref(), limit);
        if let Ok(page) = &page
            && page.len() == limit
        {
            next = page.last().map(|(key, _)| Some(key.clone()));
        }
        Some(page)
    })
}

/// All entries but lines and the head, in order, page by page.
pub(super) fn live_pages(store: &dyn StoreRead) -> impl Iterator<Item = Result<Vec<Pair>, StoreError>> {
    [LOOKUPS, STATES].into_iter().flat_map(|prefix| pages(store, prefix, 256))
}

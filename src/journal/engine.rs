//! What a journal needs of the place it is kept in. Framing, chain, schema and projections sit above; one conformance suite
//! runs on every engine.

use super::files::merkle::Frontier;
use super::files::room::RoomSeen;
use super::files::segments::EncodedCommit;
use super::store::{StoreRead, Update};
use crate::crypto::KeyRecord;
use crate::domain::ids::{CommitId, Hash, Owner, Position};
use std::sync::Arc;

/// Everything that is written at once.
#[derive(Default)]
pub struct Batch {
    /// Wrapped keys of owners that the commits create: durable before the first of their events.
    pub keys: Vec<KeyRecord>,
    /// The commits, in order.
    pub commits: Vec<EncodedCommit>,
    /// What they change in the store.
    pub updates: Vec<Update>,
    /// Owners whose data key is destroyed once the commits are durable.
    pub erased: Vec<Owner>,
}

/// An entry as it is stored.
pub struct StoredEntry {
    /// Its position.
    pub position: Position,
    /// Its commit.
    pub commit: CommitId,
    /// The exact bytes that are hashed.
    pub event: Vec<u8>,
    /// Whether its commit ends with it.
    pub ends_commit: bool,
}

/// The journal cannot go on, but after [`Self::Full`]. What it did last is unknown: stop acknowledging, end the process,
/// recover at the next start.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The operating system refused something.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// What it answered.
        #[source]
        source: std::io::Error,
    },
    /// The store failed after the commit point.
    #[error(transparent)]
    Store(#[from] super::store::StoreError),
    /// The disk has no room for a batch. Nothing was written, and the journal goes on.
    #[error("there is no room on the disk")]
    Full,
    /// What is read is not what was written.
    #[error("{0}")]
    Damaged(String),
    /// Something failed before.
    #[error("the journal takes no more since a write failed ({0}); restart to recover")]
    Stopped(String),
}

/// Entries on their way out of an engine. It stands on its own: appending goes on meanwhile, and what is appended later is
/// not in it.
pub type StoredEntries = Box<dyn Iterator<Item = Result<StoredEntry, EngineError>> + Send>;

/// Where a journal is kept.
pub trait Engine: Send {
    /// The checkpoint origin.
    fn origin(&self) -> &str;

    /// The last position.
    fn head(&self) -> Position;

    /// The Merkle root over all entries.
    fn root(&self) -> Hash;

    /// The last position of which the store knows; smaller than the head only between opening and catching up.
    fn applied(&self) -> Position;

    /// The Merkle frontier over what the store knows.
    fn applied_frontier(&self) -> Frontier;

    /// All entries from a position on, as far as there are any now.
    fn read(&self, from: Position) -> StoredEntries;

    /// Applies to the store what the entries under `frontier` change in it.
    ///
    /// # Errors
    /// Where the store cannot be written.
    fn catch_up(&mut self, updates: Vec<Update>, frontier: &Frontier) -> Result<(), EngineError>;

    /// Takes entries out of the store, or changes them, that follow from no new entry: the store stays as far as it has come.
    ///
    /// # Errors
    /// As [`Self::append`].
    fn shed(&mut self, updates: Vec<Update>) -> Result<(), EngineError>;

    /// The first position of the oldest segment that is not sealed: the store need not keep the lines below it.
    fn unsealed_from(&self) -> Position;

    /// Makes the data keys fit the entries, at each start: destroys again the keys of erased owners (`true`), drops those
    /// that a crash left behind and no entry knows, and fails where an owner's key is gone.
    ///
    /// # Errors
    /// Where a key is gone that was durable, or the file cannot be written.
    fn settle_keys(&mut self, owners: Vec<(Owner, bool)>) -> Result<(), EngineError>;

    /// Appends a batch. When it returns, the batch is durable and can be looked up.
    ///
    /// # Errors
    /// [`EngineError::Full`] where nothing was written; [`Self::room`] tells of it. After any other what reached the disk is unknown, and every later call
    /// that writes fails as well.
    fn append(&mut self, batch: Batch) -> Result<(), EngineError>;

    /// Goes on under another checkpoint origin: the entries that follow stand in a segment whose head names it.
    ///
    /// # Errors
    /// As [`Self::append`].
    fn begin_origin(&mut self, origin: &str) -> Result<(), EngineError>;

    /// Writes and syncs something small: what an answer waits for that records nothing.
    ///
    /// # Errors
    /// As [`Self::append`].
    fn touch(&mut self) -> Result<(), EngineError>;

    /// Writes to the store what it was not told yet, where that is enough to be worth it: to be called while nobody waits.
    ///
    /// # Errors
    /// As [`Self::append`].
    fn write_behind(&mut self) -> Result<(), EngineError>;

    /// Brings the store up, notes how far everything is durable, and whether the journal is being closed in good order. A disk that refused room
    /// although it shows enough is tried again at the next look.
    ///
    /// # Errors
    /// As [`Self::append`].
    fn mark(&mut self, clean: bool) -> Result<(), EngineError>;

    /// Looks at the room on the disk. When it runs short, what was held back is given back; when there is enough again, it is
    /// held back again.
    ///
    /// # Errors
    /// As [`Self::append`].
    fn look_at_room(&mut self) -> Result<RoomSeen, EngineError>;

    /// How the disk was found when it was looked at last.
    fn room(&self) -> RoomSeen;

    /// The store, for look-ups.
    fn store(&self) -> Arc<dyn StoreRead>;

    /// Bytes of entries on disk.
    fn bytes(&self) -> u64;
}

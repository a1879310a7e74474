//! What can be wrong with a journal's files, in sentences for the one who has to mend them.

use crate::domain::ids::Position;
use std::fmt;
use std::io;

/// A place in a file that is not what was once durable there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file} is damaged at byte {offset}, where entry {position} should be: {why}")]
pub struct Damage {
    /// The file, relative to the data directory.
    pub file: String,
    /// Where the damaged line begins, in bytes.
    pub offset: u64,
    /// The position of the entry that cannot be believed.
    pub position: Position,
    /// What was found there.
    pub why: String,
}

/// Who knows of entries that the segments no longer have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Witness {
    /// The anchor, which says how far the journal had come.
    Anchor,
    /// The store, which applied them.
    Store,
    /// A later line or segment.
    Segments,
}

impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anchor => "the anchor",
            Self::Store => "the store",
            Self::Segments => "a later segment",
        })
    }
}

/// Why a journal was not opened. Nothing in its files was changed, but for [`OpenError::Io`], after which the next
/// opening goes on where this one ended.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no journal, and nothing says that there ever was one: create it.
    #[error("there is no journal in this data directory yet")]
    Empty,
    /// Something at or below the durable mark was altered.
    #[error("the journal was not opened and not changed: {0}; run `countersign journal repair`: it says what helps")]
    Damaged(#[from] Damage),
    /// Durable entries are not there at all.
    #[error(
        "the journal was not opened and not changed: entries {first} to {last} are missing from {file} at byte {offset}, \
         although {witness} shows that they were durable; run `countersign journal repair`: it says what helps"
    )]
    Missing {
        /// The file, relative to the data directory.
        file: String,
        /// Where they should begin, in bytes.
        offset: u64,
        /// The first missing position.
        first: Position,
        /// The last missing position that is known of.
        last: Position,
        /// Who knows of them.
        witness: Witness,
    },
    /// The store has applied what the segments do not have: the segments lost it.
    #[error(
        "the journal was not opened and not changed: the store has applied entries up to {store}, but the segments end \
         at entry {journal} ({file}, byte {offset}), so the segments lost some; run `countersign journal repair --from-store`"
    )]
    StoreAhead {
        /// The file that should have them, relative to the data directory.
        file: String,
        /// Where its last complete commit ends, in bytes.
        offset: u64,
        /// The last position of the segments.
        journal: Position,
        /// The last position of the store.
        store: Position,
    },
    /// There are segments, but the anchor beside them is gone or unreadable.
    #[error(
        "the journal was not opened and not changed: the file anchor {0}, so nothing tells how far the journal had come; \
         run `countersign journal repair --from-store`, which makes it again from the store"
    )]
    AnchorLost(&'static str),
    /// The disk failed.
    #[error("the journal could not be opened: {0}; mend the disk and start again")]
    Io(#[from] io::Error),
}

/// Why an entry could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file does not hold it as it was written.
    #[error("{0}; run `countersign journal repair` with the server stopped: it says what helps")]
    Damaged(#[from] Damage),
    /// The disk failed.
    #[error("the journal could not be read: {0}")]
    Io(#[from] io::Error),
}

impl From<ReadError> for OpenError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Damaged(damage) => Self::Damaged(damage),
            ReadError::Io(error) => Self::Io(error),
        }
    }
}

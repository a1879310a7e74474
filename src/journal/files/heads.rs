//! The heads of segments: where each is found, and what it must say to continue the segments before it.

use super::disk::Disk;
use super::dropped::Dropped;
use super::entries::segment_head;
use super::error::{Damage, ReadError};
use super::header::{Header, SegmentName};
use super::index::{Index, IndexError};
use super::merkle::Frontier;
use crate::domain::ids::{Hash, Position};

/// The head of a segment, with its index where it is sealed and has one: then the segment itself is not read.
///
/// # Errors
/// [`ReadError`]
pub fn find_head<D: Disk>(disk: &D, segment: SegmentName) -> Result<(Header, Option<Index>), ReadError> {
    // Beside a text an index may be left over from another life.
    if segment.sealed {
        match Index::read(disk, segment.first) {
            Ok(index) => return Ok((index.header.clone(), Some(index))),
            Err(IndexError::Io(error)) => return Err(error.into()),
            Err(IndexError::Unusable { .. }) => {}
        }
    }
    Ok((segment_head(disk, segment.first)?, None))
}

/// What the head of the next segment must say, as far as it is known.
#[derive(Clone)]
pub(super) struct ExpectedHead {
    /// SHA-256 of the text of the segment before, which the journal's first has none of. Not known where a drop of history was cut
    /// short, and behind what cannot be read.
    pub previous: Option<Option<Hash>>,
    /// The Merkle frontier over everything before. Known where the segment before was read in full.
    pub frontier: Option<Frontier>,
}

impl ExpectedHead {
    /// Where nothing is known.
    pub const UNKNOWN: Self = Self { previous: None, frontier: None };

    /// What must hold for the first segment that is there. It need not be the first of the journal if history was dropped.
    ///
    /// # Errors
    /// The first position that is missing, where nothing says that it was dropped.
    pub fn first(dropped: Option<&Dropped>, first: Position) -> Result<Self, Position> {
        match dropped {
            None if first == 1 => Ok(Self { previous: Some(None), frontier: Some(Frontier::default()) }),
            None => Err(1),
            Some(dropped) if dropped.through() + 1 == first => Ok(Self::behind(dropped)),
            // Some of what was to be dropped is still there.
            Some(dropped) if dropped.through() >= first => Ok(Self::UNKNOWN),
            Some(dropped) => Err(dropped.through() + 1),
        }
    }

    /// What must hold behind dropped history.
    pub fn behind(dropped: &Dropped) -> Self {
        Self { previous: Some(Some(dropped.previous)), frontier: Some(dropped.frontier.clone()) }
    }

    /// Whether a head says it.
    pub fn is_met_by(&self, head: &Header) -> bool {
        self.previous.is_none_or(|previous| previous == head.previous)
            && self.frontier.as_ref().is_none_or(|frontier| *frontier == head.frontier)
    }

    /// Checks that a head, which stands in `file`, says it.
    pub fn check(&self, file: &str, head: &Header) -> Result<(), Damage> {
        if self.is_met_by(head) {
            return Ok(());
        }
        let why = "the segment's first line does not continue the segment before it".to_owned();
        Err(Damage { file: file.to_owned(), offset: 0, position: head.first(), why })
    }
}

impl From<&Header> for ExpectedHead {
    /// What a segment's own head says.
    fn from(head: &Header) -> Self {
        Self { previous: Some(head.previous), frontier: Some(head.frontier.clone()) }
    }
}

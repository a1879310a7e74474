//! Checks at start the segments before the open one: of sealed ones only what their indexes say, that they are there, and that each
//! continues the one before.
//!
//! A closed segment was durable before the next one was made, so nothing in it may be missing. It is read in full where its text
//! has not been sealed, where somebody's mark lies in it, and where the store has yet to be brought up from it: what states are
//! made from was compared with the SHA-256 in the next head before.

use super::disk::{Disk, DiskFile};
use super::dropped::Dropped;
use super::entries::open_segment;
use super::error::{Damage, OpenError, ReadError, Witness};
use super::header::{Header, SegmentName, segment_path};
use super::index::{Index, IndexError};
use super::merkle::{Frontier, to_hash};
use super::scan::{Known, Scan, scan, segment_digest};
use super::seal::{SealError, reindex};
use crate::domain::ids::{Hash, Position};
use std::io;

/// All segments but the open one, found whole.
pub(super) struct Closed {
    /// What the head of the open one must say.
    pub expected: ExpectedHead,
    /// What the indexes of the sealed ones say.
    pub sealed: Vec<Index>,
    /// The length of them all, in bytes of text.
    pub bytes: u64,
}

/// What the head of the next segment must say.
pub(super) struct ExpectedHead {
    file: String,
    /// Known but for a drop of history that was cut short.
    previous: Option<Option<Hash>>,
    /// Known only where the segment before was read in full.
    frontier: Option<Frontier>,
}

/// Checks all segments but the last, and says what the last one's head must be.
pub(super) fn check_closed<D: Disk>(disk: &D, segments: &[SegmentName], known: &[Known]) -> Result<Closed, OpenError> {
    let expected = first_head(disk, segments[0].first)?;
    let mut closed = Closed { expected, sealed: Vec::new(), bytes: 0 };
    let mut heads = segments.iter().rev().map(|segment| head(disk, *segment)).collect::<Result<Vec<_>, _>>()?;
    for pair in segments.windows(2) {
        let (Some(found), Some(next)) = (heads.pop(), heads.last()) else { break };
        closed.take(disk, pair[0], found, &next.header, known)?;
        closed.expected.file = pair[1].path();
    }
    Ok(closed)
}

/// What the head of the first segment that is there must say. It need not be the first of the journal if history was dropped.
fn first_head<D: Disk>(disk: &D, first: Position) -> Result<ExpectedHead, OpenError> {
    let file = segment_path(first);
    if first == 1 {
        return Ok(ExpectedHead { file, previous: Some(None), frontier: Some(Frontier::default()) });
    }
    let missing = match Dropped::read(disk)? {
        Some(dropped) if dropped.through() + 1 == first => {
            return Ok(ExpectedHead { file, previous: Some(Some(dropped.previous)), frontier: Some(dropped.frontier) });
        }
        // Some of what was to be dropped is still there.
        Some(dropped) if dropped.through() >= first => {
            return Ok(ExpectedHead { file, previous: None, frontier: None });
        }
        dropped => dropped.map_or(1, |dropped| dropped.through() + 1),
    };
    let (last, witness) = (first - 1, Witness::Segments);
    Err(OpenError::Missing { file: segment_path(missing), offset: 0, first: missing, last, witness })
}

/// The head of a segment, with its index where it is sealed and has one.
struct Found {
    header: Header,
    index: Option<Index>,
}

fn head<D: Disk>(disk: &D, segment: SegmentName) -> Result<Found, OpenError> {
    if segment.sealed {
        match Index::read(disk, segment.first) {
            Ok(index) => return Ok(Found { header: index.header.clone(), index: Some(index) }),
            Err(IndexError::Io(error)) => return Err(error.into()),
            Err(IndexError::Unusable { .. }) => {}
        }
    }
    Ok(Found { header: open_segment(disk, segment.first)?.header, index: None })
}

impl Closed {
    /// Takes the next segment; `next` is the head of the one behind it.
    fn take<D: Disk>(
        &mut self,
        disk: &D,
        segment: SegmentName,
        found: Found,
        next: &Header,
        known: &[Known],
    ) -> Result<(), OpenError> {
        check_head(&found.header, &self.expected)?;
        let (first, last) = (segment.first, next.first() - 1);
        let length = disk.open_to_read(&segment.path())?.len()?;
        if let Some(index) = found.index.as_ref().filter(|index| index.last < last) {
            let file = segment_path(index.last + 1);
            return Err(OpenError::Missing {
                file,
                offset: 0,
                first: index.last + 1,
                last,
                witness: Witness::Segments,
            });
        }
        let fits = |index: &Index| Some(index.digest) == next.previous && index.compressed == length;
        let index = match found.index.filter(fits) {
            None if segment.sealed => Some(reindex(disk, first, next, &mut || Ok(())).map_err(because)?),
            fitting => fitting,
        };
        let holds_mark = |known: &Known| (first - 1..last).contains(&known.mark.position);
        let applied = known.iter().filter(|known| known.by == Witness::Store).map(|known| known.mark.position).max();
        let (digest, frontier) = if known.iter().any(holds_mark) {
            let scan = scan(disk, first, known)?;
            (to_hash(scan.digest.finish()), scan.fault.is_none().then_some(scan.frontier))
        } else {
            match &index {
                Some(index) if applied.is_some_and(|applied| applied >= last) => (index.digest, None),
                _ => (segment_digest(disk, first)?, None),
            }
        };
        if next.previous != Some(digest) {
            return Err(find_fault(disk, segment, next)?);
        }
        self.bytes += index.as_ref().map_or(length, |index| index.length);
        self.sealed.extend(index);
        self.expected.previous = Some(Some(digest));
        self.expected.frontier = frontier;
        Ok(())
    }
}

fn because(error: SealError) -> OpenError {
    match error {
        SealError::Read(error) => error.into(),
        SealError::Index(error) => io::Error::other(error.to_string()).into(),
        SealError::Io(error) => error.into(),
    }
}

/// Checks that a head continues the segment before it.
pub(super) fn check_head(head: &Header, expected: &ExpectedHead) -> Result<(), Damage> {
    let foreign = expected.frontier.as_ref().is_some_and(|frontier| *frontier != head.frontier);
    if expected.previous.is_none_or(|previous| previous == head.previous) && !foreign {
        return Ok(());
    }
    let why = "the segment's first line does not continue the segment before it".to_owned();
    Err(Damage { file: expected.file.clone(), offset: 0, position: head.first(), why })
}

/// What is wrong with a closed segment that is not what the next head says.
fn find_fault<D: Disk>(disk: &D, segment: SegmentName, next: &Header) -> Result<OpenError, OpenError> {
    let Scan { fault, good_end, frontier, .. } = scan(disk, segment.first, &[])?;
    let (file, offset, position) = (segment.path(), good_end, frontier.size() + 1);
    let last: Position = next.first() - 1;
    Ok(match fault {
        Some(fault) => fault.damage.into(),
        None if position <= last => {
            OpenError::Missing { file, offset, first: position, last, witness: Witness::Segments }
        }
        None => {
            let why = "the SHA-256 of the whole file is not the one the next segment has for it".to_owned();
            ReadError::Damaged(Damage { file, offset: 0, position: segment.first, why }).into()
        }
    })
}

//! Checks at start the segments before the open one: of sealed ones only what their indexes say, that they are there, and that each
//! continues the one before.
//!
//! A closed segment was durable before the next one was made, so nothing in it may be missing. It is read in full where its text
//! has not been sealed, where somebody's mark lies in it, and where the store has yet to be brought up from it: what states are
//! made from was compared with the SHA-256 in the next head before.

use super::disk::{Disk, DiskFile};
use super::dropped::Dropped;
use super::error::{Damage, OpenError, ReadError, Witness};
use super::header::{Header, SegmentName, segment_path};
use super::heads::{ExpectedHead, find_head};
use super::index::Index;
use super::scan::{Known, Scan, scan};
use super::seal::{SealError, reindex};
use super::source::text_digest;
use crate::domain::ids::Position;
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

/// Checks all segments but the last, and says what the last one's head must be.
pub(super) fn check_closed<D: Disk>(disk: &D, segments: &[SegmentName], known: &[Known]) -> Result<Closed, OpenError> {
    let first = segments[0].first;
    let expected = ExpectedHead::first(Dropped::before(disk, first)?.as_ref(), first).map_err(|missing| {
        let (file, last, witness) = (segment_path(missing), first - 1, Witness::Segments);
        OpenError::Missing { file, offset: 0, first: missing, last, witness }
    })?;
    let mut closed = Closed { expected, sealed: Vec::new(), bytes: 0 };
    let mut heads = segments.iter().rev().map(|segment| find_head(disk, *segment)).collect::<Result<Vec<_>, _>>()?;
    for pair in segments.windows(2) {
        let (Some(found), Some((next, _))) = (heads.pop(), heads.last()) else { break };
        closed.take(disk, pair[0], found, next, known)?;
    }
    Ok(closed)
}

impl Closed {
    /// Takes the next segment; `next` is the head of the one behind it.
    fn take<D: Disk>(
        &mut self,
        disk: &D,
        segment: SegmentName,
        (header, index): (Header, Option<Index>),
        next: &Header,
        known: &[Known],
    ) -> Result<(), OpenError> {
        self.expected.check(&segment.path(), &header)?;
        let (first, last) = (segment.first, next.first() - 1);
        let length = disk.open_to_read(&segment.path())?.len()?;
        if let Some(index) = index.as_ref().filter(|index| index.last < last) {
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
        let index = match index.filter(fits) {
            None if segment.sealed => Some(reindex(disk, first, next, &mut || Ok(())).map_err(because)?),
            fitting => fitting,
        };
        let holds_mark = |known: &Known| (first - 1..last).contains(&known.mark.position);
        let applied = known.iter().filter(|known| known.by == Witness::Store).map(|known| known.mark.position).max();
        let (digest, frontier) = if known.iter().any(holds_mark) {
            let scan = scan(disk, first, known)?;
            (Some(scan.digest.finish()), scan.fault.is_none().then_some(scan.frontier))
        } else {
            match &index {
                Some(index) if applied.is_some_and(|applied| applied >= last) => (Some(index.digest), None),
                _ => (text_digest(disk, first)?, None),
            }
        };
        if next.previous != digest {
            return Err(find_fault(disk, segment, next)?);
        }
        self.bytes += index.as_ref().map_or(length, |index| index.length);
        self.sealed.extend(index);
        self.expected = ExpectedHead { previous: Some(digest), frontier };
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

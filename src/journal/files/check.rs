//! Reads a whole journal and says whether it is what was written.

use super::disk::Disk;
use super::dropped::Dropped;
use super::entries::segment_head;
use super::error::{Damage, OpenError, ReadError};
use super::header::{Header, SegmentName, list_segments, segment_path};
use super::heads::ExpectedHead;
use super::index::IndexError;
use super::scan::{Scan, scan};
use super::seal::{SealError, check_sealed};
use crate::domain::ids::Position;

/// What is to be done about an index that is not what its segment says: it is told the first position of the segment, which is
/// whole, and the head of the next.
pub type Unusable<'a> = &'a mut dyn FnMut(Position, &Header, IndexError) -> Result<(), SealError>;

/// Reads every segment from its first byte to its last: checksums, positions, commits, the Merkle tree across segments, the SHA-256
/// by which each names the one before, and the indexes of sealed ones. `progress` is told the last position of each. Says how many
/// there are.
///
/// # Errors
/// The first fault, but for indexes that `unusable` takes; nothing else is written.
pub fn check_all<D: Disk>(
    disk: &D,
    mut progress: impl FnMut(Position),
    unusable: Unusable<'_>,
) -> Result<usize, OpenError> {
    let mut segments = 0;
    let end = |last: Position| {
        segments += 1;
        progress(last);
    };
    match check_each(disk, end, unusable) {
        Ok(_) => Ok(segments),
        Err(SealError::Read(error)) => Err(error.into()),
        Err(SealError::Index(IndexError::Io(error)) | SealError::Io(error)) => Err(error.into()),
        Err(SealError::Index(IndexError::Unusable { first, file, why })) => {
            Err(Damage { file, offset: 0, position: first, why }.into())
        }
    }
}

/// The same; gives the last segment as it was read.
pub(super) fn check_each<D: Disk>(
    disk: &D,
    mut progress: impl FnMut(Position),
    unusable: Unusable<'_>,
) -> Result<Option<Scan>, SealError> {
    let segments = list_segments(disk)?;
    let Some(first) = segments.first().map(|segment| segment.first) else { return Ok(None) };
    let mut expected = beginning(disk, first)?;
    let mut last = None;
    for (number, segment) in segments.iter().enumerate() {
        let next = segments.get(number + 1).map(|next| segment_head(disk, next.first)).transpose()?;
        let read = check_segment(disk, *segment, &expected, next.as_ref(), unusable)?;
        progress(read.frontier.size());
        expected = ExpectedHead { previous: None, frontier: Some(read.frontier.clone()) };
        last = Some(read);
    }
    Ok(last)
}

/// What must hold for the first segment that is there.
pub(super) fn beginning(disk: &impl Disk, first: Position) -> Result<ExpectedHead, ReadError> {
    let dropped = Dropped::before(disk, first)?;
    ExpectedHead::first(dropped.as_ref(), first).map_err(|missing| {
        let why = "this segment is missing, and nothing says that it was dropped".to_owned();
        Damage { file: segment_path(missing), offset: 0, position: missing, why }.into()
    })
}

/// Reads a segment; `next` is the head of the one behind it.
fn check_segment<D: Disk>(
    disk: &D,
    segment: SegmentName,
    expected: &ExpectedHead,
    next: Option<&Header>,
    unusable: Unusable<'_>,
) -> Result<Scan, SealError> {
    let file = segment.path();
    let read = scan(disk, segment.first, &[])?;
    expected.check(&file, &read.header).map_err(ReadError::from)?;
    if let Some(fault) = read.fault {
        return Err(ReadError::from(fault.damage).into());
    }
    let Some(next) = next else {
        if segment.sealed {
            let (offset, position) = (read.good_end, read.frontier.size() + 1);
            let why = "the open segment behind it is missing".to_owned();
            return Err(ReadError::from(Damage { file, offset, position, why }).into());
        }
        return Ok(read);
    };
    // A frontier that is another is the next one's fault, which its own turn tells.
    if Some(read.digest.clone().finish()) != next.previous {
        let why = "the SHA-256 of the whole text is not the one the next segment has for it".to_owned();
        return Err(ReadError::from(Damage { file, offset: 0, position: segment.first, why }).into());
    }
    if segment.sealed {
        match check_sealed(disk, segment.first, next, &mut || Ok(())) {
            Err(SealError::Index(error @ IndexError::Unusable { .. })) => unusable(segment.first, next, error)?,
            checked => checked?,
        }
    }
    Ok(read)
}

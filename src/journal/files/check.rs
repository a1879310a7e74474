//! Reads a whole journal and says whether it is what was written.

use super::disk::Disk;
use super::entries::open_segment;
use super::error::{Damage, OpenError};
use super::header::list_segments;
use super::index::IndexError;
use super::merkle::to_hash;
use super::scan::scan;
use super::seal::{SealError, check_sealed};
use crate::domain::ids::Position;

/// What was read and is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Checked {
    /// Segments.
    pub segments: usize,
    /// The last position.
    pub head: Position,
}

/// Reads every segment from its first byte to its last: checksums, positions, commits, the Merkle tree across segments, the SHA-256
/// by which each names the one before, and the indexes of sealed ones. `progress` is told the last position of each.
///
/// # Errors
/// The first fault; nothing is written.
pub fn check_all<D: Disk>(disk: &D, mut progress: impl FnMut(Position)) -> Result<Checked, OpenError> {
    let segments = list_segments(disk)?;
    let mut before: Option<super::scan::Scan> = None;
    for (number, segment) in segments.iter().enumerate() {
        let read = scan(disk, segment.first, &[])?;
        if let Some(fault) = &read.fault {
            return Err(fault.damage.clone().into());
        }
        if let Some(before) = before.take() {
            let continues = read.header.frontier == before.frontier;
            if !continues || read.header.previous != Some(to_hash(before.digest.finish())) {
                let why = "the segment's first line does not continue the segment before it".to_owned();
                return Err(Damage { file: segment.path(), offset: 0, position: segment.first, why }.into());
            }
        }
        if segment.sealed
            && let Some(next) = segments.get(number + 1)
        {
            let next = open_segment(disk, next.first)?.header;
            check_sealed(disk, segment.first, &next, &mut || Ok(())).map_err(|error| match error {
                SealError::Read(error) => error.into(),
                SealError::Index(IndexError::Io(error)) | SealError::Io(error) => OpenError::Io(error),
                SealError::Index(IndexError::Unusable { file, why }) => {
                    Damage { file, offset: 0, position: segment.first, why }.into()
                }
            })?;
        }
        progress(read.frontier.size());
        before = Some(read);
    }
    Ok(Checked { segments: segments.len(), head: before.map_or(0, |last| last.frontier.size()) })
}

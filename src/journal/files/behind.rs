//! What stands in the segments and is not covered by the anchor.

use super::anchor::Anchor;
use super::backup::BackupError;
use super::disk::Disk;
use super::entries::open_segment;
use super::frame::decode;
use super::header::list_segments;
use crate::domain::ids::Position;

/// How far the anchor and the segments reach.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Behind {
    /// The position that the anchor covers.
    pub anchored: Position,
    /// The last entry that the segments show, durable or not: everything that was acknowledged is at or below it.
    pub written: Position,
}

/// How far the anchor and the segments reach, where the anchor does not cover all that is in them, or what was there before:
/// up to `before`.
///
/// # Errors
/// [`BackupError`], also where there is no anchor to believe.
pub fn behind_anchor<D: Disk>(disk: &D, before: Option<Position>) -> Result<Option<Behind>, BackupError> {
    // First: the segments go on growing, and what comes meanwhile is asked of nobody.
    let written = before.map_or_else(|| written_through(disk), Ok)?;
    let mark = Anchor::look(disk)?.mark();
    let anchored = mark.ok_or_else(|| BackupError::Refused("the anchor cannot be read".to_owned()))?.position;
    Ok((anchored < written).then_some(Behind { anchored, written }))
}

/// The last entry that the segments show: by its line, or by a later line that calls it durable although something before that is
/// damaged.
fn written_through<D: Disk>(disk: &D) -> Result<Position, BackupError> {
    let Some(last) = list_segments(disk)?.pop() else { return Ok(0) };
    let mut lines = open_segment(disk, last.first)?.lines;
    let (mut unbroken, mut durable) = (last.first - 1, 0);
    while let Some(raw) = lines.next()? {
        if let Ok(line) = decode(raw.bytes)
            && raw.ended
        {
            durable = durable.max(line.durable);
            unbroken += u64::from(line.position == unbroken + 1);
        }
    }
    Ok(unbroken.max(durable))
}

//! Retention: the oldest segments are taken away, and a base stands in for them.
//!
//! The order is what makes it safe: the base, read back; what is dropped, in a file; the event; and only then the segments go. A
//! crash leaves a journal that opens, and the drop is asked for again.

use super::base::{BaseError, keep_or_write_base};
use super::engine::EngineError;
use super::files::archive::sealed_before;
use super::files::backup::BackupError;
use super::files::disk::{Disk, remove_if_there};
use super::files::dropped::{Dropped, base_path};
use super::files::entries::segment_head;
use super::files::header::{JOURNAL, index_path, list_segments, sealed_path};
use super::files::index::Index;
use super::journal::{AppendError, Commit, Journal};
use crate::domain::ids::Position;
use crate::domain::system::SystemEvent;
use crate::domain::time::{Span, Timestamp};
use std::io;

/// Why history was not dropped.
#[derive(Debug, thiserror::Error)]
pub enum DropError {
    /// The segments cannot be read.
    #[error(transparent)]
    Segments(#[from] BackupError),
    /// The base cannot be written.
    #[error("the base that is to stand in for the dropped segments: {0}; nothing was dropped")]
    Base(#[from] BaseError),
    /// The journal failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The journal did not take the event.
    #[error("{0}; nothing was dropped")]
    Append(#[from] AppendError),
    /// There is no room for the event. What to do is told with it.
    #[error("the disk is nearly full: {0}; nothing was dropped")]
    Full(String),
    /// The disk failed.
    #[error("{0}; run the command again to go on")]
    Io(#[from] io::Error),
}

/// The oldest segments, as far as all their entries were decided before an instant: sealed ones, never the open one.
///
/// # Errors
/// Where the index of one cannot be used.
pub fn droppable(disk: &impl Disk, before: Timestamp) -> Result<Vec<Index>, BackupError> {
    let segments = list_segments(disk)?;
    let sealed = sealed_before(disk, before)?;
    let oldest = segments.iter().zip(sealed).take_while(|(segment, index)| segment.first == index.first());
    Ok(oldest.map(|(_, index)| index).collect())
}

/// Drops segments that [`droppable`] gave, at least one, at the instant `at`. `commit` wraps the event that records it. Afterwards
/// the journal must be opened anew.
///
/// # Errors
/// [`DropError`]
pub fn drop_history<D: Disk>(
    disk: &D,
    mut journal: Journal,
    segments: &[Index],
    at: Timestamp,
    commit: impl FnOnce(SystemEvent) -> Commit,
) -> Result<Dropped, DropError> {
    let Some(last) = segments.last() else {
        return Err(BackupError::Refused("there is nothing to drop".to_owned()).into());
    };
    let next = segment_head(disk, last.last + 1).map_err(BackupError::from)?;
    let newest = segments.iter().map(|index| index.span.1).max().unwrap_or_default();
    // A clock that once was ahead must not make sessions that are yet to begin look like dropped ones.
    let until = newest.min(at) + Span(1);
    let engine = journal.engine();
    let frontier = engine.applied_frontier();
    let base = frontier.size();
    let base_digest = keep_or_write_base(disk, &*engine.store(), &frontier)?;
    let dropped = Dropped { frontier: next.frontier, previous: last.digest, until, base, base_digest };
    dropped.put(disk)?;
    let event = SystemEvent::HistoryDropped { through: dropped.through(), until, base };
    for answer in journal.append(vec![commit(event)])? {
        answer.map_err(|error| match error {
            AppendError::Full => DropError::Full(journal.room().to_string()),
            error => error.into(),
        })?;
    }
    journal.mark(true)?;
    drop(journal);
    for index in segments {
        remove_if_there(disk, &sealed_path(index.first()))?;
        remove_if_there(disk, &index_path(index.first()))?;
        // One by one: a power cut may keep any of several removals, and a gap in the middle is damage.
        disk.sync_dir(JOURNAL)?;
    }
    sweep(disk, &dropped)?;
    Ok(dropped)
}

/// Removes the bases of earlier drops, and indexes that a drop cut short has left without their segments.
fn sweep(disk: &impl Disk, dropped: &Dropped) -> io::Result<()> {
    let kept = base_path(dropped.base);
    for name in disk.list(JOURNAL)? {
        let path = format!("{JOURNAL}/{name}");
        let first = name.strip_suffix(".idx").and_then(|digits| digits.parse::<Position>().ok());
        let is_left_over = first.is_some_and(|first| first <= dropped.through());
        if is_left_over || name.starts_with("base-") && path != kept {
            remove_if_there(disk, &path)?;
        }
    }
    disk.sync_dir(JOURNAL)
}

//! Copies of sealed segments in a directory of their own, and whether they are whole there.

use super::backup::BackupError;
use super::copy::{Content, content_on_disk, copy};
use super::disk::{Disk, DiskFile};
use super::header::{JOURNAL, index_path, list_segments, sealed_path};
use super::index::{Index, IndexError};
use super::source::text_digest;
use crate::domain::time::Timestamp;
use std::io;

/// What was copied to an archive.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Archived {
    /// Segments copied.
    pub segments: u64,
    /// Bytes copied, indexes included.
    pub bytes: u64,
    /// Segments that were there before.
    pub there: u64,
}

/// The sealed segments whose entries were all decided before an instant, by their indexes, oldest first.
///
/// # Errors
/// Where an index cannot be used: a start of the server makes it again.
pub fn sealed_before(disk: &impl Disk, before: Timestamp) -> Result<Vec<Index>, BackupError> {
    let mut found = Vec::new();
    for segment in list_segments(disk)?.iter().filter(|segment| segment.sealed) {
        let index = Index::read(disk, segment.first).map_err(|error| match error {
            IndexError::Io(error) => BackupError::Io(error),
            unusable @ IndexError::Unusable { .. } => {
                BackupError::Refused(format!("{unusable}; a start of the server makes it again"))
            }
        })?;
        if index.span.1 < before {
            found.push(index);
        }
    }
    Ok(found)
}

/// Copies sealed segments and their indexes to `to`, where they are not there yet, and reads back what was written.
///
/// # Errors
/// [`BackupError`]; what was copied before stays, and counts when it is asked again.
pub fn archive<S: Disk, T: Disk>(from: &S, segments: &[Index], to: &T) -> Result<Archived, BackupError> {
    match to.create_dir(JOURNAL) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error.into()),
        _ => to.sync_dir("")?,
    }
    let mut archived = Archived::default();
    for index in segments {
        let (sealed, index_file) = (sealed_path(index.first()), index_path(index.first()));
        match Index::read(to, index.first()) {
            Ok(found) if found.is_of_the_same_text(index) && is_there(to, &found)? => archived.there += 1,
            Ok(found) if !found.is_of_the_same_text(index) => {
                let why = format!("{index_file} is there and is of another journal: name another directory");
                return Err(BackupError::Refused(why));
            }
            _ => {
                archived.bytes += copy(from, &sealed, to)?.length + copy(from, &index_file, to)?.length;
                archived.segments += 1;
                check_archived(to, index)?;
            }
        }
    }
    Ok(archived)
}

fn is_there(disk: &impl Disk, index: &Index) -> io::Result<bool> {
    let file = disk.find(&sealed_path(index.first()))?;
    Ok(file.is_some_and(|file| file.len().is_ok_and(|length| length == index.compressed)))
}

/// Reads an archived segment and its index in full and compares them with `index`, which a journal has of the segment.
///
/// # Errors
/// [`BackupError`] names the file that is missing or another.
pub fn check_archived(disk: &impl Disk, index: &Index) -> Result<(), BackupError> {
    let (sealed, index_file) = (sealed_path(index.first()), index_path(index.first()));
    let refused = |file: &str, why: &str| BackupError::Refused(format!("{file} {why}"));
    let found = match content_on_disk(disk, &sealed) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(refused(&sealed, "is not there")),
        Err(error) => return Err(error.into()),
    };
    let theirs = Index::read(disk, index.first())?;
    if !theirs.is_of_the_same_text(index) {
        return Err(refused(&index_file, "does not say what the journal's own copy says"));
    }
    // A segment that was mended may have been compressed by another version since: then its text tells.
    let whole = found == Content { length: theirs.compressed, digest: theirs.compressed_digest };
    if !whole || (theirs != *index && text_digest(disk, index.first())? != Some(index.digest)) {
        return Err(refused(&sealed, "does not hold what the journal's own copy holds"));
    }
    Ok(theirs.check_records(disk)?)
}

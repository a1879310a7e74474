//! Back-ups: a copy of everything that a journal cannot be rebuilt from, made beside a running server, and read in full before
//! anything is made from it.

use super::files::anchor::Anchor;
use super::files::backup::{
    BackupError, Copied, CopiedSegments, LinkFrom, Marker, begin_filling, check_files, check_segments, copy_segments,
    end_filling, put_anchor, put_file,
};
use super::files::data_dir::{FORMAT_FILE, KEYS as KEYS_DIR};
use super::files::disk::Disk;
use super::files::header::JOURNAL;
use super::key_file::KEYS;
use crate::crypto::{KeyRecord, MasterKey};
use crate::domain::time::Timestamp;

/// How often the keys are read again where a record of them is just being written.
const TRIES: usize = 16;

/// A back-up that was made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BackedUp {
    /// What it says of itself.
    pub marker: Marker,
    /// Bytes that were not written, because an older back-up has them.
    pub linked: u64,
}

/// Copies the journal on `from`, which may be in use, into the empty directory `to`. Sealed segments that an older back-up has
/// get a second name there instead. Nothing is written to `from`.
///
/// # Errors
/// [`BackupError`]; what was copied is no finished back-up then.
pub fn back_up<S: Disk, T: Disk>(
    from: &S,
    to: &T,
    older: Option<LinkFrom<'_, S>>,
    made_at: Timestamp,
) -> Result<BackedUp, BackupError> {
    begin_filling(to)?;
    to.create_dir(JOURNAL)?;
    to.create_dir(KEYS_DIR)?;
    to.sync_dir("")?;
    let CopiedSegments { mark, origin, bytes, linked, dropped } = copy_segments(from, to, older)?;
    // Behind the segments, because a key is durable before the first event that needs it.
    let mut files = vec![put_file(to, KEYS, &read_keys(from)?)?, put_file(to, FORMAT_FILE, &from.read(FORMAT_FILE)?)?];
    files.push(put_anchor(to, mark)?);
    let bytes = bytes + files.iter().map(|file| file.length).sum::<u64>();
    files.extend(dropped);
    let marker = Marker { origin, mark, made_at, bytes, files };
    marker.put(to)?;
    end_filling(to)?;
    Ok(BackedUp { marker, linked })
}

/// The records of the keys, each whole. What a crash left at the end belongs to nobody.
fn read_keys(disk: &impl Disk) -> Result<Vec<u8>, BackupError> {
    for _ in 0..TRIES {
        let mut bytes = disk.read(KEYS)?;
        let (records, _) = bytes.as_chunks::<{ KeyRecord::LEN }>();
        let whole = |record: &[u8; KeyRecord::LEN]| KeyRecord::decode(record).is_ok();
        let kept = records.iter().rposition(whole).map_or(0, |last| last + 1);
        if records[..kept].iter().all(whole) && kept > 0 {
            bytes.truncate(kept * KeyRecord::LEN);
            return Ok(bytes);
        }
    }
    Err(BackupError::Refused(format!(
        "{KEYS} is damaged: a server does not start with it; run `countersign journal repair --from-backup DIR` with another back-up"
    )))
}

/// Reads a back-up in full, every byte, and tries the master key on every key in it. Writes nothing.
///
/// # Errors
/// [`BackupError`] names what is missing, damaged or another than when the back-up was made.
pub fn check_backup<D: Disk>(disk: &D, master: &MasterKey) -> Result<Marker, BackupError> {
    let refused = |why: &str| BackupError::Refused(why.to_owned());
    let marker = Marker::read(disk)?.ok_or_else(|| {
        refused("it has no file `backup` that can be believed, so it is no finished back-up; use another one")
    })?;
    let names = |path: &str| marker.files.iter().any(|file: &Copied| file.path == path);
    if !names(KEYS) || !names(FORMAT_FILE) || !names(super::files::anchor::ANCHOR) {
        return Err(refused("its file `backup` does not name the files that every back-up has"));
    }
    check_files(disk, &marker.files)?;
    let anchor = Anchor::look(disk)?;
    if anchor.mark() != Some(marker.mark) || !anchor.clean() {
        return Err(refused("its anchor is not the one of its last entry"));
    }
    check_segments(disk, marker.mark)?;
    check_keys(disk, master)?;
    Ok(marker)
}

fn check_keys(disk: &impl Disk, master: &MasterKey) -> Result<(), BackupError> {
    let bytes = disk.read(KEYS)?;
    let (records, rest) = bytes.as_chunks::<{ KeyRecord::LEN }>();
    if records.is_empty() || !rest.is_empty() {
        return Err(BackupError::Refused(format!("{KEYS} is cut short")));
    }
    for record in records {
        let record = KeyRecord::decode(record).map_err(|error| BackupError::Refused(format!("{KEYS}: {error}")))?;
        if !record.is_erased() {
            record.unwrap(master).map_err(|error| BackupError::Refused(error.to_string()))?;
        }
    }
    Ok(())
}

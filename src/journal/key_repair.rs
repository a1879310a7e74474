//! Records of `keys/keys` that are damaged, taken from a back-up.

use super::catch_up::owners;
use super::engine::EngineError;
use super::files::disk::{Disk, DiskFile, put_whole};
use super::key_file::{KEYS, KeysError, claimed_owner, read};
use super::store::Store;
use crate::crypto::sealing::KeyRecordError;
use crate::crypto::{KeyRecord, owner_digest};
use std::collections::HashSet;

type Digest = [u8; 32];
type Record = [u8; KeyRecord::LEN];

/// What the entries say of the owners of keys.
#[derive(Default)]
pub struct Owners {
    needed: HashSet<Digest>,
    erased: HashSet<Digest>,
}

impl Owners {
    /// As a whole store knows them.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn of(store: &dyn Store) -> Result<Self, EngineError> {
        let (erased, needed): (Vec<_>, Vec<_>) = owners(store)?.into_iter().partition(|(_, erased)| *erased);
        let digests = |owners: Vec<(crate::domain::ids::Owner, bool)>| {
            owners.iter().map(|(owner, _)| owner_digest(owner)).collect::<HashSet<_>>()
        };
        Ok(Self { needed: digests(needed), erased: digests(erased) })
    }
}

/// Which records are damaged and needed, by number; none where a start would not mind. `None`: there is no file.
///
/// # Errors
/// Where the disk fails.
pub fn damaged_keys<D: Disk>(disk: &D, owners: &Owners) -> Result<Option<Vec<usize>>, KeysError> {
    let bytes = match read(disk) {
        Ok(bytes) => bytes,
        Err(KeysError::Gone) => return Ok(None),
        Err(error) => return Err(error),
    };
    let (records, _) = bytes.as_chunks::<{ KeyRecord::LEN }>();
    Ok(Some(damaged(records, owners)))
}

fn damaged(records: &[Record], owners: &Owners) -> Vec<usize> {
    let read: Vec<_> = records.iter().map(KeyRecord::decode).collect();
    let whole: HashSet<Digest> = read.iter().flatten().map(|record| *record.owner_digest()).collect();
    let lacks = owners.needed.iter().any(|owner| !whole.contains(owner));
    let last = read.iter().rposition(Result::is_ok).unwrap_or(0);
    let is_bad = |at: &usize| {
        matches!(read[*at], Err(KeyRecordError::Checksum)) && !owners.erased.contains(&claimed_owner(&records[*at]))
    };
    (0..records.len()).filter(is_bad).filter(|at| *at < last || *at < 2 || lacks).collect()
}

/// Takes damaged records, or all where the file is missing, from the back-up's file: those that are whole there, of the same
/// owner, and of nobody who was erased since. Says how many were taken, and how many are still damaged.
///
/// # Errors
/// Where a disk fails.
pub fn repair_keys<D: Disk, B: Disk>(disk: &D, backup: &B, owners: &Owners) -> Result<(usize, usize), KeysError> {
    let bad = damaged_keys(disk, owners)?;
    if bad.as_ref().is_some_and(Vec::is_empty) {
        return Ok((0, 0));
    }
    let theirs = match read(backup) {
        Ok(theirs) => theirs,
        Err(KeysError::Gone) => return Ok((0, bad.map_or(1, |bad| bad.len()))),
        Err(error) => return Err(error),
    };
    let (theirs, _) = theirs.as_chunks::<{ KeyRecord::LEN }>();
    let usable =
        |record: &Record| KeyRecord::decode(record).is_ok_and(|record| !owners.erased.contains(record.owner_digest()));
    let (mut ours, bad) = match bad {
        None => (theirs.iter().copied().filter(usable).collect::<Vec<_>>(), Vec::new()),
        Some(bad) => (read(disk)?.as_chunks::<{ KeyRecord::LEN }>().0.to_vec(), bad),
    };
    let mut taken = if bad.is_empty() { ours.len() } else { 0 };
    for at in bad {
        let owner = claimed_owner(&ours[at]);
        let same = |record: &&Record| claimed_owner(record) == owner;
        let Some(record) = theirs.get(at).filter(same).filter(|record| usable(record)) else { continue };
        ours[at] = *record;
        taken += 1;
    }
    if taken > 0 {
        put_whole(disk, KEYS, |file| file.write_at(0, &ours.concat()))?;
    }
    let left = damaged_keys(disk, owners)?.map_or(1, |bad| bad.len());
    Ok((taken, left))
}

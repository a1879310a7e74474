//! Records of `keys/keys` that are damaged, taken from a back-up.

use super::catch_up::owners;
use super::engine::EngineError;
use super::files::disk::{Disk, DiskFile, put_whole};
use super::key_file::{KEYS, KeysError, claimed_owner, read};
use super::store::StoreRead;
use crate::crypto::sealing::KeyRecordError;
use crate::crypto::{KeyRecord, MasterKey, UnwrapError, owner_digest};
use std::collections::HashSet;

type Digest = [u8; 32];
type Record = [u8; KeyRecord::LEN];

/// What the entries say of the owners of keys.
#[derive(Default)]
pub struct Owners {
    needed: HashSet<Digest>,
    erased: HashSet<Digest>,
    /// Whether a start drops what stands behind the last key of all these.
    drops_others: bool,
}

impl Owners {
    /// As a whole store knows them.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn of(store: &dyn StoreRead) -> Result<Self, EngineError> {
        let (erased, needed): (Vec<_>, Vec<_>) = owners(store)?.into_iter().partition(|(_, erased)| *erased);
        let digests = |owners: Vec<(crate::domain::ids::Owner, bool)>| {
            owners.iter().map(|(owner, _)| owner_digest(owner)).collect::<HashSet<_>>()
        };
        Ok(Self { needed: digests(needed), erased: digests(erased), drops_others: false })
    }

    /// The same where there are no others, and a crash explains what stands behind the last key of these: a start drops that,
    /// whole or torn, so it is no damage.
    pub fn after_a_crash(self) -> Self {
        Self { drops_others: true, ..self }
    }

    fn knows(&self, owner: &Digest) -> bool {
        self.needed.contains(owner) || self.erased.contains(owner)
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
    // A start overwrites those first, whatever they hold.
    let is_erased = |at: usize| owners.erased.contains(&claimed_owner(&records[at]));
    let is_needed = |at: &usize| match &read[*at] {
        Ok(record) => !owners.drops_others || owners.knows(record.owner_digest()),
        Err(_) => is_erased(*at),
    };
    let last = (0..records.len()).rev().find(is_needed).unwrap_or(0);
    let is_bad = |at: &usize| matches!(read[*at], Err(KeyRecordError::Checksum)) && !is_erased(*at);
    (0..records.len()).filter(is_bad).filter(|at| *at < last || *at < 2 || lacks).collect()
}

/// What became of damaged records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeysMended {
    /// How many were taken.
    pub taken: usize,
    /// How many are still damaged.
    pub left: usize,
    /// How many of those the back-up has, wrapped by another master key.
    pub locked: usize,
}

/// What a record of a back-up is good for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Theirs {
    Usable,
    Locked,
    Useless,
}

impl Theirs {
    /// A record that the master key does not open would look whole for ever, and open for nobody.
    fn of(record: &Record, owners: &Owners, master: &MasterKey) -> Self {
        let Ok(record) = KeyRecord::decode(record) else { return Self::Useless };
        let owner = record.owner_digest();
        if owners.erased.contains(owner) {
            return Self::Useless;
        }
        match record.unwrap(master) {
            Ok(_) => Self::Usable,
            Err(UnwrapError::WrongMasterKey) => Self::Locked,
            // A back-up of another life of the journal, in which somebody was erased who lives here.
            Err(UnwrapError::Erased) if owners.needed.contains(owner) => Self::Useless,
            Err(UnwrapError::Erased) => Self::Usable,
        }
    }
}

/// Takes damaged records, or all where the file is missing, from the back-up's file: those that are whole there, of the same
/// owner, of nobody who was erased since, and that the master key opens.
///
/// # Errors
/// Where a disk fails, or the master key is not the one of this file.
pub fn repair_keys<D: Disk, B: Disk>(
    disk: &D,
    backup: &B,
    owners: &Owners,
    master: &MasterKey,
) -> Result<KeysMended, KeysError> {
    let bad = damaged_keys(disk, owners)?;
    if bad.as_ref().is_some_and(Vec::is_empty) {
        return Ok(KeysMended::default());
    }
    let theirs = match read(backup) {
        Ok(theirs) => theirs,
        Err(KeysError::Gone) => return Ok(KeysMended { left: bad.map_or(1, |bad| bad.len()), ..Default::default() }),
        Err(error) => return Err(error),
    };
    let (theirs, _) = theirs.as_chunks::<{ KeyRecord::LEN }>();
    let judge = |record: &Record| Theirs::of(record, owners, master);
    let (mut taken, mut locked) = (0, 0);
    let ours = if let Some(bad) = bad {
        let mut ours = read(disk)?.as_chunks::<{ KeyRecord::LEN }>().0.to_vec();
        refuse_other(&ours, master)?;
        for at in bad {
            let owner = claimed_owner(&ours[at]);
            let same = theirs.get(at).filter(|record| claimed_owner(record) == owner);
            let Some(record) = same else { continue };
            match judge(record) {
                Theirs::Usable => (ours[at], taken) = (*record, taken + 1),
                Theirs::Locked => locked += 1,
                Theirs::Useless => {}
            }
        }
        ours
    } else {
        let ours: Vec<_> = theirs.iter().copied().filter(|record| judge(record) == Theirs::Usable).collect();
        locked = usize::from(theirs.iter().any(|record| judge(record) == Theirs::Locked));
        taken = ours.len();
        ours
    };
    if taken > 0 {
        put_whole(disk, KEYS, |file| file.write_at(0, &ours.concat()))?;
    }
    let left = damaged_keys(disk, owners)?.map_or(1, |bad| bad.len());
    Ok(KeysMended { taken, left, locked: locked.min(left) })
}

/// Refuses a master key that opens none of the records that are whole: what it opens in a back-up would not fit beside them.
fn refuse_other(ours: &[Record], master: &MasterKey) -> Result<(), KeysError> {
    let whole = ours.iter().filter_map(|record| KeyRecord::decode(record).ok());
    let mut live = whole.filter(|record| !record.is_erased()).peekable();
    let is_other = live.peek().is_some() && live.all(|record| record.unwrap(master).is_err());
    if is_other { Err(UnwrapError::WrongMasterKey.into()) } else { Ok(()) }
}

//! `keys/keys`: every key of the journal, wrapped by the master key. What is sealed is readable as long as its key is here;
//! erasure destroys one.
//!
//! Records have a fixed size and are appended, and a record is overwritten only to destroy its key. A key is durable before
//! the first event that needs it, so behind the last key of a known owner a power cut may leave anything: whole records,
//! torn ones, holes. Which owners are known only the entries tell, so [`KeyFile::settle`] judges, and not the opening.

use super::engine::EngineError;
use super::files::disk::{Disk, DiskFile, TEMPORARY, parent, put_whole};
use super::files::room;
use crate::crypto::sealing::KeyRecordError;
use crate::crypto::{DataKey, KeyKind, KeyRecord, MasterKey, NameKey, RawKey, SealKey, UnwrapError, owner_digest};
use crate::domain::ids::Owner;
use crate::entropy::Entropy;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// The file, relative to the data directory.
pub const KEYS: &str = "keys/keys";
/// The keys that every file begins with.
const FIXED: [KeyKind; 2] = [KeyKind::Seal, KeyKind::Name];
/// Unwrapped data keys kept at hand; beyond that many all are forgotten and unwrapped again as needed.
const OPEN_KEYS: usize = 10_000;
/// Room for records that is taken at once, in bytes.
const ROOM_AHEAD: u64 = 16 * 1024;

/// Why the keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The master key is not the one that wrapped them.
    #[error(transparent)]
    Unwrap(#[from] UnwrapError),
    /// A record is not what was written, and it is needed.
    #[error(
        "keys/keys is damaged at byte {offset}: {why}; run `countersign journal repair --from-backup DIR` with a back-up"
    )]
    Damaged {
        /// Where.
        offset: u64,
        /// What is wrong.
        why: String,
    },
    /// A key is not there that must be.
    #[error("keys/keys lacks the {0}; put the keys/keys of a newer back-up in its place")]
    Missing(String),
    /// There is no such file beside a journal with entries.
    #[error(
        "keys/keys is missing, without which the journal cannot be read; run `countersign journal repair --from-backup DIR` with a back-up"
    )]
    Gone,
    /// The operating system refused something.
    #[error("keys/keys: {0}")]
    Io(#[from] std::io::Error),
}

type Digest = [u8; 32];

/// The keys, for sealing and opening. Shared by everybody who does.
pub struct Keys {
    master: MasterKey,
    seal: SealKey,
    name: NameKey,
    wrapped: RwLock<HashMap<Digest, KeyRecord>>,
    open: Mutex<HashMap<Owner, Arc<DataKey>>>,
}

impl Keys {
    /// The key that seals verifiers.
    pub fn seal(&self) -> &SealKey {
        &self.seal
    }

    /// The key that hashes login ids.
    pub fn name(&self) -> &NameKey {
        &self.name
    }

    /// Makes a data key for a new owner. It counts once a commit that carries the record is durable.
    pub fn new_owner(&self, owner: Owner, entropy: &dyn Entropy) -> (KeyRecord, DataKey) {
        let raw = RawKey::generate(entropy);
        (KeyRecord::wrap(&self.master, &KeyKind::Data(owner), &raw, entropy), DataKey::new(&raw))
    }

    /// An owner's data key; `None` where it was destroyed, or never was.
    ///
    /// # Errors
    /// Where its record does not open.
    pub fn data(&self, owner: &Owner) -> Result<Option<Arc<DataKey>>, KeysError> {
        if let Some(key) = self.open.lock().unwrap_or_else(PoisonError::into_inner).get(owner) {
            return Ok(Some(key.clone()));
        }
        let digest = owner_digest(owner);
        let wrapped = self.wrapped.read().unwrap_or_else(PoisonError::into_inner);
        let raw = match wrapped.get(&digest).map(|record| record.unwrap(&self.master)) {
            None | Some(Err(UnwrapError::Erased)) => return Ok(None),
            Some(raw) => raw?,
        };
        let key = Arc::new(DataKey::new(&raw));
        // Kept while the records are locked: an erasure that comes next forgets it.
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() >= OPEN_KEYS {
            open.clear();
        }
        open.insert(owner.clone(), key.clone());
        Ok(Some(key))
    }

    /// From here on there is no key of this owner, whatever the disk still holds.
    fn forget(&self, owner: &Owner, erased: &KeyRecord) {
        let mut wrapped = self.wrapped.write().unwrap_or_else(PoisonError::into_inner);
        wrapped.insert(*erased.owner_digest(), erased.clone());
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(owner);
    }
}

/// A record of a data key in the file.
struct Slot {
    /// The owner's digest, as it stands there.
    owner: Digest,
    holds: Holds,
}

/// What stands in the place of a record.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    Key,
    Erased,
    Damage,
}

impl Slot {
    fn of(record: &KeyRecord) -> Self {
        let holds = if record.is_erased() { Holds::Erased } else { Holds::Key };
        Self { owner: *record.owner_digest(), holds }
    }

    fn is_whole(&self) -> bool {
        self.holds != Holds::Damage
    }
}

/// The file, owned by the writer.
pub struct KeyFile<D: Disk> {
    file: D::File,
    /// What follows the seal and name keys, in order.
    slots: Vec<Slot>,
    /// Whether a piece of a record follows them.
    ragged: bool,
    /// Up to where room was taken.
    allocated: u64,
    keys: Arc<Keys>,
}

impl<D: Disk> KeyFile<D> {
    /// Makes the file of a new journal, with a seal key and a name key. Where a file with keys of owners is there, a crash
    /// left it or the journal it belongs to is gone: it is kept under another name, for it is all that opens a back-up.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn create(disk: &D, master: MasterKey, entropy: &dyn Entropy) -> Result<Self, KeysError> {
        if disk.find(KEYS)?.is_some_and(|file| file.len().is_ok_and(|length| length > offset(0))) {
            set_aside(disk)?;
        }
        let records = FIXED.map(|kind| KeyRecord::wrap(&master, &kind, &RawKey::generate(entropy), entropy).encode());
        put_whole(disk, KEYS, |file| file.write_at(0, &records.concat()))?;
        Self::open(disk, master)
    }

    /// Opens the file.
    ///
    /// # Errors
    /// [`KeysError`]
    pub fn open(disk: &D, master: MasterKey) -> Result<Self, KeysError> {
        remove_half(disk)?;
        let bytes = read(disk)?;
        let (chunks, rest) = bytes.as_chunks::<{ KeyRecord::LEN }>();
        let seal = SealKey::new(&fixed_key(chunks, 0, &master)?);
        let name = NameKey::new(&fixed_key(chunks, 1, &master)?);
        let mut slots = Vec::with_capacity(chunks.len());
        let mut wrapped = HashMap::new();
        for (number, chunk) in chunks.iter().enumerate().skip(FIXED.len()) {
            match KeyRecord::decode(chunk) {
                Ok(record) => {
                    slots.push(Slot::of(&record));
                    wrapped.insert(*record.owner_digest(), record);
                }
                Err(KeyRecordError::Checksum) => {
                    slots.push(Slot { owner: claimed_owner(chunk), holds: Holds::Damage });
                }
                // Neither torn nor rotted: a newer version wrote it, and nothing of its is to be dropped.
                Err(error) => return Err(damaged(number, &error)),
            }
        }
        let keys = Keys { master, seal, name, wrapped: RwLock::new(wrapped), open: Mutex::default() };
        Ok(Self { file: disk.open(KEYS)?, slots, ragged: !rest.is_empty(), allocated: 0, keys: Arc::new(keys) })
    }

    /// The keys.
    pub fn keys(&self) -> Arc<Keys> {
        self.keys.clone()
    }

    /// Takes room for so many more records.
    ///
    /// # Errors
    /// [`room::was_unchanged`] where there is none.
    pub fn prepare(&mut self, records: usize) -> std::io::Result<()> {
        let needed = offset(self.slots.len() + records);
        if records > 0 && needed > self.allocated {
            let length = self.file.len()?;
            self.allocated = room::take(&mut self.file, length, needed, ROOM_AHEAD)?;
        }
        Ok(())
    }

    /// Appends and syncs the records of new owners.
    ///
    /// # Errors
    /// What reached the disk is unknown.
    pub fn append(&mut self, records: &[KeyRecord]) -> std::io::Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        let bytes: Vec<u8> = records.iter().flat_map(KeyRecord::encode).collect();
        self.file.write_at(offset(self.slots.len()), &bytes)?;
        self.file.sync_data()?;
        self.slots.extend(records.iter().map(Slot::of));
        let mut wrapped = self.keys.wrapped.write().unwrap_or_else(PoisonError::into_inner);
        wrapped.extend(records.iter().map(|record| (*record.owner_digest(), record.clone())));
        Ok(())
    }

    /// Destroys an owner's key, durably. Does nothing where it is destroyed or unknown.
    ///
    /// # Errors
    /// What reached the disk is unknown.
    pub fn erase(&mut self, owner: &Owner) -> std::io::Result<()> {
        self.overwrite(&HashMap::from([(owner_digest(owner), owner)]), false)
    }

    /// Overwrites the records of these owners, where they are not overwritten already or must be `again`.
    fn overwrite(&mut self, owners: &HashMap<Digest, &Owner>, again: bool) -> std::io::Result<()> {
        let mut written = false;
        for (number, slot) in self.slots.iter_mut().enumerate() {
            let Some(owner) = owners.get(&slot.owner) else { continue };
            if slot.holds == Holds::Erased && !again {
                continue;
            }
            let erased = KeyRecord::erased(&KeyKind::Data((*owner).clone()));
            self.keys.forget(owner, &erased);
            self.file.write_at(offset(number), &erased.encode())?;
            slot.holds = Holds::Erased;
            written = true;
        }
        if written { self.file.sync_data() } else { Ok(()) }
    }

    /// See [`super::engine::Engine::settle_keys`]. Keys of owners that nobody knows are dropped only after a crash, which
    /// explains them: a journal brought back from a back-up beside newer keys must not cost those keys.
    ///
    /// # Errors
    /// Where a known owner has no key, or the file cannot be written.
    pub fn settle(&mut self, owners: &[(Owner, bool)], crashed: bool) -> Result<(), EngineError> {
        let io = |source| EngineError::Io { doing: "settling keys/keys", source };
        // First, because an overwrite that was cut short leaves a bad record under the owner's name. After a crash those that
        // seem done are done again: where their sync failed, the kernel shows what was never written.
        let erased = owners.iter().filter(|(_, erased)| *erased);
        let erased = erased.map(|(owner, _)| (owner_digest(owner), owner)).collect();
        self.overwrite(&erased, crashed).map_err(io)?;
        let known: HashSet<Digest> = owners.iter().map(|(owner, _)| owner_digest(owner)).collect();
        let is_needed = |slot: &Slot| slot.is_whole() && (known.contains(&slot.owner) || !crashed);
        let needed = self.slots.iter().rposition(is_needed).map_or(0, |last| last + 1);
        self.refuse_loss(owners, needed)?;
        if needed == self.slots.len() && !self.ragged {
            return Ok(());
        }
        let mut wrapped = self.keys.wrapped.write().unwrap_or_else(PoisonError::into_inner);
        for orphan in self.slots.drain(needed..).filter(|slot| !known.contains(&slot.owner)) {
            wrapped.remove(&orphan.owner);
        }
        self.file.truncate(offset(needed)).map_err(io)?;
        self.file.sync_data().map_err(io)?;
        self.ragged = false;
        Ok(())
    }

    /// Refuses where a bad record stands among the first `needed`, or an owner has no record.
    fn refuse_loss(&self, owners: &[(Owner, bool)], needed: usize) -> Result<(), EngineError> {
        let whole: HashSet<Digest> = self.slots.iter().filter(|slot| slot.is_whole()).map(|slot| slot.owner).collect();
        let missing = owners.iter().find(|(owner, erased)| !erased && !whole.contains(&owner_digest(owner)));
        let bad = |slots: &[Slot]| slots.iter().position(|slot| !slot.is_whole());
        // Where a key is missing, a bad record is where it was, behind the needed ones too.
        let bad = if missing.is_some() { bad(&self.slots) } else { bad(&self.slots[..needed]) };
        let error = match (bad, missing) {
            (Some(number), _) => damaged(FIXED.len() + number, &KeyRecordError::Checksum),
            (None, Some((owner, _))) => KeysError::Missing(format!("key of {owner}")),
            (None, None) => return Ok(()),
        };
        Err(EngineError::Damaged(error.to_string()))
    }
}

/// The file's bytes.
pub(super) fn read<D: Disk>(disk: &D) -> Result<Vec<u8>, KeysError> {
    disk.read(KEYS).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => KeysError::Gone,
        _ => error.into(),
    })
}

/// Removes what a crash left of a file that was being written whole: a key in it would outlive its erasure.
fn remove_half<D: Disk>(disk: &D) -> std::io::Result<()> {
    let half = format!("{KEYS}{TEMPORARY}");
    if disk.find(&half)?.is_some() {
        disk.remove(&half)?;
        disk.sync_dir(parent(KEYS))?;
    }
    Ok(())
}

/// Renames the file to a name that is free.
fn set_aside<D: Disk>(disk: &D) -> std::io::Result<()> {
    for number in 1u32.. {
        let name = format!("{KEYS}.unused-{number}");
        if disk.find(&name)?.is_none() {
            disk.rename(KEYS, &name)?;
            break;
        }
    }
    disk.sync_dir(parent(KEYS))
}

/// Where the record of a data key begins, in bytes.
fn offset(slot: usize) -> u64 {
    ((FIXED.len() + slot) * KeyRecord::LEN) as u64
}

pub(super) fn damaged(number: usize, why: &KeyRecordError) -> KeysError {
    KeysError::Damaged { offset: (number * KeyRecord::LEN) as u64, why: why.to_string() }
}

/// The owner's digest in a record that is none: after a torn overwrite it still stands there.
pub(super) fn claimed_owner(chunk: &[u8; KeyRecord::LEN]) -> Digest {
    chunk[2..34].try_into().expect("32 bytes of a longer array")
}

/// One of the keys that begin the file.
pub(super) fn fixed_key(
    chunks: &[[u8; KeyRecord::LEN]],
    number: usize,
    master: &MasterKey,
) -> Result<RawKey, KeysError> {
    let name = || KeysError::Missing(["seal key", "name key"][number].to_owned());
    let record = KeyRecord::decode(chunks.get(number).ok_or_else(name)?).map_err(|error| damaged(number, &error))?;
    if record.is_of(&FIXED[number]) { Ok(record.unwrap(master)?) } else { Err(name()) }
}

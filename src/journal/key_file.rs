//! `keys/keys`: every key of the journal, wrapped by the master key. What is sealed is readable as long as its key is here;
//! erasure destroys one.
//!
//! Records have a fixed size and are appended, and a record is overwritten only to destroy its key. A key is durable before
//! the first event that needs it, so a torn record at the end belongs to nobody.

use super::engine::EngineError;
use super::files::disk::{Disk, DiskFile, put_whole};
use crate::crypto::{DataKey, KeyKind, KeyRecord, MasterKey, NameKey, RawKey, SealKey, UnwrapError, owner_digest};
use crate::domain::ids::Owner;
use crate::entropy::Entropy;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// The file, relative to the data directory.
pub const KEYS: &str = "keys/keys";
/// Unwrapped data keys kept at hand; beyond that many all are forgotten and unwrapped again as needed.
const OPEN_KEYS: usize = 10_000;

/// Why the keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The master key is not the one that wrapped them.
    #[error(transparent)]
    Unwrap(#[from] UnwrapError),
    /// A record is not what was written, and it is not a torn one at the end.
    #[error("keys/keys is damaged at byte {offset}: {why}; restore this file from a back-up")]
    Damaged {
        /// Where.
        offset: u64,
        /// What is wrong.
        why: String,
    },
    /// The file has no seal key or no name key.
    #[error("keys/keys lacks its {0} key; restore this file from a back-up")]
    Missing(&'static str),
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
}

/// The file, owned by the writer.
pub struct KeyFile<D: Disk> {
    file: D::File,
    /// The owners of the data keys, in the order of their records.
    slots: Vec<Digest>,
    /// Records before those of data keys.
    fixed: usize,
    torn: bool,
    keys: Arc<Keys>,
}

impl<D: Disk> KeyFile<D> {
    /// Makes the file of a new journal, with a seal key and a name key. May replace what a crash left.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn create(disk: &D, master: MasterKey, entropy: &dyn Entropy) -> Result<Self, KeysError> {
        let records = [KeyKind::Seal, KeyKind::Name]
            .map(|kind| KeyRecord::wrap(&master, &kind, &RawKey::generate(entropy), entropy).encode());
        put_whole(disk, KEYS, |file| file.write_at(0, &records.concat()))?;
        Self::open(disk, master)
    }

    /// Opens the file.
    ///
    /// # Errors
    /// [`KeysError`]
    pub fn open(disk: &D, master: MasterKey) -> Result<Self, KeysError> {
        let bytes = disk.read(KEYS)?;
        let (records, torn) = decode_all(&bytes)?;
        let find = |kind: KeyKind, name| {
            let record = records.iter().find(|record| record.is_of(&kind)).ok_or(KeysError::Missing(name))?;
            Ok::<_, KeysError>(record.unwrap(&master)?)
        };
        let seal = SealKey::new(&find(KeyKind::Seal, "seal")?);
        let name = NameKey::new(&find(KeyKind::Name, "name")?);
        let data_kind = KeyKind::Data(Owner::System).byte();
        let data: Vec<KeyRecord> = records.iter().filter(|record| record.kind_byte() == data_kind).cloned().collect();
        let fixed = records.len() - data.len();
        let slots = data.iter().map(|record| *record.owner_digest()).collect();
        let wrapped = data.into_iter().map(|record| (*record.owner_digest(), record)).collect();
        let keys = Keys { master, seal, name, wrapped: RwLock::new(wrapped), open: Mutex::default() };
        Ok(Self { file: disk.open(KEYS)?, slots, fixed, torn, keys: Arc::new(keys) })
    }

    /// The keys.
    pub fn keys(&self) -> Arc<Keys> {
        self.keys.clone()
    }

    /// Whether the last record is torn.
    pub fn is_torn(&self) -> bool {
        self.torn
    }

    fn offset(&self, slot: usize) -> u64 {
        ((self.fixed + slot) * KeyRecord::LEN) as u64
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
        self.file.write_at(self.offset(self.slots.len()), &bytes)?;
        self.file.sync_data()?;
        self.slots.extend(records.iter().map(|record| *record.owner_digest()));
        let mut wrapped = self.keys.wrapped.write().unwrap_or_else(PoisonError::into_inner);
        wrapped.extend(records.iter().map(|record| (*record.owner_digest(), record.clone())));
        Ok(())
    }

    /// Destroys an owner's key, durably. Does nothing where it is destroyed or unknown.
    ///
    /// # Errors
    /// What reached the disk is unknown.
    pub fn erase(&mut self, owner: &Owner) -> std::io::Result<()> {
        let digest = owner_digest(owner);
        let erased = KeyRecord::erased(&KeyKind::Data(owner.clone()));
        let slots: Vec<usize> = (0..self.slots.len()).filter(|slot| self.slots[*slot] == digest).collect();
        {
            let mut wrapped = self.keys.wrapped.write().unwrap_or_else(PoisonError::into_inner);
            if wrapped.get(&digest).is_none_or(KeyRecord::is_erased) {
                return Ok(());
            }
            wrapped.insert(digest, erased.clone());
            self.keys.open.lock().unwrap_or_else(PoisonError::into_inner).remove(owner);
        }
        for slot in slots {
            self.file.write_at(self.offset(slot), &erased.encode())?;
        }
        self.file.sync_data()
    }

    /// See [`super::engine::Engine::settle_keys`].
    ///
    /// # Errors
    /// Where a known owner has no key, or the file cannot be written.
    pub fn settle(&mut self, owners: &[(Owner, bool)]) -> Result<(), EngineError> {
        let io = |source| EngineError::Io { doing: "settling keys/keys", source };
        let present: HashSet<Digest> = self.slots.iter().copied().collect();
        let mut known = HashSet::new();
        for (owner, erased) in owners {
            let digest = owner_digest(owner);
            known.insert(digest);
            if !present.contains(&digest) && !*erased {
                let offset = self.offset(self.slots.len());
                let why = "the journal knows an owner whose key is not there; restore this file from a back-up";
                return Err(EngineError::Damaged(format!("keys/keys is damaged at byte {offset}: {why}")));
            }
            if *erased {
                self.erase(owner).map_err(io)?;
            }
        }
        let orphans = self.slots.iter().rev().take_while(|digest| !known.contains(*digest)).count();
        if orphans > 0 || self.torn {
            self.slots.truncate(self.slots.len() - orphans);
            let length = self.offset(self.slots.len());
            self.file.truncate(length).map_err(io)?;
            self.file.sync_data().map_err(io)?;
            self.torn = false;
        }
        Ok(())
    }
}

/// All records, and whether the last one is torn.
fn decode_all(bytes: &[u8]) -> Result<(Vec<KeyRecord>, bool), KeysError> {
    let mut records = Vec::with_capacity(bytes.len() / KeyRecord::LEN);
    let (chunks, rest) = bytes.as_chunks::<{ KeyRecord::LEN }>();
    let mut torn = !rest.is_empty();
    for (number, chunk) in chunks.iter().enumerate() {
        match KeyRecord::decode(chunk) {
            Ok(record) => records.push(record),
            // Several owners may be created by one batch, so several records may be torn; whether one of them was needed
            // is found out when the entries are known.
            Err(_) if chunks[number..].iter().all(|later| KeyRecord::decode(later).is_err()) => {
                torn = true;
                break;
            }
            Err(error) => {
                let offset = (number * KeyRecord::LEN) as u64;
                return Err(KeysError::Damaged { offset, why: error.to_string() });
            }
        }
    }
    Ok((records, torn))
}

//! A store that is never believed alone: its head says how far it has come and a digest over every entry, which each start
//! compares with what is there. It is written behind what the journal has taken: see [`super::write_behind`].

use super::files::merkle::Frontier;
use super::fold::Folded;
use super::keys::STATES;
use super::store::{Store, StoreError, Update, pages};
use super::write_behind::WriteBehind;
use crate::crypto::sha256;
use crate::domain::ids::{Hash, Position};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The format of state records. Another number than the stored one means: rebuild from the segments.
pub const STATE_FORMAT: u32 = 3;
/// The key of the store's own head. Not part of the digest it holds.
const HEAD_KEY: &[u8] = b"m/head";

/// How far a store has come and what it must hold then.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StoreHead {
    /// The last position applied.
    pub applied: Position,
    /// The Merkle frontier over all entries up to it.
    hashes: Vec<Hash>,
    /// The digest over all entries of the store.
    pub digest: Digest,
    /// See [`STATE_FORMAT`].
    pub state_format: u32,
}

impl StoreHead {
    fn new(frontier: &Frontier, digest: Digest) -> Self {
        Self { applied: frontier.size(), hashes: frontier.hashes().to_vec(), digest, state_format: STATE_FORMAT }
    }

    /// Its bytes in the store, with a checksum behind them: it is not part of the digest that it holds.
    ///
    /// # Panics
    /// Never: it is plain data, which can always be encoded.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = postcard::to_stdvec(self).expect("plain data can be encoded");
        let checksum = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// What [`Self::encode`] wrote; `None` for any other bytes.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (bytes, checksum) = bytes.split_last_chunk()?;
        let intact = crc32c::crc32c(bytes) == u32::from_le_bytes(*checksum);
        intact.then(|| postcard::from_bytes(bytes).ok()).flatten()
    }

    /// The Merkle frontier over all entries up to the applied one; `None` where the head contradicts itself.
    pub fn frontier(&self) -> Option<Frontier> {
        Frontier::from_parts(self.applied, self.hashes.clone())
    }
}

/// The sum modulo 2^256 of the SHA-256 of every entry: kept up to date in each batch whatever the order of changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Digest([u64; 4]);

impl Digest {
    fn of(key: &[u8], value: &[u8]) -> Self {
        let mut entry = Vec::with_capacity(4 + key.len() + value.len());
        entry.extend_from_slice(&u32::try_from(key.len()).unwrap_or(u32::MAX).to_le_bytes());
        entry.extend_from_slice(key);
        entry.extend_from_slice(value);
        let hash = sha256(&entry);
        let mut limbs = [0; 4];
        for (limb, bytes) in limbs.iter_mut().zip(hash.chunks_exact(8)) {
            *limb = u64::from_le_bytes(bytes.try_into().expect("chunks of eight bytes"));
        }
        Self(limbs)
    }

    fn add(&mut self, other: Self) {
        let mut carry = false;
        for (limb, other) in self.0.iter_mut().zip(other.0) {
            let (sum, over) = limb.overflowing_add(other);
            let (sum, over_again) = sum.overflowing_add(u64::from(carry));
            (*limb, carry) = (sum, over || over_again);
        }
    }

    fn subtract(&mut self, other: Self) {
        let mut borrow = false;
        for (limb, other) in self.0.iter_mut().zip(other.0) {
            let (rest, under) = limb.overflowing_sub(other);
            let (rest, under_again) = rest.overflowing_sub(u64::from(borrow));
            (*limb, borrow) = (rest, under || under_again);
        }
    }
}

/// A store together with the head that checks it.
pub struct CheckedStore<S> {
    behind: Arc<WriteBehind<S>>,
    /// What stands in the store.
    head: StoreHead,
    /// The Merkle frontier over all entries that were taken.
    taken: Frontier,
}

/// What a store was found to be at start.
#[derive(Debug, PartialEq, Eq)]
pub enum Condition {
    /// It holds exactly what its head says.
    Whole(StoreHead),
    /// Nothing at all.
    Empty,
    /// Anything else, in words.
    Unusable(String),
}

impl<S: Store> CheckedStore<S> {
    /// Reads every entry and compares with the digest.
    pub fn examine(store: &S) -> Condition {
        match Self::read_all(store) {
            Err(StoreError(why)) => Condition::Unusable(why),
            Ok((None, 0, _)) => Condition::Empty,
            Ok((None, entries, _)) => Condition::Unusable(format!("{entries} entries but no head")),
            Ok((Some(head), entries, digest)) => match StoreHead::decode(&head) {
                None => Condition::Unusable("its head cannot be read".to_owned()),
                Some(head) if head.state_format != STATE_FORMAT => {
                    Condition::Unusable(format!("state format {} instead of {STATE_FORMAT}", head.state_format))
                }
                Some(head) if head.applied == 0 => Condition::Unusable("it was not filled to its end".to_owned()),
                Some(head) if head.frontier().is_none() => {
                    Condition::Unusable("its head contradicts itself".to_owned())
                }
                Some(head) if head.digest != digest => {
                    Condition::Unusable(format!("its {entries} entries do not have the digest in its head"))
                }
                Some(head) => Condition::Whole(head),
            },
        }
    }

    fn read_all(store: &S) -> Result<(Option<Vec<u8>>, u64, Digest), StoreError> {
        // A value of lines may have 32 KiB, so this bounds the memory that a start needs.
        const PAGE: usize = 128;
        let (mut head, mut entries, mut digest) = (None, 0, Digest::default());
        for page in pages(store, b"", PAGE) {
            for (key, value) in page? {
                if key == HEAD_KEY {
                    head = Some(value);
                } else {
                    if key.starts_with(STATES) && postcard::from_bytes::<Folded>(&value).is_err() {
                        return Err(StoreError("a state record cannot be read".to_owned()));
                    }
                    entries += 1;
                    digest.add(Digest::of(&key, &value));
                }
            }
        }
        Ok((head, entries, digest))
    }

    /// Goes on from a head that [`Self::examine`] found whole, or from the empty store.
    pub fn new(store: S, head: Option<StoreHead>) -> Self {
        let head = head.unwrap_or_else(|| StoreHead::new(&Frontier::default(), Digest::default()));
        let taken = head.frontier().unwrap_or_default();
        Self { behind: Arc::new(WriteBehind::new(store)), head, taken }
    }

    /// The Merkle frontier over all entries whose updates it has taken.
    pub fn taken(&self) -> &Frontier {
        &self.taken
    }

    /// What is taken and what is written, as one, for looking up.
    pub fn reader(&self) -> Arc<WriteBehind<S>> {
        self.behind.clone()
    }

    /// Takes the updates that the entries under `frontier` make. They can be looked up at once.
    pub fn take(&mut self, updates: Vec<Update>, frontier: &Frontier) {
        self.behind.take(updates);
        self.taken = frontier.clone();
    }

    /// Takes updates that follow from no new entry.
    pub fn amend(&mut self, updates: Vec<Update>) {
        self.behind.take(updates);
    }

    /// Writes what waits if that is at least so much, in small entries of the store. To an empty store it is written at once, and for the
    /// next start to find: one that was there and is empty has lost what was in it.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn write_if(&mut self, at_least: usize) -> Result<(), StoreError> {
        if self.head.applied == 0 {
            self.flush()
        } else if self.behind.waiting() >= at_least {
            self.write()
        } else {
            Ok(())
        }
    }

    /// Writes what waits in one batch with the new head.
    ///
    /// # Errors
    /// Where the store cannot be read or written; its content is unknown then.
    pub fn write(&mut self) -> Result<(), StoreError> {
        let mut changes = self.behind.to_write();
        if changes.is_empty() && self.head.applied == self.taken.size() {
            return Ok(());
        }
        let mut digest = self.head.digest;
        for (key, value) in &changes {
            if let Some(old) = self.behind.store().get(key)? {
                digest.subtract(Digest::of(key, &old));
            }
            if let Some(new) = value {
                digest.add(Digest::of(key, new));
            }
        }
        let head = StoreHead::new(&self.taken, digest);
        changes.push((HEAD_KEY.to_vec(), Some(head.encode())));
        self.behind.store().apply(changes)?;
        self.behind.written();
        self.head = head;
        Ok(())
    }

    /// Writes all that waits where the next start finds it.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn flush(&mut self) -> Result<(), StoreError> {
        self.write()?;
        self.behind.store().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::memory_store::MemoryStore;
    use crate::journal::store::{StoreRead, Value};

    fn frontier(size: u64) -> Frontier {
        let mut frontier = Frontier::default();
        (0..size).for_each(|_| frontier.push(Hash([7; 32])));
        frontier
    }

    fn put(key: &str, value: &str) -> Update {
        (key.as_bytes().to_vec(), Some(Value::Plain(value.as_bytes().to_vec())))
    }

    #[test]
    fn the_digest_follows_every_change_and_tells_any_other_content() {
        let store = MemoryStore::default();
        let mut checked = CheckedStore::new(store.clone(), None);
        checked.take(vec![put("a", "1"), put("b", "2")], &frontier(1));
        checked.write().unwrap();
        checked.take(vec![put("a", "3"), (b"b".to_vec(), None), put("c", "4")], &frontier(2));
        checked.write().unwrap();
        assert_eq!(CheckedStore::examine(&store), Condition::Whole(checked.head.clone()));
        assert_eq!(checked.head.applied, 2);

        let put = |key: &str, value: &str| (key.as_bytes().to_vec(), Some(value.as_bytes().to_vec()));
        store.apply(vec![put("a", "1")]).unwrap();
        assert!(matches!(CheckedStore::examine(&store), Condition::Unusable(_)));
        store.apply(vec![put("a", "3")]).unwrap();
        assert!(matches!(CheckedStore::examine(&store), Condition::Whole(_)));
        store.apply(vec![(b"c".to_vec(), None)]).unwrap();
        assert!(matches!(CheckedStore::examine(&store), Condition::Unusable(_)));
    }

    #[test]
    fn what_is_taken_is_looked_up_before_it_is_written_and_written_when_it_is_enough() {
        let store = MemoryStore::default();
        let mut checked = CheckedStore::new(store.clone(), None);
        checked.take(vec![put("a", "1")], &frontier(1));
        checked.write_if(100).unwrap();
        assert!(store.get(b"a").unwrap().is_some(), "a store that is empty does not wait");
        checked.take(vec![put("b", "2"), put("c", "3")], &frontier(2));
        checked.write_if(3).unwrap();
        assert_eq!(checked.taken().size(), 2);
        assert_eq!(checked.reader().get(b"b").unwrap(), Some(b"2".to_vec()));
        assert_eq!(store.get(b"b").unwrap(), None);
        assert_eq!(CheckedStore::examine(&store), Condition::Whole(checked.head.clone()), "as of the last write");
        checked.write_if(2).unwrap();
        assert_eq!(store.get(b"b").unwrap(), Some(b"2".to_vec()));
        assert_eq!(CheckedStore::examine(&store), Condition::Whole(checked.head.clone()));
    }

    #[test]
    fn an_empty_store_is_told_from_one_that_lost_its_head() {
        let store = MemoryStore::default();
        assert_eq!(CheckedStore::examine(&store), Condition::Empty);
        store.apply(vec![(b"a".to_vec(), Some(b"1".to_vec()))]).unwrap();
        assert!(matches!(CheckedStore::examine(&store), Condition::Unusable(_)));
    }
}

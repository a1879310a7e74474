//! The ordered key-value store beside the segments: states, look-ups and the lines of the open segment. It is never believed
//! alone: a digest over every entry says whether it is what was written.

use super::files::merkle::Frontier;
use super::fold::Folded;
use super::keys::{LOOKUPS, STATES};
use crate::crypto::sha256;
use crate::domain::ids::{Hash, Position};
use serde::{Deserialize, Serialize};

/// The format of state records. Another number than the stored one means: rebuild from the segments.
pub const STATE_FORMAT: u32 = 3;
/// The key of the store's own head. Not part of the digest it holds.
const HEAD_KEY: &[u8] = b"m/head";

/// What a store cannot do.
#[derive(Debug, thiserror::Error)]
#[error("the store failed: {0}")]
pub struct StoreError(pub String);

/// A change of one entry: a new value, or none.
pub type Change = (Vec<u8>, Option<Vec<u8>>);

/// An entry: key and value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// An ordered key-value store with atomic batches.
pub trait Store: Send + Sync + 'static {
    /// The value of a key.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Entries whose key starts with `prefix` and is greater than `after`, in order, at most `limit`.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Pair>, StoreError>;

    /// Applies all changes or none. Not durable by itself.
    ///
    /// # Errors
    /// Where the store cannot be written.
    fn apply(&self, changes: Vec<Change>) -> Result<(), StoreError>;

    /// Writes what is in memory where the next start finds it.
    ///
    /// # Errors
    /// Where the store cannot be written.
    fn flush(&self) -> Result<(), StoreError>;

    /// Bytes on disk.
    fn bytes(&self) -> u64;
}

/// All entries whose keys begin with a prefix, in order, in pages of `limit`.
pub(super) fn pages<S: Store + ?Sized>(
    store: &S,
    prefix: impl Into<Vec<u8>>,
    limit: usize,
) -> impl Iterator<Item = Result<Vec<Pair>, StoreError>> {
    let prefix = prefix.into();
    // Behind which key the next page begins, if there is to be one.
    let mut next = Some(None::<Vec<u8>>);
    std::iter::from_fn(move || {
        let after = next.take()?;
        let page = store.scan(&prefix, after.as_deref(), limit);
        if let Ok(page) = &page
            && page.len() == limit
        {
            next = page.last().map(|(key, _)| Some(key.clone()));
        }
        Some(page)
    })
}

/// All entries but lines and the head, in order, page by page.
pub(super) fn live_pages(store: &dyn Store) -> impl Iterator<Item = Result<Vec<Pair>, StoreError>> {
    [LOOKUPS, STATES].into_iter().flat_map(|prefix| pages(store, prefix, 256))
}

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
    store: std::sync::Arc<S>,
    head: StoreHead,
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
    pub fn new(store: std::sync::Arc<S>, head: Option<StoreHead>) -> Self {
        let head = head.unwrap_or_else(|| StoreHead::new(&Frontier::default(), Digest::default()));
        Self { store, head }
    }

    /// How far it has come.
    pub fn head(&self) -> &StoreHead {
        &self.head
    }

    /// The store itself, for reading.
    pub fn reader(&self) -> std::sync::Arc<S> {
        self.store.clone()
    }

    /// Applies the changes that the entries under `frontier` make, in one batch with the new head. A key may change only once
    /// in a batch.
    ///
    /// # Errors
    /// Where the store cannot be read or written; its content is unknown then.
    pub fn apply(&mut self, mut changes: Vec<Change>, frontier: &Frontier) -> Result<(), StoreError> {
        let mut digest = self.head.digest;
        for (key, value) in &changes {
            if let Some(old) = self.store.get(key)? {
                digest.subtract(Digest::of(key, &old));
            }
            if let Some(new) = value {
                digest.add(Digest::of(key, new));
            }
        }
        let head = StoreHead::new(frontier, digest);
        changes.push((HEAD_KEY.to_vec(), Some(head.encode())));
        self.store.apply(changes)?;
        self.head = head;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::memory_store::MemoryStore;
    use std::sync::Arc;

    fn frontier(size: u64) -> Frontier {
        let mut frontier = Frontier::default();
        (0..size).for_each(|_| frontier.push(Hash([7; 32])));
        frontier
    }

    #[test]
    fn the_digest_follows_every_change_and_tells_any_other_content() {
        let store = Arc::new(MemoryStore::default());
        let mut checked = CheckedStore::new(store.clone(), None);
        let put = |key: &str, value: &str| (key.as_bytes().to_vec(), Some(value.as_bytes().to_vec()));
        checked.apply(vec![put("a", "1"), put("b", "2")], &frontier(1)).unwrap();
        checked.apply(vec![put("a", "3"), (b"b".to_vec(), None), put("c", "4")], &frontier(2)).unwrap();
        assert_eq!(CheckedStore::examine(&*store), Condition::Whole(checked.head().clone()));
        assert_eq!(checked.head().applied, 2);

        store.apply(vec![put("a", "1")]).unwrap();
        assert!(matches!(CheckedStore::examine(&*store), Condition::Unusable(_)));
        store.apply(vec![put("a", "3")]).unwrap();
        assert!(matches!(CheckedStore::examine(&*store), Condition::Whole(_)));
        store.apply(vec![(b"c".to_vec(), None)]).unwrap();
        assert!(matches!(CheckedStore::examine(&*store), Condition::Unusable(_)));
    }

    #[test]
    fn an_empty_store_is_told_from_one_that_lost_its_head() {
        let store = MemoryStore::default();
        assert_eq!(CheckedStore::examine(&store), Condition::Empty);
        store.apply(vec![(b"a".to_vec(), Some(b"1".to_vec()))]).unwrap();
        assert!(matches!(CheckedStore::examine(&store), Condition::Unusable(_)));
    }
}

//! What the store is to be told, in memory, in front of the store. A look-up sees both as one.
//!
//! The journal is durable without the store, and a start brings the store up to it. So the store is written once for many commits:
//! what changes often is written once, lines are packed together, and sled's own threads sleep meanwhile.
//!
//! State records that were looked up of late are kept decoded.

use super::fold::Folded;
use super::keys;
use super::packed_lines::{ENTRIES_IN_LINES, LINES_PER_VALUE};
use super::store::{Change, Pair, Store, StoreError, StoreRead, Update, Value, pages_after};
use crate::domain::ids::StreamId;
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// State records kept decoded: at least so many, at most twice as many, of about a kilobyte each.
const RECORDS_KEPT: usize = 4096;

/// State records as they stand in the store, decoded. Those of which nobody asks are forgotten with the older half.
#[derive(Default)]
struct Recent {
    newer: HashMap<StreamId, Arc<Folded>>,
    older: HashMap<StreamId, Arc<Folded>>,
}

impl Recent {
    fn get(&self, stream: &StreamId) -> Option<&Arc<Folded>> {
        self.newer.get(stream).or_else(|| self.older.get(stream))
    }

    fn keep(&mut self, stream: StreamId, record: Arc<Folded>) {
        if self.newer.len() >= RECORDS_KEPT {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(stream, record);
    }

    fn forget(&mut self, stream: &StreamId) {
        self.newer.remove(stream);
        self.older.remove(stream);
    }
}

/// What was taken and is not written, by key: `None` where the entry is to go.
#[derive(Default)]
struct Waiting {
    entries: BTreeMap<Vec<u8>, Option<Value>>,
    /// The lines taken last, which the next ones may join.
    last_lines: Option<Vec<u8>>,
    /// See [`WriteBehind::waiting`].
    size: usize,
}

/// What is known without asking the store. No stream is in both.
#[derive(Default)]
struct Known {
    waiting: Waiting,
    recent: Recent,
    /// How often the store was written: what was read of it before may be old.
    writes: u64,
}

impl Waiting {
    fn take(&mut self, (key, value): Update) {
        match value {
            Some(Value::Lines(lines)) => self.take_lines(key, lines),
            value => self.put(key, value, 1),
        }
    }

    fn put(&mut self, key: Vec<u8>, value: Option<Value>, size: usize) {
        if self.entries.insert(key, value).is_none() {
            self.size += size;
        }
    }

    fn take_lines(&mut self, key: Vec<u8>, lines: Vec<u8>) {
        if let Some(last) = &self.last_lines
            && let Some(Some(Value::Lines(kept))) = self.entries.get_mut(last)
            && kept.len() + lines.len() <= LINES_PER_VALUE
        {
            kept.extend_from_slice(&lines);
            return;
        }
        self.last_lines = Some(key.clone());
        self.put(key, Some(Value::Lines(lines)), ENTRIES_IN_LINES);
    }
}

/// See the module. One thread takes and writes, any number look up.
pub struct WriteBehind<S> {
    store: S,
    known: RwLock<Known>,
}

impl<S: Store> WriteBehind<S> {
    /// A store before which nothing waits.
    pub fn new(store: S) -> Self {
        Self { store, known: RwLock::default() }
    }

    /// The store behind it.
    pub fn store(&self) -> &S {
        &self.store
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes all updates at once: nobody sees a part of them. Lines must come in the order of the journal.
    pub fn take(&self, updates: Vec<Update>) {
        let mut known = self.write();
        for update in updates {
            match &update.1 {
                Some(Value::Record(stream, _)) => known.recent.forget(stream),
                Some(_) => {}
                None => keys::stream_of(&update.0).iter().for_each(|stream| known.recent.forget(stream)),
            }
            known.waiting.take(update);
        }
    }

    /// How much waits, in small entries of the store.
    pub fn waiting(&self) -> usize {
        self.read().waiting.size
    }

    /// All that waits, as it is to be written. It waits on.
    pub fn to_write(&self) -> Vec<Change> {
        let encoded = |value: &Option<Value>| value.as_ref().map(Value::encode);
        self.read().waiting.entries.iter().map(|(key, value)| (key.clone(), encoded(value))).collect()
    }

    /// Forgets what waits, once the store has it.
    pub fn written(&self) {
        let mut known = self.write();
        known.writes += 1;
        for value in std::mem::take(&mut known.waiting).entries.into_values() {
            if let Some(Value::Record(stream, record)) = value {
                known.recent.keep(stream, record);
            }
        }
    }
}

impl<S: Store> StoreRead for WriteBehind<S> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let waiting = self.read().waiting.entries.get(key).cloned();
        match waiting {
            Some(value) => Ok(value.map(|value| value.encode())),
            None => self.store.get(key),
        }
    }

    /// What waits stays locked meanwhile, so that nothing moves from there to where was looked already.
    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Pair>, StoreError> {
        let from = match after {
            Some(after) => Bound::Excluded(after.to_vec()),
            None => Bound::Included(prefix.to_vec()),
        };
        let known = self.read();
        let changed =
            known.waiting.entries.range((from, Bound::Unbounded)).take_while(|(key, _)| key.starts_with(prefix));
        let mut changed = changed.peekable();
        if changed.peek().is_none() {
            return self.store.scan(prefix, after, limit);
        }
        let mut stored = pages_after(&self.store, prefix.to_vec(), after.map(<[u8]>::to_vec), limit.max(1));
        let mut page = stored.next().transpose()?.unwrap_or_default().into_iter().peekable();
        let mut found = Vec::new();
        while found.len() < limit {
            if page.peek().is_none()
                && let Some(next) = stored.next().transpose()?
            {
                page = next.into_iter().peekable();
            }
            let changed_first = match (changed.peek(), page.peek()) {
                (None, None) => break,
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (Some((changed, _)), Some((stored, _))) => *changed <= stored,
            };
            if !changed_first {
                found.extend(page.next());
            } else if let Some((key, value)) = changed.next() {
                page.next_if(|(stored, _)| stored == key);
                found.extend(value.as_ref().map(|value| (key.clone(), value.encode())));
            }
        }
        Ok(found)
    }

    fn record(&self, stream: &StreamId) -> Result<Option<Arc<Folded>>, StoreError> {
        let (key, writes) = {
            let known = self.read();
            if let Some(record) = known.recent.get(stream) {
                return Ok(Some(record.clone()));
            }
            let key = keys::state(stream);
            match known.waiting.entries.get(&key) {
                Some(None) => return Ok(None),
                Some(Some(Value::Record(_, record))) => return Ok(Some(record.clone())),
                Some(Some(other)) => return Folded::decode(&other.encode()).map(|record| Some(Arc::new(record))),
                None => (key, known.writes),
            }
        };
        let record = self.store.record(stream)?;
        if let Some(record) = &record {
            let mut known = self.write();
            if known.writes == writes && !known.waiting.entries.contains_key(&key) {
                known.recent.keep(stream.clone(), record.clone());
            }
        }
        Ok(record)
    }

    fn bytes(&self) -> u64 {
        self.store.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::State;
    use crate::domain::account::Name;
    use crate::domain::ids::{Hash, SessionId};
    use crate::domain::time::Timestamp;
    use crate::journal::memory_store::MemoryStore;
    use crate::journal::packed_lines::unpack;
    use proptest::prelude::*;

    fn record(version: u64) -> Arc<Folded> {
        let state = State::Name(Name::Free);
        Arc::new(Folded { version, prev: Hash([7; 32]), at: Timestamp(0), position: version, state })
    }

    #[derive(Clone, Debug)]
    enum Step {
        Take(Vec<(u8, Option<u64>)>),
        Write,
        Get(u8),
        Scan(bool, Option<u8>, usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        let key = 0..12_u8;
        prop_oneof![
            prop::collection::vec((key.clone(), prop::option::weighted(0.7, 1..9_u64)), 1..6).prop_map(Step::Take),
            Just(Step::Write),
            key.clone().prop_map(Step::Get),
            (any::<bool>(), prop::option::of(key), 0..5_usize)
                .prop_map(|(half, after, limit)| Step::Scan(half, after, limit)),
        ]
    }

    fn session(number: usize) -> StreamId {
        StreamId::Session(SessionId(uuid::Uuid::from_u128(number as u128)))
    }

    /// Half of them are of another kind, and so have another prefix.
    fn stream(number: u8) -> StreamId {
        match session(number.into()) {
            StreamId::Session(id) if number.is_multiple_of(2) => StreamId::Evidence(id),
            other => other,
        }
    }

    fn key(number: u8) -> Vec<u8> {
        keys::state(&stream(number))
    }

    fn value(number: u8, version: u64) -> Value {
        Value::Record(stream(number), record(version))
    }

    fn write(behind: &WriteBehind<MemoryStore>) {
        behind.store().apply(behind.to_write()).unwrap();
        behind.written();
    }

    proptest! {
        #[test]
        fn it_shows_what_was_taken_whatever_of_it_is_written(steps in prop::collection::vec(step(), 1..60)) {
            let behind = WriteBehind::new(MemoryStore::default());
            let mut model = BTreeMap::<Vec<u8>, u64>::new();
            for step in steps {
                match step {
                    Step::Take(updates) => {
                        for (number, version) in &updates {
                            match version {
                                Some(version) => model.insert(key(*number), *version),
                                None => model.remove(&key(*number)),
                            };
                        }
                        let update = |(number, version): (u8, Option<u64>)| (key(number), version.map(|version| value(number, version)));
                        behind.take(updates.into_iter().map(update).collect());
                    }
                    Step::Write => write(&behind),
                    Step::Get(number) => {
                        let expected = model.get(&key(number)).map(|version| record(*version));
                        prop_assert_eq!(behind.record(&stream(number)).unwrap(), expected.clone());
                        prop_assert_eq!(behind.get(&key(number)).unwrap(), expected.map(|record| Value::Record(stream(number), record).encode()));
                    }
                    Step::Scan(half, after, limit) => {
                        let prefix: &[u8] = if half { b"s/evidence:" } else { b"" };
                        let after = after.map(key).filter(|after| after.starts_with(prefix));
                        let behind_it = |key: &Vec<u8>| after.as_ref().is_none_or(|after| key > after);
                        let expected = model.iter().filter(|(key, _)| key.starts_with(prefix) && behind_it(key)).take(limit);
                        let expected: Vec<Pair> =
                            expected.map(|(key, version)| (key.clone(), value(0, *version).encode())).collect();
                        prop_assert_eq!(behind.scan(prefix, after.as_deref(), limit).unwrap(), expected);
                    }
                }
            }
        }
    }

    #[test]
    fn lines_are_packed_with_those_behind_them_and_never_grow_too_long() {
        let behind = WriteBehind::new(MemoryStore::default());
        let lines = |number: u8, length: usize| (vec![b'e', b'/', number], Some(Value::Lines(vec![number; length])));
        behind.take(vec![lines(1, 10)]);
        behind.take(vec![lines(2, 20)]);
        behind.take(vec![lines(3, LINES_PER_VALUE - 30)]);
        behind.take(vec![lines(4, 1)]);
        write(&behind);
        behind.take(vec![lines(5, 1)]);
        write(&behind);
        let kept = behind.scan(b"e/", None, 10).unwrap();
        let kept: Vec<(u8, usize)> = kept.iter().map(|(key, value)| (key[2], unpack(value).unwrap().len())).collect();
        assert_eq!(kept, [(1, LINES_PER_VALUE), (4, 1), (5, 1)]);
    }

    #[test]
    fn who_reads_while_it_is_taken_and_written_never_sees_an_older_record_than_before() {
        const TAKEN: u64 = 20_000;
        let behind = Arc::new(WriteBehind::new(MemoryStore::default()));
        behind.take(vec![(key(0), Some(value(0, 0)))]);
        let reader = behind.clone();
        let read = std::thread::spawn(move || {
            let mut seen = 0;
            while seen < TAKEN {
                let version = reader.record(&stream(0)).unwrap().expect("it is always there").version;
                assert!(version >= seen, "{version} after {seen}");
                seen = version;
            }
        });
        for version in 1..=TAKEN {
            behind.take(vec![(key(0), Some(value(0, version)))]);
            if version % 3 == 0 {
                write(&behind);
            }
        }
        read.join().unwrap();
    }

    #[test]
    fn of_records_that_are_kept_decoded_those_of_which_nobody_asks_are_forgotten() {
        let mut recent = Recent::default();
        for number in 0..3 * RECORDS_KEPT {
            recent.keep(session(number), record(1));
            assert!(recent.newer.len() + recent.older.len() <= 2 * RECORDS_KEPT);
        }
        assert!(recent.get(&session(0)).is_none());
        assert!(recent.get(&session(3 * RECORDS_KEPT - 1)).is_some());
    }
}

//! What trials of the journal share: places to keep one in, commits to put into it, and looks into its store.
#![allow(dead_code, reason = "each test program uses its part of it")]

pub mod commits;
pub mod places;

use countersign::domain::ids::StreamId;
use countersign::domain::system::SystemEvent;
use countersign::domain::{Event, Recorded, State, apply};
use countersign::journal::schema::{self, Envelope};
use countersign::journal::{AppendError, Appended, Commit, Journal, StoreRead};
use std::collections::{BTreeMap, HashMap};

/// Every entry of a store.
pub fn dump(store: &dyn StoreRead) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut all = BTreeMap::new();
    loop {
        let after = all.keys().next_back().cloned();
        let page = store.scan(b"", after.as_deref(), 100).unwrap();
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

/// Every state record and look-up of a journal: what must be the same however its store came to be.
pub fn facts(journal: &Journal) -> BTreeMap<String, Vec<u8>> {
    let facts = dump(&*journal.engine().store());
    let facts = facts.into_iter().filter(|(key, _)| key.starts_with(b"s/") || key.starts_with(b"i/"));
    facts.map(|(key, value)| (String::from_utf8_lossy(&key).into_owned(), value)).collect()
}

/// The lines that a store keeps, in order.
pub fn lines(journal: &Journal) -> Vec<u8> {
    let all = dump(&*journal.engine().store());
    let values = all.into_iter().filter(|(key, _)| key.starts_with(b"e/"));
    values.flat_map(|(_, value)| countersign::journal::packed_lines::unpack(&value).unwrap()).collect()
}

/// Every entry of a journal, decoded.
pub fn entries(journal: &Journal) -> Vec<Envelope> {
    journal.engine().read(1).map(|entry| schema::decode(&entry.unwrap().event).unwrap()).collect()
}

/// What the rules make of entries, without any journal; what is archived is left out.
pub fn fold<'a>(entries: impl IntoIterator<Item = &'a Recorded>) -> HashMap<StreamId, State> {
    let mut states: HashMap<StreamId, (State, u64)> = HashMap::new();
    for recorded in entries {
        let before = states.remove(&recorded.stream).map(|(state, _)| state);
        states.insert(recorded.stream.clone(), (apply(before, recorded).unwrap(), recorded.position));
        if let Event::System(SystemEvent::SessionsArchived { through }) = recorded.event {
            states.retain(|_, (state, last)| !state.is_archived(*last, through));
        }
    }
    states.into_iter().map(|(stream, (state, _))| (stream, state)).collect()
}

/// Frees what the store need not keep, a few entries at a time.
pub fn shed(journal: &mut Journal, lines_below: u64) {
    while journal.shed(lines_below, 3).unwrap() {}
}

/// Appends one commit as the writer does: the store is written once somebody was answered.
pub fn append(journal: &mut Journal, commit: Commit) -> Result<Appended, AppendError> {
    let answer = journal.append(vec![commit]).unwrap().remove(0);
    journal.write_behind().unwrap();
    answer
}

/// Fails unless the journal's chain is whole and its store holds exactly what its entries make.
pub fn check_whole(journal: &Journal, context: &str) {
    let entries = entries(journal);
    let mut heads = HashMap::new();
    for (position, (envelope, stored)) in (1..).zip(entries.iter().zip(journal.engine().read(1))) {
        let Recorded { stream, version, position: at, .. } = &envelope.recorded;
        // A stream of evidence begins again once it was archived.
        if matches!(stream, StreamId::Evidence(_)) && *version == 1 {
            heads.remove(stream);
        }
        assert_eq!(*at, position, "{context}: positions are dense");
        let leaf = countersign::journal::files::merkle::leaf_hash(&stored.unwrap().event);
        let before = heads.insert(stream.clone(), (*version, leaf));
        assert_eq!(*version, before.map_or(0, |(version, _)| version) + 1, "{context}: {stream} at {position}");
        assert_eq!(envelope.prev, before.map(|(_, leaf)| leaf), "{context}: {stream} at {position}");
    }
    assert_eq!(journal.head(), entries.len() as u64, "{context}");
    let states = fold(entries.iter().map(|envelope| &envelope.recorded));
    let reader = journal.reader();
    for (stream, state) in &states {
        let folded = reader.folded(stream).unwrap().unwrap_or_else(|| panic!("{context}: {stream} is known"));
        assert_eq!(
            (&folded.state, folded.version, folded.prev),
            (state, heads[stream].0, heads[stream].1),
            "{context}"
        );
    }
    let records = dump(&*journal.engine().store()).into_keys().filter(|key| key.starts_with(b"s/"));
    let streams = records.map(|key| String::from_utf8(key).unwrap().split_off(2).parse().unwrap());
    let known = streams.filter(|stream| reader.folded(stream).unwrap().is_some()).count();
    assert_eq!(known, states.len(), "{context}: no stream that has no entry, and none that is archived");
}

//! What a start does before anything is appended: brings the store up to the entries, and learns from it what it must know.

use super::engine::{Engine, EngineError, StoredEntries};
use super::files::merkle::{Frontier, leaf_hash};
use super::fold::{Draft, Folded, check_chain};
use super::keys;
use super::reader::{archived_through, read_folded};
use super::schema;
use super::shed::{self, Bounds};
use super::store::{StoreRead, pages};
use crate::domain::State;
use crate::domain::gate::Standing;
use crate::domain::ids::{Owner, Position, StreamId};
use crate::domain::time::Timestamp;

/// How much of the store is changed at once while catching up: a few megabytes.
const CATCH_UP_CHANGES: usize = 4096;

/// Applies to the store what it does not have yet, a few thousand changes at a time and only whole commits.
pub(super) fn catch_up(
    engine: &mut dyn Engine,
    progress: &mut impl FnMut(Position, Position),
) -> Result<(), EngineError> {
    let head = engine.head();
    // One pass: whoever begins again for each part reads the segment from its first line every time.
    let mut entries = engine.read(engine.applied() + 1);
    while engine.applied() < head {
        let (draft, frontier) = fold_some(engine, &mut entries, head)?;
        let (updates, _) = draft.into_updates();
        engine.catch_up(updates, &frontier)?;
        shed_all(engine)?;
        progress(frontier.size(), head);
    }
    if engine.applied_frontier().root() != engine.root() {
        return Err(cannot_follow(head, &"the Merkle root over what the store was built from is not the journal's"));
    }
    Ok(())
}

/// Sheds as it goes, so that the store of a long history stays as small while it is rebuilt as it was.
fn shed_all(engine: &mut dyn Engine) -> Result<(), EngineError> {
    let store = engine.store();
    let archived_through = read_folded(&*store, &StreamId::System)?.map_or(0, |system| archived_through(&system));
    let bounds = Bounds { archived_through, lines_below: engine.unsealed_from() };
    loop {
        let step = shed::step(&*store, bounds, CATCH_UP_CHANGES)?;
        if !step.updates.is_empty() {
            engine.shed(step.updates)?;
        }
        if !step.more {
            return Ok(());
        }
    }
}

/// Folds the next entries until there is enough to write, and gives the frontier after the last of them.
fn fold_some(
    engine: &dyn Engine,
    entries: &mut StoredEntries,
    head: Position,
) -> Result<(Draft, Frontier), EngineError> {
    let store = engine.store();
    let mut draft = Draft::default();
    let mut frontier = engine.applied_frontier();
    let unsealed_from = engine.unsealed_from();
    let archived_before = read_folded(&*store, &StreamId::System)?.map_or(0, |system| archived_through(&system));
    loop {
        let position = frontier.size() + 1;
        let damaged = |error: &dyn std::fmt::Display| cannot_follow(position, error);
        let entry = entries.next().ok_or_else(|| damaged(&"it is not there any more"))??;
        let envelope = schema::decode(&entry.event).map_err(|error| damaged(&error))?;
        let recorded = &envelope.recorded;
        let before = match draft.get(&recorded.stream) {
            Some(folded) => Some(folded.clone()),
            None => read_folded(&*store, &recorded.stream)?,
        };
        let archived = draft.archived_through().unwrap_or(archived_before);
        let before = before.filter(|before| !before.is_archived(archived));
        check_chain(before.as_deref(), recorded, envelope.prev).map_err(|error| damaged(&error))?;
        let leaf = leaf_hash(&entry.event);
        draft.fold(before.as_deref(), recorded, leaf).map_err(|error| damaged(&error))?;
        if entry.position >= unsealed_from {
            draft.keep_line(entry.position, &entry.event);
        }
        frontier.push(leaf);
        if entry.ends_commit && (draft.size() >= CATCH_UP_CHANGES || entry.position == head) {
            return Ok((draft, frontier));
        }
    }
}

/// An entry whose bytes are whole and that makes no sense all the same.
fn cannot_follow(position: Position, why: &dyn std::fmt::Display) -> EngineError {
    EngineError::Damaged(format!(
        "the journal's states cannot be made from entry {position}: {why}; start the version that wrote it, or bring a \
         back-up back with `countersign journal restore`"
    ))
}

/// Everybody who has a data key, and whether it was to be destroyed.
pub(super) fn owners(store: &dyn StoreRead) -> Result<Vec<(Owner, bool)>, EngineError> {
    const PAGE: usize = 256;
    let mut owners = Vec::new();
    if store.get(&keys::state(&StreamId::System))?.is_some() {
        owners.push((Owner::System, false));
    }
    for kind in ["gate", "client"] {
        for page in pages(store, keys::states_of(kind), PAGE) {
            for (key, record) in &page? {
                match keys::stream_of(key) {
                    Some(StreamId::Client(client)) => owners.push((Owner::Client(client), false)),
                    Some(StreamId::Gate(account)) => {
                        let erased = match Folded::decode(record)?.state {
                            State::Gate(gate) => gate.standing == Standing::Erased,
                            _ => false,
                        };
                        owners.push((Owner::Account(account), erased));
                    }
                    _ => return Err(EngineError::Damaged("a state record names no stream".to_owned())),
                }
            }
        }
    }
    Ok(owners)
}

/// The `at` of the last entry: never earlier than any before it by more than a clock may go back and be believed.
pub(super) fn last_instant(engine: &dyn Engine) -> Result<Timestamp, EngineError> {
    match engine.read(engine.head().max(1)).last() {
        None => Ok(Timestamp::default()),
        Some(entry) => {
            let envelope = schema::decode(&entry?.event).map_err(|error| EngineError::Damaged(error.to_string()))?;
            Ok(envelope.recorded.at)
        }
    }
}

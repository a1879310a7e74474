//! From entries to states and look-ups: the same steps for a batch being appended and for a journal being rebuilt.

use super::keys;
use super::packed_lines::{ENTRIES_IN_LINES, LINES_PER_VALUE};
use super::store::{StoreError, Update, Value};
use crate::domain::ids::{Hash, Position, StreamId, Version};
use crate::domain::time::Timestamp;
use crate::domain::{Impossible, IndexOp, Recorded, State, apply, index_ops};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The head of a stream and its folded state.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Folded {
    /// How many events the stream has.
    pub version: Version,
    /// The leaf hash of its last entry.
    pub prev: Hash,
    /// When that was decided.
    pub at: Timestamp,
    /// Where it stands in the journal.
    pub position: Position,
    /// The state.
    pub state: State,
}

impl Folded {
    /// What a state record holds.
    ///
    /// # Errors
    /// Where it is none.
    pub fn decode(record: &[u8]) -> Result<Self, StoreError> {
        postcard::from_bytes(record).map_err(|error| StoreError(format!("a state record cannot be read: {error}")))
    }

    /// Whether the stream counts as one that there is not, once everything that is over is archived up to a position.
    pub fn is_archived(&self, archived_through: Position) -> bool {
        self.state.is_archived(self.position, archived_through)
    }
}

/// Why entries cannot be folded.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// The event cannot follow the state.
    #[error(transparent)]
    Impossible(#[from] Impossible),
    /// Version or hash of the entry before do not fit.
    #[error("the chain of stream {stream} is broken at position {position}: {why}")]
    Broken {
        /// The stream.
        stream: StreamId,
        /// The entry.
        position: Position,
        /// What does not fit.
        why: &'static str,
    },
}

/// What entries change, collected until it is written at once.
#[derive(Default)]
pub struct Draft {
    streams: HashMap<StreamId, Arc<Folded>>,
    index: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    lines: Vec<(Position, Vec<u8>)>,
    archived_through: Option<Position>,
}

impl Draft {
    /// The state of a stream as of the entries taken so far, if they touched it.
    pub fn get(&self, stream: &StreamId) -> Option<&Arc<Folded>> {
        self.streams.get(stream)
    }

    /// Up to where everything that is over is archived, as of the entries taken so far, if they touched it.
    pub fn archived_through(&self) -> Option<Position> {
        self.archived_through
    }

    /// Adds an entry to a stream whose head is `before`: none where it is archived.
    ///
    /// # Errors
    /// [`Impossible`]; the draft is unchanged.
    pub fn fold(&mut self, before: Option<&Folded>, recorded: &Recorded, leaf: Hash) -> Result<(), Impossible> {
        let state_before = before.map(|folded| &folded.state);
        let state = apply(state_before.cloned(), recorded)?;
        let last = before.map(|folded| (&folded.state, folded.position));
        for op in index_ops(last, &state, recorded) {
            match op {
                IndexOp::Put(key, at) => self.index.insert(keys::index(&key), Some(at.0.to_be_bytes().to_vec())),
                IndexOp::Remove(key) => self.index.insert(keys::index(&key), None),
            };
        }
        if let State::System(system) = &state {
            self.archived_through = Some(system.archived_through);
        }
        let Recorded { version, at, position, .. } = *recorded;
        let folded = Folded { version, prev: leaf, at, position, state };
        self.streams.insert(recorded.stream.clone(), Arc::new(folded));
        Ok(())
    }

    /// Keeps the bytes of an entry.
    pub fn keep_line(&mut self, position: Position, event: &[u8]) {
        match self.lines.last_mut() {
            Some((_, lines)) if lines.len() + event.len() < LINES_PER_VALUE => {
                lines.extend_from_slice(event);
                lines.push(b'\n');
            }
            _ => self.lines.push((position, [event, b"\n"].concat())),
        }
    }

    /// Takes over what another draft holds, as later than this one.
    pub fn merge(&mut self, later: Self) {
        self.streams.extend(later.streams);
        self.index.extend(later.index);
        self.archived_through = later.archived_through.or(self.archived_through);
        for (first, lines) in later.lines {
            match self.lines.last_mut() {
                Some((_, kept)) if kept.len() + lines.len() <= LINES_PER_VALUE => kept.extend_from_slice(&lines),
                _ => self.lines.push((first, lines)),
            }
        }
    }

    /// How much it is, in small entries of the store: a value of lines is as long as many of them.
    pub fn size(&self) -> usize {
        self.streams.len() + self.index.len() + self.lines.len() * ENTRIES_IN_LINES
    }

    /// What it changes in the store, and the new heads.
    pub fn into_updates(self) -> (Vec<Update>, HashMap<StreamId, Arc<Folded>>) {
        let index = self.index.into_iter().map(|(key, value)| (key, value.map(Value::Plain)));
        let records = self
            .streams
            .iter()
            .map(|(stream, folded)| (keys::state(stream), Some(Value::Record(stream.clone(), folded.clone()))));
        let lines = self.lines.into_iter().map(|(first, lines)| (keys::lines(first), Some(Value::Lines(lines))));
        (index.chain(records).chain(lines).collect(), self.streams)
    }
}

/// Checks that a stored entry continues its stream, or begins it where `before` is none: a stream of evidence that was archived
/// begins again.
///
/// # Errors
/// [`FoldError::Broken`].
pub fn check_chain(before: Option<&Folded>, recorded: &Recorded, prev: Option<Hash>) -> Result<(), FoldError> {
    let broken = |why| Err(FoldError::Broken { stream: recorded.stream.clone(), position: recorded.position, why });
    if recorded.version != before.map_or(0, |folded| folded.version) + 1 {
        return broken("its version does not follow");
    }
    if prev != before.map(|folded| folded.prev) {
        return broken("it does not name the hash of the entry before");
    }
    Ok(())
}

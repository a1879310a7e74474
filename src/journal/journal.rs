//! The journal: takes commits, checks their versions, chains, folds and projects them, and has an engine write them. One
//! thread owns it.

use super::catch_up::{catch_up, last_instant, owners};
use super::engine::{Batch, Engine, EngineError};
use super::files::merkle::leaf_hash;
use super::files::room::{Headroom, RoomSeen};
use super::files::segments::{EncodedCommit, EncodedEvent};
use super::fold::{Draft, Folded};
use super::reader::{Hot, Reader, load_hot, read_folded};
use super::schema::{self, Envelope};
use super::shed::{self, Bounds, Step};
use crate::crypto::KeyRecord;
use crate::domain::command::Command;
use crate::domain::context::Context;
use crate::domain::gate::GateEvent;
use crate::domain::ids::{CommitId, Owner, Position, StreamId, Version};
use crate::domain::time::Timestamp;
use crate::domain::{Event, Expected, Proposal, Recorded};
use std::collections::HashMap;
use std::sync::Arc;

/// Events to be appended, all or nothing.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Its id; what is sealed in it is bound to it.
    pub id: CommitId,
    /// When it was decided.
    pub at: Timestamp,
    /// Who asked.
    pub context: Context,
    /// What the decision used beyond the folded states.
    pub command: Option<Command>,
    /// What is expected and added, by stream.
    pub proposals: Vec<Proposal>,
    /// Wrapped data keys of the owners that it creates.
    pub keys: Vec<KeyRecord>,
}

/// A commit that is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The position of its last entry; of the last entry before it where it has none.
    pub position: Position,
    /// The states of the streams it added to.
    pub states: HashMap<StreamId, Arc<Folded>>,
    /// Whether room was short when it was taken: of events only closing ones were. Who adds none is answered by it like who
    /// adds one that closes nothing.
    pub short: bool,
}

/// Why a commit was not taken. Nothing of it was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// A stream has another version than expected: load and decide again.
    #[error("stream {stream} is at version {found}")]
    Conflict {
        /// The stream.
        stream: StreamId,
        /// Its version.
        found: Version,
    },
    /// An event would be longer than one may be: what was asked is too much for one.
    #[error("{0}")]
    TooLong(String),
    /// The rules made an event that they cannot fold: a fault of the program.
    #[error("{0}")]
    Refused(String),
    /// The disk is nearly full: only what closes something is taken, or not even that.
    #[error("the disk is nearly full")]
    Full,
}

/// What opening found, for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaughtUp {
    /// The first position that the store did not have.
    pub from: Position,
    /// The journal's last position.
    pub to: Position,
}

/// See the module.
pub struct Journal {
    engine: Box<dyn Engine>,
    node: String,
    hot: Arc<Hot>,
    last_at: Timestamp,
    /// Up to where everything that is over is archived.
    archived_through: Position,
    /// The bounds up to which nothing is left to shed.
    shed: Bounds,
}

impl Journal {
    /// Brings the store up to the entries and goes on from there. `progress` is told the position reached and the last one.
    ///
    /// # Errors
    /// Where an entry cannot be read, decoded or folded: the journal is damaged, or was written by a newer version.
    pub fn open(
        mut engine: Box<dyn Engine>,
        node: &str,
        mut progress: impl FnMut(Position, Position),
    ) -> Result<(Self, CaughtUp), EngineError> {
        let caught_up = CaughtUp { from: engine.applied() + 1, to: engine.head() };
        catch_up(&mut *engine, &mut progress)?;
        // At every start: keys/ may have been brought back from a back-up that is older than an erasure.
        let owners = owners(&*engine.store())?;
        engine.settle_keys(owners)?;
        let hot = Arc::new(load_hot(&*engine.store())?);
        // A clock that goes back so little that it is believed must not go back as much again at the next start.
        let last_at = last_instant(&*engine)?.max(hot.last_of_system());
        let archived_through = hot.archived_through();
        let (node, shed) = (node.to_owned(), Bounds::default());
        Ok((Self { engine, node, hot, last_at, archived_through, shed }, caught_up))
    }

    /// A handle for look-ups.
    pub fn reader(&self) -> Reader {
        Reader::new(self.engine.store(), self.hot.clone())
    }

    /// The engine, to read from.
    pub fn engine(&self) -> &dyn Engine {
        &*self.engine
    }

    /// The last position.
    pub fn head(&self) -> Position {
        self.engine.head()
    }

    /// The newest `at` of any entry since it was opened; before that, of the last entry and of the server's own.
    pub fn last_at(&self) -> Timestamp {
        self.last_at
    }

    /// Goes on under another checkpoint origin; the next entry must be the event that says why.
    ///
    /// # Errors
    /// See [`EngineError`].
    pub fn begin_origin(&mut self, origin: &str) -> Result<(), EngineError> {
        self.engine.begin_origin(origin)
    }

    /// Notes how far everything is durable; `clean` says that nothing follows.
    ///
    /// # Errors
    /// See [`EngineError`].
    pub fn mark(&mut self, clean: bool) -> Result<(), EngineError> {
        self.engine.mark(clean)
    }

    /// Writes to the store what it was not told yet, where that is enough to be worth it. Whoever appends does it before, and so
    /// does it while nobody waits.
    ///
    /// # Errors
    /// See [`EngineError`].
    pub fn write_behind(&mut self) -> Result<(), EngineError> {
        self.engine.write_behind()
    }

    /// Appends commits as one batch with one sync. Each is taken or refused by itself; when this returns, those taken are
    /// durable and can be looked up.
    ///
    /// # Errors
    /// What reached the disk is unknown: see [`EngineError`].
    pub fn append(&mut self, commits: Vec<Commit>) -> Result<Vec<Result<Appended, AppendError>>, EngineError> {
        self.write_behind()?;
        let headroom = self.look_at_room()?.headroom;
        let mut draft = Draft::default();
        let mut batch = Batch::default();
        let mut position = self.engine.head();
        let mut answers = Vec::with_capacity(commits.len());
        for commit in commits {
            if !is_let_in(headroom, &commit) {
                answers.push(Err(AppendError::Full));
                continue;
            }
            let taken = self.take(commit, position, &draft)?;
            answers.push(taken.map(|taken| {
                position = taken.position;
                let touched: Vec<_> = taken.touched;
                draft.merge(taken.draft);
                if !taken.entries.events.is_empty() {
                    batch.commits.push(taken.entries);
                }
                batch.keys.extend(taken.keys);
                batch.erased.extend(taken.erased);
                if taken.number > 0 {
                    self.last_at = self.last_at.max(taken.at);
                }
                let states = touched.into_iter().filter_map(|stream| {
                    let folded = draft.get(&stream)?.clone();
                    Some((stream, folded))
                });
                Appended { position, states: states.collect(), short: headroom != Headroom::Plenty }
            }));
        }
        if !batch.commits.is_empty() {
            let archived_through = draft.archived_through().unwrap_or(self.archived_through);
            let (updates, heads) = draft.into_updates();
            batch.updates = updates;
            match self.engine.append(batch) {
                Ok(()) => {
                    self.hot.renew(heads.iter());
                    self.archived_through = archived_through;
                }
                Err(EngineError::Full) => self.take_back(&mut answers)?,
                Err(error) => return Err(error),
            }
        } else if answers.iter().any(Result::is_ok) {
            self.engine.touch()?;
        }
        Ok(answers)
    }

    /// How many entries of the journal [`Self::shed`] is behind what it may free, counted from where it had nothing left.
    pub fn behind_in_shedding(&self, lines_below: Position) -> u64 {
        let lines = lines_below.saturating_sub(self.shed.lines_below);
        lines.max(self.archived_through.saturating_sub(self.shed.archived_through))
    }

    /// Frees what the store keeps of archived streams, and its lines of entries below a position that sealed segments keep, about
    /// `limit` entries of the store at a time. Says whether there may be more. What is archived counts as absent before.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn shed(&mut self, lines_below: Position, limit: usize) -> Result<bool, EngineError> {
        let bounds = Bounds { archived_through: self.archived_through, lines_below };
        if self.shed == bounds {
            return Ok(false);
        }
        let Step { updates, more } = shed::step(&*self.engine.store(), bounds, limit)?;
        if !updates.is_empty() {
            self.engine.shed(updates)?;
        }
        if !more {
            self.shed = bounds;
        }
        Ok(more)
    }

    /// Looks at the room on the disk: see [`Engine::look_at_room`].
    ///
    /// # Errors
    /// See [`EngineError`].
    pub fn look_at_room(&mut self) -> Result<RoomSeen, EngineError> {
        self.engine.look_at_room()
    }

    /// How the disk was found when it was looked at last.
    pub fn room(&self) -> RoomSeen {
        self.engine.room()
    }

    /// Answers a batch for which there was no room: nothing of it was written, and who records nothing needs no room.
    fn take_back(&mut self, answers: &mut [Result<Appended, AppendError>]) -> Result<(), EngineError> {
        let mut records_nothing = false;
        for answer in answers {
            match answer {
                Ok(appended) if appended.states.is_empty() => {
                    (appended.position, appended.short) = (self.engine.head(), true);
                    records_nothing = true;
                }
                Ok(_) => *answer = Err(AppendError::Full),
                Err(_) => {}
            }
        }
        if records_nothing { self.engine.touch() } else { Ok(()) }
    }

    /// Checks a commit against the heads, which include every commit taken before it, and prepares what it writes.
    fn take(
        &mut self,
        commit: Commit,
        last: Position,
        before: &Draft,
    ) -> Result<Result<Taken, AppendError>, EngineError> {
        let mut taken = Taken::new(last, &commit);
        for proposal in commit.proposals {
            let archived = taken.draft.archived_through().or(before.archived_through());
            let archived = archived.unwrap_or(self.archived_through);
            let head = match taken.draft.get(&proposal.stream).or_else(|| before.get(&proposal.stream)) {
                Some(head) => Some(head.clone()),
                None => self.head_of(&proposal.stream)?,
            };
            let mut head = head.filter(|head| !head.is_archived(archived));
            let found = head.as_ref().map_or(0, |head| head.version);
            let as_expected = match proposal.expected {
                Expected::Version(expected) => expected == found,
                // It may have been archived since it was looked at.
                Expected::Any => found > 0 || !matches!(proposal.stream, StreamId::Session(_)),
            };
            if !as_expected {
                return Ok(Err(AppendError::Conflict { stream: proposal.stream, found }));
            }
            for event in proposal.events {
                if let Err(error) = taken.add(&mut head, &proposal.stream, event, &commit.context, &self.node) {
                    return Ok(Err(error));
                }
            }
        }
        taken.keys = commit.keys;
        Ok(Ok(taken))
    }

    fn head_of(&self, stream: &StreamId) -> Result<Option<Arc<Folded>>, EngineError> {
        // Every refresh asks for the brakes, which most servers have never pulled: that there are none is known here.
        if Hot::keeps(stream) { Ok(self.hot.get(stream)) } else { Ok(read_folded(&*self.engine.store(), stream)?) }
    }
}

/// Whether a commit may be written while there is so much room.
fn is_let_in(headroom: Headroom, commit: &Commit) -> bool {
    let mut events = commit.proposals.iter().flat_map(|proposal| &proposal.events);
    match headroom {
        Headroom::Plenty => true,
        Headroom::ClosingOnly => events.all(Event::closes),
        Headroom::Nothing => events.next().is_none(),
    }
}

/// A commit on its way into a batch.
struct Taken {
    id: CommitId,
    at: Timestamp,
    command: Option<Command>,
    position: Position,
    number: u16,
    draft: Draft,
    entries: EncodedCommit,
    touched: Vec<StreamId>,
    keys: Vec<KeyRecord>,
    erased: Vec<Owner>,
}

impl Taken {
    fn new(last: Position, commit: &Commit) -> Self {
        Self {
            id: commit.id,
            at: commit.at,
            command: commit.command.clone(),
            position: last,
            number: 0,
            draft: Draft::default(),
            entries: EncodedCommit { events: Vec::new() },
            touched: Vec::new(),
            keys: Vec::new(),
            erased: Vec::new(),
        }
    }

    /// Adds one event to the stream whose head is `head`, and moves the head.
    fn add(
        &mut self,
        head: &mut Option<Arc<Folded>>,
        stream: &StreamId,
        event: Event,
        context: &Context,
        node: &str,
    ) -> Result<(), AppendError> {
        if let (Event::Gate(GateEvent::Erased), StreamId::Gate(account)) = (&event, stream) {
            self.erased.push(Owner::Account(*account));
        }
        let recorded = Recorded {
            position: self.position + 1,
            commit: self.id,
            stream: stream.clone(),
            version: head.as_ref().map_or(0, |head| head.version) + 1,
            at: self.at,
            context: context.clone(),
            event,
            command: self.command.take(),
        };
        let prev = head.as_ref().map(|head| head.prev);
        let envelope = Envelope { recorded, number: self.number, node: node.to_owned(), prev };
        let refused = |error: &dyn std::fmt::Display| AppendError::Refused(error.to_string());
        let next = self.number.checked_add(1).ok_or_else(|| refused(&"a commit has too many events"))?;
        let bytes = schema::encode(&envelope).map_err(|error| match error {
            schema::SchemaError::EventTooLong { .. } => AppendError::TooLong(error.to_string()),
            error => refused(&error),
        })?;
        let leaf = leaf_hash(&bytes);
        let recorded = &envelope.recorded;
        self.draft.fold(head.as_deref(), recorded, leaf).map_err(|error| refused(&error))?;
        self.draft.keep_line(recorded.position, &bytes);
        *head = self.draft.get(stream).cloned();
        self.entries.events.push(EncodedEvent { bytes, leaf });
        self.position += 1;
        self.number = next;
        if !self.touched.contains(stream) {
            self.touched.push(stream.clone());
        }
        Ok(())
    }
}

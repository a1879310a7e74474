//! The rules. Pure: no clock, no randomness, no input or output; time, chance and facts looked up arrive as arguments. So the
//! same functions run live, in replay, in "what if" and in simulation.
//!
//! Each aggregate has its states, commands and events, a `decide` (what a command means: events *and* an outcome, because
//! a refusal is recorded too) and an `apply` (what an event means for the state). [`project`] says which look-ups follow.

pub mod account;
pub mod brakes;
pub mod client;
mod closing;
pub mod command;
pub mod context;
pub mod denial;
pub mod evidence;
pub mod gate;
pub mod ids;
pub mod keys;
pub mod liveness;
pub mod permission;
pub mod project;
pub mod replay;
pub mod session;
pub mod system;
pub mod tally;
pub mod time;
pub mod verifier;

pub use project::{IndexKey, IndexOp, index_ops};

use account::{Account, AccountEvent, Name, NameEvent};
use brakes::{Brakes, BrakesEvent};
use client::{Client, ClientEvent, Usage, UseEvent};
use command::Command;
use context::{Context, InFull};
use denial::Denial;
use evidence::{Evidence, EvidenceEvent};
use gate::{Gate, GateEvent};
use ids::{CommitId, Position, StreamId, Version};
use serde::{Deserialize, Serialize};
use session::{Session, SessionEvent, Status};
use std::sync::Arc;
use system::{System, SystemEvent};
use time::Timestamp;

/// Something that happened. Past tense, never changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// Of a `system` stream.
    System(SystemEvent),
    /// Of an `account:ID` stream.
    Account(AccountEvent),
    /// Of a `gate:ID` stream.
    Gate(GateEvent),
    /// Of a `client:ID` stream.
    Client(ClientEvent),
    /// Of a `use:ID` stream.
    Use(UseEvent),
    /// Of a `session:ID` stream.
    Session(SessionEvent),
    /// Of an `evidence:ID` stream.
    Evidence(EvidenceEvent),
    /// Of a `name:H` stream.
    Name(NameEvent),
    /// Of the `brakes` stream.
    Brakes(BrakesEvent),
}

/// An event with its place in the journal.
#[derive(Clone, PartialEq, Debug)]
pub struct Recorded {
    /// Its place in the whole journal.
    pub position: Position,
    /// All entries of one commit carry the same.
    pub commit: CommitId,
    /// The stream it belongs to.
    pub stream: StreamId,
    /// Its place in that stream.
    pub version: Version,
    /// When it was decided.
    pub at: Timestamp,
    /// Who asked.
    pub context: Context,
    /// What happened.
    pub event: Event,
    /// What the decision used beyond the folded states; on the first entry of a decision.
    pub command: Option<Command>,
}

impl Recorded {
    /// The error for an event that cannot follow its stream's state.
    pub fn impossible(&self, why: &str) -> Impossible {
        Impossible { stream: self.stream.clone(), position: self.position, why: why.to_owned() }
    }
}

/// A history that the rules could not have made.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("impossible history at position {position} in stream {stream}: {why}")]
pub struct Impossible {
    /// The stream.
    pub stream: StreamId,
    /// The entry.
    pub position: Position,
    /// What is wrong with it.
    pub why: String,
}

/// What the rules answer: events to store *and* an outcome, granted or denied.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use]
pub struct Decision<E, T> {
    /// What happened; may be empty, for both outcomes.
    pub events: Vec<E>,
    /// What to answer once the events are durable.
    pub outcome: Result<T, Denial>,
}

/// The folded state of a stream.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum State {
    /// Of a `system` stream. Shared: nearly everything looks at it.
    System(Arc<System>),
    /// Of an `account:ID` stream. Shared, as the server's own.
    Account(Arc<Account>),
    /// Of a `gate:ID` stream. Shared, as the server's own.
    Gate(Arc<Gate>),
    /// Of a `client:ID` stream. Shared, as the server's own.
    Client(Arc<Client>),
    /// Of a `use:ID` stream.
    Use(Usage),
    /// Of a `session:ID` stream. Shared, as the server's own.
    Session(Arc<Session>),
    /// Of an `evidence:ID` stream.
    Evidence(Evidence),
    /// Of a `name:H` stream.
    Name(Name),
    /// Of the `brakes` stream.
    Brakes(Brakes),
}

impl State {
    /// Whether the stream is over, so that it may be archived: a session that an event of its own has ended, and what is
    /// recorded of an archived one.
    pub fn is_over(&self) -> bool {
        match self {
            Self::Session(session) => session.status != Status::Open,
            Self::Evidence(_) => true,
            Self::System(_)
            | Self::Account(_)
            | Self::Gate(_)
            | Self::Client(_)
            | Self::Use(_)
            | Self::Name(_)
            | Self::Brakes(_) => false,
        }
    }

    /// Whether the stream is archived and counts as one that there is not: it is over, and its last entry stands at or before
    /// the position up to which everything was archived.
    pub fn is_archived(&self, last: Position, archived_through: Position) -> bool {
        last <= archived_through && self.is_over()
    }
}

/// What a proposal expects of its stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expected {
    /// Exactly this many events.
    Version(Version),
    /// Any number: only for events that are legal in every state. Of a session at least one: it may have been archived.
    Any,
}

/// Events for one stream. Without events it is a *guard*: it only asserts the version.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proposal {
    /// The stream.
    pub stream: StreamId,
    /// What it must have.
    pub expected: Expected,
    /// What is added to it.
    pub events: Vec<Event>,
}

impl Proposal {
    /// Asserts a version and adds nothing.
    pub fn guard(stream: StreamId, version: Version) -> Self {
        Self { stream, expected: Expected::Version(version), events: Vec::new() }
    }
}

/// The same for a state that is shared: whoever looked at it before keeps what he has seen.
fn shared<T: Clone, E>(
    apply: impl Fn(Option<T>, &E, &Recorded) -> Result<T, Impossible>,
) -> impl Fn(Option<Arc<T>>, &E, &Recorded) -> Result<Arc<T>, Impossible> {
    move |before, event, recorded| Ok(Arc::new(apply(before.map(Arc::unwrap_or_clone), event, recorded)?))
}

/// The state of a stream after one more event.
///
/// # Errors
/// [`Impossible`] where the event cannot follow the state, or belongs to another kind of stream.
pub fn apply(state: Option<State>, recorded: &Recorded) -> Result<State, Impossible> {
    let mismatch = || recorded.impossible("the event does not belong to this kind of stream");
    if matches!(recorded.context.sealed, Some(InFull::At(_))) && !matches!(recorded.stream, StreamId::Session(_)) {
        return Err(recorded.impossible("only a session refers to an earlier entry for who asked"));
    }
    macro_rules! fold {
        ($kind:ident, $event:expr, $apply:expr) => {{
            let before = match state {
                None => None,
                Some(State::$kind(state)) => Some(state),
                Some(_) => return Err(mismatch()),
            };
            State::$kind($apply(before, $event, recorded)?)
        }};
    }
    Ok(match (&recorded.event, &recorded.stream) {
        (Event::System(event), StreamId::System) => fold!(System, event, shared(system::apply)),
        (Event::Account(event), StreamId::Account(_)) => fold!(Account, event, shared(account::apply)),
        (Event::Gate(event), StreamId::Gate(_)) => fold!(Gate, event, shared(gate::apply)),
        (Event::Client(event), StreamId::Client(_)) => fold!(Client, event, shared(client::apply)),
        (Event::Use(event), StreamId::Use(_)) => {
            fold!(Use, event, |before, event, recorded| Ok(client::apply_use(before, event, recorded)))
        }
        (Event::Session(event), StreamId::Session(_)) => fold!(Session, event, shared(session::apply)),
        (Event::Evidence(event), StreamId::Evidence(_)) => {
            fold!(Evidence, event, |before, event, recorded| Ok(evidence::apply(before, event, recorded)))
        }
        (Event::Name(event), StreamId::Name(_)) => fold!(Name, event, account::apply_name),
        (Event::Brakes(event), StreamId::Brakes) => {
            fold!(Brakes, event, |before, event, recorded| Ok(brakes::apply(before, event, recorded)))
        }
        _ => return Err(mismatch()),
    })
}

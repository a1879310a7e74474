//! Given a history, when something is asked, then these events and this answer. Decisions are folded back, so that a story
//! of many steps reads from top to bottom.

/// Who asks, in every question that a person can ask.
macro_rules! from_whom {
    ($ask:ident) => {
        impl $ask {
            /// Who asks, instead of Alice at home.
            pub fn from(mut self, context: Context) -> Self {
                self.context = context;
                self
            }
        }
    };
}

mod asks;
mod evidence_asks;
mod in_full;
mod session_asks;
mod world;

pub use asks::*;
pub use evidence_asks::*;
pub use in_full::*;
pub use session_asks::*;
pub use world::*;

use countersign::domain::account::{Account, AccountEvent};
use countersign::domain::brakes::{Brakes, BrakesEvent};
use countersign::domain::client::{Client, ClientEvent, ClientSettings, Usage, UseEvent};
use countersign::domain::command::Command;
use countersign::domain::context::Context;
use countersign::domain::denial::Denial;
use countersign::domain::evidence::EvidenceEvent;
use countersign::domain::gate::{Gate, GateEvent};
use countersign::domain::ids::{ClientId, NameHash, Position, SessionId, StreamId, Version};
use countersign::domain::session::{Session, SessionEvent, Unrecorded};
use countersign::domain::system::SystemEvent;
use countersign::domain::tally::Seen;
use countersign::domain::time::{Span, Timestamp};
use countersign::domain::{Decision, Event, IndexKey, IndexOp, Recorded, State, apply, index_ops};
use std::collections::BTreeMap;
use std::fmt::Debug;

/// Everything that happened so far, folded.
#[derive(Clone)]
pub struct Given {
    pub now: Timestamp,
    pub history: Vec<Recorded>,
    /// The state of each stream after each of its events, also of those that are archived.
    pub streams: BTreeMap<StreamId, Vec<State>>,
    /// How many of those states belong to a life that was archived.
    pub archived: BTreeMap<StreamId, usize>,
    /// The look-ups, as a fold of their changes.
    pub index: BTreeMap<IndexKey, Timestamp>,
    /// What the actors remember.
    pub unrecorded: BTreeMap<SessionId, Unrecorded>,
    pub seen_evidence: BTreeMap<SessionId, Seen<Denial>>,
    pub seen_logins: Seen<Denial>,
    pub seen_uses: Seen<Denial>,
    /// The session that is asked about.
    pub session: SessionId,
    /// How many things were asked: the source of fresh ids.
    pub drawn: u128,
}

/// A client `store` with default settings and an account `alice` that never logged in.
pub fn given() -> Given {
    given_store(|_| {})
}

/// The same, with the client's settings changed.
pub fn given_store(change: impl FnOnce(&mut ClientSettings)) -> Given {
    let mut settings = store_settings();
    change(&mut settings);
    let given = Given {
        now: BEGIN,
        history: Vec::new(),
        streams: BTreeMap::new(),
        archived: BTreeMap::new(),
        index: BTreeMap::new(),
        unrecorded: BTreeMap::new(),
        seen_evidence: BTreeMap::new(),
        seen_logins: Seen::new(),
        seen_uses: Seen::new(),
        session: session(0),
        drawn: 0,
    };
    given
        .happened(SystemEvent::Created { origin: "test".to_owned() })
        .happened(ClientEvent::Created { settings, secret: Some(sealed("secret")), enabled: true })
        .happened(AccountEvent::Created { login: sealed("alice@example.com"), name: NameHash([1; 32]) })
        .happened(password_set("password"))
}

/// The same, and Alice logged in from home as the story begins: session 0, token 0.
pub fn given_login() -> Given {
    given().done(log_in())
}

/// The same with the client's settings changed.
pub fn given_login_at(change: impl FnOnce(&mut ClientSettings)) -> Given {
    given_store(change).done(log_in())
}

impl Given {
    /// Moves the clock to this long after the story's beginning.
    pub fn at(mut self, after: Span) -> Self {
        self.now = at(after);
        self
    }

    /// Something happened, decided by nobody in this story.
    pub fn happened(mut self, event: impl Into<Placed>) -> Self {
        let (stream, event) = event.into().at_home(self.session);
        self.record(vec![(stream, event)], &server(), Some(Command::Server));
        self
    }

    /// The actors went to sleep and forgot what they had not recorded.
    pub fn forgotten(mut self) -> Self {
        self.unrecorded.clear();
        self.seen_evidence.clear();
        self.seen_logins.clear();
        self.seen_uses.clear();
        self
    }

    /// Asks, and looks at the decision.
    pub fn when<A: Ask>(self, ask: A) -> When<A> {
        let decision = ask.decide(&self);
        When { given: self, ask, decision }
    }

    /// Asks for something that is granted, whatever the events.
    pub fn done<A: Ask>(self, ask: A) -> Self {
        let when = self.when(ask);
        assert!(when.decision.outcome.is_ok(), "{:?} was refused: {:?}", when.ask, when.decision.outcome);
        when.fold()
    }

    /// Asks, whatever the events and the answer.
    pub fn tried<A: Ask>(self, ask: A) -> Self {
        self.when(ask).fold()
    }

    pub fn state(&self, stream: &StreamId) -> Option<&State> {
        self.life(stream).last()
    }

    pub fn version(&self, stream: &StreamId) -> Version {
        self.life(stream).len() as Version
    }

    /// The states of a stream since it began, or began again.
    fn life(&self, stream: &StreamId) -> &[State] {
        let states = self.streams.get(stream).map_or(&[][..], Vec::as_slice);
        &states[self.archived.get(stream).copied().unwrap_or(0)..]
    }

    /// Where the last entry of a stream stands.
    pub fn last(&self, stream: &StreamId) -> Position {
        let last = self.history.iter().rev().find(|recorded| recorded.stream == *stream);
        last.map_or(0, |recorded| recorded.position)
    }

    /// Archives what is over among all that happened so far.
    pub fn archive(self) -> Self {
        let through = self.history.len() as Position;
        self.happened(SystemEvent::SessionsArchived { through })
    }

    fn archive_through(&mut self, through: Position) {
        let streams: Vec<StreamId> = self.streams.keys().cloned().collect();
        for stream in streams {
            if self.state(&stream).is_some_and(|state| state.is_archived(self.last(&stream), through)) {
                let over = IndexKey::Over(self.last(&stream), stream.clone());
                assert!(self.index.remove(&over).is_some(), "{over:?} is found");
                self.archived.insert(stream.clone(), self.streams[&stream].len());
            }
        }
    }

    /// A session as it was last, also if it is archived.
    pub fn session_of(&self, id: SessionId) -> &Session {
        match self.streams.get(&StreamId::Session(id)).and_then(|states| states.last()) {
            Some(State::Session(session)) => session,
            other => panic!("no session {id}: {other:?}"),
        }
    }

    /// Whether the story's session is archived.
    pub fn is_archived(&self) -> bool {
        self.state(&StreamId::Session(self.session)).is_none()
    }

    pub fn current(&self) -> &Session {
        self.session_of(self.session)
    }

    pub fn gate(&self) -> &Gate {
        match self.state(&StreamId::Gate(alice())) {
            Some(State::Gate(gate)) => gate,
            other => panic!("no gate: {other:?}"),
        }
    }

    pub fn account(&self) -> &Account {
        match self.state(&StreamId::Account(alice())) {
            Some(State::Account(account)) => account,
            other => panic!("no account: {other:?}"),
        }
    }

    pub fn client(&self, id: &ClientId) -> &Client {
        match self.state(&StreamId::Client(id.clone())) {
            Some(State::Client(client)) => client,
            other => panic!("no client: {other:?}"),
        }
    }

    /// Where nothing was ever braked there is no such stream.
    pub fn brakes(&self) -> Brakes {
        match self.state(&StreamId::Brakes) {
            Some(State::Brakes(brakes)) => brakes.clone(),
            _ => Brakes::default(),
        }
    }

    pub fn usage(&self) -> Usage {
        match self.state(&StreamId::Use(store())) {
            Some(State::Use(usage)) => usage.clone(),
            _ => Usage::default(),
        }
    }

    /// Appends and folds, as the writer does.
    pub fn record(&mut self, events: Vec<(StreamId, Event)>, context: &Context, command: Option<Command>) {
        let mut command = command;
        for (stream, event) in events {
            let recorded = Recorded {
                position: self.history.len() as u64 + 1,
                commit: commit(self.drawn),
                version: self.version(&stream) + 1,
                at: self.now,
                context: context.clone(),
                event,
                command: command.take(),
                stream,
            };
            let before = self.state(&recorded.stream).cloned();
            let after = apply(before.clone(), &recorded).expect("a decision's events follow from its states");
            let last = before.as_ref().map(|before| (before, self.last(&recorded.stream)));
            for op in index_ops(last, &after, &recorded) {
                match op {
                    IndexOp::Put(key, at) => self.index.insert(key, at),
                    IndexOp::Remove(key) => self.index.remove(&key),
                };
            }
            self.streams.entry(recorded.stream.clone()).or_default().push(after);
            if let Event::System(SystemEvent::SessionsArchived { through }) = recorded.event {
                self.archive_through(through);
            }
            self.history.push(recorded);
        }
    }
}

/// A decision that was not folded yet.
pub struct When<A: Ask> {
    pub given: Given,
    ask: A,
    pub decision: Decision<A::Event, A::Answer>,
}

impl<A: Ask> When<A> {
    /// Exactly these events and this answer.
    #[track_caller]
    pub fn then(self, events: impl IntoIterator<Item = A::Event>, outcome: Result<A::Answer, Denial>) -> Given {
        assert_eq!(self.decision, Decision { events: events.into_iter().collect(), outcome });
        self.fold()
    }

    /// No event, and this answer.
    #[track_caller]
    pub fn then_only(self, outcome: Result<A::Answer, Denial>) -> Given {
        self.then([], outcome)
    }

    fn fold(self) -> Given {
        let Self { mut given, ask, decision } = self;
        let command = ask.command(&given, &decision);
        ask.count(&mut given, &decision);
        let events: Vec<_> = decision.events.iter().map(|event| ask.place(&given, event.clone())).collect();
        let context = in_full(&given, ask.context(), events.iter().map(|(stream, _)| stream));
        given.record(events, &context, Some(command));
        given.drawn += 1;
        given
    }
}

/// An event, before it is known which stream it belongs to.
pub struct Placed(Event);

macro_rules! placed {
    ($($event:ident => $kind:ident),+) => {
        $(impl From<$event> for Placed {
            fn from(event: $event) -> Self {
                Self(Event::$kind(event))
            }
        })+
    };
}

placed!(SystemEvent => System, AccountEvent => Account, GateEvent => Gate, ClientEvent => Client, UseEvent => Use,
    SessionEvent => Session, EvidenceEvent => Evidence, BrakesEvent => Brakes);

impl Placed {
    /// In the stream of Alice, the store, or the session of the story.
    fn at_home(self, session: SessionId) -> (StreamId, Event) {
        let stream = match &self.0 {
            Event::System(_) => StreamId::System,
            Event::Account(_) => StreamId::Account(alice()),
            Event::Gate(_) => StreamId::Gate(alice()),
            Event::Client(_) => StreamId::Client(store()),
            Event::Use(_) => StreamId::Use(store()),
            Event::Session(_) => StreamId::Session(session),
            Event::Evidence(_) => StreamId::Evidence(session),
            Event::Name(_) => StreamId::Name(NameHash([1; 32])),
            Event::Brakes(_) => StreamId::Brakes,
        };
        (stream, self.0)
    }
}

/// What can be asked in a story.
pub trait Ask: Debug {
    type Event: Clone + PartialEq + Debug;
    type Answer: PartialEq + Debug;
    /// The rule's own decision.
    fn decide(&self, given: &Given) -> Decision<Self::Event, Self::Answer>;
    /// The stream of one of its events.
    fn place(&self, given: &Given, event: Self::Event) -> (StreamId, Event);
    /// What is recorded beside the first event.
    fn command(&self, given: &Given, decision: &Decision<Self::Event, Self::Answer>) -> Command;
    /// Who asks.
    fn context(&self) -> Context {
        home()
    }
    /// What the actor keeps in memory after the decision.
    fn count(&self, _given: &mut Given, _decision: &Decision<Self::Event, Self::Answer>) {}
}

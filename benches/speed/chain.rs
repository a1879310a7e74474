//! A session that is refreshed again and again by the rules alone, as its actor would: what the benchmarks of the rules and of the journal
//! are fed with.

use crate::engine::Engine;
use countersign::actors::Asker;
use countersign::clock::Clock;
use countersign::domain::brakes::Brakes;
use countersign::domain::client::Client;
use countersign::domain::command::Command;
use countersign::domain::context::Context;
use countersign::domain::gate::Gate;
use countersign::domain::ids::{CommitId, Owner, SessionId, StreamId, TokenId};
use countersign::domain::session::{self, Around, Refresh, RefreshDoor, Session, SessionEvent, Unrecorded};
use countersign::domain::time::{Span, Timestamp};
use countersign::domain::{Event, Expected, Proposal, Recorded};
use countersign::entropy::{SystemEntropy, uuid_v7};
use countersign::journal::{Commit, Versioned};
use std::sync::Arc;

/// See the module.
pub struct Chain {
    pub id: SessionId,
    session: Versioned<Arc<Session>>,
    gate: Versioned<Arc<Gate>>,
    client: Versioned<Arc<Client>>,
    brakes: Versioned<Brakes>,
    asker: Asker,
}

impl Chain {
    /// Of a session as it stands in the journal.
    pub fn of(engine: &Engine, id: SessionId, asker: Asker) -> Self {
        let reader = &engine.services.core.reader;
        let session = reader.session(id).unwrap().unwrap();
        let gate = reader.gate(session.value.account).unwrap().unwrap();
        let client = reader.client(&session.value.client).unwrap().unwrap();
        Self { id, session, gate, client, brakes: reader.brakes().unwrap(), asker }
    }

    /// The next refresh.
    pub fn command(&self, now: Timestamp) -> Refresh {
        Refresh {
            presented: self.session.value.generation,
            client: self.session.value.client.clone(),
            scope: None,
            door: RefreshDoor::Token,
            ttl: None,
            jti: TokenId(uuid_v7(&SystemEntropy, now)),
            jitter: Span::ZERO,
            wall: now,
            unavailable: Span::ZERO,
        }
    }

    /// Who asks for it.
    pub fn context(&self, engine: &Engine, id: CommitId) -> Context {
        let (owner, last) = (Owner::Account(self.session.value.account), self.session.value.last_in_full);
        engine.services.core.context_in_session(&self.asker, &owner, last, id).unwrap()
    }

    /// Decides a refresh and folds what was decided, as the actor and the journal do.
    pub fn step(&mut self, command: Refresh, context: &Context, id: CommitId, now: Timestamp) -> Vec<SessionEvent> {
        let unrecorded = Unrecorded::default();
        let around = Around {
            gate: &self.gate.value,
            client: &self.client.value,
            brakes: &self.brakes.value,
            context,
            now,
            unrecorded: &unrecorded,
        };
        let decision = session::refresh(&self.session.value, &command, &around);
        assert!(decision.outcome.is_ok(), "{:?}", decision.outcome);
        let (gate, client, brakes) = (self.gate.version, self.client.version, self.brakes.version);
        let mut command = Some(Command::Refresh { refresh: command, gate, client, brakes, unrecorded });
        for event in &decision.events {
            self.session.version += 1;
            let recorded = Recorded {
                position: 1,
                commit: id,
                stream: StreamId::Session(self.id),
                version: self.session.version,
                at: now,
                context: context.clone(),
                event: Event::Session(event.clone()),
                command: command.take(),
            };
            let before = Some(Arc::unwrap_or_clone(self.session.value.clone()));
            self.session.value = Arc::new(session::apply(before, event, &recorded).unwrap());
            self.session.at = now;
        }
        decision.events
    }

    /// The commit of the next refresh.
    pub fn next(&mut self, engine: &Engine, clock: &dyn Clock) -> Commit {
        let now = clock.wall();
        let id = CommitId(uuid_v7(&SystemEntropy, now));
        let (context, command) = (self.context(engine, id), self.command(now));
        let unrecorded = Unrecorded::default();
        let (gate, client, brakes) = (self.gate.version, self.client.version, self.brakes.version);
        let expected = Expected::Version(self.session.version);
        let events = self.step(command.clone(), &context, id, now);
        Commit {
            id,
            at: now,
            context,
            command: Some(Command::Refresh { refresh: command, gate, client, brakes, unrecorded }),
            proposals: vec![
                Proposal::guard(StreamId::Gate(self.session.value.account), gate),
                Proposal::guard(StreamId::Client(self.session.value.client.clone()), client),
                Proposal::guard(StreamId::Brakes, brakes),
                Proposal {
                    stream: StreamId::Session(self.id),
                    expected,
                    events: events.into_iter().map(Event::Session).collect(),
                },
            ],
            keys: Vec::new(),
        }
    }
}

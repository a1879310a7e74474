//! What can be asked of a session, with what an ordinary request would carry.

use super::{Ask, Given, alice, home, jti, store};
use countersign::domain::command::Command;
use countersign::domain::context::Context;
use countersign::domain::denial::Denial;
use countersign::domain::ids::{ClientId, Generation, StreamId};
use countersign::domain::session::{
    self, Around, Asked, Refresh, RefreshDoor, RefreshGranted, RefreshHow, Revoke, RevokeReason, SessionEvent,
    Unrecorded,
};
use countersign::domain::time::Span;
use countersign::domain::{Decision, Event};
use std::collections::BTreeSet;

fn unrecorded(given: &Given) -> Unrecorded {
    given.unrecorded.get(&given.session).cloned().unwrap_or_default()
}

/// What the rules see around the story's session.
fn around<T>(given: &Given, context: &Context, look: impl FnOnce(&Around) -> T) -> T {
    assert!(!given.is_archived(), "nobody decides on a session that the store does not know");
    let unrecorded = unrecorded(given);
    let client = given.client(&given.current().client);
    let (gate, brakes) = (given.gate(), given.brakes());
    look(&Around { gate, client, brakes: &brakes, context, now: given.now, unrecorded: &unrecorded })
}

fn count_refusal(given: &mut Given, class: Denial) {
    let state = given.current().clone();
    given.unrecorded.entry(given.session).or_default().count_refusal(&state, class);
}

fn in_session(given: &Given, event: SessionEvent) -> (StreamId, Event) {
    (StreamId::Session(given.session), Event::Session(event))
}

/// Redeem a refresh token of the story's session.
#[derive(Clone, Debug)]
pub struct Redeem {
    context: Context,
    presented: Generation,
    client: ClientId,
    scope: Option<BTreeSet<String>>,
    jitter: Span,
    unavailable: Span,
    door: RefreshDoor,
    ttl: Option<Span>,
}

/// The store redeems this generation for Alice, from home.
pub fn refresh(presented: Generation) -> Redeem {
    let (jitter, unavailable) = (Span::ZERO, Span::ZERO);
    let (door, ttl) = (RefreshDoor::Token, None);
    Redeem { context: home(), presented, client: store(), scope: None, jitter, unavailable, door, ttl }
}

from_whom!(Redeem);

impl Redeem {
    pub fn by(mut self, client: ClientId) -> Self {
        self.client = client;
        self
    }

    pub fn asking(mut self, names: &[&str]) -> Self {
        self.scope = Some(super::scopes(names));
        self
    }

    /// At the door that authenticates no client.
    pub fn at_jwt_refresh(mut self) -> Self {
        self.door = RefreshDoor::JwtRefresh;
        self
    }

    /// For an access token that lives so long.
    pub fn living(mut self, ttl: Span) -> Self {
        self.ttl = Some(ttl);
        self
    }

    pub fn shortened_by(mut self, jitter: Span) -> Self {
        self.jitter = jitter;
        self
    }

    /// How long the server was away since the current generation was made.
    pub fn unavailable(mut self, span: Span) -> Self {
        self.unavailable = span;
        self
    }

    fn refresh(&self, given: &Given) -> Refresh {
        Refresh {
            presented: self.presented,
            client: self.client.clone(),
            scope: self.scope.clone(),
            door: self.door,
            ttl: self.ttl,
            jti: jti(given.drawn),
            jitter: self.jitter,
            wall: given.now,
            unavailable: self.unavailable,
        }
    }
}

impl Ask for Redeem {
    type Event = SessionEvent;
    type Answer = RefreshGranted;

    fn decide(&self, given: &Given) -> Decision<SessionEvent, RefreshGranted> {
        around(given, &self.context, |around| session::refresh(given.current(), &self.refresh(given), around))
    }

    fn place(&self, given: &Given, event: SessionEvent) -> (StreamId, Event) {
        in_session(given, event)
    }

    fn command(&self, given: &Given, _: &Decision<SessionEvent, RefreshGranted>) -> Command {
        Command::Refresh {
            refresh: self.refresh(given),
            gate: given.version(&StreamId::Gate(alice())),
            client: given.version(&StreamId::Client(given.current().client.clone())),
            brakes: given.version(&StreamId::Brakes),
            unrecorded: unrecorded(given),
        }
    }

    fn context(&self) -> Context {
        self.context.clone()
    }

    fn count(&self, given: &mut Given, decision: &Decision<SessionEvent, RefreshGranted>) {
        match &decision.outcome {
            Err(class) => count_refusal(given, *class),
            Ok(RefreshGranted { how: RefreshHow::Retried | RefreshHow::MovedRetry, .. }) => {
                let state = given.current().clone();
                given.unrecorded.entry(given.session).or_default().count_retry(&state);
            }
            Ok(_) => {}
        }
    }
}

/// Show a refresh token where it may not be redeemed.
#[derive(Clone, Debug)]
pub struct WrongDoor(pub Generation);

impl Ask for WrongDoor {
    type Event = SessionEvent;
    type Answer = RefreshGranted;

    fn decide(&self, given: &Given) -> Decision<SessionEvent, RefreshGranted> {
        around(given, &home(), |around| session::refuse_door(given.current(), Asked::Refresh, self.0, around))
    }

    fn place(&self, given: &Given, event: SessionEvent) -> (StreamId, Event) {
        in_session(given, event)
    }

    fn command(&self, given: &Given, _: &Decision<SessionEvent, RefreshGranted>) -> Command {
        Command::WrongDoor { asked: Asked::Refresh, presented: self.0, unrecorded: unrecorded(given) }
    }

    fn count(&self, given: &mut Given, _: &Decision<SessionEvent, RefreshGranted>) {
        count_refusal(given, Denial::WrongDoor);
    }
}

/// End the story's session.
#[derive(Clone, Debug)]
pub struct End {
    context: Context,
    revoke: Revoke,
}

from_whom!(End);

/// The store revokes the session by one of its refresh tokens (RFC 7009).
pub fn revoke_by(presented: Generation) -> End {
    revoke(RevokeReason::Revoked, Some(store()), Some(presented))
}

/// A logout without any token.
pub fn log_out() -> End {
    revoke(RevokeReason::Logout, None, None)
}

pub fn revoke(reason: RevokeReason, client: Option<ClientId>, presented: Option<Generation>) -> End {
    End { context: home(), revoke: Revoke { reason, client, presented } }
}

impl Ask for End {
    type Event = SessionEvent;
    type Answer = ();

    fn decide(&self, given: &Given) -> Decision<SessionEvent, ()> {
        around(given, &self.context, |around| session::revoke(given.current(), &self.revoke, around))
    }

    fn place(&self, given: &Given, event: SessionEvent) -> (StreamId, Event) {
        in_session(given, event)
    }

    fn command(&self, given: &Given, _: &Decision<SessionEvent, ()>) -> Command {
        let session = given.version(&StreamId::Session(given.session));
        Command::Revoke { revoke: self.revoke.clone(), session, unrecorded: unrecorded(given) }
    }

    fn context(&self) -> Context {
        self.context.clone()
    }

    fn count(&self, given: &mut Given, decision: &Decision<SessionEvent, ()>) {
        if let Err(class) = &decision.outcome {
            count_refusal(given, *class);
        } else if self.revoke.presented.is_some_and(|presented| presented > given.current().generation) {
            count_refusal(given, Denial::AheadOfJournal);
        }
    }
}

/// The store introspects a refresh token of the story's session.
#[derive(Clone, Debug)]
pub struct Show(pub Generation);

impl Ask for Show {
    type Event = SessionEvent;
    type Answer = bool;

    fn decide(&self, given: &Given) -> Decision<SessionEvent, bool> {
        around(given, &home(), |around| session::show(given.current(), self.0, around))
    }

    fn place(&self, given: &Given, event: SessionEvent) -> (StreamId, Event) {
        in_session(given, event)
    }

    fn command(&self, given: &Given, _: &Decision<SessionEvent, bool>) -> Command {
        Command::Show { presented: self.0, unrecorded: unrecorded(given) }
    }

    fn count(&self, given: &mut Given, _: &Decision<SessionEvent, bool>) {
        if self.0 < given.current().generation {
            count_refusal(given, Denial::Superseded);
        }
    }
}

/// The sweeper looks at the story's session.
#[derive(Clone, Debug)]
pub struct Sweep;

impl Ask for Sweep {
    type Event = SessionEvent;
    type Answer = ();

    fn decide(&self, given: &Given) -> Decision<SessionEvent, ()> {
        Decision { events: session::expire(given.current(), given.now), outcome: Ok(()) }
    }

    fn place(&self, given: &Given, event: SessionEvent) -> (StreamId, Event) {
        in_session(given, event)
    }

    fn command(&self, _: &Given, _: &Decision<SessionEvent, ()>) -> Command {
        Command::Expire
    }
}

//! What can be asked, with what an ordinary request would carry.

use super::{Ask, Given, alice, home, jti, session, store};
use countersign::domain::account::{
    self, AccountEvent, Login, LoginFacts, LoginGranted, PasswordVerdict,
};
use countersign::domain::client::{self, ClientCommand, ClientEvent, IssueToken, TokenGranted, UseEvent};
use countersign::domain::command::Command;
use countersign::domain::context::Context;
use countersign::domain::denial::Denial;
use countersign::domain::gate::{self, GateCommand, GateEvent};
use countersign::domain::ids::{ClientId, Generation, SessionId, StreamId};
use countersign::domain::session::{
    self, Around, Refresh, RefreshGranted, RefreshHow, Revoke, RevokeReason, SessionEvent, Unrecorded,
};
use countersign::domain::time::Span;
use countersign::domain::{Decision, Event};
use std::collections::BTreeSet;

fn unrecorded(given: &Given) -> Unrecorded {
    given.unrecorded.get(&given.session).cloned().unwrap_or_default()
}

/// What the rules see around the story's session.
fn around<T>(given: &Given, context: &Context, look: impl FnOnce(&Around) -> T) -> T {
    let unrecorded = unrecorded(given);
    let client = given.client(&given.current().client);
    look(&Around { gate: given.gate(), client, context, now: given.now, unrecorded: &unrecorded })
}

fn count_refusal(given: &mut Given, class: Denial) {
    let state = given.current().clone();
    given.unrecorded.entry(given.session).or_default().count_refusal(&state, class);
}

fn in_session(given: &Given, event: SessionEvent) -> (StreamId, Event) {
    (StreamId::Session(given.session), Event::Session(event))
}

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

/// Redeem a refresh token of the story's session.
#[derive(Clone, Debug)]
pub struct Redeem {
    context: Context,
    presented: Generation,
    client: ClientId,
    scope: Option<BTreeSet<String>>,
    jitter: Span,
    unavailable: Span,
}

/// The store redeems this generation for Alice, from home.
pub fn refresh(presented: Generation) -> Redeem {
    let (jitter, unavailable) = (Span::ZERO, Span::ZERO);
    Redeem { context: home(), presented, client: store(), scope: None, jitter, unavailable }
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
            jti: jti(given.drawn),
            jitter: self.jitter,
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
        around(given, &home(), |around| session::refuse_door(given.current(), self.0, around))
    }

    fn place(&self, given: &Given, event: SessionEvent) -> (StreamId, Event) {
        in_session(given, event)
    }

    fn command(&self, given: &Given, _: &Decision<SessionEvent, RefreshGranted>) -> Command {
        Command::WrongDoor { presented: self.0, unrecorded: unrecorded(given) }
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

/// Alice logs in.
#[derive(Clone, Debug)]
pub struct LogIn {
    context: Context,
    client: ClientId,
    scope: Option<BTreeSet<String>>,
    verdict: PasswordVerdict,
    jitter: Span,
    ends: Vec<SessionId>,
}

from_whom!(LogIn);

/// At the store, from home, with the right password.
pub fn log_in() -> LogIn {
    let verdict = PasswordVerdict::Right;
    LogIn { context: home(), client: store(), scope: None, verdict, jitter: Span::ZERO, ends: Vec::new() }
}

impl LogIn {
    pub fn verdict(mut self, verdict: PasswordVerdict) -> Self {
        self.verdict = verdict;
        self
    }

    pub fn asking(mut self, names: &[&str]) -> Self {
        self.scope = Some(super::scopes(names));
        self
    }

    pub fn shortened_by(mut self, jitter: Span) -> Self {
        self.jitter = jitter;
        self
    }

    /// The oldest sessions, which must end for this one.
    pub fn ending(mut self, oldest: &[SessionId]) -> Self {
        self.ends = oldest.to_vec();
        self
    }

    fn login(&self, given: &Given) -> Login {
        Login {
            account: alice(),
            client: self.client.clone(),
            scope: self.scope.clone(),
            verdict: self.verdict,
            session: session(given.drawn),
            jti: jti(given.drawn),
            jitter: self.jitter,
            refresh_key: 1,
            ends: self.ends.clone(),
        }
    }
}

impl Ask for LogIn {
    type Event = (StreamId, Event);
    type Answer = LoginGranted;

    fn decide(&self, given: &Given) -> Decision<(StreamId, Event), LoginGranted> {
        let facts = LoginFacts {
            gate: given.gate(),
            gate_version: given.version(&StreamId::Gate(alice())),
            client: given.client(&self.client),
            client_version: given.version(&StreamId::Client(self.client.clone())),
            context: &self.context,
            now: given.now,
            seen: &given.seen_logins,
        };
        account::login(given.account(), &self.login(given), &facts)
    }

    fn place(&self, _: &Given, event: (StreamId, Event)) -> (StreamId, Event) {
        event
    }

    fn command(&self, given: &Given, decision: &Decision<(StreamId, Event), LoginGranted>) -> Command {
        let n = decision.events.iter().find_map(|(_, event)| match event {
            Event::Account(AccountEvent::LoginRefused { n, .. }) => Some(*n),
            _ => None,
        });
        Command::Login {
            login: self.login(given),
            gate: given.version(&StreamId::Gate(alice())),
            client: given.version(&StreamId::Client(self.client.clone())),
            n,
        }
    }

    fn context(&self) -> Context {
        self.context.clone()
    }

    fn count(&self, given: &mut Given, decision: &Decision<(StreamId, Event), LoginGranted>) {
        match &decision.outcome {
            Ok(granted) => given.session = granted.session,
            Err(class) => {
                let recorded = given.account().refusals.recorded(*class);
                let seen = given.seen_logins.entry(*class).or_default();
                *seen = 1 + (*seen).max(recorded);
            }
        }
    }
}

impl Ask for GateCommand {
    type Event = GateEvent;
    type Answer = ();

    fn decide(&self, given: &Given) -> Decision<GateEvent, ()> {
        Decision { events: gate::decide(given.gate(), self), outcome: Ok(()) }
    }

    fn place(&self, _: &Given, event: GateEvent) -> (StreamId, Event) {
        (StreamId::Gate(alice()), Event::Gate(event))
    }

    fn command(&self, given: &Given, _: &Decision<GateEvent, ()>) -> Command {
        Command::Gate { command: self.clone(), gate: given.version(&StreamId::Gate(alice())) }
    }
}

impl Ask for ClientCommand {
    type Event = ClientEvent;
    type Answer = ();

    fn decide(&self, given: &Given) -> Decision<ClientEvent, ()> {
        Decision { events: client::decide(given.client(&store()), self), outcome: Ok(()) }
    }

    fn place(&self, _: &Given, event: ClientEvent) -> (StreamId, Event) {
        (StreamId::Client(store()), Event::Client(event))
    }

    fn command(&self, _: &Given, _: &Decision<ClientEvent, ()>) -> Command {
        Command::Client(self.clone())
    }
}

/// The store asks for a token of its own.
#[derive(Clone, Debug)]
pub struct Issue {
    context: Context,
    scope: Option<BTreeSet<String>>,
    jitter: Span,
}

from_whom!(Issue);

pub fn issue() -> Issue {
    Issue { context: home(), scope: None, jitter: Span::ZERO }
}

impl Issue {
    pub fn asking(mut self, names: &[&str]) -> Self {
        self.scope = Some(super::scopes(names));
        self
    }

    pub fn shortened_by(mut self, jitter: Span) -> Self {
        self.jitter = jitter;
        self
    }

    fn issue(&self, given: &Given) -> IssueToken {
        IssueToken { scope: self.scope.clone(), jti: jti(given.drawn), jitter: self.jitter }
    }
}

fn number_of(events: &[UseEvent]) -> Option<u64> {
    events.iter().find_map(|event| match event {
        UseEvent::Refused { n, .. } => Some(*n),
        _ => None,
    })
}

fn count_use<T>(given: &mut Given, outcome: &Result<T, Denial>) {
    if let Err(class) = outcome {
        let recorded = given.usage().refusals.recorded(*class);
        let seen = given.seen_uses.entry(*class).or_default();
        *seen = 1 + (*seen).max(recorded);
    }
}

impl Ask for Issue {
    type Event = UseEvent;
    type Answer = TokenGranted;

    fn decide(&self, given: &Given) -> Decision<UseEvent, TokenGranted> {
        let (client, usage) = (given.client(&store()), given.usage());
        client::issue_token(client, &usage, &self.issue(given), given.now, &self.context, &given.seen_uses)
    }

    fn place(&self, _: &Given, event: UseEvent) -> (StreamId, Event) {
        (StreamId::Use(store()), Event::Use(event))
    }

    fn command(&self, given: &Given, decision: &Decision<UseEvent, TokenGranted>) -> Command {
        let client = given.version(&StreamId::Client(store()));
        Command::IssueToken { issue: self.issue(given), client, n: number_of(&decision.events) }
    }

    fn context(&self) -> Context {
        self.context.clone()
    }

    fn count(&self, given: &mut Given, decision: &Decision<UseEvent, TokenGranted>) {
        count_use(given, &decision.outcome);
    }
}

/// The store failed to authenticate.
#[derive(Clone, Debug)]
pub struct Fail(pub Denial, pub Context);

impl Ask for Fail {
    type Event = UseEvent;
    type Answer = ();

    fn decide(&self, given: &Given) -> Decision<UseEvent, ()> {
        client::refuse(&given.usage(), self.0, &self.1, &given.seen_uses)
    }

    fn place(&self, _: &Given, event: UseEvent) -> (StreamId, Event) {
        (StreamId::Use(store()), Event::Use(event))
    }

    fn command(&self, _: &Given, decision: &Decision<UseEvent, ()>) -> Command {
        Command::RefuseClient { class: self.0, n: number_of(&decision.events).unwrap_or(1) }
    }

    fn context(&self) -> Context {
        self.1.clone()
    }

    fn count(&self, given: &mut Given, decision: &Decision<UseEvent, ()>) {
        count_use(given, &decision.outcome);
    }
}

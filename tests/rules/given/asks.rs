//! What can be asked of an account, a gate and a client, with what an ordinary request would carry.

use super::{Ask, Given, alice, home, jti, session, store};
use countersign::domain::account::{self, AccountEvent, Login, LoginFacts, LoginGranted, LoginHow, PasswordVerdict};
use countersign::domain::brakes::{self, BrakesCommand, BrakesEvent};
use countersign::domain::client::{self, ClientCommand, ClientEvent, IssueToken, TokenGranted, UseEvent};
use countersign::domain::command::Command;
use countersign::domain::context::Context;
use countersign::domain::denial::Denial;
use countersign::domain::gate::{self, GateCommand, GateEvent, PasswordHow};
use countersign::domain::ids::{ClientId, SessionId, StreamId};
use countersign::domain::time::{Span, Timestamp};
use countersign::domain::{Decision, Event};
use std::collections::BTreeSet;

/// Alice logs in.
#[derive(Clone, Debug)]
pub struct LogIn {
    context: Context,
    client: ClientId,
    scope: Option<BTreeSet<String>>,
    verdict: PasswordVerdict,
    jitter: Span,
    ends: Vec<SessionId>,
    how: LoginHow,
    refresh: Option<bool>,
    until: Option<Timestamp>,
}

from_whom!(LogIn);

/// At the store, from home, with the right password.
pub fn log_in() -> LogIn {
    let verdict = PasswordVerdict::Right;
    LogIn {
        context: home(),
        client: store(),
        scope: None,
        verdict,
        jitter: Span::ZERO,
        ends: Vec::new(),
        how: LoginHow::Password,
        refresh: None,
        until: None,
    }
}

/// At the store, from home, by another door than the password grant.
pub fn let_in(how: LoginHow) -> LogIn {
    let verdict = if how == LoginHow::LoginApi { PasswordVerdict::Right } else { PasswordVerdict::Vouched };
    LogIn { verdict, how, ..log_in() }
}

impl LogIn {
    /// With a refresh token or without, whatever the client's settings say.
    pub fn refreshable(mut self, refreshable: bool) -> Self {
        self.refresh = Some(refreshable);
        self
    }

    /// For a session that ends then at the latest.
    pub fn until(mut self, end: Timestamp) -> Self {
        self.until = Some(end);
        self
    }

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
            how: self.how,
            refresh: self.refresh,
            until: self.until,
            came_of: None,
            session: session(given.drawn),
            jti: jti(given.drawn),
            jitter: self.jitter,
            wall: given.now,
            refresh_key: 1,
            ends: self.ends.clone(),
        }
    }
}

impl Ask for LogIn {
    type Event = (StreamId, Event);
    type Answer = LoginGranted;

    fn decide(&self, given: &Given) -> Decision<(StreamId, Event), LoginGranted> {
        let brakes = given.brakes();
        let facts = LoginFacts {
            gate: given.gate(),
            gate_version: given.version(&StreamId::Gate(alice())),
            client: given.client(&self.client),
            client_version: given.version(&StreamId::Client(self.client.clone())),
            brakes: &brakes,
            brakes_version: given.version(&StreamId::Brakes),
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
            brakes: given.version(&StreamId::Brakes),
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

impl Ask for BrakesCommand {
    type Event = BrakesEvent;
    type Answer = ();

    fn decide(&self, given: &Given) -> Decision<BrakesEvent, ()> {
        Decision { events: brakes::decide(&given.brakes(), self), outcome: Ok(()) }
    }

    fn place(&self, _: &Given, event: BrakesEvent) -> (StreamId, Event) {
        (StreamId::Brakes, Event::Brakes(event))
    }

    fn command(&self, given: &Given, _: &Decision<BrakesEvent, ()>) -> Command {
        Command::Brakes { command: self.clone(), brakes: given.version(&StreamId::Brakes) }
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
        IssueToken { scope: self.scope.clone(), jti: jti(given.drawn), jitter: self.jitter, wall: given.now }
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
        client::issue_token(client, &usage, &self.issue(given), &self.context, &given.seen_uses)
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

/// Another password for Alice, set by an operator.
pub fn set_password(hash: &str) -> GateCommand {
    let how = PasswordHow::Given;
    GateCommand::SetPassword { verifier: super::sealed(hash), scheme: super::SCHEME, must_change: false, how }
}

/// The event of it.
pub fn password_set(hash: &str) -> GateEvent {
    let how = PasswordHow::Given;
    GateEvent::PasswordSet { verifier: super::sealed(hash), scheme: super::SCHEME, must_change: false, how }
}

/// Another password for Alice, which only serves to set yet another.
pub fn set_password_to_be_changed(hash: &str) -> GateCommand {
    let how = PasswordHow::Given;
    GateCommand::SetPassword { verifier: super::sealed(hash), scheme: super::SCHEME, must_change: true, how }
}

//! Deciding again: from a recorded command and the folded states, the same events must come out. A journal in which they do
//! not was made by other rules, or by other hands; and with another policy in the states this is "what if".

use super::account::{self, LoginFacts};
use super::brakes::{self, Brakes};
use super::client::{self, Client};
use super::command::Command;
use super::context::Context;
use super::denial::Denial;
use super::evidence::{self, Evidence};
use super::gate::{self, Gate};
use super::ids::{AccountId, ClientId, SessionId, StreamId, Version};
use super::session::{self, Around, Session, SessionEvent, Unrecorded};
use super::tally::Seen;
use super::time::Timestamp;
use super::{Event, Recorded, State};
use std::sync::Arc;

/// A place in the history of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moment {
    /// As it stood before the decision's first entry.
    Before,
    /// After its first so many events.
    Version(Version),
}

/// The events of a decision, made again. `first` is its first entry, which carries the command; `states` looks up what a
/// stream was, and may answer with another policy than the one that was in force.
///
/// `None` where there is nothing to decide again: no command, or one whose events say all of it, or a state that is missing.
pub fn redo(first: &Recorded, states: impl Fn(&StreamId, Moment) -> Option<State>) -> Option<Vec<(StreamId, Event)>> {
    let past = Past { states: &states, context: &first.context, at: first.at };
    match (first.command.as_ref()?, &first.stream) {
        (Command::Login { login, gate, client, brakes, n }, _) => past.login(login, (*gate, *client, *brakes), *n),
        (Command::Refresh { refresh, gate, client, brakes, unrecorded }, StreamId::Session(id)) => {
            let versions = (Moment::Version(*gate), Moment::Version(*client), Moment::Version(*brakes));
            past.session(*id, Moment::Before, versions, unrecorded, |session, around| {
                session::refresh(session, refresh, around).events
            })
        }
        (Command::Revoke { revoke, session, unrecorded }, StreamId::Session(id)) => {
            past.session(*id, Moment::Version(*session), NOW, unrecorded, |session, around| {
                session::revoke(session, revoke, around).events
            })
        }
        (Command::Show { presented, unrecorded }, StreamId::Session(id)) => {
            past.session(*id, Moment::Before, NOW, unrecorded, |session, around| {
                session::show(session, *presented, around).events
            })
        }
        (Command::WrongDoor { asked, presented, unrecorded }, StreamId::Session(id)) => {
            past.session(*id, Moment::Before, NOW, unrecorded, |session, around| {
                session::refuse_door::<()>(session, *asked, *presented, around).events
            })
        }
        (Command::Expire, StreamId::Session(id)) => {
            past.session(*id, Moment::Before, NOW, &Unrecorded::default(), |session, around| {
                session::expire(session, around.now)
            })
        }
        (Command::Evidence { ask, past: was, unrecorded }, StreamId::Evidence(_)) => {
            let decision = evidence::refuse(&past.evidence(&first.stream), ask, was, &first.context, unrecorded);
            Some(place(decision.events, &first.stream, Event::Evidence))
        }
        (Command::IssueToken { issue, client, n }, StreamId::Use(id)) => {
            let settings = past.client(id, Moment::Version(*client))?;
            let decision = client::issue_token(&settings, &past.usage(id), issue, &first.context, &seen(*n));
            Some(place(decision.events, &first.stream, Event::Use))
        }
        (Command::RefuseClient { class, n }, StreamId::Use(id)) => {
            let decision = client::refuse::<()>(&past.usage(id), *class, &first.context, &seen(Some(*n)));
            Some(place(decision.events, &first.stream, Event::Use))
        }
        (Command::Gate { command, gate }, StreamId::Gate(id)) => {
            let gate = past.gate(*id, Moment::Version(*gate))?;
            Some(place(gate::decide(&gate, command), &first.stream, Event::Gate))
        }
        (Command::Client(command), StreamId::Client(id)) => {
            let client = past.client(id, Moment::Before)?;
            Some(place(client::decide(&client, command), &first.stream, Event::Client))
        }
        (Command::Brakes { command, brakes }, StreamId::Brakes) => {
            let before = past.brakes(Moment::Version(*brakes));
            Some(place(brakes::decide(&before, command), &first.stream, Event::Brakes))
        }
        _ => None,
    }
}

/// Gate, client and brakes as they stood: for decisions whose events do not depend on either.
const NOW: (Moment, Moment, Moment) = (Moment::Before, Moment::Before, Moment::Before);

fn place<E>(events: Vec<E>, stream: &StreamId, kind: fn(E) -> Event) -> Vec<(StreamId, Event)> {
    events.into_iter().map(|event| (stream.clone(), kind(event))).collect()
}

/// The counts before the `n`-th refusal. Its class follows from the decision, so it is said of every class.
fn seen(n: Option<u64>) -> Seen<Denial> {
    let before = n.map_or(0, |n| n.saturating_sub(1));
    Denial::ALL.iter().map(|class| (*class, before)).collect()
}

/// What the decision was made on.
struct Past<'a, S> {
    states: &'a S,
    context: &'a Context,
    at: Timestamp,
}

impl<S: Fn(&StreamId, Moment) -> Option<State>> Past<'_, S> {
    fn gate(&self, id: AccountId, moment: Moment) -> Option<Arc<Gate>> {
        match (self.states)(&StreamId::Gate(id), moment)? {
            State::Gate(gate) => Some(gate),
            _ => None,
        }
    }

    fn client(&self, id: &ClientId, moment: Moment) -> Option<Arc<Client>> {
        match (self.states)(&StreamId::Client(id.clone()), moment)? {
            State::Client(client) => Some(client),
            _ => None,
        }
    }

    /// Where nothing was ever braked there is no such stream.
    fn brakes(&self, moment: Moment) -> Brakes {
        match (self.states)(&StreamId::Brakes, moment) {
            Some(State::Brakes(brakes)) => brakes,
            _ => Brakes::default(),
        }
    }

    /// A client that was never used has no such stream.
    fn usage(&self, id: &ClientId) -> client::Usage {
        match (self.states)(&StreamId::Use(id.clone()), Moment::Before) {
            Some(State::Use(usage)) => usage,
            _ => client::Usage::default(),
        }
    }

    /// What nothing was recorded of has no such stream.
    fn evidence(&self, stream: &StreamId) -> Evidence {
        match (self.states)(stream, Moment::Before) {
            Some(State::Evidence(evidence)) => evidence,
            _ => Evidence::default(),
        }
    }

    fn session(
        &self,
        id: SessionId,
        moment: Moment,
        (gate, client, brakes): (Moment, Moment, Moment),
        unrecorded: &Unrecorded,
        decide: impl Fn(&Session, &Around) -> Vec<SessionEvent>,
    ) -> Option<Vec<(StreamId, Event)>> {
        let stream = StreamId::Session(id);
        let State::Session(session) = (self.states)(&stream, moment)? else { return None };
        let gate = self.gate(session.account, gate)?;
        let client = self.client(&session.client, client)?;
        let brakes = self.brakes(brakes);
        let (context, now) = (self.context, self.at);
        let around = Around { gate: &gate, client: &client, brakes: &brakes, context, now, unrecorded };
        Some(place(decide(&session, &around), &stream, Event::Session))
    }

    fn login(
        &self,
        login: &account::Login,
        (gate_version, client_version, brakes_version): (Version, Version, Version),
        n: Option<u64>,
    ) -> Option<Vec<(StreamId, Event)>> {
        let State::Account(account) = (self.states)(&StreamId::Account(login.account), Moment::Before)? else {
            return None;
        };
        let gate = self.gate(login.account, Moment::Version(gate_version))?;
        let client = self.client(&login.client, Moment::Version(client_version))?;
        let brakes = self.brakes(Moment::Version(brakes_version));
        let facts = LoginFacts {
            gate: &gate,
            gate_version,
            client: &client,
            client_version,
            brakes: &brakes,
            brakes_version,
            context: self.context,
            now: self.at,
            seen: &seen(n),
        };
        Some(account::login(&account, login, &facts).events)
    }
}

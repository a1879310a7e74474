//! What can be asked with the refresh token of an archived session.

use super::{Ask, Given, home, store};
use countersign::domain::command::Command;
use countersign::domain::context::Context;
use countersign::domain::denial::Denial;
use countersign::domain::evidence::{self, Door, Evidence, EvidenceEvent, Past, Trace};
use countersign::domain::ids::{ClientId, Generation, StreamId};
use countersign::domain::tally::Seen;
use countersign::domain::{Decision, Event, State};

/// Show a refresh token of the story's session, which is archived.
#[derive(Clone, Debug)]
pub struct Old {
    context: Context,
    ask: evidence::Ask,
}

from_whom!(Old);

/// The store shows this generation for Alice, from home.
pub fn old(door: Door, presented: Generation) -> Old {
    Old { context: home(), ask: evidence::Ask { door, client: Some(store()), presented } }
}

impl Old {
    pub fn by(mut self, client: ClientId) -> Self {
        self.ask.client = Some(client);
        self
    }
}

/// What the story's entries tell of its session, to somebody who shows this generation.
pub fn past(given: &Given, presented: Generation) -> Option<Past> {
    let mut trace = Trace::new(presented);
    let entries = given.history.iter().filter(|recorded| recorded.stream == StreamId::Session(given.session));
    entries.for_each(|recorded| trace.add(recorded));
    trace.past()
}

fn state(given: &Given) -> Evidence {
    match given.state(&StreamId::Evidence(given.session)) {
        Some(State::Evidence(evidence)) => evidence.clone(),
        _ => Evidence::default(),
    }
}

fn seen(given: &Given) -> Seen<Denial> {
    given.seen_evidence.get(&given.session).cloned().unwrap_or_default()
}

impl Ask for Old {
    type Event = EvidenceEvent;
    type Answer = ();

    fn decide(&self, given: &Given) -> Decision<EvidenceEvent, ()> {
        let stream = StreamId::Session(given.session);
        assert_eq!(given.state(&stream), None, "the store asks the past only for what it does not know");
        let past = past(given, self.ask.presented).expect("it ended");
        evidence::refuse(&state(given), &self.ask, &past, &self.context, &seen(given))
    }

    fn place(&self, given: &Given, event: EvidenceEvent) -> (StreamId, Event) {
        (StreamId::Evidence(given.session), Event::Evidence(event))
    }

    fn command(&self, given: &Given, _: &Decision<EvidenceEvent, ()>) -> Command {
        let past = past(given, self.ask.presented).expect("it ended");
        Command::Evidence { ask: self.ask.clone(), past, unrecorded: seen(given) }
    }

    fn context(&self) -> Context {
        self.context.clone()
    }

    fn count(&self, given: &mut Given, _: &Decision<EvidenceEvent, ()>) {
        let past = past(given, self.ask.presented).expect("it ended");
        if let Some(class) = self.ask.class(&past) {
            let n = state(given).refusals.number(class, &seen(given));
            given.seen_evidence.entry(given.session).or_default().insert(class, n);
        }
    }
}

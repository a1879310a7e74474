//! Everything that may be so, and the search for an order of asks that explains all answers.

use super::{Ask, ClientRules, Model, Moment, Outcome, Seen};
use std::collections::{BTreeSet, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

/// More models than this are not told apart.
const MOST: usize = 20_000;

/// What is said then: nothing is known to be wrong.
pub const TOO_MUCH: &str = "more orders and models than can be told apart";

/// Mixes what is hashed with a multiplication: models are hashed more than anything else here, and nobody chooses them so that they
/// collide.
#[derive(Default)]
struct Quick(u64);

impl Hasher for Quick {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 29)
    }

    fn write(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(8) {
            self.write_u64(part.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(23) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_u8(&mut self, number: u8) {
        self.write_u64(number.into());
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(number.into());
    }

    fn write_i64(&mut self, number: i64) {
        self.write_u64(number.cast_unsigned());
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn write_isize(&mut self, number: isize) {
        self.write_u64(number as u64);
    }
}

type Set<T> = HashSet<T, BuildHasherDefault<Quick>>;

/// One ask, from when to when it was under way, and what was answered.
#[derive(Clone, Debug)]
pub struct Call {
    /// Its number: no two have the same.
    pub number: u32,
    pub ask: Ask,
    /// What the clocks showed all the while.
    pub at: Moment,
    /// Instants of a counter that all calls share. Never returned: never answered.
    pub invoked: u64,
    pub returned: Option<u64>,
    pub seen: Option<Seen>,
}

impl Call {
    /// What follows from it, if it was carried out now. Its answer must be one that can be.
    fn outcomes(&self, model: &Model) -> Vec<Outcome> {
        let mut outcomes = model.clone().outcomes(self.number, &self.ask, self.at);
        if let Some(seen) = &self.seen {
            // Lost races and full queues: nothing was done.
            if matches!(seen, Seen::Unavailable(code) if code == "conflict" || code == "busy") {
                let mut looked_at = model.clone();
                looked_at.visit(self.at);
                return vec![(super::Answer::Unavailable("conflict"), looked_at)];
            }
            outcomes.retain(|(answer, after)| answer.admits(self.number, seen, &after.accesses));
            outcomes.iter_mut().for_each(|(_, model)| model.learn(self.number, &self.ask, seen));
        }
        outcomes
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Worlds(Set<Model>);

impl Worlds {
    /// The one world there is at first: every account registered at every client, with its own number as its password.
    pub fn new(clients: Vec<ClientRules>, accounts: u8, at: Moment) -> Self {
        Self(Set::from_iter([Model::new(clients, accounts, at)]))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// What may be so after these calls: some order explains all their answers, in which no call comes behind one that was
    /// invoked after it had returned. A call that was not answered may have been carried out at any time, or never.
    ///
    /// # Errors
    /// Where there is no such order, with what would have been answered; or [`TOO_MUCH`].
    pub fn happened(&self, calls: &[Call]) -> Result<Self, String> {
        assert!(calls.len() <= 128, "a set of calls is a number of 128 bits");
        let answered = calls.iter().enumerate().filter(|(_, call)| call.returned.is_some());
        let answered: u128 = answered.map(|(at, _)| 1 << at).sum();
        let mut search =
            Search { calls, answered, seen: Set::default(), found: Set::default(), deepest: (0, Vec::new()) };
        for model in &self.0 {
            search.go(0, model)?;
        }
        if search.found.is_empty() {
            return Err(search.explain());
        }
        Ok(Self(search.found.into_iter().map(Model::settled).collect()))
    }

    /// The process has ended, in whatever way.
    pub fn ended(&self) -> Self {
        Self(self.0.iter().cloned().map(Model::ended).collect())
    }

    /// A start was recorded. `last` is the newest instant that the journal had before.
    ///
    /// # Errors
    /// Where the journal's newest instant cannot be: something is missing, or comes from a clock that was not believed.
    pub fn started(&self, at: Moment, accepts_clock: bool, last: i64) -> Result<Self, String> {
        let started = self.0.iter().cloned().filter_map(|model| model.started(at, accepts_clock, last));
        self.left(started.collect(), &format!("the newest entry before the start is of {last}"))
    }

    /// It was recorded that requests are answered, at the instant `recorded`.
    ///
    /// # Errors
    /// Where that cannot be.
    pub fn ready(&self, at: Moment, recorded: i64) -> Result<Self, String> {
        let ready = self.0.iter().cloned().filter_map(|model| model.ready(at, recorded));
        self.left(ready.collect(), &format!("the server says that it was ready at {recorded}"))
    }

    fn left(&self, worlds: Set<Model>, what: &str) -> Result<Self, String> {
        if worlds.is_empty() {
            let bounds: BTreeSet<_> = self.0.iter().map(|model| (model.recorded, model.visited)).collect();
            return Err(format!("{what}, and it must lie within {bounds:?}"));
        }
        Ok(Self(worlds))
    }
}

struct Search<'a> {
    calls: &'a [Call],
    answered: u128,
    seen: Set<(u128, Model)>,
    found: Set<Model>,
    /// How many calls could be explained at most, and what stood in the way of the rest.
    deepest: (u32, Vec<String>),
}

impl Search<'_> {
    fn go(&mut self, done: u128, model: &Model) -> Result<(), String> {
        // A call alone leads to no model twice.
        if self.calls.len() > 1 && !self.seen.insert((done, model.clone())) {
            return Ok(());
        }
        if self.seen.len() > MOST {
            return Err(TOO_MUCH.to_owned());
        }
        if done & self.answered == self.answered {
            self.found.insert(model.clone());
        }
        let waiting = || self.calls.iter().enumerate().filter(|(at, _)| done & (1 << at) == 0);
        // Whoever was invoked after another had returned comes after it.
        let first_return = waiting().filter_map(|(_, call)| call.returned).min().unwrap_or(u64::MAX);
        let next: Vec<_> = waiting().filter(|(_, call)| call.invoked < first_return).map(|(at, _)| at).collect();
        for at in next {
            let outcomes = self.calls[at].outcomes(model);
            if outcomes.is_empty() {
                self.note(done, at, model);
            }
            for (_, after) in outcomes {
                self.go(done | (1 << at), &after)?;
            }
        }
        Ok(())
    }

    fn note(&mut self, done: u128, at: usize, model: &Model) {
        let depth = done.count_ones();
        if depth > self.deepest.0 {
            self.deepest = (depth, Vec::new());
        }
        if depth == self.deepest.0 && self.deepest.1.len() < 8 {
            let call = &self.calls[at];
            let expected = model.clone().outcomes(call.number, &call.ask, call.at);
            let expected: Vec<_> = expected.into_iter().map(|(answer, _)| answer).collect();
            let line = format!("{call:?}\n    could have been answered {expected:?}");
            if !self.deepest.1.contains(&line) {
                self.deepest.1.push(line);
            }
        }
    }

    fn explain(&self) -> String {
        let (depth, lines) = &self.deepest;
        let calls = self.calls.len();
        format!("no order explains the answers; of {calls} calls {depth} can be, and then:\n  {}", lines.join("\n  "))
    }
}

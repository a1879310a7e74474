//! Counting refusals without letting a stranger fill the journal.
//!
//! Refusals are numbered per stream and class. The early ones are events; after that only every doubling is, with its
//! number, so that the journal grows with the logarithm of an attack. The count between two events lives in memory.

use super::context::{Context, Traits};
use super::ids::Generation;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The last refusal number up to which each one that differs from the one before is an event.
const EACH_UP_TO: u64 = 20;
/// From this number on, every power of two is an event.
const DOUBLINGS_FROM: u64 = 32;

/// What a refused request showed: the same again is not news.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Shown {
    /// The presented generation, where the request presented one.
    pub generation: Option<Generation>,
    /// The person's network and user agent, where a person is known.
    pub person: Option<Traits>,
}

impl Shown {
    /// What a request showed. Its device is left out: a caller could name a new one each time.
    pub fn new(generation: Option<Generation>, context: &Context) -> Self {
        Self { generation, person: context.person().map(|person| Traits { dev: None, ..person }) }
    }
}

/// The recorded refusals of one class.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Tally {
    /// The number of the last refusal that became an event.
    pub recorded: u64,
    /// What that one showed.
    pub last: Shown,
}

/// The recorded refusals of a stream, by class.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Tallies<C: Ord>(BTreeMap<C, Tally>);

impl<C: Ord> Default for Tallies<C> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

/// Refusals so far, by class, with those that were not recorded: memory of one actor, forgotten when it sleeps.
pub type Seen<C> = BTreeMap<C, u64>;

impl<C: Ord + Copy> Tallies<C> {
    /// The number of the next refusal of this class, recorded or not.
    pub fn number(&self, class: C, seen: &Seen<C>) -> u64 {
        1 + seen.get(&class).copied().unwrap_or(0).max(self.recorded(class))
    }

    /// The number of the next refusal of this class, and whether it is an event.
    pub fn next(&self, class: C, seen: &Seen<C>, shown: &Shown) -> (u64, bool) {
        let tally = self.0.get(&class).copied().unwrap_or_default();
        let n = self.number(class, seen);
        let news = tally.recorded == 0 || tally.last != *shown;
        (n, (n <= EACH_UP_TO && news) || is_doubling(n))
    }

    /// Folds the event of the `n`-th refusal.
    pub fn record(&mut self, class: C, n: u64, shown: Shown) {
        self.0.insert(class, Tally { recorded: n, last: shown });
    }

    /// The number of the last recorded refusal of a class.
    pub fn recorded(&self, class: C) -> u64 {
        self.0.get(&class).map_or(0, |tally| tally.recorded)
    }
}

/// Whether the `n`-th of a long series is an event of its own: 32, 64, 128 …
pub fn is_doubling(n: u64) -> bool {
    n >= DOUBLINGS_FROM && n.is_power_of_two()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::Tag;

    fn shown(generation: Generation) -> Shown {
        Shown { generation: Some(generation), person: None }
    }

    #[test]
    fn the_same_refusal_again_is_recorded_only_at_the_doublings() {
        let mut tallies = Tallies::<u8>::default();
        let mut seen = Seen::new();
        let mut recorded = Vec::new();
        for _ in 0..200 {
            let (n, is_event) = tallies.next(1, &seen, &shown(4));
            seen.insert(1, n);
            if is_event {
                tallies.record(1, n, shown(4));
                recorded.push(n);
            }
        }
        assert_eq!(recorded, [1, 32, 64, 128]);
    }

    #[test]
    fn refusals_that_differ_are_each_recorded_up_to_the_twentieth() {
        let mut tallies = Tallies::<u8>::default();
        let mut seen = Seen::new();
        let mut recorded = Vec::new();
        for i in 0..70u8 {
            let shown =
                Shown { generation: None, person: Some(Traits { net: Some(Tag([i; 8])), ..Traits::default() }) };
            let (n, is_event) = tallies.next(1, &seen, &shown);
            seen.insert(1, n);
            if is_event {
                tallies.record(1, n, shown);
                recorded.push(n);
            }
        }
        assert_eq!(recorded, (1..=20).chain([32, 64]).collect::<Vec<u64>>());
    }

    #[test]
    fn a_count_lost_with_the_memory_goes_on_from_the_last_event() {
        let mut tallies = Tallies::<u8>::default();
        tallies.record(1, 32, shown(4));
        assert_eq!(tallies.next(1, &Seen::new(), &shown(4)), (33, false));
    }
}

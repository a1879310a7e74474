//! Which refusals become entries: an entry moves the instant that later decisions in its stream start from.

use super::Person;
use std::collections::BTreeMap;

/// What a refused request showed, the same again is not news.
type Shown = (Option<u32>, Person);

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Class {
    recorded: u64,
    counted: u64,
    last: Shown,
}

/// The refusals of one stream, by class.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Refusals(BTreeMap<&'static str, Class>);

impl Refusals {
    /// Counts one, and says whether it is recorded.
    pub fn count(&mut self, class: &'static str, generation: Option<u32>, person: Person) -> bool {
        let shown = (generation, person);
        let known = self.0.entry(class).or_insert(Class { recorded: 0, counted: 0, last: shown });
        known.counted += 1;
        let n = known.counted;
        let is_news = known.recorded == 0 || known.last != shown;
        let recorded = (n <= 20 && is_news) || is_doubling(n);
        if recorded {
            (known.recorded, known.last) = (n, shown);
        }
        recorded
    }

    /// The counts between two entries are memory only.
    pub fn forget(&mut self) {
        self.0.values_mut().for_each(|class| class.counted = class.recorded);
    }
}

/// 32, 64, 128 …
pub fn is_doubling(n: u64) -> bool {
    n >= 32 && n.is_power_of_two()
}

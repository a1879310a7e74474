//! How many passwords may be tried. Two budgets for each login id, whether it exists or not: what strangers may try, and what
//! each familiar context may. Strangers never slow a familiar context, so nobody can lock an owner out.
//!
//! An attempt is charged when it is admitted to the hash queue and given back when the password was right: charged later,
//! parallel guesses would outrun the count.

use crate::domain::ids::Tag;
use crate::domain::time::{Span, Timestamp};
use std::collections::BTreeMap;

/// Networks remembered for one login id; beyond them only the count for all strangers holds.
const NETWORKS_PER_LOGIN: usize = 64;
/// The span that the limits are for.
const PER: Span = Span::hours(1);

/// Attempts an hour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BudgetLimits {
    /// For strangers of one network.
    pub strangers_per_network: u32,
    /// For all strangers.
    pub strangers_total: u32,
    /// For each familiar context.
    pub familiar: u32,
}

/// Who tries.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Guesser {
    /// Somebody from a network or device the account has used lately.
    Familiar(Tag),
    /// Anybody else; `None` where no person was told.
    Stranger(Option<String>),
}

/// One budget, as the instant at which it will be full again (a token bucket kept in one number).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Budget {
    full_at: Timestamp,
}

impl Budget {
    fn new(now: Timestamp) -> Self {
        Self { full_at: now }
    }

    fn cost(limit: u32) -> Span {
        Span(PER.0 / i64::from(limit.max(1)))
    }

    /// When another attempt is allowed; `None`: now.
    fn blocked_until(&self, limit: u32, now: Timestamp) -> Option<Timestamp> {
        let free_from = self.full_at + Self::cost(limit) - PER;
        (free_from > now).then_some(free_from)
    }

    fn charge(&mut self, limit: u32, now: Timestamp) {
        self.full_at = self.full_at.max(now) + Self::cost(limit);
    }

    fn give_back(&mut self, limit: u32) {
        self.full_at = self.full_at - Self::cost(limit);
    }
}

/// The attempts at one login id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attempts {
    strangers: Budget,
    each: BTreeMap<Guesser, Budget>,
}

impl Attempts {
    /// No attempts so far.
    pub fn new(now: Timestamp) -> Self {
        Self { strangers: Budget::new(now), each: BTreeMap::new() }
    }

    /// Charges an attempt, or says until when none is allowed (then nothing is charged).
    ///
    /// # Errors
    /// The instant from which the next attempt is allowed.
    pub fn charge(&mut self, who: &Guesser, limits: &BudgetLimits, now: Timestamp) -> Result<(), Timestamp> {
        let limit = limit_of(who, limits);
        let own = self.each.get(who).copied().unwrap_or(Budget::new(now));
        let blocked = match who {
            Guesser::Familiar(_) => own.blocked_until(limit, now),
            Guesser::Stranger(_) => {
                own.blocked_until(limit, now).max(self.strangers.blocked_until(limits.strangers_total, now))
            }
        };
        if let Some(until) = blocked {
            return Err(until);
        }
        self.each.retain(|_, budget| budget.full_at > now);
        if self.each.len() < NETWORKS_PER_LOGIN || self.each.contains_key(who) || matches!(who, Guesser::Familiar(_)) {
            self.each.entry(who.clone()).or_insert(Budget::new(now)).charge(limit, now);
        }
        if matches!(who, Guesser::Stranger(_)) {
            self.strangers.charge(limits.strangers_total, now);
        }
        Ok(())
    }

    /// Gives an attempt back: the password was right.
    pub fn give_back(&mut self, who: &Guesser, limits: &BudgetLimits) {
        if let Some(budget) = self.each.get_mut(who) {
            budget.give_back(limit_of(who, limits));
        }
        if matches!(who, Guesser::Stranger(_)) {
            self.strangers.give_back(limits.strangers_total);
        }
    }

    /// When everything is full again and this record may be forgotten.
    pub fn forgettable_at(&self) -> Timestamp {
        self.each.values().map(|budget| budget.full_at).fold(self.strangers.full_at, Timestamp::max)
    }
}

fn limit_of(who: &Guesser, limits: &BudgetLimits) -> u32 {
    match who {
        Guesser::Familiar(_) => limits.familiar,
        // Where no person is told, one backend is all strangers at once: only the count for all of them holds.
        Guesser::Stranger(None) => limits.strangers_total,
        Guesser::Stranger(Some(_)) => limits.strangers_per_network,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: BudgetLimits = BudgetLimits { strangers_per_network: 10, strangers_total: 100, familiar: 20 };
    const NOW: Timestamp = Timestamp(1_000_000_000);

    fn stranger(network: u32) -> Guesser {
        Guesser::Stranger(Some(format!("10.0.{network}.0/24")))
    }

    fn tries(attempts: &mut Attempts, who: &Guesser, now: Timestamp) -> usize {
        (0..1000).take_while(|_| attempts.charge(who, &LIMITS, now).is_ok()).count()
    }

    #[test]
    fn a_network_of_strangers_has_ten_attempts_and_one_more_every_six_minutes() {
        let mut attempts = Attempts::new(NOW);
        assert_eq!(tries(&mut attempts, &stranger(1), NOW), 10);
        assert_eq!(attempts.charge(&stranger(1), &LIMITS, NOW), Err(NOW + Span::minutes(6)));
        assert_eq!(tries(&mut attempts, &stranger(1), NOW + Span::minutes(6)), 1);
    }

    #[test]
    fn all_strangers_together_have_a_hundred() {
        let mut attempts = Attempts::new(NOW);
        let all: usize = (0..500).map(|network| tries(&mut attempts, &stranger(network), NOW)).sum();
        assert_eq!(all, 100);
    }

    #[test]
    fn strangers_never_slow_a_familiar_context() {
        let mut attempts = Attempts::new(NOW);
        (0..500).for_each(|network| {
            tries(&mut attempts, &stranger(network), NOW);
        });
        assert_eq!(tries(&mut attempts, &Guesser::Familiar(Tag([1; 8])), NOW), 20);
        assert_eq!(tries(&mut attempts, &Guesser::Familiar(Tag([2; 8])), NOW), 20);
    }

    #[test]
    fn right_passwords_cost_nothing() {
        let mut attempts = Attempts::new(NOW);
        for _ in 0..1000 {
            attempts.charge(&stranger(1), &LIMITS, NOW).unwrap();
            attempts.give_back(&stranger(1), &LIMITS);
        }
        assert_eq!(tries(&mut attempts, &stranger(1), NOW), 10);
    }

    #[test]
    fn a_flood_of_networks_does_not_grow_the_record() {
        let mut attempts = Attempts::new(NOW);
        let generous = BudgetLimits { strangers_total: 1_000_000, ..LIMITS };
        for network in 0..10_000 {
            let _ = attempts.charge(&stranger(network), &generous, NOW);
        }
        assert!(attempts.each.len() <= NETWORKS_PER_LOGIN);
    }
}

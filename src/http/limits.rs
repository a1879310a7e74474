//! How many requests a network and a client may make in a second, where the configuration bounds it: each has a budget that fills up all the
//! time (GCRA, by `governor`).
//!
//! The memory of the budgets is bounded: those that are full again are forgotten when there are too many, and what then still finds no
//! place shares some.

use crate::actors::network;
use crate::metrics::Metrics;
use governor::clock::{Clock, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

/// Budgets that are kept of networks, and as many of clients: some 10 MB at most.
const KEPT: usize = 65_536;
/// Budgets that are shared by all that find no place. More than one: somebody who comes from everywhere must not shut out everybody else.
const SHARED: u32 = 64;

/// Requests a second; `None`: as many as come.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rates {
    /// Of a network: the peer's /24 of an IPv4, /48 of an IPv6 address.
    pub network: Option<NonZeroU32>,
    /// Of a client that has authenticated.
    pub client: Option<NonZeroU32>,
}

/// The budgets.
pub struct RateLimits {
    networks: Option<Budgets<String>>,
    clients: Option<Budgets<String>>,
    metrics: Arc<Metrics>,
}

impl RateLimits {
    /// Full budgets.
    pub fn new(rates: Rates, metrics: Arc<Metrics>) -> Self {
        let [networks, clients] = [rates.network, rates.client].map(|rate| rate.map(|rate| Budgets::new(rate, KEPT)));
        for by in ["network", "client"] {
            drop(metrics.rate_limited_total.with_label_values(&[by]));
        }
        Self { networks, clients, metrics }
    }

    /// Takes a request from the budget of the peer's network.
    ///
    /// # Errors
    /// The seconds until there is one again.
    pub fn of_network(&self, peer: Option<IpAddr>) -> Result<(), u64> {
        let (Some(budgets), Some(peer)) = (&self.networks, peer) else { return Ok(()) };
        self.counted("network", budgets.take(&network(peer)))
    }

    /// Takes a request from the budget of a client.
    ///
    /// # Errors
    /// The seconds until there is one again.
    pub fn of_client(&self, client: &str) -> Result<(), u64> {
        let Some(budgets) = &self.clients else { return Ok(()) };
        self.counted("client", budgets.take(&client.to_owned()))
    }

    fn counted(&self, by: &str, taken: Result<(), u64>) -> Result<(), u64> {
        taken.inspect_err(|_| self.metrics.rate_limited_total.with_label_values(&[by]).inc())
    }
}

/// One budget for each key.
struct Budgets<K: Clone + Hash + Eq> {
    each: RateLimiter<K, HashMapStateStore<K>, MonotonicClock, NoOpMiddleware<<MonotonicClock as Clock>::Instant>>,
    rest: RateLimiter<NotKeyed, InMemoryState, MonotonicClock, NoOpMiddleware<<MonotonicClock as Clock>::Instant>>,
    /// Looking for budgets that are full again takes a while: once in a second is enough.
    sweeps: RateLimiter<NotKeyed, InMemoryState, MonotonicClock, NoOpMiddleware<<MonotonicClock as Clock>::Instant>>,
    kept: usize,
}

impl<K: Clone + Hash + Eq> Budgets<K> {
    /// A budget holds what comes in a second, and is filled in a second.
    fn new(rate: NonZeroU32, kept: usize) -> Self {
        let quota = Quota::per_second(rate);
        let each = RateLimiter::new(quota, HashMapStateStore::default(), MonotonicClock);
        let direct = |rate| RateLimiter::direct_with_clock(Quota::per_second(rate), MonotonicClock);
        let shared = rate.saturating_mul(NonZeroU32::new(SHARED).unwrap_or(NonZeroU32::MIN));
        Self { each, rest: direct(shared), sweeps: direct(NonZeroU32::MIN), kept }
    }

    fn take(&self, key: &K) -> Result<(), u64> {
        if self.each.len() >= self.kept && self.sweeps.check().is_ok() {
            // Who made no request for a second has a full budget, and is as good as unknown.
            self.each.retain_recent();
        }
        let taken = match self.each.len() < self.kept {
            true => self.each.check_key(key),
            false => self.rest.check(),
        };
        taken.map_err(|not_until| {
            let wait = not_until.wait_time_from(MonotonicClock.now());
            wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budgets(rate: u32, kept: usize) -> Budgets<u32> {
        Budgets::new(NonZeroU32::new(rate).unwrap(), kept)
    }

    #[test]
    fn a_budget_holds_what_comes_in_a_second_and_is_each_keys_own() {
        // So slow that nothing is filled up while the test runs: one in a second.
        let budgets = budgets(1, 10);
        assert_eq!(budgets.take(&1), Ok(()));
        assert_eq!(budgets.take(&1), Err(1));
        assert_eq!(budgets.take(&2), Ok(()), "another key");
    }

    #[test]
    fn an_empty_budget_is_filled_up_again() {
        let budgets = budgets(1_000_000, 10);
        for _ in 0..3 {
            while budgets.take(&1).is_ok() {}
            // A millionth of a second has passed when this asks again, sooner or later.
            while budgets.take(&1).is_err() {}
        }
    }

    #[test]
    fn who_finds_no_place_shares_some_budgets() {
        let budgets = budgets(1, 2);
        assert_eq!((budgets.take(&1), budgets.take(&2)), (Ok(()), Ok(())));
        let let_in = (3..1000).filter(|key| budgets.take(key).is_ok()).count();
        // Some of them are filled up while this asks.
        assert!((64..500).contains(&let_in), "{let_in}");
        assert_eq!(budgets.each.len(), 2);
    }

    #[test]
    fn nothing_is_bounded_unless_it_is_said() {
        let limits = RateLimits::new(Rates::default(), Arc::default());
        for _ in 0..10_000 {
            assert_eq!(limits.of_network(Some([192, 0, 2, 1].into())), Ok(()));
            assert_eq!(limits.of_client("store"), Ok(()));
        }
    }

    #[test]
    fn neighbours_share_the_budget_of_their_network() {
        let rate = NonZeroU32::new(1);
        let limits = RateLimits::new(Rates { network: rate, client: rate }, Arc::default());
        assert_eq!(limits.of_network(Some([192, 0, 2, 1].into())), Ok(()));
        assert_eq!(limits.of_network(Some([192, 0, 2, 9].into())), Err(1));
        assert_eq!(limits.of_network(Some([192, 0, 3, 9].into())), Ok(()));
        assert_eq!(limits.of_network(None), Ok(()), "nobody knows whose");
        assert_eq!(limits.of_client("store"), Ok(()));
        assert_eq!(limits.of_client("store"), Err(1));
        assert_eq!(limits.metrics.rate_limited_total.with_label_values(&["network"]).get(), 1);
        assert_eq!(limits.metrics.rate_limited_total.with_label_values(&["client"]).get(), 1);
    }
}

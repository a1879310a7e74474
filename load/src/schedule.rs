//! When requests are due. The schedule is made before anything is sent and does not wait for answers: a server that falls behind
//! does not slow it down, and every latency counts from here.

use std::time::Duration;

/// How requests are spread over time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arrivals {
    /// The same gap between all.
    Constant,
    /// Gaps as between people who do not know of each other.
    Poisson,
}

/// The part of a schedule that one thread of the generator keeps: the instants at which its requests are due, from the start of the
/// phase on.
#[derive(Debug)]
pub struct Schedule {
    arrivals: Arrivals,
    rate: f64,
    span: Duration,
    share: Share,
    number: u64,
    last: f64,
    chance: fastrand::Rng,
}

/// Which part of how many.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    /// Counted from 0.
    pub number: usize,
    /// All parts.
    pub of: usize,
}

impl Schedule {
    /// The part `share` of a schedule with `rate` requests a second that ends after `span`.
    pub fn new(arrivals: Arrivals, rate: f64, span: Duration, share: Share, seed: u64) -> Self {
        let chance = fastrand::Rng::with_seed(seed.wrapping_add(share.number as u64));
        Self { arrivals, rate, span, share, number: 0, last: 0.0, chance }
    }
}

impl Iterator for Schedule {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let (part, parts) = (self.share.number as f64, self.share.of as f64);
        let due = match self.arrivals {
            // Counted from the start each time: a sum of gaps would drift.
            Arrivals::Constant => (self.number as f64 * parts + part) / self.rate,
            // Parts of a Poisson process are such processes themselves.
            Arrivals::Poisson => self.last - (1.0 - self.chance.f64()).ln() * parts / self.rate,
        };
        self.number += 1;
        self.last = due;
        let due = Duration::try_from_secs_f64(due).ok()?;
        (due < self.span).then_some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Share = Share { number: 0, of: 1 };

    fn due(arrivals: Arrivals, rate: f64, seconds: u64, share: Share) -> Vec<Duration> {
        Schedule::new(arrivals, rate, Duration::from_secs(seconds), share, 7).collect()
    }

    #[test]
    fn a_constant_rate_has_equal_gaps_and_does_not_drift() {
        let all = due(Arrivals::Constant, 3.0, 1000, ALL);
        assert_eq!(all.len(), 3000);
        assert_eq!(all[0], Duration::ZERO);
        assert_eq!(all[3], Duration::from_secs(1));
        assert_eq!(all[2997], Duration::from_secs(999));
    }

    #[test]
    fn the_parts_of_all_threads_are_the_whole_schedule() {
        let part = |number| due(Arrivals::Constant, 100.0, 2, Share { number, of: 3 });
        let mut parts: Vec<_> = (0..3).flat_map(part).collect();
        parts.sort();
        assert_eq!(parts, due(Arrivals::Constant, 100.0, 2, ALL));
    }

    #[test]
    fn poisson_arrivals_have_the_rate_and_the_spread_of_their_kind() {
        for of in [1, 4] {
            let parts = (0..of).map(|number| due(Arrivals::Poisson, 1000.0, 100, Share { number, of }));
            let mut all: Vec<_> = parts.flatten().collect();
            all.sort();
            let gaps: Vec<f64> = all.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect();
            let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
            let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
            assert!((mean * 1000.0 - 1.0).abs() < 0.02, "mean gap {mean}");
            assert!((variance.sqrt() / mean - 1.0).abs() < 0.02, "a deviation as great as the mean: {variance}");
        }
    }

    #[test]
    fn a_schedule_is_the_same_for_the_same_seed() {
        assert_eq!(due(Arrivals::Poisson, 50.0, 3, ALL), due(Arrivals::Poisson, 50.0, 3, ALL));
    }
}

//! How long password work takes, learnt from what was done.

use crate::domain::time::Span;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How long a job takes: the mean in microseconds, in which each of the last sixteen weighs about as much. 0 before the first.
#[derive(Default)]
pub(super) struct Pace(AtomicU64);

impl Pace {
    /// Learns that a job took so long.
    pub(super) fn took(&self, seconds: f64) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a job takes between nothing and minutes"
        )]
        let micros = (seconds * 1e6) as u64;
        // Of two threads that store at the same time one is forgotten, which moves a mean by little.
        let mean = self.0.load(Relaxed);
        self.0.store(if mean == 0 { micros } else { (mean * 15 + micros) / 16 }.max(1), Relaxed);
    }

    /// In seconds; 0 before the first.
    pub(super) fn mean(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a job takes minutes at most")]
        let mean = self.0.load(Relaxed) as f64;
        mean / 1e6
    }

    /// How many jobs so many threads do in that time; `None` before the first was done.
    pub(super) fn in_time(&self, time: Span, threads: usize) -> Option<usize> {
        let mean = NonZeroU64::new(self.0.load(Relaxed))?;
        let micros = u64::try_from(time.0).unwrap_or(0).saturating_mul(1000).saturating_mul(threads as u64);
        usize::try_from(micros / mean).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_follows_the_jobs() {
        let pace = Pace::default();
        assert_eq!(pace.in_time(Span::seconds(2), 2), None);
        pace.took(0.02);
        assert_eq!(pace.in_time(Span::seconds(2), 2), Some(200));
        (0..64).for_each(|_| pace.took(0.04));
        assert!(matches!(pace.in_time(Span::seconds(2), 2), Some(100..=102)));
    }
}

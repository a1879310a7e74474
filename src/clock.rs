//! The clock port, and the judgement whether the clock can be believed. Nothing else in the program reads a clock.

use crate::domain::time::{Span, Timestamp};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// How far behind the journal a believed wall clock may be.
const BEHIND: Span = Span::seconds(5);
/// How far wall clock and boot clock may part while the program runs.
const DRIFT: Span = Span::hours(1);
/// A first reading this long after the journal's last entry is not believed without an operator's word.
const GAP: Span = Span::days(400);

/// Where time comes from.
pub trait Clock: Send + Sync {
    /// The wall clock.
    fn wall(&self) -> Timestamp;
    /// Time since some fixed instant, that no setting of the wall clock moves and that goes on while the machine sleeps.
    fn boot(&self) -> Span;
}

/// The machine's clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    fn wall(&self) -> Timestamp {
        use std::time::{SystemTime, UNIX_EPOCH};
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Timestamp(since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX)))
    }

    fn boot(&self) -> Span {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Span(time.tv_sec.saturating_mul(1000).saturating_add(time.tv_nsec / 1_000_000))
    }
}

/// Measures how long something takes, for metrics only: no decision depends on it.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(std::time::Instant);

impl Stopwatch {
    /// Starts now.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
    pub fn start() -> Self {
        Self(std::time::Instant::now())
    }

    /// Seconds since the start.
    pub fn seconds(self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}

/// A clock that is set by hand, for tests and simulation.
#[derive(Debug, Clone, Default)]
pub struct ManualClock(Arc<Mutex<(Timestamp, Span)>>);

impl ManualClock {
    /// A clock that stands at `wall`.
    pub fn new(wall: Timestamp) -> Self {
        Self(Arc::new(Mutex::new((wall, Span::ZERO))))
    }

    fn with<T>(&self, change: impl FnOnce(&mut (Timestamp, Span)) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lets time pass.
    pub fn advance(&self, span: Span) {
        self.with(|(wall, boot)| (*wall, *boot) = (*wall + span, *boot + span));
    }

    /// Sets the wall clock, as an administrator or a broken battery does.
    pub fn set_wall(&self, to: Timestamp) {
        self.with(|(wall, _)| *wall = to);
    }
}

impl Clock for ManualClock {
    fn wall(&self) -> Timestamp {
        self.with(|(wall, _)| *wall)
    }

    fn boot(&self) -> Span {
        self.with(|(_, boot)| *boot)
    }
}

/// Reads the clock for decisions and judges it. While it is not believed nothing is granted, and revocations are taken.
pub struct JudgedClock {
    clock: Arc<dyn Clock>,
    started_wall: Timestamp,
    started_boot: Span,
    /// The newest instant that is known to have been.
    floor: AtomicI64,
    believed_at_start: bool,
    was_believed: AtomicBool,
}

/// A reading for a decision.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reading {
    /// The wall clock.
    pub wall: Timestamp,
    /// Whether anything may be granted by it.
    pub believed: bool,
    /// The instant by which something may be closed: the wall clock while it is believed, else the best guess at what it should
    /// show. A closing event stamped ten years ahead would drag its stream, and what is granted later, along.
    pub closing: Timestamp,
}

impl JudgedClock {
    /// Starts from the newest instant in the journal. `accepted`: an operator answers for the clock as it is.
    pub fn new(clock: Arc<dyn Clock>, journal_last: Timestamp, accepted: bool) -> Self {
        let (wall, boot) = (clock.wall(), clock.boot());
        let gap_is_fine = journal_last == Timestamp::default() || wall.since(journal_last) <= GAP;
        Self {
            clock,
            started_wall: wall,
            started_boot: boot,
            floor: AtomicI64::new(if accepted { wall.0 } else { journal_last.0 }),
            believed_at_start: accepted || gap_is_fine,
            was_believed: AtomicBool::new(true),
        }
    }

    /// Reads and judges the clock.
    pub fn read(&self) -> Reading {
        let wall = self.clock.wall();
        let by_boot = self.started_wall + (self.clock.boot() - self.started_boot);
        let drift = wall.since(by_boot);
        let behind = Timestamp(self.floor.load(Ordering::Relaxed)).since(wall);
        let believed = self.believed_at_start && behind <= BEHIND && drift.0.abs() <= DRIFT.0;
        if believed {
            self.floor.fetch_max(wall.0, Ordering::Relaxed);
        }
        if self.was_believed.swap(believed, Ordering::Relaxed) != believed {
            if believed {
                tracing::info!(%wall, "the clock is believed again");
            } else {
                tracing::error!(
                    %wall, floor = %Timestamp(self.floor.load(Ordering::Relaxed)),
                    "the clock is not believed: nothing is granted until it is mended, or restart with --accept-clock"
                );
            }
        }
        let closing = match (believed, self.believed_at_start) {
            (true, _) => wall,
            // Never earlier than what was: or the next start would judge itself by less than it knows.
            (false, true) => by_boot.max(Timestamp(self.floor.load(Ordering::Relaxed))),
            (false, false) => Timestamp(self.floor.load(Ordering::Relaxed)),
        };
        Reading { wall, believed, closing }
    }

    /// Time since some fixed instant, for measuring spans.
    pub fn boot(&self) -> Span {
        self.clock.boot()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THEN: Timestamp = Timestamp(1_800_000_000_000);

    fn started(last: Timestamp, accepted: bool) -> (ManualClock, JudgedClock) {
        let clock = ManualClock::new(THEN);
        let judged = JudgedClock::new(Arc::new(clock.clone()), last, accepted);
        (clock, judged)
    }

    #[test]
    fn a_clock_that_goes_on_is_believed_for_years() {
        let (clock, judged) = started(THEN - Span::days(1), false);
        for _ in 0..1000 {
            clock.advance(Span::days(1));
            assert!(judged.read().believed);
        }
    }

    #[test]
    fn a_clock_behind_the_journal_is_not_believed_until_it_has_caught_up() {
        let (clock, judged) = started(THEN + Span::seconds(6), false);
        assert!(!judged.read().believed);
        clock.advance(Span::seconds(1));
        assert!(judged.read().believed);
        clock.set_wall(THEN - Span::seconds(10));
        assert!(!judged.read().believed, "it was set back while running");
    }

    #[test]
    fn a_clock_that_jumps_ahead_or_stands_still_is_not_believed() {
        let (clock, judged) = started(THEN, false);
        clock.set_wall(THEN + Span::days(3650));
        assert!(!judged.read().believed);
        clock.set_wall(THEN);
        assert!(judged.read().believed, "nothing is left of the jump");
        clock.advance(Span::hours(2));
        clock.set_wall(THEN);
        assert!(!judged.read().believed, "frozen for two hours");
    }

    #[test]
    fn a_gap_of_more_than_400_days_takes_an_operators_word() {
        assert!(!started(THEN - Span::days(401), false).1.read().believed);
        assert!(started(THEN - Span::days(401), true).1.read().believed);
        assert!(started(THEN - Span::days(399), false).1.read().believed);
        assert!(started(THEN + Span::days(10), true).1.read().believed);
        assert!(started(Timestamp::default(), false).1.read().believed, "a new journal has no last entry");
    }
}

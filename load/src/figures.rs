//! What is counted: latencies from the intended start, apart for what was done, what was refused and what failed; and a line for each
//! second of the run.

use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::time::Duration;

/// Latencies above this are counted as this. No request waits longer: see `--timeout`.
const LONGEST: u64 = 600_000_000;

/// A histogram of latencies with three digits, in microseconds.
#[derive(Clone, Debug)]
pub struct Latencies(Histogram<u64>);

impl Default for Latencies {
    fn default() -> Self {
        Self(Histogram::new_with_bounds(1, LONGEST, 3).expect("the bounds are good"))
    }
}

impl Latencies {
    /// Counts one.
    pub fn record(&mut self, latency: Duration) {
        self.0.saturating_record(micros(latency));
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The latency within which this part of all was answered; zero where there were none.
    pub fn quantile(&self, part: f64) -> Duration {
        Duration::from_micros(if self.0.is_empty() { 0 } else { self.0.value_at_quantile(part) })
    }

    /// The longest.
    pub fn max(&self) -> Duration {
        Duration::from_micros(self.0.max())
    }

    /// Adds those of another.
    pub fn add(&mut self, other: &Self) {
        self.0.add(&other.0).expect("both have the same bounds");
    }
}

fn micros(latency: Duration) -> u64 {
    u64::try_from(latency.as_micros()).unwrap_or(LONGEST).max(1)
}

/// What one request asks for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Operation {
    /// The password grant.
    Login,
    /// The refresh grant.
    Refresh,
    /// The client's own grant.
    ClientCredentials,
    /// Is this token active?
    Introspect,
    /// End a session.
    Revoke,
    /// A refresh whose answer was thrown away, sent again.
    Retry,
    /// A spent token, shown by somebody else.
    Theft,
    /// A POST that decides nothing.
    Noop,
}

impl Operation {
    /// As it stands in tables and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Refresh => "refresh",
            Self::ClientCredentials => "client_credentials",
            Self::Introspect => "introspect",
            Self::Revoke => "revoke",
            Self::Retry => "retry",
            Self::Theft => "theft",
            Self::Noop => "noop",
        }
    }
}

/// How a request ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// As it should.
    Done,
    /// The server said no.
    Refused {
        /// 4xx or 503.
        status: u16,
        /// Whether it said when to come again.
        retry_after: bool,
    },
    /// No answer, or one that makes no sense.
    Failed(String),
}

/// What became of the requests of one operation.
#[derive(Clone, Default, Debug)]
pub struct Figures {
    /// Latencies of those that were done.
    pub done: Latencies,
    /// Of those that were refused.
    pub refused: Latencies,
    /// Of those that failed.
    pub failed: Latencies,
    /// How many were done within the window, whenever they were due.
    pub done_in_window: u64,
    /// Refusals by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Answers 503 and 429 that did not say when to come again.
    pub without_retry_after: u64,
    /// Failures by kind.
    pub faults: BTreeMap<String, u64>,
}

/// One second of a run.
#[derive(Clone, Debug)]
pub struct Second {
    /// Done in this second.
    pub done: u64,
    /// Refused in this second.
    pub refused: u64,
    /// Failed in this second.
    pub failed: u64,
    /// Latencies of what was done and was due in this second.
    pub latencies: Histogram<u32>,
}

impl Default for Second {
    fn default() -> Self {
        let latencies = Histogram::new_with_bounds(1, LONGEST, 2).expect("the bounds are good");
        Self { done: 0, refused: 0, failed: 0, latencies }
    }
}

impl Second {
    /// As [`Latencies::quantile`].
    pub fn quantile(&self, part: f64) -> Duration {
        Duration::from_micros(if self.latencies.is_empty() { 0 } else { self.latencies.value_at_quantile(part) })
    }
}

/// The part of a phase that is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// What is due before is warming up.
    pub from: Duration,
    /// When nothing is due any more.
    pub to: Duration,
}

impl Window {
    /// Its seconds.
    pub fn seconds(self) -> f64 {
        (self.to - self.from).as_secs_f64()
    }

    fn has(self, instant: Duration) -> bool {
        (self.from..self.to).contains(&instant)
    }
}

/// Things that a chain of refresh tokens must not do, and what is told of them.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Chains {
    /// Refreshes that were refused for good although the newest token was shown.
    pub lost: u64,
    /// Retries that were answered with another token than the lost answer had.
    pub forked: u64,
    /// Thieves who were answered with tokens.
    pub stolen: u64,
    /// Thieves who were refused.
    pub caught: u64,
}

/// Everything that one thread, or a whole phase, counts.
#[derive(Clone, Debug)]
pub struct Tally {
    /// What is measured.
    pub window: Window,
    /// By operation.
    pub figures: BTreeMap<Operation, Figures>,
    /// By second, warming up included.
    pub seconds: Vec<Second>,
    /// How late the generator was with requests for which it had a connection: its own fault, not the server's.
    pub lag: Latencies,
    /// Due in the window.
    pub due: u64,
    /// Due, and sent late because all connections were busy. It counts in their latencies, and may not be the server's fault.
    pub waited: u64,
    /// Due, and never sent: too many were under way.
    pub unsent: u64,
    /// Due, and never sent: every virtual user had a request under way.
    pub no_user: u64,
    /// Requests under way.
    pub in_flight: u64,
    /// Chains.
    pub chains: Chains,
    /// What was done since the last line of progress.
    pub lately: Lately,
}

/// What a line of progress tells.
#[derive(Clone, Default, Debug)]
pub struct Lately {
    /// Done.
    pub done: Latencies,
    /// Refused.
    pub refused: u64,
    /// Failed.
    pub failed: u64,
}

/// One request that came to its end; instants count from the start of the phase.
#[derive(Clone, Debug)]
pub struct Ended {
    /// What it asked for.
    pub operation: Operation,
    /// When the first request was due of those that it belongs to: by this it is in the window or not.
    pub arrival: Duration,
    /// When it was due itself.
    pub due: Duration,
    /// When the answer was there.
    pub answered: Duration,
    /// How it ended.
    pub outcome: Outcome,
}

impl Tally {
    /// An empty one.
    pub fn new(window: Window) -> Self {
        Self {
            window,
            figures: BTreeMap::new(),
            seconds: Vec::new(),
            lag: Latencies::default(),
            due: 0,
            waited: 0,
            unsent: 0,
            no_user: 0,
            in_flight: 0,
            chains: Chains::default(),
            lately: Lately::default(),
        }
    }

    /// Counts a request that came to its end. Its latency counts from the instant at which it was due, however late it was sent.
    pub fn record(&mut self, ended: Ended) {
        let latency = ended.answered.saturating_sub(ended.due);
        self.record_second(&ended, latency);
        match ended.outcome {
            Outcome::Done => self.lately.done.record(latency),
            Outcome::Refused { .. } => self.lately.refused += 1,
            Outcome::Failed(_) => self.lately.failed += 1,
        }
        let figures = self.figures.entry(ended.operation).or_default();
        if ended.outcome == Outcome::Done && self.window.has(ended.answered) {
            figures.done_in_window += 1;
        }
        if !self.window.has(ended.arrival) {
            return;
        }
        match ended.outcome {
            Outcome::Done => figures.done.record(latency),
            Outcome::Refused { status, retry_after } => {
                figures.refused.record(latency);
                *figures.statuses.entry(status).or_default() += 1;
                figures.without_retry_after += u64::from(!retry_after && matches!(status, 429 | 503));
            }
            Outcome::Failed(kind) => {
                figures.failed.record(latency);
                *figures.faults.entry(kind).or_default() += 1;
            }
        }
    }

    fn record_second(&mut self, ended: &Ended, latency: Duration) {
        let (began, ended_in) = (whole_seconds(ended.due), whole_seconds(ended.answered));
        if self.seconds.len() <= began.max(ended_in) {
            self.seconds.resize_with(began.max(ended_in) + 1, Second::default);
        }
        let second = &mut self.seconds[ended_in];
        match ended.outcome {
            Outcome::Done => second.done += 1,
            Outcome::Refused { .. } => second.refused += 1,
            Outcome::Failed(_) => second.failed += 1,
        }
        if ended.outcome == Outcome::Done {
            self.seconds[began].latencies.saturating_record(micros(latency));
        }
    }

    /// Adds what another thread counted in the same phase.
    pub fn add(&mut self, other: &Self) {
        for (operation, theirs) in &other.figures {
            let ours = self.figures.entry(*operation).or_default();
            ours.done.add(&theirs.done);
            ours.refused.add(&theirs.refused);
            ours.failed.add(&theirs.failed);
            ours.done_in_window += theirs.done_in_window;
            ours.without_retry_after += theirs.without_retry_after;
            theirs.statuses.iter().for_each(|(status, n)| *ours.statuses.entry(*status).or_default() += n);
            theirs.faults.iter().for_each(|(kind, n)| *ours.faults.entry(kind.clone()).or_default() += n);
        }
        if self.seconds.len() < other.seconds.len() {
            self.seconds.resize_with(other.seconds.len(), Second::default);
        }
        for (ours, theirs) in self.seconds.iter_mut().zip(&other.seconds) {
            ours.done += theirs.done;
            ours.refused += theirs.refused;
            ours.failed += theirs.failed;
            ours.latencies.add(&theirs.latencies).expect("both have the same bounds");
        }
        self.lag.add(&other.lag);
        self.due += other.due;
        self.waited += other.waited;
        self.unsent += other.unsent;
        self.no_user += other.no_user;
        self.in_flight += other.in_flight;
        self.chains.lost += other.chains.lost;
        self.chains.forked += other.chains.forked;
        self.chains.stolen += other.chains.stolen;
        self.chains.caught += other.chains.caught;
    }

    /// How many of an operation were done in each second of the window.
    pub fn rate(&self, operation: Operation) -> f64 {
        self.figures.get(&operation).map_or(0.0, |figures| figures.done_in_window as f64 / self.window.seconds())
    }

    /// The figures of an operation; empty ones where there are none.
    pub fn of(&self, operation: Operation) -> Figures {
        self.figures.get(&operation).cloned().unwrap_or_default()
    }
}

fn whole_seconds(instant: Duration) -> usize {
    usize::try_from(instant.as_secs()).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;

//! Jobs that are done while others wait: they are handed on a few at a time. Two threads that hash 19 MiB each leave nothing of the
//! rest of the program in the processors' caches: several logins that are gone on with at once find there what the first of them
//! fetched, and share a sync. For that nobody waits longer than he has waited by more than a quarter.

use super::{Done, Shed};
use crate::clock::Stopwatch;
use tokio::sync::oneshot;

/// They are handed on after that time at the latest, in seconds.
const TOGETHER_WITHIN: f64 = 0.2;

/// What is done and was not handed on yet.
#[derive(Default)]
pub(super) struct Finished {
    answers: Vec<(oneshot::Sender<Result<Done, Shed>>, Done)>,
    /// Runs since the first of them was done.
    since: Option<Stopwatch>,
    /// By when they are to be handed on, in seconds of that watch.
    by: f64,
}

impl Finished {
    pub(super) fn add(&mut self, answer: oneshot::Sender<Result<Done, Shed>>, done: Done, waited: f64) {
        let patience = (waited / 4.0).min(TOGETHER_WITHIN);
        self.by = match &self.since {
            Some(since) => self.by.min(since.seconds() + patience),
            None => patience,
        };
        self.since.get_or_insert_with(Stopwatch::start);
        self.answers.push((answer, done));
    }

    /// Whether they can wait for one more that is done in so many seconds.
    pub(super) fn can_wait(&self, seconds: f64) -> bool {
        self.since.as_ref().is_some_and(|since| since.seconds() + seconds <= self.by)
    }

    /// Answers whoever asked.
    pub(super) fn hand_on(self) {
        for (answer, done) in self.answers {
            // Whoever asked may be gone.
            let _ = answer.send(Ok(done));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_waits_a_quarter_of_what_it_has_waited_and_never_long() {
        let mut finished = Finished::default();
        let add = |finished: &mut Finished, waited| finished.add(oneshot::channel().0, Done::Failed, waited);
        assert!(!finished.can_wait(0.0), "nothing is there");
        add(&mut finished, 80.0);
        assert!(finished.can_wait(0.1) && !finished.can_wait(0.21), "0.2 s at most");
        add(&mut finished, 0.000_8);
        assert!(!finished.can_wait(0.01), "who waited less than a millisecond holds nobody back");
    }
}

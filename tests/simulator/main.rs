//! Lives of the engine in this process: on a disk in memory that forgets and fails, by a clock that is set, with chance from a seed.
//! A model that was written from the design judges every answer.

mod asks;
mod base;
mod driver;
mod end;
mod life;
#[path = "../support/machine.rs"]
mod machine;
#[path = "../model/mod.rs"]
mod model;
#[path = "../server/random.rs"]
mod random;
mod shrink;
mod starts;
mod tally;

use life::Life;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;
use tally::Tally;

/// However short the time, so many lives are lived; and more, until everything has occurred that must.
const AT_LEAST: u64 = 100;
/// After so many everything must have occurred.
const EVERYTHING_BY: u64 = 4000;
/// A machine that is too slow for so many stops after so many seconds, and says what did not occur.
const AT_MOST_SECONDS: u64 = 200;
/// In fewer lives one that is not judged to its end says little.
const MANY: u64 = 1000;

/// Lives that are lived one after the other on each core.
struct Run {
    first: u64,
    next: AtomicU64,
    /// So many, where a number is given; otherwise for so many seconds.
    lives: Option<u64>,
    seconds: u64,
    begun: Instant,
    has_failed: AtomicBool,
    tally: Mutex<Tally>,
}

impl Run {
    fn number(variable: &str) -> Option<u64> {
        std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is no number")))
    }

    fn new() -> Self {
        let first = random::seed();
        Self {
            first,
            next: AtomicU64::new(0),
            lives: Self::number("COUNTERSIGN_SIMULATE_SEEDS"),
            seconds: Self::number("COUNTERSIGN_SIMULATE_SECONDS").unwrap_or(90),
            begun: Instant::now(),
            has_failed: AtomicBool::new(false),
            tally: Mutex::default(),
        }
    }

    fn goes_on(&self, lived: u64) -> bool {
        if self.has_failed.load(Ordering::Relaxed) {
            return false;
        }
        match self.lives {
            Some(lives) => lived < lives,
            None if lived < AT_LEAST || self.begun.elapsed().as_secs() < self.seconds => true,
            None if self.begun.elapsed().as_secs() >= AT_MOST_SECONDS => false,
            None => lived < EVERYTHING_BY && !self.tally().missing().is_empty(),
        }
    }

    fn tally(&self) -> std::sync::MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lives one life after the other; what is given is the failure of one, told in full.
    fn live(&self) -> Option<String> {
        loop {
            let nth = self.next.fetch_add(1, Ordering::Relaxed);
            if !self.goes_on(nth) {
                return None;
            }
            let life = Life::draw(self.first.wrapping_add(nth));
            match shrink::try_to_live(&life) {
                Ok(mut tally) => {
                    tally.lives = 1;
                    self.tally().add(&tally);
                }
                Err(_) if self.has_failed.swap(true, Ordering::Relaxed) => return None,
                Err(failure) => return Some(tell(&life, failure, nth)),
            }
        }
    }
}

fn tell(life: &Life, failure: driver::Failure, nth: u64) -> String {
    let (seed, all) = (life.seed, life.steps.len());
    println!("life {nth} failed: seed {seed}, step {} of {all}: {}\nshrinking it", failure.step, failure.why);
    let (shorter, failure) = shrink::shrink(life, failure);
    let steps: Vec<String> = shorter.steps.iter().map(|step| format!("  {:?}", step.what)).collect();
    format!(
        "{}\n\n{} of its {all} steps are enough:\n{}\n\nwhat happened:\n{}\n\nagain: COUNTERSIGN_TEST_SEED={seed} \
         COUNTERSIGN_SIMULATE_SEEDS=1 cargo test --test simulator",
        failure.why,
        steps.len(),
        steps.join("\n"),
        failure.trace.join("\n")
    )
}

#[test]
fn whatever_happens_every_answer_is_one_that_the_model_gives() {
    let run = Run::new();
    // A life is often between two threads, so a core has time for another.
    let threads = 2 * std::thread::available_parallelism().map_or(2, usize::from);
    let failures: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(|| run.live())).collect();
        threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
    });
    let seconds = run.begun.elapsed().as_secs_f64();
    let tally = run.tally();
    println!("{tally}{:.1} lives a second", tally.lives as f64 / seconds);
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    assert!(tally.lives < MANY || tally.undecided <= tally.lives / 50, "too many lives were not judged to their end");
    println!("it never occurred: {:?}", tally.missing());
    assert!(tally.lives < EVERYTHING_BY || tally.missing().is_empty(), "it never occurred: {:?}", tally.missing());
}

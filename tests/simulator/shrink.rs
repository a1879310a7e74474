//! Leaves steps out of a life that fails, for as long as it still fails.

use crate::driver::{Failure, live};
use crate::life::{Life, Step};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How often a life is tried: what is asked at once may be answered in another order.
const TRIES: usize = 4;

/// Lives a life on this thread; a panic of the driver is a failure too.
pub fn try_to_live(life: &Life) -> Result<crate::tally::Tally, Failure> {
    let lived = catch_unwind(AssertUnwindSafe(|| actix::System::new().block_on(live(life))));
    lived.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(Failure { step: 0, why: format!("panicked: {}", text.unwrap_or_default()), trace: Vec::new() })
    })
}

/// The shortest life that was found to fail as well, and how it failed.
pub fn shrink(life: &Life, failure: Failure) -> (Life, Failure) {
    let mut best = (life.clone(), failure);
    // What comes after the failure has no part in it.
    let cut = best.1.step.clamp(1, best.0.steps.len());
    let begun = Life { seed: life.seed, steps: best.0.steps[..cut].to_vec() };
    if let Some(failure) = fails(&begun) {
        best = (begun, failure);
    }
    let mut size = best.0.steps.len() / 2;
    while size > 0 {
        let mut from = 0;
        while from < best.0.steps.len() {
            let kept = best.0.steps.iter().enumerate().filter(|(at, _)| !(from..from + size).contains(at));
            let steps: Vec<Step> = kept.map(|(_, step)| step.clone()).collect();
            let shorter = Life { seed: life.seed, steps };
            match fails(&shorter) {
                Some(failure) => best = (shorter, failure),
                None => from += size,
            }
        }
        size /= 2;
    }
    best
}

fn fails(life: &Life) -> Option<Failure> {
    (0..TRIES).find_map(|_| try_to_live(life).err())
}

//! What is told on standard error while it runs.

use crate::figures::{Lately, Tally};
use crate::report::length;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A line.
pub fn say(text: &str) {
    eprintln!("{text}");
}

/// Tells every second how it goes, until it is dropped.
pub struct Watch(Option<(Sender<()>, JoinHandle<()>)>);

impl Watch {
    /// Begins to watch the tallies of a phase.
    pub fn start(name: &str, tallies: &[Arc<Mutex<Tally>>]) -> Self {
        let (stop, stopped) = channel();
        let (name, tallies, began) = (name.to_owned(), tallies.to_vec(), Instant::now());
        let hand = std::thread::spawn(move || {
            for second in 1_u64.. {
                let left = (began + Duration::from_secs(second)).saturating_duration_since(Instant::now());
                if stopped.recv_timeout(left) != Err(RecvTimeoutError::Timeout) {
                    break;
                }
                say(&line(&name, second, &tallies));
            }
        });
        Self(Some((stop, hand)))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some((stop, hand)) = self.0.take() {
            drop(stop);
            // A line that is not written is no loss.
            let _ = hand.join();
        }
    }
}

fn line(name: &str, second: u64, tallies: &[Arc<Mutex<Tally>>]) -> String {
    let (mut lately, mut in_flight, mut unsent) = (Lately::default(), 0, 0);
    for tally in tallies {
        let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
        let part = std::mem::take(&mut tally.lately);
        in_flight += tally.in_flight;
        unsent += tally.unsent + tally.no_user;
        drop(tally);
        lately.done.add(&part.done);
        lately.refused += part.refused;
        lately.failed += part.failed;
    }
    format!(
        "{name:<14} {second:>4} s   done {:>6}/s   refused {:>6}/s   failed {:>4}/s   under way {in_flight:>5}   unsent {unsent:>5}   \
         p50 {:>9}   p99 {:>9}   max {:>9}",
        lately.done.count(),
        lately.refused,
        lately.failed,
        length(lately.done.quantile(0.5)),
        length(lately.done.quantile(0.99)),
        length(lately.done.max()),
    )
}

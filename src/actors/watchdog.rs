//! Ends a process whose disk hangs. A write that never comes back would leave every request waiting for its time-out, and a
//! supervisor that sees a living process would not help.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// In so many looks a call must be found under way before it counts as stuck. A process that was stopped and goes on, or a
/// machine that slept, makes one late look of it, not many.
const LOOKS: u32 = 8;

/// Where the writer is: a cell that it shares with the watchdog.
#[derive(Clone, Default)]
pub struct Progress(Arc<Cell>);

#[derive(Default)]
struct Cell {
    /// Odd while a call is under way; every call has a number of its own.
    calls: AtomicU64,
    doing: Mutex<&'static str>,
}

impl Progress {
    /// Makes a call that is watched.
    pub fn during<T>(&self, doing: &'static str, call: impl FnOnce() -> T) -> T {
        *self.0.doing.lock().unwrap_or_else(PoisonError::into_inner) = doing;
        self.0.calls.fetch_add(1, Ordering::Release);
        let answer = call();
        self.0.calls.fetch_add(1, Ordering::Release);
        answer
    }

    /// The number of the call that is under way.
    fn under_way(&self) -> Option<u64> {
        let calls = self.0.calls.load(Ordering::Acquire);
        (calls % 2 == 1).then_some(calls)
    }
}

/// Keeps the watchdog awake; it ends when this is dropped.
pub struct Watching {
    _until: Sender<()>,
}

/// Watches a cell on a thread of its own, which needs nothing of the program but a timer. `stuck` is told what was being done
/// once a single call has taken longer than `after`, and at most an eighth of it more.
///
/// # Errors
/// Where no thread can be started.
pub fn watch(
    progress: Progress,
    after: Duration,
    stuck: impl FnOnce(&'static str) + Send + 'static,
) -> std::io::Result<Watching> {
    let (until, ended) = channel();
    std::thread::Builder::new().name("journal-watchdog".to_owned()).spawn(move || {
        let mut looks = Looks::default();
        while ended.recv_timeout(after / LOOKS) == Err(RecvTimeoutError::Timeout) {
            if looks.look(progress.under_way()) {
                let doing = *progress.0.doing.lock().unwrap_or_else(PoisonError::into_inner);
                return stuck(doing);
            }
        }
    })?;
    Ok(Watching { _until: until })
}

/// How often a call was found under way.
#[derive(Default)]
struct Looks {
    call: Option<u64>,
    again: u32,
}

impl Looks {
    /// Takes one look, and says whether the call is stuck.
    fn look(&mut self, under_way: Option<u64>) -> bool {
        self.again = if under_way.is_some() && under_way == self.call { self.again + 1 } else { 0 };
        self.call = under_way;
        self.again >= LOOKS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::sync_channel;

    #[test]
    fn a_call_that_does_not_come_back_is_told_by_its_name() {
        let progress = Progress::default();
        let (told, stuck) = sync_channel(1);
        let watching =
            watch(progress.clone(), Duration::from_millis(80), move |doing| told.send(doing).unwrap()).unwrap();
        progress.during("doing something short", || ());
        // The call ends when the watchdog has spoken, however long that takes.
        let doing = progress.during("appending", || stuck.recv().unwrap());
        assert_eq!(doing, "appending");
        drop(watching);
    }

    #[test]
    fn many_calls_are_not_one_long_one() {
        let mut looks = Looks::default();
        let progress = Progress::default();
        for _ in 0..100 {
            assert!(!progress.during("appending", || looks.look(progress.under_way())));
            assert!(!looks.look(progress.under_way()));
        }
        let found = progress.during("appending", || (0..10).position(|_| looks.look(progress.under_way())));
        assert_eq!(found, Some(LOOKS as usize), "one look finds it, eight more find it again");
    }
}

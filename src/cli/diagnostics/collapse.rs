//! Lines that say the same again and again become one line with a number: a flood of refusals, or a fault that every request
//! meets, fills no disk and hides nothing else.

use crate::clock::Stopwatch;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Filter};

/// Lines that are alike are written this often in each interval; the others are counted.
const WRITTEN: u64 = 3;
/// How long they are counted, in seconds.
const INTERVAL: u64 = 10;
/// Kinds of lines that are told apart. A kind is a place in the program and a code, so there are some hundreds.
const KINDS: usize = 1024;
/// The target of the lines that tell numbers.
const TARGET: &str = "countersign::repeated";

/// Which lines are alike: those of one place in the program with the same `code`.
type Kind = (Identifier, Option<String>);

struct Seen {
    number: u64,
    level: Level,
    message: String,
}

#[derive(Default)]
struct State {
    off: AtomicBool,
    kinds: Mutex<HashMap<Kind, Seen>>,
}

/// A filter of lines. Cheap to clone; clones share what they have seen.
#[derive(Clone, Default)]
pub struct Collapse(Arc<State>);

impl Collapse {
    /// Writes every line while `off`: for who looks closely.
    pub fn off(&self, off: bool) {
        self.0.off.store(off, Ordering::Relaxed);
    }

    /// Tells the numbers at the end of every interval, on a thread of its own, for as long as the process lives.
    ///
    /// # Errors
    /// Where no thread can be started.
    #[expect(clippy::disallowed_methods, reason = "a thread that does nothing but wait for the next interval")]
    pub fn keep_telling(&self) -> std::io::Result<()> {
        let collapse = self.clone();
        std::thread::Builder::new().name("diagnostics".to_owned()).spawn(move || {
            loop {
                let watch = Stopwatch::start();
                std::thread::sleep(Duration::from_secs(INTERVAL));
                collapse.tell(watch.seconds());
            }
        })?;
        Ok(())
    }

    /// Tells what was left out, and begins to count anew.
    fn tell(&self, seconds: f64) {
        let seen = std::mem::take(&mut *self.kinds());
        for ((_, code), Seen { number, level, message }) in seen {
            let Some(more) = number.checked_sub(WRITTEN).filter(|more| *more > 0) else { continue };
            let (code, within) = (code.unwrap_or_default(), format!("{seconds:.0} s"));
            match level {
                Level::ERROR => tracing::error!(target: TARGET, code, more, within, "again: {message}"),
                Level::WARN => tracing::warn!(target: TARGET, code, more, within, "again: {message}"),
                _ => tracing::info!(target: TARGET, code, more, within, "again: {message}"),
            }
        }
    }

    fn kinds(&self) -> MutexGuard<'_, HashMap<Kind, Seen>> {
        self.0.kinds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a line, and says whether it is written.
    fn takes(&self, event: &Event<'_>) -> bool {
        let metadata = event.metadata();
        if self.0.off.load(Ordering::Relaxed) || metadata.target() == TARGET {
            return true;
        }
        let mut code = Code(None);
        event.record(&mut code);
        let kind = (metadata.callsite(), code.0);
        if let Some(seen) = self.kinds().get_mut(&kind) {
            seen.number += 1;
            return seen.number <= WRITTEN;
        }
        let mut message = Message(String::new());
        event.record(&mut message);
        let mut kinds = self.kinds();
        if kinds.len() < KINDS {
            let first = Seen { number: 0, level: *metadata.level(), message: message.0 };
            kinds.entry(kind).or_insert(first).number += 1;
        }
        true
    }
}

/// The `code` of a line.
struct Code(Option<String>);

impl Visit for Code {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "code" {
            self.0 = Some(value.to_owned());
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

/// The text of a line: written out for the first of a kind only, so that a flood costs little.
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

impl<S: Subscriber> Filter<S> for Collapse {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    // The registry wants to be asked anew about each event that may be left out.
    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if metadata.is_event() { Interest::sometimes() } else { Interest::always() }
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        self.takes(event)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::TRACE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use tracing_subscriber::Layer as _;
    use tracing_subscriber::fmt::{self, MakeWriter};
    use tracing_subscriber::layer::SubscriberExt;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Lines {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    /// What is written of what happens.
    fn written(happens: impl FnOnce(&Collapse)) -> Vec<String> {
        let (collapse, lines) = (Collapse::default(), Lines::default());
        let layer =
            fmt::layer().with_ansi(false).without_time().with_writer(lines.clone()).with_filter(collapse.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || happens(&collapse));
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    fn refuse(code: &str) {
        tracing::info!(code, "refused");
    }

    #[test]
    fn lines_that_are_alike_are_written_three_times_and_then_counted() {
        let lines = written(|collapse| {
            (0..1000).for_each(|_| refuse("superseded"));
            refuse("closed");
            collapse.tell(10.0);
            refuse("superseded");
        });
        assert_eq!(lines.len(), 6, "{lines:#?}");
        assert!(lines[..3].iter().all(|line| line.contains("superseded")) && lines[3].contains("closed"), "{lines:#?}");
        assert!(lines[4].contains("again: refused") && lines[4].contains("more=997"), "{lines:#?}");
        assert!(lines[4].contains(r#"code="superseded""#) && lines[4].contains(r#"within="10 s""#), "{lines:#?}");
        assert!(lines[5].contains("refused") && !lines[5].contains("again"), "{lines:#?}");
    }

    #[test]
    fn who_looks_closely_sees_every_line() {
        let lines = written(|collapse| {
            collapse.off(true);
            (0..100).for_each(|_| refuse("closed"));
        });
        assert_eq!(lines.len(), 100);
    }

    #[test]
    fn nothing_is_told_of_what_was_not_left_out() {
        let lines = written(|collapse| {
            (0..3).for_each(|_| refuse("closed"));
            collapse.tell(10.0);
        });
        assert_eq!(lines.len(), 3, "{lines:#?}");
    }
}

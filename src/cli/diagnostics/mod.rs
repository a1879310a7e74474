//! Diagnostics on standard error, and data on standard output.

mod collapse;
mod traces;

use super::Failure;
use crate::config::{Config, LogConfig, LogFormat, LogLevel};
use crate::metrics::Metrics;
use collapse::Collapse;
use prometheus::IntCounter;
use std::io::{self, Write};
use traces::Traces;
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Filter, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, filter::FilterExt, fmt, reload};

/// Only this program's own are ever finer than warnings: a library may write a request's head at its finest levels, and heads
/// carry secrets.
fn targets(level: LogLevel) -> Targets {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    Targets::new().with_default(level.min(LevelFilter::WARN)).with_target("countersign", level)
}

/// Starts the diagnostics of a command, in the configured form: warnings and worse.
pub fn start(config: &LogConfig) {
    let layer = lines(config.format, targets(LogLevel::Warn));
    // A second start in one process keeps the first.
    let _ = tracing_subscriber::registry().with(layer).try_init();
}

/// The diagnostics of a server. What waits to be sent of its traces is sent when this is dropped.
pub struct Diagnostics {
    level: reload::Handle<Targets, Registry>,
    collapse: Collapse,
    _traces: Option<Traces>,
}

impl Diagnostics {
    /// Starts them as configured.
    ///
    /// # Errors
    /// Where a thread cannot be started, or traces cannot be sent.
    pub fn start(config: &Config, metrics: &Metrics) -> Result<Self, Failure> {
        let (level, handle) = reload::Layer::new(targets(config.log.level));
        let collapse = Collapse::default();
        let (layer, traces) = match &config.trace {
            Some(trace) => {
                let (layer, traces) = traces::layer(trace).map_err(|why| Failure::new(format!("`trace.*`: {why}")))?;
                (Some(layer), Some(traces))
            }
            None => (None, None),
        };
        let lines = lines(config.log.format, level.and(collapse.clone()));
        // A second start in one process keeps the first.
        let _ = tracing_subscriber::registry().with(lines).with(Counted::new(metrics)).with(layer).try_init();
        let started = Self { level: handle, collapse, _traces: traces };
        started.be(config.log.level);
        started.collapse.keep_telling().map_err(Failure::new)?;
        Ok(started)
    }

    /// Writes what is at least as severe as that, from here on. Where it is fine, no line is left out.
    pub fn be(&self, level: LogLevel) {
        self.collapse.off(matches!(level, LogLevel::Debug | LogLevel::Trace));
        // Gone only where another was started before.
        let _ = self.level.reload(targets(level));
    }
}

/// Lines on standard error.
fn lines<S>(format: LogFormat, filter: impl Filter<S> + Send + Sync + 'static) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let layer = match format {
        LogFormat::Text => fmt::layer().with_ansi(false).with_writer(io::stderr).boxed(),
        LogFormat::Json => fmt::layer().json().with_writer(io::stderr).boxed(),
    };
    layer.with_filter(filter)
}

/// Counts what is wrong, whether a line of it is written or not.
struct Counted {
    errors: IntCounter,
    warnings: IntCounter,
}

impl Counted {
    fn new(metrics: &Metrics) -> Self {
        let of = |level| metrics.diagnostics_total.with_label_values(&[level]);
        Self { errors: of("error"), warnings: of("warn") }
    }
}

impl<S: Subscriber> Layer<S> for Counted {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        match *event.metadata().level() {
            Level::ERROR => self.errors.inc(),
            Level::WARN => self.warnings.inc(),
            _ => {}
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::WARN)
    }
}

/// Says why the command failed.
pub fn complain(text: &str) {
    if text.is_empty() {
        return;
    }
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(io::stderr(), "countersign: {text}");
}

/// Says something that is no data, such as how far it has come.
pub fn tell(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Prints data, flushed. When the reader has gone, as `head` does when it has seen enough, the command ends quietly.
///
/// # Errors
/// Where standard output is closed or full.
pub fn print(text: &str) -> Result<(), Failure> {
    write(text).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::enough(),
        _ => Failure::new(format!("standard output: {error}")),
    })
}

/// Prints what somebody must read, or the command is of no use.
///
/// # Errors
/// Where standard output is closed or full.
pub fn announce(text: &str) -> Result<(), Failure> {
    write(text).map_err(|error| Failure::new(format!("standard output: {error}")))
}

fn write(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

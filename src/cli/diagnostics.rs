//! Diagnostics on standard error, and data on standard output.

use super::Failure;
use crate::config::{LogConfig, LogFormat, LogLevel};
use std::io::{self, Write};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

/// Starts diagnostics as configured. Only this program's own are ever finer than warnings: a library may write a request's
/// head at its finest levels, and heads carry secrets.
pub fn start(config: &LogConfig) {
    let level = match config.level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let filter = Targets::new().with_default(level.min(LevelFilter::WARN)).with_target("countersign", level);
    let layer = match config.format {
        LogFormat::Text => fmt::layer().with_ansi(false).with_writer(io::stderr).boxed(),
        LogFormat::Json => fmt::layer().json().with_writer(io::stderr).boxed(),
    };
    // A second start in one process keeps the first.
    let _ = tracing_subscriber::registry().with(layer.with_filter(filter)).try_init();
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

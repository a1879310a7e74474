//! `countersign serve`.

use super::server::{Options, serve};
use super::{Common, Failure, diagnostics};
use crate::app;
use crate::config::bootstrap::Bootstrap;
use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    common: Common,
    /// File that declares API keys, clients and accounts; applied at every start, changes nothing that exists
    #[arg(long, value_name = "FILE")]
    bootstrap: Option<PathBuf>,
    /// Go on with a clock that disagrees with the journal; recorded
    #[arg(long)]
    accept_clock: bool,
    /// Read and check every entry of the journal before serving
    #[arg(long)]
    check_all: bool,
}

/// Serves until it is told to stop.
pub fn run(arguments: Arguments) -> Result<(), Failure> {
    let config = arguments.common.load()?;
    diagnostics::start(&config.log);
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let bootstrap = match &arguments.bootstrap {
        Some(path) => Bootstrap::load(path, &environment).map_err(Failure::usage)?,
        None => Bootstrap::default(),
    };
    app::check(&bootstrap).map_err(Failure::usage)?;
    let options = Options { accept_clock: arguments.accept_clock, check_all: arguments.check_all };
    serve(&config, &bootstrap, options, |url| diagnostics::print(&format!("listening on {url}\n")))
}

#[expect(clippy::disallowed_methods, reason = "the command line is where the environment comes in")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

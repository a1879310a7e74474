//! `countersign serve`.

use super::diagnostics::{Diagnostics, announce};
use super::server::{Options, serve};
use super::{Common, Failure};
use crate::app::{self, World};
use crate::config::bootstrap::Bootstrap;
use clap::Args;
use std::path::PathBuf;
use std::sync::Arc;

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    #[command(flatten)]
    common: Common,
    /// File that declares API keys, clients and accounts; applied at every start, changes nothing that exists
    #[arg(long, value_name = "FILE")]
    bootstrap: Option<PathBuf>,
    /// Go on although the clock is behind the journal or far ahead of it; recorded
    #[arg(long)]
    accept_clock: bool,
    /// Read and check every entry of the journal before serving
    #[arg(long)]
    check_all: bool,
}

const AFTER_HELP: &str = "\
Once requests are let in, `listening on http://HOST:PORT` (https where `tls.cert` is set) is printed to standard output, and
nothing else; diagnostics go to standard error. SIGTERM or SIGINT: requests under way are finished, everything is on disk, exit
0; a second one ends at once. SIGHUP: `log.level` is read again from the configuration, and the certificate where there is one.

Every key of the configuration may also be set by the environment: COUNTERSIGN__HTTP__LISTEN is `http.listen`. Flags win
over the environment, the environment over the file; `countersign config show` says what is in force.

Examples:
  countersign serve --data-dir ./data --bootstrap bootstrap.toml
  countersign serve --config countersign.toml --listen 127.0.0.1:0

Exit codes:
  0   stopped in good order
  1   it could not start, or was told twice to stop; standard error says why
  2   wrong command line, configuration or bootstrap file
  70  a vital part panicked: start it again, it recovers
  74  the journal could not be written: mend the disk and start it again, it recovers";

/// Serves until it is told to stop.
pub fn run(arguments: Arguments) -> Result<(), Failure> {
    let config = arguments.common.clone().load()?;
    let world = World::real();
    let diagnostics = Arc::new(Diagnostics::start(&config, &world.metrics)?);
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let bootstrap = match &arguments.bootstrap {
        Some(path) => Bootstrap::load(path, &environment).map_err(Failure::usage)?,
        None => Bootstrap::default(),
    };
    app::check(&bootstrap, Some(config.fusionauth.tenant)).map_err(Failure::usage)?;
    let options = Options {
        accept_clock: arguments.accept_clock,
        check_all: arguments.check_all,
        at_hangup: Some(Arc::new(move || take_level_again(&diagnostics, arguments.common.clone()))),
    };
    serve(&config, bootstrap, options, world, |url| announce(&format!("listening on {url}\n")))
}

/// Takes `log.level` as the configuration has it by now. The rest of it is as it was at the start.
fn take_level_again(diagnostics: &Diagnostics, common: Common) {
    match common.load() {
        Ok(config) => {
            diagnostics.be(config.log.level);
            tracing::warn!(level = config.log.level.as_str(), "SIGHUP: `log.level` was read again, and is in force");
        }
        Err(failure) => {
            tracing::warn!("SIGHUP: `log.level` stays as it is, for the configuration cannot be used: {}", failure.text)
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the command line is where the environment comes in")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

//! `countersign config`: what the configuration is, before anything is started.

use super::diagnostics::print;
use super::{Common, Failure, certificate};
use clap::Subcommand;

#[derive(Subcommand)]
pub enum Command {
    /// Say whether the configuration is right, and what is unwise about it
    #[command(after_help = CHECK_HELP)]
    Check(Common),
    /// Print the configuration that would be used, and where each value comes from; without secrets
    #[command(after_help = SHOW_HELP)]
    Show(Common),
}

const CHECK_HELP: &str = "\
Reads what `serve` would read: the file, the environment (COUNTERSIGN__SECTION__KEY), the flags, and the certificate and key of
TLS; starts nothing and makes nothing.

Example:
  countersign config check --config countersign.toml

Exit codes: 0 right, perhaps with warnings; 1 standard output cannot be written; 2 wrong, standard error says what to do.";

const SHOW_HELP: &str = "\
Prints every key as TOML with a comment that says where its value comes from. The output is a configuration file itself.

Example:
  countersign config show --listen 127.0.0.1:9000 > countersign.toml

Exit codes: 0 printed; 1 standard output cannot be written; 2 the configuration is wrong, standard error says what to do.";

pub fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Check(common) => check(common),
        Command::Show(common) => print(&common.load()?.show()),
    }
}

fn check(common: Common) -> Result<(), Failure> {
    let config = common.load()?;
    certificate::check(&config)?;
    let warnings: String = config.warnings.iter().map(|warning| format!("warning: {warning}\n")).collect();
    print(&format!("{warnings}the configuration is right\n"))
}

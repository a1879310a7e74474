//! `countersign config`: what the configuration is, before anything is started.

use super::diagnostics::print;
use super::{Common, Failure};
use clap::Subcommand;

#[derive(Subcommand)]
pub enum Command {
    /// Say whether the configuration is right, and what is odd about it
    Check(Common),
    /// Print the configuration that would be used, and where each value comes from; without secrets
    Show(Common),
}

pub fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Check(common) => check(common),
        Command::Show(common) => print(&common.load()?.show()),
    }
}

fn check(common: Common) -> Result<(), Failure> {
    let config = common.load()?;
    let warnings: String = config.warnings.iter().map(|warning| format!("warning: {warning}\n")).collect();
    print(&format!("{warnings}the configuration is right\n"))
}

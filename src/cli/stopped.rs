//! What every command asks for that works on the data directory of a stopped server.

use super::{Common, Failure, diagnostics};
use crate::config::Config;
use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
pub struct Stopped {
    /// Configuration file, the server's own
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Data directory, which no server may be using [default: ./countersign-data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// File of the master key [default: DIR.master.key]
    #[arg(long, value_name = "FILE")]
    master_key: Option<PathBuf>,
}

impl Stopped {
    /// Loads the configuration, and lets diagnostics tell of warnings and worse.
    pub fn load(self) -> Result<Config, Failure> {
        let Self { config, data_dir, master_key } = self;
        let config = Common { config, data_dir, master_key, listen: None }.load()?;
        diagnostics::start(&config.log);
        Ok(config)
    }
}

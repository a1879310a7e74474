//! The command line: one file per subcommand. Data goes to standard output, everything else to standard error, and secrets
//! come from files, the environment or standard input, never from arguments.

mod account;
mod api_key;
mod audit_events;
mod audit_tail;
mod batches;
mod bootstrap;
mod brake;
mod certificate;
mod client;
mod completions;
mod config;
mod demo;
mod diagnostics;
mod dumps;
mod journal;
mod key;
mod man;
mod open_files;
mod outward;
mod reach;
mod repair;
mod secret;
mod serve;
mod server;
mod session;
mod show;
mod stopped;

use crate::config::{Config, Flags, Sources};
use clap::{Args, CommandFactory, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Everything went as asked.
const OK: u8 = 0;
/// It could not be done: standard error says why.
const FAILED: u8 = 1;
/// The command line, the configuration or the bootstrap file is wrong.
const USAGE: u8 = 2;

/// An auth engine for app backends: logins, access tokens, rotating refresh tokens, and a durable journal of every decision.
#[derive(Parser)]
#[command(name = "countersign", version, arg_required_else_help = true, after_help = AFTER_HELP, help_template = HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// The commands by what they are for; clap knows no groups of them.
const HELP: &str = "\
{about}

{usage-heading} {usage}

Run it:
  serve        Serve the HTTP doors on a data directory
  demo         A working server with a demo client and account, and lines to paste into a shell
  config       Check or show the configuration

Administer, beside a running server (--server URL) or on a stopped one's data directory:
  account      Accounts: the people who can log in
  client       Clients: the applications that ask for tokens
  session      Sessions: who is logged in
  brake        Emergency brakes: end much at once, or let nobody log in
  api-key      API keys: what may administer
  bootstrap    Make what a file declares
  key          List, rotate and distrust the keys of tokens, and exchange the master key

Look and keep:
  audit        Look into the journal, beside a running server or without one; never writes
  journal      Back up, restore, repair, archive and drop what the journal holds

For the shell:
  completions  Print completions for a shell
  man          Print the manual
  help         Print this, or the help of a command

Options:
{options}

{after-help}
";

const AFTER_HELP: &str = "\
`countersign COMMAND --help` shows examples. To see it work, run `countersign demo`.

Exit codes: 0 done; 1 it could not be done, standard error says why; 2 wrong command line, configuration or bootstrap file;
70 a vital part panicked and 74 the journal could not be written (serve: start it again, it recovers).";

#[derive(Subcommand)]
enum Command {
    /// Serve the HTTP doors on a data directory
    Serve(serve::Arguments),
    /// A working server with a demo client and account, and lines to paste into a shell
    Demo(demo::Arguments),
    /// Look into the journal, beside a running server or without one; never writes
    #[command(subcommand, after_help = AFTER_HELP)]
    Audit(Audit),
    /// Accounts: the people who can log in
    #[command(subcommand, after_help = account::HELP)]
    Account(account::Command),
    /// Clients: the applications that ask for tokens
    #[command(subcommand, after_help = client::HELP)]
    Client(client::Command),
    /// Sessions: who is logged in
    #[command(subcommand, after_help = session::HELP)]
    Session(session::Command),
    /// Emergency brakes: end much at once, or let nobody log in
    #[command(subcommand, after_help = brake::HELP)]
    Brake(brake::Command),
    /// API keys: what may administer
    #[command(subcommand, after_help = api_key::HELP)]
    ApiKey(api_key::Command),
    /// Make what a file declares
    #[command(subcommand, after_help = bootstrap::HELP)]
    Bootstrap(bootstrap::Command),
    /// List, rotate and distrust the keys of tokens, and exchange the master key
    #[command(subcommand, after_help = key::HELP)]
    Key(key::Command),
    /// Back up, restore, repair, archive and drop what the journal holds
    #[command(subcommand, after_help = journal::HELP)]
    Journal(journal::Command),
    /// Check or show the configuration
    #[command(subcommand, after_help = AFTER_HELP)]
    Config(config::Command),
    /// Print completions for a shell
    Completions(completions::Arguments),
    /// Print the manual
    Man(man::Arguments),
}

#[derive(Subcommand)]
enum Audit {
    /// Print events, oldest first
    Tail(audit_tail::Arguments),
    /// What each type of event means, and every field of it
    Events(audit_events::Arguments),
}

/// Where the configuration comes from. Flags win over the environment, the environment over the file.
#[derive(Args, Clone, Default)]
struct Common {
    /// Configuration file (TOML; see docs/CONFIG.md)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Data directory; created when absent [default: ./countersign-data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Address to listen on; port 0 picks one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// File of the master key; made with the data directory [default: DIR.master.key]
    #[arg(long, value_name = "FILE")]
    master_key: Option<PathBuf>,
}

impl Common {
    #[expect(clippy::disallowed_methods, reason = "the command line is where the environment comes in")]
    fn load(self) -> Result<Config, Failure> {
        let flags = Flags { data_dir: self.data_dir, listen: self.listen, master_key: self.master_key };
        let sources = Sources { file: self.config, env: std::env::vars(), flags };
        Config::load(sources).map_err(|error| Failure::usage(error.to_string()))
    }
}

/// Why a command failed: a sentence for standard error, and the exit code.
#[derive(Debug)]
struct Failure {
    code: u8,
    text: String,
}

impl Failure {
    fn new(text: impl ToString) -> Self {
        Self { code: FAILED, text: text.to_string() }
    }

    /// The same, said of something.
    fn about(self, what: &str) -> Self {
        Self { text: format!("{what}: {}", self.text), ..self }
    }

    /// Nobody reads any more: no failure at all.
    fn enough() -> Self {
        Self { code: OK, text: String::new() }
    }

    fn usage(text: impl ToString) -> Self {
        Self { code: USAGE, text: text.to_string() }
    }
}

/// Runs the command line of this process.
pub fn run() -> ExitCode {
    // Whatever any part makes, the store included, is for this user alone.
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    let command = Cli::parse().command;
    let outcome = dumps::forbid().and_then(|()| match command {
        Command::Serve(arguments) => serve::run(arguments),
        Command::Demo(arguments) => demo::run(arguments),
        Command::Audit(Audit::Tail(arguments)) => audit_tail::run(arguments),
        Command::Audit(Audit::Events(arguments)) => audit_events::run(&arguments),
        Command::Account(command) => account::run(command),
        Command::Client(command) => client::run(command),
        Command::ApiKey(command) => api_key::run(command),
        Command::Bootstrap(command) => bootstrap::run(command),
        Command::Completions(arguments) => completions::run(&arguments, Cli::command()),
        Command::Man(arguments) => man::run(&arguments, Cli::command()),
        Command::Session(command) => session::run(command),
        Command::Brake(command) => brake::run(command),
        Command::Key(command) => key::run(command),
        Command::Journal(command) => journal::run(command),
        Command::Config(command) => config::run(command),
    });
    match outcome {
        Ok(()) => ExitCode::from(OK),
        Err(failure) => {
            diagnostics::complain(&failure.text);
            ExitCode::from(failure.code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_help_has_every_command_with_its_own_words() {
        let mut lines: Vec<&str> = HELP.lines().filter(|line| line.starts_with("  ")).collect();
        for command in Cli::command().get_subcommands() {
            let (name, about) = (command.get_name(), command.get_about().map(ToString::to_string).unwrap_or_default());
            let line = format!("  {name:11}  {about}");
            assert!(lines.contains(&line.as_str()), "{line}");
            lines.retain(|known| *known != line);
        }
        assert_eq!(lines, ["  help         Print this, or the help of a command"]);
    }
}

//! `countersign completions`: what a shell needs to complete this command line.

use super::Failure;
use super::diagnostics::print;
use clap::{Args, Command, ValueEnum};
use clap_complete::{Shell, generate};

/// A shell.
#[derive(Clone, Copy, ValueEnum)]
enum Which {
    Bash,
    Zsh,
    Fish,
    Elvish,
    Powershell,
}

#[derive(Args)]
#[command(after_help = HELP)]
pub struct Arguments {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Which,
}

const HELP: &str = "\
Examples:
  countersign completions bash > /etc/bash_completion.d/countersign
  countersign completions zsh > \"${fpath[1]}/_countersign\"
  countersign completions fish > ~/.config/fish/completions/countersign.fish

Exit codes: 0 printed; 1 standard output cannot be written; 2 wrong command line.";

pub fn run(arguments: &Arguments, mut command: Command) -> Result<(), Failure> {
    let shell = match arguments.shell {
        Which::Bash => Shell::Bash,
        Which::Zsh => Shell::Zsh,
        Which::Fish => Shell::Fish,
        Which::Elvish => Shell::Elvish,
        Which::Powershell => Shell::PowerShell,
    };
    let mut text = Vec::new();
    generate(shell, &mut command, "countersign", &mut text);
    print(&String::from_utf8_lossy(&text))
}

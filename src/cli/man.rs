//! `countersign man`: the manual, from the same definitions as `--help`.

use super::Failure;
use super::diagnostics::{announce, print};
use clap::{Args, Command};
use clap_mangen::Man;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

#[derive(Args)]
#[command(after_help = HELP)]
pub struct Arguments {
    /// Directory for a page for each command, which must exist [default: all in one, on standard output]
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
}

const HELP: &str = "\
Examples:
  countersign man | man -l -
  countersign man --to /usr/local/share/man/man1

Exit codes: 0 written; 1 it could not be written; 2 wrong command line.";

pub fn run(arguments: &Arguments, command: Command) -> Result<(), Failure> {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    collect(&command, &mut pages)?;
    let Some(directory) = &arguments.to else {
        return print(&pages.into_iter().map(|(_, text)| text).collect::<String>());
    };
    for (name, text) in &pages {
        write(&directory.join(format!("{name}.1")), text)?;
    }
    announce(&format!("wrote {} pages to {}\n", pages.len(), directory.display()))
}

/// The page of a command, and those of the commands below it, each by its name.
fn collect(command: &Command, pages: &mut Vec<(String, String)>) -> Result<(), Failure> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let mut text = Vec::new();
    Man::new(command.clone()).title(name.to_uppercase()).render(&mut text).map_err(Failure::new)?;
    pages.push((name, String::from_utf8_lossy(&text).into_owned()));
    for below in command.get_subcommands() {
        collect(below, pages)?;
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    // What others read, too, unlike everything else that this program writes.
    let readable = || fs::set_permissions(path, fs::Permissions::from_mode(0o644));
    fs::write(path, text)
        .and_then(|()| readable())
        .map_err(|error| Failure::new(format!("{}: {error}", path.display())))
}

//! `countersign account`: the people who can log in.

mod act;
mod change;
mod export;
mod help;
mod import;
mod look;
mod password;

pub use change::listed;
pub use help::HELP;

use super::Failure;
use super::reach::{Answer, Doors};
use super::show::{Column, column};
use crate::domain::ids::AccountId;
use clap::{Args, Subcommand};
use serde_json::json;
use std::io::Read;

#[derive(Subcommand)]
pub enum Command {
    /// List accounts
    #[command(after_help = help::LIST)]
    List(look::List),
    /// Show an account
    #[command(after_help = help::SHOW)]
    Show(look::Show),
    /// Say whose a login id is
    #[command(after_help = help::FIND)]
    Find(look::Find),
    /// Make an account
    #[command(after_help = help::CREATE)]
    Create(Box<change::Create>),
    /// Change login id, roles, or the clients at which it may log in
    #[command(after_help = help::CHANGE)]
    Change(change::Change),
    /// Let nobody in any more, and end its sessions
    #[command(after_help = help::DISABLE)]
    Disable(act::Act),
    /// Let people in again
    #[command(after_help = help::ENABLE)]
    Enable(act::Act),
    /// Forget the person for good
    #[command(after_help = help::ERASE)]
    Erase(act::Erase),
    /// End all its sessions; people may log in again
    #[command(after_help = help::REVOKE)]
    Revoke(act::Act),
    /// Set its password, which ends its sessions
    #[command(after_help = help::SET_PASSWORD)]
    SetPassword(password::SetPassword),
    /// Make a one-time code by which a person sets another password
    #[command(after_help = help::PASSWORD_CODE)]
    PasswordCode(password::PasswordCode),
    /// Make accounts from another system's, a line each
    #[command(after_help = help::IMPORT)]
    Import(import::Import),
    /// Write all accounts, a line each
    #[command(after_help = help::EXPORT)]
    Export(export::Export),
}

pub fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::List(arguments) => look::list(arguments),
        Command::Show(arguments) => look::show(arguments),
        Command::Find(arguments) => look::find(arguments),
        Command::Create(arguments) => change::create(*arguments),
        Command::Change(arguments) => change::change(arguments),
        Command::Disable(arguments) => act::act(arguments, "disable"),
        Command::Enable(arguments) => act::act(arguments, "enable"),
        Command::Erase(arguments) => act::erase(arguments),
        Command::Revoke(arguments) => act::act(arguments, "revoke"),
        Command::SetPassword(arguments) => password::set(arguments),
        Command::PasswordCode(arguments) => password::code(arguments),
        Command::Import(arguments) => import::run(arguments),
        Command::Export(arguments) => export::run(arguments),
    }
}

/// Which account is meant.
#[derive(Args)]
pub struct Which {
    /// The account: its id, its login id, or - to read the login id from standard input
    #[arg(value_name = "ACCOUNT")]
    account: String,
}

/// What stands first of an account.
const FIRST: &[&str] = &[
    "id",
    "login",
    "standing",
    "roles",
    "clients",
    "password.scheme",
    "password.set_at",
    "password.must_change",
    "created_at",
    "last_login_at",
    "version",
];

/// The columns of a list.
const COLUMNS: &[Column] = &[
    column("ID", "/id"),
    column("STANDING", "/standing"),
    column("LOGIN", "/login"),
    column("ROLES", "/roles"),
    Column { title: "CLIENTS", pointer: "/clients", none: "all" },
    column("LAST LOGIN", "/last_login_at"),
];

/// The account of a login id.
async fn found(doors: &Doors, login: &str) -> Result<Answer, Failure> {
    let found = doors.post("/admin/accounts/find", &json!({ "login": login })).await;
    found.map_err(|failure| failure.about(&format!("the login id {login:?}")))
}

/// The id of the account that is meant.
pub async fn id_of(doors: &Doors, account: &str) -> Result<String, Failure> {
    if account.parse::<AccountId>().is_ok() {
        return Ok(account.to_owned());
    }
    let login = typed(account)?;
    let found = found(doors, &login).await?.json;
    let id = found["id"].as_str().map(str::to_owned);
    id.ok_or_else(|| Failure::new("the server answered no account: is it a Countersign of this version?"))
}

/// A login id as it was given: by an argument, or on standard input.
fn typed(login: &str) -> Result<String, Failure> {
    if login != "-" {
        return Ok(login.to_owned());
    }
    let mut text = String::new();
    let read = std::io::stdin().lock().take(4096).read_to_string(&mut text);
    read.map_err(|error| Failure::new(format!("standard input: {error}")))?;
    Ok(text.trim().to_owned())
}

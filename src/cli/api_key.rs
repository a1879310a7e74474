//! `countersign api-key`: what programs and operators show to the doors of administration.

use super::Failure;
use super::account::listed;
use super::reach::{Does, Doors, Reach, segment};
use super::secret::secret_of;
use super::show::{self, Column, Listing, Shape, column};
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};
use std::path::PathBuf;

#[derive(Subcommand)]
pub enum Command {
    /// List API keys, also those that were revoked
    #[command(after_help = LIST_HELP)]
    List(List),
    /// Show an API key; never the key itself
    #[command(after_help = SHOW_HELP)]
    Show(One),
    /// Make an API key, and print it once
    #[command(after_help = CREATE_HELP)]
    Create(Create),
    /// Change what it may do, and at which clients
    #[command(after_help = CHANGE_HELP)]
    Change(Change),
    /// Let it do nothing until it is enabled again
    #[command(after_help = ACT_HELP)]
    Disable(One),
    /// Let it do again what it may
    #[command(after_help = ACT_HELP)]
    Enable(One),
    /// Let it do nothing, for good
    #[command(after_help = ACT_HELP)]
    Revoke(One),
}

pub const HELP: &str = "\
Permissions: admin (everything but the journal), users (accounts), applications (clients), tokens (sessions), erase (erase
accounts), and audit and audit.personal for the journal. A key that names clients sees and changes those and nothing else.
With --server a running server is asked (permission `admin` of the API key); without it, the data directory of a stopped one:
that is how the first key is made. `countersign api-key COMMAND --help` shows examples.

Exit codes: 0 done; 1 it could not be done, standard error says why; 2 wrong command line or configuration; offline 70 and 74
as for serve.";

const LIST_HELP: &str = "\
Nothing is recorded.

Example:
  countersign api-key list --config countersign.toml

Exit codes: 0 listed, or the reader had enough; 1 it could not be done, standard error says why; 2 wrong command line or
configuration.";

const SHOW_HELP: &str = "\
Nothing is recorded.

Example:
  countersign api-key show --server https://auth.example.com --api-key-file key help-desk --json

Exit codes: 0 shown; 1 there is none, or it could not be done; 2 wrong command line or configuration.";

const CREATE_HELP: &str = "\
Without --key-file the key is made, and printed this once. Nobody can read it again.

Examples:
  countersign api-key create --config countersign.toml ops --permissions admin
  countersign api-key create --server https://auth.example.com --api-key-file key help-desk --permissions users,tokens --json \\
    | jq -r .key > help-desk.key

Exit codes: 0 made; 1 it could not be done, such as a name that is taken; 2 wrong command line or configuration.";

const CHANGE_HELP: &str = "\
What is not named stays as it is. Lists are replaced as a whole. It takes effect at the next request.

Example:
  countersign api-key change --server https://auth.example.com --api-key-file key help-desk --permissions users

Exit codes: 0 changed, also if it was so before; 1 it could not be done, standard error says why; 2 wrong command line or
configuration.";

const ACT_HELP: &str = "\
It takes effect at the next request. A key that may have been seen by others is revoked, and another one made.

Example:
  countersign api-key revoke --server https://auth.example.com --api-key-file key help-desk

Exit codes: 0 done, also if it was so before; 1 it could not be done, standard error says why; 2 wrong command line or
configuration.";

const FIRST: &[&str] = &["name", "key", "permissions", "clients", "standing", "created_at", "version"];

const COLUMNS: &[Column] = &[
    column("NAME", "/name"),
    column("STANDING", "/standing"),
    column("PERMISSIONS", "/permissions"),
    Column { title: "CLIENTS", pointer: "/clients", none: "all" },
    column("CREATED", "/created_at"),
];

#[derive(Args)]
pub struct List {
    #[command(flatten)]
    reach: Reach,
    #[command(flatten)]
    listing: Listing,
}

#[derive(Args)]
pub struct One {
    #[command(flatten)]
    reach: Reach,
    /// Its name
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    shape: Shape,
}

#[derive(Args)]
pub struct Create {
    #[command(flatten)]
    one: One,
    /// What it may do, with commas between
    #[arg(long, value_name = "PERMISSIONS", value_delimiter = ',', required = true)]
    permissions: Vec<String>,
    /// Only these clients, with commas between [default: all]
    #[arg(long, value_name = "CLIENTS", value_delimiter = ',')]
    clients: Option<Vec<String>>,
    /// File of the key, - for standard input [default: one is made and printed once]
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

#[derive(Args)]
pub struct Change {
    #[command(flatten)]
    one: One,
    /// All that it may do, with commas between
    #[arg(long, value_name = "PERMISSIONS", value_delimiter = ',')]
    permissions: Option<Vec<String>>,
    /// Only these clients, with commas between
    #[arg(long, value_name = "CLIENTS", value_delimiter = ',')]
    clients: Option<Vec<String>>,
    /// All clients
    #[arg(long, conflicts_with = "clients")]
    all_clients: bool,
}

pub fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::List(List { reach, listing }) => reach
            .run(Does::Look, async |doors: &Doors| show::list(doors, "/admin/api-keys", &[], &listing, COLUMNS).await),
        Command::Show(one) => ask(one, Does::Look, "GET", "", None),
        Command::Create(arguments) => create(arguments),
        Command::Change(arguments) => change(arguments),
        Command::Disable(one) => ask(one, Does::Change, "POST", "/disable", Some(json!({}))),
        Command::Enable(one) => ask(one, Does::Change, "POST", "/enable", Some(json!({}))),
        Command::Revoke(one) => ask(one, Does::Change, "POST", "/revoke", Some(json!({}))),
    }
}

fn ask(one: One, does: Does, method: &str, action: &str, body: Option<Value>) -> Result<(), Failure> {
    let One { reach, name, shape } = one;
    let path = format!("/admin/api-keys/{}{action}", segment(&name));
    reach.run(does, async |doors: &Doors| {
        let done = doors.ask(method, &path, body.as_ref()).await;
        show::one(&done.map_err(|failure| failure.about(&format!("API key {name}")))?, shape, FIRST)
    })
}

fn create(arguments: Create) -> Result<(), Failure> {
    let Create { one: One { reach, name, shape }, permissions, clients, key_file } = arguments;
    let mut body = Map::new();
    body.insert("name".to_owned(), json!(name));
    body.insert("permissions".to_owned(), listed(permissions));
    clients.map(|clients| body.insert("clients".to_owned(), listed(clients)));
    if let Some(path) = key_file {
        body.insert("key".to_owned(), json!(secret_of(&path, "the API key")?.expose()));
    }
    reach.run(Does::Change, async |doors: &Doors| {
        let made = doors.post("/admin/api-keys", &Value::Object(body)).await;
        show::one(&made.map_err(|failure| failure.about(&format!("API key {name}")))?, shape, FIRST)
    })
}

fn change(arguments: Change) -> Result<(), Failure> {
    let Change { one, permissions, clients, all_clients } = arguments;
    let clients = if all_clients { Some(Value::Null) } else { clients.map(listed) };
    let given = [("permissions", permissions.map(listed)), ("clients", clients)];
    let body: Map<String, Value> =
        given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    if body.is_empty() {
        return Err(Failure::usage("say what to change: --permissions, --clients or --all-clients"));
    }
    ask(one, Does::Change, "PATCH", "", Some(Value::Object(body)))
}

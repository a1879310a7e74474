//! `countersign client`: the applications that ask for tokens.

mod help;
mod settings;

pub use help::HELP;

use super::Failure;
use super::reach::{Does, Doors, Reach, segment};
use super::secret::secret_of;
use super::show::{self, Column, Listing, Shape, column};
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};
use settings::Settings;
use std::path::PathBuf;

#[derive(Subcommand)]
pub enum Command {
    /// List clients
    #[command(after_help = help::LIST)]
    List(List),
    /// Show a client
    #[command(after_help = help::SHOW)]
    Show(One),
    /// Make a client
    #[command(after_help = help::CREATE)]
    Create(Box<Create>),
    /// Change settings of a client
    #[command(after_help = help::CHANGE)]
    Change(Box<Change>),
    /// Grant it nothing any more, and end its sessions
    #[command(after_help = help::DISABLE)]
    Disable(One),
    /// Grant it tokens again
    #[command(after_help = help::ENABLE)]
    Enable(One),
    /// End all its sessions and tokens
    #[command(after_help = help::REVOKE)]
    Revoke(One),
    /// Replace its secret
    #[command(after_help = help::NEW_SECRET)]
    NewSecret(NewSecret),
}

/// What stands first of a client.
const FIRST: &[&str] =
    &["id", "secret", "type", "profile", "enabled", "has_secret", "version", "grants", "scopes", "audience"];

const COLUMNS: &[Column] = &[
    column("ID", "/id"),
    column("TYPE", "/type"),
    column("PROFILE", "/profile"),
    column("ENABLED", "/enabled"),
    column("GRANTS", "/grants"),
    column("SCOPES", "/scopes"),
    Column { title: "AUDIENCE", pointer: "/audience", none: "issuer" },
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
    /// The client's id
    #[arg(value_name = "CLIENT")]
    client: String,
    #[command(flatten)]
    shape: Shape,
}

#[derive(Args)]
pub struct Create {
    #[command(flatten)]
    one: One,
    /// confidential (has a secret) or public [default: confidential]
    #[arg(long = "type", value_name = "TYPE")]
    client_type: Option<String>,
    /// Whose contract it speaks: standard, fusionauth or gateway [default: standard]
    #[arg(long, value_name = "PROFILE")]
    profile: Option<String>,
    /// File of its secret, - for standard input [default: one is made and printed once]
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Grant it nothing until `enable`
    #[arg(long)]
    disabled: bool,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Args)]
pub struct Change {
    #[command(flatten)]
    one: One,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Args)]
pub struct NewSecret {
    #[command(flatten)]
    one: One,
    /// File of the secret, - for standard input [default: one is made and printed once]
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

pub fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::List(List { reach, listing }) => reach
            .run(Does::Look, async |doors: &Doors| show::list(doors, "/admin/clients", &[], &listing, COLUMNS).await),
        Command::Show(one) => ask(one, Does::Look, "GET", "", None),
        Command::Create(arguments) => create(*arguments),
        Command::Change(arguments) => change(*arguments),
        Command::Disable(one) => act(one, "disable"),
        Command::Enable(one) => act(one, "enable"),
        Command::Revoke(one) => act(one, "revoke"),
        Command::NewSecret(NewSecret { one, secret_file }) => {
            ask(one, Does::Change, "POST", "/secret", Some(Value::Object(secret(secret_file)?)))
        }
    }
}

/// Asks the door of a client.
fn ask(one: One, does: Does, method: &str, action: &str, body: Option<Value>) -> Result<(), Failure> {
    let One { reach, client, shape } = one;
    let path = format!("/admin/clients/{}{action}", segment(&client));
    reach.run(does, async |doors: &Doors| {
        let done = doors.ask(method, &path, body.as_ref()).await;
        show::one(&done.map_err(|failure| failure.about(&format!("client {client}")))?, shape, FIRST)
    })
}

fn act(one: One, action: &str) -> Result<(), Failure> {
    ask(one, Does::Change, "POST", &format!("/{action}"), Some(json!({})))
}

fn create(arguments: Create) -> Result<(), Failure> {
    let Create { one, client_type, profile, secret_file, disabled, settings } = arguments;
    let mut body = settings.fields();
    body.append(&mut secret(secret_file)?);
    body.insert("id".to_owned(), json!(one.client));
    for (name, value) in [("type", client_type), ("profile", profile)] {
        value.map(|value| body.insert(name.to_owned(), json!(value)));
    }
    if disabled {
        body.insert("enabled".to_owned(), json!(false));
    }
    let One { reach, client, shape } = one;
    reach.run(Does::Change, async |doors: &Doors| {
        let made = doors.post("/admin/clients", &Value::Object(body)).await;
        show::one(&made.map_err(|failure| failure.about(&format!("client {client}")))?, shape, FIRST)
    })
}

fn change(arguments: Change) -> Result<(), Failure> {
    let Change { one, settings } = arguments;
    let body = settings.fields();
    if body.is_empty() {
        return Err(Failure::usage(
            "say what to change, such as --scopes: `countersign client change --help` lists all",
        ));
    }
    ask(one, Does::Change, "PATCH", "", Some(Value::Object(body)))
}

fn secret(file: Option<PathBuf>) -> Result<Map<String, Value>, Failure> {
    let mut body = Map::new();
    if let Some(path) = file {
        body.insert("secret".to_owned(), json!(secret_of(&path, "the secret")?.expose()));
    }
    Ok(body)
}

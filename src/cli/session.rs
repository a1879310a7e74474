//! `countersign session`: who is logged in.

use super::Failure;
use super::account::id_of;
use super::reach::{Does, Doors, Reach, segment};
use super::show::{self, Column, Listing, Shape, column};
use clap::{Args, Subcommand};
use serde_json::json;

#[derive(Subcommand)]
pub enum Command {
    /// List open sessions
    #[command(after_help = LIST_HELP)]
    List(List),
    /// Show a session, also one that has ended
    #[command(after_help = SHOW_HELP)]
    Show(One),
    /// End a session
    #[command(after_help = REVOKE_HELP)]
    Revoke(One),
}

pub const HELP: &str = "\
A session is one login of one account at one client. Its id is the `sid` of its access tokens, and stands in the journal:
`countersign audit tail --about ID` tells its story. With --server a running server is asked (permission `tokens` of the API
key); without it, the data directory of a stopped one. `countersign session COMMAND --help` shows examples.

Exit codes: 0 done; 1 it could not be done, standard error says why; 2 wrong command line or configuration; offline 70 and 74
as for serve.";

const LIST_HELP: &str = "\
Pages are fetched as they are read: `head` ends it. Nothing is recorded.

Examples:
  countersign session list --server https://auth.example.com --api-key-file key --account alice@example.com
  countersign session list --config countersign.toml --client store --json | jq length

Exit codes: 0 listed, or the reader had enough; 1 it could not be done, standard error says why; 2 wrong command line or
configuration.";

const SHOW_HELP: &str = "\
A session that ended long ago is archived: `countersign audit tail --about ID` reads it from the journal. Nothing is recorded.

Example:
  countersign session show --server https://auth.example.com --api-key-file key 01a1ff9c-0b3f-7ea5-a81d-43c76e25d49f

Exit codes: 0 shown; 1 there is none, or it could not be done; 2 wrong command line or configuration.";

const REVOKE_HELP: &str = "\
Every token of it is dead when this is answered. Access tokens that a resource server verifies by itself are good until they
expire (5 minutes by default). All sessions of an account end by `countersign account revoke`.

Example:
  countersign session revoke --server https://auth.example.com --api-key-file key 01a1ff9c-0b3f-7ea5-a81d-43c76e25d49f

Exit codes: 0 ended, also if it was before; 1 it could not be done, standard error says why; 2 wrong command line or configuration.";

const FIRST: &[&str] = &["id", "account", "client", "state", "reason", "started_at", "last_used_at", "ends_at"];

const COLUMNS: &[Column] = &[
    column("ID", "/id"),
    column("ACCOUNT", "/account"),
    column("CLIENT", "/client"),
    column("STARTED", "/started_at"),
    column("LAST USED", "/last_used_at"),
    column("ADDRESS", "/address"),
    column("USER AGENT", "/user_agent"),
];

#[derive(Args)]
pub struct List {
    #[command(flatten)]
    reach: Reach,
    /// Only those of this account: its id or login id
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
    /// Only those at this client
    #[arg(long, value_name = "CLIENT")]
    client: Option<String>,
    #[command(flatten)]
    listing: Listing,
}

#[derive(Args)]
pub struct One {
    #[command(flatten)]
    reach: Reach,
    /// The session's id
    #[arg(value_name = "SESSION")]
    session: String,
    #[command(flatten)]
    shape: Shape,
}

pub fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::List(arguments) => list(arguments),
        Command::Show(arguments) => show_one(arguments),
        Command::Revoke(arguments) => revoke(arguments),
    }
}

fn list(arguments: List) -> Result<(), Failure> {
    let List { reach, account, client, listing } = arguments;
    reach.run(Does::Look, async |doors: &Doors| {
        let account = match account {
            Some(account) => Some(id_of(doors, &account).await?),
            None => None,
        };
        show::list(doors, "/admin/sessions", &[("account", account), ("client", client)], &listing, COLUMNS).await
    })
}

fn show_one(arguments: One) -> Result<(), Failure> {
    let One { reach, session, shape } = arguments;
    reach.run(Does::Look, async |doors: &Doors| {
        let shown = doors.get(&format!("/admin/sessions/{}", segment(&session))).await;
        show::one(&shown.map_err(|failure| failure.about(&format!("session {session}")))?, shape, FIRST)
    })
}

fn revoke(arguments: One) -> Result<(), Failure> {
    let One { reach, session, shape } = arguments;
    reach.run(Does::Change, async |doors: &Doors| {
        let done = doors.post(&format!("/admin/sessions/{}/revoke", segment(&session)), &json!({})).await;
        show::one(&done.map_err(|failure| failure.about(&format!("session {session}")))?, shape, FIRST)
    })
}

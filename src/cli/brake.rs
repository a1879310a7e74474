//! `countersign brake`: what ends much at once. It says what it costs, and is pulled by whoever says yes.

use super::Failure;
use super::account::id_of;
use super::diagnostics::{announce, tell};
use super::reach::{Answer, Does, Doors, Reach};
use super::show::{self, Shape};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::io::{self, IsTerminal};

#[derive(Subcommand)]
pub enum Command {
    /// Say which brakes are pulled
    #[command(after_help = STATUS_HELP)]
    Status(Status),
    /// End every session of one account
    #[command(after_help = ACCOUNT_HELP)]
    Account(Account),
    /// End every session and every token of one client
    #[command(after_help = CLIENT_HELP)]
    Client(Client),
    /// End every session that was last used from a network
    #[command(after_help = NETWORK_HELP)]
    Network(Network),
    /// Believe nothing any more that a key of tokens made
    #[command(after_help = KEY_HELP)]
    Key(Key),
    /// End everything: every session and every token of before
    #[command(after_help = ALL_HELP)]
    All(Pull),
    /// Let nobody log in, until it is lifted; sessions go on
    #[command(after_help = LOGINS_HELP)]
    Logins(Logins),
}

pub const HELP: &str = "\
For emergencies. Each brake first says what it costs: how many sessions end, and how many people log in again. It is pulled with
--yes, or by typing yes at a terminal; anything else leaves all as it is, with exit code 1. When it has been answered no token
that was meant is active at any door of ours; resource servers that verify by themselves believe access tokens until they
expire (5 minutes by default). With --server a running server is asked (permission `admin` of the API key).

Exit codes: 0 pulled; 1 not pulled, standard error says why; 2 wrong command line or configuration; offline 70 and 74 as for serve.";

const STATUS_HELP: &str = "\
Nothing is recorded.

Example:
  countersign brake status --server https://auth.example.com --api-key-file key

Exit codes: 0 shown; 1 it could not be done, standard error says why; 2 wrong command line or configuration.";

const ACCOUNT_HELP: &str = "\
Example:
  countersign brake account --server https://auth.example.com --api-key-file key alice@example.com --yes

Exit codes: 0 pulled; 1 not pulled, standard error says why; 2 wrong command line or configuration.";

const CLIENT_HELP: &str = "\
For a client whose secret or whose refresh tokens were stolen. Make it a new secret, too: `countersign client new-secret`.

Example:
  countersign brake client --server https://auth.example.com --api-key-file key store --yes

Exit codes: 0 pulled; 1 not pulled, standard error says why; 2 wrong command line or configuration.";

const NETWORK_HELP: &str = "\
NETWORK is an address or a network, such as 203.0.113.0/24. It ends what was last used from there, and bars nobody: whoever has a
password logs in again. Every open session is looked at; it takes a while where there are many.

Example:
  countersign brake network --server https://auth.example.com --api-key-file key 203.0.113.0/24 --yes

Exit codes: 0 pulled; 1 not pulled, standard error says why; 2 wrong command line or configuration.";

const KEY_HELP: &str = "\
What `countersign key distrust` does, with its cost told first. Every session under a refresh key ends; every access token under a signing
key is refused at our doors, and by resource servers once they fetch the key set again. Another key takes its place.

Example:
  countersign brake key --server https://auth.example.com --api-key-file key 1 --yes

Exit codes: 0 pulled; 1 not pulled, standard error says why; 2 wrong command line or configuration.";

const ALL_HELP: &str = "\
Everybody logs in again, and each login costs a password hash: the answer says how many can be computed at the same time.

Example:
  countersign brake all --server https://auth.example.com --api-key-file key --yes

Exit codes: 0 pulled; 1 not pulled, standard error says why; 2 wrong command line or configuration.";

const LOGINS_HELP: &str = "\
For a wave of guessed or stolen passwords. Logins are answered 503; refreshes go on. It holds over restarts, until --allow.

Examples:
  countersign brake logins --server https://auth.example.com --api-key-file key --yes
  countersign brake logins --server https://auth.example.com --api-key-file key --allow --yes

Exit codes: 0 pulled or lifted; 1 not, standard error says why; 2 wrong command line or configuration.";

#[derive(Args)]
pub struct Status {
    #[command(flatten)]
    reach: Reach,
    #[command(flatten)]
    shape: Shape,
}

#[derive(Args)]
pub struct Pull {
    #[command(flatten)]
    reach: Reach,
    /// Pull it, and do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    shape: Shape,
}

#[derive(Args)]
pub struct Account {
    #[command(flatten)]
    pull: Pull,
    /// The account: its id, its login id, or - to read the login id from standard input
    #[arg(value_name = "ACCOUNT")]
    account: String,
}

#[derive(Args)]
pub struct Client {
    #[command(flatten)]
    pull: Pull,
    /// The client's id
    #[arg(value_name = "CLIENT")]
    client: String,
}

#[derive(Args)]
pub struct Network {
    #[command(flatten)]
    pull: Pull,
    /// An address or a network
    #[arg(value_name = "NETWORK")]
    network: String,
}

#[derive(Args)]
pub struct Key {
    #[command(flatten)]
    pull: Pull,
    /// The key as `key list` names it: the `kid` of a signing key, the number of a refresh key
    // A `kid` may begin with a hyphen.
    #[arg(value_name = "KID", allow_hyphen_values = true)]
    kid: String,
}

#[derive(Args)]
pub struct Logins {
    #[command(flatten)]
    pull: Pull,
    /// Let people log in again
    #[arg(long)]
    allow: bool,
}

pub fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Status(arguments) => status(arguments),
        Command::Account(Account { pull: how, account }) => {
            pull(how, async |doors: &Doors| Ok(json!({"brake": "account", "account": id_of(doors, &account).await?})))
        }
        Command::Client(Client { pull: how, client }) => {
            pull(how, async |_: &Doors| Ok(json!({"brake": "client", "client": client})))
        }
        Command::Network(Network { pull: how, network }) => {
            pull(how, async |_: &Doors| Ok(json!({"brake": "network", "network": network})))
        }
        Command::Key(Key { pull: how, kid }) => pull(how, async |_: &Doors| Ok(json!({"brake": "key", "key": kid}))),
        Command::All(how) => pull(how, async |_: &Doors| Ok(json!({"brake": "all"}))),
        Command::Logins(Logins { pull: how, allow }) => {
            pull(how, async |_: &Doors| Ok(json!({"brake": "logins", "refuse": !allow})))
        }
    }
}

fn status(arguments: Status) -> Result<(), Failure> {
    let Status { reach, shape } = arguments;
    reach.run(Does::Look, async |doors: &Doors| show::one(&doors.get("/admin/brakes").await?, shape, &[]))
}

/// Says what a brake costs, asks, and pulls it.
fn pull(how: Pull, body: impl AsyncFnOnce(&Doors) -> Result<Value, Failure>) -> Result<(), Failure> {
    let Pull { reach, yes, shape } = how;
    reach.run(Does::Change, async |doors: &Doors| {
        let mut body = body(doors).await?;
        body["dry_run"] = json!(true);
        let asked = doors.post("/admin/brakes", &body).await?;
        tell(&cost(&body, &asked.json));
        if !yes && !says_yes()? {
            announce(&printed(&asked, shape))?;
            return Err(Failure::new("nothing was done: say --yes to pull it"));
        }
        body["dry_run"] = json!(false);
        announce(&printed(&doors.post("/admin/brakes", &body).await?, shape))
    })
}

fn printed(answer: &Answer, shape: Shape) -> String {
    if shape.json { format!("{}\n", answer.text) } else { show::lines(&answer.json, &["done"]) }
}

/// What it costs, in a sentence.
fn cost(body: &Value, asked: &Value) -> String {
    if body["brake"] == "logins" {
        let refuse = body["refuse"] == json!(true);
        return if refuse { "nobody can log in until it is lifted; sessions go on" } else { "people can log in again" }
            .to_owned();
    }
    let count = |name: &str| asked["cost"][name].as_u64().unwrap_or(0);
    let (sessions, accounts, threads) = (count("sessions"), count("accounts"), count("hash_threads"));
    let tokens = if body["brake"] == "all" || body["brake"] == "client" {
        ", and every token that a client got for itself"
    } else {
        ""
    };
    format!(
        "it ends {sessions} open sessions of {accounts} accounts{tokens}; as they log in again, {threads} passwords can be checked at a time"
    )
}

/// Asks whoever sits at a terminal.
fn says_yes() -> Result<bool, Failure> {
    if !io::stdin().is_terminal() {
        return Ok(false);
    }
    tell("type yes to pull it:");
    let mut line = String::new();
    io::stdin().read_line(&mut line).map_err(|error| Failure::new(format!("standard input: {error}")))?;
    Ok(line.trim() == "yes")
}

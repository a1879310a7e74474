//! `countersign demo`: a working server with a demo client and account, to be tried out with a shell.

mod attack;
mod script;

use super::diagnostics::{self, announce};
use super::server::{Options, serve};
use super::{Common, Failure};
use crate::app::World;
use crate::config::bootstrap::Bootstrap;
use crate::entropy::{SystemEntropy, token};
use attack::Attack;
use clap::Args;
use script::script;
use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The demo's client.
pub const CLIENT: &str = "demo-backend";
/// The demo's account.
pub const LOGIN: &str = "alice@example.com";

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// Keep the demo here, and go on with it next time [default: a temporary directory, removed at the end]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Address to listen on; port 0 picks one [default: 127.0.0.1:8080, with --attack 127.0.0.1:0]
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Let tokens and sessions end within seconds, to watch what an app does then
    #[arg(long)]
    short_lived: bool,
    /// Play a theft in three acts, check every claim of it, and end
    #[arg(long, value_name = "THEFT", conflicts_with_all = ["data_dir", "short_lived"])]
    attack: Option<Attack>,
}

const AFTER_HELP: &str = "\
Prints lines to paste into another shell (sh, bash or zsh, with curl): they log in, refresh, lose an answer and ask again,
replay a stolen token, and show what the journal tells of it. Ctrl-C ends the demo.

With --short-lived an access token is good for 3 seconds, a session ends 20 seconds after its last refresh and 60 seconds after
its login, and a lost refresh can be asked for again for 2 seconds. An app that is tried against it meets every end within a minute.

With --attack nothing is pasted: the demo plays a theft at a server of its own, first as FusionAuth's documents draw it, then under
Countersign's defaults, then after somebody acts. It prints who asks what and what comes of it, and the journal's events of each act.
A line is printed once the real answer is what the play expects, and what is said at the end of an act once the journal bears it out.

Examples:
  countersign demo
  countersign demo --short-lived
  countersign demo --attack stolen-refresh-token
  countersign demo --attack stolen-jwt
  countersign demo --attack stolen-session
  countersign demo --data-dir ./demo --listen 127.0.0.1:0

Exit codes: 0 stopped, or the theft was played and every claim held; 1 it could not start, or a claim did not hold, standard error
says which; 2 wrong command line or configuration; 70 and 74 as for serve.";

/// The demo's secrets, made at its first start.
pub struct Secrets {
    pub client_secret: String,
    pub password: String,
}

/// How long tokens and sessions of the demo's client live, in seconds.
pub struct Lifetimes {
    pub access: u32,
    pub idle: u32,
    pub absolute: u32,
    pub retry: u32,
}

/// Those of a client that sets none.
const USUAL: Lifetimes = Lifetimes { access: 300, idle: 14 * 86_400, absolute: 90 * 86_400, retry: 30 };
/// Those with which every end can be waited for.
const SHORT: Lifetimes = Lifetimes { access: 3, idle: 20, absolute: 60, retry: 2 };

/// Serves the demo until it is told to stop.
pub fn run(arguments: Arguments) -> Result<(), Failure> {
    if let Some(attack) = arguments.attack {
        return attack::run(attack, arguments.listen.unwrap_or_else(|| "127.0.0.1:0".to_owned()));
    }
    let (directory, temporary) = match arguments.data_dir {
        Some(directory) => (directory, None),
        None => {
            let root = temporary_directory()?;
            (root.join("data"), Some(Remove(root)))
        }
    };
    // The printed lines are for another shell, which is somewhere else.
    let directory = std::path::absolute(directory).map_err(Failure::new)?;
    let listen = arguments.listen.unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let common = Common { data_dir: Some(directory.clone()), listen: Some(listen), ..Common::default() };
    let mut config = common.load()?;
    // Who tries a demo comes alone, and need not be told how many files the machine allows.
    config.http.max_connections = config.http.max_connections.min(100);
    diagnostics::start(&config.log);
    let secrets = secrets(&directory, arguments.short_lived)?;
    let lifetimes = if arguments.short_lived { SHORT } else { USUAL };
    let file = bootstrap_file(&secrets, &lifetimes);
    let bootstrap = Bootstrap::parse(&file, PathBuf::from("."), &super::serve::environment).map_err(Failure::new)?;
    let program = std::env::current_exe().map_err(Failure::new)?;
    let outcome = serve(&config, bootstrap, Options::default(), World::real(), |url| {
        announce(&script(url, &secrets, &lifetimes, &program, &directory, temporary.is_some()))
    });
    drop(temporary);
    outcome
}

/// The secrets of this demo: kept beside its data directory, or the next start could not say them again. A third line there says
/// that its client is short-lived: a client keeps its lifetimes, whatever a later start says.
fn secrets(directory: &Path, short_lived: bool) -> Result<Secrets, Failure> {
    let path = secrets_file(directory);
    let failed = |error: std::io::Error| Failure::new(format!("{}: {error}", path.display()));
    if let Ok(text) = fs::read_to_string(&path) {
        let mut lines = text.lines().map(str::to_owned);
        return match (lines.next(), lines.next()) {
            (Some(_), Some(_)) if lines.next().is_some() != short_lived => Err(Failure::new(format!(
                "the demo in {} was made {} --short-lived, and goes on so: say the same, or choose another --data-dir",
                directory.display(),
                if short_lived { "without" } else { "with" }
            ))),
            (Some(client_secret), Some(password)) => Ok(Secrets { client_secret, password }),
            _ => Err(Failure::new(format!("{} is damaged: remove it and the data directory", path.display()))),
        };
    }
    if directory.join("journal").exists() {
        return Err(Failure::new(format!(
            "{} was made by no demo ({} is missing): choose another directory with --data-dir",
            directory.display(),
            path.display()
        )));
    }
    let secrets = Secrets { client_secret: token(&SystemEntropy), password: token(&SystemEntropy) };
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(failed)?;
    let last = if short_lived { "short-lived\n" } else { "" };
    write!(file, "{}\n{}\n{last}", secrets.client_secret, secrets.password).map_err(failed)?;
    Ok(secrets)
}

fn secrets_file(directory: &Path) -> PathBuf {
    // `components` drops a trailing slash, after which the name could not be continued.
    let mut path: OsString = directory.components().as_path().into();
    path.push(".demo-secrets");
    path.into()
}

fn bootstrap_file(secrets: &Secrets, lifetimes: &Lifetimes) -> String {
    let Secrets { client_secret, password } = secrets;
    let Lifetimes { access, idle, absolute, retry } = lifetimes;
    format!(
        r#"
[[clients]]
id = "{CLIENT}"
secret = "{client_secret}"
scopes = ["cart"]
access_ttl = "{access}s"
refresh_idle_ttl = "{idle}s"
refresh_absolute_ttl = "{absolute}s"
retry_window = "{retry}s"

[[accounts]]
login = "{LOGIN}"
password = "{password}"
roles = ["shopper"]
clients = ["{CLIENT}"]
"#
    )
}

fn temporary_directory() -> Result<PathBuf, Failure> {
    let name = format!("countersign-demo-{}", &token(&SystemEntropy)[..8]);
    let path = std::env::temp_dir().join(name);
    fs::DirBuilder::new()
        .mode(0o700)
        .create(&path)
        .map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
    Ok(path)
}

/// Removes a directory of the demo's own at the end.
struct Remove(PathBuf);

impl Drop for Remove {
    fn drop(&mut self) {
        // What cannot be removed from the temporary directory is removed with it some day.
        let _ = fs::remove_dir_all(&self.0);
    }
}

//! `countersign account export`: all accounts as JSON lines, in the shape that an import takes.

use crate::actors::Administration;
use crate::cli::Failure;
use crate::cli::diagnostics::{announce, print};
use crate::cli::reach::{Does, Doors, Reach};
use crate::cli::show::Pages;
use crate::domain::ids::AccountId;
use clap::Args;
use serde_json::{Map, Value};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

#[derive(Args)]
pub struct Export {
    #[command(flatten)]
    reach: Reach,
    /// File to be made, for this user alone; it must not exist [default: standard output]
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// Also the hashes of passwords; only from a stopped server's data directory
    #[arg(long, conflicts_with = "server")]
    with_password_hashes: bool,
}

pub fn run(arguments: Export) -> Result<(), Failure> {
    let Export { reach, to, with_password_hashes } = arguments;
    let mut out = Out::new(to.as_deref())?;
    let written = reach.run(Does::Look, async |doors: &Doors| write(doors, with_password_hashes, &mut out).await);
    match (written, out.file) {
        (Ok(accounts), Some((file, path))) => {
            let failed = |error: std::io::Error| Failure::new(format!("{}: {error}", path.display()));
            file.sync_all().map_err(failed)?;
            announce(&format!("wrote {accounts} accounts to {}\n", path.display()))
        }
        (Err(failure), Some((_, path))) => {
            // Half a list would be taken for all of it.
            let _ = fs::remove_file(path);
            Err(failure)
        }
        (written, None) => written.map(|_| ()),
    }
}

/// Where the lines go.
struct Out {
    file: Option<(File, PathBuf)>,
}

impl Out {
    fn new(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path else { return Ok(Self { file: None }) };
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let file = made.map_err(|error| {
            let hint = if error.kind() == std::io::ErrorKind::AlreadyExists { ": it is never overwritten" } else { "" };
            Failure::new(format!("{}: {error}{hint}", path.display()))
        })?;
        Ok(Self { file: Some((file, path.to_owned())) })
    }

    fn write(&mut self, text: &str) -> Result<(), Failure> {
        match &mut self.file {
            None => print(text),
            Some((file, path)) => {
                file.write_all(text.as_bytes()).map_err(|error| Failure::new(format!("{}: {error}", path.display())))
            }
        }
    }
}

/// Writes a page at a time, and says how many accounts there were.
async fn write(doors: &Doors, hashes: bool, out: &mut Out) -> Result<u64, Failure> {
    let (mut pages, mut accounts) = (Pages::new("/admin/accounts", &[]), 0);
    while let Some(page) = pages.next(doors, usize::MAX).await? {
        let mut text = String::new();
        for account in page {
            let hash = match doors {
                Doors::Here(here) if hashes => hash_of(&here.services.administration, &account)?,
                Doors::Here(_) | Doors::Server(_) => None,
            };
            let Some(line) = line(account, hash) else { continue };
            text += &line.to_string();
            text.push('\n');
            accounts += 1;
        }
        out.write(&text)?;
    }
    Ok(accounts)
}

fn hash_of(administration: &Administration, account: &Value) -> Result<Option<Value>, Failure> {
    let Some(id) = account["id"].as_str().and_then(|id| id.parse::<AccountId>().ok()) else { return Ok(None) };
    let hash = administration.password_hash(id).map_err(|error| Failure::new(format!("account {id}: {error}")))?;
    Ok(hash.map(|hash| Value::from(hash.as_str())))
}

/// The line of an account; none of one that was erased.
fn line(mut account: Value, hash: Option<Value>) -> Option<Value> {
    account["login"].as_str()?;
    let mut line = Map::new();
    line.insert("enabled".to_owned(), Value::from(account["standing"] == "enabled"));
    for field in ["id", "login", "roles"] {
        line.insert(field.to_owned(), account[field].take());
    }
    // Left out: at all clients.
    if !account["clients"].is_null() {
        line.insert("clients".to_owned(), account["clients"].take());
    }
    for field in ["username", "profile", "roles_at"] {
        let value = account[field].take();
        if !value.is_null() && value != Value::Object(Map::new()) {
            line.insert(field.to_owned(), value);
        }
    }
    line.insert("must_change".to_owned(), account["password"]["must_change"].take());
    hash.map(|hash| line.insert("password_hash".to_owned(), hash));
    Some(Value::Object(line))
}

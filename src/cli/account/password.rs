//! `countersign account set-password` and `password-code`, and how a password comes to this program.

use super::{FIRST, Which, id_of};
use crate::cli::Failure;
use crate::cli::reach::{Does, Doors, Reach};
use crate::cli::secret::secret_of;
use crate::cli::show::{self, Shape};
use crate::entropy::{SystemEntropy, token};
use clap::Args;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// Where a password comes from. Never from an argument.
#[derive(Args)]
pub struct Given {
    #[command(flatten)]
    source: Source,
    /// The password only serves to set another
    #[arg(long)]
    must_change: bool,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Source {
    /// File of the password; - reads standard input
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// File of the hash of its password from another system; - reads standard input
    #[arg(long, value_name = "FILE")]
    password_hash_file: Option<PathBuf>,
    /// Make a password, and print it once
    #[arg(long)]
    make_password: bool,
}

impl Given {
    /// The fields of a body; and the password, where it was made.
    pub fn read(self) -> Result<(Map<String, Value>, Option<String>), Failure> {
        let Self { source, must_change } = self;
        let mut fields = Map::new();
        let mut made = None;
        let mut set = |name: &str, value: &str| fields.insert(name.to_owned(), json!(value));
        if let Some(path) = source.password_file {
            set("password", secret_of(&path, "the password")?.expose());
        } else if let Some(path) = source.password_hash_file {
            set("password_hash", secret_of(&path, "the hash of the password")?.expose());
        } else {
            set("password", made.insert(token(&SystemEntropy)));
        }
        if must_change {
            fields.insert("must_change".to_owned(), json!(true));
        }
        Ok((fields, made))
    }
}

#[derive(Args)]
pub struct SetPassword {
    #[command(flatten)]
    reach: Reach,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    given: Given,
    #[command(flatten)]
    shape: Shape,
}

#[derive(Args)]
pub struct PasswordCode {
    #[command(flatten)]
    reach: Reach,
    #[command(flatten)]
    which: Which,
    /// How long the code may be shown, such as 30m; 7d at most [default: 1h]
    #[arg(long, value_name = "DURATION")]
    ttl: Option<String>,
    #[command(flatten)]
    shape: Shape,
}

pub fn set(arguments: SetPassword) -> Result<(), Failure> {
    let SetPassword { reach, which, given, shape } = arguments;
    let (body, made) = given.read()?;
    reach.run(Does::Change, async |doors: &Doors| {
        let id = id_of(doors, &which.account).await?;
        let set = doors.post(&format!("/admin/accounts/{id}/password"), &Value::Object(body)).await;
        let set = set.map_err(|failure| failure.about(&format!("account {id}")))?;
        show::one(&set.with("made_password", made.as_deref()), shape, FIRST)
    })
}

pub fn code(arguments: PasswordCode) -> Result<(), Failure> {
    let PasswordCode { reach, which, ttl, shape } = arguments;
    let body = ttl.map_or_else(|| json!({}), |ttl| json!({ "ttl": ttl }));
    reach.run(Does::Change, async |doors: &Doors| {
        let id = id_of(doors, &which.account).await?;
        let code = doors.post(&format!("/admin/accounts/{id}/password-code"), &body).await;
        show::one(&code.map_err(|failure| failure.about(&format!("account {id}")))?, shape, &["code", "expires_at"])
    })
}

//! What must hold of the golden directory, as it is written beside it, and files.

use serde::{Deserialize, Serialize};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// `expected.json`
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// The instant at which all of it holds.
    pub now: String,
    /// The last position of `whole`.
    pub head: u64,
    /// The Merkle root there.
    pub root: String,
    pub logins: Vec<Login>,
    pub refresh_tokens: Vec<Token>,
    pub access_tokens: Vec<Access>,
}

/// A login, and the code of its answer.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    pub client: String,
    pub login: String,
    pub password: String,
    pub answer: String,
}

/// A refresh token, and the code of the answer when it is shown for a refresh. They are asked in this order.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    pub what: String,
    pub client: String,
    pub token: String,
    pub generation: u64,
    pub answer: String,
    /// What is recorded of an archived session when it is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub past: Option<Past>,
}

/// How an archived session ended, and when the presented generation was redeemed.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub struct Past {
    pub ended: String,
    pub ended_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redeemed_at: Option<String>,
}

/// An access token, and whether it is believed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Access {
    pub what: String,
    pub token: String,
    pub active: bool,
}

pub fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// A file of the golden directory.
pub fn of_format_1(name: &str) -> PathBuf {
    golden("data-format-1").join(name)
}

pub fn expected() -> Expected {
    serde_json::from_slice(&fs::read(of_format_1("expected.json")).unwrap()).unwrap()
}

/// Whether missing golden files are to be made.
pub fn is_asked_to_update() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1")
}

/// A copy of a data directory and of the master key beside it, with the modes that the server wants.
pub fn copy(from: &Path, to: &Path) {
    copy_dir(from, to);
    for empty in ["journal", "keys", "store"] {
        make_dir(&to.join(empty));
    }
    copy_file(&from.with_extension("master.key"), &to.with_extension("master.key"));
}

fn copy_dir(from: &Path, to: &Path) {
    make_dir(to);
    for file in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(file.file_name());
        if file.file_type().unwrap().is_dir() { copy_dir(&file.path(), &to) } else { copy_file(&file.path(), &to) }
    }
}

fn make_dir(path: &Path) {
    fs::create_dir_all(path).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o700)).unwrap();
}

fn copy_file(from: &Path, to: &Path) {
    fs::copy(from, to).unwrap();
    fs::set_permissions(to, Permissions::from_mode(0o600)).unwrap();
}

//! The files of `ops` with which a server is put on a machine, used as they stand.

mod image;
mod install;
mod peers;
mod systemd;
mod unit;

use crate::support::left_out;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Somebody who logs in, and where.
const BOOTSTRAP: &str = r#"
[[clients]]
id = "store"
secret = "store-secret"

[[accounts]]
login = "alice@example.com"
password = "correct horse battery staple"
"#;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of `ops`.
fn ops(path: &str) -> PathBuf {
    repository().join("ops").join(path)
}

/// Whether this is root, whom namespaces with mounts of their own want. Root has them, or the trial fails.
fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        left_out::<()>("no root directory of its own could be mounted: run this as root");
    }
    root
}

/// Runs a program to its end and gives what it printed; `Err` with all it said where it failed.
fn said(command: &mut Command) -> Result<String, String> {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
    if output.status.success() { Ok(out) } else { Err(format!("{command:?}: {}: {out}{err}", output.status)) }
}

/// Asks a server as its client would. Whose certificate it shows is of no matter here.
fn post(url: &str, path: &str, fields: &[(&str, &str)]) -> Value {
    let mut curl = Command::new("curl");
    curl.args(["-sSk", "--max-time", "60", "-u", "store:store-secret"]).arg(format!("{url}{path}"));
    for (name, value) in fields {
        curl.arg("--data-urlencode").arg(format!("{name}={value}"));
    }
    let text = said(&mut curl).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("{url}{path} answered {text:?}"))
}

fn get(url: &str, path: &str) -> String {
    said(Command::new("curl").args(["-sSk", "--max-time", "60"]).arg(format!("{url}{path}"))).unwrap()
}

/// Logs alice in, and gives her access token and her refresh token.
fn login(url: &str) -> (String, String) {
    let password = "correct horse battery staple";
    let form = [("grant_type", "password"), ("username", "alice@example.com"), ("password", password)];
    tokens(&post(url, "/oauth2/token", &form))
}

fn refresh(url: &str, token: &str) -> (String, String) {
    tokens(&post(url, "/oauth2/token", &[("grant_type", "refresh_token"), ("refresh_token", token)]))
}

fn tokens(answer: &Value) -> (String, String) {
    let [access, refresh] = ["access_token", "refresh_token"].map(|name| match answer[name].as_str() {
        Some(token) => token.to_owned(),
        None => panic!("no {name} in {answer}"),
    });
    (access, refresh)
}

fn is_active(url: &str, token: &str) -> bool {
    post(url, "/oauth2/introspect", &[("token", token)])["active"].as_bool().unwrap()
}

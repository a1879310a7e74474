//! The scripts that measure peers, as far as they can be tried without fetching those: they are read, and say what is missing.

use super::{repository, said};
use crate::support::is_installed;
use serde_json::Value;
use std::fs;
use std::process::Command;

#[test]
fn a_run_without_the_peers_installs_nothing_and_says_what_to_do() {
    let elsewhere = tempfile::tempdir().unwrap();
    fs::create_dir(elsewhere.path().join("load")).unwrap();
    said(Command::new("cp").arg("-r").arg(repository().join("load/peers")).arg(elsewhere.path().join("load"))).unwrap();
    let ran = Command::new(elsewhere.path().join("load/peers/run")).output().unwrap();
    let told = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(ran.status.code(), Some(2), "{told}");
    assert!(told.contains("run load/peers/install") || told.contains("apt-get install"), "{told}");
    let left: Vec<_> = fs::read_dir(elsewhere.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["load"], "nothing was made there");
}

#[test]
fn the_programs_beside_the_peers_are_programs() {
    let peers = repository().join("load/peers");
    for script in ["install", "run"] {
        said(Command::new("bash").arg("-n").arg(peers.join(script))).unwrap();
    }
    if !is_installed("node", "nodejs") {
        return;
    }
    for program in ["table.mjs", "glewlwyd-plugin.mjs", "oidc-provider/server.mjs"] {
        said(Command::new("node").arg("--check").arg(peers.join(program))).unwrap();
    }
    let plugin = said(Command::new("node").arg(peers.join("glewlwyd-plugin.mjs")).arg("http://127.0.0.1:1")).unwrap();
    let plugin: Value = serde_json::from_str(&plugin).unwrap();
    assert_eq!((&plugin["module"], &plugin["parameters"]["iss"]), (&"oidc".into(), &"http://127.0.0.1:1".into()));
    assert_eq!(plugin["parameters"]["refresh-token-one-use"], "always");
}

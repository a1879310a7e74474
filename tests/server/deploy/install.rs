//! The script that puts a server in place, on a root directory that is empty but for what it makes itself.

use super::{is_root, ops, said};
use crate::support::is_installed;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

fn install(root: &Path) -> Result<String, String> {
    said(Command::new(ops("systemd/install")).arg(env!("CARGO_BIN_EXE_countersign")).arg(root))
}

#[test]
fn an_installation_again_leaves_settings_and_key_alone_and_data_without_its_key_is_refused() {
    if !is_root() || !is_installed("systemd-sysusers", "systemd") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    fs::create_dir(root.join("etc")).unwrap();
    let told = install(root).unwrap();
    assert!(told.contains("keep a copy apart from the back-ups") && told.contains("set issuer in"), "{told}");
    let etc = |name: &str| root.join("etc/countersign").join(name);
    let key = fs::read_to_string(etc("master.key")).unwrap();
    let seen = fs::metadata(etc("master.key")).unwrap();
    assert_eq!((seen.uid(), seen.mode() & 0o7777), (0, 0o600));
    let owner = fs::metadata(etc("countersign.toml")).unwrap();
    assert_eq!((owner.uid(), owner.mode() & 0o7777), (0, 0o640));
    assert_ne!(owner.gid(), 0, "the server's group may read it");

    fs::write(etc("countersign.toml"), "issuer = \"https://auth.example.org\"\n").unwrap();
    let told = install(root).unwrap();
    assert_eq!(told, "next: systemctl restart countersign\n");
    assert_eq!(fs::read_to_string(etc("master.key")).unwrap(), key);
    assert!(fs::read_to_string(etc("countersign.toml")).unwrap().contains("example.org"));

    fs::create_dir_all(root.join("var/lib/countersign/data/keys")).unwrap();
    fs::remove_file(etc("master.key")).unwrap();
    let refused = install(root).unwrap_err();
    assert!(refused.contains("put it back"), "{refused}");
    assert!(!etc("master.key").exists(), "no other key is made for data that it would not open");
}

//! Starts that must not succeed: each ends with one clear sentence, and touches nothing.

use crate::support::{BOOTSTRAP, Plan};
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A start that is expected to fail.
struct Start {
    root: TempDir,
    arguments: Vec<String>,
    env: Vec<(&'static str, String)>,
}

impl Start {
    fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap(), arguments: Vec::new(), env: Vec::new() }
    }

    fn path(&self, name: &str) -> String {
        self.root.path().join(name).to_str().unwrap().to_owned()
    }

    fn flag(mut self, name: &str, value: &str) -> Self {
        self.arguments.extend([name.to_owned(), value.to_owned()]);
        self
    }

    fn env(mut self, name: &'static str, value: &str) -> Self {
        self.env.push((name, value.to_owned()));
        self
    }

    fn file(&self, name: &str, text: &str, mode: u32) -> String {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    /// Runs it on a data directory, and gives the exit code and the last line of standard error, where it says why.
    fn run_on(&self, data: &str) -> (Option<i32>, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.args(["serve", "--data-dir", data]).args(&self.arguments).stdin(Stdio::null());
        if !self.arguments.iter().any(|argument| argument == "--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        let output = command.envs(self.env.iter().cloned()).output().unwrap();
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            "",
            "nothing but the listening line goes to standard output"
        );
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(!stderr.contains("panicked"), "{stderr}");
        (output.status.code(), stderr.lines().last().unwrap_or_default().to_owned())
    }

    fn run(&self) -> (Option<i32>, String) {
        self.run_on(&self.path("data"))
    }
}

/// The sentence holds all these words, and the exit code is this one.
fn says(outcome: (Option<i32>, String), code: i32, words: &[&str]) {
    let (exit, sentence) = outcome;
    assert_eq!(exit, Some(code), "{sentence}");
    for word in words {
        assert!(sentence.contains(word), "{word:?} in {sentence:?}");
    }
}

#[test]
fn a_data_directory_that_cannot_be_used_is_refused() {
    let start = Start::new();
    let file = start.file("file", "somebody's", 0o600);
    says(start.run_on(&file), 1, &["file"]);
    says(start.run_on(&format!("{file}/data")), 1, &["file/data"]);
    says(start.run_on("/proc/countersign-data"), 1, &["/proc/countersign-data"]);
    let used = start.path("used");
    fs::create_dir(&used).unwrap();
    fs::write(Path::new(&used).join("thesis.txt"), "mine").unwrap();
    says(start.run_on(&used), 1, &["already used", "thesis.txt"]);
    assert_eq!(fs::read_dir(&used).unwrap().count(), 1, "nothing was put into it");
    assert_eq!(fs::read_to_string(file).unwrap(), "somebody's");
}

#[test]
fn a_second_server_on_the_same_directory_is_refused_and_the_first_lives() {
    let mut server = Plan::new(BOOTSTRAP).start();
    let data = server.data_dir().to_str().unwrap().to_owned();
    says(Start::new().run_on(&data), 1, &["in use", &data]);
    assert_eq!(server.login().status, 200);
    server.kill();
    assert_eq!(server.again().login().status, 200, "a dead server leaves no lock behind");
}

#[test]
fn a_wrong_configuration_is_refused_by_name() {
    let start = Start::new();
    let unknown = start.file("unknown.toml", "[http]\nlistne = \"127.0.0.1:0\"\n", 0o600);
    says(start.flag("--config", &unknown).run(), 2, &["http.listne"]);
    says(Start::new().env("COUNTERSIGN__HASH__QUEUE", "many").run(), 2, &["hash.queue", "many"]);
    says(Start::new().env("COUNTERSIGN__HSAH__QUEUE", "1").run(), 2, &["COUNTERSIGN__HSAH__QUEUE"]);
    says(Start::new().flag("--config", "/nonexistent.toml").run(), 2, &["/nonexistent.toml"]);
    says(Start::new().flag("--bootstrap", "/nonexistent.toml").run(), 2, &["/nonexistent.toml"]);
    let start = Start::new();
    let open = start.file("bootstrap.toml", BOOTSTRAP, 0o644);
    says(start.flag("--bootstrap", &open).run(), 2, &["bootstrap.toml", "chmod 600"]);
}

#[test]
fn a_master_key_that_is_open_wrong_or_gone_is_refused() {
    let mut server = Plan::new(BOOTSTRAP).start();
    let data = server.data_dir().to_str().unwrap().to_owned();
    let key = format!("{data}.master.key");
    assert_eq!(server.terminate(), Some(0));
    let right = fs::read_to_string(&key).unwrap();

    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    says(Start::new().run_on(&data), 1, &["master.key", "chmod 600"]);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();

    fs::rename(&key, format!("{key}.away")).unwrap();
    says(Start::new().run_on(&data), 1, &["master.key", "missing", "--master-key"]);
    let (keys, kept) = (format!("{data}/keys/keys"), format!("{data}.keys"));
    fs::rename(&keys, &kept).unwrap();
    says(Start::new().run_on(&data), 1, &["master.key", "missing", "--master-key"]);
    assert!(!Path::new(&key).exists(), "another key would hide which one is missing");
    fs::rename(&kept, &keys).unwrap();
    assert!(!Path::new(&key).exists(), "no other key was made in its place");
    fs::rename(format!("{key}.away"), &key).unwrap();

    let other = Start::new();
    let first = right.chars().next().unwrap();
    let wrong = right.replacen(first, if first == 'A' { "B" } else { "A" }, 1);
    says(other.run_on_with(&data, "COUNTERSIGN_MASTER_KEY", "short"), 1, &["COUNTERSIGN_MASTER_KEY"]);
    let outcome = other.run_on_with(&data, "COUNTERSIGN_MASTER_KEY", wrong.trim());
    says(outcome, 1, &["master key"]);

    let server = server.again();
    assert_eq!(server.login().status, 200, "with the right key everything is there");
}

impl Start {
    fn run_on_with(&self, data: &str, name: &'static str, value: &str) -> (Option<i32>, String) {
        let start = Self::new().env(name, value);
        start.run_on(data)
    }
}

#[test]
fn an_address_that_cannot_be_listened_on_is_refused() {
    says(Start::new().flag("--listen", "0.0.0.0:0").run(), 2, &["http.behind_proxy", "0.0.0.0:0"]);
    says(Start::new().flag("--listen", "nonsense").run(), 2, &["--listen"]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let start = Start::new().flag("--listen", &address);
    says(start.run(), 1, &["cannot listen", &address, "http.listen"]);
    assert!(!Path::new(&start.path("data")).exists(), "nothing was made before");
}

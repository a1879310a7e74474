//! Commands of the real binary: what they print, and how they end.

use serde_json::Value;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a command came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// What it printed, where it was done.
    pub fn done(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout
    }

    /// The same as JSON.
    pub fn json(self) -> Value {
        let text = self.done();
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON: {text}"))
    }

    /// It ended with a code, and standard error says all of that.
    pub fn failed(self, code: i32, words: &[&str]) -> String {
        assert_eq!(self.code, Some(code), "{self:?}");
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} is missing: {self:?}");
        }
        self.stderr
    }
}

/// Runs a command with an input.
pub fn fed(arguments: &[&str], env: &[(&str, &str)], input: &[u8]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.args(arguments).env_remove("COUNTERSIGN_API_KEY").envs(env.iter().copied());
    // Passwords that cost next to nothing, as those of the servers of trials.
    command.env("COUNTERSIGN__HASH__MEMORY_KIB", "64").env("COUNTERSIGN__HASH__ITERATIONS", "1");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_vec());
    // A command that reads nothing may have ended.
    let feeding = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    feeding.join().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Runs a command.
pub fn run(arguments: &[&str]) -> Ran {
    fed(arguments, &[], b"")
}

/// A file of the trial's own, for this user alone.
pub fn private(directory: &Path, name: &str, text: &str) -> PathBuf {
    let path = directory.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

/// Where commands go: a running server, or a stopped one's data directory.
pub struct Way {
    arguments: Vec<String>,
}

impl Way {
    /// A running server, by an API key in a file.
    pub fn server(url: &str, key: &Path) -> Self {
        Self { arguments: ["--server", url, "--api-key-file", key.to_str().unwrap()].map(str::to_owned).to_vec() }
    }

    /// A data directory.
    pub fn data(data: &Path) -> Self {
        Self { arguments: ["--data-dir", data.to_str().unwrap()].map(str::to_owned).to_vec() }
    }

    /// Runs `countersign COMMAND` there.
    pub fn run(&self, command: &[&str]) -> Ran {
        self.fed(command, "")
    }

    /// The same with an input.
    pub fn fed(&self, command: &[&str], input: &str) -> Ran {
        let way = self.arguments.iter().map(String::as_str);
        // Before what may follow a `--`.
        let (group, rest) = command.split_at(2);
        let all: Vec<&str> = group.iter().copied().chain(way).chain(rest.iter().copied()).collect();
        fed(&all, &[], input.as_bytes())
    }
}

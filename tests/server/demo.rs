//! The demo's printed lines, pasted into a new shell as a new user would.

use crate::support::{events_in, signal, wait_for_end, wait_until};
use chrono::DateTime;
use rustix::process::Signal;
use serde_json::Value;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

/// A running demo, and what it printed. It is killed when dropped.
struct Demo {
    child: Child,
    text: String,
    // Closed only with the demo.
    _stdout: BufReader<ChildStdout>,
}

impl Demo {
    /// Starts it with the machine's temporary files in a directory of the test's own.
    fn start(temporary: &Path, flags: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.args(["demo", "--listen", "127.0.0.1:0"]).args(flags).env("TMPDIR", temporary);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut text = String::new();
        // The last line shows the journal.
        while !text.ends_with("--type session\n") {
            assert!(stdout.read_line(&mut text).unwrap() > 0, "the demo printed only: {text}");
        }
        Self { child, text, _stdout: stdout }
    }

    /// The lines to paste.
    fn lines(&self) -> &str {
        &self.text[self.text.find("# 1.").unwrap()..]
    }

    /// A word behind another in what was printed: a secret, or the data directory.
    fn printed(&self, name: &str) -> &str {
        let after = self.text.split_whitespace().skip_while(|word| *word != name);
        after.take(2).last().unwrap()
    }

    /// Ends it as Ctrl-C and service managers do, and gives its exit code and what it wrote to standard error.
    fn stop(mut self) -> (Option<i32>, String) {
        signal(self.child.id(), Signal::TERM);
        let code = wait_for_end(&mut self.child);
        let mut stderr = String::new();
        std::io::Read::read_to_string(&mut self.child.stderr.take().unwrap(), &mut stderr).unwrap();
        (code, stderr)
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a shell prints for lines that are typed into it. It reads them as it goes, so a command that eats its input is
/// found out.
fn paste(shell: &[&str], lines: &str) -> String {
    let mut command = Command::new(shell[0]);
    command.args(&shell[1..]).env("HOME", "/nonexistent").env_remove("ENV").env_remove("BASH_ENV");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!((stderr.as_str(), output.status.code()), ("", Some(0)), "{shell:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Checks what the lines print, in order.
fn tells_the_story(output: &str) {
    let mut lines = output.lines();
    let mut json = || -> Value {
        let line = lines.next().unwrap_or_else(|| panic!("too few lines: {output}"));
        serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))
    };
    let text =
        |value: &Value, name: &str| value[name].as_str().unwrap_or_else(|| panic!("no {name}: {value}")).to_owned();
    let login = json();
    assert_eq!(login["scope"], "cart email openid");
    let claims = json();
    assert_eq!((&claims["email"], &claims["client_id"]), (&"alice@example.com".into(), &"demo-backend".into()));
    assert_eq!(claims["roles"], serde_json::json!(["shopper"]));
    let refreshed = json();
    assert_ne!(text(&refreshed, "refresh_token"), text(&login, "refresh_token"));
    assert_eq!(lines.next(), Some("the same token 1"));
    let mut json = || -> Value { serde_json::from_str(lines.next().unwrap()).unwrap() };
    let active = json();
    assert_eq!((&active["active"], &active["sid"]), (&true.into(), &claims["sid"]));
    assert_eq!(json()["error"], "invalid_grant", "the thief");
    assert_eq!(json().to_string(), r#"{"active":false}"#);
    assert_eq!(json()["error"], "invalid_grant", "the owner");
    let events: Vec<&str> = lines.map(|line| line.split_whitespace().nth(2).unwrap()).collect();
    let expected = [
        "account.created",
        "account.login_succeeded",
        "session.started",
        "session.refreshed",
        "session.refresh_retried",
        "session.reuse_detected",
        "session.revoked",
        "session.refresh_refused",
    ];
    let mut told = events.clone();
    told.dedup();
    let told: Vec<&str> = told.into_iter().filter(|event| expected.contains(event)).collect();
    assert_eq!(told, expected, "{output}");
}

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn the_printed_lines_tell_the_story_in_sh_and_in_bash_and_nothing_is_left_behind() {
    for shell in [&["sh"][..], &["bash", "--norc"]] {
        let temporary = directory();
        let demo = Demo::start(temporary.path(), &[]);
        assert!(demo.text.contains("removed when the demo stops"), "{}", demo.text);
        assert_eq!(entries(temporary.path()).len(), 1);
        tells_the_story(&paste(shell, demo.lines()));
        assert_eq!(demo.stop(), (Some(0), String::new()));
        assert_eq!(entries(temporary.path()), Vec::<PathBuf>::new(), "the temporary directory is removed");
    }
}

#[test]
fn the_printed_lines_can_be_pasted_into_an_interactive_shell() {
    let temporary = directory();
    let demo = Demo::start(temporary.path(), &[]);
    let mut command = Command::new("bash");
    command.args(["--norc", "--noprofile", "-i"]).env("PS1", "").env("PS2", "").env("HISTFILE", "/dev/null");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(demo.lines().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    tells_the_story(&String::from_utf8(output.stdout).unwrap());
}

#[test]
fn what_is_printed_fits_a_screen_and_is_safe_to_paste_into_zsh() {
    let temporary = directory();
    let demo = Demo::start(temporary.path(), &[]);
    for line in demo.text.lines().filter(|line| !line.contains("audit tail")) {
        assert!(line.len() <= 100, "{} bytes: {line}", line.len());
    }
    for comment in demo.text.lines().filter(|line| line.starts_with('#')) {
        assert!(!comment.contains(['\'', '"', '`', '?', '*', '(', ')', '[', '!', '&', ';', '|', '<']), "{comment}");
    }
}

#[test]
fn a_demo_that_is_kept_goes_on_with_the_same_secrets() {
    let root = directory();
    let place = root.path().join("my demo.d");
    let flags = ["--data-dir", place.to_str().unwrap()];
    let first = Demo::start(root.path(), &flags);
    assert!(first.text.contains("kept for the next demo"), "{}", first.text);
    let secrets = |demo: &Demo| (demo.printed("secret").to_owned(), demo.printed("password").to_owned());
    let before = secrets(&first);
    tells_the_story(&paste(&["sh"], first.lines()));
    assert_eq!(first.stop(), (Some(0), String::new()));

    let second = Demo::start(root.path(), &flags);
    assert_eq!(secrets(&second), before);
    let output = paste(&["sh"], second.lines());
    let login: Value = serde_json::from_str(output.lines().next().unwrap()).unwrap();
    assert!(login["access_token"].is_string(), "{output}");
    assert_eq!(output.matches("account.created").count(), 1, "nothing is made a second time: {output}");
    assert_eq!(output.matches("session.reuse_detected").count(), 2, "{output}");
}

#[test]
fn a_short_lived_demo_says_how_long_things_live_and_keeps_to_it() {
    let root = directory();
    let place = root.path().join("brief");
    let flags = ["--data-dir", place.to_str().unwrap(), "--short-lived"];
    let demo = Demo::start(root.path(), &flags);
    let lives = "lives     access token 3 s, session 20 s unused and 1 min at most, retry 2 s\n";
    assert!(demo.text.contains(lives) && demo.text.contains("This works for 2 seconds,"), "{}", demo.text);
    let login = demo.lines().split("# 2.").next().unwrap();
    let output = paste(&["sh"], login);
    let answer: Value = serde_json::from_str(output.lines().next().unwrap()).unwrap();
    assert!((1..=3).contains(&answer["expires_in"].as_i64().unwrap()), "{answer}");
    let ask = format!("ACCESS={}; owner \"$U/oauth2/introspect\" -d token=\"$ACCESS\"\n", answer["access_token"]);
    let functions = login.split("R=$(owner").next().unwrap();
    wait_until("the end of the access token", || {
        paste(&["sh"], &format!("{functions}{ask}")) == "{\"active\":false}\n"
    });
    let events = events_in(&place);
    let started = events.iter().find(|event| event["type"] == "session.started").unwrap();
    let instant = |value: &Value| DateTime::parse_from_rfc3339(value.as_str().unwrap()).unwrap();
    let lives = ["access_expires_at", "idle_ends_at", "absolute_ends_at"];
    let seconds = lives.map(|end| (instant(&started["data"][end]) - instant(&started["at"])).num_seconds());
    assert_eq!(seconds, [3, 20, 60], "{started}");
}

#[test]
fn a_demo_that_is_kept_keeps_its_lifetimes() {
    let root = directory();
    let place = root.path().join("kept");
    let kept = ["--data-dir", place.to_str().unwrap()];
    assert_eq!(Demo::start(root.path(), &kept).stop(), (Some(0), String::new()));
    let output = Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args(["demo", "--listen", "127.0.0.1:0", "--short-lived"])
        .args(kept)
        .output()
        .unwrap();
    let expected = format!(
        "countersign: the demo in {} was made without --short-lived, and goes on so: say the same, or choose another \
         --data-dir\n",
        place.display()
    );
    assert_eq!((String::from_utf8(output.stderr).unwrap(), output.status.code()), (expected, Some(1)));
}

#[test]
fn a_directory_that_no_demo_made_is_left_alone() {
    let root = directory();
    let place = root.path().join("data");
    std::fs::create_dir_all(place.join("journal")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args(["demo", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(&place)
        .output()
        .unwrap();
    let expected = format!(
        "countersign: {0} was made by no demo ({0}.demo-secrets is missing): choose another directory with --data-dir\n",
        place.display()
    );
    assert_eq!((String::from_utf8(output.stderr).unwrap(), output.status.code()), (expected, Some(1)));
    assert_eq!(entries(root.path()), [place]);
}

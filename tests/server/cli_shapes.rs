//! What commands print, for people and for programs; that every command teaches; completions and the manual.

use crate::support::{ADMIN, ALICE, API_KEYS, BOOTSTRAP, Plan, Way, is_installed, private, run};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

/// The words of every command, from the pages of the manual.
fn commands() -> Vec<Vec<String>> {
    let pages = tempfile::tempdir().unwrap();
    let said = run(&["man", "--to", pages.path().to_str().unwrap()]).done();
    let mut all = Vec::new();
    for page in fs::read_dir(pages.path()).unwrap() {
        let text = fs::read_to_string(page.unwrap().path()).unwrap();
        assert!(text.contains(".TH ") && text.contains(".SH NAME") && text.contains("Exit codes"), "{text}");
        let synopsis = text.split(".SH SYNOPSIS\n").nth(1).unwrap().lines().next().unwrap().replace("\\-", "-");
        let words = synopsis.strip_prefix("\\fB").unwrap().split("\\fR").next().unwrap();
        all.push(words.split(' ').skip(1).map(str::to_owned).collect());
    }
    assert!(said.starts_with(&format!("wrote {} pages", all.len())), "{said}");
    assert!(all.len() > 60, "{all:?}");
    all
}

#[test]
fn every_command_has_a_page_and_a_help_that_teaches() {
    let manual = run(&["man"]).done();
    for words in commands() {
        let arguments: Vec<&str> = words.iter().map(String::as_str).chain(["--help"]).collect();
        let help = run(&arguments).done();
        assert!(help.contains("Exit codes:"), "{words:?}");
        let long = help.lines().find(|line| line.chars().count() > 140);
        assert_eq!(long, None, "{words:?}");
        if words.len() == 2 {
            let examples = help.split("Example").nth(1).unwrap_or_else(|| panic!("{words:?}: no example"));
            // One text teaches what is done to an API key.
            let shown = format!("countersign {}", words.join(" "));
            assert!(examples.contains(&shown) || words[0] == "api-key", "{words:?}: {examples}");
            assert!(manual.contains(&words[1].replace('-', "\\-")), "{words:?}");
        }
    }
}

#[test]
fn completions_know_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let text = run(&["completions", shell]).done();
        for word in ["password-code", "new-secret", "api-key", "--api-key-file", "brake"] {
            let bare = word.trim_start_matches('-');
            assert!(text.contains(word) || text.contains(bare), "{shell}: {word}");
        }
        if shell == "bash" && is_installed("bash", "bash") {
            let mut bash = Command::new("bash").arg("-n").stdin(Stdio::piped()).spawn().unwrap();
            bash.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
            assert!(bash.wait().unwrap().success());
        }
    }
    run(&["completions", "tcsh"]).failed(2, &["tcsh"]);
}

/// Where the words of a line begin that stand behind two spaces or more.
fn starts(line: &str) -> Vec<usize> {
    let chars: Vec<char> = line.chars().collect();
    (0..chars.len())
        .filter(|&at| chars[at] != ' ' && (at == 0 || (at > 1 && chars[at - 1] == ' ' && chars[at - 2] == ' ')))
        .collect()
}

#[test]
fn tables_line_up_and_json_says_the_same() {
    let server = Plan::new(&format!("{BOOTSTRAP}{API_KEYS}")).start();
    server.login();
    let files = tempfile::tempdir().unwrap();
    let way = Way::server(&server.url, &private(files.path(), "key", ADMIN));
    for (command, first) in [
        (["account", "list"], "id"),
        (["client", "list"], "id"),
        (["session", "list"], "id"),
        (["api-key", "list"], "name"),
        (["key", "list"], "key"),
    ] {
        let table = way.run(&command).done();
        let items = way.run(&[&command[..], &["--json"]].concat()).json();
        let items = items.as_array().unwrap();
        let mut lines = table.lines();
        let columns = starts(lines.next().unwrap());
        let rows: Vec<&str> = lines.collect();
        assert_eq!(rows.len(), items.len(), "{command:?}");
        for (row, item) in rows.iter().zip(items) {
            assert!(row.starts_with(item[first].as_str().unwrap()), "{row} {item}");
            assert!(starts(row).iter().all(|start| columns.contains(start)), "{command:?}: {table}");
        }
    }
    let shown = way.run(&["account", "show", ALICE.0]).done();
    let values = shown.lines().map(|line| line.split_once("  ").unwrap().1.trim_start());
    assert!(values.clone().any(|value| value == ALICE.0) && values.clone().any(|value| value == "all"), "{shown}");
    let table: Vec<usize> = shown.lines().map(|line| starts(line)[1]).collect();
    assert!(table.windows(2).all(|pair| pair[0] == pair[1]), "{shown}");
}

#[test]
fn secrets_are_printed_where_they_were_made_and_nowhere_else() {
    let server = Plan::new(&format!("{BOOTSTRAP}{API_KEYS}")).start();
    let files = tempfile::tempdir().unwrap();
    let way = Way::server(&server.url, &private(files.path(), "key", ADMIN));
    let password = private(files.path(), "password", "a-password-that-only-its-file-knows");
    let password = password.to_str().unwrap();
    let made = way.run(&["account", "create", "carol@example.com", "--password-file", password, "--json"]);
    let set = way.run(&["account", "set-password", "carol@example.com", "--password-file", password]);
    for ran in [made, set, way.run(&["account", "show", "carol@example.com", "--json"])] {
        assert!(!ran.stdout.contains("only-its-file-knows") && ran.stderr.is_empty(), "{ran:?}");
    }
    assert_eq!(server.login_as("carol@example.com", "a-password-that-only-its-file-knows").status, 200);
    let client = way.run(&["client", "create", "kiosk", "--json"]).json();
    let shown = way.run(&["client", "show", "kiosk"]).done();
    assert!(!shown.contains(client["secret"].as_str().unwrap()), "{shown}");
    let weak = private(files.path(), "weak", "alice");
    way.run(&["account", "set-password", ALICE.0, "--password-file", weak.to_str().unwrap()])
        .failed(1, &["weak_password"]);
    way.run(&["account", "create", "x@example.com"]).failed(2, &["--password-file", "--make-password"]);
    way.run(&["account", "create", "x@example.com", "--password-file", "/nonexistent"]).failed(1, &["/nonexistent"]);
    let shown: Value = way
        .run(&["account", "change", "nobody@example.com", "--roles", "x"])
        .failed(1, &["nobody@example.com", "not_found"])
        .into();
    assert!(shown.is_string());
    way.run(&["account", "change", ALICE.0]).failed(2, &["--login"]);
    way.run(&["client", "change", "store"]).failed(2, &["--scopes"]);
    way.run(&["client", "change", "store", "--access-ttl", "5"]).failed(1, &["access_ttl", "invalid_request"]);
    way.run(&["client", "create", "store"]).failed(1, &["client store", "taken"]);
}

#[test]
fn a_list_whose_reader_has_gone_ends_quietly() {
    let server = Plan::new(&format!("{BOOTSTRAP}{API_KEYS}")).start();
    let mut child = Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args(["account", "list", "--server", &server.url])
        .env("COUNTERSIGN_API_KEY", ADMIN)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), ended.stderr.as_slice()), (Some(0), &b""[..]));
}

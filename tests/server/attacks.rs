//! `countersign demo --attack`: the thefts, as the real binary plays them. What is printed is compared with the texts in
//! `tests/server/attacks/`, in which instants, ids and tags are left out.
//! `COUNTERSIGN_TEST_UPDATE=1 cargo test --test server attacks` writes them; read the difference before it is kept.

use crate::support::{signal, wait_for_end, writes_pins};
use chrono::DateTime;
use rustix::process::Signal;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use uuid::Uuid;

const ATTACKS: [&str; 3] = ["stolen-refresh-token", "stolen-jwt", "stolen-session"];

fn command(attack: &str, temporary: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.args(["demo", "--attack", attack]).env("TMPDIR", temporary).stdin(Stdio::null());
    command
}

fn is_empty(directory: &Path) -> bool {
    std::fs::read_dir(directory).unwrap().next().is_none()
}

/// Plays an attack, in whatever environment, and gives what it printed.
fn played(attack: &str, env: &[(&str, &str)]) -> String {
    let temporary = tempfile::tempdir().unwrap();
    let output = command(attack, temporary.path()).envs(env.iter().copied()).output().unwrap();
    let (text, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!((output.status.code(), stderr.as_str()), (Some(0), ""), "{attack}: {text}");
    assert!(is_empty(temporary.path()), "{attack} leaves something behind");
    text
}

/// Whether a line is an event of the journal: position and instant come first.
fn is_event(line: &str) -> bool {
    line.split_whitespace().nth(1).is_some_and(|word| DateTime::parse_from_rfc3339(word).is_ok())
}

/// What differs from run to run is exchanged for a word; tags are numbered, so that who is who can still be seen.
fn without_chance(text: &str) -> String {
    let mut tags = BTreeMap::new();
    let mut out = String::new();
    for line in text.lines() {
        let words = line.split_whitespace().enumerate().map(|(at, word)| match word {
            _ if at == 0 && is_event(line) => "N".to_owned(),
            _ => plain(word, &mut tags),
        });
        let words: Vec<String> = words.collect();
        out.push_str(&words.join(" "));
        out.push('\n');
    }
    out
}

fn plain(word: &str, tags: &mut BTreeMap<String, usize>) -> String {
    let cut = word.find(['=', ':']).filter(|_| DateTime::parse_from_rfc3339(word).is_err()).map_or(0, |at| at + 1);
    let (name, value) = word.split_at(cut);
    let known = tags.len() + 1;
    if value.starts_with("//127.0.0.1:") {
        return format!("{name}//SERVER");
    }
    let value = match value {
        _ if DateTime::parse_from_rfc3339(value).is_ok() => "TIME".to_owned(),
        _ if value.starts_with("570e0000-") => value.to_owned(),
        _ if value.len() == 36 && Uuid::try_parse(value).is_ok() => "ID".to_owned(),
        _ if ["net=", "ua="].contains(&name) => format!("tag-{}", tags.entry(value.to_owned()).or_insert(known)),
        _ => value.to_owned(),
    };
    format!("{name}{value}")
}

/// The types of the events that were printed, act by act.
fn events(text: &str) -> Vec<Vec<&str>> {
    let acts = text.split("\nACT ").skip(1);
    acts.map(|act| {
        act.lines().filter(|line| is_event(line)).map(|line| line.split_whitespace().nth(2).unwrap()).collect()
    })
    .collect()
}

/// The sentences at the end of the acts.
fn said(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.strip_prefix("=> ")).collect()
}

fn fits_two_screens_and_holds_no_secret(attack: &str, text: &str) {
    assert!(text.lines().count() <= 112, "{attack}: {} lines", text.lines().count());
    let wide = text.lines().find(|line| !is_event(line) && line.chars().count() > 100);
    assert_eq!(wide, None, "{attack}");
    for told in ["eyJ", "csr_", "Bearer", "Basic"] {
        assert!(!text.contains(told), "{attack} prints {told}");
    }
    // Secrets have 43 characters here, and half of one would be too much.
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let long = text.split(|c| !is_part(c)).find(|word| word.len() > 20 && Uuid::try_parse(word).is_err());
    assert_eq!(long, None, "{attack}");
}

#[test]
fn every_attack_plays_its_story_and_no_other() {
    std::thread::scope(|scope| {
        for attack in ATTACKS {
            scope.spawn(move || {
                let text = played(attack, &[]);
                fits_two_screens_and_holds_no_secret(attack, &text);
                let text = without_chance(&text);
                let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/server/attacks/{attack}.txt"));
                if writes_pins() {
                    std::fs::write(&file, &text).unwrap();
                }
                assert_eq!(text, std::fs::read_to_string(&file).unwrap(), "{attack}");
            });
        }
    });
}

#[test]
fn a_stolen_refresh_token_is_noticed_where_it_can_be_and_nowhere_else() {
    let text = played("stolen-refresh-token", &[]);
    let refreshed = "session.refreshed";
    let dies = ["session.reuse_detected", "session.revoked"];
    let retried = [refreshed, "session.refresh_retried"];
    let never = vec!["session.started", refreshed, refreshed, refreshed];
    let by_default = [
        &["session.started", refreshed][..],
        &dies,
        &["session.refresh_refused", "session.started", refreshed],
        &dies,
        &["session.started"],
        &retried,
        &retried,
        &retried,
        &["session.started"],
        &retried,
        &[refreshed],
        &dies,
    ];
    let ended = vec!["session.started", refreshed, "session.revoked", "session.refresh_refused"];
    assert_eq!(events(&text), [never, by_default.concat(), ended]);
    let noticed: Vec<bool> =
        said(&text).iter().filter(|line| line.contains("oticed")).map(|line| !line.contains("Not noticed")).collect();
    assert_eq!(noticed, [false, true, true, false, true], "act 1, then (a) to (d)");
}

#[test]
fn a_stolen_jwt_or_session_id_is_noticed_by_nobody_and_a_revocation_ends_it_where_somebody_asks() {
    for (attack, by_default) in
        [("stolen-jwt", vec!["session.started", "session.refreshed"]), ("stolen-session", vec!["session.started"])]
    {
        // What is set for another server changes nothing.
        let text = played(
            attack,
            &[
                ("COUNTERSIGN__ISSUER", "https://auth.example.com"),
                ("COUNTERSIGN__HTTP__TRUSTED_PROXIES", "[\"127.0.0.1\"]"),
            ],
        );
        assert_eq!(events(&text), [vec!["session.started"], by_default, vec!["session.started", "session.revoked"]]);
        let noticed: Vec<&str> = said(&text).into_iter().filter(|line| line.contains("oticed")).collect();
        assert_eq!(noticed.len(), 2, "{noticed:?}");
        assert!(noticed.iter().all(|line| line.starts_with("Not noticed")), "{noticed:?}");
        let last = said(&text).pop().unwrap();
        assert!(last.starts_with("Ended at ") && last.contains("where"), "{last}");
    }
}

#[test]
fn a_story_that_is_stopped_is_no_success_and_leaves_nothing_behind() {
    let temporary = tempfile::tempdir().unwrap();
    let mut child =
        command("stolen-jwt", temporary.path()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    // The first scene waits for the end of a token.
    while !line.starts_with("ACT 1.") {
        line.clear();
        assert!(stdout.read_line(&mut line).unwrap() > 0);
    }
    signal(child.id(), Signal::TERM);
    let code = wait_for_end(&mut child);
    let (mut rest, mut stderr) = (String::new(), String::new());
    stdout.read_to_string(&mut rest).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(code, Some(1), "{rest}{stderr}");
    // In which act that was, and at which question, is a matter of chance.
    assert!(stderr.starts_with("countersign: act "), "{stderr}");
    assert!(!rest.contains("Every claim held"), "{rest}");
    assert!(is_empty(temporary.path()));
}

#[test]
fn what_cannot_be_played_is_said_before_anything_is_begun() {
    let temporary = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (arguments, code, why) in [
        (["--listen", &address], 1, "another program listens there"),
        (["--data-dir", "kept"], 2, "cannot be used with"),
        (["--attack", "stolen-password"], 2, "stolen-refresh-token, stolen-jwt, stolen-session"),
    ] {
        let mut command = if arguments[0] == "--attack" {
            let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
            command.arg("demo").env("TMPDIR", temporary.path());
            command
        } else {
            command("stolen-jwt", temporary.path())
        };
        let output = command.args(arguments).current_dir(temporary.path()).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(code), 0), "{stderr}");
        assert!(stderr.contains(why), "{stderr}");
        assert!(is_empty(temporary.path()), "{arguments:?}");
    }
}

/// Every test program's functions, by name.
fn tests_there_are(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            tests_there_are(&entry, names);
        } else if entry.extension().is_some_and(|kind| kind == "rs") {
            let text = std::fs::read_to_string(entry).unwrap();
            let tests = text.split("#[test]\nfn ").skip(1).filter_map(|rest| rest.split('(').next());
            names.extend(tests.map(str::to_owned));
        }
    }
}

#[test]
fn what_the_document_rests_on_is_there() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let document = std::fs::read_to_string(root.join("docs/THEFT.md")).unwrap();
    let mut names = BTreeSet::new();
    tests_there_are(&root.join("tests"), &mut names);
    let named: Vec<&str> =
        document.split('`').skip(1).step_by(2).filter(|word| word.matches('_').count() > 3).collect();
    assert!(named.len() > 8, "the document names tests: {named:?}");
    let missing: Vec<&&str> = named.iter().filter(|name| !names.contains(**name)).collect();
    assert!(missing.is_empty(), "docs/THEFT.md names tests that are not there: {missing:?}");
    for attack in ATTACKS {
        assert!(document.contains(&format!("countersign demo --attack {attack}\n")));
        assert!(document.contains(&format!("](theft/{attack}.svg)")));
    }
}

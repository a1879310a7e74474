//! `countersign key` on the data directory of a server that was stopped, and what the server says afterwards.

use crate::support::{BOOTSTRAP, Plan, STORE, Server, events_in};
use base64::Engine;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a command came to.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Ran {
    fn done(self) -> String {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "{}", self.stdout);
        self.stdout
    }

    fn refused(self, words: &[&str]) {
        assert_eq!((self.code, self.stdout.as_str()), (Some(1), ""), "{}", self.stderr);
        assert_eq!(self.stderr.lines().count(), 1, "{}", self.stderr);
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} in {}", self.stderr);
        }
    }
}

fn key(data: &Path, arguments: &[&str]) -> Ran {
    let (command, rest) = arguments.split_first().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args(["key", command, "--data-dir", data.to_str().unwrap()])
        .args(rest)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn list(data: &Path) -> Vec<Value> {
    serde_json::from_str(&key(data, &["list", "--json"]).done()).unwrap()
}

/// The names of keys of a kind in a state.
fn in_state(data: &Path, kind: &str, state: &str) -> Vec<String> {
    let of = list(data).into_iter().filter(|key| key["kind"] == kind && key["state"] == state);
    of.map(|key| key["key"].as_str().unwrap().to_owned()).collect()
}

fn kid(access: &str) -> String {
    let head = access.split('.').next().unwrap();
    let head = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(head).unwrap();
    serde_json::from_slice::<Value>(&head).unwrap()["kid"].as_str().unwrap().to_owned()
}

fn stopped(mut server: Server) -> (Server, PathBuf) {
    assert_eq!(server.terminate(), Some(0));
    let data = server.data_dir();
    (server, data)
}

fn types_after(data: &Path, position: usize) -> Vec<String> {
    let events = events_in(data).into_iter().skip(position);
    events.map(|event| event["type"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_list_shows_every_key_with_its_state_and_records_nothing() {
    let (_server, data) = stopped(Plan::new(BOOTSTRAP).start());
    let events = events_in(&data).len();
    let keys = list(&data);
    let shown: Vec<_> = keys.iter().map(|key| (&key["kind"], &key["state"], &key["published"])).collect();
    let expected = [("ES256", true), ("EdDSA", true), ("RS256", true), ("refresh", false)];
    assert_eq!(shown.len(), expected.len());
    for ((kind, state, published), (name, is_published)) in shown.into_iter().zip(expected) {
        assert_eq!((kind, state, published), (&name.into(), &"active".into(), &is_published.into()));
    }
    let text = key(&data, &["list"]).done();
    let mut lines = text.lines();
    assert_eq!(lines.next().unwrap().split_whitespace().collect::<Vec<_>>(), ["KEY", "KIND", "STATE", "SINCE", "JWKS"]);
    for (line, key) in lines.by_ref().zip(&keys) {
        let words: Vec<_> = line.split_whitespace().collect();
        assert_eq!(
            words[..4],
            [&key["key"], &key["kind"], &key["state"], &key["since"]].map(|of| of.as_str().unwrap())
        );
    }
    assert_eq!((lines.next(), events_in(&data).len()), (None, events));
}

#[test]
fn a_directory_that_a_server_uses_or_that_is_none_is_refused_with_what_to_do() {
    let server = Plan::new(BOOTSTRAP).start();
    let data = server.data_dir();
    let pid = server.pid().to_string();
    for command in [&["list"][..], &["rotate"], &["distrust", "1"], &["new-master", "--to", "/nonexistent/key"]] {
        let missing = data.join("missing");
        let words = if command[0] == "new-master" { vec!["/nonexistent/key"] } else { vec!["no data directory"] };
        key(&missing, command).refused(&words);
        assert!(!missing.exists(), "nothing was made");
    }
    for command in [&["list"][..], &["rotate"], &["distrust", "1"]] {
        key(&data, command).refused(&["in use by process", &pid, "stop it with", "start the server afterwards"]);
    }
    let new = data.with_extension("new.key");
    key(&data, &["new-master", "--to", new.to_str().unwrap()]).refused(&["in use by process", &pid]);
    assert!(!new.exists(), "no key was made");
    assert_eq!(server.login().status, 200);
}

#[test]
fn after_a_rotation_old_tokens_are_good_and_new_ones_have_the_new_key() {
    let server = Plan::new(BOOTSTRAP).start();
    let before = server.login();
    let (server, data) = stopped(server);
    let old = in_state(&data, "ES256", "active");
    assert_eq!(old, [kid(&before.access())]);
    let events = events_in(&data).len();

    let said = key(&data, &["rotate", "--alg", "ES256", "--refresh"]).done();
    let new = in_state(&data, "ES256", "active");
    assert_eq!(in_state(&data, "ES256", "retired"), old);
    assert!(said.contains(&format!("ES256 key {} signs from now on", new[0])), "{said}");
    assert!(said.contains("may refuse its tokens for 5m"), "{said}");
    assert_eq!(
        (in_state(&data, "refresh", "active"), in_state(&data, "refresh", "retired")),
        (vec!["2".into()], vec!["1".into()])
    );
    assert_eq!(in_state(&data, "EdDSA", "active").len(), 1);
    let recorded = types_after(&data, events);
    let expected = [
        "system.started",
        "system.signing_key_added",
        "system.key_activated",
        "system.refresh_key_added",
        "system.key_activated",
    ];
    assert_eq!(recorded, expected);

    let server = server.again();
    assert!(server.is_active(&before.access()), "what the old key signed verifies");
    let refreshed = server.refresh(&before.refresh());
    assert_eq!((refreshed.status, kid(&refreshed.access())), (200, new[0].clone()));
    let after = server.login();
    assert!(kid(&after.access()) == new[0] && server.is_active(&after.access()));
    assert_eq!(server.refresh(&after.refresh()).status, 200);
    let jwks = server.get("/.well-known/jwks.json").body;
    assert!(jwks.contains(&old[0]) && jwks.contains(&new[0]), "{jwks}");
    let started = server.events().into_iter().filter(|event| event["type"] == "session.started");
    let keys: Vec<_> = started.map(|event| event["data"]["refresh_key"].as_u64().unwrap()).collect();
    assert_eq!(keys, [1, 2]);
}

#[test]
fn a_prepared_key_is_the_one_that_the_next_rotation_takes() {
    let (_server, data) = stopped(Plan::new(BOOTSTRAP).set("keys.jwks_max_age", "0s").start());
    let active = in_state(&data, "RS256", "active");
    key(&data, &["rotate", "--alg", "RS256", "--prepare"]).done();
    let next = in_state(&data, "RS256", "next");
    assert_eq!((next.len(), in_state(&data, "RS256", "active")), (1, active));
    assert_eq!(key(&data, &["rotate", "--alg", "RS256", "--prepare"]).done(), "nothing was left to change\n");
    key(&data, &["rotate", "--alg", "RS256"]).done();
    assert_eq!(in_state(&data, "RS256", "active"), next);
    assert_eq!(list(&data).len(), 5);
    assert_eq!(key(&data, &["rotate", "--refresh", "--prepare"]).code, Some(2));
    assert_eq!(key(&data, &["rotate", "--alg", "HS256"]).code, Some(2));
}

#[test]
fn a_distrusted_refresh_key_ends_its_sessions_before_the_command_ends() {
    let server = Plan::new(BOOTSTRAP).start();
    let sessions: Vec<_> = (0..3).map(|_| server.login()).collect();
    let (server, data) = stopped(server);
    let events = events_in(&data).len();
    let said = key(&data, &["distrust", "1"]).done();
    assert!(said.contains("refresh key 1 is distrusted") && said.contains("refresh key 2 is the key of"), "{said}");
    assert!(said.ends_with("sessions ended: 3\n"), "{said}");
    let recorded = types_after(&data, events);
    let of = |name: &str| recorded.iter().filter(|of| *of == name).count();
    assert_eq!((of("system.key_distrusted"), of("session.revoked")), (1, 3), "{recorded:?}");
    let revoked = events_in(&data).into_iter().skip(events).filter(|event| event["type"] == "session.revoked");
    assert!(revoked.into_iter().all(|event| event["data"]["reason"] == "key_distrusted"));

    let again = key(&data, &["distrust", "1"]).done();
    assert_eq!(again, "nothing was left to change\nsessions ended: 0\n");
    key(&data, &["distrust", "7"]).refused(&["no key 7", "countersign key list"]);

    let server = server.again();
    for session in &sessions {
        assert!(!server.is_active(&session.access()));
        assert_eq!(server.refresh(&session.refresh()).status, 400);
    }
    assert_eq!(server.metric("countersign_sessions{state=\"open\"}"), 0.0);
    let after = server.login();
    assert!(server.is_active(&after.access()) && server.refresh(&after.refresh()).status == 200);
}

#[test]
fn a_distrusted_signing_key_is_believed_nowhere_and_its_sessions_go_on() {
    let server = Plan::new(BOOTSTRAP).start();
    let before = server.login();
    let (server, data) = stopped(server);
    let distrusted = kid(&before.access());
    let said = key(&data, &["distrust", &distrusted]).done();
    assert!(said.contains(&format!("ES256 key {distrusted} is distrusted")), "{said}");
    assert!(said.contains("signs from now on") && said.ends_with("sessions ended: 0\n"), "{said}");
    assert_eq!(in_state(&data, "ES256", "distrusted"), [distrusted.as_str()]);

    let server = server.again();
    assert!(!server.is_active(&before.access()));
    assert!(!server.get("/.well-known/jwks.json").body.contains(&distrusted));
    let refreshed = server.refresh(&before.refresh());
    assert_eq!(refreshed.status, 200);
    assert!(server.is_active(&refreshed.access()) && kid(&refreshed.access()) != distrusted);
}

#[test]
fn a_new_master_key_opens_everything_and_the_old_one_nothing() {
    let server = Plan::new(BOOTSTRAP).start();
    let before = server.login();
    let (server, data) = stopped(server);
    let old = PathBuf::from(format!("{}.master.key", data.display()));
    let new = data.with_file_name("new.key");
    let new_text = new.to_str().unwrap();
    let inside = data.join("new.key");
    key(&data, &["new-master", "--to", inside.to_str().unwrap()]).refused(&["inside the data directory"]);
    key(&data, &["new-master", "--from-file", new_text]).refused(&["does not exist", "--to"]);
    assert_eq!(key(&data, &["new-master"]).code, Some(2));

    let kept = fs::read(&old).unwrap();
    let said = key(&data, &["new-master", "--to", new_text]).done();
    for words in [format!("wrapped by the master key in {new_text}"), format!("keep the old one in {}", old.display())]
    {
        assert!(said.contains(&words), "{said}");
    }
    assert_eq!(fs::metadata(&new).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(fs::read(&old).unwrap(), kept, "the old file is left alone");
    key(&data, &["list"]).refused(&["the master key does not open this data directory's keys"]);
    key(&data, &["new-master", "--to", new_text]).refused(&["exists", "--from-file"]);
    let again = key(&data, &["new-master", "--from-file", new_text]).done();
    assert!(again.contains("nothing was changed"), "{again}");

    let stopped = server.stopped();
    let (code, text) = stopped.refusal();
    assert_eq!(code, Some(1));
    assert!(text.lines().last().unwrap().contains("the master key does not open this data directory's keys"), "{text}");
    fs::remove_file(&old).unwrap();
    fs::rename(&new, &old).unwrap();
    let server = stopped.start();
    assert!(server.is_active(&before.access()));
    assert_eq!(server.refresh(&before.refresh()).status, 200);
    assert_eq!(server.post("/oauth2/revoke", Some(STORE), &[("token", &before.access())]).status, 200);
}

#[test]
fn a_directory_left_by_a_crash_gets_its_new_master_key_all_the_same() {
    let mut server = Plan::new(BOOTSTRAP).start();
    let before = server.login();
    server.kill();
    let data = server.data_dir();
    let old = PathBuf::from(format!("{}.master.key", data.display()));
    let new = data.with_file_name("given.key");
    // 32 bytes that somebody's own ceremony made.
    let made = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode([7; 32]);
    fs::write(&new, format!("{made}\n")).unwrap();
    fs::set_permissions(&new, fs::Permissions::from_mode(0o644)).unwrap();
    key(&data, &["new-master", "--from-file", new.to_str().unwrap()]).refused(&["chmod 600"]);
    fs::set_permissions(&new, fs::Permissions::from_mode(0o600)).unwrap();
    key(&data, &["new-master", "--from-file", new.to_str().unwrap()]).done();
    fs::rename(&new, &old).unwrap();
    let server = server.again();
    assert!(server.is_active(&before.access()));
}

#[test]
fn a_master_key_is_made_under_any_name_and_touches_nobody_elses_file() {
    let (_server, data) = stopped(Plan::new(BOOTSTRAP).start());
    let beside = |name: &str| data.with_file_name(name);
    let make = |name: &str| key(&data, &["new-master", "--to", beside(name).to_str().unwrap()]);
    let used = PathBuf::from(format!("{}.master.key", data.display()));
    let somebodys = beside("given.tmp");
    fs::write(&somebodys, "somebody's").unwrap();
    make("given.key").done();
    assert_eq!(fs::read_to_string(&somebodys).unwrap(), "somebody's");
    fs::copy(beside("given.key"), &used).unwrap();
    make("other.tmp").done();
    fs::copy(beside("other.tmp"), &used).unwrap();

    let half = beside("third.key.tmp");
    fs::write(&half, "half a").unwrap();
    make("third.key").refused(&["third.key.tmp is there", "remove it"]);
    assert_eq!(fs::read_to_string(&half).unwrap(), "half a");
    assert!(!beside("third.key").exists());

    // As a crash leaves it between the name that is meant and the end of the other one.
    let second = PathBuf::from(format!("{}.tmp", used.display()));
    fs::hard_link(&used, &second).unwrap();
    key(&data, &["list"]).done();
    assert!(!second.exists(), "no second name is left of a key that is used");
    fs::copy(&used, &second).unwrap();
    key(&data, &["list"]).done();
    assert!(second.exists(), "a copy is a file of its own");
}

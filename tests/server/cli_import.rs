//! Accounts on their way in and out: imports of any size, what is refused told by its line, cut short and gone on with; exports that
//! an import takes.

use crate::support::{ADMIN, API_KEYS, BOOTSTRAP, Plan, Server, Way, fed, private};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const HASH: &str = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn line(number: usize) -> String {
    json!({"login": format!("person-{number}@example.com"), "password_hash": HASH, "roles": ["shopper"]}).to_string()
}

fn at(server: &Server, files: &TempDir) -> Way {
    Way::server(&server.url, &private(files.path(), "key", ADMIN))
}

fn counts(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("{text}"))
}

fn lines_of(path: &Path) -> Vec<Value> {
    fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn thousands_of_lines_are_imported_once_and_the_wrong_ones_are_reported_by_number() {
    let server = Plan::new(&format!("{BOOTSTRAP}{API_KEYS}")).start();
    let files = tempfile::tempdir().unwrap();
    let way = at(&server, &files);
    let mut lines: Vec<String> = (1..=2500).map(line).collect();
    lines[9] = "{\"login\": \"broken@example.com\", \"password\": \"hunter2".to_owned();
    lines[1199] = "x".repeat(20_000);
    lines[2399] = json!({"login": "odd@example.com", "password_hash": "$9$hunter2"}).to_string();
    lines[4] = json!({"login": "alice@example.com", "password_hash": HASH}).to_string();
    let input = private(files.path(), "accounts.jsonl", &lines.join("\n"));
    let report = files.path().join("refused.jsonl");
    let command = ["account", "import", input.to_str().unwrap(), "--json", "--report", report.to_str().unwrap()];
    let first = way.run(&command);
    assert_eq!(first.code, Some(1), "{first:?}");
    assert_eq!(counts(&first.stdout), json!({"lines": 2500, "created": 2496, "existed": 1, "refused": 3}));
    let refused = lines_of(&report);
    let mut numbers: Vec<u64> = refused.iter().map(|line| line["line"].as_u64().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [10, 1200, 2400]);
    let told = format!("{}{}{}", first.stdout, first.stderr, fs::read_to_string(&report).unwrap());
    assert!(!told.contains("hunter2"), "{told}");
    assert_eq!(fs::metadata(&report).unwrap().permissions().mode() & 0o777, 0o600);

    let again = way.run(&command[..4]);
    assert_eq!(counts(&again.stdout), json!({"lines": 2500, "created": 0, "existed": 2497, "refused": 3}));
    assert!(again.stderr.contains("line 1200: it has more than 16384 bytes"), "{}", again.stderr);
    let rest = way.run(&[&command[..4], &["--from-line", "2401"]].concat()).json();
    assert_eq!(rest, json!({"lines": 100, "created": 0, "existed": 100, "refused": 0}));
    let piped = way.fed(&["account", "import", "-", "--json"], &format!("{}\n\n{}\n", line(1), line(9999))).json();
    assert_eq!(piped, json!({"lines": 3, "created": 1, "existed": 1, "refused": 0}));
}

#[test]
fn a_server_that_takes_small_bodies_gets_smaller_batches() {
    let server = Plan::new(&format!("{BOOTSTRAP}{API_KEYS}")).set("http.max_body", "2KiB").start();
    let files = tempfile::tempdir().unwrap();
    let mut lines: Vec<String> = (1..=50).map(line).collect();
    lines[29] = json!({"login": "long@example.com", "password_hash": HASH, "roles": ["x".repeat(3000)]}).to_string();
    let ran = at(&server, &files).fed(&["account", "import", "-", "--json"], &lines.join("\n"));
    assert_eq!(counts(&ran.stdout), json!({"lines": 50, "created": 49, "existed": 0, "refused": 1}));
    ran.failed(1, &["line 30: it is larger than the server's http.max_body"]);
}

#[test]
fn an_import_that_is_cut_short_says_where_to_go_on() {
    let mut server = Plan::new(&format!("{BOOTSTRAP}{API_KEYS}")).start();
    let files = tempfile::tempdir().unwrap();
    let way = at(&server, &files);
    let input: String = (1..=10).map(|number| line(number) + "\n").collect();
    server.kill();
    way.fed(&["account", "import", "-"], &input).failed(1, &["is the server running?", "--from-line 1"]);
    way.fed(&["account", "import", "-", "--from-line", "5"], &input).failed(1, &["--from-line 5"]);
    way.run(&["account", "import", "/nonexistent"]).failed(1, &["/nonexistent"]);
    way.run(&["account", "import", "-", "--from-line", "0"]).failed(2, &["--from-line"]);
}

fn stopped(bootstrap: &str) -> (Server, PathBuf) {
    let mut server = Plan::new(bootstrap).start();
    assert_eq!(server.terminate(), Some(0));
    let data = server.data_dir();
    (server, data)
}

#[test]
fn what_was_exported_with_its_hashes_is_imported_and_people_log_in() {
    let (server, data) = stopped(BOOTSTRAP);
    let way = Way::data(&data);
    let id = way.run(&["account", "find", "alice@example.com", "--json"]).json()["id"].clone();
    way.run(&["account", "disable", "bob@example.com"]).done();
    let files = tempfile::tempdir().unwrap();
    let to = files.path().join("accounts.jsonl");
    let export = ["account", "export", "--with-password-hashes", "--to", to.to_str().unwrap()];
    assert!(way.run(&export).done().starts_with("wrote 2 accounts to "));
    assert_eq!(fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);
    let before = fs::read(&to).unwrap();
    way.run(&export).failed(1, &["never overwritten"]);
    assert_eq!(fs::read(&to).unwrap(), before);
    assert!(!way.run(&["account", "export"]).done().contains("$argon2id$"));
    fed(&["account", "export", "--with-password-hashes", "--server", "http://127.0.0.1:1"], &[], b"")
        .failed(2, &["--server"]);
    let nowhere = files.path().join("half.jsonl");
    Way::data(&files.path().join("none"))
        .run(&["account", "export", "--to", nowhere.to_str().unwrap()])
        .failed(1, &["no data directory"]);
    assert!(!nowhere.exists(), "half a list is none");
    drop(server);

    let clients = BOOTSTRAP.split("[[accounts]]").next().unwrap();
    let (server, data) = stopped(clients);
    let done = Way::data(&data).run(&["account", "import", to.to_str().unwrap()]).done();
    assert_eq!(done, "lines    2\ncreated  2\nexisted  0\nrefused  0\n");
    let server = server.again();
    let access = server.login().access();
    assert_eq!(crate::support::claims(&access)["sub"], id, "alice is who she was");
    assert_eq!(server.login_as("bob@example.com", "another fine password").status, 400, "and bob still shut out");
}

#[test]
fn second_login_ids_roles_at_single_clients_and_profiles_are_exported_and_imported() {
    let person = r#"{"login": "carol@example.com", "password": "a long enough password", "username": "carol", "clients": ["store"],
        "roles_at": {"store": ["buyer", "critic"]}, "profile": {"firstName": "Jäne", "data": {"n": -1.5, "list": [1, null, true]}}}"#;
    let person = person.replace('\n', "");
    let (server, data) = stopped(BOOTSTRAP);
    let way = Way::data(&data);
    way.fed(&["account", "import", "-"], &person).done();
    let files = tempfile::tempdir().unwrap();
    let to = files.path().join("accounts.jsonl");
    way.run(&["account", "export", "--with-password-hashes", "--to", to.to_str().unwrap()]).done();
    drop(server);

    let clients = BOOTSTRAP.split("[[accounts]]").next().unwrap();
    let (server, data) = stopped(clients);
    let way = Way::data(&data);
    way.run(&["account", "import", to.to_str().unwrap()]).done();
    let shown = way.run(&["account", "show", "carol@example.com", "--json"]).json();
    let sent: Value = serde_json::from_str(&person).unwrap();
    for field in ["login", "username", "clients", "roles_at", "profile"] {
        assert_eq!(shown[field], sent[field], "{field}: {shown}");
    }
    let exported = way.run(&["account", "export"]).done();
    assert_eq!(exported.lines().count(), 3);
    assert!(!exported.lines().next().unwrap().contains("roles_at"), "what an account has not is left out");
    let server = server.again();
    let access = server.login_as("CAROL", "a long enough password").access();
    assert_eq!(crate::support::claims(&access)["roles"], json!(["buyer", "critic"]));
}

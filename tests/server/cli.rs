//! The command line: what it says, what it prints where, and how it ends.

use crate::support::{ALICE, BOOTSTRAP, Plan, STORE, Server, signal, wait_for_end};
use rustix::process::Signal;
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a command came to.
#[derive(Debug, PartialEq, Eq)]
struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn countersign(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn finish(mut command: Command) -> Ran {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn run(arguments: &[&str]) -> Ran {
    finish(countersign(arguments))
}

fn run_with(arguments: &[&str], env: &[(&str, &str)]) -> Ran {
    let mut command = countersign(arguments);
    command.envs(env.iter().copied());
    finish(command)
}

/// A file of the test's own.
fn file(directory: &Path, name: &str, text: &str) -> PathBuf {
    let path = directory.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

fn tail(server: &Server, arguments: &[&str]) -> Vec<String> {
    let data_dir = server.data_dir();
    let fixed = ["audit", "tail", "--data-dir", data_dir.to_str().unwrap()];
    let ran = run(&[&fixed[..], arguments].concat());
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    ran.stdout.lines().map(str::to_owned).collect()
}

fn types(server: &Server, arguments: &[&str]) -> Vec<String> {
    let of = |line: String| serde_json::from_str::<Value>(&line).unwrap()["type"].as_str().unwrap().to_owned();
    tail(server, &[arguments, &["--json"]].concat()).into_iter().map(of).collect()
}

/// A server with one session that was refreshed, retried, and revoked after a replay; and the session's id.
fn after_a_replay() -> (Server, String) {
    let server = Plan::new(BOOTSTRAP).start();
    let first = server.login().refresh();
    let second = server.refresh(&first).refresh();
    let third = server.refresh(&second).refresh();
    assert_eq!(server.refresh(&first).status, 400);
    assert_eq!(server.refresh(&third).status, 400);
    let started = server.events().into_iter().find(|event| event["type"] == "session.started").unwrap();
    let session = started["stream"].as_str().unwrap().strip_prefix("session:").unwrap().to_owned();
    (server, session)
}

#[test]
fn every_help_teaches_and_lists_the_exit_codes() {
    for (command, teaches) in [
        (&["--help"][..], "countersign demo"),
        (&["serve", "--help"], "--bootstrap bootstrap.toml"),
        (&["demo", "--help"], "Ctrl-C ends the demo"),
        (&["audit", "--help"], "tail"),
        (&["audit", "tail", "--help"], "the story of one session"),
        (&["key", "--help"], "new-master"),
        (&["key", "list", "--help"], "countersign key list"),
        (&["key", "rotate", "--help"], "--prepare"),
        (&["key", "distrust", "--help"], "countersign key distrust"),
        (&["key", "new-master", "--help"], "--from-file"),
        (&["journal", "--help"], "backup"),
        (&["journal", "backup", "--help"], "--link-from /backup/monday"),
        (&["journal", "restore", "--help"], "--from /backup/monday"),
        (&["journal", "archive", "--help"], "--to /archive"),
        (&["journal", "drop", "--help"], "--archived /archive"),
        (&["journal", "repair", "--help"], "--from-backup /backup/monday"),
        (&["journal", "accept-loss", "--help"], "accept-loss --data-dir ./data 4711"),
        (&["config", "--help"], "check"),
        (&["config", "check", "--help"], "countersign config check --config"),
        (&["config", "show", "--help"], "countersign config show"),
    ] {
        let ran = run(command);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{command:?}");
        assert!(ran.stdout.contains("Exit codes:"), "{command:?} lists no exit codes: {}", ran.stdout);
        assert!(ran.stdout.contains(teaches), "{command:?}: {}", ran.stdout);
        let long = ran.stdout.lines().find(|line| line.chars().count() > 140);
        assert_eq!(long, None, "{command:?}");
    }
}

#[test]
fn what_is_mistyped_is_named_with_exit_code_2() {
    for (arguments, named) in [
        (&["sreve"][..], "sreve"),
        (&["serve", "--bootstap", "x"], "--bootstap"),
        (&["audit", "tail", "--from", "yesterday"], "yesterday"),
        (&["audit", "tail", "--after", "-1"], "-1"),
        (&["serve", "--listen", "localhost:80"], "an IP address and a port"),
    ] {
        let ran = run(arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(ran.stderr.contains(named), "{arguments:?}: {}", ran.stderr);
    }
    assert_eq!(run(&[]).code, Some(2));
}

#[test]
fn config_check_names_what_is_wrong_and_what_is_unwise() {
    let root = tempfile::tempdir().unwrap();
    let check = |text: &str| {
        let path = file(root.path(), "countersign.toml", text);
        run(&["config", "check", "--config", path.to_str().unwrap()])
    };
    let wrong = |text: &str| {
        let ran = check(text);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{text}");
        ran.stderr
    };
    let unknown = wrong("[http]\nlissten = \"127.0.0.1:1\"\n");
    assert!(unknown.starts_with("countersign: unknown key `http.lissten` in "), "{unknown}");
    assert!(unknown.ends_with("line 2; did you mean `http.listen`?\n"), "{unknown}");
    let bounds = wrong("[http]\nhead_timeout = \"0s\"\n");
    assert!(bounds.contains("`http.head_timeout` is \"0s\"") && bounds.contains("1s to 10m"), "{bounds}");
    assert_eq!(wrong("[http\n").lines().count(), 1);

    let right = Ran { code: Some(0), stdout: "the configuration is right\n".to_owned(), stderr: String::new() };
    assert_eq!(check(""), right);
    let unwise = check("[hash]\nmemory_kib = 64\n");
    assert_eq!((unwise.code, unwise.stderr.as_str()), (Some(0), ""));
    assert!(unwise.stdout.starts_with("warning: `hash.memory_kib` = 64"), "{}", unwise.stdout);
    let missing = run(&["config", "check", "--config", "/nonexistent.toml"]);
    assert_eq!(missing.code, Some(2));
    assert!(missing.stderr.contains("/nonexistent.toml"), "{}", missing.stderr);
}

#[test]
fn config_show_tells_where_each_value_comes_from_and_can_be_loaded_again() {
    let root = tempfile::tempdir().unwrap();
    let text = "data_dir = \"/srv/data\"\n[http]\nlisten = \"127.0.0.1:1\"\nkeep_alive = \"9s\"\n[hash]\nqueue = 5\n";
    let path = file(root.path(), "a.toml", text);
    let master_key = "a-master-key-that-nobody-may-see";
    let env = [
        ("COUNTERSIGN__HTTP__LISTEN", "127.0.0.1:2"),
        ("COUNTERSIGN__HASH__QUEUE", "6"),
        ("COUNTERSIGN_MASTER_KEY", master_key),
    ];
    let flags = ["config", "show", "--listen", "127.0.0.1:3", "--config"];
    let shown = run_with(&[&flags[..], &[path.to_str().unwrap()]].concat(), &env);
    assert_eq!((shown.code, shown.stderr.as_str()), (Some(0), ""));
    for line in [
        "listen = \"127.0.0.1:3\"  # flag --listen",
        "queue = 6  # environment COUNTERSIGN__HASH__QUEUE",
        "max_body = \"64KiB\"  # default",
    ] {
        assert!(shown.stdout.lines().any(|found| found == line), "no line {line}:\n{}", shown.stdout);
    }
    assert!(shown.stdout.contains("keep_alive = \"9s\"  # file "), "{}", shown.stdout);
    assert!(!shown.stdout.contains(master_key), "the master key is shown");

    let again = file(root.path(), "b.toml", &shown.stdout);
    let again = run(&["config", "show", "--config", again.to_str().unwrap()]);
    assert_eq!((again.code, again.stderr.as_str()), (Some(0), ""));
    let values = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.filter_map(|line| line.split("  # ").next()).map(str::to_owned).collect()
    };
    let mut found = values(&again.stdout);
    // The key came from a variable that is not set any more.
    found.retain(|line| !line.starts_with("master_key = "));
    assert_eq!(found, values(&shown.stdout));
}

#[test]
fn audit_tail_finds_events_by_type_session_code_and_time() {
    let (server, session) = after_a_replay();
    let story = [
        "session.started",
        "session.refreshed",
        "session.refreshed",
        "session.reuse_detected",
        "session.revoked",
        "session.refresh_refused",
    ];
    assert_eq!(types(&server, &["--type", "session"]), story);
    let about: Vec<String> = types(&server, &["--session", &session]);
    assert_eq!(about.iter().filter(|found| found.starts_with("session.")).count(), story.len(), "{about:?}");
    assert_eq!(types(&server, &["--about", &format!("session:{session}")]), story);
    assert_eq!(types(&server, &["--type", "session.started", "--type", "session.revoked"]).len(), 2);
    assert_eq!(types(&server, &["--code", "superseded"]), ["session.reuse_detected"]);
    assert_eq!(types(&server, &["--code", "closed"]), ["session.refresh_refused"]);
    assert_eq!(types(&server, &["--code", "closed", "--type", "account"]), Vec::<String>::new());

    let all: Vec<Value> = server.events();
    let at = |event: &Value| event["at"].as_str().unwrap().to_owned();
    let revoked = all.iter().find(|event| event["type"] == "session.revoked").unwrap();
    let expected = |keep: &dyn Fn(&Value) -> bool| all.iter().filter(|event| keep(event)).count();
    assert_eq!(types(&server, &["--from", &at(revoked)]).len(), expected(&|event| at(event) >= at(revoked)));
    assert_eq!(types(&server, &["--to", &at(revoked)]).len(), expected(&|event| at(event) < at(revoked)));
    let position = (revoked["position"].as_u64().unwrap() - 1).to_string();
    let first = tail(&server, &["--json", "--after", &position]).remove(0);
    assert_eq!(serde_json::from_str::<Value>(&first).unwrap(), *revoked);
    let line = tail(&server, &["--type", "session.revoked"]).remove(0);
    assert!(line.contains(&session) && line.contains("reason=reuse"), "{line}");
}

#[test]
fn audit_tail_prints_the_bytes_that_are_stored() {
    let (server, _) = after_a_replay();
    let mut segments: Vec<PathBuf> =
        fs::read_dir(server.data_dir().join("journal")).unwrap().map(|entry| entry.unwrap().path()).collect();
    segments.sort();
    let stored: String = segments.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let events = tail(&server, &["--json"]);
    assert!(events.len() > 10, "{events:?}");
    let mut rest = stored.as_str();
    for event in &events {
        let at = rest.find(event).unwrap_or_else(|| panic!("not stored like this, or not in this order: {event}"));
        rest = &rest[at + event.len()..];
    }
}

#[test]
fn audit_tail_follows_a_running_server() {
    let server = Plan::new(BOOTSTRAP).start();
    let data_dir = server.data_dir();
    let fixed = ["audit", "tail", "--follow", "--type", "session", "--data-dir", data_dir.to_str().unwrap()];
    let mut child = countersign(&fixed).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let login = server.login();
    let mut next = || lines.next().unwrap().unwrap();
    assert!(next().contains("session.started"));
    server.refresh(&login.refresh());
    assert!(next().contains("session.refreshed"));
    server.post("/oauth2/revoke", Some(STORE), &[("token", &login.access())]);
    assert!(next().contains("session.revoked"));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn audit_tail_says_in_one_sentence_that_a_directory_is_none_of_ours() {
    let root = tempfile::tempdir().unwrap();
    for wrong in [root.path().to_owned(), root.path().join("missing")] {
        let ran = run(&["audit", "tail", "--data-dir", wrong.to_str().unwrap()]);
        let stderr = format!("countersign: {} is no data directory: name it with --data-dir\n", wrong.display());
        assert_eq!(ran, Ran { code: Some(1), stdout: String::new(), stderr });
    }
}

#[test]
fn audit_tail_ends_quietly_when_its_reader_has_gone() {
    let (server, _) = after_a_replay();
    let data_dir = server.data_dir();
    let mut command = countersign(&["audit", "tail", "--json", "--data-dir", data_dir.to_str().unwrap()]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let code = wait_for_end(&mut child);
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
}

#[test]
fn serve_prints_one_line_and_nothing_else() {
    let root = tempfile::tempdir().unwrap();
    let data_dir = root.path().join("data");
    let flags = ["serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir.to_str().unwrap()];
    let mut child = countersign(&flags).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    let port = line.strip_prefix("listening on http://127.0.0.1:").unwrap().strip_suffix('\n').unwrap();
    assert!(TcpStream::connect(("127.0.0.1", port.parse().unwrap())).is_ok());
    signal(child.id(), Signal::INT);
    assert_eq!(wait_for_end(&mut child), Some(0));
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
}

#[test]
fn a_second_server_on_the_same_data_is_refused() {
    let server = Plan::new(BOOTSTRAP).start();
    let data_dir = server.data_dir();
    let ran = run(&["serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir.to_str().unwrap()]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
    let last = ran.stderr.lines().last().unwrap();
    assert!(last.starts_with("countersign: ") && last.contains(&server.pid().to_string()), "{}", ran.stderr);
}

#[test]
fn a_port_in_use_is_said_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let root = tempfile::tempdir().unwrap();
    for command in ["demo", "serve"] {
        let mut command = countersign(&[command, "--listen", &address]);
        command.env("TMPDIR", root.path()).current_dir(root.path());
        let ran = finish(command);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
        let expected = format!(
            "countersign: cannot listen on {address}: another program listens there; choose another address with --listen ADDR, COUNTERSIGN__HTTP__LISTEN or http.listen (port 0 picks a free one)\n"
        );
        assert_eq!(ran.stderr, expected);
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0, "something was left behind");
    }
}

#[test]
fn a_second_signal_ends_the_server_at_once() {
    let plan = Plan::new(BOOTSTRAP).set("http.body_timeout", "10m").set("http.request_timeout", "10m");
    let mut server = plan.set("http.stop_timeout", "15m").start();
    // A request whose body never comes keeps the server from stopping.
    let mut slow = TcpStream::connect(server.url.strip_prefix("http://").unwrap()).unwrap();
    slow.write_all(b"POST /oauth2/token HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n")
        .unwrap();
    let mut answer = [0; 12];
    slow.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100", "the request is under way");
    signal(server.pid(), Signal::TERM);
    while !server.diagnostics().contains("a second signal ends the process at once") {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(server.terminate(), Some(1));
    assert_eq!(server.again().login().status, 200, "nothing was harmed");
}

/// Everything that happened to clients and accounts.
fn declared(server: &Server) -> Vec<Value> {
    let mut events = server.events();
    events.retain(|event| !event["type"].as_str().unwrap().starts_with("system."));
    events
}

#[test]
fn a_bootstrap_file_applied_again_changes_nothing_and_says_what_differs() {
    let mut server = Plan::new(BOOTSTRAP).start();
    let before = declared(&server);
    assert_eq!(server.terminate(), Some(0));
    let mut server = server.again();
    assert_eq!(declared(&server), before);
    assert!(!server.diagnostics().contains("was left as it is"), "{}", server.diagnostics());

    server.kill();
    let changed = BOOTSTRAP
        .replace("secret = \"store-secret\"", "secret = \"another-secret\"\naccess_ttl = \"1m\"")
        .replace(ALICE.1, "another password of hers")
        .replace("id = \"app\"", "id = \"app\"\nenabled = false");
    let server = server.again_with(|plan| Plan { bootstrap: changed, ..plan });
    assert_eq!(declared(&server), before);
    let said = server.diagnostics();
    assert!(said.contains("has other settings than the file"), "{said}");
    assert!(said.contains("is enabled, unlike in the file"), "{said}");
    assert_eq!(server.login().status, 200, "secrets and passwords are never touched");
}

#[test]
fn a_secret_may_come_from_a_file_or_from_the_environment() {
    let root = tempfile::tempdir().unwrap();
    let secret = file(root.path(), "store.secret", "store-secret\n");
    let mut plan = Plan::new(
        &BOOTSTRAP
            .replace("secret = \"store-secret\"", &format!("secret_file = {:?}", secret.to_str().unwrap()))
            .replace(&format!("password = {:?}", ALICE.1), "password_env = \"PASSWORD_OF_ALICE\""),
    );
    plan.env.push(("PASSWORD_OF_ALICE".to_owned(), ALICE.1.to_owned()));
    let server = plan.start();
    assert_eq!(server.login().status, 200);
    assert!(!server.diagnostics().contains(ALICE.1));
}

#[test]
fn a_bootstrap_file_that_is_wrong_or_that_others_may_read_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let data_dir = root.path().join("data");
    let serve = |path: &Path| {
        let fixed = ["serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir.to_str().unwrap(), "--bootstrap"];
        let ran = run(&[&fixed[..], &[path.to_str().unwrap()]].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{}", ran.stderr);
        ran.stderr
    };
    let path = file(root.path(), "bootstrap.toml", BOOTSTRAP);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let text = serve(&path);
    assert!(text.contains(&format!("run `chmod 600 {}`", path.display())), "{text}");
    let text = serve(&file(root.path(), "unknown.toml", "[[clients]]\nid = \"a\"\nsecrte = \"hidden-secret\"\n"));
    assert!(text.contains("`secrte`") && text.contains("did you mean `secret`?"), "{text}");
    assert!(!text.contains("hidden-secret"), "{text}");
    let text = serve(&root.path().join("missing.toml"));
    assert!(text.contains("missing.toml"), "{text}");
    assert!(!data_dir.exists(), "nothing was made");
}

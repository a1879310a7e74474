//! Back-ups under load, and what a restored journal believes.

use crate::support::{ALICE, Answer, BOOTSTRAP, Plan, Server, events_in};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::TempDir;

fn run(arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    let output = command.arg("journal").args(arguments).stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

fn backup(server: &Server, to: &Path) -> String {
    let from = server.data_dir();
    run(&["backup", "--data-dir", from.to_str().unwrap(), "--to", to.to_str().unwrap()]).unwrap()
}

/// A directory for a restored server, with the master key of the old one beside it.
fn restored(server: &Server, backup: &Path, more: &[&str]) -> (Arc<TempDir>, String) {
    let root = Arc::new(tempfile::tempdir().unwrap());
    let key = server.data_dir().with_extension("master.key");
    fs::copy(&key, root.path().join("data.master.key")).unwrap();
    let data = root.path().join("data");
    let fixed = ["restore", "--from", backup.to_str().unwrap(), "--data-dir", data.to_str().unwrap()];
    let said = run(&[&fixed[..], more].concat()).unwrap();
    (root, said)
}

fn refused_as(server: &Server, token: &str, outcome: &str) {
    let name = format!(r#"countersign_refreshes_total{{client="store",outcome="{outcome}"}}"#);
    let before = if server.get("/metrics").body.contains(&name) { server.metric(&name) } else { 0.0 };
    assert_eq!(server.refresh(token).status, 400, "{outcome}");
    assert_eq!(server.metric(&name), before + 1.0, "{outcome}");
}

fn kids(server: &Server) -> Vec<String> {
    let keys = server.get("/.well-known/jwks.json").json();
    keys["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_backup_under_load_holds_everything_that_was_acknowledged_before_it_began() {
    let root = tempfile::tempdir().unwrap();
    let to = root.path().join("backup");
    let server = Plan::new(BOOTSTRAP).set("journal.segment_bytes", "1MiB").start();
    let stop = AtomicBool::new(false);
    let (acknowledged, said) = std::thread::scope(|scope| {
        let work = || {
            let mut last: Option<Answer> = None;
            while !stop.load(Ordering::Relaxed) {
                // Somebody else: too many sessions of one account would end her oldest.
                let mut answer = server.login_as("bob@example.com", "another fine password");
                for _ in 0..5 {
                    answer = server.refresh(&answer.refresh());
                }
                last = Some(answer);
            }
            last
        };
        let threads = [scope.spawn(work), scope.spawn(work)];
        let mut acknowledged = Vec::new();
        for _ in 0..5 {
            let login = server.login();
            acknowledged.push(server.refresh(&login.refresh()));
        }
        let said = backup(&server, &to);
        stop.store(true, Ordering::Relaxed);
        threads.into_iter().for_each(|thread| assert!(thread.join().unwrap().is_some()));
        (acknowledged, said)
    });
    assert!(said.contains("position  ") && said.contains("The master key is not in it"), "{said}");
    assert_eq!(fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(fs::metadata(to.join("backup")).unwrap().permissions().mode() & 0o777, 0o600);
    let (root, _) = restored(&server, &to, &["--keep-sessions", "moved"]);
    drop(server);
    let mut plan = Plan::new(BOOTSTRAP);
    plan.flags.push("--check-all".to_owned());
    let mut server = Server::start_in(root, plan);
    for answer in acknowledged {
        assert!(server.is_active(&answer.access()));
        assert_eq!(server.refresh(&answer.refresh()).status, 200);
    }
    assert_eq!(server.terminate(), Some(0), "{}", server.diagnostics());
}

fn try_backup(data: &Path, to: &Path, more: &[&str]) -> Result<String, String> {
    let fixed = ["backup", "--data-dir", data.to_str().unwrap(), "--to", to.to_str().unwrap()];
    run(&[&fixed[..], more].concat())
}

#[test]
fn a_backup_says_what_it_would_leave_out_behind_an_anchor_that_is_late_or_was_never_written() {
    let root = tempfile::tempdir().unwrap();
    let to = root.path().join("backup");
    let mut server = Plan::new(BOOTSTRAP).set("journal.anchor_interval", "1m").start();
    let data = server.data_dir();
    let login = server.login();
    let late = try_backup(&data, &to, &[]).unwrap_err();
    assert!(late.contains("journal.anchor_interval") && late.contains("--config"), "{late}");
    let late = try_backup(&data, &to, &["--up-to-anchor"]).unwrap_err();
    assert!(late.contains("journal.anchor_interval"), "{late}");

    server.kill();
    let crashed = try_backup(&data, &to, &[]).unwrap_err();
    assert!(crashed.contains("not stopped in good order") && crashed.contains("--up-to-anchor"), "{crashed}");
    let number = |behind: &str| {
        let digits: String = crashed.split_once(behind).unwrap().1.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<u64>().unwrap()
    };
    let (anchored, written) = (number("the anchor covers entry "), number("the entries up to "));
    assert!(anchored < written, "{crashed}");
    let told = try_backup(&data, &to, &["--up-to-anchor"]).unwrap();
    assert!(told.contains(&format!("position  {anchored}\n")), "{told}");
    assert!(!fs::exists(to.join("unfinished")).unwrap() && !fs::exists(to.join("lock")).unwrap());

    let mut server = server.again();
    assert_eq!(server.terminate(), Some(0), "{}", server.diagnostics());
    let complete = root.path().join("complete");
    try_backup(&data, &complete, &[]).unwrap();
    let (root, _) = restored(&server, &complete, &["--keep-sessions", "moved"]);
    let server = Server::start_in(root, Plan::new(BOOTSTRAP));
    assert!(server.is_active(&login.access()));
}

#[test]
fn a_directory_that_a_command_has_not_finished_is_not_backed_up() {
    let root = tempfile::tempdir().unwrap();
    let to = root.path().join("backup");
    let mut server = Plan::new(BOOTSTRAP).start();
    assert_eq!(server.terminate(), Some(0), "{}", server.diagnostics());
    let data = server.data_dir();
    for (mark, said) in [("unfinished", "was not filled to its end"), ("mending", "repair")] {
        fs::write(data.join(mark), "").unwrap();
        let refused = try_backup(&data, &to, &[]).unwrap_err();
        assert!(refused.contains(said) && !to.exists(), "{refused}");
        fs::remove_file(data.join(mark)).unwrap();
    }
    try_backup(&data, &to, &[]).unwrap();
}

#[test]
fn after_a_restore_the_lost_future_is_recognised_and_nothing_that_was_revoked_comes_back() {
    let root = tempfile::tempdir().unwrap();
    let to = root.path().join("backup");
    let server = Plan::new(BOOTSTRAP).start();
    let first = server.login();
    let gone_on = server.refresh(&first.refresh());
    let revoked = server.login();
    let idle = server.login();
    let old_kids = kids(&server);
    backup(&server, &to);
    let future = server.refresh(&gone_on.refresh());
    assert_eq!(
        server.post("/oauth2/revoke", Some(crate::support::STORE), &[("token", &revoked.refresh())]).status,
        200
    );
    let later = server.login();
    assert!(!server.is_active(&revoked.access()));

    let (ended, said) = restored(&server, &to, &[]);
    assert!(said.contains("sessions  3 ended; the brake of 3 clients pulled"), "{said}");
    assert!(said.contains("who is disabled, are those of the back-up: change again what was changed since"), "{said}");
    let (kept, said) = restored(&server, &to, &["--keep-sessions", "a trial"]);
    assert!(said.contains("kept: a trial"), "{said}");
    drop(server);

    let server = Server::start_in(ended, Plan::new(BOOTSTRAP));
    refused_as(&server, &future.refresh(), "ahead_of_journal");
    refused_as(&server, &later.refresh(), "history_lost");
    refused_as(&server, &revoked.refresh(), "closed");
    refused_as(&server, &idle.refresh(), "closed");
    for old in [&gone_on, &revoked, &idle, &later] {
        assert!(!server.is_active(&old.access()));
    }
    let login = server.login_as(ALICE.0, ALICE.1);
    assert!(server.is_active(&login.access()));
    assert_eq!(server.refresh(&login.refresh()).status, 200);
    let kids = kids(&server);
    assert!(kids.len() > old_kids.len() && old_kids.iter().all(|kid| kids.contains(kid)), "{kids:?}, {old_kids:?}");
    let header = login.access().split('.').next().unwrap().to_owned();
    assert!(!first.access().starts_with(&header), "another key signs");
    let events = server.events();
    let begun = events.iter().position(|event| event["type"] == "system.restored").unwrap();
    assert_eq!(events[begun]["data"]["size"], begun as u64);
    assert_ne!(events[begun]["data"]["origin"], events[0]["data"]["origin"]);
    let closed = events.iter().filter(|event| event["type"] == "session.revoked");
    assert_eq!(closed.filter(|event| event["data"]["reason"] == "restored").count(), 3);

    let server = Server::start_in(kept, Plan::new(BOOTSTRAP));
    refused_as(&server, &future.refresh(), "ahead_of_journal");
    refused_as(&server, &later.refresh(), "history_lost");
    assert!(server.is_active(&idle.access()));
    assert_eq!(server.refresh(&idle.refresh()).status, 200);
    let restored = server.events().into_iter().find(|event| event["type"] == "system.restored").unwrap();
    assert_eq!(restored["data"]["sessions_kept"], "a trial");
}

#[test]
fn a_backup_is_not_served_and_a_spoiled_one_makes_nothing() {
    let root = tempfile::tempdir().unwrap();
    let server = Plan::new(BOOTSTRAP).start();
    server.login();
    let to = root.path().join("data");
    backup(&server, &to);
    let key = server.data_dir().with_extension("master.key");
    fs::copy(&key, root.path().join("data.master.key")).unwrap();
    let serve = |data: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        let output = command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let refused = serve(&to);
    let hint = format!("countersign journal restore --from {} --data-dir NEW", to.display());
    assert!(refused.contains(&hint), "{refused}");
    let again = run(&["backup", "--data-dir", server.data_dir().to_str().unwrap(), "--to", to.to_str().unwrap()]);
    assert!(again.unwrap_err().contains("is not empty"));

    let new = root.path().join("new");
    let restore = || {
        let key = ["--master-key", key.to_str().unwrap()];
        let from = ["restore", "--from", to.to_str().unwrap(), "--data-dir", new.to_str().unwrap()];
        run(&[&from[..], &key].concat())
    };
    let keys = to.join("keys/keys");
    let whole = fs::read(&keys).unwrap();
    fs::write(&keys, &whole[..whole.len() - 128]).unwrap();
    let refused = restore().unwrap_err();
    assert!(refused.contains("keys/keys is not what it was") && refused.contains("nothing was made"), "{refused}");
    assert!(!new.exists());
    fs::write(&keys, &whole).unwrap();
    restore().unwrap();
    fs::write(new.join("unfinished"), "").unwrap();
    assert!(serve(&new).contains("remove the directory and run that command again"));
    drop(server);
}

/// Works until a segment was closed and sealed, and gives the last answer of each session.
fn work_until_sealed(server: &Server) -> Vec<Answer> {
    let sealed = || {
        let names = fs::read_dir(server.data_dir().join("journal")).unwrap();
        let names: Vec<_> = names.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        let text_is_gone = |first: &str| !names.contains(&format!("{first}.jsonl"));
        names.iter().filter_map(|name| name.strip_suffix(".idx")).any(text_is_gone)
    };
    let work = || {
        let mut answer = server.login();
        while !sealed() {
            for _ in 0..40 {
                answer = server.refresh(&answer.refresh());
            }
        }
        answer
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..5).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn old_segments_are_archived_and_dropped_and_everybody_goes_on() {
    let root = tempfile::tempdir().unwrap();
    let (archive, copy): (PathBuf, _) = (root.path().join("archive"), root.path().join("backup"));
    let mut server = Plan::new(BOOTSTRAP).set("journal.segment_bytes", "1MiB").start();
    let answers = work_until_sealed(&server);
    let dir = server.data_dir();
    let dir = dir.to_str().unwrap();
    let before = ["--before", "2100-01-01T00:00:00Z", "--data-dir", dir];
    let running = run(&[&["drop", "--forever"], &before[..]].concat()).unwrap_err();
    assert!(running.contains("works on a stopped server"), "{running}");
    let to = ["--to", archive.to_str().unwrap()];
    let archived = run(&[&["archive"], &to[..], &before].concat()).unwrap();
    assert!(!archived.contains("segments  0 copied"), "{archived}");
    let again = run(&[&["archive"], &to[..], &before].concat()).unwrap();
    assert!(!again.contains("copied, 0 were there"), "{again}");
    assert_eq!(server.terminate(), Some(0), "{}", server.diagnostics());

    let elsewhere = ["--archived", root.path().to_str().unwrap()];
    let refused = run(&[&["drop"], &elsewhere[..], &before].concat()).unwrap_err();
    assert!(refused.contains("countersign journal archive --before"), "{refused}");
    // What was sealed meanwhile, too.
    run(&[&["archive"], &to[..], &before].concat()).unwrap();
    let dropped = run(&[&["drop", "--archived", archive.to_str().unwrap()], &before[..]].concat()).unwrap();
    assert!(dropped.contains("dropped the entries up to "), "{dropped}");
    let nothing = run(&[&["drop", "--forever"], &before[..]].concat()).unwrap();
    assert!(nothing.contains("nothing to drop"), "{nothing}");

    // Also where the store has to be rebuilt from the base.
    fs::remove_dir_all(server.data_dir().join("store")).unwrap();
    let server = server.again_with(|mut plan| {
        plan.flags.push("--check-all".to_owned());
        plan
    });
    for answer in &answers {
        assert_eq!(server.refresh(&answer.refresh()).status, 200);
    }
    let events = events_in(&server.data_dir());
    assert!(events[0]["position"].as_u64().unwrap() > 1, "the tail begins behind what was dropped");
    backup(&server, &copy);
    let (root, _) = restored(&server, &copy, &[]);
    drop(server);
    let server = Server::start_in(root, Plan::new(BOOTSTRAP));
    refused_as(&server, &answers[0].refresh(), "closed");
    assert_eq!(server.login().status, 200);
}

//! A data directory that does not start names the command that helps; the command is run as it was printed, and it starts.

use crate::sealing::{damage, sealed_in, with_history};
use crate::support::{Answer, BOOTSTRAP, Plan, STORE, Server, Stopped, events_in};
use countersign::crypto::{KeyKind, KeyRecord, MasterKey, RawKey};
use countersign::domain::ids::{AccountId, Owner};
use countersign::entropy::SeededEntropy;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use uuid::Uuid;

const SEGMENT: &str = "journal/00000000000000000001.jsonl";

/// Runs a command as it is printed between backquotes, on a data directory.
fn run(stopped: &Stopped, printed: &str) -> Output {
    let mut words = printed.split(' ');
    assert_eq!(words.next(), Some("countersign"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.args(words).arg("--data-dir").arg(stopped.data_dir()).output().unwrap()
}

fn done(stopped: &Stopped, printed: &str) -> String {
    let output = run(stopped, printed);
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{printed}: {out}{err}");
    out
}

/// What the diagnosis prints of a directory in which something is wrong.
fn diagnosis(stopped: &Stopped) -> String {
    let output = run(stopped, "countersign journal repair");
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stdout).unwrap()
}

/// The first command between backquotes in a text that begins like this.
fn named(text: &str, begins: &str) -> String {
    let mut quoted = text.split('`').skip(1).step_by(2);
    let found = quoted.find(|quoted| quoted.starts_with(begins));
    found.unwrap_or_else(|| panic!("no `{begins}`: {text}")).to_owned()
}

fn refusal(stopped: &Stopped) -> String {
    let (code, text) = stopped.refusal();
    assert_eq!(code, Some(1), "{text}");
    text
}

/// A few sessions, alive and revoked.
fn with_sessions() -> (Stopped, Vec<Answer>, Vec<Answer>) {
    let server = Plan::new(BOOTSTRAP).start();
    let mut alive: Vec<_> = (0..6).map(|_| server.login()).collect();
    for session in &mut alive {
        *session = server.refresh(&session.refresh());
    }
    let dead = alive.split_off(4);
    for session in &dead {
        assert_eq!(server.post("/oauth2/revoke", Some(STORE), &[("token", &session.refresh())]).status, 200);
    }
    let mut server = server;
    assert_eq!(server.terminate(), Some(0));
    (server.stopped(), alive, dead)
}

fn check_all_as_before(server: &Server, alive: &[Answer], dead: &[Answer]) {
    for session in alive {
        assert!(server.is_active(&session.access()));
        assert_eq!(server.refresh(&session.refresh()).status, 200);
    }
    for session in dead {
        assert!(!server.is_active(&session.access()));
        assert_eq!(server.refresh(&session.refresh()).status, 400);
    }
}

fn repaired(events: &[Value]) -> Vec<&Value> {
    events.iter().filter(|event| event["type"] == "system.repaired").collect()
}

fn flip(path: &Path, byte: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[byte] ^= 4;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_journal_without_faults_is_found_without_faults() {
    let (stopped, ..) = with_sessions();
    let said = done(&stopped, "countersign journal repair");
    assert!(said.starts_with("nothing is wrong: 1 segments, "), "{said}");
    assert_eq!(repaired(&events_in(&stopped.data_dir())).len(), 0);
}

#[test]
fn a_running_server_is_not_repaired() {
    let server = Plan::new(BOOTSTRAP).start();
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    let output = command.args(["journal", "repair", "--data-dir"]).arg(server.data_dir()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("is in use by process") && said.contains("kill"), "{said}");
}

#[test]
fn a_flipped_bit_in_the_open_segment_is_mended_from_the_store_and_every_session_goes_on() {
    let (stopped, alive, dead) = with_sessions();
    let before = events_in(&stopped.data_dir());
    let path = stopped.data_dir().join(SEGMENT);
    flip(&path, fs::metadata(&path).unwrap().len() as usize / 2);
    let damaged = fs::read(&path).unwrap();
    assert_eq!(named(&refusal(&stopped), "countersign"), "countersign journal repair");
    let said = diagnosis(&stopped);
    assert!(said.contains(SEGMENT) && said.contains("accept-loss"), "{said}");
    assert_eq!(fs::read(&path).unwrap(), damaged, "a diagnosis changes nothing");
    done(&stopped, &named(&said, "countersign"));
    let kept = stopped.data_dir().join(SEGMENT.replace("journal/", "journal/damaged-"));
    assert_eq!(fs::read(kept).unwrap(), damaged);
    let events = events_in(&stopped.data_dir());
    assert_eq!(events[..before.len()], before);
    let data = &repaired(&events)[0]["data"];
    assert_eq!((&data["file"], &data["from"]), (&SEGMENT.into(), &"store".into()));
    assert_eq!(data["first"], data["last"]);
    check_all_as_before(&stopped.start(), &alive, &dead);
}

#[test]
fn a_segment_cut_short_behind_the_store_and_an_anchor_that_is_gone_are_mended_as_the_refusal_says() {
    let (stopped, alive, dead) = with_sessions();
    let before = events_in(&stopped.data_dir());
    let path = stopped.data_dir().join(SEGMENT);
    let text = fs::read(&path).unwrap();
    fs::write(&path, &text[..text.len() * 2 / 3]).unwrap();
    done(&stopped, &named(&refusal(&stopped), "countersign"));
    let events = events_in(&stopped.data_dir());
    assert_eq!(events[..before.len()], before);
    fs::remove_file(stopped.data_dir().join("anchor")).unwrap();
    done(&stopped, &named(&refusal(&stopped), "countersign"));
    let events = events_in(&stopped.data_dir());
    let files: Vec<_> =
        repaired(&events).iter().map(|event| event["data"]["file"].as_str().unwrap().to_owned()).collect();
    assert_eq!(files, [SEGMENT, "anchor"]);
    check_all_as_before(&stopped.start(), &alive, &dead);
}

#[test]
fn a_sealed_segment_that_is_damaged_or_gone_is_taken_from_a_backup() {
    let (mut server, token) = with_history();
    let root = tempfile::tempdir().unwrap();
    let to = root.path().join("backup");
    assert_eq!(server.terminate(), Some(0));
    let stopped = server.stopped();
    done(&stopped, &format!("countersign journal backup --to {}", to.display()));
    let before = events_in(&stopped.data_dir());
    let file = damage(&stopped);
    let third = sealed_in(&stopped.data_dir())[2].clone();
    let whole = fs::read(&third).unwrap();
    fs::remove_file(&third).unwrap();

    let said = diagnosis(&stopped);
    assert!(said.contains(&file) && said.contains("entries cannot be read any more"), "{said}");
    let command = named(&said, "countersign journal repair --from-backup").replace("DIR", to.to_str().unwrap());
    done(&stopped, &command);
    assert_eq!(fs::read(&third).ok().or(fs::read(third.with_extension("")).ok().map(|_| whole.clone())), Some(whole));
    let events = events_in(&stopped.data_dir());
    assert_eq!(events[..before.len()], before);
    let recorded = repaired(&events);
    assert_eq!(recorded.len(), 2, "{recorded:?}");
    assert!(recorded.iter().all(|event| event["data"]["from"] == "backup"));
    assert!(stopped.data_dir().join(file.replace("journal/", "journal/damaged-")).exists());
    fs::remove_dir_all(stopped.data_dir().join("store")).unwrap();
    let server = stopped.start();
    assert_eq!(server.refresh(&token).status, 200, "the store was made again from all of it");
}

#[test]
fn what_nothing_has_any_more_is_given_up_on_purpose_and_nothing_that_was_revoked_comes_back() {
    let (stopped, alive, dead) = with_sessions();
    let path = stopped.data_dir().join(SEGMENT);
    let text = fs::read(&path).unwrap();
    // The first of the revocations, and everything behind it.
    let revoked = b"\"type\":\"session.revoked\"";
    let lost = text.windows(revoked.len()).position(|window| window == revoked);
    flip(&path, lost.unwrap());
    fs::remove_dir_all(stopped.data_dir().join("store")).unwrap();
    assert_eq!(named(&refusal(&stopped), "countersign"), "countersign journal repair");
    let said = diagnosis(&stopped);
    assert!(!said.contains("--from-store` makes"), "{said}");
    let command = named(&said, "countersign journal accept-loss");
    let good: u64 = command.rsplit_once(' ').unwrap().1.parse().unwrap();
    assert!(said.contains(&format!("\n  {}\n", good + 1)), "{said}");
    assert!(said.contains("session.revoked session:"), "what can still be read is shown: {said}");
    let other = run(&stopped, &format!("countersign journal accept-loss {}", good - 1));
    assert_eq!(other.status.code(), Some(1));
    let told = done(&stopped, &command);
    assert!(told.contains("6 ended") && told.contains(&format!("position  {good}\n")), "{told}");

    let events = events_in(&stopped.data_dir());
    let accepted = &events[good as usize];
    assert_eq!(accepted["type"], "system.loss_accepted");
    assert_eq!(accepted["data"]["size"], good);
    assert!(accepted["data"]["lost_through"].as_u64().unwrap() > good);
    let server = stopped.start();
    for session in alive.iter().chain(&dead) {
        assert!(!server.is_active(&session.access()));
        assert_eq!(server.refresh(&session.refresh()).status, 400);
    }
    assert_eq!(server.login().status, 200);
}

#[test]
fn a_damaged_key_is_taken_from_a_backup() {
    let (stopped, alive, dead) = with_sessions();
    let root = tempfile::tempdir().unwrap();
    let to = root.path().join("backup");
    // Its end need not be in it: the keys are.
    done(&stopped, &format!("countersign journal backup --up-to-anchor --to {}", to.display()));
    flip(&stopped.data_dir().join("keys/keys"), 2 * 128 + 60);
    let said = refusal(&stopped);
    let command = named(&said, "countersign journal repair --from-backup").replace("DIR", to.to_str().unwrap());
    assert!(diagnosis(&stopped).contains("keys/keys"));
    done(&stopped, &command);
    check_all_as_before(&stopped.start(), &alive, &dead);
}

#[test]
fn a_key_is_taken_only_from_a_backup_that_the_master_key_opens() {
    let (stopped, alive, dead) = with_sessions();
    let root = tempfile::tempdir().unwrap();
    let [old, new] = ["old", "new"].map(|name| root.path().join(name).display().to_string());
    done(&stopped, &format!("countersign journal backup --to {old}"));
    let (master, other) = (stopped.data_dir().with_extension("master.key"), root.path().join("other.key"));
    done(&stopped, &format!("countersign key new-master --to {}", other.display()));
    let before = root.path().join("before.key");
    fs::rename(&master, &before).unwrap();
    fs::copy(&other, &master).unwrap();
    done(&stopped, "countersign key list");
    done(&stopped, &format!("countersign journal backup --to {new}"));
    // The first record behind the system's.
    let keys = stopped.data_dir().join("keys/keys");
    flip(&keys, 3 * 128 + 60);
    let damaged = fs::read(&keys).unwrap();

    let outcome = run(&stopped, &format!("countersign journal repair --from-backup {old}"));
    let said = String::from_utf8(outcome.stderr).unwrap();
    assert_eq!(outcome.status.code(), Some(1), "{said}");
    assert!(said.contains("1 damaged records") && said.contains("after the master key was changed"), "{said}");
    let with_before = format!("countersign journal repair --from-backup {old} --master-key {}", before.display());
    let said = String::from_utf8(run(&stopped, &with_before).stderr).unwrap();
    assert!(said.contains("the master key does not open this data directory's keys"), "{said}");
    assert_eq!(fs::read(&keys).unwrap(), damaged, "nothing was taken that nobody could open");
    fs::remove_file(&keys).unwrap();
    let said =
        String::from_utf8(run(&stopped, &format!("countersign journal repair --from-backup {old}")).stderr).unwrap();
    assert!(said.contains("after the master key was changed") && !keys.exists(), "{said}");
    fs::write(&keys, damaged).unwrap();

    done(&stopped, &format!("countersign journal repair --from-backup {new}"));
    check_all_as_before(&stopped.start(), &alive, &dead);
}

/// Puts behind the keys what a power cut leaves of two that no entry came to know: one torn, one whole.
fn leave_orphans(stopped: &Stopped) -> usize {
    let master = fs::read_to_string(stopped.data_dir().with_extension("master.key")).unwrap();
    let (master, entropy) = (MasterKey::from_text(&master).unwrap(), SeededEntropy::new(3));
    let [mut torn, whole] = [1, 2].map(|n| {
        let kind = KeyKind::Data(Owner::Account(AccountId(Uuid::from_u128(n))));
        KeyRecord::wrap(&master, &kind, &RawKey::generate(&entropy), &entropy).encode()
    });
    torn[60..].fill(0);
    let path = stopped.data_dir().join("keys/keys");
    let keys = fs::read(&path).unwrap();
    assert_eq!(keys.len() % KeyRecord::LEN, 0);
    fs::write(&path, [&keys[..], &torn, &whole].concat()).unwrap();
    keys.len()
}

#[test]
fn keys_that_a_crash_left_without_entries_keep_no_repair_from_its_end() {
    for store_is_lost in [false, true] {
        let root = tempfile::tempdir().unwrap();
        let to = root.path().join("backup");
        let (mut server, token) = with_history();
        assert_eq!(server.terminate(), Some(0));
        let stopped = server.stopped();
        done(&stopped, &format!("countersign journal backup --to {}", to.display()));
        let server = stopped.start();
        let token = server.refresh(&token).refresh();
        let stopped = server.stopped();
        let length = leave_orphans(&stopped);
        let file = damage(&stopped);
        if store_is_lost {
            fs::remove_dir_all(stopped.data_dir().join("store")).unwrap();
        }
        let said = diagnosis(&stopped);
        assert!(said.contains(&file), "{said}");
        let command = named(&said, "countersign journal repair --from-backup").replace("DIR", to.to_str().unwrap());
        let told = done(&stopped, &command);
        assert!(told.contains(&file), "{told}");
        assert_eq!(fs::metadata(stopped.data_dir().join("keys/keys")).unwrap().len() as usize, length);
        assert!(done(&stopped, "countersign journal repair").starts_with("nothing is wrong"));
        assert_eq!(stopped.start().refresh(&token).status, 200);
    }
}

/// What `--check-all` comes to.
fn checking_all(stopped: Stopped) -> Stopped {
    stopped.with(|mut plan| {
        plan.flags.push("--check-all".to_owned());
        plan
    })
}

#[test]
fn a_base_that_rotted_is_named_with_what_helps() {
    let (mut server, token) = with_history();
    assert_eq!(server.terminate(), Some(0));
    let stopped = checking_all(server.stopped());
    done(&stopped, "countersign journal drop --forever --before 2100-01-01T00:00:00Z");
    let mut files = fs::read_dir(stopped.data_dir().join("journal")).unwrap().map(|entry| entry.unwrap().path());
    let base = files.find(|path| path.file_name().unwrap().to_str().unwrap().starts_with("base-")).unwrap();
    let file = format!("journal/{}", base.file_name().unwrap().to_str().unwrap());
    let whole = fs::read(&base).unwrap();
    flip(&base, whole.len() / 2);
    let refused = refusal(&stopped);
    assert!(refused.contains(&file), "{refused}");
    let said = diagnosis(&stopped);
    assert_eq!(named(&refused, "countersign"), "countersign journal repair");
    assert!(said.contains(&format!("{file}: it does not have the SHA-256")), "{said}");
    assert!(
        said.contains(&format!("{file} copied from a back-up")) && said.contains("put back from their archive"),
        "{said}"
    );
    fs::remove_file(&base).unwrap();
    let said = diagnosis(&stopped);
    assert!(said.contains(&format!("{file}: it is not there")), "{said}");
    fs::write(&base, whole).unwrap();
    assert!(done(&stopped, "countersign journal repair").starts_with("nothing is wrong"));
    assert_eq!(stopped.start().refresh(&token).status, 200);
}

#[test]
fn an_index_whose_records_rotted_is_made_again_by_a_start_that_checks_all() {
    let (mut server, token) = with_history();
    assert_eq!(server.terminate(), Some(0));
    let stopped = checking_all(server.stopped());
    let index = sealed_in(&stopped.data_dir())[1].with_extension("").with_extension("idx");
    let whole = fs::read(&index).unwrap();
    flip(&index, whole.len() - 10);
    let server = stopped.start();
    assert_eq!(fs::read(&index).unwrap(), whole);
    let diagnostics = server.diagnostics();
    assert!(diagnostics.contains("made again from the segment") && diagnostics.contains(".idx"), "{diagnostics}");
    assert!(diagnostics.contains("every entry of the journal was read and is whole"), "{diagnostics}");
    assert_eq!(server.refresh(&token).status, 200);
}

//! Closed segments are sealed beside a running server; starts do not read them, scrubs do.

use crate::support::{BOOTSTRAP, Plan, STORE, Server, Stopped, wait_until};
use std::fs;
use std::path::PathBuf;

/// A server whose segments are small, with a few of them sealed, and a session that is alive.
pub fn with_history() -> (Server, String) {
    let server = Plan::new(BOOTSTRAP).set("journal.segment_bytes", "64KiB").start();
    let mut token = server.login().refresh();
    for _ in 0..400 {
        token = server.refresh(&token).refresh();
    }
    wait_until("four segments are sealed", || sealed_in(&server.data_dir()).len() >= 4);
    wait_until("no segment waits", || server.metric("countersign_journal_unsealed_segments") == 0.0);
    (server, token)
}

pub fn sealed_in(data_dir: &std::path::Path) -> Vec<PathBuf> {
    let files = fs::read_dir(data_dir.join("journal")).unwrap().map(|entry| entry.unwrap().path());
    let mut sealed: Vec<_> = files.filter(|path| path.extension().is_some_and(|found| found == "zst")).collect();
    sealed.sort();
    sealed
}

/// Flips a bit in the middle of the second sealed segment, and says how the file is called in sentences.
pub fn damage(stopped: &Stopped) -> String {
    let path = sealed_in(&stopped.data_dir())[1].clone();
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 16;
    fs::write(&path, bytes).unwrap();
    format!("journal/{}", path.file_name().unwrap().to_str().unwrap())
}

#[test]
fn the_story_of_a_session_is_read_across_sealed_segments_and_its_token_works_after_a_restart() {
    let (server, token) = with_history();
    assert!(server.metric("countersign_journal_sealed_bytes") < server.metric("countersign_journal_bytes") / 3.0);
    let before = server.events();
    assert_eq!(before.len() as u64, before.last().unwrap()["position"].as_u64().unwrap());
    let server = server.again();
    let refreshed = server.refresh(&token);
    assert_eq!(refreshed.status, 200, "{}", refreshed.body);
    assert_eq!(server.events()[..before.len()], before);
    let server = server.again_with(|mut plan| {
        plan.flags.push("--check-all".to_owned());
        plan
    });
    assert!(server.diagnostics().contains("every entry of the journal was read and is whole"));
}

#[test]
fn a_start_does_not_read_sealed_segments() {
    let (mut server, token) = with_history();
    assert_eq!(server.terminate(), Some(0));
    let stopped = server.stopped();
    // Had anything been read of them, it would not be what it should be.
    for path in sealed_in(&stopped.data_dir()) {
        fs::write(&path, vec![0; fs::metadata(&path).unwrap().len() as usize]).unwrap();
    }
    let server = stopped.start();
    assert_eq!(server.refresh(&token).status, 200);
}

#[test]
fn damage_in_a_sealed_segment_is_found_by_check_all_and_never_used_in_a_rebuild() {
    let (mut server, token) = with_history();
    assert_eq!(server.terminate(), Some(0));
    let stopped = server.stopped();
    let file = damage(&stopped);

    let checked = stopped.with(|mut plan| {
        plan.flags.push("--check-all".to_owned());
        plan
    });
    let (code, text) = checked.refusal();
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains(&file), "{text}");

    let stopped = checked.with(|mut plan| {
        plan.flags.clear();
        plan
    });
    let server = stopped.start();
    assert_eq!(server.refresh(&token).status, 200, "the store still has what the server needs");

    let mut server = server;
    assert_eq!(server.terminate(), Some(0));
    let stopped = server.stopped();
    fs::remove_dir_all(stopped.data_dir().join("store")).unwrap();
    let (code, text) = stopped.refusal();
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains(&file), "{text}");
}

#[test]
fn damage_in_a_sealed_segment_is_found_by_the_scrub_and_turns_readiness_off() {
    let (mut server, token) = with_history();
    assert_eq!(server.terminate(), Some(0));
    let stopped = server.stopped();
    let file = damage(&stopped);
    let server = stopped.with(|plan| plan.set("journal.scrub_interval", "1s")).start();
    wait_until("the scrub has found it", || server.get("/health/ready").status == 503);
    let ready = server.get("/health/ready").json();
    assert_eq!((&ready["segments"], &ready["journal"]), (&false.into(), &true.into()), "{ready}");
    let diagnostics = server.diagnostics();
    assert!(diagnostics.contains(&file) && diagnostics.contains("countersign journal repair"), "{diagnostics}");
    assert_eq!(server.refresh(&token).status, 200, "what is asked is still answered");
    wait_until("the others were read", || server.metric("countersign_journal_scrubbed_total") >= 3.0);
}

#[test]
fn a_token_of_a_session_that_ended_long_ago_is_recognised_dated_and_recorded() {
    let server = Plan::new(BOOTSTRAP).set("journal.segment_bytes", "64KiB").start();
    let (first, other) = (server.login(), server.login());
    let mut tokens = vec![first.refresh()];
    for _ in 0..200 {
        let last = server.refresh(tokens.last().unwrap());
        tokens.push(last.refresh());
    }
    let sid = crate::support::claims(&first.access())["sid"].as_str().unwrap().to_owned();
    assert_eq!(server.post("/oauth2/revoke", Some(STORE), &[("token", tokens.last().unwrap())]).status, 200);
    let archived = |server: &Server, sid: &str| {
        let events = server.events();
        let last =
            events.iter().rfind(|event| event["stream"] == format!("session:{sid}")).unwrap()["position"].as_u64();
        let through = events.iter().rfind(|event| event["type"] == "system.sessions_archived");
        through.is_some_and(|event| event["data"]["through"].as_u64() >= last)
    };
    let mut token = other.refresh();
    wait_until("the session is archived", || {
        for _ in 0..60 {
            token = server.refresh(&token).refresh();
        }
        archived(&server, &sid)
    });

    let server = server.again();
    for generation in [0, 150, 200] {
        let refused = server.refresh(&tokens[generation]);
        assert_eq!((refused.status, refused.text("error").as_str()), (400, "invalid_grant"));
    }
    let events = server.events();
    let stream = format!("evidence:{sid}");
    let recorded: Vec<_> = events.iter().filter(|event| event["stream"] == stream).collect();
    assert_eq!(recorded.len(), 3, "{recorded:?}");
    for (event, generation) in recorded.iter().zip([0, 150, 200]) {
        let data = &event["data"];
        assert_eq!(event["type"], "evidence.refresh_refused");
        assert_eq!((&data["class"], &data["presented"]), (&"closed".into(), &generation.into()), "{event}");
        assert_eq!(data["ended"], "revoked");
        let redeemed = events
            .iter()
            .find(|event| event["stream"] == format!("session:{sid}") && event["data"]["presented"] == generation);
        let redeemed = redeemed.filter(|event| event["type"] == "session.refreshed").map(|event| &event["at"]);
        assert_eq!(data.get("redeemed_at"), redeemed, "{event}");
    }
    assert!(!events.iter().any(|event| event["type"] == "system.history_lost"));
}

//! The order of the system calls behind every answer, as the kernel saw it: read the request, write the segment, sync it,
//! answer. One request at a time, so that everything between a reading and an answer belongs to that request.

mod calls;

use crate::support::{ALICE, BOOTSTRAP, MACHINE, Plan, STORE, Server, is_installed};
use calls::{Call, Kind, calls};
use std::fs;
use std::ops::Range;
use std::time::{Duration, Instant};

/// What must lie on the disk before a request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Behind {
    /// Its events.
    Segment,
    /// It is a refusal that records nothing, and takes as long as one that does.
    Anchor,
    /// It changes nothing.
    Nothing,
}

/// Asks for everything once, in turn, and says what must stand behind each answer.
fn ask_everything(server: &Server) -> Vec<(&'static str, Behind)> {
    let mut asked = Vec::new();
    let mut ask = |what, behind, expected: u16, status: u16| {
        assert_eq!(status, expected, "{what}");
        asked.push((what, behind));
    };
    for round in 0..3 {
        let login = server.login();
        ask("a login", Behind::Segment, 200, login.status);
        // The same once more is only counted.
        let wrong = if round == 0 { Behind::Segment } else { Behind::Anchor };
        ask("a wrong password", wrong, 400, server.login_as(ALICE.0, "wrong").status);
        ask("an unknown login", Behind::Anchor, 400, server.login_as("nobody@example.com", "wrong").status);
        let first = server.refresh(&login.refresh());
        ask("a refresh", Behind::Segment, 200, first.status);
        ask("a first retry", Behind::Segment, 200, server.refresh(&login.refresh()).status);
        let introspect = || server.post("/oauth2/introspect", Some(STORE), &[("token", &first.access())]).status;
        ask("an introspection", Behind::Nothing, 200, introspect());
        let second = server.refresh(&first.refresh());
        ask("another refresh", Behind::Segment, 200, second.status);
        let revoke = server.post("/oauth2/revoke", Some(STORE), &[("token", &second.refresh())]);
        ask("a revocation", Behind::Segment, 200, revoke.status);
        ask("a refresh of a dead session", Behind::Segment, 400, server.refresh(&second.refresh()).status);
        ask("an introspection of a dead token", Behind::Nothing, 200, introspect());
        let replayed = server.login();
        ask("a second login", Behind::Segment, 200, replayed.status);
        let one = server.refresh(&replayed.refresh());
        ask("its refresh", Behind::Segment, 200, one.status);
        ask("its next refresh", Behind::Segment, 200, server.refresh(&one.refresh()).status);
        ask("a replay", Behind::Segment, 400, server.refresh(&replayed.refresh()).status);
        let issued = server.post("/oauth2/token", Some(MACHINE), &[("grant_type", "client_credentials")]);
        ask("a token for a client", Behind::Segment, 200, issued.status);
        let revoke = server.post("/oauth2/revoke", Some(MACHINE), &[("token", &issued.access())]);
        ask("its revocation", Behind::Segment, 200, revoke.status);
    }
    asked
}

#[test]
fn no_answer_leaves_before_the_disk_has_what_it_says() {
    if !is_installed("strace", "strace") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let trace = dir.path().join("trace");
    // The anchor is written on its own account once a minute only, so that what is seen of it belongs to a request.
    let mut plan = Plan::new(BOOTSTRAP).set("journal.anchor_interval", "1m");
    plan.under = calls::strace(&trace);
    let mut server = plan.start();
    let asked = ask_everything(&server);
    assert_eq!(server.terminate(), Some(0), "{}", server.diagnostics());
    let begin = Instant::now();
    while !fs::read_to_string(&trace).unwrap().ends_with("+++ exited with 0 +++\n") {
        assert!(begin.elapsed() < Duration::from_secs(20), "strace did not end");
        std::thread::sleep(Duration::from_millis(20));
    }
    let calls = calls(&fs::read_to_string(&trace).unwrap());
    let exchanges = exchanges(&calls);
    assert_eq!(exchanges.len(), asked.len(), "each request is read and answered");
    for (exchange, (what, behind)) in exchanges.into_iter().zip(&asked) {
        assert_eq!(synced(&calls, &exchange), Ok(*behind), "{what}: {exchange:?} {:#?}", during(&calls, &exchange));
    }
    let segments = asked.iter().filter(|(_, behind)| *behind == Behind::Segment).count();
    println!("{} requests, {segments} of them with events: each was synced before its answer", asked.len());
}

/// From the end of the last reading of each request to the beginning of the first writing of its answer, as instants of the
/// trace.
fn exchanges(calls: &[Call]) -> Vec<Range<usize>> {
    let mut exchanges = Vec::new();
    let mut read = None;
    let mut on_sockets: Vec<_> = calls.iter().filter(|call| call.path.starts_with("TCP:") && call.moved > 0).collect();
    on_sockets.sort_by_key(|call| if call.kind == Kind::Read { call.ended } else { call.begun });
    for call in on_sockets {
        match (call.kind, read) {
            (Kind::Read, _) => read = Some(call.ended),
            (Kind::Write, Some(from)) => {
                exchanges.push(from..call.begun);
                read = None;
            }
            _ => {}
        }
    }
    exchanges
}

/// The writes and syncs of the segment and the anchor that overlap an exchange.
fn during<'a>(calls: &'a [Call], exchange: &Range<usize>) -> Vec<&'a Call> {
    let is_ours = |call: &&Call| call.path.ends_with(".jsonl") || call.path.ends_with("/anchor");
    let overlaps = |call: &&Call| call.begun < exchange.end && call.ended > exchange.start;
    calls.iter().filter(is_ours).filter(overlaps).collect()
}

/// What was on the disk when an exchange was answered: exactly one write and its sync, in this order and with nothing after
/// them; or nothing at all.
fn synced(calls: &[Call], exchange: &Range<usize>) -> Result<Behind, String> {
    let during = during(calls, exchange);
    let [write, sync] = during[..] else {
        return if during.is_empty() {
            Ok(Behind::Nothing)
        } else {
            Err("more than one write and one sync".to_owned())
        };
    };
    let in_order = write.kind == Kind::Write && sync.kind == Kind::Sync && write.path == sync.path;
    let one_by_one = [exchange.start, write.begun, write.ended, sync.begun, sync.ended, exchange.end];
    if !in_order || !one_by_one.is_sorted() || write.moved <= 0 || sync.moved != 0 {
        return Err("not written, then synced, then answered".to_owned());
    }
    Ok(if write.path.ends_with("/anchor") { Behind::Anchor } else { Behind::Segment })
}

/// The checks themselves: every way of answering too early is seen.
#[test]
fn an_answer_before_the_sync_would_be_seen() {
    let read = "7 recvfrom(9<TCP:[127.0.0.1:1->127.0.0.1:2]>, \"POST \"..., 8192, 0, NULL, NULL) = 10\n";
    let write = "8 pwrite64(5</d/journal/1.jsonl>, \"{\"..., 9, 0) = 9\n";
    let sync = "8 fdatasync(5</d/journal/1.jsonl>) = 0\n";
    let begun = "8 fdatasync(5</d/journal/1.jsonl> <unfinished ...>\n";
    let ended = "8 <... fdatasync resumed>)            = 0\n";
    let failed = "8 fdatasync(5</d/journal/1.jsonl>) = -1 EIO (Input/output error)\n";
    let answer = "7 sendto(9<TCP:[127.0.0.1:1->127.0.0.1:2]>, \"HTTP/1\"..., 9, MSG_NOSIGNAL, NULL, 0) = 9\n";
    let judged = |lines: &[&str]| {
        let calls = calls(&lines.concat());
        let exchanges = exchanges(&calls);
        assert_eq!(exchanges.len(), 1);
        synced(&calls, &exchanges[0])
    };
    assert_eq!(judged(&[read, write, sync, answer]), Ok(Behind::Segment));
    assert_eq!(judged(&[read, write, begun, ended, answer]), Ok(Behind::Segment));
    assert_eq!(
        judged(&[
            read,
            &write.replace("journal/1.jsonl", "anchor"),
            &sync.replace("journal/1.jsonl", "anchor"),
            answer
        ]),
        Ok(Behind::Anchor)
    );
    assert_eq!(judged(&[read, answer, write, sync]), Ok(Behind::Nothing));
    assert_eq!(judged(&[write, sync, read, answer]), Ok(Behind::Nothing));
    for wrong in [
        [read, write, answer, sync].as_slice(),
        &[read, write, begun, answer, ended],
        &[read, write, sync, write, answer],
        &[read, sync, write, answer],
        &[read, write, failed, answer],
        &[read, sync, answer],
        &[write, read, sync, answer],
        &[read, write, &sync.replace("1.jsonl", "2.jsonl"), answer],
    ] {
        let judged = judged(wrong);
        assert!(
            matches!(judged, Err(_) | Ok(Behind::Nothing)) && judged != Ok(Behind::Segment),
            "{wrong:?}: {judged:?}"
        );
    }
}

//! Many clients show one refresh token at the same moment: it has at most one successor, whatever they do.

use crate::support::{ALICE, Answer, Plan, STORE, Server, claims};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Barrier;

const AT_ONCE: usize = 100;
const ROUNDS: usize = 100;

const TWO_STORES: &str = r#"
[[clients]]
id = "store"
secret = "store-secret"

[[clients]]
id = "strict"
secret = "strict-secret"
retry_window = "0s"

[[accounts]]
login = "alice@example.com"
password = "correct horse battery staple"
"#;

const STRICT: (&str, &str) = ("strict", "strict-secret");

fn redeem(server: &Server, client: (&str, &str), token: &str) -> Answer {
    server.post("/oauth2/token", Some(client), &[("grant_type", "refresh_token"), ("refresh_token", token)])
}

fn redeem_all_at_once(server: &Server, client: (&str, &str), token: &str) -> Vec<Answer> {
    let ready = Barrier::new(AT_ONCE);
    let shown = || {
        ready.wait();
        redeem(server, client, token)
    };
    std::thread::scope(|scope| {
        let askers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(shown)).collect();
        askers.into_iter().map(|asker| asker.join().unwrap()).collect()
    })
}

fn login(server: &Server, client: (&str, &str)) -> Answer {
    let form = [("grant_type", "password"), ("username", ALICE.0), ("password", ALICE.1)];
    let answer = server.post("/oauth2/token", Some(client), &form);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer
}

/// The generations that a session's `session.refreshed` events made, in the order of the journal.
fn generations(events: &[Value], sid: &str) -> Vec<u64> {
    let of_session = events.iter().filter(|event| event["stream"] == format!("session:{sid}"));
    let refreshed = of_session.filter(|event| event["type"] == "session.refreshed");
    refreshed.map(|event| event["data"]["generation"].as_u64().unwrap()).collect()
}

#[test]
fn a_hundred_clients_at_once_are_all_given_the_one_successor() {
    let server = Plan::new(TWO_STORES).start();
    let first = login(&server, STORE);
    let sid = claims(&first.access())["sid"].as_str().unwrap().to_owned();
    let mut token = first.refresh();
    for round in 1..=ROUNDS {
        let answers = redeem_all_at_once(&server, STORE, &token);
        let refused: Vec<_> = answers.iter().filter(|answer| answer.status != 200).collect();
        assert!(refused.is_empty(), "round {round}: {refused:?}");
        let given = |answer: &Answer| (answer.refresh(), claims(&answer.access())["jti"].to_string());
        let successors: BTreeSet<_> = answers.iter().map(given).collect();
        assert_eq!(successors.len(), 1, "round {round}");
        token = answers[0].refresh();
    }
    let made: Vec<u64> = (1..=ROUNDS as u64).collect();
    assert_eq!(generations(&server.events(), &sid), made, "one event for each generation");
    assert_eq!(redeem(&server, STORE, &token).status, 200, "the session goes on");
}

#[test]
fn without_a_retry_window_one_of_a_hundred_succeeds_and_the_session_is_dead() {
    let server = Plan::new(TWO_STORES).start();
    let mut sids = Vec::new();
    for round in 1..=ROUNDS {
        let first = login(&server, STRICT);
        sids.push(claims(&first.access())["sid"].as_str().unwrap().to_owned());
        let answers = redeem_all_at_once(&server, STRICT, &first.refresh());
        let (granted, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
        assert_eq!(granted.len(), 1, "round {round}");
        assert!(refused.iter().all(|answer| (answer.status, answer.text("error").as_str()) == (400, "invalid_grant")));
        let dead = redeem(&server, STRICT, &granted[0].refresh());
        assert_eq!((dead.status, dead.text("error").as_str()), (400, "invalid_grant"), "round {round}");
        let introspected = server.post("/oauth2/introspect", Some(STRICT), &[("token", &granted[0].access())]);
        assert_eq!(introspected.body, r#"{"active":false}"#, "round {round}");
    }
    let events = server.events();
    for sid in sids {
        assert_eq!(generations(&events, &sid), [1]);
        let ends = events.iter().filter(|event| event["stream"] == format!("session:{sid}"));
        let ends: Vec<_> = ends.filter(|event| event["type"] == "session.revoked").collect();
        assert_eq!(ends.len(), 1);
        assert_eq!(ends[0]["data"]["reason"], "reuse");
    }
}

//! `POST /api/logout`.

use super::asking::*;
use crate::support::{Answer, Server};
use serde_json::{Value, json};

const GONE: [&str; 2] = [
    "access_token=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax",
    "refresh_token=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax",
];

/// A logout, which is answered alike whatever it ends.
fn out(server: &Server, query: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let answer = ask(server, headers, "POST", &format!("/api/logout{query}"), body);
    assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{query} {body}: {answer:?}");
    assert_eq!(cookies(&answer), GONE);
    answer
}

fn both(server: &Server) -> (Tokens, Tokens) {
    (login(server, "alice", APP), login(server, "alice", OTHER))
}

#[test]
fn the_session_ends_whose_token_is_named_anywhere() {
    let server = plan().start();
    for case in 0..4 {
        let (one, other) = both(&server);
        let cookie = format!("refresh_token={}", one.refresh);
        let beaten = format!("refresh_token={}", other.refresh);
        match case {
            0 => out(
                &server,
                &format!("?global=false&refreshToken={}", one.refresh),
                &[("Content-Type", "text/plain")],
                &Value::Null,
            ),
            1 => out(&server, "", &[], &json!({"global": false, "refreshToken": one.refresh})),
            2 => out(&server, "?global=false&refreshToken=undefined", &[("Cookie", &cookie)], &Value::Null),
            _ => out(&server, "?refreshToken=null", &[("Cookie", &beaten)], &json!({"refreshToken": one.refresh})),
        };
        assert!(!is_open(&server, &one) && is_open(&server, &other), "case {case}");
        assert_eq!(refresh(&server, &one.refresh).status, 404);
    }
    let events = server.events();
    let reasons: Vec<_> = events.iter().filter(|event| event["type"] == "session.revoked").collect();
    assert!(reasons.len() == 4 && reasons.iter().all(|event| event["data"]["reason"] == "logout"), "{reasons:?}");
}

#[test]
fn whoever_shows_no_token_or_a_bad_one_is_logged_out_just_as_well() {
    let server = plan().start();
    let (one, _) = both(&server);
    for query in ["", "?global=true", "?global=true&refreshToken=csr_nonsense", "?refreshToken=", "?global=undefined"] {
        out(&server, query, &[], &Value::Null);
    }
    out(&server, "", &[], &json!({"global": null, "refreshToken": null}));
    assert!(is_open(&server, &one));
    for (query, body) in [("?global=perhaps", Value::Null), ("", json!({"global": "perhaps"}))] {
        let answer = ask(&server, &[], "POST", &format!("/api/logout{query}"), &body);
        assert_eq!(code(&answer, "global"), "[couldNotConvert]global");
    }
    assert_eq!(by_key(&server, "csk_wrong", "POST", "/api/logout", &Value::Null).status, 401);
}

#[test]
fn a_good_token_logs_its_person_out_everywhere_if_asked() {
    let server = plan().start();
    let (one, other) = both(&server);
    let store = server.login_as("alice@example.com", PASSWORD);
    let bob = login(&server, "bob", OTHER);
    out(&server, "?global=true&refreshToken=undefined", &[], &json!({"refreshToken": one.refresh}));
    assert!(!is_open(&server, &one) && !is_open(&server, &other) && !server.is_active(&store.access()));
    assert!(is_open(&server, &bob));
    let (next, _) = both(&server);
    out(&server, &format!("?global=true&refreshToken={}", one.refresh), &[], &Value::Null);
    assert!(is_open(&server, &next), "the token was not good any more");
}

#[test]
fn a_token_that_was_used_up_ends_its_own_session_and_no_other() {
    let server = plan().start();
    let first = login(&server, "alice", ONCE);
    let second = Tokens::of(&refresh(&server, &first.refresh));
    let other = login(&server, "alice", OTHER);
    out(&server, &format!("?global=true&refreshToken={}", first.refresh), &[], &Value::Null);
    assert!(!is_open(&server, &second) && is_open(&server, &other));
}

#[test]
fn a_token_that_is_not_for_this_door_ends_nothing_without_a_key_that_covers_its_client() {
    let server = plan().start();
    let other = login(&server, "alice", OTHER);
    let (store, held) = (server.login_as("alice@example.com", PASSWORD), login(&server, "alice", HELD));
    for headers in [&[][..], &[("Authorization", OF_APP)][..]] {
        for token in [&store.refresh(), &held.refresh] {
            for global in ["false", "true"] {
                out(&server, &format!("?global={global}&refreshToken={token}"), headers, &Value::Null);
            }
        }
        assert!(server.is_active(&store.access()) && is_open(&server, &held) && is_open(&server, &other));
    }
    assert!(recorded(&server, "session.revoke_refused", "wrong_door") >= 2);
    out(&server, &format!("?refreshToken={}", held.refresh), &[("Authorization", KEY)], &Value::Null);
    assert!(!is_open(&server, &held) && is_open(&server, &other));
    out(&server, &format!("?global=true&refreshToken={}", store.refresh()), &[("Authorization", KEY)], &Value::Null);
    assert!(!server.is_active(&store.access()) && !is_open(&server, &other));
}

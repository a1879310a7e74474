//! `/admin/keys`: the keys of tokens, replaced and distrusted while people use them.

use crate::support::{ADMIN, API_KEYS, BOOTSTRAP, CLERK, Call, Plan, Server, USERS, wait_until};
use base64::Engine;
use serde_json::{Value, json};
use std::io::Write;
use std::net::TcpStream;

fn server() -> Server {
    Plan::new(&format!("{BOOTSTRAP}{API_KEYS}")).start()
}

fn keys(server: &Server) -> Vec<Value> {
    let page = server.admin("GET", "/admin/keys", &Value::Null);
    assert_eq!(page["next"], Value::Null);
    page["items"].as_array().unwrap().clone()
}

/// The names of keys of a kind in a state.
fn in_state(server: &Server, kind: &str, state: &str) -> Vec<String> {
    let of = keys(server).into_iter().filter(|key| key["kind"] == kind && key["state"] == state);
    of.map(|key| key["key"].as_str().unwrap().to_owned()).collect()
}

fn kid(access: &str) -> String {
    let head = access.split('.').next().unwrap();
    let head = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(head).unwrap();
    serde_json::from_slice::<Value>(&head).unwrap()["kid"].as_str().unwrap().to_owned()
}

/// Kind and state of what an answer says was changed.
fn changes(answer: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let changed = answer["changed"].as_array().unwrap().iter();
    changed.map(|key| (text(&key["kind"]), text(&key["state"]))).collect()
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(kind, state)| ((*kind).to_owned(), (*state).to_owned())).collect()
}

#[test]
fn the_list_shows_every_key_and_which_of_them_the_key_set_shows() {
    let server = server();
    let shown: Vec<_> = keys(&server).iter().map(|key| (key["kind"].clone(), key["published"].clone())).collect();
    let expected = [("ES256", true), ("EdDSA", true), ("RS256", true), ("refresh", false)];
    assert_eq!(shown, expected.map(|(kind, published)| (json!(kind), json!(published))));
    let set = server.get("/.well-known/jwks.json").json();
    for key in keys(&server).iter().filter(|key| key["published"] == true) {
        assert!(set["keys"].as_array().unwrap().iter().any(|public| public["kid"] == key["key"]), "{key}");
    }
    let fields: Vec<_> = keys(&server)[0].as_object().unwrap().keys().cloned().collect();
    assert_eq!(fields, ["key", "kind", "published", "since", "state", "unknown_until"], "nothing of the key itself");
    Call::new(ADMIN, "GET", "/admin/keys?limit=5").refused(&server, 400, "invalid_request");
}

#[test]
fn after_a_rotation_old_tokens_are_good_and_new_ones_have_the_new_key() {
    let server = server();
    let before = server.login();
    let old = in_state(&server, "ES256", "active");
    assert_eq!(old, [kid(&before.access())]);
    let done = server.admin("POST", "/admin/keys/rotate", &json!({"alg": "ES256", "refresh": true}));
    assert_eq!((&done["sessions"], &done["accounts"]), (&json!(0), &json!(0)));
    let expected = [("ES256", "retired"), ("ES256", "active"), ("refresh", "retired"), ("refresh", "active")];
    assert_eq!(changes(&done), pairs(&expected));
    assert!(done["changed"][1]["unknown_until"].is_string(), "nobody could fetch it before: {done}");
    let new = in_state(&server, "ES256", "active");
    assert_eq!(in_state(&server, "ES256", "retired"), old);
    assert_eq!([kid(&server.login().access())], *new);
    assert!(server.is_active(&before.access()));
    assert_eq!(kid(&server.refresh(&before.refresh()).access()), new[0]);

    let events = server.events();
    let by_operator: Vec<_> = events.iter().filter(|event| event["context"]["api_key"] == "admin").collect();
    let types: Vec<_> = by_operator.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let expected =
        ["signing_key_added", "key_activated", "refresh_key_added", "key_activated"].map(|of| format!("system.{of}"));
    assert_eq!(types, expected, "the record says who asked");
}

#[test]
fn a_key_that_was_prepared_is_published_and_signs_after_the_next_rotation() {
    let server = server();
    let done = server.admin("POST", "/admin/keys/rotate", &json!({"prepare": true}));
    assert_eq!(changes(&done), pairs(&[("ES256", "next"), ("EdDSA", "next"), ("RS256", "next")]));
    let again = server.admin("POST", "/admin/keys/rotate", &json!({"prepare": true}));
    assert_eq!(changes(&again), [], "they wait already");
    let next = in_state(&server, "ES256", "next");
    let set = server.get("/.well-known/jwks.json").body;
    assert!(set.contains(&next[0]), "{set}");
    assert_ne!([kid(&server.login().access())], *next);
    let done = server.admin("POST", "/admin/keys/rotate", &Value::Null);
    assert_eq!(done["changed"].as_array().unwrap().len(), 6, "an empty body replaces all that sign: {done}");
    assert_eq!([kid(&server.login().access())], *next);
}

#[test]
fn a_distrusted_refresh_key_ends_its_sessions_at_once_and_says_how_many() {
    let server = server();
    let (first, second) = (server.login(), server.login());
    let done = server.admin("POST", "/admin/keys/1/distrust", &Value::Null);
    assert_eq!((&done["sessions"], &done["accounts"]), (&json!(2), &json!(1)), "{done}");
    assert_eq!(changes(&done), pairs(&[("refresh", "distrusted"), ("refresh", "active")]));
    for login in [&first, &second] {
        assert!(!server.is_active(&login.access()));
        assert_eq!(server.refresh(&login.refresh()).status, 400);
    }
    let later = server.login();
    assert_eq!(server.refresh(&later.refresh()).status, 200);
    let again = server.admin("POST", "/admin/keys/1/distrust", &Value::Null);
    assert_eq!((changes(&again), &again["sessions"]), (Vec::new(), &json!(0)), "it was before");
    let revoked = r#"countersign_revocations_total{reason="key_distrusted"}"#;
    wait_until("the ends are recorded", || server.metric(revoked) == 2.0);
    let events = server.events();
    let distrust = events.iter().find(|event| event["type"] == "system.key_distrusted").unwrap();
    assert_eq!(
        (&distrust["context"]["told_by"], &distrust["context"]["api_key"]),
        (&json!("api_key"), &json!("admin"))
    );
}

#[test]
fn nothing_of_a_distrusted_signing_key_is_believed() {
    let server = server();
    let before = server.login();
    let path = format!("/admin/keys/{}/distrust", kid(&before.access()));
    let done = server.admin("POST", &path, &json!({}));
    assert_eq!((&done["sessions"], &done["accounts"]), (&json!(0), &json!(0)), "{done}");
    assert_eq!(changes(&done), pairs(&[("ES256", "distrusted"), ("ES256", "active")]));
    assert!(!server.is_active(&before.access()));
    let set = server.get("/.well-known/jwks.json").body;
    assert!(!set.contains(&kid(&before.access())), "{set}");
    let after = server.refresh(&before.refresh());
    assert_eq!(after.status, 200, "its session goes on: {after:?}");
    assert!(server.is_active(&after.access()));
}

#[test]
fn what_is_wrong_is_refused_and_changes_nothing() {
    let server = server();
    let before = keys(&server);
    for (body, word) in [
        (r#"{"alg": "HS256"}"#, "`alg`"),
        (r#"{"alg": 256}"#, "`alg`"),
        (r#"{"refresh": "yes"}"#, "`refresh`"),
        (r#"{"prepare": true, "refresh": true}"#, "`prepare`"),
        (r#"{"algs": "ES256"}"#, "did you mean `alg`?"),
        (r#"{"alg": "ES256", "alg": "ES256"}"#, "twice"),
        ("[]", "object"),
    ] {
        let answer = Call::new(ADMIN, "POST", "/admin/keys/rotate").body(body).refused(&server, 400, "invalid_request");
        assert!(answer.text("message").contains(word), "{body}: {answer:?}");
    }
    for unknown in ["2", "01", "+1", "nobody", "%2e%2e"] {
        let path = format!("/admin/keys/{unknown}/distrust");
        Call::new(ADMIN, "POST", &path).refused(&server, 404, "not_found");
    }
    Call::new(ADMIN, "POST", "/admin/keys/1/trust").refused(&server, 404, "not_found");
    Call::new(ADMIN, "POST", "/admin/keys/1/distrust").body(r#"{"sure": true}"#).refused(
        &server,
        400,
        "invalid_request",
    );
    for (method, path, allowed) in [
        ("POST", "/admin/keys", "GET, HEAD"),
        ("GET", "/admin/keys/rotate", "POST"),
        ("DELETE", "/admin/keys/1/distrust", "POST"),
    ] {
        let answer = Call::new(ADMIN, method, path).refused(&server, 405, "method_not_allowed");
        assert_eq!(answer.header("allow"), Some(allowed));
    }
    for (method, path) in [("GET", "/admin/keys"), ("POST", "/admin/keys/rotate"), ("POST", "/admin/keys/1/distrust")] {
        for key in [CLERK, USERS] {
            Call::new(key, method, path).refused(&server, 403, "forbidden");
        }
        assert_eq!(server.send(method, path, &[], b"").status, 401);
    }
    assert_eq!(keys(&server), before);
}

#[test]
fn a_rotation_that_is_asked_for_again_with_its_key_is_done_once() {
    let server = server();
    let once = [("Idempotency-Key", "rotation-of-november")];
    let call = Call::new(ADMIN, "POST", "/admin/keys/rotate").with(&once).body(r#"{"refresh": true}"#);
    let first = call.to(&server);
    let second = call.to(&server);
    assert_eq!((first.status, &first.body), (200, &second.body));
    assert_eq!(second.header("idempotency-replayed"), Some("true"));
    assert_eq!(in_state(&server, "refresh", "retired").len(), 1, "one rotation");
    call.body(r#"{"refresh": true, "alg": "ES256"}"#).refused(&server, 422, "idempotency_key_reused");
}

#[test]
fn a_rotation_goes_on_to_its_end_although_its_caller_hangs_up_and_is_told_to_whoever_asks_again() {
    let server = server();
    let once = [("Idempotency-Key", "rotation-of-december")];
    let body = r#"{"refresh": true, "alg": "RS256"}"#;
    let rotate = Call::new(ADMIN, "POST", "/admin/keys/rotate").with(&once);
    let head = format!("POST /admin/keys/rotate HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {ADMIN}\r\n");
    let head = format!("{head}Idempotency-Key: rotation-of-december\r\nContent-Type: application/json\r\n");
    let begin = || {
        let mut caller = TcpStream::connect(server.url.strip_prefix("http://").unwrap()).unwrap();
        caller.write_all(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes()).unwrap();
        caller.set_nonblocking(true).unwrap();
        caller
    };
    let mut caller = begin();
    wait_until("the rotation has begun", || {
        // It would be refused for its body, which leaves the key to whoever comes next.
        let probe = rotate.body(r#"{"refresh": "?"}"#).to(&server);
        assert!([400, 422].contains(&probe.status), "{probe:?}");
        // While a probe is under way, the key is the probe's, and the rotation is refused as another request under it.
        if probe.status == 400 && caller.peek(&mut [0]).is_ok() {
            caller = begin();
        }
        probe.status == 422
    });
    drop(caller);
    let mut told = None;
    wait_until("the rotation has ended", || {
        let answer = rotate.body(body).to(&server);
        let is_under_way = answer.status == 409 && answer.text("error") == "idempotency_in_progress";
        told = Some(answer);
        !is_under_way
    });
    let told = told.unwrap();
    assert_eq!((told.status, told.header("idempotency-replayed")), (200, Some("true")), "{told:?}");
    let all = [("RS256", "retired"), ("RS256", "active"), ("refresh", "retired"), ("refresh", "active")];
    assert_eq!(changes(&told.json()).len(), all.len(), "{told:?}");
    for (kind, state) in all {
        assert_eq!(in_state(&server, kind, state).len(), 1, "each was replaced once: {kind} {state}");
    }
}

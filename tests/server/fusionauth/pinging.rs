//! `PUT /api/login` and `GET /api/jwt/issue`: logins without a password.

use super::asking::*;
use crate::support::{Answer, Server, claims};
use serde_json::{Value, json};

fn ping(server: &Server, key: &str, body: &Value) -> Answer {
    by_key(server, key, "PUT", "/api/login", body)
}

fn issue(server: &Server, access: &str, query: &str) -> Answer {
    by_token(server, access, "GET", &format!("/api/jwt/issue{query}"), &Value::Null)
}

#[test]
fn a_backend_says_that_a_person_logged_in() {
    let server = plan().start();
    let answer = ping(&server, KEY, &json!({"userId": ALICE, "applicationId": APP, "ipAddress": "203.0.113.9"}));
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["user"]["id"], ALICE);
    let told = claims(&answer.text("token"));
    assert_eq!((&told["authenticationType"], &told["applicationId"]), (&json!("PING"), &json!(APP)));
    assert!(answer.json().get("refreshToken").is_none() && cookies(&answer).is_empty());
    let path = format!("/api/login/{ALICE}/{APP}?ipAddress=undefined");
    assert_eq!(by_key(&server, KEY, "PUT", &path, &Value::Null).status, 200);
    let nowhere = ping(&server, KEY, &json!({"userId": ALICE}));
    assert_eq!((nowhere.status, claims(&nowhere.text("token")).get("applicationId")), (200, None));
    let elsewhere = ping(&server, KEY, &json!({"userId": BOB, "applicationId": APP}));
    assert_eq!((elsewhere.status, claims(&elsewhere.text("token")).get("applicationId")), (202, None));
    let events = server.events();
    let logins: Vec<_> = events.iter().filter(|event| event["type"] == "account.login_succeeded").collect();
    assert!(logins.len() == 4 && logins.iter().all(|event| event["data"]["how"] == "ping"), "{logins:?}");
}

#[test]
fn a_ping_of_whom_nobody_may_let_in_is_refused() {
    let server = plan().start();
    let cases = [
        (KEY, json!({"userId": NOBODY, "applicationId": APP}), 404),
        (KEY, json!({"userId": CAROL, "applicationId": APP}), 423),
        (KEY, json!({"userId": DAVE, "applicationId": APP}), 400),
        (KEY, json!({"userId": ALICE, "applicationId": SHUT}), 400),
        (KEY, json!({"userId": ALICE, "applicationId": NO_APP}), 400),
        (KEY, json!({"userId": "7"}), 400),
        (KEY, json!({}), 400),
        (OF_APP, json!({"userId": ALICE, "applicationId": APP}), 401),
        (OF_APP, json!({"userId": CAROL, "applicationId": OTHER}), 401),
        (OF_APP, json!({"userId": CAROL, "applicationId": APP}), 423),
        (OF_APP, json!({"userId": NOBODY, "applicationId": APP}), 401),
        (METRICS, json!({"userId": ALICE}), 401),
        ("", json!({"userId": ALICE}), 401),
    ];
    for (key, body, status) in cases {
        let answer = ping(&server, key, &body);
        assert_eq!(answer.status, status, "{body}: {answer:?}");
        assert!(!answer.body.contains("csp_"), "no code is given without the password");
    }
    assert_eq!(code(&ping(&server, KEY, &json!({})), "userId"), "[missing]userId");
    let path = format!("/api/login/{ALICE}/{APP}");
    assert_eq!(ask(&server, &[], "PUT", &path, &Value::Null).status, 401);
    let alice = login(&server, "alice", APP);
    assert_eq!(by_token(&server, &alice.access, "PUT", &path, &Value::Null).status, 401, "the path takes a key");
    assert_eq!(by_key(&server, KEY, "PUT", &format!("/api/login/7/{APP}"), &Value::Null).status, 400);
}

#[test]
fn an_access_token_pings_for_itself_and_does_not_live_longer_by_it() {
    let server = plan().start();
    let first = login(&server, "alice", APP);
    let answer = by_token(&server, &first.access, "PUT", "/api/login?ipAddress=203.0.113.9", &Value::Null);
    assert_eq!(answer.status, 200, "{answer:?}");
    let (before, after) = (claims(&first.access), claims(&answer.text("token")));
    assert_ne!(before["sid"], after["sid"]);
    assert!(after["exp"].as_i64() <= before["exp"].as_i64(), "{before} {after}");
    assert_eq!(after["applicationId"], APP);
    let nowhere = try_login(&server, "alice", PASSWORD, None).text("token");
    assert_eq!(by_token(&server, &nowhere, "PUT", "/api/login", &Value::Null).status, 200);
    let store = server.login_as("alice@example.com", PASSWORD).access();
    assert_eq!(by_token(&server, &store, "PUT", "/api/login", &Value::Null).status, 401, "it is of no application");
    ask(&server, &[], "POST", "/api/logout", &json!({"refreshToken": first.refresh}));
    assert_eq!(by_token(&server, &first.access, "PUT", "/api/login", &Value::Null).status, 401);
}

#[test]
fn a_person_comes_from_one_application_to_another_for_as_long_as_the_token_lives() {
    let server = plan().start();
    let first = login(&server, "alice", APP);
    let answer = issue(&server, &first.access, &format!("?applicationId={OTHER}&refreshToken=undefined"));
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.json().get("refreshToken").is_none());
    let (before, after) = (claims(&first.access), claims(&answer.text("token")));
    let told = (&after["applicationId"], &after["authenticationType"], &after["sub"]);
    assert_eq!(told, (&json!(OTHER), &json!("JWT_SSO"), &json!(ALICE)));
    assert!(after["exp"].as_i64() <= before["exp"].as_i64(), "{before} {after}");
    let cookie = format!("access_token={}", first.access);
    let path = format!("/api/jwt/issue?applicationId={OTHER}");
    assert_eq!(ask(&server, &[("Cookie", &cookie)], "GET", &path, &Value::Null).status, 200);
    let bob = login(&server, "bob", OTHER);
    let elsewhere = issue(&server, &bob.access, &format!("?applicationId={APP}&refreshToken={}", bob.refresh));
    assert_eq!((elsewhere.status, claims(&elsewhere.text("token")).get("applicationId")), (202, None));
    assert!(elsewhere.json().get("refreshToken").is_none(), "{elsewhere:?}");
}

#[test]
fn a_refresh_token_is_issued_for_a_good_one_of_the_same_person() {
    let server = plan().start();
    let (first, bob) = (login(&server, "alice", APP), login(&server, "bob", OTHER));
    let held = login(&server, "alice", HELD);
    let dead = login(&server, "alice", APP);
    ask(&server, &[], "POST", "/api/logout", &json!({"refreshToken": dead.refresh}));
    let given = |application: &str, token: &str| {
        let answer = issue(&server, &first.access, &format!("?applicationId={application}&refreshToken={token}"));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json().get("refreshToken").map(|token| token.as_str().unwrap().to_owned())
    };
    assert_eq!(given(BARE, &first.refresh), None, "the application gives none");
    for token in [&bob.refresh, &held.refresh, &dead.refresh, "csr_nonsense"] {
        assert_eq!(given(OTHER, token), None);
    }
    let token = given(OTHER, &first.refresh).unwrap();
    let refreshed = refresh(&server, &token);
    assert_eq!((refreshed.status, &claims(&refreshed.text("token"))["applicationId"]), (200, &json!(OTHER)));
    let headers = [
        ("Authorization", &*format!("Bearer {}", first.access)),
        ("Cookie", &*format!("refresh_token={}", bob.refresh)),
    ];
    let path = format!("/api/jwt/issue?applicationId={OTHER}&refreshToken={}", first.refresh);
    let answer = ask(&server, &headers, "GET", &path, &Value::Null);
    assert!(answer.json().get("refreshToken").is_none(), "the cookie comes before the query");
}

#[test]
fn nobody_comes_to_another_application_without_an_active_token_of_one() {
    let server = plan().start();
    let first = login(&server, "alice", APP);
    let there = format!("?applicationId={OTHER}");
    let store = server.login_as("alice@example.com", PASSWORD).access();
    for token in ["", "nonsense", &store] {
        assert_eq!(issue(&server, token, &there).status, 401, "{token}");
    }
    assert_eq!(ask(&server, &[], "GET", &format!("/api/jwt/issue{there}"), &Value::Null).status, 401);
    assert_eq!(by_key(&server, KEY, "GET", &format!("/api/jwt/issue{there}"), &Value::Null).status, 401);
    for (query, expected) in [
        (String::new(), "[missing]"),
        ("?applicationId=null".to_owned(), "[missing]"),
        (format!("?applicationId={NO_APP}"), "[invalid]"),
        (format!("?applicationId={SHUT}"), "[invalid]"),
        ("?applicationId=store".to_owned(), "[invalid]"),
    ] {
        assert_eq!(code(&issue(&server, &first.access, &query), "applicationId"), format!("{expected}applicationId"));
    }
    ask(&server, &[], "POST", "/api/logout", &json!({"refreshToken": first.refresh}));
    assert_eq!(issue(&server, &first.access, &there).status, 401);
}

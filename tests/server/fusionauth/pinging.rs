//! `PUT /api/login` and `GET /api/jwt/issue`: logins without a password.

use super::asking::*;
use crate::support::{Answer, Call, Server, claims};
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
fn what_came_of_a_session_is_over_with_it() {
    let server = plan().start();
    let first = login(&server, "alice", APP);
    let there = issue(&server, &first.access, &format!("?applicationId={OTHER}&refreshToken={}", first.refresh));
    assert!(there.json().get("refreshToken").is_none(), "who stays logs in there: {there:?}");
    let there = there.text("token");
    let further = by_token(&server, &there, "PUT", "/api/login", &Value::Null).text("token");
    let apart = login(&server, "alice", OTHER);
    let good = |token: &str| by_token(&server, token, "GET", "/api/jwt/validate", &Value::Null).status;
    assert_eq!((good(&there), good(&further)), (200, 200));
    ask(&server, &[], "POST", "/api/logout", &json!({"refreshToken": first.refresh}));
    assert_eq!((good(&first.access), good(&there), good(&further)), (401, 401, 401), "at once");
    assert!(is_open(&server, &apart), "what came of nothing goes on");
}

#[test]
fn a_page_of_another_site_gets_nothing_by_the_cookies_of_the_browser() {
    let server = plan().start();
    let cookie = format!("access_token={}", login(&server, "alice", APP).access);
    let path = format!("/api/jwt/issue?applicationId={OTHER}");
    for (site, expected) in [("cross-site", 401), ("same-site", 200), ("same-origin", 200), ("none", 200)] {
        let answer = ask(&server, &[("Cookie", &cookie), ("Sec-Fetch-Site", site)], "GET", &path, &Value::Null);
        assert_eq!(answer.status, expected, "{site}");
    }
}

#[test]
fn logins_without_a_refresh_token_push_out_one_another_and_not_those_with_one() {
    let server = plan().start();
    let client = format!("/admin/clients/{APP}");
    let changed = Call::new(KEY, "PATCH", &client).body(r#"{"max_sessions": 3}"#).to(&server);
    assert_eq!(changed.status, 200, "{changed:?}");
    let (phone, laptop) = (login(&server, "alice", APP), login(&server, "alice", APP));
    for _ in 0..4 {
        let ping = json!({"userId": ALICE, "applicationId": APP});
        assert_eq!(by_key(&server, KEY, "PUT", "/api/login", &ping).status, 200);
    }
    assert!(is_open(&server, &phone) && is_open(&server, &laptop));
    let tablet = login(&server, "alice", APP);
    assert!(is_open(&server, &phone) && is_open(&server, &laptop) && is_open(&server, &tablet));
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

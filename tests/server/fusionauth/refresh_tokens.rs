//! `GET` and `DELETE /api/jwt/refresh`.

use super::asking::*;
use crate::support::Server;
use serde_json::{Value, json};

fn listed(server: &Server, key: &str, user: &str) -> Vec<Value> {
    let answer = by_key(server, key, "GET", &format!("/api/jwt/refresh?userId={user}"), &Value::Null);
    assert_eq!(answer.status, 200, "{answer:?}");
    let told = answer.json();
    assert_ne!(told["refreshTokens"], json!([]), "where there are none, the member is left out");
    told["refreshTokens"].as_array().cloned().unwrap_or_default()
}

fn delete(server: &Server, key: &str, query: &str, body: &Value) -> u16 {
    let answer = by_key(server, key, "DELETE", &format!("/api/jwt/refresh{query}"), body);
    assert!(answer.status == 400 || answer.body.is_empty(), "{answer:?}");
    answer.status
}

fn show(server: &Server, key: &str, id: &str) -> (u16, Value) {
    let answer = by_key(server, key, "GET", &format!("/api/jwt/refresh/{id}"), &Value::Null);
    (answer.status, if answer.status == 200 { answer.json()["refreshToken"].clone() } else { Value::Null })
}

#[test]
fn a_refresh_token_is_shown_without_itself_to_whoever_covers_its_application() {
    let server = plan().start();
    let body = json!({"loginId": "alice@example.com", "password": PASSWORD, "applicationId": APP,
        "ipAddress": "203.0.113.9", "metaData": {"device": {"name": "Alice's phone", "type": "MOBILE"}}});
    let app = Tokens::of(&by_key(&server, KEY, "POST", "/api/login", &body));
    let other = login(&server, "alice", OTHER);
    // None of these has a refresh token, or one of FusionAuth's.
    assert_eq!(try_login(&server, "alice", PASSWORD, None).status, 200);
    assert_eq!(try_login(&server, "alice", PASSWORD, Some(BARE)).status, 200);
    let store = server.login_as("alice@example.com", PASSWORD);

    let (status, token) = show(&server, OF_APP, &app.id);
    assert_eq!(status, 200);
    let names: Vec<_> = token.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["applicationId", "id", "insertInstant", "metaData", "startInstant", "userId"]);
    assert_eq!((&token["applicationId"], &token["userId"], &token["id"]), (&json!(APP), &json!(ALICE), &json!(app.id)));
    let device = &token["metaData"]["device"];
    assert_eq!((&device["name"], &device["type"]), (&json!("Alice's phone"), &json!("UNKNOWN")));
    assert_eq!(device["lastAccessedAddress"], "203.0.113.9");
    assert_eq!(device["lastAccessedInstant"], token["insertInstant"]);

    let ids = |key: &str| listed(&server, key, ALICE).iter().map(|token| token["id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(KEY).len(), 2);
    assert!(ids(KEY).contains(&json!(app.id)) && ids(KEY).contains(&json!(other.id)));
    assert_eq!(ids(OF_APP), [json!(app.id)]);
    assert!(listed(&server, KEY, BOB).is_empty() && listed(&server, KEY, NOBODY).is_empty());

    let sid = |access: &str| crate::support::claims(access)["sid"].as_str().unwrap().to_owned();
    for id in [other.id.as_str(), NOBODY, "nonsense", &sid(&store.access())] {
        assert_eq!(show(&server, OF_APP, id).0, 404, "{id}");
    }
    assert_eq!(show(&server, KEY, &sid(&store.access())).0, 404, "it is of no application");
    assert_eq!(delete(&server, KEY, &format!("/{}", app.id), &Value::Null), 200);
    assert_eq!(show(&server, KEY, &app.id).0, 404);
    assert_eq!(ids(KEY), [json!(other.id)]);

    for (query, expected) in
        [("", "[missing]userId"), ("?userId=null", "[missing]userId"), ("?userId=7", "[couldNotConvert]userId")]
    {
        let answer = by_key(&server, KEY, "GET", &format!("/api/jwt/refresh{query}"), &Value::Null);
        assert_eq!(code(&answer, "userId"), expected);
    }
    for key in ["csk_wrong", METRICS] {
        let answer = by_key(&server, key, "GET", &format!("/api/jwt/refresh?userId={ALICE}"), &Value::Null);
        assert_eq!((answer.status, show(&server, key, &other.id).0), (401, 401));
    }
}

#[test]
fn one_refresh_token_is_revoked_by_itself_or_by_its_id() {
    let server = plan().start();
    let (one, other) = (login(&server, "alice", APP), login(&server, "alice", APP));
    let by_text = format!("?token={}&userId=undefined&applicationId=null", one.refresh);
    assert_eq!(delete(&server, KEY, &by_text, &Value::Null), 200);
    assert!(!is_open(&server, &one) && is_open(&server, &other));
    assert_eq!(delete(&server, KEY, &by_text, &Value::Null), 404, "it was revoked before");
    assert_eq!(delete(&server, KEY, "", &json!({"token": other.refresh})), 200);
    assert!(!is_open(&server, &other));
    let third = login(&server, "alice", APP);
    for (key, path, status) in [
        ("csk_wrong", third.id.as_str(), 401),
        (METRICS, &third.id, 401),
        (OF_APP, NOBODY, 404),
        (KEY, "nonsense", 404),
        (OF_APP, &third.id, 200),
        (OF_APP, &third.id, 404),
    ] {
        assert_eq!(delete(&server, key, &format!("/{path}"), &Value::Null), status, "{path}");
    }
    assert!(!is_open(&server, &third));
    assert_eq!(delete(&server, KEY, "?token=csr_nonsense", &Value::Null), 404);
}

#[test]
fn a_key_revokes_nothing_at_applications_that_it_does_not_cover() {
    let server = plan().start();
    let (app, other) = (login(&server, "alice", APP), login(&server, "alice", OTHER));
    assert_eq!(delete(&server, OF_APP, &format!("?token={}", other.refresh), &Value::Null), 404);
    assert_eq!(delete(&server, OF_APP, &format!("/{}", other.id), &Value::Null), 404);
    for query in [
        format!("?userId={ALICE}"),
        format!("?applicationId={OTHER}"),
        format!("?userId={ALICE}&applicationId={OTHER}"),
    ] {
        assert_eq!(delete(&server, OF_APP, &query, &Value::Null), 401, "{query}");
    }
    assert!(is_open(&server, &app) && is_open(&server, &other));
    assert_eq!(recorded(&server, "session.revoke_refused", "wrong_door"), 1);
    assert_eq!(delete(&server, OF_APP, &format!("?userId={ALICE}&applicationId={APP}"), &Value::Null), 200);
    assert!(!is_open(&server, &app) && is_open(&server, &other));
}

#[test]
fn a_person_revokes_own_refresh_tokens_with_an_access_token_and_no_others() {
    let server = plan().start();
    let (one, other) = (login(&server, "alice", APP), login(&server, "alice", OTHER));
    let bob = login(&server, "bob", OTHER);
    let by = |token: &str, query: &str| {
        by_token(&server, token, "DELETE", &format!("/api/jwt/refresh{query}"), &Value::Null).status
    };
    assert_eq!(by(&bob.access, &format!("/{}", one.id)), 401);
    assert_eq!(by(&bob.access, &format!("?token={}", one.refresh)), 401);
    assert_eq!(by(&one.access, &format!("?userId={ALICE}")), 401, "that takes a key");
    assert_eq!(by(&one.access, &format!("?applicationId={APP}")), 401);
    assert_eq!(by(&one.access, ""), 400);
    assert_eq!(by("nonsense", &format!("/{}", one.id)), 401);
    assert!(is_open(&server, &one) && is_open(&server, &other));
    assert_eq!(by(&one.access, &format!("/{}", other.id)), 200);
    assert_eq!(by(&one.access, &format!("?token={}", other.refresh)), 404);
    assert!(!is_open(&server, &other));
    assert_eq!(by(&one.access, &format!("?token={}", one.refresh)), 200);
    assert_eq!(by(&one.access, &format!("/{}", bob.id)), 401, "the access token is dead, too");
}

#[test]
fn many_are_revoked_by_user_by_application_or_by_both() {
    let server = plan().start();
    let three = || (login(&server, "alice", APP), login(&server, "alice", OTHER), login(&server, "bob", OTHER));
    let open =
        |of: &(Tokens, Tokens, Tokens)| [is_open(&server, &of.0), is_open(&server, &of.1), is_open(&server, &of.2)];
    let cases = [
        (format!("?token=null&userId={ALICE}&applicationId=null"), Value::Null, [false, false, true]),
        (String::new(), json!({"userId": ALICE}), [false, false, true]),
        (format!("?applicationId={OTHER}"), Value::Null, [true, false, false]),
        (format!("?userId={ALICE}"), json!({"applicationId": OTHER}), [true, false, true]),
        (String::new(), json!({"userId": ALICE, "applicationId": APP, "token": null}), [false, true, true]),
        (format!("?userId={NOBODY}"), Value::Null, [true, true, true]),
    ];
    for (query, body, left) in cases {
        let sessions = three();
        assert_eq!(delete(&server, KEY, &query, &body), 200, "{query} {body}");
        assert_eq!(open(&sessions), left, "{query} {body}");
    }
}

#[test]
fn what_is_not_said_clearly_revokes_nothing() {
    let server = plan().start();
    let tokens = login(&server, "alice", APP);
    let token = &tokens.refresh;
    let queries = [
        String::new(),
        "?token=undefined&userId=undefined&applicationId=undefined".to_owned(),
        format!("?token={token}&userId={ALICE}"),
        format!("?token={token}&applicationId={APP}"),
        "?userId=nonsense".to_owned(),
        format!("?applicationId={NO_APP}"),
        "?applicationId=store".to_owned(),
        format!("?applicationId={TENANT}"),
    ];
    for query in queries {
        assert_eq!(delete(&server, KEY, &query, &Value::Null), 400, "{query}");
    }
    for body in [json!({}), json!({"userId": null}), json!({"token": 7}), json!({"userId": {}})] {
        assert_eq!(delete(&server, KEY, "", &body), 400, "{body}");
    }
    assert_eq!(ask(&server, &[], "DELETE", &format!("/api/jwt/refresh?userId={ALICE}"), &Value::Null).status, 401);
    assert!(is_open(&server, &tokens));
}

//! API keys as they are shown: alone, as FusionAuth's clients do, or after `Bearer`, at every door.

use super::managing::{ALICE, FORUM, KEY, PASSWORD, ask, done, register, server};
use crate::support::Server;
use serde_json::{Value, json};

const FORGOTTEN: &str = "/api/user/forgot-password";

fn asked(server: &Server, (method, path, body): (&str, &str, &Value), key: &str) -> (u16, Value) {
    let answer = ask(server, Some(key), method, path, body);
    (answer.status, if answer.body.is_empty() { Value::Null } else { answer.json() })
}

#[test]
fn a_key_is_good_after_bearer_at_every_door() {
    let server = server();
    register(&server, ALICE, FORUM);
    let bearer = format!("Bearer {KEY}");
    let alice = json!({"loginId": "alice@example.com"});
    let login = json!({"loginId": "alice@example.com", "password": PASSWORD, "applicationId": FORUM});
    let ping = json!({"userId": ALICE, "applicationId": FORUM});
    let change = json!({"loginId": "alice@example.com", "currentPassword": PASSWORD, "password": "another horse battery staple"});
    let (status, told) = asked(&server, ("POST", FORGOTTEN, &alice), &bearer);
    assert!(status == 200 && told["changePasswordId"].is_string(), "{status} {told}");
    let sessions = format!("/api/jwt/refresh?userId={ALICE}");
    let calls = [
        ("GET", "/api/application", &Value::Null),
        ("GET", "/api/user?email=alice@example.com", &Value::Null),
        ("GET", &*sessions, &Value::Null),
        ("POST", "/api/login", &login),
        ("PUT", "/api/login", &ping),
        ("DELETE", &*sessions, &Value::Null),
        ("POST", "/api/user/change-password", &change),
    ];
    for call in calls {
        assert_eq!(asked(&server, call, &bearer).0, 200, "{call:?}");
    }
}

#[test]
fn a_bearer_that_is_neither_a_key_nor_a_token_is_nobody() {
    let server = server();
    let token = done(&server, "POST", "/api/login", &json!({"loginId": "alice@example.com", "password": PASSWORD}));
    let cookie = format!("access_token={}", token["token"].as_str().unwrap());
    for wrong in ["Bearer csk_of-nobody-at-all-0123456789-abc", "csk_of-nobody-at-all-0123456789-abc"] {
        let alice = json!({"loginId": "alice@example.com"});
        assert_eq!(asked(&server, ("POST", FORGOTTEN, &alice), wrong), (401, Value::Null));
        let headers = [("Authorization", wrong), ("Cookie", &*cookie)];
        assert_eq!(server.get_as("/api/jwt/validate", &headers).status, 401, "the cookie does not stand for it");
    }
    assert_eq!(server.get_as("/api/jwt/validate", &[("Cookie", &*cookie)]).status, 200);
}

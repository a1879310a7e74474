//! `POST /api/jwt/refresh`.

use super::asking::*;
use crate::support::{Server, claims};
use serde_json::{Value, json};

/// A refresh token of the client `store`, which is none of FusionAuth's.
fn of_the_store(server: &Server) -> String {
    server.login_as("alice@example.com", PASSWORD).refresh()
}

#[test]
fn an_application_keeps_its_refresh_token_and_gets_access_tokens() {
    let server = plan().start();
    let first = login(&server, "alice", APP);
    for _ in 0..3 {
        let answer = refresh(&server, &first.refresh);
        assert_eq!(answer.status, 200, "{answer:?}");
        let tokens = Tokens::of(&answer);
        assert_eq!((&tokens.refresh, &tokens.id), (&first.refresh, &first.id));
        assert_ne!(tokens.access, first.access);
        assert_eq!(claims(&tokens.access)["authenticationType"], "REFRESH_TOKEN");
        assert_eq!(cookies(&answer)[0], format!("access_token={}; Path=/; HttpOnly; SameSite=Lax", tokens.access));
        assert!(cookies(&answer)[1].starts_with(&format!("refresh_token={}; Max-Age=", tokens.refresh)));
        assert!(is_open(&server, &tokens) && is_open(&server, &first));
    }
}

#[test]
fn a_token_for_one_use_that_comes_again_ends_its_session() {
    let server = plan().start();
    let first = login(&server, "alice", ONCE);
    let second = Tokens::of(&refresh(&server, &first.refresh));
    assert_eq!(second.id, first.id);
    assert_ne!(second.refresh, first.refresh);
    let third = Tokens::of(&refresh(&server, &second.refresh));
    let again = refresh(&server, &first.refresh);
    assert_eq!((again.status, again.body.as_str()), (404, ""));
    assert_eq!(refresh(&server, &third.refresh).status, 404, "whoever has it must log in again");
    assert!(!is_open(&server, &third));
    assert_eq!(recorded(&server, "session.reuse_detected", "superseded"), 1);
}

#[test]
fn the_cookie_comes_before_the_body_which_may_be_empty() {
    let server = plan().start();
    let tokens = login(&server, "alice", APP);
    let good = format!("other=1; refresh_token={}; access_token={}", tokens.refresh, tokens.access);
    let with =
        |cookie: &str, body: &Value| ask(&server, &[("Cookie", cookie)], "POST", "/api/jwt/refresh", body).status;
    assert_eq!(with(&good, &json!({"refreshToken": "csr_wrong"})), 200);
    assert_eq!(with("refresh_token=csr_wrong", &json!({"refreshToken": tokens.refresh})), 404);
    assert_eq!(with("refresh_token=", &json!({"refreshToken": tokens.refresh})), 200, "a cookie that was taken away");
    let plain = [("Cookie", good.as_str()), ("Content-Type", "text/plain")];
    assert_eq!(server.send("POST", "/api/jwt/refresh", &plain, b"").status, 200);
    for body in [json!(null), json!({}), json!({"refreshToken": null}), json!({"refreshToken": ""})] {
        let answer = ask(&server, &[("Content-Type", "application/json")], "POST", "/api/jwt/refresh", &body);
        assert_eq!(code(&answer, "refreshToken"), "[blank]refreshToken", "{body}");
    }
    let answer = ask(&server, &[], "POST", "/api/jwt/refresh", &json!({"refreshToken": 7}));
    assert_eq!(code(&answer, "refreshToken"), "[couldNotConvert]refreshToken");
}

#[test]
fn tokens_that_are_not_good_are_one_answer_which_the_configuration_chooses() {
    let server = plan().start();
    let revoked = login(&server, "alice", APP);
    let disabled = login(&server, "alice", APP);
    let path = format!("/api/jwt/refresh/{}", revoked.id);
    assert_eq!(by_key(&server, KEY, "DELETE", &path, &Value::Null).status, 200);
    let off = server.send("POST", &format!("/admin/accounts/{ALICE}/disable"), &[("Authorization", KEY)], b"");
    assert_eq!(off.status, 200, "{off:?}");
    let dead = [revoked.refresh.as_str(), &disabled.refresh, "csr_nonsense", &"x".repeat(4000), "\u{e4}"];
    for token in dead {
        let answer = refresh(&server, token);
        assert_eq!((answer.status, answer.body.as_str()), (404, ""), "{token}");
    }
    let server = server.again_with(|plan| plan.set("fusionauth.dead_refresh_status", "400"));
    for token in dead {
        assert_eq!(code(&refresh(&server, token), "refreshToken"), "[invalid]refreshToken", "{token}");
    }
}

#[test]
fn an_access_token_may_be_asked_to_live_shorter_and_not_longer() {
    let server = plan().start();
    let tokens = login(&server, "alice", ONCE);
    let with = |token: &str, ttl: Value| {
        ask(&server, &[], "POST", "/api/jwt/refresh", &json!({"refreshToken": token, "timeToLiveInSeconds": ttl}))
    };
    for (ttl, expected) in [
        (json!(0), "invalid"),
        (json!(-1), "invalid"),
        (json!("soon"), "couldNotConvert"),
        (json!(i64::MAX), "tooLong"),
        (json!(301), "tooLong"),
    ] {
        let answer = with(&tokens.refresh, ttl.clone());
        assert_eq!(code(&answer, "timeToLiveInSeconds"), format!("[{expected}]timeToLiveInSeconds"), "{ttl}");
    }
    let answer = with(&tokens.refresh, json!(17));
    let claims = claims(&answer.text("token"));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 17);
}

#[test]
fn tokens_of_clients_that_do_not_let_their_bearers_refresh_need_a_key_that_covers_the_client() {
    let server = plan().start();
    let (store, held) = (of_the_store(&server), login(&server, "alice", HELD));
    let with =
        |key: &str, token: &str| by_key(&server, key, "POST", "/api/jwt/refresh", &json!({ "refreshToken": token }));
    for token in [&store, &held.refresh] {
        assert_eq!(refresh(&server, token).status, 404);
        assert_eq!(with(OF_APP, token).status, 404, "the key covers another");
        assert_eq!(with("csk_wrong", token).status, 401);
        assert_eq!(with(METRICS, token).status, 401);
        let answer = with(KEY, token);
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let other = login(&server, "alice", OTHER);
    assert_eq!(with(OF_APP, &other.refresh).status, 200, "whoever has it refreshes it, with or without a key");
    let refused = recorded(&server, "session.refresh_refused", "wrong_door");
    assert!(refused >= 2, "{refused} are recorded, of two sessions");
}

#[test]
fn where_refreshing_asks_for_a_key_it_must_cover_the_client() {
    let server = plan().set("fusionauth.refresh_requires_key", "true").start();
    let (app, other) = (login(&server, "alice", APP), login(&server, "alice", OTHER));
    let with = |key: &str, token: &str| {
        by_key(&server, key, "POST", "/api/jwt/refresh", &json!({ "refreshToken": token })).status
    };
    assert_eq!(refresh(&server, &app.refresh).status, 401);
    let cookie = format!("refresh_token={}", app.refresh);
    assert_eq!(ask(&server, &[("Cookie", &cookie)], "POST", "/api/jwt/refresh", &Value::Null).status, 401);
    assert_eq!(
        by_token(&server, &app.access, "POST", "/api/jwt/refresh", &json!({"refreshToken": app.refresh})).status,
        401
    );
    assert_eq!((with(OF_APP, &app.refresh), with(KEY, &app.refresh)), (200, 200));
    assert_eq!((with(OF_APP, &other.refresh), with(KEY, &other.refresh)), (404, 200));
    assert_eq!(recorded(&server, "session.refresh_refused", "wrong_door"), 1);
}

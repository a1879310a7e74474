//! `/api/jwt/validate`, `/api/jwt/public-key` and `/api/jwt/vend`.

use super::asking::*;
use crate::support::{Answer, Server, claims, wait_until};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

fn validate(server: &Server, token: &str) -> Answer {
    by_token(server, token, "GET", "/api/jwt/validate", &Value::Null)
}

fn header(token: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap()).unwrap()
}

fn vend(server: &Server, key: &str, body: &Value) -> Answer {
    by_key(server, key, "POST", "/api/jwt/vend", body)
}

fn distrust(server: &Server, kid: &str) {
    let answer = server.send("POST", &format!("/admin/keys/{kid}/distrust"), &[("Authorization", KEY)], b"");
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[test]
fn a_token_is_valid_for_as_long_as_its_session_goes_on() {
    let server = plan().start();
    let tokens = login(&server, "alice", APP);
    let answer = validate(&server, &tokens.access);
    assert_eq!((answer.status, &answer.json()["jwt"]), (200, &claims(&tokens.access)));
    let cookie = format!("access_token={}", tokens.access);
    let by_cookie = |cookie: &str| ask(&server, &[("Cookie", cookie)], "GET", "/api/jwt/validate", &Value::Null);
    assert_eq!(by_cookie(&cookie).status, 200);
    let forged = format!("{}x", tokens.access);
    for token in ["", "nonsense", &forged, &tokens.refresh] {
        let answer = validate(&server, token);
        assert_eq!((answer.status, answer.body.as_str()), (401, ""), "{token}");
    }
    assert_eq!(ask(&server, &[], "GET", "/api/jwt/validate", &Value::Null).status, 401);
    ask(&server, &[], "POST", "/api/logout", &json!({"refreshToken": tokens.refresh}));
    assert_eq!((validate(&server, &tokens.access).status, by_cookie(&cookie).status), (401, 401));
}

#[test]
fn without_a_look_at_sessions_a_token_is_valid_to_its_end_and_under_a_key_that_is_believed() {
    let server = plan().set("fusionauth.validate_checks_revocation", "false").start();
    let tokens = login(&server, "alice", APP);
    let short = ask(
        &server,
        &[],
        "POST",
        "/api/jwt/refresh",
        &json!({"refreshToken": tokens.refresh, "timeToLiveInSeconds": 1}),
    );
    let short = short.text("token");
    ask(&server, &[], "POST", "/api/logout", &json!({"refreshToken": tokens.refresh}));
    assert_eq!(validate(&server, &tokens.access).status, 200);
    wait_until("the token has ended", || validate(&server, &short).status == 401);
    assert_eq!(validate(&server, &tokens.access).status, 200);
    assert_eq!(validate(&server, &format!("{}x", tokens.access)).status, 401);
    distrust(&server, header(&tokens.access)["kid"].as_str().unwrap());
    assert_eq!(validate(&server, &tokens.access).status, 401);
}

#[test]
fn the_published_keys_are_told_as_pem() {
    let server = plan().start();
    let ask = |query: &str| ask(&server, &[], "GET", &format!("/api/jwt/public-key{query}"), &Value::Null);
    let all = ask("").json()["publicKeys"].as_object().unwrap().clone();
    let published = server.get("/.well-known/jwks.json").json();
    let published = published["keys"].as_array().unwrap();
    assert_eq!(all.len(), published.len());
    for key in published {
        let kid = key["kid"].as_str().unwrap();
        let pem = all[kid].as_str().unwrap();
        assert!(pem.starts_with("-----BEGIN PUBLIC KEY-----\n") && pem.ends_with("\n-----END PUBLIC KEY-----\n"));
        assert_eq!(ask(&format!("?kid={kid}")).json(), json!({ "publicKey": pem }));
    }
    for (application, alg) in [(APP, "ES256"), (OTHER, "RS256")] {
        let kid = header(&login(&server, "alice", application).access);
        assert_eq!(kid["alg"], alg);
        let told = ask(&format!("?applicationId={application}&kid=undefined")).json();
        assert_eq!(told["publicKey"], all[kid["kid"].as_str().unwrap()]);
    }
    for query in ["?kid=nonsense", &format!("?kid={APP}"), &format!("?applicationId={NO_APP}"), "?applicationId=store"]
    {
        let answer = ask(query);
        assert_eq!((answer.status, answer.body.as_str()), (404, ""), "{query}");
    }
    let kid = published[0]["kid"].as_str().unwrap();
    distrust(&server, kid);
    assert_eq!(ask(&format!("?kid={kid}")).status, 404);
}

#[test]
fn a_token_is_signed_with_an_operators_claims_and_recorded() {
    let server = plan().start();
    let body = json!({"claims": {"device": {"id": 42}, "iat": 1, "exp": 2}, "timeToLiveInSeconds": 600});
    let answer = vend(&server, KEY, &body);
    assert_eq!(answer.status, 200, "{answer:?}");
    let token = answer.text("token");
    let (told, head) = (claims(&token), header(&token));
    assert_eq!((&head["typ"], &told["device"], &told["iss"]), (&json!("JWT"), &json!({"id": 42}), &json!(server.url)));
    assert_eq!(told["exp"].as_i64().unwrap() - told["iat"].as_i64().unwrap(), 600);
    let names: Vec<_> = told.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["device", "exp", "iat", "iss", "jti"]);
    let kid = header(&login(&server, "alice", OTHER).access)["kid"].clone();
    let by_name = vend(&server, KEY, &json!({"keyId": kid}));
    assert_eq!(header(&by_name.text("token"))["kid"], kid);
    let told = claims(&by_name.text("token"));
    assert_eq!(told["exp"].as_i64().unwrap() - told["iat"].as_i64().unwrap(), 3600);
    let events = server.events();
    let vended: Vec<_> = events.iter().filter(|event| event["type"] == "system.token_vended").collect();
    assert_eq!(
        (vended.len(), &vended[0]["data"]["key"], &vended[0]["data"]["claims"]),
        (2, &head["kid"], &json!(["device"]))
    );
    assert_eq!(vended[0]["context"]["api_key"], "all");
}

#[test]
fn no_door_here_takes_a_token_that_was_made_to_order() {
    for checks in ["true", "false"] {
        let server = plan().set("fusionauth.validate_checks_revocation", checks).start();
        let claims = json!({"applicationId": APP, "aud": APP, "email": "alice@example.com", "roles": ["admin"],
            "tid": TENANT, "auth_time": 1, "authenticationType": "PASSWORD", "userId": ALICE});
        let answer = vend(&server, KEY, &json!({ "claims": claims }));
        assert_eq!(answer.status, 200, "{answer:?}");
        let token = answer.text("token");
        let status = |method: &str, path: &str| by_token(&server, &token, method, path, &Value::Null).status;
        assert_eq!(status("GET", "/api/jwt/validate"), 401);
        assert_eq!(status("GET", &format!("/api/jwt/issue?applicationId={APP}")), 401);
        assert_eq!(status("PUT", "/api/login"), 401);
        assert_eq!(status("DELETE", &format!("/api/jwt/refresh/{NOBODY}")), 401);
        let bearer = format!("Bearer {token}");
        for path in ["/oauth2/userinfo", "/account/sessions", "/admin/accounts"] {
            assert_eq!(server.get_as(path, &[("Authorization", &bearer)]).status, 401, "{path}");
        }
        assert!(!server.is_active(&token));
    }
}

#[test]
fn claims_that_say_whose_a_token_is_are_nobodys_to_choose() {
    let server = plan().start();
    for name in ["iss", "sub", "sid", "jti", "client_id", "scope", "gty"] {
        let field = format!("claims.{name}");
        let answer = vend(&server, KEY, &json!({"claims": {name: ALICE}}));
        assert_eq!(code(&answer, &field), format!("[invalid]{field}"));
    }
    for ttl in [json!(0), json!(-1), json!(86_401), json!(i64::MAX)] {
        let answer = vend(&server, KEY, &json!({"claims": {}, "timeToLiveInSeconds": ttl}));
        assert_eq!(code(&answer, "timeToLiveInSeconds"), "[invalid]timeToLiveInSeconds", "{ttl}");
    }
    let next = json!({"keyId": "nonsense"});
    assert_eq!(code(&vend(&server, KEY, &next), "keyId"), "[invalid]keyId");
    assert_eq!(code(&vend(&server, KEY, &json!({"claims": []})), "claims"), "[couldNotConvert]claims");
    let long = json!({"claims": {"text": "x".repeat(8000)}});
    assert_eq!(code(&vend(&server, KEY, &long), "claims"), "[tooLong]claims");
    let many: Value = (0..200).map(|n| (format!("claim-{n}"), json!(n))).collect();
    assert_eq!(code(&vend(&server, KEY, &json!({ "claims": many })), "claims"), "[tooLong]claims");
    for key in ["csk_wrong", METRICS, OF_APP] {
        assert_eq!(vend(&server, key, &json!({"claims": {}})).status, 401);
    }
    assert_eq!(ask(&server, &[], "POST", "/api/jwt/vend", &json!({"claims": {}})).status, 401);
    assert!(!server.events().iter().any(|event| event["type"] == "system.token_vended"));
}

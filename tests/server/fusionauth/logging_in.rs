//! `POST /api/login`.

use super::asking::*;
use crate::support::{Answer, Server, claims};
use serde_json::{Value, json};

fn ask_login(server: &Server, key: Option<&str>, body: &Value) -> Answer {
    let headers: Vec<_> = key.iter().map(|key| ("Authorization", *key)).collect();
    ask(server, &headers, "POST", "/api/login", body)
}

fn of_alice(more: &[(&str, Value)]) -> Value {
    let mut body = json!({"loginId": "alice@example.com", "password": PASSWORD});
    more.iter().for_each(|(name, value)| body[*name] = value.clone());
    body
}

#[test]
fn a_login_gives_the_person_both_tokens_and_their_cookies() {
    let server = plan().start();
    let answer = try_login(&server, "alice", PASSWORD, Some(APP));
    assert_eq!(answer.status, 200, "{answer:?}");
    let (told, tokens) = (answer.json(), Tokens::of(&answer));
    assert_eq!((&told["user"]["id"], &told["user"]["email"]), (&json!(ALICE), &json!("alice@example.com")));
    let claims = claims(&tokens.access);
    let expected = json!({"applicationId": APP, "authenticationType": "PASSWORD", "sub": ALICE, "sid": tokens.id, "aud": APP, "tid": TENANT});
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(claims[name], *value, "{name}");
    }
    assert_eq!(told["tokenExpirationInstant"], json!(claims["exp"].as_i64().unwrap() * 1000));
    assert_eq!(told["user"]["lastLoginInstant"].as_i64().unwrap() / 1000, claims["iat"].as_i64().unwrap());
    let rest = 14 * 24 * 3600;
    let cookies = cookies(&answer);
    assert_eq!(cookies[0], format!("access_token={}; Path=/; HttpOnly; SameSite=Lax", tokens.access));
    let start = format!("refresh_token={}; Max-Age=", tokens.refresh);
    let (age, attributes) = cookies[1].strip_prefix(&start).unwrap().split_once("; ").unwrap();
    assert!((rest - 120..=rest).contains(&age.parse().unwrap()), "{age}");
    assert_eq!((attributes, cookies.len()), ("Path=/; HttpOnly; SameSite=Lax", 2));
    assert!(is_open(&server, &tokens));
}

#[test]
fn where_the_issuer_is_https_no_cookie_is_sent_in_clear() {
    let server = plan().set("issuer", "https://auth.example.com").start();
    let answer = try_login(&server, "alice", PASSWORD, Some(APP));
    for cookie in cookies(&answer) {
        assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
    }
    assert_eq!(cookies(&answer).len(), 2);
    let out = ask(&server, &[], "POST", "/api/logout", &Value::Null);
    assert!(cookies(&out).iter().all(|cookie| cookie.ends_with("; Secure")), "{out:?}");
}

#[test]
fn without_an_application_and_where_nobody_gives_one_there_is_no_refresh_token() {
    let server = plan().start();
    let without = ask_login(&server, Some(KEY), &of_alice(&[]));
    let bare = try_login(&server, "alice", PASSWORD, Some(BARE));
    for answer in [&without, &bare] {
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.json().get("refreshToken").is_none() && answer.json().get("refreshTokenId").is_none());
        let gone = "refresh_token=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax";
        assert_eq!(cookies(answer)[1], gone, "a cookie of another login does not stay");
    }
    assert_eq!(claims(&without.text("token")).get("applicationId"), None);
    assert_eq!(claims(&bare.text("token"))["applicationId"], BARE);
}

#[test]
fn whoever_is_not_registered_gets_a_token_of_the_tenant_and_no_more() {
    let server = plan().start();
    let answer = try_login(&server, "bob", PASSWORD, Some(APP));
    assert_eq!(answer.status, 202, "{answer:?}");
    assert_eq!(answer.json()["user"]["id"], BOB);
    assert!(answer.json().get("refreshToken").is_none(), "{answer:?}");
    let claims = claims(&answer.text("token"));
    assert_eq!((claims.get("applicationId"), claims.get("roles")), (None, None));
    let listed = by_key(&server, KEY, "GET", &format!("/api/jwt/refresh?userId={BOB}"), &Value::Null);
    assert_eq!((listed.status, listed.body.as_str()), (200, "{}"), "no session of it can be refreshed");
}

#[test]
fn unknown_logins_wrong_passwords_and_too_many_attempts_are_one_answer() {
    let server = plan().set("passwords.strangers_per_network", "3").start();
    let told = |login: &str, password: &str| {
        let body = json!({"loginId": login, "password": password, "applicationId": APP, "ipAddress": "203.0.113.9"});
        let mut answer = by_key(&server, KEY, "POST", "/api/login", &body);
        answer.headers.retain(|(name, _)| !["x-request-id", "date"].contains(&name.as_str()));
        // They are kept in no order.
        answer.headers.sort();
        answer
    };
    let unknown = told("nobody@example.com", PASSWORD);
    assert_eq!((unknown.status, unknown.body.as_str()), (404, ""));
    for _ in 0..3 {
        assert_eq!(told("alice@example.com", "wrong"), unknown);
    }
    assert_eq!(told("alice@example.com", PASSWORD), unknown, "throttled");
    assert_eq!(told("carol@example.com", "wrong"), unknown, "a disabled account");
    let elsewhere = try_login(&server, "alice", PASSWORD, Some(APP));
    assert_eq!(elsewhere.status, 200, "the owner comes from elsewhere");
}

#[test]
fn everybody_behind_a_backend_that_tells_nobody_comes_from_nowhere() {
    let server = plan().start();
    let agent = [("Authorization", KEY), ("X-Forwarded-For", "192.0.2.8"), ("X-Device-Id", "of the header")];
    let device = json!({"device": {"name": "of the body"}});
    let bodies = [of_alice(&[]), of_alice(&[("ipAddress", json!("203.0.113.9")), ("metaData", device)])];
    ask(&server, &agent[..1], "POST", "/api/login", &bodies[0]);
    ask(&server, &agent, "POST", "/api/login", &bodies[0]);
    ask(&server, &agent, "POST", "/api/login", &bodies[1]);
    ask(&server, &[], "POST", "/api/login", &of_alice(&[("applicationId", json!(KEYLESS))]));
    let events = server.events();
    let logins: Vec<_> = events.iter().filter(|event| event["type"] == "account.login_succeeded").collect();
    let told: Vec<_> = logins.iter().map(|event| event["context"]["told_by"].as_str().unwrap()).collect();
    assert_eq!(told, ["nobody", "api_key", "api_key", "peer"]);
    let of = |number: usize, name: &str| &logins[number]["context"][name];
    assert_ne!(of(1, "net"), of(2, "net"), "the body says more than the headers");
    assert_eq!(of(1, "dev"), of(2, "dev"), "what people call a device is not which one it is");
    assert_eq!(logins[0]["context"]["api_key"], "all");
}

#[test]
fn what_is_missing_or_wrong_is_said_field_by_field() {
    let server = plan().start();
    let ask = |body: &Value| ask_login(&server, Some(KEY), body);
    let nothing = ask(&json!({"password": null, "loginId": ""}));
    assert_eq!(
        (code(&nothing, "loginId").as_str(), code(&nothing, "password").as_str()),
        ("[blank]loginId", "[blank]password")
    );
    let wrong = ask(&json!({"loginId": {}, "password": 7, "noJWT": "perhaps"}));
    for field in ["loginId", "password", "noJWT"] {
        assert_eq!(code(&wrong, field), format!("[couldNotConvert]{field}"));
    }
    for application in [NO_APP, SHUT, "store", TENANT, "nonsense"] {
        assert_eq!(
            code(&ask(&of_alice(&[("applicationId", json!(application))])), "applicationId"),
            "[invalid]applicationId"
        );
    }
    assert_eq!(code(&ask(&of_alice(&[("password", json!("p".repeat(1025)))])), "password"), "[tooLong]password");
    let text = [("Authorization", KEY), ("Content-Type", "text/plain")];
    let answer = server.send("POST", "/api/login", &text, of_alice(&[]).to_string().as_bytes());
    assert_eq!(answer.json()["generalErrors"][0]["code"], "[InvalidContentType]");
    let answer = server.send("POST", "/api/login", &text, b"");
    assert_eq!(code(&answer, "loginId"), "[blank]loginId", "an empty body is of any type");
    for body in ["null", "[]", "{", "\"\""] {
        let json = [("Authorization", KEY), ("Content-Type", "application/json")];
        let answer = server.send("POST", "/api/login", &json, body.as_bytes());
        assert_eq!(answer.json()["generalErrors"][0]["code"], "[invalidJSON]", "{body}");
    }
    for name in ["oneTimePassword", "twoFactorTrustId"] {
        assert_eq!(ask(&of_alice(&[(name, json!("x"))])).status, 501, "{name}");
    }
    assert_eq!(by_key(&server, KEY, "GET", "/api/login", &Value::Null).status, 405);
    let tenants = [(TENANT, 200), ("undefined", 200), (NO_APP, 400)];
    for (tenant, status) in tenants {
        let headers = [("Authorization", KEY), ("X-FusionAuth-TenantId", tenant)];
        let answer = super::asking::ask(&server, &headers, "POST", "/api/login", &of_alice(&[]));
        assert_eq!(answer.status, status, "{tenant}");
    }
}

#[test]
fn an_api_key_is_asked_for_where_the_application_says_so_and_must_cover_it() {
    let server = plan().start();
    let at = |application: Value| of_alice(&[("applicationId", application)]);
    let cases = [
        (None, json!(APP), 401),
        (None, json!(null), 401),
        (None, json!(NO_APP), 401),
        (None, json!(KEYLESS), 200),
        (Some(""), json!(KEYLESS), 200),
        (Some("csk_wrong"), json!(KEYLESS), 401),
        (Some(METRICS), json!(KEYLESS), 401),
        (Some("csk_wrong"), json!(APP), 401),
        (Some(METRICS), json!(APP), 401),
        (Some(OF_APP), json!(APP), 200),
        (Some(OF_APP), json!(OTHER), 401),
        (Some(OF_APP), json!(KEYLESS), 401),
        (Some(OF_APP), json!(null), 401),
        (Some(OF_APP), json!(""), 401),
        (Some(KEY), json!(null), 200),
    ];
    for (key, application, status) in cases {
        let answer = ask_login(&server, key, &at(application.clone()));
        assert_eq!(answer.status, status, "{key:?} {application}: {answer:?}");
        assert!(status != 401 || answer.body.is_empty(), "{answer:?}");
    }
    assert_eq!(recorded(&server, "system.api_key_refused", "api_key_elsewhere"), 1, "alike refusals are one event");
}

#[test]
fn only_the_right_password_learns_that_an_account_is_disabled_or_that_it_must_change() {
    let server = plan().start();
    assert_eq!(try_login(&server, "carol", "wrong", Some(APP)).status, 404);
    let locked = try_login(&server, "carol", PASSWORD, Some(APP));
    assert_eq!((locked.status, locked.body.as_str()), (423, ""));
    assert_eq!(try_login(&server, "dave", "wrong", Some(APP)).status, 404);
    let change = try_login(&server, "dave", PASSWORD, Some(APP));
    assert_eq!((change.status, change.text("changePasswordReason").as_str()), (203, "Administrative"));
    assert!(change.text("changePasswordId").starts_with("csp_"));
    assert!(change.json().get("token").is_none() && cookies(&change).is_empty(), "{change:?}");
}

#[test]
fn a_login_that_wants_no_tokens_leaves_no_session() {
    let server = plan().start();
    let answer = ask_login(&server, Some(KEY), &of_alice(&[("applicationId", json!(APP)), ("noJWT", json!(true))]));
    assert_eq!(answer.status, 200);
    let names: Vec<_> = answer.json().as_object().unwrap().keys().cloned().collect();
    assert_eq!((names, cookies(&answer).len()), (vec!["user".to_owned()], 0));
    let events = server.events();
    let ended: Vec<_> = events.iter().filter(|event| event["type"] == "session.revoked").collect();
    assert_eq!((ended.len(), &ended[0]["data"]["reason"]), (1, &json!("revoked")));
}

/// A login by the key, which tells the person.
fn from(server: &Server, login: &str, password: &str, address: &str, agent: &str) -> u16 {
    let body = json!({
        "loginId": login,
        "password": password,
        "applicationId": OTHER,
        "ipAddress": address,
        "eventInfo": {"userAgent": agent},
        "metaData": {"device": {"name": "iPhone"}},
    });
    by_key(server, KEY, "POST", "/api/login", &body).status
}

#[test]
fn what_people_call_a_device_makes_nobody_familiar() {
    let server = plan().start();
    assert_eq!(from(&server, "alice@example.com", PASSWORD, "203.0.113.9", "Shop/1 (iOS)"), 200);
    assert_eq!(from(&server, "alice@example.com", PASSWORD, "198.51.100.7", "Mozilla/5"), 200);
    let told = server.events().iter().filter(|event| event["type"] == "account.new_context").count();
    assert_eq!(told, 1, "thousands call their device that");
}

#[test]
fn an_account_with_two_login_ids_has_one_budget_of_guesses() {
    let server = plan().start();
    let named = json!({"user": {"username": "bobby"}});
    assert_eq!(by_key(&server, KEY, "PATCH", &format!("/api/user/{BOB}"), &named).status, 200);
    for _ in 0..10 {
        assert_eq!(from(&server, "bob@example.com", "wrong", "203.0.113.9", "Shop/1"), 404);
    }
    assert_eq!(from(&server, "bobby", PASSWORD, "203.0.113.9", "Shop/1"), 404, "it is used up by the other name");
    assert_eq!(from(&server, "bobby", PASSWORD, "198.51.100.7", "Shop/1"), 200, "elsewhere it is not");
}

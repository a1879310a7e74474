//! `/api/user/forgot-password` and `/api/user/change-password`

use super::managing::{
    BOOTSTRAP, DESK, KEY, OF_FORUM, PASSWORD, application, ask, codes, done, login, register, server, status, user,
};
use crate::support::{Answer, Plan, Server};
use serde_json::{Value, json};

const NONE: Value = Value::Null;
const FORGOT: &str = "/api/user/forgot-password";
const CHANGE: &str = "/api/user/change-password";
const NEW: &str = "another fine password";

/// A server, an application with its secret, and the id of a user who is registered there.
fn person() -> (Server, (String, String), String) {
    let server = server();
    let client = application(&server, "Pied Piper", &json!({}));
    let person = user(&server, "a@example.com");
    register(&server, &person, &client.0);
    (server, client, person)
}

fn code(server: &Server) -> String {
    let given = done(server, "POST", FORGOT, &json!({"loginId": "a@example.com", "sendForgotPasswordEmail": false}));
    given["changePasswordId"].as_str().unwrap().to_owned()
}

fn bearer(server: &Server, token: &str, body: &Value) -> Answer {
    let headers = [("Authorization", format!("Bearer {token}")), ("Content-Type", "application/json".to_owned())];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    server.send("POST", CHANGE, &headers, body.to_string().as_bytes())
}

#[test]
fn a_password_is_set_with_a_code_once() {
    let (server, (id, secret), _) = person();
    let known = |password: &str| login(&server, (&id, &secret), "a@example.com", password);
    let before = known(PASSWORD);
    let first = code(&server);
    let path = format!("{CHANGE}/{}", code(&server));
    let check = |path: &str| ask(&server, None, "GET", path, &NONE).status;
    assert_eq!((check(&path), check(&format!("{CHANGE}/{first}"))), (200, 404));
    assert_eq!((check(&format!("{CHANGE}/nonsense")), check(&format!("{CHANGE}/{}", "x".repeat(200)))), (404, 404));
    assert_eq!(codes(&server, "POST", &path, &json!({})), ["[blank]password"]);
    assert_eq!(codes(&server, "POST", &path, &json!({"password": "short"})), ["[tooShort]password"]);
    assert_eq!(codes(&server, "POST", &path, &json!({"password": PASSWORD})), ["[previouslyUsed]password"]);
    let wrong = json!({"password": NEW, "currentPassword": "not the password"});
    assert_eq!(ask(&server, None, "POST", &path, &wrong).status, 404);
    let changed = ask(&server, None, "POST", &path, &json!({"password": NEW}));
    assert_eq!((changed.status, changed.body.as_str()), (200, "{}"));
    assert_eq!((known(PASSWORD).status, known(NEW).status, check(&path)), (400, 200, 404));
    assert_eq!(ask(&server, None, "POST", &path, &json!({"password": "yet another password"})).status, 404);
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", &before.refresh())];
    assert_eq!(server.post("/oauth2/token", Some((&id, &secret)), &refresh).status, 400);
    // A code in the body counts in place of that in the path, and needs none there.
    let body = json!({"changePasswordId": code(&server), "password": PASSWORD, "currentPassword": NEW});
    assert_eq!(ask(&server, None, "POST", &format!("{CHANGE}/x"), &body).status, 200);
    assert_eq!(known(PASSWORD).status, 200);
    for key in [None, Some(KEY)] {
        let body = json!({"changePasswordId": code(&server), "password": if key.is_some() { PASSWORD } else { NEW }});
        assert_eq!(ask(&server, key, "POST", CHANGE, &body).status, 200);
    }
}

#[test]
fn whoever_has_no_key_learns_nothing_of_who_forgot_a_password() {
    let (server, ..) = person();
    let good = code(&server);
    let told = |login: &str| {
        let answer = ask(&server, None, "POST", FORGOT, &json!({"loginId": login}));
        (answer.status, answer.body)
    };
    assert_eq!(told("a@example.com"), (200, String::new()));
    assert_eq!(told("nobody@example.com"), told("a@example.com"));
    // Nor does a stranger take a code away.
    assert_eq!(ask(&server, None, "GET", &format!("{CHANGE}/{good}"), &NONE).status, 200);
    assert_eq!(status(&server, "POST", FORGOT, &json!({"loginId": "nobody@example.com"})), 404);
    assert_eq!(codes(&server, "POST", FORGOT, &json!({})), ["[blank]loginId"]);
    assert_eq!(codes(&server, "POST", FORGOT, &json!({"loginId": {}})), ["[couldNotConvert]loginId"]);
    let own = json!({"loginId": "a@example.com", "changePasswordId": "mine"});
    assert_eq!(status(&server, "POST", FORGOT, &own), 501);
    for (key, status) in [("csk_nobody-has-this-one-0123456789abcd", 401), (OF_FORUM, 404)] {
        assert_eq!(ask(&server, Some(key), "POST", FORGOT, &json!({"loginId": "a@example.com"})).status, status);
    }
}

#[test]
fn a_code_in_a_path_is_written_down_nowhere() {
    let server = Plan::new(BOOTSTRAP).set("log.level", "debug").start();
    user(&server, "a@example.com");
    let code = code(&server);
    for path in [format!("{CHANGE}/{code}"), format!("{CHANGE}/{code}/"), format!("{CHANGE}/{code}?x=1")] {
        ask(&server, None, "GET", &path, &NONE);
        ask(&server, None, "POST", &path, &json!({}));
    }
    let told = server.stopped().diagnostics();
    assert!(told.contains(&format!("{CHANGE}/")), "its requests are told: {told}");
    assert!(!told.contains(&code), "{told}");
}

#[test]
fn a_disabled_user_gets_no_code_and_one_of_before_is_worth_nothing() {
    let (server, _, person) = person();
    let good = code(&server);
    done(&server, "DELETE", &format!("/api/user/{person}"), &NONE);
    assert_eq!(status(&server, "POST", FORGOT, &json!({"loginId": "a@example.com"})), 404);
    assert_eq!(ask(&server, None, "POST", &format!("{CHANGE}/{good}"), &json!({"password": NEW})).status, 404);
}

#[test]
fn a_backend_sets_a_password_by_the_login_id() {
    let (server, (id, secret), _) = person();
    let known = |password: &str| login(&server, (&id, &secret), "a@example.com", password).status;
    let by = |current: &str| json!({"loginId": "a@example.com", "password": NEW, "currentPassword": current});
    assert_eq!(codes(&server, "POST", CHANGE, &by("not the password")), ["[invalid]currentPassword"]);
    assert_eq!(done(&server, "POST", CHANGE, &by(PASSWORD)), NONE);
    assert_eq!((known(PASSWORD), known(NEW)), (400, 200));
    let plain = json!({"loginId": "a@example.com", "password": PASSWORD, "current_password": "ignored"});
    assert_eq!(done(&server, "POST", CHANGE, &plain), NONE);
    assert_eq!(known(PASSWORD), 200);
    let post = |body: Value| codes(&server, "POST", CHANGE, &body);
    assert_eq!(post(json!({})), ["[invalid]"]);
    assert_eq!(post(json!({"loginId": "nobody@example.com", "password": NEW})), ["[invalid]loginId"]);
    assert_eq!(post(json!({"loginId": "a@example.com"})), ["[blank]password"]);
    assert_eq!(post(json!({"loginId": "a@example.com", "password": "short"})), ["[tooShort]password"]);
    let same = json!({"loginId": "a@example.com", "password": PASSWORD, "currentPassword": PASSWORD});
    assert_eq!(post(same), ["[previouslyUsed]password"]);
    assert_eq!(post(json!({"loginId": "a@example.com", "password": "x".repeat(1025)})), ["[tooLong]password"]);
    assert_eq!(ask(&server, Some(OF_FORUM), "POST", CHANGE, &plain).status, 400);
    assert_eq!(ask(&server, None, "POST", CHANGE, &plain).status, 400);
    assert_eq!(ask(&server, Some(DESK), "GET", &format!("{CHANGE}?loginId=a@example.com"), &NONE).status, 200);
    assert_eq!(status(&server, "GET", &format!("{CHANGE}?loginId=nobody"), &NONE), 404);
    assert_eq!(ask(&server, None, "GET", CHANGE, &NONE).status, 401);
}

#[test]
fn a_person_changes_the_password_with_an_access_token_and_the_old_one() {
    let (server, (id, secret), _) = person();
    let token = login(&server, (&id, &secret), "a@example.com", PASSWORD).access();
    let told = |body: Value| bearer(&server, &token, &body);
    assert_eq!(told(json!({"password": NEW, "currentPassword": "not the password"})).status, 404);
    assert_eq!(
        told(json!({"password": NEW})).json()["fieldErrors"]["currentPassword"][0]["code"],
        "[blank]currentPassword"
    );
    assert_eq!(told(json!({"password": "short", "currentPassword": PASSWORD})).status, 400);
    assert_eq!(server.get_as(CHANGE, &[("Authorization", &format!("Bearer {token}"))]).status, 200);
    let changed = told(json!({"password": NEW, "currentPassword": PASSWORD}));
    assert_eq!((changed.status, changed.body.as_str()), (200, "{}"));
    // The session that asked is over with all others.
    let again = told(json!({"password": PASSWORD, "currentPassword": NEW}));
    assert_eq!((again.status, again.body.as_str()), (401, ""));
    assert_eq!(login(&server, (&id, &secret), "a@example.com", NEW).status, 200);
}

#[test]
fn too_many_guesses_look_like_wrong_ones() {
    let (server, (id, secret), _) = person();
    let token = login(&server, (&id, &secret), "a@example.com", PASSWORD).access();
    let told: Vec<_> = (0..40)
        .map(|_| bearer(&server, &token, &json!({"password": NEW, "currentPassword": "not the password"})))
        .map(|answer| (answer.status, answer.body))
        .collect();
    assert!(told.iter().all(|answer| *answer == (404, String::new())), "{told:?}");
}

#[test]
fn who_guesses_at_a_backend_shuts_nobody_else_out() {
    let (server, (id, secret), _) = person();
    let by = |current: &str, address: &str| json!({"loginId": "a@example.com", "password": NEW, "currentPassword": current, "ipAddress": address});
    for _ in 0..12 {
        let guess = by("not the password", "203.0.113.7");
        assert_eq!(codes(&server, "POST", CHANGE, &guess), ["[invalid]currentPassword"]);
    }
    // Whoever guesses is out of guesses, and the owner is not.
    assert_eq!(codes(&server, "POST", CHANGE, &by(PASSWORD, "203.0.113.7")), ["[invalid]currentPassword"]);
    assert_eq!(done(&server, "POST", CHANGE, &by(PASSWORD, "198.51.100.9")), NONE);
    assert_eq!(login(&server, (&id, &secret), "a@example.com", NEW).status, 200);
}

#[test]
fn a_password_that_is_set_with_a_code_is_like_neither_login_id() {
    let (server, _, person) = person();
    let (email, username) = ("bjwlzqkvxhfr@example.com", "qzvkwmxjpfhtrn");
    let both = json!({"user": {"email": email, "username": username}});
    done(&server, "PATCH", &format!("/api/user/{person}"), &both);
    let given = done(&server, "POST", FORGOT, &json!({"loginId": email}));
    let path = format!("{CHANGE}/{}", given["changePasswordId"].as_str().unwrap());
    for like in ["qzvkwmxjpfhtrn", "bjwlzqkvxhfr"] {
        let change = json!({"password": format!("{like}12")});
        assert_eq!(codes(&server, "POST", &path, &change), ["[invalid]password"], "{like}");
        let change = json!({"password": format!("{like}12"), "currentPassword": PASSWORD});
        assert_eq!(codes(&server, "POST", &path, &change), ["[invalid]password"], "{like}");
    }
}

//! `/api/user`

use super::managing::{
    DESK, FORUM, FORUM_SECRET, KEY, OF_FORUM, PASSWORD, application, ask, codes, done, login, register, server, status,
    user,
};
use crate::support::claims;
use serde_json::{Value, json};

const NONE: Value = Value::Null;
const NOBODY: &str = "/api/user/00000000-0000-4000-8000-000000000000";

#[test]
fn a_user_is_made_found_changed_and_deleted() {
    let server = server();
    let made = done(
        &server,
        "POST",
        "/api/user",
        &json!({"user": {"email": "NodeJS@fusionauth.io", "firstName": "Jäne", "password": PASSWORD},
            "skipVerification": true, "sendSetPasswordEmail": false}),
    );
    let (user, id) = (&made["user"], made["user"]["id"].as_str().unwrap());
    assert_eq!((&user["email"], &user["firstName"]), (&json!("nodejs@fusionauth.io"), &json!("Jäne")), "{made}");
    let token = claims(made["token"].as_str().unwrap());
    assert_eq!((&token["authenticationType"], &token["sub"]), (&json!("USER_CREATE"), &json!(id)));
    assert!(token["applicationId"].is_null() && made["tokenExpirationInstant"].is_i64());
    assert!(made["refreshToken"].is_null() && user["password"].is_null());
    let path = format!("/api/user/{id}");
    let patch = json!({"user": {"firstName": "Jan", "data": {"a": [1], "b": {"c": 1}}}});
    done(&server, "PATCH", &path, &patch);
    let patched = done(&server, "PATCH", &path, &json!({"user": {"data": {"a": [2], "b": null}}}))["user"].take();
    assert_eq!((&patched["firstName"], &patched["data"]), (&json!("Jan"), &json!({"a": [2]})));
    let found = |by: &str| done(&server, "GET", &format!("/api/user{by}"), &NONE)["user"]["id"].take();
    for by in [
        "?email=nodejs@fusionauth.io",
        "?loginId=nodejs%40fusionauth.io&loginIdTypes=email",
        &path["/api/user".len()..],
    ] {
        assert_eq!(found(by), id, "{by}");
    }
    for by in
        ["?loginId=nodejs@fusionauth.io&loginIdTypes=username", "?username=nodejs@fusionauth.io", "?email=x@y.example"]
    {
        assert_eq!(status(&server, "GET", &format!("/api/user{by}"), &NONE), 404, "{by}");
    }
    assert_eq!(status(&server, "GET", "/api/user?changePasswordId=x", &NONE), 501);
    assert_eq!(codes(&server, "GET", "/api/user", &NONE), ["[blank]email"]);
    let own = server.get_as("/api/user", &[("Authorization", &format!("Bearer {}", made["token"].as_str().unwrap()))]);
    assert_eq!(own.json()["user"]["id"], id);
    assert_eq!(done(&server, "DELETE", &format!("{path}?hardDelete=true"), &NONE), NONE);
    assert_eq!(status(&server, "GET", "/api/user?email=nodejs@fusionauth.io", &NONE), 404);
    for (method, body) in [("GET", NONE), ("PATCH", patch.clone()), ("PUT", patch), ("DELETE", NONE)] {
        assert_eq!(status(&server, method, &path, &body), 404, "{method}");
        assert_eq!(status(&server, method, NOBODY, &body), 404, "{method}");
    }
}

#[test]
fn users_are_looked_up_by_their_ids() {
    let server = server();
    let (alice, bob) = (user(&server, "a@example.com"), user(&server, "b@example.com"));
    let unknown = NOBODY.strip_prefix("/api/user/").unwrap();
    let ids = |found: &Value| {
        let users = found["users"].as_array().unwrap();
        assert_eq!(found["total"], users.len());
        users.iter().map(|user| user["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let path = format!("/api/user/search?ids={alice}&ids={unknown}&ids={bob}&ids={alice}");
    assert_eq!(ids(&done(&server, "GET", &path, &NONE)), [alice.clone(), bob.clone()]);
    let search = |search: Value| json!({"search": search});
    let post = |body: &Value| ask(&server, Some(KEY), "POST", "/api/user/search", body);
    assert_eq!(ids(&post(&search(json!({"ids": [bob, alice], "queryString": "x"}))).json()), [bob, alice.clone()]);
    for (body, code) in [
        (json!({}), "[invalid]"),
        (search(json!({"ids": []})), "[invalid]"),
        (search(json!({"ids": ["x"]})), "[couldNotConvert]search.ids"),
        (search(json!({"ids": vec![unknown; 501]})), "[tooLong]search.ids"),
        (search(json!({"ids": [7]})), "[couldNotConvert]search.ids"),
    ] {
        assert_eq!(codes(&server, "POST", "/api/user/search", &body), [code], "{body}");
    }
    assert_eq!(codes(&server, "GET", "/api/user/search", &NONE), ["[invalid]"]);
    assert_eq!(post(&search(json!({"queryString": "*"}))).status, 501);
    assert_eq!(status(&server, "GET", "/api/user/search?queryString=a", &NONE), 501);
    // Who is not covered is left out as who is not there; and without a key nobody is looked up.
    let of_forum = ask(&server, Some(OF_FORUM), "GET", &format!("/api/user/search?ids={alice}"), &NONE);
    assert_eq!(of_forum.json(), json!({"total": 0, "users": []}));
    assert_eq!(ask(&server, None, "GET", &path, &NONE).status, 401);
}

#[test]
fn a_user_who_is_put_keeps_his_password_and_may_be_switched_off() {
    let server = server();
    let (id, secret) = application(&server, "Pied Piper", &json!({}));
    let person = user(&server, "test@fusionauth.io");
    register(&server, &person, &id);
    let (path, client) = (format!("/api/user/{person}"), (id.as_str(), secret.as_str()));
    let put = json!({"user": {"email": "test+2@fusionauth.io", "username": "tester", "birthDate": "1981-06-04"}});
    let shown = done(&server, "PUT", &path, &put)["user"].take();
    assert_eq!((&shown["email"], &shown["username"]), (&json!("test+2@fusionauth.io"), &json!("tester")));
    let known = |login_id: &str, password: &str| login(&server, client, login_id, password).status;
    assert_eq!((known("test@fusionauth.io", PASSWORD), known("test+2@fusionauth.io", PASSWORD)), (400, 200));
    assert_eq!(known("TESTER", PASSWORD), 200);
    // What was sent back stays, and what was left out is gone.
    let shown = done(&server, "PUT", &path, &json!({"user": shown}))["user"].take();
    assert_eq!(shown["birthDate"], "1981-06-04");
    let alone = done(&server, "PUT", &path, &json!({"user": {"username": "tester"}}))["user"].take();
    assert!(alone["email"].is_null() && alone["birthDate"].is_null(), "{alone}");
    assert_eq!((known("tester", PASSWORD), known("test+2@fusionauth.io", PASSWORD)), (200, 400));
    let both =
        json!({"user": {"email": "test@fusionauth.io", "username": "tester", "password": "another fine password"}});
    done(&server, "PUT", &path, &both);
    assert_eq!((known("tester", PASSWORD), known("test@fusionauth.io", "another fine password")), (400, 200));
    assert_eq!(done(&server, "DELETE", &path, &NONE), NONE);
    assert_eq!(done(&server, "GET", &path, &NONE)["user"]["active"], false);
    assert_eq!(known("tester", "another fine password"), 400);
    let again = done(&server, "PUT", &format!("{path}?reactivate=true"), &NONE)["user"].take();
    assert_eq!((&again["active"], &again["email"]), (&json!(true), &json!("test@fusionauth.io")));
    assert_eq!(known("tester", "another fine password"), 200);
    assert_eq!(done(&server, "PATCH", &path, &json!({"user": {"active": false}}))["user"]["active"], false);
    let must =
        done(&server, "PATCH", &path, &json!({"user": {"active": true, "passwordChangeRequired": true}}))["user"]
            .take();
    assert_eq!((&must["active"], &must["passwordChangeRequired"]), (&json!(true), &json!(true)));
    let same = done(&server, "PATCH", &path, &json!({"user": {"firstName": "T"}}))["user"].take();
    assert_eq!(same["passwordChangeRequired"], true);
    assert_eq!(done(&server, "DELETE", &path, &json!({"hardDelete": true})), NONE);
    assert_eq!(status(&server, "GET", &path, &NONE), 404);
    // The login ids are free again.
    user(&server, "test@fusionauth.io");
}

#[test]
fn a_user_may_be_made_under_an_id_with_a_username_and_switched_off() {
    let server = server();
    let path = "/api/user/b164fdfc-db57-4da9-b241-8543671c6bb8";
    let neo =
        json!({"user": {"username": "neo", "password": PASSWORD, "active": false, "passwordChangeRequired": true}});
    let made = done(&server, "POST", path, &neo);
    assert!(made["token"].is_null(), "{made}");
    let made = &made["user"];
    assert_eq!((&made["username"], &made["active"]), (&json!("neo"), &json!(false)), "{made}");
    assert_eq!((&made["passwordChangeRequired"], &made["email"]), (&json!(true), &NONE));
    assert_eq!(done(&server, "GET", "/api/user?username=neo", &NONE)["user"]["id"], path["/api/user/".len()..]);
    let twice = json!({"user": {"username": "neo", "email": "neo@example.com", "password": PASSWORD}});
    assert_eq!(codes(&server, "POST", path, &twice), ["[duplicate]userId"]);
    assert_eq!(codes(&server, "POST", "/api/user", &twice), ["[inactive]user.username"]);
    done(&server, "PUT", &format!("{path}?reactivate=true"), &NONE);
    assert_eq!(codes(&server, "POST", "/api/user", &twice), ["[duplicate]user.username"]);
}

#[test]
fn what_is_wrong_with_a_user_is_told_by_its_code() {
    let server = server();
    let person = user(&server, "a@example.com");
    let post = |user: Value| codes(&server, "POST", "/api/user", &json!({"user": user}));
    assert_eq!(post(json!({})), ["[blank]user.email", "[blank]user.password", "[blank]user.username"]);
    assert_eq!(post(json!({"email": "A@example.com", "password": PASSWORD})), ["[duplicate]user.email"]);
    assert_eq!(post(json!({"username": "x@y.example", "password": PASSWORD})), ["[invalid]user.username"]);
    assert_eq!(post(json!({"email": "nobody", "password": PASSWORD})), ["[notEmail]user.email"]);
    assert_eq!(post(json!({"username": "neo", "password": "short"})), ["[tooShort]user.password"]);
    assert_eq!(post(json!({"username": "neo", "password": "password1234"})), ["[breachedCommonPassword]user.password"]);
    let long = json!({"username": "neo", "password": PASSWORD, "data": {"text": "x".repeat(5000)}});
    assert_eq!(post(long), ["[tooLong]user.data"]);
    let path = format!("/api/user/{person}");
    assert_eq!(codes(&server, "PUT", &path, &json!({"user": {}})), ["[blank]user.email", "[blank]user.username"]);
    user(&server, "b@example.com");
    let taken = json!({"user": {"email": "b@example.com"}});
    assert_eq!(codes(&server, "PATCH", &path, &taken), ["[duplicate]user.email"]);
    assert_eq!(codes(&server, "PATCH", &path, &json!({"user": {"password": "short"}})), ["[tooShort]user.password"]);
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        let body = if method == "GET" { NONE } else { json!({"user": {"username": "x", "password": PASSWORD}}) };
        assert_eq!(codes(&server, method, "/api/user/nonsense", &body), ["[couldNotConvert]userId"], "{method}");
        for other in ["bulk", "two-factor"] {
            assert_eq!(
                ask(&server, None, method, &format!("/api/user/{other}"), &NONE).status,
                501,
                "{method} {other}"
            );
        }
    }
    assert_eq!(codes(&server, "DELETE", "/api/user?hardDelete=true", &NONE), ["[missing]userId"]);
    let mail = json!({"user": {"email": "c@example.com"}, "sendSetPasswordEmail": true});
    assert_eq!(status(&server, "POST", "/api/user", &mail), 501);
    let ends = json!({"user": {"email": "c@example.com", "password": PASSWORD, "expiry": 1}});
    assert_eq!(status(&server, "POST", "/api/user", &ends), 501);
    assert_eq!(status(&server, "GET", "/api/user/consent/x/y", &NONE), 501);
}

#[test]
fn users_are_for_whoever_has_a_key_that_covers_them() {
    let server = server();
    let person = user(&server, "a@example.com");
    let path = format!("/api/user/{person}");
    let told = |key, method: &str, path: &str, body: &Value| {
        let answer = ask(&server, key, method, path, body);
        assert!(answer.status != 401 || answer.body.is_empty(), "{answer:?}");
        answer.status
    };
    let new = json!({"user": {"email": "b@example.com", "password": PASSWORD}});
    for key in [None, Some("csk_nobody-has-this-one-0123456789abcd")] {
        for (method, path, body) in [
            ("POST", "/api/user", &new),
            ("GET", path.as_str(), &NONE),
            ("GET", "/api/user?email=a@example.com", &NONE),
            ("GET", "/api/user", &NONE),
            ("PATCH", path.as_str(), &new),
            ("DELETE", path.as_str(), &NONE),
        ] {
            assert_eq!(told(key, method, path, body), 401, "{method} {path}");
        }
    }
    // A key for the forum covers neither who is registered nowhere nor who is registered elsewhere as well.
    assert_eq!(told(Some(OF_FORUM), "POST", "/api/user", &new), 401);
    assert_eq!(told(Some(OF_FORUM), "GET", &path, &NONE), 404);
    let registered =
        json!({"user": {"email": "c@example.com", "password": PASSWORD}, "registration": {"applicationId": FORUM}});
    let made = ask(&server, Some(OF_FORUM), "POST", "/api/user/registration", &registered);
    assert_eq!(made.status, 200, "{made:?}");
    let of_forum = format!("/api/user/{}", made.json()["user"]["id"].as_str().unwrap());
    assert_eq!(told(Some(OF_FORUM), "GET", &of_forum, &NONE), 200);
    assert_eq!(login(&server, (FORUM, FORUM_SECRET), "c@example.com", PASSWORD).status, 200);
    let (other, _) = application(&server, "Pied Piper", &json!({}));
    register(&server, &of_forum["/api/user/".len()..], &other);
    assert_eq!(told(Some(OF_FORUM), "GET", &of_forum, &NONE), 404);
    // Who may not forget people may switch them off.
    assert_eq!(told(Some(DESK), "DELETE", &format!("{path}?hardDelete=true"), &NONE), 401);
    assert_eq!(told(Some(DESK), "DELETE", &path, &json!({"hardDelete": true})), 401);
    assert_eq!(told(Some(DESK), "GET", &path, &NONE), 200);
    assert_eq!(told(Some(DESK), "DELETE", &path, &NONE), 200);
    let refused = |class: &str| {
        let of = |event: &Value| event["type"] == "system.api_key_refused" && event["data"]["class"] == class;
        server.events().iter().filter(|event| of(event)).map(|event| event["data"]["name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(refused("api_key_elsewhere"), ["forum"]);
    assert_eq!(refused("api_key_forbidden"), ["desk"]);
}

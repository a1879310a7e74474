//! Whom an API key reaches, and what it learns of others.

use super::managing::{
    BOOTSTRAP, DESK, FORUM, KEY, OF_FORUM, PASSWORD, application, ask, codes, done, register, server, user,
};
use crate::support::{Plan, Server};
use serde_json::{Value, json};

const NONE: Value = Value::Null;
const ERASER: &str = "csk_that-only-erases-0123456789-abcdef";
const OPEN: &str = "00000000-0000-4000-8000-0000000000aa";

/// With an application at which nobody needs a registration, and a key that may erase and nothing else.
fn open_server() -> Server {
    let more = format!(
        r#"
[[clients]]
id = "{OPEN}"
secret = "the-secret-of-the-open-one"
profile = "fusionauth"
registration_required = false

[[api_keys]]
name = "eraser"
key = "{ERASER}"
permissions = ["erase"]
"#
    );
    Plan::new(&format!("{BOOTSTRAP}{more}")).start()
}

/// Makes a user who is registered at the forum alone, and gives his id.
fn of_forum(server: &Server, email: &str) -> String {
    let both = json!({"user": {"email": email, "password": PASSWORD}, "registration": {"applicationId": FORUM}});
    done(server, "POST", "/api/user/registration", &both)["user"]["id"].as_str().unwrap().to_owned()
}

#[test]
fn tokens_of_a_user_that_there_is_are_for_who_may_log_people_in() {
    let server = server();
    let (id, _) = application(&server, "Pied Piper", &json!({"loginConfiguration": {"generateRefreshTokens": true}}));
    let person = user(&server, "a@example.com");
    let path = format!("/api/user/registration/{person}");
    let at = json!({"registration": {"applicationId": id}});
    let registered = ask(&server, Some(DESK), "POST", &path, &at);
    assert_eq!(registered.status, 200, "{registered:?}");
    let registered = registered.json();
    assert_eq!(registered["registration"]["applicationId"], json!(id));
    assert_eq!((&registered["token"], &registered["refreshToken"]), (&NONE, &NONE), "{registered}");
    done(&server, "DELETE", &format!("{path}/{id}"), &NONE);
    let by_all = done(&server, "POST", &path, &at);
    assert!(by_all["token"].is_string() && by_all["refreshToken"].is_string(), "{by_all}");
    // Its instant is that of the token, in milliseconds.
    let exp = crate::support::claims(by_all["token"].as_str().unwrap())["exp"].as_i64().unwrap();
    assert_eq!(by_all["tokenExpirationInstant"], exp * 1000);
    // Whoever makes a user knows his password already.
    let both = json!({"user": {"email": "b@example.com", "password": PASSWORD}, "registration": {"applicationId": id}});
    let made = ask(&server, Some(DESK), "POST", "/api/user/registration", &both).json();
    assert!(made["token"].is_string(), "{made}");
}

#[test]
fn a_limited_key_reaches_nobody_who_may_log_in_where_no_registration_is_asked_for() {
    let server = open_server();
    let person = of_forum(&server, "c@example.com");
    let get = || ask(&server, Some(OF_FORUM), "GET", &format!("/api/user/{person}"), &NONE).status;
    let admin = || ask_admin(&server, &person);
    assert_eq!((get(), admin()), (404, 404));
    let change = json!({"loginId": "c@example.com", "password": "another fine password"});
    let refused = ask(&server, Some(OF_FORUM), "POST", "/api/user/change-password", &change);
    assert_eq!(refused.json()["fieldErrors"]["loginId"][0]["code"], "[invalid]loginId");
    let new =
        json!({"user": {"email": "d@example.com", "password": PASSWORD}, "registration": {"applicationId": FORUM}});
    assert_eq!(ask(&server, Some(OF_FORUM), "POST", "/api/user/registration", &new).status, 401);
    done(&server, "DELETE", &format!("/api/application/{OPEN}"), &NONE);
    // Both doors leave the tenant's own client out.
    assert_eq!((get(), admin()), (200, 200));
    assert_eq!(ask(&server, Some(OF_FORUM), "POST", "/api/user/registration", &new).status, 200);
}

fn ask_admin(server: &Server, person: &str) -> u16 {
    server.get_as(&format!("/admin/accounts/{person}"), &[("Authorization", OF_FORUM)]).status
}

#[test]
fn a_limited_key_does_not_learn_who_there_is_elsewhere() {
    let server = server();
    let elsewhere = user(&server, "a@example.com");
    let (other, _) = application(&server, "Pied Piper", &json!({}));
    register(&server, &elsewhere, &other);
    let refusals = || {
        let events = server.events().into_iter();
        events.filter(|event| event["type"] == "system.api_key_refused" && event["data"]["name"] == "forum").count()
    };
    let told = |method: &str, path: &str, body: &Value| {
        let answer = ask(&server, Some(OF_FORUM), method, path, body);
        (answer.status, answer.body)
    };
    let before = refusals();
    let unknown = "00000000-0000-4000-8000-000000000000";
    for (method, known, nobody, body) in [
        ("GET", "?email=a@example.com".to_owned(), "?email=nobody@example.com", NONE),
        ("GET", format!("/{elsewhere}"), &*format!("/{unknown}"), NONE),
        ("PATCH", format!("/{elsewhere}"), &*format!("/{unknown}"), json!({"user": {"firstName": "x"}})),
        ("DELETE", format!("/{elsewhere}"), &*format!("/{unknown}"), NONE),
        ("GET", format!("/registration/{elsewhere}/{FORUM}"), &*format!("/registration/{unknown}/{FORUM}"), NONE),
        (
            "POST",
            format!("/registration/{elsewhere}"),
            &*format!("/registration/{unknown}"),
            json!({"registration": {"applicationId": FORUM}}),
        ),
        ("GET", "/change-password?loginId=a@example.com".to_owned(), "/change-password?loginId=nobody", NONE),
    ] {
        let known = told(method, &format!("/api/user{known}"), &body);
        assert!([400, 404].contains(&known.0), "{known:?}");
        assert_eq!(known, told(method, &format!("/api/user{nobody}"), &body), "{method} {nobody}");
    }
    for (path, field) in
        [("/api/user/forgot-password", "sendForgotPasswordEmail"), ("/api/user/change-password", "password")]
    {
        let of = |login: &str| json!({"loginId": login, field: "another fine password"});
        let known = told("POST", path, &of("a@example.com"));
        assert_eq!(known, told("POST", path, &of("nobody@example.com")), "{path}");
    }
    assert!(refusals() > before, "that it was asked for is recorded");
    // Who may not make anybody learns nothing of who there is.
    for email in ["a@example.com", "nobody@example.com"] {
        let new = json!({"user": {"email": email, "password": PASSWORD}});
        assert_eq!(told("POST", "/api/user", &new), (401, String::new()), "{email}");
    }
    done(&server, "DELETE", &format!("/api/user/{elsewhere}"), &NONE);
    let taken =
        json!({"user": {"email": "a@example.com", "password": PASSWORD}, "registration": {"applicationId": FORUM}});
    let refused = ask(&server, Some(OF_FORUM), "POST", "/api/user/registration", &taken).json();
    assert_eq!(refused["fieldErrors"]["user.email"][0]["code"], "[duplicate]user.email");
    assert_eq!(codes(&server, "POST", "/api/user/registration", &taken), ["[inactive]user.email"]);
}

#[test]
fn a_user_is_forgotten_by_who_may_erase_however_it_is_said() {
    let server = open_server();
    let delete = |key, path: &str, body: &Value| ask(&server, Some(key), "DELETE", path, body).status;
    for (email, query, body) in
        [("c@example.com", "?hardDelete=true", NONE), ("d@example.com", "", json!({"hardDelete": true}))]
    {
        let path = format!("/api/user/{}{query}", of_forum(&server, email));
        assert_eq!(delete(DESK, &path, &body), 401);
        assert_eq!(delete(ERASER, &path, &body), 200, "{path} {body}");
        assert_eq!(delete(KEY, &path, &body), 404);
    }
    // It switches nobody off.
    let path = format!("/api/user/{}", of_forum(&server, "e@example.com"));
    assert_eq!((delete(ERASER, &path, &NONE), delete(DESK, &path, &NONE)), (401, 200));
}

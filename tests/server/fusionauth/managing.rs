//! Users and applications as an app's backend manages them: the server, and how it is asked.

use crate::support::{Answer, Plan, Server};
use serde_json::{Value, json};

/// May everything.
pub const KEY: &str = "bf69486b-4733-4470-a592-f1bfce7af580";
/// May make, see and change users, and not forget them.
pub const DESK: &str = "csk_of-the-help-desk-0123456789-abcdef";
/// May do so with those of the forum alone.
pub const OF_FORUM: &str = "csk_of-the-forum-0123456789-abcdefghij";
/// An application of the bootstrap file.
pub const FORUM: &str = "3c219e58-ed0e-4b18-ad48-f4f92793ae32";
pub const FORUM_SECRET: &str = "the-secret-of-the-forum";
/// A person of the bootstrap file, who is let in everywhere.
pub const ALICE: &str = "019c133d-4000-7000-8000-00000000000a";
pub const PASSWORD: &str = "correct horse battery staple";

pub const BOOTSTRAP: &str = r#"
[[clients]]
id = "3c219e58-ed0e-4b18-ad48-f4f92793ae32"
name = "Forum"
secret = "the-secret-of-the-forum"
profile = "fusionauth"

[[clients]]
id = "store"
secret = "store-secret"

[[accounts]]
id = "019c133d-4000-7000-8000-00000000000a"
login = "alice@example.com"
password = "correct horse battery staple"

[[api_keys]]
name = "all"
key = "bf69486b-4733-4470-a592-f1bfce7af580"
permissions = ["admin"]

[[api_keys]]
name = "desk"
key = "csk_of-the-help-desk-0123456789-abcdef"
permissions = ["users"]

[[api_keys]]
name = "forum"
key = "csk_of-the-forum-0123456789-abcdefghij"
permissions = ["users", "applications"]
clients = ["3c219e58-ed0e-4b18-ad48-f4f92793ae32"]
"#;

pub fn server() -> Server {
    Plan::new(BOOTSTRAP).start()
}

/// Asks a door as FusionAuth's clients do: the key without a scheme, and a body only where there is one.
pub fn ask(server: &Server, key: Option<&str>, method: &str, path: &str, body: &Value) -> Answer {
    let mut headers = Vec::new();
    headers.extend(key.map(|key| ("Authorization", key)));
    let body = if body.is_null() { String::new() } else { body.to_string() };
    if !body.is_empty() {
        headers.push(("Content-Type", "application/json"));
    }
    let answer = server.send(method, path, &headers, body.as_bytes());
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{method} {path}: {answer:?}");
    // One of the clients parses what says to be JSON, another every 400.
    let is_json = answer.header("content-type") == Some("application/json");
    assert_eq!(is_json, !answer.body.is_empty(), "{method} {path}: {answer:?}");
    assert!(answer.status != 400 || is_json, "{method} {path}: {answer:?}");
    answer
}

/// The same with the key that may everything, answered 200.
pub fn done(server: &Server, method: &str, path: &str, body: &Value) -> Value {
    let answer = ask(server, Some(KEY), method, path, body);
    assert_eq!(answer.status, 200, "{method} {path} {body}: {answer:?}");
    if answer.body.is_empty() { Value::Null } else { answer.json() }
}

/// The same, answered with another status.
pub fn status(server: &Server, method: &str, path: &str, body: &Value) -> u16 {
    ask(server, Some(KEY), method, path, body).status
}

/// The codes of a refusal, in the order of its fields.
pub fn codes(server: &Server, method: &str, path: &str, body: &Value) -> Vec<String> {
    let answer = ask(server, Some(KEY), method, path, body);
    assert_eq!(answer.status, 400, "{method} {path} {body}: {answer:?}");
    let told = answer.json();
    let fields = told["fieldErrors"].as_object().unwrap().values().flat_map(|list| list.as_array().unwrap());
    let all = fields.chain(told["generalErrors"].as_array().unwrap());
    all.map(|error| {
        assert!(!error["message"].as_str().unwrap().is_empty(), "{told}");
        error["code"].as_str().unwrap().to_owned()
    })
    .collect()
}

/// Makes an application with the password grant, and gives its id and secret.
pub fn application(server: &Server, name: &str, more: &Value) -> (String, String) {
    let mut application = json!({"name": name, "oauthConfiguration": {"enabledGrants": ["password", "refresh_token"]}});
    for (field, value) in more.as_object().into_iter().flatten() {
        application[field] = value.clone();
    }
    let made = done(server, "POST", "/api/application", &json!({"application": application}));
    let made = &made["application"];
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&made["id"]), text(&made["oauthConfiguration"]["clientSecret"]))
}

/// Makes a user, and gives his id.
pub fn user(server: &Server, email: &str) -> String {
    let made = done(server, "POST", "/api/user", &json!({"user": {"email": email, "password": PASSWORD}}));
    made["user"]["id"].as_str().unwrap().to_owned()
}

/// Logs in by the password grant.
pub fn login(server: &Server, client: (&str, &str), login: &str, password: &str) -> Answer {
    let form = [("grant_type", "password"), ("username", login), ("password", password)];
    server.post("/oauth2/token", Some(client), &form)
}

/// Registers a user at an application.
pub fn register(server: &Server, user: &str, application: &str) {
    let registration = json!({"registration": {"applicationId": application}});
    done(server, "POST", &format!("/api/user/registration/{user}"), &registration);
}

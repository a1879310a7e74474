//! A server with applications, people and API keys, and requests to it.

use crate::support::{Answer, Plan, Server};
use serde_json::{Value, json};

/// An application as most are.
pub const APP: &str = "10000000-0000-4000-8000-000000000001";
/// One whose refresh tokens are good once.
pub const ONCE: &str = "10000000-0000-4000-8000-000000000002";
/// One at which people log in without an API key.
pub const KEYLESS: &str = "10000000-0000-4000-8000-000000000003";
/// One whose refresh tokens are not redeemed for whoever has them.
pub const HELD: &str = "10000000-0000-4000-8000-000000000004";
/// One whose logins give no refresh token.
pub const BARE: &str = "10000000-0000-4000-8000-000000000005";
/// One that is disabled.
pub const SHUT: &str = "10000000-0000-4000-8000-000000000006";
/// One with another signature, and the only one where Bob is registered.
pub const OTHER: &str = "10000000-0000-4000-8000-000000000007";
/// One of which nothing is known.
pub const NO_APP: &str = "10000000-0000-4000-8000-0000000000ff";

pub const ALICE: &str = "20000000-0000-4000-8000-000000000001";
pub const BOB: &str = "20000000-0000-4000-8000-000000000002";
/// Disabled.
pub const CAROL: &str = "20000000-0000-4000-8000-000000000003";
/// Must change the password.
pub const DAVE: &str = "20000000-0000-4000-8000-000000000004";
pub const NOBODY: &str = "20000000-0000-4000-8000-0000000000ff";

/// The one tenant.
pub const TENANT: &str = "636f756e-7465-7273-8967-6e0000000000";

/// May everything.
pub const KEY: &str = "csk_fusionauth-everything-0123456789";
/// May log people in and revoke at `APP`.
pub const OF_APP: &str = "csk_fusionauth-of-one-app-0123456789";
/// May read metrics.
pub const METRICS: &str = "csk_fusionauth-metrics-0123456789-ab";

pub const PASSWORD: &str = "correct horse battery staple";

pub fn plan() -> Plan {
    let mut bootstrap = format!(
        r#"
[[api_keys]]
name = "all"
key = "{KEY}"
permissions = ["admin"]

[[api_keys]]
name = "of-app"
key = "{OF_APP}"
permissions = ["login", "tokens"]
clients = ["{APP}"]

[[api_keys]]
name = "metrics"
key = "{METRICS}"
permissions = ["metrics"]

[[clients]]
id = "store"
secret = "store-secret"
introspect = "all"
"#
    );
    let applications = [
        (APP, ""),
        (ONCE, "rotation = \"always\"\nretry_window = \"0s\""),
        (KEYLESS, "login_needs_key = false"),
        (HELD, "token_refresh = false"),
        (BARE, "refresh_at_login = false"),
        (SHUT, "enabled = false"),
        (OTHER, "signing_alg = \"RS256\""),
    ];
    for (id, more) in applications {
        bootstrap += &format!("\n[[clients]]\nid = \"{id}\"\nsecret = \"secret\"\nprofile = \"fusionauth\"\n{more}\n");
    }
    let of_alice = format!(r#"clients = ["store", "{APP}", "{ONCE}", "{KEYLESS}", "{HELD}", "{BARE}", "{OTHER}"]"#);
    let people = [
        ("alice", ALICE, of_alice),
        ("bob", BOB, format!(r#"clients = ["{OTHER}"]"#)),
        ("carol", CAROL, format!("clients = [\"{APP}\"]\nenabled = false")),
        ("dave", DAVE, format!("clients = [\"{APP}\"]\nmust_change = true")),
    ];
    for (name, id, more) in people {
        bootstrap += &format!(
            "\n[[accounts]]\nid = \"{id}\"\nlogin = \"{name}@example.com\"\npassword = \"{PASSWORD}\"\n{more}\n"
        );
    }
    Plan::new(&bootstrap)
}

/// Asks, and looks at what every answer of these doors has: no body without a type, no type without a body, and a body that says what is
/// wrong where something is.
pub fn ask(server: &Server, headers: &[(&str, &str)], method: &str, path: &str, body: &Value) -> Answer {
    let text = if body.is_null() { String::new() } else { body.to_string() };
    let mut all = headers.to_vec();
    if !body.is_null() {
        all.push(("Content-Type", "application/json"));
    }
    let answer = server.send(method, path, &all, text.as_bytes());
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{method} {path}: {answer:?}");
    let json = answer.header("content-type") == Some("application/json");
    assert_eq!(json, !answer.body.is_empty(), "{method} {path}: {answer:?}");
    if answer.status == 400 {
        let told = answer.json();
        assert!(told["fieldErrors"].is_object() && told["generalErrors"].is_array(), "{method} {path}: {answer:?}");
    }
    answer
}

/// The same with an API key.
pub fn by_key(server: &Server, key: &str, method: &str, path: &str, body: &Value) -> Answer {
    ask(server, &[("Authorization", key)], method, path, body)
}

/// The same with an access token.
pub fn by_token(server: &Server, token: &str, method: &str, path: &str, body: &Value) -> Answer {
    ask(server, &[("Authorization", &format!("Bearer {token}"))], method, path, body)
}

/// A login by a key, whatever comes of it.
pub fn try_login(server: &Server, name: &str, password: &str, application: Option<&str>) -> Answer {
    let body = json!({"loginId": format!("{name}@example.com"), "password": password, "applicationId": application});
    by_key(server, KEY, "POST", "/api/login", &body)
}

/// A login that succeeds: its tokens.
pub fn login(server: &Server, name: &str, application: &str) -> Tokens {
    let answer = try_login(server, name, PASSWORD, Some(application));
    assert_eq!(answer.status, 200, "{answer:?}");
    Tokens::of(&answer)
}

/// What an app keeps of a login.
pub struct Tokens {
    pub access: String,
    pub refresh: String,
    /// The session.
    pub id: String,
}

impl Tokens {
    pub fn of(answer: &Answer) -> Self {
        Self { access: answer.text("token"), refresh: answer.text("refreshToken"), id: answer.text("refreshTokenId") }
    }
}

pub fn refresh(server: &Server, token: &str) -> Answer {
    ask(server, &[], "POST", "/api/jwt/refresh", &json!({ "refreshToken": token }))
}

/// Whether a token's session goes on.
pub fn is_open(server: &Server, tokens: &Tokens) -> bool {
    let status = by_token(server, &tokens.access, "GET", "/api/jwt/validate", &Value::Null).status;
    assert!([200, 401].contains(&status), "{status}");
    status == 200
}

/// The first code that is said of a field.
pub fn code(answer: &Answer, field: &str) -> String {
    assert_eq!(answer.status, 400, "{answer:?}");
    answer.json()["fieldErrors"][field][0]["code"].as_str().unwrap_or_default().to_owned()
}

/// The cookies of an answer.
pub fn cookies(answer: &Answer) -> Vec<&str> {
    answer.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, value)| value.as_str()).collect()
}

/// How many events there are of a kind and a class.
pub fn recorded(server: &Server, kind: &str, class: &str) -> usize {
    let events = server.events();
    events.iter().filter(|event| event["type"] == kind && event["data"]["class"] == class).count()
}

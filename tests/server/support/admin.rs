//! Administration over HTTP: API keys for the bootstrap file, and requests by them.

use super::{Answer, Server};
use serde_json::Value;

/// May everything but read the journal.
pub const ADMIN: &str = "csk_of-the-administrators-0123456789";
/// May everything.
pub const AUDITOR: &str = "csk_of-the-auditors-0123456789-abcdef";
/// May make, see and change the clients `store` and `kiosk`.
pub const CLERK: &str = "csk_of-the-clerk-0123456789-abcdefghi";
/// May make, see and change accounts.
pub const USERS: &str = "csk_of-the-help-desk-0123456789-abcdef";
/// Nothing in force.
pub const OFF: &str = "csk_that-is-disabled-0123456789-abcdef";

/// The API keys above, named `admin`, `auditor`, `clerk`, `users` and `off`; the last is to be disabled.
pub const API_KEYS: &str = r#"
[[api_keys]]
name = "admin"
key = "csk_of-the-administrators-0123456789"
permissions = ["admin"]

[[api_keys]]
name = "auditor"
key = "csk_of-the-auditors-0123456789-abcdef"
permissions = ["admin", "audit", "audit.personal"]

[[api_keys]]
name = "clerk"
key = "csk_of-the-clerk-0123456789-abcdefghi"
permissions = ["applications"]
clients = ["store", "kiosk"]

[[api_keys]]
name = "users"
key = "csk_of-the-help-desk-0123456789-abcdef"
permissions = ["users"]

[[api_keys]]
name = "off"
key = "csk_that-is-disabled-0123456789-abcdef"
permissions = ["admin"]
"#;

/// A request to a door of administration.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    pub key: &'a str,
    pub method: &'a str,
    pub path: &'a str,
    pub headers: &'a [(&'a str, &'a str)],
    pub body: &'a str,
}

impl<'a> Call<'a> {
    pub fn new(key: &'a str, method: &'a str, path: &'a str) -> Self {
        Self { key, method, path, headers: &[], body: "" }
    }

    pub fn with(self, headers: &'a [(&'a str, &'a str)]) -> Self {
        Self { headers, ..self }
    }

    pub fn body(self, body: &'a str) -> Self {
        Self { body, ..self }
    }

    /// Sends it. Whatever is answered, nobody between may keep it.
    pub fn to(self, server: &Server) -> Answer {
        let bearer = format!("Bearer {}", self.key);
        let mut headers = vec![("Authorization", bearer.as_str())];
        if !self.body.is_empty() {
            headers.push(("Content-Type", "application/json"));
        }
        headers.extend(self.headers);
        let answer = server.send(self.method, self.path, &headers, self.body.as_bytes());
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer:?}");
        answer
    }

    /// The same, refused with a status and a code.
    pub fn refused(self, server: &Server, status: u16, error: &str) -> Answer {
        let answer = self.to(server);
        let what = format!("{} {} {}", self.method, self.path, self.body);
        assert_eq!((answer.status, answer.text("error").as_str()), (status, error), "{what}: {answer:?}");
        assert!(!answer.text("message").is_empty(), "{what}");
        assert_eq!(answer.text("request_id"), answer.header("x-request-id").unwrap(), "{what}");
        answer
    }
}

impl Server {
    /// Asks a door of administration as an administrator, and gives what it answered well; `Value::Null`: no body.
    pub fn admin(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = Call::new(ADMIN, method, path).body(&body).to(self);
        assert!([200, 201].contains(&answer.status), "{method} {path}: {answer:?}");
        answer.json()
    }
}

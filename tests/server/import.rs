//! Accounts of another system, line by line: what is right is made once, what is wrong is told with its number.

use super::support::{ADMIN, API_KEYS, Answer, BOOTSTRAP, Plan, Server};
use serde_json::json;

fn send(server: &Server, lines: &str) -> Answer {
    let bearer = format!("Bearer {ADMIN}");
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/x-ndjson")];
    server.send("POST", "/admin/accounts/import", &headers, lines.as_bytes())
}

#[test]
fn lines_are_imported_once_and_wrong_ones_are_told() {
    let server = Plan::new(&format!("{BOOTSTRAP}{API_KEYS}")).start();
    let argon = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let id = "5f0c1a1e-7d0a-4f6e-9b1a-0c4f4f3b2a10";
    let lines = [
        json!({"login": "one@example.com", "password_hash": argon, "roles": ["shopper"]}).to_string(),
        String::new(),
        json!({"login": "two@example.com", "password": "a long enough password", "id": id, "enabled": false})
            .to_string(),
        json!({"login": "three@example.com", "password_hash": "$5$hunter2"}).to_string(),
        r#"{"login": "four@example.com", "password": "#.to_owned(),
        json!({"login": "alice@example.com", "password_hash": argon}).to_string(),
        json!({"login": "five@example.com", "password_hash": argon, "id": id}).to_string(),
        json!({"login": "ONE@example.com", "password_hash": argon, "id": "5f0c1a1e-7d0a-4f6e-9b1a-0c4f4f3b2a11"})
            .to_string(),
        json!({"login": "six@example.com", "password_hash": argon, "roles": (0..90).map(|n| format!("{n:064}")).collect::<Vec<_>>()})
            .to_string(),
    ];
    let answer = send(&server, &lines.join("\n"));
    assert_eq!(answer.status, 200, "{answer:?}");
    let report = answer.json();
    let refused: Vec<u64> =
        report["refused"].as_array().unwrap().iter().map(|line| line["line"].as_u64().unwrap()).collect();
    assert_eq!(refused, [4, 5, 7, 8, 9], "{report}");
    assert_eq!((&report["created"], &report["existed"]), (&json!(2), &json!(1)), "{report}");
    assert!(!answer.body.contains("hunter2"));
    let again = send(&server, &lines.join("\n")).json();
    assert_eq!((&again["created"], &again["existed"]), (&json!(0), &json!(3)), "{again}");
    let two = server.admin("GET", &format!("/admin/accounts/{id}"), &serde_json::Value::Null);
    assert_eq!((&two["login"], &two["standing"]), (&json!("two@example.com"), &json!("disabled")));
    assert_eq!(server.login_as("two@example.com", "a long enough password").status, 400);
}

#[test]
fn what_is_no_list_of_lines_is_refused() {
    let server = Plan::new(&format!("{BOOTSTRAP}{API_KEYS}")).start();
    let many = "{}\n".repeat(1002);
    assert_eq!(send(&server, &many).status, 400);
    let bearer = format!("Bearer {ADMIN}");
    let as_json = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    assert_eq!(server.send("POST", "/admin/accounts/import", &as_json, b"{}").status, 400);
    assert_eq!(server.send("POST", "/admin/accounts/import", &as_json[1..], b"{}").status, 401);
    assert_eq!(send(&server, &"x".repeat(70_000)).status, 413);
}

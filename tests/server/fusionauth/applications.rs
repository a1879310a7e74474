//! `/api/application`

use super::{application, codes, done, server, status};
use serde_json::{Value, json};

const NONE: Value = Value::Null;

#[test]
fn an_application_is_made_shown_changed_and_deleted() {
    let server = server();
    let (id, secret) = application(&server, "Pied Piper", &json!({}));
    assert_eq!(secret.len(), 43);
    let path = format!("/api/application/{id}");
    let shown = &done(&server, "GET", &path, &NONE)["application"];
    assert_eq!((&shown["name"], &shown["state"]), (&json!("Pied Piper"), &json!("Active")));
    assert_eq!(shown["oauthConfiguration"]["clientId"], *id);
    assert!(shown["oauthConfiguration"]["clientSecret"].is_null(), "{shown}");
    assert_eq!(codes(&server, "POST", "/api/application", &json!({"application": {}})), ["[blank]application.name"]);
    done(&server, "DELETE", &format!("{path}?hardDelete=true"), &NONE);
    assert_eq!(status(&server, "GET", &path, &NONE), 404);
}

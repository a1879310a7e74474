//! `/api/user/registration`

use super::{FORUM, PASSWORD, done, server};
use serde_json::json;

#[test]
fn a_new_user_is_registered_with_one_request() {
    let server = server();
    let made = done(
        &server,
        "POST",
        "/api/user/registration",
        &json!({"user": {"email": "erlich@example.com", "password": PASSWORD},
            "registration": {"applicationId": FORUM, "roles": ["admin"], "data": {"foo": "bar"}}}),
    );
    assert_eq!(made["registration"]["roles"], json!(["admin"]), "{made}");
    assert_eq!(made["registration"]["data"]["foo"], "bar");
}

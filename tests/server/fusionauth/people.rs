//! `/api/user`

use super::{KEY, PASSWORD, ask, codes, done, server, status};
use crate::support::claims;
use serde_json::{Value, json};

const NONE: Value = Value::Null;

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
    assert_eq!(claims(made["token"].as_str().unwrap())["authenticationType"], "USER_CREATE");
    assert!(made["refreshToken"].is_null() && user["password"].is_null());
    let path = format!("/api/user/{id}");
    let patched = done(&server, "PATCH", &path, &json!({"user": {"firstName": "Jan", "data": {"a": [1]}}}));
    assert_eq!((&patched["user"]["firstName"], &patched["user"]["data"]), (&json!("Jan"), &json!({"a": [1]})));
    for by in ["email=nodejs@fusionauth.io", "loginId=nodejs%40fusionauth.io&loginIdTypes=email"] {
        assert_eq!(done(&server, "GET", &format!("/api/user?{by}"), &NONE)["user"]["id"], id, "{by}");
    }
    assert_eq!(status(&server, "GET", "/api/user?loginId=nodejs@fusionauth.io&loginIdTypes=username", &NONE), 404);
    assert_eq!(done(&server, "DELETE", &format!("{path}?hardDelete=true"), &NONE), NONE);
    assert_eq!(status(&server, "GET", "/api/user?email=nodejs@fusionauth.io", &NONE), 404);
    assert_eq!(status(&server, "GET", &path, &NONE), 404);
    assert_eq!(codes(&server, "GET", "/api/user/nonsense", &NONE), ["[couldNotConvert]userId"]);
    assert_eq!(ask(&server, Some(KEY), "GET", "/api/user/search?ids=a", &NONE).status, 501);
}

//! `/api/user/registration`

use super::managing::{
    ALICE, FORUM, FORUM_SECRET, OF_FORUM, PASSWORD, application, ask, codes, done, login, server, status, user,
};
use crate::support::claims;
use serde_json::{Value, json};

const NONE: Value = Value::Null;
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

fn roles() -> Value {
    json!({"roles": [{"name": "user", "isDefault": true}, {"name": "admin"}],
        "loginConfiguration": {"generateRefreshTokens": true}})
}

fn at(application: &str) -> Value {
    json!({"registration": {"applicationId": application}})
}

#[test]
fn a_new_user_is_registered_with_one_request() {
    let server = server();
    let (id, secret) = application(&server, "Pied Piper", &roles());
    let person = "/api/user/registration/b164fdfc-db57-4da9-b241-8543671c6bb8";
    let both = json!({"user": {"email": "erlich@example.com", "username": "erlich", "password": PASSWORD, "firstName": "Erlich"},
        "registration": {"applicationId": id, "username": "erlich", "data": {"foo": "bar"}, "preferredLanguages": ["en", "fr"],
            "verified": false, "id": "x"},
        "sendSetPasswordEmail": false, "skipVerification": true, "skipRegistrationVerification": true});
    let made = done(&server, "POST", person, &both);
    assert_eq!((&made["user"]["username"], &made["user"]["firstName"]), (&json!("erlich"), &json!("Erlich")), "{made}");
    let registration = &made["registration"];
    assert_eq!((&registration["roles"], &registration["data"]["foo"]), (&json!(["user"]), &json!("bar")));
    assert_eq!((&registration["username"], &registration["verified"]), (&json!("erlich"), &json!(true)));
    let token = claims(made["token"].as_str().unwrap());
    assert_eq!((&token["authenticationType"], &token["applicationId"]), (&json!("REGISTRATION"), &json!(id)));
    assert_eq!(token["roles"], json!(["user"]));
    assert!(made["refreshToken"].is_string() && made["refreshTokenId"] == token["sid"], "{made}");
    let shown = done(&server, "GET", &format!("{person}/{}", id.to_uppercase()), &NONE);
    assert_eq!(&shown["registration"], registration);
    assert_eq!(login(&server, (&id, &secret), "erlich", PASSWORD).status, 200);
    // What apps keep about a registration is nothing of the user, and stays when he is changed.
    let user = format!("/api/user/{}", &person["/api/user/registration/".len()..]);
    let changed = done(&server, "PUT", &user, &json!({"user": {"email": "erlich@example.com"}}))["user"].take();
    assert_eq!(changed["registrations"][0]["data"], json!({"foo": "bar"}), "{changed}");
    assert!(changed["data"].is_null() && changed["firstName"].is_null());
}

#[test]
fn a_user_that_there_is_is_registered_changed_and_let_go() {
    let server = server();
    let (id, secret) = application(&server, "Pied Piper", &roles());
    let person = user(&server, "a@example.com");
    let (of, one) = (format!("/api/user/registration/{person}"), format!("/api/user/registration/{person}/{id}"));
    for method in ["GET", "DELETE"] {
        assert_eq!(status(&server, method, &one, &NONE), 404, "{method}");
    }
    for (method, path) in [("PUT", &of), ("PATCH", &of), ("PUT", &one), ("PATCH", &one)] {
        assert_eq!(status(&server, method, path, &at(&id)), 404, "{method} {path}");
    }
    let made = done(
        &server,
        "POST",
        &of,
        &json!({"registration": {"applicationId": id, "roles": ["user"], "data": {"foo": "bar"}}}),
    );
    assert!(made["user"].is_null() && made["token"].is_string(), "{made}");
    assert_eq!(codes(&server, "POST", &of, &at(&id)), ["[duplicate]registration"]);
    let put = json!({"registration": {"applicationId": id, "roles": ["admin"], "data": {"foo": "bar updated"}}});
    let registration = done(&server, "PUT", &of, &put)["registration"].take();
    assert_eq!((&registration["roles"], &registration["data"]["foo"]), (&json!(["admin"]), &json!("bar updated")));
    let patched =
        done(&server, "PATCH", &one, &json!({"registration": {"timezone": "Europe/Vienna"}}))["registration"].take();
    assert_eq!((&patched["roles"], &patched["data"]["foo"]), (&json!(["admin"]), &json!("bar updated")));
    assert_eq!(patched["timezone"], "Europe/Vienna");
    let access = login(&server, (&id, &secret), "a@example.com", PASSWORD).access();
    assert_eq!(claims(&access)["roles"], json!(["admin"]));
    let is_active = |token: &str| {
        server.post("/oauth2/introspect", Some((&id, &secret)), &[("token", token)]).json()["active"] == true
    };
    assert!(is_active(&access));
    let bare = done(&server, "PUT", &one, &json!({"registration": {"applicationId": FORUM}}))["registration"].take();
    assert_eq!((&bare["roles"], &bare["data"], &bare["applicationId"]), (&json!([]), &NONE, &json!(id)));
    assert_eq!(done(&server, "DELETE", &one, &NONE), NONE);
    assert!(!is_active(&access));
    assert_eq!(status(&server, "GET", &one, &NONE), 404);
    // He may log in all the same, at no application.
    let elsewhere = claims(&login(&server, (&id, &secret), "a@example.com", PASSWORD).access());
    assert_eq!((&elsewhere["applicationId"], &elsewhere["roles"]), (&NONE, &NONE));
    let again = done(&server, "POST", &of, &at(&id))["registration"].take();
    assert_eq!((&again["roles"], &again["data"]), (&json!(["user"]), &NONE));
    // Sessions of before stay over.
    assert!(!is_active(&access));
}

#[test]
fn what_is_wrong_with_a_registration_is_told_by_its_code() {
    let server = server();
    let (id, _) = application(&server, "Pied Piper", &roles());
    let person = user(&server, "a@example.com");
    let of = format!("/api/user/registration/{person}");
    let post = |path: &str, body: &Value| codes(&server, "POST", path, body);
    assert_eq!(post(&of, &json!({"registration": {}})), ["[missing]registration.applicationId"]);
    assert_eq!(post(&of, &at("nonsense")), ["[couldNotConvert]registration.applicationId"]);
    assert_eq!(post(&of, &at(NOBODY)), ["[invalid]registration.applicationId"]);
    assert_eq!(post("/api/user/registration", &at(&id)), ["[missing]userId"]);
    assert_eq!(post(&format!("/api/user/registration/{NOBODY}"), &at(&id)), ["[invalid]userId"]);
    assert_eq!(post("/api/user/registration/nonsense", &at(&id)), ["[couldNotConvert]userId"]);
    let ceo = json!({"registration": {"applicationId": id, "roles": ["ceo"]}});
    assert_eq!(post(&of, &ceo), ["[invalid]registration.roles"]);
    assert_eq!(codes(&server, "PUT", &of, &at("nonsense")), ["[couldNotConvert]registration.applicationId"]);
    // Nothing of a user is made whose registration is wrong.
    let both = json!({"user": {"email": "b@example.com"}, "registration": {"applicationId": id, "roles": ["ceo"]}});
    assert_eq!(post("/api/user/registration", &both), ["[invalid]registration.roles", "[blank]user.password"]);
    assert_eq!(status(&server, "GET", "/api/user?email=b@example.com", &NONE), 404);
    let taken =
        json!({"user": {"email": "a@example.com", "password": PASSWORD}, "registration": {"applicationId": id}});
    assert_eq!(post("/api/user/registration", &taken), ["[duplicate]user.email"]);
    assert_eq!(post(&of, &taken), ["[duplicate]userId"]);
    let mail = json!({"user": {"email": "b@example.com"}, "registration": {"applicationId": id}, "sendSetPasswordEmail": true});
    assert_eq!(status(&server, "POST", "/api/user/registration", &mail), 501);
    done(&server, "DELETE", &format!("/api/application/{id}"), &NONE);
    assert_eq!(post(&of, &at(&id)), ["[inactive]registration.applicationId"]);
    for method in ["GET", "DELETE"] {
        assert_eq!(status(&server, method, &format!("/api/user/registration/{NOBODY}/{id}"), &NONE), 404);
        assert_eq!(codes(&server, method, &format!("{of}/nonsense"), &NONE), ["[couldNotConvert]applicationId"]);
        assert_eq!(ask(&server, None, method, &format!("{of}/{id}"), &NONE).status, 401);
    }
    assert_eq!(ask(&server, None, "POST", &of, &at(&id)).status, 401);
    assert_eq!(ask(&server, Some(OF_FORUM), "POST", &of, &at(FORUM)).status, 400);
    assert_eq!(ask(&server, None, "DELETE", "/api/user/registration", &NONE).status, 405);
}

#[test]
fn who_is_let_in_everywhere_stays_so() {
    let server = server();
    let (id, secret) = application(&server, "Pied Piper", &roles());
    let (of, one) = (format!("/api/user/registration/{ALICE}"), format!("/api/user/registration/{ALICE}/{id}"));
    let shown = done(&server, "GET", &format!("/api/user/{ALICE}"), &NONE)["user"].take();
    assert_eq!((&shown["email"], &shown["registrations"]), (&json!("alice@example.com"), &json!([])));
    assert_eq!(done(&server, "GET", &one, &NONE)["registration"]["roles"], json!([]));
    let made = done(&server, "POST", &of, &json!({"registration": {"applicationId": id, "roles": ["admin"]}}));
    assert_eq!(made["registration"]["roles"], json!(["admin"]), "{made}");
    assert_eq!(codes(&server, "POST", &of, &at(&id)), ["[duplicate]registration"]);
    // Taking one away would take all away.
    assert_eq!(codes(&server, "DELETE", &one, &NONE), ["[invalid]"]);
    for client in [(id.as_str(), secret.as_str()), (FORUM, FORUM_SECRET)] {
        assert_eq!(login(&server, client, "alice@example.com", PASSWORD).status, 200);
    }
    let patched = done(
        &server,
        "PATCH",
        &format!("/api/user/{ALICE}"),
        &json!({"user": {"username": "alice", "data": {"a": 1}}}),
    );
    assert_eq!(patched["user"]["username"], "alice", "{patched}");
    let account = server_account(&server, ALICE);
    assert_eq!((&account["username"], &account["login"]), (&json!("alice"), &json!("alice@example.com")), "{account}");
    assert_eq!((&account["roles_at"][&id], &account["profile"]), (&json!(["admin"]), &json!({"data": {"a": 1}})));
}

fn server_account(server: &crate::support::Server, id: &str) -> Value {
    done(server, "GET", &format!("/admin/accounts/{id}"), &NONE)
}

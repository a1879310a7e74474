//! The OAuth doors, as clients of FusionAuth's profile find them.

use crate::support::{ADMIN, API_KEYS, Answer, Plan, Server, claims};
use serde_json::{Value, json};

const FORUM: (&str, &str) = ("3c219e58-ed0e-4b18-ad48-f4f92793ae32", "forum-secret");
const SHOP: (&str, &str) = ("9d4e1ae0-24d9-4b0e-9a0b-0f3f2c9e5a11", "shop-secret");
const STORE: (&str, &str) = ("store", "store-secret");
const PASSWORD: &str = "correct horse battery staple";
const TENANT: &str = "636f756e-7465-7273-8967-6e0000000000";

fn server() -> Server {
    let clients = r#"
[[clients]]
id = "3c219e58-ed0e-4b18-ad48-f4f92793ae32"
secret = "forum-secret"
profile = "fusionauth"
scopes = ["posts"]

[[clients]]
id = "9d4e1ae0-24d9-4b0e-9a0b-0f3f2c9e5a11"
secret = "shop-secret"
profile = "fusionauth"
rotation = "always"

[[clients]]
id = "store"
secret = "store-secret"

[[accounts]]
login = "alice@example.com"
password = "correct horse battery staple"
roles = ["writer"]

[[accounts]]
login = "bob@example.com"
password = "correct horse battery staple"
roles = ["writer"]
clients = ["store"]

[[accounts]]
login = "carol"
password = "correct horse battery staple"
must_change = true
"#;
    Plan::new(&format!("{clients}{API_KEYS}")).start()
}

fn login_with(server: &Server, client: (&str, &str), login: &str, more: &[(&str, &str)]) -> Answer {
    let form = [("grant_type", "password"), ("username", login), ("password", PASSWORD)];
    server.post("/oauth2/token", Some(client), &[&form[..], more].concat())
}

fn login(server: &Server) -> Answer {
    login_with(server, FORUM, "alice@example.com", &[])
}

fn refresh(server: &Server, client: (&str, &str), token: &str, more: &[(&str, &str)]) -> Answer {
    let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
    server.post("/oauth2/token", Some(client), &[&form[..], more].concat())
}

fn introspect(server: &Server, client: &str, token: &str) -> Answer {
    server.post("/oauth2/introspect", None, &[("client_id", client), ("token", token)])
}

fn header_of(token: &str) -> Value {
    use base64::Engine;
    let head = token.split('.').next().unwrap();
    serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(head).unwrap()).unwrap()
}

fn refused(answer: &Answer, status: u16, error: &str, reason: Option<&str>) {
    let body = answer.json();
    assert_eq!(
        (answer.status, body["error"].as_str(), body["error_reason"].as_str()),
        (status, Some(error), reason),
        "{body}"
    );
}

#[test]
fn a_login_is_answered_with_fusionauths_fields_and_its_token_says_what_fusionauths_do() {
    let server = server();
    let answer = login_with(&server, FORUM, "Alice@Example.com", &[("scope", "email openid")]);
    let (body, says) = (answer.json(), claims(&answer.access()));
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!((&body["userId"], &body["refresh_token_id"]), (&says["sub"], &says["sid"]));
    assert!(body["expires_in"].is_i64());
    let head = header_of(&answer.access());
    assert_eq!((&head["typ"], &head["gty"]), (&json!("JWT"), &json!(["password"])));
    assert_eq!((says["aud"].as_str(), says["applicationId"].as_str()), (Some(FORUM.0), Some(FORUM.0)));
    assert_eq!((&says["tid"], &says["authenticationType"]), (&json!(TENANT), &json!("PASSWORD")));
    assert_eq!((&says["email"], &says["email_verified"]), (&json!("alice@example.com"), &json!(true)));
    assert_eq!(says["roles"], json!(["writer"]));

    let again = refresh(&server, FORUM, &answer.refresh(), &[]);
    let renewed = claims(&again.access());
    assert_eq!((again.refresh(), &again.json()["refresh_token_id"]), (answer.refresh(), &says["sid"]));
    assert_eq!((&renewed["authenticationType"], &renewed["auth_time"]), (&json!("REFRESH_TOKEN"), &says["auth_time"]));
    assert_eq!(header_of(&again.access())["gty"], json!(["refresh_token"]));
}

#[test]
fn other_clients_see_none_of_it() {
    let server = server();
    let answer = login_with(&server, STORE, "alice@example.com", &[]);
    for field in ["userId", "refresh_token_id"] {
        assert_eq!(answer.json().get(field), None, "{field}");
    }
    assert_eq!(header_of(&answer.access())["typ"], "at+jwt");
    assert_eq!(claims(&answer.access()).get("applicationId"), None);
    let alias = [("grant_type", "refresh"), ("refresh_token", &answer.refresh())];
    refused(&server.post("/oauth2/token", Some(STORE), &alias), 400, "unsupported_grant_type", None);
    refused(&introspect(&server, STORE.0, &answer.access()), 401, "invalid_client", None);
}

#[test]
fn the_word_refresh_is_a_grant_type_too() {
    let server = server();
    let token = login(&server).refresh();
    let answer = server.post("/oauth2/token", Some(FORUM), &[("grant_type", "refresh"), ("refresh_token", &token)]);
    assert_eq!((answer.status, answer.refresh()), (200, token));
}

#[test]
fn an_access_token_may_be_asked_to_live_shorter_and_not_longer() {
    let server = server();
    let token = login(&server).refresh();
    let short = refresh(&server, FORUM, &token, &[("expires_in", "7")]);
    let says = claims(&short.access());
    assert_eq!(says["exp"].as_i64().unwrap() - says["iat"].as_i64().unwrap(), 7);
    let long = refresh(&server, FORUM, &token, &[("expires_in", "86400")]);
    refused(&long, 400, "invalid_request", Some("invalid_expires_in"));
    for wrong in ["0", "-1", "soon", "4294967296"] {
        refused(&refresh(&server, FORUM, &token, &[("expires_in", wrong)]), 400, "invalid_request", None);
    }
    assert_eq!(refresh(&server, FORUM, &token, &[]).status, 200, "no refusal has used it up");
}

#[test]
fn what_is_refused_has_fusionauths_reason_and_tells_no_login_from_another() {
    let server = server();
    let ask = |login: &str, password: &str| {
        let form = [("grant_type", "password"), ("username", login), ("password", password)];
        server.post("/oauth2/token", Some(FORUM), &form)
    };
    let (wrong, unknown) = (ask("alice@example.com", "wrong"), ask("nobody@example.com", PASSWORD));
    refused(&wrong, 400, "invalid_grant", Some("invalid_user_credentials"));
    assert_eq!(wrong.body, unknown.body);
    refused(&refresh(&server, FORUM, "csr_none", &[]), 400, "invalid_grant", Some("refresh_token_not_found"));
    refused(
        &login_with(&server, FORUM, "alice@example.com", &[("scope", "cart")]),
        400,
        "invalid_scope",
        Some("unknown_scope"),
    );
    let anything = server.post("/oauth2/token", Some(FORUM), &[("grant_type", "device_code")]);
    refused(&anything, 400, "unsupported_grant_type", None);
    let machine = server.post("/oauth2/token", Some(FORUM), &[("grant_type", "client_credentials")]);
    refused(&machine, 400, "unauthorized_client", Some("grant_type_disabled"));
}

#[test]
fn a_password_that_must_be_changed_is_answered_with_the_id_that_changes_it() {
    let server = server();
    let answer = login_with(&server, FORUM, "carol", &[]);
    refused(&answer, 400, "change_password_required", Some("change_password_administrative"));
    let body =
        json!({"code": answer.text("change_password_id"), "new_password": "a quite different horse"}).to_string();
    let changed = server.send("POST", "/account/password", &[("Content-Type", "application/json")], body.as_bytes());
    assert!(changed.status < 300, "{changed:?}");
    let form = [("grant_type", "password"), ("username", "carol"), ("password", "a quite different horse")];
    let login = server.post("/oauth2/token", Some(FORUM), &form);
    assert_eq!((login.status, claims(&login.access())["preferred_username"].as_str()), (200, Some("carol")));
    assert_eq!(claims(&login.access()).get("email"), None);
}

#[test]
fn who_is_not_registered_logs_in_without_roles_and_without_a_refresh_token() {
    let server = server();
    let answer = login_with(&server, FORUM, "bob@example.com", &[("scope", "posts openid")]);
    let (body, says) = (answer.json(), claims(&answer.access()));
    assert_eq!((answer.status, body.get("refresh_token"), body.get("refresh_token_id")), (200, None, None), "{body}");
    assert_eq!((says.get("applicationId"), says.get("roles"), says["client_id"].as_str()), (None, None, Some(TENANT)));
    assert_eq!(says["scope"], "openid", "the application's own scopes mean nothing elsewhere");
    refused(&introspect(&server, FORUM.0, &answer.access()), 401, "invalid_client", Some("client_id_mismatch"));
    let bearer = format!("Bearer {}", answer.access());
    let info = server.get_as("/oauth2/userinfo", &[("Authorization", &bearer)]);
    assert_eq!((info.status, info.text("email")), (200, "bob@example.com".to_owned()));
    let stranger = login_with(&server, STORE, "bob@example.com", &[]);
    assert_eq!(stranger.status, 200, "at the client that he is registered at");
}

#[test]
fn a_client_that_only_names_itself_learns_of_its_own_access_tokens() {
    let server = server();
    let (mine, others) = (login(&server), login_with(&server, SHOP, "alice@example.com", &[]));
    let answer = introspect(&server, FORUM.0, &mine.access()).json();
    let says = claims(&mine.access());
    for name in [
        "applicationId",
        "aud",
        "authenticationType",
        "email",
        "email_verified",
        "exp",
        "iat",
        "iss",
        "jti",
        "roles",
        "sub",
        "tid",
    ] {
        assert_eq!(answer[name], says[name], "{name}");
    }
    assert_eq!(answer["active"], true);
    refused(&introspect(&server, FORUM.0, &others.access()), 401, "invalid_client", Some("client_id_mismatch"));
    refused(&introspect(&server, FORUM.0, &mine.refresh()), 401, "invalid_client", Some("missing_client_secret"));
    assert_eq!(introspect(&server, FORUM.0, "nothing.of.ours").json(), json!({"active": false}));
    assert_eq!(server.post("/oauth2/revoke", Some(FORUM), &[("token", &mine.refresh())]).status, 200);
    assert_eq!(introspect(&server, FORUM.0, &mine.access()).json(), json!({"active": false}), "at once");
    let unknown = introspect(&server, "4bd0fbc4-0000-4000-8000-000000000000", &others.access());
    refused(&unknown, 401, "invalid_client", None);
}

#[test]
fn a_client_that_may_learn_of_all_tokens_must_show_its_secret_for_that() {
    let server = server();
    server.admin("PATCH", &format!("/admin/clients/{}", FORUM.0), &json!({"introspect": "all"}));
    let others = login_with(&server, SHOP, "alice@example.com", &[]).access();
    refused(&introspect(&server, FORUM.0, &others), 401, "invalid_client", Some("client_id_mismatch"));
    let shown = server.post("/oauth2/introspect", Some(FORUM), &[("token", &others)]);
    assert_eq!((shown.status, &shown.json()["active"]), (200, &json!(true)));
}

#[test]
fn userinfo_needs_no_scope_of_them() {
    let server = server();
    let token = login(&server).access();
    let info = |method| server.send(method, "/oauth2/userinfo", &[("Authorization", &format!("Bearer {token}"))], b"");
    let says = claims(&token);
    for method in ["GET", "POST"] {
        let body = info(method).json();
        for name in ["sub", "email", "email_verified", "applicationId", "roles", "tid"] {
            assert_eq!(body[name], says[name], "{method} {name}");
        }
    }
}

#[test]
fn a_device_that_the_form_names_is_the_persons_where_the_client_may_tell() {
    let server = server();
    let answer = login_with(&server, FORUM, "alice@example.com", &[("metaData.device.name", "Alice's phone")]);
    assert_eq!(answer.status, 200);
    let shown = server.get_as("/account/sessions", &[("Authorization", &format!("Bearer {}", answer.access()))]);
    assert_eq!(shown.json()["items"][0]["device"], "Alice's phone", "{}", shown.body);
    let clients = server.get_as("/admin/clients", &[("Authorization", &format!("Bearer {ADMIN}"))]);
    assert!(clients.body.contains(TENANT), "the tenant's own client is no secret: {}", clients.body);
}

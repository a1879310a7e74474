//! What pages in a browser may read: what their own client is answered, and nothing else.

use crate::support::{ALICE, Answer, Plan, STORE, Server, basic};

const APP: &str = "https://app.example.com";
const LOCAL: &str = "http://localhost:5173";
const SHOP: &str = "https://shop.example.com";
const OFF: &str = "https://off.example.com";
const STRANGER: &str = "https://stranger.example";

const BOOTSTRAP: &str = r#"
[[clients]]
id = "app"
type = "public"
origins = ["https://app.example.com", "http://localhost:5173"]

[[clients]]
id = "shop"
type = "public"
origins = ["https://shop.example.com"]

[[clients]]
id = "off"
type = "public"
enabled = false
origins = ["https://off.example.com"]

[[clients]]
id = "store"
secret = "store-secret"

[[accounts]]
login = "alice@example.com"
password = "correct horse battery staple"
"#;

const FOR_CLIENTS: [&str; 2] = ["/oauth2/token", "/oauth2/revoke"];
const FOR_ANYBODY: [&str; 3] =
    ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration", "/.well-known/jwks.json"];

fn names(answer: &Answer) -> Vec<&str> {
    let names = answer.headers.iter().map(|(name, _)| name.as_str());
    names.filter(|name| name.starts_with("access-control-")).collect()
}

/// Whom the answer may be read by, after a look at everything that goes with it.
fn reader(answer: &Answer) -> Option<&str> {
    assert_eq!(answer.header("vary"), Some("Origin"), "{answer:?}");
    let allowed = answer.header("access-control-allow-origin");
    match allowed {
        Some(_) => {
            assert_eq!(names(answer).len(), 2, "{answer:?}");
            assert_eq!(answer.header("access-control-expose-headers"), Some("x-request-id, retry-after"));
        }
        None => assert_eq!(names(answer), [""; 0], "{answer:?}"),
    }
    allowed
}

fn preflight(server: &Server, path: &str, origin: &str) -> Answer {
    let asks = [
        ("Origin", origin),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "authorization,x-device-id"),
    ];
    server.send("OPTIONS", path, &asks, b"")
}

fn login(server: &Server, client: &str, origin: &str) -> Answer {
    let form = [("grant_type", "password"), ("username", ALICE.0), ("password", ALICE.1), ("client_id", client)];
    let scope = ("scope", "openid");
    server.post_as("/oauth2/token", None, &[&form[..], &[scope]].concat(), &[("Origin", origin)])
}

#[test]
fn a_preflight_is_answered_where_the_origin_is_some_clients() {
    let server = Plan::new(BOOTSTRAP).start();
    for (path, methods) in FOR_CLIENTS.map(|path| (path, "POST")).into_iter().chain([
        ("/oauth2/userinfo", "GET, HEAD, POST"),
        (FOR_ANYBODY[0], "GET, HEAD"),
        (FOR_ANYBODY[2], "GET, HEAD"),
    ]) {
        for origin in [APP, LOCAL, SHOP] {
            let answer = preflight(&server, path, origin);
            assert_eq!((answer.status, answer.body.as_str()), (204, ""), "{path} {origin}");
            let is = |name: &str, value: &str| assert_eq!(answer.header(name), Some(value), "{path} {answer:?}");
            is("access-control-allow-origin", origin);
            is("access-control-allow-methods", methods);
            is("access-control-allow-headers", "authorization, content-type, x-device-id");
            is("access-control-max-age", "600");
            is("vary", "Origin");
            assert_eq!(names(&answer).len(), 4, "{answer:?}");
        }
        for origin in
            [STRANGER, OFF, "null", "*", "", "https://app.example.com.evil.example", "https://APP.example.com"]
        {
            let answer = preflight(&server, path, origin);
            assert_eq!((answer.status, reader(&answer)), (403, None), "{path} {origin}");
            assert_eq!(answer.text("error"), "origin_not_allowed");
        }
    }
}

#[test]
fn nothing_but_the_doors_of_public_clients_is_open_to_browsers() {
    let server = Plan::new(BOOTSTRAP).start();
    for path in ["/oauth2/introspect", "/health/ready", "/metrics", "/openapi.json", "/nowhere"] {
        let answer = preflight(&server, path, APP);
        assert!([404, 405].contains(&answer.status) && names(&answer).is_empty(), "{path} {answer:?}");
        let answer = server.get_as(path, &[("Origin", APP)]);
        assert!(names(&answer).is_empty(), "{path} {answer:?}");
    }
    let token = login(&server, "app", APP).access();
    let asked = server.post_as("/oauth2/introspect", Some(STORE), &[("token", &token)], &[("Origin", APP)]);
    assert!(asked.status == 200 && names(&asked).is_empty(), "{asked:?}");
    // OPTIONS that is no preflight is a method like any other.
    assert_eq!(server.send("OPTIONS", "/oauth2/token", &[("Origin", APP)], b"").status, 405);
}

#[test]
fn an_app_reads_what_its_own_client_is_answered_errors_too() {
    let server = Plan::new(BOOTSTRAP).start();
    let granted = login(&server, "app", APP);
    assert_eq!((granted.status, reader(&granted)), (200, Some(APP)));
    assert_eq!(reader(&login(&server, "app", LOCAL)), Some(LOCAL));
    for (client, origin) in [("app", SHOP), ("shop", APP), ("app", STRANGER), ("off", OFF), ("off", APP), ("no", APP)] {
        assert_eq!(reader(&login(&server, client, origin)), None, "{client} {origin}");
    }
    let ask = |path: &str, form: &[(&str, &str)], origin: &str| server.post_as(path, None, form, &[("Origin", origin)]);
    for (form, status) in [
        (vec![("grant_type", "password"), ("username", "x"), ("password", "y")], 400),
        (vec![("grant_type", "refresh_token"), ("refresh_token", "csr_x")], 400),
        (vec![("grant_type", "nonsense")], 400),
        (vec![], 400),
        (vec![("grant_type", "password"), ("client_secret", "given-away")], 401),
    ] {
        let of = |client| [&form[..], &[("client_id", client)]].concat();
        let refused = ask("/oauth2/token", &of("app"), APP);
        assert_eq!((refused.status, reader(&refused)), (status, Some(APP)), "{form:?}");
        assert_eq!(reader(&ask("/oauth2/token", &of("app"), SHOP)), None, "{form:?}");
        assert_eq!(reader(&ask("/oauth2/token", &form, APP)), None, "{form:?}");
    }
    let revoke =
        |client, origin| ask("/oauth2/revoke", &[("token", &granted.refresh()), ("client_id", client)], origin);
    assert_eq!(reader(&revoke("shop", SHOP)), Some(SHOP), "its error");
    let revoked = revoke("app", APP);
    assert_eq!((revoked.status, reader(&revoked)), (200, Some(APP)));
    assert_eq!(reader(&revoke("app", SHOP)), None);
}

#[test]
fn a_client_with_a_secret_is_never_read_by_a_page() {
    let server = Plan::new(BOOTSTRAP).start();
    let form = [("grant_type", "password"), ("username", ALICE.0), ("password", ALICE.1)];
    for origin in [APP, SHOP, STRANGER] {
        let granted = server.post_as("/oauth2/token", Some(STORE), &form, &[("Origin", origin)]);
        assert_eq!((granted.status, reader(&granted)), (200, None), "{granted:?}");
        // The client in the header counts, whatever else the body names.
        let other = [&form[..], &[("client_id", "app")]].concat();
        let refused = server.post_as("/oauth2/token", Some(STORE), &other, &[("Origin", origin)]);
        assert_eq!((refused.status, reader(&refused)), (400, None), "{refused:?}");
    }
}

#[test]
fn userinfo_is_read_by_the_client_of_the_token_and_its_refusal_by_any() {
    let server = Plan::new(BOOTSTRAP).start();
    let app = login(&server, "app", APP);
    let store = server.post(
        "/oauth2/token",
        Some(STORE),
        &[("grant_type", "password"), ("username", ALICE.0), ("password", ALICE.1), ("scope", "openid")],
    );
    let ask = |token: &str, origin: &str| {
        let bearer = format!("Bearer {token}");
        server.get_as("/oauth2/userinfo", &[("Authorization", &bearer), ("Origin", origin)])
    };
    let shown = ask(&app.access(), APP);
    assert_eq!((shown.status, reader(&shown)), (200, Some(APP)));
    assert_eq!(reader(&ask(&app.access(), SHOP)), None);
    let others = ask(&store.access(), APP);
    assert_eq!((others.status, reader(&others)), (200, None));
    for (origin, expected) in [(APP, Some(APP)), (SHOP, Some(SHOP)), (STRANGER, None), (OFF, None)] {
        let refused = ask("no.such.token", origin);
        assert_eq!((refused.status, reader(&refused)), (401, expected), "{origin}");
    }
    let secret = basic(STORE.0, STORE.1);
    let refused = server.get_as("/oauth2/userinfo", &[("Authorization", &secret), ("Origin", STRANGER)]);
    assert_eq!((refused.status, reader(&refused)), (401, None));
}

#[test]
fn keys_and_metadata_are_read_by_every_enabled_public_client() {
    let server = Plan::new(BOOTSTRAP).start();
    for path in FOR_ANYBODY {
        for (origin, expected) in
            [(APP, Some(APP)), (LOCAL, Some(LOCAL)), (SHOP, Some(SHOP)), (OFF, None), (STRANGER, None), ("null", None)]
        {
            let answer = server.get_as(path, &[("Origin", origin)]);
            assert_eq!((answer.status, reader(&answer)), (200, expected), "{path} {origin}");
        }
        assert_eq!(reader(&server.get(path)), None, "{path}");
        let two = server.send("GET", path, &[("Origin", APP), ("Origin", SHOP)], b"");
        assert_eq!(reader(&two), None, "{path}");
    }
}

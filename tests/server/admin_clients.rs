//! `/admin/clients`: clients made, changed and used, and whatever is refused.

use crate::support::{ADMIN, API_KEYS, Answer, BOOTSTRAP, CLERK, Call, OFF, Plan, STORE, Server, USERS, claims};
use serde_json::{Value, json};

fn server() -> Server {
    Plan::new(&format!("{BOOTSTRAP}{API_KEYS}")).start()
}

fn names(object: &Value) -> Vec<String> {
    object.as_object().unwrap().keys().cloned().collect()
}

fn ids(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().unwrap().iter();
    items.map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

fn login_with(server: &Server, client: (&str, &str)) -> Answer {
    let form =
        [("grant_type", "password"), ("username", crate::support::ALICE.0), ("password", crate::support::ALICE.1)];
    server.post("/oauth2/token", Some(client), &form)
}

#[test]
fn a_client_that_is_made_gets_a_secret_that_is_shown_once_and_works() {
    let server = server();
    let body = json!({"id": "kiosk", "scopes": ["cart"], "access_ttl": "90s", "audience": "https://kiosk.example"});
    let made = Call::new(ADMIN, "POST", "/admin/clients").body(&body.to_string()).to(&server);
    assert_eq!((made.status, made.header("location")), (201, Some("/admin/clients/kiosk")), "{made:?}");
    assert_eq!(made.header("etag"), Some("\"1\""));
    let secret = made.text("secret");
    assert_eq!(secret.len(), 43, "32 bytes");
    let login = login_with(&server, ("kiosk", &secret));
    assert_eq!((login.status, claims(&login.access())["aud"].as_str()), (200, Some("https://kiosk.example")));
    let shown = server.admin("GET", "/admin/clients/kiosk", &Value::Null);
    let expected = "access_ttl audience backends enabled grants has_secret id introspect late_retry login_needs_key max_sessions name \
                    origins profile refresh_absolute_ttl refresh_at_login refresh_idle_ttl refresh_without_scope registration_required \
                    retry_window rotation scopes signing_alg token_refresh type version";
    assert_eq!(names(&shown).join(" "), expected, "the names of the bootstrap file, and no secret");
    assert_eq!(
        (&shown["access_ttl"], &shown["refresh_idle_ttl"], &shown["has_secret"]),
        (&json!("90s"), &json!("14d"), &json!(true))
    );

    let mut copy = shown.clone();
    copy["id"] = json!("kiosk-2");
    let object = copy.as_object_mut().unwrap();
    object.remove("version");
    object.remove("has_secret");
    object.insert("secret".to_owned(), json!("of sixteen bytes"));
    let copied = server.admin("POST", "/admin/clients", &copy);
    assert_eq!(copied.get("secret"), None, "whoever gave it knows it");
    copy.as_object_mut().unwrap().remove("secret");
    for (name, value) in copy.as_object().unwrap() {
        assert_eq!(&copied[name], value, "what is shown can be sent: {name}");
    }
    assert_eq!(login_with(&server, ("kiosk-2", "of sixteen bytes")).status, 200);
    let public = server.admin("POST", "/admin/clients", &json!({"id": "spa", "type": "public", "enabled": false}));
    assert_eq!((&public["has_secret"], public.get("secret"), &public["enabled"]), (&json!(false), None, &json!(false)));
}

#[test]
fn the_list_has_pages_and_can_show_only_what_may_be_used() {
    let server = server();
    server.admin("POST", "/admin/clients/app/disable", &Value::Null);
    let all = server.admin("GET", "/admin/clients", &Value::Null);
    assert_eq!(
        (ids(&all), &all["next"]),
        (vec!["app".to_owned(), "machine".to_owned(), "store".to_owned()], &Value::Null)
    );
    let first = server.admin("GET", "/admin/clients?limit=2", &Value::Null);
    assert_eq!((ids(&first), &first["next"]), (vec!["app".to_owned(), "machine".to_owned()], &json!("machine")));
    let second = server.admin("GET", "/admin/clients?limit=2&after=machine", &Value::Null);
    assert_eq!((ids(&second), &second["next"]), (vec!["store".to_owned()], &Value::Null));
    let enabled = server.admin("GET", "/admin/clients?limit=2&enabled=true", &Value::Null);
    assert_eq!((ids(&enabled), &enabled["next"]), (vec!["machine".to_owned(), "store".to_owned()], &Value::Null));
    assert_eq!(ids(&server.admin("GET", "/admin/clients?enabled=false", &Value::Null)), ["app"]);
    for wrong in
        ["limit=0", "limit=201", "limit=x", "enabled=yes", "after=a%20b", "offset=1", "limit=1&limit=2", "after=%ff"]
    {
        let path = format!("/admin/clients?{wrong}");
        Call::new(ADMIN, "GET", &path).refused(&server, 400, "invalid_request");
    }
}

#[test]
fn what_a_client_may_do_changes_with_the_next_request() {
    let server = server();
    let (first, second) = (server.login(), server.login());
    let changed = server.admin("PATCH", "/admin/clients/store", &json!({"access_ttl": "60s", "max_sessions": 1}));
    assert_eq!(
        (&changed["access_ttl"], &changed["version"], &changed["scopes"]),
        (&json!("1m"), &json!(2), &json!(["cart", "orders"]))
    );
    let refreshed = server.refresh(&second.refresh());
    let claims = claims(&refreshed.access());
    let lives = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert!((57..=60).contains(&lives), "{lives} seconds");
    let third = server.login();
    assert!(!server.is_active(&first.access()) && !server.is_active(&refreshed.access()), "the oldest have ended");
    assert!(server.is_active(&third.access()));

    server.admin("PATCH", "/admin/clients/store", &json!({"grants": ["password"]}));
    let refused = server.refresh(&third.refresh());
    assert_eq!(refused.status, 400, "{refused:?}");
    server.admin("PATCH", "/admin/clients/store", &json!({"grants": ["password", "refresh_token"]}));
    assert_eq!(server.refresh(&third.refresh()).status, 200, "it did not cost the session");
    let events = server.events();
    let classes: Vec<_> = events.iter().filter(|event| event["type"] == "session.refresh_refused").collect();
    assert_eq!((classes.len(), &classes[0]["data"]["class"]), (1, &json!("grant")), "{classes:?}");
    let changes: Vec<_> = events.iter().filter(|event| event["type"] == "client.changed").collect();
    assert_eq!(changes.len(), 3);
    for change in changes {
        let context = &change["context"];
        assert_eq!((&context["told_by"], &context["api_key"]), (&json!("api_key"), &json!("admin")), "{change}");
    }
}

#[test]
fn a_client_is_disabled_enabled_and_its_sessions_are_ended() {
    let server = server();
    let login = server.login();
    assert_eq!(server.admin("POST", "/admin/clients/store/disable", &json!({}))["enabled"], false);
    assert_eq!(server.refresh(&login.refresh()).status, 400);
    assert_ne!(server.login().status, 200);
    let again = server.admin("POST", "/admin/clients/store/disable", &Value::Null);
    assert_eq!(again["version"], 2, "it is so already: nothing is recorded");
    assert_eq!(server.admin("POST", "/admin/clients/store/enable", &Value::Null)["enabled"], true);
    assert_eq!(server.refresh(&login.refresh()).status, 200, "its sessions go on");
    let login = server.login();
    server.admin("POST", "/admin/clients/store/revoke", &Value::Null);
    assert!(!server.is_active(&login.access()));
    assert_eq!(server.refresh(&login.refresh()).status, 400);
    assert_eq!(server.login().status, 200, "people may log in again");
}

#[test]
fn a_replaced_secret_is_shown_once_and_the_old_one_is_worth_nothing() {
    let server = server();
    let login = server.login();
    let made = server.admin("POST", "/admin/clients/store/secret", &Value::Null);
    let secret = made["secret"].as_str().unwrap();
    assert_eq!((secret.len(), &made["version"]), (43, &json!(2)));
    assert_eq!(login_with(&server, STORE).status, 401);
    assert_eq!(login_with(&server, ("store", secret)).status, 200);
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", &*login.refresh())];
    assert_eq!(server.post("/oauth2/token", Some(("store", secret)), &refresh).status, 200, "sessions go on");
    let given = server.admin("POST", "/admin/clients/store/secret", &json!({"secret": "of sixteen bytes"}));
    assert_eq!(given.get("secret"), None);
    assert_eq!(login_with(&server, ("store", secret)).status, 401);
    assert_eq!(login_with(&server, ("store", "of sixteen bytes")).status, 200);
    for body in [
        r#"{"secret": "fifteen bytes.."}"#,
        r#"{"secret": null}"#,
        r#"{"secret": 7}"#,
        r#"{"secrets": "of sixteen bytes"}"#,
    ] {
        let answer =
            Call::new(ADMIN, "POST", "/admin/clients/store/secret").body(body).refused(&server, 400, "invalid_request");
        assert!(!answer.body.contains("bytes.."), "{answer:?}");
    }
    let none = Call::new(ADMIN, "POST", "/admin/clients/app/secret").refused(&server, 400, "invalid_request");
    assert!(none.text("message").contains("public"), "{none:?}");
}

#[test]
fn a_malformed_client_is_refused_by_the_name_of_its_field_and_no_secret_is_shown() {
    let server = server();
    let hidden = "hunter2-hunter2-hunter2";
    for (body, word) in [
        (json!({"secret": hidden}), "`id`"),
        (json!({"id": "a b", "secret": hidden}), "`id`"),
        (json!({"id": "x", "secret": [hidden]}), "`secret`"),
        (json!({"id": "x", "secret": &hidden[..15]}), "16 to 512 bytes"),
        (json!({"id": "x", "secret": "x".repeat(513)}), "16 to 512 bytes"),
        (json!({"id": "x", "secret": format!("{hidden}\n")}), "control characters"),
        (json!({"id": "x", "secret": hidden, "type": "public"}), "public client"),
        (json!({"id": "x", "secret": hidden, "type": "open"}), "`type`"),
        (json!({"id": "x", "secret": hidden, "access_ttl": 300}), "`access_ttl`"),
        (json!({"id": "x", "secret": hidden, "access_ttl": "2d"}), "`access_ttl`"),
        (json!({"id": "x", "secret": hidden, "refresh_idle_ttl": "100d"}), "`refresh_idle_ttl`"),
        (json!({"id": "x", "secret": hidden, "rotation": "never"}), "`rotation"),
        (json!({"id": "x", "secret": hidden, "grants": ["implicit"]}), "`grants`"),
        (json!({"id": "x", "secret": hidden, "scopes": ["a b"]}), "`scopes`"),
        (json!({"id": "x", "secret": hidden, "max_sessions": 0}), "`max_sessions`"),
        (json!({"id": "x", "secret": hidden, "signing_alg": "none"}), "`signing_alg`"),
        (json!({"id": "x", "secret": hidden, "backends": ["10.0.0.0/33"]}), "`backends`"),
        (json!({"id": "x", "secret": hidden, "origins": ["https://a.example"]}), "`origins`"),
        (json!({"id": "x", "secret": hidden, "acess_ttl": "5m"}), "did you mean `access_ttl`?"),
        (json!({"id": "x", "secret": hidden, "version": 1}), "unknown field `version`"),
        (json!([hidden]), "object"),
    ] {
        let body = body.to_string();
        let answer = Call::new(ADMIN, "POST", "/admin/clients").body(&body).refused(&server, 400, "invalid_request");
        assert!(answer.text("message").contains(word), "{body}: {answer:?}");
        assert!(!answer.body.contains("hunter2"), "{answer:?}");
    }
    for (body, word) in [
        (format!(r#"{{"id": "x", "secret": "{hidden}", "secret": "{hidden}"}}"#), "twice"),
        (format!(r#"{{"id": "x", "secret": "{hidden}"#), "line 1"),
    ] {
        let answer = Call::new(ADMIN, "POST", "/admin/clients").body(&body).refused(&server, 400, "invalid_request");
        assert!(answer.text("message").contains(word) && !answer.body.contains("hunter2"), "{answer:?}");
    }
    for (body, word) in [
        (json!({"id": "shop"}), "cannot be changed"),
        (json!({"type": "public"}), "cannot be changed"),
        (json!({"secret": hidden}), "/secret"),
        (json!({"enabled": false}), "/disable"),
        (json!({"access_ttl": null}), "`access_ttl`"),
        (json!({"scope": ["cart"]}), "did you mean `scopes`?"),
    ] {
        let body = body.to_string();
        let answer =
            Call::new(ADMIN, "PATCH", "/admin/clients/store").body(&body).refused(&server, 400, "invalid_request");
        assert!(answer.text("message").contains(word) && !answer.body.contains("hunter2"), "{body}: {answer:?}");
    }
    let form = [("Authorization", &*format!("Bearer {ADMIN}")), ("Content-Type", "text/plain")];
    assert_eq!(server.send("POST", "/admin/clients", &form, br#"{"id": "x"}"#).status, 400);
    assert!(!server.diagnostics().contains("hunter2"));
    assert_eq!(server.admin("GET", "/admin/clients/store", &Value::Null)["version"], 1, "nothing was changed");
}

#[test]
fn a_key_that_is_limited_to_clients_reaches_no_other() {
    let server = server();
    let clerk = |method, path| Call::new(CLERK, method, path);
    assert_eq!(ids(&clerk("GET", "/admin/clients").to(&server).json()), ["store"]);
    for (method, path) in [
        ("GET", "/admin/clients/machine"),
        ("PATCH", "/admin/clients/machine"),
        ("POST", "/admin/clients/machine/disable"),
        ("POST", "/admin/clients/machine/secret"),
        ("GET", "/admin/clients/nobody"),
    ] {
        clerk(method, path).refused(&server, 404, "not_found");
    }
    clerk("POST", "/admin/clients").body(r#"{"id": "other"}"#).refused(&server, 403, "forbidden");
    assert_eq!(clerk("POST", "/admin/clients").body(r#"{"id": "kiosk"}"#).to(&server).status, 201);
    assert_eq!(
        clerk("PATCH", "/admin/clients/kiosk").body(r#"{"audience": "https://k.example"}"#).to(&server).status,
        200
    );

    server.admin("PATCH", "/admin/clients/machine", &json!({"audience": "https://jobs.example"}));
    let issuer = claims(&server.login().access())["iss"].as_str().unwrap().to_owned();
    for (why, body) in [
        ("it would see all tokens", json!({"introspect": "all"})),
        ("it would see those for the machine", json!({"audience": "https://jobs.example"})),
        ("it would see those of everybody without an audience", json!({"audience": issuer})),
    ] {
        let answer = clerk("PATCH", "/admin/clients/kiosk").body(&body.to_string()).to(&server);
        assert_eq!((answer.status, answer.text("error").as_str()), (403, "forbidden"), "{why}: {answer:?}");
        assert_eq!(Call::new(ADMIN, "PATCH", "/admin/clients/kiosk").body(&body.to_string()).to(&server).status, 200);
        let kept = clerk("PATCH", "/admin/clients/kiosk").body(r#"{"scopes": ["cart"]}"#).to(&server);
        assert_eq!(kept.status, 200, "what others gave it stays: {kept:?}");
        server.admin("PATCH", "/admin/clients/kiosk", &json!({"introspect": "own", "audience": null}));
    }
    let events = server.events();
    let refusals: Vec<_> = events.iter().filter(|event| event["type"] == "system.api_key_refused").collect();
    assert_eq!(refusals[0]["data"], json!({"name": "clerk", "class": "api_key_elsewhere", "n": 1}), "{refusals:?}");
}

#[test]
fn who_has_no_key_or_may_not_is_refused_and_recorded_where_the_key_is_known() {
    let server = server();
    let doors = [
        ("GET", "/admin/clients"),
        ("POST", "/admin/clients"),
        ("GET", "/admin/clients/store"),
        ("PATCH", "/admin/clients/store"),
        ("POST", "/admin/clients/store/revoke"),
        ("POST", "/admin/clients/store/nothing"),
    ];
    let before = server.events().len();
    for (method, path) in doors {
        for key in ["", "csk_of-nobody-0123456789-0123456789-ab", "Basic c3RvcmU6c3RvcmUtc2VjcmV0"] {
            Call::new(key, method, path).refused(&server, 401, "unauthorized");
        }
        let nothing = server.send(method, path, &[], b"");
        assert_eq!((nothing.status, nothing.header("www-authenticate")), (401, Some("Bearer")), "{nothing:?}");
        let twice = [("Authorization", &*format!("Bearer {ADMIN}")), ("Authorization", &*format!("Bearer {ADMIN}"))];
        assert_eq!(server.send(method, path, &twice, b"").status, 401);
    }
    assert_eq!(server.events().len(), before, "strangers fill no journal");
    server.admin("POST", "/admin/api-keys/off/disable", &Value::Null);
    for n in 0..40 {
        let (method, path) = doors[n % doors.len()];
        Call::new(OFF, method, path).refused(&server, 401, "unauthorized");
        Call::new(USERS, method, path).refused(&server, 403, "forbidden");
    }
    let events = server.events();
    let of = |name: &str| {
        let refused =
            events.iter().filter(|event| event["type"] == "system.api_key_refused" && event["data"]["name"] == name);
        refused.map(|event| (event["data"]["class"].clone(), event["data"]["n"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(of("off"), [1, 32].map(|n| (json!("api_key_disabled"), json!(n))), "the same again is counted");
    assert_eq!(of("users"), [1, 32].map(|n| (json!("api_key_forbidden"), json!(n))));
    assert_eq!(server.metric(r#"countersign_api_key_refusals_total{code="api_key_disabled"}"#), 40.0);
    assert_eq!(server.admin("GET", "/admin/clients/store", &Value::Null)["version"], 1, "nothing was changed");
}

#[test]
fn unknown_clients_actions_and_methods_are_refused() {
    let server = server();
    for (method, path) in [
        ("GET", "/admin/clients/nobody"),
        ("GET", "/admin/clients/a%20b"),
        ("GET", "/admin/clients/%ff"),
        ("PATCH", "/admin/clients/nobody"),
        ("POST", "/admin/clients/nobody/disable"),
        ("POST", "/admin/clients/store/erase"),
        ("POST", "/admin/clients/store/disable/now"),
        ("GET", "/admin/clients/"),
    ] {
        Call::new(ADMIN, method, path).refused(&server, 404, "not_found");
    }
    for (method, path, allowed) in [
        ("DELETE", "/admin/clients", "GET, HEAD, POST"),
        ("DELETE", "/admin/clients/store", "GET, HEAD, PATCH"),
        ("PUT", "/admin/clients/store", "GET, HEAD, PATCH"),
        ("GET", "/admin/clients/store/disable", "POST"),
    ] {
        let answer = Call::new(ADMIN, method, path).refused(&server, 405, "method_not_allowed");
        assert_eq!(answer.header("allow"), Some(allowed), "{method} {path}");
    }
    Call::new(ADMIN, "POST", "/admin/clients").body(r#"{"id": "store"}"#).refused(&server, 409, "taken");
    for path in ["/admin/clients", "/admin/clients/store", "/admin/api-keys/admin", "/admin/keys"] {
        let head = Call::new(ADMIN, "HEAD", path).to(&server);
        assert_eq!((head.status, head.body.as_str()), (200, ""), "{path}");
    }
}

#[test]
fn a_change_that_was_decided_on_another_state_is_refused() {
    let server = server();
    let shown = Call::new(ADMIN, "GET", "/admin/clients/store").to(&server);
    let etag = shown.header("etag").unwrap().to_owned();
    let on = [("If-Match", etag.as_str())];
    let change = Call::new(ADMIN, "PATCH", "/admin/clients/store").with(&on).body(r#"{"max_sessions": 7}"#);
    let changed = change.to(&server);
    assert_eq!((changed.status, changed.header("etag")), (200, Some("\"2\"")));
    let late = change.refused(&server, 412, "precondition_failed");
    assert!(late.text("message").contains("\"2\""), "{late:?}");
    for action in ["disable", "enable", "revoke", "secret"] {
        let path = format!("/admin/clients/store/{action}");
        Call::new(ADMIN, "POST", &path).with(&on).refused(&server, 412, "precondition_failed");
        for wrong in ["2", "W/\"2\"", "\"two\"", "\"2\", \"3\""] {
            Call::new(ADMIN, "POST", &path).with(&[("If-Match", wrong)]).refused(&server, 400, "invalid_request");
        }
    }
    let any = Call::new(ADMIN, "POST", "/admin/clients/store/disable").with(&[("If-Match", "*")]).to(&server);
    assert_eq!((any.status, any.header("etag")), (200, Some("\"3\"")));
}

#[test]
fn changes_of_two_at_once_to_different_fields_both_stand() {
    let server = server();
    for round in 1..=20_u32 {
        let patch = |body: Value| server.admin("PATCH", "/admin/clients/store", &body);
        std::thread::scope(|scope| {
            let one = scope.spawn(|| patch(json!({"max_sessions": round})));
            let other = scope.spawn(|| patch(json!({"access_ttl": format!("{round}s")})));
            let _ = (one.join().unwrap(), other.join().unwrap());
        });
        let shown = server.admin("GET", "/admin/clients/store", &Value::Null);
        assert_eq!(
            (&shown["max_sessions"], &shown["access_ttl"]),
            (&json!(round), &json!(format!("{round}s"))),
            "{shown}"
        );
    }
}

#[test]
fn a_request_that_is_sent_again_with_its_key_is_done_once() {
    let server = server();
    let once = [("Idempotency-Key", "make-the-kiosk")];
    let call = Call::new(ADMIN, "POST", "/admin/clients").with(&once).body(r#"{"id": "kiosk"}"#);
    let first = call.to(&server);
    let second = call.to(&server);
    assert_eq!((first.status, second.status, &first.body), (201, 201, &second.body), "the same secret again");
    assert_eq!((first.header("idempotency-replayed"), second.header("idempotency-replayed")), (None, Some("true")));
    assert_eq!((first.header("etag"), first.header("location")), (second.header("etag"), second.header("location")));
    call.body(r#"{"id": "kiosk-2"}"#).refused(&server, 422, "idempotency_key_reused");
    Call { path: "/admin/clients/kiosk/secret", body: "", ..call }.refused(&server, 422, "idempotency_key_reused");
    // Another key's own.
    Call { key: CLERK, ..call }.refused(&server, 409, "taken");
    Call { key: OFF, ..call }.refused(&server, 409, "taken");
    for wrong in ["", &"x".repeat(256)] {
        call.with(&[("Idempotency-Key", wrong)]).refused(&server, 400, "invalid_request");
    }
    // What was refused is not kept.
    let refused = [("Idempotency-Key", "a-mistake")];
    call.with(&refused).body(r#"{"id": "store"}"#).refused(&server, 409, "taken");
    assert_eq!(call.with(&refused).body(r#"{"id": "store-2"}"#).to(&server).status, 201);
}

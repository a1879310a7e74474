//! `/admin/api-keys`: keys that open the doors of administration, made, changed and taken back.

use crate::canary::places::Places;
use crate::canary::search::Search;
use crate::support::{ADMIN, API_KEYS, AUDITOR, BOOTSTRAP, CLERK, Call, OFF, Plan, Server, USERS, wait_until};
use serde_json::{Value, json};

fn server() -> Server {
    Plan::new(&format!("{BOOTSTRAP}{API_KEYS}")).start()
}

fn names(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect()
}

fn fields(object: &Value) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn a_key_that_is_made_is_shown_once_and_opens_what_it_may() {
    let server = server();
    let body = json!({"name": "deploy", "permissions": ["applications"], "clients": ["store"]}).to_string();
    let made = Call::new(ADMIN, "POST", "/admin/api-keys").body(&body).to(&server);
    assert_eq!((made.status, made.header("location")), (201, Some("/admin/api-keys/deploy")), "{made:?}");
    let key = made.text("key");
    assert!(key.starts_with("csk_") && key.len() == 47, "32 bytes: {key}");
    let expected = ["clients", "created_at", "name", "permissions", "standing", "version"];
    let shown = Call::new(ADMIN, "GET", "/admin/api-keys/deploy").to(&server);
    assert_eq!((fields(&shown.json()), shown.header("etag")), (expected.to_vec(), made.header("etag")));
    let page = Call::new(&key, "GET", "/admin/clients").to(&server);
    assert_eq!((page.status, page.json()["items"].as_array().unwrap().len()), (200, 1));
    Call::new(&key, "GET", "/admin/accounts").refused(&server, 403, "forbidden");
    Call::new(&key, "GET", "/admin/api-keys").refused(&server, 403, "forbidden");

    let given =
        json!({"name": "given", "permissions": ["users"], "clients": null, "key": "0123456789abcdef0123456789abcdef"});
    let made = server.admin("POST", "/admin/api-keys", &given);
    assert_eq!((made.get("key"), &made["clients"], &made["standing"]), (None, &Value::Null, &json!("enabled")));
    assert_eq!(Call::new("0123456789abcdef0123456789abcdef", "GET", "/admin/accounts").to(&server).status, 200);
    let all = server.admin("GET", "/admin/api-keys", &Value::Null);
    assert_eq!(names(&all), ["admin", "auditor", "clerk", "deploy", "given", "off", "users"]);
    let page = server.admin("GET", "/admin/api-keys?limit=2&after=clerk", &Value::Null);
    assert_eq!((names(&page), &page["next"]), (vec!["deploy", "given"], &json!("given")));
    let last = server.admin("GET", "/admin/api-keys?limit=2&after=given", &Value::Null);
    assert_eq!((names(&last), &last["next"]), (vec!["off", "users"], &Value::Null));
    Call::new(ADMIN, "GET", "/admin/api-keys?limit=0").refused(&server, 400, "invalid_request");
}

#[test]
fn a_key_is_shown_with_the_word_bearer_or_alone() {
    let server = server();
    for value in [format!("Bearer {ADMIN}"), format!("bearer  {ADMIN}"), ADMIN.to_owned(), format!(" {ADMIN} ")] {
        let answer = server.send("GET", "/admin/api-keys/admin", &[("Authorization", &value)], b"");
        assert_eq!(answer.status, 200, "{value:?}: {answer:?}");
    }
    for value in [format!("Basic {ADMIN}"), format!("Token {ADMIN}"), ADMIN.to_uppercase(), "x".repeat(2000)] {
        let answer = server.send("GET", "/admin/api-keys/admin", &[("Authorization", &value)], b"");
        assert_eq!((answer.status, answer.text("error").as_str()), (401, "unauthorized"), "{value:?}");
    }
}

#[test]
fn a_name_may_have_any_characters_and_is_found_by_its_location() {
    let server = server();
    for name in ["a/b", "100%", "%2F", "a+b c", "?#&;=", "käse 🧀", "..;", "\"quoted\\\"", "rotate"] {
        let body = json!({"name": name, "permissions": ["metrics"]}).to_string();
        let made = Call::new(ADMIN, "POST", "/admin/api-keys").body(&body).to(&server);
        assert_eq!((made.status, made.text("name").as_str()), (201, name), "{made:?}");
        let location = made.header("location").unwrap();
        assert_eq!(Call::new(ADMIN, "GET", location).to(&server).text("name"), name, "{location}");
        let revoked = Call::new(ADMIN, "POST", &format!("{location}/revoke")).to(&server);
        assert_eq!((revoked.status, revoked.text("standing").as_str()), (200, "revoked"), "{location}");
    }
    let page = server.admin("GET", "/admin/api-keys?limit=1&after=a%2Bb+c", &Value::Null);
    assert_eq!(names(&page), ["a/b"]);
}

#[test]
fn no_key_gives_what_it_has_not_itself() {
    let server = server();
    let make = |key, name: &str, permissions: &[&str]| {
        let body = json!({"name": name, "permissions": permissions}).to_string();
        Call::new(key, "POST", "/admin/api-keys").body(&body).to(&server)
    };
    for permission in ["audit", "audit.personal"] {
        let refused = make(ADMIN, "new", &["users", permission]);
        assert_eq!((refused.status, refused.text("error").as_str()), (403, "forbidden"), "{refused:?}");
    }
    assert_eq!(
        make(ADMIN, "all", &["admin", "erase", "login", "users", "applications", "tokens", "metrics"]).status,
        201
    );
    assert_eq!(make(AUDITOR, "reader", &["audit", "users"]).status, 201, "it has it itself");
    let change = |name: &str, body: Value| {
        let path = format!("/admin/api-keys/{name}");
        Call::new(ADMIN, "PATCH", &path).body(&body.to_string()).to(&server).status
    };
    assert_eq!(change("admin", json!({"permissions": ["admin", "audit"]})), 403, "not to itself either");
    assert_eq!(change("users", json!({"permissions": ["users", "audit"]})), 403);
    assert_eq!(change("reader", json!({"clients": ["store"]})), 200, "taking something away gives nothing");
    assert_eq!(change("reader", json!({"clients": null})), 403);
    assert_eq!(change("reader", json!({"permissions": ["audit"]})), 200);
    assert_eq!(change("reader", json!({"permissions": ["audit", "users"]})), 403);
    assert_eq!(change("reader", json!({"permissions": ["users"]})), 200);
    let events = server.events();
    let refusals: Vec<_> = events.iter().filter(|event| event["type"] == "system.api_key_refused").collect();
    assert_eq!(refusals[0]["data"], json!({"name": "admin", "class": "api_key_forbidden", "n": 1}));
}

#[test]
fn what_a_key_may_do_changes_with_the_next_request() {
    let server = server();
    let before = Call::new(ADMIN, "GET", "/admin/api-keys/users").to(&server);
    assert_eq!(Call::new(USERS, "GET", "/admin/accounts").to(&server).status, 200);
    let changed =
        server.admin("PATCH", "/admin/api-keys/users", &json!({"permissions": ["applications"], "clients": ["store"]}));
    assert_eq!((&changed["permissions"], &changed["clients"]), (&json!(["applications"]), &json!(["store"])));
    Call::new(USERS, "GET", "/admin/accounts").refused(&server, 403, "forbidden");
    Call::new(USERS, "GET", "/admin/clients/machine").refused(&server, 404, "not_found");
    assert_eq!(
        server.admin("PATCH", "/admin/api-keys/users", &json!({"clients": null}))["permissions"],
        json!(["applications"])
    );
    assert_eq!(Call::new(USERS, "GET", "/admin/clients/machine").to(&server).status, 200);
    let on = [("If-Match", before.header("etag").unwrap())];
    let late = Call::new(ADMIN, "PATCH", "/admin/api-keys/users").with(&on).body(r#"{"permissions": ["admin"]}"#);
    late.refused(&server, 412, "precondition_failed");
    Call::new(ADMIN, "POST", "/admin/api-keys/users/revoke").with(&on).refused(&server, 412, "precondition_failed");
    let events = server.events();
    let changes = events.iter().filter(|event| event["type"] == "system.api_key_changed");
    let by: Vec<_> =
        changes.map(|event| (event["data"]["name"].clone(), event["context"]["api_key"].clone())).collect();
    assert_eq!(by, vec![(json!("users"), json!("admin")); 2]);
}

#[test]
fn a_key_is_disabled_enabled_and_revoked_for_good_also_by_itself() {
    let server = server();
    assert_eq!(server.admin("POST", "/admin/api-keys/off/disable", &Value::Null)["standing"], "disabled");
    Call::new(OFF, "GET", "/admin/keys").refused(&server, 401, "unauthorized");
    assert_eq!(server.admin("POST", "/admin/api-keys/off/enable", &Value::Null)["standing"], "enabled");
    let revoked = Call::new(OFF, "POST", "/admin/api-keys/off/revoke").to(&server);
    assert_eq!((revoked.status, revoked.text("standing").as_str()), (200, "revoked"), "a key may revoke itself");
    Call::new(OFF, "POST", "/admin/api-keys/off/revoke").refused(&server, 401, "unauthorized");
    let again = server.admin("POST", "/admin/api-keys/off/revoke", &json!({}));
    assert_eq!(again["version"], revoked.json()["version"], "it is so already: nothing is recorded");
    for action in ["disable", "enable"] {
        Call::new(ADMIN, "POST", &format!("/admin/api-keys/off/{action}")).refused(&server, 409, "over");
    }
    Call::new(ADMIN, "PATCH", "/admin/api-keys/off")
        .body(r#"{"permissions": ["users"]}"#)
        .refused(&server, 409, "over");
    let revived = json!({"name": "on", "permissions": ["admin"], "key": OFF}).to_string();
    Call::new(ADMIN, "POST", "/admin/api-keys").body(&revived).refused(&server, 409, "taken");
    let same = json!({"name": "off", "permissions": ["admin"]}).to_string();
    Call::new(ADMIN, "POST", "/admin/api-keys").body(&same).refused(&server, 409, "taken");
}

#[test]
fn a_key_of_the_bootstrap_file_that_is_another_ones_already_is_not_created() {
    let server = server();
    let server = server.again_with(|mut plan| {
        plan.bootstrap += &format!("[[api_keys]]\nname = \"zzz\"\nkey = \"{USERS}\"\npermissions = [\"admin\"]\n");
        // Its own check is for keys that stand in it twice.
        plan.bootstrap = plan.bootstrap.replace(
            "name = \"users\"\nkey = \"csk_of-the-help-desk-0123456789-abcdef\"",
            "name = \"users\"\nkey = \"csk_another-one-0123456789-0123456789\"",
        );
        plan
    });
    Call::new(ADMIN, "GET", "/admin/api-keys/zzz").refused(&server, 404, "not_found");
    Call::new(USERS, "GET", "/admin/api-keys").refused(&server, 403, "forbidden");
    let said = server.diagnostics();
    assert!(said.contains("zzz") && said.contains("was not created") && !said.contains(USERS), "{said}");
}

#[test]
fn what_is_malformed_is_refused_by_the_name_of_its_field_and_no_key_is_shown() {
    let server = server();
    let hidden = "hunter2-hunter2-hunter2-hunter2-hunter2";
    for (body, word) in [
        (json!({"permissions": ["users"], "key": hidden}), "`name`"),
        (json!({"name": "", "permissions": ["users"], "key": hidden}), "`name`"),
        (json!({"name": "a\nb", "permissions": ["users"], "key": hidden}), "`name`"),
        (json!({"name": "x".repeat(65), "permissions": ["users"], "key": hidden}), "`name`"),
        (json!({"name": "x", "key": hidden}), "`permissions`"),
        (json!({"name": "x", "permissions": [], "key": hidden}), "`permissions`"),
        (json!({"name": "x", "permissions": ["root"], "key": hidden}), "is not a permission"),
        (json!({"name": "x", "permissions": "users", "key": hidden}), "`permissions`"),
        (json!({"name": "x", "permissions": ["users"], "clients": ["a b"], "key": hidden}), "`clients`"),
        (json!({"name": "x", "permissions": ["users"], "key": &hidden[..31]}), "32 to 1024"),
        (json!({"name": "x", "permissions": ["users"], "key": format!("{hidden} ")}), "32 to 1024"),
        (json!({"name": "x", "permissions": ["users"], "key": {"is": hidden}}), "`key`"),
        (json!({"name": "x", "permissions": ["users"], "key": hidden, "client": ["store"]}), "did you mean `clients`?"),
        (json!(hidden), "object"),
    ] {
        let body = body.to_string();
        let answer = Call::new(ADMIN, "POST", "/admin/api-keys").body(&body).refused(&server, 400, "invalid_request");
        assert!(answer.text("message").contains(word), "{body}: {answer:?}");
        assert!(!answer.body.contains("hunter2"), "{answer:?}");
    }
    let twice = format!(r#"{{"name": "x", "permissions": ["users"], "key": "{hidden}", "key": "{hidden}"}}"#);
    let answer = Call::new(ADMIN, "POST", "/admin/api-keys").body(&twice).refused(&server, 400, "invalid_request");
    assert!(answer.text("message").contains("twice") && !answer.body.contains("hunter2"), "{answer:?}");
    for body in
        [json!({"key": hidden}), json!({"name": "y"}), json!({"permissions": null}), json!({"standing": "enabled"})]
    {
        let body = body.to_string();
        let answer =
            Call::new(ADMIN, "PATCH", "/admin/api-keys/users").body(&body).refused(&server, 400, "invalid_request");
        assert!(!answer.body.contains("hunter2"), "{answer:?}");
    }
    assert!(!server.diagnostics().contains("hunter2"));
    assert_eq!(server.admin("GET", "/admin/api-keys", &Value::Null)["items"].as_array().unwrap().len(), 5);
}

#[test]
fn only_a_key_with_admin_that_covers_all_clients_sees_api_keys() {
    let server = server();
    server.admin("PATCH", "/admin/api-keys/off", &json!({"clients": ["store"]}));
    for (method, path) in [
        ("GET", "/admin/api-keys"),
        ("POST", "/admin/api-keys"),
        ("GET", "/admin/api-keys/admin"),
        ("PATCH", "/admin/api-keys/admin"),
        ("POST", "/admin/api-keys/admin/revoke"),
    ] {
        for key in [USERS, CLERK, OFF] {
            Call::new(key, method, path).refused(&server, 403, "forbidden");
        }
        assert_eq!(server.send(method, path, &[], b"").status, 401);
    }
    for (method, path) in [
        ("GET", "/admin/api-keys/nobody"),
        ("GET", "/admin/api-keys/%ff"),
        ("PATCH", "/admin/api-keys/nobody"),
        ("POST", "/admin/api-keys/nobody/revoke"),
        ("POST", "/admin/api-keys/users/erase"),
    ] {
        Call::new(ADMIN, method, path).refused(&server, 404, "not_found");
    }
    for (method, path, allowed) in [
        ("DELETE", "/admin/api-keys", "GET, HEAD, POST"),
        ("DELETE", "/admin/api-keys/users", "GET, HEAD, PATCH"),
        ("GET", "/admin/api-keys/users/revoke", "POST"),
    ] {
        let answer = Call::new(ADMIN, method, path).refused(&server, 405, "method_not_allowed");
        assert_eq!(answer.header("allow"), Some(allowed));
    }
    let events = server.events();
    let of_off =
        events.iter().filter(|event| event["type"] == "system.api_key_refused" && event["data"]["name"] == "off");
    assert_eq!(of_off.map(|event| &event["data"]["class"]).collect::<Vec<_>>(), ["api_key_elsewhere"]);
}

#[test]
fn of_the_same_request_at_once_one_is_done_and_the_others_are_told_so() {
    let server = server();
    let mut round = 0;
    wait_until("one came while another was under way", || {
        round += 1;
        let name = format!("round-{round}");
        let body = json!({"name": name, "permissions": ["metrics"]}).to_string();
        let once = [("Idempotency-Key", name.as_str())];
        let answers: Vec<_> = std::thread::scope(|scope| {
            let ask = || Call::new(ADMIN, "POST", "/admin/api-keys").with(&once).body(&body).to(&server);
            let askers: Vec<_> = (0..6).map(|_| scope.spawn(ask)).collect();
            askers.into_iter().map(|asker| asker.join().unwrap()).collect()
        });
        let (made, others): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
        assert!(made.iter().all(|answer| answer.body == made[0].body), "one key, shown to all: {answers:?}");
        assert_eq!(made.iter().filter(|answer| answer.header("idempotency-replayed").is_none()).count(), 1);
        for answer in &others {
            assert_eq!((answer.status, answer.text("error").as_str()), (409, "idempotency_in_progress"), "{answer:?}");
        }
        !others.is_empty()
    });
}

#[test]
fn secrets_that_were_made_or_given_are_nowhere_but_in_their_answer() {
    let server = Plan::new(&format!("{BOOTSTRAP}{API_KEYS}")).set("log.level", "trace").start();
    let mut search = Search::default();
    let mut places = Places::default();
    let once = [("Idempotency-Key", "made-once")];
    for (path, body, field) in [
        ("/admin/api-keys", r#"{"name": "made", "permissions": ["users"]}"#, "key"),
        ("/admin/clients", r#"{"id": "made"}"#, "secret"),
        ("/admin/clients/made/secret", "", "secret"),
    ] {
        let answer = Call::new(ADMIN, "POST", path).body(body).to(&server);
        search.text(path, &answer.text(field));
    }
    Call::new(ADMIN, "POST", "/admin/clients/made/secret").with(&once).to(&server);
    let kept = Call::new(ADMIN, "POST", "/admin/clients/made/secret").with(&once).to(&server);
    search.text("kept for who asks again", &kept.text("secret"));
    for (path, body, secret) in [
        ("/admin/api-keys", json!({"name": "given", "permissions": ["users"]}), "zq8-given-key-0123456789-0123456789"),
        ("/admin/clients", json!({"id": "given"}), "zq8 given secret \"1\""),
        ("/admin/clients/given/secret", json!({}), "zq8 given secret \"2\""),
    ] {
        let mut body = body;
        body[if path == "/admin/api-keys" { "key" } else { "secret" }] = json!(secret);
        let answer = server.admin("POST", path, &body);
        places.add(format!("the answer of {path}"), answer.to_string());
        search.text(path, secret);
    }
    search.text("a key that was shown", ADMIN);
    for path in ["/admin/api-keys", "/admin/clients", "/admin/api-keys/made", "/admin/clients/made", "/admin/keys"] {
        places.add(path, server.admin("GET", path, &Value::Null).to_string());
    }
    places.add("the metrics", server.get("/metrics").body);
    places.add("the journal, read", format!("{:?}", server.events()));
    let data = server.data_dir();
    let mut server = server;
    assert_eq!(server.terminate(), Some(0));
    places.add("the diagnostics", server.diagnostics());
    places.read_below(&data);
    for (place, bytes) in &places.0 {
        assert_eq!(search.found_in(bytes), Vec::<String>::new(), "secrets in {place}");
    }
    let mut public = Search::default();
    public.text("a name", "api_key");
    assert!(!public.found_in(&places.named("the journal, read").next().unwrap().1).is_empty(), "it would be found");
}

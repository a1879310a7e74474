//! Accounts over HTTP: made, looked up, changed, shut out, erased; and their passwords for life.

use super::support::{ADMIN, ALICE, API_KEYS, Answer, BOOTSTRAP, Call, OFF, Plan, Server, USERS};
use serde_json::{Value, json};

const NEW: &str = "a new and quite long password";

fn server() -> Server {
    let helper = "[[api_keys]]\nname = \"helper\"\nkey = \"csk_of-the-helper-0123456789-abcdefgh\"\n\
                  permissions = [\"users\"]\nclients = [\"store\"]\n";
    Plan::new(&format!("{BOOTSTRAP}{API_KEYS}{helper}")).start()
}

const HELPER: &str = "csk_of-the-helper-0123456789-abcdefgh";

fn make(server: &Server, login: &str) -> Value {
    server.admin("POST", "/admin/accounts", &json!({"login": login, "password": NEW, "roles": ["shopper"]}))
}

fn path(account: &Value) -> String {
    format!("/admin/accounts/{}", account["id"].as_str().unwrap())
}

fn act(server: &Server, account: &Value, action: &str, body: &Value) -> Value {
    server.admin("POST", &format!("{}/{action}", path(account)), body)
}

#[test]
fn an_account_is_made_used_listed_changed_disabled_and_erased() {
    let server = server();
    let made = Call {
        body: &json!({"login": "Carol@example.com", "password": NEW}).to_string(),
        ..Call::new(ADMIN, "POST", "/admin/accounts")
    }
    .to(&server);
    assert_eq!((made.status, made.header("etag")), (201, Some("\"1\"")), "{made:?}");
    let carol = made.json();
    assert_eq!(made.header("location"), Some(path(&carol).as_str()));
    assert_eq!(
        (&carol["login"], &carol["standing"], &carol["clients"]),
        (&json!("Carol@example.com"), &json!("enabled"), &Value::Null)
    );
    assert_eq!(server.login_as("carol@EXAMPLE.com", NEW).status, 200, "letters' case is no other login id");

    let again = Call {
        body: &json!({"login": "carol@example.com", "password": NEW}).to_string(),
        ..Call::new(ADMIN, "POST", "/admin/accounts")
    };
    again.refused(&server, 409, "taken");
    let found = server.admin("POST", "/admin/accounts/find", &json!({"login": "carol@example.com"}));
    assert_eq!(found["id"], carol["id"]);
    assert!(found["last_login_at"].is_string());

    let session = server.login_as("carol@example.com", NEW);
    let changed = server.admin("PATCH", &path(&carol), &json!({"roles": ["staff"], "clients": ["store", "app"]}));
    assert_eq!((&changed["roles"], &changed["clients"]), (&json!(["staff"]), &json!(["app", "store"])));
    assert!(server.is_active(&session.access()), "where it may be, it goes on");
    let changed = server.admin("PATCH", &path(&carol), &json!({"clients": ["app"]}));
    assert_eq!(changed["clients"], json!(["app"]));
    assert!(!server.is_active(&session.access()), "where it may not be any more, it is over");
    let changed = server.admin("PATCH", &path(&carol), &json!({"clients": null, "login": "caroline@example.com"}));
    assert_eq!((&changed["clients"], &changed["login"]), (&Value::Null, &json!("caroline@example.com")));
    assert_eq!(server.login_as("carol@example.com", NEW).status, 400);
    let session = server.login_as("caroline@example.com", NEW);
    assert_eq!(session.status, 200);

    assert_eq!(act(&server, &carol, "disable", &Value::Null)["standing"], "disabled");
    assert!(!server.is_active(&session.access()));
    assert_eq!(server.login_as("caroline@example.com", NEW).status, 400);
    assert_eq!(act(&server, &carol, "enable", &Value::Null)["standing"], "enabled");
    let session = server.login_as("caroline@example.com", NEW);
    act(&server, &carol, "revoke", &Value::Null);
    assert!(!server.is_active(&session.access()));
    let erased = act(&server, &carol, "erase", &Value::Null);
    assert_eq!((&erased["standing"], &erased["login"]), (&json!("erased"), &Value::Null));
    Call::new(ADMIN, "POST", &format!("{}/enable", path(&carol))).refused(&server, 409, "over");
    assert_eq!(make(&server, "caroline@example.com")["standing"], "enabled", "the login id is free again");
}

#[test]
fn lists_are_paged_and_filtered() {
    let server = server();
    let made: Vec<Value> = (0..7).map(|n| make(&server, &format!("person-{n}@example.com"))).collect();
    act(&server, &made[3], "disable", &Value::Null);
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = server.admin("GET", &format!("/admin/accounts?limit=2{after}"), &Value::Null);
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        seen.extend(items.iter().map(|account| account["id"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 9, "those of the bootstrap file, too");
    assert!(seen.is_sorted() && made.iter().all(|account| seen.contains(&account["id"].as_str().unwrap().to_owned())));
    let disabled = server.admin("GET", "/admin/accounts?standing=disabled", &Value::Null);
    assert_eq!(disabled["items"].as_array().unwrap().len(), 1);
    assert_eq!(disabled["items"][0]["id"], made[3]["id"]);
    server.admin("PATCH", &path(&made[1]), &json!({"clients": ["app"]}));
    let at_app = server.admin("GET", "/admin/accounts?client=app&limit=200", &Value::Null);
    assert_eq!(at_app["items"].as_array().unwrap().len(), 9, "registered there, or everywhere");
    for bad in [
        "?limit=0",
        "?limit=201",
        "?limit=x",
        "?sort=login",
        "?limit=1&limit=2",
        "?after=x",
        "?standing=gone",
        "?client=%ff",
    ] {
        Call::new(ADMIN, "GET", &format!("/admin/accounts{bad}")).refused(&server, 400, "invalid_request");
    }
}

#[test]
fn a_key_sees_and_changes_only_what_it_may() {
    let server = server();
    let alice = server.admin("POST", "/admin/accounts/find", &json!({"login": ALICE.0}));
    for (key, status, error) in [(OFF, 200, ""), ("csk_nobody-has-this-one-0123456789", 401, "unauthorized")] {
        if status == 401 {
            Call::new(key, "GET", "/admin/accounts").refused(&server, status, error);
        }
    }
    Call::new(USERS, "POST", &format!("{}/erase", path(&alice))).refused(&server, 403, "forbidden");
    Call::new(USERS, "GET", "/admin/sessions").refused(&server, 403, "forbidden");
    // A key that covers one client: accounts that may log in elsewhere are none of its.
    Call::new(HELPER, "GET", &path(&alice)).refused(&server, 404, "not_found");
    let everywhere = json!({"login": "dora@example.com", "password": NEW}).to_string();
    Call { body: &everywhere, ..Call::new(HELPER, "POST", "/admin/accounts") }.refused(&server, 403, "forbidden");
    let own = json!({"login": "dora@example.com", "password": NEW, "clients": ["store"]}).to_string();
    let dora = Call { body: &own, ..Call::new(HELPER, "POST", "/admin/accounts") }.to(&server);
    assert_eq!(dora.status, 201, "{dora:?}");
    let wider = json!({"clients": ["store", "app"]}).to_string();
    Call { body: &wider, ..Call::new(HELPER, "PATCH", &path(&dora.json())) }.refused(&server, 403, "forbidden");
    let listed = Call::new(HELPER, "GET", "/admin/accounts").to(&server).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    let events = server.events();
    let created: Vec<&Value> = events.iter().filter(|event| event["type"] == "account.created").collect();
    assert_eq!(created.last().unwrap()["context"]["api_key"], "helper");
    assert!(events.iter().any(|event| event["type"] == "system.api_key_refused" && event["data"]["name"] == "users"));
}

#[test]
fn a_change_goes_to_what_its_author_has_seen_and_is_done_once() {
    let server = server();
    let alice = server.admin("POST", "/admin/accounts/find", &json!({"login": ALICE.0}));
    let roles = json!({"roles": ["staff"]}).to_string();
    let patch = Call { body: &roles, ..Call::new(ADMIN, "PATCH", "") };
    let place = path(&alice);
    let first = Call { path: &place, headers: &[("If-Match", "\"2\"")], ..patch }.to(&server);
    assert_eq!((first.status, first.header("etag")), (200, Some("\"3\"")), "{first:?}");
    Call { path: &place, headers: &[("If-Match", "\"2\"")], ..patch }.refused(&server, 412, "precondition_failed");
    Call { path: &place, headers: &[("If-Match", "2")], ..patch }.refused(&server, 400, "invalid_request");

    let body = json!({"login": "erin@example.com", "password": NEW}).to_string();
    let once =
        Call { body: &body, headers: &[("Idempotency-Key", "order-1")], ..Call::new(ADMIN, "POST", "/admin/accounts") };
    let (made, again) = (once.to(&server), once.to(&server));
    assert_eq!((made.status, again.status), (201, 201));
    assert_eq!((made.body.clone(), again.header("idempotency-replayed")), (again.body.clone(), Some("true")));
    assert_eq!(made.header("etag"), again.header("etag"));
    let other = json!({"login": "frank@example.com", "password": NEW}).to_string();
    Call { body: &other, ..once }.refused(&server, 422, "idempotency_key_reused");
    let by_another = Call { key: USERS, ..once };
    by_another.refused(&server, 409, "taken");
    Call { headers: &[("Idempotency-Key", "")], ..once }.refused(&server, 400, "invalid_request");
}

#[test]
fn bad_bodies_are_told_what_is_wrong_and_shown_no_secret() {
    let server = server();
    let long = "x".repeat(300);
    let cases = [
        ("{", "no JSON"),
        ("[]", "JSON object"),
        (r#"{"login":"g@example.com","login":"h@example.com","password":"hunter2 hunter2"}"#, "twice"),
        (r#"{"login":"g@example.com","pasword":"hunter2 hunter2"}"#, "password"),
        (r#"{"login":"g@example.com","password":["hunter2"]}"#, "`password`"),
        (r#"{"password":"hunter2 hunter2"}"#, "`login`"),
        (r#"{"login":"g@example.com"}"#, "exactly one"),
        (r#"{"login":"g@example.com","password":"short"}"#, "characters"),
        (r#"{"login":"g@example.com","password_hash":"hunter2 is no hash"}"#, "hash"),
        (r#"{"login":"g@example.com","password":"hunter2 hunter2","id":"7"}"#, "`id`"),
        (r#"{"login":"g@example.com","password":"hunter2 hunter2","clients":[]}"#, "at least one"),
    ];
    for (body, told) in cases {
        let answer = Call { body, ..Call::new(ADMIN, "POST", "/admin/accounts") }.to(&server);
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
        assert!(answer.text("message").contains(told), "{body}: {answer:?}");
        assert!(!answer.body.contains("hunter2"), "{answer:?}");
    }
    let body = json!({"login": long, "password": NEW}).to_string();
    Call { body: &body, ..Call::new(ADMIN, "POST", "/admin/accounts") }.refused(&server, 400, "invalid_request");
    assert!(!server.diagnostics().contains("hunter2"));
}

fn set(server: &Server, bearer: Option<&str>, body: &Value) -> Answer {
    let bearer = bearer.map(|token| format!("Bearer {token}"));
    let mut headers = vec![("Content-Type", "application/json")];
    if let Some(bearer) = &bearer {
        headers.push(("Authorization", bearer));
    }
    server.send("POST", "/account/password", &headers, body.to_string().as_bytes())
}

#[test]
fn a_person_changes_the_password_with_the_old_one() {
    let server = server();
    let session = server.login();
    let change = |old: &str, new: &str| {
        set(&server, Some(&session.access()), &json!({"old_password": old, "new_password": new}))
    };
    let wrong = change("not the password", NEW);
    assert_eq!((wrong.status, wrong.text("error").as_str()), (403, "old_password_wrong"));
    for weak in ["short", "password123", ALICE.0] {
        let refused = change(ALICE.1, weak);
        assert_eq!((refused.status, refused.text("error").as_str()), (400, "weak_password"), "{weak}");
    }
    assert_eq!(change(ALICE.1, ALICE.1).text("error"), "weak_password", "the same is no other");
    let long = "ä pässwörd öf mäny wörds, ".repeat(4);
    assert_eq!(change(ALICE.1, &long).status, 204, "any length up to 1024 bytes");
    assert!(!server.is_active(&session.access()), "every session ends");
    assert_eq!(server.login_as(ALICE.0, ALICE.1).status, 400);
    assert_eq!(server.login_as(ALICE.0, &long).status, 200);
    assert_eq!(server.login_as(ALICE.0, &long[..72]).status, 400, "the whole password counts");
    let events = server.events();
    let set_by = events
        .iter()
        .filter(|event| event["type"] == "gate.password_set")
        .filter_map(|event| event["data"]["how"].as_str());
    assert_eq!(set_by.collect::<Vec<_>>(), ["changed"]);
    assert!(events.iter().any(|event| event["type"] == "account.password_change_refused"));
}

#[test]
fn old_passwords_are_guessed_within_the_budget_of_logins() {
    let server = Plan::new(&format!("{BOOTSTRAP}{API_KEYS}")).set("passwords.strangers_total", "5").start();
    let session = server.login();
    let guess = |old: &str| set(&server, Some(&session.access()), &json!({"old_password": old, "new_password": NEW}));
    for n in 0..6 {
        assert_eq!(guess(&format!("wrong {n}")).status, 403);
    }
    let right = guess(ALICE.1);
    assert_eq!(
        (right.status, right.text("error").as_str()),
        (403, "old_password_wrong"),
        "beyond the budget it is wrong, too"
    );
}

#[test]
fn a_code_sets_a_password_once() {
    let server = server();
    let alice = server.admin("POST", "/admin/accounts/find", &json!({"login": ALICE.0}));
    let session = server.login();
    let first = act(&server, &alice, "password-code", &json!({"ttl": "1h"}));
    let second = act(&server, &alice, "password-code", &Value::Null);
    let reset = |code: &str, new: &str| set(&server, None, &json!({"code": code, "new_password": new}));
    let (first, second) = (first["code"].as_str().unwrap(), second["code"].as_str().unwrap());
    assert_eq!(reset(first, NEW).status, 403, "the later one replaces it");
    assert_eq!(reset("csp_nonsense", NEW).text("error"), "password_code_wrong");
    assert_eq!(reset(second, "short").text("error"), "weak_password");
    assert!(server.is_active(&session.access()));
    assert_eq!(reset(second, NEW).status, 204, "what was weak did not use it up");
    assert!(!server.is_active(&session.access()));
    assert_eq!(reset(second, "another new password here").status, 403, "once");
    assert_eq!(server.login_as(ALICE.0, NEW).status, 200);
    let third = act(&server, &alice, "password-code", &json!({"ttl": "1s"}));
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert_eq!(reset(third["code"].as_str().unwrap(), "another new password here").status, 403, "too late");
    let everything = format!("{}{:?}{}", server.diagnostics(), server.events(), server.get("/metrics").body);
    assert!(!everything.contains(second) && !everything.contains(NEW));
}

#[test]
fn who_must_change_the_password_gets_a_code_and_no_session() {
    let server = server();
    let alice = server.admin("POST", "/admin/accounts/find", &json!({"login": ALICE.0}));
    let given = act(&server, &alice, "password", &json!({"password": "handed out on paper", "must_change": true}));
    assert_eq!(given["password"]["must_change"], true);
    assert!(server.login_as(ALICE.0, "wrong").json().get("change_code").is_none());
    let refused = server.login_as(ALICE.0, "handed out on paper");
    assert_eq!((refused.status, refused.text("error").as_str()), (400, "invalid_grant"), "{refused:?}");
    assert_eq!(refused.header("cache-control"), Some("no-store"));
    let code = refused.text("change_code");
    let same = set(&server, None, &json!({"code": code, "new_password": "handed out on paper"}));
    assert_eq!(same.text("error"), "weak_password", "it only serves to set another");
    assert_eq!(set(&server, None, &json!({"code": code, "new_password": NEW})).status, 204);
    assert_eq!(server.login_as(ALICE.0, NEW).status, 200);
    let login = server.metric(r#"countersign_logins_total{client="store",outcome="password_change_required"}"#);
    assert!((login - 1.0).abs() < f64::EPSILON);
}

#[test]
fn what_does_not_fit_into_a_record_is_told_so_and_is_no_fault() {
    let server = server();
    let roles: Vec<String> = (0..90).map(|n| format!("{n:064}")).collect();
    let body = json!({"login": "grace@example.com", "password": NEW, "roles": roles}).to_string();
    let refused = Call { body: &body, ..Call::new(ADMIN, "POST", "/admin/accounts") };
    assert!(refused.refused(&server, 400, "invalid_request").text("message").contains("4 KiB"));
    assert!(!server.diagnostics().contains("ERROR"), "{}", server.diagnostics());
    let alice = server.admin("POST", "/admin/accounts/find", &json!({"login": ALICE.0}));
    let patch = json!({"login": "alice2@example.com", "clients": []}).to_string();
    Call { body: &patch, ..Call::new(ADMIN, "PATCH", &path(&alice)) }.refused(&server, 400, "invalid_request");
    assert_eq!(server.login().status, 200, "nothing of a refused change was done");
}

#[test]
fn a_code_dies_with_the_login_id_and_the_standing_that_it_was_issued_for() {
    let server = server();
    let alice = server.admin("POST", "/admin/accounts/find", &json!({"login": ALICE.0}));
    let code =
        |server: &Server| act(server, &alice, "password-code", &Value::Null)["code"].as_str().unwrap().to_owned();
    let reset = |code: &str| set(&server, None, &json!({"code": code, "new_password": NEW})).status;
    let first = code(&server);
    server.admin("PATCH", &path(&alice), &json!({"login": "alice@example.org"}));
    assert_eq!(reset(&first), 403, "it was sent to where the login was read");
    let second = code(&server);
    act(&server, &alice, "disable", &Value::Null);
    assert_eq!(reset(&second), 403, "nobody is let in");
}

#[test]
fn sessions_that_ended_with_a_registration_stay_over_when_all_are_lifted() {
    let server = server();
    let alice = server.admin("POST", "/admin/accounts/find", &json!({"login": ALICE.0}));
    let session = server.login();
    server.admin("PATCH", &path(&alice), &json!({"clients": ["app"]}));
    server.admin("PATCH", &path(&alice), &json!({"clients": null}));
    assert!(!server.is_active(&session.access()));
    assert_eq!(server.login().status, 200);
}

#[test]
fn an_account_may_have_a_second_login_id_and_roles_at_single_clients() {
    let server = server();
    let new = json!({"login": "carol@example.com", "password": NEW, "username": "carol", "roles_at": {"store": ["buyer"]},
        "profile": {"firstName": "Carol"}});
    let carol = server.admin("POST", "/admin/accounts", &new);
    assert_eq!((&carol["username"], &carol["roles_at"]), (&json!("carol"), &json!({"store": ["buyer"]})), "{carol}");
    assert_eq!(carol["profile"], json!({"firstName": "Carol"}));
    assert_eq!(crate::support::claims(&server.login_as("Carol", NEW).access())["roles"], json!(["buyer"]));
    let patch = |body: Value| server.admin("PATCH", &path(&carol), &body);
    // Both may change places at once.
    let swapped = patch(json!({"login": "carol", "username": "carol@example.com"}));
    assert_eq!((&swapped["login"], &swapped["username"]), (&json!("carol"), &json!("carol@example.com")));
    assert_eq!(server.login_as("carol@example.com", NEW).status, 200);
    assert_eq!(patch(json!({"username": "caro"}))["username"], "caro");
    assert_eq!(server.login_as("carol@example.com", NEW).status, 400);
    assert_eq!(patch(json!({"username": null}))["username"], Value::Null);
    assert_eq!((server.login_as("caro", NEW).status, server.login_as("carol", NEW).status), (400, 200));
    for taken in ["alice@example.com", "CAROL"] {
        let body = json!({"username": taken}).to_string();
        Call::new(ADMIN, "PATCH", &path(&carol)).body(&body).refused(&server, 409, "taken");
    }
    for bad in [json!({"username": ""}), json!({"username": 7})] {
        Call::new(ADMIN, "PATCH", &path(&carol)).body(&bad.to_string()).refused(&server, 400, "invalid_request");
    }
    let make = |more: Value| {
        let mut body = json!({"login": "dave@example.com", "password": NEW, "clients": ["store"]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body.to_string()
    };
    for bad in [
        json!({"roles_at": ["x"]}),
        json!({"roles_at": {"store": "x"}}),
        json!({"roles_at": {"a b": ["x"]}}),
        json!({"roles_at": {"store": [""]}}),
        json!({"profile": "x"}),
        json!({"profile": [1]}),
    ] {
        Call::new(ADMIN, "POST", "/admin/accounts").body(&make(bad)).refused(&server, 400, "invalid_request");
    }
    let elsewhere = make(json!({"roles_at": {"app": ["x"]}}));
    Call::new(HELPER, "POST", "/admin/accounts").body(&elsewhere).refused(&server, 403, "forbidden");
}

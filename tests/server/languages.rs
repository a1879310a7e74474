//! The programs of docs/clients, each language's own way: at the real binary, across a network that loses answers, and at an
//! issuer that forges tokens.

mod forger;
mod kits;
mod lossy;

use crate::support::{Plan, Server, claims, loopback};
use forger::Forger;
use kits::Kit;
use lossy::Lossy;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// `store` for the good run; its tokens live long enough for the slowest machine. `brief` for a token that has expired, and
/// `elsewhere` for one that is meant for others.
const BOOTSTRAP: &str = r#"
[[clients]]
id = "store"
secret = "a secret: 50% + é"

[[clients]]
id = "brief"
secret = "brief-secret"
access_ttl = "1s"

[[clients]]
id = "elsewhere"
secret = "elsewhere-secret"
audience = "https://elsewhere.example.com"

[[accounts]]
login = "alice@example.com"
password = "correct horse battery staple"
"#;

const SECRET: &str = "a secret: 50% + é";

/// What every language's backend prints.
const GOOD_RUN: &str = "\
login: ok
resource: 200
refresh: once for 8 requests
the same refresh again: the same refresh token
log out: ok
refresh after log out: invalid_grant
";

/// By how many seconds clocks may differ for the resource servers.
const LEEWAY: u64 = 5;

#[test]
fn the_programs_in_rust_keep_what_they_promise() {
    keeps_what_it_promises(kits::rust());
}

#[test]
fn the_programs_in_python_keep_what_they_promise() {
    keeps_what_it_promises(kits::python());
}

#[test]
fn the_programs_for_node_keep_what_they_promise() {
    keeps_what_it_promises(kits::node());
}

#[test]
fn the_programs_in_java_keep_what_they_promise() {
    keeps_what_it_promises(kits::java());
}

#[test]
fn the_programs_in_go_keep_what_they_promise() {
    keeps_what_it_promises(kits::go());
}

#[test]
fn the_programs_in_php_keep_what_they_promise() {
    keeps_what_it_promises(kits::php());
}

/// Each request of PHP begins with an empty memory, so its keys are kept in a file.
#[test]
fn the_resource_server_in_php_keeps_its_keys_for_the_next_request() {
    let Some(kit) = kits::php() else { return };
    let forger = Forger::start(300);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("keys.json");
    let env = [("COUNTERSIGN_URL", forger.url()), ("KEYS_FILE", file.to_str().unwrap())];
    let token = forger.token(&json!({}), &json!({}));
    for _ in 0..2 {
        assert_eq!(kit.judge(&[], &env, &[&token]), (vec!["ok somebody email openid".to_owned()], true));
    }
    assert_eq!(forger.fetches(), 1);
    let files: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files, [file], "nothing else is left there");
}

fn keeps_what_it_promises(kit: Option<Kit>) {
    let Some(kit) = kit else { return };
    let server = Plan::new(BOOTSTRAP).start();
    // Begun first: its token expires meanwhile.
    let expired = log_in(&server, "brief", "brief-secret");
    a_backend_survives_a_503_and_a_lost_answer(&kit, &server);
    a_resource_server_sees_through_forgeries(&kit);
    keys_are_fetched_again_when_their_time_is_over(&kit);
    what_is_not_known_lets_nobody_in(&kit);
    a_resource_server_at_the_real_server(&kit, &server, &expired);
}

fn a_backend_survives_a_503_and_a_lost_answer(kit: &Kit, server: &Server) {
    let lossy = Lossy::before(&server.url);
    let resource = format!("{}/oauth2/userinfo", server.url);
    let env = [
        ("COUNTERSIGN_URL", lossy.url()),
        ("RESOURCE_URL", &resource),
        ("CLIENT_ID", "store"),
        ("CLIENT_SECRET", SECRET),
        ("LOGIN", "alice@example.com"),
        ("PASSWORD", "correct horse battery staple"),
    ];
    assert_eq!(kit.run_backend(&env), GOOD_RUN);
    let seen = lossy.seen();
    let asked: Vec<&str> = seen.iter().map(|request| request.asked.as_str()).collect();
    // The first login gets a 503, the answer to the first refresh is lost: each is asked again, and nothing else is.
    let expected =
        ["password", "password", "refresh_token", "refresh_token", "refresh_token", "revoke", "refresh_token"];
    assert_eq!(asked, expected);
    for request in seen.iter().filter(|request| request.asked != "revoke") {
        assert_eq!(request.person, [Some("203.0.113.9".to_owned()), Some("Store/1.0".to_owned())], "{}", request.asked);
    }
    // A timer may run out a moment early.
    assert!(seen[0].until(&seen[1]) >= Duration::from_millis(1900), "a 503 says how long to wait");
    for (outcome, count) in [("rotated", 1.0), ("retried", 2.0), ("closed", 1.0)] {
        let name = format!("countersign_refreshes_total{{client=\"store\",outcome=\"{outcome}\"}}");
        assert_eq!(server.metric(&name), count, "{outcome}");
    }
}

/// A token, and a word of the answer that it gets.
type Case = (&'static str, String, &'static [&'static str]);

fn a_resource_server_sees_through_forgeries(kit: &Kit) {
    let forger = Forger::start(300);
    let good = forger.token(&json!({}), &json!({}));
    let (head, signature) = good.rsplit_once('.').unwrap();
    let payload = good.split('.').nth(1).unwrap();
    let other_payload = forger.token(&json!({}), &json!({"sub": "admin"})).split('.').nth(1).unwrap().to_owned();
    let ok: &[&str] = &["ok somebody email openid"];
    let cases: Vec<Case> = vec![
        ("good", good.clone(), ok),
        ("EdDSA", forger.token(&json!({"alg": "EdDSA", "kid": "ed"}), &json!({})), ok),
        ("RS256", forger.token(&json!({"alg": "RS256", "kid": "rs"}), &json!({})), ok),
        ("one of many audiences", forger.token(&json!({}), &json!({"aud": ["x", forger.url()]})), ok),
        ("expired", forger.token(&json!({}), &json!({"exp": now() - LEEWAY - 60})), &["exp"]),
        ("no exp", forger.token(&json!({}), &json!({"exp": null})), &["exp", "malformed", "claims"]),
        ("wrong aud", forger.token(&json!({}), &json!({"aud": "https://other.example.com"})), &["aud"]),
        ("no aud", forger.token(&json!({}), &json!({"aud": null})), &["aud", "malformed"]),
        ("wrong iss", forger.token(&json!({}), &json!({"iss": "https://other.example.com"})), &["iss"]),
        ("wrong typ", forger.token(&json!({"typ": "JWT"}), &json!({})), &["typ"]),
        ("no typ", forger.token(&json!({"typ": null}), &json!({})), &["typ", "malformed"]),
        ("crit", forger.token(&json!({"crit": ["x"], "x": 1}), &json!({})), &[""]),
        ("alg none", forger.unsigned("none"), &["alg", "none", "header"]),
        ("alg None", forger.unsigned("None"), &["alg", "none", "header"]),
        ("the public key as a shared secret", forger.with_public_key_as_secret(), &["alg"]),
        ("another algorithm than the key's", forger.token(&json!({"alg": "EdDSA", "kid": "es"}), &json!({})), &["alg"]),
        ("another key of the same name", forger.by_another_key(), &["signature"]),
        ("another payload", format!("{}.{other_payload}.{signature}", head.split('.').next().unwrap()), &["signature"]),
        ("no signature", format!("{head}."), &["signature", "malformed"]),
        ("unknown key", forger.token(&json!({"kid": "nobody"}), &json!({})), &["key"]),
        ("another unknown key", forger.token(&json!({"kid": "nobody-else"}), &json!({})), &["key"]),
        ("no kid", forger.token(&json!({"kid": null}), &json!({})), &["key", "malformed"]),
        ("a list as kid", forger.token(&json!({"kid": ["es"]}), &json!({})), &[""]),
        ("two parts", format!("{payload}.{signature}"), &[""]),
        ("no token", "not a token".to_owned(), &[""]),
        ("a list", "W10.W10.W10".to_owned(), &[""]),
        ("nothing", ".".to_owned(), &[""]),
        ("lists in lists", forger::nested(4000), &[""]),
        ("a list as typ", forger.token(&json!({"typ": ["at+jwt"]}), &json!({})), &[""]),
        ("far too long", "a".repeat(100_000), &[""]),
        ("good again", good.clone(), ok),
    ];
    let env = [("COUNTERSIGN_URL", forger.url())];
    let tokens: Vec<&str> = cases.iter().map(|(_, token, _)| token.as_str()).collect();
    let (lines, all_good) = kit.judge(&[], &env, &tokens);
    assert_eq!(lines.len(), cases.len(), "{lines:#?}");
    for ((name, _, words), line) in cases.iter().zip(&lines) {
        let lower = line.to_lowercase();
        let fits = if words == &ok { line == ok[0] } else { lower.starts_with("refused: ") };
        assert!(fits && words.iter().any(|word| lower.contains(word)), "{name}: {line}");
    }
    assert!(!all_good, "the exit code tells that some were refused");
    assert_eq!(forger.fetches(), 1, "an unknown key is no reason to fetch twice within a minute");
}

/// With a max-age of 0 the keys are fetched for every token, and a key that came meanwhile is found.
fn keys_are_fetched_again_when_their_time_is_over(kit: &Kit) {
    let forger = Forger::start(0);
    let tokens = ["es", "next"].map(|kid| forger.token(&json!({"kid": kid}), &json!({})));
    let (lines, all_good) = kit.judge(&[], &[("COUNTERSIGN_URL", forger.url())], &[&tokens[0], &tokens[1]]);
    assert_eq!((lines, all_good), (vec!["ok somebody email openid".to_owned(); 2], true));
    assert_eq!(forger.fetches(), 2);
}

fn what_is_not_known_lets_nobody_in(kit: &Kit) {
    let forger = Forger::start(300);
    let token = forger.token(&json!({}), &json!({}));
    let closed = format!("http://{}", loopback::closed_port());
    for (flags, url) in [(&["--ask"][..], forger.url()), (&[], &closed)] {
        let env = [("COUNTERSIGN_URL", url), ("CLIENT_ID", "store"), ("CLIENT_SECRET", SECRET)];
        let (lines, all_good) = kit.judge(flags, &env, &[&token]);
        assert!(lines.len() == 1 && lines[0].starts_with("unavailable: ") && !all_good, "{flags:?}: {lines:?}");
    }
}

fn a_resource_server_at_the_real_server(kit: &Kit, server: &Server, expired: &str) {
    let good = log_in(server, "store", SECRET);
    let elsewhere = log_in(server, "elsewhere", "elsewhere-secret");
    let revoked = log_in(server, "store", SECRET);
    let form = [("token", revoked.as_str()), ("client_id", "store"), ("client_secret", SECRET)];
    assert_eq!(server.post("/oauth2/revoke", None, &form).status, 200);
    let end = claims(expired)["exp"].as_u64().unwrap() + LEEWAY;
    while now() <= end {
        std::thread::sleep(Duration::from_millis(100));
    }
    let ok = |token: &str| {
        let said = claims(token);
        format!("ok {} {}", said["sub"].as_str().unwrap(), said["scope"].as_str().unwrap())
    };
    let env = [("COUNTERSIGN_URL", server.url.as_str()), ("CLIENT_ID", "store"), ("CLIENT_SECRET", SECRET)];
    let tokens = [good.as_str(), &revoked, &elsewhere, expired];
    for flags in [&[][..], &["--ask"]] {
        let (lines, all_good) = kit.judge(flags, &env, &tokens);
        assert_eq!((lines.len(), all_good), (4, false), "{lines:?}");
        assert_eq!(lines[0], ok(&good));
        let of_revoked = if flags.is_empty() { ok(&revoked) } else { "refused: revoked".to_owned() };
        assert_eq!(lines[1], of_revoked, "{flags:?}");
        for (line, word) in [(&lines[2], "aud"), (&lines[3], "exp")] {
            assert!(line.starts_with("refused: ") && line.to_lowercase().contains(word), "{line}");
        }
    }
}

fn log_in(server: &Server, client: &str, secret: &str) -> String {
    let form = [
        ("grant_type", "password"),
        ("username", "alice@example.com"),
        ("password", "correct horse battery staple"),
        ("scope", "openid email"),
        ("client_id", client),
        ("client_secret", secret),
    ];
    server.post("/oauth2/token", None, &form).access()
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// The members of one object, and those of another that replace or, where they are null, remove them.
fn overlaid(base: Value, over: &Value) -> Value {
    let mut base = base;
    for (name, value) in over.as_object().unwrap() {
        if value.is_null() {
            base.as_object_mut().unwrap().remove(name);
        } else {
            base[name] = value.clone();
        }
    }
    base
}

//! Marked secrets go through every door at the finest level of diagnostics. Afterwards they are looked for everywhere.

mod search;
mod walk;

use crate::support::{Plan, Server};
use search::Search;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use walk::Walk;

/// Everything that must stay secret, in all its forms.
fn secrets(server: &Server, tokens: &[String]) -> Search {
    let mut search = Search::default();
    search.text("the client's secret", walk::CLIENT_SECRET);
    search.text("a wrong client secret", walk::WRONG_SECRET);
    search.text("the other client's secret", "zq7-other-secret");
    search.text("the login", walk::LOGIN);
    search.text("an unknown login", walk::UNKNOWN);
    search.text("the password", walk::PASSWORD);
    search.text("a wrong password", walk::WRONG);
    search.text("the API key", walk::API_KEY);
    search.text("the user agent", walk::AGENT);
    search.text("the backend's user agent", walk::BACKEND_AGENT);
    search.text("the device", walk::DEVICE);
    search.text("an Argon2 hash", "$argon2");
    search.text("a bcrypt hash", "$2b$05$");
    search.text("the imported hash", walk::IMPORTED.1);
    for address in walk::ADDRESSES {
        search.text("an address", address);
    }
    // The networks alone would tell enough.
    search.text("a network", "203.0.113.");
    search.text("a network", "2001:db8:7a71");
    let six: std::net::Ipv6Addr = walk::ADDRESSES[2].parse().unwrap();
    search.bytes("the IPv6 address", &six.octets());
    let master = fs::read_to_string(server.data_dir().with_extension("master.key")).unwrap();
    search.text("the master key", master.trim());
    for token in tokens.iter().collect::<BTreeSet<_>>() {
        search.text("a token", token);
        // What makes it a token: the tag, or the signature.
        match token.strip_prefix("csr_") {
            Some(body) => search.bytes("a refresh token's tag", &decoded(body)[23..]),
            None => search.bytes("an access token's signature", &decoded(token.rsplit('.').next().unwrap())),
        }
    }
    search
}

fn decoded(text: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// All places where a secret could have got to, with names.
fn places(server: &Server, answers: &[String], metrics: String) -> Vec<(String, Vec<u8>)> {
    let mut places = vec![
        ("the diagnostics".to_owned(), server.diagnostics().into_bytes()),
        ("the answers".to_owned(), answers.join("\n").into_bytes()),
        ("the metrics".to_owned(), metrics.into_bytes()),
    ];
    for flags in [[].as_slice(), &["--json"]] {
        let mut tail = Command::new(env!("CARGO_BIN_EXE_countersign"));
        let output = tail.args(["audit", "tail", "--data-dir"]).arg(server.data_dir()).args(flags).output().unwrap();
        assert!(output.status.success());
        places.push((format!("audit tail {flags:?}"), [output.stdout, output.stderr].concat()));
    }
    read_below(&server.data_dir(), &mut places);
    places
}

fn read_below(dir: &Path, places: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => read_below(&path, places),
            false => places.push((path.display().to_string(), fs::read(&path).unwrap())),
        }
    }
}

/// Walks through all doors, ends the server in both ways, and searches.
fn walk_and_search(format: &str) {
    let mut plan = Plan::new(&walk::bootstrap()).set("log.level", "trace").set("log.format", format);
    plan = plan.set("passwords.strangers_total", "100000").set("passwords.strangers_per_network", "100000");
    let mut server = plan.start();
    let (mut answers, mut tokens, mut metrics) = (Vec::new(), Vec::new(), String::new());
    for person in 0..walk::ADDRESSES.len() {
        let mut walk = Walk::new(&server);
        walk.person = person;
        walk.well();
        if person == 0 {
            walk.badly();
        }
        answers.append(&mut walk.answers);
        tokens.append(&mut walk.tokens);
        metrics += &server.get("/metrics").body;
        match person {
            0 => server.kill(),
            _ => assert_eq!(server.terminate(), Some(0)),
        }
        server = server.again();
    }
    let types: BTreeSet<_> = server.events().iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect();
    for expected in
        ["account.login_refused", "account.password_rehashed", "session.refresh_retried", "session.reuse_detected"]
    {
        assert!(types.contains(expected), "{expected} is not among {types:?}");
    }
    let places = places(&server, &answers, metrics);
    let search = secrets(&server, &tokens);
    for (place, bytes) in &places {
        assert_eq!(search.found_in(bytes), Vec::<String>::new(), "secrets in {place}");
    }
    let bytes: usize = places.iter().map(|(_, bytes)| bytes.len()).sum();
    println!("{} tokens and the other secrets are in none of {} places, {bytes} bytes", tokens.len(), places.len());
    what_is_public_is_found(&places);
}

/// The search would find something if it were there.
fn what_is_public_is_found(places: &[(String, Vec<u8>)]) {
    let mut public = Search::default();
    public.text("the client's id", walk::CLIENT);
    let place = |name: &str| places.iter().find(|(place, _)| place.contains(name)).unwrap();
    for name in ["the diagnostics", "the metrics", "audit tail []", "audit tail [\"--json\"]", ".jsonl", "store/db"] {
        let (name, bytes) = place(name);
        assert!(!public.found_in(bytes).is_empty(), "the client's id is in {name}");
    }
    let mut code = Search::default();
    code.text("a code", "invalid_grant");
    assert!(!code.found_in(&place("the answers").1).is_empty());
}

#[test]
fn no_secret_is_left_anywhere_with_diagnostics_as_text() {
    walk_and_search("text");
}

#[test]
fn no_secret_is_left_anywhere_with_diagnostics_as_json() {
    walk_and_search("json");
}

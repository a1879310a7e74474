//! Marked secrets go through every door at the finest level of diagnostics. Afterwards they are looked for everywhere.

mod core;
pub mod places;
pub mod search;
mod walk;

use crate::support::{Plan, Server, Stopped, wait_until};
use places::Places;
use search::Search;
use std::collections::BTreeSet;
use std::fs;
use walk::Walk;

/// Everything that was sent and must stay secret, in all its forms.
fn sent(tokens: &[String]) -> Search {
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
    search.text("the imported hash", walk::IMPORTED.1);
    for address in walk::ADDRESSES {
        search.text("an address", address);
    }
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

/// Adds what the server made of it, and what opens it.
fn secrets(server: &Server, search: &mut Search) {
    // As the server writes them: the program's own text has the beginnings of both.
    search.text("an Argon2 hash", "$argon2id$v=19$m=64,t=1,p=1$");
    search.text("a bcrypt hash", "$2b$05$CCCC");
    let master = fs::read_to_string(server.data_dir().with_extension("master.key")).unwrap();
    search.text("the master key", master.trim());
}

/// Adds what would tell enough of a person, and what any hash begins with.
fn traces(search: &mut Search) {
    search.text("any Argon2 hash", "$argon2");
    search.text("any bcrypt hash", "$2b$05$");
    search.text("a network", "203.0.113.");
    search.text("a network", "2001:db8:7a71");
    let six: std::net::Ipv6Addr = walk::ADDRESSES[2].parse().unwrap();
    search.bytes("the IPv6 address", &six.octets());
}

fn decoded(text: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// A configuration under which every secret may be sent as often as the walk does.
fn plan(format: &str) -> Plan {
    let plan = Plan::new(&walk::bootstrap()).set("log.level", "trace").set("log.format", format);
    // The least size, so that segments are sealed while the walk goes on.
    let plan = plan.set("journal.segment_bytes", "64KiB");
    plan.set("passwords.strangers_total", "100000").set("passwords.strangers_per_network", "100000")
}

/// The server after an end that left a torn line behind.
fn torn(server: Server) -> Server {
    let stopped = server.stopped();
    let journal = stopped.data_dir().join("journal");
    let files = fs::read_dir(&journal).unwrap().map(|entry| entry.unwrap().path());
    let open = files.filter(|path| path.extension().is_some_and(|kind| kind == "jsonl")).max().unwrap();
    let mut text = fs::read(&open).unwrap();
    let whole = String::from_utf8(text.clone()).unwrap();
    let line = whole.lines().rfind(|line| line.contains(walk::CLIENT)).unwrap();
    text.extend(&line.as_bytes()[..line.len() - 9]);
    fs::write(&open, text).unwrap();
    stopped.start()
}

/// The server after an end that left a store behind that cannot be used.
fn without_its_store(server: Server) -> Server {
    let stopped = server.stopped();
    for entry in fs::read_dir(stopped.data_dir().join("store")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let mut bytes = fs::read(&path).unwrap();
            bytes.iter_mut().take(64).for_each(|byte| *byte ^= 0xa5);
            fs::write(&path, bytes).unwrap();
        }
    }
    stopped.start()
}

/// Walks through all doors, ends the server in every way, and searches.
fn walk_and_search(format: &str) {
    let mut server = plan(format).start();
    let (mut places, mut tokens, mut answers) = (Places::default(), Vec::new(), Vec::new());
    for person in 0..walk::ADDRESSES.len() {
        let mut walk = Walk::of(&server, person);
        answers.append(&mut walk.answers);
        tokens.append(&mut walk.tokens);
        places.add("the metrics", server.get("/metrics").body);
        server = match person {
            0 => {
                server.kill();
                torn(server)
            }
            // An end in good order, so that all of the store is on disk.
            1 => {
                assert_eq!(server.terminate(), Some(0));
                without_its_store(server)
            }
            _ => {
                assert_eq!(server.terminate(), Some(0));
                server.again()
            }
        };
    }
    places.add("the answers", answers.join("\n"));
    let types: BTreeSet<_> = server.events().iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect();
    for expected in
        ["account.login_refused", "account.password_rehashed", "session.refresh_retried", "session.reuse_detected"]
    {
        assert!(types.contains(expected), "{expected} is not among {types:?}");
    }
    wait_until("a segment is sealed", || server.metric("countersign_journal_sealed_bytes") > 0.0);
    let copies = tempfile::tempdir().unwrap();
    places.copies(&server, copies.path());
    let data = server.data_dir();
    for flags in [[].as_slice(), &["--json"]] {
        assert!(places.print(&[&["audit", "tail", "--data-dir", data.to_str().unwrap()], flags].concat()));
    }
    places.read_below(&data);
    let mut search = sent(&tokens);
    secrets(&server, &mut search);
    traces(&mut search);
    assert_eq!(server.terminate(), Some(0));
    places.add("the diagnostics", server.diagnostics());
    let stopped = server.stopped();
    places.stopped(&stopped);
    places.read_below(&data);
    places.add("refused bootstrap files", refused_bootstraps(stopped));
    for (place, bytes) in &places.0 {
        assert_eq!(search.found_in(bytes), Vec::<String>::new(), "secrets in {place}");
    }
    let bytes: usize = places.0.iter().map(|(_, bytes)| bytes.len()).sum();
    println!("{} tokens and the other secrets are in none of {} places, {bytes} bytes", tokens.len(), places.0.len());
    what_is_public_is_found(&places);
}

/// What is said of bootstrap files that are wrong, each with secrets where it is wrong.
fn refused_bootstraps(mut stopped: Stopped) -> String {
    let right = walk::bootstrap();
    let account = "[[accounts]]\nlogin = \"zq7-nobody-ü@canary.example\"\n";
    let mut said = String::new();
    for wrong in [
        format!("{account}password = '{}", walk::PASSWORD),
        format!("{account}password = '{}' {}\n", walk::PASSWORD, walk::WRONG),
        format!("{account}password = ['{}']\n", walk::PASSWORD),
        format!("{account}password = '{0}'\npassword = '{0}'\n", walk::PASSWORD),
        format!("{account}password = '{}'\npassword_hash = '{}'\n", walk::PASSWORD, walk::IMPORTED.1),
        format!("{account}password_hash = '{}'\n", &walk::IMPORTED.1[..50]),
        format!("{account}password_hash = '{}'\n", walk::PASSWORD),
        format!("{account}password_file = '/nowhere'\nroles = '{}'\n", walk::PASSWORD),
        format!("[[accounts]]\nlogin = '{}'\npassword = '{}'\n{account}", walk::LOGIN, walk::PASSWORD),
        format!("[[clients]]\nid = \"x\"\nsecret = '{}'\nsecret_env = \"PATH\"\n", walk::CLIENT_SECRET),
        format!("[[clients]]\nid = \"x\"\nsecret = {{ value = '{}' }}\n", walk::CLIENT_SECRET),
        format!("[[api_keys]]\nname = \"x\"\nkey = '{}'\npermissions = 7\n", walk::API_KEY),
    ] {
        stopped = stopped.with(|mut plan| {
            plan.bootstrap = format!("{right}{wrong}");
            plan
        });
        let (code, why) = stopped.refusal();
        assert_eq!(code, Some(2), "{why}");
        said += &why;
    }
    said
}

/// The search would find something if it were there.
fn what_is_public_is_found(places: &Places) {
    let mut public = Search::default();
    public.text("the client's id", walk::CLIENT);
    let tails = ["\"tail\", \"--data-dir\"", "\"--json\"]"];
    let files = [
        ".jsonl",
        "store/db",
        ".zst, unpacked",
        "store/db, unpacked",
        "backup/journal",
        "restored/journal",
        "archive/",
        "journal/torn-",
        "store.quarantined-",
    ];
    for name in ["the diagnostics", "the metrics"].iter().chain(&tails).chain(&files) {
        let found = places.named(name).any(|(_, bytes)| !public.found_in(bytes).is_empty());
        assert!(found, "the client's id is in {name}");
    }
    let mut code = Search::default();
    code.text("a code", "invalid_grant");
    assert!(places.named("the answers").all(|(_, bytes)| !code.found_in(bytes).is_empty()));
}

#[test]
fn no_secret_is_left_anywhere_with_diagnostics_as_text() {
    walk_and_search("text");
}

#[test]
fn no_secret_is_left_anywhere_with_diagnostics_as_json() {
    walk_and_search("json");
}

//! Good requests, spoiled, by the thousand: each is answered or cut off, none with a fault of the server, and the server lives.

#[path = "../fuzz/mutate.rs"]
mod mutate;

use crate::flood::malformed::send;
use crate::random::{Random, seed};
use crate::support::{ALICE, BOOTSTRAP, Plan, STORE, Server, basic, many};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mutate::mutated;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

const AT_ONCE: u64 = 4;
const FORM: &str = "content-type: application/x-www-form-urlencoded";

/// A request in the parts that are spoiled one at a time, so that what is behind the others is reached.
struct Sample {
    door: &'static str,
    authorization: String,
    body: String,
}

fn request(door: &str, authorization: &[u8], body: &[u8]) -> Vec<u8> {
    let head =
        format!("POST {door} HTTP/1.1\r\nhost: x\r\n{FORM}\r\ncontent-length: {}\r\nauthorization: ", body.len());
    [head.as_bytes(), authorization, b"\r\n\r\n", body].concat()
}

fn samples(server: &Server) -> Vec<Sample> {
    let form = [("grant_type", "password"), ("username", ALICE.0), ("password", ALICE.1), ("scope", "openid cart")];
    let login = server.post("/oauth2/token", Some(STORE), &form);
    let (access, refresh) = (login.access(), login.refresh());
    let store = basic(STORE.0, STORE.1);
    let sample = |door, body| Sample { door, authorization: store.clone(), body };
    vec![
        Sample { door: "/oauth2/userinfo", authorization: format!("Bearer {access}"), body: String::new() },
        sample(
            "/oauth2/token",
            "grant_type=password&username=bob%40example.com&password=another+fine+password&scope=cart+orders"
                .to_owned(),
        ),
        sample("/oauth2/token", format!("grant_type=refresh_token&refresh_token={refresh}&scope=cart")),
        sample("/oauth2/introspect", format!("token={access}&token_type_hint=access_token")),
        sample("/oauth2/introspect", format!("token={refresh}")),
        sample("/oauth2/revoke", format!("token={refresh}&token_type_hint=refresh_token")),
    ]
}

/// One of the samples, with its body, its credentials, what its credentials mean, or all of it spoiled.
fn spoiled(random: &mut Random, samples: &[Sample]) -> Vec<u8> {
    let Sample { door, authorization, body } = &samples[random.below(samples.len() as u64) as usize];
    match random.below(4) {
        0 => {
            let bodies: Vec<_> = samples.iter().map(|sample| sample.body.clone().into_bytes()).collect();
            request(door, authorization.as_bytes(), &mutated(random, &bodies))
        }
        1 => {
            let headers = samples.iter().map(|sample| sample.authorization.clone().into_bytes());
            let spoiled = mutated(random, &headers.collect::<Vec<_>>());
            request(door, &spoiled, body.as_bytes())
        }
        2 => {
            let credentials = mutated(random, &[format!("{}:{}", STORE.0, STORE.1).into_bytes()]);
            request(door, format!("Basic {}", STANDARD.encode(credentials)).as_bytes(), body.as_bytes())
        }
        _ => {
            let whole = |sample: &Sample| request(sample.door, sample.authorization.as_bytes(), sample.body.as_bytes());
            mutated(random, &samples.iter().map(whole).collect::<Vec<_>>())
        }
    }
}

#[test]
fn spoiled_requests_are_answered_or_cut_off_and_the_server_lives() {
    let seed = seed();
    let seconds = many("COUNTERSIGN_FUZZ_SECONDS", 5);
    let server = Plan::new(BOOTSTRAP).set("passwords.strangers_total", "1000000").start();
    let samples = samples(&server);
    for sample in &samples {
        let whole = request(sample.door, sample.authorization.as_bytes(), sample.body.as_bytes());
        assert_eq!(send(&server, &whole), 200, "{} is good before it is spoiled", sample.door);
    }
    let (begin, counts) = (Instant::now(), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for number in 0..AT_ONCE {
            let (server, samples, counts) = (&server, &samples, &counts);
            scope.spawn(move || {
                let mut random = Random::new(seed.wrapping_add(number));
                while begin.elapsed() < Duration::from_secs(seconds) {
                    let request = spoiled(&mut random, samples);
                    let status = send(server, &request);
                    let shown: String = String::from_utf8_lossy(&request).chars().take(2000).collect();
                    assert!(status < 500, "{status} for {shown:?}");
                    *counts.lock().unwrap().entry(status).or_insert(0) += 1;
                }
            });
        }
    });
    let counts = counts.into_inner().unwrap();
    println!("{} spoiled requests: {counts:?}", counts.values().sum::<u64>());
    let refused = counts.keys().filter(|status| (400..500).contains(*status)).count();
    assert!(counts.contains_key(&200) && refused >= 3, "all ways of being answered were taken: {counts:?}");
    assert!(!server.diagnostics().contains("panicked"), "{}", server.diagnostics());
    assert_eq!(server.login().status, 200);
}

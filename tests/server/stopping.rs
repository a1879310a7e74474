//! An orderly stop in the middle of traffic: what was answered stands, and nobody is left without an answer.

use crate::support::{ALICE, BOOTSTRAP, Plan, STORE, basic};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Logs in until nobody listens any more, and gives the access tokens of the logins that were answered.
fn logins(url: &str, answered: &AtomicUsize) -> Vec<String> {
    let mut tokens = Vec::new();
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let form = [("grant_type", "password"), ("username", ALICE.0), ("password", ALICE.1)];
    loop {
        let request = agent.post(format!("{url}/oauth2/token")).header("Authorization", basic(STORE.0, STORE.1));
        let Ok(mut answer) = request.send_form(form) else { return tokens };
        let Ok(body) = answer.body_mut().read_json::<serde_json::Value>() else { return tokens };
        assert!([200, 503].contains(&answer.status().as_u16()), "{body}");
        tokens.extend(body["access_token"].as_str().map(str::to_owned));
        answered.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_stop_in_the_middle_of_logins_loses_none_that_was_answered() {
    let mut server = Plan::new(&BOOTSTRAP.replace("id = \"store\"", "id = \"store\"\nmax_sessions = 1000")).start();
    let (url, answered, tokens) = (server.url.clone(), AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| tokens.lock().unwrap().extend(logins(&url, &answered)));
        }
        while answered.load(Ordering::Relaxed) < 100 {
            std::thread::yield_now();
        }
        assert_eq!(server.terminate(), Some(0), "{}", server.diagnostics());
    });
    let server = server.again();
    let tokens = tokens.into_inner().unwrap();
    assert!(tokens.len() >= 100);
    for token in tokens.iter().take(900) {
        assert!(server.is_active(token));
    }
}

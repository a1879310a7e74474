//! What can go wrong, caused on a real server, and the alert that a real Prometheus raises.

use super::prometheus::Prometheus;
use crate::crash::clock::WallClock;
use crate::support::{Answer, BOOTSTRAP, Plan, STORE, Server, is_installed};
use serde_json::Value;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

/// How many times as fast as shipped the rules run: five minutes become ten seconds.
pub const TIMES: f64 = 30.0;

pub fn login_ok(server: &Server) {
    let answer = server.login();
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// Runs the command that an alert tells to run, on this server's data.
fn run_what_it_says(alert: &Value, server: &Server) -> String {
    let command = alert["annotations"]["command"].as_str().unwrap();
    let words: Vec<_> = command.split_whitespace().collect();
    let ["countersign", "audit", "tail", "--config", _, ref rest @ ..] = words[..] else { panic!("{command}") };
    let mut run = Command::new(env!("CARGO_BIN_EXE_countersign"));
    let output = run.args(["audit", "tail", "--data-dir"]).arg(server.data_dir()).args(rest).output().unwrap();
    assert!(output.status.success(), "{command}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A copied token: it is shown after two refreshes of its owner.
fn show_a_copied_token(server: &Server) -> Answer {
    let first = server.login();
    let second = server.refresh(&first.refresh());
    assert_eq!(server.refresh(&second.refresh()).status, 200);
    let refused = server.refresh(&first.refresh());
    assert_eq!((refused.status, refused.text("error").as_str()), (400, "invalid_grant"));
    refused
}

#[test]
fn copied_tokens_are_found_and_the_alert_leads_to_the_requests_behind_it() {
    if !Prometheus::is_installed() {
        return;
    }
    let server = Plan::new(BOOTSTRAP).start();
    let prometheus = Prometheus::start(TIMES, &server);
    prometheus.until_it_has_read();
    assert!(prometheus.firing("CountersignTokensReused").is_empty());
    let mut requests = Vec::new();
    let alert = prometheus.until_firing("CountersignTokensReused", || {
        let refused = show_a_copied_token(&server);
        requests.push(refused.header("x-request-id").unwrap().to_owned());
    });
    assert_eq!((&alert["labels"]["client"], &alert["labels"]["outcome"]), (&"store".into(), &"superseded".into()));
    // What was answered is shown when it is known to be on disk.
    server.events();
    let said = run_what_it_says(&alert, &server);
    for request in &requests {
        let lines = said.lines().filter(|line| line.contains(&format!("request_id={request}")));
        assert_eq!(lines.count(), 1, "the request {request} stands in: {said}");
    }
    assert!(said.lines().all(|line| line.contains("session.reuse_detected")), "and nothing else: {said}");
    assert!(said.lines().count() > 5, "{said}");
}

/// Logs in from many threads until something is over; every answer is a token, or 503.
fn flood(server: &Server, threads: usize, meanwhile: impl FnOnce()) {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let status = server.login().status;
                    assert!(matches!(status, 200 | 503), "{status}");
                }
            });
        }
        let _over = Over(&over);
        meanwhile();
    });
}

/// Ends what goes on beside a trial, also where the trial fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn more_passwords_than_can_be_hashed_are_found() {
    if !Prometheus::is_installed() {
        return;
    }
    let slow = Plan::new(BOOTSTRAP).set("hash.memory_kib", "19456").set("hash.iterations", "2");
    let server = slow.set("hash.threads", "1").set("hash.queue", "8").set("sessions.awake_max", "1000").start();
    let prometheus = Prometheus::start(TIMES, &server);
    prometheus.until_it_has_read();
    flood(&server, 16, || {
        let alert = prometheus.until_firing("CountersignHashShedding", || ());
        assert!(alert["annotations"]["description"].as_str().unwrap().contains('%'), "{alert}");
    });
    prometheus.until_quiet("CountersignHashShedding", || ());
}

#[test]
fn many_failing_requests_are_found() {
    if !Prometheus::is_installed() {
        return;
    }
    let costly = Plan::new(BOOTSTRAP).set("hash.memory_kib", "19456").set("hash.iterations", "2");
    let server = costly.set("http.max_in_flight", "1").start();
    let prometheus = Prometheus::start(TIMES, &server);
    prometheus.until_it_has_read();
    flood(&server, 4, || {
        prometheus.until_firing("CountersignErrorsFast", || ());
        prometheus.until_firing("CountersignErrorsSlow", || ());
    });
}

#[test]
fn a_clock_that_steps_is_found_and_so_is_one_that_is_mended() {
    if !Prometheus::is_installed() || !is_installed("cc", "gcc libc6-dev") {
        return;
    }
    let clock = WallClock::build();
    let server = clock.under(Plan::new(BOOTSTRAP)).start();
    let prometheus = Prometheus::start(TIMES, &server);
    prometheus.until_it_has_read();
    login_ok(&server);
    clock.step(-3660);
    prometheus.until_firing("CountersignClockNotBelieved", || ());
    assert_eq!(server.login().status, 503);
    prometheus.until_firing("CountersignNotReady", || ());
    prometheus.until_firing("CountersignComplains", || ());
    let shown = prometheus.query("sum by (alertname) (ALERTS{alertstate=\"firing\"})");
    assert!(shown.iter().any(|line| line["metric"]["alertname"] == "CountersignClockNotBelieved"), "{shown:?}");
    clock.step(0);
    prometheus.until_quiet("CountersignClockNotBelieved", || ());
    login_ok(&server);
}

#[test]
fn a_store_that_was_rebuilt_is_found_whether_it_was_damaged_or_gone() {
    if !Prometheus::is_installed() {
        return;
    }
    let server = Plan::new(BOOTSTRAP).start();
    let prometheus = Prometheus::start(TIMES, &server);
    prometheus.until_it_has_read();
    let session = server.login();
    let store = server.data_dir().join("store");
    assert!(prometheus.firing("CountersignStoreRebuilt").is_empty(), "a new directory has nothing to rebuild");

    let stopped = server.stopped();
    std::fs::remove_dir_all(&store).unwrap();
    let server = stopped.start();
    prometheus.follow(&server);
    let alert = prometheus.until_firing("CountersignStoreRebuilt", || ());
    assert_eq!(alert["labels"]["why"], "missing", "{alert}");
    let session = server.refresh(&session.refresh());
    assert_eq!(session.status, 200, "nothing is lost: {session:?}");

    // In good order, so that all of it is in the file.
    let mut server = server;
    assert_eq!(server.terminate(), Some(0));
    let stopped = server.stopped();
    std::fs::write(store.join("conf"), "no settings of sled").unwrap();
    let server = stopped.start();
    prometheus.follow(&server);
    crate::support::wait_until("the damage is told", || {
        prometheus.firing("CountersignStoreRebuilt").iter().any(|alert| alert["labels"]["why"] == "damaged")
    });
    assert_eq!(server.refresh(&session.refresh()).status, 200, "nothing is lost");
}

#[test]
fn a_server_that_is_gone_is_found_and_one_that_starts_again_and_again() {
    if !Prometheus::is_installed() {
        return;
    }
    let mut server = Plan::new(BOOTSTRAP).start();
    // Not as quick as the others: three starts must fall into the quarter of an hour, also on a slow machine.
    let prometheus = Prometheus::start(TIMES / 10.0, &server);
    prometheus.until_it_has_read();
    server.kill();
    prometheus.until_firing("CountersignDown", || ());
    let mut last = Some(server);
    prometheus.until_firing("CountersignRestarting", || {
        let server = last.take().unwrap().again();
        prometheus.follow(&server);
        prometheus.until_it_has_read_from(&server);
        last = Some(server);
    });
    prometheus.until_quiet("CountersignDown", || ());
    login_ok(&last.unwrap());
}

#[test]
fn a_client_that_guesses_passwords_is_found() {
    if !Prometheus::is_installed() {
        return;
    }
    let server = Plan::new(BOOTSTRAP).start();
    let prometheus = Prometheus::start(TIMES, &server);
    prometheus.until_it_has_read();
    let alert = prometheus.until_firing("CountersignPasswordGuessing", || {
        for password in ["one", "two", "three"] {
            let form = [("grant_type", "password"), ("username", "alice@example.com"), ("password", password)];
            assert_eq!(server.post("/oauth2/token", Some(STORE), &form).status, 400);
        }
    });
    server.events();
    let said = run_what_it_says(&alert, &server);
    assert!(said.contains("account.login_refused") && said.contains("class=wrong_credentials"), "{said}");
}

//! What standard error and a collector of traces are told while the server runs.

use crate::support::loopback::{Request, response, serve};
use crate::support::{BOOTSTRAP, Plan, STORE, Server, wait_until};
use rustix::process::Signal;
use std::fs;
use std::sync::{Arc, Mutex};

/// Logs in once, and asks with a token that is not ours so many times.
fn refused(server: &Server, times: usize) -> String {
    let access = server.login().access();
    for _ in 0..times {
        assert_eq!(server.refresh("nonsense").status, 400);
    }
    access
}

fn lines(server: &Server, with: &str) -> Vec<String> {
    server.diagnostics().lines().filter(|line| line.contains(with)).map(str::to_owned).collect()
}

#[test]
fn requests_write_no_line_and_refusals_three_however_many_they_are() {
    let server = Plan::new(BOOTSTRAP).start();
    let before = server.diagnostics().lines().count();
    refused(&server, 100);
    for _ in 0..50 {
        server.get("/.well-known/jwks.json");
    }
    let written = lines(&server, "refused");
    // A slow machine may take longer than one interval, and then begins anew.
    assert!(written.len() >= 3 && written.len() < 50, "{written:#?}");
    assert!(written.iter().all(|line| line.contains("again") || line.contains("request_id=")), "{written:#?}");
    assert!(written[0].contains("bad_tag") && written[0].contains("/oauth2/token"), "{written:#?}");
    assert_eq!(server.diagnostics().lines().count() - before, written.len(), "{}", server.diagnostics());
}

#[test]
fn the_refusal_in_the_diagnostics_has_the_request_id_of_the_answer() {
    let server = Plan::new(BOOTSTRAP).set("log.format", "json").start();
    let answer = server.refresh("nonsense");
    let id = answer.header("x-request-id").unwrap();
    wait_until("the line", || !lines(&server, id).is_empty());
    let line: serde_json::Value = serde_json::from_str(&lines(&server, id)[0]).unwrap();
    assert_eq!(line["fields"]["code"], "bad_tag", "{line}");
    assert_eq!((line["level"].as_str(), line["fields"]["message"].as_str()), (Some("INFO"), Some("refused")), "{line}");
}

#[test]
fn a_hangup_takes_the_level_from_the_file_and_the_server_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("countersign.toml");
    let level = |text: &str| fs::write(&file, text).unwrap();
    level("[log]\nlevel = \"warn\"\n");
    let mut plan = Plan::new(BOOTSTRAP);
    plan.env.retain(|(name, _)| name != "COUNTERSIGN__LOG__LEVEL");
    plan.flags = vec!["--config".to_owned(), file.to_str().unwrap().to_owned()];
    let server = plan.start();
    refused(&server, 1);
    assert_eq!(lines(&server, "refused"), Vec::<String>::new());

    level("[log]\nlevel = \"debug\"\n");
    server.signal(Signal::HUP);
    wait_until("the level", || !lines(&server, "is in force").is_empty());
    refused(&server, 20);
    wait_until("every line", || lines(&server, "refused").len() == 20 && lines(&server, "answered").len() >= 21);

    level("[log]\nlevel = \"loud\"\n");
    server.signal(Signal::HUP);
    wait_until("the complaint", || !lines(&server, "stays as it is").is_empty());
    assert!(lines(&server, "stays as it is")[0].contains("log.level"), "{}", server.diagnostics());
    assert_eq!(server.login().status, 200);
}

#[test]
fn what_goes_wrong_is_counted() {
    let server = Plan::new(BOOTSTRAP).set("log.level", "error").start();
    let (errors, warnings) =
        ("countersign_diagnostics_total{level=\"error\"}", "countersign_diagnostics_total{level=\"warn\"}");
    let before = server.metric(warnings);
    server.signal(Signal::HUP);
    wait_until("a warning, though no line of it is written", || server.metric(warnings) == before + 1.0);
    assert_eq!((server.metric(errors), server.diagnostics().as_str()), (0.0, ""));
}

#[test]
fn traces_tell_a_collector_of_requests_in_their_callers_trace_and_of_nothing_secret() {
    let received: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
    let sent = received.clone();
    let collector = serve(move |request: Request| {
        sent.lock().unwrap().push((request.path().to_owned(), request.body));
        response("200 OK", "", "{}")
    });
    let mut server = Plan::new(BOOTSTRAP).set("trace.otlp_endpoint", &collector).start();
    // Its id is the text "the-callers-trac".
    let trace = "00-7468652d63616c6c6572732d74726163-b7ad6b7169203331-01";
    let form =
        [("grant_type", "password"), ("username", "alice@example.com"), ("password", "correct horse battery staple")];
    let login = server.post_as("/oauth2/token", Some(STORE), &form, &[("traceparent", trace)]);
    assert_eq!(login.status, 200);
    let refreshed = server.refresh(&login.refresh());
    assert_eq!(server.terminate(), Some(0), "what waits is sent at the stop");

    let received = received.lock().unwrap();
    assert!(received.iter().all(|(path, _)| path == "/v1/traces"));
    let all: String = received.iter().map(|(_, body)| body.as_str()).collect();
    let id = |answer: &crate::support::Answer| answer.header("x-request-id").unwrap().to_owned();
    for word in ["countersign", "request", "hash", "append", "redeem", "/oauth2/token", &id(&login), &id(&refreshed)] {
        assert!(all.contains(word), "{word} is missing");
    }
    assert!(all.contains("the-callers-trac"), "the caller's trace is missing");
    let secret = [login.access(), login.refresh(), refreshed.access(), refreshed.refresh()];
    for secret in secret.iter().map(String::as_str).chain(["correct horse", STORE.1, "alice@example.com"]) {
        assert!(!all.contains(secret), "{secret} was told to the collector");
    }
}

#[test]
fn a_collector_that_is_not_there_keeps_nobody_waiting() {
    let nobody = format!("http://{}", crate::support::loopback::closed_port());
    let mut server = Plan::new(BOOTSTRAP).set("trace.otlp_endpoint", &nobody).start();
    assert_eq!(server.login().status, 200);
    assert_eq!(server.terminate(), Some(0));
    assert!(server.diagnostics().contains("trace.otlp_endpoint"), "{}", server.diagnostics());
}

#[test]
fn what_alerts_look_at_stands_in_the_metrics_before_anything_has_happened() {
    let server = Plan::new(BOOTSTRAP).start();
    for (name, value) in [
        ("ready", 1.0),
        ("ready_check{check=\"clock\"}", 1.0),
        ("store_rebuilt{why=\"damaged\"}", 0.0),
        ("store_rebuilt{why=\"missing\"}", 0.0),
        ("refreshes_total{client=\"store\",outcome=\"superseded\"}", 0.0),
        ("logins_total{client=\"store\",outcome=\"wrong_credentials\"}", 0.0),
        ("unavailable_total{why=\"clock\"}", 0.0),
        ("hash_shed_total{why=\"deadline\"}", 0.0),
        ("revocations_total{reason=\"reuse\"}", 0.0),
        ("rate_limited_total{by=\"network\"}", 0.0),
        ("logins_braked", 0.0),
        ("http_in_flight", 0.0),
        ("hash_queue_limit", 256.0),
    ] {
        assert_eq!(server.metric(&format!("countersign_{name}")), value, "{name}");
    }
    assert!(server.metric("countersign_disk_low_water_bytes") > 0.0);
}

#[test]
fn a_store_that_was_lost_is_told_by_the_metrics_of_the_start_that_made_it_anew() {
    let server = Plan::new(BOOTSTRAP).start();
    let stopped = server.stopped();
    fs::remove_dir_all(stopped.data_dir().join("store")).unwrap();
    let server = stopped.start();
    assert_eq!(server.metric("countersign_store_rebuilt{why=\"missing\"}"), 1.0);
    assert_eq!(server.metric("countersign_store_rebuilt{why=\"damaged\"}"), 0.0);
    let server = server.again();
    assert_eq!(server.metric("countersign_store_rebuilt{why=\"missing\"}"), 0.0);
}

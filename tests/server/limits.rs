//! Requests a second that a network and a client may make.

use crate::support::{Answer, BOOTSTRAP, MACHINE, Plan, STORE, Server};

/// A server where a network, or a client, may make one request a second.
fn server(bound: &str) -> Server {
    Plan::new(BOOTSTRAP).set(bound, "1").set("http.trusted_proxies", r#"["127.0.0.0/8"]"#).start()
}

/// Somebody at an address behind a proxy asks for something that needs nothing.
fn from(server: &Server, address: &str) -> Answer {
    server.get_as("/.well-known/jwks.json", &[("X-Forwarded-For", address)])
}

/// Asks until it is refused. A budget of one a second is filled up again while a busy machine asks; it is never filled as quickly as it is asked.
fn refused(ask: impl Fn() -> Answer) -> Answer {
    let answers = std::iter::repeat_with(ask).take(1000);
    answers
        .into_iter()
        .find(|answer| answer.status == 429)
        .expect("a thousand requests were let in, one after the other")
}

#[test]
fn a_network_that_asks_too_much_is_told_when_to_come_again_and_others_are_served() {
    let server = server("http.per_network");
    let answer = refused(|| from(&server, "203.0.113.9"));
    assert_eq!((answer.text("error").as_str(), answer.header("retry-after")), ("rate_limited", Some("1")));
    assert!(answer.text("message").contains("Retry-After"), "{answer:?}");
    assert_eq!(answer.text("request_id"), answer.header("x-request-id").unwrap());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(refused(|| from(&server, "203.0.113.77")).status, 429, "a neighbour shares the budget");
    assert_eq!(from(&server, "198.51.100.7").status, 200, "another network");
    for path in ["/health/live", "/health/ready", "/metrics"] {
        assert_eq!(server.get_as(path, &[("X-Forwarded-For", "203.0.113.9")]).status, 200, "{path}");
    }
    assert!(server.metric("countersign_rate_limited_total{by=\"network\"}") >= 2.0);
}

#[test]
fn a_request_that_is_too_many_is_refused_before_its_body_is_read() {
    let server = server("http.per_network");
    refused(|| from(&server, "203.0.113.9"));
    // More than a body may have: whoever reads it answers 413.
    let answer =
        refused(|| server.send("POST", "/oauth2/token", &[("X-Forwarded-For", "203.0.113.9")], &vec![b'x'; 100_000]));
    assert_eq!(answer.text("error"), "rate_limited");
}

#[test]
fn a_client_that_asks_too_much_does_not_use_up_what_another_may() {
    let server = server("http.per_client");
    let asks = |client, token| server.post("/oauth2/introspect", Some(client), &[("token", token)]);
    let answer = refused(|| asks(STORE, "nonsense"));
    assert_eq!((answer.text("error").as_str(), answer.header("retry-after")), ("rate_limited", Some("1")));
    assert_eq!(asks(MACHINE, "nonsense").status, 200, "another client");
    let stranger = asks((STORE.0, "wrong"), "nonsense");
    assert_eq!(stranger.status, 401, "who only names the client does not use up its budget, and is told as before");
    assert!(server.metric("countersign_rate_limited_total{by=\"client\"}") >= 1.0);
}

//! Every panel of every dashboard, asked of a real Prometheus that has watched a real server at work.

use super::boards::{filled_in, panels};
use super::prometheus::{Prometheus, RATE_INTERVAL};
use crate::support::{ALICE, BOOTSTRAP, MACHINE, Plan, STORE, Server, wait_until};
use std::collections::BTreeSet;

/// How many times as fast as shipped the rules run.
const TIMES: f64 = 30.0;
/// Panels that show something only in an incident, or elsewhere, and when. A line of all that is counted is always there.
const ONLY_IN_INCIDENTS: [(&str, &str); 10] = [
    ("overview.json: Which alerts fire?", "while one fires"),
    ("overview.json: When does the certificate end?", "where the server speaks TLS itself"),
    ("overview.json: How do TLS handshakes end?", "where the server speaks TLS itself"),
    ("overview.json: Why were requests not decided (503)?", "when the server could not decide"),
    ("journal.json: In how many days is the disk full, as it goes now?", "while the room shrinks"),
    ("hash-pool.json: How many are refused, and why?", "when more come than can be hashed"),
    ("logins-and-theft.json: Was a copied token shown (superseded)?", "after a theft"),
    ("logins-and-theft.json: Was a copied token shown (foreign_retry)?", "after a theft"),
    ("logins-and-theft.json: Was a copied token shown (late_retry)?", "after a theft, or a lost answer"),
    ("logins-and-theft.json: Is the journal older than tokens in use?", "when history was lost"),
];

/// Something of everything that people, apps and strangers do.
fn work(server: &Server) {
    let first = server.login();
    assert_eq!(first.status, 200, "{first:?}");
    let second = server.refresh(&first.refresh());
    assert_eq!(server.refresh(&first.refresh()).status, 200, "a lost answer is given again");
    assert!(server.is_active(&second.access()));
    server.login_as(ALICE.0, "not her password");
    server.refresh("csr_forged");
    server.post("/oauth2/token", Some((STORE.0, "not its secret")), &[("grant_type", "client_credentials")]);
    server.post("/oauth2/token", Some(MACHINE), &[("grant_type", "client_credentials")]);
    server.get_as("/admin/accounts", &[("Authorization", "Bearer a-key-that-nobody-has")]);
    assert_eq!(server.post("/oauth2/revoke", Some(STORE), &[("token", &second.refresh())]).status, 200);
}

#[test]
fn every_panel_of_every_dashboard_is_answered_and_shows_the_work_of_a_real_server() {
    if !Prometheus::is_installed() {
        return;
    }
    let server = Plan::new(BOOTSTRAP).set("passwords.strangers_total", "1000000").start();
    let prometheus = Prometheus::start(TIMES, &server);
    let mut waiting: BTreeSet<(String, String)> = BTreeSet::new();
    for panel in panels() {
        waiting.extend(panel.exprs.iter().map(|expr| (panel.name.clone(), filled_in(expr, RATE_INTERVAL))));
    }
    let all = waiting.len();
    // What is shown only if it was ever counted stands beside a line that is always there.
    let is_excused =
        |name: &str, expr: &str| expr.ends_with("> 0") || ONLY_IN_INCIDENTS.iter().any(|(known, _)| *known == name);
    // Every one is answered, those as well that may show nothing.
    for (name, expr) in waiting.iter().filter(|(name, expr)| is_excused(name, expr)) {
        println!("{name}: {} series", prometheus.query(expr).len());
    }
    waiting.retain(|(name, expr)| !is_excused(name, expr));
    for (name, why) in ONLY_IN_INCIDENTS {
        assert!(panels().iter().any(|panel| panel.name == name), "{name} shows something {why}, and is gone");
    }
    println!("{} of {all} queries must show something", waiting.len());
    assert!(waiting.len() > 70, "{}", waiting.len());
    wait_until("every panel shows something", || {
        work(&server);
        let before = waiting.len();
        waiting.retain(|(_, expr)| prometheus.query(expr).is_empty());
        if waiting.len() < before && waiting.len() < 20 {
            println!("still to come: {waiting:#?}");
        }
        waiting.is_empty()
    });
}

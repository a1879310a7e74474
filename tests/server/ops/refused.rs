//! Those who are turned away, and what an operator turns off: caused on a real server, and found.

use super::caused::TIMES;
use super::prometheus::Prometheus;
use crate::sealing::{damage, with_history};
use crate::support::{API_KEYS, BOOTSTRAP, CLERK, Call, MACHINE, Plan};
use serde_json::json;

#[test]
fn whoever_asks_too_much_or_tries_keys_is_found_and_so_is_a_forgotten_brake() {
    if !Prometheus::is_installed() {
        return;
    }
    let plan = Plan::new(&format!("{BOOTSTRAP}{API_KEYS}"));
    let server = plan.set("http.per_client", "1").start();
    // Half an hour is long.
    let prometheus = Prometheus::start(2.0 * TIMES, &server);
    prometheus.until_it_has_read();
    server.admin("POST", "/admin/brakes", &json!({"brake": "logins"}));
    let by = prometheus.until_firing("CountersignRateLimited", || {
        server.post("/oauth2/introspect", Some(MACHINE), &[("token", "nonsense")]);
    });
    assert_eq!(by["labels"]["by"], "client", "{by}");
    let refused = prometheus.until_firing("CountersignApiKeysRefused", || {
        assert_eq!(Call::new(CLERK, "GET", "/admin/keys").to(&server).status, 403);
    });
    assert_eq!(refused["labels"]["code"], "api_key_forbidden", "{refused}");
    prometheus.until_firing("CountersignLoginsBraked", || ());
    server.admin("POST", "/admin/brakes", &json!({"brake": "logins", "refuse": false}));
    prometheus.until_quiet("CountersignLoginsBraked", || ());
}

#[test]
fn damage_of_what_was_written_long_ago_is_found() {
    if !Prometheus::is_installed() {
        return;
    }
    let (mut server, _) = with_history();
    let prometheus = Prometheus::start(TIMES, &server);
    prometheus.until_it_has_read();
    assert_eq!(server.terminate(), Some(0));
    let stopped = server.stopped();
    damage(&stopped);
    let server = stopped.with(|plan| plan.set("journal.scrub_interval", "1s")).start();
    prometheus.follow(&server);
    prometheus.until_firing("CountersignSegmentsDamaged", || ());
    prometheus.until_firing("CountersignNotReady", || ());
    assert_eq!(server.login().status, 200, "requests are answered all the same");
}

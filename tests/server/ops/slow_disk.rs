//! A disk that is slow, and one that fills up.

use super::caused::{TIMES, login_ok};
use super::prometheus::Prometheus;
use crate::crash::full_disk::{self, LOW_WATER, SmallDisk};
use crate::crash::shim::compile;
use crate::support::{BOOTSTRAP, Plan, STORE, is_installed};

/// What one sync of the slow disk takes.
const SLOW: &str = "200";
/// Six hours become half a minute.
const TIMES_FOR_DAYS: f64 = 720.0;
const KIB: u64 = 1024;

#[test]
fn a_slow_disk_is_found() {
    if !Prometheus::is_installed() || !is_installed("cc", "gcc libc6-dev") {
        return;
    }
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let library = dir.path().join("slow_sync.so");
    compile("slow_sync.c", &library);
    let mut plan = Plan::new(BOOTSTRAP);
    let shim = [("LD_PRELOAD", library.to_str().unwrap()), ("SHIM_SLOW_MS", SLOW)];
    plan.env.extend(shim.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let server = plan.start();
    let prometheus = Prometheus::start(TIMES, &server);
    let alert = prometheus.until_firing("CountersignSlowSync", || login_ok(&server));
    assert!(alert["value"].as_str().unwrap().parse::<f64>().unwrap() > 0.1, "{alert}");
}

#[test]
fn a_disk_that_fills_up_is_found_before_it_is_full_and_when_it_is() {
    if !Prometheus::is_installed() {
        return;
    }
    let Some(disk) = SmallDisk::mount() else { return };
    let server = Plan::new(BOOTSTRAP).at(disk.root()).start();
    let prometheus = Prometheus::start(TIMES_FOR_DAYS, &server);
    prometheus.until_it_has_read();
    // Whatever the server itself needs must not make it full.
    let mut free = disk.free();
    let least = 2 * LOW_WATER;
    prometheus.until_firing("CountersignDiskFilling", || {
        login_ok(&server);
        free = free.saturating_sub(64 * KIB).max(least);
        disk.leave(free);
    });
    assert!(prometheus.firing("CountersignDiskLow").is_empty(), "there is room yet");
    let mut sessions: Vec<_> = (0..5).map(|_| server.login().refresh()).collect();
    disk.leave(LOW_WATER / 2);
    let alert = prometheus.until_firing("CountersignDiskLow", || drop(server.login()));
    assert!(alert["annotations"]["description"].as_str().unwrap().contains("MiB are free."), "{alert}");
    assert_eq!(server.login().status, 503);
    prometheus.until_firing("CountersignNotReady", || ());
    prometheus.until_firing("CountersignSessionsHeld", || {
        disk.leave(full_disk::STORE);
        // The reserve may have room for some.
        if let Some(token) = sessions.pop() {
            server.post("/oauth2/revoke", Some(STORE), &[("token", &token)]);
        }
    });
    disk.clear();
    prometheus.until_quiet("CountersignSessionsHeld", || ());
    prometheus.until_quiet("CountersignDiskLow", || ());
    prometheus.until_quiet("CountersignNotReady", || ());
    login_ok(&server);
}

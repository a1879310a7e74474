//! A certificate that nobody renewed, at a server that speaks TLS itself.

use super::boards::{filled_in, panels};
use super::caused::TIMES;
use super::prometheus::{Prometheus, RATE_INTERVAL};
use crate::support::{BOOTSTRAP, Plan, wait_until};
use chrono::{DateTime, Datelike, Days, Utc};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::SystemTime;
use tempfile::TempDir;

/// The days that the certificate has left: fewer than the alert wants, and more than any trial takes.
const LEFT: Days = Days::new(7);

/// A certificate that ends on a day, and its key.
fn issue(end: DateTime<Utc>) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(end.year(), end.month() as u8, end.day() as u8);
    fs::write(dir.path().join("cert.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
    fs::write(dir.path().join("key.pem"), key.serialize_pem()).unwrap();
    fs::set_permissions(dir.path().join("key.pem"), fs::Permissions::from_mode(0o600)).unwrap();
    dir
}

#[test]
fn a_certificate_that_ends_soon_is_found_and_the_panels_of_tls_show_it() {
    if !Prometheus::is_installed() {
        return;
    }
    let end = DateTime::<Utc>::from(SystemTime::now()).checked_add_days(LEFT).unwrap();
    let files = issue(end);
    let file = |name: &str| files.path().join(name).to_str().unwrap().to_owned();
    let plan = Plan::new(BOOTSTRAP).set("tls.cert", &file("cert.pem")).set("tls.key", &file("key.pem"));
    let server = plan.start();
    let prometheus = Prometheus::start(TIMES, &server);
    let alert = prometheus.until_firing("CountersignCertificateExpires", || ());
    let said = alert["annotations"]["description"].as_str().unwrap();
    assert!(said.contains(&format!("It ends on {}", end.format("%Y-%m-%d"))), "{said}");
    let wanted = ["overview.json: When does the certificate end?", "overview.json: How do TLS handshakes end?"];
    for panel in panels().iter().filter(|panel| wanted.contains(&panel.name.as_str())) {
        for expr in &panel.exprs {
            let expr = filled_in(expr, RATE_INTERVAL);
            wait_until(&panel.name, || !prometheus.query(&expr).is_empty());
        }
    }
}

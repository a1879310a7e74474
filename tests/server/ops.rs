//! What ops/ gives to those who run the server: the rules and dashboards fit the real server and the runbook, and a real
//! Prometheus finds what is caused on a real server.

mod boards;
mod caused;
mod certificate;
mod documents;
mod generated;
mod panels;
mod prometheus;
mod refused;
mod rules;
mod slow_disk;
mod went_back;

use std::fs;
use std::path::{Path, PathBuf};

/// A file of the repository.
fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn text(path: &str) -> String {
    fs::read_to_string(repository(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

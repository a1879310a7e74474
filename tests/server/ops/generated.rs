//! What is made by a script is as the script makes it, and Prometheus's own tool has nothing to say against the rules.

use super::boards::{FOLDER, files};
use super::prometheus::Prometheus;
use super::{repository, text};
use crate::support::{is_installed, left_out};
use std::fs;
use std::process::Command;

#[test]
fn the_dashboards_are_what_their_sources_make() {
    let Some(modules) = std::env::var_os("COUNTERSIGN_TEST_GRAFANA_NODE").or_else(|| {
        left_out("COUNTERSIGN_TEST_GRAFANA_NODE does not name a folder in which `npm ci` was run for ops/grafana")
    }) else {
        return;
    };
    if !is_installed("node", "nodejs") {
        return;
    }
    let made = tempfile::tempdir().unwrap();
    let mut make = Command::new(repository("ops/grafana/make"));
    let output = make.arg(made.path()).env("COUNTERSIGN_TEST_GRAFANA_NODE", modules).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let mut names: Vec<_> =
        fs::read_dir(made.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, files(), "one file for each dashboard, and no other");
    for name in names {
        let fresh = fs::read_to_string(made.path().join(&name)).unwrap();
        assert!(fresh == text(&format!("{FOLDER}/{name}")), "{name} is not what src makes: run ops/grafana/make");
    }
}

#[test]
fn promtool_finds_the_settings_and_rules_right_and_each_alert_fires_when_it_should() {
    if !Prometheus::is_installed() {
        return;
    }
    let promtool = |arguments: &[&str]| {
        let output =
            Command::new("promtool").args(arguments).current_dir(repository("ops/prometheus")).output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "promtool {arguments:?}: {said}");
        said
    };
    let checked = promtool(&["check", "config", "--lint=all", "--lint-fatal", "prometheus.yml"]);
    assert!(checked.contains("rules found"), "{checked}");
    promtool(&["check", "rules", "--lint=all", "--lint-fatal", "rules/recording.yml", "rules/alerts.yml"]);
    let tests = ["tests/server.yml", "tests/people.yml", "tests/journal.yml"];
    let passed = promtool(&[&["test", "rules"][..], &tests].concat());
    assert_eq!(passed.matches("SUCCESS").count(), tests.len(), "{passed}");
    let all: String = tests.iter().map(|path| text(&format!("ops/prometheus/{path}"))).collect();
    for alert in super::rules::alerts() {
        let cases = all.split("alertname: ").skip(1).filter(|case| case.lines().next() == Some(&alert.name));
        let (quiet, fires): (Vec<_>, Vec<_>) = cases.partition(|case| case.lines().nth(1).unwrap().contains("[]"));
        assert!(!fires.is_empty() && !quiet.is_empty(), "{} is tried both ways", alert.name);
    }
}

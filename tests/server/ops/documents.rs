//! Every alert has its section in the runbook and every section its alert; what is named anywhere exists in the real server.

use super::boards::{Panel, panels, shown_from_to};
use super::prometheus::Prometheus;
use super::rules::{Alert, RULES, alerts};
use super::{repository, text};
use crate::support::{BOOTSTRAP, MACHINE, Plan, Server};
use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

const RUNBOOK: &str = "docs/RUNBOOK.md";
/// What every section of an alert tells.
const PARTS: [&str; 6] =
    ["**For people.**", "**Look.**", "**Likely.**", "**Do.**", "**Stop when**", "**It is over when**"];
/// Metrics that only a server shows that speaks TLS itself.
const ONLY_WITH_TLS: [&str; 1] = ["countersign_tls_handshakes_total"];
/// Metrics on no dashboard, and why.
const NOT_SHOWN: [(&str, &str); 0] = [];

/// Alerts that no trial causes on a real server, and why. `promtool` tries them.
const NOT_CAUSED: [(&str, &str); 5] = [
    ("CountersignSlowAnswers", "it would fire on a busy machine only"),
    ("CountersignUnsealedSegments", "the keeper is never that slow in a trial"),
    ("CountersignScrubOverdue", "nor does it stop reading"),
    ("CountersignSigningKeyOld", "the server rotates its keys"),
    ("CountersignHashKernelDiffers", "both implementations are right"),
];

/// A section of the runbook: its place as links name it, and its text.
fn sections() -> Vec<(String, String)> {
    let runbook = text(RUNBOOK);
    let sections = runbook.split("\n### ").skip(1).map(|section| {
        let (title, rest) = section.split_once('\n').unwrap();
        (slug(title), rest.split("\n## ").next().unwrap().to_owned())
    });
    sections.collect()
}

/// A heading as links name it.
fn slug(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// Every name in a text that begins with a prefix.
fn named(text: &str, prefix: &str) -> BTreeSet<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let words = text.split(|c: char| !is_name(c));
    words.filter(|word| word.starts_with(prefix) && word.len() > prefix.len()).map(str::to_owned).collect()
}

/// A metric's family: without what a histogram adds.
fn family(name: &str) -> &str {
    ["_bucket", "_sum", "_count"].iter().find_map(|added| name.strip_suffix(added)).unwrap_or(name)
}

/// The fields of `src/metrics.rs`, with the prefix that they get.
fn fields() -> BTreeSet<String> {
    let source = text("src/metrics.rs");
    let (_, declared) = source.split_once("\nmetrics! {").unwrap();
    let (declared, _) = declared.split_once("\n}").unwrap();
    let lines = declared.lines().map(str::trim).filter(|line| !line.starts_with("///"));
    lines.filter_map(|line| line.split_once(": ")).map(|(name, _)| format!("countersign_{name}")).collect()
}

/// The families that a real server shows.
fn shown(server: &Server) -> BTreeSet<String> {
    let text = server.get("/metrics").body;
    let lines = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    lines.map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

fn everything_that_panels_say() -> String {
    let texts = panels().into_iter().flat_map(|Panel { exprs, description, .. }| [exprs.join("\n"), description]);
    texts.collect::<Vec<_>>().join("\n")
}

#[test]
fn every_alert_has_its_section_in_the_runbook_and_every_section_its_alert() {
    let sections = sections();
    let mut findings = Vec::new();
    for alert in alerts() {
        let url = alert.value("runbook_url").unwrap_or_default();
        let place = url.strip_prefix(&format!("{RUNBOOK}#")).unwrap_or_default();
        let severity = if alert.text.contains("severity: page") { "page" } else { "ticket" };
        let begin = format!("\n`{}` · {severity}\n", alert.name);
        match sections.iter().find(|(slug, _)| slug == place) {
            None => findings.push(format!("{}: there is no section #{place}", alert.name)),
            Some((_, said)) if !said.starts_with(&begin) => findings.push(format!("#{place} does not begin {begin:?}")),
            Some(_) => {}
        }
        for key in ["summary", "description"] {
            assert!(alert.value(key).is_some_and(|said| said.len() > 20), "{} says what is the matter", alert.name);
        }
    }
    for (slug, said) in &sections {
        let owners = alerts().into_iter().filter(|alert| said.contains(&format!("\n`{}` · ", alert.name))).count();
        if owners != 1 {
            findings.push(format!("#{slug} has {owners} alerts"));
        }
        let missing = PARTS.iter().filter(|part| said.matches(*part).count() != 1);
        findings.extend(missing.map(|part| format!("#{slug} must say once: {part}")));
    }
    assert!(findings.is_empty(), "{findings:#?}");
}

#[test]
fn every_alert_is_caused_on_a_real_server_or_there_is_a_reason_why_not() {
    let mut trials = String::new();
    for entry in std::fs::read_dir(repository("tests/server/ops")).unwrap().map(Result::unwrap) {
        trials += &std::fs::read_to_string(entry.path()).unwrap();
    }
    for Alert { name, .. } in alerts() {
        let is_caused = trials.contains(&format!("until_firing(\"{name}\""));
        let excuse = NOT_CAUSED.iter().find(|(known, _)| *known == name);
        assert!(is_caused != excuse.is_some(), "{name}: caused, or excused ({excuse:?})");
    }
}

#[test]
fn every_panel_says_what_is_good_what_is_bad_and_where_to_read_on() {
    let runbook = text(RUNBOOK);
    let headings = runbook.lines().filter(|line| line.starts_with('#'));
    let places: BTreeSet<_> = headings.map(|line| slug(line.trim_start_matches('#'))).collect();
    let mut titles = BTreeSet::new();
    for panel in panels() {
        assert!(titles.insert(panel.name.clone()), "{} stands there twice", panel.name);
        if panel.content.is_some() {
            continue;
        }
        for part in ["**Good:** ", "**Bad:** ", "**Do:** "] {
            assert!(panel.description.contains(part), "{}: {}", panel.name, panel.description);
        }
        assert!(!panel.unit.is_empty() && !panel.exprs.is_empty(), "{}", panel.name);
        // On a screen of 1280 pixels a column has 53, and a letter of a title about 8.
        let (_, title) = panel.name.split_once(": ").unwrap();
        assert!(title.chars().count() as u64 <= 6 * panel.width, "{} is cut off: {} wide", panel.name, panel.width);
        let [link] = &panel.links[..] else { panic!("{}: {:?}", panel.name, panel.links) };
        let place = link.strip_prefix("${runbook}#").unwrap();
        assert!(places.contains(place), "{}: {RUNBOOK} has no section #{place}", panel.name);
    }
}

#[test]
fn every_metric_that_is_named_exists_and_every_metric_that_exists_is_shown() {
    let server = Plan::new(BOOTSTRAP).start();
    server.login();
    server.post("/oauth2/token", Some(MACHINE), &[("grant_type", "client_credentials")]);
    // What a route's request counts stands there from the next answer on.
    let (shown, fields) = (shown(&server), fields());
    assert!(fields.len() > 50 && fields.contains("countersign_ready"), "{fields:?}");
    let (rules, boards, runbook) = (RULES.map(text).join("\n"), everything_that_panels_say(), text(RUNBOOK));
    let operations = text("docs/OPERATIONS.md");
    let mut findings = Vec::new();
    for (place, said) in [("rules", &rules), ("dashboards", &boards), (RUNBOOK, &runbook), ("OPERATIONS", &operations)]
    {
        let names = named(said, "countersign_").into_iter().chain(named(said, "process_"));
        let names: Vec<_> = names.filter(|name| !name.contains(':')).collect();
        let is_shown = |name: &str| {
            let with_tls = ONLY_WITH_TLS.contains(&name) && fields.contains(name);
            with_tls || shown.contains(family(name)) || shown.contains(name)
        };
        let missing = names.iter().filter(|name| !is_shown(name));
        findings.extend(missing.map(|name| format!("{place}: the server has no {name}")));
        let recorded = |name: &String| rules.contains(&format!("record: {name}\n"));
        // A path of Rust has two colons: it is where a line of the diagnostics comes from.
        let records = named(said, "countersign:").into_iter().filter(|name| !name.contains("::"));
        let unrecorded = records.filter(|name| !recorded(name));
        findings.extend(unrecorded.map(|name| format!("{place}: no rule records {name}")));
    }
    let on_boards: BTreeSet<_> = named(&boards, "countersign_").iter().map(|name| family(name).to_owned()).collect();
    let behind_records = named(&rules, "countersign_");
    for field in fields {
        let is_shown = on_boards.contains(&field) || behind_records.iter().any(|name| family(name) == field);
        let is_excused = NOT_SHOWN.iter().any(|(name, _)| *name == field);
        if is_shown == is_excused {
            findings.push(format!("{field}: on a dashboard, or among those that are not shown, with the reason"));
        }
    }
    assert!(findings.is_empty(), "{findings:#?}");
}

#[test]
fn promtool_finds_the_metrics_of_a_real_server_well_made() {
    if !Prometheus::is_installed() {
        return;
    }
    let server = Plan::new(BOOTSTRAP).start();
    server.login();
    let metrics = server.get("/metrics").body;
    let mut check = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    check.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let output = check.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// The commands of a text that read the journal.
fn audit_commands(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim).filter(|line| line.starts_with("countersign audit tail "));
    lines.map(str::to_owned).collect()
}

#[test]
fn every_command_that_a_panel_or_the_runbook_tells_to_run_runs() {
    let server = Plan::new(BOOTSTRAP).start();
    let said = panels().into_iter().flat_map(|panel| [Some(panel.description), panel.content].into_iter().flatten());
    let (from, to) = ("2026-01-31T00:00:00.000Z", "2126-01-31T00:00:00.000Z");
    let said: Vec<_> = said.map(|said| shown_from_to(&said, from, to)).collect();
    let of_panels = audit_commands(&said.join("\n"));
    let of_runbook = audit_commands(&text(RUNBOOK));
    assert!(of_panels.len() > 10 && of_runbook.len() > 3, "{of_panels:?} {of_runbook:?}");
    for command in of_panels.into_iter().chain(of_runbook).collect::<BTreeSet<_>>() {
        let here = command.replace("--config /etc/countersign/countersign.toml", "--data-dir \"$DATA\"");
        assert_ne!(here, command, "it names the configuration");
        let program = repository_program();
        let output = Command::new("bash")
            .args(["--norc", "-euo", "pipefail", "-c", &here.replacen("countersign", &program, 1)])
            .env("DATA", server.data_dir())
            .env_remove("BASH_ENV")
            .output()
            .unwrap();
        assert!(output.status.success(), "{command}: {output:?}");
    }
}

fn repository_program() -> String {
    let program = env!("CARGO_BIN_EXE_countersign");
    assert!(repository("Cargo.toml").is_file() && !program.contains('\''));
    format!("'{program}'")
}

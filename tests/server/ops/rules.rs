//! The rules as they are shipped, and the same with every span of time made shorter, so that a trial need not wait for an hour.

use super::text;
use std::path::Path;

pub const RULES: [&str; 2] = ["ops/prometheus/rules/recording.yml", "ops/prometheus/rules/alerts.yml"];
/// What a span is written with.
const UNITS: [(char, f64); 5] = [('s', 1.0), ('m', 60.0), ('h', 3600.0), ('d', 86_400.0), ('w', 604_800.0)];

/// An alert as its file has it.
#[derive(Debug)]
pub struct Alert {
    pub name: String,
    /// The lines of it, from `alert:` on.
    pub text: String,
}

impl Alert {
    /// What stands behind a key, in the quotes or without.
    pub fn value(&self, key: &str) -> Option<&str> {
        let line = self.text.lines().find_map(|line| line.trim().strip_prefix(key)?.strip_prefix(": "));
        line.map(|value| value.trim_matches('\''))
    }
}

/// All alerts.
pub fn alerts() -> Vec<Alert> {
    let rules = text(RULES[1]);
    let alerts = rules.split("\n      - alert: ").skip(1);
    let alerts = alerts.map(|alert| {
        let (name, _) = alert.split_once('\n').unwrap();
        Alert { name: name.to_owned(), text: format!("alert: {alert}") }
    });
    alerts.collect()
}

/// Seconds of a span such as `5m`.
fn seconds(span: &str) -> Option<f64> {
    let unit = span.chars().next_back()?;
    let (_, each) = UNITS.iter().find(|(known, _)| *known == unit)?;
    Some(span[..span.len() - 1].parse::<f64>().ok()? * each)
}

fn shorter(span: &str, times: f64) -> String {
    let seconds = seconds(span).unwrap_or_else(|| panic!("{span} is no span of time"));
    // Two readings must fit in, whatever is made of it.
    format!("{}ms", (seconds * 1000.0 / times).max(2000.0))
}

/// A line with its ranges, `for:` and `interval:` made so many times shorter. Numbers are left alone: they are thresholds.
fn quicker_line(line: &str, times: f64) -> String {
    for key in ["for: ", "interval: "] {
        if let Some((before, span)) = line.split_once(key)
            && before.trim().is_empty()
        {
            return format!("{before}{key}{}", shorter(span, times));
        }
    }
    let mut parts = line.split('[');
    let mut quicker = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (span, rest) = part.split_once(']').unwrap_or_else(|| panic!("no range: {line}"));
        quicker += &format!("[{}]{rest}", shorter(span, times));
    }
    quicker
}

/// A file of rules that runs so many times as fast.
pub fn quicker(rules: &str, times: f64) -> String {
    rules.lines().map(|line| quicker_line(line, times) + "\n").collect()
}

/// Writes the rules, so many times as fast, into a folder.
pub fn write_quicker(folder: &Path, times: f64) {
    for path in RULES {
        let name = Path::new(path).file_name().unwrap();
        std::fs::write(folder.join(name), quicker(&text(path), times)).unwrap();
    }
}

#[test]
fn rules_are_made_quicker_in_their_spans_and_nowhere_else() {
    let rules = "        for: 5m\n        expr: rate(x_total{a=\"[b]\"}[1h]) > 0.1 and y[30m] < 14 * 86400\n";
    let given = rules.replace("{a=\"[b]\"}", "");
    let wanted = "        for: 10000ms\n        expr: rate(x_total[120000ms]) > 0.1 and y[60000ms] < 14 * 86400\n";
    assert_eq!(quicker(&given, 30.0), wanted);
    assert_eq!(quicker("for: 1m\n", 3600.0), "for: 2000ms\n", "never shorter than two readings");
    assert_eq!(quicker("expr: a\n", 1.0), "expr: a\n");
}

#[test]
fn the_alerts_are_read_from_their_file() {
    let alerts = alerts();
    assert_eq!(alerts.len(), text(RULES[1]).matches("- alert:").count());
    let down = alerts.iter().find(|alert| alert.name == "CountersignDown").unwrap();
    assert_eq!(down.value("runbook_url"), Some("docs/RUNBOOK.md#nobody-answers"));
    assert_eq!(down.value("for"), Some("1m"));
    assert_eq!(down.value("command"), None);
}

//! The dashboards as they are shipped.

use super::{repository, text};
use serde_json::Value;
use std::fs;

pub const FOLDER: &str = "ops/grafana/dashboards";

/// A panel with queries, or a text.
pub struct Panel {
    /// The dashboard's file and the panel's title.
    pub name: String,
    pub description: String,
    pub unit: String,
    /// Of 24.
    pub width: u64,
    pub links: Vec<String>,
    pub exprs: Vec<String>,
    /// What a text says.
    pub content: Option<String>,
}

/// The names of the files.
pub fn files() -> Vec<String> {
    let entries = fs::read_dir(repository(FOLDER)).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

pub fn board(file: &str) -> Value {
    serde_json::from_str(&text(&format!("{FOLDER}/{file}"))).unwrap()
}

/// Every panel of every dashboard; rows are none.
pub fn panels() -> Vec<Panel> {
    let mut all = Vec::new();
    for file in files() {
        let board = board(&file);
        let panels = board["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row");
        all.extend(panels.map(|panel| Panel::of(&file, panel)));
    }
    assert!(all.len() > 40, "{} panels", all.len());
    all
}

fn strings<'a>(list: &'a Value, field: &str) -> Vec<String> {
    let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
    let texts = items.iter().map(|item: &'a Value| item[field].as_str().unwrap_or_default().to_owned());
    texts.collect()
}

impl Panel {
    fn of(file: &str, panel: &Value) -> Self {
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Self {
            name: format!("{file}: {}", word(&panel["title"])),
            description: word(&panel["description"]),
            unit: word(&panel["fieldConfig"]["defaults"]["unit"]),
            width: panel["gridPos"]["w"].as_u64().unwrap(),
            links: strings(&panel["links"], "url"),
            exprs: strings(&panel["targets"], "expr"),
            content: panel["options"]["content"].as_str().map(str::to_owned),
        }
    }
}

/// A query as Grafana asks it, with everything chosen.
pub fn filled_in(expr: &str, rate_interval: &str) -> String {
    let filled = expr.replace("$__rate_interval", rate_interval);
    let filled = ["$job", "$instance", "$client"].iter().fold(filled, |text, name| text.replace(name, ".*"));
    assert!(!filled.contains('$'), "a variable that nothing fills in: {filled}");
    filled
}

/// A text with the time that is shown.
pub fn shown_from_to(text: &str, from: &str, to: &str) -> String {
    let text = text.replace("${__from:date:iso}", from).replace("${__to:date:iso}", to);
    text.replace("${runbook}", "docs/RUNBOOK.md")
}

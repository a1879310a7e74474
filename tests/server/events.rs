//! `docs/EVENTS.md` says what the stored shapes are: no type and no field more or less.

use crate::support::writes_pins;
use countersign::journal::schema::{EVENT_TYPES, EVENTS};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_type_is_told_in_order_and_once() {
    let told: Vec<&str> = EVENTS.iter().map(|event| event.name).collect();
    let (sorted, types): (BTreeSet<&str>, BTreeSet<&str>) =
        (told.iter().copied().collect(), EVENT_TYPES.iter().copied().collect());
    assert_eq!(sorted, types);
    assert_eq!(told.len(), types.len(), "once");
    assert!(EVENTS.iter().all(|event| !event.meaning.is_empty() && !event.since.is_empty()));
}

/// The fields of each type in all golden files, and in how many of those each stands.
fn fields_in_golden_files() -> BTreeMap<String, (usize, BTreeMap<String, usize>)> {
    let mut all: BTreeMap<String, (usize, BTreeMap<String, usize>)> = BTreeMap::new();
    for file in std::fs::read_dir(root().join("tests/golden")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let entry: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let (files, fields) = all.entry(entry["type"].as_str().unwrap().to_owned()).or_default();
        *files += 1;
        for name in entry["data"].as_object().unwrap().keys() {
            *fields.entry(name.clone()).or_default() += 1;
        }
    }
    all
}

#[test]
fn every_field_is_told_and_none_that_there_is_not() {
    let golden = fields_in_golden_files();
    for event in EVENTS {
        let (files, fields) = &golden[event.name];
        let bare = |name: &str| name.trim_end_matches(['?', '†']).to_owned();
        let told: BTreeSet<String> = event.fields.iter().map(|(name, _)| bare(name)).collect();
        let stored: BTreeSet<String> = fields.keys().cloned().collect();
        assert!(stored.is_subset(&told), "{}: a field is not told: {stored:?}", event.name);
        // What several types tell in one way is optional in all, and stands in a golden file of one of them.
        let kind = event.name.split('.').next().unwrap();
        let kin: BTreeSet<String> = golden
            .iter()
            .filter(|(name, _)| name.split('.').next() == Some(kind))
            .flat_map(|(_, (_, fields))| fields.keys().cloned())
            .collect();
        assert!(told.is_subset(&kin), "{}: no golden file has all of {told:?}", event.name);
        for (name, _) in event.fields.iter().filter(|(name, _)| !name.contains('?')) {
            assert_eq!(
                fields[&bare(name)],
                *files,
                "{}: {name} is not in every golden file, so it is optional",
                event.name
            );
        }
    }
}

#[test]
fn the_document_is_what_the_command_prints() {
    let printed = |arguments: &[&str]| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_countersign")).args(["audit", "events"]).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, text) = printed(&["--markdown"]);
    let path = root().join("docs/EVENTS.md");
    if writes_pins() {
        std::fs::write(&path, &text).unwrap();
    }
    assert_eq!(code, Some(0));
    assert!(
        std::fs::read_to_string(path).unwrap() == text,
        "run: countersign audit events --markdown > docs/EVENTS.md"
    );
    let (code, json) = printed(&["--json", "gate."]);
    let types: Vec<Value> = serde_json::from_str(&json).unwrap();
    assert!(
        code == Some(0)
            && types.len() > 8
            && types.iter().all(|event| event["type"].as_str().unwrap().starts_with("gate."))
    );
    assert_eq!(printed(&["nonsense"]).0, Some(1));
}

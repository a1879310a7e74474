//! The code base under test: who may import whom, how long things may be, words that do not belong here, links that lead
//! somewhere. What this file forbids it forbids with a reason; a rule that is in the way is changed here, in the open.

#[path = "tidy/documents.rs"]
mod documents;
#[path = "tidy/imports.rs"]
mod imports;
#[path = "tidy/lexer.rs"]
mod lexer;
#[path = "tidy/self_tests.rs"]
mod self_tests;
#[path = "tidy/tree.rs"]
mod tree;
#[path = "tidy/words.rs"]
mod words;

use lexer::tokens;
use std::process::Command;
use tree::{none, root, sources, texts};

/// Each room of `src` and the rooms it may import. Nothing calls back up: from the rules at the top to the doors at the end,
/// a room knows only what stands before it.
const ROOMS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("clock", &["domain"]),
    ("entropy", &["domain"]),
    ("config", &["domain"]),
    ("metrics", &["domain"]),
    ("crypto", &["domain", "entropy"]),
    ("journal", &["domain", "entropy", "crypto"]),
    ("audit", &["domain", "crypto", "journal"]),
    ("actors", &["domain", "clock", "entropy", "metrics", "crypto", "journal"]),
    // `clock` and `entropy` for what is said about a request: how long it took, and its id. `config` for what it reads of a client,
    // an account or an API key, in a body as in the bootstrap file, and nothing else: a door is handed its own limits. Not
    // `journal`: it goes through the actors' handles.
    ("http", &["domain", "clock", "entropy", "config", "metrics", "crypto", "audit", "actors"]),
    ("app", &["domain", "clock", "entropy", "config", "metrics", "crypto", "journal", "audit", "actors", "http"]),
    (
        "cli",
        &["domain", "clock", "entropy", "config", "metrics", "crypto", "journal", "audit", "actors", "http", "app"],
    ),
    ("main", &["config", "app", "cli"]),
];

/// Crates of others that stay in their room, so that they could be exchanged there.
const CRATES: &[(&str, &[&str])] = &[
    ("sled", &["src/journal/sled_store.rs"]),
    ("actix", &["src/actors/", "src/app"]),
    ("actix_http", &["src/http/"]),
    ("actix_server", &["src/http/", "src/app"]),
    ("actix_service", &["src/http/"]),
    ("actix_web", &["src/http/", "src/app"]),
    ("argon2", &["src/crypto/"]),
    ("aws_lc_rs", &["src/crypto/", "src/entropy.rs", "src/journal/"]),
    ("bcrypt", &["src/crypto/"]),
    ("clap", &["src/cli", "src/main.rs"]),
    ("figment", &["src/config/"]),
    // Apps read tokens with nothing of ours: those that are played in a demo, and those that a test stands for.
    ("jsonwebtoken", &["src/crypto/access_token/tests.rs", "src/cli/demo/attack/apps.rs"]),
    ("postcard", &["src/journal/"]),
    ("prometheus", &["src/metrics"]),
    ("rustls", &["src/http/", "src/cli"]),
    ("tokio_rustls", &["src/http/"]),
    ("scrypt", &["src/crypto/"]),
    ("tracing_subscriber", &["src/app", "src/cli"]),
    ("utoipa", &["src/http/"]),
    ("zeroizing_alloc", &["src/main.rs"]),
    ("zxcvbn", &["src/crypto/"]),
];

/// Lints of clippy that hold where the program is not a test.
const BANS: &[&str] =
    &["disallowed_methods", "disallowed_types", "panic", "print_stderr", "print_stdout", "unwrap_used"];

const MOST_LINES: usize = 500;
const MOST_FUNCTION_LINES: usize = 70;

/// Longer files and functions that are still to be parted: `path` or `path::function`. This list only gets shorter.
const STILL_TOO_LONG: &[&str] = &[];

#[test]
fn every_import_is_an_edge_of_the_table() {
    let mut findings = Vec::new();
    for file in sources().iter().filter(|file| file.path.starts_with("src/") && file.path != "src/lib.rs") {
        let room = imports::room(&file.path);
        let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == room) else {
            findings.push(format!("{}: the room `{room}` is not in the table", file.path));
            continue;
        };
        for (named, line) in imports::rooms(file, &tokens(&file.text)) {
            if named != room && !allowed.contains(&named.as_str()) {
                findings.push(format!("{}:{line}: `{room}` may not import `{named}`", file.path));
            }
        }
    }
    none("rooms of src/ that import what the table in tests/tidy.rs does not let them:", &findings);
}

#[test]
fn crates_of_others_stay_in_their_room() {
    let mut findings = Vec::new();
    for file in sources().iter().filter(|file| file.path.starts_with("src/")) {
        let tokens = tokens(&file.text);
        for (name, _) in CRATES.iter().filter(|(_, rooms)| !rooms.iter().any(|room| file.path.starts_with(room))) {
            let uses = imports::crate_uses(&tokens, name);
            findings.extend(uses.iter().map(|line| format!("{}:{line}: `{name}`", file.path)));
        }
    }
    none("crates used outside of the rooms that tests/tidy.rs gives them:", &findings);
}

/// A model that knows the engine agrees with its mistakes.
#[test]
fn the_model_of_the_simulator_names_nothing_of_the_engine() {
    let model: Vec<_> = sources().into_iter().filter(|file| file.path.starts_with("tests/model/")).collect();
    assert!(model.len() > 1, "the model is where it is looked for");
    let mut findings = Vec::new();
    for file in &model {
        let lines = imports::ways_out_of_the_model(file, &tokens(&file.text));
        findings.extend(lines.iter().map(|line| format!("{}:{line}", file.path)));
    }
    none("places of tests/model that name the engine, or what is beside the model:", &findings);
}

#[test]
fn the_bans_of_clippy_toml_are_on_in_everything_that_ships() {
    for crate_root in ["src/lib.rs", "src/main.rs"] {
        let text = std::fs::read_to_string(root().join(crate_root)).unwrap();
        for lint in BANS {
            assert!(
                text.contains(&format!("clippy::{lint}")),
                "{crate_root} switches on {lint} where it is not a test"
            );
        }
    }
}

#[test]
fn files_and_functions_fit_into_a_head() {
    let (mut findings, mut long) = (Vec::new(), Vec::new());
    for file in sources() {
        let lines = file.text.lines().count();
        if lines > MOST_LINES {
            long.push((file.path.clone(), format!("{} has {lines} lines", file.path)));
        }
        for (name, line, lines) in imports::long_functions(&tokens(&file.text), MOST_FUNCTION_LINES) {
            long.push((format!("{}::{name}", file.path), format!("{}:{line}: {name} has {lines} lines", file.path)));
        }
    }
    findings
        .extend(long.iter().filter(|(key, _)| !STILL_TOO_LONG.contains(&key.as_str())).map(|(_, text)| text.clone()));
    let mended = STILL_TOO_LONG.iter().filter(|known| long.iter().all(|(key, _)| key != *known));
    findings.extend(mended.map(|key| format!("{key} is short enough: take it off the list")));
    none("files over 500 and functions over 70 lines:", &findings);
}

#[test]
fn no_word_stands_here_that_does_not_belong_here() {
    let findings: Vec<_> = texts().iter().flat_map(words::banned).collect();
    none("words that do not belong in this repository:", &findings);
}

#[test]
fn every_text_is_clean_to_the_last_byte() {
    let findings: Vec<_> = texts().iter().flat_map(words::unclean).collect();
    none("white space and invisible characters:", &findings);
}

#[test]
fn every_source_says_on_top_what_it_is() {
    let tests = |path: &str| path.ends_with("/tests.rs") || path.contains("/tests/");
    let silent = sources().into_iter().filter(|file| !tests(&file.path) && !file.text.starts_with("//!"));
    none("sources without a first line of documentation:", &silent.map(|file| file.path).collect::<Vec<_>>());
}

#[test]
fn every_link_and_every_file_named_in_a_document_exists() {
    let findings: Vec<_> = texts().iter().flat_map(documents::dead_ends).collect();
    none("documents that lead nowhere:", &findings);
}

#[test]
fn every_crate_has_its_reason() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let reasons = std::fs::read_to_string(root().join("docs/decisions/0006-crates.md")).unwrap();
    let crates = documents::dependencies(&manifest);
    assert!(crates.contains(&"sled".to_owned()) && crates.contains(&"proptest".to_owned()), "{crates:?}");
    let silent = crates.into_iter().filter(|name| !reasons.contains(&format!("`{name}`")));
    none("crates that docs/decisions/0006-crates.md does not tell of:", &silent.collect::<Vec<_>>());
}

/// What nobody can measure again is a claim.
#[test]
fn every_ratio_of_the_performance_page_has_a_command_that_its_script_takes() {
    let page = std::fs::read_to_string(root().join("docs/PERFORMANCE.md")).unwrap();
    let rows: Vec<_> = page.lines().filter(|line| line.starts_with("| R")).collect();
    let mut findings = Vec::new();
    for row in &rows {
        let command = row.split('`').find(|word| word.starts_with("load/run ") || word.starts_with("scripts/measure "));
        let takes = command.and_then(|command| command.split_once(' ')).is_some_and(|(script, what)| {
            let text = std::fs::read_to_string(root().join(script)).unwrap();
            let mut arms = text.lines().filter_map(|line| line.trim().split_once(')')).map(|(arm, _)| arm.split(" | "));
            arms.any(|mut names| names.any(|name| name == what))
        });
        findings.extend((!takes).then(|| (*row).to_owned()));
    }
    for ratio in "R1 R2 R4 R5 R6 R6v R7 R7i R8 R9 R10 R11 R12 R14 R15".split(' ') {
        let is_there = rows.iter().any(|row| row.starts_with(&format!("| {ratio} |")));
        findings.extend((!is_there).then(|| format!("{ratio} has no row")));
    }
    none("ratios of docs/PERFORMANCE.md without a command:", &findings);
}

/// A test that is skipped or tried again until it passes says nothing.
#[test]
fn no_test_is_ignored_and_none_is_retried() {
    let mut findings = Vec::new();
    for file in texts() {
        let tokens = if file.is_rust() { tokens(&file.text) } else { Vec::new() };
        let ignored =
            tokens.windows(2).filter(|pair| matches!(pair[0].text.as_str(), "[" | ",") && pair[1].text == "ignore");
        findings.extend(ignored.map(|pair| format!("{}:{}: ignored", file.path, pair[1].line)));
        let is_script = file.path.starts_with("scripts/") && !file.path.starts_with("scripts/faults/");
        let is_setting = file.path == ".config/nextest.toml" || is_script || file.path == ".ci/run";
        for (number, line) in (1..).zip(file.text.lines()).filter(|_| is_setting) {
            let line = line.split('#').next().unwrap_or("").trim();
            if line.contains("retries") && line != "retries = 0" {
                findings.push(format!("{}:{number}: {line}", file.path));
            }
        }
    }
    let nextest = std::fs::read_to_string(root().join(".config/nextest.toml")).unwrap();
    assert!(nextest.lines().any(|line| line == "retries = 0"), "nextest is told not to retry");
    none("tests that are not run, or run until they pass:", &findings);
}

/// A fault that cannot be planted says nothing about the trials that should catch it.
#[test]
fn every_fault_of_scripts_faults_can_be_planted() {
    let mut findings = Vec::new();
    let faults: Vec<_> = texts().into_iter().filter(|file| file.path.starts_with("scripts/faults/")).collect();
    assert!(!faults.is_empty());
    for file in faults {
        if !file.text.lines().nth(1).is_some_and(|line| line.starts_with("trials: ")) {
            findings.push(format!("{}: its second line is not `trials: ARGUMENTS`", file.path));
        }
        let check = Command::new("git").args(["apply", "--check", &file.path]).current_dir(root()).output().unwrap();
        if !check.status.success() {
            findings.push(format!("{}: {}", file.path, String::from_utf8_lossy(&check.stderr).trim()));
        }
    }
    none("faults that fit the code no longer; plant them anew:", &findings);
}

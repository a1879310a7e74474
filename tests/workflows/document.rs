//! `docs/WORKFLOWS.md`: its tables are made from the tests of the steps, and pinned. After a change,
//! `COUNTERSIGN_TEST_UPDATE=1 cargo test --test workflows document` writes them; read the difference before it is kept.

use crate::support::writes_pins;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const PAGE: &str = "docs/WORKFLOWS.md";
/// What stands between a workflow's beginning and this is made.
const END: &str = "<!-- Made to here. -->\n";

/// A workflow: the module of its tests, which is also how their names begin, and its last step.
const CHAPTERS: [(&str, usize); 3] = [("mobile", 22), ("webapp_sessions", 42), ("webapp_native", 35)];

/// What the test of a step says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    number: usize,
    /// The function.
    test: String,
    request: String,
    answer: String,
}

/// The steps of a source, and what is wrong with their tests.
fn read(source: &str, workflow: &str) -> (Vec<Step>, Vec<String>) {
    let (mut steps, mut findings) = (Vec::new(), Vec::new());
    let (mut said, mut attributes) = (Vec::new(), Vec::new());
    for line in source.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            said.push(text.trim());
        } else if line.starts_with("#[") {
            attributes.push(line);
        } else {
            if let Some((name, number)) = function(line, workflow) {
                // `cfg` and `ignore` would take it out of the suite, and leave it here.
                if attributes != ["#[test]"] {
                    findings.push(format!("{name} is not `#[test]` and nothing else: {attributes:?}"));
                }
                let [request, answer] = ["Request", "Answer"].map(|label| {
                    let text = labelled(&said, label);
                    if text.is_empty() {
                        findings.push(format!("{name} says no `{label}:`"));
                    }
                    text
                });
                steps.push(Step { number, test: name.to_owned(), request, answer });
            }
            said.clear();
            attributes.clear();
        }
    }
    (steps, findings)
}

/// The name and the number of a step's test that begins on a line.
fn function<'a>(line: &'a str, workflow: &str) -> Option<(&'a str, usize)> {
    let name = line.strip_prefix("fn ")?.split('(').next()?;
    let number = name.strip_prefix(workflow)?.strip_prefix("_step_")?.split('_').next()?;
    Some((name, number.parse().ok()?))
}

/// What a comment says behind `Label: `, to the next label.
fn labelled(said: &[&str], label: &str) -> String {
    let is_label = |line: &str| line.split_once(": ").is_some_and(|(word, _)| matches!(word, "Request" | "Answer"));
    let from = said.iter().skip_while(|line| !line.starts_with(&format!("{label}: ")));
    let lines = from.enumerate().take_while(|(at, line)| *at == 0 || !is_label(line)).map(|(_, line)| *line);
    lines.collect::<Vec<_>>().join(" ").trim_start_matches(label).trim_start_matches(": ").to_owned()
}

/// Every number from 1 to the last has one step.
fn gaps(steps: &[Step], last: usize) -> Vec<String> {
    let mut tests: BTreeMap<usize, Vec<&str>> = (1..=last).map(|number| (number, Vec::new())).collect();
    steps.iter().for_each(|step| tests.entry(step.number).or_default().push(&step.test));
    let wrong = tests.iter().filter(|(number, tests)| tests.len() != 1 || !(1..=last).contains(*number));
    wrong.map(|(number, tests)| format!("step {number} of {last} has {} tests: {tests:?}", tests.len())).collect()
}

/// A test's name as a sentence.
fn sentence(test: &str, workflow: &str) -> String {
    let words = test.trim_start_matches(workflow).trim_start_matches("_step_").split('_').skip(1);
    let words = words.map(|word| match word {
        "jwt" => "JWT",
        "api" => "API",
        "countersign" => "Countersign",
        word => word,
    });
    let text = words.collect::<Vec<_>>().join(" ").replace(" s ", "'s ");
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn table(steps: &[Step], workflow: &str) -> String {
    let mut text = "| | what happens | request | answer | test |\n|---|---|---|---|---|\n".to_owned();
    for Step { number, test, request, answer } in steps {
        let what = sentence(test, workflow);
        text += &format!("| {number} | {what} | {request} | {answer} | `{workflow}_step_{number:02}_…` |\n");
    }
    text
}

fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn source(workflow: &str) -> String {
    fs::read_to_string(in_repository(&format!("tests/workflows/{workflow}.rs"))).unwrap()
}

/// The line at which a workflow's table begins.
fn beginning(workflow: &str) -> String {
    format!("<!-- Made from tests/workflows/{workflow}.rs: see tests/workflows/document.rs. -->\n")
}

/// The page with its tables made anew.
fn made(page: &str) -> String {
    CHAPTERS.iter().fold(page.to_owned(), |page, (workflow, _)| {
        let begin = beginning(workflow);
        let (before, rest) = page.split_once(&begin).unwrap_or_else(|| panic!("{PAGE} has lost the line {begin}"));
        let (_, after) = rest.split_once(END).unwrap_or_else(|| panic!("{PAGE} has lost a line {END}"));
        let mut steps = read(&source(workflow), workflow).0;
        steps.sort_by_key(|step| step.number);
        format!("{before}{begin}\n{}\n{END}{after}", table(&steps, workflow))
    })
}

/// The tests of this program, as it lists them itself.
fn listed(more: &[&str]) -> Vec<String> {
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program).args(["--list", "--format", "terse"]).args(more).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect()
}

#[test]
fn every_step_of_every_workflow_has_one_test_that_is_run() {
    let (all, ignored) = (listed(&[]), listed(&["--ignored"]));
    let mut findings = Vec::new();
    for (workflow, last) in CHAPTERS {
        let (steps, wrong) = read(&source(workflow), workflow);
        findings.extend(wrong.into_iter().chain(gaps(&steps, last)));
        let names = steps.iter().map(|step| format!("{workflow}::{}", step.test));
        findings.extend(names.filter(|name| !all.contains(name) || ignored.contains(name)));
    }
    assert!(findings.is_empty(), "{findings:#?}");
}

#[test]
fn the_page_s_tables_are_made_from_the_tests() {
    let found = fs::read_to_string(in_repository(PAGE)).unwrap();
    let expected = made(&found);
    if writes_pins() {
        fs::write(in_repository(PAGE), &expected).unwrap();
        return;
    }
    let line = found.lines().zip(expected.lines()).position(|(found, expected)| found != expected);
    assert!(
        found == expected,
        "{PAGE} is not what the tests say, first on line {}: run `COUNTERSIGN_TEST_UPDATE=1 cargo test --test workflows document` and read the difference",
        line.unwrap_or(found.lines().count().min(expected.lines().count())) + 1
    );
}

/// A source with steps of these numbers.
fn steps_of(numbers: &[usize]) -> String {
    let test = |n: &usize| {
        format!(
            "/// Request: `GET /{n}`\n/// Answer: 200,\n/// a page\n#[test]\nfn web_step_{n:02}_one_asks() {{\n    it();\n}}\n"
        )
    };
    numbers.iter().map(test).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_step_is_read_with_what_is_said_of_it() {
    let (steps, findings) = read(&format!("/// Another.\nfn scene() {{}}\n\n{}", steps_of(&[1, 2])), "web");
    let step = |number: usize| Step {
        number,
        test: format!("web_step_0{number}_one_asks"),
        request: format!("`GET /{number}`"),
        answer: "200, a page".to_owned(),
    };
    assert_eq!((steps.clone(), findings), (vec![step(1), step(2)], vec![]));
    assert_eq!(gaps(&steps, 2), [""; 0]);
    assert!(table(&steps, "web").ends_with("| 2 | One asks | `GET /2` | 200, a page | `web_step_02_…` |\n"));
}

#[test]
fn a_number_that_is_missing_doubled_or_too_many_is_found() {
    for (numbers, step) in [(&[1, 3][..], 2), (&[1, 2, 2, 3], 2), (&[1, 2, 3, 4], 4), (&[2, 3], 1), (&[0, 1, 2, 3], 0)]
    {
        let found = gaps(&read(&steps_of(numbers), "web").0, 3);
        assert!(found.len() == 1 && found[0].starts_with(&format!("step {step} of 3 has ")), "{numbers:?}: {found:?}");
    }
}

#[test]
fn a_step_whose_test_is_not_run_is_found() {
    let good = steps_of(&[1]);
    for (instead, of) in [
        ("#[test]\n#[ignore]", "#[test]"),
        ("#[test]\n#[ignore = \"later\"]", "#[test]"),
        ("#[cfg(any())]\n#[test]", "#[test]"),
        ("", "#[test]\n"),
    ] {
        let (steps, findings) = read(&good.replace(of, instead), "web");
        assert_eq!((steps.len(), findings.len()), (1, 1), "{instead}: {findings:?}");
    }
}

#[test]
fn a_step_that_does_not_say_its_request_or_its_answer_is_found() {
    for label in ["Request: ", "Answer: "] {
        let (_, findings) = read(&steps_of(&[1]).replace(label, ""), "web");
        assert_eq!(findings.len(), 1, "{findings:?}");
    }
}

#[test]
fn a_name_becomes_a_sentence() {
    let name = "web_step_07_countersign_answers_the_thief_s_refresh_with_a_new_jwt";
    assert_eq!(sentence(name, "web"), "Countersign answers the thief's refresh with a new JWT");
}

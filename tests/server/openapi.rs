//! `/openapi.json` and `docs/API.md`: generated from the annotations beside the handlers, and pinned. After a change,
//! `COUNTERSIGN_TEST_UPDATE=1 cargo test --test server openapi` writes both files; read the difference before it is kept.

use crate::markdown;
use crate::python::Python;
use crate::support::{BOOTSTRAP, Plan, writes_pins};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What stands above this line in `docs/API.md` is written by hand.
const GENERATED: &str = "<!-- Everything below is generated from the code: see tests/server/openapi.rs. -->\n";

fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn document() -> Value {
    serde_json::from_str(&countersign::http::openapi_document()).unwrap()
}

/// Compares a file with what it should be, or writes it.
fn pinned(path: &str, expected: &str) {
    if writes_pins() {
        fs::write(in_repository(path), expected).unwrap();
    }
    let found = fs::read_to_string(in_repository(path)).unwrap_or_default();
    let line = found.lines().zip(expected.lines()).position(|(found, expected)| found != expected);
    assert!(
        found == expected,
        "{path} is not what the code says, first on line {}: run `COUNTERSIGN_TEST_UPDATE=1 cargo test --test server openapi` and read the difference",
        line.unwrap_or(found.lines().count().min(expected.lines().count())) + 1
    );
}

#[test]
fn the_document_is_pinned() {
    pinned("docs/openapi.json", &format!("{}\n", countersign::http::openapi_document()));
}

#[test]
fn the_documentation_is_generated_from_the_document() {
    let path = "docs/API.md";
    let text = fs::read_to_string(in_repository(path)).unwrap();
    let (by_hand, _) = text.split_once(GENERATED).unwrap_or_else(|| panic!("{path} has lost the line {GENERATED}"));
    pinned(path, &format!("{by_hand}{GENERATED}\n{}", markdown::of(&document())));
}

#[test]
fn the_document_is_valid_openapi() {
    let document = document();
    let text = document.to_string();
    assert_eq!(document["openapi"], "3.1.0");
    for reference in text.split(r##""$ref":"#/"##).skip(1) {
        let pointer = format!("/{}", reference.split('"').next().unwrap());
        assert!(document.pointer(&pointer).is_some(), "{pointer} is nowhere");
    }
    let operations = markdown::operations(&document);
    let ids: BTreeSet<&str> =
        operations.iter().map(|(_, _, operation)| operation["operationId"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), operations.len(), "an operationId stands twice");
    let Some(python) = Python::find() else { return };
    if python.has("openapi_spec_validator") {
        python.run("openapi_valid.py", &[], &text);
    } else {
        println!("skipped: the interpreter has no openapi-spec-validator");
    }
}

#[test]
fn everything_in_the_document_says_what_it_is() {
    let document = document();
    for (method, path, operation) in markdown::operations(&document) {
        for (name, text) in [("summary", &operation["summary"]), ("a tag", &operation["tags"][0])] {
            assert!(text.as_str().is_some_and(|text| !text.is_empty()), "{method} {path} has no {name}");
        }
        for (status, answer) in operation["responses"].as_object().unwrap() {
            assert!(!answer["description"].as_str().unwrap().is_empty(), "{method} {path}: {status}");
        }
    }
    for (shape, schema) in document["components"]["schemas"].as_object().unwrap() {
        assert!(schema["description"].is_string(), "{shape} has no description");
        for (field, schema) in schema["properties"].as_object().into_iter().flatten() {
            assert!(schema["description"].is_string(), "{shape}.{field} has no description");
        }
    }
}

#[test]
fn every_route_is_in_the_document_and_everything_in_it_is_served() {
    let document = document();
    let documented: BTreeSet<String> = document["paths"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(documented, routes(&in_repository("src/http")));

    let server = Plan::new(BOOTSTRAP).start();
    assert_eq!(server.get("/openapi.json").json(), document);
    for (method, path, operation) in markdown::operations(&document) {
        // What stands below the other paths needs a key to be told of.
        let status = server.ask(&method, &path.replace("{file}", "index.html"));
        let known = operation["responses"].as_object().unwrap().contains_key(&status.to_string());
        assert!(known, "{method} {path} is answered {status}, which the document does not know");
        // Below `/api` what is not served is 501, and a code that nobody was given is 404.
        let missing = status == 404 && !path.starts_with("/api/");
        assert!(!missing && status != 405, "{method} {path} is not served: {status}");
    }
    for wrong in ["/oauth2/token", "/oauth2/revoke", "/oauth2/introspect"] {
        assert_eq!(server.ask("get", wrong), 405, "{wrong}");
    }
    assert_eq!(server.ask("get", "/nothing"), 404);
}

/// The paths that stand in the code where routes are made: in functions named `routes`.
fn routes(directory: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            // Unit tests have routes of their own.
            if !path.ends_with("tests") {
                found.extend(routes(&path));
            }
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let bodies = text.split("fn routes(").skip(1).map(|after| after.split("\n}").next().unwrap());
        let words = bodies.flat_map(|body| body.split('"').skip(1).step_by(2));
        found.extend(words.filter(|word| word.starts_with('/')).map(str::to_owned));
    }
    found
}

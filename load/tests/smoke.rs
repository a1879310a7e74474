//! The program as it is run from a shell, against its own server that only answers.

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

const LOAD: &str = env!("CARGO_BIN_EXE_load");

/// A process that is ended with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn null_server() -> (Ended, String) {
    let mut child = Command::new(LOAD).arg("null-server").stdout(Stdio::piped()).spawn().unwrap();
    let out = child.stdout.take().unwrap();
    let server = Ended(child);
    let mut line = String::new();
    BufReader::new(out).read_line(&mut line).unwrap();
    (server, line.trim().strip_prefix("listening on ").unwrap().to_owned())
}

#[test]
fn a_run_tells_everything_in_a_table_as_json_and_as_a_picture() {
    let (_server, url) = null_server();
    let dir = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (json, svg) = (dir.join("refresh.json"), dir.join("refresh.svg"));
    let words = "run refresh --rate 200 --poisson --seconds 1 --warm-up 0.5 --accounts 100 --threads 2 --url";
    let mut command = Command::new(LOAD);
    command.args(words.split(' ')).arg(&url).arg("--json").arg(&json).arg("--svg").arg(&svg);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let table = String::from_utf8(output.stdout).unwrap();
    for word in ["refresh", "p99.9", "threads 2", "commit", "load average", "200.0/s due"] {
        assert!(table.contains(word), "{word} is not in\n{table}");
    }
    assert!(String::from_utf8_lossy(&output.stderr).contains("under way"), "it told how it goes");

    let found: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    let phase = &found["phases"][0];
    let refreshes = &phase["operations"][0];
    assert_eq!(refreshes["operation"], "refresh");
    assert_eq!(refreshes["done_us"]["count"], phase["due"], "all that were due were done: {phase}");
    assert!(phase["due"].as_u64().unwrap() > 100, "{phase}");
    for fact in ["date", "commit", "machine", "cores", "kernel"] {
        assert!(!found["machine"][fact].is_null(), "{fact}");
    }
    let picture = std::fs::read_to_string(&svg).unwrap();
    assert!(picture.starts_with("<svg") && picture.ends_with("</svg>\n") && picture.contains("<polyline"));
}

#[test]
fn nothing_is_measured_without_a_server() {
    let output = Command::new(LOAD).args(["run", "noop"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--server PROGRAM"));
    let output = Command::new(LOAD).args(["run", "noop", "--server", "/nowhere/countersign"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/nowhere/countersign"));
}

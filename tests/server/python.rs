//! Runs the scripts of `tests/python` with an interpreter that has what `scripts/python-requirements.txt` lists.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// The interpreter.
pub struct Python(String);

impl Python {
    /// The one that `COUNTERSIGN_TEST_PYTHON` names. Without it the test is skipped, unless everything must run.
    pub fn find() -> Option<Self> {
        let found = std::env::var("COUNTERSIGN_TEST_PYTHON").ok().filter(|path| !path.is_empty());
        if found.is_none() {
            let strict = std::env::var_os("COUNTERSIGN_TEST_STRICT").is_some();
            let what = "COUNTERSIGN_TEST_PYTHON names no interpreter with what scripts/python-requirements.txt lists";
            assert!(!strict, "{what}, and COUNTERSIGN_TEST_STRICT lets nothing be skipped: scripts/test makes one");
            println!("skipped: {what}");
        }
        found.map(Self)
    }

    pub fn path(&self) -> &str {
        &self.0
    }

    /// Whether a module is there.
    pub fn has(&self, module: &str) -> bool {
        let output = Command::new(&self.0).args(["-c", &format!("import {module}")]).output();
        output.unwrap_or_else(|error| panic!("COUNTERSIGN_TEST_PYTHON is {}: {error}", self.0)).status.success()
    }

    /// Runs a script and gives what it prints; fails with what it says when it fails.
    pub fn run(&self, script: &str, arguments: &[&str], input: &str) -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python").join(script);
        let mut command = Command::new(&self.0);
        command.arg("-B").arg(path).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            command.spawn().unwrap_or_else(|error| panic!("COUNTERSIGN_TEST_PYTHON is {}: {error}", self.0));
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{script} {arguments:?}:\n{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

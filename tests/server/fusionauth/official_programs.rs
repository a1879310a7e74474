//! How the programs of `tests/fusionauth` are run, where the official clients are installed.

use crate::python::Python;
use crate::support::{Server, is_installed, left_out};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The API key of the suites' own kickstart files.
pub const API_KEY: &str = "bf69486b-4733-4470-a592-f1bfce7af580";

/// That of who may do everything.
pub const ADMIN_KEY: &str = "72a8c464b86c3c9098c33da73f471b8a0352f6e14087ddc3";

/// The tenant that the suites for TypeScript, Node and .NET ask for, and make where there is none of this id.
pub const TENANT: &str = "65323339-6137-6531-3135-316238623265";

/// One of FusionAuth's own clients.
pub enum Client {
    /// `@fusionauth/typescript-client`.
    Node,
    /// `fusionauth-client`.
    Python,
}

/// How one check of a program came out.
pub struct Outcome {
    pub name: String,
    pub failure: Option<String>,
}

impl Client {
    /// Runs a program at a server and gives its checks in their order; `None` where the client is not installed.
    pub fn run(&self, server: &Server, program: &str) -> Option<Vec<Outcome>> {
        let mut command = match self {
            Self::Node => node()?,
            Self::Python => python()?,
        };
        command.arg(program).envs([
            ("COUNTERSIGN_URL", server.url.as_str()),
            ("API_KEY", API_KEY),
            ("ADMIN_KEY", ADMIN_KEY),
            ("TENANT_ID", TENANT),
        ]);
        command.env("NO_PROXY", "127.0.0.1").stdin(Stdio::null());
        let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let said = String::from_utf8(output.stdout).unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && stderr.is_empty(), "{program} broke off after\n{said}\n{stderr}");
        Some(said.lines().map(outcome).collect())
    }
}

fn outcome(line: &str) -> Outcome {
    if let Some(name) = line.strip_prefix("ok ") {
        return Outcome { name: name.to_owned(), failure: None };
    }
    // No name of a check has a semicolon; what was found may have everything.
    let (name, why) =
        line.strip_prefix("FAILED ").and_then(|rest| rest.split_once("; ")).unwrap_or_else(|| panic!("{line}"));
    Outcome { name: name.to_owned(), failure: Some(why.to_owned()) }
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fusionauth").join(name)
}

fn node() -> Option<Command> {
    if !is_installed("node", "nodejs npm") {
        return None;
    }
    let Some(packages) = std::env::var_os("COUNTERSIGN_TEST_FUSIONAUTH_NODE").map(PathBuf::from) else {
        return left_out(
            "COUNTERSIGN_TEST_FUSIONAUTH_NODE names no folder with the packages of tests/fusionauth/node: scripts/test makes one",
        );
    };
    let mut command = Command::new("node");
    command.arg(folder("node/main.js")).env("NODE_PATH", packages.join("node_modules"));
    Some(command)
}

fn python() -> Option<Command> {
    let python = Python::find()?;
    assert!(python.has("fusionauth"), "scripts/python-requirements.txt lists it");
    let mut command = Command::new(python.path());
    command.arg("-B").arg(folder("python/main.py"));
    Some(command)
}

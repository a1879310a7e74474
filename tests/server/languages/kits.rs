//! How the programs of each language are run, where it is installed.

use crate::python::Python;
use crate::support::{is_installed, left_out};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// Gson of Debian's package libgoogle-gson-java.
const GSON: &str = "/usr/share/java/gson.jar";

/// One language's two programs: the words that start them.
pub struct Kit {
    backend: Vec<String>,
    resource_server: Vec<String>,
    // What was built for the trial is there while it runs.
    _built: Option<TempDir>,
}

impl Kit {
    /// Runs the backend, which must end well, and gives what it prints.
    pub fn run_backend(&self, env: &[(&str, &str)]) -> String {
        let output = run(&self.backend, env, "");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{:?}: {}\n{stderr}", self.backend, String::from_utf8_lossy(&output.stdout));
        assert_eq!(stderr, "", "{:?}", self.backend);
        String::from_utf8(output.stdout).unwrap()
    }

    /// Lets the resource server judge tokens: its lines, and whether it says by its exit code that all were good.
    pub fn judge(&self, flags: &[&str], env: &[(&str, &str)], tokens: &[&str]) -> (Vec<String>, bool) {
        let words: Vec<String> =
            self.resource_server.iter().cloned().chain(flags.iter().map(ToString::to_string)).collect();
        let lines = tokens.iter().map(|token| format!("{token}\n")).collect::<String>();
        let output = run(&words, env, &lines);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(stderr, "", "{words:?}");
        assert!(matches!(output.status.code(), Some(0 | 1)), "{words:?}: {}", output.status);
        let said = String::from_utf8(output.stdout).unwrap();
        (said.lines().map(str::to_owned).collect(), output.status.success())
    }
}

fn run(words: &[String], env: &[(&str, &str)], input: &str) -> Output {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).envs(env.iter().copied()).env("NO_PROXY", "127.0.0.1").env_remove("JAVA_TOOL_OPTIONS");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{words:?}: {error}"));
    let mut stdin = child.stdin.take().unwrap();
    // A program that ends early does not read on; what it said is told by whoever asked.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().unwrap()
}

fn path(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/clients").join(name).to_str().unwrap().to_owned()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

/// The examples of this crate. They are built here because a run of some tests only does not build them.
pub fn rust() -> Option<Kit> {
    let binary = Path::new(env!("CARGO_BIN_EXE_countersign"));
    let profile = binary.parent().unwrap();
    let release: &[&str] = if profile.ends_with("release") { &["--release"] } else { &[] };
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--locked", "--offline", "--example", "app_backend", "--example", "resource_server"])
        .args(release)
        .arg("--target-dir")
        .arg(profile.parent().unwrap())
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "cargo build --example");
    let built = |name: &str| vec![profile.join("examples").join(name).to_str().unwrap().to_owned()];
    Some(Kit { backend: built("app_backend"), resource_server: built("resource_server"), _built: None })
}

pub fn python() -> Option<Kit> {
    let python = Python::find()?;
    let program = |name: &str| words(&[python.path(), "-B", &path(&format!("python/{name}"))]);
    Some(Kit { backend: program("app_backend.py"), resource_server: program("resource_server.py"), _built: None })
}

/// Node looks for packages beside the program, so both stand in a folder with what `COUNTERSIGN_TEST_NODE` holds.
pub fn node() -> Option<Kit> {
    if !is_installed("node", "nodejs npm") {
        return None;
    }
    let Some(packages) = std::env::var_os("COUNTERSIGN_TEST_NODE").map(PathBuf::from) else {
        return left_out(
            "COUNTERSIGN_TEST_NODE names no folder with the packages of docs/clients/node: scripts/test makes one",
        );
    };
    let dir = tempfile::tempdir().unwrap();
    for name in ["package.json", "app_backend.js", "resource_server.js"] {
        fs::copy(path(&format!("node/{name}")), dir.path().join(name)).unwrap();
    }
    std::os::unix::fs::symlink(packages.join("node_modules"), dir.path().join("node_modules")).unwrap();
    let program = |name: &str| words(&["node", dir.path().join(name).to_str().unwrap()]);
    let (backend, resource_server) = (program("app_backend.js"), program("resource_server.js"));
    Some(Kit { backend, resource_server, _built: Some(dir) })
}

pub fn java() -> Option<Kit> {
    if !is_installed("javac", "default-jdk-headless") {
        return None;
    }
    if !Path::new(GSON).exists() {
        return left_out(&format!("{GSON} is missing: apt-get install libgoogle-gson-java"));
    }
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().to_str().unwrap();
    let sources = [path("java/AppBackend.java"), path("java/ResourceServer.java")];
    built(Command::new("javac").args(["-Xlint:-serial", "-cp", GSON, "-d", place]).args(sources));
    let program = |class: &str| words(&["java", "-cp", &format!("{GSON}:{place}"), class]);
    Some(Kit { backend: program("AppBackend"), resource_server: program("ResourceServer"), _built: Some(dir) })
}

pub fn go() -> Option<Kit> {
    if !is_installed("go", "golang-go") {
        return None;
    }
    let dir = tempfile::tempdir().unwrap();
    let program = |name: &str| {
        let to = dir.path().join(name).to_str().unwrap().to_owned();
        let mut command = Command::new("go");
        command.args(["build", "-buildvcs=false", "-o", &to, &path(&format!("go/{name}.go"))]);
        // What was compiled once, such as the standard library, is kept beside our own builds.
        built(command.env("GOCACHE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("go")).env("GOFLAGS", ""));
        vec![to]
    };
    let (backend, resource_server) = (program("app_backend"), program("resource_server"));
    Some(Kit { backend, resource_server, _built: Some(dir) })
}

pub fn php() -> Option<Kit> {
    if !is_installed("php", "php-cli php-curl") {
        return None;
    }
    let wanted =
        r#"exit(extension_loaded("curl") && extension_loaded("openssl") && extension_loaded("sodium") ? 0 : 1);"#;
    if !Command::new("php").args(["-r", wanted]).status().unwrap().success() {
        return left_out("php lacks curl, openssl or sodium: apt-get install php-cli php-curl");
    }
    let program = |name: &str| words(&["php", "-d", "display_errors=stderr", &path(&format!("php/{name}"))]);
    Some(Kit { backend: program("app_backend.php"), resource_server: program("resource_server.php"), _built: None })
}

/// Runs a compiler, which must have nothing to complain of.
fn built(command: &mut Command) {
    let output = command.env_remove("JAVA_TOOL_OPTIONS").stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{command:?}: {said}");
}

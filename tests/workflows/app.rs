//! The example apps as processes, and what they tell in their terminal.

use crate::support::{signal, wait_for_end};
use rustix::process::Signal;
use std::fs::{File, Metadata};
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, SystemTime};

const EXAMPLES: [&str; 4] = ["mobile_backend", "phone", "webapp_sessions", "webapp_native"];

/// A running app. It is killed when dropped.
pub struct App {
    child: Child,
    pub address: String,
    pub narration: Narration,
}

impl App {
    /// Starts an example, and waits until it says where it listens.
    pub fn start(name: &str, flags: &[String], env: &[(&str, &str)]) -> Self {
        let mut child = command(name, flags, env).spawn().unwrap();
        let narration = Narration::of(&mut child);
        // Whatever it says or does not say, it ends with this.
        let mut app = Self { child, address: String::new(), narration };
        let said = app.narration.wait_for("where it listens", 0, |line| line.starts_with("listening on http://"));
        said.trim_start_matches("listening on http://").clone_into(&mut app.address);
        app
    }

    /// Tells it to end, as Ctrl-C and service managers do, and gives its exit code.
    pub fn stop(mut self) -> Option<i32> {
        signal(self.child.id(), Signal::TERM);
        wait_for_end(&mut self.child)
    }

    /// Runs an example to its end: what it printed, and whether it ended well. Why it did not stands in the test's own standard error.
    pub fn run(name: &str, flags: &[String], env: &[(&str, &str)]) -> (String, bool) {
        let output = command(name, flags, env).stderr(Stdio::inherit()).output().unwrap();
        (String::from_utf8(output.stdout).unwrap(), output.status.success())
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(name: &str, flags: &[String], env: &[(&str, &str)]) -> Command {
    let mut command = Command::new(built(name));
    command.args(flags).envs(env.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    command
}

/// The lines that an app has printed so far.
#[derive(Clone, Default)]
pub struct Narration {
    told: Arc<(Mutex<Told>, Condvar)>,
}

#[derive(Default)]
struct Told {
    lines: Vec<String>,
    /// Nothing comes behind them.
    has_ended: bool,
}

impl Narration {
    fn of(child: &mut Child) -> Self {
        let (narration, out) = (Self::default(), BufReader::new(child.stdout.take().unwrap()));
        let to = narration.clone();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                to.told.0.lock().unwrap().lines.push(line);
                to.told.1.notify_all();
            }
            to.told.0.lock().unwrap().has_ended = true;
            to.told.1.notify_all();
        });
        narration
    }

    pub fn len(&self) -> usize {
        self.told.0.lock().unwrap().lines.len()
    }

    /// Waits for the first line behind the `from`th that is meant. The bound only ends a test that would hang.
    pub fn wait_for(&self, what: &str, from: usize, is_meant: impl Fn(&str) -> bool) -> String {
        let (told, come) = (&self.told.0, &self.told.1);
        let find = |told: &Told| told.lines.iter().skip(from).find(|line| is_meant(line)).cloned();
        let nothing = |told: &mut Told| !told.has_ended && find(told).is_none();
        let (told, _) = come.wait_timeout_while(told.lock().unwrap(), Duration::from_secs(120), nothing).unwrap();
        let (found, lines) = (find(&told), told.lines[from..].join("\n"));
        let ended = if told.has_ended { " and has ended" } else { "" };
        drop(told);
        found.unwrap_or_else(|| panic!("the app does not tell {what}{ended}, but only:\n{lines}"))
    }

    /// Waits until the app has told a step at a place, behind the `from`th line: the sentence.
    pub fn step(&self, from: usize, place: &str, number: usize) -> String {
        let line = self.wait_for(&format!("{place} {number}"), from, |line| sentence(line, place, number).is_some());
        sentence(&line, place, number).unwrap().to_owned()
    }

    /// Whether the app has told a step so far.
    pub fn has_told(&self, place: &str, number: usize) -> bool {
        self.told.0.lock().unwrap().lines.iter().any(|line| sentence(line, place, number).is_some())
    }
}

/// What a line says of a step at a place, where it is about that.
fn sentence<'a>(line: &'a str, place: &str, number: usize) -> Option<&'a str> {
    let line = line.strip_prefix(place)?.strip_prefix(' ')?.trim_start();
    Some(line.strip_prefix(&number.to_string())?.strip_prefix(' ')?.trim_start())
}

/// Where an example is. Each test runs in a process of its own, so cargo is asked only where a source is younger than what was built:
/// by one process, while the others wait.
fn built(name: &str) -> PathBuf {
    let binary = Path::new(env!("CARGO_BIN_EXE_countersign"));
    let profile = binary.parent().unwrap();
    let kind = profile.file_name().unwrap().to_str().unwrap();
    let stamp = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("workflows-{kind}"));
    let mut stamp = File::options().create(true).append(true).open(stamp).unwrap();
    stamp.lock().unwrap();
    let examples = profile.join("examples");
    if !EXAMPLES.iter().all(|name| is_fresh(&examples.join(name), &stamp.metadata().unwrap())) {
        let begun = SystemTime::now();
        build(profile);
        stamp.write_all(b".").unwrap();
        stamp.set_modified(begun).unwrap();
    }
    examples.join(name)
}

/// Whether nothing that an example was made from has changed since the last build began, which the stamp tells. Cargo has written down
/// what that is. An empty stamp tells nothing.
fn is_fresh(example: &Path, stamp: &Metadata) -> bool {
    let Ok(made_from) = std::fs::read_to_string(example.with_extension("d")) else { return false };
    let sources = made_from.split_once(": ").map_or("", |(_, sources)| sources).split_whitespace();
    let manifests = ["Cargo.toml", "Cargo.lock"].map(|name| Path::new(env!("CARGO_MANIFEST_DIR")).join(name));
    let modified = |path: &Path| std::fs::metadata(path).and_then(|found| found.modified()).ok();
    let mut all = sources.map(PathBuf::from).chain(manifests);
    stamp.len() > 0
        && example.exists()
        && all.all(|path| modified(&path).is_some_and(|at| at < stamp.modified().unwrap()))
}

fn build(profile: &Path) {
    let release: &[&str] = if profile.ends_with("release") { &["--release"] } else { &[] };
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--locked", "--offline"])
        .args(EXAMPLES.iter().flat_map(|name| ["--example", name]))
        .args(release)
        .arg("--target-dir")
        .arg(profile.parent().unwrap())
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "cargo build --example");
}

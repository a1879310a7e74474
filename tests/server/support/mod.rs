//! Starts the real binary on a data directory of its own and asks it over HTTP.

mod admin;
mod answer;
mod command;
pub mod loopback;

pub use admin::{ADMIN, API_KEYS, AUDITOR, CLERK, Call, OFF, USERS};
pub use answer::Answer;
pub use command::{Way, fed, private, run};

use rustix::process::Signal;
use serde_json::Value;
use std::fmt::Debug;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A confidential client, a public one, one that gets tokens for itself, and two accounts.
pub const BOOTSTRAP: &str = r#"
[[clients]]
id = "store"
secret = "store-secret"
scopes = ["cart", "orders"]

[[clients]]
id = "app"
type = "public"

[[clients]]
id = "machine"
secret = "machine-secret"
grants = ["client_credentials"]
scopes = ["jobs"]
introspect = "all"

[[accounts]]
login = "alice@example.com"
password = "correct horse battery staple"
roles = ["shopper"]

[[accounts]]
login = "bob@example.com"
password = "another fine password"
"#;

pub const ALICE: (&str, &str) = ("alice@example.com", "correct horse battery staple");
pub const STORE: (&str, &str) = ("store", "store-secret");
pub const MACHINE: (&str, &str) = ("machine", "machine-secret");

/// How a server is to be started.
pub struct Plan {
    pub bootstrap: String,
    pub flags: Vec<String>,
    pub env: Vec<(String, String)>,
    /// Programs and arguments to put before the binary, such as strace.
    pub under: Vec<String>,
}

impl Plan {
    /// The usual server, with password hashes that cost next to nothing.
    pub fn new(bootstrap: &str) -> Self {
        let cheap = [("HASH__MEMORY_KIB", "64"), ("HASH__ITERATIONS", "1"), ("LOG__LEVEL", "info")];
        let env = cheap.map(|(name, value)| (format!("COUNTERSIGN__{name}"), value.to_owned()));
        Self { bootstrap: bootstrap.to_owned(), flags: Vec::new(), env: env.to_vec(), under: Vec::new() }
    }

    /// Sets a configuration key, such as `hash.queue`.
    pub fn set(mut self, key: &str, value: &str) -> Self {
        let name = format!("COUNTERSIGN__{}", key.replace('.', "__").to_uppercase());
        self.env.retain(|(known, _)| *known != name);
        self.env.push((name, value.to_owned()));
        self
    }

    pub fn start(self) -> Server {
        Server::start(self)
    }

    /// A server that was not started yet, with its data in `data` below a directory.
    pub fn at(self, root: Arc<TempDir>) -> Stopped {
        fs::write(root.path().join("stderr"), "").unwrap();
        Stopped { root, plan: self }
    }
}

/// A running server. It is killed when dropped.
pub struct Server {
    child: Child,
    pub url: String,
    root: Arc<TempDir>,
    plan: Plan,
    agent: ureq::Agent,
}

impl Server {
    fn start(plan: Plan) -> Self {
        Self::start_in(Arc::new(tempfile::tempdir().unwrap()), plan)
    }

    /// Starts on a directory that holds a `data`, or may get one.
    pub fn start_in(root: Arc<TempDir>, plan: Plan) -> Self {
        Stopped { root, plan }.try_start().unwrap_or_else(|(stopped, code)| {
            panic!("the server did not start, but ended with {code:?}: {}", stopped.diagnostics())
        })
    }

    fn started(child: Child, url: String, root: Arc<TempDir>, plan: Plan) -> Self {
        Self { child, url, root, plan, agent: agent() }
    }

    /// Closes all connections that are kept for further requests.
    pub fn hang_up(&mut self) {
        self.agent = agent();
    }

    /// The data directory.
    pub fn data_dir(&self) -> PathBuf {
        self.root.path().join("data")
    }

    /// What the server wrote to standard error so far, over all its starts.
    pub fn diagnostics(&self) -> String {
        fs::read_to_string(self.root.path().join("stderr")).unwrap()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends the process at once, as a power switch would, but for what the kernel has taken.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks the process to stop, and gives its exit code.
    pub fn terminate(&mut self) -> Option<i32> {
        self.signal(Signal::TERM);
        self.ended()
    }

    /// Sends the process a signal while others are asking it.
    pub fn signal(&self, with: Signal) {
        signal(self.pid(), with);
    }

    /// Ends the process by a signal, and says how it ended.
    pub fn ended_by(&mut self, with: Signal) -> ExitStatus {
        let mut status = None;
        // Rust's runtime takes the first SIGSEGV for itself, to tell a stack that is too small; the next one counts.
        wait_until("the process has ended", || {
            self.signal(with);
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    /// Waits for the end of the process, and gives its exit code.
    pub fn ended(&mut self) -> Option<i32> {
        wait_for_end(&mut self.child)
    }

    /// Ends the process as [`Self::kill`] does, and leaves its data.
    pub fn stopped(mut self) -> Stopped {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let plan = std::mem::replace(&mut self.plan, Plan::new(""));
        Stopped { root: self.root.clone(), plan }
    }

    /// The same, with another plan for the next start.
    pub fn stopped_with(self, change: impl FnOnce(Plan) -> Plan) -> Stopped {
        let Stopped { root, plan } = self.stopped();
        Stopped { root, plan: change(plan) }
    }

    /// Starts it again on the same data, after it has ended.
    pub fn again(self) -> Self {
        self.again_with(|plan| plan)
    }

    /// The same with another plan.
    pub fn again_with(self, change: impl FnOnce(Plan) -> Plan) -> Self {
        self.stopped_with(change).start()
    }

    /// Posts a form.
    pub fn post(&self, path: &str, client: Option<(&str, &str)>, form: &[(&str, &str)]) -> Answer {
        self.post_as(path, client, form, &[])
    }

    /// Posts a form with headers.
    pub fn post_as(
        &self,
        path: &str,
        client: Option<(&str, &str)>,
        form: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Answer {
        self.try_post(path, client, form, headers).unwrap()
    }

    /// The same where the server may end before it answers.
    pub fn try_post(
        &self,
        path: &str,
        client: Option<(&str, &str)>,
        form: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Result<Answer, ureq::Error> {
        let mut request = self.agent.post(format!("{}{path}", self.url));
        if let Some((id, secret)) = client {
            request = request.header("Authorization", basic(id, secret));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(request.send_form(form.iter().copied())?)
    }

    /// Sends a request as it stands, whatever is wrong with it, over a connection of its own.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let address = self.url.strip_prefix("http://").unwrap();
        Answer::to(address, address, (method, path), headers, body)
    }

    pub fn get(&self, path: &str) -> Answer {
        self.get_as(path, &[])
    }

    /// Gets with headers.
    pub fn get_as(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let request = self.agent.get(format!("{}{path}", self.url));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        Answer::of(request.call().unwrap()).unwrap()
    }

    /// The status of a request with this method, without body.
    pub fn ask(&self, method: &str, path: &str) -> u16 {
        let url = format!("{}{path}", self.url);
        match method {
            "get" => Answer::of(self.agent.get(url).call().unwrap()).unwrap().status,
            "post" => Answer::of(self.agent.post(url).send_empty().unwrap()).unwrap().status,
            "put" => Answer::of(self.agent.put(url).send_empty().unwrap()).unwrap().status,
            "patch" => Answer::of(self.agent.patch(url).send_empty().unwrap()).unwrap().status,
            "delete" => Answer::of(self.agent.delete(url).call().unwrap()).unwrap().status,
            other => panic!("{other} is not known here"),
        }
    }

    /// Logs alice in at the store.
    pub fn login(&self) -> Answer {
        self.login_as(ALICE.0, ALICE.1)
    }

    pub fn login_as(&self, login: &str, password: &str) -> Answer {
        let form = [("grant_type", "password"), ("username", login), ("password", password)];
        self.post("/oauth2/token", Some(STORE), &form)
    }

    pub fn refresh(&self, token: &str) -> Answer {
        self.post("/oauth2/token", Some(STORE), &[("grant_type", "refresh_token"), ("refresh_token", token)])
    }

    pub fn is_active(&self, token: &str) -> bool {
        let answer = self.post("/oauth2/introspect", Some(STORE), &[("token", token)]);
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()["active"].as_bool().unwrap()
    }

    /// A metric by its name with its labels, as `/metrics` shows it.
    pub fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").body;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
    }

    /// All events of the journal as JSON, by the program itself. Waits until the last one is known to be durable.
    pub fn events(&self) -> Vec<Value> {
        std::thread::sleep(Duration::from_millis(1300));
        events_in(&self.data_dir())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_global(Some(Duration::from_secs(60)))
        .max_idle_connections(256)
        .max_idle_connections_per_host(256);
    config.build().into()
}

/// Whether a program is there. Without it a trial fails where `COUNTERSIGN_TEST_STRICT` is set, and says elsewhere that it
/// was skipped.
pub fn is_installed(program: &str, packages: &str) -> bool {
    let found = std::env::var_os("PATH").is_some_and(|path| {
        let mut dirs = std::env::split_paths(&path);
        dirs.any(|dir| dir.join(program).is_file())
    });
    if !found {
        left_out::<()>(&format!("`{program}` is missing: apt-get install {packages}"));
    }
    found
}

/// Whether what is pinned is written anew, which tests nothing: not where `COUNTERSIGN_TEST_STRICT` wants everything tested.
pub fn writes_pins() -> bool {
    let [strict, writes] =
        ["STRICT", "UPDATE"].map(|what| std::env::var_os(format!("COUNTERSIGN_TEST_{what}")).is_some());
    assert!(!(strict && writes), "COUNTERSIGN_TEST_STRICT wants compared what COUNTERSIGN_TEST_UPDATE writes");
    writes
}

/// Says why a trial is left out, or fails where `COUNTERSIGN_TEST_STRICT` lets none be.
pub fn left_out<T>(why: &str) -> Option<T> {
    assert!(std::env::var_os("COUNTERSIGN_TEST_STRICT").is_none(), "{why}");
    println!("skipped: {why}");
    None
}

/// Waits until something that must come has come.
pub fn wait_until(what: &str, mut come: impl FnMut() -> bool) {
    for _ in 0..2400 {
        if come() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("it did not come: {what}");
}

/// A server that has ended. Its data stay while this lives.
pub struct Stopped {
    root: Arc<TempDir>,
    plan: Plan,
}

impl Stopped {
    /// The data directory.
    pub fn data_dir(&self) -> PathBuf {
        self.root.path().join("data")
    }

    /// The same data, with another plan for the next start.
    pub fn with(self, change: impl FnOnce(Plan) -> Plan) -> Self {
        Self { root: self.root, plan: change(self.plan) }
    }

    /// Starts it again.
    pub fn start(self) -> Server {
        Server::start_in(self.root, self.plan)
    }

    /// Starts it where it may also end instead: then its exit code.
    pub fn try_start(self) -> Result<Server, (Self, Option<i32>)> {
        let (mut child, url) = spawn(&self.root, &self.plan);
        if let Some(url) = url {
            return Ok(Server::started(child, url, self.root, self.plan));
        }
        let code = wait_for_end(&mut child);
        Err((self, code))
    }

    /// What the server wrote to standard error so far, over all its starts.
    pub fn diagnostics(&self) -> String {
        fs::read_to_string(self.root.path().join("stderr")).unwrap()
    }

    /// Starts it and kills it so soon that it may not have come to its end with starting.
    pub fn start_and_kill(&self, after: Duration) {
        let mut child = command(&self.root, &self.plan).spawn().unwrap();
        std::thread::sleep(after);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Starts it in vain: its exit code, and what it wrote to standard error.
    pub fn refusal(&self) -> (Option<i32>, String) {
        let before = self.diagnostics().len();
        let (mut child, url) = spawn(&self.root, &self.plan);
        if url.is_some() {
            let _ = child.kill();
        }
        let status = child.wait().unwrap();
        assert_eq!(url, None, "the server started: {}", self.diagnostics());
        (status.code(), self.diagnostics()[before..].to_owned())
    }
}

/// Starts the binary and waits until it says where it listens; `None` where it ends instead.
fn spawn(root: &TempDir, plan: &Plan) -> (Child, Option<String>) {
    let mut child = command(root, plan).spawn().unwrap();
    let (pid, mut line) = (child.id(), String::new());
    let (said, silence) = mpsc::channel::<()>();
    // The bound only ends a trial that would hang.
    std::thread::spawn(move || {
        if silence.recv_timeout(Duration::from_secs(120)) == Err(RecvTimeoutError::Timeout) {
            signal(pid, Signal::KILL);
        }
    });
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    drop(said);
    let url = line.strip_prefix("listening on ").map(|url| url.trim_end().to_owned());
    (child, url)
}

fn command(root: &TempDir, plan: &Plan) -> Command {
    let bootstrap = root.path().join("bootstrap.toml");
    fs::write(&bootstrap, &plan.bootstrap).unwrap();
    fs::set_permissions(&bootstrap, fs::Permissions::from_mode(0o600)).unwrap();
    let mut words = plan.under.clone();
    words.push(env!("CARGO_BIN_EXE_countersign").to_owned());
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).arg("serve").arg("--data-dir").arg(root.path().join("data"));
    command.args(["--listen", "127.0.0.1:0"]).arg("--bootstrap").arg(&bootstrap).args(&plan.flags);
    let stderr = File::options().create(true).append(true).open(root.path().join("stderr")).unwrap();
    command.envs(plan.env.iter().cloned()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
    command
}

pub fn events_in(data_dir: &Path) -> Vec<Value> {
    let output = Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args(["audit", "tail", "--json", "--data-dir"])
        .arg(data_dir)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// How many of something a trial does: by an environment variable, else as many as the suite has time for.
pub fn many<T: FromStr<Err: Debug>>(variable: &str, in_the_suite: T) -> T {
    std::env::var(variable).map_or(in_the_suite, |number| number.parse().unwrap())
}

/// All files below a directory that hold something, in order.
pub fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else if fs::metadata(&path).unwrap().len() > 0 {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Sends a signal to a process that the test started.
pub fn signal(pid: u32, signal: Signal) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

/// Waits until a process has ended, and gives its exit code.
pub fn wait_for_end(child: &mut Child) -> Option<i32> {
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(120) {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("the process did not end");
}

pub fn basic(id: &str, secret: &str) -> String {
    use base64::Engine;
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{id}:{secret}")))
}

/// What an access token says, unverified.
pub fn claims(access: &str) -> Value {
    use base64::Engine;
    let payload = access.split('.').nth(1).unwrap();
    serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

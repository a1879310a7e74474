//! Servers that the generator starts itself, each a process on loopback with a directory of its own, and ends again by its pid.

use crate::cpus;
use crate::people::LOGIN_IDS;
use crate::progress::say;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use rustix::process::{Pid, Signal, kill_process};
use std::fmt::Write;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The client in whose name everything is asked. Nothing of this is a secret: the server lives for a run.
pub const CLIENT: &str = "load:a-secret-of-no-consequence";
/// The password of all accounts.
pub const PASSWORD: &str = "a password of no consequence";

/// How long a server may take to start, with thousands of accounts to make.
const START: Duration = Duration::from_secs(300);
/// How long it may take to stop in good order.
const STOP: Duration = Duration::from_secs(45);

/// Argon2id's parameters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hash {
    /// KiB.
    pub memory: u32,
    /// Passes.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl std::fmt::Display for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.memory, self.passes, self.lanes)
    }
}

impl std::str::FromStr for Hash {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Result<Vec<u32>, _> = text.split('/').map(str::parse).collect();
        match numbers.as_deref() {
            Ok([memory, passes, lanes]) => Ok(Self { memory: *memory, passes: *passes, lanes: *lanes }),
            _ => Err("write it as KiB/PASSES/LANES, such as 19456/2/1".to_owned()),
        }
    }
}

impl Hash {
    /// The hash of [`PASSWORD`], as the server stores it: computed once, for all accounts have the same.
    fn phc(self) -> Result<String, String> {
        let (salt, mut hash) = (b"all have the same", [0; 32]);
        let params = argon2::Params::new(self.memory, self.passes, self.lanes, Some(hash.len()));
        let params = params.map_err(|error| format!("hash {self}: {error}"))?;
        argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params)
            .hash_password_into(PASSWORD.as_bytes(), &salt[..16], &mut hash)
            .map_err(|error| format!("hash {self}: {error}"))?;
        let Self { memory, passes, lanes } = self;
        let (salt, hash) = (STANDARD_NO_PAD.encode(&salt[..16]), STANDARD_NO_PAD.encode(hash));
        Ok(format!("$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${hash}"))
    }
}

/// What a server is started with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The program.
    pub program: PathBuf,
    /// Where its directory is made.
    pub work: PathBuf,
    /// Accounts.
    pub accounts: usize,
    /// The hashes of their passwords, and of new ones.
    pub hash: Hash,
    /// How the client's access tokens are signed.
    pub signing: String,
    /// Other settings, `KEY=VALUE` as in docs/CONFIG.md.
    pub set: Vec<String>,
    /// Its processors; all where it is empty.
    pub cpus: Vec<usize>,
}

/// What must be gone when this program is.
static RUNNING: Mutex<Vec<(u32, Option<PathBuf>)>> = Mutex::new(Vec::new());

/// A process that listens.
pub struct Server {
    child: Child,
    /// Where it listens.
    pub url: String,
    dir: Option<PathBuf>,
}

impl Server {
    /// Starts `countersign serve`, and makes a client and accounts.
    ///
    /// # Errors
    /// Why it did not start.
    pub fn countersign(settings: &Settings) -> Result<Self, String> {
        let dir = directory(&settings.work)?;
        let began = Instant::now();
        let started =
            prepare(settings, &dir).and_then(|command| Self::start(command, &settings.cpus, Some(dir.clone())));
        if started.is_err() {
            let _ = fs::remove_dir_all(&dir);
        }
        let server = started?;
        let (accounts, seconds) = (settings.accounts, began.elapsed().as_secs_f64());
        say(&format!("the server has started with {accounts} accounts in {seconds:.1} s"));
        Ok(server)
    }

    /// Starts this program again as a server that only answers.
    ///
    /// # Errors
    /// Why it did not start.
    pub fn null(cpus: &[usize]) -> Result<Self, String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut command = Command::new(program);
        command.args(["null-server", "--listen", "127.0.0.1:0"]);
        Self::start(command, cpus, None)
    }

    fn start(mut command: Command, cpus: &[usize], dir: Option<PathBuf>) -> Result<Self, String> {
        let before = cpus::mine()?;
        cpus::stay_on(cpus)?;
        let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        cpus::stay_on(&before)?;
        let mut child = spawned.map_err(|error| format!("{}: {error}", command.get_program().display()))?;
        running().push((child.id(), dir.clone()));
        let (tell, told) = channel();
        let out = child.stdout.take();
        std::thread::spawn(move || {
            let mut line = String::new();
            let _ = out.map(|out| BufReader::new(out).read_line(&mut line));
            let _ = tell.send(line);
        });
        // From here on it is ended when this is dropped.
        let mut server = Self { child, url: String::new(), dir };
        let line = told.recv_timeout(START).unwrap_or_default();
        let url = line.trim().strip_prefix("listening on ").ok_or_else(|| server.why(&line))?;
        url.clone_into(&mut server.url);
        Ok(server)
    }

    fn why(&self, line: &str) -> String {
        let said = self.dir.as_ref().and_then(|dir| fs::read_to_string(dir.join("stderr")).ok()).unwrap_or_default();
        let said: Vec<_> = said.lines().rev().take(5).collect();
        format!("the server did not start: {line}{}", said.into_iter().rev().collect::<Vec<_>>().join("\n"))
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end(self.child.id());
        let began = Instant::now();
        while began.elapsed() < STOP && !matches!(self.child.try_wait(), Ok(Some(_))) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        running().retain(|(pid, _)| *pid != self.child.id());
        if let Some(dir) = &self.dir {
            let _ = fs::remove_dir_all(dir);
        }
    }
}

fn running() -> std::sync::MutexGuard<'static, Vec<(u32, Option<PathBuf>)>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

fn end(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, Signal::TERM);
    }
}

/// Ends what was started, for a program that was told to stop itself.
pub fn end_all() {
    for (pid, dir) in running().drain(..) {
        end(pid);
        let began = Instant::now();
        while began.elapsed() < STOP && is_alive(pid) {
            std::thread::sleep(Duration::from_millis(20));
        }
        if let Some(dir) = dir {
            let _ = fs::remove_dir_all(dir);
        }
    }
}

/// Whether a process of ours has not ended yet: one that has, and that nobody waited for, is a zombie.
fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

/// What a server at an address computes hashes with, as its metrics say.
pub fn hash_kernel(address: SocketAddr) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").ok()?;
    let mut said = String::new();
    stream.read_to_string(&mut said).ok()?;
    let mut kernels =
        said.lines().filter_map(|line| line.strip_prefix("countersign_hash_kernel{kernel=\"")?.split_once("\"} "));
    kernels.find(|(_, is_on)| is_on.trim() == "1").map(|(name, _)| name.to_owned())
}

/// A directory that only we may look into.
fn directory(work: &Path) -> Result<PathBuf, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", work.display());
    fs::create_dir_all(work).map_err(failed)?;
    let dir = work.join(format!("load-{}-{}", std::process::id(), running().len()));
    fs::DirBuilder::new().mode(0o700).create(&dir).map_err(failed)?;
    Ok(dir)
}

fn prepare(settings: &Settings, dir: &Path) -> Result<Command, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", dir.display());
    let bootstrap = dir.join("bootstrap.toml");
    fs::write(&bootstrap, bootstrap_file(settings)?).map_err(failed)?;
    fs::set_permissions(&bootstrap, fs::Permissions::from_mode(0o600)).map_err(failed)?;
    let stderr = fs::File::create(dir.join("stderr")).map_err(failed)?;
    let mut command = Command::new(&settings.program);
    // What is printed beside the figures is all that it is set to.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("COUNTERSIGN_")) {
        command.env_remove(name);
    }
    let Hash { memory, passes, lanes } = settings.hash;
    let hash = [("memory_kib", memory), ("iterations", passes), ("parallelism", lanes)];
    for (key, value) in hash {
        command.env(variable(&format!("hash.{key}")), value.to_string());
    }
    command.env(variable("log.level"), "warn");
    for pair in &settings.set {
        let (key, value) = pair.split_once('=').ok_or_else(|| format!("--set {pair}: write KEY=VALUE"))?;
        command.env(variable(key), value);
    }
    command.arg("serve").arg("--data-dir").arg(dir.join("data")).args(["--listen", "127.0.0.1:0", "--bootstrap"]);
    command.arg(bootstrap).stderr(stderr);
    Ok(command)
}

fn variable(key: &str) -> String {
    format!("COUNTERSIGN__{}", key.replace('.', "__").to_uppercase())
}

fn bootstrap_file(settings: &Settings) -> Result<String, String> {
    let (id, secret) = CLIENT.split_once(':').unwrap_or_default();
    let mut text = format!(
        "[[clients]]\nid = \"{id}\"\nsecret = \"{secret}\"\ngrants = [\"password\", \"refresh_token\", \"client_credentials\"]\n\
         signing_alg = \"{}\"\naccess_ttl = \"24h\"\nmax_sessions = 1000\n",
        settings.signing
    );
    let phc = settings.hash.phc()?;
    for number in 0..settings.accounts {
        let login = LOGIN_IDS.replace("{}", &number.to_string());
        let _ = write!(text, "[[accounts]]\nlogin = \"{login}\"\npassword_hash = \"{phc}\"\n");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_of_hashes_are_three_numbers() {
        assert_eq!("19456/2/1".parse(), Ok(Hash { memory: 19456, passes: 2, lanes: 1 }));
        for wrong in ["", "19456", "19456/2", "19456/2/1/1", "a/b/c"] {
            assert!(wrong.parse::<Hash>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn all_accounts_have_one_hash_in_the_usual_notation() {
        let phc = Hash { memory: 64, passes: 1, lanes: 1 }.phc().unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{phc}");
        assert_eq!(phc.split('$').map(str::len).collect::<Vec<_>>(), [0, 8, 4, 12, 22, 43]);
    }

    #[test]
    fn settings_are_given_by_their_variables() {
        assert_eq!(variable("hash.memory_kib"), "COUNTERSIGN__HASH__MEMORY_KIB");
    }
}

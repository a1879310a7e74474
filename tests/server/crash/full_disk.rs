//! A disk that fills up: a small one of its own for each trial, which only root can mount.

use super::check::{Audit, Findings};
use super::ledger::{Standing, Worker};
use super::{findings, plan, workers};
use crate::random::seed;
use crate::support::{Answer, Server, Stopped};
use rustix::fs::{FallocateFlags, fallocate, statvfs};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

const MIB: u64 = 1024 * 1024;
const SIZE: u64 = 64 * MIB;
/// An eighth of the disk.
pub const LOW_WATER: u64 = SIZE / 8;
/// Below a quarter of the reserve, with room for what the store has not written yet.
pub const STORE: u64 = MIB / 4 * 3;

/// A mounted file system in memory; unmounted when dropped.
pub struct SmallDisk {
    root: Arc<TempDir>,
}

impl SmallDisk {
    /// `None`, with the reason printed, where it cannot be mounted.
    pub fn mount() -> Option<Self> {
        let disk = Self { root: Arc::new(tempfile::tempdir().unwrap()) };
        fs::create_dir(disk.path()).unwrap();
        let size = format!("size={SIZE}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "none"]).arg(disk.path()).output();
        if mounted.as_ref().is_ok_and(|output| output.status.success()) {
            return Some(disk);
        }
        let why = "a file system could not be mounted: run this as root";
        assert!(std::env::var_os("COUNTERSIGN_TEST_STRICT").is_none(), "{why}: {mounted:?}");
        println!("skipped: {why}");
        None
    }

    /// The directory whose `data` it is.
    pub fn root(&self) -> Arc<TempDir> {
        self.root.clone()
    }

    /// Where it is mounted: the data directory.
    fn path(&self) -> PathBuf {
        self.root.path().join("data")
    }

    fn server(&self) -> Stopped {
        plan().at(self.root.clone())
    }

    fn remount(&self, how: &str) {
        let status = Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(self.path()).status();
        assert!(status.unwrap().success());
    }

    pub fn free(&self) -> u64 {
        let found = statvfs(self.path()).unwrap();
        found.f_bavail * found.f_frsize
    }

    /// Lets somebody else take all but so many bytes. What the server gives back meanwhile is taken as well.
    pub fn leave(&self, free: u64) {
        let ballast = File::options().create(true).append(true).open(self.path().join("lost+found")).unwrap();
        let taken = ballast.metadata().unwrap().len();
        let more = self.free().saturating_sub(free);
        // Nothing more to take is no error here, but one to the kernel.
        if more > 0 {
            fallocate(&ballast, FallocateFlags::empty(), taken, more).unwrap();
        }
    }

    pub fn clear(&self) {
        fs::remove_file(self.path().join("lost+found")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

/// Waits for something that the server does by itself. The bound only ends a trial that would hang.
fn until(server: &Server, what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..600 {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("still waiting for {what}: {}", server.diagnostics());
}

fn is_ready(server: &Server) -> bool {
    server.get("/health/ready").status == 200
}

fn is_refused_for_the_disk(answer: &Answer) {
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert_eq!(answer.text("error"), "temporarily_unavailable");
    assert!(answer.text("error_description").contains("disk"), "{}", answer.body);
    assert_eq!(answer.header("retry-after"), Some("1"));
}

/// Each worker's first open session.
fn open(worker: &Worker) -> usize {
    worker.chains.iter().position(|chain| chain.standing == Standing::Open).unwrap()
}

fn journal_bytes(data: &Path) -> Vec<Vec<u8>> {
    let mut names: Vec<_> = fs::read_dir(data.join("journal")).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    names.sort();
    names.iter().map(|path| fs::read(path).unwrap()).collect()
}

#[test]
fn a_disk_that_fills_up_under_load_costs_nothing_and_everything_goes_on_when_there_is_room() {
    let Some(disk) = SmallDisk::mount() else { return };
    let seed = seed();
    let (mut workers, mut audit) = (workers(seed), Audit::new());
    let server = disk.server().start();
    for worker in &mut workers {
        assert!(worker.login(&server).is_ok() && worker.login(&server).is_ok());
    }
    disk.leave(LOW_WATER + MIB);
    assert!(is_ready(&server));
    std::thread::scope(|scope| {
        for worker in &mut workers {
            scope.spawn(|| worker.work(&server));
        }
    });
    let counts = super::total(&workers);
    println!("the disk was full after {counts:?}");
    assert_eq!(counts.unanswered, 0, "{}", server.diagnostics());
    is_refused_for_the_disk(&server.refresh(&workers[0].chains[open(&workers[0])].newest));
    assert!(server.metric(r#"countersign_unavailable_total{why="disk"}"#) >= 1.0);
    assert_eq!(server.metric("countersign_disk_low"), 1.0);
    assert_eq!(server.get("/health/ready").json()["disk"], false);
    let said = server.diagnostics();
    assert!(said.contains("the disk is nearly full") && said.contains("to_free="), "{said}");
    for worker in &mut workers {
        assert!(worker.revoke(&server, open(worker)).is_ok(), "revoking goes on: {}", server.diagnostics());
    }

    let server = server.again();
    for worker in &workers {
        let revoked = worker.chains.iter().filter(|chain| chain.standing == Standing::Revoked);
        revoked.for_each(|chain| assert!(!server.is_active(&chain.access), "{}", chain.session));
        is_refused_for_the_disk(&server.refresh(&worker.chains[open(worker)].newest));
    }
    audit.read(&server.data_dir());
    for worker in &mut workers {
        assert_eq!(audit.compare(worker), Findings::new(), "seed {seed}");
    }
    disk.clear();
    until(&server, "the server to be ready", || is_ready(&server));
    assert_eq!(findings(&server, &mut workers, &mut audit), Findings::new(), "seed {seed}");
    assert!(server.diagnostics().contains("the disk has room again"));
    for worker in &mut workers {
        assert!(worker.login(&server).is_ok());
    }
}

#[test]
fn on_a_disk_that_is_full_sessions_are_held_closed_and_a_start_says_how_much_to_free() {
    let Some(disk) = SmallDisk::mount() else { return };
    let mut worker = Worker::new(0, seed());
    let server = disk.server().start();
    for _ in 0..3 {
        assert!(worker.login(&server).is_ok());
    }
    disk.leave(STORE);
    until(&server, "the reserve to be given back", || disk.free() >= MIB + STORE);
    assert!(worker.revoke(&server, 0).is_ok(), "the reserve has room for it: {}", server.diagnostics());
    disk.leave(STORE);
    let (held, goes_on) = (worker.chains[1].clone(), worker.chains[2].clone());
    is_refused_for_the_disk(&server.post("/oauth2/revoke", Some(crate::support::STORE), &[("token", &held.newest)]));
    assert!(!server.is_active(&held.access) && !server.is_active(&held.newest), "held closed");
    assert!(server.is_active(&goes_on.access));
    assert_eq!(server.metric("countersign_sessions_held"), 1.0);

    let before = journal_bytes(&server.data_dir());
    let stopped = server.stopped();
    let (code, text) = stopped.refusal();
    assert_eq!(code, Some(1), "{text}");
    let data = disk.path().display().to_string();
    for words in [data.as_str(), "too little room", "free at least", "nothing was lost"] {
        assert!(text.contains(words), "{words:?} in {text}");
    }
    assert_eq!(journal_bytes(&disk.path()), before, "nothing was changed");
    disk.clear();
    let server = stopped.start();
    let mut audit = Audit::new();
    audit.read(&server.data_dir());
    assert_eq!(audit.compare(&mut worker), Findings::new());
    assert_eq!(server.refresh(&goes_on.newest).status, 200);
}

#[test]
fn a_directory_on_a_full_disk_or_a_read_only_one_is_refused_and_left_as_it_is() {
    let Some(disk) = SmallDisk::mount() else { return };
    disk.leave(0);
    let (code, text) = disk.server().refusal();
    assert_eq!(code, Some(1), "{text}");
    let data = disk.path().display().to_string();
    assert!(text.contains(&data) && text.contains("free at least 12 MiB"), "{text}");
    let names: Vec<_> = fs::read_dir(disk.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["lost+found"], "nothing half-made is left");
    disk.clear();
    let mut server = disk.server().start();
    assert_eq!(server.terminate(), Some(0));
    disk.remount("ro");
    let (code, text) = server.stopped().refusal();
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains(&data) && text.contains("read-only") && text.contains("nothing was lost"), "{text}");
    disk.remount("rw");
    assert!(is_ready(&disk.server().start()));
}

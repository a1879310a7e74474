//! One call to the disk fails, once: the first, the second, the third … of its kind, in a short life of a server and in a
//! start after a crash. Whatever was answered is there at the next start, which finds a disk that works.
//!
//! What a library that is loaded before others cannot see is what `rustix` asks the kernel itself: taking room
//! (`fallocate`), measuring the free space (`statvfs`), `flock` of the lock, and the exchange of a store that was written
//! anew. Reads are not failed here. Everything else of `src/journal/files/real_disk.rs` and all of sled goes through libc.

use super::check::{self, Audit, Findings};
use super::ledger::{Standing, Worker};
use super::shim::{compile, numbers};
use super::{plan, under_load};
use crate::random::{Random, seed};
use crate::support::{Plan, Server, Stopped, is_installed};
use rustix::process::Signal;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// In the order of `fail_nth.c`.
const KINDS: [&str; 7] = ["write", "sync", "sync of a range", "open", "rename", "cut", "remove"];
const SYNC: usize = 1;
const FAILED: usize = KINDS.len();
const EIO: u32 = 5;
const ENOSPC: u32 = 28;

/// Where the fault may fall.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Scene {
    /// A new directory, the bootstrap file, some requests, an orderly stop.
    NewDirectory,
    /// A directory that was left by a crash under load.
    AfterACrash,
}

#[derive(Clone, Copy, Debug)]
struct Fault {
    scene: Scene,
    kind: usize,
    nth: u64,
    errno: u32,
}

/// How the server took it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Outcome {
    NotReached,
    Refused,
    Ended,
    WentOn,
}

struct Trial {
    dir: TempDir,
    /// What a crash under load left, and what was answered before it.
    crashed: Stopped,
    worker: Worker,
}

impl Trial {
    fn prepare(seed: u64) -> Self {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        compile("fail_nth.c", &dir.path().join("fail_nth.so"));
        let mut workers = [Worker::new(0, seed)];
        let server = small().start();
        under_load(&server, &mut workers, Signal::KILL, Duration::from_millis(150));
        let [worker] = workers;
        Self { dir, crashed: server.stopped(), worker }
    }

    /// A directory of its own, and somebody who knows what was answered there.
    fn scene(&self, scene: Scene, seed: u64) -> (Stopped, Worker) {
        let root = Arc::new(tempfile::tempdir().unwrap());
        if scene == Scene::NewDirectory {
            return (small().at(root), Worker::new(0, seed));
        }
        let from = self.crashed.data_dir();
        let files = [from.clone(), from.with_extension("master.key")];
        let copied = Command::new("cp").arg("-a").args(files).arg(root.path()).status();
        assert!(copied.unwrap().success());
        (small().at(root), self.worker.clone())
    }

    fn under(&self, mut plan: Plan, under: String, counts: &Path, fault: Fault) -> Plan {
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let names = [
            ("LD_PRELOAD", text(&self.dir.path().join("fail_nth.so"))),
            ("SHIM_COUNTS", text(counts)),
            ("SHIM_UNDER", under),
            ("SHIM_KIND", fault.kind.to_string()),
            ("SHIM_NTH", fault.nth.to_string()),
            ("SHIM_ERRNO", fault.errno.to_string()),
        ];
        plan.env.extend(names.map(|(name, value)| (name.to_owned(), value)));
        plan
    }

    /// One life with the fault, and one without. Gives what was counted in the first.
    fn run(&self, fault: Fault, seed: u64) -> (Outcome, Vec<u64>) {
        let (outcome, counted, _) = self.run_below("", fault, seed);
        (outcome, counted)
    }

    /// The same where only paths count that begin like this, with what the server said.
    fn run_below(&self, below: &str, fault: Fault, seed: u64) -> (Outcome, Vec<u64>, String) {
        let (stopped, mut worker) = self.scene(fault.scene, seed);
        let (data, counts) = (stopped.data_dir(), stopped.data_dir().with_extension("counts"));
        fs::write(&counts, [0; 8 * (FAILED + 1)]).unwrap();
        let under = format!("{}{below}", data.display());
        let (stopped, outcome) = match stopped.with(|plan| self.under(plan, under, &counts, fault)).try_start() {
            Ok(server) => live(server, &mut worker),
            Err((stopped, code)) => {
                let said = stopped.diagnostics();
                let told = [(Some(1), "countersign: "), (Some(74), "the journal cannot go on")];
                assert!(told.iter().any(|(of, words)| *of == code && said.contains(words)), "{code:?}: {said}");
                (stopped, Outcome::Refused)
            }
        };
        let counted = numbers(&counts);
        let outcome = match (counted[FAILED], outcome) {
            (0, Outcome::WentOn) => Outcome::NotReached,
            (1, outcome) => outcome,
            (times, outcome) => panic!("{outcome:?} and failed {times} times: {}", stopped.diagnostics()),
        };
        let said = stopped.diagnostics();
        afterwards(stopped, &mut worker);
        (outcome, counted, said)
    }
}

/// Small segments, so that one is closed within a short life.
fn small() -> Plan {
    plan().set("journal.segment_bytes", "64KiB")
}

/// Some requests, one after the other, and an orderly stop.
fn live(mut server: Server, worker: &mut Worker) -> (Stopped, Outcome) {
    let (first, unanswered) = (worker.chains.len(), worker.counts.unanswered);
    for step in 0..4 {
        let _ = worker.login(&server);
        for _ in 0..3 {
            let last = worker.chains.len().saturating_sub(1);
            let usable = |at: &usize| {
                worker.chains.get(*at).is_some_and(|chain| chain.standing == Standing::Open && !chain.unanswered)
            };
            if let Some(at) = [0, last].into_iter().find(usable) {
                let _ = worker.refresh(&server, at);
            }
        }
        let revoked = first + step / 2;
        if step % 2 == 1 && worker.chains.get(revoked).is_some_and(|chain| chain.standing == Standing::Open) {
            let _ = worker.revoke(&server, revoked);
        }
    }
    let code = server.terminate();
    let outcome = match code {
        Some(0) => Outcome::WentOn,
        Some(1 | 74) => Outcome::Ended,
        _ => panic!("{code:?}: {}", server.diagnostics()),
    };
    if outcome == Outcome::WentOn {
        assert_eq!(worker.counts.unanswered, unanswered, "it answers as long as it is there: {}", server.diagnostics());
    }
    (server.stopped(), outcome)
}

/// The next start, on a disk that works.
fn afterwards(stopped: Stopped, worker: &mut Worker) {
    let honest = stopped.with(|mut plan| {
        plan.env.retain(|(name, _)| name != "LD_PRELOAD");
        plan
    });
    let mut server = honest.start();
    let (mut audit, mut findings) = (Audit::new(), Findings::new());
    audit.read(&server.data_dir());
    findings.extend(audit.compare(worker));
    findings.extend(audit.twice());
    findings.extend(check::sessions(&server, worker));
    assert!(worker.login(&server).is_ok(), "{}", server.diagnostics());
    findings.extend(check::superseded(&server, worker));
    assert_eq!(findings, Findings::new(), "{}", server.diagnostics());
    assert_eq!(server.terminate(), Some(0), "{}", server.diagnostics());
    let said = server.diagnostics();
    // sled panics where its last sync fails. That is caught, and said in our own words.
    let caught = said.matches("the store could not be closed in good order").count();
    assert_eq!(said.matches("panicked at").count(), caught, "{said}");
}

/// The counts of a life without a fault.
fn counted(trial: &Trial, scene: Scene, seed: u64) -> Vec<u64> {
    let (outcome, counts) = trial.run(Fault { scene, kind: KINDS.len(), nth: 0, errno: EIO }, seed);
    assert_eq!(outcome, Outcome::NotReached);
    counts
}

/// All of them where `COUNTERSIGN_FAILING_DISK` is `all`; otherwise the first ones, and some by the seed.
fn faults(trial: &Trial, random: &mut Random, seed: u64) -> Vec<Fault> {
    let all = std::env::var("COUNTERSIGN_FAILING_DISK").is_ok_and(|which| which == "all");
    let mut faults = Vec::new();
    for scene in [Scene::NewDirectory, Scene::AfterACrash] {
        let counts = counted(trial, scene, seed);
        println!("{scene:?}: {:?}", KINDS.iter().zip(&counts).collect::<Vec<_>>());
        for (kind, &count) in counts[..FAILED].iter().enumerate() {
            let mut wanted: Vec<_> = (1..=count).filter(|nth| all || *nth <= 2).collect();
            if !all && count > 2 {
                wanted.extend((0..2).map(|_| 3 + random.below(count - 2)));
            }
            // Another seed gives the other half of them.
            let errno = |nth: u64| [EIO, ENOSPC][((nth ^ seed) % 2) as usize];
            faults.extend(wanted.into_iter().map(|nth| Fault { scene, kind, nth, errno: errno(nth) }));
        }
    }
    faults
}

#[test]
fn one_call_to_the_disk_that_fails_costs_nothing_that_was_answered() {
    if !is_installed("cc", "gcc libc6-dev") {
        return;
    }
    let (seed, begin) = (seed(), Instant::now());
    let trial = Trial::prepare(seed);
    let faults = faults(&trial, &mut Random::new(seed), seed);
    let (waiting, outcomes, broken) = (Mutex::new(faults.iter()), Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(fault) = waiting.lock().unwrap().next() else { return };
                    // All of them are tried, also where one shows a fault of the server.
                    match catch_unwind(AssertUnwindSafe(|| trial.run(*fault, seed))) {
                        Ok((outcome, _)) => outcomes.lock().unwrap().push((fault.kind, outcome)),
                        Err(_) => broken.lock().unwrap().push(*fault),
                    }
                }
            });
        }
    });
    let outcomes = outcomes.into_inner().unwrap();
    for (kind, name) in KINDS.iter().enumerate() {
        let count = |wanted: Outcome| outcomes.iter().filter(|outcome| **outcome == (kind, wanted)).count();
        let [refused, ended, went_on] = [Outcome::Refused, Outcome::Ended, Outcome::WentOn].map(count);
        let missed = count(Outcome::NotReached);
        println!("{name}: {refused} starts refused, {ended} ended, {went_on} went on; {missed} were not reached");
        assert!(refused + ended + went_on > 0, "no {name} was failed");
        assert!(missed <= 1 + refused + ended + went_on, "most faults of {name} were not reached");
    }
    let broken = broken.into_inner().unwrap();
    println!("{} faults in {:?}", faults.len(), begin.elapsed());
    assert!(broken.is_empty(), "what these faults led to is told above: {broken:#?}");
}

/// sled syncs its file when it is closed, and panics where that fails.
#[test]
fn a_store_whose_last_sync_fails_is_closed_all_the_same() {
    if !is_installed("cc", "gcc libc6-dev") {
        return;
    }
    let seed = seed();
    let trial = Trial::prepare(seed);
    let none = Fault { scene: Scene::NewDirectory, kind: KINDS.len(), nth: 0, errno: EIO };
    // By its own clock sled syncs in between as well, so that one life has a sync more than the next: what was the last in one
    // is failed in another, until it is the last there, too.
    let mut runs = (0..20).map(|_| {
        let (_, counted, _) = trial.run_below("/store/db", none, seed);
        assert!(counted[SYNC] > 0, "{counted:?}");
        trial.run_below("/store/db", Fault { kind: SYNC, nth: counted[SYNC], ..none }, seed)
    });
    let closed = runs.find(|(_, _, said)| said.contains("the store could not be closed in good order"));
    let (outcome, _, said) = closed.expect("of twenty lives one has as many syncs as the one before");
    assert_eq!(outcome, Outcome::WentOn, "{said}");
    assert!(said.lines().last().unwrap().contains("stopped in good order"), "{said}");
}

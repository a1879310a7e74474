//! The control: on a disk that loses what it said it had written, the same checks must fail, or they prove nothing.

use super::check::{self, Audit, Findings};
use super::ledger::{Standing, Worker};
use super::shim::{compile, numbers};
use super::{findings, plan, under_load, workers};
use crate::random::seed;
use crate::support::{Plan, Server, is_installed};
use rustix::process::Signal;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

/// The library that makes a disk lie, and what it counted.
struct LyingDisk {
    dir: TempDir,
}

impl LyingDisk {
    fn build() -> Self {
        let disk = Self { dir: tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap() };
        compile("lose_writes.c", &disk.library());
        fs::write(disk.counts(), [0; 24]).unwrap();
        disk
    }

    fn library(&self) -> PathBuf {
        self.dir.path().join("lose_writes.so")
    }

    fn counts(&self) -> PathBuf {
        self.dir.path().join("counts")
    }

    /// The plan with all files lost whose paths begin with `under` and end with `suffix`.
    fn below(&self, mut plan: Plan, under: String, suffix: &str) -> Plan {
        let text = |path: PathBuf| path.to_str().unwrap().to_owned();
        let library = ("LD_PRELOAD", text(self.library()));
        let counts = ("SHIM_COUNTS", text(self.counts()));
        let wanted = [library, counts, ("SHIM_UNDER", under), ("SHIM_SUFFIX", suffix.to_owned())];
        plan.env.extend(wanted.map(|(name, value)| (name.to_owned(), value)));
        plan
    }

    /// Files taken, writes, syncs.
    fn counted(&self) -> [u64; 3] {
        numbers(&self.counts()).try_into().unwrap()
    }
}

fn honest(mut plan: Plan) -> Plan {
    plan.env.retain(|(name, _)| name != "LD_PRELOAD");
    plan
}

/// A server that was stopped in good order after some load, with the workers' answers found in its journal.
fn stopped_after_load(workers: &mut [Worker]) -> Server {
    let mut server = plan().start();
    under_load(&server, workers, Signal::TERM, Duration::from_millis(200));
    assert_eq!(server.ended(), Some(0), "{}", server.diagnostics());
    let mut audit = Audit::new();
    audit.read(&server.data_dir());
    assert_eq!(workers.iter_mut().flat_map(|worker| audit.compare(worker)).collect::<Vec<_>>(), Findings::new());
    server
}

#[test]
fn the_checks_find_what_a_lying_disk_loses() {
    if !is_installed("cc", "gcc libc6-dev") {
        return;
    }
    let (seed, disk) = (seed(), LyingDisk::build());
    let mut workers = workers(seed);
    let server = stopped_after_load(&mut workers);
    let data = format!("{}/", server.data_dir().display());

    let server = server.again_with(|plan| disk.below(plan, data, ""));
    for worker in &mut workers {
        assert_eq!(check::sessions(&server, worker), Findings::new(), "on a lying disk all seems well");
    }
    under_load(&server, &mut workers, Signal::KILL, Duration::from_millis(300));
    let [taken, writes, syncs] = disk.counted();
    println!("the disk took {taken} files, {writes} writes and {syncs} syncs, and lost them");
    assert!(taken >= 3 && writes > 100 && syncs > 50, "segment, anchor and store: {taken}, {writes}, {syncs}");

    let answered: usize = workers.iter().map(|worker| worker.deeds.len()).sum();
    let is_open = |worker: &Worker| worker.chains.iter().filter(|chain| chain.standing == Standing::Open).count();
    let open: usize = workers.iter().map(is_open).sum();
    let server = server.again_with(honest);
    let findings = findings(&server, &mut workers, &mut Audit::new());
    let count = |text: &str| findings.iter().filter(|finding| finding.contains(text)).count();
    assert_eq!(
        count("was answered and is in the journal None times"),
        answered,
        "every answer is missed: {findings:#?}"
    );
    assert_eq!(count("was lost"), open, "every open session is missed: {findings:#?}");
    assert!(answered > 20 && open > 0, "{answered} answers, {open} open sessions");
}

#[test]
fn a_revocation_that_a_lying_disk_loses_is_found() {
    if !is_installed("cc", "gcc libc6-dev") {
        return;
    }
    let disk = LyingDisk::build();
    let mut worker = Worker::new(0, seed());
    let mut server = plan().start();
    assert!(worker.login(&server).is_ok());
    assert_eq!(server.terminate(), Some(0));
    let data = format!("{}/", server.data_dir().display());
    let mut server = server.again_with(|plan| disk.below(plan, data, ""));
    assert!(worker.revoke(&server, 0).is_ok());
    server.kill();
    let server = server.again_with(honest);
    let session = worker.chains[0].session;
    let expected = [
        format!("{session}: it was revoked, and its access token is active"),
        format!("{session}: it was revoked, and a token of it was accepted"),
    ];
    assert_eq!(check::sessions(&server, &mut worker), expected);
}

#[test]
fn a_disk_that_loses_only_the_segments_is_caught_by_the_next_start() {
    if !is_installed("cc", "gcc libc6-dev") {
        return;
    }
    let (seed, disk) = (seed(), LyingDisk::build());
    let mut workers = workers(seed);
    let server = stopped_after_load(&mut workers);
    let journal = format!("{}/journal/", server.data_dir().display());
    let mut server = server.again_with(|plan| disk.below(plan, journal, ".jsonl"));
    // Until the anchor was written, which happens each second.
    under_load(&server, &mut workers, Signal::KILL, Duration::from_millis(1500));
    server.kill();
    let [taken, writes, syncs] = disk.counted();
    // The kill may come between a write and its sync.
    let in_order = writes == syncs || writes == syncs + 1;
    assert!(taken == 1 && writes > 20 && in_order, "the open segment: {taken}, {writes}, {syncs}");
    let (code, text) = server.stopped_with(honest).refusal();
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("countersign: the journal was not opened and not changed: "), "{text}");
    assert!(text.contains("journal/00000000000000000001.jsonl"), "{text}");
    assert!(text.contains("countersign journal repair"), "{text}");
}

//! The power is cut: an ext4 of its own for each trial, on a loop device, which only root can mount. Everything is lost that
//! was not synced, and sled's pages, which nobody syncs, are left in any mixture of old and new.

use super::check::{Audit, Findings};
use super::ledger::Worker;
use super::shim::{compile, compile_program, numbers};
use super::{findings, last_checks, plan, tell_every_tenth, total, workers};
use crate::random::{Random, seed};
use crate::support::{Plan, Server, Stopped, many, wait_until};
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const SIZE: u64 = 128 * 1024 * 1024;

/// An ext4 in a file; unmounted when dropped, which frees the loop device.
struct LoopDisk {
    root: Arc<TempDir>,
}

impl LoopDisk {
    /// `None`, with the reason printed, where this is not root. Root has it, or the trial fails.
    fn mount() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            let why = "a file system could not be mounted: run this as root";
            assert!(std::env::var_os("COUNTERSIGN_TEST_STRICT").is_none(), "{why}");
            println!("skipped: {why}");
            return None;
        }
        let disk = Self { root: Arc::new(tempfile::tempdir().unwrap()) };
        fs::create_dir(disk.path()).unwrap();
        compile_program("power_cut.c", &disk.root.path().join("power_cut"));
        File::create_new(disk.image()).unwrap().set_len(SIZE).unwrap();
        run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(disk.image()));
        disk.attach();
        Some(disk)
    }

    fn image(&self) -> PathBuf {
        self.root.path().join("image")
    }

    /// Where it is mounted: the data directory.
    fn path(&self) -> PathBuf {
        self.root.path().join("data")
    }

    fn attach(&self) {
        run(Command::new("mount").args(["-t", "ext4", "-o", "loop"]).arg(self.image()).arg(self.path()));
    }

    /// From here on nothing reaches the disk.
    fn cut(&self) {
        run(Command::new(self.root.path().join("power_cut")).arg(self.path()));
    }

    /// Mounts it again, which plays back ext4's own journal.
    fn power_up(&self) {
        run(Command::new("umount").arg(self.path()));
        self.attach();
    }

    fn server(&self, plan: Plan) -> Stopped {
        plan.at(self.root.clone())
    }
}

impl Drop for LoopDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["-l", "-q"]).arg(self.path()).status();
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Files below `store`, by their paths, as the page cache shows them.
type Pages = BTreeMap<PathBuf, Vec<u8>>;

fn store_pages(data: &Path) -> Pages {
    let (mut pages, mut dirs) = (Pages::new(), vec![data.join("store")]);
    while let Some(dir) = dirs.pop() {
        // A start that was cut short may have put the store aside, and sled removes files while they are looked at.
        let Ok(entries) = fs::read_dir(dir) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else if let Ok(bytes) = fs::read(&path) {
                pages.insert(path, bytes);
            }
        }
    }
    pages
}

/// How many pages were chosen otherwise than the disk had them, and how many files got another length.
#[derive(Clone, Copy, Default, Debug)]
struct Mixed {
    pages: u64,
    lengths: u64,
}

/// Leaves the store as a disk may that writes in any order, and keeps in a cache of its own what nobody told it to flush: each
/// page is from when the power came back the last time (`durable`), or what the disk has, or what the page cache had
/// (`seen`), by chance.
fn mix(durable: &Pages, seen: &Pages, random: &mut Random) -> Mixed {
    let mut mixed = Mixed::default();
    for (path, seen) in seen {
        let disk = fs::read(path).ok();
        let versions: Vec<_> = [durable.get(path), disk.as_ref(), Some(seen)].into_iter().flatten().collect();
        // A name that only the page cache had is lost or kept as a whole.
        if disk.is_none() && random.below(2) == 0 {
            continue;
        }
        let (page, rare) = ([512, 4096][random.below(2) as usize], random.below(2) == 0);
        let length = versions[random.below(versions.len() as u64) as usize].len();
        let mut bytes = Vec::with_capacity(length);
        for at in (0..length).step_by(page) {
            let end = length.min(at + page);
            let of = |version: &[u8]| {
                let mut part = version.get(at..end.min(version.len())).unwrap_or_default().to_vec();
                part.resize(end - at, 0);
                part
            };
            let as_it_is = disk.as_deref().map(of);
            let any = of(versions[random.below(versions.len() as u64) as usize]);
            let chosen = as_it_is.clone().filter(|_| rare && random.below(16) > 0).unwrap_or(any);
            mixed.pages += u64::from(as_it_is.as_ref() != Some(&chosen));
            bytes.extend(chosen);
        }
        mixed.lengths += u64::from(disk.is_none_or(|disk| disk.len() != length));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        File::open(path).unwrap().sync_all().unwrap();
    }
    mixed
}

/// Stops every thread of the server where it is: in the kernel, or before its next instruction.
fn stand_still(server: &Server) {
    server.signal(Signal::STOP);
    let tasks = format!("/proc/{}/task", server.pid());
    let state = |stat: String| stat[stat.rfind(')').unwrap() + 2..].chars().next();
    wait_until("the server stands still", || {
        let tasks = fs::read_dir(&tasks).unwrap().map(|task| fs::read_to_string(task.unwrap().path().join("stat")));
        // A task that has just ended does nothing either.
        tasks.flatten().all(|stat| matches!(state(stat), Some('T' | 'D')))
    });
}

/// Lets the workers work, and cuts the power in the middle of it. What the page cache had of the store just before is given.
fn cut_under_load(disk: &LoopDisk, server: Server, workers: &mut [Worker], after: Duration) -> (Stopped, Pages) {
    let seen = std::thread::scope(|scope| {
        for worker in workers {
            scope.spawn(|| worker.work(&server));
        }
        std::thread::sleep(after);
        let seen = store_pages(&disk.path());
        // Where the power goes, nobody goes on to answer. ext4 aborts its journal here, and a sync that was under way may be told
        // that all is well: jbd2_complete_transaction waits for no transaction that is over, however it ended.
        stand_still(&server);
        disk.cut();
        server.signal(Signal::KILL);
        seen
    });
    let stopped = server.stopped();
    disk.power_up();
    (stopped, seen)
}

#[test]
fn whatever_was_answered_is_there_after_every_power_cut() {
    let Some(disk) = LoopDisk::mount() else { return };
    let (seed, begin, rounds) = (seed(), Instant::now(), many("COUNTERSIGN_POWER_CUT_ROUNDS", 5_u32));
    let (mut random, mut workers, mut audit) = (Random::new(!seed), workers(seed), Audit::new());
    let mut server = disk.server(plan().set("journal.segment_bytes", "256KiB")).start();
    let (mut durable, mut rounds_mixed, mut mixed) = (Pages::new(), 0, Mixed::default());
    for round in 1..=rounds {
        let after = Duration::from_millis(20 + random.below(700));
        let (stopped, seen) = cut_under_load(&disk, server, &mut workers, after);
        if random.below(3) > 0 {
            let round = mix(&durable, &seen, &mut random);
            rounds_mixed += 1;
            mixed = Mixed { pages: mixed.pages + round.pages, lengths: mixed.lengths + round.lengths };
        }
        // Some starts do not come to their end either, so that the power is cut in the middle of a recovery too.
        for _ in 0..random.below(2) {
            stopped.start_and_kill(Duration::from_millis(random.below(120)));
            disk.cut();
            disk.power_up();
        }
        durable = store_pages(&disk.path());
        server = stopped.start();
        assert_eq!(findings(&server, &mut workers, &mut audit), Findings::new(), "round {round} of seed {seed}");
        tell_every_tenth(round, rounds, begin, &audit);
    }
    last_checks(&mut server, &mut workers, &mut audit, seed);
    let (counts, said) = (total(&workers), server.diagnostics());
    let starts = |words: &str| said.matches(words).count();
    println!(
        "{rounds} power cuts in {:?}: {counts:?}; {} answers in {} events; the store was mixed in {rounds_mixed} rounds \
         ({mixed:?}); starts: {} brought the store up, {} put it aside and rebuilt it, {} cut off a torn write",
        begin.elapsed(),
        audit.found,
        audit.events(),
        starts("brought the store up to the journal"),
        starts("it was put aside and is rebuilt"),
        starts("a torn write that was never acknowledged was cut off"),
    );
    assert!(counts.unanswered + counts.unavailable >= u64::from(rounds), "the cuts came in the middle: {counts:?}");
    assert!(starts("brought the store up to the journal") > 0, "the cuts reached the store: {said}");
    assert!(audit.found > 10 * rounds as usize, "there was load: {counts:?}");
}

/// The control: where syncs are swallowed, the same cut must lose answers, and the same checks must say so.
#[test]
fn the_checks_find_what_a_power_cut_takes_when_nothing_was_synced() {
    let Some(disk) = LoopDisk::mount() else { return };
    let (library, counts) = (disk.root.path().join("swallow_syncs.so"), disk.root.path().join("counts"));
    compile("swallow_syncs.c", &library);
    fs::write(&counts, [0; 8]).unwrap();
    let (seed, text) = (seed(), |path: &Path| path.to_str().unwrap().to_owned());
    let (mut workers, mut audit) = (workers(seed), Audit::new());
    let mut server = disk.server(plan()).start();
    assert_eq!(server.terminate(), Some(0));
    audit.read(&server.data_dir());
    let shim = [("LD_PRELOAD", text(&library)), ("SHIM_COUNTS", text(&counts)), ("SHIM_UNDER", text(&disk.path()))];
    let server = server.again_with(|mut plan| {
        plan.env.extend(shim.map(|(name, value)| (name.to_owned(), value)));
        plan
    });
    let (stopped, _) = cut_under_load(&disk, server, &mut workers, Duration::from_millis(400));
    let (swallowed, answered) = (numbers(&counts)[0], workers.iter().map(|worker| worker.deeds.len()).sum::<usize>());
    let honest = stopped.with(|mut plan| {
        plan.env.retain(|(name, _)| name != "LD_PRELOAD");
        plan
    });
    let server = honest.start();
    let findings = findings(&server, &mut workers, &mut audit);
    let count = |text: &str| findings.iter().filter(|finding| finding.contains(text)).count();
    let (missed, lost) = (count("was answered and is in the journal None times"), count("was lost"));
    println!("{swallowed} syncs swallowed, {answered} answers: {missed} missed in the journal, {lost} sessions lost");
    assert!(swallowed > 50 && answered > 20, "{swallowed} syncs, {answered} answers");
    assert!(missed > 0 && lost > 0, "nothing was lost without syncs, so the trial proves nothing: {findings:#?}");
}

//! The process is killed, or asked to stop, in the middle of its work: nothing that was answered may be lost.

mod check;
pub mod clock;
mod failing_disk;
mod flips;
pub mod full_disk;
mod hung_disk;
pub mod ledger;
mod lying_disk;
mod power_cut;
pub mod shim;

use crate::random::{Random, seed};
use crate::support::{Plan, Server, many};
use check::{Audit, Findings};
use ledger::{Counts, WORKERS, Worker, bootstrap};
use rustix::process::Signal;
use std::time::{Duration, Instant};

fn plan() -> Plan {
    Plan::new(&bootstrap()).set("hash.deadline", "25s").set("passwords.strangers_total", "1000000")
}

fn workers(seed: u64) -> Vec<Worker> {
    (0..WORKERS).map(|number| Worker::new(number, seed)).collect()
}

/// Lets the workers work until the server gives no answer any more, and sends it a signal after a while.
fn under_load(server: &Server, workers: &mut [Worker], signal: Signal, after: Duration) {
    std::thread::scope(|scope| {
        for worker in workers {
            scope.spawn(|| worker.work(server));
        }
        std::thread::sleep(after);
        server.signal(signal);
    });
}

/// All checks after a restart; the journal first, because it is read as far as the start made it known to be durable.
fn findings(server: &Server, workers: &mut [Worker], audit: &mut Audit) -> Findings {
    audit.read(&server.data_dir());
    let mut findings: Findings = workers.iter_mut().flat_map(|worker| audit.compare(worker)).collect();
    findings.extend(audit.twice());
    findings.extend(workers.iter_mut().flat_map(|worker| check::sessions(server, worker)));
    findings
}

fn total(workers: &[Worker]) -> Counts {
    workers.iter().map(|worker| worker.counts).fold(Counts::default(), |sum, counts| Counts {
        answered: sum.answered + counts.answered,
        unanswered: sum.unanswered + counts.unanswered,
        unavailable: sum.unavailable + counts.unavailable,
        refused: sum.refused + counts.refused,
        retried: sum.retried + counts.retried,
    })
}

/// What ends sessions and the server: for the end of a trial.
fn last_checks(server: &mut Server, workers: &mut [Worker], audit: &mut Audit, seed: u64) {
    for worker in &mut *workers {
        assert_eq!(check::superseded(server, worker), Findings::new(), "seed {seed}");
    }
    assert_eq!(server.terminate(), Some(0), "{}", server.diagnostics());
    audit.read(&server.data_dir());
    for worker in workers {
        assert_eq!(audit.compare(worker), Findings::new(), "seed {seed}");
    }
    assert_eq!(audit.twice(), Findings::new(), "seed {seed}");
}

fn tell_every_tenth(round: u32, rounds: u32, begin: Instant, audit: &Audit) {
    if round.is_multiple_of(10) {
        let (found, events) = (audit.found, audit.events());
        println!("{round} of {rounds} rounds, {:?}: {found} answers found among {events} events", begin.elapsed());
    }
}

#[test]
fn whatever_was_answered_is_there_after_every_kill() {
    let (seed, begin, rounds) = (seed(), Instant::now(), many("COUNTERSIGN_KILL_ROUNDS", 20_u32));
    let (mut random, mut workers, mut audit) = (Random::new(!seed), workers(seed), Audit::new());
    // Small segments, so that kills come while one is closed and the next begun.
    let mut server = plan().set("journal.segment_bytes", "1MiB").start();
    for round in 1..=rounds {
        under_load(&server, &mut workers, Signal::KILL, Duration::from_millis(20 + random.below(300)));
        let stopped = server.stopped();
        // Some starts do not come to their end either, so that recovery is killed in the middle too.
        for _ in 0..random.below(3) {
            stopped.start_and_kill(Duration::from_millis(random.below(80)));
        }
        server = stopped.start();
        assert_eq!(findings(&server, &mut workers, &mut audit), Findings::new(), "round {round} of seed {seed}");
        tell_every_tenth(round, rounds, begin, &audit);
    }
    last_checks(&mut server, &mut workers, &mut audit, seed);
    let counts = total(&workers);
    let segments = std::fs::read_dir(server.data_dir().join("journal")).unwrap().count();
    println!("{rounds} kills: {counts:?}; {} answers in {} events, {segments} files", audit.found, audit.events());
    assert!(segments > 1, "segments were closed");
    assert_eq!(counts.unavailable, 0, "nothing was refused for want of time");
    assert!(counts.unanswered >= u64::from(rounds), "the kills came in the middle of requests: {counts:?}");
    assert!(audit.found > 20 * rounds as usize, "there was load: {counts:?}");
}

#[test]
fn a_stop_finishes_what_is_under_way_and_loses_nothing() {
    let seed = seed();
    let (mut workers, mut audit) = (workers(seed), Audit::new());
    let mut server = plan().start();
    let mut slowest = Duration::ZERO;
    for round in 1..=3 {
        under_load(&server, &mut workers, Signal::TERM, Duration::from_millis(250));
        let begin = Instant::now();
        assert_eq!(server.ended(), Some(0), "{}", server.diagnostics());
        slowest = slowest.max(begin.elapsed());
        let before = server.diagnostics().len();
        audit.read(&server.data_dir());
        let answered: usize = workers.iter().map(|worker| worker.deeds.len()).sum();
        let expected = audit.found + answered;
        for worker in &mut workers {
            assert_eq!(audit.compare(worker), Findings::new(), "round {round} of seed {seed}");
        }
        assert_eq!(audit.deeds(), expected, "whatever was begun was answered: nothing else is in the journal");
        server = server.again();
        let started = &server.diagnostics()[before..];
        assert!(started.contains("the journal is open") && started.contains("clean=true"), "{started}");
        assert!(!started.contains("brought the store up"), "the store was whole: {started}");
        assert_eq!(findings(&server, &mut workers, &mut audit), Findings::new(), "round {round} of seed {seed}");
    }
    println!("{:?}; the slowest stop took {slowest:?} after its last answer", total(&workers));
    assert!(slowest < Duration::from_secs(10), "{slowest:?}");
    assert!(audit.found > 60, "there was load");
}

#[test]
fn a_login_whose_password_is_being_hashed_is_answered_before_the_stop() {
    let mut plan = plan().set("hash.memory_kib", "65536").set("hash.iterations", "8");
    plan.bootstrap = crate::support::BOOTSTRAP.to_owned();
    let mut server = plan.start();
    let login = std::thread::scope(|scope| {
        let login = scope.spawn(|| server.login());
        std::thread::sleep(Duration::from_millis(100));
        server.signal(Signal::TERM);
        login.join().unwrap()
    });
    assert_eq!(login.status, 200, "{}", login.body);
    assert_eq!(server.ended(), Some(0), "{}", server.diagnostics());
    let server = server.again();
    assert!(server.is_active(&login.access()));
    assert_eq!(server.refresh(&login.refresh()).status, 200);
}

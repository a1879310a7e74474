//! The wall clock steps under the running binary, and across a kill: back one hour, forward ten years, frozen.

use super::check::{self, Audit, Findings};
use super::ledger::{Standing, Worker};
use super::shim::{compile, numbers};
use super::{findings, plan, workers};
use crate::random::seed;
use crate::support::{Answer, Plan, STORE, Server, claims, is_installed};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};
use tempfile::TempDir;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
const TEN_YEARS: i64 = 3650 * DAY;
/// `access_ttl` of the client, as the bootstrap of these trials has it.
const ACCESS_TTL: i64 = DAY;

/// The library that sets a wall clock wrong, and what it reads.
pub struct WallClock {
    dir: TempDir,
}

impl WallClock {
    pub fn build() -> Self {
        let clock = Self { dir: tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap() };
        compile("step_clock.c", &clock.dir.path().join("step_clock.so"));
        fs::write(clock.numbers(), [0; 24]).unwrap();
        clock
    }

    fn numbers(&self) -> PathBuf {
        self.dir.path().join("numbers")
    }

    pub fn under(&self, mut plan: Plan) -> Plan {
        let text = |path: PathBuf| path.to_str().unwrap().to_owned();
        plan.env.push(("LD_PRELOAD".to_owned(), text(self.dir.path().join("step_clock.so"))));
        plan.env.push(("SHIM_CLOCK".to_owned(), text(self.numbers())));
        plan
    }

    fn set(&self, place: u64, to: i64) {
        let file = File::options().write(true).open(self.numbers()).unwrap();
        file.write_all_at(&to.to_le_bytes(), 8 * place).unwrap();
    }

    /// Sets it wrong by so many seconds; 0 mends it.
    pub fn step(&self, by: i64) {
        self.set(1, by);
    }

    /// Lets it stand still at this second.
    fn freeze(&self) {
        self.set(2, now());
    }

    fn thaw(&self) {
        self.set(2, 0);
    }

    /// How often it was read.
    fn read(&self) -> u64 {
        numbers(&self.numbers())[0]
    }
}

/// Seconds since 1970, by the clock of this machine.
fn now() -> i64 {
    UNIX_EPOCH.elapsed().unwrap().as_secs() as i64
}

/// A clock that is wrong, in words, and by how much it is.
const WRONG: [(&str, i64); 3] = [
    ("an hour back", -HOUR - 60),
    ("ten years ahead", TEN_YEARS),
    // What a clock shows that has stood still for two hours. That it stands still is tried by itself.
    ("frozen for two hours", -2 * HOUR),
];

fn is_for_the_clock(answer: &Answer) {
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(answer.text("error_description").contains("clock is not believed"), "{}", answer.body);
    assert_eq!(answer.header("retry-after"), Some("1"));
}

fn open(worker: &Worker) -> usize {
    let usable = worker.chains.iter().position(|chain| chain.standing == Standing::Open && !chain.unanswered);
    usable.unwrap()
}

/// Nothing is granted, by no door, and nothing is called active.
fn grants_nothing(server: &Server, worker: &Worker) {
    let chain = &worker.chains[open(worker)];
    is_for_the_clock(&server.login_as("person-4@example.com", "a password for the trial"));
    is_for_the_clock(&server.refresh(&chain.newest));
    is_for_the_clock(&server.post("/oauth2/introspect", Some(STORE), &[("token", &chain.access)]));
    assert_eq!(server.get("/health/ready").json()["clock"], false);
}

/// Each worker's open sessions, two of them revoked.
fn revokes(server: &Server, workers: &mut [Worker]) {
    for worker in workers {
        let at = open(worker);
        assert!(worker.revoke(server, at).is_ok(), "revoking goes on: {}", server.diagnostics());
    }
}

/// No token that was handed out outlives what it may.
fn no_token_lives_too_long(workers: &[Worker]) {
    let mut seen = 0;
    for chain in workers.iter().flat_map(|worker| worker.chains.iter().chain(&worker.buried)) {
        let claims = claims(&chain.access);
        let (issued, expires) = (claims["iat"].as_i64().unwrap(), claims["exp"].as_i64().unwrap());
        assert!(expires <= now() + ACCESS_TTL && issued <= now() + 1, "{}: {claims}", chain.session);
        assert!(expires - issued <= ACCESS_TTL && expires > now(), "{}: {claims}", chain.session);
        seen += 1;
    }
    assert!(seen > 8, "{seen} tokens were looked at");
}

/// What was recorded is stamped with instants that have been.
fn no_event_is_from_the_future(server: &Server) {
    for event in server.events() {
        let at: chrono::DateTime<chrono::Utc> = event["at"].as_str().unwrap().parse().unwrap();
        assert!(at.timestamp() <= now() + 1, "{event}");
    }
}

fn work_until(server: &Server, workers: &mut [Worker], meanwhile: impl FnOnce()) {
    std::thread::scope(|scope| {
        for worker in workers {
            scope.spawn(|| worker.work(server));
        }
        std::thread::sleep(Duration::from_millis(150));
        meanwhile();
    });
}

/// Logins enough to have sessions left to revoke.
fn log_in(server: &Server, workers: &mut [Worker]) {
    for worker in workers {
        assert!((0..2).all(|_| worker.login(server).is_ok()), "{}", server.diagnostics());
    }
}

#[test]
fn a_clock_that_steps_under_load_grants_nothing_and_leaves_nothing_behind_when_it_is_mended() {
    if !is_installed("cc", "gcc libc6-dev") {
        return;
    }
    let (seed, clock) = (seed(), WallClock::build());
    let (mut workers, mut audit) = (workers(seed), Audit::new());
    let mut server = clock.under(plan()).start();
    log_in(&server, &mut workers);
    for (number, (words, by)) in (1..).zip(WRONG) {
        // The load ends by itself, for every worker comes to a request that is not granted.
        work_until(&server, &mut workers, || clock.step(by));
        let refused = super::total(&workers).unavailable;
        assert_eq!(refused, number * super::WORKERS as u64, "each worker was refused once for each step");
        grants_nothing_and_revokes(&server, &mut workers);
        clock.step(0);
        assert_eq!(server.get("/health/ready").status, 200, "{words}");
        let found: Findings = workers.iter_mut().flat_map(|worker| check::sessions(&server, worker)).collect();
        assert_eq!(found, Findings::new(), "{words}, and mended: seed {seed}");
        log_in(&server, &mut workers);
        no_token_lives_too_long(&workers);
    }
    no_event_is_from_the_future(&server);
    server = server.again();
    assert_eq!(findings(&server, &mut workers, &mut audit), Findings::new(), "seed {seed}");
    for worker in &mut workers {
        assert_eq!(check::superseded(&server, worker), Findings::new(), "seed {seed}");
    }
    assert_eq!(server.terminate(), Some(0), "{}", server.diagnostics());
    println!("{:?}, {} answers found; the clock was read {} times", super::total(&workers), audit.found, clock.read());
    assert!(clock.read() > 1000 && audit.found > 50, "{} readings, {} answers", clock.read(), audit.found);
}

fn grants_nothing_and_revokes(server: &Server, workers: &mut [Worker]) {
    // Whatever the load left: somebody whose sessions are all in doubt asks with none.
    for worker in workers.iter().filter(|worker| has_open(worker)) {
        grants_nothing(server, worker);
    }
    let mut with_sessions: Vec<_> = workers.iter_mut().filter(|worker| has_open(worker)).collect();
    assert!(!with_sessions.is_empty());
    for worker in &mut with_sessions {
        revokes(server, std::slice::from_mut(worker));
    }
}

fn has_open(worker: &Worker) -> bool {
    worker.chains.iter().any(|chain| chain.standing == Standing::Open && !chain.unanswered)
}

#[test]
fn a_clock_that_stands_still_for_a_moment_changes_nothing() {
    if !is_installed("cc", "gcc libc6-dev") {
        return;
    }
    let (seed, clock) = (seed(), WallClock::build());
    let (mut workers, mut audit) = (workers(seed), Audit::new());
    let server = clock.under(plan()).start();
    log_in(&server, &mut workers);
    clock.freeze();
    log_in(&server, &mut workers);
    revokes(&server, &mut workers);
    for worker in &mut workers {
        for _ in 0..5 {
            let at = open(worker);
            assert!(worker.refresh(&server, at).is_ok(), "{}", server.diagnostics());
        }
    }
    clock.thaw();
    log_in(&server, &mut workers);
    no_token_lives_too_long(&workers);
    no_event_is_from_the_future(&server);
    let server = server.again();
    assert_eq!(findings(&server, &mut workers, &mut audit), Findings::new(), "seed {seed}");
    assert!(clock.read() > 200, "{} readings", clock.read());
}

#[test]
fn a_start_with_a_clock_that_is_wrong_grants_nothing_and_the_next_one_with_a_right_one_everything() {
    if !is_installed("cc", "gcc libc6-dev") {
        return;
    }
    let (seed, clock) = (seed(), WallClock::build());
    let (mut workers, mut audit) = (workers(seed), Audit::new());
    let mut server = clock.under(plan()).start();
    for (words, by) in [("two minutes back", -120), ("401 days ahead", 401 * DAY)].into_iter().chain(WRONG) {
        log_in(&server, &mut workers);
        let mut stopped = server.stopped();
        clock.step(by);
        // The second start is judged by what the first one recorded.
        for _ in 0..2 {
            server = stopped.start();
            grants_nothing(&server, &workers[0]);
            revokes(&server, &mut workers[1..]);
            stopped = server.stopped();
        }
        clock.step(0);
        server = stopped.start();
        assert_eq!(findings(&server, &mut workers, &mut audit), Findings::new(), "{words}: seed {seed}");
        log_in(&server, &mut workers);
        no_token_lives_too_long(&workers);
        assert!(clock.read() > 0, "{words}");
    }
    no_event_is_from_the_future(&server);
}

#[test]
fn an_operator_answers_for_a_clock_far_ahead_and_it_grants_again() {
    if !is_installed("cc", "gcc libc6-dev") {
        return;
    }
    let (seed, clock) = (seed(), WallClock::build());
    let mut workers = workers(seed);
    let server = clock.under(plan()).start();
    log_in(&server, &mut workers);
    let stopped = server.stopped();
    clock.step(401 * DAY);
    let server = stopped.start();
    grants_nothing(&server, &workers[0]);
    revokes(&server, &mut workers);
    let server = server.again_with(|mut plan| {
        plan.flags.push("--accept-clock".to_owned());
        plan
    });
    // The sessions of before have run out meanwhile, and what was revoked stays so.
    for chain in workers.iter().flat_map(|worker| &worker.chains) {
        assert!(!server.is_active(&chain.access), "{}", chain.session);
        assert_eq!(server.refresh(&chain.newest).status, 400, "{}", chain.session);
    }
    for worker in &mut workers {
        worker.chains.clear();
    }
    log_in(&server, &mut workers);
    for chain in workers.iter().flat_map(|worker| &worker.chains) {
        let lives = claims(&chain.access)["exp"].as_i64().unwrap() - now() - 401 * DAY;
        assert!(lives > 0 && lives <= ACCESS_TTL, "{}: it lives for {lives} s", chain.session);
        assert!(server.is_active(&chain.access));
    }
    assert!(server.events().iter().any(|event| event["type"] == "system.clock_accepted"));
}

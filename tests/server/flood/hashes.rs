//! Very many logins at once, at the cost of a real hash.

use super::{MIB, Meanwhile, Over, Times, login_from, memory, peak};
use crate::random::{Random, seed};
use crate::support::{Answer, BOOTSTRAP, Plan, Server, many};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

const THREADS: u64 = 2;
const QUEUE: u64 = 16;
/// How many ask at the same time.
const AT_ONCE: usize = 256;
/// Whose right passwords are among the flood, from nowhere in particular: so no network of the flood gets known to any account.
const CAROL: (&str, &str) = ("carol@example.com", "carols long password");
const BOB: (&str, &str, &str) = ("192.0.2.9", "bob@example.com", "another fine password");

/// A server whose hashes cost what they should, which lets one wait as long as there are others before it.
fn plan(bootstrap: &str) -> Plan {
    Plan::new(bootstrap)
        .set("hash.memory_kib", "19456")
        .set("hash.iterations", "2")
        .set("hash.threads", &THREADS.to_string())
        .set("hash.queue", &QUEUE.to_string())
        .set("hash.deadline", "50s")
        .set("http.request_timeout", "60s")
        .set("passwords.strangers_total", "1000000")
        .set("store.cache_bytes", "16MiB")
}

/// The most memory that a flood may add: the hashes under way, what each connection may hold of heads and bodies, the store's
/// cache, and a little for every login id that was tried.
fn allowance(hash: u64, logins: usize) -> u64 {
    let connections = AT_ONCE as u64 * (32 + 64 + 32) * 1024;
    THREADS * hash + connections + 16 * MIB + logins as u64 * 1024
}

/// What the logins of a flood came to.
#[derive(Default)]
struct Tally {
    granted: u64,
    refused: u64,
    shed: u64,
    refusals: Times,
    hashed: Times,
}

impl Tally {
    fn count(&mut self, answer: &Answer, took: Times) {
        match answer.status {
            200 => self.granted += 1,
            400 => {
                assert_eq!(answer.text("error"), "invalid_grant", "{answer:?}");
                self.refused += 1;
            }
            503 => {
                assert_eq!(answer.header("retry-after"), Some("1"), "{answer:?}");
                assert_eq!(answer.text("error"), "temporarily_unavailable", "{answer:?}");
                self.shed += 1;
                return self.refusals.add(took);
            }
            _ => panic!("{answer:?}"),
        }
        self.hashed.add(took);
    }

    fn add(&mut self, other: Self) {
        self.granted += other.granted;
        self.refused += other.refused;
        self.shed += other.shed;
        self.refusals.add(other.refusals);
        self.hashed.add(other.hashed);
    }
}

/// One login of a flood: of somebody unknown or with a wrong password, from one of many networks or of few; or a right one.
fn one_of_many(server: &Server, random: &mut Random) -> Answer {
    let address = match random.below(2) {
        0 => format!("203.0.113.{}", random.below(200)),
        _ => format!("100.{}.{}.1", random.below(100), random.below(200)),
    };
    match random.below(4) {
        0 => server.login_as(CAROL.0, CAROL.1),
        1 => login_from(server, &address, CAROL.0, &format!("wrong-{}", random.below(1 << 32))),
        2 => login_from(server, &address, &format!("nobody-{}@example.com", random.below(1 << 32)), "wrong"),
        _ => login_from(server, &address, &format!("{}@example.com", "n".repeat(240)), &"w".repeat(1024)),
    }
}

fn home(server: &Server) -> Answer {
    login_from(server, BOB.0, BOB.1, BOB.2)
}

struct Flood<'a> {
    server: &'a Server,
    logins: usize,
    asked: AtomicUsize,
    tally: Mutex<Tally>,
    over: AtomicBool,
    deepest: AtomicU64,
}

impl Flood<'_> {
    fn ask(&self, mut random: Random) {
        let mut tally = Tally::default();
        while !self.over.load(Ordering::Relaxed) && self.asked.fetch_add(1, Ordering::Relaxed) < self.logins {
            let mut took = Times::default();
            let answer = took.of(|| one_of_many(self.server, &mut random));
            tally.count(&answer, took);
        }
        self.tally.lock().unwrap().add(tally);
    }

    /// Looks at the queue until the flood is over, and ends the flood early where the queue has lost its bound.
    fn watch(&self) {
        while !self.over.load(Ordering::Relaxed) {
            let depth = self.server.metric("countersign_hash_queue_depth") as u64;
            self.deepest.fetch_max(depth, Ordering::Relaxed);
            if depth > QUEUE {
                self.over.store(true, Ordering::Relaxed);
            }
        }
    }

    fn run(&self, seed: u64) {
        std::thread::scope(|scope| {
            let askers: Vec<_> = (0..AT_ONCE as u64)
                .map(|number| scope.spawn(move || self.ask(Random::new(seed.wrapping_add(number)))))
                .collect();
            askers.into_iter().for_each(|asker| asker.join().unwrap());
        });
    }
}

fn hashes(server: &Server) -> u64 {
    server.metric("countersign_hashes_total") as u64
}

fn shed(server: &Server) -> u64 {
    let metrics = server.get("/metrics").body;
    let shed = metrics.lines().filter(|line| line.starts_with("countersign_hash_shed_total{"));
    shed.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap() as u64).sum()
}

/// Everybody who is to be answered while a flood goes on: sessions that refresh, and the owner who logs in from home.
fn others<'a>(flood: &'a Flood<'_>, first: &'a [Answer]) -> (Meanwhile, Times) {
    let (server, over) = (flood.server, &flood.over);
    std::thread::scope(|scope| {
        scope.spawn(|| flood.watch());
        let refreshing: Vec<_> = first
            .iter()
            .map(|first| {
                scope.spawn(move || {
                    let mut meanwhile = Meanwhile::default();
                    let _over = Over(over);
                    meanwhile.ask(server, first, over);
                    meanwhile
                })
            })
            .collect();
        let mut logins = Times::default();
        while !over.load(Ordering::Relaxed) {
            let home = logins.of(|| home(server));
            if home.status != 200 {
                over.store(true, Ordering::Relaxed);
            }
            assert_eq!(home.status, 200, "an eighth of the queue is bob's, who is known: {home:?}");
        }
        let mut all = Meanwhile::default();
        for one in refreshing {
            let one = one.join().unwrap();
            all.refreshes.add(one.refreshes);
            all.health.add(one.health);
        }
        (all, logins)
    })
}

#[test]
fn a_flood_of_logins_costs_as_much_memory_as_the_configuration_says_and_keeps_nobody_else_waiting() {
    let (seed, logins) = (seed(), many("COUNTERSIGN_FLOOD_LOGINS", 3000));
    let carol = format!("[[accounts]]\nlogin = \"{}\"\npassword = \"{}\"\n", CAROL.0, CAROL.1);
    let server = plan(&format!("{BOOTSTRAP}\n{carol}")).start();
    assert_eq!(home(&server).status, 200);
    let first: Vec<Answer> = (0..4).map(|_| server.login()).collect();
    let (base, hashes_before, shed_before) = (peak(&server), hashes(&server), shed(&server));
    let flood = Flood {
        server: &server,
        logins,
        asked: AtomicUsize::new(0),
        tally: Mutex::default(),
        over: AtomicBool::new(false),
        deepest: AtomicU64::new(0),
    };
    let (meanwhile, owner) = std::thread::scope(|scope| {
        let others = scope.spawn(|| others(&flood, &first));
        let over = Over(&flood.over);
        flood.run(seed);
        drop(over);
        others.join().unwrap()
    });
    let (most, deepest) = (peak(&server), flood.deepest.load(Ordering::Relaxed));
    assert!(deepest <= QUEUE, "{deepest} hashes waited, where {QUEUE} may");
    let tally = flood.tally.into_inner().unwrap();
    println!("{} granted, {} refused after a hash, {} refused without", tally.granted, tally.refused, tally.shed);
    println!("{deepest} waited at most; {} MiB before, {} MiB at most", base / MIB, most / MIB);
    assert_eq!(tally.granted + tally.refused + tally.shed, logins as u64, "each was answered");
    assert_eq!(hashes(&server) - hashes_before, tally.granted + tally.refused + owner.0.len() as u64);
    assert_eq!(shed(&server) - shed_before, tally.shed, "and what was refused was not hashed");
    assert!(tally.shed > tally.refused + tally.granted, "it was a flood");
    let ceiling = base + allowance(19 * MIB, logins);
    assert!(most <= ceiling, "{} MiB, where {} MiB are allowed", most / MIB, ceiling / MIB);
    tally.refusals.print("refusals without a hash");
    tally.hashed.print("answers after a hash");
    owner.print("bob's own logins meanwhile");
    meanwhile.print();
    assert_eq!(home(&server).status, 200);
    assert_eq!(server.login().status, 200);
}

/// An account that comes with a hash of this much memory, which nobody's password opens.
fn imported(memory_kib: u64) -> String {
    let clients = BOOTSTRAP.split("[[accounts]]").next().unwrap();
    let hash = format!("$argon2id$v=19$m={memory_kib},t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA${}", "A".repeat(43));
    format!("{clients}[[accounts]]\nlogin = \"dave@example.com\"\npassword_hash = \"{hash}\"\n")
}

#[test]
fn a_hash_that_would_take_four_gigabytes_is_refused_where_it_is_imported() {
    let stopped = plan(&imported(4 << 20)).at(std::sync::Arc::new(tempfile::tempdir().unwrap()));
    let (code, said) = stopped.refusal();
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("accounts[0].password_hash"), "{said}");
    assert!(said.contains("at most 262144 KiB"), "{said}");
    assert!(!said.contains("$argon2id"), "{said}");
}

#[test]
fn the_costliest_hash_that_is_imported_takes_its_memory_once_for_each_thread_and_gives_it_back() {
    let server = plan(&imported(256 * 1024)).start();
    let (base, before) = (peak(&server), hashes(&server));
    let logins: Vec<String> = (0..4).map(|number| format!("nobody-{number}@example.com")).collect();
    std::thread::scope(|scope| {
        for (number, unknown) in logins.iter().enumerate() {
            let (server, login) = (&server, if number % 2 == 0 { "dave@example.com" } else { unknown });
            scope.spawn(move || {
                let address = format!("100.64.{number}.1");
                assert_eq!(login_from(server, &address, login, "wrong").status, 400);
            });
        }
    });
    assert_eq!(hashes(&server) - before, 4);
    let (most, left) = (peak(&server), memory(&server, "VmRSS"));
    println!("{} MiB before, {} MiB at most, {} MiB afterwards", base / MIB, most / MIB, left / MIB);
    assert!(most >= base + 256 * MIB, "an unknown login and a known one cost what was imported");
    assert!(most <= base + allowance(256 * MIB, 4), "{} MiB", most / MIB);
    assert!(left <= base + 64 * MIB, "{} MiB were not given back", left / MIB);
}

//! Whether the time of a refusal tells why: logins of every refused kind in turn, whose times are compared by their ranks.
//!
//! For each two kinds, how often the one took longer than the other (Mann and Whitney's U, divided by the number of pairs): one
//! half, where time tells nothing. In the suite only the counting is judged; `scripts/long/telltale` judges the times.

use crate::random::{Random, seed};
use crate::support::{ALICE, Answer, BOOTSTRAP, Plan, STORE, Server};
use countersign::actors::Asker;
use countersign::app::{self, App, Start, World};
use countersign::config::{Config, Flags, Sources};
use countersign::domain::gate::GateCommand;
use countersign::domain::ids::RequestId;
use countersign::entropy::uuid_v7;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const KINDS: [&str; 4] = ["unknown login", "wrong password", "throttled", "disabled account"];
const CAROL: &str = "carol@example.com";
const SPENT: &str = "203.0.113.1";

/// Disables an account in a stopped server's directory: no door leads there.
fn disable(data: &Path, login: &str) {
    let env = [("COUNTERSIGN__HASH__THREADS".to_owned(), "1".to_owned())];
    let flags = Flags { data_dir: Some(data.to_owned()), listen: None, master_key: None };
    let config = Config::load(Sources { file: None, env, flags }).unwrap();
    actix_rt::System::new().block_on(async {
        let world = World::real();
        let opened =
            app::open(&config, Start::default(), &world, |_, _| ()).map_err(|error| error.to_string()).unwrap();
        let issuer = "https://auth.example.com".to_owned();
        let app = App::start(opened, &config, issuer, world.metrics.clone(), world.entropy.clone()).unwrap();
        let operator = Asker::server(RequestId(uuid_v7(&*world.entropy, world.clock.wall())));
        let administration = &app.services.administration;
        let account = administration.find_account(login).unwrap().unwrap();
        administration.change_account(account, GateCommand::Disable, None, &operator).await.unwrap();
        app.stop();
    });
}

/// A server at the cost of a real hash, that knows alice, a bob whose strangers have used up a network's attempts, and a carol
/// who is disabled.
fn server() -> Server {
    let root = Arc::new(TempDir::new().unwrap());
    let carol = format!("[[accounts]]\nlogin = \"{CAROL}\"\npassword = \"carols long password\"\n");
    let plan = || {
        Plan::new(&format!("{BOOTSTRAP}\n{carol}"))
            .set("hash.memory_kib", "19456")
            .set("hash.iterations", "2")
            .set("hash.threads", "1")
            .set("passwords.strangers_per_network", "1")
            .set("passwords.strangers_total", "1000000")
    };
    let mut first = Server::start_in(root.clone(), plan());
    assert_eq!(first.terminate(), Some(0));
    disable(&first.data_dir(), CAROL);
    let server = Server::start_in(root, plan());
    assert_eq!(login(&server, SPENT, "bob@example.com").status, 400);
    server
}

fn login(server: &Server, address: &str, login: &str) -> Answer {
    let form = [("grant_type", "password"), ("username", login), ("password", "wrong")];
    server.post_as("/oauth2/token", Some(STORE), &form, &[("X-Forwarded-For", address)])
}

/// A refused login of a kind, from a network that has not been seen but for the throttled kind, and how long it took.
fn refused(server: &Server, kind: usize, number: usize) -> Duration {
    let fresh = format!("100.{}.{}.1", number / 200, number % 200);
    let unknown = format!("u{number:04}@example.com");
    let (address, name) = match kind {
        0 => (fresh.as_str(), unknown.as_str()),
        1 => (fresh.as_str(), ALICE.0),
        2 => (SPENT, "bob@example.com"),
        _ => (fresh.as_str(), CAROL),
    };
    let begin = Instant::now();
    let answer = login(server, address, name);
    let took = begin.elapsed();
    assert_eq!((answer.status, answer.text("error").as_str()), (400, "invalid_grant"), "{}", KINDS[kind]);
    took
}

/// How often what is drawn from `a` is longer than what is drawn from `b`; ties count half.
fn effect(a: &[Duration], b: &[Duration]) -> f64 {
    let mut sorted = b.to_vec();
    sorted.sort_unstable();
    let wins = a.iter().map(|a| sorted.partition_point(|b| b < a) + sorted.partition_point(|b| b <= a));
    wins.sum::<usize>() as f64 / (2 * a.len() * b.len()) as f64
}

/// The least constant delay of one kind that would lie outside the bounds, to the nearest microsecond.
fn noticed(times: &[Duration]) -> Duration {
    let delayed = |by: u64| times.iter().map(|time| *time + Duration::from_micros(by)).collect::<Vec<_>>();
    let (mut low, mut high) = (0, 1_000_000);
    while high - low > 1 {
        let middle = u64::midpoint(low, high);
        if effect(&delayed(middle), times) > 0.55 { high = middle } else { low = middle }
    }
    Duration::from_micros(high)
}

fn counted(server: &Server) -> [u64; 3] {
    let outcome = |code: &str| format!(r#"countersign_logins_total{{client="store",outcome="{code}"}}"#);
    let of = |name: &str| server.metric(name) as u64;
    [of("countersign_hashes_total"), of(&outcome("wrong_credentials")), of(&outcome("throttled"))]
}

#[test]
fn every_kind_of_refused_login_costs_as_much_and_takes_as_long() {
    let judged: Option<usize> = std::env::var("COUNTERSIGN_TELLTALE_PAIRS").ok().map(|pairs| pairs.parse().unwrap());
    let (mut random, pairs, server) = (Random::new(seed()), judged.unwrap_or(20), server());
    let mut times: [Vec<Duration>; 4] = Default::default();
    for kind in 0..KINDS.len() {
        refused(&server, kind, 39_000 + kind);
    }
    let before = counted(&server);
    for number in 0..pairs {
        let mut order = [0, 1, 2, 3];
        (1..order.len()).for_each(|at| order.swap(at, random.below(at as u64 + 1) as usize));
        for kind in order {
            times[kind].push(refused(&server, kind, number));
        }
    }
    let after = counted(&server);
    let made = [0, 1, 2].map(|at| after[at] - before[at]);
    assert_eq!(made[0], 4 * pairs as u64, "each cost one hash");
    assert_eq!(made[1] + made[2], 4 * pairs as u64);
    // An attempt an hour is given back to the network that has used up its own.
    assert!(made[2] + 1 + pairs as u64 / 1000 >= pairs as u64, "{made:?}");
    for (kind, times) in times.iter().enumerate() {
        let mut sorted = times.clone();
        sorted.sort_unstable();
        println!("{}: median {:?}, a delay of {:?} would be noticed", KINDS[kind], sorted[pairs / 2], noticed(times));
    }
    for a in 0..KINDS.len() {
        for b in a + 1..KINDS.len() {
            let effect = effect(&times[a], &times[b]);
            println!("{pairs} pairs, {} against {}: {effect:.4}", KINDS[a], KINDS[b]);
            assert!(judged.is_none() || (0.45..=0.55).contains(&effect), "{} tells itself by its time", KINDS[a]);
        }
    }
}

#[test]
fn an_effect_is_one_half_where_there_is_none() {
    let of = |micros: &[u64]| micros.iter().map(|micros| Duration::from_micros(*micros)).collect::<Vec<_>>();
    assert_eq!(effect(&of(&[1, 2, 3]), &of(&[1, 2, 3])), 0.5);
    assert_eq!(effect(&of(&[4, 5]), &of(&[1, 2, 3])), 1.0);
    assert_eq!(effect(&of(&[1, 4]), &of(&[2, 3])), 0.5);
    assert_eq!(noticed(&of(&[0, 10, 20, 30, 40, 50, 60, 70, 80, 90])), Duration::from_micros(10));
}

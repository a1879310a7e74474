//! Phases against a server that only answers, in this process.

use crate::figures::{Operation, Tally};
use crate::null::{Stall, serve};
use crate::people::{LOGIN_IDS, User};
use crate::phase::{Bounds, Load, Phase, log_everybody_in};
use crate::scenario::Scenario;
use crate::schedule::Arrivals;
use crate::target::Target;
use std::sync::mpsc::channel;
use std::time::Duration;

const SCENARIOS: [Scenario; 6] = [
    Scenario::Login,
    Scenario::Refresh,
    Scenario::ClientCredentials,
    Scenario::Introspect,
    Scenario::Revoke,
    Scenario::Noop,
];

/// A server that only answers, for as long as this process lives.
fn null_server(stall: Option<Stall>) -> Target {
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            serve(listener, stall).await.unwrap();
        });
    });
    let url = format!("http://{}", told.recv().unwrap());
    let mut target = Target::new(&url, "load:secret", "password", Duration::from_secs(30)).unwrap();
    target.noop_status = 200;
    target
}

fn users(number: usize) -> Vec<User> {
    (0..number).map(|number| User::new(number, LOGIN_IDS)).collect()
}

fn phase(scenario: Scenario, load: Load, millis: u64) -> Phase {
    Phase {
        name: "smoke".to_owned(),
        scenario,
        load,
        warm_up: Duration::ZERO,
        span: Duration::from_millis(millis),
        bounds: Bounds { connections: 64, in_flight: 1000 },
        threads: 2,
        seed: 1,
        cpus: Vec::new(),
    }
}

const fn at(rate: f64) -> Load {
    Load::Open { rate, arrivals: Arrivals::Constant }
}

/// What became of all that was due.
fn ends(tally: &Tally, operation: Operation) -> [u64; 3] {
    let figures = tally.of(operation);
    [figures.done.count(), figures.refused.count(), figures.failed.count()]
}

#[test]
fn every_scenario_is_done_to_its_end_on_a_schedule_and_by_saturation() {
    let target = null_server(None);
    for scenario in SCENARIOS {
        let mut users = users(200);
        if scenario.needs_sessions() {
            log_everybody_in(&target, &mut users).unwrap();
        }
        let tally = phase(scenario, at(400.0), 250).run(&target, &mut users).unwrap();
        assert_eq!(ends(&tally, scenario.operation()), [100, 0, 0], "{scenario:?}");
        assert_eq!((tally.due, tally.unsent, tally.no_user, users.len()), (100, 0, 0, 200), "{scenario:?}");
        let tally = phase(scenario, Load::Closed(8), 100).run(&target, &mut users).unwrap();
        let [done, refused, failed] = ends(&tally, scenario.operation());
        assert_eq!((done, refused, failed, users.len()), (tally.due, 0, 0, 200), "{scenario:?}");
    }
}

#[test]
fn a_thief_who_is_let_in_is_a_failure() {
    let target = null_server(None);
    let mut users = users(4000);
    log_everybody_in(&target, &mut users).unwrap();
    // Each comes once, so that what is drawn does not depend on who is busy.
    users.iter_mut().for_each(|user| user.spent = Some("spent".to_owned()));
    let bounds = Bounds { connections: 64, in_flight: 4000 };
    let phase = Phase { bounds, ..phase(Scenario::Mixed, at(4000.0), 1000) };
    let tally = phase.run(&target, &mut users).unwrap();
    assert_eq!((tally.due, tally.unsent, tally.no_user), (4000, 0, 0));
    let [caught, _, let_in] = ends(&tally, Operation::Theft);
    assert_eq!((caught, tally.chains.stolen), (0, let_in));
    assert!(let_in > 0, "this seed has thieves");
    assert_eq!(ends(&tally, Operation::Retry)[2], 0);
    assert_eq!((tally.chains.lost, tally.chains.forked), (0, 0));
}

#[test]
fn a_server_that_stands_still_is_seen_in_the_percentiles() {
    let target = null_server(Some(Stall { after: 100, lasts: Duration::from_millis(500) }));
    let tally = phase(Scenario::Noop, at(200.0), 2000).run(&target, &mut users(400)).unwrap();
    let done = tally.of(Operation::Noop).done;
    assert_eq!(done.count(), 400, "nobody was left out because the server was slow");
    // A hundred were due while it stood still, and waited for a quarter of a second in the middle. A slow machine makes it more, never less.
    assert!(done.quantile(0.99) >= Duration::from_millis(400), "{:?}", done.quantile(0.99));
    assert!(done.quantile(0.88) >= Duration::from_millis(150), "{:?}", done.quantile(0.88));
}

#[test]
fn what_is_due_beyond_the_bounds_is_counted_and_not_sent() {
    let target = null_server(Some(Stall { after: 100, lasts: Duration::from_millis(400) }));
    let bounds = Bounds { connections: 4, in_flight: 10 };
    let phase = Phase { bounds, ..phase(Scenario::Noop, at(200.0), 2000) };
    let tally = phase.run(&target, &mut users(400)).unwrap();
    assert_eq!(tally.due, 400);
    assert!(tally.unsent > 0);
    assert!(tally.waited > 0, "four connections were busy before ten requests were under way");
    assert_eq!(ends(&tally, Operation::Noop)[0] + tally.unsent, 400);
}

#[test]
fn a_user_has_one_request_at_a_time_and_who_is_missing_is_counted() {
    let target = null_server(Some(Stall { after: 20, lasts: Duration::from_millis(300) }));
    let mut users = users(2);
    let tally = phase(Scenario::Login, at(200.0), 1000).run(&target, &mut users).unwrap();
    assert!(tally.no_user > 0);
    assert_eq!(ends(&tally, Operation::Login)[0] + tally.no_user, 200);
    assert_eq!(users.len(), 2);
}

#[test]
fn a_server_that_is_not_there_is_a_failure_and_not_a_refusal() {
    // Nothing listens on the port of a listener that is gone.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let target = Target::new(&format!("http://{gone}"), "a:b", "c", Duration::from_secs(5)).unwrap();
    let tally = phase(Scenario::Login, at(100.0), 100).run(&target, &mut users(100)).unwrap();
    assert_eq!(ends(&tally, Operation::Login), [0, 0, 10]);
    assert!(log_everybody_in(&target, &mut users(3)).unwrap_err().contains("not connected"));
}

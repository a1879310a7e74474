use super::*;
use crate::schedule::{Arrivals, Schedule, Share};

const WINDOW: Window = Window { from: Duration::from_secs(1), to: Duration::from_secs(11) };

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn ended(due: Duration, answered: Duration, outcome: Outcome) -> Ended {
    Ended { operation: Operation::Refresh, arrival: due, due, answered, outcome }
}

fn is_near(found: Duration, wanted: Duration) -> bool {
    found.abs_diff(wanted) <= wanted / 500
}

#[test]
fn percentiles_are_those_of_the_latencies_within_three_digits() {
    let mut latencies = Latencies::default();
    (1..=10_000).for_each(|n| latencies.record(Duration::from_micros(n * 10)));
    assert_eq!(latencies.count(), 10_000);
    for (part, wanted) in [(0.5, 50), (0.9, 90), (0.99, 99)] {
        assert!(is_near(latencies.quantile(part), millis(wanted)), "{part}: {:?}", latencies.quantile(part));
    }
    assert!(is_near(latencies.quantile(0.999), Duration::from_micros(99_900)));
    assert!(is_near(latencies.max(), millis(100)));
    assert_eq!(Latencies::default().quantile(0.99), Duration::ZERO);
}

/// When a server that answers in a millisecond, but for the second in which it stands still, has answered what it began at an instant.
fn answered(begun: Duration) -> Duration {
    let stall = Window { from: millis(5_000), to: millis(6_000) };
    millis(1) + if stall.has(begun) { stall.to } else { begun }
}

#[test]
fn a_server_that_stood_still_is_seen_by_all_who_were_due_meanwhile() {
    let (mut tally, mut free_at) = (Tally::new(WINDOW), Duration::ZERO);
    for due in Schedule::new(Arrivals::Constant, 500.0, WINDOW.to, Share { number: 0, of: 1 }, 0) {
        free_at = answered(due.max(free_at));
        tally.record(ended(due, free_at, Outcome::Done));
    }
    let seen = tally.of(Operation::Refresh).done;
    assert_eq!(seen.count(), 5000, "what was due while it warmed up is left out");
    assert!(seen.max() >= millis(1_000), "the first waited all the time: {:?}", seen.max());
    assert!(seen.quantile(0.99) >= millis(850), "one in ten was due while it stood still: {:?}", seen.quantile(0.99));
    assert!(seen.quantile(0.5) <= millis(2), "the others did not wait: {:?}", seen.quantile(0.5));
    assert!(tally.seconds[5].quantile(0.5) >= millis(400), "the second in which it stood still shows it");
    assert!(tally.seconds[9].quantile(0.5) <= millis(2), "a later one does not");
}

/// Why it is measured from the schedule: the same server, by the measure of a client that sends when it has the answer before.
#[test]
fn a_client_that_waits_for_answers_would_have_seen_one_slow_request_only() {
    let (mut seen, mut now) = (Latencies::default(), Duration::ZERO);
    while now < WINDOW.to {
        let end = answered(now);
        seen.record(end - now);
        now = end.max(now + millis(2));
    }
    assert!(seen.quantile(0.999) <= millis(2), "{:?}", seen.quantile(0.999));
    assert!(seen.max() >= millis(1_000), "{:?}", seen.max());
}

#[test]
fn refusals_and_failures_stand_apart_from_what_was_done() {
    let mut tally = Tally::new(WINDOW);
    tally.record(ended(millis(2000), millis(2001), Outcome::Done));
    tally.record(ended(millis(2000), millis(2002), Outcome::Refused { status: 503, retry_after: true }));
    tally.record(ended(millis(2000), millis(2003), Outcome::Refused { status: 503, retry_after: false }));
    tally.record(ended(millis(2000), millis(2003), Outcome::Refused { status: 400, retry_after: false }));
    tally.record(ended(millis(2000), millis(9000), Outcome::Failed("timeout".to_owned())));
    let figures = tally.of(Operation::Refresh);
    assert_eq!((figures.done.count(), figures.refused.count(), figures.failed.count()), (1, 3, 1));
    assert!(is_near(figures.done.max(), millis(1)), "{:?}", figures.done.max());
    assert_eq!(figures.statuses, BTreeMap::from([(400, 1), (503, 2)]));
    assert_eq!(figures.without_retry_after, 1, "a 400 need not say when to come again");
    assert_eq!(figures.faults, BTreeMap::from([("timeout".to_owned(), 1)]));
}

#[test]
fn the_rate_counts_what_ended_in_the_window_and_latencies_what_was_due_in_it() {
    let mut tally = Tally::new(WINDOW);
    tally.record(ended(millis(900), millis(1100), Outcome::Done));
    tally.record(ended(millis(10_900), millis(11_100), Outcome::Done));
    tally.record(ended(millis(5000), millis(5001), Outcome::Done));
    let figures = tally.of(Operation::Refresh);
    assert_eq!((figures.done_in_window, figures.done.count()), (2, 2));
    assert!((tally.rate(Operation::Refresh) - 0.2).abs() < 1e-9);
    assert!(is_near(figures.done.max(), millis(200)), "the one that was due in the window and ended after it");
}

#[test]
fn what_comes_of_a_request_is_in_the_window_if_that_is() {
    let mut tally = Tally::new(WINDOW);
    let logout = |arrival, due| Ended { arrival, ..ended(due, due + millis(3), Outcome::Done) };
    tally.record(logout(millis(10_999), millis(11_050)));
    tally.record(logout(millis(999), millis(1_050)));
    let done = tally.of(Operation::Refresh).done;
    assert_eq!(done.count(), 1);
    assert!(is_near(done.max(), millis(3)), "counted from when it could be sent itself: {:?}", done.max());
}

#[test]
fn the_tallies_of_two_threads_add_up() {
    let (mut one, mut other) = (Tally::new(WINDOW), Tally::new(WINDOW));
    one.record(ended(millis(2000), millis(2001), Outcome::Done));
    other.record(ended(millis(2000), millis(7004), Outcome::Done));
    other.record(ended(millis(2000), millis(2004), Outcome::Refused { status: 429, retry_after: true }));
    other.unsent = 3;
    one.add(&other);
    let figures = one.of(Operation::Refresh);
    assert_eq!((figures.done.count(), figures.refused.count(), one.unsent), (2, 1, 3));
    assert_eq!(one.seconds.len(), 8);
    assert_eq!((one.seconds[2].done, one.seconds[7].done, one.seconds[2].refused), (1, 1, 1));
}

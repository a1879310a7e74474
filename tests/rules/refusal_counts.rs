//! Refusals are numbered per stream and class, and recorded so that a stranger cannot fill the journal.

use crate::given::*;
use countersign::domain::context::Context;
use countersign::domain::denial::Denial;
use countersign::domain::ids::{Generation, Tag};
use countersign::domain::session::{Asked, SessionEvent};

/// The numbers of the refusals that became events, of so many like this.
fn recorded(mut given: Given, times: u32, ask: impl Fn(u32) -> Redeem) -> (Given, Vec<u64>) {
    let mut numbers = Vec::new();
    for i in 0..times {
        let before = given.history.len();
        given = given.tried(ask(i));
        numbers.extend(given.history[before..].iter().map(number));
    }
    (given, numbers)
}

fn number(recorded: &countersign::domain::Recorded) -> u64 {
    match &recorded.event {
        countersign::domain::Event::Session(
            SessionEvent::Refused { n, .. } | SessionEvent::AheadOfJournal { n, .. },
        ) => *n,
        other => panic!("not a refusal: {other:?}"),
    }
}

fn from_network(net: u8) -> Context {
    Context { net: Some(Tag([net; 8])), ..home() }
}

fn logged_out() -> Given {
    given_login().done(refresh(0)).done(refresh(1)).done(log_out())
}

#[test]
fn the_same_refusal_again_is_an_event_only_at_the_doublings() {
    let (_, numbers) = recorded(logged_out(), 300, |_| refresh(2));
    assert_eq!(numbers, [1, 32, 64, 128, 256]);
}

#[test]
fn what_differs_in_generation_network_or_user_agent_is_an_event_up_to_the_twentieth() {
    let all: Vec<u64> = (1..=20).chain([32, 64]).collect();
    assert_eq!(recorded(logged_out(), 70, |i| refresh(i % 2)).1, all);
    assert_eq!(recorded(logged_out(), 70, |i| refresh(2).from(from_network(i as u8))).1, all);
    let agent = |i: u32| Context { ua: Some(Tag([i as u8; 8])), ..home() };
    assert_eq!(recorded(logged_out(), 70, |i| refresh(2).from(agent(i))).1, all);
}

#[test]
fn a_new_device_name_is_no_news() {
    let (_, numbers) = recorded(logged_out(), 70, |i| refresh(2).from(device(i as u8)));
    assert_eq!(numbers, [1, 32, 64]);
}

#[test]
fn the_refusal_is_compared_with_the_last_event_not_with_the_last_refusal() {
    let (given, first) = recorded(logged_out(), 25, |_| refresh(2));
    assert_eq!(first, [1]);
    // The twentieth has passed unrecorded: another network is no event any more.
    assert_eq!(recorded(given, 10, |_| refresh(2).from(cafe())).1, [32]);
    let (given, first) = recorded(logged_out(), 3, |_| refresh(2));
    assert_eq!(first, [1]);
    assert_eq!(recorded(given, 3, |_| refresh(2).from(cafe())).1, [4]);
}

#[test]
fn each_class_counts_for_itself() {
    logged_out()
        .when(refresh(2))
        .then([refused(Denial::Closed, 2, 1)], Err(Denial::Closed))
        .when(refresh(2).by(other()))
        .then([refused(Denial::ClientMismatch, 2, 1)], Err(Denial::ClientMismatch))
        .when(refresh(3))
        .then([ahead(3, 2, 1)], Err(Denial::AheadOfJournal))
        .when(refresh(1))
        .then([refused(Denial::Closed, 1, 2)], Err(Denial::Closed));
}

#[test]
fn a_count_lost_in_a_crash_goes_on_from_the_last_event() {
    let (given, first) = recorded(logged_out(), 40, |_| refresh(2));
    assert_eq!(first, [1, 32]);
    // Eight were forgotten: the next is number 33 again, and 64 comes thirty-two refusals later.
    let (_, then) = recorded(given.forgotten(), 32, |_| refresh(2));
    assert_eq!(then, [64]);
}

#[test]
fn without_a_crash_the_unrecorded_are_in_the_number() {
    logged_out()
        .tried(refresh(2))
        .tried(refresh(2))
        .tried(refresh(2))
        .when(refresh(1))
        .then([refused(Denial::Closed, 1, 4)], Err(Denial::Closed));
}

#[test]
fn tokens_of_the_future_on_a_closed_session_are_bounded_too() {
    let (_, numbers) = recorded(logged_out(), 200, |_| refresh(7));
    assert_eq!(numbers, [1, 32, 64, 128]);
    let (_, numbers) = recorded(logged_out(), 70, |i| refresh(7 + i as Generation));
    assert_eq!(numbers, (1..=20).chain([32, 64]).collect::<Vec<u64>>());
}

#[test]
fn backends_that_tell_no_person_are_all_alike() {
    let (_, numbers) = recorded(logged_out(), 40, |i| refresh(2).from(nobody(i as u8)));
    assert_eq!(numbers, [1, 32]);
}

#[test]
fn a_refused_scope_is_counted_and_the_session_goes_on() {
    let (given, numbers) = recorded(given_login(), 40, |_| refresh(0).asking(&["admin"]));
    assert_eq!(numbers, [1, 32]);
    let drawn = given.drawn;
    given.at(mins(1)).when(refresh(0)).then(
        [rotated(0, drawn, mins(1))],
        Ok(granted(countersign::domain::session::RefreshHow::Rotated, 1, token(drawn, mins(1)))),
    );
}

#[test]
fn refused_revocations_are_counted_with_their_class() {
    let refused =
        |n| SessionEvent::Refused { asked: Asked::Revoke, class: Denial::ClientMismatch, n, presented: Some(0) };
    let foreign = || revoke(countersign::domain::session::RevokeReason::Revoked, Some(other()), Some(0));
    given_login()
        .when(foreign())
        .then([refused(1)], Err(Denial::ClientMismatch))
        .when(foreign())
        .then_only(Err(Denial::ClientMismatch))
        .when(foreign().from(stranger()))
        .then([refused(3)], Err(Denial::ClientMismatch));
}

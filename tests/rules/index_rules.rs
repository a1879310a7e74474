//! The look-ups: which sessions and revoked tokens can be found, and that an end takes them out.

use crate::given::*;
use countersign::domain::IndexKey::{DropsBy, EndsBy, OfAccount, OfClient, Over, RevokedToken};
use countersign::domain::client::UseEvent;
use countersign::domain::evidence::Door;
use countersign::domain::gate::GateCommand;
use countersign::domain::time::Timestamp;
use countersign::domain::{IndexKey, State};
use countersign::domain::{ids::StreamId, session::Status};
use std::collections::BTreeMap;

/// The number of the hour that begins at or after so many hours of the story.
fn hour(hours: i64) -> u32 {
    u32::try_from(BEGIN.0 / 3_600_000 + hours).unwrap()
}

/// What must be found of session `n`, whose time is over before that hour of the story.
fn found(n: u128, started: Timestamp, ends: i64) -> Vec<(IndexKey, Timestamp)> {
    vec![
        (OfAccount(alice(), store(), session(n)), started),
        (OfClient(store(), session(n)), started),
        (EndsBy(hour(ends), session(n)), started),
    ]
}

/// What is found of a stream that is over, by the place of its last entry.
fn over(stream: StreamId, last: u64) -> Vec<(IndexKey, Timestamp)> {
    vec![(Over(last, stream), Timestamp::default())]
}

/// The same of session `n`.
fn ended(n: u128, last: u64) -> Vec<(IndexKey, Timestamp)> {
    over(StreamId::Session(session(n)), last)
}

fn index(keys: Vec<Vec<(IndexKey, Timestamp)>>) -> BTreeMap<IndexKey, Timestamp> {
    keys.into_iter().flatten().collect()
}

/// The look-ups of all sessions and all evidence that are not archived, worked out from their states and places alone.
pub fn recomputed(given: &Given) -> BTreeMap<IndexKey, Timestamp> {
    let mut all = BTreeMap::new();
    for stream in given.streams.keys() {
        if let (StreamId::Evidence(_), Some(_)) = (stream, given.state(stream)) {
            all.insert(Over(given.last(stream), stream.clone()), Timestamp::default());
        }
        let (StreamId::Session(id), Some(State::Session(state))) = (stream, given.state(stream)) else { continue };
        if state.status != Status::Open {
            all.insert(Over(given.last(stream), stream.clone()), Timestamp::default());
        } else {
            let ends = state.idle_end.min(state.absolute_end).0 / 3_600_000 + 1;
            all.insert(OfAccount(state.account, state.client.clone(), *id), state.started_at);
            all.insert(OfClient(state.client.clone(), *id), state.started_at);
            all.insert(EndsBy(u32::try_from(ends).unwrap(), *id), state.started_at);
        }
    }
    all
}

#[test]
fn an_open_session_is_found_by_account_by_client_and_by_its_end() {
    let given = given_login();
    assert_eq!(given.index, index(vec![found(0, BEGIN, 14 * 24 + 1)]));
    let given = given.at(mins(1)).done(log_in());
    assert_eq!(given.index, index(vec![found(0, BEGIN, 14 * 24 + 1), found(1, at(mins(1)), 14 * 24 + 1)]));
}

#[test]
fn a_refresh_moves_the_end_and_a_retry_does_not() {
    let given = given_login().at(days(1)).done(refresh(0));
    assert_eq!(given.index, index(vec![found(0, BEGIN, 15 * 24 + 1)]));
    let given = given.at(days(1) + secs(29)).done(refresh(0));
    assert_eq!(given.index, index(vec![found(0, BEGIN, 15 * 24 + 1)]));
}

#[test]
fn the_end_is_never_later_than_the_absolute_one() {
    let given = given_login_at(|settings| settings.refresh_absolute_ttl = days(20)).at(days(10)).done(refresh(0));
    assert_eq!(given.index, index(vec![found(0, BEGIN, 20 * 24 + 1)]));
}

#[test]
fn a_session_that_has_ended_is_not_found() {
    assert_eq!(given_login().done(log_out()).index, index(vec![ended(0, 7)]));
    assert_eq!(given_login().at(IDLE_TTL).done(Sweep).index, index(vec![ended(0, 7)]));
    assert_eq!(given_login().tried(refresh(3)).index, index(vec![ended(0, 8)]));
    let given = given_login().done(log_in().ending(&[session(0)]));
    assert_eq!(
        given.index,
        index(vec![found(1, BEGIN, 14 * 24 + 1), ended(0, given.last(&StreamId::Session(session(0))))])
    );
}

#[test]
fn what_is_over_is_found_by_its_last_entry_until_it_is_archived() {
    let given = given_login().done(log_out()).tried(refresh(0));
    assert_eq!(given.index, index(vec![ended(0, 8)]), "a refusal moves it on");
    let given = given.archive().tried(old(Door::Refresh, 0)).tried(old(Door::Refresh, 0).from(stranger()));
    assert_eq!(given.index, index(vec![over(StreamId::Evidence(session(0)), 11)]), "evidence takes its place");
    assert_eq!(given.archive().index, BTreeMap::new());
}

#[test]
fn a_session_closed_from_outside_is_found_until_its_own_end() {
    let given = given_login().done(GateCommand::RevokeSessions);
    assert_eq!(given.index, index(vec![found(0, BEGIN, 14 * 24 + 1)]));
    assert_eq!(given.done(log_out()).index, index(vec![ended(0, 8)]));
}

#[test]
fn a_revoked_token_is_listed_until_it_is_dropped() {
    let revoked = |n, ends| UseEvent::TokenRevoked { jti: jti(n), expires_at: at(ends) };
    let given = given().happened(revoked(1, mins(5))).happened(revoked(2, mins(65)));
    let listed =
        |n, ends, hours| vec![(RevokedToken(jti(n)), at(ends)), (DropsBy(hour(hours), store(), jti(n)), at(ends))];
    assert_eq!(given.index, index(vec![listed(1, mins(5), 1), listed(2, mins(65), 2)]));
    let again = given.clone().happened(revoked(1, mins(5)));
    assert_eq!(again.index, given.index, "revoking it again lists it once");
    let dropped = UseEvent::RevocationsDropped { dropped: vec![(jti(1), at(mins(5)))] };
    assert_eq!(given.happened(dropped).index, index(vec![listed(2, mins(65), 2)]));
}

#[test]
fn the_hour_of_an_end_has_begun_only_after_it() {
    use countersign::domain::time::Span;
    for ends in [Span::hours(3), Span::hours(3) + millis(1), Span::hours(4) - millis(1)] {
        let given = given_login_at(|settings| settings.refresh_idle_ttl = ends);
        assert_eq!(given.index, index(vec![found(0, BEGIN, 4)]));
    }
}

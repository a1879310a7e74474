//! The server: times in which it was away, histories that were lost, and the clock.

use crate::given::*;
use countersign::domain::ids::{SessionId, StreamId};
use countersign::domain::system::{self, LOST_SESSIONS, OUTAGES, System, SystemEvent};
use countersign::domain::time::Span;
use countersign::domain::{Event, Recorded, State, apply};

pub fn system(given: &Given) -> &System {
    match given.state(&StreamId::System) {
        Some(State::System(system)) => system,
        other => panic!("no system: {other:?}"),
    }
}

fn start(given: Given, after: Span, last: Span) -> Given {
    given.at(after).happened(SystemEvent::Started { version: "1".to_owned(), last_entry_at: at(last) })
}

/// The server was away from `from` to `to`.
fn away(given: Given, from: Span, to: Span) -> Given {
    start(given, to, from).happened(SystemEvent::Ready)
}

#[test]
fn a_server_that_was_never_away_was_never_unavailable() {
    assert_eq!(system(&given()).unavailable(at(secs(0)), at(days(400))), Span::ZERO);
}

#[test]
fn an_outage_lasts_from_the_last_entry_to_ready() {
    let given = start(given(), mins(12), mins(10)).at(mins(13)).happened(SystemEvent::Ready);
    assert_eq!(system(&given).outages, [(at(mins(10)), at(mins(13)))]);
    assert_eq!(system(&given).down_since, None);
}

#[test]
fn only_what_lies_inside_the_span_counts() {
    let given = away(away(given(), mins(10), mins(13)), mins(20), mins(21));
    let unavailable = |from, to| system(&given).unavailable(at(from), at(to));
    assert_eq!(unavailable(mins(0), mins(60)), mins(4));
    assert_eq!(unavailable(mins(0), mins(10)), Span::ZERO);
    assert_eq!(unavailable(mins(11), mins(60)), mins(3));
    assert_eq!(unavailable(mins(13), mins(20)), Span::ZERO);
    assert_eq!(unavailable(mins(21), mins(60)), Span::ZERO);
    assert_eq!(unavailable(mins(60), mins(0)), Span::ZERO);
}

#[test]
fn an_outage_that_ends_in_the_future_proves_nothing() {
    // It was stamped by a clock that has been mended since, and would keep every retry window open until then.
    let given = away(given(), mins(10), days(300));
    assert_eq!(system(&given).unavailable(at(mins(0)), at(mins(60))), Span::ZERO);
}

#[test]
fn starts_that_never_got_ready_are_one_outage() {
    let given = start(start(given(), mins(11), mins(10)), mins(15), mins(11)).happened(SystemEvent::Ready);
    assert_eq!(system(&given).outages, [(at(mins(10)), at(mins(15)))]);
}

#[test]
fn ready_without_a_start_is_no_outage() {
    let given = given().happened(SystemEvent::Ready);
    assert_eq!(system(&given).outages, []);
}

#[test]
fn the_last_outages_are_remembered_and_no_more() {
    let outage = |n: i64| (mins(10 * n), mins(10 * n + 1));
    let count = OUTAGES as i64 + 3;
    let given = (1..=count).fold(given(), |given, n| away(given, outage(n).0, outage(n).1));
    let last: Vec<_> = (4..=count).map(|n| (at(outage(n).0), at(outage(n).1))).collect();
    assert_eq!(system(&given).outages, last);
}

#[test]
fn a_lost_answer_waits_for_the_server_to_come_back() {
    use countersign::domain::session::RefreshHow;
    let given = away(given_login().at(mins(1)).done(refresh(0)), mins(1), mins(60));
    let unavailable = system(&given).unavailable(at(mins(1)), at(mins(60) + secs(10)));
    given.at(mins(60) + secs(10)).when(refresh(0).unavailable(unavailable)).then(
        [countersign::domain::session::SessionEvent::RefreshRetried(countersign::domain::session::Retried {
            access: Some(token(2, mins(60) + secs(10))),
            ..retry(0, 1)
        })],
        Ok(granted(RefreshHow::Retried, 1, token(2, mins(60) + secs(10)))),
    );
}

#[test]
fn an_accepted_clock_answers_for_what_the_journal_had_then() {
    let given = given().at(mins(1)).happened(SystemEvent::ClockAccepted { wall: BEGIN, last_entry_at: at(days(9)) });
    assert_eq!(system(&given).clock_accepted, Some((BEGIN, at(days(9)))));
}

/// Shows the token of a lost session so often; which times were events?
fn lost_events(given: &mut Given, id: SessionId, times: u64) -> Vec<u64> {
    let mut events = Vec::new();
    for seen in 0..times {
        if let Some(event) = system::history_lost(system(given), id, 3, seen) {
            assert_eq!(event, SystemEvent::HistoryLost { session: id, generation: 3, n: seen + 1 });
            events.push(seen + 1);
            *given = given.clone().happened(event);
        }
    }
    events
}

#[test]
fn a_lost_session_is_recorded_once_and_at_the_doublings() {
    let mut given = given();
    assert_eq!(lost_events(&mut given, session(7), 200), [1, 32, 64, 128]);
    assert_eq!(system(&given).lost[&session(7)], 128);
    assert_eq!(system(&given).lost_total, 4);
}

#[test]
fn after_a_restart_a_lost_session_is_not_news_again() {
    let mut given = given();
    lost_events(&mut given, session(7), 1);
    assert_eq!(system::history_lost(system(&given), session(7), 3, 0), None);
}

#[test]
fn many_lost_sessions_cannot_fill_the_journal() {
    let mut given = given();
    let full = LOST_SESSIONS as u128;
    for n in 0..full {
        assert_eq!(lost_events(&mut given, session(n), 3), [1]);
    }
    for n in full..full + 100 {
        assert_eq!(lost_events(&mut given, session(n), 31), Vec::<u64>::new());
    }
    assert_eq!(lost_events(&mut given, session(full), 40), [32], "one that is shown over and over is still seen");
    assert_eq!(system(&given).lost.len(), LOST_SESSIONS);
    assert_eq!(system(&given).lost_total, LOST_SESSIONS as u64 + 1);
}

#[test]
fn a_journal_is_created_once_and_first() {
    let recorded = |event| Recorded {
        position: 99,
        commit: commit(99),
        stream: StreamId::System,
        version: 2,
        at: BEGIN,
        context: server(),
        event: Event::System(event),
        command: None,
    };
    let again = recorded(SystemEvent::Created { origin: "test".to_owned() });
    let state = given().state(&StreamId::System).cloned();
    assert_eq!(apply(state, &again), Err(again.impossible("the journal was created before")));
    let early = recorded(SystemEvent::Ready);
    assert_eq!(apply(None, &early), Err(early.impossible("the journal does not begin with system.created")));
}

#[test]
fn a_name_of_an_api_key_is_taken_for_ever() {
    let created = || SystemEvent::ApiKeyCreated {
        name: "ops".to_owned(),
        digest: sealed("digest"),
        permissions: scopes(&["admin"]),
        clients: None,
    };
    let given = given().happened(created());
    let recorded = Recorded { event: Event::System(created()), ..given.history.last().unwrap().clone() };
    let state = given.state(&StreamId::System).cloned();
    assert_eq!(apply(state, &recorded), Err(recorded.impossible("the name is taken")));
}

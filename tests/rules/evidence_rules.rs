//! Archived sessions: what is shown of them is refused as if they were still in the store, and recorded with what they were.

use crate::given::*;
use crate::replay_rules::{again, decisions};
use crate::system_rules::system;
use countersign::domain::command::Command;
use countersign::domain::denial::Denial;
use countersign::domain::evidence::{Door, Ended, EvidenceEvent, Past, Told};
use countersign::domain::ids::{Generation, SessionId, StreamId};
use countersign::domain::session::{Asked, RevokeReason};
use countersign::domain::system::{self as rules, SystemEvent};
use countersign::domain::time::Span;
use countersign::domain::{Event, Recorded, State, apply};
use uuid::Uuid;

/// Alice logged in, refreshed twice, logged out an hour after; the session is archived.
fn archived() -> Given {
    given_login().at(mins(1)).done(refresh(0)).at(mins(2)).done(refresh(1)).at(mins(60)).done(log_out()).archive()
}

/// What every event tells of that session.
fn told(redeemed: Option<Span>) -> Told {
    Told {
        account: alice(),
        client: store(),
        ended: Ended::Revoked(RevokeReason::Logout),
        ended_at: at(mins(60)),
        redeemed_at: redeemed.map(at),
    }
}

fn refused(asked: Asked, class: Denial, presented: Generation, n: u64, redeemed: Option<Span>) -> EvidenceEvent {
    EvidenceEvent::Refused { asked, class, n, presented, of: told(redeemed) }
}

fn closed(presented: Generation, n: u64, redeemed: Option<Span>) -> EvidenceEvent {
    refused(Asked::Refresh, Denial::Closed, presented, n, redeemed)
}

#[test]
fn a_refresh_is_refused_and_tells_when_the_token_was_redeemed_and_how_the_session_ended() {
    archived()
        .at(days(300))
        .when(old(Door::Refresh, 0))
        .then([closed(0, 1, Some(mins(1)))], Err(Denial::Closed))
        .when(old(Door::Refresh, 1))
        .then([closed(1, 2, Some(mins(2)))], Err(Denial::Closed))
        .when(old(Door::Refresh, 2))
        .then([closed(2, 3, None)], Err(Denial::Closed));
}

#[test]
fn a_session_that_ran_out_says_so() {
    let given = given_login().at(IDLE_TTL).done(Sweep).archive();
    let told = Told { ended: Ended::Expired, ended_at: at(IDLE_TTL), ..told(None) };
    let event = EvidenceEvent::Refused { asked: Asked::Refresh, class: Denial::Closed, n: 1, presented: 0, of: told };
    given.when(old(Door::Refresh, 0)).then([event], Err(Denial::Closed));
}

#[test]
fn another_client_is_told_nothing_and_recorded() {
    let mismatch = |asked, n| refused(asked, Denial::ClientMismatch, 1, n, Some(mins(2)));
    archived()
        .when(old(Door::Refresh, 1).by(other()))
        .then([mismatch(Asked::Refresh, 1)], Err(Denial::ClientMismatch))
        .when(old(Door::Revoke, 1).by(other()).from(stranger()))
        .then([mismatch(Asked::Revoke, 2)], Err(Denial::ClientMismatch))
        .when(old(Door::Show, 1).by(other()))
        .then_only(Ok(()));
}

#[test]
fn a_generation_that_was_never_issued_is_ahead_of_the_journal_also_of_an_archived_session() {
    let ahead = |n| EvidenceEvent::AheadOfJournal { presented: 3, current: 2, n, of: told(None) };
    archived()
        .when(old(Door::Refresh, 3))
        .then([ahead(1)], Err(Denial::AheadOfJournal))
        .when(old(Door::Revoke, 3).from(cafe()))
        .then([ahead(2)], Ok(()))
        .when(old(Door::Show, 3))
        .then_only(Ok(()));
}

#[test]
fn revoking_what_is_over_is_granted_and_writes_nothing() {
    (0..=2).fold(archived(), |given, presented| given.when(old(Door::Revoke, presented)).then_only(Ok(())));
}

#[test]
fn an_introspected_token_is_recorded_where_it_is_superseded() {
    let shown = EvidenceEvent::SupersededShown { presented: 1, n: 1, of: told(Some(mins(2))) };
    archived()
        .when(old(Door::Show, 1))
        .then([shown], Ok(()))
        .when(old(Door::Show, 1))
        .then_only(Ok(()))
        .when(old(Door::Show, 2))
        .then_only(Ok(()));
}

/// The numbers of the refusals that became events, of so many.
fn recorded(mut given: Given, times: u32, ask: impl Fn(u32) -> Old) -> (Given, Vec<u64>) {
    let before = given.history.len();
    for i in 0..times {
        given = given.tried(ask(i));
    }
    let numbers = given.history[before..].iter().map(|recorded| match &recorded.event {
        Event::Evidence(EvidenceEvent::Refused { n, .. } | EvidenceEvent::AheadOfJournal { n, .. }) => *n,
        other => panic!("not a refusal: {other:?}"),
    });
    let numbers = numbers.collect();
    (given, numbers)
}

#[test]
fn refusals_are_bounded_as_those_of_a_session_are() {
    assert_eq!(recorded(archived(), 300, |_| old(Door::Refresh, 1)).1, [1, 32, 64, 128, 256]);
    let all: Vec<u64> = (1..=20).chain([32, 64]).collect();
    assert_eq!(recorded(archived(), 70, |i| old(Door::Refresh, i % 2)).1, all);
    assert_eq!(recorded(archived(), 70, |i| old(Door::Refresh, 3 + i)).1, all);
    let (given, _) = recorded(archived(), 40, |_| old(Door::Refresh, 1));
    given.forgotten().when(old(Door::Refresh, 1)).then_only(Err(Denial::Closed));
}

#[test]
fn evidence_that_is_archived_begins_again() {
    let given = archived().tried(old(Door::Refresh, 1)).tried(old(Door::Refresh, 0)).archive().forgotten();
    let stream = StreamId::Evidence(given.session);
    assert_eq!((given.state(&stream), given.version(&stream)), (None, 0));
    let given = given.when(old(Door::Refresh, 0)).then([closed(0, 1, Some(mins(1)))], Err(Denial::Closed));
    assert_eq!((given.version(&stream), given.history.last().unwrap().version), (1, 1));
}

#[test]
fn only_what_is_over_and_untouched_since_is_archived() {
    let given = given_login().done(log_in());
    let through = given.history.len() as u64;
    let given = given.done(log_out()).happened(SystemEvent::SessionsArchived { through });
    assert!(!given.is_archived(), "its end stands behind the position");
    let given = given.archive();
    assert!(given.is_archived());
    assert!(given.state(&StreamId::Session(session(0))).is_some(), "the other one is open");
    for stream in [StreamId::System, StreamId::Account(alice()), StreamId::Gate(alice()), StreamId::Client(store())] {
        assert!(given.state(&stream).is_some(), "{stream} is never archived");
    }
}

#[test]
fn what_is_archived_once_is_not_archived_again_and_the_future_never() {
    let given = archived();
    let through = system(&given).archived_through;
    assert_eq!(rules::archive(system(&given), through), None);
    assert_eq!(rules::archive(system(&given), through - 1), None);
    let further = SystemEvent::SessionsArchived { through: through + 1 };
    assert_eq!(rules::archive(system(&given), through + 1), Some(further));
    let earlier = given.clone().happened(SystemEvent::SessionsArchived { through: 1 });
    assert_eq!(system(&earlier).archived_through, through);

    let position = given.history.len() as u64 + 1;
    let event = Event::System(SystemEvent::SessionsArchived { through: position });
    let recorded = Recorded { position, event, stream: StreamId::System, ..given.history.last().unwrap().clone() };
    let refused = apply(given.state(&StreamId::System).cloned(), &recorded);
    assert_eq!(refused, Err(recorded.impossible("what has not happened yet cannot be archived")));
}

#[test]
fn the_past_of_a_session_is_told_by_its_entries() {
    let was = |presented, redeemed: Option<Span>| Past {
        account: alice(),
        client: store(),
        started_at: BEGIN,
        generation: 2,
        ended: Ended::Revoked(RevokeReason::Logout),
        ended_at: at(mins(60)),
        redeemed_at: redeemed.map(at),
        last: if presented == 9 { 10 } else { 9 },
    };
    let given = given_login().at(mins(1)).done(refresh(0)).at(mins(2)).done(refresh(1));
    assert_eq!(past(&given, 0), None, "it has not ended");
    let given = given.at(mins(60)).done(log_out());
    assert_eq!(past(&given, 0), Some(was(0, Some(mins(1)))));
    assert_eq!(past(&given, 2), Some(was(2, None)));
    // A later end changes nothing: the first one stands, as in the session's own state.
    let given = given.at(mins(70)).happened(revoked(RevokeReason::AllRevoked));
    assert_eq!(past(&given, 9), Some(was(9, None)));
}

#[test]
fn evidence_is_decided_again_from_the_journal_also_what_only_memory_knew() {
    let given = (0..40).fold(archived(), |given, _| given.tried(old(Door::Refresh, 1)));
    let given = given.archive().tried(old(Door::Refresh, 1)).tried(old(Door::Show, 0)).tried(old(Door::Revoke, 7));
    let mut count = 0;
    for (index, events) in decisions(&given) {
        if given.history[index].command != Some(Command::Server) {
            assert_eq!(again(&given, index), Some(events), "entry {index}");
            count += 1;
        }
    }
    assert_eq!(count, 4 + 2 + 2, "of the session, of its first evidence and of its second");
}

#[test]
fn what_a_restore_and_a_loss_say_of_the_journal() {
    let root = countersign::domain::ids::Hash([7; 32]);
    let restored = |old: &str, new: &str| SystemEvent::Restored {
        origin: new.to_owned(),
        old_origin: old.to_owned(),
        size: 4,
        root,
        sessions_kept: None,
    };
    let given = given().happened(restored("test", "test/2"));
    assert_eq!(system(&given).origin, "test/2");
    let lost = SystemEvent::LossAccepted {
        origin: "test/3".to_owned(),
        old_origin: "test/2".to_owned(),
        size: 5,
        root,
        lost_through: 9,
        sessions_kept: Some("a trial".to_owned()),
    };
    let given = given.happened(lost);
    assert_eq!(system(&given).origin, "test/3");
    let event = Event::System(restored("test", "test/4"));
    let recorded = Recorded { event, ..given.history.last().unwrap().clone() };
    let refused = apply(given.state(&StreamId::System).cloned(), &recorded);
    assert_eq!(refused, Err(recorded.impossible("it goes on from a journal of another origin")));
}

#[test]
fn a_session_drawn_before_the_dropped_history_ends_may_have_been_in_it() {
    let drawn = |after: Span| {
        let millis = u64::try_from(at(after).0).unwrap();
        SessionId(Uuid::from_u64_pair(millis << 16 | 0x7000, 1 << 63 | 5))
    };
    let given = given();
    assert!(!system(&given).dropped(drawn(days(1))), "nothing was dropped");
    let dropped = |until| SystemEvent::HistoryDropped { through: 4, until: at(until), base: 4 };
    let given = given.happened(dropped(days(9))).happened(dropped(days(2)));
    assert_eq!(system(&given).dropped_until, Some(at(days(9))));
    assert!(system(&given).dropped(drawn(days(9) - millis(1))));
    assert!(!system(&given).dropped(drawn(days(9))));
    assert!(!system(&given).dropped(session(0)), "an id that tells no time");
}

#[test]
fn evidence_of_another_kind_of_stream_is_impossible() {
    let given = archived().tried(old(Door::Refresh, 1));
    let recorded = Recorded { stream: StreamId::System, ..given.history.last().unwrap().clone() };
    let state: Option<State> = given.state(&StreamId::System).cloned();
    assert!(apply(state, &recorded).is_err());
}

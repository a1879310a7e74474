//! How sessions are ended, and what introspecting a refresh token says and records.

use crate::given::*;
use countersign::domain::brakes::BrakesCommand;
use countersign::domain::client::{ClientCommand, Grant};
use countersign::domain::denial::Denial;
use countersign::domain::gate::GateCommand;
use countersign::domain::ids::StreamId;
use countersign::domain::session::{Asked, Closed, RevokeReason, SessionEvent, Status};
use countersign::domain::{Event, Recorded, State, apply};
use std::collections::BTreeSet;

fn closed(given: &Given) -> Option<Closed> {
    given.current().closed(given.gate(), given.client(&store()), &given.brakes(), given.now)
}

#[test]
fn any_generation_presented_by_its_client_ends_the_session() {
    for presented in [0, 1, 2] {
        given_login()
            .done(refresh(0))
            .done(refresh(1))
            .when(revoke_by(presented))
            .then([revoked(RevokeReason::Revoked)], Ok(()));
    }
}

#[test]
fn every_way_to_end_a_session_is_the_same_event() {
    for reason in RevokeReason::ALL {
        let given = given_login().at(mins(1)).when(revoke(*reason, None, None)).then([revoked(*reason)], Ok(()));
        assert_eq!(given.current().status, Status::Revoked { reason: *reason, at: at(mins(1)) });
    }
}

#[test]
fn ending_what_has_ended_is_granted_and_writes_nothing() {
    given_login().done(log_out()).when(log_out()).then_only(Ok(())).when(revoke_by(0)).then_only(Ok(()));
    given_login().at(IDLE_TTL).done(Sweep).when(revoke_by(0)).then_only(Ok(()));
}

#[test]
fn a_session_closed_from_outside_still_gets_its_own_end() {
    for command in [GateCommand::RevokeSessions, GateCommand::Disable, GateCommand::Erase] {
        given_login()
            .done(command)
            .when(revoke(RevokeReason::AllRevoked, None, None))
            .then([revoked(RevokeReason::AllRevoked)], Ok(()));
    }
}

#[test]
fn another_client_cannot_end_it() {
    let refused =
        SessionEvent::Refused { asked: Asked::Revoke, class: Denial::ClientMismatch, n: 1, presented: Some(0) };
    let given = given_login()
        .when(revoke(RevokeReason::Revoked, Some(other()), Some(0)))
        .then([refused], Err(Denial::ClientMismatch));
    assert_eq!(closed(&given), None);
}

#[test]
fn a_revocation_with_a_token_of_the_future_is_recorded_as_such() {
    given_login()
        .when(revoke_by(4))
        .then([ahead(4, 0, 1), revoked(RevokeReason::Revoked)], Ok(()))
        .when(revoke_by(4))
        .then_only(Ok(()))
        .when(revoke_by(5))
        .then([ahead(5, 0, 3)], Ok(()));
}

#[test]
fn the_end_of_a_session_always_tells_of_the_token_of_the_future_that_asked_for_it() {
    given_login()
        .done(GateCommand::RevokeSessions)
        .when(refresh(4))
        .then([ahead(4, 0, 1)], Err(Denial::AheadOfJournal))
        .when(revoke_by(4))
        .then([ahead(4, 0, 2), revoked(RevokeReason::Revoked)], Ok(()));
}

#[test]
fn what_closes_a_session_is_told_in_this_order() {
    let given = given_login();
    assert_eq!(closed(&given), None);
    let given = given.at(IDLE_TTL);
    assert_eq!(closed(&given), Some(Closed::OutOfTime));
    let given = given.done(BrakesCommand::RevokeAll);
    assert_eq!(closed(&given), Some(Closed::ByBrake));
    let given = given.done(ClientCommand::RevokeSessions);
    assert_eq!(closed(&given), Some(Closed::ByClient));
    let given = given.done(GateCommand::RevokeSessions);
    assert_eq!(closed(&given), Some(Closed::ByGate));
    let given = given.done(log_out());
    assert_eq!(closed(&given), Some(Closed::Ended));
}

#[test]
fn what_closes_no_session_leaves_it_open() {
    let mut settings = store_settings();
    settings.access_ttl = mins(1);
    let given = given_login()
        .done(GateCommand::SetRoles(scopes(&["shopper"])))
        .done(GateCommand::AddRegistration(store()))
        .done(GateCommand::LiftRegistrations)
        .done(GateCommand::SetMustChange(true))
        .done(BrakesCommand::RefuseLogins)
        .done(ClientCommand::Change(Box::new(settings)))
        .done(ClientCommand::SetSecret(sealed("new")))
        .done(ClientCommand::Disable)
        .done(ClientCommand::Enable);
    assert_eq!(closed(&given), None);
}

#[test]
fn introspection_says_active_of_the_current_token_only() {
    given_login()
        .done(refresh(0))
        .when(Show(1))
        .then_only(Ok(true))
        .when(Show(2))
        .then_only(Ok(false))
        .when(Show(0))
        .then([SessionEvent::SupersededShown { presented: 0, n: 1 }], Ok(false));
}

#[test]
fn old_tokens_shown_are_counted_like_refusals() {
    let given = given_login().done(refresh(0)).done(refresh(1)).done(Show(0));
    given
        .when(Show(0))
        .then_only(Ok(false))
        .when(Show(1))
        .then([SessionEvent::SupersededShown { presented: 1, n: 3 }], Ok(false));
}

#[test]
fn a_current_token_that_could_not_be_redeemed_is_not_active() {
    let mut settings = store_settings();
    settings.grants = BTreeSet::from([Grant::Password]);
    let dead = [
        ("logged out", given_login().done(log_out())),
        ("out of time", given_login().at(IDLE_TTL)),
        ("account disabled", given_login().done(GateCommand::Disable)),
        ("closed by the gate", given_login().done(GateCommand::RevokeSessions)),
        ("closed by the brake", given_login().done(ClientCommand::RevokeSessions)),
        ("everything braked", given_login().done(BrakesCommand::RevokeAll)),
        ("client disabled", given_login().done(ClientCommand::Disable)),
        ("registration withdrawn", given_login().done(GateCommand::WithdrawRegistration(store()))),
        ("grant withdrawn", given_login().done(ClientCommand::Change(Box::new(settings)))),
    ];
    for (why, given) in dead {
        println!("{why}");
        given.when(Show(0)).then_only(Ok(false));
    }
}

/// Whether this may follow Alice's login and one refresh.
fn follows(event: SessionEvent) -> bool {
    let given = given_login().done(refresh(0));
    let stream = StreamId::Session(given.session);
    let recorded = Recorded {
        position: 99,
        commit: commit(99),
        version: given.version(&stream) + 1,
        at: given.now,
        context: home(),
        event: Event::Session(event),
        command: None,
        stream: stream.clone(),
    };
    apply(given.state(&stream).cloned(), &recorded).is_ok()
}

#[test]
fn a_history_that_the_rules_could_not_have_made_does_not_fold() {
    use countersign::domain::session::{Refreshed, Retried};
    let refreshed = |event| SessionEvent::Refreshed(event);
    assert!(follows(refreshed(rotation(1, 2, secs(0)))));
    assert!(follows(refreshed(Refreshed { burned: Some(1), generation: 2, ..rotation(0, 2, secs(0)) })));
    assert!(!follows(refreshed(Refreshed { generation: 3, ..rotation(1, 2, secs(0)) })), "a generation left out");
    assert!(!follows(refreshed(Refreshed { generation: 2, ..rotation(0, 2, secs(0)) })), "a second successor");
    for not_current in [0, 2, 9] {
        let burned = Refreshed { burned: Some(not_current), generation: 2, ..rotation(0, 2, secs(0)) };
        assert!(!follows(refreshed(burned)), "only the current one can be burned");
    }
    assert!(!follows(SessionEvent::RefreshRetried(Retried { generation: 0, ..retry(0, 1) })));
}

#[test]
fn nothing_is_granted_behind_an_end_even_by_a_forged_history() {
    let given = given_login().done(log_out());
    let stream = StreamId::Session(given.session);
    let recorded = Recorded {
        position: 99,
        commit: commit(99),
        version: given.version(&stream) + 1,
        at: given.now,
        context: home(),
        event: Event::Session(rotated(0, 1, secs(0))),
        command: None,
        stream: stream.clone(),
    };
    let state: Option<State> = given.state(&stream).cloned();
    assert_eq!(apply(state, &recorded), Err(recorded.impossible("a session that has ended was refreshed")));
}

//! The table of redemption, row by row and in its order: the first row that fits answers.

use crate::given::*;
use countersign::domain::client::{ClientCommand, Grant, LateRetry, Rotation};
use countersign::domain::denial::Denial;
use countersign::domain::gate::{GateCommand, GateEvent};
use countersign::domain::ids::Generation;
use countersign::domain::session::{RefreshHow, RevokeReason, Status};
use std::collections::BTreeSet;

fn settings_without_refresh() -> ClientCommand {
    let mut settings = store_settings();
    settings.grants = BTreeSet::from([Grant::Password]);
    ClientCommand::Change(Box::new(settings))
}

#[test]
fn the_current_token_gives_the_next() {
    given_login()
        .at(mins(1))
        .when(refresh(0))
        .then([rotated(0, 1, mins(1))], Ok(granted(RefreshHow::Rotated, 1, token(1, mins(1)))));
}

#[test]
fn a_client_that_refreshes_in_the_instant_of_its_login_is_served() {
    given_login()
        .when(refresh(0))
        .then([rotated(0, 1, secs(0))], Ok(granted(RefreshHow::Rotated, 1, token(1, secs(0)))));
}

#[test]
fn each_token_gives_the_next_from_wherever_it_is_used() {
    given_login()
        .at(mins(1))
        .done(refresh(0))
        .at(mins(2))
        .when(refresh(1).from(stranger()))
        .then([rotated(1, 2, mins(2))], Ok(granted(RefreshHow::Rotated, 2, token(2, mins(2)))));
}

#[test]
fn another_clients_token_is_refused_and_counted() {
    given_login()
        .at(mins(1))
        .when(refresh(0).by(other()))
        .then([refused(Denial::ClientMismatch, 0, 1)], Err(Denial::ClientMismatch));
}

#[test]
fn another_client_learns_and_changes_nothing_whatever_it_presents() {
    let disabled_closed =
        given_login().done(refresh(0)).done(GateCommand::Disable).done(log_out()).done(ClientCommand::Disable);
    for given in [given_login().done(refresh(0)), disabled_closed] {
        for presented in [0, 1, 9] {
            given
                .clone()
                .when(refresh(presented).by(other()))
                .then([refused(Denial::ClientMismatch, presented, 1)], Err(Denial::ClientMismatch));
        }
    }
}

#[test]
fn a_token_of_a_future_the_journal_does_not_know_ends_the_session() {
    given_login()
        .at(mins(1))
        .when(refresh(1))
        .then([ahead(1, 0, 1), revoked(RevokeReason::HistoryLost)], Err(Denial::AheadOfJournal));
}

#[test]
fn a_token_of_the_future_is_asked_about_before_the_client_is_found_disabled() {
    given_login()
        .done(ClientCommand::Disable)
        .when(refresh(5))
        .then([ahead(5, 0, 1), revoked(RevokeReason::HistoryLost)], Err(Denial::AheadOfJournal));
}

#[test]
fn on_a_closed_session_a_token_of_the_future_is_only_recorded() {
    let closed = [
        ("revoked", given_login().done(log_out())),
        ("expired", given_login().at(IDLE_TTL).done(Sweep)),
        ("out of time", given_login().at(IDLE_TTL)),
        ("closed by the gate", given_login().done(GateCommand::RevokeSessions)),
        ("account disabled", given_login().done(GateCommand::Disable)),
        ("closed by the client's brake", given_login().done(ClientCommand::RevokeSessions)),
    ];
    for (how, given) in closed {
        println!("{how}");
        given.when(refresh(1)).then([ahead(1, 0, 1)], Err(Denial::AheadOfJournal));
    }
}

#[test]
fn a_second_token_of_the_future_does_not_end_the_session_twice() {
    given_login()
        .when(refresh(1))
        .then([ahead(1, 0, 1), revoked(RevokeReason::HistoryLost)], Err(Denial::AheadOfJournal))
        .when(refresh(2))
        .then([ahead(2, 0, 2)], Err(Denial::AheadOfJournal))
        .when(refresh(2))
        .then_only(Err(Denial::AheadOfJournal));
}

#[test]
fn a_disabled_account_gets_nothing_and_raises_no_alarm_whichever_token_it_shows() {
    for presented in [0, 1, 2] {
        given_login()
            .done(refresh(0))
            .done(refresh(1))
            .done(GateCommand::Disable)
            .when(refresh(presented))
            .then([refused(Denial::AccountDisabled, presented, 1)], Err(Denial::AccountDisabled));
    }
}

#[test]
fn an_erased_account_is_refused_like_a_disabled_one() {
    given_login()
        .done(GateCommand::Erase)
        .when(refresh(0))
        .then([refused(Denial::AccountDisabled, 0, 1)], Err(Denial::AccountDisabled));
}

#[test]
fn a_disabled_client_gets_nothing_and_keeps_its_tokens() {
    given_login()
        .done(ClientCommand::Disable)
        .when(refresh(0))
        .then([refused(Denial::ClientDisabled, 0, 1)], Err(Denial::ClientDisabled))
        .done(ClientCommand::Enable)
        .at(mins(1))
        .when(refresh(0))
        .then([rotated(0, 4, mins(1))], Ok(granted(RefreshHow::Rotated, 1, token(4, mins(1)))));
}

#[test]
fn without_the_grant_or_the_registration_nothing_is_refreshed() {
    let withdrawn = [
        given_login().done(settings_without_refresh()),
        given_login().done(GateCommand::WithdrawRegistration(store())),
        given_login().done(GateCommand::AddRegistration(other())),
    ];
    for given in withdrawn {
        given.when(refresh(0)).then([refused(Denial::GrantWithdrawn, 0, 1)], Err(Denial::GrantWithdrawn));
    }
}

#[test]
fn account_client_and_grant_are_asked_about_in_this_order_and_before_the_session() {
    given_login()
        .done(log_out())
        .done(settings_without_refresh())
        .when(refresh(0))
        .then([refused(Denial::GrantWithdrawn, 0, 1)], Err(Denial::GrantWithdrawn))
        .done(ClientCommand::Disable)
        .when(refresh(0))
        .then([refused(Denial::ClientDisabled, 0, 1)], Err(Denial::ClientDisabled))
        .done(GateCommand::Disable)
        .when(refresh(0))
        .then([refused(Denial::AccountDisabled, 0, 1)], Err(Denial::AccountDisabled));
}

#[test]
fn a_closed_session_raises_no_theft_alarm_whichever_of_its_tokens_is_shown() {
    let rotated = || given_login().done(refresh(0)).done(refresh(1));
    let closed = [
        ("logged out", rotated().done(log_out())),
        ("password changed", rotated().done(set_password("another"))),
        ("all revoked", rotated().done(GateCommand::RevokeSessions)),
        ("disabled and enabled", rotated().done(GateCommand::Disable).done(GateCommand::Enable)),
        ("braked", rotated().done(ClientCommand::RevokeSessions)),
        ("expired", rotated().at(IDLE_TTL).done(Sweep)),
        ("out of time", rotated().at(IDLE_TTL)),
    ];
    for (how, given) in closed {
        for presented in [0, 1, 2] {
            println!("{how}, generation {presented}");
            given
                .clone()
                .when(refresh(presented).from(stranger()))
                .then([refused(Denial::Closed, presented, 1)], Err(Denial::Closed));
        }
    }
}

#[test]
fn a_closing_of_the_gate_ends_the_sessions_before_it_and_none_after_it() {
    given_login()
        .done(GateCommand::RevokeSessions)
        .when(refresh(0))
        .then([refused(Denial::Closed, 0, 1)], Err(Denial::Closed))
        .done(log_in())
        .at(mins(1))
        .when(refresh(0))
        .then([rotated(0, 4, mins(1))], Ok(granted(RefreshHow::Rotated, 1, token(4, mins(1)))));
}

#[test]
fn the_parent_within_the_window_gets_the_same_answer_again() {
    given_login()
        .at(mins(1))
        .done(refresh(0))
        .at(mins(1) + secs(10))
        .when(refresh(0))
        .then([retried(0, 1)], Ok(granted(RefreshHow::Retried, 1, token(1, mins(1)))));
}

#[test]
fn the_parent_within_the_window_from_another_network_gets_it_too_and_that_is_marked() {
    given_login()
        .at(mins(1))
        .done(refresh(0))
        .at(mins(1) + secs(10))
        .when(refresh(0).from(cafe()))
        .then([moved(0, 1)], Ok(granted(RefreshHow::MovedRetry, 1, token(1, mins(1)))));
}

#[test]
fn the_parent_after_the_window_ends_the_session() {
    given_login()
        .at(mins(1))
        .done(refresh(0))
        .at(mins(1) + secs(30))
        .when(refresh(0))
        .then(reuse(Denial::LateRetry, 0, 1), Err(Denial::LateRetry));
}

#[test]
fn the_parent_after_the_window_is_late_from_any_network() {
    given_login()
        .done(refresh(0))
        .at(mins(5))
        .when(refresh(0).from(cafe()))
        .then(reuse(Denial::LateRetry, 0, 1), Err(Denial::LateRetry));
}

#[test]
fn another_user_agent_with_the_parent_ends_the_session_within_and_after_the_window() {
    for late_retry in [LateRetry::Revoke, LateRetry::Reissue] {
        for wait in [secs(0), secs(29), secs(30), days(1)] {
            for who in [flatmate(), stranger()] {
                given_login_at(|settings| settings.late_retry = late_retry)
                    .done(refresh(0))
                    .at(wait)
                    .when(refresh(0).from(who))
                    .then(reuse(Denial::ForeignRetry, 0, 1), Err(Denial::ForeignRetry));
            }
        }
    }
}

#[test]
fn an_older_generation_ends_the_session_even_from_home_and_within_the_window() {
    for late_retry in [LateRetry::Revoke, LateRetry::Reissue] {
        given_login_at(|settings| settings.late_retry = late_retry)
            .done(refresh(0))
            .done(refresh(1))
            .when(refresh(0))
            .then(reuse(Denial::Superseded, 0, 2), Err(Denial::Superseded));
    }
}

#[test]
fn an_ancestor_replayed_a_month_later_is_still_recognised() {
    let week_after_week = |given: Given, week: u32| given.at(days(7 * i64::from(week + 1))).done(refresh(week));
    (0..5)
        .fold(given_login(), week_after_week)
        .at(days(38))
        .when(refresh(0).from(stranger()))
        .then(reuse(Denial::Superseded, 0, 5), Err(Denial::Superseded));
}

#[test]
fn only_the_immediate_parent_may_come_back() {
    for presented in [0, 1, 2] {
        let given = (0..4).fold(given_login(), |given, g| given.done(refresh(g)));
        given.when(refresh(presented)).then(reuse(Denial::Superseded, presented, 4), Err(Denial::Superseded));
    }
}

#[test]
fn after_a_reuse_both_branches_are_dead_and_no_second_alarm_is_raised() {
    given_login()
        .done(refresh(0))
        .done(refresh(1))
        .when(refresh(0).from(stranger()))
        .then(reuse(Denial::Superseded, 0, 2), Err(Denial::Superseded))
        .when(refresh(2))
        .then([refused(Denial::Closed, 2, 1)], Err(Denial::Closed))
        .when(refresh(0).from(stranger()))
        .then([refused(Denial::Closed, 0, 2)], Err(Denial::Closed));
}

#[test]
fn thief_and_owner_in_two_networks_are_found_out_at_the_second_move() {
    given_login()
        .done(refresh(0))
        .at(secs(10))
        .when(refresh(0).from(cafe()))
        .then([moved(0, 1)], Ok(granted(RefreshHow::MovedRetry, 1, token(1, secs(0)))))
        .at(secs(20))
        .done(refresh(1).from(cafe()))
        .when(refresh(1))
        .then(reuse(Denial::ForeignRetry, 1, 2), Err(Denial::ForeignRetry));
}

#[test]
fn a_token_that_was_never_given_out_is_not_redeemed() {
    let password_only = |settings: &mut countersign::domain::client::ClientSettings| {
        settings.grants = BTreeSet::from([Grant::Password]);
    };
    let mut with_refresh = store_settings();
    with_refresh.grants = BTreeSet::from([Grant::Password, Grant::RefreshToken]);
    given_login_at(password_only)
        .done(ClientCommand::Change(Box::new(with_refresh)))
        .when(refresh(0))
        .then([refused(Denial::Closed, 0, 1)], Err(Denial::Closed));
}

#[test]
fn the_last_generation_is_not_followed_by_the_first() {
    let mut given = given_login();
    let stream = countersign::domain::ids::StreamId::Session(given.session);
    let states = given.streams.get_mut(&stream).unwrap();
    let countersign::domain::State::Session(state) = &mut states[0] else { panic!("a session") };
    let state = std::sync::Arc::make_mut(state);
    (state.generation, state.parent) = (Generation::MAX, Some(Generation::MAX - 1));
    given
        .when(refresh(Generation::MAX))
        .then([refused(Denial::Closed, Generation::MAX, 1)], Err(Denial::Closed))
        .when(refresh(Generation::MAX - 1))
        .then(
            [countersign::domain::session::SessionEvent::RefreshRetried(countersign::domain::session::Retried {
                access: None,
                ..retry(Generation::MAX - 1, 1)
            })],
            Ok(granted(RefreshHow::Retried, Generation::MAX, token(0, secs(0)))),
        );
}

#[test]
fn a_door_that_authenticates_no_client_refuses_and_records_it() {
    given_login()
        .when(WrongDoor(0))
        .then([refused(Denial::WrongDoor, 0, 1)], Err(Denial::WrongDoor))
        .at(mins(1))
        .when(refresh(0))
        .then([rotated(0, 2, mins(1))], Ok(granted(RefreshHow::Rotated, 1, token(2, mins(1)))));
}

#[test]
fn the_first_close_stands() {
    let given = given_login()
        .at(mins(1))
        .done(log_out())
        .happened(GateEvent::SessionsRevoked)
        .at(mins(2))
        .happened(revoked(RevokeReason::AllRevoked))
        .happened(countersign::domain::session::SessionEvent::Expired);
    assert_eq!(given.current().status, Status::Revoked { reason: RevokeReason::Logout, at: at(mins(1)) });
}

#[test]
fn never_rotating_gives_the_same_token_and_a_new_access_token() {
    use countersign::domain::session::{Refreshed, SessionEvent};
    let same = |n, when| SessionEvent::Refreshed(Refreshed { generation: 0, ..rotation(0, n, when) });
    given_login_at(|settings| settings.rotation = Rotation::Never)
        .at(mins(1))
        .when(refresh(0))
        .then([same(1, mins(1))], Ok(granted(RefreshHow::Rotated, 0, token(1, mins(1)))))
        .at(days(3))
        .when(refresh(0).from(stranger()))
        .then([same(2, days(3))], Ok(granted(RefreshHow::Rotated, 0, token(2, days(3)))))
        .when(refresh(1))
        .then([ahead(1, 0, 1), revoked(RevokeReason::HistoryLost)], Err(Denial::AheadOfJournal));
}

//! Lost answers: who gets the same answer again, how long, how often, and what is a theft instead.

use crate::given::*;
use countersign::domain::client::{ClientCommand, LateRetry, Rotation};
use countersign::domain::denial::Denial;
use countersign::domain::session::{RefreshHow, Refreshed, Retried, RevokeReason, SessionEvent};
use countersign::domain::time::Span;

/// Redeems generations 0 to `to - 1` from home, one every second from the present on.
fn redeemed(given: Given, from: u32, to: u32) -> Given {
    (from..to).fold(given, |given, g| {
        let next = given.now.since(BEGIN) + secs(1);
        given.at(next).done(refresh(g))
    })
}

fn reissuing() -> Given {
    given_login_at(|settings| settings.late_retry = LateRetry::Reissue)
}

fn reissued(presented: u32, burned: u32, n: u128, when: Span) -> SessionEvent {
    SessionEvent::Refreshed(Refreshed { burned: Some(burned), generation: burned + 1, ..rotation(presented, n, when) })
}

#[test]
fn the_window_ends_at_its_very_millisecond() {
    let lost_answer = || given_login().at(mins(1)).done(refresh(0));
    lost_answer()
        .at(mins(1) + secs(30) - millis(1))
        .when(refresh(0))
        .then([retried(0, 1)], Ok(granted(RefreshHow::Retried, 1, token(1, mins(1)))));
    lost_answer().at(mins(1) + secs(30)).when(refresh(0)).then(reuse(Denial::LateRetry, 0, 1), Err(Denial::LateRetry));
}

#[test]
fn a_clock_that_stepped_back_is_outside_every_window() {
    given_login()
        .at(mins(1))
        .done(refresh(0))
        .at(mins(1) - millis(1))
        .when(refresh(0))
        .then(reuse(Denial::LateRetry, 0, 1), Err(Denial::LateRetry));
}

#[test]
fn time_in_which_the_server_was_away_does_not_make_a_clock_that_stepped_back_right() {
    given_login()
        .at(mins(1))
        .done(refresh(0))
        .at(mins(1) - millis(1))
        .when(refresh(0).unavailable(mins(5)))
        .then(reuse(Denial::LateRetry, 0, 1), Err(Denial::LateRetry));
}

#[test]
fn a_window_of_nothing_answers_nobody_again() {
    given_login_at(|settings| settings.retry_window = Span::ZERO)
        .done(refresh(0))
        .when(refresh(0))
        .then(reuse(Denial::LateRetry, 0, 1), Err(Denial::LateRetry));
}

#[test]
fn a_window_of_nothing_stays_nothing_however_long_the_server_was_away() {
    given_login_at(|settings| settings.retry_window = Span::ZERO)
        .done(refresh(0))
        .at(secs(5))
        .when(refresh(0).unavailable(mins(5)))
        .then(reuse(Denial::LateRetry, 0, 1), Err(Denial::LateRetry));
}

#[test]
fn the_window_never_slides() {
    given_login()
        .done(refresh(0))
        .at(secs(20))
        .when(refresh(0))
        .then([retried(0, 1)], Ok(granted(RefreshHow::Retried, 1, token(1, secs(0)))))
        .at(secs(29))
        .when(refresh(0))
        .then([retried(0, 2)], Ok(granted(RefreshHow::Retried, 1, token(1, secs(0)))))
        .at(secs(30))
        .when(refresh(0))
        .then(reuse(Denial::LateRetry, 0, 1), Err(Denial::LateRetry));
}

#[test]
fn time_in_which_the_server_was_away_does_not_count() {
    let away = mins(2);
    given_login()
        .done(refresh(0))
        .at(away + secs(30) - millis(1))
        .when(refresh(0).unavailable(away))
        .then([retried(0, 1)], Ok(granted(RefreshHow::Retried, 1, token(1, secs(0)))))
        .at(away + secs(30))
        .when(refresh(0).unavailable(away))
        .then(reuse(Denial::LateRetry, 0, 1), Err(Denial::LateRetry));
}

#[test]
fn once_the_child_was_used_its_parent_is_no_lost_answer() {
    given_login()
        .done(refresh(0))
        .done(refresh(1))
        .when(refresh(0))
        .then(reuse(Denial::Superseded, 0, 2), Err(Denial::Superseded));
}

#[test]
fn a_changed_window_holds_for_the_next_retry() {
    let mut settings = store_settings();
    settings.retry_window = secs(5);
    given_login()
        .done(refresh(0))
        .done(ClientCommand::Change(Box::new(settings)))
        .at(secs(5))
        .when(refresh(0))
        .then(reuse(Denial::LateRetry, 0, 1), Err(Denial::LateRetry));
}

#[test]
fn the_person_that_redeemed_is_compared_not_the_one_that_logged_in() {
    given_login()
        .done(refresh(0).from(stranger()))
        .when(refresh(0).from(stranger()))
        .then([retried(0, 1)], Ok(granted(RefreshHow::Retried, 1, token(1, secs(0)))))
        .when(refresh(0))
        .then(reuse(Denial::ForeignRetry, 0, 1), Err(Denial::ForeignRetry));
}

#[test]
fn a_device_that_changes_its_name_is_no_thief() {
    given_login()
        .done(refresh(0).from(device(1)))
        .when(refresh(0).from(device(2)))
        .then([retried(0, 1)], Ok(granted(RefreshHow::Retried, 1, token(1, secs(0)))));
}

#[test]
fn leaving_the_user_agent_out_is_no_disguise() {
    let bare = countersign::domain::context::Context { ua: None, ..home() };
    given_login()
        .done(refresh(0))
        .when(refresh(0).from(bare))
        .then(reuse(Denial::ForeignRetry, 0, 1), Err(Denial::ForeignRetry));
}

#[test]
fn where_nobody_told_the_person_there_is_nothing_to_compare() {
    for (first, again) in [(nobody(1), nobody(2)), (home(), nobody(2)), (nobody(1), stranger())] {
        given_login()
            .done(refresh(0).from(first.clone()))
            .when(refresh(0).from(again.clone()))
            .then([retried(0, 1)], Ok(granted(RefreshHow::Retried, 1, token(1, secs(0)))))
            .at(secs(30))
            .when(refresh(0).from(again))
            .then(reuse(Denial::LateRetry, 0, 1), Err(Denial::LateRetry));
    }
}

#[test]
fn a_second_retry_from_another_network_ends_the_session() {
    for again in [cafe(), train()] {
        given_login()
            .done(refresh(0))
            .when(refresh(0).from(cafe()))
            .then([moved(0, 1)], Ok(granted(RefreshHow::MovedRetry, 1, token(1, secs(0)))))
            .when(refresh(0).from(again))
            .then(reuse(Denial::ForeignRetry, 0, 1), Err(Denial::ForeignRetry));
    }
}

#[test]
fn a_move_does_not_take_the_answer_from_home() {
    given_login()
        .done(refresh(0))
        .done(refresh(0).from(cafe()))
        .when(refresh(0))
        .then([retried(0, 2)], Ok(granted(RefreshHow::Retried, 1, token(1, secs(0)))));
}

#[test]
fn a_move_is_answered_again_only_when_eight_generations_have_passed() {
    let moved_at_one = || given_login().done(refresh(0)).done(refresh(0).from(cafe()));
    // Eight further generations, 2 to 9, must have gone by unmoved: the ninth, 10, may be.
    redeemed(moved_at_one(), 1, 9)
        .when(refresh(8).from(cafe()))
        .then(reuse(Denial::ForeignRetry, 8, 9), Err(Denial::ForeignRetry));
    redeemed(moved_at_one(), 1, 10)
        .when(refresh(9).from(cafe()))
        .then([moved(9, 1)], Ok(granted(RefreshHow::MovedRetry, 10, token(11, secs(9)))));
}

#[test]
fn the_rest_of_a_move_begins_anew_with_each() {
    let moved_at_ten =
        redeemed(given_login().done(refresh(0)).done(refresh(0).from(cafe())), 1, 10).done(refresh(9).from(cafe()));
    redeemed(moved_at_ten, 10, 18)
        .when(refresh(17).from(cafe()))
        .then(reuse(Denial::ForeignRetry, 17, 18), Err(Denial::ForeignRetry));
}

#[test]
fn a_late_retry_is_reissued_where_the_client_asks_for_that() {
    reissuing()
        .done(refresh(0))
        .at(mins(1))
        .when(refresh(0))
        .then([reissued(0, 1, 2, mins(1))], Ok(granted(RefreshHow::Reissued, 2, token(2, mins(1)))));
}

#[test]
fn a_burned_generation_shown_afterwards_ends_the_session() {
    reissuing()
        .done(refresh(0))
        .at(mins(1))
        .done(refresh(0))
        .when(refresh(1))
        .then(reuse(Denial::Superseded, 1, 2), Err(Denial::Superseded));
}

#[test]
fn after_a_reissue_the_parent_is_still_the_token_that_was_redeemed() {
    reissuing().done(refresh(0)).at(mins(1)).done(refresh(0)).at(mins(1) + secs(29)).when(refresh(0)).then(
        [SessionEvent::RefreshRetried(Retried { generation: 2, ..retry(0, 1) })],
        Ok(granted(RefreshHow::Retried, 2, token(2, mins(1)))),
    );
}

#[test]
fn there_is_no_second_reissue_until_an_ordinary_redemption() {
    let reissued_once = || reissuing().done(refresh(0)).at(mins(1)).done(refresh(0));
    reissued_once().at(mins(2)).when(refresh(0)).then(reuse(Denial::LateRetry, 0, 2), Err(Denial::LateRetry));
    reissued_once()
        .at(mins(2))
        .when(refresh(2))
        .then([rotated(2, 3, mins(2))], Ok(granted(RefreshHow::Rotated, 3, token(3, mins(2)))))
        .at(mins(3))
        .when(refresh(2))
        .then([reissued(2, 3, 4, mins(3))], Ok(granted(RefreshHow::Reissued, 4, token(4, mins(3)))));
}

#[test]
fn within_the_window_nothing_is_burned() {
    reissuing()
        .done(refresh(0))
        .at(secs(29))
        .when(refresh(0))
        .then([retried(0, 1)], Ok(granted(RefreshHow::Retried, 1, token(1, secs(0)))));
}

#[test]
fn a_late_retry_that_asks_too_much_burns_nothing() {
    reissuing()
        .done(refresh(0))
        .at(mins(1))
        .when(refresh(0).asking(&["admin"]))
        .then([refused(Denial::InvalidScope, 0, 1)], Err(Denial::InvalidScope))
        .when(refresh(1))
        .then([rotated(1, 3, mins(1))], Ok(granted(RefreshHow::Rotated, 2, token(3, mins(1)))));
}

#[test]
fn the_first_eight_retries_of_a_generation_are_recorded_and_then_the_doublings() {
    let mut given = given_login().done(refresh(0));
    let mut recorded = Vec::new();
    for n in 1..=130 {
        let when = given.when(refresh(0));
        let expected = retried(0, n);
        if !when.decision.events.is_empty() {
            assert_eq!(when.decision.events, [expected]);
            recorded.push(n);
        }
        let events = when.decision.events.clone();
        given = when.then(events, Ok(granted(RefreshHow::Retried, 1, token(1, secs(0)))));
    }
    assert_eq!(recorded, [1, 2, 3, 4, 5, 6, 7, 8, 32, 64, 128]);
}

#[test]
fn a_forgotten_count_of_retries_goes_on_from_the_last_event() {
    let given = (0..20).fold(given_login().done(refresh(0)), |given, _| given.done(refresh(0)));
    given
        .forgotten()
        .when(refresh(0))
        .then_only(Ok(granted(RefreshHow::Retried, 1, token(1, secs(0)))))
        .when(refresh(0).from(cafe()))
        .then([moved(0, 10)], Ok(granted(RefreshHow::MovedRetry, 1, token(1, secs(0)))));
}

#[test]
fn each_generation_counts_its_own_retries() {
    given_login()
        .done(refresh(0))
        .done(refresh(0))
        .done(refresh(1))
        .when(refresh(1))
        .then([retried(1, 1)], Ok(granted(RefreshHow::Retried, 2, token(3, secs(0)))));
}

#[test]
fn an_access_token_that_ran_out_is_replaced_in_a_retry_and_the_new_one_is_given_from_then_on() {
    let replaced = Retried { access: Some(token(2, mins(5))), ..retry(0, 1) };
    given_login_at(|settings| settings.retry_window = mins(30))
        .done(refresh(0))
        .at(mins(5))
        .when(refresh(0))
        .then([SessionEvent::RefreshRetried(replaced)], Ok(granted(RefreshHow::Retried, 1, token(2, mins(5)))))
        .at(mins(6))
        .when(refresh(0))
        .then([retried(0, 2)], Ok(granted(RefreshHow::Retried, 1, token(2, mins(5)))));
}

#[test]
fn a_new_access_token_is_recorded_however_many_retries_came_before() {
    let replaced = Retried { access: Some(token(21, mins(5))), ..retry(0, 20) };
    let given = given_login_at(|settings| settings.retry_window = mins(30)).done(refresh(0));
    (0..19)
        .fold(given, |given, _| given.done(refresh(0)))
        .at(mins(5))
        .when(refresh(0))
        .then([SessionEvent::RefreshRetried(replaced)], Ok(granted(RefreshHow::Retried, 1, token(21, mins(5)))));
}

#[test]
fn an_access_token_is_given_again_until_its_last_millisecond() {
    given_login_at(|settings| settings.retry_window = mins(30))
        .done(refresh(0))
        .at(mins(5) - millis(1))
        .when(refresh(0))
        .then([retried(0, 1)], Ok(granted(RefreshHow::Retried, 1, token(1, secs(0)))));
}

#[test]
fn a_retry_is_given_the_scope_of_the_answer_that_was_lost() {
    let narrow = |mut answer: countersign::domain::session::RefreshGranted| {
        answer.scope = scopes(&["cart"]);
        answer
    };
    given_login()
        .done(refresh(0).asking(&["cart"]))
        .when(refresh(0))
        .then([retried(0, 1)], Ok(narrow(granted(RefreshHow::Retried, 1, token(1, secs(0))))));
}

#[test]
fn retries_in_three_generations_running_are_reported() {
    let lockstep = |presented, n| SessionEvent::RefreshRetried(Retried { lockstep: true, ..retry(presented, n) });
    let given = given_login().done(refresh(0)).done(refresh(0)).done(refresh(1));
    let given = given.when(refresh(1)).then([retried(1, 1)], Ok(granted(RefreshHow::Retried, 2, token(3, secs(0)))));
    given
        .done(refresh(2))
        .when(refresh(2))
        .then([lockstep(2, 1)], Ok(granted(RefreshHow::Retried, 3, token(5, secs(0)))))
        .when(refresh(2))
        .then([lockstep(2, 2)], Ok(granted(RefreshHow::Retried, 3, token(5, secs(0)))))
        .done(refresh(3))
        .when(refresh(3))
        .then([lockstep(3, 1)], Ok(granted(RefreshHow::Retried, 4, token(8, secs(0)))));
}

#[test]
fn a_generation_without_a_retry_breaks_the_lockstep() {
    given_login()
        .done(refresh(0))
        .done(refresh(0))
        .done(refresh(1))
        .done(refresh(1))
        .done(refresh(2))
        .done(refresh(3))
        .when(refresh(3))
        .then([retried(3, 1)], Ok(granted(RefreshHow::Retried, 4, token(6, secs(0)))));
}

#[test]
fn many_retries_of_one_generation_are_no_lockstep() {
    (0..5)
        .fold(given_login().done(refresh(0)), |given, _| given.done(refresh(0)))
        .when(refresh(0))
        .then([retried(0, 6)], Ok(granted(RefreshHow::Retried, 1, token(1, secs(0)))));
}

#[test]
fn where_rotation_stopped_the_parent_may_come_back_only_until_its_child_is_used() {
    let mut never = store_settings();
    never.rotation = Rotation::Never;
    let stopped = || given_login().done(refresh(0)).done(ClientCommand::Change(Box::new(never.clone())));
    stopped().when(refresh(0)).then([retried(0, 1)], Ok(granted(RefreshHow::Retried, 1, token(1, secs(0)))));
    stopped()
        .at(secs(1))
        .when(refresh(1))
        .then(
            [SessionEvent::Refreshed(Refreshed { generation: 1, ..rotation(1, 3, secs(1)) })],
            Ok(granted(RefreshHow::Rotated, 1, token(3, secs(1)))),
        )
        .at(secs(2))
        .when(refresh(0))
        .then(reuse(Denial::Superseded, 0, 1), Err(Denial::Superseded));
}

#[test]
fn a_retry_of_a_session_that_was_logged_out_meanwhile_is_no_theft() {
    given_login()
        .done(refresh(0))
        .when(log_out())
        .then([revoked(RevokeReason::Logout)], Ok(()))
        .when(refresh(0))
        .then([refused(Denial::Closed, 0, 1)], Err(Denial::Closed));
}

//! How long sessions and access tokens live, and which scope they carry.

use crate::given::*;
use countersign::domain::denial::Denial;
use countersign::domain::session::{Access, RefreshGranted, RefreshHow, Refreshed, SessionEvent};
use countersign::domain::time::Span;

#[test]
fn a_session_that_nobody_refreshes_ends_at_the_very_millisecond() {
    given_login().at(IDLE_TTL - millis(1)).when(refresh(0)).then(
        [rotated(0, 1, IDLE_TTL - millis(1))],
        Ok(granted(RefreshHow::Rotated, 1, token(1, IDLE_TTL - millis(1)))),
    );
    given_login().at(IDLE_TTL).when(refresh(0)).then([refused(Denial::Closed, 0, 1)], Err(Denial::Closed));
}

#[test]
fn each_refresh_moves_the_idle_end() {
    given_login().at(days(10)).done(refresh(0)).at(days(24) - millis(1)).when(refresh(1)).then(
        [rotated(1, 2, days(24) - millis(1))],
        Ok(granted(RefreshHow::Rotated, 2, token(2, days(24) - millis(1)))),
    );
    given_login()
        .at(days(10))
        .done(refresh(0))
        .at(days(24))
        .when(refresh(1))
        .then([refused(Denial::Closed, 1, 1)], Err(Denial::Closed));
}

#[test]
fn a_retry_does_not_move_the_idle_end() {
    let given = given_login().at(days(1)).done(refresh(0)).at(days(1) + secs(20)).done(refresh(0));
    assert_eq!(given.current().ends_at(), at(days(15)));
}

#[test]
fn however_often_it_is_refreshed_a_session_ends_at_its_absolute_end() {
    let every_ten_days = |given: Given, g: u32| given.at(days(10 * i64::from(g + 1))).done(refresh(g));
    let old = (0..8).fold(given_login(), every_ten_days);
    assert_eq!(old.current().absolute_end, at(ABSOLUTE_TTL));
    let last = ABSOLUTE_TTL - secs(1);
    let short_lived = Access { expires_at: at(ABSOLUTE_TTL), ..token(9, last) };
    old.clone()
        .at(last)
        .when(refresh(8))
        .then(
            [SessionEvent::Refreshed(Refreshed { access: short_lived, ..rotation(8, 9, last) })],
            Ok(granted(RefreshHow::Rotated, 9, short_lived)),
        )
        .at(ABSOLUTE_TTL)
        .when(refresh(9))
        .then([refused(Denial::Closed, 9, 1)], Err(Denial::Closed));
}

#[test]
fn an_access_token_renewed_in_a_retry_ends_with_the_session_too() {
    let (birth, retry_at) = (days(13) + mins(1), days(13) + mins(10));
    let end = days(13) + mins(12);
    let access = Access { expires_at: at(end), ..token(2, retry_at) };
    given_login_at(|settings| {
        settings.retry_window = mins(30);
        settings.refresh_absolute_ttl = end;
    })
    .at(birth)
    .done(refresh(0))
    .at(retry_at)
    .when(refresh(0))
    .then(
        [SessionEvent::RefreshRetried(countersign::domain::session::Retried { access: Some(access), ..retry(0, 1) })],
        Ok(granted(RefreshHow::Retried, 1, access)),
    );
}

#[test]
fn jitter_shortens_the_access_token_and_nothing_else() {
    let jitter = secs(9);
    let access = Access { expires_at: at(mins(6) - jitter), ..token(1, mins(1)) };
    given_login().at(mins(1)).when(refresh(0).shortened_by(jitter)).then(
        [SessionEvent::Refreshed(Refreshed { access, ..rotation(0, 1, mins(1)) })],
        Ok(granted(RefreshHow::Rotated, 1, access)),
    );
}

#[test]
fn lifetimes_are_the_clients_at_the_time_of_the_refresh() {
    let mut settings = store_settings();
    (settings.access_ttl, settings.refresh_idle_ttl) = (mins(1), days(1));
    let access = Access { expires_at: at(mins(3)), ..token(2, mins(2)) };
    let given = given_login().done(countersign::domain::client::ClientCommand::Change(Box::new(settings)));
    let given = given.at(mins(2)).when(refresh(0)).then(
        [SessionEvent::Refreshed(Refreshed { access, idle_end: at(days(1) + mins(2)), ..rotation(0, 2, mins(2)) })],
        Ok(granted(RefreshHow::Rotated, 1, access)),
    );
    assert_eq!(given.current().absolute_end, at(ABSOLUTE_TTL), "the absolute end was fixed at login");
}

fn narrowed(how: RefreshHow, generation: u32, access: Access, names: &[&str]) -> RefreshGranted {
    RefreshGranted { scope: scopes(names), ..granted(how, generation, access) }
}

#[test]
fn a_narrower_scope_is_given_for_this_access_token_only() {
    let narrow = Refreshed { scope: Some(scopes(&["cart"])), ..rotation(0, 1, mins(1)) };
    given_login()
        .at(mins(1))
        .when(refresh(0).asking(&["cart"]))
        .then([SessionEvent::Refreshed(narrow)], Ok(narrowed(RefreshHow::Rotated, 1, token(1, mins(1)), &["cart"])))
        .at(mins(2))
        .when(refresh(1))
        .then([rotated(1, 2, mins(2))], Ok(granted(RefreshHow::Rotated, 2, token(2, mins(2)))))
        .at(mins(3))
        .when(refresh(2).asking(&["orders", "cart"]))
        .then([rotated(2, 3, mins(3))], Ok(granted(RefreshHow::Rotated, 3, token(3, mins(3)))));
}

#[test]
fn a_scope_beyond_the_logins_is_refused_and_leaves_the_token_unused() {
    for asked in [&["cart", "admin"][..], &["offline_access"], &["openid"]] {
        given_login()
            .at(mins(1))
            .when(refresh(0).asking(asked))
            .then([refused(Denial::InvalidScope, 0, 1)], Err(Denial::InvalidScope))
            .when(refresh(0))
            .then([rotated(0, 2, mins(1))], Ok(granted(RefreshHow::Rotated, 1, token(2, mins(1)))));
    }
}

#[test]
fn a_scope_the_client_got_later_is_not_the_sessions() {
    let mut settings = store_settings();
    settings.scopes.insert("admin".to_owned());
    given_login()
        .done(countersign::domain::client::ClientCommand::Change(Box::new(settings)))
        .when(refresh(0).asking(&["admin"]))
        .then([refused(Denial::InvalidScope, 0, 1)], Err(Denial::InvalidScope));
}

#[test]
fn the_token_is_judged_before_the_scope() {
    given_login()
        .done(refresh(0))
        .done(refresh(1))
        .when(refresh(0).asking(&["admin"]))
        .then(reuse(Denial::Superseded, 0, 2), Err(Denial::Superseded));
    given_login().when(refresh(7).asking(&["admin"])).then(
        [ahead(7, 0, 1), revoked(countersign::domain::session::RevokeReason::HistoryLost)],
        Err(Denial::AheadOfJournal),
    );
}

#[test]
fn the_sweeper_records_an_end_once_and_not_a_millisecond_early() {
    given_login()
        .at(IDLE_TTL - millis(1))
        .when(Sweep)
        .then_only(Ok(()))
        .at(IDLE_TTL)
        .when(Sweep)
        .then([SessionEvent::Expired], Ok(()))
        .when(Sweep)
        .then_only(Ok(()));
    given_login().done(log_out()).at(ABSOLUTE_TTL).when(Sweep).then_only(Ok(()));
}

#[test]
fn the_end_is_the_earlier_of_the_two() {
    let given = given_login_at(|settings| settings.refresh_absolute_ttl = Span::days(3));
    assert_eq!(given.current().ends_at(), at(days(3)));
}

#[test]
fn the_times_of_a_token_come_from_the_wall_clock_though_the_stream_is_ahead_of_it() {
    use countersign::domain::session::{Around, Unrecorded, refresh as decide};
    let given = given_login();
    let id = session(0);
    let state = given.session_of(id);
    let (context, unrecorded) = (home(), Unrecorded::default());
    let (gate, client, brakes) = (given.gate(), given.client(&store()), &given.brakes());
    let around = Around { gate, client, brakes, context: &context, now: at(mins(9)), unrecorded: &unrecorded };
    let command = countersign::domain::session::Refresh {
        presented: 0,
        client: store(),
        scope: None,
        door: Default::default(),
        ttl: None,
        jti: jti(1),
        jitter: secs(0),
        wall: at(mins(2)),
        unavailable: secs(0),
    };
    let granted = decide(state, &command, &around).outcome.unwrap();
    assert_eq!((granted.access.issued_at, granted.access.expires_at), (at(mins(2)), at(mins(7))));
}

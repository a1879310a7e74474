//! Logins: who gets a session, with which scope and for how long, and how refusals are told apart.

use crate::given::*;
use countersign::domain::Event;
use countersign::domain::account::{AccountEvent, LoginGranted, LoginHow, PasswordVerdict};
use countersign::domain::brakes::BrakesCommand;
use countersign::domain::client::{ClientCommand, ClientSettings, Grant, Profile};
use countersign::domain::context::{Context, Traits};
use countersign::domain::denial::Denial;
use countersign::domain::gate::{GateCommand, GateEvent};
use countersign::domain::ids::{SessionId, StreamId, Tag};
use countersign::domain::session::{Access, RevokeReason, SessionEvent, Started};
use countersign::domain::time::{Span, Timestamp};
use std::collections::BTreeSet;

/// The first session of the story, which the login makes as nothing was drawn before.
fn started(n: u128, when: Span) -> Started {
    Started {
        account: alice(),
        client: store(),
        scope: all_scopes(),
        refreshable: true,
        refresh_key: 1,
        gate_version: 1,
        client_version: 1,
        brakes_version: 0,
        came_of: None,
        absolute_end: at(when + ABSOLUTE_TTL),
        idle_end: at(when + IDLE_TTL),
        access: token(n, when),
    }
}

fn events(n: u128, started: &Started) -> Vec<(StreamId, Event)> {
    let succeeded = AccountEvent::LoginSucceeded { client: store(), session: session(n), how: LoginHow::Password };
    vec![
        (StreamId::Account(alice()), Event::Account(succeeded)),
        (StreamId::Session(session(n)), Event::Session(SessionEvent::Started(started.clone()))),
    ]
}

/// The events and the answer of a granted login.
fn login_gives(given: Given, ask: LogIn, n: u128, expected: Started) -> Given {
    given
        .when(ask)
        .then(events(n, &expected), Ok(LoginGranted { session: session(n), started: expected, new_context: false }))
}

fn refusal(class: Denial, n: u64) -> [(StreamId, Event); 1] {
    let refused = AccountEvent::LoginRefused { client: store(), class, n };
    [(StreamId::Account(alice()), Event::Account(refused))]
}

fn wrong() -> LogIn {
    log_in().verdict(PasswordVerdict::Wrong)
}

fn throttled() -> LogIn {
    log_in().verdict(PasswordVerdict::Throttled)
}

#[test]
fn the_right_password_gives_a_session() {
    login_gives(given().at(mins(1)), log_in(), 0, started(0, mins(1)));
}

#[test]
fn a_session_records_the_versions_of_gate_client_and_brakes_it_was_granted_on() {
    let given = given()
        .happened(GateEvent::RolesSet { roles: scopes(&["shopper"]) })
        .happened(GateEvent::SessionsRevoked)
        .done(ClientCommand::SetSecret(sealed("new")))
        .done(BrakesCommand::RefuseLogins)
        .done(BrakesCommand::AllowLogins);
    let versions = Started { gate_version: 3, client_version: 2, brakes_version: 2, ..started(3, secs(0)) };
    login_gives(given, log_in(), 3, versions);
}

#[test]
fn a_wrong_password_is_refused_and_counted() {
    given()
        .when(wrong())
        .then(refusal(Denial::WrongCredentials, 1), Err(Denial::WrongCredentials))
        .when(wrong())
        .then_only(Err(Denial::WrongCredentials))
        .when(wrong().from(stranger()))
        .then(refusal(Denial::WrongCredentials, 3), Err(Denial::WrongCredentials));
}

#[test]
fn a_throttled_password_is_refused_whatever_it_is_and_all_of_them_are_one_event() {
    let mut given = given().when(throttled()).then(refusal(Denial::Throttled, 1), Err(Denial::Throttled));
    for net in 2..=31 {
        let elsewhere = Context { net: Some(Tag([net; 8])), ..stranger() };
        given = given.when(throttled().from(elsewhere)).then_only(Err(Denial::Throttled));
    }
    given.when(throttled()).then(refusal(Denial::Throttled, 32), Err(Denial::Throttled));
}

#[test]
fn a_throttled_attempt_learns_nothing_of_the_account() {
    for given in
        [given().done(GateCommand::Disable), given().done(GateCommand::Erase), given().done(ClientCommand::Disable)]
    {
        given.when(throttled()).then(refusal(Denial::Throttled, 1), Err(Denial::Throttled));
    }
}

#[test]
fn only_the_right_password_learns_that_the_account_is_disabled() {
    let given = given().done(GateCommand::Disable);
    given
        .when(wrong())
        .then(refusal(Denial::WrongCredentials, 1), Err(Denial::WrongCredentials))
        .when(log_in())
        .then(refusal(Denial::AccountDisabled, 1), Err(Denial::AccountDisabled));
}

#[test]
fn a_password_that_must_be_changed_lets_nobody_in_and_only_whoever_knows_it_learns_so() {
    given()
        .done(set_password_to_be_changed("first"))
        .when(wrong())
        .then(refusal(Denial::WrongCredentials, 1), Err(Denial::WrongCredentials))
        .when(throttled())
        .then(refusal(Denial::Throttled, 1), Err(Denial::Throttled))
        .when(log_in())
        .then(refusal(Denial::PasswordChangeRequired, 1), Err(Denial::PasswordChangeRequired))
        .done(set_password("own"))
        .done(log_in());
}

#[test]
fn an_erased_account_answers_like_a_wrong_password() {
    given()
        .done(GateCommand::Erase)
        .when(log_in())
        .then(refusal(Denial::WrongCredentials, 1), Err(Denial::WrongCredentials));
}

#[test]
fn an_account_that_is_not_registered_here_gets_no_session() {
    given()
        .done(GateCommand::AddRegistration(other()))
        .when(log_in())
        .then(refusal(Denial::NotRegistered, 1), Err(Denial::NotRegistered))
        .done(GateCommand::AddRegistration(store()))
        .done(log_in());
}

#[test]
fn a_disabled_client_starts_no_session() {
    given()
        .done(ClientCommand::Disable)
        .when(log_in())
        .then(refusal(Denial::ClientDisabled, 1), Err(Denial::ClientDisabled));
}

#[test]
fn a_client_without_the_password_grant_starts_no_session() {
    given_store(|settings| settings.grants = BTreeSet::from([Grant::RefreshToken]))
        .when(log_in())
        .then(refusal(Denial::GrantNotAllowed, 1), Err(Denial::GrantNotAllowed));
}

#[test]
fn the_reasons_are_asked_about_in_this_order() {
    given_store(|settings| settings.grants.clear())
        .done(GateCommand::AddRegistration(other()))
        .done(ClientCommand::Disable)
        .done(GateCommand::Disable)
        .when(log_in().asking(&["admin"]))
        .then(refusal(Denial::AccountDisabled, 1), Err(Denial::AccountDisabled))
        .done(GateCommand::Enable)
        .when(log_in().asking(&["admin"]))
        .then(refusal(Denial::ClientDisabled, 1), Err(Denial::ClientDisabled))
        .done(ClientCommand::Enable)
        .when(log_in().asking(&["admin"]))
        .then(refusal(Denial::NotRegistered, 1), Err(Denial::NotRegistered))
        .done(GateCommand::AddRegistration(store()))
        .done(GateCommand::SetMustChange(true))
        .when(log_in().asking(&["admin"]))
        .then(refusal(Denial::GrantNotAllowed, 1), Err(Denial::GrantNotAllowed))
        .done(ClientCommand::Change(Box::new(store_settings())))
        .when(log_in().asking(&["admin"]))
        .then(refusal(Denial::PasswordChangeRequired, 1), Err(Denial::PasswordChangeRequired))
        .done(GateCommand::SetMustChange(false))
        .when(log_in().asking(&["admin"]))
        .then(refusal(Denial::InvalidScope, 1), Err(Denial::InvalidScope));
}

#[test]
fn a_scope_the_client_may_not_ask_for_is_refused() {
    given().when(log_in().asking(&["cart", "admin"])).then(refusal(Denial::InvalidScope, 1), Err(Denial::InvalidScope));
}

#[test]
fn no_scope_asked_gives_all_of_the_clients_but_offline_access() {
    // The default settings list `cart orders offline_access`.
    login_gives(given(), log_in(), 0, Started { scope: scopes(&["cart", "orders"]), ..started(0, secs(0)) });
}

#[test]
fn every_client_knows_the_common_scopes() {
    let common = ["openid", "profile", "email", "offline_access"];
    let without_a_list = |settings: &mut ClientSettings| settings.scopes.clear();
    let expected = || Started { scope: scopes(&common), ..started(0, secs(0)) };
    login_gives(given_store(without_a_list), log_in().asking(&common), 0, expected());
    given_store(without_a_list)
        .when(log_in().asking(&["cart"]))
        .then(refusal(Denial::InvalidScope, 1), Err(Denial::InvalidScope));
    login_gives(given_store(without_a_list), log_in(), 0, Started { scope: scopes(&[]), ..started(0, secs(0)) });
}

#[test]
fn without_the_refresh_grant_a_session_lasts_as_long_as_its_access_token() {
    let expected = || Started { refreshable: false, idle_end: at(ACCESS_TTL), ..started(0, secs(0)) };
    let password_only = |settings: &mut ClientSettings| settings.grants = BTreeSet::from([Grant::Password]);
    login_gives(given_store(password_only), log_in(), 0, expected());
    let offline = Started { scope: scopes(&["offline_access"]), ..expected() };
    login_gives(given_store(password_only), log_in().asking(&["offline_access"]), 0, offline);
}

#[test]
fn whether_the_scope_decides_about_a_refresh_token_is_up_to_fusionauths_contract_alone() {
    // Profile, refresh_without_scope, the scope asked for, and whether a refresh token is given.
    let table: [(Profile, bool, &[&str], bool); 8] = [
        (Profile::Standard, true, &["cart"], true),
        (Profile::Standard, false, &["cart"], true),
        (Profile::Gateway, false, &["cart"], true),
        (Profile::Standard, false, &["offline_access"], true),
        (Profile::Fusionauth, true, &["cart"], true),
        (Profile::Fusionauth, true, &["offline_access"], true),
        (Profile::Fusionauth, false, &["cart"], false),
        (Profile::Fusionauth, false, &["offline_access"], true),
    ];
    for (profile, without_scope, asked, refreshable) in table {
        let given = given_store(|settings| {
            settings.profile = profile;
            settings.refresh_without_scope = without_scope;
        });
        let idle_end = if refreshable { at(IDLE_TTL) } else { at(ACCESS_TTL) };
        let expected = Started { scope: scopes(asked), refreshable, idle_end, ..started(0, secs(0)) };
        login_gives(given, log_in().asking(asked), 0, expected);
    }
}

#[test]
fn jitter_shortens_the_access_token_and_the_absolute_end_cuts_it() {
    let jittered = Access { expires_at: at(mins(5) - secs(7)), ..token(0, secs(0)) };
    login_gives(given(), log_in().shortened_by(secs(7)), 0, Started { access: jittered, ..started(0, secs(0)) });
    let short = given_store(|settings| settings.refresh_absolute_ttl = mins(2));
    let cut = Access { expires_at: at(mins(2)), ..token(0, secs(0)) };
    login_gives(short, log_in(), 0, Started { access: cut, absolute_end: at(mins(2)), ..started(0, secs(0)) });
}

#[test]
fn one_session_too_many_ends_the_oldest_in_the_same_decision() {
    let capped = |id: SessionId| (StreamId::Session(id), Event::Session(revoked(RevokeReason::SessionCap)));
    let expected = started(2, mins(2));
    let all: Vec<_> = [capped(session(0)), capped(session(1))].into_iter().chain(events(2, &expected)).collect();
    let given = given_login()
        .at(mins(1))
        .done(log_in())
        .at(mins(2))
        .when(log_in().ending(&[session(0), session(1)]))
        .then(all, Ok(LoginGranted { session: session(2), started: expected, new_context: false }));
    for old in [session(0), session(1)] {
        let closed = given.session_of(old).closed(given.gate(), given.client(&store()), &given.brakes(), given.now);
        assert_eq!(closed, Some(countersign::domain::session::Closed::Ended));
    }
}

#[test]
fn a_refused_login_ends_no_session_for_the_cap() {
    given_login()
        .when(wrong().ending(&[session(0)]))
        .then(refusal(Denial::WrongCredentials, 1), Err(Denial::WrongCredentials));
}

#[test]
fn a_login_decided_on_an_older_gate_gives_a_session_that_is_closed_already() {
    // The guards keep such a commit out of the journal; the rules hold without them.
    let early = given().when(log_in()).decision;
    let mut late = given().done(set_password("another"));
    late.record(early.events, &home(), None);
    let closed = late.session_of(session(0)).closed(late.gate(), late.client(&store()), &late.brakes(), late.now);
    assert_eq!(closed, Some(countersign::domain::session::Closed::ByGate));
}

fn traits(context: &Context) -> Traits {
    context.person().unwrap()
}

/// By which tag a request is familiar, this long after the story's beginning.
fn familiar(given: &Given, context: &Context, after: Span) -> Option<Tag> {
    given.account().familiar_tag(&context.person()?, at(after))
}

#[test]
fn a_context_is_familiar_for_thirty_days_after_a_login() {
    let given = given_login();
    assert_eq!(familiar(&given, &home(), secs(0)), home().net);
    assert_eq!(familiar(&given, &home(), days(30) - millis(1)), home().net);
    assert_eq!(familiar(&given, &home(), days(30)), None);
    let again = given.at(days(20)).done(log_in());
    assert_eq!(familiar(&again, &home(), days(50) - millis(1)), home().net);
    assert_eq!(again.account().familiar, [(traits(&home()), at(days(20)))]);
}

#[test]
fn network_and_user_agent_together_or_the_device_alone_are_familiar() {
    let laptop = Context { dev: Some(Tag([7; 8])), ..home() };
    let given = given().done(log_in().from(laptop.clone()));
    let laptop_elsewhere = Context { dev: laptop.dev, ..stranger() };
    assert_eq!(familiar(&given, &laptop_elsewhere, secs(1)), laptop.dev, "the device in another network");
    assert_eq!(familiar(&given, &home(), secs(1)), home().net, "the network without the device");
    assert_eq!(familiar(&given, &flatmate(), secs(1)), None, "the network with another user agent");
    assert_eq!(familiar(&given, &cafe(), secs(1)), None, "the user agent in another network");
    assert_eq!(familiar(&given, &nobody(1), secs(1)), None, "nobody was told");
}

#[test]
fn a_refused_login_makes_nothing_familiar() {
    let given = given().tried(wrong()).tried(throttled());
    assert_eq!(familiar(&given, &home(), secs(1)), None);
}

#[test]
fn the_last_sixteen_contexts_are_remembered() {
    let network = |net: u8| Context { net: Some(Tag([net; 8])), ..home() };
    let given = (1..=17).fold(given(), |given, net| given.done(log_in().from(network(net))));
    let known: Vec<(Traits, Timestamp)> = (2..=17).map(|net| (traits(&network(net)), BEGIN)).collect();
    assert_eq!(given.account().familiar, known);
}

//! What the doors for FusionAuth's clients ask besides: other ways in, tokens that live shorter, roles at one client, removed clients.

use crate::given::*;
use countersign::domain::account::{AccountEvent, LoginHow, PasswordVerdict};
use countersign::domain::client::{ClientCommand, ClientEvent, ClientRole, ClientSettings, Grant, Profile};
use countersign::domain::denial::Denial;
use countersign::domain::gate::{GateCommand, GateEvent};
use countersign::domain::ids::{ClientId, NameHash};
use countersign::domain::session::{Asked, Closed, RefreshHow, SessionEvent};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// The words of what happened, in their order.
fn how(given: &Given) -> Vec<LoginHow> {
    let logins = given.history.iter().filter_map(|recorded| match &recorded.event {
        countersign::domain::Event::Account(AccountEvent::LoginSucceeded { how, .. }) => Some(*how),
        _ => None,
    });
    logins.collect()
}

fn without_password_grant(settings: &mut ClientSettings) {
    settings.grants = BTreeSet::from([Grant::RefreshToken]);
}

#[test]
fn only_the_password_grant_needs_to_be_the_clients() {
    for door in LoginHow::ALL {
        let given = given_store(without_password_grant);
        if *door == LoginHow::Password {
            assert_eq!(given.when(log_in()).decision.outcome.err(), Some(Denial::GrantNotAllowed));
        } else {
            assert_eq!(how(&given.done(let_in(*door))), [*door], "the journal says which door it was");
        }
    }
}

#[test]
fn whoever_vouches_for_a_person_gets_in_nobody_who_may_not_come_in() {
    for (event, denial) in [
        (GateEvent::Disabled, Denial::AccountDisabled),
        (GateEvent::Erased, Denial::WrongCredentials),
        (GateEvent::MustChangeSet { must_change: true }, Denial::PasswordChangeRequired),
        (GateEvent::RegistrationAdded { client: other() }, Denial::NotRegistered),
    ] {
        let vouched = given().happened(event).when(let_in(LoginHow::Ping));
        assert_eq!(vouched.decision.outcome.err(), Some(denial));
    }
    let disabled = given().happened(ClientEvent::Disabled).when(let_in(LoginHow::Created));
    assert_eq!(disabled.decision.outcome.err(), Some(Denial::ClientDisabled));
}

#[test]
fn at_a_client_that_needs_no_registration_everybody_logs_in() {
    let given = given_store(|settings| settings.registration_required = false)
        .happened(GateEvent::RegistrationAdded { client: other() })
        .done(log_in());
    assert_eq!(given.current().closed(given.gate(), given.client(&store()), &given.brakes(), given.now), None);
    let granted = given.at(mins(1)).when(refresh(0)).decision.outcome.unwrap();
    assert_eq!(granted.how, RefreshHow::Rotated);
}

#[test]
fn a_login_says_itself_whether_it_wants_a_refresh_token_and_when_its_session_ends() {
    let started = |ask: LogIn| given().when(ask).decision.outcome.unwrap().started;
    let bare = started(let_in(LoginHow::LoginApi).refreshable(false));
    assert_eq!((bare.refreshable, bare.idle_end), (false, at(ACCESS_TTL)));
    let password_only = |settings: &mut ClientSettings| settings.grants = BTreeSet::from([Grant::Password]);
    let asked = given_store(password_only).when(let_in(LoginHow::LoginApi).refreshable(true));
    assert!(asked.decision.outcome.unwrap().started.refreshable, "the door has looked at the settings");
    let short = started(let_in(LoginHow::Issued).until(at(mins(2))));
    assert_eq!((short.absolute_end, short.access.expires_at), (at(mins(2)), at(mins(2))));
    let long = started(let_in(LoginHow::Issued).until(at(days(400))));
    assert_eq!(long.absolute_end, at(ABSOLUTE_TTL), "never longer than the client's settings allow");
}

#[test]
fn nobody_vouches_against_a_throttle() {
    let throttled = given().when(let_in(LoginHow::LoginApi).verdict(PasswordVerdict::Throttled));
    assert_eq!(throttled.decision.outcome.err(), Some(Denial::Throttled));
}

#[test]
fn the_door_that_authenticates_no_client_does_not_ask_for_the_grant() {
    let without_refresh = |settings: &mut ClientSettings| {
        settings.profile = Profile::Fusionauth;
        settings.grants = BTreeSet::from([Grant::Password]);
    };
    let given = given_store(without_refresh).done(let_in(LoginHow::LoginApi).refreshable(true)).at(mins(1));
    assert_eq!(given.clone().when(refresh(0)).decision.outcome.err(), Some(Denial::GrantWithdrawn));
    let granted = given.when(refresh(0).at_jwt_refresh()).decision.outcome.unwrap();
    assert_eq!(granted.how, RefreshHow::Rotated);
}

#[test]
fn an_access_token_may_be_asked_to_live_shorter_and_not_longer() {
    let given = given_login().at(mins(1));
    let granted = given.clone().when(refresh(0).living(secs(90))).decision.outcome.unwrap();
    assert_eq!(granted.access.expires_at, at(mins(1) + secs(90)));
    let refused = SessionEvent::Refused { asked: Asked::Refresh, class: Denial::TtlTooLong, n: 1, presented: Some(0) };
    let given = given.when(refresh(0).living(ACCESS_TTL + secs(1))).then([refused], Err(Denial::TtlTooLong));
    let granted = given.when(refresh(0).living(ACCESS_TTL)).decision.outcome.unwrap();
    assert_eq!(granted.generation, 1, "the token was not used up");
}

/// The roles in tokens for a client.
fn roles(given: &Given, client: &ClientId) -> BTreeSet<String> {
    given.client(&store()).roles_of(client, given.gate())
}

#[test]
fn a_client_that_lists_roles_knows_no_others() {
    let role = |n| ClientRole { id: Uuid::from_u128(n), description: None, is_default: false, is_super: false };
    let known = move |settings: &mut ClientSettings| settings.roles = BTreeMap::from([("seller".to_owned(), role(1))]);
    let given = given_store(known)
        .happened(GateEvent::RolesSet { roles: scopes(&["person"]) })
        .done(GateCommand::Register { client: store(), roles: scopes(&["shopper", "seller"]) });
    assert_eq!(roles(&given, &store()), scopes(&["person", "seller"]), "those everywhere are no client's");
    assert_eq!(given.client(&store()).roles_here(&store(), given.gate()), scopes(&["seller"]));
}

#[test]
fn roles_at_one_client_stand_beside_those_everywhere_and_go_with_the_registration() {
    let register = |roles: &[&str]| GateCommand::Register { client: store(), roles: scopes(roles) };
    let added = GateEvent::RegistrationAdded { client: store() };
    let set = |roles: &[&str]| GateEvent::RegistrationRolesSet { client: store(), roles: scopes(roles) };
    let given = given()
        .happened(GateEvent::RolesSet { roles: scopes(&["person"]) })
        .happened(GateEvent::RegistrationAdded { client: other() })
        .when(register(&["shopper"]))
        .then([added, set(&["shopper"])], Ok(()))
        .when(register(&["shopper"]))
        .then_only(Ok(()));
    assert_eq!(roles(&given, &store()), scopes(&["person", "shopper"]));
    assert_eq!(roles(&given, &other()), scopes(&["person"]));
    let given = given.when(register(&[])).then([set(&[])], Ok(()));
    assert_eq!(roles(&given, &store()), scopes(&["person"]));
    let given = given.done(register(&["shopper"])).done(GateCommand::WithdrawRegistration(store()));
    assert_eq!(roles(&given, &store()), scopes(&["person"]));
    let back = given.done(GateCommand::AddRegistration(store()));
    assert_eq!(roles(&back, &store()), scopes(&["person"]), "what was withdrawn does not come back");
}

#[test]
fn who_may_log_in_everywhere_is_not_shut_out_elsewhere_by_roles_at_one_client() {
    let given = given()
        .when(GateCommand::Register { client: store(), roles: scopes(&["shopper"]) })
        .then([GateEvent::RegistrationRolesSet { client: store(), roles: scopes(&["shopper"]) }], Ok(()));
    assert_eq!(given.gate().registrations, None);
}

#[test]
fn roles_are_replaced_where_an_account_is_registered_and_register_it_nowhere() {
    let replace = |roles: &[&str]| GateCommand::SetRegistrationRoles { client: store(), roles: scopes(roles) };
    let set = |roles: &[&str]| GateEvent::RegistrationRolesSet { client: store(), roles: scopes(roles) };
    let everywhere = given().when(replace(&["shopper"])).then([set(&["shopper"])], Ok(()));
    everywhere.when(replace(&["shopper"])).then_only(Ok(()));
    let given = given().done(GateCommand::AddRegistration(other()));
    let given = given.when(replace(&["shopper"])).then_only(Ok(()));
    let registered = given.done(GateCommand::AddRegistration(store())).when(replace(&["shopper"]));
    let gone = registered
        .then([set(&["shopper"])], Ok(()))
        .done(GateCommand::WithdrawRegistration(store()))
        .when(replace(&["shopper"]))
        .then_only(Ok(()));
    assert!(!gone.gate().is_registered_at(&store()));
}

#[test]
fn a_removed_client_is_over_and_comes_back_without_its_sessions() {
    let given = given_login().at(mins(1)).when(ClientCommand::Remove).then([ClientEvent::Removed], Ok(()));
    let given = given.when(ClientCommand::Remove).then_only(Ok(()));
    let closed =
        |given: &Given| given.current().closed(given.gate(), given.client(&store()), &given.brakes(), given.now);
    assert_eq!(closed(&given), Some(Closed::ByClient));
    assert_eq!((given.client(&store()).removed, given.client(&store()).enabled), (true, false));
    assert_eq!(given.clone().when(log_in()).decision.outcome.err(), Some(Denial::ClientDisabled));
    let given = given.at(mins(2)).when(ClientCommand::Enable).then([ClientEvent::Enabled], Ok(()));
    assert_eq!((given.client(&store()).removed, closed(&given)), (false, Some(Closed::ByClient)));
}

#[test]
fn a_second_login_id_and_what_apps_keep_are_the_accounts_until_they_are_replaced() {
    let named = |n: u8| AccountEvent::UsernameSet { login: sealed("al"), name: NameHash([n; 32]) };
    let given = given().happened(named(7)).happened(AccountEvent::ProfileSet { profile: sealed("{}") });
    let account = given.account();
    assert_eq!(account.username.as_ref().map(|username| username.name), Some(NameHash([7; 32])));
    assert_eq!(account.profile.as_ref().map(|profile| &profile.sealed), Some(&sealed("{}")));
    let given = given.happened(named(8));
    assert_eq!(given.account().username.as_ref().map(|username| username.name), Some(NameHash([8; 32])));
    assert_eq!(given.happened(AccountEvent::UsernameCleared).account().username, None);
}

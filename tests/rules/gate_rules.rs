//! A gate: what administration may do to an account, and what that closes.

use crate::given::*;
use countersign::domain::context::SealedAt;
use countersign::domain::gate::{ClosedWhy, Gate, GateCommand, GateEvent, PasswordHow, Standing};
use countersign::domain::ids::StreamId;
use countersign::domain::session::Closed;
use countersign::domain::verifier::PasswordVerifier;
use countersign::domain::{Event, Recorded, State, apply};

/// The gate as its first password opened it.
fn opened() -> Gate {
    Gate {
        lifted: None,
        standing: Standing::Enabled,
        password: PasswordVerifier {
            verifier: SealedAt { commit: commit(0), sealed: sealed("password") },
            scheme: SCHEME,
            password: 1,
        },
        password_set_at: BEGIN,
        must_change: false,
        registrations: None,
        withdrawn: Default::default(),
        roles: scopes(&[]),
        roles_at: Default::default(),
        closed_by: 0,
        closed_why: ClosedWhy::Nothing,
    }
}

fn registered(clients: &[countersign::domain::ids::ClientId]) -> Gate {
    Gate { registrations: Some(clients.iter().cloned().collect()), ..opened() }
}

fn recorded(given: &Given, event: GateEvent) -> Recorded {
    let stream = StreamId::Gate(alice());
    Recorded {
        position: 99,
        commit: commit(99),
        version: given.version(&stream) + 1,
        at: given.now,
        context: server(),
        event: Event::Gate(event),
        command: None,
        stream,
    }
}

fn must_change(must_change: bool) -> GateEvent {
    GateEvent::MustChangeSet { must_change }
}

/// The last event of the gate.
fn last_of_gate(given: &Given) -> GateEvent {
    let last = given.history.iter().rev().find_map(|recorded| match &recorded.event {
        Event::Gate(event) => Some(event.clone()),
        _ => None,
    });
    last.unwrap()
}

/// The gate after one more event, or why that cannot be.
fn then(given: &Given, event: GateEvent) -> Result<State, String> {
    let recorded = recorded(given, event);
    apply(given.state(&recorded.stream).cloned(), &recorded).map_err(|error| error.why)
}

#[test]
fn the_first_password_opens_and_closes_nothing() {
    assert_eq!(given().gate(), &opened());
}

#[test]
fn a_gate_opens_with_nothing_else() {
    for event in [GateEvent::Disabled, GateEvent::Enabled, GateEvent::SessionsRevoked, GateEvent::Erased] {
        let recorded = recorded(&given(), event);
        assert_eq!(apply(None, &recorded), Err(recorded.impossible("a gate opens with a password")));
    }
}

#[test]
fn another_password_closes_what_was_open() {
    let given = given().when(set_password("another")).then([password_set("another")], Ok(()));
    let password = PasswordVerifier {
        verifier: SealedAt { commit: commit(0), sealed: sealed("another") },
        scheme: SCHEME,
        password: 2,
    };
    let expected =
        Gate { password, password_set_at: BEGIN, closed_by: 2, closed_why: ClosedWhy::PasswordChanged, ..opened() };
    assert_eq!(given.gate(), &expected);
}

#[test]
fn the_same_password_set_again_closes_too() {
    given().when(set_password("password")).then([password_set("password")], Ok(()));
}

#[test]
fn disabling_closes_and_enabling_opens_the_door_but_not_the_sessions() {
    let given = given_login().when(GateCommand::Disable).then([GateEvent::Disabled], Ok(()));
    let disabled = Gate { standing: Standing::Disabled, closed_by: 2, closed_why: ClosedWhy::Disabled, ..opened() };
    assert_eq!(given.gate(), &disabled);
    let given = given.when(GateCommand::Enable).then([GateEvent::Enabled], Ok(()));
    assert_eq!(given.gate(), &Gate { standing: Standing::Enabled, ..disabled });
    assert_eq!(
        given.current().closed(given.gate(), given.client(&store()), &given.brakes(), given.now),
        Some(Closed::ByGate)
    );
}

#[test]
fn what_is_so_already_is_no_event() {
    given().when(GateCommand::Enable).then_only(Ok(()));
    given().done(GateCommand::Disable).when(GateCommand::Disable).then_only(Ok(()));
    given().when(GateCommand::SetRoles(scopes(&[]))).then_only(Ok(()));
    given().done(GateCommand::AddRegistration(store())).when(GateCommand::AddRegistration(store())).then_only(Ok(()));
    given()
        .done(GateCommand::WithdrawRegistration(store()))
        .when(GateCommand::WithdrawRegistration(store()))
        .then_only(Ok(()));
}

#[test]
fn revoking_everything_is_an_event_each_time() {
    let given = given()
        .when(GateCommand::RevokeSessions)
        .then([GateEvent::SessionsRevoked], Ok(()))
        .when(GateCommand::RevokeSessions)
        .then([GateEvent::SessionsRevoked], Ok(()));
    assert_eq!(given.gate(), &Gate { closed_by: 3, closed_why: ClosedWhy::SessionsRevoked, ..opened() });
}

#[test]
fn without_registrations_every_client_will_do_and_from_the_first_on_only_those() {
    let given = given();
    assert!(given.gate().is_registered_at(&store()) && given.gate().is_registered_at(&other()));
    let given = given
        .when(GateCommand::AddRegistration(store()))
        .then([GateEvent::RegistrationAdded { client: store() }], Ok(()));
    assert_eq!(given.gate(), &registered(&[store()]));
    let given = given
        .when(GateCommand::AddRegistration(other()))
        .then([GateEvent::RegistrationAdded { client: other() }], Ok(()));
    assert_eq!(given.gate(), &registered(&[other(), store()]));
    let given = given
        .when(GateCommand::WithdrawRegistration(store()))
        .then([GateEvent::RegistrationWithdrawn { client: store() }], Ok(()));
    let withdrawn = |clients: &[(countersign::domain::ids::ClientId, u64)]| clients.iter().cloned().collect();
    assert_eq!(given.gate(), &Gate { withdrawn: withdrawn(&[(store(), 4)]), ..registered(&[other()]) });
    let given = given.done(GateCommand::WithdrawRegistration(other()));
    let none = Gate { withdrawn: withdrawn(&[(store(), 4), (other(), 5)]), ..registered(&[]) };
    assert_eq!(given.gate(), &none, "the last one withdrawn leaves none, not all");
}

#[test]
fn roles_are_replaced_and_close_nothing() {
    let roles = scopes(&["shopper", "admin"]);
    let given = given_login()
        .when(GateCommand::SetRoles(roles.clone()))
        .then([GateEvent::RolesSet { roles: roles.clone() }], Ok(()));
    assert_eq!(given.gate(), &Gate { roles, ..opened() });
    assert_eq!(given.current().closed(given.gate(), given.client(&store()), &given.brakes(), given.now), None);
}

#[test]
fn a_password_may_only_serve_to_set_another_and_the_next_one_says_anew() {
    let given = given_login().when(GateCommand::SetMustChange(true)).then([must_change(true)], Ok(()));
    assert_eq!(given.gate(), &Gate { must_change: true, ..opened() });
    assert_eq!(given.current().closed(given.gate(), given.client(&store()), &given.brakes(), given.now), None);
    let given = given.when(GateCommand::SetMustChange(true)).then_only(Ok(()));
    let given = given.when(GateCommand::SetMustChange(false)).then([must_change(false)], Ok(()));
    assert_eq!(given.gate(), &opened());
    let given = given.done(set_password_to_be_changed("first"));
    assert!(given.gate().must_change, "set along with the password");
    assert!(given.clone().done(set_password_to_be_changed("second")).gate().must_change);
    assert!(!given.done(set_password("own")).gate().must_change, "and cleared by one that is the person's own");
}

#[test]
fn a_gate_may_open_with_a_password_that_must_be_changed() {
    let how = PasswordHow::Given;
    let first = GateEvent::PasswordSet { verifier: sealed("first"), scheme: SCHEME, must_change: true, how };
    let Ok(State::Gate(gate)) = apply(None, &recorded(&given(), first)) else { panic!("a gate opens with it") };
    assert!(gate.must_change);
    assert_eq!(gate.closed_by, 0);
}

#[test]
fn however_a_password_was_set_it_closes_and_its_instant_is_known() {
    for how in [PasswordHow::Given, PasswordHow::Changed, PasswordHow::Reset] {
        let set = GateCommand::SetPassword { verifier: sealed("another"), scheme: SCHEME, must_change: false, how };
        let given = given().at(mins(1)).done(set);
        let GateEvent::PasswordSet { how: told, .. } = last_of_gate(&given) else { panic!("a password was set") };
        assert_eq!(told, how);
        let gate = given.gate();
        assert_eq!((gate.closed_by, gate.password_set_at), (2, at(mins(1))));
        let given = given.at(mins(2)).done(GateCommand::SetMustChange(true));
        assert_eq!(given.gate().password_set_at, at(mins(1)), "it is still that password");
    }
}

#[test]
fn registrations_lifted_open_every_client_again() {
    let given = given().done(GateCommand::AddRegistration(other()));
    let given = given.when(GateCommand::LiftRegistrations).then([GateEvent::RegistrationsLifted], Ok(()));
    assert_eq!(given.gate(), &Gate { lifted: Some((3, [other()].into())), ..opened() });
    let given = given.when(GateCommand::LiftRegistrations).then_only(Ok(())).done(log_in());
    assert_eq!(given.current().closed(given.gate(), given.client(&store()), &given.brakes(), given.now), None);
}

#[test]
fn what_was_withdrawn_stays_over_when_registrations_are_lifted() {
    let given = given_login()
        .done(GateCommand::AddRegistration(store()))
        .done(GateCommand::WithdrawRegistration(store()))
        .done(GateCommand::LiftRegistrations);
    assert!(given.gate().is_registered_at(&store()));
    let closed =
        |given: &Given| given.current().closed(given.gate(), given.client(&store()), &given.brakes(), given.now);
    assert_eq!(closed(&given), Some(Closed::ByGate));
    assert_eq!(closed(&given.done(log_in())), None);
}

#[test]
fn what_was_left_out_stays_over_however_often_registrations_are_lifted() {
    let closed =
        |given: &Given| given.current().closed(given.gate(), given.client(&store()), &given.brakes(), given.now);
    // Nobody had the time to record the session's end: only the gate says it.
    let elsewhere = |given: Given| given.done(GateCommand::SetRegistrations([other()].into()));
    let lifted = elsewhere(given_login()).done(GateCommand::LiftRegistrations);
    assert_eq!(closed(&lifted), Some(Closed::ByGate));
    let back = lifted.done(GateCommand::SetRegistrations([store()].into())).done(GateCommand::LiftRegistrations);
    assert_eq!(closed(&back), Some(Closed::ByGate), "it was over before");
    let kept = given_login().done(GateCommand::SetRegistrations([store(), other()].into()));
    assert_eq!(closed(&kept), None, "where it may be it goes on, also between two events of one change");
    assert_eq!(closed(&kept.done(GateCommand::LiftRegistrations)), None);
    assert_eq!(closed(&back.done(log_in())), None);
}

#[test]
fn erased_is_final() {
    let given = given().when(GateCommand::Erase).then([GateEvent::Erased], Ok(()));
    let erased = Gate { standing: Standing::Erased, closed_by: 2, closed_why: ClosedWhy::Erased, ..opened() };
    assert_eq!(given.gate(), &erased);
    let commands = [
        set_password("another"),
        GateCommand::Disable,
        GateCommand::Enable,
        GateCommand::AddRegistration(store()),
        GateCommand::WithdrawRegistration(store()),
        GateCommand::SetRegistrations([store()].into()),
        GateCommand::LiftRegistrations,
        GateCommand::SetMustChange(true),
        GateCommand::SetRoles(scopes(&["admin"])),
        GateCommand::RevokeSessions,
        GateCommand::Erase,
    ];
    for command in commands {
        let given = given.clone().when(command).then_only(Ok(()));
        assert_eq!(given.gate(), &erased);
    }
}

#[test]
fn a_close_that_an_erasure_overtook_folds_and_changes_nothing() {
    let given = given().done(GateCommand::Erase);
    let before = given.state(&StreamId::Gate(alice())).cloned().unwrap();
    let password = password_set("another");
    for event in [GateEvent::SessionsRevoked, GateEvent::Disabled, GateEvent::Erased, password] {
        assert_eq!(then(&given, event), Ok(before.clone()));
    }
}

#[test]
fn nothing_that_would_open_follows_an_erasure() {
    let given = given().done(GateCommand::Erase);
    let events = [
        GateEvent::Enabled,
        GateEvent::RegistrationAdded { client: store() },
        GateEvent::RegistrationWithdrawn { client: store() },
        GateEvent::RegistrationsLifted,
        must_change(false),
        GateEvent::RolesSet { roles: scopes(&[]) },
    ];
    for event in events {
        assert_eq!(then(&given, event), Err("the account was erased".to_owned()));
    }
}

#[test]
fn an_event_of_another_kind_of_stream_does_not_fold() {
    let given = given();
    let mut recorded = recorded(&given, GateEvent::Disabled);
    recorded.stream = StreamId::Account(alice());
    let why = "the event does not belong to this kind of stream";
    assert_eq!(apply(given.state(&recorded.stream).cloned(), &recorded), Err(recorded.impossible(why)));
}

#[test]
fn a_session_from_before_a_withdrawal_stays_over_when_the_registration_is_added_again() {
    let given = given_login()
        .done(GateCommand::AddRegistration(store()))
        .done(GateCommand::WithdrawRegistration(store()))
        .done(GateCommand::AddRegistration(store()));
    let closed = given.session_of(session(0)).closed(given.gate(), given.client(&store()), &given.brakes(), given.now);
    assert_eq!(closed, Some(Closed::ByGate));
}

//! A client: what administration may do to it, the tokens it gets for itself, and what is counted against it.

use crate::given::*;
use countersign::domain::client::{Client, ClientCommand, ClientEvent, Grant, TokenGranted, Usage, UseEvent};
use countersign::domain::context::SealedAt;
use countersign::domain::denial::Denial;
use countersign::domain::ids::StreamId;
use countersign::domain::session::Access;
use countersign::domain::{Event, Recorded, apply};

fn created() -> Client {
    Client {
        settings: store_settings(),
        secret: Some(SealedAt { commit: commit(0), sealed: sealed("secret") }),
        enabled: true,
        braked_by: 0,
        braked_at: None,
        created_at: BEGIN,
        removed: false,
    }
}

fn machine() -> Given {
    given_store(|settings| {
        settings.grants.insert(Grant::ClientCredentials);
    })
}

fn refusal(class: Denial, n: u64) -> [UseEvent; 1] {
    [UseEvent::Refused { class, n }]
}

#[test]
fn a_client_is_as_it_was_created() {
    assert_eq!(given().client(&store()), &created());
}

#[test]
fn settings_are_replaced_as_a_whole_and_only_where_they_differ() {
    let mut settings = store_settings();
    settings.retry_window = secs(5);
    let change = ClientCommand::Change(Box::new(settings.clone()));
    let given = given()
        .when(change.clone())
        .then([ClientEvent::Changed { settings: settings.clone() }], Ok(()))
        .when(change)
        .then_only(Ok(()));
    assert_eq!(given.client(&store()), &Client { settings, ..created() });
}

#[test]
fn a_secret_is_replaced_each_time() {
    let given = given()
        .when(ClientCommand::SetSecret(sealed("new")))
        .then([ClientEvent::SecretSet { secret: sealed("new") }], Ok(()))
        .when(ClientCommand::SetSecret(sealed("new")))
        .then([ClientEvent::SecretSet { secret: sealed("new") }], Ok(()));
    let secret = Some(SealedAt { commit: commit(1), sealed: sealed("new") });
    assert_eq!(given.client(&store()), &Client { secret, ..created() });
}

#[test]
fn disabling_and_enabling_brake_nothing_and_happen_once() {
    let given = given()
        .when(ClientCommand::Enable)
        .then_only(Ok(()))
        .when(ClientCommand::Disable)
        .then([ClientEvent::Disabled], Ok(()))
        .when(ClientCommand::Disable)
        .then_only(Ok(()));
    assert_eq!(given.client(&store()), &Client { enabled: false, ..created() });
    let given = given.when(ClientCommand::Enable).then([ClientEvent::Enabled], Ok(()));
    assert_eq!(given.client(&store()), &created());
}

#[test]
fn the_brake_may_be_pulled_again_and_again() {
    let given = given()
        .at(mins(1))
        .when(ClientCommand::RevokeSessions)
        .then([ClientEvent::SessionsRevoked], Ok(()))
        .at(mins(2))
        .when(ClientCommand::RevokeSessions)
        .then([ClientEvent::SessionsRevoked], Ok(()));
    assert_eq!(given.client(&store()), &Client { braked_by: 3, braked_at: Some(at(mins(2))), ..created() });
}

#[test]
fn a_client_is_created_once_and_first() {
    let given = given();
    let recorded = |event| Recorded {
        position: 99,
        commit: commit(99),
        stream: StreamId::Client(store()),
        version: 2,
        at: BEGIN,
        context: server(),
        event: Event::Client(event),
        command: None,
    };
    let again = recorded(ClientEvent::Created { settings: store_settings(), secret: None, enabled: true });
    let state = given.state(&again.stream).cloned();
    assert_eq!(apply(state, &again), Err(again.impossible("the client was created before")));
    let early = recorded(ClientEvent::Disabled);
    assert_eq!(apply(None, &early), Err(early.impossible("the client was not created")));
}

#[test]
fn a_client_gets_a_token_of_its_own() {
    let expires_at = at(mins(6));
    let issued = UseEvent::TokenIssued { jti: jti(0), expires_at, scope: all_scopes() };
    let given = machine()
        .at(mins(1))
        .when(issue())
        .then([issued], Ok(TokenGranted { access: token(0, mins(1)), scope: all_scopes() }));
    assert_eq!(given.usage(), Usage { issued: 1, ..Usage::default() });
}

#[test]
fn its_scope_is_what_it_asked_for_and_its_life_is_shortened_by_jitter() {
    let access = Access { expires_at: at(mins(5) - secs(3)), ..token(0, secs(0)) };
    let scope = scopes(&["cart"]);
    let issued = UseEvent::TokenIssued { jti: jti(0), expires_at: access.expires_at, scope: scope.clone() };
    machine().when(issue().asking(&["cart"]).shortened_by(secs(3))).then([issued], Ok(TokenGranted { access, scope }));
}

#[test]
fn a_client_is_refused_what_it_may_not_have() {
    given().when(issue()).then(refusal(Denial::GrantNotAllowed, 1), Err(Denial::GrantNotAllowed));
    machine()
        .when(issue().asking(&["admin"]))
        .then(refusal(Denial::InvalidScope, 1), Err(Denial::InvalidScope))
        .done(ClientCommand::Disable)
        .when(issue().asking(&["admin"]))
        .then(refusal(Denial::ClientDisabled, 1), Err(Denial::ClientDisabled));
}

#[test]
fn failed_authentication_is_counted_by_class_and_recorded_where_it_differs() {
    let wrong = |who| Fail(Denial::ClientSecretWrong, who);
    let given = given()
        .when(wrong(home()))
        .then(refusal(Denial::ClientSecretWrong, 1), Err(Denial::ClientSecretWrong))
        .when(wrong(home()))
        .then_only(Err(Denial::ClientSecretWrong))
        .when(wrong(stranger()))
        .then(refusal(Denial::ClientSecretWrong, 3), Err(Denial::ClientSecretWrong))
        .when(Fail(Denial::ClientSecretMissing, stranger()))
        .then(refusal(Denial::ClientSecretMissing, 1), Err(Denial::ClientSecretMissing));
    assert_eq!(given.usage().refusals.recorded(Denial::ClientSecretWrong), 3);
    assert_eq!(given.usage().issued, 0);
}

#[test]
fn a_flood_of_wrong_secrets_writes_with_its_logarithm() {
    let flood = (0..1000).fold(given(), |given, _| given.tried(Fail(Denial::ClientSecretWrong, home())));
    let numbers: Vec<u64> = flood
        .history
        .iter()
        .filter_map(|recorded| match &recorded.event {
            Event::Use(UseEvent::Refused { n, .. }) => Some(*n),
            _ => None,
        })
        .collect();
    assert_eq!(numbers, [1, 32, 64, 128, 256, 512]);
}

#[test]
fn a_wrong_secret_does_not_touch_what_the_guards_stand_on() {
    let given = given().tried(Fail(Denial::ClientSecretWrong, home()));
    assert_eq!(given.version(&StreamId::Client(store())), 1);
    assert_eq!(given.version(&StreamId::Use(store())), 1);
}

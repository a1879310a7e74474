//! API keys: what they may do, that they are disabled and revoked, and how refusals are counted.

use crate::given::*;
use crate::system_rules::system;
use countersign::domain::context::{Context, ToldBy};
use countersign::domain::denial::Denial;
use countersign::domain::ids::{StreamId, Tag};
use countersign::domain::system::{ApiKey, ApiKeyCommand, ApiKeyStanding, SystemEvent, change_api_key, refuse_api_key};
use countersign::domain::tally::Seen;
use countersign::domain::{Event, Recorded, State, apply};
use std::collections::BTreeSet;

const OPS: &str = "ops";

fn created(name: &str) -> SystemEvent {
    let permissions = scopes(&["users"]);
    SystemEvent::ApiKeyCreated { name: name.to_owned(), digest: sealed("digest"), permissions, clients: None }
}

/// There is a key `ops`, which may do something with accounts everywhere, since a minute after the beginning; and another.
fn with_keys() -> Given {
    given().happened(created("other")).at(mins(1)).happened(created(OPS)).at(mins(2))
}

fn key(given: &Given) -> &ApiKey {
    &system(given).api_keys[OPS]
}

fn decided(given: &Given, command: &ApiKeyCommand) -> Option<SystemEvent> {
    change_api_key(key(given), OPS, command)
}

/// Exactly this event, folded.
#[track_caller]
fn then(given: Given, command: ApiKeyCommand, event: SystemEvent) -> Given {
    assert_eq!(decided(&given, &command), Some(event.clone()));
    given.happened(event)
}

fn disabled() -> SystemEvent {
    SystemEvent::ApiKeyDisabled { name: OPS.to_owned() }
}

fn enabled() -> SystemEvent {
    SystemEvent::ApiKeyEnabled { name: OPS.to_owned() }
}

fn revoked() -> SystemEvent {
    SystemEvent::ApiKeyRevoked { name: OPS.to_owned() }
}

fn change(permissions: &[&str]) -> ApiKeyCommand {
    ApiKeyCommand::Change { permissions: scopes(permissions), clients: Some(BTreeSet::from([store()])) }
}

fn changed(permissions: &[&str]) -> SystemEvent {
    let clients = Some(BTreeSet::from([store()]));
    SystemEvent::ApiKeyChanged { name: OPS.to_owned(), permissions: scopes(permissions), clients }
}

/// Whether an event may follow.
fn folds(given: &Given, event: SystemEvent) -> Result<State, String> {
    let recorded = Recorded {
        position: 99,
        commit: commit(99),
        version: given.version(&StreamId::System) + 1,
        at: given.now,
        context: server(),
        event: Event::System(event),
        command: None,
        stream: StreamId::System,
    };
    apply(given.state(&StreamId::System).cloned(), &recorded).map_err(|error| error.why)
}

#[test]
fn a_key_is_in_force_as_it_was_declared() {
    let given = with_keys();
    let ApiKey { permissions, clients, standing, created_at, changed_by, .. } = key(&given).clone();
    assert_eq!((permissions, clients, standing), (scopes(&["users"]), None, ApiKeyStanding::Enabled));
    assert_eq!((created_at, changed_by), (at(mins(1)), given.version(&StreamId::System)));
}

#[test]
fn a_key_is_disabled_and_enabled_again_and_what_is_so_already_is_no_event() {
    let given = with_keys();
    assert_eq!(decided(&given, &ApiKeyCommand::Enable), None);
    let given = then(given, ApiKeyCommand::Disable, disabled());
    assert_eq!(key(&given).standing, ApiKeyStanding::Disabled);
    assert_eq!(key(&given).changed_by, given.version(&StreamId::System));
    assert_eq!(decided(&given, &ApiKeyCommand::Disable), None);
    let given = then(given, ApiKeyCommand::Enable, enabled());
    assert_eq!(key(&given).standing, ApiKeyStanding::Enabled);
    assert_eq!(system(&given).api_keys["other"].standing, ApiKeyStanding::Enabled);
    assert!(system(&given).api_keys["other"].changed_by < key(&given).changed_by, "the other key is as it was");
}

#[test]
fn what_a_key_may_do_is_said_anew_and_the_same_again_is_no_event() {
    let given = then(with_keys(), change(&["applications"]), changed(&["applications"]));
    assert_eq!(key(&given).permissions, scopes(&["applications"]));
    assert_eq!(key(&given).clients, Some(BTreeSet::from([store()])));
    assert_eq!(decided(&given, &change(&["applications"])), None);
    let everywhere = ApiKeyCommand::Change { permissions: scopes(&["applications"]), clients: None };
    assert!(decided(&given, &everywhere).is_some(), "other clients are another thing");
}

#[test]
fn what_a_key_may_do_can_be_changed_while_it_is_disabled_and_does_not_enable_it() {
    let given = then(with_keys(), ApiKeyCommand::Disable, disabled());
    let given = then(given, change(&["applications"]), changed(&["applications"]));
    assert_eq!(key(&given).standing, ApiKeyStanding::Disabled);
}

#[test]
fn revoked_is_for_ever() {
    for before in [with_keys(), then(with_keys(), ApiKeyCommand::Disable, disabled())] {
        let given = then(before, ApiKeyCommand::Revoke, revoked());
        assert_eq!(key(&given).standing, ApiKeyStanding::Revoked);
        for command in [ApiKeyCommand::Enable, ApiKeyCommand::Disable, ApiKeyCommand::Revoke, change(&["admin"])] {
            assert_eq!(decided(&given, &command), None, "{command:?}");
        }
        for event in [enabled(), disabled(), revoked(), changed(&["admin"])] {
            assert_eq!(folds(&given, event), Err("the API key was revoked".to_owned()));
        }
        assert!(folds(&given, created(OPS)).is_err(), "nor is its name used again");
    }
}

#[test]
fn nothing_happens_to_a_key_that_there_is_not() {
    let refused = SystemEvent::ApiKeyRefused { name: OPS.to_owned(), class: Denial::ApiKeyForbidden, n: 1 };
    for event in [enabled(), disabled(), revoked(), changed(&["admin"]), refused] {
        assert_eq!(folds(&given(), event), Err("there is no such API key".to_owned()));
    }
}

#[test]
fn only_what_shuts_a_key_out_goes_on_without_room_on_the_disk() {
    assert!(Event::System(disabled()).closes() && Event::System(revoked()).closes());
    for event in [enabled(), changed(&["admin"]), created(OPS)] {
        assert!(!Event::System(event).closes());
    }
}

/// Somebody with the key, from this network.
fn from(network: u8) -> Context {
    Context { told_by: ToldBy::ApiKey, api_key: Some(OPS.to_owned()), net: Some(Tag([network; 8])), ..home() }
}

/// Refuses so often, and gives the numbers of those that became events.
fn refused(given: &mut Given, class: Denial, times: u64, context: impl Fn(u64) -> Context) -> Vec<u64> {
    let (mut seen, mut numbers) = (Seen::new(), Vec::new());
    for time in 0..times {
        let context = context(time);
        let n = key(given).refusals.number(class, &seen);
        let event = refuse_api_key(key(given), OPS, class, &context, &seen);
        seen.insert(class, n);
        if let Some(event) = event {
            assert_eq!(event, SystemEvent::ApiKeyRefused { name: OPS.to_owned(), class, n });
            numbers.push(n);
            given.record(vec![(StreamId::System, Event::System(event))], &context, None);
        }
    }
    numbers
}

#[test]
fn refusals_are_numbered_and_the_same_again_is_an_event_only_at_the_doublings() {
    let mut given = with_keys();
    assert_eq!(refused(&mut given, Denial::ApiKeyForbidden, 130, |_| from(1)), [1, 32, 64, 128]);
    assert_eq!(refused(&mut given, Denial::ApiKeyElsewhere, 1, |_| from(1)), [1], "each class is counted for itself");
    assert_eq!(system(&given).api_keys["other"].refusals, Default::default(), "and each key");
}

#[test]
fn refusals_that_differ_are_events_up_to_the_twentieth() {
    let mut given = with_keys();
    let numbers = refused(&mut given, Denial::ApiKeyForbidden, 100, |time| from(u8::try_from(time).unwrap()));
    assert_eq!(numbers, (1..=20).chain([32, 64]).collect::<Vec<_>>());
}

#[test]
fn a_refusal_changes_nothing_of_the_key_and_is_counted_behind_its_end_as_well() {
    let mut given = then(with_keys(), ApiKeyCommand::Revoke, revoked());
    let before = key(&given).clone();
    assert_eq!(refused(&mut given, Denial::ApiKeyDisabled, 2, |_| from(1)), [1]);
    let after = key(&given).clone();
    assert_eq!(ApiKey { refusals: before.refusals.clone(), ..after }, before);
}

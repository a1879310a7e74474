//! Who asked is sealed once in a session, and every entry of it still leads there: until the person is erased.

use crate::machine::{Machine, Running, operator, person, person_at, token};
use countersign::actors::{Asker, Issued, RefreshAsk, Refused};
use countersign::domain::client::{ClientSettings, ClientType, Profile};
use countersign::domain::context::Sealed;
use countersign::domain::denial::Denial;
use countersign::domain::gate::GateCommand;
use countersign::domain::ids::{AccountId, CommitId, Owner};
use countersign::domain::time::Span;
use serde_json::Value;

async fn refresh_from(running: &Running, issued: &Issued, asker: Asker) -> Result<Issued, Refused> {
    let client = running.client("store").await;
    running.services.sessions.refresh(token(issued), RefreshAsk::of(&client, None, asker)).await
}

/// The entries of sessions.
fn of_sessions(machine: &Machine) -> Vec<Value> {
    let is_session = |event: &Value| event["stream"].as_str().is_some_and(|stream| stream.starts_with("session:"));
    machine.events().into_iter().filter(is_session).collect()
}

/// For each entry of sessions the version of the one that tells in full who asked; 0 where nobody did.
fn told_at(machine: &Machine) -> Vec<u64> {
    let told = |event: &Value| match (&event["context"]["sealed"], &event["context"]["sealed_at"]) {
        (Value::String(_), Value::Null) => event["version"].as_u64().unwrap(),
        (Value::Null, at) => at.as_u64().unwrap_or(0),
        both => panic!("{both:?}"),
    };
    of_sessions(machine).iter().map(told).collect()
}

/// The address from which an entry came, as whoever has the keys finds it.
fn address(running: &Running, events: &[Value], event: &Value, account: AccountId) -> Option<String> {
    let context = &event["context"];
    let carrier = match context["sealed_at"].as_u64() {
        Some(at) => {
            let is_told = |other: &&Value| other["stream"] == event["stream"] && other["version"] == at;
            events.iter().find(is_told).expect("the entry that it refers to")
        }
        None => event,
    };
    let sealed = Sealed(carrier["context"]["sealed"].as_str()?.to_owned());
    let commit = CommitId(carrier["commit"].as_str().unwrap().parse().unwrap());
    let key = running.services.core.keys.data(&Owner::Account(account)).unwrap()?;
    let opened = key.open(commit, "context", &sealed).expect("it opens in its own commit");
    Some(serde_json::from_slice::<Value>(&opened).unwrap()["ip"].as_str().unwrap().to_owned())
}

fn addresses(machine: &Machine, running: &Running, account: AccountId) -> Vec<Option<String>> {
    let events = of_sessions(machine);
    events.iter().map(|event| address(running, &events, event, account)).collect()
}

#[actix_rt::test]
async fn a_person_who_stays_is_sealed_at_the_login_only() {
    let mut machine = Machine::new(81);
    let running = machine.start();
    let alice = running.prepare(|_| ()).await;
    running.create_client("other", ClientSettings::new(ClientType::Confidential, Profile::Standard)).await;
    let first = running.login().await.unwrap();
    let second = running.refresh(token(&first)).await.unwrap();
    let again = running.refresh(token(&first)).await.unwrap();
    assert_eq!(token(&second), token(&again), "a retry");
    let other = running.client("other").await;
    let sessions = &running.services.sessions;
    assert!(sessions.refresh(token(&second), RefreshAsk::of(&other, None, person())).await.is_err(), "a refusal");
    let third = running.refresh(token(&second)).await.unwrap();
    sessions.revoke(token(&third), &running.client("store").await, person()).await.unwrap();
    assert_eq!(running.refresh(token(&third)).await.err(), Some(Denial::Closed.into()));

    let types: Vec<String> =
        of_sessions(&machine).iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect();
    let words =
        ["started", "refreshed", "refresh_retried", "refresh_refused", "refreshed", "revoked", "refresh_refused"];
    assert_eq!(types, words.map(|word| format!("session.{word}")));
    assert_eq!(told_at(&machine), [1; 7]);
    assert_eq!(addresses(&machine, &running, alice), vec![Some("192.0.2.1".to_owned()); 7]);
    let events = of_sessions(&machine);
    assert!(events[0]["context"]["who"].is_string());
    assert!(events[1..].iter().all(|event| event["context"]["who"].is_null() && event["context"]["net"].is_string()));
    let login = machine.events().into_iter().find(|event| event["type"] == "account.login_succeeded").unwrap();
    assert_eq!(login["context"], events[0]["context"], "the login's own entry is whole");
    running.stop();
}

#[actix_rt::test]
async fn another_address_of_the_same_network_is_sealed_again() {
    let mut machine = Machine::new(82);
    let running = machine.start();
    let alice = running.prepare(|_| ()).await;
    let mut issued = running.login().await.unwrap();
    for from in ["192.0.2.2", "192.0.2.2", "192.0.2.1", "192.0.2.1", "2001:db8::1"] {
        machine.clock.advance(Span::minutes(1));
        issued = refresh_from(&running, &issued, person_at(from)).await.unwrap();
    }
    assert_eq!(told_at(&machine), [1, 2, 2, 4, 4, 6], "only the last that was sealed is referred to");
    let wanted = ["192.0.2.1", "192.0.2.2", "192.0.2.2", "192.0.2.1", "192.0.2.1", "2001:db8::1"];
    assert_eq!(addresses(&machine, &running, alice), wanted.map(|address| Some(address.to_owned())));
    let events = of_sessions(&machine);
    assert_eq!(events[0]["context"]["net"], events[1]["context"]["net"]);
    assert_ne!(events[0]["context"]["who"], events[1]["context"]["who"]);
    assert_eq!(events[0]["context"]["who"], events[3]["context"]["who"]);
    running.stop();
}

#[actix_rt::test]
async fn what_was_sealed_is_remembered_by_the_store_and_by_one_that_is_rebuilt() {
    let mut machine = Machine::new(83);
    let running = machine.start();
    let alice = running.prepare(|_| ()).await;
    let first = running.login().await.unwrap();
    let second = refresh_from(&running, &first, person_at("198.51.100.7")).await.unwrap();
    running.stop();
    let running = machine.start();
    let third = refresh_from(&running, &second, person_at("198.51.100.7")).await.unwrap();
    running.stop();
    machine.lose_store();
    let running = machine.start();
    let fourth = refresh_from(&running, &third, person_at("198.51.100.7")).await.unwrap();
    refresh_from(&running, &fourth, person()).await.unwrap();
    assert_eq!(told_at(&machine), [1, 2, 2, 2, 5]);
    let wanted = ["192.0.2.1", "198.51.100.7", "198.51.100.7", "198.51.100.7", "192.0.2.1"];
    assert_eq!(addresses(&machine, &running, alice), wanted.map(|address| Some(address.to_owned())));
    running.stop();
}

#[actix_rt::test]
async fn a_copied_token_tells_the_thief_in_full() {
    let mut machine = Machine::new(84);
    let running = machine.start();
    let alice = running.prepare(|_| ()).await;
    let first = running.login().await.unwrap();
    let second = running.refresh(token(&first)).await.unwrap();
    running.refresh(token(&second)).await.unwrap();
    assert!(refresh_from(&running, &first, person_at("203.0.113.66")).await.is_err());
    assert_eq!(told_at(&machine), [1, 1, 1, 4, 5], "detection and end are one commit, and carry the same");
    let found = addresses(&machine, &running, alice);
    assert_eq!((found[3].as_deref(), &found[4]), (Some("203.0.113.66"), &found[3]));
    running.stop();
}

#[actix_rt::test]
async fn after_an_erasure_none_opens_and_nothing_is_said_of_who_asks() {
    let mut machine = Machine::new(85);
    let running = machine.start();
    let alice = running.prepare(|_| ()).await;
    let first = running.login().await.unwrap();
    let second = running.refresh(token(&first)).await.unwrap();
    let before = told_at(&machine).len();
    let administration = &running.services.administration;
    administration.change_account(alice, GateCommand::Erase, None, &operator()).await.unwrap();
    assert_eq!(running.wait_for_end(&first).await, "account_erased");
    assert!(running.refresh(token(&second)).await.is_err());
    assert_eq!(addresses(&machine, &running, alice), vec![None; told_at(&machine).len()]);
    assert!(told_at(&machine).len() > before + 1, "the refusal is recorded too");
    for event in &of_sessions(&machine)[before..] {
        for name in ["net", "ua", "dev", "who", "sealed", "sealed_at"] {
            assert!(event["context"][name].is_null(), "{event}");
        }
    }
    running.stop();
    let running = machine.start();
    assert_eq!(addresses(&machine, &running, alice), vec![None; told_at(&machine).len()]);
    running.stop();
}

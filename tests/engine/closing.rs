//! What one event ends at once at every door, and the sessions' own events that follow.

use crate::machine::{ALICE, Machine, cheap_hash, client_id, eventually, operator, person, token};
use countersign::actors::{Issued, NotDone};
use countersign::app::apply;
use countersign::config::bootstrap::Bootstrap;
use countersign::domain::client::{ClientCommand, ClientSettings, ClientType, Grant, Profile};
use countersign::domain::denial::Denial;
use countersign::domain::gate::GateCommand;
use countersign::domain::keys::KeyStatus;
use countersign::domain::system::KeyName;
use futures_util::{StreamExt, TryStreamExt, stream};

fn settings() -> ClientSettings {
    ClientSettings::new(ClientType::Confidential, Profile::Standard)
}

fn key_of(access: &str) -> String {
    use base64::Engine;
    let head = access.split('.').next().unwrap();
    let head = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(head).unwrap();
    serde_json::from_slice::<serde_json::Value>(&head).unwrap()["kid"].as_str().unwrap().to_owned()
}

#[actix_rt::test]
async fn a_clients_brake_ends_everything_of_before_and_nothing_of_after() {
    let mut machine = Machine::new(11);
    let running = machine.start();
    running
        .prepare(|settings| {
            settings.grants.insert(Grant::ClientCredentials);
        })
        .await;
    running.create_client("other", settings()).await;
    let (mine, elsewhere) =
        (running.login().await.unwrap(), running.login_as("other", ALICE.0, ALICE.1).await.unwrap());
    let own = running.services.clients.issue_token(&running.client("store").await, None, &person()).await.unwrap();
    let active = |token: &str| running.services.tokens.inspect(token).unwrap().is_some();
    assert!(active(&own.access_token));

    let store = client_id("store");
    let braked =
        running.services.administration.change_client(&store, ClientCommand::RevokeSessions, None, &operator()).await;
    assert!(braked.is_ok(), "{braked:?}");
    assert!(!running.is_alive(&mine).await);
    assert!(!active(&own.access_token), "also a token of the client itself");
    assert_eq!(running.wait_for_end(&mine).await, "client_brake");
    assert!(active(&elsewhere.access_token), "another client's session goes on");

    machine.clock.advance(countersign::domain::time::Span::seconds(1));
    let later = running.login().await.unwrap();
    assert!(running.is_alive(&later).await);
    running.stop();
}

#[actix_rt::test]
async fn a_distrusted_refresh_key_ends_its_sessions_and_another_takes_its_place() {
    let mut machine = Machine::new(12);
    let running = machine.start();
    running.prepare(|_| ()).await;
    let before = running.login().await.unwrap();
    running.services.keys.distrust(&KeyName::Refresh(1), &operator()).await.unwrap();
    assert!(running.services.tokens.inspect(&before.access_token).unwrap().is_none());
    assert_eq!(running.refresh(token(&before)).await.err(), Some(Denial::BadTag.into()));
    assert_eq!(running.wait_for_end(&before).await, "key_distrusted");
    let after = running.login().await.unwrap();
    assert_eq!(running.session(after.session.unwrap()).refresh_key, 2);
    assert!(running.is_alive(&after).await);
    running.services.keys.distrust(&KeyName::Refresh(1), &operator()).await.unwrap();
    assert!(running.services.tokens.inspect(&after.access_token).unwrap().is_some(), "asked twice, done once");
    running.stop();

    let running = machine.start();
    assert_eq!(running.refresh(token(&before)).await.err(), Some(Denial::BadTag.into()));
    assert!(running.services.tokens.inspect(&after.access_token).unwrap().is_some(), "the same after a restart");
    running.stop();
}

#[actix_rt::test]
async fn a_distrusted_signing_key_is_believed_at_no_door_and_another_signs() {
    let mut machine = Machine::new(13);
    let running = machine.start();
    running.prepare(|_| ()).await;
    let before = running.login().await.unwrap();
    let kid = key_of(&before.access_token);
    running.services.keys.distrust(&KeyName::Signing(kid.clone()), &operator()).await.unwrap();
    assert!(running.services.tokens.inspect(&before.access_token).unwrap().is_none());
    assert!(running.services.tokens.verify(&before.access_token).is_none());
    assert!(!running.services.tokens.jwks().contains(&kid));
    let again = running.refresh(token(&before)).await.unwrap();
    assert_ne!(key_of(&again.access_token), kid, "the session goes on under another key");
    assert!(running.services.tokens.inspect(&again.access_token).unwrap().is_some());
    running.stop();
}

/// Housekeeping on one thread must not bring back a key that another has just distrusted.
#[actix_rt::test]
async fn a_distrusted_key_stays_so_however_busy_the_keyring_is() {
    let mut machine = Machine::new(14);
    let running = machine.start();
    running.prepare(|_| ()).await;
    for round in 0..10 {
        let issued = running.login().await.unwrap();
        let housekeepers: Vec<_> = (0..2)
            .map(|_| {
                let keys = running.services.keys.clone();
                std::thread::spawn(move || {
                    actix_rt::System::new().block_on(async {
                        for _ in 0..30 {
                            let _ = keys.run().await;
                        }
                    });
                })
            })
            .collect();
        let kid = key_of(&issued.access_token);
        running.services.keys.distrust(&KeyName::Signing(kid), &operator()).await.unwrap();
        while housekeepers.iter().any(|housekeeper| !housekeeper.is_finished()) {
            assert!(running.services.tokens.inspect(&issued.access_token).unwrap().is_none(), "round {round}");
            tokio::task::yield_now().await;
        }
        let system = running.services.core.reader.system().unwrap().value;
        for alg in countersign::domain::keys::SigningAlg::ALL {
            let active = system.signing.iter().filter(|key| key.alg == alg && key.status == KeyStatus::Active);
            assert_eq!(active.count(), 1, "round {round}: {alg:?}");
        }
        let waiting = system.signing.iter().filter(|key| key.status == KeyStatus::Next).count();
        assert!(waiting <= 1, "round {round}: {waiting} keys were made to take one place");
    }
    running.stop();
}

#[actix_rt::test]
async fn a_withdrawn_registration_ends_the_sessions_there_also_behind_hundreds_of_others() {
    let mut machine = Machine::new(15);
    let running = machine.start();
    let alice = running.prepare(|settings| settings.max_sessions = 1000).await;
    running.create_client("aaa", ClientSettings { max_sessions: 1000, ..settings() }).await;
    let administration = &running.services.administration;
    for client in ["aaa", "store"] {
        let add = GateCommand::AddRegistration(client_id(client));
        administration.change_account(alice, add, None, &operator()).await.unwrap();
    }
    // As many at once as the queue of hashes takes in any case.
    let logins = stream::iter((0..300).map(|_| running.login_as("aaa", ALICE.0, ALICE.1)));
    let elsewhere: Vec<_> = logins.buffer_unordered(16).try_collect().await.unwrap();
    let here = running.login().await.unwrap();
    let withdraw = GateCommand::WithdrawRegistration(client_id("store"));
    administration.change_account(alice, withdraw, None, &operator()).await.unwrap();
    assert!(!running.is_alive(&here).await);
    assert_eq!(running.wait_for_end(&here).await, "registration_withdrawn");
    assert_eq!(running.login().await.err(), Some(Denial::NotRegistered.into()));
    // The event can be read before it is counted.
    eventually("the gauge to follow", || (running.open_sessions() == 300).then_some(())).await;
    assert!(elsewhere.iter().all(|issued| running.ended(issued).is_none()));
    running.stop();
}

#[actix_rt::test]
async fn a_disabled_account_tells_only_who_knows_its_password() {
    let mut machine = Machine::new(16);
    let running = machine.start();
    let alice = running.prepare(|_| ()).await;
    let before = running.login().await.unwrap();
    let administration = &running.services.administration;
    administration.change_account(alice, GateCommand::Disable, None, &operator()).await.unwrap();
    assert!(!running.is_alive(&before).await);
    let hashes = || running.services.core.metrics.hashes_total.get();
    let done = hashes();
    assert_eq!(running.login_as("store", ALICE.0, "wrong").await.err(), Some(Denial::WrongCredentials.into()));
    assert_eq!(running.login_as("store", "nobody", "wrong").await.err(), Some(Denial::WrongCredentials.into()));
    assert_eq!(hashes() - done, 2);
    assert_eq!(running.login().await.err(), Some(Denial::AccountDisabled.into()));
    administration.change_account(alice, GateCommand::Enable, None, &operator()).await.unwrap();
    assert!(!running.is_alive(&before).await, "what was closed stays closed");
    let after = running.login().await.unwrap();
    assert!(running.is_alive(&after).await);
    running.stop();
}

#[actix_rt::test]
async fn an_erased_person_is_gone_and_the_name_is_free_for_another() {
    let mut machine = Machine::new(17);
    let running = machine.start();
    let alice = running.prepare(|_| ()).await;
    let before = running.login().await.unwrap();
    let administration = &running.services.administration;
    let gone = administration.change_account(alice, GateCommand::Erase, None, &operator()).await.unwrap();
    let owner = countersign::domain::ids::Owner::Account(alice);
    assert!(running.services.core.keys.data(&owner).unwrap().is_none(), "the data key is destroyed");
    assert!(!running.is_alive(&before).await);
    assert_eq!(running.wait_for_end(&before).await, "account_erased");
    assert_eq!(running.login().await.err(), Some(Denial::WrongCredentials.into()));
    for (command, answer) in [
        (GateCommand::Enable, Err(NotDone::Over)),
        (GateCommand::RevokeSessions, Err(NotDone::Over)),
        (GateCommand::Erase, Ok(gone)),
    ] {
        let changed = administration.change_account(alice, command, None, &operator()).await;
        assert_eq!(changed, answer, "nothing is left to change");
    }

    let file = format!("[[accounts]]\nlogin = \"{}\"\npassword = \"{}\"\n", ALICE.0, ALICE.1);
    let bootstrap = Bootstrap::parse(&file, ".".into(), &|_| None).unwrap();
    let applied = apply(&bootstrap, administration, &operator()).await.unwrap();
    assert_eq!(applied.created, Vec::<String>::new(), "what was erased is not made again");
    assert_eq!(running.login().await.err(), Some(Denial::WrongCredentials.into()));

    let another = running.create_account(ALICE.0, cheap_hash("of another")).await.unwrap();
    assert_ne!(another, alice);
    assert_eq!(running.login().await.err(), Some(Denial::WrongCredentials.into()));
    let after = running.login_as("store", ALICE.0, "of another").await.unwrap();
    assert!(running.is_alive(&after).await);
    running.stop();

    let running = machine.start();
    assert!(running.services.core.keys.data(&owner).unwrap().is_none());
    assert!(!running.is_alive(&before).await);
    running.stop();
}

#[actix_rt::test]
async fn the_closer_goes_on_after_a_restart_with_what_was_left_open() {
    let mut machine = Machine::new(18);
    let running = machine.start();
    let alice = running.prepare(|settings| settings.max_sessions = 1000).await;
    let mut sessions: Vec<Issued> = Vec::new();
    for _ in 0..30 {
        sessions.push(running.login().await.unwrap());
    }
    // The closer runs on this thread, and nothing here waits between the answer and the copy: the power goes in between.
    let revoked =
        running.services.administration.change_account(alice, GateCommand::RevokeSessions, None, &operator()).await;
    let mut copy = machine.copy();
    assert!(revoked.is_ok(), "{revoked:?}");
    running.stop();
    let own = |copy: &Machine| copy.events().iter().filter(|event| event["type"] == "session.revoked").count();
    assert_eq!(own(&copy), 0, "none has an event of its own yet");
    let running = copy.start();
    for session in &sessions {
        assert_eq!(running.wait_for_end(session).await, "all_revoked");
        assert!(!running.is_alive(session).await);
    }
    eventually("the gauge to follow", || (running.open_sessions() == 0).then_some(())).await;
    assert_eq!(own(&copy), 30);
    running.stop();
}

#[actix_rt::test]
async fn sessions_left_open_are_counted_at_the_next_start() {
    let mut machine = Machine::new(19);
    let running = machine.start();
    running.prepare(|_| ()).await;
    let first = running.login().await.unwrap();
    for _ in 0..4 {
        running.login().await.unwrap();
    }
    assert_eq!(running.open_sessions(), 5);
    running.stop();
    let running = machine.start();
    assert_eq!(running.open_sessions(), 5);
    let client = running.client("store").await;
    let token = first.refresh_token.unwrap();
    running.services.sessions.revoke(&token, &client, person()).await.unwrap();
    running.services.sessions.revoke(&token, &client, person()).await.unwrap();
    assert_eq!(running.open_sessions(), 4, "ended twice, counted once");
    running.stop();
}

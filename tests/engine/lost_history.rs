//! Tokens in the wild that are newer than the journal: a restored back-up, a disk that rolled back.

use crate::machine::{ALICE, Machine, Running, person, token};
use countersign::crypto::RefreshToken;
use countersign::domain::denial::Denial;
use countersign::domain::ids::SessionId;
use uuid::Uuid;

/// A refresh token of a session that this journal never had, made with its real key.
fn token_of_nobody(running: &Running, n: u128) -> String {
    let keyring = running.services.core.keyrings.current();
    let (key, secret) = keyring.active_refresh().unwrap();
    RefreshToken { key, session: SessionId(Uuid::from_u128(n)), generation: 3 }.to_text(secret)
}

fn recorded(machine: &Machine, kind: &str) -> usize {
    machine.events().iter().filter(|event| event["type"] == kind).count()
}

#[actix_rt::test]
async fn a_token_of_a_session_that_nobody_knows_is_recorded_and_bounded() {
    let mut machine = Machine::new(31);
    let running = machine.start();
    running.prepare(|_| ()).await;
    let token = token_of_nobody(&running, 1);
    for _ in 0..40 {
        assert_eq!(running.refresh(&token).await.err(), Some(Denial::HistoryLost.into()));
    }
    assert_eq!(recorded(&machine, "system.history_lost"), 2, "the first and the thirty-second");
    let client = running.client("store").await;
    assert_eq!(running.services.sessions.revoke(&token_of_nobody(&running, 2), &client, person()).await, Ok(()));
    assert_eq!(recorded(&machine, "system.history_lost"), 3, "one that is revoked tells the same");
    assert!(running.services.sessions.introspect(&token, &client, person()).await.unwrap().is_none());
    for n in 0..400 {
        assert_eq!(running.refresh(&token_of_nobody(&running, 100 + n)).await.err(), Some(Denial::HistoryLost.into()));
    }
    let bounded = recorded(&machine, "system.history_lost");
    assert!((200..=300).contains(&bounded), "{bounded} of 402 sessions");
    running.stop();

    let running = machine.start();
    assert_eq!(running.refresh(&token).await.err(), Some(Denial::HistoryLost.into()));
    assert_eq!(recorded(&machine, "system.history_lost"), bounded, "a restart does not begin anew");
    running.stop();
}

#[actix_rt::test]
async fn an_older_copy_knows_a_newer_token_and_ends_its_session() {
    let mut machine = Machine::new(32);
    let running = machine.start();
    running.prepare(|_| ()).await;
    let first = running.login().await.unwrap();
    let second = running.refresh(token(&first)).await.unwrap();
    let mut copy = machine.copy();
    let third = running.refresh(token(&second)).await.unwrap();
    let unknown = running.login().await.unwrap();
    running.stop();

    let restored = copy.start();
    assert!(restored.services.tokens.inspect(&second.access_token).unwrap().is_some());
    let answer = restored.refresh(token(&third)).await;
    assert_eq!(answer.err(), Some(Denial::AheadOfJournal.into()));
    assert_eq!(restored.ended(&second), Some("history_lost"));
    assert!(restored.services.tokens.inspect(&second.access_token).unwrap().is_none());
    assert!(restored.services.tokens.inspect(&third.access_token).unwrap().is_none());
    assert_eq!(restored.open_sessions(), 0);
    let answer = restored.refresh(token(&third)).await;
    assert_eq!(answer.err(), Some(Denial::AheadOfJournal.into()), "also on the closed session");
    assert_eq!(restored.open_sessions(), 0, "ended once");
    assert_eq!(recorded(&copy, "session.ahead_of_journal"), 1, "the second is like the first");
    assert_eq!(restored.refresh(token(&second)).await.err(), Some(Denial::Closed.into()));

    let answer = restored.refresh(token(&unknown)).await;
    assert_eq!(answer.err(), Some(Denial::HistoryLost.into()));
    assert_eq!(recorded(&copy, "system.history_lost"), 1);
    assert!(restored.services.tokens.inspect(&unknown.access_token).unwrap().is_none());
    assert!(restored.login_as("store", ALICE.0, ALICE.1).await.is_ok(), "whoever logs in again goes on");
    restored.stop();
}

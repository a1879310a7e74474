//! A journal that was brought back, or whose end was given up, goes on under another origin: nothing of before comes back.

use crate::machine::{Machine, Running, token};
use countersign::actors::Issued;
use countersign::domain::denial::Denial;

/// A machine that has stopped, with sessions of before.
async fn with_sessions(seed: u64, sessions: usize) -> (Machine, Vec<Issued>) {
    let mut machine = Machine::new(seed);
    let running = machine.start();
    running.prepare(|settings| settings.max_sessions = 1000).await;
    let mut issued = Vec::new();
    for _ in 0..sessions {
        issued.push(running.login().await.unwrap());
    }
    running.stop();
    (machine, issued)
}

/// Nothing issued before is accepted at any door, and whoever logs in again goes on.
async fn check_all_ended(running: &Running, before: &[Issued], context: &str) {
    for issued in before {
        assert!(running.services.tokens.inspect(&issued.access_token).unwrap().is_none(), "{context}");
        assert_eq!(running.refresh(token(issued)).await.err(), Some(Denial::Closed.into()), "{context}");
        assert_eq!(running.ended(issued), Some("restored"), "{context}");
    }
    assert_eq!(running.open_sessions(), 0, "{context}");
    let anew = running.login().await.unwrap_or_else(|why| panic!("{context}: {why:?}"));
    assert!(running.is_alive(&anew).await, "{context}");
}

#[actix_rt::test]
async fn a_power_cut_at_any_operation_of_beginning_again_is_taken_up_by_asking_again() {
    let (begin, before) = with_sessions(81, 2).await;
    for operations in 0.. {
        let context = format!("after {operations} operations");
        let mut machine = begin.copy();
        let finished = machine.begin_again(Some(operations), None).is_ok() && !machine.is_off();
        machine.crash(operations);
        let again = machine.begin_again(None, None).unwrap_or_else(|why| panic!("{context}: {why}"));
        assert_eq!(again.clients, 1, "{context}");
        let running = machine.start();
        check_all_ended(&running, &before, &context).await;
        running.stop();
        if finished {
            assert!(operations > 10, "{operations}");
            return;
        }
    }
}

#[actix_rt::test]
async fn more_sessions_than_one_commit_holds_are_all_ended() {
    let (mut machine, before) = with_sessions(82, 600).await;
    let begun = machine.begin_again(None, None).unwrap();
    assert_eq!((begun.sessions, begun.clients), (600, 1));
    let running = machine.start();
    check_all_ended(&running, &before, "600 sessions").await;
    running.stop();
}

#[actix_rt::test]
async fn sessions_that_are_kept_go_on_and_the_reason_is_on_record() {
    let (mut machine, before) = with_sessions(83, 2).await;
    let begun = machine.begin_again(None, Some("moved to another disk while stopped")).unwrap();
    assert_eq!((begun.sessions, begun.clients), (0, 0));
    let running = machine.start();
    for issued in &before {
        assert!(running.is_alive(issued).await);
    }
    running.stop();
    let events = machine.events();
    let restored = events.iter().find(|event| event["type"] == "system.restored").unwrap();
    assert_eq!(restored["data"]["sessions_kept"], "moved to another disk while stopped");
}

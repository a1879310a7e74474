//! A disk that is nearly full: what closes something goes on, everything else is refused, and nothing that was decided is
//! forgotten.

use crate::machine::{ALICE, Machine, Running, SMALL, eventually, person, token};
use countersign::actors::{Refused, Unavailable};
use countersign::domain::client::Grant;
use countersign::domain::denial::Denial;
use countersign::domain::session::RevokeReason;
use countersign::domain::time::Span;

const DISK: Refused = Refused::Unavailable(Unavailable::Disk);
/// Below the low water, with room for closing events.
const LITTLE: u64 = SMALL / 10;

fn is_low(running: &Running) -> bool {
    running.services.core.writer.disk().is_low()
}

async fn until_low(running: &Running) {
    eventually("the writer to look at the disk", || is_low(running).then_some(())).await;
}

async fn until_there_is_room(running: &Running) {
    eventually("the writer to look at the disk", || (!is_low(running)).then_some(())).await;
}

#[actix_rt::test]
async fn below_the_low_water_nothing_is_opened_and_everything_can_be_closed() {
    let mut machine = Machine::new(71).on_a_small_disk();
    let running = machine.start();
    running.prepare(|settings| settings.grants.extend([Grant::ClientCredentials])).await;
    let (logged_out, revoked) = (running.login().await.unwrap(), running.login().await.unwrap());
    let goes_on = running.login().await.unwrap();
    let (stolen, current) = running.used().await;
    let client = running.client("store").await;
    let own = running.services.clients.issue_token(&client, None, &person()).await.unwrap();

    machine.leave(LITTLE);
    // Refused by the journal itself, whoever has looked at the disk before.
    assert_eq!(running.refresh(token(&goes_on)).await.err(), Some(DISK));
    assert!(is_low(&running));
    for login in [ALICE.0, "nobody@example.com"] {
        for password in [ALICE.1, "wrong"] {
            assert_eq!(running.login_as("store", login, password).await.err(), Some(DISK), "nothing tells {login}");
        }
    }
    assert_eq!(running.services.clients.issue_token(&client, None, &person()).await.err(), Some(DISK));
    assert!(running.services.tokens.inspect(&goes_on.access_token).unwrap().is_some(), "what is open stays open");

    let sessions = &running.services.sessions;
    sessions.revoke(token(&revoked), &client, person()).await.unwrap();
    sessions.end(logged_out.session.unwrap(), RevokeReason::Logout, Some(&client), person()).await.unwrap();
    let claims = running.services.tokens.verify(&own.access_token).unwrap();
    running.services.clients.revoke_token(&client, &claims, &person()).await.unwrap();
    assert_eq!(running.refresh(token(&stolen)).await.err(), Some(Denial::Superseded.into()));
    assert_eq!(running.ended(&revoked), Some("revoked"));
    assert_eq!(running.ended(&logged_out), Some("logout"));
    assert_eq!(running.ended(&current), Some("reuse"));
    assert!(running.services.tokens.inspect(&own.access_token).unwrap().is_none());

    machine.leave(SMALL / 2);
    until_there_is_room(&running).await;
    assert!(running.refresh(token(&goes_on)).await.is_ok());
    assert!(running.login().await.is_ok());
    running.stop();
}

/// A machine whose writer looks at the disk by itself only once in a while, with alice on it.
async fn seldom_looking(seed: u64) -> (Machine, Running) {
    let mut machine = Machine::new(seed).on_a_small_disk().set("JOURNAL__ANCHOR_INTERVAL", "60s");
    let running = machine.start();
    running.prepare(|_| ()).await;
    (machine, running)
}

#[actix_rt::test]
async fn a_disk_that_fills_up_while_a_password_is_checked_does_not_tell_which_login_ids_exist() {
    let wrong = Some(Refused::Denied(Denial::WrongCredentials));
    for (seed, login, known) in [(81, ALICE.0, true), (82, ALICE.0, false), (83, "nobody@example.com", false)] {
        let (machine, running) = seldom_looking(seed).await;
        // The second refusal that shows the same records nothing.
        for _ in 0..if known { 0 } else { 2 } {
            assert_eq!(running.login_as("store", login, "wrong").await.err(), wrong);
        }
        machine.leave(LITTLE);
        assert!(!is_low(&running), "nobody has looked");
        assert_eq!(running.login_as("store", login, "wrong").await.err(), Some(DISK), "{login}, recorded: {known}");
        assert!(is_low(&running));
        running.stop();
    }
}

#[actix_rt::test]
async fn a_refusal_is_answered_by_the_room_there_was_for_it_whether_it_is_recorded_or_not() {
    let (machine, running) = seldom_looking(84).await;
    machine.set_quota(0);
    let wrong = Some(Refused::Denied(Denial::WrongCredentials));
    // Whichever meets the quota is taken with the room of the reserve.
    let mut tried = 0;
    while !is_low(&running) {
        tried += 1;
        assert!(tried < 2000, "the quota is met");
        let password = if tried % 2 == 0 { "wrong" } else { ALICE.1 };
        let answer = running.login_as("store", ALICE.0, password).await;
        assert_eq!(answer.err(), if tried % 2 == 0 { wrong.clone() } else { None }, "{tried}");
    }
    for login in [ALICE.0, "nobody@example.com"] {
        assert_eq!(running.login_as("store", login, "wrong").await.err(), Some(DISK), "{login}");
    }
    running.stop();
}

#[actix_rt::test]
async fn a_disk_that_refuses_room_although_it_shows_enough_is_treated_as_one_that_is_nearly_full() {
    let mut machine = Machine::new(85).on_a_small_disk();
    let running = machine.start();
    running.prepare(|_| ()).await;
    let (goes_on, revoked) = (running.login().await.unwrap(), running.login().await.unwrap());
    let core = &running.services.core;
    machine.set_quota(0);
    let mut ends = Vec::new();
    while !is_low(&running) {
        ends.extend(running.login().await.ok());
        assert!(ends.len() < 2000, "the quota is met");
    }
    assert_eq!(core.metrics.disk_low.get(), 1);
    assert!(core.metrics.disk_free_bytes.get() > SMALL as i64 / 4, "as the disk shows it");
    let advice = core.writer.disk().advice().unwrap();
    assert!(advice.contains("inodes") && advice.contains("quota") && advice.contains("refused room"), "{advice}");
    assert_eq!(running.refresh(token(&goes_on)).await.err(), Some(DISK));
    assert_eq!(running.login().await.err(), Some(DISK));
    let client = running.client("store").await;
    running.services.sessions.revoke(token(&revoked), &client, person()).await.unwrap();
    assert_eq!(running.ended(&revoked), Some("revoked"));
    // Closing goes on with what the reserve gave back, until nothing is left; then it is held closed.
    let mut held = None;
    for ending in &ends {
        let answer = running.services.sessions.revoke(token(ending), &client, person()).await;
        assert!(running.services.tokens.inspect(&ending.access_token).unwrap().is_none());
        held = held.or(answer.err());
    }
    assert!(held.is_none_or(|refused| refused == DISK));
    machine.set_quota(None);
    // It is tried again whenever the anchor is written, by the engine's own clock.
    let mut tried = || {
        machine.clock.advance(Span::seconds(1));
        (!is_low(&running)).then_some(())
    };
    eventually("the disk to be trusted again", &mut tried).await;
    eventually("the table", || (core.metrics.sessions_held.get() == 0).then_some(())).await;
    assert_eq!(core.metrics.disk_low.get(), 0);
    assert!(running.refresh(token(&goes_on)).await.is_ok());
    assert!(running.login().await.is_ok());
    running.stop();
}

#[actix_rt::test]
async fn a_command_that_the_disk_refuses_is_told_how_much_to_free() {
    let (machine, running) = seldom_looking(86).await;
    machine.leave(LITTLE);
    let refused = running.login().await.err().unwrap();
    let said = running.services.core.told(&refused);
    assert!(said.contains("nearly full") && said.contains("free at least") && !said.contains("at least 0"), "{said}");
    assert_eq!(running.services.core.told(&Denial::Closed.into()), Refused::from(Denial::Closed).to_string());
    running.stop();
}

#[actix_rt::test]
async fn what_cannot_even_be_closed_is_held_closed_until_it_can() {
    let mut machine = Machine::new(72).on_a_small_disk().set("KEYS__JWKS_MAX_AGE", "1s");
    let running = machine.start();
    running.prepare(|_| ()).await;
    let (stolen, current) = running.used().await;
    let (revoked, goes_on) = (running.login().await.unwrap(), running.login().await.unwrap());
    let client = running.client("store").await;
    machine.leave(LITTLE);
    until_low(&running).await;
    machine.leave(0);

    assert_eq!(running.refresh(token(&stolen)).await.err(), Some(DISK));
    assert_eq!(running.services.sessions.revoke(token(&revoked), &client, person()).await.err(), Some(DISK));
    let core = &running.services.core;
    assert_eq!(core.metrics.sessions_held.get(), 2);
    for closed in [&current, &revoked] {
        assert_eq!(running.ended(closed), None, "the journal does not know it yet");
        assert!(running.services.tokens.inspect(&closed.access_token).unwrap().is_none());
        let shown = running.services.sessions.introspect(token(closed), &client, person()).await.unwrap();
        assert!(shown.is_none());
        assert_eq!(running.refresh(token(closed)).await.err(), Some(DISK));
    }
    assert!(running.services.tokens.inspect(&goes_on.access_token).unwrap().is_some());

    machine.leave(LITTLE);
    assert_eq!(running.wait_for_end(&current).await, "reuse");
    assert_eq!(running.wait_for_end(&revoked).await, "revoked");
    eventually("the table", || (core.metrics.sessions_held.get() == 0).then_some(())).await;
    machine.leave(SMALL / 2);
    until_there_is_room(&running).await;
    assert_eq!(running.refresh(token(&current)).await.err(), Some(Denial::Closed.into()));
    assert!(running.refresh(token(&goes_on)).await.is_ok());
    running.stop();
}

#[actix_rt::test]
async fn a_start_below_the_low_water_opens_the_doors_for_closing() {
    let mut machine = Machine::new(73).on_a_small_disk();
    let running = machine.start();
    running.prepare(|_| ()).await;
    let (open, ends) = (running.login().await.unwrap(), running.login().await.unwrap());
    machine.leave(LITTLE);
    until_low(&running).await;
    running.stop();

    let running = machine.start();
    running.ready().await;
    until_low(&running).await;
    assert_eq!(running.refresh(token(&open)).await.err(), Some(DISK));
    let client = running.client("store").await;
    running.services.sessions.revoke(token(&ends), &client, person()).await.unwrap();
    machine.leave(SMALL / 2);
    until_there_is_room(&running).await;
    assert!(running.is_alive(&open).await);
    assert_eq!(running.ended(&ends), Some("revoked"));
    running.stop();
    let events = machine.events();
    let started = events.iter().filter(|event| event["type"] == "system.started").count();
    assert_eq!(started, 2, "the start below the low water is recorded");
}

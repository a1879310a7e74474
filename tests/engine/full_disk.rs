//! A disk that is nearly full: what closes something goes on, everything else is refused, and nothing that was decided is
//! forgotten.

use crate::machine::{ALICE, Machine, Running, SMALL, eventually, person};
use countersign::actors::{Issued, Refused, Unavailable};
use countersign::domain::client::Grant;
use countersign::domain::denial::Denial;
use countersign::domain::session::RevokeReason;

const DISK: Refused = Refused::Unavailable(Unavailable::Disk);
/// Below the low water, with room for closing events.
const LITTLE: u64 = SMALL / 10;

fn token(issued: &Issued) -> &str {
    issued.refresh_token.as_deref().unwrap()
}

fn is_low(running: &Running) -> bool {
    running.services.core.writer.disk().is_low()
}

async fn until_low(running: &Running) {
    eventually("the writer to look at the disk", || is_low(running).then_some(())).await;
}

async fn until_there_is_room(running: &Running) {
    eventually("the writer to look at the disk", || (!is_low(running)).then_some(())).await;
}

/// A session whose first token was redeemed two generations ago, and its current one.
async fn used(running: &Running) -> (Issued, Issued) {
    let first = running.login().await.unwrap();
    let second = running.refresh(token(&first)).await.unwrap();
    let third = running.refresh(token(&second)).await.unwrap();
    (first, third)
}

#[actix_rt::test]
async fn below_the_low_water_nothing_is_opened_and_everything_can_be_closed() {
    let mut machine = Machine::new(71).on_a_small_disk();
    let running = machine.start();
    running.prepare(|settings| settings.grants.extend([Grant::ClientCredentials])).await;
    let (logged_out, revoked) = (running.login().await.unwrap(), running.login().await.unwrap());
    let goes_on = running.login().await.unwrap();
    let (stolen, current) = used(&running).await;
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

#[actix_rt::test]
async fn what_cannot_even_be_closed_is_held_closed_until_it_can() {
    let mut machine = Machine::new(72).on_a_small_disk().set("KEYS__JWKS_MAX_AGE", "1s");
    let running = machine.start();
    running.prepare(|_| ()).await;
    let (stolen, current) = used(&running).await;
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

//! A clock that is not believed grants nothing and still revokes, and leaves no trace once it is mended.

use crate::machine::{Machine, Running, cheap_hash, client_id, operator, person, token};
use countersign::actors::{Issued, NewPassword, Refused, Unavailable};
use countersign::app::Start;
use countersign::clock::Clock;
use countersign::domain::client::Grant;
use countersign::domain::gate::{GateCommand, PasswordHow};
use countersign::domain::ids::AccountId;
use countersign::domain::time::{Span, Timestamp};
use zeroize::Zeroizing;

const CLOCK: Refused = Refused::Unavailable(Unavailable::Clock);

/// Nothing is granted, and nothing is called active either.
async fn grants_nothing(running: &Running, issued: &Issued) {
    let token = token(issued);
    let client = running.client("store").await;
    assert_eq!(running.login().await.err(), Some(CLOCK));
    assert_eq!(running.refresh(token).await.err(), Some(CLOCK));
    assert_eq!(running.services.clients.issue_token(&client, None, &person()).await.err(), Some(CLOCK));
    assert_eq!(running.services.tokens.inspect(&issued.access_token).err(), Some(CLOCK));
    assert_eq!(running.services.sessions.introspect(token, &client, person()).await.err(), Some(CLOCK));
}

/// Revocations of every kind are taken.
async fn revokes(running: &Running, alice: AccountId, first: &Issued, own: &Issued) {
    let client = running.client("store").await;
    let token = token(first);
    assert_eq!(running.services.sessions.revoke(token, &client, person()).await, Ok(()));
    let claims = running.services.tokens.verify(&own.access_token).unwrap();
    assert_eq!(running.services.clients.revoke_token(&client, &claims, &person()).await, Ok(()));
    let revoked =
        running.services.administration.change_account(alice, GateCommand::RevokeSessions, None, &operator()).await;
    assert!(revoked.is_ok(), "{revoked:?}");
    let new = NewPassword::Hash(Zeroizing::new(cheap_hash("new password")));
    running
        .services
        .administration
        .give_password(alice, new, (false, PasswordHow::Given), None, &operator())
        .await
        .unwrap();
}

async fn wrong_and_mended(seed: u64, wrong_by: Span) {
    let mut machine = Machine::new(seed);
    let running = machine.start();
    let alice = running
        .prepare(|settings| {
            settings.grants.insert(Grant::ClientCredentials);
        })
        .await;
    let store = running.client("store").await;
    let own = running.services.clients.issue_token(&store, None, &person()).await.unwrap();
    let kept = running.services.clients.issue_token(&store, None, &person()).await.unwrap();
    let (first, second) = (running.login().await.unwrap(), running.login().await.unwrap());
    let right = machine.clock.wall();

    machine.clock.set_wall(right + wrong_by);
    grants_nothing(&running, &second).await;
    revokes(&running, alice, &first, &own).await;

    machine.clock.set_wall(right);
    assert!(!running.is_alive(&first).await);
    assert!(!running.is_alive(&second).await, "closed with the rest");
    assert!(running.services.tokens.inspect(&own.access_token).unwrap().is_none(), "listed although it seemed expired");
    assert!(running.services.tokens.inspect(&kept.access_token).unwrap().is_some());
    let after = running.login_as("store", crate::machine::ALICE.0, "new password").await.unwrap();
    let claims = running.services.tokens.verify(&after.access_token).unwrap();
    let lives = Timestamp::from_seconds(claims.exp).since(right);
    assert!(lives <= Span::minutes(5) && lives > Span::minutes(4), "the access token lives for {lives}");
    assert_eq!(claims.iat, right.seconds(), "a wrong clock is not carried on");
    assert!(running.is_alive(&after).await);
    assert!(
        machine.events().iter().all(|event| !event["at"].as_str().unwrap().starts_with("203")),
        "nor into the journal"
    );
    running.stop();

    let running = machine.start();
    assert!(!running.is_alive(&second).await);
    let again = running.login_as("store", crate::machine::ALICE.0, "new password").await;
    assert!(again.is_ok(), "the next start believes the clock as well");
    running.stop();
}

#[actix_rt::test]
async fn a_clock_an_hour_back_grants_nothing_and_revokes() {
    wrong_and_mended(21, Span::hours(-1)).await;
}

#[actix_rt::test]
async fn a_clock_ten_years_ahead_grants_nothing_and_revokes() {
    wrong_and_mended(22, Span::days(3650)).await;
}

#[actix_rt::test]
async fn a_token_given_again_is_said_to_live_as_long_as_it_does() {
    let mut machine = Machine::new(24);
    let running = machine.start();
    running.prepare(|_| ()).await;
    let issued = running.login().await.unwrap();
    let token = token(&issued);
    let first = running.refresh(token).await.unwrap();
    machine.clock.advance(Span::seconds(10));
    let again = running.refresh(token).await.unwrap();
    let claims = |issued: &Issued| running.services.tokens.verify(&issued.access_token).unwrap();
    let (before, after) = (claims(&first), claims(&again));
    assert_eq!((before.jti, before.exp, before.iat), (after.jti, after.exp, after.iat));
    assert_eq!(again.refresh_token, first.refresh_token);
    assert_eq!(again.expires_in, first.expires_in - Span::seconds(10));
    assert_eq!(first.expires_in.as_seconds(), before.exp - before.iat);
    running.stop();
}

#[actix_rt::test]
async fn after_a_gap_of_years_an_operator_answers_for_the_clock() {
    let mut machine = Machine::new(23);
    let running = machine.start();
    let alice = running.prepare(|settings| settings.refresh_absolute_ttl = Span::days(3000)).await;
    let issued = running.login().await.unwrap();
    running.stop();
    machine.clock.advance(Span::days(500));
    let running = machine.start();
    assert_eq!(running.login().await.err(), Some(CLOCK));
    let revoked =
        running.services.administration.change_account(alice, GateCommand::RevokeSessions, None, &operator()).await;
    assert!(revoked.is_ok(), "{revoked:?}");
    running.stop();
    let running = machine.start_as(Start { accept_clock: true, ..Start::default() });
    assert!(!running.is_alive(&issued).await);
    assert!(running.login().await.is_ok());
    assert!(machine.events().iter().any(|event| event["type"] == "system.clock_accepted"));
    assert!(running.services.administration.find_client(&client_id("store")).unwrap().is_some());
    running.stop();
}

#[actix_rt::test]
async fn a_thief_is_found_out_while_the_clock_is_not_believed() {
    let mut machine = Machine::new(27);
    let running = machine.start();
    running.prepare(|_| ()).await;
    let issued = running.login().await.unwrap();
    let token = |issued: &Issued| issued.refresh_token.clone().unwrap();
    let second = running.refresh(&token(&issued)).await.unwrap();
    let third = running.refresh(&token(&second)).await.unwrap();
    let right = machine.clock.wall();
    machine.clock.set_wall(right + Span::days(3650));
    assert_eq!(running.refresh(&token(&third)).await.err(), Some(CLOCK), "nothing is granted");
    let superseded = countersign::domain::denial::Denial::Superseded;
    assert_eq!(running.refresh(&token(&issued)).await.err(), Some(Refused::Denied(superseded)));
    machine.clock.set_wall(right);
    assert_eq!(running.ended(&issued), Some("reuse"));
    running.stop();
}

/// Starts again and again with a wall clock that is wrong by so much: no start may make the next one believe it.
async fn wrong_at_every_start(seed: u64, wrong_by: Span) {
    let mut machine = Machine::new(seed);
    let running = machine.start();
    running.prepare(|_| ()).await;
    running.ready().await;
    running.stop();
    let right = machine.clock.wall();
    for _ in 0..3 {
        machine.clock.set_wall(right + wrong_by);
        let running = machine.start();
        running.ready().await;
        assert_eq!(running.login().await.err(), Some(CLOCK));
        running.stop();
    }
    machine.clock.set_wall(right + Span::minutes(1));
    let running = machine.start();
    assert!(running.login().await.is_ok(), "once mended it is believed at once");
    running.stop();
}

#[actix_rt::test]
async fn restarting_does_not_make_a_clock_years_ahead_believed() {
    wrong_at_every_start(25, Span::days(3650)).await;
}

#[actix_rt::test]
async fn restarting_does_not_make_a_clock_behind_the_journal_believed() {
    wrong_at_every_start(26, Span::hours(-3)).await;
}

#[actix_rt::test]
async fn a_clock_that_goes_back_a_little_at_every_start_is_found_out() {
    let mut machine = Machine::new(28);
    let running = machine.start();
    running.prepare(|_| ()).await;
    let sessions = [running.login().await.unwrap(), running.login().await.unwrap(), running.login().await.unwrap()];
    machine.clock.advance(Span::minutes(1));
    running.ready().await;
    running.stop();
    let right = machine.clock.wall();
    let mut answers = Vec::new();
    for (round, issued) in (0..).zip(&sessions) {
        machine.clock.set_wall(right - Span::seconds(4 * round));
        let running = machine.start();
        answers.push(running.refresh(token(issued)).await.err());
        running.stop();
    }
    assert_eq!(answers, [None, None, Some(CLOCK)], "four seconds back is believed, eight are not");
}

//! What ends by time is recorded by the sweeper, and dropped from what is looked up.

use crate::machine::{HOUR, Machine, eventually, person, token};
use countersign::domain::client::Grant;
use countersign::domain::time::Span;

#[actix_rt::test]
async fn what_ends_by_time_is_recorded_and_dropped() {
    // The sweeper goes round four times within the age of the public keys in caches.
    let mut machine = Machine::new(41).set("KEYS__JWKS_MAX_AGE", "1s");
    let running = machine.start();
    running
        .prepare(|settings| {
            settings.grants.insert(Grant::ClientCredentials);
            settings.refresh_idle_ttl = Span::minutes(30);
        })
        .await;
    let (idle, used) = (running.login().await.unwrap(), running.login().await.unwrap());
    let client = running.client("store").await;
    let own = running.services.clients.issue_token(&client, None, &person()).await.unwrap();
    let claims = running.services.tokens.verify(&own.access_token).unwrap();
    running.services.clients.revoke_token(&client, &claims, &person()).await.unwrap();
    let listed = || running.services.core.reader.is_revoked(claims.jti).unwrap();
    assert!(listed());

    machine.clock.advance(Span::minutes(20));
    let used = running.refresh(token(&used)).await.unwrap();
    machine.clock.advance(Span::minutes(10));
    assert!(
        running.services.tokens.inspect(&idle.access_token).unwrap().is_none(),
        "doors judge by the instant itself"
    );
    assert!(running.refresh(token(&idle)).await.is_err());
    assert!(running.refresh(token(&used)).await.is_ok());

    machine.clock.advance(HOUR + HOUR);
    assert_eq!(running.wait_for_end(&idle).await, "expired");
    assert_eq!(running.wait_for_end(&used).await, "expired");
    eventually("the dropped jti", || (!listed()).then_some(())).await;
    assert!(running.services.tokens.inspect(&own.access_token).unwrap().is_none(), "expired by now");
    eventually("the gauge", || (running.open_sessions() == 0).then_some(())).await;
    let events = machine.events();
    let of_type = |kind: &str| events.iter().filter(|event| event["type"] == kind).count();
    assert_eq!((of_type("session.expired"), of_type("client.revocations_dropped")), (2, 1));
    running.stop();
}

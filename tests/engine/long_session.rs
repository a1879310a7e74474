//! A session of a month: what it is woken from stays as small as it was, and a month after its end its tokens are still known.

use crate::machine::{Machine, person};
use countersign::actors::{Refused, archive};
use countersign::domain::denial::Denial;
use countersign::domain::time::{Span, Timestamp};

const FIVE_MINUTES: Span = Span::minutes(5);
const MONTH: usize = 30 * 24 * 12;

#[actix_rt::test]
async fn an_ancestor_of_a_month_of_refreshes_is_recognised_and_dated_31_days_after_the_end() {
    let mut machine = Machine::new(71).set("JOURNAL__SEGMENT_BYTES", "512KiB");
    machine.looks_into_sealed = true;
    let running = machine.start();
    running.prepare(|_| ()).await;
    let first = running.login().await.unwrap();
    let sid = first.session.unwrap();
    let mut tokens = vec![first.refresh_token.unwrap()];
    let mut redeemed_at = Vec::new();
    let mut sizes = Vec::new();
    for _ in 0..MONTH {
        machine.clock.advance(FIVE_MINUTES);
        redeemed_at.push(countersign::clock::Clock::wall(&machine.clock));
        let next = running.refresh(tokens.last().unwrap()).await.unwrap();
        tokens.push(next.refresh_token.unwrap());
        sizes.push(machine.record_bytes(sid).unwrap());
    }
    // Numbers are written in as few bytes as they need; nothing else grows.
    let (short, long) = (sizes[20], *sizes.last().unwrap());
    assert!(long <= short + 8, "{short} bytes after a few refreshes, {long} after a month");
    let client = running.client("store").await;
    running.services.sessions.revoke(tokens.last().unwrap(), &client, person()).await.unwrap();
    // What others do meanwhile closes the segment in which the session ended.
    for _ in 0..400 {
        running.login().await.unwrap();
    }
    running.stop();
    let through = machine.seal();
    let running = machine.start();
    archive(&running.services.core, through).await.unwrap();
    assert!(running.services.core.reader.session(sid).unwrap().is_none(), "the session has left the store");

    machine.clock.advance(Span::days(31));
    let ancestor = 4000;
    let refused = running.refresh(&tokens[ancestor]).await.err();
    assert_eq!(refused, Some(Refused::Denied(Denial::Closed)));
    let events = machine.events();
    let recorded = events.iter().find(|event| event["stream"] == format!("evidence:{sid}")).unwrap();
    let data = &recorded["data"];
    assert_eq!((&data["presented"], &data["ended"]), (&ancestor.into(), &"revoked".into()), "{recorded}");
    assert_eq!(data["redeemed_at"].as_str().unwrap().parse::<Timestamp>().unwrap(), redeemed_at[ancestor]);
    assert!(events.iter().all(|event| event["type"] != "system.history_lost"));
    running.stop();
}

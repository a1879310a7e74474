//! A journal whose queue is full: what could not be recorded is not forgotten.

use crate::machine::{Machine, operator, token};
use countersign::actors::{Refused, Unavailable};
use countersign::domain::denial::Denial;
use futures_util::future::join_all;

const BUSY: Refused = Refused::Unavailable(Unavailable::Busy);

#[actix_rt::test]
async fn a_theft_that_could_not_be_recorded_still_ends_the_session() {
    let mut machine = Machine::new(61).set("JOURNAL__QUEUE", "1").set("JOURNAL__BATCH_MAX", "1");
    let running = machine.start();
    running.prepare(|_| ()).await;
    let core = &running.services.core;
    let asker = operator();
    let mut held = 0;
    // How often it is full is chance: three times are enough, and so many rounds never came to fewer.
    for _ in 0..5000 {
        let (stolen, current) = running.used().await;
        let others = join_all((0..50).map(|_| core.touch(&asker)));
        let (_, replayed) = tokio::join!(others, running.refresh(token(&stolen)));
        match replayed.err() {
            Some(BUSY) => held += 1,
            answer => assert_eq!(answer, Some(Denial::Superseded.into())),
        }
        assert_eq!(running.refresh(token(&current)).await.err(), Some(Denial::Closed.into()));
        assert_eq!(running.ended(&current), Some("reuse"));
        if held == 3 {
            return running.stop();
        }
    }
    panic!("the queue was full {held} times only");
}

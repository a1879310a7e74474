//! What the actors rest on, and would break silently with another version of actix.

use actix::prelude::*;
use futures_util::FutureExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

#[derive(Message)]
#[rtype(result = "usize")]
struct Enter;

/// Counts how many handlers are inside at once.
#[derive(Default)]
struct Room<const ATOMIC: bool> {
    inside: Arc<AtomicUsize>,
    leave: Arc<Notify>,
}

impl<const ATOMIC: bool> Actor for Room<ATOMIC> {
    type Context = Context<Self>;
}

impl<const ATOMIC: bool> Room<ATOMIC> {
    fn stay(&self) -> impl Future<Output = usize> + use<ATOMIC> {
        let (inside, leave) = (self.inside.clone(), self.leave.clone());
        let found = inside.fetch_add(1, Ordering::Relaxed);
        async move {
            leave.notified().await;
            inside.fetch_sub(1, Ordering::Relaxed);
            found
        }
    }
}

impl Handler<Enter> for Room<true> {
    type Result = AtomicResponse<Self, usize>;
    fn handle(&mut self, _: Enter, _: &mut Self::Context) -> Self::Result {
        AtomicResponse::new(Box::pin(self.stay().into_actor(self)))
    }
}

impl Handler<Enter> for Room<false> {
    type Result = ResponseActFuture<Self, usize>;
    fn handle(&mut self, _: Enter, _: &mut Self::Context) -> Self::Result {
        Box::pin(self.stay().into_actor(self))
    }
}

/// Has two enter, opens the door twice, and gives how many each of them found inside.
async fn enter_twice<const ATOMIC: bool>() -> Vec<usize>
where
    Room<ATOMIC>: Handler<Enter> + Actor<Context = Context<Room<ATOMIC>>>,
{
    let room = Room::<ATOMIC>::default();
    let leave = room.leave.clone();
    let address = room.start();
    let entering = [address.send(Enter), address.send(Enter)];
    let (found, ()) = tokio::join!(futures_util::future::join_all(entering), async {
        for _ in 0..2 {
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
            leave.notify_one();
        }
    });
    found.into_iter().map(Result::unwrap).collect()
}

#[actix_rt::test]
async fn only_an_atomic_response_keeps_the_second_message_out() {
    assert_eq!(enter_twice::<true>().await, [0, 0]);
    assert_eq!(enter_twice::<false>().await, [0, 1]);
}

struct Deaf;

impl Actor for Deaf {
    type Context = Context<Self>;
    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(1);
    }
}

impl Handler<Enter> for Deaf {
    type Result = usize;
    fn handle(&mut self, _: Enter, _: &mut Self::Context) -> usize {
        0
    }
}

#[actix_rt::test]
async fn a_mailboxs_bound_holds_nobody_back() {
    let address = Deaf.start();
    tokio::task::yield_now().await;
    // Nothing awaits here, so the actor takes none of these: all that is taken waits in its mailbox.
    let sent = (0..1000).filter(|_| address.clone().try_send(Enter).is_ok()).count();
    assert_eq!(sent, 1000, "each clone of an address has a slot of its own");
    (0..1000).for_each(|_| address.do_send(Enter));
    let clones: Vec<_> = (0..1000).map(|_| address.clone()).collect();
    let through_clones = clones.iter().filter(|clone| clone.try_send(Enter).is_ok()).count();
    assert_eq!(through_clones, 1000, "however full it is");
    assert!(address.send(Enter).await.is_ok());
}

#[derive(Default)]
struct Remembers {
    restarts: usize,
    value: usize,
}

impl Actor for Remembers {
    type Context = Context<Self>;
}

impl Supervised for Remembers {
    fn restarting(&mut self, _: &mut Self::Context) {
        self.restarts += 1;
    }
}

#[derive(Message)]
#[rtype(result = "(usize, usize)")]
struct SetAndStop(usize);

impl Handler<SetAndStop> for Remembers {
    type Result = MessageResult<SetAndStop>;
    fn handle(&mut self, SetAndStop(value): SetAndStop, context: &mut Self::Context) -> Self::Result {
        let before = (self.restarts, self.value);
        self.value = value;
        context.stop();
        MessageResult(before)
    }
}

#[actix_rt::test]
async fn a_supervised_actor_that_restarts_has_not_forgotten_its_stale_state() {
    let address = Supervisor::start(|_| Remembers::default());
    assert_eq!(address.send(SetAndStop(7)).await.unwrap(), (0, 0));
    assert_eq!(address.send(SetAndStop(8)).await.unwrap(), (1, 7), "the same value, not a new one");
}

struct Slow(Arc<Mutex<Receiver<()>>>);

impl Actor for Slow {
    type Context = SyncContext<Self>;
}

impl Handler<Enter> for Slow {
    type Result = usize;
    fn handle(&mut self, _: Enter, _: &mut Self::Context) -> usize {
        self.0.lock().unwrap().recv().map_or(0, |()| 1)
    }
}

#[actix_rt::test]
async fn a_sync_arbiter_takes_whatever_is_sent_though_it_works_off_nothing() {
    let (held, waiting) = channel();
    let waiting = Arc::new(Mutex::new(waiting));
    let address = SyncArbiter::start(1, move || Slow(waiting.clone()));
    let mut taken = Vec::new();
    for _ in 0..10_000 {
        let mut answer = Box::pin(address.clone().send(Enter));
        // Polled once: the message is sent.
        let waits = answer.as_mut().now_or_never().is_none();
        assert!(waits, "nothing is answered while its thread is held");
        taken.push(answer);
    }
    drop(held);
    let answers = futures_util::future::join_all(taken).await;
    assert!(answers.iter().all(Result::is_ok), "ten thousand messages waited in its queue");
}

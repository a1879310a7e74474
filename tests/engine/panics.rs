//! A panic in one resident harms only that one; a panic in a vital part ends the process.

use crate::machine::Machine;
use actix::prelude::*;
use countersign::actors::{
    Core, DirectoryLimits, Hasher, HasherLimits, Job, Refused, Resident, Residents, Share, Unavailable,
};
use countersign::crypto::{FastArgon2, Params};
use countersign::domain::time::Span;
use futures_util::FutureExt;
use futures_util::task::{ArcWake, waker};
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::task::Poll;
use tokio::task::unconstrained;
use zeroize::Zeroizing;

/// Counts the messages since it woke, and panics when it is told to.
struct Toy {
    since_waking: usize,
}

impl Actor for Toy {
    type Context = Context<Self>;
}

/// Nobody may wake this one.
const UNWAKABLE: u32 = 13;

impl Resident for Toy {
    type Id = u32;
    const KIND: &'static str = "toy";

    fn wake(_: &Arc<Core>, id: u32) -> Result<Option<Self>, Refused> {
        assert_ne!(id, UNWAKABLE, "waking panics, and that is the directory's own handler");
        Ok((id < 100).then_some(Self { since_waking: 0 }))
    }
}

#[derive(Message)]
#[rtype(result = "usize")]
struct Play {
    breaks: bool,
}

impl Handler<Play> for Toy {
    type Result = AtomicResponse<Self, usize>;
    fn handle(&mut self, play: Play, _: &mut Self::Context) -> Self::Result {
        self.since_waking += 1;
        let n = self.since_waking;
        let work = async move {
            tokio::task::yield_now().await;
            assert!(!play.breaks, "told to break");
            n
        };
        AtomicResponse::new(Box::pin(work.into_actor(self)))
    }
}

fn toys(core: &Arc<Core>, arbiters: &[Arbiter], in_flight: usize) -> Residents<Toy> {
    let limits = DirectoryLimits { awake: 100, passivate_after: Span::minutes(1), in_flight };
    Residents::start(core, limits, arbiters)
}

/// Keeps a thread from its actors, from when this returns until what is given is dropped.
fn keep_busy(arbiter: &Arbiter) -> Sender<()> {
    let ((hold, held), (busy, is_busy)) = (channel(), channel());
    arbiter.spawn_fn(move || {
        busy.send(()).unwrap();
        held.recv().unwrap_or_default();
    });
    is_busy.recv().unwrap();
    hold
}

#[actix_rt::test]
async fn a_panic_harms_only_the_one_it_happens_in() {
    let mut machine = Machine::new(51);
    let running = machine.start();
    let arbiters = [Arbiter::new()];
    let toys = toys(&running.services.core, &arbiters, 1000);
    for id in 0..10 {
        assert_eq!(toys.ask(id, Play { breaks: false }).await, Ok(Some(1)));
    }
    // Their thread is kept busy until all three wait for it: no one is asked after the panic.
    let hold = keep_busy(&arbiters[0]);
    let (broken, waiting, other, ()) = tokio::join!(
        toys.ask(3, Play { breaks: true }),
        toys.ask(3, Play { breaks: false }),
        toys.ask(4, Play { breaks: false }),
        async move { drop(hold) },
    );
    assert_eq!(broken, Err(Unavailable::Fault.into()));
    assert_eq!(waiting, Err(Unavailable::Fault.into()), "what waited behind it is not answered by guess");
    assert_eq!(other, Ok(Some(2)), "its neighbour on the same thread did not notice");
    assert_eq!(toys.ask(3, Play { breaks: false }).await, Ok(Some(1)), "it was made anew");
    assert_eq!(toys.ask(1000, Play { breaks: false }).await, Ok(None));
    running.stop();
}

#[actix_rt::test]
async fn who_asks_and_goes_away_still_counts_until_the_answer() {
    let mut machine = Machine::new(52);
    let running = machine.start();
    let arbiters = [Arbiter::new()];
    let toys = toys(&running.services.core, &arbiters, 3);
    // The thread of these toys is kept busy, so nothing is answered yet.
    let hold = keep_busy(&arbiters[0]);
    for _ in 0..3 {
        let asked = toys.ask(1, Play { breaks: false });
        assert!(tokio::time::timeout(std::time::Duration::from_millis(1), asked).await.is_err());
    }
    assert_eq!(toys.ask(2, Play { breaks: false }).await, Err(Unavailable::Busy.into()));
    drop(hold);
    while toys.ask(1, Play { breaks: false }).await == Err(Unavailable::Busy.into()) {
        tokio::task::yield_now().await;
    }
    assert_eq!(toys.ask(1, Play { breaks: false }).await, Ok(Some(2)), "what nobody waits for is not begun");
    running.stop();
}

/// A waker that panics: on the thread of whoever answers.
struct Trap;

impl ArcWake for Trap {
    fn wake_by_ref(_: &Arc<Self>) {
        panic!("a trap in the thread that answers");
    }
}

/// Asks, and leaves a trap for the answer. One that is there already is too quick for it: then it asks again, as often as it
/// takes. Without tokio's budget of polls: where it is used up, an answer that is there is called pending, and nobody wakes the
/// trap.
fn trap<F: Future>(ask: impl Fn() -> F) {
    let trap = waker(Arc::new(Trap));
    let ask = || Box::pin(unconstrained(ask()));
    let mut asked = ask();
    while matches!(asked.poll_unpin(&mut std::task::Context::from_waker(&trap)), Poll::Ready(_)) {
        asked = ask();
    }
    std::thread::sleep(std::time::Duration::from_secs(60));
}

const VARIABLE: &str = "COUNTERSIGN_TEST_DIES_IN";

/// What the child process does.
fn die(part: &str) {
    System::new().block_on(async {
        let mut machine = Machine::new(53);
        let running = machine.start();
        match part {
            "writer" => {
                let operator = crate::machine::operator();
                trap(|| running.services.core.touch(&operator));
            }
            "hasher" => {
                let params = Params { m_kib: 65_536, t: 3, p: 1 };
                let limits = HasherLimits { threads: 1, queue: 1, deadline: Span::minutes(1), params };
                let hasher = Hasher::start(limits, FastArgon2::off(), Arc::default()).unwrap();
                trap(|| hasher.run(Job::Hash([0; 16]), Zeroizing::new(Vec::new()), Share::Operator));
            }
            _ => {
                let arbiters = [Arbiter::new()];
                let _ = toys(&running.services.core, &arbiters, 10).ask(UNWAKABLE, Play { breaks: false }).await;
                std::thread::sleep(std::time::Duration::from_secs(60));
            }
        }
    });
}

/// Runs one test of this file in a process of its own, where it dies, and gives the exit code.
fn exit_code(test: &str, part: &str) -> Option<i32> {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", &format!("panics::{test}"), "--nocapture"]).env(VARIABLE, part);
    child.output().unwrap().status.code()
}

#[test]
fn a_panic_in_a_vital_part_ends_the_process() {
    if let Ok(part) = std::env::var(VARIABLE) {
        return die(&part);
    }
    for part in ["writer", "hasher", "directory"] {
        assert_eq!(exit_code("a_panic_in_a_vital_part_ends_the_process", part), Some(70), "{part}");
    }
}

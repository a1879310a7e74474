//! Years of logins, refreshes and logouts, made through the engine as fast as it goes.

use crate::engine::{ACCOUNTS, Engine, asker, config, draw};
use countersign::actors::Sessions;
use countersign::clock::{Clock, ManualClock};
use countersign::domain::time::Span;
use std::cell::Cell;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Sessions under way at a time.
const TOGETHER: u64 = 64;
/// Refreshes of a session.
const REFRESHES: u64 = 8;
/// How far the clock goes on with each session: little enough that a reader who was held up in the middle is not taken for a broken
/// clock.
const STEP: Span = Span(10);

/// Makes a data directory with a history of about `events` events in sessions that have ended, and `live` open ones.
pub fn make(dir: &Path, events: u64, live: u64) {
    let sessions = events / (REFRESHES + 3);
    let began = Instant::now();
    let now = countersign::clock::SystemClock.wall();
    let clock = ManualClock::new(now - Span(STEP.0 * i64::try_from(sessions).unwrap()));
    let config = config(dir, &[]);
    actix_rt::System::new().block_on(async {
        let engine = Rc::new(Engine::start(&config, &clock).await);
        let rest = Rc::new(Cell::new(sessions));
        let workers = (0..TOGETHER).map(|_| {
            let (engine, rest, clock) = (engine.clone(), rest.clone(), clock.clone());
            actix_rt::spawn(async move {
                while rest.get() > 0 {
                    rest.set(rest.get() - 1);
                    clock.advance(STEP);
                    live_through(&engine, &clock).await;
                    if rest.get() % 20_000 == 1 {
                        eprintln!("{} sessions to go, {:.0} s", rest.get(), began.elapsed().as_secs_f64());
                    }
                }
            })
        });
        for worker in workers.collect::<Vec<_>>() {
            worker.await.unwrap();
        }
        for account in 0..live {
            engine.login(account % ACCOUNTS, asker(&clock, draw())).await;
        }
        settle(&engine, dir).await;
        let events = engine.position();
        println!("{events} events in {:.0} s", began.elapsed().as_secs_f64());
        Rc::try_unwrap(engine).unwrap_or_else(|_| panic!("somebody still works")).stop();
    });
}

/// One session from login to logout; now and then its person moves.
async fn live_through(engine: &Engine, clock: &ManualClock) {
    let mut place = draw();
    let mut token = engine.login(draw() % ACCOUNTS, asker(clock, place)).await;
    for _ in 0..REFRESHES {
        if draw().is_multiple_of(10) {
            place = draw();
        }
        token = engine.refresh(&token, asker(clock, place)).await;
    }
    let sessions: &Sessions = &engine.services.sessions;
    sessions.revoke(&token, &engine.client, asker(clock, place)).await.unwrap();
}

/// Waits until everything that was closed is sealed and what has ended has left the store.
async fn settle(engine: &Engine, dir: &Path) {
    let texts = || {
        let files = std::fs::read_dir(dir.join("journal")).unwrap().map(|file| file.unwrap().path());
        files.filter(|path| path.extension().is_some_and(|found| found == "jsonl")).count()
    };
    let mut before = None;
    loop {
        actix_rt::time::sleep(Duration::from_secs(2)).await;
        let now = (texts(), engine.position());
        if now.0 == 1 && before == Some(now) {
            return;
        }
        before = Some(now);
    }
}

//! Years of logins, refreshes and logouts, made through the engine as fast as it goes.

use crate::engine::{ACCOUNTS, Engine, asker, config, draw};
use countersign::actors::Sessions;
use countersign::clock::{Clock, ManualClock};
use countersign::domain::time::Span;
use std::cell::Cell;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Sessions under way at a time.
const TOGETHER: u64 = 64;
/// How many entries the open segment has in the end, of about 70,000 that it can have: it is read in full by a start, however long
/// the history is, so that histories are alike in it.
const OPEN: RangeInclusive<u64> = 33_000..=37_000;
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
    let stopped = actix_rt::System::new().block_on(async {
        let engine = Rc::new(Engine::start(&config, &clock).await);
        let rest = Rc::new(Cell::new(sessions));
        let workers = (0..TOGETHER).map(|_| {
            let (engine, rest, clock, config) = (engine.clone(), rest.clone(), clock.clone(), config.clone());
            actix_rt::spawn(async move {
                while rest.get() > 0 || !is_half_full(&engine, &config.data_dir) {
                    rest.set(rest.get().saturating_sub(1));
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
        Rc::try_unwrap(engine).unwrap_or_else(|_| panic!("somebody still works")).stop()
    });
    // As a server does when it stops.
    stopped.compact();
}

/// Makes a data directory with accounts that have never logged in.
pub fn only_accounts(dir: &Path) {
    let clock = ManualClock::new(countersign::clock::SystemClock.wall());
    let config = config(dir, &[]);
    actix_rt::System::new().block_on(async { Engine::start(&config, &clock).await.stop() }).compact();
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

fn is_half_full(engine: &Engine, dir: &Path) -> bool {
    let begins = segments(dir).filter_map(|path| path.file_stem()?.to_str()?.parse::<u64>().ok()).max();
    OPEN.contains(&(engine.position() - begins.unwrap_or(1)))
}

/// The segments whose text is there.
fn segments(dir: &Path) -> impl Iterator<Item = PathBuf> {
    let files = std::fs::read_dir(dir.join("journal")).unwrap().map(|file| file.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|found| found == "jsonl"))
}

/// Waits until everything that was closed is sealed and what has ended has left the store.
async fn settle(engine: &Engine, dir: &Path) {
    let mut before = None;
    loop {
        actix_rt::time::sleep(Duration::from_secs(2)).await;
        let now = (segments(dir).count(), engine.position());
        if now.0 == 1 && before == Some(now) {
            return;
        }
        before = Some(now);
    }
}

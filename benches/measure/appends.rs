//! What sealing and scrubbing cost those who wait for the disk: refreshes by many callers, in turns with and without a keeper at work.

use crate::engine::{ACCOUNTS, Engine, asker, config, draw};
use countersign::clock::{Clock, ManualClock};
use countersign::domain::time::Span;
use std::cell::{Cell, RefCell};
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Callers at a time.
const TOGETHER: u64 = 64;

/// What was seen in one turn.
struct Turn {
    rate: f64,
    p99: Duration,
}

/// Measures `rounds` pairs of turns of so many seconds each, and prints each of them and the ratios of their medians.
pub fn measure(dir: &Path, seconds: u64, rounds: u64) {
    let clock = ManualClock::new(countersign::clock::SystemClock.wall());
    let (mut quiet, mut busy) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        // One after the other and the order turned round each time, so that neither has the better half of a noisy machine.
        for working in [round % 2 == 0, round % 2 != 0] {
            let turn = turn(&dir.join(format!("{round}-{working}")), &clock, seconds, working);
            let keeper = if working { "sealing and scrubbing" } else { "segments that stay open" };
            println!("{keeper:24} {:8.0} refreshes/s   p99 {:6.2} ms", turn.rate, turn.p99.as_secs_f64() * 1000.0);
            if working { busy.push(turn) } else { quiet.push(turn) }
        }
    }
    let rate = |turns: &[Turn]| median(turns.iter().map(|turn| turn.rate).collect());
    let p99 = |turns: &[Turn]| median(turns.iter().map(|turn| turn.p99.as_secs_f64()).collect());
    println!("rate with ÷ without: {:.3}", rate(&busy) / rate(&quiet));
    println!("p99 without ÷ with:  {:.3}", p99(&quiet) / p99(&busy));
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A turn on a data directory of its own. With work for the keeper, segments are small enough that there is always one to seal,
/// and everything sealed is read again without a pause; without, the one segment stays open.
fn turn(dir: &Path, clock: &ManualClock, seconds: u64, working: bool) -> Turn {
    let settings: &[(&str, &str)] = if working {
        &[("JOURNAL__SCRUB_INTERVAL", "1s")]
    } else {
        &[("JOURNAL__SEGMENT_BYTES", "1GiB"), ("JOURNAL__LOW_WATER", "4GiB")]
    };
    let config = config(dir, settings);
    let turn = actix_rt::System::new().block_on(async {
        let engine = Rc::new(Engine::start(&config, clock).await);
        let (over, waits) = (Rc::new(Cell::new(false)), Rc::new(RefCell::new(Vec::new())));
        let callers = (0..TOGETHER).map(|_| {
            let (engine, over, waits, clock) = (engine.clone(), over.clone(), waits.clone(), clock.clone());
            actix_rt::spawn(async move { call(&engine, &over, &waits, &clock).await })
        });
        let callers: Vec<_> = callers.collect();
        // The first of it is not counted: everything is cold.
        actix_rt::time::sleep(Duration::from_secs(2)).await;
        waits.borrow_mut().clear();
        let began = Instant::now();
        actix_rt::time::sleep(Duration::from_secs(seconds)).await;
        over.set(true);
        let lasted = began.elapsed();
        let mut all = waits.borrow().clone();
        for caller in callers {
            caller.await.unwrap();
        }
        Rc::try_unwrap(engine).unwrap_or_else(|_| panic!("somebody still works")).stop();
        all.sort();
        Turn { rate: all.len() as f64 / lasted.as_secs_f64(), p99: all[all.len() * 99 / 100] }
    });
    std::fs::remove_dir_all(dir).unwrap();
    turn
}

async fn call(engine: &Engine, over: &Cell<bool>, waits: &RefCell<Vec<Duration>>, clock: &ManualClock) {
    let place = draw();
    let mut token = engine.login(draw() % ACCOUNTS, asker(clock, place)).await;
    while !over.get() {
        clock.advance(Span(1));
        let asked = Instant::now();
        token = engine.refresh(&token, asker(clock, place)).await;
        waits.borrow_mut().push(asked.elapsed());
    }
}

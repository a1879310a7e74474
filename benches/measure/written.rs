//! R15: bytes that reach the disk for a byte of event.

use crate::engine::{ACCOUNTS, Engine, asker, config, draw};
use crate::process;
use countersign::clock::{Clock, ManualClock};
use countersign::domain::time::Span;
use std::cell::Cell;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

/// Callers at a time.
const TOGETHER: u64 = 64;

/// Refreshes by 64 callers for so many seconds, with a server's own settings; what is sealed, and what the store writes behind it, is waited
/// for.
pub fn measure(dir: &Path, seconds: u64) {
    let clock = ManualClock::new(countersign::clock::SystemClock.wall());
    let config = config(dir, &[]);
    actix_rt::System::new().block_on(async {
        let engine = Rc::new(Engine::start(&config, &clock).await);
        // What the start wrote is not counted.
        rest().await;
        let before = written(dir);
        let (events, bytes) = (engine.position(), text(dir));
        let over = Rc::new(Cell::new(false));
        let callers = (0..TOGETHER).map(|_| {
            let (engine, over, clock) = (engine.clone(), over.clone(), clock.clone());
            actix_rt::spawn(async move { call(&engine, &over, &clock).await })
        });
        let callers: Vec<_> = callers.collect();
        actix_rt::time::sleep(Duration::from_secs(seconds)).await;
        over.set(true);
        for caller in callers {
            caller.await.unwrap();
        }
        rest().await;
        let after = written(dir);
        let (events, bytes) = (engine.position() - events, text(dir) - bytes);
        drop(Rc::try_unwrap(engine).unwrap_or_else(|_| panic!("somebody still works")).stop());
        println!("{events} events of {bytes} bytes by {TOGETHER} callers in {seconds} s");
        let part = |written: u64| written as f64 / bytes as f64;
        println!("written by the process ÷ event bytes: {:.2} (at most 4)", part(after.0 - before.0));
        if let (Some(after), Some(before)) = (after.1, before.1) {
            println!("written to the disk by anybody ÷ event bytes: {:.2}", part(after - before));
        }
    });
}

/// By this process, and by anybody to the disk.
fn written(dir: &Path) -> (u64, Option<u64>) {
    // What waits in the kernel is on its way.
    std::fs::File::open(dir).unwrap().sync_all().unwrap();
    (process::written(std::process::id()), process::written_below(dir))
}

/// Until the store has written what it has in memory, and what was closed is sealed.
async fn rest() {
    actix_rt::time::sleep(Duration::from_secs(8)).await;
}

/// The length of all entries, as text. A segment that is being sealed is there twice.
fn text(dir: &Path) -> u64 {
    let files = std::fs::read_dir(dir.join("journal")).unwrap().map(|file| file.unwrap().path());
    let lengths = files.filter_map(|path| {
        let length = match path.extension().and_then(|extension| extension.to_str())? {
            "jsonl" => path.metadata().unwrap().len(),
            "zst" if !path.with_extension("").exists() => unsealed(&path),
            _ => return None,
        };
        Some(length)
    });
    lengths.sum()
}

fn unsealed(path: &Path) -> u64 {
    let mut reader = zstd::Decoder::new(std::fs::File::open(path).unwrap()).unwrap();
    std::io::copy(&mut reader, &mut std::io::sink()).unwrap()
}

async fn call(engine: &Engine, over: &Cell<bool>, clock: &ManualClock) {
    let place = draw();
    let mut token = engine.login(draw() % ACCOUNTS, asker(clock, place)).await;
    while !over.get() {
        clock.advance(Span(1));
        token = engine.refresh(&token, asker(clock, place)).await;
    }
}

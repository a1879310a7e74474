//! R10: what a session costs in memory, asleep and awake.

use crate::engine::{ACCOUNTS, Engine, asker, config, draw};
use crate::process::resident;
use countersign::clock::{Clock, ManualClock};
use std::cell::Cell;
use std::path::Path;
use std::rc::Rc;

/// Logins and introspections at a time.
const TOGETHER: u64 = 64;

/// Sessions of an account: fewer than end the oldest.
const OF_AN_ACCOUNT: u64 = 50;

/// Opens `sessions` sessions, the first tenth of which are not counted: caches and tables fill up with them. Then wakes them all.
pub fn measure(dir: &Path, sessions: u64) {
    let clock = ManualClock::new(countersign::clock::SystemClock.wall());
    let many = [("SESSIONS__AWAKE_MAX", "10000000"), ("SESSIONS__PASSIVATE_AFTER", "1d")];
    let config = config(dir, &many);
    actix_rt::System::new().block_on(async {
        let engine = Rc::new(Engine::start(&config, &clock).await);
        engine.add_accounts(sessions / OF_AN_ACCOUNT).await;
        // Their tokens are ours, not the engine's: they have their place before anything is measured.
        let tokens: Rc<[Cell<Token>]> = (0..sessions).map(|_| Cell::new(Token::default())).collect();
        touch(&tokens);
        let tenth = sessions / 10;
        log_in(&engine, &clock, &tokens, 0..tenth).await;
        let few = resident(std::process::id());
        log_in(&engine, &clock, &tokens, tenth..sessions).await;
        let asleep = resident(std::process::id());
        each(&engine, &clock, &tokens).await;
        let awake = resident(std::process::id());
        println!("resident with {tenth} sessions {few} bytes, with {sessions} {asleep}, all awake {awake}");
        let counted = (sessions - tenth) as f64;
        println!("a session asleep: {:.0} bytes (at most 300)", (asleep as f64 - few as f64) / counted);
        println!("a session awake:  {:.0} bytes more (at most 1536)", (awake as f64 - asleep as f64) / sessions as f64);
        drop(Rc::try_unwrap(engine).unwrap_or_else(|_| panic!("somebody still works")).stop());
    });
}

/// A refresh token's text, without a heap of its own.
#[derive(Clone, Copy)]
struct Token([u8; 78]);

impl Default for Token {
    fn default() -> Self {
        Self([b'-'; 78])
    }
}

/// Zeros that nobody has read have no place yet.
fn touch(tokens: &[Cell<Token>]) {
    tokens.iter().for_each(|token| token.set(Token::default()));
}

async fn log_in(engine: &Rc<Engine>, clock: &ManualClock, tokens: &Rc<[Cell<Token>]>, numbers: std::ops::Range<u64>) {
    let next = Rc::new(Cell::new(numbers.start));
    let hands = (0..TOGETHER).map(|_| {
        let accounts = ACCOUNTS.max(tokens.len() as u64 / OF_AN_ACCOUNT);
        let (engine, clock, tokens, next, end) =
            (engine.clone(), clock.clone(), tokens.clone(), next.clone(), numbers.end);
        actix_rt::spawn(async move {
            while let Some(number) = take(&next, end) {
                let token = engine.login(number % accounts, asker(&clock, draw())).await;
                tokens[usize::try_from(number).unwrap()].set(Token(token.as_bytes().try_into().unwrap()));
            }
        })
    });
    for hand in hands.collect::<Vec<_>>() {
        hand.await.unwrap();
    }
}

async fn each(engine: &Rc<Engine>, clock: &ManualClock, tokens: &Rc<[Cell<Token>]>) {
    let next = Rc::new(Cell::new(0));
    let hands = (0..TOGETHER).map(|_| {
        let (engine, clock, tokens, next) = (engine.clone(), clock.clone(), tokens.clone(), next.clone());
        actix_rt::spawn(async move {
            while let Some(number) = take(&next, tokens.len() as u64) {
                let Token(bytes) = tokens[usize::try_from(number).unwrap()].get();
                let token = std::str::from_utf8(&bytes).unwrap();
                let shown = engine.services.sessions.introspect(token, &engine.client, asker(&clock, 0)).await;
                assert!(shown.unwrap().is_some(), "its session is open");
            }
        })
    });
    for hand in hands.collect::<Vec<_>>() {
        hand.await.unwrap();
    }
}

fn take(next: &Cell<u64>, end: u64) -> Option<u64> {
    let number = next.get();
    next.set(number + 1);
    (number < end).then_some(number)
}

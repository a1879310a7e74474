//! Lives a life: does its steps to an engine, and has the model judge every answer at once.

use crate::asks::{Answered, Known};
use crate::base::{Base, base, moment};
use crate::life::{Late, Life, Pass, Setting, Step, Turn, What};
use crate::machine::{Machine, Running};
use crate::model::{Ask, Call, TOO_MUCH, Worlds};
use crate::random::Random;
use crate::starts::Start;
use crate::tally::Tally;
use countersign::clock::Clock;
use countersign::domain::time::{Span, Timestamp};
use countersign::journal::MemoryStore;
use futures_util::future::{Either, join_all, select};
use std::cell::Cell;
use std::time::Duration;

/// Only ends a life that would hang.
const HANGS_AFTER: Duration = Duration::from_secs(60);

/// An ask that is made.
struct Making {
    after: u64,
    patience: Option<u64>,
    ask: Ask,
}

/// Lets so many turns of the scheduler go by.
async fn turns(count: u64) {
    for _ in 0..count {
        tokio::task::yield_now().await;
    }
}

/// So many models may be in doubt where several asks are made at once.
const IN_DOUBT: usize = 24;

/// Why a life failed.
#[derive(Debug)]
pub struct Failure {
    pub step: usize,
    pub why: String,
    /// What happened so far.
    pub trace: Vec<String>,
}

/// See the module.
pub struct Driver {
    pub base: &'static Base,
    pub machine: Machine,
    pub running: Option<Running>,
    pub worlds: Worlds,
    pub known: Known,
    pub start: Start,
    /// The stores of earlier.
    pub stores: Vec<MemoryStore>,
    /// What the wall clock rightly shows when no time has passed.
    epoch: Timestamp,
    numbers: u32,
    counter: Cell<u64>,
    pub tally: Tally,
    pub trace: Vec<String>,
}

/// Lives a life to its end.
pub async fn live(life: &Life) -> Result<Tally, Failure> {
    let base = base(life.seed);
    let (machine, worlds) = base.copy(life.seed.wrapping_mul(1000));
    let epoch = machine.clock.wall();
    let mut driver = Driver {
        base,
        start: Start::new(base.head, epoch),
        machine,
        running: None,
        worlds,
        known: Known::new(base),
        stores: Vec::new(),
        epoch,
        numbers: 0,
        counter: Cell::new(0),
        tally: Tally::default(),
        trace: Vec::new(),
    };
    for step in 0..life.steps.len() + 2 {
        let done = match (step, life.steps.get(step.wrapping_sub(1))) {
            (0, _) => driver.come_up(false, life.seed).await,
            (_, Some(step)) => driver.take(step).await,
            (_, None) => driver.end_well().await,
        };
        if let Err(why) = done {
            if let Some(running) = driver.running.take() {
                running.stop();
            }
            if why == TOO_MUCH {
                driver.tally.undecided += 1;
                return Ok(driver.tally);
            }
            return Err(Failure { step, why, trace: driver.trace });
        }
    }
    Ok(driver.tally)
}

impl Driver {
    async fn take(&mut self, step: &Step) -> Result<(), String> {
        self.tally.step(&step.what);
        self.trace.push(format!("{:?}", step.what));
        match &step.what {
            What::Ask(wish) => {
                let late = Late { after: 0, patience: None, wish: wish.clone() };
                self.ask_all(&[late], step.chance).await
            }
            What::Burst(late) => self.ask_all(late, step.chance).await,
            What::Wait(pass) => {
                self.machine.clock.advance(Span::seconds(self.length(*pass)));
                self.look_at_the_clock(step.chance).await
            }
            What::Clock(turn) => {
                self.turn_the_clock(*turn);
                self.look_at_the_clock(step.chance).await
            }
            What::End(end) => self.end(*end, step.chance).await,
            What::Fault { fault, in_start } => {
                if *in_start {
                    self.start.fault = Some(*fault);
                } else {
                    self.arm(*fault);
                }
                Ok(())
            }
        }
    }

    fn length(&self, pass: Pass) -> i64 {
        match pass {
            Pass::Seconds(seconds) => seconds,
            Pass::Setting { client, setting, more } => {
                let rules = &self.base.rules[usize::from(client)];
                let length = match setting {
                    Setting::RetryWindow => rules.retry_window,
                    Setting::AccessTtl => rules.access_ttl,
                    Setting::IdleTtl => rules.idle_ttl,
                    Setting::AbsoluteTtl => rules.absolute_ttl,
                };
                (length + more).max(0)
            }
        }
    }

    /// What the wall clock should show.
    fn right(&self) -> Timestamp {
        self.epoch + self.machine.clock.boot()
    }

    fn turn_the_clock(&mut self, turn: Turn) {
        let clock = &self.machine.clock;
        match turn {
            Turn::Wrong(by) => clock.set_wall(self.right() + Span::seconds(by)),
            Turn::Mended => clock.set_wall(self.right()),
            Turn::Frozen(seconds) => {
                // First back and then on: at no instant does it show a time that is still to come.
                clock.set_wall(clock.wall() - Span::seconds(seconds));
                clock.advance(Span::seconds(seconds));
            }
        }
    }

    pub fn mend_the_clock(&mut self) {
        self.turn_the_clock(Turn::Mended);
    }

    /// An operator says that the clock is right.
    pub fn believe_the_clock(&mut self) {
        self.epoch = self.machine.clock.wall() - self.machine.clock.boot();
    }

    /// Has the engine read its clock now: what it remembers of instants must not depend on who happens to look.
    async fn look_at_the_clock(&mut self, chance: u64) -> Result<(), String> {
        if let Some(running) = &self.running {
            running.services.core.clock.read();
        }
        self.make_one(self.known.nothing(), chance).await
    }

    pub async fn make_one(&mut self, ask: Ask, chance: u64) -> Result<(), String> {
        self.make(vec![Making { after: 0, patience: None, ask }], chance).await
    }

    async fn ask_all(&mut self, late: &[Late], chance: u64) -> Result<(), String> {
        let made = late.iter().filter_map(|late| {
            let ask = self.known.choose(&late.wish)?;
            let patience = late.patience.filter(|_| Known::session_of(&ask).is_some());
            Some(Making { after: late.after, patience, ask })
        });
        let made: Vec<Making> = made.collect();
        // Where much is in doubt already, asks at once would make more of it than can be told apart.
        if self.worlds.count() <= IN_DOUBT {
            return self.make(made, chance).await;
        }
        for making in made {
            self.make(vec![making], chance).await?;
        }
        Ok(())
    }

    /// Makes asks at once, and judges what they were answered.
    async fn make(&mut self, asks: Vec<Making>, chance: u64) -> Result<(), String> {
        let at = moment(&self.machine);
        let running = self.running.as_ref().ok_or("nothing runs")?;
        let (known, tick) = (&self.known, || {
            self.counter.set(self.counter.get() + 1);
            self.counter.get()
        });
        let numbered = (self.numbers..).zip(asks);
        let calls = join_all(numbered.map(|(number, Making { after, patience, ask })| async move {
            turns(after).await;
            let invoked = tick();
            let answer = Box::pin(known.carry_out(running, &ask));
            let answered = match patience {
                Some(patience) => match select(answer, Box::pin(turns(patience))).await {
                    Either::Left((answered, _)) => Ok(answered),
                    Either::Right(_) => Ok(Answered::Nothing { given_up: true }),
                },
                None => tokio::time::timeout(HANGS_AFTER, answer).await,
            };
            let returned = Some(tick());
            (Call { number, ask, at, invoked, returned, seen: None }, answered)
        }))
        .await;
        self.numbers += u32::try_from(calls.len()).unwrap();
        let mut answered = Vec::new();
        for (call, answer) in calls {
            let answer = answer.map_err(|_| format!("nothing was answered for {HANGS_AFTER:?}: {call:?}"))?;
            answered.push((call, answer));
        }
        let mut has_died = answered.iter().any(|(_, answer)| matches!(answer, Answered::Nothing { given_up: false }));
        for (call, answer) in &answered {
            // What was given up is done now, or never: whatever its session is asked comes after it.
            if matches!(answer, Answered::Nothing { given_up: true }) {
                self.tally.given_up += 1;
                has_died |= !known.wait_for_session(running, &call.ask).await;
            }
        }
        let calls = self.understand(answered, has_died)?;
        self.judge(&calls)?;
        if has_died { self.has_died(chance).await } else { Ok(()) }
    }

    /// What was answered, in the words of the model.
    fn understand(&mut self, mut answered: Vec<(Call, Answered)>, has_died: bool) -> Result<Vec<Call>, String> {
        let running = self.running.as_ref().ok_or("nothing runs")?;
        // Access tokens are named after the answer that arrived first with them.
        answered.sort_by_key(|(call, _)| call.returned);
        let mut calls = Vec::new();
        for (mut call, answer) in answered {
            // A process that dies shows nobody anything any more, also where this one goes on.
            let shows = matches!(call.ask, Ask::Show { .. } | Ask::Inspect { .. });
            match answer {
                Answered::Nothing { .. } => call.returned = None,
                _ if has_died && shows => call.returned = None,
                answer => call.seen = Some(self.known.learn(running, &call, answer)?),
            }
            calls.push(call);
        }
        Ok(calls)
    }

    fn judge(&mut self, calls: &[Call]) -> Result<(), String> {
        for call in calls {
            self.tally.call(call);
            self.trace.push(format!("    {} at {}: {:?} -> {}", call.number, call.at.wall, call.ask, said(call)));
        }
        self.worlds = self.worlds.happened(calls)?;
        Ok(())
    }

    /// Chance for what a step leaves open.
    pub fn chance(&self, of: u64) -> Random {
        Random::new(of)
    }
}

fn said(call: &Call) -> String {
    match &call.seen {
        Some(seen) => format!("{seen:?}"),
        None => "nothing".to_owned(),
    }
}

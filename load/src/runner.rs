//! Runs phases one after the other or side by side against one server, and keeps what was measured.

use crate::figures::{Latencies, Operation, Tally};
use crate::machine::Cpu;
use crate::people::User;
use crate::phase::{Bounds, Load, Phase, log_everybody_in};
use crate::scenario::Scenario;
use crate::schedule::Arrivals;
use crate::target::Target;
use std::time::{Duration, Instant};

/// What holds for all phases of a run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Before anything is measured, in each phase.
    pub warm_up: Duration,
    /// Measured, in each phase.
    pub span: Duration,
    /// Bounds of open loads.
    pub bounds: Bounds,
    /// Threads of the generator.
    pub threads: usize,
    /// From which chance follows.
    pub seed: u64,
    /// How open loads are spread.
    pub arrivals: Arrivals,
    /// Processors of the generator; all where it is empty.
    pub cpus: Vec<usize>,
}

impl Plan {
    /// A phase of it.
    pub fn phase(&self, name: &str, scenario: Scenario, load: Load) -> Phase {
        let Self { warm_up, span, bounds, threads, seed, cpus, .. } = self.clone();
        Phase { name: name.to_owned(), scenario, load, warm_up, span, bounds, threads, seed, cpus }
    }

    /// An open load of so many requests a second.
    pub fn open(&self, rate: f64) -> Load {
        Load::Open { rate, arrivals: self.arrivals }
    }
}

/// A phase that was run.
#[derive(Clone, Debug)]
pub struct Measured {
    /// What was run.
    pub phase: Phase,
    /// When it began, from the start of the run on.
    pub at: Duration,
    /// What was counted.
    pub tally: Tally,
    /// Whether nothing else ran at the same time.
    pub alone: bool,
    /// What the server's process used meanwhile, from the warming up to the last answer; for all phases that ran at the same time.
    pub server: Option<Cpu>,
    /// What the generator itself used.
    pub generator: Option<Cpu>,
}

impl Measured {
    /// The rate of the request that the phase is about.
    pub fn rate(&self) -> f64 {
        self.tally.rate(self.phase.scenario.operation())
    }

    /// Requests of any kind that were done, those of the warming up included.
    pub fn all_done(&self) -> u64 {
        self.tally.seconds.iter().map(|second| second.done).sum()
    }

    /// Processor time of the server for each request that was done, in seconds; `None` where others shared in it.
    pub fn server_cpu_each(&self) -> Option<f64> {
        self.server.filter(|_| self.alone && self.all_done() > 0).map(|cpu| cpu.all / self.all_done() as f64)
    }
}

/// Runs phases.
pub struct Runner {
    /// For whom requests are.
    pub target: Target,
    /// The server's process, where it is known.
    pub pid: Option<u32>,
    /// Those who ask.
    pub users: Vec<User>,
    /// What was measured so far.
    pub measured: Vec<Measured>,
    began: Instant,
}

impl Runner {
    /// One that has run nothing.
    pub fn new(target: Target, pid: Option<u32>, users: Vec<User>) -> Self {
        Self { target, pid, users, measured: Vec::new(), began: Instant::now() }
    }

    /// Runs one phase. Who needs a session for it gets one before.
    ///
    /// # Errors
    /// Where it cannot be run; not where requests fail, which is counted.
    pub fn run(&mut self, phase: Phase) -> Result<Measured, String> {
        if phase.scenario.needs_sessions() {
            log_everybody_in(&self.target, &mut self.users)?;
        }
        let (at, before) = (self.began.elapsed(), self.cpu());
        let tally = phase.run(&self.target, &mut self.users)?;
        let (server, generator) = used_since(before, self.cpu());
        let measured = Measured { phase, at, tally, alone: true, server, generator };
        self.measured.push(measured.clone());
        Ok(measured)
    }

    /// Runs two phases at the same time, the first with one half of the users and the second with the other. Whoever of the first half
    /// needs a session for it must have one.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn run_beside(&mut self, one: Phase, other: Phase) -> Result<(Measured, Measured), String> {
        let (at, before, target) = (self.began.elapsed(), self.cpu(), &self.target);
        let mut theirs = self.users.split_off(self.users.len() / 2);
        let ours = &mut self.users;
        let (of_one, of_other) = std::thread::scope(|scope| {
            let other = scope.spawn(|| other.run(target, &mut theirs));
            (one.run(target, ours), other.join().unwrap_or_else(|_| Err("a thread panicked".to_owned())))
        });
        let (server, generator) = used_since(before, self.cpu());
        self.users.append(&mut theirs);
        let measured = |phase, tally| Measured { phase, at, tally, alone: false, server, generator };
        let both = (measured(one, of_one?), measured(other, of_other?));
        self.measured.extend([both.0.clone(), both.1.clone()]);
        Ok(both)
    }

    fn cpu(&self) -> (Option<Cpu>, Option<Cpu>) {
        (self.pid.and_then(Cpu::of), Cpu::of(std::process::id()))
    }

    /// Phases of one name, taken together: their windows follow each other.
    pub fn together(&self) -> Vec<Measured> {
        let mut all: Vec<Measured> = Vec::new();
        for measured in &self.measured {
            match all.iter_mut().find(|known| known.phase.name == measured.phase.name) {
                Some(known) => {
                    known.tally.add(&measured.tally);
                    known.tally.window.to += measured.tally.window.to - measured.tally.window.from;
                    known.server = sum(known.server, measured.server);
                    known.generator = sum(known.generator, measured.generator);
                }
                None => all.push(measured.clone()),
            }
        }
        all
    }

    /// Latencies of what was done of an operation, in all phases of a name.
    pub fn latencies(&self, name: &str, operation: Operation) -> Latencies {
        let phases = self.measured.iter().filter(|measured| measured.phase.name == name);
        phases.fold(Latencies::default(), |mut all, measured| {
            all.add(&measured.tally.of(operation).done);
            all
        })
    }
}

fn used_since(before: (Option<Cpu>, Option<Cpu>), after: (Option<Cpu>, Option<Cpu>)) -> (Option<Cpu>, Option<Cpu>) {
    let since = |before: Option<Cpu>, after: Option<Cpu>| Some(after?.since(before?));
    (since(before.0, after.0), since(before.1, after.1))
}

fn sum(one: Option<Cpu>, other: Option<Cpu>) -> Option<Cpu> {
    let (one, other) = (one?, other?);
    Some(Cpu { all: one.all + other.all, hashing: one.hashing + other.hashing })
}

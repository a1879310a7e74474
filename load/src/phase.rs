//! One phase of load: some threads, each with its own share of the schedule, the users and the connections.

use crate::cpus;
use crate::figures::{Operation, Tally, Window};
use crate::pacer::Pacer;
use crate::people::User;
use crate::progress;
use crate::scenario::{Floor, Scenario, Visit};
use crate::schedule::{Arrivals, Schedule, Share};
use crate::target::Target;
use crate::wire::Lane;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Builder;
use tokio::task::{JoinSet, LocalSet};

/// When requests are sent.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Load {
    /// On a schedule, whatever becomes of them.
    Open {
        /// Requests a second.
        rate: f64,
        /// How they are spread.
        arrivals: Arrivals,
    },
    /// So many connections, each with the next request as soon as it has an answer.
    Closed(usize),
}

/// What is done, how much of it, and for how long.
#[derive(Clone, Debug)]
pub struct Phase {
    /// As it stands in the lines of progress.
    pub name: String,
    /// What is done.
    pub scenario: Scenario,
    /// How much of it.
    pub load: Load,
    /// Before anything is measured.
    pub warm_up: Duration,
    /// Measured.
    pub span: Duration,
    /// Bounds of an open load.
    pub bounds: Bounds,
    /// Threads of the generator.
    pub threads: usize,
    /// From which chance follows.
    pub seed: u64,
    /// Processors of the generator; all where it is empty.
    pub cpus: Vec<usize>,
}

/// What an open load may take at the most.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Connections.
    pub connections: usize,
    /// Requests that are due and have no answer. Further ones are not sent, and counted.
    pub in_flight: usize,
}

impl Phase {
    fn window(&self) -> Window {
        Window { from: self.warm_up, to: self.warm_up + self.span }
    }

    /// Runs it, and counts.
    ///
    /// # Errors
    /// Where the generator itself cannot work.
    pub fn run(&self, target: &Target, users: &mut Vec<User>) -> Result<Tally, String> {
        let threads = self.threads.max(1);
        let tallies: Vec<_> = (0..threads).map(|_| Arc::new(Mutex::new(Tally::new(self.window())))).collect();
        let mut parts = vec![Vec::new(); threads];
        users.drain(..).enumerate().for_each(|(number, user)| parts[number % threads].push(user));
        let watch = progress::Watch::start(&self.name, &tallies);
        let began = Instant::now();
        let results: Vec<Result<Vec<User>, String>> = std::thread::scope(|scope| {
            let hands = parts.into_iter().zip(&tallies).enumerate().map(|(number, (part, tally))| {
                let floor = Floor { target: target.clone(), began, tally: tally.clone() };
                let share = Share { number, of: threads };
                scope.spawn(move || self.run_part(share, floor, part))
            });
            let hands: Vec<_> = hands.collect();
            hands.into_iter().map(|hand| hand.join().unwrap_or_else(|_| Err("a thread panicked".to_owned()))).collect()
        });
        drop(watch);
        let mut all = Tally::new(self.window());
        for (result, tally) in results.into_iter().zip(tallies) {
            users.extend(result?);
            all.add(&tally.lock().unwrap_or_else(PoisonError::into_inner));
        }
        Ok(all)
    }

    fn run_part(&self, share: Share, floor: Floor, users: Vec<User>) -> Result<Vec<User>, String> {
        cpus::stay_on(&self.cpus)?;
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
        let chance = fastrand::Rng::with_seed(self.seed ^ (share.number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let hall = Rc::new(Hall {
            scenario: self.scenario,
            most: Bounds {
                connections: part_of(self.bounds.connections, share),
                in_flight: part_of(self.bounds.in_flight, share),
            },
            end: self.warm_up + self.span,
            floor,
            users: RefCell::new(users.into()),
            lanes: RefCell::default(),
            opened: Cell::new(0),
            waiting: RefCell::default(),
            under_way: Cell::new(0),
            chance: RefCell::new(chance),
        });
        let done = LocalSet::new().block_on(&runtime, async {
            if !self.cpus.is_empty() {
                tokio::task::spawn_local(never_sleep());
            }
            match self.load {
                Load::Open { rate, arrivals } => {
                    hall.clone().open(Schedule::new(arrivals, rate, hall.end, share, self.seed)).await
                }
                Load::Closed(connections) => hall.clone().closed(part_of(connections, share)).await,
            }
        });
        // Connections end with the runtime, and with them the last that know the hall but us.
        drop(runtime);
        done.map_err(|error| error.to_string())?;
        Ok(hall.users.take().into())
    }
}

/// Looks for answers all the time, on processors that nobody else needs, until the set of tasks ends that it is in. To wake who sleeps costs a
/// server up to a fifth of a small answer, and the slower it answers, the more often: that is no cost of what was asked.
async fn never_sleep() {
    loop {
        tokio::task::yield_now().await;
    }
}

fn part_of(whole: usize, share: Share) -> usize {
    (whole / share.of + usize::from(share.number < whole % share.of)).max(1)
}

/// What the requests of one thread share.
struct Hall {
    scenario: Scenario,
    most: Bounds,
    end: Duration,
    floor: Floor,
    /// Those who have no request under way, the one who waited longest first.
    users: RefCell<VecDeque<User>>,
    /// Connections that are free, the one used last on top: as few are opened as are needed.
    lanes: RefCell<Vec<Lane>>,
    opened: Cell<usize>,
    /// Requests that are due and wait for a connection.
    waiting: RefCell<VecDeque<Duration>>,
    under_way: Cell<usize>,
    chance: RefCell<fastrand::Rng>,
}

impl Hall {
    /// Sends on a schedule, then waits for what is under way.
    async fn open(self: Rc<Self>, schedule: Schedule) -> std::io::Result<()> {
        let pacer = Pacer::new()?;
        let mut served = JoinSet::new();
        for (number, due) in (0_u32..).zip(schedule) {
            let instant = self.floor.began + due;
            // Where it is behind, others must have a turn now and then all the same.
            if instant > Instant::now() || number.is_multiple_of(32) {
                pacer.until(instant).await?;
            }
            if let Some(lane) = self.arrive(due) {
                served.spawn_local(self.clone().serve(lane, due));
            }
            while let Some(ended) = served.try_join_next() {
                ended?;
            }
        }
        while let Some(ended) = served.join_next().await {
            ended?;
        }
        Ok(())
    }

    /// A request is due: the connection for it, if it is to be sent at once.
    fn arrive(&self, due: Duration) -> Option<Lane> {
        let mut tally = self.floor.tally();
        let is_measured = due >= tally.window.from;
        tally.due += u64::from(is_measured);
        if self.under_way.get() >= self.most.in_flight {
            tally.unsent += u64::from(is_measured);
            return None;
        }
        self.under_way.set(self.under_way.get() + 1);
        let Some(lane) = self.lanes.borrow_mut().pop().or_else(|| self.another_lane()) else {
            tally.waited += u64::from(is_measured);
            self.waiting.borrow_mut().push_back(due);
            return None;
        };
        if is_measured {
            tally.lag.record(self.floor.began.elapsed().saturating_sub(due));
        }
        Some(lane)
    }

    fn another_lane(&self) -> Option<Lane> {
        if self.opened.get() == self.most.connections {
            return None;
        }
        self.opened.set(self.opened.get() + 1);
        Some(Lane::new(self.floor.target.address, self.floor.target.timeout))
    }

    /// Serves a request, and whatever waits for a connection then.
    async fn serve(self: Rc<Self>, mut lane: Lane, due: Duration) {
        let mut next = Some(due);
        while let Some(due) = next {
            self.visit(&mut lane, due).await;
            self.under_way.set(self.under_way.get() - 1);
            next = self.waiting.borrow_mut().pop_front();
        }
        self.lanes.borrow_mut().push(lane);
    }

    async fn visit(&self, lane: &mut Lane, due: Duration) {
        let Some(mut user) = self.users.borrow_mut().pop_front() else {
            let mut tally = self.floor.tally();
            tally.no_user += u64::from(due >= tally.window.from);
            return;
        };
        self.floor.tally().in_flight += 1;
        let mut chance = fastrand::Rng::with_seed(self.chance.borrow_mut().u64(..));
        Visit { floor: &self.floor, lane, user: &mut user, arrival: due, due }
            .perform(self.scenario, &mut chance)
            .await;
        self.floor.tally().in_flight -= 1;
        self.users.borrow_mut().push_back(user);
    }

    /// So many connections, each with the next request as soon as it has an answer.
    async fn closed(self: Rc<Self>, connections: usize) -> std::io::Result<()> {
        let turns = (0..connections).map(|_| {
            let hall = self.clone();
            tokio::task::spawn_local(async move {
                let mut lane = Lane::new(hall.floor.target.address, hall.floor.target.timeout);
                loop {
                    let due = hall.floor.began.elapsed();
                    if due >= hall.end || hall.users.borrow().is_empty() {
                        break;
                    }
                    let is_measured = due >= hall.floor.tally().window.from;
                    hall.floor.tally().due += u64::from(is_measured);
                    hall.visit(&mut lane, due).await;
                }
            })
        });
        let turns: Vec<_> = turns.collect();
        for turn in turns {
            turn.await?;
        }
        Ok(())
    }
}

/// Logs everybody in who has no session, before a phase that needs them.
///
/// # Errors
/// Where somebody cannot be logged in.
pub fn log_everybody_in(target: &Target, users: &mut Vec<User>) -> Result<(), String> {
    /// Few enough that hashes do not wait past their deadline on a slow machine.
    const AT_ONCE: usize = 8;
    if users.iter().all(|user| user.refresh.is_some()) {
        return Ok(());
    }
    let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    let (without, with): (Vec<_>, Vec<_>) = users.drain(..).partition(|user| user.refresh.is_none());
    *users = with;
    let window = Window { from: Duration::ZERO, to: Duration::MAX };
    let floor =
        Floor { target: target.clone(), began: Instant::now(), tally: Arc::new(Mutex::new(Tally::new(window))) };
    let (left, here) = (Rc::new(RefCell::new(without)), Rc::new(RefCell::new(Vec::new())));
    let floor = Rc::new(floor);
    LocalSet::new().block_on(&runtime, async {
        let hands = (0..AT_ONCE).map(|_| {
            let (left, here, floor) = (left.clone(), here.clone(), floor.clone());
            tokio::task::spawn_local(async move {
                let mut lane = Lane::new(floor.target.address, floor.target.timeout);
                loop {
                    let Some(mut user) = left.borrow_mut().pop() else { break };
                    log_one_in(&floor, &mut lane, &mut user).await;
                    here.borrow_mut().push(user);
                }
            })
        });
        let hands: Vec<_> = hands.collect();
        for hand in hands {
            hand.await.map_err(|error| error.to_string())?;
        }
        Ok::<_, String>(())
    })?;
    users.append(&mut here.borrow_mut());
    let figures = floor.tally().of(Operation::Login);
    if users.iter().any(|user| user.refresh.is_none()) {
        let why = (figures.statuses, figures.faults);
        return Err(format!("not everybody could be logged in: refusals by status and faults: {why:?}"));
    }
    progress::say(&format!(
        "{} users logged in within {:.1} s",
        figures.done.count(),
        floor.began.elapsed().as_secs_f64()
    ));
    Ok(())
}

/// Tries a few times: others may be at work on the machine.
async fn log_one_in(floor: &Floor, lane: &mut Lane, user: &mut User) {
    const TRIES: u32 = 5;
    for attempt in 0..TRIES {
        tokio::time::sleep(Duration::from_millis(500) * attempt).await;
        let due = floor.began.elapsed();
        let mut visit = Visit { floor, lane, user, arrival: due, due };
        visit.perform(Scenario::Login, &mut fastrand::Rng::with_seed(0)).await;
        if user.refresh.is_some() {
            return;
        }
    }
}

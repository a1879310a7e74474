//! How an engine ends in a life, what is left of its disk and its store, and how it comes up again.

use crate::base::moment;
use crate::driver::Driver;
use crate::life::{End, Fault, How, Left};
use crate::model::Moment;
use countersign::actors::{Refused, Unavailable};
use countersign::app;
use countersign::clock::Clock;
use countersign::domain::Event;
use countersign::domain::ids::Position;
use countersign::domain::system::SystemEvent;
use countersign::domain::time::{Span, Timestamp};
use countersign::journal::{Journal, schema};
use std::io::ErrorKind;

/// Starts that may fail one after the other: no fault is left then.
const TRIES: u64 = 4;
/// Stores of earlier that are kept.
const STORES: usize = 4;

/// What is known of starts.
pub struct Start {
    /// A fault of the disk that waits for the next one.
    pub fault: Option<Fault>,
    /// Whether closed segments are sealed in the next one.
    pub seals: bool,
    /// What of the journal was read.
    read: Position,
    /// The instant of its last entry, and of the server's own last one.
    last: (Timestamp, Timestamp),
    /// When the last start was recorded, if it is not known to be ready.
    waits: Option<Moment>,
}

/// Why an engine did not come up.
enum Down {
    /// A fault that was planned.
    Struck,
    Wrong(String),
}

impl From<String> for Down {
    fn from(why: String) -> Self {
        let is_planned = why.contains("a fault was injected here") || why.contains("the simulated power is off");
        if is_planned { Self::Struck } else { Self::Wrong(why) }
    }
}

impl Start {
    pub fn new(read: Position, last: Timestamp) -> Self {
        Self { fault: None, seals: false, read, last: (last, last), waits: None }
    }
}

impl Driver {
    /// Lets a fault lie in wait on the disk.
    pub fn arm(&mut self, fault: Fault) {
        let disk = &self.machine.disk;
        match fault {
            Fault::Fails(operation, nth) => disk.fail(operation, nth, ErrorKind::Other),
            Fault::Torn(nth, kept) => disk.fail_write_after(nth, usize::try_from(kept).unwrap(), ErrorKind::Other),
            Fault::OffAfter(operations) => disk.power_off_after_operations(operations),
            Fault::OffAfterBytes(bytes) => disk.power_off_after_bytes(bytes),
        }
    }

    /// Ends the engine as a step says, and starts it again.
    pub async fn end(&mut self, end: End, chance: u64) -> Result<(), String> {
        let running = self.running.take().ok_or("nothing runs")?;
        if end.how != How::Stop {
            self.machine.disk.power_off_after_operations(0);
        }
        running.stop();
        self.worlds = self.worlds.ended();
        let disk = &self.machine.disk;
        // In good order, unless a fault struck.
        let cut = end.how == How::PowerCut || (end.how == How::Stop && disk.is_off());
        self.machine.disk = if cut { disk.crash(chance) } else { disk.after_death() };
        self.leave_store(end.store);
        self.machine.clock.advance(Span::seconds(end.down));
        if end.accept_clock {
            self.believe_the_clock();
        }
        self.start.seals = end.seals;
        self.come_up(end.accept_clock, chance).await
    }

    /// The engine has died under its requests.
    pub async fn has_died(&mut self, chance: u64) -> Result<(), String> {
        self.tally.deaths += 1;
        self.trace.push("    it died".to_owned());
        self.running.take().ok_or("nothing runs")?.stop();
        self.worlds = self.worlds.ended();
        let disk = &self.machine.disk;
        let mut random = self.chance(chance);
        let is_cut = if disk.is_off() { random.below(4) > 0 } else { random.below(3) == 0 };
        self.machine.disk = if is_cut { disk.crash(chance) } else { disk.after_death() };
        let left = [Left::Now, Left::Now, Left::Nothing, Left::Earlier(random.below(4))];
        self.leave_store(left[usize::try_from(random.below(4)).unwrap()]);
        self.come_up(false, chance).await
    }

    fn leave_store(&mut self, left: Left) {
        let now = self.machine.store.snapshot();
        let store = match left {
            Left::Now => now.snapshot(),
            Left::Nothing => Default::default(),
            Left::Earlier(n) => {
                let back = usize::try_from(n).unwrap() % (self.stores.len() + 1);
                self.stores.iter().rev().nth(back).unwrap_or(&now).snapshot()
            }
        };
        self.stores.push(now);
        if self.stores.len() > STORES {
            self.stores.remove(0);
        }
        self.machine.store = store;
    }

    /// Starts the engine, again where a fault strikes in the start.
    pub async fn come_up(&mut self, accept_clock: bool, chance: u64) -> Result<(), String> {
        if let Some(fault) = self.start.fault.take() {
            self.arm(fault);
        }
        for again in 1..=TRIES {
            match self.try_start(accept_clock).await {
                Ok(()) => return Ok(()),
                Err(Down::Wrong(why)) => return Err(format!("it does not start: {why}")),
                Err(Down::Struck) => {
                    self.tally.failed_starts += 1;
                    self.trace.push("    a fault struck in the start".to_owned());
                    let disk = &self.machine.disk;
                    let is_cut = disk.is_off() || self.chance(chance.wrapping_add(again)).below(2) == 0;
                    self.machine.disk =
                        if is_cut { disk.crash(chance.wrapping_add(again)) } else { disk.after_death() };
                    self.worlds = self.worlds.ended();
                }
            }
        }
        Err("it does not start, although nothing fails any more".to_owned())
    }

    async fn try_start(&mut self, accept_clock: bool) -> Result<(), Down> {
        let start = app::Start { accept_clock, ..app::Start::default() };
        let at = moment(&self.machine);
        let opening = self.machine.open(start)?;
        self.read_on(&opening.journal.journal, at)?;
        if std::mem::take(&mut self.start.seals) {
            self.tally.sealed += self.machine.seal_some();
        }
        let running = self.machine.run(opening);
        let ready = running.app.ready().await;
        let recorded = running.services.core.reader.system().map(|system| system.at.seconds());
        match ready {
            Ok(()) => {}
            Err(Refused::Unavailable(Unavailable::Stopping)) => {
                running.stop();
                return Err(Down::Struck);
            }
            Err(refused) => return Err(Down::Wrong(format!("it is not ready: {refused}"))),
        }
        running.services.core.clock.read();
        self.running = Some(running);
        self.worlds = self.worlds.ready(at, recorded.map_err(|error| error.to_string())?)?;
        self.start.waits = None;
        let wall = self.machine.clock.wall();
        self.trace.push(format!("    it is up at {} (accepts the clock: {accept_clock})", wall.seconds()));
        Ok(())
    }

    /// Reads what the journal has that was not read before, and tells the model of starts.
    fn read_on(&mut self, journal: &Journal, at: Moment) -> Result<(), Down> {
        let entries = journal.engine().read(self.start.read + 1);
        let entries: Result<Vec<_>, _> = entries.map(|entry| entry.map_err(|error| error.to_string())).collect();
        let entries = entries?.into_iter().map(|entry| schema::decode(&entry.event).map(|envelope| envelope.recorded));
        let entries: Vec<_> = entries.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
        for recorded in &entries {
            match recorded.event {
                Event::System(SystemEvent::Started { .. }) => {
                    let accepted = |event: &Event| matches!(event, Event::System(SystemEvent::ClockAccepted { .. }));
                    let mut same = entries.iter().filter(|other| other.commit == recorded.commit);
                    let accepts = same.any(|other| accepted(&other.event));
                    let (last, of_system) = self.start.last;
                    self.worlds = self.worlds.ended().started(at, accepts, last.max(of_system).seconds())?;
                    self.start.waits = Some(at);
                }
                // One that nobody was told of.
                Event::System(SystemEvent::Ready) => {
                    if let Some(at) = self.start.waits.take() {
                        self.worlds = self.worlds.ready(at, recorded.at.seconds())?;
                    }
                }
                _ => {}
            }
            self.start.last.0 = recorded.at;
            if matches!(recorded.event, Event::System(_)) {
                self.start.last.1 = recorded.at;
            }
            self.start.read = recorded.position;
        }
        Ok(())
    }
}

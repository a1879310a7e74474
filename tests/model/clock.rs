//! When a clock is believed, and by which instant something is closed while it is not.

/// How far behind what is known a clock may be, how far it may part from the time that has passed, and how much later than the
/// journal's last entry it may be at a start. Seconds.
pub const BEHIND: i64 = 5;
const DRIFT: i64 = 3600;
const GAP: i64 = 400 * 24 * 3600;

/// What the clocks show.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Moment {
    pub wall: i64,
    /// Seconds that have passed, whatever was done to the wall clock.
    pub boot: i64,
}

/// What a decision is made by.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    pub wall: i64,
    pub believed: bool,
    /// By which something is closed.
    pub closing: i64,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Clock {
    started: Moment,
    /// The newest instant that is known to have been.
    floor: i64,
    believed_at_start: bool,
    /// What an operator accepted, and the newest entry then.
    accepted: Option<(i64, i64)>,
}

impl Clock {
    pub fn started(at: Moment, last: i64) -> Self {
        Self { started: at, floor: last, believed_at_start: at.wall - last <= GAP, accepted: None }
    }

    pub fn was_accepted(&self) -> bool {
        self.accepted.is_some()
    }

    /// The clock of the next start.
    pub fn again(&self, at: Moment, accepts: bool, last: i64) -> Self {
        let known = match self.accepted {
            Some((wall, disbelieved)) if last <= disbelieved => wall,
            _ => last,
        };
        let mut clock = Self { accepted: self.accepted, ..Self::started(at, known) };
        if accepts {
            let disbelieved = self.accepted.map_or(last, |(_, disbelieved)| disbelieved.max(last));
            clock.accepted = Some((at.wall, disbelieved));
            clock.believed_at_start = true;
            clock.floor = at.wall;
        }
        clock
    }

    pub fn read(&mut self, at: Moment) -> Reading {
        let by_boot = self.started.wall + (at.boot - self.started.boot);
        let believed = self.believed_at_start && self.floor - at.wall <= BEHIND && (at.wall - by_boot).abs() <= DRIFT;
        if believed {
            self.floor = self.floor.max(at.wall);
        }
        let closing = match (believed, self.believed_at_start) {
            (true, _) => at.wall,
            (false, true) => by_boot.max(self.floor),
            (false, false) => self.floor,
        };
        Reading { wall: at.wall, believed, closing }
    }
}

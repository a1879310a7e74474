//! What is known about one connection. It lives on one thread and is shared by its stream, its calls and its watch.

use super::{GRACE, Limits};
use std::cell::Cell;
use tokio::time::Instant;

/// A peer that accepts fewer bytes than this in `write_timeout` is not reading.
const WRITE_PROGRESS: u64 = 16 * 1024;

/// Why a connection is being ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ending {
    /// Nothing was asked for: closed without a word.
    Quiet,
    /// A head took longer than `head_timeout`: 408.
    SlowHead,
    /// A head had more than `max_head` bytes: 431.
    HugeHead,
}

/// A write that the peer does not take, since when, and how much it had taken then.
#[derive(Clone, Copy)]
struct Stall {
    since: Instant,
    written: u64,
}

/// The state of one connection.
pub(super) struct Connection {
    limits: Limits,
    /// Requests being answered: 0 or 1, as the dispatcher answers one after the other.
    calls: Cell<u32>,
    /// Whether a request was ever made.
    used: Cell<bool>,
    /// When it was accepted, or when the last answer ended.
    quiet_since: Cell<Instant>,
    /// When the first byte came that belongs to no request yet.
    head_since: Cell<Option<Instant>>,
    /// How many such bytes came.
    head_bytes: Cell<usize>,
    /// Whether the dispatcher had a chance to parse those bytes.
    parsed: Cell<bool>,
    /// The last request's body was not read to its end, so bytes that come may still belong to it.
    body_open: Cell<bool>,
    written: Cell<u64>,
    unflushed: Cell<bool>,
    blocked: Cell<bool>,
    stall: Cell<Option<Stall>>,
    ending: Cell<Option<(Ending, Instant)>>,
}

impl Connection {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            calls: Cell::new(0),
            used: Cell::new(false),
            quiet_since: Cell::new(Instant::now()),
            head_since: Cell::new(None),
            head_bytes: Cell::new(0),
            parsed: Cell::new(false),
            body_open: Cell::new(false),
            written: Cell::new(0),
            unflushed: Cell::new(false),
            blocked: Cell::new(false),
            stall: Cell::new(None),
            ending: Cell::new(None),
        }
    }

    /// A head has ended and its request is handed to the app.
    pub(super) fn call_began(&self, has_body: bool) {
        self.calls.set(self.calls.get() + 1);
        self.used.set(true);
        self.body_open.set(has_body);
    }

    /// The body was read to its end, or broke.
    pub(super) fn body_ended(&self) {
        self.body_open.set(false);
    }

    /// The answer is complete, or nobody waits for it any more.
    pub(super) fn call_ended(&self) {
        self.calls.set(self.calls.get().saturating_sub(1));
        self.quiet_since.set(Instant::now());
        self.head_since.set(None);
        self.head_bytes.set(0);
        self.parsed.set(false);
    }

    /// How many bytes may be read before the dispatcher must have made a request of them. The bytes of a body left
    /// unread are limited by time only: the peer needs them gone to see its answer.
    pub(super) fn room(&self) -> usize {
        if self.calls.get() > 0 || self.body_open.get() {
            return usize::MAX;
        }
        self.limits.max_head.saturating_sub(self.head_bytes.get())
    }

    /// Notes that there is no room; says whether the dispatcher already saw all there is.
    pub(super) fn full(&self) -> bool {
        self.parsed.replace(true)
    }

    pub(super) fn read(&self, bytes: usize) {
        if bytes == 0 || self.calls.get() > 0 {
            return;
        }
        if self.head_since.get().is_none() {
            self.head_since.set(Some(Instant::now()));
        }
        if !self.body_open.get() {
            self.head_bytes.set(self.head_bytes.get() + bytes);
        }
    }

    /// The peer took so many bytes. Says whether it took none before.
    pub(super) fn wrote(&self, bytes: usize) -> bool {
        self.written.set(self.written.get() + bytes as u64);
        self.unflushed.set(true);
        if self.stall.get().is_some_and(|stall| self.written.get() - stall.written >= WRITE_PROGRESS) {
            self.stall.set(None);
        }
        self.blocked.replace(false)
    }

    /// The peer takes nothing now.
    pub(super) fn write_blocked(&self) {
        self.blocked.set(true);
        self.unflushed.set(true);
        if self.stall.get().is_none() {
            self.stall.set(Some(Stall { since: Instant::now(), written: self.written.get() }));
        }
    }

    /// Everything was taken.
    pub(super) fn flushed(&self) {
        self.stall.set(None);
        if self.unflushed.replace(false) && self.calls.get() == 0 {
            self.quiet_since.set(Instant::now());
        }
    }

    /// Whether the peer leaves its answers unread. Then nothing more is read from it.
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked.get()
    }

    /// Whether an answer of ours would stand alone on the wire.
    pub(super) fn may_speak(&self) -> bool {
        self.calls.get() == 0 && !self.unflushed.get() && !self.body_open.get()
    }

    /// Why it is being ended, if it is.
    pub(super) fn ending(&self) -> Option<Ending> {
        self.ending.get().map(|(ending, _)| ending)
    }

    pub(super) fn end(&self, ending: Ending) {
        if self.ending.get().is_none() {
            self.ending.set(Some((ending, Instant::now())));
        }
    }

    /// When it must have got on, as things stand.
    pub(super) fn deadline(&self) -> Option<Instant> {
        if let Some((_, since)) = self.ending.get() {
            return Some(since + GRACE);
        }
        if let Some(stall) = self.stall.get() {
            return Some(stall.since + self.limits.write_timeout);
        }
        // The handler's own time is limited in `calls`; an answer under way, by the stall above.
        if self.calls.get() > 0 || self.unflushed.get() {
            return None;
        }
        Some(match self.head_since.get() {
            Some(since) if self.used.get() => since + self.limits.head_timeout,
            None if self.used.get() => self.quiet_since.get() + self.limits.keep_alive,
            // The first head is timed from the start, or an attacker would get the keep-alive time for each connection.
            _ => self.quiet_since.get() + self.limits.head_timeout,
        })
    }

    /// The deadline has passed. Says whether the connection may still be ended in good order; if not, it is dropped.
    pub(super) fn expired(&self) -> bool {
        if self.ending.get().is_some() || self.stall.get().is_some() {
            return false;
        }
        self.end(if self.head_since.get().is_some() { Ending::SlowHead } else { Ending::Quiet });
        true
    }
}

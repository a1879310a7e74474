//! What is known about one connection. It lives on one thread and is shared by its stream, its calls and its watch.

use super::{GRACE, Limits};
use std::cell::{Cell, RefCell};
use std::task::Waker;
use tokio::time::Instant;

/// A peer that accepts fewer bytes than this in `write_timeout` is not reading.
const WRITE_PROGRESS: u64 = 16 * 1024;

/// How far the socket is read ahead of what the app has taken, while it answers. At 128 KiB of unparsed bytes behind an
/// unfinished request the dispatcher wakes itself for ever; this, and the greatest head that is allowed, stay below.
const READ_AHEAD: usize = 96 * 1024;

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

/// What may be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Room {
    /// So many bytes, at least one.
    Bytes(usize),
    /// Nothing until the dispatcher has parsed what it holds: let it, then ask again.
    AfterParsing,
    /// Nothing until the app takes some; the reader is woken then.
    Later,
    /// The head is too large.
    Never,
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
    /// Whether TLS is still being agreed on. Its time is the first head's.
    handshaking: Cell<bool>,
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
    /// About how many bytes the dispatcher holds that the app has not taken: rather too many than too few.
    carried: Cell<usize>,
    /// An answer ended while it held some: it must parse them before more is read.
    stale: Cell<bool>,
    /// Who reads.
    reader: RefCell<Option<Waker>>,
    written: Cell<u64>,
    unflushed: Cell<bool>,
    blocked: Cell<bool>,
    stall: Cell<Option<Stall>>,
    ending: Cell<Option<(Ending, Instant)>>,
}

/// Now, by the clock that tokio's timers go by.
#[expect(
    clippy::disallowed_methods,
    reason = "a socket's deadlines are no decision, and must agree with the timer that waits for them"
)]
pub(super) fn now() -> Instant {
    Instant::now()
}

impl Connection {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            handshaking: Cell::new(false),
            calls: Cell::new(0),
            used: Cell::new(false),
            quiet_since: Cell::new(now()),
            head_since: Cell::new(None),
            head_bytes: Cell::new(0),
            parsed: Cell::new(false),
            body_open: Cell::new(false),
            carried: Cell::new(0),
            stale: Cell::new(false),
            reader: RefCell::new(None),
            written: Cell::new(0),
            unflushed: Cell::new(false),
            blocked: Cell::new(false),
            stall: Cell::new(None),
            ending: Cell::new(None),
        }
    }

    /// Whether TLS is being agreed on, from here on.
    pub(super) fn shakes_hands(&self, begun: bool) {
        self.handshaking.set(begun);
    }

    /// A head of about so many bytes has ended and its request is handed to the app.
    pub(super) fn call_began(&self, head: usize, has_body: bool) {
        self.calls.set(self.calls.get() + 1);
        self.used.set(true);
        self.body_open.set(has_body);
        self.taken(head);
    }

    /// The app took so many bytes.
    pub(super) fn taken(&self, bytes: usize) {
        self.carried.set(self.carried.get().saturating_sub(bytes));
    }

    /// The app waits for more of the body, so the dispatcher holds none of it.
    pub(super) fn body_awaited(&self) {
        // It is asked again at each turn of the connection: only a reader that found no room has to hear of it, or one turn would
        // call for the next for as long as the peer sends nothing.
        if self.carried.replace(0) > 0 {
            self.wake_reader();
        }
    }

    /// The body was read to its end, or broke.
    pub(super) fn body_ended(&self) {
        self.body_open.set(false);
    }

    /// The answer is complete, or nobody waits for it any more.
    pub(super) fn call_ended(&self) {
        self.calls.set(self.calls.get().saturating_sub(1));
        self.quiet_since.set(now());
        self.head_since.set(None);
        self.head_bytes.set(0);
        self.parsed.set(false);
        if self.carried.get() > 0 {
            self.stale.set(true);
            self.wake_reader();
        }
    }

    fn wake_reader(&self) {
        if let Some(reader) = self.reader.borrow().as_ref() {
            reader.wake_by_ref();
        }
    }

    /// Remembers who reads, to be woken when there is room again.
    pub(super) fn read_by(&self, waker: &Waker) {
        let mut reader = self.reader.borrow_mut();
        if !reader.as_ref().is_some_and(|reader| reader.will_wake(waker)) {
            *reader = Some(waker.clone());
        }
    }

    /// How many bytes may be read now. Between answers the bytes of a body left unread are limited by time only: the peer
    /// needs them gone to see its answer.
    pub(super) fn room(&self) -> Room {
        if self.calls.get() > 0 {
            return match READ_AHEAD.saturating_sub(self.carried.get()) {
                0 => Room::Later,
                bytes => Room::Bytes(bytes),
            };
        }
        if self.stale.replace(false) {
            return Room::AfterParsing;
        }
        self.carried.set(self.head_bytes.get());
        if self.body_open.get() {
            return Room::Bytes(usize::MAX);
        }
        match self.limits.max_head.saturating_sub(self.head_bytes.get()) {
            0 if self.parsed.replace(true) => Room::Never,
            0 => Room::AfterParsing,
            bytes => Room::Bytes(bytes),
        }
    }

    pub(super) fn read(&self, bytes: usize) {
        self.carried.set(self.carried.get().saturating_add(bytes));
        if bytes == 0 || self.calls.get() > 0 {
            return;
        }
        if self.head_since.get().is_none() {
            self.head_since.set(Some(now()));
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
            self.stall.set(Some(Stall { since: now(), written: self.written.get() }));
        }
    }

    /// Everything was taken. Says whether the peer took nothing before.
    pub(super) fn flushed(&self) -> bool {
        self.stall.set(None);
        if self.unflushed.replace(false) && self.calls.get() == 0 {
            self.quiet_since.set(now());
        }
        self.blocked.replace(false)
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
            self.ending.set(Some((ending, now())));
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
        if self.ending.get().is_some() || self.stall.get().is_some() || self.handshaking.get() {
            return false;
        }
        self.end(if self.head_since.get().is_some() { Ending::SlowHead } else { Ending::Quiet });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_body_that_is_waited_for_wakes_its_reader_once_for_what_was_taken_and_never_for_nothing() {
        let connection = Connection::new(Limits::default());
        let count = Arc::new(Count::default());
        connection.call_began(100, true);
        connection.read_by(&Arc::clone(&count).into());
        for (bytes, woken) in [(0, 0), (READ_AHEAD, 1), (0, 1), (0, 1), (1, 2), (0, 2)] {
            connection.read(bytes);
            connection.body_awaited();
            assert_eq!(count.0.load(Ordering::Relaxed), woken);
        }
        connection.read(READ_AHEAD);
        assert_eq!(connection.room(), Room::Later);
        connection.body_awaited();
        assert_eq!(connection.room(), Room::Bytes(READ_AHEAD));
    }

    #[test]
    fn a_handshake_has_the_time_of_the_first_head_and_is_not_ended_with_an_answer() {
        let connection = Connection::new(Limits::default());
        let accepted = connection.deadline();
        connection.shakes_hands(true);
        assert_eq!(connection.deadline(), accepted);
        assert!(!connection.expired(), "there is nobody to tell");
        connection.shakes_hands(false);
        connection.read(10);
        assert_eq!(connection.deadline(), accepted);
        assert!(connection.expired());
        assert_eq!(connection.ending(), Some(Ending::SlowHead));
    }
}

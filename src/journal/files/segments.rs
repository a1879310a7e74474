//! Appends commits to the segments, and is the only one to do so.

use super::anchor::Mark;
use super::disk::{Disk, DiskFile, give_name, prepare_whole};
use super::entries::{Entries, segment_head};
use super::frame::{MAX_EVENT, encode};
use super::header::{Header, JOURNAL, list_segments, segment_path};
use super::index::Index;
use super::merkle::{Frontier, Sha256, leaf_hash};
use super::recovery::{Marks, Opened, Recovered, recover};
use super::room;
use crate::domain::ids::{Hash, Position};
use std::io;

pub use super::error::OpenError;

/// A segment that would grow past this many bytes is closed and a new one begun, unless told otherwise.
pub const ROLL_AT: u64 = 64 * 1024 * 1024;

/// One event as it goes into a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedEvent {
    /// The JSON object, exactly as it is stored and hashed; without a newline, at most [`MAX_EVENT`] bytes.
    pub bytes: Vec<u8>,
    /// Its [`leaf_hash`].
    pub leaf: Hash,
}

impl EncodedEvent {
    /// An event with its leaf hash.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { leaf: leaf_hash(&bytes), bytes }
    }
}

/// The events of one commit, at the positions that follow the commit before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedCommit {
    /// At least one.
    pub events: Vec<EncodedEvent>,
}

/// What an append did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Everything up to here is durable now.
    pub head: Position,
    /// How many bytes were written, the head of a new segment left out.
    pub bytes: u64,
    /// The first position of the segment that was begun for the batch, if one was.
    pub rolled: Option<Position>,
}

/// A batch that has its room on the disk.
#[must_use]
pub struct Prepared {
    rolled: bool,
}

/// The segments, open for appending. What it holds is durable: [`Segments::append`] comes back after the sync.
pub struct Segments<D: Disk> {
    disk: D,
    /// The first positions of all segments; the last one is the open one.
    segments: Vec<Position>,
    file: D::File,
    /// The length of the open segment as we left it.
    length: u64,
    /// Where in it the last batch begins, if it holds one: its first position, and its offset.
    last_batch: Option<(Position, u64)>,
    /// Up to where room was taken for the open segment.
    allocated: u64,
    /// How much room is taken ahead, in bytes.
    ahead: u64,
    /// Bytes of text of all segments but the open one.
    closed_bytes: u64,
    /// What the indexes of the segments said that were sealed when the journal was opened.
    sealed: Vec<Index>,
    /// SHA-256 over the open segment so far.
    digest: Sha256,
    /// Over everything; its size is the last durable position.
    frontier: Frontier,
    origin: String,
    roll_at: u64,
    /// Lines of a batch; kept for its memory.
    lines: Vec<u8>,
    /// Why nothing is written any more.
    stopped: Option<String>,
}

impl<D: Disk> Segments<D> {
    /// Begins a journal in a directory without segments. The anchor must be there already. May be called again after
    /// a crash in the middle of it.
    pub fn create(disk: D, origin: &str) -> io::Result<Self> {
        if !list_segments(&disk)?.is_empty() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a journal in this directory already"));
        }
        match disk.create_dir(JOURNAL) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => disk.sync_dir("")?,
        }
        let header = Header { origin: origin.to_owned(), frontier: Frontier::default(), previous: None };
        let ahead = room::step(disk.room()?.size);
        let (file, length, digest, allocated) = begin_segment(&disk, &header, 0, ahead)?;
        Ok(Self {
            disk,
            segments: vec![header.first()],
            file,
            length,
            last_batch: None,
            allocated,
            ahead,
            closed_bytes: 0,
            sealed: Vec::new(),
            digest,
            frontier: header.frontier,
            origin: header.origin,
            roll_at: ROLL_AT,
            lines: Vec::new(),
            stopped: None,
        })
    }

    /// Opens a journal: checks it, cuts off a torn write, and refuses damage. See [`super::recovery`].
    pub fn open(disk: D, marks: &Marks) -> Result<(Self, Recovered), OpenError> {
        let Opened { segments, sealed, closed_bytes, open, recovered } = recover(&disk, marks)?;
        let opened = Self {
            file: disk.open(&segment_path(open.header.first()))?,
            ahead: room::step(disk.room()?.size),
            disk,
            segments,
            length: open.length,
            last_batch: open.last_commit,
            allocated: open.length,
            closed_bytes,
            sealed,
            digest: open.digest,
            frontier: open.frontier,
            origin: open.header.origin,
            roll_at: ROLL_AT,
            lines: Vec::new(),
            stopped: None,
        };
        Ok((opened, recovered))
    }

    /// Closes segments at another size than [`ROLL_AT`], in bytes.
    pub fn roll_at(mut self, bytes: u64) -> Self {
        self.roll_at = bytes;
        self
    }

    /// Writes a batch of commits in one write and syncs it. When this returns `Ok`, the batch is durable.
    ///
    /// After an error nothing is known about the batch, and every later call fails: stop acknowledging, and recover
    /// with [`Segments::open`]. Only `InvalidInput`, for events that no line can hold, and a disk without room
    /// ([`room::was_unchanged`]) leave everything as it was.
    pub fn append(&mut self, batch: &[EncodedCommit]) -> io::Result<Appended> {
        let prepared = self.prepare(batch)?;
        self.write(batch, prepared)
    }

    /// The first half of [`Self::append`]: takes room for a batch, in the next segment if it does not fit into the open one.
    pub fn prepare(&mut self, batch: &[EncodedCommit]) -> io::Result<Prepared> {
        if let Some(why) = &self.stopped {
            return Err(io::Error::other(format!("the journal takes no more since a write failed ({why}); restart")));
        }
        check(batch)?;
        let prepared = self.make_room(batch);
        if let Err(error) = &prepared
            && !room::was_unchanged(error)
        {
            self.stopped = Some(error.to_string());
        }
        prepared
    }

    /// The second half: writes the batch that was prepared last, and syncs it.
    pub fn write(&mut self, batch: &[EncodedCommit], prepared: Prepared) -> io::Result<Appended> {
        let appended = self.write_lines(batch, prepared.rolled);
        if let Err(error) = &appended {
            self.stopped = Some(error.to_string());
        }
        appended
    }

    fn make_room(&mut self, batch: &[EncodedCommit]) -> io::Result<Prepared> {
        let found = self.file.len()?;
        if found != self.length {
            let (path, left) = (segment_path(self.first()), self.length);
            let message = format!("{path} has {found} bytes, but we left it with {left}: somebody else writes to it");
            return Err(io::Error::other(message));
        }
        self.encode(batch);
        let bytes = self.lines.len() as u64;
        let holds_entries = self.head() >= self.first();
        let rolled = holds_entries && bytes > 0 && self.length + bytes > self.roll_at;
        if rolled {
            self.roll(bytes)?;
        } else if self.length + bytes > self.allocated {
            let taken = room::take(&mut self.file, self.length, self.length + bytes, self.ahead);
            self.allocated = *taken.as_ref().unwrap_or(&self.length);
            taken?;
        }
        Ok(Prepared { rolled })
    }

    fn write_lines(&mut self, batch: &[EncodedCommit], rolled: bool) -> io::Result<Appended> {
        let bytes = self.lines.len() as u64;
        if bytes > 0 {
            self.file.write_at(self.length, &self.lines)?;
            self.file.sync_data()?;
            self.last_batch = Some((self.head() + 1, self.length));
            self.length += bytes;
            self.digest.update(&self.lines);
            batch.iter().flat_map(|commit| &commit.events).for_each(|event| self.frontier.push(event.leaf));
        }
        Ok(Appended { head: self.head(), bytes, rolled: rolled.then(|| self.first()) })
    }

    fn encode(&mut self, batch: &[EncodedCommit]) {
        self.lines.clear();
        let mut position = self.head();
        for commit in batch {
            #[expect(clippy::cast_possible_truncation, reason = "a commit has a few hundred events at most")]
            let parts = commit.events.len() as u32;
            for (part, event) in (1..).zip(&commit.events) {
                let start = self.lines.len();
                encode(&mut self.lines, self.frontier.size(), part, parts, &event.bytes);
                position += 1;
                debug_assert!(is_line(&self.lines[start..self.lines.len() - 1], position, event.leaf));
            }
        }
    }

    /// Closes the open segment and begins the next, with room for `bytes` of lines. Everything in the open one is durable.
    fn roll(&mut self, bytes: u64) -> io::Result<()> {
        let previous = Some(self.digest.clone().finish());
        let header = Header { origin: self.origin.clone(), frontier: self.frontier.clone(), previous };
        let (file, length, digest, allocated) = begin_segment(&self.disk, &header, bytes, self.ahead)?;
        self.give_back()?;
        self.closed_bytes += self.length;
        self.segments.push(header.first());
        (self.file, self.length, self.digest, self.allocated) = (file, length, digest, allocated);
        self.last_batch = None;
        Ok(())
    }

    /// Gives back the room that was taken ahead of the open segment's end: nothing is to be appended to it for now.
    pub fn give_back(&mut self) -> io::Result<()> {
        if self.allocated > self.length && self.allocated < u64::MAX {
            self.file.truncate(self.length)?;
            self.allocated = self.length;
        }
        Ok(())
    }

    /// Begins a segment under another checkpoint origin, which all that follow have too. An open segment without entries is
    /// replaced by it.
    ///
    /// # Errors
    /// As [`Self::append`]; `InvalidInput` where there are no entries yet.
    pub fn begin_origin(&mut self, origin: &str) -> io::Result<()> {
        if let Some(why) = &self.stopped {
            return Err(io::Error::other(format!("the journal takes no more since a write failed ({why}); restart")));
        }
        if self.head() == 0 {
            let message = "a journal without entries has the origin it was begun with";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let before = std::mem::replace(&mut self.origin, origin.to_owned());
        let begun = if self.head() >= self.first() { self.roll(0) } else { self.replace_head() };
        if let Err(error) = &begun {
            self.origin = before;
            self.stopped = Some(error.to_string());
        }
        begun
    }

    /// Writes the open segment, which holds nothing but its head, anew.
    fn replace_head(&mut self) -> io::Result<()> {
        let previous = segment_head(&self.disk, self.first()).map_err(io::Error::other)?.previous;
        let header = Header { origin: self.origin.clone(), frontier: self.frontier.clone(), previous };
        (self.file, self.length, self.digest, self.allocated) = begin_segment(&self.disk, &header, 0, self.ahead)?;
        Ok(())
    }

    /// Reads the entries from position `from` (1 is the first) up to the head as it is now, in bounded memory.
    pub fn read(&self, from: Position) -> Entries<D> {
        let entries = Entries::new(self.disk.clone(), self.segments.clone(), from, self.head());
        match self.last_batch {
            Some((first, offset)) if first <= from => entries.skipping_to(self.first(), first, offset),
            _ => entries,
        }
    }

    /// The position of the last entry, 0 if there is none. Everything up to it is durable.
    pub fn head(&self) -> Position {
        self.frontier.size()
    }

    /// The Merkle frontier over everything up to the head.
    pub fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// The head and the Merkle root there: what the anchor and the store remember.
    pub fn mark(&self) -> Mark {
        Mark { position: self.frontier.size(), root: self.frontier.root() }
    }

    /// Which journal this is, as its last segment says.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The first position of the open segment.
    pub fn first(&self) -> Position {
        // There is always an open segment; 1 would be the first position of the first.
        self.segments.last().copied().unwrap_or(1)
    }

    /// The first positions of all segments, ascending; the last one is open.
    pub fn segments(&self) -> &[Position] {
        &self.segments
    }

    /// What the indexes of the segments say that were sealed when the journal was opened.
    pub fn sealed(&self) -> &[Index] {
        &self.sealed
    }

    /// The length of all segments together, in bytes of text.
    pub fn bytes(&self) -> u64 {
        self.closed_bytes + self.length
    }
}

/// Refuses what would not be a line, before anything is written.
fn check(batch: &[EncodedCommit]) -> io::Result<()> {
    for event in batch.iter().flat_map(|commit| &commit.events) {
        let object = event.bytes.starts_with(b"{") && event.bytes.ends_with(b"}") && !event.bytes.contains(&b'\n');
        if !object || event.bytes.len() > MAX_EVENT {
            let message = format!("an event must be a JSON object on one line of at most {MAX_EVENT} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
    }
    Ok(())
}

fn is_line(line: &[u8], position: Position, leaf: Hash) -> bool {
    super::frame::decode(line).is_ok_and(|line| line.position == position && line.leaf() == leaf)
}

/// Makes a segment that holds its head and nothing else. It gets its name only when it is whole and synced: so a
/// segment without a good head is always damage, never the trace of a crash. It has room for `bytes` more, and is not begun
/// where there is none.
fn begin_segment<D: Disk>(
    disk: &D,
    header: &Header,
    bytes: u64,
    ahead: u64,
) -> io::Result<(D::File, u64, Sha256, u64)> {
    let (path, line) = (segment_path(header.first()), header.encode());
    let length = line.len() as u64;
    let mut allocated = 0;
    let filled = prepare_whole(disk, &path, |file| {
        allocated = room::take(file, 0, length + bytes, ahead)?;
        file.write_at(0, &line)
    });
    filled.map_err(room::unchanged)?;
    give_name(disk, &path)?;
    let mut digest = Sha256::default();
    digest.update(&line);
    Ok((disk.open(&path)?, length, digest, allocated))
}

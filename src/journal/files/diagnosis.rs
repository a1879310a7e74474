//! Reads a whole journal and names everything in it that is not what it should be, where a start stops at the first. Writes
//! nothing.

use super::anchor::{Anchor, AnchorState, Mark};
use super::disk::{Disk, DiskFile};
use super::dropped::{DROPPED, Dropped};
use super::entries::segment_head;
use super::error::{ReadError, Witness};
use super::header::{Header, SegmentName, list_segments, sealed_path, segment_path};
use super::heads::{ExpectedHead, find_head};
use super::index::Index;
use super::merkle::Frontier;
use super::scan::{Known, Scan, scan};
use crate::domain::ids::{Hash, Position};
use std::io;

/// A segment that is not what it should be, or is not there.
#[derive(Debug, Clone)]
pub struct SegmentFault {
    /// Its file, relative to the data directory.
    pub file: String,
    /// Its first position.
    pub first: Position,
    /// Its last position; `None` for the open one.
    pub last: Option<Position>,
    /// The file; `None` where it is missing.
    pub segment: Option<SegmentName>,
    /// What is wrong, in words that follow the file's name.
    pub why: String,
    /// The Merkle frontier before it, as far as something tells.
    pub before: Option<Frontier>,
    /// What its head must call `previous`, as far as something tells.
    pub previous: Option<Option<Hash>>,
    /// SHA-256 that its text must have, which the next head says.
    pub expected: Option<Hash>,
    /// Whether a start needs it.
    pub blocks: bool,
    /// Whether somebody's Merkle root contradicts entries that are whole, so that either may be of another journal.
    pub conflict: bool,
}

impl SegmentFault {
    /// Whether it is compressed.
    pub fn is_sealed(&self) -> bool {
        self.segment.is_some_and(|segment| segment.sealed)
    }
}

/// What was found.
#[derive(Debug, Clone)]
pub struct Diagnosis {
    /// All segments, ascending.
    pub segments: Vec<SegmentName>,
    /// What is wrong with the anchor, if anything.
    pub anchor: Option<&'static str>,
    /// What is wrong with segments, ascending.
    pub faults: Vec<SegmentFault>,
    /// The last entry in an unbroken row from the first that a start needs, in whole commits, with the root there.
    pub good: Frontier,
    /// The origin of the last good segment.
    pub origin: Option<String>,
    /// Where the good part of the segment ends that the row breaks in, in bytes of text.
    pub good_end: Option<(Position, u64)>,
    /// The last position that is known to have been durable.
    pub durable: Position,
    /// How far the store has applied the journal, if it is whole.
    pub store: Option<Mark>,
    /// What was dropped before the first segment.
    pub dropped: Option<Dropped>,
}

impl Diagnosis {
    /// Whether everything is as it should be.
    pub fn is_well(&self) -> bool {
        self.anchor.is_none() && self.faults.is_empty()
    }

    /// The mark of the last good entry.
    pub fn good_mark(&self) -> Mark {
        Mark { position: self.good.size(), root: self.good.root() }
    }

    /// The first fault that keeps a server from starting.
    pub fn blocking(&self) -> Option<&SegmentFault> {
        self.faults.iter().find(|fault| fault.blocks)
    }
}

struct Survey<'a, D: Disk> {
    disk: &'a D,
    known: Vec<Known>,
    /// What the segments read so far say of the next.
    expected: ExpectedHead,
    /// The position that comes next.
    next: Position,
    found: Diagnosis,
}

/// Reads everything. `store` is how far the store has applied the journal, if it is whole.
///
/// # Errors
/// Where the disk fails.
pub fn diagnose<D: Disk>(disk: &D, store: Option<Mark>) -> io::Result<Diagnosis> {
    let segments = list_segments(disk)?;
    let state = Anchor::look(disk)?;
    let mut known: Vec<Known> = state.mark().map(|mark| Known { mark, by: Witness::Anchor }).into_iter().collect();
    known.extend(store.map(|mark| Known { mark, by: Witness::Store }));
    let durable = known.iter().map(|known| known.mark.position).max().unwrap_or(0);
    let anchor = match state {
        AnchorState::Found { .. } => None,
        AnchorState::Missing => Some("is missing"),
        AnchorState::BothBad => Some("is damaged in both its slots"),
    };
    let found = Diagnosis {
        segments: segments.clone(),
        anchor,
        faults: Vec::new(),
        good: Frontier::default(),
        origin: None,
        good_end: None,
        durable,
        store,
        dropped: None,
    };
    let expected = ExpectedHead { previous: Some(None), frontier: Some(Frontier::default()) };
    let mut survey = Survey { disk, known, expected, next: 1, found };
    survey.begin(segments.first().map_or(1, |segment| segment.first))?;
    for (at, segment) in segments.iter().enumerate() {
        survey.take(*segment, segments.get(at + 1).copied())?;
    }
    survey.end();
    Ok(survey.found)
}

/// The head of a segment; `None` where it is damaged.
fn head<D: Disk>(disk: &D, segment: SegmentName) -> io::Result<Option<Header>> {
    match find_head(disk, segment) {
        Ok((header, _)) => Ok(Some(header)),
        Err(ReadError::Damaged(_)) => Ok(None),
        Err(ReadError::Io(error)) => Err(error),
    }
}

impl<D: Disk> Survey<'_, D> {
    /// What was dropped is not missed.
    fn begin(&mut self, first: Position) -> io::Result<()> {
        let dropped = match Dropped::before(self.disk, first) {
            Ok(dropped) => dropped,
            Err(ReadError::Io(error)) => return Err(error),
            Err(ReadError::Damaged(damage)) => {
                self.fault(None, 1, Some(first - 1), damage.why, None);
                if let Some(fault) = self.found.faults.last_mut() {
                    fault.file = DROPPED.to_owned();
                }
                (self.expected, self.next) = (ExpectedHead::UNKNOWN, first);
                return Ok(());
            }
        };
        match ExpectedHead::first(dropped.as_ref(), first) {
            Ok(expected) => (self.expected, self.next) = (expected, first),
            Err(missing) => self.next = missing,
        }
        if let Some(dropped) = dropped {
            if self.next > dropped.through() {
                self.expected = ExpectedHead::behind(&dropped);
                self.found.good = dropped.frontier.clone();
            }
            self.found.dropped = Some(dropped);
        }
        Ok(())
    }

    fn fault(
        &mut self,
        segment: Option<SegmentName>,
        first: Position,
        last: Option<Position>,
        why: String,
        next: Option<&Header>,
    ) {
        let sealed = segment.is_some_and(|segment| segment.sealed);
        let applied = self.found.store.map_or(0, |store| store.position);
        let needed = last.is_none_or(|last| applied < last);
        let blocks = !sealed || needed || !self.starts_with(first, next);
        self.found.faults.push(SegmentFault {
            file: segment.map_or_else(|| segment_path(first), |segment| segment.path()),
            first,
            last,
            segment,
            why,
            before: self.expected.frontier.clone(),
            previous: self.expected.previous,
            expected: next.and_then(|next| next.previous),
            blocks,
            conflict: false,
        });
    }

    /// Whether a start passes a sealed segment that the store has applied: it looks at the index and the length of the file only.
    fn starts_with(&self, first: Position, next: Option<&Header>) -> bool {
        let length = self.disk.open_to_read(&sealed_path(first)).and_then(|file| file.len()).ok();
        let fits = |index: Index| {
            Some(index.compressed) == length && next.is_some_and(|next| next.previous == Some(index.digest))
        };
        Index::read(self.disk, first).is_ok_and(fits)
    }

    fn is_unbroken(&self) -> bool {
        self.found.faults.iter().all(|fault| !fault.blocks)
    }

    fn take(&mut self, segment: SegmentName, next: Option<SegmentName>) -> io::Result<()> {
        let header = head(self.disk, segment)?;
        if segment.first > self.next {
            let (first, last) = (self.next, Some(segment.first - 1));
            self.fault(None, first, last, "it is not there".to_owned(), header.as_ref());
            self.expected = ExpectedHead::UNKNOWN;
        }
        self.found.durable = self.found.durable.max(segment.first - 1);
        if self.expected.frontier.is_none() {
            self.expected.frontier = header.as_ref().map(|header| header.frontier.clone());
        }
        if self.expected.previous.is_none() {
            self.expected.previous = header.as_ref().map(|header| header.previous);
        }
        let next_head = next.map(|next| head(self.disk, next)).transpose()?.flatten();
        // The last one is the open one. If it is sealed, the open one is missing, and only its index tells what it must be.
        let index = if next.is_none() && segment.sealed { Index::read(self.disk, segment.first).ok() } else { None };
        let last = next.map(|next| next.first - 1).or(index.as_ref().map(|index| index.last));
        let (read, conflict) = self.read(segment.first)?;
        let unbroken = self.is_unbroken();
        let why = match &read {
            Ok(read) => self.judge(read, segment, last, next_head.as_ref(), index.as_ref()),
            Err(why) => Some(why.clone()),
        };
        if let Ok(read) = &read {
            self.found.durable = self.found.durable.max(read.durable);
        }
        if let Some(why) = why.or(conflict.clone()) {
            self.fault(Some(segment), segment.first, last, why, next_head.as_ref());
            if let Some(fault) = self.found.faults.last_mut() {
                fault.conflict = conflict.is_some();
                fault.expected = fault.expected.or(index.as_ref().map(|index| index.digest));
            }
        }
        let follows = |read: &Scan| self.expected.frontier.as_ref() == Some(&read.header.frontier);
        if unbroken
            && let Ok(read) = &read
            && follows(read)
        {
            // Where the row breaks here, what stands before the break still counts. A sealed one that is not needed is passed.
            let passed = next_head.as_ref().filter(|_| self.is_unbroken()).map(|next| next.frontier.clone());
            self.found.good = passed.unwrap_or_else(|| read.frontier.clone());
            self.found.origin = Some(read.header.origin.clone());
            self.found.good_end = Some((segment.first, read.good_end));
        }
        self.go_on(segment, read.ok(), next, next_head);
        Ok(())
    }

    /// A segment read in full, or why it cannot be read at all; and what contradicts it.
    fn read(&self, first: Position) -> io::Result<(Result<Scan, String>, Option<String>)> {
        let sentence = match scan(self.disk, first, &self.known) {
            Ok(read) => return Ok((Ok(read), None)),
            Err(ReadError::Io(error)) => return Err(error),
            Err(ReadError::Damaged(damage)) => format!("at byte {}: {}", damage.offset, damage.why),
        };
        match scan(self.disk, first, &[]) {
            Ok(read) => Ok((Ok(read), Some(sentence))),
            Err(ReadError::Io(error)) => Err(error),
            Err(_) => Ok((Err(sentence), None)),
        }
    }

    /// What is wrong with a segment that could be read.
    fn judge(
        &self,
        read: &Scan,
        segment: SegmentName,
        last: Option<Position>,
        next: Option<&Header>,
        index: Option<&Index>,
    ) -> Option<String> {
        if !self.expected.is_met_by(&read.header) {
            return Some("its first line does not continue the segment before it".to_owned());
        }
        // What is wrong with the open one may be a torn write.
        let closed = segment.sealed || last.is_some();
        if let Some(fault) = read.fault.as_ref().filter(|_| closed) {
            return Some(format!("at byte {}: {}", fault.damage.offset, fault.damage.why));
        }
        let last = last?;
        if read.frontier.size() < last {
            return Some(format!("at byte {}: the file ends there", read.good_end));
        }
        let digest = read.digest.clone().finish();
        let other = next.is_some_and(|next| next.previous != Some(digest) || next.frontier != read.frontier)
            || index.is_some_and(|index| index.digest != digest);
        other.then(|| "the SHA-256 of its text is not the one the next segment has for it".to_owned())
    }

    fn go_on(&mut self, segment: SegmentName, read: Option<Scan>, behind: Option<SegmentName>, next: Option<Header>) {
        let Some(next) = next else {
            let faulty = self.found.faults.last().is_some_and(|fault| fault.segment == Some(segment));
            let read = read.filter(|_| !faulty);
            let end = read.as_ref().map_or(segment.first, |read| read.frontier.size() + 1);
            self.next = behind.map_or(end, |behind| behind.first);
            self.expected = read.map_or(ExpectedHead::UNKNOWN, |read| ExpectedHead {
                previous: Some(Some(read.digest.finish())),
                frontier: Some(read.frontier),
            });
            return;
        };
        (self.expected, self.next) = (ExpectedHead::from(&next), next.first());
    }

    /// The open segment must hold everything that was durable; what is bad behind that is a torn write.
    fn end(&mut self) {
        let Some(last) = self.found.segments.last().copied() else {
            if self.found.durable > 0 {
                self.fault(None, 1, None, "it is not there".to_owned(), None);
            }
            return;
        };
        let faulty = self.found.faults.last().is_some_and(|fault| fault.segment == Some(last));
        let end = self.expected.frontier.as_ref().map_or(last.first - 1, Frontier::size);
        if last.sealed {
            let why = "the open segment behind the sealed ones is not there".to_owned();
            let ends = self.found.faults.last().filter(|_| faulty).and_then(|fault| fault.last);
            self.fault(None, ends.unwrap_or(end) + 1, None, why, None);
        } else if !faulty && end < self.found.durable {
            let why = match scan(self.disk, last.first, &[]).ok().and_then(|read| read.fault) {
                Some(fault) => format!("at byte {}: {}", fault.damage.offset, fault.damage.why),
                None => format!("it ends at entry {end}, and entries up to {} were durable", self.found.durable),
            };
            let own = segment_head(self.disk, last.first).ok();
            self.expected = own.map_or(ExpectedHead::UNKNOWN, |own| ExpectedHead::from(&own));
            self.fault(Some(last), last.first, None, why, None);
        }
    }
}

//! Looks after segments that are no longer written: seals those that were closed, and reads sealed ones again and again, so that
//! damage is found while there still is a back-up. Works in steps; a thread of its own calls them.

use super::base::check_stand_in;
use super::files::anchor::Anchor;
use super::files::disk::{Disk, DiskFile, put_whole};
use super::files::error::ReadError;
use super::files::frame::{seal_value, unseal_value};
use super::files::header::{Header, JOURNAL, SegmentName, list_segments, segment_path};
use super::files::heads::find_head;
use super::files::index::{Index, IndexError};
use super::files::seal::{Pace, SealError, check_sealed, reindex, seal};
use super::files::sealed::SealedSegments;
use crate::domain::ids::Position;
use crate::domain::time::{Span, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// When each sealed segment was read last, so that a start does not begin from the first again.
const SCRUBBED: &str = "scrubbed";

/// Stands for the base where segments stand by their first positions.
const BASE: Position = 0;

/// A segment that was read in full and is whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Scrubbed {
    /// Its first position.
    pub first: Position,
    /// Whether its index was not what it should be, and has been made again.
    pub reindexed: bool,
}

/// See the module.
pub struct Keeper<D: Disk> {
    disk: D,
    sealed: SealedSegments<D>,
    /// How much room on the disk is left to others.
    keep_free: u64,
    /// When each segment was read and found whole.
    read_at: BTreeMap<Position, Timestamp>,
    /// When a segment was tried in vain: it is not tried again at once, and after a restart it is.
    tried_at: BTreeMap<Position, Timestamp>,
    /// Closed segments that are damaged: they stay as they are, and the others are sealed all the same.
    damaged: BTreeSet<Position>,
}

impl<D: Disk> Keeper<D> {
    /// Looks after the segments on a disk. What it seals is added to `sealed`.
    pub fn new(disk: D, sealed: SealedSegments<D>) -> Self {
        let read_at = load(&disk).unwrap_or_default();
        Self { disk, sealed, keep_free: 0, read_at, tried_at: BTreeMap::new(), damaged: BTreeSet::new() }
    }

    /// Seals nothing that could leave less than `bytes` of room on the disk: below the low water what is left belongs to what
    /// closes something.
    pub fn keep_free(self, bytes: u64) -> Self {
        Self { keep_free: bytes, ..self }
    }

    /// The sealed segments.
    pub fn sealed(&self) -> &SealedSegments<D> {
        &self.sealed
    }

    /// How many closed segments wait to be sealed.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn waiting(&self) -> io::Result<usize> {
        let segments = list_segments(&self.disk)?;
        Ok(segments.iter().rev().skip(1).filter(|segment| !segment.sealed).count())
    }

    /// Seals the oldest closed segment, and says its last position; `None` where none waits. A segment waits until the anchor
    /// stands behind it, so that a start never has to look for a mark in a sealed one.
    ///
    /// # Errors
    /// [`SealError`]: the segment stays as it is.
    pub fn seal_next(&mut self, now: Timestamp, pace: Pace<'_>) -> Result<Option<Position>, SealError> {
        let segments = list_segments(&self.disk)?;
        let waits = |segment: &SegmentName| !segment.sealed && !self.damaged.contains(&segment.first);
        let Some(at) = segments.windows(2).position(|pair| waits(&pair[0])) else { return Ok(None) };
        let (first, behind) = (segments[at].first, segments[at + 1].first);
        let marked = Anchor::look(&self.disk)?.mark().map_or(0, |mark| mark.position);
        if marked < behind || !self.has_room(&segments[at])? {
            return Ok(None);
        }
        let sealed = self.header(behind).and_then(|next| seal(&self.disk, first, &next, pace));
        let index = sealed.inspect_err(|error| {
            if error.damage().is_some() {
                self.damaged.insert(first);
            }
        })?;
        let last = index.last;
        self.sealed.put(index);
        self.was_read(first, now);
        Ok(Some(last))
    }

    /// Whether there is room for the compressed form beside the text: a quarter of it is more than it comes to.
    fn has_room(&self, segment: &SegmentName) -> io::Result<bool> {
        let length = self.disk.open_to_read(&segment.path())?.len()?;
        Ok(self.keep_free == 0 || self.disk.room()?.free >= self.keep_free + length / 4)
    }

    /// Reads the sealed segment that was not read for the longest time, if that is longer than `every`.
    ///
    /// # Errors
    /// [`SealError`]: the segment is damaged, or the disk failed. It is not tried again before `every` has passed.
    pub fn scrub_next(&mut self, now: Timestamp, every: Span, pace: Pace<'_>) -> Result<Option<Scrubbed>, SealError> {
        // A clock that was set back makes nothing wait longer than it should.
        let is_recent = |at: Timestamp| now.since(at).is_within(every);
        let due = |index: &Index| {
            let tried = self.tried_at.get(&index.first()).copied();
            let read = self.last_read(index);
            (!tried.is_some_and(is_recent) && !is_recent(read)).then_some(tried.unwrap_or_default().max(read))
        };
        let sealed = self.sealed.all();
        let oldest = sealed.iter().filter_map(|index| due(index).map(|at| (at, index))).min_by_key(|(at, _)| *at);
        let Some((_, index)) = oldest else { return Ok(None) };
        let first = index.first();
        // Before it is read: what cannot be read must not keep the others from being read.
        self.tried_at.insert(first, now);
        let next = self.header(index.last + 1)?;
        let reindexed = match check_sealed(&self.disk, first, &next, pace) {
            Ok(()) => false,
            Err(SealError::Index(IndexError::Unusable { .. })) => {
                self.sealed.put(reindex(&self.disk, first, &next, pace)?);
                true
            }
            Err(error) => return Err(error),
        };
        self.was_read(first, now);
        Ok(Some(Scrubbed { first, reindexed }))
    }

    /// Reads the base that stands in for dropped history, where there is one and it is due as a segment would be, and says what is
    /// wrong with it: nothing reads it as long as the store is whole, and without it a store cannot be made again.
    pub fn fault_of_base(&mut self, now: Timestamp, every: Span, pace: Pace<'_>) -> Option<String> {
        let tried = self.tried_at.get(&BASE).copied().unwrap_or_default();
        if now.since(tried).is_within(every) {
            return None;
        }
        self.tried_at.insert(BASE, now);
        match check_stand_in(&self.disk, pace) {
            Err(ReadError::Damaged(damage)) => Some(damage.to_string()),
            // A disk that fails says so wherever else it is read.
            Ok(_) | Err(ReadError::Io(_)) => None,
        }
    }

    /// When the segment was read that was not read for the longest time; `None` where none is sealed.
    pub fn oldest_read(&self) -> Option<Timestamp> {
        self.sealed.all().iter().map(|index| self.last_read(index)).min()
    }

    /// One that nobody has a time for counts from when it was written at the latest.
    fn last_read(&self, index: &Index) -> Timestamp {
        self.read_at.get(&index.first()).copied().unwrap_or(index.span.1)
    }

    fn header(&self, first: Position) -> Result<Header, SealError> {
        let sealed = self.disk.find(&segment_path(first))?.is_none();
        Ok(find_head(&self.disk, SegmentName { first, sealed })?.0)
    }

    /// Remembers that a segment was read. That this is written is of no importance to anything but the order of later reads.
    fn was_read(&mut self, first: Position, now: Timestamp) {
        self.read_at.insert(first, now);
        if let Err(error) = save(&self.disk, &self.read_at) {
            tracing::debug!(%error, "when segments were read could not be written down");
        }
    }
}

/// First positions, and when each was read.
type Written = Vec<(Position, String)>;

fn path() -> String {
    format!("{JOURNAL}/{SCRUBBED}")
}

fn save<D: Disk>(disk: &D, read_at: &BTreeMap<Position, Timestamp>) -> io::Result<()> {
    let written: Written = read_at.iter().map(|(first, at)| (*first, at.to_string())).collect();
    let mut line = Vec::new();
    seal_value(&mut line, SCRUBBED, &written);
    put_whole(disk, &path(), |file| file.write_at(0, &line))
}

fn load<D: Disk>(disk: &D) -> Option<BTreeMap<Position, Timestamp>> {
    disk.find(&path()).ok()??;
    let bytes = disk.read(&path()).ok()?;
    let written: Written = unseal_value(bytes.strip_suffix(b"\n")?, SCRUBBED).ok()?;
    written.into_iter().map(|(first, at)| Some((first, at.parse().ok()?))).collect()
}

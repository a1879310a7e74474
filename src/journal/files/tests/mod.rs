//! The files under fire: torn writes, power cuts, flipped bits, failing disks.

mod backup;
mod crash;
mod damage;
mod faults;
mod model;
mod read;
mod sealed;
mod torn;

use super::anchor::Mark;
use super::error::OpenError;
use super::memory_disk::MemoryDisk;
use super::recovery::Recovered;
use super::segments::{EncodedCommit, EncodedEvent, Segments};
use super::start::{Started, start};
use crate::domain::ids::Position;
use std::io;

/// The file of the first segment.
const FIRST: &str = "journal/00000000000000000001.jsonl";

/// A journal in memory, and what its user was told and may rely on.
struct Journal {
    disk: MemoryDisk,
    started: Started<MemoryDisk>,
    /// Every event that was acknowledged, in order.
    acknowledged: Vec<Vec<u8>>,
    /// The commits of the batch that was given last, if it was not acknowledged.
    in_doubt: Vec<Vec<Vec<u8>>>,
}

impl Journal {
    /// Starts on `disk`, expecting what is already `acknowledged` and perhaps some commits `in_doubt`.
    fn start(disk: &MemoryDisk) -> Result<Self, OpenError> {
        Self::start_with(disk, None)
    }

    fn start_with(disk: &MemoryDisk, store: Option<Mark>) -> Result<Self, OpenError> {
        let started = start(disk, "test", store)?;
        let acknowledged = events(&started.segments);
        Ok(Self { disk: disk.clone(), started, acknowledged, in_doubt: Vec::new() })
    }

    fn new() -> Self {
        Self::start(&MemoryDisk::new()).unwrap()
    }

    /// The same, with segments of `bytes` bytes.
    fn roll_at(mut self, bytes: u64) -> Self {
        self.started.segments = self.started.segments.roll_at(bytes);
        self
    }

    /// Appends one batch; each number is an event of about so many bytes. `life` makes the bytes differ from those of
    /// another life of the journal at the same positions.
    fn append_in(&mut self, life: u64, commits: &[&[usize]]) -> io::Result<()> {
        let mut position = self.started.segments.head();
        let batch: Vec<_> = commits.iter().map(|sizes| commit(life, &mut position, sizes)).collect();
        let bytes = |commit: &EncodedCommit| commit.events.iter().map(|event| event.bytes.clone()).collect();
        self.in_doubt = batch.iter().map(bytes).collect();
        self.started.segments.append(&batch)?;
        self.acknowledged.extend(self.in_doubt.drain(..).flatten());
        Ok(())
    }

    fn append(&mut self, commits: &[&[usize]]) -> io::Result<()> {
        self.append_in(0, commits)
    }

    fn anchor(&mut self) -> io::Result<()> {
        self.started.anchor.write(self.started.segments.mark(), false)
    }

    fn mark(&self) -> Mark {
        self.started.segments.mark()
    }

    fn recovered(&self) -> &Recovered {
        self.started.recovered.as_ref().unwrap()
    }

    /// Fails unless `found` is all that was acknowledged and then whole commits of the batch in doubt.
    fn check_kept(&self, found: &[Vec<u8>], context: &str) {
        let mut expected = self.acknowledged.clone();
        let mut whole = found == expected;
        for commit in &self.in_doubt {
            expected.extend(commit.iter().cloned());
            whole |= found == expected;
        }
        let acknowledged = self.acknowledged.len();
        assert!(whole, "{context}: found {} events, {acknowledged} were acknowledged", found.len());
    }
}

#[test]
fn everything_may_move_to_the_thread_that_writes() {
    fn moves<T: Send>() {}
    moves::<Started<super::real_disk::RealDisk>>();
    moves::<super::entries::Entries<super::real_disk::RealDisk>>();
    moves::<super::reader::SegmentReader<super::real_disk::RealDisk>>();
}

/// The first positions of all segments.
fn firsts(disk: &MemoryDisk) -> Vec<Position> {
    super::header::list_segments(disk).unwrap().iter().map(|segment| segment.first).collect()
}

/// Every event of the journal.
fn events(segments: &Segments<MemoryDisk>) -> Vec<Vec<u8>> {
    segments.read(1).map(|entry| entry.unwrap().event).collect()
}

/// A commit whose events follow `position`, which it moves.
fn commit(life: u64, position: &mut Position, sizes: &[usize]) -> EncodedCommit {
    let id = uuid::Uuid::from_u64_pair(life, *position + 1);
    let mut event = |size: &usize| {
        *position += 1;
        let fill = "x".repeat(*size);
        EncodedEvent::new(format!(r#"{{"position":{position},"commit":"{id}","data":"{fill}"}}"#).into_bytes())
    };
    EncodedCommit { events: sizes.iter().map(&mut event).collect() }
}

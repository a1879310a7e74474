//! The anchor: a small file beside the segments that remembers how far the journal had come.
//!
//! Two slots of fixed size are written in turn, so that a write cut short leaves the other. A slot is one line with a
//! checksum, readable with `cat`:
//! ```text
//! {"crc32c":"…","anchor":{"counter":7,"position":42,"root":"…","clean":false}}
//! ```

use super::disk::{Disk, DiskFile, put_whole};
use super::frame::{seal_value, unseal_value};
use super::merkle::Frontier;
use crate::domain::ids::{Hash, Position};
use serde::{Deserialize, Serialize};
use std::io;

/// The anchor's path in the data directory.
pub const ANCHOR: &str = "anchor";

/// The length of a slot in bytes; what the line leaves is filled with spaces before the newline.
const SLOT: usize = 256;
/// Where the slots begin: in pages of their own, so that a torn page spoils one of them.
const OFFSETS: [u64; 2] = [0, 4096];

/// A place in the journal and the Merkle root over everything up to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The last position covered; 0 covers nothing.
    pub position: Position,
    /// The RFC 6962 root over the entries up to it.
    pub root: Hash,
}

/// What the anchor's file said when it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnchorState {
    /// There is no such file.
    Missing,
    /// There is one, and neither slot can be believed.
    BothBad,
    /// The newest slot that can be believed.
    Found {
        /// What it covers. Everything up to there was acknowledged.
        mark: Mark,
        /// Whether it was written at the end of an orderly stop. Never true while the other slot is bad, which may
        /// have been the newer one.
        clean: bool,
        /// Whether the other slot is bad, as after a power cut in the middle of writing it.
        other_bad: bool,
    },
}

impl AnchorState {
    /// What is covered, if that is known.
    pub fn mark(&self) -> Option<Mark> {
        match self {
            Self::Found { mark, .. } => Some(*mark),
            _ => None,
        }
    }

    /// Whether the last stop was an orderly one.
    pub fn clean(&self) -> bool {
        matches!(self, Self::Found { clean: true, .. })
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Slot {
    counter: u64,
    position: Position,
    root: String,
    clean: bool,
}

/// The open anchor, for writing.
#[derive(Debug)]
pub struct Anchor<D: Disk> {
    file: D::File,
    /// The counter of the next write.
    counter: u64,
    /// Which slot it goes to.
    slot: usize,
    stopped: bool,
}

impl<D: Disk> Anchor<D> {
    /// Makes the anchor of an empty journal, whole and durable. To be called before the first segment is made: so
    /// segments without an anchor are always damage. Replaces an anchor that is there.
    pub fn create(disk: &D) -> io::Result<Self> {
        put_anchor(disk, Mark { position: 0, root: Frontier::default().root() }, true)?;
        let file = disk.open(ANCHOR)?;
        Ok(Self { file, counter: OFFSETS.len() as u64 + 1, slot: 0, stopped: false })
    }

    /// Reads the anchor and opens it for writing. `None` stands for an anchor that cannot be written because nothing
    /// in it can be believed, or there is none; the state says which.
    pub fn open(disk: &D) -> io::Result<(Option<Self>, AnchorState)> {
        if disk.find(ANCHOR)?.is_none() {
            return Ok((None, AnchorState::Missing));
        }
        let file = disk.open(ANCHOR)?;
        let slots = read_slots(&file)?;
        let state = newest(&slots);
        let counters = slots.map(|slot| slot.map_or(0, |(slot, _)| slot.counter));
        // The next write goes over the bad slot, or the older one.
        let slot = usize::from(counters[1] < counters[0]);
        let counter = counters[0].max(counters[1]) + 1;
        let anchor = state.mark().map(|_| Self { file, counter, slot, stopped: false });
        Ok((anchor, state))
    }

    /// Reads the anchor without ever writing.
    pub fn look(disk: &D) -> io::Result<AnchorState> {
        match disk.find(ANCHOR)? {
            None => Ok(AnchorState::Missing),
            Some(file) => Ok(newest(&read_slots(&file)?)),
        }
    }

    /// Writes the next slot and syncs it. After an error the anchor takes no more: what a failed sync left behind is
    /// not known, and the other slot must stay as it is.
    pub fn write(&mut self, mark: Mark, clean: bool) -> io::Result<()> {
        if self.stopped {
            return Err(io::Error::other("the anchor takes no more writes since one failed; restart to recover"));
        }
        let slot = Slot { counter: self.counter, position: mark.position, root: mark.root.to_string(), clean };
        let written = self.file.write_at(OFFSETS[self.slot], &encode(&slot)).and_then(|()| self.file.sync_data());
        self.stopped = written.is_err();
        self.counter += 1;
        self.slot = 1 - self.slot;
        written
    }
}

/// Makes the anchor that a stop at `mark` leaves, orderly or not, whole and durable.
pub(in crate::journal) fn put_anchor<D: Disk>(disk: &D, mark: Mark, clean: bool) -> io::Result<()> {
    let Mark { position, root } = mark;
    put_whole(disk, ANCHOR, |file| {
        for (counter, offset) in (1..).zip(OFFSETS) {
            file.write_at(offset, &encode(&Slot { counter, position, root: root.to_string(), clean }))?;
        }
        Ok(())
    })
}

fn encode(slot: &Slot) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(SLOT);
    seal_value(&mut bytes, ANCHOR, slot);
    // The longest line there can be, with two numbers of twenty digits, leaves room.
    bytes.pop();
    bytes.resize(SLOT - 1, b' ');
    bytes.push(b'\n');
    bytes
}

fn decode(bytes: &[u8]) -> Option<(Slot, Hash)> {
    let slot: Slot = unseal_value(bytes.trim_ascii_end(), ANCHOR).ok()?;
    let root = slot.root.parse().ok()?;
    // No anchor was written so often, and the next write must have a number.
    let is_ours = slot.counter < u64::MAX && encode(&slot) == bytes;
    is_ours.then_some((slot, root))
}

fn read_slots(file: &impl DiskFile) -> io::Result<[Option<(Slot, Hash)>; 2]> {
    let read = |offset| -> io::Result<_> {
        let mut bytes = [0; SLOT];
        let length = super::disk::read_full(file, offset, &mut bytes)?;
        Ok(decode(&bytes[..length]))
    };
    Ok([read(OFFSETS[0])?, read(OFFSETS[1])?])
}

fn newest(slots: &[Option<(Slot, Hash)>; 2]) -> AnchorState {
    let other_bad = slots.iter().any(Option::is_none);
    match slots.iter().flatten().max_by_key(|(slot, _)| slot.counter) {
        None => AnchorState::BothBad,
        Some((slot, root)) => AnchorState::Found {
            mark: Mark { position: slot.position, root: *root },
            clean: slot.clean && !other_bad,
            other_bad,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::files::memory_disk::{MemoryDisk, Operation};

    fn mark(position: Position) -> Mark {
        Mark { position, root: Hash([position as u8; 32]) }
    }

    fn written(positions: &[Position]) -> MemoryDisk {
        let disk = MemoryDisk::new();
        let mut anchor = Anchor::create(&disk).unwrap();
        positions.iter().for_each(|position| anchor.write(mark(*position), true).unwrap());
        disk
    }

    fn position(disk: &MemoryDisk) -> Option<Position> {
        Anchor::look(disk).unwrap().mark().map(|mark| mark.position)
    }

    #[test]
    fn the_newest_mark_is_found_whichever_slot_it_is_in() {
        for last in 0..5u64 {
            let disk = written(&(1..=last).collect::<Vec<_>>());
            let disk = disk.crash_losing_everything_unsynced();
            let state = Anchor::look(&disk).unwrap();
            assert_eq!((state.mark().unwrap().position, state.clean()), (last, true));
            let (anchor, _) = Anchor::open(&disk).unwrap();
            anchor.unwrap().write(mark(9), false).unwrap();
            let root = mark(9).root;
            let expected = AnchorState::Found { mark: Mark { position: 9, root }, clean: false, other_bad: false };
            assert_eq!(Anchor::look(&disk).unwrap(), expected);
        }
    }

    #[test]
    fn a_write_cut_at_any_byte_leaves_the_mark_before_it_or_gives_the_new_one() {
        for cut in 0..SLOT as u64 {
            let disk = written(&[1, 2]);
            let (anchor, _) = Anchor::open(&disk).unwrap();
            disk.power_off_after_bytes(cut);
            assert!(anchor.unwrap().write(mark(3), true).is_err());
            let found = disk.crash_keeping_everything();
            assert!(matches!(position(&found), Some(2 | 3)), "{cut}");
        }
    }

    #[test]
    fn one_flipped_bit_never_costs_more_than_one_mark_and_never_lies() {
        for (offset, expected) in [(OFFSETS[0], 2), (OFFSETS[1], 1)] {
            for bit in 0..SLOT * 8 {
                let disk = written(&[1, 2]);
                disk.flip_bit(ANCHOR, offset as usize + bit / 8, (bit % 8) as u8);
                let state = Anchor::look(&disk).unwrap();
                let root = mark(expected).root;
                let mark = Mark { position: expected, root };
                assert_eq!(state, AnchorState::Found { mark, clean: false, other_bad: true }, "bit {bit}");
            }
        }
    }

    #[test]
    fn two_bad_slots_and_no_file_at_all_are_told_apart() {
        let disk = written(&[1]);
        disk.cut(ANCHOR, 0);
        assert_eq!(Anchor::look(&disk).unwrap(), AnchorState::BothBad);
        assert!(matches!(Anchor::open(&disk), Ok((None, AnchorState::BothBad))));
        assert_eq!(Anchor::look(&MemoryDisk::new()).unwrap(), AnchorState::Missing);
    }

    #[test]
    fn after_a_failed_sync_the_anchor_takes_no_more() {
        let disk = written(&[1, 2]);
        let (anchor, _) = Anchor::open(&disk).unwrap();
        let mut anchor = anchor.unwrap();
        disk.fail(Operation::Sync, 1, io::ErrorKind::Other);
        assert!(anchor.write(mark(3), false).is_err() && anchor.write(mark(4), false).is_err());
        assert_eq!(position(&disk.crash_losing_everything_unsynced()), Some(2));
    }

    #[test]
    fn the_longest_slot_fits() {
        let slot = Slot { counter: u64::MAX - 1, position: u64::MAX, root: "0".repeat(64), clean: false };
        assert_eq!(decode(&encode(&slot)).map(|(slot, _)| slot), Some(slot));
    }

    #[test]
    fn a_slot_after_which_there_is_no_number_is_not_believed() {
        let slot = Slot { counter: u64::MAX, position: 9, root: "0".repeat(64), clean: true };
        let disk = written(&[1, 2]);
        disk.tamper(ANCHOR, |bytes| bytes[..SLOT].copy_from_slice(&encode(&slot)));
        let (anchor, state) = Anchor::open(&disk).unwrap();
        assert_eq!((state.mark().map(|mark| mark.position), state.clean()), (Some(2), false));
        anchor.unwrap().write(mark(3), true).unwrap();
        assert_eq!(position(&disk), Some(3));
    }
}

//! Room on the disk: how much there is, how much is kept back, and what may still be written when it runs short.
//!
//! Below the *low water* only what closes something is written. A reserve file is given back then, so that there is room for
//! it, and made again when there is enough. Room for a batch is taken before its first byte is written, so a full disk
//! refuses a batch and tears none.

use super::anchor::Anchor;
use super::disk::{Disk, DiskFile};
use super::header::{SegmentName, list_segments};
use super::room_keeper::give_back;
use std::fmt;
use std::io;

pub use super::room_keeper::{Headroom, RoomKeeper, RoomSeen};

/// The file that holds room back.
pub const RESERVE: &str = "journal/reserve";

/// The most that is taken ahead of writing, in bytes.
const MOST_AHEAD: u64 = 4 * 1024 * 1024;

/// What a file system has, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Room {
    /// What this user may still take.
    pub free: u64,
    /// The whole of it.
    pub size: u64,
}

/// What is kept free, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RoomLimits {
    /// Below this much of free room only what closes something is written.
    pub low_water: u64,
    /// How much the reserve file holds back for that.
    pub reserve: u64,
}

impl RoomLimits {
    /// These limits on a file system of this size: never more than an eighth and a sixteenth of it.
    pub fn on(self, size: u64) -> Self {
        Self { low_water: self.low_water.min(size / 8), reserve: self.reserve.min(size / 16) }
    }

    /// The size at which segments are closed: on a disk that was filled up to the low water there is room to copy one.
    pub fn roll_at(self, segment_bytes: u64) -> u64 {
        if self.low_water == 0 { segment_bytes } else { segment_bytes.min(self.low_water / 2) }
    }

    /// What is left to the store and the anchor: below it nothing at all is appended.
    pub fn least(self) -> u64 {
        self.reserve / 4
    }

    /// How much must be free for everything to go on once the reserve was given back.
    pub fn enough(self) -> u64 {
        self.low_water + self.reserve
    }
}

/// Whether the disk says that it is full.
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Marks the errors after which everything is as it was before.
#[derive(Debug, thiserror::Error)]
#[error("there is no room on the disk, and nothing was written: {0}")]
struct NoRoom(io::Error);

/// Says of an error that nothing has changed, where the disk was full. Others stay as they are.
pub fn unchanged(error: io::Error) -> io::Error {
    if is_full(&error) && !was_unchanged(&error) { io::Error::new(error.kind(), NoRoom(error)) } else { error }
}

/// Whether the disk was full and everything is as it was before.
pub fn was_unchanged(error: &io::Error) -> bool {
    error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<NoRoom>)
}

/// What the disk itself said.
pub fn what_it_said(error: &io::Error) -> String {
    let marked = error.get_ref().and_then(|inner| inner.downcast_ref::<NoRoom>());
    marked.map_or_else(|| error.to_string(), |NoRoom(error)| error.to_string())
}

/// How much is taken at once ahead of writing, on a disk of this size.
pub fn step(size: u64) -> u64 {
    MOST_AHEAD.min(size / 256)
}

/// Takes room in a file of `length` bytes for its first `needed`, and `ahead` of them where there is room for more. Says up
/// to where it was taken; `u64::MAX` where the file system cannot do that.
///
/// # Errors
/// [`was_unchanged`] where there is no room.
pub fn take(file: &mut impl DiskFile, length: u64, needed: u64, ahead: u64) -> io::Result<u64> {
    let mut full = None;
    for up_to in [needed + ahead, needed] {
        match file.allocate(up_to) {
            Ok(true) => return Ok(up_to),
            Ok(false) => return Ok(u64::MAX),
            Err(error) if is_full(&error) => {
                // Part of it may have been taken.
                file.truncate(length)?;
                full = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    Err(unchanged(full.unwrap_or_else(|| io::ErrorKind::StorageFull.into())))
}

/// Too little room to start. Nothing was lost; what was given back is made again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoRoomToStart {
    /// What there is.
    pub room: Room,
    /// What a start needs.
    pub need: u64,
    /// How much of that is for a copy of the open segment.
    pub copy: u64,
}

impl fmt::Display for NoRoomToStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { room, need, copy } = self;
        write!(
            f,
            "its file system has {} of {} free, and a start needs {}",
            Bytes(room.free),
            Bytes(room.size),
            Bytes(*need)
        )?;
        if *copy > 0 {
            write!(
                f,
                ", of which {} are for a copy of the open segment after a stop that was not in order",
                Bytes(*copy)
            )?;
        }
        write!(f, ": free at least {} and start again; nothing was lost", Bytes(need.saturating_sub(room.free)))
    }
}

/// Bytes for people, rounded up.
#[derive(Clone, Copy, Debug)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, shift) = if self.0 < 10 << 20 { ("KiB", 10) } else { ("MiB", 20) };
        write!(f, "{} {unit}", self.0.div_ceil(1 << shift))
    }
}

/// Before a start writes anything: gives back, on a disk that is nearly full, what is held back or was taken ahead, and says
/// whether there is room to start.
///
/// # Errors
/// Where the disk cannot be asked.
pub fn make_room_to_start<D: Disk>(disk: &D, limits: RoomLimits) -> io::Result<Result<(), NoRoomToStart>> {
    let mut room = disk.room()?;
    let limits = limits.on(room.size);
    let open = list_segments(disk)?.last().map(SegmentName::path);
    let length = match &open {
        Some(path) => disk.open_to_read(path)?.len()?,
        None => 0,
    };
    if room.free < limits.low_water {
        give_back(disk)?;
        if let Some(path) = &open {
            disk.open(path)?.truncate(length)?;
        }
        room = disk.room()?;
    }
    let copy = if Anchor::look(disk)?.clean() { 0 } else { length };
    // A new journal begins with much that closes nothing.
    let need = if open.is_none() { limits.enough() } else { limits.least() + copy };
    Ok(if room.free < need { Err(NoRoomToStart { room, need, copy }) } else { Ok(()) })
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::memory_disk::MemoryDisk;
    use super::*;
    use crate::journal::files::header::{JOURNAL, segment_path};

    pub const MIB: u64 = 1024 * 1024;
    pub const ASKED: RoomLimits = RoomLimits { low_water: 256 * MIB, reserve: 16 * MIB };

    /// A disk of 64 MiB with a file that leaves `free` of it.
    pub fn disk_with(free: u64) -> (MemoryDisk, u64) {
        let disk = MemoryDisk::new();
        disk.set_capacity(Some(64 * MIB));
        disk.create_dir(JOURNAL).unwrap();
        let mut ballast = disk.create("ballast").unwrap();
        let room = disk.room().unwrap();
        ballast.allocate(room.free - free).unwrap();
        (disk, free)
    }

    pub fn leave(disk: &MemoryDisk, free: u64) {
        let mut ballast = disk.open("ballast").unwrap();
        ballast.truncate(0).unwrap();
        let room = disk.room().unwrap();
        ballast.allocate(room.free - free).unwrap();
    }

    #[test]
    fn on_a_small_disk_less_is_kept_free() {
        assert_eq!(ASKED.on(64 * MIB), RoomLimits { low_water: 8 * MIB, reserve: 4 * MIB });
        assert_eq!(ASKED.on(1 << 50), ASKED);
        assert_eq!(ASKED.on(64 * MIB).roll_at(64 * MIB), 4 * MIB);
        assert_eq!(ASKED.roll_at(64 * MIB), 64 * MIB);
        assert_eq!((step(64 * MIB), step(1 << 50)), (MIB / 4, 4 * MIB));
    }

    #[test]
    fn a_start_gives_back_what_is_held_back_before_it_says_that_there_is_no_room() {
        let (disk, _) = disk_with(40 * MIB);
        let first = segment_path(1);
        disk.create(&first).unwrap().write_at(0, &[b'x'; 3 * MIB as usize]).unwrap();
        RoomKeeper::new(disk.clone(), ASKED).unwrap();
        leave(&disk, 0);
        assert_eq!(make_room_to_start(&disk, ASKED).unwrap(), Ok(()), "4 MiB are enough for the segment of 3");
        assert_eq!(disk.contents(RESERVE), None);
        leave(&disk, 3 * MIB);
        let refused = make_room_to_start(&disk, ASKED).unwrap().unwrap_err();
        assert_eq!((refused.need, refused.copy), (4 * MIB, 3 * MIB));
        let said = refused.to_string();
        assert!(said.contains("free at least 1024 KiB") && said.contains("nothing was lost"), "{said}");
    }

    #[test]
    fn room_that_cannot_be_taken_ahead_is_taken_as_far_as_it_is_needed_or_not_at_all() {
        let (disk, _) = disk_with(MIB);
        let mut file = disk.create("a").unwrap();
        assert_eq!(take(&mut file, 0, MIB / 2, MIB).unwrap(), MIB / 2);
        let refused = take(&mut file, 0, MIB * 2, MIB).unwrap_err();
        assert!(was_unchanged(&refused), "{refused}");
        assert!(!was_unchanged(&io::ErrorKind::StorageFull.into()));
    }
}

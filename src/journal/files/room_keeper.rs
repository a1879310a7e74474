//! Holds the reserve, and says what may be appended. A file system that has room may have none for us: its inodes are used
//! up, or a quota is. So what it shows counts only until it refuses room; from then on it counts what can be taken.

use super::disk::{Disk, DiskFile, give_name, prepare_whole, remove_if_there};
use super::header::JOURNAL;
use super::room::{Bytes, RESERVE, Room, RoomLimits, is_full, what_it_said};
use std::fmt;
use std::io;
use std::sync::Arc;

/// The names that must be free besides the reserve's before a disk is trusted again that refused room.
const SPARE_NAMES: usize = 4;

/// What may be appended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Headroom {
    /// Everything.
    Plenty,
    /// What closes something.
    ClosingOnly,
    /// Nothing.
    Nothing,
}

/// How the disk was found when it was looked at last.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RoomSeen {
    /// What may be appended.
    pub headroom: Headroom,
    /// What there was.
    pub room: Room,
    /// The limits on this disk.
    pub limits: RoomLimits,
    /// What the disk said when it refused room although it showed enough; it names the file.
    pub refused: Option<Arc<str>>,
}

impl RoomSeen {
    /// How many bytes must be freed until everything goes on; it takes more than that where [`Self::refused`].
    pub fn to_free(&self) -> u64 {
        self.limits.enough().saturating_sub(self.room.free)
    }
}

/// What to do about it.
impl fmt::Display for RoomSeen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (free, size, to_free) = (Bytes(self.room.free), Bytes(self.room.size), Bytes(self.to_free()));
        let Some(why) = &self.refused else {
            return write!(f, "the data directory's file system has {free} of {size} free: free at least {to_free}");
        };
        write!(
            f,
            "the data directory's file system shows {free} of {size} free, but it refused room ({why}): its inodes may be used up \
             (`df -i` counts them), or a quota of the user or the project; remove files there, or raise the quota"
        )?;
        if self.to_free() > 0 { write!(f, ", and free at least {to_free}") } else { Ok(()) }
    }
}

/// Looks at the disk, and holds the reserve.
pub struct RoomKeeper<D: Disk> {
    disk: D,
    /// Whether it keeps anything.
    keeps: bool,
    /// Whether the reserve is there. While it is not, room is short.
    held_back: bool,
    /// Whether a batch was refused even though the reserve was not there.
    exhausted: bool,
    /// Whether a disk that refused room is to be tried at the next look.
    tries: bool,
    seen: RoomSeen,
}

impl<D: Disk> RoomKeeper<D> {
    /// A keeper for a disk with a journal on it. Makes the reserve, or gives it back.
    ///
    /// # Errors
    /// Where the disk cannot be asked.
    pub fn new(disk: D, limits: RoomLimits) -> io::Result<Self> {
        let room = disk.room()?;
        let limits = limits.on(room.size);
        let held_back = match disk.find(RESERVE)? {
            Some(file) => file.len()? == limits.reserve,
            None => limits.reserve == 0,
        };
        if !held_back {
            // Of another size, or not there.
            give_back(&disk)?;
        }
        let seen = RoomSeen { headroom: Headroom::Plenty, room, limits, refused: None };
        let mut keeper = Self { disk, keeps: true, held_back, exhausted: false, tries: false, seen };
        keeper.look()?;
        Ok(keeper)
    }

    /// A keeper that keeps nothing back and lets everything in.
    ///
    /// # Errors
    /// Where the disk cannot be asked.
    pub fn idle(disk: D) -> io::Result<Self> {
        let (room, limits) = (disk.room()?, RoomLimits::default());
        let seen = RoomSeen { headroom: Headroom::Plenty, room, limits, refused: None };
        Ok(Self { disk, keeps: false, held_back: true, exhausted: false, tries: false, seen })
    }

    /// The disk.
    pub fn disk(&self) -> &D {
        &self.disk
    }

    /// What was seen last.
    pub fn seen(&self) -> RoomSeen {
        self.seen.clone()
    }

    /// Looks at the free room, and gives the reserve back or makes it again.
    ///
    /// # Errors
    /// Where the disk cannot be asked, or fails.
    pub fn look(&mut self) -> io::Result<RoomSeen> {
        let room = self.disk.room()?;
        if self.held_back && room.free < self.seen.limits.low_water {
            give_back(&self.disk)?;
            self.held_back = false;
        } else if !self.held_back && (self.seen.refused.is_none() || std::mem::take(&mut self.tries)) {
            self.hold_back_again(room)?;
        }
        self.see()?;
        Ok(self.seen())
    }

    /// Takes note that a batch was refused for want of room, and gives the reserve back. Says whether it was there: then the
    /// batch may be tried once more.
    ///
    /// # Errors
    /// Where the disk cannot be asked, or fails.
    pub fn refuse(&mut self, error: &io::Error) -> io::Result<bool> {
        if !self.keeps {
            return Ok(false);
        }
        let limits = self.seen.limits;
        let shown = if self.held_back { limits.low_water } else { limits.least() };
        if self.disk.room()?.free >= shown {
            self.exhausted = !self.held_back;
            self.seen.refused.get_or_insert_with(|| what_it_said(error).into());
            self.tries = false;
        }
        let was_there = std::mem::take(&mut self.held_back);
        if was_there {
            give_back(&self.disk)?;
        }
        self.see()?;
        Ok(was_there)
    }

    /// Lets the next look try a disk that refused room. Each try takes room and gives it back, so not every look is one.
    pub fn try_again(&mut self) {
        self.tries = true;
    }

    fn see(&mut self) -> io::Result<()> {
        self.seen.room = self.disk.room()?;
        self.seen.headroom = match self.held_back {
            true => Headroom::Plenty,
            false if self.exhausted || self.seen.room.free < self.seen.limits.least() => Headroom::Nothing,
            false => Headroom::ClosingOnly,
        };
        Ok(())
    }

    /// Makes the reserve where that much is free. A disk that refused room must give, for a moment, the low water and a few
    /// names as well: what was given back to it is no reason to trust it.
    fn hold_back_again(&mut self, room: Room) -> io::Result<()> {
        let limits = self.seen.limits;
        if room.free >= limits.enough() {
            let made = match self.seen.refused {
                None => hold_back(&self.disk, limits.reserve),
                Some(_) => {
                    let spared = take_spare(&self.disk, SPARE_NAMES, limits.low_water);
                    let made = spared.and_then(|()| hold_back(&self.disk, limits.reserve));
                    give_spare_back(&self.disk)?;
                    made
                }
            };
            match made {
                Ok(()) => {
                    (self.held_back, self.exhausted, self.seen.refused) = (true, false, None);
                    return Ok(());
                }
                Err(error) if is_full(&error) => self.seen.refused = Some(what_it_said(&error).into()),
                Err(error) => return Err(error),
            }
        }
        if self.seen.refused.is_some() { self.look_for_a_little() } else { Ok(()) }
    }

    /// Whether a disk that refused room has what closing needs. Without a name to try with it stays as it was.
    fn look_for_a_little(&mut self) -> io::Result<()> {
        let taken = take_spare(&self.disk, 1, self.seen.limits.least());
        let named = give_spare_back(&self.disk)?;
        match taken {
            Ok(()) => self.exhausted = false,
            Err(error) if is_full(&error) => self.exhausted |= named,
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// Removes the reserve.
pub(super) fn give_back<D: Disk>(disk: &D) -> io::Result<()> {
    if disk.find(RESERVE)?.is_none() {
        return Ok(());
    }
    remove_if_there(disk, RESERVE)?;
    // Some file systems hand the room out again only when the removal is durable.
    disk.sync_dir(JOURNAL)
}

/// Makes the reserve. Where the disk was full nothing has changed.
fn hold_back<D: Disk>(disk: &D, bytes: u64) -> io::Result<()> {
    const CHUNK: usize = 1024 * 1024;
    prepare_whole(disk, RESERVE, |file| {
        if !file.allocate(bytes)? {
            let zeros = vec![0; CHUNK];
            let mut offset = 0;
            while offset < bytes {
                let length = usize::try_from(bytes - offset).unwrap_or(CHUNK).min(CHUNK);
                file.write_at(offset, &zeros[..length])?;
                offset += length as u64;
            }
        }
        file.truncate(bytes)
    })?;
    give_name(disk, RESERVE)
}

/// A file that is there for a moment. A start removes what a crash leaves of it.
fn spare(n: usize) -> String {
    format!("{JOURNAL}/spare-{n}.tmp")
}

/// Takes names, and bytes under the first of them where the file system can do that.
fn take_spare<D: Disk>(disk: &D, names: usize, bytes: u64) -> io::Result<()> {
    for n in 0..names {
        remove_if_there(disk, &spare(n))?;
        let mut file = disk.create(&spare(n))?;
        if n == 0 {
            file.allocate(bytes)?;
        }
    }
    Ok(())
}

/// Says whether there were any names.
fn give_spare_back<D: Disk>(disk: &D) -> io::Result<bool> {
    let named = disk.find(&spare(0))?.is_some();
    for n in 0..SPARE_NAMES {
        remove_if_there(disk, &spare(n))?;
    }
    Ok(named)
}

#[cfg(test)]
mod tests {
    use super::super::room::tests::{ASKED, MIB, disk_with, leave};
    use super::*;

    #[test]
    fn the_reserve_is_given_back_below_the_low_water_and_made_again_above_both() {
        let (disk, _) = disk_with(40 * MIB);
        let mut keeper = RoomKeeper::new(disk.clone(), ASKED).unwrap();
        assert_eq!(keeper.seen().headroom, Headroom::Plenty);
        assert_eq!(disk.contents(RESERVE).unwrap().len() as u64, 4 * MIB);
        leave(&disk, 8 * MIB);
        assert_eq!(keeper.look().unwrap().headroom, Headroom::Plenty, "at the low water, not below it");
        leave(&disk, 8 * MIB - 4096);
        let seen = keeper.look().unwrap();
        assert_eq!((seen.headroom, seen.to_free()), (Headroom::ClosingOnly, 4096 - 4096));
        assert_eq!((disk.contents(RESERVE), seen.room.free), (None, 12 * MIB));
        leave(&disk, 12 * MIB - 4096);
        assert_eq!(keeper.look().unwrap().headroom, Headroom::ClosingOnly);
        leave(&disk, MIB - 4096);
        assert_eq!(keeper.look().unwrap().headroom, Headroom::Nothing);
        assert_eq!(keeper.seen().to_free(), 11 * MIB + 4096);
        leave(&disk, 12 * MIB + 4096);
        assert_eq!(keeper.look().unwrap().headroom, Headroom::Plenty);
        assert!(disk.contents(RESERVE).is_some());
        assert_eq!(keeper.look().unwrap().headroom, Headroom::Plenty, "it stays so");
    }

    fn refusal() -> io::Error {
        io::Error::new(io::ErrorKind::QuotaExceeded, "could not take room for data/journal/1: over quota")
    }

    /// What the keeper finds when it tries the disk again.
    fn tried(keeper: &mut RoomKeeper<super::super::memory_disk::MemoryDisk>) -> Headroom {
        keeper.try_again();
        keeper.look().unwrap().headroom
    }

    #[test]
    fn a_disk_that_refuses_room_is_short_whatever_it_shows_until_it_gives_low_water_and_reserve() {
        let (disk, _) = disk_with(40 * MIB);
        let mut keeper = RoomKeeper::new(disk.clone(), ASKED).unwrap();
        disk.set_quota(Some(0));
        assert!(keeper.refuse(&refusal()).unwrap(), "the reserve was there");
        let seen = keeper.seen();
        assert_eq!((seen.headroom, seen.to_free(), disk.contents(RESERVE)), (Headroom::ClosingOnly, 0, None));
        let said = seen.to_string();
        for words in ["data/journal/1", "over quota", "inodes", "df -i", "quota of the user"] {
            assert!(said.contains(words), "{words:?} in {said}");
        }
        assert!(!said.contains("free at least"), "{said}");
        assert_eq!(keeper.look().unwrap().headroom, Headroom::ClosingOnly);
        assert!(!keeper.refuse(&refusal()).unwrap(), "it is given back once");
        assert_eq!(keeper.seen().headroom, Headroom::Nothing);
        for (quota, headroom) in [(0, Headroom::Nothing), (2, Headroom::ClosingOnly), (11, Headroom::ClosingOnly)] {
            disk.set_quota(Some(quota * MIB));
            assert_eq!(tried(&mut keeper), headroom, "{quota} MiB may be taken");
            assert_eq!(disk.list(JOURNAL).unwrap(), Vec::<String>::new());
        }
        disk.set_quota(Some(13 * MIB));
        assert_eq!(keeper.look().unwrap().headroom, Headroom::ClosingOnly, "not every look takes room");
        assert_eq!(tried(&mut keeper), Headroom::Plenty);
        assert_eq!((keeper.seen().refused, disk.list(JOURNAL).unwrap()), (None, vec!["reserve".to_owned()]));
    }

    #[test]
    fn without_a_name_to_try_with_closing_goes_on() {
        let (disk, _) = disk_with(40 * MIB);
        let mut keeper = RoomKeeper::new(disk.clone(), ASKED).unwrap();
        disk.set_names(Some(0));
        assert!(keeper.refuse(&refusal()).unwrap());
        disk.set_names(Some(0));
        assert_eq!(tried(&mut keeper), Headroom::ClosingOnly);
        disk.set_names(Some(2));
        assert_eq!(tried(&mut keeper), Headroom::ClosingOnly, "what the reserve gave back is not enough");
        disk.set_names(Some(5));
        assert_eq!(tried(&mut keeper), Headroom::Plenty);
    }

    #[test]
    fn a_start_that_cannot_make_the_reserve_where_much_is_free_tells_of_inodes_and_quotas() {
        let (disk, _) = disk_with(40 * MIB);
        disk.set_names(Some(0));
        let keeper = RoomKeeper::new(disk, ASKED).unwrap();
        let said = keeper.seen().to_string();
        assert_eq!(keeper.seen().headroom, Headroom::ClosingOnly);
        assert!(said.contains("inodes") && said.contains("quota") && !said.contains("free at least"), "{said}");
    }
}

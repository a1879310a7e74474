//! How full the simulated disk is. Room is given in whole pages; a name takes one, whatever its file holds.

use super::super::room::Room;
use super::state::{File, Node, State};
use std::io;

/// What is given or not given as one, in bytes.
const PAGE: u64 = 4096;
/// The size that a disk without a capacity tells: far more than any test writes.
const ENDLESS: u64 = 1 << 50;

/// The answer of a disk that has no room.
pub(super) fn is_full() -> io::Error {
    io::Error::new(io::ErrorKind::StorageFull, "the simulated disk is full")
}

fn pages(bytes: u64) -> u64 {
    bytes.div_ceil(PAGE) * PAGE
}

impl File {
    /// Up to where it needs no more room.
    fn taken(&self) -> u64 {
        pages(self.allocated.max(self.shown.len() as u64))
    }
}

impl State {
    /// What the disk says of itself.
    pub fn room(&self) -> Room {
        let size = self.capacity.unwrap_or(ENDLESS);
        Room { free: size.saturating_sub(self.taken()), size }
    }

    /// What all names and files have taken.
    pub fn taken(&self) -> u64 {
        let taken = self.shown.values().map(|node| match node {
            Node::Dir => PAGE,
            Node::File(file) => PAGE + self.files[*file].taken(),
        });
        taken.sum()
    }

    /// What may be taken, whatever the disk says of itself.
    fn left(&self) -> u64 {
        let quota = self.quota.map_or(u64::MAX, |quota| quota.saturating_sub(self.taken()));
        self.room().free.min(quota)
    }

    /// Fails where there is no room for one more name.
    pub fn check_room_for_name(&self) -> io::Result<()> {
        let none_left = self.names.is_some_and(|names| self.shown.len() >= names);
        if none_left || self.left() < PAGE { Err(is_full()) } else { Ok(()) }
    }

    /// How many of `length` bytes at `offset` there is room for.
    pub fn fitting(&self, file: usize, offset: u64, length: usize) -> usize {
        let end = self.files[file].taken() + self.left() / PAGE * PAGE;
        length.min(end.saturating_sub(offset) as usize)
    }

    /// Takes room for a file's first bytes, or none.
    pub fn allocate(&mut self, file: usize, up_to: u64) -> io::Result<()> {
        if pages(up_to).saturating_sub(self.files[file].taken()) > self.left() {
            return Err(is_full());
        }
        let file = &mut self.files[file];
        file.allocated = file.allocated.max(up_to);
        Ok(())
    }
}

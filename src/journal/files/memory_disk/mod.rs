//! A [`Disk`] in memory that forgets what was not synced, and fails when told to.
//!
//! It is as unkind as POSIX allows: a power cut keeps any subset of the unsynced pages of a file, any length between
//! the old one and the new, and any subset of the unsynced changes of a directory. After a failed sync the written
//! bytes can still be read, but no later sync makes them durable.

#![expect(clippy::cast_possible_truncation, reason = "a file in memory is no longer than memory")]

mod faults;
mod space;
mod state;

pub use faults::{Counts, Operation};

use super::disk::{Disk, DiskFile};
use super::room::Room;
use faults::Verdict;
use state::{Node, State};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A handle onto the simulated directory; clones share it.
#[derive(Clone, Debug, Default)]
pub struct MemoryDisk(Arc<Mutex<State>>);

/// An open file of a [`MemoryDisk`].
#[derive(Debug)]
pub struct MemoryFile {
    disk: MemoryDisk,
    file: usize,
    writable: bool,
}

impl MemoryDisk {
    /// An empty directory.
    pub fn new() -> Self {
        Self::default()
    }

    /// The disk as it is found after a power cut that kept a subset, drawn from `seed`, of what was not synced. The
    /// disk itself stays as it is, so many outcomes of one moment can be looked at.
    pub fn crash(&self, seed: u64) -> Self {
        let mut draw = state::Draw::new(seed);
        self.after_crash(&mut |below| draw.below(below))
    }

    /// The disk after a power cut that lost everything that was not synced.
    pub fn crash_losing_everything_unsynced(&self) -> Self {
        self.after_crash(&mut |_| 0)
    }

    /// The disk after a power cut that lost nothing.
    pub fn crash_keeping_everything(&self) -> Self {
        self.after_crash(&mut |below| below - 1)
    }

    /// The disk as the next process finds it when only this one died: all that was written can be read, what was not synced can
    /// still be lost, and what a failed sync left is never made durable by a later one. Nothing is about to fail.
    pub fn after_death(&self) -> Self {
        Self(Arc::new(Mutex::new(self.lock().after_death())))
    }

    fn after_crash(&self, draw: &mut dyn FnMut(u64) -> u64) -> Self {
        Self(Arc::new(Mutex::new(self.lock().after_crash(draw))))
    }

    /// Lets the `nth` operation of this kind from now on (1 is the next one) fail with `kind`. A write that fails
    /// this way writes nothing.
    pub fn fail(&self, operation: Operation, nth: u64, kind: io::ErrorKind) {
        self.lock().faults.fail(operation, nth, kind, 0);
    }

    /// Lets the `nth` write from now on fail with `kind` after its first `kept` bytes were written.
    pub fn fail_write_after(&self, nth: u64, kept: usize, kind: io::ErrorKind) {
        self.lock().faults.fail(Operation::Write, nth, kind, kept);
    }

    /// Cuts the power once `bytes` more bytes were written: the write that passes them is cut there, and everything
    /// after it fails.
    pub fn power_off_after_bytes(&self, bytes: u64) {
        self.lock().faults.power_off_after_bytes(bytes);
    }

    /// Cuts the power after `operations` more operations that change something; everything after them fails.
    pub fn power_off_after_operations(&self, operations: u64) {
        self.lock().faults.power_off_after_operations(operations);
    }

    /// Gives the disk a size in bytes; `None` is a disk that never fills up. What lies on it already stays.
    pub fn set_capacity(&self, capacity: Option<u64>) {
        self.lock().capacity = capacity;
    }

    /// Lets so many more bytes be taken, whatever the disk says of itself, as a quota does; `None` takes the quota away.
    pub fn set_quota(&self, more: Option<u64>) {
        let mut state = self.lock();
        state.quota = more.map(|more| state.taken() + more);
    }

    /// Lets so many more files and directories be made, as a file system without free inodes; `None` counts none.
    pub fn set_names(&self, more: Option<usize>) {
        let mut state = self.lock();
        state.names = more.map(|more| state.shown.len() + more);
    }

    /// Whether the power was cut. It comes back with one of the `crash` functions.
    pub fn is_off(&self) -> bool {
        self.lock().faults.is_off()
    }

    /// How many operations there were so far.
    pub fn counts(&self) -> Counts {
        self.lock().faults.counts()
    }

    /// The bytes of a file as they can be read now; `None` where there is none.
    pub fn contents(&self, path: &str) -> Option<Vec<u8>> {
        let state = self.lock();
        state.file(path).ok().map(|file| state.bytes(file).to_vec())
    }

    /// Changes the bytes of a file behind everybody's back, durably. Does nothing where there is no such file.
    pub fn tamper(&self, path: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.lock();
        if let Ok(file) = state.file(path) {
            state.tamper(file, change);
        }
    }

    /// Flips bit `bit` (0 to 7) of the byte at `offset`, which must be inside the file, durably.
    pub fn flip_bit(&self, path: &str, offset: usize, bit: u8) {
        self.tamper(path, |bytes| bytes[offset] ^= 1 << bit);
    }

    /// Cuts a file to `length` bytes, durably.
    pub fn cut(&self, path: &str, length: usize) {
        self.tamper(path, |bytes| bytes.truncate(length));
    }

    /// Another disk with the same bytes and nothing unsynced or about to fail.
    pub fn copy(&self) -> Self {
        self.crash_keeping_everything()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A test that panicked while it held the lock has failed already.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state for an operation that writes no bytes, unless the operation is to fail.
    fn begin(&self, operation: Operation) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.lock();
        match state.faults.judge(operation, 0) {
            Verdict::Pass => Ok(state),
            Verdict::Fail { error, .. } => Err(error),
        }
    }

    fn opened(&self, path: &str, writable: bool) -> io::Result<MemoryFile> {
        let file = self.begin(Operation::Read)?.file(path)?;
        Ok(MemoryFile { disk: self.clone(), file, writable })
    }
}

impl Disk for MemoryDisk {
    type File = MemoryFile;

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        self.begin(Operation::Read)?.list(dir)
    }

    fn open(&self, path: &str) -> io::Result<MemoryFile> {
        self.opened(path, true)
    }

    fn open_to_read(&self, path: &str) -> io::Result<MemoryFile> {
        self.opened(path, false)
    }

    fn create(&self, path: &str) -> io::Result<MemoryFile> {
        let mut state = self.begin(Operation::Create)?;
        state.check_room_for_name()?;
        let file = state.create_file(path)?;
        drop(state);
        Ok(MemoryFile { disk: self.clone(), file, writable: true })
    }

    fn create_dir(&self, path: &str) -> io::Result<()> {
        self.begin(Operation::Create)?.create(path, Node::Dir)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.begin(Operation::Rename)?.rename(from, to)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.begin(Operation::Remove)?.remove(path)
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        self.begin(Operation::SyncDir)?.sync_dir(dir)
    }

    fn room(&self) -> io::Result<Room> {
        Ok(self.begin(Operation::Read)?.room())
    }
}

impl MemoryFile {
    fn change(&self, operation: Operation, bytes: usize) -> io::Result<(MutexGuard<'_, State>, Verdict)> {
        if !self.writable {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the file was opened for reading only"));
        }
        let mut state = self.disk.lock();
        let verdict = state.faults.judge(operation, bytes);
        Ok((state, verdict))
    }
}

impl DiskFile for MemoryFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.begin(Operation::Read)?.bytes(self.file).len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let state = self.disk.begin(Operation::Read)?;
        let bytes = state.bytes(self.file);
        let rest = &bytes[bytes.len().min(offset as usize)..];
        let read = rest.len().min(buffer.len());
        buffer[..read].copy_from_slice(&rest[..read]);
        Ok(read)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let (mut state, verdict) = self.change(Operation::Write, bytes.len())?;
        let (kept, result) = match verdict {
            // As a real disk does: what fits is written.
            Verdict::Pass => match state.fitting(self.file, offset, bytes.len()) {
                kept if kept == bytes.len() => (kept, Ok(())),
                kept => (kept, Err(space::is_full())),
            },
            Verdict::Fail { error, kept } => (kept.min(bytes.len()), Err(error)),
        };
        if kept > 0 {
            state.write(self.file, offset as usize, &bytes[..kept]);
        }
        result
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        match self.change(Operation::Truncate, 0)? {
            (_, Verdict::Fail { error, .. }) => Err(error),
            (mut state, Verdict::Pass) => {
                state.set_length(self.file, length as usize);
                Ok(())
            }
        }
    }

    fn allocate(&mut self, up_to: u64) -> io::Result<bool> {
        match self.change(Operation::Allocate, 0)? {
            (_, Verdict::Fail { error, .. }) => Err(error),
            (mut state, Verdict::Pass) => state.allocate(self.file, up_to).map(|()| true),
        }
    }

    fn sync_data(&mut self) -> io::Result<()> {
        match self.change(Operation::Sync, 0)? {
            (mut state, Verdict::Fail { error, .. }) => {
                state.sync_failed(self.file);
                Err(error)
            }
            (mut state, Verdict::Pass) => {
                state.sync(self.file);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests;

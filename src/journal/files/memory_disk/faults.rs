//! Which operation fails, and when the power goes.

use std::collections::BTreeMap;
use std::io;

/// A kind of operation on a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// Listing, opening, measuring or reading.
    Read,
    /// Writing bytes.
    Write,
    /// Changing a file's length.
    Truncate,
    /// Taking room ahead of writing.
    Allocate,
    /// Syncing a file.
    Sync,
    /// Syncing a directory.
    SyncDir,
    /// Creating a file or directory.
    Create,
    /// Renaming a file.
    Rename,
    /// Removing a file.
    Remove,
}

/// How many operations there were, failed ones included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    by_kind: BTreeMap<Operation, u64>,
    /// Bytes that were to be written.
    pub bytes_written: u64,
}

impl Counts {
    /// How many operations of this kind there were.
    pub fn of(&self, operation: Operation) -> u64 {
        self.by_kind.get(&operation).copied().unwrap_or(0)
    }

    /// How many operations there were that change something.
    pub fn changes(&self) -> u64 {
        self.by_kind.iter().filter(|(kind, _)| **kind != Operation::Read).map(|(_, count)| count).sum()
    }
}

#[derive(Debug)]
struct Fault {
    operation: Operation,
    /// How many operations of this kind there have been when it strikes, it included.
    at: u64,
    kind: io::ErrorKind,
    kept: usize,
}

/// What becomes of an operation.
pub(super) enum Verdict {
    Pass,
    /// It fails, but of what it writes the first `kept` bytes are written.
    Fail {
        error: io::Error,
        kept: usize,
    },
}

/// The faults to come, and the count of what was.
#[derive(Debug, Default)]
pub(super) struct Faults {
    counts: Counts,
    planned: Vec<Fault>,
    /// The count of written bytes at which the power goes.
    last_byte: Option<u64>,
    /// The count of changes at which the power goes.
    last_change: Option<u64>,
    off: bool,
}

impl Faults {
    pub fn fail(&mut self, operation: Operation, nth: u64, kind: io::ErrorKind, kept: usize) {
        let at = self.counts.of(operation) + nth;
        self.planned.push(Fault { operation, at, kind, kept });
    }

    pub fn power_off_after_bytes(&mut self, bytes: u64) {
        self.last_byte = Some(self.counts.bytes_written + bytes);
    }

    pub fn power_off_after_operations(&mut self, operations: u64) {
        self.last_change = Some(self.counts.changes() + operations);
    }

    pub fn is_off(&self) -> bool {
        self.off
    }

    pub fn counts(&self) -> Counts {
        self.counts.clone()
    }

    /// Counts an operation that would write `bytes` bytes, and says whether it may go through.
    pub fn judge(&mut self, operation: Operation, bytes: usize) -> Verdict {
        let before = self.counts.bytes_written;
        *self.counts.by_kind.entry(operation).or_default() += 1;
        self.counts.bytes_written += bytes as u64;
        if self.off {
            return power_is_off(0);
        }
        if self.last_change.is_some_and(|last| self.counts.changes() > last) {
            self.off = true;
            return power_is_off(0);
        }
        if let Some(last) = self.last_byte.filter(|last| self.counts.bytes_written > *last) {
            self.off = true;
            return power_is_off(last.saturating_sub(before) as usize);
        }
        let count = self.counts.of(operation);
        match self.planned.iter().find(|fault| fault.operation == operation && fault.at == count) {
            None => Verdict::Pass,
            Some(fault) => {
                let error = io::Error::new(fault.kind, "a fault was injected here");
                Verdict::Fail { error, kept: fault.kept }
            }
        }
    }
}

fn power_is_off(kept: usize) -> Verdict {
    Verdict::Fail { error: io::Error::other("the simulated power is off"), kept }
}

//! `mending`: that a command is about to change damaged files, and what of it is still to be recorded in the journal. While it is
//! there nothing serves the directory: a repair that was cut short, or a loss that nobody recorded, is not to be passed over.

use super::disk::{Disk, DiskFile, put_whole, remove_if_there};
use super::frame::{seal_value, unseal_value};
use crate::domain::ids::Position;
use serde::{Deserialize, Serialize};
use std::io;

/// The file.
pub const MENDING: &str = "mending";

/// A file that is made whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mended {
    /// Its name in the data directory.
    pub file: String,
    /// Whether the bytes came from a back-up; else they came from the store.
    pub backup: bool,
    /// The first position written again.
    pub first: Position,
    /// The last.
    pub last: Position,
}

/// What is to be recorded.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mending {
    /// Files made whole.
    pub mended: Vec<Mended>,
    /// What is given up: the last position that stays, and the last that is known to have been durable.
    pub loss: Option<(Position, Position)>,
}

impl Mending {
    /// What a command that was cut short left; `None` where none was.
    ///
    /// # Errors
    /// Where the disk fails, or the file is not what this program writes.
    pub fn read(disk: &impl Disk) -> io::Result<Option<Self>> {
        if disk.find(MENDING)?.is_none() {
            return Ok(None);
        }
        let bytes = disk.read(MENDING)?;
        let read = bytes.strip_suffix(b"\n").and_then(|line| unseal_value(line, MENDING).ok());
        read.map(Some).ok_or_else(|| {
            let why = format!("{MENDING} is not what a repair wrote: remove it, and run `countersign journal repair`");
            io::Error::new(io::ErrorKind::InvalidData, why)
        })
    }

    /// Writes it, whole and durable.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn put(&self, disk: &impl Disk) -> io::Result<()> {
        let mut line = Vec::new();
        seal_value(&mut line, MENDING, self);
        put_whole(disk, MENDING, |file| file.write_at(0, &line))
    }

    /// The command that was cut short.
    pub fn command(&self) -> String {
        match self.loss {
            Some((good, _)) => format!("countersign journal accept-loss {good}"),
            None if self.mended.iter().any(|mended| mended.backup) => {
                "countersign journal repair --from-backup DIR".to_owned()
            }
            None => "countersign journal repair --from-store".to_owned(),
        }
    }

    /// Adds a file, unless it is in it already.
    pub fn add(&mut self, mended: Mended) {
        if !self.mended.contains(&mended) {
            self.mended.push(mended);
        }
    }

    /// Everything is recorded.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn end(disk: &impl Disk) -> io::Result<()> {
        remove_if_there(disk, MENDING)?;
        disk.sync_dir("")
    }
}

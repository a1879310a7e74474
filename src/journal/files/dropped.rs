//! `journal/dropped`: that the oldest segments were taken away on purpose, and what must hold for those behind them.
//!
//! ```text
//! {"crc32c":"…","dropped":{"format":1,"through":812,"frontier":["…"],"previous":"…","until":"…","base":977,"base_sha256":"…"}}
//! ```

use super::disk::{Disk, DiskFile, put_whole};
use super::error::{Damage, ReadError};
use super::frame::{seal_value, unseal_value};
use super::header::JOURNAL;
use super::merkle::Frontier;
use crate::domain::ids::{Hash, Position};
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::io;

/// The file.
pub const DROPPED: &str = "journal/dropped";
/// The number of its format.
const FORMAT: u32 = 1;

/// The path of the base at a position: all states as of that entry, which stand in for the entries before.
pub fn base_path(position: Position) -> String {
    format!("{JOURNAL}/base-{position}")
}

/// What was dropped. It counts where the first segment that is there is not the first of the journal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dropped {
    /// The Merkle frontier over everything that was dropped; its size is the last position of it.
    pub frontier: Frontier,
    /// SHA-256 of the text of the last segment dropped: what the head of the next one calls `previous`.
    pub previous: Hash,
    /// Every entry dropped was decided before this instant; but no later than just behind the drop itself, whatever a clock that was
    /// ahead once showed.
    pub until: Timestamp,
    /// The position of the base.
    pub base: Position,
    /// SHA-256 of the base's file.
    pub base_digest: Hash,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    format: u32,
    through: Position,
    frontier: Vec<String>,
    previous: String,
    until: String,
    base: Position,
    base_sha256: String,
}

impl Dropped {
    /// The last position dropped.
    pub fn through(&self) -> Position {
        self.frontier.size()
    }

    /// Reads the file; `None` where there is none.
    ///
    /// # Errors
    /// Where it is not what this program writes.
    pub fn read(disk: &impl Disk) -> Result<Option<Self>, ReadError> {
        let bytes = match disk.read(DROPPED) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        match Self::decode(&bytes) {
            Some(dropped) => Ok(Some(dropped)),
            None => {
                let why = "it is not what a drop of history wrote".to_owned();
                Err(Damage { file: DROPPED.to_owned(), offset: 0, position: 1, why }.into())
            }
        }
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let written: Written = unseal_value(bytes.strip_suffix(b"\n")?, "dropped").ok()?;
        (written.format == FORMAT).then_some(())?;
        let dropped = Self {
            frontier: Frontier::from_texts(written.through, &written.frontier)?,
            previous: written.previous.parse().ok()?,
            until: written.until.parse().ok()?,
            base: written.base,
            base_digest: written.base_sha256.parse().ok()?,
        };
        (dropped.encode() == bytes).then_some(dropped)
    }

    fn encode(&self) -> Vec<u8> {
        let written = Written {
            format: FORMAT,
            through: self.through(),
            frontier: self.frontier.texts(),
            previous: self.previous.to_string(),
            until: self.until.to_string(),
            base: self.base,
            base_sha256: self.base_digest.to_string(),
        };
        let mut line = Vec::new();
        seal_value(&mut line, "dropped", &written);
        line
    }

    /// Writes the file, whole and durable. From then on the segments it speaks of are not missed.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn put(&self, disk: &impl Disk) -> io::Result<()> {
        let line = self.encode();
        put_whole(disk, DROPPED, |file| file.write_at(0, &line))
    }

    /// What was dropped, where the first segment that is there begins behind the journal's first entry.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn before(disk: &impl Disk, first: Position) -> Result<Option<Self>, ReadError> {
        if first == 1 { Ok(None) } else { Self::read(disk) }
    }
}

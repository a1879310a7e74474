//! The file `backup`: that a directory holds a finished back-up, and what it was made of.
//!
//! ```text
//! {"crc32c":"…","backup":{"format":1,"origin":"…","position":42,"root":"…","made_at":"…","bytes":81234,"files":[…]}}
//! ```

use super::anchor::Mark;
use super::disk::{Disk, DiskFile, put_whole};
use super::frame::{seal, unseal};
use crate::domain::ids::{Hash, Position};
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::io;

/// The file. It is written last, so a directory without it holds no finished back-up.
pub const BACKUP: &str = "backup";
/// A file in a directory that a command has not filled to its end.
pub const UNFINISHED: &str = "unfinished";
/// The number of the format of back-ups.
const FORMAT: u32 = 1;

/// A file of a back-up that is no segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Copied {
    /// Its path in the directory.
    pub path: String,
    /// Its length in bytes.
    pub length: u64,
    /// SHA-256 of its bytes.
    pub digest: Hash,
}

/// What a finished back-up says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Marker {
    /// The checkpoint origin.
    pub origin: String,
    /// Its last entry, and the Merkle root there.
    pub mark: Mark,
    /// When it was made.
    pub made_at: Timestamp,
    /// The length of all its files but this one.
    pub bytes: u64,
    /// The files that are no segments: those are held together by their heads and the root.
    pub files: Vec<Copied>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    format: u32,
    origin: String,
    position: Position,
    root: String,
    made_at: String,
    bytes: u64,
    files: Vec<WrittenFile>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenFile {
    path: String,
    length: u64,
    sha256: String,
}

impl Marker {
    /// Reads the marker; `None` where there is none that can be believed.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn read(disk: &impl Disk) -> io::Result<Option<Self>> {
        match disk.read(BACKUP) {
            Ok(bytes) => Ok(Self::decode(&bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let body = unseal(bytes.strip_suffix(b"\n")?).ok()?.strip_prefix(b"\"backup\":")?;
        let written: Written = serde_json::from_slice(body).ok()?;
        (written.format == FORMAT).then_some(())?;
        let files = written.files.into_iter();
        let files =
            files.map(|file| Some(Copied { path: file.path, length: file.length, digest: file.sha256.parse().ok()? }));
        let marker = Self {
            origin: written.origin,
            mark: Mark { position: written.position, root: written.root.parse().ok()? },
            made_at: written.made_at.parse().ok()?,
            bytes: written.bytes,
            files: files.collect::<Option<_>>()?,
        };
        (marker.encode() == bytes).then_some(marker)
    }

    fn encode(&self) -> Vec<u8> {
        let files = self.files.iter();
        let files = files.map(|file| WrittenFile {
            path: file.path.clone(),
            length: file.length,
            sha256: file.digest.to_string(),
        });
        let written = Written {
            format: FORMAT,
            origin: self.origin.clone(),
            position: self.mark.position,
            root: self.mark.root.to_string(),
            made_at: self.made_at.to_string(),
            bytes: self.bytes,
            files: files.collect(),
        };
        let mut line = Vec::new();
        seal(&mut line, |out| {
            out.extend_from_slice(b"\"backup\":");
            // Numbers and strings always serialise, and writing to memory cannot fail.
            let _ = serde_json::to_writer(out, &written);
        });
        line
    }

    /// Writes the marker, whole and durable. Everything else must be durable before.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn put(&self, disk: &impl Disk) -> io::Result<()> {
        let line = self.encode();
        put_whole(disk, BACKUP, |file| file.write_at(0, &line))
    }
}

//! The file `backup`: that a directory holds a finished back-up, and what it was made of.
//!
//! ```text
//! {"crc32c":"…","backup":{"format":1,"origin":"…","position":42,"root":"…","made_at":"…","bytes":81234,"files":[…]}}
//! ```

use super::anchor::{ANCHOR, Mark};
use super::data_dir::FORMAT_FILE;
use super::disk::{Disk, DiskFile, put_whole};
use super::dropped::{DROPPED, base_path};
use super::frame::{seal_value, unseal_value};
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
/// The file of the wrapped keys.
const KEYS: &str = "keys/keys";

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
        let written: Written = unseal_value(bytes.strip_suffix(b"\n")?, BACKUP).ok()?;
        (written.format == FORMAT).then_some(())?;
        // Its checksum says that it was not changed by chance, and nothing of who wrote it: what it names is copied.
        written.files.iter().all(|file| may_be_named(&file.path)).then_some(())?;
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
        seal_value(&mut line, BACKUP, &written);
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

/// Whether a back-up has such a file that is no segment.
fn may_be_named(path: &str) -> bool {
    let is_base = || {
        let position = path.rsplit_once('-').and_then(|(_, digits)| digits.parse().ok());
        position.is_some_and(|position| base_path(position) == path)
    };
    [KEYS, FORMAT_FILE, ANCHOR, DROPPED].contains(&path) || is_base()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::files::memory_disk::MemoryDisk;

    fn naming(path: &str) -> Option<Marker> {
        let digest = Hash([7; 32]);
        let files = vec![Copied { path: path.to_owned(), length: 1, digest }];
        let mark = Mark { position: 3, root: digest };
        let marker = Marker { origin: "test.example/1".to_owned(), mark, made_at: Timestamp(0), bytes: 1, files };
        let disk = MemoryDisk::new();
        marker.put(&disk).unwrap();
        Marker::read(&disk).unwrap()
    }

    #[test]
    fn only_files_that_a_backup_has_are_believed_to_be_in_it() {
        for path in ["keys/keys", "format", "anchor", "journal/dropped", "journal/base-12"] {
            assert!(naming(path).is_some(), "{path}");
        }
        let others =
            ["../x", "/etc/x", "store/db", "keys/../x", "journal/base-", "journal/base-012", "journal/base-1/x"];
        for path in
            others.into_iter().chain(["journal/../base-1", "x/base-1", "lock", "", "journal/1.jsonl", "anchor/"])
        {
            assert!(naming(path).is_none(), "{path}");
        }
    }
}

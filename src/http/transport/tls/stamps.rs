//! Whether two files have changed and have come to rest: a certificate is written before or after its key, and each in parts.

use super::TlsFiles;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What changes whenever a file is written or another is put in its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Stamp {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// Of the file that the path leads to. None: it leads to none.
    fn of(path: &Path) -> Option<Self> {
        let file = std::fs::metadata(path).ok()?;
        Some(Self {
            device: file.dev(),
            inode: file.ino(),
            length: file.len(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        })
    }
}

/// Of both files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Stamps {
    cert: Option<Stamp>,
    key: Option<Stamp>,
}

impl Stamps {
    pub(super) fn of(files: &TlsFiles) -> Self {
        Self { cert: Stamp::of(&files.cert), key: Stamp::of(&files.key) }
    }
}

/// What was seen of the files.
#[derive(Debug)]
pub(super) struct Seen {
    /// As they were when they were last read.
    read: Stamps,
    /// As they were at the last look, if that was another state.
    last: Option<Stamps>,
}

impl Seen {
    pub(super) fn new(read: Stamps) -> Self {
        Self { read, last: None }
    }

    /// Whether the files are to be read: they are not as they were read, and two looks saw the same.
    pub(super) fn look(&mut self, stamps: Stamps) -> bool {
        if stamps == self.read {
            self.last = None;
            return false;
        }
        if self.last == Some(stamps) {
            self.settle(stamps);
            return true;
        }
        self.last = Some(stamps);
        false
    }

    /// They are read as they are.
    pub(super) fn settle(&mut self, stamps: Stamps) {
        *self = Self::new(stamps);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamps(inode: u64) -> Stamps {
        let stamp = Stamp { device: 1, inode, length: 2, modified: (3, 4), changed: (5, 6) };
        Stamps { cert: Some(stamp), key: None }
    }

    #[test]
    fn files_are_read_once_for_each_change_and_only_when_they_have_come_to_rest() {
        let mut seen = Seen::new(stamps(1));
        let looks = [(1, false), (2, false), (3, false), (3, true), (3, false), (4, false), (3, false), (3, false)];
        for (number, (inode, read)) in looks.into_iter().enumerate() {
            assert_eq!(seen.look(stamps(inode)), read, "look {number}");
        }
        seen.settle(stamps(5));
        assert!(!seen.look(stamps(5)));
        assert!(!seen.look(stamps(6)));
        assert!(seen.look(stamps(6)));
    }
}

//! A [`Disk`] of real files. Directories are made with mode 0700, files with 0600.

use super::disk::{Disk, DiskFile};
use super::room::Room;
use rustix::fs::{FallocateFlags, fallocate, statvfs};
use rustix::io::Errno;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The files below one directory. Every error names the path it is about.
#[derive(Clone, Debug)]
pub struct RealDisk {
    root: Arc<Path>,
}

impl RealDisk {
    /// The files below `root`, which is neither created nor looked at here.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into().into() }
    }

    /// Where `path` lies in the file system.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    fn opened(&self, path: &str, options: &OpenOptions) -> io::Result<RealFile> {
        let path = self.path(path);
        match options.open(&path) {
            Ok(file) => Ok(RealFile { file, path }),
            Err(error) => Err(named(&path, "open", error)),
        }
    }
}

/// An open file and its path, for errors.
#[derive(Debug)]
pub struct RealFile {
    file: File,
    path: PathBuf,
}

impl Disk for RealDisk {
    type File = RealFile;

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        let path = self.path(dir);
        let names = || -> io::Result<Vec<String>> {
            // A name that is not UTF-8 is none of ours, and every caller passes over names it does not know.
            fs::read_dir(&path)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
        };
        let mut names = names().map_err(|error| named(&path, "list", error))?;
        names.sort();
        Ok(names)
    }

    fn open(&self, path: &str) -> io::Result<RealFile> {
        self.opened(path, OpenOptions::new().read(true).write(true))
    }

    fn open_to_read(&self, path: &str) -> io::Result<RealFile> {
        self.opened(path, OpenOptions::new().read(true))
    }

    fn create(&self, path: &str) -> io::Result<RealFile> {
        self.opened(path, OpenOptions::new().read(true).write(true).create_new(true).mode(0o600))
    }

    fn create_dir(&self, path: &str) -> io::Result<()> {
        let path = self.path(path);
        DirBuilder::new().mode(0o700).create(&path).map_err(|error| named(&path, "create", error))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let (from, to) = (self.path(from), self.path(to));
        fs::rename(&from, &to).map_err(|error| named(&from, "rename", error))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let path = self.path(path);
        fs::remove_file(&path).map_err(|error| named(&path, "remove", error))
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        let path = self.path(dir);
        File::open(&path).and_then(|dir| dir.sync_all()).map_err(|error| named(&path, "sync", error))
    }

    fn room(&self) -> io::Result<Room> {
        room_at(&self.root)
    }
}

/// How much room the file system has on which `path` lies.
///
/// # Errors
/// Where it cannot be asked.
pub fn room_at(path: &Path) -> io::Result<Room> {
    let found = statvfs(path).map_err(|error| named(path, "measure the file system of", error.into()))?;
    let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
    Ok(Room { free: bytes(found.f_bavail), size: bytes(found.f_blocks) })
}

impl DiskFile for RealFile {
    fn len(&self) -> io::Result<u64> {
        self.file.metadata().map(|metadata| metadata.len()).map_err(|error| named(&self.path, "measure", error))
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.file.read_at(buffer, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result.map_err(|error| named(&self.path, "read", error)),
            }
        }
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, offset).map_err(|error| named(&self.path, "write", error))
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length).map_err(|error| named(&self.path, "cut", error))
    }

    fn allocate(&mut self, up_to: u64) -> io::Result<bool> {
        loop {
            match fallocate(&self.file, FallocateFlags::KEEP_SIZE, 0, up_to) {
                Ok(()) => return Ok(true),
                Err(Errno::INTR) => {}
                Err(Errno::OPNOTSUPP | Errno::NOSYS) => return Ok(false),
                Err(error) => return Err(named(&self.path, "take room for", error.into())),
            }
        }
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.file.sync_data().map_err(|error| named(&self.path, "sync", error))
    }

    fn forget_cached(&self) -> io::Result<()> {
        // A hint: a file system that has no use for it may say so.
        let _ = rustix::fs::fadvise(&self.file, 0, None, rustix::fs::Advice::DontNeed);
        Ok(())
    }
}

fn named(path: &Path, verb: &str, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("could not {verb} {}: {error}", path.display()))
}

//! The port to a directory of files, so that the same recovery runs on real files and on a simulated disk.
//!
//! Paths are relative to the data directory and use `/`: `anchor`, `journal/00000000000000000001.jsonl`.

use super::room::Room;
use std::io;

/// A directory of files. Cloning gives another handle onto the same directory.
///
/// Nothing here is durable until it was synced: the bytes and length of a file by [`DiskFile::sync_data`], the
/// creation, renaming and removal of a name by [`Disk::sync_dir`] of the directory that holds it.
pub trait Disk: Clone + Send {
    /// An open file.
    type File: DiskFile;

    /// The names in directory `dir`, sorted, without the directory's own path.
    fn list(&self, dir: &str) -> io::Result<Vec<String>>;
    /// Opens an existing file for reading and writing.
    fn open(&self, path: &str) -> io::Result<Self::File>;
    /// Opens an existing file for reading only.
    fn open_to_read(&self, path: &str) -> io::Result<Self::File>;
    /// Creates a file and opens it for reading and writing; fails with `AlreadyExists` where there is one.
    fn create(&self, path: &str) -> io::Result<Self::File>;
    /// Creates a directory.
    fn create_dir(&self, path: &str) -> io::Result<()>;
    /// Renames a file inside its directory, replacing a file of the new name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &str) -> io::Result<()>;
    /// Makes creations, renames and removals in directory `dir` durable (`""` is the data directory itself).
    fn sync_dir(&self, dir: &str) -> io::Result<()>;
    /// How much room the file system has.
    fn room(&self) -> io::Result<Room>;

    /// All bytes of a file.
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        let file = self.open_to_read(path)?;
        let mut bytes = vec![0; usize::try_from(file.len()?).map_err(io::Error::other)?];
        let read = read_full(&file, 0, &mut bytes)?;
        bytes.truncate(read);
        Ok(bytes)
    }

    /// Opens a file for reading, or says `None` where there is none.
    fn find(&self, path: &str) -> io::Result<Option<Self::File>> {
        match self.open_to_read(path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// An open file of a [`Disk`].
pub trait DiskFile: Send {
    /// The file's length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Whether the file holds no byte.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Reads up to `buffer.len()` bytes at `offset` and says how many; 0 only at the end of the file.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
    /// Writes all of `bytes` at `offset`. After an error any part of them may be in the file.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Cuts the file, or lengthens it with zeros, to `length` bytes.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
    /// Takes room for the file's first `up_to` bytes, so that writing them needs none; its length stays. `false` where the file
    /// system cannot do that. After an error some of the room may be taken: [`Self::truncate`] gives back what lies behind the
    /// end.
    fn allocate(&mut self, up_to: u64) -> io::Result<bool>;
    /// Makes the file's bytes and length durable. After an error nothing is known about them, and a second call
    /// proves nothing: the kernel may have forgotten that the pages were ever dirty.
    fn sync_data(&mut self) -> io::Result<()>;
    /// Makes later reads come from the disk itself where that is possible, and frees memory. What is not synced stays.
    fn forget_cached(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Ends the name of a file that is being written. Such a file is left over from a crash wherever it is found.
pub const TEMPORARY: &str = ".tmp";

/// Writes a whole file so that after a crash there is either the old one (or none) or the new one, complete and
/// durable: under a temporary name, synced, renamed, directory synced. Gives what `fill` gives; where that fails, nothing has
/// changed.
pub fn put_whole<D: Disk, T, E: From<io::Error>>(
    disk: &D,
    path: &str,
    fill: impl FnOnce(&mut D::File) -> Result<T, E>,
) -> Result<T, E> {
    let filled = prepare_whole(disk, path, fill)?;
    give_name(disk, path)?;
    Ok(filled)
}

/// The first half of [`put_whole`]: whatever it fails at, nothing has changed.
pub fn prepare_whole<D: Disk, T, E: From<io::Error>>(
    disk: &D,
    path: &str,
    fill: impl FnOnce(&mut D::File) -> Result<T, E>,
) -> Result<T, E> {
    let temporary = format!("{path}{TEMPORARY}");
    remove_if_there(disk, &temporary)?;
    let mut file = disk.create(&temporary)?;
    let filled = fill(&mut file).and_then(|filled| Ok(file.sync_data().map(|()| filled)?));
    if filled.is_err() {
        // Half a file must not hold the last space of a full disk. Should it stay, the next start removes it.
        let _ = disk.remove(&temporary);
    }
    filled
}

/// The second half of [`put_whole`]. After an error nobody knows which of the two files has the name.
pub fn give_name<D: Disk>(disk: &D, path: &str) -> io::Result<()> {
    disk.rename(&format!("{path}{TEMPORARY}"), path)?;
    disk.sync_dir(parent(path))
}

/// Removes a file that may be absent.
pub fn remove_if_there<D: Disk>(disk: &D, path: &str) -> io::Result<()> {
    match disk.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Reads until `buffer` is full or the file ends, and says how many bytes there were.
pub fn read_full(file: &impl DiskFile, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(offset + filled as u64, &mut buffer[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

/// The directory that holds `path`; `""` is the data directory.
pub fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}

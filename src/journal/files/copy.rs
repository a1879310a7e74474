//! Copies files from one directory to another, whole, durable, and hashed on the way.

use super::disk::{Disk, DiskFile, put_whole, read_full};
use super::merkle::Sha256;
use super::seal::Pace;
use crate::domain::ids::Hash;
use std::io;

/// How much is read and written at once, in bytes.
const CHUNK: usize = 1024 * 1024;

/// What a file holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Content {
    /// Its length in bytes.
    pub length: u64,
    /// SHA-256 of its bytes.
    pub digest: Hash,
}

/// Copies a file, which nobody may be writing to.
pub(super) fn copy<S: Disk, T: Disk>(from: &S, path: &str, to: &T) -> io::Result<Content> {
    let source = from.open_to_read(path)?;
    put_whole(to, path, |target| each_chunk(&source, |offset, bytes| target.write_at(offset, bytes)))
}

/// Reads a file for its length and SHA-256.
pub(super) fn content(disk: &impl Disk, path: &str) -> io::Result<Content> {
    each_chunk(&disk.open_to_read(path)?, |_, _| Ok(()))
}

/// The length and SHA-256 of a file, read from the disk itself where that is possible.
///
/// # Errors
/// Where it cannot be read.
pub fn content_on_disk(disk: &impl Disk, path: &str) -> io::Result<Content> {
    content_paced(disk, path, &mut || Ok(()))
}

/// The same at a pace.
///
/// # Errors
/// As [`content_on_disk`], and what `pace` says.
pub fn content_paced(disk: &impl Disk, path: &str, pace: Pace<'_>) -> io::Result<Content> {
    let file = disk.open_to_read(path)?;
    file.forget_cached()?;
    each_chunk(&file, |_, _| pace())
}

fn each_chunk(file: &impl DiskFile, mut take: impl FnMut(u64, &[u8]) -> io::Result<()>) -> io::Result<Content> {
    let (mut length, mut digest) = (0, Sha256::default());
    let mut buffer = vec![0; CHUNK];
    loop {
        let read = read_full(file, length, &mut buffer)?;
        digest.update(&buffer[..read]);
        take(length, &buffer[..read])?;
        length += read as u64;
        if read < CHUNK {
            return Ok(Content { length, digest: digest.finish() });
        }
    }
}

/// Writes lines in large pieces.
#[derive(Default)]
pub(super) struct LineWriter {
    buffer: Vec<u8>,
    /// How many bytes were written.
    pub written: u64,
}

impl LineWriter {
    /// Takes a line, and gives it with its newline.
    pub fn push(&mut self, line: &[u8], ended: bool) -> &[u8] {
        let from = self.buffer.len();
        self.buffer.extend_from_slice(line);
        self.buffer.extend_from_slice(if ended { b"\n" } else { b"" });
        &self.buffer[from..]
    }

    /// Writes what there is, if it is more than so many bytes.
    pub fn write(&mut self, file: &mut impl DiskFile, more_than: usize) -> io::Result<()> {
        if self.buffer.len() > more_than {
            file.write_at(self.written, &self.buffer)?;
            self.written += self.buffer.len() as u64;
            self.buffer.clear();
        }
        Ok(())
    }
}

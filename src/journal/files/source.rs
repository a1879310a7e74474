//! The text of a segment, as it lies in a file or compressed (zstd) in a sealed one.

use super::disk::{Disk, DiskFile};
use super::header::{sealed_path, segment_path};
use super::merkle::Sha256;
use crate::domain::ids::{Hash, Position};
use std::io::{self, BufReader, Read};
use zstd::stream::read::Decoder;

/// No sealed segment needs a larger window to be read, as a power of two: it bounds the memory that a strange file can ask for.
const WINDOW_LOG: u32 = 23;
/// How much of a compressed file is read at once, in bytes.
const CHUNK: usize = 128 * 1024;

/// Text that is read from the front to the back.
pub(super) enum Source<F: DiskFile> {
    /// As it is.
    Text(F),
    /// Compressed.
    Sealed(Box<Inflated<F>>),
}

/// What decompresses a file, and how far it has come.
pub(super) struct Inflated<F: DiskFile> {
    decoder: Decoder<'static, BufReader<FileReader<F>>>,
    /// Where the next byte of text lies.
    offset: u64,
    /// Whether the file cannot be decompressed from here on.
    spoiled: bool,
}

/// Reads a file from a byte on.
pub(in crate::journal) struct FileReader<F> {
    file: F,
    offset: u64,
    /// Whether the disk failed, told apart from what a decoder says of the bytes.
    failed: bool,
}

impl<F: DiskFile> FileReader<F> {
    /// Begins at byte `offset`.
    pub fn new(file: F, offset: u64) -> Self {
        Self { file, offset, failed: false }
    }
}

impl<F: DiskFile> Read for FileReader<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(self.offset, buffer).inspect_err(|_| self.failed = true)?;
        self.offset += read as u64;
        Ok(read)
    }
}

impl<F: DiskFile> Source<F> {
    /// The text of the segment whose first entry is `first`, with the path of the file that holds it.
    pub fn open<D: Disk<File = F>>(disk: &D, first: Position) -> io::Result<(Self, String)> {
        let text = segment_path(first);
        match disk.open_to_read(&text) {
            Ok(file) => Ok((Self::Text(file), text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let sealed = sealed_path(first);
                match disk.find(&sealed)? {
                    Some(file) => Ok((Self::sealed(file, 0, 0)?, sealed)),
                    // The error names the file that should be there.
                    None => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// The text of a compressed file, from a frame on that begins at byte `at` of the file and byte `offset` of the text.
    pub fn sealed(file: F, at: u64, offset: u64) -> io::Result<Self> {
        let reader = FileReader::new(file, at);
        let mut decoder = Decoder::with_buffer(BufReader::with_capacity(CHUNK, reader))?;
        decoder.window_log_max(WINDOW_LOG)?;
        Ok(Self::Sealed(Box::new(Inflated { decoder, offset, spoiled: false })))
    }

    /// Fills `buffer` with the text from `offset` on, as far as there is any. Compressed text is only read forwards.
    pub fn read(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Text(file) => super::disk::read_full(file, offset, buffer),
            Self::Sealed(inflated) => inflated.read_from(offset, buffer),
        }
    }

    /// Gives `take` the text up to byte `end`, piece by piece, each with where it begins.
    pub fn each_chunk(mut self, end: u64, mut take: impl FnMut(u64, &[u8]) -> io::Result<()>) -> io::Result<()> {
        let mut buffer = vec![0; CHUNK];
        let mut at = 0;
        while at < end {
            let read = self.read(at, &mut buffer)?;
            #[expect(clippy::cast_possible_truncation, reason = "at most the buffer")]
            let taken = (end - at).min(read as u64) as usize;
            if taken == 0 {
                break;
            }
            take(at, &buffer[..taken])?;
            at += taken as u64;
        }
        Ok(())
    }

    /// Whether the text ends where it does because what follows cannot be decompressed.
    pub fn is_spoiled(&self) -> bool {
        matches!(self, Self::Sealed(inflated) if inflated.spoiled)
    }
}

impl<F: DiskFile> Inflated<F> {
    fn read_from(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut skipped = vec![0; if self.offset < offset { CHUNK } else { 0 }];
        while self.offset < offset {
            let rest = usize::try_from(offset - self.offset).unwrap_or(usize::MAX).min(CHUNK);
            if self.inflate(&mut skipped[..rest])? == 0 {
                return Ok(0);
            }
        }
        let mut filled = 0;
        while filled < buffer.len() {
            match self.inflate(&mut buffer[filled..])? {
                0 => break,
                read => filled += read,
            }
        }
        Ok(filled)
    }

    fn inflate(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.spoiled {
            return Ok(0);
        }
        match self.decoder.read(buffer) {
            Ok(read) => {
                self.offset += read as u64;
                Ok(read)
            }
            Err(error) if self.decoder.get_ref().get_ref().failed => Err(error),
            Err(_) => {
                self.spoiled = true;
                Ok(0)
            }
        }
    }
}

/// SHA-256 of the text of a segment; `None` where it is not there.
///
/// # Errors
/// Where the disk fails.
pub fn text_digest<D: Disk>(disk: &D, first: Position) -> io::Result<Option<Hash>> {
    let source = match Source::open(disk, first) {
        Ok((source, _)) => source,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut digest = Sha256::default();
    source.each_chunk(u64::MAX, |_, bytes| {
        digest.update(bytes);
        Ok(())
    })?;
    Ok(Some(digest.finish()))
}

//! Sealing: a closed segment gets an index and is compressed. What is left of it then is never written again.
//!
//! The compressed file is written, read back and compared before the text goes, and as long as the text is there it is the truth:
//! a crash at any point leaves what the next attempt begins again with.

use super::disk::{Disk, DiskFile, put_whole};
use super::error::{Damage, ReadError};
use super::frame::{BadLine, MAX_LINE, decode};
use super::header::{Header, JOURNAL, index_path, sealed_path, segment_path};
use super::index::{Compressed, FrameStart, Index, IndexBuilder, IndexError, put_index};
use super::lines::LineReader;
use super::merkle::Sha256;
use super::source::Source;
use crate::domain::ids::{Hash, Position};
use std::io;
use zstd::bulk::Decompressor;
use zstd::stream::raw::{CParameter, Encoder, InBuffer, Operation, OutBuffer};
use zstd::zstd_safe::compress_bound;

/// Text in one frame of the compressed file, in bytes: what is read to come to a single entry.
const FRAME: usize = 1024 * 1024;
/// What is compressed at: above it the text of a segment becomes hardly smaller, and much slower.
const LEVEL: i32 = 6;
/// No frame has more text: lines are not cut.
const FRAME_MAX: usize = FRAME + MAX_LINE + 1;
/// Text that is worked on at once, in bytes: whoever waits for the processor meanwhile waits for no more.
const PIECE: usize = 128 * 1024;
/// Written between two syncs, in bytes, so that no single sync holds up those of the open segment for long.
const SYNC_EVERY: u64 = 2 * 1024 * 1024;

/// Why a segment was not sealed, or is not what it was when it was closed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The segment, compressed or not, is damaged.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Its index could not be written or read.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The disk failed.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl SealError {
    /// The damage that was found, if it is one and not the disk that failed just now.
    pub fn damage(&self) -> Option<&Damage> {
        match self {
            Self::Read(ReadError::Damaged(damage)) => Some(damage),
            _ => None,
        }
    }
}

/// Called after every little piece of work, of a few milliseconds at most: the place to wait, so that work in the background leaves disk and processor to others. Its
/// error ends the work.
pub type Pace<'a> = &'a mut dyn FnMut() -> io::Result<()>;

/// Seals the closed segment whose first entry is `first`; `next` is the head of the segment behind it.
///
/// # Errors
/// [`SealError`]: the text stays where it is.
pub fn seal<D: Disk>(disk: &D, first: Position, next: &Header, pace: Pace<'_>) -> Result<Index, SealError> {
    let path = sealed_path(first);
    // Nothing gets its name that was made of a damaged text.
    let text = put_whole(disk, &path, |file| compress(disk, first, file, pace)?.check(next))?;
    let bytes = text.index();
    if index_bytes(disk, first, next, pace)? != bytes {
        return Err(
            io::Error::other(format!("{path} does not read back as it was written: look after the disk")).into()
        );
    }
    let index = put_index(disk, first, &bytes)?;
    disk.remove(&segment_path(first))?;
    disk.sync_dir(JOURNAL)?;
    Ok(index)
}

/// Makes the index of a sealed segment again, having read and checked all of it.
///
/// # Errors
/// [`SealError`]
pub fn reindex<D: Disk>(disk: &D, first: Position, next: &Header, pace: Pace<'_>) -> Result<Index, SealError> {
    let bytes = index_bytes(disk, first, next, pace)?;
    Ok(put_index(disk, first, &bytes)?)
}

/// Reads a sealed segment and its index in full and compares both with each other and with the head of the next segment.
///
/// # Errors
/// [`SealError`]; an index that is not what it should be is [`IndexError::Unusable`].
pub fn check_sealed<D: Disk>(disk: &D, first: Position, next: &Header, pace: Pace<'_>) -> Result<(), SealError> {
    let bytes = index_bytes(disk, first, next, pace)?;
    let file = index_path(first);
    let why = match disk.find(&file)? {
        Some(_) if disk.read(&file)? == bytes => return Ok(()),
        Some(_) => "it does not say what the segment says".to_owned(),
        None => "it is missing".to_owned(),
    };
    Err(IndexError::Unusable { first, file, why }.into())
}

/// The text of a segment as it is read: what an index must say of it.
pub(super) struct Text {
    file: String,
    header: Option<Header>,
    /// The position that the next line must have.
    next: Position,
    length: u64,
    digest: Sha256,
    index: IndexBuilder,
    compressed: Compressed,
}

impl Text {
    /// The text of the segment whose first entry is `first`, of which nothing was read yet.
    pub(super) fn new(file: String, first: Position) -> Self {
        let (index, compressed) = (IndexBuilder::default(), Compressed::default());
        Self { file, header: None, next: first, length: 0, digest: Sha256::default(), index, compressed }
    }

    fn damage(&self, why: String) -> Damage {
        Damage { file: self.file.clone(), offset: self.length, position: self.next, why }
    }

    /// Takes a line, given with its newline.
    pub(super) fn take(&mut self, line: &[u8]) -> Result<(), Damage> {
        let bytes = line.strip_suffix(b"\n").ok_or_else(|| self.damage("the file ends inside a line".to_owned()))?;
        let bad = |bad: BadLine| self.damage(bad.to_string());
        if self.header.is_none() {
            let header = Header::decode(bytes).map_err(bad)?;
            if header.first() != self.next {
                return Err(self.damage("it is the head of another segment".to_owned()));
            }
            self.header = Some(header);
        } else {
            let line = decode(bytes).map_err(bad)?;
            if line.position != self.next {
                return Err(self.damage(format!("entry {} stands there", line.position)));
            }
            self.index.take(&line);
            self.next += 1;
        }
        self.digest.update(line);
        self.length += line.len() as u64;
        Ok(())
    }

    /// Compares what was read with what the next segment says of it.
    pub(super) fn check(self, next: &Header) -> Result<Self, SealError> {
        let whole = self.next == next.first() && Some(self.text_digest()) == next.previous;
        if whole && self.header.is_some() {
            return Ok(self);
        }
        let why = if self.next < next.first() {
            "the file ends there".to_owned()
        } else {
            "the SHA-256 of the whole text is not the one the next segment has for it".to_owned()
        };
        Err(ReadError::Damaged(self.damage(why)).into())
    }

    /// The segment's head.
    pub(super) fn header(&self) -> Result<&Header, ReadError> {
        self.header.as_ref().ok_or_else(|| self.damage("the file has no first line".to_owned()).into())
    }

    fn text_digest(&self) -> Hash {
        self.digest.clone().finish()
    }

    fn index(self) -> Vec<u8> {
        let text = (self.length, self.text_digest());
        let header = self.header.unwrap_or_else(|| unreachable!("a text without a head did not pass its check"));
        self.index.finish(&header, self.next - 1, text, &self.compressed)
    }
}

/// Compresses the text of a segment into `file`, frame by frame.
fn compress<D: Disk>(disk: &D, first: Position, file: &mut D::File, pace: Pace<'_>) -> Result<Text, SealError> {
    let path = segment_path(first);
    let mut lines = LineReader::new(Source::Text(disk.open_to_read(&path)?), 0);
    let mut text = Text::new(path, first);
    let mut pieces = Pieces { pace, taken: 0 };
    let mut encoder = Encoder::new(LEVEL)?;
    encoder.set_parameter(CParameter::ChecksumFlag(true))?;
    let (mut frame, mut begins, mut unsynced) = (Vec::with_capacity(FRAME_MAX), FrameStart(0, 0, first), 0);
    loop {
        let ended = match lines.next()? {
            Some(raw) => {
                let start = frame.len();
                frame.extend_from_slice(raw.bytes);
                frame.extend_from_slice(if raw.ended { b"\n" } else { b"" });
                text.take(&frame[start..]).map_err(ReadError::Damaged)?;
                pieces.took(frame.len() - start)?;
                false
            }
            None => true,
        };
        if !frame.is_empty() && (ended || frame.len() >= FRAME) {
            let bytes = compress_frame(&mut encoder, &frame, &mut pieces)?;
            file.write_at(text.compressed.length, &bytes)?;
            text.compressed.take(&bytes, begins);
            begins = FrameStart(text.compressed.length, text.length, text.next);
            unsynced += bytes.len() as u64;
            if unsynced >= SYNC_EVERY {
                file.sync_data()?;
                unsynced = 0;
            }
            frame.clear();
        }
        if ended {
            return Ok(text);
        }
    }
}

/// Compresses text into a frame of its own.
fn compress_frame(encoder: &mut Encoder<'_>, text: &[u8], pieces: &mut Pieces<'_>) -> io::Result<Vec<u8>> {
    encoder.reinit()?;
    encoder.set_pledged_src_size(Some(text.len() as u64))?;
    let mut bytes = Vec::with_capacity(compress_bound(text.len()));
    let mut out = OutBuffer::around(&mut bytes);
    for piece in text.chunks(PIECE) {
        let mut input = InBuffer::around(piece);
        while input.pos() < piece.len() {
            encoder.run(&mut input, &mut out)?;
        }
        pieces.took(piece.len())?;
    }
    while encoder.finish(&mut out, true)? > 0 {}
    Ok(bytes)
}

/// Keeps a pace whatever the size of what is worked on.
struct Pieces<'a> {
    pace: Pace<'a>,
    taken: usize,
}

impl Pieces<'_> {
    fn took(&mut self, bytes: usize) -> io::Result<()> {
        self.taken += bytes;
        if self.taken >= PIECE {
            self.taken = 0;
            (self.pace)()?;
        }
        Ok(())
    }
}

/// What the index of a sealed segment must be, made from the segment alone, which is checked on the way.
fn index_bytes<D: Disk>(disk: &D, first: Position, next: &Header, pace: Pace<'_>) -> Result<Vec<u8>, SealError> {
    let path = sealed_path(first);
    let file = disk.open_to_read(&path)?;
    // What is on the disk is to be read, and not what somebody else has just read.
    file.forget_cached()?;
    let length = file.len()?;
    let mut text = Text::new(path, first);
    let mut pieces = Pieces { pace, taken: 0 };
    let mut decompressor = Decompressor::new()?;
    let mut buffer = vec![0; compress_bound(FRAME_MAX)];
    while text.compressed.length < length {
        let at = text.compressed.length;
        let read = super::disk::read_full(&file, at, &mut buffer)?;
        let spoiled = |text: &Text| ReadError::Damaged(text.damage("what follows cannot be decompressed".to_owned()));
        let size = zstd::zstd_safe::find_frame_compressed_size(&buffer[..read]).map_err(|_| spoiled(&text))?;
        let frame = decompressor.decompress(&buffer[..size], FRAME_MAX).map_err(|_| spoiled(&text))?;
        text.compressed.take(&buffer[..size], FrameStart(at, text.length, text.next));
        for line in frame.split_inclusive(|byte| *byte == b'\n') {
            text.take(line).map_err(ReadError::Damaged)?;
            pieces.took(line.len())?;
        }
    }
    Ok(text.check(next)?.index())
}

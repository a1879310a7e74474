//! Reads text line by line in bounded memory.

use super::disk::DiskFile;
use super::frame::MAX_LINE;
use super::source::Source;
use std::io;

/// How much is read at once, in bytes.
const CHUNK: usize = 256 * 1024;

/// Bytes up to a newline, the text's end, or where they became too many.
pub(super) struct RawLine<'a> {
    /// Where the line begins in the text.
    pub offset: u64,
    /// Its bytes without the newline.
    pub bytes: &'a [u8],
    /// Whether a newline ended it.
    pub ended: bool,
}

/// The lines of a text from some offset on.
pub(super) struct LineReader<F: DiskFile> {
    source: Source<F>,
    /// Bytes read and not yet given out, from `start` on.
    buffer: Vec<u8>,
    start: usize,
    /// Where `buffer[start]` lies in the text.
    offset: u64,
    /// How much is read at once.
    chunk: usize,
}

impl<F: DiskFile> LineReader<F> {
    /// Reads from `offset`, which is the beginning of a line.
    pub fn new(source: Source<F>, offset: u64) -> Self {
        Self::with_chunk(source, offset, CHUNK)
    }

    /// Reads so much at once: for whoever wants the first lines only.
    pub fn with_chunk(source: Source<F>, offset: u64, chunk: usize) -> Self {
        Self { source, buffer: Vec::new(), start: 0, offset, chunk }
    }

    /// The next line, or `None` at the end of the text. What is longer than a line can be comes in pieces, all but the
    /// last of them not `ended`.
    pub fn next(&mut self) -> io::Result<Option<RawLine<'_>>> {
        let mut searched = 0;
        let (length, ended) = loop {
            let unread = &self.buffer[self.start..];
            if let Some(found) = unread[searched..].iter().position(|&byte| byte == b'\n') {
                break (searched + found, true);
            }
            searched = unread.len();
            if searched > MAX_LINE || !self.fill()? {
                break (searched, false);
            }
        };
        if length == 0 && !ended {
            return Ok(None);
        }
        let (from, offset) = (self.start, self.offset);
        let taken = length + usize::from(ended);
        self.start += taken;
        self.offset += taken as u64;
        Ok(Some(RawLine { offset, bytes: &self.buffer[from..from + length], ended }))
    }

    /// Where the next line begins.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Why there is nothing more, after [`Self::next`] came to an end where there should be.
    pub fn why_ended(&self, inside: &str) -> String {
        let because = if self.source.is_spoiled() { ", because what follows cannot be decompressed" } else { "" };
        format!("the file ends {inside}{because}")
    }

    /// Reads more behind what is there; false at the end of the text.
    fn fill(&mut self) -> io::Result<bool> {
        self.buffer.drain(..self.start);
        self.start = 0;
        let kept = self.buffer.len();
        self.buffer.resize(kept + self.chunk, 0);
        let read = self.source.read(self.offset + kept as u64, &mut self.buffer[kept..])?;
        self.buffer.truncate(kept + read);
        Ok(read > 0)
    }
}

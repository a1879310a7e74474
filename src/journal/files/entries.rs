//! Reads entries out of the segments, one after the other.

use super::disk::{Disk, DiskFile};
use super::error::{Damage, ReadError};
use super::frame::{BadLine, Line, decode};
use super::header::Header;
use super::lines::LineReader;
use super::source::Source;
use crate::domain::ids::{CommitId, Hash, Position};

/// An entry as it stands in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the whole journal.
    pub position: Position,
    /// Its commit.
    pub commit: CommitId,
    /// Its number in the commit, from 1.
    pub part: u32,
    /// How many entries the commit has.
    pub parts: u32,
    /// The last position that was durable when it was written.
    pub durable: Position,
    /// The exact bytes of the event.
    pub event: Vec<u8>,
}

impl Entry {
    /// The RFC 6962 leaf hash of the event.
    pub fn leaf(&self) -> Hash {
        super::merkle::leaf_hash(&self.event)
    }
}

impl From<Line<'_>> for Entry {
    fn from(line: Line<'_>) -> Self {
        let Line { durable, part, parts, position, commit, event } = line;
        Self { position, commit, part, parts, durable, event: event.to_vec() }
    }
}

/// The entries from one position to another, read as they are asked for. After an error it ends.
pub struct Entries<D: Disk> {
    disk: D,
    /// The first positions of the segments that were not yet begun, the next one last.
    waiting: Vec<Position>,
    open: Option<OpenSegment<D::File>>,
    /// Where in the first segment to begin, if not at its first line.
    offset: Option<u64>,
    /// The position that the next line must have.
    next: Position,
    from: Position,
    /// The last position to read.
    until: Position,
}

impl<D: Disk> Entries<D> {
    /// The entries `from` to `until`, both included, given the first positions of all segments, ascending.
    pub(super) fn new(disk: D, segments: Vec<Position>, from: Position, until: Position) -> Self {
        let skipped = segments.partition_point(|first| *first <= from).saturating_sub(1);
        let next = segments.get(skipped).copied().unwrap_or(from);
        let waiting = segments.into_iter().skip(skipped).rev().collect();
        Self { disk, waiting, open: None, offset: None, next, from, until }
    }

    /// Begins in segment `segment` at the line at `offset`, which is that of entry `next`.
    pub(super) fn skipping_to(self, segment: Position, next: Position, offset: u64) -> Self {
        Self { waiting: vec![segment], next, offset: Some(offset), ..self }
    }

    fn read(&mut self) -> Result<Option<Entry>, ReadError> {
        while self.next <= self.until {
            let Some(OpenSegment { file, lines, .. }) = &mut self.open else {
                // There is a segment for every position up to the head; without one, the file that should be there is named.
                let first = self.waiting.pop().unwrap_or(self.next);
                let mut opened = open_segment(&self.disk, first)?;
                if let Some(offset) = self.offset.take() {
                    opened.lines = LineReader::new(Source::open(&self.disk, first)?.0, offset);
                }
                self.open = Some(opened);
                continue;
            };
            let offset = lines.offset();
            let why = match lines.next()? {
                None if self.waiting.last() == Some(&self.next) => {
                    self.open = None;
                    continue;
                }
                None => lines.why_ended("there"),
                Some(raw) if !raw.ended => lines.why_ended("inside a line"),
                Some(raw) => match decode(raw.bytes) {
                    Ok(line) if line.position != self.next => format!("entry {} stands there", line.position),
                    Ok(line) => {
                        self.next += 1;
                        if line.position >= self.from {
                            return Ok(Some(line.into()));
                        }
                        continue;
                    }
                    Err(bad) => bad.to_string(),
                },
            };
            return Err(Damage { file: file.clone(), offset, position: self.next, why }.into());
        }
        Ok(None)
    }
}

impl<D: Disk> Iterator for Entries<D> {
    type Item = Result<Entry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = self.read();
        if read.is_err() {
            self.until = 0;
        }
        read.transpose()
    }
}

/// A segment, open for reading behind its head.
pub struct OpenSegment<F: DiskFile> {
    /// The path of the file that holds it.
    pub file: String,
    /// Its head, checked.
    pub header: Header,
    /// Its entries.
    pub(super) lines: LineReader<F>,
}

/// The head of a segment, checked.
///
/// # Errors
/// [`ReadError`]
pub fn segment_head<D: Disk>(disk: &D, first: Position) -> Result<Header, ReadError> {
    Ok(open_segment(disk, first)?.header)
}

/// Opens a segment behind its head, which is checked.
pub fn open_segment<D: Disk>(disk: &D, first: Position) -> Result<OpenSegment<D::File>, ReadError> {
    let (source, file) = Source::open(disk, first)?;
    let mut lines = LineReader::new(source, 0);
    let head = match lines.next()? {
        Some(line) if line.ended => Header::decode(line.bytes),
        _ => Err(BadLine::NoLine),
    };
    match head {
        Ok(header) if header.first() == first => Ok(OpenSegment { file, header, lines }),
        head => {
            let bad = head.err().unwrap_or(BadLine::Form("it is the head of another segment"));
            let why = format!("in the segment's first line, {bad}");
            Err(Damage { file, offset: 0, position: first, why }.into())
        }
    }
}

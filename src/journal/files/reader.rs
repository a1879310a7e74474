//! Reads the journal from another process while the server writes it, and never writes.

use super::anchor::Anchor;
use super::disk::{Disk, DiskFile};
use super::dropped::Dropped;
use super::entries::{Entry, OpenSegment, open_segment};
use super::error::{Damage, ReadError};
use super::frame::decode;
use super::header::{list_segments, segment_path};
use super::lines::LineReader;
use super::real_disk::RealDisk;
use super::source::Source;
use crate::domain::ids::Position;
use std::collections::VecDeque;
use std::path::Path;

/// Follows a journal entry by entry, never past what is known to be durable.
///
/// It begins behind what was dropped of the journal's history.
///
/// Durable is what a later line, a later segment or the anchor says is durable. The last batch therefore shows only
/// once something follows it or the anchor was written. Whoever follows asks again after a `None`, when it likes.
pub struct SegmentReader<D: Disk> {
    disk: D,
    /// The position of the next entry to give out.
    next: Position,
    /// Where it begins, if the entry before it was given out.
    place: Option<Place>,
    look: Option<Look<D::File>>,
}

/// An offset, in bytes, in the segment that begins with this position.
#[derive(Clone, Copy)]
struct Place {
    segment: Position,
    offset: u64,
}

/// One look at one segment. When the server starts again after a crash it may cut what was not durable and write
/// something else at the same positions, into a new file of the same name. So a look believes only what was durable
/// before it opened the file, and what later lines of the same file say; the rest of what it read is dropped with it.
struct Look<F: DiskFile> {
    segment: Position,
    /// The file that holds it.
    file: String,
    lines: LineReader<F>,
    /// Everything up to here is durable.
    durable: Position,
    /// The last position of this segment, where a later one was there already.
    last: Option<Position>,
    /// The position that the next line must have.
    next: Position,
    /// Lines read and not yet given out, each with the offset behind it.
    read: VecDeque<(Entry, u64)>,
}

impl SegmentReader<RealDisk> {
    /// Reads the journal in the data directory `dir` from position `from` on (1 is the first).
    pub fn open(dir: &Path, from: Position) -> Self {
        Self::new(RealDisk::new(dir), from)
    }
}

impl<D: Disk> SegmentReader<D> {
    /// Reads the journal on `disk` from position `from` on (1 is the first).
    pub fn new(disk: D, from: Position) -> Self {
        Self { disk, next: from.max(1), place: None, look: None }
    }

    /// The position of the entry that comes next.
    pub fn position(&self) -> Position {
        self.next
    }

    /// The next durable entry, or `None` if there is none yet. Damage of what is durable is an error; asking again
    /// after an error looks at the files anew.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, ReadError> {
        if let Some(look) = self.look.take()
            && let Some(entry) = self.take_from(look)?
        {
            return Ok(Some(entry));
        }
        match self.look()? {
            Some(look) => self.take_from(look),
            None => Ok(None),
        }
    }

    /// The next entry of a look, which is kept if there was one.
    fn take_from(&mut self, mut look: Look<D::File>) -> Result<Option<Entry>, ReadError> {
        while let Some((entry, offset)) = look.next_durable()? {
            if entry.position == self.next {
                self.next += 1;
                self.place = Some(Place { segment: look.segment, offset });
                self.look = Some(look);
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    /// Opens the segment of the next entry. The order counts: what the anchor says, then which segments there are,
    /// then the file, so that the file holds everything that the others call durable.
    fn look(&mut self) -> Result<Option<Look<D::File>>, ReadError> {
        let anchor = Anchor::look(&self.disk)?.mark().map_or(0, |mark| mark.position);
        let segments = list_segments(&self.disk)?;
        let Some(index) = segments.partition_point(|segment| segment.first <= self.next).checked_sub(1) else {
            if segments.is_empty() && anchor < self.next {
                return Ok(None);
            }
            let dropped = match segments.first() {
                Some(oldest) => Dropped::before(&self.disk, oldest.first)?.map(|dropped| (dropped, oldest.first)),
                None => None,
            };
            if let Some((dropped, oldest)) = dropped
                && self.next <= dropped.through()
                && oldest <= dropped.through() + 1
            {
                self.next = oldest;
                return self.look();
            }
            let why = "no segment holds this entry".to_owned();
            return Err(Damage { file: segment_path(1), offset: 0, position: self.next, why }.into());
        };
        let segment = segments[index].first;
        let last = segments.get(index + 1).map(|segment| segment.first - 1);
        let (next, file, lines) = match self.place.filter(|place| place.segment == segment) {
            Some(place) => {
                let (source, file) = Source::open(&self.disk, segment)?;
                (self.next, file, LineReader::new(source, place.offset))
            }
            None => {
                let OpenSegment { file, lines, .. } = open_segment(&self.disk, segment)?;
                (segment, file, lines)
            }
        };
        let durable = anchor.max(segment - 1).max(last.unwrap_or(0));
        Ok(Some(Look { segment, file, lines, durable, last, next, read: VecDeque::new() }))
    }
}

impl<F: DiskFile> Look<F> {
    /// The next entry that is durable, with the offset behind it, or `None` where this look sees no more.
    fn next_durable(&mut self) -> Result<Option<(Entry, u64)>, ReadError> {
        loop {
            if let Some(first) = self.read.pop_front_if(|(entry, _)| entry.position <= self.durable) {
                return Ok(Some(first));
            }
            let offset = self.lines.offset();
            let why = match self.lines.next()? {
                None => self.lines.why_ended("there"),
                Some(raw) if !raw.ended => self.lines.why_ended("inside a line"),
                Some(raw) => match decode(raw.bytes) {
                    Ok(line) if line.position == self.next && line.durable < line.position => {
                        self.durable = self.durable.max(line.durable);
                        self.next += 1;
                        self.read.push_back((line.into(), offset + raw.bytes.len() as u64 + 1));
                        continue;
                    }
                    Ok(line) => format!("entry {} stands there", line.position),
                    Err(bad) => bad.to_string(),
                },
            };
            // Above what is durable, a line may be half written, or torn and about to be cut.
            if self.next > self.durable.min(self.last.unwrap_or(Position::MAX)) {
                return Ok(None);
            }
            return Err(Damage { file: self.file.clone(), offset, position: self.next, why }.into());
        }
    }
}

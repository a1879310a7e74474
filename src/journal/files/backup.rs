//! Copies segments to another directory while the journal is in use, and checks such a copy.
//!
//! What the anchor calls durable is copied and nothing beyond it. Segments are never changed but the open one, which only grows,
//! and whose text becomes a sealed segment some time after it was closed: whichever of the two is found says the same.

use super::anchor::{Anchor, AnchorState, Mark};
use super::check::{beginning, check_each};
use super::copy::{Content, LineWriter, content, copy};
use super::disk::{Disk, DiskFile, put_whole, remove_if_there};
use super::dropped::{DROPPED, Dropped, base_path};
use super::entries::{OpenSegment, open_segment, segment_head};
use super::error::{Damage, OpenError, ReadError};
use super::frame::decode;
use super::header::{Header, index_path, list_segments, sealed_path, segment_path};
use super::heads::ExpectedHead;
use super::index::{Index, IndexError};
use super::lines::LineReader;
use super::merkle::Frontier;
use super::seal::{SealError, Text, reindex};
use super::source::Source;
use crate::domain::ids::Position;
use std::io;

pub use super::anchor::ANCHOR;
pub use super::behind::{Behind, behind_anchor};
pub use super::marker::{BACKUP, Copied, Marker, UNFINISHED};

/// Lines written at once, in bytes.
const CHUNK: usize = 1024 * 1024;

/// Why a copy was not made, or is not whole.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// What is to be copied, or was, is damaged.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It cannot be copied, or is not what it should be.
    #[error("{0}")]
    Refused(String),
    /// The disk failed.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl From<Damage> for BackupError {
    fn from(damage: Damage) -> Self {
        Self::Read(damage.into())
    }
}

impl From<OpenError> for BackupError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Damaged(damage) => damage.into(),
            OpenError::Io(error) => Self::Io(error),
            other => Self::Refused(other.to_string()),
        }
    }
}

impl From<SealError> for BackupError {
    fn from(error: SealError) -> Self {
        match error {
            SealError::Read(error) => Self::Read(error),
            SealError::Index(error) => error.into(),
            SealError::Io(error) => Self::Io(error),
        }
    }
}

impl From<IndexError> for BackupError {
    fn from(error: IndexError) -> Self {
        match error {
            IndexError::Io(error) => Self::Io(error),
            unusable @ IndexError::Unusable { .. } => Self::Refused(unusable.to_string()),
        }
    }
}

/// An older back-up, whose files may get a second name instead of being copied.
pub struct LinkFrom<'a, D> {
    /// Where it is.
    pub disk: D,
    /// Gives a file of it the same name in the new back-up; says `false` where the file system cannot do that.
    pub link: &'a mut dyn FnMut(&str) -> io::Result<bool>,
}

/// What was copied.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CopiedSegments {
    /// Up to where.
    pub mark: Mark,
    /// Which journal it is, as its last segment says.
    pub origin: String,
    /// Bytes in the new directory, those with a second name included.
    pub bytes: u64,
    /// Bytes of these that were not written, because the older back-up has them.
    pub linked: u64,
    /// What says which segments were dropped before; with the base that stands in for them.
    pub dropped: Vec<Copied>,
}

/// Copies the segments, as far as the anchor knows them to be durable, into `to`, which has a directory for them.
///
/// # Errors
/// [`BackupError`]
pub fn copy_segments<S: Disk, T: Disk>(
    from: &S,
    to: &T,
    older: Option<LinkFrom<'_, S>>,
) -> Result<CopiedSegments, BackupError> {
    let mark = match Anchor::look(from)? {
        AnchorState::Found { mark, .. } => mark,
        AnchorState::Missing => return Err(OpenError::AnchorLost("is missing").into()),
        AnchorState::BothBad => return Err(OpenError::AnchorLost("is damaged in both its slots").into()),
    };
    let mut segments = list_segments(from)?;
    segments.retain(|segment| segment.first <= mark.position.max(1));
    let Some((last, closed)) = segments.split_last() else {
        return Err(BackupError::Refused("there is no segment of a journal: is this a data directory?".to_owned()));
    };
    let expected = beginning(from, segments[0].first)?;
    let mut copier = Copier { from, to, older, expected, bytes: 0, linked: 0 };
    for (number, segment) in closed.iter().enumerate() {
        let next = segment_head(from, segments[number + 1].first)?;
        copier.closed(segment.first, &next)?;
    }
    let header = copier.open(last.first, mark)?;
    let dropped = copier.dropped(segments[0].first)?;
    let Copier { bytes, linked, .. } = copier;
    Ok(CopiedSegments { mark, origin: header.origin, bytes, linked, dropped })
}

struct Copier<'a, 'l, S: Disk, T: Disk> {
    from: &'a S,
    to: &'a T,
    older: Option<LinkFrom<'l, S>>,
    expected: ExpectedHead,
    bytes: u64,
    linked: u64,
}

impl<S: Disk, T: Disk> Copier<'_, '_, S, T> {
    /// Copies a closed segment; `next` is the head of the one behind it.
    fn closed(&mut self, first: Position, next: &Header) -> Result<(), BackupError> {
        let path = segment_path(first);
        match self.from.find(&path)? {
            Some(file) => self.text(first, path, file, next)?,
            // Sealed before, or a moment ago.
            None => self.sealed(first, next)?,
        }
        self.expected = next.into();
        Ok(())
    }

    fn text(&mut self, first: Position, path: String, file: S::File, next: &Header) -> Result<(), BackupError> {
        let mut lines = LineReader::new(Source::Text(file), 0);
        let mut text = Text::new(path.clone(), first);
        let mut writer = LineWriter::default();
        put_whole(self.to, &path, |target| -> Result<(), BackupError> {
            while let Some(raw) = lines.next()? {
                text.take(writer.push(raw.bytes, raw.ended))?;
                writer.write(target, CHUNK)?;
            }
            Ok(writer.write(target, 0)?)
        })?;
        self.expected.check(&path, text.check(next)?.header()?)?;
        self.bytes += writer.written;
        Ok(())
    }

    fn sealed(&mut self, first: Position, next: &Header) -> Result<(), BackupError> {
        let index = match Index::read(self.from, first) {
            Ok(index) if index.last + 1 == next.first() && Some(index.digest) == next.previous => Some(index),
            Ok(_) | Err(IndexError::Unusable { .. }) => None,
            Err(IndexError::Io(error)) => return Err(error.into()),
        };
        let (path, index_file) = (sealed_path(first), index_path(first));
        if let Some(index) = &index {
            self.expected.check(&path, &index.header)?;
            if self.link(index)? {
                self.linked += index.compressed;
                self.bytes += index.compressed + copy(self.from, &index_file, self.to)?.length;
                return Ok(Index::read(self.to, first)?.check_records(self.to)?);
            }
        }
        let found = copy(self.from, &path, self.to)?;
        let is_as = |index: &Index| found == Content { length: index.compressed, digest: index.compressed_digest };
        let whole = match &index {
            Some(index) if is_as(index) => {
                copy(self.from, &index_file, self.to)?;
                Index::read(self.to, first).and_then(|copied| copied.check_records(self.to)).is_ok()
            }
            _ => false,
        };
        if !whole {
            // What the index does not vouch for is read in full, and the copy gets an index of its own.
            let index = reindex(self.to, first, next, &mut || Ok(()))?;
            self.expected.check(&path, &index.header)?;
        }
        self.bytes += found.length + self.to.open_to_read(&index_file)?.len()?;
        Ok(())
    }

    /// Gives the file that the older back-up has of this segment a second name, if it has the same one.
    fn link(&mut self, index: &Index) -> Result<bool, BackupError> {
        let Some(older) = &mut self.older else { return Ok(false) };
        let path = sealed_path(index.first());
        let same = Index::read(&older.disk, index.first()).is_ok_and(|found| found == *index);
        let there =
            same && older.disk.find(&path)?.is_some_and(|file| file.len().is_ok_and(|it| it == index.compressed));
        Ok(there && (older.link)(&path)?)
    }

    /// Copies the segment that holds the mark up to there, as the open one.
    fn open(&mut self, first: Position, mark: Mark) -> Result<Header, BackupError> {
        let OpenSegment { file, header, mut lines } = open_segment(self.from, first)?;
        self.expected.check(&file, &header)?;
        let mut frontier = header.frontier.clone();
        let mut writer = LineWriter::default();
        let head = header.encode();
        writer.push(&head, false);
        put_whole(self.to, &segment_path(first), |target| -> Result<(), BackupError> {
            while frontier.size() < mark.position {
                take_line(&mut lines, &file, &mut frontier, &mut writer)?;
                writer.write(target, CHUNK)?;
            }
            Ok(writer.write(target, 0)?)
        })?;
        if frontier.root() != mark.root {
            let why = "the Merkle root over the entries up to here is not the one the anchor has".to_owned();
            let (offset, position) = (lines.offset(), mark.position);
            return Err(Damage { file, offset, position, why }.into());
        }
        self.bytes += writer.written;
        Ok(header)
    }

    /// Copies what says that segments were dropped, and the base that stands in for them.
    fn dropped(&mut self, first: Position) -> Result<Vec<Copied>, BackupError> {
        let Some(dropped) = Dropped::before(self.from, first)? else { return Ok(Vec::new()) };
        let mut copied = Vec::new();
        for path in [DROPPED.to_owned(), base_path(dropped.base)] {
            let Content { length, digest } = copy(self.from, &path, self.to)?;
            if path != DROPPED && digest != dropped.base_digest {
                let why = format!("{path} is not what it was when history was dropped; copy this file from a back-up");
                return Err(BackupError::Refused(why));
            }
            self.bytes += length;
            copied.push(Copied { path, length, digest });
        }
        // Both are replaced by a drop, which needs a stopped server and may run beside this all the same.
        if Dropped::read(self.to)? != Some(dropped) {
            return Err(BackupError::Refused("history was dropped at the same time: run it again".to_owned()));
        }
        Ok(copied)
    }
}

/// Takes the next line of the open segment.
fn take_line<F: DiskFile>(
    lines: &mut LineReader<F>,
    file: &str,
    frontier: &mut Frontier,
    writer: &mut LineWriter,
) -> Result<(), BackupError> {
    let (offset, position) = (lines.offset(), frontier.size() + 1);
    let why = match lines.next()? {
        None => lines.why_ended("there"),
        Some(raw) if !raw.ended => lines.why_ended("inside a line"),
        Some(raw) => match decode(raw.bytes) {
            Ok(line) if line.position == position => {
                frontier.push(line.leaf());
                writer.push(raw.bytes, true);
                return Ok(());
            }
            Ok(line) => format!("entry {} stands there", line.position),
            Err(bad) => bad.to_string(),
        },
    };
    Err(Damage { file: file.to_owned(), offset, position, why }.into())
}

/// Reads all segments of a finished back-up in full: lines, positions, commits, the SHA-256 of each text in the next head, every
/// index, and the Merkle tree up to `mark`, where the last segment must end.
///
/// # Errors
/// [`BackupError`] names the file that is not what it was.
pub fn check_segments<D: Disk>(disk: &D, mark: Mark) -> Result<(), BackupError> {
    let last = check_each(disk, |_| (), &mut |_, _, error| Err(error.into()))?;
    let Some(last) = last.filter(|last| last.frontier.size() == mark.position) else {
        return Err(BackupError::Refused(format!("the segments do not end at entry {}", mark.position)));
    };
    if last.frontier.root() == mark.root {
        return Ok(());
    }
    let why = "the Merkle root over the entries up to here is not the one the back-up was made with".to_owned();
    let (file, position) = (segment_path(last.header.first()), mark.position);
    Err(Damage { file, offset: last.good_end, position, why }.into())
}

/// Copies a finished back-up, which was checked, into `to`. The marker is not copied.
///
/// # Errors
/// Where the disk fails.
pub fn copy_backup<S: Disk, T: Disk>(from: &S, to: &T, marker: &Marker) -> io::Result<()> {
    for segment in list_segments(from)? {
        copy(from, &segment.path(), to)?;
        if segment.sealed {
            copy(from, &index_path(segment.first), to)?;
        }
    }
    for file in &marker.files {
        copy(from, &file.path, to)?;
    }
    Ok(())
}

/// Compares the files that a marker names with what it says of them.
///
/// # Errors
/// [`BackupError`] names the first that is missing or another.
pub fn check_files<D: Disk>(disk: &D, files: &[Copied]) -> Result<(), BackupError> {
    for file in files {
        let found = match content(disk, &file.path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(BackupError::Refused(format!("{} is missing", file.path)));
            }
            Err(error) => return Err(error.into()),
        };
        if found != (Content { length: file.length, digest: file.digest }) {
            return Err(BackupError::Refused(format!("{} is not what it was when the back-up was made", file.path)));
        }
    }
    Ok(())
}

/// Writes a small file into a back-up, whole and durable, and says what its marker has to say of it.
///
/// # Errors
/// Where the disk fails.
pub fn put_file<D: Disk>(disk: &D, path: &str, bytes: &[u8]) -> io::Result<Copied> {
    put_whole(disk, path, |file| file.write_at(0, bytes))?;
    Ok(Copied { path: path.to_owned(), length: bytes.len() as u64, digest: super::merkle::sha256(bytes) })
}

/// Writes the anchor of a back-up, as an orderly stop at its end would have left it.
///
/// # Errors
/// Where the disk fails.
pub fn put_anchor<D: Disk>(disk: &D, mark: Mark) -> io::Result<Copied> {
    super::anchor::put_anchor(disk, mark, true)?;
    let Content { length, digest } = content(disk, ANCHOR)?;
    Ok(Copied { path: ANCHOR.to_owned(), length, digest })
}

/// Makes a directory known as one that is being filled: nobody takes it for a data directory until this is taken back.
///
/// # Errors
/// Where the disk fails.
pub fn begin_filling<D: Disk>(disk: &D) -> io::Result<()> {
    put_whole(disk, UNFINISHED, |_| Ok(()))
}

/// Takes [`begin_filling`] back: everything in the directory is whole and durable.
///
/// # Errors
/// Where the disk fails.
pub fn end_filling<D: Disk>(disk: &D) -> io::Result<()> {
    remove_if_there(disk, UNFINISHED)?;
    disk.sync_dir("")
}

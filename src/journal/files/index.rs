//! The index beside a sealed segment: what a start must know of the segment without reading it, and where in it a session or an
//! account is spoken of. It says nothing that the segment does not say, and is made again where it is missing.
//!
//! Two lines of JSON, then records of fixed size, sorted by id inside each section, each with a checksum of its own:
//! ```text
//! {"crc32c":"…","segment":{…the head of the segment…}}
//! {"crc32c":"…","index":{"last":9,"length":8123,"sha256":"…","compressed":2041,"compressed_sha256":"…","from":"…","to":"…","frames":[[0,0,1]],"sessions":2,…}}
//! ```

use super::disk::{Disk, DiskFile, put_whole, read_full};
use super::entries::Entry;
use super::frame::{Line, seal_value, unseal_value};
use super::header::{Header, index_path};
use super::lines::LineReader;
use super::merkle::Sha256;
use super::source::Source;
use crate::domain::ids::{Generation, Hash, Position};
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use uuid::Uuid;

/// The number of the format of index files.
const FORMAT: u32 = 1;
/// How much of an index is read to know of its segment as a whole: usually the first two lines are shorter.
const HEAD: usize = 4096;
/// Bytes of a record: id, first position, last position, generations, checksum; numbers big-endian.
const RECORD: usize = 16 + 8 + 8 + 4 + 4;

/// Why an index cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// It is missing, damaged, or that of another segment: it can be made again.
    #[error("{file} cannot be used: {why}")]
    Unusable {
        /// The first position of its segment.
        first: Position,
        /// The file, relative to the data directory.
        file: String,
        /// What is wrong.
        why: String,
    },
    /// The disk failed.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// What ids a record is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Section {
    /// Streams `session:ID`.
    Sessions,
    /// Streams `evidence:ID`.
    Evidence,
    /// Streams `account:ID` and `gate:ID`, and events whose data names the account.
    Accounts,
}

/// Where in the segment an id is spoken of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Extent {
    /// The first entry.
    pub first: Position,
    /// The last entry.
    pub last: Position,
    /// The newest generation that was issued in this segment, for sessions.
    pub issued: Option<Generation>,
}

/// A part of the compressed file that can be decompressed by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FrameStart(
    /// Where it begins in the file.
    pub u64,
    /// Where it begins in the text.
    pub u64,
    /// The first entry that begins in it; in the first frame it stands behind the segment's head.
    pub Position,
);

/// What the first two lines of an index say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Index {
    /// The head of the segment.
    pub header: Header,
    /// The position of its last entry.
    pub last: Position,
    /// The length of its text, in bytes.
    pub length: u64,
    /// SHA-256 of its text: what the head of the next segment calls `previous`.
    pub digest: Hash,
    /// The length of the compressed file, in bytes.
    pub compressed: u64,
    /// SHA-256 of the compressed file.
    pub compressed_digest: Hash,
    /// The earliest and the latest `at` of its entries.
    pub span: (Timestamp, Timestamp),
    /// The parts of the compressed file.
    pub frames: Vec<FrameStart>,
    /// How many records each section has.
    counts: [u64; 3],
    /// Where the records begin in the index file.
    records_at: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    format: u32,
    last: Position,
    length: u64,
    sha256: String,
    compressed: u64,
    compressed_sha256: String,
    from: String,
    to: String,
    frames: Vec<FrameStart>,
    sessions: u64,
    evidence: u64,
    accounts: u64,
}

impl Index {
    /// Reads what the index of a segment says of it as a whole, and that the file is as long as it should be.
    ///
    /// # Errors
    /// [`IndexError`]
    pub fn read(disk: &impl Disk, first: Position) -> Result<Self, IndexError> {
        let file = index_path(first);
        let unusable = |why: &str| IndexError::Unusable { first, file: file.clone(), why: why.to_owned() };
        let opened = disk.find(&file)?.ok_or_else(|| unusable("it is missing"))?;
        let length = opened.len()?;
        let mut lines = LineReader::with_chunk(Source::Text(opened), 0, HEAD);
        let header = match lines.next()? {
            Some(line) if line.ended => Header::decode(line.bytes).ok(),
            _ => None,
        };
        let header = header.filter(|header| header.first() == first);
        let header = header.ok_or_else(|| unusable("its first line is not the head of the segment"))?;
        let index = match lines.next()? {
            Some(line) if line.ended => Self::decode(header, line.bytes),
            _ => None,
        };
        let mut index = index.ok_or_else(|| unusable("its second line is not one this program writes"))?;
        index.records_at = lines.offset();
        let records = index.counts.iter().try_fold(0_u64, |sum, count| sum.checked_add(*count));
        let bytes = records.and_then(|records| records.checked_mul(RECORD as u64));
        if bytes.and_then(|bytes| bytes.checked_add(index.records_at)) != Some(length) {
            return Err(unusable("it has another length than it says"));
        }
        Ok(index)
    }

    fn decode(header: Header, line: &[u8]) -> Option<Self> {
        let written: Written = unseal_value(line, "index").ok()?;
        (written.format == FORMAT).then_some(())?;
        Some(Self {
            header,
            last: written.last,
            length: written.length,
            digest: written.sha256.parse().ok()?,
            compressed: written.compressed,
            compressed_digest: written.compressed_sha256.parse().ok()?,
            span: (written.from.parse().ok()?, written.to.parse().ok()?),
            frames: written.frames,
            counts: [written.sessions, written.evidence, written.accounts],
            records_at: 0,
        })
    }

    /// Whether it speaks of the same text as another, which may lie differently in its file.
    pub fn is_of_the_same_text(&self, other: &Self) -> bool {
        (&self.header, self.last, self.length, self.digest) == (&other.header, other.last, other.length, other.digest)
    }

    /// The position of the segment's first entry.
    pub fn first(&self) -> Position {
        self.header.first()
    }

    /// Reads every record and compares it with its checksum.
    ///
    /// # Errors
    /// [`IndexError`]
    pub fn check_records(&self, disk: &impl Disk) -> Result<(), IndexError> {
        let file = index_path(self.first());
        let bytes = disk.read(&file)?;
        let records = usize::try_from(self.records_at).ok().and_then(|at| bytes.get(at..)).unwrap_or_default();
        let (records, rest) = records.as_chunks::<RECORD>();
        let whole = rest.is_empty() && records.iter().all(|record| decode(record).is_some());
        let why = || "a record does not have its checksum".to_owned();
        if whole { Ok(()) } else { Err(IndexError::Unusable { first: self.first(), file, why: why() }) }
    }

    /// Where an id is spoken of in the segment, if it is.
    ///
    /// # Errors
    /// [`IndexError`]
    pub fn find(&self, disk: &impl Disk, section: Section, id: Uuid) -> Result<Option<Extent>, IndexError> {
        let path = index_path(self.first());
        let unusable =
            |why: &str| IndexError::Unusable { first: self.first(), file: path.clone(), why: why.to_owned() };
        let file = disk.find(&path)?.ok_or_else(|| unusable("it is missing"))?;
        let before: u64 = self.counts[..section as usize].iter().sum();
        let (mut low, mut high) = (0, self.counts[section as usize]);
        while low < high {
            let middle = low + (high - low) / 2;
            let mut record = [0; RECORD];
            let at = self.records_at + (before + middle) * RECORD as u64;
            if read_full(&file, at, &mut record)? < RECORD {
                return Err(unusable("it ends inside a record"));
            }
            let (found, extent) = decode(&record).ok_or_else(|| unusable("a record does not have its checksum"))?;
            match found.cmp(&id) {
                std::cmp::Ordering::Equal => return Ok(Some(extent)),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Ok(None)
    }

    /// The entries of the sealed segment from a position on, beginning at the nearest frame before it.
    ///
    /// # Errors
    /// Where the file cannot be opened.
    pub(super) fn lines_from<D: Disk>(&self, disk: &D, from: Position) -> io::Result<LineReader<D::File>> {
        let before = self.frames.partition_point(|frame| frame.2 <= from).saturating_sub(1);
        let FrameStart(at, offset, _) = self.frames.get(before).copied().unwrap_or(FrameStart(0, 0, self.first()));
        let file = disk.open_to_read(&super::header::sealed_path(self.first()))?;
        Ok(LineReader::new(Source::sealed(file, at, offset)?, offset))
    }
}

fn encode(id: &Uuid, extent: &Extent) -> [u8; RECORD] {
    let mut record = [0; RECORD];
    record[..16].copy_from_slice(id.as_bytes());
    record[16..24].copy_from_slice(&extent.first.to_be_bytes());
    record[24..32].copy_from_slice(&extent.last.to_be_bytes());
    record[32..36].copy_from_slice(&extent.issued.map_or(0, |issued| issued.saturating_add(1)).to_be_bytes());
    let checksum = crc32c::crc32c(&record[..36]);
    record[36..].copy_from_slice(&checksum.to_be_bytes());
    record
}

fn decode(record: &[u8; RECORD]) -> Option<(Uuid, Extent)> {
    let (body, checksum) = record.split_last_chunk::<4>()?;
    (crc32c::crc32c(body) == u32::from_be_bytes(*checksum)).then_some(())?;
    let number = |at: usize| Some(u64::from_be_bytes(body.get(at..at + 8)?.try_into().ok()?));
    let issued = u32::from_be_bytes(body.get(32..36)?.try_into().ok()?).checked_sub(1);
    Some((Uuid::from_slice(&body[..16]).ok()?, Extent { first: number(16)?, last: number(24)?, issued }))
}

/// Collects what an index says while a segment is read.
#[derive(Default)]
pub(super) struct IndexBuilder {
    sections: [BTreeMap<Uuid, Extent>; 3],
    span: Option<(Timestamp, Timestamp)>,
}

/// The few words of an event that an index needs; an event without them is in none of its sections.
#[derive(Deserialize)]
struct Words<'a> {
    #[serde(borrow)]
    stream: Option<Cow<'a, str>>,
    version: Option<u64>,
    #[serde(borrow)]
    at: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
struct Data<'a> {
    #[serde(borrow)]
    account: Option<Cow<'a, str>>,
    generation: Option<Generation>,
}

impl IndexBuilder {
    /// Takes the next entry.
    pub fn take(&mut self, line: &Line<'_>) {
        let Ok(words) = serde_json::from_slice::<Words<'_>>(line.event) else { return };
        if let Some(at) = words.at.and_then(|at| at.parse::<Timestamp>().ok()) {
            let (from, to) = self.span.unwrap_or((at, at));
            self.span = Some((from.min(at), to.max(at)));
        }
        let data = words.data.and_then(|data| serde_json::from_str::<Data<'_>>(data.get()).ok()).unwrap_or_default();
        let account = data.account.and_then(|account| Uuid::try_parse(&account).ok());
        let (kind, id) = words.stream.as_deref().and_then(|stream| stream.split_once(':')).unwrap_or_default();
        let id = Uuid::try_parse(id).ok();
        match (kind, id) {
            ("session", Some(id)) => {
                let first = (words.version == Some(1)).then_some(0);
                self.note(Section::Sessions, id, line.position, data.generation.or(first));
            }
            ("evidence", Some(id)) => self.note(Section::Evidence, id, line.position, None),
            ("account" | "gate", Some(id)) => self.note(Section::Accounts, id, line.position, None),
            _ => {}
        }
        if let Some(account) = account {
            self.note(Section::Accounts, account, line.position, None);
        }
    }

    fn note(&mut self, section: Section, id: Uuid, position: Position, issued: Option<Generation>) {
        let extent =
            self.sections[section as usize].entry(id).or_insert(Extent { first: position, last: position, issued });
        extent.last = position;
        extent.issued = extent.issued.max(issued);
    }

    /// The bytes of the index.
    pub fn finish(self, header: &Header, last: Position, text: (u64, Hash), compressed: &Compressed) -> Vec<u8> {
        let (from, to) = self.span.unwrap_or_default();
        let [sessions, evidence, accounts] = self.sections.each_ref().map(|section| section.len() as u64);
        let written = Written {
            format: FORMAT,
            last,
            length: text.0,
            sha256: text.1.to_string(),
            compressed: compressed.length,
            compressed_sha256: compressed.digest.clone().finish().to_string(),
            from: from.to_string(),
            to: to.to_string(),
            frames: compressed.frames.clone(),
            sessions,
            evidence,
            accounts,
        };
        let mut bytes = header.encode();
        seal_value(&mut bytes, "index", &written);
        for (id, extent) in self.sections.iter().flatten() {
            bytes.extend_from_slice(&encode(id, extent));
        }
        bytes
    }
}

/// How the text of a segment lies in the compressed file.
#[derive(Default)]
pub(super) struct Compressed {
    /// The file's length in bytes.
    pub length: u64,
    /// Its parts.
    pub frames: Vec<FrameStart>,
    /// SHA-256 over it.
    pub digest: Sha256,
}

impl Compressed {
    /// Takes the next frame.
    pub fn take(&mut self, bytes: &[u8], starts: FrameStart) {
        self.frames.push(starts);
        self.digest.update(bytes);
        self.length += bytes.len() as u64;
    }
}

/// Writes an index, whole and durable, and reads its head back.
pub(super) fn put_index<D: Disk>(disk: &D, first: Position, bytes: &[u8]) -> Result<Index, IndexError> {
    put_whole(disk, &index_path(first), |file| file.write_at(0, bytes))?;
    Index::read(disk, first)
}

/// Entries of one sealed segment, from a position on, found through its index.
pub struct IndexedEntries<F: DiskFile> {
    lines: LineReader<F>,
    from: Position,
    until: Position,
}

impl<F: DiskFile> IndexedEntries<F> {
    /// The entries `extent.first` to `extent.last` of the segment.
    ///
    /// # Errors
    /// Where the file cannot be opened.
    pub fn open<D: Disk<File = F>>(disk: &D, index: &Index, extent: &Extent) -> io::Result<Self> {
        Ok(Self { lines: index.lines_from(disk, extent.first)?, from: extent.first, until: extent.last })
    }

    /// The next of them; `None` behind the last, and where the file does not hold it as the index says.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn next_entry(&mut self) -> io::Result<Option<Entry>> {
        while self.from <= self.until {
            let Some(raw) = self.lines.next()? else { break };
            let Ok(line) = super::frame::decode(raw.bytes) else { continue };
            if line.position == self.from {
                self.from += 1;
                return Ok(Some(line.into()));
            }
        }
        Ok(None)
    }

    /// Whether all of them were given out.
    pub fn is_complete(&self) -> bool {
        self.from > self.until
    }
}

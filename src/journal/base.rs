//! The base: everything the store holds as of one entry, but for lines, in a file that stands in for entries that were dropped.
//!
//! One line of JSON, then a zstd stream of records: key length and value length (u32, big-endian), key, value.
//! ```text
//! {"crc32c":"…","base":{"format":1,"state_format":3,"position":977,"frontier":["…"],"entries":31,"sha256":"…"}}
//! ```

use super::checked_store::{CheckedStore, STATE_FORMAT};
use super::files::copy::{Content, content_on_disk, content_paced};
use super::files::disk::{Disk, DiskFile, put_whole};
use super::files::dropped::{Dropped, base_path};
use super::files::error::{Damage, ReadError};
use super::files::frame::{seal_value, unseal_value};
use super::files::header::list_segments;
use super::files::merkle::{Frontier, Sha256};
use super::files::seal::Pace;
use super::files::source::FileReader;
use super::keys;
use super::state_format_2;
use super::store::{Pair, Store, StoreError, StoreRead, Value, live_pages};
use crate::domain::ids::{Hash, Position};
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, BufReader, Read, Write};
use zstd::stream::{read::Decoder, write::Encoder};

/// The number of the format of bases.
const FORMAT: u32 = 1;
/// What a base is compressed at.
const LEVEL: i32 = 6;
/// The longest key or value that is believed, in bytes.
const LONGEST: u32 = 16 * 1024 * 1024;
/// Records put into the store at once.
const AT_ONCE: usize = 4096;

/// Why a base cannot be used, in words that go into a sentence.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BaseError(pub String);

impl From<io::Error> for BaseError {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<StoreError> for BaseError {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

#[derive(Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Written {
    format: u32,
    state_format: u32,
    position: Position,
    frontier: Vec<String>,
    entries: u64,
    sha256: String,
}

impl Written {
    fn encode(&self) -> Vec<u8> {
        let mut line = Vec::new();
        seal_value(&mut line, "base", self);
        line
    }

    fn decode(line: &[u8]) -> Option<Self> {
        unseal_value(line.strip_suffix(b"\n")?, "base").ok()
    }

    fn frontier(&self) -> Option<Frontier> {
        Frontier::from_texts(self.position, &self.frontier)
    }
}

/// Writes the base of a store that has applied everything under `frontier`, reads it back, and gives SHA-256 of its file.
///
/// # Errors
/// [`BaseError`]
pub fn write_base<D: Disk>(disk: &D, store: &dyn StoreRead, frontier: &Frontier) -> Result<Hash, BaseError> {
    let (mut entries, mut digest) = (0, Sha256::default());
    each_record(store, |record| {
        entries += 1;
        digest.update(record);
        Ok(())
    })?;
    let written = Written {
        format: FORMAT,
        state_format: STATE_FORMAT,
        position: frontier.size(),
        frontier: frontier.texts(),
        entries,
        sha256: digest.finish().to_string(),
    };
    let path = base_path(frontier.size());
    put_whole(disk, &path, |file| -> Result<(), BaseError> {
        let mut out = FileWriter { file, offset: 0 };
        out.write_all(&written.encode())?;
        let mut encoder = Encoder::new(out, LEVEL)?;
        encoder.include_checksum(true)?;
        each_record(store, |record| encoder.write_all(record))?;
        encoder.finish()?;
        Ok(())
    })?;
    let Content { digest, .. } = content_on_disk(disk, &path)?;
    read_base(disk, frontier.size(), |_| Ok(()))?;
    Ok(digest)
}

/// Calls `take` with every record as it stands in a base.
fn each_record(store: &dyn StoreRead, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> Result<(), BaseError> {
    let mut record = Vec::new();
    for page in live_pages(store) {
        for (key, value) in page? {
            let length = |bytes: &[u8]| u32::try_from(bytes.len()).map_err(io::Error::other);
            record.clear();
            record.extend_from_slice(&length(&key)?.to_be_bytes());
            record.extend_from_slice(&length(&value)?.to_be_bytes());
            record.extend_from_slice(&key);
            record.extend_from_slice(&value);
            take(&record)?;
        }
    }
    Ok(())
}

/// Reads a base in full and gives `take` every record. What it held is known to be right only when this returns.
fn read_base<D: Disk>(
    disk: &D,
    position: Position,
    mut take: impl FnMut(Pair) -> Result<(), BaseError>,
) -> Result<Frontier, BaseError> {
    let bad = |why: &str| BaseError(why.to_owned());
    let mut reader = BufReader::new(FileReader::new(disk.open_to_read(&base_path(position))?, 0));
    let mut line = Vec::new();
    // The longest head there can be, with 64 hashes, is shorter.
    (&mut reader).take(16 * 1024).read_until(b'\n', &mut line)?;
    let written = Written::decode(&line).ok_or_else(|| bad("its first line is not one this program writes"))?;
    let older = written.state_format == state_format_2::NUMBER;
    if written.format != FORMAT || !(older || written.state_format == STATE_FORMAT) {
        return Err(BaseError(format!(
            "it holds states in format {}, and this program reads formats {} to {STATE_FORMAT}: start the version that wrote it",
            written.state_format,
            state_format_2::NUMBER
        )));
    }
    let frontier = written.frontier().filter(|frontier| frontier.size() == position);
    let frontier = frontier.ok_or_else(|| bad("it is the base of another entry"))?;
    let mut records = Decoder::with_buffer(reader)?;
    let mut digest = Sha256::default();
    for _ in 0..written.entries {
        let mut lengths = [0; 8];
        records.read_exact(&mut lengths)?;
        let [key, value] =
            [0, 4].map(|at| u32::from_be_bytes([lengths[at], lengths[at + 1], lengths[at + 2], lengths[at + 3]]));
        if key > LONGEST || value > LONGEST {
            return Err(bad("a record in it is longer than any can be"));
        }
        let (mut key, mut value) = (vec![0; key as usize], vec![0; value as usize]);
        records.read_exact(&mut key)?;
        records.read_exact(&mut value)?;
        [&lengths[..], &key, &value].iter().for_each(|bytes| digest.update(bytes));
        if older && let Some(stream) = keys::stream_of(&key) {
            value = state_format_2::renewed(&stream, &value).map_err(|why| BaseError(why.to_string()))?;
        }
        take((key, value))?;
    }
    if digest.finish().to_string() != written.sha256 || records.read(&mut [0])? != 0 {
        return Err(bad("its records do not have the SHA-256 in its first line"));
    }
    Ok(frontier)
}

/// Reads the base that stands in for what was dropped, in full, and compares it with what was noted of it.
///
/// # Errors
/// [`BaseError`]
pub fn check_base<D: Disk>(disk: &D, dropped: &Dropped) -> Result<(), BaseError> {
    if content_on_disk(disk, &base_path(dropped.base))?.digest != dropped.base_digest {
        return Err(BaseError("it does not have the SHA-256 that was noted when history was dropped".to_owned()));
    }
    read_base(disk, dropped.base, |_| Ok(())).map(|_| ())
}

/// The digest of the base of a store that has applied everything under `frontier`. A base that is there and noted stays: written
/// again it need not be the same bytes, and until that is noted there would be none to fill a store from.
///
/// # Errors
/// [`BaseError`]
pub fn keep_or_write_base<D: Disk>(disk: &D, store: &dyn StoreRead, frontier: &Frontier) -> Result<Hash, BaseError> {
    // One that cannot be read does not count, and is written anew behind the base.
    let noted = Dropped::read(disk).ok().flatten().filter(|noted| noted.base == frontier.size());
    let is_whole = |noted: &Dropped| {
        let digest = content_on_disk(disk, &base_path(noted.base)).is_ok_and(|found| found.digest == noted.base_digest);
        digest && read_base(disk, noted.base, |_| Ok(())).is_ok_and(|found| found == *frontier)
    };
    match noted.filter(is_whole) {
        Some(noted) => Ok(noted.base_digest),
        None => write_base(disk, store, frontier),
    }
}

/// Reads the file of the base again, in full, where the first segments are gone and it stands in for them. Says the position of
/// the base; `None` where nothing was dropped. It is needed only when a store is lost, so nobody else would find damage in it while
/// there is a back-up that has it whole.
///
/// # Errors
/// The base, or what was noted of it, is damaged or missing; or the disk failed.
pub fn check_stand_in<D: Disk>(disk: &D, pace: Pace<'_>) -> Result<Option<Position>, ReadError> {
    let first = list_segments(disk)?.first().map_or(1, |segment| segment.first);
    let Some(dropped) = Dropped::before(disk, first)? else { return Ok(None) };
    let file = base_path(dropped.base);
    let why = match content_paced(disk, &file, pace) {
        Ok(found) if found.digest == dropped.base_digest => return Ok(Some(dropped.base)),
        Ok(_) => "it does not have the SHA-256 that was noted when history was dropped",
        Err(error) if error.kind() == io::ErrorKind::NotFound => "it is not there",
        Err(error) => return Err(error.into()),
    };
    let why = format!("{why}; a lost store is rebuilt from it, so copy this file from a back-up");
    Err(Damage { file, offset: 0, position: dropped.base, why }.into())
}

/// Fills an empty store from a base that was checked. Until it is filled to its end, the store says that it is not whole.
///
/// # Errors
/// [`BaseError`]
pub fn load_base<D: Disk, S: Store>(disk: &D, dropped: &Dropped, store: S) -> Result<CheckedStore<S>, BaseError> {
    let mut store = CheckedStore::new(store, None);
    let (mut updates, not_filled) = (Vec::new(), Frontier::default());
    let frontier = read_base(disk, dropped.base, |(key, value)| {
        updates.push((key, Some(Value::Plain(value))));
        if updates.len() >= AT_ONCE {
            store.take(std::mem::take(&mut updates), &not_filled);
            store.write()?;
        }
        Ok(())
    })?;
    store.take(updates, &frontier);
    store.write()?;
    Ok(store)
}

struct FileWriter<'a, F> {
    file: &'a mut F,
    offset: u64,
}

impl<F: DiskFile> Write for FileWriter<'_, F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_at(self.offset, bytes)?;
        self.offset += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

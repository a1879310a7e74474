//! What can still be read of a segment that is damaged, and what is done with its bytes: they are kept.

use super::disk::{Disk, DiskFile, put_whole};
use super::entries::Entry;
use super::frame::{decode, decode_end};
use super::header::{JOURNAL, SegmentName, segment_path};
use super::index::{FrameStart, Index};
use super::lines::LineReader;
use super::source::Source;
use crate::domain::ids::Position;
use std::collections::BTreeMap;
use std::io;

/// What the name of a file begins with that was damaged and is kept.
const DAMAGED: &str = "damaged-";

/// Every line of a segment that holds its checksum, wherever it stands. Of a sealed one whose index is whole, also what lies
/// behind the part that cannot be decompressed.
pub fn salvage<D: Disk>(disk: &D, segment: SegmentName) -> io::Result<BTreeMap<Position, Entry>> {
    let mut found = BTreeMap::new();
    let index = if segment.sealed { Index::read(disk, segment.first).ok() } else { None };
    let Some(index) = index else {
        let Ok((source, _)) = Source::open(disk, segment.first) else { return Ok(found) };
        take(&mut LineReader::new(source, 0), u64::MAX, &mut found)?;
        return Ok(found);
    };
    let ends = index.frames.iter().skip(1).map(|FrameStart(_, offset, _)| *offset).chain([index.length]);
    for (FrameStart(_, _, position), end) in index.frames.iter().zip(ends) {
        take(&mut index.lines_from(disk, *position)?, end, &mut found)?;
    }
    Ok(found)
}

fn take<F: DiskFile>(lines: &mut LineReader<F>, until: u64, found: &mut BTreeMap<Position, Entry>) -> io::Result<()> {
    while lines.offset() < until {
        let Some(raw) = lines.next()? else { break };
        let line = decode(raw.bytes).ok().or_else(|| decode_end(raw.bytes)).filter(|_| raw.ended);
        if let Some(line) = line {
            found.entry(line.position).or_insert_with(|| line.into());
        }
    }
    Ok(())
}

/// Copies a file of the journal beside itself, under a name that says that it was damaged. What is kept already is not kept
/// again, and nothing is written over.
///
/// # Errors
/// Where the disk fails.
pub fn keep_damaged<D: Disk>(disk: &D, path: &str) -> io::Result<Option<String>> {
    if disk.find(path)?.is_none() {
        return Ok(None);
    }
    let bytes = disk.read(path)?;
    for name in names(path) {
        match disk.find(&name)? {
            None => {
                put_whole(disk, &name, |kept| kept.write_at(0, &bytes))?;
                return Ok(Some(name));
            }
            Some(_) if disk.read(&name)? == bytes => return Ok(Some(name)),
            Some(_) => {}
        }
    }
    Ok(None)
}

/// Takes a file of the journal out of the way, under a name that says that it was damaged.
///
/// # Errors
/// Where the disk fails.
pub fn put_aside<D: Disk>(disk: &D, path: &str) -> io::Result<()> {
    if disk.find(path)?.is_none() {
        return Ok(());
    }
    for name in names(path) {
        if disk.find(&name)?.is_none() {
            disk.rename(path, &name)?;
            return disk.sync_dir(JOURNAL);
        }
    }
    Ok(())
}

/// Writes the text of a segment of another directory, compressed or not, as the text of the segment here.
///
/// # Errors
/// Where a disk fails.
pub fn copy_text<S: Disk, T: Disk>(from: &S, to: &T, first: Position) -> io::Result<()> {
    let (source, _) = Source::open(from, first)?;
    put_whole(to, &segment_path(first), |file| source.each_chunk(u64::MAX, |at, bytes| file.write_at(at, bytes)))
}

/// Writes the beginning of a sealed segment's text as its text.
///
/// # Errors
/// Where the disk fails.
pub fn copy_text_up_to<D: Disk>(disk: &D, first: Position, end: u64) -> io::Result<()> {
    let (source, _) = Source::open(disk, first)?;
    put_whole(disk, &segment_path(first), |file| source.each_chunk(end, |at, bytes| file.write_at(at, bytes)))
}

fn names(path: &str) -> impl Iterator<Item = String> {
    let file = path.rsplit_once('/').map_or(path, |(_, file)| file);
    let name = format!("{JOURNAL}/{DAMAGED}{file}");
    std::iter::once(name.clone()).chain((2u32..).map(move |number| format!("{name}.{number}")))
}

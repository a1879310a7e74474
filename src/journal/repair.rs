//! Mending a journal that does not open, from the store or from a back-up, and giving up what can be had from neither.
//!
//! Before anything is changed, `mending` says what will have to be recorded; every file is written whole and the old one kept.
//! So a crash leaves what the same command takes up when it is run again.

use super::checked_store::{CheckedStore, Condition};
use super::files::anchor::{ANCHOR, Mark, put_anchor};
use super::files::diagnosis::{Diagnosis, SegmentFault, diagnose};
use super::files::disk::{Disk, DiskFile, put_whole, remove_if_there};
use super::files::entries::segment_head;
use super::files::header::{Header, SegmentName, index_path, list_segments, sealed_path, segment_path};
use super::files::mending::{Mended, Mending};
use super::files::merkle::Frontier;
use super::files::rebuild::{Kept, RebuildError, put_rebuilt, rebuild};
use super::files::salvage::{copy_text, keep_damaged, put_aside};
use super::files::seal::{SealError, seal};
use super::files::source::text_digest;
use super::keys;
use super::packed_lines::unpack;
use super::schema;
use super::store::{Store, StoreError, StoreRead, pages};
use crate::domain::Event;
use crate::domain::ids::{Hash, Position};
use crate::domain::system::SystemEvent;
use std::collections::BTreeMap;
use std::io;

/// Why nothing, or not everything, was mended.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// The store cannot help.
    #[error("the store cannot help: {0}")]
    Store(String),
    /// Segments cannot be made again from the store.
    #[error("the segments cannot be made again from the store: {0}")]
    Rebuild(String),
    /// A segment of the back-up was not put in place as it should be.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// What was asked for is not what the diagnosis says.
    #[error("{0}")]
    Refused(String),
    /// The disk failed.
    #[error("{0}; mend the disk and run the command again")]
    Io(#[from] io::Error),
}

impl From<RebuildError> for RepairError {
    fn from(error: RebuildError) -> Self {
        match error {
            RebuildError::Impossible(why) => Self::Rebuild(why),
            RebuildError::Io(error) => Self::Io(error),
        }
    }
}

impl From<StoreError> for RepairError {
    fn from(StoreError(why): StoreError) -> Self {
        Self::Store(why)
    }
}

/// How far a store that holds what its head says has applied the journal; in words, why it is of no use.
///
/// # Errors
/// In words.
pub fn examine<S: Store>(store: &S) -> Result<Frontier, String> {
    match CheckedStore::examine(store) {
        Condition::Whole(head) => head.frontier().ok_or_else(|| "its head contradicts itself".to_owned()),
        Condition::Empty => Err("it is empty".to_owned()),
        Condition::Unusable(why) => Err(why),
    }
}

/// The mark of a store.
pub fn mark_of(frontier: &Frontier) -> Mark {
    Mark { position: frontier.size(), root: frontier.root() }
}

/// The events that a store keeps, from a position on.
fn kept_events(store: &dyn StoreRead, from: Position) -> Result<BTreeMap<Position, Vec<u8>>, StoreError> {
    const PAGE: usize = 64;
    let mut events = BTreeMap::new();
    for page in pages(store, keys::LINES, PAGE) {
        for (key, lines) in &page? {
            let first = keys::parse_lines(key).ok_or_else(|| StoreError("a key names no position".to_owned()))?;
            let lines = unpack(lines)?;
            let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            events.extend((first..).zip(lines.map(<[u8]>::to_vec)).filter(|(position, _)| *position >= from));
        }
    }
    Ok(events)
}

/// The origin that an event begins.
fn begins(event: &[u8]) -> Option<String> {
    match schema::decode(event).ok()?.recorded.event {
        Event::System(
            SystemEvent::Created { origin }
            | SystemEvent::Restored { origin, .. }
            | SystemEvent::LossAccepted { origin, .. },
        ) => Some(origin),
        _ => None,
    }
}

/// Why the store would not mend what is wrong with unsealed segments and the anchor; nothing is written.
///
/// # Errors
/// [`RepairError`]
pub fn check_from_store<D: Disk, S: Store>(
    disk: &D,
    found: &Diagnosis,
    store: &S,
    frontier: &Frontier,
) -> Result<(), RepairError> {
    let Some(fault) = found.faults.iter().find(|fault| !fault.is_sealed()) else { return Ok(()) };
    let kept = Kept { events: kept_events(store, fault.first)?, frontier: frontier.clone(), begins: &begins };
    Ok(rebuild(disk, found, &kept).map(|_| ())?)
}

/// Makes unsealed segments and the anchor again, with the events that the store keeps. What is done is added to `mending`.
///
/// # Errors
/// [`RepairError`]: what cannot be mended is as it was.
pub fn repair_from_store<D: Disk, S: Store>(
    disk: &D,
    store: &S,
    frontier: &Frontier,
    mending: &mut Mending,
) -> Result<(), RepairError> {
    let mut found = diagnose(disk, Some(mark_of(frontier)))?;
    while let Some(fault) = found.faults.iter().find(|fault| !fault.is_sealed()) {
        let (first, file) = (fault.first, fault.file.clone());
        let kept = Kept { events: kept_events(store, first)?, frontier: frontier.clone(), begins: &begins };
        let made = rebuild(disk, &found, &kept)?;
        if made.files.is_empty() {
            return Err(RepairError::Rebuild(format!("{file}: {}", fault.why)));
        }
        for file in &made.files {
            mending.add(Mended { file: file.file.clone(), backup: false, first: file.span.0, last: file.span.1 });
        }
        mending.put(disk)?;
        put_rebuilt(disk, &made)?;
        found = diagnose(disk, Some(mark_of(frontier)))?;
        if found.faults.iter().any(|fault| fault.file == file) {
            return Err(RepairError::Rebuild(format!(
                "{file} does not read back as it was written: look after the disk"
            )));
        }
    }
    if found.anchor.is_some() && found.blocking().is_none() {
        let mark = found.good_mark();
        mending.add(Mended { file: "anchor".to_owned(), backup: false, first: mark.position, last: mark.position });
        mending.put(disk)?;
        renew_anchor(disk, mark)?;
    }
    Ok(())
}

/// Writes the anchor as after a stop that was not orderly: the next start reads and settles what there is.
fn renew_anchor<D: Disk>(disk: &D, mark: Mark) -> io::Result<()> {
    keep_damaged(disk, ANCHOR)?;
    put_anchor(disk, mark, false)
}

/// Puts segments of a back-up, or of an archive, in the place of those that are damaged or missing, where the text is the one that
/// the next segment names. What is done is added to `mending`. Says what the back-up does not have.
///
/// # Errors
/// [`RepairError`]
pub fn repair_from_backup<D: Disk, B: Disk>(
    disk: &D,
    backup: &B,
    store: Option<Mark>,
    mending: &mut Mending,
) -> Result<Vec<String>, RepairError> {
    loop {
        let found = diagnose(disk, store)?;
        // From the last: the head of one that was put back tells what the one before it must be.
        let mut missing = Vec::new();
        let mut put = false;
        for fault in found.faults.iter().rev().filter(|fault| fault.last.is_some() && !fault.conflict) {
            match fault.expected {
                None => missing.push(format!("{}: the head of the segment behind it cannot be read", fault.file)),
                Some(expected) => match matching(backup, fault, expected)? {
                    Some(first) => {
                        // One behind it may be gone, so that it seemed to be longer than it was.
                        let segment = fault.segment.filter(|segment| segment.first == first);
                        let file = segment.map_or_else(|| segment_path(first), |segment| segment.path());
                        let theirs = SegmentFault { file, first, segment, ..fault.clone() };
                        put_segment(disk, backup, &theirs, expected, mending)?;
                        put = true;
                        break;
                    }
                    None => missing.push(format!("{}: the back-up does not have it as it was here", fault.file)),
                },
            }
        }
        if !put {
            return Ok(missing);
        }
    }
}

/// The first position of a segment of the back-up that ends where the faulty one ends, and has the text that it must have.
fn matching<B: Disk>(backup: &B, fault: &SegmentFault, expected: Hash) -> Result<Option<Position>, RepairError> {
    let last = fault.last.unwrap_or(fault.first);
    for segment in list_segments(backup)?.iter().rev() {
        if (fault.first..=last).contains(&segment.first) && text_digest(backup, segment.first)? == Some(expected) {
            return Ok(Some(segment.first));
        }
    }
    Ok(None)
}

fn put_segment<D: Disk, B: Disk>(
    disk: &D,
    backup: &B,
    fault: &SegmentFault,
    expected: Hash,
    mending: &mut Mending,
) -> Result<(), RepairError> {
    let (first, last) = (fault.first, fault.last.unwrap_or(fault.first));
    mending.add(Mended { file: fault.file.clone(), backup: true, first, last });
    mending.put(disk)?;
    keep_damaged(disk, &fault.file)?;
    copy_text(backup, disk, first)?;
    if text_digest(disk, first)? != Some(expected) {
        let why = format!("{} does not read back as it was written: look after the disk", segment_path(first));
        return Err(io::Error::other(why).into());
    }
    if fault.is_sealed() {
        // Behind its text, which is the truth for as long as it is there.
        remove_if_there(disk, &sealed_path(first))?;
        // Where the one behind it is lost, this is the open one.
        if disk.find(&segment_path(last + 1))?.is_some() || disk.find(&sealed_path(last + 1))?.is_some() {
            let next = segment_head(disk, last + 1).map_err(SealError::Read)?;
            seal(disk, first, &next, &mut || Ok(()))?;
        }
    }
    Ok(())
}

/// The position that a loss would be accepted at; `None` where nothing need be given up.
///
/// # Errors
/// In words, why giving up entries would not help.
pub fn acceptable(found: &Diagnosis) -> Result<Option<Position>, String> {
    let good = found.good.size();
    if found.blocking().is_none() && found.anchor.is_none() {
        return Ok(None);
    }
    if let Some(fault) = found.faults.iter().find(|fault| fault.conflict) {
        return Err(format!("{}: {}, so one of the two is of another journal", fault.file, fault.why));
    }
    if good == 0 {
        return Err("no entry at all can be read from the beginning on".to_owned());
    }
    let rebuilds = found.store.is_none_or(|store| store.position > good);
    let sealed = found.faults.iter().find(|fault| !fault.blocks && fault.first <= good);
    if let Some(fault) = sealed.filter(|_| rebuilds) {
        return Err(format!("the store would have to be rebuilt, and {} is damaged: repair it first", fault.file));
    }
    if let Some(dropped) = found.dropped.as_ref().filter(|dropped| rebuilds && dropped.base > good) {
        return Err(format!("the base of what was dropped stands at entry {}, behind it", dropped.base));
    }
    Ok(Some(good))
}

/// Takes everything behind the last good entry out of the way and puts the anchor there. The store must not be ahead of that any
/// more. What is given up is written down in `mending` before.
///
/// # Errors
/// [`RepairError`]
pub fn give_up<D: Disk>(disk: &D, found: &Diagnosis, mending: &mut Mending) -> Result<(), RepairError> {
    let good = found.good.size();
    let lost = mending.loss.map_or(found.durable, |(_, lost)| lost.max(found.durable)).max(good);
    mending.loss = Some((good, lost));
    mending.put(disk)?;
    if found.blocking().is_some() {
        cut(disk, found, good)?;
    }
    renew_anchor(disk, found.good_mark())?;
    Ok(())
}

/// Ends the segments behind an entry.
fn cut<D: Disk>(disk: &D, found: &Diagnosis, good: Position) -> Result<(), RepairError> {
    let segments = list_segments(disk)?;
    // From the last, so that a crash leaves an unbroken row with something missing behind it.
    for segment in segments.iter().rev().filter(|segment| segment.first > good + 1) {
        set_aside(disk, *segment)?;
    }
    let kept: Vec<_> = segments.into_iter().filter(|segment| segment.first <= good + 1).collect();
    let Some(last) = kept.last().copied() else { return begin_at(disk, found, None) };
    let whole = found.good_end.filter(|(first, _)| *first == last.first).map(|(_, end)| end);
    match whole {
        Some(end) if !last.sealed => {
            let path = segment_path(last.first);
            if disk.open_to_read(&path)?.len()? > end {
                keep_damaged(disk, &path)?;
                let text = disk.read(&path)?;
                let end = usize::try_from(end).map_err(io::Error::other)?;
                put_whole(disk, &path, |file| file.write_at(0, &text[..end.min(text.len())]))?;
            }
            Ok(())
        }
        // Whole to its end, and sealed: a new one begins behind it.
        Some(_) if is_missing(found) => begin_at(disk, found, Some(last)),
        Some(end) => {
            super::files::salvage::copy_text_up_to(disk, last.first, end)?;
            put_aside(disk, &sealed_path(last.first))?;
            Ok(put_aside(disk, &index_path(last.first))?)
        }
        // Its head cannot be believed, and it held nothing before the break.
        None => {
            set_aside(disk, last)?;
            begin_at(disk, found, kept.iter().rev().nth(1).copied())
        }
    }
}

/// Whether the row breaks because a file is not there.
fn is_missing(found: &Diagnosis) -> bool {
    found.blocking().is_some_and(|fault| fault.segment.is_none())
}

/// Begins an open segment behind the last good entry.
fn begin_at<D: Disk>(disk: &D, found: &Diagnosis, before: Option<SegmentName>) -> Result<(), RepairError> {
    let Some(origin) = found.origin.clone() else {
        return Err(RepairError::Refused("nothing tells the journal's origin".to_owned()));
    };
    let previous = match before {
        Some(before) => text_digest(disk, before.first)?,
        None => found.dropped.as_ref().map(|dropped| dropped.previous),
    };
    let header = Header { origin, frontier: found.good.clone(), previous };
    let path = segment_path(header.first());
    Ok(put_whole(disk, &path, |file| file.write_at(0, &header.encode()))?)
}

fn set_aside<D: Disk>(disk: &D, segment: SegmentName) -> Result<(), RepairError> {
    for path in [segment_path(segment.first), sealed_path(segment.first), index_path(segment.first)] {
        put_aside(disk, &path)?;
    }
    Ok(())
}

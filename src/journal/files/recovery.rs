//! Decides at start what of the segments may be believed, and mends what a power cut tore.
//!
//! Let D be the greatest position known to have been durable: from the durable marks of intact lines, from the heads
//! of later segments, from the anchor, from the store. What is bad or missing at or below D is damage, and nothing is
//! opened. Above D lies at most the last batch, whose sync had not returned: from its first incomplete commit on it is
//! cut, and what is cut is kept in `journal/torn-POSITION`.
//!
//! Nothing is mended in place. Each file is written whole under a temporary name, synced and renamed, so a crash in
//! the middle leaves what was there, or the mended file, and the next start decides again.

use super::anchor::{AnchorState, Mark};
use super::closed::{Closed, check_closed};
use super::disk::{Disk, DiskFile, TEMPORARY, put_whole, read_full, remove_if_there};
use super::entries::segment_head;
use super::error::{OpenError, Witness};
use super::header::{JOURNAL, list_segments, segment_path};
use super::index::Index;
use super::scan::{Known, Scan, scan};
use crate::domain::ids::Position;
use std::io;

/// What is known of the journal from outside its segments.
#[derive(Debug, Clone, Copy)]
pub struct Marks {
    /// What the anchor says.
    pub anchor: AnchorState,
    /// How far the store has applied the journal, if the store was found whole.
    pub store: Option<Mark>,
}

/// What was cut off as a torn write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The position of the first entry that was cut, never acknowledged.
    pub position: Position,
    /// How many bytes were cut.
    pub bytes: u64,
    /// Where they are kept, relative to the data directory.
    pub file: String,
    /// What was wrong with them.
    pub why: String,
}

/// What opening found and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// Everything up to here is durable.
    pub head: Mark,
    /// Whether the last stop was an orderly one and nothing had to be mended.
    pub clean: bool,
    /// The torn write that was cut off, if there was one.
    pub cut: Option<Cut>,
    /// How many segments there are.
    pub segments: usize,
    /// How many entries the open segment has.
    pub entries: u64,
}

/// The segments, believed and mended.
pub(super) struct Opened {
    /// The first positions of all segments, the open one last.
    pub segments: Vec<Position>,
    /// What the indexes of the sealed ones say.
    pub sealed: Vec<Index>,
    /// The length of all but the open one, in bytes of text.
    pub closed_bytes: u64,
    pub open: Scan,
    pub recovered: Recovered,
}

/// Checks all segments against each other and against `marks`, and mends the end of the last one.
pub(super) fn recover<D: Disk>(disk: &D, marks: &Marks) -> Result<Opened, OpenError> {
    let segments = list_segments(disk)?;
    let Some(last) = segments.last().map(|segment| segment.first) else {
        return Err(nothing_there(marks));
    };
    let anchor = match marks.anchor {
        AnchorState::Found { mark, .. } => mark,
        AnchorState::Missing => return Err(OpenError::AnchorLost("is missing")),
        AnchorState::BothBad => return Err(OpenError::AnchorLost("is damaged in both its slots")),
    };
    let mut known = vec![Known { mark: anchor, by: Witness::Anchor }];
    known.extend(marks.store.map(|mark| Known { mark, by: Witness::Store }));

    let Closed { expected, sealed, bytes: closed_bytes } = check_closed(disk, &segments, &known)?;
    expected.check(&segment_path(last), &segment_head(disk, last)?)?;
    let mut open = scan(disk, last, &known)?;
    refuse_loss(&open, &known)?;

    // Whoever made a file here may have died before its name was durable, with a kernel that shows it all the same.
    disk.sync_dir(JOURNAL)?;
    disk.sync_dir("")?;
    let cut = open.length - open.good_end;
    let clean = marks.anchor.clean() && cut == 0 && anchor.position == open.frontier.size();
    let cut = if cut == 0 { None } else { Some(keep_torn(disk, &open)?) };
    if !clean {
        open = rewrite(disk, open, &known)?;
    }
    sweep(disk)?;
    let head = Mark { position: open.frontier.size(), root: open.frontier.root() };
    let recovered = Recovered { head, clean, cut, segments: segments.len(), entries: open.entries };
    let segments = segments.iter().map(|segment| segment.first).collect();
    Ok(Opened { segments, sealed, closed_bytes, open, recovered })
}

/// No segment is a new journal only if nobody knows of an entry.
fn nothing_there(marks: &Marks) -> OpenError {
    let store = marks.store.map_or(0, |mark| mark.position);
    let missing = |last, witness| OpenError::Missing { file: segment_path(1), offset: 0, first: 1, last, witness };
    match marks.anchor {
        AnchorState::BothBad => OpenError::AnchorLost("is damaged in both its slots, and there are no segments"),
        _ if store > 0 => OpenError::StoreAhead { file: segment_path(1), offset: 0, journal: 0, store },
        AnchorState::Found { mark, .. } if mark.position > 0 => missing(mark.position, Witness::Anchor),
        _ => OpenError::Empty,
    }
}

/// Refuses an open segment that does not hold everything that was durable.
fn refuse_loss(open: &Scan, known: &[Known]) -> Result<(), OpenError> {
    let journal = open.frontier.size();
    let position = |witness| known.iter().filter(|known| known.by == witness).map(|known| known.mark.position).max();
    let (store, anchor) = (position(Witness::Store).unwrap_or(0), position(Witness::Anchor).unwrap_or(0));
    let durable = open.durable.max(anchor).max(store);
    if durable <= journal {
        return Ok(());
    }
    let file = segment_path(open.header.first());
    let offset = match &open.fault {
        Some(fault) if !fault.ends => return Err(fault.damage.clone().into()),
        Some(fault) => fault.damage.offset,
        None => open.good_end,
    };
    if store > journal {
        return Err(OpenError::StoreAhead { file, offset, journal, store });
    }
    let witness = if anchor > journal { Witness::Anchor } else { Witness::Segments };
    Err(OpenError::Missing { file, offset, first: journal + 1, last: durable, witness })
}

/// Keeps what is about to be cut: it may be evidence.
fn keep_torn<D: Disk>(disk: &D, open: &Scan) -> Result<Cut, OpenError> {
    let file = disk.open_to_read(&segment_path(open.header.first()))?;
    let mut bytes = vec![0; usize::try_from(open.length - open.good_end).map_err(io::Error::other)?];
    if read_full(&file, open.good_end, &mut bytes)? < bytes.len() {
        return Err(changed());
    }
    let position = open.frontier.size() + 1;
    let why = open.fault.as_ref().map_or(String::new(), |fault| fault.damage.to_string());
    let mut name = format!("{JOURNAL}/torn-{position}");
    for number in 2u32.. {
        match disk.find(&name)? {
            None => {
                put_whole(disk, &name, |torn| torn.write_at(0, &bytes))?;
                break;
            }
            // Kept already, by a start that did not come to its end.
            Some(_) if disk.read(&name)? == bytes => break,
            // The same position was torn before, with other bytes.
            Some(_) => name = format!("{JOURNAL}/torn-{position}.{number}"),
        }
    }
    Ok(Cut { position, bytes: bytes.len() as u64, file: name, why })
}

/// Copies the good part of the open segment into a new file and reads that in its place. After a failed sync the
/// kernel shows pages that were never written: only a copy that was synced is known to be on the disk.
fn rewrite<D: Disk>(disk: &D, open: Scan, known: &[Known]) -> Result<Scan, OpenError> {
    const CHUNK: usize = 1024 * 1024;
    let first = open.header.first();
    let path = segment_path(first);
    let old = disk.open_to_read(&path)?;
    put_whole(disk, &path, |new| {
        let mut offset = 0;
        let mut buffer = vec![0; CHUNK];
        while offset < open.good_end {
            #[expect(clippy::cast_possible_truncation, reason = "at most CHUNK")]
            let wanted = (open.good_end - offset).min(CHUNK as u64) as usize;
            let read = read_full(&old, offset, &mut buffer[..wanted])?;
            if read == 0 {
                return Err(io::Error::other("the open segment became shorter while it was copied"));
            }
            new.write_at(offset, &buffer[..read])?;
            offset += read as u64;
        }
        Ok(())
    })?;
    let copy = scan(disk, first, known)?;
    let same = copy.fault.is_none() && copy.length == open.good_end && copy.frontier == open.frontier;
    if same { Ok(copy) } else { Err(changed()) }
}

fn changed() -> OpenError {
    io::Error::other("the open segment changed while it was being read; is another process writing to it?").into()
}

/// Removes what earlier starts and rolls left unfinished. Need not be durable: it is done again.
fn sweep<D: Disk>(disk: &D) -> Result<(), OpenError> {
    for name in disk.list(JOURNAL)?.iter().filter(|name| name.ends_with(TEMPORARY)) {
        remove_if_there(disk, &format!("{JOURNAL}/{name}"))?;
    }
    Ok(())
}

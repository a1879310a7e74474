//! Makes the text of unsealed segments again from what is still whole in them and from the events that the store keeps. Nothing
//! is put in place before the Merkle tree over all of it was found to be the one that others have.

use super::anchor::{Anchor, Mark};
use super::diagnosis::{Diagnosis, SegmentFault};
use super::disk::{Disk, DiskFile, put_whole};
use super::entries::{Entry, open_segment};
use super::frame::{decode_event, encode};
use super::header::{Header, segment_path};
use super::merkle::{Frontier, leaf_hash, sha256};
use super::salvage::{keep_damaged, salvage};
use crate::domain::ids::{CommitId, Hash, Position};
use std::collections::BTreeMap;
use std::io;

/// Why segments cannot be made again, in words that go into a sentence.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// Something is nowhere, or contradicts itself.
    #[error("{0}")]
    Impossible(String),
    /// The disk failed.
    #[error("{0}")]
    Io(#[from] io::Error),
}

fn impossible<T>(why: impl Into<String>) -> Result<T, RebuildError> {
    Err(RebuildError::Impossible(why.into()))
}

/// What the store keeps of the unsealed segments.
pub struct Kept<'a> {
    /// The exact bytes of events.
    pub events: BTreeMap<Position, Vec<u8>>,
    /// The Merkle frontier over everything that the store has applied.
    pub frontier: Frontier,
    /// The origin that an event begins, if it begins one.
    pub begins: &'a dyn Fn(&[u8]) -> Option<String>,
}

/// A segment that was made again.
#[derive(Debug, Clone)]
pub struct Rebuilt {
    /// Its file, relative to the data directory.
    pub file: String,
    /// The first and the last position that the file did not have as it should; of one that only got another head, all.
    pub span: (Position, Position),
    text: Vec<u8>,
}

/// Segments that were made again, not yet in their place.
#[derive(Debug, Clone, Default)]
pub struct Rebuild {
    /// Those that differ from what is there, ascending.
    pub files: Vec<Rebuilt>,
}

/// An event on its way into a line.
struct Item {
    position: Position,
    commit: CommitId,
    event: Vec<u8>,
    /// Durable mark, part and parts, where the line was whole.
    line: Option<(Position, u32, u32)>,
}

/// Makes the segments again from the first one that is not sealed and not what it should be, up to the next sealed one or the end.
///
/// # Errors
/// [`RebuildError`]; nothing is written.
pub fn rebuild<D: Disk>(disk: &D, found: &Diagnosis, kept: &Kept<'_>) -> Result<Rebuild, RebuildError> {
    let Some(fault) = found.faults.iter().find(|fault| !fault.is_sealed()) else { return Ok(Rebuild::default()) };
    if fault.conflict {
        return impossible(format!("{}: {}, so one of the two is of another journal", fault.file, fault.why));
    }
    let region = Region::new(disk, found, fault)?;
    let items = region.items(disk, kept)?;
    let commits = region.commits(items, kept, found)?;
    region.check_tree(&commits, kept, Anchor::look(disk)?.mark())?;
    region.texts(disk, &commits, kept)
}

/// Segments that are made again together.
struct Region {
    before: Frontier,
    previous: Option<Hash>,
    origin: Option<String>,
    /// The first positions, ascending, and which of them are there.
    firsts: Vec<(Position, bool)>,
    /// The head of the sealed segment behind them.
    sealed: Option<Header>,
}

impl Region {
    fn new<D: Disk>(disk: &D, found: &Diagnosis, fault: &SegmentFault) -> Result<Self, RebuildError> {
        let mut firsts = vec![(fault.first, fault.segment.is_some())];
        let mut sealed = None;
        for segment in found.segments.iter().filter(|segment| segment.first > fault.first) {
            if segment.sealed {
                let head = open_segment(disk, segment.first).map_err(|error| match error {
                    super::error::ReadError::Io(error) => RebuildError::Io(error),
                    super::error::ReadError::Damaged(damage) => RebuildError::Impossible(damage.to_string()),
                })?;
                sealed = Some(head.header);
                break;
            }
            firsts.push((segment.first, true));
        }
        let (Some(before), Some(previous)) = (fault.before.clone(), fault.previous) else {
            return impossible(format!("what stands before {} cannot be read either", fault.file));
        };
        if before.size() + 1 != fault.first {
            return impossible(format!("nothing tells the Merkle tree before {}", fault.file));
        }
        let head = |first: Position| open_segment(disk, first).ok().map(|open| open.header.origin);
        let earlier = found.segments.iter().rev().find(|segment| segment.first < fault.first);
        let origin = earlier.and_then(|segment| head(segment.first)).or_else(|| head(fault.first));
        Ok(Self { before, previous, origin, firsts, sealed })
    }

    /// Every event there is, in an unbroken row, from the files where they hold it and from the store where they do not.
    fn items<D: Disk>(&self, disk: &D, kept: &Kept<'_>) -> Result<Vec<Item>, RebuildError> {
        let mut lines: BTreeMap<Position, Entry> = BTreeMap::new();
        for (first, _) in self.firsts.iter().filter(|(_, there)| *there) {
            let segment = super::header::SegmentName { first: *first, sealed: false };
            lines.extend(salvage(disk, segment)?);
        }
        let until = self.sealed.as_ref().map_or(u64::MAX, |head| head.first() - 1);
        let mut items = Vec::new();
        for position in self.before.size() + 1..=until {
            let event = kept.events.get(&position).filter(|_| position <= kept.frontier.size());
            let line = lines.remove(&position).filter(|line| event.is_none_or(|event| *event == line.event));
            items.push(match (line, event) {
                (Some(line), _) => Item {
                    position,
                    commit: line.commit,
                    event: line.event,
                    line: Some((line.durable, line.part, line.parts)),
                },
                (None, Some(event)) => {
                    let Some((found, commit)) = decode_event(event).filter(|(found, _)| *found == position) else {
                        return impossible(format!("the store has no event of entry {position} where it should be"));
                    };
                    Item { position: found, commit, event: event.clone(), line: None }
                }
                (None, None) => break,
            });
        }
        Ok(items)
    }

    /// The items as whole commits, up to everything that was durable.
    fn commits(&self, items: Vec<Item>, kept: &Kept<'_>, found: &Diagnosis) -> Result<Vec<Vec<Item>>, RebuildError> {
        let mut commits: Vec<Vec<Item>> = Vec::new();
        for item in items {
            match commits.last_mut().filter(|commit| commit[0].commit == item.commit) {
                Some(commit) => commit.push(item),
                None => commits.push(vec![item]),
            }
        }
        // Behind the store's end the lines alone say where a commit ends, and the last one may be torn.
        let fits = |commit: &Vec<Item>| {
            let parts = commit.len();
            (1u32..).zip(commit).all(|(at, item)| {
                item.line
                    .is_none_or(|(durable, part, of)| (part, of as usize) == (at, parts) && durable < item.position)
            })
        };
        let torn = |commit: &Vec<Item>| commit.last().is_some_and(|item| item.position > kept.frontier.size());
        if let Some(broken) = commits.iter().position(|commit| torn(commit) && !fits(commit)) {
            commits.truncate(broken);
        }
        for item in commits.iter_mut().filter(|commit| !fits(commit)).flatten() {
            item.line = None;
        }
        let end = commits.last().and_then(|commit| commit.last()).map_or(self.before.size(), |item| item.position);
        let needed = self.sealed.as_ref().map_or(found.durable, |head| head.first() - 1);
        if end >= needed {
            return Ok(commits);
        }
        let (lost, applied) = (end + 1, kept.frontier.size());
        if applied > end {
            impossible(format!("the store does not keep the event of entry {lost}"))
        } else {
            impossible(format!(
                "the store has applied entries up to {applied} only, and entries {lost} to {needed} cannot all be read"
            ))
        }
    }

    /// Every root that somebody has must come out.
    fn check_tree(&self, commits: &[Vec<Item>], kept: &Kept<'_>, anchor: Option<Mark>) -> Result<(), RebuildError> {
        let mut frontier = self.before.clone();
        let check = |frontier: &Frontier| -> Result<(), RebuildError> {
            if frontier.size() == kept.frontier.size() && *frontier != kept.frontier {
                return impossible("the Merkle root over what the store keeps is not the store's own");
            }
            match anchor {
                Some(mark) if mark.position == frontier.size() && mark.root != frontier.root() => {
                    impossible("the Merkle root over what would be written is not the one that the anchor has")
                }
                _ => Ok(()),
            }
        };
        check(&frontier)?;
        for item in commits.iter().flatten() {
            frontier.push(leaf_hash(&item.event));
            check(&frontier)?;
        }
        match &self.sealed {
            Some(head) if head.frontier != frontier => {
                impossible("the Merkle root over what would be written is not the one the next sealed segment has")
            }
            _ => Ok(()),
        }
    }

    fn texts<D: Disk>(&self, disk: &D, commits: &[Vec<Item>], kept: &Kept<'_>) -> Result<Rebuild, RebuildError> {
        let mut made = Rebuild::default();
        let (mut frontier, mut previous) = (self.before.clone(), self.previous);
        let mut origin = self.origin.clone();
        for (at, (first, there)) in self.firsts.iter().enumerate() {
            let next = self.firsts.get(at + 1).map(|(first, _)| *first).or(self.sealed.as_ref().map(Header::first));
            let mine = |commit: &&Vec<Item>| {
                let position = commit[0].position;
                position >= *first && next.is_none_or(|next| position < next)
            };
            let commits: Vec<&Vec<Item>> = commits.iter().filter(mine).collect();
            if *first != frontier.size() + 1 {
                return impossible(format!("entry {first} is inside a commit, and a segment begins with it"));
            }
            let found = open_segment(disk, *first).ok().filter(|_| *there).map(|open| open.header);
            let begun = commits.first().and_then(|commit| (kept.begins)(&commit[0].event));
            let named = found.as_ref().map(|head| head.origin.clone()).or(begun).or(origin.take());
            let named = named.map_or_else(|| impossible("nothing tells the journal's origin"), Ok)?;
            let header = Header { origin: named.clone(), frontier: frontier.clone(), previous };
            origin = Some(named);
            commits.iter().copied().flatten().for_each(|item| frontier.push(leaf_hash(&item.event)));
            let behind = match next {
                Some(next) if self.firsts.iter().any(|(first, _)| *first == next) => {
                    open_segment(disk, next).ok().map(|open| open.header)
                }
                Some(_) => self.sealed.clone(),
                None => None,
            };
            let wanted = behind.filter(|head| head.frontier == frontier).and_then(|head| head.previous);
            let text = written(&header, &commits, wanted);
            previous = Some(sha256(&text));
            if at + 1 == self.firsts.len() && self.sealed.is_some() && wanted != previous {
                return impossible(
                    "the segment behind is sealed, and its head names another text than can be made again",
                );
            }
            let file = segment_path(*first);
            let old = if *there { disk.read(&file)? } else { Vec::new() };
            if old != text {
                made.files.push(Rebuilt { file, span: span(&commits, *first), text });
            }
        }
        Ok(made)
    }
}

/// What of a segment is written anew.
fn span(commits: &[&Vec<Item>], first: Position) -> (Position, Position) {
    let mut anew = commits.iter().copied().flatten().filter(|item| item.line.is_none()).map(|item| item.position);
    let mut all = commits.iter().copied().flatten().map(|item| item.position);
    match anew.next() {
        Some(begin) => (begin, anew.next_back().unwrap_or(begin)),
        None => (first, all.next_back().unwrap_or(first)),
    }
}

/// The text of a segment. A lost line's durable mark is one of two: that of the line before, or all before its commit. If one of
/// the two gives the text that the next segment names, then it is what was written.
fn written(header: &Header, commits: &[&Vec<Item>], wanted: Option<Hash>) -> Vec<u8> {
    let text = text(header, commits, false);
    if wanted.is_none_or(|wanted| wanted == sha256(&text)) {
        return text;
    }
    let other = self::text(header, commits, true);
    if wanted == Some(sha256(&other)) { other } else { text }
}

fn text(header: &Header, commits: &[&Vec<Item>], as_before: bool) -> Vec<u8> {
    let mut text = header.encode();
    let mut mark = header.first() - 1;
    for (at, commit) in commits.iter().enumerate() {
        let own = |commit: &Vec<Item>| commit.iter().find_map(|item| item.line).map(|(durable, _, _)| durable);
        let next = commits[at + 1..].iter().find_map(|commit| own(commit));
        mark = match own(commit) {
            Some(durable) => durable,
            None if next == Some(mark) || as_before => mark,
            None => commit[0].position - 1,
        };
        #[expect(clippy::cast_possible_truncation, reason = "a commit has a few hundred events at most")]
        let parts = commit.len() as u32;
        for (part, item) in (1..).zip(commit.iter()) {
            let durable = item.line.map_or(mark, |(durable, _, _)| durable);
            encode(&mut text, durable, part, parts, &item.event);
        }
    }
    text
}

/// Puts segments in their place that were made again. What was there is kept.
///
/// # Errors
/// Where the disk fails: asked again, it is finished.
pub fn put_rebuilt<D: Disk>(disk: &D, rebuild: &Rebuild) -> io::Result<()> {
    for Rebuilt { file, text, .. } in &rebuild.files {
        keep_damaged(disk, file)?;
        put_whole(disk, file, |new| new.write_at(0, text))?;
    }
    Ok(())
}

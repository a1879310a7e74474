//! Reads one segment from its first byte to its last and tells what in it can be believed.

use super::anchor::Mark;
use super::disk::Disk;
use super::entries::{OpenSegment, open_segment};
use super::error::{Damage, ReadError, Witness};
use super::frame::{Line, decode, decode_end};
use super::header::Header;
use super::lines::RawLine;
use super::merkle::{Frontier, Sha256};
use crate::domain::ids::{CommitId, Hash, Position};

/// What somebody else knows of the journal.
#[derive(Clone, Copy)]
pub(super) struct Known {
    pub mark: Mark,
    pub by: Witness,
}

/// The first thing in a segment that is not as it should be.
pub(super) struct Fault {
    pub damage: Damage,
    /// Whether the file simply ends there, inside a line or a commit.
    pub ends: bool,
}

/// A segment, read in full.
pub(super) struct Scan {
    pub header: Header,
    /// Where the last complete commit before any fault ends, in bytes.
    pub good_end: u64,
    /// The frontier over everything up to there; its size is the last position that can be believed.
    pub frontier: Frontier,
    /// Where the last complete commit begins: its first position, and its offset in the text.
    pub last_commit: Option<(Position, u64)>,
    /// How many entries can be believed.
    pub entries: u64,
    /// The greatest durable mark of all intact lines, also of those behind the fault.
    pub durable: Position,
    /// What is wrong, if anything.
    pub fault: Option<Fault>,
    /// The text's length in bytes.
    pub length: u64,
    /// SHA-256 over all bytes read.
    pub digest: Sha256,
}

/// The commit whose lines are being read.
struct OpenCommit {
    id: CommitId,
    parts: u32,
    /// Offset and leaf hash of each line so far.
    leaves: Vec<(u64, Hash)>,
}

struct Scanner<'a> {
    file: String,
    known: &'a [Known],
    scan: Scan,
    commit: Option<OpenCommit>,
}

/// Reads the segment whose first entry is `first`.
///
/// Damage of the header, or a Merkle root that is not the one somebody `known` has for its position, is an error at
/// once. Everything else is for the caller to judge: a fault near the end may be a torn write.
pub(super) fn scan<D: Disk>(disk: &D, first: Position, known: &[Known]) -> Result<Scan, ReadError> {
    let OpenSegment { file, header, mut lines } = open_segment(disk, first)?;
    let mut digest = Sha256::default();
    digest.update(&header.encode());
    let scan = Scan {
        good_end: lines.offset(),
        frontier: header.frontier.clone(),
        last_commit: None,
        entries: 0,
        durable: first - 1,
        fault: None,
        length: 0,
        digest,
        header,
    };
    let mut scanner = Scanner { file, known, scan, commit: None };
    scanner.check_root(0)?;
    while let Some(line) = lines.next()? {
        scanner.take(&line)?;
    }
    let commit_end = scanner.scan.good_end;
    if scanner.commit.is_some() && scanner.scan.fault.is_none() {
        scanner.fault(commit_end, lines.why_ended("inside a commit"), true);
    }
    scanner.scan.length = lines.offset();
    Ok(scanner.scan)
}

impl Scanner<'_> {
    fn take(&mut self, raw: &RawLine<'_>) -> Result<(), ReadError> {
        self.scan.digest.update(raw.bytes);
        self.scan.digest.update(if raw.ended { b"\n" } else { b"" });
        let line = match decode(raw.bytes) {
            Ok(line) if raw.ended => line,
            read => {
                let why = read.err().map_or("the file ends inside a line".to_owned(), |bad| bad.to_string());
                let end = decode_end(raw.bytes).filter(|_| raw.ended);
                self.scan.durable = self.scan.durable.max(end.map_or(0, |line| line.durable));
                self.fault(raw.offset, why, !raw.ended);
                return Ok(());
            }
        };
        self.scan.durable = self.scan.durable.max(line.durable);
        if self.scan.fault.is_some() {
            return Ok(());
        }
        match self.fit(raw.offset, &line) {
            Err(why) => self.fault(raw.offset, why, false),
            Ok(()) if line.part == line.parts => self.complete(raw.offset + raw.bytes.len() as u64 + 1)?,
            Ok(()) => {}
        }
        Ok(())
    }

    /// The position that the next line must have.
    fn next(&self) -> Position {
        self.scan.frontier.size() + 1 + self.commit.as_ref().map_or(0, |commit| commit.leaves.len() as u64)
    }

    /// Takes an intact line into its commit, or says why it does not belong here.
    fn fit(&mut self, offset: u64, line: &Line<'_>) -> Result<(), String> {
        let next = self.next();
        if line.position != next {
            return Err(format!("entry {} stands there", line.position));
        }
        if line.durable >= line.position {
            return Err("the line calls itself durable before it was written".to_owned());
        }
        let commit = self.commit.get_or_insert(OpenCommit { id: line.commit, parts: line.parts, leaves: Vec::new() });
        #[expect(clippy::cast_possible_truncation, reason = "a commit has a few hundred events at most")]
        let part = commit.leaves.len() as u32 + 1;
        if (line.commit, line.parts, line.part) != (commit.id, commit.parts, part) {
            return Err(format!("part {part} of {} of commit {} is not there", commit.parts, commit.id));
        }
        commit.leaves.push((offset, line.leaf()));
        Ok(())
    }

    /// Takes the commit over, whose last line ends at `end`.
    fn complete(&mut self, end: u64) -> Result<(), ReadError> {
        let begins = self.commit.as_ref().and_then(|commit| commit.leaves.first()).map(|(offset, _)| *offset);
        self.scan.last_commit = begins.map(|offset| (self.scan.frontier.size() + 1, offset));
        for (offset, leaf) in self.commit.take().into_iter().flat_map(|commit| commit.leaves) {
            self.scan.frontier.push(leaf);
            self.scan.entries += 1;
            self.check_root(offset)?;
        }
        self.scan.good_end = end;
        Ok(())
    }

    fn check_root(&self, offset: u64) -> Result<(), Damage> {
        let position = self.scan.frontier.size();
        let mut here = self.known.iter().filter(|known| known.mark.position == position);
        match here.find(|known| known.mark.root != self.scan.frontier.root()) {
            None => Ok(()),
            Some(Known { by, .. }) => Err(Damage {
                file: self.file.clone(),
                offset,
                position,
                why: format!("the Merkle root over the entries up to here is not the one {by} has"),
            }),
        }
    }

    /// Keeps the first fault.
    fn fault(&mut self, offset: u64, why: String, ends: bool) {
        let position = self.next();
        let file = self.file.clone();
        self.scan.fault.get_or_insert(Fault { damage: Damage { file, offset, position, why }, ends });
    }
}

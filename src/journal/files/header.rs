//! The names of segments, and their first line: where one begins and what came before it.
//!
//! ```text
//! {"crc32c":"…","segment":{"format":1,"origin":"…","first":8,"root":"…","frontier":["…"],"previous":"…"}}
//! ```

use super::disk::Disk;
use super::frame::{BadLine, seal_value, unseal_value};
use super::merkle::Frontier;
use crate::domain::ids::{Hash, Position};
use serde::{Deserialize, Serialize};
use std::io;

/// The directory of the segments.
pub const JOURNAL: &str = "journal";

/// The path of the segment whose first entry has this position.
pub fn segment_path(first: Position) -> String {
    format!("{JOURNAL}/{first:020}.jsonl")
}

/// The path of the same segment once it is sealed: its text, compressed.
pub fn sealed_path(first: Position) -> String {
    format!("{JOURNAL}/{first:020}.jsonl.zst")
}

/// The path of the index beside a sealed segment.
pub fn index_path(first: Position) -> String {
    format!("{JOURNAL}/{first:020}.idx")
}

/// A segment that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SegmentName {
    /// The position of its first entry.
    pub first: Position,
    /// Whether only its compressed text is there. As long as the text itself is, that is what counts.
    pub sealed: bool,
}

impl SegmentName {
    fn read(name: &str) -> Option<Self> {
        let (digits, sealed) = match name.strip_suffix(".jsonl.zst") {
            Some(digits) => (digits, true),
            None => (name.strip_suffix(".jsonl")?, false),
        };
        let first = digits.parse().ok()?;
        let path = if sealed { sealed_path(first) } else { segment_path(first) };
        (path == format!("{JOURNAL}/{name}")).then_some(Self { first, sealed })
    }

    /// The path of its text, compressed or not.
    pub fn path(&self) -> String {
        if self.sealed { sealed_path(self.first) } else { segment_path(self.first) }
    }
}

/// All segments there are, ascending; none also where there is no directory of segments.
pub fn list_segments(disk: &impl Disk) -> io::Result<Vec<SegmentName>> {
    let names = match disk.list(JOURNAL) {
        Ok(names) => names,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut segments: Vec<_> = names.iter().filter_map(|name| SegmentName::read(name)).collect();
    // In this order the text of a segment comes before its compressed form.
    segments.sort();
    segments.dedup_by_key(|segment| segment.first);
    Ok(segments)
}

/// The number of the segment format this program writes, and the only one it reads.
pub const SEGMENT_FORMAT: u32 = 1;

/// What the first line of a segment says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Which journal this is; stands in its checkpoints.
    pub origin: String,
    /// The Merkle frontier over everything before the segment.
    pub frontier: Frontier,
    /// SHA-256 of the whole file of the segment before; none for the first one.
    pub previous: Option<Hash>,
}

/// The header as it is written. `root` is there for readers who have no Merkle tree at hand.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    format: u32,
    origin: String,
    first: Position,
    root: String,
    frontier: Vec<String>,
    previous: Option<String>,
}

impl Header {
    /// The position of the segment's first entry.
    pub fn first(&self) -> Position {
        self.frontier.size() + 1
    }

    /// The header's line, newline included.
    pub fn encode(&self) -> Vec<u8> {
        let written = Written {
            format: SEGMENT_FORMAT,
            origin: self.origin.clone(),
            first: self.first(),
            root: self.frontier.root().to_string(),
            frontier: self.frontier.texts(),
            previous: self.previous.map(|hash| hash.to_string()),
        };
        let mut line = Vec::new();
        seal_value(&mut line, "segment", &written);
        line
    }

    /// Reads a header's line, given without its newline. Only what [`Header::encode`] writes is a header.
    pub fn decode(line: &[u8]) -> Result<Self, BadLine> {
        const FORM: BadLine = BadLine::Form("the head of the segment is not one this program writes");
        let written: Written = unseal_value(line, "segment").map_err(|bad| match bad {
            BadLine::Form(_) => FORM,
            bad => bad,
        })?;
        if written.format != SEGMENT_FORMAT {
            return Err(BadLine::Form("the segment has a format this program does not know"));
        }
        let previous = written.previous.map(|hash| hash.parse()).transpose().map_err(|_| FORM)?;
        let size = written.first.checked_sub(1).ok_or(FORM)?;
        let frontier = Frontier::from_texts(size, &written.frontier).ok_or(FORM)?;
        let header = Self { origin: written.origin, frontier, previous };
        // Every other spelling of the same thing, and a root that is not the frontier's, ends here.
        if header.encode().strip_suffix(b"\n") == Some(line) { Ok(header) } else { Err(FORM) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::files::frame::seal;
    use crate::journal::files::merkle::leaf_hash;

    fn header() -> Header {
        let mut frontier = Frontier::default();
        (0..7u8).for_each(|n| frontier.push(leaf_hash(&[n])));
        Header { origin: "a \"quoted\" origin".to_owned(), frontier, previous: Some(Hash([7; 32])) }
    }

    #[test]
    fn a_header_reads_back() {
        for header in [header(), Header { previous: None, frontier: Frontier::default(), ..header() }] {
            let line = header.encode();
            assert_eq!(Header::decode(&line[..line.len() - 1]), Ok(header));
        }
    }

    #[test]
    fn every_flipped_bit_of_a_header_is_seen() {
        let line = header().encode();
        for bit in 0..(line.len() - 1) * 8 {
            let mut flipped = line[..line.len() - 1].to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Header::decode(&flipped).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn another_format_or_a_foreign_root_is_refused() {
        let line = String::from_utf8(header().encode()).unwrap();
        let body = &line[line.find("\"segment\"").unwrap()..line.len() - 2];
        let root = header().frontier.root().to_string();
        for other in [body.replace("\"format\":1", "\"format\":2"), body.replace(&root, &"0".repeat(64))] {
            let mut line = Vec::new();
            seal(&mut line, |out| out.extend_from_slice(other.as_bytes()));
            assert!(matches!(Header::decode(&line[..line.len() - 1]), Err(BadLine::Form(_))), "{other}");
        }
    }
}

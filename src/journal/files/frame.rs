//! One line of a segment: an event, its place in its commit, and a checksum over both.
//!
//! ```text
//! {"crc32c":"1c291ca3","durable":41,"part":"1/2","event":{…}}
//! ```
//! The checksum is CRC-32C, eight lower-case hexadecimal digits, over every byte of the line behind it: from the
//! quotation mark of `"durable"` to the closing brace of the line. So it covers the two numbers as well as the exact
//! bytes of `event`. A value has one spelling only: whatever reads back is, byte for byte, what was written.

use super::merkle::leaf_hash;
use crate::domain::ids::{CommitId, Hash, Position};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::Write;

/// No line is longer, its newline left out: what does not end within this is no line. In bytes.
pub const MAX_LINE: usize = 64 * 1024;
/// No event is longer: a line's own words and numbers fit into the rest. In bytes.
pub const MAX_EVENT: usize = MAX_LINE - 128;

const OPEN: &[u8] = b"{\"crc32c\":\"";
const CHECKSUM_DIGITS: usize = 8;
/// `{"crc32c":"xxxxxxxx",`
const COVERED_FROM: usize = OPEN.len() + CHECKSUM_DIGITS + 2;

/// Why bytes are not a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadLine {
    /// It neither starts nor ends like a line.
    #[error("this is not a line of a journal")]
    NoLine,
    /// Its checksum is another.
    #[error("the line's bytes do not have the checksum written before them")]
    Checksum,
    /// The checksum holds, but the content is not written as this program writes it.
    #[error("the line holds its checksum but is not written in the form of this format: {0}")]
    Form(&'static str),
    /// The checksum holds, but the event is not JSON or lacks what is needed of it.
    #[error("the line holds its checksum but its event cannot be read: {0}")]
    Event(String),
}

/// A line, read and found whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// The last position whose sync had returned when the line was written.
    pub durable: Position,
    /// This entry's number in its commit, from 1.
    pub part: u32,
    /// How many entries the commit has.
    pub parts: u32,
    /// The entry's position, as its event says.
    pub position: Position,
    /// The entry's commit, as its event says.
    pub commit: CommitId,
    /// The exact bytes of the event, over which all hashes go.
    pub event: &'a [u8],
}

impl Line<'_> {
    /// The RFC 6962 leaf hash of the event.
    pub fn leaf(&self) -> Hash {
        leaf_hash(self.event)
    }
}

/// What the lower half needs to know of an event.
#[derive(Deserialize)]
struct EventHead {
    position: Position,
    commit: CommitId,
}

/// Appends the line of one event, newline included, to `out`. `part` counts from 1 to `parts`.
pub fn encode(out: &mut Vec<u8>, durable: Position, part: u32, parts: u32, event: &[u8]) {
    seal(out, |out| {
        // Writing to memory cannot fail.
        let _ = write!(out, "\"durable\":{durable},\"part\":\"{part}/{parts}\",\"event\":");
        out.extend_from_slice(event);
    });
}

/// Reads a line, given without its newline. Only what [`encode`] writes is a line.
pub fn decode(line: &[u8]) -> Result<Line<'_>, BadLine> {
    let body = unseal(line)?;
    let (durable, body) = number(after(body, b"\"durable\":")?)?;
    let (part, body) = number(after(body, b",\"part\":\"")?)?;
    let (parts, body) = number(after(body, b"/")?)?;
    let event = after(body, b"\",\"event\":")?;
    if part == 0 || part > parts {
        return Err(BadLine::Form("no such part of a commit"));
    }
    if !(event.starts_with(b"{") && event.ends_with(b"}")) {
        return Err(BadLine::Form("the event is no object"));
    }
    let head: EventHead = serde_json::from_slice(event).map_err(|error| BadLine::Event(error.to_string()))?;
    let small = |number| u32::try_from(number).map_err(|_| BadLine::Form("a part's number is too large"));
    let (part, parts) = (small(part)?, small(parts)?);
    Ok(Line { durable, part, parts, position: head.position, commit: head.commit, event })
}

/// Position and commit of an event, by its own words.
pub(super) fn decode_event(event: &[u8]) -> Option<(Position, CommitId)> {
    let head: EventHead = serde_json::from_slice(event).ok()?;
    Some((head.position, head.commit))
}

/// The intact line that ends a longer stretch of bytes, if there is one: where a newline was lost, or a page that was
/// never written stands in front of it.
pub(super) fn decode_end(bytes: &[u8]) -> Option<Line<'_>> {
    let starts = 1..bytes.len().saturating_sub(OPEN.len());
    starts.filter(|start| bytes[*start..].starts_with(OPEN)).find_map(|start| decode(&bytes[start..]).ok())
}

/// Appends `{"crc32c":"…",BODY}` and a newline, BODY being what `body` writes.
pub(super) fn seal(out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(OPEN);
    out.extend_from_slice(&[b'0'; CHECKSUM_DIGITS]);
    out.extend_from_slice(b"\",");
    body(out);
    out.push(b'}');
    let checksum = checksum_digits(&out[start + COVERED_FROM..]);
    out[start + OPEN.len()..][..CHECKSUM_DIGITS].copy_from_slice(&checksum);
    out.push(b'\n');
}

/// The BODY of a line that [`seal`] wrote, given without its newline.
pub(super) fn unseal(line: &[u8]) -> Result<&[u8], BadLine> {
    let whole = line.len() > COVERED_FROM && line.starts_with(OPEN) && line.ends_with(b"}");
    if !whole || line[COVERED_FROM - 2..COVERED_FROM] != *b"\"," {
        return Err(BadLine::NoLine);
    }
    let covered = &line[COVERED_FROM..];
    if line[OPEN.len()..][..CHECKSUM_DIGITS] != checksum_digits(covered) {
        return Err(BadLine::Checksum);
    }
    Ok(&covered[..covered.len() - 1])
}

/// Appends the line `{"crc32c":"…","NAME":VALUE}`, newline included.
pub(in crate::journal) fn seal_value(out: &mut Vec<u8>, name: &str, value: &impl Serialize) {
    seal(out, |out| {
        // Writing to memory cannot fail, and what is written here are numbers, strings and lists of them, which always serialise.
        let _ = write!(out, "\"{name}\":");
        let _ = serde_json::to_writer(out, value);
    });
}

/// The value of a line that [`seal_value`] wrote under this name, given without its newline.
pub(in crate::journal) fn unseal_value<T: DeserializeOwned>(line: &[u8], name: &str) -> Result<T, BadLine> {
    let named = format!("\"{name}\":");
    let value = unseal(line)?.strip_prefix(named.as_bytes());
    let value = value.ok_or(BadLine::Form("it is a line of another kind"))?;
    serde_json::from_slice(value).map_err(|error| BadLine::Event(error.to_string()))
}

fn checksum_digits(bytes: &[u8]) -> [u8; CHECKSUM_DIGITS] {
    let checksum = crc32c::crc32c(bytes);
    let digit = |place: usize| b"0123456789abcdef"[(checksum >> (28 - 4 * place)) as usize & 15];
    std::array::from_fn(digit)
}

fn after<'a>(bytes: &'a [u8], prefix: &[u8]) -> Result<&'a [u8], BadLine> {
    bytes.strip_prefix(prefix).ok_or(BadLine::Form("its fields are others, or in another order"))
}

/// A number without leading zeros, and what follows it.
fn number(bytes: &[u8]) -> Result<(u64, &[u8]), BadLine> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = bytes.split_at(digits);
    let canonical = digits == 1 || !number.starts_with(b"0");
    let value = std::str::from_utf8(number).ok().and_then(|text| text.parse().ok());
    value.filter(|_| canonical).map(|value| (value, rest)).ok_or(BadLine::Form("a number is not written as one"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const EVENT: &[u8] =
        br#"{"position":42,"commit":"0190c0de-0000-7000-8000-00000000000a","type":"session.started","data":{"a":[1]}}"#;

    fn encoded(durable: u64, part: u32, parts: u32, event: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        encode(&mut out, durable, part, parts, event);
        assert_eq!(out.pop(), Some(b'\n'));
        out
    }

    #[test]
    fn a_line_has_exactly_this_form() {
        let line = String::from_utf8(encoded(41, 1, 2, EVENT)).unwrap();
        let body = format!("\"durable\":41,\"part\":\"1/2\",\"event\":{}}}", std::str::from_utf8(EVENT).unwrap());
        assert_eq!(line, format!("{{\"crc32c\":\"{:08x}\",{body}", crc32c::crc32c(body.as_bytes())));
        serde_json::from_str::<serde_json::Value>(&line).unwrap();
    }

    #[test]
    fn a_line_reads_back() {
        let commit = "0190c0de-0000-7000-8000-00000000000a".parse().unwrap();
        let line = Line { durable: 41, part: 2, parts: 2, position: 42, commit, event: EVENT };
        assert_eq!(decode(&encoded(41, 2, 2, EVENT)), Ok(line));
    }

    #[test]
    fn every_flipped_bit_of_a_line_is_seen() {
        let line = encoded(41, 1, 2, EVENT);
        for bit in 0..line.len() * 8 {
            let mut flipped = line.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&flipped).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn other_spellings_are_refused_although_their_checksum_holds() {
        let event = std::str::from_utf8(EVENT).unwrap();
        for body in [
            format!("\"durable\":041,\"part\":\"1/2\",\"event\":{event}"),
            format!("\"durable\":41, \"part\":\"1/2\",\"event\":{event}"),
            format!("\"part\":\"1/2\",\"durable\":41,\"event\":{event}"),
            format!("\"durable\":41,\"part\":\"0/2\",\"event\":{event}"),
            format!("\"durable\":41,\"part\":\"3/2\",\"event\":{event}"),
            format!("\"durable\":,\"part\":\"1/2\",\"event\":{event}"),
            format!("\"durable\":99999999999999999999,\"part\":\"1/2\",\"event\":{event}"),
            format!("\"durable\":41,\"part\":\"1/2\",\"event\": {event}"),
            "\"durable\":41,\"part\":\"1/2\",\"event\":{}".to_owned(),
            "\"durable\":41,\"part\":\"1/2\",\"event\":{\"position\":1}".to_owned(),
            "\"durable\":41,\"part\":\"1/2\",\"event\":{\"position\":1,}".to_owned(),
            "\"durable\":41,\"part\":\"1/2\",\"event\":[]".to_owned(),
        ] {
            let mut line = Vec::new();
            seal(&mut line, |out| out.extend_from_slice(body.as_bytes()));
            let refused = decode(&line[..line.len() - 1]);
            assert!(matches!(refused, Err(BadLine::Form(_) | BadLine::Event(_))), "{body}: {refused:?}");
        }
    }

    proptest! {
        #[test]
        fn bytes_that_are_no_line_never_panic(bytes: Vec<u8>) {
            prop_assert!(decode(&bytes).is_err());
            let mut sealed = Vec::new();
            seal(&mut sealed, |out| out.extend_from_slice(&bytes));
            prop_assert!(decode(&sealed[..sealed.len() - 1]).is_err());
        }
    }
}

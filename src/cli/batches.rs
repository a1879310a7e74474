//! Lines of an input of any size, in order, in batches that a door takes. Never more than a few batches are in memory.

use std::io::{self, BufRead};

/// Bytes of a batch at most: a server's `http.max_body` unless it is set otherwise.
const BATCH: usize = 64 * 1024;
/// Lines of a batch at most.
const LINES: usize = 1000;
/// Bytes of a line at most.
const LINE: usize = 16 * 1024;
/// What a line with a password in clear counts: the server hashes it, and has only so long for a batch.
const WITH_PASSWORD: usize = 2048;

/// Lines that are sent together. One that is refused here is empty in them, so that numbers stay.
pub struct Batch {
    /// The number of the first line, from 1.
    pub first: u64,
    /// The lines, each with its end.
    pub bytes: Vec<u8>,
    /// Those that were refused here.
    pub refused: Vec<(u64, String)>,
}

impl Batch {
    /// How many lines there are.
    pub fn lines(&self) -> u64 {
        self.bytes.split_inclusive(|byte| *byte == b'\n').count() as u64
    }

    /// The same in two; itself where it is one line.
    pub fn halves(self) -> Result<(Self, Self), Self> {
        let lines = self.lines();
        let ends = self.bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
        let half = usize::try_from(lines / 2).unwrap_or(0);
        match ends.into_iter().nth(half.wrapping_sub(1)) {
            Some(at) if half > 0 => {
                let (first, second) = self.bytes.split_at(at);
                let part = |first, bytes: &[u8]| Self { first, bytes: bytes.to_vec(), refused: Vec::new() };
                Ok((part(self.first, first), part(self.first + half as u64, second)))
            }
            _ => Err(self),
        }
    }
}

/// A line of the input.
enum Line {
    Whole(Vec<u8>),
    TooLong,
}

/// See the module.
pub struct Batches<R> {
    input: R,
    next: u64,
    to_skip: u64,
    read: u64,
    /// A line that did not fit into the batch before.
    held: Option<Line>,
}

impl<R: BufRead> Batches<R> {
    /// The batches of an input, from a line on.
    pub fn new(input: R, from_line: u64) -> Self {
        Self { input, next: from_line.max(1), to_skip: from_line.max(1) - 1, read: 0, held: None }
    }

    /// Bytes read so far.
    pub fn read(&self) -> u64 {
        self.read
    }

    /// The first line of the next batch.
    pub fn next_line(&self) -> u64 {
        self.next
    }

    /// The next batch; `None` at the end.
    ///
    /// # Errors
    /// The input cannot be read.
    pub fn next_batch(&mut self) -> io::Result<Option<Batch>> {
        while self.to_skip > 0 {
            if self.line()?.is_none() {
                self.to_skip = 0;
                return Ok(None);
            }
            self.to_skip -= 1;
        }
        let mut batch = Batch { first: self.next, bytes: Vec::new(), refused: Vec::new() };
        let (mut lines, mut weight) = (0, 0);
        while lines < LINES {
            let held = self.held.take();
            let Some(line) = held.map_or_else(|| self.line(), |line| Ok(Some(line)))? else { break };
            match line {
                Line::TooLong => {
                    batch.refused.push((self.next, format!("it has more than {LINE} bytes")));
                    weight += 1;
                }
                Line::Whole(line) => {
                    let weighs = if has_password(&line) { (line.len() + 1).max(WITH_PASSWORD) } else { line.len() + 1 };
                    if lines > 0 && weight + weighs > BATCH {
                        self.held = Some(Line::Whole(line));
                        break;
                    }
                    weight += weighs;
                    batch.bytes.extend(line);
                }
            }
            batch.bytes.push(b'\n');
            lines += 1;
            self.next += 1;
        }
        Ok((lines > 0).then_some(batch))
    }

    /// One line without its end, of which no more than it may have is kept; `None` at the end.
    fn line(&mut self) -> io::Result<Option<Line>> {
        let (mut line, mut length) = (Vec::new(), 0_usize);
        loop {
            let chunk = match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                chunk => chunk?,
            };
            if chunk.is_empty() {
                return Ok((length > 0).then(|| whole(line, length)));
            }
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let part = &chunk[..end.unwrap_or(chunk.len())];
            length = length.saturating_add(part.len());
            if length <= LINE {
                line.extend_from_slice(part);
            }
            let used = end.map_or(chunk.len(), |end| end + 1);
            self.input.consume(used);
            self.read += used as u64;
            if end.is_some() {
                return Ok(Some(whole(line, length)));
            }
        }
    }
}

fn whole(line: Vec<u8>, length: usize) -> Line {
    if length <= LINE { Line::Whole(line) } else { Line::TooLong }
}

fn has_password(line: &[u8]) -> bool {
    line.windows(10).any(|window| window == b"\"password\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    fn all(input: &[u8], from_line: u64) -> Vec<Batch> {
        let mut batches = Batches::new(BufReader::with_capacity(7, input), from_line);
        std::iter::from_fn(|| batches.next_batch().unwrap()).collect()
    }

    #[test]
    fn batches_are_the_lines_in_order_and_within_bounds() {
        let text: String = (1..=5000).map(|number| format!("{{\"login\":\"{number:0>60}\"}}\n")).collect();
        for from in [1, 2, 900, 5000] {
            let batches = all(text.as_bytes(), from);
            let mut next = from;
            for batch in &batches {
                assert!(batch.first == next && batch.bytes.len() <= BATCH && batch.lines() <= LINES as u64);
                next += batch.lines();
            }
            assert_eq!(next, 5001);
            let bytes: Vec<u8> = batches.into_iter().flat_map(|batch| batch.bytes).collect();
            let skipped = text.split_inclusive('\n').skip(usize::try_from(from - 1).unwrap());
            assert_eq!(bytes, skipped.collect::<String>().into_bytes());
        }
        assert!(all(text.as_bytes(), 5001).is_empty() && all(b"", 1).is_empty());
    }

    #[test]
    fn a_line_that_is_too_long_is_refused_by_its_number_and_the_rest_goes_on() {
        let long = "x".repeat(LINE + 1);
        let text = format!("a\n{long}\nb");
        let batches = all(text.as_bytes(), 1);
        assert_eq!((batches.len(), batches[0].bytes.as_slice()), (1, &b"a\n\nb\n"[..]));
        assert_eq!(batches[0].refused, [(2, "it has more than 16384 bytes".to_owned())]);
        let fits = "x".repeat(LINE);
        assert!(all(fits.as_bytes(), 1)[0].refused.is_empty());
    }

    #[test]
    fn passwords_in_clear_come_a_few_at_a_time() {
        let text = "{\"login\":\"a\",\"password\":\"b\"}\n".repeat(100);
        let batches = all(text.as_bytes(), 1);
        assert!(batches.len() == 4 && batches.iter().all(|batch| batch.lines() <= 32), "{}", batches.len());
    }

    #[test]
    fn a_batch_is_parted_until_it_is_one_line() {
        let batch = all(b"a\nb\nc\n", 5).pop();
        assert!(batch.is_none());
        let batch = all(b"a\nb\nc\n", 1).remove(0);
        let (first, second) = batch.halves().ok().unwrap();
        assert_eq!((first.first, first.bytes.as_slice()), (1, &b"a\n"[..]));
        assert_eq!((second.first, second.bytes.as_slice()), (2, &b"b\nc\n"[..]));
        assert!(first.halves().is_err() && second.halves().is_ok());
    }
}

//! Changes good inputs into bad ones, by a seed.

use crate::random::Random;

/// No input gets longer, in bytes.
pub const MOST: usize = 128 * 1024;

/// Words that parsers stumble over.
const WORDS: &[&str] = &[
    "0",
    "-1",
    "00",
    "1e400",
    "-0.0",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "999999999999999999999999999999",
    "null",
    "true",
    "{}",
    "[]",
    "\"\"",
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "\u{0}",
    "\u{feff}",
    "\u{202e}",
    "\r\n",
    "\n",
    "%",
    "%00",
    "%ff",
    "+",
    "&",
    "=",
    ":",
    ".",
    "..",
    "/",
    "$",
    ",",
    ";",
    "{",
    "}",
    "[",
    "]",
    "[[",
    "'",
    "''''",
    "\"\"\"",
    "=====",
    "Basic ",
    "csr_",
    "inf",
    "nan",
    "1979-05-27",
    "9999-12-31T23:59:60Z",
    "-1s",
    "99999999999999999999GiB",
    "ffffffffffffffffffffffffffffffff",
];
/// What is nested within itself.
const OPENERS: &[&str] = &["[", "{\"a\":", "a.", "{a=", "\"", "(", "%25", "AAAA"];

fn below(random: &mut Random, bound: usize) -> usize {
    random.below(bound as u64) as usize
}

fn one<'a, T: ?Sized>(random: &mut Random, all: &[&'a T]) -> &'a T {
    all[below(random, all.len())]
}

/// One of some samples, changed in one to six ways.
pub fn mutated(random: &mut Random, samples: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = samples[below(random, samples.len())].clone();
    for _ in 0..1 + below(random, 6) {
        change(random, &mut bytes, samples);
        bytes.truncate(MOST);
    }
    bytes
}

/// A part of some bytes, usually a short one.
fn part(random: &mut Random, length: usize) -> std::ops::Range<usize> {
    let from = below(random, length + 1);
    let longest = if below(random, 4) == 0 { length } else { 16 };
    let to = (from + below(random, longest + 1)).min(length);
    from..to
}

fn change(random: &mut Random, bytes: &mut Vec<u8>, samples: &[Vec<u8>]) {
    let at = below(random, bytes.len() + 1);
    match below(random, 11) {
        0 if at < bytes.len() => bytes[at] ^= 1 << below(random, 8),
        1 if at < bytes.len() => bytes[at] = below(random, 256) as u8,
        2 => bytes.truncate(at),
        3 => drop(bytes.drain(part(random, bytes.len()))),
        4 => insert(bytes, at, one(random, WORDS).as_bytes()),
        5 => {
            let replaced = part(random, bytes.len());
            bytes.splice(replaced, one(random, WORDS).bytes());
        }
        6 => {
            let copied = bytes[part(random, bytes.len())].to_vec();
            insert(bytes, at, &copied);
        }
        7 => {
            let other = &samples[below(random, samples.len())];
            let spliced = other[part(random, other.len())].to_vec();
            bytes.splice(at.., spliced);
        }
        8 => {
            let part = part(random, bytes.len());
            let most = MOST / part.len().max(1);
            let repeated = bytes[part].repeat(1 + below(random, most.clamp(1, 1000)));
            insert(bytes, at, &repeated[..repeated.len().min(MOST)]);
        }
        9 => insert(bytes, at, one(random, OPENERS).repeat(1 + below(random, 3000)).as_bytes()),
        _ => number(random, bytes),
    }
}

fn insert(bytes: &mut Vec<u8>, at: usize, inserted: &[u8]) {
    bytes.splice(at..at, inserted.iter().copied());
}

/// Puts another number in the place of one that stands there.
fn number(random: &mut Random, bytes: &mut Vec<u8>) {
    let starts: Vec<usize> = (0..bytes.len())
        .filter(|at| bytes[*at].is_ascii_digit() && (*at == 0 || !bytes[at - 1].is_ascii_alphanumeric()))
        .collect();
    if starts.is_empty() {
        return;
    }
    let from = starts[below(random, starts.len())];
    let digits = bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    bytes.splice(from..from + digits, one(random, &WORDS[..12]).bytes());
}

//! Reads what strace writes.

use std::collections::HashMap;
use std::path::Path;

/// What a system call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Read,
    Write,
    Sync,
}

/// A system call on a file or a socket. Its instants are lines of the trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub kind: Kind,
    /// The file's path, or `TCP:[…]`.
    pub path: String,
    pub begun: usize,
    pub ended: usize,
    /// What it returned: bytes for a read or a write, 0 for a sync, less for a failure.
    pub moved: i64,
}

const READS: [&str; 6] = ["read", "readv", "pread64", "recvfrom", "recvmsg", "recvmmsg"];
const WRITES: [&str; 9] =
    ["write", "writev", "pwrite64", "pwritev", "pwritev2", "sendto", "sendmsg", "sendmmsg", "sendfile"];
const SYNCS: [&str; 2] = ["fdatasync", "fsync"];

/// The words that put a program under strace, which stays out of the way: the program remains our own child.
pub fn strace(output: &Path) -> Vec<String> {
    let names = [READS.as_slice(), &WRITES, &SYNCS].concat().join(",");
    let output = output.to_str().unwrap();
    ["strace", "-D", "-f", "-q", "-yy", "-s", "8", "-o", output, "-e", &format!("trace={names}")]
        .map(str::to_owned)
        .to_vec()
}

/// All calls of a trace, by their begin.
pub fn calls(trace: &str) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    let mut unfinished: HashMap<&str, usize> = HashMap::new();
    for (line, text) in trace.lines().enumerate() {
        let (process, rest) = text.split_once(' ').unwrap();
        let rest = rest.trim_start();
        let moved =
            || rest.rsplit_once(" = ").and_then(|(_, after)| after.split(' ').next()?.parse().ok()).unwrap_or(-1);
        if rest.starts_with("<... ") {
            if let Some(call) = unfinished.remove(process) {
                (calls[call].ended, calls[call].moved) = (line, moved());
            }
            continue;
        }
        let Some((kind, path)) = opening(rest) else { continue };
        let mut call = Call { kind, path: path.to_owned(), begun: line, ended: line, moved: -1 };
        if rest.ends_with("<unfinished ...>") {
            // Until it is resumed, nothing is known of its end.
            call.ended = usize::MAX;
            unfinished.insert(process, calls.len());
        } else {
            call.moved = moved();
        }
        calls.push(call);
    }
    calls
}

/// What a call does, and to what: `fdatasync(23</data/anchor>) = 0`.
fn opening(text: &str) -> Option<(Kind, &str)> {
    let (name, arguments) = text.split_once('(')?;
    let kind = match name {
        name if READS.contains(&name) => Kind::Read,
        name if WRITES.contains(&name) => Kind::Write,
        name if SYNCS.contains(&name) => Kind::Sync,
        _ => return None,
    };
    let (number, path) = arguments.split_once('<')?;
    number.parse::<u32>().ok()?;
    // A socket's name holds an arrow.
    let end = if path.starts_with("TCP:") { path.find("]>")? + 1 } else { path.find('>')? };
    Some((kind, &path[..end]))
}

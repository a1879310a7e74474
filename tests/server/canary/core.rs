//! The memory of a server that has answered everything: a core dump is searched for what was sent through it.

use super::search::Search;
use super::walk::{self, Walk};
use super::{secrets, sent};
use crate::support::{Plan, Server, is_installed, wait_until};
use rustix::process::Signal;
use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

/// What somebody has sent of a request that he has not finished.
const UNDER_WAY: &str = "zq7-password-under-way-48151623";
/// Pages without anything are not worth a search.
const PAGE: usize = 4096;

/// Whether memory of a server can be dumped here.
fn can_dump() -> bool {
    if !rustix::process::geteuid().is_root() {
        let why = "a server's memory is closed to everybody but root";
        assert!(std::env::var_os("COUNTERSIGN_TEST_STRICT").is_none(), "{why}");
        println!("skipped: {why}");
        return false;
    }
    is_installed("gcore", "gdb")
}

/// Whether any connection of the server's port is still open on its side.
fn is_connected(server: &Server) -> bool {
    let port = server.url.rsplit(':').next().unwrap().parse::<u16>().unwrap();
    let table = fs::read_to_string(format!("/proc/{}/net/tcp", server.pid())).unwrap();
    table.lines().skip(1).any(|line| {
        let columns: Vec<_> = line.split_whitespace().collect();
        // Listening, and the kernel's own remembrance of a closed connection.
        columns[1].ends_with(&format!(":{port:04X}")) && !["0A", "06"].contains(&columns[3])
    })
}

/// Whether every thread of the server waits for something.
fn is_at_rest(server: &Server) -> bool {
    let threads = fs::read_dir(format!("/proc/{}/task", server.pid())).unwrap();
    threads.flatten().all(|thread| {
        let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('S'))
    })
}

/// Waits until the server has done all that it was given. A thread may rest for an instant in the middle of its work.
fn settle(server: &Server) {
    let mut in_a_row = 0;
    wait_until("the server is at rest", || {
        in_a_row = if is_at_rest(server) { in_a_row + 1 } else { 0 };
        in_a_row == 5
    });
}

/// The memory of the server.
fn core(server: &Server) -> Vec<u8> {
    settle(server);
    let dir = tempfile::tempdir().unwrap();
    let mut gcore = Command::new("gcore");
    gcore.arg("-o").arg(dir.path().join("core")).arg(server.pid().to_string());
    let output = gcore.stdin(Stdio::null()).output().unwrap();
    let path = dir.path().join(format!("core.{}", server.pid()));
    fs::read(path).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// What is found in a core, part by part: most of it is empty pages.
fn found_in(core: &[u8], search: &Search) -> Vec<String> {
    let pages = core.chunks(PAGE).collect::<Vec<_>>();
    let parts = pages.chunk_by(|one, next| one.iter().any(|byte| *byte != 0) == next.iter().any(|byte| *byte != 0));
    let mut found: Vec<_> = parts.flat_map(|part| search.found_in(&part.concat())).collect();
    found.sort();
    found.dedup();
    found
}

fn only(name: &str, text: &str) -> Search {
    let mut search = Search::default();
    search.text(name, text);
    search
}

/// Begins a request with a secret in it, and leaves it unfinished.
fn begin(server: &Server) -> TcpStream {
    let mut stream = TcpStream::connect(server.url.strip_prefix("http://").unwrap()).unwrap();
    let head = "POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n";
    write!(stream, "{head}Content-Length: 1000\r\n\r\ngrant_type=password&password={UNDER_WAY}").unwrap();
    stream
}

#[test]
fn no_secret_is_left_in_the_memory_of_a_server_that_has_answered() {
    if !can_dump() {
        return;
    }
    let mut plan = Plan::new(&walk::bootstrap()).set("log.level", "trace").set("http.body_timeout", "5m");
    plan = plan.set("http.request_timeout", "5m").set("http.workers", "2");
    plan = plan.set("passwords.strangers_total", "100000").set("passwords.strangers_per_network", "100000");
    // A core has what arenas only reserve in it, too: 64 MiB for each.
    plan.env.push(("MALLOC_ARENA_MAX".to_owned(), "2".to_owned()));
    let mut server = plan.start();
    let mut tokens = Vec::new();
    for person in 0..walk::ADDRESSES.len() {
        let mut walk = Walk::of(&server, person);
        walk.last();
        tokens.append(&mut walk.tokens);
    }
    server.hang_up();
    let under_way = begin(&server);
    let during = core(&server);
    for (what, text) in [("a public name", walk::CLIENT), ("what is under way", UNDER_WAY)] {
        assert!(!found_in(&during, &only(what, text)).is_empty(), "{what} is in memory, and was not found");
    }
    drop((under_way, during));
    wait_until("all connections are closed", || !is_connected(&server));
    let core = core(&server);
    // Not the traces: budgets count the networks of strangers for an hour, and the bytes of an address are part of messages, which are
    // no memory of their own that could be freed. Nor the keys that a server works with.
    let mut search = sent(&tokens);
    secrets(&server, &mut search);
    search.text("what was under way", UNDER_WAY);
    assert_eq!(found_in(&core, &search), Vec::<String>::new(), "secrets in a core dump");
    let full = core.chunks(PAGE).filter(|page| page.iter().any(|byte| *byte != 0)).count() * PAGE;
    println!("{} tokens and the other secrets are not in a core with {full} bytes that are not empty", tokens.len());
}

/// A shell that allows core dumps and does what its arguments say, somewhere else.
fn allowing(dir: &std::path::Path, then: &str) -> Vec<String> {
    let script = format!("cd '{}' && ulimit -c unlimited && {then}", dir.display());
    ["sh", "-c", &script, "sh"].map(str::to_owned).to_vec()
}

#[test]
fn a_server_that_crashes_leaves_no_core_dump() {
    let dir = tempfile::tempdir().unwrap();
    let words = allowing(dir.path(), "kill -ABRT $$");
    let dumped = Command::new(&words[0]).args(&words[1..]).status().unwrap().core_dumped();
    if !dumped {
        println!("skipped: nothing dumps its core on this machine");
        return;
    }
    for with in [Signal::ABORT, Signal::SEGV] {
        let dir = tempfile::tempdir().unwrap();
        let mut plan = Plan::new(&walk::bootstrap());
        plan.under = allowing(dir.path(), "exec \"$@\"");
        let mut server = plan.start();
        let limit = fs::read_to_string(format!("/proc/{}/limits", server.pid())).unwrap();
        let limit = limit.lines().find(|line| line.starts_with("Max core file size")).unwrap().to_owned();
        assert_eq!(limit.split_whitespace().collect::<Vec<_>>()[4..6], ["0", "0"], "{limit}");
        let ended = server.ended_by(with);
        assert_eq!(ended.signal(), Some(with.as_raw()));
        assert!(!ended.core_dumped(), "{ended:?}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}

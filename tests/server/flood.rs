//! More than the server can do, all at once: what it cannot do it refuses, its memory stays within what its configuration
//! says, and whoever asks for something cheap is answered meanwhile.

mod connections;
mod hashes;
pub mod malformed;

use crate::support::{Answer, STORE, Server};
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// What `/proc` tells of a process's memory under a name, in bytes (proc_pid_status(5)).
fn memory(server: &Server, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kib = line.unwrap_or_else(|| panic!("no {name} in {status}")).trim().strip_suffix(" kB").unwrap();
    kib.parse::<u64>().unwrap() * KIB
}

/// The most memory that the process ever had.
fn peak(server: &Server) -> u64 {
    memory(server, "VmHWM")
}

/// How long some answers took. They are printed and never judged.
#[derive(Default)]
struct Times(Vec<Duration>);

impl Times {
    fn of<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let begin = Instant::now();
        let done = work();
        self.0.push(begin.elapsed());
        done
    }

    fn add(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    fn print(mut self, what: &str) {
        self.0.sort_unstable();
        let at = |percent: usize| self.0[(self.0.len() * percent / 100).min(self.0.len() - 1)];
        if self.0.is_empty() {
            println!("{what}: none");
        } else {
            println!("{what}: {}, median {:?}, 99% {:?}, longest {:?}", self.0.len(), at(50), at(99), at(100));
        }
    }
}

/// What others get while something goes on.
#[derive(Default)]
struct Meanwhile {
    refreshes: Times,
    health: Times,
}

impl Meanwhile {
    /// Refreshes a session, and asks for health on a connection of its own, again and again. Every answer must be good.
    fn ask(&mut self, server: &Server, first: &Answer, over: &AtomicBool) {
        let mut token = first.refresh();
        while !over.load(Ordering::Relaxed) {
            let answer = self.refreshes.of(|| server.refresh(&token));
            assert_eq!(answer.status, 200, "a refresh meanwhile: {answer:?}");
            token = answer.refresh();
            let live = self.health.of(|| server.send("GET", "/health/live", &[], b""));
            assert_eq!(live.status, 200, "{live:?}");
        }
    }

    fn print(self) {
        assert!(!self.refreshes.0.is_empty(), "nobody was refreshed meanwhile");
        self.refreshes.print("refreshes meanwhile");
        self.health.print("health on new connections meanwhile");
    }
}

/// Ends what goes on beside a trial, also where the trial fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Logs somebody in whom the store's backend tells from an address.
fn login_from(server: &Server, address: &str, login: &str, password: &str) -> Answer {
    let form = [("grant_type", "password"), ("username", login), ("password", password)];
    server.post_as("/oauth2/token", Some(STORE), &form, &[("X-Forwarded-For", address)])
}

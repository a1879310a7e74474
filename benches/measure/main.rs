//! What `scripts/measure` and `load/run` run: makes journals with a long history through the running engine, and measures appends while
//! others work, memory, what is written, and raw hashes.
//!
//! ```text
//! measure history --dir DIR --events N --live N      a data directory with a history of about N events, and N open sessions
//! measure store --dir DIR                            what the store of a stopped data directory holds
//! measure appends --dir DIR --seconds N --rounds N   appends with and without sealing and scrubbing beside them, in turns
//! measure accounts --dir DIR                         a data directory with a client and 1,000 accounts
//! measure idle --dir DIR --sessions N                memory of a session, asleep and awake
//! measure written --dir DIR --seconds N              bytes written to the disk for a byte of event
//! measure hashes --seconds N --threads N --memory KIB --passes N --lanes N   raw Argon2id hashes a second, by the server's kernel
//! ```

mod appends;
mod engine;
mod hashes;
mod history;
mod idle;
mod process;
mod store;
mod written;

use countersign::crypto::Params;
use std::collections::HashMap;
use std::path::PathBuf;

/// The arguments behind the first, as pairs of a name and a value.
struct Arguments(HashMap<String, String>);

impl Arguments {
    fn read(words: impl Iterator<Item = String>) -> Self {
        let mut words = words.peekable();
        let mut pairs = HashMap::new();
        while let Some(name) = words.next() {
            let name = name.strip_prefix("--").unwrap_or_else(|| panic!("not an option: {name}")).to_owned();
            pairs.insert(name, words.next().unwrap_or_default());
        }
        Self(pairs)
    }

    fn dir(&self) -> PathBuf {
        PathBuf::from(self.0.get("dir").expect("--dir DIR"))
    }

    fn small(&self, name: &str, default: u32) -> u32 {
        u32::try_from(self.number(name, default.into())).unwrap_or_else(|_| panic!("--{name} is too large"))
    }

    fn number(&self, name: &str, default: u64) -> u64 {
        self.0.get(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("--{name} is no number")))
    }
}

fn main() {
    // Cargo adds this word to what it runs as a benchmark.
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    let what = words.next().unwrap_or_default();
    let arguments = Arguments::read(words);
    match what.as_str() {
        "history" => {
            history::make(&arguments.dir(), arguments.number("events", 100_000), arguments.number("live", 1000));
        }
        "store" => store::show(&arguments.dir()),
        "appends" => {
            appends::measure(&arguments.dir(), arguments.number("seconds", 10), arguments.number("rounds", 5));
        }
        "accounts" => history::only_accounts(&arguments.dir()),
        "idle" => idle::measure(&arguments.dir(), arguments.number("sessions", 1_000_000)),
        "written" => written::measure(&arguments.dir(), arguments.number("seconds", 20)),
        "hashes" => {
            let (m_kib, t, p) =
                (arguments.small("memory", 19_456), arguments.small("passes", 2), arguments.small("lanes", 1));
            let (threads, seconds) = (arguments.number("threads", 1), arguments.number("seconds", 10));
            hashes::measure(Params { m_kib, t, p }, threads, seconds);
        }
        _ => {
            eprintln!(
                "usage: measure history|store|appends|accounts|idle|written|hashes …; see the head of benches/measure/main.rs"
            );
            std::process::exit(2);
        }
    }
}

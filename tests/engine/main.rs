//! The running engine in this process: on a disk in memory, with a clock set by hand and chance drawn from a seed.

mod actix_facts;
mod archiving;
mod beginning_again;
mod clock_rule;
mod closing;
mod dying;
mod full_disk;
mod full_queue;
mod guessing;
mod in_full;
mod long_session;
mod lost_history;
#[path = "../support/machine.rs"]
mod machine;
mod making_keys;
mod panics;
mod races;
mod sweeping;

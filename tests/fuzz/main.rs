//! Everything that reads what others wrote is given good inputs that were spoiled: nothing panics, nothing hangs, and nothing
//! takes more memory than its input justifies.
//!
//! `COUNTERSIGN_FUZZ_SECONDS` says for how long. `COUNTERSIGN_TEST_SEED` repeats a run: its input with a number is the same
//! however quick the machine is, and `COUNTERSIGN_FUZZ_FROM` begins at one.

mod files;
mod mutate;
#[path = "../server/random.rs"]
mod random;
mod texts;

use mutate::mutated;
use random::{Random, seed};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Memory that all inputs together may add to this process, in bytes. The longest input has 128 KiB.
const MOST_MEMORY: u64 = 32 << 20;

/// Reads an input; whether it was taken for good.
type Read = dyn Fn(&[u8]) -> bool;

/// Something that reads, and what it should be able to read.
pub struct Target {
    name: &'static str,
    samples: Vec<Vec<u8>>,
    read: Box<Read>,
    /// How often it is chosen, compared with others.
    weight: usize,
}

impl Target {
    fn new(name: &'static str, samples: Vec<Vec<u8>>, read: impl Fn(&[u8]) -> bool + 'static) -> Self {
        for (number, sample) in samples.iter().enumerate() {
            assert!(read(sample), "sample {number} of {name} is good");
        }
        Self { name, samples, read: Box::new(read), weight: 32 }
    }

    /// For what takes as long as many others.
    fn seldom(self) -> Self {
        Self { weight: 1, ..self }
    }
}

/// What became of the inputs of a target.
#[derive(Default)]
struct Count {
    inputs: u64,
    taken: u64,
    slowest: Duration,
    /// By how much one of them moved the most memory that the process ever had, in bytes.
    memory: u64,
}

impl Count {
    fn add(&mut self, taken: bool, took: Duration) {
        self.inputs += 1;
        self.taken += u64::from(taken);
        self.slowest = self.slowest.max(took);
    }
}

fn number_of(variable: &str, or: u64) -> u64 {
    std::env::var(variable).map_or(or, |text| text.parse().unwrap())
}

/// The most memory that this process ever had, in bytes (proc_pid_status(5)).
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}

/// Ends the process where one input is read for ever, and says which.
fn watch(seed: u64, at: &Arc<AtomicU64>) {
    let at = at.clone();
    std::thread::spawn(move || {
        let mut last = (u64::MAX, Instant::now());
        loop {
            std::thread::sleep(Duration::from_secs(1));
            let now = at.load(Ordering::Relaxed);
            if now != last.0 {
                last = (now, Instant::now());
            } else if last.1.elapsed() > Duration::from_secs(120) {
                eprintln!("input {now} of seed {seed} hangs: COUNTERSIGN_TEST_SEED={seed} COUNTERSIGN_FUZZ_FROM={now}");
                std::process::abort();
            }
        }
    });
}

#[test]
fn whatever_is_read_is_taken_or_refused_in_bounded_time_and_memory() {
    let seed = seed();
    let targets: Vec<Target> = texts::targets().into_iter().chain(files::targets()).collect();
    let turns: Vec<&Target> = targets.iter().flat_map(|target| std::iter::repeat_n(target, target.weight)).collect();
    let (first, at) = (number_of("COUNTERSIGN_FUZZ_FROM", 0), Arc::new(AtomicU64::new(0)));
    watch(seed, &at);
    let (begin, base) = (Instant::now(), peak());
    let mut most = base;
    let long = Duration::from_secs(number_of("COUNTERSIGN_FUZZ_SECONDS", 10));
    let mut counts = BTreeMap::new();
    let mut input = first;
    while begin.elapsed() < long || counts.len() < targets.len() {
        at.store(input, Ordering::Relaxed);
        let mut random = Random::new(seed ^ input.wrapping_mul(0x2545_f491_4f6c_dd1d));
        let target = turns[random.below(turns.len() as u64) as usize];
        let bytes = mutated(&mut random, &target.samples);
        let read = || (Instant::now(), (target.read)(&bytes));
        let Ok((started, taken)) = catch_unwind(AssertUnwindSafe(read)) else {
            let shown: String = String::from_utf8_lossy(&bytes).chars().take(2000).collect();
            panic!("{} panicked: COUNTERSIGN_TEST_SEED={seed} COUNTERSIGN_FUZZ_FROM={input}: {shown:?}", target.name);
        };
        let count: &mut Count = counts.entry(target.name).or_default();
        count.add(taken, started.elapsed());
        // The kernel counts in batches: what it says of the most may be a little less the next time.
        let now = peak().max(most);
        count.memory = count.memory.max(now - most);
        most = now;
        input += 1;
    }
    for (name, Count { inputs, taken, slowest, memory }) in &counts {
        let memory = memory / 1024;
        println!(
            "{name}: {inputs} inputs, {taken} taken for good, the slowest in {slowest:?}, the peak once moved by {memory} KiB"
        );
    }
    let added = most - base;
    println!("{} inputs in {:?}; {} KiB of memory more", input - first, begin.elapsed(), added / 1024);
    assert!(added <= MOST_MEMORY, "{added} bytes");
}

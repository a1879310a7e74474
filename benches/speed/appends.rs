//! R8: durable appends by the journal's writer, over a bare loop that writes as many bytes of lines and syncs.

use crate::chain::Chain;
use crate::pairs::{Bench, Pair, Work, micros, of_this_process, of_this_thread};
use crate::rig::Rig;
use countersign::domain::time::Span;
use rustix::fs::{FallocateFlags, fallocate};
use std::cell::RefCell;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Writers at a time, and what the ratio should be.
const WRITERS: [(u64, Option<f64>); 4] = [(1, Some(0.85)), (16, Some(0.45)), (64, None), (256, None)];
/// How much room the bare loop takes ahead, in bytes.
const AHEAD: u64 = 64 << 20;
/// How long processor time is counted.
const COUNTED: Duration = Duration::from_secs(4);

/// Measures with 1, 16, 64 and 256 writers.
pub fn measure(bench: &mut Bench) {
    for (writers, goal) in WRITERS {
        let pair = Pair {
            id: format!("R8/{writers}"),
            goal,
            baseline: format!("one write of {writers} lines and fdatasync"),
            parameters: format!(
                "each time {writers} refreshes by as many writers, group commit without a timer, fdatasync before each answer"
            ),
            turn: 8,
            span: Duration::from_secs(10),
        };
        let mut kept = None;
        let is_measured = bench.compare(&pair, || {
            let appends = Rc::new(RefCell::new(Appends::start(writers)));
            let mut bare = Bare::beside(&mut appends.borrow_mut());
            kept = Some(appends.clone());
            let ours: Work = Box::new(move |rounds| appends.borrow_mut().rounds(rounds).lasted);
            (Box::new(move |rounds| bare.rounds(rounds)), ours)
        });
        if let Some(appends) = kept.filter(|_| is_measured && writers >= 64) {
            let line = tell(&mut appends.borrow_mut());
            bench.tell(line);
        }
    }
}

/// Writers with a session each.
struct Appends {
    rig: Rig,
    chains: Vec<Chain>,
}

/// What some rounds took.
#[derive(Default)]
struct Took {
    lasted: Duration,
    /// Processor time of the process.
    all: Duration,
    /// Of the thread on which the writers are.
    askers: Duration,
}

impl Appends {
    fn start(writers: u64) -> Self {
        let rig = Rig::start(&[]);
        let chains = rig.log_in(writers).into_iter().map(|(chain, _)| chain).collect();
        Self { rig, chains }
    }

    /// Each writer appends so many refreshes, the next when the last is durable. What they append was decided before.
    fn rounds(&mut self, rounds: u64) -> Took {
        let Self { rig, chains } = self;
        let decide = |chain: &mut Chain| {
            let commits = (0..rounds).map(|_| {
                rig.clock.advance(Span(1));
                chain.next(rig.engine(), &rig.clock)
            });
            commits.collect::<Vec<_>>()
        };
        let shares: Vec<_> = chains.iter_mut().map(decide).collect();
        let writer = &rig.engine().services.core.writer;
        rig.system.block_on(async {
            let (all, askers, began) = (of_this_process(), of_this_thread(), Instant::now());
            let hands = shares.into_iter().map(|commits| {
                let writer = writer.clone();
                actix_rt::spawn(async move {
                    for commit in commits {
                        writer.append(commit).await.unwrap();
                    }
                })
            });
            for hand in hands.collect::<Vec<_>>() {
                hand.await.unwrap();
            }
            Took { lasted: began.elapsed(), all: of_this_process() - all, askers: of_this_thread() - askers }
        })
    }
}

/// A file to which one thread writes the journal's own lines.
struct Bare {
    file: File,
    lines: Vec<u8>,
    end: u64,
}

impl Bare {
    /// As many bytes at a time as a round of the writers makes.
    fn beside(appends: &mut Appends) -> Self {
        let segment = appends.rig.segment();
        let before = segment.metadata().unwrap().len();
        appends.rounds(1);
        let text = std::fs::read(&segment).unwrap();
        let lines = text[usize::try_from(before).unwrap()..].to_vec();
        let file = File::create(segment.with_extension("bare")).unwrap();
        Self { file, lines, end: 0 }
    }

    fn rounds(&mut self, rounds: u64) -> Duration {
        let began = Instant::now();
        for _ in 0..rounds {
            if self.end.is_multiple_of(AHEAD) || self.end % AHEAD + self.lines.len() as u64 > AHEAD {
                fallocate(&self.file, FallocateFlags::KEEP_SIZE, self.end, AHEAD + self.lines.len() as u64).unwrap();
            }
            self.file.write_all_at(&self.lines, self.end).unwrap();
            self.file.sync_data().unwrap();
            self.end += self.lines.len() as u64;
        }
        began.elapsed()
    }
}

/// Processor time of an event, and where it goes.
fn tell(appends: &mut Appends) -> String {
    let writers = appends.chains.len() as f64;
    let mut bare = Bare::beside(appends);
    let (rounds, before) = (256, of_this_process());
    bare.rounds(rounds);
    let a_sync = (of_this_process() - before).as_secs_f64() / rounds as f64;
    let batches = appends.rig.engine().metrics.journal_batch_events.clone();
    let (mut took, mut times) = (Took::default(), 0_u32);
    let (spent, beside, syncs) = (appends.rig.spent.clone(), background(), batches.get_sample_count());
    spent.count(true);
    let (counted, began) = (spent.so_far(), Instant::now());
    while began.elapsed() < COUNTED {
        let turn = appends.rounds(16);
        times += 16;
        took.all += turn.all;
        took.askers += turn.askers;
        took.lasted += turn.lasted;
    }
    spent.count(false);
    let events = writers * f64::from(times);
    let syncs = (batches.get_sample_count() - syncs) as f64 / events;
    let calls = (spent.so_far() - counted).as_secs_f64() / events;
    let beside = (background() - beside) / events;
    let askers = took.askers.as_secs_f64() / events;
    let all = took.all.as_secs_f64() / events - syncs * a_sync;
    let sled = calls + beside;
    format!(
        "R8/{writers} processor      {} an event outside the sync, goal at most 10 µs: the store {} ({:.0} %; calls {}, sled's own threads {}), the writers \
         themselves {}, the rest of the journal {}; {:.1} events a sync, each of which takes {} of processor; {:.0} events/s",
        micros(all),
        micros(sled),
        100.0 * sled / all,
        micros(calls),
        micros(beside),
        micros(askers),
        micros(all - sled - askers),
        1.0 / syncs,
        micros(a_sync),
        events / took.lasted.as_secs_f64(),
    )
}

/// Seconds of processor that sled's own threads have used.
fn background() -> f64 {
    let threads = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let seconds = threads.filter_map(|thread| {
        let stat = std::fs::read_to_string(thread.path().join("stat")).ok()?;
        let (name, fields) = stat.rsplit_once(')')?;
        let mut fields = fields.split_whitespace().skip(11);
        let ticks: u64 = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
        // The kernel tells hundredths, on every architecture that Linux has today.
        name.contains("(sled").then_some(ticks as f64 / 100.0)
    });
    seconds.sum()
}

//! R9: the states made again from all events, over a bare scan of the same segments.

use crate::pairs::{Bench, Pair, Work, of_this_process};
use crate::rig::{Rig, directory, open};
use countersign::domain::time::Span;
use countersign::journal::files::check::check_all;
use countersign::journal::files::real_disk::RealDisk;
use countersign::journal::{Journal, MemoryStore, SledHome, StoreError, StoreHome};
use std::time::Duration;

/// Events that are replayed.
const EVENTS: u64 = 100_000;
/// Sessions that they are of.
const SESSIONS: u64 = 256;

/// Measures with a store in memory, and with sled.
pub fn measure(bench: &mut Bench) {
    for (name, goal) in [("memory", Some(0.5)), ("sled", None)] {
        let pair = Pair {
            id: format!("R9/{name}"),
            goal,
            baseline: "a scan that checks each line, its checksums and the Merkle root".to_owned(),
            parameters: format!(
                "each time {EVENTS} events of {SESSIONS} sessions, read, folded and put into a store ({name})"
            ),
            turn: 1,
            span: Duration::from_secs(20),
        };
        bench.compare(&pair, || {
            let dir = history();
            let disk = RealDisk::new(dir.path());
            let scanned = disk.clone();
            let baseline: Work = Box::new(move |times| {
                let began = of_this_process();
                for _ in 0..times {
                    check_all(&scanned, |_| (), &mut |_, _, error| Err(error.into())).unwrap();
                }
                of_this_process() - began
            });
            let ours: Work = Box::new(move |times| {
                // Kept until here, or it would be removed.
                let _ = &dir;
                let replays = (0..times).map(|_| match name {
                    "memory" => replay(&disk, &mut Empty),
                    _ => {
                        let dir = directory();
                        replay(&disk, &mut SledHome::new(dir.path().join("store"), 64 << 20))
                    }
                });
                replays.sum()
            });
            (baseline, ours)
        });
    }
}

/// A directory with a history of refreshes.
fn history() -> tempfile::TempDir {
    let rig = Rig::start(&[]);
    let mut chains: Vec<_> = rig.log_in(SESSIONS).into_iter().map(|(chain, _)| chain).collect();
    let writer = rig.engine().services.core.writer.clone();
    let mut written = 0;
    while written < EVENTS {
        let commits: Vec<_> = chains
            .iter_mut()
            .map(|chain| {
                rig.clock.advance(Span(1));
                chain.next(rig.engine(), &rig.clock)
            })
            .collect();
        let appended = commits.into_iter().map(|commit| writer.append(commit));
        let appended = rig.system.block_on(futures_util::future::join_all(appended));
        written = appended.into_iter().map(|appended| appended.unwrap().position).max().unwrap();
    }
    rig.stop()
}

/// Opens the journal with an empty store, and tells how long it took to fill it; finding out that the segments are whole is not counted, since
/// every start does that.
fn replay<H: StoreHome>(disk: &RealDisk, home: &mut H) -> Duration
where
    H::Store: 'static,
{
    let engine = open(disk.clone(), home);
    let began = of_this_process();
    let (journal, caught_up) = Journal::open(Box::new(engine), "main", |_, _| ()).unwrap();
    let lasted = of_this_process() - began;
    assert!(caught_up.from == 1 && caught_up.to >= EVENTS && journal.head() == caught_up.to);
    lasted
}

/// A store in memory that is always new.
struct Empty;

impl StoreHome for Empty {
    type Store = MemoryStore;

    fn open(&mut self) -> Result<MemoryStore, StoreError> {
        Ok(MemoryStore::default())
    }

    fn was_there(&self) -> bool {
        false
    }

    fn quarantine(&mut self) -> std::io::Result<String> {
        Ok("nowhere".to_owned())
    }
}

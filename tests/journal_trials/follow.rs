//! A reader follows the segments while a writer appends to them and rolls: it sees every acknowledged event, in order, and
//! never one that is not durable yet.

use crate::support::commits::Teller;
use crate::support::places::{OnDisk, Opened, Place};
use countersign::journal::files::reader::SegmentReader;
use countersign::journal::schema;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Refreshes of one session, in batches of several sizes.
const LAST: u32 = 600;

#[test]
fn a_reader_sees_what_is_acknowledged_in_order_and_nothing_before_it_is_durable() {
    let mut place = OnDisk::new();
    let Opened { mut journal, keys, found, .. } = place.open();
    assert_eq!(found.recovered, None);
    let teller = Teller::new(keys);
    let (acknowledged, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    let directory = place.path("");
    std::thread::scope(|scope| {
        let readers = [1, 2, 300].map(|from| {
            let (acknowledged, is_over, directory) = (&acknowledged, &is_over, &directory);
            scope.spawn(move || follow(directory, from, acknowledged, is_over))
        });
        let begin = vec![teller.genesis(), teller.new_client(1), teller.new_account(1), teller.login(1, 1, 1, 1, 1)];
        journal.append(begin).unwrap();
        acknowledged.store(journal.head(), Ordering::SeqCst);
        let mut next = 1;
        while next <= LAST {
            let batch = (next..=LAST.min(next + next % 7)).map(|generation| teller.refresh(1, generation));
            let answers = journal.append(batch.collect()).unwrap();
            assert!(answers.iter().all(Result::is_ok));
            acknowledged.store(journal.head(), Ordering::SeqCst);
            next += answers.len() as u32;
        }
        // Nothing follows the last batch, so the anchor tells that it is durable.
        journal.mark(false).unwrap();
        is_over.store(true, Ordering::SeqCst);
        let head = journal.head();
        let expected: Vec<_> = journal.engine().read(1).map(|entry| entry.unwrap().event).collect();
        assert_eq!((head, expected.len() as u64), (u64::from(LAST) + 7, head));
        for (from, reader) in [1, 2, 300].into_iter().zip(readers) {
            let seen = reader.join().unwrap();
            assert!(seen == expected[from - 1..], "from {from}: {} events seen", seen.len());
        }
    });
    let segments = std::fs::read_dir(place.path("journal")).unwrap().count();
    assert!(segments > 5, "there were only {segments} segments, so hardly a roll to cross");
}

/// All entries from a position on, until there are no more.
fn follow(directory: &std::path::Path, from: u64, acknowledged: &AtomicU64, is_over: &AtomicBool) -> Vec<Vec<u8>> {
    let mut reader = SegmentReader::open(directory, from);
    let mut seen = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        // Asked before reading: what is there then is all there is.
        let over = is_over.load(Ordering::SeqCst);
        match reader.next_entry().unwrap() {
            Some(entry) => {
                assert_eq!(entry.position, from + seen.len() as u64);
                // An entry shows once something later calls it durable, which is written after it was acknowledged.
                let acknowledged = acknowledged.load(Ordering::SeqCst);
                assert!(entry.position <= acknowledged, "{} of {acknowledged}", entry.position);
                assert_eq!(schema::decode(&entry.event).unwrap().recorded.position, entry.position);
                seen.push(entry.event);
            }
            None if over => return seen,
            None => std::thread::sleep(Duration::from_micros(200)),
        }
        assert!(Instant::now() < deadline, "the reader came to {} only", seen.len());
    }
}

//! A commit is taken whole or not at all, wherever a power cut ends its lines.

use crate::support::check_whole;
use crate::support::commits::{Teller, account, session};
use crate::support::places::{InMemory, Opened, Place};
use countersign::domain::{Expected, Proposal};
use countersign::journal::{Commit, MemoryStore};

const FILE: &str = "journal/00000000000000000001.jsonl";

/// Five events: two logins in one commit, the second of which ends the first session. Then two: a third login.
fn five_and_two(teller: &Teller) -> [Commit; 2] {
    let mut five = teller.login(1, 1, 1, 1, 1);
    five.proposals.extend(teller.login(2, 1, 1, 1, 1).proposals);
    let Proposal { stream, events, .. } = teller.revoke(1).proposals.remove(0);
    five.proposals.push(Proposal { stream, expected: Expected::Version(1), events });
    [five, teller.login(3, 1, 1, 1, 1)]
}

/// Appends both commits in as many batches as said and cuts the file at every byte of their lines.
fn cut_at_every_byte(batches: usize) {
    let mut place = InMemory::new();
    let Opened { mut journal, keys, .. } = place.open();
    let teller = Teller::new(keys);
    journal.append(vec![teller.genesis(), teller.new_client(1), teller.new_account(1)]).unwrap();
    let base = journal.head();
    let (older, begin) = (place.home.store.snapshot(), place.read(FILE).len());
    for batch in five_and_two(&teller).chunks(2 / batches) {
        assert!(journal.append(batch.to_vec()).unwrap().iter().all(Result::is_ok));
    }
    assert_eq!(journal.head(), base + 7);
    let whole = place.read(FILE);
    let mut found = std::collections::BTreeSet::new();
    for length in begin..=whole.len() {
        let lines = whole[begin..length].iter().filter(|byte| **byte == b'\n').count() as u64;
        let kept = [7, 5, 0].into_iter().find(|kept| *kept <= lines).unwrap();
        let store = if length % 2 == 0 { older.snapshot() } else { MemoryStore::default() };
        let mut place = InMemory::of(place.disk.copy(), store);
        place.disk.cut(FILE, length);
        let Opened { journal, .. } = place.open();
        let context = format!("cut at byte {length}");
        assert_eq!(journal.head(), base + kept, "{context}");
        check_whole(&journal, &context);
        let known: Vec<_> = (1..=3).filter(|n| journal.reader().session(session(*n)).unwrap().is_some()).collect();
        let open = journal.reader().sessions_of(account(1), 10).unwrap();
        let expected = match kept {
            7 => (vec![1, 2, 3], vec![session(2), session(3)]),
            5 => (vec![1, 2], vec![session(2)]),
            _ => (vec![], vec![]),
        };
        assert_eq!((known, open), expected, "{context}");
        found.insert(kept);
    }
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [0, 5, 7]);
}

#[test]
fn two_commits_of_one_batch_are_there_whole_or_not_at_all() {
    cut_at_every_byte(1);
}

#[test]
fn two_commits_of_two_batches_are_there_whole_or_not_at_all() {
    cut_at_every_byte(2);
}

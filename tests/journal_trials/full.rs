//! A disk that has no room at any moment: what was refused never happened, what was acknowledged stays, and when there is room
//! again everything goes on.

use crate::support::commits::Teller;
use crate::support::places::{InMemory, Opened, Place};
use crate::support::{append, check_whole, entries};
use countersign::domain::ids::CommitId;
use countersign::journal::files::disk::Disk;
use countersign::journal::{AppendError, Journal};

const KIB: u64 = 1024;

/// The commits of a journal that have events, in order.
fn commits(journal: &Journal) -> Vec<CommitId> {
    let mut commits: Vec<_> = entries(journal).iter().map(|envelope| envelope.recorded.commit).collect();
    commits.dedup();
    commits
}

/// Lets so many bytes be free.
fn leave(place: &InMemory, free: u64) {
    place.disk.set_capacity(None);
    let room = place.disk.room().unwrap();
    place.disk.set_capacity(Some(room.size - room.free + free));
}

#[test]
fn a_batch_for_which_there_is_no_room_never_happened() {
    let mut rolled = 0;
    for free in (0..=80).map(|step| step * KIB) {
        let (mut place, context) = (InMemory::new(), format!("{free} bytes"));
        // On a small disk little is taken ahead.
        place.disk.set_capacity(Some(1024 * KIB));
        let Opened { mut journal, keys, .. } = place.open();
        let teller = Teller::new(keys);
        append(&mut journal, teller.genesis()).unwrap();
        append(&mut journal, teller.new_client(1)).unwrap();
        leave(&place, free);
        let mut taken = commits(&journal);
        let mut n = 0;
        loop {
            n += 2;
            assert!(n < 240, "{context}: it never ran short");
            let batch = vec![teller.new_account(n), teller.commit(Vec::new()), teller.new_account(n + 1)];
            let ids = [batch[0].id, batch[2].id];
            let answers = journal.append(batch).unwrap();
            assert!(answers[1].as_ref().is_ok_and(|appended| appended.position <= journal.head()), "{context}");
            if answers[0] == Err(AppendError::Full) {
                assert_eq!(answers[2], Err(AppendError::Full), "{context}");
                break;
            }
            assert!(answers[0].is_ok() && answers[2].is_ok(), "{context}: {answers:?}");
            taken.extend(ids);
        }
        assert!(append(&mut journal, teller.commit(Vec::new())).is_ok(), "{context}: what records nothing goes on");
        check_whole(&journal, &context);
        assert_eq!(commits(&journal), taken, "{context}");

        // Some lives end here, some when there is room again.
        leave(&place, 1 << 30);
        if free % (2 * KIB) == 0 {
            let last = teller.new_account(n + 2);
            taken.push(last.id);
            append(&mut journal, last).unwrap();
        }
        drop(journal);
        for disk in [place.disk.crash_losing_everything_unsynced(), place.disk.crash(free)] {
            let mut found = InMemory::of(disk, place.home.store.snapshot());
            let Opened { mut journal, keys, .. } = found.open();
            check_whole(&journal, &context);
            assert_eq!(commits(&journal), taken, "{context}");
            append(&mut journal, Teller::seeded(keys, 12).new_account(250)).unwrap();
        }
        rolled += u32::from(place.disk.list("journal").unwrap().len() > 1);
    }
    assert!(rolled > 20, "segments were closed in {rolled} of them");
}

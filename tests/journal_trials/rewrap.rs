//! Another master key: whatever is cut off where, exactly one of the two opens the keys, and all of them.

use crate::support::append;
use crate::support::commits::{Teller, account};
use crate::support::places::{InMemory, Opened, Place, master};
use countersign::crypto::KeyRecord;
use countersign::domain::gate::GateEvent;
use countersign::domain::ids::Owner;
use countersign::entropy::SeededEntropy;
use countersign::journal::files::memory_disk::{MemoryDisk, Operation};
use countersign::journal::{opens_keys, rewrap_keys};
use std::io::ErrorKind;

const KEYS: &str = "keys/keys";
const HALF: &str = "keys/keys.tmp";
/// Enough for a file of several pages.
const ACCOUNTS: u64 = 70;

/// A journal closed in good order, with accounts of which the second is erased.
fn closed() -> InMemory {
    let mut place = InMemory::new();
    let Opened { mut journal, keys, .. } = place.open();
    let teller = Teller::new(keys);
    append(&mut journal, teller.genesis()).unwrap();
    let accounts = (1..=ACCOUNTS).map(|n| teller.new_account(n)).collect();
    assert!(journal.append(accounts).unwrap().iter().all(Result::is_ok));
    append(&mut journal, teller.gate(2, GateEvent::Erased)).unwrap();
    journal.mark(true).unwrap();
    place
}

fn rewrap(disk: &MemoryDisk) -> Result<usize, String> {
    rewrap_keys(disk, &master(1), &master(2), &SeededEntropy::new(5)).map_err(|error| error.to_string())
}

/// Which master key opens the keys: exactly one, and every key but the erased one.
fn opened_by(place: &InMemory, disk: MemoryDisk, told: &str) -> u64 {
    let opens = |seed| opens_keys(&disk, &master(seed)).unwrap_or_else(|why| panic!("{told}: {why}"));
    let opener = match (opens(1), opens(2)) {
        (true, false) => 1,
        (false, true) => 2,
        both => panic!("{told}: {both:?}"),
    };
    let mut other = InMemory::of(disk.copy(), place.home.store.snapshot());
    other.master_seed = 3 - opener;
    assert!(other.try_open().is_err(), "{told}");
    let mut place = InMemory::of(disk, place.home.store.snapshot());
    place.master_seed = opener;
    let Opened { keys, .. } = place.try_open().unwrap_or_else(|why| panic!("{told}: {why}"));
    for n in 1..=ACCOUNTS {
        let key = keys.data(&Owner::Account(account(n))).unwrap_or_else(|why| panic!("{told}: {why}"));
        assert_eq!(key.is_some(), n != 2, "{told}: account {n}");
    }
    assert_eq!(place.disk.contents(HALF), None, "{told}: the next start removes what was left over");
    opener
}

#[test]
fn all_keys_are_wrapped_anew_and_an_erased_one_stays_erased() {
    let place = closed();
    let before = place.read(KEYS);
    // The seal key, the name key, the system's, and those of all accounts but one.
    assert_eq!(rewrap(&place.disk), Ok(3 + ACCOUNTS as usize - 1));
    let after = place.read(KEYS);
    assert_eq!(after.len(), before.len());
    for (old, new) in before.chunks(KeyRecord::LEN).zip(after.chunks(KeyRecord::LEN)) {
        let record = KeyRecord::decode(old.try_into().unwrap()).unwrap();
        assert_eq!(old == new, record.is_erased());
        assert_eq!(old[..34], new[..34], "state, kind and owner are the same");
    }
    assert_eq!(opened_by(&place, place.disk.crash_losing_everything_unsynced(), "done"), 2);
}

#[test]
fn a_power_cut_at_any_moment_leaves_keys_that_one_of_the_two_opens() {
    let whole = closed();
    let changes = {
        let disk = whole.disk.copy();
        let before = disk.counts().changes();
        rewrap(&disk).unwrap();
        disk.counts().changes() - before
    };
    // Removing what an earlier attempt left, creation, write, sync, renaming, sync of the directory.
    assert_eq!(changes, 6);
    let mut openers = Vec::new();
    for operations in 0..=changes {
        let disk = whole.disk.copy();
        disk.power_off_after_operations(operations);
        let done = rewrap(&disk);
        assert_eq!(done.is_ok(), operations == changes, "{operations} operations: {done:?}");
        let outcomes = [disk.crash_losing_everything_unsynced(), disk.crash_keeping_everything()];
        for (number, after) in outcomes.into_iter().chain((0..20).map(|seed| disk.crash(seed))).enumerate() {
            let opener = opened_by(&whole, after, &format!("{operations} operations, outcome {number}"));
            assert!(done.is_err() || opener == 2, "what is done stays done");
            openers.push(opener);
        }
    }
    assert!(openers.contains(&1) && openers.contains(&2), "the trial sees both sides of the moment");
}

#[test]
fn a_disk_that_refuses_leaves_the_old_master_key_in_force() {
    for operation in [Operation::Create, Operation::Write, Operation::Sync, Operation::Rename] {
        let place = closed();
        let before = place.read(KEYS);
        place.disk.fail(operation, 1, ErrorKind::StorageFull);
        assert!(rewrap(&place.disk).is_err(), "{operation:?}");
        assert_eq!(place.read(KEYS), before, "{operation:?}");
        assert_eq!(opened_by(&place, place.disk.crash_losing_everything_unsynced(), "refused"), 1);
        assert!(rewrap(&place.disk).is_ok(), "asked again it is done");
        assert_eq!(opened_by(&place, place.disk.crash_losing_everything_unsynced(), "again"), 2);
    }
}

#[test]
fn a_wrong_master_key_or_a_bad_record_changes_nothing() {
    let place = closed();
    let before = place.read(KEYS);
    let refused = rewrap_keys(&place.disk, &master(3), &master(2), &SeededEntropy::new(5)).unwrap_err();
    assert!(refused.to_string().starts_with("the master key does not open"), "{refused}");
    assert_eq!(place.read(KEYS), before);
    place.disk.flip_bit(KEYS, 9 * KeyRecord::LEN + 60, 3);
    let refused = rewrap(&place.disk).unwrap_err();
    assert!(refused.contains(&format!("keys/keys is damaged at byte {}", 9 * KeyRecord::LEN)), "{refused}");
    assert!(opens_keys(&place.disk, &master(1)).unwrap());
}

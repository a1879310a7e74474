//! The keys fit the entries after every start: none that is needed is missing, none that was destroyed comes back.

use crate::support::commits::{Teller, account};
use crate::support::places::{InMemory, Opened, Place};
use crate::support::{append, check_whole};
use countersign::crypto::KeyRecord;
use countersign::domain::gate::GateEvent;
use countersign::domain::ids::Owner;
use countersign::journal::files::disk::Disk;
use countersign::journal::files::memory_disk::Operation;
use countersign::journal::key_repair::{Owners, damaged_keys};
use countersign::journal::{Journal, Keys};
use std::io::ErrorKind;

const KEYS: &str = "keys/keys";

fn owner(n: u64) -> Owner {
    Owner::Account(account(n))
}

fn has_key(keys: &Keys, n: u64) -> bool {
    keys.data(&owner(n)).unwrap().is_some()
}

/// A journal with accounts 1 to 4, of which 2 is erased; records: seal, name, system, accounts.
fn with_accounts() -> (InMemory, Journal, Teller) {
    let mut place = InMemory::new();
    let Opened { mut journal, keys, .. } = place.open();
    let teller = Teller::new(keys);
    append(&mut journal, teller.genesis()).unwrap();
    let accounts = (1..=4).map(|n| teller.new_account(n)).collect();
    assert!(journal.append(accounts).unwrap().iter().all(Result::is_ok));
    append(&mut journal, teller.gate(2, GateEvent::Erased)).unwrap();
    assert_eq!(place.read(KEYS).len(), 7 * KeyRecord::LEN);
    (place, journal, teller)
}

fn stopped() -> InMemory {
    let (place, mut journal, _) = with_accounts();
    journal.mark(true).unwrap();
    place
}

fn is_erased_on_disk(place: &InMemory, record: usize) -> bool {
    let bytes = place.read(KEYS)[record * KeyRecord::LEN..][..KeyRecord::LEN].try_into().unwrap();
    KeyRecord::decode(&bytes).unwrap().is_erased()
}

#[test]
fn a_flipped_bit_in_a_record_that_is_needed_is_refused_with_its_place() {
    let whole = stopped();
    for byte in (0..7 * KeyRecord::LEN).filter(|byte| byte / KeyRecord::LEN != 4) {
        let mut place = whole.copy();
        place.disk.flip_bit(KEYS, byte, (byte % 8) as u8);
        let refused = place.try_open().err().unwrap_or_else(|| panic!("byte {byte} was not missed"));
        let place_of_it = byte - byte % KeyRecord::LEN;
        assert!(refused.contains(&format!("keys/keys is damaged at byte {place_of_it}:")), "byte {byte}: {refused}");
        assert!(refused.contains("countersign journal repair --from-backup"), "{refused}");
    }
}

#[test]
fn a_flipped_bit_in_the_record_of_an_erased_owner_is_mended() {
    let whole = stopped();
    for byte in 34..KeyRecord::LEN {
        let mut place = whole.copy();
        place.disk.flip_bit(KEYS, 4 * KeyRecord::LEN + byte, 0);
        let Opened { keys, .. } = place.open();
        assert!(!has_key(&keys, 2) && has_key(&keys, 1) && has_key(&keys, 4));
        assert!(is_erased_on_disk(&place, 4), "byte {byte}");
    }
}

#[test]
fn a_missing_key_of_a_known_owner_is_refused_by_name() {
    let mut place = stopped();
    place.disk.cut(KEYS, 6 * KeyRecord::LEN);
    let refused = place.try_open().err().unwrap();
    let expected =
        format!("keys/keys lacks the key of account:{}; put the keys/keys of a newer back-up in its place", account(4));
    assert_eq!(refused, expected);
    place.disk.cut(KEYS, KeyRecord::LEN + 10);
    assert!(place.try_open().err().unwrap().contains("keys/keys lacks the name key; put"));
    place.disk.remove(KEYS).unwrap();
    assert!(place.try_open().err().unwrap().starts_with("keys/keys is missing"));
}

#[test]
fn another_master_key_is_refused_and_nothing_is_changed() {
    let mut place = stopped();
    let before = place.read(KEYS);
    place.master_seed = 2;
    let refused = place.try_open().err().unwrap();
    assert!(refused.starts_with("the master key does not open this data directory's keys"), "{refused}");
    assert_eq!(place.read(KEYS), before);
    place.master_seed = 1;
    check_whole(&place.open().journal, "");
}

#[test]
fn a_key_whose_commit_never_came_is_dropped_however_much_of_it_was_written() {
    for written in 0..=KeyRecord::LEN {
        let (place, mut journal, teller) = with_accounts();
        // Nothing comes after the last byte of the record: not its sync, and not the commit.
        place.disk.power_off_after_bytes(written as u64);
        assert!(journal.append(vec![teller.new_account(5)]).is_err());
        let mut place = InMemory::of(place.disk.crash_keeping_everything(), place.home.store.snapshot());
        let Opened { mut journal, keys, .. } = place.open();
        assert!(!has_key(&keys, 5) && has_key(&keys, 4), "{written} bytes");
        assert_eq!(place.read(KEYS).len(), 7 * KeyRecord::LEN, "{written} bytes");
        append(&mut journal, Teller::seeded(keys, 5).new_account(5)).unwrap();
        let mut place = InMemory::of(place.disk.crash_losing_everything_unsynced(), place.home.store.snapshot());
        assert!(has_key(&place.open().keys, 5), "{written} bytes");
    }
}

/// What a power cut leaves of sixty keys that were written and not synced: they reach over two pages, of which it keeps either.
fn with_torn_batch(seed: u64) -> InMemory {
    // Room is taken, and a segment may be begun, before.
    let cut_after = |operations| {
        let (place, mut journal, teller) = with_accounts();
        place.disk.power_off_after_operations(operations);
        assert!(journal.append((10..70).map(|n| teller.new_account(n)).collect()).is_err());
        place
    };
    let mut cut = (1..).map(cut_after);
    let place = cut.find(|place| place.read(KEYS).len() == 67 * KeyRecord::LEN).unwrap();
    InMemory::of(place.disk.crash(seed), place.home.store.snapshot())
}

#[test]
fn keys_of_a_lost_batch_may_be_torn_in_any_page() {
    for seed in 0..40 {
        let mut place = with_torn_batch(seed);
        let Opened { keys, .. } = place.try_open().unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        assert!(has_key(&keys, 4) && (10..70).all(|n| !has_key(&keys, n)), "seed {seed}");
        assert_eq!(place.read(KEYS).len(), 7 * KeyRecord::LEN, "seed {seed}");
    }
}

#[test]
fn keys_that_no_entry_knows_are_kept_where_no_crash_explains_them() {
    // Somebody laid an older journal beside newer keys, and may still find the newer journal.
    let (place, mut journal, teller) = with_accounts();
    journal.mark(true).unwrap();
    let mut older = place.copy();
    append(&mut journal, teller.new_account(5)).unwrap();
    let newer = place.read(KEYS);
    older.disk.tamper(KEYS, |bytes| bytes.clone_from(&newer));
    let Opened { mut journal, keys, .. } = older.open();
    assert_eq!(older.read(KEYS), newer);
    append(&mut journal, Teller::seeded(keys, 5).new_account(6)).unwrap();
    journal.mark(true).unwrap();
    let keys = older.open().keys;
    assert!(has_key(&keys, 5) && has_key(&keys, 6));
}

#[test]
fn an_erasure_cut_off_before_the_overwrite_is_done_by_the_next_start() {
    // Write and sync of the event, then write and sync of the record.
    for operations in 2..=4 {
        let (place, mut journal, teller) = with_accounts();
        let older = place.home.store.snapshot();
        place.disk.power_off_after_operations(operations);
        assert_eq!(journal.append(vec![teller.gate(3, GateEvent::Erased)]).is_err(), operations < 4);
        for store in [older, place.home.store.snapshot()] {
            for disk in [place.disk.crash_losing_everything_unsynced(), place.disk.crash_keeping_everything()] {
                let mut place = InMemory::of(disk, store.snapshot());
                let Opened { keys, journal, .. } = place.open();
                assert!(!has_key(&keys, 3) && has_key(&keys, 4), "after {operations} operations");
                assert_eq!(journal.head(), 15);
                place.disk = place.disk.crash_losing_everything_unsynced();
                assert!(is_erased_on_disk(&place, 5), "after {operations} operations");
            }
        }
    }
}

#[test]
fn an_overwrite_cut_at_any_byte_is_finished_by_the_next_start() {
    for kept in 0..=KeyRecord::LEN {
        let (place, mut journal, teller) = with_accounts();
        place.disk.fail_write_after(2, kept, ErrorKind::Other);
        assert!(journal.append(vec![teller.gate(3, GateEvent::Erased)]).is_err());
        let mut place = InMemory::of(place.disk.crash_keeping_everything(), place.home.store.snapshot());
        let Opened { keys, .. } = place.try_open().unwrap_or_else(|why| panic!("{kept} bytes: {why}"));
        assert!(!has_key(&keys, 3) && has_key(&keys, 4), "{kept} bytes");
        assert!(is_erased_on_disk(&place, 5), "{kept} bytes");
    }
}

#[test]
fn an_overwrite_whose_sync_failed_is_written_again_although_it_can_be_read() {
    let (mut place, mut journal, teller) = with_accounts();
    place.disk.fail(Operation::Sync, 2, ErrorKind::Other);
    assert!(journal.append(vec![teller.gate(3, GateEvent::Erased)]).is_err());
    drop(journal);
    // The kernel lives on and shows the overwritten record, which it never wrote.
    assert!(is_erased_on_disk(&place, 5));
    drop(place.open());
    place.disk = place.disk.crash_losing_everything_unsynced();
    assert!(is_erased_on_disk(&place, 5));
}

#[test]
fn a_back_up_of_the_keys_does_not_bring_back_an_erased_one() {
    let (place, mut journal, teller) = with_accounts();
    let back_up = place.read(KEYS);
    append(&mut journal, teller.gate(3, GateEvent::Erased)).unwrap();
    journal.mark(true).unwrap();
    let mut place = InMemory::of(place.disk.copy(), place.home.store.snapshot());
    place.disk.tamper(KEYS, |bytes| bytes.clone_from(&back_up));
    let keys = place.open().keys;
    assert!(!has_key(&keys, 3) && has_key(&keys, 4));
    assert!(is_erased_on_disk(&place, 5));
}

#[test]
fn an_erased_key_is_gone_at_once_for_whoever_holds_the_keys() {
    let mut place = InMemory::new();
    let Opened { mut journal, keys, .. } = place.open();
    let teller = Teller::new(keys.clone());
    journal.append(vec![teller.genesis(), teller.new_account(1), teller.new_account(2)]).unwrap();
    assert!(has_key(&keys, 1));
    append(&mut journal, teller.gate(1, GateEvent::Erased)).unwrap();
    assert!(!has_key(&keys, 1));
    // A refused erasure destroys nothing.
    let mut refused = teller.gate(2, GateEvent::Erased);
    refused.proposals[0].events.push(countersign::domain::Event::Gate(GateEvent::Enabled));
    append(&mut journal, refused).unwrap_err();
    assert!(has_key(&keys, 2));
}

#[test]
fn keys_whose_journal_is_gone_are_kept_when_another_is_begun() {
    let mut place = stopped();
    let before = place.read(KEYS);
    for name in ["journal/00000000000000000001.jsonl", "anchor"] {
        place.disk.remove(name).unwrap();
    }
    place.home = Default::default();
    let Opened { mut journal, keys, .. } = place.open();
    append(&mut journal, Teller::new(keys).genesis()).unwrap();
    assert_eq!(place.read("keys/keys.unused-1"), before);
    assert_eq!(place.read(KEYS).len(), 3 * KeyRecord::LEN);
}

#[test]
fn a_repair_calls_damaged_what_a_start_after_a_crash_refuses() {
    let mut torn = 0;
    for seed in 0..40 {
        let place = with_torn_batch(seed);
        let records = place.read(KEYS).len() / KeyRecord::LEN;
        // Those of the batch that never came are torn as it happened, and any of the others is damaged besides, or none.
        for record in [None, Some(0), Some(2), Some(4), Some(6), Some(7)] {
            let mut place = place.copy();
            if let Some(record) = record.filter(|record| *record < records) {
                place.disk.flip_bit(KEYS, record * KeyRecord::LEN + 60, 1);
            }
            let found = |owners: Owners| damaged_keys(&place.disk, &owners).unwrap().unwrap();
            let unsettled = found(Owners::of(&place.home.store).unwrap());
            let settled = found(Owners::of(&place.home.store).unwrap().after_a_crash());
            torn += usize::from(unsettled.len() > settled.len());
            let refused = place.try_open().err();
            assert_eq!(
                settled.is_empty(),
                refused.is_none(),
                "seed {seed}, record {record:?}: {settled:?}, {refused:?}"
            );
        }
    }
    assert!(torn > 0, "no batch was torn before a record that is whole");
}

use super::*;
use std::io::ErrorKind;

/// A disk with a synced file `a` that holds `durable`.
fn disk_with(durable: &[u8]) -> (MemoryDisk, MemoryFile) {
    let disk = MemoryDisk::new();
    let mut file = disk.create("a").unwrap();
    file.write_at(0, durable).unwrap();
    file.sync_data().unwrap();
    disk.sync_dir("").unwrap();
    (disk, file)
}

#[test]
fn what_was_synced_survives_and_what_was_not_may_go() {
    let (disk, mut file) = disk_with(b"old");
    file.write_at(3, b" new").unwrap();
    assert_eq!(disk.crash_losing_everything_unsynced().read("a").unwrap(), b"old");
    assert_eq!(disk.crash_keeping_everything().read("a").unwrap(), b"old new");
    assert_eq!(disk.read("a").unwrap(), b"old new");
}

#[test]
fn a_name_is_lost_unless_its_directory_was_synced() {
    let (disk, _) = disk_with(b"old");
    let mut new = disk.create("a.tmp").unwrap();
    new.write_at(0, b"new").unwrap();
    new.sync_data().unwrap();
    disk.rename("a.tmp", "a").unwrap();
    assert_eq!(disk.crash_losing_everything_unsynced().read("a").unwrap(), b"old");
    disk.sync_dir("").unwrap();
    assert_eq!(disk.crash_losing_everything_unsynced().read("a").unwrap(), b"new");
    assert_eq!(disk.list("").unwrap(), ["a"]);
}

#[test]
fn a_lost_directory_takes_its_files_with_it() {
    let disk = MemoryDisk::new();
    disk.create_dir("d").unwrap();
    disk.create("d/a").unwrap().sync_data().unwrap();
    disk.sync_dir("d").unwrap();
    assert!(disk.crash_losing_everything_unsynced().list("").unwrap().is_empty());
    disk.sync_dir("").unwrap();
    assert_eq!(disk.crash_losing_everything_unsynced().list("d").unwrap(), ["a"]);
}

#[test]
fn a_crash_keeps_some_pages_and_loses_others_the_same_for_the_same_seed() {
    let (disk, mut file) = disk_with(b"");
    file.write_at(0, &[7; 4 * 4096]).unwrap();
    let mut outcomes = std::collections::BTreeSet::new();
    for seed in 0..200 {
        let found = disk.crash(seed).read("a").unwrap();
        assert_eq!(found, disk.crash(seed).read("a").unwrap());
        outcomes.insert(found.chunks(4096).map(|page| page[0]).collect::<Vec<_>>());
    }
    assert!(outcomes.contains([7, 0, 7, 7].as_slice()) && outcomes.contains([].as_slice()), "{outcomes:?}");
}

#[test]
fn what_a_failed_sync_left_is_shown_but_no_later_sync_saves_it() {
    let (disk, mut file) = disk_with(b"old");
    file.write_at(3, b"!").unwrap();
    disk.fail(Operation::Sync, 1, ErrorKind::Other);
    assert!(file.sync_data().is_err());
    file.sync_data().unwrap();
    assert_eq!(disk.read("a").unwrap(), b"old!");
    assert_eq!(disk.crash_losing_everything_unsynced().read("a").unwrap(), b"old");
}

#[test]
fn what_a_failed_sync_left_does_not_come_back_over_what_was_synced_later() {
    let (disk, mut file) = disk_with(b"old");
    file.write_at(1, b"LOSTLOST").unwrap();
    disk.fail(Operation::Sync, 1, ErrorKind::Other);
    assert!(file.sync_data().is_err());
    file.truncate(6).unwrap();
    file.write_at(2, b"new").unwrap();
    file.sync_data().unwrap();
    for seed in 0..20 {
        let found = disk.crash(seed).read("a").unwrap();
        assert!(found.len() <= 6 && found[2..5] == *b"new", "{seed}: {found:?}");
    }
}

#[test]
fn the_death_of_a_process_settles_nothing_and_the_next_one_finds_a_disk_that_works() {
    let (disk, mut file) = disk_with(b"old");
    file.write_at(3, b"!").unwrap();
    disk.fail(Operation::Sync, 1, ErrorKind::Other);
    assert!(file.sync_data().is_err());
    file.write_at(4, b"?").unwrap();
    disk.power_off_after_operations(0);
    assert!(disk.create("b").is_err() && disk.is_off());

    let next = disk.after_death();
    assert_eq!(next.read("a").unwrap(), b"old!?");
    assert_eq!(next.crash_losing_everything_unsynced().read("a").unwrap(), b"old");
    next.open("a").unwrap().sync_data().unwrap();
    assert_eq!(next.crash_losing_everything_unsynced().read("a").unwrap(), b"old\0?");
    assert_eq!(disk.crash_losing_everything_unsynced().read("a").unwrap(), b"old", "what is done later is its own");
}

#[test]
fn the_nth_operation_fails_and_no_other() {
    let (disk, mut file) = disk_with(b"");
    disk.fail_write_after(2, 1, ErrorKind::StorageFull);
    file.write_at(0, b"ab").unwrap();
    assert_eq!(file.write_at(2, b"cd").unwrap_err().kind(), ErrorKind::StorageFull);
    file.write_at(3, b"e").unwrap();
    assert_eq!(disk.read("a").unwrap(), b"abce");
    assert_eq!(disk.counts().of(Operation::Write), 4);
}

#[test]
fn the_power_goes_in_the_middle_of_a_write_and_stays_off() {
    let (disk, mut file) = disk_with(b"");
    disk.power_off_after_bytes(5);
    file.write_at(0, b"abc").unwrap();
    assert!(file.write_at(3, b"def").is_err() && disk.is_off());
    assert!(file.sync_data().is_err() && disk.read("a").is_err());
    assert_eq!(disk.crash_keeping_everything().read("a").unwrap(), b"abcde");
}

#[test]
fn the_power_goes_after_so_many_changes() {
    let disk = MemoryDisk::new();
    disk.power_off_after_operations(1);
    disk.create("a").unwrap();
    assert!(disk.create("b").is_err());
    assert_eq!(disk.crash_keeping_everything().list("").unwrap(), ["a"]);
}

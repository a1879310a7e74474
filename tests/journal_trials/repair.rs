//! What is damaged is refused, and then mended: from the store with the same events under the same root, or given up on
//! purpose. A power cut in the middle is taken up by running it again.

use crate::support::commits::{START, Teller};
use crate::support::places::{InMemory, Opened, Place};
use crate::support::{check_whole, entries};
use countersign::domain::ids::Hash;
use countersign::journal::backup::back_up;
use countersign::journal::files::anchor::Anchor;
use countersign::journal::files::diagnosis::diagnose;
use countersign::journal::files::disk::Disk;
use countersign::journal::files::entries::segment_head;
use countersign::journal::files::header::{SegmentName, list_segments};
use countersign::journal::files::memory_disk::MemoryDisk;
use countersign::journal::files::mending::Mending;
use countersign::journal::files::seal::seal;
use countersign::journal::repair::{acceptable, examine, give_up, mark_of, repair_from_backup, repair_from_store};
use countersign::journal::{Store, StoreRead};

/// A journal of several segments, none of them sealed, after an orderly stop.
fn with_history() -> (InMemory, u64, Hash) {
    with_history_in(InMemory::new())
}

fn with_history_in(mut place: InMemory) -> (InMemory, u64, Hash) {
    place.put_format();
    let Opened { mut journal, keys, .. } = place.open();
    for batch in Teller::new(keys).history().chunks(4) {
        assert!(journal.append(batch.to_vec()).unwrap().iter().all(Result::is_ok));
    }
    journal.mark(true).unwrap();
    let (head, root) = (journal.head(), journal.engine().root());
    drop(journal);
    assert!(list_segments(&place.disk).unwrap().len() > 1);
    (place, head, root)
}

fn repair(place: &InMemory) -> Result<Mending, String> {
    let frontier = examine(&place.home.store)?;
    let mut mending = Mending::read(&place.disk).map_err(|error| error.to_string())?.unwrap_or_default();
    let repaired = repair_from_store(&place.disk, &place.home.store, &frontier, &mut mending);
    repaired.map(|()| mending).map_err(|error| error.to_string())
}

fn check_same(place: &mut InMemory, head: u64, root: Hash, context: &str) {
    let opened = place.try_open().unwrap_or_else(|why| panic!("{context}: {why}"));
    let journal = opened.journal;
    assert_eq!((journal.head(), journal.engine().root()), (head, root), "{context}");
    assert_eq!(entries(&journal).len() as u64, head, "{context}");
    check_whole(&journal, context);
}

fn files(disk: &MemoryDisk) -> Vec<String> {
    list_segments(disk).unwrap().iter().map(SegmentName::path).collect()
}

fn seal_closed(disk: &MemoryDisk) {
    for pair in list_segments(disk).unwrap().windows(2) {
        seal(disk, pair[0].first, &segment_head(disk, pair[1].first).unwrap(), &mut || Ok(())).unwrap();
    }
}

#[test]
fn a_journal_that_is_whole_is_found_whole() {
    let (place, head, _) = with_history();
    let found = diagnose(&place.disk, Some(mark_of(&examine(&place.home.store).unwrap()))).unwrap();
    assert!(found.is_well(), "{:?}", found.faults);
    assert_eq!((found.good.size(), acceptable(&found)), (head, Ok(None)));
}

#[test]
fn a_byte_that_flipped_anywhere_is_refused_and_mended_from_the_store() {
    let (whole, head, root) = with_history();
    for file in files(&whole.disk) {
        let text = whole.disk.contents(&file).unwrap();
        for byte in (0..text.len()).step_by(23) {
            let context = format!("{file}, byte {byte}");
            let mut place = whole.copy();
            place.disk.flip_bit(&file, byte, (byte % 8) as u8);
            let refused = place.try_open().err().unwrap_or_else(|| panic!("{context}: opened"));
            assert!(refused.contains("countersign journal repair"), "{context}: {refused}");
            let mending = repair(&place).unwrap_or_else(|why| panic!("{context}: {why}"));
            assert_eq!(mending.mended.len(), 1, "{context}: {mending:?}");
            // Of the open segment nobody knows how its last commits came to be written together.
            let open = files(&whole.disk).last() == Some(&file);
            assert!(open || place.disk.contents(&file).unwrap() == text, "{context}: the very bytes of before");
            let kept = file.replace("journal/", "journal/damaged-");
            assert!(place.disk.contents(&kept).is_some_and(|kept| kept != text), "{context}: what was damaged is kept");
            check_same(&mut place, head, root, &context);
        }
    }
}

#[test]
fn segments_cut_short_or_gone_and_a_lost_anchor_are_mended_from_the_store() {
    let (whole, head, root) = with_history();
    for file in files(&whole.disk) {
        let length = whole.disk.contents(&file).unwrap().len();
        for cut in [0, 1, length / 3, length / 2, length - 1] {
            let context = format!("{file} cut to {cut}");
            let mut place = whole.copy();
            place.disk.cut(&file, cut);
            assert!(place.try_open().is_err(), "{context}");
            repair(&place).unwrap_or_else(|why| panic!("{context}: {why}"));
            check_same(&mut place, head, root, &context);
        }
        let mut place = whole.copy();
        place.disk.remove(&file).unwrap();
        place.disk.remove("anchor").unwrap();
        assert!(place.try_open().is_err(), "{file}");
        repair(&place).unwrap_or_else(|why| panic!("{file}: {why}"));
        check_same(&mut place, head, root, &format!("{file} and the anchor gone"));
    }
}

#[test]
fn a_store_that_is_behind_or_was_altered_mends_nothing() {
    let (whole, _, _) = with_history();
    let file = files(&whole.disk).pop().unwrap();
    let place = whole.copy();
    place.disk.cut(&file, 100);
    let lines = place.home.store.scan(b"e/", None, 1000).unwrap().pop().unwrap();
    place.home.store.apply(vec![(lines.0, Some(b"{}\n".to_vec()))]).unwrap();
    let before = place.disk.contents(&file);
    assert!(repair(&place).unwrap_err().contains("digest"));
    assert_eq!(place.disk.contents(&file), before);
}

#[test]
fn a_power_cut_at_any_operation_of_a_repair_is_taken_up_by_running_it_again() {
    let (whole, head, root) = with_history();
    let files = files(&whole.disk);
    for operations in 0.. {
        let mut place = whole.copy();
        place.disk.flip_bit(&files[0], 700, 2);
        place.disk.cut(files.last().unwrap(), 300);
        place.disk.remove("anchor").unwrap();
        place.disk.sync_dir("").unwrap();
        place.disk.power_off_after_operations(operations);
        let finished = repair(&place).is_ok() && !place.disk.is_off();
        let context = format!("after {operations} operations");
        place.disk = place.disk.crash(operations);
        let known = Mending::read(&place.disk).unwrap().is_some();
        assert!(known || place.try_open().is_err(), "{context}: nothing serves it half mended");
        assert!(!Anchor::look(&place.disk).unwrap().clean(), "{context}: no stop in order went before");
        let mending = repair(&place).unwrap_or_else(|why| panic!("{context}: {why}"));
        assert!(mending.mended.len() >= 3, "{context}: what is to be recorded is not lost: {mending:?}");
        check_same(&mut place, head, root, &context);
        if finished {
            assert!(operations > 10);
            return;
        }
    }
}

#[test]
fn a_power_cut_at_any_operation_of_a_repair_from_a_backup_is_taken_up_by_running_it_again() {
    let (whole, head, root) = with_history();
    let backup = MemoryDisk::new();
    back_up(&whole.disk, &backup, None, START).unwrap();
    let files = files(&whole.disk);
    for sealed in [false, true] {
        let whole = whole.copy();
        if sealed {
            seal_closed(&whole.disk);
        }
        for operations in 0.. {
            let context = format!("sealed: {sealed}, after {operations} operations");
            let mut place = whole.copy();
            let file = list_segments(&place.disk).unwrap()[0].path();
            let damaged = place.disk.contents(&file).unwrap();
            place.disk.flip_bit(&file, damaged.len() / 2, 2);
            let damaged = place.disk.contents(&file).unwrap();
            // A sealed one is missed when the store has to be made again.
            place.lose_store();
            assert!(place.copy().try_open().is_err(), "{context}");
            place.disk.power_off_after_operations(operations);
            let repair = |place: &InMemory| {
                let mut mending = Mending::read(&place.disk).unwrap().unwrap_or_default();
                repair_from_backup(&place.disk, &backup, None, &mut mending).map(|left| (left, mending))
            };
            let finished = repair(&place).is_ok() && !place.disk.is_off();
            place.disk = place.disk.crash(operations);
            let known = Mending::read(&place.disk).unwrap().is_some();
            assert!(known || place.try_open().is_err(), "{context}: nothing serves it half mended");
            let (left, mending) = repair(&place).unwrap_or_else(|why| panic!("{context}: {why}"));
            assert!(left.is_empty(), "{context}: {left:?}");
            assert_eq!(mending.mended.len(), 1, "{context}: what is to be recorded is not lost: {mending:?}");
            let kept = file.replace("journal/", "journal/damaged-");
            assert_eq!(place.disk.contents(&kept), Some(damaged), "{context}: what was damaged is kept");
            check_same(&mut place, head, root, &context);
            if finished {
                assert!(operations > 5 && files.len() == list_segments(&place.disk).unwrap().len(), "{context}");
                break;
            }
        }
    }
}

/// What the command does but for opening the journal.
fn accept(place: &mut InMemory) -> Result<(), String> {
    let mark = examine(&place.home.store).ok().map(|frontier| mark_of(&frontier));
    let mut mending = Mending::read(&place.disk).map_err(|error| error.to_string())?.unwrap_or_default();
    let found = diagnose(&place.disk, mark).map_err(|error| error.to_string())?;
    let Some(good) = acceptable(&found)? else { return Ok(()) };
    if mark.is_some_and(|mark| mark.position > good) {
        mending.loss = Some((good, found.durable));
        mending.put(&place.disk).map_err(|error| error.to_string())?;
        place.home.store = countersign::journal::MemoryStore::default();
    }
    give_up(&place.disk, &found, &mut mending).map_err(|error| error.to_string())
}

#[test]
fn what_is_given_up_ends_at_the_last_whole_commit_wherever_the_power_is_cut() {
    let (whole, head, _) = with_history();
    let files = files(&whole.disk);
    for (file, byte) in [(&files[0], 900), (&files[1], 40), (&files[1], 2000), (files.last().unwrap(), 10)] {
        for operations in 0.. {
            let context = format!("{file}, byte {byte}, after {operations} operations");
            let mut place = whole.copy();
            let store = place.home.store.snapshot();
            place.disk.flip_bit(file, byte, 1);
            place.disk.power_off_after_operations(operations);
            let finished = accept(&mut place).is_ok() && !place.disk.is_off();
            place.disk = place.disk.crash(operations);
            if Mending::read(&place.disk).unwrap().is_none() {
                place.home.store = store;
            }
            accept(&mut place).unwrap_or_else(|why| panic!("{context}: {why}"));
            let (good, lost) = Mending::read(&place.disk).unwrap().unwrap().loss.unwrap();
            assert_eq!(lost, head, "{context}");
            let opened = place.try_open().unwrap_or_else(|why| panic!("{context}: {why}"));
            assert_eq!(opened.journal.head(), good, "{context}");
            check_whole(&opened.journal, &context);
            if finished {
                break;
            }
        }
    }
}

/// A journal of many segments, the closed ones sealed, with its back-up.
fn sealed_with_backup() -> (InMemory, MemoryDisk, u64, Hash) {
    let (whole, head, root) = with_history_in(InMemory { roll_at: 6 * 1024, ..InMemory::new() });
    let backup = MemoryDisk::new();
    back_up(&whole.disk, &backup, None, START).unwrap();
    seal_closed(&whole.disk);
    assert!(list_segments(&whole.disk).unwrap().len() > 3);
    (whole, backup, head, root)
}

/// Spoils the last sealed segment, so that nothing of it can be decompressed, or so that a line in its middle is another.
fn spoil_last_sealed(disk: &MemoryDisk, decompresses: bool) {
    let segments = list_segments(disk).unwrap();
    let sealed = segments.iter().rev().find(|segment| segment.sealed).unwrap();
    disk.tamper(&sealed.path(), |bytes| {
        if !decompresses {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            return;
        }
        let mut text = zstd::decode_all(&bytes[..]).unwrap();
        let middle = text.len() / 2;
        text[middle] ^= 1;
        *bytes = zstd::encode_all(&text[..], 6).unwrap();
    });
}

#[test]
fn what_a_sealed_segment_has_lost_is_given_up_wherever_the_power_is_cut() {
    let (whole, _, head, _) = sealed_with_backup();
    let files = files(&whole.disk);
    for (decompresses, behind_is_lost) in [(false, false), (false, true), (true, false), (true, true)] {
        for operations in 0.. {
            let context = format!(
                "decompresses: {decompresses}, behind it lost: {behind_is_lost}, after {operations} operations"
            );
            let mut place = whole.copy();
            spoil_last_sealed(&place.disk, decompresses);
            if behind_is_lost {
                place.disk.remove(files.last().unwrap()).unwrap();
                place.disk.sync_dir("journal").unwrap();
            }
            place.lose_store();
            place.disk.power_off_after_operations(operations);
            let finished = accept(&mut place).is_ok() && !place.disk.is_off();
            place.disk = place.disk.crash(operations);
            accept(&mut place).unwrap_or_else(|why| panic!("{context}: {why}"));
            let (good, lost) = Mending::read(&place.disk).unwrap().unwrap().loss.unwrap();
            assert!(good < head && lost >= good, "{context}: {good}, {lost}");
            let opened = place.try_open().unwrap_or_else(|why| panic!("{context}: {why}"));
            assert_eq!(opened.journal.head(), good, "{context}");
            check_whole(&opened.journal, &context);
            if finished {
                break;
            }
        }
    }
}

#[test]
fn a_damaged_sealed_segment_and_a_lost_one_behind_it_are_mended_from_back_up_and_store() {
    let (whole, backup, head, root) = sealed_with_backup();
    let files = files(&whole.disk);
    let mut place = whole.copy();
    spoil_last_sealed(&place.disk, true);
    place.disk.remove(files.last().unwrap()).unwrap();
    assert!(place.try_open().is_err());
    let mut mending = Mending::default();
    let mark = mark_of(&examine(&place.home.store).unwrap());
    let left = repair_from_backup(&place.disk, &backup, Some(mark), &mut mending).unwrap();
    assert!(left.is_empty(), "{left:?}");
    repair(&place).unwrap();
    check_same(&mut place, head, root, "both mended");
}

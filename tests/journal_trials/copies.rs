//! Back-ups are whole or refused, and history that is dropped is not missed.

use crate::support::commits::{START, Teller, proposal};
use crate::support::places::{InMemory, Opened, Place, master};
use crate::support::{append, facts};
use countersign::domain::ids::StreamId;
use countersign::domain::time::{Span, Timestamp};
use countersign::domain::{Event, Expected};
use countersign::journal::backup::{back_up, check_backup};
use countersign::journal::checked_store::StoreHead;
use countersign::journal::files::archive::{archive, check_archived, sealed_before};
use countersign::journal::files::diagnosis::diagnose;
use countersign::journal::files::disk::Disk;
use countersign::journal::files::dropped::{DROPPED, Dropped, base_path};
use countersign::journal::files::entries::segment_head;
use countersign::journal::files::header::{list_segments, sealed_path};
use countersign::journal::files::memory_disk::MemoryDisk;
use countersign::journal::files::merkle::sha256;
use countersign::journal::files::seal::{reindex, seal};
use countersign::journal::files::sealed::SealedSegments;
use countersign::journal::{
    Journal, Keeper, MemoryStore, Store, StoreRead, check_base, check_stand_in, drop_history, droppable,
};
use std::collections::BTreeMap;

const LATER: Timestamp = Timestamp(START.0 + 400 * 86_400_000);

/// A journal of several segments, the closed ones sealed, stopped in good order.
fn place() -> InMemory {
    let mut place = InMemory { roll_at: 6 * 1024, ..InMemory::new() };
    place.put_format();
    let Opened { mut journal, keys, .. } = place.open();
    for batch in Teller::new(keys).history().chunks(3) {
        assert!(journal.append(batch.to_vec()).unwrap().iter().all(Result::is_ok));
    }
    journal.mark(true).unwrap();
    drop(journal);
    seal_all(&place.disk);
    place
}

fn seal_all(disk: &MemoryDisk) {
    let segments = list_segments(disk).unwrap();
    assert!(segments.len() > 3, "{segments:?}");
    for pair in segments.windows(2).filter(|pair| !pair[0].sealed) {
        seal(disk, pair[0].first, &segment_head(disk, pair[1].first).unwrap(), &mut || Ok(())).unwrap();
    }
}

fn files(disk: &MemoryDisk) -> Vec<String> {
    let below = |dir: &'static str| disk.list(dir).unwrap().into_iter().map(move |name| format!("{dir}/{name}"));
    let top = disk.list("").unwrap().into_iter().filter(|name| !matches!(name.as_str(), "journal" | "keys"));
    top.chain(["journal", "keys"].into_iter().flat_map(below)).collect()
}

fn backup_of(place: &InMemory) -> MemoryDisk {
    let to = MemoryDisk::new();
    back_up(&place.disk, &to, None, START).unwrap();
    to.crash_losing_everything_unsynced()
}

/// All states and look-ups but the system's own, which a drop changes.
fn others(journal: &Journal) -> BTreeMap<String, Vec<u8>> {
    facts(journal).into_iter().filter(|(key, _)| key != "s/system").collect()
}

fn drop_all(place: &mut InMemory) -> Result<(), String> {
    drop_at(place, LATER).map(|_| ())
}

fn drop_at(place: &mut InMemory, at: Timestamp) -> Result<Dropped, String> {
    let Opened { journal, keys, .. } = place.try_open()?;
    let segments = droppable(&place.disk, LATER).map_err(|error| error.to_string())?;
    let commit = |event| {
        let event = proposal(StreamId::System, Expected::Any, Event::System(event));
        Teller::seeded(keys, 77).commit(vec![event])
    };
    drop_history(&place.disk, journal, &segments, at, commit).map_err(|error| error.to_string())
}

#[test]
fn a_backup_opens_with_the_same_states_and_only_with_its_master_key() {
    let mut place = place();
    let backup = backup_of(&place);
    assert!(!files(&backup).iter().any(|file| file == "unfinished"));
    let marker = check_backup(&backup, &master(1)).unwrap();
    let refused = check_backup(&backup, &master(2)).unwrap_err().to_string();
    assert!(refused.contains("master key"), "{refused}");
    let before = place.open().journal;
    assert_eq!((marker.mark.position, marker.mark.root), (before.head(), before.engine().root()));
    let restored = InMemory { roll_at: place.roll_at, ..InMemory::of(backup, MemoryStore::default()) }.open();
    assert_eq!(facts(&restored.journal), facts(&before));
    assert!(restored.found.recovered.unwrap().clean);
}

#[test]
fn a_backup_that_is_cut_or_flipped_anywhere_is_refused() {
    let mut place = place();
    drop_all(&mut place).unwrap();
    let Opened { mut journal, keys, .. } = place.open();
    let teller = Teller::seeded(keys, 5);
    (0..40).for_each(|_| drop(append(&mut journal, teller.brake(1)).unwrap()));
    journal.mark(true).unwrap();
    drop(journal);
    let segments = list_segments(&place.disk).unwrap();
    seal(&place.disk, segments[0].first, &segment_head(&place.disk, segments[1].first).unwrap(), &mut || Ok(()))
        .unwrap();
    let backup = backup_of(&place);
    check_backup(&backup, &master(1)).unwrap();
    let files = files(&backup);
    for part in [DROPPED, "journal/base-", ".jsonl.zst", ".idx", ".jsonl", "keys/keys", "anchor", "format", "backup"] {
        assert!(files.iter().any(|file| file.contains(part)), "{part} is in {files:?}");
    }
    let refused = |spoil: &dyn Fn(&MemoryDisk), what: &str| {
        let spoiled = backup.copy();
        spoil(&spoiled);
        assert!(check_backup(&spoiled, &master(1)).is_err(), "{what}");
    };
    for file in &files {
        let length = backup.contents(file).unwrap().len();
        for at in (0..length).step_by(length / 40 + 1).chain([length - 1]) {
            refused(&|disk| disk.flip_bit(file, at, (at % 8) as u8), &format!("{file}, byte {at}"));
            refused(&|disk| disk.cut(file, at), &format!("{file}, cut to {at}"));
        }
        refused(&|disk| disk.remove(file).unwrap(), &format!("{file} is gone"));
    }
}

#[test]
fn an_unfinished_backup_is_none_and_a_later_try_needs_another_directory() {
    let place = place();
    let whole = MemoryDisk::new();
    back_up(&place.disk, &whole, None, START).unwrap();
    for nth in 0..whole.counts().changes() {
        let to = MemoryDisk::new();
        to.power_off_after_operations(nth);
        let made = back_up(&place.disk, &to, None, START);
        assert!(made.is_err(), "{nth}");
        for seed in 0..3 {
            let found = to.crash(seed);
            if check_backup(&found, &master(1)).is_err() {
                let names = found.list("").unwrap();
                let looks_whole =
                    names.iter().any(|name| name == "format") && names.iter().any(|name| name == "anchor");
                assert!(!looks_whole || names.iter().any(|name| name == "unfinished"), "{nth}, {seed}: {names:?}");
            }
        }
    }
}

#[test]
fn an_archive_holds_what_it_was_asked_for_and_is_added_to() {
    let place = place();
    let sealed = sealed_before(&place.disk, LATER).unwrap();
    assert_eq!(sealed.len(), list_segments(&place.disk).unwrap().len() - 1);
    let middle = sealed[1].span.1 + Span(1);
    let to = MemoryDisk::new();
    let first = archive(&place.disk, &sealed_before(&place.disk, middle).unwrap(), &to).unwrap();
    assert_eq!((first.segments, first.there), (2, 0));
    let rest = archive(&place.disk, &sealed, &to).unwrap();
    assert_eq!((rest.segments, rest.there), (sealed.len() as u64 - 2, 2));
    let to = to.crash_losing_everything_unsynced();
    sealed.iter().for_each(|index| check_archived(&to, index).unwrap());
    for file in to.list("journal").unwrap() {
        let spoiled = to.copy();
        spoiled.tamper(&format!("journal/{file}"), |bytes| *bytes.last_mut().unwrap() ^= 1);
        assert!(sealed.iter().any(|index| check_archived(&spoiled, index).is_err()), "{file}");
    }
    assert!(sealed_before(&place.disk, START).unwrap().is_empty());
}

#[test]
fn an_archived_segment_counts_however_the_journal_s_own_was_compressed_since() {
    let mut place = place();
    let to = MemoryDisk::new();
    archive(&place.disk, &sealed_before(&place.disk, LATER).unwrap(), &to).unwrap();
    let segments = list_segments(&place.disk).unwrap();
    let (first, next) = (segments[0].first, segment_head(&place.disk, segments[1].first).unwrap());
    place.disk.tamper(&sealed_path(first), |bytes| {
        *bytes = zstd::bulk::compress(&zstd::decode_all(&bytes[..]).unwrap(), 1).unwrap();
    });
    reindex(&place.disk, first, &next, &mut || Ok(())).unwrap();
    let sealed = sealed_before(&place.disk, LATER).unwrap();
    assert_eq!(archive(&place.disk, &sealed, &to).unwrap().there, sealed.len() as u64);
    sealed.iter().for_each(|index| check_archived(&to, index).unwrap());
    to.tamper(&sealed_path(first), |bytes| bytes[200] ^= 1);
    assert!(check_archived(&to, &sealed[0]).is_err());
    drop_all(&mut place).unwrap();
}

#[test]
fn a_drop_that_is_cut_short_anywhere_loses_no_state_and_is_taken_up() {
    let mut begin = place();
    let early = MemoryStore::default();
    let before = others(&begin.open().journal);
    let operations = {
        let mut place = begin.copy();
        let from = place.disk.counts().changes();
        drop_all(&mut place).unwrap();
        place.disk.counts().changes() - from
    };
    assert!(operations > 15, "{operations}");
    for nth in 0..=operations {
        let mut cut = begin.copy();
        cut.disk.power_off_after_operations(nth);
        let done = drop_all(&mut cut);
        assert_eq!(done.is_ok(), nth == operations, "{nth}: {done:?}");
        for (seed, store) in [(1, cut.home.store.snapshot()), (2, early.snapshot()), (3, begin.home.store.snapshot())] {
            let store_of = format!("operation {nth}, store {seed}");
            let mut found = InMemory { roll_at: begin.roll_at, ..InMemory::of(cut.disk.crash(seed), store) };
            let opened = found.try_open().unwrap_or_else(|why| panic!("{store_of}: {why}"));
            assert_eq!(others(&opened.journal), before, "{store_of}");
            drop(opened);
            let well = diagnose(&found.disk, None).unwrap();
            assert!(well.is_well(), "{store_of}: what was to be dropped is not missed: {:?}", well.faults);
            drop_all(&mut found).ok();
            let first = list_segments(&found.disk).unwrap()[0];
            assert!(first.first > 1 && !first.sealed, "{store_of}: {first:?}");
            let mut rebuilt =
                InMemory { roll_at: begin.roll_at, ..InMemory::of(found.disk.copy(), MemoryStore::default()) };
            assert_eq!(others(&rebuilt.open().journal), before, "{store_of}");
        }
    }
}

#[test]
fn without_its_base_a_store_is_not_rebuilt_and_the_archive_helps() {
    let mut place = place();
    let before = others(&place.open().journal);
    let kept = MemoryDisk::new();
    archive(&place.disk, &sealed_before(&place.disk, LATER).unwrap(), &kept).unwrap();
    let base = place.open().journal.head();
    drop_all(&mut place).unwrap();
    assert_eq!(others(&place.open().journal), before, "the store is there, and no base is needed");
    place.disk.tamper(&base_path(base), |bytes| *bytes.last_mut().unwrap() ^= 1);
    assert_eq!(others(&place.open().journal), before, "nor is it read");
    let mut lost = InMemory { roll_at: place.roll_at, ..InMemory::of(place.disk.copy(), MemoryStore::default()) };
    let refused = lost.try_open().map(|_| ()).unwrap_err();
    assert!(refused.contains(&base_path(base)) && refused.contains("archive"), "{refused}");
    for file in kept.list("journal").unwrap() {
        let path = format!("journal/{file}");
        lost.disk.create(&path).unwrap();
        lost.disk.tamper(&path, |bytes| *bytes = kept.contents(&path).unwrap());
    }
    assert_eq!(others(&lost.open().journal), before);

    place.disk.remove(DROPPED).unwrap();
    let refused = place.try_open().map(|_| ()).unwrap_err();
    assert!(refused.contains("entries 1 to"), "{refused}");
}

#[test]
fn a_store_that_could_not_be_filled_again_is_not_put_aside() {
    let mut place = place();
    drop_all(&mut place).unwrap();
    let base = base_path(Dropped::read(&place.disk).unwrap().unwrap().base);
    let store = &place.home.store;
    let mut head = StoreHead::decode(&store.get(b"m/head").unwrap().unwrap()).unwrap();
    head.state_format += 1;
    store.apply(vec![(b"m/head".to_vec(), Some(head.encode()))]).unwrap();
    // Both where its first line cannot be read and where what is behind it cannot.
    for at in [30, place.disk.contents(&base).unwrap().len() - 1] {
        place.disk.flip_bit(&base, at, 0);
        for _ in 0..2 {
            let refused = place.try_open().map(|_| ()).unwrap_err();
            assert!(refused.contains(&base) && place.home.quarantined.is_empty(), "{refused}");
        }
        place.disk.flip_bit(&base, at, 0);
    }
    assert!(place.open().found.quarantined.is_some());
    assert_eq!(place.home.quarantined.len(), 1);
}

#[test]
fn damage_of_the_base_is_found_while_the_store_is_whole() {
    let mut place = place();
    let check = |place: &InMemory| check_stand_in(&place.disk, &mut || Ok(()));
    assert_eq!(check(&place).unwrap(), None);
    let base = place.open().journal.head();
    drop_all(&mut place).unwrap();
    assert_eq!(check(&place).unwrap(), Some(base));
    let stopped = check_stand_in(&place.disk, &mut || Err(std::io::Error::other("stop"))).unwrap_err();
    assert!(stopped.to_string().ends_with(": stop"), "{stopped}");
    let file = base_path(base);
    place.disk.flip_bit(&file, place.disk.contents(&file).unwrap().len() / 2, 3);
    let said = check(&place).unwrap_err().to_string();
    assert!(said.contains(&file) && said.contains("back-up"), "{said}");
    let mut keeper = Keeper::new(place.disk.clone(), SealedSegments::new(place.disk.clone(), 1, &[]));
    let mut at_hour = |hour| keeper.fault_of_base(LATER + Span::hours(hour), Span::hours(24), &mut || Ok(()));
    assert!(at_hour(0).is_some_and(|found| said.starts_with(&found)), "the one who scrubs finds it");
    assert_eq!(at_hour(23), None, "and does not look again before the next round");
    assert!(at_hour(24).is_some());
    place.disk.remove(&file).unwrap();
    assert!(check(&place).unwrap_err().to_string().contains("is not there"));
}

#[test]
fn a_segment_lost_behind_dropped_ones_is_all_that_is_missed() {
    let mut place = place();
    let until = place.open().journal.last_at();
    let sealed = sealed_before(&place.disk, LATER).unwrap();
    let Opened { journal, keys, .. } = place.open();
    let commit = |event| {
        let event = proposal(StreamId::System, Expected::Any, Event::System(event));
        Teller::seeded(keys, 77).commit(vec![event])
    };
    drop_history(&place.disk, journal, &sealed[..1], until, commit).unwrap();
    place.disk.remove(&sealed_path(sealed[1].first())).unwrap();
    let refused = place.try_open().map(|_| ()).unwrap_err();
    let missing = (sealed[1].first(), sealed[1].last);
    assert!(refused.contains(&format!("entries {} to {}", missing.0, missing.1)), "{refused}");
    let found = diagnose(&place.disk, None).unwrap();
    let faults: Vec<_> = found.faults.iter().map(|fault| (fault.first, fault.last)).collect();
    assert_eq!(faults, [(missing.0, Some(missing.1))]);
    assert_eq!(found.good.size(), sealed[0].last, "everything before it was dropped, and is not lost");
}

#[test]
fn a_drop_at_the_same_head_leaves_the_noted_base_as_it_is() {
    let mut begin = place();
    let noted = |disk: &MemoryDisk| Dropped::read(disk).ok().flatten();
    // Cut short behind what is noted, and before the event that records it.
    let head = begin.open().journal.head();
    let mut cut = (1..).map(|nth| {
        let cut = begin.copy();
        cut.disk.power_off_after_operations(nth);
        let mut cut = cut;
        drop_all(&mut cut).unwrap_err();
        InMemory { roll_at: begin.roll_at, ..InMemory::of(cut.disk.crash_keeping_everything(), cut.home.store) }
    });
    let mut cut = cut.find(|cut| noted(&cut.disk).is_some()).unwrap();
    assert_eq!(cut.open().journal.head(), head);
    // The same base as another version would have compressed it.
    let mut dropped = noted(&cut.disk).unwrap();
    let path = base_path(head);
    cut.disk.tamper(&path, |bytes| {
        let line = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        let records = zstd::decode_all(&bytes[line..]).unwrap();
        bytes.truncate(line);
        bytes.extend(zstd::encode_all(&records[..], 1).unwrap());
    });
    dropped.base_digest = sha256(&cut.disk.contents(&path).unwrap());
    dropped.put(&cut.disk).unwrap();
    check_base(&cut.disk, &dropped).unwrap();
    for nth in 1.. {
        let mut again = cut.copy();
        again.disk.power_off_after_operations(nth);
        let done = drop_all(&mut again);
        let found = again.disk.crash_keeping_everything();
        check_base(&found, &noted(&found).unwrap()).unwrap_or_else(|why| panic!("operation {nth}: {why}"));
        if done.is_ok() {
            break;
        }
    }
}

#[test]
fn a_drop_ends_no_later_than_it_was_made_whatever_a_clock_once_showed() {
    let newest = place().open().journal.last_at();
    let early = Timestamp(START.0 + 1);
    assert!(newest > early + Span(1));
    assert_eq!(drop_at(&mut place(), early).unwrap().until, early + Span(1));
    assert!(drop_at(&mut place(), LATER).unwrap().until <= newest + Span(1));
}

#[test]
fn another_origin_begins_in_a_segment_of_its_own_also_where_the_open_one_is_empty() {
    let mut place = place();
    let Opened { mut journal, keys, .. } = place.open();
    let (head, segments) = (journal.head(), list_segments(&place.disk).unwrap().len());
    journal.begin_origin("test.example/2").unwrap();
    journal.begin_origin("test.example/3").unwrap();
    append(&mut journal, Teller::seeded(keys, 5).brake(1)).unwrap();
    journal.mark(true).unwrap();
    drop(journal);
    assert_eq!(list_segments(&place.disk).unwrap().len(), segments + 1);
    assert_eq!(segment_head(&place.disk, head + 1).unwrap().origin, "test.example/3");
    assert_eq!(place.open().journal.engine().origin(), "test.example/3");
    let mut rebuilt = InMemory { roll_at: place.roll_at, ..InMemory::of(place.disk.copy(), MemoryStore::default()) };
    assert_eq!(facts(&rebuilt.open().journal), facts(&place.open().journal));
}

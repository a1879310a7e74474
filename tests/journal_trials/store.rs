//! The store is never believed alone: whatever happens to it, the next start answers from the same states or refuses.

use crate::support::commits::{START, Teller, client, session};
use crate::support::places::{InMemory, OnDisk, Opened, Place, files_below};
use crate::support::{append, check_whole, dump, facts};
use countersign::domain::ids::Hash;
use countersign::domain::session::Status;
use countersign::journal::checked_store::{STATE_FORMAT, StoreHead};
use countersign::journal::files::memory_disk::Operation;
use countersign::journal::{Journal, SledHome, SledStore, Store, StoreRead};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// What must not change, however the store came to be.
#[derive(PartialEq, Debug)]
struct Seen {
    head: u64,
    root: Hash,
    facts: BTreeMap<String, Vec<u8>>,
}

fn seen(journal: &Journal) -> Seen {
    Seen { head: journal.head(), root: journal.engine().root(), facts: facts(journal) }
}

/// A journal with a history of several segments, stopped in good order.
fn with_history<P: Place>() -> (P, Seen) {
    let mut place = P::new();
    let Opened { mut journal, keys, .. } = place.open();
    for batch in Teller::new(keys).history().chunks(4) {
        assert!(journal.append(batch.to_vec()).unwrap().iter().all(Result::is_ok));
    }
    let before = seen(&journal);
    journal.mark(true).unwrap();
    (place, before)
}

/// The journal is as it was: nothing is lost, what was ended is ended, and it goes on.
fn check_same(opened: Opened, before: &Seen, context: &str) {
    let Opened { mut journal, keys, .. } = opened;
    assert_eq!(seen(&journal), *before, "{context}");
    check_whole(&journal, context);
    let reader = journal.reader();
    assert!(matches!(reader.session(session(11)).unwrap().unwrap().value.status, Status::Revoked { .. }), "{context}");
    assert!(!reader.open_sessions(None, None, 100).unwrap().0.contains(&session(11)), "{context}");
    append(&mut journal, Teller::seeded(keys, 5).revoke(12)).unwrap();
    journal.mark(true).unwrap();
}

#[test]
fn a_store_that_was_deleted_is_made_again_with_equal_states() {
    let (mut place, before) = with_history::<OnDisk>();
    fs::remove_dir_all(place.store()).unwrap();
    let opened = place.open();
    assert_eq!((opened.caught_up.from, opened.caught_up.to), (1, before.head));
    assert_eq!(opened.found.quarantined, None);
    check_same(opened, &before, "");
    let again = place.open();
    assert_eq!((again.caught_up.from, again.journal.head()), (before.head + 2, before.head + 1));
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_dir(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), &to).unwrap();
        }
    }
}

/// The `seed`th of a series of numbers (SplitMix64).
fn drawn(seed: u64) -> u64 {
    let mut mixed = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A journal of several of sled's segments, opened again so that there is a snapshot too.
fn with_much_in_sled() -> (OnDisk, Seen) {
    let (mut place, _) = with_history::<OnDisk>();
    let Opened { mut journal, keys, .. } = place.open();
    let teller = Teller::seeded(keys, 3);
    for chunk in (7..400).collect::<Vec<u32>>().chunks(10) {
        journal.append(chunk.iter().map(|generation| teller.refresh(31, *generation)).collect()).unwrap();
    }
    journal.mark(true).unwrap();
    drop(journal);
    let mut journal = place.open().journal;
    let before = seen(&journal);
    journal.mark(true).unwrap();
    (place, before)
}

/// Changes one byte of sled's files and opens, once for each seed.
fn a_byte_changed_anywhere_in_sled_s_files_costs_nothing(seeds: std::ops::Range<u64>) {
    let (whole, before) = with_much_in_sled();
    // sled lengthens its file with zeros that nobody reads: the bytes changed are others.
    let mut bytes = Vec::new();
    for (path, content) in files_below(&whole.store()) {
        let used = content.iter().enumerate().filter(|(_, byte)| **byte != 0);
        let path = path.strip_prefix(whole.store()).unwrap();
        bytes.extend(used.map(|(offset, _)| (path.to_owned(), offset)));
    }
    let (mut noticed, mut put_aside) = (0, 0);
    for seed in seeds {
        let (path, offset) = &bytes[usize::try_from(drawn(2 * seed) % bytes.len() as u64).unwrap()];
        let mut place = OnDisk::new();
        copy_dir(&whole.path(""), &place.path(""));
        let file = place.store().join(path);
        let mut changed = fs::read(&file).unwrap();
        changed[*offset] ^= u8::try_from(1 + drawn(2 * seed + 1) % 255).unwrap();
        fs::write(&file, &changed).unwrap();
        let context = format!("seed {seed}: byte {offset} of {}", path.display());
        let opened = place.try_open().unwrap_or_else(|why| panic!("{context}: {why}"));
        noticed += u32::from(opened.caught_up.from <= before.head);
        if let Some((why, kept)) = &opened.found.quarantined {
            assert_eq!(opened.caught_up.from, 1, "{context}: {why}");
            assert!(!files_below(Path::new(kept)).is_empty(), "{context}: {why}");
            put_aside += 1;
        }
        check_same(opened, &before, &context);
    }
    assert!(noticed >= 5 && put_aside >= 3, "{noticed} noticed, {put_aside} put aside: the trial proves nothing");
}

/// A hundred trials, in parts that may run at the same time.
macro_rules! changed_bytes {
    ($($name:ident: $seeds:expr),+) => {
        $(#[test] fn $name() { a_byte_changed_anywhere_in_sled_s_files_costs_nothing($seeds) })+
    };
}

changed_bytes! {
    a_byte_changed_in_sled_s_files_costs_nothing_1: 0..25,
    a_byte_changed_in_sled_s_files_costs_nothing_2: 25..50,
    a_byte_changed_in_sled_s_files_costs_nothing_3: 50..75,
    a_byte_changed_in_sled_s_files_costs_nothing_4: 75..100
}

#[test]
fn a_store_that_opens_empty_although_its_files_were_there_is_kept_as_evidence() {
    let (mut place, before) = with_history::<OnDisk>();
    let db = place.store().join("db");
    fs::write(&db, vec![0; 512 * 1024]).unwrap();
    let opened = place.open();
    let (why, kept) = opened.found.quarantined.clone().unwrap();
    assert!(Path::new(&kept).join("db").exists(), "{why}");
    check_same(opened, &before, &why);
}

#[test]
fn a_hole_or_a_change_that_opens_without_error_is_seen_by_the_digest() {
    let (whole, before) = with_history::<InMemory>();
    for (key, value) in dump(&whole.home.store) {
        let other = [value.as_slice(), b"x"].concat();
        for (what, change) in [("removed", None), ("altered", Some(other))] {
            let mut place = whole.copy();
            place.home.store.apply(vec![(key.clone(), change)]).unwrap();
            let context = format!("{} {what}", String::from_utf8_lossy(&key));
            let opened = place.open();
            let (why, kept) = opened.found.quarantined.clone().unwrap_or_else(|| panic!("{context}"));
            assert_eq!((kept.as_str(), opened.caught_up.from), ("quarantine 1", 1), "{context}: {why}");
            check_same(opened, &before, &context);
            assert!(!dump(&place.home.quarantined[0]).is_empty());
        }
    }
    let mut place = whole.copy();
    place.home.store.apply(vec![(b"i/one-more".to_vec(), Some(Vec::new()))]).unwrap();
    let opened = place.open();
    assert!(opened.found.quarantined.as_ref().unwrap().0.contains("digest"));
    check_same(opened, &before, "one more");
}

#[test]
fn a_hole_in_sled_is_seen_by_the_digest() {
    let (mut place, before) = with_history::<OnDisk>();
    let store = SledStore::open(&place.store(), 1024 * 1024).unwrap();
    let revoked = format!("s/session:{}", session(11)).into_bytes();
    assert!(store.get(&revoked).unwrap().is_some());
    store.apply(vec![(revoked, None)]).unwrap();
    store.flush().unwrap();
    drop(store);
    let opened = place.open();
    let (why, kept) = opened.found.quarantined.clone().unwrap();
    assert!(why.contains("digest") && kept.ends_with("store.quarantined-1"), "{why}: {kept}");
    check_same(opened, &before, "");
}

/// Writes a few megabytes into the store and takes them out again, as lines come and go.
fn make_garbage(place: &OnDisk) {
    let store = SledStore::open(&place.store(), 1024 * 1024).unwrap();
    for round in 0..16_u32 {
        let keys = (0..64_u32).map(|n| format!("e/{round}-{n}").into_bytes());
        store.apply(keys.clone().map(|key| (key, Some(vec![7; 8192]))).collect()).unwrap();
        store.flush().unwrap();
        store.apply(keys.map(|key| (key, None)).collect()).unwrap();
        store.flush().unwrap();
    }
}

#[test]
fn a_store_that_is_mostly_free_is_written_anew_and_holds_the_same() {
    let (mut place, before) = with_history::<OnDisk>();
    make_garbage(&place);
    let home = SledHome::new(place.store(), 1024 * 1024);
    let left = |outcome| matches!(outcome, Ok(None));
    assert!(left(home.compact(u64::MAX - 1..u64::MAX, || true)), "a short one is not worth it");
    assert!(left(home.compact(0..u64::MAX, || false)), "nor one that takes too long");
    let (long, short) = home.compact(0..u64::MAX, || true).unwrap().expect("most of it is free");
    assert!(short * 4 <= long, "{long} to {short} bytes");
    assert_eq!(fs::metadata(place.store().join("db")).unwrap().len(), short);
    assert_eq!(fs::metadata(place.store()).unwrap().permissions().mode() & 0o777, 0o700, "it is nobody else's");
    assert!(left(home.compact(0..u64::MAX, || true)), "what it holds stays");
    let opened = place.open();
    assert_eq!(opened.found.quarantined, None);
    check_same(opened, &before, "written anew");
}

#[test]
fn a_store_is_not_written_anew_while_somebody_has_it_or_where_it_is_not_whole() {
    let (mut place, before) = with_history::<OnDisk>();
    make_garbage(&place);
    let home = SledHome::new(place.store(), 1024 * 1024);
    let store = SledStore::open(&place.store(), 1024 * 1024).unwrap();
    assert!(home.compact(0..u64::MAX, || true).is_err());
    store.apply(vec![(b"i/one-more".to_vec(), Some(Vec::new()))]).unwrap();
    store.flush().unwrap();
    drop(store);
    assert!(home.compact(0..u64::MAX, || true).unwrap_err().to_string().contains("digest"));
    assert!(!place.path("store.anew").exists(), "nothing is left lying about");
    // What a crash left is no store.
    fs::create_dir(place.path("store.anew")).unwrap();
    fs::write(place.path("store.anew/db"), b"half of it").unwrap();
    let opened = place.open();
    assert!(opened.found.quarantined.as_ref().unwrap().0.contains("digest"));
    assert!(!place.path("store.anew").exists());
    check_same(opened, &before, "rebuilt");
}

#[test]
fn a_second_quarantine_does_not_replace_the_first() {
    let (mut place, before) = with_history::<OnDisk>();
    let there = |place: &OnDisk, number| place.path(&format!("store.quarantined-{number}")).exists();
    for number in 1..=5_i32 {
        fs::write(place.store().join("conf"), b"not a configuration").unwrap();
        let (_, kept) = place.open().found.quarantined.unwrap();
        assert!(kept.ends_with(&format!("store.quarantined-{number}")), "{kept}");
        let kept: Vec<_> = (1..=number).filter(|number| there(&place, *number)).collect();
        assert_eq!(kept, (1.max(number - 2)..=number).collect::<Vec<_>>(), "three at most, the newest");
    }
    check_same(place.open(), &before, "");
}

#[test]
fn a_left_over_of_sled_s_snapshots_does_not_stop_the_start() {
    let (mut place, before) = with_history::<OnDisk>();
    fs::write(place.store().join("snap.0000000000000064.generating"), b"half a snapshot").unwrap();
    check_same(place.open(), &before, "");
}

#[test]
fn a_store_that_is_behind_is_brought_up() {
    let mut place = InMemory::new();
    let Opened { mut journal, keys, .. } = place.open();
    let mut snapshots = Vec::new();
    for batch in Teller::new(keys).history().chunks(3) {
        snapshots.push((journal.head(), place.home.store.snapshot()));
        assert!(journal.append(batch.to_vec()).unwrap().iter().all(Result::is_ok));
        journal.write_behind().unwrap();
    }
    let before = seen(&journal);
    for (applied, snapshot) in snapshots {
        let mut place = InMemory::of(place.disk.copy(), snapshot);
        let opened = place.open();
        assert_eq!((opened.caught_up.from, opened.found.quarantined.as_ref()), (applied + 1, None));
        check_same(opened, &before, &format!("from {applied}"));
    }
}

#[test]
fn sled_s_files_of_an_earlier_day_are_brought_up() {
    let mut place = OnDisk::new();
    let Opened { mut journal, keys, .. } = place.open();
    let history = Teller::new(keys).history();
    let (first, second) = history.split_at(10);
    assert!(journal.append(first.to_vec()).unwrap().iter().all(Result::is_ok));
    let applied = journal.head();
    journal.mark(true).unwrap();
    drop(journal);
    copy_dir(&place.store(), &place.path("earlier"));
    let mut journal = place.open().journal;
    assert!(journal.append(second.to_vec()).unwrap().iter().all(Result::is_ok));
    let before = seen(&journal);
    drop(journal);
    fs::remove_dir_all(place.store()).unwrap();
    fs::rename(place.path("earlier"), place.store()).unwrap();
    let opened = place.open();
    assert_eq!((opened.caught_up.from, opened.found.quarantined.as_ref()), (applied + 1, None));
    check_same(opened, &before, "");
}

#[test]
fn a_store_ahead_of_the_segments_proves_a_loss_and_is_refused() {
    let mut place = InMemory::new();
    let Opened { mut journal, keys, .. } = place.open();
    let teller = Teller::new(keys);
    journal.append(vec![teller.genesis(), teller.new_client(1), teller.new_account(1)]).unwrap();
    append(&mut journal, teller.login(1, 1, 1, 1, 1)).unwrap();
    append(&mut journal, teller.refresh(1, 1)).unwrap();
    let file = "journal/00000000000000000001.jsonl";
    let whole = place.read(file);
    let last_line = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    // The last line gone as if it never was, or half of it, with an anchor that does not know of it.
    for length in [last_line, last_line + 50, whole.len() - 1] {
        let mut hurt = place.copy();
        hurt.disk.cut(file, length);
        let refused = hurt.try_open().err().unwrap();
        assert!(refused.contains("the store has applied entries up to 8"), "{refused}");
        assert!(refused.contains(&format!("end at entry 7 ({file}, byte {last_line})")), "{refused}");
        assert!(refused.contains("countersign journal repair"), "{refused}");
        assert_eq!(hurt.read(file).len(), length, "nothing was changed");
    }
    // And all of it.
    for name in [file, "anchor"] {
        countersign::journal::files::disk::Disk::remove(&place.disk, name).unwrap();
    }
    let refused = place.try_open().err().unwrap();
    assert!(refused.contains("up to 8") && refused.contains("end at entry 0"), "{refused}");
}

#[test]
fn a_store_of_another_state_format_is_made_again() {
    let (mut place, before) = with_history::<InMemory>();
    let head = place.home.store.get(b"m/head").unwrap().unwrap();
    let mut head = StoreHead::decode(&head).unwrap();
    assert_eq!((head.applied, head.state_format), (before.head, STATE_FORMAT));
    head.state_format = STATE_FORMAT + 1;
    place.home.store.apply(vec![(b"m/head".to_vec(), Some(head.encode()))]).unwrap();
    let opened = place.open();
    let why = format!("state format {} instead of {STATE_FORMAT}", STATE_FORMAT + 1);
    assert_eq!(opened.found.quarantined.as_ref().unwrap().0, why);
    assert_eq!(opened.caught_up.from, 1);
    check_same(opened, &before, "");
}

#[test]
fn the_store_of_another_journal_is_refused() {
    let (mut place, before) = with_history::<InMemory>();
    let mut other = InMemory::new();
    let Opened { mut journal, keys, .. } = other.open();
    for commit in Teller::seeded(keys, 99).history() {
        append(&mut journal, commit).unwrap();
    }
    assert_eq!(journal.head(), before.head);
    assert_ne!(journal.engine().root(), before.root);
    place.home.store = other.home.store;
    let refused = place.try_open().err().unwrap();
    assert!(refused.contains("is not the one the store has") && refused.contains("byte"), "{refused}");
}

#[test]
fn an_anchor_that_is_bad_in_both_slots_or_gone_is_refused() {
    let (whole, _) = with_history::<InMemory>();
    let mut place = whole.copy();
    place.disk.flip_bit("anchor", 20, 3);
    drop(place.try_open().unwrap());
    // The start wrote the bad slot anew.
    for offset in [20, 4096 + 20] {
        place.disk.flip_bit("anchor", offset, 3);
    }
    let refused = place.try_open().err().unwrap();
    assert!(refused.contains("the file anchor is damaged in both its slots"), "{refused}");
    assert!(refused.contains("countersign journal repair --from-store"), "{refused}");
    let mut place = whole;
    countersign::journal::files::disk::Disk::remove(&place.disk, "anchor").unwrap();
    let refused = place.try_open().err().unwrap();
    assert!(refused.contains("the file anchor is missing"), "{refused}");
}

#[test]
fn a_store_made_again_knows_clients_and_the_time_of_the_last_entry() {
    let (place, before) = with_history::<InMemory>();
    let mut place = InMemory::of(place.disk, countersign::journal::MemoryStore::default());
    let opened = place.open();
    assert_eq!((opened.caught_up.from, opened.caught_up.to), (1, before.head));
    assert_eq!(opened.journal.last_at().0 - START.0, 1000 * 36);
    assert_eq!(opened.journal.reader().client(&client(2)).unwrap().unwrap().value.braked_by, 2);
}

#[test]
fn catching_up_is_one_pass_in_parts_that_end_with_a_commit() {
    const SESSIONS: u64 = 3000;
    let mut place = InMemory { roll_at: u64::MAX, ..InMemory::new() };
    let Opened { mut journal, keys, .. } = place.open();
    let teller = Teller::new(keys);
    journal.append(vec![teller.genesis(), teller.new_client(1), teller.new_account(1)]).unwrap();
    for n in 0..SESSIONS / 100 {
        let logins = (100 * n..100 * (n + 1)).map(|n| teller.login(n, 1, 1, 1, 1)).collect();
        assert!(journal.append(logins).unwrap().iter().all(Result::is_ok));
    }
    let before = seen(&journal);
    journal.mark(true).unwrap();
    let bytes = journal.engine().bytes();
    let mut place = InMemory::of(place.disk.copy(), countersign::journal::MemoryStore::default());
    let (mut parts, mut reads) = (vec![before.head - 2 * SESSIONS], Vec::new());
    let disk = place.disk.clone();
    let opened = place.open_telling(|position, head| {
        assert_eq!(head, before.head);
        parts.push(position);
        reads.push(disk.counts().of(Operation::Read));
    });
    assert!(parts.len() > 4 && parts.is_sorted() && parts.last() == Some(&before.head), "{parts:?}");
    // A login has two events, and none is in two parts.
    assert!(parts.windows(2).all(|pair| (pair[1] - pair[0]) % 2 == 0), "{parts:?}");
    // The one segment is read in pieces of 256 KiB, each once, and not from its beginning for each part.
    let read = reads.last().unwrap() - reads[0];
    assert!(read <= bytes / (256 * 1024) + 1, "{read} reads of {bytes} bytes");
    assert_eq!(seen(&opened.unwrap().journal), before);
}

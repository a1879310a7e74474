//! Sealing and scrubbing a journal of real events, and what a start reads of it.

use crate::support::commits::{Teller, session};
use crate::support::places::{InMemory, MemoryHome, Place, master};
use crate::support::{append, check_whole, facts, shed};
use countersign::domain::evidence::Past;
use countersign::domain::time::{Span, Timestamp};
use countersign::entropy::SeededEntropy;
use countersign::journal::files::data_dir::DataDir;
use countersign::journal::files::disk::{Disk, DiskFile};
use countersign::journal::files::header::{index_path, list_segments, sealed_path};
use countersign::journal::files::memory_disk::MemoryDisk;
use countersign::journal::files::sealed::SealedSegments;
use countersign::journal::{History, Journal, Keeper, LocalEngine};

const NOW: Timestamp = Timestamp(1_900_000_000_000);
const WEEK: Span = Span::days(7);

fn free() -> impl FnMut() -> std::io::Result<()> {
    || Ok(())
}

/// Sessions with a few refreshes each, the odd ones ended.
fn live_through(journal: &mut Journal, teller: &Teller, sessions: u64, refreshes: u32) {
    for n in 1..=sessions {
        let mut commits = vec![teller.login(n, 1, 1, 1, 1)];
        commits.extend((1..=refreshes).map(|generation| teller.refresh(n, generation)));
        commits.extend((n % 2 == 1).then(|| teller.revoke(n)));
        assert!(journal.append(commits).unwrap().iter().all(Result::is_ok));
    }
    journal.mark(false).unwrap();
}

fn begin(journal: &mut Journal, teller: &Teller) {
    for commit in [teller.genesis(), teller.new_client(1), teller.new_account(1)] {
        append(journal, commit).unwrap();
    }
}

/// A journal that was just begun.
fn begun(mut place: InMemory) -> (InMemory, Journal, Teller) {
    let opened = place.open();
    let (mut journal, teller) = (opened.journal, Teller::new(opened.keys));
    begin(&mut journal, &teller);
    (place, journal, teller)
}

/// One that looks after the segments of a disk, none of which were sealed yet.
fn keeper(disk: &MemoryDisk) -> Keeper<MemoryDisk> {
    Keeper::new(disk.clone(), SealedSegments::new(disk.clone(), 1, &[]))
}

fn seal_all<D: Disk>(keeper: &mut Keeper<D>) -> u64 {
    let mut through = 0;
    while let Some(last) = keeper.seal_next(NOW, &mut free()).unwrap() {
        through = last;
    }
    through
}

#[test]
fn a_start_reads_no_sealed_segment_as_the_kernel_counts() {
    let root = tempfile::tempdir().unwrap();
    let mut home = MemoryHome::default();
    let open = |home: &mut MemoryHome| {
        let dir = DataDir::prepare(root.path()).unwrap();
        let (entropy, disk) = (SeededEntropy::new(7), dir.disk().clone());
        let (engine, _) = LocalEngine::open(disk, home, master(1), "test.example/1", 256 * 1024, &entropy).unwrap();
        let (keys, sealed) = (engine.keys(), engine.sealed());
        (Journal::open(Box::new(engine), "n1", |_, _| {}).unwrap().0, Teller::new(keys), sealed, dir)
    };
    let (mut journal, teller, sealed, dir) = open(&mut home);
    begin(&mut journal, &teller);
    live_through(&mut journal, &teller, 1200, 24);
    journal.mark(true).unwrap();
    let mut keeper = Keeper::new(dir.disk().clone(), sealed);
    seal_all(&mut keeper);
    let sealed_bytes = keeper.sealed().bytes();
    let segments = list_segments(dir.disk()).unwrap();
    let open_bytes = dir.disk().open_to_read(&segments.last().unwrap().path()).unwrap().len().unwrap();
    assert!(segments.len() > 10 && sealed_bytes > 2_000_000, "{} segments, {sealed_bytes} bytes", segments.len());
    drop((journal, keeper, dir));

    let read = || {
        let counts = std::fs::read_to_string("/proc/self/io").unwrap();
        counts.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap().parse::<u64>().unwrap()
    };
    let before = read();
    let (journal, ..) = open(&mut home);
    let read = read() - before;
    // The open segment is opened a few times, for its head, in full, and for its last entry.
    let allowed = 5 * open_bytes.min(256 * 1024) + segments.len() as u64 * 8192;
    assert!(read < allowed.min(sealed_bytes), "{read} bytes were read; {open_bytes} are open, {sealed_bytes} sealed");
    assert!(journal.head() > 30_000);
}

#[test]
fn a_sealed_and_archived_journal_is_whole_and_is_rebuilt_to_the_same_store() {
    let (mut place, mut journal, teller) = begun(InMemory::new());
    live_through(&mut journal, &teller, 60, 3);
    let mut keeper = keeper(&place.disk);
    let through = seal_all(&mut keeper);
    assert!(through > 100);
    append(&mut journal, teller.archive(through)).unwrap();
    journal.mark(true).unwrap();
    drop(journal);

    let mut journal = place.open().journal;
    shed(&mut journal, through + 1);
    check_whole(&journal, "after sealing");
    let kept = facts(&journal);
    drop(journal);
    place.lose_store();
    let opened = place.open();
    assert_eq!(opened.caught_up.from, 1);
    assert_eq!(facts(&opened.journal), kept);
}

#[test]
fn a_segment_is_sealed_only_once_the_anchor_stands_behind_it() {
    let (place, mut journal, teller) = begun(InMemory::new());
    for n in 1..60 {
        append(&mut journal, teller.login(n, 1, 1, 1, 1)).unwrap();
    }
    let mut keeper = keeper(&place.disk);
    assert!(keeper.waiting().unwrap() > 0);
    assert_eq!(keeper.seal_next(NOW, &mut free()).unwrap(), None, "no anchor was written since the start");
    journal.mark(false).unwrap();
    assert!(keeper.seal_next(NOW, &mut free()).unwrap().is_some());
}

#[test]
fn scrubbing_goes_round_the_oldest_first_across_restarts_and_mends_indexes() {
    let (place, mut journal, teller) = begun(InMemory::new());
    live_through(&mut journal, &teller, 60, 3);
    let sealed = SealedSegments::new(place.disk.clone(), 1, &[]);
    let mut keeper = Keeper::new(place.disk.clone(), sealed.clone());
    let mut at = NOW;
    while keeper.seal_next(at, &mut free()).unwrap().is_some() {
        at = at + Span::hours(1);
    }
    let firsts: Vec<_> = sealed.all().iter().map(|index| index.first()).collect();
    assert!(firsts.len() > 3);
    assert_eq!(keeper.oldest_read(), Some(NOW));
    assert_eq!(keeper.scrub_next(at, WEEK, &mut free()).unwrap(), None, "all were read when they were sealed");

    place.disk.tamper(&index_path(firsts[1]), |bytes| *bytes.last_mut().unwrap() ^= 1);
    let due = NOW + WEEK;
    let first = keeper.scrub_next(due, WEEK, &mut free()).unwrap().unwrap();
    assert_eq!((first.first, first.reindexed), (firsts[0], false));
    let mut keeper = Keeper::new(place.disk.clone(), sealed.clone());
    let second = keeper.scrub_next(due + Span::hours(1), WEEK, &mut free()).unwrap().unwrap();
    assert_eq!((second.first, second.reindexed), (firsts[1], true), "a restart does not begin from the first again");

    place.disk.tamper(&sealed_path(firsts[2]), |bytes| bytes[40] ^= 1);
    let damage = keeper.scrub_next(due + Span::hours(2), WEEK, &mut free()).unwrap_err();
    assert!(damage.damage().is_some_and(|damage| damage.file == sealed_path(firsts[2])), "{damage}");
    let next = keeper.scrub_next(due + Span::hours(3), WEEK, &mut free()).unwrap().unwrap();
    assert_eq!(next.first, firsts[3], "the others are read all the same");
}

#[test]
fn a_damaged_closed_segment_is_told_of_once_and_keeps_none_of_the_others_from_being_sealed() {
    let (place, mut journal, teller) = begun(InMemory::new());
    live_through(&mut journal, &teller, 60, 3);
    let segments = list_segments(&place.disk).unwrap();
    assert!(segments.len() > 4);
    for (spoiled, byte) in (0..segments.len() - 1).flat_map(|spoiled| [(spoiled, 2000), (spoiled, 10)]) {
        // Who seals a segment also reads the head of the next one.
        let held_up = if byte < 100 && spoiled > 0 { 2 } else { 1 };
        let disk = place.disk.crash_keeping_everything();
        disk.tamper(&segments[spoiled].path(), |bytes| bytes[byte] ^= 1);
        let mut keeper = keeper(&disk);
        let (mut sealed, mut damaged) = (0, 0);
        loop {
            match keeper.seal_next(NOW, &mut free()) {
                Ok(Some(_)) => sealed += 1,
                Ok(None) => break,
                Err(error) => damaged += usize::from(error.damage().is_some()),
            }
        }
        assert_eq!((sealed, damaged), (segments.len() - 1 - held_up, held_up), "segment {spoiled}");
        // What the store keeps of it is all that can mend it.
        assert_eq!(
            keeper.sealed().through() + 1,
            segments[spoiled + 1 - held_up].first,
            "nothing behind it counts as sealed through"
        );
    }
}

#[test]
fn nothing_is_sealed_with_the_room_that_is_kept_for_others() {
    let (place, mut journal, teller) = begun(InMemory::new());
    live_through(&mut journal, &teller, 60, 3);
    let sealed = SealedSegments::new(place.disk.clone(), 1, &[]);
    let mut keeper = Keeper::new(place.disk.clone(), sealed).keep_free(64 * 1024);
    let used = 1 << 30;
    place.disk.set_capacity(Some(used));
    let free_now = place.disk.room().unwrap().free;
    place.disk.set_capacity(Some(used - free_now + 64 * 1024));
    assert_eq!(keeper.seal_next(NOW, &mut free()).unwrap(), None);
    place.disk.set_capacity(Some(used - free_now + 128 * 1024));
    assert!(keeper.seal_next(NOW, &mut free()).unwrap().is_some());
}

#[test]
fn damage_that_a_scrub_has_found_is_found_again_after_a_restart() {
    let (place, mut journal, teller) = begun(InMemory::new());
    live_through(&mut journal, &teller, 60, 3);
    let sealed = SealedSegments::new(place.disk.clone(), 1, &[]);
    let mut keeper = Keeper::new(place.disk.clone(), sealed.clone());
    seal_all(&mut keeper);
    place.disk.tamper(&sealed_path(1), |bytes| bytes[40] ^= 1);
    let due = NOW + WEEK;
    assert!(keeper.scrub_next(due, WEEK, &mut free()).unwrap_err().damage().is_some());
    let mut again = Keeper::new(place.disk.clone(), sealed);
    assert!(again.scrub_next(due, WEEK, &mut free()).unwrap_err().damage().is_some());
    assert_eq!(again.oldest_read(), Some(NOW), "it counts as unread");

    // With a clock that is behind everything, too, each is read once and not again and again.
    let (past, count) = (NOW - Span::days(4000), again.sealed().all().len());
    let mut read = Vec::new();
    while let Some(outcome) = again.scrub_next(past, WEEK, &mut free()).transpose() {
        read.push(outcome.is_ok());
        assert!(read.len() <= count, "{read:?}");
    }
    assert_eq!(read.iter().filter(|whole| !**whole).count(), 1);
}

#[test]
fn looking_up_a_session_reads_its_first_segment_no_further_than_it_must() {
    let (place, mut journal, teller) = begun(InMemory { roll_at: 3 << 20, ..InMemory::new() });
    let disk = place.disk.clone();
    let mut others = 2..;
    let mut fill = |journal: &mut Journal, segment: usize, bytes: usize| loop {
        let segments = list_segments(&disk).unwrap();
        let length = disk.contents(&segments.last().unwrap().path()).unwrap().len();
        if segments.len() > segment || (segments.len() == segment && length >= bytes) {
            break;
        }
        let n = others.next().unwrap();
        let mut commits = vec![teller.login(n, 1, 1, 1, 1)];
        commits.extend((1..=60).map(|generation| teller.refresh(n, generation)));
        assert!(journal.append(commits).unwrap().iter().all(Result::is_ok));
    };
    append(&mut journal, teller.login(1, 1, 1, 1, 1)).unwrap();
    append(&mut journal, teller.refresh(1, 1)).unwrap();
    fill(&mut journal, 1, 5 << 19);
    append(&mut journal, teller.refresh(1, 2)).unwrap();
    fill(&mut journal, 2, 0);
    append(&mut journal, teller.refresh(1, 3)).unwrap();
    append(&mut journal, teller.revoke(1)).unwrap();
    let last = journal.head();
    fill(&mut journal, 3, 0);
    journal.mark(false).unwrap();
    let sealed = SealedSegments::new(place.disk.clone(), 1, &[]);
    seal_all(&mut Keeper::new(place.disk.clone(), sealed.clone()));
    let whole = sealed.past(session(1), 1).unwrap().unwrap();
    assert_eq!((whole.generation, whole.last), (3, last));
    assert!(whole.redeemed_at.is_some() && whole.redeemed_at == sealed.redeemed_at(session(1), 1).unwrap());

    // Whoever reads the first segment further than its first frame stumbles over this.
    let frames = &sealed.all()[0].frames;
    let second = usize::try_from(frames[1].0).unwrap();
    place.disk.tamper(&sealed_path(1), |bytes| bytes[second..second + 64].fill(0xff));
    for presented in [0, 3, 4] {
        assert!(sealed.past(session(1), presented).unwrap().is_some(), "generation {presented}");
    }
    assert_eq!(sealed.past(session(1), 3).unwrap(), Some(Past { redeemed_at: None, ..whole }));
    assert!(sealed.past(session(1), 1).is_err(), "its redemption stands behind the damage");
}

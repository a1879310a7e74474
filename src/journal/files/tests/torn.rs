use super::super::disk::Disk;
use super::super::memory_disk::Operation;
use super::super::recovery::Cut;
use super::*;

/// Where each line of a file begins.
fn line_starts(bytes: &[u8]) -> Vec<usize> {
    let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    std::iter::once(0).chain(ends).collect()
}

/// Cuts the file of `journal` at every byte from the first event on and starts; `expected` tells how many events there
/// must be, given how many whole lines of events were left.
fn cut_at_every_byte(journal: &Journal, expected: impl Fn(usize) -> usize) {
    let whole = journal.disk.contents(FIRST).unwrap();
    let lines = line_starts(&whole);
    for length in lines[1]..=whole.len() {
        let disk = journal.disk.copy();
        disk.cut(FIRST, length);
        let found = Journal::start(&disk).unwrap();
        let whole_lines = lines.iter().filter(|start| **start <= length).count() - 2;
        let kept = expected(whole_lines);
        assert_eq!(found.acknowledged, journal.acknowledged[..kept], "cut at byte {length}");
        let torn = &whole[lines[kept + 1]..length];
        match &found.recovered().cut {
            None => assert!(torn.is_empty(), "cut at byte {length}"),
            Some(Cut { position, bytes, file, .. }) => {
                assert_eq!((*position, *bytes), (kept as u64 + 1, torn.len() as u64));
                assert_eq!(file, &format!("journal/torn-{position}"));
                assert_eq!(disk.contents(file).unwrap(), torn);
            }
        }
        assert_eq!(disk.contents(FIRST).unwrap(), whole[..lines[kept + 1]]);
    }
}

#[test]
fn two_commits_of_one_batch_cut_at_every_byte_come_back_all_or_none_of_each() {
    let mut journal = Journal::new();
    journal.append(&[&[20, 20, 20, 20, 20], &[20, 20]]).unwrap();
    cut_at_every_byte(&journal, |lines| match lines {
        7 => 7,
        5 | 6 => 5,
        _ => 0,
    });
}

#[test]
fn two_commits_of_two_batches_cut_at_every_byte_come_back_all_or_none_of_each() {
    let mut journal = Journal::new();
    journal.append(&[&[20, 20, 20, 20, 20]]).unwrap();
    journal.append(&[&[20, 20]]).unwrap();
    cut_at_every_byte(&journal, |lines| match lines {
        7 => 7,
        5 | 6 => 5,
        _ => 0,
    });
}

#[test]
fn any_subset_of_the_last_batch_s_pages_starts_and_loses_nothing_acknowledged() {
    let mut journal = Journal::new();
    journal.append(&[&[3000, 100], &[1000]]).unwrap();
    // The batch is written, its sync never comes back.
    journal.disk.power_off_after_operations(1);
    assert!(journal.append(&[&[3000, 3000], &[2000], &[2600], &[4000, 4000, 4000]]).is_err());
    let mut counts = std::collections::BTreeSet::new();
    for seed in 0..400 {
        let disk = journal.disk.crash(seed);
        let found = Journal::start(&disk).unwrap();
        journal.check_kept(&found.acknowledged, &format!("seed {seed}"));
        counts.insert(found.acknowledged.len());
    }
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), [3, 5, 6, 7, 10]);
}

#[test]
fn after_a_torn_write_the_journal_goes_on_where_it_was_cut() {
    let mut journal = Journal::new();
    journal.append(&[&[50]]).unwrap();
    for life in 1..4 {
        journal.disk.power_off_after_bytes(700);
        assert!(journal.append_in(life, &[&[300, 300, 300]]).is_err());
        let disk = journal.disk.crash_keeping_everything();
        journal = Journal::start(&disk).unwrap();
        assert_eq!(journal.started.segments.head(), 1);
    }
    // Each torn write was another, and all are kept.
    let kept = journal.disk.list("journal").unwrap();
    assert_eq!(kept[1..], ["torn-2", "torn-2.2", "torn-2.3"]);
    journal.append(&[&[50, 50]]).unwrap();
    let again = Journal::start(&journal.disk.crash_losing_everything_unsynced()).unwrap();
    assert_eq!(again.acknowledged, journal.acknowledged);
}

#[test]
fn what_an_interrupted_roll_left_is_swept_away() {
    let mut journal = Journal::new().roll_at(100);
    journal.append(&[&[50]]).unwrap();
    // A new segment is begun: what an earlier try left is removed, a temporary file is created, and there it ends.
    journal.disk.power_off_after_operations(2);
    assert!(journal.append(&[&[50]]).is_err());
    let disk = journal.disk.crash_keeping_everything();
    assert_eq!(disk.list("journal").unwrap().len(), 2);
    assert_eq!(Journal::start(&disk).unwrap().acknowledged, journal.acknowledged);
    assert_eq!(disk.list("journal").unwrap(), ["00000000000000000001.jsonl"]);
}

#[test]
fn an_orderly_stop_leaves_nothing_to_mend() {
    let mut journal = Journal::new();
    journal.append(&[&[50], &[50, 50]]).unwrap();
    let (disk, acknowledged) = (journal.disk, journal.acknowledged);
    journal.started.stop().unwrap();
    let disk = disk.crash_losing_everything_unsynced();
    let again = Journal::start(&disk).unwrap();
    assert!(again.recovered().clean && again.recovered().cut.is_none());
    assert_eq!(again.acknowledged, acknowledged);
    assert_eq!(disk.counts().of(Operation::Rename), 0);
    // Without a stop, the next start copies the open segment.
    let after_crash = Journal::start(&disk.crash_losing_everything_unsynced()).unwrap();
    assert!(!after_crash.recovered().clean);
    assert_eq!(after_crash.disk.counts().of(Operation::Rename), 1);
}

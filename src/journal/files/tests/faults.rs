use super::super::disk::{Disk, DiskFile};
use super::super::memory_disk::Operation;
use super::*;
use std::io::ErrorKind;

fn with_three_events() -> Journal {
    let mut journal = Journal::new();
    journal.append(&[&[50], &[50, 50]]).unwrap();
    journal
}

#[test]
fn after_a_failed_sync_nothing_more_is_written() {
    let mut journal = with_three_events();
    journal.disk.fail(Operation::Sync, 1, ErrorKind::Other);
    assert!(journal.append(&[&[50]]).is_err());
    let (bytes, syncs) = (journal.disk.contents(FIRST), journal.disk.counts().of(Operation::Sync));
    let refused = journal.started.segments.append(&[]).unwrap_err().to_string();
    assert!(refused.contains("restart"), "{refused}");
    assert!(journal.started.segments.append(&[commit(1, &mut 3, &[50])]).is_err());
    assert_eq!((journal.disk.contents(FIRST), journal.disk.counts().of(Operation::Sync)), (bytes, syncs));
    assert_eq!(journal.started.segments.head(), 3);
}

#[test]
fn what_a_restart_after_a_failed_sync_believes_survives_the_next_power_cut() {
    let mut journal = with_three_events();
    journal.disk.fail(Operation::Sync, 1, ErrorKind::Other);
    assert!(journal.append(&[&[50]]).is_err());
    // The kernel still shows the pages, but never wrote them.
    let restarted = Journal::start(&journal.disk).unwrap();
    assert_eq!(restarted.acknowledged.len(), 4);
    let found = Journal::start(&journal.disk.crash_losing_everything_unsynced()).unwrap();
    assert_eq!(found.acknowledged, restarted.acknowledged);
}

#[test]
fn a_write_cut_short_is_not_acknowledged_and_not_kept() {
    for kept in [0, 1, 60, 150] {
        let mut journal = with_three_events();
        journal.disk.fail_write_after(1, kept, ErrorKind::StorageFull);
        assert_eq!(journal.append(&[&[50, 50]]).unwrap_err().kind(), ErrorKind::StorageFull);
        assert!(journal.append(&[&[50]]).is_err());
        let found = Journal::start(&journal.disk).unwrap();
        assert_eq!(found.acknowledged.len(), 3);
        assert_eq!(found.recovered().cut.as_ref().map_or(0, |cut| cut.bytes), kept as u64);
    }
}

#[test]
fn any_operation_that_fails_once_costs_nothing_acknowledged() {
    let kinds = [
        Operation::Write,
        Operation::Sync,
        Operation::SyncDir,
        Operation::Create,
        Operation::Rename,
        Operation::Remove,
        Operation::Read,
    ];
    for operation in kinds {
        for nth in 1..30 {
            let disk = MemoryDisk::new();
            let mut journal = Journal::start(&disk).unwrap().roll_at(700);
            journal.append(&[&[300]]).unwrap();
            disk.fail(operation, nth, ErrorKind::Other);
            let worked = (0..4).all(|_| journal.append(&[&[300, 10]]).is_ok() && journal.anchor().is_ok());
            // The fault may strike only now, in the start; then the next one does it.
            let found = Journal::start(&disk).or_else(|_| Journal::start(&disk)).unwrap();
            journal.check_kept(&found.acknowledged, &format!("{operation:?} {nth}"));
            assert!(!worked || found.acknowledged.len() == 9);
        }
    }
}

#[test]
fn a_second_writer_is_noticed_before_anything_is_written() {
    let mut journal = with_three_events();
    let mut other = journal.disk.open(FIRST).unwrap();
    other.write_at(other.len().unwrap(), b"x").unwrap();
    let refused = journal.append(&[&[50]]).unwrap_err().to_string();
    assert!(refused.contains("somebody else") && refused.contains(FIRST), "{refused}");
    assert!(journal.append(&[&[50]]).is_err());
}

#[test]
fn an_event_that_no_line_can_hold_is_refused_and_nothing_else_happens() {
    let mut journal = with_three_events();
    for bad in ["", "[]", "{\n}", &format!("{{{}}}", " ".repeat(70_000))] {
        let batch = [EncodedCommit { events: vec![EncodedEvent::new(bad.as_bytes().to_vec())] }];
        assert_eq!(journal.started.segments.append(&batch).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    journal.append(&[&[50]]).unwrap();
    assert_eq!(Journal::start(&journal.disk).unwrap().acknowledged.len(), 4);
}

#[test]
fn a_batch_is_one_write_and_one_sync() {
    let mut journal = with_three_events();
    let before = journal.disk.counts();
    journal.append(&[&[50], &[50, 50], &[50]]).unwrap();
    let after = journal.disk.counts();
    assert_eq!(after.of(Operation::Write) - before.of(Operation::Write), 1);
    assert_eq!(after.of(Operation::Sync) - before.of(Operation::Sync), 1);
    assert_eq!(after.changes() - before.changes(), 2);
}

#[test]
fn an_empty_batch_writes_nothing() {
    let mut journal = with_three_events();
    let before = journal.disk.counts().changes();
    let appended = journal.started.segments.append(&[EncodedCommit { events: Vec::new() }]).unwrap();
    assert_eq!((appended.head, appended.bytes, appended.rolled), (3, 0, None));
    assert_eq!(journal.disk.counts().changes(), before);
}

#[test]
fn a_journal_is_not_made_over_another() {
    let journal = with_three_events();
    let refused = Segments::create(journal.disk.clone(), "other").err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::AlreadyExists);
}

#[test]
fn the_same_holds_on_real_files() {
    let root = tempfile::tempdir().unwrap();
    let dir = super::super::data_dir::DataDir::prepare(root.path()).unwrap();
    let mut started = start(dir.disk(), "real", None).unwrap();
    started.segments = started.segments.roll_at(2000);
    let mut position = 0;
    for _ in 0..10 {
        let batch = [commit(0, &mut position, &[300, 300])];
        assert_eq!(started.segments.append(&batch).unwrap().head, position);
    }
    let mark = started.segments.mark();
    drop(started);
    // A torn line at the end, as kill -9 leaves it.
    let last = dir.path().join(super::super::header::segment_path(started_last(&dir)));
    let mut file = std::fs::OpenOptions::new().append(true).open(&last).unwrap();
    io::Write::write_all(&mut file, b"{\"crc32c\":\"").unwrap();
    let started = start(dir.disk(), "real", Some(mark)).unwrap();
    let recovered = started.recovered.as_ref().unwrap();
    assert_eq!((recovered.head, recovered.cut.as_ref().unwrap().bytes), (mark, 11));
    assert_eq!(std::fs::read(dir.path().join("journal/torn-21")).unwrap(), b"{\"crc32c\":\"");
    assert_eq!(
        started.segments.read(1).map(|entry| entry.unwrap().position).collect::<Vec<_>>(),
        (1..=20).collect::<Vec<_>>()
    );
    let mut reader = super::super::reader::SegmentReader::open(dir.path(), 20);
    assert_eq!(reader.next_entry().unwrap().unwrap().position, 20);
    started.stop().unwrap();
    assert!(start(dir.disk(), "real", Some(mark)).unwrap().recovered.unwrap().clean);
}

fn started_last(dir: &super::super::data_dir::DataDir) -> Position {
    super::super::header::list_segments(dir.disk()).unwrap().last().unwrap().first
}

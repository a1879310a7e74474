use super::super::error::ReadError;
use super::super::header::{list_segments, segment_path};
use super::super::reader::SegmentReader;
use super::*;

/// Everything a reader gives out until it says that there is no more.
fn drain(reader: &mut SegmentReader<MemoryDisk>) -> Vec<Vec<u8>> {
    std::iter::from_fn(|| reader.next_entry().unwrap()).map(|entry| entry.event).collect()
}

fn of_many_segments() -> Journal {
    let mut journal = Journal::new().roll_at(1000);
    for _ in 0..10 {
        journal.append(&[&[100, 90], &[80]]).unwrap();
    }
    assert!(list_segments(&journal.disk).unwrap().len() > 4);
    journal
}

#[test]
fn reading_begins_at_any_position_and_crosses_segments() {
    let journal = of_many_segments();
    for from in 1..=32 {
        let read: Vec<_> = journal.started.segments.read(from).map(|entry| entry.unwrap().event).collect();
        assert_eq!(read, journal.acknowledged[journal.acknowledged.len().min(from as usize - 1)..], "from {from}");
    }
}

#[test]
fn an_entry_tells_its_place_in_its_commit() {
    let journal = of_many_segments();
    let entries: Vec<_> = journal.started.segments.read(1).map(Result::unwrap).take(4).collect();
    let places: Vec<_> = entries.iter().map(|entry| (entry.position, entry.part, entry.parts, entry.durable)).collect();
    assert_eq!(places, [(1, 1, 2, 0), (2, 2, 2, 0), (3, 1, 1, 0), (4, 1, 2, 3)]);
    assert!(entries[0].commit == entries[1].commit && entries[1].commit != entries[2].commit);
}

#[test]
fn a_reader_elsewhere_sees_what_is_durable_from_any_position_and_nothing_more() {
    let mut journal = of_many_segments();
    let changes = journal.disk.counts().changes();
    for from in 1..=30 {
        let mut reader = SegmentReader::new(journal.disk.clone(), from);
        // The last batch has no later line and no anchor to vouch for it.
        assert_eq!(drain(&mut reader), journal.acknowledged[27.min(from as usize - 1)..27], "from {from}");
    }
    assert_eq!(journal.disk.counts().changes(), changes, "a reader never writes");
    let mut reader = SegmentReader::new(journal.disk.clone(), 28);
    assert_eq!(reader.next_entry().unwrap(), None);
    journal.anchor().unwrap();
    assert_eq!(drain(&mut reader), journal.acknowledged[27..]);
}

#[test]
fn a_reader_follows_across_rolls_and_restarts() {
    let disk = MemoryDisk::new();
    let mut reader = SegmentReader::new(disk.clone(), 1);
    assert_eq!(reader.next_entry().unwrap(), None);
    let mut journal = Journal::start(&disk).unwrap().roll_at(1000);
    let mut seen = drain(&mut reader);
    for round in 0..30 {
        journal.append(&[&[100, 90], &[80]]).unwrap();
        if round % 3 == 0 {
            journal.anchor().unwrap();
        }
        if round % 7 == 6 {
            journal = Journal::start(&disk).unwrap().roll_at(1000);
        }
        seen.extend(drain(&mut reader));
        assert_eq!(seen, journal.acknowledged[..seen.len()]);
        assert!(seen.len() + 3 >= journal.acknowledged.len());
    }
    journal.anchor().unwrap();
    seen.extend(drain(&mut reader));
    assert_eq!(seen, journal.acknowledged);
}

#[test]
fn a_reader_forgets_what_it_read_of_a_batch_that_was_cut() {
    let mut journal = Journal::new();
    journal.append(&[&[50], &[50]]).unwrap();
    let disk = journal.disk.clone();
    let mut reader = SegmentReader::new(disk.clone(), 1);
    assert_eq!(reader.next_entry().unwrap(), None);
    journal.append(&[&[50, 50]]).unwrap();
    assert_eq!(reader.next_entry().unwrap().unwrap().position, 1);
    // The reader has now read both batches. The second one is lost, and another written in its place.
    let length = disk.contents(FIRST).unwrap().len();
    disk.cut(FIRST, length - 10);
    let mut journal = Journal::start(&disk).unwrap();
    assert_eq!(journal.acknowledged.len(), 2);
    journal.append_in(1, &[&[50, 50], &[50]]).unwrap();
    journal.anchor().unwrap();
    assert_eq!(drain(&mut reader), journal.acknowledged[1..]);
}

#[test]
fn a_reader_waits_for_a_line_half_written_and_refuses_one_that_is_damaged() {
    let mut journal = Journal::new();
    journal.append(&[&[50], &[50]]).unwrap();
    journal.append(&[&[50]]).unwrap();
    let whole = journal.disk.contents(FIRST).unwrap();
    for length in 0..=whole.len() {
        let disk = journal.disk.copy();
        disk.cut(FIRST, length);
        let mut reader = SegmentReader::new(disk, 1);
        match reader.next_entry() {
            Ok(None) => assert!(length < whole.len()),
            Ok(Some(entry)) => assert!(entry.position == 1 && length == whole.len()),
            // Nothing is below the head of a segment that could still be in writing: it comes with the name.
            Err(error) => assert!(length < whole.iter().position(|byte| *byte == b'\n').unwrap() + 1, "{error}"),
        }
    }
    journal.anchor().unwrap();
    let last = whole.len() - 20;
    journal.disk.flip_bit(FIRST, last, 3);
    let mut reader = SegmentReader::new(journal.disk.clone(), 1);
    let read: Vec<_> = std::iter::from_fn(|| reader.next_entry().transpose()).take(3).collect();
    assert!(matches!(&read[2], Err(ReadError::Damaged(damage)) if damage.position == 3), "{read:?}");
}

#[test]
fn a_reader_says_so_where_its_segment_is_gone() {
    let journal = of_many_segments();
    super::super::disk::Disk::remove(&journal.disk, &segment_path(1)).unwrap();
    assert!(SegmentReader::new(journal.disk.clone(), 1).next_entry().is_err());
}

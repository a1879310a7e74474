use super::super::anchor::ANCHOR;
use super::super::disk::Disk;
use super::super::error::{Damage, Witness};
use super::super::header::{Header, list_segments, segment_path};
use super::*;
use crate::domain::ids::Hash;

/// Three segments; everything in them is acknowledged and anchored.
fn three_segments() -> Journal {
    let mut journal = Journal::new().roll_at(1900);
    for _ in 0..6 {
        journal.append(&[&[100, 90], &[80]]).unwrap();
    }
    journal.anchor().unwrap();
    assert_eq!(list_segments(&journal.disk).unwrap().len(), 3);
    journal
}

/// Where the line that holds the byte `at` begins.
fn line_start(bytes: &[u8], at: usize) -> u64 {
    bytes[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline as u64 + 1)
}

/// The file and offset that a refusal names.
fn place(error: &OpenError) -> (String, u64) {
    match error {
        OpenError::Damaged(Damage { file, offset, .. })
        | OpenError::Missing { file, offset, .. }
        | OpenError::StoreAhead { file, offset, .. } => (file.clone(), *offset),
        other => panic!("{other}"),
    }
}

fn refused(disk: &MemoryDisk) -> OpenError {
    Journal::start(disk).err().unwrap()
}

#[test]
fn a_flipped_bit_at_or_below_the_durable_mark_is_refused_with_file_and_offset() {
    let journal = three_segments();
    for first in firsts(&journal.disk) {
        let file = segment_path(first);
        let bytes = journal.disk.contents(&file).unwrap();
        for at in 0..bytes.len() {
            let disk = journal.disk.copy();
            // Any bit will do; this way each of the eight has its turn.
            disk.flip_bit(&file, at, (at * 5 % 8) as u8);
            let before = disk.contents(&file);
            let error = refused(&disk);
            assert_eq!(place(&error), (file.clone(), line_start(&bytes, at)), "byte {at}: {error}");
            let said = error.to_string();
            assert!(said.contains(&file) && said.contains(&format!("byte {}", line_start(&bytes, at))), "{said}");
            assert_eq!((disk.contents(&file), disk.counts().changes()), (before, 0), "the evidence was touched");
        }
    }
}

#[test]
fn later_lines_alone_prove_that_earlier_ones_were_durable() {
    let mut journal = Journal::new();
    journal.append(&[&[30], &[30, 30]]).unwrap();
    let durable = journal.disk.contents(FIRST).unwrap();
    journal.append(&[&[30]]).unwrap();
    for at in 0..durable.len() {
        let disk = journal.disk.copy();
        disk.flip_bit(FIRST, at, (at % 8) as u8);
        assert_eq!(place(&refused(&disk)), (FIRST.to_owned(), line_start(&durable, at)), "byte {at}");
    }
}

#[test]
fn a_flip_in_the_last_batch_after_an_unclean_stop_is_cut_and_said() {
    let mut journal = Journal::new();
    journal.append(&[&[30], &[30, 30]]).unwrap();
    journal.anchor().unwrap();
    let durable = journal.disk.contents(FIRST).unwrap().len();
    journal.append(&[&[30, 30]]).unwrap();
    for at in durable..journal.disk.contents(FIRST).unwrap().len() {
        let disk = journal.disk.copy();
        disk.flip_bit(FIRST, at, (at % 8) as u8);
        let found = Journal::start(&disk).unwrap();
        assert_eq!(found.acknowledged, journal.acknowledged[..3], "byte {at}");
        let cut = found.recovered().cut.clone().unwrap();
        assert_eq!((cut.position, disk.contents(&cut.file).unwrap().len() as u64), (4, cut.bytes));
        assert!(cut.why.contains("is damaged at byte"), "{}", cut.why);
    }
}

#[test]
fn after_an_orderly_stop_not_even_the_last_batch_may_differ() {
    let mut journal = Journal::new();
    journal.append(&[&[30, 30]]).unwrap();
    let disk = journal.disk.clone();
    journal.started.stop().unwrap();
    let length = disk.contents(FIRST).unwrap().len();
    disk.flip_bit(FIRST, length - 3, 1);
    assert!(matches!(refused(&disk), OpenError::Damaged(_)));
}

#[test]
fn a_flip_in_the_anchor_costs_no_event() {
    let journal = three_segments();
    for at in 0..journal.disk.contents(ANCHOR).unwrap().len() {
        let disk = journal.disk.copy();
        disk.flip_bit(ANCHOR, at, (at % 8) as u8);
        assert_eq!(Journal::start(&disk).unwrap().acknowledged, journal.acknowledged, "byte {at}");
    }
}

#[test]
fn a_tail_that_is_gone_is_missed_by_whoever_knows_of_it() {
    let mut journal = Journal::new();
    journal.append(&[&[30], &[30, 30]]).unwrap();
    let length = journal.disk.contents(FIRST).unwrap().len();
    let short = journal.mark();
    journal.append(&[&[30], &[30]]).unwrap();
    let disk = journal.disk.copy();
    disk.cut(FIRST, length);

    // Neither anchor nor store had heard of the last batch: it may never have been acknowledged.
    assert_eq!(Journal::start_with(&disk.copy(), Some(short)).unwrap().acknowledged.len(), 3);

    let error = Journal::start_with(&disk, Some(journal.mark())).err().unwrap();
    assert!(matches!(error, OpenError::StoreAhead { journal: 3, store: 5, .. }), "{error}");
    assert!(error.to_string().contains("up to 5") && error.to_string().contains("at entry 3"), "{error}");

    journal.anchor().unwrap();
    for (length, offset) in [(length, length), (length + 9, length)] {
        let disk = journal.disk.copy();
        disk.cut(FIRST, length);
        let error = refused(&disk);
        let missing = matches!(error, OpenError::Missing { first: 4, last: 5, witness: Witness::Anchor, .. });
        assert!(missing && place(&error) == (FIRST.to_owned(), offset as u64), "{error}");
    }
}

#[test]
fn a_segment_that_is_gone_is_missed_whichever_it_is() {
    let journal = three_segments();
    let firsts = firsts(&journal.disk);
    let gone = [(1, firsts[1] - 1), (firsts[1], firsts[2] - 1), (firsts[2], journal.started.segments.head())];
    for (segment, expected) in firsts.iter().zip(gone) {
        let disk = journal.disk.copy();
        disk.remove(&segment_path(*segment)).unwrap();
        match refused(&disk) {
            OpenError::Missing { first, last, .. } => assert_eq!((first, last), expected),
            other => panic!("{other}"),
        }
    }
    let disk = journal.disk.copy();
    firsts.iter().for_each(|first| disk.remove(&segment_path(*first)).unwrap());
    assert!(matches!(refused(&disk), OpenError::Missing { first: 1, last: 18, witness: Witness::Anchor, .. }));
}

#[test]
fn segments_without_an_anchor_that_can_be_read_are_refused() {
    let journal = three_segments();
    let disk = journal.disk.copy();
    disk.cut(ANCHOR, 0);
    assert!(matches!(refused(&disk), OpenError::AnchorLost(_)));
    disk.remove(ANCHOR).unwrap();
    assert!(matches!(refused(&disk), OpenError::AnchorLost(_)));
}

#[test]
fn another_root_than_the_anchor_s_or_the_store_s_is_damage_in_any_segment() {
    let journal = three_segments();
    for position in 0..=journal.started.segments.head() {
        let wrong = Mark { position, root: Hash([1; 32]) };
        let by_store = Journal::start_with(&journal.disk.copy(), Some(wrong)).err().unwrap();
        let disk = journal.disk.copy();
        super::super::anchor::Anchor::open(&disk).unwrap().0.unwrap().write(wrong, true).unwrap();
        for (error, witness) in [(by_store, "the store"), (refused(&disk), "the anchor")] {
            assert!(matches!(&error, OpenError::Damaged(damage) if damage.position == position), "{error}");
            assert!(error.to_string().contains(witness), "{error}");
        }
    }
}

#[test]
fn the_right_root_at_any_position_is_taken() {
    let journal = three_segments();
    let mut frontier = super::super::merkle::Frontier::default();
    for entry in journal.started.segments.read(1) {
        frontier.push(entry.unwrap().leaf());
        let mark = Mark { position: frontier.size(), root: frontier.root() };
        let found = Journal::start_with(&journal.disk.copy(), Some(mark)).unwrap();
        assert_eq!(found.acknowledged, journal.acknowledged);
    }
}

#[test]
fn a_head_with_another_frontier_does_not_continue_a_segment_that_was_read_in_full() {
    let journal = three_segments();
    let (disk, last) = (journal.disk.copy(), journal.started.segments.first());
    let mut foreign = super::super::merkle::Frontier::default();
    (1..last).for_each(|_| foreign.push(Hash([7; 32])));
    disk.tamper(&segment_path(last), |bytes| {
        let end = bytes.iter().position(|byte| *byte == b'\n').unwrap();
        let head = Header::decode(&bytes[..end]).unwrap();
        bytes.splice(..=end, Header { frontier: foreign, ..head }.encode());
    });
    // A mark in the segment before makes the start read that one in full.
    let entry = journal.started.segments.read(1).take(last as usize - 2);
    let mut frontier = super::super::merkle::Frontier::default();
    entry.for_each(|entry| frontier.push(entry.unwrap().leaf()));
    let mark = Mark { position: frontier.size(), root: frontier.root() };
    let error = Journal::start_with(&disk, Some(mark)).err().unwrap();
    assert_eq!(place(&error), (segment_path(last), 0), "{error}");
}

#[test]
fn lines_that_are_whole_but_out_of_place_are_damage_where_durable_and_cut_where_not() {
    let line = |durable, part, parts, position, commit: u8| {
        let id = uuid::Uuid::from_u128(commit.into());
        let mut line = Vec::new();
        let event = format!(r#"{{"position":{position},"commit":"{id}"}}"#);
        super::super::frame::encode(&mut line, durable, part, parts, event.as_bytes());
        line
    };
    let wrong = [
        ("the middle part is left out", vec![line(2, 1, 3, 3, 1), line(2, 3, 3, 4, 1)]),
        ("it begins in the middle", vec![line(2, 2, 2, 3, 1)]),
        ("the number of parts changes", vec![line(2, 1, 2, 3, 1), line(2, 2, 3, 4, 1)]),
        ("two commits are mixed", vec![line(2, 1, 2, 3, 1), line(2, 2, 2, 4, 2)]),
        ("a position is left out", vec![line(2, 1, 1, 4, 1)]),
        ("a position comes twice", vec![line(2, 1, 1, 2, 1)]),
        ("it was durable before it was written", vec![line(3, 1, 1, 3, 1)]),
    ];
    for (what, lines) in wrong {
        let mut journal = Journal::new();
        journal.append(&[&[30], &[30]]).unwrap();
        journal.disk.tamper(FIRST, |bytes| bytes.extend(lines.concat()));
        let found = Journal::start(&journal.disk.copy());
        if what.starts_with("it was durable") {
            assert!(matches!(found.err(), Some(OpenError::Damaged(_))), "{what}");
        } else {
            assert_eq!(found.unwrap().recovered().cut.as_ref().unwrap().bytes, lines.concat().len() as u64, "{what}");
        }
        journal.disk.tamper(FIRST, |bytes| bytes.extend(line(4, 1, 1, 5, 9)));
        assert!(matches!(refused(&journal.disk), OpenError::Damaged(damage) if damage.position >= 3), "{what}");
    }
}

#[test]
fn segments_of_two_journals_do_not_go_together() {
    let (journal, mut other) = (three_segments(), Journal::new().roll_at(1900));
    for _ in 0..6 {
        other.append_in(9, &[&[100, 90], &[80]]).unwrap();
    }
    for first in firsts(&journal.disk) {
        let disk = journal.disk.copy();
        let foreign = other.disk.contents(&segment_path(first)).unwrap();
        disk.tamper(&segment_path(first), |bytes| *bytes = foreign);
        assert!(matches!(refused(&disk), OpenError::Damaged(_)));
    }
}

#[test]
fn damage_that_appears_later_ends_a_read() {
    let journal = three_segments();
    let file = segment_path(firsts(&journal.disk)[1]);
    let length = journal.disk.contents(&file).unwrap().len();
    journal.disk.flip_bit(&file, length / 2, 0);
    let read: Vec<_> = journal.started.segments.read(1).collect();
    assert!(read.len() < 18 && read.last().unwrap().is_err());
    assert!(read[..read.len() - 1].iter().all(Result::is_ok));
}

//! Sealed segments: the same entries, read at the same positions, and damage found.

use super::super::disk::Disk;
use super::super::entries::open_segment;
use super::super::error::OpenError;
use super::super::frame;
use super::super::header::{index_path, list_segments, sealed_path, segment_path};
use super::super::index::{Extent, Index, IndexError, IndexedEntries, Section};
use super::super::seal::{check_sealed, seal};
use super::super::start::start;
use super::*;
use uuid::Uuid;

/// Seals every closed segment, and says where they begin.
pub(super) fn seal_all(disk: &MemoryDisk) -> Vec<Position> {
    let segments = list_segments(disk).unwrap();
    for pair in segments.windows(2).filter(|pair| !pair[0].sealed) {
        let next = open_segment(disk, pair[1].first).unwrap().header;
        seal(disk, pair[0].first, &next, &mut || Ok(())).unwrap();
    }
    segments[..segments.len() - 1].iter().map(|segment| segment.first).collect()
}

fn long_journal() -> Journal {
    let mut journal = Journal::new().roll_at(4000);
    for _ in 0..40 {
        journal.append(&[&[300], &[20, 30]]).unwrap();
    }
    journal.anchor().unwrap();
    journal
}

#[test]
fn a_sealed_journal_reads_as_it_was_written_and_its_files_are_plain_zstd() {
    let journal = long_journal();
    let texts: Vec<_> =
        firsts(&journal.disk).iter().map(|first| journal.disk.contents(&segment_path(*first)).unwrap()).collect();
    let sealed = seal_all(&journal.disk);
    assert!(sealed.len() > 3, "{sealed:?}");
    for (first, text) in sealed.iter().zip(&texts) {
        assert_eq!(journal.disk.contents(&segment_path(*first)), None);
        let compressed = journal.disk.contents(&sealed_path(*first)).unwrap();
        assert_eq!(zstd::decode_all(&*compressed).unwrap(), *text);
    }
    let store = Some(journal.mark());
    let again = Journal::start_with(&journal.disk.crash_losing_everything_unsynced(), store).unwrap();
    assert_eq!(again.acknowledged, journal.acknowledged);
    assert_eq!(again.started.segments.sealed().len(), sealed.len());
    assert_eq!(again.started.segments.bytes(), texts.iter().map(|text| text.len() as u64).sum::<u64>());
    let mut reader = super::super::reader::SegmentReader::new(journal.disk.clone(), 5);
    for event in &journal.acknowledged[4..] {
        assert_eq!(reader.next_entry().unwrap().unwrap().event, *event);
    }
}

#[test]
fn a_start_reads_no_sealed_segment_that_the_store_has_applied() {
    let journal = long_journal();
    let sealed = seal_all(&journal.disk);
    // What is not there cannot have been read: only its length counts.
    for first in &sealed {
        journal.disk.tamper(&sealed_path(*first), |bytes| bytes.fill(0));
    }
    start(&journal.disk.crash_keeping_everything(), "test", Some(journal.mark())).unwrap();

    for (store, why) in [(None, "there is no store"), (Some(0), "it is far behind")] {
        let mark = store.map(|position| Mark { position, ..journal.mark() }).filter(|mark| mark.position > 0);
        let refused = start(&journal.disk.crash_keeping_everything(), "test", mark).err().unwrap();
        assert!(matches!(&refused, OpenError::Damaged(_)), "{why}: {refused}");
        assert!(refused.to_string().contains(".jsonl.zst"), "{refused}");
    }
}

#[test]
fn a_missing_shortened_or_foreign_sealed_segment_is_refused_at_start() {
    let journal = long_journal();
    let sealed = seal_all(&journal.disk);
    let opened = |disk: &MemoryDisk| start(disk, "test", Some(journal.mark())).map(|_| ());
    for first in &sealed {
        let disk = journal.disk.crash_keeping_everything();
        disk.remove(&sealed_path(*first)).unwrap();
        let refused = opened(&disk).unwrap_err();
        assert!(matches!(refused, OpenError::Missing { .. }), "{refused}");

        let disk = journal.disk.crash_keeping_everything();
        disk.tamper(&sealed_path(*first), |bytes| bytes.truncate(bytes.len() - 1));
        let refused = opened(&disk).unwrap_err();
        assert!(matches!(refused, OpenError::Damaged(_)), "{refused}");
    }
}

#[test]
fn an_index_that_is_missing_or_damaged_is_made_again() {
    let journal = long_journal();
    let sealed = seal_all(&journal.disk);
    for first in &sealed {
        let path = index_path(*first);
        let whole = journal.disk.contents(&path).unwrap();
        let disk = journal.disk.crash_keeping_everything();
        disk.remove(&path).unwrap();
        start(&disk, "test", Some(journal.mark())).unwrap();
        assert_eq!(disk.contents(&path), Some(whole.clone()));
        for at in [0, whole.len() / 2, whole.len() - 1] {
            let disk = journal.disk.crash_keeping_everything();
            disk.tamper(&path, |bytes| bytes[at] ^= 1);
            start(&disk, "test", Some(journal.mark())).unwrap();
            // The events of these trials name nobody, so all of the index stands in its first two lines.
            assert_eq!(disk.contents(&path), Some(whole.clone()), "byte {at}");
        }
    }
}

#[test]
fn an_index_that_counts_more_records_than_there_can_be_is_made_again() {
    let journal = long_journal();
    let first = seal_all(&journal.disk)[0];
    let path = index_path(first);
    let whole = journal.disk.contents(&path).unwrap();
    let (head, line) = std::str::from_utf8(&whole).unwrap().split_once('\n').unwrap();
    let body = line.trim_end().split_once(',').unwrap().1.strip_suffix('}').unwrap();
    // A sum of which nothing is left, and a length of which next to nothing is.
    let most = u64::MAX;
    for (sessions, evidence) in [(most, 1), (most / 40 + 1, 0)] {
        let body = body.replace("\"sessions\":0", &format!("\"sessions\":{sessions}"));
        let body = body.replace("\"evidence\":0", &format!("\"evidence\":{evidence}"));
        let mut spoiled = format!("{head}\n").into_bytes();
        frame::seal(&mut spoiled, |out| out.extend_from_slice(body.as_bytes()));
        assert_ne!(spoiled, whole);
        let disk = journal.disk.crash_keeping_everything();
        disk.tamper(&path, |bytes| *bytes = spoiled);
        assert!(matches!(Index::read(&disk, first), Err(IndexError::Unusable { .. })), "{body}");
        start(&disk, "test", Some(journal.mark())).unwrap();
        assert_eq!(disk.contents(&path), Some(whole.clone()));
    }
}

#[test]
fn every_flipped_byte_of_a_sealed_segment_and_its_index_is_found_by_the_check() {
    let journal = long_journal();
    let sealed = seal_all(&journal.disk);
    let (first, second) = (sealed[0], sealed[1]);
    let next = open_segment(&journal.disk, second).unwrap().header;
    let check = |disk: &MemoryDisk| check_sealed(disk, first, &next, &mut || Ok(()));
    check(&journal.disk).unwrap();
    for path in [sealed_path(first), index_path(first)] {
        let length = journal.disk.contents(&path).unwrap().len();
        for at in 0..length {
            let disk = journal.disk.crash_keeping_everything();
            disk.tamper(&path, |bytes| bytes[at] ^= 1 << (at % 8));
            assert!(check(&disk).is_err(), "{path}, byte {at}");
        }
    }
}

#[test]
fn a_crash_at_any_operation_of_sealing_loses_nothing_and_is_taken_up() {
    let journal = long_journal();
    let firsts = firsts(&journal.disk);
    let next = open_segment(&journal.disk, firsts[1]).unwrap().header;
    let whole = journal.disk.crash_keeping_everything();
    let before = whole.counts().changes();
    seal(&whole, firsts[0], &next, &mut || Ok(())).unwrap();
    let operations = whole.counts().changes() - before;
    assert!(operations > 5, "{operations}");
    for nth in 0..=operations {
        let disk = journal.disk.crash_keeping_everything();
        disk.power_off_after_operations(nth);
        let _ = seal(&disk, firsts[0], &next, &mut || Ok(()));
        for seed in 0..8 {
            let found = disk.crash(seed);
            let mut again = Journal::start_with(&found, Some(journal.mark())).unwrap();
            assert_eq!(again.acknowledged, journal.acknowledged, "operation {nth}, seed {seed}");
            again.append(&[&[5]]).unwrap();
            seal_all(&found);
            assert!(list_segments(&found).unwrap()[0].sealed);
        }
    }
}

#[test]
fn a_damaged_closed_segment_is_never_sealed() {
    let journal = long_journal();
    let firsts = firsts(&journal.disk);
    let next = open_segment(&journal.disk, firsts[1]).unwrap().header;
    let length = journal.disk.contents(FIRST).unwrap().len();
    for at in (0..length).step_by(37) {
        let disk = journal.disk.crash_keeping_everything();
        disk.tamper(FIRST, |bytes| bytes[at] ^= 4);
        let error = seal(&disk, firsts[0], &next, &mut || Ok(())).unwrap_err();
        assert!(error.damage().is_some(), "{error}");
        assert_eq!(disk.contents(&sealed_path(1)), None);
        assert!(disk.contents(FIRST).is_some());
    }
}

#[test]
fn the_index_finds_sessions_evidence_and_accounts_across_frames() {
    let id = |n: u64| Uuid::from_u64_pair(7, n);
    let mut journal = Journal::new().roll_at(6 * 1024 * 1024);
    let event = |position: u64, stream: &str, version: u64, data: &str| {
        let commit = Uuid::from_u64_pair(1, position);
        let text = format!(
            r#"{{"position":{position},"commit":"{commit}","stream":"{stream}","version":{version},"at":"2026-01-01T00:00:{:02}.000Z","data":{data}}}"#,
            position % 60
        );
        EncodedCommit { events: vec![EncodedEvent::new(text.into_bytes())] }
    };
    let fill = "y".repeat(900);
    for n in 0..4000 {
        let position = journal.started.segments.head() + 1;
        let session = id(n % 500);
        let data = format!(r#"{{"account":"{}","generation":{},"fill":"{fill}"}}"#, id(9000 + n % 10), n / 500);
        journal.started.segments.append(&[event(position, &format!("session:{session}"), n / 500 + 1, &data)]).unwrap();
    }
    for n in 0..3000 {
        let position = journal.started.segments.head() + 1;
        let stream = format!("evidence:{}", id(n % 3));
        let data = format!(r#"{{"fill":"{fill}"}}"#);
        journal.started.segments.append(&[event(position, &stream, n / 3 + 1, &data)]).unwrap();
    }
    journal.anchor().unwrap();
    seal_all(&journal.disk);
    let index = Index::read(&journal.disk, 1).unwrap();
    assert!(index.frames.len() > 3, "{:?}", index.frames);
    let find = |section, id| index.find(&journal.disk, section, id).unwrap();
    assert_eq!(find(Section::Sessions, id(7)), Some(Extent { first: 8, last: 3508, issued: Some(7) }));
    assert_eq!(find(Section::Accounts, id(9003)), Some(Extent { first: 4, last: 3994, issued: None }));
    assert_eq!(find(Section::Evidence, id(1)).map(|extent| extent.first), Some(4002));
    for absent in [0, 500, 8999, u64::MAX] {
        assert_eq!(find(Section::Evidence, id(absent)).is_some(), absent < 3);
        assert_eq!(find(Section::Sessions, id(absent)).is_some(), absent < 500);
    }
    let extent = Extent { first: 3500, last: 3502, issued: None };
    let mut entries = IndexedEntries::open(&journal.disk, &index, &extent).unwrap();
    let positions: Vec<_> = std::iter::from_fn(|| entries.next_entry().unwrap()).map(|entry| entry.position).collect();
    assert_eq!(positions, [3500, 3501, 3502]);
    assert!(entries.is_complete());
}

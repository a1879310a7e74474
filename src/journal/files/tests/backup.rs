//! Back-ups of segments that are appended to, closed and sealed while they are copied.

use super::super::anchor::Anchor;
use super::super::backup::{
    Behind, CopiedSegments, LinkFrom, behind_anchor, check_segments, copy_segments, put_anchor,
};
use super::super::disk::Disk;
use super::super::header::{JOURNAL, SegmentName, index_path, list_segments, sealed_path};
use super::super::memory_disk::MemoryFile;
use super::super::room::Room;
use super::super::start::start;
use super::sealed::seal_all;
use super::*;
use std::sync::{Arc, Mutex};

/// What happens at one of the calls that a copy makes.
struct Meanwhile {
    calls: usize,
    at: usize,
    act: Box<dyn FnMut() + Send>,
}

/// A disk on which something happens at one call.
#[derive(Clone)]
struct Busy(MemoryDisk, Arc<Mutex<Meanwhile>>);

impl Busy {
    fn new(disk: &MemoryDisk, at: usize, act: impl FnMut() + Send + 'static) -> Self {
        Self(disk.clone(), Arc::new(Mutex::new(Meanwhile { calls: 0, at, act: Box::new(act) })))
    }

    fn calls(&self) -> usize {
        self.1.lock().unwrap().calls
    }

    fn pass(&self) -> &MemoryDisk {
        let mut meanwhile = self.1.lock().unwrap();
        meanwhile.calls += 1;
        if meanwhile.calls == meanwhile.at {
            (meanwhile.act)();
        }
        &self.0
    }
}

impl Disk for Busy {
    type File = MemoryFile;

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        self.pass().list(dir)
    }

    fn open(&self, path: &str) -> io::Result<MemoryFile> {
        panic!("{path} is opened for writing")
    }

    fn open_to_read(&self, path: &str) -> io::Result<MemoryFile> {
        self.pass().open_to_read(path)
    }

    fn create(&self, path: &str) -> io::Result<MemoryFile> {
        panic!("{path} is created")
    }

    fn create_dir(&self, path: &str) -> io::Result<()> {
        panic!("{path} is created")
    }

    fn rename(&self, from: &str, _: &str) -> io::Result<()> {
        panic!("{from} is renamed")
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        panic!("{path} is removed")
    }

    fn room(&self) -> io::Result<Room> {
        self.pass().room()
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        panic!("{dir} is synced")
    }
}

/// Some segments sealed, some closed, one open, and entries behind the anchor.
fn journal() -> Journal {
    let mut journal = Journal::new().roll_at(3000);
    for batch in 0..24 {
        journal.append(&[&[300], &[20, 30]]).unwrap();
        if batch == 12 {
            seal_all(&journal.disk);
        }
    }
    journal.anchor().unwrap();
    journal.append(&[&[7]]).unwrap();
    journal
}

fn target() -> MemoryDisk {
    let disk = MemoryDisk::new();
    disk.create_dir(JOURNAL).unwrap();
    disk.sync_dir("").unwrap();
    disk
}

/// What a back-up holds, after the power was cut when it was finished.
fn opened(to: &MemoryDisk, copied: &CopiedSegments) -> Vec<Vec<u8>> {
    put_anchor(to, copied.mark).unwrap();
    let found = to.crash_losing_everything_unsynced();
    check_segments(&found, copied.mark).unwrap();
    let started = start(&found, "", None).unwrap();
    assert!(started.recovered.as_ref().unwrap().clean);
    events(&started.segments)
}

#[test]
fn a_backup_holds_what_was_durable_whatever_happens_while_it_is_made() {
    let calls = {
        let busy = Busy::new(&journal().disk, 0, || {});
        copy_segments(&busy, &target(), None).unwrap();
        busy.calls()
    };
    assert!(calls > 20, "{calls}");
    for at in 1..=calls {
        for kind in 0..3 {
            let mut journal = journal();
            let (disk, anchored) = (journal.disk.clone(), journal.acknowledged.len() - 1);
            let acknowledged = Arc::new(Mutex::new(Vec::new()));
            let kept = acknowledged.clone();
            let busy = Busy::new(&disk, at, move || {
                for _ in 0..12 {
                    journal.append(&[&[300], &[20]]).unwrap();
                }
                if kind > 0 {
                    journal.anchor().unwrap();
                }
                if kind > 1 {
                    seal_all(&journal.disk);
                }
                kept.lock().unwrap().clone_from(&journal.acknowledged);
            });
            let to = target();
            let copied = copy_segments(&busy, &to, None).unwrap();
            let found = opened(&to, &copied);
            assert!(found.len() >= anchored, "call {at}, {kind}: {} of {anchored}", found.len());
            assert_eq!(found, acknowledged.lock().unwrap()[..found.len()], "call {at}, {kind}");
        }
    }
}

#[test]
fn what_is_written_is_known_before_the_anchor_covers_it() {
    let mut journal = journal();
    (0..3).for_each(|_| journal.append(&[&[7]]).unwrap());
    let anchored = Anchor::look(&journal.disk).unwrap().mark().unwrap().position;
    let written = journal.mark().position;
    let behind = Some(Behind { anchored, written });
    assert!(anchored + 1 < written, "{behind:?}");
    assert_eq!(behind_anchor(&journal.disk, None).unwrap(), behind);
    assert_eq!(behind_anchor(&journal.disk, Some(anchored)).unwrap(), None);

    let spoiled = journal.disk.copy();
    let open = list_segments(&spoiled).unwrap().pop().unwrap().path();
    let second = spoiled.contents(&open).unwrap().iter().position(|byte| *byte == b'\n').unwrap() + 20;
    spoiled.flip_bit(&open, second, 1);
    let shown = behind_anchor(&spoiled, None).unwrap().map_or(0, |behind| behind.written);
    assert!(shown > 0 && shown < written, "a later line calls them durable: {shown} of {written}");

    journal.anchor().unwrap();
    assert_eq!(behind_anchor(&journal.disk, None).unwrap(), None);
}

#[test]
fn files_that_an_older_backup_has_are_linked_and_others_are_not() {
    let mut journal = journal();
    let older = target();
    copy_segments(&journal.disk, &older, None).unwrap();
    journal.anchor().unwrap();
    let shared: Vec<_> = list_segments(&older).unwrap().into_iter().filter(|segment| segment.sealed).collect();
    older.tamper(&sealed_path(shared[0].first), |bytes| bytes.truncate(9));
    older.remove(&index_path(shared[1].first)).unwrap();
    let to = target();
    let mut linked = Vec::new();
    let mut link = |path: &str| {
        linked.push(path.to_owned());
        let bytes = older.contents(path).unwrap();
        to.create(path)?;
        to.tamper(path, |file| *file = bytes);
        Ok(true)
    };
    let from = LinkFrom { disk: older.clone(), link: &mut link };
    let copied = copy_segments(&journal.disk, &to, Some(from)).unwrap();
    assert_eq!(linked, shared[2..].iter().map(SegmentName::path).collect::<Vec<_>>());
    assert!(!linked.is_empty() && copied.linked > 0);
    check_segments(&to, copied.mark).unwrap();
}

#[test]
fn an_index_that_cannot_be_used_is_made_again_in_the_copy_and_damage_is_refused() {
    let journal = journal();
    let first = list_segments(&journal.disk).unwrap()[0].first;
    let disk = journal.disk.copy();
    disk.tamper(&index_path(first), |bytes| bytes[40] ^= 1);
    let before = disk.contents(&index_path(first));
    let to = target();
    let copied = copy_segments(&disk, &to, None).unwrap();
    assert_eq!(opened(&to, &copied).len() as u64, copied.mark.position);
    assert_eq!((disk.contents(&index_path(first)), to.contents(&index_path(first)).is_some()), (before, true));
    for segment in list_segments(&journal.disk).unwrap() {
        let disk = journal.disk.copy();
        disk.tamper(&segment.path(), |bytes| {
            let middle = bytes.len() / 3;
            bytes[middle] ^= 2;
        });
        let refused = copy_segments(&disk, &target(), None).unwrap_err().to_string();
        assert!(refused.contains(&segment.path()), "{refused}");
    }
}

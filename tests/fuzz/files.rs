//! The files of a data directory.

use crate::Target;
use crate::texts::golden;
use countersign::crypto::MasterKey;
use countersign::entropy::SeededEntropy;
use countersign::journal::files::anchor::Anchor;
use countersign::journal::files::disk::{Disk, DiskFile};
use countersign::journal::files::dropped::Dropped;
use countersign::journal::files::index::{Index, Section};
use countersign::journal::files::memory_disk::MemoryDisk;
use countersign::journal::files::reader::SegmentReader;
use countersign::journal::files::source::text_digest;
use countersign::journal::{KeyFile, LocalEngine, MemoryStore, StoreError, StoreHome, StoreRead, check_base};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use uuid::Uuid;

/// Names and contents of the files of a golden data directory.
type Files = Vec<(String, Vec<u8>)>;

pub fn targets() -> Vec<Target> {
    let (whole, dropped) = (read_all("whole"), read_all("dropped"));
    let mut all = vec![anchors(&whole), key_files(&whole), indexes(&whole), drops(&dropped)];
    all.push(directories("whole data directories", whole, "whole"));
    all.push(directories("data directories without their beginning", dropped, "dropped"));
    all
}

fn read_all(name: &str) -> Files {
    let root = golden().join("data-format-1").join(name);
    let mut files = Vec::new();
    collect(&root, "", &mut files);
    files.sort();
    files
}

fn collect(root: &Path, below: &str, files: &mut Files) {
    for entry in fs::read_dir(root.join(below)).unwrap() {
        let entry = entry.unwrap();
        let name = Path::new(below).join(entry.file_name()).to_str().unwrap().to_owned();
        if entry.file_type().unwrap().is_dir() {
            collect(root, &name, files);
        } else {
            files.push((name, fs::read(entry.path()).unwrap()));
        }
    }
}

fn put(disk: &MemoryDisk, path: &str, bytes: &[u8]) {
    let mut file = disk.create(path).unwrap();
    file.write_at(0, bytes).unwrap();
    file.sync_data().unwrap();
}

fn disk_with<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> MemoryDisk {
    let disk = MemoryDisk::new();
    disk.create_dir("journal").unwrap();
    disk.create_dir("keys").unwrap();
    for (path, bytes) in files {
        put(&disk, path, bytes);
    }
    disk
}

fn contents(files: &Files, name: &str) -> Vec<u8> {
    files.iter().find(|(known, _)| known == name).unwrap_or_else(|| panic!("no {name}")).1.clone()
}

fn master(name: &str) -> MasterKey {
    let text = fs::read_to_string(golden().join("data-format-1").join(format!("{name}.master.key"))).unwrap();
    MasterKey::from_text(text.trim_end()).unwrap()
}

/// Reads an input as it is, and once more with checksums that fit.
fn twice(input: &[u8], read: impl Fn(&[u8]) -> bool) -> bool {
    read(input);
    read(&sealed(input))
}

fn anchors(files: &Files) -> Target {
    Target::new("anchors", vec![contents(files, "anchor")], |input| {
        twice(input, |input| {
            let disk = disk_with([("anchor", input)]);
            let Some(mark) = Anchor::look(&disk).unwrap().mark() else { return false };
            let (anchor, _) = Anchor::open(&disk).unwrap();
            anchor.unwrap().write(mark, true).unwrap();
            assert_eq!(Anchor::look(&disk).unwrap().mark(), Some(mark), "what was written last is what is found");
            true
        })
    })
}

fn key_files(files: &Files) -> Target {
    Target::new("key files", vec![contents(files, "keys/keys")], |input| {
        let disk = disk_with([("keys/keys", input)]);
        let Ok(mut keys) = KeyFile::open(&disk, master("whole")) else { return false };
        keys.prepare(1).unwrap();
        true
    })
}

/// One index, whose segment is there as well.
fn indexes(files: &Files) -> Target {
    let text = contents(files, "journal/00000000000000000090.jsonl.zst");
    Target::new("indexes", vec![contents(files, "journal/00000000000000000090.idx")], move |input| {
        twice(input, |input| {
            let sealed = ("journal/00000000000000000090.jsonl.zst", &text[..]);
            let disk = disk_with([("journal/00000000000000000090.idx", input), sealed]);
            let Ok(index) = Index::read(&disk, 90) else { return false };
            for section in [Section::Sessions, Section::Evidence, Section::Accounts] {
                for id in [Uuid::nil(), Uuid::max(), Uuid::from_u128(u128::MAX / 2)] {
                    let _ = index.find(&disk, section, id);
                }
            }
            index.check_records(&disk).is_ok()
        })
    })
}

fn drops(files: &Files) -> Target {
    let base = files.iter().find(|(name, _)| name.starts_with("journal/base-")).unwrap().clone();
    Target::new("words about dropped history", vec![contents(files, "journal/dropped")], move |input| {
        twice(input, |input| {
            let disk = disk_with([("journal/dropped", input), (&base.0, &base.1)]);
            let Ok(Some(dropped)) = Dropped::read(&disk) else { return false };
            check_base(&disk, &dropped).is_ok()
        })
    })
}

/// A store that starts empty, so that everything is read again.
struct Empty;

impl StoreHome for Empty {
    type Store = MemoryStore;

    fn open(&mut self) -> Result<MemoryStore, StoreError> {
        Ok(MemoryStore::default())
    }

    fn was_there(&self) -> bool {
        false
    }

    fn quarantine(&mut self) -> std::io::Result<String> {
        Err(std::io::Error::other("it is always usable"))
    }
}

/// A whole directory with one file spoiled: the first byte of an input chooses which.
fn directories(name: &'static str, files: Files, golden: &'static str) -> Target {
    let samples = files.iter().enumerate().map(|(number, (_, bytes))| [&[number as u8][..], bytes].concat());
    let samples = samples.collect();
    Target::new(name, samples, move |input| {
        let Some((number, bytes)) = input.split_first() else { return false };
        let spoiled = usize::from(*number) % files.len();
        let bytes = sealed(bytes);
        let disk = disk_with(
            files
                .iter()
                .enumerate()
                .map(|(number, (path, good))| (path.as_str(), if number == spoiled { &bytes[..] } else { &good[..] })),
        );
        open(&disk, golden)
    })
    .seldom()
}

/// Starts on a directory, and reads every entry three ways.
fn open(disk: &MemoryDisk, golden: &str) -> bool {
    for first in [1, 90, 140, 211] {
        let _ = text_digest(disk, first);
    }
    let mut reader = SegmentReader::new(disk.clone(), 1);
    while reader.next_entry().is_ok_and(|entry| entry.is_some()) {}
    let entropy = SeededEntropy::new(1);
    let opened = LocalEngine::open(disk.clone(), &mut Empty, master(golden), "", 1 << 20, &entropy);
    opened.is_ok_and(|(engine, _)| {
        let store: Arc<dyn StoreRead> = countersign::journal::Engine::store(&engine);
        assert!(store.get(b"s/none").unwrap().is_none());
        true
    })
}

/// Gives every line that has a checksum the one that fits, so that what is behind the checksum is read as well.
pub fn sealed(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let from = out.len();
        out.extend_from_slice(line);
        let end = line.trim_ascii_end().len();
        if line.starts_with(b"{\"crc32c\":\"") && end > 21 {
            let sum = format!("{:08x}", crc32c::crc32c(&line[21..end]));
            out[from + 11..from + 19].copy_from_slice(sum.as_bytes());
        }
    }
    out
}

//! What the simulated disk holds: for each file and directory what is durable, and what is not yet.

use super::super::disk::parent;
use super::faults::Faults;
use std::collections::BTreeMap;
use std::io;

/// What a power cut keeps or loses as one. In bytes.
const PAGE: usize = 4096;

/// What a name stands for: a directory, or the file of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Node {
    Dir,
    File(usize),
}

type Names = BTreeMap<String, Node>;

#[derive(Debug, Clone)]
enum FileChange {
    Write { offset: usize, bytes: Vec<u8> },
    Length(usize),
}

#[derive(Debug, Clone)]
struct Unsynced {
    change: FileChange,
    /// A sync failed while it waited: the page counts as clean, and no later sync writes it.
    forgotten: bool,
}

#[derive(Debug, Clone, Default)]
pub(super) struct File {
    durable: Vec<u8>,
    unsynced: Vec<Unsynced>,
    /// What reading shows: the durable bytes with all changes.
    pub shown: Vec<u8>,
    /// Up to where room was taken ahead of writing.
    pub allocated: u64,
}

#[derive(Debug, Clone)]
enum NameChange {
    Put { path: String, node: Node },
    Remove { path: String },
    Rename { from: String, to: String, node: Node },
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub files: Vec<File>,
    pub shown: Names,
    durable: Names,
    unsynced: Vec<NameChange>,
    pub faults: Faults,
    /// The size of the disk in bytes, if it has one.
    pub capacity: Option<u64>,
    /// How many bytes may be taken at most, if there is a quota: it shows in nothing.
    pub quota: Option<u64>,
    /// How many files and directories there may be at most, if they are counted.
    pub names: Option<usize>,
}

impl FileChange {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Length(length) => bytes.resize(*length, 0),
            Self::Write { offset, bytes: new } => {
                bytes.resize(bytes.len().max(offset + new.len()), 0);
                bytes[*offset..offset + new.len()].copy_from_slice(new);
            }
        }
    }

    /// Takes over what a newer change makes of the same bytes: what was synced over them can no longer be undone by them.
    fn give_way_to(&mut self, newer: &Self) {
        let Self::Write { offset, bytes } = self else { return };
        match newer {
            Self::Length(length) => bytes.truncate(length.saturating_sub(*offset)),
            Self::Write { offset: from, bytes: new } => {
                let (start, end) = ((*offset).max(*from), (*offset + bytes.len()).min(from + new.len()));
                if start < end {
                    bytes[start - *offset..end - *offset].copy_from_slice(&new[start - from..end - from]);
                }
            }
        }
    }

    /// The change cut at the borders of pages.
    fn pages(&self) -> Vec<FileChange> {
        let Self::Write { offset, bytes } = self else { return Vec::new() };
        let mut pages = Vec::new();
        let mut from = 0;
        while from < bytes.len() {
            let to = bytes.len().min(from + PAGE - (offset + from) % PAGE);
            pages.push(Self::Write { offset: offset + from, bytes: bytes[from..to].to_vec() });
            from = to;
        }
        pages
    }
}

impl NameChange {
    fn dir(&self) -> &str {
        match self {
            Self::Put { path, .. } | Self::Remove { path } | Self::Rename { to: path, .. } => parent(path),
        }
    }

    fn apply(&self, names: &mut Names) {
        match self {
            Self::Put { path, node } => drop(names.insert(path.clone(), *node)),
            Self::Remove { path } => drop(names.remove(path)),
            Self::Rename { from, to, node } => {
                names.remove(from);
                names.insert(to.clone(), *node);
            }
        }
    }
}

impl File {
    fn settled(bytes: Vec<u8>) -> Self {
        Self { durable: bytes.clone(), unsynced: Vec::new(), shown: bytes, allocated: 0 }
    }

    fn change(&mut self, change: FileChange) {
        change.apply(&mut self.shown);
        self.unsynced.push(Unsynced { change, forgotten: false });
    }

    fn sync(&mut self) {
        let mut forgotten: Vec<Unsynced> = Vec::new();
        for waiting in std::mem::take(&mut self.unsynced) {
            if waiting.forgotten {
                forgotten.push(waiting);
            } else {
                forgotten.iter_mut().for_each(|older| older.change.give_way_to(&waiting.change));
                waiting.change.apply(&mut self.durable);
            }
        }
        self.unsynced = forgotten;
    }

    /// `draw(n)` picks one of n outcomes: 0 is always the one that keeps nothing new, n − 1 the one that keeps all.
    fn after_crash(&self, draw: &mut dyn FnMut(u64) -> u64) -> Self {
        let mut bytes = self.durable.clone();
        for page in self.unsynced.iter().flat_map(|waiting| waiting.change.pages()) {
            if draw(2) == 1 {
                page.apply(&mut bytes);
            }
        }
        let (old, new) = (self.durable.len(), self.shown.len());
        let length = match draw(3) {
            0 => old,
            1 => old.min(new) + draw(old.abs_diff(new) as u64 + 1) as usize,
            _ => new,
        };
        bytes.resize(length, 0);
        Self { allocated: self.allocated, ..Self::settled(bytes) }
    }
}

impl State {
    fn node(&self, path: &str) -> io::Result<Node> {
        let missing = || io::Error::new(io::ErrorKind::NotFound, format!("there is no {path}"));
        if path.is_empty() { Ok(Node::Dir) } else { self.shown.get(path).copied().ok_or_else(missing) }
    }

    pub fn file(&self, path: &str) -> io::Result<usize> {
        match self.node(path)? {
            Node::File(file) => Ok(file),
            Node::Dir => Err(io::Error::new(io::ErrorKind::IsADirectory, format!("{path} is a directory"))),
        }
    }

    fn dir(&self, path: &str) -> io::Result<()> {
        match self.node(path)? {
            Node::Dir => Ok(()),
            Node::File(_) => Err(io::Error::new(io::ErrorKind::NotADirectory, format!("{path} is a file"))),
        }
    }

    fn change(&mut self, change: NameChange) {
        change.apply(&mut self.shown);
        self.unsynced.push(change);
    }

    pub fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        self.dir(dir)?;
        let below = self.shown.keys().filter(|path| parent(path) == dir);
        Ok(below.map(|path| path.rsplit('/').next().unwrap_or(path).to_owned()).collect())
    }

    pub fn create(&mut self, path: &str, node: Node) -> io::Result<()> {
        self.dir(parent(path))?;
        if self.shown.contains_key(path) {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{path} is there already")));
        }
        self.change(NameChange::Put { path: path.to_owned(), node });
        Ok(())
    }

    pub fn create_file(&mut self, path: &str) -> io::Result<usize> {
        let file = self.files.len();
        self.create(path, Node::File(file))?;
        self.files.push(File::default());
        Ok(file)
    }

    pub fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let node = Node::File(self.file(from)?);
        if parent(from) != parent(to) {
            return Err(io::Error::new(io::ErrorKind::CrossesDevices, "only renamed inside one directory"));
        }
        self.change(NameChange::Rename { from: from.to_owned(), to: to.to_owned(), node });
        Ok(())
    }

    pub fn remove(&mut self, path: &str) -> io::Result<()> {
        self.file(path)?;
        self.change(NameChange::Remove { path: path.to_owned() });
        Ok(())
    }

    pub fn sync_dir(&mut self, dir: &str) -> io::Result<()> {
        self.dir(dir)?;
        for change in self.unsynced.extract_if(.., |change| change.dir() == dir) {
            change.apply(&mut self.durable);
        }
        Ok(())
    }

    pub fn bytes(&self, file: usize) -> &[u8] {
        &self.files[file].shown
    }

    pub fn write(&mut self, file: usize, offset: usize, bytes: &[u8]) {
        self.files[file].change(FileChange::Write { offset, bytes: bytes.to_vec() });
    }

    pub fn set_length(&mut self, file: usize, length: usize) {
        self.files[file].change(FileChange::Length(length));
        self.files[file].allocated = 0;
    }

    pub fn sync(&mut self, file: usize) {
        self.files[file].sync();
    }

    pub fn sync_failed(&mut self, file: usize) {
        self.files[file].unsynced.iter_mut().for_each(|waiting| waiting.forgotten = true);
    }

    pub fn tamper(&mut self, file: usize, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = std::mem::take(&mut self.files[file]).shown;
        change(&mut bytes);
        self.files[file] = File::settled(bytes);
    }

    /// What the next process finds: the same, without the faults to come.
    pub fn after_death(&self) -> Self {
        Self {
            files: self.files.clone(),
            shown: self.shown.clone(),
            durable: self.durable.clone(),
            unsynced: self.unsynced.clone(),
            faults: Faults::default(),
            ..*self
        }
    }

    /// What is found when the power is back.
    pub fn after_crash(&self, draw: &mut dyn FnMut(u64) -> u64) -> Self {
        let mut names = self.durable.clone();
        for change in &self.unsynced {
            if draw(2) == 1 {
                change.apply(&mut names);
            }
        }
        // What lies in a directory that was lost is lost with it.
        while let Some(orphan) = names.keys().find(|path| {
            let dir = parent(path);
            !dir.is_empty() && !names.contains_key(dir)
        }) {
            let orphan = orphan.clone();
            names.remove(&orphan);
        }
        let files = self.files.iter().map(|file| file.after_crash(draw)).collect();
        let capacity = self.capacity;
        Self {
            files,
            shown: names.clone(),
            durable: names,
            unsynced: Vec::new(),
            faults: Faults::default(),
            capacity,
            quota: None,
            names: None,
        }
    }
}

/// Numbers drawn from a seed (SplitMix64): the same seed, the same numbers.
pub(super) struct Draw(u64);

impl Draw {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

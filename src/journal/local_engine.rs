//! The engine of one machine: segments are the commit point, a store beside them answers look-ups, an anchor says how far
//! everything had come. On real files with sled it is the default; on a simulated disk with a store in memory the same
//! code is tried in simulation.

use super::base::{BaseError, check_base, load_base};
use super::checked_store::{CheckedStore, Condition};
use super::engine::{Batch, Engine, EngineError, StoredEntries, StoredEntry};
use super::files::anchor::{Anchor, Mark};
use super::files::disk::Disk;
use super::files::dropped::{Dropped, base_path};
use super::files::error::OpenError;
use super::files::header::list_segments;
use super::files::merkle::Frontier;
use super::files::recovery::Recovered;
use super::files::room::{self, RoomKeeper, RoomLimits, RoomSeen};
use super::files::sealed::SealedSegments;
use super::files::segments::{Prepared, Segments};
use super::files::start::{Started, start};
use super::key_file::{KeyFile, Keys, KeysError};
use super::repair::mark_of;
use super::store::{Store, StoreError, StoreRead, Update};
use crate::crypto::MasterKey;
use crate::domain::ids::{Hash, Owner, Position};
use crate::entropy::Entropy;
use std::io;
use std::sync::Arc;

/// How much waits for the store when it is written, in small entries of it: written in some milliseconds, read again by the next
/// start after a crash in as many.
const WRITE_AT: usize = 2048;

/// Opens the store, and puts one aside that cannot be used.
pub trait StoreHome {
    /// The store it opens.
    type Store: Store;

    /// Whether there is a place for a store at all. What the machine refuses is no fault of the store, and no reason to put it
    /// aside.
    ///
    /// # Errors
    /// What the machine says.
    fn check(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Opens or creates the store.
    ///
    /// # Errors
    /// Where it cannot be opened.
    fn open(&mut self) -> Result<Self::Store, StoreError>;

    /// Whether there was something of a store before [`Self::open`] was called last: if it is empty all the same, then
    /// what was in it is lost.
    fn was_there(&self) -> bool;

    /// Puts the store aside, so that the next [`Self::open`] creates an empty one. Says where it went.
    ///
    /// # Errors
    /// Where it cannot be moved.
    fn quarantine(&mut self) -> io::Result<String>;
}

/// Why an engine was not opened.
#[derive(Debug, thiserror::Error)]
pub enum EngineOpenError {
    /// The segments or the anchor.
    #[error(transparent)]
    Segments(#[from] OpenError),
    /// The keys.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The store could neither be used nor put aside.
    #[error("the store can neither be used nor put aside: {0}")]
    Store(String),
    /// The store must be rebuilt, and some of what it is rebuilt from was dropped.
    #[error(
        "the store must be rebuilt, the entries up to {through} were dropped, and {file}, which stands in for them, cannot be \
         used: {why}; copy that file from a back-up, or put the dropped segments back from their archive into journal/, \
         then start again"
    )]
    Base {
        /// The last position dropped.
        through: Position,
        /// The base.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// The machine has no place for the store.
    #[error("the data directory cannot be written: {0}; free some space or mend its permissions, then start again")]
    Place(#[source] io::Error),
    /// The operating system refused something.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// What opening found, for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What the segments were; `None` for a new journal.
    pub recovered: Option<Recovered>,
    /// Why the store was put aside, and where it went.
    pub quarantined: Option<(String, String)>,
    /// Whether there was no store beside segments that have entries.
    pub store_missing: bool,
}

/// See the module.
pub struct LocalEngine<D: Disk, S: Store> {
    segments: Segments<D>,
    anchor: Anchor<D>,
    sealed: SealedSegments<D>,
    store: CheckedStore<S>,
    /// How much waits for the store when it is written, in small entries of it.
    write_at: usize,
    keys: KeyFile<D>,
    /// Whether the last stop was not an orderly one, so that keys may be left over that no entry knows.
    crashed: bool,
    /// What the anchor says, so that it is not written again for nothing.
    marked: (Mark, bool),
    /// Looks at the disk.
    room: RoomKeeper<D>,
    /// Why nothing is written any more.
    stopped: Option<String>,
}

impl<D: Disk, S: Store> LocalEngine<D, S> {
    /// Opens the journal on a disk, or begins one with `origin`. Segments roll at `roll_at` bytes.
    ///
    /// # Errors
    /// [`EngineOpenError`]: nothing was lost, and the text says what to do.
    pub fn open<H: StoreHome<Store = S>>(
        disk: D,
        home: &mut H,
        master: MasterKey,
        origin: &str,
        roll_at: u64,
        entropy: &dyn Entropy,
    ) -> Result<(Self, Found), EngineOpenError> {
        let (store, quarantined) = open_store(&disk, home)?;
        let store_mark = (store.taken().size() > 0).then(|| mark_of(store.taken()));
        let Started { segments, anchor, recovered } = start(&disk, origin, store_mark)?;
        // Without entries no key is needed by any: a crash while a journal was begun leaves at most keys that nobody used.
        let (store, quarantined) = match quarantined {
            None if store_mark.is_none() && segments.head() > 0 && home.was_there() => {
                drop(store);
                refuse_unfillable(&disk)?;
                put_aside(home, "it opened empty, but its files were there".to_owned())?
            }
            found => (store, found),
        };
        let (store, quarantined) = stand_in(&disk, home, &segments, store, quarantined)?;
        let store_missing = store_mark.is_none() && segments.head() > 0 && quarantined.is_none();
        let keys =
            if segments.head() == 0 { KeyFile::create(&disk, master, entropy)? } else { KeyFile::open(&disk, master)? };
        let crashed = recovered.as_ref().is_some_and(|recovered| !recovered.clean);
        let marked = (segments.mark(), false);
        let segments = segments.roll_at(roll_at);
        let sealed = SealedSegments::new(disk.clone(), segments.segments()[0], segments.sealed());
        let room = RoomKeeper::idle(disk)?;
        let engine =
            Self { segments, sealed, anchor, store, write_at: WRITE_AT, keys, crashed, marked, room, stopped: None };
        Ok((engine, Found { recovered, quarantined, store_missing }))
    }

    /// Keeps room free on the disk; unless told so, the engine keeps none. Segments must roll early enough:
    /// [`RoomLimits::roll_at`].
    ///
    /// # Errors
    /// Where the disk cannot be asked, or fails.
    pub fn keep_room(mut self, limits: RoomLimits) -> io::Result<Self> {
        self.room = RoomKeeper::new(self.room.disk().clone(), limits)?;
        Ok(self)
    }

    /// Writes to the store whenever so much waits for it, in small entries of the store, and once in each interval of the anchor;
    /// unless told so, it is a few thousand.
    #[must_use]
    pub fn write_store_at(mut self, entries: usize) -> Self {
        self.write_at = entries;
        self
    }

    /// The keys, for sealing and opening.
    pub fn keys(&self) -> Arc<Keys> {
        self.keys.keys()
    }

    /// The sealed segments, as they become more.
    pub fn sealed(&self) -> SealedSegments<D> {
        self.sealed.clone()
    }

    fn write_mark(&mut self, clean: bool) -> Result<(), EngineError> {
        let mark = self.segments.mark();
        self.anchor.write(mark, clean).map_err(|source| EngineError::Io { doing: "writing the anchor", source })?;
        self.marked = (mark, clean);
        Ok(())
    }

    /// Does something that writes. After a failure nobody knows what was written, so there is no second try: a batch that
    /// the store missed, for one, would be missing in it for ever under a digest that fits.
    fn once<T>(&mut self, write: impl FnOnce(&mut Self) -> Result<T, EngineError>) -> Result<T, EngineError> {
        if let Some(why) = &self.stopped {
            return Err(EngineError::Stopped(why.clone()));
        }
        let written = write(self);
        if let Err(error) = &written
            && !matches!(error, EngineError::Full)
        {
            self.stopped = Some(error.to_string());
        }
        written
    }

    /// Takes room for everything, before the first byte: a disk that is full refuses the batch, and what is half written stops
    /// the journal. Where there is none, the reserve is there for it.
    fn make_room(&mut self, batch: &Batch) -> Result<Prepared, EngineError> {
        loop {
            let (doing, source) = match self.take_room(batch) {
                Ok(prepared) => return Ok(prepared),
                Err(failed) => failed,
            };
            if !room::was_unchanged(&source) {
                return Err(EngineError::Io { doing, source });
            }
            let refused = self.room.refuse(&source);
            if !refused.map_err(|source| EngineError::Io { doing: "giving the reserve back", source })? {
                return Err(EngineError::Full);
            }
        }
    }

    fn take_room(&mut self, batch: &Batch) -> Result<Prepared, (&'static str, io::Error)> {
        let prepared = self.segments.prepare(&batch.commits).map_err(|error| ("appending to the journal", error))?;
        self.keys.prepare(batch.keys.len()).map_err(|error| ("appending to keys/keys", error))?;
        Ok(prepared)
    }

    fn write_batch(&mut self, batch: Batch) -> Result<(), EngineError> {
        if self.marked.1 {
            // Somebody goes on after a stop: it is not clean any more, and that must be known before anything is written.
            self.write_mark(false)?;
        }
        let prepared = self.make_room(&batch)?;
        self.keys.append(&batch.keys).map_err(|source| EngineError::Io { doing: "appending to keys/keys", source })?;
        self.segments
            .write(&batch.commits, prepared)
            .map_err(|source| EngineError::Io { doing: "appending to the journal", source })?;
        // The commit point is passed: whatever fails from here on, the batch is part of the journal.
        self.store.take(batch.updates, self.segments.frontier());
        for owner in &batch.erased {
            let erased = self.keys.erase(owner);
            erased.map_err(|source| EngineError::Io { doing: "destroying a key in keys/keys", source })?;
        }
        Ok(())
    }
}

type OpenedStore<S> = (CheckedStore<S>, Option<(String, String)>);

fn open_store<D: Disk, H: StoreHome>(disk: &D, home: &mut H) -> Result<OpenedStore<H::Store>, EngineOpenError> {
    home.check().map_err(EngineOpenError::Place)?;
    let why = match home.open() {
        Ok(store) => match CheckedStore::examine(&store) {
            Condition::Whole(head) => return Ok((CheckedStore::new(store, Some(head)), None)),
            Condition::Empty => return Ok((CheckedStore::new(store, None), None)),
            Condition::Unusable(why) => why,
        },
        Err(StoreError(why)) => why,
    };
    refuse_unfillable(disk)?;
    put_aside(home, why)
}

/// Refuses where a store that is made anew could not be filled, because the first segments were dropped and their base cannot be
/// used. Before the store is put aside: a start that must fail all the same leaves it where it is, however often it is tried.
fn refuse_unfillable<D: Disk>(disk: &D) -> Result<(), EngineOpenError> {
    match list_segments(disk).map_err(OpenError::from)?.first() {
        Some(segment) if segment.first > 1 => usable_base(disk, segment.first).map(|_| ()),
        _ => Ok(()),
    }
}

/// What was dropped before the first segment that is there, where its base was read in full and can be used.
fn usable_base<D: Disk>(disk: &D, first: Position) -> Result<Dropped, EngineOpenError> {
    let unusable = |through, base, why: String| EngineOpenError::Base { through, file: base_path(base), why };
    let dropped = Dropped::before(disk, first).map_err(OpenError::from)?;
    let dropped = dropped.ok_or_else(|| unusable(first - 1, first - 1, "it is not there".to_owned()))?;
    let checked = check_base(disk, &dropped);
    checked.map_err(|error| unusable(dropped.through(), dropped.base, error.to_string()))?;
    Ok(dropped)
}

/// Fills the store from the base where it does not reach to the first segment that is there.
fn stand_in<D: Disk, H: StoreHome>(
    disk: &D,
    home: &mut H,
    segments: &Segments<D>,
    store: CheckedStore<H::Store>,
    quarantined: Option<(String, String)>,
) -> Result<OpenedStore<H::Store>, EngineOpenError> {
    let first = segments.segments().first().copied().unwrap_or(1);
    if store.taken().size() + 1 >= first {
        return Ok((store, quarantined));
    }
    // Before the store is put aside, as ever.
    let dropped = usable_base(disk, first)?;
    let why = "it does not reach to the first segment that is there".to_owned();
    let old = store.taken().size() > 0;
    drop(store);
    let quarantined = if old { put_aside(home, why)?.1 } else { quarantined };
    let empty = home.open().map_err(|StoreError(error)| EngineOpenError::Store(error))?;
    let filled = load_base(disk, &dropped, empty).map_err(|BaseError(why)| EngineOpenError::Base {
        through: dropped.through(),
        file: base_path(dropped.base),
        why,
    })?;
    Ok((filled, quarantined))
}

fn put_aside<H: StoreHome>(home: &mut H, why: String) -> Result<OpenedStore<H::Store>, EngineOpenError> {
    let put_aside = home.quarantine().map_err(|error| EngineOpenError::Store(format!("{why}; {error}")))?;
    let store = home.open().map_err(|StoreError(error)| EngineOpenError::Store(error))?;
    Ok((CheckedStore::new(store, None), Some((why, put_aside))))
}

impl<D, S> Engine for LocalEngine<D, S>
where
    D: Disk + 'static,
    D::File: 'static,
    S: Store,
{
    fn origin(&self) -> &str {
        self.segments.origin()
    }

    fn head(&self) -> Position {
        self.segments.head()
    }

    fn root(&self) -> Hash {
        self.segments.frontier().root()
    }

    fn applied(&self) -> Position {
        self.store.taken().size()
    }

    fn applied_frontier(&self) -> Frontier {
        self.store.taken().clone()
    }

    fn read(&self, from: Position) -> StoredEntries {
        Box::new(self.segments.read(from).map(|entry| match entry {
            Ok(entry) => Ok(StoredEntry {
                position: entry.position,
                commit: entry.commit,
                ends_commit: entry.part == entry.parts,
                event: entry.event,
            }),
            Err(error) => Err(EngineError::Damaged(error.to_string())),
        }))
    }

    fn catch_up(&mut self, updates: Vec<Update>, frontier: &Frontier) -> Result<(), EngineError> {
        self.store.take(updates, frontier);
        Ok(self.store.write_if(self.write_at)?)
    }

    fn shed(&mut self, updates: Vec<Update>) -> Result<(), EngineError> {
        self.once(|engine| {
            engine.store.amend(updates);
            Ok(engine.store.write_if(engine.write_at)?)
        })
    }

    fn unsealed_from(&self) -> Position {
        self.sealed.through() + 1
    }

    fn settle_keys(&mut self, owners: Vec<(Owner, bool)>) -> Result<(), EngineError> {
        let crashed = self.crashed;
        self.once(|engine| engine.keys.settle(&owners, crashed))
    }

    fn append(&mut self, batch: Batch) -> Result<(), EngineError> {
        self.once(|engine| engine.write_batch(batch))
    }

    fn begin_origin(&mut self, origin: &str) -> Result<(), EngineError> {
        self.once(|engine| {
            if engine.marked.1 {
                engine.write_mark(false)?;
            }
            let begun = engine.segments.begin_origin(origin);
            begun.map_err(|source| EngineError::Io { doing: "beginning a segment", source })
        })
    }

    fn touch(&mut self) -> Result<(), EngineError> {
        self.once(|engine| engine.write_mark(false))
    }

    fn write_behind(&mut self) -> Result<(), EngineError> {
        self.once(|engine| Ok(engine.store.write_if(engine.write_at)?))
    }

    fn mark(&mut self, clean: bool) -> Result<(), EngineError> {
        self.room.try_again();
        self.once(|engine| {
            if clean {
                engine.store.flush()?;
                let given = engine.segments.give_back();
                given.map_err(|source| EngineError::Io { doing: "closing the open segment", source })?;
            } else {
                engine.store.write()?;
            }
            if engine.marked == (engine.segments.mark(), clean) { Ok(()) } else { engine.write_mark(clean) }
        })
    }

    fn look_at_room(&mut self) -> Result<RoomSeen, EngineError> {
        self.once(|engine| {
            engine.room.look().map_err(|source| EngineError::Io { doing: "looking at the room on the disk", source })
        })
    }

    fn room(&self) -> RoomSeen {
        self.room.seen()
    }

    fn store(&self) -> Arc<dyn StoreRead> {
        self.store.reader()
    }

    fn bytes(&self) -> u64 {
        self.segments.bytes()
    }
}

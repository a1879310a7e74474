//! Opening a data directory: lock, master key, journal, clock, in the one order that is safe.

use super::offline::holds_a_journal;
use super::{World, room};
use crate::actors::{Asker, Fate, begin_journal};
use crate::clock::JudgedClock;
use crate::config::{Config, MasterKeySource};
use crate::crypto::MasterKey;
use crate::domain::command::Command;
use crate::domain::ids::{CommitId, Position, RequestId, StreamId};
use crate::domain::system::{System, SystemEvent};
use crate::domain::time::Timestamp;
use crate::domain::{Event, Expected, Proposal};
use crate::entropy::{Entropy, uuid_v7};
use crate::journal::files::check;
use crate::journal::files::data_dir::{DataDir, KEYS, refuse_if_readable_by_others};
use crate::journal::files::disk::Disk;
use crate::journal::files::header::Header;
use crate::journal::files::index::IndexError;
use crate::journal::files::real_disk::RealDisk;
use crate::journal::files::room::make_room_to_start;
use crate::journal::files::seal::reindex;
use crate::journal::files::sealed::SealedSegments;
use crate::journal::{
    AppendError, Commit, Engine, Found, History, Journal, Keeper, Keys, LocalEngine, NoHistory, SledHome, SledStore,
    check_stand_in, schema,
};
use crate::metrics::{Metrics, whole};
use std::fmt::Display;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

/// The name of this node in the journal; a fleet will have several.
pub(super) const NODE: &str = "main";

/// Why the engine did not start, in a sentence that says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StartError(pub String);

impl StartError {
    /// From what went wrong.
    pub fn new(error: &dyn Display) -> Self {
        Self(error.to_string())
    }

    /// With what went wrong first.
    pub(super) fn with(self, error: &str) -> Self {
        Self(format!("{} ({error})", self.0))
    }
}

/// How to start.
#[derive(Clone, Copy, Debug, Default)]
pub struct Start {
    /// An operator answers for the clock as it is.
    pub accept_clock: bool,
    /// Read and check every entry before anything else.
    pub check_all: bool,
    /// Record nothing of the start: for who only looks.
    pub unrecorded: bool,
}

/// A journal that is open and up to date, with what it takes to use it.
pub struct OpenedJournal {
    /// The journal.
    pub journal: Journal,
    /// Its keys.
    pub keys: Arc<Keys>,
    /// The judged clock.
    pub clock: Arc<JudgedClock>,
    /// What looks after its segments; absent for a journal in memory.
    pub keeper: Option<Keeper<RealDisk>>,
    /// Whether it was made just now.
    pub created: bool,
    /// Where archived sessions are looked up.
    pub history: Arc<dyn History>,
    /// Keeps the directory locked; absent where there is none.
    pub data: Option<DataDir>,
    /// What becomes of the process when the journal cannot go on.
    pub fate: Fate,
}

/// Opens the data directory of a configuration, or makes it. `progress` is told how far the store has been brought up.
///
/// # Errors
/// [`StartError`]: nothing was lost, and the text says what to do.
pub fn open(
    config: &Config,
    start: Start,
    world: &World,
    progress: impl FnMut(Position, Position),
) -> Result<OpenedJournal, StartError> {
    room::refuse_to_begin_without(&config.data_dir, room::limits(config))?;
    let data = DataDir::prepare(&config.data_dir).map_err(|error| StartError::new(&error))?;
    open_in(data, config, start, world, progress)
}

/// The same for a directory that is locked.
///
/// # Errors
/// As [`open`].
pub(super) fn open_in(
    data: DataDir,
    config: &Config,
    start: Start,
    world: &World,
    progress: impl FnMut(Position, Position),
) -> Result<OpenedJournal, StartError> {
    let engine = engine(&data, config, world)?;
    let disk = data.disk().clone();
    if start.check_all {
        check_all(&disk, &engine, &engine.sealed())?;
    }
    let (keys, sealed) = (engine.keys(), engine.sealed());
    let opened = start_journal(Box::new(engine), keys, start, world, progress);
    let mut opened = opened.map_err(|error| room::where_full(data.path(), room::limits(config), error))?;
    opened.data = Some(data);
    opened.history = Arc::new(sealed.clone());
    let size = disk.room().map_err(|error| StartError::new(&error))?.size;
    let low_water = room::limits(config).on(size).low_water;
    world.metrics.disk_low_water_bytes.set(whole(low_water));
    opened.keeper = Some(Keeper::new(disk, sealed).keep_free(low_water));
    Ok(opened)
}

/// Opens segments, keys and store of a directory that is locked.
pub(super) fn engine(
    data: &DataDir,
    config: &Config,
    world: &World,
) -> Result<LocalEngine<RealDisk, SledStore>, StartError> {
    let (disk, limits) = (data.disk().clone(), room::limits(config));
    make_room_to_start(&disk, limits)
        .map_err(|error| StartError::new(&error))?
        .map_err(|error| room::too_little(data.path(), &error))?;
    let is_new = !data.path().join(KEYS).join("keys").exists() && !holds_a_journal(data.path());
    let master = master_key(&config.master_key, is_new.then_some(&*world.entropy))?;
    let mut home = SledHome::new(data.store(), config.store_cache_bytes);
    let origin = format!("countersign/{}", uuid_v7(&*world.entropy, world.clock.wall()));
    let size = disk.room().map_err(|error| StartError::new(&error))?.size;
    let roll_at = limits.on(size).roll_at(config.journal.segment_bytes);
    let full = |error| room::where_full(data.path(), limits, error);
    let (engine, found) = LocalEngine::open(disk, &mut home, master, &origin, roll_at, &*world.entropy)
        .map_err(|error| full(StartError::new(&error)))?;
    tell(&found, &world.metrics);
    engine.keep_room(limits).map_err(|error| full(StartError::new(&error)))
}

/// Reads every segment and its index, and decodes every entry. An index says nothing that its segment does not say, so one that is
/// not what it should be is made again.
fn check_all(disk: &RealDisk, engine: &dyn Engine, sealed: &SealedSegments<RealDisk>) -> Result<(), StartError> {
    let mut unusable = |first, next: &Header, error: IndexError| {
        tracing::warn!(first, %error, "the index of a sealed segment was not what it should be: it is made again from the segment, which is whole");
        sealed.put(reindex(disk, first, next, &mut || Ok(()))?);
        Ok(())
    };
    let progress = |position| tracing::info!(position, "checked a segment");
    let whole = check::check_all(disk, progress, &mut unusable);
    let segments = whole.map_err(|error| StartError::new(&error))?;
    let base = check_stand_in(disk, &mut || Ok(())).map_err(|error| StartError::new(&error))?;
    if let Some(position) = base {
        tracing::info!(position, "checked the base that stands in for dropped segments");
    }
    let mut checked = 0_u64;
    for entry in engine.read(1) {
        let entry = entry.map_err(|error| StartError::new(&error))?;
        schema::decode(&entry.event).map_err(|error| StartError::new(&error))?;
        checked += 1;
    }
    tracing::info!(segments, entries = checked, "every entry of the journal was read and is whole");
    Ok(())
}

/// Brings the store up, begins the journal where it is new, judges the clock and records the start.
///
/// # Errors
/// [`StartError`]
pub fn start_journal(
    engine: Box<dyn Engine>,
    keys: Arc<Keys>,
    start: Start,
    world: &World,
    progress: impl FnMut(Position, Position),
) -> Result<OpenedJournal, StartError> {
    let (mut journal, caught_up) = Journal::open(engine, NODE, progress).map_err(|error| StartError::new(&error))?;
    if caught_up.from <= caught_up.to {
        tracing::info!(from = caught_up.from, to = caught_up.to, "brought the store up to the journal");
    }
    let created = journal.head() == 0;
    if created {
        let origin = journal.engine().origin().to_owned();
        let commit = begin_journal(&origin, &keys, world.clock.wall(), &*world.entropy).map_err(StartError)?;
        append(&mut journal, commit)?;
    }
    let system = journal.reader().system().map_err(|error| StartError::new(&error))?;
    if journal.engine().origin() != system.value.origin {
        return Err(StartError(
            "the journal was about to go on under another origin, and the command that did it was cut short: run that command \
             again"
                .to_owned(),
        ));
    }
    let last = believable_last(&system.value, journal.last_at());
    let clock = Arc::new(JudgedClock::new(world.clock.clone(), last, start.accept_clock));
    let reading = clock.read();
    let mut events = vec![SystemEvent::Started {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        last_entry_at: journal.last_at().min(reading.closing),
    }];
    if start.accept_clock {
        let before = system.value.clock_accepted.map_or(journal.last_at(), |(_, disbelieved)| disbelieved);
        let last_entry_at = journal.last_at().max(system.at).max(before);
        events.push(SystemEvent::ClockAccepted { wall: reading.wall, last_entry_at });
    }
    if !start.unrecorded {
        append(&mut journal, server_commit(events, reading.closing.max(system.at), &*world.entropy))?;
    }
    let (history, fate) = (Arc::new(NoHistory), Fate::default());
    Ok(OpenedJournal { journal, keys, clock, keeper: None, created, history, data: None, fate })
}

/// The newest instant that the clock is judged by: where an operator has accepted a clock behind the journal, what it showed
/// then, until the journal has grown past what was disbelieved.
fn believable_last(system: &System, journal_last: Timestamp) -> Timestamp {
    match system.clock_accepted {
        Some((wall, disbelieved)) if journal_last <= disbelieved => wall,
        _ => journal_last,
    }
}

pub(super) fn server_commit(events: Vec<SystemEvent>, at: Timestamp, entropy: &dyn Entropy) -> Commit {
    let id = CommitId(uuid_v7(entropy, at));
    Commit {
        id,
        at,
        context: Asker::server(RequestId(uuid_v7(entropy, at))).context(None, id, entropy),
        command: Some(Command::Server),
        proposals: vec![Proposal {
            stream: StreamId::System,
            expected: Expected::Any,
            events: events.into_iter().map(Event::System).collect(),
        }],
        keys: Vec::new(),
    }
}

pub(super) fn append(journal: &mut Journal, commit: Commit) -> Result<(), StartError> {
    for answer in journal.append(vec![commit]).map_err(|error| StartError::new(&error))? {
        answer.map_err(|error| match error {
            AppendError::Full => StartError(format!("{error}: {}", journal.room())),
            error => StartError::new(&error),
        })?;
    }
    journal.write_behind().map_err(|error| StartError::new(&error))
}

fn tell(found: &Found, metrics: &Metrics) {
    let rebuilt = |why, is: bool| metrics.store_rebuilt.with_label_values(&[why]).set(i64::from(is));
    rebuilt("damaged", found.quarantined.is_some());
    rebuilt("missing", found.store_missing);
    let torn = found.recovered.as_ref().and_then(|recovered| recovered.cut.as_ref()).map_or(0, |cut| cut.bytes);
    metrics.journal_torn_bytes.set(whole(torn));
    if let Some((why, put_aside)) = &found.quarantined {
        tracing::warn!(%why, %put_aside, "the store could not be used: it was put aside and is rebuilt from the journal");
    }
    let Some(recovered) = &found.recovered else {
        tracing::info!("a new journal was begun");
        return;
    };
    if let Some(cut) = &recovered.cut {
        tracing::warn!(
            position = cut.position, bytes = cut.bytes, kept = %cut.file, why = %cut.why,
            "a torn write that was never acknowledged was cut off the journal"
        );
    }
    tracing::info!(
        position = recovered.head.position,
        segments = recovered.segments,
        clean = recovered.clean,
        "the journal is open"
    );
}

/// Reads the master key. Where there is none it is made, if `make` says with what: only in a data directory that is new.
pub(super) fn master_key(source: &MasterKeySource, make: Option<&dyn Entropy>) -> Result<MasterKey, StartError> {
    let path = match source {
        MasterKeySource::Text(text) => {
            return MasterKey::from_text(text.expose())
                .map_err(|error| StartError(format!("COUNTERSIGN_MASTER_KEY: {error}")));
        }
        MasterKeySource::File(path) => path,
    };
    match fs::read_to_string(path) {
        Ok(text) => {
            refuse_if_readable_by_others(path).map_err(StartError)?;
            remove_second_name(path);
            let text = Zeroizing::new(text);
            MasterKey::from_text(text.trim_end()).map_err(|error| StartError(format!("{}: {error}", path.display())))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => match make {
            Some(entropy) => make_master_key(path, entropy),
            None => Err(StartError(format!(
                "the master key {} is missing, and without it this data directory cannot be read: put it back, or name it with --master-key",
                path.display()
            ))),
        },
        Err(error) => Err(StartError(format!("the master key {} cannot be read: {error}", path.display()))),
    }
}

/// The name of a master key that is being made.
fn half_name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    name.into()
}

/// Removes the other name of a master key that a crash left when it had been made: being the same file, it is nobody else's.
fn remove_second_name(path: &Path) {
    let half = half_name(path);
    let identity = |path: &Path| fs::symlink_metadata(path).map(|file| (file.dev(), file.ino()));
    let (Ok(ours), Ok(other)) = (identity(path), identity(&half)) else { return };
    if ours == other
        && let Err(error) = fs::remove_file(&half)
    {
        tracing::warn!(path = %half.display(), %error, "a second name of the master key cannot be removed: remove it");
    }
}

/// Makes a master key in a file that does not exist.
pub(super) fn make_master_key(path: &Path, entropy: &dyn Entropy) -> Result<MasterKey, StartError> {
    let failed =
        |error: std::io::Error| StartError(format!("the master key {} cannot be made: {error}", path.display()));
    let key = MasterKey::generate(entropy);
    // Under another name until it is whole: half a key would keep every later start from making one.
    let half = half_name(path);
    let line = Zeroizing::new(format!("{}\n", *key.to_text()));
    // A file that is there is left alone: it may be half a key that a crash left, and it may be somebody's.
    let made = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&half);
    let mut file = made.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => StartError(format!(
            "the master key {} cannot be made, because {} is there: where an attempt that was cut short has left it, it opens \
             nothing, so remove it; else move it away",
            path.display(),
            half.display()
        )),
        _ => failed(error),
    })?;
    let written = file.write_all(line.as_bytes()).and_then(|()| file.sync_all());
    let written = written.and_then(|()| fs::hard_link(&half, path));
    // Neither half a key nor a second name of a whole one is left lying about.
    let removed = fs::remove_file(&half);
    written.and(removed).map_err(failed)?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed)?;
    tracing::info!(path = %path.display(), "made a master key: keep a copy apart from the back-ups, nothing can be read without it");
    Ok(key)
}

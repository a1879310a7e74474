//! Mending a data directory that does not start, and giving up what nothing has any more.

use super::again::{BegunAgain, begin_again};
use super::offline::{open_journal, take_to_mend};
use super::open::{append, master_key, server_commit};
use super::{StartError, World};
use crate::config::Config;
use crate::domain::ids::Position;
use crate::domain::system::{RepairedFrom, SystemEvent};
use crate::journal::files::anchor::Anchor;
use crate::journal::files::data_dir::DataDir;
use crate::journal::files::diagnosis::{Diagnosis, diagnose};
use crate::journal::files::dropped::DROPPED;
use crate::journal::files::entries::Entry;
use crate::journal::files::error::ReadError;
use crate::journal::files::header::{SegmentName, list_segments};
use crate::journal::files::mending::{Mended, Mending};
use crate::journal::files::merkle::Frontier;
use crate::journal::files::real_disk::RealDisk;
use crate::journal::files::salvage::salvage;
use crate::journal::key_repair::{KeysMended, Owners, damaged_keys, repair_keys};
use crate::journal::repair::{
    acceptable, check_from_store, examine, give_up, mark_of, repair_from_backup, repair_from_store,
};
use crate::journal::{Journal, SledHome, SledStore, StoreHome, check_stand_in};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::Path;

/// What is wrong with a data directory, and what would help.
pub struct Findings {
    /// Segments and anchor.
    pub diagnosis: Diagnosis,
    /// Why the store cannot be used; none where it is whole.
    pub store: Option<String>,
    /// What is wrong with the base that stands in for dropped history: its file, and why.
    pub base: Option<(String, String)>,
    /// What is wrong with the keys.
    pub keys: Option<String>,
    /// What a command left unfinished.
    pub pending: Option<Mending>,
    /// Whether the store has what is wrong, or why not; `None` where it is not about what a store could have.
    pub from_store: Option<Result<(), String>>,
    /// Where a loss would be accepted, or why giving up would not help; `None` where nothing need be given up.
    pub loss: Result<Option<Position>, String>,
    /// The entries behind that, as far as anything knows of them; those that can still be read with their words.
    pub given_up: BTreeMap<Position, Option<Entry>>,
    /// Entries of damaged sealed segments that cannot be read any more, by file.
    pub unreadable: Vec<(String, Vec<Position>)>,
}

impl Findings {
    /// Whether everything is as it should be.
    pub fn is_well(&self) -> bool {
        self.diagnosis.is_well() && self.base.is_none() && self.keys.is_none() && self.pending.is_none()
    }
}

fn failed(error: impl Display) -> StartError {
    StartError::new(&error)
}

/// The store, if it is whole; why not.
fn open_store(data: &DataDir, config: &Config) -> Result<(SledStore, Frontier), String> {
    let is_there = std::fs::read_dir(data.store()).is_ok_and(|mut names| names.next().is_some());
    if !is_there {
        return Err("it is not there".to_owned());
    }
    let store = SledHome::new(data.store(), config.store_cache_bytes).open().map_err(|error| error.0)?;
    let frontier = examine(&store)?;
    Ok((store, frontier))
}

type OpenedStore = Result<(SledStore, Frontier), String>;

/// The owners of keys, as far as the store knows them.
fn owners(disk: &RealDisk, store: &OpenedStore, found: &Diagnosis) -> Result<Owners, StartError> {
    let Ok((store, frontier)) = store else { return Ok(Owners::default()) };
    let owners = Owners::of(store).map_err(failed)?;
    let starts = found.blocking().is_none() && found.anchor.is_none();
    let knows_all = starts && frontier.size() >= found.good.size();
    let crashed = !Anchor::look(disk).map_err(failed)?.clean();
    Ok(if knows_all && crashed { owners.after_a_crash() } else { owners })
}

/// Looks for everything that is wrong with the data directory of a configuration, which no server may be using. Changes nothing.
///
/// # Errors
/// [`StartError`] where it cannot be looked at.
pub fn look_for_damage(config: &Config) -> Result<Findings, StartError> {
    let data = take_to_mend(config)?;
    let disk = data.disk();
    let store = open_store(&data, config);
    let mark = store.as_ref().ok().map(|(_, frontier)| mark_of(frontier));
    let diagnosis = diagnose(disk, mark).map_err(failed)?;
    let base = match check_stand_in(disk, &mut || Ok(())) {
        Ok(_) => None,
        // What was noted of the base is in the diagnosis.
        Err(ReadError::Damaged(damage)) if damage.file == DROPPED => None,
        Err(ReadError::Damaged(damage)) => Some((damage.file, damage.why)),
        Err(ReadError::Io(error)) => return Err(failed(error)),
    };
    let keys = match damaged_keys(disk, &owners(disk, &store, &diagnosis)?).map_err(failed)? {
        None => Some("keys/keys is missing".to_owned()),
        Some(bad) if bad.is_empty() => None,
        Some(bad) => Some(format!("keys/keys is damaged at byte {}: {} records of it", bad[0] * 128, bad.len())),
    };
    let concerns_store = diagnosis.anchor.is_some() || diagnosis.faults.iter().any(|fault| !fault.is_sealed());
    let from_store = concerns_store.then(|| match &store {
        Err(why) => Err(format!("the store cannot help: {why}")),
        Ok((store, frontier)) => check_from_store(disk, &diagnosis, store, frontier).map_err(|error| error.to_string()),
    });
    let loss = acceptable(&diagnosis);
    let (given_up, unreadable) = (given_up(disk, &diagnosis)?, unreadable(disk, &diagnosis)?);
    let pending = Mending::read(disk).map_err(failed)?;
    Ok(Findings { diagnosis, store: store.err(), base, keys, pending, from_store, loss, given_up, unreadable })
}

fn given_up(disk: &RealDisk, found: &Diagnosis) -> Result<BTreeMap<Position, Option<Entry>>, StartError> {
    let good = found.good.size();
    if found.blocking().is_none() {
        return Ok(BTreeMap::new());
    }
    let mut entries: BTreeMap<_, _> = (good + 1..=found.durable).map(|position| (position, None)).collect();
    let segments = list_segments(disk).map_err(failed)?;
    for (at, segment) in segments.iter().enumerate() {
        if segments.get(at + 1).is_some_and(|next| next.first <= good + 1) {
            continue;
        }
        for (position, entry) in salvage(disk, *segment).map_err(failed)?.split_off(&(good + 1)) {
            entries.insert(position, Some(entry));
        }
    }
    Ok(entries)
}

fn unreadable(disk: &RealDisk, found: &Diagnosis) -> Result<Vec<(String, Vec<Position>)>, StartError> {
    let mut unreadable = Vec::new();
    for fault in found.faults.iter().filter(|fault| fault.is_sealed()) {
        let (Some(segment), Some(last)) = (fault.segment, fault.last) else { continue };
        let readable = salvage(disk, SegmentName { ..segment }).map_err(failed)?;
        let lost = (fault.first..=last).filter(|position| !readable.contains_key(position));
        unreadable.push((fault.file.clone(), lost.collect()));
    }
    Ok(unreadable)
}

/// What was mended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Repaired {
    /// Files of the journal.
    pub files: Vec<Mended>,
    /// Records of keys.
    pub keys: usize,
    /// What could not be mended, in words.
    pub left: Vec<String>,
}

/// Makes unsealed segments and the anchor again from the store, and records it.
///
/// # Errors
/// [`StartError`]: what cannot be mended is as it was, and what was damaged is kept.
pub fn mend_from_store(config: &Config, world: &World) -> Result<Repaired, StartError> {
    let data = take_to_mend(config)?;
    let mut mending = pending(data.disk())?;
    match open_store(&data, config) {
        Ok((store, frontier)) => {
            repair_from_store(data.disk(), &store, &frontier, &mut mending).map_err(failed)?;
        }
        // The files may all have been mended before, and only the record of it be missing.
        Err(_) if diagnose(data.disk(), None).map_err(failed)?.is_well() => {}
        Err(why) => return Err(StartError(format!("the store cannot help: {why}; nothing was changed"))),
    }
    let left = diagnose(data.disk(), None).map_err(failed)?.faults;
    let left = left.into_iter().map(|fault| format!("{}: {}", fault.file, fault.why)).collect();
    record(&data, config, world, &mending)?;
    Ok(Repaired { files: mending.mended, keys: 0, left })
}

/// Takes damaged segments and records of keys from a back-up or an archive, and records it.
///
/// # Errors
/// As [`mend_from_store`].
pub fn mend_from_backup(config: &Config, backup: &Path, world: &World) -> Result<Repaired, StartError> {
    let data = take_to_mend(config)?;
    let mut mending = pending(data.disk())?;
    let from = RealDisk::new(backup);
    if !backup.is_dir() {
        return Err(StartError(format!("{} is no directory", backup.display())));
    }
    let master = master_key(&config.master_key, None)?;
    let (keys, mut left, found) = {
        let store = open_store(&data, config);
        let mark = store.as_ref().ok().map(|(_, frontier)| mark_of(frontier));
        let left = repair_from_backup(data.disk(), &from, mark, &mut mending).map_err(failed)?;
        let found = diagnose(data.disk(), mark).map_err(failed)?;
        let owners = owners(data.disk(), &store, &found)?;
        (repair_keys(data.disk(), &from, &owners, &master).map_err(failed)?, left, found)
    };
    if found.faults.iter().any(|fault| fault.last.is_none()) || found.anchor.is_some() {
        left.push("the open segment or the anchor: no back-up has them as they were".to_owned());
    }
    // What keeps a server from starting keeps the record of it from being made: then it waits for what mends that. Which keys are
    // needed, the opening judges: whose they are, a store that is lost or behind does not tell.
    let starts = found.blocking().is_none() && found.anchor.is_none();
    match if starts { record(&data, config, world, &mending) } else { Ok(false) } {
        Ok(true) => {}
        Ok(false) => left.extend(keys_left(keys)),
        Err(error) if keys.left > 0 => left.extend(keys_left(keys).into_iter().chain([error.0])),
        Err(error) => return Err(error),
    }
    Ok(Repaired { files: mending.mended, keys: keys.taken, left })
}

/// Which damaged records of keys were not mended, and what helps.
fn keys_left(keys: KeysMended) -> Vec<String> {
    let KeysMended { left, locked, .. } = keys;
    let mut words = Vec::new();
    if left > locked {
        words.push(format!("keys/keys: {} damaged records are not in the back-up as they were here", left - locked));
    }
    if locked > 0 {
        words.push(format!(
            "keys/keys: {locked} damaged records are in the back-up, but wrapped by another master key: a back-up that was made \
             after the master key was changed helps"
        ));
    }
    words
}

fn pending(disk: &RealDisk) -> Result<Mending, StartError> {
    let mending = Mending::read(disk).map_err(failed)?.unwrap_or_default();
    if mending.loss.is_some() {
        return Err(StartError(format!(
            "giving up was begun, and it can only be finished: run `{}` again",
            mending.command()
        )));
    }
    Ok(mending)
}

/// Records what was mended, and says whether the journal was opened for it. Nothing was, nothing is recorded.
fn record(data: &DataDir, config: &Config, world: &World, mending: &Mending) -> Result<bool, StartError> {
    if mending.mended.is_empty() {
        Mending::end(data.disk()).map_err(failed)?;
        return Ok(false);
    }
    let (mut journal, _) = open_journal(data, config, world)?;
    append_mended(&mut journal, world, mending)?;
    journal.mark(true).map_err(failed)?;
    Mending::end(data.disk()).map_err(failed)?;
    Ok(true)
}

fn append_mended(journal: &mut Journal, world: &World, mending: &Mending) -> Result<(), StartError> {
    let system = journal.reader().system().map_err(failed)?;
    let at = world.clock.wall().max(system.at).max(journal.last_at());
    let events = mending.mended.iter().cloned().map(|Mended { file, backup, first, last }| SystemEvent::Repaired {
        file,
        from: if backup { RepairedFrom::Backup } else { RepairedFrom::Store },
        first,
        last,
    });
    append(journal, server_commit(events.collect(), at, &*world.entropy))
}

/// Gives up every entry behind `through`, which must be what the diagnosis names, and goes on under another origin. Says what
/// was the last position known to have been durable.
///
/// # Errors
/// [`StartError`]
pub fn accept_loss(
    config: &Config,
    through: Position,
    sessions_kept: Option<String>,
    world: &World,
) -> Result<(BegunAgain, Position), StartError> {
    let data = take_to_mend(config)?;
    let disk = data.disk();
    let mut mending = Mending::read(disk).map_err(failed)?.unwrap_or_default();
    let mark = open_store(&data, config).ok().map(|(_, frontier)| mark_of(&frontier));
    let found = diagnose(disk, mark).map_err(failed)?;
    let loss = acceptable(&found).map_err(|why| StartError(format!("giving up would not help: {why}")))?;
    match (loss, mending.loss) {
        (_, Some((good, _))) if good != through => {
            return Err(StartError(format!("giving up everything behind entry {good} was begun: name that entry")));
        }
        (Some(good), _) if good != through => {
            return Err(StartError(format!(
                "the last entry that is whole in an unbroken row is {good}: nothing else can be accepted; see \
                 `countersign journal repair`"
            )));
        }
        (None, None) => return Err(StartError("nothing is lost, so there is nothing to accept".to_owned())),
        _ => {}
    }
    if loss.is_some() {
        mending.loss = Some((through, mending.loss.map_or(found.durable, |(_, lost)| lost.max(found.durable))));
        // Before the store goes, which may be the only one that knows how much is lost.
        mending.put(disk).map_err(failed)?;
        if mark.is_some_and(|mark| mark.position > through) {
            SledHome::new(data.store(), config.store_cache_bytes).quarantine().map_err(failed)?;
        }
        give_up(disk, &found, &mut mending).map_err(failed)?;
    }
    let lost_through = mending.loss.map_or(through, |(_, lost)| lost);
    let (mut journal, keys) = open_journal(&data, config, world)?;
    if !mending.mended.is_empty() {
        append_mended(&mut journal, world, &mending)?;
        mending.mended.clear();
        mending.put(disk).map_err(failed)?;
    }
    let begun = begin_again(&mut journal, &keys, world, sessions_kept, |again| SystemEvent::LossAccepted {
        origin: again.origin.clone(),
        old_origin: again.old_origin.clone(),
        size: again.size,
        root: again.root,
        lost_through,
        sessions_kept: again.sessions_kept.clone(),
    })?;
    drop(journal);
    Mending::end(data.disk()).map_err(failed)?;
    Ok((begun, lost_through))
}

//! Copies of a data directory: back-ups and what is made from them, archives, and the end of history that is archived.

use super::again::{BegunAgain, begin_again};
use super::offline::{open_journal, take};
use super::open::{master_key, server_commit};
use super::{StartError, World};
use crate::clock::Stopwatch;
use crate::config::Config;
use crate::domain::system::SystemEvent;
use crate::domain::time::Timestamp;
use crate::journal::backup::{BackedUp, check_backup};
use crate::journal::files::archive::{self as archives, Archived, check_archived};
use crate::journal::files::backup::{
    BACKUP, Behind, LinkFrom, Marker, begin_filling, behind_anchor, copy_backup, end_filling,
};
use crate::journal::files::data_dir::{DataDir, KEYS, STORE, is_in_use, make_empty};
use crate::journal::files::disk::Disk;
use crate::journal::files::dropped::Dropped;
use crate::journal::files::header::JOURNAL;
use crate::journal::files::index::Index;
use crate::journal::files::real_disk::RealDisk;
use crate::journal::{drop_history, droppable};
use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How a back-up is to be made.
#[derive(Clone, Copy, Debug, Default)]
pub struct BackUpHow<'a> {
    /// Sealed segments that this back-up has are not copied, but get a second name.
    pub link_from: Option<&'a Path>,
    /// Where the last server was not stopped in good order: leave out what its anchor does not cover.
    pub up_to_anchor: bool,
}

/// Backs the data directory of a configuration up into a directory that is empty or absent, beside a running server or without
/// one.
///
/// # Errors
/// [`StartError`]: what was copied is no finished back-up.
pub fn back_up(config: &Config, to: &Path, how: BackUpHow<'_>, world: &World) -> Result<BackedUp, StartError> {
    let BackUpHow { link_from, up_to_anchor } = how;
    let from = source(&config.data_dir)?;
    refuse_inside(to, &config.data_dir)?;
    if let Some(older) = link_from
        && !older.join(BACKUP).exists()
    {
        return Err(StartError(format!("{} holds no finished back-up: leave --link-from out", older.display())));
    }
    let target = make_empty(to).map_err(StartError)?;
    wait_for_anchor(&from, config, up_to_anchor)?;
    let mut link = |path: &str| match std::fs::hard_link(link_from.unwrap_or(to).join(path), to.join(path)) {
        Ok(()) => Ok(true),
        Err(error) => match error.kind() {
            // Another file system, or one without second names or with too many: then it is copied.
            io::ErrorKind::CrossesDevices
            | io::ErrorKind::Unsupported
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::TooManyLinks => Ok(false),
            _ => Err(error),
        },
    };
    let older = link_from.map(|older| LinkFrom { disk: RealDisk::new(older), link: &mut link });
    let made = crate::journal::backup::back_up(&from, &target, older, world.clock.wall());
    made.map_err(|error| {
        let (from, to) = (config.data_dir.display(), to.display());
        StartError(format!(
            "{from} was not backed up: {error}. Remove {to} before you try again: it is no finished back-up"
        ))
    })
}

/// Waits until the anchor covers what was acknowledged so far: a running server writes it soon. Where none runs, nobody does, and
/// what is behind the anchor may be torn, or may have been told to somebody.
#[expect(clippy::disallowed_methods, reason = "waiting for another process; nothing else runs in this one")]
fn wait_for_anchor(from: &RealDisk, config: &Config, up_to_anchor: bool) -> Result<(), StartError> {
    let shown = config.data_dir.display();
    let watch = Stopwatch::start();
    let most = config.journal.anchor_interval.as_secs_f64() * 2.0 + 1.0;
    // Where something cannot be read, the copy itself finds it and says so.
    let mut behind = behind_anchor(from, None).ok().flatten();
    while let Some(Behind { anchored, written }) = behind {
        let runs = is_in_use(&config.data_dir).map_err(|error| StartError(format!("{shown}/lock: {error}")))?;
        // Behind that, because a server that stopped in good order has written its anchor before it let go.
        behind = behind_anchor(from, Some(written)).ok().flatten();
        if behind.is_none() || !runs && up_to_anchor {
            return Ok(());
        }
        if !runs {
            return Err(StartError(format!(
                "{shown} was not backed up, because its server was not stopped in good order: the anchor covers entry {anchored}, \
                 and the entries up to {written} would be left out, which somebody may have been answered; start the server and \
                 stop it, and the back-up is complete, or leave them out with --up-to-anchor"
            )));
        }
        if watch.seconds() > most {
            return Err(StartError(format!(
                "{shown} was not backed up, because its server has not written the anchor for {most:.0} seconds: it covers entry \
                 {anchored}, and entry {written} was there before; give this command the server's own configuration with \
                 --config, since it waits for twice the journal.anchor_interval that it finds there"
            )));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// A data directory that is only read.
fn source(path: &Path) -> Result<RealDisk, StartError> {
    let shown = path.display();
    if !path.join(JOURNAL).is_dir() {
        return Err(StartError(format!("{shown} is no data directory: name it with --data-dir")));
    }
    if path.join(BACKUP).exists() {
        return Err(StartError(format!("{shown} is a back-up itself: copy it as it is, with `cp -a`")));
    }
    DataDir::refuse_half_done(path).map_err(|error| StartError::new(&error))?;
    Ok(RealDisk::new(path))
}

fn refuse_inside(to: &Path, data_dir: &Path) -> Result<(), StartError> {
    let above = to.ancestors().find_map(|above| {
        let above = if above.as_os_str().is_empty() { Path::new(".") } else { above };
        above.canonicalize().ok()
    });
    let inside = data_dir.canonicalize().is_ok_and(|data_dir| above.is_some_and(|above| above.starts_with(data_dir)));
    if inside {
        Err(StartError(format!("{} is inside the data directory: name another", to.display())))
    } else {
        Ok(())
    }
}

/// What a restore did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// What the back-up says of itself.
    pub marker: Marker,
    /// How the journal goes on.
    pub begun: BegunAgain,
}

/// Makes the data directory of a configuration from a back-up, under another origin. The back-up is read in full before anything
/// is made, and again from the copy.
///
/// # Errors
/// [`StartError`]: a directory that was made is not served, and says so itself.
pub fn restore(
    from: &Path,
    config: &Config,
    sessions_kept: Option<String>,
    world: &World,
) -> Result<Restored, StartError> {
    let backup = RealDisk::new(from);
    let to = &config.data_dir;
    let bad = |error: &dyn Display| StartError(format!("{}: {error}; nothing was made", from.display()));
    let master = master_key(&config.master_key, None)?;
    let marker = check_backup(&backup, &master).map_err(|error| bad(&error))?;
    refuse_inside(to, from)?;
    let disk = make_empty(to).map_err(StartError)?;
    let begun = fill(&backup, &disk, &marker, config, sessions_kept, world).map_err(|error| {
        StartError(format!("{error}. {} is not complete: remove it, and run the command again", to.display()))
    })?;
    Ok(Restored { marker, begun })
}

fn fill(
    backup: &RealDisk,
    disk: &RealDisk,
    marker: &Marker,
    config: &Config,
    sessions_kept: Option<String>,
    world: &World,
) -> Result<BegunAgain, StartError> {
    let failed = |error: io::Error| StartError::new(&error);
    begin_filling(disk).map_err(failed)?;
    for dir in [JOURNAL, STORE, KEYS] {
        disk.create_dir(dir).map_err(failed)?;
    }
    disk.sync_dir("").map_err(failed)?;
    copy_backup(backup, disk, marker).map_err(failed)?;
    let data = DataDir::prepare_unfinished(&config.data_dir).map_err(|error| StartError::new(&error))?;
    let begun = {
        let (mut journal, keys) = open_journal(&data, config, world)?;
        if (journal.head(), journal.engine().root()) != (marker.mark.position, marker.mark.root) {
            return Err(StartError("the copy is not what the back-up was when it was checked".to_owned()));
        }
        begin_again(&mut journal, &keys, world, sessions_kept, |again| SystemEvent::Restored {
            origin: again.origin.clone(),
            old_origin: again.old_origin.clone(),
            size: again.size,
            root: again.root,
            sessions_kept: again.sessions_kept.clone(),
        })?
    };
    end_filling(disk).map_err(failed)?;
    Ok(begun)
}

/// Copies the sealed segments whose entries were all decided before an instant to a directory, as far as they are not there.
///
/// # Errors
/// [`StartError`]; asked again, it goes on.
pub fn archive(config: &Config, before: Timestamp, to: &Path) -> Result<Archived, StartError> {
    let from = source(&config.data_dir)?;
    refuse_inside(to, &config.data_dir)?;
    let archived = archives::sealed_before(&from, before).and_then(|segments| {
        std::fs::create_dir_all(to)?;
        archives::archive(&from, &segments, &RealDisk::new(to))
    });
    archived.map_err(|error| StartError(format!("the archive {}: {error}", to.display())))
}

/// Where history that is dropped is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DropKept {
    /// In this archive.
    Archived(PathBuf),
    /// Nowhere.
    Forever,
}

/// Drops the oldest segments of a stopped server, as far as all their entries were decided before an instant. Says what was
/// dropped, and how many segments; `None` where there is nothing to drop.
///
/// # Errors
/// [`StartError`]
pub fn drop_before(
    config: &Config,
    before: Timestamp,
    kept: &DropKept,
    world: &World,
) -> Result<Option<(Dropped, Vec<Index>)>, StartError> {
    let data = take(config)?;
    let disk = data.disk();
    let (mut journal, _) = open_journal(&data, config, world)?;
    let segments = droppable(disk, before).map_err(|error| StartError::new(&error))?;
    if segments.is_empty() {
        journal.mark(true).map_err(|error| StartError::new(&error))?;
        return Ok(None);
    }
    if let DropKept::Archived(dir) = kept {
        let archive = RealDisk::new(dir.as_path());
        for index in &segments {
            check_archived(&archive, index).map_err(|error| {
                let (dir, path) = (dir.display(), config.data_dir.display());
                StartError(format!(
                    "nothing was dropped, because the archive {dir} is not whole: {error}; run `countersign journal \
                     archive --before {before} --to {dir} --data-dir {path}` first"
                ))
            })?;
        }
    }
    let system = journal.reader().system().map_err(|error| StartError::new(&error))?;
    let at = world.clock.wall().max(system.at);
    let commit = |event| server_commit(vec![event], at, &*world.entropy);
    let dropped = drop_history(disk, journal, &segments, at, commit).map_err(|error| StartError::new(&error))?;
    Ok(Some((dropped, segments)))
}

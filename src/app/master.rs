//! Exchanging the master key of a data directory that no server uses.

use super::offline::{look, take};
use super::open::{make_master_key, master_key};
use super::{StartError, World};
use crate::config::{Config, MasterKeySource};
use crate::journal::{opens_keys, rewrap_keys};
use std::path::{Path, PathBuf};

/// Where the new master key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewMaster {
    /// Made in this file, which does not exist.
    Make(PathBuf),
    /// In this file.
    Take(PathBuf),
}

impl NewMaster {
    /// The file.
    pub fn path(&self) -> &Path {
        match self {
            Self::Make(path) | Self::Take(path) => path,
        }
    }
}

/// What became of the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rewrapped {
    /// So many were wrapped by the new master key.
    Keys(usize),
    /// The new master key opened them already.
    Before,
}

/// Wraps every key of the data directory by another master key. At any moment, a crash included, one of the two opens it; the
/// file of the old one is left alone.
///
/// # Errors
/// [`StartError`] says which of the two opens the directory, or how to find out.
pub fn new_master(config: &Config, new: &NewMaster, world: &World) -> Result<Rewrapped, StartError> {
    let path = new.path();
    refuse_place(new, &config.data_dir)?;
    let data = take(config)?;
    if let NewMaster::Take(_) = new
        && opens_keys(data.disk(), &read(path)?).map_err(|error| StartError::new(&error))?
    {
        return Ok(Rewrapped::Before);
    }
    // A journal that was left by a crash is settled first. This also tries the old key, before another is made.
    look(&data, config, world, |_| Ok(()))?;
    let old = master_key(&config.master_key, None)?;
    let new_key = match new {
        NewMaster::Make(path) => make_master_key(path, &*world.entropy)?,
        NewMaster::Take(path) => read(path)?,
    };
    let keys = rewrap_keys(data.disk(), &old, &new_key, &*world.entropy).map_err(|error| unfinished(&error, path))?;
    match opens_keys(data.disk(), &new_key) {
        Ok(true) => Ok(Rewrapped::Keys(keys)),
        Ok(false) => Err(unfinished(&"what was written does not open", path)),
        Err(error) => Err(unfinished(&error, path)),
    }
}

fn unfinished(error: &dyn std::fmt::Display, path: &Path) -> StartError {
    StartError(format!(
        "{error}; keep both master keys, one of them opens the directory: mend the disk, then run this again with \
         --from-file {}",
        path.display()
    ))
}

fn read(path: &Path) -> Result<crate::crypto::MasterKey, StartError> {
    master_key(&MasterKeySource::File(path.to_owned()), None)
}

/// A new key overwrites no file, an old one is there, and neither lies where every copy of the data would take it along.
fn refuse_place(new: &NewMaster, data_dir: &Path) -> Result<(), StartError> {
    let path = new.path();
    let refuse = |why: &str| Err(StartError(format!("{} {why}", path.display())));
    match new {
        NewMaster::Make(_) if path.exists() => {
            return refuse("exists: name a new file with --to, or use the key in it with --from-file");
        }
        NewMaster::Take(_) if !path.exists() => return refuse("does not exist: --to makes a new key in a new file"),
        NewMaster::Make(_) | NewMaster::Take(_) => {}
    }
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(directory) = directory.canonicalize() else { return refuse("is in a directory that does not exist") };
    if data_dir.canonicalize().is_ok_and(|data_dir| directory.starts_with(data_dir)) {
        return refuse("is inside the data directory: a copy of the data must not hold the key that opens it");
    }
    Ok(())
}

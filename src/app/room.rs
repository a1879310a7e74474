//! Whether there is room on the disk for a start, and the sentences where there is none.

use super::StartError;
use crate::config::Config;
use crate::journal::files::data_dir::is_laid_out;
use crate::journal::files::real_disk::room_at;
use crate::journal::files::room::{NoRoomToStart, RoomLimits};
use std::path::Path;

/// What a configuration keeps free.
pub(super) fn limits(config: &Config) -> RoomLimits {
    RoomLimits { low_water: config.journal.low_water, reserve: config.journal.reserve }
}

/// Refuses to begin a journal where there is no room for one, before anything is made.
pub(super) fn refuse_to_begin_without(path: &Path, limits: RoomLimits) -> Result<(), StartError> {
    if is_laid_out(path) {
        return Ok(());
    }
    let there = path.ancestors().find(|above| above.is_dir()).unwrap_or(Path::new("."));
    // What cannot be measured is told by whatever is tried next.
    let Ok(room) = room_at(there) else { return Ok(()) };
    let need = limits.on(room.size).enough();
    if room.free < need { Err(too_little(path, &NoRoomToStart { room, need, copy: 0 })) } else { Ok(()) }
}

/// A disk that has too little room for a start.
pub(super) fn too_little(path: &Path, error: &NoRoomToStart) -> StartError {
    StartError(format!("the data directory {} has too little room: {error}", path.display()))
}

/// Says of an error on a full disk how much must be freed.
pub(super) fn where_full(path: &Path, limits: RoomLimits, StartError(error): StartError) -> StartError {
    let Ok(room) = room_at(path) else { return StartError(error) };
    let limits = limits.on(room.size);
    if room.free >= limits.least() {
        return StartError(error);
    }
    let need = limits.low_water.max(limits.least());
    too_little(path, &NoRoomToStart { room, need, copy: 0 }).with(&error)
}

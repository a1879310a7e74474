//! Work on a data directory that no server uses: opened as a server opens it, and without doors.

use super::open::{NODE, engine, open_in};
use super::{App, Start, StartError, World};
use crate::actors::Services;
use crate::config::Config;
use crate::journal::files::anchor::ANCHOR;
use crate::journal::files::data_dir::{DataDir, DataDirError};
use crate::journal::files::header::JOURNAL;
use crate::journal::{Journal, Keys, Reader, StoreError};
use std::path::Path;
use std::sync::Arc;

/// Takes the lock of the data directory of a configuration. Nothing is made: a mistyped name is no new journal.
///
/// # Errors
/// Where the directory holds no journal, or a server uses it.
pub fn take(config: &Config) -> Result<DataDir, StartError> {
    take_with(config, DataDir::prepare)
}

/// The same for a directory that is to be mended.
///
/// # Errors
/// As [`take`].
pub(super) fn take_to_mend(config: &Config) -> Result<DataDir, StartError> {
    take_with(config, DataDir::prepare_to_mend)
}

fn take_with(
    config: &Config,
    prepare: impl FnOnce(&Path) -> Result<DataDir, DataDirError>,
) -> Result<DataDir, StartError> {
    let path = &config.data_dir;
    if !holds_a_journal(path) {
        return Err(StartError(format!("{} is no data directory: name it with --data-dir", path.display())));
    }
    prepare(path).map_err(|error| match error {
        DataDirError::InUse { path, pid } => StartError(format!(
            "the data directory {} is in use by process {pid}: this command works on a stopped server; stop it with \
             `kill {pid}`, run the command again, and start the server afterwards",
            path.display()
        )),
        error => StartError::new(&error),
    })
}

/// Whether anything of a journal is in a directory.
pub(super) fn holds_a_journal(path: &Path) -> bool {
    let segments = std::fs::read_dir(path.join(JOURNAL)).is_ok_and(|mut names| names.next().is_some());
    segments || path.join(ANCHOR).exists()
}

/// Opens the journal of a directory that is taken, as a start does: what a crash left is mended, the store is brought up to it.
///
/// # Errors
/// [`StartError`]
pub(super) fn open_journal(data: &DataDir, config: &Config, world: &World) -> Result<(Journal, Arc<Keys>), StartError> {
    let engine = engine(data, config, world)?;
    let keys = engine.keys();
    let (journal, _) = Journal::open(Box::new(engine), NODE, |_, _| ()).map_err(|error| StartError::new(&error))?;
    Ok((journal, keys))
}

/// Looks at the folded states of a directory that is taken. Recovers as a start does, and records nothing.
///
/// # Errors
/// [`StartError`]: nothing was lost, and the text says what to do.
pub fn look<T>(
    data: &DataDir,
    config: &Config,
    world: &World,
    look: impl FnOnce(&Reader) -> Result<T, StoreError>,
) -> Result<T, StartError> {
    let (mut journal, _) = open_journal(data, config, world)?;
    let seen = look(&journal.reader()).map_err(|error| StartError::new(&error));
    // Everything the start found was settled, so the next one need not recover again.
    journal.mark(true).map_err(|error| StartError::new(&error))?;
    seen
}

/// Runs the engine without sockets on a directory that is taken, lets `work` use its handles, and stops it in good order.
///
/// # Errors
/// [`StartError`] where it did not start; what the work came to is its own result.
pub fn offline<T>(
    data: DataDir,
    config: &Config,
    start: Start,
    world: &World,
    work: impl AsyncFnOnce(&Services) -> T,
) -> Result<T, StartError> {
    let opened = open_in(data, config, start, world, |_, _| ())?;
    let issuer = config.issuer_at(config.http.listen);
    actix_rt::System::new().block_on(async {
        let app = App::start(opened, config, issuer, world.metrics.clone(), world.entropy.clone())?;
        let outcome = work(&app.services).await;
        app.stop();
        Ok(outcome)
    })
}

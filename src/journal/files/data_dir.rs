//! Prepares the data directory: makes it where there is none, refuses what is not ours, and keeps others out.

use super::anchor::ANCHOR;
use super::disk::{Disk, DiskFile, put_whole};
use super::header::JOURNAL;
use super::marker::{BACKUP, UNFINISHED};
use super::mending::Mending;
use super::real_disk::RealDisk;
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The number of the layout of a data directory that this program writes, and the newest it reads.
pub const FORMAT: u32 = 1;

/// The directory of the store, inside the data directory.
pub const STORE: &str = "store";
/// The directory of wrapped data keys, inside the data directory.
pub const KEYS: &str = "keys";
/// The file that holds the number of the layout.
pub const FORMAT_FILE: &str = "format";
/// The file whose lock keeps a second process out, and which holds the process id of the first.
const LOCK: &str = "lock";

/// Why a directory was not taken as the data directory.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// It is a file, or something else.
    #[error("{0} is not a directory; give another --data-dir")]
    NotADirectory(PathBuf),
    /// Nothing can be written into it.
    #[error("the data directory {path} cannot be written to ({error}); {}", advice(.error))]
    NotWritable {
        /// The directory.
        path: PathBuf,
        /// What failed.
        error: io::Error,
    },
    /// Another process holds its lock.
    #[error("the data directory {path} is in use by process {pid}; stop that process or give another --data-dir")]
    InUse {
        /// The directory.
        path: PathBuf,
        /// The process id in the lock file, or "unknown".
        pid: String,
    },
    /// A newer version of the program wrote it.
    #[error(
        "the data directory {path} has format {found}, but this program knows formats up to {FORMAT}; use a newer version"
    )]
    NewerFormat {
        /// The directory.
        path: PathBuf,
        /// The number in its `format` file.
        found: u32,
    },
    /// Its `format` file holds no format.
    #[error("the file {0} should hold a format number and nothing else; restore it from a back-up")]
    BadFormat(PathBuf),
    /// It holds files of somebody else.
    #[error("the directory {path} is already used for something else (it holds {found}); give another --data-dir")]
    AlreadyUsed {
        /// The directory.
        path: PathBuf,
        /// A name in it that is none of ours.
        found: String,
    },
    /// It is a back-up.
    #[error(
        "{0} is a back-up, and serving it would spoil it; bring it back with `countersign journal restore --from {0} \
         --data-dir NEW`"
    )]
    Backup(PathBuf),
    /// A command that was to fill it did not come to its end.
    #[error(
        "{0} was not filled to its end by the command that began it; remove the directory and run that command again"
    )]
    Unfinished(PathBuf),
    /// A command that mends it did not come to its end.
    #[error("the data directory {path} is half mended, because `{command}` was cut short; run it again")]
    Mending {
        /// The directory.
        path: PathBuf,
        /// The command.
        command: String,
    },
    /// The disk failed.
    #[error("the data directory {path} could not be prepared ({error}); {}", advice(.error))]
    Io {
        /// The directory.
        path: PathBuf,
        /// What failed.
        error: io::Error,
    },
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ReadOnlyFilesystem => {
            "its file system is mounted read-only: mount it for writing and start again; nothing was changed, and nothing was lost"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "its file system is full: free some space and start again; nothing was lost"
        }
        _ => "make it writable for this user, or mend the disk, and start again",
    }
}

/// Whether there is a data directory of ours, complete.
pub fn is_laid_out(path: &Path) -> bool {
    path.join(FORMAT_FILE).exists()
}

/// A prepared data directory. While this value lives, no other process gets it.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    disk: RealDisk,
    /// Closing the file gives the lock back.
    _lock: File,
    created: bool,
}

impl DataDir {
    /// Takes `path` as the data directory; makes it, with all directories above it, where there is none.
    pub fn prepare(path: &Path) -> Result<Self, DataDirError> {
        make(path)?;
        refuse_copy(path)?;
        let data = Self::take(path)?;
        refuse_mending(&data.disk, path)?;
        Ok(data)
    }

    /// The same for a directory that is there and is to be mended.
    ///
    /// # Errors
    /// As [`Self::prepare`].
    pub fn prepare_to_mend(path: &Path) -> Result<Self, DataDirError> {
        refuse_copy(path)?;
        Self::take(path)
    }

    /// The same for a directory that is just being brought back from a back-up.
    ///
    /// # Errors
    /// As [`Self::prepare`].
    pub fn prepare_unfinished(path: &Path) -> Result<Self, DataDirError> {
        Self::take(path)
    }

    /// Refuses a directory that a command has not filled, or not mended, to its end. Takes and writes nothing.
    ///
    /// # Errors
    /// As [`Self::prepare`].
    pub fn refuse_half_done(path: &Path) -> Result<(), DataDirError> {
        refuse_copy(path)?;
        refuse_mending(&RealDisk::new(path), path)
    }

    fn take(path: &Path) -> Result<Self, DataDirError> {
        let failed = |error| DataDirError::Io { path: path.to_owned(), error };
        refuse_foreign(path)?;
        let lock = take_lock(path)?;
        let disk = RealDisk::new(path);
        let format = disk.find(FORMAT_FILE).map_err(failed)?;
        let created = format.is_none();
        if created {
            lay_out(&disk).map_err(failed)?;
        } else {
            check_format(&disk, path)?;
        }
        Ok(Self { path: path.to_owned(), disk, _lock: lock, created })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The files in it.
    pub fn disk(&self) -> &RealDisk {
        &self.disk
    }

    /// The directory for the store.
    pub fn store(&self) -> PathBuf {
        self.path.join(STORE)
    }

    /// Whether it was laid out just now, and so is empty.
    pub fn created(&self) -> bool {
        self.created
    }
}

/// Refuses a file with a secret that others than its owner may read; the error says what to run. What root has given to this
/// process to read and nobody may write (mode 0440) is none: systemd's credentials and mounted secrets look so.
pub fn refuse_if_readable_by_others(path: &Path) -> Result<(), String> {
    let shown = path.display();
    let metadata = fs::metadata(path).map_err(|error| format!("could not look at {shown}: {error}"))?;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 == 0 || (metadata.uid() == 0 && mode == 0o440) {
        return Ok(());
    }
    Err(format!("{shown} holds a secret but others may read it (mode {mode:04o}); run: chmod 600 {shown}"))
}

fn make(path: &Path) -> Result<(), DataDirError> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(DataDirError::NotADirectory(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Err(DataDirError::NotADirectory(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make_dirs(path).map_err(|error| DataDirError::NotWritable { path: path.to_owned(), error })
        }
        Err(error) => Err(DataDirError::Io { path: path.to_owned(), error }),
    }
}

/// Makes a directory and those above it. Their names must outlive a power cut as well as what is written below them.
fn make_dirs(path: &Path) -> io::Result<()> {
    let above = match path.parent() {
        Some(above) if above.as_os_str().is_empty() => Path::new("."),
        Some(above) => above,
        None => return Ok(()),
    };
    if !above.exists() {
        make_dirs(above)?;
    }
    DirBuilder::new().mode(0o700).create(path)?;
    File::open(above)?.sync_all()
}

/// What a command copies into a directory is none to be written to, before it is whole and, for a back-up, afterwards.
fn refuse_copy(path: &Path) -> Result<(), DataDirError> {
    if path.join(BACKUP).exists() {
        return Err(DataDirError::Backup(path.to_owned()));
    }
    if path.join(UNFINISHED).exists() {
        return Err(DataDirError::Unfinished(path.to_owned()));
    }
    Ok(())
}

fn refuse_mending(disk: &RealDisk, path: &Path) -> Result<(), DataDirError> {
    match Mending::read(disk) {
        Ok(None) => Ok(()),
        Ok(Some(mending)) => Err(DataDirError::Mending { path: path.to_owned(), command: mending.command() }),
        Err(error) => Err(DataDirError::Io { path: path.to_owned(), error }),
    }
}

/// Whether a process holds the lock of a data directory. Nothing is written.
///
/// # Errors
/// Where the lock cannot be asked.
pub fn is_in_use(path: &Path) -> io::Result<bool> {
    let lock = match File::open(path.join(LOCK)) {
        Ok(lock) => lock,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    match flock(&lock, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(false),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// Makes a directory for its owner alone, to be filled by a command. It must be absent or empty, but for what a file system puts
/// into its top directory.
///
/// # Errors
/// In words, where it is used or cannot be made.
pub fn make_empty(path: &Path) -> Result<RealDisk, String> {
    let shown = path.display();
    make(path).map_err(|error| error.to_string())?;
    let disk = RealDisk::new(path);
    let names = disk.list("").map_err(|error| error.to_string())?;
    if let Some(found) = names.iter().find(|name| *name != "lost+found") {
        return Err(format!(
            "{shown} is not empty (it holds {found}): name a directory that is empty, or is not there"
        ));
    }
    fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(|error| format!("{shown}: {error}"))?;
    Ok(disk)
}

/// A directory without a format file must be empty, or what an interrupted first start leaves behind.
fn refuse_foreign(path: &Path) -> Result<(), DataDirError> {
    let disk = RealDisk::new(path);
    let foreign = || -> io::Result<Option<String>> {
        let names = disk.list("")?;
        if names.iter().any(|name| name == FORMAT_FILE) {
            return Ok(None);
        }
        for name in names {
            let ours = match name.as_str() {
                LOCK | "format.tmp" | "lost+found" => true,
                JOURNAL | STORE | KEYS => disk.path(&name).is_dir() && disk.list(&name)?.is_empty(),
                _ => false,
            };
            if !ours {
                return Ok(Some(name));
            }
        }
        Ok(None)
    };
    match foreign() {
        Ok(None) => Ok(()),
        // Ours, and the format file is what somebody else took away.
        Ok(Some(_)) if path.join(ANCHOR).exists() => Err(DataDirError::BadFormat(path.join(FORMAT_FILE))),
        Ok(Some(found)) => Err(DataDirError::AlreadyUsed { path: path.to_owned(), found }),
        Err(error) => Err(DataDirError::Io { path: path.to_owned(), error }),
    }
}

/// Takes the lock of a file, for which it waits up to ten milliseconds so many times.
#[expect(clippy::disallowed_methods, reason = "waiting for somebody who is about to end, before anything else runs")]
pub(in crate::journal) fn try_lock(lock: &File, tries: u32) -> rustix::io::Result<()> {
    for _ in 0..tries {
        match flock(lock, FlockOperation::NonBlockingLockExclusive) {
            Err(rustix::io::Errno::WOULDBLOCK) => std::thread::sleep(Duration::from_millis(10)),
            locked => return locked,
        }
    }
    flock(lock, FlockOperation::NonBlockingLockExclusive)
}

fn take_lock(path: &Path) -> Result<File, DataDirError> {
    let not_writable = |error| DataDirError::NotWritable { path: path.to_owned(), error };
    let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).to_owned();
    let mut lock = options.open(path.join(LOCK)).map_err(not_writable)?;
    // More than once, because `is_in_use` holds it for a moment.
    if let Err(error) = try_lock(&lock, 5) {
        if error != rustix::io::Errno::WOULDBLOCK {
            return Err(DataDirError::Io { path: path.to_owned(), error: error.into() });
        }
        let mut pid = String::new();
        // The other process may just be writing it: then its number is not known, but that it is there is.
        let read = lock.read_to_string(&mut pid).is_ok() && pid.trim().parse::<u32>().is_ok();
        let pid = if read { pid.trim().to_owned() } else { "unknown".to_owned() };
        return Err(DataDirError::InUse { path: path.to_owned(), pid });
    }
    // Over what stands there, and cut only then: on a full disk there may be no room for what was given away.
    let mut write_pid = || {
        lock.rewind()?;
        writeln!(lock, "{}", std::process::id())?;
        let length = lock.stream_position()?;
        lock.set_len(length)
    };
    write_pid().map_err(not_writable)?;
    Ok(lock)
}

/// Makes the layout. The format file comes last: a directory that has one is complete.
fn lay_out(disk: &RealDisk) -> io::Result<()> {
    // A directory that was there, and empty, is ours from now on.
    fs::set_permissions(disk.path(""), Permissions::from_mode(0o700))?;
    for dir in [JOURNAL, STORE, KEYS] {
        match disk.create_dir(dir) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => made?,
        }
    }
    put_whole(disk, FORMAT_FILE, |file| file.write_at(0, format!("{FORMAT}\n").as_bytes()))
}

fn check_format(disk: &RealDisk, path: &Path) -> Result<(), DataDirError> {
    let text = disk.read(FORMAT_FILE).map_err(|error| DataDirError::Io { path: path.to_owned(), error })?;
    let text = String::from_utf8_lossy(&text);
    match text.strip_suffix('\n').and_then(|number| number.parse().ok()) {
        Some(FORMAT) => Ok(()),
        Some(found) if found > FORMAT => Err(DataDirError::NewerFormat { path: path.to_owned(), found }),
        _ => Err(DataDirError::BadFormat(path.join(FORMAT_FILE))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn an_absent_directory_is_made_with_its_layout_for_its_owner_alone() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("deep/data");
        let dir = DataDir::prepare(&path).unwrap();
        assert!(dir.created());
        for below in ["", JOURNAL, STORE, KEYS] {
            assert_eq!(mode(&path.join(below)), 0o700, "{below}");
        }
        assert_eq!(mode(&path.join(LOCK)), 0o600);
        assert_eq!(
            (mode(&path.join(FORMAT_FILE)), fs::read_to_string(path.join(FORMAT_FILE)).unwrap()),
            (0o600, "1\n".into())
        );
        drop(dir);
        assert!(!DataDir::prepare(&path).unwrap().created());
    }

    #[test]
    fn a_second_taker_is_told_who_has_it_until_the_first_lets_go() {
        let root = tempfile::tempdir().unwrap();
        let dir = DataDir::prepare(root.path()).unwrap();
        let refused = DataDir::prepare(root.path()).unwrap_err().to_string();
        assert!(refused.contains(&format!("in use by process {}", std::process::id())), "{refused}");
        drop(dir);
        DataDir::prepare(root.path()).unwrap();
    }

    #[test]
    fn a_newer_format_is_refused_by_its_number_and_no_format_at_all_by_its_file() {
        let root = tempfile::tempdir().unwrap();
        drop(DataDir::prepare(root.path()).unwrap());
        fs::write(root.path().join(ANCHOR), "").unwrap();
        for (text, expected) in [("7\n", "has format 7"), ("0\n", "format number"), ("", "format number")] {
            fs::write(root.path().join(FORMAT_FILE), text).unwrap();
            let refused = DataDir::prepare(root.path()).unwrap_err().to_string();
            assert!(refused.contains(expected), "{refused}");
        }
        fs::remove_file(root.path().join(FORMAT_FILE)).unwrap();
        assert!(matches!(DataDir::prepare(root.path()), Err(DataDirError::BadFormat(_))));
    }

    #[test]
    fn a_directory_with_files_of_somebody_else_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("thesis.txt"), "years of work").unwrap();
        let refused = DataDir::prepare(root.path()).unwrap_err().to_string();
        assert!(refused.contains("thesis.txt"), "{refused}");
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_an_interrupted_first_start_left_is_completed() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join(JOURNAL)).unwrap();
        fs::write(root.path().join(LOCK), "12345678 and some more").unwrap();
        fs::write(root.path().join("format.tmp"), "").unwrap();
        assert!(DataDir::prepare(root.path()).unwrap().created());
    }

    #[test]
    fn a_file_is_no_data_directory() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        fs::write(&file, "").unwrap();
        for path in [file.clone(), file.join("below")] {
            assert!(matches!(DataDir::prepare(&path), Err(DataDirError::NotADirectory(_))), "{path:?}");
        }
    }

    #[test]
    fn a_directory_whose_lock_cannot_be_written_is_not_writable() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join(LOCK)).unwrap();
        let refused = DataDir::prepare(root.path()).unwrap_err();
        assert!(matches!(refused, DataDirError::NotWritable { .. }), "{refused}");
    }

    #[test]
    fn a_secret_that_others_may_read_is_refused_with_the_command_that_mends_it() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("master.key");
        fs::write(&path, "").unwrap();
        let roots = rustix::process::geteuid().is_root();
        let modes = [(0o600, false), (0o400, false), (0o440, !roots), (0o640, true), (0o604, true), (0o444, true)];
        for (mode, refused) in modes {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let result = refuse_if_readable_by_others(&path);
            assert_eq!(result.is_err(), refused, "{mode:o}");
            assert!(result.err().is_none_or(|why| why.contains(&format!("chmod 600 {}", path.display()))));
        }
    }
}

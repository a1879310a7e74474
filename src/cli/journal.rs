//! `countersign journal`: copies of the journal, and the end of its oldest history.

use super::diagnostics::print;
use super::{Common, Failure, diagnostics, repair};
use crate::app::{self, BackUpHow, DropKept, World};
use crate::config::Config;
use crate::domain::time::Timestamp;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Subcommand)]
pub enum Command {
    /// Copy all that a server needs to be brought back, but for the master key; beside a running server
    #[command(after_help = BACKUP_HELP)]
    Backup(Backup),
    /// Make a new data directory from a back-up; ends every session unless told otherwise
    #[command(after_help = RESTORE_HELP)]
    Restore(Restore),
    /// Copy old sealed segments to an archive and remove nothing, beside a running server
    #[command(after_help = ARCHIVE_HELP)]
    Archive(Archive),
    /// Remove old sealed segments for good from a stopped server's data directory
    #[command(after_help = DROP_HELP)]
    Drop(Drop),
    /// Say what is wrong with a stopped server's data directory, or mend it
    #[command(after_help = repair::HELP)]
    Repair(repair::Repair),
    /// Give up what is lost for good, and go on without it
    #[command(after_help = repair::ACCEPT_HELP)]
    AcceptLoss(repair::AcceptLoss),
}

pub const HELP: &str = "\
Beside a running server: backup, archive. With the server stopped: restore, drop, repair, accept-loss.
The journal is a row of segments. Those that are full are sealed by the server: compressed, and not written again.
`countersign journal COMMAND --help` shows examples, docs/OPERATIONS.md when to use which.

Exit codes: 0 done; 1 it could not be done, standard error says why; 2 wrong command line or configuration.";

#[derive(Args)]
pub struct Source {
    /// Configuration file, the server's own
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Data directory [default: ./countersign-data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl Source {
    fn load(self, master_key: Option<PathBuf>) -> Result<Config, Failure> {
        let Self { config, data_dir } = self;
        let config = Common { config, data_dir, master_key, listen: None }.load()?;
        diagnostics::start(&config.log);
        Ok(config)
    }
}

#[derive(Args)]
pub struct Backup {
    #[command(flatten)]
    source: Source,
    /// Directory for the back-up, which must be empty or absent
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// An older back-up on the same file system: sealed segments it has are not copied, both share them
    #[arg(long, value_name = "OLD_BACKUP")]
    link_from: Option<PathBuf>,
    /// Where the last server was not stopped in good order: leave out what its anchor does not cover
    #[arg(long)]
    up_to_anchor: bool,
}

const BACKUP_HELP: &str = "\
Copies every event that is known to be on disk and every wrapped key, and checks them on the way. Everything that the server
answered before the command began is in it. It needs no master key and writes nothing into the data directory, and the server
may run or not. DIR is a finished back-up when this ends with 0; its file `backup` says up to which entry. It holds personal data,
and only its owner may read it. The master key is not in it, and without that nothing in it can be read: keep a copy of it apart.

Beside a running server it waits for up to twice `journal.anchor_interval`, so give it the server's --config. After a crash, start
the server and stop it first: that proves what the last seconds left. If that is not possible, --up-to-anchor leaves them out.

With --link-from only what came since takes space. A file that two back-ups share is damaged in both, if it is damaged: now
and then make one without.

Examples:
  countersign journal backup --data-dir ./data --to /backup/monday
  countersign journal backup --data-dir ./data --to /backup/tuesday --link-from /backup/monday

Exit codes: 0 made; 1 it could not be made, standard error says why, and the directory is none to keep; 2 wrong command line
or configuration.";

#[derive(Args)]
pub struct Restore {
    /// The back-up
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// Configuration file; its data directory is not used
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Data directory to be made, which must be empty or absent
    #[arg(long, value_name = "NEW")]
    data_dir: PathBuf,
    /// File of the master key that the back-up was made under [default: NEW.master.key]
    #[arg(long, value_name = "FILE")]
    master_key: Option<PathBuf>,
    /// End no session; the reason is recorded
    #[arg(long, value_name = "REASON")]
    keep_sessions: Option<String>,
}

const RESTORE_HELP: &str = "\
Reads the back-up in full before it makes anything: every checksum, chain, index and key. Then it copies it and goes on under
another origin (the name of the journal), with `system.restored` as the next entry and with new keys of tokens; the old ones are
retired. The back-up stays as it is.

What happened after the back-up is lost, revocations too. So every session is ended and every client's brake is pulled:
everybody logs in again, and nothing that was revoked comes back. With --keep-sessions they go on, those too that were
revoked since; a refresh token that was redeemed since ends its session as `ahead_of_journal`. Passwords, roles, accounts, clients,
and who is disabled, are as they were when the back-up was made, in any case: change again what was changed since.

Brakes count by this machine's clock. If it is behind the lost server's, tokens that clients got for themselves in between stay
active until they expire; `countersign key distrust` for the retired signing keys ends them at once.

Examples:
  countersign journal restore --from /backup/monday --data-dir ./data-2 --master-key ./data.master.key
  countersign journal restore --from /backup/monday --data-dir ./data-2 --master-key ./data.master.key \\
    --keep-sessions 'moved to another machine, the old one was stopped before the back-up'

Exit codes: 0 restored; 1 it could not be done, standard error says why and what is left; 2 wrong command line or
configuration.";

#[derive(Args)]
pub struct Archive {
    #[command(flatten)]
    source: Source,
    /// Only segments with nothing at or after this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    before: Timestamp,
    /// Directory of the archive
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
}

const ARCHIVE_HELP: &str = "\
Copies sealed segments with their indexes to DIR/journal, reads the copies back, and removes nothing: that is what `countersign journal
drop` is for. Run again, it adds what is missing. Put back into the data directory's `journal`, the files are what they were;
`zstdcat` shows what is in them. A segment goes with its newest event, so the last days before TIME may stay.

Example:
  countersign journal archive --data-dir ./data --before 2026-01-01T00:00:00Z --to /archive

Exit codes: 0 archived; 1 it could not be done, standard error says why; 2 wrong command line or configuration.";

#[derive(Args)]
pub struct Drop {
    #[command(flatten)]
    source: Source,
    /// File of the master key [default: DIR.master.key]
    #[arg(long, value_name = "FILE")]
    master_key: Option<PathBuf>,
    /// Only segments with nothing at or after this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    before: Timestamp,
    #[command(flatten)]
    kept: Kept,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Kept {
    /// Only if this archive holds all of them whole
    #[arg(long, value_name = "DIR")]
    archived: Option<PathBuf>,
    /// Although they are kept nowhere
    #[arg(long)]
    forever: bool,
}

const DROP_HELP: &str = "\
Removes the oldest sealed segments. Accounts, clients and open sessions stay as they are: a copy of all states (`journal/base-N`) is
written first and stands in for the events. What cannot be told any more is what happened then: `audit tail` begins later, and a
token of a session that is archived and began in dropped segments is refused as `closed`, without a record of it.

The server must be stopped. There must be room for that copy: about as much as `store/` takes. After a crash, run the command again.

Examples:
  countersign journal drop --data-dir ./data --before 2026-01-01T00:00:00Z --archived /archive
  countersign journal drop --data-dir ./data --before 2026-01-01T00:00:00Z --forever

Exit codes: 0 dropped, also if there was nothing to drop; 1 it could not be done, standard error says why; 2 wrong command
line or configuration.";

pub fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Backup(arguments) => backup(arguments),
        Command::Restore(arguments) => restore(arguments),
        Command::Archive(arguments) => archive(arguments),
        Command::Drop(arguments) => drop_old(arguments),
        Command::Repair(arguments) => repair::run(arguments),
        Command::AcceptLoss(arguments) => repair::accept_loss(arguments),
    }
}

fn backup(arguments: Backup) -> Result<(), Failure> {
    let config = arguments.source.load(None)?;
    let to = arguments.to.display();
    let how = BackUpHow { link_from: arguments.link_from.as_deref(), up_to_anchor: arguments.up_to_anchor };
    let made = app::back_up(&config, &arguments.to, how, &World::real()).map_err(Failure::new)?;
    let marker = made.marker;
    let linked = if made.linked > 0 {
        format!(", of which {} are shared with the older back-up", made.linked)
    } else {
        String::new()
    };
    print(&format!(
        "backed up to {to}\n\
         position  {}\n\
         root      {}\n\
         origin    {}\n\
         bytes     {}{linked}\n\
         The master key is not in it, and nothing in it can be read without: keep a copy of that apart from it.\n",
        marker.mark.position, marker.mark.root, marker.origin, marker.bytes
    ))
}

fn restore(arguments: Restore) -> Result<(), Failure> {
    let Restore { from, config, data_dir, master_key, keep_sessions } = arguments;
    if keep_sessions.as_ref().is_some_and(|reason| reason.trim().is_empty() || reason.len() > 500) {
        return Err(Failure::usage("--keep-sessions takes a reason of 1 to 500 bytes: it is recorded"));
    }
    let config = Source { config, data_dir: Some(data_dir) }.load(master_key)?;
    let restored = app::restore(&from, &config, keep_sessions, &World::real()).map_err(Failure::new)?;
    let begun = restored.begun;
    let sessions = match &begun.again.sessions_kept {
        Some(reason) => format!("sessions  kept: {reason}"),
        None => format!("sessions  {} ended; the brake of {} clients pulled", begun.sessions, begun.clients),
    };
    let (marker, again, data_dir) = (restored.marker, begun.again, config.data_dir.display());
    print(&format!(
        "restored {} in {data_dir}, as it was at {}\n\
         position  {}\n\
         root      {}\n\
         origin    {} (before: {})\n\
         keys      a new refresh key and new signing keys; the old ones are retired\n\
         {sessions}\n\
         Passwords, roles, clients, and who is disabled, are those of the back-up: change again what was changed since.\n\
         The master key is the one of before. Start it with the same configuration and --data-dir {data_dir}, and back it up soon.\n",
        from.display(),
        marker.made_at,
        again.size,
        again.root,
        again.origin,
        again.old_origin
    ))
}

fn archive(arguments: Archive) -> Result<(), Failure> {
    let config = arguments.source.load(None)?;
    let done = app::archive(&config, arguments.before, &arguments.to).map_err(Failure::new)?;
    print(&format!(
        "archived to {}\nsegments  {} copied, {} were there\nbytes     {} copied\n",
        arguments.to.display(),
        done.segments,
        done.there,
        done.bytes
    ))
}

fn drop_old(arguments: Drop) -> Result<(), Failure> {
    let config = arguments.source.load(arguments.master_key)?;
    let kept = arguments.kept.archived.map_or(DropKept::Forever, DropKept::Archived);
    let dropped = app::drop_before(&config, arguments.before, &kept, &World::real()).map_err(Failure::new)?;
    let Some((dropped, segments)) = dropped else {
        return print("nothing to drop: no sealed segment at the beginning ends before that time\n");
    };
    let bytes: u64 = segments.iter().map(|index| index.compressed).sum();
    print(&format!(
        "dropped the entries up to {}, all of before {}\nsegments  {}\nbytes     {bytes}\nbase      entry {}\n",
        dropped.through(),
        dropped.until,
        segments.len(),
        dropped.base
    ))
}

//! `countersign journal repair` and `accept-loss`: what is wrong with a data directory that does not start, and what to do.

use super::Failure;
use super::diagnostics::print;
use super::stopped::Stopped;
use crate::app::{self, Findings, Repaired, World};
use crate::domain::ids::Position;
use clap::Args;
use serde::Deserialize;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Positions that are listed one by one.
const LISTED: usize = 50;

#[derive(Args)]
pub struct Repair {
    #[command(flatten)]
    stopped: Stopped,
    /// Make segments and the anchor again with the events that the store keeps
    #[arg(long, conflicts_with = "from_backup")]
    from_store: bool,
    /// Take damaged segments and keys from this back-up or archive
    #[arg(long, value_name = "DIR")]
    from_backup: Option<PathBuf>,
}

pub const HELP: &str = "\
Without an option it reads everything, says what is wrong and which command helps, the one first that gives up least, and changes
nothing. With one it puts back what hashes that are still whole prove to be what was there, keeps the damaged file as
`journal/damaged-…`, and records `system.repaired`. Run again after a crash, it is finished.

--from-store helps where the open segment, closed ones that are not sealed yet, or the anchor are damaged, cut short or gone,
and the store is whole. --from-backup helps where sealed or closed segments are, or records of keys/keys.

Examples:
  countersign journal repair --data-dir ./data
  countersign journal repair --data-dir ./data --from-store
  countersign journal repair --data-dir ./data --from-backup /backup/monday

Exit codes: 0 nothing is wrong, or all of it was mended; 1 something is wrong, or was not mended, or could not be looked at;
2 wrong command line or configuration.";

#[derive(Args)]
pub struct AcceptLoss {
    #[command(flatten)]
    stopped: Stopped,
    /// The last entry that is kept: the one that `countersign journal repair` names
    #[arg(value_name = "N")]
    through: Position,
    /// End no session; the reason is recorded
    #[arg(long, value_name = "REASON")]
    keep_sessions: Option<String>,
}

pub const ACCEPT_HELP: &str = "\
Gives up every entry behind N for ever, or accepts N as the end where the anchor is lost. The bytes are kept as `journal/damaged-…`.
The journal goes on under another origin, with `system.loss_accepted` as the next entry and with new keys of tokens.

What is lost may have been revocations. So every session is ended and every client's brake is pulled: everybody logs in again.
With --keep-sessions they go on, those too that were revoked in what is lost.

Example:
  countersign journal accept-loss --data-dir ./data 4711

Exit codes: 0 accepted; 1 it could not be done, standard error says why; 2 wrong command line or configuration.";

pub fn run(arguments: Repair) -> Result<(), Failure> {
    let Repair { stopped, from_store, from_backup } = arguments;
    let config = stopped.load()?;
    let world = World::real();
    if let Some(backup) = from_backup {
        return tell(app::mend_from_backup(&config, &backup, &world).map_err(Failure::new)?);
    }
    if from_store {
        return tell(app::mend_from_store(&config, &world).map_err(Failure::new)?);
    }
    let found = app::look_for_damage(&config).map_err(Failure::new)?;
    print(&report(&found))?;
    if found.is_well() { Ok(()) } else { Err(Failure::new("something is wrong: see above; nothing was changed")) }
}

fn tell(repaired: Repaired) -> Result<(), Failure> {
    let mut text = String::new();
    for file in &repaired.files {
        let from = if file.backup { "the back-up" } else { "the store" };
        let _ = writeln!(text, "{} mended from {from}: entries {} to {}", file.file, file.first, file.last);
    }
    if repaired.keys > 0 {
        let _ = writeln!(text, "keys/keys mended from the back-up: {} records", repaired.keys);
    }
    if repaired.files.is_empty() && repaired.keys == 0 {
        text.push_str("nothing was mended\n");
    }
    print(&text)?;
    if repaired.left.is_empty() {
        return Ok(());
    }
    let left = repaired.left.join("\n  ");
    Err(Failure::new(format!("not mended:\n  {left}\n`countersign journal repair` says what else would help")))
}

fn report(found: &Findings) -> String {
    let mut text = String::new();
    let diagnosis = &found.diagnosis;
    if found.is_well() {
        let _ = writeln!(
            text,
            "nothing is wrong: {} segments, entries up to {}",
            diagnosis.segments.len(),
            diagnosis.good.size()
        );
        if let Some(why) = &found.store {
            let _ = writeln!(text, "the store is no use ({why}): the next start makes it again from the segments");
        }
        return text;
    }
    if let Some(pending) = &found.pending {
        let _ = writeln!(text, "`{}` was cut short: run it again", pending.command());
    }
    if let Some(why) = diagnosis.anchor {
        let _ = writeln!(text, "the file anchor {why}, so nothing tells how far the journal had come");
    }
    for fault in &diagnosis.faults {
        let last = fault.last.map_or("the end".to_owned(), |last| last.to_string());
        let _ = writeln!(text, "{} (entries {} to {last}): {}", fault.file, fault.first, fault.why);
    }
    for (file, positions) in &found.unreadable {
        let _ = writeln!(text, "of {file} {} entries cannot be read any more:", positions.len());
        for position in positions.iter().take(LISTED) {
            let _ = writeln!(text, "  {position}");
        }
        more(&mut text, positions.len());
    }
    if let Some((file, why)) = &found.base {
        let _ = writeln!(text, "{file}: {why}");
    }
    if let Some(why) = &found.keys {
        let _ = writeln!(text, "{why}");
    }
    help(&mut text, found);
    text
}

fn more(text: &mut String, entries: usize) {
    if entries > LISTED {
        let _ = writeln!(text, "  and {} more", entries - LISTED);
    }
}

/// What would help, the most sparing first.
fn help(text: &mut String, found: &Findings) {
    let diagnosis = &found.diagnosis;
    let closed = diagnosis.faults.iter().any(|fault| fault.last.is_some());
    match &found.from_store {
        Some(Ok(())) => {
            text.push_str("`countersign journal repair --from-store` makes it whole again: nothing is lost\n");
        }
        Some(Err(why)) => {
            let _ = writeln!(text, "the store does not have it: {why}");
        }
        None => {}
    }
    if closed || found.keys.is_some() {
        text.push_str("`countersign journal repair --from-backup DIR` helps if a back-up or an archive in DIR has it: nothing is lost\n");
    }
    if let Some((file, _)) = &found.base {
        let _ = writeln!(
            text,
            "{file} copied from a back-up, or the dropped segments put back from their archive into journal/, helps: until then a\n\
             server starts and serves all the same, but it is not ready. Keep store/: without it nothing is rebuilt"
        );
    }
    let serves = diagnosis.blocking().is_none() && diagnosis.anchor.is_none();
    if serves && closed {
        text.push_str(
            "without one: a server starts and serves all the same, for the store has every state, but it is not ready, `audit tail`\n\
             and `journal backup` stop there, and the store cannot be rebuilt. Keep store/ and copy the whole data directory with\n\
             the server stopped\n",
        );
    }
    match &found.loss {
        Ok(None) => {}
        Ok(Some(good)) => {
            let _ = writeln!(text, "`countersign journal accept-loss {good}` goes on without what is lost, for ever:");
            give_up(text, found);
        }
        Err(why) => {
            let _ = writeln!(
                text,
                "giving up would not help: {why}. `countersign journal restore` brings a whole back-up back"
            );
        }
    }
}

fn give_up(text: &mut String, found: &Findings) {
    let given_up = &found.given_up;
    if given_up.is_empty() {
        text.push_str("  no entry is known to be lost, and some may be: sessions are ended\n");
    }
    for (position, entry) in given_up.iter().take(LISTED) {
        let _ = match entry.as_ref().and_then(|entry| serde_json::from_slice::<Words>(&entry.event).ok()) {
            Some(Words { at, kind, stream }) => writeln!(text, "  {position} {at} {kind} {stream}"),
            None => writeln!(text, "  {position}"),
        };
    }
    more(text, given_up.len());
}

/// What is shown of an event.
#[derive(Deserialize)]
struct Words {
    at: String,
    #[serde(rename = "type")]
    kind: String,
    stream: String,
}

pub fn accept_loss(arguments: AcceptLoss) -> Result<(), Failure> {
    let AcceptLoss { stopped, through, keep_sessions } = arguments;
    if keep_sessions.as_ref().is_some_and(|reason| reason.trim().is_empty() || reason.len() > 500) {
        return Err(Failure::usage("--keep-sessions takes a reason of 1 to 500 bytes: it is recorded"));
    }
    let config = stopped.load()?;
    let found = app::look_for_damage(&config).map_err(Failure::new)?;
    let (begun, lost_through) =
        app::accept_loss(&config, through, keep_sessions, &World::real()).map_err(Failure::new)?;
    let mut text = String::new();
    let _ = writeln!(text, "given up: entries {} to {lost_through}", through + 1);
    if matches!(found.loss, Ok(Some(good)) if good == through) {
        give_up(&mut text, &found);
    }
    let again = &begun.again;
    let sessions = match &again.sessions_kept {
        Some(reason) => format!("sessions  kept: {reason}"),
        None => format!("sessions  {} ended; the brake of {} clients pulled", begun.sessions, begun.clients),
    };
    let _ = writeln!(
        text,
        "position  {}\n\
         root      {}\n\
         origin    {} (before: {})\n\
         keys      a new refresh key and new signing keys; the old ones are retired\n\
         {sessions}\n\
         Start it with the same configuration, and make a back-up of it soon.",
        again.size, again.root, again.origin, again.old_origin
    );
    print(&text)
}

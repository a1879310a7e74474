//! `countersign audit tail`.

use super::diagnostics::print;
use super::{Common, Failure};
use crate::audit::tail::{Filter, Tail, line};
use crate::domain::ids::Position;
use crate::domain::time::Timestamp;
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

/// How often a growing journal is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Data directory [default: ./countersign-data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Configuration file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Only events after this position
    #[arg(long, value_name = "N", default_value_t = 0)]
    after: Position,
    /// Only events of a type ("session.refreshed") or of a family ("session"); may be given several times
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// Only events about a session, account, client or stream, by its id
    #[arg(long, value_name = "ID", visible_aliases = ["session", "account", "client"])]
    about: Option<String>,
    /// Only refusals, detections and revocations with this code, the same as in the metrics' labels
    #[arg(long, value_name = "CODE")]
    code: Option<String>,
    /// Not before this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// Before this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    to: Option<Timestamp>,
    /// Print the events exactly as they are stored and hashed, one JSON object a line
    #[arg(long)]
    json: bool,
    /// Go on as the journal grows
    #[arg(long, short)]
    follow: bool,
}

const EXAMPLES: &str = "\
Examples:
  countersign audit tail --about 0190c0de-0000-7000-8000-00000000000a     the story of one session
  countersign audit tail --code superseded --from 2026-01-31T00:00:00Z    what stands behind a bump in the metrics
  countersign audit tail --type session --json | jq .data                  for programs
  countersign audit tail --follow --type session.reuse_detected            what happens now

Shown is what is known to be on disk: with a running server, everything up to a second ago or so.

Exit codes: 0 printed, or the reader had enough; 1 the journal cannot be read or is damaged; 2 wrong command line or
configuration.";

/// Prints events, oldest first.
#[expect(clippy::disallowed_methods, reason = "following a file is waiting; nothing else runs in this process")]
pub fn run(arguments: Arguments) -> Result<(), Failure> {
    let common = Common { config: arguments.config, data_dir: arguments.data_dir, ..Common::default() };
    let data_dir = common.load()?.data_dir;
    let filter = Filter {
        types: arguments.types,
        about: arguments.about,
        code: arguments.code,
        from: arguments.from,
        to: arguments.to,
    };
    let failed = |error| Failure::new(format!("{}: {error}", data_dir.display()));
    if !data_dir.join("journal").is_dir() {
        return Err(Failure::new(format!("{} is no data directory: name it with --data-dir", data_dir.display())));
    }
    let mut tail = Tail::open(&data_dir, arguments.after.saturating_add(1));
    loop {
        while let Some((event, bytes)) = tail.next_event().map_err(failed)? {
            if filter.lets_through(&event) {
                let text = if arguments.json { String::from_utf8_lossy(&bytes).into_owned() } else { line(&event) };
                print(&format!("{text}\n"))?;
            }
        }
        if !arguments.follow {
            return Ok(());
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

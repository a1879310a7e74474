//! Pulling the brakes that reach beyond one account or client.

use super::asker::Asker;
use super::closer::{Closer, Scope};
use super::core::{Core, Refused, TRIES, Unavailable, commit};
use crate::domain::brakes::{self, BrakesCommand};
use crate::domain::command::Command;
use crate::domain::ids::{Owner, StreamId};
use crate::domain::time::Timestamp;
use crate::domain::{Event, Expected, Proposal};

/// Pulls a brake, or lets people log in again. Sessions that are over by it get their own events afterwards; of a network's the
/// caller ends each.
///
/// # Errors
/// [`Refused`]
pub async fn pull(core: &Core, closer: &Closer, command: BrakesCommand, asker: &Asker) -> Result<(), Refused> {
    for _ in 0..TRIES {
        let brakes = core.reader.brakes()?;
        let events = brakes::decide(&brakes.value, &command);
        if events.is_empty() {
            return Ok(());
        }
        let now = match command {
            // What lets somebody in waits for a clock that is believed; what shuts somebody out does not.
            BrakesCommand::AllowLogins => core.now(brakes.at)?,
            BrakesCommand::RevokeNetwork(_) | BrakesCommand::RefuseLogins => core.now_to_close(brakes.at),
            // It is compared with the instants of the clients' own tokens, which stand in other streams.
            BrakesCommand::RevokeAll => core.now_to_close(last_use(core)?.max(brakes.at)),
        };
        // Ending everything is legal in every state: nobody can starve it.
        let expected = match command {
            BrakesCommand::RevokeAll => Expected::Any,
            _ => Expected::Version(brakes.version),
        };
        let events = events.into_iter().map(Event::Brakes).collect();
        let proposals = vec![Proposal { stream: StreamId::Brakes, expected, events }];
        let id = core.commit_id();
        let context = core.context(asker, &Owner::System, id)?;
        let recorded = Command::Brakes { command: command.clone(), brakes: brakes.version };
        if core.append(commit(id, now, context, Some(recorded), proposals)).await?.is_some() {
            if command == BrakesCommand::RevokeAll {
                closer.close(Scope::All);
            }
            return Ok(());
        }
    }
    Err(Unavailable::Conflict.into())
}

/// The newest instant at which any client was issued a token of its own.
fn last_use(core: &Core) -> Result<Timestamp, Refused> {
    let mut last = Timestamp::default();
    for client in core.reader.clients() {
        last = core.reader.usage(&client)?.map_or(last, |usage| last.max(usage.at));
    }
    Ok(last)
}

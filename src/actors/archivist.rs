//! Archiving what is over: one event, and everything up to a position that has ended counts as absent from then on.

use super::asker::Asker;
use super::core::{Core, Refused, TRIES, Unavailable, commit};
use crate::domain::command::Command;
use crate::domain::ids::{Owner, Position, RequestId, StreamId};
use crate::domain::{Event, Expected, Proposal, system};
use crate::entropy::uuid_v7;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How long it waits where it could not record.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// Archives what is over as more of the journal is sealed, until nobody seals any more.
pub async fn run(core: Arc<Core>, mut sealed: watch::Receiver<Position>) {
    loop {
        let through = *sealed.borrow_and_update();
        if through > 0
            && let Err(error) = archive(&core, through).await
        {
            tracing::warn!(%error, through, "sessions that are over could not be archived; it is tried again");
            tokio::time::sleep(AGAIN_AFTER).await;
        } else if sealed.changed().await.is_err() {
            return;
        }
    }
}

/// Archives the sessions that are over, and the evidence, whose last entry stands at or before `through`: the last position of a
/// sealed segment, so that what they were can be looked up. `false`: that was archived before.
///
/// # Errors
/// [`Refused`]: nothing was recorded.
pub async fn archive(core: &Core, through: Position) -> Result<bool, Refused> {
    for _ in 0..TRIES {
        let system = core.reader.system()?;
        let Some(event) = system::archive(&system.value, through) else { return Ok(false) };
        let now = core.now_to_close(system.at);
        let id = core.commit_id();
        let asker = Asker::server(RequestId(uuid_v7(&*core.entropy, now)));
        let context = core.context(&asker, &Owner::System, id)?;
        let proposal = Proposal {
            stream: StreamId::System,
            expected: Expected::Version(system.version),
            events: vec![Event::System(event)],
        };
        if core.append(commit(id, now, context, Some(Command::Server), vec![proposal])).await?.is_some() {
            return Ok(true);
        }
    }
    Err(Unavailable::Conflict.into())
}

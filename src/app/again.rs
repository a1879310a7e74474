//! Going on under another origin: what follows when a journal was brought back from a back-up, or its end was given up.

use super::open::append;
use super::{StartError, World};
use crate::actors;
use crate::domain::ids::{ClientId, Hash, Position};
use crate::domain::session::RevokeReason;
use crate::domain::system::SystemEvent;
use crate::domain::time::Timestamp;
use crate::entropy::uuid_v7;
use crate::journal::{Journal, Keys};

/// Sessions ended in one commit.
const PAGE: usize = 256;

/// What the event says that begins a journal again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Again {
    /// The origin from here on.
    pub origin: String,
    /// The origin of before.
    pub old_origin: String,
    /// How many entries there are.
    pub size: Position,
    /// The Merkle root over them.
    pub root: Hash,
    /// Why the sessions of before go on; `None`: they are ended.
    pub sessions_kept: Option<String>,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BegunAgain {
    /// What the event says.
    pub again: Again,
    /// Sessions that were ended.
    pub sessions: u64,
    /// Clients whose brake was pulled.
    pub clients: u64,
    /// The journal's last position.
    pub head: Position,
}

/// Begins another origin in a journal that no server uses: `event` is its first entry, and keys follow that replace those of
/// before. Unless `sessions_kept` says why not, every session of before is ended and every client's brake pulled: what was
/// revoked in the history that was lost is not known, so nothing of before may come back. The journal is left as an orderly stop
/// leaves it. Asked again after a crash, it begins again.
///
/// # Errors
/// [`StartError`]
pub fn begin_again(
    journal: &mut Journal,
    keys: &Keys,
    world: &World,
    sessions_kept: Option<String>,
    event: impl FnOnce(&Again) -> SystemEvent,
) -> Result<BegunAgain, StartError> {
    let entropy = &*world.entropy;
    let system = journal.reader().system().map_err(|error| StartError::new(&error))?;
    // No judgement of the clock: a back-up may be older than any gap that a clock is believed after.
    let now = world.clock.wall().max(journal.last_at()).max(system.at);
    let origin = format!("countersign/{}", uuid_v7(entropy, world.clock.wall()));
    let (size, root) = (journal.head(), journal.engine().root());
    let again = Again { origin, old_origin: system.value.origin.clone(), size, root, sessions_kept };
    let commit = actors::begin_again(event(&again), &system.value, keys, now, entropy).map_err(StartError)?;
    journal.begin_origin(&again.origin).map_err(|error| StartError::new(&error))?;
    append(journal, commit)?;
    let (mut clients, mut sessions) = (0, 0);
    if again.sessions_kept.is_none() {
        // Brakes first: from then on nothing of before is let in, however far the rest comes.
        clients = pull_brakes(journal, world, now)?;
        sessions = end_sessions(journal, world, now)?;
    }
    journal.mark(true).map_err(|error| StartError::new(&error))?;
    Ok(BegunAgain { again, sessions, clients, head: journal.head() })
}

fn pull_brakes(journal: &mut Journal, world: &World, now: Timestamp) -> Result<u64, StartError> {
    let mut pulled = 0;
    let clients: Vec<ClientId> = journal.reader().clients();
    for id in clients {
        let Some(client) = journal.reader().client(&id).map_err(|error| StartError::new(&error))? else { continue };
        append(journal, actors::pull_brake(id, &client.value, now.max(client.at), &*world.entropy))?;
        pulled += 1;
    }
    Ok(pulled)
}

fn end_sessions(journal: &mut Journal, world: &World, now: Timestamp) -> Result<u64, StartError> {
    let mut ended = 0;
    loop {
        let reader = journal.reader();
        // Those that were ended are in no page any more.
        let (page, _) = reader.open_sessions(None, None, PAGE).map_err(|error| StartError::new(&error))?;
        if page.is_empty() {
            return Ok(ended);
        }
        let mut at = now;
        for id in &page {
            at = reader.session(*id).map_err(|error| StartError::new(&error))?.map_or(at, |session| at.max(session.at));
        }
        append(journal, actors::end_sessions(&page, RevokeReason::Restored, at, &*world.entropy))?;
        ended += page.len() as u64;
    }
}

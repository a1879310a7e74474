//! Open sessions, as operators and their person see them.

use super::asker::Used;
use super::core::{Core, Refused};
use super::sessions::Sessions;
use crate::domain::ids::{AccountId, ClientId, SessionId};
use crate::domain::session::{Session, Status};
use crate::domain::time::Timestamp;
use std::sync::Arc;

/// A session and who used it last.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its id.
    pub id: SessionId,
    /// What is known of it.
    pub session: Arc<Session>,
    /// Whether it goes on.
    pub open: bool,
    /// Who used it last; `None` where nobody told, or the account is erased.
    pub used: Option<Used>,
}

/// Sessions looked at for one page.
const PAGE: usize = 256;

impl Sessions {
    /// A session by its id; `None` where the store does not know it: it ended long ago, or never was.
    ///
    /// # Errors
    /// Where the store or the keys cannot be read.
    pub fn find(&self, id: SessionId) -> Result<Option<Listed>, Refused> {
        let core = self.core();
        let Some(session) = core.reader.session(id)? else { return Ok(None) };
        let (session, used) = (session.value.clone(), Used::of_session(core, &session.value)?);
        Ok(Some(Listed { id, open: is_open(core, id, &session)?, session, used }))
    }

    /// A page of the sessions that are open: of an account, of a client, of one at the other, or all; with the place where the
    /// next page starts.
    ///
    /// # Errors
    /// Where the store or the keys cannot be read.
    pub fn open(
        &self,
        account: Option<AccountId>,
        client: Option<&ClientId>,
        after: Option<Vec<u8>>,
        limit: usize,
    ) -> Result<(Vec<Listed>, Option<Vec<u8>>), Refused> {
        let core: &Arc<Core> = self.core();
        let limit = limit.min(PAGE);
        let (ids, next) = match (account, client) {
            (Some(account), client) => {
                let (page, next) =
                    core.reader.open_sessions_by_account(Some(account), client, after.as_deref(), limit)?;
                (page.into_iter().map(|(_, _, id)| id).collect(), next)
            }
            (None, client) => core.reader.open_sessions(client, after.as_deref(), limit)?,
        };
        let mut listed = Vec::with_capacity(ids.len());
        for id in ids {
            listed.extend(self.find(id)?.filter(|listed| listed.open));
        }
        Ok((listed, next))
    }
}

/// Whether a session goes on: no event of its own, of its account, its client, its key or the brakes has ended it.
fn is_open(core: &Core, id: SessionId, session: &Session) -> Result<bool, Refused> {
    if session.status != Status::Open || core.held.reason(id).is_some() {
        return Ok(false);
    }
    let (gate, client) = (core.reader.gate(session.account)?, core.reader.client(&session.client)?);
    let (Some(gate), Some(client)) = (gate, client) else { return Ok(false) };
    let brakes = core.reader.brakes()?.value;
    let now = core.now_to_close(Timestamp::default());
    Ok(gate.value.is_enabled()
        && client.value.admits(&session.client, &gate.value)
        && !core.reader.system()?.value.distrusts(session.refresh_key)
        && session.closed(&gate.value, &client.value, &brakes, now).is_none())
}

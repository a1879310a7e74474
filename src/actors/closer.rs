//! The one task that gives every session a closing event of its own, after one event on a gate, a client or a key has ended
//! them all. Doors judge by that one event; this only makes the record complete and lets the store shed what has ended.

use super::asker::Asker;
use super::brakes::is_used_from;
use super::core::{Core, Refused, TRIES, Unavailable, commit};
use crate::domain::brakes::Brakes;
use crate::domain::client::Client;
use crate::domain::command::Command;
use crate::domain::gate::{ClosedWhy, Gate};
use crate::domain::ids::{AccountId, ClientId, Owner, RequestId, SessionId, StreamId, Version};
use crate::domain::session::{RevokeReason, Session, SessionEvent, Status};
use crate::domain::system::System;
use crate::domain::time::Timestamp;
use crate::domain::{Event, Expected, Proposal, State};
use crate::entropy::uuid_v7;
use crate::journal::Appended;
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Sessions looked at, and closed in one commit, at once.
const PAGE: usize = 256;
/// How long a failed look waits before everything is looked at.
const AGAIN_AFTER: Duration = Duration::from_secs(5);
/// Scopes waiting; beyond them a look at everything catches up.
const QUEUE: usize = 1024;

/// Whose sessions to look at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Scope {
    /// An account's.
    Account(AccountId),
    /// A client's.
    Client(ClientId),
    /// All.
    All,
}

/// What waits in the queue.
enum Ask {
    /// To look at a scope.
    Look(Scope),
    /// To look at everything and say when that is done.
    Finish(oneshot::Sender<Result<(), Refused>>),
}

/// A handle to the task.
#[derive(Clone)]
pub struct Closer {
    queue: mpsc::Sender<Ask>,
    behind: Arc<AtomicBool>,
}

/// The task's end of the queue.
pub struct Closing {
    waiting: mpsc::Receiver<Ask>,
    behind: Arc<AtomicBool>,
}

impl Closer {
    /// The handle, and the task's end of the queue for [`Self::run`].
    pub fn new() -> (Self, Closing) {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let behind = Arc::new(AtomicBool::new(false));
        (Self { queue, behind: behind.clone() }, Closing { waiting, behind })
    }

    /// Asks for a look at a scope. When too many wait, the next look at everything does it.
    pub fn close(&self, scope: Scope) {
        if self.queue.try_send(Ask::Look(scope)).is_err() {
            self.behind.store(true, Ordering::Relaxed);
        }
    }

    /// Waits until everything that was over when this was called is recorded as ended: one look at all open sessions, after
    /// what waits before it.
    ///
    /// # Errors
    /// [`Refused`]: some are recorded and others not yet; the next start goes on with them.
    pub async fn finish(&self) -> Result<(), Refused> {
        let (answer, answered) = oneshot::channel();
        self.queue.send(Ask::Finish(answer)).await.map_err(|_| Unavailable::Stopping)?;
        answered.await.map_err(|_| Unavailable::Stopping)?
    }

    /// Works off the queue until every handle is gone, beginning with what an earlier run left open.
    pub async fn run(core: Arc<Core>, mut closing: Closing) {
        let mut ask = Some(Ask::Look(Scope::All));
        while let Some(next) = ask {
            let (scope, answer) = match next {
                Ask::Look(scope) => (scope, None),
                Ask::Finish(answer) => (Scope::All, Some(answer)),
            };
            let looked = close_scope(&core, &scope).await;
            let failed = looked.as_ref().err().cloned();
            if let Some(answer) = answer {
                // Whoever asked may have stopped waiting.
                let _ = answer.send(looked);
            }
            if let Some(error) = failed {
                tracing::warn!(%error, ?scope, "sessions that are over could not all be recorded as ended");
                closing.behind.store(true, Ordering::Relaxed);
                tokio::time::sleep(AGAIN_AFTER).await;
            }
            ask = if closing.behind.swap(false, Ordering::Relaxed) {
                Some(Ask::Look(Scope::All))
            } else {
                closing.waiting.recv().await
            };
        }
    }
}

impl std::fmt::Debug for Closer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Closer")
    }
}

async fn close_scope(core: &Core, scope: &Scope) -> Result<(), Refused> {
    match scope {
        Scope::Account(account) => loop {
            let page = core.reader.sessions_of(*account, PAGE)?;
            let closed = close_page(core, &page).await?;
            if page.len() < PAGE {
                return Ok(());
            }
            // A full page of which some go on: what is over may lie behind it.
            if closed < PAGE {
                return close_pages(core, None).await;
            }
        },
        Scope::Client(client) => close_pages(core, Some(client)).await,
        Scope::All => close_pages(core, None).await,
    }
}

async fn close_pages(core: &Core, client: Option<&ClientId>) -> Result<(), Refused> {
    let mut after = None;
    loop {
        let (page, next) = core.reader.open_sessions(client, after.as_deref(), PAGE)?;
        close_page(core, &page).await?;
        match next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

/// Closes what is over among these sessions, one commit for each account, and says how many that were.
async fn close_page(core: &Core, page: &[SessionId]) -> Result<usize, Refused> {
    let (system, brakes) = (core.reader.system()?.value, core.reader.brakes()?.value);
    let mut by_account: BTreeMap<AccountId, Vec<(SessionId, RevokeReason)>> = BTreeMap::new();
    for id in page {
        let Some(session) = core.reader.session(*id)?.map(|session| session.value) else { continue };
        let Some(gate) = core.reader.gate(session.account)?.map(|gate| gate.value) else { continue };
        let Some(client) = core.reader.client(&session.client)?.map(|client| client.value) else { continue };
        if let Some(reason) = why_over(&session, &gate, &client, &brakes, &system) {
            by_account.entry(session.account).or_default().push((*id, reason));
        }
    }
    let mut closed = 0;
    for (account, sessions) in by_account {
        closed += sessions.len();
        close_sessions(core, account, sessions).await?;
    }
    Ok(closed)
}

/// Ends the open sessions that were started before a version of the brakes and last used from a network, in commits of a page for each
/// account at most. Whoever refreshes meanwhile is no later than the brake: the session was started before it.
///
/// # Errors
/// [`Refused`]: some have ended and others not.
pub(super) async fn close_network(core: &Core, network: &IpNet, before: Version) -> Result<usize, Refused> {
    let (mut closed, mut after) = (0, None);
    loop {
        let (page, next) = core.reader.open_sessions_by_account(None, None, after.as_deref(), PAGE)?;
        let mut by_account: BTreeMap<AccountId, Vec<(SessionId, RevokeReason)>> = BTreeMap::new();
        for (account, _, id) in page {
            let Some(session) = core.reader.session(id)?.map(|session| session.value) else { continue };
            if session.brakes_version < before && is_used_from(core, &session, network) {
                by_account.entry(account).or_default().push((id, RevokeReason::NetworkBraked));
            }
        }
        for (account, sessions) in by_account {
            closed += sessions.len();
            close_sessions(core, account, sessions).await?;
        }
        let Some(next) = next else { return Ok(closed) };
        after = Some(next);
        tokio::task::yield_now().await;
    }
}

/// Why a session without a closing event of its own is over; time is the sweeper's business.
fn why_over(session: &Session, gate: &Gate, client: &Client, brakes: &Brakes, system: &System) -> Option<RevokeReason> {
    if session.status != Status::Open {
        None
    } else if session.gate_version < gate.closed_by {
        Some(match gate.closed_why {
            ClosedWhy::PasswordChanged => RevokeReason::PasswordChanged,
            ClosedWhy::Disabled => RevokeReason::AccountDisabled,
            ClosedWhy::SessionsRevoked | ClosedWhy::Nothing => RevokeReason::AllRevoked,
            ClosedWhy::Erased => RevokeReason::AccountErased,
        })
    } else if session.client_version < client.braked_by {
        Some(RevokeReason::ClientBrake)
    } else if session.brakes_version < brakes.all_by {
        Some(RevokeReason::AllBraked)
    } else if system.distrusts(session.refresh_key) {
        Some(RevokeReason::KeyDistrusted)
    } else if !client.admits(&session.client, gate) || gate.ended(&session.client, session.gate_version) {
        Some(RevokeReason::RegistrationWithdrawn)
    } else {
        None
    }
}

/// Closes those of the sessions that are still open: since they were looked at, others may have ended one, and it may even have
/// been archived.
async fn close_sessions(
    core: &Core,
    account: AccountId,
    mut sessions: Vec<(SessionId, RevokeReason)>,
) -> Result<(), Refused> {
    for _ in 0..TRIES {
        let mut at = core.now_to_close(Default::default());
        let mut open = Vec::with_capacity(sessions.len());
        for (id, reason) in sessions {
            if let Some(session) = core.reader.session(id)?.filter(|session| session.value.status == Status::Open) {
                at = at.max(session.at);
                open.push((id, reason));
            }
        }
        sessions = open;
        if sessions.is_empty() || close_at(core, account, &sessions, at).await? {
            return Ok(());
        }
    }
    Err(Unavailable::Conflict.into())
}

/// One commit; `false` where one of the sessions is not there any more.
async fn close_at(
    core: &Core,
    account: AccountId,
    sessions: &[(SessionId, RevokeReason)],
    at: Timestamp,
) -> Result<bool, Refused> {
    let id = core.commit_id();
    let asker = Asker::server(RequestId(uuid_v7(&*core.entropy, at)));
    let context = core.context(&asker, &Owner::Account(account), id)?;
    let proposals = sessions.iter().map(|(session, reason)| Proposal {
        stream: StreamId::Session(*session),
        expected: Expected::Any,
        events: vec![Event::Session(SessionEvent::Revoked { reason: *reason })],
    });
    let commit = commit(id, at, context, Some(Command::Server), proposals.collect());
    let Some(appended) = core.append(commit).await? else { return Ok(false) };
    for (_, reason) in sessions.iter().filter(|(session, reason)| ended(&appended, *session, *reason, at)) {
        core.metrics.session_revoked(*reason);
    }
    Ok(true)
}

/// Whether it was this commit that ended a session, and not somebody else just before: the first end stands and is counted.
pub fn ended(appended: &Appended, session: SessionId, reason: RevokeReason, at: Timestamp) -> bool {
    let folded = appended.states.get(&StreamId::Session(session));
    let ended = Status::Revoked { reason, at };
    folded.is_some_and(|folded| matches!(&folded.state, State::Session(session) if session.status == ended))
}

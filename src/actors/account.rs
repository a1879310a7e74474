//! The actor of one account: decides its logins one after the other, so that the cap on its sessions is exact. The password
//! work lies before it: the actor never waits for the hash pool.

use super::asker::Asker;
use super::closer::ended;
use super::core::{Core, Refused, TRIES, Unavailable, commit};
use super::directory::Resident;
use crate::domain::account::{self, Login, LoginFacts, LoginGranted, LoginHow, PasswordVerdict};
use crate::domain::brakes::Brakes;
use crate::domain::client::Client;
use crate::domain::command::Command;
use crate::domain::denial::Denial;
use crate::domain::gate::Gate;
use crate::domain::ids::{AccountId, ClientId, Owner, RefreshKeyId, SessionId, StreamId};
use crate::domain::session::{RevokeReason, Session, SessionEvent};
use crate::domain::tally::Seen;
use crate::domain::time::Timestamp;
use crate::domain::{Decision, Event, Expected, Proposal, State};
use crate::entropy::uuid_v7;
use crate::journal::{Commit, Versioned};
use actix::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Sessions ended by one login at most, should the cap have been lowered.
const ENDED_AT_ONCE: usize = 16;

/// See the module.
pub struct AccountActor {
    core: Arc<Core>,
    id: AccountId,
    /// Refusals so far, with those that were not recorded.
    seen: Seen<Denial>,
}

impl Actor for AccountActor {
    type Context = Context<Self>;
}

impl Resident for AccountActor {
    type Id = AccountId;
    const KIND: &'static str = "account";

    fn wake(core: &Arc<Core>, id: AccountId) -> Result<Option<Self>, Refused> {
        let known = core.reader.account(id)?.is_some();
        Ok(known.then(|| Self { core: core.clone(), id, seen: Seen::new() }))
    }
}

/// What kind of login it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct LoginKind {
    /// By which door.
    pub how: LoginHow,
    /// Whether a refresh token is given; `None`: as the client's settings and the scope say.
    pub refresh: Option<bool>,
    /// When the session ends at the latest, where it has an end of its own.
    pub until: Option<Timestamp>,
    /// The session whose token is shown instead of a password, where one is.
    pub came_of: Option<SessionId>,
}

/// Finish a login whose password was checked.
#[derive(Message)]
#[rtype(result = "Result<Finished, Refused>")]
pub struct FinishLogin {
    /// Where.
    pub client_id: ClientId,
    /// The scope asked for, where one was.
    pub scope: Option<BTreeSet<String>>,
    /// What the password work said.
    pub verdict: PasswordVerdict,
    /// What kind of login it is.
    pub kind: LoginKind,
    /// The gate as it was before the password work.
    pub gate: Versioned<Arc<Gate>>,
    /// The client as it was before the password work.
    pub client: Versioned<Arc<Client>>,
    /// The brakes as they were before the password work.
    pub brakes: Versioned<Brakes>,
    /// Who asks.
    pub asker: Asker,
}

/// How a login ended.
pub enum Finished {
    /// With a session; its events are durable.
    LoggedIn(Box<LoggedIn>),
    /// Refused; whoever asked appends the commit and answers then. The actor does not wait for it: many wrong passwords at once
    /// would wait for one another, and those for a login that does not exist would not.
    Refused(Denial, Box<Commit>),
}

/// A login that gave a session, with what its tokens are written from.
pub struct LoggedIn {
    /// The session's id.
    pub id: SessionId,
    /// The session.
    pub session: Arc<Session>,
    /// The gate it was decided on.
    pub gate: Arc<Gate>,
    /// The client it was decided on.
    pub client: Arc<Client>,
    /// Whether it comes from where the account was never used.
    pub new_context: bool,
}

impl Handler<FinishLogin> for AccountActor {
    type Result = AtomicResponse<Self, Result<Finished, Refused>>;

    fn handle(&mut self, ask: FinishLogin, _: &mut Self::Context) -> Self::Result {
        let mut turn = Turn { core: self.core.clone(), id: self.id, seen: self.seen.clone() };
        let work = async move {
            let answer = turn.finish(ask).await;
            (turn.seen, answer)
        };
        AtomicResponse::new(Box::pin(work.into_actor(self).map(|(seen, answer), actor, _| {
            actor.seen = seen;
            answer
        })))
    }
}

struct Turn {
    core: Arc<Core>,
    id: AccountId,
    seen: Seen<Denial>,
}

impl Turn {
    async fn finish(&mut self, mut ask: FinishLogin) -> Result<Finished, Refused> {
        for _ in 0..TRIES {
            let account = self.core.reader.account(self.id)?.ok_or(Unavailable::Fault)?;
            // One reading for all: the session starts when its token does, unless a stream is ahead of the clock.
            let wall = self.core.now(Timestamp::default())?;
            let now = wall.max(account.at.max(ask.gate.at).max(ask.client.at).max(ask.brakes.at));
            let command = self.command(&ask, wall)?;
            let id = self.core.commit_id();
            let context = self.core.context_in_session(&ask.asker, &Owner::Account(self.id), None, id)?;
            let facts = LoginFacts {
                gate: &ask.gate.value,
                gate_version: ask.gate.version,
                client: &ask.client.value,
                client_version: ask.client.version,
                brakes: &ask.brakes.value,
                brakes_version: ask.brakes.version,
                context: &context,
                now,
                seen: &self.seen,
            };
            let Decision { events, outcome } = account::login(&account.value, &command, &facts);
            let ends = command.ends.clone();
            let proposals = self.proposals(&ask, events, outcome.is_ok());
            let recorded = self.recorded(command, &ask, &account.value, &outcome);
            let commit = commit(id, now, context, Some(recorded), proposals);
            let granted = match outcome {
                Ok(granted) => granted,
                Err(denial) => {
                    let n = account.value.refusals.number(denial, &self.seen);
                    self.seen.insert(denial, n);
                    return Ok(Finished::Refused(denial, Box::new(commit)));
                }
            };
            let Some(appended) = self.core.append(commit).await? else {
                self.look_again(&mut ask)?;
                continue;
            };
            let capped = RevokeReason::SessionCap;
            let ended = ends.iter().filter(|session| ended(&appended, **session, capped, now));
            ended.for_each(|_| self.core.metrics.session_revoked(capped));
            let folded = appended.states.get(&StreamId::Session(granted.session)).ok_or(Unavailable::Fault)?;
            let State::Session(session) = &folded.state else { return Err(Unavailable::Fault.into()) };
            return Ok(Finished::LoggedIn(Box::new(LoggedIn {
                id: granted.session,
                session: session.clone(),
                gate: ask.gate.value,
                client: ask.client.value,
                new_context: granted.new_context,
            })));
        }
        Err(Unavailable::Conflict.into())
    }

    fn command(&self, ask: &FinishLogin, wall: Timestamp) -> Result<Login, Refused> {
        let keyring = self.core.keyrings.current();
        let (refresh_key, _): (RefreshKeyId, _) = keyring.active_refresh().ok_or(Unavailable::Fault)?;
        let settings = &ask.client.value.settings;
        let cap = usize::try_from(settings.max_sessions).unwrap_or(usize::MAX).max(1);
        let ends = if matches!(ask.verdict, PasswordVerdict::Right | PasswordVerdict::Vouched) {
            let open = self.core.reader.sessions_at(self.id, &ask.client_id, cap + ENDED_AT_ONCE)?;
            let over = (open.len() + 1).saturating_sub(cap).min(ENDED_AT_ONCE);
            if over == 0 { Vec::new() } else { self.least_missed(open)?.into_iter().take(over).collect() }
        } else {
            Vec::new()
        };
        Ok(Login {
            account: self.id,
            client: ask.client_id.clone(),
            scope: ask.scope.clone(),
            verdict: ask.verdict,
            how: ask.kind.how,
            refresh: ask.kind.refresh,
            until: ask.kind.until,
            came_of: self.root(ask.kind.came_of)?,
            session: SessionId(uuid_v7(&*self.core.entropy, wall)),
            jti: self.core.token_id(),
            jitter: self.core.jitter(settings.access_ttl),
            wall,
            refresh_key,
            ends,
        })
    }

    /// Sessions in the order in which they end for the cap: those without a refresh token first, which are nearly over, then the oldest.
    fn least_missed(&self, open: Vec<SessionId>) -> Result<Vec<SessionId>, Refused> {
        let mut marked = Vec::with_capacity(open.len());
        for id in open {
            let session = self.core.reader.session(id)?;
            marked.push((session.is_some_and(|session| session.value.refreshable), id));
        }
        marked.sort_by_key(|(stays, _)| *stays);
        Ok(marked.into_iter().map(|(_, id)| id).collect())
    }

    /// The session that all of it came of: one that came of another ends with that.
    fn root(&self, came_of: Option<SessionId>) -> Result<Option<SessionId>, Refused> {
        let Some(id) = came_of else { return Ok(None) };
        let session = self.core.reader.session(id)?;
        Ok(Some(session.and_then(|session| session.value.came_of).unwrap_or(id)))
    }

    /// What was granted stands on the gate and the client as they were before the password work; a refusal stands anyhow.
    fn proposals(&self, ask: &FinishLogin, events: Vec<(StreamId, Event)>, granted: bool) -> Vec<Proposal> {
        let mut proposals = Vec::new();
        if granted {
            proposals.push(Proposal::guard(StreamId::Gate(self.id), ask.gate.version));
            proposals.push(Proposal::guard(StreamId::Client(ask.client_id.clone()), ask.client.version));
            proposals.push(Proposal::guard(StreamId::Brakes, ask.brakes.version));
        }
        for (stream, event) in events {
            let starts = matches!(event, Event::Session(SessionEvent::Started(_)));
            let expected = if starts { Expected::Version(0) } else { Expected::Any };
            proposals.push(Proposal { stream, expected, events: vec![event] });
        }
        proposals
    }

    fn recorded(
        &self,
        login: Login,
        ask: &FinishLogin,
        account: &account::Account,
        outcome: &Result<LoginGranted, Denial>,
    ) -> Command {
        let n = outcome.as_ref().err().map(|denial| account.refusals.number(*denial, &self.seen));
        let (gate, client, brakes) = (ask.gate.version, ask.client.version, ask.brakes.version);
        Command::Login { login, gate, client, brakes, n }
    }

    /// Gate or client has moved on since the password work: the verdict stands only if the password is still the same.
    fn look_again(&self, ask: &mut FinishLogin) -> Result<(), Refused> {
        let gate = self.core.reader.gate(self.id)?.ok_or(Unavailable::Fault)?;
        if gate.value.password.password != ask.gate.value.password.password && ask.verdict == PasswordVerdict::Right {
            ask.verdict = PasswordVerdict::Wrong;
        }
        ask.gate = gate;
        ask.brakes = self.core.reader.brakes()?;
        let client = self.core.reader.client(&ask.client_id)?.ok_or(Unavailable::Fault)?;
        // Whoever asked showed the secret of before, at the doors that authenticate clients.
        if ask.kind.how == LoginHow::Password && client.value.secret != ask.client.value.secret {
            return Err(Denial::ClientSecretWrong.into());
        }
        ask.client = client;
        Ok(())
    }
}

//! The actor of one session: decides what happens to it, one thing after the other. Its state is the journal's: an actor that is
//! awake keeps only what was not recorded.

use super::asker::Asker;
use super::clients::AuthenticatedClient;
use super::core::{Core, Refused, TRIES, Unavailable, commit};
use super::directory::Resident;
use crate::clock::Reading;
use crate::domain::brakes::Brakes;
use crate::domain::client::Client;
use crate::domain::command::Command;
use crate::domain::context::Context as AskContext;
use crate::domain::denial::Denial;
use crate::domain::gate::Gate;
use crate::domain::ids::{ClientId, CommitId, Generation, Owner, SessionId, StreamId};
use crate::domain::session::{
    Around, Asked, Refresh, RefreshDoor, RefreshGranted, RefreshHow, Revoke, RevokeReason, Session, SessionEvent,
    Status, Unrecorded,
};
use crate::domain::time::{Span, Timestamp};
use crate::domain::{Decision, Event, Expected, Proposal, State, session};
use crate::journal::{Appended, Versioned};
use actix::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;

/// See the module.
pub struct SessionActor {
    core: Arc<Core>,
    id: SessionId,
    unrecorded: Unrecorded,
}

impl Actor for SessionActor {
    type Context = Context<Self>;
}

impl Resident for SessionActor {
    type Id = SessionId;
    const KIND: &'static str = "session";

    fn wake(core: &Arc<Core>, id: SessionId) -> Result<Option<Self>, Refused> {
        if core.reader.folded(&StreamId::Session(id))?.is_none() {
            return Ok(None);
        }
        core.metrics.session_wakeups_total.inc();
        Ok(Some(Self { core: core.clone(), id, unrecorded: Unrecorded::default() }))
    }
}

/// Why the actor gives no answer of its own.
pub enum Halt {
    /// It has none to give: the session was archived while the actor was awake.
    Gone,
    /// As anybody else.
    Refused(Refused),
}

impl<E: Into<Refused>> From<E> for Halt {
    fn from(why: E) -> Self {
        Self::Refused(why.into())
    }
}

/// What the actor of a session answered; `None` where there is no such session in the store.
///
/// # Errors
/// What it refused.
pub fn of_session<T>(answer: Option<Result<T, Halt>>) -> Result<Option<T>, Refused> {
    match answer {
        Some(Ok(answer)) => Ok(Some(answer)),
        Some(Err(Halt::Refused(refused))) => Err(refused),
        Some(Err(Halt::Gone)) | None => Ok(None),
    }
}

/// Who shows a refresh token.
#[derive(Clone, Debug)]
pub enum Bearer {
    /// A client, at a door that authenticates clients.
    Client(ClientId),
    /// Whoever has it, at a door of FusionAuth's that authenticates none.
    Anybody,
    /// Whoever has it and an API key, at such a door; the clients that the key covers, `None`: all.
    Key(Option<BTreeSet<ClientId>>),
    /// The same where nobody has a say without a key: tokens of other clients are not for this door.
    KeyAlone(Option<BTreeSet<ClientId>>),
}

impl Bearer {
    /// A client that may go on.
    pub fn of(client: &AuthenticatedClient) -> Self {
        Self::Client(client.id.clone())
    }

    /// The client, where it is one.
    pub fn client(&self) -> Option<&ClientId> {
        match self {
            Self::Client(client) => Some(client),
            Self::Anybody | Self::Key(_) | Self::KeyAlone(_) => None,
        }
    }

    /// Whether it may show tokens of a client here.
    pub(super) fn may_show(&self, id: &ClientId, client: &Client) -> bool {
        let covered = |clients: &Option<BTreeSet<ClientId>>| clients.as_ref().is_none_or(|all| all.contains(id));
        match self {
            Self::Client(_) => true,
            Self::Anybody => client.trusts_bearers(),
            Self::Key(clients) => covered(clients) || client.trusts_bearers(),
            Self::KeyAlone(clients) => covered(clients),
        }
    }
}

/// Redeem a refresh token whose tag is right.
#[derive(Message)]
#[rtype(result = "Result<Redeemed, Halt>")]
pub struct Redeem {
    /// The generation in the token.
    pub presented: Generation,
    /// Who shows it, and where.
    pub bearer: Bearer,
    /// The scope asked for, where one was.
    pub scope: Option<BTreeSet<String>>,
    /// How long the access token shall live, where it shall be shorter than usual.
    pub ttl: Option<Span>,
    /// Who asks.
    pub asker: Asker,
}

/// What a redemption gave, with what its tokens are written from.
pub struct Redeemed {
    /// What was granted.
    pub granted: RefreshGranted,
    /// The session.
    pub session: Arc<Session>,
    /// The gate it was decided on.
    pub gate: Arc<Gate>,
    /// The client it was decided on.
    pub client: Arc<Client>,
}

/// End the session.
#[derive(Message)]
#[rtype(result = "Result<(), Halt>")]
pub struct End {
    /// Why.
    pub reason: RevokeReason,
    /// Who asks by showing a refresh token, where somebody does.
    pub bearer: Option<Bearer>,
    /// The generation of the refresh token by which it asks, where it does.
    pub presented: Option<Generation>,
    /// Who asks.
    pub asker: Asker,
}

/// Introspect a refresh token of this session, asked by its own client.
#[derive(Message)]
#[rtype(result = "Result<Option<Arc<Session>>, Halt>")]
pub struct Show {
    /// The generation in the token.
    pub presented: Generation,
    /// The client that asks.
    pub client: ClientId,
    /// Who asks.
    pub asker: Asker,
}

/// Record that the session's time is over, if it is.
#[derive(Message)]
#[rtype(result = "Result<(), Halt>")]
pub struct ExpireIfDue {
    /// Who asks: the server.
    pub asker: Asker,
}

/// The actor takes no second message until the first is answered: that is what `AtomicResponse` gives and a plain
/// `ResponseActFuture` does not.
macro_rules! atomic {
    ($message:ty, $turn:ident, $msg:ident, $answer:expr) => {
        impl Handler<$message> for SessionActor {
            type Result = AtomicResponse<Self, <$message as Message>::Result>;

            fn handle(&mut self, $msg: $message, _: &mut Self::Context) -> Self::Result {
                let begun = Turn::begin(self);
                let work = async move {
                    let mut $turn = begun?;
                    let answer = $answer.await;
                    Ok(($turn.unrecorded, answer))
                };
                AtomicResponse::new(Box::pin(work.into_actor(self).map(|worked: Result<_, Halt>, actor, _| {
                    let (unrecorded, answer) = worked?;
                    actor.unrecorded = unrecorded;
                    answer
                })))
            }
        }
    };
}

atomic!(Redeem, turn, message, turn.redeem(message));
atomic!(End, turn, message, turn.end(message));
atomic!(Show, turn, message, turn.show(message));
atomic!(ExpireIfDue, turn, message, turn.expire(message));

/// What one message works on. The actor keeps what it leaves unrecorded.
struct Turn {
    core: Arc<Core>,
    id: SessionId,
    session: Versioned<Arc<Session>>,
    unrecorded: Unrecorded,
}

/// What one try of a decision stands on besides the session.
struct Stage {
    gate: Versioned<Arc<Gate>>,
    client: Versioned<Arc<Client>>,
    brakes: Versioned<Brakes>,
    now: Timestamp,
    id: CommitId,
    context: AskContext,
}

impl Stage {
    fn around<'a>(&'a self, unrecorded: &'a Unrecorded) -> Around<'a> {
        Around {
            gate: &self.gate.value,
            client: &self.client.value,
            brakes: &self.brakes.value,
            context: &self.context,
            now: self.now,
            unrecorded,
        }
    }
}

impl Turn {
    fn begin(actor: &SessionActor) -> Result<Self, Halt> {
        let session = actor.core.reader.session(actor.id)?.ok_or(Halt::Gone)?;
        Ok(Self { core: actor.core.clone(), id: actor.id, session, unrecorded: actor.unrecorded.clone() })
    }

    fn stream(&self) -> StreamId {
        StreamId::Session(self.id)
    }

    fn owner(&self) -> Owner {
        Owner::Account(self.session.value.account)
    }

    fn stage(&self, asker: &Asker, now: Timestamp) -> Result<Stage, Refused> {
        let gate = self.core.reader.gate(self.session.value.account)?.ok_or(Unavailable::Fault)?;
        let client = self.core.reader.client(&self.session.value.client)?.ok_or(Unavailable::Fault)?;
        let brakes = self.core.reader.brakes()?;
        let id = self.core.commit_id();
        let context = self.core.context_in_session(asker, &self.owner(), self.session.value.last_in_full, id)?;
        Ok(Stage { gate, client, brakes, now, id, context })
    }

    fn reload(&mut self) -> Result<(), Halt> {
        self.session = self.core.reader.session(self.id)?.ok_or(Halt::Gone)?;
        Ok(())
    }

    fn keep(&mut self, appended: &Appended) {
        if let Some(folded) = appended.states.get(&self.stream())
            && let State::Session(session) = &folded.state
        {
            if self.session.value.status == Status::Open {
                self.count_end(session.status);
            }
            self.session = Versioned { version: folded.version, at: folded.at, value: session.clone() };
        }
        if self.session.value.status != Status::Open {
            self.core.held.release(self.id);
        }
    }

    /// Appends events that may end the session. Where the journal does not take them, it is held closed until it does.
    async fn append_or_hold(
        &self,
        stage: &Stage,
        command: Command,
        events: Vec<SessionEvent>,
        guards: Vec<Proposal>,
    ) -> Result<Option<Appended>, Refused> {
        let ends = events.iter().find_map(|event| match event {
            SessionEvent::Revoked { reason } => Some(*reason),
            _ => None,
        });
        let appended = self.append(stage, command, events, guards).await;
        if let (Err(_), Some(reason)) = (&appended, ends) {
            self.core.held.hold(self.id, reason);
        }
        appended
    }

    /// Counts that the session was open and is not any more.
    fn count_end(&self, status: Status) {
        let metrics = &self.core.metrics;
        match status {
            Status::Open => {}
            Status::Revoked { reason, .. } => metrics.session_revoked(reason),
            Status::Expired { .. } => metrics.session_ended(),
        }
    }

    /// Appends events to the session, with guards; `None` means that a stream has moved on. Without events the session itself
    /// is guarded: others may have ended it.
    async fn append(
        &self,
        stage: &Stage,
        command: Command,
        events: Vec<SessionEvent>,
        mut proposals: Vec<Proposal>,
    ) -> Result<Option<Appended>, Refused> {
        proposals.push(Proposal {
            stream: self.stream(),
            expected: Expected::Version(self.session.version),
            events: events.into_iter().map(Event::Session).collect(),
        });
        let context = stage.context.clone();
        self.core.append(commit(stage.id, stage.now, context, Some(command), proposals)).await
    }

    async fn redeem(&mut self, ask: Redeem) -> Result<Redeemed, Halt> {
        if let Some(reason) = self.core.held.reason(self.id) {
            self.end(End { reason, bearer: None, presented: None, asker: ask.asker.clone() }).await?;
        }
        for _ in 0..TRIES {
            // A clock that is not believed grants nothing, and keeps nobody from being found out.
            let Reading { believed, wall, .. } = self.core.clock.read();
            let stage = self.stage(&ask.asker, self.core.now_to_close(self.session.at))?;
            let (gate, client) = (&stage.gate, &stage.client);
            if !ask.bearer.may_show(&self.session.value.client, &client.value) {
                self.refuse_door(&stage, Asked::Refresh, ask.presented).await?;
                return Err(Denial::WrongDoor.into());
            }
            let at_client = ask.bearer.client();
            let door = if at_client.is_some() { RefreshDoor::Token } else { RefreshDoor::JwtRefresh };
            let command = Refresh {
                presented: ask.presented,
                client: at_client.unwrap_or(&self.session.value.client).clone(),
                scope: ask.scope.clone(),
                door,
                ttl: ask.ttl,
                jti: self.core.token_id(),
                jitter: self.core.jitter(client.value.settings.access_ttl),
                wall,
                unavailable: self.core.reader.system()?.value.unavailable(self.session.value.born_at, stage.now),
            };
            let around = stage.around(&self.unrecorded);
            let Decision { events, outcome } = session::refresh(&self.session.value, &command, &around);
            if !believed && !found_out(&outcome) {
                return Err(Unavailable::Clock.into());
            }
            if events.is_empty()
                && let Err(denial) = outcome
            {
                self.unrecorded.count_refusal(&self.session.value, denial);
                return Err(denial.into());
            }
            let guards = vec![
                Proposal::guard(StreamId::Gate(self.session.value.account), gate.version),
                Proposal::guard(StreamId::Client(self.session.value.client.clone()), client.version),
                Proposal::guard(StreamId::Brakes, stage.brakes.version),
            ];
            let unrecorded = self.unrecorded.clone();
            let (gate, client, brakes) = (gate.version, client.version, stage.brakes.version);
            let recorded = Command::Refresh { refresh: command, gate, client, brakes, unrecorded };
            let Some(appended) = self.append_or_hold(&stage, recorded, events, guards).await? else {
                self.reload()?;
                continue;
            };
            self.count(&outcome);
            self.keep(&appended);
            let granted = outcome?;
            let session = self.session.value.clone();
            return Ok(Redeemed { granted, session, gate: stage.gate.value, client: stage.client.value });
        }
        Err(Unavailable::Conflict.into())
    }

    /// Records, as far as refusals are recorded, that a refresh token was shown at a door that is not for it.
    async fn refuse_door(&mut self, stage: &Stage, asked: Asked, presented: Generation) -> Result<(), Refused> {
        let around = stage.around(&self.unrecorded);
        let Decision { events, .. } = session::refuse_door::<()>(&self.session.value, asked, presented, &around);
        let command = Command::WrongDoor { asked, presented, unrecorded: self.unrecorded.clone() };
        self.unrecorded.count_refusal(&self.session.value, Denial::WrongDoor);
        if events.is_empty() {
            return Ok(());
        }
        // Where the session has moved on meanwhile, the next such token is recorded.
        if let Some(appended) = self.append(stage, command, events, Vec::new()).await? {
            self.keep(&appended);
        }
        Ok(())
    }

    /// Counts what was decided on the state before it is renewed.
    fn count(&mut self, outcome: &Result<RefreshGranted, Denial>) {
        match outcome {
            Err(denial) => self.unrecorded.count_refusal(&self.session.value, *denial),
            Ok(granted) => match granted.how {
                RefreshHow::Retried | RefreshHow::MovedRetry => self.unrecorded.count_retry(&self.session.value),
                RefreshHow::Rotated | RefreshHow::Reissued => {}
            },
        }
    }

    async fn end(&mut self, ask: End) -> Result<(), Halt> {
        for _ in 0..TRIES {
            let stage = self.stage(&ask.asker, self.core.now_to_close(self.session.at))?;
            if let (Some(bearer), Some(presented)) = (&ask.bearer, ask.presented)
                && !bearer.may_show(&self.session.value.client, &stage.client.value)
            {
                self.refuse_door(&stage, Asked::Revoke, presented).await?;
                return Err(Denial::WrongDoor.into());
            }
            let client = ask.bearer.as_ref().and_then(Bearer::client).cloned();
            let command = Revoke { reason: ask.reason, client, presented: ask.presented };
            let around = stage.around(&self.unrecorded);
            let Decision { events, outcome } = session::revoke(&self.session.value, &command, &around);
            let unrecorded = self.unrecorded.clone();
            let recorded = Command::Revoke { revoke: command, session: self.session.version, unrecorded };
            let Some(appended) = self.append_or_hold(&stage, recorded, events, Vec::new()).await? else {
                self.reload()?;
                continue;
            };
            if let Err(denial) = outcome {
                self.unrecorded.count_refusal(&self.session.value, denial);
            }
            self.keep(&appended);
            return outcome.map_err(Halt::from);
        }
        Err(Unavailable::Conflict.into())
    }

    async fn show(&mut self, ask: Show) -> Result<Option<Arc<Session>>, Halt> {
        if ask.client != self.session.value.client || self.core.held.reason(self.id).is_some() {
            return Ok(None);
        }
        for _ in 0..TRIES {
            let stage = self.stage(&ask.asker, self.core.now_to_close(self.session.at))?;
            let around = stage.around(&self.unrecorded);
            let Decision { events, outcome } = session::show(&self.session.value, ask.presented, &around);
            let active = outcome?;
            let superseded = ask.presented < self.session.value.generation;
            if !events.is_empty() {
                let unrecorded = self.unrecorded.clone();
                let recorded = Command::Show { presented: ask.presented, unrecorded };
                let Some(appended) = self.append(&stage, recorded, events, Vec::new()).await? else {
                    self.reload()?;
                    continue;
                };
                self.unrecorded.count_refusal(&self.session.value, Denial::Superseded);
                self.keep(&appended);
            } else if superseded {
                self.unrecorded.count_refusal(&self.session.value, Denial::Superseded);
            }
            return Ok(active.then(|| self.session.value.clone()));
        }
        Err(Unavailable::Conflict.into())
    }

    async fn expire(&mut self, ask: ExpireIfDue) -> Result<(), Halt> {
        for _ in 0..TRIES {
            let now = self.core.now(self.session.at)?;
            let events = session::expire(&self.session.value, now);
            if events.is_empty() {
                return Ok(());
            }
            let stage = self.stage(&ask.asker, now)?;
            let Some(appended) = self.append(&stage, Command::Expire, events, Vec::new()).await? else {
                self.reload()?;
                continue;
            };
            self.keep(&appended);
            return Ok(());
        }
        Err(Unavailable::Conflict.into())
    }
}

/// Whether a redemption was refused for what no clock has a say in.
fn found_out(outcome: &Result<RefreshGranted, Denial>) -> bool {
    matches!(outcome, Err(Denial::Superseded | Denial::ForeignRetry | Denial::AheadOfJournal | Denial::ClientMismatch))
}

//! The rules of a session: which refresh token is redeemed, which is answered again, and which ends the session.

use super::apply::retries_running;
use super::event::{Asked, Refreshed, Retried, SessionEvent};
use super::state::{Access, RevokeReason, Session, Status, Unrecorded};
use crate::domain::Decision;
use crate::domain::brakes::Brakes;
use crate::domain::client::{Client, Grant, LateRetry, Rotation};
use crate::domain::context::Context;
use crate::domain::denial::Denial;
use crate::domain::gate::Gate;
use crate::domain::ids::{ClientId, Generation, TokenId};
use crate::domain::tally::{Shown, is_doubling};
use crate::domain::time::{Span, Timestamp};
use std::collections::BTreeSet;

/// Generations that must pass before a retry from another network is answered again.
const MOVED_RETRY_REST: Generation = 8;
/// Generations running with a retry from which on `lockstep` is reported.
const LOCKSTEP_RUN: u32 = 3;
/// Retries of one generation that are each an event.
const RETRIES_RECORDED: u64 = 8;

/// Redeem a refresh token whose tag is right.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refresh {
    /// The generation in the token.
    pub presented: Generation,
    /// The client that asks: authenticated, or public and named.
    pub client: ClientId,
    /// The scope asked for, where one was.
    pub scope: Option<BTreeSet<String>>,
    /// At which door.
    pub door: RefreshDoor,
    /// How long the access token shall live, where it shall be shorter than the client's `access_ttl`.
    pub ttl: Option<Span>,
    /// The `jti` of the access token, should there be a new one.
    pub jti: TokenId,
    /// How much shorter than the client's `access_ttl` a new access token lives, against stampedes.
    pub jitter: Span,
    /// The wall clock as read: the token's times come from it. The decision's own instant is never earlier than the last entry
    /// of its stream, and so may lie ahead of the clock.
    pub wall: Timestamp,
    /// How long the server could not answer since the current generation was made: no retry could have arrived then.
    pub unavailable: Span,
}

/// Where a refresh token is redeemed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum RefreshDoor {
    /// `POST /oauth2/token`, which authenticates the client.
    #[default]
    Token,
    /// FusionAuth's `POST /api/jwt/refresh`, which authenticates none: see [`refuse_door`].
    JwtRefresh,
}

/// What a redemption is answered with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RefreshGranted {
    /// Which row of the table it was.
    pub how: RefreshHow,
    /// The refresh token's generation.
    pub generation: Generation,
    /// The access token.
    pub access: Access,
    /// The access token's scope.
    pub scope: BTreeSet<String>,
}

/// The rows of the table that grant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RefreshHow {
    /// The current generation was redeemed.
    Rotated,
    /// The parent came back within the window and got its successor again.
    Retried,
    /// The same from another network.
    MovedRetry,
    /// The parent came back after the window; its unused successor was burned and replaced.
    Reissued,
}

impl RefreshHow {
    /// Every row: the bound of the metrics' labels.
    pub const ALL: &'static [Self] = &[Self::Rotated, Self::Retried, Self::MovedRetry, Self::Reissued];

    /// The stable code in metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::Rotated => "rotated",
            Self::Retried => "retried",
            Self::MovedRetry => "moved_retry",
            Self::Reissued => "reissued",
        }
    }
}

/// What the rules look at besides the session.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
    /// The gate of the session's account.
    pub gate: &'a Gate,
    /// The session's client.
    pub client: &'a Client,
    /// What ends more than that account's or that client's sessions.
    pub brakes: &'a Brakes,
    /// Who asks.
    pub context: &'a Context,
    /// The instant of the decision.
    pub now: Timestamp,
    /// What happened in this session without becoming an event.
    pub unrecorded: &'a Unrecorded,
}

/// Decides a redemption by the table of `docs/ARCHITECTURE.md`: the first row that fits answers.
pub fn refresh(session: &Session, command: &Refresh, around: &Around) -> Decision<SessionEvent, RefreshGranted> {
    let row = match judge(session, command, around) {
        Ok(row) => row,
        Err(class) => return deny(session, command, class, around),
    };
    // The token is judged before the scope; a refused scope leaves the generation unused.
    let Some(scope) = narrow(session, command.scope.as_ref()) else {
        return refused(session, Asked::Refresh, Denial::InvalidScope, Some(command.presented), around);
    };
    if command.ttl.is_some_and(|ttl| ttl > around.client.settings.access_ttl) {
        return refused(session, Asked::Refresh, Denial::TtlTooLong, Some(command.presented), around);
    }
    match row {
        RefreshHow::Rotated | RefreshHow::Reissued => redeem(session, command, row, scope, around),
        RefreshHow::Retried | RefreshHow::MovedRetry => retry(session, command, row, around),
    }
}

/// Which row of the table a redemption falls into.
fn judge(session: &Session, command: &Refresh, around: &Around) -> Result<RefreshHow, Denial> {
    let presented = command.presented;
    let (gate, client) = (around.gate, around.client);
    if command.client != session.client {
        return Err(Denial::ClientMismatch);
    }
    if presented > session.generation {
        return Err(Denial::AheadOfJournal);
    }
    if !gate.is_enabled() {
        return Err(Denial::AccountDisabled);
    }
    if !client.enabled {
        return Err(Denial::ClientDisabled);
    }
    let granted = match command.door {
        RefreshDoor::Token => client.settings.grants.contains(&Grant::RefreshToken),
        RefreshDoor::JwtRefresh => true,
    };
    if !granted || !client.admits(&session.client, gate) {
        return Err(Denial::GrantWithdrawn);
    }
    if !session.refreshable || session.closed(gate, client, around.brakes, around.now).is_some() {
        return Err(Denial::Closed);
    }
    if presented == session.generation {
        return Ok(RefreshHow::Rotated);
    }
    if Some(presented) == session.parent {
        return judge_parent(session, command, around);
    }
    Err(Denial::Superseded)
}

/// The parent of the current, unused generation came back: a lost answer, or a thief?
fn judge_parent(session: &Session, command: &Refresh, around: &Around) -> Result<RefreshHow, Denial> {
    let (same_agent, same_network) = match (session.redeemed_by, around.context.person()) {
        (Some(first), Some(again)) => (first.ua == again.ua, first.net == again.net),
        // Where no person was told there is only the backend to see, and nothing to compare.
        _ => (true, true),
    };
    if !same_agent {
        return Err(Denial::ForeignRetry);
    }
    let settings = &around.client.settings;
    let age = around.now.since(session.born_at);
    let waited = if age.0 < 0 { age } else { Span((age - command.unavailable).0.max(0)) };
    if waited.is_within(settings.retry_window) {
        let rested = |at: Generation| session.generation.saturating_sub(at) > MOVED_RETRY_REST;
        return match (same_network, session.moved_at) {
            (true, _) => Ok(RefreshHow::Retried),
            (false, None) => Ok(RefreshHow::MovedRetry),
            (false, Some(at)) if rested(at) => Ok(RefreshHow::MovedRetry),
            (false, Some(_)) => Err(Denial::ForeignRetry),
        };
    }
    match settings.late_retry {
        LateRetry::Reissue if !session.reissued => Ok(RefreshHow::Reissued),
        LateRetry::Reissue | LateRetry::Revoke => Err(Denial::LateRetry),
    }
}

/// The scope of the access token: what is asked for, if the session was granted all of it.
fn narrow(session: &Session, asked: Option<&BTreeSet<String>>) -> Option<BTreeSet<String>> {
    match asked {
        None => Some(session.scope.clone()),
        Some(asked) if asked.is_subset(&session.scope) => Some(asked.clone()),
        Some(_) => None,
    }
}

fn redeem(
    session: &Session,
    command: &Refresh,
    how: RefreshHow,
    scope: BTreeSet<String>,
    around: &Around,
) -> Decision<SessionEvent, RefreshGranted> {
    let settings = &around.client.settings;
    let stays = settings.rotation == Rotation::Never && how == RefreshHow::Rotated;
    let generation = if stays { Some(session.generation) } else { session.generation.checked_add(1) };
    let Some(generation) = generation else {
        return refused(session, Asked::Refresh, Denial::Closed, Some(command.presented), around);
    };
    let access = new_access(session, command, around);
    let refreshed = Refreshed {
        presented: command.presented,
        generation,
        burned: (how == RefreshHow::Reissued).then_some(session.generation),
        idle_end: around.now + settings.refresh_idle_ttl,
        access,
        scope: (scope != session.scope).then(|| scope.clone()),
    };
    Decision {
        events: vec![SessionEvent::Refreshed(refreshed)],
        outcome: Ok(RefreshGranted { how, generation, access, scope }),
    }
}

/// An access token never outlives its session's absolute end.
fn new_access(session: &Session, command: &Refresh, around: &Around) -> Access {
    let ttl = command.ttl.unwrap_or(around.client.settings.access_ttl - command.jitter);
    Access { jti: command.jti, issued_at: command.wall, expires_at: (command.wall + ttl).min(session.absolute_end) }
}

fn retry(
    session: &Session,
    command: &Refresh,
    how: RefreshHow,
    around: &Around,
) -> Decision<SessionEvent, RefreshGranted> {
    let n = 1 + around.unrecorded.retries_of(session);
    let ran_out = command.wall >= session.access.expires_at;
    let access = if ran_out { new_access(session, command, around) } else { session.access };
    let moved = how == RefreshHow::MovedRetry;
    let retried = Retried {
        presented: command.presented,
        generation: session.generation,
        n,
        moved,
        lockstep: retries_running(session) >= LOCKSTEP_RUN,
        access: ran_out.then_some(access),
    };
    let recorded = n <= RETRIES_RECORDED || is_doubling(n) || moved || ran_out;
    let scope = session.access_scope.as_ref().unwrap_or(&session.scope).clone();
    Decision {
        events: if recorded { vec![SessionEvent::RefreshRetried(retried)] } else { Vec::new() },
        outcome: Ok(RefreshGranted { how, generation: session.generation, access, scope }),
    }
}

fn deny(
    session: &Session,
    command: &Refresh,
    class: Denial,
    around: &Around,
) -> Decision<SessionEvent, RefreshGranted> {
    let presented = command.presented;
    let ends = |event, reason| Decision { events: vec![event, SessionEvent::Revoked { reason }], outcome: Err(class) };
    match class {
        Denial::LateRetry | Denial::ForeignRetry | Denial::Superseded => {
            ends(SessionEvent::ReuseDetected { class, presented, current: session.generation }, RevokeReason::Reuse)
        }
        Denial::AheadOfJournal => {
            let (n, recorded) =
                session.refusals.next(class, &around.unrecorded.refusals, &shown(Some(presented), around));
            let event = SessionEvent::AheadOfJournal { presented, current: session.generation, n };
            if session.closed(around.gate, around.client, around.brakes, around.now).is_none() {
                ends(event, RevokeReason::HistoryLost)
            } else {
                Decision { events: if recorded { vec![event] } else { Vec::new() }, outcome: Err(class) }
            }
        }
        _ => refused(session, Asked::Refresh, class, Some(presented), around),
    }
}

fn shown(generation: Option<Generation>, around: &Around) -> Shown {
    Shown::new(generation, around.context)
}

/// A refusal that changes nothing but the record.
fn refused<T>(
    session: &Session,
    asked: Asked,
    class: Denial,
    presented: Option<Generation>,
    around: &Around,
) -> Decision<SessionEvent, T> {
    let (n, recorded) = session.refusals.next(class, &around.unrecorded.refusals, &shown(presented, around));
    let event = SessionEvent::Refused { asked, class, n, presented };
    Decision { events: if recorded { vec![event] } else { Vec::new() }, outcome: Err(class) }
}

/// Refuses a refresh token at a door that authenticates no client, where its client's tokens are not redeemed.
pub fn refuse_door<T>(
    session: &Session,
    asked: Asked,
    presented: Generation,
    around: &Around,
) -> Decision<SessionEvent, T> {
    refused(session, asked, Denial::WrongDoor, Some(presented), around)
}

/// End a session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Revoke {
    /// Why.
    pub reason: RevokeReason,
    /// The client that asks, where a client does: it can only end its own sessions.
    pub client: Option<ClientId>,
    /// The generation of the refresh token by which it asks, where it does.
    pub presented: Option<Generation>,
}

/// Decides the end of a session. A session that is over already stays as it ended.
pub fn revoke(session: &Session, command: &Revoke, around: &Around) -> Decision<SessionEvent, ()> {
    if command.client.as_ref().is_some_and(|client| *client != session.client) {
        return refused(session, Asked::Revoke, Denial::ClientMismatch, command.presented, around);
    }
    let mut events = Vec::new();
    if let Some(presented) = command.presented.filter(|presented| *presented > session.generation) {
        let (n, recorded) =
            session.refusals.next(Denial::AheadOfJournal, &around.unrecorded.refusals, &shown(Some(presented), around));
        if recorded || session.status == Status::Open {
            events.push(SessionEvent::AheadOfJournal { presented, current: session.generation, n });
        }
    }
    if session.status == Status::Open {
        events.push(SessionEvent::Revoked { reason: command.reason });
    }
    Decision { events, outcome: Ok(()) }
}

/// Records that a session's time is over, if it is.
pub fn expire(session: &Session, now: Timestamp) -> Vec<SessionEvent> {
    if session.status == Status::Open && now >= session.ends_at() { vec![SessionEvent::Expired] } else { Vec::new() }
}

/// Whether a refresh token that its own client introspects is active, and what has to be recorded: an old generation in
/// the client's hands is worth knowing.
pub fn show(session: &Session, presented: Generation, around: &Around) -> Decision<SessionEvent, bool> {
    let open = session.refreshable && session.closed(around.gate, around.client, around.brakes, around.now).is_none();
    let granted = around.client.settings.grants.contains(&Grant::RefreshToken) || around.client.trusts_bearers();
    let registered = around.client.admits(&session.client, around.gate);
    let allowed = around.gate.is_enabled() && around.client.enabled && granted && registered;
    if presented >= session.generation {
        return Decision { events: Vec::new(), outcome: Ok(open && allowed && presented == session.generation) };
    }
    let shown = shown(Some(presented), around);
    let (n, recorded) = session.refusals.next(Denial::Superseded, &around.unrecorded.refusals, &shown);
    let event = SessionEvent::SupersededShown { presented, n };
    Decision { events: if recorded { vec![event] } else { Vec::new() }, outcome: Ok(false) }
}

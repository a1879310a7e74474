//! The rules of a login.

use super::event::{AccountEvent, LoginHow};
use super::state::Account;
use crate::domain::brakes::Brakes;
use crate::domain::client::{Client, Grant};
use crate::domain::context::Context;
use crate::domain::denial::Denial;
use crate::domain::gate::{Gate, Standing};
use crate::domain::ids::{AccountId, ClientId, RefreshKeyId, SessionId, StreamId, TokenId, Version};
use crate::domain::session::{Access, RevokeReason, SessionEvent, Started};
use crate::domain::tally::{Seen, Shown};
use crate::domain::time::{Span, Timestamp};
use crate::domain::{Decision, Event};
use std::collections::BTreeSet;

/// What the password work said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PasswordVerdict {
    /// The password is the account's.
    Right,
    /// It is not.
    Wrong,
    /// There was none to check: who asked may vouch for the person.
    Vouched,
    /// Too many attempts: refused whatever the password is.
    Throttled,
}

/// Log in at a client, once the password was checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Login {
    /// Who.
    pub account: AccountId,
    /// Where.
    pub client: ClientId,
    /// The scope asked for, where one was.
    pub scope: Option<BTreeSet<String>>,
    /// What the password work said.
    pub verdict: PasswordVerdict,
    /// By which door.
    pub how: LoginHow,
    /// Whether a refresh token is given; `None`: as the client's settings and the scope say.
    pub refresh: Option<bool>,
    /// When the session ends at the latest, where it has an end of its own.
    pub until: Option<Timestamp>,
    /// The session whose token brought this one about, where one did: it is over when that one is.
    pub came_of: Option<SessionId>,
    /// The session's id, should there be one.
    pub session: SessionId,
    /// The `jti` of its access token.
    pub jti: TokenId,
    /// How much shorter than the client's `access_ttl` that lives.
    pub jitter: Span,
    /// The wall clock as read: the token's times come from it. The decision's own instant is never earlier than the last entry
    /// of its stream, and so may lie ahead of the clock.
    pub wall: Timestamp,
    /// The active refresh key.
    pub refresh_key: RefreshKeyId,
    /// Open sessions that must end so that the client's cap holds: the oldest.
    pub ends: Vec<SessionId>,
}

/// What the rules look at besides the account.
#[derive(Clone, Copy, Debug)]
pub struct LoginFacts<'a> {
    /// The account's gate, as it was before the password work.
    pub gate: &'a Gate,
    /// Its version then.
    pub gate_version: Version,
    /// The client, as it was before the password work.
    pub client: &'a Client,
    /// Its version then.
    pub client_version: Version,
    /// The brakes, as they were before the password work.
    pub brakes: &'a Brakes,
    /// Their version then.
    pub brakes_version: Version,
    /// Who asks.
    pub context: &'a Context,
    /// The instant of the decision.
    pub now: Timestamp,
    /// Refusals so far, with those that were not recorded.
    pub seen: &'a Seen<Denial>,
}

/// A login that was granted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LoginGranted {
    /// The session.
    pub session: SessionId,
    /// How it starts.
    pub started: Started,
    /// Whether it comes from where the account was never used.
    pub new_context: bool,
}

/// Decides a login.
pub fn login(account: &Account, command: &Login, facts: &LoginFacts) -> Decision<(StreamId, Event), LoginGranted> {
    match judge(command, facts) {
        Ok(scope) => grant(account, command, scope, facts),
        Err(class) => {
            let (n, recorded) = account.refusals.next(class, facts.seen, &shown(class, facts.context));
            let event = AccountEvent::LoginRefused { client: command.client.clone(), class, n };
            let stream = StreamId::Account(command.account);
            let events = if recorded { vec![(stream, Event::Account(event))] } else { Vec::new() };
            Decision { events, outcome: Err(class) }
        }
    }
}

/// Refuses to set another password, and records it as far as refusals are recorded.
pub fn refuse_password_change(
    account: &Account,
    class: Denial,
    context: &Context,
    seen: &Seen<Denial>,
) -> Decision<AccountEvent, ()> {
    let (n, recorded) = account.refusals.next(class, seen, &shown(class, context));
    let events = if recorded { vec![AccountEvent::PasswordChangeRefused { class, n }] } else { Vec::new() };
    Decision { events, outcome: Err(class) }
}

/// What tells one refused login from another. While throttled all are alike: whoever guesses on writes one event, not many.
pub(super) fn shown(class: Denial, context: &Context) -> Shown {
    if class == Denial::Throttled { Shown::default() } else { Shown::new(None, context) }
}

fn judge(command: &Login, facts: &LoginFacts) -> Result<BTreeSet<String>, Denial> {
    // Whoever may not log in at all learns nothing about the password.
    if facts.brakes.logins_refused_since.is_some() {
        return Err(Denial::LoginsRefused);
    }
    match command.verdict {
        PasswordVerdict::Throttled => return Err(Denial::Throttled),
        PasswordVerdict::Wrong => return Err(Denial::WrongCredentials),
        PasswordVerdict::Right | PasswordVerdict::Vouched => {}
    }
    match facts.gate.standing {
        Standing::Enabled => {}
        Standing::Disabled => return Err(Denial::AccountDisabled),
        Standing::Erased => return Err(Denial::WrongCredentials),
    }
    if !facts.client.enabled {
        return Err(Denial::ClientDisabled);
    }
    if !facts.client.admits(&command.client, facts.gate) {
        return Err(Denial::NotRegistered);
    }
    if command.how == LoginHow::Password && !facts.client.settings.grants.contains(&Grant::Password) {
        return Err(Denial::GrantNotAllowed);
    }
    if facts.gate.must_change {
        return Err(Denial::PasswordChangeRequired);
    }
    facts.client.grantable(command.scope.as_ref()).ok_or(Denial::InvalidScope)
}

fn grant(
    account: &Account,
    command: &Login,
    scope: BTreeSet<String>,
    facts: &LoginFacts,
) -> Decision<(StreamId, Event), LoginGranted> {
    let settings = &facts.client.settings;
    let absolute_end = facts.now + settings.refresh_absolute_ttl;
    let absolute_end = command.until.map_or(absolute_end, |until| until.min(absolute_end));
    let refreshable = command.refresh.unwrap_or_else(|| facts.client.gives_refresh_token(&scope));
    let expires_at = (command.wall + (settings.access_ttl - command.jitter)).min(absolute_end);
    // A session without a refresh token can do nothing once its access token is over.
    let idle_end = if refreshable { facts.now + settings.refresh_idle_ttl } else { expires_at };
    let started = Started {
        account: command.account,
        client: command.client.clone(),
        scope,
        refreshable,
        refresh_key: command.refresh_key,
        gate_version: facts.gate_version,
        client_version: facts.client_version,
        brakes_version: facts.brakes_version,
        came_of: command.came_of,
        absolute_end,
        idle_end,
        access: Access { jti: command.jti, issued_at: command.wall, expires_at },
    };
    let capped = SessionEvent::Revoked { reason: RevokeReason::SessionCap };
    let mut events: Vec<_> =
        command.ends.iter().map(|oldest| (StreamId::Session(*oldest), Event::Session(capped.clone()))).collect();
    events.push((
        StreamId::Account(command.account),
        Event::Account(AccountEvent::LoginSucceeded {
            client: command.client.clone(),
            session: command.session,
            how: command.how,
        }),
    ));
    let new_context = facts.context.person().is_some_and(|person| account.is_new(&person, facts.now));
    if new_context {
        let event = AccountEvent::NewContext { client: command.client.clone(), session: command.session };
        events.push((StreamId::Account(command.account), Event::Account(event)));
    }
    events.push((StreamId::Session(command.session), Event::Session(SessionEvent::Started(started.clone()))));
    Decision { events, outcome: Ok(LoginGranted { session: command.session, started, new_context }) }
}

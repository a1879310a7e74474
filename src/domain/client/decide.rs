//! The rules of a client: what administration may do to it, and what it may do itself.

use super::event::{ClientEvent, UseEvent};
use super::settings::{ClientSettings, Grant};
use super::state::{Client, Usage};
use crate::domain::Decision;
use crate::domain::context::{Context, Sealed};
use crate::domain::denial::Denial;
use crate::domain::ids::TokenId;
use crate::domain::session::Access;
use crate::domain::tally::{Seen, Shown};
use crate::domain::time::{Span, Timestamp};
use std::collections::BTreeSet;

/// What administration asks of a client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClientCommand {
    /// Replace the settings.
    Change(Box<ClientSettings>),
    /// Replace the secret.
    SetSecret(Sealed),
    /// Grant nothing for now.
    Disable,
    /// Grant again.
    Enable,
    /// Have it as if it were not there.
    Remove,
    /// End every session and token of before.
    RevokeSessions,
}

/// The events of a command; none where the client is already as asked.
pub fn decide(client: &Client, command: &ClientCommand) -> Vec<ClientEvent> {
    let event = match command {
        ClientCommand::Change(settings) => {
            (client.settings != **settings).then(|| ClientEvent::Changed { settings: (**settings).clone() })
        }
        ClientCommand::SetSecret(secret) => Some(ClientEvent::SecretSet { secret: secret.clone() }),
        ClientCommand::Disable => client.enabled.then_some(ClientEvent::Disabled),
        ClientCommand::Enable => (!client.enabled).then_some(ClientEvent::Enabled),
        ClientCommand::Remove => (!client.removed).then_some(ClientEvent::Removed),
        ClientCommand::RevokeSessions => Some(ClientEvent::SessionsRevoked),
    };
    event.into_iter().collect()
}

/// Issue a token to the client itself (RFC 6749 section 4.4).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IssueToken {
    /// The scope asked for, where one was.
    pub scope: Option<BTreeSet<String>>,
    /// The `jti`.
    pub jti: TokenId,
    /// How much shorter than the client's `access_ttl` it lives.
    pub jitter: Span,
    /// The wall clock as read: the token's times come from it. The decision's own instant is never earlier than the last entry
    /// of its stream, and so may lie ahead of the clock.
    pub wall: Timestamp,
}

/// A token issued to a client itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenGranted {
    /// The access token.
    pub access: Access,
    /// Its scope.
    pub scope: BTreeSet<String>,
}

/// Decides `client_credentials` for a client that has authenticated.
pub fn issue_token(
    client: &Client,
    usage: &Usage,
    command: &IssueToken,
    context: &Context,
    seen: &Seen<Denial>,
) -> Decision<UseEvent, TokenGranted> {
    if !client.enabled {
        return refuse(usage, Denial::ClientDisabled, context, seen);
    }
    if !client.settings.grants.contains(&Grant::ClientCredentials) {
        return refuse(usage, Denial::GrantNotAllowed, context, seen);
    }
    let Some(scope) = client.grantable(command.scope.as_ref()) else {
        return refuse(usage, Denial::InvalidScope, context, seen);
    };
    let expires_at = command.wall + (client.settings.access_ttl - command.jitter);
    let access = Access { jti: command.jti, issued_at: command.wall, expires_at };
    Decision {
        events: vec![UseEvent::TokenIssued { jti: command.jti, expires_at, scope: scope.clone() }],
        outcome: Ok(TokenGranted { access, scope }),
    }
}

/// Refuses something to a client, and records it as far as refusals are recorded.
pub fn refuse<T>(usage: &Usage, class: Denial, context: &Context, seen: &Seen<Denial>) -> Decision<UseEvent, T> {
    let (n, recorded) = usage.refusals.next(class, seen, &Shown::new(None, context));
    let events = if recorded { vec![UseEvent::Refused { class, n }] } else { Vec::new() };
    Decision { events, outcome: Err(class) }
}

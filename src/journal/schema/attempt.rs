//! The stored shape of the two commands that traffic is made of: a login, and the redemption of a refresh token.

use super::command::{StoredUnrecorded, is_zero};
use super::text::{Text, other_than_default};
use crate::domain::account::{Login, LoginHow, PasswordVerdict};
use crate::domain::command::Command;
use crate::domain::ids::{AccountId, ClientId, Generation, RefreshKeyId, SessionId, TokenId, Version};
use crate::domain::session::{Refresh, RefreshDoor, Unrecorded};
use crate::domain::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredLogin {
    account: Text<AccountId>,
    client: Text<ClientId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<BTreeSet<String>>,
    verdict: Text<PasswordVerdict>,
    session: Text<SessionId>,
    jti: Text<TokenId>,
    jitter: Text<Span>,
    wall: Text<Timestamp>,
    refresh_key: RefreshKeyId,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ends: Vec<Text<SessionId>>,
    gate_version: Version,
    client_version: Version,
    #[serde(default, skip_serializing_if = "is_zero")]
    brakes_version: Version,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    how: Option<Text<LoginHow>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Text<Timestamp>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    came_of: Option<Text<SessionId>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredRefresh {
    presented: Generation,
    client: Text<ClientId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<BTreeSet<String>>,
    jti: Text<TokenId>,
    jitter: Text<Span>,
    wall: Text<Timestamp>,
    unavailable: Text<Span>,
    gate_version: Version,
    client_version: Version,
    #[serde(default, skip_serializing_if = "is_zero")]
    brakes_version: Version,
    #[serde(default, skip_serializing_if = "StoredUnrecorded::says_nothing")]
    unrecorded: StoredUnrecorded,
    #[serde(skip_serializing_if = "Option::is_none")]
    door: Option<Text<RefreshDoor>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<Text<Span>>,
}

pub(super) fn of_login(
    login: &Login,
    (gate, client, brakes): (Version, Version, Version),
    n: Option<u64>,
) -> StoredLogin {
    StoredLogin {
        account: Text(login.account),
        client: Text(login.client.clone()),
        scope: login.scope.clone(),
        verdict: Text(login.verdict),
        session: Text(login.session),
        jti: Text(login.jti),
        jitter: Text(login.jitter),
        wall: Text(login.wall),
        refresh_key: login.refresh_key,
        ends: login.ends.iter().copied().map(Text).collect(),
        gate_version: gate,
        client_version: client,
        brakes_version: brakes,
        n,
        how: other_than_default(login.how),
        refresh: login.refresh,
        until: login.until.map(Text),
        came_of: login.came_of.map(Text),
    }
}

pub(super) fn into_login(stored: StoredLogin) -> Command {
    Command::Login {
        login: Login {
            account: stored.account.0,
            client: stored.client.0,
            scope: stored.scope,
            verdict: stored.verdict.0,
            how: stored.how.map_or_else(LoginHow::default, |how| how.0),
            refresh: stored.refresh,
            until: stored.until.map(|until| until.0),
            came_of: stored.came_of.map(|session| session.0),
            session: stored.session.0,
            jti: stored.jti.0,
            jitter: stored.jitter.0,
            wall: stored.wall.0,
            refresh_key: stored.refresh_key,
            ends: stored.ends.into_iter().map(|session| session.0).collect(),
        },
        gate: stored.gate_version,
        client: stored.client_version,
        brakes: stored.brakes_version,
        n: stored.n,
    }
}

pub(super) fn of_refresh(
    refresh: &Refresh,
    (gate, client, brakes): (Version, Version, Version),
    unrecorded: &Unrecorded,
) -> StoredRefresh {
    StoredRefresh {
        presented: refresh.presented,
        client: Text(refresh.client.clone()),
        scope: refresh.scope.clone(),
        jti: Text(refresh.jti),
        jitter: Text(refresh.jitter),
        wall: Text(refresh.wall),
        unavailable: Text(refresh.unavailable),
        gate_version: gate,
        client_version: client,
        brakes_version: brakes,
        unrecorded: unrecorded.into(),
        door: other_than_default(refresh.door),
        ttl: refresh.ttl.map(Text),
    }
}

pub(super) fn into_refresh(stored: StoredRefresh) -> Result<Command, String> {
    Ok(Command::Refresh {
        refresh: Refresh {
            presented: stored.presented,
            client: stored.client.0,
            scope: stored.scope,
            door: stored.door.map_or_else(RefreshDoor::default, |door| door.0),
            ttl: stored.ttl.map(|ttl| ttl.0),
            jti: stored.jti.0,
            jitter: stored.jitter.0,
            wall: stored.wall.0,
            unavailable: stored.unavailable.0,
        },
        gate: stored.gate_version,
        client: stored.client_version,
        brakes: stored.brakes_version,
        unrecorded: stored.unrecorded.try_into()?,
    })
}

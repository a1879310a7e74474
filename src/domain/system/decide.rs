//! The rules of the server's keys, and of what it notices about its own history.

use super::event::{KeyName, SystemEvent};
use super::state::{ApiKey, ApiKeyStanding, LOST_SESSIONS, SigningKeyState, System};
use crate::domain::context::Context;
use crate::domain::denial::Denial;
use crate::domain::ids::{ClientId, Generation, Position, SessionId};
use crate::domain::keys::{KeyStatus, SigningAlg};
use crate::domain::tally::{Seen, Shown, is_doubling};
use crate::domain::time::{Span, Timestamp};
use std::collections::BTreeSet;

/// When keys are replaced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RotationPolicy {
    /// How long a signing key signs.
    pub interval: Span,
    /// How long caches may keep a JWKS: a key is published for at least this long before it signs.
    pub jwks_max_age: Span,
}

/// One step of a key rotation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RotationStep {
    /// Make and publish a key that will sign next.
    AddNext(SigningAlg),
    /// Let this key sign from now on.
    Activate(String),
}

/// The steps due at `now`, for every algorithm.
///
/// Without a key that may sign, the newest is activated at once: caches can know none that would work.
pub fn rotation_due(system: &System, policy: &RotationPolicy, now: Timestamp) -> Vec<RotationStep> {
    SigningAlg::ALL.into_iter().filter_map(|alg| step_due(system, alg, policy, now)).collect()
}

/// The step that comes next when an operator replaces `replaced`, the key that signed when he asked, whatever its age and
/// whoever knows the next one. `None` once another key signs.
pub fn rotation_asked(system: &System, alg: SigningAlg, replaced: Option<&str>) -> Option<RotationStep> {
    let active = newest(system, alg, KeyStatus::Active).map(|key| key.kid.as_str());
    if active.is_some() && active != replaced {
        return None;
    }
    let next = newest(system, alg, KeyStatus::Next);
    Some(next.map_or(RotationStep::AddNext(alg), |next| RotationStep::Activate(next.kid.clone())))
}

/// The newest signing key of an algorithm with this status.
pub fn newest(system: &System, alg: SigningAlg, status: KeyStatus) -> Option<&SigningKeyState> {
    system.signing.iter().rev().find(|key| key.alg == alg && key.status == status)
}

fn step_due(system: &System, alg: SigningAlg, policy: &RotationPolicy, now: Timestamp) -> Option<RotationStep> {
    let with = |status| newest(system, alg, status);
    let (active, next) = (with(KeyStatus::Active), with(KeyStatus::Next));
    match (active, next) {
        (_, None) => {
            let due = active.is_none_or(|key| now >= key.since + policy.interval - policy.jwks_max_age);
            due.then_some(RotationStep::AddNext(alg))
        }
        (None, Some(next)) => Some(RotationStep::Activate(next.kid.clone())),
        (Some(active), Some(next)) => {
            let published = now >= next.added_at + policy.jwks_max_age;
            let over = now >= active.since + policy.interval;
            (published && over).then(|| RotationStep::Activate(next.kid.clone()))
        }
    }
}

/// Distrusts a key, if it is known and trusted.
pub fn distrust(system: &System, name: &KeyName) -> Option<SystemEvent> {
    let status = system.key_status(name)?;
    (status != KeyStatus::Distrusted).then(|| SystemEvent::KeyDistrusted(name.clone()))
}

/// What administration asks of an API key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ApiKeyCommand {
    /// Say anew what it may do.
    Change {
        /// What it may do.
        permissions: BTreeSet<String>,
        /// At which clients; `None`: all.
        clients: Option<BTreeSet<ClientId>>,
    },
    /// Open nothing by it for now.
    Disable,
    /// Open things by it again.
    Enable,
    /// Never open anything by it again.
    Revoke,
}

/// The event of a command on an API key; none where the key is as asked, or revoked.
pub fn change_api_key(key: &ApiKey, name: &str, command: &ApiKeyCommand) -> Option<SystemEvent> {
    let name = name.to_owned();
    match (command, key.standing) {
        (_, ApiKeyStanding::Revoked) => None,
        (ApiKeyCommand::Change { permissions, clients }, _) => {
            let differs = key.permissions != *permissions || key.clients != *clients;
            differs.then(|| SystemEvent::ApiKeyChanged {
                name,
                permissions: permissions.clone(),
                clients: clients.clone(),
            })
        }
        (ApiKeyCommand::Disable, ApiKeyStanding::Enabled) => Some(SystemEvent::ApiKeyDisabled { name }),
        (ApiKeyCommand::Enable, ApiKeyStanding::Disabled) => Some(SystemEvent::ApiKeyEnabled { name }),
        (ApiKeyCommand::Disable, ApiKeyStanding::Disabled) | (ApiKeyCommand::Enable, ApiKeyStanding::Enabled) => None,
        (ApiKeyCommand::Revoke, _) => Some(SystemEvent::ApiKeyRevoked { name }),
    }
}

/// Refuses something to whoever has an API key, and records it as far as refusals are recorded.
pub fn refuse_api_key(
    key: &ApiKey,
    name: &str,
    class: Denial,
    context: &Context,
    seen: &Seen<Denial>,
) -> Option<SystemEvent> {
    let (n, recorded) = key.refusals.next(class, seen, &Shown::new(None, context));
    recorded.then(|| SystemEvent::ApiKeyRefused { name: name.to_owned(), class, n })
}

/// Archives what is over up to a position, unless it has been.
pub fn archive(system: &System, through: Position) -> Option<SystemEvent> {
    (through > system.archived_through).then_some(SystemEvent::SessionsArchived { through })
}

/// Records that a token with a right tag names a session the journal does not know: only we can make such a tag.
pub fn history_lost(system: &System, session: SessionId, generation: Generation, seen: u64) -> Option<SystemEvent> {
    let recorded = system.lost.get(&session).copied().unwrap_or(0);
    let n = 1 + seen.max(recorded);
    let first = recorded == 0 && seen == 0 && system.lost.len() < LOST_SESSIONS;
    (first || is_doubling(n)).then_some(SystemEvent::HistoryLost { session, generation, n })
}

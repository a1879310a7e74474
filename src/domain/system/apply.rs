//! Folding the server's events into its state.

use super::event::{KeyName, SystemEvent};
use super::state::{ApiKey, ApiKeyStanding, LOST_SESSIONS, OUTAGES, RefreshKeyState, SigningKeyState, System};
use crate::domain::context::{Sealed, SealedAt};
use crate::domain::keys::KeyStatus;
use crate::domain::tally::{Shown, Tallies};
use crate::domain::{Impossible, Recorded};
use std::collections::BTreeMap;

/// The state after `event`, which is the one that `recorded` wraps.
///
/// # Errors
/// [`Impossible`] where the event cannot follow the state.
pub fn apply(state: Option<System>, event: &SystemEvent, recorded: &Recorded) -> Result<System, Impossible> {
    let mut system = match (state, event) {
        (None, SystemEvent::Created { origin }) => return Ok(create(origin)),
        (None, _) => return Err(recorded.impossible("the journal does not begin with system.created")),
        (Some(_), SystemEvent::Created { .. }) => return Err(recorded.impossible("the journal was created before")),
        (Some(system), _) => system,
    };
    match event {
        SystemEvent::Created { .. } => {}
        SystemEvent::Started { last_entry_at, .. } => {
            system.down_since = Some(system.down_since.unwrap_or(*last_entry_at));
        }
        SystemEvent::Ready => {
            if let Some(down) = system.down_since.take() {
                if system.outages.len() == OUTAGES {
                    system.outages.remove(0);
                }
                system.outages.push((down, recorded.at));
            }
        }
        SystemEvent::ClockAccepted { wall, last_entry_at } => system.clock_accepted = Some((*wall, *last_entry_at)),
        SystemEvent::KeyActivated(name) => return activate(system, name, recorded),
        SystemEvent::KeyDistrusted(name) => return distrust(system, name, recorded),
        SystemEvent::HistoryLost { session, n, .. } => {
            if system.lost.len() < LOST_SESSIONS || system.lost.contains_key(session) {
                system.lost.insert(*session, *n);
            }
            system.lost_total += 1;
        }
        SystemEvent::SessionsArchived { through } => {
            if *through >= recorded.position {
                return Err(recorded.impossible("what has not happened yet cannot be archived"));
            }
            system.archived_through = system.archived_through.max(*through);
        }
        SystemEvent::Restored { origin, old_origin, .. } | SystemEvent::LossAccepted { origin, old_origin, .. } => {
            if *old_origin != system.origin {
                return Err(recorded.impossible("it goes on from a journal of another origin"));
            }
            system.origin.clone_from(origin);
        }
        SystemEvent::Repaired { .. } | SystemEvent::TokenVended { .. } => {}
        SystemEvent::ApiKeyChanged { name, .. }
        | SystemEvent::ApiKeyDisabled { name }
        | SystemEvent::ApiKeyEnabled { name }
        | SystemEvent::ApiKeyRevoked { name }
        | SystemEvent::ApiKeyRefused { name, .. } => {
            let key = system.api_keys.get_mut(name).ok_or_else(|| recorded.impossible("there is no such API key"))?;
            change_api_key(key, event, recorded)?;
        }
        SystemEvent::HistoryDropped { until, .. } => system.dropped_until = system.dropped_until.max(Some(*until)),
        added => add(&mut system, added, recorded)?,
    }
    Ok(system)
}

fn change_api_key(key: &mut ApiKey, event: &SystemEvent, recorded: &Recorded) -> Result<(), Impossible> {
    if let SystemEvent::ApiKeyRefused { class, n, .. } = event {
        key.refusals.record(*class, *n, Shown::new(None, &recorded.context));
        return Ok(());
    }
    if key.standing == ApiKeyStanding::Revoked {
        return Err(recorded.impossible("the API key was revoked"));
    }
    match event {
        SystemEvent::ApiKeyChanged { permissions, clients, .. } => {
            key.permissions.clone_from(permissions);
            key.clients.clone_from(clients);
        }
        SystemEvent::ApiKeyDisabled { .. } => key.standing = ApiKeyStanding::Disabled,
        SystemEvent::ApiKeyEnabled { .. } => key.standing = ApiKeyStanding::Enabled,
        SystemEvent::ApiKeyRevoked { .. } => key.standing = ApiKeyStanding::Revoked,
        _ => return Err(recorded.impossible("it is not about an API key")),
    }
    key.changed_by = recorded.version;
    Ok(())
}

fn create(origin: &str) -> System {
    System {
        origin: origin.to_owned(),
        down_since: None,
        outages: Vec::new(),
        signing: Vec::new(),
        refresh: BTreeMap::new(),
        api_keys: BTreeMap::new(),
        clock_accepted: None,
        lost: BTreeMap::new(),
        lost_total: 0,
        archived_through: 0,
        dropped_until: None,
    }
}

/// Folds the events that bring something new under a name of its own.
fn add(system: &mut System, event: &SystemEvent, recorded: &Recorded) -> Result<(), Impossible> {
    let sealed_here = |sealed: &Sealed| SealedAt { commit: recorded.commit, sealed: sealed.clone() };
    let is_new = match event {
        SystemEvent::SigningKeyAdded { kid, alg, jwk, private } => {
            let known = system.signing.iter().any(|key| key.kid == *kid);
            system.signing.push(SigningKeyState {
                kid: kid.clone(),
                alg: *alg,
                jwk: jwk.clone(),
                private: sealed_here(private),
                status: KeyStatus::Next,
                added_at: recorded.at,
                since: recorded.at,
            });
            !known
        }
        SystemEvent::RefreshKeyAdded { key, secret } => {
            let state = RefreshKeyState { secret: sealed_here(secret), status: KeyStatus::Next, since: recorded.at };
            system.refresh.insert(*key, state).is_none()
        }
        SystemEvent::ApiKeyCreated { name, digest, permissions, clients } => {
            let key = ApiKey {
                digest: sealed_here(digest),
                permissions: permissions.clone(),
                clients: clients.clone(),
                standing: ApiKeyStanding::Enabled,
                created_at: recorded.at,
                changed_by: recorded.version,
                refusals: Tallies::default(),
            };
            system.api_keys.insert(name.clone(), key).is_none()
        }
        _ => true,
    };
    if is_new { Ok(()) } else { Err(recorded.impossible("the name is taken")) }
}

fn activate(mut system: System, name: &KeyName, recorded: &Recorded) -> Result<System, Impossible> {
    if system.key_status(name) != Some(KeyStatus::Next) {
        return Err(recorded.impossible("only a key that is next can become active"));
    }
    let moved = |status: KeyStatus, is_it: bool| match (is_it, status) {
        (true, _) => KeyStatus::Active,
        (false, KeyStatus::Active) => KeyStatus::Retired,
        (false, other) => other,
    };
    match name {
        KeyName::Signing(kid) => {
            let alg = system.signing.iter().find(|key| key.kid == *kid).map(|key| key.alg);
            for key in system.signing.iter_mut().filter(|key| Some(key.alg) == alg) {
                let status = moved(key.status, key.kid == *kid);
                key.since = if status == key.status { key.since } else { recorded.at };
                key.status = status;
            }
        }
        KeyName::Refresh(id) => {
            for (number, key) in &mut system.refresh {
                let status = moved(key.status, number == id);
                key.since = if status == key.status { key.since } else { recorded.at };
                key.status = status;
            }
        }
    }
    Ok(system)
}

fn distrust(mut system: System, name: &KeyName, recorded: &Recorded) -> Result<System, Impossible> {
    let status = match name {
        KeyName::Signing(kid) => {
            system.signing.iter_mut().find(|key| key.kid == *kid).map(|key| (&mut key.status, &mut key.since))
        }
        KeyName::Refresh(id) => system.refresh.get_mut(id).map(|key| (&mut key.status, &mut key.since)),
    };
    let Some((status, since)) = status else { return Err(recorded.impossible("no such key")) };
    *status = KeyStatus::Distrusted;
    *since = recorded.at;
    Ok(system)
}

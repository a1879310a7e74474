//! Folding a gate's events into its state.

use super::event::GateEvent;
use super::state::{ClosedWhy, Gate, Standing};
use crate::domain::context::SealedAt;
use crate::domain::ids::Version;
use crate::domain::verifier::PasswordVerifier;
use crate::domain::{Impossible, Recorded};
use std::collections::{BTreeMap, BTreeSet};

/// The state after `event`, which is the one that `recorded` wraps.
///
/// # Errors
/// [`Impossible`] where the event cannot follow the state.
pub fn apply(state: Option<Gate>, event: &GateEvent, recorded: &Recorded) -> Result<Gate, Impossible> {
    let Some(mut gate) = state else { return open(event, recorded) };
    if gate.standing == Standing::Erased {
        return erased(gate, event, recorded);
    }
    let close = |gate: &mut Gate, why| {
        gate.closed_by = recorded.version;
        gate.closed_why = why;
    };
    match event {
        GateEvent::PasswordSet { must_change, .. } => {
            gate.password = password(event, recorded)?;
            gate.password_set_at = recorded.at;
            gate.must_change = *must_change;
            close(&mut gate, ClosedWhy::PasswordChanged);
        }
        GateEvent::Disabled => {
            gate.standing = Standing::Disabled;
            close(&mut gate, ClosedWhy::Disabled);
        }
        GateEvent::Enabled => gate.standing = Standing::Enabled,
        GateEvent::RegistrationAdded { client } => {
            gate.registrations.get_or_insert_default().insert(client.clone());
        }
        GateEvent::RegistrationWithdrawn { client } => {
            gate.registrations.get_or_insert_default().remove(client);
            gate.roles_at.remove(client);
            gate.withdrawn.insert(client.clone(), recorded.version);
        }
        // What was withdrawn before stays withdrawn for the sessions of before.
        GateEvent::RegistrationsLifted => lift(&mut gate, recorded.version),
        GateEvent::MustChangeSet { must_change } => gate.must_change = *must_change,
        GateEvent::RolesSet { roles } => gate.roles.clone_from(roles),
        GateEvent::RegistrationRolesSet { client, roles } => {
            if roles.is_empty() {
                gate.roles_at.remove(client);
            } else {
                gate.roles_at.insert(client.clone(), roles.clone());
            }
        }
        GateEvent::SessionsRevoked => close(&mut gate, ClosedWhy::SessionsRevoked),
        GateEvent::Erased => {
            gate.standing = Standing::Erased;
            close(&mut gate, ClosedWhy::Erased);
        }
    }
    Ok(gate)
}

/// Registered everywhere again. What was over where it was not registered stays over, also what an earlier lift left over.
fn lift(gate: &mut Gate, version: Version) {
    let Some(kept) = gate.registrations.take() else { return };
    if let Some((earlier, kept_earlier)) = gate.lifted.take() {
        for client in kept.difference(&kept_earlier) {
            let withdrawn = gate.withdrawn.entry(client.clone()).or_default();
            *withdrawn = earlier.max(*withdrawn);
        }
    }
    gate.lifted = Some((version, kept));
}

/// Closing is legal in every state, so that no race can keep a gate open; there is nothing left that it could change.
fn erased(gate: Gate, event: &GateEvent, recorded: &Recorded) -> Result<Gate, Impossible> {
    match event {
        GateEvent::PasswordSet { .. } | GateEvent::Disabled | GateEvent::SessionsRevoked | GateEvent::Erased => {
            Ok(gate)
        }
        GateEvent::Enabled
        | GateEvent::RegistrationAdded { .. }
        | GateEvent::RegistrationWithdrawn { .. }
        | GateEvent::RegistrationsLifted
        | GateEvent::MustChangeSet { .. }
        | GateEvent::RolesSet { .. }
        | GateEvent::RegistrationRolesSet { .. } => Err(recorded.impossible("the account was erased")),
    }
}

fn open(event: &GateEvent, recorded: &Recorded) -> Result<Gate, Impossible> {
    Ok(Gate {
        standing: Standing::Enabled,
        password: password(event, recorded)?,
        password_set_at: recorded.at,
        must_change: matches!(event, GateEvent::PasswordSet { must_change: true, .. }),
        registrations: None,
        withdrawn: BTreeMap::new(),
        lifted: None,
        roles: BTreeSet::new(),
        roles_at: BTreeMap::new(),
        closed_by: Version::MIN,
        closed_why: ClosedWhy::Nothing,
    })
}

fn password(event: &GateEvent, recorded: &Recorded) -> Result<PasswordVerifier, Impossible> {
    match event {
        GateEvent::PasswordSet { verifier, scheme, .. } => Ok(PasswordVerifier {
            verifier: SealedAt { commit: recorded.commit, sealed: verifier.clone() },
            scheme: *scheme,
            password: recorded.version,
        }),
        _ => Err(recorded.impossible("a gate opens with a password")),
    }
}

//! The rules of a gate: what administration may do to an account. Each command is one event, or none where it is so already.

use super::event::{GateEvent, PasswordHow};
use super::state::{Gate, Standing};
use crate::domain::context::Sealed;
use crate::domain::ids::ClientId;
use crate::domain::verifier::Scheme;
use std::collections::BTreeSet;

/// What administration asks of a gate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum GateCommand {
    /// Set another password.
    SetPassword {
        /// The hash, sealed.
        verifier: Sealed,
        /// How it was made.
        scheme: Scheme,
        /// Whether it only serves to set another.
        must_change: bool,
        /// Who sets it and how.
        how: PasswordHow,
    },
    /// Let nobody in, and end what is open.
    Disable,
    /// Let them in again.
    Enable,
    /// Allow sessions at a client.
    AddRegistration(ClientId),
    /// Allow none there any more.
    WithdrawRegistration(ClientId),
    /// Allow sessions at these clients and no others.
    SetRegistrations(BTreeSet<ClientId>),
    /// Allow sessions at every client again.
    LiftRegistrations,
    /// Say whether the password that it has must be changed.
    SetMustChange(bool),
    /// Replace the roles that it has everywhere.
    SetRoles(BTreeSet<String>),
    /// Let it log in at a client, with these roles there.
    Register {
        /// Where.
        client: ClientId,
        /// All its roles there, besides those for all clients.
        roles: BTreeSet<String>,
    },
    /// Replace its roles at a client where it is registered, by name or everywhere; it is never registered by this.
    SetRegistrationRoles {
        /// Where.
        client: ClientId,
        /// All its roles there, besides those for all clients.
        roles: BTreeSet<String>,
    },
    /// End everything that is open.
    RevokeSessions,
    /// Forget the person.
    Erase,
}

/// The events of a command; none where the gate is already as asked, or erased.
pub fn decide(gate: &Gate, command: &GateCommand) -> Vec<GateEvent> {
    if gate.standing == Standing::Erased {
        return Vec::new();
    }
    let event = match command {
        GateCommand::SetPassword { verifier, scheme, must_change, how } => Some(GateEvent::PasswordSet {
            verifier: verifier.clone(),
            scheme: *scheme,
            must_change: *must_change,
            how: *how,
        }),
        GateCommand::Disable => (gate.standing == Standing::Enabled).then_some(GateEvent::Disabled),
        GateCommand::Enable => (gate.standing == Standing::Disabled).then_some(GateEvent::Enabled),
        GateCommand::AddRegistration(client) => {
            let has = gate.registrations.as_ref().is_some_and(|clients| clients.contains(client));
            (!has).then(|| GateEvent::RegistrationAdded { client: client.clone() })
        }
        GateCommand::WithdrawRegistration(client) => {
            gate.is_registered_at(client).then(|| GateEvent::RegistrationWithdrawn { client: client.clone() })
        }
        GateCommand::SetRegistrations(wanted) => return registrations(gate, wanted),
        GateCommand::Register { client, roles } => return register(gate, client, roles),
        GateCommand::SetRegistrationRoles { client, roles } if gate.is_registered_at(client) => {
            roles_at(gate, client, roles)
        }
        GateCommand::SetRegistrationRoles { .. } => None,
        GateCommand::LiftRegistrations => gate.registrations.is_some().then_some(GateEvent::RegistrationsLifted),
        GateCommand::SetMustChange(must_change) => {
            (gate.must_change != *must_change).then_some(GateEvent::MustChangeSet { must_change: *must_change })
        }
        GateCommand::SetRoles(roles) => (gate.roles != *roles).then(|| GateEvent::RolesSet { roles: roles.clone() }),
        GateCommand::RevokeSessions => Some(GateEvent::SessionsRevoked),
        GateCommand::Erase => Some(GateEvent::Erased),
    };
    event.into_iter().collect()
}

/// What lets an account log in at a client, with its roles there. Who may log in everywhere stays so.
fn register(gate: &Gate, client: &ClientId, roles: &BTreeSet<String>) -> Vec<GateEvent> {
    let added = !gate.is_registered_at(client);
    let added = added.then(|| GateEvent::RegistrationAdded { client: client.clone() });
    added.into_iter().chain(roles_at(gate, client, roles)).collect()
}

/// What gives an account these roles at a client, where it has others.
fn roles_at(gate: &Gate, client: &ClientId, roles: &BTreeSet<String>) -> Option<GateEvent> {
    let changed = gate.roles_at.get(client).map_or(!roles.is_empty(), |has| has != roles);
    changed.then(|| GateEvent::RegistrationRolesSet { client: client.clone(), roles: roles.clone() })
}

/// The events that lead from a gate's registrations to others. What is added comes first: of a gate that lets in everywhere the first
/// takes all others away.
fn registrations(gate: &Gate, wanted: &BTreeSet<ClientId>) -> Vec<GateEvent> {
    let none = BTreeSet::new();
    let has = gate.registrations.as_ref().unwrap_or(&none);
    let added = wanted.difference(has).map(|client| GateEvent::RegistrationAdded { client: client.clone() });
    let gone = has.difference(wanted).map(|client| GateEvent::RegistrationWithdrawn { client: client.clone() });
    added.chain(gone).collect()
}

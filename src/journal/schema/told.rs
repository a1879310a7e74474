//! What commands of administration leave to the event beside them: a command and its event would say the same twice.

use super::command::Stored;
use super::text::{Text, Words};
use crate::domain::Event;
use crate::domain::brakes::{BrakesCommand, BrakesEvent};
use crate::domain::client::{ClientCommand, ClientEvent};
use crate::domain::gate::{GateCommand, GateEvent};
use crate::domain::ids::Version;

/// What the event beside the command says must be what the command says, or it would be lost.
pub(super) fn same<T: PartialEq>(told: T, command: &T) -> Result<(), String> {
    if told == *command { Ok(()) } else { Err("the command is not the one that its event tells".to_owned()) }
}

pub(super) fn of_gate(command: &GateCommand, gate_version: Version, event: &Event) -> Result<Stored, String> {
    Ok(match command {
        GateCommand::SetPassword { .. } => {
            same(set_password(event)?, command)?;
            Stored::GateSetPassword { gate_version }
        }
        GateCommand::Disable => Stored::GateDisable { gate_version },
        GateCommand::Enable => Stored::GateEnable { gate_version },
        GateCommand::AddRegistration(client) => {
            Stored::GateAddRegistration { client: Text(client.clone()), gate_version }
        }
        GateCommand::WithdrawRegistration(client) => {
            Stored::GateWithdrawRegistration { client: Text(client.clone()), gate_version }
        }
        GateCommand::SetRegistrations(clients) => {
            Stored::GateSetRegistrations { clients: Words(clients.clone()), gate_version }
        }
        GateCommand::LiftRegistrations => Stored::GateLiftRegistrations { gate_version },
        GateCommand::SetMustChange(must_change) => {
            Stored::GateSetMustChange { must_change: *must_change, gate_version }
        }
        GateCommand::SetRoles(roles) => Stored::GateSetRoles { roles: roles.clone(), gate_version },
        GateCommand::Register { client, roles } => {
            Stored::GateRegister { client: Text(client.clone()), roles: roles.clone(), gate_version }
        }
        GateCommand::SetRegistrationRoles { client, roles } => {
            Stored::GateSetRegistrationRoles { client: Text(client.clone()), roles: roles.clone(), gate_version }
        }
        GateCommand::RevokeSessions => Stored::GateRevokeSessions { gate_version },
        GateCommand::Erase => Stored::GateErase { gate_version },
    })
}

pub(super) fn of_client(command: &ClientCommand, event: &Event) -> Result<Stored, String> {
    Ok(match command {
        ClientCommand::Change(_) => {
            same(change(event)?, command)?;
            Stored::ClientChange {}
        }
        ClientCommand::SetSecret(_) => {
            same(set_secret(event)?, command)?;
            Stored::ClientSetSecret {}
        }
        ClientCommand::Disable => Stored::ClientDisable {},
        ClientCommand::Enable => Stored::ClientEnable {},
        ClientCommand::Remove => Stored::ClientRemove {},
        ClientCommand::RevokeSessions => Stored::ClientRevokeSessions {},
    })
}

pub(super) fn of_brakes(command: &BrakesCommand, brakes_version: Version, event: &Event) -> Result<Stored, String> {
    Ok(match command {
        BrakesCommand::RevokeAll => Stored::BrakesRevokeAll { brakes_version },
        BrakesCommand::RevokeNetwork(_) => {
            same(revoke_network(event)?, command)?;
            Stored::BrakesRevokeNetwork { brakes_version }
        }
        BrakesCommand::RefuseLogins => Stored::BrakesRefuseLogins { brakes_version },
        BrakesCommand::AllowLogins => Stored::BrakesAllowLogins { brakes_version },
    })
}

pub(super) fn revoke_network(event: &Event) -> Result<BrakesCommand, String> {
    match event {
        Event::Brakes(BrakesEvent::NetworkRevoked { network }) => Ok(BrakesCommand::RevokeNetwork(network.clone())),
        _ => Err("brakes.revoke_network stands beside brakes.network_revoked only".to_owned()),
    }
}

pub(super) fn set_password(event: &Event) -> Result<GateCommand, String> {
    match event {
        Event::Gate(GateEvent::PasswordSet { verifier, scheme, must_change, how }) => Ok(GateCommand::SetPassword {
            verifier: verifier.clone(),
            scheme: *scheme,
            must_change: *must_change,
            how: *how,
        }),
        _ => Err("gate.set_password stands beside gate.password_set only".to_owned()),
    }
}

pub(super) fn set_secret(event: &Event) -> Result<ClientCommand, String> {
    match event {
        Event::Client(ClientEvent::SecretSet { secret }) => Ok(ClientCommand::SetSecret(secret.clone())),
        _ => Err("client.set_secret stands beside client.secret_set only".to_owned()),
    }
}

pub(super) fn change(event: &Event) -> Result<ClientCommand, String> {
    match event {
        Event::Client(ClientEvent::Changed { settings }) => Ok(ClientCommand::Change(Box::new(settings.clone()))),
        _ => Err("client.change stands beside client.changed only".to_owned()),
    }
}

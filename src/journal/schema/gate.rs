//! The stored shapes of `gate:ID` streams.

use super::account::StoredScheme;
use super::text::Text;
use super::types::{Nothing, StoredGate as Stored};
use crate::domain::context::Sealed;
use crate::domain::gate::GateEvent;
use crate::domain::ids::ClientId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PasswordSet {
    verifier: String,
    scheme: StoredScheme,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Registration {
    client: Text<ClientId>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RolesSet {
    roles: BTreeSet<String>,
}

impl From<&GateEvent> for Stored {
    fn from(event: &GateEvent) -> Self {
        let registration = |client: &ClientId| Registration { client: Text(client.clone()) };
        match event {
            GateEvent::PasswordSet { verifier, scheme } => {
                Self::PasswordSet(PasswordSet { verifier: verifier.0.clone(), scheme: (*scheme).into() })
            }
            GateEvent::Disabled => Self::Disabled(Nothing {}),
            GateEvent::Enabled => Self::Enabled(Nothing {}),
            GateEvent::RegistrationAdded { client } => Self::RegistrationAdded(registration(client)),
            GateEvent::RegistrationWithdrawn { client } => Self::RegistrationWithdrawn(registration(client)),
            GateEvent::RolesSet { roles } => Self::RolesSet(RolesSet { roles: roles.clone() }),
            GateEvent::SessionsRevoked => Self::SessionsRevoked(Nothing {}),
            GateEvent::Erased => Self::Erased(Nothing {}),
        }
    }
}

impl TryFrom<Stored> for GateEvent {
    type Error = String;
    fn try_from(stored: Stored) -> Result<Self, String> {
        Ok(match stored {
            Stored::PasswordSet(data) => {
                Self::PasswordSet { verifier: Sealed(data.verifier), scheme: data.scheme.into() }
            }
            Stored::Disabled(Nothing {}) => Self::Disabled,
            Stored::Enabled(Nothing {}) => Self::Enabled,
            Stored::RegistrationAdded(data) => Self::RegistrationAdded { client: data.client.0 },
            Stored::RegistrationWithdrawn(data) => Self::RegistrationWithdrawn { client: data.client.0 },
            Stored::RolesSet(data) => Self::RolesSet { roles: data.roles },
            Stored::SessionsRevoked(Nothing {}) => Self::SessionsRevoked,
            Stored::Erased(Nothing {}) => Self::Erased,
        })
    }
}

//! The stored shapes of `gate:ID` streams.

use super::account::StoredScheme;
use super::text::Text;
use super::types::{Nothing, StoredGate as Stored};
use crate::domain::context::Sealed;
use crate::domain::gate::{GateEvent, PasswordHow};
use crate::domain::ids::ClientId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PasswordSet {
    verifier: String,
    scheme: StoredScheme,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    must_change: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    how: Option<Text<PasswordHow>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Registration {
    client: Text<ClientId>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MustChangeSet {
    must_change: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RolesSet {
    roles: BTreeSet<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RegistrationRolesSet {
    client: Text<ClientId>,
    roles: BTreeSet<String>,
}

impl From<&GateEvent> for Stored {
    fn from(event: &GateEvent) -> Self {
        let registration = |client: &ClientId| Registration { client: Text(client.clone()) };
        match event {
            GateEvent::PasswordSet { verifier, scheme, must_change, how } => Self::PasswordSet(PasswordSet {
                verifier: verifier.0.clone(),
                scheme: (*scheme).into(),
                must_change: *must_change,
                how: (*how != PasswordHow::default()).then_some(Text(*how)),
            }),
            GateEvent::Disabled => Self::Disabled(Nothing {}),
            GateEvent::Enabled => Self::Enabled(Nothing {}),
            GateEvent::RegistrationAdded { client } => Self::RegistrationAdded(registration(client)),
            GateEvent::RegistrationWithdrawn { client } => Self::RegistrationWithdrawn(registration(client)),
            GateEvent::RegistrationsLifted => Self::RegistrationsLifted(Nothing {}),
            GateEvent::MustChangeSet { must_change } => {
                Self::MustChangeSet(MustChangeSet { must_change: *must_change })
            }
            GateEvent::RolesSet { roles } => Self::RolesSet(RolesSet { roles: roles.clone() }),
            GateEvent::RegistrationRolesSet { client, roles } => {
                Self::RegistrationRolesSet(RegistrationRolesSet { client: Text(client.clone()), roles: roles.clone() })
            }
            GateEvent::SessionsRevoked => Self::SessionsRevoked(Nothing {}),
            GateEvent::Erased => Self::Erased(Nothing {}),
        }
    }
}

impl TryFrom<Stored> for GateEvent {
    type Error = String;
    fn try_from(stored: Stored) -> Result<Self, String> {
        Ok(match stored {
            Stored::PasswordSet(data) => Self::PasswordSet {
                verifier: Sealed(data.verifier),
                scheme: data.scheme.into(),
                must_change: data.must_change,
                how: data.how.map_or_else(PasswordHow::default, |how| how.0),
            },
            Stored::Disabled(Nothing {}) => Self::Disabled,
            Stored::Enabled(Nothing {}) => Self::Enabled,
            Stored::RegistrationAdded(data) => Self::RegistrationAdded { client: data.client.0 },
            Stored::RegistrationWithdrawn(data) => Self::RegistrationWithdrawn { client: data.client.0 },
            Stored::RegistrationsLifted(Nothing {}) => Self::RegistrationsLifted,
            Stored::MustChangeSet(data) => Self::MustChangeSet { must_change: data.must_change },
            Stored::RolesSet(data) => Self::RolesSet { roles: data.roles },
            Stored::RegistrationRolesSet(data) => {
                Self::RegistrationRolesSet { client: data.client.0, roles: data.roles }
            }
            Stored::SessionsRevoked(Nothing {}) => Self::SessionsRevoked,
            Stored::Erased(Nothing {}) => Self::Erased,
        })
    }
}

//! The stored shapes of the `brakes` stream.

use super::types::{Nothing, StoredBrakes as Stored};
use crate::domain::brakes::BrakesEvent;
use crate::domain::context::Sealed;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NetworkRevoked {
    network: String,
}

impl From<&BrakesEvent> for Stored {
    fn from(event: &BrakesEvent) -> Self {
        match event {
            BrakesEvent::AllRevoked => Self::AllRevoked(Nothing {}),
            BrakesEvent::NetworkRevoked { network } => {
                Self::NetworkRevoked(NetworkRevoked { network: network.0.clone() })
            }
            BrakesEvent::LoginsRefused => Self::LoginsRefused(Nothing {}),
            BrakesEvent::LoginsAllowed => Self::LoginsAllowed(Nothing {}),
        }
    }
}

impl TryFrom<Stored> for BrakesEvent {
    type Error = String;
    fn try_from(stored: Stored) -> Result<Self, String> {
        Ok(match stored {
            Stored::AllRevoked(Nothing {}) => Self::AllRevoked,
            Stored::NetworkRevoked(data) => Self::NetworkRevoked { network: Sealed(data.network) },
            Stored::LoginsRefused(Nothing {}) => Self::LoginsRefused,
            Stored::LoginsAllowed(Nothing {}) => Self::LoginsAllowed,
        })
    }
}

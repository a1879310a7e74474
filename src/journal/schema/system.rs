//! The stored shapes of the `system` stream.

use super::text::{Text, Words};
use super::types::{Nothing, StoredSystem as Stored};
use crate::domain::context::Sealed;
use crate::domain::denial::Denial;
use crate::domain::ids::{ClientId, Generation, Hash, Position, RefreshKeyId, SessionId};
use crate::domain::keys::SigningAlg;
use crate::domain::system::{KeyName, RepairedFrom, SystemEvent};
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Created {
    origin: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Started {
    version: String,
    last_entry_at: Text<Timestamp>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClockAccepted {
    wall: Text<Timestamp>,
    last_entry_at: Text<Timestamp>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SigningKeyAdded {
    kid: String,
    alg: Text<SigningAlg>,
    jwk: String,
    private: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RefreshKeyAdded {
    refresh_key: RefreshKeyId,
    secret: String,
}

/// `{"signing_key":"KID"}` or `{"refresh_key":NUMBER}`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Key {
    SigningKey(String),
    RefreshKey(RefreshKeyId),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ApiKeyCreated {
    name: String,
    digest: String,
    permissions: BTreeSet<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    clients: Option<Words<ClientId>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ApiKeyChanged {
    name: String,
    permissions: BTreeSet<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    clients: Option<Words<ClientId>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ApiKeyNamed {
    name: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenVended {
    key: String,
    expires_at: Text<Timestamp>,
    claims: BTreeSet<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ApiKeyRefused {
    name: String,
    class: Text<Denial>,
    n: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HistoryLost {
    session: Text<SessionId>,
    generation: Generation,
    n: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SessionsArchived {
    through: Position,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Restored {
    origin: String,
    old_origin: String,
    size: Position,
    root: Text<Hash>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sessions_kept: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LossAccepted {
    origin: String,
    old_origin: String,
    size: Position,
    root: Text<Hash>,
    lost_through: Position,
    #[serde(skip_serializing_if = "Option::is_none")]
    sessions_kept: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Repaired {
    file: String,
    from: Text<RepairedFrom>,
    first: Position,
    last: Position,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HistoryDropped {
    through: Position,
    until: Text<Timestamp>,
    base: Position,
}

impl From<&KeyName> for Key {
    fn from(name: &KeyName) -> Self {
        match name {
            KeyName::Signing(kid) => Self::SigningKey(kid.clone()),
            KeyName::Refresh(id) => Self::RefreshKey(*id),
        }
    }
}

impl From<Key> for KeyName {
    fn from(key: Key) -> Self {
        match key {
            Key::SigningKey(kid) => Self::Signing(kid),
            Key::RefreshKey(id) => Self::Refresh(id),
        }
    }
}

fn vended(key: &str, expires_at: Timestamp, claims: &BTreeSet<String>) -> Stored {
    Stored::TokenVended(TokenVended { key: key.to_owned(), expires_at: Text(expires_at), claims: claims.clone() })
}

fn named(name: &str) -> ApiKeyNamed {
    ApiKeyNamed { name: name.to_owned() }
}

impl From<&SystemEvent> for Stored {
    fn from(event: &SystemEvent) -> Self {
        match event {
            SystemEvent::Created { origin } => Self::Created(Created { origin: origin.clone() }),
            SystemEvent::Started { version, last_entry_at } => {
                Self::Started(Started { version: version.clone(), last_entry_at: Text(*last_entry_at) })
            }
            SystemEvent::Ready => Self::Ready(Nothing {}),
            SystemEvent::ClockAccepted { wall, last_entry_at } => {
                Self::ClockAccepted(ClockAccepted { wall: Text(*wall), last_entry_at: Text(*last_entry_at) })
            }
            SystemEvent::SigningKeyAdded { kid, alg, jwk, private } => Self::SigningKeyAdded(SigningKeyAdded {
                kid: kid.clone(),
                alg: Text(*alg),
                jwk: jwk.clone(),
                private: private.0.clone(),
            }),
            SystemEvent::RefreshKeyAdded { key, secret } => {
                Self::RefreshKeyAdded(RefreshKeyAdded { refresh_key: *key, secret: secret.0.clone() })
            }
            SystemEvent::KeyActivated(name) => Self::KeyActivated(name.into()),
            SystemEvent::KeyDistrusted(name) => Self::KeyDistrusted(name.into()),
            SystemEvent::ApiKeyCreated { name, digest, permissions, clients } => Self::ApiKeyCreated(ApiKeyCreated {
                name: name.clone(),
                digest: digest.0.clone(),
                permissions: permissions.clone(),
                clients: clients.clone().map(Words),
            }),
            SystemEvent::ApiKeyChanged { name, permissions, clients } => Self::ApiKeyChanged(ApiKeyChanged {
                name: name.clone(),
                permissions: permissions.clone(),
                clients: clients.clone().map(Words),
            }),
            SystemEvent::ApiKeyDisabled { name } => Self::ApiKeyDisabled(named(name)),
            SystemEvent::ApiKeyEnabled { name } => Self::ApiKeyEnabled(named(name)),
            SystemEvent::ApiKeyRevoked { name } => Self::ApiKeyRevoked(named(name)),
            SystemEvent::TokenVended { key, expires_at, claims } => vended(key, *expires_at, claims),
            SystemEvent::ApiKeyRefused { name, class, n } => {
                Self::ApiKeyRefused(ApiKeyRefused { name: name.clone(), class: Text(*class), n: *n })
            }
            SystemEvent::HistoryLost { session, generation, n } => {
                Self::HistoryLost(HistoryLost { session: Text(*session), generation: *generation, n: *n })
            }
            SystemEvent::SessionsArchived { through } => Self::SessionsArchived(SessionsArchived { through: *through }),
            SystemEvent::Restored { origin, old_origin, size, root, sessions_kept } => Self::Restored(Restored {
                origin: origin.clone(),
                old_origin: old_origin.clone(),
                size: *size,
                root: Text(*root),
                sessions_kept: sessions_kept.clone(),
            }),
            SystemEvent::LossAccepted { origin, old_origin, size, root, lost_through, sessions_kept } => {
                Self::LossAccepted(LossAccepted {
                    origin: origin.clone(),
                    old_origin: old_origin.clone(),
                    size: *size,
                    root: Text(*root),
                    lost_through: *lost_through,
                    sessions_kept: sessions_kept.clone(),
                })
            }
            SystemEvent::Repaired { file, from, first, last } => {
                Self::Repaired(Repaired { file: file.clone(), from: Text(*from), first: *first, last: *last })
            }
            SystemEvent::HistoryDropped { through, until, base } => {
                Self::HistoryDropped(HistoryDropped { through: *through, until: Text(*until), base: *base })
            }
        }
    }
}

impl TryFrom<Stored> for SystemEvent {
    type Error = String;
    fn try_from(stored: Stored) -> Result<Self, String> {
        Ok(match stored {
            Stored::Created(data) => Self::Created { origin: data.origin },
            Stored::Started(data) => Self::Started { version: data.version, last_entry_at: data.last_entry_at.0 },
            Stored::Ready(Nothing {}) => Self::Ready,
            Stored::ClockAccepted(data) => {
                Self::ClockAccepted { wall: data.wall.0, last_entry_at: data.last_entry_at.0 }
            }
            Stored::SigningKeyAdded(data) => {
                Self::SigningKeyAdded { kid: data.kid, alg: data.alg.0, jwk: data.jwk, private: Sealed(data.private) }
            }
            Stored::RefreshKeyAdded(data) => {
                Self::RefreshKeyAdded { key: data.refresh_key, secret: Sealed(data.secret) }
            }
            Stored::KeyActivated(key) => Self::KeyActivated(key.into()),
            Stored::KeyDistrusted(key) => Self::KeyDistrusted(key.into()),
            Stored::ApiKeyCreated(data) => Self::ApiKeyCreated {
                name: data.name,
                digest: Sealed(data.digest),
                permissions: data.permissions,
                clients: data.clients.map(|clients| clients.0),
            },
            Stored::ApiKeyChanged(data) => Self::ApiKeyChanged {
                name: data.name,
                permissions: data.permissions,
                clients: data.clients.map(|clients| clients.0),
            },
            Stored::ApiKeyDisabled(data) => Self::ApiKeyDisabled { name: data.name },
            Stored::ApiKeyEnabled(data) => Self::ApiKeyEnabled { name: data.name },
            Stored::ApiKeyRevoked(data) => Self::ApiKeyRevoked { name: data.name },
            Stored::TokenVended(data) => {
                Self::TokenVended { key: data.key, expires_at: data.expires_at.0, claims: data.claims }
            }
            Stored::ApiKeyRefused(data) => Self::ApiKeyRefused { name: data.name, class: data.class.0, n: data.n },
            Stored::HistoryLost(data) => {
                Self::HistoryLost { session: data.session.0, generation: data.generation, n: data.n }
            }
            Stored::SessionsArchived(data) => Self::SessionsArchived { through: data.through },
            Stored::Restored(data) => Self::Restored {
                origin: data.origin,
                old_origin: data.old_origin,
                size: data.size,
                root: data.root.0,
                sessions_kept: data.sessions_kept,
            },
            Stored::LossAccepted(data) => Self::LossAccepted {
                origin: data.origin,
                old_origin: data.old_origin,
                size: data.size,
                root: data.root.0,
                lost_through: data.lost_through,
                sessions_kept: data.sessions_kept,
            },
            Stored::Repaired(data) => {
                Self::Repaired { file: data.file, from: data.from.0, first: data.first, last: data.last }
            }
            Stored::HistoryDropped(data) => {
                Self::HistoryDropped { through: data.through, until: data.until.0, base: data.base }
            }
        })
    }
}

//! The stored shapes of `client:ID` and `use:ID` streams, and of a client's settings.

use super::text::{Text, Words};
use super::types::{Nothing, StoredClient, StoredUse};
use crate::domain::client::{
    ClientEvent, ClientRole, ClientSettings, ClientType, Grant, Introspect, LateRetry, Profile, Rotation, UseEvent,
};
use crate::domain::context::Sealed;
use crate::domain::denial::Denial;
use crate::domain::ids::TokenId;
use crate::domain::keys::SigningAlg;
use crate::domain::time::{Span, Timestamp};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Created {
    settings: Settings,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    enabled: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Changed {
    settings: Settings,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SecretSet {
    secret: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenIssued {
    jti: Text<TokenId>,
    expires_at: Text<Timestamp>,
    scope: BTreeSet<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenRevoked {
    jti: Text<TokenId>,
    expires_at: Text<Timestamp>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RevocationsDropped {
    dropped: Vec<TokenRevoked>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Refused {
    class: Text<Denial>,
    n: u64,
}

/// Settings under the names of the bootstrap file's keys, in its order.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    #[serde(rename = "type")]
    client_type: Text<ClientType>,
    profile: Text<Profile>,
    grants: Words<Grant>,
    scopes: BTreeSet<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audience: Option<String>,
    signing_alg: Text<SigningAlg>,
    rotation: Text<Rotation>,
    access_ttl: Text<Span>,
    refresh_idle_ttl: Text<Span>,
    refresh_absolute_ttl: Text<Span>,
    retry_window: Text<Span>,
    late_retry: Text<LateRetry>,
    max_sessions: u32,
    introspect: Text<Introspect>,
    refresh_without_scope: bool,
    origins: BTreeSet<String>,
    backends: Vec<Text<IpNet>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_refresh: Option<bool>,
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    login_needs_key: bool,
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    refresh_at_login: bool,
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    registration_required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    roles: BTreeMap<String, Role>,
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Role {
    id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_default: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_super: bool,
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
fn is_yes(flag: &bool) -> bool {
    *flag
}

impl From<&ClientRole> for Role {
    fn from(role: &ClientRole) -> Self {
        let ClientRole { id, description, is_default, is_super } = role.clone();
        Self { id, description, is_default, is_super }
    }
}

impl From<Role> for ClientRole {
    fn from(stored: Role) -> Self {
        let Role { id, description, is_default, is_super } = stored;
        Self { id, description, is_default, is_super }
    }
}

impl From<&ClientSettings> for Settings {
    fn from(settings: &ClientSettings) -> Self {
        let usual = ClientSettings::new(settings.client_type, settings.profile);
        Self {
            client_type: Text(settings.client_type),
            profile: Text(settings.profile),
            grants: Words(settings.grants.clone()),
            scopes: settings.scopes.clone(),
            audience: settings.audience.clone(),
            signing_alg: Text(settings.signing_alg),
            rotation: Text(settings.rotation),
            access_ttl: Text(settings.access_ttl),
            refresh_idle_ttl: Text(settings.refresh_idle_ttl),
            refresh_absolute_ttl: Text(settings.refresh_absolute_ttl),
            retry_window: Text(settings.retry_window),
            late_retry: Text(settings.late_retry),
            max_sessions: settings.max_sessions,
            introspect: Text(settings.introspect),
            refresh_without_scope: settings.refresh_without_scope,
            origins: settings.origins.clone(),
            backends: settings.backends.iter().copied().map(Text).collect(),
            token_refresh: (settings.token_refresh != usual.token_refresh).then_some(settings.token_refresh),
            login_needs_key: settings.login_needs_key,
            refresh_at_login: settings.refresh_at_login,
            registration_required: settings.registration_required,
            name: settings.name.clone(),
            roles: settings.roles.iter().map(|(name, role)| (name.clone(), role.into())).collect(),
            document: settings.document.clone(),
        }
    }
}

impl From<Settings> for ClientSettings {
    fn from(stored: Settings) -> Self {
        let usual = Self::new(stored.client_type.0, stored.profile.0);
        Self {
            client_type: stored.client_type.0,
            profile: stored.profile.0,
            grants: stored.grants.0,
            scopes: stored.scopes,
            audience: stored.audience,
            signing_alg: stored.signing_alg.0,
            rotation: stored.rotation.0,
            access_ttl: stored.access_ttl.0,
            refresh_idle_ttl: stored.refresh_idle_ttl.0,
            refresh_absolute_ttl: stored.refresh_absolute_ttl.0,
            retry_window: stored.retry_window.0,
            late_retry: stored.late_retry.0,
            max_sessions: stored.max_sessions,
            introspect: stored.introspect.0,
            refresh_without_scope: stored.refresh_without_scope,
            origins: stored.origins,
            backends: stored.backends.into_iter().map(|net| net.0).collect(),
            token_refresh: stored.token_refresh.unwrap_or(usual.token_refresh),
            login_needs_key: stored.login_needs_key,
            refresh_at_login: stored.refresh_at_login,
            registration_required: stored.registration_required,
            name: stored.name,
            roles: stored.roles.into_iter().map(|(name, role)| (name, role.into())).collect(),
            document: stored.document,
        }
    }
}

impl From<&ClientEvent> for StoredClient {
    fn from(event: &ClientEvent) -> Self {
        match event {
            ClientEvent::Created { settings, secret, enabled } => Self::Created(Box::new(Created {
                settings: settings.into(),
                secret: secret.as_ref().map(|secret| secret.0.clone()),
                enabled: *enabled,
            })),
            ClientEvent::Changed { settings } => Self::Changed(Box::new(Changed { settings: settings.into() })),
            ClientEvent::SecretSet { secret } => Self::SecretSet(SecretSet { secret: secret.0.clone() }),
            ClientEvent::Disabled => Self::Disabled(Nothing {}),
            ClientEvent::Enabled => Self::Enabled(Nothing {}),
            ClientEvent::Removed => Self::Removed(Nothing {}),
            ClientEvent::SessionsRevoked => Self::SessionsRevoked(Nothing {}),
        }
    }
}

impl TryFrom<StoredClient> for ClientEvent {
    type Error = String;
    fn try_from(stored: StoredClient) -> Result<Self, String> {
        Ok(match stored {
            StoredClient::Created(data) => {
                Self::Created { settings: data.settings.into(), secret: data.secret.map(Sealed), enabled: data.enabled }
            }
            StoredClient::Changed(data) => Self::Changed { settings: data.settings.into() },
            StoredClient::SecretSet(data) => Self::SecretSet { secret: Sealed(data.secret) },
            StoredClient::Disabled(Nothing {}) => Self::Disabled,
            StoredClient::Enabled(Nothing {}) => Self::Enabled,
            StoredClient::Removed(Nothing {}) => Self::Removed,
            StoredClient::SessionsRevoked(Nothing {}) => Self::SessionsRevoked,
        })
    }
}

impl From<&UseEvent> for StoredUse {
    fn from(event: &UseEvent) -> Self {
        let revoked = |jti: TokenId, expires_at| TokenRevoked { jti: Text(jti), expires_at: Text(expires_at) };
        match event {
            UseEvent::TokenIssued { jti, expires_at, scope } => {
                Self::TokenIssued(TokenIssued { jti: Text(*jti), expires_at: Text(*expires_at), scope: scope.clone() })
            }
            UseEvent::TokenRevoked { jti, expires_at } => Self::TokenRevoked(revoked(*jti, *expires_at)),
            UseEvent::RevocationsDropped { dropped } => Self::RevocationsDropped(RevocationsDropped {
                dropped: dropped.iter().map(|(jti, expires_at)| revoked(*jti, *expires_at)).collect(),
            }),
            UseEvent::Refused { class, n } => Self::Refused(Refused { class: Text(*class), n: *n }),
        }
    }
}

impl TryFrom<StoredUse> for UseEvent {
    type Error = String;
    fn try_from(stored: StoredUse) -> Result<Self, String> {
        Ok(match stored {
            StoredUse::TokenIssued(data) => {
                Self::TokenIssued { jti: data.jti.0, expires_at: data.expires_at.0, scope: data.scope }
            }
            StoredUse::TokenRevoked(data) => Self::TokenRevoked { jti: data.jti.0, expires_at: data.expires_at.0 },
            StoredUse::RevocationsDropped(data) => Self::RevocationsDropped {
                dropped: data.dropped.into_iter().map(|token| (token.jti.0, token.expires_at.0)).collect(),
            },
            StoredUse::Refused(data) => Self::Refused { class: data.class.0, n: data.n },
        })
    }
}

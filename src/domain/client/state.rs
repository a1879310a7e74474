//! What is known of a client.

use super::settings::{ClientSettings, Grant, Profile};
use crate::domain::context::SealedAt;
use crate::domain::denial::Denial;
use crate::domain::gate::Gate;
use crate::domain::ids::{ClientId, Version};
use crate::domain::tally::Tallies;
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Scopes that every client knows.
pub const COMMON_SCOPES: [&str; 4] = ["openid", "profile", "email", OFFLINE_ACCESS];
/// The scope by which a client asks for a refresh token (OpenID Connect Core section 11).
pub const OFFLINE_ACCESS: &str = "offline_access";

/// A client: the fold of its `client:ID` stream.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Client {
    /// What the operator set.
    pub settings: ClientSettings,
    /// The digest of its secret, sealed; `None` for a public client.
    pub secret: Option<SealedAt>,
    /// Whether anything is granted to it.
    pub enabled: bool,
    /// The version of the last brake; 0: none.
    pub braked_by: Version,
    /// When that was.
    pub braked_at: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
    /// Whether it was removed: it is shown to nobody, until it is enabled again.
    pub removed: bool,
}

impl Client {
    /// Whether accounts with this gate may have sessions here; `id` is the client's own.
    pub fn admits(&self, id: &ClientId, gate: &Gate) -> bool {
        !self.settings.registration_required || gate.is_registered_at(id)
    }

    /// The roles of an account with this gate here, besides those that it has everywhere: of which this client, where it lists any,
    /// knows. `id` is the client's own.
    pub fn roles_here(&self, id: &ClientId, gate: &Gate) -> BTreeSet<String> {
        let listed = &self.settings.roles;
        let here = gate.roles_at.get(id).into_iter().flatten();
        here.filter(|role| listed.is_empty() || listed.contains_key(*role)).cloned().collect()
    }

    /// All its roles here: those in access tokens.
    pub fn roles_of(&self, id: &ClientId, gate: &Gate) -> BTreeSet<String> {
        gate.roles.iter().cloned().chain(self.roles_here(id, gate)).collect()
    }

    /// Whether its refresh tokens may be shown at doors that authenticate no client.
    pub fn trusts_bearers(&self) -> bool {
        self.settings.profile == Profile::Fusionauth && self.settings.token_refresh
    }

    /// The scope granted for what is asked: `None` where something asked for is not the client's to ask. Nothing asked
    /// means all of the client's scopes.
    pub fn grantable(&self, asked: Option<&BTreeSet<String>>) -> Option<BTreeSet<String>> {
        let Some(asked) = asked else {
            return Some(self.settings.scopes.iter().filter(|scope| *scope != OFFLINE_ACCESS).cloned().collect());
        };
        let known = |scope: &String| COMMON_SCOPES.contains(&scope.as_str()) || self.settings.scopes.contains(scope);
        asked.iter().all(known).then(|| asked.clone())
    }

    /// Whether a password login with this scope gets a refresh token. Only FusionAuth's contract can make it depend on the
    /// scope.
    pub fn gives_refresh_token(&self, scope: &BTreeSet<String>) -> bool {
        let settings = &self.settings;
        let whatever_the_scope = settings.profile != Profile::Fusionauth || settings.refresh_without_scope;
        settings.grants.contains(&Grant::RefreshToken) && (whatever_the_scope || scope.contains(OFFLINE_ACCESS))
    }
}

/// What traffic has written about a client: the fold of its `use:CLIENT` stream.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Recorded refusals.
    pub refusals: Tallies<Denial>,
    /// How many tokens were issued without a session.
    pub issued: u64,
}

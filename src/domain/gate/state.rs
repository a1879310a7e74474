//! What is known of a gate.

use crate::domain::ids::{ClientId, Version};
use crate::domain::time::Timestamp;
use crate::domain::verifier::PasswordVerifier;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Whether the account may have sessions.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Standing {
    /// It may.
    Enabled,
    /// Not for now.
    Disabled,
    /// Never again: its data key is destroyed.
    Erased,
}

/// Who may have sessions of this account, where, with which roles.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Gate {
    /// Whether the account may have sessions.
    pub standing: Standing,
    /// The password's verifier.
    pub password: PasswordVerifier,
    /// When that password was set.
    pub password_set_at: Timestamp,
    /// Whether it must be changed before anybody may log in with it.
    pub must_change: bool,
    /// The clients it is registered at; `None`: all.
    pub registrations: Option<BTreeSet<ClientId>>,
    /// The versions at which registrations were withdrawn: sessions from before stay over should one be added again.
    pub withdrawn: BTreeMap<ClientId, Version>,
    /// The version at which registrations were last lifted, and what they were then: sessions of before at other clients stay over.
    pub lifted: Option<(Version, BTreeSet<ClientId>)>,
    /// The roles that stand in its access tokens.
    pub roles: BTreeSet<String>,
    /// The roles that stand in those for one client besides.
    pub roles_at: BTreeMap<ClientId, BTreeSet<String>>,
    /// The version of the last closing event; 0: none.
    pub closed_by: Version,
    /// Why that closed, for the sessions' own events.
    pub closed_why: ClosedWhy,
}

/// What a closing event was.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ClosedWhy {
    /// The gate never closed anything.
    Nothing,
    /// A new password.
    PasswordChanged,
    /// The account was disabled.
    Disabled,
    /// All sessions were revoked.
    SessionsRevoked,
    /// The account was erased.
    Erased,
}

impl Gate {
    /// Whether the account may have sessions now.
    pub fn is_enabled(&self) -> bool {
        self.standing == Standing::Enabled
    }

    /// Whether a session at this client that was started at a version of the gate is over: by a closing event, because its registration
    /// was withdrawn, or because there was none before registrations were lifted.
    pub fn ended(&self, client: &ClientId, started: Version) -> bool {
        let withdrawn = self.withdrawn.get(client).is_some_and(|version| started < *version);
        let left_out = self.lifted.as_ref().is_some_and(|(version, kept)| started < *version && !kept.contains(client));
        started < self.closed_by || withdrawn || left_out
    }

    /// Whether it may have sessions at this client.
    pub fn is_registered_at(&self, client: &ClientId) -> bool {
        self.registrations.as_ref().is_none_or(|clients| clients.contains(client))
    }
}

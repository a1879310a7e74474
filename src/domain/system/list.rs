//! The keys of tokens, as lists name them.

use super::event::KeyName;
use super::state::System;
use crate::domain::ids::RefreshKeyId;
use crate::domain::keys::KeyStatus;
use crate::domain::time::{Span, Timestamp};

/// A key of tokens, as lists show it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListedKey {
    /// The `kid` of a signing key, the number of a refresh key.
    pub key: String,
    /// The algorithm of a signing key, or `refresh`.
    pub kind: &'static str,
    /// Where it stands.
    pub status: KeyStatus,
    /// Since when.
    pub since: Timestamp,
    /// Whether the JWKS shows it; `None` of refresh keys, which are never shown.
    pub published: Option<bool>,
    /// Since when it can be fetched; `None` of refresh keys.
    pub added_at: Option<Timestamp>,
}

impl ListedKey {
    /// Until when caches may not know it although it signs; `None` where it does not sign, or all knew it when it began to.
    pub fn unknown_until(&self, jwks_max_age: Span) -> Option<Timestamp> {
        let known = self.added_at? + jwks_max_age;
        (self.status == KeyStatus::Active && self.since < known).then_some(known)
    }
}

/// All keys: those that sign first, each kind from the oldest on.
pub fn listed_keys(system: &System, now: Timestamp) -> Vec<ListedKey> {
    let signing = system.signing.iter().map(|key| ListedKey {
        key: key.kid.clone(),
        kind: key.alg.as_str(),
        status: key.status,
        since: key.since,
        published: Some(key.is_published(now)),
        added_at: Some(key.added_at),
    });
    let refresh = system.refresh.iter().map(|(number, key)| ListedKey {
        key: number.to_string(),
        kind: "refresh",
        status: key.status,
        since: key.since,
        published: None,
        added_at: None,
    });
    signing.chain(refresh).collect()
}

/// The keys that were made between two states, or stand elsewhere than before.
pub fn changed_keys(before: &System, after: &System, now: Timestamp) -> Vec<ListedKey> {
    let stood = |listed: &ListedKey| key_named(after, &listed.key).and_then(|name| before.key_status(&name));
    listed_keys(after, now).into_iter().filter(|listed| stood(listed) != Some(listed.status)).collect()
}

/// The key that goes by this name in lists.
pub fn key_named(system: &System, text: &str) -> Option<KeyName> {
    let signing = KeyName::Signing(text.to_owned());
    let number = text.parse::<RefreshKeyId>().ok().filter(|number| number.to_string() == text);
    let refresh = number.map(KeyName::Refresh);
    std::iter::once(signing).chain(refresh).find(|name| system.key_status(name).is_some())
}

//! What is known of an account.

use crate::domain::context::{SealedAt, Traits};
use crate::domain::denial::Denial;
use crate::domain::gate::Gate;
use crate::domain::ids::{AccountId, NameHash, Tag, Version};
use crate::domain::tally::Tallies;
use crate::domain::time::{Span, Timestamp};
use crate::domain::verifier::PasswordVerifier;
use serde::{Deserialize, Serialize};

/// Contexts from which an account logged in that are remembered.
pub const FAMILIAR_CONTEXTS: usize = 16;
/// How long a context stays familiar after a login.
pub const FAMILIAR_FOR: Span = Span::days(30);

/// A person who can log in: the fold of the `account:ID` stream.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Account {
    /// The login id, sealed under the account's data key.
    pub login: SealedAt,
    /// The login id's hash.
    pub name: NameHash,
    /// A second login id.
    pub username: Option<Username>,
    /// What apps keep about the person: a JSON object, sealed.
    pub profile: Option<SealedAt>,
    /// The password hashed anew since it was set.
    pub rehash: Option<PasswordVerifier>,
    /// Where it logged in from lately, newest last.
    pub familiar: Vec<(Traits, Timestamp)>,
    /// The one-time code by which another password may be set, the last that was issued.
    pub code: Option<PasswordCode>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When somebody last logged in.
    pub last_login_at: Option<Timestamp>,
    /// Recorded refusals.
    pub refusals: Tallies<Denial>,
}

/// A one-time code for setting a password.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PasswordCode {
    /// Its digest, sealed.
    pub digest: SealedAt,
    /// Until when it may be shown.
    pub expires_at: Timestamp,
    /// The password that it replaces.
    pub of: Version,
}

/// A second login id.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Username {
    /// The login id, sealed.
    pub login: SealedAt,
    /// Its HMAC, which names the `name:H` stream.
    pub name: NameHash,
}

impl PasswordCode {
    /// Whether it may still be shown: it is not too late, and the password is still the one that it was issued for.
    pub fn is_good(&self, gate: &Gate, now: Timestamp) -> bool {
        now < self.expires_at && self.of == gate.password.password
    }
}

impl Account {
    /// What the password is checked against: the rehash, if it is of the gate's present password.
    pub fn verifier<'a>(&'a self, gate: &'a Gate) -> &'a PasswordVerifier {
        match &self.rehash {
            Some(rehash) if rehash.password == gate.password.password => rehash,
            _ => &gate.password,
        }
    }

    /// Whether a person comes from where nobody logged in lately, though somebody did elsewhere.
    pub fn is_new(&self, person: &Traits, now: Timestamp) -> bool {
        !self.familiar.is_empty() && self.familiar_tag(person, now).is_none()
    }

    /// Whether a person comes from a network or device from which this account logged in lately: the tag that says so.
    pub fn familiar_tag(&self, person: &Traits, now: Timestamp) -> Option<Tag> {
        self.familiar.iter().rev().filter(|(_, at)| now.since(*at).is_within(FAMILIAR_FOR)).find_map(|(known, _)| {
            let device = person.dev.filter(|dev| known.dev == Some(*dev));
            let network = person.net.filter(|net| known.net == Some(*net) && known.ua == person.ua);
            device.or(network)
        })
    }
}

/// Which account a login id belongs to: the fold of a `name:H` stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Name {
    /// To this one.
    Taken(AccountId),
    /// To none any more.
    Free,
}

//! What operators do: plain functions that load, decide and append. Whoever loses a race loads and decides again.

mod accounts;
mod api_keys;
mod clients;
mod export;
mod person;
mod whole_client;

pub use accounts::{Account, NewAccount, NewPassword};
pub use api_keys::NewApiKey;
pub(super) use api_keys::key_digest;
pub use clients::NewClient;
pub use person::PersonChange;
pub use whole_client::WholeClient;

use super::closer::Closer;
use super::core::{Core, Refused, Unavailable};
use super::hasher::Hasher;
use crate::domain::ids::Version;
use std::sync::Arc;

/// The field under which an account's login id is sealed.
pub(super) const LOGIN_FIELD: &str = "login";
/// The field under which its second login id is sealed.
pub(super) const USERNAME_FIELD: &str = "username";
/// The field under which is sealed what apps keep about the person.
const PROFILE_FIELD: &str = "profile";
/// The field under which the digest of an API key is sealed.
const DIGEST_FIELD: &str = "digest";

/// Why something was not changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotDone {
    /// There is no such thing.
    #[error("there is no such thing")]
    Missing,
    /// It has been changed since: this is its version.
    #[error("it has been changed since: it has version {0}")]
    Moved(Version),
    /// It was erased or revoked: nothing changes it any more.
    #[error("it was erased or revoked: nothing changes it any more")]
    Over,
    /// The login id, client id or name is taken, or the key is another one's.
    #[error("the name or key is taken")]
    Taken,
    /// It was not decided.
    #[error(transparent)]
    Refused(#[from] Refused),
}

impl From<Unavailable> for NotDone {
    fn from(why: Unavailable) -> Self {
        Self::Refused(why.into())
    }
}

impl From<crate::journal::StoreError> for NotDone {
    fn from(error: crate::journal::StoreError) -> Self {
        Self::Refused(error.into())
    }
}

/// Whether a change goes to what its author has seen.
pub(super) fn expect(seen: Option<Version>, version: Version) -> Result<(), NotDone> {
    if seen.is_none_or(|seen| seen == version) { Ok(()) } else { Err(NotDone::Moved(version)) }
}

/// See the module.
#[derive(Clone)]
pub struct Administration {
    core: Arc<Core>,
    hasher: Hasher,
    closer: Closer,
}

impl Administration {
    /// A handle.
    pub fn new(core: Arc<Core>, hasher: Hasher, closer: Closer) -> Self {
        Self { core, hasher, closer }
    }
}

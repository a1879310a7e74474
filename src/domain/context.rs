//! Who asked. The *peer* is the socket's other end (configured proxies resolved); the *person* is the human in front of
//! the app. An app backend is the peer of all its users, so it tells us the person, and we record who told.

use super::ids::{CommitId, RequestId, Tag, Version};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A value encrypted under its owner's data key, or under the seal key. The rules carry it and never look inside.
///
/// Base64url of `number ‖ nonce ‖ ciphertext ‖ tag`; the additional data binds it to its commit, its number in that commit
/// and its field.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(pub String);

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}

/// A sealed value and the commit it was sealed in, without which it does not open.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SealedAt {
    /// The commit.
    pub commit: CommitId,
    /// The sealed bytes.
    pub sealed: Sealed,
}

/// Who asked, in full: the peer, the person's address, user agent and device, and what was claimed of the person.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum InFull {
    /// Sealed under the owner's key.
    Sealed {
        /// Equal where all of it is equal, under the same owner; only where later entries are compared with it.
        who: Option<Tag>,
        /// All of it.
        sealed: Sealed,
    },
    /// The same as in an earlier entry of the same session's stream: this is that entry's version, and it was sealed in that
    /// entry's commit.
    At(Version),
}

/// The entry of a session's stream that last told in full who asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LastInFull {
    /// The tag of all of it.
    pub who: Tag,
    /// The entry's version.
    pub version: Version,
}

/// From whom we know the person of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize, Deserialize)]
pub enum ToldBy {
    /// Nobody between us and the person: the peer of a public client is the person.
    Peer,
    /// A caller that authenticated with a client secret.
    Client,
    /// A caller that authenticated with an API key.
    ApiKey,
    /// An unauthenticated caller whose address is one of the client's `backends`.
    Backend,
    /// Nobody: a backend asked and told no person. What is recorded is the backend itself, and it is never compared.
    Nobody,
    /// No request at all: the server acted by itself.
    Server,
    /// An operator with the data directory and its master key: a command on a stopped server.
    CommandLine,
}

/// Who asked, as the rules see it: equality of network, user agent and device, and nothing readable.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Context {
    /// The request that led to this.
    pub request_id: RequestId,
    /// From whom we know the person.
    pub told_by: ToldBy,
    /// The name of the API key by which the request was authenticated, where it was by one.
    pub api_key: Option<String>,
    /// The person's network: the /24 of an IPv4 address, the /48 of an IPv6 address.
    pub net: Option<Tag>,
    /// The person's user agent, without its digits: an app update is no thief.
    pub ua: Option<Tag>,
    /// The person's device, as the app names it.
    pub dev: Option<Tag>,
    /// All of it in full, for those who have the owner's key; absent where the server asked or the owner is erased.
    pub sealed: Option<InFull>,
}

impl Context {
    /// Network, user agent and device of the person; `None` where no person is known, so that there is nothing to compare.
    pub fn person(&self) -> Option<Traits> {
        match self.told_by {
            ToldBy::Nobody | ToldBy::Server | ToldBy::CommandLine => None,
            ToldBy::Peer | ToldBy::Client | ToldBy::ApiKey | ToldBy::Backend => {
                Some(Traits { net: self.net, ua: self.ua, dev: self.dev })
            }
        }
    }
}

/// What two requests are compared by. An absent value equals only an absent one: leaving a header out is no disguise.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Traits {
    /// The person's network.
    pub net: Option<Tag>,
    /// The person's user agent.
    pub ua: Option<Tag>,
    /// The person's device.
    pub dev: Option<Tag>,
}

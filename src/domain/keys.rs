//! Words about keys that rules, keyring and configuration share.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The signature of access tokens (RFC 7518, RFC 8037).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum SigningAlg {
    /// ECDSA on P-256 with SHA-256: the default.
    #[serde(rename = "ES256")]
    Es256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// RSA PKCS #1 v1.5 with SHA-256, 2048 bits.
    #[serde(rename = "RS256")]
    Rs256,
}

impl SigningAlg {
    /// All of them, in the order in which they are listed.
    pub const ALL: [Self; 3] = [Self::Es256, Self::EdDsa, Self::Rs256];

    /// The name as it stands in a JWT header.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Rs256 => "RS256",
        }
    }
}

impl fmt::Display for SigningAlg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for SigningAlg {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|alg| alg.as_str() == text)
            .ok_or_else(|| format!("{text:?} is not a signing algorithm: use ES256, EdDSA or RS256"))
    }
}

/// Where a key stands in its life. It only ever moves down this list.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum KeyStatus {
    /// Published, but nothing is signed with it yet: caches learn of it first.
    Next,
    /// Signs what is issued now.
    Active,
    /// Signs nothing more; what it signed still verifies.
    Retired,
    /// Nothing it signed is believed any more.
    Distrusted,
}

impl KeyStatus {
    /// The word in events, lists and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::Retired => "retired",
            Self::Distrusted => "distrusted",
        }
    }
}

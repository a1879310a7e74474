//! What a password or secret is checked against: never in clear, always sealed under the seal key.

use super::context::SealedAt;
use super::ids::Version;
use serde::{Deserialize, Serialize};

/// How a password hash was made: what it costs to check it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize, Deserialize)]
pub enum Scheme {
    /// Argon2id (RFC 9106).
    Argon2id {
        /// Memory in KiB.
        memory_kib: u32,
        /// Passes over it.
        iterations: u32,
        /// Lanes.
        parallelism: u32,
    },
    /// bcrypt, from another system.
    Bcrypt {
        /// log2 of the rounds.
        cost: u32,
    },
}

impl Scheme {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Argon2id { .. } => "argon2id",
            Self::Bcrypt { .. } => "bcrypt",
        }
    }
}

/// A password's verifier.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PasswordVerifier {
    /// The sealed hash.
    pub verifier: SealedAt,
    /// How it was made.
    pub scheme: Scheme,
    /// The version of the `gate.password_set` that set this password; a rehash keeps it.
    pub password: Version,
}

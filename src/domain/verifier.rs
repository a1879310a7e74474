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
    /// PBKDF2 with HMAC-SHA-256 (RFC 8018), from another system.
    Pbkdf2Sha256 {
        /// How often HMAC is computed for each block.
        iterations: u32,
    },
    /// PBKDF2 with HMAC-SHA-512, from another system.
    Pbkdf2Sha512 {
        /// How often HMAC is computed for each block.
        iterations: u32,
    },
    /// scrypt (RFC 7914), from another system.
    Scrypt {
        /// log2 of N, the number of blocks in memory.
        log_n: u8,
        /// Size of a block, in 128 bytes.
        r: u32,
        /// How often the memory is filled, one time after the other.
        p: u32,
    },
}

impl Scheme {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Argon2id { .. } => "argon2id",
            Self::Bcrypt { .. } => "bcrypt",
            Self::Pbkdf2Sha256 { .. } => "pbkdf2-sha256",
            Self::Pbkdf2Sha512 { .. } => "pbkdf2-sha512",
            Self::Scrypt { .. } => "scrypt",
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

//! The only source of randomness. Everything else in the program is given an [`Entropy`], so that tests and the simulator
//! can run on chance that they chose.

use crate::domain::time::Timestamp;
use aws_lc_rs::digest;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use uuid::Uuid;

/// The port to chance. Keys that AWS-LC makes itself (signing keys) and the nonces of its ECDSA signatures are the only
/// random values in the program that do not come through here.
pub trait Entropy: Send + Sync {
    /// Fills `out` with bytes that nobody can guess.
    fn fill(&self, out: &mut [u8]);
}

/// The operating system's randomness, through AWS-LC. What a server uses.
#[derive(Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    /// Panics when the operating system gives no randomness: any value made without it would be a guessable secret, so
    /// there is nothing to fall back to.
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the operating system for chance")]
    #[expect(clippy::panic, reason = "the comment above")]
    fn fill(&self, out: &mut [u8]) {
        if SystemRandom::new().fill(out).is_err() {
            panic!("the operating system gives no random bytes: refusing to make secrets that could be guessed");
        }
    }
}

/// Bytes that follow from a seed alone: the same seed gives the same bytes in the same order. For tests and simulators;
/// never for a server, because whoever knows the seed knows every secret.
///
/// Block i is SHA-256(label ‖ seed ‖ i); a call starts at a new block.
pub struct SeededEntropy {
    seed: u64,
    blocks: Mutex<u64>,
}

impl SeededEntropy {
    /// A source that starts at its first block.
    pub fn new(seed: u64) -> Self {
        Self { seed, blocks: Mutex::new(0) }
    }
}

impl fmt::Debug for SeededEntropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeededEntropy").finish_non_exhaustive()
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, out: &mut [u8]) {
        // A counter is whole at every moment, so a thread that died holding it left nothing half done.
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        for chunk in out.chunks_mut(digest::SHA256_OUTPUT_LEN) {
            let mut block = digest::Context::new(&digest::SHA256);
            block.update(b"countersign seeded entropy v1\0");
            block.update(&self.seed.to_be_bytes());
            block.update(&blocks.to_be_bytes());
            *blocks += 1;
            chunk.copy_from_slice(&block.finish().as_ref()[..chunk.len()]);
        }
    }
}

/// A new UUIDv7 (RFC 9562 section 5.7): 48 bits of `at` in milliseconds, then chance. An instant before 1970 counts as 1970.
pub fn uuid_v7(entropy: &dyn Entropy, at: Timestamp) -> Uuid {
    let mut random = [0; 10];
    entropy.fill(&mut random);
    let millis = u64::try_from(at.0).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

/// A new secret for people and programs to carry: 32 random bytes as 43 characters of base64url without padding.
pub fn token(entropy: &dyn Entropy) -> String {
    let mut random = zeroize::Zeroizing::new([0; 32]);
    entropy.fill(&mut *random);
    URL_SAFE_NO_PAD.encode(*random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_tells_the_same_story_and_another_seed_another() {
        let draw = |seed| {
            let entropy = SeededEntropy::new(seed);
            (token(&entropy), token(&entropy))
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        let (first, second) = draw(1);
        assert_ne!(first, second);
    }

    /// Seeds stand in reports of failed simulations, so they must give the same bytes later. Computed by another program.
    #[test]
    fn the_first_bytes_of_a_seed_are_pinned() {
        let mut out = [0; 32];
        SeededEntropy::new(1).fill(&mut out);
        let known = "a9e245b968950d7996319718d6916bdbe0815456db0d0ef0cf37b0c3ecd5fefc";
        assert_eq!(crate::domain::ids::Hash(out).to_string(), known);
    }

    #[test]
    fn a_long_draw_does_not_repeat_itself() {
        let mut out = [0; 200];
        SeededEntropy::new(7).fill(&mut out);
        assert_ne!(out[..32], out[32..64]);
        assert_ne!(out[192..], [0; 8]);
    }

    #[test]
    fn the_system_fills_every_byte_it_is_asked_for() {
        let (mut one, mut two) = ([0; 64], [0; 64]);
        SystemEntropy.fill(&mut one);
        SystemEntropy.fill(&mut two);
        assert_ne!(one, two);
        assert_ne!(one[32..], [0; 32]);
    }

    #[test]
    fn a_uuid_carries_its_version_and_its_instant() {
        let at = Timestamp(1_700_000_000_123);
        let id = uuid_v7(&SeededEntropy::new(1), at);
        assert_eq!(id.get_version_num(), 7);
        assert_eq!(id.as_u128() >> 80, 1_700_000_000_123);
        assert_eq!(uuid_v7(&SeededEntropy::new(1), Timestamp(-5)).as_u128() >> 80, 0);
        assert_eq!(token(&SystemEntropy).len(), 43);
    }
}

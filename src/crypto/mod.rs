//! Secrets: everything that hashes, seals, signs or compares them.
//!
//! The master key opens `keys/`, whose records wrap one key each ([`sealing`]): the seal key hides verifiers in the journal,
//! the name key turns login ids into stream names, and every owner's data key hides his personal data until it is erased.
//! Passwords are judged by a [`password::Kernel`], one per hash thread. A refresh token proves itself with one HMAC
//! ([`refresh_token`]); an access token is a JWT ([`access_token`]) under a [`signing`] key. The [`keyring`] holds all token
//! keys of one moment as one immutable value. Nothing here reads a clock (but zxcvbn, which [`password::policy`] asks, for the
//! year it counts dates from), a file or the network; chance comes through [`crate::entropy::Entropy`].

pub mod access_token;
pub mod keyring;
pub mod password;
pub mod refresh_token;
pub mod sealing;
pub mod signing;
mod stack;

pub use access_token::{AccessTokenError, Claims, Typ, UnverifiedAccessToken, VerifyingKey, mint};
pub use keyring::{KeyRefusal, Keyring, RefreshPart, SigningPart};
pub use password::{FastArgon2, Kernel, Params, PasswordHashError, Policy, WeakPassword, is_weaker, phc_of, scheme_of};
pub use refresh_token::{RefreshKey, RefreshToken, UnverifiedRefreshToken};
pub use sealing::{
    DataKey, KeyKind, KeyRecord, MasterKey, NameKey, RawKey, SealError, SealKey, UnwrapError, normalise_login,
    owner_digest,
};
pub use signing::{Jwk, SigningKey};
pub use stack::{DEEP, ONE_CALL, wipe_stack};

use aws_lc_rs::{constant_time, digest, hmac};

/// Whether two byte strings are equal, in a time that depends on their lengths only.
pub fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(a, b).is_ok()
}

/// SHA-256 (FIPS 180-4).
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    to_32(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// HMAC-SHA-256 (RFC 2104) under a key that is used once; whoever uses one often keeps a parsed key instead.
pub fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    to_32(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message).as_ref())
}

/// The 32 bytes of a SHA-256 output, which the library hands out as a slice.
fn to_32(output: &[u8]) -> [u8; 32] {
    output.try_into().expect("an output of SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::Hash;

    #[test]
    fn sha256_gives_the_known_answer_of_fips_180() {
        assert_eq!(
            Hash(sha256(b"abc")).to_string(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn hmac_gives_the_known_answers_of_rfc_4231() {
        assert_eq!(
            Hash(hmac_sha256(&[0x0b; 20], b"Hi There")).to_string(),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        );
        assert_eq!(
            Hash(hmac_sha256(b"Jefe", b"what do ya want for nothing?")).to_string(),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn equality_is_equality() {
        assert!(constant_time_eq(b"", b""));
        assert!(constant_time_eq(b"same", b"same"));
        assert!(!constant_time_eq(b"same", b"Same"));
        assert!(!constant_time_eq(b"same", b"same "));
    }

    /// How many pages of memory this thread was the first to touch, as the kernel counts them (proc_pid_stat(5), `minflt`).
    fn pages_touched() -> u64 {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        let behind_the_name = &stat[stat.rfind(')').unwrap() + 2..];
        behind_the_name.split(' ').nth(7).unwrap().parse().unwrap()
    }

    #[test]
    fn a_comparison_of_secrets_looks_at_every_byte_wherever_they_differ() {
        let compared = |first: u8| {
            // Zeros come from the kernel, page by page, to whoever reads them.
            let (mut one, other) = (vec![0_u8; 64 << 20], vec![0_u8; 64 << 20]);
            one[0] = first;
            let before = pages_touched();
            (constant_time_eq(&one, &other), pages_touched() - before)
        };
        let ((equal, all), (differ, looked_at)) = (compared(0), compared(1));
        assert!(equal && !differ && all >= 32, "{all} pages");
        assert!(looked_at >= all / 2, "{looked_at} of {all} pages were looked at where the first byte differs");
    }
}

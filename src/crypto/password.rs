//! Passwords: Argon2id for what we make; Argon2id, bcrypt, PBKDF2 and scrypt for what others made and we were given.
//!
//! A password is judged as given: not trimmed, not normalised. Its length (at most 1024 bytes) is limited where it comes
//! in, not here.

mod argon2id;
pub mod foreign;
mod imported;
pub mod policy;
mod scheme;

pub use argon2id::FastArgon2;
pub use foreign::phc_of;
pub use policy::{Policy, WeakPassword};
pub use scheme::{Params, is_weaker, scheme_of};

use super::{constant_time_eq, sha256};
use crate::domain::verifier::Scheme;
use argon2id::{Compute, Fast, Input, Reference, kept_for};
use scheme::{Argon2Hash, Parsed};
use std::fmt;
use std::hint::black_box;
use std::sync::Arc;
use zeroize::Zeroizing;

/// A stored hash, or parameters, that this program does not work with. The texts never hold the hash itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordHashError {
    /// Another algorithm, or a form that is not the usual one.
    #[error("this password hash is not supported: {0}")]
    Unsupported(&'static str),
    /// A known algorithm with a cost outside what this program is willing to pay.
    #[error("the cost of this password hash is out of bounds: {0}")]
    OutOfBounds(&'static str),
}

/// Hashes of the fast crate between two that are computed by both.
const COMPARED: u64 = 1000;

/// Where passwords are hashed: one per hash thread. It keeps the working memory of Argon2 between hashes, because
/// asking the system for 19 MiB and giving it back costs page faults at every login, and wipes it after each.
pub struct Kernel {
    params: Params,
    switch: Arc<FastArgon2>,
    fast: Box<dyn Compute>,
    reference: Reference,
    hashes: u64,
    differed: bool,
}

impl Kernel {
    /// A kernel that keeps memory for hashes of `params`, and for others up to 32 MiB once there was one; costlier ones get theirs
    /// for one hash only.
    pub fn new(params: Params) -> Self {
        Self::with(params, Arc::new(FastArgon2::off()))
    }

    /// The same, which computes Argon2id by the fast crate while that is on. One hash in a thousand is computed by both crates.
    pub fn with(params: Params, switch: Arc<FastArgon2>) -> Self {
        let (fast, reference) = (Box::new(Fast::default()), Reference::default());
        Self { params, switch, fast, reference, hashes: 0, differed: false }
    }

    /// Whether the two crates gave different answers since this was last asked: the fast one was switched off, and the answer given is
    /// the other's.
    pub fn has_differed(&mut self) -> bool {
        std::mem::take(&mut self.differed)
    }

    /// How many hashes were computed, verifications and dummies included: what tests count to show that a refusal costs
    /// exactly one.
    pub fn hashes_done(&self) -> u64 {
        self.hashes
    }

    /// Hashes a password: a PHC string `$argon2id$v=19$m=…,t=…,p=…$salt$hash` (RFC 9106) with 32 bytes of hash. The salt
    /// must be new and random each time.
    ///
    /// # Errors
    /// [`PasswordHashError::OutOfBounds`] when `params` are outside the bounds of [`scheme_of`].
    pub fn hash(
        &mut self,
        password: &[u8],
        salt: &[u8; 16],
        params: Params,
    ) -> Result<Zeroizing<String>, PasswordHashError> {
        params.check()?;
        let mut out = Zeroizing::new([0; 32]);
        self.argon2id(password, salt, params, &mut *out)?;
        Ok(Zeroizing::new(scheme::to_phc(params, salt, &*out)))
    }

    /// Whether `password` is the one behind a stored hash. The bounds of [`scheme_of`] are checked before any work, and
    /// the digests are compared in constant time.
    ///
    /// bcrypt knows less than the whole password: it sees the first 72 bytes and, as in all implementations in C, ends at
    /// the first NUL. Hashes that others made are judged by the same rule, so every password that opened the account
    /// where it came from opens it here; a longer one with the same beginning does too, until the next hash replaces it.
    ///
    /// scrypt takes its memory for one hash only. It is on the heap, and the program's allocator wipes what is freed. What is more
    /// than 32 MiB goes back to the system at once, less may stay with the thread's allocator for its next hash.
    ///
    /// # Errors
    /// [`PasswordHashError`] as [`scheme_of`].
    pub fn verify(&mut self, password: &[u8], phc: &str) -> Result<bool, PasswordHashError> {
        match scheme::parse(phc)? {
            Parsed::Argon2id(Argon2Hash { params, salt, hash }) => {
                let mut out = Zeroizing::new(vec![0; hash.len()]);
                self.argon2id(password, &salt, params, &mut out)?;
                Ok(constant_time_eq(&out, &hash))
            }
            Parsed::Bcrypt { cost, salt, hash } => {
                let end = password.iter().position(|byte| *byte == 0).unwrap_or(password.len());
                let computed = bcrypt::hash_with_salt_bytes(&password[..end], cost, salt)
                    .map_err(|_| PasswordHashError::OutOfBounds("bcrypt refused the cost"))?;
                self.hashes += 1;
                // Salt and hash are the last 53 characters; before them stands the version, which may be 2a, 2b or 2y.
                Ok(constant_time_eq(&computed[7..], hash.as_bytes()))
            }
            Parsed::Imported(imported) => {
                let right = imported.opens(password)?;
                self.hashes += 1;
                Ok(right)
            }
        }
    }

    /// The work of a verification of this scheme with the answer false: for logins that do not exist, so that the time of
    /// an answer does not tell them from those that do. The same seed makes the same dummy.
    pub fn dummy_verify(&mut self, scheme: &Scheme, password: &[u8], seed: u64) -> bool {
        let dummy = scheme::dummy(scheme, seed);
        // The answer must look used, or the compiler may leave the work out.
        let _ = black_box(self.verify(black_box(password), &dummy));
        false
    }

    fn argon2id(
        &mut self,
        password: &[u8],
        salt: &[u8],
        params: Params,
        out: &mut [u8],
    ) -> Result<(), PasswordHashError> {
        let (input, kept) = (Input { password, salt, params }, kept_for(self.params));
        self.hashes += 1;
        if !self.switch.is_on() {
            return self.reference.compute(input, kept, out);
        }
        self.fast.compute(input, kept, out)?;
        if self.hashes.is_multiple_of(COMPARED) {
            let mut right = Zeroizing::new(vec![0; out.len()]);
            // Its memory is for this hash only: the next one is far away.
            self.reference.compute(input, 0, &mut right)?;
            if !constant_time_eq(out, &right) {
                self.switch.switch_off();
                self.differed = true;
                out.copy_from_slice(&right);
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kernel").field("params", &self.params).field("hashes", &self.hashes).finish_non_exhaustive()
    }
}

/// `N` bytes that follow from a seed: the salts and hashes of dummies.
fn bytes_of<const N: usize>(seed: u64, part: &str) -> [u8; N] {
    let mut out = [0; N];
    for (i, chunk) in out.chunks_mut(32).enumerate() {
        let block = sha256(&[&seed.to_be_bytes(), &(i as u64).to_be_bytes(), part.as_bytes()].concat());
        chunk.copy_from_slice(&block[..chunk.len()]);
    }
    out
}

#[cfg(test)]
mod tests;

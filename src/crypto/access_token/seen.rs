//! Tokens that were found to be signed. Who lets tokens be introspected asks for the same ones again and again, and the signature is most of
//! the work of an answer. That a key made a signature stays true for ever; whether the token is good for anything is asked each
//! time, elsewhere.

use crate::crypto::sha256;
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// Tokens in a generation: those seen since the one before was full. Two are kept, of 32 bytes and their place a token.
const GENERATION: usize = 16_384;

type Digest = [u8; 32];

#[derive(Default)]
struct Generations {
    young: HashSet<Digest>,
    old: HashSet<Digest>,
}

/// See the module. Of a token only its SHA-256 is kept.
#[derive(Default)]
pub struct Seen(Mutex<Generations>);

impl Seen {
    /// Whether a token is to be believed, of which `verify` is asked where it was not seen before.
    pub fn or_verify(&self, token: &str, verify: impl FnOnce() -> bool) -> bool {
        let digest = sha256(token.as_bytes());
        if self.knows(&digest) {
            return true;
        }
        let right = verify();
        if right {
            self.keep(digest);
        }
        right
    }

    fn knows(&self, digest: &Digest) -> bool {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.young.contains(digest) {
            return true;
        }
        let known = kept.old.remove(digest);
        if known {
            kept.keep(*digest);
        }
        known
    }

    fn keep(&self, digest: Digest) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).keep(digest);
    }
}

impl Generations {
    fn keep(&mut self, digest: Digest) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn a_token_that_was_believed_is_not_verified_again_and_another_always_is() {
        let (seen, verified) = (Seen::default(), Cell::new(0));
        let ask = |token: &str, right: bool| {
            seen.or_verify(token, || {
                verified.set(verified.get() + 1);
                right
            })
        };
        assert!(ask("a.b.c", true) && ask("a.b.c", false));
        assert_eq!(verified.get(), 1);
        assert!(!ask("a.b.d", false) && !ask("a.b.d", false));
        assert_eq!(verified.get(), 3, "another signature is another token");
    }

    #[test]
    fn what_was_seen_long_ago_is_forgotten_and_what_is_asked_for_is_kept() {
        let seen = Seen::default();
        let is_kept = |token: &str| seen.or_verify(token, || false);
        assert!(seen.or_verify("first", || true) && seen.or_verify("asked", || true));
        for number in 0..2 * GENERATION {
            assert!(seen.or_verify(&number.to_string(), || true));
            assert!(is_kept("asked"), "after {number}");
        }
        assert!(!is_kept("first"));
        let kept = seen.0.lock().unwrap();
        assert!(kept.young.len() + kept.old.len() <= 2 * GENERATION);
    }
}

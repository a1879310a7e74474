//! Tokens that were found to be signed. Who lets tokens be introspected asks for the same ones again and again, and the signature is most of
//! the work of an answer. That a key made a signature stays true for ever; whether the token is good for anything is asked each
//! time, elsewhere.

use super::claims::Claims;
use crate::crypto::sha256;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Tokens in a generation: those seen since the one before was full. Two are kept, of some 700 bytes a token.
const GENERATION: usize = 8_192;

/// The SHA-256 of a token, by which it is known.
pub type Digest = [u8; 32];

/// What is kept of a token that is believed.
#[derive(Clone)]
pub enum Kept {
    /// What it says.
    Said(Arc<Claims>),
    /// Nothing, because it names a person.
    Nothing,
}

#[derive(Default)]
struct Generations {
    young: HashMap<Digest, Kept>,
    old: HashMap<Digest, Kept>,
}

/// See the module. Nothing is kept that could be shown as a token, or that names a person.
#[derive(Default)]
pub struct Seen(Mutex<Generations>);

impl Seen {
    /// By what a token is known.
    pub fn digest(token: &str) -> Digest {
        sha256(token.as_bytes())
    }

    /// What is kept of a token; `None` where it is not believed, or was not seen of late.
    pub fn get(&self, digest: &Digest) -> Option<Kept> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = kept.young.get(digest) {
            return Some(found.clone());
        }
        let found = kept.old.remove(digest)?;
        kept.keep(*digest, found.clone());
        Some(found)
    }

    /// Keeps what a token says that is believed.
    pub fn keep(&self, digest: Digest, claims: &Arc<Claims>) {
        let kept = if claims.names_person() { Kept::Nothing } else { Kept::Said(claims.clone()) };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).keep(digest, kept);
    }
}

impl Generations {
    fn keep(&mut self, digest: Digest, kept: Kept) {
        if self.young.len() >= GENERATION {
            // Their memory is kept: a map that grows anew copies itself a dozen times.
            std::mem::swap(&mut self.old, &mut self.young);
            self.young.clear();
        }
        self.young.insert(digest, kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(email: Option<&str>) -> Arc<Claims> {
        let said = serde_json::json!({
            "iss": "https://auth.example.com", "sub": "a", "aud": "b", "exp": 1, "iat": 0,
            "jti": uuid::Uuid::nil(), "client_id": "store", "email": email,
        });
        Arc::new(serde_json::from_value(said).unwrap())
    }

    #[test]
    fn what_names_a_person_is_believed_and_not_kept() {
        let seen = Seen::default();
        assert!(seen.get(&[1; 32]).is_none());
        seen.keep([1; 32], &claims(None));
        seen.keep([2; 32], &claims(Some("somebody@example.com")));
        assert!(matches!(seen.get(&[1; 32]), Some(Kept::Said(said)) if said == claims(None)));
        assert!(matches!(seen.get(&[2; 32]), Some(Kept::Nothing)));
    }

    #[test]
    fn what_was_seen_long_ago_is_forgotten_and_what_is_asked_for_is_kept() {
        let (seen, said) = (Seen::default(), claims(None));
        let [first, asked] = ["first", "asked"].map(Seen::digest);
        seen.keep(first, &said);
        seen.keep(asked, &said);
        for number in 0..2 * GENERATION {
            seen.keep(Seen::digest(&number.to_string()), &said);
            assert!(seen.get(&asked).is_some(), "after {number}");
        }
        assert!(seen.get(&first).is_none());
        let kept = seen.0.lock().unwrap();
        assert!(kept.young.len() + kept.old.len() <= 2 * GENERATION);
    }
}

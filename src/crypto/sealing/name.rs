//! Login ids as stream names: one person, one spelling, one hash, and no way to guess it without the key.

use super::{RawKey, derive, labelled_mac, mac_key};
use crate::domain::ids::NameHash;
use aws_lc_rs::hmac;
use std::fmt;
use unicode_normalization::UnicodeNormalization;

/// The one spelling of a login id: trimmed, NFKC (Unicode Annex 15), lower case. Applying it again changes nothing.
///
/// One round is not always enough (a compatibility character can decompose into a space at the edge, and lower case can
/// open a new composition), so rounds are repeated until nothing changes; the bound only makes the end certain.
pub fn normalise_login(login: &str) -> String {
    let mut text = login.to_owned();
    for _ in 0..8 {
        let next: String = text.trim().nfkc().collect::<String>().to_lowercase();
        if next == text {
            break;
        }
        text = next;
    }
    text
}

/// The key of the `name:H` streams, made once per data directory. A new master key only wraps it again.
pub struct NameKey {
    hash: hmac::Key,
    mix: hmac::Key,
}

impl NameKey {
    /// Derives both halves.
    pub fn new(key: &RawKey) -> Self {
        let purpose = "countersign name key v1";
        Self { hash: mac_key(&derive(key, purpose, "hash")), mix: mac_key(&derive(key, purpose, "mix")) }
    }

    /// HMAC-SHA-256 over the normalised login id: equal for all spellings of one login.
    pub fn hash(&self, login: &str) -> NameHash {
        NameHash(labelled_mac(&self.hash, "login", normalise_login(login).as_bytes()))
    }

    /// A number that looks random, is always the same for the same login, and cannot be computed without the key: draws
    /// the dummy hash of an unknown login, so that asking twice shows nothing. `label` separates one use from another.
    pub fn mix(&self, label: &str, login: &str) -> u64 {
        let mac = labelled_mac(&self.mix, label, normalise_login(login).as_bytes());
        u64::from_be_bytes(*mac.first_chunk().expect("32 bytes have a first 8"))
    }
}

impl fmt::Debug for NameKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NameKey(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(byte: u8) -> NameKey {
        NameKey::new(&RawKey::from_bytes([byte; 32]))
    }

    #[test]
    fn all_spellings_of_a_login_are_one_name() {
        let plain = key(1).hash("alice@example.com");
        for spelling in [" Alice@Example.COM\t", "\u{ff41}lice@example.com", "\u{a0}alice@example.com"] {
            assert_eq!(key(1).hash(spelling), plain, "{spelling:?}");
        }
        assert_ne!(key(1).hash("alice@example.org"), plain);
        assert_ne!(key(2).hash("alice@example.com"), plain);
        assert_eq!(normalise_login("Jose\u{301}"), "jos\u{e9}");
        assert_eq!(normalise_login("\u{fb01}sh"), "fish");
    }

    #[test]
    fn every_single_character_settles() {
        for c in '\0'..=char::MAX {
            for text in [c.to_string(), format!("a{c}\u{301}"), format!("{c}\u{345}\u{307}")] {
                let once = normalise_login(&text);
                assert_eq!(normalise_login(&once), once, "{text:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn normalising_twice_is_normalising_once(text in any::<String>()) {
            let once = normalise_login(&text);
            prop_assert_eq!(normalise_login(&once), once);
        }
    }

    /// Streams are named by these for ever. Computed by another program.
    #[test]
    fn the_bytes_of_the_format_are_pinned() {
        let name = "483b39ea1d7d9435f6f68ed7f320095e8753e90f046ec35d2223cf8232b8a804";
        assert_eq!(key(7).hash("Alice@example.com").to_string(), name);
        assert_eq!(key(7).mix("scheme", "Alice@example.com"), 7_765_348_838_091_590_178);
    }

    #[test]
    fn a_mix_is_stable_and_separated_by_label_and_login() {
        let key = key(1);
        assert_eq!(key.mix("scheme", "Bob"), key.mix("scheme", "bob"));
        assert_ne!(key.mix("scheme", "bob"), key.mix("salt", "bob"));
        assert_ne!(key.mix("scheme", "bob"), key.mix("scheme", "eve"));
        assert_eq!(format!("{key:?}"), "NameKey(secret)");
    }
}

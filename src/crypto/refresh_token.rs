//! Refresh tokens: `csr_` and 74 characters of base64url. A token carries its session and generation and proves itself by an
//! HMAC, so a forged one costs one HMAC and no read, nothing about a token is stored, and a retry can be given the very same
//! successor again.

use super::sealing::RawKey;
use super::{constant_time_eq, to_32};
use crate::domain::ids::{Generation, RefreshKeyId, SessionId};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fmt;
use uuid::Uuid;

const PREFIX: &str = "csr_";
const FORMAT: u8 = 1;
const LABEL: &[u8] = b"countersign refresh token v1\0";
/// Format, key, session, generation.
const BODY_LEN: usize = 1 + 2 + 16 + 4;
const TAG_LEN: usize = 32;
/// 55 bytes are 73 and a third characters: the last one carries four bits that must be zero.
const TEXT_LEN: usize = PREFIX.len() + 74;

/// The key under which refresh tokens are made and believed, parsed once and kept.
pub struct RefreshKey(hmac::Key);

impl RefreshKey {
    /// Parses the key.
    pub fn new(key: &RawKey) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()))
    }

    fn tag(&self, body: &[u8; BODY_LEN]) -> Tag {
        let mut mac = hmac::Context::with_key(&self.0);
        mac.update(LABEL);
        mac.update(body);
        Tag(to_32(mac.sign().as_ref()))
    }
}

/// What proves a token. It has no `==`, which would stop at the first byte that differs.
#[derive(Clone)]
struct Tag([u8; TAG_LEN]);

impl Tag {
    fn is(&self, other: &Self) -> bool {
        constant_time_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for RefreshKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshKey(secret)")
    }
}

/// What a refresh token says: to be minted, or proven by [`UnverifiedRefreshToken::verify`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RefreshToken {
    /// The key it was made with: that of its session's login, for the session's whole life.
    pub key: RefreshKeyId,
    /// The session it continues.
    pub session: SessionId,
    /// Its number inside the session.
    pub generation: Generation,
}

impl RefreshToken {
    fn body(&self) -> [u8; BODY_LEN] {
        let mut body = [FORMAT; BODY_LEN];
        body[1..3].copy_from_slice(&self.key.to_be_bytes());
        body[3..19].copy_from_slice(self.session.0.as_bytes());
        body[19..].copy_from_slice(&self.generation.to_be_bytes());
        body
    }

    /// The token as a client carries it: `csr_` and the base64url without padding of
    /// `1u8 ‖ key u16 BE ‖ session 16 ‖ generation u32 BE ‖ HMAC-SHA-256 tag 32`. The tag covers a label and all bytes before
    /// it. The same token always has the same text. `key` must be the one that `self.key` names.
    pub fn to_text(&self, key: &RefreshKey) -> String {
        let body = self.body();
        let mut bytes = [0; BODY_LEN + TAG_LEN];
        bytes[..BODY_LEN].copy_from_slice(&body);
        bytes[BODY_LEN..].copy_from_slice(&key.tag(&body).0);
        let mut text = String::with_capacity(TEXT_LEN);
        text.push_str(PREFIX);
        URL_SAFE_NO_PAD.encode_string(bytes, &mut text);
        text
    }
}

/// Text that is no refresh token, whoever may have made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not a refresh token")]
pub struct Malformed;

/// A refresh token that nobody has vouched for yet. What it says may choose a key and be shown as UNVERIFIED; nothing else.
#[derive(Clone)]
pub struct UnverifiedRefreshToken {
    claim: RefreshToken,
    tag: Tag,
}

impl UnverifiedRefreshToken {
    /// Reads the one spelling that [`RefreshToken::to_text`] writes. The length is checked before anything is decoded.
    ///
    /// # Errors
    /// [`Malformed`] for anything else: another length, prefix, format or alphabet, padding, or trailing bits.
    pub fn from_text(text: &str) -> Result<Self, Malformed> {
        if text.len() != TEXT_LEN {
            return Err(Malformed);
        }
        let encoded = text.strip_prefix(PREFIX).ok_or(Malformed)?;
        let mut bytes = [0; BODY_LEN + TAG_LEN];
        let written = URL_SAFE_NO_PAD.decode_slice(encoded, &mut bytes).map_err(|_| Malformed)?;
        if written != bytes.len() || bytes[0] != FORMAT {
            return Err(Malformed);
        }
        let generation = u32::from_be_bytes(bytes[19..BODY_LEN].try_into().map_err(|_| Malformed)?);
        let claim = RefreshToken {
            key: u16::from_be_bytes([bytes[1], bytes[2]]),
            session: SessionId(Uuid::from_slice(&bytes[3..19]).map_err(|_| Malformed)?),
            generation,
        };
        Ok(Self { claim, tag: Tag(bytes[BODY_LEN..].try_into().map_err(|_| Malformed)?) })
    }

    /// The key that could prove it.
    pub fn key(&self) -> RefreshKeyId {
        self.claim.key
    }

    /// What it says, unproven: for an auditor who has no keys.
    pub fn claim(&self) -> RefreshToken {
        self.claim
    }

    /// What it says, if `key` made it; compared in constant time.
    pub fn verify(&self, key: &RefreshKey) -> Option<RefreshToken> {
        key.tag(&self.claim.body()).is(&self.tag).then_some(self.claim)
    }
}

impl fmt::Debug for UnverifiedRefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnverifiedRefreshToken").field("claim", &self.claim).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::hmac_sha256;
    use proptest::prelude::*;

    fn key(byte: u8) -> RefreshKey {
        RefreshKey::new(&RawKey::from_bytes([byte; 32]))
    }

    fn token() -> RefreshToken {
        RefreshToken { key: 0x0102, session: SessionId(Uuid::from_u128(0x0304)), generation: 5 }
    }

    fn believed(text: &str, key: &RefreshKey) -> Option<RefreshToken> {
        UnverifiedRefreshToken::from_text(text).ok()?.verify(key)
    }

    #[test]
    fn a_token_is_the_bytes_that_the_format_names() {
        let mut bytes = vec![1, 1, 2];
        bytes.extend_from_slice(&0x0304u128.to_be_bytes());
        bytes.extend_from_slice(&[0, 0, 0, 5]);
        let tag = hmac_sha256(&[7; 32], &[b"countersign refresh token v1\0".as_slice(), &bytes].concat());
        bytes.extend_from_slice(&tag);
        assert_eq!(token().to_text(&key(7)), format!("csr_{}", URL_SAFE_NO_PAD.encode(bytes)));
    }

    #[test]
    fn a_token_is_believed_under_its_own_key_only() {
        let text = token().to_text(&key(7));
        assert_eq!(text, token().to_text(&key(7)));
        assert_eq!(believed(&text, &key(7)), Some(token()));
        assert_eq!(believed(&text, &key(8)), None);
        assert_eq!(UnverifiedRefreshToken::from_text(&text).unwrap().key(), 0x0102);
    }

    #[test]
    fn every_change_of_a_single_character_is_refused() {
        let text = token().to_text(&key(7));
        for at in 0..text.len() {
            for byte in (0u8..0x80).filter(|byte| *byte != text.as_bytes()[at]) {
                let mut changed = text.clone().into_bytes();
                changed[at] = byte;
                let changed = String::from_utf8(changed).unwrap();
                assert_eq!(believed(&changed, &key(7)), None, "{at} {byte}");
            }
        }
    }

    #[test]
    fn other_lengths_and_spellings_are_malformed() {
        let text = token().to_text(&key(7));
        assert_eq!(text.len(), TEXT_LEN);
        let padded = format!("{}=", &text[..text.len() - 1]);
        let other_format = format!("csr_{}", URL_SAFE_NO_PAD.encode([2; 55]));
        let umlaut = format!("csr_{}ä", &text[4..text.len() - 2]);
        for bad in ["", "csr_", &text[1..], &text[..77], &format!("{text}A"), &format!("{text}=="), &padded]
            .into_iter()
            .chain([other_format.as_str(), umlaut.as_str(), &text.replace("csr_", "CSR_"), &format!(" {}", &text[1..])])
        {
            assert_eq!(UnverifiedRefreshToken::from_text(bad).unwrap_err(), Malformed, "{bad}");
        }
    }

    #[test]
    fn debug_shows_no_tag() {
        let text = token().to_text(&key(7));
        let shown = format!("{:?}", UnverifiedRefreshToken::from_text(&text).unwrap());
        assert!(shown.contains("generation: 5") && !shown.contains("tag"), "{shown}");
        assert_eq!(format!("{:?}", key(7)), "RefreshKey(secret)");
    }

    proptest! {
        #[test]
        fn what_is_minted_is_believed(key_id: u16, session: u128, generation: u32, byte: u8) {
            let token = RefreshToken { key: key_id, session: SessionId(Uuid::from_u128(session)), generation };
            prop_assert_eq!(believed(&token.to_text(&key(byte)), &key(byte)), Some(token));
        }

        #[test]
        fn a_text_that_is_read_is_the_only_spelling_of_its_bytes(body in "[A-Za-z0-9_-]{72}[A-Za-z0-9_=-]{2}") {
            // The first characters are those of format 1, or almost nothing would be read.
            let text = format!("csr_AQ{}", &body[2..]);
            if let Ok(read) = UnverifiedRefreshToken::from_text(&text) {
                let bytes = [read.claim.body().as_slice(), &read.tag.0].concat();
                prop_assert_eq!(format!("csr_{}", URL_SAFE_NO_PAD.encode(bytes)), text);
            }
        }
    }
}

//! Access tokens: JWT (RFC 7519) in the profile of RFC 9068. Minted and verified with keys that stay parsed, under exactly the algorithm of
//! the key.

mod claims;
mod seen;

pub use claims::{Claims, PLAIN_TYP, TYP, Typ, mint};
pub(super) use seen::{Kept, Seen};

use super::signing::{Jwk, JwkError};
use crate::domain::keys::SigningAlg;
use aws_lc_rs::signature::ParsedPublicKey;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny};
use std::borrow::Cow;
use std::fmt;

/// Longest token that is looked at, in bytes.
pub const MAX_LEN: usize = 8 * 1024;

/// Why an access token is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum AccessTokenError {
    /// No JWS in compact form (RFC 7515 section 7.1), no name of a key, or longer than [`MAX_LEN`].
    #[error("this is not an access token")]
    Malformed,
    /// `alg` is none that we sign with; `none` is among these.
    #[error("the token names a signature algorithm that this server does not use")]
    UnknownAlg,
    /// The header has `crit` (RFC 7515 section 4.1.11): it demands an extension, and we understand none.
    #[error("the token demands an extension that this server does not know")]
    CriticalHeader,
    /// `alg` is not that of the key.
    #[error("the token names another signature algorithm than its key's")]
    WrongAlg,
    /// The key did not sign this.
    #[error("the token's signature is wrong")]
    BadSignature,
    /// `typ` is not that of an access token.
    #[error("the token is signed, but it is no access token")]
    WrongType,
    /// A required claim is absent or of the wrong type.
    #[error("the token is signed, but a claim is missing or of the wrong type")]
    BadClaims,
}

impl AccessTokenError {
    /// The word in events, metrics and diagnostics; these never change.
    pub fn code(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownAlg => "unknown_alg",
            Self::CriticalHeader => "critical_header",
            Self::WrongAlg => "wrong_alg",
            Self::BadSignature => "bad_signature",
            Self::WrongType => "wrong_type",
            Self::BadClaims => "bad_claims",
        }
    }
}

/// The public half of a signing key, parsed once and kept.
pub struct VerifyingKey {
    alg: SigningAlg,
    key: ParsedPublicKey,
}

impl VerifyingKey {
    /// Parses a public key and checks that it is one: a point on the curve, a modulus of 2048 to 8192 bits.
    ///
    /// # Errors
    /// [`JwkError`] with what is wrong with it.
    pub fn from_jwk(jwk: &Jwk) -> Result<Self, JwkError> {
        Ok(Self { alg: jwk.alg, key: jwk.parsed()? })
    }

    /// The one algorithm whose signatures it believes.
    pub fn alg(&self) -> SigningAlg {
        self.alg
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey").field("alg", &self.alg).finish_non_exhaustive()
    }
}

/// The members of a header that we read. Others, also a key that a forger sends along (`jwk`, `jku`, `x5c`), mean nothing.
#[derive(Deserialize)]
struct Header<'a> {
    #[serde(borrow)]
    alg: Cow<'a, str>,
    kid: String,
    #[serde(default)]
    typ: Option<String>,
    #[serde(default, deserialize_with = "present")]
    crit: bool,
}

/// True for a member that is there at all, also as null.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

/// A token that nobody has vouched for yet. Its header may choose a key; nothing else may be believed.
pub struct UnverifiedAccessToken<'a> {
    alg: SigningAlg,
    kid: String,
    typ: Option<String>,
    /// Header and payload with the dot between them: what is signed.
    signed: &'a str,
    payload: &'a str,
    signature: &'a str,
}

impl<'a> UnverifiedAccessToken<'a> {
    /// Takes a token apart and reads its header.
    ///
    /// # Errors
    /// [`AccessTokenError::Malformed`], [`AccessTokenError::UnknownAlg`] or [`AccessTokenError::CriticalHeader`].
    pub fn parse(text: &'a str) -> Result<Self, AccessTokenError> {
        let malformed = AccessTokenError::Malformed;
        if text.len() > MAX_LEN {
            return Err(malformed);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(malformed)?;
        let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| malformed)?;
        let header: Header<'_> = serde_json::from_slice(&header).map_err(|_| malformed)?;
        if header.crit {
            return Err(AccessTokenError::CriticalHeader);
        }
        let alg = header.alg.parse().map_err(|_| AccessTokenError::UnknownAlg)?;
        Ok(Self { alg, kid: header.kid, typ: header.typ, signed, payload, signature })
    }

    /// The key that could prove it.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The algorithm it names.
    pub fn alg(&self) -> SigningAlg {
        self.alg
    }

    /// The type it names: after [`Self::verify`] one of [`TYP`] and [`PLAIN_TYP`].
    pub fn typ(&self) -> Option<&str> {
        self.typ.as_deref()
    }

    /// What it says, if `key` signed it and it is an access token. The types are compared exactly, because only tokens that
    /// we made are believed. **Times are not judged here**: the caller compares `exp` with its own clock, and asks whether
    /// session, client and key still stand.
    ///
    /// # Errors
    /// [`AccessTokenError`]; anything after `BadSignature` in its list is about a token that the key did sign.
    pub fn verify(&self, key: &VerifyingKey) -> Result<Claims, AccessTokenError> {
        self.judge_signature(key)?;
        match self.typ() {
            Some(TYP | PLAIN_TYP) => claims_in(self.payload),
            _ => Err(AccessTokenError::WrongType),
        }
    }

    fn judge_signature(&self, key: &VerifyingKey) -> Result<(), AccessTokenError> {
        if self.alg != key.alg {
            return Err(AccessTokenError::WrongAlg);
        }
        let wrong = AccessTokenError::BadSignature;
        let signature = URL_SAFE_NO_PAD.decode(self.signature).map_err(|_| wrong)?;
        key.key.verify_sig(self.signed.as_bytes(), &signature).map_err(|_| wrong)
    }
}

/// What a token says that [`UnverifiedAccessToken::verify`] believed before.
///
/// # Errors
/// [`AccessTokenError::Malformed`] and [`AccessTokenError::BadClaims`], of what was never believed.
pub(super) fn claims_of_believed(token: &str) -> Result<Claims, AccessTokenError> {
    claims_in(token.split('.').nth(1).ok_or(AccessTokenError::Malformed)?)
}

fn claims_in(payload: &str) -> Result<Claims, AccessTokenError> {
    let payload = URL_SAFE_NO_PAD.decode(payload).map_err(|_| AccessTokenError::Malformed)?;
    serde_json::from_slice(&payload).map_err(|_| AccessTokenError::BadClaims)
}

impl fmt::Debug for UnverifiedAccessToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnverifiedAccessToken").field("alg", &self.alg).field("kid", &self.kid).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

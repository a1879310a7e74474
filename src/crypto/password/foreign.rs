//! Password hashes as other systems export them, turned into the PHC text that is stored here.
//!
//! Each notation is read in the spelling that its system writes, and whatever else is refused. What comes out is within the bounds
//! of [`scheme_of`], and is the same hash: nothing is computed, so no password is needed.

use super::PasswordHashError;
use super::imported::{Digest, Kdf};
use super::scheme::{decimal, scheme_of};
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

/// Longer than any of these texts within bounds.
const MAX_BYTES: usize = 512;

/// Some systems pad and some do not; neither can be mistaken for the other.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

type Bytes = Zeroizing<Vec<u8>>;

/// The PHC text of a password hash in one of these notations:
///
/// | system | notation |
/// |---|---|
/// | PHC, and so passlib's scrypt | `$argon2id$…`, `$pbkdf2-sha256$i=…$…`, `$pbkdf2-sha512$i=…$…`, `$scrypt$ln=…,r=…,p=…$…` |
/// | bcrypt everywhere | `$2a$…`, `$2b$…`, `$2y$…` |
/// | passlib (`passlib.hash.pbkdf2_sha256`, `pbkdf2_sha512`) | `$pbkdf2-sha256$29000$salt$hash`, base64 with `.` for `+` |
/// | Django (`PBKDF2PasswordHasher`) | `pbkdf2_sha256$260000$salt$hash`, the salt a text |
/// | Django (`ScryptPasswordHasher`) | `scrypt$N$salt$r$p$hash`, the salt a text |
/// | Werkzeug (`generate_password_hash`) | `scrypt:N:r:p$salt$hash`, `pbkdf2:sha256:600000$salt$hash`, the salt a text, the hash in hexadecimal |
///
/// # Errors
/// [`PasswordHashError`]: none of these, or out of the bounds of [`scheme_of`]. The error holds nothing of the text.
pub fn phc_of(text: &str) -> Result<Zeroizing<String>, PasswordHashError> {
    if text.len() > MAX_BYTES {
        return Err(PasswordHashError::Unsupported("it is longer than 512 characters"));
    }
    let parts: Vec<&str> = text.split('$').collect();
    let phc = match *parts.as_slice() {
        ["", name @ ("pbkdf2-sha256" | "pbkdf2-sha512"), rounds, salt, hash] if !rounds.contains('=') => {
            passlib(name, rounds, salt, hash)?
        }
        ["", _, ..] => text.to_owned(),
        ["pbkdf2_sha256", iterations, salt, hash] => django(iterations, salt, hash)?,
        ["scrypt", n, salt, r, p, hash] => django_scrypt([n, r, p], salt, hash)?,
        [method, salt, hash] if method.contains(':') => werkzeug(method, salt, hash)?,
        _ => {
            return Err(PasswordHashError::Unsupported(
                "it is in none of the notations that CONFIG.md lists for `password_hash`",
            ));
        }
    };
    checked(phc)
}

/// A password hash of a system that exports it in fields.
pub struct Parts<'a> {
    /// Keycloak's `algorithm` (`credentialData`): `pbkdf2-sha256` or `pbkdf2-sha512`. Or FusionAuth's `encryptionScheme`:
    /// `salted-pbkdf2-hmac-sha256`, `salted-pbkdf2-hmac-sha256-512`, `salted-pbkdf2-hmac-sha512-512` or `bcrypt`.
    pub algorithm: &'a str,
    /// Keycloak's `hashIterations`, FusionAuth's `factor`: iterations, for bcrypt its cost.
    pub factor: u32,
    /// Both systems' `salt`: base64, for bcrypt its 22 characters.
    pub salt: &'a str,
    /// Keycloak's `value` (`secretData`), FusionAuth's `password`: base64, for bcrypt the last 31 characters.
    pub hash: &'a str,
}

impl Parts<'_> {
    /// The PHC text of the same hash.
    ///
    /// # Errors
    /// [`PasswordHashError`], as [`phc_of`].
    pub fn to_phc(&self) -> Result<Zeroizing<String>, PasswordHashError> {
        if self.salt.len().max(self.hash.len()) > MAX_BYTES {
            return Err(PasswordHashError::Unsupported("its salt or hash is longer than 512 characters"));
        }
        let (digest, bytes) = match self.algorithm {
            "bcrypt" => return self.bcrypt(),
            "pbkdf2-sha256" => (Digest::Sha256, None),
            "pbkdf2-sha512" => (Digest::Sha512, None),
            "salted-pbkdf2-hmac-sha256" => (Digest::Sha256, Some(32)),
            "salted-pbkdf2-hmac-sha256-512" => (Digest::Sha256, Some(64)),
            "salted-pbkdf2-hmac-sha512-512" => (Digest::Sha512, Some(64)),
            _ => {
                return Err(PasswordHashError::Unsupported(
                    "its algorithm is none of PBKDF2 with SHA-256 or SHA-512 and bcrypt, as Keycloak and FusionAuth name them",
                ));
            }
        };
        let form = PasswordHashError::Unsupported("its salt and hash must be base64");
        let (salt, hash) = (base64(self.salt).ok_or_else(|| form.clone())?, base64(self.hash).ok_or(form)?);
        if bytes.is_some_and(|bytes| hash.len() != bytes) {
            return Err(PasswordHashError::Unsupported("its hash has not the length that its algorithm has"));
        }
        checked(Kdf::Pbkdf2(digest, self.factor).to_phc(&salt, &hash))
    }

    fn bcrypt(&self) -> Result<Zeroizing<String>, PasswordHashError> {
        if self.salt.len() != 22 || self.hash.len() != 31 {
            return Err(PasswordHashError::Unsupported("a bcrypt salt has 22 characters and its hash 31"));
        }
        if self.factor > 99 {
            return Err(PasswordHashError::OutOfBounds("a bcrypt cost is 4 to 14"));
        }
        checked(format!("$2b${:02}${}{}", self.factor, self.salt, self.hash))
    }
}

/// What we made is judged like what we were given.
fn checked(phc: String) -> Result<Zeroizing<String>, PasswordHashError> {
    let phc = Zeroizing::new(phc);
    scheme_of(&phc).map(|_| phc)
}

fn base64(text: &str) -> Option<Bytes> {
    BASE64.decode(text).ok().map(Zeroizing::new)
}

/// Lower-case hexadecimal.
fn hexadecimal(text: &str) -> Option<Bytes> {
    let digit = |byte: &u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let pairs = text.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    });
    pairs.collect::<Option<Vec<u8>>>().map(Zeroizing::new)
}

/// scrypt's N, a power of two, with r and p.
fn scrypt([n, r, p]: [&str; 3]) -> Option<Kdf> {
    let n = decimal(n).filter(|n| n.is_power_of_two())?;
    Some(Kdf::Scrypt { log_n: u8::try_from(n.trailing_zeros()).ok()?, r: decimal(r)?, p: decimal(p)? })
}

/// passlib's `ab64_encode` writes `.` for `+`, and its `ab64_decode` reads both.
fn passlib(name: &str, rounds: &str, salt: &str, hash: &str) -> Result<String, PasswordHashError> {
    let form = PasswordHashError::Unsupported("expected passlib's $pbkdf2-sha256$29000$salt$hash, or with sha512");
    let digest = if name == "pbkdf2-sha256" { Digest::Sha256 } else { Digest::Sha512 };
    let adapted = |text: &str| {
        let text = Zeroizing::new(text.replace('.', "+"));
        if text.contains('=') { None } else { base64(&text) }
    };
    let (Some(rounds), Some(salt), Some(hash)) = (decimal(rounds), adapted(salt), adapted(hash)) else {
        return Err(form);
    };
    Ok(Kdf::Pbkdf2(digest, rounds).to_phc(&salt, &hash))
}

fn django(iterations: &str, salt: &str, hash: &str) -> Result<String, PasswordHashError> {
    let form = PasswordHashError::Unsupported("expected Django's pbkdf2_sha256$260000$salt$hash, the hash in base64");
    let (Some(iterations), Some(hash)) = (decimal(iterations), base64(hash)) else { return Err(form) };
    Ok(Kdf::Pbkdf2(Digest::Sha256, iterations).to_phc(salt.as_bytes(), &hash))
}

fn django_scrypt(params: [&str; 3], salt: &str, hash: &str) -> Result<String, PasswordHashError> {
    let form = PasswordHashError::Unsupported("expected Django's scrypt$16384$salt$8$5$hash, the hash in base64");
    let (Some(kdf), Some(hash)) = (scrypt(params), base64(hash)) else { return Err(form) };
    Ok(kdf.to_phc(salt.as_bytes(), &hash))
}

fn werkzeug(method: &str, salt: &str, hash: &str) -> Result<String, PasswordHashError> {
    let form = PasswordHashError::Unsupported(
        "expected Werkzeug's scrypt:32768:8:1$salt$hash or pbkdf2:sha256:600000$salt$hash, the hash in hexadecimal",
    );
    let method: Vec<&str> = method.split(':').collect();
    let kdf = match *method.as_slice() {
        ["scrypt", n, r, p] => scrypt([n, r, p]),
        ["pbkdf2", "sha256", iterations] => decimal(iterations).map(|i| Kdf::Pbkdf2(Digest::Sha256, i)),
        ["pbkdf2", "sha512", iterations] => decimal(iterations).map(|i| Kdf::Pbkdf2(Digest::Sha512, i)),
        _ => None,
    };
    let (Some(kdf), Some(hash)) = (kdf, hexadecimal(hash)) else { return Err(form) };
    Ok(kdf.to_phc(salt.as_bytes(), &hash))
}

#[cfg(test)]
mod tests;

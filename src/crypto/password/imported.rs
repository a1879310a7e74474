//! What others hash with and we only check: PBKDF2 (RFC 8018) and scrypt (RFC 7914), in the PHC string format.

use super::scheme::decimal;
use super::{PasswordHashError, constant_time_eq};
use crate::domain::verifier::Scheme;
use aws_lc_rs::pbkdf2;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use std::num::NonZeroU32;
use zeroize::Zeroizing;

/// About half a second of SHA-256, a little more than one of SHA-512.
const MAX_ITERATIONS: u32 = 2_000_000;
/// N × r × p: one to two seconds. N × r blocks of 128 bytes are in memory, so this is 256 MiB too.
const MAX_WORK: u64 = 1 << 21;
/// The memory of p lanes of r blocks comes on top of the above, and stays small with these.
const MAX_R: u32 = 32;
const MAX_P: u32 = 16;

/// The hash function under PBKDF2.
#[derive(Clone, Copy)]
pub(super) enum Digest {
    Sha256,
    Sha512,
}

/// How a key is derived, with its cost.
#[derive(Clone, Copy)]
pub(super) enum Kdf {
    Pbkdf2(Digest, u32),
    Scrypt { log_n: u8, r: u32, p: u32 },
}

/// A stored hash in its parts.
pub(super) struct Imported {
    pub kdf: Kdf,
    salt: Vec<u8>,
    hash: Zeroizing<Vec<u8>>,
}

impl Kdf {
    pub(super) fn scheme(self) -> Scheme {
        match self {
            Self::Pbkdf2(Digest::Sha256, iterations) => Scheme::Pbkdf2Sha256 { iterations },
            Self::Pbkdf2(Digest::Sha512, iterations) => Scheme::Pbkdf2Sha512 { iterations },
            Self::Scrypt { log_n, r, p } => Scheme::Scrypt { log_n, r, p },
        }
    }

    pub(super) fn to_phc(self, salt: &[u8], hash: &[u8]) -> String {
        let head = match self {
            Self::Pbkdf2(Digest::Sha256, i) => format!("pbkdf2-sha256$i={i},l={}", hash.len()),
            Self::Pbkdf2(Digest::Sha512, i) => format!("pbkdf2-sha512$i={i},l={}", hash.len()),
            Self::Scrypt { log_n, r, p } => format!("scrypt$ln={log_n},r={r},p={p}"),
        };
        let (salt, hash) = (STANDARD_NO_PAD.encode(salt), Zeroizing::new(STANDARD_NO_PAD.encode(hash)));
        format!("${head}${salt}${}", *hash)
    }

    /// Whether we are willing to compute this.
    fn check(self) -> Result<(), PasswordHashError> {
        let error = |why| Err(PasswordHashError::OutOfBounds(why));
        match self {
            Self::Pbkdf2(_, iterations) if !(1..=MAX_ITERATIONS).contains(&iterations) => {
                error("pbkdf2 must have 1 to 2000000 iterations")
            }
            Self::Scrypt { log_n, .. } if !(1..=21).contains(&log_n) => error("scrypt ln must be 1 to 21"),
            Self::Scrypt { r, .. } if !(1..=MAX_R).contains(&r) => error("scrypt r must be 1 to 32"),
            Self::Scrypt { p, .. } if !(1..=MAX_P).contains(&p) => error("scrypt p must be 1 to 16"),
            Self::Scrypt { log_n, r, p } if (u64::from(r) * u64::from(p)) << log_n > MAX_WORK => {
                error("scrypt N times r times p must be at most 2097152, which is 256 MiB where p is 1")
            }
            _ => Ok(()),
        }
    }

    /// How many bytes cost no more than fewer: PBKDF2 computes each block of its output anew. One block decides: it has as many
    /// bits as the hash function, and whoever guesses passwords looks at no more either. So a check costs what the scheme says,
    /// however long the hash is.
    fn looked_at(self) -> usize {
        match self {
            Self::Pbkdf2(Digest::Sha256, _) => 32,
            Self::Pbkdf2(Digest::Sha512, _) | Self::Scrypt { .. } => 64,
        }
    }

    fn derive(self, password: &[u8], salt: &[u8], out: &mut [u8]) -> Result<(), PasswordHashError> {
        let refused = PasswordHashError::OutOfBounds("the parameters were refused");
        match self {
            Self::Pbkdf2(digest, iterations) => {
                let algorithm = match digest {
                    Digest::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
                    Digest::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
                };
                let iterations = NonZeroU32::new(iterations).ok_or(refused)?;
                pbkdf2::derive(algorithm, iterations, salt, password, out);
                Ok(())
            }
            Self::Scrypt { log_n, r, p } => {
                let params = scrypt::Params::new(log_n, r, p).map_err(|_| refused.clone())?;
                scrypt::scrypt(password, salt, &params, out).map_err(|_| refused)
            }
        }
    }
}

impl Imported {
    /// Reads `$pbkdf2-sha256$i=…,l=…$salt$hash`, where the length `l` may be left out, the same with SHA-512, or
    /// `$scrypt$ln=…,r=…,p=…$salt$hash`. Other systems have salts as short as a letter.
    pub(super) fn parse(phc: &str) -> Result<Self, PasswordHashError> {
        let form = PasswordHashError::Unsupported(
            "expected $pbkdf2-sha256$i=…,l=…$salt$hash, $pbkdf2-sha512$… or $scrypt$ln=…,r=…,p=…$salt$hash",
        );
        let parts: Vec<&str> = phc.split('$').collect();
        let &["", name, params, salt, hash] = parts.as_slice() else { return Err(form) };
        let mut params = params.split(',');
        let mut number = |name: &str| params.next().and_then(|p| p.strip_prefix(name)).and_then(decimal);
        let (kdf, length) = match name {
            "scrypt" => {
                let (Some(ln), Some(r), Some(p)) = (number("ln="), number("r="), number("p=")) else {
                    return Err(form);
                };
                (Kdf::Scrypt { log_n: u8::try_from(ln).unwrap_or(u8::MAX), r, p }, None)
            }
            _ => {
                let digest = if name == "pbkdf2-sha256" { Digest::Sha256 } else { Digest::Sha512 };
                let Some(iterations) = number("i=") else { return Err(form) };
                let length = match params.next() {
                    None => None,
                    Some(length) => Some(length.strip_prefix("l=").and_then(decimal).ok_or_else(|| form.clone())?),
                };
                (Kdf::Pbkdf2(digest, iterations), length)
            }
        };
        if params.next().is_some() {
            return Err(form);
        }
        kdf.check()?;
        let salt = STANDARD_NO_PAD.decode(salt).map_err(|_| form.clone())?;
        let hash = Zeroizing::new(STANDARD_NO_PAD.decode(hash).map_err(|_| form)?);
        if !(1..=64).contains(&salt.len()) {
            return Err(PasswordHashError::OutOfBounds("a salt of pbkdf2 or scrypt has 1 to 64 bytes"));
        }
        if !(16..=64).contains(&hash.len()) {
            return Err(PasswordHashError::OutOfBounds("a hash of pbkdf2 or scrypt has 16 to 64 bytes"));
        }
        if length.is_some_and(|length| usize::try_from(length) != Ok(hash.len())) {
            return Err(PasswordHashError::Unsupported("l is not the length of the hash, in bytes"));
        }
        Ok(Self { kdf, salt, hash })
    }

    /// Whether this password is the one.
    pub(super) fn opens(&self, password: &[u8]) -> Result<bool, PasswordHashError> {
        let hash = &self.hash[..self.hash.len().min(self.kdf.looked_at())];
        let mut out = Zeroizing::new(vec![0; hash.len()]);
        self.kdf.derive(password, &self.salt, &mut out)?;
        Ok(constant_time_eq(&out, hash))
    }
}

#[cfg(test)]
mod tests;

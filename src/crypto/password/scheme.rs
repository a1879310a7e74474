//! What a stored hash says about itself, and what of it we are willing to compute.

use super::imported::{Digest, Imported, Kdf};
use super::{PasswordHashError, bytes_of};
use crate::domain::verifier::Scheme;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use std::str::FromStr;
use zeroize::Zeroizing;

/// The cost of an Argon2id hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Params {
    /// Memory in KiB.
    pub m_kib: u32,
    /// Passes over the memory.
    pub t: u32,
    /// Lanes. They are computed one after the other here, so more lanes cost an attacker less and us nothing less.
    pub p: u32,
}

impl Default for Params {
    /// 19 MiB, two passes, one lane: the OWASP Password Storage Cheat Sheet's setting for Argon2id.
    fn default() -> Self {
        Self { m_kib: 19_456, t: 2, p: 1 }
    }
}

/// 256 MiB.
const MAX_M_KIB: u32 = 262_144;
const MAX_T: u32 = 16;
const MAX_P: u32 = 4;
/// Memory times passes, in KiB: one GiB filled takes about a second.
const MAX_WORK: u64 = 1_048_576;

impl Params {
    /// Whether we are willing to compute this.
    pub(super) fn check(self) -> Result<(), PasswordHashError> {
        let error = |why| Err(PasswordHashError::OutOfBounds(why));
        if !(1..=MAX_T).contains(&self.t) {
            return error("argon2id t must be 1 to 16");
        }
        if !(1..=MAX_P).contains(&self.p) {
            return error("argon2id p must be 1 to 4");
        }
        if !(8 * self.p..=MAX_M_KIB).contains(&self.m_kib) {
            return error("argon2id m must be at least 8 KiB a lane and at most 262144 KiB");
        }
        if self.work() > MAX_WORK {
            return error("argon2id m times t must be at most 1048576 KiB");
        }
        Ok(())
    }

    /// The scheme that [`super::Kernel::hash`] makes with these.
    pub fn scheme(self) -> Scheme {
        Scheme::Argon2id { memory_kib: self.m_kib, iterations: self.t, parallelism: self.p }
    }

    fn work(self) -> u64 {
        u64::from(self.m_kib) * u64::from(self.t)
    }
}

/// Reads the scheme of a stored hash, and refuses what we would not compute: an imported hash must not be a bomb.
///
/// # Errors
/// [`PasswordHashError`] for any other algorithm, version or form, and outside these bounds: Argon2id m ≤ 262144 KiB,
/// t ≤ 16, p ≤ 4, m × t ≤ 1048576 KiB, salt 8 to 64 bytes, hash 16 to 64 bytes; bcrypt cost 4 to 14; PBKDF2 1 to 2000000
/// iterations; scrypt N × r × p ≤ 2097152 (and so 256 MiB at most), r ≤ 32, p ≤ 16; of both, salt 1 to 64 bytes, hash 16 to
/// 64 bytes.
pub fn scheme_of(phc: &str) -> Result<Scheme, PasswordHashError> {
    Ok(match parse(phc)? {
        Parsed::Argon2id(Argon2Hash { params, .. }) => params.scheme(),
        Parsed::Bcrypt { cost, .. } => Scheme::Bcrypt { cost },
        Parsed::Imported(imported) => imported.kdf.scheme(),
    })
}

/// Whether a right password should be hashed again: less memory or less work (memory × passes) than `params`, a shorter
/// salt or hash than we make, or any scheme but Argon2id.
///
/// # Errors
/// [`PasswordHashError`] as [`scheme_of`].
pub fn is_weaker(phc: &str, params: Params) -> Result<bool, PasswordHashError> {
    Ok(match parse(phc)? {
        Parsed::Bcrypt { .. } | Parsed::Imported(_) => true,
        Parsed::Argon2id(Argon2Hash { params: own, salt, hash }) => {
            own.m_kib < params.m_kib || own.work() < params.work() || salt.len() < 16 || hash.len() < 32
        }
    })
}

/// A stored hash of a scheme that no password is known for.
pub(super) fn dummy(scheme: &Scheme, seed: u64) -> String {
    let (salt, hash) = (bytes_of::<16>(seed, "salt"), bytes_of::<32>(seed, "hash"));
    match *scheme {
        Scheme::Argon2id { memory_kib, iterations, parallelism } => {
            to_phc(Params { m_kib: memory_kib, t: iterations, p: parallelism }, &salt, &hash)
        }
        Scheme::Bcrypt { cost } => {
            let (salt, hash) = (bcrypt::BASE_64.encode(salt), bcrypt::BASE_64.encode(bytes_of::<23>(seed, "hash")));
            format!("$2b${cost:02}${salt}{hash}")
        }
        Scheme::Pbkdf2Sha256 { iterations } => Kdf::Pbkdf2(Digest::Sha256, iterations).to_phc(&salt, &hash),
        Scheme::Pbkdf2Sha512 { iterations } => Kdf::Pbkdf2(Digest::Sha512, iterations).to_phc(&salt, &hash),
        Scheme::Scrypt { log_n, r, p } => Kdf::Scrypt { log_n, r, p }.to_phc(&salt, &hash),
    }
}

/// A stored Argon2id hash in its parts.
pub(super) struct Argon2Hash {
    pub params: Params,
    pub salt: Vec<u8>,
    pub hash: Zeroizing<Vec<u8>>,
}

/// A stored hash, read and within bounds.
pub(super) enum Parsed {
    Argon2id(Argon2Hash),
    /// `hash` is the salt and the hash as they stand in the text: 53 characters.
    Bcrypt {
        cost: u32,
        salt: [u8; 16],
        hash: Zeroizing<String>,
    },
    Imported(Imported),
}

pub(super) fn to_phc(params: Params, salt: &[u8], hash: &[u8]) -> String {
    let Params { m_kib, t, p } = params;
    let (salt, hash) = (STANDARD_NO_PAD.encode(salt), Zeroizing::new(STANDARD_NO_PAD.encode(hash)));
    format!("$argon2id$v=19$m={m_kib},t={t},p={p}${salt}${}", *hash)
}

pub(super) fn parse(phc: &str) -> Result<Parsed, PasswordHashError> {
    // Longer than any hash within bounds, so nothing long is taken apart.
    if phc.len() > 256 {
        return Err(PasswordHashError::Unsupported("it is longer than 256 characters"));
    }
    match phc.split('$').nth(1) {
        Some("argon2id") => parse_argon2id(phc).map(Parsed::Argon2id),
        Some("2a" | "2b" | "2y") => parse_bcrypt(phc),
        Some("pbkdf2-sha256" | "pbkdf2-sha512" | "scrypt") => Imported::parse(phc).map(Parsed::Imported),
        _ => {
            Err(PasswordHashError::Unsupported("it is none of Argon2id, bcrypt, PBKDF2 (SHA-256, SHA-512) and scrypt"))
        }
    }
}

fn parse_argon2id(phc: &str) -> Result<Argon2Hash, PasswordHashError> {
    let form = PasswordHashError::Unsupported("expected $argon2id$v=19$m=…,t=…,p=…$salt$hash");
    let parts: Vec<&str> = phc.split('$').collect();
    let &["", "argon2id", "v=19", params, salt, hash] = parts.as_slice() else {
        return Err(form);
    };
    let mut params = params.split(',');
    let mut number = |name: &str| params.next().and_then(|p| p.strip_prefix(name)).and_then(decimal);
    let (m, t, p) = (number("m="), number("t="), number("p="));
    let (Some(m_kib), Some(t), Some(p), None) = (m, t, p, params.next()) else {
        return Err(form);
    };
    let params = Params { m_kib, t, p };
    params.check()?;
    let salt = STANDARD_NO_PAD.decode(salt).map_err(|_| form.clone())?;
    let hash = Zeroizing::new(STANDARD_NO_PAD.decode(hash).map_err(|_| form)?);
    if !(8..=64).contains(&salt.len()) {
        return Err(PasswordHashError::OutOfBounds("an argon2id salt has 8 to 64 bytes"));
    }
    if !(16..=64).contains(&hash.len()) {
        return Err(PasswordHashError::OutOfBounds("an argon2id hash has 16 to 64 bytes"));
    }
    Ok(Argon2Hash { params, salt, hash })
}

/// A number in its one spelling: no sign, no leading zero.
pub(super) fn decimal(text: &str) -> Option<u32> {
    let number: u32 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

fn parse_bcrypt(phc: &str) -> Result<Parsed, PasswordHashError> {
    let form = PasswordHashError::Unsupported("expected $2b$, a cost of two digits, $ and 53 characters");
    if !phc.get(4..6).is_some_and(|cost| cost.bytes().all(|b| b.is_ascii_digit())) {
        return Err(form);
    }
    let parts = bcrypt::HashParts::from_str(phc).map_err(|_| form.clone())?;
    let cost = parts.get_cost();
    if !(4..=14).contains(&cost) {
        return Err(PasswordHashError::OutOfBounds("a bcrypt cost is 4 to 14"));
    }
    let hash = Zeroizing::new(phc.get(7..).ok_or(form)?.to_owned());
    Ok(Parsed::Bcrypt { cost, salt: parts.get_salt_raw(), hash })
}

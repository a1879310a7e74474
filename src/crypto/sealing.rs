//! Keys of the data directory, and what they hide. Every value in the journal that opens a door, could be guessed or names
//! a person is sealed here; erasing one key record makes all of one owner's values unreadable for ever.

mod name;
mod record;

pub use name::{NameKey, normalise_login};
pub use record::{KeyKind, KeyRecord, KeyRecordError, MasterKey, MasterKeyError, UnwrapError, owner_digest};

use super::{ONE_CALL, to_32, wipe_stack};
use crate::domain::context::Sealed;
use crate::domain::ids::{CommitId, Tag};
use crate::entropy::Entropy;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, MAX_TAG_LEN, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{hkdf, hmac};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// 32 secret bytes before any use is derived from them: what a key record wraps. Wiped when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct RawKey([u8; 32]);

impl RawKey {
    /// A new key.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let mut key = Self([0; 32]);
        entropy.fill(&mut key.0);
        key
    }

    /// A key from its bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes themselves: for wrapping and sealing, never for printing.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for RawKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RawKey(secret)")
    }
}

/// Length of an HKDF output, in the form that the library asks for it.
struct Bytes32;

impl hkdf::KeyType for Bytes32 {
    fn len(&self) -> usize {
        32
    }
}

/// HKDF-SHA-256 (RFC 5869): `purpose` as salt separates the kinds of key, `part` as info the subkeys of one key.
fn derive(key: &RawKey, purpose: &str, part: &str) -> Zeroizing<[u8; 32]> {
    let mut out = Zeroizing::new([0; 32]);
    hkdf::Salt::new(hkdf::HKDF_SHA256, purpose.as_bytes())
        .extract(&key.0)
        .expand(&[part.as_bytes()], Bytes32)
        .and_then(|okm| okm.fill(&mut *out))
        .expect("HKDF-SHA-256 gives up to 8160 bytes and 32 are asked for");
    out
}

/// An AES-256-GCM key, parsed once and kept.
fn aead_key(key: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("an AES-256 key has 32 bytes"))
}

/// An HMAC-SHA-256 key, parsed once and kept.
fn mac_key(key: &[u8; 32]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, key)
}

/// HMAC over a label and a value, with the label's length in front so that no two pairs feed it the same bytes.
fn labelled_mac(key: &hmac::Key, label: &str, value: &[u8]) -> [u8; 32] {
    let mac = unwiped_mac(key, label, value);
    wipe_stack::<ONE_CALL>();
    mac
}

/// Leaves the end of the value behind on the stack: in a frame of its own, which can be wiped.
#[inline(never)]
fn unwiped_mac(key: &hmac::Key, label: &str, value: &[u8]) -> [u8; 32] {
    let mut mac = hmac::Context::with_key(key);
    mac.update(&(label.len() as u64).to_be_bytes());
    mac.update(label.as_bytes());
    mac.update(value);
    to_32(mac.sign().as_ref())
}

/// A sealed value that did not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Not base64url, or too short to hold a number, a nonce and a tag.
    #[error("this is not a sealed value")]
    Malformed,
    /// The tag does not fit: another key, commit, number or field, or changed bytes.
    #[error(
        "the sealed value does not open with this key in this place: it was changed, moved, or belongs to another key"
    )]
    WrongKeyOrPlace,
}

/// The AEAD half that data keys and the seal key share.
struct Sealer(LessSafeKey);

const NUMBER_LEN: usize = 2;

impl Sealer {
    /// Label ‖ commit ‖ number ‖ field: only the last part has no fixed length, so no two places share these bytes.
    fn place(commit: CommitId, number: [u8; NUMBER_LEN], field: &str) -> Vec<u8> {
        [b"countersign sealed value v1\0".as_slice(), commit.0.as_bytes(), &number, field.as_bytes()].concat()
    }

    fn seal(&self, commit: CommitId, number: u16, field: &str, plain: &[u8], entropy: &dyn Entropy) -> Sealed {
        let number = number.to_be_bytes();
        let mut nonce = [0; NONCE_LEN];
        entropy.fill(&mut nonce);
        let head = NUMBER_LEN + NONCE_LEN;
        let mut out = Vec::with_capacity(head + plain.len() + MAX_TAG_LEN);
        out.extend_from_slice(&number);
        out.extend_from_slice(&nonce);
        out.extend_from_slice(plain);
        let place = Aad::from(Self::place(commit, number, field));
        let tag = self
            .0
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), place, &mut out[head..])
            .expect("AES-GCM seals any value shorter than 64 GiB");
        out.extend_from_slice(tag.as_ref());
        wipe_stack::<ONE_CALL>();
        Sealed(URL_SAFE_NO_PAD.encode(out))
    }

    fn open(&self, commit: CommitId, field: &str, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let bytes = URL_SAFE_NO_PAD.decode(&sealed.0).map_err(|_| SealError::Malformed)?;
        let (number, rest) = bytes.split_first_chunk::<NUMBER_LEN>().ok_or(SealError::Malformed)?;
        let (nonce, body) = rest.split_first_chunk::<NONCE_LEN>().ok_or(SealError::Malformed)?;
        let length = body.len().checked_sub(MAX_TAG_LEN).ok_or(SealError::Malformed)?;
        let (ciphertext, tag) = body.split_at(length);
        let mut plain = Zeroizing::new(vec![0; length]);
        let place = Aad::from(Self::place(commit, *number, field));
        let opened =
            self.0.open_separate_gather(Nonce::assume_unique_for_key(*nonce), place, ciphertext, tag, &mut plain);
        wipe_stack::<ONE_CALL>();
        opened.map(|()| plain).map_err(|_| SealError::WrongKeyOrPlace)
    }
}

/// The key of one owner (account, client, system): seals his personal data and makes the tags by which decisions compare
/// it. When its record is erased, both are gone.
pub struct DataKey {
    sealer: Sealer,
    tags: hmac::Key,
}

impl DataKey {
    /// Derives both halves. Costs four HMACs; keep the result.
    pub fn new(key: &RawKey) -> Self {
        let purpose = "countersign data key v1";
        Self { sealer: Sealer(aead_key(&derive(key, purpose, "seal"))), tags: mac_key(&derive(key, purpose, "tag")) }
    }

    /// Seals `plain` for one field of one commit. `number` counts the sealed values of that commit, so that two of the same
    /// field cannot be exchanged. The result is base64url without padding of
    /// `number u16 BE ‖ nonce 12 ‖ ciphertext ‖ tag 16`, under AES-256-GCM (NIST SP 800-38D) with a random nonce.
    pub fn seal(&self, commit: CommitId, number: u16, field: &str, plain: &[u8], entropy: &dyn Entropy) -> Sealed {
        self.sealer.seal(commit, number, field, plain, entropy)
    }

    /// Opens what [`Self::seal`] made for the same commit and field.
    ///
    /// # Errors
    /// [`SealError`] when anything differs: key, commit, number, field, or one bit of the value.
    pub fn open(&self, commit: CommitId, field: &str, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, SealError> {
        self.sealer.open(commit, field, sealed)
    }

    /// The first 8 bytes of an HMAC: equal for equal values of one owner and label, and telling nothing else.
    pub fn tag(&self, label: &str, value: &[u8]) -> Tag {
        let mac = labelled_mac(&self.tags, label, value);
        Tag(*mac.first_chunk().expect("32 bytes have a first 8"))
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(secret)")
    }
}

/// The key that seals verifiers: PHC strings, digests of client secrets and API keys, private keys. No audit view has it.
pub struct SealKey(Sealer);

impl SealKey {
    /// Derives the AEAD key.
    pub fn new(key: &RawKey) -> Self {
        Self(Sealer(aead_key(&derive(key, "countersign seal key v1", "seal"))))
    }

    /// As [`DataKey::seal`].
    pub fn seal(&self, commit: CommitId, number: u16, field: &str, plain: &[u8], entropy: &dyn Entropy) -> Sealed {
        self.0.seal(commit, number, field, plain, entropy)
    }

    /// As [`DataKey::open`].
    ///
    /// # Errors
    /// [`SealError`] when anything differs: key, commit, number, field, or one bit of the value.
    pub fn open(&self, commit: CommitId, field: &str, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, SealError> {
        self.0.open(commit, field, sealed)
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SeededEntropy;
    use uuid::Uuid;

    const PLAIN: &[u8] = b"alice@example.com";

    fn commit(n: u128) -> CommitId {
        CommitId(Uuid::from_u128(n))
    }

    fn raw(seed: u64) -> RawKey {
        RawKey::generate(&SeededEntropy::new(seed))
    }

    fn sealed(key: &DataKey) -> Sealed {
        key.seal(commit(1), 3, "login", PLAIN, &SeededEntropy::new(9))
    }

    #[test]
    fn hkdf_gives_the_known_answer_of_rfc_5869() {
        let salt: Vec<u8> = (0..=0x0c).collect();
        let info: Vec<u8> = (0xf0..=0xf9).collect();
        let mut out = [0; 32];
        hkdf::Salt::new(hkdf::HKDF_SHA256, &salt)
            .extract(&[0x0b; 22])
            .expand(&[&info], Bytes32)
            .and_then(|okm| okm.fill(&mut out))
            .unwrap();
        let known = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf";
        assert_eq!(crate::domain::ids::Hash(out).to_string(), known);
    }

    #[test]
    fn what_is_sealed_opens_in_its_place() {
        let key = DataKey::new(&raw(1));
        let value = sealed(&key);
        assert_eq!(key.open(commit(1), "login", &value).unwrap().as_slice(), PLAIN);
        assert!(!value.0.contains("alice"));
        let empty = key.seal(commit(1), 0, "ip", b"", &SeededEntropy::new(9));
        assert_eq!(key.open(commit(1), "ip", &empty).unwrap().as_slice(), b"");
    }

    #[test]
    fn a_value_moved_to_another_commit_field_or_owner_does_not_open() {
        let key = DataKey::new(&raw(1));
        let value = sealed(&key);
        let refused = Err(SealError::WrongKeyOrPlace);
        assert_eq!(key.open(commit(2), "login", &value), refused);
        assert_eq!(key.open(commit(1), "email", &value), refused);
        assert_eq!(DataKey::new(&raw(2)).open(commit(1), "login", &value), refused);
    }

    #[test]
    fn a_change_of_any_bit_does_not_open() {
        let key = DataKey::new(&raw(1));
        let bytes = URL_SAFE_NO_PAD.decode(sealed(&key).0).unwrap();
        assert_eq!(bytes.len(), 2 + 12 + PLAIN.len() + 16);
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let changed = Sealed(URL_SAFE_NO_PAD.encode(changed));
            assert_eq!(key.open(commit(1), "login", &changed), Err(SealError::WrongKeyOrPlace), "bit {bit}");
        }
    }

    #[test]
    fn what_was_never_sealed_is_malformed() {
        let key = DataKey::new(&raw(1));
        for text in ["", "!", "AAAA", &"A".repeat(38), "AA=="] {
            assert_eq!(key.open(commit(1), "login", &Sealed(text.to_owned())), Err(SealError::Malformed), "{text}");
        }
    }

    #[test]
    fn the_seal_key_and_a_data_key_of_the_same_bytes_do_not_open_each_other() {
        let value = sealed(&DataKey::new(&raw(1)));
        let seal_key = SealKey::new(&raw(1));
        assert_eq!(seal_key.open(commit(1), "login", &value), Err(SealError::WrongKeyOrPlace));
        let own = seal_key.seal(commit(1), 0, "phc", b"$argon2id$", &SeededEntropy::new(1));
        assert_eq!(seal_key.open(commit(1), "phc", &own).unwrap().as_slice(), b"$argon2id$");
    }

    #[test]
    fn tags_compare_within_one_owner_and_one_label_only() {
        let key = DataKey::new(&raw(1));
        assert_eq!(key.tag("net", b"192.0.2"), DataKey::new(&raw(1)).tag("net", b"192.0.2"));
        assert_ne!(key.tag("net", b"192.0.2"), key.tag("net", b"192.0.3"));
        assert_ne!(key.tag("net", b"192.0.2"), key.tag("ua", b"192.0.2"));
        assert_ne!(key.tag("net", b"192.0.2"), DataKey::new(&raw(2)).tag("net", b"192.0.2"));
        assert_ne!(key.tag("ab", b"c"), key.tag("a", b"bc"));
    }

    /// Journals are read for ever, so labels and layout must never change. Computed by another program.
    #[test]
    fn the_bytes_of_the_format_are_pinned() {
        let (raw, entropy) = (RawKey::from_bytes([7; 32]), || SeededEntropy::new(9));
        let key = DataKey::new(&raw);
        assert_eq!(key.tag("net", b"192.0.2").to_string(), "697740daeaa4a090");
        assert_eq!(
            key.seal(commit(1), 3, "login", PLAIN, &entropy()).0,
            "AAO8g8JZ1hFfqAF0ZbOXbtsSitByeLkQkS16qfvZsZOkICf7H_klvyFbnIARINw"
        );
        assert_eq!(
            SealKey::new(&raw).seal(commit(1), 3, "login", PLAIN, &entropy()).0,
            "AAO8g8JZ1hFfqAF0ZbPno2coK9So582fIbhaUfECJNTefMJv1Js0-qrny4kt2mY"
        );
    }

    #[test]
    fn keys_do_not_show_themselves() {
        let shown =
            format!("{:?} {:?} {:?}", RawKey::from_bytes([7; 32]), DataKey::new(&raw(1)), SealKey::new(&raw(1)));
        assert_eq!(shown, "RawKey(secret) DataKey(secret) SealKey(secret)");
    }
}

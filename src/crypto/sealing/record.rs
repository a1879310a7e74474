//! The records of `keys/`: each one key, wrapped by the master key, in a place of fixed size so that erasing overwrites it.

use super::{RawKey, aead_key};
use crate::crypto::sha256;
use crate::domain::ids::Owner;
use crate::entropy::Entropy;
use aws_lc_rs::aead::{Aad, LessSafeKey, NONCE_LEN, Nonce};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fmt;
use zeroize::Zeroizing;

/// The key that wraps all others. It lies beside the data directory, not in it.
pub struct MasterKey {
    raw: RawKey,
    wrapping: LessSafeKey,
}

/// A master key file that could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a master key is one line of 43 base64url characters without padding (32 bytes)")]
pub struct MasterKeyError;

impl MasterKey {
    /// A new key.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self::from_raw(RawKey::generate(entropy))
    }

    fn from_raw(raw: RawKey) -> Self {
        let wrapping = aead_key(raw.as_bytes());
        Self { raw, wrapping }
    }

    /// Reads what [`Self::to_text`] wrote; white space around it is ignored.
    ///
    /// # Errors
    /// [`MasterKeyError`], which says what was expected and nothing of what was found.
    pub fn from_text(text: &str) -> Result<Self, MasterKeyError> {
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text.trim()).map_err(|_| MasterKeyError)?);
        let bytes: [u8; 32] = bytes.as_slice().try_into().map_err(|_| MasterKeyError)?;
        Ok(Self::from_raw(RawKey::from_bytes(bytes)))
    }

    /// The key as one line of base64url, without the line's end.
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(URL_SAFE_NO_PAD.encode(self.raw.as_bytes()))
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(secret)")
    }
}

/// What a key is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// Seals verifiers ([`super::SealKey`]).
    Seal,
    /// Names the streams of login ids ([`super::NameKey`]).
    Name,
    /// Seals the personal data of one owner ([`super::DataKey`]).
    Data(Owner),
}

impl KeyKind {
    /// The byte that stands for it in a record.
    pub fn byte(&self) -> u8 {
        match self {
            Self::Seal => SEAL,
            Self::Name => NAME,
            Self::Data(_) => DATA,
        }
    }

    /// [`owner_digest`] of a data key's owner; zeros for the two keys that have none.
    pub fn owner_digest(&self) -> [u8; 32] {
        match self {
            Self::Seal | Self::Name => [0; 32],
            Self::Data(owner) => owner_digest(owner),
        }
    }
}

/// SHA-256 of the owner's name: finds his record without writing that name into it.
pub fn owner_digest(owner: &Owner) -> [u8; 32] {
    sha256(owner.to_string().as_bytes())
}

const SEAL: u8 = 1;
const NAME: u8 = 2;
const DATA: u8 = 3;

const LIVE: u8 = 1;
const ERASED: u8 = 2;

const WRAPPED_LEN: usize = 48;
const CRC_AT: usize = 124;
const FILLED: usize = 2 + 32 + NONCE_LEN + WRAPPED_LEN;

/// One key, wrapped by the master key under AES-256-GCM, or the word that it was erased. 128 bytes:
/// `state u8 ‖ kind u8 ‖ owner digest 32 ‖ nonce 12 ‖ wrapped key 48 ‖ zeros 30 ‖ crc32c u32 LE of all before`.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyRecord {
    state: u8,
    kind: u8,
    owner: [u8; 32],
    nonce: [u8; NONCE_LEN],
    wrapped: [u8; WRAPPED_LEN],
}

/// Bytes that are no key record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyRecordError {
    /// The checksum does not fit: torn, rotted, or never a record.
    #[error("the key record's checksum does not fit: it was torn or damaged")]
    Checksum,
    /// The checksum fits and the content makes no sense, so another program or a newer version wrote it.
    #[error("the key record has a form that this version does not know")]
    UnknownForm,
}

/// A record whose key could not be taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnwrapError {
    /// The AEAD tag does not fit.
    #[error(
        "the master key does not open this data directory's keys: it is another directory's master key, or the key record was changed"
    )]
    WrongMasterKey,
    /// There is no key in it any more.
    #[error("the key was erased")]
    Erased,
}

impl KeyRecord {
    /// Length of an encoded record in bytes.
    pub const LEN: usize = 128;

    /// Wraps a key. Kind and owner are bound into it, so a record cannot be passed off as another's.
    pub fn wrap(master: &MasterKey, kind: &KeyKind, key: &RawKey, entropy: &dyn Entropy) -> Self {
        Self::wrap_for(master, kind.byte(), kind.owner_digest(), key, entropy)
    }

    /// The same key of the same owner, wrapped by another master key. The record of an erased key stays what it is.
    ///
    /// # Errors
    /// [`UnwrapError::WrongMasterKey`] where `from` is not what wrapped it, or the record was changed.
    pub fn rewrap(&self, from: &MasterKey, to: &MasterKey, entropy: &dyn Entropy) -> Result<Self, UnwrapError> {
        match self.unwrap(from) {
            Ok(key) => Ok(Self::wrap_for(to, self.kind, self.owner, &key, entropy)),
            Err(UnwrapError::Erased) => Ok(self.clone()),
            Err(error) => Err(error),
        }
    }

    fn wrap_for(master: &MasterKey, kind: u8, owner: [u8; 32], key: &RawKey, entropy: &dyn Entropy) -> Self {
        let mut nonce = [0; NONCE_LEN];
        entropy.fill(&mut nonce);
        let mut wrapped = [0; WRAPPED_LEN];
        let (body, tag) = wrapped.split_at_mut(key.as_bytes().len());
        body.copy_from_slice(key.as_bytes());
        let sealed = master
            .wrapping
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Self::aad(kind, &owner), body)
            .expect("AES-GCM seals any value shorter than 64 GiB");
        tag.copy_from_slice(sealed.as_ref());
        Self { state: LIVE, kind, owner, nonce, wrapped }
    }

    /// The record that overwrites a key to erase it.
    pub fn erased(kind: &KeyKind) -> Self {
        Self {
            state: ERASED,
            kind: kind.byte(),
            owner: kind.owner_digest(),
            nonce: [0; NONCE_LEN],
            wrapped: [0; WRAPPED_LEN],
        }
    }

    fn aad(kind: u8, owner: &[u8; 32]) -> Aad<Vec<u8>> {
        Aad::from([b"countersign key record v1\0".as_slice(), &[kind], owner].concat())
    }

    /// Takes the key out.
    ///
    /// # Errors
    /// [`UnwrapError`] when the master key is another one, the record was changed, or the key was erased.
    pub fn unwrap(&self, master: &MasterKey) -> Result<RawKey, UnwrapError> {
        if self.is_erased() {
            return Err(UnwrapError::Erased);
        }
        let mut bytes = Zeroizing::new(self.wrapped);
        let nonce = Nonce::assume_unique_for_key(self.nonce);
        let plain = master
            .wrapping
            .open_in_place(nonce, Self::aad(self.kind, &self.owner), &mut *bytes)
            .map_err(|_| UnwrapError::WrongMasterKey)?;
        let key = <&[u8; 32]>::try_from(&*plain).map_err(|_| UnwrapError::WrongMasterKey)?;
        Ok(RawKey::from_bytes(*key))
    }

    /// The record's bytes.
    pub fn encode(&self) -> [u8; Self::LEN] {
        let mut out = [0; Self::LEN];
        out[0] = self.state;
        out[1] = self.kind;
        out[2..34].copy_from_slice(&self.owner);
        out[34..46].copy_from_slice(&self.nonce);
        out[46..FILLED].copy_from_slice(&self.wrapped);
        let crc = crc32c::crc32c(&out[..CRC_AT]);
        out[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads a record's bytes.
    ///
    /// # Errors
    /// [`KeyRecordError`] for a checksum that does not fit, and for content that no version wrote.
    pub fn decode(bytes: &[u8; Self::LEN]) -> Result<Self, KeyRecordError> {
        if bytes[CRC_AT..] != crc32c::crc32c(&bytes[..CRC_AT]).to_le_bytes() {
            return Err(KeyRecordError::Checksum);
        }
        let record = Self {
            state: bytes[0],
            kind: bytes[1],
            owner: bytes[2..34].try_into().map_err(|_| KeyRecordError::UnknownForm)?,
            nonce: bytes[34..46].try_into().map_err(|_| KeyRecordError::UnknownForm)?,
            wrapped: bytes[46..FILLED].try_into().map_err(|_| KeyRecordError::UnknownForm)?,
        };
        let known = match (record.state, record.kind) {
            (LIVE | ERASED, SEAL | NAME) => record.owner == [0; 32],
            (LIVE | ERASED, DATA) => true,
            _ => false,
        };
        let empty = record.nonce == [0; NONCE_LEN] && record.wrapped == [0; WRAPPED_LEN];
        let padded = bytes[FILLED..CRC_AT].iter().all(|byte| *byte == 0);
        if known && padded && record.is_erased() == empty { Ok(record) } else { Err(KeyRecordError::UnknownForm) }
    }

    /// The byte of the key's kind, as [`KeyKind::byte`] gives it.
    pub fn kind_byte(&self) -> u8 {
        self.kind
    }

    /// The owner's digest; zeros for the seal and name keys.
    pub fn owner_digest(&self) -> &[u8; 32] {
        &self.owner
    }

    /// Whether the record is of this kind and owner.
    pub fn is_of(&self, kind: &KeyKind) -> bool {
        self.kind == kind.byte() && self.owner == kind.owner_digest()
    }

    /// Whether the key was erased.
    pub fn is_erased(&self) -> bool {
        self.state == ERASED
    }
}

impl fmt::Debug for KeyRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRecord").field("kind", &self.kind).field("erased", &self.is_erased()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::AccountId;
    use crate::entropy::SeededEntropy;
    use uuid::Uuid;

    fn master(seed: u64) -> MasterKey {
        MasterKey::generate(&SeededEntropy::new(seed))
    }

    fn alice() -> KeyKind {
        KeyKind::Data(Owner::Account(AccountId(Uuid::from_u128(1))))
    }

    fn wrapped(kind: &KeyKind) -> KeyRecord {
        KeyRecord::wrap(&master(1), kind, &RawKey::from_bytes([7; 32]), &SeededEntropy::new(2))
    }

    fn with_crc(mut bytes: [u8; 128]) -> [u8; 128] {
        let crc = crc32c::crc32c(&bytes[..CRC_AT]);
        bytes[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    #[test]
    fn a_master_key_reads_back_as_it_is_written() {
        let text = master(1).to_text();
        assert_eq!(MasterKey::from_text(&format!("{}\n", *text)).unwrap().to_text(), text);
        for bad in ["", "short", &text[1..], &format!("{}A", *text), &format!("{}=", *text), &"+".repeat(43)] {
            assert_eq!(MasterKey::from_text(bad).unwrap_err(), MasterKeyError, "{bad}");
        }
        assert_eq!(format!("{:?}", master(1)), "MasterKey(secret)");
    }

    /// Directories are opened for ever. Computed by another program.
    #[test]
    fn the_bytes_of_the_format_are_pinned() {
        let master = MasterKey::from_raw(RawKey::from_bytes([5; 32]));
        let kind = KeyKind::Data(Owner::System);
        let record = KeyRecord::wrap(&master, &kind, &RawKey::from_bytes([7; 32]), &SeededEntropy::new(2));
        let hex: String = record.encode().iter().map(|byte| format!("{byte:02x}")).collect();
        let known = concat!(
            "0103bbc5e661e106c6dcd8dc6dd186454c2fcba3c710fb4d8e71a60c93eaf077f07373242c2a8c9da8fd8d44451b",
            "3641badee17757a0ce620961a385396dd51756575633a149f7def3b1a50d01b822546da1c0c6a2905a7ee58fa4662976",
        );
        assert_eq!(hex, format!("{known}{}e99405e6", "00".repeat(30)));
    }

    #[test]
    fn a_wrapped_key_comes_back_through_its_bytes() {
        for kind in [KeyKind::Seal, KeyKind::Name, alice(), KeyKind::Data(Owner::System)] {
            let record = KeyRecord::decode(&wrapped(&kind).encode()).unwrap();
            assert_eq!(record.unwrap(&master(1)).unwrap().as_bytes(), &[7; 32]);
            assert!(record.is_of(&kind));
            assert!(!record.is_erased());
            assert_eq!((record.kind_byte(), *record.owner_digest()), (kind.byte(), kind.owner_digest()));
        }
        assert!(!wrapped(&alice()).is_of(&KeyKind::Data(Owner::System)));
        assert!(!wrapped(&KeyKind::Seal).is_of(&KeyKind::Name));
    }

    #[test]
    fn a_key_that_is_wrapped_anew_opens_with_the_new_master_key_alone() {
        for kind in [KeyKind::Seal, KeyKind::Name, alice()] {
            let anew = wrapped(&kind).rewrap(&master(1), &master(2), &SeededEntropy::new(3)).unwrap();
            assert!(anew.is_of(&kind));
            assert_eq!(anew.unwrap(&master(2)).unwrap().as_bytes(), &[7; 32]);
            assert_eq!(anew.unwrap(&master(1)).unwrap_err(), UnwrapError::WrongMasterKey);
            let refused = wrapped(&kind).rewrap(&master(3), &master(2), &SeededEntropy::new(3)).unwrap_err();
            assert_eq!(refused, UnwrapError::WrongMasterKey);
        }
        let erased = KeyRecord::erased(&alice());
        assert_eq!(erased.rewrap(&master(1), &master(2), &SeededEntropy::new(3)), Ok(erased));
    }

    #[test]
    fn another_master_key_is_told_so() {
        let error = wrapped(&KeyKind::Seal).unwrap(&master(2)).unwrap_err();
        assert!(error.to_string().starts_with("the master key does not open this data directory's keys: "));
    }

    #[test]
    fn a_change_of_any_bit_is_seen() {
        let bytes = wrapped(&alice()).encode();
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(KeyRecord::decode(&changed), Err(KeyRecordError::Checksum), "bit {bit}");
        }
    }

    #[test]
    fn a_record_passed_off_as_anothers_does_not_open_even_with_a_right_checksum() {
        let bytes = wrapped(&alice()).encode();
        let mut other_owner = bytes;
        other_owner[2..34].copy_from_slice(&owner_digest(&Owner::System));
        assert_eq!(
            KeyRecord::decode(&with_crc(other_owner)).unwrap().unwrap(&master(1)).unwrap_err(),
            UnwrapError::WrongMasterKey
        );
        let mut as_name = wrapped(&KeyKind::Seal).encode();
        as_name[1] = NAME;
        assert_eq!(
            KeyRecord::decode(&with_crc(as_name)).unwrap().unwrap(&master(1)).unwrap_err(),
            UnwrapError::WrongMasterKey
        );
    }

    #[test]
    fn forms_that_no_version_wrote_are_refused() {
        for (at, value) in [(0, 0), (0, 3), (1, 0), (1, 4), (1, SEAL), (FILLED, 1), (CRC_AT - 1, 1), (0, ERASED)] {
            let mut bytes = wrapped(&alice()).encode();
            bytes[at] = value;
            assert_eq!(KeyRecord::decode(&with_crc(bytes)), Err(KeyRecordError::UnknownForm), "{at} {value}");
        }
        assert_eq!(KeyRecord::decode(&with_crc([0; 128])), Err(KeyRecordError::UnknownForm));
    }

    #[test]
    fn an_erased_record_names_its_owner_and_holds_nothing() {
        let record = KeyRecord::erased(&alice());
        let bytes = record.encode();
        assert_eq!(KeyRecord::decode(&bytes).unwrap(), record);
        assert!(record.is_erased() && record.is_of(&alice()));
        assert_eq!(bytes[34..CRC_AT], [0; CRC_AT - 34]);
        assert_eq!(record.unwrap(&master(1)).unwrap_err(), UnwrapError::Erased);
    }
}

//! All keys of tokens as they stand at one moment. A keyring is built whole from the folded key states and never changes;
//! its owner swaps it for the next one, so a reader sees either all of a change or nothing of it.

use super::access_token::{Claims, Kept, Seen, UnverifiedAccessToken, VerifyingKey, claims_of_believed};
use super::refresh_token::RefreshKey;
use super::sealing::RawKey;
use super::signing::{Jwk, SigningKey};
use crate::domain::ids::RefreshKeyId;
use crate::domain::keys::{KeyStatus, SigningAlg};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// One signing key as the journal tells it, unsealed: what a keyring is built from.
pub struct SigningPart {
    /// Where it stands in its life.
    pub status: KeyStatus,
    /// Whether it is listed in the JWKS. The caller clears this for a retired key whose last token has expired; a
    /// distrusted key is never listed.
    pub published: bool,
    /// The public half. Its `kid` and `alg` are the key's.
    pub public: Jwk,
    /// The private half in PKCS #8 form; needed while the key is active, and looked at only for next and active keys.
    pub pkcs8: Option<Zeroizing<Vec<u8>>>,
}

/// One refresh-token key as the journal tells it, unsealed.
pub struct RefreshPart {
    /// Its number in the tokens.
    pub id: RefreshKeyId,
    /// Where it stands in its life. Retired keys verify for ever.
    pub status: KeyStatus,
    /// The key; absent for a distrusted one.
    pub key: Option<RawKey>,
}

/// Key states that do not fit together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// Two signing keys have one name.
    #[error("two signing keys are named {0}")]
    TwoNamed(String),
    /// Two signing keys of one algorithm are active.
    #[error("two signing keys for {0} are active")]
    TwoActive(SigningAlg),
    /// A signing key is active and its private half is not there.
    #[error("the signing key {0} is active and its private half is missing")]
    NoPrivateHalf(String),
    /// A signing key's halves are damaged, or not halves of one key.
    #[error("the signing key {0} cannot be read, or its halves do not belong together")]
    BadSigningKey(String),
    /// Two refresh keys have one number.
    #[error("two refresh keys have the number {0}")]
    TwoNumbered(RefreshKeyId),
    /// Two refresh keys are active.
    #[error("the refresh keys {0} and {1} are both active")]
    TwoActiveRefresh(RefreshKeyId, RefreshKeyId),
    /// A refresh key that is not distrusted is not there.
    #[error("the refresh key {0} is missing")]
    NoRefreshKey(RefreshKeyId),
}

/// Why no key is given for a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefusal {
    /// There is no such key, and nobody says there ever was.
    #[error("no signing key has this name")]
    Unknown,
    /// Nothing this key signed is believed any more.
    #[error("the signing key of this name is distrusted")]
    Distrusted,
}

impl KeyRefusal {
    /// The word in events, metrics and diagnostics; these never change.
    pub fn code(self) -> &'static str {
        match self {
            Self::Unknown => "unknown_key",
            Self::Distrusted => "distrusted_key",
        }
    }
}

/// One signing key, ready for use.
#[derive(Debug)]
pub struct SigningEntry {
    /// Its name in tokens and in the JWKS.
    pub kid: String,
    /// The algorithm it signs with.
    pub alg: SigningAlg,
    /// Where it stands in its life.
    pub status: KeyStatus,
    /// Whether it is listed in the JWKS.
    pub published: bool,
    /// The private half: present while active, and while next if it was given.
    pub key: Option<Arc<SigningKey>>,
    /// The public half, decoded. Ask [`Keyring::verifying`] for it: that one refuses distrusted keys.
    verifying: VerifyingKey,
    /// The public half, to be published.
    pub jwk: Jwk,
}

impl SigningEntry {
    fn new(part: SigningPart) -> Result<Self, KeyringError> {
        let SigningPart { status, published, public, pkcs8 } = part;
        let kid = public.kid.clone();
        let bad = || KeyringError::BadSigningKey(kid.clone());
        let verifying = VerifyingKey::from_jwk(&public).map_err(|_| bad())?;
        let key = match (status, pkcs8) {
            (KeyStatus::Active, None) => return Err(KeyringError::NoPrivateHalf(kid)),
            (KeyStatus::Next | KeyStatus::Active, Some(pkcs8)) => {
                let key = SigningKey::from_pkcs8(public.alg, &pkcs8).map_err(|_| bad())?;
                // A private half of another key would sign tokens that nobody believes.
                if key.public_jwk().thumbprint() != public.thumbprint() {
                    return Err(bad());
                }
                Some(Arc::new(key))
            }
            (KeyStatus::Next | KeyStatus::Retired | KeyStatus::Distrusted, _) => None,
        };
        let published = published && status != KeyStatus::Distrusted;
        Ok(Self { kid, alg: public.alg, status, published, key, verifying, jwk: public })
    }
}

/// The JWKS document (RFC 7517 section 5).
#[derive(Debug, Serialize)]
pub struct JwkSet<'a> {
    /// The listed keys.
    pub keys: Vec<&'a Jwk>,
}

/// All keys of one moment.
#[derive(Default)]
pub struct Keyring {
    signing: Vec<SigningEntry>,
    refresh: BTreeMap<RefreshKeyId, (KeyStatus, Option<RefreshKey>)>,
    active_refresh: Option<RefreshKeyId>,
    /// Access tokens that these keys were found to have signed. Other keys, or others that are distrusted, are another keyring.
    seen: Seen,
}

impl Keyring {
    /// Builds a keyring. Parses every key, so it takes microseconds a key (an RSA key more), once per change.
    ///
    /// That *no* key of a kind is active is no error: after the only active key was distrusted, the keyring that knows this
    /// must be able to replace the one that does not.
    ///
    /// # Errors
    /// [`KeyringError`] names the key that does not fit.
    pub fn new(
        signing: impl IntoIterator<Item = SigningPart>,
        refresh: impl IntoIterator<Item = RefreshPart>,
    ) -> Result<Self, KeyringError> {
        let mut ring = Self::default();
        for part in signing {
            ring.add_signing(part)?;
        }
        for part in refresh {
            ring.add_refresh(part)?;
        }
        Ok(ring)
    }

    fn add_signing(&mut self, part: SigningPart) -> Result<(), KeyringError> {
        let entry = SigningEntry::new(part)?;
        if self.signing.iter().any(|other| other.kid == entry.kid) {
            return Err(KeyringError::TwoNamed(entry.kid));
        }
        if entry.status == KeyStatus::Active && self.active_signing(entry.alg).is_some() {
            return Err(KeyringError::TwoActive(entry.alg));
        }
        self.signing.push(entry);
        Ok(())
    }

    fn add_refresh(&mut self, part: RefreshPart) -> Result<(), KeyringError> {
        let RefreshPart { id, status, key } = part;
        let key = match status {
            KeyStatus::Distrusted => None,
            KeyStatus::Next | KeyStatus::Active | KeyStatus::Retired => {
                Some(RefreshKey::new(&key.ok_or(KeyringError::NoRefreshKey(id))?))
            }
        };
        if status == KeyStatus::Active
            && let Some(other) = self.active_refresh.replace(id)
        {
            return Err(KeyringError::TwoActiveRefresh(other, id));
        }
        match self.refresh.insert(id, (status, key)) {
            Some(_) => Err(KeyringError::TwoNumbered(id)),
            None => Ok(()),
        }
    }

    /// The key that signs access tokens with this algorithm now.
    pub fn active_signing(&self, alg: SigningAlg) -> Option<&Arc<SigningKey>> {
        self.active_entry(alg)?.key.as_ref()
    }

    /// As [`Self::active_signing`], with the name that the token gives it.
    pub fn active_entry(&self, alg: SigningAlg) -> Option<&SigningEntry> {
        self.signing.iter().find(|entry| entry.status == KeyStatus::Active && entry.alg == alg)
    }

    /// The key that judges a token naming `kid`. A retired key still does.
    ///
    /// # Errors
    /// [`KeyRefusal`] for a name that no key has, and for one of a distrusted key.
    pub fn verifying(&self, kid: &str) -> Result<&VerifyingKey, KeyRefusal> {
        match self.signing.iter().find(|entry| entry.kid == kid) {
            None => Err(KeyRefusal::Unknown),
            Some(entry) if entry.status == KeyStatus::Distrusted => Err(KeyRefusal::Distrusted),
            Some(entry) => Ok(&entry.verifying),
        }
    }

    /// What an access token says, if one of these keys signed it that is not distrusted; its signature is verified once. **Times are not judged
    /// here**, see [`UnverifiedAccessToken::verify`].
    pub fn believe(&self, token: &str) -> Option<Arc<Claims>> {
        let digest = Seen::digest(token);
        match self.seen.get(&digest) {
            Some(Kept::Said(claims)) => Some(claims),
            Some(Kept::Nothing) => claims_of_believed(token).ok().map(Arc::new),
            None => {
                let unverified = UnverifiedAccessToken::parse(token).ok()?;
                let claims = Arc::new(unverified.verify(self.verifying(unverified.kid()).ok()?).ok()?);
                self.seen.keep(digest, &claims);
                Some(claims)
            }
        }
    }

    /// The keys to publish: next, active and retired ones that are marked so.
    pub fn jwks(&self) -> JwkSet<'_> {
        JwkSet { keys: self.signing.iter().filter(|entry| entry.published).map(|entry| &entry.jwk).collect() }
    }

    /// All signing keys, in the order in which they were given.
    pub fn signing(&self) -> &[SigningEntry] {
        &self.signing
    }

    /// The key of new sessions, with its number.
    pub fn active_refresh(&self) -> Option<(RefreshKeyId, &RefreshKey)> {
        let id = self.active_refresh?;
        self.refresh(id).map(|key| (id, key))
    }

    /// The key that judges a refresh token naming `id`, and makes the successors of one; none for an unknown or distrusted
    /// key.
    pub fn refresh(&self, id: RefreshKeyId) -> Option<&RefreshKey> {
        self.refresh.get(&id)?.1.as_ref()
    }

    /// All refresh keys by number.
    pub fn refresh_keys(&self) -> impl Iterator<Item = (RefreshKeyId, KeyStatus)> + '_ {
        self.refresh.iter().map(|(id, (status, _))| (*id, *status))
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signing: Vec<_> = self.signing.iter().map(|entry| (&entry.kid, entry.status)).collect();
        let refresh: Vec<_> = self.refresh_keys().collect();
        f.debug_struct("Keyring").field("signing", &signing).field("refresh", &refresh).finish()
    }
}

#[cfg(test)]
mod tests;

//! Keys that sign access tokens, and their public halves as JWK (RFC 7517).

mod jwk;

pub use jwk::{Jwk, JwkError};

use crate::domain::keys::SigningAlg;
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use std::fmt;
use zeroize::Zeroizing;

/// A private key that could not be made or read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SigningKeyError {
    /// AWS-LC could not make one.
    #[error("no {0} key could be made")]
    NotMade(SigningAlg),
    /// The bytes are no such key.
    #[error("this is not the PKCS #8 form of a private key for {0}")]
    NotRead(SigningAlg),
}

enum Pair {
    Es256(Box<EcdsaKeyPair>),
    EdDsa(Box<Ed25519KeyPair>),
    Rs256(Box<RsaKeyPair>),
}

/// A private key, parsed once and kept, with its public half.
pub struct SigningKey {
    pair: Pair,
    jwk: Jwk,
}

impl SigningKey {
    /// Makes a key: its PKCS #8 form (RFC 5208, RFC 5958), to be sealed, and the key itself. The randomness is AWS-LC's own,
    /// because it makes these keys only from that; so a signing key does not follow from a seed.
    ///
    /// # Errors
    /// [`SigningKeyError::NotMade`] when AWS-LC fails, as it does without memory.
    pub fn generate(alg: SigningAlg) -> Result<(Zeroizing<Vec<u8>>, Self), SigningKeyError> {
        let failed = |_| SigningKeyError::NotMade(alg);
        let pkcs8 = match alg {
            SigningAlg::Es256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(failed)?;
                pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec()
            }
            SigningAlg::EdDsa => {
                let pair = Ed25519KeyPair::generate().map_err(failed)?;
                pair.to_pkcs8().map_err(failed)?.as_ref().to_vec()
            }
            SigningAlg::Rs256 => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
                AsDer::as_der(&pair).map_err(failed)?.as_ref().to_vec()
            }
        };
        let pkcs8 = Zeroizing::new(pkcs8);
        let key = Self::from_pkcs8(alg, &pkcs8)?;
        Ok((pkcs8, key))
    }

    /// Parses a key from its PKCS #8 form.
    ///
    /// # Errors
    /// [`SigningKeyError::NotRead`] when the bytes are no private key of that algorithm. An RSA key of less than 2048 bits
    /// is none.
    pub fn from_pkcs8(alg: SigningAlg, pkcs8: &[u8]) -> Result<Self, SigningKeyError> {
        let failed = |_| SigningKeyError::NotRead(alg);
        let (pair, jwk) = match alg {
            SigningAlg::Es256 => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).map_err(failed)?;
                let jwk = Jwk::from_p256_point(pair.public_key().as_ref());
                (Pair::Es256(Box::new(pair)), jwk)
            }
            SigningAlg::EdDsa => {
                let pair = Ed25519KeyPair::from_pkcs8(pkcs8).map_err(failed)?;
                let jwk = Jwk::from_ed25519(pair.public_key().as_ref());
                (Pair::EdDsa(Box::new(pair)), jwk)
            }
            SigningAlg::Rs256 => {
                let pair = RsaKeyPair::from_pkcs8(pkcs8).map_err(failed)?;
                let jwk = Jwk::from_rsa_der(pair.public_key().as_ref());
                (Pair::Rs256(Box::new(pair)), jwk)
            }
        };
        let jwk = jwk.map_err(|_| SigningKeyError::NotRead(alg))?;
        Ok(Self { pair, jwk })
    }

    /// The algorithm it signs with.
    pub fn alg(&self) -> SigningAlg {
        match self.pair {
            Pair::Es256(_) => SigningAlg::Es256,
            Pair::EdDsa(_) => SigningAlg::EdDsa,
            Pair::Rs256(_) => SigningAlg::Rs256,
        }
    }

    /// Signs a message in the form of RFC 7518 section 3: 64 bytes r ‖ s for ES256, 64 for EdDSA, the modulus' length for
    /// RS256. ES256 draws its nonce from AWS-LC's own randomness, so its signatures differ each time.
    #[expect(
        clippy::disallowed_methods,
        reason = "AWS-LC draws ECDSA nonces and blinding itself, whatever it is given here"
    )]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        const REASON: &str = "AWS-LC signs with a key that it has parsed and checked";
        match &self.pair {
            Pair::Es256(pair) => pair.sign(&SystemRandom::new(), message).expect(REASON).as_ref().to_vec(),
            Pair::EdDsa(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).expect(REASON);
                signature
            }
        }
    }

    /// The public half, to be published.
    pub fn public_jwk(&self) -> &Jwk {
        &self.jwk
    }

    /// The key's name: its thumbprint (RFC 7638), base64url.
    pub fn kid(&self) -> &str {
        &self.jwk.kid
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.jwk.kid).field("alg", &self.jwk.alg).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
    };
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    #[test]
    fn ed25519_gives_the_known_answer_of_rfc_8037() {
        let seed = URL_SAFE_NO_PAD.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
        let prefix = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
        let pkcs8 = [prefix.as_slice(), &seed].concat();
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&pkcs8).unwrap();
        let key = SigningKey::from_pkcs8(SigningAlg::EdDsa, pair.to_pkcs8().unwrap().as_ref()).unwrap();
        assert_eq!(key.public_jwk().x.as_deref(), Some("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"));
        assert_eq!(key.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        let signed = key.sign(b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc");
        assert_eq!(
            URL_SAFE_NO_PAD.encode(signed),
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
        );
    }

    #[test]
    fn what_a_key_signs_its_public_half_believes() {
        for alg in SigningAlg::ALL {
            let (pkcs8, key) = SigningKey::generate(alg).unwrap();
            let again = SigningKey::from_pkcs8(alg, &pkcs8).unwrap();
            assert_eq!(again.public_jwk(), key.public_jwk());
            assert_eq!((key.alg(), key.public_jwk().alg), (alg, alg));
            let (verifier, public): (&'static dyn VerificationAlgorithm, _) = match &key.pair {
                Pair::Es256(pair) => (&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref()),
                Pair::EdDsa(pair) => (&ED25519, pair.public_key().as_ref()),
                Pair::Rs256(pair) => (&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref()),
            };
            let public = UnparsedPublicKey::new(verifier, public);
            let signature = again.sign(b"message");
            assert!(public.verify(b"message", &signature).is_ok(), "{alg}");
            assert!(public.verify(b"messagE", &signature).is_err(), "{alg}");
        }
    }

    #[test]
    fn a_key_of_another_algorithm_is_not_read() {
        let (pkcs8, _) = SigningKey::generate(SigningAlg::Es256).unwrap();
        for alg in [SigningAlg::EdDsa, SigningAlg::Rs256] {
            assert_eq!(SigningKey::from_pkcs8(alg, &pkcs8).unwrap_err(), SigningKeyError::NotRead(alg));
        }
        assert!(SigningKey::from_pkcs8(SigningAlg::Es256, b"").is_err());
        assert!(SigningKey::from_pkcs8(SigningAlg::Es256, &pkcs8[1..]).is_err());
    }

    #[test]
    fn debug_shows_the_name_and_nothing_secret() {
        let (_, key) = SigningKey::generate(SigningAlg::EdDsa).unwrap();
        assert_eq!(format!("{key:?}"), format!("SigningKey {{ kid: {:?}, alg: EdDsa, .. }}", key.kid()));
    }
}

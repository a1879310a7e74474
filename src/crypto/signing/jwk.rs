//! Public keys as JSON (RFC 7517, RFC 7518 section 6, RFC 8037), and the names that follow from them (RFC 7638).

use crate::crypto::sha256;
use crate::domain::keys::SigningAlg;
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

/// Characters of a line of PEM.
const PEM_LINE: usize = 64;

/// A public key. Only the members that belong to its type are present and written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwk {
    /// Key type: `EC`, `OKP` or `RSA`.
    pub kty: String,
    /// Curve: `P-256` for EC, `Ed25519` for OKP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crv: Option<String>,
    /// EC: the point's x, 32 bytes. OKP: the public key, 32 bytes. Base64url, as all that follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x: Option<String>,
    /// EC: the point's y, 32 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub y: Option<String>,
    /// RSA: the modulus, big-endian without leading zeros.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<String>,
    /// RSA: the public exponent, big-endian without leading zeros.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e: Option<String>,
    /// The key's name, as tokens give it; for our own keys the thumbprint.
    pub kid: String,
    /// The one algorithm it is for.
    pub alg: SigningAlg,
    /// What it is for: always `sig`.
    #[serde(rename = "use")]
    pub usage: String,
}

/// A public key that is not what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a public signing key: {0}")]
pub struct JwkError(pub &'static str);

impl Jwk {
    fn new(kty: &str, crv: Option<&str>, alg: SigningAlg) -> Self {
        Self {
            kty: kty.to_owned(),
            crv: crv.map(str::to_owned),
            x: None,
            y: None,
            n: None,
            e: None,
            kid: String::new(),
            alg,
            usage: "sig".to_owned(),
        }
    }

    fn named(mut self) -> Self {
        self.kid = self.thumbprint();
        self
    }

    /// From an uncompressed point: 0x04 ‖ x ‖ y.
    pub(super) fn from_p256_point(point: &[u8]) -> Result<Self, JwkError> {
        let (x, y) = match point {
            [4, xy @ ..] if xy.len() == 64 => xy.split_at(32),
            _ => return Err(JwkError("a P-256 point is 65 bytes and starts with 4")),
        };
        let mut jwk = Self::new("EC", Some("P-256"), SigningAlg::Es256);
        jwk.x = Some(URL_SAFE_NO_PAD.encode(x));
        jwk.y = Some(URL_SAFE_NO_PAD.encode(y));
        Ok(jwk.named())
    }

    /// From the 32 bytes of RFC 8032.
    pub(super) fn from_ed25519(public: &[u8]) -> Result<Self, JwkError> {
        if public.len() != 32 {
            return Err(JwkError("an Ed25519 public key is 32 bytes"));
        }
        let mut jwk = Self::new("OKP", Some("Ed25519"), SigningAlg::EdDsa);
        jwk.x = Some(URL_SAFE_NO_PAD.encode(public));
        Ok(jwk.named())
    }

    /// From an `RSAPublicKey` in DER (RFC 8017 appendix A.1.1): a sequence of two integers.
    pub(super) fn from_rsa_der(der: &[u8]) -> Result<Self, JwkError> {
        let error = JwkError("an RSA public key is a DER sequence of two integers");
        let (body, rest) = der_value(der, 0x30).ok_or(error)?;
        let (n, body) = der_value(body, 0x02).ok_or(error)?;
        let (e, end) = der_value(body, 0x02).ok_or(error)?;
        if !rest.is_empty() || !end.is_empty() {
            return Err(error);
        }
        // DER puts a zero in front of an integer whose first bit is set; JWK does not (RFC 7518 section 6.3.1.1).
        let unsigned = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes.strip_prefix(&[0]).unwrap_or(bytes));
        let mut jwk = Self::new("RSA", None, SigningAlg::Rs256);
        jwk.n = Some(unsigned(n));
        jwk.e = Some(unsigned(e));
        Ok(jwk.named())
    }

    /// The key's name by RFC 7638: SHA-256 over its required members in alphabetical order, base64url.
    pub fn thumbprint(&self) -> String {
        let members = [("crv", &self.crv), ("e", &self.e), ("kty", &Some(self.kty.clone()))];
        let more = [("n", &self.n), ("x", &self.x), ("y", &self.y)];
        let present: Vec<String> = members
            .into_iter()
            .chain(more)
            .filter_map(|(name, value)| value.as_ref().map(|value| format!("\"{name}\":{}", serde_json::json!(value))))
            .collect();
        URL_SAFE_NO_PAD.encode(sha256(format!("{{{}}}", present.join(",")).as_bytes()))
    }

    /// The key as PEM of a `SubjectPublicKeyInfo` (RFC 7468 section 13).
    ///
    /// # Errors
    /// [`JwkError`] with what is wrong with it.
    pub fn to_pem(&self) -> Result<String, JwkError> {
        let der: PublicKeyX509Der<'_> = self.parsed()?.as_der().map_err(|_| JwkError("it has no DER form"))?;
        let text = STANDARD.encode(der.as_ref());
        let mut pem = "-----BEGIN PUBLIC KEY-----\n".to_owned();
        for line in text.as_bytes().chunks(PEM_LINE) {
            pem.extend(line.iter().copied().map(char::from));
            pem.push('\n');
        }
        pem.push_str("-----END PUBLIC KEY-----\n");
        Ok(pem)
    }

    /// The key as AWS-LC has it. Checks that type, curve, algorithm and use fit together, and that it is a key: a point on the curve, a modulus of
    /// 2048 to 8192 bits.
    pub(in crate::crypto) fn parsed(&self) -> Result<ParsedPublicKey, JwkError> {
        if self.usage != "sig" {
            return Err(JwkError("its use is not sig"));
        }
        let bytes = |member: &Option<String>| {
            let text = member.as_deref().ok_or(JwkError("a member is missing"))?;
            URL_SAFE_NO_PAD.decode(text).map_err(|_| JwkError("a member is not base64url"))
        };
        let parsed = match (self.alg, self.kty.as_str(), self.crv.as_deref()) {
            (SigningAlg::Es256, "EC", Some("P-256")) => {
                let (x, y) = (bytes(&self.x)?, bytes(&self.y)?);
                if x.len() != 32 || y.len() != 32 {
                    return Err(JwkError("x and y of P-256 are 32 bytes each"));
                }
                // 0x04 ‖ x ‖ y (SEC 1 section 2.3.3).
                ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, [&[4], x.as_slice(), &y].concat())
            }
            (SigningAlg::EdDsa, "OKP", Some("Ed25519")) => {
                let public = bytes(&self.x)?;
                if public.len() != 32 {
                    return Err(JwkError("x of Ed25519 is 32 bytes"));
                }
                ParsedPublicKey::new(&ED25519, public)
            }
            (SigningAlg::Rs256, "RSA", None) => {
                let (n, e) = (bytes(&self.n)?, bytes(&self.e)?);
                if !(256..=1024).contains(&n.len()) || n[0] == 0 || e.first().is_none_or(|first| *first == 0) {
                    return Err(JwkError("an RSA key has 2048 to 8192 bits, n and e without leading zeros"));
                }
                PublicKeyComponents { n: &n, e: &e }.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
            }
            _ => return Err(JwkError("kty, crv and alg do not fit together")),
        };
        parsed.map_err(|_| JwkError("it is no point of the curve, or no RSA key"))
    }
}

/// The content of the first DER value, which must have this tag, and what follows it. Lengths of up to two bytes, which is
/// any RSA key that AWS-LC takes.
fn der_value(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (length, rest) = match der {
        [first, 0x82, high, low, rest @ ..] if *first == tag => (usize::from(*high) << 8 | usize::from(*low), rest),
        [first, 0x81, low, rest @ ..] if *first == tag => (usize::from(*low), rest),
        [first, low, rest @ ..] if *first == tag && *low < 0x80 => (usize::from(*low), rest),
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    const N: &str = concat!(
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn",
        "64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn",
        "1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
    );

    #[test]
    fn the_thumbprint_is_the_known_answer_of_rfc_7638() {
        let mut jwk = Jwk::new("RSA", None, SigningAlg::Rs256);
        jwk.n = Some(N.to_owned());
        jwk.e = Some("AQAB".to_owned());
        jwk.kid = "2011-04-29".to_owned();
        assert_eq!(jwk.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn an_rsa_key_comes_out_of_its_der() {
        let n = URL_SAFE_NO_PAD.decode(N).unwrap();
        let mut der = vec![0x30, 0x82, 0x01, 0x0a, 0x02, 0x82, 0x01, 0x01, 0x00];
        der.extend_from_slice(&n);
        der.extend_from_slice(&[0x02, 0x03, 1, 0, 1]);
        let jwk = Jwk::from_rsa_der(&der).unwrap();
        assert_eq!((jwk.n.as_deref(), jwk.e.as_deref()), (Some(N), Some("AQAB")));
        assert_eq!(jwk.kid, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
        for end in 0..der.len() {
            assert!(Jwk::from_rsa_der(&der[..end]).is_err(), "{end}");
        }
        der.push(0);
        assert!(Jwk::from_rsa_der(&der).is_err());
    }

    /// What stands between the first and the last line of PEM.
    fn der_of(jwk: &Jwk) -> Vec<u8> {
        let pem = jwk.to_pem().unwrap();
        let body = pem.strip_prefix("-----BEGIN PUBLIC KEY-----\n").unwrap();
        let body = body.strip_suffix("-----END PUBLIC KEY-----\n").unwrap();
        assert!(body.lines().all(|line| (1..=64).contains(&line.len())), "{pem}");
        STANDARD.decode(body.replace('\n', "")).unwrap()
    }

    #[test]
    fn the_pem_of_an_ed25519_key_is_the_known_answer_of_rfc_8410() {
        let public = URL_SAFE_NO_PAD.decode("Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE").unwrap();
        let pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
        assert_eq!(Jwk::from_ed25519(&public).unwrap().to_pem().unwrap(), pem);
    }

    #[test]
    fn pem_has_the_point_or_the_modulus_behind_the_name_of_its_algorithm() {
        // RFC 5480 section 2: id-ecPublicKey, secp256r1, and the point of RFC 7515 appendix A.3.
        let (x, y) = ("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");
        let part = |text| URL_SAFE_NO_PAD.decode(text).unwrap();
        let point = [vec![4], part(x), part(y)].concat();
        let prefix = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE";
        let der = der_of(&Jwk::from_p256_point(&point).unwrap());
        assert_eq!(der[..27], STANDARD.decode(prefix).unwrap());
        assert_eq!(der[26..], point);
        // RFC 3279 section 2.3.1: rsaEncryption without parameters, and an RSAPublicKey.
        let mut jwk = Jwk::new("RSA", None, SigningAlg::Rs256);
        (jwk.n, jwk.e) = (Some(N.to_owned()), Some("AQAB".to_owned()));
        let der = der_of(&jwk);
        let again = Jwk::from_rsa_der(&der[24..]).unwrap();
        assert_eq!((again.n, again.e), (jwk.n, jwk.e));
        assert_eq!(der[6..19], [0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0]);
        let mut wrong = Jwk::from_p256_point(&[&[4], [7; 64].as_slice()].concat()).unwrap();
        assert!(wrong.to_pem().is_err(), "no point of the curve");
        wrong.alg = SigningAlg::EdDsa;
        assert!(wrong.to_pem().is_err());
    }

    #[test]
    fn only_the_members_of_its_type_are_written() {
        let jwk = Jwk::from_ed25519(&[1; 32]).unwrap();
        let json = serde_json::to_value(&jwk).unwrap();
        let names: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names.len(), 6, "{names:?}");
        assert_eq!((&json["kty"], &json["crv"], &json["use"]), (&"OKP".into(), &"Ed25519".into(), &"sig".into()));
        assert_eq!(serde_json::from_value::<Jwk>(json).unwrap(), jwk);
    }

    #[test]
    fn a_key_whose_members_do_not_fit_together_is_refused() {
        let good = Jwk::from_ed25519(&[1; 32]).unwrap();
        assert!(good.parsed().is_ok());
        let changed = |change: fn(&mut Jwk)| {
            let mut jwk = good.clone();
            change(&mut jwk);
            jwk.parsed().is_err()
        };
        assert!(changed(|jwk| jwk.usage = "enc".to_owned()));
        assert!(changed(|jwk| jwk.alg = SigningAlg::Es256));
        assert!(changed(|jwk| jwk.kty = "EC".to_owned()));
        assert!(changed(|jwk| jwk.crv = None));
        assert!(changed(|jwk| jwk.x = None));
        assert!(changed(|jwk| jwk.x = Some("AA".to_owned())));
        assert!(changed(|jwk| jwk.x = Some("not base64url!".to_owned())));
    }
}

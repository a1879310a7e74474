//! R6 and R6v: access tokens written and judged, over the bare signatures of aws-lc-rs.

use crate::pairs::{Bench, Pair, Work, of_this_thread, repeat};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign::crypto::{Claims, Keyring, SigningKey, SigningPart, Typ, mint};
use countersign::domain::ids::{SessionId, TokenId};
use countersign::domain::keys::{KeyStatus, SigningAlg};
use countersign::domain::time::Timestamp;
use countersign::entropy::{SystemEntropy, uuid_v7};
use std::hint::black_box;
use std::time::Duration;
use zeroize::Zeroizing;

/// Measures all algorithms; only the two that are recommended have goals.
pub fn measure(bench: &mut Bench) {
    for alg in [SigningAlg::EdDsa, SigningAlg::Es256, SigningAlg::Rs256] {
        let has_goal = alg != SigningAlg::Rs256;
        let token = Keys::new(alg).token();
        let parameters = format!(
            "{alg}, processor time of one thread, tokens of {} bytes with {} signed",
            token.len(),
            token.rfind('.').unwrap_or_default()
        );
        let pair = |id: String, goal: f64, baseline: &str, parameters: String| Pair {
            id,
            goal: has_goal.then_some(goal),
            baseline: baseline.to_owned(),
            parameters,
            turn: 64,
            span: Duration::from_secs(5),
        };
        let signed = pair(format!("R6/{alg}"), 0.85, "a bare signature", parameters.clone());
        bench.compare(&signed, || sign(Keys::new(alg)));
        let judged = format!("{parameters}, none of them judged before");
        let judged = pair(format!("R6v/{alg}"), 0.90, "a bare verification, its key parsed before,", judged);
        bench.compare(&judged, || judge(Keys::new(alg)));
    }
}

/// A key in both forms.
struct Keys {
    pkcs8: Zeroizing<Vec<u8>>,
    ours: SigningKey,
    raw: Raw,
}

enum Raw {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(RsaKeyPair),
}

impl Raw {
    fn of(alg: SigningAlg, pkcs8: &[u8]) -> Self {
        let read = "this was written a moment ago";
        match alg {
            SigningAlg::Es256 => {
                Self::Es256(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).expect(read))
            }
            SigningAlg::EdDsa => Self::EdDsa(Ed25519KeyPair::from_pkcs8(pkcs8).expect(read)),
            SigningAlg::Rs256 => Self::Rs256(RsaKeyPair::from_pkcs8(pkcs8).expect(read)),
        }
    }

    fn sign(&self, message: &[u8]) {
        let signs = "a good key signs";
        match self {
            Self::Es256(pair) => {
                black_box(pair.sign(&SystemRandom::new(), message).expect(signs));
            }
            Self::EdDsa(pair) => {
                black_box(pair.sign(message));
            }
            Self::Rs256(pair) => {
                let mut signature = [0; 256];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).expect(signs);
                black_box(signature);
            }
        }
    }

    fn public(&self) -> ParsedPublicKey {
        let public = match self {
            Self::Es256(pair) => ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref()),
            Self::EdDsa(pair) => ParsedPublicKey::new(&ED25519, pair.public_key().as_ref()),
            Self::Rs256(pair) => ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref()),
        };
        public.expect("the public half of a good key")
    }
}

impl Keys {
    fn new(alg: SigningAlg) -> Self {
        let (pkcs8, ours) = SigningKey::generate(alg).expect("there is memory");
        let raw = Raw::of(alg, &pkcs8);
        Self { pkcs8, ours, raw }
    }

    /// A token that nobody has seen.
    fn token(&self) -> String {
        mint(&self.ours, self.ours.kid(), Typ::AccessToken, &claims())
    }

    fn keyring(&self) -> Keyring {
        let part = SigningPart {
            status: KeyStatus::Active,
            published: true,
            public: self.ours.public_jwk().clone(),
            pkcs8: Some(self.pkcs8.clone()),
        };
        Keyring::new([part], []).expect("one key fits together")
    }
}

/// As of a person's session at a client with a scope.
fn claims() -> Claims {
    let now = Timestamp(1_800_000_000_000);
    Claims {
        iss: "https://auth.example.com".to_owned(),
        sub: uuid_v7(&SystemEntropy, now).to_string(),
        aud: "https://api.example.com".to_owned(),
        exp: now.seconds() + 300,
        iat: now.seconds(),
        jti: TokenId(uuid_v7(&SystemEntropy, now)),
        client_id: "store".parse().expect("this is a name"),
        scope: "cart orders".to_owned(),
        auth_time: Some(now.seconds()),
        sid: Some(SessionId(uuid_v7(&SystemEntropy, now))),
        roles: vec!["shopper".to_owned()],
        email: None,
        application: None,
        authentication: None,
        email_verified: None,
        username: None,
        tenant: None,
    }
}

fn sign(keys: Keys) -> (Work, Work) {
    let token = keys.token();
    let message = token.as_bytes()[..token.rfind('.').unwrap_or_default()].to_vec();
    let (claims, Keys { ours, raw, .. }) = (claims(), keys);
    let kid = ours.kid().to_owned();
    let baseline = repeat(move || raw.sign(black_box(&message)));
    let ours = repeat(move || {
        black_box(mint(&ours, &kid, Typ::AccessToken, black_box(&claims)));
    });
    (baseline, ours)
}

/// Both judge tokens that were written for them alone.
fn judge(keys: Keys) -> (Work, Work) {
    let (keyring, public) = (keys.keyring(), keys.raw.public());
    let keys = std::rc::Rc::new(keys);
    let raws = keys.clone();
    let baseline = move |times: u64| {
        let tokens: Vec<_> = (0..times).map(|_| apart(&raws.token())).collect();
        let began = of_this_thread();
        for (message, signature) in &tokens {
            public.verify_sig(message.as_bytes(), signature).expect("it was signed a moment ago");
        }
        of_this_thread() - began
    };
    let ours = move |times: u64| {
        let tokens: Vec<_> = (0..times).map(|_| keys.token()).collect();
        let began = of_this_thread();
        for token in &tokens {
            black_box(keyring.believe(token).expect("it was signed a moment ago"));
        }
        of_this_thread() - began
    };
    (Box::new(baseline), Box::new(ours))
}

/// What was signed, and the signature.
fn apart(token: &str) -> (String, Vec<u8>) {
    let (message, signature) = token.rsplit_once('.').expect("a token has three parts");
    (message.to_owned(), URL_SAFE_NO_PAD.decode(signature).expect("it was encoded a moment ago"))
}

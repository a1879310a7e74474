//! An issuer whose keys we have, so that it signs what no real server signs. Its introspection is never available.

use super::{now, overlaid};
use crate::support::loopback::{response, serve};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign::crypto::signing::SigningKey;
use countersign::domain::keys::SigningAlg;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The issuer, with a key for each algorithm and one that is published from the second fetch on.
pub struct Forger {
    url: String,
    keys: BTreeMap<&'static str, SigningKey>,
    fetches: Arc<AtomicUsize>,
}

impl Forger {
    /// Serves keys that may be kept for so many seconds.
    pub fn start(max_age: u32) -> Self {
        let algorithms = [
            ("es", SigningAlg::Es256),
            ("ed", SigningAlg::EdDsa),
            ("rs", SigningAlg::Rs256),
            ("next", SigningAlg::Es256),
        ];
        let keys: BTreeMap<_, _> =
            algorithms.into_iter().map(|(kid, alg)| (kid, SigningKey::generate(alg).unwrap().1)).collect();
        let published: Vec<Value> = keys
            .iter()
            .map(|(kid, key)| overlaid(serde_json::to_value(key.public_jwk()).unwrap(), &json!({"kid": kid})))
            .collect();
        let fetches = Arc::new(AtomicUsize::new(0));
        let count = fetches.clone();
        let url = serve(move |request| {
            if request.path() != "/.well-known/jwks.json" {
                return response(
                    "503 Service Unavailable",
                    "Retry-After: 1\r\n",
                    r#"{"error":"temporarily_unavailable"}"#,
                );
            }
            let is_first = count.fetch_add(1, Ordering::SeqCst) == 0;
            let shown: Vec<&Value> = published.iter().filter(|key| !is_first || key["kid"] != "next").collect();
            let headers = format!("Cache-Control: public, max-age={max_age}\r\n");
            response("200 OK", &headers, &json!({"keys": shown}).to_string())
        });
        Self { url, keys, fetches }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// How often its keys were fetched.
    pub fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }

    /// A good token but for these fields; null leaves one out. It is signed by the key that it names, or else by `es`.
    pub fn token(&self, header: &Value, claims: &Value) -> String {
        let kid = header["kid"].as_str().unwrap_or("es");
        self.signed_by(self.keys.get(kid).unwrap_or(&self.keys["es"]), header, claims)
    }

    /// One that anybody can make.
    pub fn unsigned(&self, alg: &str) -> String {
        self.head(&json!({"alg": alg}), &json!({})) + "."
    }

    /// One whose `kid` names a key that did not sign it.
    pub fn by_another_key(&self) -> String {
        self.signed_by(&self.keys["next"], &json!({}), &json!({}))
    }

    /// An HMAC, with the bytes that everybody can fetch as its secret.
    pub fn with_public_key_as_secret(&self) -> String {
        let head = self.head(&json!({"alg": "HS256"}), &json!({}));
        let jwk = self.keys["es"].public_jwk();
        let point =
            [jwk.x.as_ref().unwrap(), jwk.y.as_ref().unwrap()].map(|part| URL_SAFE_NO_PAD.decode(part).unwrap());
        let secret = hmac::Key::new(hmac::HMAC_SHA256, &[&[4], &point[0][..], &point[1]].concat());
        let tag = hmac::sign(&secret, head.as_bytes());
        format!("{head}.{}", URL_SAFE_NO_PAD.encode(tag))
    }

    fn signed_by(&self, key: &SigningKey, header: &Value, claims: &Value) -> String {
        let head = self.head(header, claims);
        let signature = URL_SAFE_NO_PAD.encode(key.sign(head.as_bytes()));
        format!("{head}.{signature}")
    }

    fn head(&self, header: &Value, claims: &Value) -> String {
        let header = overlaid(json!({"typ": "at+jwt", "alg": "ES256", "kid": "es"}), header);
        let usual = json!({
            "iss": self.url, "aud": self.url, "sub": "somebody", "client_id": "store", "scope": "email openid",
            "iat": now() - 120, "exp": now() + 300, "jti": "1",
        });
        [header, overlaid(usual, claims)].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".")
    }
}

/// No token: its header is lists in lists, so many deep.
pub fn nested(depth: usize) -> String {
    let header = URL_SAFE_NO_PAD.encode("[".repeat(depth) + &"]".repeat(depth));
    format!("{header}.e30.e30")
}

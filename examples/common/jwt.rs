//! JWTs, verified by the app itself with the server's public keys (JWKS). Nobody is asked, so a JWT whose session was ended is good until it
//! expires: that is what a short life of access tokens is for.

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How long the keys are believed before they are fetched again, and how long it takes at least until the next fetch for a key that is not
/// among them: otherwise anybody with a made-up token could have the app fetch all day.
const FRESH: Duration = Duration::from_secs(300);
const UNKNOWN: Duration = Duration::from_secs(10);

/// Who a JWT says the person is.
#[derive(Clone, Debug, Deserialize)]
pub struct Claims {
    /// The person's id.
    pub sub: String,
    pub email: String,
    /// The session at Countersign that the JWT came from.
    pub sid: String,
    /// When it expires, in seconds since 1970.
    pub exp: u64,
}

/// What the app makes of a JWT.
#[derive(Debug)]
pub enum Jwt {
    Good(Claims),
    /// Ours and genuine, and its time is over.
    Expired,
    /// Anything else: garbage, forged, another issuer's, another app's.
    Invalid,
    /// There is no key to verify it with, and the keys cannot be fetched. That says nothing about the person.
    Unknown,
}

/// The keys, when they were fetched, and when that was last tried.
#[derive(Default)]
struct Cache {
    keys: Option<JwkSet>,
    fetched: Option<Instant>,
    tried: Option<Instant>,
}

pub struct Verifier {
    jwks: String,
    issuer: String,
    audience: String,
    cache: Mutex<Cache>,
}

impl Verifier {
    /// Of JWTs that `issuer` makes for `audience`, with the keys of the server at `url`.
    pub fn new(url: &str, issuer: &str, audience: &str) -> Self {
        let jwks = format!("{url}/.well-known/jwks.json");
        Self { jwks, issuer: issuer.to_owned(), audience: audience.to_owned(), cache: Mutex::default() }
    }

    /// Judges a JWT. Blocks while keys are fetched.
    pub fn judge(&self, token: &str) -> Jwt {
        let Ok(header) = decode_header(token) else { return Jwt::Invalid };
        let key = match header.kid.map(|kid| self.key(&kid)) {
            Some(Ok(Some(key))) => key,
            Some(Err(_)) => return Jwt::Unknown,
            None | Some(Ok(None)) => return Jwt::Invalid,
        };
        // The algorithm is the key's, never the token's: "none" and HS256 with the public key are ways to forge one.
        let alg = key.common.key_algorithm.and_then(|alg| alg.to_string().parse::<Algorithm>().ok());
        let (Some(alg), Ok(key)) = (alg, DecodingKey::from_jwk(&key)) else { return Jwt::Invalid };
        let mut rules = Validation::new(alg);
        // The server runs on this machine. Between two machines allow some seconds.
        rules.leeway = 0;
        rules.set_issuer(&[&self.issuer]);
        rules.set_audience(&[&self.audience]);
        rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        match decode::<Claims>(token, &key, &rules) {
            Ok(token) => Jwt::Good(token.claims),
            Err(error) if *error.kind() == ErrorKind::ExpiredSignature => Jwt::Expired,
            Err(_) => Jwt::Invalid,
        }
    }

    fn key(&self, kid: &str) -> Result<Option<Jwk>, ureq::Error> {
        let mut cache = self.cache.lock().expect("no holder panics");
        let over = |since: Option<Instant>, time| since.is_none_or(|since: Instant| since.elapsed() >= time);
        let known = cache.keys.as_ref().is_some_and(|keys| keys.find(kid).is_some());
        // An app without any key knows nobody, so it does not wait.
        let may_ask = cache.keys.is_none() || over(cache.tried, UNKNOWN);
        if (over(cache.fetched, FRESH) || !known) && may_ask {
            cache.tried = Some(Instant::now());
            match fetch(&self.jwks) {
                Ok(keys) => (cache.keys, cache.fetched) = (Some(keys), cache.tried),
                // Where nobody answers, the keys that are there are still good.
                Err(_) if known => {}
                Err(error) => return Err(error),
            }
        }
        Ok(cache.keys.as_ref().and_then(|keys| keys.find(kid)).cloned())
    }
}

fn fetch(url: &str) -> Result<JwkSet, ureq::Error> {
    let config = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(5))).max_redirects(0);
    ureq::Agent::from(config.build()).get(url).call()?.body_mut().read_json()
}

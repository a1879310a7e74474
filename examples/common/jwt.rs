//! JWTs, verified by the app itself with the server's public keys (JWKS). Nobody is asked, so a JWT whose session was ended is good until it
//! expires: that is what a short life of access tokens is for.

use super::countersign::agent;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::Value;
use std::error::Error;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};
use ureq::Agent;

/// How long the keys are believed before they are fetched again, and how long at most when that fails.
const FRESH: Duration = Duration::from_secs(300);
const BELIEVED: Duration = Duration::from_secs(3600);
/// Between two fetches. Otherwise anybody with a made-up token could have the app fetch all day.
const PAUSE: Duration = Duration::from_secs(10);

/// Who a JWT says the person is.
#[derive(Clone, Debug, Deserialize)]
pub struct Claims {
    /// The person's id.
    pub sub: String,
    pub email: String,
    /// The session at Countersign that the JWT came from.
    pub sid: String,
}

/// What the app makes of a JWT.
#[derive(Debug)]
pub enum Jwt {
    Good(Claims),
    /// Ours and genuine, and its time is over.
    Expired,
    /// Anything else: garbage, forged, another issuer's, another app's.
    Invalid,
    /// The keys cannot be had: nobody knows.
    Unknown,
}

struct Keys {
    set: JwkSet,
    fetched: Instant,
    /// When they were last asked for.
    asked: Instant,
    /// Whether that was answered.
    answered: bool,
}

pub struct Verifier {
    url: String,
    issuer: String,
    audience: String,
    agent: Agent,
    keys: Mutex<Keys>,
}

impl Verifier {
    /// Of JWTs that `issuer` makes for `audience`, with the keys of the server at `url`, which are fetched. `timeout`: how
    /// long that may take.
    ///
    /// # Errors
    /// Where there is no server, or one with another issuer: then no JWT of it would ever be good.
    pub fn new(url: &str, issuer: &str, audience: &str, timeout: Duration) -> Result<Self, Box<dyn Error>> {
        let agent = agent(timeout);
        let found: Value = fetch(&agent, url, "openid-configuration")
            .map_err(|error| format!("Countersign at {url} does not answer ({error}): is it running?"))?;
        let found = found["issuer"].as_str().unwrap_or_default();
        if found != issuer {
            return Err(format!("the issuer of {url} is {found}: say --issuer {found}").into());
        }
        let (set, now) = (fetch(&agent, url, "jwks.json")?, Instant::now());
        let keys = Mutex::new(Keys { set, fetched: now, asked: now, answered: true });
        Ok(Self { url: url.to_owned(), issuer: issuer.to_owned(), audience: audience.to_owned(), agent, keys })
    }

    /// Judges a JWT. Blocks while keys are fetched.
    pub fn judge(&self, token: &str) -> Jwt {
        let Ok(header) = decode_header(token) else { return Jwt::Invalid };
        let Some(kid) = header.kid else { return Jwt::Invalid };
        let key = match self.key(&kid) {
            Ok(Some(key)) => key,
            Ok(None) => return Jwt::Invalid,
            Err(NoKeys) => return Jwt::Unknown,
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

    fn key(&self, kid: &str) -> Result<Option<Jwk>, NoKeys> {
        let mut keys = self.keys();
        let wanted = keys.fetched.elapsed() >= FRESH || keys.set.find(kid).is_none();
        if wanted && keys.asked.elapsed() >= PAUSE {
            (keys.asked, keys.answered) = (Instant::now(), false);
            // Nobody waits for the server who has a token that can be judged without it.
            drop(keys);
            let fetched = fetch(&self.agent, &self.url, "jwks.json");
            keys = self.keys();
            if let Ok(set) = fetched {
                (keys.set, keys.fetched, keys.answered) = (set, Instant::now(), true);
            }
        }
        match keys.set.find(kid) {
            Some(key) if keys.fetched.elapsed() < BELIEVED => Ok(Some(key.clone())),
            None if keys.answered => Ok(None),
            _ => Err(NoKeys),
        }
    }

    fn keys(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().expect("no holder panics")
    }
}

/// The keys cannot be had, or not the one that a token names.
struct NoKeys;

fn fetch<T: serde::de::DeserializeOwned>(agent: &Agent, url: &str, name: &str) -> Result<T, ureq::Error> {
    let mut answer = agent.get(format!("{url}/.well-known/{name}")).call()?;
    match answer.status().as_u16() {
        200 => answer.body_mut().read_json(),
        status => Err(ureq::Error::StatusCode(status)),
    }
}

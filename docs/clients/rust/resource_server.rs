//! A resource server that lets access tokens of Countersign in. Copy `Keys`, `verify` and `is_active`.
//!
//! Needs the crates `jsonwebtoken`, `ureq` (with `json`), `serde_json`, `base64` and `percent-encoding`. Reads one access token from
//! each line of standard input and answers each with a line: `ok SUBJECT SCOPES`, or why not. Exit code 0 when all were good.
//! COUNTERSIGN_URL is the issuer, AUDIENCE what your tokens are meant for (the issuer unless set). With `--ask` it also asks whether
//! the token was revoked, as CLIENT_ID with CLIENT_SECRET.

use base64::Engine;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::env::{args, var};
use std::io::stdin;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How long a call may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Seconds that clocks may differ.
const LEEWAY: u64 = 5;
/// Until a key that is not there is a reason to fetch.
const UNKNOWN: Duration = Duration::from_secs(60);
/// Until a failed fetch is tried again.
const RETRY: Duration = Duration::from_secs(10);
/// Until keys that could not be fetched anew are too old.
const LONGEST: Duration = Duration::from_secs(3600);

enum Failure {
    /// Answer 401: this token lets nobody in.
    Refused(String),
    /// Answer 503: whether it may is not known.
    Unavailable(String),
}

fn unavailable(error: impl ToString) -> Failure {
    Failure::Unavailable(error.to_string())
}

/// The server's public keys, fetched when their max-age is over, and at most once a minute for a key not among them.
struct Keys {
    agent: ureq::Agent,
    url: String,
    cache: Mutex<Cache>,
}

/// The keys, when they were fetched and last asked for, and when to ask again. At first nothing was.
#[derive(Default)]
struct Cache {
    keys: Option<JwkSet>,
    held: Option<Instant>,
    asked: Option<Instant>,
    due: Option<Instant>,
}

impl Keys {
    fn get(&self, kid: &str) -> Result<Option<Jwk>, Failure> {
        let mut cache = self.cache.lock().expect("no holder panics");
        let now = Instant::now();
        let known = cache.keys.as_ref().is_some_and(|keys| keys.find(kid).is_some());
        let may_ask = cache.asked.is_none_or(|asked| now >= asked + UNKNOWN);
        if cache.due.is_none_or(|due| now >= due) || (!known && may_ask) {
            cache.asked = Some(now);
            match self.fetch() {
                Ok((keys, age)) => (cache.keys, cache.held, cache.due) = (Some(keys), Some(now), Some(now + age)),
                Err(_) => cache.due = Some(now + RETRY), // until then with the keys that are there
            }
        }
        match (&cache.keys, cache.held) {
            (Some(keys), Some(held)) if now <= held + LONGEST => Ok(keys.find(kid).cloned()),
            _ => Err(unavailable("the keys cannot be fetched")),
        }
    }

    fn fetch(&self) -> Result<(JwkSet, Duration), ureq::Error> {
        let mut answer = self.agent.get(&self.url).call()?;
        let control = answer.headers().get("Cache-Control").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let age = control.split([',', ' ']).find_map(|word| word.strip_prefix("max-age=")?.parse::<u32>().ok());
        let age = Duration::from_secs(age.unwrap_or(0).into());
        Ok((answer.body_mut().read_json()?, age))
    }
}

/// The claims of a token that is genuine, ours to take, and not expired. Asks nobody: a revoked one is good until it expires.
fn verify(token: &str, keys: &Keys, issuer: &str, audience: &str) -> Result<Value, Failure> {
    let refused = |error: jsonwebtoken::errors::Error| Failure::Refused(error.to_string());
    let header = decode_header(token).map_err(refused)?;
    if header.crit.is_some() {
        return Err(Failure::Refused("an extension that nobody knows".to_owned()));
    }
    let key = keys.get(header.kid.as_deref().unwrap_or_default())?;
    let key = key.ok_or_else(|| Failure::Refused("unknown key".to_owned()))?;
    // The algorithm is the key's, never the token's: "none" and HS256 with the public key are ways to forge one.
    let alg = key.common.key_algorithm.and_then(|alg| alg.to_string().parse::<Algorithm>().ok());
    let alg = alg.ok_or_else(|| Failure::Refused("a key without alg".to_owned()))?;
    // Without this an ID token, or whatever else the key signs, would do.
    if !header.typ.is_some_and(|typ| typ.eq_ignore_ascii_case("at+jwt")) {
        return Err(Failure::Refused("wrong typ".to_owned()));
    }
    let mut validation = Validation::new(alg);
    validation.leeway = LEEWAY;
    validation.set_issuer(&[issuer]);
    validation.set_audience(&[audience]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    let key = DecodingKey::from_jwk(&key).map_err(refused)?;
    Ok(decode(token, &key, &validation).map_err(refused)?.claims)
}

/// Whether the token is active at this moment. An answer may be kept for a few seconds, and no longer.
fn is_active(token: &str, agent: &ureq::Agent, url: &str, id: &str, secret: &str) -> Result<bool, Failure> {
    let encoded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
    let pair = format!("{}:{}", encoded(id), encoded(secret));
    let basic = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair));
    let request = agent.post(format!("{url}/oauth2/introspect")).header("Authorization", basic);
    // A 503 is an error here as well: let nobody in.
    let mut answer = request.send_form([("token", token)]).map_err(unavailable)?;
    let said: Value = answer.body_mut().read_json().map_err(unavailable)?;
    Ok(said["active"] == true)
}

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let url = var("COUNTERSIGN_URL")?;
    let audience = var("AUDIENCE").unwrap_or_else(|_| url.clone());
    let agent: ureq::Agent =
        ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).max_redirects(0).build().into();
    let cache = Mutex::new(Cache::default());
    let keys = Keys { agent: agent.clone(), url: format!("{url}/.well-known/jwks.json"), cache };
    let asks = args().any(|argument| argument == "--ask");
    let mut code = ExitCode::SUCCESS;
    for line in stdin().lines() {
        let token = line?;
        let outcome = verify(&token, &keys, &url, &audience).and_then(|claims| {
            let (id, secret) = (var("CLIENT_ID").unwrap_or_default(), var("CLIENT_SECRET").unwrap_or_default());
            if asks && !is_active(&token, &agent, &url, &id, &secret)? {
                return Err(Failure::Refused("revoked".to_owned()));
            }
            Ok(claims)
        });
        match &outcome {
            Ok(claims) => {
                println!(
                    "ok {} {}",
                    claims["sub"].as_str().unwrap_or_default(),
                    claims["scope"].as_str().unwrap_or_default()
                );
            }
            Err(Failure::Refused(why)) => println!("refused: {why}"),
            Err(Failure::Unavailable(why)) => println!("unavailable: {why}"),
        }
        if outcome.is_err() {
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}

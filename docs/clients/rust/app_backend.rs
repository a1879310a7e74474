//! An app's backend as a client of Countersign. Copy `Client` and `Session`; `main` is a run that shows every step.
//!
//! Needs the crates `ureq` (with `json`), `serde_json`, `base64` and `percent-encoding`. The environment says where and who:
//! COUNTERSIGN_URL, CLIENT_ID, CLIENT_SECRET, LOGIN, PASSWORD, and RESOURCE_URL for a call with the access token.

use base64::Engine;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::env::var;
use std::fmt;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

// Together less than the client's `retry_window`, after which a refresh that is repeated looks stolen.
/// How long a call may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Calls for one answer, and the seconds between two.
const ATTEMPTS: u32 = 3;
const LONGEST_WAIT: u64 = 3;

#[derive(Debug, PartialEq)]
enum Failure {
    /// The server decided: no. `invalid_grant` means: show the login form.
    Refused(String),
    /// Nobody knows. The session is not over: tell the person to try again.
    Unavailable,
}

impl std::error::Error for Failure {}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(code) => f.write_str(code),
            Self::Unavailable => f.write_str("the server gives no answer"),
        }
    }
}

/// Who asks *you*: by this a stolen token is told from the owner's.
struct Person<'a> {
    address: &'a str,
    user_agent: &'a str,
}

/// Safe to share between threads.
struct Client {
    agent: ureq::Agent,
    url: String,
    basic: String,
}

impl Client {
    fn new(url: String, id: &str, secret: &str) -> Self {
        // Secrets go where they are sent, and nowhere else: no redirects.
        let config = ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).max_redirects(0);
        let encoded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
        let pair = format!("{}:{}", encoded(id), encoded(secret));
        let basic = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair));
        Self { agent: config.http_status_as_error(false).build().into(), url, basic }
    }

    /// Asks, and asks the same again when there was no answer. Whoever lost the answer to a refresh gets it so.
    fn post(&self, path: &str, form: &[(&str, &str)], person: Option<&Person<'_>>) -> Result<Value, Failure> {
        for attempt in 1..=ATTEMPTS {
            let mut request = self.agent.post(format!("{}{path}", self.url)).header("Authorization", &self.basic);
            if let Some(person) = person {
                request = request.header("X-Forwarded-For", person.address);
                request = request.header("X-Forwarded-User-Agent", person.user_agent);
            }
            let mut wait = 1;
            // An error is no connection, no answer in time, or half of one.
            if let Ok(mut answer) = request.send_form(form.iter().copied()) {
                let after = answer.headers().get("Retry-After").and_then(|value| value.to_str().ok()?.parse().ok());
                wait = after.unwrap_or(1).clamp(1, LONGEST_WAIT);
                let status = answer.status();
                match answer.body_mut().read_to_string() {
                    Ok(body) if status == 200 => return Ok(serde_json::from_str(&body).unwrap_or_default()),
                    Ok(body) if !status.is_server_error() => {
                        let refusal: Value = serde_json::from_str(&body).unwrap_or_default();
                        return Err(Failure::Refused(refusal["error"].as_str().unwrap_or(status.as_str()).to_owned()));
                    }
                    _ => {}
                }
            }
            if attempt < ATTEMPTS {
                thread::sleep(Duration::from_secs(wait));
            }
        }
        Err(Failure::Unavailable)
    }

    fn tokens(&self, form: &[(&str, &str)], person: &Person<'_>) -> Result<Tokens, Failure> {
        let asked = Instant::now();
        let answer = self.post("/oauth2/token", form, Some(person))?;
        let text = |name: &str| answer[name].as_str().map(str::to_owned).ok_or(Failure::Unavailable);
        let life = answer["expires_in"].as_f64().unwrap_or_default().clamp(0.0, 86_400.0);
        let refresh_at = asked + Duration::from_secs_f64(0.8 * life);
        Ok(Tokens { refresh: text("refresh_token")?, access: text("access_token")?, refresh_at })
    }

    fn refresh(&self, token: &str, person: &Person<'_>) -> Result<Tokens, Failure> {
        self.tokens(&[("grant_type", "refresh_token"), ("refresh_token", token)], person)
    }
}

/// What an answer gave. Keep the refresh token where your sessions are, encrypted, and never in a browser.
struct Tokens {
    refresh: String,
    access: String,
    refresh_at: Instant,
}

/// One login of one person.
///
/// Only one request at a time may refresh, hence the mutex. Several processes need a lock that they share, such as a row lock of
/// your database (`SELECT ... FOR UPDATE`) around `access_token`.
struct Session<'a> {
    client: &'a Client,
    tokens: Mutex<Tokens>,
}

impl<'a> Session<'a> {
    fn log_in(client: &'a Client, login: &str, password: &str, person: &Person<'_>) -> Result<Self, Failure> {
        let who = [("grant_type", "password"), ("username", login), ("password", password), ("scope", "openid email")];
        Ok(Self { client, tokens: Mutex::new(client.tokens(&who, person)?) })
    }

    /// An access token that is good for a while. [`Failure::Refused`] means that the session is over: forget it.
    fn access_token(&self, person: &Person<'_>) -> Result<String, Failure> {
        let mut tokens = self.tokens.lock().expect("no holder panics");
        if Instant::now() >= tokens.refresh_at {
            // The refresh token of before is spent: store the new ones before any of them is used.
            *tokens = self.client.refresh(&tokens.refresh, person)?;
        }
        Ok(tokens.access.clone())
    }

    fn log_out(&self) -> Result<(), Failure> {
        let tokens = self.tokens.lock().expect("no holder panics");
        self.client.post("/oauth2/revoke", &[("token", &tokens.refresh)], None).map(drop)
    }

    fn refresh_token(&self) -> String {
        self.tokens.lock().expect("no holder panics").refresh.clone()
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::new(var("COUNTERSIGN_URL")?, &var("CLIENT_ID")?, &var("CLIENT_SECRET")?);
    let person = Person { address: "203.0.113.9", user_agent: "Store/1.0" };
    let session = Session::log_in(&client, &var("LOGIN")?, &var("PASSWORD")?, &person)?;
    println!("login: ok");
    if let Ok(url) = var("RESOURCE_URL") {
        let bearer = format!("Bearer {}", session.access_token(&person)?);
        let answer = client.agent.get(url).header("Authorization", bearer).call()?;
        assert_eq!(answer.status(), 200);
        println!("resource: 200");
    }
    let spent = session.refresh_token();
    session.tokens.lock().expect("no holder panics").refresh_at = Instant::now(); // as if the access token were about to expire
    let tokens: Vec<_> = thread::scope(|scope| {
        let ask = || session.access_token(&person).expect("the session lives");
        let asking: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        asking.into_iter().map(|thread| thread.join().expect("it got a token")).collect()
    });
    let now = session.refresh_token();
    assert!(tokens.iter().all(|token| *token == tokens[0]) && now != spent, "several requests refreshed");
    println!("refresh: once for 8 requests");
    assert_eq!(client.refresh(&spent, &person)?.refresh, now);
    println!("the same refresh again: the same refresh token");
    session.log_out()?;
    println!("log out: ok");
    assert_eq!(client.refresh(&now, &person).err(), Some(Failure::Refused("invalid_grant".to_owned())));
    println!("refresh after log out: invalid_grant");
    Ok(())
}

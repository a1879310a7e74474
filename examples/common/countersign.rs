//! Countersign as an app's backend asks it. Every call has a time limit and follows no redirect.

use super::person::Person;
use super::told;
use actix_web::web;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use std::thread;
use std::time::Duration;
use ureq::http::{Request, Response};
use ureq::{Agent, Body};

/// How often a refresh is asked for, and the pause between. With the time that a call may take (`--timeout`) that is together less than the
/// client's `retry_window` (30 seconds unless set otherwise): a refresh that is repeated later looks stolen.
const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);

/// An answer that lets nobody in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum No {
    /// The login, the password or the refresh token is not good: show the login form.
    Refused,
    /// Nobody knows: whoever is logged in stays so, and is told to try again.
    Unavailable,
}

/// What a login or a refresh gives.
pub struct Tokens {
    pub jwt: String,
    pub refresh: String,
}

/// What an app shows Countersign.
#[derive(Clone)]
pub struct Credentials {
    /// Its id as a client. FusionAuth calls it an application id.
    pub client: &'static str,
    /// Its secret: for `/oauth2/…`.
    pub secret: String,
    /// Its API key: for the rest.
    pub key: String,
}

/// The server, as one app sees it.
#[derive(Clone)]
pub struct Countersign {
    /// The app's name in the terminal.
    place: &'static str,
    url: String,
    credentials: Credentials,
    agent: Agent,
}

/// A request as it is sent.
type Sent = ureq::http::Result<Request<String>>;

impl Countersign {
    /// `timeout`: how long a call may take.
    pub fn new(place: &'static str, url: &str, credentials: Credentials, timeout: Duration) -> Self {
        Self { place, url: url.to_owned(), credentials, agent: agent(timeout) }
    }

    /// Logs somebody in by the password grant: `POST /oauth2/token`. Asked once: another try is for the person to decide.
    pub async fn password_grant(&self, login: String, password: String, person: Person) -> Result<Tokens, No> {
        self.on_a_thread(move |asks| {
            let form = [("grant_type", "password"), ("username", &login), ("password", &password)];
            let answer = asks.send(1, &[400], asks.form("/oauth2/token", &form, Some(&person)))?;
            tokens(&answer, "access_token", "refresh_token")
        })
        .await
    }

    /// Logs somebody in by FusionAuth's Login API: `POST /api/login`. Asked once, too. 202 (not registered at this app), 203 (the password must be changed
    /// first) and 423 (disabled) are answered to the right password only; an app that has more to say to these says it here.
    pub async fn login(&self, login: String, password: String, person: Person) -> Result<Tokens, No> {
        self.on_a_thread(move |asks| {
            let (application, info) = (asks.credentials.client, info(&person));
            let who = json!({"loginId": login, "password": password, "applicationId": application, "eventInfo": info});
            let answer = asks.send(1, &[202, 203, 404, 423], asks.json("/api/login", &who))?;
            tokens(&answer, "token", "refreshToken")
        })
        .await
    }

    /// Redeems a refresh token: `POST /api/jwt/refresh`. `refresh` of the answer is the token to use next; it is the same again where the
    /// client's `rotation` is `never`. When nobody answers, the same is asked again: whoever lost the answer gets it so.
    pub async fn refresh(&self, refresh_token: String, person: Person) -> Result<Tokens, No> {
        self.on_a_thread(move |asks| {
            let body = json!({"refreshToken": refresh_token, "eventInfo": info(&person)});
            let answer = asks.send(ATTEMPTS, &[404], asks.json("/api/jwt/refresh", &body))?;
            tokens(&answer, "token", "refreshToken")
        })
        .await
    }

    /// Whether a session of Countersign's is open at this moment: `GET /admin/sessions/{sid}`.
    pub async fn is_open(&self, sid: String) -> Result<bool, No> {
        self.on_a_thread(move |asks| {
            let url = format!("{}/admin/sessions/{sid}", asks.url);
            let request = || Request::get(&url).header("Authorization", &asks.credentials.key).body(String::new());
            match asks.send(ATTEMPTS, &[404], request) {
                Ok(session) => Ok(session["state"] == "open"),
                Err(No::Refused) => Ok(false),
                Err(No::Unavailable) => Err(No::Unavailable),
            }
        })
        .await
    }

    /// Ends the session that a refresh token is of: `POST /oauth2/revoke`. Refused: the token is another app's.
    pub async fn log_out(&self, refresh_token: String) -> Result<(), No> {
        self.on_a_thread(move |asks| {
            asks.send(ATTEMPTS, &[400], asks.form("/oauth2/revoke", &[("token", &refresh_token)], None)).map(drop)
        })
        .await
    }

    fn form(&self, path: &str, form: &[(&str, &str)], person: Option<&Person>) -> impl Fn() -> Sent {
        let Credentials { client, secret, .. } = &self.credentials;
        let basic = format!("Basic {}", STANDARD.encode(format!("{}:{}", encoded(client), encoded(secret))));
        let pairs = form.iter().map(|(name, value)| format!("{name}={}", encoded(value)));
        let (url, body) = (format!("{}{path}", self.url), pairs.collect::<Vec<_>>().join("&"));
        move || {
            let mut request = Request::post(&url)
                .header("Authorization", &basic)
                .header("Content-Type", "application/x-www-form-urlencoded");
            if let Some(person) = person {
                request = request.header("X-Forwarded-For", &person.address);
                request = request.header("X-Forwarded-User-Agent", &person.user_agent);
            }
            request.body(body.clone())
        }
    }

    fn json(&self, path: &str, body: &Value) -> impl Fn() -> Sent {
        let (url, key, body) = (format!("{}{path}", self.url), self.credentials.key.clone(), body.to_string());
        move || {
            Request::post(&url)
                .header("Authorization", &key)
                .header("Content-Type", "application/json")
                .body(body.clone())
        }
    }

    /// Sends a request, so often at most. `no`: the statuses that say no. Any other but 200 says something about the app or the server, and
    /// nothing about the person.
    fn send(&self, attempts: u32, no: &[u16], request: impl Fn() -> Sent) -> Result<Value, No> {
        let mut wrong = String::new();
        for attempt in 1..=attempts {
            if attempt > 1 {
                thread::sleep(PAUSE);
            }
            let answer =
                request().map_err(ureq::Error::from).and_then(|request| self.agent.run(request)).and_then(read);
            match answer {
                Ok((200, body)) => return Ok(serde_json::from_str(&body).unwrap_or_default()),
                Ok((status, _)) if no.contains(&status) => return Err(No::Refused),
                Ok((401 | 403, _)) => {
                    "it does not know this app: has it the right secret and API key?".clone_into(&mut wrong);
                    break;
                }
                Ok((status, _)) => wrong = format!("it answers {status}"),
                // No connection, no answer in time, or half of one.
                Err(error) => wrong = error.to_string(),
            }
        }
        told::aside(self.place, format!("Countersign at {} was asked in vain: {wrong}", self.url));
        Err(No::Unavailable)
    }

    /// A call blocks its thread, so it gets one of those that may be blocked.
    async fn on_a_thread<T: Send + 'static>(
        &self,
        call: impl FnOnce(Self) -> Result<T, No> + Send + 'static,
    ) -> Result<T, No> {
        let asks = self.clone();
        web::block(move || call(asks)).await.unwrap_or(Err(No::Unavailable))
    }
}

/// Secrets go where they are sent, and nowhere else: no redirects, and no proxy that the environment names.
pub fn agent(timeout: Duration) -> Agent {
    let config = Agent::config_builder().timeout_global(Some(timeout)).max_redirects(0).proxy(None);
    config.http_status_as_error(false).build().into()
}

fn read(mut answer: Response<Body>) -> Result<(u16, String), ureq::Error> {
    Ok((answer.status().as_u16(), answer.body_mut().read_to_string()?))
}

/// The person, as FusionAuth's doors are told of one.
fn info(person: &Person) -> Value {
    json!({"ipAddress": person.address, "userAgent": person.user_agent})
}

fn tokens(answer: &Value, jwt: &str, refresh: &str) -> Result<Tokens, No> {
    let text = |name: &str| answer[name].as_str().map(str::to_owned).ok_or(No::Unavailable);
    Ok(Tokens { jwt: text(jwt)?, refresh: text(refresh)? })
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

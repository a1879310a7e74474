//! Countersign as an app's backend asks it. Every call has a time limit, follows no redirect, and is made again when nobody answered.

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

/// How long a call may take, how often it is made, and the pause between. Together less than the client's `retry_window` (30 seconds unless
/// set otherwise): a refresh that is repeated later looks stolen.
const TIMEOUT: Duration = Duration::from_secs(5);
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

/// The server, as one client of it sees it.
#[derive(Clone)]
pub struct Countersign {
    agent: Agent,
    url: String,
    client: String,
    secret: String,
    key: String,
}

impl Countersign {
    /// `client` with its `secret` opens `/oauth2/…`, the API `key` opens the rest.
    pub fn new(url: &str, client: &str, secret: &str, key: &str) -> Self {
        let [url, client, secret, key] = [url, client, secret, key].map(str::to_owned);
        Self { agent: agent(), url, client, secret, key }
    }

    /// Logs somebody in by the password grant: `POST /oauth2/token`.
    pub async fn password_grant(&self, login: String, password: String, person: Person) -> Result<Tokens, No> {
        let asks = self.clone();
        on_a_thread(move || {
            let form = [("grant_type", "password"), ("username", &login), ("password", &password)];
            let answer = asks.form("/oauth2/token", &form, Some(&person))?;
            tokens(&answer, "access_token", "refresh_token")
        })
        .await
    }

    /// Logs somebody in by FusionAuth's Login API: `POST /api/login`.
    pub async fn login(&self, login: String, password: String, person: Person) -> Result<Tokens, No> {
        let asks = self.clone();
        on_a_thread(move || {
            let who = json!({"loginId": login, "password": password, "applicationId": asks.client, "eventInfo": info(&person)});
            let answer = asks.json("/api/login", &who)?;
            tokens(&answer, "token", "refreshToken")
        })
        .await
    }

    /// Redeems a refresh token: `POST /api/jwt/refresh`. `refresh` of the answer is the token to use next; it is the same again where the
    /// client's `rotation` is `never`.
    pub async fn refresh(&self, refresh_token: String, person: Person) -> Result<Tokens, No> {
        let asks = self.clone();
        on_a_thread(move || {
            let answer =
                asks.json("/api/jwt/refresh", &json!({"refreshToken": refresh_token, "eventInfo": info(&person)}))?;
            tokens(&answer, "token", "refreshToken")
        })
        .await
    }

    /// Whether a session of Countersign's is open at this moment: `GET /admin/sessions/{sid}`.
    pub async fn is_open(&self, sid: String) -> Result<bool, No> {
        let asks = self.clone();
        on_a_thread(move || {
            let ask = || Request::get(format!("{}/admin/sessions/{sid}", asks.url)).header("Authorization", &asks.key);
            match asks.send(|| ask().body(String::new())) {
                Ok(session) => Ok(session["state"] == "open"),
                Err(No::Refused) => Ok(false),
                Err(No::Unavailable) => Err(No::Unavailable),
            }
        })
        .await
    }

    /// Ends the session that a refresh token is of: `POST /oauth2/revoke`.
    pub async fn log_out(&self, refresh_token: String) -> Result<(), No> {
        let asks = self.clone();
        on_a_thread(move || asks.form("/oauth2/revoke", &[("token", &refresh_token)], None).map(drop)).await
    }

    fn form(&self, path: &str, form: &[(&str, &str)], person: Option<&Person>) -> Result<Value, No> {
        let pairs = form.iter().map(|(name, value)| format!("{name}={}", encoded(value)));
        let body = pairs.collect::<Vec<_>>().join("&");
        let basic = STANDARD.encode(format!("{}:{}", encoded(&self.client), encoded(&self.secret)));
        self.send(|| {
            let mut request = Request::post(format!("{}{path}", self.url))
                .header("Authorization", format!("Basic {basic}"))
                .header("Content-Type", "application/x-www-form-urlencoded");
            if let Some(person) = person {
                request = request.header("X-Forwarded-For", &person.address);
                request = request.header("X-Forwarded-User-Agent", &person.user_agent);
            }
            request.body(body.clone())
        })
    }

    fn json(&self, path: &str, body: &Value) -> Result<Value, No> {
        self.send(|| {
            Request::post(format!("{}{path}", self.url))
                .header("Authorization", &self.key)
                .header("Content-Type", "application/json")
                .body(body.to_string())
        })
    }

    /// Sends a request, and sends the same again when nobody answered: whoever lost the answer to a refresh gets it so.
    fn send(&self, request: impl Fn() -> ureq::http::Result<Request<String>>) -> Result<Value, No> {
        for attempt in 1..=ATTEMPTS {
            // What cannot be written into a header, such as a user agent with a line break, lets nobody in.
            let request = request().map_err(|_| No::Refused)?;
            let path = request.uri().path().to_owned();
            match self.agent.run(request).and_then(read) {
                Ok((200, body)) => return Ok(serde_json::from_str(&body).unwrap_or_default()),
                Ok((202 | 203 | 400 | 404 | 423, _)) => return Err(No::Refused),
                // Such as 401: it is this app that is not known. That says nothing about the person, who stays logged in.
                Ok((status @ 0..500, _)) => {
                    told::aside(
                        "app",
                        format!("Countersign answers {status} at {path}: has this app the right secret and API key?"),
                    );
                    return Err(No::Unavailable);
                }
                // A 503, no connection, no answer in time, or half of one.
                _ if attempt < ATTEMPTS => thread::sleep(PAUSE),
                _ => {}
            }
        }
        Err(No::Unavailable)
    }
}

fn agent() -> Agent {
    // Secrets go where they are sent, and nowhere else: no redirects.
    let config = Agent::config_builder().timeout_global(Some(TIMEOUT)).max_redirects(0).http_status_as_error(false);
    config.build().into()
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

/// A call blocks its thread, so it gets one of those that may be blocked.
async fn on_a_thread<T: Send + 'static>(call: impl FnOnce() -> Result<T, No> + Send + 'static) -> Result<T, No> {
    web::block(call).await.unwrap_or(Err(No::Unavailable))
}

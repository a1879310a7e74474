//! The doors of the demo's own server, over HTTP. What is asked is counted, so that it can be said that somebody asked nothing.

use super::play::Person;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::cell::Cell;
use std::time::Duration;
use ureq::Agent;
use ureq::http::Request;
use ureq::http::header::{AUTHORIZATION, CONTENT_TYPE};

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(60);

/// See the module.
pub struct Doors {
    agent: Agent,
    url: String,
    asked: Cell<u64>,
}

/// What is asked.
#[derive(Default)]
pub struct Question<'a> {
    /// GET, POST or DELETE.
    pub method: &'a str,
    /// The path.
    pub path: String,
    /// The header `Authorization`.
    pub authorization: Option<String>,
    /// Whom the app's backend tells of, in headers.
    pub person: Option<&'a Person>,
    /// A form.
    pub form: Vec<(&'static str, String)>,
    /// Or JSON.
    pub json: Option<Value>,
}

/// What came back, from a door or from an app that is played.
#[derive(Debug, Default)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body, where it is JSON.
    pub json: Value,
    /// How often Countersign was asked for it.
    pub asked: u64,
}

impl Doors {
    /// The doors at an address.
    pub fn new(url: &str) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_global(Some(ANSWER))
            .build();
        Self { agent: config.into(), url: url.to_owned(), asked: Cell::new(0) }
    }

    /// The server's address, which is the issuer as well.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How often something was asked.
    pub fn asked(&self) -> u64 {
        self.asked.get()
    }

    /// Asks.
    ///
    /// # Errors
    /// No answer came.
    pub fn ask(&self, question: &Question<'_>) -> Result<Answer, String> {
        self.asked.set(self.asked.get() + 1);
        let told = self
            .send(question)
            .map_err(|error| format!("the demo's server gives no answer ({error}); was it stopped?"))?;
        Ok(Answer { asked: 1, ..told })
    }

    fn send(&self, question: &Question<'_>) -> Result<Answer, ureq::Error> {
        let mut request = Request::builder().method(question.method).uri(format!("{}{}", self.url, question.path));
        if let Some(authorization) = &question.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        if let Some(person) = question.person {
            request = request.header("X-Forwarded-For", person.address).header("X-Forwarded-User-Agent", person.agent);
        }
        let mut response = match (&question.json, question.method) {
            (Some(json), _) => {
                self.agent.run(request.header(CONTENT_TYPE, "application/json").body(json.to_string())?)?
            }
            (None, "POST") => {
                let form = "application/x-www-form-urlencoded";
                self.agent.run(request.header(CONTENT_TYPE, form).body(encoded(&question.form))?)?
            }
            _ => self.agent.run(request.body(())?)?,
        };
        let body = response.body_mut().read_to_vec()?;
        let json = serde_json::from_slice(&body).unwrap_or_default();
        Ok(Answer { status: response.status().as_u16(), json, asked: 0 })
    }
}

/// A form as browsers send it.
fn encoded(form: &[(&str, String)]) -> String {
    let pairs = form.iter().map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)));
    pairs.collect::<Vec<_>>().join("&")
}

/// A client's id and secret as HTTP Basic has them. Both are made here, of characters that need no encoding.
pub fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

/// A token or key that is shown as it is.
pub fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

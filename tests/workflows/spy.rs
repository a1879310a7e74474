//! What stands between an app and Countersign: it passes everything on, and keeps what was asked and answered.

use crate::support::Answer;
use crate::support::loopback::{Request, forward, serve};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// The path through it.
pub struct Spy {
    url: String,
    seen: Arc<Mutex<Vec<Arc<Exchange>>>>,
    weather: Arc<Mutex<Weather>>,
}

/// What happens to answers on the way.
#[derive(PartialEq, Eq)]
enum Weather {
    Fair,
    /// The next answer from this path is lost.
    Loses(&'static str),
    /// Nothing gets through.
    Closed,
}

/// A request of the app, and Countersign's answer to it.
pub struct Exchange {
    pub method: String,
    pub path: String,
    request: Request,
    pub answer: Answer,
    /// When the answer was there, and not yet passed on.
    pub answered: Instant,
}

impl Exchange {
    fn of(request: Request, answer: Answer) -> Self {
        let method = request.head[0].split(' ').next().unwrap().to_owned();
        Self { method, path: request.path().to_owned(), request, answer, answered: Instant::now() }
    }

    pub fn header(&self, name: &str) -> Option<String> {
        self.request.header(name)
    }

    /// A field of the form that was posted.
    pub fn field(&self, name: &str) -> Option<String> {
        Some(decoded(&self.request.field(name)?.replace('+', " ")))
    }

    /// The id and the secret by which the client authenticates.
    pub fn basic(&self) -> [String; 2] {
        let header = self.header("Authorization").unwrap();
        let pair = STANDARD.decode(header.strip_prefix("Basic ").unwrap()).unwrap();
        let pair = String::from_utf8(pair).unwrap();
        let (id, secret) = pair.split_once(':').unwrap();
        [decoded(id), decoded(secret)]
    }

    /// The JSON that was posted.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.request.body).unwrap_or_else(|_| panic!("no JSON: {:?}", self.request.body))
    }

    /// The address and the user agent that the app tells of whoever asked it, as this door takes them.
    pub fn told(&self) -> [String; 2] {
        let told = if self.path.starts_with("/oauth2/") {
            ["X-Forwarded-For", "X-Forwarded-User-Agent"].map(|name| self.header(name))
        } else {
            let json = self.json();
            ["ipAddress", "userAgent"].map(|name| json["eventInfo"][name].as_str().map(str::to_owned))
        };
        told.map(|text| text.unwrap_or_else(|| panic!("{} {} does not tell the person", self.method, self.path)))
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8().unwrap().into_owned()
}

impl Spy {
    pub fn before(server: &str) -> Self {
        let address = server.strip_prefix("http://").unwrap().to_owned();
        let (seen, weather) = (Arc::<Mutex<Vec<_>>>::default(), Arc::new(Mutex::new(Weather::Fair)));
        let (kept, outside) = (seen.clone(), weather.clone());
        let url = serve(move |request| {
            if *outside.lock().unwrap() == Weather::Closed {
                return Vec::new();
            }
            let answer = forward(&address, &request);
            // A server that was killed meanwhile answers nothing.
            if answer.is_empty() {
                return answer;
            }
            let lost = {
                let mut weather = outside.lock().unwrap();
                let lost = matches!(*weather, Weather::Loses(path) if path == request.path());
                if lost {
                    *weather = Weather::Fair;
                }
                lost
            };
            let text = String::from_utf8(answer.clone()).unwrap();
            // Kept before it is passed on: whoever has an answer of the app finds what that took.
            kept.lock().unwrap().push(Arc::new(Exchange::of(request, Answer::parse(&text))));
            if lost { Vec::new() } else { answer }
        });
        Self { url, seen, weather }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Everything that was asked so far, in the order of the answers.
    pub fn seen(&self) -> Vec<Arc<Exchange>> {
        self.seen.lock().unwrap().clone()
    }

    /// Loses the next answer from a path. Countersign has answered it.
    pub fn lose_next(&self, path: &'static str) {
        *self.weather.lock().unwrap() = Weather::Loses(path);
    }

    /// Lets nothing through, or everything again.
    pub fn close(&self, closed: bool) {
        *self.weather.lock().unwrap() = if closed { Weather::Closed } else { Weather::Fair };
    }
}

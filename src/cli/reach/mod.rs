//! The one way from a command to the doors of administration: of a running server over HTTP, or of a stopped server's data
//! directory inside this process. What a command asks is the same in both.

mod here;
mod server;

use super::{Common, Failure, diagnostics};
use crate::app::World;
use crate::config::Config;
use clap::Args;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What stands in a path as it is: the unreserved characters of RFC 3986.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// How often a question is asked that may be asked again, until it is answered.
const TRIES: u32 = 5;
/// The longest wait between two tries.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// Where the doors are that a command asks.
#[derive(Args)]
pub struct Reach {
    /// A running server, such as https://auth.example.com; without it, the data directory of a stopped one
    #[arg(long, value_name = "URL", help_heading = "A running server", conflicts_with_all = ["config", "data_dir", "master_key"])]
    server: Option<String>,
    /// File of the API key, - for standard input [default: the variable COUNTERSIGN_API_KEY]
    #[arg(long, value_name = "FILE", help_heading = "A running server", requires = "server")]
    api_key_file: Option<PathBuf>,
    /// File of the certificates (PEM) that the server's is checked against [default: the system's]
    #[arg(long, value_name = "FILE", help_heading = "A running server", requires = "server")]
    ca_file: Option<PathBuf>,
    /// Send the API key in clear over http:// to another machine
    #[arg(long, help_heading = "A running server", requires = "server")]
    insecure_http: bool,
    /// Configuration file, the server's own
    #[arg(long, value_name = "FILE", help_heading = "Or a stopped server")]
    config: Option<PathBuf>,
    /// Data directory, which no server may be using [default: ./countersign-data]
    #[arg(long, value_name = "DIR", help_heading = "Or a stopped server")]
    data_dir: Option<PathBuf>,
    /// File of the master key [default: DIR.master.key]
    #[arg(long, value_name = "FILE", help_heading = "Or a stopped server")]
    master_key: Option<PathBuf>,
}

/// What a command does: on a data directory, one that only looks leaves no trace in the journal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Does {
    /// It looks.
    Look,
    /// It changes something.
    Change,
}

/// The doors, reached.
pub enum Doors {
    /// Those of a running server.
    Server(Arc<server::Server>),
    /// Those of this process.
    Here(Box<here::Here>),
}

/// A body to be sent.
#[derive(Clone)]
pub struct Body {
    /// Its content type.
    pub content_type: &'static str,
    /// The body.
    pub bytes: Vec<u8>,
    /// A header besides.
    pub header: Option<(&'static str, &'static str)>,
}

impl Body {
    /// A body of JSON.
    pub fn json(value: &Value) -> Self {
        Self { content_type: "application/json", bytes: value.to_string().into_bytes(), header: None }
    }
}

/// What a door told, whatever it was.
pub struct Told {
    /// The status.
    pub status: u16,
    /// After how many seconds to ask again, where the door said so.
    pub retry_after: Option<u64>,
    /// The body.
    pub body: Vec<u8>,
}

/// What a door answered that did what it was asked.
pub struct Answer {
    /// The body, as it came.
    pub text: String,
    /// The same, read.
    pub json: Value,
}

impl Reach {
    /// Opens the way, lets `work` ask, and closes it: a data directory is opened once, whatever is asked.
    ///
    /// # Errors
    /// Where there is no way, with what to do; and whatever `work` fails with.
    pub fn run<T>(self, does: Does, work: impl AsyncFnOnce(&Doors) -> Result<T, Failure>) -> Result<T, Failure> {
        if let Some(url) = &self.server {
            let key = server::api_key(self.api_key_file.as_deref())?;
            let server = server::Server::new(url, &key, self.ca_file.as_deref(), self.insecure_http)?;
            let doors = Doors::Server(Arc::new(server));
            return actix_rt::System::new().block_on(work(&doors));
        }
        here::run(&self.stopped()?, &World::real(), does, work)
    }

    /// The configuration of the stopped server that is meant.
    fn stopped(self) -> Result<Config, Failure> {
        let Self { config, data_dir, master_key, .. } = self;
        let config = Common { config, data_dir, master_key, listen: None }.load()?;
        diagnostics::start(&config.log);
        Ok(config)
    }
}

impl Doors {
    /// Asks a door.
    ///
    /// # Errors
    /// It refused, in its own words, or it was not reached.
    pub async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Answer, Failure> {
        let told = self.send(method, path, body.map(Body::json)).await?;
        told.granted()
    }

    /// Asks to see something.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub async fn get(&self, path: &str) -> Result<Answer, Failure> {
        self.ask("GET", path, None).await
    }

    /// Asks to do something, with a body.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer, Failure> {
        self.ask("POST", path, Some(body)).await
    }

    /// Asks to change something.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub async fn patch(&self, path: &str, body: &Value) -> Result<Answer, Failure> {
        self.ask("PATCH", path, Some(body)).await
    }

    /// Asks a door, and gives whatever it told. What only looks is asked again where the door has no time for it.
    ///
    /// # Errors
    /// It was not reached.
    pub async fn send(&self, method: &str, path: &str, body: Option<Body>) -> Result<Told, Failure> {
        if method == "GET" {
            self.send_again(method, path, body, TRIES).await
        } else {
            self.once(method, path, body).await
        }
    }

    /// The same for what may be asked twice: where the door has no time for it, it is asked again, a few times.
    ///
    /// # Errors
    /// It was not reached.
    pub async fn send_again(&self, method: &str, path: &str, body: Option<Body>, tries: u32) -> Result<Told, Failure> {
        let mut tried = 0;
        loop {
            tried += 1;
            let told = self.once(method, path, body.clone()).await?;
            if told.status != 503 || tried >= tries {
                return Ok(told);
            }
            let wait = Duration::from_secs(told.retry_after.unwrap_or(1).max(1)).min(WAIT_MAX);
            tokio::time::sleep(wait).await;
        }
    }

    async fn once(&self, method: &str, path: &str, body: Option<Body>) -> Result<Told, Failure> {
        match self {
            Self::Here(here) => here.ask(method, path, body).await,
            Self::Server(server) => {
                let (server, method, path) = (server.clone(), method.to_owned(), path.to_owned());
                let sent = actix_rt::task::spawn_blocking(move || server.ask(&method, &path, body.as_ref()));
                sent.await.map_err(Failure::new)?
            }
        }
    }
}

impl Answer {
    /// The same with one more field, where there is one.
    pub fn with(mut self, name: &str, value: Option<&str>) -> Self {
        if let Some(value) = value {
            self.json[name] = Value::from(value);
            self.text = self.json.to_string();
        }
        self
    }
}

impl Told {
    /// The answer, or why there is none.
    ///
    /// # Errors
    /// What the door refused with: its message, its code, and the id of the request.
    pub fn granted(self) -> Result<Answer, Failure> {
        let text = String::from_utf8_lossy(&self.body).into_owned();
        let json = serde_json::from_str::<Value>(&text).ok();
        match (self.status, json) {
            (200..=299, Some(json)) => Ok(Answer { text, json }),
            (300..=399, _) => Err(Failure::new(format!(
                "the server answered with a redirect ({}), which is not followed, for the API key would go along: name the address \
                 itself with --server",
                self.status
            ))),
            (status, Some(json)) if json["message"].is_string() => {
                let field = |name: &str| json[name].as_str().unwrap_or("-").to_owned();
                let (message, code, request) = (field("message"), field("error"), field("request_id"));
                let hint = if status == 401 { "; name the file of a key with --api-key-file" } else { "" };
                Err(Failure::new(format!("{message}{hint} ({code}, request {request})")))
            }
            (status, _) => Err(Failure::new(format!(
                "the server answered {status} without saying why: is it a Countersign, and is it the whole address?"
            ))),
        }
    }
}

/// A segment of a path.
pub fn segment(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

//! The command line of the backends, and the Countersign that they ask.

use super::countersign::Credentials;
use super::own_server::{LOGIN, OwnServer};
use super::told;
use clap::Args;
use countersign::domain::time::Span;
use std::env;
use std::error::Error;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

#[derive(Args)]
pub struct Options {
    /// Do as the workflow was first drawn: the refresh token is never replaced, and nobody asks whether a session was ended
    #[arg(long)]
    pub as_documented: bool,
    /// How long a JWT is good
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse, conflicts_with = "countersign")]
    pub access_ttl: Span,
    /// How long a login can be renewed
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = parse, conflicts_with = "countersign")]
    pub refresh_ttl: Span,
    /// How long a call to Countersign may take. A refresh is asked for three times: with more than 9s here the third may come after the
    /// client's `retry_window` of 30 seconds, and look stolen
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = parse)]
    pub timeout: Span,
    /// Ask a Countersign that runs already, and whose clients have `token_refresh = false`; the environment gives the secrets of each app: STORE_SECRET and
    /// STORE_KEY (its API key), FORUMS_SECRET and FORUMS_KEY. Without it the demo starts one of its own, on a temporary directory
    #[arg(long, value_name = "URL")]
    pub countersign: Option<String>,
    /// Its issuer, where that is not its URL
    #[arg(long, value_name = "URL", requires = "countersign")]
    pub issuer: Option<String>,
}

/// The way to Countersign.
pub struct Connection {
    pub url: String,
    pub issuer: String,
    /// How long a call may take.
    pub timeout: Duration,
    /// The server that was started for this demo. It ends with it.
    own: Option<OwnServer>,
}

impl Options {
    /// Finds the server, or starts one.
    pub fn connect(&self) -> Result<Connection, Box<dyn Error>> {
        let timeout = Duration::from_secs(self.timeout.as_seconds().unsigned_abs());
        if let Some(url) = &self.countersign {
            let url = url.trim_end_matches('/').to_owned();
            if !url.starts_with("http://") && !url.starts_with("https://") {
                return Err(format!("--countersign {url} is no URL: write http:// or https:// before it").into());
            }
            let issuer = self.issuer.clone().unwrap_or_else(|| url.clone());
            return Ok(Connection { url, issuer, timeout, own: None });
        }
        let rotation = if self.as_documented { "never" } else { "always" };
        let own = OwnServer::start(rotation, self.access_ttl, self.refresh_ttl)?;
        Ok(Connection { issuer: own.url.clone(), url: own.url.clone(), timeout, own: Some(own) })
    }

    /// Says how the demo goes, and who can log in. `lives`: what ends first, and when.
    pub fn introduce(&self, connection: &Connection, lives: &str) {
        if let Some(own) = &connection.own {
            told::line(if self.as_documented {
                "As documented: a refresh token stays the same for its whole life (without the flag each is good once)."
            } else {
                "With Countersign's defaults: each refresh token is good once (--as-documented: the same one for ever)."
            });
            told::line(format!(
                "{lives}; {} after the login nothing renews it. Wait, and come back.",
                self.refresh_ttl
            ));
            told::line(format!("Log in as {LOGIN} with the password {}", own.password));
        }
        told::line("Steps that happen are told here with their numbers in docs/WORKFLOWS.md. Ctrl-C ends the demo.\n");
    }
}

impl Connection {
    /// What the app named `NAME_…` in the environment shows; `own`: where the demo's own server has it.
    ///
    /// # Errors
    /// Where the environment lacks it, or has what cannot be sent.
    pub fn credentials(
        &self,
        name: &str,
        client: &'static str,
        own: impl Fn(&OwnServer) -> &Credentials,
    ) -> Result<Credentials, Box<dyn Error>> {
        if let Some(server) = &self.own {
            return Ok(own(server).clone());
        }
        let secret = |what: &str| {
            let name = format!("{name}_{what}");
            match env::var(&name) {
                Ok(value) if !value.is_empty() && value.chars().all(|c| c.is_ascii_graphic()) => Ok(value),
                Ok(_) => Err(format!(
                    "{name} has characters that no secret or API key has: is there a line break at its end?"
                )),
                Err(_) => Err(format!("--countersign needs the app's secrets: set {name}")),
            }
        };
        Ok(Credentials { client, secret: secret("SECRET")?, key: secret("KEY")? })
    }

    /// The password of the demo's account, where this demo made it.
    pub fn password(&self) -> Option<&str> {
        self.own.as_ref().map(|own| own.password.as_str())
    }
}

/// An address to listen on. These are demos: what they believe of a request is true on one machine only.
pub fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr =
        text.parse().map_err(|_| "write an address and a port, such as 127.0.0.1:8091".to_owned())?;
    if address.ip().is_loopback() { Ok(address) } else { Err("the demo apps listen on loopback only".to_owned()) }
}

/// Listens.
///
/// # Errors
/// Where another program does.
pub fn listen(address: SocketAddr) -> Result<TcpListener, Box<dyn Error>> {
    TcpListener::bind(address)
        .map_err(|error| format!("cannot listen on {address} ({error}): choose another --listen").into())
}

/// A duration: an integer and `s`, `m`, `h` or `d`.
pub fn parse(text: &str) -> Result<Span, String> {
    text.parse()
}

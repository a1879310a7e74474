//! The command line of the backends, and the Countersign that they ask.

use super::own_server::{LOGIN, OwnServer};
use super::told;
use clap::Args;
use countersign::domain::time::Span;
use std::error::Error;
use std::net::SocketAddr;

#[derive(Args)]
pub struct Options {
    /// Do as the workflow was first drawn: the refresh token is never replaced, and nobody asks whether a session was ended
    #[arg(long)]
    pub as_documented: bool,
    /// How long a JWT is good
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse)]
    pub access_ttl: Span,
    /// How long a refresh token is good
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = parse)]
    pub refresh_ttl: Span,
    /// A Countersign that runs already; without it the demo starts one of its own, on a temporary directory
    #[arg(long, value_name = "URL", requires_all = ["store_secret", "store_key", "forums_secret", "forums_key"])]
    pub countersign: Option<String>,
    /// Its issuer, where that is not its URL
    #[arg(long, value_name = "URL", requires = "countersign")]
    pub issuer: Option<String>,
    // Secrets are no arguments: those can be seen by everybody on the machine.
    #[arg(long, env = "STORE_SECRET", hide = true, hide_env_values = true)]
    store_secret: Option<String>,
    #[arg(long, env = "STORE_KEY", hide = true, hide_env_values = true)]
    store_key: Option<String>,
    #[arg(long, env = "FORUMS_SECRET", hide = true, hide_env_values = true)]
    forums_secret: Option<String>,
    #[arg(long, env = "FORUMS_KEY", hide = true, hide_env_values = true)]
    forums_key: Option<String>,
}

/// The way to Countersign: its URL, and the client secret and API key of each app.
pub struct Way {
    pub url: String,
    pub issuer: String,
    pub store: (String, String),
    pub forums: (String, String),
    /// The server that was started for this demo. It ends with it.
    own: Option<OwnServer>,
}

impl Options {
    /// Finds the server, or starts one.
    pub fn way(&self) -> Result<Way, Box<dyn Error>> {
        let secret = |secret: &Option<String>| secret.clone().unwrap_or_default();
        if let Some(url) = &self.countersign {
            let url = url.trim_end_matches('/').to_owned();
            return Ok(Way {
                issuer: self.issuer.clone().unwrap_or_else(|| url.clone()),
                url,
                store: (secret(&self.store_secret), secret(&self.store_key)),
                forums: (secret(&self.forums_secret), secret(&self.forums_key)),
                own: None,
            });
        }
        let rotation = if self.as_documented { "never" } else { "always" };
        let own = OwnServer::start(rotation, self.access_ttl, self.refresh_ttl)?;
        let (store, forums) = (own.store.clone(), own.forums.clone());
        Ok(Way { issuer: own.url.clone(), url: own.url.clone(), store, forums, own: Some(own) })
    }

    /// Says how the demo goes, and who can log in.
    pub fn say(&self, way: &Way) {
        told::line(if self.as_documented {
            "As documented: a refresh token stays the same for its whole life (without this flag each is good once)."
        } else {
            "With Countersign's defaults: each refresh token is good once (--as-documented: the same one for ever)."
        });
        if let Some(own) = &way.own {
            let Self { access_ttl, refresh_ttl, .. } = self;
            told::line(format!("A JWT is good for {access_ttl}, a login for {refresh_ttl}: wait, and come back."));
            told::line(format!("Log in as {LOGIN} with the password {}", own.password));
        }
        told::line("Each step that happens is told here with its number in docs/WORKFLOWS.md. Ctrl-C ends the demo.\n");
    }
}

impl Way {
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

/// A duration: an integer and `s`, `m`, `h` or `d`.
pub fn parse(text: &str) -> Result<Span, String> {
    text.parse()
}

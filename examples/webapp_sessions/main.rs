//! The store and the forums as web apps with server-side sessions: workflow 2 of docs/WORKFLOWS.md.
//!
//! The browser has two cookies: the id of a session that this app keeps in memory, and a refresh token. While the session lives, the app knows the
//! person by itself. When it has expired, the refresh token gets a new one without another login.
//!
//! ```text
//! cargo run --release --example webapp_sessions
//! ```

#[allow(dead_code, reason = "each of the three backends has its own part of what they share")]
#[path = "../common/mod.rs"]
mod common;

use actix_web::HttpRequest;
use clap::Parser;
use common::countersign::No;
use common::jwt::{Claims, Jwt};
use common::options::{Options, parse};
use common::own_server;
use common::person::Person;
use common::renewal::{Numbers, Renewed};
use common::site::Site;
use common::web::{cookie, until_closed};
use common::web_app::{self, Login, Visit};
use countersign::domain::time::Span;
use countersign::entropy::{SystemEntropy, token};
use std::collections::HashMap;
use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A store and a forum with server-side sessions and refresh tokens, to be tried with a browser.
#[derive(Parser)]
struct Arguments {
    /// Where to listen, on loopback; port 0 picks one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8091", value_parser = common::options::loopback)]
    listen: SocketAddr,
    /// How long a session of the app's own lives after its last use
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse)]
    session_ttl: Span,
    #[command(flatten)]
    options: Options,
}

/// Sessions at most. The one that was used the longest ago makes room.
const SESSIONS: usize = 10_000;

/// A session of this app's own. Countersign never sees its id.
struct Session {
    who: Claims,
    ends: Instant,
}

/// What is known of a session id.
enum Found {
    Live(Claims),
    Expired,
    Never,
}

/// Somebody is logged in while a session is in this map, and for longer with a refresh token.
struct Sessions {
    ttl: Duration,
    /// Whether Countersign is asked at each request if its session is still open. Otherwise one that was revoked there is found out
    /// when this app's own session has expired.
    asks: bool,
    map: Mutex<HashMap<String, Session>>,
}

impl Sessions {
    fn find(&self, id: &str) -> Found {
        match self.map.lock().expect("no holder panics").get(id) {
            Some(session) if session.ends > Instant::now() => Found::Live(session.who.clone()),
            Some(_) => Found::Expired,
            None => Found::Never,
        }
    }

    /// A new id each time: one that somebody slipped into a browser before a login is worth nothing after it.
    fn begin(&self, who: Claims) -> String {
        let (id, mut map) = (token(&SystemEntropy), self.map.lock().expect("no holder panics"));
        if map.len() >= SESSIONS
            && let Some(oldest) = map.iter().min_by_key(|(_, session)| session.ends).map(|(id, _)| id.clone())
        {
            map.remove(&oldest);
        }
        map.insert(id.clone(), Session { who, ends: Instant::now() + self.ttl });
        id
    }

    fn extend(&self, id: &str) {
        if let Some(session) = self.map.lock().expect("no holder panics").get_mut(id) {
            session.ends = Instant::now() + self.ttl;
        }
    }

    fn remove(&self, id: &str) {
        self.map.lock().expect("no holder panics").remove(id);
    }

    /// Whether the session that stands behind ours is open, as far as this app wants to know.
    async fn is_open(&self, site: &Site, who: &Claims) -> Result<bool, No> {
        if !self.asks {
            return Ok(true);
        }
        let open = site.countersign.is_open(who.sid.clone()).await?;
        if !open {
            site.aside(format!("Countersign says that session {} is over: so is ours", who.sid));
        }
        Ok(open)
    }

    /// The page is asked for without a session that lives: the refresh token gets a new one.
    async fn renew(&self, site: &Site, request: &HttpRequest, good: usize, why: &str) -> Visit {
        let Renewed { who, next, .. } = match Visit::renewed(site, request, Numbers { good, dead: DEAD }, why).await {
            Ok(renewed) => renewed,
            Err(visit) => return visit,
        };
        site.same_step(good + 3, format!("a new session of ours begins for {}", who.email));
        let id = self.begin(who.clone());
        site.same_step(good + 4, "the browser gets its page, and the new session's id in a cookie");
        Visit::again(who, until_closed(Self::COOKIE, &id), next.as_deref())
    }
}

/// The numbers of the first step in which a session is renewed; in which a thief does that, who can be told from the owner by nothing but a session id that
/// this app never gave; and in which the refresh token turns out to be dead.
const RENEWED: usize = 13;
const STOLEN: usize = 35;
const DEAD: usize = 18;
/// How much higher the forums' numbers are.
const FURTHER: usize = 22;

impl Login for Sessions {
    const AGAIN: usize = 22;
    const COOKIE: &str = "session";

    async fn log_in(
        &self,
        site: &Site,
        login: String,
        password: String,
        person: Person,
    ) -> Result<(String, String), No> {
        site.step(6, "login and password go to Countersign: POST /oauth2/token, grant_type=password");
        let tokens = site.countersign.password_grant(login, password, person).await?;
        site.step(7, "200: the password is right; a JWT and a refresh token");
        let Jwt::Good(who) = site.judge(&tokens.jwt).await else { return Err(No::Unavailable) };
        site.step(8, format!("a session of ours begins for {}", who.email));
        let id = self.begin(who);
        site.step(
            9,
            format!("the browser is sent to {}, with the session's id and the refresh token in cookies", site.page),
        );
        Ok((id, tokens.refresh))
    }

    async fn visit(&self, site: &Site, request: &HttpRequest) -> Visit {
        let Some(id) = cookie(request, Self::COOKIE) else {
            return self.renew(site, request, RENEWED, "no session id").await;
        };
        let who = match self.find(&id) {
            Found::Live(who) => who,
            Found::Expired => return self.renew(site, request, RENEWED, "the id of a session that has expired").await,
            Found::Never => return self.renew(site, request, STOLEN, "a session id that is not ours").await,
        };
        match self.is_open(site, &who).await {
            Ok(true) => {}
            Ok(false) => {
                self.remove(&id);
                return self.renew(site, request, RENEWED, "the id of a session that was ended").await;
            }
            Err(_) => return Visit::Unknown,
        }
        // Somebody with a stolen session id looks the same: steps 40 to 42.
        site.step(10, format!("the browser asks for {} with the id of a session", site.page));
        self.extend(&id);
        site.step(11, "the session is found, and lives on from now");
        site.step(12, format!("the browser gets the page of {}", who.email));
        Visit::In { who, cookies: Vec::new() }
    }

    async fn peek(&self, _: &Site, request: &HttpRequest) -> Option<Claims> {
        match self.find(&cookie(request, Self::COOKIE)?) {
            Found::Live(who) => Some(who),
            Found::Expired | Found::Never => None,
        }
    }

    fn forget(&self, request: &HttpRequest) {
        if let Some(id) = cookie(request, Self::COOKIE) {
            self.remove(&id);
        }
    }
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    if let Some(code) = own_server::is_the_server() {
        return Ok(code);
    }
    let Arguments { listen, session_ttl, options } = Arguments::parse();
    let ttl = Duration::from_secs(session_ttl.as_seconds().unsigned_abs());
    let sessions = || Sessions { ttl, asks: !options.as_documented, map: Mutex::default() };
    actix_web::rt::System::new().block_on(web_app::serve(listen, &options, FURTHER, sessions))?;
    Ok(ExitCode::SUCCESS)
}

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
use common::person::Person;
use common::site::{Site, given};
use common::told::Told;
use common::web::{cookie, until_closed};
use common::web_app::{self, Away, Login, REDEEMED, Steps, Visitor, next_cookie, renew};
use countersign::domain::time::Span;
use countersign::entropy::{SystemEntropy, token};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::{Mutex, MutexGuard};
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

/// Sessions at most, and how long one that has expired is told from one that never was. When there are too many, the one that ends first
/// makes room.
const SESSIONS: usize = 10_000;
const REMEMBERED: Duration = Duration::from_secs(3600);

/// A session of this app's own. Countersign never sees its id.
struct Session {
    who: Claims,
    ends: Instant,
}

/// What is known of a session id.
enum Found {
    Live(Claims),
    Expired,
    /// It is none of ours, or one from long ago.
    Never,
}

/// Somebody is logged in while a session is in this map, and for longer with a refresh token.
struct Sessions {
    ttl: Duration,
    /// Whether Countersign is asked at each request if the session behind ours is still open. Without that, one that was revoked there is found
    /// out only when ours has expired.
    checks: bool,
    map: Mutex<HashMap<String, Session>>,
}

impl Sessions {
    fn map(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.map.lock().expect("no holder panics")
    }

    fn find(&self, id: &str) -> Found {
        match self.map().get(id) {
            Some(session) if session.ends > Instant::now() => Found::Live(session.who.clone()),
            Some(_) => Found::Expired,
            None => Found::Never,
        }
    }

    /// A new id each time: one that somebody slipped into a browser before a login is worth nothing after it.
    fn begin(&self, who: Claims) -> String {
        let (id, mut map, now) = (token(&SystemEntropy), self.map(), Instant::now());
        map.retain(|_, session| session.ends + REMEMBERED > now);
        if map.len() >= SESSIONS
            && let Some(oldest) = map.iter().min_by_key(|(_, session)| session.ends).map(|(id, _)| id.clone())
        {
            map.remove(&oldest);
        }
        map.insert(id.clone(), Session { who, ends: now + self.ttl });
        id
    }

    fn extend(&self, id: &str) {
        if let Some(session) = self.map().get_mut(id) {
            session.ends = Instant::now() + self.ttl;
        }
    }

    /// Whether the session that stands behind ours is open, as far as this app wants to know.
    async fn is_open(&self, site: &Site, who: &Claims) -> Result<bool, No> {
        if self.checks { site.countersign.is_open(who.sid.clone()).await } else { Ok(true) }
    }

    /// The page is asked for without a session that lives: the refresh token gets a new one. `first` is the number of the first step.
    async fn renewed(&self, site: &Site, request: &HttpRequest, first: usize, why: &str) -> Result<Visitor, Away> {
        let asked = format!("the browser asks for {} with a refresh token and {why}", site.look.page);
        let renewed = renew::<Self>(site, request, &asked).await?;
        let told = [
            asked,
            REDEEMED.to_owned(),
            given(renewed.next.as_ref()),
            format!("a new session of ours begins for {}", renewed.who.email),
            "the browser gets its page, and the new session's id in a cookie".to_owned(),
        ];
        let mut cookies = next_cookie(renewed.next.as_deref());
        cookies.push(until_closed(Self::COOKIE, &self.begin(renewed.who.clone())));
        Ok(Visitor { who: renewed.who, cookies, told: Told::new(first, told) })
    }
}

/// The first step in which an expired session is renewed, of five; and the first in which a thief does that, who shows a session id that this
/// app does not know. An owner who comes back after the app was started anew shows the same.
const EXPIRED: usize = 13;
const UNKNOWN: usize = 35;

impl Login for Sessions {
    const STEPS: Steps = Steps { dead: 18, again: 22, forums: 22 };
    const COOKIE: &str = "session";
    const DOMAIN: &str = "sessions";

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
        let page = site.look.page;
        site.step(9, format!("the browser is sent to {page}, with the session's id and the refresh token in cookies"));
        Ok((id, tokens.refresh))
    }

    async fn visit(&self, site: &Site, request: &HttpRequest) -> Result<Visitor, Away> {
        let Some(id) = cookie(request, Self::COOKIE) else {
            return self.renewed(site, request, EXPIRED, "no session id").await;
        };
        let who = match self.find(&id) {
            Found::Live(who) => who,
            Found::Expired => return self.renewed(site, request, EXPIRED, "the id of an expired session").await,
            Found::Never => return self.renewed(site, request, UNKNOWN, "a session id that is not known").await,
        };
        match self.is_open(site, &who).await {
            Ok(true) => {}
            Ok(false) => {
                site.aside(format!("Countersign says that its session {} is over, so ours is too", who.sid));
                self.forget(request);
                return self.renewed(site, request, EXPIRED, "the id of a session that was ended").await;
            }
            Err(_) => return Err(Away::Unknown { cookies: Vec::new() }),
        }
        self.extend(&id);
        // Somebody with a stolen session id looks the same: steps 40 to 42.
        let told = [
            format!("the browser asks for {} with the id of a session", site.look.page),
            "the session is found, and lives on from now".to_owned(),
            format!("the browser gets the page of {}", who.email),
        ];
        Ok(Visitor { who, cookies: Vec::new(), told: Told::new(site.number(10), told) })
    }

    async fn peek(&self, _: &Site, request: &HttpRequest) -> Option<Claims> {
        match self.find(&cookie(request, Self::COOKIE)?) {
            Found::Live(who) => Some(who),
            Found::Expired | Found::Never => None,
        }
    }

    fn forget(&self, request: &HttpRequest) {
        if let Some(id) = cookie(request, Self::COOKIE) {
            self.map().remove(&id);
        }
    }
}

fn main() -> ExitCode {
    common::run(async || {
        let Arguments { listen, session_ttl, options } = Arguments::parse();
        let ttl = Duration::from_secs(session_ttl.as_seconds().unsigned_abs());
        let sessions = || Sessions { ttl, checks: !options.as_documented, map: Mutex::default() };
        let lives = format!("A session of the app ends {session_ttl} after its last use");
        web_app::serve(listen, &options, &lives, sessions).await
    })
}

//! The store and the forums as web apps that keep nothing: workflow 3 of docs/WORKFLOWS.md.
//!
//! The browser has two cookies, a JWT and a refresh token. The JWT says who the person is, and the app believes it after it has verified it by itself.
//! When the JWT has expired, the refresh token gets another one without another login.
//!
//! ```text
//! cargo run --release --example webapp_native
//! ```

#[allow(dead_code, reason = "each of the three backends has its own part of what they share")]
#[path = "../common/mod.rs"]
mod common;

use actix_web::HttpRequest;
use clap::Parser;
use common::countersign::{No, Tokens};
use common::jwt::{Claims, Jwt};
use common::options::Options;
use common::person::Person;
use common::site::{Site, given};
use common::told::Told;
use common::web::{cookie, until_closed};
use common::web_app::{self, Away, Login, REDEEMED, Steps, Visitor, next_cookie, renew};
use std::net::SocketAddr;
use std::process::ExitCode;

/// A store and a forum that keep a JWT and a refresh token in the browser, to be tried with one.
#[derive(Parser)]
struct Arguments {
    /// Where to listen, on loopback; port 0 picks one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8092", value_parser = common::options::loopback)]
    listen: SocketAddr,
    #[command(flatten)]
    options: Options,
}

/// Nothing is kept here: whoever shows a JWT is who it says.
struct InTheBrowser;

/// The first step in which an expired JWT is renewed, of four; and the first in which a thief does that, who shows a JWT that is not valid.
const EXPIRED: usize = 11;
const INVALID: usize = 30;

impl InTheBrowser {
    /// The page is asked for without a JWT that is good: the refresh token gets another one. `first` is the number of the first step.
    async fn renewed(&self, site: &Site, request: &HttpRequest, first: usize, why: &str) -> Result<Visitor, Away> {
        let asked = format!("the browser asks for {} with a refresh token and {why}", site.look.page);
        let renewed = renew::<Self>(site, request, &asked).await?;
        let told = [
            asked,
            REDEEMED.to_owned(),
            given(renewed.next.as_ref()),
            format!("the browser gets the page of {}, and the new JWT in a cookie", renewed.who.email),
        ];
        let mut cookies = next_cookie(renewed.next.as_deref());
        cookies.push(until_closed(Self::COOKIE, &renewed.jwt));
        Ok(Visitor { who: renewed.who, cookies, told: Told::new(first, told) })
    }
}

impl Login for InTheBrowser {
    const STEPS: Steps = Steps { dead: 15, again: 19, forums: 19 };
    const COOKIE: &str = "jwt";
    const DOMAIN: &str = "native";

    async fn log_in(
        &self,
        site: &Site,
        login: String,
        password: String,
        person: Person,
    ) -> Result<(String, String), No> {
        site.step(6, "login and password go to Countersign: POST /api/login");
        let Tokens { jwt, refresh } = site.countersign.login(login, password, person).await?;
        site.step(7, "200: the password is right; the user, a JWT and a refresh token");
        site.step(
            8,
            format!("the browser is sent to {}, with the JWT and the refresh token in cookies", site.look.page),
        );
        Ok((jwt, refresh))
    }

    async fn visit(&self, site: &Site, request: &HttpRequest) -> Result<Visitor, Away> {
        let Some(jwt) = cookie(request, Self::COOKIE) else {
            return self.renewed(site, request, EXPIRED, "no JWT").await;
        };
        match site.judge(&jwt).await {
            Jwt::Good(who) => {
                // Somebody with a stolen JWT looks the same: steps 34 and 35.
                let told = [
                    format!("the browser asks for {} with a JWT", site.look.page),
                    format!("the JWT is verified, and nobody is asked: the browser gets the page of {}", who.email),
                ];
                Ok(Visitor { who, cookies: Vec::new(), told: Told::new(site.number(9), told) })
            }
            Jwt::Expired => self.renewed(site, request, EXPIRED, "a JWT that has expired").await,
            Jwt::Invalid => self.renewed(site, request, INVALID, "a JWT that is not valid").await,
            Jwt::Unknown => Err(Away::Unknown { cookies: Vec::new() }),
        }
    }

    async fn peek(&self, site: &Site, request: &HttpRequest) -> Option<Claims> {
        match site.judge(&cookie(request, Self::COOKIE)?).await {
            Jwt::Good(who) => Some(who),
            Jwt::Expired | Jwt::Invalid | Jwt::Unknown => None,
        }
    }

    /// There is nothing to forget: until it expires, the JWT is good for whoever has a copy.
    fn forget(&self, _: &HttpRequest) {}
}

fn main() -> ExitCode {
    common::run(async || {
        let Arguments { listen, options } = Arguments::parse();
        let lives = format!("A JWT is good for {}", options.access_ttl);
        web_app::serve(listen, &options, &lives, || InTheBrowser).await
    })
}

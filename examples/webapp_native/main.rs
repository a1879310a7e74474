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
use common::own_server;
use common::person::Person;
use common::renewal::{Numbers, Renewed};
use common::site::Site;
use common::web::{cookie, until_closed};
use common::web_app::{self, Login, Visit};
use std::error::Error;
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

/// Nothing is kept: whoever shows a JWT is who it says.
struct InTheBrowser;

/// The numbers of the first step in which a JWT is renewed; in which a thief does that, who can be told from the owner by nothing but a JWT that is
/// none; and in which the refresh token turns out to be dead.
const RENEWED: usize = 11;
const STOLEN: usize = 30;
const DEAD: usize = 15;
/// How much higher the forums' numbers are.
const FURTHER: usize = 19;

impl InTheBrowser {
    /// The page is asked for without a JWT that is good: the refresh token gets another one.
    async fn renew(&self, site: &Site, request: &HttpRequest, good: usize, why: &str) -> Visit {
        let Renewed { jwt, who, next } = match Visit::renewed(site, request, Numbers { good, dead: DEAD }, why).await {
            Ok(renewed) => renewed,
            Err(visit) => return visit,
        };
        site.same_step(good + 3, format!("the browser gets the page of {}, and the new JWT in a cookie", who.email));
        Visit::again(who, until_closed(Self::COOKIE, &jwt), next.as_deref())
    }
}

impl Login for InTheBrowser {
    const AGAIN: usize = 19;
    const COOKIE: &str = "jwt";

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
        site.step(8, format!("the browser is sent to {}, with the JWT and the refresh token in cookies", site.page));
        Ok((jwt, refresh))
    }

    async fn visit(&self, site: &Site, request: &HttpRequest) -> Visit {
        let Some(jwt) = cookie(request, Self::COOKIE) else {
            return self.renew(site, request, RENEWED, "no JWT").await;
        };
        match site.judge(&jwt).await {
            Jwt::Good(who) => {
                // Somebody with a stolen JWT looks the same: steps 34 and 35.
                site.step(9, format!("the browser asks for {} with a JWT", site.page));
                site.step(
                    10,
                    format!("the JWT is verified, and nobody is asked: the browser gets the page of {}", who.email),
                );
                Visit::In { who, cookies: Vec::new() }
            }
            Jwt::Expired => self.renew(site, request, RENEWED, "a JWT that has expired").await,
            Jwt::Invalid => self.renew(site, request, STOLEN, "a JWT that is not valid").await,
            Jwt::Unknown => Visit::Unknown,
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

fn main() -> Result<ExitCode, Box<dyn Error>> {
    if let Some(code) = own_server::is_the_server() {
        return Ok(code);
    }
    let Arguments { listen, options } = Arguments::parse();
    actix_web::rt::System::new().block_on(web_app::serve(listen, &options, FURTHER, || InTheBrowser))?;
    Ok(ExitCode::SUCCESS)
}

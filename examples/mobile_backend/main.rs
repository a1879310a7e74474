//! The backend of a mobile app, with a JSON API: workflow 1 of docs/WORKFLOWS.md. The example `phone` plays the app.
//!
//! The phone keeps a JWT and a refresh token and shows both with each request. The backend keeps nothing: it verifies the JWT by itself, and when that has
//! expired, the refresh token gets another one, which the phone is given with the answer.
//!
//! ```text
//! cargo run --release --example mobile_backend
//! ```

#[allow(dead_code, reason = "each of the three backends has its own part of what they share")]
#[path = "../common/mod.rs"]
mod common;

use actix_web::error::InternalError;
use actix_web::http::header::AUTHORIZATION;
use actix_web::web::{Data, Json, JsonConfig};
use actix_web::{App, HttpRequest, HttpResponse, HttpResponseBuilder, HttpServer, web};
use clap::Parser;
use common::countersign::No;
use common::jwt::{Claims, Jwt};
use common::options::{self, Options};
use common::person::{Person, text};
use common::site::{NotRenewed, Site, given};
use common::told::{self, Told};
use serde::Deserialize;
use serde_json::{Value, json};
use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;

/// The backend of a mobile app: a JSON API, to be tried with the example `phone`.
#[derive(Parser)]
struct Arguments {
    /// Where to listen, on loopback; port 0 picks one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8093", value_parser = common::options::loopback)]
    listen: SocketAddr,
    #[command(flatten)]
    options: Options,
}

/// The header in which the phone shows its refresh token.
const REFRESH: &str = "X-Refresh-Token";
/// Bytes of a body at most.
const BODY: usize = 4096;

/// The first step in which an expired JWT is renewed, of four; in which a thief does that, who shows a JWT that is not valid; and in which the refresh
/// token turns out to be dead.
const EXPIRED: usize = 8;
const INVALID: usize = 17;
const DEAD: usize = 12;

/// Who asks, and the tokens that the phone has to keep from now on.
struct Asker {
    who: Claims,
    /// `token`, and `refreshToken` where that was replaced.
    renewed: Value,
}

#[derive(Deserialize)]
struct Typed {
    login: String,
    password: String,
}

#[derive(Deserialize)]
struct Wanted {
    item: String,
}

/// `POST /api/login`
async fn log_in(backend: Data<Site>, request: HttpRequest, typed: Json<Typed>) -> HttpResponse {
    let Typed { login, password } = typed.into_inner();
    backend.step(2, "the phone posts what was typed into the app's form");
    backend.step(3, "login and password go to Countersign: POST /oauth2/token, grant_type=password");
    match backend.countersign.password_grant(login, password, Person::of(&request)).await {
        Ok(tokens) => {
            backend.step(4, "200: the password is right; a JWT and a refresh token");
            backend.step(5, "the phone is given both");
            answer(HttpResponse::Ok(), json!({"token": tokens.jwt, "refreshToken": tokens.refresh}))
        }
        Err(No::Refused) => {
            backend.aside("Countersign refuses that login");
            logged_out("that did not work: check the login and the password")
        }
        Err(No::Unavailable) => try_again(json!({})),
    }
}

/// `GET /api/cart`
async fn cart(backend: Data<Site>, request: HttpRequest) -> HttpResponse {
    asker(&backend, &request).await.map_or_else(|answer| answer, |asker| shown(&backend, asker))
}

/// `POST /api/cart`
async fn add(backend: Data<Site>, request: HttpRequest, wanted: Json<Wanted>) -> HttpResponse {
    match asker(&backend, &request).await {
        Ok(asker) => {
            backend.lists.add(&asker.who.sub, &wanted.item);
            shown(&backend, asker)
        }
        Err(answer) => answer,
    }
}

/// `POST /api/logout`
async fn log_out(backend: Data<Site>, request: HttpRequest) -> HttpResponse {
    let refresh = text(request.headers(), REFRESH).to_owned();
    if refresh.is_empty() {
        return logged_out("there is no refresh token in the request: nobody is logged out");
    }
    match backend.countersign.log_out(refresh).await {
        Ok(()) => {
            backend.aside("log out: the session is revoked at Countersign");
            HttpResponse::NoContent().finish()
        }
        Err(No::Refused) => logged_out("the refresh token is none of this app"),
        // Until it is answered, the session lives, and whoever wanted to leave must know.
        Err(No::Unavailable) => try_again(json!({})),
    }
}

/// Finds out who asks, and renews the JWT where its time is over.
async fn asker(backend: &Site, request: &HttpRequest) -> Result<Asker, HttpResponse> {
    let jwt = text(request.headers(), AUTHORIZATION.as_str()).strip_prefix("Bearer ").unwrap_or_default();
    let (first, why) = match backend.judge(jwt).await {
        Jwt::Good(who) => {
            // Somebody with a stolen JWT looks the same: steps 21 and 22.
            backend.step(6, "the phone asks for the cart with a JWT that is good");
            backend
                .step(7, format!("the JWT is verified, and nobody is asked: the phone gets the cart of {}", who.email));
            return Ok(Asker { who, renewed: json!({}) });
        }
        Jwt::Expired => (EXPIRED, "a JWT that has expired"),
        Jwt::Invalid if jwt.is_empty() => (EXPIRED, "no JWT"),
        Jwt::Invalid => (INVALID, "a JWT that is not valid"),
        Jwt::Unknown => return Err(try_again(json!({}))),
    };
    let refresh = text(request.headers(), REFRESH).to_owned();
    if refresh.is_empty() {
        backend.aside(format!("a phone asks for the cart with {why}, and without a refresh token: 401"));
        return Err(logged_out("log in first"));
    }
    let asked = format!("the phone asks for the cart with a refresh token and {why}");
    let redeemed = "the refresh token goes to Countersign: POST /api/jwt/refresh".to_owned();
    match backend.redeem(refresh, Person::of(request)).await {
        Ok(renewed) => {
            let got = format!("the phone gets the cart of {}, and what is new of the tokens", renewed.who.email);
            backend.tell(&Told::new(first, [asked, redeemed, given(renewed.next.as_ref()), got]));
            let mut tokens = json!({"token": renewed.jwt});
            if let Some(next) = renewed.next {
                tokens["refreshToken"] = json!(next);
            }
            Ok(Asker { who: renewed.who, renewed: tokens })
        }
        Err(NotRenewed::Dead) => {
            let dead = "404: the refresh token is not good any more".to_owned();
            let told = "the phone is told 401: nobody is logged in any more".to_owned();
            backend.tell(&Told::new(DEAD, [asked, redeemed, dead, told]));
            Err(logged_out("the login has ended: log in again"))
        }
        Err(NotRenewed::Unknown { next: Some(next) }) => Err(try_again(json!({"refreshToken": next}))),
        Err(NotRenewed::Unknown { next: None }) => Err(try_again(json!({}))),
    }
}

/// The cart, and the tokens that the phone has to keep from now on.
fn shown(backend: &Site, Asker { who, mut renewed }: Asker) -> HttpResponse {
    renewed["items"] = json!(backend.lists.get(&who.sub));
    answer(HttpResponse::Ok(), renewed)
}

fn logged_out(why: &str) -> HttpResponse {
    answer(HttpResponse::Unauthorized(), json!({"error": "logged_out", "message": why}))
}

/// Nobody knows whether this person is logged in. Whoever is, stays so, and keeps the tokens but for what is new of them.
fn try_again(mut renewed: Value) -> HttpResponse {
    renewed["error"] = json!("unavailable");
    renewed["message"] = json!("try again in some seconds");
    let mut refusal = HttpResponse::ServiceUnavailable();
    refusal.insert_header(("Retry-After", "5"));
    answer(refusal, renewed)
}

fn answer(mut answer: HttpResponseBuilder, body: Value) -> HttpResponse {
    answer.insert_header(("Cache-Control", "no-store")).json(body)
}

/// How bodies are read.
fn bodies() -> JsonConfig {
    JsonConfig::default().limit(BODY).error_handler(|error, _| {
        let told = json!({"error": "invalid_request", "message": error.to_string()});
        InternalError::from_response(error, answer(HttpResponse::BadRequest(), told)).into()
    })
}

async fn serve(address: SocketAddr, options: &Options) -> Result<(), Box<dyn Error>> {
    let listener = options::listen(address)?;
    let address = listener.local_addr()?;
    let connection = options.connect()?;
    let backend = Data::new(Site::mobile(&connection)?);
    let server = HttpServer::new(move || {
        let api = web::scope("/api")
            .route("/login", web::post().to(log_in))
            .route("/cart", web::get().to(cart))
            .route("/cart", web::post().to(add))
            .route("/logout", web::post().to(log_out));
        App::new().app_data(backend.clone()).app_data(bodies()).service(api)
    });
    let server = server.workers(2).max_connections(200).shutdown_timeout(1).listen(listener)?;
    told::line(format!("listening on http://{address}"));
    if let Some(password) = connection.password() {
        told::line("Play the phone in another terminal, and then, with --thief, the one who stole what it keeps:");
        told::line(format!(
            "  PASSWORD='{password}' cargo run --release --example phone -- --backend http://{address}"
        ));
    }
    options.introduce(&connection, &format!("A JWT is good for {}", options.access_ttl));
    Ok(server.run().await?)
}

fn main() -> ExitCode {
    common::run(async || {
        let Arguments { listen, options } = Arguments::parse();
        serve(listen, &options).await
    })
}

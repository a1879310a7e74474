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

use actix_web::http::header::AUTHORIZATION;
use actix_web::web::{Data, Json};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use clap::Parser;
use common::countersign::No;
use common::jwt::{Claims, Jwt};
use common::options::Options;
use common::own_server;
use common::person::{Person, text};
use common::renewal::{Numbers, Renewed, redeem};
use common::site::Site;
use common::told;
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
/// The numbers of the first step in which a JWT is renewed; in which a thief does that, who can be told from the owner by nothing but a JWT that is
/// none; and in which the refresh token turns out to be dead.
const RENEWED: usize = 8;
const STOLEN: usize = 17;
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
            logged_out("the login and the password do not go together")
        }
        Err(No::Unavailable) => try_again(&backend),
    }
}

/// `GET /api/cart`
async fn cart(backend: Data<Site>, request: HttpRequest) -> HttpResponse {
    match asker(&backend, &request).await {
        Ok(asker) => shown(&backend, asker),
        Err(answer) => answer,
    }
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
    // Until it is answered, the session lives, and whoever wanted to leave must know.
    if backend.countersign.log_out(refresh).await == Err(No::Unavailable) {
        return try_again(&backend);
    }
    backend.aside("log out: the session is revoked at Countersign");
    HttpResponse::NoContent().finish()
}

/// Finds out who asks, and renews the JWT where its time is over.
async fn asker(backend: &Site, request: &HttpRequest) -> Result<Asker, HttpResponse> {
    let jwt = text(request.headers(), AUTHORIZATION.as_str()).strip_prefix("Bearer ").unwrap_or_default();
    let (good, why) = match backend.judge(jwt).await {
        Jwt::Good(who) => {
            // Somebody with a stolen JWT looks the same: steps 21 and 22.
            backend.step(6, "the phone asks for the cart with a JWT and a refresh token");
            backend
                .step(7, format!("the JWT is verified, and nobody is asked: the phone gets the cart of {}", who.email));
            return Ok(Asker { who, renewed: json!({}) });
        }
        Jwt::Expired => (RENEWED, "a JWT that has expired"),
        Jwt::Invalid => (STOLEN, "a JWT that is not valid"),
        Jwt::Unknown => return Err(try_again(backend)),
    };
    let refresh = text(request.headers(), REFRESH).to_owned();
    if refresh.is_empty() {
        backend.aside(format!("a phone asks for the cart with {why}, and without a refresh token: 401"));
        return Err(logged_out("log in first"));
    }
    let asked = format!("the phone asks for the cart with a refresh token and {why}");
    let numbers = Numbers { good, dead: DEAD };
    let Renewed { jwt, who, next } = match redeem(backend, refresh, Person::of(request), numbers, &asked).await {
        Ok(renewed) => renewed,
        Err(No::Refused) => {
            backend.step(DEAD + 3, "the phone is told 401: nobody is logged in any more");
            return Err(logged_out("the login has ended: log in again"));
        }
        Err(No::Unavailable) => return Err(try_again(backend)),
    };
    backend.step(good + 3, format!("the phone gets the cart of {}, and what is new of the tokens", who.email));
    let renewed = match next {
        Some(next) => json!({"token": jwt, "refreshToken": next}),
        None => json!({"token": jwt}),
    };
    Ok(Asker { who, renewed })
}

/// The cart, and the tokens that the phone has to keep from now on.
fn shown(backend: &Site, Asker { who, mut renewed }: Asker) -> HttpResponse {
    renewed["items"] = json!(backend.lists.get(&who.sub));
    answer(HttpResponse::Ok(), renewed)
}

fn logged_out(why: &str) -> HttpResponse {
    answer(HttpResponse::Unauthorized(), json!({"error": "logged_out", "message": why}))
}

/// Nobody knows whether this person is logged in. Whoever is, stays so, and keeps the tokens.
fn try_again(backend: &Site) -> HttpResponse {
    backend.aside("Countersign gives no answer: the phone is told to try again, and keeps its tokens");
    let mut answer = HttpResponse::ServiceUnavailable();
    answer.insert_header(("Retry-After", "5"));
    self::answer(answer, json!({"error": "unavailable", "message": "try again in some seconds"}))
}

fn answer(mut answer: actix_web::HttpResponseBuilder, body: Value) -> HttpResponse {
    answer.insert_header(("Cache-Control", "no-store")).json(body)
}

async fn serve(listen: SocketAddr, options: &Options) -> Result<(), Box<dyn Error>> {
    let way = options.way()?;
    let backend = Data::new(Site::mobile(&way));
    let server = HttpServer::new(move || {
        let api = web::scope("/api")
            .route("/login", web::post().to(log_in))
            .route("/cart", web::get().to(cart))
            .route("/cart", web::post().to(add))
            .route("/logout", web::post().to(log_out));
        App::new().app_data(backend.clone()).service(api)
    });
    let server = server.workers(2).max_connections(200).shutdown_timeout(1).bind(listen)?;
    let address = server.addrs()[0];
    told::line(format!("listening on http://{address}"));
    if let Some(password) = way.password() {
        told::line("Play the phone in another terminal (with --thief the one who stole what it keeps):");
        told::line(format!("  PASSWORD={password} cargo run --release --example phone -- --backend http://{address}"));
    }
    options.say(&way);
    Ok(server.run().await?)
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    if let Some(code) = own_server::is_the_server() {
        return Ok(code);
    }
    let Arguments { listen, options } = Arguments::parse();
    actix_web::rt::System::new().block_on(serve(listen, &options))?;
    Ok(ExitCode::SUCCESS)
}

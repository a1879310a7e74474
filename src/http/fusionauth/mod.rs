//! FusionAuth's API, for apps that were written for it: the same actors, rules and events as everywhere, in FusionAuth's words.
//! `docs/FUSIONAUTH.md` lists what is served, what is not, and every difference with its reason.

mod body;
mod cookies;
pub mod login;
pub mod logout;
mod person;
pub mod refresh;
mod registrations;
mod tenant;
mod who;

use super::error::{HttpError, Why};
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Resource};
use serde::Serialize;

/// Where all of FusionAuth's API stands.
const ALL: &str = "/api";

/// The routes of this group. What FusionAuth has besides is answered 501.
pub fn routes(config: &mut ServiceConfig) {
    config
        .service(page("/api/login", "POST").route(web::post().to(login::login)))
        .service(page("/api/logout", "POST").route(web::post().to(logout::logout)))
        .service(page("/api/jwt/refresh", "POST").route(web::post().to(refresh::refresh)))
        // Last: whatever stands before it is served.
        .service(web::scope(ALL).default_service(web::to(not_supported)));
}

/// A page that knows some methods only.
fn page(path: &str, allowed: &'static str) -> Resource {
    let refuse = move || async move { Err::<HttpResponse, _>(HttpError::fusionauth(Why::MethodNotAllowed(allowed))) };
    web::resource(path).default_service(web::to(refuse))
}

async fn not_supported(_: HttpRequest) -> Result<HttpResponse, HttpError> {
    const ADVICE: &str = "this part of FusionAuth's API is not served here: docs/FUSIONAUTH.md lists what is";
    Err(HttpError::fusionauth(Why::NotSupported(ADVICE)))
}

/// What a door came to.
type Outcome = Result<HttpResponse, Why>;

/// What came out, in FusionAuth's shape.
fn told(outcome: Outcome) -> Result<HttpResponse, HttpError> {
    outcome.map_err(HttpError::fusionauth)
}

/// An answer with a body, which nobody may keep.
fn answer(body: &impl Serialize) -> HttpResponse {
    super::error::no_store(&mut HttpResponse::Ok()).json(body)
}

/// An answer without one, and so without a type: the clients parse what says to be JSON.
fn done() -> HttpResponse {
    super::error::no_store(&mut HttpResponse::Ok()).finish()
}

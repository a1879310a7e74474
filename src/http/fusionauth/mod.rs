//! FusionAuth's API, for apps that were written for it: the same actors, rules and events as everywhere, in FusionAuth's words.
//! `docs/FUSIONAUTH.md` lists what is served, what is not, and every difference with its reason.

pub mod applications;
mod body;
mod cookies;
pub mod issue;
pub mod login;
pub mod logout;
mod merge;
mod person;
pub mod ping;
pub mod refresh;
pub mod refresh_tokens;
mod registrations;
mod tenant;
pub mod tenants;
pub mod tokens;
pub mod users;
mod who;

pub use tenant::client as tenant_client;

use super::error::{HttpError, Why};
use crate::actors::{NotDone, Unavailable};
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Resource};
use serde::Serialize;

/// Where all of FusionAuth's API stands.
const ALL: &str = "/api";
/// What is said where FusionAuth has a door that is not served.
const NOT_SERVED: &str = "this part of FusionAuth's API is not served here: docs/FUSIONAUTH.md lists what is";
/// How often a change is decided anew that somebody else was faster than.
const TRIES: usize = 3;

/// The routes of this group. What FusionAuth has besides is answered 501.
pub fn routes(config: &mut ServiceConfig) {
    users::routes(config);
    applications::routes(config);
    tenants::routes(config);
    let login = page("/api/login", "POST, PUT");
    let refresh = page("/api/jwt/refresh", "DELETE, GET, POST");
    let refresh_token = page("/api/jwt/refresh/{tokenId}", "DELETE, GET");
    config
        .service(login.route(web::post().to(login::login)).route(web::put().to(ping::ping)))
        .service(page("/api/login/{userId}/{applicationId}", "PUT").route(web::put().to(ping::ping_of)))
        .service(page("/api/logout", "POST").route(web::post().to(logout::logout)))
        .service(
            refresh
                .route(web::post().to(refresh::refresh))
                .route(web::get().to(refresh_tokens::list))
                .route(web::delete().to(refresh_tokens::revoke)),
        )
        .service(
            refresh_token
                .route(web::get().to(refresh_tokens::show))
                .route(web::delete().to(refresh_tokens::revoke_one)),
        )
        .service(page("/api/jwt/issue", "GET").route(web::get().to(issue::issue)))
        .service(page("/api/jwt/validate", "GET").route(web::get().to(tokens::validate)))
        .service(page("/api/jwt/public-key", "GET").route(web::get().to(tokens::public_keys)))
        .service(page("/api/jwt/vend", "POST").route(web::post().to(tokens::vend)))
        // Last: whatever stands before it is served.
        .service(web::scope(ALL).default_service(web::to(not_supported)));
}

/// A page that knows some methods only.
fn page(path: &str, allowed: &'static str) -> Resource {
    let refuse = move || async move { Err::<HttpResponse, _>(HttpError::fusionauth(Why::MethodNotAllowed(allowed))) };
    web::resource(path).default_service(web::to(refuse))
}

async fn not_supported(_: HttpRequest) -> Result<HttpResponse, HttpError> {
    Err(HttpError::fusionauth(Why::NotSupported(NOT_SERVED)))
}

/// Decides a change, and anew where somebody else was faster. `decide` looks at what there is, and says [`NotDone::Moved`] where that
/// has changed by the time it is done.
async fn decided<T>(mut decide: impl AsyncFnMut() -> Result<T, Why>) -> Result<T, Why> {
    for _ in 0..TRIES {
        match decide().await {
            Err(Why::NotDone(NotDone::Moved(_))) => {}
            decided => return decided,
        }
    }
    Err(Why::Refused(Unavailable::Conflict.into()))
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

//! FusionAuth's API, for apps that were written for it: the same actors, rules and events as everywhere, in FusionAuth's words.
//! `docs/FUSIONAUTH.md` lists what is served, what is not, and every difference with its reason.

pub mod applications;
mod body;
mod merge;
mod person;
mod registrations;
mod tenant;
pub mod tenants;
pub mod users;
mod who;

use super::error::{HttpError, Why};
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Resource};
use serde::Serialize;

/// The routes of this group. What FusionAuth has besides is answered 501.
pub fn routes(config: &mut ServiceConfig) {
    users::routes(config);
    applications::routes(config);
    tenants::routes(config);
    config.service(web::scope("/api").default_service(web::to(not_supported)));
}

async fn not_supported(_: HttpRequest) -> Result<HttpResponse, HttpError> {
    const ADVICE: &str = "this part of FusionAuth's API is not served here: docs/FUSIONAUTH.md lists what is";
    Err(HttpError::fusionauth(Why::NotSupported(ADVICE)))
}

/// A page of this group: with another method than its own it is refused in FusionAuth's shape.
fn page(path: &str, allowed: &'static str) -> Resource {
    let refuse = move |_: HttpRequest| async move {
        Err::<HttpResponse, _>(HttpError::fusionauth(Why::MethodNotAllowed(allowed)))
    };
    web::resource(path).default_service(web::to(refuse))
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

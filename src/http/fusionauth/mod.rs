//! FusionAuth's API, for apps that were written for it: the same actors, rules and events as everywhere, in FusionAuth's words.
//! `docs/FUSIONAUTH.md` lists what is served, what is not, and every difference with its reason.

mod body;
mod person;
mod registrations;
mod tenant;
mod who;

pub use tenant::client as tenant_client;

use super::error::{HttpError, Why};
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

/// The routes of this group. What FusionAuth has besides is answered 501.
pub fn routes(config: &mut ServiceConfig) {
    config.service(web::scope("/api").default_service(web::to(not_supported)));
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

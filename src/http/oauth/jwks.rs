//! `GET /.well-known/jwks.json` (RFC 7517).

use crate::http::Doors;
use crate::http::error::HttpError;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};

/// The keys by which access tokens are verified: those that sign, those that will sign next, and those that signed tokens
/// which still live. A cache may keep them for `max-age`: a key is published at least that long before it signs.
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "oauth", responses(
    (status = 200, description = "The keys (RFC 7517 section 5).", content_type = "application/json"),
    (status = 503, description = "The server is starting."),
))]
pub async fn jwks(doors: web::Data<Doors>) -> Result<HttpResponse, HttpError> {
    let services = doors.services().map_err(HttpError::oauth)?;
    let max_age = services.keys.jwks_max_age().as_seconds();
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, format!("public, max-age={max_age}")))
        .content_type("application/json")
        .body(services.tokens.jwks()))
}

//! `GET /.well-known/jwks.json` (RFC 7517).

use super::token::OAuthError;
use crate::http::Doors;
use crate::http::error::HttpError;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};
use utoipa::ToSchema;

/// A key set (RFC 7517 section 5).
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the answer for /openapi.json; the keyring writes it")]
pub struct JwkSet {
    /// The keys: those that sign, those that will sign next, and those that signed tokens which may still live.
    keys: Vec<Jwk>,
}

/// A public key (RFC 7517, RFC 7518 section 6, RFC 8037).
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the answer for /openapi.json; the keyring writes it")]
pub struct Jwk {
    /// `EC`, `OKP` or `RSA`.
    kty: String,
    /// Always `sig`.
    r#use: String,
    /// `ES256`, `EdDSA` or `RS256`.
    alg: String,
    /// Its name in the header of tokens.
    kid: String,
    /// `P-256` or `Ed25519`.
    #[schema(nullable = false)]
    crv: Option<String>,
    /// Of an EC or OKP key.
    #[schema(nullable = false)]
    x: Option<String>,
    /// Of an EC key.
    #[schema(nullable = false)]
    y: Option<String>,
    /// Of an RSA key.
    #[schema(nullable = false)]
    n: Option<String>,
    /// Of an RSA key.
    #[schema(nullable = false)]
    e: Option<String>,
}

/// The keys by which access tokens are verified (RFC 7517).
///
/// A cache may keep them for the `max-age` of `Cache-Control`: a key is published at least that long before it signs, so
/// nobody needs to ask again when a key is replaced. Ask again for a `kid` that is not there, but not more often than
/// every few seconds.
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "oauth", responses(
    (status = 200, description = "The keys.", body = JwkSet),
    (status = 503, description = "The server is starting.", body = OAuthError),
))]
pub async fn jwks(doors: web::Data<Doors>) -> Result<HttpResponse, HttpError> {
    let services = doors.services()?;
    let max_age = services.keys.jwks_max_age().as_seconds();
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, format!("public, max-age={max_age}")))
        .content_type("application/json")
        .body(services.tokens.jwks()))
}

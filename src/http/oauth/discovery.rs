//! `GET /.well-known/oauth-authorization-server` (RFC 8414) and `/.well-known/openid-configuration`.

use crate::domain::client::{COMMON_SCOPES, Grant};
use crate::domain::keys::SigningAlg;
use crate::http::Doors;
use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

/// Where everything is. The issuer comes from the configuration, never from the `Host` header.
#[derive(Serialize, ToSchema)]
pub struct Metadata {
    issuer: String,
    token_endpoint: String,
    revocation_endpoint: String,
    introspection_endpoint: String,
    userinfo_endpoint: String,
    jwks_uri: String,
    grant_types_supported: [&'static str; 3],
    response_types_supported: [&'static str; 0],
    scopes_supported: [&'static str; 4],
    subject_types_supported: [&'static str; 1],
    id_token_signing_alg_values_supported: [&'static str; 3],
    token_endpoint_auth_methods_supported: [&'static str; 3],
    revocation_endpoint_auth_methods_supported: [&'static str; 3],
    introspection_endpoint_auth_methods_supported: [&'static str; 2],
    claims_supported: [&'static str; 11],
}

/// Where everything is.
#[utoipa::path(get, path = "/.well-known/oauth-authorization-server", tag = "oauth", responses(
    (status = 200, description = "Where everything is (RFC 8414). The same under /.well-known/openid-configuration.", body = Metadata),
))]
pub async fn metadata(doors: web::Data<Doors>) -> HttpResponse {
    let issuer = doors.settings.issuer.clone();
    let at = |path: &str| format!("{issuer}{path}");
    HttpResponse::Ok().json(Metadata {
        token_endpoint: at("/oauth2/token"),
        revocation_endpoint: at("/oauth2/revoke"),
        introspection_endpoint: at("/oauth2/introspect"),
        userinfo_endpoint: at("/oauth2/userinfo"),
        jwks_uri: at("/.well-known/jwks.json"),
        grant_types_supported: [Grant::Password, Grant::RefreshToken, Grant::ClientCredentials].map(Grant::as_str),
        response_types_supported: [],
        scopes_supported: COMMON_SCOPES,
        subject_types_supported: ["public"],
        id_token_signing_alg_values_supported: SigningAlg::ALL.map(SigningAlg::as_str),
        token_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post", "none"],
        revocation_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post", "none"],
        introspection_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post"],
        claims_supported: ["iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope", "auth_time", "sid", "roles"],
        issuer,
    })
}

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
    /// What stands in `iss` of every token.
    issuer: String,
    /// `/oauth2/token`.
    token_endpoint: String,
    /// `/oauth2/revoke`.
    revocation_endpoint: String,
    /// `/oauth2/introspect`.
    introspection_endpoint: String,
    /// `/oauth2/userinfo`.
    userinfo_endpoint: String,
    /// `/.well-known/jwks.json`.
    jwks_uri: String,
    /// Of every client its own settings decide.
    grant_types_supported: [&'static str; 3],
    /// None: there is no authorization endpoint.
    response_types_supported: [&'static str; 0],
    /// The scopes that every client knows; each client may have more.
    scopes_supported: [&'static str; 4],
    /// `public`: an account has one `sub` for all clients.
    subject_types_supported: [&'static str; 1],
    /// The algorithms of access tokens; each client has one of them.
    id_token_signing_alg_values_supported: [&'static str; 3],
    /// `none` is for public clients.
    token_endpoint_auth_methods_supported: [&'static str; 3],
    /// `none` is for public clients.
    revocation_endpoint_auth_methods_supported: [&'static str; 3],
    /// A public client cannot ask there.
    introspection_endpoint_auth_methods_supported: [&'static str; 2],
    /// What access tokens may say.
    claims_supported: [&'static str; 12],
}

/// Where everything is (RFC 8414).
///
/// The issuer comes from the configuration, never from the `Host` header, and the addresses begin with it.
#[utoipa::path(get, path = "/.well-known/oauth-authorization-server", tag = "oauth", responses(
    (status = 200, description = "Where everything is.", body = Metadata),
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
        claims_supported: [
            "iss",
            "sub",
            "aud",
            "exp",
            "iat",
            "jti",
            "client_id",
            "scope",
            "auth_time",
            "sid",
            "roles",
            "email",
        ],
        issuer,
    })
}

/// The same for OpenID Connect clients.
///
/// There are no ID tokens and no authorization endpoint; clients use it to find the token endpoint and the keys.
#[utoipa::path(get, path = "/.well-known/openid-configuration", tag = "oauth", responses(
    (status = 200, description = "Where everything is.", body = Metadata),
))]
pub async fn openid_metadata(doors: web::Data<Doors>) -> HttpResponse {
    metadata(doors).await
}

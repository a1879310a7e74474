//! `POST /oauth2/revoke` (RFC 7009).

use super::read_form;
use super::token::OAuthError;
use crate::domain::session::RevokeReason;
use crate::http::Doors;
use crate::http::error::{HttpError, no_store};
use crate::http::who::authenticate;
use actix_web::{HttpRequest, HttpResponse, web};
use utoipa::ToSchema;

/// Bytes of a token at most.
const TOKEN_LIMIT: usize = 8 * 1024;
/// What our refresh tokens begin with.
pub const REFRESH_PREFIX: &str = "csr_";

/// What is sent to the revocation endpoint, form-encoded.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form for /openapi.json; the form itself is read strictly, by name")]
pub struct RevokeRequest {
    /// A refresh token of any generation, or an access token: either ends its session. An access token without a session is
    /// listed as revoked.
    token: String,
    /// Taken and not needed.
    #[schema(nullable = false)]
    token_type_hint: Option<String>,
    /// The client, where it does not authenticate by HTTP Basic.
    #[schema(nullable = false)]
    client_id: Option<String>,
    /// Its secret, where it has one.
    #[schema(nullable = false)]
    client_secret: Option<String>,
}

/// End a session, or list a token as revoked (RFC 7009).
///
/// This is what a logout calls. A refresh token of any generation ends its session, and so does an access token that has
/// one: refresh token and access tokens of the session are dead from the answer on, at every door of this server. A token
/// that was none of ours, or has ended, is answered with 200 as well.
#[utoipa::path(post, path = "/oauth2/revoke", tag = "oauth",
    request_body(content = RevokeRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The token is dead. The body is empty."),
        (status = 400, description = "The token is another client's: `invalid_grant`; or `invalid_request`.", body = OAuthError),
        (status = 401, description = "The client failed to authenticate: `invalid_client`.", body = OAuthError),
        (status = 503, description = "Nothing was revoked: try again after `Retry-After`.", body = OAuthError),
    ),
    security((), ("client_basic" = []))
)]
pub async fn revoke(
    request: HttpRequest,
    payload: web::Payload,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    let services = doors.services()?;
    let form = read_form(&request, payload, &doors).await?;
    let (client, asker) = authenticate(&request, &doors, &form).await?;
    let token = form.need("token", TOKEN_LIMIT)?;
    if token.starts_with(REFRESH_PREFIX) {
        services.sessions.revoke(token, &client, asker).await?;
    } else if let Some(claims) = services.tokens.verify(token) {
        match claims.sid {
            Some(sid) => services.sessions.end(sid, RevokeReason::Revoked, Some(&client), asker).await?,
            None => services.clients.revoke_token(&client, &claims, &asker).await?,
        }
    }
    Ok(no_store(&mut HttpResponse::Ok()).finish())
}

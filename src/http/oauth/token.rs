//! `POST /oauth2/token` (RFC 6749).

use super::read_form;
use crate::actors::Services;
use crate::actors::{Asker, AuthenticatedClient, Issued, LoginAsk};
use crate::domain::client::Grant;
use crate::domain::denial::Denial;
use crate::http::Doors;
use crate::http::error::{HttpError, Why, no_store};
use crate::http::form::Form;
use crate::http::who::authenticate;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use zeroize::Zeroizing;

/// Bytes of a login id at most.
const LOGIN_LIMIT: usize = 256;
/// Bytes of a password at most.
const PASSWORD_LIMIT: usize = 1024;
/// Bytes of a refresh token at most: ours are shorter.
const TOKEN_LIMIT: usize = 512;

/// What is sent to the token endpoint, form-encoded.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form for /openapi.json; the form itself is read strictly, by name")]
pub struct TokenRequest {
    /// `password`, `refresh_token` or `client_credentials`.
    grant_type: String,
    /// The login id (grant `password`).
    username: Option<String>,
    /// The password (grant `password`).
    password: Option<String>,
    /// The refresh token (grant `refresh_token`).
    refresh_token: Option<String>,
    /// Space-separated scopes; all of the client's (grant `refresh_token`: the session's) where absent.
    scope: Option<String>,
    /// The client, where it does not authenticate by HTTP Basic.
    client_id: Option<String>,
    /// Its secret, where it has one.
    client_secret: Option<String>,
}

/// Tokens (RFC 6749 section 5.1).
#[derive(Serialize, ToSchema)]
pub struct TokenResponse {
    /// A JWT (RFC 9068).
    access_token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// Seconds that the access token lives.
    expires_in: i64,
    /// The refresh token to use next: throw every older one away.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    /// The access token's scope.
    scope: String,
}

/// An error (RFC 6749 section 5.2).
#[derive(Serialize, ToSchema)]
pub struct OAuthError {
    /// A stable code.
    error: String,
    /// What to do.
    error_description: String,
}

/// Log in, refresh, or get a token for a client itself.
#[utoipa::path(post, path = "/oauth2/token", tag = "oauth",
    request_body(content = TokenRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "Tokens.", body = TokenResponse),
        (status = 400, description = "Refused: invalid_request, invalid_grant, invalid_scope, unauthorized_client, unsupported_grant_type.", body = OAuthError),
        (status = 401, description = "The client failed to authenticate: invalid_client.", body = OAuthError),
        (status = 503, description = "Not decided: try again after Retry-After.", body = OAuthError),
    ),
    security((), ("client_basic" = []))
)]
pub async fn token(
    request: HttpRequest,
    payload: web::Payload,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    let services = doors.services().map_err(HttpError::oauth)?;
    let form = read_form(&request, payload, &doors).await?;
    let grant = grant(&form).map_err(HttpError::oauth)?;
    let (client, asker) = authenticate(&request, &doors, &form).await.map_err(HttpError::oauth)?;
    let scope = form.scope().map_err(HttpError::oauth)?;
    let issued = match grant {
        Grant::Password => password(services, &form, &client, asker).await?,
        Grant::RefreshToken => {
            let token = form.need("refresh_token", TOKEN_LIMIT).map_err(HttpError::oauth)?;
            services.sessions.refresh(token, &client, scope, asker).await?
        }
        Grant::ClientCredentials => services.clients.issue_token(&client, scope, &asker).await?,
    };
    Ok(answer(issued))
}

fn grant(form: &Form) -> Result<Grant, Why> {
    match form.need("grant_type", 64)? {
        "password" => Ok(Grant::Password),
        "refresh_token" => Ok(Grant::RefreshToken),
        "client_credentials" => Ok(Grant::ClientCredentials),
        _ => Err(Why::UnsupportedGrant),
    }
}

async fn password(
    services: &Services,
    form: &Form,
    client: &AuthenticatedClient,
    asker: Asker,
) -> Result<Issued, HttpError> {
    let login = form.need("username", LOGIN_LIMIT).map_err(HttpError::oauth)?.to_owned();
    let password = form.need("password", PASSWORD_LIMIT).map_err(HttpError::oauth)?;
    let password = Zeroizing::new(password.as_bytes().to_vec());
    let scope = form.scope().map_err(HttpError::oauth)?;
    // What the client may not do at all costs no password work, and tells nothing about any account.
    let state = &client.state.value;
    let refused = if !state.enabled {
        Some(Denial::ClientDisabled)
    } else if !state.settings.grants.contains(&Grant::Password) {
        Some(Denial::GrantNotAllowed)
    } else if state.grantable(scope.as_ref()).is_none() {
        Some(Denial::InvalidScope)
    } else {
        None
    };
    if let Some(denial) = refused {
        return Err(services.clients.refuse(&client.id, denial, &asker).await.into());
    }
    Ok(services.logins.login(client, LoginAsk { login, password, scope, asker }).await?)
}

fn answer(issued: Issued) -> HttpResponse {
    let scope = issued.scope.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
    no_store(&mut HttpResponse::Ok()).json(TokenResponse {
        access_token: issued.access_token,
        token_type: "Bearer",
        expires_in: issued.expires_in.as_seconds(),
        refresh_token: issued.refresh_token,
        scope,
    })
}

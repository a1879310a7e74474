//! `POST /oauth2/token` (RFC 6749).

use super::read_form;
use crate::actors::{Asker, AuthenticatedClient, Issued, LoginAsk, NoLogin, RefreshAsk, Services};
use crate::config::Secret;
use crate::domain::client::Grant;
use crate::domain::denial::Denial;
use crate::domain::time::Span;
use crate::http::Doors;
use crate::http::error::{HttpError, Why, no_store};
use crate::http::form::Form;
use crate::http::who::authenticate;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use std::collections::BTreeSet;
use utoipa::ToSchema;
use zeroize::Zeroizing;

/// Bytes of a login id at most.
pub const LOGIN_LIMIT: usize = 256;
/// Bytes of a password at most.
pub const PASSWORD_LIMIT: usize = 1024;
/// How long the code may be shown that a login is answered with whose password must be changed.
pub const CHANGE_CODE_TTL: Span = Span::minutes(15);
/// Bytes of a refresh token at most: ours are shorter.
const TOKEN_LIMIT: usize = 512;

/// What is sent to the token endpoint, form-encoded.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form for /openapi.json; the form itself is read strictly, by name")]
pub struct TokenRequest {
    /// `password`, `refresh_token` or `client_credentials`.
    #[schema(example = "password")]
    grant_type: String,
    /// The login id (grant `password`).
    #[schema(example = "alice@example.com")]
    #[schema(nullable = false)]
    username: Option<String>,
    /// The password (grant `password`).
    #[schema(nullable = false)]
    password: Option<String>,
    /// The refresh token (grant `refresh_token`).
    #[schema(nullable = false)]
    refresh_token: Option<String>,
    /// Space-separated scopes. Absent: all of the client's but `offline_access`, or, at a refresh, all of the session's.
    #[schema(example = "openid email cart")]
    #[schema(nullable = false)]
    scope: Option<String>,
    /// The client, where it does not authenticate by HTTP Basic.
    #[schema(nullable = false)]
    client_id: Option<String>,
    /// Its secret, where it has one.
    #[schema(nullable = false)]
    client_secret: Option<String>,
}

/// Tokens (RFC 6749 section 5.1).
#[derive(Serialize, ToSchema)]
pub struct TokenResponse {
    /// A JWT (RFC 9068) of type `at+jwt` with `iss`, `sub`, `aud`, `exp`, `iat`, `jti`, `client_id` and `scope`; for a
    /// person also `auth_time` and `sid` (the session), and `roles` and `email` where granted.
    #[schema(example = "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFUzI1NiIsImtpZCI6Ii4uLiJ9...")]
    access_token: String,
    /// Always `Bearer`.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Seconds that the access token lives from now.
    #[schema(example = 297)]
    expires_in: i64,
    /// The refresh token to use next: throw every older one away. Opaque.
    #[schema(example = "csr_AQAB...")]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    refresh_token: Option<String>,
    /// The access token's scopes, separated by spaces.
    #[schema(example = "cart email openid")]
    scope: String,
    /// `true` where a login came from a network and a device that the account did not know, and it knew some: tell the person.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    new_context: bool,
}

/// An error (RFC 6749 section 5.2).
#[derive(Serialize, ToSchema)]
pub struct OAuthError {
    /// A stable code for programs.
    #[schema(example = "invalid_grant")]
    error: String,
    /// A sentence for people; it may change.
    #[schema(example = "the login or the password is wrong")]
    error_description: String,
    /// A one-time code for `POST /account/password`, good for 15 minutes: where the password was right and must be changed first.
    #[schema(nullable = false)]
    change_code: Option<String>,
}

/// Log in, refresh, or get a token for a client itself.
///
/// `grant_type=password` logs a person in: an access token, and a refresh token where the client has the grant
/// `refresh_token`.
///
/// `grant_type=refresh_token` spends a refresh token and gives the next one. Throw the old one away, and let only one
/// request at a time refresh a session. Where the answer was lost, send the same request again: within the client's
/// `retry_window` (30 seconds), from the same device, and while the next token is unused, the very same next token is
/// given. A spent token shown at any other time looks stolen: the session ends, and so does every token of it.
///
/// `grant_type=client_credentials` gives an access token for the client itself, without refresh token.
///
/// Parameters stand in the body, form-encoded; one without a value was not sent, and none may stand twice.
#[utoipa::path(post, path = "/oauth2/token", tag = "oauth",
    params(
        ("X-Forwarded-For" = Option<String>, Header, description = "The person's address, from a client that may tell the person.", example = "203.0.113.9"),
        ("X-Forwarded-User-Agent" = Option<String>, Header, description = "The person's user agent, from a client that may tell the person.", example = "Store/1.0"),
        ("X-Device-Id" = Option<String>, Header, description = "The app's own name for the person's device, from a client that may tell the person."),
    ),
    request_body(content = TokenRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "Tokens.", body = TokenResponse),
        (status = 400, description = "Refused: `invalid_grant` (wrong login or password, dead refresh token: log in again), `invalid_scope`, `unauthorized_client` (the client may not use this grant), `unsupported_grant_type`, `invalid_request`.", body = OAuthError),
        (status = 401, description = "The client failed to authenticate: `invalid_client`.", body = OAuthError),
        (status = 503, description = "Not decided, or not known to be: send the same request again after `Retry-After`.", body = OAuthError),
    ),
    security((), ("client_basic" = []))
)]
pub async fn token(
    request: HttpRequest,
    payload: web::Payload,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    let services = doors.services()?;
    let form = read_form(&request, payload, &doors).await?;
    let grant = grant(&form)?;
    let (client, asker) = authenticate(&request, &doors, &form).await?;
    let scope = form.scope()?;
    let issued = match grant {
        Grant::Password => password(services, &form, &client, scope, asker).await?,
        Grant::RefreshToken => {
            let token = form.need("refresh_token", TOKEN_LIMIT)?;
            services.sessions.refresh(token, RefreshAsk::of(&client, scope, asker)).await?
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
    scope: Option<BTreeSet<String>>,
    asker: Asker,
) -> Result<Issued, HttpError> {
    let login = form.need("username", LOGIN_LIMIT)?.to_owned();
    let password = form.need("password", PASSWORD_LIMIT)?;
    let password = Zeroizing::new(password.as_bytes().to_vec());
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
    let told = asker.clone();
    match services.logins.login(client, LoginAsk::new(login, password, scope, asker)).await {
        Ok(issued) => Ok(issued),
        Err(NoLogin { must_change: Some(account), .. }) => {
            let code = services.passwords.issue_code(account, CHANGE_CODE_TTL, None, &told).await;
            let (code, _) = code.map_err(Why::NotDone)?;
            Err(Why::MustChange(Secret::new(code.to_string())).into())
        }
        Err(NoLogin { refused, must_change: None }) => Err(refused.into()),
    }
}

fn answer(issued: Issued) -> HttpResponse {
    let scope = issued.scope.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
    no_store(&mut HttpResponse::Ok()).json(TokenResponse {
        access_token: issued.access_token,
        token_type: "Bearer",
        expires_in: issued.expires_in.as_seconds(),
        refresh_token: issued.refresh_token,
        scope,
        new_context: issued.new_context,
    })
}

//! `POST /oauth2/introspect` (RFC 7662).

use super::read_form;
use super::revoke::REFRESH_PREFIX;
use super::token::OAuthError;
use crate::actors::AuthenticatedClient;
use crate::crypto::Claims;
use crate::domain::client::Introspect;
use crate::domain::denial::Denial;
use crate::domain::ids::SessionId;
use crate::domain::session::Session;
use crate::http::Doors;
use crate::http::error::{HttpError, no_store};
use crate::http::who::authenticate;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

/// Bytes of a token at most.
const TOKEN_LIMIT: usize = 8 * 1024;

/// What is sent to the introspection endpoint, form-encoded.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form for /openapi.json; the form itself is read strictly, by name")]
pub struct IntrospectRequest {
    /// An access token, or a refresh token of the asking client.
    token: String,
    /// Taken and not needed.
    token_type_hint: Option<String>,
}

/// What is known of a token (RFC 7662 section 2.2). Of a token that is not active nothing is told.
#[derive(Serialize, ToSchema, Default)]
pub struct Introspection {
    /// Whether the token is active now.
    active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    roles: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
}

impl Introspection {
    fn of_access(claims: Claims) -> Self {
        Self {
            active: true,
            token_type: Some("Bearer"),
            iss: Some(claims.iss),
            sub: Some(claims.sub),
            aud: Some(claims.aud),
            client_id: Some(claims.client_id.to_string()),
            scope: Some(claims.scope).filter(|scope| !scope.is_empty()),
            exp: Some(claims.exp),
            iat: Some(claims.iat),
            auth_time: claims.auth_time,
            jti: Some(claims.jti.to_string()),
            sid: claims.sid.map(|sid| sid.to_string()),
            roles: claims.roles,
            email: claims.email,
        }
    }

    fn of_refresh(sid: SessionId, session: &Session) -> Self {
        Self {
            active: true,
            sub: Some(session.account.to_string()),
            client_id: Some(session.client.to_string()),
            scope: Some(session.scope.iter().map(String::as_str).collect::<Vec<_>>().join(" ")),
            exp: Some(session.ends_at().seconds()),
            iat: Some(session.born_at.seconds()),
            auth_time: Some(session.started_at.seconds()),
            sid: Some(sid.to_string()),
            ..Self::default()
        }
    }
}

/// Whether a token is active now.
#[utoipa::path(post, path = "/oauth2/introspect", tag = "oauth",
    request_body(content = IntrospectRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "What is known of it; of a token that is none of the caller's business only that it is not active.", body = Introspection),
        (status = 400, description = "invalid_request", body = OAuthError),
        (status = 401, description = "The client failed to authenticate: invalid_client. A public client cannot.", body = OAuthError),
        (status = 503, description = "The store cannot be read: nothing is called active.", body = OAuthError),
    ),
    security(("client_basic" = []))
)]
pub async fn introspect(
    request: HttpRequest,
    payload: web::Payload,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    let services = doors.services().map_err(HttpError::oauth)?;
    let form = read_form(&request, payload, &doors).await?;
    let (client, asker) = authenticate(&request, &doors, &form).await.map_err(HttpError::oauth)?;
    let refused = match (client.by_secret, client.state.value.enabled) {
        (false, _) => Some(Denial::ClientSecretMissing),
        (true, false) => Some(Denial::ClientDisabled),
        (true, true) => None,
    };
    if let Some(denial) = refused {
        return Err(services.clients.refuse(&client.id, denial, &asker).await.into());
    }
    let token = form.need("token", TOKEN_LIMIT).map_err(HttpError::oauth)?;
    let found = if token.starts_with(REFRESH_PREFIX) {
        let found = services.sessions.introspect(token, &client, asker).await?;
        found.map(|(sid, session)| Introspection::of_refresh(sid, &session))
    } else {
        let found = services.tokens.inspect(token)?.filter(|token| may_learn_of(&client, &token.claims));
        found.map(|token| Introspection::of_access(token.claims))
    };
    Ok(no_store(&mut HttpResponse::Ok()).json(found.unwrap_or_default()))
}

/// A client learns of tokens issued to it and of those meant for it; a resource server of many, of all.
fn may_learn_of(client: &AuthenticatedClient, claims: &Claims) -> bool {
    let settings = &client.state.value.settings;
    claims.client_id == client.id
        || settings.introspect == Introspect::All
        || settings.audience.as_ref().is_some_and(|audience| *audience == claims.aud)
}

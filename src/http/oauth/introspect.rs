//! `POST /oauth2/introspect` (RFC 7662).

use super::read_form;
use super::revoke::REFRESH_PREFIX;
use super::token::OAuthError;
use crate::actors::{Asker, AuthenticatedClient, Services};
use crate::crypto::Claims;
use crate::domain::client::{Introspect, Profile};
use crate::domain::denial::Denial;
use crate::domain::ids::{ClientId, SessionId, TokenId};
use crate::domain::session::Session;
use crate::http::Doors;
use crate::http::error::{HttpError, Why, no_store};
use crate::http::form::Form;
use crate::http::who::authenticate_or_name;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use std::borrow::Cow;
use std::sync::Arc;
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
    #[schema(nullable = false)]
    token_type_hint: Option<String>,
    /// The client, where it does not authenticate by HTTP Basic.
    #[schema(nullable = false)]
    client_id: Option<String>,
    /// Its secret.
    #[schema(nullable = false)]
    client_secret: Option<String>,
}

/// What is known of a token (RFC 7662 section 2.2). Of a token that is not active nothing is told.
#[derive(Serialize, ToSchema, Default)]
pub struct Introspection<'a> {
    /// Whether the token is active now.
    active: bool,
    /// `Bearer`; of access tokens only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    token_type: Option<&'static str>,
    /// The issuer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<String>)]
    iss: Option<&'a str>,
    /// The account; of a token for a client itself, the client id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<String>)]
    sub: Option<Cow<'a, str>>,
    /// For whom it is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<String>)]
    aud: Option<&'a str>,
    /// The client that it was issued to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<String>)]
    client_id: Option<&'a ClientId>,
    /// Scopes, separated by spaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<String>)]
    scope: Option<Cow<'a, str>>,
    /// When it ends, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    exp: Option<i64>,
    /// When it was issued, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    iat: Option<i64>,
    /// When the person logged in, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    auth_time: Option<i64>,
    /// The access token's own id, the same as in the journal.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<String>)]
    jti: Option<TokenId>,
    /// The session, the same as in the journal.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<String>)]
    sid: Option<SessionId>,
    /// The account's roles at the time of the token.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Vec<String>)]
    roles: &'a [String],
    /// The login id; with scope `email`, and for clients of profile `fusionauth` where it is an e-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<String>)]
    email: Option<&'a str>,
    /// The client again, for those of profile `fusionauth`.
    #[serde(rename = "applicationId", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<String>)]
    application: Option<&'a ClientId>,
    /// How the holder came by the token, for clients of profile `fusionauth`: `PASSWORD`, `REFRESH_TOKEN` and others.
    #[serde(rename = "authenticationType", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<String>)]
    authentication: Option<&'a str>,
    /// Always true where there is an e-mail address, for clients of profile `fusionauth`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    email_verified: Option<bool>,
    /// The login id that is no e-mail address, for clients of profile `fusionauth`.
    #[serde(rename = "preferred_username", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<String>)]
    username: Option<&'a str>,
    /// The one tenant, for clients of profile `fusionauth`.
    #[serde(rename = "tid", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<String>)]
    tenant: Option<&'a str>,
}

impl<'a> Introspection<'a> {
    fn of_access(claims: &'a Claims) -> Self {
        Self {
            active: true,
            token_type: Some("Bearer"),
            iss: Some(&claims.iss),
            sub: Some((&claims.sub).into()),
            aud: Some(&claims.aud),
            client_id: Some(&claims.client_id),
            scope: Some(claims.scope.as_str()).filter(|scope| !scope.is_empty()).map(Cow::from),
            exp: Some(claims.exp),
            iat: Some(claims.iat),
            auth_time: claims.auth_time,
            jti: Some(claims.jti),
            sid: claims.sid,
            roles: &claims.roles,
            email: claims.email.as_deref(),
            application: claims.application.as_ref(),
            authentication: claims.authentication.as_deref(),
            email_verified: claims.email_verified,
            username: claims.username.as_deref(),
            tenant: claims.tenant.as_deref(),
        }
    }

    fn of_refresh(sid: SessionId, session: &'a Session) -> Self {
        Self {
            active: true,
            sub: Some(session.account.to_string().into()),
            client_id: Some(&session.client),
            scope: Some(session.scope.iter().map(String::as_str).collect::<Vec<_>>().join(" ").into()),
            exp: Some(session.ends_at().seconds()),
            iat: Some(session.born_at.seconds()),
            auth_time: Some(session.started_at.seconds()),
            sid: Some(sid),
            ..Self::default()
        }
    }
}

/// Whether a token is active now (RFC 7662).
///
/// An access token is active when its signature, its end, its session, its account, its client and its key all are. A
/// resource server that must know of a revocation at once asks here; one that can wait for the token's end checks the
/// signature by itself. A client learns of tokens issued to it or meant for its audience (with `introspect = "all"`, of
/// every access token), and of no refresh token but its own.
#[utoipa::path(post, path = "/oauth2/introspect", tag = "oauth",
    request_body(content = IntrospectRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "What is known of the token. `{\"active\":false}` and no more where it is not active, or none of the caller's business.", body = Introspection<'static>),
        (status = 400, description = "The parameter `token` is missing: `invalid_request`.", body = OAuthError),
        (status = 401, description = "The client failed to authenticate: `invalid_client`. A public client has no secret and cannot ask here.", body = OAuthError),
        (status = 503, description = "The answer is not known: try again after `Retry-After`, and let nobody in.", body = OAuthError),
    ),
    security(("client_basic" = []))
)]
pub async fn introspect(
    request: HttpRequest,
    payload: web::Payload,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    let services = doors.services()?;
    let form = read_form(&request, payload, &doors).await?;
    let (client, asker) = authenticate_or_name(&request, &doors, &form).await?;
    let profile = client.state.value.settings.profile;
    let found = look_up(services, &form, &client, asker).await.map_err(|error| error.in_words_of(profile))?;
    let told = match &found {
        Some(Found::Access(claims)) => Introspection::of_access(claims),
        Some(Found::Refresh(sid, session)) => Introspection::of_refresh(*sid, session),
        None => Introspection::default(),
    };
    Ok(no_store(&mut HttpResponse::Ok()).json(told))
}

/// A token that is active, and the caller's business.
enum Found {
    Access(Arc<Claims>),
    Refresh(SessionId, Arc<Session>),
}

async fn look_up(
    services: &Services,
    form: &Form,
    client: &AuthenticatedClient,
    asker: Asker,
) -> Result<Option<Found>, HttpError> {
    let settings = &client.state.value.settings;
    let token = form.need("token", TOKEN_LIMIT)?;
    let of_refresh = token.starts_with(REFRESH_PREFIX);
    let named_is_enough = settings.profile == Profile::Fusionauth && !of_refresh;
    let refused = match (client.by_secret || named_is_enough, client.state.value.enabled) {
        (false, _) => Some(Denial::ClientSecretMissing),
        (true, false) => Some(Denial::ClientDisabled),
        (true, true) => None,
    };
    if let Some(denial) = refused {
        return Err(services.clients.refuse(&client.id, denial, &asker).await.into());
    }
    if of_refresh {
        let found = services.sessions.introspect(token, client, asker).await?;
        return Ok(found.map(|(sid, session)| Found::Refresh(sid, session)));
    }
    match services.tokens.inspect(token)? {
        Some(token) if may_learn_of(client, &token.claims) => Ok(Some(Found::Access(token.claims))),
        Some(_) if settings.profile == Profile::Fusionauth => Err(Why::NotThisClients.into()),
        _ => Ok(None),
    }
}

/// A client learns of tokens issued to it and of those meant for it; a resource server of many, of all.
fn may_learn_of(client: &AuthenticatedClient, claims: &Claims) -> bool {
    let settings = &client.state.value.settings;
    let meant_for_it = || {
        settings.introspect == Introspect::All
            || settings.audience.as_ref().is_some_and(|audience| *audience == claims.aud)
    };
    // Anybody can name a client of FusionAuth's profile: one that shows no secret learns of its own tokens alone.
    claims.client_id == client.id || client.by_secret && meant_for_it()
}

//! `POST /oauth2/token` (RFC 6749).

use super::read_form;
use crate::actors::{Asker, AuthenticatedClient, Issued, LoginAsk, NoLogin, Person, RefreshAsk, Services, cut};
use crate::config::Secret;
use crate::domain::client::{Grant, Profile};
use crate::domain::context::ToldBy;
use crate::domain::denial::Denial;
use crate::domain::time::Span;
use crate::http::Doors;
use crate::http::error::{HttpError, Why, no_store};
use crate::http::form::Form;
use crate::http::fusionauth::tenant_client;
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
    /// The account, for clients of profile `fusionauth`.
    #[serde(rename = "userId", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    user: Option<String>,
    /// The session, for clients of profile `fusionauth`: the id of its refresh token, which stays the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    refresh_token_id: Option<String>,
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
    /// FusionAuth's word for why, for clients of profile `fusionauth`.
    #[schema(nullable = false)]
    error_reason: Option<String>,
    /// As `change_code`, for clients of profile `fusionauth`.
    #[schema(nullable = false)]
    change_password_id: Option<String>,
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
    grant(&form, Profile::Fusionauth)?;
    let (client, asker) = authenticate(&request, &doors, &form).await?;
    let profile = client.state.value.settings.profile;
    match granted(services, &form, &client, asker).await {
        Ok(issued) => Ok(answer(issued, profile)),
        Err(error) => Err(error.in_words_of(profile)),
    }
}

async fn granted(
    services: &Services,
    form: &Form,
    client: &AuthenticatedClient,
    asker: Asker,
) -> Result<Issued, HttpError> {
    let profile = client.state.value.settings.profile;
    let grant = grant(form, profile)?;
    let scope = form.scope()?;
    match grant {
        Grant::Password => password(services, form, client, scope, told(form, client, asker)).await,
        Grant::RefreshToken => {
            let token = form.need("refresh_token", TOKEN_LIMIT)?;
            let ttl = if profile == Profile::Fusionauth { expires_in(form)? } else { None };
            let ask = RefreshAsk { ttl, ..RefreshAsk::of(client, scope, asker) };
            Ok(services.sessions.refresh(token, ask).await?)
        }
        Grant::ClientCredentials => Ok(services.clients.issue_token(client, scope, &asker).await?),
    }
}

/// The grant that is asked for. `refresh` is what the documents of FusionAuth's workflows write.
fn grant(form: &Form, profile: Profile) -> Result<Grant, Why> {
    match (form.need("grant_type", 64)?, profile) {
        ("password", _) => Ok(Grant::Password),
        ("refresh_token", _) | ("refresh", Profile::Fusionauth) => Ok(Grant::RefreshToken),
        ("client_credentials", _) => Ok(Grant::ClientCredentials),
        _ => Err(Why::UnsupportedGrant),
    }
}

/// How long the next access token shall live, as FusionAuth's clients ask.
fn expires_in(form: &Form) -> Result<Option<Span>, Why> {
    let Some(text) = form.get("expires_in") else { return Ok(None) };
    let seconds = text.parse::<u32>().ok().filter(|seconds| *seconds > 0);
    let seconds = seconds.ok_or_else(|| Why::Malformed("expires_in must be a number of seconds above 0".to_owned()))?;
    Ok(Some(Span::seconds(seconds.into())))
}

/// Who asks, as FusionAuth's clients tell the person's device in the form.
fn told(form: &Form, client: &AuthenticatedClient, asker: Asker) -> Asker {
    let device =
        form.get("metaData.device.name").filter(|_| client.state.value.settings.profile == Profile::Fusionauth);
    let Some(device) = device.map(cut) else { return asker };
    if client.by_secret {
        // The peer itself is the client, not the person.
        let known = if asker.told_by == ToldBy::Client { asker.person } else { Person::default() };
        let person = Person { device_name: Some(device), ..known };
        return Asker { told_by: ToldBy::Client, person, ..asker };
    }
    let claimed = Person { device_name: Some(device), ..asker.claimed.unwrap_or_default() };
    Asker { claimed: Some(claimed), ..asker }
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
    // Who is not registered at an application of FusionAuth's logs in all the same, without roles and refresh token.
    let elsewhere = match state.settings.profile {
        Profile::Fusionauth => Some(tenant_client(services, &asker).await?),
        Profile::Standard | Profile::Gateway => None,
    };
    let ask = LoginAsk { elsewhere, ..LoginAsk::new(login, password, scope, asker) };
    match services.logins.login(client, ask).await {
        Ok(issued) => Ok(issued),
        Err(NoLogin { must_change: Some(account), .. }) => {
            let code = services.passwords.issue_code(account, CHANGE_CODE_TTL, None, &told).await;
            let (code, _) = code.map_err(Why::NotDone)?;
            Err(Why::MustChange(Secret::new(code.to_string())).into())
        }
        Err(NoLogin { refused, must_change: None }) => Err(refused.into()),
    }
}

fn answer(issued: Issued, profile: Profile) -> HttpResponse {
    let ours = profile == Profile::Fusionauth;
    let session = issued.session.filter(|_| ours && issued.refresh_token.is_some());
    let scope = issued.scope.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
    no_store(&mut HttpResponse::Ok()).json(TokenResponse {
        access_token: issued.access_token,
        token_type: "Bearer",
        expires_in: issued.expires_in.as_seconds(),
        refresh_token: issued.refresh_token,
        scope,
        new_context: issued.new_context,
        user: issued.account.filter(|_| ours).map(|id| id.to_string()),
        refresh_token_id: session.map(|id| id.to_string()),
    })
}

//! `GET` and `POST /oauth2/userinfo` (OpenID Connect Core section 5.3).

use super::token::OAuthError;
use crate::crypto::Claims;
use crate::http::Doors;
use crate::http::cors::let_client_read;
use crate::http::error::{HttpError, Why, no_store};
use crate::http::transport::headers;
use crate::http::who::bearer;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// What is told of the person.
#[derive(Serialize, ToSchema)]
pub struct UserInfo {
    /// The account's id; it never changes.
    sub: String,
    /// The login id; with scope `email`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    email: Option<String>,
    /// Whether that is verified: always where there is one, for clients of profile `fusionauth`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    email_verified: Option<bool>,
    /// The login id; with scope `profile`. For clients of profile `fusionauth` the one that is no e-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    preferred_username: Option<String>,
    /// The client, for those of profile `fusionauth`.
    #[serde(rename = "applicationId", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    application: Option<String>,
    /// The one tenant, for clients of profile `fusionauth`.
    #[serde(rename = "tid", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    tenant: Option<String>,
    /// The account's roles at the time of the token.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    roles: Vec<String>,
}

/// Who an access token stands for (OpenID Connect Core, section 5.3).
///
/// The access token must be active and have the scope `openid`; one of a client of profile `fusionauth` need not have it.
#[utoipa::path(get, path = "/oauth2/userinfo", tag = "oauth", responses(
    (status = 200, description = "The person.", body = UserInfo),
    (status = 401, description = "The access token is missing (`invalid_request`), or it is not ours, expired or revoked (`invalid_token`).", body = OAuthError),
    (status = 403, description = "The access token lacks the scope `openid`, or stands for no person: `insufficient_scope`.", body = OAuthError),
    (status = 503, description = "The answer is not known: try again after `Retry-After`.", body = OAuthError),
), security(("access_token" = [])))]
pub async fn userinfo(request: HttpRequest, doors: web::Data<Doors>) -> Result<HttpResponse, HttpError> {
    let services = doors.services()?;
    let headers = headers(&request);
    let token = bearer(&headers).ok_or(Why::NoBearer)?;
    let inspected = services.tokens.inspect(token)?.ok_or(Why::InvalidBearer)?;
    let_client_read(&request, services, inspected.claims.client_id.as_str());
    let has = |scope: &str| inspected.claims.scope.split(' ').any(|granted| granted == scope);
    if inspected.account.is_some() && inspected.claims.tenant.is_some() {
        return Ok(as_fusionauth(Arc::unwrap_or_clone(inspected.claims)));
    }
    if inspected.account.is_none() || !has("openid") {
        return Err(Why::InsufficientScope("openid").into());
    }
    let (email, profile) = (has("email"), has("profile"));
    let login = if email || profile { services.tokens.login(&inspected)? } else { None };
    let claims = Arc::unwrap_or_clone(inspected.claims);
    Ok(no_store(&mut HttpResponse::Ok()).json(UserInfo {
        email: login.clone().filter(|_| email),
        preferred_username: login.filter(|_| profile),
        sub: claims.sub,
        roles: claims.roles,
        email_verified: None,
        application: None,
        tenant: None,
    }))
}

/// What FusionAuth's clients find: what their token says, whatever its scope. Those that log in by `/api/login` have none.
fn as_fusionauth(claims: Claims) -> HttpResponse {
    no_store(&mut HttpResponse::Ok()).json(UserInfo {
        sub: claims.sub,
        email: claims.email,
        email_verified: claims.email_verified,
        preferred_username: claims.username,
        application: claims.application.map(|id| id.to_string()),
        tenant: claims.tenant,
        roles: claims.roles,
    })
}

/// The same by POST.
///
/// For clients that must not send GET; the token stands in the header all the same.
#[utoipa::path(post, path = "/oauth2/userinfo", tag = "oauth", responses(
    (status = 200, description = "The person.", body = UserInfo),
    (status = 401, description = "As with GET.", body = OAuthError),
    (status = 403, description = "As with GET.", body = OAuthError),
    (status = 503, description = "As with GET.", body = OAuthError),
), security(("access_token" = [])))]
pub async fn userinfo_by_post(request: HttpRequest, doors: web::Data<Doors>) -> Result<HttpResponse, HttpError> {
    userinfo(request, doors).await
}

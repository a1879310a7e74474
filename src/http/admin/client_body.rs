//! What is told and sent of a client.

use crate::domain::client::Client;
use crate::domain::ids::{ClientId, Version};
use serde::Serialize;
use utoipa::ToSchema;

/// A client. Its fields are those of the bootstrap file.
#[derive(Serialize, ToSchema)]
pub struct ClientBody {
    /// Its id, the `client_id` of OAuth. It never changes.
    #[schema(example = "store")]
    id: String,
    /// `confidential` or `public`. It never changes.
    #[schema(example = "confidential")]
    r#type: &'static str,
    /// Whose contract it speaks: `standard`, `fusionauth` or `gateway`. It never changes.
    #[schema(example = "standard")]
    profile: &'static str,
    /// Whether anything is granted to it.
    enabled: bool,
    /// The grants it may use: `password`, `refresh_token`, `client_credentials`.
    grants: Vec<&'static str>,
    /// The scopes it may ask for besides `openid profile email offline_access`.
    scopes: Vec<String>,
    /// The `aud` of its access tokens; `null`: the issuer.
    audience: Option<String>,
    /// The signature of its access tokens: `ES256`, `EdDSA` or `RS256`.
    #[schema(example = "ES256")]
    signing_alg: &'static str,
    /// Whether a refresh replaces the refresh token: `always` or `never`.
    #[schema(example = "always")]
    rotation: &'static str,
    /// How long an access token lives.
    #[schema(example = "5m")]
    access_ttl: String,
    /// A session ends when it is not refreshed for this long.
    #[schema(example = "14d")]
    refresh_idle_ttl: String,
    /// A session ends this long after its login.
    #[schema(example = "90d")]
    refresh_absolute_ttl: String,
    /// How long after a rotation the refresh token before gets the same successor.
    #[schema(example = "30s")]
    retry_window: String,
    /// What one that is shown later means: `revoke` or `reissue`.
    #[schema(example = "revoke")]
    late_retry: &'static str,
    /// Open sessions of an account at this client; the oldest ends when one more starts.
    #[schema(example = 100)]
    max_sessions: u32,
    /// Which access tokens it may introspect: `own` or `all`.
    #[schema(example = "own")]
    introspect: &'static str,
    /// Whether a login gets a refresh token without the scope `offline_access` (profile `fusionauth`).
    refresh_without_scope: bool,
    /// What people call it; `null`: nothing.
    name: Option<String>,
    /// Whether only accounts that are registered at it may log in here.
    registration_required: bool,
    /// Whether `/api/jwt/refresh` redeems its refresh tokens (profile `fusionauth`).
    token_refresh: bool,
    /// Whether `/api/login` asks for an API key (profile `fusionauth`).
    login_needs_key: bool,
    /// Whether `/api/login` gives a refresh token (profile `fusionauth`).
    refresh_at_login: bool,
    /// Origins that may call the token endpoint from a browser (public clients).
    origins: Vec<String>,
    /// Networks whose unauthenticated callers may tell the person.
    backends: Vec<String>,
    /// Whether it has a secret. It is never shown.
    has_secret: bool,
    /// Its version: its ETag.
    #[schema(value_type = u64)]
    version: Version,
    /// The secret, where this request made it: shown once, and kept by nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    secret: Option<String>,
}

impl ClientBody {
    /// A client as it may be shown.
    pub fn of(id: &ClientId, client: &Client, version: Version) -> Self {
        let Client { settings, secret, enabled, .. } = client;
        Self {
            id: id.to_string(),
            r#type: settings.client_type.as_str(),
            profile: settings.profile.as_str(),
            enabled: *enabled,
            grants: settings.grants.iter().map(|grant| grant.as_str()).collect(),
            scopes: settings.scopes.iter().cloned().collect(),
            audience: settings.audience.clone(),
            signing_alg: settings.signing_alg.as_str(),
            rotation: settings.rotation.as_str(),
            access_ttl: settings.access_ttl.to_string(),
            refresh_idle_ttl: settings.refresh_idle_ttl.to_string(),
            refresh_absolute_ttl: settings.refresh_absolute_ttl.to_string(),
            retry_window: settings.retry_window.to_string(),
            late_retry: settings.late_retry.as_str(),
            max_sessions: settings.max_sessions,
            introspect: settings.introspect.as_str(),
            refresh_without_scope: settings.refresh_without_scope,
            name: settings.name.clone(),
            registration_required: settings.registration_required,
            token_refresh: settings.token_refresh,
            login_needs_key: settings.login_needs_key,
            refresh_at_login: settings.refresh_at_login,
            origins: settings.origins.iter().cloned().collect(),
            backends: settings.backends.iter().map(ToString::to_string).collect(),
            has_secret: secret.is_some(),
            version,
            secret: None,
        }
    }

    /// The same with a secret that was made for it, if it was.
    pub fn with(self, secret: Option<String>) -> Self {
        Self { secret, ..self }
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// What is sent to change a client: what is left out stays as it is.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body for /openapi.json; it is read strictly, by name")]
pub struct ClientChangesBody {
    /// `password`, `refresh_token`, `client_credentials`.
    #[schema(nullable = false)]
    grants: Option<Vec<String>>,
    /// The scopes it may ask for besides `openid profile email offline_access`.
    #[schema(nullable = false)]
    scopes: Option<Vec<String>>,
    /// The `aud` of its access tokens; `null`: the issuer.
    audience: Option<String>,
    /// `ES256`, `EdDSA` or `RS256`.
    #[schema(nullable = false)]
    signing_alg: Option<String>,
    /// `always`, or `never` with the profile `fusionauth`.
    #[schema(nullable = false)]
    rotation: Option<String>,
    /// How long an access token lives: `1s` to `1d`.
    #[schema(nullable = false)]
    access_ttl: Option<String>,
    /// A session ends when it is not refreshed for this long.
    #[schema(nullable = false)]
    refresh_idle_ttl: Option<String>,
    /// A session ends this long after its login.
    #[schema(nullable = false)]
    refresh_absolute_ttl: Option<String>,
    /// How long after a rotation the refresh token before gets the same successor: up to `1h`.
    #[schema(nullable = false)]
    retry_window: Option<String>,
    /// `revoke` or `reissue`.
    #[schema(nullable = false)]
    late_retry: Option<String>,
    /// 1 to 1000.
    #[schema(nullable = false)]
    max_sessions: Option<u32>,
    /// `own` or `all`.
    #[schema(nullable = false)]
    introspect: Option<String>,
    /// With the profile `fusionauth`.
    #[schema(nullable = false)]
    refresh_without_scope: Option<bool>,
    /// What people call it: 1 to 255 bytes; `null`: nothing.
    name: Option<String>,
    /// Whether only accounts that are registered at it may log in here.
    #[schema(nullable = false)]
    registration_required: Option<bool>,
    /// With the profile `fusionauth`: whether `/api/jwt/refresh` redeems its refresh tokens.
    #[schema(nullable = false)]
    token_refresh: Option<bool>,
    /// With the profile `fusionauth`: whether `/api/login` asks for an API key.
    #[schema(nullable = false)]
    login_needs_key: Option<bool>,
    /// With the profile `fusionauth`: whether `/api/login` gives a refresh token.
    #[schema(nullable = false)]
    refresh_at_login: Option<bool>,
    /// Of a public client.
    #[schema(nullable = false)]
    origins: Option<Vec<String>>,
    /// Networks, such as `10.0.0.0/8`.
    #[schema(nullable = false)]
    backends: Option<Vec<String>>,
}

/// What is sent to make a client.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body for /openapi.json; it is read strictly, by name")]
pub struct NewClientBody {
    /// 1 to 64 characters of `A-Z a-z 0-9 . _ ~ -`.
    #[schema(example = "store")]
    id: String,
    /// `confidential`, where it is left out, or `public`.
    #[schema(nullable = false)]
    r#type: Option<String>,
    /// `standard`, where it is left out, `fusionauth` or `gateway`.
    #[schema(nullable = false)]
    profile: Option<String>,
    /// The secret of a confidential client: 16 to 512 bytes. Left out, one is made, and the answer shows it once.
    #[schema(nullable = false)]
    secret: Option<String>,
    /// `true`, where it is left out.
    #[schema(nullable = false)]
    enabled: Option<bool>,
    /// `password`, `refresh_token`, `client_credentials`.
    #[schema(nullable = false)]
    grants: Option<Vec<String>>,
    /// The scopes it may ask for besides `openid profile email offline_access`.
    #[schema(nullable = false)]
    scopes: Option<Vec<String>>,
    /// The `aud` of its access tokens; `null`, or left out: the issuer.
    audience: Option<String>,
    /// `ES256`, `EdDSA` or `RS256`.
    #[schema(nullable = false)]
    signing_alg: Option<String>,
    /// `always`, or `never` with the profile `fusionauth`.
    #[schema(nullable = false)]
    rotation: Option<String>,
    /// How long an access token lives: `1s` to `1d`.
    #[schema(nullable = false)]
    access_ttl: Option<String>,
    /// A session ends when it is not refreshed for this long.
    #[schema(nullable = false)]
    refresh_idle_ttl: Option<String>,
    /// A session ends this long after its login.
    #[schema(nullable = false)]
    refresh_absolute_ttl: Option<String>,
    /// How long after a rotation the refresh token before gets the same successor: up to `1h`.
    #[schema(nullable = false)]
    retry_window: Option<String>,
    /// `revoke` or `reissue`.
    #[schema(nullable = false)]
    late_retry: Option<String>,
    /// 1 to 1000.
    #[schema(nullable = false)]
    max_sessions: Option<u32>,
    /// `own` or `all`.
    #[schema(nullable = false)]
    introspect: Option<String>,
    /// With the profile `fusionauth`.
    #[schema(nullable = false)]
    refresh_without_scope: Option<bool>,
    /// What people call it: 1 to 255 bytes; `null`: nothing.
    name: Option<String>,
    /// Whether only accounts that are registered at it may log in here.
    #[schema(nullable = false)]
    registration_required: Option<bool>,
    /// With the profile `fusionauth`: whether `/api/jwt/refresh` redeems its refresh tokens.
    #[schema(nullable = false)]
    token_refresh: Option<bool>,
    /// With the profile `fusionauth`: whether `/api/login` asks for an API key.
    #[schema(nullable = false)]
    login_needs_key: Option<bool>,
    /// With the profile `fusionauth`: whether `/api/login` gives a refresh token.
    #[schema(nullable = false)]
    refresh_at_login: Option<bool>,
    /// Of a public client.
    #[schema(nullable = false)]
    origins: Option<Vec<String>>,
    /// Networks, such as `10.0.0.0/8`.
    #[schema(nullable = false)]
    backends: Option<Vec<String>>,
}

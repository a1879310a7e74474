//! The settings of a client as flags. What they mean, and what may stand in them, is said by the door.

use crate::cli::account::listed;
use clap::Args;
use serde_json::{Map, Value};

#[derive(Args)]
pub struct Settings {
    /// What it may ask by, with commas between: password, refresh_token, client_credentials
    #[arg(long, value_name = "GRANTS", value_delimiter = ',', help_heading = "Settings")]
    grants: Option<Vec<String>>,
    /// The scopes it may ask for, with commas between; "" for none of its own
    #[arg(long, value_name = "SCOPES", value_delimiter = ',', help_heading = "Settings")]
    scopes: Option<Vec<String>>,
    /// The `aud` of its access tokens; "" for the issuer
    #[arg(long, value_name = "TEXT", help_heading = "Settings")]
    audience: Option<String>,
    /// The signature of its access tokens: ES256, EdDSA or RS256
    #[arg(long, value_name = "ALG", help_heading = "Settings")]
    signing_alg: Option<String>,
    /// Whether a refresh replaces the refresh token: always or never
    #[arg(long, value_name = "WHEN", help_heading = "Settings")]
    rotation: Option<String>,
    /// How long an access token lives, such as 5m
    #[arg(long, value_name = "DURATION", help_heading = "Settings")]
    access_ttl: Option<String>,
    /// A session ends when it is not refreshed for this long, such as 14d
    #[arg(long, value_name = "DURATION", help_heading = "Settings")]
    refresh_idle_ttl: Option<String>,
    /// A session ends this long after its login, such as 90d
    #[arg(long, value_name = "DURATION", help_heading = "Settings")]
    refresh_absolute_ttl: Option<String>,
    /// How long the refresh token before gets the same successor, such as 30s
    #[arg(long, value_name = "DURATION", help_heading = "Settings")]
    retry_window: Option<String>,
    /// What one that is shown later means: revoke or reissue
    #[arg(long, value_name = "WHAT", help_heading = "Settings")]
    late_retry: Option<String>,
    /// Open sessions of an account at this client
    #[arg(long, value_name = "N", help_heading = "Settings")]
    max_sessions: Option<u32>,
    /// Which access tokens it may introspect: own or all
    #[arg(long, value_name = "WHICH", help_heading = "Settings")]
    introspect: Option<String>,
    /// Whether a login gets a refresh token without the scope offline_access (profile fusionauth)
    #[arg(long, value_name = "BOOL", help_heading = "Settings")]
    refresh_without_scope: Option<bool>,
    /// What people call it; "" for nothing
    #[arg(long, value_name = "NAME", help_heading = "Settings")]
    name: Option<String>,
    /// Whether only accounts that are registered at it may log in here
    #[arg(long, value_name = "BOOL", help_heading = "Settings")]
    registration_required: Option<bool>,
    /// Whether /api/jwt/refresh redeems its refresh tokens (profile fusionauth)
    #[arg(long, value_name = "BOOL", help_heading = "Settings")]
    token_refresh: Option<bool>,
    /// Whether /api/login asks for an API key (profile fusionauth)
    #[arg(long, value_name = "BOOL", help_heading = "Settings")]
    login_needs_key: Option<bool>,
    /// Whether /api/login gives a refresh token (profile fusionauth)
    #[arg(long, value_name = "BOOL", help_heading = "Settings")]
    refresh_at_login: Option<bool>,
    /// Origins that may ask from a browser, with commas between (public clients)
    #[arg(long, value_name = "ORIGINS", value_delimiter = ',', help_heading = "Settings")]
    origins: Option<Vec<String>>,
    /// Networks whose unauthenticated callers may tell the person, with commas between
    #[arg(long, value_name = "NETWORKS", value_delimiter = ',', help_heading = "Settings")]
    backends: Option<Vec<String>>,
}

impl Settings {
    /// The fields of a body: those that were given.
    pub fn fields(self) -> Map<String, Value> {
        let or_nothing = |text: String| if text.is_empty() { Value::Null } else { Value::from(text) };
        let given = [
            ("grants", self.grants.map(listed)),
            ("scopes", self.scopes.map(listed)),
            ("audience", self.audience.map(or_nothing)),
            ("signing_alg", self.signing_alg.map(Value::from)),
            ("rotation", self.rotation.map(Value::from)),
            ("access_ttl", self.access_ttl.map(Value::from)),
            ("refresh_idle_ttl", self.refresh_idle_ttl.map(Value::from)),
            ("refresh_absolute_ttl", self.refresh_absolute_ttl.map(Value::from)),
            ("retry_window", self.retry_window.map(Value::from)),
            ("late_retry", self.late_retry.map(Value::from)),
            ("max_sessions", self.max_sessions.map(Value::from)),
            ("introspect", self.introspect.map(Value::from)),
            ("refresh_without_scope", self.refresh_without_scope.map(Value::from)),
            ("name", self.name.map(or_nothing)),
            ("registration_required", self.registration_required.map(Value::from)),
            ("token_refresh", self.token_refresh.map(Value::from)),
            ("login_needs_key", self.login_needs_key.map(Value::from)),
            ("refresh_at_login", self.refresh_at_login.map(Value::from)),
            ("origins", self.origins.map(listed)),
            ("backends", self.backends.map(listed)),
        ];
        given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}

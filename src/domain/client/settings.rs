//! What an operator sets for a client. All policy about its sessions stands here, so that a replay needs nothing else.

use crate::domain::keys::SigningAlg;
use crate::domain::time::Span;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Whether a client can keep a secret (RFC 6749 section 2.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientType {
    /// Authenticates with its secret.
    Confidential,
    /// Has no secret: an app in the hands of its user.
    Public,
}

impl ClientType {
    /// The word in the bootstrap file and over HTTP.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Confidential => "confidential",
            Self::Public => "public",
        }
    }
}

/// Whose contract a client speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// RFC 6749 and its successors.
    Standard,
    /// FusionAuth's answers and claims.
    Fusionauth,
    /// An API gateway's answers.
    Gateway,
}

impl Profile {
    /// The word in the bootstrap file and over HTTP.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Fusionauth => "fusionauth",
            Self::Gateway => "gateway",
        }
    }
}

/// A grant a client may use at the token endpoint.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grant {
    /// RFC 6749 section 4.3.
    Password,
    /// RFC 6749 section 6.
    RefreshToken,
    /// RFC 6749 section 4.4.
    ClientCredentials,
}

impl Grant {
    /// All of them: the bound of the metrics' labels.
    pub const ALL: [Self; 3] = [Self::Password, Self::RefreshToken, Self::ClientCredentials];

    /// The value of `grant_type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
        }
    }
}

/// Whether a refresh replaces the refresh token.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rotation {
    /// Every refresh gives a new refresh token; an old one shown again is a sign of theft.
    Always,
    /// The refresh token stays the same for the session's life (profile `fusionauth` only).
    Never,
}

impl Rotation {
    /// The word in the bootstrap file and over HTTP.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Never => "never",
        }
    }
}

/// What happens when the parent of an unused refresh token comes back after the retry window, from where it came before.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LateRetry {
    /// The session ends: the safe reading.
    Revoke,
    /// The unused token is burned and its successor issued, once: the reading that suits clients that lose answers.
    Reissue,
}

impl LateRetry {
    /// The word in the bootstrap file and over HTTP.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Revoke => "revoke",
            Self::Reissue => "reissue",
        }
    }
}

/// Which access tokens a client may introspect (RFC 7662).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Introspect {
    /// Those issued to it, and those whose `aud` is its audience.
    Own,
    /// Every client's: for a resource server of many.
    All,
}

impl Introspect {
    /// The word in the bootstrap file and over HTTP.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::All => "all",
        }
    }
}

/// A role that a client knows.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ClientRole {
    /// Its id, by which FusionAuth's clients name it.
    pub id: Uuid,
    /// What it is for.
    pub description: Option<String>,
    /// Whether who registers without roles gets it.
    pub is_default: bool,
    /// Whether it stands for all others; nothing here decides by it.
    pub is_super: bool,
}

/// The settings of one client.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ClientSettings {
    /// Whether it can keep a secret.
    pub client_type: ClientType,
    /// Whose contract it speaks.
    pub profile: Profile,
    /// The grants it may use.
    pub grants: BTreeSet<Grant>,
    /// The scopes it may ask for besides `openid profile email offline_access`.
    pub scopes: BTreeSet<String>,
    /// The `aud` of its access tokens; the issuer where absent.
    pub audience: Option<String>,
    /// The signature of its access tokens.
    pub signing_alg: SigningAlg,
    /// Whether a refresh replaces the refresh token.
    pub rotation: Rotation,
    /// How long an access token lives.
    pub access_ttl: Span,
    /// A session ends when it is not refreshed for this long.
    pub refresh_idle_ttl: Span,
    /// A session ends this long after its login, however often it is refreshed.
    pub refresh_absolute_ttl: Span,
    /// How long after a rotation the parent may be shown again and gets the same successor.
    pub retry_window: Span,
    /// What a parent shown after that window means.
    pub late_retry: LateRetry,
    /// Open sessions of one account at this client; the oldest ends when one more starts. 1 to 1,000.
    pub max_sessions: u32,
    /// Which access tokens it may introspect.
    pub introspect: Introspect,
    /// Whether a password login gets a refresh token without the scope `offline_access`.
    pub refresh_without_scope: bool,
    /// Origins allowed to call the token endpoints from a browser (public clients).
    pub origins: BTreeSet<String>,
    /// Networks whose unauthenticated callers may tell the person.
    pub backends: Vec<IpNet>,
    /// Whether its refresh tokens are redeemed at `/api/jwt/refresh`, which authenticates no client.
    pub token_refresh: bool,
    /// Whether `/api/login` asks for an API key.
    pub login_needs_key: bool,
    /// Whether `/api/login` gives a refresh token.
    pub refresh_at_login: bool,
    /// Whether only accounts that are registered at it may have sessions here.
    pub registration_required: bool,
    /// What people call it.
    pub name: Option<String>,
    /// The roles that registrations may have here; none: any.
    pub roles: BTreeMap<String, ClientRole>,
    /// What FusionAuth's clients keep with it, and nothing here decides by: a JSON object.
    pub document: Option<String>,
}

impl ClientSettings {
    /// The settings of a confidential client that says nothing: the defaults of `docs/CONFIG.md`.
    pub fn new(client_type: ClientType, profile: Profile) -> Self {
        Self {
            client_type,
            profile,
            grants: BTreeSet::from([Grant::Password, Grant::RefreshToken]),
            scopes: BTreeSet::new(),
            audience: None,
            signing_alg: SigningAlg::Es256,
            rotation: if profile == Profile::Fusionauth { Rotation::Never } else { Rotation::Always },
            access_ttl: Span::minutes(5),
            refresh_idle_ttl: Span::days(14),
            refresh_absolute_ttl: Span::days(90),
            retry_window: Span::seconds(30),
            late_retry: LateRetry::Revoke,
            max_sessions: 100,
            introspect: Introspect::Own,
            refresh_without_scope: true,
            origins: BTreeSet::new(),
            backends: Vec::new(),
            token_refresh: profile == Profile::Fusionauth,
            login_needs_key: true,
            refresh_at_login: true,
            registration_required: true,
            name: None,
            roles: BTreeMap::new(),
            document: None,
        }
    }
}

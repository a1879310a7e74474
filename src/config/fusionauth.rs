//! `fusionauth.*`: what FusionAuth's clients find.

use super::ConfigError;
use super::raw::Raw;
use uuid::Uuid;

/// What a refresh token that is not good is answered with where FusionAuth's clients refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeadRefresh {
    /// 404, and nothing else: what the documented workflows expect.
    NotFound,
    /// 400, with what is wrong: what FusionAuth does since 1.17.
    BadRequest,
}

/// `fusionauth.*`: what FusionAuth's clients find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FusionauthConfig {
    /// The one tenant.
    pub tenant: Uuid,
    /// What a refresh token that is not good is answered with.
    pub dead_refresh: DeadRefresh,
    /// Whether refreshing there needs an API key.
    pub refresh_requires_key: bool,
    /// Whether an access token is refused there once its session is over.
    pub validate_checks_revocation: bool,
}

pub(super) fn read(raw: &Raw) -> Result<FusionauthConfig, ConfigError> {
    let dead_refresh = [DeadRefresh::NotFound, DeadRefresh::BadRequest];
    Ok(FusionauthConfig {
        tenant: raw.uuid("fusionauth.tenant_id")?,
        dead_refresh: dead_refresh[raw.choice("fusionauth.dead_refresh_status")?],
        refresh_requires_key: raw.flag("fusionauth.refresh_requires_key")?,
        validate_checks_revocation: raw.flag("fusionauth.validate_checks_revocation")?,
    })
}

//! `[[clients]]`, and clients over HTTP.

use super::super::values::{network, origin};
use super::super::{ConfigError, Secret};
use super::fields::Fields;
use super::{ClientSpec, MakeSecret, text_without};
use crate::domain::client::{ClientSettings, ClientType, Grant, Introspect, LateRetry, Profile, Rotation};
use crate::domain::time::Span;
use std::collections::BTreeSet;

const SECRET_MAX: usize = 1024;
/// Bytes of a secret over HTTP at least: 128 bits, where each byte is drawn.
const BODY_SECRET_MIN: usize = 16;
/// Bytes of a secret over HTTP at most: longer ones are not read where clients authenticate.
const BODY_SECRET_MAX: usize = 512;
const AUDIENCE_MAX: usize = 255;
const NAME_MAX: usize = 255;

/// Reads a client. Where a confidential one comes without a secret, one is made, if that may be.
pub(super) fn read(mut fields: Fields<'_>, make: Option<MakeSecret<'_>>) -> Result<ClientSpec, ConfigError> {
    let id = fields.title("id")?.parse().map_err(|why| fields.error(format!("`id`: {why}")))?;
    let secret = fields.secret("secret")?;
    let enabled = fields.flag("enabled")?.unwrap_or(true);
    let types = [ClientType::Confidential, ClientType::Public].map(|of| (of.as_str(), of));
    let client_type = fields.choice("type", &types)?.unwrap_or(ClientType::Confidential);
    let profiles = [Profile::Standard, Profile::Fusionauth, Profile::Gateway].map(|of| (of.as_str(), of));
    let profile = fields.choice("profile", &profiles)?.unwrap_or(Profile::Standard);
    let mut settings = ClientSettings::new(client_type, profile);
    read_rights(&mut fields, &mut settings)?;
    read_times(&mut fields, &mut settings)?;
    read_login(&mut fields, &mut settings)?;
    fields.finish()?;
    check(&fields, &settings)?;
    let secret = match (secret, client_type, make) {
        (None, ClientType::Confidential, Some(make)) => Some(make()),
        (secret, ..) => secret,
    };
    match (&secret, client_type) {
        (None, ClientType::Confidential) => Err(fields
            .error("a confidential client needs `secret`, `secret_file` or `secret_env`; without one it is `type = \"public\"`")),
        (Some(_), ClientType::Public) => {
            Err(fields.error("a public client cannot keep a secret: leave it out, or set `type = \"confidential\"`"))
        }
        (Some(secret), _) => {
            check_secret(&fields, secret, make.is_some())?;
            Ok(ClientSpec { id, secret: Some(secret.clone()), enabled, settings })
        }
        (None, ClientType::Public) => Ok(ClientSpec { id, secret: None, enabled, settings }),
    }
}

/// Reads another secret for a client; without one, it is made.
pub(super) fn read_secret(mut fields: Fields<'_>, make: MakeSecret<'_>) -> Result<Secret, ConfigError> {
    let secret = fields.secret("secret")?;
    fields.finish()?;
    let secret = secret.unwrap_or_else(make);
    check_secret(&fields, &secret, true)?;
    Ok(secret)
}

/// Whether a secret may be one. A body could have left it out and got one that nobody guesses, so more is asked of it there than in
/// the file; and a longer one would be refused where the client shows it.
fn check_secret(fields: &Fields<'_>, secret: &Secret, in_body: bool) -> Result<(), ConfigError> {
    let (min, max) = if in_body { (BODY_SECRET_MIN, BODY_SECRET_MAX) } else { (1, SECRET_MAX) };
    if text_without(secret.expose(), min, max, char::is_control) {
        return Ok(());
    }
    let advice = if in_body { "; left out, one is made" } else { "" };
    Err(fields.error(format!("the secret must have {min} to {max} bytes and no control characters{advice}")))
}

/// Reads what changes of a client's settings: what is not named stays as it is.
pub(super) fn read_changes(mut fields: Fields<'_>, settings: &ClientSettings) -> Result<ClientSettings, ConfigError> {
    let mut changed = settings.clone();
    for fixed in ["id", "type", "profile"] {
        if fields.has(fixed) {
            return Err(fields.error(format!("`{fixed}` cannot be changed: make another client, and disable this one")));
        }
    }
    for (field, door) in [("secret", "secret"), ("enabled", "enable or …/disable")] {
        if fields.has(field) {
            return Err(fields.error(format!("`{field}` is changed by POST …/{door}")));
        }
    }
    read_rights(&mut fields, &mut changed)?;
    read_times(&mut fields, &mut changed)?;
    read_login(&mut fields, &mut changed)?;
    fields.finish()?;
    check(&fields, &changed)?;
    Ok(changed)
}

/// What the client may ask for, and who may ask in its name.
fn read_rights(fields: &mut Fields<'_>, settings: &mut ClientSettings) -> Result<(), ConfigError> {
    if let Some(grants) = fields.parsed_list("grants", grant)? {
        settings.grants = BTreeSet::from_iter(grants);
    }
    if let Some(scopes) = fields.parsed_list("scopes", scope)? {
        settings.scopes = BTreeSet::from_iter(scopes);
    }
    if fields.is_null("audience") {
        settings.audience = None;
    }
    settings.audience = fields.text("audience")?.or_else(|| settings.audience.take());
    let blank = |c: char| c.is_control() || c.is_whitespace();
    if settings.audience.as_ref().is_some_and(|text| !text_without(text, 1, AUDIENCE_MAX, blank)) {
        return Err(fields.error("`audience` must have 1 to 255 bytes and no spaces; leave it out for the issuer"));
    }
    settings.signing_alg = fields.parsed("signing_alg")?.unwrap_or(settings.signing_alg);
    let introspect = [Introspect::Own, Introspect::All].map(|of| (of.as_str(), of));
    settings.introspect = fields.choice("introspect", &introspect)?.unwrap_or(settings.introspect);
    let origins = fields.parsed_list("origins", |text| origin(text).map(|()| text.to_owned()))?;
    if let Some(origins) = origins {
        settings.origins = BTreeSet::from_iter(origins);
    }
    if let Some(backends) = fields.parsed_list("backends", network)? {
        settings.backends = backends;
    }
    Ok(())
}

/// How its sessions and tokens live.
fn read_times(fields: &mut Fields<'_>, settings: &mut ClientSettings) -> Result<(), ConfigError> {
    let rotations = [Rotation::Always, Rotation::Never].map(|of| (of.as_str(), of));
    settings.rotation = fields.choice("rotation", &rotations)?.unwrap_or(settings.rotation);
    settings.access_ttl = fields.parsed("access_ttl")?.unwrap_or(settings.access_ttl);
    settings.refresh_idle_ttl = fields.parsed("refresh_idle_ttl")?.unwrap_or(settings.refresh_idle_ttl);
    settings.refresh_absolute_ttl = fields.parsed("refresh_absolute_ttl")?.unwrap_or(settings.refresh_absolute_ttl);
    settings.retry_window = fields.parsed("retry_window")?.unwrap_or(settings.retry_window);
    let late = [LateRetry::Revoke, LateRetry::Reissue].map(|of| (of.as_str(), of));
    settings.late_retry = fields.choice("late_retry", &late)?.unwrap_or(settings.late_retry);
    settings.max_sessions = fields.count("max_sessions", 1, 1000)?.unwrap_or(settings.max_sessions);
    let without = fields.flag("refresh_without_scope")?;
    settings.refresh_without_scope = without.unwrap_or(settings.refresh_without_scope);
    Ok(())
}

/// What people call it, who may log in at it, and what the doors of FusionAuth do for it.
fn read_login(fields: &mut Fields<'_>, settings: &mut ClientSettings) -> Result<(), ConfigError> {
    if fields.is_null("name") {
        settings.name = None;
    }
    settings.name = fields.text("name")?.or_else(|| settings.name.take());
    if settings.name.as_ref().is_some_and(|name| !text_without(name, 1, NAME_MAX, char::is_control)) {
        return Err(fields.error(format!("`name` must have 1 to {NAME_MAX} bytes and no control characters")));
    }
    for (field, setting) in [
        ("registration_required", &mut settings.registration_required),
        ("token_refresh", &mut settings.token_refresh),
        ("login_needs_key", &mut settings.login_needs_key),
        ("refresh_at_login", &mut settings.refresh_at_login),
    ] {
        *setting = fields.flag(field)?.unwrap_or(*setting);
    }
    Ok(())
}

fn check(fields: &Fields<'_>, settings: &ClientSettings) -> Result<(), ConfigError> {
    let within = |field: &str, span: Span, min: Span, max: Span| match (min..=max).contains(&span) {
        true => Ok(()),
        false => Err(fields.error(format!("`{field}` is {span}; it must be a duration from {min} to {max}"))),
    };
    let ten_years = Span::days(3650);
    within("access_ttl", settings.access_ttl, Span::seconds(1), Span::days(1))?;
    within("refresh_absolute_ttl", settings.refresh_absolute_ttl, Span::seconds(1), ten_years)?;
    within("refresh_idle_ttl", settings.refresh_idle_ttl, Span::seconds(1), ten_years)?;
    within("retry_window", settings.retry_window, Span::ZERO, Span::hours(1))?;
    if settings.refresh_idle_ttl > settings.refresh_absolute_ttl {
        return Err(fields.error(format!(
            "`refresh_idle_ttl` is {}, longer than `refresh_absolute_ttl`, which is {}: shorten it",
            settings.refresh_idle_ttl, settings.refresh_absolute_ttl
        )));
    }
    if settings.rotation == Rotation::Never && settings.profile != Profile::Fusionauth {
        return Err(fields.error("`rotation = \"never\"` is allowed only with `profile = \"fusionauth\"`"));
    }
    if settings.token_refresh && settings.profile != Profile::Fusionauth {
        return Err(fields.error("`token_refresh` is allowed only with `profile = \"fusionauth\"`"));
    }
    let public = settings.client_type == ClientType::Public;
    if public && settings.grants.contains(&Grant::ClientCredentials) {
        return Err(
            fields.error("a public client may not have the grant \"client_credentials\": it has no secret to show")
        );
    }
    if !public && !settings.origins.is_empty() {
        return Err(fields.error("`origins` is for public clients: a browser cannot keep this client's secret"));
    }
    Ok(())
}

fn grant(text: &str) -> Result<Grant, String> {
    let all = [Grant::Password, Grant::RefreshToken, Grant::ClientCredentials];
    all.into_iter().find(|grant| grant.as_str() == text).ok_or_else(|| {
        format!("{text:?} is not a grant: use \"password\", \"refresh_token\" or \"client_credentials\"")
    })
}

/// A scope token (RFC 6749 section 3.3).
fn scope(text: &str) -> Result<String, String> {
    let legal = |b: u8| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    if (1..=128).contains(&text.len()) && text.bytes().all(legal) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "{text:?} is not a scope: use 1 to 128 visible ASCII characters without spaces, quotes and backslashes"
        ))
    }
}

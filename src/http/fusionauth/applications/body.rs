//! An application as FusionAuth's clients send and see it, from a client's settings and to them. What the settings have no place for
//! is kept as it was sent, and nothing here decides by it.

use super::super::body::Fields;
use super::super::merge::{beyond, member, merge, without};
use crate::actors::AuthenticatedClient;
use crate::config::bootstrap::origin;
use crate::domain::client::{Client, ClientSettings, ClientType, Grant, Profile, Rotation};
use crate::domain::time::{Span, Timestamp};
use crate::http::error::{Faults, Why};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use uuid::Uuid;

/// Bytes of a name at most.
const NAME_MAX: usize = 255;
/// How long tokens live where nobody says: FusionAuth's defaults.
const ACCESS_TTL: Span = Span::hours(1);
const REFRESH_TTL: Span = Span::days(30);
/// The longest that a session may live.
const LONGEST: Span = Span::days(3650);
/// The longest that an access token may live.
const LONGEST_ACCESS: Span = Span::days(1);
/// The longest that a refresh token of before may be shown again.
const LONGEST_GRACE: Span = Span::hours(1);
/// What the settings, or this program, say of an application; the rest of what is sent is kept.
const OWN: [&str; 22] = [
    "/id",
    "/name",
    "/active",
    "/state",
    "/tenantId",
    "/insertInstant",
    "/lastUpdateInstant",
    "/roles",
    "/verifyRegistration",
    "/loginConfiguration/allowTokenRefresh",
    "/loginConfiguration/generateRefreshTokens",
    "/loginConfiguration/requireAuthentication",
    "/oauthConfiguration/clientId",
    "/oauthConfiguration/clientSecret",
    "/oauthConfiguration/requireClientAuthentication",
    "/oauthConfiguration/enabledGrants",
    "/jwtConfiguration/timeToLiveInSeconds",
    "/jwtConfiguration/refreshTokenTimeToLiveInMinutes",
    "/jwtConfiguration/refreshTokenExpirationPolicy",
    "/jwtConfiguration/refreshTokenUsagePolicy",
    "/jwtConfiguration/refreshTokenOneTimeUseConfiguration/gracePeriodInSeconds",
    "/jwtConfiguration/refreshTokenSlidingWindowConfiguration/maximumTimeToLiveInMinutes",
];
/// Values that would keep somebody out, or let somebody in, where nothing here does.
const NOT_SUPPORTED: [(&str, Option<&str>, &str); 5] = [
    (
        "/oauthConfiguration/requireRegistration",
        None,
        "who is not registered gets a token of the tenant here, without roles: leave requireRegistration out, and look at applicationId",
    ),
    (
        "/multiFactorConfiguration/loginPolicy",
        Some("Required"),
        "there is no second factor here: leave multiFactorConfiguration out",
    ),
    (
        "/accessControlConfiguration/uiIPAccessControlListId",
        Some(""),
        "there are no lists of addresses here: leave accessControlConfiguration out",
    ),
    ("/unverified/behavior", Some("Gated"), "every user is verified here: leave unverified out"),
    (
        "/authenticationTokenConfiguration/enabled",
        None,
        "there are no authentication tokens here: leave authenticationTokenConfiguration out",
    ),
];
const POLICY: &str = "/oauthConfiguration/clientAuthenticationPolicy";
const JWT: &str = "application.jwtConfiguration.";
const ONCE: &str = "refreshTokenOneTimeUseConfiguration";
const ONCE_PREFIX: &str = "application.jwtConfiguration.refreshTokenOneTimeUseConfiguration.";
const SLIDING: &str = "refreshTokenSlidingWindowConfiguration";
const SLIDING_PREFIX: &str = "application.jwtConfiguration.refreshTokenSlidingWindowConfiguration.";
const ORIGINS: &str = "/oauthConfiguration/authorizedOriginURLs";

/// Whether nothing was sent that people would rely on and nothing here obeys.
///
/// # Errors
/// Something was.
pub fn is_supported(sent: &Value) -> Result<(), Why> {
    for (path, value, advice) in NOT_SUPPORTED {
        let asked = match (sent.pointer(path), value) {
            (Some(Value::Bool(on)), None) => *on,
            (Some(Value::String(text)), None) => text == "true",
            // Any.
            (Some(Value::String(text)), Some("")) => !text.is_empty(),
            (Some(Value::String(text)), Some(value)) => text == value,
            _ => false,
        };
        if asked {
            return Err(Why::NotSupported(advice));
        }
    }
    Ok(())
}

/// The settings of an application as it was sent, all but its roles; `before`: those that it has. `patch`: what was sent of it, where what
/// was not stays as it is. What FusionAuth's clients cannot say, such as scopes, stays.
pub fn settings(
    sent: &Value,
    before: Option<&ClientSettings>,
    patch: Option<&Value>,
    faults: &mut Faults,
) -> ClientSettings {
    let oauth = member(sent, "oauthConfiguration");
    let client_type = client_type(oauth, before.map(|before| before.client_type), faults);
    let mut settings = match before {
        Some(before) => before.clone(),
        None => ClientSettings::new(client_type, Profile::Fusionauth),
    };
    settings.name = name(sent, faults);
    let mut login = Fields::within(member(sent, "loginConfiguration"), "application.loginConfiguration.", faults);
    settings.login_needs_key = login.flag("requireAuthentication").unwrap_or(true);
    settings.refresh_at_login = login.flag("generateRefreshTokens").unwrap_or(false);
    settings.token_refresh = login.flag("allowTokenRefresh").unwrap_or(false);
    let granted = grants(oauth, &mut settings, faults);
    lives(member(sent, "jwtConfiguration"), patch, &mut settings, faults);
    let mut application = Fields::within(sent, "application.", faults);
    if application.flag("verifyRegistration") == Some(true) {
        let advice = "registrations are not verified by mail here: leave verifyRegistration out";
        application.wrong("verificationEmailTemplateId", "missing", advice);
    }
    settings.document = document(sent, &settings, &granted);
    settings
}

fn name(sent: &Value, faults: &mut Faults) -> Option<String> {
    let mut fields = Fields::within(sent, "application.", faults);
    let name = fields.text("name").map(str::trim).filter(|name| !name.is_empty());
    match name {
        None => fields.wrong("name", "blank", "give the application a name"),
        Some(name) if name.len() > NAME_MAX || name.chars().any(char::is_control) => {
            fields.wrong("name", "tooLong", "use 1 to 255 bytes without control characters");
        }
        Some(_) => {}
    }
    name.map(str::to_owned)
}

/// Whether it can keep a secret: for good, once it is made.
fn client_type(oauth: &Value, before: Option<ClientType>, faults: &mut Faults) -> ClientType {
    const POLICY: &str = "clientAuthenticationPolicy";
    let mut fields = Fields::within(oauth, "application.oauthConfiguration.", faults);
    let by_flag = fields.flag("requireClientAuthentication");
    let asked = match fields.text(POLICY) {
        Some("NotRequired") => Some(ClientType::Public),
        Some("Required" | "NotRequiredWhenUsingPKCE") => Some(ClientType::Confidential),
        Some(_) => {
            fields.wrong(POLICY, "invalid", "use Required, NotRequired or NotRequiredWhenUsingPKCE");
            None
        }
        None => by_flag.map(|needed| if needed { ClientType::Confidential } else { ClientType::Public }),
    };
    match (before, asked) {
        (Some(before), Some(asked)) if before != asked => {
            let advice = "whether an application has a secret cannot be changed: make another application";
            fields.wrong(POLICY, "invalid", advice);
            before
        }
        (before, asked) => before.or(asked).unwrap_or(ClientType::Confidential),
    }
}

/// Sets its grants and origins, and gives the names of the grants that were asked for.
fn grants(oauth: &Value, settings: &mut ClientSettings, faults: &mut Faults) -> BTreeSet<String> {
    let mut fields = Fields::within(oauth, "application.oauthConfiguration.", faults);
    let asked = fields.texts("enabledGrants").unwrap_or_else(|| vec!["authorization_code", "refresh_token"]);
    let asked: BTreeSet<String> = asked.into_iter().map(str::to_owned).collect();
    let refresh = fields.flag("generateRefreshTokens").unwrap_or(true);
    let has = |grant: Grant| asked.contains(grant.as_str());
    let kept = settings.grants.contains(&Grant::ClientCredentials).then_some(Grant::ClientCredentials);
    let password = has(Grant::Password).then_some(Grant::Password);
    let refresh = (refresh && has(Grant::RefreshToken)).then_some(Grant::RefreshToken);
    settings.grants = [kept, password, refresh].into_iter().flatten().collect();
    if settings.client_type == ClientType::Public {
        let origins = fields.texts("authorizedOriginURLs").unwrap_or_default();
        if let Some(advice) = origins.iter().find_map(|text| origin(text).err()) {
            fields.wrong("authorizedOriginURLs", "invalid", &advice);
        }
        settings.origins = origins.into_iter().map(str::to_owned).collect();
    }
    asked
}

/// How its tokens and sessions live. `enabled: false` asks for the defaults, whatever stands beside it. Of a `patch` only what it names is
/// read: what is shown is rounded, and says `enabled: false` of who has the defaults.
fn lives(jwt: &Value, patch: Option<&Value>, settings: &mut ClientSettings, faults: &mut Faults) {
    const POLICY: [&str; 3] = ["refreshTokenExpirationPolicy", "refreshTokenTimeToLiveInMinutes", SLIDING];
    let given = patch.map_or(jwt, |patch| member(patch, "jwtConfiguration"));
    let off = Fields::within(given, JWT, faults).flag("enabled") == Some(false);
    let all = off || patch.is_none_or(|patch| patch.get("jwtConfiguration").is_some_and(Value::is_null));
    let named = |name: &str| all || given.get(name).is_some();
    let jwt = if off { &Value::Null } else { jwt };
    let mut fields = Fields::within(jwt, JWT, faults);
    if named("timeToLiveInSeconds") {
        let ttl = span(&mut fields, "timeToLiveInSeconds", Span::seconds(1), LONGEST_ACCESS);
        settings.access_ttl = ttl.unwrap_or(ACCESS_TTL);
    }
    if named("refreshTokenUsagePolicy") {
        settings.rotation = match fields.text("refreshTokenUsagePolicy") {
            None | Some("Reusable") => Rotation::Never,
            Some("OneTimeUse") => Rotation::Always,
            Some(_) => {
                fields.wrong("refreshTokenUsagePolicy", "invalid", "use Reusable or OneTimeUse");
                Rotation::Never
            }
        };
    }
    if named(ONCE) {
        let mut once = Fields::within(member(jwt, ONCE), ONCE_PREFIX, faults);
        let usual = ClientSettings::new(settings.client_type, Profile::Fusionauth).retry_window;
        settings.retry_window = span(&mut once, "gracePeriodInSeconds", Span::ZERO, LONGEST_GRACE).unwrap_or(usual);
    }
    if POLICY.into_iter().any(named) {
        let before = (settings.refresh_idle_ttl, settings.refresh_absolute_ttl);
        let capped = ![before.0, LONGEST].contains(&before.1);
        let kept = ((!named(POLICY[1])).then_some(before.0), (capped && !named(SLIDING)).then_some(before.1));
        (settings.refresh_idle_ttl, settings.refresh_absolute_ttl) = refresh_lives(jwt, kept, faults);
    }
}

/// How long a session lives without being refreshed, and in all. `kept`: those that it has, where nothing else is asked.
fn refresh_lives(jwt: &Value, kept: (Option<Span>, Option<Span>), faults: &mut Faults) -> (Span, Span) {
    let mut fields = Fields::within(jwt, JWT, faults);
    let minutes = Span::minutes(1);
    let asked = |fields: &mut Fields<'_>, name| span(fields, name, minutes, LONGEST).unwrap_or(REFRESH_TTL);
    let ttl = kept.0.unwrap_or_else(|| asked(&mut fields, "refreshTokenTimeToLiveInMinutes"));
    match fields.text("refreshTokenExpirationPolicy").unwrap_or("Fixed") {
        "Fixed" => (ttl, ttl),
        "SlidingWindow" => (ttl, LONGEST),
        "SlidingWindowWithMaximumLifetime" => {
            let mut sliding = Fields::within(member(jwt, SLIDING), SLIDING_PREFIX, faults);
            let longest = kept.1.unwrap_or_else(|| asked(&mut sliding, "maximumTimeToLiveInMinutes"));
            if longest < ttl {
                let advice = "this must not be less than refreshTokenTimeToLiveInMinutes";
                sliding.wrong("maximumTimeToLiveInMinutes", "invalid", advice);
            }
            (ttl, longest)
        }
        _ => {
            let advice = "use Fixed, SlidingWindow or SlidingWindowWithMaximumLifetime";
            fields.wrong("refreshTokenExpirationPolicy", "invalid", advice);
            (ttl, ttl)
        }
    }
}

/// A length of time, in the unit that its field's name ends with.
fn span(fields: &mut Fields<'_>, name: &str, least: Span, most: Span) -> Option<Span> {
    let number = fields.number(name)?;
    let unit = if name.ends_with("InMinutes") { 60 } else { 1 };
    let span = number.checked_mul(unit * 1000).map(Span).filter(|span| (least..=most).contains(span));
    if span.is_none() {
        let (least, most) = (least.as_seconds() / unit, most.as_seconds() / unit);
        fields.wrong(name, "invalid", &format!("use a whole number from {least} to {most}"));
    }
    span
}

/// What was sent and is said by no setting, as it is kept; `None`: nothing.
fn document(sent: &Value, settings: &ClientSettings, asked: &BTreeSet<String>) -> Option<String> {
    let mut rest = sent.clone();
    without(&mut rest, &OWN);
    // What is off is in force all the same where something else was asked for since.
    if rest.pointer("/jwtConfiguration/enabled") == Some(&json!(false)) {
        without(&mut rest, &["/jwtConfiguration/enabled"]);
    }
    if rest.pointer(POLICY) != Some(&json!("NotRequiredWhenUsingPKCE")) {
        without(&mut rest, &[POLICY]);
    }
    if settings.client_type == ClientType::Public {
        without(&mut rest, &[ORIGINS]);
    }
    let mut rest = beyond(&rest, Some(&base(settings))).unwrap_or_else(|| Value::Object(Map::new()));
    let granted = granted(settings);
    let others: Vec<&String> = asked.iter().filter(|name| !granted.contains(&name.as_str())).collect();
    if !others.is_empty() {
        merge(&mut rest, &json!({"oauthConfiguration": {"enabledGrants": others}}));
    }
    let nothing = rest.as_object().is_none_or(Map::is_empty);
    (!nothing).then(|| rest.to_string())
}

fn granted(settings: &ClientSettings) -> BTreeSet<&'static str> {
    settings.grants.iter().filter(|grant| **grant != Grant::ClientCredentials).map(|grant| grant.as_str()).collect()
}

/// What the settings say, in FusionAuth's words, with its defaults for what they do not say.
fn base(settings: &ClientSettings) -> Value {
    let public = settings.client_type == ClientType::Public;
    let (idle, absolute) = (settings.refresh_idle_ttl, settings.refresh_absolute_ttl);
    let minutes = |span: Span| span.as_seconds() / 60;
    let (expiration, longest) = match absolute {
        same if same == idle => ("Fixed", REFRESH_TTL),
        LONGEST => ("SlidingWindow", REFRESH_TTL),
        longest => ("SlidingWindowWithMaximumLifetime", longest),
    };
    let usual = settings.rotation == Rotation::Never
        && settings.access_ttl == ACCESS_TTL
        && (idle, absolute) == (REFRESH_TTL, REFRESH_TTL);
    json!({
        "loginConfiguration": {
            "allowTokenRefresh": settings.token_refresh,
            "generateRefreshTokens": settings.refresh_at_login,
            "requireAuthentication": settings.login_needs_key,
        },
        "oauthConfiguration": {
            "authorizedOriginURLs": settings.origins,
            "clientAuthenticationPolicy": if public { "NotRequired" } else { "Required" },
            "enabledGrants": granted(settings),
            "generateRefreshTokens": settings.grants.contains(&Grant::RefreshToken),
            "requireClientAuthentication": !public,
            "requireRegistration": false,
        },
        "jwtConfiguration": {
            "enabled": !usual,
            "timeToLiveInSeconds": settings.access_ttl.as_seconds(),
            "refreshTokenTimeToLiveInMinutes": minutes(idle),
            "refreshTokenExpirationPolicy": expiration,
            "refreshTokenUsagePolicy": if settings.rotation == Rotation::Never { "Reusable" } else { "OneTimeUse" },
            "refreshTokenOneTimeUseConfiguration": {"gracePeriodInSeconds": settings.retry_window.as_seconds()},
            "refreshTokenSlidingWindowConfiguration": {"maximumTimeToLiveInMinutes": minutes(longest)},
        },
        "passwordlessConfiguration": {"enabled": false},
        "registrationConfiguration": {"enabled": false, "type": "basic"},
        "verifyRegistration": false,
    })
}

/// An application as it is shown. Its secret is told only where it was made: nobody can read it later.
pub fn shown(application: &AuthenticatedClient, tenant: Uuid, secret: Option<&str>) -> Value {
    let state = &application.state;
    written(application.id.as_str(), (&state.value, state.at), tenant, secret)
}

fn written(id: &str, (client, at): (&Client, Timestamp), tenant: Uuid, secret: Option<&str>) -> Value {
    let settings = &client.settings;
    let mut shown = base(settings);
    let kept = settings.document.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok());
    let mut grants = granted(settings).into_iter().map(str::to_owned).collect::<BTreeSet<String>>();
    if let Some(kept) = kept.filter(Value::is_object) {
        let others = kept.pointer("/oauthConfiguration/enabledGrants").and_then(Value::as_array);
        grants.extend(others.into_iter().flatten().filter_map(|name| Some(name.as_str()?.to_owned())));
        merge(&mut shown, &kept);
    }
    let enabled = client.enabled;
    let own = json!({
        "id": id,
        "name": settings.name.as_deref().unwrap_or(id),
        "active": enabled,
        "state": if enabled { "Active" } else { "Inactive" },
        "tenantId": tenant.to_string(),
        "insertInstant": client.created_at.0,
        "lastUpdateInstant": at.0,
        "roles": super::roles::all(client, at),
        "oauthConfiguration": {"clientId": id, "enabledGrants": grants, "clientSecret": secret},
    });
    merge(&mut shown, &own);
    shown
}

#[cfg(test)]
mod tests;

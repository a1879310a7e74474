//! Who asks at FusionAuth's doors: an API key shown without a scheme, an access token in the header or a cookie, and the person whom
//! a caller with a key tells in the body.

use super::body::Fields;
use crate::actors::{Asker, AuthenticatedClient, Bearer, Person, Services, cut};
use crate::domain::client::Profile;
use crate::domain::context::ToldBy;
use crate::domain::ids::{AccountId, SessionId};
use crate::domain::permission::Permission;
use crate::domain::time::Timestamp;
use crate::http::Doors;
use crate::http::admin::Operator;
use crate::http::error::{Faults, Why};
use crate::http::transport::headers;
use crate::http::who::{Caller, bearer};
use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;
use serde_json::Value;
use uuid::Uuid;

const TENANT_HEADER: &str = "x-fusionauth-tenantid";

/// Whoever shows an API key with a permission.
///
/// # Errors
/// There is none, or it may not; or the tenant is none of ours.
pub async fn key(
    permission: Permission,
    request: &HttpRequest,
    doors: &Doors,
    services: &Services,
) -> Result<Operator, Why> {
    tenant(request, services)?;
    Operator::who_may(permission, request, doors, services).await
}

/// Whether a request shows an API key, or means to: alone, or as a bearer's token that is no JWT.
pub fn shows_key(request: &HttpRequest) -> bool {
    let headers = headers(request);
    let value = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).map(str::trim);
    value.is_some_and(|text| !text.is_empty()) && bearer(&headers).is_none_or(|token| !is_jwt(token))
}

/// Whether a text has the form of an access token: three parts, the first of which is JSON.
fn is_jwt(text: &str) -> bool {
    text.starts_with("eyJ") && text.matches('.').count() == 2
}

/// The one tenant is the only one that may be named.
///
/// # Errors
/// Another one was.
pub fn tenant(request: &HttpRequest, services: &Services) -> Result<(), Why> {
    let headers = headers(request);
    let Some(named) = headers.get(TENANT_HEADER).and_then(|value| value.to_str().ok()) else { return Ok(()) };
    if ["", "null", "undefined"].contains(&named) || named.parse() == Ok(services.core.tenant) {
        return Ok(());
    }
    Err(Faults::general("invalid", "there is one tenant here, and this is not its id: leave it out").into())
}

/// The access token of a request: in the header, or in the cookie. Who shows an API key shows none.
pub fn access_token(request: &HttpRequest) -> Option<String> {
    if shows_key(request) {
        return None;
    }
    let headers = headers(request);
    bearer(&headers).map(str::to_owned).or_else(|| cookie(request, "access_token"))
}

/// A cookie's value; none where a page of another site has the browser send it (Fetch Metadata, `Sec-Fetch-Site`).
pub fn cookie(request: &HttpRequest, name: &str) -> Option<String> {
    let headers = headers(request);
    if headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site") {
        return None;
    }
    let lists = headers.get_all(actix_web::http::header::COOKIE).filter_map(|value| value.to_str().ok());
    let mut pairs = lists.flat_map(|list| list.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(given, value)| *given == name && !value.is_empty()).map(|(_, value)| value.to_owned())
}

/// Who asks, as a body tells the person: `ipAddress`, `eventInfo` and `metaData.device`. From anybody but a caller with a key this is
/// kept as a claim and decides nothing.
pub fn told(asker: Asker, body: &Value) -> Asker {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).filter(|text| !text.is_empty()).map(cut);
    let info = body.get("eventInfo");
    let in_info = |name: &str| info.and_then(|info| text(info.get(name)));
    let device = body.pointer("/metaData/device");
    let address = text(body.get("ipAddress")).or_else(|| in_info("ipAddress"));
    let person = Person {
        address: address.and_then(|address| address.parse().ok()),
        user_agent: in_info("userAgent"),
        device: None,
        // A name for people: thousands call their device "iPhone".
        device_name: device.and_then(|device| text(device.get("name"))).or_else(|| in_info("deviceName")),
    };
    if asker.told_by != ToldBy::ApiKey {
        return if person == Person::default() { asker } else { Asker { claimed: Some(person), ..asker } };
    }
    // What stands in the headers tells a caller with a key as well, and less than the body.
    let headers = asker.claimed.clone().unwrap_or_default();
    let person = Person {
        address: person.address.or(headers.address),
        user_agent: person.user_agent.or(headers.user_agent),
        device: headers.device,
        device_name: person.device_name,
    };
    if person == Person::default() { asker } else { Asker { person, claimed: None, ..asker } }
}

/// The same where somebody logs in or shows his token. Of whom nobody tells anything there is nothing to compare: the peer is the app's
/// backend, and everybody comes from there.
pub fn in_person(asker: Asker, body: &Value) -> Asker {
    let backend = asker.person.clone();
    let asker = told(asker, body);
    let untold = asker.told_by == ToldBy::ApiKey && asker.person == backend;
    if untold { Asker { told_by: ToldBy::Nobody, ..asker } } else { asker }
}

/// Who shows a refresh token where no client is authenticated, and who asks: with an API key that may log people in, or without any.
/// `alone`: only with one, and only at the clients that it covers.
///
/// # Errors
/// The key is missing or may not; or the tenant is none of ours.
pub async fn bearer_of(
    token: &str,
    body: &Value,
    alone: bool,
    request: &HttpRequest,
    doors: &Doors,
    services: &Services,
) -> Result<(Bearer, Asker), Why> {
    if shows_key(request) || alone {
        let operator = key(Permission::Login, request, doors, services).await?;
        let clients = operator.key.and_then(|key| key.clients);
        let bearer = if alone { Bearer::KeyAlone(clients) } else { Bearer::Key(clients) };
        return Ok((bearer, in_person(operator.asker, body)));
    }
    tenant(request, services)?;
    let caller = Caller::of(request, doors);
    let named = services.sessions.named_by(token).map_err(Why::Refused)?;
    let client = match named {
        Some((_, session)) => services.clients.find(session.client.as_str()).map_err(Why::Refused)?,
        None => None,
    };
    let asker = match client {
        Some((_, client)) => caller.through(&client.value, false),
        None => caller.unproven(),
    };
    Ok((Bearer::Anybody, told(asker, body)))
}

/// A person who shows an access token of a client of FusionAuth's profile.
pub struct Holder {
    /// The person.
    pub account: AccountId,
    /// Where he was issued it.
    pub client: AuthenticatedClient,
    /// The session that it is of.
    pub session: SessionId,
    /// When it ends.
    pub until: Timestamp,
    /// Who asks.
    pub asker: Asker,
}

impl Holder {
    /// Whoever shows such a token, in the header or in the cookie.
    ///
    /// # Errors
    /// There is none, or it is not active, or a client's own, or of a client of another profile; or the tenant is none of ours.
    pub fn of(request: &HttpRequest, doors: &Doors, services: &Services) -> Result<Self, Why> {
        tenant(request, services)?;
        let token = access_token(request).ok_or(Why::NoBearer)?;
        let inspected = services.tokens.inspect(&token).map_err(Why::Refused)?.ok_or(Why::InvalidBearer)?;
        let account = inspected.account.ok_or(Why::InvalidBearer)?;
        let session = inspected.claims.sid.ok_or(Why::InvalidBearer)?;
        let found = services.clients.find(inspected.claims.client_id.as_str()).map_err(Why::Refused)?;
        let ours = found.filter(|(_, state)| state.value.settings.profile == Profile::Fusionauth);
        let (id, state) = ours.ok_or(Why::InvalidBearer)?;
        let asker = Caller::of(request, doors).through(&state.value, false);
        let until = Timestamp::from_seconds(inspected.claims.exp);
        Ok(Self { account, client: AuthenticatedClient { id, state, by_secret: false }, session, until, asker })
    }
}

/// Whether an API key covers a person: see [`Operator::covers_person`].
///
/// # Errors
/// Where the store cannot be read.
pub fn covers_person(operator: &Operator, person: AccountId, services: &Services) -> Result<bool, Why> {
    let gate = services.core.reader.gate(person).map_err(|error| Why::Refused(error.into()))?;
    let registrations = gate.as_ref().and_then(|gate| gate.value.registrations.as_ref());
    operator.covers_person(registrations, services)
}

/// A client as FusionAuth's clients name it: one of their profile.
///
/// # Errors
/// Where the store cannot be read; `None` where there is none of the name.
pub fn application(id: &str, services: &Services) -> Result<Option<AuthenticatedClient>, Why> {
    let find = |id: &str| services.clients.find(id).map_err(Why::Refused);
    let found = match (find(id)?, Uuid::try_parse(id)) {
        // FusionAuth reads a UUID in any spelling.
        (None, Ok(uuid)) => find(&uuid.to_string())?,
        (found, _) => found,
    };
    let ours = found.filter(|(id, state)| {
        let client = &state.value;
        client.settings.profile == Profile::Fusionauth && !client.removed && !services.administration.is_tenant(id)
    });
    Ok(ours.map(|(id, state)| AuthenticatedClient { id, state, by_secret: false }))
}

/// The application that a body names in `field`; `None` where it names none.
///
/// # Errors
/// It names none of ours.
pub fn named_application(
    fields: &mut Fields<'_>,
    field: &str,
    services: &Services,
) -> Result<Option<AuthenticatedClient>, Why> {
    let Some(id) = fields.text(field) else { return Ok(None) };
    let found = application(id, services)?;
    if found.is_none() {
        fields.wrong(field, "invalid", "there is no such application");
    }
    Ok(found)
}

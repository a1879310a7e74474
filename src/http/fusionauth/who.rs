//! Who asks at FusionAuth's doors: an API key shown without a scheme, an access token in the header or a cookie, and the person whom
//! a caller with a key tells in the body.

use super::body::Fields;
use crate::actors::{Asker, AuthenticatedClient, Person, Services, cut};
use crate::domain::client::Profile;
use crate::domain::context::ToldBy;
use crate::domain::permission::Permission;
use crate::http::Doors;
use crate::http::admin::Operator;
use crate::http::error::{Faults, Why};
use crate::http::transport::headers;
use crate::http::who::bearer;
use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;
use serde_json::Value;

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

/// Whether a request shows an API key, or means to.
pub fn shows_key(request: &HttpRequest) -> bool {
    let headers = headers(request);
    let value = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).map(str::trim);
    value.is_some_and(|text| !text.is_empty()) && bearer(&headers).is_none()
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
    Err(Faults::general("TenantIdRequired", "there is one tenant here, and this is not its id: leave it out").into())
}

/// The access token of a request: in the header, or in the cookie.
pub fn access_token(request: &HttpRequest) -> Option<String> {
    let headers = headers(request);
    bearer(&headers).map(str::to_owned).or_else(|| cookie(request, "access_token"))
}

/// A cookie's value.
pub fn cookie(request: &HttpRequest, name: &str) -> Option<String> {
    let headers = headers(request);
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
        device: device.and_then(|device| text(device.get("name"))).or_else(|| in_info("deviceName")),
    };
    if person == Person::default() {
        return asker;
    }
    if asker.told_by == ToldBy::ApiKey { Asker { person, ..asker } } else { Asker { claimed: Some(person), ..asker } }
}

/// A client as FusionAuth's clients name it: one of their profile.
///
/// # Errors
/// Where the store cannot be read; `None` where there is none of the name.
pub fn application(id: &str, services: &Services) -> Result<Option<AuthenticatedClient>, Why> {
    let found = services.clients.find(id).map_err(Why::Refused)?;
    let ours = found.filter(|(_, state)| {
        state.value.settings.profile == Profile::Fusionauth
            && !state.value.removed
            && *id != *services.core.tenant.to_string()
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

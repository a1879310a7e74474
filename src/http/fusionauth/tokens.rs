//! `/api/jwt/validate`, `/api/jwt/public-key` and `/api/jwt/vend`: access tokens are looked at, verified by others, and made to order.

use super::body::{self, Fields, Query};
use super::{Outcome, answer, told, who};
use crate::actors::{NotVended, Vend};
use crate::domain::permission::Permission;
use crate::domain::time::{Span, Timestamp};
use crate::http::Doors;
use crate::http::error::{Faults, HttpError, Why};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Map, Value, json};

/// How long a token made to order lives, where nobody says.
const VENDED_TTL: Span = Span::hours(1);
/// The longest that it may live. The keys of tokens are published for longer.
const VENDED_TTL_MAX: Span = Span::days(1);
/// Claims that say whose token it is: no caller may choose them.
const OURS: [&str; 7] = ["iss", "sub", "sid", "jti", "client_id", "scope", "gty"];
/// Claims that are left out.
const IGNORED: [&str; 2] = ["iat", "exp"];

/// Look at an access token (FusionAuth).
///
/// In the header, or in the cookie. It must be active: neither expired nor of a session that is over, unless
/// `fusionauth.validate_checks_revocation` is false.
#[utoipa::path(get, path = "/api/jwt/validate", tag = "fusionauth", operation_id = "fusionauth_validate",
    responses(
        (status = 200, description = "`jwt`: what it says.", body = serde_json::Value),
        (status = 400, description = "Another tenant is named.", body = serde_json::Value),
        (status = 401, description = "No access token, or one that is not active."),
        (status = 503, description = "Not known: try again after `Retry-After`.", body = serde_json::Value),
    ),
    security(("access_token" = []))
)]
pub async fn validate(request: HttpRequest, doors: web::Data<Doors>) -> Result<HttpResponse, HttpError> {
    told(validated(&request, &doors))
}

fn validated(request: &HttpRequest, doors: &Doors) -> Outcome {
    let services = doors.services()?;
    who::tenant(request, services)?;
    let token = who::access_token(request).ok_or(Why::NoBearer)?;
    let claims = if doors.settings.fusionauth.validate_checks_revocation {
        services.tokens.inspect(&token).map_err(Why::Refused)?.map(|inspected| inspected.claims)
    } else {
        let now = services.core.now(Timestamp::default()).map_err(Why::Refused)?;
        services.tokens.verify(&token).filter(|claims| now < Timestamp::from_seconds(claims.exp))
    };
    Ok(answer(&json!({ "jwt": *claims.ok_or(Why::InvalidBearer)? })))
}

/// The keys by which access tokens are verified, as PEM (FusionAuth).
///
/// All that are published, by `kid`; or one, as `publicKey`: that of a `kid`, or that which signs the tokens of an application.
#[utoipa::path(get, path = "/api/jwt/public-key", tag = "fusionauth", operation_id = "fusionauth_public_keys",
    params(
        ("kid" = Option<String>, Query, description = "The key's name, in the header of tokens."),
        ("applicationId" = Option<String>, Query, description = "The application."),
    ),
    responses(
        (status = 200, description = "`publicKeys` or `publicKey`.", body = serde_json::Value),
        (status = 400, description = "Another tenant is named, or the query is malformed.", body = serde_json::Value),
        (status = 404, description = "There is no such key or application."),
        (status = 503, description = "The server is starting.", body = serde_json::Value),
    )
)]
pub async fn public_keys(request: HttpRequest, doors: web::Data<Doors>) -> Result<HttpResponse, HttpError> {
    told(published(&request, &doors))
}

fn published(request: &HttpRequest, doors: &Doors) -> Outcome {
    let services = doors.services()?;
    who::tenant(request, services)?;
    let query = Query::of(request)?;
    let keyring = services.core.keyrings.current();
    let kid = match (query.get("kid"), query.get("applicationId")) {
        (Some(kid), _) => kid.to_owned(),
        (None, Some(id)) => {
            let application = who::application(id, services)?.ok_or(Why::NotFound)?;
            let entry = keyring.active_entry(application.state.value.settings.signing_alg).ok_or(Why::NotFound)?;
            entry.kid.clone()
        }
        (None, None) => {
            let pems = keyring.jwks().keys.into_iter().filter_map(|key| Some((key.kid.clone(), key.to_pem().ok()?)));
            return Ok(answer(&json!({ "publicKeys": pems.collect::<std::collections::BTreeMap<_, _>>() })));
        }
    };
    let found = keyring.jwks().keys.into_iter().find(|key| key.kid == kid).ok_or(Why::NotFound)?;
    Ok(answer(&json!({ "publicKey": found.to_pem().map_err(|_| Why::NotFound)? })))
}

/// Sign a token with claims of one's choice (FusionAuth).
///
/// With an API key that covers all clients and has the permission `admin`. `iss`, `iat`, `exp` and `jti` are this program's. It stands for
/// nobody: none of this program's own doors takes it.
#[utoipa::path(post, path = "/api/jwt/vend", tag = "fusionauth", operation_id = "fusionauth_vend",
    request_body(content = serde_json::Value, example = json!({"claims": {"device": "42"}, "timeToLiveInSeconds": 600})),
    responses(
        (status = 200, description = "`token`.", body = serde_json::Value),
        (status = 400, description = "Fields are wrong: a claim that nobody may choose, no key that signs, a time of less than a second or more than a day, or too much.", body = serde_json::Value),
        (status = 401, description = "No API key, or one that may not."),
        (status = 503, description = "Not known to be recorded: nothing was signed; try again after `Retry-After`.", body = serde_json::Value),
    ),
    security(("fusionauth_key" = []))
)]
pub async fn vend(
    request: HttpRequest,
    payload: web::Payload,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    told(vended(&request, payload, &doors).await)
}

async fn vended(request: &HttpRequest, payload: web::Payload, doors: &Doors) -> Outcome {
    let services = doors.services()?;
    let operator = who::key(Permission::Admin, request, doors, services).await?;
    operator.is_everywhere(services).await?;
    let body = body::object(request, payload, doors).await?;
    let mut faults = Faults::default();
    let mut fields = Fields::of(&body, &mut faults);
    let claims = claims(&mut fields);
    let key = fields.text("keyId").map(str::to_owned);
    let ttl = fields.number("timeToLiveInSeconds");
    if ttl.is_some_and(|seconds| !(1..=VENDED_TTL_MAX.as_seconds()).contains(&seconds)) {
        fields.wrong("timeToLiveInSeconds", "invalid", "this must be from 1 to 86400: a second to a day");
    }
    faults.none()?;
    let ttl = ttl.map_or(VENDED_TTL, Span::seconds);
    match services.vending.vend(&Vend { claims, key, ttl }, &operator.asker).await {
        Ok(token) => Ok(answer(&json!({ "token": token }))),
        Err(NotVended::NoKey) => {
            Err(Faults::of("keyId", "invalid", "no key of this kid signs: GET /.well-known/jwks.json lists them")
                .into())
        }
        Err(NotVended::TooMuch) => Err(Faults::of("claims", "tooLong", "these are too many or too long").into()),
        Err(NotVended::Refused(refused)) => Err(Why::Refused(refused)),
    }
}

fn claims(fields: &mut Fields<'_>) -> Map<String, Value> {
    let mut claims = match fields.any("claims") {
        None => Map::new(),
        Some(Value::Object(claims)) => claims.clone(),
        Some(_) => {
            fields.wrong("claims", "couldNotConvert", "this must be an object");
            Map::new()
        }
    };
    claims.retain(|name, _| !IGNORED.contains(&name.as_str()));
    for name in OURS.iter().filter(|name| claims.contains_key(**name)) {
        fields.wrong(&format!("claims.{name}"), "invalid", "this says whose token it is: leave it out");
    }
    claims
}

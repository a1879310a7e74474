//! `POST /api/jwt/refresh`: a refresh token is redeemed where no client is authenticated.

use super::body::{self, Fields};
use super::{Outcome, answer, cookies, told, who};
use crate::actors::{RefreshAsk, Refused};
use crate::config::DeadRefresh;
use crate::domain::denial::Denial;
use crate::domain::time::Span;
use crate::http::Doors;
use crate::http::error::{Faults, HttpError, Why};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

/// Seconds that a caller may ask for at most: more than any client's tokens live.
const TTL_MAX: i64 = 366 * 24 * 3600;

/// Refresh (FusionAuth).
///
/// With a refresh token as `refreshToken`, or in the cookie, which comes first. No client is authenticated: redeemed are tokens of clients of
/// the profile `fusionauth` that allow it (`token_refresh`), and of those that an API key with the permission `login` covers.
/// `timeToLiveInSeconds` makes the access token live shorter. `refreshToken` is the token to use next, `refreshTokenId` its session. Both
/// tokens are set as cookies, too.
#[utoipa::path(post, path = "/api/jwt/refresh", tag = "fusionauth", operation_id = "fusionauth_refresh",
    request_body(content = serde_json::Value, example = json!({"refreshToken": "csr_…"})),
    responses(
        (status = 200, description = "`refreshToken`, `refreshTokenId` and `token`.", body = serde_json::Value),
        (status = 400, description = "Fields are missing or wrong; with `fusionauth.dead_refresh_status = \"400\"` also a token that is not good.", body = serde_json::Value),
        (status = 401, description = "An API key that may not; or none, with `fusionauth.refresh_requires_key`."),
        (status = 404, description = "The token is not good: log in again."),
        (status = 503, description = "Not decided, or not known to be: send the same request again after `Retry-After`.", body = serde_json::Value),
    ),
    security((), ("fusionauth_key" = []))
)]
pub async fn refresh(
    request: HttpRequest,
    payload: web::Payload,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    told(refreshed(&request, payload, &doors).await)
}

async fn refreshed(request: &HttpRequest, payload: web::Payload, doors: &Doors) -> Outcome {
    let services = doors.services()?;
    let alone = doors.settings.fusionauth.refresh_requires_key;
    if alone && !who::shows_key(request) {
        return Err(Why::NoBearer);
    }
    let body = body::object(request, payload, doors).await?;
    let mut faults = Faults::default();
    let mut fields = Fields::of(&body, &mut faults);
    let token = who::cookie(request, cookies::REFRESH).or_else(|| fields.text("refreshToken").map(str::to_owned));
    if token.is_none() && fields.any("refreshToken").is_none_or(|sent| sent.as_str() == Some("")) {
        fields.wrong("refreshToken", "blank", "this is missing, and so is the cookie");
    }
    let ttl = fields.number("timeToLiveInSeconds");
    if ttl.is_some_and(|seconds| seconds < 1) {
        fields.wrong("timeToLiveInSeconds", "invalid", "this must be 1 or more");
    }
    let token = token.unwrap_or_default();
    let (bearer, asker) = who::bearer_of(&token, &body, alone, request, doors, services).await?;
    faults.none()?;
    let ttl = ttl.map(|seconds| Span::seconds(seconds.min(TTL_MAX)));
    let ask = RefreshAsk { bearer, scope: None, ttl, asker };
    let issued = services.sessions.refresh(&token, ask).await.map_err(|refused| dead(refused, doors))?;
    let mut answer = answer(&json!({
        "refreshToken": issued.refresh_token,
        "refreshTokenId": issued.session.map(|session| session.to_string()),
        "token": issued.access_token,
    }));
    cookies::give(&mut answer, &issued, doors, services)?;
    Ok(answer)
}

/// A token that is not good is answered alike whatever is wrong with it, its account or its client.
fn dead(refused: Refused, doors: &Doors) -> Why {
    match refused {
        Refused::Unavailable(_) | Refused::Denied(Denial::TtlTooLong | Denial::TooLong) => Why::Refused(refused),
        Refused::Denied(_) => match doors.settings.fusionauth.dead_refresh {
            DeadRefresh::NotFound => Why::NotFound,
            DeadRefresh::BadRequest => {
                Faults::of("refreshToken", "invalid", "the token is not good any more: log in again").into()
            }
        },
    }
}

//! `POST /api/logout`.

use super::body::{self, Fields, Query};
use super::{Outcome, cookies, done, told, who};
use crate::actors::{NotDone, Refused};
use crate::domain::gate::GateCommand;
use crate::domain::session::RevokeReason;
use crate::http::Doors;
use crate::http::error::{Faults, HttpError, Why};
use actix_web::{HttpRequest, HttpResponse, web};

/// Log out (FusionAuth).
///
/// Ends the session of the refresh token that is named as `refreshToken` in the query or the body, or stands in the cookie. With `global` all
/// sessions of its person end, if the token is good. Takes both cookies away. Who shows no token, or one that is not good, is logged out just
/// as well. A token of a client that does not let whoever has it refresh ends nothing, unless an API key covers the client.
#[utoipa::path(post, path = "/api/logout", tag = "fusionauth", operation_id = "fusionauth_logout",
    params(
        ("refreshToken" = Option<String>, Query, description = "The refresh token."),
        ("global" = Option<bool>, Query, description = "Whether all sessions of its person end."),
    ),
    request_body(content = serde_json::Value, example = json!({"global": true, "refreshToken": "csr_…"})),
    responses(
        (status = 200, description = "Logged out."),
        (status = 400, description = "A parameter is malformed.", body = serde_json::Value),
        (status = 401, description = "An API key that may not."),
        (status = 503, description = "Not known to be done: ask again.", body = serde_json::Value),
    ),
    security((), ("fusionauth_key" = []))
)]
pub async fn logout(
    request: HttpRequest,
    payload: web::Payload,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    told(logged_out(&request, payload, &doors).await)
}

async fn logged_out(request: &HttpRequest, payload: web::Payload, doors: &Doors) -> Outcome {
    let services = doors.services()?;
    let (query, body) = (Query::of(request)?, body::object(request, payload, doors).await?);
    let mut faults = Faults::default();
    let mut fields = Fields::of(&body, &mut faults);
    let token = query.get("refreshToken").or_else(|| fields.text("refreshToken")).map(str::to_owned);
    let token = token.or_else(|| who::cookie(request, cookies::REFRESH)).unwrap_or_default();
    let global = query.parsed("global", "true or false")?.or_else(|| fields.flag("global")).unwrap_or(false);
    faults.none()?;
    let (bearer, asker) = who::bearer_of(&token, &body, false, request, doors, services).await?;
    let sessions = &services.sessions;
    let good = if global { sessions.good(&token, &bearer, asker.clone()).await.map_err(Why::Refused)? } else { None };
    // All of them first: should the rest not be done, the token is still good for another try.
    if let Some((_, session)) = good {
        let all = GateCommand::RevokeSessions;
        match services.administration.change_account(session.account, all, None, &asker).await {
            // Who was erased meanwhile has no sessions.
            Ok(_) | Err(NotDone::Missing | NotDone::Over) => {}
            Err(why) => return Err(why.into()),
        }
    }
    match sessions.end_by(&token, bearer, RevokeReason::Logout, asker.clone()).await {
        Ok(()) | Err(Refused::Denied(_)) => {}
        Err(refused) => return Err(Why::Refused(refused)),
    }
    let mut answer = done();
    cookies::take(&mut answer, doors);
    Ok(answer)
}

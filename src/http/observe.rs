//! Around every request: its id, its place in the metrics, its line in the diagnostics, and the bound on how many there are.

use super::error::{HttpError, Why};
use super::{Doors, traced, who};
use crate::clock::Stopwatch;
use crate::domain::ids::RequestId;
use crate::domain::time::Timestamp;
use crate::entropy::uuid_v7;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, web};
use tracing::Instrument;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The middleware.
///
/// # Errors
/// Those of the handler.
pub async fn observe<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let Some(doors) = request.app_data::<web::Data<Doors>>().cloned() else {
        return next.call(request).await.map(ServiceResponse::map_into_left_body);
    };
    let id = new_request_id(&doors);
    request.extensions_mut().insert(id);
    let method = method_label(request.method());
    let watch = Stopwatch::start();
    // Questions about the server itself are answered however busy it is.
    let place = if is_about_the_server(request.path()) { Ok(()) } else { take_place(&request, &doors) };
    let mut response = match place {
        Err(why) => request.error_response(HttpError::plain(why, Some(id))).map_into_right_body(),
        Ok(()) => {
            // The query is left out: clients that err put tokens there.
            let span = tracing::info_span!("request", request_id = %id, method, path = without_code(request.path()));
            traced::follow(&span, request.request());
            // A handler's error is a response by now.
            next.call(request).instrument(span).await?.map_into_left_body()
        }
    };
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    count(&doors, &response, id, method, watch);
    Ok(response)
}

/// Takes a place among the requests under way, if there is one and the peer's network may have it. It is given back with the request, which may
/// outlive its caller. Of a request that gets none nothing more is read.
fn take_place(request: &ServiceRequest, doors: &Doors) -> Result<(), Why> {
    if doors.settings.rates.network.is_some() {
        doors.limits.of_network(who::peer(request.request(), doors)).map_err(Why::RateLimited)?;
    }
    let place = doors.in_flight.clone().try_acquire_owned().map_err(|_| Why::TooMany)?;
    request.extensions_mut().insert(place);
    Ok(())
}

fn new_request_id(doors: &Doors) -> RequestId {
    let now = doors.services.get().map_or(Timestamp::default(), |services| services.core.clock.read().wall);
    RequestId(uuid_v7(&*doors.entropy, now))
}

/// A path as it may be written down: without the one-time code that stands in one of FusionAuth's.
fn without_code(path: &str) -> &str {
    const CHANGE: &str = "/change-password/";
    path.find(CHANGE).map_or(path, |start| &path[..start + CHANGE.len()])
}

fn is_about_the_server(path: &str) -> bool {
    path.starts_with("/health/") || path == "/metrics"
}

/// A bounded label for a method.
fn method_label(method: &actix_web::http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

fn count<B>(doors: &Doors, response: &ServiceResponse<B>, request_id: RequestId, method: &str, watch: Stopwatch) {
    // Only routes that exist become labels: anybody can ask for any path.
    let pattern = response.request().match_pattern();
    let route = pattern.as_deref().unwrap_or("none");
    let class = match response.status().as_u16() {
        100..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    };
    doors.metrics.http_requests_total.with_label_values(&[route, method, class]).inc();
    let seconds = watch.seconds();
    doors.metrics.http_request_seconds.with_label_values(&[route]).observe(seconds);
    let status = response.status().as_u16();
    tracing::debug!(%request_id, method, route, status, seconds, "answered");
    if let Some(error) = response.response().error().and_then(|error| error.as_error::<HttpError>()) {
        let unavailable = response.status().is_server_error();
        let code = error.code();
        if unavailable {
            doors.metrics.unavailable_total.with_label_values(&[code]).inc();
            tracing::warn!(code, %request_id, status, route, "not decided");
        } else {
            tracing::info!(code, %request_id, status, route, "refused");
        }
    }
}

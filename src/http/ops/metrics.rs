//! Metrics for Prometheus.

use crate::http::Doors;
use crate::http::error::{HttpError, Why};
use crate::http::openapi::PlainError;
use actix_web::{HttpResponse, web};

/// All metrics, for Prometheus.
///
/// Labels are bounded, and no label holds anything personal. Served here on a loopback address only;
/// `metrics.listen` moves it to a listener of its own.
#[utoipa::path(get, path = "/metrics", tag = "operations", responses(
    (status = 200, description = "Metrics in the Prometheus text format.", content_type = "text/plain", body = String),
    (status = 404, description = "Metrics are served on another listener.", body = PlainError),
))]
pub async fn metrics(doors: web::Data<Doors>) -> Result<HttpResponse, HttpError> {
    if !doors.settings.metrics {
        return Err(HttpError::plain(Why::NotFound, None));
    }
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(doors.metrics.render()))
}

//! Metrics for Prometheus.

use crate::http::Doors;
use crate::http::error::{HttpError, Why};
use actix_web::{HttpResponse, web};

/// All metrics in the text exposition format.
#[utoipa::path(get, path = "/metrics", tag = "operations", responses(
    (status = 200, description = "Metrics in the Prometheus text format.", content_type = "text/plain"),
    (status = 404, description = "Metrics are served on another listener."),
))]
pub async fn metrics(doors: web::Data<Doors>) -> Result<HttpResponse, HttpError> {
    if !doors.settings.metrics {
        return Err(HttpError::plain(Why::NotFound, None));
    }
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(doors.metrics.render()))
}

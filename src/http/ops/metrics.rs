//! Metrics for Prometheus.

use super::health::Ready;
use crate::http::Doors;
use crate::http::error::{HttpError, Why};
use crate::http::openapi::PlainError;
use crate::metrics::whole;
use actix_web::{HttpResponse, web};
use std::sync::atomic::{AtomicU64, Ordering};

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
    Ok(alone(doors).await)
}

/// The same on a listener of its own.
pub async fn alone(doors: web::Data<Doors>) -> HttpResponse {
    look(&doors);
    HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(doors.metrics.render())
}

/// Sets what nobody sets as it changes: how the server stands at this moment.
fn look(doors: &Doors) {
    let metrics = &doors.metrics;
    Ready::of(doors).show(metrics);
    metrics.http_in_flight_limit.set(whole(doors.settings.max_in_flight));
    metrics.http_in_flight.set(whole(doors.settings.max_in_flight - doors.in_flight.available_permits()));
    let entries = |of: &AtomicU64| whole(of.load(Ordering::Relaxed));
    metrics.start_replayed_entries.set(entries(&doors.replayed));
    metrics.start_total_entries.set(entries(&doors.to_replay));
    let Ok(services) = doors.services() else { return };
    let core = &services.core;
    metrics.checkpoint_age_seconds.set((core.clock.boot() - core.writer.marked_at()).0 / 1000);
    // What cannot be read stays as it was shown.
    if let Ok(brakes) = services.brakes.state() {
        metrics.logins_braked.set(i64::from(brakes.value.logins_refused_since.is_some()));
    }
}

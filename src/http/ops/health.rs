//! Health: *live* says that the process answers, *ready* that it should be sent requests.

use crate::http::Doors;
use crate::metrics::Metrics;
use actix_web::{HttpResponse, web};
use serde::Serialize;
use std::sync::atomic::Ordering;
use utoipa::ToSchema;

/// What readiness looks at. Load is not among it: shedding is a 503 of the request.
#[derive(Serialize, ToSchema)]
pub struct Ready {
    /// Whether requests should be sent.
    ready: bool,
    /// Whether recovery is done.
    recovered: bool,
    /// Whether the journal takes commits and its keys are unsealed.
    journal: bool,
    /// Whether no damage was found in what the journal holds already.
    segments: bool,
    /// Whether the disk has room for more than closing things.
    disk: bool,
    /// Whether the clock is believed.
    clock: bool,
    /// Whether the server is not stopping.
    staying: bool,
    /// While it starts: how many entries were replayed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    replayed: Option<u64>,
    /// While it starts: how many there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    of: Option<u64>,
}

/// That the process answers.
#[derive(Serialize, ToSchema)]
pub struct Live {
    /// Always `true`.
    live: bool,
}

/// Whether the process answers.
///
/// For a supervisor that restarts what hangs. It says nothing about the journal.
#[utoipa::path(get, path = "/health/live", tag = "operations", responses((status = 200, description = "It does.", body = Live)))]
pub async fn live() -> HttpResponse {
    HttpResponse::Ok().json(Live { live: true })
}

/// Whether requests should be sent here.
///
/// For a load balancer: 503 while the server starts or stops, and when it cannot decide anything.
#[utoipa::path(get, path = "/health/ready", tag = "operations", responses(
    (status = 200, description = "They should.", body = Ready),
    (status = 503, description = "They should not: the body says why, and how far a start has come.", body = Ready),
))]
pub async fn ready(doors: web::Data<Doors>) -> HttpResponse {
    let body = Ready::of(&doors);
    if body.ready { HttpResponse::Ok().json(body) } else { HttpResponse::ServiceUnavailable().json(body) }
}

impl Ready {
    /// How the server stands.
    pub(super) fn of(doors: &Doors) -> Self {
        let staying = !doors.stopping.load(Ordering::Relaxed);
        let Ok(services) = doors.services() else {
            return Self {
                ready: false,
                recovered: false,
                journal: false,
                segments: true,
                disk: false,
                clock: false,
                staying,
                replayed: Some(doors.replayed.load(Ordering::Relaxed)),
                of: Some(doors.to_replay.load(Ordering::Relaxed)),
            };
        };
        let clock = services.core.clock.read().believed;
        let journal = services.core.writer.is_running();
        let segments = services.core.keeper.fault().is_none();
        let disk = !services.core.writer.disk().is_low();
        let ready = clock && journal && segments && disk && staying;
        Self { ready, recovered: true, journal, segments, disk, clock, staying, replayed: None, of: None }
    }

    /// Shows it in the metrics.
    pub(super) fn show(&self, metrics: &Metrics) {
        let Self { ready, recovered, journal, segments, disk, clock, staying, .. } = *self;
        metrics.ready.set(i64::from(ready));
        let checks = [
            ("recovered", recovered),
            ("journal", journal),
            ("segments", segments),
            ("disk", disk),
            ("clock", clock),
            ("staying", staying),
        ];
        for (check, good) in checks {
            metrics.ready_check.with_label_values(&[check]).set(i64::from(good));
        }
    }
}

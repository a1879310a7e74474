//! What operators' tools ask.

pub mod health;
pub mod metrics;

use actix_web::web::{self, ServiceConfig};

/// The routes of this group.
pub fn routes(config: &mut ServiceConfig) {
    config
        .route("/health/live", web::get().to(health::live))
        .route("/health/ready", web::get().to(health::ready))
        .route("/metrics", web::get().to(metrics::metrics));
}

//! What operators' tools ask.

pub mod health;
pub mod metrics;

use super::shown;
use actix_web::web::ServiceConfig;

/// The routes of this group.
pub fn routes(config: &mut ServiceConfig) {
    config
        .service(shown("/health/live", health::live))
        .service(shown("/health/ready", health::ready))
        .service(shown("/metrics", metrics::metrics));
}

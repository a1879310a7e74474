//! The doors of this process, on the data directory of a stopped server.

use super::{Body, Does, Doors, Told};
use crate::actors::Services;
use crate::app::{self, Start, World};
use crate::cli::Failure;
use crate::cli::server::door_settings;
use crate::config::Config;
use crate::http::{self, inside};
use std::sync::Arc;

/// See the module.
pub struct Here {
    doors: Arc<http::Doors>,
    /// The engine behind them, for what no door gives away.
    pub services: Services,
    /// What it was opened with.
    pub config: Config,
}

/// Opens the engine, lets `work` ask, and stops it in good order.
pub fn run<T>(
    config: &Config,
    world: &World,
    does: Does,
    work: impl AsyncFnOnce(&Doors) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let data = app::take(config).map_err(|error| {
        Failure::new(format!("{error}; or ask the running server: --server URL --api-key-file FILE"))
    })?;
    let start = Start { unrecorded: does == Does::Look, ..Start::default() };
    let work = async |services: &Services| {
        let issuer = config.issuer_at(config.http.listen);
        let doors =
            http::Doors::new(door_settings(config, issuer, false), world.metrics.clone(), world.entropy.clone());
        doors.open(services.clone());
        let here = Doors::Here(Box::new(Here { doors, services: services.clone(), config: config.clone() }));
        let done = work(&here).await;
        // What was ended by one event gets its own before the engine stops: the next start need not go on with it.
        match (done, does) {
            (Ok(done), Does::Change) => {
                let finished = services.closer.finish().await;
                finished.map(|()| done).map_err(|refused| Failure::new(services.core.told(&refused)))
            }
            (done, _) => done,
        }
    };
    app::offline(data, config, start, world, work).map_err(Failure::new)?
}

impl Here {
    /// Asks a door.
    pub async fn ask(&self, method: &str, path: &str, body: Option<Body>) -> Result<Told, Failure> {
        let ask = inside::Ask {
            method: method.to_owned(),
            path: path.to_owned(),
            headers: body
                .iter()
                .filter_map(|body| body.header)
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            body: body.map(|body| (body.content_type.to_owned(), body.bytes)),
        };
        let told = inside::ask(&self.doors, ask).await.map_err(Failure::new)?;
        Ok(Told { status: told.status, retry_after: None, body: told.body })
    }
}

//! The certificate of a server that speaks TLS itself: read at the start, and again when it changes.

use super::Failure;
use crate::app::World;
use crate::clock::Clock;
use crate::config::{Config, TlsConfig};
use crate::domain::time::Timestamp;
use crate::http::transport::tls::{Pair, Tls, TlsError, TlsFiles};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Between two looks at the files.
const LOOK_EVERY: Duration = Duration::from_secs(2);

fn files(tls: &TlsConfig) -> TlsFiles {
    TlsFiles { cert: tls.cert.clone(), key: tls.key.clone() }
}

/// Whether the files that the configuration names can be used, if it names some.
///
/// # Errors
/// What is wrong with them: exit code 2.
pub fn check(config: &Config) -> Result<(), Failure> {
    let Some(tls) = &config.tls else { return Ok(()) };
    Pair::read(&files(tls)).map(|_| ()).map_err(Failure::usage)
}

/// Reads the files that the configuration names, if it names some.
///
/// # Errors
/// What is wrong with them: exit code 2.
pub fn open(config: &Config, world: &World) -> Result<Option<Arc<Tls>>, Failure> {
    let Some(tls) = &config.tls else { return Ok(None) };
    let tls = Tls::open(files(tls), world.metrics.clone()).map_err(Failure::usage)?;
    warn_if_over(tls.ends_at(), world.clock.wall());
    Ok(Some(Arc::new(tls)))
}

/// Takes the certificate anew when its files change, and at SIGHUP, for as long as the server runs.
///
/// # Errors
/// Where the signal cannot be taken over.
pub fn keep_fresh(tls: Arc<Tls>, clock: Arc<dyn Clock>) -> Result<(), Failure> {
    let mut hangup = signal(SignalKind::hangup()).map_err(|error| Failure::new(format!("signals: {error}")))?;
    actix_rt::spawn(async move {
        loop {
            let asked = asked(&mut hangup).await;
            let tls = tls.clone();
            // A file may lie on a disk that does not answer.
            let look = move || if asked { Some(tls.take_again()) } else { tls.look() };
            match actix_rt::task::spawn_blocking(look).await {
                Ok(Some(taken)) => tell(taken, clock.wall()),
                Ok(None) => {}
                Err(error) => tracing::error!(%error, "looking at the certificate's files"),
            }
        }
    });
    Ok(())
}

/// Waits until it is time to look. Says whether somebody asks for it.
async fn asked(hangup: &mut Signal) -> bool {
    tokio::time::timeout(LOOK_EVERY, hangup.recv()).await.is_ok()
}

fn tell(taken: Result<i64, TlsError>, now: Timestamp) {
    match taken {
        Ok(ends_at) => {
            tracing::info!(ends_at = %seconds(ends_at), "the certificate was read and is taken for new connections");
            warn_if_over(ends_at, now);
        }
        Err(error) => tracing::warn!("the certificate in use stays, as its files cannot be used as they are: {error}"),
    }
}

/// Says so if a certificate is one that nobody believes any more.
fn warn_if_over(ends_at: i64, now: Timestamp) {
    if seconds(ends_at) <= now {
        tracing::warn!(ends_at = %seconds(ends_at), "the certificate in `tls.cert` has ended: clients will not believe it");
    }
}

fn seconds(since_1970: i64) -> Timestamp {
    Timestamp(since_1970.saturating_mul(1000))
}

//! Running the server: listen, open the journal, let requests in, and stop in good order.

use super::{Failure, certificate};
use crate::actors::Asker;
use crate::app::{self, App, OpenedJournal, Start, StartError, Stopped, World};
use crate::config::Config;
use crate::config::bootstrap::Bootstrap;
use crate::crypto::{DEEP, wipe_stack};
use crate::domain::ids::RequestId;
use crate::entropy::uuid_v7;
use crate::http::transport::Limits;
use crate::http::transport::tls::Tls;
use crate::http::{self, DoorSettings, Doors};
use std::net::TcpListener;
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// How to serve.
#[derive(Clone, Default)]
pub struct Options {
    /// An operator answers for the clock as it is.
    pub accept_clock: bool,
    /// Check every entry before serving.
    pub check_all: bool,
    /// What is done at SIGHUP, besides reading the certificate again. May wait for a disk.
    pub at_hangup: Option<Arc<dyn Fn() + Send + Sync>>,
}

/// Serves until SIGTERM or SIGINT. `listening` is told the URL once requests are let in.
pub fn serve(
    config: &Config,
    bootstrap: Bootstrap,
    options: Options,
    world: World,
    listening: impl FnOnce(&str) -> Result<(), Failure>,
) -> Result<(), Failure> {
    serve_until(config, bootstrap, options, world, listening, std::future::pending())
}

/// The same, and no longer than until `over`: for a server that is somebody's own.
pub fn serve_until(
    config: &Config,
    bootstrap: Bootstrap,
    options: Options,
    world: World,
    listening: impl FnOnce(&str) -> Result<(), Failure>,
    over: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let tls = certificate::open(config, &world)?;
    let listen = config.http.listen;
    let listener = bind(listen, "--listen ADDR, COUNTERSIGN__HTTP__LISTEN or http.listen")?;
    let address = listener.local_addr().map_err(Failure::new)?;
    let metrics = config
        .metrics_listen
        .map(|listen| bind(listen, "COUNTERSIGN__METRICS__LISTEN or metrics.listen"))
        .transpose()?;
    let bound = Bound { listener, metrics, tls, issuer: config.issuer_at(address), url: config.url_at(address) };
    let stopped = actix_rt::System::new().block_on(run(config, bootstrap, options, world, bound, listening, over))?;
    // With the runtime went the last hold on the store.
    stopped.compact();
    tracing::info!("stopped in good order");
    Ok(())
}

/// What the server listens on.
struct Bound {
    listener: TcpListener,
    metrics: Option<TcpListener>,
    tls: Option<Arc<Tls>>,
    issuer: String,
    url: String,
}

/// Listens, or says by which settings another address is chosen.
fn bind(address: std::net::SocketAddr, settings: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).map_err(|error| {
        let why = match error.kind() {
            std::io::ErrorKind::AddrInUse => "another program listens there".to_owned(),
            _ => error.to_string(),
        };
        Failure::new(format!(
            "cannot listen on {address}: {why}; choose another address with {settings} (port 0 picks a free one)"
        ))
    })
}

async fn run(
    config: &Config,
    bootstrap: Bootstrap,
    options: Options,
    world: World,
    bound: Bound,
    listening: impl FnOnce(&str) -> Result<(), Failure>,
    over: impl Future<Output = ()>,
) -> Result<Stopped, Failure> {
    let mut stop = Stop::new()?;
    if let Some(hangup) = options.at_hangup.clone() {
        at_hangup(hangup)?;
    }
    let on_these_doors = bound.metrics.is_none() && config.http.listen.ip().is_loopback();
    let settings = door_settings(config, bound.issuer.clone(), on_these_doors);
    let doors = Doors::new(settings, world.metrics.clone(), world.entropy.clone());
    // Listening comes first, so that readiness can tell how far a long start has come.
    let server =
        http::serve(vec![bound.listener], limits(config), bound.tls.clone(), doors.clone()).map_err(Failure::new)?;
    let handle = server.handle();
    let served = actix_rt::spawn(server);
    if let Some(listener) = bound.metrics {
        actix_rt::spawn(http::serve_metrics(listener, &doors).map_err(Failure::new)?);
    }
    if let Some(tls) = bound.tls {
        certificate::keep_fresh(tls, world.clock.clone())?;
    }
    let opened = tokio::select! {
        opened = open(config, &options, &world, &doors) => opened?,
        () = stop.asked() => end_at_once(super::OK),
    };
    let app =
        App::start(opened, config, bound.issuer, world.metrics.clone(), world.entropy.clone()).map_err(Failure::new)?;
    let let_in = tokio::select! {
        let_in = let_in(&app, bootstrap, &doors) => let_in.and_then(|()| listening(&bound.url).map(|()| true)),
        () = stop.asked() => Ok(false),
    };
    match let_in {
        Ok(true) => {
            tokio::select! {
                () = stop.asked() => {}
                () = over => {}
            }
            tracing::info!("stopping: requests under way are finished first; a second signal ends the process at once");
        }
        Ok(false) => tracing::info!("stopping before requests were let in"),
        Err(failure) => {
            app.stop();
            return Err(failure);
        }
    }
    doors.stopping();
    actix_rt::spawn(stop.again());
    handle.stop(true).await;
    let _ = served.await;
    // With them goes the last hold on the store, before the directory is unlocked for a successor.
    drop(doors);
    Ok(app.stop())
}

/// Opens the journal on a thread of its own: it reads and may rebuild for long.
async fn open(config: &Config, options: &Options, world: &World, doors: &Arc<Doors>) -> Result<OpenedJournal, Failure> {
    let (config, doors) = (config.clone(), doors.clone());
    let world = World { clock: world.clock.clone(), entropy: world.entropy.clone(), metrics: world.metrics.clone() };
    let start = Start { accept_clock: options.accept_clock, check_all: options.check_all, ..Start::default() };
    let opened = actix_rt::task::spawn_blocking(move || {
        app::open(&config, start, &world, |replayed, of| doors.progress(replayed, of))
    });
    match opened.await {
        Ok(opened) => opened.map_err(|StartError(text)| Failure::new(text)),
        Err(error) => Err(Failure::new(format!("opening the journal: {error}"))),
    }
}

/// Applies the bootstrap file, records that the server is ready, and opens the doors. The file's secrets end with it.
async fn let_in(app: &App, bootstrap: Bootstrap, doors: &Doors) -> Result<(), Failure> {
    let core = &app.services.core;
    let asker = Asker::server(RequestId(uuid_v7(&*core.entropy, core.clock.read().wall)));
    let applied = app::apply(&bootstrap, &app.services.administration, &asker).await.map_err(|error| {
        let why = core.told(&error);
        Failure::new(format!("the bootstrap file was not applied in full ({why}); start again to go on"))
    })?;
    for created in &applied.created {
        tracing::info!(%created, "bootstrap: created");
    }
    for differs in &applied.differs {
        tracing::warn!(%differs, "bootstrap: what exists was left as it is");
    }
    drop(bootstrap);
    wipe_stack::<DEEP>();
    app.ready().await.map_err(|error| Failure::new(core.told(&error)))?;
    doors.open(app.services.clone());
    Ok(())
}

/// What doors are told by a configuration.
pub fn door_settings(config: &Config, issuer: String, metrics: bool) -> DoorSettings {
    DoorSettings {
        issuer,
        trusted_proxies: config.http.trusted_proxies.clone(),
        max_body: config.http.max_body,
        body_timeout: config.http.body_timeout,
        max_in_flight: config.http.max_in_flight,
        rates: http::Rates { network: config.http.per_network, client: config.http.per_client },
        metrics,
        fusionauth: config.fusionauth,
    }
}

fn limits(config: &Config) -> Limits {
    let http = &config.http;
    Limits {
        workers: http.workers,
        max_connections: super::open_files::connections(http.max_connections, http.workers),
        max_head: http.max_head,
        head_timeout: http.head_timeout,
        request_timeout: http.request_timeout,
        keep_alive: http.keep_alive,
        write_timeout: http.write_timeout,
        stop_timeout: http.stop_timeout,
    }
}

/// The signals that ask the server to stop.
struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    fn new() -> Result<Self, Failure> {
        let on = |kind| signal(kind).map_err(|error| Failure::new(format!("signals: {error}")));
        Ok(Self { terminate: on(SignalKind::terminate())?, interrupt: on(SignalKind::interrupt())? })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Ends the process at the second signal.
    async fn again(mut self) {
        self.asked().await;
        end_at_once(super::FAILED)
    }
}

/// Does something at each SIGHUP, for as long as the server runs.
fn at_hangup(what: Arc<dyn Fn() + Send + Sync>) -> Result<(), Failure> {
    let mut hangup = signal(SignalKind::hangup()).map_err(|error| Failure::new(format!("signals: {error}")))?;
    actix_rt::spawn(async move {
        while hangup.recv().await.is_some() {
            let what = what.clone();
            if let Err(error) = actix_rt::task::spawn_blocking(move || what()).await {
                tracing::error!(%error, "what is done at SIGHUP");
            }
        }
    });
    Ok(())
}

/// Ends the process without waiting for anybody: an operator asked twice, or nothing was let in yet that could be waited for.
/// The journal is made to be left like this.
#[expect(clippy::disallowed_methods, reason = "the one place where a server is left without a word")]
fn end_at_once(code: u8) -> ! {
    std::process::exit(i32::from(code))
}

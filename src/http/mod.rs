//! The doors: every way in over HTTP. One file per endpoint, grouped by whose contract it is; [`error`] is the only mapping to
//! statuses; `cors` says what pages in a browser may read; [`transport`] bounds heads, bodies and connections; [`observe`] counts and names requests.

pub mod admin;
mod api_page;
mod cors;
pub mod error;
mod form;
pub mod fusionauth;
pub mod inside;
mod limits;
mod oauth;
mod observe;
mod openapi;
mod ops;
mod person;
mod traced;
pub mod transport;
mod who;

pub use error::answer_to;
pub use limits::Rates;
pub use openapi::document as openapi_document;

use crate::actors::Services;
use crate::config::FusionauthConfig;
use crate::entropy::Entropy;
use crate::metrics::Metrics;
use actix_web::dev::{ServiceRequest, ServiceResponse, fn_service};
use actix_web::middleware::from_fn;
use actix_web::{App, FromRequest, Handler, HttpRequest, HttpResponse, Resource, Responder, web};
use error::{HttpError, Why};
use ipnet::IpNet;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::Semaphore;
use transport::tls::Tls;

/// Open connections where only metrics are served: those who ask are few.
const METRICS_CONNECTIONS: usize = 64;

/// What doors are told by the configuration.
#[derive(Clone, Debug)]
pub struct DoorSettings {
    /// The issuer, without a slash at its end.
    pub issuer: String,
    /// Networks whose word is taken about who connected to them.
    pub trusted_proxies: Vec<IpNet>,
    /// Bytes of a body.
    pub max_body: usize,
    /// How long a body may take.
    pub body_timeout: Duration,
    /// Requests under way at once.
    pub max_in_flight: usize,
    /// Requests a second that a network and a client may make.
    pub rates: Rates,
    /// Whether `/metrics` is served here.
    pub metrics: bool,
    /// What FusionAuth's clients find.
    pub fusionauth: FusionauthConfig,
}

/// What every door works with: there before the engine is.
pub struct Doors {
    services: OnceLock<Services>,
    /// Settings.
    pub settings: DoorSettings,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// What was answered to requests that are asked once.
    answered: admin::Answered,
    entropy: Arc<dyn Entropy>,
    in_flight: Arc<Semaphore>,
    limits: limits::RateLimits,
    origins: cors::Origins,
    stopping: AtomicBool,
    replayed: AtomicU64,
    to_replay: AtomicU64,
}

impl Doors {
    /// Doors that answer only about themselves until [`Self::open`].
    pub fn new(settings: DoorSettings, metrics: Arc<Metrics>, entropy: Arc<dyn Entropy>) -> Arc<Self> {
        let in_flight = Arc::new(Semaphore::new(settings.max_in_flight));
        metrics.build_info.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        // Counters stand there before they count: an alert waits for their rise.
        for why in [Why::Starting, Why::TooMany] {
            drop(metrics.unavailable_total.with_label_values(&[HttpError::plain(why, None).code()]));
        }
        Arc::new(Self {
            services: OnceLock::new(),
            limits: limits::RateLimits::new(settings.rates, metrics.clone()),
            settings,
            metrics,
            answered: admin::Answered::default(),
            entropy,
            in_flight,
            origins: cors::Origins::default(),
            stopping: AtomicBool::new(false),
            replayed: AtomicU64::new(0),
            to_replay: AtomicU64::new(0),
        })
    }

    /// Lets requests in.
    pub fn open(&self, services: Services) {
        // Opened once, by the start.
        let _ = self.services.set(services);
    }

    /// Says that the server is stopping: readiness turns off first.
    pub fn stopping(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Tells how far the start has come.
    pub fn progress(&self, replayed: u64, of: u64) {
        self.replayed.store(replayed, Ordering::Relaxed);
        self.to_replay.store(of, Ordering::Relaxed);
    }

    fn services(&self) -> Result<&Services, Why> {
        self.services.get().ok_or(Why::Starting)
    }
}

/// All routes.
pub fn routes(config: &mut web::ServiceConfig) {
    // A path is compared with one route after the other: first those that are asked most.
    oauth::routes(config);
    ops::routes(config);
    fusionauth::routes(config);
    person::routes(config);
    admin::routes(config);
    config.service(shown("/openapi.json", openapi::serve));
    config.service(shown("/api-docs", api_page::home)).service(shown("/api-docs/{file}", api_page::file));
    config.default_service(fn_service(nothing_here));
}

/// A page that is read; HEAD gives its headers.
fn shown<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args> + Clone,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    page(path, "GET, HEAD").route(web::get().to(handler.clone())).route(web::head().to(handler))
}

/// A page that is read, by clients that post to it too.
fn shown_or_posted<F, G, Args>(path: &str, shown: F, posted: G) -> Resource
where
    F: Handler<Args> + Clone,
    G: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
    G::Output: Responder + 'static,
{
    let page = page(path, "GET, HEAD, POST").route(web::get().to(shown.clone()));
    page.route(web::head().to(shown)).route(web::post().to(posted))
}

/// A page that takes a body.
fn posted<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    page(path, "POST").route(web::post().to(handler))
}

fn page(path: &str, allowed: &'static str) -> Resource {
    let refuse = move |request: HttpRequest| async move {
        Err::<HttpResponse, _>(HttpError::plain(Why::MethodNotAllowed(allowed), who::request_id(&request)))
    };
    web::resource(path).default_service(web::to(refuse))
}

async fn nothing_here(mut request: ServiceRequest) -> Result<ServiceResponse, actix_web::Error> {
    transport::forget_path(&mut request);
    let id = who::request_id(request.request());
    Ok(request.error_response(HttpError::plain(Why::NotFound, id)))
}

/// Serves the doors on listeners, behind TLS where it is given, until the server is stopped. Must be called inside an actix system.
///
/// # Errors
/// Where the listeners cannot be used.
pub fn serve(
    listeners: Vec<TcpListener>,
    limits: transport::Limits,
    tls: Option<Arc<Tls>>,
    doors: Arc<Doors>,
) -> std::io::Result<actix_web::dev::Server> {
    transport::serve(listeners, limits, tls, move || {
        App::new().app_data(web::Data::from(doors.clone())).wrap(from_fn(observe::observe)).configure(routes)
    })
}

/// Serves metrics alone, for `metrics.listen`, always without TLS. Must be called inside an actix system.
///
/// # Errors
/// Where the listener cannot be used.
pub fn serve_metrics(listener: TcpListener, doors: &Arc<Doors>) -> std::io::Result<actix_web::dev::Server> {
    let limits = transport::Limits { workers: 1, max_connections: METRICS_CONNECTIONS, ..transport::Limits::default() };
    let doors = doors.clone();
    transport::serve(vec![listener], limits, None, move || {
        App::new().app_data(web::Data::from(doors.clone())).route("/metrics", web::get().to(ops::metrics::alone))
    })
}

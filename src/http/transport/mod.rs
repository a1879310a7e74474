//! What a peer may cost us before, between and after the requests that it makes.
//!
//! actix-http 3.20 limits the time of the *first* head of a connection and nothing else: a second head may trickle for
//! ever, so may a body, a peer that never reads its answers makes the write buffer grow, a head may have 128 KiB, and 128
//! KiB of requests behind one that waits keep a thread busy until it is answered.
//! Here every connection is watched from outside its dispatcher:
//!
//! - `io` is the stream that the dispatcher reads and writes. It counts, and it stops reading while the peer does not
//!   read, so that pipelined requests cannot pile up answers.
//! - `calls` stands between the dispatcher and the app. It is the only place that knows when a head has ended and when
//!   an answer begins and ends; it also bounds the time of a handler.
//! - [`tls`] has the certificate, and makes the handshake before there is a dispatcher.
//! - `watch` owns the dispatcher's future and one timer. A connection that is over its time is asked to end, and
//!   dropped when it does not.
//! - `connection` is what those three tell each other.
//! - `heads` sees to it that no head outlives its request.
//! - [`body`] reads a request's body within a size and a time.
//!
//! None of them parses HTTP: where a head ends is decided by actix-http alone, so there is no second opinion to smuggle
//! a request past.

pub mod body;
mod calls;
mod connection;
mod heads;
mod io;
pub mod tls;
mod watch;

#[cfg(test)]
mod tests;

pub use body::{BodyError, read_body};
pub use heads::{EndOfConnection, forget_path, headers, query};

use actix_http::body::MessageBody;
use actix_http::{HttpService, KeepAlive, Request, Response};
use actix_service::{IntoServiceFactory, ServiceFactory};
use actix_web::Error;
use actix_web::dev::{AppConfig, Server};
use calls::Calls;
use futures_util::FutureExt;
use io::Guarded;
use std::fmt;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tls::Tls;
use watch::{Door, Secured};

/// How long an answer to a refused head, or one whose request has an unread body, may take to be picked up before the
/// socket is dropped. Long enough for a round trip, too short to be worth holding.
const GRACE: Duration = Duration::from_secs(1);

/// The greatest `max_head`: well below the 128 KiB at which the dispatcher has limits of its own.
const MAX_HEAD: usize = 64 * 1024;

/// What one peer may cost. All times are real time, all sizes bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Threads that serve connections; each has its own copy of the app.
    pub workers: usize,
    /// Open connections, over all workers; further ones wait in the kernel's queue until one ends.
    pub max_connections: usize,
    /// A request's head: request line and headers; at most 64 KiB. More is answered with 431.
    pub max_head: usize,
    /// From the first byte of a head to its end, for every request of a connection. From accepting a connection to the
    /// end of its first head, too, with the TLS handshake between them.
    pub head_timeout: Duration,
    /// From the end of a head until the handler has an answer; then 503 is answered and the handler dropped.
    pub request_timeout: Duration,
    /// Between the end of an answer and the first byte of the next head.
    pub keep_alive: Duration,
    /// How long a peer may take to accept 16 KiB of an answer, or all that is left of it.
    pub write_timeout: Duration,
    /// How long requests may go on after the server was told to stop; rounded up to whole seconds.
    pub stop_timeout: Duration,
}

impl Default for Limits {
    /// The defaults of `docs/CONFIG.md`, with as many workers as there are processors.
    fn default() -> Self {
        Self {
            workers: std::thread::available_parallelism().map_or(2, usize::from).min(512),
            max_connections: 10_000,
            max_head: 32 * 1024,
            head_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            keep_alive: Duration::from_secs(75),
            write_timeout: Duration::from_secs(30),
            stop_timeout: Duration::from_secs(35),
        }
    }
}

/// Serves an app on bound sockets, within the limits, and behind TLS where it is given. Takes the factory that [`actix_web::HttpServer::new`] takes.
///
/// Must be called inside an actix system. Signals are left alone: stop it with [`Server::handle`], `stop(true)`, which
/// closes idle connections at once, lets requests finish, and answers them with `Connection: close`. The peer's address
/// is `HttpRequest::peer_addr`. `AppConfig` keeps its defaults, since nothing of ours is told by our own address.
///
/// # Errors
/// No listener given, or one that cannot be used.
pub fn serve<F, I, S, B>(
    listeners: Vec<TcpListener>,
    limits: Limits,
    tls: Option<Arc<Tls>>,
    factory: F,
) -> std::io::Result<Server>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<Error> + 'static,
    S::InitError: fmt::Debug,
    S::Response: Into<Response<B>> + 'static,
    S::Future: 'static,
    S::Service: 'static,
    B: MessageBody + 'static,
{
    if listeners.is_empty() {
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, "there is no socket to listen on"));
    }
    let limits = Limits { max_head: limits.max_head.min(MAX_HEAD), ..limits };
    let workers = limits.workers.clamp(1, 512);
    let mut builder = Server::build()
        .workers(workers)
        .max_concurrent_connections((limits.max_connections / workers).max(1))
        .disable_signals()
        .shutdown_timeout(limits.stop_timeout.as_secs() + u64::from(limits.stop_timeout.subsec_nanos() > 0));
    let stopping = builder.graceful_shutdown_signal();
    for listener in listeners {
        let (factory, tls, stopping) = (factory.clone(), tls.clone(), stopping.clone());
        let address = listener.local_addr()?;
        builder = builder.listen(format!("http {address}"), listener, move || {
            let secured = tls.clone().map(|tls| {
                let stopping = stopping.clone();
                let stopping = move || {
                    let stopping = stopping.clone();
                    async move { stopping.notified().await }.boxed_local()
                };
                Rc::new(Secured { tls, stopping: Box::new(stopping) })
            });
            let stopping = stopping.clone();
            // The dispatcher's own head and keep-alive timers are off: `watch` covers both and more.
            let http = HttpService::build()
                .client_request_timeout(Duration::ZERO)
                .keep_alive(KeepAlive::Os)
                .client_disconnect_timeout(GRACE)
                .local_addr(address)
                .graceful_shutdown_signal(move || {
                    let stopping = stopping.clone();
                    async move { stopping.notified().await }
                })
                .on_connect_ext(|io: &Guarded, data| {
                    data.insert(io.connection());
                })
                .h1(Calls::new(factory().into_factory(), limits));
            Door::new(http, secured, limits)
        })?;
    }
    Ok(builder.run())
}

//! The timer over a connection. It owns the future of the dispatcher, and of the handshake before it, so no state of theirs can
//! keep it from acting.

use super::Limits;
use super::connection::{Connection, now};
use super::heads::EndOfConnection;
use super::io::{Guarded, Socket};
use super::tls::Tls;
use actix_http::error::DispatchError;
use actix_service::{Service, ServiceFactory};
use futures_util::future::{Either, LocalBoxFuture, select};
use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep_until};

/// What serves a connection to its end.
type Serving = LocalBoxFuture<'static, Result<(), DispatchError>>;

/// TLS in front of the dispatcher.
pub(super) struct Secured {
    pub(super) tls: Arc<Tls>,
    /// Makes a future that is ready when the server is told to stop.
    pub(super) stopping: Box<dyn Fn() -> LocalBoxFuture<'static, ()>>,
}

/// Makes, for each worker, the service that takes accepted sockets.
pub(super) struct Door<H> {
    http: Rc<H>,
    secured: Option<Rc<Secured>>,
    limits: Limits,
}

impl<H> Door<H> {
    pub(super) fn new(http: H, secured: Option<Rc<Secured>>, limits: Limits) -> Self {
        Self { http: Rc::new(http), secured, limits }
    }
}

impl<H> ServiceFactory<TcpStream> for Door<H>
where
    H: ServiceFactory<(Guarded, Option<SocketAddr>), Config = (), Response = (), Error = DispatchError>,
    H::Service: 'static,
    H::Future: 'static,
    <H::Service as Service<(Guarded, Option<SocketAddr>)>>::Future: 'static,
{
    type Response = ();
    type Error = DispatchError;
    type Config = ();
    type Service = Door<H::Service>;
    type InitError = H::InitError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Service, Self::InitError>>>>;

    fn new_service(&self, (): ()) -> Self::Future {
        let (http, secured, limits) = (self.http.new_service(()), self.secured.clone(), self.limits);
        Box::pin(async move { Ok(Door::new(http.await?, secured, limits)) })
    }
}

impl<H> Service<TcpStream> for Door<H>
where
    H: Service<(Guarded, Option<SocketAddr>), Response = (), Error = DispatchError> + 'static,
    H::Future: 'static,
{
    type Response = ();
    type Error = DispatchError;
    type Future = Watch;

    actix_service::forward_ready!(http);

    fn call(&self, socket: TcpStream) -> Self::Future {
        // Answers are written whole, so there is nothing to gain from waiting for more. A socket that refuses is gone.
        let _ = socket.set_nodelay(true);
        let peer = socket.peer_addr().ok();
        let connection = Rc::new(Connection::new(self.limits));
        let serving: Serving = match &self.secured {
            None => Box::pin(self.http.call((Guarded::new(Socket::Plain(socket), Rc::clone(&connection)), peer))),
            Some(secured) => self.behind_tls(secured, socket, peer, &connection),
        };
        Watch::new(serving, connection)
    }
}

impl<H> Door<H>
where
    H: Service<(Guarded, Option<SocketAddr>), Response = (), Error = DispatchError> + 'static,
    H::Future: 'static,
{
    /// A dispatcher that begins when the handshake has ended. A stop does not wait for handshakes: nothing was asked for yet.
    fn behind_tls(
        &self,
        secured: &Secured,
        socket: TcpStream,
        peer: Option<SocketAddr>,
        connection: &Rc<Connection>,
    ) -> Serving {
        let handshake = secured.tls.handshake(socket);
        let stopping = (secured.stopping)();
        let (http, connection) = (Rc::clone(&self.http), Rc::clone(connection));
        connection.shakes_hands(true);
        Box::pin(async move {
            let Either::Left((Some(stream), _)) = select(pin!(handshake), stopping).await else { return Ok(()) };
            connection.shakes_hands(false);
            http.call((Guarded::new(Socket::Tls(stream), connection), peer)).await
        })
    }
}

/// What serves a connection, under a timer.
pub(super) struct Watch {
    serving: Serving,
    connection: Rc<Connection>,
    timer: Pin<Box<Sleep>>,
    armed: bool,
    /// Behind the dispatcher, which drops requests that it never gave to anybody.
    _end: EndOfConnection,
}

impl Watch {
    fn new(serving: Serving, connection: Rc<Connection>) -> Self {
        let timer = Box::pin(sleep_until(connection.deadline().unwrap_or_else(now)));
        Self { serving, connection, timer, armed: true, _end: EndOfConnection }
    }

    /// Whether the deadline has passed. The timer is only ever pulled nearer; when it goes off too early, as it does
    /// once on a busy connection, it is set again. So a request costs no timer of its own.
    fn overdue(&mut self, cx: &mut Context<'_>) -> bool {
        loop {
            let Some(deadline) = self.connection.deadline() else { return false };
            if !self.armed || deadline < self.timer.deadline() {
                self.timer.as_mut().reset(deadline);
                self.armed = true;
            }
            if self.timer.as_mut().poll(cx).is_pending() {
                return false;
            }
            self.armed = false;
            if deadline <= now() {
                return true;
            }
        }
    }
}

impl Future for Watch {
    type Output = Result<(), DispatchError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        loop {
            if let Poll::Ready(result) = this.serving.as_mut().poll(cx) {
                return Poll::Ready(result);
            }
            if !this.overdue(cx) {
                return Poll::Pending;
            }
            if !this.connection.expired() {
                return Poll::Ready(Ok(()));
            }
            // It was told to end: let the dispatcher find out.
        }
    }
}

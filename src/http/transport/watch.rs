//! The timer over a connection. It owns the dispatcher's future, so no state of the dispatcher can keep it from acting.

use super::Limits;
use super::connection::{Connection, now};
use super::heads::EndOfConnection;
use super::io::Guarded;
use actix_http::error::DispatchError;
use actix_service::{Service, ServiceFactory};
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep_until};

/// Makes, for each worker, the service that takes accepted sockets.
pub(super) struct Door<H> {
    http: H,
    limits: Limits,
}

impl<H> Door<H> {
    pub(super) fn new(http: H, limits: Limits) -> Self {
        Self { http, limits }
    }
}

impl<H> ServiceFactory<TcpStream> for Door<H>
where
    H: ServiceFactory<(Guarded, Option<SocketAddr>), Config = (), Response = (), Error = DispatchError>,
    H::Future: 'static,
{
    type Response = ();
    type Error = DispatchError;
    type Config = ();
    type Service = Door<H::Service>;
    type InitError = H::InitError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Service, Self::InitError>>>>;

    fn new_service(&self, (): ()) -> Self::Future {
        let (http, limits) = (self.http.new_service(()), self.limits);
        Box::pin(async move { Ok(Door { http: http.await?, limits }) })
    }
}

impl<H> Service<TcpStream> for Door<H>
where
    H: Service<(Guarded, Option<SocketAddr>), Response = (), Error = DispatchError>,
{
    type Response = ();
    type Error = DispatchError;
    type Future = Watch<H::Future>;

    actix_service::forward_ready!(http);

    fn call(&self, socket: TcpStream) -> Self::Future {
        // Answers are written whole, so there is nothing to gain from waiting for more. A socket that refuses is gone.
        let _ = socket.set_nodelay(true);
        let peer = socket.peer_addr().ok();
        let connection = Rc::new(Connection::new(self.limits));
        let dispatcher = self.http.call((Guarded::new(socket, Rc::clone(&connection)), peer));
        Watch::new(dispatcher, connection)
    }
}

/// A dispatcher under a timer.
pub(super) struct Watch<D> {
    dispatcher: Pin<Box<D>>,
    connection: Rc<Connection>,
    timer: Pin<Box<Sleep>>,
    armed: bool,
    /// Behind the dispatcher, which drops requests that it never gave to anybody.
    _end: EndOfConnection,
}

impl<D> Watch<D> {
    fn new(dispatcher: D, connection: Rc<Connection>) -> Self {
        let timer = Box::pin(sleep_until(connection.deadline().unwrap_or_else(now)));
        Self { dispatcher: Box::pin(dispatcher), connection, timer, armed: true, _end: EndOfConnection }
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

impl<D> Future for Watch<D>
where
    D: Future<Output = Result<(), DispatchError>>,
{
    type Output = D::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        loop {
            if let Poll::Ready(result) = this.dispatcher.as_mut().poll(cx) {
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

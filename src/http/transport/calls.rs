//! Between the dispatcher and the app: marks where a request begins and where its answer ends, and bounds its handler.

use super::Limits;
use super::connection::Connection;
use super::heads;
use actix_http::body::{BodySize, BoxBody, MessageBody};
use actix_http::error::PayloadError;
use actix_http::{ConnectionType, Payload, Request, RequestHead, Response, StatusCode, header};
use actix_service::{Service, ServiceFactory};
use actix_web::dev::AppConfig;
use actix_web::web::Bytes;
use futures_util::Stream;
use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// The app, as the dispatcher sees it.
pub(super) struct Calls<S, B> {
    app: S,
    limits: Limits,
    _body: PhantomData<fn() -> B>,
}

impl<S, B> Calls<S, B> {
    pub(super) fn new(app: S, limits: Limits) -> Self {
        Self { app, limits, _body: PhantomData }
    }
}

type Answer = Result<Response<BoxBody>, Response<BoxBody>>;

impl<S, B> ServiceFactory<Request> for Calls<S, B>
where
    S: ServiceFactory<Request, Config = AppConfig>,
    S::Error: Into<actix_web::Error>,
    S::InitError: fmt::Debug,
    S::Response: Into<Response<B>>,
    S::Future: 'static,
    S::Service: 'static,
    B: MessageBody + 'static,
{
    type Response = Response<BoxBody>;
    type Error = Response<BoxBody>;
    type Config = ();
    type Service = Calls<S::Service, B>;
    type InitError = S::InitError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Service, Self::InitError>>>>;

    fn new_service(&self, (): ()) -> Self::Future {
        let (app, limits) = (self.app.new_service(AppConfig::default()), self.limits);
        Box::pin(async move { Ok(Calls::new(app.await?, limits)) })
    }
}

impl<S, B> Service<Request> for Calls<S, B>
where
    S: Service<Request>,
    S::Error: Into<actix_web::Error>,
    S::Response: Into<Response<B>>,
    S::Future: 'static,
    B: MessageBody + 'static,
{
    type Response = Response<BoxBody>;
    type Error = Response<BoxBody>;
    type Future = Pin<Box<dyn Future<Output = Answer>>>;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.app.poll_ready(cx).map_err(refusal)
    }

    fn call(&self, mut request: Request) -> Self::Future {
        let call = Call::begin(&mut request);
        let huge = head_size(request.head()) > self.limits.max_head;
        heads::move_out(&mut request);
        if huge {
            let mut answer = Response::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
            answer.head_mut().set_connection_type(ConnectionType::Close);
            return Box::pin(async { Ok(answer) });
        }
        let answer = self.app.call(request);
        let limit = self.limits.request_timeout;
        Box::pin(async move {
            let answer = match tokio::time::timeout(limit, answer).await {
                Ok(Ok(answer)) => answer.into().map_into_boxed_body(),
                Ok(Err(error)) => refusal(error),
                Err(_) => overdue(),
            };
            // A body that is already in memory comes out unwrapped, and the call ends here.
            Ok(answer.map_body(|_, body| BoxBody::new(AnswerBody { body, _call: call })))
        })
    }
}

fn refusal(error: impl Into<actix_web::Error>) -> Response<BoxBody> {
    error.into().error_response().into()
}

fn overdue() -> Response<BoxBody> {
    let body = r#"{"error":"timeout","message":"The request took too long; try again."}"#;
    Response::build(StatusCode::SERVICE_UNAVAILABLE)
        .insert_header((header::CONTENT_TYPE, "application/json"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::RETRY_AFTER, "1"))
        .body(body)
        .map_into_boxed_body()
}

/// What the head had on the wire, if it was written plainly: a head that came behind another request was not counted
/// while it was read.
fn head_size(head: &RequestHead) -> usize {
    let target = head.uri.path_and_query().map_or(1, |target| target.as_str().len());
    let fields = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    head.method.as_str().len() + target + 14 + fields.sum::<usize>()
}

/// A request under way. Its end is the end of the answer, or of everybody's interest in it.
struct Call(Option<Rc<Connection>>);

impl Call {
    fn begin(request: &mut Request) -> Self {
        let connection = request.conn_data::<Rc<Connection>>().cloned();
        if let Some(connection) = &connection {
            let payload = request.take_payload();
            let has_body = !matches!(payload, Payload::None);
            connection.call_began(head_size(request.head()), has_body);
            if has_body {
                let body = RequestBody { payload, connection: Rc::clone(connection) };
                *request.payload() = Payload::Stream { payload: Box::pin(body) };
            }
        }
        Self(connection)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Some(connection) = &self.0 {
            connection.call_ended();
        }
    }
}

/// A request's body that tells when it was read to its end.
struct RequestBody {
    payload: Payload,
    connection: Rc<Connection>,
}

impl Stream for RequestBody {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let item = Pin::new(&mut this.payload).poll_next(cx);
        match &item {
            Poll::Ready(Some(Ok(chunk))) => this.connection.taken(chunk.len()),
            Poll::Ready(_) => this.connection.body_ended(),
            Poll::Pending => this.connection.body_awaited(),
        }
        item
    }
}

/// An answer's body that keeps its call going until it is written or dropped.
struct AnswerBody {
    body: BoxBody,
    _call: Call,
}

impl MessageBody for AnswerBody {
    type Error = Box<dyn StdError>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_next(cx)
    }

    fn try_into_bytes(self) -> Result<Bytes, Self> {
        let Self { body, _call } = self;
        body.try_into_bytes().map_err(|body| Self { body, _call })
    }
}

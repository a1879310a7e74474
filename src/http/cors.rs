//! What pages of other origins may read (CORS, in the Fetch standard): the doors that a public client uses from a browser, for the
//! origins of that client. Everything else stays as browsers have it by themselves: unread.
//!
//! There is never a `*`, and never a word about credentials: of the doors that are open to pages none takes cookies.

use super::Doors;
use super::error::{HttpError, Why};
use super::form::Form;
use super::transport::headers;
use super::who::{Credentials, request_id};
use crate::actors::Services;
use crate::clock::Stopwatch;
use crate::domain::client::{Client, ClientType};
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue,
    ORIGIN, VARY,
};
use actix_web::middleware::{Next, from_fn};
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse, Resource, web};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// Headers that a page may send.
const SENT: HeaderValue = HeaderValue::from_static("authorization, content-type, x-device-id");
/// Headers of the answer that a page may read, besides those that it always may.
const SHOWN: HeaderValue = HeaderValue::from_static("x-request-id, retry-after");
/// Seconds that a browser may keep the answer to a preflight.
const KEPT: HeaderValue = HeaderValue::from_static("600");
/// Seconds that the origins of all clients are kept here: anybody may ask for them, and gathering them reads every client.
const GATHERED_FOR: f64 = 1.0;

/// The origins of all enabled public clients, gathered now and then.
#[derive(Default)]
pub struct Origins(Mutex<Option<(Stopwatch, Arc<BTreeSet<String>>)>>);

impl Origins {
    fn gathered(&self, services: &Services) -> Arc<BTreeSet<String>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((since, origins)) = &*kept
            && since.seconds() < GATHERED_FOR
        {
            return origins.clone();
        }
        let reader = &services.core.reader;
        let clients = reader.clients().into_iter().filter_map(|id| reader.client(&id).ok()?);
        let open = clients.map(|client| client.value).filter(|client| may_be_in_a_browser(client));
        let origins = Arc::new(open.flat_map(|client| client.settings.origins.clone()).collect::<BTreeSet<_>>());
        *kept = Some((Stopwatch::start(), origins.clone()));
        origins
    }
}

fn may_be_in_a_browser(client: &Client) -> bool {
    client.enabled && client.settings.client_type == ClientType::Public
}

/// Whose pages may read the answer to a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Readers {
    /// Nobody's.
    Nobody,
    /// The page that asks: it is one of the client's.
    This,
    /// Those of every enabled public client.
    OfAnyClient,
}

/// Lets pages of a client read the answer, and no others. `id` is the client that the request names, or was issued its token.
pub fn let_client_read(request: &HttpRequest, services: &Services, id: &str) {
    let headers = headers(request);
    let Some(origin) = origin(&headers) else { return };
    let client = services.clients.find(id).ok().flatten().map(|(_, client)| client.value);
    let its_own = client.is_some_and(|client| may_be_in_a_browser(&client) && client.settings.origins.contains(origin));
    request.extensions_mut().insert(if its_own { Readers::This } else { Readers::Nobody });
}

/// The same for the client that a form or its header names, before it is authenticated: its app is to read why it is refused.
pub fn let_named_client_read(request: &HttpRequest, services: &Services, form: &Form) {
    let headers = headers(request);
    if origin(&headers).is_some()
        && let Ok(credentials) = Credentials::read(&headers, form)
    {
        let_client_read(request, services, credentials.id());
    }
}

/// Opens a page to browsers. `readers` may read its answers where its handler says nothing else by [`let_client_read`].
pub fn open_to_browsers(
    page: Resource,
    methods: &'static str,
    readers: Readers,
) -> Resource<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<EitherBody<actix_web::body::BoxBody>>,
        Error = Error,
        InitError = (),
    >,
> {
    page.wrap(from_fn(move |request, next| around(methods, readers, request, next)))
}

async fn around<B: MessageBody + 'static>(
    methods: &'static str,
    readers: Readers,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let Some(doors) = request.app_data::<web::Data<Doors>>().cloned() else {
        return next.call(request).await.map(ServiceResponse::map_into_left_body);
    };
    let of_request = headers(request.request());
    let asks_first = request.method() == Method::OPTIONS && of_request.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if asks_first {
        let id = request_id(request.request());
        let answered = match preflight(&doors, &of_request, methods) {
            Ok(answer) => request.into_response(answer),
            Err(why) => request.error_response(HttpError::plain(why, id)),
        };
        answered.map_into_right_body()
    } else {
        let mut response = next.call(request).await?.map_into_left_body();
        let readers = response.request().extensions().get::<Readers>().copied().unwrap_or(readers);
        let allowed = origin(&of_request).filter(|origin| match readers {
            Readers::Nobody => false,
            Readers::This => true,
            Readers::OfAnyClient => is_a_clients(&doors, origin),
        });
        if let Some(origin) = allowed.and_then(|origin| HeaderValue::from_str(origin).ok()) {
            response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            response.headers_mut().insert(ACCESS_CONTROL_EXPOSE_HEADERS, SHOWN);
        }
        response
    };
    // Also where nothing was allowed, or a cache would give one origin what was made for another.
    response.headers_mut().append(VARY, HeaderValue::from_static("Origin"));
    Ok(response)
}

/// The answer to a browser that asks what a page may send.
fn preflight(doors: &Doors, headers: &HeaderMap, methods: &'static str) -> Result<HttpResponse, Why> {
    doors.services()?;
    let allowed = origin(headers).filter(|origin| is_a_clients(doors, origin)).ok_or(Why::OriginNotAllowed)?;
    Ok(HttpResponse::NoContent()
        .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, allowed))
        .insert_header((ACCESS_CONTROL_ALLOW_METHODS, methods))
        .insert_header((ACCESS_CONTROL_ALLOW_HEADERS, SENT))
        .insert_header((ACCESS_CONTROL_MAX_AGE, KEPT))
        .finish())
}

fn is_a_clients(doors: &Doors, origin: &str) -> bool {
    doors.services().is_ok_and(|services| doors.origins.gathered(services).contains(origin))
}

/// The origin of the page that asks. Two are none: no browser sends them.
fn origin(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(ORIGIN);
    let origin = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(origin)
}

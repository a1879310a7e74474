//! The doors from inside the process: the command line asks of a stopped server's data directory what it would ask of a running
//! server, by the same doors. There is no second way to administer.

use super::admin::CommandLine;
use super::{Doors, observe, routes};
use actix_http::h1::Payload;
use actix_http::{HttpMessage, Method, Request, Uri};
use actix_service::{IntoServiceFactory, Service, ServiceFactory};
use actix_web::App;
use actix_web::body::to_bytes;
use actix_web::dev::AppConfig;
use actix_web::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use actix_web::middleware::from_fn;
use actix_web::web::{self, Bytes};
use std::sync::Arc;

/// A request as the command line makes it.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// `GET`, `POST`, `PATCH` or `DELETE`.
    pub method: String,
    /// The path, with its query.
    pub path: String,
    /// Headers besides the content type.
    pub headers: Vec<(String, String)>,
    /// The content type and the body, where there is one.
    pub body: Option<(String, Vec<u8>)>,
}

/// What was answered.
#[derive(Clone, Debug)]
pub struct Told {
    /// The status.
    pub status: u16,
    /// The `ETag`, where there is one.
    pub etag: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// Asks a door, as whoever has the data directory and its master key. Must be called inside an actix system, on doors that are open.
///
/// # Errors
/// A request that cannot be made of what was given, or one that no door takes, in words.
pub async fn ask(doors: &Arc<Doors>, ask: Ask) -> Result<Told, String> {
    let app = App::new().app_data(web::Data::from(doors.clone())).wrap(from_fn(observe::observe)).configure(routes);
    let service = app.into_factory().new_service(AppConfig::default()).await.map_err(|()| "no doors".to_owned())?;
    let response = service.call(request(ask)?).await.map_err(|error| error.to_string())?;
    let status = response.status().as_u16();
    let etag = response.headers().get("etag").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let body = to_bytes(response.into_body()).await.map_err(|_| "the answer broke off".to_owned())?;
    Ok(Told { status, etag, body: body.to_vec() })
}

fn request(ask: Ask) -> Result<Request, String> {
    let (_, mut payload) = Payload::create(true);
    let (content_type, body) = ask.body.map_or((None, Vec::new()), |(of, body)| (Some(of), body));
    payload.unread_data(Bytes::from(body));
    let (mut request, _) = Request::new().replace_payload(payload.into());
    let head = request.head_mut();
    head.method = Method::from_bytes(ask.method.as_bytes()).map_err(|error| error.to_string())?;
    head.uri = Uri::try_from(ask.path).map_err(|error| error.to_string())?;
    let headers = ask.headers.into_iter().chain(content_type.map(|of| (CONTENT_TYPE.to_string(), of)));
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| error.to_string())?;
        head.headers.append(name, HeaderValue::from_str(&value).map_err(|error| error.to_string())?);
    }
    request.extensions_mut().insert(CommandLine);
    Ok(request)
}

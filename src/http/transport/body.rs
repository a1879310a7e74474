//! Reading a request's body within a size and a time.

use super::heads::headers;
use actix_web::HttpRequest;
use actix_web::error::PayloadError;
use actix_web::http::header;
use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::StreamExt;
use std::time::Duration;

/// Why a body could not be had.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BodyError {
    /// It has, or says it has, more bytes than are taken here: 413.
    #[error("the body is too large")]
    TooLarge,
    /// It did not all come in time: 408.
    #[error("the body took too long; send it in one go")]
    TooSlow,
    /// Its framing is wrong, or the connection ended inside it: 400.
    #[error("the body is broken or incomplete")]
    Broken,
}

/// Reads the whole body: at most `max` bytes, within `deadline` from now.
///
/// A body whose `Content-Length` is over `max` is refused before any of it is read.
///
/// # Errors
/// See [`BodyError`]. The rest of a refused body is thrown away with the connection.
pub async fn read_body(
    request: &HttpRequest,
    mut payload: Payload,
    max: usize,
    deadline: Duration,
) -> Result<Bytes, BodyError> {
    let announced = match headers(request).get(header::CONTENT_LENGTH) {
        Some(length) => length.to_str().ok().and_then(|text| text.trim().parse().ok()).ok_or(BodyError::Broken)?,
        None => 0,
    };
    if announced > max {
        return Err(BodyError::TooLarge);
    }
    let read = async {
        let mut first = None;
        let mut body = BytesMut::new();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|error| match error {
                PayloadError::Overflow => BodyError::TooLarge,
                _ => BodyError::Broken,
            })?;
            let so_far = first.as_ref().map_or(0, Bytes::len) + body.len();
            if chunk.len() > max - so_far {
                return Err(BodyError::TooLarge);
            }
            match first.take() {
                // Nearly every body comes in one piece, and is handed on as it is.
                None if body.is_empty() => first = Some(chunk),
                None => body.extend_from_slice(&chunk),
                Some(start) => {
                    body.reserve(announced.max(start.len() + chunk.len()));
                    body.extend_from_slice(&start);
                    body.extend_from_slice(&chunk);
                }
            }
        }
        Ok(first.unwrap_or_else(|| body.freeze()))
    };
    tokio::time::timeout(deadline, read).await.unwrap_or(Err(BodyError::TooSlow))
}

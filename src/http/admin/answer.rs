//! What the doors of administration answer.

use crate::domain::ids::Version;
use crate::http::error::no_store;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, ETAG, LOCATION};
use serde::Serialize;
use std::fmt;

/// A part of a list.
#[derive(Serialize)]
pub struct Page<T: Serialize> {
    /// What stands in it.
    pub items: Vec<T>,
    /// What to ask for with `after` to get what follows; `null`: nothing does.
    pub next: Option<String>,
}

/// An answer, as it can be given again. It may hold a secret that was made.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    status: StatusCode,
    version: Option<Version>,
    location: Option<String>,
    body: String,
    replayed: bool,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).field("version", &self.version).finish_non_exhaustive()
    }
}

impl Answer {
    /// What was asked for.
    pub fn of(body: &impl Serialize) -> Self {
        let body = serde_json::to_string(body).unwrap_or_default();
        Self { status: StatusCode::OK, version: None, location: None, body, replayed: false }
    }

    /// What was made, and where it is.
    pub fn created(location: String, body: &impl Serialize) -> Self {
        Self { status: StatusCode::CREATED, location: Some(location), ..Self::of(body) }
    }

    /// The same with the version of what is shown, for `If-Match`.
    pub fn at(self, version: Version) -> Self {
        Self { version: Some(version), ..self }
    }

    /// The same, given again to whoever asks again.
    pub fn again(self) -> Self {
        Self { replayed: true, ..self }
    }

    /// About how many bytes it takes to keep it.
    pub fn size(&self) -> usize {
        size_of::<Self>() + self.body.len() + self.location.as_ref().map_or(0, String::len)
    }

    /// As it is sent.
    pub fn into_response(self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        no_store(&mut response).insert_header((CONTENT_TYPE, "application/json"));
        if let Some(version) = self.version {
            response.insert_header((ETAG, format!("\"{version}\"")));
        }
        if let Some(location) = self.location {
            response.insert_header((LOCATION, location));
        }
        if self.replayed {
            response.insert_header(("Idempotency-Replayed", "true"));
        }
        response.body(self.body)
    }
}

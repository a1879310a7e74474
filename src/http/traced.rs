//! A request that its caller traces goes on in the caller's trace (W3C Trace Context, `traceparent`).

use super::transport::headers;
use actix_web::HttpRequest;
use actix_web::http::header::HeaderMap;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Makes the span of a request a part of its caller's trace, where it comes with one.
pub fn follow(span: &Span, request: &HttpRequest) {
    let headers = headers(request);
    if headers.contains_key(TRACEPARENT) {
        // Refused where nothing is traced.
        let _ = span.set_parent(TraceContextPropagator::new().extract(&Carried(&headers)));
    }
}

const TRACEPARENT: &str = "traceparent";

struct Carried<'a>(&'a HeaderMap);

impl Extractor for Carried<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT]
    }
}

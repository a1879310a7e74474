//! Traces for a collector that speaks OTLP over HTTP, where `trace.otlp_endpoint` names one. A span tells what the diagnostics
//! tell of a request: its id, method and path, how long each part took; nothing that somebody sent beside.

use crate::cli::outward::straight;
use crate::config::TraceConfig;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider};
use std::time::Duration;
use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::FilterFn;
use tracing_subscriber::registry::LookupSpan;
use ureq::Agent;
use ureq::tls::RootCerts;

/// Spans that wait to be sent; further ones are dropped.
const WAITING: usize = 4096;
/// How long a collector may take for a batch.
const ANSWER: Duration = Duration::from_secs(5);
/// How long the last batch may take when the server stops.
const LAST: Duration = Duration::from_secs(2);
/// Bytes of a collector's answer that are looked at.
const ANSWER_MAX: u64 = 64 << 10;

/// Sends what waits when it is dropped.
pub struct Traces(SdkTracerProvider);

impl Drop for Traces {
    fn drop(&mut self) {
        if let Err(error) = self.0.shutdown_with_timeout(LAST) {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

/// The layer that makes spans of requests into traces, and what sends them.
///
/// # Errors
/// Where the exporter cannot be made, in words.
pub fn layer<S>(config: &TraceConfig) -> Result<(impl Layer<S> + use<S>, Traces), String>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Collector(straight(RootCerts::PlatformVerifier).timeout_global(Some(ANSWER)).build().into()))
        .with_endpoint(format!("{}/v1/traces", config.endpoint))
        .with_timeout(ANSWER)
        .build()
        .map_err(|error| error.to_string())?;
    let batches = BatchConfigBuilder::default().with_max_queue_size(WAITING).build();
    let sample = Sampler::TraceIdRatioBased(f64::from(config.sample) / 1000.0);
    let provider = SdkTracerProvider::builder()
        .with_span_processor(BatchSpanProcessor::builder(exporter).with_batch_config(batches).build())
        .with_sampler(Sampler::ParentBased(Box::new(sample)))
        .with_resource(Resource::builder_empty().with_service_name("countersign").build())
        .build();
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("countersign"))
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_filter(FilterFn::new(is_told).with_max_level_hint(LevelFilter::DEBUG));
    Ok((layer, Traces(provider)))
}

/// The spans of this program, and what it warns of while they last.
fn is_told(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("countersign")
        && *metadata.level() <= if metadata.is_span() { Level::DEBUG } else { Level::WARN }
}

#[derive(Debug)]
struct Collector(Agent);

#[async_trait::async_trait]
impl HttpClient for Collector {
    // The thread that sends batches has nothing else to do: it may wait here.
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = self.0.run(request.map(Vec::from)).and_then(|answer| {
            let (head, mut body) = answer.into_parts();
            let body = body.with_config().limit(ANSWER_MAX).read_to_vec()?;
            Ok(Response::from_parts(head, Bytes::from(body)))
        });
        match &answer {
            Ok(answer) if !answer.status().is_success() => {
                tracing::warn!(
                    status = answer.status().as_u16(),
                    "the collector of traces refused a batch, which is lost"
                );
            }
            Err(error) => {
                tracing::warn!(%error, "a batch of traces was not sent, and is lost: look at `trace.otlp_endpoint`");
            }
            Ok(_) => {}
        }
        Ok(answer?)
    }
}

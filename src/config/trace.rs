//! `trace.*`: traces of requests for a collector.

use super::ConfigError;
use super::raw::Raw;

/// `trace.*`: traces of requests for a collector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceConfig {
    /// The collector's address, without `/v1/traces`.
    pub endpoint: String,
    /// How many of a thousand requests are traced that come without a trace of their caller's.
    pub sample: u32,
}

pub(super) fn read(raw: &Raw) -> Result<Option<TraceConfig>, ConfigError> {
    let sample = raw.sure_count("trace.sample")?;
    Ok(raw.url("trace.otlp_endpoint")?.map(|endpoint| TraceConfig { endpoint, sample }))
}

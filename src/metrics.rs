//! Every metric of the program as a documented field of one struct, in a registry of its own. A field's doc comment is the
//! metric's help text. Names only grow. Labels are bounded: client ids the journal knows, and the codes of closed enums.

use crate::domain::session::RevokeReason;
use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

/// From a tenth of a millisecond to ten seconds: a sync of a good disk lies at the beginning, a hash in the middle.
/// Close together where a login that has to wait is refused at last (`hash.deadline`): between two bounds a quantile is a guess.
const SECONDS: &[f64] =
    &[0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0];
/// Signatures take microseconds.
const SIGNING_SECONDS: &[f64] = &[0.000_005, 0.000_01, 0.000_02, 0.000_05, 0.000_1, 0.000_5, 0.001, 0.005, 0.02];
/// Sizes of batches.
const COUNTS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

/// How a field becomes a metric.
trait Metric: Sized {
    fn make(name: &str, help: &str, labels: &[&str], buckets: &[f64], registry: &Registry) -> Self;
}

macro_rules! metric {
    ($type:ty, |$opts:ident, $labels:ident| $plain:expr) => {
        impl Metric for $type {
            fn make(name: &str, help: &str, labels: &[&str], _: &[f64], registry: &Registry) -> Self {
                let ($opts, $labels) = (Opts::new(name, help), labels);
                register($plain, registry)
            }
        }
    };
    (histogram $type:ty, |$opts:ident, $labels:ident| $plain:expr) => {
        impl Metric for $type {
            fn make(name: &str, help: &str, labels: &[&str], buckets: &[f64], registry: &Registry) -> Self {
                let ($opts, $labels) = (HistogramOpts::new(name, help).buckets(buckets.to_vec()), labels);
                register($plain, registry)
            }
        }
    };
}

metric!(IntCounterVec, |opts, labels| IntCounterVec::new(opts, labels));
metric!(IntGaugeVec, |opts, labels| IntGaugeVec::new(opts, labels));
metric!(IntCounter, |opts, _labels| IntCounter::with_opts(opts));
metric!(IntGauge, |opts, _labels| IntGauge::with_opts(opts));
metric!(histogram HistogramVec, |opts, labels| HistogramVec::new(opts, labels));
metric!(histogram Histogram, |opts, _labels| Histogram::with_opts(opts));

fn register<M: prometheus::core::Collector + Clone + 'static>(metric: prometheus::Result<M>, registry: &Registry) -> M {
    let metric = metric.expect("names, labels and buckets are constants that a test builds");
    registry.register(Box::new(metric.clone())).expect("every name stands once in the struct");
    metric
}

macro_rules! metrics {
    ($($(#[doc = $help:literal])+ $field:ident: $type:ident $([$($label:literal),+])? $(in $buckets:ident)?,)+) => {
        /// Every metric of the program.
        pub struct Metrics {
            registry: Registry,
            $($(#[doc = $help])+ pub $field: $type,)+
        }

        impl Metrics {
            /// All metrics at zero, with the process's own.
            pub fn new() -> Self {
                let registry = Registry::new();
                $(let $field = <$type as Metric>::make(
                    concat!("countersign_", stringify!($field)),
                    concat!($($help),+).trim(),
                    &[$($($label),+)?],
                    metrics!(@buckets $($buckets)?),
                    &registry,
                );)+
                let process = prometheus::process_collector::ProcessCollector::for_self();
                registry.register(Box::new(process)).expect("the process's metrics have names of their own");
                Self { registry, $($field,)+ }
            }
        }
    };
    (@buckets) => { SECONDS };
    (@buckets $buckets:ident) => { $buckets };
}

metrics! {
    /// Logins by client and outcome: ok, or the denial's code.
    logins_total: IntCounterVec["client", "outcome"],
    /// Redemptions of refresh tokens by client and outcome: the row of the table that answered. Tokens that are not ours count for client "-".
    refreshes_total: IntCounterVec["client", "outcome"],
    /// Sessions ended before their time, by reason.
    revocations_total: IntCounterVec["reason"],
    /// Access tokens issued, by grant.
    tokens_issued_total: IntCounterVec["grant"],
    /// Refused client authentications, by the denial's code.
    client_refusals_total: IntCounterVec["code"],
    /// API keys that were refused, by the denial's code.
    api_key_refusals_total: IntCounterVec["code"],
    /// Requests that were not decided: the clock is not believed, a queue is full, the store cannot be read.
    unavailable_total: IntCounterVec["why"],
    /// Seconds a password hash took.
    hash_seconds: Histogram in SECONDS,
    /// Password hashes computed, verifications and dummies included.
    hashes_total: IntCounter,
    /// 1 for what computes Argon2id: the vectors of the fast implementation (avx512, avx2, sse2, neon, scalar), or reference.
    hash_kernel: IntGaugeVec["kernel"],
    /// Hashes for which the fast implementation of Argon2id gave another answer than the reference. It is off since the first one.
    hash_kernel_differences_total: IntCounter,
    /// Password hashes waiting.
    hash_queue_depth: IntGauge,
    /// Password hashes that may wait. Fewer do where the last of them would miss its deadline.
    hash_queue_limit: IntGauge,
    /// Threads that compute password hashes.
    hash_threads: IntGauge,
    /// Seconds a password hash waited for a thread.
    hash_wait_seconds: Histogram in SECONDS,
    /// Password hashes refused: queue full, share of one network used up, or waited too long.
    hash_shed_total: IntCounterVec["why"],
    /// The journal's last position.
    journal_position: IntGauge,
    /// Commits waiting to be written.
    journal_queue_depth: IntGauge,
    /// Commits that may wait.
    journal_queue_limit: IntGauge,
    /// Seconds from taking a commit into the queue to its acknowledgement.
    journal_append_seconds: Histogram in SECONDS,
    /// Seconds a batch took: write, sync and store.
    journal_sync_seconds: Histogram in SECONDS,
    /// Events in a batch.
    journal_batch_events: Histogram in COUNTS,
    /// Commits refused because a stream had another version than expected.
    journal_conflicts_total: IntCounter,
    /// Bytes of all events in the journal, as text.
    journal_bytes: IntGauge,
    /// Bytes that the sealed segments take on disk.
    journal_sealed_bytes: IntGauge,
    /// Closed segments that wait to be sealed.
    journal_unsealed_segments: IntGauge,
    /// Sealed segments that were read again in full and found whole.
    journal_scrubbed_total: IntCounter,
    /// Seconds since the sealed segment was read that was not read for the longest time.
    journal_unread_seconds: IntGauge,
    /// Seconds within which every sealed segment is to be read again.
    journal_scrub_interval_seconds: IntGauge,
    /// Bytes of a torn write, never acknowledged, that were cut off the journal at this start.
    journal_torn_bytes: IntGauge,
    /// Free bytes on the file system of the data directory.
    disk_free_bytes: IntGauge,
    /// 1 while the disk is so full that only what closes something is written, else 0.
    disk_low: IntGauge,
    /// Free bytes below which only what closes something is written.
    disk_low_water_bytes: IntGauge,
    /// 1 where this start made the store anew from the journal, by why: damaged (it was put aside), missing (there was none).
    store_rebuilt: IntGaugeVec["why"],
    /// Bytes of the store on disk.
    store_bytes: IntGauge,
    /// Sessions and accounts whose actor is awake, by kind.
    awake: IntGaugeVec["kind"],
    /// Open sessions: started and not ended by an event, since the last start counted from the store.
    sessions: IntGaugeVec["state"],
    /// Sessions that are held closed in memory until there is room to record that they ended.
    sessions_held: IntGauge,
    /// Sessions woken from their state record.
    session_wakeups_total: IntCounter,
    /// Seconds a signature took, by algorithm.
    signing_seconds: HistogramVec["alg"] in SIGNING_SECONDS,
    /// Seconds since the active signing key became active, by algorithm.
    signing_key_age_seconds: IntGaugeVec["alg"],
    /// Seconds after which a signing key is replaced.
    signing_key_rotation_seconds: IntGauge,
    /// Entries under the journal's Merkle root.
    checkpoint_size: IntGauge,
    /// Seconds since the anchor was written, which holds the root of what the journal had by then.
    checkpoint_age_seconds: IntGauge,
    /// 1 while requests should be sent here, as GET /health/ready says.
    ready: IntGauge,
    /// What readiness looks at, 1 where it is as it should be: recovered, journal, segments, disk, clock, staying.
    ready_check: IntGaugeVec["check"],
    /// Entries of the journal that this start has brought into the store.
    start_replayed_entries: IntGauge,
    /// Entries of the journal that this start is to bring into the store up to.
    start_total_entries: IntGauge,
    /// 1 while an operator lets nobody log in.
    logins_braked: IntGauge,
    /// Lines of the diagnostics by level, error and warn, those that were collapsed included.
    diagnostics_total: IntCounterVec["level"],
    /// Requests being answered.
    http_in_flight: IntGauge,
    /// Requests that may be answered at the same time.
    http_in_flight_limit: IntGauge,
    /// Requests refused because a network or a client makes too many, by which of the two.
    rate_limited_total: IntCounterVec["by"],
    /// Requests by route, method and class of status.
    http_requests_total: IntCounterVec["route", "method", "class"],
    /// Seconds from a request's head to its answer, by route.
    http_request_seconds: HistogramVec["route"] in SECONDS,
    /// TLS handshakes by outcome: ok, failed (no TLS that we speak, or no certificate that the peer believes), left (the peer closed the connection), cut_off (too slow, or the server was stopping).
    tls_handshakes_total: IntCounterVec["outcome"],
    /// When the certificate that is served ends, in seconds since 1970; 0 without TLS.
    tls_certificate_expires_seconds: IntGauge,
    /// Always 1: the version of the program.
    build_info: IntGaugeVec["version"],
}

/// A number as a gauge has it.
pub fn whole(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

/// Lets a counter stand there before it counts: one that is born with its first event has no rise to show.
pub fn stand(counter: &IntCounterVec, labels: &[&str]) {
    drop(counter.with_label_values(labels));
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Counts that a session is open no more.
    pub fn session_ended(&self) {
        self.sessions.with_label_values(&["open"]).dec();
    }

    /// Counts that a session was ended before its time.
    pub fn session_revoked(&self, reason: RevokeReason) {
        self.revocations_total.with_label_values(&[reason.code()]).inc();
        self.session_ended();
    }

    /// The text exposition format.
    pub fn render(&self) -> String {
        let mut text = Vec::new();
        // Writing to memory fails only for an empty family, of which there are none after gathering.
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut text);
        String::from_utf8(text).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_shown_with_its_doc_comment_as_help() {
        let metrics = Metrics::new();
        metrics.logins_total.with_label_values(&["store", "ok"]).inc();
        let text = metrics.render();
        assert!(text.contains("# HELP countersign_logins_total Logins by client and outcome"), "{text}");
        assert!(text.contains(r#"countersign_logins_total{client="store",outcome="ok"} 1"#), "{text}");
        assert!(text.contains("process_resident_memory_bytes"), "{text}");
    }
}

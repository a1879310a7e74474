//! Events as they stand in the journal, filtered, for people and programs.

use crate::domain::ids::Position;
use crate::domain::time::Timestamp;
use crate::journal::files::error::ReadError;
use crate::journal::files::reader::SegmentReader;
use crate::journal::files::real_disk::RealDisk;
use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;

/// Which events to show. What is not set lets everything through.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Types, such as `session.refreshed`; a word before a dot lets its whole family through.
    pub types: Vec<String>,
    /// A stream, such as `session:…`; or any stream or field that names this id.
    pub about: Option<String>,
    /// The code of a refusal, a reason, or a detection.
    pub code: Option<String>,
    /// Not before this instant.
    pub from: Option<Timestamp>,
    /// Before this instant.
    pub to: Option<Timestamp>,
}

impl Filter {
    /// Whether it lets an event through.
    pub fn lets_through(&self, event: &Value) -> bool {
        let text = |name: &str| event[name].as_str().unwrap_or_default();
        let of_type = |wanted: &String| {
            let found = text("type");
            found == wanted || found.split('.').next() == Some(wanted)
        };
        let at = text("at").parse::<Timestamp>().ok();
        (self.types.is_empty() || self.types.iter().any(of_type))
            && self.code.as_ref().is_none_or(|code| codes(event).contains(&code.as_str()))
            && self.about.as_ref().is_none_or(|id| names(event, id))
            && self.from.is_none_or(|from| at.is_some_and(|at| at >= from))
            && self.to.is_none_or(|to| at.is_some_and(|at| at < to))
    }
}

/// The codes of an event: its class, its reason, what its type says behind the dot, and the outcome that its refresh has in
/// the metrics. So each rise of a counter leads to its events.
fn codes(event: &Value) -> Vec<&str> {
    let data = &event["data"];
    let kind = event["type"].as_str().unwrap_or_default();
    let outcome = match kind {
        "session.refreshed" => Some(if data["burned"].is_null() { "rotated" } else { "reissued" }),
        "session.refresh_retried" => Some(if data["moved"] == true { "moved_retry" } else { "retried" }),
        _ => None,
    };
    let named = kind.split_once('.').map(|(_, name)| name);
    [data["class"].as_str(), data["reason"].as_str(), named, outcome].into_iter().flatten().collect()
}

/// Whether an event is of a stream, or says something of an id.
fn names(event: &Value, id: &str) -> bool {
    let stream = event["stream"].as_str().unwrap_or_default();
    let in_data = event["data"].as_object().is_some_and(|data| data.values().any(|value| value == id));
    stream == id || stream.split_once(':').is_some_and(|(_, of)| of == id) || in_data
}

/// One event as a line for people: position, instant, stream, type, what happened, who asked.
pub fn line(event: &Value) -> String {
    let text = |name: &str| event[name].as_str().unwrap_or_default();
    let position = event["position"].as_u64().unwrap_or_default();
    let mut out = format!("{position:>7}  {}  {:<24}", text("at"), text("type"));
    let _ = write!(out, "  {}", text("stream"));
    if let Some(data) = event["data"].as_object() {
        for (name, value) in data.iter().filter(|(name, _)| !SEALED.contains(&name.as_str())) {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let _ = write!(out, "  {name}={value}");
        }
    }
    let context = &event["context"];
    for name in ["told_by", "api_key", "net", "ua", "dev", "request_id"] {
        if let Some(value) = context[name].as_str() {
            let _ = write!(out, "  {name}={value}");
        }
    }
    out
}

/// Fields that only a key opens: in a line for people they would be noise.
const SEALED: [&str; 5] = ["login", "verifier", "secret", "private", "digest"];

/// Reads the journal of a data directory as far as it is durable, and further as it grows.
pub struct Tail {
    reader: SegmentReader<RealDisk>,
}

impl Tail {
    /// Starts at a position.
    pub fn open(data_dir: &Path, from: Position) -> Self {
        Self { reader: SegmentReader::open(data_dir, from) }
    }

    /// The next event with its exact bytes; `None`: nothing more yet.
    ///
    /// # Errors
    /// Where the journal cannot be read or is damaged.
    pub fn next_event(&mut self) -> Result<Option<(Value, Vec<u8>)>, ReadError> {
        let Some(entry) = self.reader.next_entry()? else { return Ok(None) };
        let value = serde_json::from_slice(&entry.event).unwrap_or(Value::Null);
        Ok(Some((value, entry.event)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refusal() -> Value {
        json!({
            "position": 7, "stream": "session:01", "type": "session.refresh_refused",
            "at": "2026-01-31T12:00:00.000Z", "context": {"told_by": "peer", "request_id": "02"},
            "data": {"class": "closed", "n": 1, "client": "store"},
        })
    }

    #[test]
    fn an_event_is_found_by_type_family_stream_id_code_and_time() {
        let lets = |filter: Filter| filter.lets_through(&refusal());
        let types = |name: &str| Filter { types: vec![name.to_owned()], ..Filter::default() };
        let about = |id: &str| Filter { about: Some(id.to_owned()), ..Filter::default() };
        let code = |code: &str| Filter { code: Some(code.to_owned()), ..Filter::default() };
        assert!(lets(Filter::default()) && lets(types("session")) && lets(types("session.refresh_refused")));
        assert!(lets(about("session:01")) && lets(about("01")) && lets(about("store")) && lets(code("closed")));
        assert!(!lets(types("account")) && !lets(types("session.refreshed")) && !lets(about("02")) && !lets(code("x")));
        let at: Timestamp = "2026-01-31T12:00:00.000Z".parse().unwrap();
        assert!(lets(Filter { from: Some(at), ..Filter::default() }));
        assert!(!lets(Filter { to: Some(at), ..Filter::default() }));
    }

    #[test]
    fn each_outcome_of_a_refresh_in_the_metrics_leads_to_its_events() {
        let found = |kind: &str, data: Value| codes(&json!({"type": kind, "data": data})).join(" ");
        assert_eq!(found("session.refreshed", json!({})), "refreshed rotated");
        assert_eq!(found("session.refreshed", json!({"burned": 3})), "refreshed reissued");
        assert_eq!(found("session.refresh_retried", json!({"moved": false})), "refresh_retried retried");
        assert_eq!(found("session.refresh_retried", json!({"moved": true})), "refresh_retried moved_retry");
        assert_eq!(found("session.reuse_detected", json!({"class": "superseded"})), "superseded reuse_detected");
        assert_eq!(found("session.ahead_of_journal", json!({})), "ahead_of_journal");
        assert_eq!(found("system.history_lost", json!({})), "history_lost");
    }

    #[test]
    fn a_line_tells_what_happened_without_what_is_sealed() {
        let mut event = refusal();
        event["data"]["login"] = json!("c2VhbGVk");
        let line = line(&event);
        assert!(line.contains("session.refresh_refused") && line.contains("class=closed"), "{line}");
        assert!(!line.contains("c2VhbGVk"), "{line}");
        assert!(line.starts_with("      7  2026-01-31T12:00:00.000Z  session.refresh_refused   session:01"), "{line}");
    }
}

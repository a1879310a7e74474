//! What the journal has of a session, and whether it bears out what is said of it.

use super::play::Shows;
use crate::audit::tail::{Filter, Tail, line};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

/// The journal, read as far as it is known to be on disk.
pub struct Record {
    tail: Tail,
    events: Vec<Value>,
}

impl Record {
    /// The journal of a data directory, from its beginning.
    pub fn open(data_dir: &Path) -> Self {
        Self { tail: Tail::open(data_dir, 1), events: Vec::new() }
    }

    /// Reads on, and says whether the event has come that issued this token to a client itself: everything before it has come as well.
    ///
    /// # Errors
    /// Where the journal cannot be read.
    pub fn has(&mut self, jti: &str) -> Result<bool, String> {
        while let Some((event, _)) = self.tail.next_event().map_err(|error| error.to_string())? {
            self.events.push(event);
        }
        Ok(self.events.iter().any(|event| event["data"]["jti"] == jti))
    }

    /// The events of a session's own stream.
    pub fn of_session(&self, sid: &str) -> Vec<&Value> {
        let filter = Filter { types: vec!["session".to_owned()], about: Some(sid.to_owned()), ..Filter::default() };
        self.events.iter().filter(|event| filter.lets_through(event)).collect()
    }
}

/// Whether these are exactly the events that were foretold.
///
/// # Errors
/// The first that is not, and what it is.
pub fn as_foretold(events: &[&Value], foretold: &[&str]) -> Result<(), String> {
    for (number, (event, wanted)) in (1..).zip(events.iter().zip(foretold)) {
        let line = line(event);
        let has = |word: &str| line.split_whitespace().any(|found| found == word);
        if let Some(missing) = wanted.split(' ').find(|word| !has(word)) {
            return Err(format!(
                "event {number} of the session should be \"{wanted}\", and lacks {missing}: {}",
                line.trim_start()
            ));
        }
    }
    if events.len() != foretold.len() {
        return Err(format!("the session should have {} events, and has {}", foretold.len(), events.len()));
    }
    Ok(())
}

/// Whether the events show what a sentence says.
pub fn shows(events: &[&Value], what: Shows) -> bool {
    let of_type = |name: &str| events.iter().any(|event| event["type"] == name);
    let ended = |reason: &str| {
        let last = events.iter().find(|event| event["type"] == "session.revoked");
        last.is_some_and(|event| event["data"]["reason"] == reason)
    };
    let tags = |name: &str| events.iter().map(|event| event["context"][name].as_str()).collect::<BTreeSet<_>>();
    let parties =
        |wanted: usize| ["net", "ua"].map(tags).iter().all(|found| found.len() == wanted && !found.contains(&None));
    match what {
        Shows::NothingNoticed => {
            !["session.reuse_detected", "session.revoked", "session.expired", "session.refresh_refused"]
                .into_iter()
                .any(of_type)
        }
        Shows::Noticed => of_type("session.reuse_detected") && ended("reuse"),
        Shows::Ended(reason) => ended(reason) && !of_type("session.reuse_detected"),
        Shows::TwoParties => parties(2),
        Shows::OneParty => parties(1),
        Shows::Lockstep => events.last().is_some_and(|event| event["data"]["lockstep"] == true),
        Shows::OnlyItsStart => events.len() == 1 && of_type("session.started"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(name: &str, net: &str, data: &Value) -> Value {
        json!({"position": 1, "type": name, "stream": "session:01", "at": "", "data": data, "context": {"net": net, "ua": net}})
    }

    #[test]
    fn an_event_that_is_missing_of_another_kind_or_too_many_is_found() {
        let (one, two) =
            (event("session.started", "a", &json!({})), event("session.refreshed", "a", &json!({"generation": 1})));
        let foretold = ["session.started", "session.refreshed generation=1"];
        assert_eq!(as_foretold(&[&one, &two], &foretold), Ok(()));
        assert!(as_foretold(&[&one], &foretold).unwrap_err().contains("should have 2 events, and has 1"));
        assert!(as_foretold(&[&one, &two, &two], &foretold).unwrap_err().contains("should have 2 events, and has 3"));
        let other = event("session.refreshed", "a", &json!({"generation": 11}));
        assert!(as_foretold(&[&one, &other], &foretold).unwrap_err().contains("lacks generation=1"));
        let reused = event("session.reuse_detected", "a", &json!({"generation": 1}));
        assert!(as_foretold(&[&one, &reused], &foretold).unwrap_err().contains("lacks session.refreshed"));
    }

    #[test]
    fn a_sentence_that_the_record_does_not_bear_out_is_found() {
        let started = event("session.started", "a", &json!({}));
        let other = event("session.refreshed", "b", &json!({}));
        let untold = event("session.refreshed", "", &json!({}));
        let untold = json!({"type": untold["type"], "context": {}, "data": {}});
        let reused = event("session.reuse_detected", "a", &json!({}));
        let by_reuse = event("session.revoked", "a", &json!({"reason": "reuse"}));
        let by_person = event("session.revoked", "a", &json!({"reason": "person"}));
        let lockstep = event("session.refresh_retried", "a", &json!({"lockstep": true}));
        for (events, what, expected) in [
            (vec![&started], Shows::NothingNoticed, true),
            (vec![&started, &reused], Shows::NothingNoticed, false),
            (vec![&started, &by_person], Shows::NothingNoticed, false),
            (vec![&started, &reused, &by_reuse], Shows::Noticed, true),
            (vec![&started, &by_reuse], Shows::Noticed, false),
            (vec![&started, &reused], Shows::Noticed, false),
            (vec![&started, &by_person], Shows::Ended("person"), true),
            (vec![&started, &by_person], Shows::Ended("admin"), false),
            (vec![&started, &reused, &by_person], Shows::Ended("person"), false),
            (vec![&started, &other], Shows::TwoParties, true),
            (vec![&started, &started], Shows::TwoParties, false),
            (vec![&started, &untold], Shows::TwoParties, false),
            (vec![&started, &started], Shows::OneParty, true),
            (vec![&started, &other], Shows::OneParty, false),
            (vec![&untold], Shows::OneParty, false),
            (vec![&started, &lockstep], Shows::Lockstep, true),
            (vec![&lockstep, &started], Shows::Lockstep, false),
            (vec![&started], Shows::OnlyItsStart, true),
            (vec![&started, &other], Shows::OnlyItsStart, false),
        ] {
            assert_eq!(shows(&events, what), expected, "{what:?} of {events:?}");
        }
    }
}

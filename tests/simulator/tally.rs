//! What occurred, so that the simulator cannot quietly stop trying something.

use crate::life::{Fault, How, Left, Turn, What};
use crate::model::{Ask, Call, Seen};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// Counts of lives.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub lives: u64,
    pub asks: u64,
    entries: u64,
    /// Asks whose answers nobody waited for.
    pub given_up: u64,
    /// Lives that left more in doubt than the model can tell apart, and were not lived to their end.
    pub undecided: u64,
    /// Segments that were sealed.
    pub sealed: u64,
    /// Ends of the process under requests, by a fault or because the power went.
    pub deaths: u64,
    /// Starts in which a fault struck.
    pub failed_starts: u64,
    /// Stops, kills and power cuts that were meant.
    ends: u64,
    occurred: BTreeMap<String, u64>,
}

/// What every run must meet. Of answers: every code that these asks can be refused with, and every way to be granted.
const MUST_OCCUR: &[&str] = &[
    "step ask",
    "step burst",
    "step wait",
    "step stop",
    "step kill",
    "step power cut",
    "step store lost",
    "step store of earlier",
    "step clock accepted",
    "step clock wrong",
    "step clock frozen",
    "step clock mended",
    "step fault fails",
    "step fault torn",
    "step fault off",
    "step fault off in a write",
    "step fault in a start",
    "login issued",
    "login wrong_credentials",
    "login account",
    "login client",
    "login not_registered",
    "login password_change_required",
    "login logins_refused",
    "login clock",
    "refresh issued",
    "refresh issued again",
    "refresh reissued",
    "refresh superseded",
    "refresh late_retry",
    "refresh foreign_retry",
    "refresh closed",
    "refresh client_mismatch",
    "refresh account",
    "refresh client",
    "refresh grant",
    "refresh clock",
    "refresh unanswered",
    "revoke done",
    "revoke client_mismatch",
    "end done",
    "show active",
    "show inactive",
    "show clock",
    "inspect active",
    "inspect inactive",
    "inspect clock",
    "gate changed",
    "gate unchanged",
    "gate clock",
    "gate unanswered",
    "client changed",
    "client clock",
    "brakes done",
    "brakes clock",
    "account.login_refused logins_refused",
    "account.new_context",
    "session.expired",
    "session.refresh_retried moved",
    "session.refresh_retried lockstep",
    "session.revoked revoked",
    "session.revoked admin",
    "session.revoked reuse",
    "session.revoked session_cap",
    "session.revoked password_changed",
    "session.revoked account_disabled",
    "session.revoked all_revoked",
    "session.revoked account_erased",
    "session.revoked registration_withdrawn",
    "session.revoked client_brake",
    "session.revoked all_braked",
    "session.superseded_shown",
];

/// Whether a refresh was given the generation after the next: the one between was burned.
fn is_after_next(ask: &Ask, generation: u32) -> bool {
    matches!(ask, Ask::Refresh { token, .. } if token.generation + 2 == generation)
}

impl Tally {
    fn count(&mut self, what: &str) {
        *self.occurred.entry(what.to_owned()).or_default() += 1;
    }

    pub fn step(&mut self, what: &What) {
        match what {
            What::Ask(_) => self.count("step ask"),
            What::Burst(_) => self.count("step burst"),
            What::Wait(_) => self.count("step wait"),
            What::Clock(Turn::Wrong(_)) => self.count("step clock wrong"),
            What::Clock(Turn::Frozen(_)) => self.count("step clock frozen"),
            What::Clock(Turn::Mended) => self.count("step clock mended"),
            What::End(end) => {
                self.ends += 1;
                self.count(match end.how {
                    How::Stop => "step stop",
                    How::Kill => "step kill",
                    How::PowerCut => "step power cut",
                });
                match end.store {
                    Left::Now => {}
                    Left::Nothing => self.count("step store lost"),
                    Left::Earlier(_) => self.count("step store of earlier"),
                }
                if end.accept_clock {
                    self.count("step clock accepted");
                }
            }
            What::Fault { fault, in_start } => {
                self.count(match fault {
                    Fault::Fails(..) => "step fault fails",
                    Fault::Torn(..) => "step fault torn",
                    Fault::OffAfter(_) => "step fault off",
                    Fault::OffAfterBytes(_) => "step fault off in a write",
                });
                if *in_start {
                    self.count("step fault in a start");
                }
            }
        }
    }

    pub fn call(&mut self, call: &Call) {
        self.asks += 1;
        let asked = match call.ask {
            Ask::Login { .. } => "login",
            Ask::Refresh { .. } => "refresh",
            Ask::Revoke { .. } => "revoke",
            Ask::End { .. } => "end",
            Ask::Show { .. } => "show",
            Ask::Inspect { .. } => "inspect",
            Ask::Gate { .. } => "gate",
            Ask::Client { .. } => "client",
            Ask::Brakes(_) => "brakes",
        };
        let answered = match &call.seen {
            None => "unanswered",
            Some(Seen::Issued { generation, .. }) if is_after_next(&call.ask, *generation) => "reissued",
            Some(Seen::Issued { access: None, .. }) => "issued",
            Some(Seen::Issued { access: Some(_), .. }) => "issued again",
            Some(Seen::Denied(code) | Seen::Unavailable(code)) => code,
            Some(Seen::Refused) => "refused",
            Some(Seen::Done) => "done",
            Some(Seen::Changed(true)) => "changed",
            Some(Seen::Changed(false)) => "unchanged",
            Some(Seen::Active(true)) => "active",
            Some(Seen::Active(false)) => "inactive",
        };
        self.count(&format!("{asked} {answered}"));
    }

    /// The entries of a journal, by type and what says most about them.
    pub fn entries(&mut self, events: &[Value]) {
        self.entries += events.len() as u64;
        for event in events {
            let data = &event["data"];
            let word = ["class", "reason"].iter().find_map(|field| data[*field].as_str());
            let flag = ["moved", "lockstep"].iter().find(|field| data[**field] == true).copied();
            let words = [event["type"].as_str(), word, flag];
            self.count(&words.into_iter().flatten().collect::<Vec<_>>().join(" "));
        }
    }

    pub fn add(&mut self, other: &Self) {
        self.lives += other.lives;
        self.asks += other.asks;
        self.entries += other.entries;
        self.given_up += other.given_up;
        self.undecided += other.undecided;
        self.sealed += other.sealed;
        self.deaths += other.deaths;
        self.failed_starts += other.failed_starts;
        self.ends += other.ends;
        for (what, count) in &other.occurred {
            *self.occurred.entry(what.clone()).or_default() += count;
        }
    }

    /// What did not occur yet.
    pub fn missing(&self) -> Vec<&'static str> {
        let mut missing: Vec<_> =
            MUST_OCCUR.iter().copied().filter(|what| !self.occurred.contains_key(*what)).collect();
        missing.extend((self.deaths == 0).then_some("a death under requests"));
        missing.extend((self.failed_starts == 0).then_some("a fault that struck in a start"));
        missing.extend((self.given_up == 0).then_some("an ask that was given up"));
        missing.extend((self.sealed == 0).then_some("a segment that was sealed"));
        missing
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} lives, {} of them undecided: {} asks of which {} were given up, {} entries, {} segments sealed, {} stops, kills and power cuts, {} deaths \
             under requests, {} starts in which a fault struck",
            self.lives,
            self.undecided,
            self.asks,
            self.given_up,
            self.entries,
            self.sealed,
            self.ends,
            self.deaths,
            self.failed_starts
        )?;
        for (what, count) in &self.occurred {
            writeln!(f, "  {count:>8} {what}")?;
        }
        Ok(())
    }
}

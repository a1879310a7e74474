//! What a virtual user does when a request is due.

use crate::figures::{Ended, Operation, Outcome, Tally};
use crate::people::{Tokens, User};
use crate::target::{Target, Who};
use crate::wire::{Answer, Lane, Request};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What is done again and again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Scenario {
    /// Everybody logs in.
    Login,
    /// Everybody refreshes his session, and logs in where it is over.
    Refresh,
    /// The client gets tokens for itself.
    ClientCredentials,
    /// Access tokens are introspected.
    Introspect,
    /// Everybody logs in, and then out again.
    Revoke,
    /// A day: refreshes and introspections, some logins and logouts, lost answers, a theft now and then.
    Mixed,
    /// A POST that decides nothing.
    Noop,
}

/// Of a thousand requests of a mixed day. What is left of them are introspections.
const DAY: [(Operation, u32); 5] = [
    (Operation::Login, 40),
    (Operation::Refresh, 420),
    (Operation::Revoke, 30),
    (Operation::Retry, 20),
    (Operation::Theft, 5),
];

impl Scenario {
    /// As it is named on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Refresh => "refresh",
            Self::ClientCredentials => "client-credentials",
            Self::Introspect => "introspect",
            Self::Revoke => "revoke",
            Self::Mixed => "mixed",
            Self::Noop => "noop",
        }
    }

    /// The request that it is about.
    pub fn operation(self) -> Operation {
        match self {
            Self::Login => Operation::Login,
            Self::Refresh | Self::Mixed => Operation::Refresh,
            Self::ClientCredentials => Operation::ClientCredentials,
            Self::Introspect => Operation::Introspect,
            Self::Revoke => Operation::Revoke,
            Self::Noop => Operation::Noop,
        }
    }

    /// Whether everybody must be logged in before it begins.
    pub fn needs_sessions(self) -> bool {
        matches!(self, Self::Refresh | Self::Introspect | Self::Mixed)
    }

    /// What is to be done at the next request.
    fn draw(self, chance: &mut fastrand::Rng) -> Operation {
        if self != Self::Mixed {
            return self.operation();
        }
        let mut drawn = chance.u32(0..1000);
        for (operation, weight) in DAY {
            if drawn < weight {
                return operation;
            }
            drawn -= weight;
        }
        Operation::Introspect
    }
}

/// What all requests of a thread share.
pub struct Floor {
    /// For whom they are.
    pub target: Target,
    /// When the phase began.
    pub began: Instant,
    /// What is counted.
    pub tally: std::sync::Arc<Mutex<Tally>>,
}

impl Floor {
    /// What is counted.
    pub fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request that is due, and those that come of it.
pub struct Visit<'a> {
    /// What is shared.
    pub floor: &'a Floor,
    /// The connection.
    pub lane: &'a mut Lane,
    /// The user.
    pub user: &'a mut User,
    /// When the first request was due, from the start of the phase on.
    pub arrival: Duration,
    /// When the next request is due.
    pub due: Duration,
}

impl Visit<'_> {
    /// Does what a scenario asks for.
    pub async fn perform(&mut self, scenario: Scenario, chance: &mut fastrand::Rng) {
        match scenario.draw(chance) {
            Operation::Login => {
                self.log_in().await;
            }
            Operation::Refresh => self.refresh().await,
            Operation::ClientCredentials => {
                let request = self.floor.target.client_credentials();
                self.ask(Operation::ClientCredentials, request, |answer| answer.body.starts_with(b"{\"access_token\""))
                    .await;
            }
            Operation::Introspect => self.introspect().await,
            Operation::Revoke => self.revoke(scenario).await,
            Operation::Retry => self.lose_an_answer().await,
            Operation::Theft => self.rob().await,
            Operation::Noop => {
                let request = self.floor.target.noop();
                self.ask(Operation::Noop, request, |_| true).await;
            }
        }
    }

    /// Begins a chain. The session before, if there was one, is left to end by itself; where the login is refused it is gone on with.
    async fn log_in(&mut self) -> bool {
        let request = self.floor.target.login(self.user);
        let answer = self.ask(Operation::Login, request, has_tokens).await;
        let tokens = answer.as_ref().and_then(tokens_of);
        if let Some(tokens) = &tokens {
            self.user.logged_in(tokens);
        }
        tokens.is_some()
    }

    /// Goes one further in the chain. Where there was no answer, or a 503, the same token is shown at the next occasion.
    async fn refresh(&mut self) {
        let Some(token) = self.user.refresh.clone() else {
            self.log_in().await;
            return;
        };
        let request = self.floor.target.refresh(self.user, Who::Owner, &token);
        let answer = self.ask(Operation::Refresh, request, has_tokens).await;
        self.follow(answer);
    }

    fn follow(&mut self, answer: Option<Answer>) {
        let Some(answer) = answer else { return };
        match tokens_of(&answer) {
            Some(tokens) => self.user.refreshed(&tokens),
            None if is_final(answer.status) => {
                self.floor.tally().chains.lost += 1;
                self.user.over();
            }
            None => {}
        }
    }

    async fn introspect(&mut self) {
        let Some(token) = self.user.access.clone() else {
            self.log_in().await;
            return;
        };
        let request = self.floor.target.introspect(&token);
        let answer = self.ask(Operation::Introspect, request, is_active).await;
        if answer.is_some_and(|answer| answer.status == 200 && !is_active(&answer)) {
            self.user.over();
        }
    }

    /// Ends a session: a fresh one where that is all that is done, the user's own in a mixed day.
    async fn revoke(&mut self, scenario: Scenario) {
        let is_fresh = scenario == Scenario::Revoke || self.user.refresh.is_none();
        if is_fresh && !self.log_in().await {
            return;
        }
        let Some(token) = self.user.refresh.clone() else { return };
        let request = self.floor.target.revoke(self.user, &token);
        if self.ask(Operation::Revoke, request, |_| true).await.is_some_and(|answer| answer.status == 200) {
            self.user.over();
        }
    }

    /// Throws the answer to a refresh away and asks again, as an app whose connection broke.
    async fn lose_an_answer(&mut self) {
        let Some(token) = self.user.refresh.clone() else {
            self.log_in().await;
            return;
        };
        let request = self.floor.target.refresh(self.user, Who::Owner, &token);
        let lost = self.ask(Operation::Refresh, request, has_tokens).await;
        let request = self.floor.target.refresh(self.user, Who::Owner, &token);
        let answer = self.ask(Operation::Retry, request, has_tokens).await;
        let both = (lost.as_ref().and_then(tokens_of), answer.as_ref().and_then(tokens_of));
        if let (Some(lost), Some(again)) = both
            && lost.refresh_token != again.refresh_token
        {
            self.floor.tally().chains.forked += 1;
        }
        self.follow(answer);
    }

    /// A spent token is shown from another network. The thief must get nothing, and the session is over.
    async fn rob(&mut self) {
        let Some(token) = self.user.spent.clone() else {
            self.refresh().await;
            return;
        };
        let request = self.floor.target.refresh(self.user, Who::Thief, &token);
        let due = self.due;
        let answer = self.send(request).await;
        let outcome = match &answer {
            Ok(answer) if answer.status == 400 => Outcome::Done,
            Ok(answer) if tokens_of(answer).is_some() => Outcome::Failed("a thief was given tokens".to_owned()),
            other => judge(other),
        };
        let mut tally = self.floor.tally();
        match &outcome {
            Outcome::Done => tally.chains.caught += 1,
            Outcome::Failed(_) if answer.is_ok() => tally.chains.stolen += 1,
            Outcome::Failed(_) | Outcome::Refused { .. } => {}
        }
        tally.record(Ended { operation: Operation::Theft, arrival: self.arrival, due, answered: self.due, outcome });
        self.user.over();
    }

    /// Sends a request, and counts how it ended. What comes next is due when the answer is there.
    async fn ask(&mut self, operation: Operation, request: Request, is_right: fn(&Answer) -> bool) -> Option<Answer> {
        let due = self.due;
        let answer = self.send(request).await;
        let wanted = if operation == Operation::Noop { self.floor.target.noop_status } else { 200 };
        let outcome = match &answer {
            Ok(answer) if answer.status == wanted && is_right(answer) => Outcome::Done,
            other => judge(other),
        };
        self.floor.tally().record(Ended { operation, arrival: self.arrival, due, answered: self.due, outcome });
        answer.ok()
    }

    async fn send(&mut self, request: Request) -> Result<Answer, String> {
        let answer = self.lane.ask(request).await;
        self.due = self.floor.began.elapsed();
        answer
    }
}

/// What an answer was that is not the one wanted: refused, where the server says no on purpose.
fn judge(answer: &Result<Answer, String>) -> Outcome {
    match answer {
        Err(fault) => Outcome::Failed(fault.clone()),
        Ok(Answer { status, retry_after, .. }) if matches!(status, 400..=499 | 503) => {
            Outcome::Refused { status: *status, retry_after: *retry_after }
        }
        Ok(answer) => Outcome::Failed(format!("an answer {} that makes no sense", answer.status)),
    }
}

/// Whether a refusal says that the token is good for nothing any more.
fn is_final(status: u16) -> bool {
    matches!(status, 400 | 401)
}

fn has_tokens(answer: &Answer) -> bool {
    tokens_of(answer).is_some()
}

fn tokens_of(answer: &Answer) -> Option<Tokens<'_>> {
    if answer.status != 200 {
        return None;
    }
    serde_json::from_slice(&answer.body).ok()
}

fn is_active(answer: &Answer) -> bool {
    answer.body.windows(13).any(|part| part == b"\"active\":true")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &'static str) -> Answer {
        Answer { status, retry_after: status == 503, body: body.into() }
    }

    #[test]
    fn refusals_are_what_the_server_says_on_purpose() {
        for status in [400, 401, 404, 429, 503] {
            assert!(matches!(judge(&Ok(answer(status, ""))), Outcome::Refused { .. }), "{status}");
        }
        for status in [200, 302, 500, 502] {
            assert!(matches!(judge(&Ok(answer(status, ""))), Outcome::Failed(_)), "{status}");
        }
        assert!(matches!(judge(&Err("timeout".to_owned())), Outcome::Failed(_)));
    }

    #[test]
    fn an_answer_is_right_only_with_what_was_asked_for() {
        assert!(has_tokens(&answer(200, r#"{"access_token":"a","refresh_token":"b"}"#)));
        assert!(!has_tokens(&answer(200, r#"{"access_token":"a"}"#)));
        assert!(!has_tokens(&answer(503, r#"{"access_token":"a","refresh_token":"b"}"#)));
        assert!(is_active(&answer(200, r#"{"active":true,"sub":"x"}"#)));
        assert!(!is_active(&answer(200, r#"{"active":false}"#)));
    }

    #[test]
    fn a_mixed_day_has_everything_in_its_proportion() {
        let mut chance = fastrand::Rng::with_seed(5);
        let mut drawn = std::collections::BTreeMap::new();
        (0..100_000).for_each(|_| *drawn.entry(Scenario::Mixed.draw(&mut chance)).or_insert(0) += 1);
        for (operation, weight) in DAY {
            let (found, wanted) = (f64::from(drawn[&operation]), f64::from(weight) * 100.0);
            assert!((found / wanted - 1.0).abs() < 0.2, "{operation:?}: {found} of {wanted}");
        }
        assert!(drawn[&Operation::Introspect] > 40_000);
    }
}

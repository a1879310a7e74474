//! What is looked at when a life is over: every session once more, and every entry of the journal.

use crate::driver::Driver;
use crate::life::{End, How, Left};
use crate::model::{Ask, Token};
use countersign::domain::ids::{Position, SessionId, TokenId};
use serde_json::Value;
use std::collections::HashMap;

impl Driver {
    /// Mends the clock, starts without faults, uses every token once, and reads the journal.
    pub async fn end_well(&mut self) -> Result<(), String> {
        self.trace.push("the end".to_owned());
        self.start.fault = None;
        self.mend_the_clock();
        let end = End { how: How::Kill, store: Left::Now, down: 0, accept_clock: true, seals: true };
        self.end(end, 0).await?;
        let chance = self.known.sessions.len() as u64 + self.known.issued.len() as u64;
        if chance.is_multiple_of(4) {
            let end = End { how: How::Stop, store: Left::Nothing, down: 1, accept_clock: false, seals: false };
            self.end(end, 0).await?;
        }
        for access in self.known.accesses.keys().copied().collect::<Vec<_>>() {
            self.make_one(Ask::Inspect { access }, 0).await?;
        }
        let newest = self.known.sessions.iter().map(|(number, session)| {
            let generation = *session.tokens.keys().next_back().unwrap();
            let token = Token { session: *number, generation };
            Ask::Refresh { client: session.client, token, person: session.person }
        });
        for ask in newest.collect::<Vec<_>>() {
            self.make_one(ask, 0).await?;
        }
        self.running.take().ok_or("nothing runs")?.stop();
        let events = self.machine.events();
        self.tally.entries(&events);
        self.check_journal(&events)?;
        check_brakes(&events)
    }

    /// Every token that was issued stands in the journal once.
    fn check_journal(&self, events: &[Value]) -> Result<(), String> {
        let mut tokens: HashMap<TokenId, usize> = HashMap::new();
        let mut generations: HashMap<(SessionId, u64), usize> = HashMap::new();
        for (position, event) in (1..).zip(events) {
            let at: Position =
                event["pos"].as_u64().or(event["position"].as_u64()).ok_or("an entry has no position")?;
            if at != position {
                return Err(format!("entry {position} says that it is {at}"));
            }
            let data = &event["data"];
            if let Some(jti) = data["jti"].as_str().filter(|_| event["type"] != "client.token_revoked") {
                let jti: TokenId = TokenId(jti.parse().map_err(|_| format!("no jti: {jti}"))?);
                *tokens.entry(jti).or_default() += 1;
            }
            let Some(session) = event["stream"].as_str().and_then(|stream| stream.strip_prefix("session:")) else {
                continue;
            };
            let session = SessionId(session.parse().map_err(|_| format!("no session: {session}"))?);
            match event["type"].as_str() {
                Some("session.started") => *generations.entry((session, 0)).or_default() += 1,
                Some("session.refreshed") if data["generation"] != data["presented"] => {
                    let generation = data["generation"].as_u64().ok_or("a refresh without a generation")?;
                    *generations.entry((session, generation)).or_default() += 1;
                }
                _ => {}
            }
        }
        for (jti, session, generation) in &self.known.issued {
            let (token, generations) =
                (tokens.get(jti).copied(), generations.get(&(*session, u64::from(*generation))).copied());
            if (token, generations) != (Some(1), Some(1)) {
                return Err(format!(
                    "generation {generation} of session {session} was issued with {jti:?}, but the journal has the token \
                     {token:?} times and the generation {generations:?} times"
                ));
            }
        }
        Ok(())
    }
}

/// Behind a brake of everything no session of before gets a token, and while nobody may log in no session begins: the order of the
/// entries tells it, also where whoever asked cannot tell which of two came first.
fn check_brakes(events: &[Value]) -> Result<(), String> {
    let (mut all_by, mut nobody) = (0, false);
    let mut began: HashMap<&str, u64> = HashMap::new();
    for event in events {
        let stream = event["stream"].as_str().unwrap_or_default();
        match event["type"].as_str().unwrap_or_default() {
            "brakes.all_revoked" => all_by = event["version"].as_u64().ok_or("an entry has no version")?,
            "brakes.logins_refused" => nobody = true,
            "brakes.logins_allowed" => nobody = false,
            "session.started" if nobody => return Err(format!("{stream} began while nobody may log in")),
            "session.started" => _ = began.insert(stream, event["data"]["brakes_version"].as_u64().unwrap_or(0)),
            "session.refreshed" | "session.refresh_retried" if began.get(stream).is_none_or(|by| *by < all_by) => {
                return Err(format!("{stream} was refreshed behind the brake of everything"));
            }
            _ => {}
        }
        if began.get(stream).is_some_and(|by| *by < all_by) && event["type"] == "session.started" {
            return Err(format!("{stream} began behind a brake that it does not know"));
        }
    }
    Ok(())
}

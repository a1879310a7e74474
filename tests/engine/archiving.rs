//! Sessions that are archived: their tokens are refused as before, recorded with what they were, and nobody notices else.

use crate::machine::{Machine, Running, eventually, operator, person, person_at, token};
use countersign::actors::{Core, Issued, RefreshAsk, Refused, Unavailable, archive};
use countersign::crypto::RefreshToken;
use countersign::domain::client::{ClientSettings, ClientType, Profile};
use countersign::domain::command::Command;
use countersign::domain::denial::Denial;
use countersign::domain::evidence::Past;
use countersign::domain::gate::GateCommand;
use countersign::domain::ids::{CommitId, Generation, Position, SessionId, StreamId};
use countersign::domain::session::RevokeReason;
use countersign::domain::system::SystemEvent;
use countersign::domain::time::{Span, Timestamp};
use countersign::domain::{Event, Expected, Proposal};
use countersign::journal::{Commit, History, StoreError};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::Value;
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use uuid::Uuid;

/// Tells the past of a session for a token that is shown, as it is in the journal.
fn evidence(machine: &Machine) -> Vec<Value> {
    let is_evidence = |event: &Value| event["stream"].as_str().is_some_and(|stream| stream.starts_with("evidence:"));
    machine.events().into_iter().filter(is_evidence).collect()
}

fn recorded(machine: &Machine, kind: &str) -> usize {
    machine.events().iter().filter(|event| event["type"] == kind).count()
}

/// Archives everything that is over now.
async fn archive_all(machine: &Machine, running: &Running) {
    let head = machine.events().len() as Position;
    assert_eq!(archive(&running.services.core, head).await, Ok(true));
}

fn is_known(running: &Running, issued: &Issued) -> bool {
    running.services.core.reader.session(issued.session.unwrap()).unwrap().is_some()
}

const CLOSED: Option<Refused> = Some(Refused::Denied(Denial::Closed));

/// A session that was refreshed twice, a minute after each other, and revoked: its three answers.
async fn ended(machine: &Machine, running: &Running) -> [Issued; 3] {
    let first = running.login().await.unwrap();
    machine.clock.advance(Span::minutes(1));
    let second = running.refresh(token(&first)).await.unwrap();
    machine.clock.advance(Span::minutes(1));
    let third = running.refresh(token(&second)).await.unwrap();
    machine.clock.advance(Span::minutes(1));
    let client = running.client("store").await;
    running.services.sessions.revoke(token(&third), &client, person()).await.unwrap();
    [first, second, third]
}

#[actix_rt::test]
async fn a_token_of_an_archived_session_is_refused_and_recorded_with_what_the_session_was() {
    let mut machine = Machine::new(61);
    let running = machine.start();
    let alice = running.prepare(|_| ()).await;
    let [first, second, third] = ended(&machine, &running).await;
    // The session's actor is awake all the while.
    archive_all(&machine, &running).await;
    assert!(!is_known(&running, &first));
    machine.clock.advance(Span::days(100));
    assert_eq!(running.refresh(token(&second)).await.err(), CLOSED);
    assert_eq!(running.refresh(token(&third)).await.err(), CLOSED);

    let events = evidence(&machine);
    let at = |event: &Value, field: &str| event["data"][field].as_str().unwrap().parse::<Timestamp>().unwrap();
    let of = |kind: &str| machine.events().into_iter().find(|event| event["type"] == kind).unwrap();
    let (started, refused) = (of("session.started"), &events[0]);
    assert_eq!(refused["type"], "evidence.refresh_refused");
    assert_eq!(refused["stream"], format!("evidence:{}", first.session.unwrap()));
    assert_eq!((&refused["version"], &refused["prev"]), (&Value::from(1), &Value::Null));
    assert_eq!(refused["data"]["account"], alice.to_string());
    assert_eq!(refused["data"]["client"], "store");
    assert_eq!((&refused["data"]["class"], &refused["data"]["ended"]), (&"closed".into(), &"revoked".into()));
    let start: Timestamp = started["at"].as_str().unwrap().parse().unwrap();
    assert_eq!(at(refused, "redeemed_at"), start + Span::minutes(2));
    assert_eq!(at(refused, "ended_at"), start + Span::minutes(3));
    assert_eq!(refused["cmd"]["started_at"], started["at"]);
    assert!(events[1]["data"].get("redeemed_at").is_none(), "the last generation never was redeemed: {}", events[1]);

    for _ in 0..70 {
        assert_eq!(running.refresh(token(&third)).await.err(), CLOSED);
    }
    let numbers: Vec<u64> = evidence(&machine).iter().map(|event| event["data"]["n"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [1, 2, 32, 64]);
    assert_eq!(recorded(&machine, "system.history_lost"), 0);
    running.stop();
}

#[actix_rt::test]
async fn every_door_answers_for_an_archived_session_as_for_one_that_is_over() {
    let mut machine = Machine::new(62);
    let running = machine.start();
    running.prepare(|_| ()).await;
    running.create_client("other", ClientSettings::new(ClientType::Confidential, Profile::Standard)).await;
    let [first, _, third] = ended(&machine, &running).await;
    archive_all(&machine, &running).await;
    let sessions = &running.services.sessions;
    let (own, other) = (running.client("store").await, running.client("other").await);
    let mismatch = Err(Denial::ClientMismatch.into());
    assert!(running.services.tokens.inspect(&third.access_token).unwrap().is_none());
    assert_eq!(sessions.revoke(token(&first), &own, person()).await, Ok(()));
    assert_eq!(sessions.end(first.session.unwrap(), RevokeReason::Admin, None, operator()).await, Ok(()));
    assert_eq!(sessions.expire(first.session.unwrap(), operator()).await, Ok(()));
    assert!(sessions.introspect(token(&third), &own, person()).await.unwrap().is_none());
    assert!(sessions.introspect(token(&first), &other, person()).await.unwrap().is_none());
    assert_eq!(evidence(&machine).len(), 0, "none of it is news");
    for _ in 0..2 {
        assert!(sessions.introspect(token(&first), &own, person()).await.unwrap().is_none());
    }
    assert_eq!(sessions.revoke(token(&first), &other, person()).await, mismatch);
    assert_eq!(
        sessions.refresh(token(&first), RefreshAsk::of(&other, None, person_at("198.51.100.7"))).await.err(),
        mismatch.err()
    );
    let kinds: Vec<String> = evidence(&machine).iter().map(|event| event["type"].to_string()).collect();
    let expected = ["superseded_shown", "revoke_refused", "refresh_refused"];
    assert_eq!(kinds, expected.map(|kind| format!("\"evidence.{kind}\"")));
    assert_eq!(recorded(&machine, "system.history_lost"), 0);
    running.stop();
}

#[actix_rt::test]
async fn evidence_is_archived_in_its_turn_and_begins_again() {
    let mut machine = Machine::new(63);
    let running = machine.start();
    running.prepare(|_| ()).await;
    let [first, ..] = ended(&machine, &running).await;
    archive_all(&machine, &running).await;
    let head = machine.events().len() as Position;
    assert_eq!(archive(&running.services.core, head - 1).await, Ok(false), "that was archived before");
    assert_eq!(machine.events().len() as Position, head);
    assert_eq!(running.refresh(token(&first)).await.err(), CLOSED);
    archive_all(&machine, &running).await;
    let session = first.session.unwrap();
    assert!(running.services.core.reader.evidence(session).unwrap().is_none());
    assert_eq!(
        running
            .services
            .sessions
            .refresh(token(&first), RefreshAsk::of(&running.client("store").await, None, person_at("198.51.100.7")))
            .await
            .err(),
        CLOSED
    );
    let events = evidence(&machine);
    assert_eq!(events.len(), 2);
    for event in &events {
        assert_eq!((&event["version"], &event["prev"]), (&Value::from(1), &Value::Null));
    }
    running.stop();
}

#[actix_rt::test]
async fn a_restart_and_a_store_made_anew_know_the_same() {
    let mut machine = Machine::new(64);
    let running = machine.start();
    running.prepare(|_| ()).await;
    let [first, second, third] = ended(&machine, &running).await;
    let open = running.login().await.unwrap();
    archive_all(&machine, &running).await;
    assert_eq!(running.refresh(token(&second)).await.err(), CLOSED);
    running.stop();
    let mut anew = machine.copy();
    anew.lose_store();
    for machine in [&mut machine, &mut anew] {
        let running = machine.start();
        assert!(!is_known(&running, &first) && is_known(&running, &open));
        assert_eq!(running.refresh(token(&second)).await.err(), CLOSED);
        assert_eq!(evidence(machine).len(), 1, "the same again is not news, also after a restart");
        assert_eq!(running.refresh(token(&third)).await.err(), CLOSED);
        assert_eq!(evidence(machine).len(), 2);
        assert!(running.is_alive(&open).await);
        running.stop();
    }
}

/// A refresh token with the real key of a session that this journal never had.
fn token_of(running: &Running, session: SessionId) -> String {
    let keyring = running.services.core.keyrings.current();
    let (key, secret) = keyring.active_refresh().unwrap();
    RefreshToken { key, session, generation: 3 }.to_text(secret)
}

async fn happened(core: &Core, event: SystemEvent) {
    let (at, id) = (core.now_to_close(Timestamp::default()), CommitId(Uuid::from_u128(7)));
    let context = operator().context(None, id, &*core.entropy);
    let events = vec![Event::System(event)];
    let proposals = vec![Proposal { stream: StreamId::System, expected: Expected::Any, events }];
    let commit = Commit { id, at, context, command: Some(Command::Server), proposals, keys: Vec::new() };
    assert!(core.append(commit).await.unwrap().is_some());
}

#[actix_rt::test]
async fn a_session_that_no_segment_knows_was_lost_unless_history_was_dropped_since() {
    let mut machine = Machine::new(65);
    let running = machine.start();
    running.prepare(|_| ()).await;
    ended(&machine, &running).await;
    archive_all(&machine, &running).await;
    let core = &running.services.core;
    let now = core.now_to_close(Timestamp::default());
    let drawn = |at: Timestamp| SessionId(Uuid::from_u64_pair(u64::try_from(at.0).unwrap() << 16 | 0x7000, 1 << 63));
    let (old, new) = (token_of(&running, drawn(now - Span::days(9))), token_of(&running, drawn(now)));
    let client = running.client("store").await;
    assert_eq!(running.refresh(&old).await.err(), Some(Denial::HistoryLost.into()));
    assert_eq!(recorded(&machine, "system.history_lost"), 1);

    happened(core, SystemEvent::HistoryDropped { through: 1, until: now - Span::days(1), base: 1 }).await;
    assert_eq!(running.refresh(&old).await.err(), CLOSED);
    assert_eq!(running.services.sessions.revoke(&old, &client, person()).await, Ok(()));
    assert_eq!(recorded(&machine, "system.history_lost"), 1, "nothing is lost that was dropped");
    assert_eq!(running.refresh(&new).await.err(), Some(Denial::HistoryLost.into()));
    assert_eq!(recorded(&machine, "system.history_lost"), 2);
    assert_eq!(evidence(&machine).len(), 0);
    running.stop();
}

#[actix_rt::test]
async fn archiving_while_sessions_are_being_closed_harms_nobody() {
    let mut machine = Machine::new(66);
    let running = machine.start();
    let alice = running.prepare(|settings| settings.max_sessions = 1000).await;
    let mut sessions = Vec::new();
    for _ in 0..40 {
        sessions.push(running.login().await.unwrap());
    }
    let administration = &running.services.administration;
    administration.change_account(alice, GateCommand::RevokeSessions, None, &operator()).await.unwrap();
    let client = running.client("store").await;
    // The closer, the doors and the archiving all go for the same sessions.
    for issued in sessions.iter().rev() {
        assert_eq!(running.services.sessions.revoke(token(issued), &client, person()).await, Ok(()));
        archive_all(&machine, &running).await;
    }
    eventually("the closer", || (running.open_sessions() == 0).then_some(())).await;
    archive_all(&machine, &running).await;
    for issued in &sessions {
        assert!(!is_known(&running, issued));
        assert_eq!(running.refresh(token(issued)).await.err(), CLOSED);
    }
    assert_eq!(recorded(&machine, "session.expired"), 0);
    assert_eq!(recorded(&machine, "system.history_lost"), 0);
    running.stop();
}

/// A place to look up whose look-ups wait until they are let go.
#[derive(Default)]
struct Slow {
    open: Mutex<bool>,
    opened: Condvar,
}

impl History for Slow {
    fn past(&self, _: SessionId, _: Generation) -> Result<Option<Past>, StoreError> {
        let open = self.open.lock().unwrap();
        drop(self.opened.wait_while(open, |open| !*open).unwrap());
        Err(StoreError("the segment cannot be read".to_owned()))
    }
}

#[actix_rt::test]
async fn so_many_wait_for_one_session_and_no_more() {
    let slow = Arc::new(Slow::default());
    let mut machine = Machine::new(67);
    machine.history = Some(slow.clone());
    let running = machine.start();
    running.prepare(|_| ()).await;
    let [first, ..] = ended(&machine, &running).await;
    archive_all(&machine, &running).await;
    let mut asks: FuturesUnordered<_> = (0..70).map(|_| running.refresh(token(&first))).collect();
    for _ in 0..62 {
        assert_eq!(asks.next().await.unwrap().err(), Some(Unavailable::Busy.into()), "beyond the eighth");
    }
    *slow.open.lock().unwrap() = true;
    slow.opened.notify_all();
    while let Some(answer) = asks.next().await {
        assert_eq!(answer.err(), Some(Unavailable::Store.into()), "what cannot be looked up is not judged");
    }
    drop(asks);
    assert_eq!(evidence(&machine).len(), 0);
    running.stop();
}

#[actix_rt::test]
async fn so_many_sessions_wait_and_no_more() {
    let slow = Arc::new(Slow::default());
    let mut machine = Machine::new(68);
    machine.history = Some(slow.clone());
    let running = machine.start();
    running.prepare(|_| ()).await;
    ended(&machine, &running).await;
    archive_all(&machine, &running).await;
    let tokens: Vec<_> = (1..=70).map(|n| token_of(&running, SessionId(Uuid::from_u128(n)))).collect();
    let mut asks: FuturesUnordered<_> = tokens.iter().map(|token| running.refresh(token)).collect();
    for _ in 0..6 {
        assert_eq!(asks.next().await.unwrap().err(), Some(Unavailable::Busy.into()), "beyond the sixty-fourth");
    }
    *slow.open.lock().unwrap() = true;
    slow.opened.notify_all();
    while let Some(answer) = asks.next().await {
        assert_eq!(answer.err(), Some(Unavailable::Store.into()));
    }
    drop(asks);
    running.stop();
}

/// Notes what is looked up, and holds the look-ups of one session until they are let go.
#[derive(Default)]
struct Watched {
    inner: OnceLock<Arc<dyn History>>,
    pasts: Mutex<Vec<SessionId>>,
    redemptions: Mutex<Vec<Generation>>,
    held: Mutex<Option<SessionId>>,
    changed: Condvar,
}

impl Watched {
    fn hold(&self, session: Option<SessionId>) {
        *self.held.lock().unwrap() = session;
        self.changed.notify_all();
    }

    fn pasts(&self) -> Vec<SessionId> {
        self.pasts.lock().unwrap().clone()
    }
}

impl History for Watched {
    fn past(&self, id: SessionId, presented: Generation) -> Result<Option<Past>, StoreError> {
        self.pasts.lock().unwrap().push(id);
        let held = self.held.lock().unwrap();
        drop(self.changed.wait_while(held, |held| *held == Some(id)).unwrap());
        self.inner.get().unwrap().past(id, presented)
    }

    fn redeemed_at(&self, id: SessionId, presented: Generation) -> Result<Option<Timestamp>, StoreError> {
        self.redemptions.lock().unwrap().push(presented);
        self.inner.get().unwrap().redeemed_at(id, presented)
    }
}

fn watched(seed: u64) -> (Machine, Running, Arc<Watched>) {
    let watched = Arc::new(Watched::default());
    let mut machine = Machine::new(seed);
    machine.history = Some(watched.clone());
    let running = machine.start();
    assert!(watched.inner.set(machine.read_all()).is_ok());
    (machine, running, watched)
}

#[actix_rt::test]
async fn a_token_that_is_shown_many_times_at_once_is_looked_up_once() {
    let (machine, running, watched) = watched(69);
    running.prepare(|_| ()).await;
    let [first, second, third] = ended(&machine, &running).await;
    archive_all(&machine, &running).await;
    let session = first.session.unwrap();
    watched.hold(Some(session));
    let mut asks: FuturesUnordered<_> = (0..9).map(|_| running.refresh(token(&first))).collect();
    // That the ninth is answered shows that eight wait.
    assert_eq!(asks.next().await.unwrap().err(), Some(Unavailable::Busy.into()));
    watched.hold(None);
    while let Some(answer) = asks.next().await {
        assert_eq!(answer.err(), CLOSED);
    }
    drop(asks);
    assert_eq!(evidence(&machine).len(), 1);
    assert_eq!(watched.pasts(), [session]);

    for issued in [&third, &second, &second, &first] {
        assert_eq!(running.refresh(token(issued)).await.err(), CLOSED);
    }
    assert_eq!(watched.pasts(), [session], "what does not depend on the generation is known");
    assert_eq!(*watched.redemptions.lock().unwrap(), [1], "the newest was never redeemed, and the first is known");
    let events = evidence(&machine);
    assert_eq!(events.len(), 4, "another generation than the last one is news");
    assert!(events[1]["data"].get("redeemed_at").is_none(), "{}", events[1]);
    assert!(events[2]["data"]["redeemed_at"].as_str() > events[0]["data"]["redeemed_at"].as_str());
    running.stop();
}

#[actix_rt::test]
async fn whoever_floods_with_one_session_leaves_room_for_the_others() {
    let (machine, running, watched) = watched(70);
    running.prepare(|_| ()).await;
    let [flood, ..] = ended(&machine, &running).await;
    let [other, ..] = ended(&machine, &running).await;
    archive_all(&machine, &running).await;
    watched.hold(flood.session);
    let mut asks: FuturesUnordered<_> = (0..100).map(|_| running.refresh(token(&flood))).collect();
    for _ in 0..92 {
        assert_eq!(asks.next().await.unwrap().err(), Some(Unavailable::Busy.into()));
    }
    assert_eq!(running.refresh(token(&other)).await.err(), CLOSED);
    let events = evidence(&machine);
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["stream"], format!("evidence:{}", other.session.unwrap()));
    watched.hold(None);
    while let Some(answer) = asks.next().await {
        assert_eq!(answer.err(), CLOSED);
    }
    drop(asks);
    running.stop();
}

#[actix_rt::test]
async fn that_nothing_is_known_of_a_session_is_remembered_until_more_is_archived() {
    let (machine, running, watched) = watched(71);
    running.prepare(|_| ()).await;
    ended(&machine, &running).await;
    archive_all(&machine, &running).await;
    let unknown = SessionId(Uuid::from_u128(5));
    let lost = token_of(&running, unknown);
    for _ in 0..3 {
        assert_eq!(running.refresh(&lost).await.err(), Some(Denial::HistoryLost.into()));
    }
    assert_eq!(watched.pasts(), [unknown]);
    archive_all(&machine, &running).await;
    assert_eq!(running.refresh(&lost).await.err(), Some(Denial::HistoryLost.into()));
    assert_eq!(watched.pasts(), [unknown; 2]);
    running.stop();
}

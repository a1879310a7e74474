//! Replay: from the journal alone every decision is made again, and comes out the same.

use crate::given::*;
use countersign::domain::account::PasswordVerdict;
use countersign::domain::brakes::{BrakesCommand, BrakesEvent};
use countersign::domain::client::{ClientCommand, Grant, LateRetry};
use countersign::domain::command::Command;
use countersign::domain::denial::Denial;
use countersign::domain::gate::{GateCommand, GateEvent};
use countersign::domain::ids::{StreamId, Version};
use countersign::domain::replay::{Moment, redo};
use countersign::domain::session::{Refreshed, RevokeReason, SessionEvent};
use countersign::domain::system::SystemEvent;
use countersign::domain::{Event, Recorded, State};
use std::sync::Arc;

/// The state of a stream after so many events.
fn after(given: &Given, stream: &StreamId, version: Version) -> Option<State> {
    let count = usize::try_from(version).unwrap();
    given.streams.get(stream)?.get(count.checked_sub(1)?).cloned()
}

/// How many states of a stream were archived before entry `index`, and how many there were in all.
fn lives(given: &Given, index: usize, stream: &StreamId) -> (Version, Version) {
    let (mut archived, mut all, mut last) = (0, 0, 0);
    for recorded in &given.history[..index] {
        if recorded.stream == *stream {
            (all, last) = (all + 1, recorded.position);
        }
        if let Event::System(SystemEvent::SessionsArchived { through }) = recorded.event
            && after(given, stream, all).is_some_and(|state| state.is_archived(last, through))
        {
            archived = all;
        }
    }
    (archived, all)
}

/// What the stream was, as the replay of entry `index` sees it.
pub fn past(given: &Given, index: usize, stream: &StreamId, moment: Moment) -> Option<State> {
    let (archived, all) = lives(given, index, stream);
    match moment {
        Moment::Before if all == archived => None,
        Moment::Before => after(given, stream, all),
        Moment::Version(version) => after(given, stream, archived + version),
    }
}

/// The decision whose first entry is `index`, made again.
pub fn again(given: &Given, index: usize) -> Option<Vec<(StreamId, Event)>> {
    redo(&given.history[index], |stream, moment| past(given, index, stream, moment))
}

/// Every recorded decision: the index of its first entry, and its events.
pub fn decisions(given: &Given) -> Vec<(usize, Vec<(StreamId, Event)>)> {
    let mut all: Vec<(usize, Vec<(StreamId, Event)>)> = Vec::new();
    for (index, recorded) in given.history.iter().enumerate() {
        let entry = (recorded.stream.clone(), recorded.event.clone());
        match all.last_mut() {
            Some((_, events)) if recorded.command.is_none() => events.push(entry),
            _ => all.push((index, vec![entry])),
        }
    }
    all
}

/// Makes every decision of the story again, and says how many there were.
fn all_again(given: &Given) -> usize {
    let mut count = 0;
    for (index, events) in decisions(given) {
        if given.history[index].command != Some(Command::Server) {
            assert_eq!(again(given, index), Some(events), "entry {index}");
            count += 1;
        }
    }
    count
}

/// The last decision of the story, made again under other settings of the store.
fn what_if(given: &Given, change: impl Fn(&mut State)) -> Option<Vec<(StreamId, Event)>> {
    let (index, _) = decisions(given).pop().unwrap();
    redo(&given.history[index], |stream, moment| {
        let mut state = past(given, index, stream, moment)?;
        change(&mut state);
        Some(state)
    })
}

fn in_session(events: impl IntoIterator<Item = SessionEvent>) -> Vec<(StreamId, Event)> {
    events.into_iter().map(|event| (StreamId::Session(session(0)), Event::Session(event))).collect()
}

#[test]
fn a_life_with_everything_in_it_is_decided_again() {
    let given = given_login_at(|settings| {
        settings.late_retry = LateRetry::Reissue;
        settings.grants.insert(Grant::ClientCredentials);
    })
    .at(mins(1))
    .done(refresh(0).asking(&["cart"]).shortened_by(secs(4)))
    .tried(refresh(0))
    .tried(refresh(0).from(cafe()))
    .at(mins(3))
    .tried(refresh(0))
    .tried(refresh(0).by(other()))
    .tried(refresh(2).asking(&["admin"]))
    .tried(WrongDoor(2))
    .tried(Show(0))
    .tried(log_in().verdict(PasswordVerdict::Wrong).from(stranger()))
    .tried(log_in().verdict(PasswordVerdict::Throttled).from(stranger()))
    .tried(issue())
    .tried(issue().asking(&["admin"]))
    .tried(Fail(Denial::ClientSecretWrong, stranger()))
    .tried(GateCommand::SetRoles(scopes(&["shopper"])))
    .tried(ClientCommand::SetSecret(sealed("new")))
    .tried(refresh(1))
    .tried(refresh(2))
    .done(log_in())
    .done(log_in().ending(&[session(0)]))
    .tried(revoke_by(3))
    .tried(set_password("another"))
    .done(log_in())
    .tried(GateCommand::SetMustChange(true))
    .tried(log_in().from(stranger()))
    .tried(set_password_to_be_changed("first"))
    .tried(GateCommand::AddRegistration(store()))
    .tried(GateCommand::LiftRegistrations)
    .tried(set_password("own"))
    .tried(BrakesCommand::RefuseLogins)
    .tried(log_in())
    .tried(BrakesCommand::RevokeNetwork(sealed("192.0.2.0/24")))
    .tried(BrakesCommand::AllowLogins)
    .done(log_in().from(stranger()))
    .tried(BrakesCommand::RevokeAll)
    .tried(refresh(0))
    .at(days(20))
    .tried(Sweep);
    assert_eq!(all_again(&given), 24 + 13);
}

#[test]
fn numbers_that_only_memory_knew_are_decided_again() {
    let given = (0..40).fold(given_login().done(log_out()), |given, _| given.tried(refresh(0)));
    let given = (0..40).fold(given, |given, _| given.tried(log_in().verdict(PasswordVerdict::Wrong)));
    let given = (0..40).fold(given, |given, _| given.tried(Fail(Denial::ClientSecretWrong, home())));
    assert_eq!(all_again(&given), 2 + 3 * 2, "the first and the thirty-second of each");
}

#[test]
fn a_decision_made_on_an_older_gate_is_made_again_on_that_gate() {
    let early = given_login().at(mins(1)).when(refresh(0)).decision;
    let command = Command::Refresh {
        refresh: countersign::domain::session::Refresh {
            presented: 0,
            client: store(),
            scope: None,
            door: Default::default(),
            ttl: None,
            jti: jti(1),
            jitter: secs(0),
            wall: at(mins(1)),
            unavailable: secs(0),
        },
        gate: 1,
        client: 1,
        brakes: 0,
        unrecorded: Default::default(),
    };
    let mut given = given_login().happened(GateEvent::SessionsRevoked).at(mins(1));
    given.record(in_session(early.events.clone()), &home(), Some(command));
    assert_eq!(again(&given, given.history.len() - 1), Some(in_session(early.events)));
}

#[test]
fn a_close_that_was_appended_behind_another_is_made_again_on_what_it_saw() {
    // Two closers race: both saw the session at version 1, and both ends are legal in every state.
    let ended = SessionEvent::Revoked { reason: RevokeReason::Logout };
    let revoke = countersign::domain::session::Revoke { reason: RevokeReason::Logout, client: None, presented: None };
    let command = Command::Revoke { revoke, session: 1, unrecorded: Default::default() };
    let mut given = given_login().happened(revoked(RevokeReason::AllRevoked));
    given.record(in_session([ended.clone()]), &home(), Some(command));
    assert_eq!(again(&given, given.history.len() - 1), Some(in_session([ended])));
}

#[test]
fn a_close_of_a_gate_that_an_erasure_overtook_is_made_again_on_what_it_saw() {
    let command = Command::Gate { command: GateCommand::RevokeSessions, gate: 1 };
    let event = vec![(StreamId::Gate(alice()), Event::Gate(GateEvent::SessionsRevoked))];
    let mut given = given().happened(GateEvent::Erased);
    given.record(event.clone(), &server(), Some(command));
    assert_eq!(again(&given, given.history.len() - 1), Some(event));
}

#[test]
fn a_decision_made_before_a_brake_is_made_again_without_it() {
    let early = given_login().at(mins(1)).when(refresh(0)).decision;
    let unbraked = given_login().at(mins(1)).done(refresh(0));
    let command = unbraked.history.last().unwrap().command.clone();
    let mut given = given_login().happened(BrakesEvent::AllRevoked).at(mins(1));
    given.record(in_session(early.events.clone()), &home(), command);
    assert_eq!(again(&given, given.history.len() - 1), Some(in_session(early.events)));
}

#[test]
fn a_brake_that_was_pulled_behind_another_is_made_again_on_what_it_saw() {
    let command = Command::Brakes { command: BrakesCommand::RefuseLogins, brakes: 0 };
    let event = vec![(StreamId::Brakes, Event::Brakes(BrakesEvent::LoginsRefused))];
    let mut given = given().happened(BrakesEvent::LoginsRefused);
    given.record(event.clone(), &server(), Some(command));
    assert_eq!(again(&given, given.history.len() - 1), Some(event));
}

#[test]
fn an_entry_that_was_tampered_with_does_not_come_out_again() {
    let mut given = given_login().at(mins(1)).done(refresh(0));
    let last = given.history.last_mut().unwrap();
    last.event =
        Event::Session(SessionEvent::Refreshed(Refreshed { idle_end: at(days(80)), ..rotation(0, 1, mins(1)) }));
    let index = given.history.len() - 1;
    assert_eq!(again(&given, index), Some(in_session([rotated(0, 1, mins(1))])));
}

#[test]
fn another_policy_tells_which_logout_it_would_have_spared() {
    let given = given_login().at(mins(1)).done(refresh(0)).at(mins(3)).tried(refresh(0));
    assert_eq!(what_if(&given, |_| {}), Some(in_session(reuse(Denial::LateRetry, 0, 1))));
    let reissue = |state: &mut State| {
        if let State::Client(client) = state {
            Arc::make_mut(client).settings.late_retry = LateRetry::Reissue;
        }
    };
    let spared = Refreshed { burned: Some(1), generation: 2, ..rotation(0, 2, mins(3)) };
    assert_eq!(what_if(&given, reissue), Some(in_session([SessionEvent::Refreshed(spared)])));
}

#[test]
fn another_policy_tells_which_theft_it_would_have_stopped() {
    let given = given_login().at(mins(1)).done(refresh(0)).at(mins(1) + secs(10)).done(refresh(0));
    let strict = |state: &mut State| {
        if let State::Client(client) = state {
            Arc::make_mut(client).settings.retry_window = secs(0);
        }
    };
    assert_eq!(what_if(&given, strict), Some(in_session(reuse(Denial::LateRetry, 0, 1))));
}

#[test]
fn where_there_is_nothing_to_decide_again_nothing_is_said() {
    let given = given_login().done(refresh(0));
    let refreshed = given.history.last().unwrap();
    assert_eq!(redo(refreshed, |_, _| None), None, "a state is missing");
    let changed = |command: Option<Command>| Recorded { command, ..refreshed.clone() };
    let index = given.history.len() - 1;
    let look = |stream: &StreamId, moment| past(&given, index, stream, moment);
    assert_eq!(redo(&changed(None), look), None, "no command");
    assert_eq!(redo(&changed(Some(Command::Server)), look), None, "the event says all of it");
    let misplaced = Some(Command::Client(ClientCommand::Disable));
    assert_eq!(redo(&changed(misplaced), look), None, "a command of another kind of stream");
}

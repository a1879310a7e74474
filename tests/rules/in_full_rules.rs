//! Who asked is told in full once, and referred to for as long as the very same person goes on asking.

use crate::given::*;
use countersign::domain::account::PasswordVerdict;
use countersign::domain::context::{Context, InFull, LastInFull};
use countersign::domain::ids::{StreamId, Version};
use countersign::domain::session::{RevokeReason, SessionEvent};
use countersign::domain::{Recorded, apply};
use std::collections::BTreeMap;

/// The versions of the entries that tell in full who asked, for each entry of the story's session that a person led to.
fn told_at(given: &Given) -> Vec<Version> {
    let of_session = given.history.iter().filter(|recorded| recorded.stream == StreamId::Session(given.session));
    let told = of_session.filter_map(|recorded| match recorded.context.sealed.as_ref()? {
        InFull::Sealed { .. } => Some(recorded.version),
        InFull::At(version) => Some(*version),
    });
    told.collect()
}

/// Whether the commit of an entry adds to a session, so that its person may be compared.
fn told_in(recorded: &Recorded) -> bool {
    match recorded.stream {
        StreamId::Session(_) => true,
        StreamId::Account(_) => matches!(&recorded.context.sealed, Some(InFull::Sealed { who: Some(_), .. })),
        _ => false,
    }
}

/// Fails unless every entry leads to the person who asked, in the same stream and before it, and the states remember the
/// entry that told it last. Only the entries are looked at.
pub fn everybody_is_found(given: &Given) {
    let mut told = BTreeMap::new();
    let mut newest: BTreeMap<&StreamId, LastInFull> = BTreeMap::new();
    for recorded in &given.history {
        let (stream, version) = (&recorded.stream, recorded.version);
        let asked = who(&recorded.context);
        match &recorded.context.sealed {
            None => {}
            Some(InFull::At(at)) => {
                assert!(*at < version, "{stream} at {version}");
                assert_eq!(told.get(&(stream, *at)), Some(&asked), "{stream} at {version}");
            }
            Some(InFull::Sealed { who: tag, .. }) => {
                assert_eq!(tag.is_none(), !told_in(recorded), "{stream} at {version}");
                told.insert((stream, version), asked);
                if let (Some(who), StreamId::Session(_)) = (*tag, stream) {
                    newest.insert(stream, LastInFull { who, version });
                }
            }
        }
    }
    for stream in given.streams.keys() {
        if let StreamId::Session(id) = stream {
            assert_eq!(given.session_of(*id).last_in_full, newest.get(stream).copied(), "{stream}");
        }
    }
}

#[test]
fn the_same_person_is_told_once() {
    let given = given_login().done(refresh(0)).done(refresh(1)).done(refresh(1)).done(revoke_by(2));
    assert_eq!(told_at(&given), [1, 1, 1, 1, 1]);
    everybody_is_found(&given);
}

#[test]
fn whoever_comes_from_elsewhere_is_told_again_and_only_the_last_is_remembered() {
    let given = given_login().done(refresh(0).from(cafe())).done(refresh(1).from(cafe()));
    assert_eq!(told_at(&given), [1, 2, 2]);
    let given = given.done(refresh(2)).done(refresh(3)).done(refresh(4).from(device(1)));
    assert_eq!(told_at(&given), [1, 2, 2, 4, 4, 6]);
    everybody_is_found(&given);
}

#[test]
fn refusals_tell_who_asked_as_well() {
    let given = given_login().done(refresh(0)).tried(refresh(1).by(other())).tried(refresh(1).by(other()).from(cafe()));
    assert_eq!(told_at(&given), [1, 1, 1, 4]);
    let given = given.done(refresh(1)).tried(refresh(0));
    let last = given.history.last().unwrap();
    assert!(matches!(last.event, countersign::domain::Event::Session(SessionEvent::Revoked { .. })), "{last:?}");
    assert_eq!(told_at(&given), [1, 1, 1, 4, 5, 5, 5], "both entries of the commit refer to the one before");
    everybody_is_found(&given);
}

#[test]
fn what_ends_with_a_detection_by_a_stranger_tells_him_in_both_entries() {
    let given = given_login().done(refresh(0)).done(refresh(1)).tried(refresh(0).from(stranger()));
    assert_eq!(told_at(&given), [1, 1, 1, 4, 5]);
    everybody_is_found(&given);
}

#[test]
fn the_server_tells_nothing_and_nothing_is_forgotten_by_it() {
    let by_server = |generation| revoke(RevokeReason::Admin, None, Some(generation)).from(server());
    let given = given_login().done(refresh(0)).done(by_server(1)).tried(refresh(1));
    assert_eq!(told_at(&given), [1, 1, 1], "a refusal after the end refers to the login");
    everybody_is_found(&given);
}

#[test]
fn a_session_that_a_login_ends_is_told_by_whom() {
    let first = session(0);
    let given = given_login().at(mins(1)).tried(log_in().verdict(PasswordVerdict::Right).ending(&[first]).from(cafe()));
    everybody_is_found(&given);
    assert_eq!(given.session_of(first).last_in_full, Some(LastInFull { who: who(&cafe()), version: 2 }));
}

#[test]
fn only_the_last_that_was_told_can_be_referred_to() {
    let given = given_login().done(refresh(0).from(cafe()));
    let last = given.history.last().unwrap();
    let state = given.streams[&last.stream].last();
    let event = countersign::domain::Event::Session(SessionEvent::Revoked { reason: RevokeReason::Logout });
    let context = |at| Context { sealed: Some(InFull::At(at)), ..cafe() };
    let next = |at| Recorded { version: 3, position: 99, context: context(at), event: event.clone(), ..last.clone() };
    assert!(apply(state.cloned(), &next(2)).is_ok());
    for at in [0, 1, 3, 4] {
        let refused = apply(state.cloned(), &next(at)).unwrap_err();
        assert!(refused.why.contains("not the last that told who asked"), "{refused}");
    }
    let first = given.history.iter().find(|recorded| recorded.stream == last.stream).unwrap();
    assert!(apply(None, &Recorded { context: context(1), ..first.clone() }).is_err(), "a session begins with it");
}

#[test]
fn only_a_session_refers_to_an_earlier_entry() {
    let given = given_login();
    for recorded in &given.history {
        if matches!(recorded.stream, StreamId::Session(_)) {
            continue;
        }
        let referring = Context { sealed: Some(InFull::At(1)), ..home() };
        let refused = apply(None, &Recorded { context: referring, ..recorded.clone() }).unwrap_err();
        assert!(refused.why.contains("only a session refers"), "{refused}");
    }
}

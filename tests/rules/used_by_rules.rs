//! Who used a session last: told by whoever was let in, and never by whoever was refused.

use crate::given::*;
use countersign::domain::Event;
use countersign::domain::context::InFull;
use countersign::domain::ids::{CommitId, SessionId, StreamId};
use countersign::domain::session::SessionEvent;

/// The commit in which stands who used it last.
fn used_by(given: &Given) -> Option<CommitId> {
    given.current().last_used_by().map(|told| told.commit)
}

/// The commit of the entry that tells who led to the last use of a session: looked up in the entries alone.
fn last_use(given: &Given, id: SessionId) -> Option<CommitId> {
    let stream = StreamId::Session(id);
    let entries: Vec<_> = given.history.iter().filter(|recorded| recorded.stream == stream).collect();
    let uses = |event: &Event| {
        let Event::Session(event) = event else { return false };
        matches!(event, SessionEvent::Started(_) | SessionEvent::Refreshed(_) | SessionEvent::RefreshRetried(_))
    };
    let last = entries.iter().rev().find(|recorded| uses(&recorded.event) && recorded.context.sealed.is_some())?;
    let told = match last.context.sealed.as_ref()? {
        InFull::Sealed { .. } => last,
        InFull::At(version) => entries.iter().find(|recorded| recorded.version == *version)?,
    };
    Some(told.commit)
}

/// Fails unless every session remembers what its entries say.
pub fn the_last_user_is_remembered(given: &Given) {
    for stream in given.streams.keys() {
        if let StreamId::Session(id) = stream {
            let remembered = given.session_of(*id).last_used_by().map(|told| told.commit);
            assert_eq!(remembered, last_use(given, *id), "{stream}");
        }
    }
}

#[test]
fn a_login_a_refresh_and_a_retry_tell_who_used_it_last() {
    let given = given_login();
    assert_eq!(used_by(&given), Some(commit(0)));
    let given = given.done(refresh(0));
    assert_eq!(used_by(&given), Some(commit(0)), "the same person is found where he was told");
    let given = given.done(refresh(1).from(cafe()));
    assert_eq!(used_by(&given), Some(commit(2)));
    let given = given.done(refresh(1).from(train()));
    assert_eq!(used_by(&given), Some(commit(3)), "a retry from another network");
    the_last_user_is_remembered(&given);
}

#[test]
fn whoever_is_refused_did_not_use_it() {
    let given = given_login().tried(refresh(0).by(other()).from(stranger())).tried(revoke_by(0).from(home()));
    assert_eq!(used_by(&given), Some(commit(0)));
    let given = given_login().done(refresh(0)).done(refresh(1)).tried(refresh(0).from(stranger()));
    assert_eq!(used_by(&given), Some(commit(0)), "nor did a thief whose token ended it");
    the_last_user_is_remembered(&given);
}

#[test]
fn who_was_refused_and_is_let_in_later_is_found_where_his_refusal_told_him() {
    let given = given_login().tried(refresh(0).by(other()).from(cafe()));
    assert_eq!(used_by(&given), Some(commit(0)));
    let given = given.done(refresh(0).from(cafe()));
    assert!(matches!(given.history.last().unwrap().context.sealed, Some(InFull::At(2))), "it refers to the refusal");
    assert_eq!(used_by(&given), Some(commit(1)));
    let given = given.done(refresh(1).from(cafe()));
    assert_eq!(used_by(&given), Some(commit(1)));
    the_last_user_is_remembered(&given);
}

#[test]
fn in_whatever_order_people_are_refused_and_let_in_the_last_who_was_let_in_is_known() {
    let people = [home(), cafe(), train()];
    // Each digit says who asks and whether as the right client: all orders of four asks.
    for order in 0..6_u32.pow(4) {
        let mut given = given_login();
        for turn in 0..4 {
            let choice = order / 6_u32.pow(turn) % 6;
            let generation = given.current().generation;
            let ask = refresh(generation).from(people[choice as usize % 3].clone());
            given = given.tried(if choice < 3 { ask } else { ask.by(other()) });
        }
        println!("order {order}");
        the_last_user_is_remembered(&given);
    }
}

#[test]
fn what_the_server_does_by_itself_is_no_use() {
    let given = given_login().done(refresh(0).from(cafe())).at(IDLE_TTL).done(Sweep);
    assert_eq!(used_by(&given), Some(commit(1)));
    the_last_user_is_remembered(&given);
}

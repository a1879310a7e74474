//! Which look-ups follow from the journal: a pure function of states and events, written in the same batch as the events,
//! so that a look-up can never lag behind.

use super::client::UseEvent;
use super::ids::{AccountId, ClientId, Position, SessionId, StreamId, TokenId};
use super::session::{Session, Status};
use super::time::{Span, Timestamp};
use super::{Event, Recorded, State};

/// An hour's number since the epoch: the grain at which the sweeper looks for what has ended.
pub type Hour = u32;

/// A key of a look-up.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum IndexKey {
    /// An open session of an account at a client. Session ids are UUIDv7, so the oldest comes first.
    OfAccount(AccountId, ClientId, SessionId),
    /// An open session of a client.
    OfClient(ClientId, SessionId),
    /// An open session whose time is over by the end of this hour unless it is refreshed.
    EndsBy(Hour, SessionId),
    /// An access token without a session that was revoked.
    RevokedToken(TokenId),
    /// When such a token may leave the list.
    DropsBy(Hour, ClientId, TokenId),
    /// A stream that is over, by its last entry: what may be archived, the longest untouched first.
    Over(Position, StreamId),
}

/// A change of a look-up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum IndexOp {
    /// The key holds, with an instant where it needs one.
    Put(IndexKey, Timestamp),
    /// The key holds no longer.
    Remove(IndexKey),
}

/// The hour by whose end `at` has passed.
pub fn hour_after(at: Timestamp) -> Hour {
    let hours = at.0.div_euclid(Span::hours(1).0) + 1;
    u32::try_from(hours.max(0)).unwrap_or(Hour::MAX)
}

/// The changes that an event makes to the look-ups. `before` is the state of its stream before it, with the position of the
/// stream's last entry then; none where the stream began with the event, or was archived.
pub fn index_ops(before: Option<(&State, Position)>, after: &State, recorded: &Recorded) -> Vec<IndexOp> {
    match (&recorded.stream, after, &recorded.event) {
        (StreamId::Session(_) | StreamId::Evidence(_), ..) => {
            let had = before.map(|(before, last)| keys(&recorded.stream, before, last)).unwrap_or_default();
            difference(had, keys(&recorded.stream, after, recorded.position))
        }
        (StreamId::Use(client), _, Event::Use(UseEvent::TokenRevoked { jti, expires_at })) => {
            let drops = IndexKey::DropsBy(hour_after(*expires_at), client.clone(), *jti);
            vec![IndexOp::Put(IndexKey::RevokedToken(*jti), *expires_at), IndexOp::Put(drops, *expires_at)]
        }
        (StreamId::Use(client), _, Event::Use(UseEvent::RevocationsDropped { dropped })) => dropped
            .iter()
            .flat_map(|(jti, expires_at)| {
                let drops = IndexKey::DropsBy(hour_after(*expires_at), client.clone(), *jti);
                [IndexOp::Remove(IndexKey::RevokedToken(*jti)), IndexOp::Remove(drops)]
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// The look-ups by which a stream is found whose last entry stands at `last`.
fn keys(stream: &StreamId, state: &State, last: Position) -> Vec<(IndexKey, Timestamp)> {
    match (stream, state) {
        (StreamId::Session(id), State::Session(session)) if session.status == Status::Open => of_open(*id, session),
        (_, state) if state.is_over() => vec![(IndexKey::Over(last, stream.clone()), Timestamp::default())],
        _ => Vec::new(),
    }
}

fn of_open(id: SessionId, session: &Session) -> Vec<(IndexKey, Timestamp)> {
    vec![
        (IndexKey::OfAccount(session.account, session.client.clone(), id), session.started_at),
        (IndexKey::OfClient(session.client.clone(), id), session.started_at),
        (IndexKey::EndsBy(hour_after(session.ends_at()), id), session.started_at),
    ]
}

fn difference(had: Vec<(IndexKey, Timestamp)>, has: Vec<(IndexKey, Timestamp)>) -> Vec<IndexOp> {
    let gone = had.iter().filter(|key| !has.contains(key)).map(|(key, _)| IndexOp::Remove(key.clone()));
    let come = has.iter().filter(|key| !had.contains(key)).map(|(key, at)| IndexOp::Put(key.clone(), *at));
    gone.chain(come).collect()
}

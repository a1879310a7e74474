//! How streams, look-ups and lines are named in the store.

use crate::domain::IndexKey;
use crate::domain::ids::{AccountId, ClientId, Position, SessionId, StreamId, TokenId};
use std::io::Write;
use uuid::Uuid;

/// The prefix of all state records.
pub const STATES: &[u8] = b"s/";

/// `s/stream`: a state record.
pub fn state(stream: &StreamId) -> Vec<u8> {
    // Long enough for any but the longest names of clients: a look-up makes one.
    let mut key = Vec::with_capacity(64);
    key.extend_from_slice(STATES);
    // A vector takes whatever is written to it.
    let _ = write!(key, "{stream}");
    key
}

/// The prefix of all state records of a kind of stream.
pub fn states_of(kind: &str) -> Vec<u8> {
    format!("s/{kind}:").into_bytes()
}

/// The stream that a state record's key names.
pub fn stream_of(key: &[u8]) -> Option<StreamId> {
    std::str::from_utf8(key.strip_prefix(b"s/")?).ok()?.parse().ok()
}

/// The prefix of all look-ups.
pub const LOOKUPS: &[u8] = b"i/";

/// The prefix of all lines.
pub const LINES: &[u8] = b"e/";

/// `e/position`: lines of the journal from that position on, in order.
pub fn lines(first: Position) -> Vec<u8> {
    [LINES, &first.to_be_bytes()].concat()
}

/// The position that a key of lines names.
pub fn parse_lines(key: &[u8]) -> Option<Position> {
    Some(Position::from_be_bytes(key.strip_prefix(LINES)?.try_into().ok()?))
}

/// `i/…`: a look-up.
pub fn index(key: &IndexKey) -> Vec<u8> {
    match key {
        IndexKey::OfAccount(account, client, session) => {
            [of_account_at(*account, client).as_slice(), session.0.as_bytes()].concat()
        }
        IndexKey::OfClient(client, session) => [of_client(client).as_slice(), session.0.as_bytes()].concat(),
        IndexKey::EndsBy(hour, session) => [ENDS, &hour.to_be_bytes(), session.0.as_bytes()].concat(),
        IndexKey::RevokedToken(jti) => [b"i/revoked/".as_slice(), jti.0.as_bytes()].concat(),
        IndexKey::DropsBy(hour, client, jti) => {
            [DROPS, &hour.to_be_bytes(), jti.0.as_bytes(), client.as_str().as_bytes()].concat()
        }
        IndexKey::Over(last, stream) => [OVER, &last.to_be_bytes(), stream.to_string().as_bytes()].concat(),
    }
}

/// The prefix of [`IndexKey::EndsBy`].
pub const ENDS: &[u8] = b"i/ends/";
/// The prefix of [`IndexKey::DropsBy`].
pub const DROPS: &[u8] = b"i/drops/";
/// The prefix of [`IndexKey::Over`].
pub const OVER: &[u8] = b"i/over/";

/// The prefix of all open sessions by account.
pub const OF_ACCOUNTS: &[u8] = b"i/account/";

/// The prefix of an account's open sessions.
pub fn of_account(account: AccountId) -> Vec<u8> {
    [OF_ACCOUNTS, account.0.as_bytes()].concat()
}

/// Account, client and session of an [`IndexKey::OfAccount`] key.
pub fn parse_of_account(key: &[u8]) -> Option<(AccountId, ClientId, SessionId)> {
    let (account, rest) = key.strip_prefix(OF_ACCOUNTS)?.split_at_checked(16)?;
    let (client, session) = rest.split_at_checked(rest.len().checked_sub(16)?)?;
    let client = std::str::from_utf8(client.strip_suffix(&[0])?).ok()?.parse().ok()?;
    Some((AccountId(Uuid::from_slice(account).ok()?), client, SessionId(Uuid::from_slice(session).ok()?)))
}

/// The prefix of an account's open sessions at one client. A client id holds no NUL.
pub fn of_account_at(account: AccountId, client: &ClientId) -> Vec<u8> {
    [of_account(account).as_slice(), client.as_str().as_bytes(), &[0]].concat()
}

/// The prefix of a client's open sessions.
pub fn of_client(client: &ClientId) -> Vec<u8> {
    [b"i/client/".as_slice(), client.as_str().as_bytes(), &[0]].concat()
}

/// The prefix of all open sessions by client.
pub const OF_CLIENTS: &[u8] = b"i/client/";

/// The session id that ends a look-up's key.
pub fn session_at_end(key: &[u8]) -> Option<SessionId> {
    let start = key.len().checked_sub(16)?;
    Uuid::from_slice(&key[start..]).ok().map(SessionId)
}

/// Hour, `jti` and client of a [`IndexKey::DropsBy`] key.
pub fn parse_drop(key: &[u8]) -> Option<(u32, TokenId, ClientId)> {
    let rest = key.strip_prefix(DROPS)?;
    let (hour, rest) = rest.split_at_checked(4)?;
    let (jti, client) = rest.split_at_checked(16)?;
    let hour = u32::from_be_bytes(hour.try_into().ok()?);
    let client = std::str::from_utf8(client).ok()?.parse().ok()?;
    Some((hour, TokenId(Uuid::from_slice(jti).ok()?), client))
}

/// Position and stream of a [`IndexKey::Over`] key.
pub fn parse_over(key: &[u8]) -> Option<(Position, StreamId)> {
    let (last, stream) = key.strip_prefix(OVER)?.split_at_checked(8)?;
    let stream = std::str::from_utf8(stream).ok()?.parse().ok()?;
    Some((Position::from_be_bytes(last.try_into().ok()?), stream))
}

/// The hour of a [`IndexKey::EndsBy`] key.
pub fn parse_end(key: &[u8]) -> Option<(u32, SessionId)> {
    let (hour, session) = key.strip_prefix(ENDS)?.split_at_checked(4)?;
    Some((u32::from_be_bytes(hour.try_into().ok()?), SessionId(Uuid::from_slice(session).ok()?)))
}

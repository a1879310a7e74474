//! The people, places and times of the stories, and short ways to write what is expected.

use countersign::domain::client::{ClientSettings, ClientType, Profile};
use countersign::domain::context::{Context, Sealed, ToldBy};
use countersign::domain::denial::Denial;
use countersign::domain::ids::{AccountId, ClientId, CommitId, Generation, RequestId, SessionId, Tag, TokenId};
use countersign::domain::session::{
    Access, Asked, RefreshGranted, RefreshHow, Refreshed, Retried, RevokeReason, SessionEvent,
};
use countersign::domain::time::{Span, Timestamp};
use countersign::domain::verifier::Scheme;
use std::collections::BTreeSet;
use uuid::Uuid;

/// When every story begins: 2026-01-01T00:00:00Z, in milliseconds.
pub const BEGIN: Timestamp = Timestamp(1_767_225_600_000);
/// The default lifetimes, written out: a test that read them from the settings could not tell a wrong one.
pub const ACCESS_TTL: Span = Span::minutes(5);
pub const IDLE_TTL: Span = Span::days(14);
pub const ABSOLUTE_TTL: Span = Span::days(90);

pub fn at(after: Span) -> Timestamp {
    BEGIN + after
}

pub fn secs(n: i64) -> Span {
    Span::seconds(n)
}

pub fn mins(n: i64) -> Span {
    Span::minutes(n)
}

pub fn days(n: i64) -> Span {
    Span::days(n)
}

pub fn millis(n: i64) -> Span {
    Span(n)
}

pub fn alice() -> AccountId {
    AccountId(Uuid::from_u128(0xA11CE))
}

pub fn store() -> ClientId {
    "store".parse().unwrap()
}

pub fn other() -> ClientId {
    "other".parse().unwrap()
}

/// The `n`-th thing drawn in a story: the login that opens it is number 0.
pub fn session(n: u128) -> SessionId {
    SessionId(Uuid::from_u128(0x5E55_0000 + n))
}

pub fn jti(n: u128) -> TokenId {
    TokenId(Uuid::from_u128(n))
}

pub fn commit(n: u128) -> CommitId {
    CommitId(Uuid::from_u128(n))
}

pub fn sealed(text: &str) -> Sealed {
    Sealed(text.to_owned())
}

pub const SCHEME: Scheme = Scheme::Argon2id { memory_kib: 19_456, iterations: 2, parallelism: 1 };

pub fn scopes(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// What the store's sessions are granted where no scope is asked for.
pub fn all_scopes() -> BTreeSet<String> {
    scopes(&["cart", "orders"])
}

pub fn store_settings() -> ClientSettings {
    let mut settings = ClientSettings::new(ClientType::Confidential, Profile::Standard);
    settings.scopes = scopes(&["cart", "orders", "offline_access"]);
    settings
}

fn person(net: u8, ua: u8) -> Context {
    Context {
        request_id: RequestId(Uuid::nil()),
        told_by: ToldBy::Client,
        api_key: None,
        net: Some(Tag([net; 8])),
        ua: Some(Tag([ua; 8])),
        dev: None,
        sealed: None,
    }
}

/// Where Alice logs in.
pub fn home() -> Context {
    person(1, 1)
}

/// Alice's phone in another network.
pub fn cafe() -> Context {
    person(2, 1)
}

/// Alice's phone in a third network.
pub fn train() -> Context {
    person(3, 1)
}

/// Somebody else: another network, another user agent.
pub fn stranger() -> Context {
    person(66, 66)
}

/// Another user agent behind Alice's own network.
pub fn flatmate() -> Context {
    person(1, 66)
}

/// A device that names itself, at home.
pub fn device(n: u8) -> Context {
    Context { dev: Some(Tag([n; 8])), ..home() }
}

/// A backend that tells no person: what stands there is the backend itself.
pub fn nobody(backend: u8) -> Context {
    Context { told_by: ToldBy::Nobody, ..person(backend, backend) }
}

pub fn server() -> Context {
    Context { told_by: ToldBy::Server, net: None, ua: None, ..person(0, 0) }
}

/// The access token of the `n`-th thing drawn, issued then and living for the default time.
pub fn token(n: u128, issued: Span) -> Access {
    Access { jti: jti(n), issued_at: at(issued), expires_at: at(issued + ACCESS_TTL) }
}

/// A rotation at an instant, with the `n`-th drawn `jti` and default lifetimes.
pub fn rotation(presented: Generation, n: u128, when: Span) -> Refreshed {
    Refreshed {
        presented,
        generation: presented + 1,
        burned: None,
        idle_end: at(when + IDLE_TTL),
        access: token(n, when),
        scope: None,
    }
}

pub fn rotated(presented: Generation, n: u128, when: Span) -> SessionEvent {
    SessionEvent::Refreshed(rotation(presented, n, when))
}

/// The `n`-th retry of the child of `presented`, from the redeemer's own network.
pub fn retry(presented: Generation, n: u64) -> Retried {
    Retried { presented, generation: presented + 1, n, moved: false, lockstep: false, access: None }
}

pub fn retried(presented: Generation, n: u64) -> SessionEvent {
    SessionEvent::RefreshRetried(retry(presented, n))
}

pub fn moved(presented: Generation, n: u64) -> SessionEvent {
    SessionEvent::RefreshRetried(Retried { moved: true, ..retry(presented, n) })
}

pub fn refused(class: Denial, presented: Generation, n: u64) -> SessionEvent {
    SessionEvent::Refused { asked: Asked::Refresh, class, n, presented: Some(presented) }
}

/// A reuse and the end of the session.
pub fn reuse(class: Denial, presented: Generation, current: Generation) -> [SessionEvent; 2] {
    [SessionEvent::ReuseDetected { class, presented, current }, revoked(RevokeReason::Reuse)]
}

pub fn ahead(presented: Generation, current: Generation, n: u64) -> SessionEvent {
    SessionEvent::AheadOfJournal { presented, current, n }
}

pub fn revoked(reason: RevokeReason) -> SessionEvent {
    SessionEvent::Revoked { reason }
}

/// What a redemption answers where all of the session's scope is granted.
pub fn granted(how: RefreshHow, generation: Generation, access: Access) -> RefreshGranted {
    RefreshGranted { how, generation, access, scope: all_scopes() }
}

//! State records in format 2, which a base of dropped history may hold: the entries that they were folded from are gone.
//!
//! What format 3 says and format 2 does not is filled in as closely as the record itself tells, and never so that somebody is
//! let in by it: nothing was braked, no code was issued, every API key was in force.

use super::fold::Folded;
use super::store::StoreError;
use crate::domain::State;
use crate::domain::account::{Account, Name};
use crate::domain::client::{
    Client, ClientSettings, ClientType, Grant, Introspect, LateRetry, Profile, Rotation, Usage,
};
use crate::domain::context::{LastInFull, SealedAt, Traits};
use crate::domain::denial::Denial;
use crate::domain::evidence::Evidence;
use crate::domain::gate::{ClosedWhy, Gate, Standing};
use crate::domain::ids::{
    AccountId, ClientId, Generation, Hash, NameHash, Position, RefreshKeyId, SessionId, StreamId, Version,
};
use crate::domain::keys::SigningAlg;
use crate::domain::session::{Access, Session, Status};
use crate::domain::system::{ApiKey, ApiKeyStanding, RefreshKeyState, SigningKeyState, System};
use crate::domain::tally::Tallies;
use crate::domain::time::{Span, Timestamp};
use crate::domain::verifier::PasswordVerifier;
use ipnet::IpNet;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The number of the format.
pub(super) const NUMBER: u32 = 2;

/// The record of a stream in today's format.
///
/// # Errors
/// It is no record of format 2.
pub fn renewed(stream: &StreamId, record: &[u8]) -> Result<Vec<u8>, StoreError> {
    let wrong =
        |why: postcard::Error| StoreError(format!("the record of {stream} is not one of format {NUMBER}: {why}"));
    let OldFolded { version, prev, at, position, state } = postcard::from_bytes(record).map_err(wrong)?;
    let state = match state {
        OldState::System(system) => State::System(Arc::new(of_system(system, version, at))),
        OldState::Account(account) => State::Account(Arc::new(of_account(account, made_at(stream, at)))),
        OldState::Gate(gate) => State::Gate(Arc::new(of_gate(gate, at, made_at(stream, at)))),
        OldState::Session(session) => State::Session(Arc::new(of_session(session))),
        OldState::Client(client) => State::Client(Arc::new(of_client(client, at))),
        OldState::Use(usage) => State::Use(usage),
        OldState::Evidence(evidence) => State::Evidence(evidence),
        OldState::Name(name) => State::Name(name),
    };
    postcard::to_stdvec(&Folded { version, prev, at, position, state }).map_err(wrong)
}

/// When an account was made: its id tells, where it was drawn here. Otherwise not after the last entry of the stream.
fn made_at(stream: &StreamId, last: Timestamp) -> Timestamp {
    match stream {
        StreamId::Account(id) | StreamId::Gate(id) => id.drawn_at().map_or(last, |drawn| drawn.min(last)),
        _ => last,
    }
}

#[derive(Deserialize)]
struct OldFolded {
    version: Version,
    prev: Hash,
    at: Timestamp,
    position: Position,
    state: OldState,
}

#[derive(Deserialize)]
enum OldState {
    System(OldSystem),
    Account(OldAccount),
    Gate(OldGate),
    Client(OldClient),
    Use(Usage),
    Session(OldSession),
    Evidence(Evidence),
    Name(Name),
}

#[derive(Deserialize)]
struct OldSystem {
    origin: String,
    down_since: Option<Timestamp>,
    outages: Vec<(Timestamp, Timestamp)>,
    signing: Vec<SigningKeyState>,
    refresh: BTreeMap<RefreshKeyId, RefreshKeyState>,
    api_keys: BTreeMap<String, OldApiKey>,
    clock_accepted: Option<(Timestamp, Timestamp)>,
    lost: BTreeMap<SessionId, u64>,
    lost_total: u64,
    archived_through: Position,
    dropped_until: Option<Timestamp>,
}

#[derive(Deserialize)]
struct OldApiKey {
    digest: SealedAt,
    permissions: BTreeSet<String>,
    clients: Option<BTreeSet<ClientId>>,
}

/// When an API key was declared is not known: not after the last entry of the stream.
fn of_system(old: OldSystem, version: Version, last: Timestamp) -> System {
    let api_key = |OldApiKey { digest, permissions, clients }| ApiKey {
        digest,
        permissions,
        clients,
        standing: ApiKeyStanding::Enabled,
        created_at: last,
        changed_by: version,
        refusals: Tallies::default(),
    };
    System {
        origin: old.origin,
        down_since: old.down_since,
        outages: old.outages,
        signing: old.signing,
        refresh: old.refresh,
        api_keys: old.api_keys.into_iter().map(|(name, key)| (name, api_key(key))).collect(),
        clock_accepted: old.clock_accepted,
        lost: old.lost,
        lost_total: old.lost_total,
        archived_through: old.archived_through,
        dropped_until: old.dropped_until,
    }
}

#[derive(Deserialize)]
struct OldAccount {
    login: SealedAt,
    name: NameHash,
    rehash: Option<PasswordVerifier>,
    familiar: Vec<(Traits, Timestamp)>,
    refusals: Tallies<Denial>,
}

/// Of logins only those are known whose network or device was: the newest stands last.
fn of_account(old: OldAccount, created_at: Timestamp) -> Account {
    Account {
        login: old.login,
        name: old.name,
        rehash: old.rehash,
        username: None,
        profile: None,
        code: None,
        created_at,
        last_login_at: old.familiar.last().map(|(_, at)| *at),
        familiar: old.familiar,
        refusals: old.refusals,
    }
}

#[derive(Deserialize)]
struct OldGate {
    standing: Standing,
    password: PasswordVerifier,
    registrations: Option<BTreeSet<ClientId>>,
    withdrawn: BTreeMap<ClientId, Version>,
    roles: BTreeSet<String>,
    closed_by: Version,
    closed_why: ClosedWhy,
}

/// The first password came with the account. Of a later one it is known that it is not newer than the last entry.
fn of_gate(old: OldGate, last: Timestamp, created_at: Timestamp) -> Gate {
    Gate {
        standing: old.standing,
        password_set_at: if old.password.password == 1 { created_at } else { last },
        password: old.password,
        must_change: false,
        lifted: None,
        registrations: old.registrations,
        withdrawn: old.withdrawn,
        roles: old.roles,
        roles_at: BTreeMap::new(),
        closed_by: old.closed_by,
        closed_why: old.closed_why,
    }
}

#[derive(Deserialize)]
struct OldClient {
    settings: OldClientSettings,
    secret: Option<SealedAt>,
    enabled: bool,
    braked_by: Version,
    braked_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct OldClientSettings {
    client_type: ClientType,
    profile: Profile,
    grants: BTreeSet<Grant>,
    scopes: BTreeSet<String>,
    audience: Option<String>,
    signing_alg: SigningAlg,
    rotation: Rotation,
    access_ttl: Span,
    refresh_idle_ttl: Span,
    refresh_absolute_ttl: Span,
    retry_window: Span,
    late_retry: LateRetry,
    max_sessions: u32,
    introspect: Introspect,
    refresh_without_scope: bool,
    origins: BTreeSet<String>,
    backends: Vec<IpNet>,
}

/// When a client was created is not known: not after the last entry of the stream.
fn of_client(old: OldClient, last: Timestamp) -> Client {
    let OldClient { settings: old, secret, enabled, braked_by, braked_at } = old;
    let settings = ClientSettings {
        grants: old.grants,
        scopes: old.scopes,
        audience: old.audience,
        signing_alg: old.signing_alg,
        rotation: old.rotation,
        access_ttl: old.access_ttl,
        refresh_idle_ttl: old.refresh_idle_ttl,
        refresh_absolute_ttl: old.refresh_absolute_ttl,
        retry_window: old.retry_window,
        late_retry: old.late_retry,
        max_sessions: old.max_sessions,
        introspect: old.introspect,
        refresh_without_scope: old.refresh_without_scope,
        origins: old.origins,
        backends: old.backends,
        ..ClientSettings::new(old.client_type, old.profile)
    };
    Client { settings, secret, enabled, braked_by, braked_at, created_at: last, removed: false }
}

#[derive(Deserialize)]
struct OldSession {
    account: AccountId,
    client: ClientId,
    started_at: Timestamp,
    scope: BTreeSet<String>,
    refreshable: bool,
    refresh_key: RefreshKeyId,
    gate_version: Version,
    client_version: Version,
    absolute_end: Timestamp,
    idle_end: Timestamp,
    generation: Generation,
    born_at: Timestamp,
    parent: Option<Generation>,
    redeemed_by: Option<Traits>,
    last_in_full: Option<LastInFull>,
    access: Access,
    access_scope: Option<BTreeSet<String>>,
    retries: u64,
    moved_at: Option<Generation>,
    retried_at: Option<Generation>,
    retried_run: u32,
    reissued: bool,
    refusals: Tallies<Denial>,
    status: Status,
}

/// Who used it last stands in an entry only, until somebody else uses it and is told in full. Entries behind the base may refer to
/// the one that told it last, so that stays.
fn of_session(old: OldSession) -> Session {
    Session {
        account: old.account,
        client: old.client,
        started_at: old.started_at,
        scope: old.scope,
        refreshable: old.refreshable,
        refresh_key: old.refresh_key,
        gate_version: old.gate_version,
        client_version: old.client_version,
        brakes_version: 0,
        came_of: None,
        absolute_end: old.absolute_end,
        idle_end: old.idle_end,
        generation: old.generation,
        born_at: old.born_at,
        parent: old.parent,
        redeemed_by: old.redeemed_by,
        last_in_full: old.last_in_full,
        in_full: None,
        used_by: None,
        access: old.access,
        access_scope: old.access_scope,
        retries: old.retries,
        moved_at: old.moved_at,
        retried_at: old.retried_at,
        retried_run: old.retried_run,
        reissued: old.reissued,
        refusals: old.refusals,
        status: old.status,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every record that was pinned while format 2 was today's, and the stream it is of.
    fn pinned() -> Vec<(StreamId, Vec<u8>)> {
        let id = uuid::Uuid::from_u128(0x019c_133d_4000_7000_8000_0000_0000_0001);
        let stream = |name: &str| match name.split('.').next() {
            Some("account") => StreamId::Account(AccountId(id)),
            Some("gate") => StreamId::Gate(AccountId(id)),
            _ => StreamId::System,
        };
        let text = include_str!("../../tests/golden/states.format-2.txt");
        let records = text.lines().map(|line| {
            let (name, hex) = line.split_once(' ').unwrap();
            let digits: Vec<u8> = hex.chars().map(|digit| digit.to_digit(16).unwrap().try_into().unwrap()).collect();
            (stream(name), digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
        });
        records.collect()
    }

    #[test]
    fn every_record_of_format_2_is_read_and_only_in_full() {
        let (mut kinds, records) = (BTreeSet::new(), pinned());
        for (stream, record) in &records {
            let folded: Folded = postcard::from_bytes(&renewed(stream, record).unwrap()).unwrap();
            assert_eq!((folded.version, folded.position), (7, 42));
            kinds.insert(match folded.state {
                State::System(_) => "system",
                State::Account(account) => {
                    assert_eq!(account.created_at, Timestamp(0x019c_133d_4000), "its id tells");
                    "account"
                }
                State::Gate(gate) => {
                    let of_account = gate.password.password == 1;
                    assert_eq!(gate.password_set_at == Timestamp(0x019c_133d_4000), of_account, "{gate:?}");
                    "gate"
                }
                State::Session(_) => "session",
                State::Client(_) => "client",
                State::Use(_) => "use",
                State::Evidence(_) => "evidence",
                State::Name(_) => "name",
                State::Brakes(_) => "brakes",
            });
            assert!(renewed(stream, &record[..record.len() - 1]).is_err(), "{stream} cut short");
        }
        assert_eq!(kinds.len(), 8, "{kinds:?}");
    }
}

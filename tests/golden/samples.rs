//! What each golden file means: the entry, as the domain sees it.

#[path = "accounts.rs"]
mod accounts;
#[path = "operators.rs"]
mod operators;

use accounts::{logins, names_and_accounts};
use countersign::domain::client::{
    ClientCommand, ClientEvent, ClientRole, ClientSettings, ClientType, Grant, Introspect, IssueToken, LateRetry,
    Profile, UseEvent,
};
use countersign::domain::command::Command;
use countersign::domain::context::{Context, InFull, Sealed, ToldBy};
use countersign::domain::denial::Denial;
use countersign::domain::evidence::{Ask, Door, Ended, EvidenceEvent, Past};
use countersign::domain::ids::{AccountId, ClientId, CommitId, Hash, RequestId, SessionId, StreamId, Tag, TokenId};
use countersign::domain::keys::SigningAlg;
use countersign::domain::session::{
    Access, Asked, Refresh, RefreshDoor, Refreshed, Retried, Revoke, RevokeReason, SessionEvent, Started, Unrecorded,
};
use countersign::domain::system::{KeyName, RepairedFrom, SystemEvent};
use countersign::domain::time::{Span, Timestamp};
use countersign::domain::verifier::Scheme;
use countersign::domain::{Event, Recorded};
use countersign::journal::schema::Envelope;
use operators::{api_keys, brakes, gates, passwords};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Every golden file's name, without `.v1.json`, and its entry.
pub fn all() -> Vec<(&'static str, Envelope)> {
    let people = [names_and_accounts(), logins(), passwords(), gates(), sessions(), refusals(), evidence()];
    [vec![system(), operated(), api_keys(), brakes(), clients(), usage()], people.to_vec()].concat().concat()
}

const NOW: Timestamp = Timestamp(1_769_860_800_123);
const ARGON2ID: Scheme = Scheme::Argon2id { memory_kib: 19_456, iterations: 2, parallelism: 1 };
const PBKDF2_SHA256: Scheme = Scheme::Pbkdf2Sha256 { iterations: 29_000 };
const PBKDF2_SHA512: Scheme = Scheme::Pbkdf2Sha512 { iterations: 210_000 };
const SCRYPT: Scheme = Scheme::Scrypt { log_n: 15, r: 8, p: 1 };

fn uuid(n: u128) -> Uuid {
    Uuid::from_u128(0x019c_133d_4000_7000_8000_0000_0000_0000 + n)
}

fn account_id() -> AccountId {
    AccountId(uuid(1))
}

fn session_id(n: u128) -> SessionId {
    SessionId(uuid(0x100 + n))
}

fn jti() -> TokenId {
    TokenId(uuid(0x200))
}

fn store() -> ClientId {
    "store".parse().unwrap()
}

fn words(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn sealed(text: &str) -> Sealed {
    Sealed(text.to_owned())
}

fn access() -> Access {
    Access { jti: jti(), issued_at: NOW, expires_at: NOW + Span(287_500) }
}

fn envelope(stream: StreamId, event: Event, command: Option<Command>) -> Envelope {
    let context = Context {
        request_id: RequestId(uuid(2)),
        told_by: ToldBy::Client,
        api_key: None,
        net: Some(Tag([0x1a; 8])),
        ua: Some(Tag([0x2b; 8])),
        dev: Some(Tag([0x3c; 8])),
        sealed: Some(InFull::Sealed { who: None, sealed: sealed("AAECAwQFBgcICQoLDA0ODw") }),
    };
    let commit = CommitId(uuid(3));
    let recorded = Recorded { position: 42, commit, stream, version: 7, at: NOW, context, event, command };
    Envelope { recorded, number: 1, node: "a1".to_owned(), prev: Some(Hash([0xd4; 32])) }
}

/// The first entry by somebody, to whom later ones refer.
fn told(mut envelope: Envelope) -> Envelope {
    let sealed = sealed("AAECAwQFBgcICQoLDA0ODw");
    envelope.recorded.context.sealed = Some(InFull::Sealed { who: Some(Tag([0x4d; 8])), sealed });
    envelope
}

/// An entry by whom an earlier one told.
fn told_before(mut envelope: Envelope) -> Envelope {
    envelope.recorded.context.sealed = Some(InFull::At(1));
    envelope
}

/// An entry that the server makes by itself: nobody asked.
fn by_server(mut envelope: Envelope) -> Envelope {
    let request_id = envelope.recorded.context.request_id;
    envelope.recorded.context =
        Context { request_id, told_by: ToldBy::Server, api_key: None, net: None, ua: None, dev: None, sealed: None };
    Envelope { number: 0, ..envelope }
}

/// An entry that somebody with an API key asked for, who tells no person.
fn by_api_key(mut envelope: Envelope) -> Envelope {
    let context = &mut envelope.recorded.context;
    (context.told_by, context.api_key) = (ToldBy::ApiKey, Some("ops".to_owned()));
    envelope
}

/// An entry that a command on a stopped server asked for.
fn by_command_line(envelope: Envelope) -> Envelope {
    let mut envelope = by_server(envelope);
    envelope.recorded.context.told_by = ToldBy::CommandLine;
    envelope
}

/// The first entry of its stream.
fn first(mut envelope: Envelope) -> Envelope {
    envelope.recorded.version = 1;
    Envelope { prev: None, ..envelope }
}

fn system() -> Vec<(&'static str, Envelope)> {
    let entry = |event| by_server(envelope(StreamId::System, Event::System(event), Some(Command::Server)));
    let last_entry_at = NOW - Span::hours(1);
    let api_key = |clients| SystemEvent::ApiKeyCreated {
        name: "ops".to_owned(),
        digest: sealed("ZGlnZXN0"),
        permissions: words(&["admin", "audit"]),
        clients,
    };
    let signing_key = SystemEvent::SigningKeyAdded {
        kid: "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U".to_owned(),
        alg: SigningAlg::Es256,
        jwk: r#"{"kty":"EC","crv":"P-256"}"#.to_owned(),
        private: sealed("cHJpdmF0ZQ"),
    };
    let started = SystemEvent::Started { version: "0.1.0".to_owned(), last_entry_at };
    vec![
        ("system.created", first(entry(SystemEvent::Created { origin: "example.com/journal".to_owned() }))),
        ("system.started", entry(started)),
        ("system.ready", entry(SystemEvent::Ready)),
        ("system.clock_accepted", entry(SystemEvent::ClockAccepted { wall: NOW, last_entry_at })),
        ("system.signing_key_added", entry(signing_key)),
        ("system.refresh_key_added", entry(SystemEvent::RefreshKeyAdded { key: 3, secret: sealed("c2VjcmV0") })),
        ("system.key_activated", entry(SystemEvent::KeyActivated(KeyName::Refresh(3)))),
        ("system.key_activated-signing", entry(SystemEvent::KeyActivated(KeyName::Signing("kid-1".to_owned())))),
        ("system.key_distrusted", entry(SystemEvent::KeyDistrusted(KeyName::Signing("kid-1".to_owned())))),
        ("system.key_distrusted-refresh", entry(SystemEvent::KeyDistrusted(KeyName::Refresh(3)))),
        ("system.api_key_created", entry(api_key(None))),
        ("system.api_key_created-clients", entry(api_key(Some(BTreeSet::from([store()]))))),
        ("system.history_lost", entry(SystemEvent::HistoryLost { session: session_id(0), generation: 4, n: 1 })),
    ]
}

/// What is done to the journal as a whole.
fn operated() -> Vec<(&'static str, Envelope)> {
    let entry = |event| by_server(envelope(StreamId::System, Event::System(event), Some(Command::Server)));
    let (origin, old_origin) = ("example.com/second".to_owned(), "example.com/journal".to_owned());
    let (size, root) = (30, Hash([0xa1; 32]));
    let restored = |sessions_kept| SystemEvent::Restored {
        origin: origin.clone(),
        old_origin: old_origin.clone(),
        size,
        root,
        sessions_kept,
    };
    let loss = |sessions_kept| SystemEvent::LossAccepted {
        origin: origin.clone(),
        old_origin: old_origin.clone(),
        size,
        root,
        lost_through: 37,
        sessions_kept,
    };
    let kept = Some("nobody was online".to_owned());
    let repaired = |from| SystemEvent::Repaired {
        file: "journal/00000000000000000001.jsonl".to_owned(),
        from,
        first: 1,
        last: 20,
    };
    let until = NOW - Span::days(400);
    vec![
        ("system.sessions_archived", entry(SystemEvent::SessionsArchived { through: 30 })),
        ("system.restored", entry(restored(None))),
        ("system.restored-kept", entry(restored(kept.clone()))),
        ("system.loss_accepted", entry(loss(None))),
        ("system.loss_accepted-kept", entry(loss(kept))),
        (
            "system.token_vended",
            entry(SystemEvent::TokenVended { key: "k".to_owned(), expires_at: NOW, claims: words(&["aud", "cart"]) }),
        ),
        ("system.repaired", entry(repaired(RepairedFrom::Store))),
        ("system.repaired-backup", entry(repaired(RepairedFrom::Backup))),
        ("system.history_dropped", entry(SystemEvent::HistoryDropped { through: 20, until, base: 30 })),
    ]
}

/// Settings of which none is the default.
fn settings() -> ClientSettings {
    ClientSettings {
        grants: BTreeSet::from([Grant::Password, Grant::RefreshToken, Grant::ClientCredentials]),
        scopes: words(&["cart", "offline_access"]),
        audience: Some("https://api.example.com".to_owned()),
        signing_alg: SigningAlg::EdDsa,
        access_ttl: Span(90_500),
        late_retry: LateRetry::Reissue,
        introspect: Introspect::All,
        refresh_without_scope: false,
        origins: words(&["https://shop.example.com"]),
        backends: vec!["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
        ..ClientSettings::new(ClientType::Public, Profile::Fusionauth)
    }
}

/// Settings of a client that FusionAuth's clients look after.
fn application() -> ClientSettings {
    let role =
        ClientRole { id: Uuid::from_u128(77), description: Some("buys".to_owned()), is_default: true, is_super: true };
    ClientSettings {
        token_refresh: false,
        login_needs_key: false,
        refresh_at_login: false,
        registration_required: false,
        name: Some("The shop".to_owned()),
        roles: [("shopper".to_owned(), role)].into(),
        document: Some(r#"{"verifyRegistration":true}"#.to_owned()),
        ..ClientSettings::new(ClientType::Confidential, Profile::Fusionauth)
    }
}

fn clients() -> Vec<(&'static str, Envelope)> {
    let stream = StreamId::Client(store());
    let entry = |event, cmd| envelope(stream.clone(), Event::Client(event), Some(cmd));
    let asked = |event, cmd| entry(event, Command::Client(cmd));
    let (secret, change) = (sealed("ZGlnZXN0"), ClientCommand::Change(Box::new(settings())));
    let created = ClientEvent::Created {
        settings: ClientSettings::new(ClientType::Confidential, Profile::Standard),
        secret: Some(secret.clone()),
        enabled: true,
    };
    let public = ClientEvent::Created { settings: settings(), secret: None, enabled: false };
    let application = ClientEvent::Created { settings: application(), secret: None, enabled: true };
    let secret_set = ClientEvent::SecretSet { secret: secret.clone() };
    vec![
        ("client.created", first(entry(created, Command::Server))),
        ("client.created-public", first(entry(public, Command::Server))),
        ("client.created-application", first(entry(application, Command::Server))),
        ("client.changed", asked(ClientEvent::Changed { settings: settings() }, change)),
        ("client.secret_set", asked(secret_set, ClientCommand::SetSecret(secret))),
        ("client.disabled", asked(ClientEvent::Disabled, ClientCommand::Disable)),
        ("client.removed", asked(ClientEvent::Removed, ClientCommand::Remove)),
        ("client.enabled", asked(ClientEvent::Enabled, ClientCommand::Enable)),
        ("client.sessions_revoked", asked(ClientEvent::SessionsRevoked, ClientCommand::RevokeSessions)),
    ]
}

fn usage() -> Vec<(&'static str, Envelope)> {
    let entry = |event, cmd| envelope(StreamId::Use(store()), Event::Use(event), cmd);
    let issue = |scope, n| {
        let issue = IssueToken { scope, jti: jti(), jitter: Span::ZERO, wall: NOW };
        Some(Command::IssueToken { issue, client: 5, n })
    };
    let expires_at = NOW + Span::minutes(5);
    let issued = UseEvent::TokenIssued { jti: jti(), expires_at, scope: words(&["cart"]) };
    let dropped = vec![(jti(), expires_at), (TokenId(uuid(0x201)), NOW)];
    let refused = UseEvent::Refused { class: Denial::ClientSecretWrong, n: 32 };
    let out_of_scope = UseEvent::Refused { class: Denial::InvalidScope, n: 1 };
    vec![
        ("client.token_issued", entry(issued, issue(None, None))),
        ("client.token_revoked", entry(UseEvent::TokenRevoked { jti: jti(), expires_at }, Some(Command::Server))),
        ("client.revocations_dropped", entry(UseEvent::RevocationsDropped { dropped }, Some(Command::Server))),
        ("client.refused", entry(refused, Some(Command::RefuseClient { class: Denial::ClientSecretWrong, n: 32 }))),
        ("client.refused-cmd_issue_token", entry(out_of_scope, issue(Some(words(&["admin"])), Some(1)))),
    ]
}

fn entry(event: SessionEvent, cmd: Option<Command>) -> Envelope {
    envelope(StreamId::Session(session_id(0)), Event::Session(event), cmd)
}

fn refresh(presented: u32, scope: Option<BTreeSet<String>>, unrecorded: Unrecorded) -> Option<Command> {
    let (jitter, unavailable) = (Span(12_500), Span::seconds(4));
    let (door, ttl, client) = (RefreshDoor::Token, None, store());
    let refresh = Refresh { presented, client, scope, door, ttl, jti: jti(), jitter, wall: NOW, unavailable };
    Some(Command::Refresh { refresh, gate: 2, client: 5, brakes: 0, unrecorded })
}

/// The same command, decided when something had been braked.
fn behind_brakes(command: Option<Command>) -> Option<Command> {
    command.map(|command| match command {
        Command::Refresh { refresh, gate, client, unrecorded, .. } => {
            Command::Refresh { refresh, gate, client, brakes: 3, unrecorded }
        }
        Command::Login { login, gate, client, n, .. } => Command::Login { login, gate, client, brakes: 3, n },
        other => other,
    })
}

fn unrecorded() -> Unrecorded {
    Unrecorded { refusals: BTreeMap::from([(Denial::Closed, 21), (Denial::ClientMismatch, 2)]), retries: (4, 9) }
}

fn sessions() -> Vec<(&'static str, Envelope)> {
    let started = Started {
        account: account_id(),
        client: store(),
        scope: words(&["cart", "openid"]),
        refreshable: true,
        refresh_key: 3,
        gate_version: 2,
        client_version: 5,
        brakes_version: 0,
        came_of: None,
        absolute_end: NOW + Span::days(90),
        idle_end: NOW + Span::days(14),
        access: access(),
    };
    let refreshed = |burned: Option<u32>, scope: Option<BTreeSet<String>>| {
        let generation = if burned.is_some() { 6 } else { 5 };
        let idle_end = NOW + Span::days(14);
        SessionEvent::Refreshed(Refreshed { presented: 4, generation, burned, idle_end, access: access(), scope })
    };
    let retried = |n, moved, access| {
        SessionEvent::RefreshRetried(Retried { presented: 4, generation: 5, n, moved, lockstep: moved, access })
    };
    let cart = Some(words(&["cart"]));
    let quiet = Unrecorded::default;
    vec![
        ("session.started", first(entry(SessionEvent::Started(started.clone()), None))),
        ("session.started-told", first(told(entry(SessionEvent::Started(started.clone()), None)))),
        (
            "session.started-came_of",
            first(entry(
                SessionEvent::Started(Started { brakes_version: 3, came_of: Some(session_id(9)), ..started.clone() }),
                None,
            )),
        ),
        ("session.started-brakes", first(entry(SessionEvent::Started(Started { brakes_version: 3, ..started }), None))),
        ("session.refreshed", entry(refreshed(None, None), refresh(4, None, quiet()))),
        ("session.refreshed-brakes", entry(refreshed(None, None), behind_brakes(refresh(4, None, quiet())))),
        ("session.refreshed-told", told(entry(refreshed(None, None), refresh(4, None, quiet())))),
        ("session.refreshed-told_before", told_before(entry(refreshed(None, None), refresh(4, None, quiet())))),
        ("session.refreshed-narrowed", entry(refreshed(None, cart.clone()), refresh(4, cart.clone(), unrecorded()))),
        ("session.refreshed-burned", entry(refreshed(Some(5), cart.clone()), refresh(4, cart, Unrecorded::default()))),
        ("session.refresh_retried", entry(retried(1, false, None), refresh(4, None, Unrecorded::default()))),
        ("session.refresh_retried-moved", entry(retried(10, true, Some(access())), refresh(4, None, unrecorded()))),
    ]
}

fn refusals() -> Vec<(&'static str, Envelope)> {
    let refused = |asked, class, presented| SessionEvent::Refused { asked, class, n: 1, presented };
    let revoke = |reason, client, presented, unrecorded| {
        Some(Command::Revoke { revoke: Revoke { reason, client, presented }, session: 3, unrecorded })
    };
    let by_token = || revoke(RevokeReason::Revoked, Some(store()), Some(2), unrecorded());
    let by_reason = |reason| revoke(reason, None, None, Unrecorded::default());
    let show = |unrecorded| Some(Command::Show { presented: 2, unrecorded });
    let revoked = |reason| SessionEvent::Revoked { reason };
    let reuse = SessionEvent::ReuseDetected { class: Denial::Superseded, presented: 2, current: 5 };
    let ahead = SessionEvent::AheadOfJournal { presented: 9, current: 5, n: 1 };
    let mismatch = Denial::ClientMismatch;
    let wrong_door = refused(Asked::Refresh, Denial::WrongDoor, Some(4));
    let at_door = |asked| Some(Command::WrongDoor { asked, presented: 4, unrecorded: Unrecorded::default() });
    let at_other_door = refresh(4, None, Unrecorded::default()).map(|command| match command {
        Command::Refresh { refresh, gate, client, brakes, unrecorded } => Command::Refresh {
            refresh: Refresh { door: RefreshDoor::JwtRefresh, ttl: Some(Span::minutes(90)), ..refresh },
            gate,
            client,
            brakes,
            unrecorded,
        },
        other => other,
    });
    let too_long = refused(Asked::Refresh, Denial::TtlTooLong, Some(4));
    let shown = |n| SessionEvent::SupersededShown { presented: 2, n };
    let quiet = Unrecorded::default;
    vec![
        ("session.refresh_refused", entry(refused(Asked::Refresh, Denial::Closed, Some(4)), refresh(4, None, quiet()))),
        ("session.refresh_refused-wrong_door", entry(wrong_door, at_door(Asked::Refresh))),
        (
            "session.revoke_refused-wrong_door",
            entry(refused(Asked::Revoke, Denial::WrongDoor, Some(4)), at_door(Asked::Revoke)),
        ),
        ("session.refresh_refused-ttl_too_long", entry(too_long, at_other_door)),
        ("session.revoke_refused", entry(refused(Asked::Revoke, mismatch, Some(2)), by_token())),
        ("session.reuse_detected", entry(reuse, refresh(2, None, quiet()))),
        ("session.superseded_shown", entry(shown(1), show(quiet()))),
        ("session.superseded_shown-unrecorded", entry(shown(3), show(unrecorded()))),
        ("session.ahead_of_journal", entry(ahead, refresh(9, None, quiet()))),
        ("session.revoked", entry(revoked(RevokeReason::Reuse), None)),
        (
            "session.revoked-all_braked",
            by_server(entry(revoked(RevokeReason::AllBraked), by_reason(RevokeReason::AllBraked))),
        ),
        (
            "session.revoked-network_braked",
            by_server(entry(revoked(RevokeReason::NetworkBraked), by_reason(RevokeReason::NetworkBraked))),
        ),
        ("session.revoked-person", entry(revoked(RevokeReason::Person), by_reason(RevokeReason::Person))),
        ("session.revoked-cmd_revoke", entry(revoked(RevokeReason::Admin), by_reason(RevokeReason::Admin))),
        ("session.expired", by_server(entry(SessionEvent::Expired, Some(Command::Expire)))),
    ]
}

fn evidence() -> Vec<(&'static str, Envelope)> {
    let past = |ended, redeemed_at| Past {
        account: account_id(),
        client: store(),
        started_at: NOW - Span::days(90),
        generation: 5,
        ended,
        ended_at: NOW - Span::days(30),
        redeemed_at,
        last: 20,
    };
    let entry = |event, door, presented, past: &Past, unrecorded: Unrecorded| {
        let ask = Ask { door, client: Some(store()), presented };
        let command = Command::Evidence { ask, past: past.clone(), unrecorded: unrecorded.refusals };
        envelope(StreamId::Evidence(session_id(0)), Event::Evidence(event), Some(command))
    };
    let expired = past(Ended::Expired, None);
    let reused = past(Ended::Revoked(RevokeReason::Reuse), Some(NOW - Span::days(31)));
    let refused = |asked, class, presented, past: &Past| EvidenceEvent::Refused {
        asked,
        class,
        n: 1,
        presented,
        of: past.told(),
    };
    let (closed, mismatch) = (Denial::Closed, Denial::ClientMismatch);
    let unused = refused(Asked::Refresh, closed, 5, &expired);
    let used = refused(Asked::Refresh, closed, 4, &reused);
    let foreign = refused(Asked::Revoke, mismatch, 4, &reused);
    let shown = EvidenceEvent::SupersededShown { presented: 4, n: 3, of: reused.told() };
    let ahead = EvidenceEvent::AheadOfJournal { presented: 9, current: 5, n: 1, of: expired.told() };
    let quiet = Unrecorded::default;
    vec![
        ("evidence.refresh_refused", first(entry(unused, Door::Refresh, 5, &expired, quiet()))),
        ("evidence.refresh_refused-redeemed", entry(used, Door::Refresh, 4, &reused, unrecorded())),
        ("evidence.revoke_refused", entry(foreign, Door::Revoke, 4, &reused, quiet())),
        ("evidence.superseded_shown", entry(shown, Door::Show, 4, &reused, unrecorded())),
        ("evidence.ahead_of_journal", entry(ahead, Door::Revoke, 9, &expired, quiet())),
    ]
}

//! Arbitrary entries: any event with any command that may stand beside it.

#[path = "settings.rs"]
mod settings;
#[path = "system_events.rs"]
mod system_events;

use countersign::domain::account::{AccountEvent, Login, LoginHow, NameEvent, PasswordVerdict};
use countersign::domain::brakes::{BrakesCommand, BrakesEvent};
use countersign::domain::client::{ClientCommand, ClientEvent, IssueToken, UseEvent};
use countersign::domain::command::Command;
use countersign::domain::context::{Context, InFull, Sealed, ToldBy};
use countersign::domain::denial::Denial;
use countersign::domain::evidence::{Ask, Door, Ended, EvidenceEvent, Past, Told};
use countersign::domain::gate::{GateCommand, GateEvent, PasswordHow};
use countersign::domain::ids::{
    AccountId, ClientId, CommitId, Hash, NameHash, RequestId, SessionId, StreamId, Tag, TokenId,
};
use countersign::domain::keys::SigningAlg;
use countersign::domain::session::{
    Access, Asked, Refresh, RefreshDoor, Refreshed, Retried, Revoke, RevokeReason, SessionEvent, Started, Unrecorded,
};
use countersign::domain::time::{Span, Timestamp};
use countersign::domain::verifier::Scheme;
use countersign::domain::{Event, Recorded};
use countersign::journal::schema::Envelope;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use settings::settings;
use std::collections::BTreeSet;
use system_events::{api_key, operated, system};
use uuid::Uuid;

fn uuid() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn session_id() -> impl Strategy<Value = SessionId> {
    uuid().prop_map(SessionId)
}

fn jti() -> impl Strategy<Value = TokenId> {
    uuid().prop_map(TokenId)
}

fn client_id() -> impl Strategy<Value = ClientId> {
    "[A-Za-z0-9._~-]{1,64}".prop_map(|text| text.parse().unwrap())
}

fn account_id() -> impl Strategy<Value = AccountId> {
    uuid().prop_map(AccountId)
}

fn sealed() -> impl Strategy<Value = Sealed> {
    "[A-Za-z0-9_-]{0,90}".prop_map(Sealed)
}

/// Any text, with all that JSON has to escape.
fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{0,24}", vec(any::<char>(), 0..12).prop_map(String::from_iter)]
}

fn texts() -> impl Strategy<Value = BTreeSet<String>> {
    btree_set(text(), 0..4)
}

fn instant() -> impl Strategy<Value = Timestamp> {
    (0..253_402_300_800_000_i64).prop_map(Timestamp)
}

fn span() -> impl Strategy<Value = Span> {
    prop_oneof![any::<i64>().prop_map(Span), (-100_000..100_000_i64).prop_map(Span::seconds)]
}

fn scheme() -> impl Strategy<Value = Scheme> {
    prop_oneof![
        any::<(u32, u32, u32)>().prop_map(|(memory_kib, iterations, parallelism)| Scheme::Argon2id {
            memory_kib,
            iterations,
            parallelism
        }),
        any::<u32>().prop_map(|cost| Scheme::Bcrypt { cost }),
        any::<u32>().prop_map(|iterations| Scheme::Pbkdf2Sha256 { iterations }),
        any::<u32>().prop_map(|iterations| Scheme::Pbkdf2Sha512 { iterations }),
        any::<(u8, u32, u32)>().prop_map(|(log_n, r, p)| Scheme::Scrypt { log_n, r, p }),
    ]
}

fn denial() -> impl Strategy<Value = Denial> {
    select(Denial::ALL)
}

fn reason() -> impl Strategy<Value = RevokeReason> {
    select(RevokeReason::ALL)
}

fn alg() -> impl Strategy<Value = SigningAlg> {
    select(SigningAlg::ALL.as_slice())
}

fn access() -> impl Strategy<Value = Access> {
    (jti(), instant(), instant()).prop_map(|(jti, issued_at, expires_at)| Access { jti, issued_at, expires_at })
}

fn told() -> impl Strategy<Value = Told> {
    let ended = prop_oneof![Just(Ended::Expired), reason().prop_map(Ended::Revoked)];
    (account_id(), client_id(), ended, instant(), option::of(instant())).prop_map(
        |(account, client, ended, ended_at, redeemed_at)| Told { account, client, ended, ended_at, redeemed_at },
    )
}

fn evidence() -> impl Strategy<Value = EvidenceEvent> {
    use EvidenceEvent as E;
    let refused = (select(&[Asked::Refresh, Asked::Revoke][..]), denial(), any::<(u64, u32)>(), told())
        .prop_map(|(asked, class, (n, presented), of)| E::Refused { asked, class, n, presented, of });
    prop_oneof![
        2 => refused,
        1 => (any::<(u32, u64)>(), told()).prop_map(|((presented, n), of)| E::SupersededShown { presented, n, of }),
        1 => (any::<(u32, u32, u64)>(), told())
            .prop_map(|((presented, current, n), of)| E::AheadOfJournal { presented, current, n, of }),
    ]
}

fn brakes() -> impl Strategy<Value = BrakesEvent> {
    use BrakesEvent as E;
    prop_oneof![
        select(vec![E::AllRevoked, E::LoginsRefused, E::LoginsAllowed]),
        sealed().prop_map(|network| E::NetworkRevoked { network }),
    ]
}

fn account() -> impl Strategy<Value = AccountEvent> {
    use AccountEvent as E;
    prop_oneof![
        (sealed(), any::<[u8; 32]>()).prop_map(|(login, name)| E::Created { login, name: NameHash(name) }),
        (client_id(), session_id(), how()).prop_map(|(client, session, how)| E::LoginSucceeded {
            client,
            session,
            how
        }),
        (sealed(), any::<[u8; 32]>()).prop_map(|(login, name)| E::UsernameSet { login, name: NameHash(name) }),
        Just(E::UsernameCleared),
        sealed().prop_map(|profile| E::ProfileSet { profile }),
        (client_id(), denial(), any::<u64>()).prop_map(|(client, class, n)| E::LoginRefused { client, class, n }),
        (client_id(), session_id()).prop_map(|(client, session)| E::NewContext { client, session }),
        (sealed(), instant(), any::<u64>()).prop_map(|(digest, expires_at, of)| E::PasswordCodeIssued {
            digest,
            expires_at,
            of
        }),
        (denial(), any::<u64>()).prop_map(|(class, n)| E::PasswordChangeRefused { class, n }),
        (sealed(), any::<[u8; 32]>()).prop_map(|(login, name)| E::LoginChanged { login, name: NameHash(name) }),
        (any::<u64>(), sealed(), scheme()).prop_map(|(of, verifier, scheme)| E::PasswordRehashed {
            of,
            verifier,
            scheme
        }),
    ]
}

fn gate() -> impl Strategy<Value = GateEvent> {
    use GateEvent as E;
    let how = select(&[PasswordHow::Given, PasswordHow::Changed, PasswordHow::Reset][..]);
    prop_oneof![
        (sealed(), scheme(), any::<bool>(), how).prop_map(|(verifier, scheme, must_change, how)| E::PasswordSet {
            verifier,
            scheme,
            must_change,
            how
        }),
        select(vec![E::Disabled, E::Enabled, E::SessionsRevoked, E::Erased, E::RegistrationsLifted]),
        any::<bool>().prop_map(|must_change| E::MustChangeSet { must_change }),
        client_id().prop_map(|client| E::RegistrationAdded { client }),
        client_id().prop_map(|client| E::RegistrationWithdrawn { client }),
        texts().prop_map(|roles| E::RolesSet { roles }),
        (client_id(), texts()).prop_map(|(client, roles)| E::RegistrationRolesSet { client, roles }),
    ]
}

fn client() -> impl Strategy<Value = ClientEvent> {
    use ClientEvent as E;
    prop_oneof![
        (settings(), option::of(sealed()), any::<bool>()).prop_map(|(settings, secret, enabled)| E::Created {
            settings,
            secret,
            enabled
        }),
        settings().prop_map(|settings| E::Changed { settings }),
        sealed().prop_map(|secret| E::SecretSet { secret }),
        select(vec![E::Disabled, E::Enabled, E::Removed, E::SessionsRevoked]),
    ]
}

fn usage() -> impl Strategy<Value = UseEvent> {
    use UseEvent as E;
    prop_oneof![
        (jti(), instant(), texts()).prop_map(|(jti, expires_at, scope)| E::TokenIssued { jti, expires_at, scope }),
        (jti(), instant()).prop_map(|(jti, expires_at)| E::TokenRevoked { jti, expires_at }),
        vec((jti(), instant()), 0..=24).prop_map(|dropped| E::RevocationsDropped { dropped }),
        (denial(), any::<u64>()).prop_map(|(class, n)| E::Refused { class, n }),
    ]
}

fn started() -> impl Strategy<Value = Started> {
    let who = (account_id(), client_id(), texts(), any::<bool>(), any::<u16>(), option::of(session_id()));
    (who, any::<(u64, u64, u64)>(), instant(), instant(), access()).prop_map(
        |(who, (gate_version, client_version, brakes_version), absolute_end, idle_end, access)| {
            let (account, client, scope, refreshable, refresh_key, came_of) = who;
            Started {
                account,
                client,
                scope,
                refreshable,
                refresh_key,
                gate_version,
                client_version,
                brakes_version,
                came_of,
                absolute_end,
                idle_end,
                access,
            }
        },
    )
}

fn session() -> impl Strategy<Value = SessionEvent> {
    use SessionEvent as E;
    let refreshed = (any::<(u32, u32, Option<u32>)>(), instant(), access(), option::of(texts())).prop_map(
        |((presented, generation, burned), idle_end, access, scope)| {
            E::Refreshed(Refreshed { presented, generation, burned, idle_end, access, scope })
        },
    );
    let retried = (any::<(u32, u32, u64, bool, bool)>(), option::of(access())).prop_map(
        |((presented, generation, n, moved, lockstep), access)| {
            E::RefreshRetried(Retried { presented, generation, n, moved, lockstep, access })
        },
    );
    prop_oneof![
        started().prop_map(E::Started),
        refreshed,
        retried,
        (select(&[Asked::Refresh, Asked::Revoke][..]), denial(), any::<u64>(), any::<Option<u32>>())
            .prop_map(|(asked, class, n, presented)| E::Refused { asked, class, n, presented }),
        (denial(), any::<u32>(), any::<u32>()).prop_map(|(class, presented, current)| E::ReuseDetected {
            class,
            presented,
            current
        }),
        any::<(u32, u64)>().prop_map(|(presented, n)| E::SupersededShown { presented, n }),
        any::<(u32, u32, u64)>().prop_map(|(presented, current, n)| E::AheadOfJournal { presented, current, n }),
        reason().prop_map(|reason| E::Revoked { reason }),
        Just(E::Expired),
    ]
}

/// An event in a stream that it fits.
fn event() -> impl Strategy<Value = (StreamId, Event)> {
    let name = any::<[u8; 32]>().prop_map(|hash| StreamId::Name(NameHash(hash)));
    let named = (any::<bool>(), account_id()).prop_map(|(taken, account)| match taken {
        true => NameEvent::Taken { account },
        false => NameEvent::Released { account },
    });
    prop_oneof![
        3 => system().prop_map(|event| (StreamId::System, Event::System(event))),
        1 => api_key().prop_map(|event| (StreamId::System, Event::System(event))),
        1 => brakes().prop_map(|event| (StreamId::Brakes, Event::Brakes(event))),
        1 => operated().prop_map(|event| (StreamId::System, Event::System(event))),
        1 => (name, named.prop_map(Event::Name)),
        2 => (account_id().prop_map(StreamId::Account), account().prop_map(Event::Account)),
        2 => (account_id().prop_map(StreamId::Gate), gate().prop_map(Event::Gate)),
        2 => (client_id().prop_map(StreamId::Client), client().prop_map(Event::Client)),
        2 => (client_id().prop_map(StreamId::Use), usage().prop_map(Event::Use)),
        4 => (session_id().prop_map(StreamId::Session), session().prop_map(Event::Session)),
        2 => (session_id().prop_map(StreamId::Evidence), evidence().prop_map(Event::Evidence)),
    ]
}

fn unrecorded() -> impl Strategy<Value = Unrecorded> {
    let some = (btree_map(denial(), any::<u64>(), 0..4), any::<(u32, u64)>())
        .prop_map(|(refusals, retries)| Unrecorded { refusals, retries });
    prop_oneof![Just(Unrecorded::default()), some]
}

fn how() -> impl Strategy<Value = LoginHow> {
    select(LoginHow::ALL)
}

fn login() -> impl Strategy<Value = Login> {
    let verdict = select(
        &[PasswordVerdict::Right, PasswordVerdict::Wrong, PasswordVerdict::Throttled, PasswordVerdict::Vouched][..],
    );
    let kind = (how(), any::<Option<bool>>(), option::of(instant()), option::of(session_id()));
    let who = (account_id(), client_id(), option::of(texts()), verdict, kind);
    (who, session_id(), jti(), span(), instant(), any::<u16>(), vec(session_id(), 0..3)).prop_map(
        |(
            (account, client, scope, verdict, (how, refresh, until, came_of)),
            session,
            jti,
            jitter,
            wall,
            refresh_key,
            ends,
        )| {
            Login {
                account,
                client,
                scope,
                verdict,
                how,
                refresh,
                until,
                came_of,
                session,
                jti,
                jitter,
                wall,
                refresh_key,
                ends,
            }
        },
    )
}

/// A command that needs no particular event beside it.
fn command() -> impl Strategy<Value = Command> {
    let door = (select(&[RefreshDoor::Token, RefreshDoor::JwtRefresh][..]), option::of(span()));
    let refresh = (any::<u32>(), client_id(), option::of(texts()), door, jti(), span(), instant(), span()).prop_map(
        |(presented, client, scope, (door, ttl), jti, jitter, wall, unavailable)| Refresh {
            door,
            ttl,
            presented,
            client,
            scope,
            jti,
            jitter,
            wall,
            unavailable,
        },
    );
    let revoke = (reason(), option::of(client_id()), any::<Option<u32>>())
        .prop_map(|(reason, client, presented)| Revoke { reason, client, presented });
    let gate = prop_oneof![
        select(vec![GateCommand::Disable, GateCommand::Enable, GateCommand::RevokeSessions, GateCommand::Erase]),
        Just(GateCommand::LiftRegistrations),
        any::<bool>().prop_map(GateCommand::SetMustChange),
        client_id().prop_map(GateCommand::AddRegistration),
        client_id().prop_map(GateCommand::WithdrawRegistration),
        texts().prop_map(GateCommand::SetRoles),
        (client_id(), texts()).prop_map(|(client, roles)| GateCommand::Register { client, roles }),
        (client_id(), texts()).prop_map(|(client, roles)| GateCommand::SetRegistrationRoles { client, roles }),
    ];
    prop_oneof![
        (login(), any::<(u64, u64, u64)>(), any::<Option<u64>>())
            .prop_map(|(login, (gate, client, brakes), n)| Command::Login { login, gate, client, brakes, n }),
        (refresh, any::<(u64, u64, u64)>(), unrecorded()).prop_map(|(refresh, (gate, client, brakes), unrecorded)| {
            Command::Refresh { refresh, gate, client, brakes, unrecorded }
        }),
        (revoke, any::<u64>(), unrecorded()).prop_map(|(revoke, session, unrecorded)| Command::Revoke {
            revoke,
            session,
            unrecorded
        }),
        (select(&[Asked::Refresh, Asked::Revoke][..]), any::<u32>(), unrecorded())
            .prop_map(|(asked, presented, unrecorded)| Command::WrongDoor { asked, presented, unrecorded }),
        (denial(), any::<u64>()).prop_map(|(class, n)| Command::RefuseClient { class, n }),
        (any::<u32>(), unrecorded()).prop_map(|(presented, unrecorded)| Command::Show { presented, unrecorded }),
        (option::of(texts()), jti(), span(), instant(), any::<u64>(), option::of(any::<u64>())).prop_map(
            |(scope, jti, jitter, wall, client, n)| Command::IssueToken {
                issue: IssueToken { scope, jti, jitter, wall },
                client,
                n,
            }
        ),
        (gate, any::<u64>()).prop_map(|(command, gate)| Command::Gate { command, gate }),
        (select(vec![BrakesCommand::RevokeAll, BrakesCommand::RefuseLogins, BrakesCommand::AllowLogins]), any::<u64>())
            .prop_map(|(command, brakes)| Command::Brakes { command, brakes }),
        select(vec![
            ClientCommand::Disable,
            ClientCommand::Enable,
            ClientCommand::Remove,
            ClientCommand::RevokeSessions,
        ])
        .prop_map(Command::Client),
        select(vec![Command::Server, Command::Expire]),
    ]
}

/// The command of an event that carries what its command leaves out.
fn told_by(event: &Event) -> Option<Command> {
    match event {
        Event::Gate(GateEvent::PasswordSet { verifier, scheme, must_change, how }) => Some(Command::Gate {
            command: GateCommand::SetPassword {
                verifier: verifier.clone(),
                scheme: *scheme,
                must_change: *must_change,
                how: *how,
            },
            gate: 2,
        }),
        Event::Brakes(BrakesEvent::NetworkRevoked { network }) => {
            Some(Command::Brakes { command: BrakesCommand::RevokeNetwork(network.clone()), brakes: 4 })
        }
        Event::Client(ClientEvent::SecretSet { secret }) => {
            Some(Command::Client(ClientCommand::SetSecret(secret.clone())))
        }
        Event::Client(ClientEvent::Changed { settings }) => {
            Some(Command::Client(ClientCommand::Change(Box::new(settings.clone()))))
        }
        Event::Evidence(event) => {
            let Told { account, client, ended, ended_at, redeemed_at } = event.told().clone();
            let ask = Ask { door: Door::Refresh, client: Some(client.clone()), presented: 7 };
            let started_at = Timestamp(1_769_860_800_123);
            let past = Past { account, client, started_at, generation: 8, ended, ended_at, redeemed_at, last: 9 };
            Some(Command::Evidence { ask, past, unrecorded: [(Denial::Closed, 40)].into() })
        }
        _ => None,
    }
}

fn context() -> impl Strategy<Value = Context> {
    use ToldBy::{ApiKey, Backend, Client, CommandLine, Nobody, Peer, Server};
    let tag = || option::of(any::<[u8; 8]>().prop_map(Tag));
    let told_by = (select(&[Peer, Client, ApiKey, Backend, Nobody, Server, CommandLine][..]), option::of(text()));
    let in_full = prop_oneof![
        (tag(), sealed()).prop_map(|(who, sealed)| InFull::Sealed { who, sealed }),
        any::<u64>().prop_map(InFull::At)
    ];
    (uuid(), told_by, tag(), tag(), tag(), option::of(in_full)).prop_map(|(request, told_by, net, ua, dev, sealed)| {
        let (told_by, api_key) = told_by;
        Context { request_id: RequestId(request), told_by, api_key, net, ua, dev, sealed }
    })
}

/// An entry that can be written.
pub fn envelope() -> impl Strategy<Value = Envelope> {
    let place = (any::<u64>(), uuid(), any::<u64>(), instant(), context());
    let frame = (any::<u16>(), text(), option::of(any::<[u8; 32]>().prop_map(Hash)));
    (place, event(), option::of(command()), any::<bool>(), frame).prop_map(
        |((position, commit, version, at, context), (stream, event), command, told, (number, node, prev))| {
            let command = if told { told_by(&event).or(command) } else { command };
            let commit = CommitId(commit);
            let recorded = Recorded { position, commit, stream, version, at, context, event, command };
            Envelope { recorded, number, node, prev }
        },
    )
}

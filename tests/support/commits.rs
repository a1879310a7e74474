//! Commits as the actors make them, of people and clients that have numbers.

use countersign::crypto::KeyRecord;
use countersign::domain::account::{AccountEvent, LoginHow, NameEvent};
use countersign::domain::client::{ClientEvent, ClientSettings, ClientType, Profile, UseEvent};
use countersign::domain::command::Command;
use countersign::domain::context::{Context, Sealed, ToldBy};
use countersign::domain::denial::Denial;
use countersign::domain::evidence::{Ended, EvidenceEvent, Told};
use countersign::domain::gate::{GateEvent, PasswordHow};
use countersign::domain::ids::{
    AccountId, ClientId, CommitId, NameHash, Owner, Position, RequestId, SessionId, StreamId, TokenId, Version,
};
use countersign::domain::session::{Access, Asked, Refreshed, RevokeReason, SessionEvent, Started};
use countersign::domain::system::SystemEvent;
use countersign::domain::time::{Span, Timestamp};
use countersign::domain::verifier::Scheme;
use countersign::domain::{Event, Expected, Proposal};
use countersign::entropy::{SeededEntropy, uuid_v7};
use countersign::journal::{Commit, Keys};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use uuid::Uuid;

/// When the stories begin.
pub const START: Timestamp = Timestamp(1_769_860_800_000);

pub fn account(n: u64) -> AccountId {
    AccountId(Uuid::from_u64_pair(0xa, n))
}

pub fn session(n: u64) -> SessionId {
    SessionId(Uuid::from_u64_pair(0x5, n))
}

pub fn token(n: u64) -> TokenId {
    TokenId(Uuid::from_u64_pair(0x7, n))
}

pub fn name(n: u64) -> NameHash {
    NameHash([u8::try_from(n % 251).unwrap(); 32])
}

pub fn client(n: u64) -> ClientId {
    format!("client-{n}").parse().unwrap()
}

pub fn sealed(text: &str) -> Sealed {
    Sealed(text.to_owned())
}

pub fn proposal(stream: StreamId, expected: Expected, event: Event) -> Proposal {
    Proposal { stream, expected, events: vec![event] }
}

pub fn password() -> Event {
    let scheme = Scheme::Argon2id { memory_kib: 19_456, iterations: 2, parallelism: 1 };
    Event::Gate(GateEvent::PasswordSet {
        verifier: sealed("dmVyaWZpZXI"),
        scheme,
        must_change: false,
        how: PasswordHow::Given,
    })
}

pub fn started(account_n: u64, client_n: u64, gate_version: Version, client_version: Version) -> Event {
    let access = Access { jti: token(0), issued_at: START, expires_at: START + Span::minutes(5) };
    Event::Session(SessionEvent::Started(Started {
        account: account(account_n),
        client: client(client_n),
        scope: BTreeSet::from(["cart".to_owned()]),
        refreshable: true,
        refresh_key: 1,
        gate_version,
        client_version,
        brakes_version: 0,
        came_of: None,
        absolute_end: START + Span::days(90),
        idle_end: START + Span::days(14),
        access,
    }))
}

/// Makes commits with the keys of one journal, each a second after the one before it.
pub struct Teller {
    keys: Arc<Keys>,
    entropy: SeededEntropy,
    now: AtomicI64,
}

impl Teller {
    pub fn new(keys: Arc<Keys>) -> Self {
        Self::seeded(keys, 11)
    }

    /// Two tellers for one journal, one after the other, need two seeds: ids are drawn from them.
    pub fn seeded(keys: Arc<Keys>, seed: u64) -> Self {
        Self { keys, entropy: SeededEntropy::new(seed), now: AtomicI64::new(START.0) }
    }

    pub fn commit(&self, proposals: Vec<Proposal>) -> Commit {
        let at = Timestamp(self.now.fetch_add(1000, Ordering::Relaxed));
        let request_id = RequestId(uuid_v7(&self.entropy, at));
        Commit {
            id: CommitId(uuid_v7(&self.entropy, at)),
            at,
            context: Context {
                request_id,
                told_by: ToldBy::Server,
                api_key: None,
                net: None,
                ua: None,
                dev: None,
                sealed: None,
            },
            command: Some(Command::Server),
            proposals,
            keys: Vec::new(),
        }
    }

    fn one(&self, stream: StreamId, expected: Expected, event: Event) -> Commit {
        self.commit(vec![proposal(stream, expected, event)])
    }

    pub fn key(&self, owner: Owner) -> KeyRecord {
        self.keys.new_owner(owner, &self.entropy).0
    }

    pub fn genesis(&self) -> Commit {
        let created = Event::System(SystemEvent::Created { origin: "test.example/1".to_owned() });
        let mut commit = self.one(StreamId::System, Expected::Version(0), created);
        commit.keys.push(self.key(Owner::System));
        commit
    }

    pub fn new_client(&self, n: u64) -> Commit {
        let settings = ClientSettings::new(ClientType::Public, Profile::Standard);
        let created = Event::Client(ClientEvent::Created { settings, secret: None, enabled: true });
        let mut commit = self.one(StreamId::Client(client(n)), Expected::Version(0), created);
        commit.keys.push(self.key(Owner::Client(client(n))));
        commit
    }

    pub fn new_account(&self, n: u64) -> Commit {
        self.account_named(n, name(n), 0)
    }

    /// An account under a name that was seen free at a version.
    pub fn account_named(&self, n: u64, name: NameHash, seen: Version) -> Commit {
        let created = Event::Account(AccountEvent::Created { login: sealed("bG9naW4"), name });
        let taken = Event::Name(NameEvent::Taken { account: account(n) });
        let mut commit = self.commit(vec![
            proposal(StreamId::Name(name), Expected::Version(seen), taken),
            proposal(StreamId::Account(account(n)), Expected::Version(0), created),
            proposal(StreamId::Gate(account(n)), Expected::Version(0), password()),
        ]);
        commit.keys.push(self.key(Owner::Account(account(n))));
        commit
    }

    /// A login decided on these versions of gate and client.
    pub fn login(&self, n: u64, account_n: u64, client_n: u64, gate: Version, of_client: Version) -> Commit {
        let succeeded =
            AccountEvent::LoginSucceeded { client: client(client_n), session: session(n), how: LoginHow::Password };
        self.commit(vec![
            Proposal::guard(StreamId::Gate(account(account_n)), gate),
            Proposal::guard(StreamId::Client(client(client_n)), of_client),
            proposal(StreamId::Account(account(account_n)), Expected::Any, Event::Account(succeeded)),
            proposal(
                StreamId::Session(session(n)),
                Expected::Version(0),
                started(account_n, client_n, gate, of_client),
            ),
        ])
    }

    /// The refresh that makes a generation; the session has as many events as it has had generations.
    pub fn refresh(&self, n: u64, generation: u32) -> Commit {
        let idle_end = START + Span::days(14) + Span::hours(i64::from(generation));
        let access = Access { jti: token(1), issued_at: START, expires_at: START + Span::minutes(5) };
        let refreshed = Event::Session(SessionEvent::Refreshed(Refreshed {
            presented: generation - 1,
            generation,
            burned: None,
            idle_end,
            access,
            scope: None,
        }));
        self.one(StreamId::Session(session(n)), Expected::Version(Version::from(generation)), refreshed)
    }

    pub fn revoke(&self, n: u64) -> Commit {
        let revoked = Event::Session(SessionEvent::Revoked { reason: RevokeReason::Logout });
        self.one(StreamId::Session(session(n)), Expected::Any, revoked)
    }

    pub fn archive(&self, through: Position) -> Commit {
        let archived = Event::System(SystemEvent::SessionsArchived { through });
        self.one(StreamId::System, Expected::Any, archived)
    }

    /// A token of archived session `n` was shown, for the `n_of`-th time.
    pub fn evidence(&self, n: u64, expected: Expected, n_of: u64) -> Commit {
        let of = Told {
            account: account(1),
            client: client(1),
            ended: Ended::Revoked(RevokeReason::Logout),
            ended_at: START,
            redeemed_at: None,
        };
        let class = Denial::Closed;
        let refused = EvidenceEvent::Refused { asked: Asked::Refresh, class, n: n_of, presented: 1, of };
        self.one(StreamId::Evidence(session(n)), expected, Event::Evidence(refused))
    }

    pub fn gate(&self, n: u64, event: GateEvent) -> Commit {
        self.one(StreamId::Gate(account(n)), Expected::Any, Event::Gate(event))
    }

    pub fn brake(&self, n: u64) -> Commit {
        self.one(StreamId::Client(client(n)), Expected::Any, Event::Client(ClientEvent::SessionsRevoked))
    }

    pub fn list_token(&self, client_n: u64, n: u64) -> Commit {
        let revoked = UseEvent::TokenRevoked { jti: token(n), expires_at: START + Span::minutes(5) };
        self.one(StreamId::Use(client(client_n)), Expected::Any, Event::Use(revoked))
    }

    pub fn drop_token(&self, client_n: u64, n: u64) -> Commit {
        let dropped = UseEvent::RevocationsDropped { dropped: vec![(token(n), START + Span::minutes(5))] };
        self.one(StreamId::Use(client(client_n)), Expected::Any, Event::Use(dropped))
    }

    /// Genesis, two clients, three accounts, a session of each at each client, some refreshed, some ended, tokens listed.
    pub fn history(&self) -> Vec<Commit> {
        let mut commits = vec![self.genesis(), self.new_client(1), self.new_client(2)];
        for n in 1..=3 {
            commits.push(self.new_account(n));
            for at in 1..=2 {
                commits.push(self.login(10 * n + at, n, at, 1, 1));
            }
            commits.extend((1..=6).map(|generation| self.refresh(10 * n + 1, generation)));
        }
        commits.extend([self.revoke(11), self.gate(2, GateEvent::SessionsRevoked), self.brake(2)]);
        commits.extend([self.list_token(1, 1), self.list_token(2, 2), self.drop_token(1, 1)]);
        commits.push(self.gate(3, GateEvent::Erased));
        commits
    }
}

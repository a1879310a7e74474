//! What every life begins with: a machine with clients and accounts on its disk, made once and copied.

use crate::life::{ACCOUNTS, CLIENTS};
use crate::machine::{Machine, cheap_hash, operator, person_at};
use crate::model::{ClientRules, Moment, Person, Worlds};
use countersign::actors::{Asker, Fate};
use countersign::clock::Clock;
use countersign::domain::client::{ClientSettings, ClientType, LateRetry, Profile};
use countersign::domain::ids::{AccountId, Position};
use countersign::domain::time::Span;
use std::sync::LazyLock;

/// More passwords than are set in any life.
pub const PASSWORDS: u8 = 200;

/// How many ways there are for clients to be set up.
pub const KINDS: usize = 3;

/// See the module.
pub struct Base {
    machine: Machine,
    pub rules: Vec<ClientRules>,
    pub accounts: Vec<AccountId>,
    /// The last position of its journal.
    pub head: Position,
}

static BASES: LazyLock<Vec<Base>> = LazyLock::new(|| {
    // On a thread of its own: whoever asks may stand in an actix system.
    let made = std::thread::spawn(|| actix::System::new().block_on(async { Vec::from(make_all().await) }));
    made.join().unwrap()
});

static HASHES: LazyLock<Vec<String>> = LazyLock::new(|| (0..PASSWORDS).map(|n| cheap_hash(&password(n))).collect());

pub fn base(kind: u64) -> &'static Base {
    &BASES[usize::try_from(kind).unwrap() % KINDS]
}

pub fn password(n: u8) -> String {
    format!("password {n}")
}

pub fn hash_of(n: u8) -> &'static str {
    &HASHES[usize::from(n)]
}

/// The login id of an account, known or not.
pub fn login_id(account: u8) -> String {
    format!("person{account}@example.com")
}

pub fn client_name(client: u8) -> &'static str {
    ["strict", "reissuing", "constant"][usize::from(client)]
}

pub fn asker(person: Person) -> Asker {
    let mut asker = person_at(&format!("192.0.{}.1", person.network));
    // Agents are compared without digits.
    asker.person.user_agent = Some(format!("{}/1", ["App", "Tool"][usize::from(person.agent)]));
    asker
}

/// What the clocks of a machine show.
pub fn moment(machine: &Machine) -> Moment {
    let (wall, boot) = (machine.clock.wall(), machine.clock.boot());
    assert_eq!((wall.0 % 1000, boot.0 % 1000), (0, 0), "the model counts whole seconds");
    Moment { wall: wall.seconds(), boot: boot.as_seconds() }
}

impl Base {
    /// A copy of the machine, whose engine dies without taking the process along, and what the model knows of it.
    pub fn copy(&self, seed: u64) -> (Machine, Worlds) {
        let mut machine = self.machine.copy();
        machine.seed = seed;
        let worlds = Worlds::new(self.rules.clone(), ACCOUNTS, moment(&machine));
        (machine, worlds)
    }
}

async fn make_all() -> [Base; KINDS] {
    [make(0).await, make(1).await, make(2).await]
}

/// The strict client, the one that reissues, and the one whose refresh tokens stay.
fn rules(kind: usize) -> Vec<ClientRules> {
    const DAY: i64 = 24 * 3600;
    let (access_ttl, idle_ttl, absolute_ttl, windows, caps) = [
        (300, 14 * DAY, 90 * DAY, [5, 30, 30], [100, 3, 100]),
        (20, 60, 180, [8, 10, 30], [2, 4, 3]),
        (60, 3600, 7200, [0, 40, 30], [5, 1, 2]),
    ][kind];
    let client = |n: usize| ClientRules {
        rotates: n != 2,
        access_ttl,
        idle_ttl,
        absolute_ttl,
        retry_window: windows[n],
        reissues: n == 1,
        max_sessions: caps[n],
    };
    (0..usize::from(CLIENTS)).map(client).collect()
}

fn settings(n: usize, rules: &ClientRules) -> ClientSettings {
    let profile = if n == 2 { Profile::Fusionauth } else { Profile::Standard };
    ClientSettings {
        access_ttl: Span::seconds(rules.access_ttl),
        refresh_idle_ttl: Span::seconds(rules.idle_ttl),
        refresh_absolute_ttl: Span::seconds(rules.absolute_ttl),
        retry_window: Span::seconds(rules.retry_window),
        late_retry: if rules.reissues { LateRetry::Reissue } else { LateRetry::Revoke },
        max_sessions: rules.max_sessions.try_into().unwrap(),
        ..ClientSettings::new(ClientType::Confidential, profile)
    }
}

async fn make(kind: usize) -> Base {
    let mut machine = Machine::new(kind as u64)
        .set("HTTP__WORKERS", "1")
        // Whether an actor sleeps, and has forgotten what it only counted, must not depend on chance.
        .set("SESSIONS__PASSIVATE_AFTER", "24h")
        // Keys of RSA take long to make.
        .set("KEYS__ROTATION_INTERVAL", "3650d")
        // Its room is taken at every start.
        .set("JOURNAL__QUEUE", "64")
        .set("JOURNAL__BATCH_MAX", "64")
        .set("JOURNAL__ANCHOR_INTERVAL", "5s")
        .set("JOURNAL__RESERVE", "1MiB");
    machine.fate = Fate::FallSilent;
    // About ten commits.
    machine.roll_at = Some(8 << 10);
    let running = machine.start();
    let rules = rules(kind);
    for (n, rules) in (0..CLIENTS).zip(&rules) {
        running.create_client(client_name(n), settings(usize::from(n), rules)).await;
    }
    let mut accounts = Vec::new();
    for n in 0..ACCOUNTS {
        let account = running.create_account(&login_id(n), hash_of(n).to_owned()).await.unwrap();
        let administration = &running.services.administration;
        for client in 0..CLIENTS {
            let add = countersign::domain::gate::GateCommand::AddRegistration(client_name(client).parse().unwrap());
            administration.change_account(account, add, None, &operator()).await.unwrap();
        }
        accounts.push(account);
    }
    // Makes the keys that tokens are signed with.
    running.ready().await;
    running.stop();
    let head = machine.events().len() as Position;
    Base { machine, rules, accounts, head }
}

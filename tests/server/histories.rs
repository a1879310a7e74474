//! Several people share sessions, at once and with all the answers that are lost when the server is killed. Everything that was
//! asked and answered is written down, and for each session an order is searched for in which the rules explain every answer.

#[path = "../model/mod.rs"]
mod model;

use crate::crash::ledger::named_by;
use crate::random::{Random, seed};
use crate::support::{Answer, Plan, STORE, Server, Stopped, claims, many};
use model::{Ask, Call, ClientRules, Moment, Person, Seen, Token, Worlds};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Barrier, Mutex};
use std::time::Duration;

const PEOPLE: usize = 4;
/// Calls of each of them between two moments at which nothing is under way.
const AT_A_TIME: usize = 10;
/// Sessions that are shared at the same time.
const SHARED: usize = 3;
const DAY: i64 = 24 * 3600;
/// All lifetimes are far longer than a trial: time plays no part in it.
const MOMENT: Moment = Moment { wall: 0, boot: 0 };
const RULES: ClientRules = ClientRules {
    rotates: true,
    access_ttl: DAY,
    idle_ttl: 30 * DAY,
    absolute_ttl: 90 * DAY,
    retry_window: 3600,
    reissues: false,
    max_sessions: 1000,
};

fn plan() -> Plan {
    let clients = "[[clients]]\nid = \"store\"\nsecret = \"store-secret\"\naccess_ttl = \"1d\"\nrefresh_idle_ttl = \"30d\"\n\
        retry_window = \"1h\"\nmax_sessions = 1000\n";
    let accounts = "[[accounts]]\nlogin = \"person@example.com\"\npassword = \"a password for the trial\"\n";
    Plan::new(&format!("{clients}{accounts}")).set("passwords.strangers_total", "1000000").set("hash.deadline", "25s")
}

/// A session as those who share it know it.
#[derive(Clone)]
struct Shared {
    number: u32,
    /// Refresh tokens by generation.
    tokens: BTreeMap<u32, String>,
    /// Access tokens by the call that showed them first.
    accesses: BTreeMap<u32, String>,
}

/// What everybody knows, and all that was asked.
#[derive(Default)]
struct Notes {
    sessions: Vec<Shared>,
    /// Calls by the `jti` that they were the first to show.
    jtis: HashMap<String, u32>,
    /// Calls since the last moment at which nothing was under way.
    calls: Vec<Call>,
}

#[derive(Default)]
struct Trial {
    notes: Mutex<Notes>,
    counter: AtomicU64,
    number: AtomicU32,
}

/// One of those who share.
struct Somebody<'a> {
    trial: &'a Trial,
    server: &'a Server,
    random: Random,
}

impl Somebody<'_> {
    /// Asks until it has had its turn, or the server is gone.
    fn work(&mut self) {
        for _ in 0..AT_A_TIME {
            let (ask, text) = self.choose();
            if self.ask(ask, &text).is_none() {
                return;
            }
        }
    }

    fn person(&mut self) -> Person {
        // Mostly the same: a foreign agent ends a session.
        let (network, agent) = (self.random.below(6) == 0, self.random.below(40) == 0);
        Person { network: u8::from(network), agent: u8::from(agent) }
    }

    /// What to ask, with the token to show.
    fn choose(&mut self) -> (Ask, String) {
        let person = self.person();
        let notes = self.trial.notes.lock().unwrap();
        let (client, account) = (0, 0);
        let from = notes.sessions.len().saturating_sub(SHARED);
        let at = from + self.random.below(SHARED as u64) as usize;
        let Some(session) = notes.sessions.get(at) else {
            return (Ask::Login { client, account, password: 0, person }, String::new());
        };
        let newest = *session.tokens.keys().next_back().unwrap();
        let back = match self.random.below(100) {
            0..70 => 0,
            70..96 => 1,
            _ => 2,
        };
        let generation = newest.saturating_sub(back);
        // A generation whose answer was lost is known to nobody.
        let (generation, text) = session.tokens.range(..=generation).next_back().unwrap();
        let token = Token { session: session.number, generation: *generation };
        match self.random.below(100) {
            0..66 => (Ask::Refresh { client, token, person }, text.clone()),
            66..74 => (Ask::Show { client, token, person }, text.clone()),
            74..90 => {
                let accesses: Vec<_> = session.accesses.iter().collect();
                let (access, text) = accesses[self.random.below(accesses.len() as u64) as usize];
                (Ask::Inspect { access: *access }, text.clone())
            }
            90..94 => (Ask::Revoke { client, token, person }, text.clone()),
            _ => (Ask::Login { client, account, password: 0, person }, String::new()),
        }
    }

    /// Asks, and writes down what was answered; `None` where nothing was.
    fn ask(&mut self, ask: Ask, text: &str) -> Option<()> {
        let number = self.trial.number.fetch_add(1, Ordering::Relaxed);
        let invoked = self.trial.counter.fetch_add(1, Ordering::SeqCst);
        let answer = self.send(&ask, text);
        let mut notes = self.trial.notes.lock().unwrap();
        let seen = answer.as_ref().map(|answer| notes.seen(number, &ask, answer));
        let returned = seen.is_some().then(|| self.trial.counter.fetch_add(1, Ordering::SeqCst));
        notes.calls.push(Call { number, ask, at: MOMENT, invoked, returned, seen });
        answer.map(|_| ())
    }

    fn send(&self, ask: &Ask, text: &str) -> Option<Answer> {
        let grant = [("grant_type", "refresh_token"), ("refresh_token", text)];
        let login =
            [("grant_type", "password"), ("username", "person@example.com"), ("password", "a password for the trial")];
        let token = [("token", text)];
        let (path, form, person) = match ask {
            Ask::Login { person, .. } => ("/oauth2/token", login.as_slice(), Some(person)),
            Ask::Refresh { person, .. } => ("/oauth2/token", grant.as_slice(), Some(person)),
            Ask::Revoke { person, .. } => ("/oauth2/revoke", token.as_slice(), Some(person)),
            Ask::Show { person, .. } => ("/oauth2/introspect", token.as_slice(), Some(person)),
            Ask::Inspect { .. } => ("/oauth2/introspect", token.as_slice(), None),
            Ask::End { .. } | Ask::Gate { .. } | Ask::Client { .. } | Ask::Brakes(_) => {
                unreachable!("there is no door for it")
            }
        };
        let headers = person.map_or([("X-Forwarded-For", ADDRESSES[0]), ("X-Forwarded-User-Agent", AGENTS[0])], told);
        let answer = self.server.try_post(path, Some(STORE), form, &headers).ok()?;
        // Whoever is told that the server is not there may have been served all the same.
        (answer.status != 503).then_some(answer)
    }
}

const ADDRESSES: [&str; 2] = ["192.0.2.1", "198.51.100.1"];
const AGENTS: [&str; 2] = ["Shop/1", "Curl/1"];

fn told(person: &Person) -> [(&'static str, &'static str); 2] {
    [
        ("X-Forwarded-For", ADDRESSES[usize::from(person.network)]),
        ("X-Forwarded-User-Agent", AGENTS[usize::from(person.agent)]),
    ]
}

impl Notes {
    /// What an answer says, in the words of the model; what it brings is there for all.
    fn seen(&mut self, number: u32, ask: &Ask, answer: &Answer) -> Seen {
        match (answer.status, ask) {
            (200, Ask::Revoke { .. }) => Seen::Done,
            (200, Ask::Show { .. } | Ask::Inspect { .. }) => Seen::Active(answer.json()["active"].as_bool().unwrap()),
            (200, _) => {
                let (_, generation) = named_by(&answer.refresh());
                let jti = claims(&answer.access())["jti"].as_str().unwrap().to_owned();
                let known = self.jtis.get(&jti).copied();
                let access = *self.jtis.entry(jti).or_insert(number);
                let session = match ask {
                    Ask::Refresh { token, .. } => self.sessions.iter_mut().find(|known| known.number == token.session),
                    _ => {
                        let (tokens, accesses) = (BTreeMap::new(), BTreeMap::new());
                        self.sessions.push(Shared { number, tokens, accesses });
                        self.sessions.last_mut()
                    }
                };
                let session = session.unwrap();
                session.tokens.insert(generation, answer.refresh());
                session.accesses.insert(access, answer.access());
                Seen::Issued { generation, access: known, expires_at: DAY }
            }
            (400, _) => Seen::Refused,
            (status, _) => panic!("{status}: {}", answer.body),
        }
    }
}

/// The session that a call is about, by the login that started it.
fn session_of(call: &Call, accesses: &HashMap<u32, u32>) -> Option<u32> {
    match &call.ask {
        Ask::Login { .. } => Some(call.number),
        Ask::Refresh { token, .. } | Ask::Revoke { token, .. } | Ask::Show { token, .. } => Some(token.session),
        Ask::Inspect { access } => accesses.get(access).copied(),
        Ask::End { session } => Some(*session),
        Ask::Gate { .. } | Ask::Client { .. } | Ask::Brakes(_) => None,
    }
}

/// What may be so, for each session by itself.
struct Search {
    worlds: BTreeMap<u32, Worlds>,
    checked: usize,
    widest: usize,
}

impl Search {
    /// Takes what was asked since the last time, and searches an order for each session.
    fn take(&mut self, notes: &mut Notes, context: &str) {
        let of_access = |session: &Shared| session.accesses.keys().map(|access| (*access, session.number)).collect();
        let accesses: HashMap<u32, u32> = notes.sessions.iter().flat_map::<Vec<_>, _>(of_access).collect();
        let mut by_session: BTreeMap<u32, Vec<Call>> = BTreeMap::new();
        for call in notes.calls.drain(..) {
            self.checked += 1;
            by_session.entry(session_of(&call, &accesses).unwrap()).or_default().push(call);
        }
        for (session, calls) in by_session {
            let before = self.worlds.remove(&session).unwrap_or_else(|| Worlds::new(vec![RULES], 1, MOMENT));
            let after = before.happened(&calls).unwrap_or_else(|why| panic!("{context}, session {session}: {why}"));
            self.widest = self.widest.max(after.count());
            self.worlds.insert(session, after);
        }
    }

    fn restart(&mut self) {
        let again = |worlds: &mut Worlds| {
            *worlds = worlds.ended().started(MOMENT, false, 0).and_then(|worlds| worlds.ready(MOMENT, 0)).unwrap();
        };
        self.worlds.values_mut().for_each(again);
    }
}

/// Lets everybody have a turn, and kills the server meanwhile if told when.
fn turn(trial: &Trial, server: &Server, random: &mut Random, kill_after: Option<Duration>) {
    let ready = Barrier::new(PEOPLE + 1);
    let seeds: Vec<u64> = (0..PEOPLE).map(|_| random.below(u64::MAX)).collect();
    std::thread::scope(|scope| {
        for seed in seeds {
            let ready = &ready;
            scope.spawn(move || {
                ready.wait();
                Somebody { trial, server, random: Random::new(seed) }.work();
            });
        }
        ready.wait();
        if let Some(after) = kill_after {
            std::thread::sleep(after);
            server.signal(rustix::process::Signal::KILL);
        }
    });
}

#[test]
fn some_order_explains_every_answer_about_every_session_across_kills() {
    let (seed, rounds) = (seed(), many("COUNTERSIGN_HISTORY_ROUNDS", 12_u32));
    let (mut random, trial) = (Random::new(seed), Trial::default());
    let mut search = Search { worlds: BTreeMap::new(), checked: 0, widest: 0 };
    let mut server = plan().start();
    for round in 1..=rounds {
        let context = format!("COUNTERSIGN_TEST_SEED={seed}, round {round}");
        for _ in 0..random.below(4) {
            turn(&trial, &server, &mut random, None);
            search.take(&mut trial.notes.lock().unwrap(), &context);
        }
        let after = Duration::from_micros(random.below(30_000));
        turn(&trial, &server, &mut random, Some(after));
        search.take(&mut trial.notes.lock().unwrap(), &context);
        let stopped: Stopped = server.stopped();
        server = stopped.start();
        search.restart();
    }
    let notes = trial.notes.lock().unwrap();
    let (sessions, checked, widest) = (notes.sessions.len(), search.checked, search.widest);
    println!(
        "{rounds} kills: {checked} calls about {sessions} sessions, at most {widest} models of one at the same time"
    );
    assert!(checked > 20 * rounds as usize && sessions > 3, "there was load");
}

fn call(number: u32, ask: Ask, from: u64, to: Option<u64>, seen: Seen) -> Call {
    Call { number, ask, at: MOMENT, invoked: from, returned: to, seen: to.map(|_| seen) }
}

const PERSON: Person = Person { network: 0, agent: 0 };

fn refresh(number: u32, generation: u32, from: u64, to: Option<u64>, seen: Seen) -> Call {
    call(number, Ask::Refresh { client: 0, token: Token { session: 0, generation }, person: PERSON }, from, to, seen)
}

fn revoke(number: u32, from: u64, to: Option<u64>) -> Call {
    let token = Token { session: 0, generation: 0 };
    call(number, Ask::Revoke { client: 0, token, person: PERSON }, from, to, Seen::Done)
}

fn issued(generation: u32, access: Option<u32>) -> Seen {
    Seen::Issued { generation, access, expires_at: DAY }
}

fn logged_in() -> Worlds {
    let login = Ask::Login { client: 0, account: 0, password: 0, person: PERSON };
    Worlds::new(vec![RULES], 1, MOMENT).happened(&[call(0, login, 0, Some(1), issued(0, None))]).unwrap()
}

#[test]
fn a_history_that_no_order_explains_is_found() {
    let worlds = logged_in();
    let two_successors = [refresh(1, 0, 2, Some(4), issued(1, None)), refresh(2, 0, 3, Some(5), issued(1, None))];
    assert!(worlds.happened(&two_successors).is_err(), "one redemption, two access tokens");
    let again = [refresh(1, 0, 2, Some(4), issued(1, None)), refresh(2, 0, 3, Some(5), issued(1, Some(1)))];
    assert!(worlds.happened(&again).is_ok(), "the second is given the answer of the first");
    let after_revocation = [revoke(1, 2, Some(3)), refresh(2, 0, 4, Some(5), issued(1, None))];
    assert!(worlds.happened(&after_revocation).is_err(), "it had been revoked when the refresh was asked for");
    let during_revocation = [revoke(1, 2, Some(5)), refresh(2, 0, 3, Some(4), issued(1, None))];
    assert!(worlds.happened(&during_revocation).is_ok(), "the refresh may have come first");
    let refused = [refresh(1, 0, 2, Some(3), Seen::Refused)];
    assert!(worlds.happened(&refused).is_err(), "nothing was wrong with it");
    let lost = [refresh(1, 0, 2, None, Seen::Refused), refresh(2, 0, 3, Some(4), issued(1, None))];
    let lost = worlds.happened(&lost).unwrap();
    assert!(lost.happened(&[refresh(3, 0, 5, Some(6), issued(1, Some(2)))]).is_ok(), "whoever made it, there is one");
    let lost_revocation = worlds.happened(&[revoke(1, 2, None)]).unwrap();
    for seen in [Seen::Refused, issued(1, None)] {
        let known = lost_revocation.happened(&[refresh(2, 0, 3, Some(4), seen)]).unwrap();
        assert_eq!(known.count(), 1, "the answer tells what had become of it");
    }
}

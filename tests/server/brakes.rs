//! Each brake, pulled while people log in, refresh and are asked about: when it is answered, no token that was meant is active
//! anywhere, and every other goes on.

use super::support::{ADMIN, API_KEYS, Answer, BOOTSTRAP, Call, Plan, STORE, Server};
use serde_json::{Value, json};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// People who log in again and again, each from an own network, at two clients.
const PEOPLE: usize = 6;
const KIOSK: (&str, &str) = ("kiosk", "kiosk-secret-0123456789");
const PASSWORD: &str = "a password of nobody in particular";

/// Tokens of one session.
#[derive(Clone)]
struct Chain {
    person: usize,
    client: (&'static str, &'static str),
    access: String,
    refresh: String,
    /// When the first answer arrived.
    began: Instant,
}

struct Crowd<'a> {
    server: &'a Server,
    chains: Mutex<Vec<Chain>>,
    logins_refused: Mutex<Vec<Instant>>,
    logins_granted: Mutex<Vec<Instant>>,
    stop: AtomicBool,
    asked: AtomicUsize,
}

fn plan() -> Plan {
    let people =
        (0..PEOPLE).map(|n| format!("[[accounts]]\nlogin = \"person-{n}@example.com\"\npassword = \"{PASSWORD}\"\n"));
    let kiosk = "[[clients]]\nid = \"kiosk\"\nsecret = \"kiosk-secret-0123456789\"\nmax_sessions = 1000\n";
    Plan::new(&format!("{BOOTSTRAP}{kiosk}{API_KEYS}{}", people.collect::<String>()))
}

fn address(person: usize) -> String {
    format!("203.0.{person}.9")
}

impl Crowd<'_> {
    fn login(&self, person: usize, client: (&'static str, &'static str)) -> Answer {
        let login = format!("person-{person}@example.com");
        let form = [("grant_type", "password"), ("username", &login), ("password", PASSWORD)];
        self.ask(person, client, &form)
    }

    fn ask(&self, person: usize, client: (&'static str, &'static str), form: &[(&str, &str)]) -> Answer {
        let address = address(person);
        let headers = [("X-Forwarded-For", address.as_str()), ("X-Forwarded-User-Agent", "Store/1.0")];
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.server.post_as("/oauth2/token", Some(client), form, &headers)
    }

    /// Logs in, refreshes and introspects until the others stop.
    fn go_on(&self, worker: usize) {
        for round in worker.. {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            let (person, client) = (round % PEOPLE, if round % 2 == 0 { STORE } else { KIOSK });
            let sent = Instant::now();
            let answer = self.login(person, client);
            match answer.status {
                200 => self.logins_granted.lock().unwrap().push(sent),
                503 => self.logins_refused.lock().unwrap().push(sent),
                _ => panic!("{answer:?}"),
            }
            if answer.status != 200 {
                continue;
            }
            let (access, refresh) = (answer.access(), answer.refresh());
            let mut chain = Chain { person, client, access, refresh, began: Instant::now() };
            if round % 3 == 0 {
                let refresh = chain.refresh.clone();
                let form = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
                let answer = self.ask(person, client, &form);
                if answer.status == 200 {
                    (chain.access, chain.refresh) = (answer.access(), answer.refresh());
                }
            }
            self.chains.lock().unwrap().push(chain);
        }
    }
}

fn is_active(server: &Server, chain: &Chain) -> bool {
    let access = server.post("/oauth2/introspect", Some(chain.client), &[("token", &chain.access)]);
    let refresh = server.post("/oauth2/introspect", Some(chain.client), &[("token", &chain.refresh)]);
    let active = |answer: &Answer| answer.json()["active"].as_bool().unwrap();
    assert_eq!(active(&access), active(&refresh), "both tokens of a session say the same");
    active(&access)
}

/// Lets a crowd go on, pulls a brake, and looks at every session that began before: those that are meant are over, all others are not.
fn pull(server: &Server, brake: &Value, meant: impl Fn(&Chain) -> bool) {
    let crowd = Crowd {
        server,
        chains: Mutex::default(),
        logins_refused: Mutex::default(),
        logins_granted: Mutex::default(),
        stop: AtomicBool::new(false),
        asked: AtomicUsize::new(0),
    };
    let (sent, took) = std::thread::scope(|scope| {
        for worker in 0..3 {
            let crowd = &crowd;
            scope.spawn(move || crowd.go_on(worker));
        }
        while crowd.chains.lock().unwrap().len() < 60 {
            std::thread::sleep(Duration::from_millis(10));
        }
        let dry: Value = json!({"dry_run": true});
        let mut asked = brake.clone();
        asked.as_object_mut().unwrap().extend(dry.as_object().unwrap().clone());
        let cost = server.admin("POST", "/admin/brakes", &asked);
        assert_eq!(cost["done"], false);
        let sent = Instant::now();
        let pulled = server.admin("POST", "/admin/brakes", brake);
        let took = sent.elapsed();
        assert_eq!(pulled["done"], true);
        assert!(pulled["cost"]["sessions"].as_u64() >= cost["cost"]["sessions"].as_u64(), "{cost} {pulled}");
        // While the others go on: everything of before is judged as soon as the brake is answered.
        let before: Vec<Chain> =
            crowd.chains.lock().unwrap().iter().filter(|chain| chain.began < sent).cloned().collect();
        for chain in &before {
            assert_eq!(is_active(server, chain), !meant(chain), "{} of person {}", chain.client.0, chain.person);
        }
        let dead = before.iter().filter(|chain| meant(chain)).count();
        assert!(dead > 0 && before.len() > 30, "{dead} of {}", before.len());
        println!("{brake}: {dead} of {} sessions over, answered in {took:?} under load", before.len());
        crowd.stop.store(true, Ordering::Relaxed);
        (sent, took)
    });
    let chains = crowd.chains.into_inner().unwrap();
    let dead = chains.iter().filter(|chain| chain.began < sent && meant(chain));
    for chain in dead.take(20) {
        let form = [("grant_type", "refresh_token"), ("refresh_token", chain.refresh.as_str())];
        let answer = server.post("/oauth2/token", Some(chain.client), &form);
        assert_eq!((answer.status, answer.text("error").as_str()), (400, "invalid_grant"));
        assert!(!is_active(server, chain));
    }
    println!("{} requests meanwhile; the brake took {took:?}", crowd.asked.into_inner());
}

#[test]
fn each_brake_ends_what_it_means_under_load_and_nothing_else() {
    let server = plan().start();
    let alone = server.admin("POST", "/admin/accounts/find", &json!({"login": "person-1@example.com"}));
    let account = json!({"brake": "account", "account": alone["id"]});
    pull(&server, &account, |chain| chain.person == 1);
    pull(&server, &json!({"brake": "client", "client": "kiosk"}), |chain| chain.client == KIOSK);
    pull(&server, &json!({"brake": "network", "network": "203.0.2.0/24"}), |chain| chain.person == 2);
    let keys = server.admin("GET", "/admin/keys", &Value::Null);
    let refresh = keys["items"].as_array().unwrap().iter().find(|key| key["kind"] == "refresh").unwrap();
    pull(&server, &json!({"brake": "key", "key": refresh["key"]}), |_| true);
    pull(&server, &json!({"brake": "all"}), |_| true);
    // Each session of before has an end of its own in the record, with its reason.
    let ends = |reason: &str| {
        let reason = format!("countersign_revocations_total{{reason=\"{reason}\"}}");
        super::support::wait_until(&reason, || server.metric(&reason) > 0.0);
    };
    ["all_revoked", "client_brake", "network_braked", "key_distrusted", "all_braked"].into_iter().for_each(ends);
    let events = server.events();
    let of = |name: &str| events.iter().filter(|event| event["type"] == name).count();
    assert_eq!((of("brakes.all_revoked"), of("brakes.network_revoked"), of("gate.sessions_revoked")), (1, 1, 1));
    let by: Vec<&Value> = events.iter().filter(|event| event["type"] == "brakes.all_revoked").collect();
    assert_eq!(by[0]["context"]["api_key"], "admin", "the record says who pulled it");
    assert!(!events.iter().any(|event| event.to_string().contains("203.0.2.")), "whose network it is, is sealed");
}

#[test]
fn once_logins_are_refused_nobody_gets_in_and_nobody_is_thrown_out() {
    let server = plan().start();
    let before = Crowd {
        server: &server,
        chains: Mutex::default(),
        logins_refused: Mutex::default(),
        logins_granted: Mutex::default(),
        stop: AtomicBool::new(false),
        asked: AtomicUsize::new(0),
    };
    let answered = std::thread::scope(|scope| {
        for worker in 0..3 {
            let crowd = &before;
            scope.spawn(move || crowd.go_on(worker));
        }
        while before.chains.lock().unwrap().len() < 30 {
            std::thread::sleep(Duration::from_millis(10));
        }
        server.admin("POST", "/admin/brakes", &json!({"brake": "logins"}));
        let answered = Instant::now();
        while before.logins_refused.lock().unwrap().iter().filter(|sent| **sent > answered).count() < 10 {
            std::thread::sleep(Duration::from_millis(10));
        }
        before.stop.store(true, Ordering::Relaxed);
        answered
    });
    let late = before.logins_granted.lock().unwrap().iter().filter(|sent| **sent > answered).count();
    assert_eq!(late, 0, "granted after it was answered that none is");
    for chain in before.chains.lock().unwrap().iter() {
        assert!(is_active(&server, chain), "sessions go on");
    }
    let wrong = server.login_as("person-1@example.com", "not the password");
    let right = server.login_as("person-1@example.com", PASSWORD);
    assert_eq!((wrong.status, wrong.body), (right.status, right.body), "nothing about the password is told");
    assert!(right.headers.iter().any(|(name, _)| name == "retry-after"));
    let state = server.admin("GET", "/admin/brakes", &Value::Null);
    assert!(state["logins_refused_since"].is_string(), "{state}");
    server.admin("POST", "/admin/brakes", &json!({"brake": "logins", "refuse": false}));
    assert_eq!(server.login_as("person-1@example.com", PASSWORD).status, 200);
}

#[test]
fn a_brake_that_is_mistyped_or_not_ones_own_is_not_pulled() {
    let server = plan().start();
    let chain = server.login();
    let pull = |body: &str, status, error: &str| {
        let call = Call { body, ..Call::new(ADMIN, "POST", "/admin/brakes") };
        call.refused(&server, status, error);
    };
    pull("{}", 400, "invalid_request");
    pull(r#"{"brake":"everything"}"#, 400, "invalid_request");
    pull(r#"{"brake":"client","client":"nobody"}"#, 404, "not_found");
    pull(r#"{"brake":"client"}"#, 400, "invalid_request");
    pull(r#"{"brake":"key","key":"77"}"#, 404, "not_found");
    pull(r#"{"brake":"network","network":"example.com"}"#, 400, "invalid_request");
    pull(r#"{"brake":"all","dryrun":true}"#, 400, "invalid_request");
    pull(r#"{"brake":"account","account":"019c133d-4000-7000-8000-00000000000a"}"#, 404, "not_found");
    assert!(server.is_active(&chain.access()));
    let call = Call { body: r#"{"brake":"all"}"#, ..Call::new(super::support::USERS, "POST", "/admin/brakes") };
    call.refused(&server, 403, "forbidden");
    assert!(server.is_active(&chain.access()));
}

#[test]
fn whoever_goes_on_refreshing_does_not_escape_the_brake_of_a_network() {
    let server = plan().start();
    let from = [("X-Forwarded-For", "203.0.3.9")];
    let login = [("grant_type", "password"), ("username", "person-3@example.com"), ("password", PASSWORD)];
    let chains: Vec<Answer> = (0..4).map(|_| server.post_as("/oauth2/token", Some(STORE), &login, &from)).collect();
    let (stop, newest) = (AtomicBool::new(false), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for chain in &chains {
            let (server, stop, newest) = (&server, &stop, &newest);
            scope.spawn(move || {
                let mut last = chain.clone();
                while !stop.load(Ordering::Relaxed) {
                    let refresh = last.refresh();
                    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
                    let answer = server.post_as("/oauth2/token", Some(STORE), &form, &from);
                    if answer.status != 200 {
                        break;
                    }
                    last = answer;
                }
                newest.lock().unwrap().push(last);
            });
        }
        std::thread::sleep(Duration::from_millis(200));
        server.admin("POST", "/admin/brakes", &json!({"brake": "network", "network": "203.0.3.0/24"}));
        for chain in &chains {
            assert!(!server.is_active(&chain.access()));
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(newest.into_inner().unwrap().iter().all(|last| !server.is_active(&last.access())));
}

//! What a refused login tells: nothing. And what guessing costs, over HTTP.

mod ranks;

use crate::support::{ALICE, Answer, BOOTSTRAP, Plan, STORE, Server};

/// A server that has forgotten no attempt, with a store whose backend tells who is in front of it.
struct Guessed {
    server: Server,
}

impl Guessed {
    fn new(plan: Plan) -> Self {
        Self { server: plan.start() }
    }

    /// A login that the store's backend asks for somebody at an address.
    fn from(&self, address: &str, login: &str, password: &str) -> Answer {
        self.at(Some(STORE), address, login, password)
    }

    fn at(&self, client: Option<(&str, &str)>, address: &str, login: &str, password: &str) -> Answer {
        let mut form = vec![("grant_type", "password"), ("username", login), ("password", password)];
        if client.is_none() {
            form.push(("client_id", "app"));
        }
        self.server.post_as("/oauth2/token", client, &form, &[("X-Forwarded-For", address)])
    }

    fn wrong_from(&self, address: &str, login: &str, times: usize) {
        for _ in 0..times {
            assert_eq!(self.from(address, login, "wrong").status, 400);
        }
    }

    fn hashes(&self) -> u64 {
        self.server.metric("countersign_hashes_total") as u64
    }
}

/// An answer without what differs from answer to answer whoever asks.
fn bare(answer: &Answer) -> Answer {
    let differs = |name: &str| matches!(name, "date" | "x-request-id");
    let mut answer = answer.clone();
    answer.headers.retain(|(name, _)| !differs(name));
    answer
}

#[test]
fn every_refused_login_is_answered_alike_and_costs_one_hash() {
    let guessed = Guessed::new(Plan::new(BOOTSTRAP));
    guessed.wrong_from("203.0.113.1", "bob@example.com", 10);
    let cases = [
        ("unknown", "192.0.2.1", "nobody@example.com", "wrong"),
        ("wrong password", "192.0.2.1", ALICE.0, "wrong"),
        ("throttled, wrong password", "203.0.113.1", "bob@example.com", "wrong"),
        ("throttled, right password", "203.0.113.1", "bob@example.com", "another fine password"),
        ("no password of anybody", "192.0.2.1", "nobody@example.com", ALICE.1),
        ("a name with odd characters", "192.0.2.1", "no body\u{0}@example.com", "wro\u{0}ng"),
    ];
    let mut answers = Vec::new();
    for (case, address, login, password) in cases {
        let before = guessed.hashes();
        let answer = guessed.from(address, login, password);
        assert_eq!(answer.status, 400, "{case}: {answer:?}");
        assert_eq!(guessed.hashes() - before, 1, "{case}");
        answers.push((case, bare(&answer)));
    }
    for (case, answer) in &answers {
        assert_eq!(*answer, answers[0].1, "{case}");
    }
    assert_eq!(answers[0].1.text("error"), "invalid_grant");
    assert_eq!(answers[0].1.header("cache-control"), Some("no-store"));
}

#[test]
fn ten_strangers_of_a_network_may_guess_and_slow_nobody_else() {
    let guessed = Guessed::new(Plan::new(BOOTSTRAP));
    assert_eq!(guessed.from("198.51.100.7", ALICE.0, ALICE.1).status, 200, "a familiar context from here on");
    guessed.wrong_from("203.0.113.1", ALICE.0, 9);
    assert_eq!(guessed.from("203.0.113.2", ALICE.0, "wrong").status, 400);
    assert_eq!(guessed.from("203.0.113.3", ALICE.0, ALICE.1).status, 400, "the network has used up its attempts");
    for network in 0..20 {
        guessed.wrong_from(&format!("203.0.{network}.1"), ALICE.0, 5);
    }
    assert_eq!(guessed.from("192.0.2.1", ALICE.0, ALICE.1).status, 400, "all strangers together have used up theirs");
    assert_eq!(guessed.from("198.51.100.200", ALICE.0, ALICE.1).status, 200, "her own network is not slowed");
    assert_eq!(guessed.from("192.0.2.1", "bob@example.com", "another fine password").status, 200, "nor is bob");
    let throttled = guessed.server.metric(r#"countersign_logins_total{client="store",outcome="throttled"}"#);
    assert!(throttled >= 2.0, "{throttled}");
}

#[test]
fn right_passwords_cost_nothing() {
    let guessed = Guessed::new(Plan::new(BOOTSTRAP));
    for _ in 0..30 {
        assert_eq!(guessed.from("198.51.100.7", ALICE.0, ALICE.1).status, 200);
    }
    guessed.wrong_from("198.51.100.7", ALICE.0, 19);
    assert_eq!(guessed.from("198.51.100.7", ALICE.0, ALICE.1).status, 200, "one of twenty was left");
    guessed.wrong_from("198.51.100.7", ALICE.0, 1);
    assert_eq!(guessed.from("198.51.100.7", ALICE.0, ALICE.1).status, 400);
}

#[test]
fn a_public_client_cannot_say_who_asks_and_a_backend_can() {
    let backend =
        format!("{BOOTSTRAP}\n[[clients]]\nid = \"kiosk\"\ntype = \"public\"\nbackends = [\"127.0.0.0/8\"]\n");
    let guessed = Guessed::new(Plan::new(&backend));
    for network in 0..10 {
        assert_eq!(guessed.at(None, &format!("203.0.{network}.1"), ALICE.0, "wrong").status, 400);
    }
    assert_eq!(guessed.at(None, "192.0.2.1", ALICE.0, ALICE.1).status, 400, "they all came from one peer");

    let as_kiosk = |address: &str, password: &str| {
        let form = [("grant_type", "password"), ("client_id", "kiosk"), ("username", "bob@example.com")];
        let form: Vec<_> = form.into_iter().chain([("password", password)]).collect();
        guessed.server.post_as("/oauth2/token", None, &form, &[("X-Forwarded-For", address)]).status
    };
    (0..10).for_each(|_| assert_eq!(as_kiosk("203.0.113.1", "wrong"), 400));
    assert_eq!(as_kiosk("203.0.113.9", "another fine password"), 400);
    assert_eq!(as_kiosk("192.0.2.1", "another fine password"), 200, "another network, as the backend tells");
    let told: Vec<_> = guessed.server.events().iter().map(|event| event["context"]["told_by"].clone()).collect();
    assert!(told.contains(&"peer".into()) && told.contains(&"backend".into()), "{told:?}");
}

/// Two accounts from another system, whose hashes are of another scheme and weaker than new ones.
fn imported() -> String {
    let hash = |password: &str| bcrypt::hash(password, 8).unwrap();
    let accounts = [("carol@example.com", hash("carols password")), ("dave@example.com", hash("daves password"))];
    let clients = BOOTSTRAP.split("[[accounts]]").next().unwrap();
    accounts.iter().fold(clients.to_owned(), |text, (login, hash)| {
        text + &format!("[[accounts]]\nlogin = \"{login}\"\npassword_hash = \"{hash}\"\n")
    })
}

#[test]
fn an_imported_hash_lets_in_and_is_made_anew() {
    let guessed = Guessed::new(Plan::new(&imported()));
    assert_eq!(guessed.from("192.0.2.1", "carol@example.com", "wrong").status, 400);
    assert_eq!(guessed.from("192.0.2.1", "carol@example.com", "carols password").status, 200);
    let rehashed = |server: &Server| server.events().iter().any(|event| event["type"] == "account.password_rehashed");
    assert!((0..20).any(|_| rehashed(&guessed.server)), "{:?}", guessed.server.diagnostics());
    let before = guessed.hashes();
    assert_eq!(guessed.from("192.0.2.1", "carol@example.com", "carols password").status, 200);
    assert_eq!(guessed.from("192.0.2.1", "carol@example.com", "wrong").status, 400);
    assert_eq!(guessed.hashes() - before, 2, "it is not hashed anew twice");
    let events = guessed.server.events();
    let rehashes = events.iter().filter(|event| event["type"] == "account.password_rehashed");
    assert_eq!(rehashes.map(|event| event["data"]["scheme"]["name"].clone()).collect::<Vec<_>>().len(), 1);
}

/// Made by Django (PBKDF2) and passlib (scrypt) from "correct horse".
#[test]
fn hashes_in_the_notations_of_other_systems_let_in_and_are_made_anew() {
    let django = "pbkdf2_sha256$260000$seasalt1234$GxXMaANP8hhZ9x3PB5I1MgrwZZuPtIgkeO5F909avOQ=";
    let passlib = "$scrypt$ln=10,r=8,p=1$25vzvleq9d57b01pbc1ZCw$VOvdWJ5h/4DMknab9vKnA7WvkktXXG8X/eGKF6XjoZ8";
    let clients = BOOTSTRAP.split("[[accounts]]").next().unwrap();
    let account = |login, hash| format!("[[accounts]]\nlogin = \"{login}\"\npassword_hash = \"{hash}\"\n");
    let (carol, dave) = ("carol@example.com", "dave@example.com");
    let guessed = Guessed::new(Plan::new(&format!("{clients}{}{}", account(carol, django), account(dave, passlib))));
    let schemes = |event_type: &str| -> Vec<String> {
        let events = guessed.server.events().into_iter().filter(|event| event["type"] == event_type);
        events
            .flat_map(|event| event["data"]["scheme"].as_object().unwrap().keys().cloned().collect::<Vec<_>>())
            .collect()
    };
    assert_eq!(schemes("gate.password_set"), ["pbkdf2-sha256", "scrypt"]);
    for login in [carol, dave] {
        assert_eq!(guessed.from("192.0.2.1", login, "wrong").status, 400, "{login}");
        assert_eq!(guessed.from("192.0.2.1", login, "correct horse").status, 200, "{login}");
    }
    crate::support::wait_until("both are hashed anew", || schemes("account.password_rehashed").len() == 2);
    assert_eq!(schemes("account.password_rehashed"), ["argon2id", "argon2id"]);
    for login in [carol, dave] {
        assert_eq!(guessed.from("192.0.2.1", login, "correct horse").status, 200, "{login}");
    }
}

#[test]
fn a_login_that_does_not_exist_is_hashed_as_its_neighbours_are() {
    let guessed = Guessed::new(Plan::new(&imported()));
    let seconds = || guessed.server.metric("countersign_hash_seconds_sum");
    let cost = |login: &str| {
        let before = (seconds(), guessed.hashes());
        assert_eq!(guessed.from("192.0.2.1", login, "wrong").status, 400);
        assert_eq!(guessed.hashes() - before.1, 1);
        seconds() - before.0
    };
    let least = |logins: [&str; 3]| logins.map(cost).into_iter().fold(f64::MAX, f64::min);
    let known = least(["carol@example.com", "dave@example.com", "carol@example.com"]);
    let unknown = least(["erin@example.com", "frank@example.com", "grace@example.com"]);
    // Another scheme would be hundreds of times quicker here; a busy machine makes either of them slower, never quicker.
    assert!(unknown > known / 20.0, "{unknown} s, where a login that exists takes {known} s");
}

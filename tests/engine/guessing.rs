//! Guesses that are made at the same time: as many are judged as if they had come one after the other.

use crate::machine::{ALICE, Machine, Running, person_at};
use countersign::actors::{Issued, LoginAsk, Refused};
use countersign::crypto::{Kernel, Params};
use countersign::domain::denial::Denial;
use futures_util::future::join_all;
use zeroize::Zeroizing;

const ALLOWED: usize = 10;
const WRONG: usize = 40;
const HOME: &str = "198.51.100.7";

/// A machine that allows few guesses, and hashes one password at a time.
fn machine(seed: u64) -> Machine {
    Machine::new(seed).set("PASSWORDS__STRANGERS_PER_NETWORK", &ALLOWED.to_string()).set("HASH__THREADS", "1")
}

/// Logs in from an address with each of some passwords, all at once: what became of each.
async fn at_once(running: &Running, address: &str, login: &str, passwords: &[String]) -> Vec<Result<Issued, Refused>> {
    let client = running.client("store").await;
    let logins = passwords.iter().map(|password| {
        let password = Zeroizing::new(password.as_bytes().to_vec());
        let ask = LoginAsk::new(login.to_owned(), password, None, person_at(address));
        running.services.logins.login(&client, ask)
    });
    join_all(logins).await.into_iter().map(|answer| answer.map_err(|no| no.refused)).collect()
}

/// Wrong passwords, and the right one behind them.
fn guesses() -> Vec<String> {
    let wrong = (0..WRONG).map(|number| format!("wrong-{number}"));
    wrong.chain([ALICE.1.to_owned()]).collect()
}

/// The first are judged, and all others are not, whatever they are.
fn check(answers: Vec<Result<Issued, Refused>>) {
    let expected = |number| if number < ALLOWED { Denial::WrongCredentials } else { Denial::Throttled };
    for (number, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.err(), Some(expected(number).into()), "guess {number}");
    }
}

#[actix_rt::test]
async fn guesses_made_at_once_are_as_few_as_guesses_made_in_turn() {
    let mut machine = machine(71);
    let running = machine.start();
    running.prepare(|_| ()).await;
    let home = [ALICE.1.to_owned()];
    assert!(at_once(&running, HOME, ALICE.0, &home).await[0].is_ok(), "a familiar context from here on");
    let (guesses, unknown) = (guesses(), "nobody@example.com");
    let (known, not_known, meanwhile) = tokio::join!(
        at_once(&running, "203.0.113.1", ALICE.0, &guesses),
        at_once(&running, "100.64.0.1", unknown, &guesses),
        at_once(&running, HOME, ALICE.0, &home),
    );
    check(known);
    check(not_known);
    assert!(meanwhile[0].is_ok(), "a familiar context is not slowed");
    let hashes = running.services.core.metrics.hashes_total.get();
    assert_eq!(hashes, 2 + 2 * (WRONG as u64 + 1), "what is throttled costs a hash as well");
    let later = at_once(&running, "203.0.113.2", ALICE.0, &home).await;
    assert_eq!(later[0].as_ref().err(), Some(&Denial::Throttled.into()), "nor does the network get more afterwards");
    assert!(at_once(&running, "192.0.2.1", ALICE.0, &home).await[0].is_ok(), "another network is not slowed");
    running.stop();
}

#[actix_rt::test]
async fn the_right_password_gives_its_attempt_back_and_no_other() {
    let mut machine = machine(72);
    let running = machine.start();
    running.prepare(|_| ()).await;
    // A hundred times what it takes to charge all of them: none is hashed before.
    let cost = Params { m_kib: 16_384, t: 4, p: 1 };
    let hash = Kernel::new(cost).hash(ALICE.1.as_bytes(), &[7; 16], cost).unwrap();
    running.create_account("carol@example.com", hash.to_string()).await.unwrap();
    let mut passwords = vec![ALICE.1.to_owned()];
    passwords.extend((0..ALLOWED).map(|number| format!("wrong-{number}")));
    let answers = at_once(&running, "203.0.113.1", "carol@example.com", &passwords).await;
    assert!(answers[0].is_ok(), "it was the first");
    let wrong = answers[1..].iter().filter(|answer| answer.as_ref().err() == Some(&Denial::WrongCredentials.into()));
    assert_eq!(wrong.count(), ALLOWED - 1, "the right one held its attempt while it was hashed");
    running.stop();
}

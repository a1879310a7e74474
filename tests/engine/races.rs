//! Logins and refreshes against whatever changes what they were decided on.

use crate::machine::{ALICE, Draw, Machine, Running, cheap_hash, client_id, eventually, operator, slow_hash};
use countersign::actors::{Issued, NewPassword, Refused};
use countersign::domain::client::ClientCommand;
use countersign::domain::denial::Denial;
use countersign::domain::gate::{GateCommand, PasswordHow};
use countersign::domain::ids::AccountId;
use countersign::domain::time::Span;
use futures_util::future::join_all;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use zeroize::Zeroizing;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Change {
    Password,
    Disable,
    RevokeSessions,
    DisableClient,
    BrakeClient,
}

const CHANGES: [Change; 5] =
    [Change::Password, Change::Disable, Change::RevokeSessions, Change::DisableClient, Change::BrakeClient];

impl Change {
    async fn make(self, running: &Running, alice: AccountId, password: &str) {
        let administration = &running.services.administration;
        let gate = |command| administration.change_account(alice, command, None, &OPERATOR);
        let client =
            |command| async { administration.change_client(&client_id("store"), command, None, &operator()).await };
        let made = match self {
            Self::Password => {
                let new = NewPassword::Hash(Zeroizing::new(cheap_hash(password)));
                administration.give_password(alice, new, (false, PasswordHow::Given), None, &operator()).await
            }
            Self::Disable => gate(GateCommand::Disable).await,
            Self::RevokeSessions => gate(GateCommand::RevokeSessions).await,
            Self::DisableClient => client(ClientCommand::Disable).await,
            Self::BrakeClient => client(ClientCommand::RevokeSessions).await,
        };
        made.unwrap();
    }

    async fn undo(self, running: &Running, alice: AccountId) {
        let administration = &running.services.administration;
        match self {
            Self::Disable => {
                administration.change_account(alice, GateCommand::Enable, None, &operator()).await.unwrap();
            }
            Self::DisableClient => {
                let store = client_id("store");
                administration.change_client(&store, ClientCommand::Enable, None, &operator()).await.unwrap();
            }
            Self::Password | Self::RevokeSessions | Self::BrakeClient => {}
        }
    }

    /// What a login is answered that read everything before the change and was decided after it.
    fn overtakes(self) -> Result<(), Denial> {
        match self {
            Self::Password => Err(Denial::WrongCredentials),
            Self::Disable => Err(Denial::AccountDisabled),
            Self::DisableClient => Err(Denial::ClientDisabled),
            // The password is still right and nothing keeps her out: a new session, younger than the change.
            Self::RevokeSessions | Self::BrakeClient => Ok(()),
        }
    }
}

static OPERATOR: std::sync::LazyLock<countersign::actors::Asker> = std::sync::LazyLock::new(operator);

/// Keeps the only hash thread busy, has alice's login wait behind it, makes the change, and gives what the login came to.
/// Tried again should the change have been slower than the hash.
async fn overtaken(running: &Running, alice: AccountId, change: Change, password: &str) -> Result<Issued, Refused> {
    let depth = || running.services.core.metrics.hash_queue_depth.get();
    for attempt in 0.. {
        assert!(attempt < 50, "{change:?} never came between");
        // What waits first is the slow hash itself, until the thread takes it up.
        let asked = std::cell::Cell::new(false);
        let between = async {
            eventually("the login to wait for the hash thread", || (asked.get() && depth() == 1).then_some(())).await;
            change.make(running, alice, "another password").await;
            depth() == 1
        };
        let slow = running.login_as("other", "slow@example.com", "wrong");
        let login = async {
            eventually("the slow hash to be taken up", || (depth() == 0).then_some(())).await;
            asked.set(true);
            running.login_as("store", ALICE.0, password).await
        };
        let (_, login, came_between) = tokio::join!(slow, login, between);
        if came_between {
            return login;
        }
        change.undo(running, alice).await;
        Change::Password.make(running, alice, password).await;
    }
    unreachable!("the loop returns or panics")
}

#[actix_rt::test]
async fn a_login_that_is_overtaken_by_a_change_is_decided_again() {
    for change in CHANGES {
        let mut machine = Machine::new(1);
        let running = machine.start();
        let alice = running.prepare(|_| ()).await;
        running.create_client("other", default_settings()).await;
        running.create_account("slow@example.com", slow_hash("x")).await.unwrap();
        let login = overtaken(&running, alice, change, ALICE.1).await;
        match (change.overtakes(), login) {
            (Ok(()), Ok(issued)) => assert!(running.is_alive(&issued).await, "{change:?}"),
            (Err(expected), Err(Refused::Denied(denial))) => assert_eq!(denial, expected, "{change:?}"),
            (expected, login) => panic!("{change:?}: {expected:?}, but {:?}", login.map(|issued| issued.session)),
        }
        running.stop();
    }
}

fn default_settings() -> countersign::domain::client::ClientSettings {
    use countersign::domain::client::{ClientSettings, ClientType, Profile};
    ClientSettings::new(ClientType::Confidential, Profile::Standard)
}

#[actix_rt::test]
async fn whatever_the_order_no_session_of_before_a_change_lives_after_it() {
    let mut draw = Draw::new(20_260_731);
    for change in CHANGES {
        let mut machine = Machine::new(2);
        let running = machine.start();
        let alice = running.prepare(|_| ()).await;
        let mut password = ALICE.1.to_owned();
        for round in 0..40 {
            let (before, after) = (draw.below(4), draw.below(4));
            let next = if change == Change::Password { format!("password {round}") } else { password.clone() };
            let login = async {
                wait_a_little(before).await;
                running.login_as("store", ALICE.0, &password).await
            };
            let changed = async {
                wait_a_little(after).await;
                change.make(&running, alice, &next).await;
            };
            let (login, ()) = tokio::join!(login, changed);
            if let Ok(issued) = login {
                let version = gate_version(&running, alice);
                let session = running.session(issued.session.unwrap());
                let is_younger =
                    session.gate_version == version && !matches!(change, Change::Password | Change::Disable);
                let alive = running.is_alive(&issued).await;
                let may_live = is_younger && matches!(change, Change::RevokeSessions | Change::BrakeClient);
                assert!(!alive || may_live, "{change:?}, round {round}: a session of before lives on");
            }
            change.undo(&running, alice).await;
            password = next;
        }
        running.stop();
    }
}

fn gate_version(running: &Running, alice: AccountId) -> u64 {
    running.services.core.reader.gate(alice).unwrap().unwrap().version
}

/// Some turns of the scheduler, or a wait of about as long as a login takes.
async fn wait_a_little(much: u64) {
    for _ in 0..much * 3 {
        tokio::task::yield_now().await;
    }
    if much == 3 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[actix_rt::test]
async fn revoking_everything_is_not_starved_by_a_thief_who_never_pauses() {
    let mut machine = Machine::new(3);
    let running = machine.start();
    let alice = running.prepare(|_| ()).await;
    for _ in 0..20 {
        let (stop, refreshes) = (AtomicBool::new(false), AtomicUsize::new(0));
        let stolen = running.login().await.unwrap();
        let thief = async {
            let mut token = stolen.refresh_token.clone().unwrap();
            while !stop.load(Ordering::Relaxed) {
                match running.refresh(&token).await {
                    Ok(issued) => token = issued.refresh_token.unwrap(),
                    Err(Refused::Denied(_)) => break,
                    Err(Refused::Unavailable(why)) => panic!("{why:?}"),
                }
                refreshes.fetch_add(1, Ordering::Relaxed);
            }
            token
        };
        let owner = async {
            eventually("the thief at work", || (refreshes.load(Ordering::Relaxed) > 5).then_some(())).await;
            let revoked = running
                .services
                .administration
                .change_account(alice, GateCommand::RevokeSessions, None, &operator())
                .await;
            assert!(revoked.is_ok(), "{revoked:?}");
            let claims_at_once = running.services.tokens.inspect(&stolen.access_token).unwrap();
            assert!(claims_at_once.is_none(), "dead at the answer");
            stop.store(true, Ordering::Relaxed);
        };
        let (token, ()) = tokio::join!(thief, owner);
        assert_eq!(running.refresh(&token).await.err(), Some(Denial::Closed.into()));
        assert_eq!(running.wait_for_end(&stolen).await, "all_revoked");
    }
    running.stop();
}

#[actix_rt::test]
async fn of_two_accounts_made_at_once_with_one_login_one_is_made() {
    let mut machine = Machine::new(4);
    let running = machine.start();
    running.prepare(|_| ()).await;
    for round in 0..50 {
        let login = format!("person{round}@example.com");
        let spelled = [login.clone(), login.to_uppercase(), format!(" {login} "), login.clone()];
        let made = join_all(spelled.iter().map(|login| running.create_account(login, cheap_hash("x")))).await;
        assert_eq!(made.iter().flatten().count(), 1, "{login}");
        let found = running.services.administration.find_account(&login).unwrap();
        assert_eq!(found, made.into_iter().flatten().next());
    }
    running.stop();
}

#[actix_rt::test]
async fn the_cap_on_sessions_is_exact_under_fifty_logins_at_once() {
    let mut machine = Machine::new(5);
    let running = machine.start();
    let alice = running.prepare(|settings| settings.max_sessions = 3).await;
    let logins = join_all((0..50).map(|_| running.login())).await;
    let issued: Vec<Issued> = logins.into_iter().map(Result::unwrap).collect();
    let open = running.services.core.reader.sessions_at(alice, &client_id("store"), 100).unwrap();
    assert_eq!(open.len(), 3);
    assert_eq!(running.open_sessions(), 3);
    let ended: Vec<_> = issued.iter().filter(|issued| running.ended(issued) == Some("session_cap")).collect();
    assert_eq!(ended.len(), 47);

    let events = machine.events();
    let of_type = |kind: &str| {
        let of_type = events.iter().filter(|event| event["type"] == kind);
        of_type.map(|event| (event["stream"].to_string(), event["commit"].to_string())).collect::<Vec<_>>()
    };
    let (started, revoked) = (of_type("session.started"), of_type("session.revoked"));
    assert_eq!((started.len(), revoked.len()), (50, 47));
    assert!(revoked.iter().all(|(_, commit)| started.iter().any(|(_, of_login)| of_login == commit)), "with a login");
    let mut counted = 0_i32;
    for event in &events {
        counted += match event["type"].as_str() {
            Some("session.started") => 1,
            Some("session.revoked") => -1,
            _ => 0,
        };
        assert!(counted <= 3, "{event}");
    }
    running.stop();
}

#[actix_rt::test]
async fn beyond_the_cap_the_oldest_session_ends() {
    let mut machine = Machine::new(6);
    let running = machine.start();
    running.prepare(|settings| settings.max_sessions = 3).await;
    let mut issued = Vec::new();
    for _ in 0..5 {
        machine.clock.advance(Span::seconds(1));
        issued.push(running.login().await.unwrap());
    }
    let ended: Vec<_> = issued.iter().map(|issued| running.ended(issued)).collect();
    assert_eq!(ended, [Some("session_cap"), Some("session_cap"), None, None, None]);
    assert!(!running.is_alive(&issued[1]).await);
    assert!(running.is_alive(&issued[2]).await);
    running.stop();
}

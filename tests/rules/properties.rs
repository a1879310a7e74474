//! What holds after any history: random people ask for random things, and after every step the promises are checked.

use crate::given::*;
use crate::in_full_rules::everybody_is_found;
use crate::index_rules::recomputed;
use crate::replay_rules::{again, decisions};
use crate::used_by_rules::the_last_user_is_remembered;
use countersign::domain::account::{AccountEvent, PasswordVerdict};
use countersign::domain::brakes::{BrakesCommand, BrakesEvent};
use countersign::domain::client::{ClientCommand, ClientEvent, Grant, LateRetry, Rotation};
use countersign::domain::command::Command;
use countersign::domain::context::Context;
use countersign::domain::denial::Denial;
use countersign::domain::evidence::{Door, EvidenceEvent};
use countersign::domain::gate::{GateCommand, GateEvent};
use countersign::domain::ids::{Generation, Position, SessionId, StreamId};
use countersign::domain::session::{RefreshGranted, RefreshHow, RevokeReason, SessionEvent};
use countersign::domain::system::SystemEvent;
use countersign::domain::time::{Span, Timestamp};
use countersign::domain::{Event, State, apply};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Something that is asked.
#[derive(Clone, Debug)]
enum Step {
    Refresh {
        back: i64,
        who: u8,
        stranger_client: bool,
        scope: u8,
        unavailable: Span,
    },
    LogIn {
        verdict: PasswordVerdict,
        who: u8,
        cap: bool,
    },
    Revoke {
        back: i64,
        own: bool,
    },
    LogOut,
    Show {
        back: i64,
    },
    WrongDoor {
        back: i64,
    },
    Sweep,
    /// What is over is archived.
    Archive,
    Gate(GateCommand),
    Brakes(BrakesCommand),
    Client(ClientCommand),
    Issue,
    Fail(u8),
    /// Time passes.
    Wait(Span),
    /// The actors go to sleep.
    Forget,
    /// Another of the sessions is asked about from here on.
    Turn(usize),
}

fn who(n: u8) -> Context {
    match n {
        0..=2 => home(),
        3 => cafe(),
        4 => train(),
        5 => stranger(),
        6 => device(1),
        _ => nobody(n),
    }
}

fn settings() -> impl Strategy<Value = ClientCommand> {
    let windows = prop_oneof![Just(Span::ZERO), Just(secs(30)), Just(mins(30))];
    let late = prop_oneof![Just(LateRetry::Revoke), Just(LateRetry::Reissue)];
    let rotation = prop_oneof![4 => Just(Rotation::Always), 1 => Just(Rotation::Never)];
    (windows, late, rotation, prop::bool::weighted(0.9)).prop_map(|(window, late, rotation, refreshes)| {
        let mut settings = store_settings();
        settings.grants.insert(Grant::ClientCredentials);
        (settings.retry_window, settings.late_retry, settings.rotation) = (window, late, rotation);
        if !refreshes {
            settings.grants.remove(&Grant::RefreshToken);
        }
        ClientCommand::Change(Box::new(settings))
    })
}

fn gate_command() -> impl Strategy<Value = GateCommand> {
    prop_oneof![
        2 => Just(set_password("another")),
        1 => Just(set_password_to_be_changed("first")),
        1 => Just(GateCommand::SetMustChange(true)),
        3 => Just(GateCommand::SetMustChange(false)),
        1 => Just(GateCommand::LiftRegistrations),
        2 => Just(GateCommand::Disable),
        6 => Just(GateCommand::Enable),
        2 => Just(GateCommand::AddRegistration(store())),
        1 => Just(GateCommand::WithdrawRegistration(store())),
        2 => Just(GateCommand::SetRoles(scopes(&["shopper"]))),
        2 => Just(GateCommand::RevokeSessions),
        1 => Just(GateCommand::Erase),
    ]
}

fn brakes_command() -> impl Strategy<Value = BrakesCommand> {
    prop_oneof![
        2 => Just(BrakesCommand::RevokeAll),
        1 => Just(BrakesCommand::RevokeNetwork(sealed("192.0.2.0/24"))),
        2 => Just(BrakesCommand::RefuseLogins),
        4 => Just(BrakesCommand::AllowLogins),
    ]
}

fn client_command() -> impl Strategy<Value = ClientCommand> {
    prop_oneof![
        6 => settings(),
        1 => Just(ClientCommand::Disable),
        3 => Just(ClientCommand::Enable),
        1 => Just(ClientCommand::RevokeSessions),
        1 => Just(ClientCommand::SetSecret(sealed("new"))),
    ]
}

fn wait() -> impl Strategy<Value = Span> {
    prop_oneof![4 => (0..40_000i64).prop_map(Span), 2 => (0..40i64).prop_map(mins), 1 => (0..16i64).prop_map(days)]
}

/// How far behind the current generation the presented one lies; negative: ahead of it.
fn back() -> impl Strategy<Value = i64> {
    prop_oneof![12 => Just(0i64), 8 => Just(1), 2 => Just(2), 1 => 3..6i64, 1 => -2..0i64]
}

fn redeem() -> impl Strategy<Value = Step> {
    let unavailable = prop_oneof![5 => Just(Span::ZERO), 1 => Just(mins(5))];
    (back(), 0..9u8, prop::bool::weighted(0.03), 0..20u8, unavailable).prop_map(
        |(back, who, stranger_client, scope, unavailable)| Step::Refresh {
            back,
            who,
            stranger_client,
            scope,
            unavailable,
        },
    )
}

fn login() -> impl Strategy<Value = Step> {
    let verdict = prop_oneof![
        4 => Just(PasswordVerdict::Right),
        1 => Just(PasswordVerdict::Wrong),
        1 => Just(PasswordVerdict::Throttled)
    ];
    (verdict, 0..9u8, prop::bool::weighted(0.3)).prop_map(|(verdict, who, cap)| Step::LogIn { verdict, who, cap })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        40 => redeem(),
        6 => login(),
        1 => (back(), any::<bool>()).prop_map(|(back, own)| Step::Revoke { back, own }),
        1 => Just(Step::LogOut),
        2 => back().prop_map(|back| Step::Show { back }),
        1 => back().prop_map(|back| Step::WrongDoor { back }),
        1 => Just(Step::Sweep),
        2 => Just(Step::Archive),
        3 => gate_command().prop_map(Step::Gate),
        4 => client_command().prop_map(Step::Client),
        2 => brakes_command().prop_map(Step::Brakes),
        1 => Just(Step::Issue),
        1 => (0..9u8).prop_map(Step::Fail),
        20 => wait().prop_map(Step::Wait),
        1 => Just(Step::Forget),
        4 => (0..4usize).prop_map(Step::Turn),
    ]
}

fn presented(given: &Given, back: i64) -> Generation {
    u32::try_from((i64::from(given.current().generation) - back).max(0)).unwrap()
}

fn sessions(given: &Given) -> Vec<SessionId> {
    given
        .streams
        .keys()
        .filter_map(|stream| if let StreamId::Session(id) = stream { Some(*id) } else { None })
        .collect()
}

/// Takes a step that asks about a session which is archived; `None` where it asks about something else.
fn take_archived(given: &Given, step: &Step) -> Option<Given> {
    let g = |back| presented(given, back);
    Some(match step.clone() {
        Step::Refresh { back, who: n, stranger_client, .. } => {
            let ask = old(Door::Refresh, g(back)).from(who(n));
            given.clone().tried(if stranger_client { ask.by(other()) } else { ask })
        }
        Step::Revoke { back, own } => {
            let ask = old(Door::Revoke, g(back));
            given.clone().tried(if own { ask } else { ask.by(other()) })
        }
        Step::Show { back } => given.clone().tried(old(Door::Show, g(back))),
        Step::LogOut | Step::WrongDoor { .. } | Step::Sweep => given.clone(),
        _ => return None,
    })
}

/// Takes a step, and tells the answer of a refresh that was granted.
fn take(given: Given, step: &Step) -> (Given, Option<RefreshGranted>) {
    if given.is_archived()
        && let Some(next) = take_archived(&given, step)
    {
        return (next, None);
    }
    let g = |back| presented(&given, back);
    let next = match step.clone() {
        Step::Refresh { back, who: n, stranger_client, scope, unavailable } => {
            let ask = refresh(g(back)).from(who(n)).unavailable(unavailable);
            let ask = if stranger_client { ask.by(other()) } else { ask };
            let ask = match scope {
                0 => ask.asking(&["admin"]),
                1 => ask.asking(&["cart"]),
                _ => ask,
            };
            let answer = given.clone().when(ask.clone()).decision.outcome.ok();
            return (given.tried(ask), answer);
        }
        Step::LogIn { verdict, who: n, cap } => {
            let known = |id: &SessionId| given.state(&StreamId::Session(*id)).is_some();
            let oldest = sessions(&given).into_iter().find(known).filter(|_| cap);
            let ask = log_in().verdict(verdict).from(who(n));
            let ask = if let Some(oldest) = oldest { ask.ending(&[oldest]) } else { ask };
            given.tried(ask)
        }
        Step::Revoke { back, own } => {
            let client = if own { store() } else { other() };
            let generation = g(back);
            given.tried(revoke(RevokeReason::Revoked, Some(client), Some(generation)))
        }
        Step::LogOut => given.tried(log_out()),
        Step::Show { back } => {
            let generation = g(back);
            given.tried(Show(generation))
        }
        Step::WrongDoor { back } => {
            let generation = g(back);
            given.tried(WrongDoor(generation))
        }
        Step::Sweep => given.tried(Sweep),
        Step::Archive => given.archive(),
        Step::Gate(command) => given.tried(command),
        Step::Client(command) => given.tried(command),
        Step::Brakes(command) => given.tried(command),
        Step::Issue => given.tried(issue().from(stranger())),
        Step::Fail(n) => given.tried(Fail(Denial::ClientSecretWrong, who(n))),
        Step::Wait(span) => {
            let later = given.now.since(BEGIN) + span;
            given.at(later)
        }
        Step::Forget => given.forgotten(),
        Step::Turn(n) => {
            let all = sessions(&given);
            Given { session: all[n % all.len()], ..given }
        }
    };
    (next, None)
}

/// Whether a session is over, told from the journal's entries alone.
fn is_over(given: &Given, id: SessionId) -> bool {
    let mut end: Option<Timestamp> = None;
    let mut over = false;
    for recorded in &given.history {
        match (&recorded.event, &recorded.stream) {
            (Event::Session(event), StreamId::Session(of)) if *of == id => match event {
                SessionEvent::Started(started) => end = Some(started.absolute_end.min(started.idle_end)),
                SessionEvent::Refreshed(refreshed) => {
                    let absolute = given.session_of(id).absolute_end;
                    end = Some(refreshed.idle_end.min(absolute));
                }
                SessionEvent::Revoked { .. } | SessionEvent::Expired => over = true,
                _ => {}
            },
            (
                Event::Gate(
                    GateEvent::PasswordSet { .. }
                    | GateEvent::Disabled
                    | GateEvent::SessionsRevoked
                    | GateEvent::Erased,
                ),
                _,
            )
            | (Event::Client(ClientEvent::SessionsRevoked) | Event::Brakes(BrakesEvent::AllRevoked), _) => {
                over |= end.is_some();
            }
            _ => {}
        }
    }
    over || end.is_none_or(|end| given.now >= end)
}

/// The refresh tokens that were made: who made each, and whether it was burned.
fn made(given: &Given, id: SessionId) -> (BTreeMap<Generation, Generation>, BTreeSet<Generation>) {
    let (mut made, mut burned) = (BTreeMap::new(), BTreeSet::new());
    for recorded in given.history.iter().filter(|recorded| recorded.stream == StreamId::Session(id)) {
        let Event::Session(SessionEvent::Refreshed(refreshed)) = &recorded.event else { continue };
        if refreshed.generation != refreshed.presented {
            let other = made.insert(refreshed.generation, refreshed.presented);
            assert_eq!(other, None, "generation {} was made twice", refreshed.generation);
        }
        burned.extend(refreshed.burned);
    }
    (made, burned)
}

/// No refresh token has two successors that are both worth something.
fn one_successor_each(given: &Given) {
    for id in sessions(given) {
        let (made, burned) = made(given, id);
        let mut parents = BTreeSet::new();
        for (child, parent) in made.iter().filter(|(child, _)| !burned.contains(child)) {
            assert!(parents.insert(*parent), "generation {parent} has another successor than {child}");
        }
    }
}

/// Whatever anybody shows now, only one token is redeemed, and only its parent is answered with it again.
fn one_token_redeemable(given: &Given) {
    if given.is_archived() {
        return;
    }
    let current = given.current().generation;
    let (made, burned) = made(given, given.session);
    for generation in 0..=current + 1 {
        for person in [home(), cafe(), stranger(), nobody(9)] {
            let Ok(answer) = given.clone().when(refresh(generation).from(person)).decision.outcome else { continue };
            assert!(!burned.contains(&generation), "{generation} was burned");
            match answer.how {
                RefreshHow::Rotated => assert_eq!(generation, current),
                RefreshHow::Retried | RefreshHow::MovedRetry => {
                    assert_eq!((made.get(&current), answer.generation), (Some(&generation), current));
                }
                RefreshHow::Reissued => {
                    assert_eq!((made.get(&current), answer.generation), (Some(&generation), current + 1));
                }
            }
        }
    }
}

/// The states that the story holds are those that its entries fold to.
fn folds_from_scratch(given: &Given) {
    let mut states: BTreeMap<StreamId, (State, Position)> = BTreeMap::new();
    for recorded in &given.history {
        let before = states.remove(&recorded.stream).map(|(state, _)| state);
        states.insert(recorded.stream.clone(), (apply(before, recorded).unwrap(), recorded.position));
        if let Event::System(SystemEvent::SessionsArchived { through }) = recorded.event {
            states.retain(|_, (state, last)| !state.is_archived(*last, through));
        }
    }
    let held = given.streams.keys().filter_map(|stream| Some((stream.clone(), given.state(stream)?.clone())));
    let folded: BTreeMap<_, _> = states.into_iter().map(|(stream, (state, _))| (stream, state)).collect();
    assert_eq!(folded, held.collect());
}

fn decided_again(given: &Given) {
    for (index, events) in decisions(given) {
        if given.history[index].command != Some(Command::Server) {
            assert_eq!(again(given, index), Some(events), "entry {index}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_keeps_the_promises(steps in prop::collection::vec(step(), 1..80)) {
        let mut given = given_login();
        for step in &steps {
            let (session, over) = (given.session, is_over(&given, given.session));
            let (next, granted) = take(given, step);
            given = next;
            prop_assert!(!(over && granted.is_some()), "{step:?} was granted in session {session}, which is over");
            one_token_redeemable(&given);
        }
        one_successor_each(&given);
        folds_from_scratch(&given);
        everybody_is_found(&given);
        the_last_user_is_remembered(&given);
        decided_again(&given);
        prop_assert_eq!(recomputed(&given), given.index);
    }
}

/// Random histories prove nothing where they never reach the rows of the table.
#[test]
fn random_histories_reach_every_answer() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let histories = prop::collection::vec(step(), 1..80);
    let mut reached = BTreeSet::new();
    for _ in 0..300 {
        let mut given = given_login();
        for step in histories.new_tree(&mut runner).unwrap().current() {
            let (next, granted) = take(given, &step);
            given = next;
            reached.extend(granted.map(|answer| answer.how.code()));
        }
        for recorded in &given.history {
            if let Event::Session(SessionEvent::Refused { class, .. } | SessionEvent::ReuseDetected { class, .. }) =
                &recorded.event
            {
                reached.insert(class.code());
            }
            match &recorded.event {
                Event::Account(AccountEvent::LoginRefused { class, .. }) => reached.insert(class.code()),
                Event::Account(AccountEvent::NewContext { .. }) => reached.insert("new context"),
                Event::Brakes(BrakesEvent::AllRevoked) => reached.insert("everything braked"),
                Event::Evidence(EvidenceEvent::Refused { .. }) => reached.insert("evidence refused"),
                Event::Evidence(EvidenceEvent::AheadOfJournal { .. }) => reached.insert("evidence ahead"),
                Event::Evidence(EvidenceEvent::SupersededShown { .. }) => reached.insert("evidence shown"),
                _ => false,
            };
        }
    }
    let all = [
        "account",
        "client",
        "client_mismatch",
        "closed",
        "evidence ahead",
        "evidence refused",
        "evidence shown",
        "everything braked",
        "foreign_retry",
        "grant",
        "invalid_scope",
        "late_retry",
        "logins_refused",
        "moved_retry",
        "new context",
        "not_registered",
        "password_change_required",
        "reissued",
        "retried",
        "rotated",
        "superseded",
        "throttled",
        "wrong_credentials",
        "wrong_door",
    ];
    assert_eq!(reached, BTreeSet::from(all));
}

//! The brakes: everything that is open ends, nobody may log in, and what goes on meanwhile.

use crate::given::*;
use crate::system_rules::system;
use countersign::domain::account::{AccountEvent, PasswordVerdict};
use countersign::domain::brakes::{Brakes, BrakesCommand, BrakesEvent};
use countersign::domain::client::ClientCommand;
use countersign::domain::denial::Denial;
use countersign::domain::gate::GateCommand;
use countersign::domain::ids::{SessionId, StreamId};
use countersign::domain::liveness::{Basis, Presented, is_active};
use countersign::domain::session::{Closed, RevokeReason};
use countersign::domain::system::{KeyName, SystemEvent};
use countersign::domain::time::Span;
use countersign::domain::{Event, Recorded, State, apply};

/// Alice logged in as the story began, under a refresh key that is known.
fn logged_in() -> Given {
    let key = SystemEvent::RefreshKeyAdded { key: 1, secret: sealed("refresh key") };
    given().happened(key).happened(SystemEvent::KeyActivated(KeyName::Refresh(1))).done(log_in())
}

fn closed(given: &Given, id: SessionId) -> Option<Closed> {
    given.session_of(id).closed(given.gate(), given.client(&store()), &given.brakes(), given.now)
}

/// Whether the access token of the story's session is active.
fn is_believed(given: &Given) -> bool {
    let (session, client) = (given.current(), given.client(&store()));
    let basis = Basis::Session(session, given.gate());
    let (issued_at, expires_at) = (session.access.issued_at, session.access.expires_at);
    is_active(&Presented { issued_at, expires_at, client, basis }, system(given), &given.brakes(), given.now)
}

fn refusal(class: Denial, n: u64) -> [(StreamId, Event); 1] {
    let refused = AccountEvent::LoginRefused { client: store(), class, n };
    [(StreamId::Account(alice()), Event::Account(refused))]
}

#[test]
fn where_nothing_was_braked_nothing_is_over_and_everybody_may_log_in() {
    let given = logged_in();
    assert_eq!(given.brakes(), Brakes { all_by: 0, all_at: None, logins_refused_since: None });
    assert_eq!(given.current().brakes_version, 0);
    assert_eq!(closed(&given, session(0)), None);
}

#[test]
fn everything_braked_ends_every_session_of_before_and_none_of_after() {
    let given = logged_in()
        .done(log_in().from(cafe()))
        .at(mins(1))
        .when(BrakesCommand::RevokeAll)
        .then([BrakesEvent::AllRevoked], Ok(()));
    assert_eq!(given.brakes(), Brakes { all_by: 1, all_at: Some(at(mins(1))), logins_refused_since: None });
    for id in [session(0), session(1)] {
        assert_eq!(closed(&given, id), Some(Closed::ByBrake));
        assert!(!is_believed(&Given { session: id, ..given.clone() }), "its access token");
    }
    let given = given.at(mins(2)).done(log_in());
    assert_eq!(given.current().brakes_version, 1);
    assert!(is_believed(&given));
    let given = given.done(refresh(0));
    assert_eq!((closed(&given, given.session), closed(&given, session(0))), (None, Some(Closed::ByBrake)));
}

#[test]
fn each_time_everything_is_braked_is_an_event_and_ends_what_began_since() {
    let given = logged_in().done(BrakesCommand::RevokeAll).done(log_in());
    let second = given.session;
    let given = given.when(BrakesCommand::RevokeAll).then([BrakesEvent::AllRevoked], Ok(()));
    assert_eq!((given.brakes().all_by, closed(&given, second)), (2, Some(Closed::ByBrake)));
}

#[test]
fn a_brake_of_logins_or_of_a_network_ends_no_session_by_itself() {
    let network = BrakesCommand::RevokeNetwork(sealed("192.0.2.0/24"));
    let braked = BrakesEvent::NetworkRevoked { network: sealed("192.0.2.0/24") };
    let given = logged_in().when(network).then([braked], Ok(())).done(BrakesCommand::RefuseLogins);
    assert_eq!(given.brakes().all_by, 0);
    assert_eq!(closed(&given, session(0)), None);
    assert!(is_believed(&given));
}

#[test]
fn a_token_of_a_session_that_is_over_by_the_brake_is_refused_as_closed_whichever_it_is() {
    let braked = || logged_in().done(refresh(0)).done(refresh(1)).done(BrakesCommand::RevokeAll);
    for (generation, what) in [(2, "the current one"), (1, "its parent"), (0, "an older one")] {
        println!("{what}");
        let given =
            braked().when(refresh(generation)).then([refused(Denial::Closed, generation, 1)], Err(Denial::Closed));
        assert!(matches!(given.current().status, countersign::domain::session::Status::Open), "no theft is assumed");
    }
    braked().when(Show(2)).then_only(Ok(false));
}

#[test]
fn a_token_of_the_future_is_told_behind_a_brake_and_ends_nothing_twice() {
    let braked = logged_in().done(BrakesCommand::RevokeAll);
    braked.when(refresh(4)).then([ahead(4, 0, 1)], Err(Denial::AheadOfJournal));
}

#[test]
fn a_session_that_is_over_by_the_brake_still_gets_its_own_end() {
    let given = logged_in()
        .done(BrakesCommand::RevokeAll)
        .when(revoke(RevokeReason::AllBraked, None, None))
        .then([revoked(RevokeReason::AllBraked)], Ok(()));
    assert_eq!(closed(&given, session(0)), Some(Closed::Ended));
}

/// Whether a token that the client was issued then, for itself, is active now.
fn of_client(given: &Given, issued: Span) -> bool {
    let (client, basis) = (given.client(&store()), Basis::Client { revoked: false });
    let token = Presented { issued_at: at(issued), expires_at: at(issued + ACCESS_TTL), client, basis };
    is_active(&token, system(given), &given.brakes(), given.now)
}

#[test]
fn everything_braked_ends_the_clients_own_tokens_up_to_and_with_its_own_second() {
    let braked = given().at(millis(60_400)).done(BrakesCommand::RevokeAll).at(mins(2));
    assert!(!of_client(&braked, secs(59)));
    assert!(!of_client(&braked, secs(60)), "issued in the brake's own second: before or after, nobody knows");
    assert!(of_client(&braked, secs(61)));
    let twice = braked.done(ClientCommand::RevokeSessions).at(mins(3));
    assert!(!of_client(&twice, secs(61)) && !of_client(&twice, mins(2)), "the later of the two brakes");
    assert!(of_client(&twice, secs(121)));
}

#[test]
fn a_brake_of_logins_or_of_a_network_leaves_the_clients_own_tokens() {
    let network = BrakesCommand::RevokeNetwork(sealed("192.0.2.0/24"));
    assert!(of_client(&given().done(BrakesCommand::RefuseLogins).done(network), secs(0)));
}

#[test]
fn while_logins_are_refused_nothing_is_told_of_the_password_or_of_the_account() {
    let verdicts = [PasswordVerdict::Right, PasswordVerdict::Wrong, PasswordVerdict::Throttled];
    let accounts = [
        ("as it was", given()),
        ("disabled", given().done(GateCommand::Disable)),
        ("erased", given().done(GateCommand::Erase)),
        ("registered elsewhere", given().done(GateCommand::AddRegistration(other()))),
        ("with a password to be changed", given().done(set_password_to_be_changed("first"))),
        ("at a disabled client", given().done(ClientCommand::Disable)),
    ];
    for (what, given) in accounts {
        for verdict in verdicts {
            println!("{what}, {verdict:?}");
            given
                .clone()
                .done(BrakesCommand::RefuseLogins)
                .when(log_in().verdict(verdict).asking(&["admin"]))
                .then(refusal(Denial::LoginsRefused, 1), Err(Denial::LoginsRefused));
        }
    }
}

#[test]
fn refused_logins_are_numbered_and_bounded_like_any_refusal() {
    let given = given().done(BrakesCommand::RefuseLogins);
    let given = given.when(log_in()).then(refusal(Denial::LoginsRefused, 1), Err(Denial::LoginsRefused));
    let again = |given: Given, _| given.when(log_in()).then_only(Err(Denial::LoginsRefused));
    let given = (2..=31).fold(given, again);
    let given = given.when(log_in()).then(refusal(Denial::LoginsRefused, 32), Err(Denial::LoginsRefused));
    given.when(log_in().from(stranger())).then_only(Err(Denial::LoginsRefused));
}

#[test]
fn logins_are_refused_from_the_first_word_on_until_they_are_allowed() {
    let given = given().at(mins(1)).when(BrakesCommand::RefuseLogins).then([BrakesEvent::LoginsRefused], Ok(()));
    let given = given.at(mins(2)).when(BrakesCommand::RefuseLogins).then_only(Ok(()));
    assert_eq!(given.brakes().logins_refused_since, Some(at(mins(1))));
    let given = given.tried(log_in()).when(BrakesCommand::AllowLogins).then([BrakesEvent::LoginsAllowed], Ok(()));
    assert_eq!(given.brakes().logins_refused_since, None);
    given.done(log_in()).when(BrakesCommand::AllowLogins).then_only(Ok(()));
}

#[test]
fn a_second_refusal_of_logins_that_was_recorded_all_the_same_does_not_make_it_younger() {
    let given =
        given().at(mins(1)).happened(BrakesEvent::LoginsRefused).at(mins(2)).happened(BrakesEvent::LoginsRefused);
    assert_eq!(given.brakes().logins_refused_since, Some(at(mins(1))));
}

#[test]
fn sessions_go_on_while_logins_are_refused() {
    let given = logged_in().done(BrakesCommand::RefuseLogins).at(mins(1)).done(refresh(0)).done(refresh(0));
    assert!(is_believed(&given));
    given.when(Show(1)).then_only(Ok(true));
}

#[test]
fn what_is_braked_stays_braked_when_logins_are_allowed_again() {
    let given = logged_in().done(BrakesCommand::RefuseLogins).done(BrakesCommand::RevokeAll).at(mins(1));
    let given = given.done(BrakesCommand::AllowLogins);
    assert_eq!(given.brakes(), Brakes { all_by: 2, all_at: Some(at(secs(0))), logins_refused_since: None });
    assert_eq!(closed(&given, session(0)), Some(Closed::ByBrake));
}

#[test]
fn a_login_decided_before_the_brake_gives_a_session_that_is_closed_already() {
    // The guards keep such a commit out of the journal; the rules hold without them.
    let early = given().when(log_in()).decision;
    let mut late = given().done(BrakesCommand::RevokeAll);
    late.record(early.events, &home(), None);
    assert_eq!(closed(&late, session(0)), Some(Closed::ByBrake));
}

#[test]
fn only_what_lets_people_in_waits_for_room_on_the_disk() {
    let network = sealed("192.0.2.0/24");
    let shuts = [BrakesEvent::AllRevoked, BrakesEvent::NetworkRevoked { network }, BrakesEvent::LoginsRefused];
    assert!(shuts.into_iter().all(|event| Event::Brakes(event).closes()));
    assert!(!Event::Brakes(BrakesEvent::LoginsAllowed).closes());
}

#[test]
fn every_brake_may_follow_every_other() {
    // Whoever ends something does not wait until he has seen the newest state.
    let all = [
        BrakesEvent::AllRevoked,
        BrakesEvent::NetworkRevoked { network: sealed("192.0.2.0/24") },
        BrakesEvent::LoginsRefused,
        BrakesEvent::LoginsAllowed,
    ];
    let befores = all.iter().cloned().map(|event| given().happened(event)).chain([given()]);
    for before in befores {
        for event in &all {
            let recorded = Recorded {
                position: 99,
                commit: commit(99),
                version: before.version(&StreamId::Brakes) + 1,
                at: before.now,
                context: server(),
                event: Event::Brakes(event.clone()),
                command: None,
                stream: StreamId::Brakes,
            };
            assert!(matches!(apply(before.state(&StreamId::Brakes).cloned(), &recorded), Ok(State::Brakes(_))));
            let misplaced = Recorded { stream: StreamId::System, ..recorded };
            assert!(apply(before.state(&StreamId::System).cloned(), &misplaced).is_err(), "another stream");
        }
    }
}

//! When an access token is active: a table of every reason why it is not.

use crate::given::*;
use crate::system_rules::system;
use countersign::domain::brakes::BrakesCommand;
use countersign::domain::client::{ClientCommand, Grant};
use countersign::domain::gate::GateCommand;
use countersign::domain::liveness::{Basis, Presented, is_active};
use countersign::domain::session::RevokeReason;
use countersign::domain::system::{KeyName, SystemEvent};
use countersign::domain::time::Span;

/// Alice logged in as the story began, under a refresh key that is known.
fn logged_in() -> Given {
    let key = SystemEvent::RefreshKeyAdded { key: 1, secret: sealed("refresh key") };
    given().happened(key).happened(SystemEvent::KeyActivated(KeyName::Refresh(1))).done(log_in())
}

/// Whether the access token of the login is active now.
fn of_session(given: &Given) -> bool {
    let session = given.current();
    let client = given.client(&store());
    let basis = Basis::Session(session, given.gate());
    let token = Presented { issued_at: BEGIN, expires_at: session.access.expires_at, client, basis };
    is_active(&token, system(given), &given.brakes(), given.now)
}

#[test]
fn the_token_of_an_open_session_is_active_until_its_last_millisecond() {
    assert!(of_session(&logged_in()));
    assert!(of_session(&logged_in().at(ACCESS_TTL - millis(1))));
    assert!(!of_session(&logged_in().at(ACCESS_TTL)));
}

#[test]
fn every_reason_ends_it_at_once() {
    let distrusted = SystemEvent::KeyDistrusted(KeyName::Refresh(1));
    let reasons = [
        ("logged out", logged_in().done(log_out())),
        ("revoked for reuse", logged_in().done(revoke(RevokeReason::Reuse, None, None))),
        ("all sessions revoked", logged_in().done(GateCommand::RevokeSessions)),
        ("password changed", logged_in().done(set_password("another"))),
        ("account disabled", logged_in().done(GateCommand::Disable)),
        ("account disabled and enabled", logged_in().done(GateCommand::Disable).done(GateCommand::Enable)),
        ("account erased", logged_in().done(GateCommand::Erase)),
        ("registration withdrawn", logged_in().done(GateCommand::WithdrawRegistration(store()))),
        ("registered elsewhere only", logged_in().done(GateCommand::AddRegistration(other()))),
        ("client disabled", logged_in().done(ClientCommand::Disable)),
        ("client braked", logged_in().done(ClientCommand::RevokeSessions)),
        ("everything braked", logged_in().done(BrakesCommand::RevokeAll)),
        ("refresh key distrusted", logged_in().happened(distrusted)),
        ("refresh key unknown", given().done(log_in())),
    ];
    for (why, given) in reasons {
        assert!(!of_session(&given), "{why}");
    }
}

#[test]
fn a_session_out_of_time_ends_its_tokens_before_their_own_end() {
    let mut settings = store_settings();
    (settings.access_ttl, settings.refresh_idle_ttl) = (mins(60), mins(10));
    let key = SystemEvent::RefreshKeyAdded { key: 1, secret: sealed("refresh key") };
    let given = given().done(ClientCommand::Change(Box::new(settings))).happened(key).done(log_in());
    assert!(of_session(&given.clone().at(mins(10) - millis(1))));
    assert!(!of_session(&given.clone().at(mins(10))));
    assert!(!of_session(&given.at(mins(10)).done(Sweep)));
}

#[test]
fn what_is_no_reason_leaves_it_active() {
    let mut settings = store_settings();
    settings.grants.remove(&Grant::RefreshToken);
    let add = SystemEvent::RefreshKeyAdded { key: 2, secret: sealed("refresh key") };
    let harmless = [
        ("refreshed", logged_in().done(refresh(0))),
        ("roles set", logged_in().done(GateCommand::SetRoles(scopes(&["shopper"])))),
        (
            "registered everywhere",
            logged_in().done(GateCommand::AddRegistration(store())).done(GateCommand::LiftRegistrations),
        ),
        ("password to be changed", logged_in().done(GateCommand::SetMustChange(true))),
        ("logins refused", logged_in().done(BrakesCommand::RefuseLogins)),
        ("registered here", logged_in().done(GateCommand::AddRegistration(store()))),
        ("settings changed", logged_in().done(ClientCommand::Change(Box::new(settings)))),
        ("secret set", logged_in().done(ClientCommand::SetSecret(sealed("new")))),
        ("client disabled and enabled", logged_in().done(ClientCommand::Disable).done(ClientCommand::Enable)),
        ("key retired", logged_in().happened(add).happened(SystemEvent::KeyActivated(KeyName::Refresh(2)))),
    ];
    for (why, given) in harmless {
        assert!(of_session(&given), "{why}");
    }
}

#[test]
fn a_close_before_the_login_does_not_touch_it() {
    let given = given()
        .happened(SystemEvent::RefreshKeyAdded { key: 1, secret: sealed("refresh key") })
        .done(GateCommand::RevokeSessions)
        .done(ClientCommand::RevokeSessions)
        .done(BrakesCommand::RevokeAll)
        .done(log_in());
    assert!(of_session(&given));
}

/// Whether a token that the client was issued then, for itself, is active now.
fn of_client(given: &Given, issued: Span, revoked: bool) -> bool {
    let client = given.client(&store());
    let (issued_at, expires_at) = (at(issued), at(issued + ACCESS_TTL));
    let token = Presented { issued_at, expires_at, client, basis: Basis::Client { revoked } };
    is_active(&token, system(given), &given.brakes(), given.now)
}

#[test]
fn a_clients_own_token_is_active_until_it_ends_or_is_listed() {
    assert!(of_client(&given(), secs(0), false));
    assert!(!of_client(&given(), secs(0), true));
    assert!(of_client(&given().at(ACCESS_TTL - millis(1)), secs(0), false));
    assert!(!of_client(&given().at(ACCESS_TTL), secs(0), false));
    assert!(!of_client(&given().done(ClientCommand::Disable), secs(0), false));
}

#[test]
fn a_brake_ends_the_clients_own_tokens_up_to_and_with_its_own_second() {
    let braked = given().at(millis(60_400)).done(ClientCommand::RevokeSessions).at(mins(2));
    assert!(!of_client(&braked, secs(59), false));
    assert!(!of_client(&braked, secs(60), false), "issued in the brake's own second: before or after, nobody knows");
    assert!(of_client(&braked, secs(61), false));
}

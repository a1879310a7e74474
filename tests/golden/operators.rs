//! What each golden file means of what operators do beside accounts and clients: passwords and login ids, API keys, brakes.

use super::{
    ARGON2ID, NOW, PBKDF2_SHA256, PBKDF2_SHA512, SCRYPT, account_id, by_api_key, by_command_line, envelope, first,
    sealed, session_id, store, words,
};
use countersign::domain::Event;
use countersign::domain::account::AccountEvent;
use countersign::domain::brakes::{BrakesCommand, BrakesEvent};
use countersign::domain::command::Command;
use countersign::domain::denial::Denial;
use countersign::domain::gate::{GateCommand, GateEvent, PasswordHow};
use countersign::domain::ids::{NameHash, StreamId};
use countersign::domain::system::SystemEvent;
use countersign::domain::time::Span;
use countersign::domain::verifier::Scheme;
use countersign::journal::schema::Envelope;
use std::collections::BTreeSet;

/// What is done with passwords and login ids, and a login from where nobody logged in before.
pub fn passwords() -> Vec<(&'static str, Envelope)> {
    let entry = |event, cmd| envelope(StreamId::Account(account_id()), Event::Account(event), cmd);
    let issued =
        AccountEvent::PasswordCodeIssued { digest: sealed("ZGlnZXN0"), expires_at: NOW + Span::hours(1), of: 2 };
    let refused = |class, n| AccountEvent::PasswordChangeRefused { class, n };
    let changed = AccountEvent::LoginChanged { login: sealed("bG9naW4y"), name: NameHash([0xef; 32]) };
    let server = Some(Command::Server);
    vec![
        ("account.new_context", entry(AccountEvent::NewContext { client: store(), session: session_id(0) }, None)),
        ("account.password_code_issued", by_api_key(entry(issued, server.clone()))),
        ("account.password_change_refused", entry(refused(Denial::OldPasswordWrong, 3), server.clone())),
        ("account.password_change_refused-code", entry(refused(Denial::PasswordCodeWrong, 1), server.clone())),
        ("account.login_changed", by_command_line(entry(changed, server))),
    ]
}

pub fn api_keys() -> Vec<(&'static str, Envelope)> {
    let entry = |event| by_api_key(envelope(StreamId::System, Event::System(event), Some(Command::Server)));
    let name = "ops".to_owned();
    let changed = |clients| SystemEvent::ApiKeyChanged { name: name.clone(), permissions: words(&["users"]), clients };
    let class = Denial::ApiKeyForbidden;
    vec![
        ("system.api_key_changed", entry(changed(None))),
        ("system.api_key_changed-clients", entry(changed(Some(BTreeSet::from([store()]))))),
        ("system.api_key_disabled", entry(SystemEvent::ApiKeyDisabled { name: name.clone() })),
        ("system.api_key_enabled", entry(SystemEvent::ApiKeyEnabled { name: name.clone() })),
        ("system.api_key_revoked", by_command_line(entry(SystemEvent::ApiKeyRevoked { name: name.clone() }))),
        ("system.api_key_refused", entry(SystemEvent::ApiKeyRefused { name: name.clone(), class, n: 2 })),
    ]
}

pub fn brakes() -> Vec<(&'static str, Envelope)> {
    let entry = |event, command, brakes| {
        envelope(StreamId::Brakes, Event::Brakes(event), Some(Command::Brakes { command, brakes }))
    };
    let network = sealed("MTkyLjAuMi4wLzI0");
    let of_network = BrakesEvent::NetworkRevoked { network: network.clone() };
    vec![
        ("brakes.all_revoked", first(by_api_key(entry(BrakesEvent::AllRevoked, BrakesCommand::RevokeAll, 0)))),
        ("brakes.network_revoked", entry(of_network, BrakesCommand::RevokeNetwork(network), 6)),
        ("brakes.logins_refused", entry(BrakesEvent::LoginsRefused, BrakesCommand::RefuseLogins, 6)),
        ("brakes.logins_allowed", entry(BrakesEvent::LoginsAllowed, BrakesCommand::AllowLogins, 6)),
    ]
}

/// What is done with gates.
pub fn gates() -> Vec<(&'static str, Envelope)> {
    let entry = |event, cmd| {
        envelope(StreamId::Gate(account_id()), Event::Gate(event), Some(Command::Gate { command: cmd, gate: 2 }))
    };
    let verifier = sealed("dmVyaWZpZXI");
    let set =
        |must_change, how| GateCommand::SetPassword { verifier: verifier.clone(), scheme: ARGON2ID, must_change, how };
    let password =
        |scheme, must_change, how| GateEvent::PasswordSet { verifier: verifier.clone(), scheme, must_change, how };
    let (given, changed, reset) = (PasswordHow::Given, PasswordHow::Changed, PasswordHow::Reset);
    let roles = words(&["admin", "shopper"]);
    let opening =
        |scheme| first(envelope(StreamId::Gate(account_id()), Event::Gate(password(scheme, false, given)), None));
    vec![
        ("gate.password_set", entry(password(ARGON2ID, false, given), set(false, given))),
        ("gate.password_set-must_change", by_api_key(entry(password(ARGON2ID, true, given), set(true, given)))),
        ("gate.password_set-changed", entry(password(ARGON2ID, false, changed), set(false, changed))),
        ("gate.password_set-reset", entry(password(ARGON2ID, false, reset), set(false, reset))),
        ("gate.password_set-bcrypt", opening(Scheme::Bcrypt { cost: 12 })),
        ("gate.password_set-pbkdf2_sha256", opening(PBKDF2_SHA256)),
        ("gate.password_set-pbkdf2_sha512", opening(PBKDF2_SHA512)),
        ("gate.password_set-scrypt", opening(SCRYPT)),
        ("gate.disabled", entry(GateEvent::Disabled, GateCommand::Disable)),
        ("gate.enabled", entry(GateEvent::Enabled, GateCommand::Enable)),
        (
            "gate.registration_added",
            entry(GateEvent::RegistrationAdded { client: store() }, GateCommand::AddRegistration(store())),
        ),
        (
            "gate.registration_added-cmd_set_registrations",
            entry(
                GateEvent::RegistrationAdded { client: store() },
                GateCommand::SetRegistrations(["app".parse().unwrap(), store()].into()),
            ),
        ),
        (
            "gate.registration_withdrawn",
            entry(GateEvent::RegistrationWithdrawn { client: store() }, GateCommand::WithdrawRegistration(store())),
        ),
        ("gate.registrations_lifted", entry(GateEvent::RegistrationsLifted, GateCommand::LiftRegistrations)),
        (
            "gate.must_change_set",
            entry(GateEvent::MustChangeSet { must_change: true }, GateCommand::SetMustChange(true)),
        ),
        ("gate.roles_set", entry(GateEvent::RolesSet { roles: roles.clone() }, GateCommand::SetRoles(roles))),
        (
            "gate.registration_roles_set",
            entry(
                GateEvent::RegistrationRolesSet { client: store(), roles: words(&["shopper"]) },
                GateCommand::Register { client: store(), roles: words(&["shopper"]) },
            ),
        ),
        (
            "gate.registration_roles_set-cmd_set_registration_roles",
            entry(
                GateEvent::RegistrationRolesSet { client: store(), roles: words(&["shopper"]) },
                GateCommand::SetRegistrationRoles { client: store(), roles: words(&["shopper"]) },
            ),
        ),
        ("gate.sessions_revoked", entry(GateEvent::SessionsRevoked, GateCommand::RevokeSessions)),
        ("gate.erased", entry(GateEvent::Erased, GateCommand::Erase)),
    ]
}

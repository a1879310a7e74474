//! What each golden file means of what operators do beside accounts and clients: passwords and login ids, API keys, brakes.

use super::{NOW, account_id, by_api_key, by_command_line, envelope, first, sealed, session_id, store, words};
use countersign::domain::Event;
use countersign::domain::account::AccountEvent;
use countersign::domain::brakes::{BrakesCommand, BrakesEvent};
use countersign::domain::command::Command;
use countersign::domain::denial::Denial;
use countersign::domain::ids::{NameHash, StreamId};
use countersign::domain::system::SystemEvent;
use countersign::domain::time::Span;
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

//! What each golden file means of accounts and their names.

use super::{
    ARGON2ID, NOW, PBKDF2_SHA256, PBKDF2_SHA512, SCRYPT, account_id, behind_brakes, envelope, first, jti, sealed,
    session_id, store, words,
};
use countersign::domain::Event;
use countersign::domain::account::{AccountEvent, Login, LoginHow, NameEvent, PasswordVerdict};
use countersign::domain::command::Command;
use countersign::domain::denial::Denial;
use countersign::domain::ids::{NameHash, StreamId};
use countersign::domain::session::{RevokeReason, SessionEvent};
use countersign::domain::time::Span;
use countersign::domain::verifier::Scheme;
use countersign::journal::schema::Envelope;

fn entry(event: AccountEvent, cmd: Option<Command>) -> Envelope {
    envelope(StreamId::Account(account_id()), Event::Account(event), cmd)
}

pub fn names_and_accounts() -> Vec<(&'static str, Envelope)> {
    let name = NameHash([0xee; 32]);
    let named = |event| envelope(StreamId::Name(name), Event::Name(event), None);
    let rehashed = |scheme| AccountEvent::PasswordRehashed { of: 1, verifier: sealed("dmVyaWZpZXI"), scheme };
    vec![
        ("name.taken", first(named(NameEvent::Taken { account: account_id() }))),
        ("name.released", named(NameEvent::Released { account: account_id() })),
        (
            "account.created",
            first(entry(AccountEvent::Created { login: sealed("bG9naW4"), name }, Some(Command::Server))),
        ),
        (
            "account.username_set",
            entry(AccountEvent::UsernameSet { login: sealed("dXNlcg"), name }, Some(Command::Server)),
        ),
        ("account.username_cleared", entry(AccountEvent::UsernameCleared, Some(Command::Server))),
        ("account.profile_set", entry(AccountEvent::ProfileSet { profile: sealed("e30") }, Some(Command::Server))),
        ("account.password_rehashed", entry(rehashed(ARGON2ID), Some(Command::Server))),
        ("account.password_rehashed-bcrypt", entry(rehashed(Scheme::Bcrypt { cost: 10 }), None)),
        ("account.password_rehashed-pbkdf2_sha256", entry(rehashed(PBKDF2_SHA256), None)),
        ("account.password_rehashed-pbkdf2_sha512", entry(rehashed(PBKDF2_SHA512), None)),
        ("account.password_rehashed-scrypt", entry(rehashed(SCRYPT), None)),
    ]
}

pub fn logins() -> Vec<(&'static str, Envelope)> {
    let login = |verdict, scope, ends| Login {
        account: account_id(),
        client: store(),
        scope,
        verdict,
        how: LoginHow::Password,
        refresh: None,
        until: None,
        came_of: None,
        session: session_id(0),
        jti: jti(),
        jitter: Span(12_500),
        wall: NOW,
        refresh_key: 3,
        ends,
    };
    let (right, wrong) = (PasswordVerdict::Right, PasswordVerdict::Wrong);
    let vouched = Login {
        how: LoginHow::Issued,
        refresh: Some(false),
        until: Some(NOW + Span::minutes(5)),
        came_of: Some(session_id(9)),
        ..login(PasswordVerdict::Vouched, None, vec![])
    };
    let vouched = Command::Login { login: vouched, gate: 2, client: 5, brakes: 0, n: None };
    let succeeded = |how| AccountEvent::LoginSucceeded { client: store(), session: session_id(0), how };
    let granted = Command::Login { login: login(right, None, vec![]), gate: 2, client: 5, brakes: 0, n: None };
    let refused = Command::Login {
        login: login(wrong, Some(words(&["cart", "openid"])), vec![]),
        gate: 2,
        client: 5,
        brakes: 0,
        n: Some(3),
    };
    let capped = login(right, None, vec![session_id(7)]);
    let capped = Command::Login { login: capped, gate: 2, client: 5, brakes: 0, n: None };
    let client = store();
    let class = Denial::WrongCredentials;
    let revoked = Event::Session(SessionEvent::Revoked { reason: RevokeReason::SessionCap });
    vec![
        ("account.login_succeeded", entry(succeeded(LoginHow::Password), Some(granted))),
        ("account.login_succeeded-issued", entry(succeeded(LoginHow::Issued), Some(vouched))),
        ("account.login_succeeded-ping", entry(succeeded(LoginHow::Ping), None)),
        ("account.login_succeeded-login_api", entry(succeeded(LoginHow::LoginApi), None)),
        ("account.login_succeeded-created", entry(succeeded(LoginHow::Created), None)),
        ("account.login_succeeded-registered", entry(succeeded(LoginHow::Registered), None)),
        (
            "account.login_refused-logins_refused",
            entry(
                AccountEvent::LoginRefused { client: client.clone(), class: Denial::LoginsRefused, n: 3 },
                behind_brakes(Some(refused.clone())),
            ),
        ),
        ("account.login_refused", entry(AccountEvent::LoginRefused { client, class, n: 3 }, Some(refused))),
        ("session.revoked-cmd_login", envelope(StreamId::Session(session_id(7)), revoked, Some(capped))),
    ]
}

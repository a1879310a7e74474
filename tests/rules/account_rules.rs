//! What is known of an account beside its logins: passwords hashed anew, one-time codes, its login id, and where it was used.

use crate::given::*;
use countersign::domain::account::{AccountEvent, LoginHow, PasswordVerdict};
use countersign::domain::context::Context;
use countersign::domain::denial::Denial;
use countersign::domain::gate::GateCommand;
use countersign::domain::ids::{NameHash, StreamId, Tag};
use countersign::domain::time::Span;
use countersign::domain::{Event, Recorded, State, apply};

/// The account events that a login gives from here, and whether it says that it comes from elsewhere.
fn logged_in(given: Given, context: Context) -> (Given, Vec<AccountEvent>) {
    let when = given.when(log_in().from(context));
    let events = when.decision.events.iter().filter_map(|(stream, event)| match event {
        Event::Account(event) if *stream == StreamId::Account(alice()) => Some(event.clone()),
        _ => None,
    });
    let events: Vec<_> = events.collect();
    let granted = when.decision.outcome.clone().unwrap();
    let told = events.iter().any(|event| matches!(event, AccountEvent::NewContext { .. }));
    assert_eq!(granted.new_context, told, "the answer says what is recorded");
    let (outcome, all) = (when.decision.outcome.clone(), when.decision.events.clone());
    (when.then(all, outcome), events)
}

/// Whether a login from there is told as one from elsewhere, and the story behind it.
fn is_new(given: Given, context: Context) -> (Given, bool) {
    let (given, events) = logged_in(given, context);
    (given, events.len() > 1)
}

#[test]
fn the_first_login_of_an_account_is_no_news() {
    let (given, events) = logged_in(given(), home());
    assert_eq!(
        events,
        [AccountEvent::LoginSucceeded { client: store(), session: session(0), how: LoginHow::Password }]
    );
    assert!(!is_new(given, home()).1, "nor is the second from the same place");
}

#[test]
fn a_login_from_a_network_and_a_device_that_are_not_known_is_told_once() {
    let (given, events) = logged_in(given_login(), stranger());
    let succeeded = AccountEvent::LoginSucceeded { client: store(), session: session(1), how: LoginHow::Password };
    assert_eq!(events, [succeeded, AccountEvent::NewContext { client: store(), session: session(1) }]);
    assert!(!is_new(given, stranger()).1, "he is known from here on");
}

#[test]
fn a_known_network_or_a_known_device_is_no_news() {
    let laptop = Context { dev: Some(Tag([7; 8])), ..home() };
    let given = given().done(log_in().from(laptop.clone()));
    assert!(!is_new(given.clone(), home()).1, "the network with the same kind of device");
    assert!(!is_new(given.clone(), Context { dev: laptop.dev, ..stranger() }).1, "the device elsewhere");
    assert!(is_new(given.clone(), flatmate()).1, "another kind of device in the network");
    assert!(is_new(given.clone(), cafe()).1, "another network");
    assert!(!is_new(given, nobody(9)).1, "nobody was told, so nobody can be new");
}

#[test]
fn a_place_is_new_again_when_nobody_logged_in_from_it_for_a_month() {
    let later = |after: Span| is_new(given_login().at(after), home()).1;
    assert!(!later(days(30) - millis(1)));
    assert!(later(days(30)));
}

#[test]
fn a_refused_login_from_elsewhere_is_no_new_context() {
    for verdict in [PasswordVerdict::Wrong, PasswordVerdict::Throttled] {
        let given = given_login().tried(log_in().verdict(verdict).from(stranger()));
        let told = |recorded: &Recorded| matches!(recorded.event, Event::Account(AccountEvent::NewContext { .. }));
        assert!(!given.history.iter().any(told));
        assert!(is_new(given, stranger()).1, "nor does it make him known");
    }
}

#[test]
fn it_is_known_when_an_account_was_made_and_when_somebody_last_logged_in() {
    let given = given().at(mins(1));
    assert_eq!((given.account().created_at, given.account().last_login_at), (BEGIN, None));
    let given = given.tried(log_in().verdict(PasswordVerdict::Wrong));
    assert_eq!(given.account().last_login_at, None);
    let given = given.done(log_in().from(nobody(9))).at(mins(2)).done(refresh(0).from(nobody(9)));
    assert_eq!((given.account().created_at, given.account().last_login_at), (BEGIN, Some(at(mins(1)))));
}

fn code_issued(digest: &str, ends: Span, of: u64) -> AccountEvent {
    AccountEvent::PasswordCodeIssued { digest: sealed(digest), expires_at: at(ends), of }
}

fn is_good(given: &Given) -> bool {
    given.account().code.as_ref().unwrap().is_good(given.gate(), given.now)
}

#[test]
fn a_code_is_good_until_just_before_its_end() {
    assert_eq!(given().account().code, None);
    let given = given().happened(code_issued("first", mins(60), 1));
    assert_eq!(given.account().code.as_ref().unwrap().digest.sealed, sealed("first"));
    assert!(is_good(&given));
    assert!(is_good(&given.clone().at(mins(60) - millis(1))));
    assert!(!is_good(&given.at(mins(60))));
}

#[test]
fn a_code_is_good_only_for_the_password_that_it_was_issued_for() {
    let given = given().happened(code_issued("first", mins(60), 1));
    let same = [
        ("disabled and enabled", given.clone().done(GateCommand::Disable).done(GateCommand::Enable)),
        ("to be changed", given.clone().done(GateCommand::SetMustChange(true))),
        ("sessions revoked", given.clone().done(GateCommand::RevokeSessions)),
        (
            "a wrong code shown",
            given.clone().happened(AccountEvent::PasswordChangeRefused { class: Denial::PasswordCodeWrong, n: 1 }),
        ),
        (
            "hashed anew",
            given.clone().happened(AccountEvent::PasswordRehashed {
                of: 1,
                verifier: sealed("rehash"),
                scheme: SCHEME,
            }),
        ),
    ];
    for (what, given) in same {
        assert!(is_good(&given), "{what}");
    }
    let replaced = given.done(set_password("another"));
    assert!(!is_good(&replaced), "used, or overtaken by another password");
    let again = replaced.happened(code_issued("second", mins(60), 2));
    assert!(is_good(&again));
    assert!(!is_good(&again.done(set_password("another"))), "also where it is the same as before");
}

#[test]
fn the_last_code_is_the_only_one() {
    let given = given().happened(code_issued("first", mins(60), 1)).happened(code_issued("second", mins(10), 1));
    assert_eq!(given.account().code.as_ref().unwrap().digest.sealed, sealed("second"));
    assert!(!is_good(&given.at(mins(10))), "the longer life of the first is of no use");
}

#[test]
fn refused_changes_of_a_password_are_counted_by_class_beside_refused_logins() {
    let refused = |class, n| AccountEvent::PasswordChangeRefused { class, n };
    let given = given()
        .tried(log_in().verdict(PasswordVerdict::Wrong))
        .happened(refused(Denial::OldPasswordWrong, 3))
        .happened(refused(Denial::PasswordCodeWrong, 2));
    let recorded = |class| given.account().refusals.recorded(class);
    let classes = [Denial::WrongCredentials, Denial::OldPasswordWrong, Denial::PasswordCodeWrong];
    assert_eq!(classes.map(recorded), [1, 3, 2]);
}

#[test]
fn another_login_id_takes_the_place_of_the_first() {
    let changed = AccountEvent::LoginChanged { login: sealed("alice@example.org"), name: NameHash([2; 32]) };
    let before = given_login().account().clone();
    let given = given_login().happened(changed);
    let account = given.account();
    assert_eq!((account.login.sealed.clone(), account.name), (sealed("alice@example.org"), NameHash([2; 32])));
    assert_eq!(account.login.commit, given.history.last().unwrap().commit, "that is where it can be opened");
    let (login, name) = (before.login.clone(), before.name);
    assert_eq!(countersign::domain::account::Account { login, name, ..account.clone() }, before, "and nothing else");
}

#[test]
fn a_rehash_counts_only_for_the_password_it_is_of() {
    let rehash = |of| AccountEvent::PasswordRehashed { of, verifier: sealed("rehash"), scheme: SCHEME };
    let given = given().happened(rehash(1));
    assert_eq!(given.account().verifier(given.gate()).verifier.sealed, sealed("rehash"));
    let given = given.done(set_password("new"));
    assert_eq!(given.account().verifier(given.gate()).verifier.sealed, sealed("new"));
    // A rehash that was under way while the password changed comes too late and changes nothing.
    let given = given.happened(rehash(1));
    assert_eq!(given.account().verifier(given.gate()).verifier.sealed, sealed("new"));
    let given = given.happened(rehash(2));
    assert_eq!(given.account().verifier(given.gate()).verifier.sealed, sealed("rehash"));
}

#[test]
fn a_login_id_belongs_to_one_account_at_a_time() {
    use countersign::domain::account::{Name, NameEvent};
    use countersign::domain::ids::{AccountId, NameHash};
    let bob = AccountId(uuid::Uuid::from_u128(0xB0B));
    let fold = |state: Option<Name>, event: NameEvent| {
        let recorded = Recorded {
            position: 1,
            commit: commit(1),
            stream: StreamId::Name(NameHash([1; 32])),
            version: 1,
            at: BEGIN,
            context: home(),
            event: Event::Name(event),
            command: None,
        };
        let state = apply(state.map(State::Name), &recorded);
        state.map_err(|error| error.why)
    };
    let not_its = || Err("the login id is not this account's to take or release".to_owned());
    let taken = |account| NameEvent::Taken { account };
    let released = |account| NameEvent::Released { account };
    assert_eq!(fold(None, taken(alice())), Ok(State::Name(Name::Taken(alice()))));
    assert_eq!(fold(Some(Name::Taken(alice())), taken(bob)), not_its());
    assert_eq!(fold(Some(Name::Taken(alice())), released(bob)), not_its());
    assert_eq!(fold(Some(Name::Taken(alice())), released(alice())), Ok(State::Name(Name::Free)));
    assert_eq!(fold(Some(Name::Free), taken(bob)), Ok(State::Name(Name::Taken(bob))));
    assert_eq!(fold(None, released(alice())), not_its());
}

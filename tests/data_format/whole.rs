//! What is in the golden directory, and that all of it holds.

use crate::engine::Engine;
use crate::expected::{Expected, Past, copy, expected, is_asked_to_update, of_format_1};
use crate::facts::{entries, facts, rebuild, records};
use crate::history;
use countersign::actors::Refused;
use countersign::clock::ManualClock;
use countersign::domain::system::ApiKeyStanding;
use countersign::domain::time::{Span, Timestamp};
use countersign::domain::{Event, State};
use countersign::journal::Folded;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// A copy of one of the directories.
fn copied(name: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("data");
    copy(&of_format_1(name), &data);
    (root, data)
}

#[test]
fn the_golden_directory_is_there() {
    let file = of_format_1("expected.json");
    if is_asked_to_update() && !file.exists() {
        let root = tempfile::tempdir().unwrap();
        let expected = history::make(root.path());
        for name in ["whole", "dropped"] {
            copy(&root.path().join(name), &of_format_1(name));
        }
        let rebuilt = facts(&rebuild(&root.path().join("whole")).unwrap());
        fs::write(of_format_1("facts.txt"), rebuilt).unwrap();
        fs::write(file, serde_json::to_string_pretty(&expected).unwrap() + "\n").unwrap();
        return;
    }
    let names = |dir: &str| {
        let names = fs::read_dir(of_format_1(dir)).unwrap();
        names.map(|file| file.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>()
    };
    let (whole, dropped) = (names("whole/journal"), names("dropped/journal"));
    let sealed = |names: &[String]| names.iter().filter(|name| name.ends_with(".jsonl.zst")).count();
    assert!(sealed(&whole) >= 2 && whole.iter().any(|name| name.ends_with(".jsonl")), "{whole:?}");
    assert!(sealed(&dropped) >= 1 && dropped.iter().any(|name| name.starts_with("base-")), "{dropped:?}");
    assert!(dropped.contains(&"dropped".to_owned()), "{dropped:?}");
}

#[test]
fn every_record_is_made_again_from_the_entries_and_means_the_same() {
    let (_root, data) = copied("whole");
    let journal = rebuild(&data).unwrap();
    let expected = expected();
    assert_eq!((journal.head(), journal.engine().root().to_string()), (expected.head, expected.root));
    assert_eq!(facts(&journal), fs::read_to_string(of_format_1("facts.txt")).unwrap());
    assert_eq!(entries(&journal, 1).len() as u64, expected.head);
}

#[test]
fn a_base_holds_the_records_that_the_entries_make() {
    let ((_one, whole), (_other, dropped)) = (copied("whole"), copied("dropped"));
    let live = |data: &Path| {
        let journal = rebuild(data).unwrap();
        let archived_through = journal.reader().system().unwrap().value.archived_through;
        let store = journal.engine().store();
        let states = records(&*store, b"s/").into_iter().filter_map(|(key, value)| {
            let folded: Folded = postcard::from_bytes(&value).unwrap();
            // The drop is an event of that stream.
            let is_live = key != b"s/system" && !folded.is_archived(archived_through);
            is_live.then(|| (key, only_what_format_2_says(folded)))
        });
        let states: Vec<_> = states.collect();
        // Look-ups of what is archived are freed a few at a time.
        let lookups = records(&*store, b"i/").into_iter().filter(|(key, _)| !key.starts_with(b"i/over/"));
        (states, lookups.collect::<Vec<_>>())
    };
    let (by_entries, by_base) = (live(&whole), live(&dropped));
    assert!(by_entries.0.len() > 15 && by_entries.1.len() > 3, "{by_entries:?}");
    assert!(
        by_entries == by_base,
        "a record or a look-up does not have the shape that its state format has in the golden base: raise STATE_FORMAT, and \
         read bases of the format before"
    );
}

/// A record without what no base in state format 2 tells.
fn only_what_format_2_says(mut folded: Folded) -> Folded {
    match &mut folded.state {
        State::Account(account) => Arc::make_mut(account).last_login_at = None,
        // Where the password was replaced.
        State::Gate(gate) if gate.password.password > 1 => {
            Arc::make_mut(gate).password_set_at = Timestamp::default();
        }
        State::Client(client) => Arc::make_mut(client).created_at = Timestamp::default(),
        State::Session(session) => {
            let session = Arc::make_mut(session);
            (session.in_full, session.used_by) = (None, None);
        }
        _ => {}
    }
    folded
}

#[test]
fn what_the_base_does_not_tell_is_filled_in_as_closely_as_it_tells() {
    let ((_one, whole), (_other, dropped)) = (copied("whole"), copied("dropped"));
    let (whole, dropped) = (rebuild(&whole).unwrap(), rebuild(&dropped).unwrap());
    let (mut passwords, mut logins) = (0, 0);
    for (key, value) in records(&*dropped.engine().store(), b"s/") {
        let told: Folded = postcard::from_bytes(&value).unwrap();
        let made = whole.engine().store().get(&key).unwrap().unwrap();
        match (told.state, postcard::from_bytes::<Folded>(&made).unwrap().state) {
            (State::Account(told), State::Account(made)) => {
                assert_eq!(told.last_login_at, made.familiar.last().map(|(_, at)| *at), "where a person was known");
                assert!(told.last_login_at <= made.last_login_at);
                logins += usize::from(told.last_login_at.is_some());
            }
            (State::Gate(gate), State::Gate(made)) => {
                assert!((made.password_set_at..=told.at).contains(&gate.password_set_at), "{gate:?}");
                passwords += usize::from(gate.password.password > 1);
            }
            (State::Client(told_of), State::Client(made)) => {
                assert!((made.created_at..=told.at).contains(&told_of.created_at), "{told_of:?}");
            }
            (State::Session(session), State::Session(_)) => assert_eq!(session.last_used_by(), None),
            (State::System(system), State::System(made)) => {
                let (name, key) = system.api_keys.first_key_value().unwrap();
                assert_eq!(key.standing, ApiKeyStanding::Enabled);
                assert!(made.api_keys[name].created_at <= key.created_at);
            }
            _ => {}
        }
    }
    assert!(passwords > 0 && logins > 0, "{passwords} {logins}");
}

#[actix_rt::test]
async fn everything_is_answered_as_it_was_when_it_was_written() {
    let (_root, data) = copied("whole");
    let expected = expected();
    answers(&data, &expected).await;
    let mut wanted: Vec<&Past> = expected.refresh_tokens.iter().filter_map(|token| token.past.as_ref()).collect();
    let journal = rebuild(&data).unwrap();
    for entry in entries(&journal, expected.head + 1) {
        if let Event::Evidence(event) = entry.recorded.event {
            let told = event.told();
            let recorded = Past {
                ended: told.ended.code().to_owned(),
                ended_at: told.ended_at.to_string(),
                redeemed_at: told.redeemed_at.map(|at| at.to_string()),
            };
            assert_eq!(&recorded, wanted.remove(0));
        }
    }
    assert!(wanted.is_empty(), "not recorded: {wanted:?}");
    assert_eq!(fs::read_to_string(data.join("format")).unwrap(), "1\n");
}

#[actix_rt::test]
async fn what_was_dropped_is_missed_by_nobody_who_is_logged_in() {
    let (_root, data) = copied("dropped");
    let expected = expected();
    answers(&data, &expected).await;
    let journal = rebuild(&data).unwrap();
    let first = entries(&journal, expected.head + 1);
    assert!(first.iter().all(|entry| !matches!(entry.recorded.event, Event::Evidence(_))), "nobody knows its past");
    let system = journal.reader().system().unwrap().value;
    assert!(system.dropped_until.is_some());
}

/// Asks everything that is written in the text beside the directories.
async fn answers(data: &Path, expected: &Expected) {
    let clock = ManualClock::new(expected.now.parse().unwrap());
    clock.advance(Span::seconds(40));
    let engine = Engine::start(data, &clock, 31).await.unwrap();
    let code = |answer: Result<_, Refused>| match answer {
        Ok(_) => "granted",
        Err(Refused::Denied(denial)) => denial.code(),
        Err(Refused::Unavailable(why)) => why.code(),
    };
    for access in &expected.access_tokens {
        let inspected = engine.services.tokens.inspect(&access.token).unwrap();
        assert_eq!(inspected.is_some(), access.active, "{}", access.what);
    }
    for token in &expected.refresh_tokens {
        let answer = code(engine.refresh(&token.client, &token.token, engine.person()).await);
        assert_eq!(answer, token.answer, "{}, generation {}", token.what, token.generation);
    }
    for login in &expected.logins {
        let answer = code(engine.login(&login.client, &login.login, &login.password).await);
        assert_eq!(answer, login.answer, "{}", login.login);
    }
    engine.stop();
}

//! What is in the golden directory, and that all of it holds.

use crate::engine::Engine;
use crate::expected::{Expected, Past, copy, expected, is_asked_to_update, of_format_1};
use crate::facts::{entries, facts, rebuild, records};
use crate::history;
use countersign::actors::Refused;
use countersign::clock::ManualClock;
use countersign::domain::Event;
use countersign::domain::time::Span;
use countersign::journal::Folded;
use std::fs;
use std::path::Path;

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
        let is_live = |(key, value): &(Vec<u8>, Vec<u8>)| {
            let folded: Folded = postcard::from_bytes(value).unwrap();
            // The drop is an event of that stream.
            key != b"s/system" && !folded.is_archived(archived_through)
        };
        let states: Vec<_> = records(&*store, b"s/").into_iter().filter(is_live).collect();
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

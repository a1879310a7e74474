//! What is archived counts as absent at once, and leaves the store behind it; the store that is made anew is the same.

use super::support::commits::{Teller, session};
use super::support::places::{Opened, Place};
use super::support::{append, check_whole, dump, entries, facts, lines, shed};
use super::{begun, conflict};
use countersign::domain::Expected;
use countersign::domain::ids::StreamId;
use countersign::journal::{AppendError, Journal};

fn of_session(n: u64) -> StreamId {
    StreamId::Session(session(n))
}

fn of_evidence(n: u64) -> StreamId {
    StreamId::Evidence(session(n))
}

fn is_known(journal: &Journal, stream: &StreamId) -> bool {
    journal.reader().folded(stream).unwrap().is_some()
}

fn kept(journal: &Journal, stream: &StreamId) -> bool {
    facts(journal).contains_key(&format!("s/{stream}"))
}

/// Everything that is over so far is archived.
fn archive(journal: &mut Journal, teller: &Teller) {
    let through = journal.head();
    append(journal, teller.archive(through)).unwrap();
}

pub fn an_archived_session_is_absent_also_to_later_commits_of_the_same_batch<P: Place>() {
    let (_place, mut journal, teller) = begun::<P>();
    append(&mut journal, teller.login(1, 1, 1, 1, 1)).unwrap();
    append(&mut journal, teller.login(2, 1, 1, 1, 1)).unwrap();
    append(&mut journal, teller.revoke(1)).unwrap();
    let through = journal.head();
    // A commit behind the event finds no session, and one before it still does.
    let answers = journal.append(vec![
        teller.archive(through - 1),
        teller.revoke(2),
        teller.archive(through),
        teller.revoke(1),
        teller.revoke(2),
        teller.evidence(1, Expected::Version(0), 1),
    ]);
    let answers = answers.unwrap();
    assert_eq!(answers[3], Err(conflict(of_session(1), 0)));
    let taken: Vec<bool> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(taken, [true, true, true, false, true, true]);
    archive(&mut journal, &teller);
    assert_eq!(append(&mut journal, teller.revoke(1)), Err(conflict(of_session(1), 0)));
    let through = journal.head();
    append(&mut journal, teller.evidence(1, Expected::Version(0), 1)).unwrap();
    let answers = journal.append(vec![
        teller.archive(through + 1),
        teller.evidence(1, Expected::Version(1), 2),
        teller.evidence(1, Expected::Version(0), 1),
        teller.evidence(1, Expected::Version(1), 2),
    ]);
    let answers = answers.unwrap();
    assert_eq!(answers[1], Err(conflict(of_evidence(1), 0)));
    assert_eq!(answers[2].as_ref().unwrap().states[&of_evidence(1)].version, 1);
    assert_eq!(answers[3].as_ref().unwrap().states[&of_evidence(1)].version, 2);
    assert!(!is_known(&journal, &of_session(1)) && !is_known(&journal, &of_session(2)));
    assert_eq!(journal.reader().evidence(session(1)).unwrap().unwrap().version, 2);
    check_whole(&journal, "");
}

pub fn an_open_session_and_what_was_touched_since_stay<P: Place>() {
    let (_place, mut journal, teller) = begun::<P>();
    for n in 1..=3 {
        append(&mut journal, teller.login(n, 1, 1, 1, 1)).unwrap();
    }
    append(&mut journal, teller.revoke(1)).unwrap();
    let through = journal.head();
    append(&mut journal, teller.revoke(2)).unwrap();
    append(&mut journal, teller.archive(through)).unwrap();
    let known = [1, 2, 3].map(|n| is_known(&journal, &of_session(n)));
    assert_eq!(known, [false, true, true]);
    let future = teller.archive(journal.head() + 1);
    assert!(matches!(append(&mut journal, future), Err(AppendError::Refused(_))));
    shed(&mut journal, 0);
    let kept = [1, 2, 3].map(|n| kept(&journal, &of_session(n)));
    assert_eq!(kept, [false, true, true]);
    append(&mut journal, teller.refresh(3, 1)).unwrap();
    check_whole(&journal, "");
}

pub fn shedding_goes_in_steps_and_changes_nothing_that_is_known<P: Place>() {
    let (mut place, mut journal, teller) = begun::<P>();
    for n in 1..=20 {
        append(&mut journal, teller.login(n, 1, 1, 1, 1)).unwrap();
        append(&mut journal, teller.revoke(n)).unwrap();
    }
    archive(&mut journal, &teller);
    append(&mut journal, teller.evidence(7, Expected::Version(0), 1)).unwrap();
    archive(&mut journal, &teller);
    append(&mut journal, teller.evidence(7, Expected::Version(0), 1)).unwrap();
    let size = |journal: &Journal| facts(journal).len();
    let (before, records) = (size(&journal), entries(&journal));
    assert!(kept(&journal, &of_session(20)) && !is_known(&journal, &of_session(20)));
    assert!(journal.shed(0, 4).unwrap(), "there is more");
    assert_eq!(before - size(&journal), 8, "four look-ups and four records");
    let mut steps = 1;
    while journal.shed(0, 4).unwrap() {
        steps += 1;
    }
    assert_eq!(steps, 5);
    assert_eq!(
        before - size(&journal),
        41,
        "twenty sessions, and the first evidence, whose record is of its second life"
    );
    assert!(!journal.shed(0, 4).unwrap(), "nothing is left to do");
    assert_eq!(journal.reader().evidence(session(7)).unwrap().unwrap().version, 1);
    assert_eq!(append(&mut journal, teller.revoke(20)), Err(conflict(of_session(20), 0)));
    append(&mut journal, teller.evidence(7, Expected::Version(1), 2)).unwrap();
    check_whole(&journal, "shed");
    assert_eq!(entries(&journal)[..records.len()], records, "no entry is gone");
    let before = facts(&journal);
    drop(journal);
    let Opened { journal, found, .. } = place.open();
    assert!(found.quarantined.is_none(), "the digest follows what is shed: {found:?}");
    assert_eq!(facts(&journal), before);
    check_whole(&journal, "opened again");
}

/// A history in which sessions end, are archived, are shown, and are archived again.
fn long_history(journal: &mut Journal, teller: &Teller) {
    for commit in teller.history() {
        append(journal, commit).unwrap();
    }
    long_history_after(journal, teller);
}

fn long_history_after(journal: &mut Journal, teller: &Teller) {
    for round in 0..30 {
        let n = 100 + 3 * round;
        for n in n..n + 3 {
            append(journal, teller.login(n, 1, 1, 1, 1)).unwrap();
        }
        append(journal, teller.revoke(n)).unwrap();
        append(journal, teller.refresh(n + 1, 1)).unwrap();
        if round % 4 == 1 {
            append(journal, teller.revoke(n - 2)).unwrap();
            archive(journal, teller);
            append(journal, teller.evidence(n, Expected::Version(0), 1)).unwrap();
            append(journal, teller.evidence(100, Expected::Any, 1)).unwrap();
        }
        if round % 8 == 2 {
            append(journal, teller.evidence(100, Expected::Any, 2)).unwrap();
            archive(journal, teller);
        }
        // As in each interval of the anchor: the store is written, and the next lines stand by themselves.
        journal.mark(false).unwrap();
    }
}

pub fn a_store_made_anew_is_the_same_once_both_have_shed<P: Place>() {
    let mut place = P::new();
    let Opened { mut journal, keys, .. } = place.open();
    let teller = Teller::new(keys);
    long_history(&mut journal, &teller);
    check_whole(&journal, "before it is shed");
    shed(&mut journal, 0);
    check_whole(&journal, "shed");
    let live = facts(&journal);
    assert!(kept(&journal, &of_session(104)) && !kept(&journal, &of_session(100)));
    let (head, root) = (journal.head(), journal.engine().root());
    journal.mark(true).unwrap();
    drop(journal);
    place.lose_store();
    let Opened { mut journal, caught_up, .. } = place.open();
    assert_eq!((caught_up.from, caught_up.to), (1, head));
    assert_eq!(facts(&journal), live, "it sheds as it goes");
    assert!(!journal.shed(0, 100).unwrap());
    assert_eq!((facts(&journal), journal.engine().root()), (live, root));
    check_whole(&journal, "made anew");
    append(&mut journal, teller.evidence(100, Expected::Any, 9)).unwrap();
}

pub fn lines_below_a_position_are_shed_and_those_around_it_stay<P: Place>() {
    let (_place, mut journal, teller) = begun::<P>();
    long_history_after(&mut journal, &teller);
    let firsts = |journal: &Journal| -> Vec<u64> {
        let keys = dump(&*journal.engine().store()).into_keys().filter(|key| key.starts_with(b"e/"));
        keys.map(|key| u64::from_be_bytes(key[2..].try_into().unwrap())).collect()
    };
    let (before, all) = (firsts(&journal), lines(&journal));
    shed(&mut journal, 1);
    assert_eq!(firsts(&journal), before);
    for below in [2, before[5], before[5] + 1, before[20] - 1, journal.head()] {
        shed(&mut journal, below);
        let straddling = before.iter().rposition(|first| *first <= below).unwrap();
        let left = before[straddling..].to_vec();
        assert_eq!(firsts(&journal), left, "below {below}");
        assert!(all.ends_with(&lines(&journal)));
    }
    check_whole(&journal, "");
}

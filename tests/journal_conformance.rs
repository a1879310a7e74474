//! What every journal must do, whatever it is kept in: one suite, run on each engine.

#[path = "journal_conformance/archive.rs"]
mod archive;
mod support;

use archive::*;
use countersign::domain::account::NameEvent;
use countersign::domain::client::{ClientEvent, ClientSettings, ClientType, Profile};
use countersign::domain::gate::GateEvent;
use countersign::domain::ids::{StreamId, Version};
use countersign::domain::session::{RevokeReason, SessionEvent, Status};
use countersign::domain::time::{Span, Timestamp};
use countersign::domain::{Event, Expected, Proposal};
use countersign::journal::files::memory_disk::Operation;
use countersign::journal::{AppendError, Journal};
use std::collections::BTreeSet;
use support::commits::{START, Teller, account, client, name, proposal, session, started, token};
use support::places::{InMemory, OnDisk, Opened, Place};
use support::{append, check_whole, entries, facts, lines};

/// A journal in a new place, with client 1 and account 1.
fn begun<P: Place>() -> (P, Journal, Teller) {
    let mut place = P::new();
    let Opened { mut journal, keys, .. } = place.open();
    let teller = Teller::new(keys);
    let commits = vec![teller.genesis(), teller.new_client(1), teller.new_account(1)];
    assert!(journal.append(commits).unwrap().iter().all(Result::is_ok));
    (place, journal, teller)
}

fn conflict(stream: StreamId, found: Version) -> AppendError {
    AppendError::Conflict { stream, found }
}

/// Everything that a refused commit must leave as it was.
fn trace(journal: &Journal) -> (u64, countersign::domain::ids::Hash, Timestamp, u64) {
    (journal.head(), journal.engine().root(), journal.last_at(), journal.engine().bytes())
}

fn a_commit_with_the_exact_version_is_taken_and_any_other_is_told_the_version<P: Place>() {
    let (_place, mut journal, teller) = begun::<P>();
    append(&mut journal, teller.login(1, 1, 1, 1, 1)).unwrap();
    let stream = StreamId::Session(session(1));
    let before = trace(&journal);
    for wrong in [0, 2, 3, Version::MAX] {
        let mut late = teller.refresh(1, 1);
        late.proposals[0].expected = Expected::Version(wrong);
        assert_eq!(append(&mut journal, late), Err(conflict(stream.clone(), 1)), "{wrong}");
    }
    assert_eq!(trace(&journal), before);
    let appended = append(&mut journal, teller.refresh(1, 1)).unwrap();
    assert_eq!((appended.position, appended.states[&stream].version), (before.0 + 1, 2));
    check_whole(&journal, "");
}

fn any_version_is_taken_whatever_the_stream_has<P: Place>() {
    let (_place, mut journal, teller) = begun::<P>();
    append(&mut journal, teller.login(1, 1, 1, 1, 1)).unwrap();
    for version in 2..5 {
        let appended = append(&mut journal, teller.revoke(1)).unwrap();
        assert_eq!(appended.states[&StreamId::Session(session(1))].version, version);
    }
    // Legal in every state of a session, but there must be one.
    assert_eq!(append(&mut journal, teller.revoke(2)), Err(conflict(StreamId::Session(session(2)), 0)));
}

fn a_guard_adds_nothing_and_fails_the_whole_commit<P: Place>() {
    let (_place, mut journal, teller) = begun::<P>();
    let before = trace(&journal);
    let refused = append(&mut journal, teller.login(1, 1, 1, 1, 2));
    assert_eq!(refused, Err(conflict(StreamId::Client(client(1)), 1)));
    assert_eq!(trace(&journal), before);
    assert_eq!(journal.reader().session(session(1)).unwrap(), None);
    let appended = append(&mut journal, teller.login(1, 1, 1, 1, 1)).unwrap();
    let touched: BTreeSet<_> = appended.states.keys().cloned().collect();
    assert_eq!(touched, BTreeSet::from([StreamId::Account(account(1)), StreamId::Session(session(1))]));
    assert_eq!(journal.reader().gate(account(1)).unwrap().unwrap().version, 1);
    let absent = vec![Proposal::guard(StreamId::Client(client(9)), 0)];
    append(&mut journal, teller.commit(absent)).unwrap();
    let absent = vec![Proposal::guard(StreamId::Client(client(9)), 1)];
    assert_eq!(append(&mut journal, teller.commit(absent)), Err(conflict(StreamId::Client(client(9)), 0)));
}

fn commits_of_one_batch_see_those_taken_before_them_and_not_those_refused<P: Place>() {
    let (_place, mut journal, teller) = begun::<P>();
    let answers = journal
        .append(vec![
            teller.login(1, 1, 1, 1, 1),
            teller.refresh(1, 1),
            teller.refresh(1, 1),
            teller.gate(1, GateEvent::SessionsRevoked),
            teller.login(2, 1, 1, 1, 1),
            teller.login(2, 1, 1, 2, 1),
            teller.refresh(2, 2),
            teller.refresh(2, 1),
        ])
        .unwrap();
    let told: Vec<_> = answers.iter().map(|answer| answer.as_ref().map(|appended| appended.position)).collect();
    let losers = [
        conflict(StreamId::Session(session(1)), 2),
        conflict(StreamId::Gate(account(1)), 2),
        conflict(StreamId::Session(session(2)), 1),
    ];
    let expected = [Ok(7), Ok(8), Err(&losers[0]), Ok(9), Err(&losers[1]), Ok(11), Err(&losers[2]), Ok(12)];
    assert_eq!(told, expected);
    // The state told is that of the commit, not of the end of the batch.
    let told = |n: usize, id| answers[n].as_ref().unwrap().states[&StreamId::Session(session(id))].version;
    assert_eq!((told(0, 1), told(1, 1), told(5, 2), told(7, 2)), (1, 2, 1, 2));
    check_whole(&journal, "");
}

fn a_commit_across_streams_is_taken_whole_or_not_at_all<P: Place>() {
    let (_place, mut journal, teller) = begun::<P>();
    let before = (trace(&journal), facts(&journal));
    // Everything fits but the last guard.
    let mut commit = teller.login(1, 1, 1, 1, 1);
    commit.proposals.push(Proposal::guard(StreamId::Name(name(1)), 0));
    assert_eq!(append(&mut journal, commit), Err(conflict(StreamId::Name(name(1)), 1)));
    assert_eq!((trace(&journal), facts(&journal)), before);
    // And the streams it would have touched are as free as before.
    append(&mut journal, teller.login(1, 1, 1, 1, 1)).unwrap();
    check_whole(&journal, "");
}

fn two_proposals_for_one_stream_in_one_commit_follow_each_other<P: Place>() {
    let (_place, mut journal, teller) = begun::<P>();
    let event = |event| Event::Gate(event);
    let gate = StreamId::Gate(account(1));
    let commit = teller.commit(vec![
        proposal(gate.clone(), Expected::Version(1), event(GateEvent::Disabled)),
        proposal(gate.clone(), Expected::Version(2), event(GateEvent::Enabled)),
    ]);
    assert_eq!(append(&mut journal, commit).unwrap().states[&gate].version, 3);
    let commit = teller.commit(vec![
        proposal(gate.clone(), Expected::Version(3), event(GateEvent::Disabled)),
        proposal(gate.clone(), Expected::Version(3), event(GateEvent::Enabled)),
    ]);
    assert_eq!(append(&mut journal, commit), Err(conflict(gate, 4)));
    check_whole(&journal, "");
}

fn of_two_accounts_that_race_for_a_name_one_gets_it<P: Place>() {
    let (_place, mut journal, teller) = begun::<P>();
    let wanted = name(77);
    let stream = StreamId::Name(wanted);
    let race = vec![teller.account_named(5, wanted, 0), teller.account_named(6, wanted, 0)];
    let answers = journal.append(race).unwrap();
    assert!(answers[0].is_ok());
    assert_eq!(answers[1], Err(conflict(stream.clone(), 1)));
    let holder = |journal: &Journal| journal.reader().name(wanted).unwrap().unwrap().value;
    assert_eq!(holder(&journal), countersign::domain::account::Name::Taken(account(5)));
    assert_eq!(journal.reader().gate(account(6)).unwrap(), None);
    assert_eq!(append(&mut journal, teller.account_named(6, wanted, 0)), Err(conflict(stream.clone(), 1)));
    // Once it is released it is taken at the version at which it was seen free.
    let released = Event::Name(NameEvent::Released { account: account(5) });
    append(&mut journal, teller.commit(vec![proposal(stream, Expected::Version(1), released)])).unwrap();
    append(&mut journal, teller.account_named(6, wanted, 2)).unwrap();
    assert_eq!(holder(&journal), countersign::domain::account::Name::Taken(account(6)));
}

fn the_chain_is_whole_and_only_first_entries_tell_the_command<P: Place>() {
    let mut place = P::new();
    let Opened { mut journal, keys, .. } = place.open();
    let teller = Teller::new(keys);
    let commits = teller.history();
    let expected: Vec<_> = commits
        .iter()
        .flat_map(|commit| {
            let events = commit.proposals.iter().map(|proposal| proposal.events.len()).sum::<usize>();
            (0..events).map(|number| (commit.id, commit.at, number as u16, number == 0))
        })
        .collect();
    for batch in commits.chunks(5) {
        assert!(journal.append(batch.to_vec()).unwrap().iter().all(Result::is_ok));
    }
    let entries = entries(&journal);
    let found: Vec<_> = entries
        .iter()
        .map(|envelope| {
            let recorded = &envelope.recorded;
            (recorded.commit, recorded.at, envelope.number, recorded.command.is_some())
        })
        .collect();
    assert_eq!(found, expected);
    assert!(entries.iter().all(|envelope| envelope.node == "n1"));
    assert_eq!(journal.last_at(), commits.last().unwrap().at);
    check_whole(&journal, "");
}

fn a_commit_without_events_answers_the_last_position_and_moves_nothing<P: Place>() {
    let (_place, mut journal, teller) = begun::<P>();
    let before = (trace(&journal), facts(&journal));
    let guards = vec![Proposal::guard(StreamId::Client(client(1)), 1)];
    let answers = journal.append(vec![teller.commit(Vec::new()), teller.commit(guards)]).unwrap();
    for answer in answers {
        let appended = answer.unwrap();
        assert_eq!((appended.position, appended.states.len()), (journal.head(), 0));
    }
    assert_eq!((trace(&journal), facts(&journal)), before);
    assert!(journal.append(Vec::new()).unwrap().is_empty());
    check_whole(&journal, "");
}

fn what_was_appended_can_be_looked_up_at_once<P: Place>() {
    let (_place, mut journal, teller) = begun::<P>();
    let reader = journal.reader();
    append(&mut journal, teller.new_client(2)).unwrap();
    for (n, at) in [(1, 1), (2, 1), (3, 2)] {
        append(&mut journal, teller.login(n, 1, at, 1, 1)).unwrap();
        assert_eq!(reader.session(session(n)).unwrap().unwrap().value.status, Status::Open);
    }
    let at = |n: u64| reader.sessions_at(account(1), &client(n), 10).unwrap();
    assert_eq!((at(1), at(2)), (vec![session(1), session(2)], vec![session(3)]));
    assert_eq!(reader.sessions_of(account(1), 10).unwrap().len(), 3);
    append(&mut journal, teller.revoke(1)).unwrap();
    assert_eq!((at(1), at(2)), (vec![session(2)], vec![session(3)]));
    let status = reader.session(session(1)).unwrap().unwrap().value.status;
    assert!(matches!(status, Status::Revoked { reason: RevokeReason::Logout, .. }));
    assert_eq!(reader.open_sessions(None, None, 10).unwrap().0, [session(2), session(3)]);
    assert_eq!(reader.open_sessions(Some(&client(1)), None, 10).unwrap().0, [session(2)]);
    // Page by page, and the last page says that it is the last.
    let (page, next) = reader.open_sessions(None, None, 1).unwrap();
    let (second, after) = reader.open_sessions(None, next.as_deref(), 1).unwrap();
    let third = reader.open_sessions(None, after.as_deref(), 1).unwrap();
    assert_eq!((page, second, third), (vec![session(2)], vec![session(3)], (Vec::new(), None)));

    append(&mut journal, teller.list_token(1, 4)).unwrap();
    assert!(reader.is_revoked(token(4)).unwrap() && !reader.is_revoked(token(5)).unwrap());
    let hour = countersign::domain::project::hour_after(START + Span::minutes(5));
    assert_eq!(reader.drops_by(hour, 10).unwrap(), [(client(1), token(4), START + Span::minutes(5))]);
    assert_eq!(reader.drops_by(hour - 1, 10).unwrap(), []);
    append(&mut journal, teller.drop_token(1, 4)).unwrap();
    assert!(!reader.is_revoked(token(4)).unwrap() && reader.drops_by(hour, 10).unwrap().is_empty());

    let ends = countersign::domain::project::hour_after(START + Span::days(14));
    assert_eq!(reader.ending_by(ends, 10).unwrap(), [session(2), session(3)]);
    assert_eq!(reader.ending_by(ends - 1, 10).unwrap(), []);
    append(&mut journal, teller.refresh(2, 1)).unwrap();
    assert_eq!(reader.ending_by(ends, 10).unwrap(), [session(3)]);
}

fn clients_and_the_system_are_kept_at_hand_and_never_behind<P: Place>() {
    let (mut place, mut journal, teller) = begun::<P>();
    let reader = journal.reader();
    assert_eq!((reader.clients(), reader.client(&client(2)).unwrap()), (vec![client(1)], None));
    append(&mut journal, teller.new_client(2)).unwrap();
    assert_eq!(reader.clients().into_iter().collect::<BTreeSet<_>>(), BTreeSet::from([client(1), client(2)]));
    let braked = |reader: &countersign::journal::Reader| reader.client(&client(2)).unwrap().unwrap();
    assert_eq!((braked(&reader).version, braked(&reader).value.braked_by), (1, 0));
    let commit = teller.brake(2);
    let at = commit.at;
    append(&mut journal, commit).unwrap();
    assert_eq!((braked(&reader).version, braked(&reader).value.braked_by, braked(&reader).at), (2, 2, at));
    assert_eq!((reader.system().unwrap().version, &*reader.system().unwrap().value.origin), (1, "test.example/1"));
    let before = (braked(&reader), reader.system().unwrap());
    drop((journal, reader));
    let reader = place.open().journal.reader();
    assert_eq!((braked(&reader), reader.system().unwrap()), before);
    assert_eq!(reader.clients().len(), 2);
}

fn reopening_gives_the_same_journal<P: Place>() {
    let mut place = P::new();
    let Opened { mut journal, keys, .. } = place.open();
    let history = Teller::new(keys).history();
    for batch in history.chunks(4) {
        assert!(journal.append(batch.to_vec()).unwrap().iter().all(Result::is_ok));
    }
    let seen = |journal: &Journal| (trace(journal), facts(journal), lines(journal), entries(journal));
    let before = seen(&journal);
    journal.mark(true).unwrap();
    drop(journal);
    let Opened { journal, found, caught_up, .. } = place.open();
    assert_eq!(seen(&journal), before);
    let recovered = found.recovered.unwrap();
    assert!(recovered.clean && recovered.segments > 1 && found.quarantined.is_none(), "{recovered:?}");
    assert_eq!((caught_up.from, caught_up.to), (journal.head() + 1, journal.head()));
    // Also without an orderly stop, and then it goes on.
    drop(journal);
    let Opened { mut journal, found, keys, .. } = place.open();
    assert_eq!((seen(&journal), found.recovered.unwrap().clean), (before, false));
    append(&mut journal, Teller::seeded(keys, 2).new_account(9)).unwrap();
    check_whole(&journal, "");
}

fn an_event_that_is_too_long_is_refused_and_leaves_nothing<P: Place>() {
    let (_place, mut journal, teller) = begun::<P>();
    let mut settings = ClientSettings::new(ClientType::Public, Profile::Standard);
    settings.scopes.insert("x".repeat(5000));
    let changed = Event::Client(ClientEvent::Changed { settings });
    let disabled = Event::Client(ClientEvent::Disabled);
    let stream = StreamId::Client(client(1));
    let proposals = vec![Proposal { stream: stream.clone(), expected: Expected::Any, events: vec![disabled, changed] }];
    let before = (trace(&journal), facts(&journal));
    let Err(AppendError::TooLong(why)) = append(&mut journal, teller.commit(proposals)) else { panic!("it was taken") };
    assert!(why.contains("client.changed would take") && why.contains("at most 4096"), "{why}");
    assert_eq!((trace(&journal), facts(&journal)), before);
    assert!(journal.reader().client(&client(1)).unwrap().unwrap().value.enabled);
    append(&mut journal, teller.brake(1)).unwrap();
    check_whole(&journal, "");
}

fn an_impossible_event_is_refused_while_others_of_its_batch_are_taken<P: Place>() {
    let (_place, mut journal, teller) = begun::<P>();
    let wrong_kind = teller.commit(vec![proposal(StreamId::Gate(account(1)), Expected::Any, started(1, 1, 1, 1))]);
    let no_gate = teller.gate(9, GateEvent::Disabled);
    let twice = {
        let mut commit = teller.gate(1, GateEvent::Disabled);
        commit.proposals[0].events.extend([Event::Gate(GateEvent::Erased), Event::Gate(GateEvent::Enabled)]);
        commit
    };
    let answers = journal
        .append(vec![teller.login(1, 1, 1, 1, 1), wrong_kind, no_gate, twice, teller.login(2, 1, 1, 1, 1)])
        .unwrap();
    for (number, answer) in answers.iter().enumerate() {
        let refused = matches!(answer, Err(AppendError::Refused(_)));
        assert_eq!(refused, (1..=3).contains(&number), "{number}: {answer:?}");
    }
    let expired = Event::Session(SessionEvent::Expired);
    append(&mut journal, teller.commit(vec![proposal(StreamId::Session(session(1)), Expected::Any, expired)])).unwrap();
    assert_eq!(journal.head(), 10);
    check_whole(&journal, "");
}

fn a_commit_of_more_events_than_can_be_numbered_is_refused<P: Place>() {
    let (_place, mut journal, teller) = begun::<P>();
    let mut commit = teller.gate(1, GateEvent::Enabled);
    commit.proposals[0].events = vec![Event::Gate(GateEvent::Enabled); 70_000];
    let refused = AppendError::Refused("a commit has too many events".to_owned());
    assert_eq!(append(&mut journal, commit), Err(refused));
    assert_eq!(journal.head(), 5);
}

fn an_erased_owner_has_no_key_any_more_and_others_keep_theirs<P: Place>() {
    let (mut place, mut journal, teller) = begun::<P>();
    append(&mut journal, teller.new_account(2)).unwrap();
    let owner = |n| countersign::domain::ids::Owner::Account(account(n));
    append(&mut journal, teller.gate(1, GateEvent::Erased)).unwrap();
    drop(journal);
    for _ in 0..2 {
        let keys = place.open().keys;
        assert!(keys.data(&owner(1)).unwrap().is_none());
        assert!(keys.data(&owner(2)).unwrap().is_some());
    }
}

macro_rules! conformance {
    ($($name:ident),+ $(,)?) => {
        mod in_memory {
            $(#[test] fn $name() { super::$name::<super::InMemory>() })+
        }
        mod on_disk {
            $(#[test] fn $name() { super::$name::<super::OnDisk>() })+
        }
    };
}

conformance! {
    a_commit_with_the_exact_version_is_taken_and_any_other_is_told_the_version,
    any_version_is_taken_whatever_the_stream_has,
    a_guard_adds_nothing_and_fails_the_whole_commit,
    commits_of_one_batch_see_those_taken_before_them_and_not_those_refused,
    a_commit_across_streams_is_taken_whole_or_not_at_all,
    two_proposals_for_one_stream_in_one_commit_follow_each_other,
    of_two_accounts_that_race_for_a_name_one_gets_it,
    the_chain_is_whole_and_only_first_entries_tell_the_command,
    a_commit_without_events_answers_the_last_position_and_moves_nothing,
    what_was_appended_can_be_looked_up_at_once,
    clients_and_the_system_are_kept_at_hand_and_never_behind,
    reopening_gives_the_same_journal,
    an_event_that_is_too_long_is_refused_and_leaves_nothing,
    an_impossible_event_is_refused_while_others_of_its_batch_are_taken,
    a_commit_of_more_events_than_can_be_numbered_is_refused,
    an_erased_owner_has_no_key_any_more_and_others_keep_theirs,
    an_archived_session_is_absent_also_to_later_commits_of_the_same_batch,
    an_open_session_and_what_was_touched_since_stay,
    shedding_goes_in_steps_and_changes_nothing_that_is_known,
    a_store_made_anew_is_the_same_once_both_have_shed,
    lines_below_a_position_are_shed_and_those_around_it_stay,
}

#[test]
fn a_batch_of_commits_without_events_waits_for_one_sync_and_a_refused_one_for_none() {
    let (place, mut journal, teller) = begun::<InMemory>();
    let syncs = || place.disk.counts().of(Operation::Sync);
    let (before, anchor) = (syncs(), place.read("anchor"));
    journal.append(vec![teller.commit(Vec::new()), teller.commit(Vec::new())]).unwrap();
    assert_eq!(syncs() - before, 1);
    assert_ne!(place.read("anchor"), anchor);
    let guard = vec![Proposal::guard(StreamId::Client(client(1)), 9)];
    append(&mut journal, teller.commit(guard)).unwrap_err();
    assert_eq!(syncs() - before, 1);
    // With one that has events, theirs is enough.
    journal.append(vec![teller.commit(Vec::new()), teller.login(1, 1, 1, 1, 1)]).unwrap();
    assert_eq!(syncs() - before, 2);
    // A new owner's key is durable before its events.
    append(&mut journal, teller.new_account(2)).unwrap();
    assert_eq!(syncs() - before, 4);
}

#[test]
fn nothing_is_written_or_answered_after_a_failure() {
    let (place, mut journal, teller) = begun::<InMemory>();
    append(&mut journal, teller.login(1, 1, 1, 1, 1)).unwrap();
    // The key of a new account cannot be synced; an event that needs no key must fail all the same from then on.
    place.disk.fail(Operation::Sync, 1, std::io::ErrorKind::Other);
    assert!(journal.append(vec![teller.new_account(2)]).is_err());
    let changes = place.disk.counts().changes();
    let refused = journal.append(vec![teller.refresh(1, 1)]).unwrap_err().to_string();
    assert!(refused.contains("restart to recover") && refused.contains("appending to keys/keys"), "{refused}");
    assert!(journal.append(vec![teller.commit(Vec::new())]).is_err());
    assert!(journal.mark(false).is_err() && journal.mark(true).is_err());
    assert_eq!(place.disk.counts().changes(), changes);
}

#[test]
fn whoever_goes_on_after_an_orderly_stop_takes_the_word_back_first() {
    let (mut place, mut journal, teller) = begun::<InMemory>();
    journal.mark(true).unwrap();
    append(&mut journal, teller.login(1, 1, 1, 1, 1)).unwrap();
    place.disk = place.disk.crash_losing_everything_unsynced();
    drop(journal);
    let Opened { journal, found, .. } = place.open();
    assert!(!found.recovered.unwrap().clean);
    check_whole(&journal, "");
}

//! Power cuts and failing disks at any moment, with any earlier store beside what is left: every acknowledged commit is
//! there whole and in order, every other whole or not at all, and states and keys fit what is there.

use crate::support::commits::{Teller, account, client, session};
use crate::support::places::{InMemory, Opened, Place};
use crate::support::{check_whole, entries};
use countersign::domain::gate::{GateEvent, Standing};
use countersign::domain::ids::{CommitId, Owner, StreamId};
use countersign::journal::files::memory_disk::{MemoryDisk, Operation};
use countersign::journal::{Commit, Journal, Keys, MemoryStore};
use proptest::prelude::*;
use std::io::ErrorKind;
use std::sync::Arc;

/// A commit's id and how many events it has.
type Told = (CommitId, usize);

fn told(commit: &Commit) -> Told {
    (commit.id, commit.proposals.iter().map(|proposal| proposal.events.len()).sum())
}

/// A journal that lives through crashes, and what its users were told.
struct Life {
    place: InMemory,
    opened: Option<(Journal, Arc<Keys>, Teller)>,
    acknowledged: Vec<Told>,
    /// The commits of the batch that was not answered.
    in_doubt: Vec<Told>,
    /// The store as it was at some moments.
    snapshots: Vec<MemoryStore>,
    lives: u64,
}

/// Which store is found after a crash.
#[derive(Clone, Copy, Debug)]
enum Left {
    Now,
    Nothing,
    Earlier(usize),
}

impl Life {
    fn new() -> Self {
        let place = InMemory::new();
        let snapshots = vec![MemoryStore::default()];
        Self { place, opened: None, acknowledged: Vec::new(), in_doubt: Vec::new(), snapshots, lives: 0 }
    }

    /// Opens the journal and checks everything that must hold; false where the disk failed.
    fn open(&mut self, context: &str) -> bool {
        let Opened { journal, keys, .. } = match self.place.try_open() {
            Ok(opened) => opened,
            Err(why) => {
                assert!(why.contains("the simulated power is off") || why.contains("injected"), "{context}: {why}");
                return false;
            }
        };
        self.lives += 1;
        self.check(&journal, &keys, context);
        let teller = Teller::seeded(keys.clone(), 100 + self.lives);
        self.opened = Some((journal, keys, teller));
        true
    }

    fn check(&mut self, journal: &Journal, keys: &Keys, context: &str) {
        check_whole(journal, context);
        let mut found: Vec<Told> = Vec::new();
        for envelope in entries(journal) {
            match found.last_mut() {
                Some((commit, events)) if *commit == envelope.recorded.commit => *events += 1,
                _ => found.push((envelope.recorded.commit, 1)),
            }
            check_key(journal, keys, &envelope.recorded.stream, context);
        }
        assert!(found.len() >= self.acknowledged.len(), "{context}: acknowledged commits are gone");
        let (kept, survived) = found.split_at(self.acknowledged.len());
        assert_eq!(kept, self.acknowledged, "{context}");
        let mut doubtful = self.in_doubt.iter();
        assert!(survived.iter().all(|commit| doubtful.any(|other| other == commit)), "{context}: {survived:?}");
        // What has survived a start is as good as acknowledged: it was answered from.
        self.acknowledged = found;
        self.in_doubt.clear();
    }

    /// Appends a batch; false where the disk failed.
    fn append(&mut self, make: impl FnOnce(&Teller) -> Vec<Commit>) -> bool {
        let Some((journal, _, teller)) = &mut self.opened else { return false };
        let commits = make(teller);
        let all: Vec<Told> = commits.iter().map(told).collect();
        let Ok(answers) = journal.append(commits) else {
            self.in_doubt = all;
            return false;
        };
        let taken = all.into_iter().zip(&answers).filter(|((_, events), answer)| *events > 0 && answer.is_ok());
        self.acknowledged.extend(taken.map(|(commit, _)| commit));
        self.snapshots.push(self.place.home.store.snapshot());
        true
    }

    /// The machine comes back with what is on this disk and one of the stores.
    fn come_back(&mut self, disk: MemoryDisk, left: Left, context: &str) {
        self.opened = None;
        let store = match left {
            Left::Now => self.place.home.store.snapshot(),
            Left::Nothing => MemoryStore::default(),
            Left::Earlier(n) => self.snapshots[n % self.snapshots.len()].snapshot(),
        };
        self.place = InMemory::of(disk, store);
        if !self.open(context) {
            // A fault planned before the crash struck in the start; there are no more.
            assert!(self.open(context), "{context}");
        }
    }
}

/// An owner with events has a key, unless he was erased.
fn check_key(journal: &Journal, keys: &Keys, stream: &StreamId, context: &str) {
    let owner = match stream {
        StreamId::System | StreamId::Brakes => Owner::System,
        StreamId::Client(client) => Owner::Client(client.clone()),
        StreamId::Account(account) | StreamId::Gate(account) => Owner::Account(*account),
        StreamId::Use(_) | StreamId::Session(_) | StreamId::Evidence(_) | StreamId::Name(_) => return,
    };
    let erased = match &owner {
        Owner::Account(id) => journal.reader().gate(*id).unwrap().unwrap().value.standing == Standing::Erased,
        _ => false,
    };
    assert_eq!(keys.data(&owner).unwrap().is_none(), erased, "{context}: {owner}");
}

/// One thing that somebody asks for, about one of few, so that there are conflicts.
#[derive(Clone, Debug)]
enum Ask {
    NewClient(u64),
    NewAccount(u64),
    Login(u64, u64, u64),
    Refresh(u64, u32),
    Revoke(u64),
    CloseGate(u64),
    Erase(u64),
    ListToken(u64, u64),
    Nothing,
}

fn commit(teller: &Teller, ask: &Ask) -> Commit {
    match *ask {
        Ask::NewClient(n) => teller.new_client(n),
        Ask::NewAccount(n) => teller.new_account(n),
        Ask::Login(n, account, client) => teller.login(n, account, client, 1, 1),
        Ask::Refresh(n, generation) => teller.refresh(n, generation),
        Ask::Revoke(n) => teller.revoke(n),
        Ask::CloseGate(n) => teller.gate(n, GateEvent::SessionsRevoked),
        Ask::Erase(n) => teller.gate(n, GateEvent::Erased),
        Ask::ListToken(at, n) => teller.list_token(at, n),
        Ask::Nothing => teller.commit(Vec::new()),
    }
}

fn ask() -> impl Strategy<Value = Ask> {
    prop_oneof![
        1 => (0u64..3).prop_map(Ask::NewClient),
        2 => (0u64..40).prop_map(Ask::NewAccount),
        4 => (0u64..20, 0u64..6, 0u64..2).prop_map(|(n, account, client)| Ask::Login(n, account, client)),
        4 => (0u64..20, 1u32..4).prop_map(|(n, generation)| Ask::Refresh(n, generation)),
        1 => (0u64..20).prop_map(Ask::Revoke),
        1 => (0u64..6).prop_map(Ask::CloseGate),
        1 => (3u64..40).prop_map(Ask::Erase),
        1 => (0u64..3, 0u64..9).prop_map(|(at, n)| Ask::ListToken(at, n)),
        1 => Just(Ask::Nothing),
    ]
}

/// What may happen.
#[derive(Clone, Debug)]
enum Step {
    Append(Vec<Ask>),
    Mark,
    /// An orderly stop.
    Stop(Left),
    /// The process dies; the kernel lives.
    Die(Left),
    CutPower(u64, Left),
    /// From now on the power goes after so many changes, or the n-th operation of a kind fails.
    PowerOffAfter(u64),
    Fail(Operation, u64),
}

fn step() -> impl Strategy<Value = Step> {
    let left = || {
        prop_oneof![
            3 => Just(Left::Now),
            1 => Just(Left::Nothing),
            2 => (0usize..50).prop_map(Left::Earlier),
        ]
    };
    let operation = prop::sample::select(vec![
        Operation::Write,
        Operation::Sync,
        Operation::Create,
        Operation::Rename,
        Operation::SyncDir,
        Operation::Truncate,
        Operation::Read,
    ]);
    prop_oneof![
        8 => prop::collection::vec(ask(), 1..8).prop_map(Step::Append),
        1 => Just(Step::Mark),
        1 => left().prop_map(Step::Stop),
        1 => left().prop_map(Step::Die),
        1 => (any::<u64>(), left()).prop_map(|(seed, left)| Step::CutPower(seed, left)),
        2 => (0u64..12).prop_map(Step::PowerOffAfter),
        2 => (operation, 1u64..4).prop_map(|(operation, nth)| Step::Fail(operation, nth)),
    ]
}

fn begin(teller: &Teller) -> Vec<Commit> {
    vec![teller.genesis(), teller.new_client(0), teller.new_account(0), teller.new_account(1)]
}

/// Whether the journal goes on after a step; else how it comes back.
fn take(life: &mut Life, step: &Step) -> Result<(), (MemoryDisk, Left)> {
    let disk = life.place.disk.clone();
    let journal = life.opened.as_mut().map(|(journal, _, _)| journal);
    let fails = |worked: bool, disk: MemoryDisk| if worked { Ok(()) } else { Err((disk, Left::Now)) };
    match step {
        Step::Append(asks) => {
            let worked = life.append(|teller| asks.iter().map(|ask| commit(teller, ask)).collect());
            fails(worked, disk)
        }
        Step::Mark => fails(journal.is_some_and(|journal| journal.mark(false).is_ok()), disk),
        Step::Stop(left) => {
            let _ = journal.map(|journal| journal.mark(true));
            Err((disk, *left))
        }
        Step::Die(left) => Err((disk, *left)),
        Step::CutPower(seed, left) => Err((disk.crash(*seed), *left)),
        Step::PowerOffAfter(operations) => {
            disk.power_off_after_operations(*operations);
            Ok(())
        }
        Step::Fail(operation, nth) => {
            disk.fail(*operation, *nth, ErrorKind::Other);
            Ok(())
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_what_was_acknowledged_is_there_and_nothing_is_there_by_half(
        steps in prop::collection::vec(step(), 1..30),
        seed: u64,
    ) {
        let mut life = Life::new();
        prop_assert!(life.open("at first") && life.append(begin));
        for (number, step) in (0u64..).zip(&steps) {
            let context = format!("step {number}: {step:?}");
            if let Err((disk, left)) = take(&mut life, step) {
                let disk = if disk.is_off() { disk.crash(seed.wrapping_add(number)) } else { disk };
                // The disk may still have a fault in store, and the power may go in the middle of the start.
                life.opened = None;
                for attempt in 0u64.. {
                    prop_assert!(attempt < 20, "{context}");
                    let off = life.place.disk.is_off();
                    let next = if attempt == 0 { disk.clone() } else { life.place.disk.clone() };
                    let next = if off && attempt > 0 { next.crash(seed.wrapping_sub(attempt)) } else { next };
                    let store = store_left(&life, left, attempt);
                    life.place = InMemory::of(next, store);
                    if life.open(&context) {
                        break;
                    }
                }
            }
        }
        let disk = life.place.disk.crash(seed);
        life.come_back(disk, Left::Now, "at last");
        prop_assert!(life.append(|teller| vec![teller.new_account(60)]));
        let disk = life.place.disk.crash_losing_everything_unsynced();
        life.come_back(disk, Left::Nothing, "after all");
    }
}

fn store_left(life: &Life, left: Left, attempt: u64) -> MemoryStore {
    match left {
        Left::Nothing if attempt == 0 => MemoryStore::default(),
        Left::Earlier(n) if attempt == 0 => life.snapshots[n % life.snapshots.len()].snapshot(),
        _ => life.place.home.store.snapshot(),
    }
}

/// Two short lives with every kind of write: new owners, several streams, a conflict, an erasure, a roll, marks, a stop.
fn story(life: &mut Life) -> bool {
    fn go(life: &mut Life, make: impl FnOnce(&Teller) -> Vec<Commit>) -> bool {
        life.append(make) && life.opened.as_mut().is_some_and(|(journal, _, _)| journal.mark(false).is_ok())
    }
    life.open("at first")
        && go(life, begin)
        && go(life, |teller| (2..30).map(|n| teller.new_account(n)).collect())
        && go(life, |teller| vec![teller.login(1, 1, 0, 1, 1), teller.login(1, 1, 0, 1, 1), teller.refresh(1, 1)])
        && go(life, |teller| vec![teller.gate(5, GateEvent::Erased), teller.new_account(30), teller.new_client(1)])
        && life.opened.as_mut().is_some_and(|(journal, _, _)| journal.mark(true).is_ok())
        && life.open("the second time")
        && go(life, |teller| vec![teller.revoke(1), teller.gate(6, GateEvent::Erased), teller.list_token(0, 1)])
}

/// After a crash: whatever is left, with whichever store, and a second crash after more was done.
fn lives_on(mut life: Life, disk: MemoryDisk, left: Left, context: &str) {
    life.come_back(disk, left, context);
    if life.acknowledged.is_empty() {
        assert!(life.append(begin), "{context}");
    }
    assert!(life.append(|teller| vec![teller.new_account(70), teller.login(70, 70, 0, 1, 1)]), "{context}");
    let disk = life.place.disk.crash_losing_everything_unsynced();
    life.come_back(disk, Left::Now, context);
    let (journal, _, _) = life.opened.as_ref().unwrap();
    let open = journal.reader().sessions_at(account(70), &client(0), 10).unwrap();
    assert_eq!(open, [session(70)], "{context}");
}

#[test]
fn a_power_cut_at_any_operation_loses_nothing_acknowledged() {
    for operations in 0.. {
        let run = || {
            let mut life = Life::new();
            life.place.disk.power_off_after_operations(operations);
            let through = story(&mut life);
            (life, through)
        };
        if run().1 {
            assert!(operations > 40, "the story is too short to prove anything");
            return;
        }
        for (seed, left) in (0..).zip([Left::Now, Left::Nothing, Left::Earlier(1), Left::Earlier(3), Left::Now]) {
            let (life, _) = run();
            let disk = match seed {
                0 => life.place.disk.crash_losing_everything_unsynced(),
                1 => life.place.disk.crash_keeping_everything(),
                seed => life.place.disk.crash(seed),
            };
            lives_on(life, disk, left, &format!("after {operations} operations, seed {seed}, {left:?}"));
        }
    }
}

#[test]
fn a_disk_that_fails_once_at_any_operation_loses_nothing_acknowledged() {
    for operation in [Operation::Write, Operation::Sync, Operation::Create, Operation::Rename, Operation::SyncDir] {
        for nth in 1.. {
            let run = || {
                let mut life = Life::new();
                life.place.disk.fail(operation, nth, ErrorKind::Other);
                let through = story(&mut life);
                (life, through)
            };
            if run().1 {
                assert!(nth > 3, "{operation:?}: the story is too short to prove anything");
                break;
            }
            // The kernel lives on, or the power goes as well.
            for (lives, left) in [(true, Left::Now), (true, Left::Nothing), (false, Left::Earlier(2))] {
                let (life, _) = run();
                let disk = &life.place.disk;
                let disk = if lives { disk.clone() } else { disk.crash_losing_everything_unsynced() };
                lives_on(life, disk, left, &format!("{operation:?} {nth} failed, {lives}, {left:?}"));
            }
        }
    }
}

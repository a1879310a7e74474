use super::*;
use proptest::prelude::*;

/// What may happen to a journal.
#[derive(Debug, Clone)]
enum Step {
    /// A batch: the sizes of the events of each commit.
    Append(Vec<Vec<usize>>),
    Anchor,
    /// The process dies and starts again; the kernel lives.
    Restart,
    /// An orderly stop, and a start.
    Stop,
    /// The power is cut after so many more bytes were written, at the latest at the next such step.
    CutPower {
        after_bytes: u64,
        seed: u64,
    },
    /// The next sync fails.
    FailSync,
}

fn step() -> impl Strategy<Value = Step> {
    let commit = prop::collection::vec(0usize..2500, 1..4);
    prop_oneof![
        6 => prop::collection::vec(commit, 1..4).prop_map(Step::Append),
        1 => Just(Step::Anchor),
        1 => Just(Step::Restart),
        1 => Just(Step::Stop),
        2 => (0u64..15_000, any::<u64>()).prop_map(|(after_bytes, seed)| Step::CutPower { after_bytes, seed }),
        1 => Just(Step::FailSync),
    ]
}

/// Starts on `disk`, or, if the power is off or goes in the middle of that, on what a crash then leaves.
fn again(before: &Journal, disk: &MemoryDisk, seed: u64) -> Journal {
    let found = match Journal::start(disk) {
        Ok(found) => found,
        Err(_) if disk.is_off() => Journal::start(&disk.crash(seed)).unwrap(),
        // The one sync that was to fail.
        Err(OpenError::Io(_)) => return again(before, disk, seed),
        Err(error) => panic!("{error}"),
    };
    before.check_kept(&found.acknowledged, "after a start");
    assert_eq!(found.started.segments.head(), found.acknowledged.len() as u64);
    found.roll_at(9000)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_acknowledged_prefix_is_always_there_and_no_half_commit_ever(steps in prop::collection::vec(step(), 1..25)) {
        let mut journal = Journal::new().roll_at(9000);
        let mut seed = 0;
        for (life, step) in (1..).zip(steps) {
            let disk = journal.disk.clone();
            let result = match step {
                Step::Append(commits) => {
                    let commits: Vec<&[usize]> = commits.iter().map(Vec::as_slice).collect();
                    journal.append_in(life, &commits)
                }
                Step::Anchor => journal.anchor(),
                Step::Restart => Err(io::Error::other("killed")),
                Step::Stop => {
                    let mark = journal.started.segments.mark();
                    // What is not known to be written must not be called whole.
                    if journal.in_doubt.is_empty() { journal.started.anchor.write(mark, true).ok() } else { None };
                    Err(io::Error::other("stopped"))
                }
                Step::CutPower { after_bytes, seed: drawn } => {
                    disk.power_off_after_bytes(after_bytes);
                    seed = drawn;
                    Ok(())
                }
                Step::FailSync => {
                    disk.fail(super::super::memory_disk::Operation::Sync, 1, io::ErrorKind::Other);
                    Ok(())
                }
            };
            if result.is_err() {
                journal = again(&journal, &disk, seed);
            }
        }
        again(&journal, &journal.disk.crash(seed), seed);
    }
}

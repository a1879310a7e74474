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
    CutPower { after_bytes: u64, seed: u64 },
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

/// Starts on `disk` what `before` left there, and compares.
fn again(before: &Journal, disk: &MemoryDisk) -> Journal {
    let found = Journal::start_with(disk, None).unwrap().roll_at(9000);
    before.check_kept(&found.acknowledged, "after a start");
    assert_eq!(found.started.segments.frontier().size(), found.acknowledged.len() as u64);
    found
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
                Step::Restart => {
                    if !disk.is_off() {
                        // The power may go in the middle of this start; then the crash below finds it.
                        match Journal::start(&disk) {
                            Ok(_) => {}
                            Err(OpenError::Io(_)) if disk.is_off() => {}
                            Err(error) => panic!("{error}"),
                        }
                        if disk.is_off() { Err(io::Error::other("off")) } else { journal = again(&journal, &disk); Ok(()) }
                    } else {
                        Ok(())
                    }
                }
                Step::Stop => {
                    let stopped = journal.started.anchor.write(journal.started.segments.mark(), true);
                    let started = stopped.and_then(|()| Journal::start(&disk).map_err(io::Error::other));
                    started.map(|found| {
                        journal.check_kept(&found.acknowledged, "after a stop");
                        journal = found.roll_at(9000);
                    })
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
                let found = if disk.is_off() { disk.crash(seed) } else { disk };
                journal = again(&journal, &found);
            }
        }
        again(&journal, &journal.disk.crash(seed));
    }
}

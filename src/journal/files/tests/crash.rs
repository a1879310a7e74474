use super::*;

/// Two lives of a journal: rolls, anchors, an orderly stop, a second start, a stop in the middle. It ends early where
/// the disk fails, and hands over what may be relied on then.
fn two_lives(disk: &MemoryDisk) -> Option<Journal> {
    let mut first = Journal::start(disk).ok()?.roll_at(4000);
    let script: [&[&[usize]]; 4] = [&[&[100, 1500], &[10]], &[&[1200, 10, 900]], &[&[10], &[3000]], &[&[600, 600]]];
    for batch in script {
        if first.append(batch).is_err() || first.anchor().is_err() {
            return Some(first);
        }
    }
    let Journal { started, acknowledged, in_doubt, .. } = first;
    let stopped = started.stop();
    let second = stopped.ok().and_then(|()| Journal::start(disk).ok());
    let Some(second) = second else {
        // Nothing can be asked of it any more but what it had acknowledged.
        return Some(Journal { acknowledged, in_doubt, ..Journal::new() });
    };
    assert_eq!(second.acknowledged, acknowledged);
    let mut second = second.roll_at(4000);
    for batch in script {
        if second.append_in(2, batch).is_err() {
            break;
        }
    }
    Some(second)
}

/// The disks that may be found after the power was cut on `disk`.
fn outcomes(disk: &MemoryDisk, seeds: u64) -> Vec<MemoryDisk> {
    let mut found: Vec<_> = (0..seeds).map(|seed| disk.crash(seed)).collect();
    found.push(disk.crash_losing_everything_unsynced());
    found.push(disk.crash_keeping_everything());
    found
}

/// Starts on what a crash left and goes on working: nothing acknowledged is lost, before and after another crash.
fn lives_on(left: Option<&Journal>, disk: &MemoryDisk, context: &str) {
    let mut found = Journal::start(disk).unwrap_or_else(|error| panic!("{context}: {error}")).roll_at(4000);
    match left {
        Some(left) => left.check_kept(&found.acknowledged, context),
        None => assert!(found.acknowledged.is_empty(), "{context}"),
    }
    found.append_in(3, &[&[2500, 10], &[10]]).unwrap();
    let again = Journal::start(&disk.crash_losing_everything_unsynced()).unwrap();
    assert_eq!(again.acknowledged, found.acknowledged, "{context}");
}

/// Cuts the power after 0, 1, 2 … changes until the whole story gets through, and calls `then` with each outcome.
fn at_every_operation(then: impl Fn(Option<&Journal>, &MemoryDisk, u64)) {
    for operations in 0.. {
        let disk = MemoryDisk::new();
        disk.power_off_after_operations(operations);
        let left = two_lives(&disk);
        then(left.as_ref(), &disk, operations);
        if !disk.is_off() {
            assert!(operations > 50 && left.is_some_and(|left| left.in_doubt.is_empty()));
            return;
        }
    }
}

#[test]
fn a_power_cut_at_any_operation_loses_nothing_acknowledged() {
    at_every_operation(|left, disk, operations| {
        for (number, found) in outcomes(disk, 12).iter().enumerate() {
            lives_on(left, found, &format!("after {operations} operations, outcome {number}"));
        }
    });
}

#[test]
fn a_power_cut_at_any_operation_of_the_recovery_itself_changes_nothing() {
    at_every_operation(|left, disk, operations| {
        for (number, found) in outcomes(disk, 2).iter().enumerate() {
            for during in 0.. {
                let found = found.copy();
                found.power_off_after_operations(during);
                let started = Journal::start(&found).is_ok();
                for (second, found) in outcomes(&found, 2).iter().enumerate() {
                    lives_on(left, found, &format!("after {operations}, outcome {number}, {during}, {second}"));
                }
                if started {
                    break;
                }
            }
        }
    });
}

#[test]
fn a_power_cut_at_any_byte_loses_nothing_acknowledged() {
    let whole = MemoryDisk::new();
    two_lives(&whole);
    // Every 7th byte: all bytes of two commits have a test of their own.
    for bytes in (0..whole.counts().bytes_written).step_by(7) {
        let disk = MemoryDisk::new();
        disk.power_off_after_bytes(bytes);
        let left = two_lives(&disk);
        lives_on(left.as_ref(), &disk.crash_keeping_everything(), &format!("after {bytes} bytes"));
    }
}

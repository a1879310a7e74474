//! A disk that fails under a running engine: nothing is acknowledged any more, and what was acknowledged is there after a start.

use crate::machine::{Machine, Running, token};
use countersign::actors::{Fate, Issued, Refused, Unavailable};
use countersign::app::Start;
use countersign::journal::files::memory_disk::{MemoryDisk, Operation};
use std::io::ErrorKind;
use std::process::Command;

const STOPPING: Option<Refused> = Some(Refused::Unavailable(Unavailable::Stopping));

/// A machine whose engine falls silent when its disk fails, with alice and one session of hers.
async fn mortal(seed: u64) -> (Machine, Running, Issued) {
    let mut machine = Machine::new(seed);
    machine.fate = Fate::FallSilent;
    let running = machine.start();
    running.prepare(|_| ()).await;
    let issued = running.login().await.unwrap();
    (machine, running, issued)
}

/// Starts it again on another disk; the session of before goes on.
async fn goes_on(machine: &mut Machine, disk: MemoryDisk, issued: &Issued) {
    machine.disk = disk;
    let opening = machine.open(Start::default()).unwrap();
    let running = machine.run(opening);
    running.refresh(token(issued)).await.unwrap();
    running.login().await.unwrap();
    running.stop();
}

#[actix_rt::test]
async fn an_engine_whose_disk_fails_acknowledges_nothing_more_and_the_next_one_goes_on() {
    for (seed, operation) in [(91, Operation::Write), (92, Operation::Sync)] {
        let (mut machine, running, issued) = mortal(seed).await;
        machine.disk.fail(operation, 1, ErrorKind::Other);
        assert_eq!(running.login().await.err(), STOPPING, "{operation:?}");
        assert_eq!(running.refresh(token(&issued)).await.err(), STOPPING);
        running.stop();
        let disk = machine.disk.after_death();
        goes_on(&mut machine, disk, &issued).await;
    }
}

#[actix_rt::test]
async fn an_engine_whose_power_goes_off_acknowledges_nothing_more_and_the_next_one_goes_on() {
    let (mut machine, running, issued) = mortal(93).await;
    machine.disk.power_off_after_operations(0);
    assert_eq!(running.refresh(token(&issued)).await.err(), STOPPING);
    running.stop();
    assert!(machine.is_off());
    let disk = machine.disk.crash(93);
    goes_on(&mut machine, disk, &issued).await;
}

const VARIABLE: &str = "COUNTERSIGN_TEST_DISK_FAILS";

#[test]
fn a_disk_that_fails_ends_the_process() {
    if std::env::var(VARIABLE).is_ok() {
        actix::System::new().block_on(async {
            let mut machine = Machine::new(94);
            let running = machine.start();
            running.prepare(|_| ()).await;
            machine.disk.fail(Operation::Sync, 1, ErrorKind::Other);
            let answer = running.login().await;
            panic!("answered after the end: {:?}", answer.err());
        });
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "dying::a_disk_that_fails_ends_the_process", "--nocapture"]).env(VARIABLE, "");
    assert_eq!(child.output().unwrap().status.code(), Some(74));
}

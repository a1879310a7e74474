//! A disk that hangs: the process ends by itself, and the next one has everything that was answered.

use super::check::{Audit, Findings};
use super::shim::compile;
use super::{findings, plan, workers};
use crate::random::seed;
use crate::support::is_installed;
use std::fs;

#[test]
fn a_write_that_hangs_ends_the_process_and_nothing_answered_is_lost() {
    if !is_installed("cc", "gcc libc6-dev") {
        return;
    }
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (library, hang) = (dir.path().join("hang_sync.so"), dir.path().join("hang"));
    compile("hang_sync.c", &library);
    let seed = seed();
    let mut workers = workers(seed);
    let text = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let mut plan = plan().set("journal.stuck_after", "2s");
    plan.env.extend([("LD_PRELOAD".to_owned(), text(&library)), ("SHIM_HANG".to_owned(), text(&hang))]);
    let mut server = plan.start();
    for worker in &mut workers {
        assert!(worker.login(&server).is_ok() && worker.refresh(&server, 0).is_ok());
    }
    std::thread::scope(|scope| {
        for worker in &mut workers {
            scope.spawn(|| worker.work(&server));
        }
        fs::write(&hang, "").unwrap();
    });
    assert_eq!(server.ended(), Some(74), "{}", server.diagnostics());
    let said = server.diagnostics();
    assert!(said.contains("journal.stuck_after") && said.contains("look at the disk"), "{said}");
    fs::remove_file(&hang).unwrap();
    let server = server.again();
    assert_eq!(findings(&server, &mut workers, &mut Audit::new()), Findings::new(), "seed {seed}");
}

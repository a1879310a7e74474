//! An older copy of the data is served as if it were the newest: the journal is shorter than what Prometheus has seen, and
//! people hold tokens that it never issued.

use super::caused::{TIMES, login_ok};
use super::prometheus::Prometheus;
use crate::support::{BOOTSTRAP, Plan};
use std::fs;
use std::path::Path;

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).unwrap();
        }
    }
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
}

#[test]
fn an_older_copy_that_is_served_is_found_twice() {
    if !Prometheus::is_installed() {
        return;
    }
    let mut server = Plan::new(BOOTSTRAP).start();
    let prometheus = Prometheus::start(TIMES, &server);
    let first = server.login();
    assert_eq!(server.terminate(), Some(0));
    let stopped = server.stopped();
    let (data, older) = (stopped.data_dir(), stopped.data_dir().with_file_name("older"));
    copy(&data, &older);

    let mut server = stopped.start();
    prometheus.follow(&server);
    let newest = server.refresh(&first.refresh());
    (0..20).for_each(|_| login_ok(&server));
    prometheus.until_it_has_read_from(&server);
    assert!(prometheus.firing("CountersignJournalWentBack").is_empty());
    assert_eq!(server.terminate(), Some(0));
    let stopped = server.stopped();
    fs::remove_dir_all(&data).unwrap();
    fs::rename(&older, &data).unwrap();

    let server = stopped.start();
    prometheus.follow(&server);
    prometheus.until_firing("CountersignJournalWentBack", || ());
    let refused = server.refresh(&newest.refresh());
    assert_eq!(refused.status, 400, "{refused:?}");
    let alert = prometheus.until_firing("CountersignHistoryLost", || ());
    assert_eq!(alert["labels"]["outcome"], "ahead_of_journal", "{alert}");
}

//! The reader that docs/JOURNAL.md shows, by the letter: whoever has only the page reads the journal as we do.

use crate::python::Python;
use crate::support::{BOOTSTRAP, Plan, wait_until};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn the_pages_reader(at: &Path) -> PathBuf {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/JOURNAL.md")).unwrap();
    let (_, after) = page.split_once("```python\n").unwrap();
    let (script, _) = after.split_once("```").unwrap();
    let path = at.join("read.py");
    fs::write(&path, script).unwrap();
    path
}

/// Position and root in the anchor: of the slot with the higher counter.
fn anchored(data_dir: &Path) -> String {
    let bytes = fs::read(data_dir.join("anchor")).unwrap();
    let slots = [0, 4096].map(|at| {
        let slot = std::str::from_utf8(&bytes[at..at + 256]).unwrap();
        serde_json::from_str::<serde_json::Value>(slot.trim_end()).unwrap()["anchor"].clone()
    });
    let last = slots.iter().max_by_key(|anchor| anchor["counter"].as_u64()).unwrap();
    format!("{} {}\n", last["position"], last["root"].as_str().unwrap())
}

#[test]
fn the_reader_of_the_page_reads_sealed_segments_and_what_a_drop_has_left() {
    let Some(python) = Python::find() else { return };
    let root = tempfile::tempdir().unwrap();
    let script = the_pages_reader(root.path());
    let mut server = Plan::new(BOOTSTRAP).set("journal.segment_bytes", "64KiB").start();
    let mut token = server.login().refresh();
    for _ in 0..250 {
        token = server.refresh(&token).refresh();
    }
    wait_until("a segment is sealed", || server.metric("countersign_journal_sealed_bytes") > 0.0);
    assert_eq!(server.terminate(), Some(0), "{}", server.diagnostics());
    let data_dir = server.data_dir();
    let read = || python.run(script.to_str().unwrap(), &[data_dir.to_str().unwrap()], "");
    assert_eq!(read(), anchored(&data_dir));

    let mut drop = Command::new(env!("CARGO_BIN_EXE_countersign"));
    drop.args(["journal", "drop", "--forever", "--before", "2100-01-01T00:00:00Z", "--data-dir"]).arg(&data_dir);
    let dropped = drop.stdin(Stdio::null()).output().unwrap();
    assert!(dropped.status.success(), "{dropped:?}");
    assert!(data_dir.join("journal/dropped").exists());
    assert_eq!(read(), anchored(&data_dir));
}

//! Files of the data directory that are altered or gone: what cannot be mended is refused by name, what can is rebuilt.

use crate::random::{Random, seed};
use crate::support::{Answer, BOOTSTRAP, Plan, STORE, Server, Stopped, files_below};
use std::fs;
use std::path::Path;

const SEGMENT: &str = "journal/00000000000000000001.jsonl";

/// What was answered before the damage.
struct Known {
    alive: Vec<Answer>,
    dead: Vec<Answer>,
}

impl Known {
    /// A few sessions with a few generations, some of them revoked.
    fn make(server: &Server) -> Self {
        let mut sessions: Vec<_> = (0..8).map(|_| server.login()).collect();
        for session in &mut sessions {
            for _ in 0..3 {
                *session = server.refresh(&session.refresh());
            }
        }
        let dead = sessions.split_off(5);
        for session in &dead {
            assert_eq!(server.post("/oauth2/revoke", Some(STORE), &[("token", &session.refresh())]).status, 200);
        }
        Self { alive: sessions, dead }
    }

    /// Nothing is lost, and nothing that was revoked is back.
    fn check(&mut self, server: &Server) {
        for session in &mut self.alive {
            assert!(server.is_active(&session.access()));
            let refreshed = server.refresh(&session.refresh());
            assert_eq!(refreshed.status, 200, "{}", refreshed.body);
            *session = refreshed;
        }
        for session in &self.dead {
            assert!(!server.is_active(&session.access()));
            let refused = server.refresh(&session.refresh());
            assert_eq!((refused.status, refused.text("error").as_str()), (400, "invalid_grant"));
        }
    }
}

fn with_sessions() -> (Stopped, Known) {
    let server = Plan::new(BOOTSTRAP).start();
    let known = Known::make(&server);
    (server.stopped(), known)
}

fn flip(path: &Path, byte: usize, mask: u8) {
    let mut bytes = fs::read(path).unwrap();
    bytes[byte] ^= mask;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_bit_that_flipped_in_a_durable_entry_is_refused_by_file_and_offset() {
    let mut random = Random::new(seed());
    let (stopped, mut known) = with_sessions();
    let path = stopped.data_dir().join(SEGMENT);
    let whole = fs::read(&path).unwrap();
    let lines: Vec<_> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    // The last entry says up to where everything is durable; the first line is the segment's head.
    let last: serde_json::Value = serde_json::from_slice(lines[lines.len() - 1]).unwrap();
    let durable = last["durable"].as_u64().unwrap();
    assert!(durable > 30, "{durable}");
    for _ in 0..6 {
        let position = 1 + random.below(durable) as usize;
        let offset: usize = lines[..position].iter().map(|line| line.len()).sum();
        let byte = offset + random.below(lines[position].len() as u64) as usize;
        flip(&path, byte, 1 << random.below(8));
        let damaged = fs::read(&path).unwrap();
        let (code, text) = stopped.refusal();
        assert_eq!(code, Some(1), "{text}");
        let sentence = format!(
            "countersign: the journal was not opened and not changed: {SEGMENT} is damaged at byte {offset}, where entry \
             {position} should be: "
        );
        assert!(text.contains(&sentence), "{byte}: {text}");
        assert_eq!(fs::read(&path).unwrap(), damaged, "the evidence is left as it was");
        fs::write(&path, &whole).unwrap();
    }
    known.check(&stopped.start());
}

#[test]
fn a_store_that_is_gone_is_rebuilt() {
    let (stopped, mut known) = with_sessions();
    fs::remove_dir_all(stopped.data_dir().join("store")).unwrap();
    let server = stopped.start();
    assert!(server.diagnostics().contains("brought the store up to the journal from=1 "), "{}", server.diagnostics());
    known.check(&server);
}

#[test]
fn a_store_with_flipped_bytes_costs_nothing() {
    let mut random = Random::new(seed());
    let (mut stopped, mut known) = with_sessions();
    for _ in 0..10 {
        let files = files_below(&stopped.data_dir().join("store"));
        let path = &files[random.below(files.len() as u64) as usize];
        let length = fs::metadata(path).unwrap().len();
        for _ in 0..8 {
            flip(path, random.below(length) as usize, 1 + random.below(255) as u8);
        }
        println!("flipped 8 bytes of {} ({length} bytes)", path.file_name().unwrap().display());
        let server = stopped.start();
        known.check(&server);
        stopped = server.stopped();
    }
    let server = stopped.start();
    println!("the store was put aside {} times", server.diagnostics().matches("it was put aside").count());
    known.check(&server);
}

#[test]
fn an_anchor_with_one_good_slot_is_enough_and_with_none_is_refused() {
    let (stopped, mut known) = with_sessions();
    let path = stopped.data_dir().join("anchor");
    flip(&path, 100, 1);
    let server = stopped.start();
    known.check(&server);
    let stopped = server.stopped();
    let whole = fs::read(&path).unwrap();
    flip(&path, 100, 1);
    flip(&path, 4096 + 100, 1);
    let (code, text) = stopped.refusal();
    assert_eq!(code, Some(1), "{text}");
    let sentence =
        "countersign: the journal was not opened and not changed: the file anchor is damaged in both its slots";
    assert!(text.contains(sentence), "{text}");
    fs::write(&path, whole).unwrap();
    known.check(&stopped.start());
}

#[test]
fn an_anchor_that_is_gone_is_refused() {
    let (stopped, _) = with_sessions();
    fs::remove_file(stopped.data_dir().join("anchor")).unwrap();
    let (code, text) = stopped.refusal();
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("the file anchor is missing, so nothing tells how far the journal had come"), "{text}");
}

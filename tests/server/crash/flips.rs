//! One bit of a stopped data directory flips, or the end of its open segment is torn off: the binary refuses by the file's
//! name, or starts with everything that was answered. Which file, which bit and where it is torn is chance.

use super::check::{self, Audit, Findings, deed};
use super::ledger::{Deed, Worker};
use super::plan;
use crate::random::{Random, seed};
use crate::sealing::sealed_in;
use crate::support::{Server, Stopped, files_below, many};
use rustix::process::Signal;
use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A data directory with sealed, closed and open segments, and everybody who was answered there.
struct History {
    stopped: Stopped,
    workers: Vec<Worker>,
    /// The open segment, below the data directory.
    open: PathBuf,
    lines: Vec<Line>,
    /// Up to where the anchor says that everything was durable.
    anchor: u64,
}

impl History {
    /// Ended by a signal under load.
    fn make(seed: u64, signal: Signal) -> Self {
        // Few, or the keeper, which has the lowest priority, hardly comes to seal anything.
        let mut workers = [Worker::new(0, seed), Worker::new(1, seed)];
        let mut server = plan().set("journal.segment_bytes", "64KiB").start();
        let data = server.data_dir();
        std::thread::scope(|scope| {
            for worker in &mut workers {
                scope.spawn(|| worker.work(&server));
            }
            let sealed = (0..3000).any(|_| {
                std::thread::sleep(Duration::from_millis(20));
                sealed_in(&data).len() >= 3
            });
            server.signal(signal);
            assert!(sealed, "no three segments were sealed: {}", server.diagnostics());
        });
        let code = server.ended();
        assert_eq!(code, (signal == Signal::TERM).then_some(0), "{}", server.diagnostics());
        let open = open_segment(&data);
        let (lines, anchor) = (lines(&data.join(&open)), anchor(&data));
        Self { stopped: server.stopped(), workers: workers.to_vec(), open, lines, anchor }
    }

    fn copy(&self) -> Stopped {
        let (root, from) = (Arc::new(tempfile::tempdir().unwrap()), self.stopped.data_dir());
        let files = [from.clone(), from.with_extension("master.key")];
        let copied = Command::new("cp").arg("-a").args(files).arg(root.path()).status();
        assert!(copied.unwrap().success());
        plan().set("journal.segment_bytes", "64KiB").at(root)
    }

    /// The last position that what is left of the open segment, or the anchor, shows to have been durable. (The store may show
    /// more. Then it is refused.)
    fn durable(&self, damage: &Damage) -> u64 {
        let is_left = |line: &&Line| line.end <= damage.at || (damage.bit.is_some() && line.begin > damage.at);
        let shown = self.lines.iter().filter(is_left).map(|line| line.durable).max();
        shown.unwrap_or(0).max(self.anchor)
    }

    /// Whether the damage is what a torn write leaves: behind everything that is known to have been durable.
    fn is_torn(&self, damage: &Damage) -> bool {
        let at = self.lines.iter().find(|line| line.end > damage.at);
        damage.file == self.open && at.is_none_or(|line| line.position > self.durable(damage))
    }

    /// Everybody, without what nobody can miss: after a crash, the end of the open segment of which no line that is left, nor
    /// the anchor, nor the store tells that it was there.
    fn workers(&self, damage: &Damage) -> Vec<Worker> {
        let mut workers = self.workers.clone();
        if self.is_torn(damage) {
            let durable = self.durable(damage);
            let behind = self.lines.iter().filter(|line| line.position > durable);
            let lost: HashSet<_> = behind.filter_map(|line| line.deed.clone()).collect();
            let sessions: HashSet<_> = lost.iter().map(session_of).collect();
            for worker in &mut workers {
                worker.deeds.retain(|deed| !lost.contains(deed));
                worker.chains.retain(|chain| !sessions.contains(&chain.session));
            }
        }
        workers
    }
}

/// A line of the open segment: where it stands, and what it says.
struct Line {
    begin: u64,
    end: u64,
    durable: u64,
    position: u64,
    deed: Option<Deed>,
}

fn session_of(deed: &Deed) -> uuid::Uuid {
    match deed {
        Deed::Started(session) | Deed::Refreshed(session, _) | Deed::Revoked(session) => *session,
    }
}

fn open_segment(data: &Path) -> PathBuf {
    let names = fs::read_dir(data.join("journal")).unwrap().map(|entry| entry.unwrap().path());
    let open = names.filter(|path| path.extension().is_some_and(|found| found == "jsonl")).max().unwrap();
    open.strip_prefix(data).unwrap().to_owned()
}

fn lines(open: &Path) -> Vec<Line> {
    let (text, mut begin) = (fs::read(open).unwrap(), 0);
    let mut line = |bytes: &[u8]| {
        let said: serde_json::Value = serde_json::from_slice(bytes).unwrap();
        let number = |value: &serde_json::Value| value.as_u64().unwrap_or(0);
        let (durable, position) = (number(&said["durable"]), number(&said["event"]["position"]));
        let end = begin + bytes.len() as u64;
        let deed = deed(&said["event"]);
        Line { begin: std::mem::replace(&mut begin, end), end, durable, position, deed }
    };
    text.split_inclusive(|byte| *byte == b'\n').map(&mut line).collect()
}

fn anchor(data: &Path) -> u64 {
    let bytes = fs::read(data.join("anchor")).unwrap();
    let slots = [0, 4096].map(|at| bytes.get(at..at + 256).unwrap_or_default());
    let said = slots.iter().filter_map(|slot| serde_json::from_slice::<serde_json::Value>(slot.trim_ascii_end()).ok());
    said.filter_map(|slot| slot["anchor"]["position"].as_u64()).max().unwrap()
}

/// What was done to which file, below the data directory.
#[derive(Debug)]
struct Damage {
    file: PathBuf,
    /// The first byte that is not what it was.
    at: u64,
    /// `None`: torn off from there.
    bit: Option<u64>,
}

impl Damage {
    fn choose(history: &History, data: &Path, random: &mut Random) -> Self {
        if random.below(5) == 0 {
            let length = fs::metadata(data.join(&history.open)).unwrap().len();
            // Mostly close to the end, where the batches are that nobody may know of.
            let most = [length, 4096][usize::from(random.below(4) > 0)];
            let at = length - 1 - random.below(most.min(length));
            return Self { file: history.open.clone(), at, bit: None };
        }
        let files = files_below(data);
        // Every kind of file is as likely as any other, however many there are of it.
        let mut kinds: BTreeMap<String, Vec<&PathBuf>> = BTreeMap::new();
        for file in &files {
            kinds.entry(kind(file.strip_prefix(data).unwrap(), &history.open)).or_default().push(file);
        }
        let kind = kinds.values().nth(random.below(kinds.len() as u64) as usize).unwrap();
        let file = kind[random.below(kind.len() as u64) as usize];
        let at = random.below(fs::metadata(file).unwrap().len());
        Self { file: file.strip_prefix(data).unwrap().to_owned(), at, bit: Some(random.below(8)) }
    }

    fn apply(&self, data: &Path) {
        let file = File::options().read(true).write(true).open(data.join(&self.file)).unwrap();
        let Some(bit) = self.bit else { return file.set_len(self.at).unwrap() };
        let mut byte = [0];
        file.read_exact_at(&mut byte, self.at).unwrap();
        file.write_all_at(&[byte[0] ^ 1 << bit], self.at).unwrap();
    }
}

/// A word for files of the same sort.
fn kind(file: &Path, open: &Path) -> String {
    let (text, extension) = (file.to_str().unwrap(), file.extension().map_or("", |found| found.to_str().unwrap()));
    match (text.split_once('/'), extension) {
        (Some(("store", _)), _) => "the store".to_owned(),
        (Some(("journal", _)), "jsonl") if file == open => "the open segment".to_owned(),
        (Some(("journal", _)), "jsonl") => "a closed segment".to_owned(),
        (Some(("journal", _)), "zst") => "a sealed segment".to_owned(),
        (Some(("journal", _)), "idx") => "an index".to_owned(),
        _ => text.to_owned(),
    }
}

/// What the program says when it prints the whole journal.
fn audit(data: &Path) -> (bool, String) {
    let words = ["audit", "tail", "--json", "--data-dir"];
    let output = Command::new(env!("CARGO_BIN_EXE_countersign")).args(words).arg(data).output().unwrap();
    (output.status.success(), String::from_utf8(output.stderr).unwrap())
}

/// Everything that was answered is there, but for what a sealed segment tells that is damaged itself.
fn has_everything(server: &Server, history: &History, damage: &Damage) -> Findings {
    let mut workers = history.workers(damage);
    let (mut findings, data) = (Findings::new(), server.data_dir());
    let (whole, said) = audit(&data);
    if whole {
        let mut audit = Audit::new();
        audit.read(&data);
        findings.extend(workers.iter_mut().flat_map(|worker| audit.compare(worker)));
        findings.extend(audit.twice());
    } else if damage.file.extension().is_none_or(|found| found != "zst") || !said.contains(name(&damage.file)) {
        findings.push(format!("the journal cannot be printed: {said}"));
    }
    for worker in &mut workers {
        findings.extend(check::sessions(server, worker));
        assert!(worker.login(server).is_ok(), "{}", server.diagnostics());
        findings.extend(check::superseded(server, worker));
    }
    // What an archived session was stands in sealed segments and their indexes alone: where those are damaged, its tokens are
    // refused with the excuse that it cannot be looked up, until the next scrub.
    let said = server.diagnostics();
    if said
        .lines()
        .any(|line| line.contains("an archived session cannot be looked up") && line.contains(name(&damage.file)))
    {
        findings.retain(|finding| !finding.contains("a token of it is answered by 503"));
    }
    findings
}

fn name(file: &Path) -> &str {
    file.file_name().unwrap().to_str().unwrap()
}

/// Damages a copy and starts it. Gives in a word how it ended.
fn round(history: &History, random: &mut Random) -> (String, &'static str) {
    let stopped = history.copy();
    let damage = Damage::choose(history, &stopped.data_dir(), random);
    damage.apply(&stopped.data_dir());
    let check_all = random.below(2) == 0;
    let kind = kind(&damage.file, &history.open);
    let stopped = stopped.with(|mut plan| {
        plan.flags.extend(check_all.then(|| "--check-all".to_owned()));
        plan
    });
    let mut server = match stopped.try_start() {
        Ok(server) => server,
        Err((stopped, code)) => {
            let said = stopped.diagnostics();
            assert_eq!(code, Some(1), "{damage:?}: {said}");
            let last = said.lines().last().unwrap();
            let named = last.starts_with("countersign: ") && last.contains(name(&damage.file));
            assert!(named && kind != "the store", "{damage:?}: {said}");
            return (kind, "refused");
        }
    };
    let findings = has_everything(&server, history, &damage);
    assert_eq!(findings, Findings::new(), "{damage:?}, check_all {check_all}: {}", server.diagnostics());
    assert_eq!(server.terminate(), Some(0), "{damage:?}: {}", server.diagnostics());
    let said = server.diagnostics();
    let is_told = |words: &str| said.contains(words);
    let outcome = if is_told("a torn write that was never acknowledged was cut off") {
        assert!(history.is_torn(&damage), "{damage:?}: {said}");
        "a torn write"
    } else if is_told("it was put aside and is rebuilt") {
        "the store was rebuilt"
    } else {
        "went on"
    };
    assert!(outcome != "went on" || kind != "a closed segment", "{damage:?} was not noticed: {said}");
    (kind, outcome)
}

#[test]
fn a_bit_that_flips_anywhere_is_refused_by_name_or_costs_nothing() {
    let (seed, begin, rounds) = (seed(), Instant::now(), many("COUNTERSIGN_DAMAGE_ROUNDS", 5_u32));
    let mut random = Random::new(!seed);
    let histories = [Signal::TERM, Signal::KILL].map(|signal| History::make(seed, signal));
    println!("two histories after {:?}", begin.elapsed());
    let mut outcomes: BTreeMap<(String, &str), u32> = BTreeMap::new();
    for number in 1..=rounds {
        let history = &histories[random.below(2) as usize];
        *outcomes.entry(round(history, &mut random)).or_default() += 1;
        if number % 20 == 0 {
            println!("{number} of {rounds} rounds, {:?}", begin.elapsed());
        }
    }
    println!("{rounds} damaged directories in {:?}", begin.elapsed());
    for ((kind, outcome), times) in &outcomes {
        println!("  {kind}: {outcome}, {times} times");
    }
    let occurred: HashSet<_> = outcomes.keys().map(|(_, outcome)| *outcome).collect();
    assert!(rounds < 100 || occurred.len() == 4, "of a hundred rounds all came out alike: {occurred:?}");
    // The control: what was damaged in none is whole.
    for history in &histories {
        let server = history.copy().start();
        let nothing = Damage { file: PathBuf::from("none"), at: 0, bit: None };
        assert_eq!(has_everything(&server, history, &nothing), Findings::new(), "seed {seed}");
    }
}

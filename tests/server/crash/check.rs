//! Compares what was answered with what the server knows after a restart, and with its journal.

use super::ledger::{Deed, Standing, Worker};
use crate::support::Server;
use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;
use std::process::Command;
use uuid::Uuid;

/// What is wrong, in sentences; empty where all is well.
pub type Findings = Vec<String>;

/// Every session whose newest token was answered goes on with it, and every revoked one is dead. To be called before the
/// workers go on.
pub fn sessions(server: &Server, worker: &mut Worker) -> Findings {
    let mut findings = Findings::new();
    for at in 0..worker.chains.len() {
        let chain = worker.chains[at].clone();
        if chain.standing == Standing::Revoked {
            findings.extend(dead(server, worker, at));
            continue;
        }
        if chain.standing == Standing::Open && !server.is_active(&chain.access) {
            findings.push(format!("{}: the access token of generation {} is dead", chain.session, chain.generation));
        }
        // Where the same request was under way at the crash, it may have been done: then this is a retry.
        let answer = server.refresh(&chain.newest);
        match (answer.status, chain.standing) {
            (200, _) => {
                worker.chains[at].standing = Standing::Open;
                worker.took(at, &answer);
            }
            (400, Standing::Unsure) => worker.chains[at].standing = Standing::Revoked,
            _ => {
                worker.chains[at].standing = Standing::Unsure;
                let said = answer.body;
                findings.push(format!("{}: generation {} was lost: {said}", chain.session, chain.generation));
            }
        }
    }
    let (open, ended) = worker.chains.drain(..).partition(|chain| chain.standing == Standing::Open);
    worker.chains = open;
    worker.buried.extend::<Vec<_>>(ended);
    findings
}

fn dead(server: &Server, worker: &Worker, at: usize) -> Findings {
    let chain = &worker.chains[at];
    let mut findings = Findings::new();
    // First of all: a token that the server should not accept may end the session.
    if server.is_active(&chain.access) {
        findings.push(format!("{}: it was revoked, and its access token is active", chain.session));
    }
    for token in [Some(&chain.newest), chain.parent.as_ref()].into_iter().flatten() {
        match server.refresh(token).status {
            400 => {}
            200 => findings.push(format!("{}: it was revoked, and a token of it was accepted", chain.session)),
            other => {
                findings.push(format!("{}: it was revoked, and a token of it is answered by {other}", chain.session));
            }
        }
    }
    findings
}

/// What ends sessions, so for the end of a trial: superseded tokens are refused and end their sessions, and whatever was
/// revoked in any round is still dead.
pub fn superseded(server: &Server, worker: &mut Worker) -> Findings {
    let mut findings = Findings::new();
    for chain in worker.chains.iter().filter(|chain| chain.grandparent.is_some()) {
        let old = chain.grandparent.as_ref().unwrap();
        if server.refresh(old).status != 400 {
            findings.push(format!("{}: generation {} was accepted twice", chain.session, chain.generation - 2));
        }
        if server.refresh(&chain.newest).status != 400 || server.is_active(&chain.access) {
            findings.push(format!("{}: it outlived the replay of an old token", chain.session));
        }
    }
    worker.chains.retain(|chain| chain.grandparent.is_some());
    worker.chains.append(&mut worker.buried);
    for at in 0..worker.chains.len() {
        findings.extend(dead(server, worker, at));
    }
    findings
}

/// The journal, read on from where it was left.
pub struct Audit {
    next: u64,
    deeds: HashMap<Deed, u32>,
    /// Acknowledged deeds that were found.
    pub found: usize,
}

impl Audit {
    pub fn new() -> Self {
        Self { next: 1, deeds: HashMap::new(), found: 0 }
    }

    /// How many events were read.
    pub fn events(&self) -> u64 {
        self.next - 1
    }

    /// Reads what is new.
    pub fn read(&mut self, data_dir: &Path) {
        let output = Command::new(env!("CARGO_BIN_EXE_countersign"))
            .args(["audit", "tail", "--json", "--after", &self.events().to_string(), "--data-dir"])
            .arg(data_dir)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        for line in output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let event: Value = serde_json::from_slice(line).unwrap();
            assert_eq!(event["position"].as_u64(), Some(self.next), "no entry is left out");
            self.next += 1;
            if let Some(deed) = deed(&event) {
                *self.deeds.entry(deed).or_default() += 1;
            }
        }
    }

    /// Compares: each answer since the last time stands in the journal once.
    pub fn compare(&mut self, worker: &mut Worker) -> Findings {
        let mut findings = Findings::new();
        for deed in worker.deeds.drain(..) {
            match self.deeds.get(&deed) {
                Some(1) => self.found += 1,
                times => findings.push(format!("{deed:?} was answered and is in the journal {times:?} times")),
            }
        }
        findings
    }

    /// Nothing at all was done twice, answered or not.
    pub fn twice(&self) -> Findings {
        let twice = self.deeds.iter().filter(|(_, times)| **times > 1);
        twice.map(|(deed, times)| format!("{deed:?} is in the journal {times} times")).collect()
    }

    /// How many deeds the journal has.
    pub fn deeds(&self) -> usize {
        self.deeds.len()
    }
}

/// What an event says was done.
pub fn deed(event: &Value) -> Option<Deed> {
    let session: Uuid = event["stream"].as_str()?.strip_prefix("session:")?.parse().unwrap();
    let generation = || u32::try_from(event["data"]["generation"].as_u64().unwrap()).unwrap();
    match event["type"].as_str()? {
        "session.started" => Some(Deed::Started(session)),
        "session.refreshed" => Some(Deed::Refreshed(session, generation())),
        "session.revoked" => Some(Deed::Revoked(session)),
        _ => None,
    }
}

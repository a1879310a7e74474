//! What a journal means, in words that no change of a record's shape changes.

use crate::engine::config;
use countersign::config::MasterKeySource;
use countersign::crypto::MasterKey;
use countersign::domain::State;
use countersign::domain::session::Status;
use countersign::domain::system::System;
use countersign::entropy::SeededEntropy;
use countersign::journal::files::real_disk::RealDisk;
use countersign::journal::schema::{self, Envelope};
use countersign::journal::{Folded, Journal, LocalEngine, MemoryStore, StoreError, StoreHome, StoreRead};
use std::fs;
use std::path::Path;

struct Home(MemoryStore);

impl StoreHome for Home {
    type Store = MemoryStore;

    fn open(&mut self) -> Result<MemoryStore, StoreError> {
        Ok(self.0.clone())
    }

    fn was_there(&self) -> bool {
        false
    }

    fn quarantine(&mut self) -> std::io::Result<String> {
        Err(std::io::Error::other("a store that was just made is usable"))
    }
}

/// Opens a data directory with a store in memory, so that every record is made anew.
pub fn rebuild(dir: &Path) -> Result<Journal, String> {
    let config = config(dir);
    let MasterKeySource::File(key) = &config.master_key else { panic!("the key is in a file") };
    let master = MasterKey::from_text(fs::read_to_string(key).unwrap().trim_end()).unwrap();
    let mut home = Home(MemoryStore::default());
    let roll_at = config.journal.segment_bytes;
    let opened = LocalEngine::open(RealDisk::new(dir), &mut home, master, "", roll_at, &SeededEntropy::new(9));
    let (engine, _) = opened.map_err(|error| error.to_string())?;
    let (journal, _) = Journal::open(Box::new(engine), "main", |_, _| ()).map_err(|error| error.to_string())?;
    Ok(journal)
}

/// Every entry that is there from a position on.
pub fn entries(journal: &Journal, from: u64) -> Vec<Envelope> {
    journal.engine().read(from).map(|entry| schema::decode(&entry.unwrap().event).unwrap()).collect()
}

/// All records whose key begins so.
pub fn records(store: &dyn StoreRead, prefix: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    store.scan(prefix, None, 100_000).unwrap()
}

/// A line for each stream that is not archived, and one for each kind of look-up.
pub fn facts(journal: &Journal) -> String {
    let store = journal.engine().store();
    let archived_through = journal.reader().system().unwrap().value.archived_through;
    let mut lines = Vec::new();
    for (key, value) in records(&*store, b"s/") {
        let folded: Folded = postcard::from_bytes(&value).unwrap();
        if !folded.is_archived(archived_through) {
            let (stream, prev) = (String::from_utf8(key).unwrap().split_off(2), folded.prev.to_string());
            let Folded { version, position, at, .. } = folded;
            let said = said(&folded.state);
            lines.push(format!("{stream} version {version} at {position}, {at}, hash {}: {said}", &prev[..16]));
        }
    }
    lines.join("\n") + "\n"
}

fn said(state: &State) -> String {
    match state {
        State::System(system) => of_system(system),
        State::Account(account) => {
            format!("name {}, familiar {}, rehashed {}", account.name, account.familiar.len(), account.rehash.is_some())
        }
        State::Gate(gate) => format!(
            "{:?}, roles {:?}, registrations {:?}, closed by {} ({:?})",
            gate.standing, gate.roles, gate.registrations, gate.closed_by, gate.closed_why
        ),
        State::Client(client) => format!(
            "{}, {:?}, secret {}, braked by {}, scopes {:?}",
            if client.enabled { "enabled" } else { "disabled" },
            client.settings.client_type,
            client.secret.is_some(),
            client.braked_by,
            client.settings.scopes
        ),
        State::Use(usage) => format!("{} tokens", usage.issued),
        State::Session(session) => {
            let status = match session.status {
                Status::Open => "open",
                Status::Revoked { reason, .. } => reason.code(),
                Status::Expired { .. } => "expired",
            };
            format!(
                "{status}, account {}, client {}, generation {}, since {}, until {}",
                session.account,
                session.client,
                session.generation,
                session.started_at,
                session.ends_at()
            )
        }
        State::Evidence(_) => "evidence".to_owned(),
        State::Name(name) => format!("{name:?}"),
        State::Brakes(brakes) => format!("{brakes:?}"),
    }
}

fn of_system(system: &System) -> String {
    let signing = system.signing.iter().map(|key| format!("{} {} {}", key.alg.as_str(), key.kid, key.status.as_str()));
    let refresh = system.refresh.iter().map(|(number, key)| format!("refresh {number} {}", key.status.as_str()));
    let keys: Vec<_> = signing.chain(refresh).collect();
    format!(
        "{}, archived through {}, api keys {:?}, keys: {}",
        system.origin,
        system.archived_through,
        system.api_keys.keys().collect::<Vec<_>>(),
        keys.join(", ")
    )
}

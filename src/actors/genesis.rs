//! The first commit of a journal: its origin and its first keys.

use super::asker::Asker;
use super::keyring::{new_refresh_key, new_signing_key};
use crate::domain::command::Command;
use crate::domain::ids::{CommitId, Owner, RequestId, StreamId};
use crate::domain::keys::SigningAlg;
use crate::domain::system::{KeyName, SystemEvent};
use crate::domain::time::Timestamp;
use crate::domain::{Event, Expected, Proposal};
use crate::entropy::{Entropy, uuid_v7};
use crate::journal::{Commit, Keys};

/// The number of a journal's first refresh key.
const FIRST_REFRESH_KEY: u16 = 1;

/// The commit that begins a journal. No cache knows a JWKS of it yet, so its signing keys are active at once.
///
/// # Errors
/// Where a key cannot be made.
pub fn begin_journal(origin: &str, keys: &Keys, now: Timestamp, entropy: &dyn Entropy) -> Result<Commit, String> {
    let id = CommitId(uuid_v7(entropy, now));
    let (record, _) = keys.new_owner(Owner::System, entropy);
    let mut events = vec![SystemEvent::Created { origin: origin.to_owned() }];
    for (number, alg) in (1..).zip(SigningAlg::ALL) {
        let (kid, added) = new_signing_key(alg, keys, id, number, entropy)?;
        events.extend([added, SystemEvent::KeyActivated(KeyName::Signing(kid))]);
    }
    events.push(new_refresh_key(FIRST_REFRESH_KEY, keys, id, 100, entropy));
    events.push(SystemEvent::KeyActivated(KeyName::Refresh(FIRST_REFRESH_KEY)));
    let asker = Asker::server(RequestId(uuid_v7(entropy, now)));
    Ok(Commit {
        id,
        at: now,
        context: asker.context(None, id, entropy),
        command: Some(Command::Server),
        proposals: vec![Proposal {
            stream: StreamId::System,
            expected: Expected::Version(0),
            events: events.into_iter().map(Event::System).collect(),
        }],
        keys: vec![record],
    })
}

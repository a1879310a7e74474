//! The first commits of a journal: its origin and its first keys, and those with which it goes on under another origin.

use super::asker::Asker;
use super::keyring::{new_refresh_key, new_signing_key};
use crate::domain::client::{self, Client, ClientCommand};
use crate::domain::command::Command;
use crate::domain::ids::{ClientId, CommitId, Owner, RequestId, SessionId, StreamId};
use crate::domain::keys::{KeyStatus, SigningAlg};
use crate::domain::session::{RevokeReason, SessionEvent};
use crate::domain::system::{KeyName, System, SystemEvent};
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

/// The commit with which a journal goes on under another origin, after it lost what somebody may have seen: the event that says
/// why, then keys in place of all that could be in use. The keys of before are retired and not distrusted, so that what they made
/// is known for ours: also keys that would have come next, which the lost history may have used.
///
/// # Errors
/// Where a key cannot be made.
pub fn begin_again(
    why: SystemEvent,
    system: &System,
    keys: &Keys,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<Commit, String> {
    let id = CommitId(uuid_v7(entropy, now));
    let mut events = vec![why];
    for (number, alg) in (1..).zip(SigningAlg::ALL) {
        let next = system.signing.iter().filter(|key| key.alg == alg && key.status == KeyStatus::Next);
        events.extend(next.map(|key| SystemEvent::KeyActivated(KeyName::Signing(key.kid.clone()))));
        let (kid, added) = new_signing_key(alg, keys, id, number, entropy)?;
        events.extend([added, SystemEvent::KeyActivated(KeyName::Signing(kid))]);
    }
    let next = system.refresh.iter().filter(|(_, key)| key.status == KeyStatus::Next);
    events.extend(next.map(|(number, _)| SystemEvent::KeyActivated(KeyName::Refresh(*number))));
    let last = system.refresh.keys().max().copied().unwrap_or_default();
    let number = last.checked_add(1).ok_or("there is no number left for a refresh key")?;
    events.push(new_refresh_key(number, keys, id, 100, entropy));
    events.push(SystemEvent::KeyActivated(KeyName::Refresh(number)));
    let events = events.into_iter().map(Event::System).collect();
    let proposals = vec![Proposal { stream: StreamId::System, expected: Expected::Any, events }];
    Ok(of_server(id, now, proposals, entropy))
}

/// The commit that gives each of these sessions its closing event.
pub fn end_sessions(sessions: &[SessionId], reason: RevokeReason, now: Timestamp, entropy: &dyn Entropy) -> Commit {
    let proposals = sessions.iter().map(|session| Proposal {
        stream: StreamId::Session(*session),
        expected: Expected::Any,
        events: vec![Event::Session(SessionEvent::Revoked { reason })],
    });
    of_server(CommitId(uuid_v7(entropy, now)), now, proposals.collect(), entropy)
}

/// The commit that pulls a client's brake.
pub fn pull_brake(client: ClientId, state: &Client, now: Timestamp, entropy: &dyn Entropy) -> Commit {
    let command = ClientCommand::RevokeSessions;
    let events = client::decide(state, &command).into_iter().map(Event::Client).collect();
    let proposals = vec![Proposal { stream: StreamId::Client(client), expected: Expected::Any, events }];
    let command = Some(Command::Client(command));
    Commit { command, ..of_server(CommitId(uuid_v7(entropy, now)), now, proposals, entropy) }
}

fn of_server(id: CommitId, at: Timestamp, proposals: Vec<Proposal>, entropy: &dyn Entropy) -> Commit {
    let context = Asker::server(RequestId(uuid_v7(entropy, at))).context(None, id, entropy);
    Commit { id, at, context, command: Some(Command::Server), proposals, keys: Vec::new() }
}

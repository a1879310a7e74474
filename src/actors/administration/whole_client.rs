//! Clients that are changed as a whole, or made again: settings, secret and whether they serve, in one commit.

use super::super::asker::Asker;
use super::super::closer::Scope;
use super::super::core::{Refused, TRIES, Unavailable, commit};
use super::{Administration, NotDone, expect};
use crate::domain::client::{Client, ClientEvent, ClientSettings};
use crate::domain::command::Command;
use crate::domain::gate::{Gate, GateCommand};
use crate::domain::ids::{AccountId, ClientId, CommitId, Owner, StreamId, Version};
use crate::domain::{Event, Expected, Proposal};
use zeroize::Zeroizing;

/// Accounts looked at in one go.
const PAGE: usize = 200;

/// What a client shall be.
pub struct WholeClient {
    /// Its settings.
    pub settings: ClientSettings,
    /// Another secret; `None`: the one that it has.
    pub secret: Option<Zeroizing<String>>,
    /// Whether it may be used; `None`: as before.
    pub enabled: Option<bool>,
}

impl Administration {
    /// Makes a client all that it shall be, or nothing of it. One that was removed is there again. `seen` is the version on which its
    /// author decided.
    ///
    /// # Errors
    /// [`NotDone`]
    pub async fn replace_client(
        &self,
        client: &ClientId,
        wanted: &WholeClient,
        seen: Version,
        asker: &Asker,
    ) -> Result<Version, NotDone> {
        let state = self.core.reader.client(client)?.ok_or(NotDone::Missing)?;
        expect(Some(seen), state.version)?;
        let id = self.core.commit_id();
        let events = self.events_to(&state.value, wanted, id);
        if events.is_empty() {
            return Ok(state.version);
        }
        let grants = |event: &ClientEvent| matches!(event, ClientEvent::Changed { .. } | ClientEvent::Enabled);
        let now = match events.iter().any(grants) {
            true => self.core.now(state.at)?,
            false => self.core.now_to_close(state.at),
        };
        let context = self.core.context(asker, &Owner::Client(client.clone()), id)?;
        let stream = StreamId::Client(client.clone());
        let proposals = vec![Proposal {
            stream: stream.clone(),
            expected: Expected::Version(state.version),
            events: events.into_iter().map(Event::Client).collect(),
        }];
        let appended = self.core.append(commit(id, now, context, Some(Command::Server), proposals)).await?;
        let appended = appended.ok_or(NotDone::Moved(state.version))?;
        self.closer.close(Scope::Client(client.clone()));
        Ok(appended.states.get(&stream).map_or(state.version, |folded| folded.version))
    }

    fn events_to(&self, client: &Client, wanted: &WholeClient, id: CommitId) -> Vec<ClientEvent> {
        let mut events = Vec::new();
        if client.settings != wanted.settings {
            events.push(ClientEvent::Changed { settings: wanted.settings.clone() });
        }
        if let Some(secret) = &wanted.secret {
            events.push(ClientEvent::SecretSet { secret: self.seal_secret(id, secret) });
        }
        let enabled = wanted.enabled.unwrap_or(client.enabled);
        // What was removed is there again by being enabled, if only to be disabled.
        if client.removed || (enabled && !client.enabled) {
            events.push(ClientEvent::Enabled);
        }
        if !enabled && (client.removed || client.enabled) {
            events.push(ClientEvent::Disabled);
        }
        events
    }

    /// Withdraws every registration at a client that was removed, and the roles there: whoever has its id next has none of its people.
    /// Reads the gate of every account. Done again, it goes on.
    ///
    /// # Errors
    /// [`NotDone`]; [`NotDone::Moved`] where it is there again.
    pub async fn withdraw_all(&self, client: &ClientId, asker: &Asker) -> Result<(), NotDone> {
        let mut after = None;
        loop {
            let page = self.core.reader.accounts(after, PAGE)?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(*last);
            for account in page {
                self.withdraw(account, client, asker).await?;
            }
            tokio::task::yield_now().await;
        }
    }

    async fn withdraw(&self, account: AccountId, client: &ClientId, asker: &Asker) -> Result<(), NotDone> {
        for _ in 0..TRIES {
            let Some(gate) = self.core.reader.gate(account)? else { return Ok(()) };
            let Some(command) = leaving(&gate.value, client) else { return Ok(()) };
            // Looked at after the gate: who stands in it since somebody else made the client again stays.
            let found = self.core.reader.client(client)?.ok_or(NotDone::Missing)?;
            if !found.value.removed {
                return Err(NotDone::Moved(found.version));
            }
            match self.change_account(account, command, Some(gate.version), asker).await {
                Ok(_) | Err(NotDone::Over | NotDone::Missing) => return Ok(()),
                Err(NotDone::Moved(_)) => {}
                Err(why) => return Err(why),
            }
        }
        Err(Refused::from(Unavailable::Conflict).into())
    }
}

/// What takes a client out of a gate; `None` where it does not stand there. Who is let in everywhere stays so, and loses his roles there.
fn leaving(gate: &Gate, client: &ClientId) -> Option<GateCommand> {
    match &gate.registrations {
        Some(clients) if clients.contains(client) => Some(GateCommand::WithdrawRegistration(client.clone())),
        None if gate.roles_at.contains_key(client) => {
            Some(GateCommand::Register { client: client.clone(), roles: Default::default() })
        }
        _ => None,
    }
}

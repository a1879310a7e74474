//! The task that records what has ended by time: sessions nobody refreshed, and listed `jti`s whose tokens have ended. Doors
//! judge by the instants themselves; this lets the store shed them as a fold of events.

use super::asker::Asker;
use super::core::{Core, Refused, commit};
use super::keyring::KeyMaintenance;
use super::sessions::Sessions;
use crate::domain::client::UseEvent;
use crate::domain::command::Command;
use crate::domain::ids::{ClientId, Owner, RequestId, StreamId, TokenId};
use crate::domain::project::hour_after;
use crate::domain::time::{Span, Timestamp};
use crate::domain::{Event, Expected, Proposal};
use crate::entropy::uuid_v7;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Things looked at in one round.
const PAGE: usize = 256;
/// `jti`s dropped by one event.
const DROPPED_AT_ONCE: usize = 32;

/// See the module.
pub struct Sweeper {
    /// What every handle works with.
    pub core: Arc<Core>,
    /// To end sessions.
    pub sessions: Sessions,
    /// To rotate keys.
    pub keys: KeyMaintenance,
    /// How long to wait between two rounds.
    pub interval: Duration,
}

impl Sweeper {
    /// Goes round until it is dropped.
    pub async fn run(self) {
        loop {
            tokio::time::sleep(self.interval).await;
            for (what, result) in [
                ("held sessions", self.sweep_held().await),
                ("keys", self.keys.run().await),
                ("revoked tokens", self.sweep_tokens().await),
                ("sessions", self.sweep_sessions().await),
            ] {
                if let Err(error) = result {
                    tracing::warn!(%error, what, "a round of housekeeping was not finished; the next one tries again");
                }
            }
        }
    }

    fn asker(&self, now: Timestamp) -> Asker {
        Asker::server(RequestId(uuid_v7(&*self.core.entropy, now)))
    }

    /// Records the ends of sessions that are held closed, as far as there is room for them.
    async fn sweep_held(&self) -> Result<(), Refused> {
        let mut after = None;
        loop {
            let held = self.core.held.some_after(after, PAGE);
            let Some((last, _)) = held.last() else { return Ok(()) };
            after = Some(*last);
            for (session, reason) in held {
                let now = self.core.now_to_close(Timestamp::default());
                self.sessions.end(session, reason, None, self.asker(now)).await?;
                self.core.held.release(session);
            }
        }
    }

    /// Records sessions whose time is over. Only whole hours that have passed are looked at, so that a session is seldom
    /// looked at in vain.
    async fn sweep_sessions(&self) -> Result<(), Refused> {
        let now = self.core.now(Timestamp::default())?;
        let mut before = None;
        loop {
            let due = self.core.reader.ending_by(hour_after(now - Span::hours(1)), PAGE)?;
            // Whatever was looked at has ended and left the look-up; should it not have, the next round is soon enough.
            let (first, full) = (due.first().copied(), due.len() == PAGE);
            if first.is_none() || first == before {
                return Ok(());
            }
            for session in due {
                self.sessions.expire(session, self.asker(now)).await?;
            }
            if !full {
                return Ok(());
            }
            before = first;
        }
    }

    async fn sweep_tokens(&self) -> Result<(), Refused> {
        let now = self.core.now(Timestamp::default())?;
        let due = self.core.reader.drops_by(hour_after(now - Span::hours(1)), PAGE)?;
        let mut by_client: BTreeMap<ClientId, Vec<(TokenId, Timestamp)>> = BTreeMap::new();
        for (client, jti, expires_at) in due {
            by_client.entry(client).or_default().push((jti, expires_at));
        }
        for (client, dropped) in by_client {
            for dropped in dropped.chunks(DROPPED_AT_ONCE) {
                self.drop_tokens(&client, dropped.to_vec(), now).await?;
            }
        }
        Ok(())
    }

    async fn drop_tokens(
        &self,
        client: &ClientId,
        dropped: Vec<(TokenId, Timestamp)>,
        now: Timestamp,
    ) -> Result<(), Refused> {
        let id = self.core.commit_id();
        let context = self.core.context(&self.asker(now), &Owner::Client(client.clone()), id)?;
        let at = self.core.reader.usage(client)?.map_or(now, |usage| now.max(usage.at));
        let proposals = vec![Proposal {
            stream: StreamId::Use(client.clone()),
            expected: Expected::Any,
            events: vec![Event::Use(UseEvent::RevocationsDropped { dropped })],
        }];
        self.core.append(commit(id, at, context, Some(Command::Server), proposals)).await?;
        Ok(())
    }
}

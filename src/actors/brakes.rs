//! The handle by which operators pull brakes: what each would cost, and that it is done.

use super::asker::{Asker, Used};
use super::closer::{Closer, Scope, close_network};
use super::core::{Core, Refused, TRIES, Unavailable, commit};
use super::hasher::Hasher;
use crate::domain::brakes::{self, BrakesCommand};
use crate::domain::command::Command;
use crate::domain::ids::{AccountId, ClientId, Owner, RefreshKeyId, StreamId, Version};
use crate::domain::session::Session;
use crate::domain::time::Timestamp;
use crate::domain::{Event, Expected, Proposal};
use crate::journal::Versioned;
use ipnet::IpNet;
use std::sync::Arc;

/// The field under which a braked network is sealed.
const NETWORK_FIELD: &str = "network";
/// Sessions read at once to see what a brake costs.
const PAGE: usize = 512;

/// Whose sessions a brake ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reach {
    /// An account's.
    Account(AccountId),
    /// A client's.
    Client(ClientId),
    /// Those that were last used from a network.
    Network(IpNet),
    /// Those whose refresh tokens were made with a key.
    RefreshKey(RefreshKeyId),
    /// Everybody's.
    All,
}

/// What pulling a brake means for people.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cost {
    /// Open sessions that end.
    pub sessions: u64,
    /// Accounts that must log in again.
    pub accounts: u64,
}

/// See the module.
#[derive(Clone)]
pub struct Brakes {
    core: Arc<Core>,
    closer: Closer,
    hasher: Hasher,
}

impl Brakes {
    /// A handle.
    pub fn new(core: Arc<Core>, closer: Closer, hasher: Hasher) -> Self {
        Self { core, closer, hasher }
    }

    /// The brakes as they are.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn state(&self) -> Result<Versioned<brakes::Brakes>, Refused> {
        Ok(self.core.reader.brakes()?)
    }

    /// How many password hashes can be computed at the same time: logins after a brake wait for them.
    pub fn hash_threads(&self) -> usize {
        self.hasher.threads()
    }

    /// What a brake would end now. Reads every open session that may be meant, a page at a time.
    ///
    /// # Errors
    /// Where the store or the keys cannot be read.
    pub async fn cost(&self, reach: &Reach) -> Result<Cost, Refused> {
        let mut cost = Cost::default();
        let mut last = None;
        let mut after = None;
        loop {
            let account = match reach {
                Reach::Account(account) => Some(*account),
                Reach::Client(_) | Reach::Network(_) | Reach::RefreshKey(_) | Reach::All => None,
            };
            let (page, next) = self.core.reader.open_sessions_by_account(account, None, after.as_deref(), PAGE)?;
            for (account, client, session) in page {
                let meant = match reach {
                    Reach::Account(_) | Reach::All => true,
                    Reach::Client(reached) => client == *reached,
                    Reach::Network(network) => match self.core.reader.session(session)? {
                        Some(session) => is_used_from(&self.core, &session.value, network),
                        None => false,
                    },
                    Reach::RefreshKey(key) => {
                        self.core.reader.session(session)?.is_some_and(|session| session.value.refresh_key == *key)
                    }
                };
                if meant {
                    cost.sessions += 1;
                    // They come account by account.
                    cost.accounts += u64::from(last.replace(account) != Some(account));
                }
            }
            let Some(next) = next else { return Ok(cost) };
            after = Some(next);
            // Others have something to do, too.
            tokio::task::yield_now().await;
        }
    }

    /// Ends the sessions of before that were last used from a network, in commits of a bounded size, and says how many. Each is
    /// over with the commit that holds its end, and all are when this is answered.
    ///
    /// # Errors
    /// [`Refused`]: some may have ended; asked again, it goes on.
    pub async fn revoke_network(&self, network: IpNet, asker: &Asker) -> Result<usize, Refused> {
        let id = self.core.commit_id();
        let key = self.core.data_key(&Owner::System)?.ok_or(Unavailable::Fault)?;
        let sealed = key.seal(id, 1, NETWORK_FIELD, network.to_string().as_bytes(), &*self.core.entropy);
        let appended = self.append(id, &BrakesCommand::RevokeNetwork(sealed), asker).await?;
        let before = appended.ok_or(Unavailable::Conflict)?;
        let core = self.core.clone();
        // Whoever asked may go away: what was meant to end ends.
        let closing = actix_rt::spawn(async move { close_network(&core, &network, before).await });
        closing.await.unwrap_or(Err(Unavailable::Fault.into()))
    }

    /// Pulls a brake of the `brakes` stream, or lets people log in again, and says the stream's version afterwards. Of a network's
    /// brake this records only what was meant: see [`Self::revoke_network`].
    ///
    /// # Errors
    /// [`Refused`]
    pub async fn pull(&self, command: BrakesCommand, asker: &Asker) -> Result<Version, Refused> {
        for _ in 0..TRIES {
            let id = self.core.commit_id();
            if let Some(version) = self.append(id, &command, asker).await? {
                if command == BrakesCommand::RevokeAll {
                    self.closer.close(Scope::All);
                }
                return Ok(version);
            }
        }
        Err(Unavailable::Conflict.into())
    }

    /// The newest instant at which any client was issued a token of its own.
    fn last_use(&self) -> Result<Timestamp, Refused> {
        let mut last = Timestamp::default();
        for client in self.core.reader.clients() {
            last = self.core.reader.usage(&client)?.map_or(last, |usage| last.max(usage.at));
        }
        Ok(last)
    }

    async fn append(
        &self,
        id: crate::domain::ids::CommitId,
        command: &BrakesCommand,
        asker: &Asker,
    ) -> Result<Option<Version>, Refused> {
        let state = self.core.reader.brakes()?;
        let events = brakes::decide(&state.value, command);
        if events.is_empty() {
            return Ok(Some(state.version));
        }
        let now = match command {
            // What lets somebody in waits for a clock that is believed; what shuts somebody out does not.
            BrakesCommand::AllowLogins => self.core.now(state.at)?,
            BrakesCommand::RevokeNetwork(_) | BrakesCommand::RefuseLogins => self.core.now_to_close(state.at),
            // It is compared with the instants of the clients' own tokens, which stand in other streams.
            BrakesCommand::RevokeAll => self.core.now_to_close(self.last_use()?.max(state.at)),
        };
        let expected = match command {
            BrakesCommand::RevokeAll | BrakesCommand::RevokeNetwork(_) => Expected::Any,
            BrakesCommand::RefuseLogins | BrakesCommand::AllowLogins => Expected::Version(state.version),
        };
        let context = self.core.context(asker, &Owner::System, id)?;
        let events = events.into_iter().map(Event::Brakes).collect();
        let proposals = vec![Proposal { stream: StreamId::Brakes, expected, events }];
        let recorded = Command::Brakes { command: command.clone(), brakes: state.version };
        let appended = self.core.append(commit(id, now, context, Some(recorded), proposals)).await?;
        Ok(appended.map(|appended| {
            let folded = appended.states.get(&StreamId::Brakes);
            folded.map_or(state.version, |folded| folded.version)
        }))
    }
}

/// Whether a session was last used from a network. Who is erased, or was never told, is from nowhere; one of which it cannot be told
/// any more may be from there.
pub(super) fn is_used_from(core: &Core, session: &Session, network: &IpNet) -> bool {
    match Used::of_session(core, session) {
        Ok(used) => used.and_then(|used| used.person.address).is_some_and(|address| network.contains(&address)),
        Err(_) => true,
    }
}

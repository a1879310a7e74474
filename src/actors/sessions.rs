//! The handle by which doors redeem, revoke and introspect refresh tokens.

use super::asker::Asker;
use super::clients::AuthenticatedClient;
use super::core::{Core, Refused, TRIES, Unavailable, commit};
use super::directory::Residents;
use super::session::{End, ExpireIfDue, Redeem, Redeemed, SessionActor, Show};
use super::tokens::{Issued, Tokens};
use crate::crypto::{RefreshToken, UnverifiedRefreshToken};
use crate::domain::client::Grant;
use crate::domain::command::Command;
use crate::domain::denial::Denial;
use crate::domain::ids::{Owner, SessionId, StreamId};
use crate::domain::session::{RevokeReason, Session};
use crate::domain::time::Timestamp;
use crate::domain::{Event, Expected, Proposal, system};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

/// Lost sessions whose unrecorded tokens are counted.
const LOST_COUNTED: usize = 1024;

/// See the module.
#[derive(Clone)]
pub struct Sessions {
    core: Arc<Core>,
    residents: Residents<SessionActor>,
    tokens: Tokens,
    /// Tokens of sessions the journal does not know: how often each was shown since the start.
    lost: Arc<Mutex<HashMap<SessionId, u64>>>,
}

impl Sessions {
    /// A handle over the session actors.
    pub fn new(core: Arc<Core>, residents: Residents<SessionActor>, tokens: Tokens) -> Self {
        Self { core, residents, tokens, lost: Arc::default() }
    }

    /// Redeems a refresh token (RFC 6749 section 6).
    ///
    /// # Errors
    /// [`Refused`]
    pub async fn refresh(
        &self,
        token: &str,
        client: &AuthenticatedClient,
        scope: Option<BTreeSet<String>>,
        asker: Asker,
    ) -> Result<Issued, Refused> {
        let answer = self.redeem(token, client, scope, asker).await;
        let (label, outcome) = match &answer {
            Ok((_, redeemed)) => (client.id.as_str(), redeemed.granted.how.code()),
            // Nothing a stranger says may grow the metrics: he can name any client.
            Err(Refused::Denied(Denial::BadTag)) => ("-", Denial::BadTag.code()),
            Err(Refused::Denied(denial)) => (client.id.as_str(), denial.code()),
            Err(Refused::Unavailable(why)) => (client.id.as_str(), why.code()),
        };
        self.core.metrics.refreshes_total.with_label_values(&[label, outcome]).inc();
        let (token, redeemed) = answer?;
        self.core.metrics.tokens_issued_total.with_label_values(&[Grant::RefreshToken.as_str()]).inc();
        let Redeemed { granted, session, gate, client } = redeemed;
        self.tokens.of_session(
            token.session,
            &session,
            &gate,
            &client,
            &granted.access,
            &granted.scope,
            granted.generation,
        )
    }

    async fn redeem(
        &self,
        token: &str,
        client: &AuthenticatedClient,
        scope: Option<BTreeSet<String>>,
        asker: Asker,
    ) -> Result<(RefreshToken, Redeemed), Refused> {
        let token = self.verify(token)?;
        let lost_to = asker.clone();
        let redeem = Redeem { presented: token.generation, client: client.id.clone(), scope, asker };
        match self.residents.ask(token.session, redeem).await? {
            Some(answer) => Ok((token, answer?)),
            None => Err(self.history_lost(&token, &lost_to).await),
        }
    }

    /// A refresh token of ours: form, key and tag are right.
    fn verify(&self, text: &str) -> Result<RefreshToken, Refused> {
        let token = UnverifiedRefreshToken::from_text(text).map_err(|_| Denial::BadTag)?;
        let keyring = self.core.keyrings.current();
        let key = keyring.refresh(token.key()).ok_or(Denial::BadTag)?;
        let token = token.verify(key).ok_or(Denial::BadTag)?;
        Ok(token)
    }

    /// Only we can make a tag, so a session that nobody knows was lost.
    async fn history_lost(&self, token: &RefreshToken, asker: &Asker) -> Refused {
        match self.record_lost(token, asker).await {
            Ok(()) => Denial::HistoryLost.into(),
            Err(refused) => refused,
        }
    }

    async fn record_lost(&self, token: &RefreshToken, asker: &Asker) -> Result<(), Refused> {
        tracing::error!(session = %token.session, "a refresh token with a right tag names a session that the journal does not know: history was lost");
        let seen = self.count_lost(token.session);
        for _ in 0..TRIES {
            let system = self.core.reader.system()?;
            let Some(event) = system::history_lost(&system.value, token.session, token.generation, seen) else {
                return Ok(());
            };
            let id = self.core.commit_id();
            let context = self.core.context(asker, &Owner::System, id)?;
            let proposal = Proposal {
                stream: StreamId::System,
                expected: Expected::Version(system.version),
                events: vec![Event::System(event)],
            };
            let now = self.core.now_to_close(system.at);
            if self.core.append(commit(id, now, context, Some(Command::Server), vec![proposal])).await?.is_some() {
                return Ok(());
            }
        }
        Err(Unavailable::Conflict.into())
    }

    /// How often the session's tokens were shown before.
    fn count_lost(&self, session: SessionId) -> u64 {
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        if lost.len() >= LOST_COUNTED && !lost.contains_key(&session) {
            return 1;
        }
        let seen = lost.entry(session).or_default();
        *seen += 1;
        *seen - 1
    }

    /// Ends a session by one of its refresh tokens, of any generation (RFC 7009). A token that is none of ours changes
    /// nothing, and that is no error.
    ///
    /// # Errors
    /// [`Refused`]: the token is another client's, or nothing could be decided.
    pub async fn revoke(&self, token: &str, client: &AuthenticatedClient, asker: Asker) -> Result<(), Refused> {
        let Ok(token) = self.verify(token) else { return Ok(()) };
        let (presented, client) = (Some(token.generation), Some(client.id.clone()));
        let lost_to = asker.clone();
        let end = End { reason: RevokeReason::Revoked, client, presented, asker };
        match self.residents.ask(token.session, end).await? {
            Some(answer) => answer,
            None => self.record_lost(&token, &lost_to).await,
        }
    }

    /// Ends a session by its id.
    ///
    /// # Errors
    /// [`Refused`]
    pub async fn end(
        &self,
        session: SessionId,
        reason: RevokeReason,
        client: Option<&AuthenticatedClient>,
        asker: Asker,
    ) -> Result<(), Refused> {
        let client = client.map(|client| client.id.clone());
        match self.residents.ask(session, End { reason, client, presented: None, asker }).await? {
            Some(answer) => answer,
            None => Ok(()),
        }
    }

    /// The session of a refresh token that its own client introspects, if the token is active.
    ///
    /// # Errors
    /// [`Refused`]
    pub async fn introspect(
        &self,
        token: &str,
        client: &AuthenticatedClient,
        asker: Asker,
    ) -> Result<Option<(SessionId, Session)>, Refused> {
        let Ok(token) = self.verify(token) else { return Ok(None) };
        // Nothing is called active by a clock that is not believed.
        self.core.now(Timestamp::default())?;
        let show = Show { presented: token.generation, client: client.id.clone(), asker };
        match self.residents.ask(token.session, show).await? {
            Some(answer) => Ok(answer?.map(|session| (token.session, session))),
            None => Ok(None),
        }
    }

    /// Records that a session's time is over, if it is.
    ///
    /// # Errors
    /// [`Refused`]
    pub async fn expire(&self, session: SessionId, asker: Asker) -> Result<(), Refused> {
        self.residents.ask(session, ExpireIfDue { asker }).await?.unwrap_or(Ok(()))
    }
}

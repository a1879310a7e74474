//! The handle by which doors redeem, revoke and introspect refresh tokens.

use super::asker::Asker;
use super::clients::AuthenticatedClient;
use super::core::{Core, Refused, TRIES, Unavailable, commit};
use super::directory::Residents;
use super::evidence::EvidenceRoom;
use super::session::{Bearer, End, ExpireIfDue, Redeem, Redeemed, SessionActor, Show, of_session};
use super::tokens::{Authentication, Granted, Issued, Tokens};
use crate::crypto::{RefreshToken, UnverifiedRefreshToken};
use crate::domain::client::Grant;
use crate::domain::command::Command;
use crate::domain::denial::Denial;
use crate::domain::evidence::{Ask, Door};
use crate::domain::ids::{ClientId, Owner, SessionId, StreamId};
use crate::domain::session::{RevokeReason, Session};
use crate::domain::time::{Span, Timestamp};
use crate::domain::{Event, Expected, Proposal, system};
use crate::journal::History;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use tracing::{Instrument, debug_span};

/// Lost sessions whose unrecorded tokens are counted.
const LOST_COUNTED: usize = 1024;

/// A refresh token as it was shown.
#[derive(Clone, Debug)]
pub struct RefreshAsk {
    /// Who shows it, and where.
    pub bearer: Bearer,
    /// The scope asked for, where one was.
    pub scope: Option<BTreeSet<String>>,
    /// How long the access token shall live, where it shall be shorter than usual.
    pub ttl: Option<Span>,
    /// Who asks.
    pub asker: Asker,
}

impl RefreshAsk {
    /// As a client asks.
    pub fn of(client: &AuthenticatedClient, scope: Option<BTreeSet<String>>, asker: Asker) -> Self {
        Self { bearer: Bearer::of(client), scope, ttl: None, asker }
    }
}

/// See the module.
#[derive(Clone)]
pub struct Sessions {
    core: Arc<Core>,
    residents: Residents<SessionActor>,
    tokens: Tokens,
    evidence: EvidenceRoom,
    /// Tokens of sessions the journal does not know: how often each was shown since the start.
    lost: Arc<Mutex<HashMap<SessionId, u64>>>,
}

impl Sessions {
    /// A handle over the session actors. Archived sessions are looked up in `history`.
    pub fn new(core: Arc<Core>, residents: Residents<SessionActor>, tokens: Tokens, history: Arc<dyn History>) -> Self {
        let evidence = EvidenceRoom::new(core.clone(), history);
        Self { core, residents, tokens, evidence, lost: Arc::default() }
    }

    pub(super) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// Redeems a refresh token (RFC 6749 section 6).
    ///
    /// # Errors
    /// [`Refused`]
    pub async fn refresh(&self, token: &str, ask: RefreshAsk) -> Result<Issued, Refused> {
        // At a door that authenticates no client, the session's is known only where there is one.
        let asked = ask.bearer.client().cloned();
        let answer = self.redeem(token, ask).instrument(debug_span!("redeem")).await;
        let asked = asked.as_ref().map_or("-", ClientId::as_str);
        let (label, outcome) = match &answer {
            Ok((_, redeemed)) => (redeemed.session.client.as_str(), redeemed.granted.how.code()),
            // Nothing a stranger says may grow the metrics: he can name any client.
            Err(Refused::Denied(Denial::BadTag)) => ("-", Denial::BadTag.code()),
            Err(Refused::Denied(denial)) => (asked, denial.code()),
            Err(Refused::Unavailable(why)) => (asked, why.code()),
        };
        self.core.metrics.refreshes_total.with_label_values(&[label, outcome]).inc();
        let (token, redeemed) = answer?;
        self.core.metrics.tokens_issued_total.with_label_values(&[Grant::RefreshToken.as_str()]).inc();
        let Redeemed { granted, session, gate, client } = redeemed;
        self.tokens.of_session(&Granted {
            id: token.session,
            session: &session,
            gate: &gate,
            client: &client,
            access: &granted.access,
            scope: &granted.scope,
            generation: granted.generation,
            by: Authentication::Refreshed,
        })
    }

    async fn redeem(&self, token: &str, ask: RefreshAsk) -> Result<(RefreshToken, Redeemed), Refused> {
        let token = self.verify(token)?;
        let RefreshAsk { bearer, scope, ttl, asker } = ask;
        let (client, shown_by) = (bearer.client().cloned(), asker.clone());
        let redeem = Redeem { presented: token.generation, bearer, scope, ttl, asker };
        match of_session(self.residents.ask(token.session, redeem).await?)? {
            Some(redeemed) => Ok((token, redeemed)),
            // Whatever is known of it, nothing is granted here.
            None => match self.unknown(Door::Refresh, &token, client, &shown_by).await {
                Ok(()) => Err(Denial::Closed.into()),
                Err(refused) => Err(refused),
            },
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

    /// Answers a refresh token of a session that the store does not know: it is archived, or its history was dropped. Only we
    /// can make a tag, so any other was lost. `Ok` grants nothing.
    async fn unknown(
        &self,
        door: Door,
        token: &RefreshToken,
        client: Option<ClientId>,
        asker: &Asker,
    ) -> Result<(), Refused> {
        let ask = Ask { door, client, presented: token.generation };
        if let Some(answer) = self.evidence.answer(token.session, ask, asker).await? {
            return answer.map_err(Refused::from);
        }
        let dropped = self.core.reader.system()?.value.dropped(token.session);
        match door {
            Door::Refresh if dropped => Err(Denial::Closed.into()),
            Door::Refresh => {
                self.record_lost(token, asker).await?;
                Err(Denial::HistoryLost.into())
            }
            Door::Revoke if !dropped => self.record_lost(token, asker).await,
            Door::Revoke | Door::Show => Ok(()),
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
        self.end_by(token, Bearer::of(client), RevokeReason::Revoked, asker).await
    }

    /// Ends a session by one of its refresh tokens, and says why: see [`Self::revoke`].
    ///
    /// # Errors
    /// [`Refused`]: the token is another client's, or not for this door, or nothing could be decided.
    pub async fn end_by(&self, token: &str, bearer: Bearer, reason: RevokeReason, asker: Asker) -> Result<(), Refused> {
        let Ok(token) = self.verify(token) else { return Ok(()) };
        let presented = Some(token.generation);
        let shown_by = asker.clone();
        let client = bearer.client().cloned();
        let end = End { reason, bearer: Some(bearer), presented, asker };
        match of_session(self.residents.ask(token.session, end).await?)? {
            Some(()) => Ok(()),
            None => self.unknown(Door::Revoke, &token, client, &shown_by).await,
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
        let end = End { reason, bearer: client.map(Bearer::of), presented: None, asker };
        of_session(self.residents.ask(session, end).await?).map(|_| ())
    }

    /// The session that a refresh token of ours names; it may be over. `None`: the token is none of ours, or of a session that the
    /// store does not know.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn named_by(&self, token: &str) -> Result<Option<(SessionId, Arc<Session>)>, Refused> {
        let Ok(token) = self.verify(token) else { return Ok(None) };
        Ok(self.core.reader.session(token.session)?.map(|session| (token.session, session.value)))
    }

    /// The session of a refresh token that would be redeemed for its bearer.
    ///
    /// # Errors
    /// [`Refused`]
    pub async fn good(
        &self,
        token: &str,
        bearer: &Bearer,
        asker: Asker,
    ) -> Result<Option<(SessionId, Arc<Session>)>, Refused> {
        let Ok(token) = self.verify(token) else { return Ok(None) };
        let Some(session) = self.core.reader.session(token.session)? else { return Ok(None) };
        let client = session.value.client.clone();
        let state = self.core.reader.client(&client)?.ok_or(Unavailable::Fault)?;
        if !bearer.may_show(&client, &state.value) {
            return Ok(None);
        }
        // Nothing is called good by a clock that is not believed.
        self.core.now(Timestamp::default())?;
        let show = Show { presented: token.generation, client, asker };
        let shown = of_session(self.residents.ask(token.session, show).await?)?;
        Ok(shown.flatten().map(|session| (token.session, session)))
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
    ) -> Result<Option<(SessionId, Arc<Session>)>, Refused> {
        let Ok(token) = self.verify(token) else { return Ok(None) };
        // Nothing is called active by a clock that is not believed.
        self.core.now(Timestamp::default())?;
        let shown_by = asker.clone();
        let show = Show { presented: token.generation, client: client.id.clone(), asker };
        match of_session(self.residents.ask(token.session, show).await?)? {
            Some(session) => Ok(session.map(|session| (token.session, session))),
            None => self.unknown(Door::Show, &token, Some(client.id.clone()), &shown_by).await.map(|()| None),
        }
    }

    /// Records that a session's time is over, if it is.
    ///
    /// # Errors
    /// [`Refused`]
    pub async fn expire(&self, session: SessionId, asker: Asker) -> Result<(), Refused> {
        of_session(self.residents.ask(session, ExpireIfDue { asker }).await?).map(|_| ())
    }
}

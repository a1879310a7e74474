//! The handle by which doors authenticate clients and issue and revoke the tokens of clients themselves.

use super::asker::Asker;
use super::core::{Core, Refused, TRIES, Unavailable, commit};
use super::tokens::{Issued, Tokens};
use crate::crypto::{Claims, constant_time_eq, sha256};
use crate::domain::client::{Client, ClientType, Grant, IssueToken, Usage, UseEvent};
use crate::domain::command::Command;
use crate::domain::context::{Context, SealedAt};
use crate::domain::denial::Denial;
use crate::domain::ids::{ClientId, Owner, StreamId};
use crate::domain::tally::Seen;
use crate::domain::time::Timestamp;
use crate::domain::{Decision, Event, Expected, Proposal, client};
use crate::journal::{Appended, Versioned};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use zeroize::Zeroizing;

/// The field under which the digest of a client's secret is sealed.
pub(super) const SECRET_FIELD: &str = "secret";

/// A client by its id, as it is.
pub type Found = (ClientId, Versioned<Arc<Client>>);

/// A client that may go on: authenticated, or public and named.
#[derive(Clone, Debug)]
pub struct AuthenticatedClient {
    /// Its id.
    pub id: ClientId,
    /// Its state when it was authenticated.
    pub state: Versioned<Arc<Client>>,
    /// Whether it showed a secret.
    pub by_secret: bool,
}

/// See the module.
#[derive(Clone)]
pub struct Clients {
    core: Arc<Core>,
    tokens: Tokens,
    /// Refusals so far, with those that were not recorded. Its size is bounded by the clients there are.
    seen: Arc<Mutex<HashMap<ClientId, Seen<Denial>>>>,
    /// Digests of secrets that were unsealed, until the secret is another: a client shows it with every request.
    unsealed: Arc<Mutex<HashMap<ClientId, Unsealed>>>,
}

/// A digest of a secret, and from what it was unsealed.
type Unsealed = (SealedAt, Zeroizing<Vec<u8>>);

impl Clients {
    /// A handle.
    pub fn new(core: Arc<Core>, tokens: Tokens) -> Self {
        Self { core, tokens, seen: Arc::default(), unsealed: Arc::default() }
    }

    /// The client of an id, as it is now.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn find(&self, id: &str) -> Result<Option<Found>, Refused> {
        let Ok(id) = id.parse::<ClientId>() else { return Ok(None) };
        Ok(self.core.reader.client(&id)?.map(|state| (id, state)))
    }

    /// Authenticates a client (RFC 6749 section 2.3) that was found by its id.
    ///
    /// # Errors
    /// [`Refused`], recorded.
    pub async fn authenticate(
        &self,
        id: &ClientId,
        state: Versioned<Arc<Client>>,
        secret: Option<&str>,
        asker: &Asker,
    ) -> Result<AuthenticatedClient, Refused> {
        let denial = match (state.value.settings.client_type, secret) {
            (ClientType::Public, None) => None,
            // FusionAuth's clients may send a secret that they need not have, and then it must be right.
            (ClientType::Public, Some(secret)) if state.value.secret.is_some() => {
                (!self.is_right(id, &state.value, secret)?).then_some(Denial::ClientSecretWrong)
            }
            (ClientType::Public, Some(_)) => Some(Denial::ClientSecretUnexpected),
            (ClientType::Confidential, None) => Some(Denial::ClientSecretMissing),
            (ClientType::Confidential, Some(secret)) => {
                (!self.is_right(id, &state.value, secret)?).then_some(Denial::ClientSecretWrong)
            }
        };
        match denial {
            None => Ok(AuthenticatedClient { id: id.clone(), state, by_secret: secret.is_some() }),
            Some(denial) => Err(self.refuse(id, denial, asker).await),
        }
    }

    fn is_right(&self, id: &ClientId, client: &Client, secret: &str) -> Result<bool, Refused> {
        let Some(sealed) = &client.secret else { return Ok(false) };
        let shown = sha256(secret.as_bytes());
        let unsealed = || self.unsealed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((from, digest)) = unsealed().get(id)
            && from == sealed
        {
            return Ok(constant_time_eq(digest, &shown));
        }
        let digest = self.core.keys.seal().open(sealed.commit, SECRET_FIELD, &sealed.sealed).map_err(|error| {
            tracing::error!(%error, "the sealed digest of a client secret does not open");
            Unavailable::Fault
        })?;
        let right = constant_time_eq(&digest, &shown);
        unsealed().insert(id.clone(), (sealed.clone(), digest));
        Ok(right)
    }

    /// Refuses something to a client that is known, and records it as far as refusals are recorded.
    pub async fn refuse(&self, id: &ClientId, denial: Denial, asker: &Asker) -> Refused {
        self.core.metrics.client_refusals_total.with_label_values(&[denial.code()]).inc();
        let refuse =
            |_: &Versioned<Arc<Client>>, usage: &Usage, _: Timestamp, context: &Context, seen: &Seen<Denial>| {
                let n = usage.refusals.number(denial, seen);
                (client::refuse::<()>(usage, denial, context, seen), Command::RefuseClient { class: denial, n })
            };
        match self.decide(id, asker, refuse).await {
            Ok((answer, _)) => answer.err().map_or(Unavailable::Fault.into(), Refused::Denied),
            Err(refused) => refused,
        }
    }

    /// Issues a token to a client itself (RFC 6749 section 4.4).
    ///
    /// # Errors
    /// [`Refused`]
    pub async fn issue_token(
        &self,
        client: &AuthenticatedClient,
        scope: Option<BTreeSet<String>>,
        asker: &Asker,
    ) -> Result<Issued, Refused> {
        // Refused while the clock is not believed: this grants something.
        self.core.now(Timestamp::default())?;
        let jti = self.core.token_id();
        let jitter = self.core.jitter(client.state.value.settings.access_ttl);
        let command = IssueToken { scope, jti, jitter, wall: self.core.clock.read().wall };
        let issue =
            |state: &Versioned<Arc<Client>>, usage: &Usage, _: Timestamp, context: &Context, seen: &Seen<Denial>| {
                // The secret may have been replaced since it was shown.
                let decision = if state.value.secret == client.state.value.secret {
                    client::issue_token(&state.value, usage, &command, context, seen)
                } else {
                    client::refuse(usage, Denial::ClientSecretWrong, context, seen)
                };
                let n = decision.outcome.as_ref().err().map(|denial| usage.refusals.number(*denial, seen));
                (decision, Command::IssueToken { issue: command.clone(), client: state.version, n })
            };
        let (granted, state) = self.decide(&client.id, asker, issue).await?;
        let granted = granted.inspect_err(|denial| {
            self.core.metrics.client_refusals_total.with_label_values(&[denial.code()]).inc();
        })?;
        self.core.metrics.tokens_issued_total.with_label_values(&[Grant::ClientCredentials.as_str()]).inc();
        self.tokens.of_client(&client.id, &state, &granted.access, &granted.scope)
    }

    /// Lists the `jti` of an access token without a session as revoked, unless it is listed or has ended.
    ///
    /// # Errors
    /// [`Refused`]: the token is another client's, or nothing could be decided.
    pub async fn revoke_token(
        &self,
        client: &AuthenticatedClient,
        claims: &Claims,
        asker: &Asker,
    ) -> Result<(), Refused> {
        if claims.client_id != client.id {
            return Err(self.refuse(&client.id, Denial::ClientMismatch, asker).await);
        }
        let expires_at = Timestamp::from_seconds(claims.exp);
        // A clock that is not believed may call a token expired that will live again once it is mended.
        let now = self.core.clock.read();
        if (now.believed && now.wall >= expires_at) || self.core.reader.is_revoked(claims.jti)? {
            return Ok(());
        }
        let event = UseEvent::TokenRevoked { jti: claims.jti, expires_at };
        let revoke = |_: &Versioned<Arc<Client>>, _: &Usage, _: Timestamp, _: &Context, _: &Seen<Denial>| {
            (Decision { events: vec![event.clone()], outcome: Ok(()) }, Command::Server)
        };
        self.decide(&client.id, asker, revoke).await?.0?;
        self.core.metrics.revocations_total.with_label_values(&["token"]).inc();
        Ok(())
    }

    /// Decides about a client's use and appends. A grant stands on the client as it was decided on; two refusals at once may
    /// bear one number, which harms nobody.
    async fn decide<T>(
        &self,
        id: &ClientId,
        asker: &Asker,
        rule: impl Fn(
            &Versioned<Arc<Client>>,
            &Usage,
            Timestamp,
            &Context,
            &Seen<Denial>,
        ) -> (Decision<UseEvent, T>, Command),
    ) -> Result<(Result<T, Denial>, Arc<Client>), Refused> {
        for _ in 0..TRIES {
            let client = self.core.reader.client(id)?.ok_or(Unavailable::Fault)?;
            let usage = self.core.reader.usage(id)?;
            let at = usage.as_ref().map_or(Timestamp::default(), |usage| usage.at);
            let usage = usage.map(|usage| usage.value).unwrap_or_default();
            let now = self.core.now_to_close(at.max(client.at));
            let commit_id = self.core.commit_id();
            let context = self.core.context(asker, &Owner::Client(id.clone()), commit_id)?;
            let (decision, command) = rule(&client, &usage, now, &context, &self.seen(id));
            if let Err(denial) = &decision.outcome {
                self.count(id, *denial, &usage);
            }
            let stands = decision.outcome.is_err() && decision.events.is_empty();
            if !stands && self.append(id, now, commit_id, context, command, &client, decision.events).await?.is_none() {
                continue;
            }
            return Ok((decision.outcome, client.value));
        }
        Err(Unavailable::Conflict.into())
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one commit")]
    async fn append(
        &self,
        id: &ClientId,
        now: Timestamp,
        commit_id: crate::domain::ids::CommitId,
        context: Context,
        command: Command,
        client: &Versioned<Arc<Client>>,
        events: Vec<UseEvent>,
    ) -> Result<Option<Appended>, Refused> {
        let proposals = vec![
            Proposal::guard(StreamId::Client(id.clone()), client.version),
            Proposal {
                stream: StreamId::Use(id.clone()),
                expected: Expected::Any,
                events: events.into_iter().map(Event::Use).collect(),
            },
        ];
        self.core.append(commit(commit_id, now, context, Some(command), proposals)).await
    }

    fn seen(&self, id: &ClientId) -> Seen<Denial> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(id).cloned().unwrap_or_default()
    }

    fn count(&self, id: &ClientId, denial: Denial, usage: &Usage) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = seen.entry(id.clone()).or_default();
        let n = usage.refusals.number(denial, seen);
        seen.insert(denial, n);
    }
}

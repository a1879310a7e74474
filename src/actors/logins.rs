//! The handle by which doors log people in: budget, password work, and the account's decision, in an order that tells a
//! stranger nothing about which login ids exist.

use super::account::{AccountActor, FinishLogin, Finished, LoggedIn};
use super::asker::Asker;
use super::attempts::AttemptsTable;
use super::clients::AuthenticatedClient;
use super::core::{Core, Refused, Unavailable, commit};
use super::directory::Residents;
use super::hasher::{Done, Hasher, Job, Share};
use super::tokens::{Issued, Tokens};
use crate::domain::account::{Account, AccountEvent, Guesser, Name, PasswordVerdict};
use crate::domain::brakes::Brakes;
use crate::domain::client::{Client, Grant};
use crate::domain::command::Command;
use crate::domain::denial::Denial;
use crate::domain::gate::Gate;
use crate::domain::ids::{AccountId, NameHash, Owner, StreamId};
use crate::domain::verifier::PasswordVerifier;
use crate::domain::{Event, Expected, Proposal};
use crate::journal::Versioned;
use std::collections::BTreeSet;
use std::sync::Arc;
use zeroize::Zeroizing;

/// The field under which a password's verifier is sealed.
pub(super) const VERIFIER_FIELD: &str = "verifier";

/// See the module.
#[derive(Clone)]
pub struct Logins {
    core: Arc<Core>,
    residents: Residents<AccountActor>,
    hasher: Hasher,
    attempts: Arc<AttemptsTable>,
    tokens: Tokens,
}

/// A login as it was asked.
pub struct LoginAsk {
    /// The login id, as typed.
    pub login: String,
    /// The password, as typed.
    pub password: Zeroizing<Vec<u8>>,
    /// The scope asked for, where one was.
    pub scope: Option<BTreeSet<String>>,
    /// Who asks.
    pub asker: Asker,
}

/// A login that gave no session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NoLogin {
    /// Why.
    pub refused: Refused,
    /// The account whose password was right but must be changed first; nobody else may be told of an account.
    pub must_change: Option<AccountId>,
}

impl<E: Into<Refused>> From<E> for NoLogin {
    fn from(refused: E) -> Self {
        Self { refused: refused.into(), must_change: None }
    }
}

/// An account as it was before the password work.
struct Before {
    id: AccountId,
    gate: Versioned<Gate>,
    client: Versioned<Client>,
    brakes: Versioned<Brakes>,
    verifier: PasswordVerifier,
    guesser: Guesser,
}

impl Logins {
    /// A handle over the account actors.
    pub fn new(
        core: Arc<Core>,
        residents: Residents<AccountActor>,
        hasher: Hasher,
        attempts: Arc<AttemptsTable>,
        tokens: Tokens,
    ) -> Self {
        Self { core, residents, hasher, attempts, tokens }
    }

    /// Logs a person in with a password (RFC 6749 section 4.3).
    ///
    /// # Errors
    /// [`NoLogin`]. Unknown login id, wrong password and too many attempts cost the same work and must be answered alike.
    pub async fn login(&self, client: &AuthenticatedClient, ask: LoginAsk) -> Result<Issued, NoLogin> {
        let answer = self.decide(client, ask).await;
        let outcome = match answer.as_ref().map_err(|no| &no.refused) {
            Ok(_) => "ok",
            Err(Refused::Denied(denial)) => denial.code(),
            Err(Refused::Unavailable(why)) => why.code(),
        };
        self.core.metrics.logins_total.with_label_values(&[client.id.as_str(), outcome]).inc();
        let LoggedIn { id, session, gate, client, new_context } = answer?;
        self.core.metrics.sessions.with_label_values(&["open"]).inc();
        self.core.metrics.tokens_issued_total.with_label_values(&[Grant::Password.as_str()]).inc();
        let issued = self.tokens.of_session(id, &session, &gate, &client, &session.access, &session.scope, 0)?;
        Ok(Issued { new_context, ..issued })
    }

    async fn decide(&self, client: &AuthenticatedClient, ask: LoginAsk) -> Result<LoggedIn, NoLogin> {
        // A login that could not be granted now must not cost a hash. On a full disk a refusal could not be recorded either, and
        // that must not tell known login ids from unknown ones: not here, nor where the disk fills up meanwhile.
        let now = self.core.now(Default::default())?;
        if self.core.writer.disk().is_low() {
            return Err(Unavailable::Disk.into());
        }
        if self.core.reader.brakes()?.value.logins_refused_since.is_some() {
            return Err(Denial::LoginsRefused.into());
        }
        let name = self.core.keys.name().hash(&ask.login);
        let before = self.before(name, client, &ask.asker)?;
        let guesser = match &before {
            Some(before) => before.guesser.clone(),
            None => Guesser::Stranger(ask.asker.network()),
        };
        let admitted = self.attempts.charge(name, &guesser, now).is_ok();
        let job = self.job(before.as_ref(), name, &ask.login)?;
        let share = match &guesser {
            Guesser::Familiar(_) => Share::Familiar,
            Guesser::Stranger(Some(network)) => Share::Network(network.clone()),
            Guesser::Stranger(None) => Share::Client(client.id.clone()),
        };
        let give_back = || {
            if admitted {
                self.attempts.give_back(name, &guesser);
            }
        };
        let done = self.hasher.run(job, ask.password.clone(), share).await.map_err(|_| {
            give_back();
            Unavailable::Busy
        })?;
        let (right, weak) = match done {
            Done::Verified { right, weak } => (right, weak),
            Done::Hashed(_) | Done::Judged(_) | Done::Failed => (false, false),
        };
        let verdict = match (admitted, right) {
            (false, _) => PasswordVerdict::Throttled,
            (true, true) => PasswordVerdict::Right,
            (true, false) => PasswordVerdict::Wrong,
        };
        if verdict == PasswordVerdict::Right {
            give_back();
        }
        let Some(before) = before else {
            self.core.touch(&ask.asker).await?;
            let throttled = verdict == PasswordVerdict::Throttled;
            return Err(if throttled { Denial::Throttled } else { Denial::WrongCredentials }.into());
        };
        self.finish(client, ask, before, verdict, weak).await
    }

    async fn finish(
        &self,
        client: &AuthenticatedClient,
        ask: LoginAsk,
        before: Before,
        verdict: PasswordVerdict,
        weak: bool,
    ) -> Result<LoggedIn, NoLogin> {
        let (id, gate_version, password) = (before.id, before.gate.version, before.verifier.password);
        let asker = ask.asker.clone();
        let finish = FinishLogin {
            client_id: client.id.clone(),
            scope: ask.scope,
            verdict,
            gate: before.gate,
            client: before.client,
            brakes: before.brakes,
            asker: ask.asker,
        };
        let logged_in = match self.residents.ask(id, finish).await?.ok_or(Unavailable::Fault)?? {
            Finished::LoggedIn(logged_in) => logged_in,
            Finished::Refused(denial, commit) => {
                self.core.refuse(*commit).await?;
                let must_change = (denial == Denial::PasswordChangeRequired).then_some(id);
                return Err(NoLogin { refused: denial.into(), must_change });
            }
        };
        if weak {
            let (logins, plain) = (self.clone(), ask.password);
            // After the answer, in a commit of its own: nobody waits for it, and a changed password wins.
            actix_rt::spawn(async move {
                if let Err(error) = logins.rehash(id, gate_version, password, plain, &asker).await {
                    tracing::warn!(%error, account = %id, "a password was not hashed anew; the next login tries again");
                }
            });
        }
        Ok(*logged_in)
    }

    /// What a login is decided on, read before the password work.
    fn before(&self, name: NameHash, client: &AuthenticatedClient, asker: &Asker) -> Result<Option<Before>, Refused> {
        let reader = &self.core.reader;
        let Some(Name::Taken(id)) = reader.name(name)?.map(|name| name.value) else { return Ok(None) };
        let gate = reader.gate(id)?.ok_or(Unavailable::Fault)?;
        let account = reader.account(id)?.ok_or(Unavailable::Fault)?;
        let guesser = guesser(&self.core, id, &account.value, asker)?;
        let verifier = account.value.verifier(&gate.value).clone();
        let brakes = reader.brakes()?;
        Ok(Some(Before { id, gate, client: client.state.clone(), brakes, verifier, guesser }))
    }

    /// One hash, whoever asks: of the account's own scheme, or of the scheme of an account that this login id always picks.
    fn job(&self, before: Option<&Before>, name: NameHash, login: &str) -> Result<Job, Refused> {
        if let Some(before) = before {
            return verification(&self.core, before.id, &before.verifier);
        }
        let scheme = match self.core.reader.name_near(name)? {
            Some(Name::Taken(neighbour)) => {
                let gate = self.core.reader.gate(neighbour)?.ok_or(Unavailable::Fault)?;
                let account = self.core.reader.account(neighbour)?.ok_or(Unavailable::Fault)?;
                account.value.verifier(&gate.value).scheme
            }
            Some(Name::Free) | None => self.hasher.params().scheme(),
        };
        Ok(Job::Dummy(scheme, self.core.keys.name().mix("dummy", login)))
    }

    async fn rehash(
        &self,
        id: AccountId,
        gate_version: u64,
        password: u64,
        plain: Zeroizing<Vec<u8>>,
        asker: &Asker,
    ) -> Result<(), Refused> {
        let mut salt = [0; 16];
        self.core.entropy.fill(&mut salt);
        let done = self.hasher.run(Job::Hash(salt), plain, Share::Operator).await.map_err(|_| Unavailable::Busy)?;
        let Done::Hashed(phc) = done else { return Err(Unavailable::Fault.into()) };
        let commit_id = self.core.commit_id();
        let verifier = self.core.keys.seal().seal(commit_id, 1, VERIFIER_FIELD, phc.as_bytes(), &*self.core.entropy);
        let account = self.core.reader.account(id)?.ok_or(Unavailable::Fault)?;
        let event = AccountEvent::PasswordRehashed { of: password, verifier, scheme: self.hasher.params().scheme() };
        let proposals = vec![
            Proposal::guard(StreamId::Gate(id), gate_version),
            Proposal { stream: StreamId::Account(id), expected: Expected::Any, events: vec![Event::Account(event)] },
        ];
        let context = self.core.context(asker, &Owner::Account(id), commit_id)?;
        let now = self.core.now(account.at)?;
        // A conflict says that the password or the gate has changed: then there is nothing to hash anew.
        self.core.append(commit(commit_id, now, context, Some(Command::Server), proposals)).await?;
        Ok(())
    }
}

/// In whose budget somebody guesses who comes for an account.
///
/// # Errors
/// Where the keys cannot be used.
pub(super) fn guesser(core: &Core, id: AccountId, account: &Account, asker: &Asker) -> Result<Guesser, Refused> {
    let now = core.clock.read().wall;
    let key = core.data_key(&Owner::Account(id))?;
    let familiar = key.and_then(|key| {
        asker.network()?;
        account.familiar_tag(&asker.traits(&key), now)
    });
    Ok(familiar.map_or_else(|| Guesser::Stranger(asker.network()), Guesser::Familiar))
}

/// The work of comparing a password with an account's.
///
/// # Errors
/// Where the verifier does not open.
pub(super) fn verification(core: &Core, id: AccountId, verifier: &PasswordVerifier) -> Result<Job, Refused> {
    let sealed = &verifier.verifier;
    let opened = core.keys.seal().open(sealed.commit, VERIFIER_FIELD, &sealed.sealed);
    let phc = opened.ok().and_then(|bytes| String::from_utf8(bytes.to_vec()).ok());
    phc.map(|phc| Job::Verify(Zeroizing::new(phc))).ok_or_else(|| {
        tracing::error!(account = %id, "a sealed password verifier does not open");
        Unavailable::Fault.into()
    })
}

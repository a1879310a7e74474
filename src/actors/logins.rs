//! The handle by which doors log people in: budget, password work, and the account's decision, in an order that tells a
//! stranger nothing about which login ids exist.

use super::account::{AccountActor, FinishLogin, Finished, LoggedIn, LoginKind};
use super::asker::Asker;
use super::attempts::AttemptsTable;
use super::clients::AuthenticatedClient;
use super::core::{Core, Refused, Unavailable, commit};
use super::directory::Residents;
use super::hasher::{Done, Hasher, Job, Share};
use super::tokens::{Authentication, Granted, Issued, Tokens};
use crate::domain::account::{Account, AccountEvent, Guesser, LoginHow, Name, PasswordVerdict};
use crate::domain::brakes::Brakes;
use crate::domain::client::{COMMON_SCOPES, Grant};
use crate::domain::command::Command;
use crate::domain::denial::Denial;
use crate::domain::gate::Gate;
use crate::domain::ids::{AccountId, NameHash, Owner, StreamId};
use crate::domain::time::Timestamp;
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
    /// What kind of login it is.
    pub kind: LoginKind,
    /// Where somebody logs in who is not registered at the client, where he may; without a refresh token.
    pub elsewhere: Option<AuthenticatedClient>,
    /// Who asks.
    pub asker: Asker,
}

impl LoginAsk {
    /// By the password grant (RFC 6749 section 4.3).
    pub fn new(login: String, password: Zeroizing<Vec<u8>>, scope: Option<BTreeSet<String>>, asker: Asker) -> Self {
        Self { login, password, scope, kind: LoginKind::default(), elsewhere: None, asker }
    }
}

/// A login without a password, for which whoever asks stands in.
pub struct Voucher {
    /// Whose.
    pub account: AccountId,
    /// What kind of login it is.
    pub kind: LoginKind,
    /// Where somebody logs in who is not registered at the client, where he may.
    pub elsewhere: Option<AuthenticatedClient>,
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
    /// Its first login id.
    name: NameHash,
    gate: Versioned<Arc<Gate>>,
    client: AuthenticatedClient,
    /// Whether that is where somebody logs in who is not registered where he asked.
    elsewhere: bool,
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
        let how = ask.kind.how;
        let answer = self.decide(client, ask).await;
        self.issue(client, how, answer)
    }

    /// Logs a person in for whom the caller vouches: no password is asked for. As if he had shown it, otherwise.
    ///
    /// # Errors
    /// [`NoLogin`]; [`Denial::WrongCredentials`] also where there is no such account.
    pub async fn vouch(&self, client: &AuthenticatedClient, voucher: Voucher) -> Result<Issued, NoLogin> {
        let how = voucher.kind.how;
        let answer = self.finish_vouched(client, voucher).await;
        self.issue(client, how, answer)
    }

    /// Counts a login, and writes its tokens.
    fn issue(
        &self,
        client: &AuthenticatedClient,
        how: LoginHow,
        answer: Result<LoggedIn, NoLogin>,
    ) -> Result<Issued, NoLogin> {
        let outcome = match answer.as_ref().map_err(|no| &no.refused) {
            Ok(_) => "ok",
            Err(Refused::Denied(denial)) => denial.code(),
            Err(Refused::Unavailable(why)) => why.code(),
        };
        self.core.metrics.logins_total.with_label_values(&[client.id.as_str(), outcome]).inc();
        let LoggedIn { id, session, gate, client, new_context } = answer?;
        self.core.metrics.sessions.with_label_values(&["open"]).inc();
        self.core.metrics.tokens_issued_total.with_label_values(&[Grant::Password.as_str()]).inc();
        let issued = self.tokens.of_session(&Granted {
            id,
            session: &session,
            gate: &gate,
            client: &client,
            access: &session.access,
            scope: &session.scope,
            generation: 0,
            by: Authentication::Login(how),
        })?;
        Ok(Issued { new_context, ..issued })
    }

    async fn finish_vouched(&self, client: &AuthenticatedClient, voucher: Voucher) -> Result<LoggedIn, NoLogin> {
        self.may_try()?;
        let Voucher { account, kind, elsewhere, asker } = voucher;
        let before = self.before(Some(account), client, elsewhere, &asker)?;
        let Some(before) = before else { return Err(Denial::WrongCredentials.into()) };
        self.finish(before, None, kind, PasswordVerdict::Vouched, asker).await
    }

    /// A login that could not be granted now must not cost a hash. On a full disk a refusal could not be recorded either, and
    /// that must not tell known login ids from unknown ones: not here, nor where the disk fills up meanwhile.
    fn may_try(&self) -> Result<Timestamp, Refused> {
        let now = self.core.now(Default::default())?;
        if self.core.writer.disk().is_low() {
            return Err(Unavailable::Disk.into());
        }
        if self.core.reader.brakes()?.value.logins_refused_since.is_some() {
            return Err(Denial::LoginsRefused.into());
        }
        Ok(now)
    }

    async fn decide(&self, client: &AuthenticatedClient, ask: LoginAsk) -> Result<LoggedIn, NoLogin> {
        let now = self.may_try()?;
        let LoginAsk { login, password, scope, kind, elsewhere, asker } = ask;
        // Under overload nothing is looked up for who gets no place anyway. No account knows somebody who comes from no network.
        self.hasher.has_place(asker.network().is_some()).map_err(|_| Unavailable::Busy)?;
        let name = self.core.keys.name().hash(&login);
        let account = match self.core.reader.name(name)?.map(|name| name.value) {
            Some(Name::Taken(account)) => Some(account),
            Some(Name::Free) | None => None,
        };
        let before = self.before(account, client, elsewhere, &asker)?;
        let guesser = match &before {
            Some(before) => before.guesser.clone(),
            None => Guesser::Stranger(asker.network()),
        };
        // An account with two login ids has one budget.
        let charged = before.as_ref().map_or(name, |before| before.name);
        let admitted = self.attempts.charge(charged, &guesser, now).is_ok();
        let job = self.job(before.as_ref(), name, &login)?;
        let share = match &guesser {
            Guesser::Familiar(_) => Share::Familiar,
            Guesser::Stranger(Some(network)) => Share::Network(network.clone()),
            Guesser::Stranger(None) => Share::Client(client.id.clone()),
        };
        let give_back = || {
            if admitted {
                self.attempts.give_back(charged, &guesser);
            }
        };
        let done = self.hasher.run(job, password.clone(), share).await.map_err(|_| {
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
            self.core.touch(&asker).await?;
            let throttled = verdict == PasswordVerdict::Throttled;
            return Err(if throttled { Denial::Throttled } else { Denial::WrongCredentials }.into());
        };
        // Where he is sent on to, the scopes of the client that he came for mean nothing.
        let sent_on = before.elsewhere;
        let known = |scope: &String| COMMON_SCOPES.contains(&scope.as_str());
        let scope = scope.map(|scope| scope.into_iter().filter(|scope| !sent_on || known(scope)).collect());
        let (id, gate_version, of) = (before.id, before.gate.version, before.verifier.password);
        let logged_in = self.finish(before, scope, kind, verdict, asker.clone()).await?;
        if weak {
            let logins = self.clone();
            // After the answer, in a commit of its own: nobody waits for it, and a changed password wins.
            actix_rt::spawn(async move {
                if let Err(error) = logins.rehash(id, gate_version, of, password, &asker).await {
                    tracing::warn!(%error, account = %id, "a password was not hashed anew; the next login tries again");
                }
            });
        }
        Ok(logged_in)
    }

    async fn finish(
        &self,
        before: Before,
        scope: Option<BTreeSet<String>>,
        kind: LoginKind,
        verdict: PasswordVerdict,
        asker: Asker,
    ) -> Result<LoggedIn, NoLogin> {
        let id = before.id;
        // A refresh token is the client's to have where the person is registered.
        let refresh = if before.elsewhere { Some(false) } else { kind.refresh };
        let kind = LoginKind { refresh, ..kind };
        let finish = FinishLogin {
            client_id: before.client.id,
            scope,
            verdict,
            kind,
            gate: before.gate,
            client: before.client.state,
            brakes: before.brakes,
            asker,
        };
        match self.residents.ask(id, finish).await?.ok_or(Unavailable::Fault)?? {
            Finished::LoggedIn(logged_in) => Ok(*logged_in),
            Finished::Refused(denial, commit) => {
                self.core.refuse(*commit).await?;
                let must_change = (denial == Denial::PasswordChangeRequired).then_some(id);
                Err(NoLogin { refused: denial.into(), must_change })
            }
        }
    }

    /// What a login is decided on, read before the password work.
    fn before(
        &self,
        account: Option<AccountId>,
        client: &AuthenticatedClient,
        elsewhere: Option<AuthenticatedClient>,
        asker: &Asker,
    ) -> Result<Option<Before>, Refused> {
        let reader = &self.core.reader;
        let Some(id) = account else { return Ok(None) };
        let Some(gate) = reader.gate(id)? else { return Ok(None) };
        let account = reader.account(id)?.ok_or(Unavailable::Fault)?;
        let guesser = guesser(&self.core, id, &account.value, asker)?;
        let verifier = account.value.verifier(&gate.value).clone();
        let brakes = reader.brakes()?;
        let (client, elsewhere) = match elsewhere {
            Some(elsewhere) if !client.state.value.admits(&client.id, &gate.value) => (elsewhere, true),
            _ => (client.clone(), false),
        };
        Ok(Some(Before { id, name: account.value.name, gate, client, elsewhere, brakes, verifier, guesser }))
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

//! The handle by which people set another password: with the old one, or with a one-time code.

use super::administration::{Administration, NewPassword, NotDone, USERNAME_FIELD, expect};
use super::asker::{Asker, network};
use super::attempts::AttemptsTable;
use super::core::{Core, Refused, TRIES, Unavailable, commit};
use super::hasher::{Done, Hasher, Job, Share};
use super::logins::{guesser, verification};
use crate::crypto::{Policy, WeakPassword, constant_time_eq, sha256};
use crate::domain::account::{self, Account, AccountEvent, Guesser, PasswordCode};
use crate::domain::command::Command;
use crate::domain::context::ToldBy;
use crate::domain::denial::Denial;
use crate::domain::gate::{Gate, PasswordHow, Standing};
use crate::domain::ids::{AccountId, CommitId, Owner, StreamId, Version};
use crate::domain::tally::Seen;
use crate::domain::time::{Span, Timestamp};
use crate::domain::{Event, Expected, Proposal};
use crate::journal::Versioned;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;
use zeroize::Zeroizing;

/// What a one-time code begins with.
const CODE_PREFIX: &str = "csp_";
/// Random bytes of a one-time code: nobody guesses it.
const CODE_RANDOM: usize = 24;
/// The field under which the digest of a code is sealed.
const CODE_FIELD: &str = "code";
/// Accounts whose unrecorded refusals are counted.
const COUNTED: usize = 1024;

/// See the module.
#[derive(Clone)]
pub struct Passwords {
    core: Arc<Core>,
    hasher: Hasher,
    attempts: Arc<AttemptsTable>,
    administration: Administration,
    policy: Policy,
    /// Refusals so far, with those that were not recorded.
    seen: Arc<Mutex<HashMap<AccountId, Seen<Denial>>>>,
}

/// An account whose code was shown.
pub struct Shown {
    /// The account.
    pub account: AccountId,
    /// Its login ids, with a space between: no password may be like one of them.
    pub login: Option<String>,
    gate: Versioned<Arc<Gate>>,
}

impl Passwords {
    /// A handle.
    pub fn new(
        core: Arc<Core>,
        hasher: Hasher,
        attempts: Arc<AttemptsTable>,
        administration: Administration,
        policy: Policy,
    ) -> Self {
        Self { core, hasher, attempts, administration, policy, seen: Arc::default() }
    }

    /// Judges whether somebody with this login id may choose a password. Done where passwords are hashed: it can take as long.
    ///
    /// # Errors
    /// [`Refused`]: it was not judged.
    pub async fn judge(&self, password: &str, login: &str, asker: &Asker) -> Result<Result<(), WeakPassword>, Refused> {
        let job = Job::Judge(self.policy, Zeroizing::new(login.to_owned()));
        let password = Zeroizing::new(password.as_bytes().to_vec());
        match self.hasher.run(job, password, share_of(asker)).await {
            Ok(Done::Judged(judged)) => Ok(judged),
            Ok(Done::Verified { .. } | Done::Hashed(_) | Done::Failed) => Err(Unavailable::Fault.into()),
            Err(_) => Err(Unavailable::Busy.into()),
        }
    }

    /// Judges whether whoever showed a code may choose a password: not the one that the account has.
    ///
    /// # Errors
    /// [`Refused`]: it was not judged.
    pub async fn judge_another(
        &self,
        shown: &Shown,
        password: &str,
        asker: &Asker,
    ) -> Result<Result<(), WeakPassword>, Refused> {
        let login = shown.login.as_deref().unwrap_or_default();
        if let Err(weak) = self.judge(password, login, asker).await? {
            return Ok(Err(weak));
        }
        let account = self.core.reader.account(shown.account)?.ok_or(Unavailable::Fault)?;
        let job = verification(&self.core, shown.account, account.value.verifier(&shown.gate.value))?;
        let password = Zeroizing::new(password.as_bytes().to_vec());
        match self.hasher.run(job, password, share_of(asker)).await {
            Ok(Done::Verified { right: true, .. }) => Ok(Err(WeakPassword::Same)),
            Ok(Done::Verified { .. } | Done::Hashed(_) | Done::Judged(_) | Done::Failed) => Ok(Ok(())),
            Err(_) => Err(Unavailable::Busy.into()),
        }
    }

    /// Issues a code by which another password may be set, once. The one before is worth nothing from then on.
    ///
    /// # Errors
    /// [`NotDone`]
    pub async fn issue_code(
        &self,
        id: AccountId,
        ttl: Span,
        seen: Option<Version>,
        asker: &Asker,
    ) -> Result<(Zeroizing<String>, Timestamp), NotDone> {
        for _ in 0..TRIES {
            let gate = self.core.reader.gate(id)?.ok_or(NotDone::Missing)?;
            expect(seen, gate.version)?;
            if gate.value.standing == Standing::Erased {
                return Err(NotDone::Over);
            }
            let account = self.core.reader.account(id)?.ok_or(NotDone::Missing)?;
            let now = self.core.now(account.at.max(gate.at))?;
            let (code, expires_at) = (self.draw(id), now + ttl);
            let commit_id = self.core.commit_id();
            let digest = sha256(code.as_bytes());
            let event = AccountEvent::PasswordCodeIssued {
                digest: self.core.keys.seal().seal(commit_id, 1, CODE_FIELD, &digest, &*self.core.entropy),
                expires_at,
                of: gate.value.password.password,
            };
            let proposals = vec![
                Proposal::guard(StreamId::Gate(id), gate.version),
                Proposal {
                    stream: StreamId::Account(id),
                    expected: Expected::Any,
                    events: vec![Event::Account(event)],
                },
            ];
            let context = self.core.context(asker, &Owner::Account(id), commit_id)?;
            let commit = commit(commit_id, now, context, Some(Command::Server), proposals);
            if self.core.append(commit).await?.is_some() {
                return Ok((code, expires_at));
            }
        }
        Err(Unavailable::Conflict.into())
    }

    fn draw(&self, id: AccountId) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new([0; 16 + CODE_RANDOM]);
        bytes[..16].copy_from_slice(id.0.as_bytes());
        self.core.entropy.fill(&mut bytes[16..]);
        Zeroizing::new(format!("{CODE_PREFIX}{}", URL_SAFE_NO_PAD.encode(*bytes)))
    }

    /// The account of a code that is good now.
    ///
    /// # Errors
    /// [`Denial::PasswordCodeWrong`], recorded where the account is known.
    pub async fn show_code(&self, code: &str, asker: &Asker) -> Result<Shown, Refused> {
        let id = account_of(code).ok_or(Denial::PasswordCodeWrong)?;
        let now = self.core.now(Timestamp::default())?;
        let (Some(gate), Some(account)) = (self.core.reader.gate(id)?, self.core.reader.account(id)?) else {
            return Err(Denial::PasswordCodeWrong.into());
        };
        let issued = account.value.code.as_ref().filter(|issued| issued.is_good(&gate.value, now));
        let right = match issued {
            Some(issued) => self.is_right(issued, code)?,
            None => false,
        };
        if !right || gate.value.standing != Standing::Enabled {
            return Err(self.refuse(id, Denial::PasswordCodeWrong, asker).await);
        }
        let login = self.core.login_of(id, &account.value)?;
        let username = match &account.value.username {
            Some(username) => self.core.opened(id, USERNAME_FIELD, &username.login)?,
            None => None,
        };
        let both: Vec<String> = [login, username].into_iter().flatten().collect();
        let login = (!both.is_empty()).then(|| both.join(" "));
        Ok(Shown { account: id, login, gate })
    }

    fn is_right(&self, issued: &PasswordCode, code: &str) -> Result<bool, Refused> {
        let opened = self.core.keys.seal().open(issued.digest.commit, CODE_FIELD, &issued.digest.sealed);
        let digest = opened.map_err(|error| {
            tracing::error!(%error, "the sealed digest of a one-time code does not open");
            Unavailable::Fault
        })?;
        Ok(constant_time_eq(&digest, &sha256(code.as_bytes())))
    }

    /// Sets another password for whoever showed a code. Every session of the account ends, and the code is used.
    ///
    /// # Errors
    /// [`Denial::PasswordCodeWrong`] where somebody else was faster.
    pub async fn reset(&self, shown: Shown, new: Zeroizing<String>, asker: &Asker) -> Result<(), Refused> {
        let phc = self.hash(new, share_of(asker)).await?;
        let how = (false, PasswordHow::Reset);
        let seen = Some(shown.gate.version);
        let set = self.administration.give_password(shown.account, NewPassword::Hash(phc), how, seen, asker).await;
        match set {
            Ok(_) => Ok(()),
            Err(NotDone::Refused(refused)) => Err(refused),
            // The account was changed since the code was shown: by another who showed it, or by an operator.
            Err(NotDone::Missing | NotDone::Moved(_) | NotDone::Over | NotDone::Taken) => {
                Err(self.refuse(shown.account, Denial::PasswordCodeWrong, asker).await)
            }
        }
    }

    /// Sets another password for whoever knows the old one. Every session of the account ends. The inner error: it is
    /// the same password.
    ///
    /// # Errors
    /// [`Denial::OldPasswordWrong`], also where too many were tried; recorded.
    pub async fn change(
        &self,
        id: AccountId,
        old: Zeroizing<Vec<u8>>,
        new: Zeroizing<String>,
        asker: &Asker,
    ) -> Result<Result<(), WeakPassword>, Refused> {
        let now = self.core.now(Timestamp::default())?;
        let gate = self.core.reader.gate(id)?.ok_or(Unavailable::Fault)?;
        let account = self.core.reader.account(id)?.ok_or(Unavailable::Fault)?;
        let is_the_same = *old == *new.as_bytes();
        if !self.is_old(id, (&gate.value, &account.value), old, asker, now).await? {
            return Err(self.refuse(id, Denial::OldPasswordWrong, asker).await);
        }
        // Told only to whoever knows it.
        if is_the_same {
            return Ok(Err(WeakPassword::Same));
        }
        let phc = self.hash(new, share_of(asker)).await?;
        let how = (false, PasswordHow::Changed);
        let seen = Some(gate.version);
        match self.administration.give_password(id, NewPassword::Hash(phc), how, seen, asker).await {
            Ok(_) => Ok(Ok(())),
            Err(NotDone::Refused(refused)) => Err(refused),
            // What was compared is not what is there any more.
            Err(NotDone::Moved(_)) => Err(Unavailable::Conflict.into()),
            Err(NotDone::Missing | NotDone::Over | NotDone::Taken) => {
                Err(self.refuse(id, Denial::OldPasswordWrong, asker).await)
            }
        }
    }

    /// Whether a password is the account's. Charged as an attempt to log in is, and given back where it is right.
    async fn is_old(
        &self,
        id: AccountId,
        (gate, account): (&Gate, &Account),
        old: Zeroizing<Vec<u8>>,
        asker: &Asker,
        now: Timestamp,
    ) -> Result<bool, Refused> {
        let guesser = guesser(&self.core, id, account, asker)?;
        let job = verification(&self.core, id, account.verifier(gate))?;
        let admitted = self.attempts.charge(account.name, &guesser, now).is_ok();
        let share = match &guesser {
            Guesser::Familiar(_) => Share::Familiar,
            Guesser::Stranger(_) => share_of(asker),
        };
        let done = self.hasher.run(job, old, share).await;
        let right = matches!(done, Ok(Done::Verified { right: true, .. }));
        if admitted && (right || done.is_err()) {
            self.attempts.give_back(account.name, &guesser);
        }
        match done {
            Ok(_) => Ok(admitted && right),
            Err(_) => Err(Unavailable::Busy.into()),
        }
    }

    async fn hash(&self, new: Zeroizing<String>, share: Share) -> Result<Zeroizing<String>, Refused> {
        let mut salt = [0; 16];
        self.core.entropy.fill(&mut salt);
        let plain = Zeroizing::new(new.as_bytes().to_vec());
        match self.hasher.run(Job::Hash(salt), plain, share).await {
            Ok(Done::Hashed(phc)) => Ok(phc),
            Ok(Done::Verified { .. } | Done::Judged(_) | Done::Failed) => Err(Unavailable::Fault.into()),
            Err(_) => Err(Unavailable::Busy.into()),
        }
    }

    /// Refuses, and records it as far as refusals are recorded.
    async fn refuse(&self, id: AccountId, class: Denial, asker: &Asker) -> Refused {
        match self.record(id, class, asker).await {
            Ok(()) => class.into(),
            Err(refused) => refused,
        }
    }

    async fn record(&self, id: AccountId, class: Denial, asker: &Asker) -> Result<(), Refused> {
        let Some(account) = self.core.reader.account(id)? else { return Ok(()) };
        let commit_id: CommitId = self.core.commit_id();
        let context = self.core.context(asker, &Owner::Account(id), commit_id)?;
        let seen = self.count(id, class, &account.value);
        let decision = account::refuse_password_change(&account.value, class, &context, &seen);
        let events = decision.events.into_iter().map(Event::Account).collect();
        let proposals = vec![Proposal { stream: StreamId::Account(id), expected: Expected::Any, events }];
        let now = self.core.now_to_close(account.at);
        self.core.refuse(commit(commit_id, now, context, Some(Command::Server), proposals)).await
    }

    /// Counts a refusal, and says what was counted before it.
    fn count(&self, id: AccountId, class: Denial, account: &Account) -> Seen<Denial> {
        let mut all = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= COUNTED && !all.contains_key(&id) {
            all.clear();
        }
        let seen = all.entry(id).or_default();
        let before = seen.clone();
        seen.insert(class, account.refusals.number(class, &before));
        before
    }
}

/// In whose share of the queue the work for somebody waits: an operator's, or that of the network it comes from.
fn share_of(asker: &Asker) -> Share {
    match asker.told_by {
        ToldBy::ApiKey | ToldBy::CommandLine | ToldBy::Server => Share::Operator,
        ToldBy::Peer | ToldBy::Client | ToldBy::Backend | ToldBy::Nobody => {
            Share::Network(asker.network().or_else(|| asker.peer.map(network)).unwrap_or_default())
        }
    }
}

/// The account that a code names.
fn account_of(code: &str) -> Option<AccountId> {
    let bytes = URL_SAFE_NO_PAD.decode(code.strip_prefix(CODE_PREFIX)?).ok()?;
    let id = <[u8; 16]>::try_from(bytes.get(..16)?).ok()?;
    (bytes.len() == 16 + CODE_RANDOM).then_some(AccountId(Uuid::from_bytes(id)))
}

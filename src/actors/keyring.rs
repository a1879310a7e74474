//! The keys of tokens at run time, built whole from the system's state and swapped; and their rotation.

use super::asker::Asker;
use super::closer::{Closer, Scope};
use super::core::{Core, Refused, TRIES, Unavailable, commit};
use crate::crypto::{DEEP, Jwk, Keyring, RawKey, RefreshPart, SigningKey, SigningPart, wipe_stack};
use crate::domain::command::Command;
use crate::domain::context::SealedAt;
use crate::domain::ids::{CommitId, Owner, RefreshKeyId, StreamId};
use crate::domain::keys::{KeyStatus, SigningAlg};
use crate::domain::system::{
    KeyName, RotationPolicy, RotationStep, System, SystemEvent, distrust, newest, rotation_asked, rotation_due,
};
use crate::domain::time::Timestamp;
use crate::domain::{Event, Expected, Proposal};
use crate::entropy::Entropy;
use crate::journal::Keys;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

const PRIVATE_FIELD: &str = "private";
const REFRESH_FIELD: &str = "refresh_key";

/// The present keyring. Cheap to clone.
#[derive(Clone)]
pub struct Keyrings(Arc<Slot>);

struct Slot {
    current: RwLock<Arc<Keyring>>,
    /// Held from reading the system's state to the swap: of two renewals at once the one with the older state must not come
    /// last, or a key just distrusted would be believed again.
    renewing: Mutex<()>,
}

impl Keyrings {
    /// Builds the first keyring.
    ///
    /// # Errors
    /// Where a key does not open or does not fit, in words.
    pub fn new(system: &System, keys: &Keys, now: Timestamp) -> Result<Self, String> {
        let current = RwLock::new(Arc::new(build(system, keys, now)?));
        Ok(Self(Arc::new(Slot { current, renewing: Mutex::default() })))
    }

    /// The keyring as it is now.
    pub fn current(&self) -> Arc<Keyring> {
        self.0.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Builds the keyring anew from the system's state as it is now, and gives that state.
    fn renew(&self, core: &Core, now: Timestamp) -> Result<Arc<System>, Refused> {
        let _renewing = self.0.renewing.lock().unwrap_or_else(PoisonError::into_inner);
        let system = core.reader.system()?.value;
        let keyring = build(&system, &core.keys, now).map_err(|error| {
            tracing::error!(%error, "the keyring cannot be built");
            Unavailable::Fault
        })?;
        *self.0.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keyring);
        Ok(system)
    }
}

fn build(system: &System, keys: &Keys, now: Timestamp) -> Result<Keyring, String> {
    let open = |sealed: &SealedAt, field| {
        keys.seal().open(sealed.commit, field, &sealed.sealed).map_err(|error| format!("a sealed key: {error}"))
    };
    let mut signing = Vec::new();
    for key in &system.signing {
        let public: Jwk = serde_json::from_str(&key.jwk).map_err(|error| format!("key {}: {error}", key.kid))?;
        let pkcs8 = match key.status {
            KeyStatus::Next | KeyStatus::Active => Some(open(&key.private, PRIVATE_FIELD)?),
            KeyStatus::Retired | KeyStatus::Distrusted => None,
        };
        signing.push(SigningPart { status: key.status, published: key.is_published(now), public, pkcs8 });
    }
    let mut refresh = Vec::new();
    for (id, key) in &system.refresh {
        let raw = match key.status {
            KeyStatus::Distrusted => None,
            KeyStatus::Next | KeyStatus::Active | KeyStatus::Retired => {
                let opened = open(&key.secret, REFRESH_FIELD)?;
                let bytes = <[u8; 32]>::try_from(opened.as_slice()).map_err(|_| format!("refresh key {id}"))?;
                Some(RawKey::from_bytes(bytes))
            }
        };
        refresh.push(RefreshPart { id: *id, status: key.status, key: raw });
    }
    Keyring::new(signing, refresh).map_err(|error| error.to_string())
}

/// A new signing key as its event, sealed as the `number`-th value of a commit.
///
/// # Errors
/// Where the key cannot be made.
pub(super) fn new_signing_key(
    alg: SigningAlg,
    keys: &Keys,
    commit: CommitId,
    number: u16,
    entropy: &dyn Entropy,
) -> Result<(String, SystemEvent), String> {
    let made = SigningKey::generate(alg).map_err(|error| error.to_string())?;
    let event = signing_key_added(alg, &made, keys, commit, number, entropy)?;
    Ok((made.1.kid().to_owned(), event))
}

/// A signing key and its PKCS #8 form, as they were made.
type Made = (Zeroizing<Vec<u8>>, SigningKey);

fn signing_key_added(
    alg: SigningAlg,
    (pkcs8, key): &Made,
    keys: &Keys,
    commit: CommitId,
    number: u16,
    entropy: &dyn Entropy,
) -> Result<SystemEvent, String> {
    let private = keys.seal().seal(commit, number, PRIVATE_FIELD, pkcs8, entropy);
    let jwk = serde_json::to_string(key.public_jwk()).map_err(|error| error.to_string())?;
    Ok(SystemEvent::SigningKeyAdded { kid: key.kid().to_owned(), alg, jwk, private })
}

/// A new refresh key as its event, sealed as the `number`-th value of a commit.
pub(super) fn new_refresh_key(
    key: u16,
    keys: &Keys,
    commit: CommitId,
    number: u16,
    entropy: &dyn Entropy,
) -> SystemEvent {
    let raw = RawKey::generate(entropy);
    let secret = keys.seal().seal(commit, number, REFRESH_FIELD, raw.as_bytes(), entropy);
    SystemEvent::RefreshKeyAdded { key, secret }
}

/// The newest refresh key with this status.
fn newest_refresh(system: &System, status: KeyStatus) -> Option<RefreshKeyId> {
    system.refresh.iter().rev().find(|(_, key)| key.status == status).map(|(number, _)| *number)
}

/// Which key an operator replaces before its time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rotation {
    /// The one that signs access tokens with this algorithm.
    Signing(SigningAlg),
    /// The one that refresh tokens of new sessions are made with.
    Refresh,
}

/// What is to become of the keys.
enum Change {
    /// A signing key is made, to come next.
    AddSigning(SigningAlg),
    /// A refresh key with this number is made, to come next.
    AddRefresh(u16),
    /// Something happens to keys that there are.
    Recorded(SystemEvent),
}

impl From<RotationStep> for Change {
    fn from(step: RotationStep) -> Self {
        match step {
            RotationStep::AddNext(alg) => Self::AddSigning(alg),
            RotationStep::Activate(kid) => Self::Recorded(SystemEvent::KeyActivated(KeyName::Signing(kid))),
        }
    }
}

/// Rotates and distrusts keys.
#[derive(Clone)]
pub struct KeyMaintenance {
    core: Arc<Core>,
    policy: RotationPolicy,
    closer: Closer,
    /// Since when this process publishes each key that will sign next.
    published: Arc<Mutex<BTreeMap<String, Timestamp>>>,
    /// Of whoever makes a signing key: each fills a core for as long as it takes.
    making: Arc<Semaphore>,
}

impl KeyMaintenance {
    /// A handle.
    pub fn new(core: Arc<Core>, policy: RotationPolicy, closer: Closer) -> Self {
        Self { core, policy, closer, published: Arc::default(), making: Arc::new(Semaphore::new(1)) }
    }

    /// How long caches may keep the JWKS.
    pub fn jwks_max_age(&self) -> crate::domain::time::Span {
        self.policy.jwks_max_age
    }

    /// The server's state, with all keys.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn system(&self) -> Result<Arc<System>, Refused> {
        Ok(self.core.reader.system()?.value)
    }

    /// Takes the steps of rotation that are due, one commit each, and renews the keyring, from which retired keys fall out
    /// with time.
    ///
    /// # Errors
    /// [`Refused`]
    pub async fn run(&self) -> Result<(), Refused> {
        let now = self.core.now(Timestamp::default())?;
        let system = self.core.reader.system()?;
        let due = rotation_due(&system.value, &self.policy, now);
        for step in due.into_iter().filter(|step| self.is_known_to_caches(step, &system.value, now)) {
            tracing::info!(?step, "rotating signing keys");
            // Somebody else may have taken the step meanwhile.
            let due = |system: &System| rotation_due(system, &self.policy, now).contains(&step);
            self.append(None, |system| Ok(due(system).then(|| step.clone().into()))).await?;
        }
        // A refresh key for new sessions, should the active one have been distrusted; also where a stop came in between.
        self.replace_refresh_key(None, None).await?;
        let system = self.core.keyrings.renew(&self.core, now)?;
        self.note_published(&system);
        self.show(&system, now);
        Ok(())
    }

    /// Replaces a key at once, whatever its age: by one that was made to follow it, else by a new one. What the replaced key
    /// made stays good. A signing key that is new may be unknown to caches for [`Self::jwks_max_age`].
    ///
    /// # Errors
    /// [`Refused`]: asked again, it goes on where it stopped.
    pub async fn rotate(&self, which: Rotation, asker: &Asker) -> Result<(), Refused> {
        let system = self.core.reader.system()?.value;
        let alg = match which {
            Rotation::Signing(alg) => alg,
            Rotation::Refresh => {
                return self.replace_refresh_key(newest_refresh(&system, KeyStatus::Active), Some(asker)).await;
            }
        };
        let replaced = newest(&system, alg, KeyStatus::Active).map(|key| key.kid.as_str());
        // One round adds a key that is missing, the next lets it sign.
        for _ in 0..2 {
            self.append(Some(asker), |system| Ok(rotation_asked(system, alg, replaced).map(Change::from))).await?;
        }
        Ok(())
    }

    /// Publishes a key that will sign next, where none waits for that yet.
    ///
    /// # Errors
    /// [`Refused`]
    pub async fn prepare(&self, alg: SigningAlg, asker: &Asker) -> Result<(), Refused> {
        let is_missing = |system: &System| newest(system, alg, KeyStatus::Next).is_none();
        self.append(Some(asker), |system| Ok(is_missing(system).then_some(Change::AddSigning(alg)))).await
    }

    /// Makes another refresh key than `replaced` the active one, unless it is so.
    async fn replace_refresh_key(&self, replaced: Option<RefreshKeyId>, asker: Option<&Asker>) -> Result<(), Refused> {
        for _ in 0..2 {
            self.append(asker, |system| {
                let active = newest_refresh(system, KeyStatus::Active);
                if active.is_some() && active != replaced {
                    return Ok(None);
                }
                if let Some(next) = newest_refresh(system, KeyStatus::Next) {
                    return Ok(Some(Change::Recorded(SystemEvent::KeyActivated(KeyName::Refresh(next)))));
                }
                let last = system.refresh.keys().max().copied().unwrap_or_default();
                let next = last.checked_add(1).ok_or("there is no number left for a refresh key")?;
                Ok(Some(Change::AddRefresh(next)))
            })
            .await?;
        }
        Ok(())
    }

    /// Whether every cache that may still be used holds the key of a step. The rule counts from the instant of the key's
    /// event; that was published only once it was durable, and caches count from what they were served.
    fn is_known_to_caches(&self, step: &RotationStep, system: &System, now: Timestamp) -> bool {
        let RotationStep::Activate(kid) = step else { return true };
        let alg = system.signing.iter().find(|key| key.kid == *kid).map(|key| key.alg);
        if !system.signing.iter().any(|key| Some(key.alg) == alg && key.status == KeyStatus::Active) {
            return true;
        }
        let published = self.published.lock().unwrap_or_else(PoisonError::into_inner).get(kid).copied();
        published.is_some_and(|since| now >= since + self.policy.jwks_max_age)
    }

    /// Remembers since when this process publishes the keys that will sign next. Called when the keyring holds them.
    fn note_published(&self, system: &System) {
        let now = self.core.clock.read().wall;
        let next = system.signing.iter().filter(|key| key.status == KeyStatus::Next);
        let mut published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
        let since = next.map(|key| (key.kid.clone(), published.get(&key.kid).copied().unwrap_or(now)));
        *published = since.collect();
    }

    /// Distrusts a key at once everywhere. A new one takes its place where it was active.
    ///
    /// # Errors
    /// [`Refused`]
    pub async fn distrust(&self, name: &KeyName, asker: &Asker) -> Result<(), Refused> {
        self.append(Some(asker), |system| Ok(distrust(system, name).map(Change::Recorded))).await?;
        // The keyring that knows of the distrust first; whatever follows may take its time.
        self.core.keyrings.renew(&self.core, self.core.now_to_close(Timestamp::default()))?;
        if let KeyName::Refresh(_) = name {
            self.closer.close(Scope::All);
        }
        // A key that is missing is added by one round and activated by the next. The distrust stands whatever becomes of them;
        // should they fail, housekeeping goes on with them.
        for _ in 0..2 {
            if let Err(error) = self.run().await {
                tracing::warn!(%error, "no key has taken the distrusted one's place yet");
            }
        }
        Ok(())
    }

    /// Appends what an operator asked for; of nobody, what the server does by itself.
    async fn append(
        &self,
        asker: Option<&Asker>,
        change: impl Fn(&System) -> Result<Option<Change>, String>,
    ) -> Result<(), Refused> {
        let failed = |error: String| {
            tracing::error!(%error, "a key cannot be made");
            Unavailable::Fault
        };
        let mut ready: Option<Made> = None;
        for _ in 0..TRIES {
            let system = self.core.reader.system()?;
            let Some(change) = change(&system.value).map_err(failed)? else { return Ok(()) };
            let id = self.core.commit_id();
            let (keys, entropy) = (&self.core.keys, &*self.core.entropy);
            let event = match change {
                Change::AddSigning(alg) => {
                    // API keys move the system too: whoever uses one must not have a key made in vain again and again.
                    let made = match ready.take() {
                        Some(made) if made.1.alg() == alg => made,
                        _ => self.make(alg).await.map_err(failed)?,
                    };
                    let event = signing_key_added(alg, &made, keys, id, 1, entropy).map_err(failed)?;
                    ready = Some(made);
                    event
                }
                Change::AddRefresh(number) => new_refresh_key(number, keys, id, 1, entropy),
                Change::Recorded(event) => event,
            };
            let now = self.core.now_to_close(system.at);
            let asker = asker.cloned().unwrap_or_else(|| Asker::server(self.core.request_id()));
            let context = self.core.context(&asker, &Owner::System, id)?;
            let proposal = Proposal {
                stream: StreamId::System,
                expected: Expected::Version(system.version),
                events: vec![Event::System(event)],
            };
            if self.core.append(commit(id, now, context, Some(Command::Server), vec![proposal])).await?.is_some() {
                self.core.keyrings.renew(&self.core, now)?;
                return Ok(());
            }
        }
        Err(Unavailable::Conflict.into())
    }

    /// Makes a signing key on a thread of its own: to find the primes of an RSA key takes long enough to hold up everybody whose
    /// requests are served by the thread that waits for it.
    async fn make(&self, alg: SigningAlg) -> Result<Made, String> {
        let _turn = self.making.acquire().await.map_err(|error| error.to_string())?;
        let made = actix_rt::task::spawn_blocking(move || {
            let made = SigningKey::generate(alg);
            wipe_stack::<DEEP>();
            made
        });
        made.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }

    fn show(&self, system: &System, now: Timestamp) {
        for key in system.signing.iter().filter(|key| key.status == KeyStatus::Active) {
            let age = now.since(key.since).as_seconds();
            self.core.metrics.signing_key_age_seconds.with_label_values(&[key.alg.as_str()]).set(age);
        }
    }
}

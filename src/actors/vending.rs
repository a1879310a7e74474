//! The handle by which operators have tokens signed with claims of their choice. Such a token stands for nobody: it names no client, and
//! so no door here takes it.

use super::asker::Asker;
use super::core::{Core, Refused, TRIES, Unavailable, commit};
use crate::crypto::access_token::MAX_LEN;
use crate::crypto::keyring::SigningEntry;
use crate::crypto::{Keyring, Typ, mint};
use crate::domain::command::Command;
use crate::domain::ids::{Owner, StreamId};
use crate::domain::keys::{KeyStatus, SigningAlg};
use crate::domain::system::SystemEvent;
use crate::domain::time::Span;
use crate::domain::{Event, Expected, Proposal};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Bytes of the names of claims together at most: they stand in the record.
const NAMES: usize = 1024;

/// A token as it was asked for.
#[derive(Clone, Debug)]
pub struct Vend {
    /// Claims besides `iss`, `iat`, `exp` and `jti`.
    pub claims: Map<String, Value>,
    /// The `kid` of the key that signs it; `None`: one that signs access tokens.
    pub key: Option<String>,
    /// How long it lives.
    pub ttl: Span,
}

/// Why there is no token.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotVended {
    /// No key of this name signs now.
    #[error("no key of this name signs")]
    NoKey,
    /// The token or its record would be too long.
    #[error("the claims are too many or too long")]
    TooMuch,
    /// It was not decided.
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// See the module.
#[derive(Clone)]
pub struct Vending {
    core: Arc<Core>,
}

impl Vending {
    /// A handle.
    pub fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Signs a token, which is recorded when this is answered.
    ///
    /// # Errors
    /// [`NotVended`]
    pub async fn vend(&self, vend: &Vend, asker: &Asker) -> Result<String, NotVended> {
        if vend.claims.keys().map(String::len).sum::<usize>() > NAMES {
            return Err(NotVended::TooMuch);
        }
        for _ in 0..TRIES {
            let system = self.core.reader.system().map_err(Refused::from)?;
            let now = self.core.now(system.at)?;
            let issued_at = self.core.clock.read().wall;
            let expires_at = issued_at + vend.ttl;
            let keyring = self.core.keyrings.current();
            let entry = signs(&keyring, vend.key.as_deref()).ok_or(NotVended::NoKey)?;
            let key = entry.key.as_ref().ok_or(NotVended::NoKey)?;
            let mut claims = vend.claims.clone();
            claims.insert("iss".to_owned(), json!(self.core.issuer));
            claims.insert("iat".to_owned(), json!(issued_at.seconds()));
            claims.insert("exp".to_owned(), json!(expires_at.seconds()));
            claims.insert("jti".to_owned(), json!(self.core.token_id().to_string()));
            let token = mint(key, &entry.kid, Typ::Plain(&[]), &claims);
            if token.len() > MAX_LEN {
                return Err(NotVended::TooMuch);
            }
            let names = vend.claims.keys().cloned().collect();
            let event = SystemEvent::TokenVended { key: entry.kid.clone(), expires_at, claims: names };
            let id = self.core.commit_id();
            let context = self.core.context(asker, &Owner::System, id)?;
            let proposal = Proposal {
                stream: StreamId::System,
                // Of a key that is distrusted meanwhile nothing is signed.
                expected: Expected::Version(system.version),
                events: vec![Event::System(event)],
            };
            if self.core.append(commit(id, now, context, Some(Command::Server), vec![proposal])).await?.is_some() {
                return Ok(token);
            }
        }
        Err(Refused::from(Unavailable::Conflict).into())
    }
}

fn signs<'a>(keyring: &'a Keyring, kid: Option<&str>) -> Option<&'a SigningEntry> {
    let active = || keyring.signing().iter().filter(|entry| entry.status == KeyStatus::Active);
    match kid {
        Some(kid) => active().find(|entry| entry.kid == kid),
        None => keyring.active_entry(SigningAlg::Es256).or_else(|| active().next()),
    }
}

//! Who administers: whoever shows an API key, or the command line on a stopped server's data directory.

use crate::actors::{Asker, AuthenticatedKey, Services};
use crate::domain::client::Client;
use crate::domain::context::ToldBy;
use crate::domain::denial::Denial;
use crate::domain::ids::ClientId;
use crate::domain::permission::Permission;
use crate::http::Doors;
use crate::http::error::Why;
use crate::http::transport::headers;
use crate::http::who::Caller;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{HttpMessage, HttpRequest};
use std::collections::BTreeSet;

/// Bytes of an API key at most.
const KEY_LIMIT: usize = 1024;

/// Marks a request that never came over a socket: the command line opened the data directory with its master key, and may
/// everything. It stands in the request's extensions, where no peer can put it.
#[derive(Clone, Copy, Debug)]
pub struct CommandLine;

/// Who administers, and may do what was asked.
pub struct Operator {
    /// The key that was shown; `None`: the command line.
    pub key: Option<AuthenticatedKey>,
    /// Who asks, for the record.
    pub asker: Asker,
}

impl Operator {
    /// Whoever asks, if he may.
    ///
    /// # Errors
    /// No key, a wrong one, or one that lacks the permission; the last is recorded.
    pub async fn who_may(
        permission: Permission,
        request: &HttpRequest,
        doors: &Doors,
        services: &Services,
    ) -> Result<Self, Why> {
        let caller = Caller::of(request, doors);
        if request.extensions().get::<CommandLine>().is_some() {
            let asker = Asker::command_line(caller.unproven().request_id);
            return Ok(Self { key: None, asker });
        }
        let asker = caller.unproven();
        let shown = shown(request).ok_or(Why::Refused(Denial::ApiKeyUnknown.into()))?;
        let key = services.api_keys.authenticate(&shown, &asker).await.map_err(Why::Refused)?;
        let asker = Asker { told_by: ToldBy::ApiKey, api_key: Some(key.name.clone()), ..asker };
        let operator = Self { key: Some(key), asker };
        if operator.may(permission) { Ok(operator) } else { Err(operator.forbid(services).await) }
    }

    /// Whether whoever asks has a permission.
    pub fn may(&self, permission: Permission) -> bool {
        self.key.as_ref().is_none_or(|key| key.may(permission))
    }

    /// Whether whoever asks may see and change a client.
    pub fn covers(&self, client: &ClientId) -> bool {
        self.key.as_ref().is_none_or(|key| key.covers(client))
    }

    /// Whether whoever asks may see and change somebody with these registrations: he covers all of them, and one at least, and wherever
    /// somebody without a registration may log in. The tenant's own client is nobody's, and counts in neither.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn covers_person(&self, registrations: Option<&BTreeSet<ClientId>>, services: &Services) -> Result<bool, Why> {
        let Some(key) = self.key.as_ref().filter(|key| key.clients.is_some()) else { return Ok(true) };
        let is_tenant = |id: &ClientId| services.administration.is_tenant(id);
        let others = |clients: &BTreeSet<ClientId>| clients.iter().filter(|id| !is_tenant(id)).cloned().collect();
        if !key.covers_account(registrations.map(others).as_ref()) {
            return Ok(false);
        }
        for client in services.administration.clients() {
            if key.covers(&client) || is_tenant(&client) {
                continue;
            }
            let found = services.administration.find_client(&client).map_err(Why::Refused)?;
            let is_open = |client: &Client| client.enabled && !client.removed && !client.settings.registration_required;
            if found.is_some_and(|found| is_open(&found.value)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether whoever asks may see and change some clients only.
    pub fn is_limited(&self) -> bool {
        self.key.as_ref().is_some_and(|key| key.clients.is_some())
    }

    /// Refuses what concerns more than the clients that a key covers.
    ///
    /// # Errors
    /// The key is limited to some clients; recorded.
    pub async fn is_everywhere(&self, services: &Services) -> Result<(), Why> {
        if self.is_limited() { Err(self.elsewhere(services).await) } else { Ok(()) }
    }

    /// The refusal of what a key may not do.
    pub async fn forbid(&self, services: &Services) -> Why {
        self.refuse(Denial::ApiKeyForbidden, services).await
    }

    /// The refusal of what a key does not cover.
    pub async fn elsewhere(&self, services: &Services) -> Why {
        self.refuse(Denial::ApiKeyElsewhere, services).await
    }

    async fn refuse(&self, denial: Denial, services: &Services) -> Why {
        match &self.key {
            Some(key) => Why::Refused(services.api_keys.refuse(&key.name, denial, &self.asker).await),
            None => Why::Refused(denial.into()),
        }
    }

    /// The name under which what is asked once is remembered.
    pub fn name(&self) -> &str {
        self.key.as_ref().map_or("", |key| key.name.as_str())
    }
}

/// The API key of a request: `Authorization: Bearer KEY`, or the key alone.
fn shown(request: &HttpRequest) -> Option<String> {
    let headers = headers(request);
    let mut values = headers.get_all(AUTHORIZATION);
    let text = values.next()?.to_str().ok()?.trim();
    if values.next().is_some() || text.len() > KEY_LIMIT + 8 {
        return None;
    }
    match text.split_once(' ') {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => Some(key.trim().to_owned()),
        Some(_) => None,
        None => Some(text.to_owned()),
    }
}

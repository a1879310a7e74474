//! Writing access and refresh tokens once their events are durable, and judging the ones that come back.

use super::core::{Core, Names, Refused, Unavailable};
use crate::clock::Stopwatch;
use crate::crypto::{Claims, RefreshToken, Typ, mint};
use crate::domain::account::LoginHow;
use crate::domain::client::{Client, Profile};
use crate::domain::gate::Gate;
use crate::domain::ids::{AccountId, ClientId, Generation, SessionId};
use crate::domain::liveness::{Basis, Presented, is_active};
use crate::domain::session::{Access, Session};
use crate::domain::time::{Span, Timestamp};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Tokens that were issued: what a token endpoint answers.
#[derive(Clone, PartialEq, Eq)]
pub struct Issued {
    /// The access token, a JWT (RFC 9068).
    pub access_token: String,
    /// How long it lives from now.
    pub expires_in: Span,
    /// The refresh token to use next, where the session has one.
    pub refresh_token: Option<String>,
    /// The access token's scope.
    pub scope: BTreeSet<String>,
    /// The session, where there is one.
    pub session: Option<SessionId>,
    /// The account, where there is one.
    pub account: Option<AccountId>,
    /// The client at which it is.
    pub client: ClientId,
    /// When the access token ends.
    pub expires_at: Timestamp,
    /// Whether it is a login from where the account was never used.
    pub new_context: bool,
}

/// How the holder of a session's tokens came by them: a claim for clients of FusionAuth.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Authentication {
    /// By a login.
    Login(LoginHow),
    /// By a refresh token.
    Refreshed,
}

/// What the tokens of a session are written from.
pub struct Granted<'a> {
    /// The session's id.
    pub id: SessionId,
    /// The session.
    pub session: &'a Session,
    /// The gate it was decided on.
    pub gate: &'a Gate,
    /// The client it was decided on.
    pub client: &'a Client,
    /// The access token's own id and times.
    pub access: &'a Access,
    /// Its scope.
    pub scope: &'a BTreeSet<String>,
    /// The refresh token's generation.
    pub generation: Generation,
    /// How they were come by.
    pub by: Authentication,
}

/// An access token that is active.
#[derive(Clone, Debug)]
pub struct Inspected {
    /// What it says.
    pub claims: Arc<Claims>,
    /// The account, where it stands on a session.
    pub account: Option<AccountId>,
}

/// See the module.
#[derive(Clone)]
pub struct Tokens {
    core: Arc<Core>,
}

impl Tokens {
    /// A handle.
    pub fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// The `iss` of access tokens.
    pub fn issuer(&self) -> &str {
        &self.core.issuer
    }

    /// Writes the tokens of a session whose event is durable.
    ///
    /// # Errors
    /// [`Unavailable::Fault`] where there is no key to write them with.
    pub fn of_session(&self, granted: &Granted<'_>) -> Result<Issued, Refused> {
        let Granted { id, session, gate, client, access, scope, generation, by } = *granted;
        let claims = Claims {
            sub: session.account.to_string(),
            auth_time: Some(session.started_at.seconds()),
            sid: Some(id),
            roles: client.roles_of(&session.client, gate).into_iter().collect(),
            ..self.claims(&session.client, client, access, scope)
        };
        let claims = match client.settings.profile {
            Profile::Fusionauth => self.as_fusionauth(claims, client, session.account, by)?,
            Profile::Standard | Profile::Gateway if scope.contains("email") => {
                Claims { email: self.core.login(session.account)?, ..claims }
            }
            Profile::Standard | Profile::Gateway => claims,
        };
        let refresh_token = if session.refreshable {
            let keyring = self.core.keyrings.current();
            let key = keyring.refresh(session.refresh_key).ok_or(Unavailable::Fault)?;
            Some(RefreshToken { key: session.refresh_key, session: id, generation }.to_text(key))
        } else {
            None
        };
        let access_token = self.sign(client, &claims, gty(by))?;
        Ok(Issued {
            access_token,
            expires_in: self.rest(access),
            refresh_token,
            scope: scope.clone(),
            session: Some(id),
            account: Some(session.account),
            client: session.client.clone(),
            expires_at: access.expires_at,
            new_context: false,
        })
    }

    /// Writes the token of a client itself, whose event is durable.
    ///
    /// # Errors
    /// [`Unavailable::Fault`] where there is no key to write it with.
    pub fn of_client(
        &self,
        id: &ClientId,
        client: &Client,
        access: &Access,
        scope: &BTreeSet<String>,
    ) -> Result<Issued, Refused> {
        let claims = self.claims(id, client, access, scope);
        let access_token = self.sign(client, &claims, &["client_credentials"])?;
        Ok(Issued {
            access_token,
            expires_in: self.rest(access),
            refresh_token: None,
            scope: scope.clone(),
            session: None,
            account: None,
            client: id.clone(),
            expires_at: access.expires_at,
            new_context: false,
        })
    }

    /// The claims that FusionAuth's clients look for besides.
    fn as_fusionauth(
        &self,
        claims: Claims,
        client: &Client,
        account: AccountId,
        by: Authentication,
    ) -> Result<Claims, Refused> {
        let state = self.core.reader.account(account)?.ok_or(Unavailable::Fault)?;
        let Names { email, username } = self.core.names(account, &state.value)?;
        // At the tenant's own client nobody is registered, and so nobody has a role.
        let application = client.settings.registration_required;
        Ok(Claims {
            application: application.then(|| claims.client_id.clone()),
            roles: if application { claims.roles } else { Vec::new() },
            authentication: Some(
                match by {
                    Authentication::Login(LoginHow::Password | LoginHow::LoginApi) => "PASSWORD",
                    Authentication::Login(LoginHow::Ping) => "PING",
                    Authentication::Login(LoginHow::Issued) => "JWT_SSO",
                    Authentication::Login(LoginHow::Created) => "USER_CREATE",
                    Authentication::Login(LoginHow::Registered) => "REGISTRATION",
                    Authentication::Refreshed => "REFRESH_TOKEN",
                }
                .to_owned(),
            ),
            email_verified: email.is_some().then_some(true),
            email,
            username,
            tenant: Some(self.core.tenant.to_string()),
            ..claims
        })
    }

    fn claims(&self, id: &ClientId, client: &Client, access: &Access, scope: &BTreeSet<String>) -> Claims {
        Claims {
            iss: self.core.issuer.clone(),
            sub: id.to_string(),
            aud: client.settings.audience.clone().unwrap_or_else(|| match client.settings.profile {
                Profile::Fusionauth => id.to_string(),
                Profile::Standard | Profile::Gateway => self.core.issuer.clone(),
            }),
            exp: access.expires_at.seconds(),
            iat: access.issued_at.seconds(),
            jti: access.jti,
            client_id: id.clone(),
            scope: scope.iter().map(String::as_str).collect::<Vec<_>>().join(" "),
            auth_time: None,
            sid: None,
            roles: Vec::new(),
            email: None,
            application: None,
            authentication: None,
            email_verified: None,
            username: None,
            tenant: None,
        }
    }

    fn sign(&self, client: &Client, claims: &Claims, gty: &[&str]) -> Result<String, Refused> {
        let keyring = self.core.keyrings.current();
        let alg = client.settings.signing_alg;
        let entry = keyring.active_entry(alg).ok_or(Unavailable::Fault)?;
        let key = entry.key.as_ref().ok_or(Unavailable::Fault)?;
        let signing = Stopwatch::start();
        let typ = match client.settings.profile {
            Profile::Fusionauth => Typ::Plain(gty),
            Profile::Standard | Profile::Gateway => Typ::AccessToken,
        };
        let token = mint(key, &entry.kid, typ, claims);
        self.core.metrics.signing_seconds.with_label_values(&[alg.as_str()]).observe(signing.seconds());
        Ok(token)
    }

    fn rest(&self, access: &Access) -> Span {
        let now = self.core.clock.read().wall.max(access.issued_at);
        Span(access.expires_at.since(now).0.max(0))
    }

    /// What an access token of ours says, believed for its signature alone: it may have ended or been revoked.
    pub fn verify(&self, text: &str) -> Option<Arc<Claims>> {
        self.core.keyrings.current().believe(text)
    }

    /// What an access token says, if it is active now: the one function behind every door that asks.
    ///
    /// # Errors
    /// [`Unavailable`] where the store cannot be read or the clock is not believed: then nothing is called active, and nobody
    /// is logged out either.
    pub fn inspect(&self, text: &str) -> Result<Option<Inspected>, Refused> {
        let Some(claims) = self.verify(text) else { return Ok(None) };
        let Some(client) = self.core.reader.client(&claims.client_id)? else { return Ok(None) };
        let system = self.core.reader.system()?;
        let session = match claims.sid {
            None => None,
            Some(sid) if self.core.held.reason(sid).is_some() => return Ok(None),
            Some(sid) => {
                let Some(session) = self.core.reader.session(sid)? else { return Ok(None) };
                let Some(gate) = self.core.reader.gate(session.value.account)? else { return Ok(None) };
                if let Some(root) = session.value.came_of
                    && !self.goes_on(root, &gate.value)?
                {
                    return Ok(None);
                }
                Some((session.value, gate.value))
            }
        };
        let basis = match &session {
            Some((session, gate)) => Basis::Session(session, gate),
            None => Basis::Client { revoked: self.core.reader.is_revoked(claims.jti)? },
        };
        let token = Presented {
            issued_at: Timestamp::from_seconds(claims.iat),
            expires_at: Timestamp::from_seconds(claims.exp),
            client: &client.value,
            basis,
        };
        let now = self.core.now(Timestamp::default())?;
        let active = is_active(&token, &system.value, &self.core.reader.brakes()?.value, now);
        let account = session.map(|(session, _)| session.account);
        Ok(active.then_some(Inspected { claims, account }))
    }

    /// Whether a session of an account with this gate is open.
    fn goes_on(&self, id: SessionId, gate: &Gate) -> Result<bool, Refused> {
        let Some(session) = self.core.reader.session(id)? else { return Ok(false) };
        let Some(client) = self.core.reader.client(&session.value.client)? else { return Ok(false) };
        let brakes = self.core.reader.brakes()?;
        let closed = session.value.closed(gate, &client.value, &brakes.value, self.core.now(Timestamp::default())?);
        Ok(closed.is_none() && client.value.enabled && self.core.held.reason(id).is_none())
    }

    /// The login id of an active token's account, for a scope that shows it.
    ///
    /// # Errors
    /// Where the keys or the store cannot be read.
    pub fn login(&self, inspected: &Inspected) -> Result<Option<String>, Refused> {
        inspected.account.map_or(Ok(None), |account| self.core.login(account))
    }

    /// The published keys (RFC 7517) as JSON.
    pub fn jwks(&self) -> String {
        serde_json::to_string(&self.core.keyrings.current().jwks()).unwrap_or_default()
    }
}

/// The grants that led to a token, one after the other: a header of FusionAuth's.
fn gty(by: Authentication) -> &'static [&'static str] {
    match by {
        Authentication::Login(LoginHow::Password) => &["password"],
        Authentication::Login(_) => &[],
        Authentication::Refreshed => &["refresh_token"],
    }
}

//! Whether an access token is active: the one function behind introspection, userinfo and every other door.

use super::brakes::Brakes;
use super::client::Client;
use super::gate::Gate;
use super::session::Session;
use super::system::System;
use super::time::Timestamp;

/// What is known of an access token whose signature is right and whose key is trusted.
#[derive(Clone, Copy, Debug)]
pub struct Presented<'a> {
    /// Its `iat`, in whole seconds.
    pub issued_at: Timestamp,
    /// Its `exp`.
    pub expires_at: Timestamp,
    /// Its client.
    pub client: &'a Client,
    /// What it stands on.
    pub basis: Basis<'a>,
}

/// What an access token stands on.
#[derive(Clone, Copy, Debug)]
pub enum Basis<'a> {
    /// The session its `sid` names, with the gate of that session's account.
    Session(&'a Session, &'a Gate),
    /// No session: issued to the client itself.
    Client {
        /// Whether its `jti` is listed as revoked.
        revoked: bool,
    },
}

/// Whether the token is active at `now`.
pub fn is_active(token: &Presented, system: &System, brakes: &Brakes, now: Timestamp) -> bool {
    if now >= token.expires_at || !token.client.enabled {
        return false;
    }
    match token.basis {
        Basis::Session(session, gate) => {
            gate.is_enabled()
                && token.client.admits(&session.client, gate)
                && !system.distrusts(session.refresh_key)
                && session.closed(gate, token.client, brakes, now).is_none()
        }
        // `iat` has whole seconds, so a token of the brake's own second may be from before it: refuse it.
        Basis::Client { revoked } => {
            let after = |brake: Option<Timestamp>| brake.is_none_or(|at| token.issued_at.seconds() > at.seconds());
            !revoked && after(token.client.braked_at) && after(brakes.all_at)
        }
    }
}

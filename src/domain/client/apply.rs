//! Folding a client's events into its state.

use super::event::{ClientEvent, UseEvent};
use super::state::{Client, Usage};
use crate::domain::context::SealedAt;
use crate::domain::tally::Shown;
use crate::domain::{Impossible, Recorded};

/// The client after `event`, which is the one that `recorded` wraps.
///
/// # Errors
/// [`Impossible`] where the event cannot follow the state.
pub fn apply(state: Option<Client>, event: &ClientEvent, recorded: &Recorded) -> Result<Client, Impossible> {
    let sealed_here =
        |sealed: &crate::domain::context::Sealed| SealedAt { commit: recorded.commit, sealed: sealed.clone() };
    let mut client = match (state, event) {
        (None, ClientEvent::Created { settings, secret, enabled }) => {
            return Ok(Client {
                settings: settings.clone(),
                secret: secret.as_ref().map(sealed_here),
                enabled: *enabled,
                braked_by: 0,
                braked_at: None,
                created_at: recorded.at,
                removed: false,
            });
        }
        (None, _) => return Err(recorded.impossible("the client was not created")),
        (Some(client), _) => client,
    };
    match event {
        ClientEvent::Created { .. } => return Err(recorded.impossible("the client was created before")),
        ClientEvent::Changed { settings } => client.settings = settings.clone(),
        ClientEvent::SecretSet { secret } => client.secret = Some(sealed_here(secret)),
        ClientEvent::Disabled => client.enabled = false,
        ClientEvent::Enabled => (client.enabled, client.removed) = (true, false),
        ClientEvent::Removed => {
            (client.enabled, client.removed) = (false, true);
            brake(&mut client, recorded);
        }
        ClientEvent::SessionsRevoked => brake(&mut client, recorded),
    }
    Ok(client)
}

fn brake(client: &mut Client, recorded: &Recorded) {
    client.braked_by = recorded.version;
    client.braked_at = Some(recorded.at);
}

/// What is known of a client's use after `event`, which is the one that `recorded` wraps.
pub fn apply_use(state: Option<Usage>, event: &UseEvent, recorded: &Recorded) -> Usage {
    let mut usage = state.unwrap_or_default();
    match event {
        UseEvent::TokenIssued { .. } => usage.issued += 1,
        // Listed `jti`s stand in the index, not here: their number follows traffic.
        UseEvent::TokenRevoked { .. } | UseEvent::RevocationsDropped { .. } => {}
        UseEvent::Refused { class, n } => {
            usage.refusals.record(*class, *n, Shown::new(None, &recorded.context));
        }
    }
    usage
}

//! The one tenant, and its own client: where people log in who name no application, or one that they are not registered at.

use crate::actors::{Asker, AuthenticatedClient, NewClient, Refused, Services, Unavailable};
use crate::domain::client::{ClientSettings, ClientType, Grant, Profile, Rotation};
use crate::domain::ids::ClientId;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::collections::BTreeSet;
use zeroize::Zeroizing;

/// The tenant's own client. It is made when it is first needed, with a secret that nobody learns: its sessions have no refresh token,
/// and nobody is registered at it or needs to be.
///
/// # Errors
/// [`Refused`]
pub async fn client(services: &Services, asker: &Asker) -> Result<AuthenticatedClient, Refused> {
    let name = services.core.tenant.to_string();
    for _ in 0..2 {
        if let Some((id, state)) = services.clients.find(&name)? {
            if state.value.settings.registration_required {
                tracing::error!(client = name, "the tenant has the id of a client: set another fusionauth.tenant_id");
                return Err(Unavailable::Fault.into());
            }
            return Ok(AuthenticatedClient { id, state, by_secret: false });
        }
        let id = id(services)?;
        let mut drawn = Zeroizing::new([0; 32]);
        services.core.entropy.fill(&mut *drawn);
        let secret = Some(Zeroizing::new(URL_SAFE_NO_PAD.encode(*drawn)));
        services
            .administration
            .create_tenant_client(&NewClient { id, secret, enabled: true, settings: settings() }, asker)
            .await?;
    }
    Err(Unavailable::Conflict.into())
}

/// The id of that client: who is registered there only is registered at no application.
///
/// # Errors
/// Never: a UUID is a client id.
pub fn id(services: &Services) -> Result<ClientId, Refused> {
    services.core.tenant.to_string().parse().map_err(|_| Unavailable::Fault.into())
}

fn settings() -> ClientSettings {
    ClientSettings {
        grants: BTreeSet::from([Grant::Password]),
        rotation: Rotation::Never,
        token_refresh: false,
        refresh_at_login: false,
        registration_required: false,
        name: Some("the tenant itself".to_owned()),
        ..ClientSettings::new(ClientType::Confidential, Profile::Fusionauth)
    }
}

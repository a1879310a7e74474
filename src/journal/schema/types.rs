//! The table of all event types: the name of each, the kind of stream it belongs to, and its stored shape.

use super::{account, brakes, client, evidence, gate, session, system};
use crate::domain::Event;
use serde::{Deserialize, Serialize};

/// The data of an event whose type says everything.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

macro_rules! stored_types {
    ($($group:ident($stored:ident, $kind:literal) { $($name:literal => $variant:ident($data:ty),)+ })+) => {
        /// The names of all event types.
        pub const EVENT_TYPES: &[&str] = &[$($($name,)+)+];

        /// The stored shape of an event: what stands in `data`.
        #[derive(Serialize)]
        #[serde(untagged)]
        pub(super) enum Stored { $($group($stored),)+ }

        $(
            #[derive(Serialize)]
            #[serde(untagged)]
            pub(super) enum $stored { $($variant($data),)+ }
        )+

        impl Stored {
            /// The name of its type.
            pub(super) fn type_name(&self) -> &'static str {
                match self { $($(Self::$group($stored::$variant(_)) => $name,)+)+ }
            }

            /// Reads the data of a type; `None` where there is no such type.
            pub(super) fn read(type_name: &str, data: &str) -> Option<serde_json::Result<Self>> {
                match type_name {
                    $($($name => Some(serde_json::from_str(data).map(|data| Self::$group($stored::$variant(data)))),)+)+
                    _ => None,
                }
            }
        }

        /// The kind of stream that a type belongs to; `None` where there is no such type.
        pub(super) fn kind_of(type_name: &str) -> Option<&'static str> {
            match type_name { $($($name)|+ => Some($kind),)+ _ => None }
        }

        impl From<&Event> for Stored {
            fn from(event: &Event) -> Self {
                match event { $(Event::$group(event) => Self::$group(event.into()),)+ }
            }
        }

        impl TryFrom<Stored> for Event {
            type Error = String;
            fn try_from(stored: Stored) -> Result<Self, String> {
                Ok(match stored { $(Stored::$group(stored) => Self::$group(stored.try_into()?),)+ })
            }
        }
    };
}

stored_types! {
    System(StoredSystem, "system") {
        "system.created" => Created(system::Created),
        "system.started" => Started(system::Started),
        "system.ready" => Ready(Nothing),
        "system.clock_accepted" => ClockAccepted(system::ClockAccepted),
        "system.signing_key_added" => SigningKeyAdded(system::SigningKeyAdded),
        "system.refresh_key_added" => RefreshKeyAdded(system::RefreshKeyAdded),
        "system.key_activated" => KeyActivated(system::Key),
        "system.key_distrusted" => KeyDistrusted(system::Key),
        "system.api_key_created" => ApiKeyCreated(system::ApiKeyCreated),
        "system.api_key_changed" => ApiKeyChanged(system::ApiKeyChanged),
        "system.api_key_disabled" => ApiKeyDisabled(system::ApiKeyNamed),
        "system.api_key_enabled" => ApiKeyEnabled(system::ApiKeyNamed),
        "system.api_key_revoked" => ApiKeyRevoked(system::ApiKeyNamed),
        "system.api_key_refused" => ApiKeyRefused(system::ApiKeyRefused),
        "system.token_vended" => TokenVended(system::TokenVended),
        "system.history_lost" => HistoryLost(system::HistoryLost),
        "system.sessions_archived" => SessionsArchived(system::SessionsArchived),
        "system.restored" => Restored(system::Restored),
        "system.loss_accepted" => LossAccepted(system::LossAccepted),
        "system.repaired" => Repaired(system::Repaired),
        "system.history_dropped" => HistoryDropped(system::HistoryDropped),
    }
    Name(StoredName, "name") {
        "name.taken" => Taken(account::Named),
        "name.released" => Released(account::Named),
    }
    Account(StoredAccount, "account") {
        "account.created" => Created(account::Created),
        "account.login_succeeded" => LoginSucceeded(account::LoginSucceeded),
        "account.login_refused" => LoginRefused(account::LoginRefused),
        "account.password_rehashed" => PasswordRehashed(account::PasswordRehashed),
        "account.new_context" => NewContext(account::NewContext),
        "account.password_code_issued" => PasswordCodeIssued(account::PasswordCodeIssued),
        "account.password_change_refused" => PasswordChangeRefused(account::PasswordChangeRefused),
        "account.login_changed" => LoginChanged(account::Created),
        "account.username_set" => UsernameSet(account::Created),
        "account.username_cleared" => UsernameCleared(Nothing),
        "account.profile_set" => ProfileSet(account::ProfileSet),
    }
    Gate(StoredGate, "gate") {
        "gate.password_set" => PasswordSet(gate::PasswordSet),
        "gate.disabled" => Disabled(Nothing),
        "gate.enabled" => Enabled(Nothing),
        "gate.registration_added" => RegistrationAdded(gate::Registration),
        "gate.registration_withdrawn" => RegistrationWithdrawn(gate::Registration),
        "gate.registrations_lifted" => RegistrationsLifted(Nothing),
        "gate.must_change_set" => MustChangeSet(gate::MustChangeSet),
        "gate.roles_set" => RolesSet(gate::RolesSet),
        "gate.registration_roles_set" => RegistrationRolesSet(gate::RegistrationRolesSet),
        "gate.sessions_revoked" => SessionsRevoked(Nothing),
        "gate.erased" => Erased(Nothing),
    }
    Client(StoredClient, "client") {
        "client.created" => Created(Box<client::Created>),
        "client.changed" => Changed(Box<client::Changed>),
        "client.secret_set" => SecretSet(client::SecretSet),
        "client.disabled" => Disabled(Nothing),
        "client.enabled" => Enabled(Nothing),
        "client.removed" => Removed(Nothing),
        "client.sessions_revoked" => SessionsRevoked(Nothing),
    }
    Use(StoredUse, "use") {
        "client.token_issued" => TokenIssued(client::TokenIssued),
        "client.token_revoked" => TokenRevoked(client::TokenRevoked),
        "client.revocations_dropped" => RevocationsDropped(client::RevocationsDropped),
        "client.refused" => Refused(client::Refused),
    }
    Session(StoredSession, "session") {
        "session.started" => Started(session::Started),
        "session.refreshed" => Refreshed(session::Refreshed),
        "session.refresh_retried" => RefreshRetried(session::RefreshRetried),
        "session.refresh_refused" => RefreshRefused(session::Refused),
        "session.revoke_refused" => RevokeRefused(session::Refused),
        "session.reuse_detected" => ReuseDetected(session::ReuseDetected),
        "session.superseded_shown" => SupersededShown(session::SupersededShown),
        "session.ahead_of_journal" => AheadOfJournal(session::AheadOfJournal),
        "session.revoked" => Revoked(session::Revoked),
        "session.expired" => Expired(Nothing),
    }
    Brakes(StoredBrakes, "brakes") {
        "brakes.all_revoked" => AllRevoked(Nothing),
        "brakes.network_revoked" => NetworkRevoked(brakes::NetworkRevoked),
        "brakes.logins_refused" => LoginsRefused(Nothing),
        "brakes.logins_allowed" => LoginsAllowed(Nothing),
    }
    Evidence(StoredEvidence, "evidence") {
        "evidence.refresh_refused" => RefreshRefused(evidence::Refused),
        "evidence.revoke_refused" => RevokeRefused(evidence::Refused),
        "evidence.superseded_shown" => SupersededShown(evidence::SupersededShown),
        "evidence.ahead_of_journal" => AheadOfJournal(evidence::AheadOfJournal),
    }
}

/// The name of an event's type.
pub fn type_name(event: &Event) -> &'static str {
    Stored::from(event).type_name()
}

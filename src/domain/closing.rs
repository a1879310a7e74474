//! Which events end or withdraw something: they go on when the disk is nearly full.

use super::Event;
use super::account::NameEvent;
use super::brakes::BrakesEvent;
use super::client::{ClientEvent, UseEvent};
use super::gate::GateEvent;
use super::session::SessionEvent;
use super::system::SystemEvent;

impl Event {
    /// Whether it ends or withdraws something, goes with such an event, or is what every start or repair writes. A commit is written on
    /// a disk that is nearly full only where all its events are such.
    ///
    /// The first password of a gate closes nothing, but it never comes without `account.created`, which is none of these.
    pub fn closes(&self) -> bool {
        match self {
            Self::System(event) => system(event),
            Self::Account(_) | Self::Evidence(_) => false,
            Self::Gate(event) => gate(event),
            Self::Client(event) => client(event),
            Self::Use(event) => usage(event),
            Self::Session(event) => session(event),
            Self::Name(event) => match event {
                NameEvent::Released { .. } => true,
                NameEvent::Taken { .. } => false,
            },
            Self::Brakes(event) => match event {
                BrakesEvent::AllRevoked | BrakesEvent::NetworkRevoked { .. } | BrakesEvent::LoginsRefused => true,
                BrakesEvent::LoginsAllowed => false,
            },
        }
    }
}

fn system(event: &SystemEvent) -> bool {
    match event {
        SystemEvent::KeyDistrusted(_)
        | SystemEvent::Started { .. }
        | SystemEvent::Ready
        | SystemEvent::ClockAccepted { .. }
        | SystemEvent::SessionsArchived { .. }
        | SystemEvent::Restored { .. }
        | SystemEvent::LossAccepted { .. }
        | SystemEvent::Repaired { .. }
        | SystemEvent::HistoryDropped { .. }
        | SystemEvent::ApiKeyDisabled { .. }
        | SystemEvent::ApiKeyRevoked { .. } => true,
        SystemEvent::Created { .. }
        | SystemEvent::SigningKeyAdded { .. }
        | SystemEvent::RefreshKeyAdded { .. }
        | SystemEvent::KeyActivated(_)
        | SystemEvent::ApiKeyCreated { .. }
        | SystemEvent::ApiKeyChanged { .. }
        | SystemEvent::ApiKeyEnabled { .. }
        | SystemEvent::ApiKeyRefused { .. }
        | SystemEvent::TokenVended { .. }
        | SystemEvent::HistoryLost { .. } => false,
    }
}

fn gate(event: &GateEvent) -> bool {
    match event {
        GateEvent::PasswordSet { .. }
        | GateEvent::Disabled
        | GateEvent::RegistrationWithdrawn { .. }
        | GateEvent::SessionsRevoked
        | GateEvent::Erased => true,
        GateEvent::Enabled
        | GateEvent::RegistrationAdded { .. }
        | GateEvent::RegistrationsLifted
        | GateEvent::MustChangeSet { .. }
        | GateEvent::RolesSet { .. }
        | GateEvent::RegistrationRolesSet { .. } => false,
    }
}

fn client(event: &ClientEvent) -> bool {
    match event {
        ClientEvent::Disabled | ClientEvent::Removed | ClientEvent::SessionsRevoked => true,
        ClientEvent::Created { .. }
        | ClientEvent::Changed { .. }
        | ClientEvent::SecretSet { .. }
        | ClientEvent::Enabled => false,
    }
}

fn usage(event: &UseEvent) -> bool {
    match event {
        UseEvent::TokenRevoked { .. } | UseEvent::RevocationsDropped { .. } => true,
        UseEvent::TokenIssued { .. } | UseEvent::Refused { .. } => false,
    }
}

fn session(event: &SessionEvent) -> bool {
    match event {
        SessionEvent::ReuseDetected { .. }
        | SessionEvent::AheadOfJournal { .. }
        | SessionEvent::Revoked { .. }
        | SessionEvent::Expired => true,
        SessionEvent::Started(_)
        | SessionEvent::Refreshed(_)
        | SessionEvent::RefreshRetried(_)
        | SessionEvent::Refused { .. }
        | SessionEvent::SupersededShown { .. } => false,
    }
}

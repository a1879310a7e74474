//! The rules of the brakes. Each command is one event, or none where it is so already.

use super::event::BrakesEvent;
use super::state::Brakes;
use crate::domain::context::Sealed;

/// What administration asks of the brakes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BrakesCommand {
    /// End every session and every token.
    RevokeAll,
    /// End the sessions that were last used from a network, sealed.
    RevokeNetwork(Sealed),
    /// Let nobody log in.
    RefuseLogins,
    /// Let people log in again.
    AllowLogins,
}

/// The events of a command; none where the brakes are as asked.
pub fn decide(brakes: &Brakes, command: &BrakesCommand) -> Vec<BrakesEvent> {
    let refused = brakes.logins_refused_since.is_some();
    let event = match command {
        BrakesCommand::RevokeAll => Some(BrakesEvent::AllRevoked),
        BrakesCommand::RevokeNetwork(network) => Some(BrakesEvent::NetworkRevoked { network: network.clone() }),
        BrakesCommand::RefuseLogins => (!refused).then_some(BrakesEvent::LoginsRefused),
        BrakesCommand::AllowLogins => refused.then_some(BrakesEvent::LoginsAllowed),
    };
    event.into_iter().collect()
}

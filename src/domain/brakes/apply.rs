//! Folding the brakes' events into their state.

use super::event::BrakesEvent;
use super::state::Brakes;
use crate::domain::Recorded;

/// The state after `event`, which is the one that `recorded` wraps. Every event is legal in every state.
pub fn apply(state: Option<Brakes>, event: &BrakesEvent, recorded: &Recorded) -> Brakes {
    let mut brakes = state.unwrap_or_default();
    match event {
        BrakesEvent::AllRevoked => {
            brakes.all_by = recorded.version;
            brakes.all_at = Some(recorded.at);
        }
        BrakesEvent::NetworkRevoked { .. } => {}
        BrakesEvent::LoginsRefused => {
            brakes.logins_refused_since = Some(brakes.logins_refused_since.unwrap_or(recorded.at));
        }
        BrakesEvent::LoginsAllowed => brakes.logins_refused_since = None,
    }
    brakes
}

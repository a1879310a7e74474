//! What can happen to the brakes.

use crate::domain::context::Sealed;

/// An event of the `brakes` stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BrakesEvent {
    /// `brakes.all_revoked`: every session and every token of before is over.
    AllRevoked,
    /// `brakes.network_revoked`: the sessions of before that were last used from a network end. Each gets an event of its own; this
    /// one says that they were meant.
    NetworkRevoked {
        /// The network, sealed under the server's data key: whose it is may be personal.
        network: Sealed,
    },
    /// `brakes.logins_refused`: nobody logs in until it is lifted. Sessions go on.
    LoginsRefused,
    /// `brakes.logins_allowed`
    LoginsAllowed,
}

//! What was asked, as it stands in the journal beside the first event of each decision: with it and the folded states the
//! decision can be made again.

use super::account::Login;
use super::brakes::BrakesCommand;
use super::client::{ClientCommand, IssueToken};
use super::denial::Denial;
use super::evidence::{self, Past};
use super::gate::GateCommand;
use super::ids::{Generation, Version};
use super::session::{Asked, Refresh, Revoke, Unrecorded};
use super::tally::Seen;

/// A command, with what its decision used beyond the states of its own stream.
#[derive(Clone, PartialEq, Debug)]
pub enum Command {
    /// Log in.
    Login {
        /// The command.
        login: Login,
        /// The gate's version it was decided on.
        gate: Version,
        /// The client's version it was decided on.
        client: Version,
        /// The brakes' version it was decided on.
        brakes: Version,
        /// The number of this refusal, where it was refused.
        n: Option<u64>,
    },
    /// Redeem a refresh token.
    Refresh {
        /// The command.
        refresh: Refresh,
        /// The gate's version it was decided on.
        gate: Version,
        /// The client's version it was decided on.
        client: Version,
        /// The brakes' version it was decided on.
        brakes: Version,
        /// What was not recorded before.
        unrecorded: Unrecorded,
    },
    /// End a session.
    Revoke {
        /// The command.
        revoke: Revoke,
        /// The session's version it was decided on: a close may be appended behind events it did not know.
        session: Version,
        /// What was not recorded before.
        unrecorded: Unrecorded,
    },
    /// Record that a session's time is over.
    Expire,
    /// Introspect a refresh token.
    Show {
        /// The generation in the token.
        presented: Generation,
        /// What was not recorded before.
        unrecorded: Unrecorded,
    },
    /// Redeem a refresh token at a door where its client's tokens are not redeemed.
    WrongDoor {
        /// What was asked.
        asked: Asked,
        /// The generation in the token.
        presented: Generation,
        /// What was not recorded before.
        unrecorded: Unrecorded,
    },
    /// Show a refresh token of an archived session.
    Evidence {
        /// The command.
        ask: evidence::Ask,
        /// What the session was, as it was looked up.
        past: Past,
        /// Refusals so far, by class, with those that were not recorded.
        unrecorded: Seen<Denial>,
    },
    /// Issue a token to a client.
    IssueToken {
        /// The command.
        issue: IssueToken,
        /// The client's version it was decided on.
        client: Version,
        /// The number of this refusal, where it was refused.
        n: Option<u64>,
    },
    /// Refuse something to a client: it failed to authenticate, or asked for what it may not.
    RefuseClient {
        /// Why.
        class: Denial,
        /// The number of this refusal.
        n: u64,
    },
    /// Change a gate.
    Gate {
        /// The command.
        command: GateCommand,
        /// The gate's version it was decided on: a close may be appended behind events it did not know.
        gate: Version,
    },
    /// Change a client.
    Client(ClientCommand),
    /// Pull a brake.
    Brakes {
        /// The command.
        command: BrakesCommand,
        /// The brakes' version it was decided on: what ends everything may be appended behind events it did not know.
        brakes: Version,
    },
    /// What the server does by itself, and what is created: the events say all of it.
    Server,
}

//! Motion: who holds which state, who waits for whom, and where the limits are.
//!
//! HTTP handlers talk to *handles* ([`Sessions`], [`Logins`], [`Clients`], [`Tokens`], [`Administration`]). A handle parses
//! and authenticates, asks the *directory* for the one actor of a session or account, and writes tokens once the actor's
//! events are durable. An actor decides by the rules of [`crate::domain`] and has the [`Writer`] append. All limits live in
//! handles and queues: an actix mailbox gives no back-pressure.

mod account;
mod administration;
mod api_keys;
mod archivist;
mod asker;
mod attempts;
mod brakes;
mod clients;
mod closer;
mod core;
mod directory;
mod disk_room;
mod evidence;
mod fate;
mod genesis;
mod hasher;
mod held;
mod keeper;
mod keyring;
mod listed;
mod logins;
mod look_ups;
mod passwords;
mod series;
mod session;
mod sessions;
mod sweeper;
mod tokens;
mod vending;
mod vital;
mod watchdog;
mod writer;

pub use account::{AccountActor, LoginKind};
pub use administration::{
    Account, Administration, NewAccount, NewApiKey, NewClient, NewPassword, NotDone, PersonChange, WholeClient,
};
pub use api_keys::{ApiKeys, AuthenticatedKey};
pub use archivist::{archive, run as archive_as_sealed};
pub use asker::{Asker, Person, Used, cut, network};
pub use attempts::AttemptsTable;
pub use brakes::{Brakes, Cost, Reach};
pub use clients::{AuthenticatedClient, Clients};
pub use closer::{Closer, Closing, Scope};
pub use core::{Core, Names, Refused, Unavailable};
pub use directory::{DirectoryLimits, Resident, Residents};
pub use disk_room::DiskRoom;
pub use fate::Fate;
pub use genesis::{begin_again, begin_journal, end_sessions, pull_brake};
pub use hasher::{Hasher, HasherLimits, Job, Share};
pub use held::Held;
pub use keeper::KeeperHandle;
pub use keyring::{KeyMaintenance, Keyrings, Rotation};
pub use listed::Listed;
pub use logins::{LoginAsk, Logins, NoLogin, Voucher};
pub use passwords::{Passwords, Shown};
pub use series::begin as begin_series;
pub use session::{Bearer, SessionActor};
pub use sessions::{RefreshAsk, Sessions};
pub use sweeper::Sweeper;
pub use tokens::{Inspected, Issued, Tokens};
pub use vending::{NotVended, Vend, Vending};
pub use vital::Vital;
pub use watchdog::{Progress, Watching, watch};
pub use writer::{WriteError, Writer, WriterLimits};

use std::sync::Arc;

/// The handles that doors and commands use. Cheap to clone.
#[derive(Clone)]
pub struct Services {
    /// Redeem, revoke and introspect refresh tokens.
    pub sessions: Sessions,
    /// Log people in.
    pub logins: Logins,
    /// Authenticate clients, issue their own tokens.
    pub clients: Clients,
    /// Judge access tokens.
    pub tokens: Tokens,
    /// Rotate and distrust keys.
    pub keys: KeyMaintenance,
    /// What operators do.
    pub administration: Administration,
    /// Set other passwords for people.
    pub passwords: Passwords,
    /// Who shows an API key.
    pub api_keys: ApiKeys,
    /// Signs tokens with claims of an operator's choice.
    pub vending: Vending,
    /// What ends more than one session at once.
    pub brakes: Brakes,
    /// Records what one event has ended.
    pub closer: Closer,
    /// What they all work with.
    pub core: Arc<Core>,
}

//! The stored shape of `cmd`: what was asked, and what the decision used beyond the folded states.
//!
//! `do` names the command. A command whose shape changes gets a new word after `do`, and the old one is read for ever. What
//! the event beside it says anyway and is sealed or large (a password's hash, a secret's digest, a client's settings) is
//! not said twice: it stands in `data` only.

use super::attempt::{StoredLogin, StoredRefresh, into_login, into_refresh, of_login, of_refresh};
use super::text::{Spelled, Text, Words, other_than_default};
use super::told::{change, of_brakes, of_client, of_gate, revoke_network, same, set_password, set_secret};
use crate::domain::Event;
use crate::domain::brakes::BrakesCommand;
use crate::domain::client::{ClientCommand, IssueToken};
use crate::domain::command::Command;
use crate::domain::denial::Denial;
use crate::domain::evidence::{self, Door, EvidenceEvent, Past};
use crate::domain::gate::GateCommand;
use crate::domain::ids::{ClientId, Generation, Position, TokenId, Version};
use crate::domain::session::{Asked, Revoke, RevokeReason, Unrecorded};
use crate::domain::tally::Seen;
use crate::domain::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Stored {
    Login(Box<StoredLogin>),
    Refresh(Box<StoredRefresh>),
    Revoke {
        reason: Text<RevokeReason>,
        #[serde(skip_serializing_if = "Option::is_none")]
        client: Option<Text<ClientId>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        presented: Option<Generation>,
        session_version: Version,
        #[serde(default, skip_serializing_if = "StoredUnrecorded::says_nothing")]
        unrecorded: StoredUnrecorded,
    },
    Expire {},
    Show {
        presented: Generation,
        #[serde(default, skip_serializing_if = "StoredUnrecorded::says_nothing")]
        unrecorded: StoredUnrecorded,
    },
    Evidence(Box<StoredEvidence>),
    IssueToken {
        #[serde(skip_serializing_if = "Option::is_none")]
        scope: Option<BTreeSet<String>>,
        jti: Text<TokenId>,
        jitter: Text<Span>,
        wall: Text<Timestamp>,
        client_version: Version,
        #[serde(skip_serializing_if = "Option::is_none")]
        n: Option<u64>,
    },
    WrongDoor {
        #[serde(skip_serializing_if = "Option::is_none")]
        asked: Option<Text<Asked>>,
        presented: Generation,
        #[serde(default, skip_serializing_if = "StoredUnrecorded::says_nothing")]
        unrecorded: StoredUnrecorded,
    },
    RefuseClient {
        class: Text<Denial>,
        n: u64,
    },
    #[serde(rename = "gate.set_password")]
    GateSetPassword {
        gate_version: Version,
    },
    #[serde(rename = "gate.disable")]
    GateDisable {
        gate_version: Version,
    },
    #[serde(rename = "gate.enable")]
    GateEnable {
        gate_version: Version,
    },
    #[serde(rename = "gate.add_registration")]
    GateAddRegistration {
        client: Text<ClientId>,
        gate_version: Version,
    },
    #[serde(rename = "gate.withdraw_registration")]
    GateWithdrawRegistration {
        client: Text<ClientId>,
        gate_version: Version,
    },
    #[serde(rename = "gate.set_registrations")]
    GateSetRegistrations {
        clients: Words<ClientId>,
        gate_version: Version,
    },
    #[serde(rename = "gate.lift_registrations")]
    GateLiftRegistrations {
        gate_version: Version,
    },
    #[serde(rename = "gate.set_must_change")]
    GateSetMustChange {
        must_change: bool,
        gate_version: Version,
    },
    #[serde(rename = "gate.set_roles")]
    GateSetRoles {
        roles: BTreeSet<String>,
        gate_version: Version,
    },
    #[serde(rename = "gate.register")]
    GateRegister {
        client: Text<ClientId>,
        roles: BTreeSet<String>,
        gate_version: Version,
    },
    #[serde(rename = "gate.set_registration_roles")]
    GateSetRegistrationRoles {
        client: Text<ClientId>,
        roles: BTreeSet<String>,
        gate_version: Version,
    },
    #[serde(rename = "gate.revoke_sessions")]
    GateRevokeSessions {
        gate_version: Version,
    },
    #[serde(rename = "gate.erase")]
    GateErase {
        gate_version: Version,
    },
    #[serde(rename = "client.change")]
    ClientChange {},
    #[serde(rename = "client.set_secret")]
    ClientSetSecret {},
    #[serde(rename = "client.disable")]
    ClientDisable {},
    #[serde(rename = "client.enable")]
    ClientEnable {},
    #[serde(rename = "client.remove")]
    ClientRemove {},
    #[serde(rename = "client.revoke_sessions")]
    ClientRevokeSessions {},
    #[serde(rename = "brakes.revoke_all")]
    BrakesRevokeAll {
        brakes_version: Version,
    },
    #[serde(rename = "brakes.revoke_network")]
    BrakesRevokeNetwork {
        brakes_version: Version,
    },
    #[serde(rename = "brakes.refuse_logins")]
    BrakesRefuseLogins {
        brakes_version: Version,
    },
    #[serde(rename = "brakes.allow_logins")]
    BrakesAllowLogins {
        brakes_version: Version,
    },
    Server {},
}

/// What the session was stands in the event, but for what only the decision needs.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredEvidence {
    door: Text<Door>,
    presented: Generation,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<Text<ClientId>>,
    generation: Generation,
    started_at: Text<Timestamp>,
    last: Position,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    unrecorded: BTreeMap<String, u64>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredUnrecorded {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    refusals: BTreeMap<String, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retries: Option<Retries>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Retries {
    generation: Generation,
    n: u64,
}

impl StoredUnrecorded {
    pub(super) fn says_nothing(&self) -> bool {
        self.refusals.is_empty() && self.retries.is_none()
    }
}

impl From<&Unrecorded> for StoredUnrecorded {
    fn from(unrecorded: &Unrecorded) -> Self {
        let (generation, n) = unrecorded.retries;
        Self {
            refusals: of_seen(&unrecorded.refusals),
            retries: ((generation, n) != (0, 0)).then_some(Retries { generation, n }),
        }
    }
}

impl TryFrom<StoredUnrecorded> for Unrecorded {
    type Error = String;
    fn try_from(stored: StoredUnrecorded) -> Result<Self, String> {
        Ok(Self {
            refusals: into_seen(&stored.refusals)?,
            retries: stored.retries.map_or((0, 0), |retries| (retries.generation, retries.n)),
        })
    }
}

fn of_seen(seen: &Seen<Denial>) -> BTreeMap<String, u64> {
    seen.iter().map(|(class, n)| (class.code().to_owned(), *n)).collect()
}

fn into_seen(stored: &BTreeMap<String, u64>) -> Result<Seen<Denial>, String> {
    stored.iter().map(|(code, n)| Ok((Denial::read(code)?, *n))).collect()
}

impl Stored {
    /// What stands beside an event; refused where the event does not say what is left out here.
    pub(super) fn of(command: &Command, event: &Event) -> Result<Self, String> {
        Ok(match command {
            Command::Login { login, gate, client, brakes, n } => {
                Self::Login(Box::new(of_login(login, (*gate, *client, *brakes), *n)))
            }
            Command::Refresh { refresh, gate, client, brakes, unrecorded } => {
                Self::Refresh(Box::new(of_refresh(refresh, (*gate, *client, *brakes), unrecorded)))
            }
            Command::Revoke { revoke: Revoke { reason, client, presented }, session, unrecorded } => Self::Revoke {
                reason: Text(*reason),
                client: client.clone().map(Text),
                presented: *presented,
                session_version: *session,
                unrecorded: unrecorded.into(),
            },
            Command::Expire => Self::Expire {},
            Command::Show { presented, unrecorded } => {
                Self::Show { presented: *presented, unrecorded: unrecorded.into() }
            }
            Command::IssueToken { issue: IssueToken { scope, jti, jitter, wall }, client, n } => Self::IssueToken {
                scope: scope.clone(),
                jti: Text(*jti),
                jitter: Text(*jitter),
                wall: Text(*wall),
                client_version: *client,
                n: *n,
            },
            Command::WrongDoor { asked, presented, unrecorded } => Self::WrongDoor {
                asked: other_than_default(*asked),
                presented: *presented,
                unrecorded: unrecorded.into(),
            },
            Command::Evidence { ask, past, unrecorded } => {
                same(past_of(event, past.started_at, past.generation, past.last)?, past)?;
                Self::Evidence(Box::new(StoredEvidence {
                    door: Text(ask.door),
                    presented: ask.presented,
                    client: ask.client.clone().map(Text),
                    generation: past.generation,
                    started_at: Text(past.started_at),
                    last: past.last,
                    unrecorded: of_seen(unrecorded),
                }))
            }
            Command::RefuseClient { class, n } => Self::RefuseClient { class: Text(*class), n: *n },
            Command::Gate { command, gate } => of_gate(command, *gate, event)?,
            Command::Client(command) => of_client(command, event)?,
            Command::Brakes { command, brakes } => of_brakes(command, *brakes, event)?,
            Command::Server => Self::Server {},
        })
    }

    /// The command, with what is left out here taken from the event beside it.
    pub(super) fn into_command(self, event: &Event) -> Result<Command, String> {
        Ok(match self {
            Self::Login(stored) => into_login(*stored),
            Self::Refresh(stored) => into_refresh(*stored)?,
            Self::Revoke { reason, client, presented, session_version, unrecorded } => Command::Revoke {
                revoke: Revoke { reason: reason.0, client: client.map(|client| client.0), presented },
                session: session_version,
                unrecorded: unrecorded.try_into()?,
            },
            Self::Expire {} => Command::Expire,
            Self::Show { presented, unrecorded } => Command::Show { presented, unrecorded: unrecorded.try_into()? },
            Self::IssueToken { scope, jti, jitter, wall, client_version, n } => Command::IssueToken {
                issue: IssueToken { scope, jti: jti.0, jitter: jitter.0, wall: wall.0 },
                client: client_version,
                n,
            },
            Self::WrongDoor { asked, presented, unrecorded } => Command::WrongDoor {
                asked: asked.map_or_else(Asked::default, |asked| asked.0),
                presented,
                unrecorded: unrecorded.try_into()?,
            },
            Self::Evidence(stored) => Command::Evidence {
                past: past_of(event, stored.started_at.0, stored.generation, stored.last)?,
                unrecorded: into_seen(&stored.unrecorded)?,
                ask: evidence::Ask {
                    door: stored.door.0,
                    client: stored.client.map(|client| client.0),
                    presented: stored.presented,
                },
            },
            Self::RefuseClient { class, n } => Command::RefuseClient { class: class.0, n },
            Self::GateSetPassword { gate_version } => gate(set_password(event)?, gate_version),
            Self::GateDisable { gate_version } => gate(GateCommand::Disable, gate_version),
            Self::GateEnable { gate_version } => gate(GateCommand::Enable, gate_version),
            Self::GateAddRegistration { client, gate_version } => {
                gate(GateCommand::AddRegistration(client.0), gate_version)
            }
            Self::GateWithdrawRegistration { client, gate_version } => {
                gate(GateCommand::WithdrawRegistration(client.0), gate_version)
            }
            Self::GateSetRegistrations { clients, gate_version } => {
                gate(GateCommand::SetRegistrations(clients.0), gate_version)
            }
            Self::GateLiftRegistrations { gate_version } => gate(GateCommand::LiftRegistrations, gate_version),
            Self::GateSetMustChange { must_change, gate_version } => {
                gate(GateCommand::SetMustChange(must_change), gate_version)
            }
            Self::GateSetRoles { roles, gate_version } => gate(GateCommand::SetRoles(roles), gate_version),
            Self::GateRegister { client, roles, gate_version } => {
                gate(GateCommand::Register { client: client.0, roles }, gate_version)
            }
            Self::GateSetRegistrationRoles { client, roles, gate_version } => {
                gate(GateCommand::SetRegistrationRoles { client: client.0, roles }, gate_version)
            }
            Self::GateRevokeSessions { gate_version } => gate(GateCommand::RevokeSessions, gate_version),
            Self::GateErase { gate_version } => gate(GateCommand::Erase, gate_version),
            Self::ClientChange {} => Command::Client(change(event)?),
            Self::ClientSetSecret {} => Command::Client(set_secret(event)?),
            Self::ClientDisable {} => Command::Client(ClientCommand::Disable),
            Self::ClientEnable {} => Command::Client(ClientCommand::Enable),
            Self::ClientRemove {} => Command::Client(ClientCommand::Remove),
            Self::ClientRevokeSessions {} => Command::Client(ClientCommand::RevokeSessions),
            Self::BrakesRevokeAll { brakes_version } => brakes(BrakesCommand::RevokeAll, brakes_version),
            Self::BrakesRevokeNetwork { brakes_version } => brakes(revoke_network(event)?, brakes_version),
            Self::BrakesRefuseLogins { brakes_version } => brakes(BrakesCommand::RefuseLogins, brakes_version),
            Self::BrakesAllowLogins { brakes_version } => brakes(BrakesCommand::AllowLogins, brakes_version),
            Self::Server {} => Command::Server,
        })
    }
}

fn gate(command: GateCommand, gate: Version) -> Command {
    Command::Gate { command, gate }
}

fn brakes(command: BrakesCommand, brakes: Version) -> Command {
    Command::Brakes { command, brakes }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
pub(super) fn is_zero(version: &Version) -> bool {
    *version == 0
}

/// What an archived session was: what the event tells, and the rest.
fn past_of(event: &Event, started_at: Timestamp, generation: Generation, last: Position) -> Result<Past, String> {
    let told = match event {
        Event::Evidence(event) => EvidenceEvent::told(event).clone(),
        _ => return Err("evidence stands beside evidence only".to_owned()),
    };
    let (account, client, ended) = (told.account, told.client, told.ended);
    let (ended_at, redeemed_at) = (told.ended_at, told.redeemed_at);
    Ok(Past { account, client, started_at, generation, ended, ended_at, redeemed_at, last })
}
